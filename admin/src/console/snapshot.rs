//! What a node measures of itself beside the read model, copied ten times a second.
//!
//! A line belongs here if the console shows it and the core knows nothing of it: rings, the
//! journal's disk, latencies, feeds.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::model::{StageStatus, Status};

/// One ring between threads.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct RingRow {
    /// `input` or `output`.
    pub ring: &'static str,
    /// How many envelopes it can hold.
    pub slots: u64,
    /// How many envelopes are in it.
    pub used: u64,
    /// How often a writer found it full, since the start of the node.
    pub stalls: u64,
}

/// The journal, as the thread that syncs it shows it.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct JournalRow {
    /// Sequence of the last record on the disk.
    pub durable_seq: u64,
    /// Bytes appended that are not on the disk.
    pub unsynced_bytes: u64,
    /// How long the oldest record that is not on the disk has waited, nanoseconds.
    pub sync_lag_ns: u64,
    /// Syncs since the start of the node.
    pub syncs: u64,
    /// Mean time of a sync, nanoseconds; `None` before the first one.
    pub sync_mean_ns: Option<u64>,
    /// Appends that had to wait for a segment.
    pub stalls: u64,
    /// A sync has failed.
    pub failed: bool,
    /// Bytes appended since the start of the node.
    pub written_bytes: u64,
}

/// Quantiles of a latency, nanoseconds: upper bounds of buckets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Quantiles {
    /// Median, nanoseconds.
    pub p50: u64,
    /// 99th percentile, nanoseconds.
    pub p99: u64,
    /// 99.9th percentile, nanoseconds.
    pub p999: u64,
    /// Largest.
    pub max: u64,
    /// How many were measured.
    pub count: u64,
}

/// One link of a venue: whether it is up, and if not, why.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LinkRow {
    /// Everything that is needed of the link is there.
    pub up: bool,
    /// The reason in one word; `None` while nothing is wrong. A link that is up may have one: a
    /// trouble that has not taken the link down.
    pub why: Option<&'static str>,
    /// The reason in a sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub meaning: Option<&'static str>,
    /// More words, such as the venue's own text.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub detail: String,
    /// Since when the link is up or not up, nanoseconds since the Unix epoch.
    pub since_ns: u64,
    /// Attempts that have failed since the link was last up.
    pub attempts: u32,
    /// When the next attempt is made; `None` while one is under way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_attempt_ns: Option<u64>,
    /// How far our clock is ahead of the venue's, in milliseconds; negative: behind. `None` where
    /// the venue has told no time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clock_ahead_ms: Option<i64>,
    /// Messages of the venue, or parts of them, that could not be read since the start.
    pub unread: u64,
    /// The newest of them: what is wrong with it, and its bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unread_last: Option<String>,
}

/// A node whose figures are older than this does not know its own state, nanoseconds.
pub const FIGURES_AGE_NS_MAX: u64 = 2_000_000_000;

/// One thing that is wrong with the node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Trouble {
    /// The kind of fault, in one word.
    pub word: &'static str,
    /// How soon somebody must know: `page`, `warn` or `info`, as for an alert.
    pub severity: &'static str,
    /// What is wrong and with what, for people.
    pub text: String,
}

/// One venue, as its feed and its executions show it.
#[derive(Clone, Debug, Default, Serialize)]
pub struct VenueRow {
    /// The venue's name.
    #[serde(skip)]
    pub name: String,
    /// Order entry and private reports; `None` before the first look.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order_link: Option<LinkRow>,
    /// Market data; `None` before the first look.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub feed_link: Option<LinkRow>,
    /// How long its feed has been silent, nanoseconds; `None` if it was never heard.
    pub feed_age_ns: Option<u64>,
    /// From sending a child to the venue's first answer; `None` before the first one.
    pub latency_ns: Option<Quantiles>,
}

/// What the node measures of itself.
#[derive(Clone, Debug, Default)]
pub struct NodeSnapshot {
    /// When this was copied, nanoseconds since the Unix epoch.
    pub made_ns: u64,
    /// When the core last had a turn, nanoseconds since the Unix epoch.
    pub turned_ns: u64,
    /// Inputs decided since the start of the node.
    pub inputs: u64,
    /// Sequence of the last journaled input.
    pub journal_seq: u64,
    /// Sequence up to which outputs may leave.
    pub released_seq: u64,
    /// How often the output ring was full.
    pub output_stalls: u64,
    /// The rings.
    pub rings: Vec<RingRow>,
    /// The journal.
    pub journal: JournalRow,
    /// Latencies of the stages of an order's path.
    pub stages: Vec<StageStatus>,
    /// The venues.
    pub venues: Vec<VenueRow>,
    /// The read model's status, of which `wrong` was made; `None` before the node runs.
    pub status: Option<Status>,
    /// Everything that is wrong, worst first.
    pub wrong: Vec<Trouble>,
}

/// Longest wait for a snapshot that is made on request. The thread that makes it looks for requests
/// every 5 ms.
const FRESH_TIMEOUT: Duration = Duration::from_millis(250);

/// The newest snapshot: one thread stores it, others load it.
#[derive(Debug, Default)]
pub struct SnapshotCell {
    newest: Mutex<Arc<NodeSnapshot>>,
    stored: Condvar,
    /// Somebody waits for a newer one.
    is_wanted: AtomicBool,
}

impl SnapshotCell {
    /// Stores a newer one.
    pub fn store(&self, snapshot: NodeSnapshot) {
        *self.newest.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(snapshot);
        self.stored.notify_all();
    }

    /// The newest; empty until the node runs.
    pub fn load(&self) -> Arc<NodeSnapshot> {
        Arc::clone(&self.newest.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// One that is stored after this call, so that an answer shows what was done just before. The
    /// newest if the node does not run, or stores none in [`FRESH_TIMEOUT`].
    pub fn fresh(&self) -> Arc<NodeSnapshot> {
        let newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        let before = Arc::clone(&newest);
        if before.made_ns == 0 {
            return before;
        }
        self.is_wanted.store(true, Ordering::Relaxed);
        let is_old = |newest: &mut Arc<NodeSnapshot>| Arc::ptr_eq(newest, &before);
        let waited = self.stored.wait_timeout_while(newest, FRESH_TIMEOUT, is_old);
        Arc::clone(&waited.unwrap_or_else(PoisonError::into_inner).0)
    }

    /// Whether somebody waits for a snapshot, for the thread that stores the next one.
    pub fn take_request(&self) -> bool {
        self.is_wanted.swap(false, Ordering::Relaxed)
    }
}

/// The members of a JSON object; none if it is no object.
pub(super) fn members(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fresh_snapshot_is_one_that_was_made_on_request() {
        let cell = SnapshotCell::default();
        assert_eq!((cell.fresh().made_ns, cell.take_request()), (0, false), "no node runs");
        cell.store(NodeSnapshot { made_ns: 1, ..NodeSnapshot::default() });
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !cell.take_request() {
                    std::thread::yield_now();
                }
                cell.store(NodeSnapshot { made_ns: 2, ..NodeSnapshot::default() });
            });
            assert_eq!(cell.fresh().made_ns, 2);
        });
        assert_eq!(cell.load().made_ns, 2);
        // The thread that makes them stands still: what there is is shown, with its age.
        assert_eq!(cell.fresh().made_ns, 2);
    }
}
