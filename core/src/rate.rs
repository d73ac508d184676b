//! Rate limits: a window that counts events, and a bucket that hands out tokens.
//!
//! A line belongs here if it limits how often something happens and needs nothing but the time.
//! What is limited, and what happens beyond the limit, is the caller's.
//!
//! Times are nanoseconds of any clock that never goes back; all calls on one limiter use the same
//! clock. A time before an earlier one counts as the earlier one. Nothing here allocates.

/// Counts events in windows of a fixed length.
///
/// A window begins with the first event after the end of the window before it, so up to twice the
/// limit may pass within one window's length. The caller gives the length with each call: it may
/// change while a window is open. A venue's limits, which are held exactly, are `crate::budget`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RateWindow {
    started_ns: u64,
    counted: u32,
}

impl RateWindow {
    /// No event has been counted.
    pub const fn new() -> Self {
        Self { started_ns: 0, counted: 0 }
    }

    /// Counts one event and returns the number of events in its window, this one included.
    #[inline]
    pub const fn count(&mut self, now_ns: u64, window_ns: u64) -> u32 {
        if !self.is_open(now_ns, window_ns) {
            (self.started_ns, self.counted) = (now_ns, 0);
        }
        self.counted = self.counted.saturating_add(1);
        self.counted
    }

    /// Whether `limit` events or more were counted in the window that is open now.
    ///
    /// False while no window is open, so the first event of a window passes under any limit.
    #[inline]
    pub const fn is_full(&self, now_ns: u64, window_ns: u64, limit: u32) -> bool {
        self.is_open(now_ns, window_ns) && self.counted >= limit
    }

    /// When the present window ends.
    #[inline]
    pub const fn ends_ns(&self, window_ns: u64) -> u64 {
        self.started_ns.saturating_add(window_ns)
    }

    const fn is_open(&self, now_ns: u64, window_ns: u64) -> bool {
        now_ns.saturating_sub(self.started_ns) < window_ns
    }
}

/// Hands out tokens: `size` of them at once, and one more for each `token_ns` that has passed.
///
/// Fractions of a token are kept, so the long-term rate is exactly one token per `token_ns`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenBucket {
    size: u64,
    token_ns: u64,
    tokens: u64,
    /// The time up to which earned tokens have been put into the bucket.
    earned_upto_ns: u64,
}

impl TokenBucket {
    /// A full bucket of `size` tokens that earns one token per `token_ns`; both are at least 1.
    pub const fn new(size: u64, token_ns: u64) -> Self {
        assert!(size > 0 && token_ns > 0, "a bucket holds and earns tokens");
        Self { size, token_ns, tokens: size, earned_upto_ns: 0 }
    }

    /// Takes one token; false when there is none.
    pub const fn take(&mut self, now_ns: u64) -> bool {
        self.earn(now_ns);
        if self.tokens == 0 {
            return false;
        }
        self.tokens -= 1;
        true
    }

    /// The earliest time, not before `now_ns`, at which [`take`](Self::take) succeeds.
    pub const fn due_ns(&self, now_ns: u64) -> u64 {
        let earned_ns = self.earned_upto_ns.saturating_add(self.token_ns);
        if self.tokens > 0 || earned_ns < now_ns { now_ns } else { earned_ns }
    }

    const fn earn(&mut self, now_ns: u64) {
        let earned = now_ns.saturating_sub(self.earned_upto_ns) / self.token_ns;
        // A full bucket earns nothing: its next token takes a whole `token_ns` from now.
        if earned >= self.size - self.tokens {
            self.tokens = self.size;
            if now_ns > self.earned_upto_ns {
                self.earned_upto_ns = now_ns;
            }
        } else {
            self.tokens += earned;
            self.earned_upto_ns += earned * self.token_ns;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW_NS: u64 = 1_000;

    #[test]
    fn a_window_begins_with_an_event_and_ends_after_its_length() {
        let mut window = RateWindow::new();
        assert_eq!([5_000, 5_000, 5_999].map(|now| window.count(now, WINDOW_NS)), [1, 2, 3]);
        assert_eq!([6_000, 6_999, 7_000].map(|now| window.count(now, WINDOW_NS)), [1, 2, 1]);
        assert_eq!(window.count(6_500, WINDOW_NS), 2, "an earlier time is in the open window");
    }

    #[test]
    fn a_window_is_full_at_its_limit_and_no_longer_once_it_has_ended() {
        let mut window = RateWindow::new();
        assert!(!window.is_full(5_000, WINDOW_NS, 0), "no window is open");
        window.count(5_000, WINDOW_NS);
        assert!(!window.is_full(5_999, WINDOW_NS, 2));
        window.count(5_999, WINDOW_NS);
        assert!(window.is_full(5_999, WINDOW_NS, 2));
        assert!(!window.is_full(6_000, WINDOW_NS, 2));
        assert_eq!(window.ends_ns(WINDOW_NS), 6_000);
    }

    #[test]
    fn a_count_stops_at_the_end_of_its_range() {
        let mut window = RateWindow { started_ns: 0, counted: u32::MAX - 1 };
        assert_eq!([window.count(1, WINDOW_NS), window.count(2, WINDOW_NS)], [u32::MAX; 2]);
    }

    #[test]
    fn a_bucket_is_full_at_first_and_earns_one_token_after_the_other() {
        let mut bucket = TokenBucket::new(3, 10);
        assert!((0..3).all(|_| bucket.take(1_000)));
        assert!(!bucket.take(1_009));
        assert_eq!(bucket.due_ns(1_009), 1_010);
        assert!(bucket.take(1_010) && !bucket.take(1_010));
        assert!(bucket.take(1_025) && !bucket.take(1_029));
        assert!(bucket.take(1_030), "the fraction of a token is kept");
    }

    #[test]
    fn a_full_bucket_earns_no_more() {
        let mut bucket = TokenBucket::new(2, 10);
        assert!(bucket.take(5));
        assert_eq!(bucket.due_ns(7), 7);
        assert!((0..2).all(|_| bucket.take(1_000_003)));
        assert!(!bucket.take(1_000_012) && bucket.take(1_000_013));
    }

    #[test]
    fn a_bucket_gives_its_rate_over_a_long_time() {
        let mut bucket = TokenBucket::new(7, 9);
        let taken = (0..90_000_u64).filter(|now| bucket.take(*now)).count();
        assert_eq!(taken, 7 + 90_000 / 9 - 1);
    }
}
