//! Counters of alerts, for metrics.

use std::sync::atomic::{AtomicU64, Ordering};

use super::conditions::Severity;

/// Final result of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryOutcome {
    /// The webhook accepted the message.
    Delivered = 0,
    /// The sink does not want it.
    Refused = 1,
    /// The message became too old before it was delivered.
    Expired = 2,
    /// The queue was full.
    Dropped = 3,
}

/// Names of [`DeliveryOutcome`], in its order.
const FATES: [&str; 4] = ["delivered", "refused", "expired", "dropped"];

/// The counts of one sink.
#[derive(Debug, Default)]
pub struct SinkCounts {
    name: String,
    fates: [AtomicU64; FATES.len()],
    failures: AtomicU64,
    waiting: AtomicU64,
}

impl SinkCounts {
    pub(super) fn count(&self, fate: DeliveryOutcome) {
        if let Some(count) = self.fates.get(fate as usize) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(super) fn failed(&self) {
        self.failures.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn show_waiting(&self, waiting: usize) {
        self.waiting.store(waiting as u64, Ordering::Relaxed);
    }

    /// The sink's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Number of messages by final result.
    pub fn fates(&self) -> [(&'static str, u64); FATES.len()] {
        std::array::from_fn(|at| (FATES[at], self.fates[at].load(Ordering::Relaxed)))
    }

    /// Attempts that failed and may be made again.
    pub fn failures(&self) -> u64 {
        self.failures.load(Ordering::Relaxed)
    }

    /// Number of messages that wait.
    pub fn waiting(&self) -> u64 {
        self.waiting.load(Ordering::Relaxed)
    }
}

/// Counters of all webhooks; empty without `[alerts]`.
#[derive(Debug, Default)]
pub struct AlertGauges {
    firing: [AtomicU64; Severity::ALL.len()],
    sinks: Vec<SinkCounts>,
}

impl AlertGauges {
    /// Counters for webhooks of these names.
    pub fn new(names: impl Iterator<Item = String>) -> Self {
        let sinks = names.map(|name| SinkCounts { name, ..SinkCounts::default() });
        Self { firing: Default::default(), sinks: sinks.collect() }
    }

    pub(super) fn show_firing(&self, firing: &[(Severity, u64); Severity::ALL.len()]) {
        for (shown, (_, count)) in self.firing.iter().zip(firing) {
            shown.store(*count, Ordering::Relaxed);
        }
    }

    pub(super) fn sink(&self, at: usize) -> Option<&SinkCounts> {
        self.sinks.get(at)
    }

    /// Alerts that fire, by severity; none if nobody is told.
    pub fn firing(&self) -> Vec<(Severity, u64)> {
        if self.sinks.is_empty() {
            return Vec::new();
        }
        let counts = self.firing.iter().map(|count| count.load(Ordering::Relaxed));
        Severity::ALL.into_iter().zip(counts).collect()
    }

    /// The counts of each sink.
    pub fn sinks(&self) -> &[SinkCounts] {
        &self.sinks
    }
}
