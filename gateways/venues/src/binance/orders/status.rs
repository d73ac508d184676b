//! What the adapter shows of itself.
//!
//! A line belongs here if operators see the value and no decision depends on it.

/// Where the adapter stands, for the read model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// No link; waiting or connecting.
    Disconnected,
    /// Connected, not yet logged on.
    LoggingOn,
    /// Logged on, finding out what happened meanwhile.
    Reconciling,
    /// Taking orders.
    Up,
}

/// Counts since the start, for the read model. Each is something that an operator may want to see
/// rise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Logons that the venue confirmed.
    pub logons: u64,
    /// Logons that it refused.
    pub logons_refused: u64,
    /// Links given up because of what the venue sent.
    pub protocol_errors: u64,
    /// Orders and cancels refused by the venue.
    pub refusals: u64,
    /// Orders and cancels that the venue did not answer in time.
    pub unanswered: u64,
    /// Orders not sent, cancels included.
    pub not_sent: u64,
    /// New orders with an id that was sent before: not sent again.
    pub repeated: u64,
    /// Reports and open orders with an id that is not ours.
    pub not_ours: u64,
    /// Reports, orders and questions about a symbol that is not listed.
    pub unlisted: u64,
    /// Executions whose fee is in an unlisted asset, told as no fee.
    pub unknown_fee_assets: u64,
    /// Messages that mean nothing to this adapter.
    pub ignored: u64,
    /// REST requests that failed or got an unusable answer.
    pub rest_failures: u64,
    /// Questions dropped because too many were open.
    pub questions_dropped: u64,
    /// Children that the venue never got.
    pub never_arrived: u64,
}
