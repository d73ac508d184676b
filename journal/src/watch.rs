//! Counters and marks of a journal for threads other than the writer, as atomics.
//!
//! A line belongs here if metrics read it and the journal itself does not. There is no lock: the
//! writer adds one store when it begins a segment, and none per record.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Position of the writer. On a cache line of its own, because every append stores to it.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct Written {
    /// Sequence of the last appended record.
    pub sequence: AtomicU64,
    /// End of that record in the newest segment, bytes. Stored before `sequence`.
    pub offset: AtomicU64,
}

/// Number of histogram buckets for sync times. The last bucket has no upper bound.
pub const SYNC_BUCKETS: usize = 16;

/// Upper bound of the first of [`SYNC_BUCKETS`], nanoseconds. Each next bound is twice as large.
pub const SYNC_BUCKET_NS_MIN: u64 = 64_000;

/// Counters that the writer and its helpers maintain for [`Watch`].
#[derive(Debug, Default)]
pub(crate) struct Progress {
    /// Sizes of all segments that the writer has filled since opening, bytes.
    pub rolled_bytes: AtomicU64,
    /// See [`Watch::synced_bytes`].
    pub synced_bytes: AtomicU64,
    /// See [`Watch::stalls`].
    pub stalls: AtomicU64,
    /// True after a sync has failed.
    pub failed: AtomicBool,
    sync_ns: AtomicU64,
    buckets: [AtomicU64; SYNC_BUCKETS],
}

impl Progress {
    /// Counts a group that took `ns` nanoseconds to sync. Only one thread may call this.
    pub fn record_sync(&self, ns: u64) {
        self.sync_ns.fetch_add(ns, Ordering::Relaxed);
        let at = (ns.saturating_sub(1) / SYNC_BUCKET_NS_MIN).checked_ilog2().map_or(0, |n| n + 1);
        self.buckets[(at as usize).min(SYNC_BUCKETS - 1)].fetch_add(1, Ordering::Relaxed);
    }
}

/// Times that groups of records took to sync, since opening.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SyncTimes {
    /// Sum of all times, nanoseconds.
    pub sum_ns: u64,
    /// Number of groups per bucket; bounds as in [`SYNC_BUCKET_NS_MIN`].
    pub buckets: [u64; SYNC_BUCKETS],
}

/// Progress of a journal, readable from any thread.
#[derive(Clone, Debug)]
pub struct Watch {
    pub(crate) written: Arc<Written>,
    pub(crate) durable: Arc<AtomicU64>,
    pub(crate) progress: Arc<Progress>,
}

impl Watch {
    /// Sequence of the last appended record.
    pub fn written(&self) -> u64 {
        self.written.sequence.load(Ordering::Acquire)
    }

    /// The last sequence known to be on disk.
    pub fn durable(&self) -> u64 {
        self.durable.load(Ordering::Acquire)
    }

    /// Bytes appended since opening, plus the bytes that the first segment already held.
    pub fn written_bytes(&self) -> u64 {
        let rolled = self.progress.rolled_bytes.load(Ordering::Acquire);
        rolled.saturating_add(self.written.offset.load(Ordering::Acquire))
    }

    /// Bytes of [`written_bytes`](Self::written_bytes) that are on disk. While a segment begins,
    /// this count may be the larger one for a moment.
    pub fn synced_bytes(&self) -> u64 {
        self.progress.synced_bytes.load(Ordering::Acquire)
    }

    /// Number of appends that waited for the next segment.
    pub fn stalls(&self) -> u64 {
        self.progress.stalls.load(Ordering::Relaxed)
    }

    /// True after a sync has failed: nothing more is written.
    pub fn has_failed(&self) -> bool {
        self.progress.failed.load(Ordering::Acquire)
    }

    /// Times that groups took to sync. Measured by the sync thread only, so empty under
    /// [`SyncMode::Stepped`](crate::SyncMode::Stepped).
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
