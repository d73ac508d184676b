//! What the adapter shows of itself.
//!
//! A line belongs here if operators see the value and no decision depends on it.

/// Where the adapter stands, for the read model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// No link; waiting or connecting.
    Disconnected,
    /// Connected, waiting for the snapshots.
    Subscribing,
    /// Finding out what happened meanwhile.
    Reconciling,
    /// Connected, but the venue takes no orders (maintenance, cancel-only, post-only).
    Closed,
    /// Taking orders.
    Up,
}

/// Counts since the start, for the read model. Each is something that an operator may want to see
/// rise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Links on which both snapshots came.
    pub logons: u64,
    /// Tokens or subscriptions that the venue refused.
    pub logons_refused: u64,
    /// Links that were given up or lost.
    pub links_lost: u64,
    /// Links given up because of what the venue sent, and REST entries that could not be read.
    pub protocol_errors: u64,
    /// Missing messages in the sequence of the executions.
    pub gaps: u64,
    /// Repeated messages in that sequence.
    pub repeats: u64,
    /// Orders and cancels refused by the venue.
    pub refusals: u64,
    /// Orders and cancels that the venue did not answer in time.
    pub unanswered: u64,
    /// Orders not sent, cancels included.
    pub not_sent: u64,
    /// New orders with an id that was sent before: not sent again.
    pub repeated: u64,
    /// Executions with an id that is not ours.
    pub not_ours: u64,
    /// Executions and orders in a symbol that is not listed.
    pub unlisted: u64,
    /// Fees in an unlisted asset, told as no fee.
    pub unknown_fee_assets: u64,
    /// Messages that mean nothing to this adapter.
    pub ignored: u64,
    /// REST calls that failed or got an unusable answer.
    pub rest_failures: u64,
    /// Questions dropped because too many were open.
    pub questions_dropped: u64,
    /// Children that the venue spoke of and that found no room.
    pub children_dropped: u64,
    /// Children that the venue never got.
    pub never_arrived: u64,
}
