//! What the adapter shows of itself.
//!
//! A line belongs here if operators see the value and no decision depends on it.

/// The state of the adapter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// No link is established.
    Disconnected,
    /// Connected and not logged on yet.
    LoggingOn,
    /// Logged on; the venue is being asked what happened meanwhile.
    Reconciling,
    /// The adapter takes orders.
    Up,
}

/// Counts since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Logons that the venue confirmed.
    pub logons: u64,
    /// Logons that the venue refused.
    pub logons_refused: u64,
    /// Links closed because of a message that the protocol forbids.
    pub protocol_errors: u64,
    /// Orders and cancels refused by the venue.
    pub refusals: u64,
    /// Orders and cancels that the venue did not answer in time.
    pub unanswered: u64,
    /// Orders and cancels that were not sent.
    pub not_sent: u64,
    /// New orders whose id was sent before, and which were not sent again.
    pub repeated: u64,
    /// Reports and open orders with an id that is not ours.
    pub not_ours: u64,
    /// Reports, open orders and questions about a symbol that is not listed.
    pub unlisted: u64,
    /// Executions whose fee is in an unlisted asset. The core is told a fee of zero.
    pub unknown_fee_assets: u64,
    /// Messages without a meaning for this adapter.
    pub ignored: u64,
    /// REST requests that failed or got an answer of no use.
    pub rest_failures: u64,
    /// Questions dropped because too many children were in doubt.
    pub questions_dropped: u64,
    /// Children that the venue never got.
    pub never_arrived: u64,
}
