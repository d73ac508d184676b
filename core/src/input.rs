//! Everything that can change the core. Nothing else changes it.
//!
//! A line belongs here if it describes an input. Each type has its byte layout beside it, in the
//! words of `wire`, which also has the inputs' tags. What an input does is `engine`.

use crate::id::{AssetId, ChildId, InstrumentId, SessionId, VenueId, VenueOrderId};
use crate::number::{Amount, Qty, UnixNanos};

mod amend;
mod book;
mod bridge;
mod budget;
mod definition;
mod fees;
mod limits;
mod operator;
mod owner;
mod refusal;
mod request;
mod rest;
mod routing;
mod sharing;
mod terms;
mod trade;
mod venue;

pub use amend::{AmendDef, Amending};
pub use book::{BookUpdate, Distrust, LEVELS_PER_UPDATE, Level};
pub use bridge::{BASIS_PPM_MAX, BridgeDef};
pub use budget::{AGE_STEPS_MAX, AgeStep, BudgetDef, Counted, WINDOWS_MAX, WindowDef, WindowKind};
pub use definition::{
    AccountDef, AssetDef, BUSY_WAIT_NS_MAX, BooksOfDef, BreakerTerms, FeeTaken, Genesis,
    InstrumentDef, ListingDef, MARKET_WAIT_NS_DEFAULT, NoReference, ReferenceTerms, SessionDef,
    VenueDef,
};
pub use fees::{AccountFeeDef, FEE_TIERS_MAX, FeeScheduleDef, FeeTierDef, FeeTokenDef};
pub use limits::{AccountLimits, LIMITS, Limit, LimitKind, LimitValue};
pub use operator::{
    By, Extension, NodeCommand, Operator, OperatorCommand, Preview, Reason, Resolution, Scope,
};
pub use owner::{OtherOwners, OwnerDef, SelfMatchPolicy};
pub use refusal::{Cause, Refusal};
pub use request::{
    CancelOnDisconnect, CancelOrder, CharSet, Instructions, MassCancel, MassScope, MassStatus,
    NewOrder, OrdType, OrderStatus, ReplaceOrder, SessionCommand, Unacceptable, WrittenNumber,
    WrittenTerms,
};
pub use rest::{REST_PLACES_DEFAULT, REST_PLACES_MAX, RestBy, RestDef, VenuePercents};
pub use routing::{
    BehaviourCosts, Choice, MOVE_GAIN_PPM_DEFAULT, Moving, RoutingDef, RoutingMode, ScoreWeights,
};
pub use sharing::SharingDef;
pub use terms::{Side, TimeInForce};
pub use trade::PublicTrade;
pub use venue::{
    ChildFill, Doubt, Ending, Fate, Liquidity, QueryOutcome, VenueDownReason, VenueReject,
};

/// What the journal records of an input beside its content.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// Journal sequence, increasing by at least one.
    pub seq: u64,
    /// When the input was journaled; never goes back.
    pub time: UnixNanos,
}

/// The closed set of inputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::large_enum_variant, reason = "a ring slot holds the largest anyway")]
pub enum Input {
    /// First record of a journal.
    Genesis(Genesis),
    /// The node was started; the outcome of everything that was on its way is unknown.
    NodeStarted,
    /// The core's timer is due.
    Tick,
    /// Definition of an asset.
    Asset(AssetDef),
    /// Definition of an instrument.
    Instrument(InstrumentDef),
    /// Definition of a venue account.
    Venue(VenueDef),
    /// A venue account uses the books of another one of the same venue.
    BooksOf(BooksOfDef),
    /// How a venue counts requests; after the definition of the venue.
    Budget(BudgetDef),
    /// How a venue amends open orders; after the definition of the venue.
    Amend(AmendDef),
    /// Definition of a listing: an instrument at a venue.
    Listing(ListingDef),
    /// Definition of an account with its limits.
    Account(AccountDef),
    /// How an account's orders choose between venues.
    Routing(RoutingDef),
    /// Who owns an account, and what becomes of its orders that meet other orders of ours.
    Owner(OwnerDef),
    /// Where the part of an account's orders rests that waits.
    Rest(RestDef),
    /// Whether an account's orders may share a child with other orders.
    Sharing(SharingDef),
    /// An account's orders in one instrument may fill at another one.
    Bridge(BridgeDef),
    /// Definition of a client session.
    Session(SessionDef),
    /// What a venue's fees depend on; after the definition of the venue.
    FeeSchedule(FeeScheduleDef),
    /// A tier of a venue's fees; after its schedule.
    FeeTier(FeeTierDef),
    /// A listing has the fees of its venue's tier; after the listing. Its next definition gives it
    /// fees of its own again.
    FeeByTier {
        /// The venue.
        venue: VenueId,
        /// The instrument.
        instrument: InstrumentId,
    },
    /// Fees of an account's own; after the account and the venue's schedule.
    AccountFee(AccountFeeDef),
    /// A client's new order.
    NewOrder(NewOrder),
    /// A client's request that the gateway cannot express as an order: the core refuses it.
    Unacceptable(Unacceptable),
    /// A client's cancel request.
    Cancel(CancelOrder),
    /// A client's status request.
    Status(OrderStatus),
    /// A client's replace request.
    Replace(ReplaceOrder),
    /// A client's mass cancel request.
    MassCancel(MassCancel),
    /// A client's mass status request.
    MassStatus(MassStatus),
    /// A client asks what would become of an order now. Nothing is sent, and nothing changes.
    Preview(NewOrder),
    /// An operator's command.
    Operator(Operator),
    /// The client has logged on, and has chosen what becomes of its orders when its connection is
    /// lost.
    SessionUp(SessionId, CancelOnDisconnect),
    /// The client's connection is lost.
    SessionDown(SessionId),
    /// Our Logout was sent to the client: its new orders and replaces are refused until its next
    /// logon. Its cancels are not.
    LogoutSent(SessionId),
    /// The venue is logged on, its open orders and fills are reconciled, its balances are told.
    VenueUp(VenueId),
    /// The venue is not usable: nothing is routed to it, and its open children become unknown.
    VenueDown(VenueId, VenueDownReason),
    /// The venue accepted a child.
    ChildAccepted {
        /// The venue.
        venue: VenueId,
        /// The child.
        child: ChildId,
        /// The venue's id of the child.
        venue_order: VenueOrderId,
    },
    /// The venue refused a child.
    ChildRejected {
        /// The venue.
        venue: VenueId,
        /// The child.
        child: ChildId,
        /// Why the venue refused.
        reason: VenueReject,
        /// How long the venue wants no new order, in nanoseconds; zero if the venue names no time.
        retry_after_ns: u64,
    },
    /// A child was executed.
    ChildFill(ChildFill),
    /// A child is over at its venue.
    ChildDone {
        /// The venue.
        venue: VenueId,
        /// The child.
        child: ChildId,
        /// How the child came to its end.
        how: Ending,
        /// Filled quantity in all, as the venue counts.
        filled: Qty,
    },
    /// The venue refused to cancel a child.
    CancelRejected {
        /// The venue.
        venue: VenueId,
        /// The child.
        child: ChildId,
        /// Why the venue refused.
        reason: VenueReject,
        /// How long the venue wants no cancel, in nanoseconds; zero if the venue names no time.
        retry_after_ns: u64,
    },
    /// The quantity that a child has in all at its venue: the venue's answer to an amend, or a part
    /// of its answer to a query. A larger one than is known is old news.
    ChildAmended {
        /// The venue.
        venue: VenueId,
        /// The child.
        child: ChildId,
        /// Quantity in all, filled and open.
        qty: Qty,
    },
    /// The venue refused to amend a child, which is open as before.
    AmendRejected {
        /// The venue.
        venue: VenueId,
        /// The child.
        child: ChildId,
        /// Why the venue refused.
        reason: VenueReject,
    },
    /// A child's outcome is in doubt.
    ChildInDoubt {
        /// The venue.
        venue: VenueId,
        /// The child.
        child: ChildId,
        /// Why the outcome is unknown.
        doubt: Doubt,
    },
    /// The venue's answer to a query about a child.
    ChildFate {
        /// The venue.
        venue: VenueId,
        /// The child.
        child: ChildId,
        /// The outcome.
        fate: Fate,
        /// Filled quantity in all, as the venue counts.
        filled: Qty,
    },
    /// The outcome of a signed query: of one for balances that was answered, and of each that
    /// failed. The balances of an answer come before it.
    VenueQueried {
        /// The venue.
        venue: VenueId,
        /// The outcome.
        outcome: QueryOutcome,
    },
    /// The venue's balance of an asset.
    Balance {
        /// The venue.
        venue: VenueId,
        /// The asset.
        asset: AssetId,
        /// The total, free and locked.
        total: Amount,
    },
    /// A book has changed.
    Book(BookUpdate),
    /// A book is not trusted until its next snapshot.
    BookDistrusted {
        /// The venue.
        venue: VenueId,
        /// The instrument.
        instrument: InstrumentId,
        /// Why the book is not trusted.
        reason: Distrust,
    },
    /// A public trade at a venue.
    Trade(PublicTrade),
    /// The venue's feed is alive, though no book changed.
    FeedAlive(VenueId),
}
