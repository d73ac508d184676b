//! What operators ask for.
//!
//! A line belongs here if it describes an operator's command. Who may give which is `admin/`'s to
//! check, before the command is journaled.

use super::{AccountLimits, SessionCommand};
use crate::id::{AccountId, InstrumentId, OrderId, SessionId, VenueId};
use crate::number::Text;
use crate::wire::{wire_enum, wire_struct, wire_variants};

/// Who did it: one operator, or `first+second` where two have to agree.
pub type By = Text<36>;

/// Why an operator did it, in his own words.
pub type Reason = Text<64>;

/// An operator's command: who, why, and what. When is the input's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operator {
    /// Number of the request at the console, given back in the answer; tells nothing else.
    pub request: u64,
    /// Who.
    pub by: By,
    /// Why.
    pub reason: Reason,
    /// What.
    pub command: OperatorCommand,
}
wire_struct!(Operator { request, by, reason, command });

/// What a command is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// Everything.
    All,
    /// One venue.
    Venue(VenueId),
    /// One instrument, at all venues.
    Instrument(InstrumentId),
    /// One client session.
    Session(SessionId),
    /// One account, all its sessions.
    Account(AccountId),
}
wire_variants!(Scope {
    0 All, 1 Venue(id), 2 Instrument(id), 3 Session(id), 4 Account(id)
});

/// The closed set of an operator's commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OperatorCommand {
    /// The kill switch: no new order in the scope, and what is open there is cancelled. Of a venue:
    /// its children are called back and their orders routed to the others.
    Halt(Scope),
    /// Ends the halt of exactly this scope; a wider one stays.
    Resume(Scope),
    /// No new child goes to the venue; what is there stays.
    DrainVenue(VenueId),
    /// Ends a drain.
    EnableVenue(VenueId),
    /// Cancels one order.
    Cancel(OrderId),
    /// Cancels the open orders in the scope. Of a venue: those with a child there, whole.
    CancelAll(Scope),
    /// Sets an account's limits. They stand, over restarts too, until its configuration changes.
    SetLimits(AccountId, AccountLimits),
    /// For the client gateway.
    Session(SessionId, SessionCommand),
    /// Only what reduces a position is taken in the scope, and what could raise one is called back.
    /// Not of a venue.
    ReduceOnly(Scope),
    /// Ends that, of exactly this scope.
    ReduceOnlyOff(Scope),
    /// For the node itself; here it is only noted.
    Node(NodeCommand),
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
});

/// What an operator asks of the node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum NodeCommand {
    /// An orderly end.
    Shutdown = 1,
    /// Logs errors only.
    LogError = 2,
    /// Logs warnings too.
    LogWarn = 3,
    /// Logs what happens.
    LogInfo = 4,
    /// Logs each order's way.
    LogDebug = 5,
    /// Logs everything.
    LogTrace = 6,
    /// Tells all clients the reason, as News.
    News = 7,
    /// An orderly end once all orders are over; until then, and after the next start, everything is
    /// halted.
    ShutdownFlat = 8,
}
wire_enum!(NodeCommand {
    Shutdown,
    LogError,
    LogWarn,
    LogInfo,
    LogDebug,
    LogTrace,
    News,
    ShutdownFlat
});
