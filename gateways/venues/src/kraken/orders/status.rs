//! What the adapter shows of itself.
//!
//! A line belongs here if operators see the value and no decision depends on it.

/// The state of the adapter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// No link is established.
    Disconnected,
    /// Connected; the snapshots are awaited.
    Subscribing,
    /// The venue is being asked what happened meanwhile.
    Reconciling,
    /// Connected, and the venue takes no orders: maintenance, cancel-only or post-only.
    Closed,
    /// The adapter takes orders.
    Up,
}

/// Counts since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Links on which both snapshots arrived.
    pub logons: u64,
    /// Tokens or subscriptions that the venue refused.
    pub logons_refused: u64,
    /// Links closed by us or lost.
    pub links_lost: u64,
    /// Links closed because of a message that the protocol forbids, and REST entries that could not
    /// be read.
    pub protocol_errors: u64,
    /// Gaps in the sequence of the `executions` channel.
    pub gaps: u64,
    /// Repeated messages in the sequence of a channel.
    pub repeats: u64,
    /// Orders and cancels refused by the venue.
    pub refusals: u64,
    /// Orders and cancels that the venue did not answer in time.
    pub unanswered: u64,
    /// Orders and cancels that were not sent.
    pub not_sent: u64,
    /// New orders whose id was sent before, and which were not sent again.
    pub repeated: u64,
    /// Executions with an id that is not ours.
    pub not_ours: u64,
    /// Executions and orders in a symbol that is not listed.
    pub unlisted: u64,
    /// Fees in an unlisted asset. The core is told a fee of zero.
    pub unknown_fee_assets: u64,
    /// Messages without a meaning for this adapter.
    pub ignored: u64,
    /// REST calls that failed or got an answer of no use.
    pub rest_failures: u64,
    /// Questions dropped because too many children were in doubt.
    pub questions_dropped: u64,
    /// Children in the venue's messages for which the table had no room.
    pub children_dropped: u64,
    /// Children that the venue never got.
    pub never_arrived: u64,
}
