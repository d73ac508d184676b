//! A venue's call counter: each call adds its cost, and the counter decays with time.
//!
//! A line belongs here if it paces calls under such a counter. A limit of so many calls in a time
//! is [`TokenBucket`](rutter_core::rate::TokenBucket).

/// The counter's limit. The venue also counts calls that others make with the same key, so the
/// limit given here should stay below the account's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallLimit {
    /// Most that the counter may hold.
    pub counter_max: u32,
    /// What the counter loses, in thousandths a second.
    pub decay_milli_per_s: u32,
}

/// The venue's call counter, as far as our own calls add to it.
#[derive(Clone, Debug)]
pub struct CallCounter {
    limit: CallLimit,
    /// In thousandths, at `at_ns`.
    level_milli: u64,
    at_ns: u64,
}

impl CallCounter {
    /// An empty counter.
    pub const fn new(limit: CallLimit) -> Self {
        Self { limit, level_milli: 0, at_ns: 0 }
    }

    fn level(&self, now_ns: u64) -> u64 {
        let passed_ms = now_ns.saturating_sub(self.at_ns) / 1_000_000;
        let decayed = passed_ms.saturating_mul(u64::from(self.limit.decay_milli_per_s)) / 1_000;
        self.level_milli.saturating_sub(decayed)
    }

    /// The earliest time, not before `now_ns`, at which a call of that cost fits.
    pub fn ready_ns(&self, cost: u32, now_ns: u64) -> u64 {
        let now_ns = now_ns.max(self.at_ns);
        let room = u64::from(self.limit.counter_max.saturating_sub(cost)) * 1_000;
        let excess = self.level(now_ns).saturating_sub(room);
        let wait_ms = (excess * 1_000).div_ceil(u64::from(self.limit.decay_milli_per_s).max(1));
        now_ns.saturating_add(wait_ms.saturating_mul(1_000_000))
    }

    /// A call of that cost is made.
    pub fn add(&mut self, cost: u32, now_ns: u64) {
        self.level_milli = self.level(now_ns) + u64::from(cost) * 1_000;
        self.at_ns = now_ns;
    }

    /// The venue says that the counter is full.
    pub fn fill(&mut self, now_ns: u64) {
        self.level_milli = u64::from(self.limit.counter_max) * 1_000;
        self.at_ns = now_ns;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND_NS: u64 = 1_000_000_000;

    #[test]
    fn calls_are_paced_below_the_venues_counter() {
        let limit = CallLimit { counter_max: 3, decay_milli_per_s: 500 };
        let mut counter = CallCounter::new(limit);
        let mut now_ns = 1_000 * SECOND_NS;
        let start_ns = now_ns;
        for _ in 0..20 {
            now_ns = counter.ready_ns(2, now_ns);
            counter.add(2, now_ns);
            assert!(counter.level(now_ns) <= 3_000);
        }
        // 40 points, 3 of them at once, half a point a second.
        assert_eq!((now_ns - start_ns) / SECOND_NS, 74);
        counter.fill(now_ns);
        assert_eq!(counter.ready_ns(1, now_ns), now_ns + 2 * SECOND_NS);
    }
}
