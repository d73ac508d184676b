//! Latency histograms and how they are told.

use hdrhistogram::Histogram;
use serde::Serialize;

/// Longest latency that is recorded, nanoseconds; a longer one counts as this.
pub const LATENCY_NS_MAX: u64 = 60_000_000_000;

/// Latencies in nanoseconds, three digits.
#[derive(Clone, Debug)]
pub struct Latencies(Histogram<u64>);

/// What is told of a histogram, nanoseconds.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Quantiles {
    /// Median.
    pub p50: u64,
    /// 99th percentile.
    pub p99: u64,
    /// 99.9th percentile.
    pub p999: u64,
    /// Longest.
    pub max: u64,
    /// How many.
    pub count: u64,
}

impl Default for Latencies {
    fn default() -> Self {
        match Histogram::new_with_max(LATENCY_NS_MAX, 3) {
            Ok(histogram) => Self(histogram),
            Err(error) => unreachable!("the bounds are constants: {error}"),
        }
    }
}

impl Latencies {
    /// Adds one.
    pub fn record(&mut self, ns: u64) {
        self.0.saturating_record(ns);
    }

    /// Adds another's.
    pub fn add(&mut self, other: &Self) {
        match self.0.add(&other.0) {
            Ok(()) => {}
            Err(error) => unreachable!("the bounds are equal: {error}"),
        }
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        self.0.reset();
    }

    /// What is told.
    pub fn quantiles(&self) -> Quantiles {
        let at = |q| self.0.value_at_quantile(q);
        Quantiles {
            p50: at(0.5),
            p99: at(0.99),
            p999: at(0.999),
            max: self.0.max(),
            count: self.0.len(),
        }
    }
}

/// Nanoseconds as people read them.
pub fn duration_text(ns: u64) -> String {
    match ns {
        0..10_000 => format!("{ns} ns"),
        10_000..10_000_000 => format!("{:.1} µs", ns as f64 / 1e3),
        10_000_000..10_000_000_000 => format!("{:.1} ms", ns as f64 / 1e6),
        _ => format!("{:.1} s", ns as f64 / 1e9),
    }
}
