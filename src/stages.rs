//! How long each stage took, from the client's bytes to the venue's and back.
//!
//! Each thread records into histograms of its own and hands them over now and then: nothing on the
//! hot path takes a lock that somebody may hold.

use std::sync::{Arc, Mutex, PoisonError};

use hdrhistogram::Histogram;

use crate::rings::OutputEnvelope;

/// Longest time that is recorded, nanoseconds; a longer one counts as this.
pub const STAGE_NS_MAX: u64 = 60_000_000_000;

/// Hands over when this many were recorded.
const HAND_OVER_EVERY: u64 = 256;

/// One step of an order on its way to a venue, or of a venue's answer on its way to a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Bytes read, until the input is in the ring.
    Decode,
    /// In the input ring.
    InputRing,
    /// Journal, decide, until the output is in the ring.
    Core,
    /// In the output ring, encode, until the write call has returned.
    Send,
    /// All of it.
    Total,
}

impl Stage {
    /// All stages, in order.
    pub const ALL: [Self; 5] = [Self::Decode, Self::InputRing, Self::Core, Self::Send, Self::Total];

    /// Its name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Decode => "decode",
            Self::InputRing => "input_ring",
            Self::Core => "core",
            Self::Send => "send",
            Self::Total => "total",
        }
    }
}

/// Which way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Path {
    /// From a client's bytes to a venue's.
    Order,
    /// From a venue's bytes to a client's.
    Report,
}

impl Path {
    /// Its name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Order => "order",
            Self::Report => "report",
        }
    }
}

fn histogram() -> Histogram<u64> {
    // The bounds are constants: three digits up to a minute.
    Histogram::new_with_max(STAGE_NS_MAX, 3).unwrap_or_else(|_| unreachable_bounds())
}

fn unreachable_bounds() -> Histogram<u64> {
    panic!("the bounds of the stage histograms are sound")
}

/// Histograms of one path, shared with whoever reports them.
#[derive(Clone, Debug)]
pub struct SharedStages(Arc<Mutex<Vec<Histogram<u64>>>>);

impl Default for SharedStages {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Stage::ALL.iter().map(|_| histogram()).collect())))
    }
}

impl SharedStages {
    /// p50, p99, p99.9, max and count of each stage, nanoseconds.
    pub fn summary(&self) -> Vec<(Stage, [u64; 5])> {
        let shared = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let of = |h: &Histogram<u64>| {
            let at = |q| h.value_at_quantile(q);
            [at(0.5), at(0.99), at(0.999), h.max(), h.len()]
        };
        Stage::ALL.into_iter().zip(shared.iter().map(of)).collect()
    }
}

/// One thread's own histograms of one path.
#[derive(Debug)]
pub struct StageRecorder {
    own: Vec<Histogram<u64>>,
    recorded: u64,
    shared: SharedStages,
}

impl StageRecorder {
    /// Records for `shared`.
    pub fn new(shared: SharedStages) -> Self {
        Self { own: Stage::ALL.iter().map(|_| histogram()).collect(), recorded: 0, shared }
    }

    /// One output has been written.
    pub fn record(&mut self, envelope: &OutputEnvelope, written_ns: u64) {
        let times = [
            envelope.published_ns.saturating_sub(envelope.arrived_ns),
            envelope.taken_ns.saturating_sub(envelope.published_ns),
            envelope.decided_ns.saturating_sub(envelope.taken_ns),
            written_ns.saturating_sub(envelope.decided_ns),
            written_ns.saturating_sub(envelope.arrived_ns),
        ];
        for (own, ns) in self.own.iter_mut().zip(times) {
            own.saturating_record(ns);
        }
        self.recorded += 1;
        if self.recorded.is_multiple_of(HAND_OVER_EVERY) {
            self.hand_over();
        }
    }

    /// Adds what was recorded to the shared histograms, unless somebody is reading them just now.
    pub fn hand_over(&mut self) {
        let Ok(mut shared) = self.shared.0.try_lock() else { return };
        for (shared, own) in shared.iter_mut().zip(&mut self.own) {
            if shared.add(&*own).is_ok() {
                own.reset();
            }
        }
    }
}
