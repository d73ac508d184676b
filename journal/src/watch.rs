//! What any thread may see of a journal while another writes it: counts and marks, by atomics.
//!
//! A line belongs here if it is read by metrics and never by the journal itself. Nothing here is
//! locked: the writer stores what it stores anyway, and once more when it begins a segment.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::sync::Written;

/// Buckets of the times that groups took to sync; the last one has no upper bound.
pub const SYNC_BUCKETS: usize = 16;

/// Upper bound of the first of [`SYNC_BUCKETS`], nanoseconds; each further one is twice as wide.
pub const SYNC_BUCKET_NS_MIN: u64 = 64_000;

/// What the writer and its helpers tell beside their work.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    /// Bytes of the segments that the writer has left behind since opening.
    pub rolled_bytes: AtomicU64,
    /// As [`Watch::synced_bytes`].
    pub synced_bytes: AtomicU64,
    /// As [`Watch::stalls`].
    pub stalls: AtomicU64,
    /// A sync has failed.
    pub failed: AtomicBool,
    sync_ns: AtomicU64,
    buckets: [AtomicU64; SYNC_BUCKETS],
}

impl Progress {
    /// A group was synced in so many nanoseconds. One thread records.
    pub fn record_sync(&self, ns: u64) {
        self.sync_ns.fetch_add(ns, Ordering::Relaxed);
        let at = (ns.saturating_sub(1) / SYNC_BUCKET_NS_MIN).checked_ilog2().map_or(0, |n| n + 1);
        self.buckets[(at as usize).min(SYNC_BUCKETS - 1)].fetch_add(1, Ordering::Relaxed);
    }
}

/// How long groups took to sync.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SyncTimes {
    /// All of it, nanoseconds.
    pub sum_ns: u64,
    /// Groups by time; see [`SYNC_BUCKET_NS_MIN`].
    pub buckets: [u64; SYNC_BUCKETS],
}

/// A journal, seen from another thread.
#[derive(Clone, Debug)]
pub struct Watch {
    pub(crate) written: Arc<Written>,
    pub(crate) durable: Arc<AtomicU64>,
    pub(crate) progress: Arc<Progress>,
}

impl Watch {
    /// The last record appended.
    pub fn written(&self) -> u64 {
        self.written.sequence.load(Ordering::Acquire)
    }

    /// The last record known to be on disk.
    pub fn durable(&self) -> u64 {
        self.durable.load(Ordering::Acquire)
    }

    /// Bytes appended since opening, what the first segment held already among them.
    pub fn written_bytes(&self) -> u64 {
        let rolled = self.progress.rolled_bytes.load(Ordering::Acquire);
        rolled.saturating_add(self.written.offset.load(Ordering::Acquire))
    }

    /// Of those, on disk. While a segment begins it may be ahead of
    /// [`written_bytes`](Self::written_bytes) for a moment.
    pub fn synced_bytes(&self) -> u64 {
        self.progress.synced_bytes.load(Ordering::Acquire)
    }

    /// Times an append had to wait for the next segment.
    pub fn stalls(&self) -> u64 {
        self.progress.stalls.load(Ordering::Relaxed)
    }

    /// A sync has failed: nothing more is written.
    pub fn has_failed(&self) -> bool {
        self.progress.failed.load(Ordering::Acquire)
    }

    /// How long groups took to sync; none are measured without threads.
    pub fn sync_times(&self) -> SyncTimes {
        let bucket = |at: usize| self.progress.buckets[at].load(Ordering::Relaxed);
        SyncTimes {
            sum_ns: self.progress.sync_ns.load(Ordering::Relaxed),
            buckets: std::array::from_fn(bucket),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sync_falls_into_the_first_bucket_that_is_wide_enough() {
        let progress = Progress::default();
        for ns in [0, 1, 64_000, 64_001, 128_000, 128_001, u64::MAX] {
            progress.record_sync(ns);
        }
        let counts: Vec<u64> = progress.buckets.iter().map(|n| n.load(Ordering::Relaxed)).collect();
        assert_eq!(counts[..3], [3, 2, 1]);
        assert_eq!(counts[SYNC_BUCKETS - 1], 1);
    }
}
