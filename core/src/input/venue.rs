//! News from venues about links and children.
//!
//! A line belongs here if it describes what an adapter tells of its venue. What the core makes of
//! the news is `engine::venues`.

use crate::id::{AssetId, ChildId, ExecId, InstrumentId, VenueId};
use crate::input::Side;
use crate::number::{Amount, Price, Qty};
use crate::wire::{wire_enum, wire_struct};

/// Whether our order took or made liquidity (FIX 851).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Liquidity {
    /// Our order rested in the book.
    Maker = 1,
    /// Our order took from the book.
    #[default]
    Taker = 2,
}
wire_enum!(Liquidity { Maker, Taker });

/// Why a venue is no longer usable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum VenueDownReason {
    /// The connection is gone.
    LinkLost = 1,
    /// The venue is connected and does not answer.
    NoAnswer = 2,
    /// The venue refused our logon.
    LogonRefused = 3,
    /// The venue says that it is not open (maintenance, cancel-only).
    Closed = 4,
    /// The venue sent something that its protocol forbids.
    Protocol = 5,
    /// The node has just started.
    NodeStarted = 6,
}
wire_enum!(VenueDownReason { LinkLost, NoAnswer, LogonRefused, Closed, Protocol, NodeStarted });

/// Why a venue refused a child or a cancel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum VenueReject {
    /// The sender could not write the order, so it certainly never left.
    NotSent = 1,
    /// Too little of the asset is available at the venue.
    InsufficientFunds = 2,
    /// Price, quantity or value outside the venue's filters.
    Filter = 3,
    /// The venue's rate limit is exceeded.
    RateLimit = 4,
    /// The id is already used at the venue.
    DuplicateId = 5,
    /// The venue does not know the order, or no longer.
    UnknownOrder = 6,
    /// The venue's market is closed.
    MarketClosed = 7,
    /// The message reached the venue too late.
    Late = 8,
    /// Any other reason; the adapter's log has the venue's text.
    Other = 9,
    /// The order may only rest, and would have matched at once.
    WouldMatch = 10,
    /// The price is outside the band around the market that the venue allows.
    PriceBand = 11,
    /// The order would have matched another order of our account at the venue.
    SelfMatch = 12,
    /// The venue takes no further open order of the instrument from our account.
    PairFull = 13,
}
wire_enum!(VenueReject {
    NotSent,
    InsufficientFunds,
    Filter,
    RateLimit,
    DuplicateId,
    UnknownOrder,
    MarketClosed,
    Late,
    Other,
    WouldMatch,
    PriceBand,
    SelfMatch,
    PairFull
});

/// The outcome of a signed query.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum QueryOutcome {
    /// The venue has answered.
    Answered = 1,
    /// No answer came, or none that can be read.
    NoAnswer = 2,
    /// The venue wants fewer queries.
    RateLimit = 3,
    /// The venue refused the query for another reason.
    Refused = 4,
}
wire_enum!(QueryOutcome { Answered, NoAnswer, RateLimit, Refused });

/// The outcome of a child, as its venue answers a query by id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Fate {
    /// Open in the venue's book.
    Open = 1,
    /// Reached the venue and is over: cancelled or filled.
    Closed = 2,
    /// Reached the venue and expired (IOC remainder, GTD).
    Expired = 3,
    /// Never arrived, and can no longer arrive.
    NeverArrived = 4,
    /// The venue refused the child.
    Rejected = 5,
    /// As [`Ending::SelfMatch`].
    SelfMatch = 6,
}
wire_enum!(Fate { Open, Closed, Expired, NeverArrived, Rejected, SelfMatch });

/// How a child came to its end at the venue, other than by its last fill.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Ending {
    /// Cancelled.
    Canceled = 0,
    /// Expired (IOC remainder, GTD).
    Expired = 1,
    /// The venue ended the child because it would have matched another order of our account.
    SelfMatch = 2,
}
wire_enum!(Ending { Canceled, Expired, SelfMatch });

/// Why a child's outcome is unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Doubt {
    /// No answer came within the adapter's time limit.
    NoAnswer = 1,
    /// The venue reports that the outcome is unknown.
    VenueUnsure = 2,
}
wire_enum!(Doubt { NoAnswer, VenueUnsure });

/// An execution of a child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChildFill {
    /// The venue.
    pub venue: VenueId,
    /// The child.
    pub child: ChildId,
    /// The instrument.
    pub instrument: InstrumentId,
    /// Side of our order.
    pub side: Side,
    /// The venue's id of the execution, unique together with the child.
    pub exec: ExecId,
    /// Executed quantity, above zero.
    pub qty: Qty,
    /// Execution price, above zero.
    pub price: Price,
    /// Fee of this execution; negative is a rebate.
    pub fee: Amount,
    /// The asset of the fee.
    pub fee_asset: AssetId,
    /// Maker or taker (`LastLiquidityInd` 851).
    pub liquidity: Liquidity,
}
wire_struct!(ChildFill {
    venue,
    child,
    instrument,
    side,
    exec,
    qty,
    price,
    fee,
    fee_asset,
    liquidity
});
