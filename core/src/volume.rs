//! What we have traded at a venue in 30 days, by which the venue chooses the tier of its fees.
//!
//! A line belongs here if it counts that volume. Which executions count, and in which asset, is
//! `engine::fees`.
//!
//! A day is a day in UTC, by the journaled time. The window is the present day and the 29 days
//! before it.

use crate::number::{Amount, UnixNanos};

/// Days that count, the present one included.
pub const VOLUME_DAYS: u64 = 30;

/// Length of a day, in nanoseconds.
pub const DAY_NS: u64 = 86_400_000_000_000;

/// The day of a time: days since the Unix epoch, in UTC.
pub const fn day_of(time: UnixNanos) -> u64 {
    time.0 / DAY_NS
}

/// The volume of one venue, in one asset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Volume {
    /// By day modulo [`VOLUME_DAYS`].
    days: [Amount; VOLUME_DAYS as usize],
    /// The newest day that was counted or asked for.
    newest: u64,
    /// Executions of earlier days do not count: what was stated has them.
    from_day: u64,
    /// What the venue had counted at the begin of that day.
    stated: Amount,
    /// Sum of the days that count.
    own: Amount,
}

impl Default for Volume {
    fn default() -> Self {
        Self {
            days: [Amount::ZERO; VOLUME_DAYS as usize],
            newest: 0,
            from_day: 0,
            stated: Amount::ZERO,
            own: Amount::ZERO,
        }
    }
}

impl Volume {
    /// Takes what the venue had counted at the begin of a day. Our own executions from that day on
    /// are kept.
    pub fn state(&mut self, stated: Amount, from_day: u64) {
        (self.stated, self.from_day) = (stated, from_day);
        self.sum_up();
    }

    /// Adds what was traded on a day.
    pub fn add(&mut self, day: u64, value: Amount) {
        self.turn_to(day);
        let today = &mut self.days[(self.newest % VOLUME_DAYS) as usize];
        *today = today.plus(value);
        if self.newest >= self.from_day {
            self.own = self.own.plus(value);
        }
    }

    /// The volume of the window that ends with a day.
    pub fn total(&mut self, day: u64) -> Amount {
        self.turn_to(day);
        self.own.plus(self.stated_left())
    }

    /// Drops the days that the window has left. A day before the newest one changes nothing.
    fn turn_to(&mut self, day: u64) {
        if day <= self.newest {
            return;
        }
        let passed = (day - self.newest).min(VOLUME_DAYS);
        for back in 0..passed {
            self.days[((day - back) % VOLUME_DAYS) as usize] = Amount::ZERO;
        }
        self.newest = day;
        self.sum_up();
    }

    fn sum_up(&mut self) {
        let oldest = self.newest.saturating_sub(VOLUME_DAYS - 1).max(self.from_day);
        let days = oldest..=self.newest;
        self.own =
            days.fold(Amount::ZERO, |sum, day| sum.plus(self.days[(day % VOLUME_DAYS) as usize]));
    }

    /// What is left of the stated volume: a thirtieth less for each day since. How the volume was
    /// spread over its days is not known, so it counts as spread evenly.
    fn stated_left(&self) -> Amount {
        let days = i128::from(VOLUME_DAYS);
        let passed = i128::from(self.newest.saturating_sub(self.from_day)).min(days);
        let (whole, part) = (self.stated.0 / days, self.stated.0 % days);
        Amount(whole * (days - passed) + part * (days - passed) / days)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_leaves_the_window_after_thirty_days() {
        let mut volume = Volume::default();
        volume.add(20_000, Amount(5));
        volume.add(20_001, Amount(7));
        assert_eq!(volume.total(20_029), Amount(12));
        assert_eq!(volume.total(20_030), Amount(7));
        assert_eq!(volume.total(20_031), Amount(0));
    }

    #[test]
    fn what_was_stated_ages_by_a_thirtieth_a_day_and_holds_earlier_executions() {
        let mut volume = Volume::default();
        volume.add(20_000, Amount(1_000));
        volume.state(Amount(301), 20_001);
        assert_eq!(volume.total(20_001), Amount(301), "the day before is in what was stated");
        volume.add(20_002, Amount(9));
        assert_eq!(volume.total(20_002), Amount(290 + 9));
        assert_eq!(volume.total(20_030), Amount(10 + 9));
        assert_eq!(volume.total(20_031), Amount(9));
        assert_eq!(volume.total(20_032), Amount(0));
    }

    #[test]
    fn a_later_statement_takes_the_place_of_the_executions_before_it() {
        let mut volume = Volume::default();
        volume.add(20_000, Amount(10));
        volume.add(20_010, Amount(20));
        volume.state(Amount(60), 20_010);
        assert_eq!(volume.total(20_010), Amount(60 + 20));
        volume.state(Amount::ZERO, 0);
        assert_eq!(volume.total(20_010), Amount(30), "nothing was lost");
    }
}
