//! Delays before a failed attempt is made again: exponential with jitter, reproducible from a seed.
//!
//! A line belongs here if it computes a delay. The attempt is the caller's.

/// Delays that double from `base_ns` up to `max_ns`. Each delay is drawn from the upper half of its
/// step, so that many nodes that lost a venue together do not reconnect together.
#[derive(Clone, Debug)]
pub struct Backoff {
    base_ns: u64,
    max_ns: u64,
    attempt: u32,
    state: u64,
}

impl Backoff {
    /// `base_ns` is the first step (at least 1), `max_ns` the largest, both in nanoseconds. Equal
    /// seeds give equal delays.
    pub const fn new(base_ns: u64, max_ns: u64, seed: u64) -> Self {
        let base_ns = if base_ns == 0 { 1 } else { base_ns };
        let max_ns = if max_ns < base_ns { base_ns } else { max_ns };
        Self { base_ns, max_ns, attempt: 0, state: seed }
    }

    /// The next delay in nanoseconds, from half of the step to the step.
    pub fn next_ns(&mut self) -> u64 {
        let factor = 1u64.checked_shl(self.attempt).unwrap_or(u64::MAX);
        let step = self.base_ns.saturating_mul(factor).min(self.max_ns);
        self.attempt = self.attempt.saturating_add(1);
        let half = step / 2;
        step - half + self.draw() % (half + 1)
    }

    /// An attempt has succeeded: the next step is the first again. The jitter continues.
    pub const fn reset(&mut self) {
        self.attempt = 0;
    }

    /// Number of delays since the last reset.
    pub const fn attempts(&self) -> u32 {
        self.attempt
    }

    /// `SplitMix64`, which is small and good enough to spread delays.
    const fn draw(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_the_largest_and_stay_in_the_upper_half() {
        let mut backoff = Backoff::new(100, 1_000, 1);
        for step in [100, 200, 400, 800, 1_000, 1_000] {
            let delay = backoff.next_ns();
            assert!((step / 2..=step).contains(&delay), "{delay} for step {step}");
        }
        backoff.reset();
        assert!(backoff.next_ns() <= 100);
    }

    #[test]
    fn the_same_seed_gives_the_same_delays_and_nothing_overflows() {
        let mut one = Backoff::new(u64::MAX / 2, u64::MAX, 9);
        let mut two = one.clone();
        for _ in 0..200 {
            assert_eq!(one.next_ns(), two.next_ns());
        }
        assert_eq!(one.attempts(), 200);
    }

    #[test]
    fn different_seeds_spread() {
        let first = Backoff::new(1_000_000, 1_000_000, 1).next_ns();
        let second = Backoff::new(1_000_000, 1_000_000, 2).next_ns();
        assert_ne!(first, second);
    }
}
