//! A venue's clock beside ours, measured from the times that its messages carry.
//!
//! A line belongs here if it needs only times. Where a venue's messages have their time, and what
//! is signed with the corrected time, is the adapter's.
//!
//! A message that the venue sent at its time V arrives at our time A: A - V is how far our clock is
//! ahead, plus the message's way. The least of these differences is the nearest. The way is half of
//! the round trip of the last request whose answer had a time.

/// How far our clock may be off before that is told, and corrected in what the venue checks.
/// Binance refuses a time that is 1 s ahead; Kraken takes no deadline below 500 ms.
pub const TOLERANCE_NS: u64 = 500_000_000;

/// Clocks drift, so a measurement counts for this long, and for as long again beside newer ones.
const WINDOW_NS: u64 = 60_000_000_000;

/// What is known of a venue's clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VenueClock {
    /// The window's begin, and the least difference in it.
    newest: Option<(u64, i64)>,
    /// The least difference in the window before.
    before: Option<i64>,
    /// A message's way from the venue to us.
    way_ns: i64,
}

/// Our time minus the venue's.
fn difference(ours_ns: u64, venues_ns: u64) -> i64 {
    let wide = i128::from(ours_ns) - i128::from(venues_ns);
    i64::try_from(wide).unwrap_or(if wide < 0 { i64::MIN } else { i64::MAX })
}

impl VenueClock {
    /// A message arrived now that the venue sent at its time `venue_ns`.
    pub fn heard(&mut self, now_ns: u64, venue_ns: u64) {
        let seen = difference(now_ns, venue_ns);
        match &mut self.newest {
            // A clock that was set back begins a window as well.
            Some((since_ns, least))
                if (*since_ns..since_ns.saturating_add(WINDOW_NS)).contains(&now_ns) =>
            {
                *least = seen.min(*least);
            }
            newest => {
                self.before = newest.map(|(_, least)| least);
                *newest = Some((now_ns, seen));
            }
        }
    }

    /// The answer to a request of ours, sent at our time `asked_ns`, arrived now.
    pub fn answered(&mut self, asked_ns: u64, now_ns: u64, venue_ns: u64) {
        self.way_ns = difference(now_ns, asked_ns).max(0) / 2;
        self.heard(now_ns, venue_ns);
    }

    /// The venue has refused one of our times: only what comes from now on counts.
    pub const fn refused(&mut self) {
        self.newest = None;
        self.before = None;
    }

    /// How far our clock is ahead, in nanoseconds; negative: behind. `None` before the venue has
    /// told a time.
    pub fn ahead_ns(&self) -> Option<i64> {
        let (_, least) = self.newest?;
        let least = self.before.map_or(least, |before| before.min(least));
        Some(least.saturating_sub(self.way_ns))
    }

    /// How far our clock is ahead, if that is beyond [`TOLERANCE_NS`].
    pub fn off_ns(&self) -> Option<i64> {
        self.ahead_ns().filter(|ahead_ns| ahead_ns.unsigned_abs() > TOLERANCE_NS)
    }

    /// Our time as the venue would have it: corrected where our clock is off.
    pub fn at_venue(&self, now_ns: u64) -> u64 {
        match self.off_ns() {
            None => now_ns,
            Some(ahead_ns) if ahead_ns > 0 => now_ns.saturating_sub(ahead_ns.unsigned_abs()),
            Some(ahead_ns) => now_ns.saturating_add(ahead_ns.unsigned_abs()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: u64 = 1_000_000_000;
    const MS: u64 = 1_000_000;
    const NOW: u64 = 1_700_000_000 * S;

    fn ahead_ms(clock: &VenueClock) -> Option<i64> {
        clock.ahead_ns().map(|ahead| ahead / 1_000_000)
    }

    #[test]
    fn the_offset_is_what_remains_without_the_way() {
        let mut clock = VenueClock::default();
        assert_eq!((clock.ahead_ns(), clock.at_venue(NOW)), (None, NOW));
        // Our clock is 5 s ahead; the request took 80 ms to and fro.
        clock.answered(NOW, NOW + 80 * MS, NOW - 5 * S + 40 * MS);
        assert_eq!(ahead_ms(&clock), Some(5_000));
        // A slow message changes nothing.
        clock.heard(NOW + S, NOW - 4 * S - 700 * MS);
        assert_eq!(ahead_ms(&clock), Some(5_000));
        assert_eq!(clock.at_venue(NOW + S), NOW - 4 * S);
    }

    #[test]
    fn a_clock_behind_is_corrected_and_a_small_offset_is_left_alone() {
        let mut clock = VenueClock::default();
        clock.answered(NOW, NOW, NOW + 2 * S);
        assert_eq!(clock.at_venue(NOW + S), NOW + 3 * S);
        let mut clock = VenueClock::default();
        clock.answered(NOW, NOW, NOW + TOLERANCE_NS);
        assert_eq!((clock.off_ns(), clock.at_venue(NOW)), (None, NOW));
    }

    #[test]
    fn an_old_measurement_is_forgotten_and_a_refusal_forgets_at_once() {
        let mut clock = VenueClock::default();
        clock.heard(NOW, NOW);
        // The clock is set 3 s ahead: for two windows the smaller difference may still count.
        for second in 1..=121 {
            clock.heard(NOW + second * S, NOW + second * S - 3 * S);
        }
        assert_eq!(ahead_ms(&clock), Some(3_000));
        clock.refused();
        clock.heard(NOW + 122 * S, NOW + 122 * S - 4 * S);
        assert_eq!(ahead_ms(&clock), Some(4_000));
    }

    #[test]
    fn times_from_another_age_overflow_nothing() {
        let mut clock = VenueClock::default();
        clock.answered(u64::MAX, 0, u64::MAX);
        assert_eq!(clock.ahead_ns(), Some(i64::MIN));
        assert_eq!(clock.at_venue(u64::MAX), u64::MAX);
        clock.heard(u64::MAX, 0);
        assert_eq!(clock.ahead_ns(), Some(i64::MIN), "the least counts");
    }
}
