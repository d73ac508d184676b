//! Types between a front and the matching engine: orders, requests, refusals, events.
//!
//! A line belongs here if both sides need the type. Matching is `engine`, texts are the fronts.
//! Prices and quantities are mantissas with the instrument's decimals. An [`Amount`] counts 10^-16
//! of an asset ([`AMOUNT_DECIMALS`]), so that price times quantity is exact. Times are nanoseconds
//! since the Unix epoch.

use std::sync::Arc;

/// Decimals of every [`Amount`].
pub const AMOUNT_DECIMALS: u32 = 16;

/// An amount of an asset in units of 10^-16.
pub type Amount = i128;

/// An account of the exchange: its index in the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AccountId(pub u32);

/// An instrument: its index in the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct InstrumentId(pub u16);

/// An asset: its index in [`Exchange::assets`](super::engine::Exchange::assets).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AssetId(pub u16);

/// Side of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Side {
    /// Receives base, pays quote.
    Buy,
    /// Receives quote, pays base.
    Sell,
}

impl Side {
    /// The opposite side.
    #[must_use]
    pub fn opposite(self) -> Self {
        match self {
            Self::Buy => Self::Sell,
            Self::Sell => Self::Buy,
        }
    }
}

/// How an order is priced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderKind {
    /// Trades at its price or better.
    Limit,
    /// Trades at any price in the book; the remainder expires.
    Market,
}

/// How long an order lives. A market order is always [`Tif::Ioc`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tif {
    /// Good till canceled.
    Gtc,
    /// Immediate or cancel: the quantity that does not fill at once expires.
    Ioc,
    /// Fill or kill: the order fills whole at once, or expires.
    Fok,
}

/// Self-trade prevention: what happens when an order would trade with its own account. The taker's
/// setting decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stp {
    /// The orders trade.
    Allow,
    /// The remainder of the incoming order ends.
    ExpireTaker,
    /// The resting order ends.
    ExpireMaker,
    /// Both orders end.
    ExpireBoth,
}

/// Status of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderStatus {
    /// Open, nothing filled.
    New,
    /// Open, filled in part.
    PartiallyFilled,
    /// Filled whole; final.
    Filled,
    /// Ended by a cancel; final.
    Canceled,
    /// Ended by its own terms (IOC, FOK, market remainder, expiry time); final.
    Expired,
    /// Ended by self-trade prevention; final.
    ExpiredInMatch,
}

impl OrderStatus {
    /// Whether the order can still trade.
    pub fn is_open(self) -> bool {
        matches!(self, Self::New | Self::PartiallyFilled)
    }
}

/// Size of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderSize {
    /// A quantity of the base asset.
    Base(i64),
    /// An amount of the quote asset to spend or to receive (market orders only).
    Quote(Amount),
}

/// A request for an order.
#[derive(Clone, Debug)]
pub struct NewOrder {
    /// Owner.
    pub account: AccountId,
    /// Instrument.
    pub instrument: InstrumentId,
    /// The client's id, unique among the account's open orders; empty means none.
    pub client_id: Arc<str>,
    /// Side.
    pub side: Side,
    /// Limit or market.
    pub kind: OrderKind,
    /// Time in force; ignored for market orders.
    pub tif: Tif,
    /// Whether the order is refused (or canceled, see `PostOnlyCross`) if it would take.
    pub post_only: bool,
    /// Limit price; 0 for market orders.
    pub price: i64,
    /// Size.
    pub size: OrderSize,
    /// Self-trade prevention.
    pub stp: Stp,
    /// A mark of the front, such as the session, that every report returns.
    pub tag: u64,
}

/// An order as the engine keeps it.
#[derive(Clone, Debug)]
pub struct Order {
    /// Exchange order id, increasing from the configured first.
    pub id: u64,
    /// Owner.
    pub account: AccountId,
    /// Instrument.
    pub instrument: InstrumentId,
    /// Client's id; empty means none.
    pub client_id: Arc<str>,
    /// Side.
    pub side: Side,
    /// Limit or market.
    pub kind: OrderKind,
    /// Time in force.
    pub tif: Tif,
    /// Post-only.
    pub post_only: bool,
    /// Limit price; 0 for market orders.
    pub price: i64,
    /// Ordered quantity; for a quote-sized market order the filled quantity.
    pub quantity: i64,
    /// Ordered quote amount of a quote-sized market order; `None` for any other order.
    pub quote_ordered: Option<Amount>,
    /// Quantity filled.
    pub filled: i64,
    /// Quote amount filled.
    pub filled_quote: Amount,
    /// Sum of the fees paid. All fills of one order have the same fee asset.
    pub fees: Amount,
    /// Status.
    pub status: OrderStatus,
    /// Why the order ended, if it ended without being filled.
    pub end: Option<EndReason>,
    /// Self-trade prevention.
    pub stp: Stp,
    /// How often the order was amended.
    pub amends: u32,
    /// Time of acceptance.
    pub created_ns: u64,
    /// Time of the last change.
    pub updated_ns: u64,
    /// Time since which the order can rest on the book; `None` for an order that never rests.
    pub working_since_ns: Option<u64>,
    /// Funds held for the order: quote for a buy, base for a sell.
    pub locked: Amount,
    /// Priority within the price level: lower trades earlier.
    pub priority: u64,
    /// A mark of the front.
    pub tag: u64,
}

impl Order {
    /// Quantity still to fill; 0 once the order ended.
    pub fn leaves(&self) -> i64 {
        if self.status.is_open() { self.quantity - self.filled } else { 0 }
    }
}

/// Why an order ended without being filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndReason {
    /// The owner canceled.
    User,
    /// Remainder of an IOC order.
    Ioc,
    /// A FOK order could not fill whole.
    Fok,
    /// The book could not fill a market order whole.
    NoLiquidity,
    /// Self-trade prevention.
    SelfTrade,
    /// A post-only order would have taken, at a venue that cancels it.
    PostOnly,
    /// An amend to at most the filled quantity, at a venue that cancels the rest.
    Amend,
    /// The front's timer: the expiry time came.
    Time,
    /// The front: the session ended, or its dead-man timer fired.
    Disconnect,
    /// The venue canceled.
    Venue,
}

/// How the owner refers to an order.
#[derive(Clone, Copy, Debug)]
pub enum OrderRef<'a> {
    /// The exchange's id.
    Id(u64),
    /// The client's id; the newest order of that id is meant.
    Client(&'a str),
    /// Both ids, which must name the same order.
    Both(u64, &'a str),
}

/// Which orders a cancel may hit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CancelOnly {
    /// Any open order.
    Any,
    /// Only an order with nothing filled.
    New,
    /// Only a partially filled order.
    PartiallyFilled,
}

/// A request to change an open order.
#[derive(Clone, Debug, Default)]
pub struct Amend {
    /// New total quantity.
    pub quantity: Option<i64>,
    /// New price, at venues whose amends may change the price.
    pub price: Option<i64>,
    /// New client id; `None` keeps the old one.
    pub client_id: Option<Arc<str>>,
}

/// Why the engine refused a request. A refused request changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The instrument does not trade now.
    #[error("market is closed")]
    MarketClosed,
    /// Only cancels are accepted now.
    #[error("cancel only")]
    CancelOnly,
    /// Only post-only orders are accepted now.
    #[error("post only")]
    PostOnlyMode,
    /// The price is off the tick or out of bounds.
    #[error("price filter")]
    PriceFilter,
    /// The price is too far from the reference price.
    #[error("price band")]
    PriceBand,
    /// The quantity is off the lot or out of bounds.
    #[error("lot size")]
    LotSize,
    /// The quantity of a market order is out of bounds.
    #[error("market lot size")]
    MarketLotSize,
    /// Price times quantity is too small.
    #[error("minimum notional")]
    MinNotional,
    /// The account has too many open orders on the instrument.
    #[error("too many open orders")]
    MaxOpenOrders,
    /// The book or the exchange is full ([`super::engine::OPEN_ORDERS_MAX`]).
    #[error("exchange full")]
    Full,
    /// The account has too little free funds.
    #[error("insufficient balance")]
    InsufficientBalance,
    /// The client id names an open order.
    #[error("duplicate client id")]
    DuplicateClientId,
    /// A post-only order would take.
    #[error("would match immediately")]
    WouldMatch,
    /// The account has no such open order.
    #[error("unknown order")]
    UnknownOrder,
    /// [`CancelOnly`] excludes the order's state.
    #[error("cancel restricted")]
    CancelRestricted,
    /// An amend would increase the quantity at a venue that only allows less.
    #[error("amend would increase")]
    AmendIncrease,
    /// An amend would change nothing.
    #[error("amend changes nothing")]
    AmendNoChange,
    /// An amend to at most the filled quantity.
    #[error("amend below filled quantity")]
    AmendBelowFilled,
}

/// One side of one trade.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fill {
    /// Trade id, increasing from the configured first, per exchange.
    pub trade_id: u64,
    /// Id of the order.
    pub order_id: u64,
    /// Instrument.
    pub instrument: InstrumentId,
    /// Side of the order.
    pub side: Side,
    /// Price.
    pub price: i64,
    /// Quantity.
    pub quantity: i64,
    /// Quote amount.
    pub quote: Amount,
    /// Whether this order was resting.
    pub maker: bool,
    /// Fee paid.
    pub fee: Amount,
    /// Asset of the fee.
    pub fee_asset: AssetId,
    /// Time of the event.
    pub time_ns: u64,
    /// Execution id of the report.
    pub exec_id: u64,
}

/// Free and locked amount of one asset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Balance {
    /// Amount that can be spent.
    pub free: Amount,
    /// Amount held for open orders.
    pub locked: Amount,
}

/// What happened to an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReportKind {
    /// The order was accepted; comes before any fill.
    Accepted,
    /// The order traded.
    Trade(Fill),
    /// The order was canceled, for the reason in [`Order::end`].
    Canceled,
    /// The order expired, for the reason in [`Order::end`].
    Expired,
    /// The owner changed the order.
    Amended {
        /// Quantity before the change.
        old_quantity: i64,
        /// Price before the change.
        old_price: i64,
    },
}

/// One entry of an account's event log.
#[derive(Clone, Debug)]
pub struct Report {
    /// Execution id, increasing per exchange; one account sees gaps.
    pub exec_id: u64,
    /// Time of the event.
    pub time_ns: u64,
    /// What happened.
    pub kind: ReportKind,
    /// The order after the event.
    pub order: Order,
    /// Client id of the cancel or amend request, at venues that have such ids.
    pub request_id: Option<Arc<str>>,
    /// The client id before an amend that changed it.
    pub old_client_id: Option<Arc<str>>,
    /// Base balance after the event.
    pub base: Balance,
    /// Quote balance after the event.
    pub quote: Balance,
}

/// One public trade.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublicTrade {
    /// Trade id, over all instruments.
    pub id: u64,
    /// Number of the trade within its instrument, without gaps.
    pub number: u64,
    /// Instrument.
    pub instrument: InstrumentId,
    /// Price.
    pub price: i64,
    /// Quantity.
    pub quantity: i64,
    /// Side of the taker.
    pub taker_side: Side,
    /// Time of the event.
    pub time_ns: u64,
    /// Id of the taker's order. Trades of one order at one price make one aggregate trade.
    pub taker_order: u64,
    /// Whether the taker's order was a market order.
    pub taker_market: bool,
}

/// One price level after a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LevelChange {
    /// Instrument.
    pub instrument: InstrumentId,
    /// Side of the book.
    pub side: Side,
    /// Price.
    pub price: i64,
    /// Total quantity now; 0 means the level is gone.
    pub quantity: i64,
    /// Number of the instrument's level changes, from 1 without gaps.
    pub update_id: u64,
    /// Time of the event.
    pub time_ns: u64,
}

/// An event of the engine, in the order in which the events happened.
#[derive(Clone, Debug)]
pub enum Event {
    /// Private: an order's change, for its owner. Background accounts get no reports.
    Report(Box<Report>),
    /// Private: a deposit, or a withdrawal with a negative amount.
    Deposit {
        /// Account.
        account: AccountId,
        /// Asset.
        asset: AssetId,
        /// Signed change.
        amount: Amount,
        /// Time of the event.
        time_ns: u64,
    },
    /// Public: a level changed.
    Level(LevelChange),
    /// Public: a trade.
    Trade(PublicTrade),
}
