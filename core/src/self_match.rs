//! How long an order keeps away from a venue that would have matched it with another order of our
//! account.
//!
//! A line belongs here if it is about the length of that wait. The other order may be none of this
//! node's and rest for days, and nobody tells when it is gone.

use crate::number::UnixNanos;

/// The first wait, in nanoseconds. Each further one is twice as long.
pub const SELF_MATCH_NS: u64 = 1_000_000_000;

/// The longest wait, in nanoseconds. Waits that have been over for as long are forgotten.
pub const SELF_MATCH_MAX_NS: u64 = 60_000_000_000;

/// The waits of one order.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SelfMatches {
    count: u8,
    ends: UnixNanos,
}

impl SelfMatches {
    /// Begins a wait.
    pub fn note(&mut self, now: UnixNanos) {
        if now.since(self.ends) > SELF_MATCH_MAX_NS {
            self.count = 0;
        }
        let factor = 1_u64.checked_shl(u32::from(self.count)).unwrap_or(u64::MAX);
        let wait_ns = SELF_MATCH_NS.saturating_mul(factor).min(SELF_MATCH_MAX_NS);
        self.count = self.count.saturating_add(1);
        self.ends = UnixNanos(now.0.saturating_add(wait_ns));
    }

    /// Whether no wait lasts.
    pub fn are_over(&self, now: UnixNanos) -> bool {
        now >= self.ends
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_wait_is_twice_as_long_up_to_the_longest_and_old_ones_are_forgotten() {
        let mut waits = SelfMatches::default();
        let mut now = UnixNanos(1_700_000_000_000_000_000);
        for seconds in [1, 2, 4, 8, 16, 32, 60, 60, 60] {
            waits.note(now);
            now.0 += seconds * SELF_MATCH_NS - 1;
            assert!(!waits.are_over(now), "{seconds}");
            now.0 += 1;
            assert!(waits.are_over(now), "{seconds}");
        }
        now.0 += SELF_MATCH_MAX_NS + 1;
        waits.note(now);
        now.0 += SELF_MATCH_NS;
        assert!(waits.are_over(now), "a second again");
        for _ in 0..300 {
            waits.note(now);
        }
        assert!(!waits.are_over(UnixNanos(now.0 + SELF_MATCH_MAX_NS - 1)));
    }
}
