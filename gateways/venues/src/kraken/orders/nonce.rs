//! The nonce of signed calls: a number that must rise with each call of a key.
//!
//! A line belongs here if it decides the next nonce.
//!
//! The nonce is the Unix time in milliseconds, so that it rises over restarts too. If our clock was
//! set back, or another program uses the key with larger numbers, the venue refuses each call. The
//! nonce then goes ahead, by a step that doubles with each refusal, until the venue takes it.

/// The first step ahead after a refusal, in milliseconds.
const STEP_MS: u64 = 1_000;

/// The longest step, in milliseconds: ten years. Programs that count in microseconds are beyond it,
/// and need a key of their own.
const STEP_MAX_MS: u64 = 10 * 365 * 86_400_000;

/// The nonce of one key.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Nonce {
    last: u64,
    /// Calls in a row that the venue has refused for their nonce.
    refusals: u32,
    /// Steps taken so far, in milliseconds.
    ahead_ms: u64,
}

impl Nonce {
    /// The nonce of a call that is made now.
    pub fn next(&mut self, now_ns: u64) -> u64 {
        let timely = (now_ns / 1_000_000).saturating_add(self.ahead_ms);
        self.last = timely.max(self.last.saturating_add(1));
        self.last
    }

    /// A call was answered, and perhaps `refused` for its nonce.
    pub fn answered(&mut self, refused: bool) {
        if !refused {
            self.refusals = 0;
            return;
        }
        let factor = 1u64.checked_shl(self.refusals).unwrap_or(u64::MAX);
        let step_ms = STEP_MS.saturating_mul(factor).min(STEP_MAX_MS);
        self.ahead_ms = self.ahead_ms.saturating_add(step_ms).min(STEP_MAX_MS);
        self.refusals = self.refusals.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_700_000_000_000_000_000;

    #[test]
    fn nonces_rise_with_the_time_and_within_a_millisecond() {
        let mut nonce = Nonce::default();
        assert_eq!(nonce.next(NOW), 1_700_000_000_000);
        assert_eq!(nonce.next(NOW), 1_700_000_000_001);
        assert_eq!(nonce.next(NOW - 5_000_000_000), 1_700_000_000_002, "the clock was set back");
    }

    /// Our clock was an hour ahead when the key was used last.
    #[test]
    fn refusals_lead_ahead_until_the_venue_takes_the_nonce() {
        let mut nonce = Nonce::default();
        let used = NOW / 1_000_000 + 3_600_000;
        let mut calls = 0;
        while nonce.next(NOW) <= used {
            nonce.answered(true);
            calls += 1;
        }
        nonce.answered(false);
        assert_eq!(calls, 12, "1 s, 3 s, 7 s, and so on");
        let taken = nonce.next(NOW + 1_000_000_000);
        assert!(taken > used && taken < used + 3_600_000, "{taken}");
    }

    #[test]
    fn the_way_ahead_ends() {
        let mut nonce = Nonce::default();
        for _ in 0..1_000 {
            nonce.answered(true);
        }
        assert_eq!(nonce.next(NOW), NOW / 1_000_000 + STEP_MAX_MS);
    }
}
