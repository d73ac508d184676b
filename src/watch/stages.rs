//! Time in each stage, from the client's bytes in the kernel to the venue's write and back.
//!
//! A thread that carries orders puts the stage times into a bounded lock-free queue. The read
//! model's thread makes histograms. If that thread is too slow, samples are dropped and counted:
//! measuring must not slow orders down.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crossbeam::queue::ArrayQueue;
use hdrhistogram::Histogram;

use super::buckets::{Buckets, DURATION_NS_MAX};
use crate::node::rings::OutputEnvelope;

/// Most samples of one path that wait; further ones are dropped.
pub const SAMPLES_MAX: usize = 1 << 16;

/// One step of an order to a venue, or of a venue's answer to a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// From the kernel's receive timestamp to reading the bytes: waiting in the socket.
    Receive,
    /// From reading the bytes to writing the input to the ring.
    Decode,
    /// From being put into the input ring until the core takes it.
    InputRing,
    /// From taking the input to writing the output to the ring: journal and decision.
    Core,
    /// From the output ring to the return of the write call: encoding included.
    Send,
    /// The whole path.
    Total,
}

impl Stage {
    /// All stages, in order.
    pub const ALL: [Self; 6] =
        [Self::Receive, Self::Decode, Self::InputRing, Self::Core, Self::Send, Self::Total];

    /// The stage's name in metrics and answers.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Receive => "receive",
            Self::Decode => "decode",
            Self::InputRing => "input_ring",
            Self::Core => "core",
            Self::Send => "send",
            Self::Total => "total",
        }
    }
}

/// The direction of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Path {
    /// From a client's bytes to a venue's.
    Order,
    /// From a venue's bytes to a client's.
    Report,
}

impl Path {
    /// The path's name in metrics and answers.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Order => "order",
            Self::Report => "report",
        }
    }
}

/// Nanoseconds of each of [`Stage::ALL`].
type Durations = [u64; Stage::ALL.len()];

/// When one output and what caused it passed each stage, nanoseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StageTimes {
    /// When the kernel received the bytes that caused the input.
    pub received: u64,
    /// When these bytes were read.
    pub read: u64,
    /// When that input was published.
    pub published: u64,
    /// When the core took the input.
    pub taken: u64,
    /// When the core published the output.
    pub decided: u64,
}

impl StageTimes {
    /// The times of an output.
    pub const fn of(envelope: &OutputEnvelope) -> Self {
        Self {
            received: envelope.arrival.received_ns,
            read: envelope.arrival.read_ns,
            published: envelope.published_ns,
            taken: envelope.taken_ns,
            decided: envelope.decided_ns,
        }
    }

    /// What each of [`Stage::ALL`] took.
    const fn durations(&self, written: u64) -> Durations {
        [
            self.read.saturating_sub(self.received),
            self.published.saturating_sub(self.read),
            self.taken.saturating_sub(self.published),
            self.decided.saturating_sub(self.taken),
            written.saturating_sub(self.decided),
            written.saturating_sub(self.received),
        ]
    }
}

/// The sender's or gateway's end of one path: any number of threads may record.
#[derive(Clone, Debug)]
pub struct StageRecorder {
    samples: Arc<ArrayQueue<Durations>>,
    dropped: Arc<AtomicU64>,
}

impl StageRecorder {
    /// One output has been written.
    #[inline]
    pub fn record(&self, passage: &StageTimes, written_ns: u64) {
        if self.samples.push(passage.durations(written_ns)).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Histograms of one path.
#[derive(Debug)]
pub struct StageHistograms {
    recorder: StageRecorder,
    histograms: Vec<Histogram<u64>>,
    buckets: [Buckets; Stage::ALL.len()],
}

impl Default for StageHistograms {
    fn default() -> Self {
        let recorder = StageRecorder {
            samples: Arc::new(ArrayQueue::new(SAMPLES_MAX)),
            dropped: Arc::new(AtomicU64::new(0)),
        };
        let histograms = Stage::ALL.iter().map(|_| histogram()).collect();
        Self { recorder, histograms, buckets: Default::default() }
    }
}

fn histogram() -> Histogram<u64> {
    // The bounds are constants: three digits up to a minute.
    Histogram::new_with_max(DURATION_NS_MAX, 3)
        .unwrap_or_else(|_| panic!("the bounds of the stage histograms are sound"))
}

impl StageHistograms {
    /// For a thread that writes outputs.
    pub fn recorder(&self) -> StageRecorder {
        self.recorder.clone()
    }

    /// Adds the samples recorded since the last call.
    pub fn collect(&mut self) {
        // At most what fits, so that recording threads cannot hold this one for ever.
        for _ in 0..SAMPLES_MAX {
            let Some(durations) = self.recorder.samples.pop() else { return };
            let each = self.histograms.iter_mut().zip(&mut self.buckets);
            for ((histogram, buckets), ns) in each.zip(durations) {
                histogram.saturating_record(ns);
                buckets.record(ns);
            }
        }
    }

    /// Samples that were dropped because [`SAMPLES_MAX`] waited.
    pub fn dropped(&self) -> u64 {
        self.recorder.dropped.load(Ordering::Relaxed)
    }

    /// Each stage's times in the buckets that metrics show.
    pub fn buckets(&self) -> impl Iterator<Item = (Stage, Buckets)> + '_ {
        Stage::ALL.into_iter().zip(self.buckets)
    }

    /// p50, p99, p99.9, max and count of each stage, nanoseconds.
    pub fn summary(&self) -> impl Iterator<Item = (Stage, [u64; 5])> + '_ {
        let of = |h: &Histogram<u64>| {
            let at = |q| h.value_at_quantile(q);
            [at(0.5), at(0.99), at(0.999), h.max(), h.len()]
        };
        Stage::ALL.into_iter().zip(self.histograms.iter().map(of))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSAGE: StageTimes =
        StageTimes { received: 60, read: 100, published: 110, taken: 130, decided: 170 };

    #[test]
    fn each_stage_is_the_time_between_two_marks() {
        let mut path = StageHistograms::default();
        path.recorder().record(&PASSAGE, 250);
        path.collect();
        let p50: Vec<u64> = path.summary().map(|(_, [p50, ..])| p50).collect();
        assert_eq!(p50, [40, 10, 20, 40, 80, 190]);
    }

    #[test]
    fn samples_beyond_the_limit_are_dropped_and_counted() {
        let mut path = StageHistograms::default();
        let recorder = path.recorder();
        for _ in 0..SAMPLES_MAX + 3 {
            recorder.record(&PASSAGE, 250);
        }
        assert_eq!(path.dropped(), 3);
        path.collect();
        assert!(path.summary().all(|(_, [.., count])| count == SAMPLES_MAX as u64));
    }
}
