//! Everything that can change the core. What is not listed here cannot happen.
//!
//! A line belongs here if it describes an input. How it is written to bytes is `wire`; what it
//! does is `engine`.

use crate::id::{
    AccountId, AssetId, ChildId, ExecId, InstrumentId, Name, SessionId, Symbol, VenueId,
    VenueOrderId,
};
use crate::number::{Amount, FeePpm, Price, Qty, UnixNanos};

mod operator;
mod refusal;
mod request;

pub use operator::{AccountLimits, By, NodeCommand, Operator, OperatorCommand, Reason, Scope};
pub use refusal::Refusal;
pub use request::{
    CancelOnDisconnect, CancelOrder, CharSet, Instructions, MassCancel, MassScope, MassStatus,
    NewOrder, OrderStatus, ReplaceOrder, SessionCommand, Unacceptable,
};

/// Level changes that one [`BookUpdate`] carries at most; longer changes take several.
pub const LEVELS_PER_UPDATE: usize = 8;

/// What the journal says of an input beside its content.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// Journal sequence, rising.
    pub seq: u64,
    /// When it was journaled; never goes back.
    pub time: UnixNanos,
}

/// Buy or sell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Side {
    /// FIX 54=1.
    #[default]
    Buy = 1,
    /// FIX 54=2.
    Sell = 2,
}

impl Side {
    /// The other side.
    #[must_use]
    #[inline]
    pub const fn opposite(self) -> Self {
        match self {
            Self::Buy => Self::Sell,
            Self::Sell => Self::Buy,
        }
    }
}

/// Order type.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum OrdType {
    /// FIX 40=1.
    Market = 1,
    /// FIX 40=2.
    #[default]
    Limit = 2,
}

/// How long an order lives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum TimeInForce {
    /// FIX 59=0: until the next day roll.
    #[default]
    Day = 0,
    /// FIX 59=1: until cancelled.
    Gtc = 1,
    /// FIX 59=3: what does not fill at once is cancelled.
    Ioc = 3,
    /// FIX 59=4: all at once or nothing.
    Fok = 4,
    /// FIX 59=6: until a given time.
    Gtd = 6,
}

impl TimeInForce {
    /// What does not fill at once waits.
    #[inline]
    pub const fn waits(self) -> bool {
        match self {
            Self::Day | Self::Gtc | Self::Gtd => true,
            Self::Ioc | Self::Fok => false,
        }
    }
}

/// The first record of every journal: what must be equal for a replay to be equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Genesis {
    /// Tells this journal's ids at the venues from those of every other journal.
    pub node_tag: u32,
    /// Base-2 logarithm of the number of client orders held.
    pub orders_log2: u8,
    /// Base-2 logarithm of the number of children held.
    pub children_log2: u8,
    /// Base-2 logarithm of the number of execution ids remembered.
    pub executions_log2: u8,
    /// Seconds after midnight UTC at which day orders expire.
    pub day_roll_s: u32,
    /// Seed of the hash tables, so that nobody can aim at their collisions.
    pub hash_seed: u64,
}

/// An asset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AssetDef {
    /// Dense id.
    pub id: AssetId,
    /// Such as `BTC`.
    pub name: Name,
}

/// An instrument over all venues.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InstrumentDef {
    /// Dense id.
    pub id: InstrumentId,
    /// Such as `BTC/USDT`.
    pub symbol: Symbol,
    /// What is bought.
    pub base: AssetId,
    /// What it is paid with.
    pub quote: AssetId,
    /// Decimals of [`Price`]; with `qty_decimals` at most 18.
    pub price_decimals: u8,
    /// Decimals of [`Qty`].
    pub qty_decimals: u8,
    /// Largest single order.
    pub order_qty_max: Qty,
}

/// A venue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VenueDef {
    /// Dense id.
    pub id: VenueId,
    /// Such as `binance`.
    pub name: Name,
    /// A book whose feed has been silent for longer is stale.
    pub stale_after_ns: u64,
    /// New orders that may be sent per [`VenueDef::rate_window_ns`].
    pub rate_orders: u32,
    /// Length of the rate window.
    pub rate_window_ns: u64,
    /// New orders that it may leave unanswered; then it is busy and gets no more.
    pub unanswered_max: u32,
    /// The venue takes fill-or-kill orders.
    pub fok: bool,
}

/// An instrument's terms at one venue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListingDef {
    /// Which instrument.
    pub instrument: InstrumentId,
    /// Where.
    pub venue: VenueId,
    /// False: not routed to.
    pub enabled: bool,
    /// Price step.
    pub tick: Price,
    /// Quantity step.
    pub lot: Qty,
    /// Smallest order.
    pub qty_min: Qty,
    /// Largest order.
    pub qty_max: Qty,
    /// Smallest order value, in the quote asset.
    pub notional_min: Amount,
    /// Fee when our order was in the book.
    pub maker_fee: FeePpm,
    /// Fee when our order took from the book.
    pub taker_fee: FeePpm,
}

/// A trading account and its limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccountDef {
    /// Dense id.
    pub id: AccountId,
    /// FIX `Account` (1).
    pub name: Name,
    /// Largest order value, in the quote asset.
    pub notional_max: Amount,
    /// A limit price may be worse than the best trusted price by at most this, parts per million;
    /// a market order is swept no further than this from it.
    pub collar_ppm: u32,
    /// How far through the worst level it is meant for a child's limit goes, within the order's.
    pub slack_ppm: u32,
    /// Orders and cancels taken per second.
    pub rate_per_s: u32,
    /// Orders that may be open at once.
    pub open_orders_max: u32,
}

/// A client session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionDef {
    /// Dense id.
    pub id: SessionId,
    /// The client's `CompID`.
    pub name: Name,
    /// The account it trades for; `None` if it only listens (a drop copy).
    pub account: Option<AccountId>,
}

/// Whether our order took or made liquidity (FIX 851).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Liquidity {
    /// Our order was in the book.
    Maker = 1,
    /// Our order took from the book.
    #[default]
    Taker = 2,
}

/// Why a venue is no longer usable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum VenueDownReason {
    /// The connection is gone.
    LinkLost = 1,
    /// It was connected but does not answer.
    NoAnswer = 2,
    /// It refused our logon.
    LogonRefused = 3,
    /// It says that it is not open (maintenance, cancel-only).
    Closed = 4,
    /// It sent what its protocol forbids.
    Protocol = 5,
    /// The node has just started.
    NodeStarted = 6,
}

/// Why a venue refused a child or a cancel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum VenueReject {
    /// The sender could not write it: it certainly never left.
    NotSent = 1,
    /// Not enough of the asset there.
    InsufficientFunds = 2,
    /// Price, quantity or value outside the venue's filters.
    Filter = 3,
    /// Too many orders.
    RateLimit = 4,
    /// The id is already used there.
    DuplicateId = 5,
    /// It does not know the order (or no longer).
    UnknownOrder = 6,
    /// The market there is closed.
    MarketClosed = 7,
    /// The message was late there.
    Late = 8,
    /// Anything else; the adapter's log has the text.
    Other = 9,
}

/// What a venue answered when asked about a child by id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Fate {
    /// It is in the book there.
    Open = 1,
    /// It was there and is over: cancelled, or filled.
    Closed = 2,
    /// It was there and expired (IOC remainder, GTD).
    Expired = 3,
    /// It never arrived, and can no longer arrive.
    NeverArrived = 4,
    /// It was refused there.
    Rejected = 5,
}

/// Why a child's fate is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Doubt {
    /// No answer within the named time.
    NoAnswer = 1,
    /// The venue itself says that the outcome is unknown.
    VenueUnsure = 2,
}

/// An execution of a child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChildFill {
    /// Where.
    pub venue: VenueId,
    /// Which child.
    pub child: ChildId,
    /// What.
    pub instrument: InstrumentId,
    /// Our side.
    pub side: Side,
    /// The venue's id of the execution.
    pub exec: ExecId,
    /// How much.
    pub qty: Qty,
    /// At what price.
    pub price: Price,
    /// What was paid for it; negative is a rebate.
    pub fee: Amount,
    /// In which asset.
    pub fee_asset: AssetId,
    /// Maker or taker.
    pub liquidity: Liquidity,
}

/// One level of a book.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Level {
    /// Price.
    pub price: Price,
    /// All that rests there; zero removes the level.
    pub qty: Qty,
}

/// Changed levels of one book, absolute. The feed has proved the sequence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BookUpdate {
    /// Where.
    pub venue: VenueId,
    /// What.
    pub instrument: InstrumentId,
    /// Forget all levels first: a snapshot begins, and the book is trusted from its end on.
    pub clear: bool,
    /// The change is complete; until then the book is not used.
    pub last: bool,
    /// Bit i set: level i is an ask.
    pub asks: u8,
    /// Levels used.
    pub len: u8,
    /// The levels.
    pub levels: [Level; LEVELS_PER_UPDATE],
}

impl BookUpdate {
    /// The changes: side of the book (`Sell` is an ask) and level.
    pub fn changes(&self) -> impl Iterator<Item = (Side, Level)> + '_ {
        let used = usize::from(self.len).min(LEVELS_PER_UPDATE);
        self.levels[..used].iter().enumerate().map(|(i, level)| {
            let side = if self.asks >> i & 1 == 1 { Side::Sell } else { Side::Buy };
            (side, *level)
        })
    }

    /// Adds a change; false when there is no room.
    pub fn push(&mut self, side: Side, level: Level) -> bool {
        let at = usize::from(self.len);
        if at >= LEVELS_PER_UPDATE {
            return false;
        }
        self.levels[at] = level;
        if side == Side::Sell {
            self.asks |= 1 << at;
        }
        self.len += 1;
        true
    }
}

/// Why a book is not trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Distrust {
    /// Nothing has come yet.
    NoSnapshot = 1,
    /// A sequence number is missing.
    Gap = 2,
    /// The checksum differs.
    Checksum = 3,
    /// The feed is disconnected.
    Disconnected = 4,
    /// The feed sent what its protocol forbids.
    Protocol = 5,
}

/// The closed set of inputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::large_enum_variant, reason = "a ring slot holds the largest anyway")]
pub enum Input {
    /// First record of a journal.
    Genesis(Genesis),
    /// The node was started: nothing that was on its way is certain any more.
    NodeStarted,
    /// Time has passed; only when the core's timer was due.
    Tick,
    /// Reference data.
    Asset(AssetDef),
    /// Reference data.
    Instrument(InstrumentDef),
    /// Reference data.
    Venue(VenueDef),
    /// Reference data.
    Listing(ListingDef),
    /// Reference data.
    Account(AccountDef),
    /// Reference data.
    Session(SessionDef),
    /// From a client.
    NewOrder(NewOrder),
    /// From a client.
    Unacceptable(Unacceptable),
    /// From a client.
    Cancel(CancelOrder),
    /// From a client.
    Status(OrderStatus),
    /// From a client.
    Replace(ReplaceOrder),
    /// From a client.
    MassCancel(MassCancel),
    /// From a client.
    MassStatus(MassStatus),
    /// From an operator.
    Operator(Operator),
    /// The client has logged on, and chosen what becomes of its orders when it is gone.
    SessionUp(SessionId, CancelOnDisconnect),
    /// The client is gone.
    SessionDown(SessionId),
    /// Logged on, open orders and fills reconciled, funds told.
    VenueUp(VenueId),
    /// Not usable: route nothing there; what is open there is unknown.
    VenueDown(VenueId, VenueDownReason),
    /// The child is accepted.
    ChildAccepted {
        /// Where.
        venue: VenueId,
        /// Which.
        child: ChildId,
        /// The venue's id.
        venue_order: VenueOrderId,
    },
    /// The child is refused.
    ChildRejected {
        /// Where.
        venue: VenueId,
        /// Which.
        child: ChildId,
        /// Why.
        reason: VenueReject,
    },
    /// The child has traded.
    ChildFill(ChildFill),
    /// The child is over; `filled` in all, as the venue counts.
    ChildDone {
        /// Where.
        venue: VenueId,
        /// Which.
        child: ChildId,
        /// Expired rather than cancelled.
        expired: bool,
        /// Filled in all.
        filled: Qty,
    },
    /// The cancel of the child is refused.
    CancelRejected {
        /// Where.
        venue: VenueId,
        /// Which.
        child: ChildId,
        /// Why.
        reason: VenueReject,
    },
    /// The child's fate is in doubt.
    ChildInDoubt {
        /// Where.
        venue: VenueId,
        /// Which.
        child: ChildId,
        /// Why.
        doubt: Doubt,
    },
    /// What the venue says of the child, asked by id.
    ChildFate {
        /// Where.
        venue: VenueId,
        /// Which.
        child: ChildId,
        /// What became of it.
        fate: Fate,
        /// Filled in all, as the venue counts.
        filled: Qty,
    },
    /// What the venue holds for us in all (free and locked).
    Balance {
        /// Where.
        venue: VenueId,
        /// Of what.
        asset: AssetId,
        /// How much.
        total: Amount,
    },
    /// A book has changed.
    Book(BookUpdate),
    /// A book is not to be trusted until its next snapshot.
    BookDistrusted {
        /// Where.
        venue: VenueId,
        /// What.
        instrument: InstrumentId,
        /// Why.
        reason: Distrust,
    },
    /// The venue's feed lives, though nothing changed.
    FeedAlive(VenueId),
}
