//! The words between a front and the matching engine: orders, requests, refusals, events.
//!
//! A line belongs here if both sides need the type. Matching is `engine`, texts are the fronts'.
//! Prices and quantities are mantissas in the instrument's decimals; an [`Amount`] counts 10^-16 of
//! an asset ([`AMOUNT_DECIMALS`]), so that price times quantity is exact. Times are Unix ns.

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
    /// The side it trades with.
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
    /// At its price or better.
    Limit,
    /// At whatever the book offers; what it does not offer expires.
    Market,
}

/// How long an order lives. A market order is always [`Tif::Ioc`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tif {
    /// Until it is canceled.
    Gtc,
    /// What does not fill at once expires.
    Ioc,
    /// All at once or nothing.
    Fok,
}

/// What happens when an order would trade with its own account; the taker's choice decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stp {
    /// It trades.
    Allow,
    /// The incoming order's remainder ends (Kraken: cancel newest).
    ExpireTaker,
    /// The resting order ends (Kraken: cancel oldest).
    ExpireMaker,
    /// Both end.
    ExpireBoth,
}

/// Where an order stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderStatus {
    /// Accepted, nothing filled.
    New,
    /// Filled in part, still live.
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

/// How a market order is sized.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderSize {
    /// This much base.
    Base(i64),
    /// As much base as this much quote buys or must be sold for (market orders only).
    Quote(Amount),
}

/// A request for an order.
#[derive(Clone, Debug)]
pub struct NewOrder {
    /// Owner.
    pub account: AccountId,
    /// What to trade.
    pub instrument: InstrumentId,
    /// The client's id, unique among the account's open orders; empty means none.
    pub client_id: Arc<str>,
    /// Side.
    pub side: Side,
    /// Limit or market.
    pub kind: OrderKind,
    /// Time in force; ignored for market orders.
    pub tif: Tif,
    /// Refuse (or cancel, see `PostOnlyCross`) rather than take.
    pub post_only: bool,
    /// Limit price; 0 for market orders.
    pub price: i64,
    /// Quantity.
    pub size: OrderSize,
    /// Self-trade prevention.
    pub stp: Stp,
    /// The front's own mark, returned in every report (for example the session it came from).
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
    /// Ordered quantity; for quote-sized market orders what was filled.
    pub quantity: i64,
    /// Ordered quote amount of a quote-sized market order.
    pub quote_ordered: Option<Amount>,
    /// Quantity filled.
    pub filled: i64,
    /// Quote amount filled.
    pub filled_quote: Amount,
    /// Sum of the fees paid, in each fill's own fee asset (one asset per order).
    pub fees: Amount,
    /// Status.
    pub status: OrderStatus,
    /// Why it ended, once it did by other means than a fill.
    pub end: Option<EndReason>,
    /// Self-trade prevention.
    pub stp: Stp,
    /// When it was accepted.
    pub created_ns: u64,
    /// When it last changed.
    pub updated_ns: u64,
    /// Since when it was on the book or could be; `None` for orders that never rest.
    pub working_since_ns: Option<u64>,
    /// Funds held for it: quote for a buy, base for a sell.
    pub locked: Amount,
    /// Place in its price level: lower is earlier.
    pub priority: u64,
    /// The front's own mark.
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
    /// Its owner asked.
    User,
    /// Rest of an IOC.
    Ioc,
    /// FOK that could not fill whole.
    Fok,
    /// Market order beyond what the book held.
    NoLiquidity,
    /// Self-trade prevention.
    SelfTrade,
    /// Post-only order that would have taken, where the venue cancels those.
    PostOnly,
    /// An amend to no more than what was filled, where the venue cancels the rest.
    Amend,
    /// Its expiry time came (the front's timer).
    Time,
    /// Its session or dead-man timer (the front).
    Disconnect,
    /// The venue.
    Venue,
}

/// How an order is named by its owner.
#[derive(Clone, Copy, Debug)]
pub enum OrderRef<'a> {
    /// By the exchange's id.
    Id(u64),
    /// By the client's id (the newest order of that id).
    Client(&'a str),
    /// Both given: both must name the same order.
    Both(u64, &'a str),
}

/// Which orders a cancel may hit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CancelOnly {
    /// Any open order.
    Any,
    /// Only if nothing was filled.
    New,
    /// Only if something was filled.
    PartiallyFilled,
}

/// A request to change an open order.
#[derive(Clone, Debug, Default)]
pub struct Amend {
    /// New total quantity.
    pub quantity: Option<i64>,
    /// New price (venues whose amends may reprice).
    pub price: Option<i64>,
    /// New client id (Binance); `None` keeps the old one.
    pub client_id: Option<Arc<str>>,
}

/// Why the engine refused. A refused request changed nothing.
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
    /// Price off tick or out of bounds.
    #[error("price filter")]
    PriceFilter,
    /// Price too far from the reference price.
    #[error("price band")]
    PriceBand,
    /// Quantity off lot or out of bounds.
    #[error("lot size")]
    LotSize,
    /// Market order quantity out of bounds.
    #[error("market lot size")]
    MarketLotSize,
    /// Price times quantity too small.
    #[error("minimum notional")]
    MinNotional,
    /// Too many open orders on the instrument.
    #[error("too many open orders")]
    MaxOpenOrders,
    /// The book or the exchange is full ([`super::engine::OPEN_ORDERS_MAX`]).
    #[error("exchange full")]
    Full,
    /// Not enough free funds.
    #[error("insufficient balance")]
    InsufficientBalance,
    /// The client id names an open order.
    #[error("duplicate client id")]
    DuplicateClientId,
    /// A post-only order would take.
    #[error("would match immediately")]
    WouldMatch,
    /// No such open order of this account.
    #[error("unknown order")]
    UnknownOrder,
    /// The order's state is excluded by [`CancelOnly`].
    #[error("cancel restricted")]
    CancelRestricted,
    /// An amend up where only down is allowed.
    #[error("amend would increase")]
    AmendIncrease,
    /// An amend to what is already so.
    #[error("amend changes nothing")]
    AmendNoChange,
    /// An amend to no more than what is filled.
    #[error("amend below filled quantity")]
    AmendBelowFilled,
}

/// One side's part in one trade.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fill {
    /// Trade id, increasing from the configured first, per exchange.
    pub trade_id: u64,
    /// The order.
    pub order_id: u64,
    /// Instrument.
    pub instrument: InstrumentId,
    /// This side.
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
    /// In this asset.
    pub fee_asset: AssetId,
    /// When.
    pub time_ns: u64,
    /// Execution id of the report.
    pub exec_id: u64,
}

/// Free and locked amount of one asset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Balance {
    /// Can be spent.
    pub free: Amount,
    /// Held by open orders.
    pub locked: Amount,
}

/// What happened to an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReportKind {
    /// Accepted; comes before any fill.
    Accepted,
    /// Traded.
    Trade(Fill),
    /// Canceled ([`Order::end`] says why).
    Canceled,
    /// Expired ([`Order::end`] says why).
    Expired,
    /// Changed by its owner.
    Amended {
        /// Quantity before.
        old_quantity: i64,
        /// Price before.
        old_price: i64,
    },
}

/// One entry of an account's event log.
#[derive(Clone, Debug)]
pub struct Report {
    /// Execution id, increasing per exchange (not gap free per account).
    pub exec_id: u64,
    /// When.
    pub time_ns: u64,
    /// What.
    pub kind: ReportKind,
    /// The order just after it.
    pub order: Order,
    /// Client id of the cancel or amend request, where the venue has one.
    pub request_id: Option<Arc<str>>,
    /// The client id before an amend that changed it.
    pub old_client_id: Option<Arc<str>>,
    /// Base and quote balance just after.
    pub base: Balance,
    /// See `base`.
    pub quote: Balance,
}

/// One public trade.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublicTrade {
    /// Trade id.
    pub id: u64,
    /// Instrument.
    pub instrument: InstrumentId,
    /// Price.
    pub price: i64,
    /// Quantity.
    pub quantity: i64,
    /// Who took.
    pub taker_side: Side,
    /// When.
    pub time_ns: u64,
    /// The taker's order (trades of one order at one price make one aggregate trade).
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
    /// Counts this instrument's level changes by one, from 1.
    pub update_id: u64,
    /// When.
    pub time_ns: u64,
}

/// Everything the engine tells, in the order in which it happened.
#[derive(Clone, Debug)]
pub enum Event {
    /// For the owner of an account (not for market makers of the simulator itself).
    Report(Box<Report>),
    /// A balance changed by deposit (or withdrawal, negative).
    Deposit {
        /// Account.
        account: AccountId,
        /// Asset.
        asset: AssetId,
        /// Signed change.
        amount: Amount,
        /// When.
        time_ns: u64,
    },
    /// Public: a level changed.
    Level(LevelChange),
    /// Public: a trade.
    Trade(PublicTrade),
}
