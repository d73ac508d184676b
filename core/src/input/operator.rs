//! Operators' commands.
//!
//! A line belongs here if it describes an operator's command. `admin/` checks who may give which
//! command, before the command is journaled.

use super::{AccountLimits, SessionCommand, Side, TimeInForce};
use crate::id::{AccountId, ChildId, InstrumentId, OrderId, SessionId, VenueId};
use crate::number::{Price, Qty, Text};
use crate::wire::{wire_enum, wire_struct, wire_variants};

/// Name of the operator, or `first+second` where two have to agree.
pub type By = Text<36>;

/// The operator's reason, in free text.
pub type Reason = Text<64>;

/// An operator's command, with the operator's name and reason. The time is in the input's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operator {
    /// Number of the request at the console, repeated in the answer.
    pub request: u64,
    /// The operator.
    pub by: By,
    /// The reason.
    pub reason: Reason,
    /// The command.
    pub command: OperatorCommand,
}
wire_struct!(Operator { request, by, reason, command });

/// What a command holds for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// The whole node.
    All,
    /// One venue.
    Venue(VenueId),
    /// One instrument, at all venues.
    Instrument(InstrumentId),
    /// One client session.
    Session(SessionId),
    /// One account, with all its sessions.
    Account(AccountId),
}
wire_variants!(Scope {
    0 All, 1 Venue(id), 2 Instrument(id), 3 Session(id), 4 Account(id)
});

/// What an operator has found out about a child whose outcome is unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resolution {
    /// The child.
    pub child: ChildId,
    /// Executed quantity in all: from what is booked already up to the ordered quantity.
    pub filled: Qty,
    /// Average price of what is not booked yet, at the child's limit or better. Not used if
    /// everything is booked.
    pub price: Price,
}
wire_struct!(Resolution { child, filled, price });

/// A new order whose plan is asked for. The order is not sent, and gets no id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Preview {
    /// The client session that would send the order.
    pub session: SessionId,
    /// The instrument.
    pub instrument: InstrumentId,
    /// Buy or sell.
    pub side: Side,
    /// Time in force.
    pub tif: TimeInForce,
    /// Ordered quantity.
    pub qty: Qty,
    /// Limit price; zero for a market order.
    pub price: Price,
    /// This venue and no other.
    pub only: Option<VenueId>,
}
wire_struct!(Preview { session, instrument, side, tif, qty, price, only });

/// Accounts and sessions that were added to a running node, by the definitions just before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extension {
    /// Accounts that are defined now, in all.
    pub accounts: u32,
    /// Sessions that are defined now, in all.
    pub sessions: u32,
    /// Tells these additions from others: what two persons agree to.
    pub digest: u64,
}
wire_struct!(Extension { accounts, sessions, digest });

/// The closed set of an operator's commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OperatorCommand {
    /// The kill switch: no new order is accepted in the scope, and its open orders are cancelled.
    /// For a venue: its children are cancelled and their orders are routed to other venues.
    Halt(Scope),
    /// Ends the halt of exactly this scope; halts of other scopes stay.
    Resume(Scope),
    /// No new child is sent to the venue; its open children stay.
    DrainVenue(VenueId),
    /// Ends the drain of the venue, closes its circuit breakers, and ends its pauses.
    EnableVenue(VenueId),
    /// Cancels one order.
    Cancel(OrderId),
    /// Cancels the open orders in the scope. For a venue: every order with a child at the venue.
    CancelAll(Scope),
    /// Sets an account's limits. They hold, also after a restart, until the account's configuration
    /// changes.
    SetLimits(AccountId, AccountLimits),
    /// A command for the client gateway that does not log the session out.
    ///
    /// A journal may hold any [`SessionCommand`] here. One that logs the session out then only
    /// reaches the gateway: such journals were decided before [`Self::LogOut`] existed.
    Session(SessionId, SessionCommand),
    /// Reduce-only: only orders that reduce a position are accepted in the scope, and open orders
    /// that could raise one are cancelled. Not for a venue.
    ReduceOnly(Scope),
    /// Ends reduce-only of exactly this scope.
    ReduceOnlyOff(Scope),
    /// A command for the node itself; the core only records it.
    Node(NodeCommand),
    /// A command for the client gateway that logs the session out ([`SessionCommand::logs_out`]).
    /// From this input on, the session's new orders and replaces are refused: until its next
    /// logon, and of a disabled session until it is enabled.
    LogOut(SessionId, SessionCommand),
    /// Ends a child whose outcome has been unknown for at least
    /// [`RESOLVE_AFTER_NS`](crate::engine::RESOLVE_AFTER_NS). What the operator states and is not
    /// booked yet is booked as one execution without a fee ([`ExecId::stated`]).
    ///
    /// [`ExecId::stated`]: crate::id::ExecId::stated
    Resolve(Resolution),
    /// Asks what would become of an order now. Nothing is sent, and nothing changes.
    Preview(Preview),
    /// Accounts and sessions were added to the running node. Their definitions are the inputs
    /// before this one. Refused with `CapacityReached` if fewer are defined: there was no room for
    /// them.
    Extend(Extension),
    /// As [`Self::Preview`], of an order with this strategy (FIX 847).
    PreviewBy(Preview, u32),
    /// Ends an exposure of a bridge, by its number, that no order converts at this moment: the desk
    /// account keeps what is not converted as its inventory.
    KeepExposure(u64),
}
wire_variants!(OperatorCommand {
    0 Halt(scope),
    1 Resume(scope),
    2 DrainVenue(venue),
    3 EnableVenue(venue),
    4 Cancel(order),
    5 CancelAll(scope),
    6 SetLimits(account, limits),
    7 Session(session, command),
    8 ReduceOnly(scope),
    9 ReduceOnlyOff(scope),
    10 Node(command),
    11 LogOut(session, command),
    12 Resolve(resolution),
    13 Preview(preview),
    14 Extend(extension),
    15 PreviewBy(preview, strategy),
    24 KeepExposure(exposure),
});

impl OperatorCommand {
    /// A command about a session.
    pub const fn about_session(session: SessionId, command: SessionCommand) -> Self {
        if command.logs_out() {
            Self::LogOut(session, command)
        } else {
            Self::Session(session, command)
        }
    }
}

/// An operator's command to the node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum NodeCommand {
    /// Ends the node in order.
    Shutdown = 1,
    /// Sets the log level `error`.
    LogError = 2,
    /// Sets the log level `warn`.
    LogWarn = 3,
    /// Logs information too.
    LogInfo = 4,
    /// Logs the way of each order too.
    LogDebug = 5,
    /// Sets the log level `trace`.
    LogTrace = 6,
    /// Sends the reason to all clients as News (FIX B).
    News = 7,
    /// An orderly end once all orders are over. Until then, and after the next start, everything is
    /// halted.
    ShutdownFlat = 8,
    /// One-time codes are taken again, although too many were wrong.
    LiftCodeLock = 9,
}
wire_enum!(NodeCommand {
    Shutdown,
    LogError,
    LogWarn,
    LogInfo,
    LogDebug,
    LogTrace,
    News,
    ShutdownFlat,
    LiftCodeLock
});
