//! How a venue has behaved: time to its answers, refusals, fades and partial fills, and what that
//! is expected to cost an order.
//!
//! A line belongs here if it needs only outcomes and the time. Which news counts as which outcome
//! is `engine::behaved`; how a plan uses the cost is `routing`. `docs/routing.md` has the rules.
//!
//! All counts are integers that halve with time, so that a venue that was bad is tried again.

use crate::input::BehaviourCosts;
use crate::number::UnixNanos;

/// All counts of a record halve after this time: five minutes, in nanoseconds.
pub const HALF_LIFE_NS: u64 = 300_000_000_000;

/// Answers that a record must hold before anything is known of the venue, and ends of children that
/// take before anything is known of its fades. Older answers count less.
pub const SAMPLES_MIN: u64 = 20;

/// The largest cost of behaviour, in parts per million: one per cent.
pub const COST_MAX_PPM: u64 = 10_000;

/// What is known of a venue is worked out anew, and told, at most once in this time, in
/// nanoseconds.
pub const MEASURED_EVERY_NS: u64 = 1_000_000_000;

/// Longest time to an answer that is told apart: above two minutes, in microseconds.
const LATENCY_MAX_US: u64 = (1 << 27) - 1;

/// Classes of times to an answer: four for each doubling, so that a time is known to a quarter.
const CLASSES: usize = 104;

/// What one outcome weighs when it is counted. Counts then lose nothing in sixteen halvings.
const ONE: u64 = 1 << 16;

const PPM: u64 = 1_000_000;

/// What is known of a venue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Measured {
    /// Answers in the record; older ones count less.
    pub answers: u32,
    /// Median time from the decision to send an order to the venue's first answer, in microseconds.
    pub p50_us: u32,
    /// 99th percentile of that time, in microseconds.
    pub p99_us: u32,
    /// Share of the answers that refused the order by the venue's fault, in parts per million.
    pub rejects_ppm: u32,
    /// Share of the quantity that a child was meant to take and that was not there, the mean over
    /// children, in parts per million.
    pub faded_ppm: u32,
    /// Share of the children that took something, and not all that was shown, in parts per million.
    pub partial_ppm: u32,
    /// From this time on nothing is known any more, unless there is a new answer.
    pub known_until: UnixNanos,
}

impl Measured {
    /// Whether the record holds enough answers at this time.
    #[inline]
    pub fn is_known(&self, now: UnixNanos) -> bool {
        now < self.known_until
    }

    /// The expected time to an answer, in microseconds: nine tenths of the median and a tenth of
    /// the 99th percentile.
    #[inline]
    pub const fn expected_us(&self) -> u64 {
        (9 * self.p50_us as u64 + self.p99_us as u64) / 10
    }

    /// What the venue's behaviour is expected to cost an order, in parts per million of its value,
    /// rounded down. Zero while nothing is known.
    #[inline]
    pub fn cost_ppm(&self, now: UnixNanos, costs: &BehaviourCosts) -> u32 {
        if !self.is_known(now) {
            return 0;
        }
        let sum = self.expected_us() * u64::from(costs.latency_ppm)
            + u64::from(self.rejects_ppm) * u64::from(costs.reject_ppm)
            + u64::from(self.faded_ppm) * u64::from(costs.fade_ppm)
            + u64::from(self.partial_ppm) * u64::from(costs.partial_ppm);
        (sum / PPM).min(COST_MAX_PPM) as u32
    }
}

/// The record of one venue.
#[derive(Clone, Debug, Default)]
pub struct Behaviour {
    measured: Measured,
    /// When the counts halved last.
    halved_at: UnixNanos,
    /// When it was last worked out what is known; zero for never.
    measured_at: UnixNanos,
    latency: Latency,
    rejects: u64,
    /// Children that took, or should have taken, and are over.
    takes: u64,
    faded: u64,
    partial: u64,
}

impl Behaviour {
    /// A record of which this is known.
    pub fn of(measured: Measured) -> Self {
        Self { measured, ..Self::default() }
    }

    /// What is known.
    #[inline]
    pub const fn measured(&self) -> &Measured {
        &self.measured
    }

    /// The venue has answered an order for the first time, or has not answered it until now.
    pub fn answered(&mut self, sent_at: UnixNanos, now: UnixNanos) {
        self.age(now);
        self.latency.count(now.since(sent_at) / 1_000);
    }

    /// The venue refuses an order by a fault of its own. The order also counts as answered.
    pub fn refused(&mut self, now: UnixNanos) {
        self.age(now);
        self.rejects += ONE;
    }

    /// A child that was to take a quantity is over. Both quantities in the same unit; `shown` is
    /// above zero.
    pub fn took(&mut self, shown: i64, filled: i64, now: UnixNanos) {
        self.age(now);
        self.takes += ONE;
        let missing = i128::from(shown.saturating_sub(filled));
        if missing > 0 {
            self.faded += (missing * i128::from(ONE) / i128::from(shown.max(1))) as u64;
            self.partial += if filled > 0 { ONE } else { 0 };
        }
    }

    /// From when on it may be worked out anew what is known.
    pub const fn measured_from(&self) -> UnixNanos {
        match self.measured_at {
            UnixNanos(0) => UnixNanos(0),
            UnixNanos(at) => UnixNanos(at.saturating_add(MEASURED_EVERY_NS)),
        }
    }

    /// Halves the counts as often as time asks for.
    fn age(&mut self, now: UnixNanos) {
        if self.halved_at == UnixNanos(0) {
            self.halved_at = now;
        }
        let times = now.since(self.halved_at) / HALF_LIFE_NS;
        if times == 0 {
            return;
        }
        self.halved_at.0 += times * HALF_LIFE_NS;
        let halved = |count: u64| count.checked_shr(u32::try_from(times).unwrap_or(u32::MAX));
        self.latency.change(|count| halved(count).unwrap_or(0));
        for count in [&mut self.rejects, &mut self.takes, &mut self.faded, &mut self.partial] {
            *count = halved(*count).unwrap_or(0);
        }
    }

    /// Works out what is known.
    pub fn measure(&mut self, now: UnixNanos) {
        self.age(now);
        self.measured_at = now;
        let (answers, least) = (self.latency.total, SAMPLES_MIN * ONE);
        let known_until = match (answers / least).checked_ilog2() {
            Some(halvings) => self.halved_at.0 + (u64::from(halvings) + 1) * HALF_LIFE_NS,
            None => 0,
        };
        let share = |part: u64, all: u64, enough: bool| {
            let share = u128::from(part) * u128::from(PPM) / u128::from(all.max(1));
            if enough { share.min(u128::from(PPM)) as u32 } else { 0 }
        };
        let takes_known = self.takes >= least;
        self.measured = Measured {
            answers: u32::try_from(answers / ONE).unwrap_or(u32::MAX),
            p50_us: self.latency.quantile_us(50),
            p99_us: self.latency.quantile_us(99),
            rejects_ppm: share(self.rejects, answers, answers >= least),
            faded_ppm: share(self.faded, self.takes, takes_known),
            partial_ppm: share(self.partial, self.takes, takes_known),
            known_until: UnixNanos(known_until),
        };
    }
}

/// Times to an answer, counted by class.
#[derive(Clone, Debug)]
struct Latency {
    counts: Box<[u64; CLASSES]>,
    total: u64,
}

impl Default for Latency {
    fn default() -> Self {
        Self { counts: Box::new([0; CLASSES]), total: 0 }
    }
}

impl Latency {
    #[inline]
    fn count(&mut self, us: u64) {
        self.counts[class_of(us)] += ONE;
        self.total += ONE;
    }

    /// Changes each count.
    fn change(&mut self, change: impl Fn(u64) -> u64) {
        for count in &mut *self.counts {
            *count = change(*count);
        }
        self.total = self.counts.iter().sum();
    }

    /// The end of the first class up to which more than that percentage of all counts lies, in
    /// microseconds.
    fn quantile_us(&self, percent: u64) -> u32 {
        let rank = self.total / 100 * percent + self.total % 100 * percent / 100;
        let mut upto = 0;
        let class = self.counts.iter().position(|count| {
            upto += count;
            upto > rank
        });
        upper_us(class.unwrap_or(0)) as u32
    }
}

/// The class of a time in microseconds.
fn class_of(us: u64) -> usize {
    let us = us.min(LATENCY_MAX_US);
    match us.checked_ilog2() {
        Some(power) if power >= 2 => {
            (4 * (u64::from(power) - 1) + (us >> (power - 2) & 3)) as usize
        }
        Some(_) | None => us as usize,
    }
}

/// The longest time of a class, in microseconds.
const fn upper_us(class: usize) -> u64 {
    if class < 4 {
        return class as u64;
    }
    let (power, quarter) = (class as u64 / 4 + 1, class as u64 % 4);
    ((quarter + 5) << (power - 2)) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    const COSTS: BehaviourCosts =
        BehaviourCosts { latency_ppm: 100, reject_ppm: 1_000, fade_ppm: 500, partial_ppm: 20 };

    fn at(seconds: u64) -> UnixNanos {
        UnixNanos((1_000 + seconds) * 1_000_000_000)
    }

    fn answered(record: &mut Behaviour, took_us: u64, now: UnixNanos) {
        record.answered(UnixNanos(now.0 - took_us * 1_000), now);
    }

    #[test]
    fn every_time_is_in_one_class_and_known_to_a_quarter() {
        let mut last = 0;
        for us in (0..5_000).chain((13..27).flat_map(|power| [(1 << power) - 1, 1 << power])) {
            let class = class_of(us);
            assert!(class == last || class == last + 1 || us > 5_000, "{us}");
            let upper = upper_us(class);
            assert!(us <= upper && upper - us <= us / 4, "{us} up to {upper}");
            last = class;
        }
        assert_eq!(class_of(u64::MAX), CLASSES - 1);
        assert_eq!(upper_us(CLASSES - 1), LATENCY_MAX_US);
    }

    /// The quantiles of the classes against those of the sorted times.
    #[test]
    fn quantiles_are_those_of_the_sorted_times() {
        let (mut record, mut times, mut state) = (Behaviour::default(), Vec::new(), 7_u64);
        for _ in 0..3_000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let us = (state >> 40) % (1 << (state >> 33 & 15));
            answered(&mut record, us, at(0));
            record.measure(at(0));
            times.push(us);
            times.sort_unstable();
            for (percent, told) in [(50, record.measured.p50_us), (99, record.measured.p99_us)] {
                let rank = times.len() * percent / 100;
                assert_eq!(u64::from(told), upper_us(class_of(times[rank])), "{}", times.len());
            }
        }
    }

    #[test]
    fn nothing_is_known_of_a_venue_before_twenty_answers() {
        let mut record = Behaviour::default();
        for answer in 1..=20 {
            assert_eq!(record.measured().cost_ppm(at(1), &COSTS), 0, "before answer {answer}");
            record.refused(at(0));
            answered(&mut record, 10_000_000, at(0));
            record.measure(at(0));
        }
        // Ten seconds to an answer, within a quarter, and every order refused.
        let cost = record.measured().cost_ppm(at(1), &COSTS);
        assert!((2_000..=2_250).contains(&cost), "{cost}");
    }

    #[test]
    fn the_cost_is_the_sum_of_the_shares_times_their_costs() {
        let mut record = Behaviour::default();
        for child in 0..40 {
            answered(&mut record, 0, at(0));
            if child < 4 {
                record.refused(at(0));
            }
            // A quarter of the children gets three of four, and a quarter nothing.
            let filled = [4, 4, 3, 0][child % 4];
            record.took(4, filled, at(0));
        }
        record.measure(at(0));
        let known = *record.measured();
        assert_eq!(known.rejects_ppm, 100_000);
        assert_eq!(known.faded_ppm, 250_000 / 4 + 250_000);
        assert_eq!(known.partial_ppm, 250_000);
        // 100 for the refusals, 156.25 for the fades, 5 for the partial fills.
        assert_eq!(known.cost_ppm(at(1), &COSTS), 261);
        assert_eq!(known.cost_ppm(at(1), &BehaviourCosts::NONE), 0);
    }

    #[test]
    fn what_was_bad_is_forgotten_by_halves() {
        let mut record = Behaviour::default();
        for _ in 0..80 {
            answered(&mut record, 1_000, at(0));
            record.refused(at(0));
        }
        record.measure(at(0));
        assert_eq!(record.measured().cost_ppm(at(0), &COSTS), 1_000);
        // 80, 40 and 20 answers are enough; ten are not.
        assert_eq!(record.measured().cost_ppm(at(899), &COSTS), 1_000);
        assert_eq!(record.measured().cost_ppm(at(900), &COSTS), 0);
        // Good answers weigh more than the old ones.
        for _ in 0..30 {
            answered(&mut record, 1_000, at(900));
        }
        record.measure(at(900));
        assert_eq!(record.measured().rejects_ppm, 250_000);
        assert_eq!(record.measured().answers, 40);
        answered(&mut record, 1_000, at(1_000_000_000));
        record.measure(at(1_000_000_000));
        assert_eq!((record.measured().answers, record.measured().rejects_ppm), (1, 0));
    }

    #[test]
    fn a_cost_has_a_limit() {
        let mut record = Behaviour::default();
        for _ in 0..20 {
            answered(&mut record, LATENCY_MAX_US, at(200));
            record.refused(at(200));
            record.took(i64::MAX, 0, at(200));
        }
        record.measure(at(200));
        let all = u32::MAX;
        let costs =
            BehaviourCosts { latency_ppm: all, reject_ppm: all, fade_ppm: all, partial_ppm: all };
        assert_eq!(u64::from(record.measured().cost_ppm(at(201), &costs)), COST_MAX_PPM);
    }

    #[test]
    fn what_is_known_is_worked_out_once_a_second_at_most() {
        let mut record = Behaviour::default();
        assert_eq!(record.measured_from(), UnixNanos(0));
        record.measure(at(1));
        assert_eq!(record.measured_from(), at(2));
    }
}
