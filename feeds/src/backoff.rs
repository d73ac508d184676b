//! How long to wait before trying again: exponential with jitter, reproducible from a seed.
//!
//! A line belongs here if it computes a delay. What is tried again is the venue's module.

/// Delays that double from `base_ns` up to `max_ns`; each is drawn from its upper half, so that
/// many feeds that lost a venue together do not come back together.
#[derive(Clone, Debug)]
pub struct Backoff {
    base_ns: u64,
    max_ns: u64,
    attempt: u32,
    state: u64,
}

impl Backoff {
    /// `base_ns` is the first delay (at least 1), `max_ns` the largest. Equal seeds give equal
    /// delays.
    pub fn new(base_ns: u64, max_ns: u64, seed: u64) -> Self {
        let base_ns = base_ns.max(1);
        Self { base_ns, max_ns: max_ns.max(base_ns), attempt: 0, state: seed }
    }

    /// The next delay in nanoseconds, between half of the step and the step.
    pub fn next_ns(&mut self) -> u64 {
        let factor = 1u64.checked_shl(self.attempt).unwrap_or(u64::MAX);
        let step = self.base_ns.saturating_mul(factor).min(self.max_ns);
        self.attempt = self.attempt.saturating_add(1);
        let half = step / 2;
        step - half + self.draw() % (half + 1)
    }

    /// After success: the next delay is the first again. The jitter goes on where it was.
    pub const fn reset(&mut self) {
        self.attempt = 0;
    }

    /// Delays asked for since the last reset.
    pub const fn attempts(&self) -> u32 {
        self.attempt
    }

    /// `SplitMix64`: small, and good enough to spread delays.
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
    fn delays_double_up_to_the_largest_and_repeat_from_a_seed() {
        let mut one = Backoff::new(100, 1_000, 5);
        let mut two = one.clone();
        for step in [100, 200, 400, 800, 1_000, 1_000] {
            let delay = one.next_ns();
            assert!((step / 2..=step).contains(&delay), "{delay} for step {step}");
            assert_eq!(delay, two.next_ns());
        }
        one.reset();
        assert!(one.next_ns() <= 100);
    }
}
