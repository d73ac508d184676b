//! How much trades lately at a venue, against one side of its book.
//!
//! A line belongs here if it needs only public trades and the time. What routing makes of the
//! quantity is `routing::rest`.
//!
//! The quantity is a sum that decays in whole steps of time, so that the sum does not depend on
//! how often it is looked at. In a market that trades at a constant rate the sum is what trades in
//! 64 seconds.

use crate::number::{Qty, UnixNanos};

/// Time between two steps of the decay, in nanoseconds.
pub const STEP_NS: u64 = 1_000_000_000;

/// Each step takes a 64th off: two to this power.
const SHIFT: u32 = 6;

/// Bits of a number of steps that are looked at. More steps leave nothing of any quantity.
const STEP_BITS: usize = 12;

/// Bits of the fractions below.
const FRACTION: u32 = 32;

/// What one, two, four, eight ... steps leave of one, as fractions.
const LEFT: [u64; STEP_BITS] = {
    let mut left = [0; STEP_BITS];
    left[0] = (1_u64 << FRACTION) - (1_u64 << (FRACTION - SHIFT));
    let mut bit = 1;
    while bit < STEP_BITS {
        left[bit] = ((left[bit - 1] as u128 * left[bit - 1] as u128) >> FRACTION) as u64;
        bit += 1;
    }
    left
};

/// What trades lately against one side of a book.
#[derive(Clone, Copy, Debug, Default)]
pub struct Traded {
    /// The quantity, with a fraction.
    sum: u128,
    /// Number of the step of time at which the sum was last changed.
    step: u64,
    /// Some trade has been told.
    is_told: bool,
}

impl Traded {
    /// Nothing has been told.
    pub const NONE: Self = Self { sum: 0, step: 0, is_told: false };

    /// Adds a trade that was at a time `at`. A time after `now` counts as now.
    #[inline]
    pub fn add(&mut self, qty: Qty, at: UnixNanos, now: UnixNanos) {
        let most = u128::from(i64::MAX.cast_unsigned()) << FRACTION;
        let traded = u128::from(qty.0.max(0).cast_unsigned()) << FRACTION;
        let more = left_of(traded, (now.0 / STEP_NS).saturating_sub(at.0 / STEP_NS));
        self.sum = self.sum_at(now).saturating_add(more).min(most);
        self.step = self.step.max(now.0 / STEP_NS);
        self.is_told = true;
    }

    /// Quantity that has traded lately; `None` while no trade has been told.
    #[inline]
    pub fn lately(&self, now: UnixNanos) -> Option<Qty> {
        let qty = i64::try_from(self.sum_at(now) >> FRACTION).unwrap_or(i64::MAX);
        self.is_told.then_some(Qty(qty))
    }

    /// The sum at a time. A time before the last change counts as the time of the change.
    fn sum_at(&self, now: UnixNanos) -> u128 {
        left_of(self.sum, (now.0 / STEP_NS).saturating_sub(self.step))
    }
}

/// What so many steps leave of a sum.
fn left_of(mut sum: u128, steps: u64) -> u128 {
    if steps >> STEP_BITS != 0 {
        return 0;
    }
    for (bit, left) in LEFT.iter().enumerate() {
        if steps >> bit & 1 != 0 {
            sum = (sum * u128::from(*left)) >> FRACTION;
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(step: u64) -> UnixNanos {
        UnixNanos(1_700_000_000_000_000_000 + step * STEP_NS)
    }

    #[test]
    fn nothing_is_known_before_the_first_trade() {
        assert_eq!(Traded::NONE.lately(at(5)), None);
        let mut traded = Traded::NONE;
        traded.add(Qty(0), at(5), at(5));
        assert_eq!(traded.lately(at(5)), Some(Qty(0)));
    }

    #[test]
    fn a_trade_counts_a_third_after_a_minute_and_nothing_after_an_hour() {
        let mut traded = Traded::NONE;
        traded.add(Qty(1_000_000), at(0), at(0));
        let lately = |step| traded.lately(at(step)).map_or(0, |qty| qty.0);
        assert_eq!((lately(0), lately(1)), (1_000_000, 984_375));
        assert_eq!(lately(64) / 1_000, 364);
        assert_eq!((lately(3_600), lately(1 << 20), lately(u64::MAX >> 34)), (0, 0, 0));
        assert_eq!(traded.lately(UnixNanos(0)), Some(Qty(1_000_000)), "time that goes back");
    }

    #[test]
    fn a_trade_that_is_told_late_counts_as_if_it_had_been_told_at_once() {
        let (mut late, mut prompt) = (Traded::NONE, Traded::NONE);
        prompt.add(Qty(1_000_000), at(0), at(0));
        late.add(Qty(1_000_000), at(0), at(64));
        assert_eq!(late.lately(at(64)), prompt.lately(at(64)));
        late.add(Qty(7), at(900), at(64));
        let lately = |traded: Traded| traded.lately(at(64)).map_or(0, |qty| qty.0);
        assert_eq!(lately(late), lately(prompt) + 7, "a clock of the venue that is ahead");
    }

    #[test]
    fn at_a_constant_rate_the_sum_is_what_trades_in_sixty_four_seconds() {
        let mut traded = Traded::NONE;
        for step in 0..2_000 {
            traded.add(Qty(100), at(step), at(step));
        }
        let sum = traded.lately(at(2_000)).map_or(0, |qty| qty.0);
        assert!((6_290..=6_400).contains(&sum), "{sum}");
    }

    #[test]
    fn how_often_the_sum_is_changed_makes_no_difference_beyond_rounding() {
        let (mut often, mut once) = (Traded::NONE, Traded::NONE);
        for traded in [&mut often, &mut once] {
            traded.add(Qty(1 << 50), at(0), at(0));
        }
        for step in 1..=300 {
            often.add(Qty(0), at(step), at(step));
        }
        let (often, once) = (often.lately(at(300)), once.lately(at(300)));
        let apart = often.zip(once).map_or(i64::MAX, |(a, b)| (a.0 - b.0).abs());
        assert!(apart < 1 << 20, "{often:?} {once:?}");
        let mut most = Traded::NONE;
        for _ in 0..3 {
            most.add(Qty(i64::MAX), at(0), at(0));
        }
        assert_eq!(most.lately(at(0)), Some(Qty(i64::MAX)), "saturates");
    }
}
