//! Counts of durations by size: what a histogram of metrics shows.
//!
//! A line belongs here if it counts a duration. Which durations are measured is `stages` and
//! `metrics`.

/// Longest duration that is told apart, nanoseconds; a longer one counts as this.
pub const DURATION_NS_MAX: u64 = 60_000_000_000;

/// Upper bounds of the buckets that metrics show, nanoseconds: 1, 2, 5 a decade from 1 µs to 10 s.
/// What took longer is only in the count.
pub const BUCKETS_NS: [u64; 22] = [
    1_000,
    2_000,
    5_000,
    10_000,
    20_000,
    50_000,
    100_000,
    200_000,
    500_000,
    1_000_000,
    2_000_000,
    5_000_000,
    10_000_000,
    20_000_000,
    50_000_000,
    100_000_000,
    200_000_000,
    500_000_000,
    1_000_000_000,
    2_000_000_000,
    5_000_000_000,
    10_000_000_000,
];

/// Times in [`BUCKETS_NS`]; the last bucket has no upper bound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Buckets {
    /// Sum of all times, nanoseconds.
    pub sum_ns: u64,
    /// How many fell into each.
    pub counts: [u64; BUCKETS_NS.len() + 1],
}

impl Buckets {
    /// Adds one time, nanoseconds.
    pub fn record(&mut self, ns: u64) {
        self.sum_ns = self.sum_ns.saturating_add(ns);
        let at = BUCKETS_NS.partition_point(|bound| *bound < ns);
        if let Some(count) = self.counts.get_mut(at) {
            *count += 1;
        }
    }

    /// How many durations were counted.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Adds others to these.
    pub fn add(&mut self, others: &Self) {
        self.sum_ns = self.sum_ns.saturating_add(others.sum_ns);
        self.counts.iter_mut().zip(&others.counts).for_each(|(count, other)| *count += other);
    }

    /// The upper bound of the bucket in which that part of them (in thousandths) has come to its
    /// end; zero if there is none. What is beyond all bounds has [`DURATION_NS_MAX`].
    pub fn within(&self, thousandths: u64) -> u64 {
        let wanted = (self.count() * thousandths).div_ceil(1_000).max(1);
        let mut seen = 0;
        let at = self.counts.iter().position(|count| {
            seen += count;
            seen >= wanted
        });
        at.map_or(0, |at| BUCKETS_NS.get(at).copied().unwrap_or(DURATION_NS_MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_falls_into_the_first_bucket_whose_bound_it_does_not_pass() {
        let mut buckets = Buckets::default();
        for ns in [0, 1_000, 1_001, u64::MAX] {
            buckets.record(ns);
        }
        assert_eq!((buckets.counts[0], buckets.counts[1], buckets.count()), (2, 1, 4));
        assert_eq!((buckets.counts[BUCKETS_NS.len()], buckets.sum_ns), (1, u64::MAX));
    }
}
