//! Latency histograms, ratios of repeated rounds, and how both are printed.
//!
//! A line belongs here if it reduces many measurements to a few numbers, or prints such a number.

use hdrhistogram::Histogram;
use serde::Serialize;

/// Longest latency that is recorded, nanoseconds; a longer one counts as this.
pub const LATENCY_NS_MAX: u64 = 60_000_000_000;

/// Latencies in nanoseconds, to three significant digits.
#[derive(Clone, Debug)]
pub struct Latencies(Histogram<u64>);

/// The printed part of a histogram, in nanoseconds.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Quantiles {
    /// Median.
    pub p50: u64,
    /// 99th percentile.
    pub p99: u64,
    /// 99.9th percentile.
    pub p999: u64,
    /// Longest latency.
    pub max: u64,
    /// Number of latencies.
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
    /// Records one latency.
    pub fn record(&mut self, ns: u64) {
        self.0.saturating_record(ns);
    }

    /// Adds all latencies of another histogram.
    pub fn add(&mut self, other: &Self) {
        match self.0.add(&other.0) {
            Ok(()) => {}
            Err(error) => unreachable!("the bounds are equal: {error}"),
        }
    }

    /// Removes all latencies.
    pub fn clear(&mut self) {
        self.0.reset();
    }

    /// The printed part.
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

/// Nanoseconds for people: in ns below 10 µs, in µs below 10 ms, in ms below 10 s, then in s.
pub fn duration_text(ns: u64) -> String {
    match ns {
        0..10_000 => format!("{ns} ns"),
        10_000..10_000_000 => format!("{:.1} µs", ns as f64 / 1e3),
        10_000_000..10_000_000_000 => format!("{:.1} ms", ns as f64 / 1e6),
        _ => format!("{:.1} s", ns as f64 / 1e9),
    }
}

/// A measurement that was repeated in several rounds.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Ratio {
    /// Median of the rounds.
    pub median: f64,
    /// A quarter of the rounds is at or below.
    pub lower_quartile: f64,
    /// A quarter of the rounds is at or above.
    pub upper_quartile: f64,
    /// Smallest round.
    pub least: f64,
    /// Largest round.
    pub most: f64,
}

/// Median, quartiles and extremes of the rounds; zeros when there was no round.
pub(crate) fn spread(mut rounds: Vec<f64>) -> Ratio {
    rounds.sort_by(f64::total_cmp);
    let last = rounds.len().saturating_sub(1);
    let at = |quarter: usize| rounds.get(last * quarter / 4).copied().unwrap_or(0.0);
    Ratio { median: at(2), lower_quartile: at(1), upper_quartile: at(3), least: at(0), most: at(4) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_spread_is_read_off_the_sorted_rounds() {
        let ratio = spread(vec![5.0, 1.0, 3.0, 2.0, 4.0]);
        let told = [ratio.least, ratio.lower_quartile, ratio.median, ratio.upper_quartile];
        assert_eq!(told.map(f64::to_bits), [1.0, 2.0, 3.0, 4.0].map(f64::to_bits));
    }
}
