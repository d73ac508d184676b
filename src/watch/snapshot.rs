//! Everything that the node shows of itself at one moment.
//!
//! A line belongs here if it is a number or a name that is shown. Who counts it is `metrics`; who
//! reads it is `metrics`, `health` and `alerts`. Nothing here is computed but what follows from
//! one snapshot alone.

use std::collections::BTreeMap;

use rutter_admin::Status;
use rutter_admin::model::Anomaly;
use rutter_transport::standing::Standing;

use super::buckets::Buckets;
use super::gateway_counters::GATEWAY;
use crate::node::link_watch::{LinkGauge, VenueLinks};

/// One ring, as it was found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RingDepth {
    /// Used slots.
    pub depth: u64,
    /// How many envelopes the ring can hold.
    pub slots: u64,
    /// Number of times that a writer found the ring full.
    pub stalls: u64,
}

/// The journal, as it was found.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct JournalSnapshot {
    /// The last record appended.
    pub written: u64,
    /// The last record on disk.
    pub durable: u64,
    /// Bytes appended since the start.
    pub written_bytes: u64,
    /// Bytes that are not on disk yet.
    pub unsynced_bytes: u64,
    /// How long the oldest record that is not on disk has waited, nanoseconds.
    pub sync_lag_ns: u64,
    /// How long groups took to sync.
    pub sync_times: rutter_journal::SyncTimes,
    /// Appends that waited for a segment.
    pub stalls: u64,
    /// A sync has failed.
    pub failed: bool,
}

/// Everything that is shown, made by the read model's thread ten times a second.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// When it was made, nanoseconds since the Unix epoch.
    pub made_ns: u64,
    /// When the core last had a turn, nanoseconds since the Unix epoch.
    pub turned_ns: u64,
    /// Status of the read model.
    pub status: Status,
    /// What only metrics count.
    pub counted: OrderMetrics,
    /// Path, stage and times.
    pub stages: Vec<(&'static str, &'static str, Buckets)>,
    /// Samples of stages that were dropped.
    pub stage_samples_dropped: u64,
    /// The client gateway's counters, in the order of [`GATEWAY`].
    pub gateway: [u64; GATEWAY.len()],
    /// The input ring.
    pub input: RingDepth,
    /// The output ring.
    pub output: RingDepth,
    /// The journal.
    pub journal: JournalSnapshot,
    /// By venue: when its feed last told anything, and how much it told.
    pub feeds: Vec<FeedSnapshot>,
    /// By venue: whether its links are up, and if not, why.
    pub links: Vec<LinksSnapshot>,
}

impl Snapshot {
    /// The links of the venue with this index; `None` before the node runs.
    pub fn links_of(&self, venue: usize) -> Option<&LinksSnapshot> {
        self.links.iter().find(|links| links.venue == venue)
    }

    /// The kind of anomaly that has its own alert.
    pub const CANCEL_STUCK: &'static str = Anomaly::CancelStuck.word();

    /// Events that should not occur, by kind.
    pub fn anomalies(&self) -> [(&'static str, u64); Anomaly::ALL.len()] {
        let status = &self.status;
        Anomaly::ALL.map(|kind| {
            let count = match kind {
                Anomaly::OddFill => status.odd_fills,
                Anomaly::IllegalEvent => status.illegal_events,
                Anomaly::FoundAfterEnd => status.found_after_end,
                Anomaly::CancelStuck => status.cancels_stuck,
                Anomaly::BadReference => status.bad_reference,
                Anomaly::Reconciled => status.reconciled,
                Anomaly::Contradicted => status.contradicted,
            };
            (kind.word(), count)
        })
    }
}

/// One venue's links, as they were found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LinksSnapshot {
    /// Index of the venue.
    pub venue: usize,
    /// Order entry and private reports.
    pub orders: Standing,
    /// Market data; `None` for a venue account that uses the books of another one.
    pub feed: Option<Standing>,
}

impl LinksSnapshot {
    /// The links as they are now.
    pub fn of(links: &VenueLinks) -> Self {
        let VenueLinks { venue, orders, feed } = links;
        Self { venue: *venue, orders: orders.load(), feed: feed.as_ref().map(LinkGauge::load) }
    }

    /// The links by name.
    pub fn named(&self) -> impl Iterator<Item = (&'static str, &Standing)> {
        let feed = self.feed.iter().map(|feed| ("feed", feed));
        std::iter::once(("orders", &self.orders)).chain(feed)
    }
}

/// One venue's feed, as it was found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FeedSnapshot {
    /// Index of the venue.
    pub venue: usize,
    /// Book updates and signs of life since the start.
    pub news: u64,
    /// Time since the feed was last heard, nanoseconds; `None` if it was never heard.
    pub age_ns: Option<u64>,
}

/// What became of orders at a venue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VenueCounts {
    /// New orders handed to its sender.
    pub sent: u64,
    /// Orders that it has filled to the end.
    pub filled: u64,
    /// Orders that it refused.
    pub rejected: u64,
    /// Orders for which a cancel was sent.
    pub cancel_sent: u64,
    /// Amends sent.
    pub amend_sent: u64,
    /// Orders whose fate was unknown.
    pub unknown: u64,
}

/// Exchanges and symbols whose execution latency is counted each by itself.
pub const EXECUTION_SERIES_MAX: usize = 2_048;

/// In the place of an instrument: the symbols for which there was no series left.
pub const OTHER_SYMBOLS: usize = usize::MAX;

/// A venue and an instrument by id, or [`OTHER_SYMBOLS`].
pub type ExecutionSeries = (usize, usize);

/// The series in which an execution is counted. With 32 venues and 4,096 instruments there could be
/// 131,072; what comes beyond [`EXECUTION_SERIES_MAX`] shares one for each venue.
pub fn execution_series<V>(
    known: &BTreeMap<ExecutionSeries, V>,
    (venue, instrument): ExecutionSeries,
) -> ExecutionSeries {
    let is_known = known.contains_key(&(venue, instrument));
    let own = is_known || known.len() < EXECUTION_SERIES_MAX;
    (venue, if own { instrument } else { OTHER_SYMBOLS })
}

/// What only metrics count.
#[derive(Clone, Debug, Default)]
pub struct OrderMetrics {
    /// Names of venues; index is id.
    pub venues: Vec<String>,
    /// Symbols of instruments; index is id.
    pub instruments: Vec<String>,
    /// Orders at each venue, by the venue's id.
    pub orders: Vec<VenueCounts>,
    /// Books that lost their trust, by venue and reason.
    pub distrusts: BTreeMap<(usize, &'static str), u64>,
    /// From the decision to send a child until the venue's first answer, by the venue's id.
    pub answer_latency: Vec<Buckets>,
    /// From the decision to send a child until its first execution arrived, by venue and
    /// instrument.
    pub execution_latency: BTreeMap<ExecutionSeries, Buckets>,
    /// From the acceptance of an order to its end, of judged orders of which nothing rested.
    pub order_duration: Buckets,
    /// Cancels and replaces that were refused, by reason.
    pub cancels_refused: BTreeMap<String, u64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn executions_beyond_the_last_series_are_counted_together_by_venue() {
        let mut known = BTreeMap::new();
        for instrument in 0..EXECUTION_SERIES_MAX + 100 {
            for venue in [0, 1] {
                *known.entry(execution_series(&known, (venue, instrument))).or_insert(0) += 1;
            }
        }
        assert_eq!(known.len(), EXECUTION_SERIES_MAX + 2);
        assert_eq!(known.values().sum::<usize>(), 2 * (EXECUTION_SERIES_MAX + 100), "none is lost");
        let first = execution_series(&known, (1, 0));
        assert_eq!(first, (1, 0), "a series that is there goes on");
        assert_eq!(execution_series(&known, (1, 9_999)), (1, OTHER_SYMBOLS));
    }
}
