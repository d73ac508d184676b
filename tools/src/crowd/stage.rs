//! The core's own stage, from the node's metrics: the 99th percentile between two scrapes.
//!
//! A line belongs here if it reads that histogram. Its buckets end at 1, 2 and 5 of each decade.
//! Times within one bucket are taken as evenly spread, so the percentile is an estimate.

use serde::Serialize;

use crate::quantiles::{Ratio, duration_text, spread};

/// Upper bound of each bucket in seconds, with the number of times at or below the bound.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Stage(Vec<(f64, u64)>);

impl Stage {
    /// Reads the core's stage of orders from a page of metrics; `None` if the page has no such
    /// stage.
    pub fn read(page: &str) -> Option<Self> {
        let name = "rutter_stage_duration_seconds_bucket{";
        let mut buckets = Vec::new();
        for line in page.lines().filter_map(|line| line.strip_prefix(name)) {
            let (labels, count) = line.rsplit_once("} ")?;
            if labels.contains("path=\"order\"") && labels.contains("stage=\"core\"") {
                let bound = labels.split("le=\"").nth(1)?.split('"').next()?;
                let bound = if bound == "+Inf" { f64::INFINITY } else { bound.parse().ok()? };
                buckets.push((bound, count.trim().parse().ok()?));
            }
        }
        (!buckets.is_empty()).then_some(Self(buckets))
    }

    /// The times since an earlier scrape.
    pub fn since(&self, earlier: &Self) -> Self {
        let before = |at: usize| earlier.0.get(at).map_or(0, |(_, count)| *count);
        let each = self.0.iter().enumerate();
        Self(each.map(|(at, (bound, count))| (*bound, count.saturating_sub(before(at)))).collect())
    }

    /// The 99th percentile in nanoseconds; zero without any times.
    pub fn p99_ns(&self) -> f64 {
        let total = self.0.last().map_or(0, |(_, count)| *count);
        let wanted = total as f64 * 0.99;
        let (mut below, mut counted) = (0.0, 0.0);
        for (bound, count) in &self.0 {
            let count = *count as f64;
            if count >= wanted && count > counted {
                let upper = if bound.is_finite() { *bound } else { below };
                return (below + (upper - below) * (wanted - counted) / (count - counted)) * 1e9;
            }
            (below, counted) = (*bound, count);
        }
        0.0
    }
}

/// The printed 99th percentiles of the core, without and with watching operators.
#[derive(Debug, Serialize)]
pub struct CoreLine {
    crowd: &'static str,
    p99_without_ns: Ratio,
    p99_with_ns: Ratio,
    p99_ratio: Ratio,
}

impl CoreLine {
    /// The result of all rounds, each as the percentile without and with operators.
    pub fn of(rounds: &[[f64; 2]]) -> Self {
        let ratio = |[without, with]: &[f64; 2]| with / without.max(1.0);
        Self {
            crowd: "watched_core",
            p99_without_ns: spread(rounds.iter().map(|[without, _]| *without).collect()),
            p99_with_ns: spread(rounds.iter().map(|[_, with]| *with).collect()),
            p99_ratio: spread(rounds.iter().map(ratio).collect()),
        }
    }

    /// Prints one line for people.
    pub fn print(&self) {
        let Ratio { median, lower_quartile, upper_quartile, .. } = self.p99_ratio;
        println!(
            "the core's own p99 while watched: {} without, {} with; of the same round {median:.2} \
             ({lower_quartile:.2} to {upper_quartile:.2})\n",
            duration_text(self.p99_without_ns.median as u64),
            duration_text(self.p99_with_ns.median as u64),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_p99_of_what_lies_between_two_looks_is_found_in_its_bucket() {
        let name = "rutter_stage_duration_seconds_bucket";
        let line = |path: &str, bound: &str, count: u64| {
            format!("{name}{{path=\"{path}\",stage=\"core\",le=\"{bound}\"}} {count}\n")
        };
        let page = |counts: [u64; 3]| {
            let bounds = ["0.00001", "0.00002", "+Inf"];
            let lines = bounds.iter().zip(counts).map(|(b, c)| line("order", b, c));
            line("report", "1.0", 7) + &lines.collect::<String>()
        };
        let before = Stage::read(&page([5, 5, 5])).expect("there");
        let after = Stage::read(&page([985, 1_005, 1_005])).expect("there");
        let p99_ns = after.since(&before).p99_ns();
        assert!((p99_ns - 15_000.0).abs() < 1.0, "half of the way through its bucket: {p99_ns}");
        assert!(before.since(&before).p99_ns().abs() < 1.0);
        assert_eq!(Stage::read(&line("report", "1.0", 7)), None);
    }
}
