//! A venue's clock beside ours, measured from the times that its messages carry.
//!
//! A line belongs here if it needs only times. Where a venue's messages have their time, and what
//! is signed with the corrected time, is the adapter's.
//!
//! A message that the venue sent at its time V arrives at our time A: our clock is ahead by at most
//! A - V, since the message was on its way. If the message answers a request that we sent at our
//! time Q, our clock is ahead by at least Q - V. The truth lies between the least of the first and
//! the greatest of the second; a slow answer makes the range wider, and no wrong offset.

/// How far our clock may be off before that is told, and corrected in what the venue checks.
/// Binance refuses a time that is 1 s ahead; Kraken takes no deadline below 500 ms.
pub const TOLERANCE_NS: u64 = 500_000_000;

/// Clocks drift, so a measurement counts for this long, and for as long again beside newer ones.
const WINDOW_NS: u64 = 60_000_000_000;

/// By how much our clock is ahead, in nanoseconds: at most and at least.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Range {
    most: i64,
    /// `None` while no answer to a request of ours has told a time.
    least: Option<i64>,
}

impl Range {
    fn narrow(self, other: Self) -> Self {
        let least = self.least.into_iter().chain(other.least).max();
        Self { most: self.most.min(other.most), least }
    }

    /// Whether no offset fits. Then one of the two clocks was set in between.
    fn is_empty(self) -> bool {
        self.least.is_some_and(|least| least > self.most)
    }
}

/// What is known of a venue's clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VenueClock {
    /// The window's begin, and the range that its messages leave.
    newest: Option<(u64, Range)>,
    /// The range of the window before.
    before: Option<Range>,
}

/// Our time minus the venue's.
fn difference(ours_ns: u64, venues_ns: u64) -> i64 {
    let wide = i128::from(ours_ns) - i128::from(venues_ns);
    i64::try_from(wide).unwrap_or(if wide < 0 { i64::MIN } else { i64::MAX })
}

impl VenueClock {
    fn range(&self) -> Option<Range> {
        let (_, range) = self.newest?;
        Some(self.before.map_or(range, |before| range.narrow(before)))
    }

    fn note(&mut self, now_ns: u64, seen: Range) {
        if self.range().is_some_and(|known| known.narrow(seen).is_empty()) {
            self.refused();
        }
        match &mut self.newest {
            // A clock that was set back begins a window as well.
            Some((since_ns, range))
                if (*since_ns..since_ns.saturating_add(WINDOW_NS)).contains(&now_ns) =>
            {
                *range = range.narrow(seen);
            }
            newest => {
                self.before = newest.map(|(_, range)| range);
                *newest = Some((now_ns, seen));
            }
        }
    }

    /// A message arrived now that the venue sent at its time `venue_ns`.
    pub fn heard(&mut self, now_ns: u64, venue_ns: u64) {
        self.note(now_ns, Range { most: difference(now_ns, venue_ns), least: None });
    }

    /// The answer to a request of ours, sent at our time `asked_ns`, arrived now.
    pub fn answered(&mut self, asked_ns: u64, now_ns: u64, venue_ns: u64) {
        let most = difference(now_ns, venue_ns);
        let least = Some(difference(asked_ns, venue_ns).min(most));
        self.note(now_ns, Range { most, least });
    }

    /// The venue has refused one of our times, or the connection is new: only what comes from now
    /// on counts.
    pub const fn refused(&mut self) {
        self.newest = None;
        self.before = None;
    }

    /// How far our clock is ahead, in nanoseconds; negative: behind. The middle of what is
    /// possible. `None` before the venue has told a time.
    pub fn ahead_ns(&self) -> Option<i64> {
        let Range { most, least } = self.range()?;
        Some(least.map_or(most, |least| least.midpoint(most)))
    }

    /// How far our clock is ahead, if that is surely beyond [`TOLERANCE_NS`].
    pub fn off_ns(&self) -> Option<i64> {
        let Range { most, least } = self.range()?;
        let tolerance_ns = TOLERANCE_NS.cast_signed();
        let is_off = most < -tolerance_ns || least.unwrap_or(most) > tolerance_ns;
        self.ahead_ns().filter(|_| is_off)
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
    fn a_slow_answer_says_little_and_corrects_nothing() {
        let mut clock = VenueClock::default();
        // The clocks are equal. The answer to the logon took 3 s; the next message took 20 ms.
        clock.answered(NOW, NOW + 3 * S, NOW + S);
        clock.heard(NOW + 4 * S, NOW + 4 * S - 20 * MS);
        assert_eq!((clock.off_ns(), clock.at_venue(NOW)), (None, NOW));
        // Nor does a refusal make the venue refuse the next time as well.
        clock.refused();
        clock.heard(NOW + 5 * S, NOW + 5 * S - 20 * MS);
        assert_eq!((clock.off_ns(), clock.at_venue(NOW)), (None, NOW));
    }

    #[test]
    fn a_clock_that_is_set_while_it_is_measured_is_measured_anew() {
        let mut clock = VenueClock::default();
        // 10 s behind, and then set right.
        clock.answered(NOW, NOW, NOW + 10 * S);
        assert_eq!(ahead_ms(&clock), Some(-10_000));
        clock.answered(NOW + 11 * S, NOW + 11 * S + 40 * MS, NOW + 11 * S + 20 * MS);
        assert_eq!(clock.off_ns(), None);
        // Set back by 10 s: any message shows that.
        clock.heard(NOW + 2 * S, NOW + 12 * S);
        assert_eq!(ahead_ms(&clock), Some(-10_000));
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
