//! What a venue's answers say about sending it more: circuit breakers and pauses.
//!
//! A line belongs here if it needs only the outcomes of requests and the time. Which answer counts
//! as which outcome, and what follows from a change, is `engine::breakers`.
//!
//! Cancels are no part of this: they never open a breaker and never obey one.

use crate::input::BreakerTerms;
use crate::number::UnixNanos;

const SECOND_NS: u64 = 1_000_000_000;

/// A probe without an answer for this long has failed, in nanoseconds. An adapter asks again by
/// itself, so a slow answer closes the breaker at a later probe.
pub const PROBE_TIMEOUT_NS: u64 = 30 * SECOND_NS;

/// Longest pause that is taken from a venue's own answer, in nanoseconds: three days, the longest
/// ban that a venue documents.
pub const RETRY_AFTER_MAX_NS: u64 = 3 * 86_400 * SECOND_NS;

/// Pause of a venue that says "rate limit" without a time.
pub const RATE_LIMIT_WAITS: Waits = Waits { first_ns: SECOND_NS, longest_ns: 60 * SECOND_NS };

/// Pause of a listing whose market is closed.
pub const MARKET_CLOSED_WAITS: Waits =
    Waits { first_ns: 60 * SECOND_NS, longest_ns: 1_800 * SECOND_NS };

/// Pause of orders that are to rest in an instrument of which the venue has as many as it takes.
pub const PAIR_FULL_WAITS: Waits =
    Waits { first_ns: 60 * SECOND_NS, longest_ns: 1_800 * SECOND_NS };

/// Pause of an asset's funds at a venue that refuses again for want of funds after it has told its
/// balances. The first refusal waits for the balances alone.
pub const FUNDS_WAITS: Waits = Waits { first_ns: SECOND_NS, longest_ns: 60 * SECOND_NS };

/// Doublings at most, so that a shift stays in its range.
const DOUBLINGS_MAX: u8 = 32;

/// The kinds of request that fail apart from each other, each with a breaker per venue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum RequestKind {
    /// New orders.
    New = 1,
    /// Signed queries: orders, executions, balances.
    Query = 2,
    /// Market data.
    Data = 3,
}

impl RequestKind {
    /// All kinds, in the order of their numbers.
    pub const ALL: [Self; 3] = [Self::New, Self::Query, Self::Data];
}

/// The states of a breaker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum BreakerState {
    /// Requests pass.
    #[default]
    Closed = 1,
    /// No request passes until a named time.
    Open = 2,
    /// No request passes; the answer to one probe is awaited.
    HalfOpen = 3,
}

/// How long the pauses of one cause are: doubling from the first to the longest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waits {
    /// The first pause, in nanoseconds.
    pub first_ns: u64,
    /// The longest pause, in nanoseconds.
    pub longest_ns: u64,
}

impl Waits {
    /// The wait after so many waits without a success in between.
    pub(crate) const fn after(self, tries: u8) -> u64 {
        let tries = if tries < DOUBLINGS_MAX { tries } else { DOUBLINGS_MAX };
        let wait = self.first_ns.saturating_mul(1 << tries);
        if wait < self.longest_ns { wait } else { self.longest_ns }
    }
}

/// One venue's breaker for one kind of request.
///
/// After a probe has closed it, the first failure opens it again, and for twice as long, until a
/// request has succeeded.
#[derive(Clone, Copy, Debug, Default)]
pub struct Breaker {
    state: BreakerState,
    /// Times opened since a request last succeeded.
    openings: u8,
    /// Failures in a row.
    run: u32,
    window_started: UnixNanos,
    /// Outcomes in the window.
    outcomes: u32,
    /// Failures in the window.
    failures: u32,
    /// Open: the end of that. Half-open: when the probe has failed if it is not answered.
    until: UnixNanos,
}

/// What the passing of time has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// Nothing.
    Nothing,
    /// The breaker is half-open: one probe is to be sent.
    Probe,
    /// The probe was not answered in time: the breaker is open again.
    Reopened,
}

impl Breaker {
    /// The present state.
    pub const fn state(&self) -> BreakerState {
        self.state
    }

    /// Whether no request may pass.
    #[inline]
    pub const fn is_shut(&self) -> bool {
        !matches!(self.state, BreakerState::Closed)
    }

    /// Closed by a probe, and no request has succeeded since.
    #[inline]
    pub const fn is_on_trial(&self) -> bool {
        matches!(self.state, BreakerState::Closed) && self.openings > 0
    }

    /// Until when the breaker stays as it is; `None` while it is closed.
    pub fn until(&self) -> Option<UnixNanos> {
        self.is_shut().then_some(self.until)
    }

    /// A request has succeeded. Answers to requests from before the breaker opened change nothing.
    #[inline]
    pub fn succeeded(&mut self, now: UnixNanos, terms: &BreakerTerms) {
        if self.is_shut() {
            return;
        }
        (self.run, self.openings) = (0, 0);
        self.count(now, terms, false);
    }

    /// A request has failed. True if the breaker has opened.
    pub fn failed(&mut self, now: UnixNanos, terms: &BreakerTerms) -> bool {
        if self.is_shut() {
            return false;
        }
        self.run = self.run.saturating_add(1);
        self.count(now, terms, true);
        let is_long_run = terms.failures > 0 && self.run >= terms.failures;
        let share_reached =
            u64::from(self.failures) * 100 >= u64::from(terms.share_pct) * u64::from(self.outcomes);
        let is_large_share = terms.share_pct > 0 && self.outcomes >= terms.samples && share_reached;
        let opens = self.is_on_trial() || is_long_run || is_large_share;
        if opens {
            self.open(now, terms);
        }
        opens
    }

    fn count(&mut self, now: UnixNanos, terms: &BreakerTerms, failed: bool) {
        if now.since(self.window_started) >= terms.window_ns {
            (self.window_started, self.outcomes, self.failures) = (now, 0, 0);
        }
        self.outcomes = self.outcomes.saturating_add(1);
        self.failures = self.failures.saturating_add(u32::from(failed));
    }

    fn open(&mut self, now: UnixNanos, terms: &BreakerTerms) {
        let waits = Waits { first_ns: terms.open_ns, longest_ns: terms.open_max_ns };
        self.until = UnixNanos(now.0.saturating_add(waits.after(self.openings)));
        self.openings = self.openings.saturating_add(1);
        self.state = BreakerState::Open;
        self.forget();
    }

    /// Forgets the outcomes of requests, as when a new session begins.
    pub const fn forget(&mut self) {
        (self.run, self.outcomes, self.failures) = (0, 0, 0);
    }

    /// Time has passed.
    pub fn on_time(&mut self, now: UnixNanos, terms: &BreakerTerms) -> Due {
        match self.state {
            BreakerState::Open if now >= self.until => {
                self.state = BreakerState::HalfOpen;
                self.until = UnixNanos(now.0.saturating_add(PROBE_TIMEOUT_NS));
                Due::Probe
            }
            BreakerState::HalfOpen if now >= self.until => {
                self.open(now, terms);
                Due::Reopened
            }
            BreakerState::Closed | BreakerState::Open | BreakerState::HalfOpen => Due::Nothing,
        }
    }

    /// The probe was not answered as it should be. True if the breaker awaited a probe.
    pub fn probe_failed(&mut self, now: UnixNanos, terms: &BreakerTerms) -> bool {
        let awaited = self.state == BreakerState::HalfOpen;
        if awaited {
            self.open(now, terms);
        }
        awaited
    }

    /// The probe was answered. True if the breaker awaited a probe: it is closed.
    pub fn probed(&mut self) -> bool {
        let awaited = self.state == BreakerState::HalfOpen;
        if awaited {
            self.state = BreakerState::Closed;
        }
        awaited
    }

    /// Something stronger than a probe has shown that requests may pass. True if the breaker was
    /// not closed.
    pub fn close(&mut self) -> bool {
        let was_shut = self.is_shut();
        self.state = BreakerState::Closed;
        self.forget();
        was_shut
    }
}

/// A time during which something is not used, because the venue said so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pause {
    until: UnixNanos,
    /// Pauses since a success.
    tries: u8,
    /// The venue has named the end.
    is_told: bool,
}

impl Pause {
    /// No pause.
    pub const NONE: Self = Self { until: UnixNanos(0), tries: 0, is_told: false };

    /// Whether the pause lasts.
    #[inline]
    pub fn is_on(self, now: UnixNanos) -> bool {
        now < self.until
    }

    /// There was a pause, and nothing has succeeded since.
    #[inline]
    pub const fn is_unproved(self) -> bool {
        self.tries > 0
    }

    /// Whether the venue has named the end.
    pub const fn is_told(self) -> bool {
        self.is_told
    }

    /// When the pause ends; zero if there was none.
    pub const fn until(self) -> UnixNanos {
        self.until
    }

    /// The venue has asked for a pause: for `told_ns`, or for a wait of ours if that is zero.
    /// Further answers while the pause lasts come from requests that were under way: they make the
    /// pause longer only if they tell a time. Returns the new end if it is later.
    pub fn extend(&mut self, now: UnixNanos, told_ns: u64, waits: Waits) -> Option<UnixNanos> {
        let wait_ns = match told_ns {
            0 if self.is_on(now) => return None,
            0 => waits.after(self.tries),
            told_ns => told_ns.min(RETRY_AFTER_MAX_NS),
        };
        self.tries = self.tries.saturating_add(u8::from(!self.is_on(now)));
        let until = UnixNanos(now.0.saturating_add(wait_ns));
        let is_later = until > self.until;
        if is_later {
            (self.until, self.is_told) = (until, told_ns > 0);
        }
        is_later.then_some(until)
    }

    /// What was paused has worked: the next pause is the first again. The present one goes on.
    pub const fn succeeded(&mut self) {
        self.tries = 0;
    }

    /// Ends the pause. True if it lasted.
    pub fn lift(&mut self, now: UnixNanos) -> bool {
        let was_on = self.is_on(now);
        self.until = UnixNanos(0);
        was_on
    }
}

/// A venue takes no further open order of an instrument from our account. Until the pause is over,
/// an order may rest there for each one that has ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Full {
    pause: Pause,
    /// Orders that have ended in the pause and whose places nobody has taken.
    places: u32,
}

impl Full {
    /// Not full.
    pub const NONE: Self = Self { pause: Pause::NONE, places: 0 };

    /// The venue has refused an order for that. Returns the new end of the pause if it is later.
    pub fn refused(&mut self, now: UnixNanos) -> Option<UnixNanos> {
        self.places = 0;
        self.pause.extend(now, 0, PAIR_FULL_WAITS)
    }

    /// Whether no order may rest.
    #[inline]
    pub fn keeps_out(self, now: UnixNanos) -> bool {
        self.pause.is_on(now) && self.places == 0
    }

    /// An order is sent to rest there.
    #[inline]
    pub const fn sent(&mut self) {
        self.places = self.places.saturating_sub(1);
    }

    /// An order that rested there has ended.
    #[inline]
    pub fn ended(&mut self, now: UnixNanos) {
        if self.pause.is_on(now) {
            self.places = self.places.saturating_add(1);
        }
    }

    /// The venue has taken an order that rests: the next pause is the first again.
    pub const fn taken(&mut self) {
        self.pause.succeeded();
    }

    /// Ends the pause. True if it lasted.
    pub fn lift(&mut self, now: UnixNanos) -> bool {
        self.places = 0;
        self.pause.lift(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TERMS: BreakerTerms = BreakerTerms::DEFAULT;

    fn at(seconds: u64) -> UnixNanos {
        UnixNanos(1_000_000 * SECOND_NS + seconds * SECOND_NS)
    }

    fn opened(now: UnixNanos) -> Breaker {
        let mut breaker = Breaker::default();
        let outcomes = [false, false, false, false, true];
        assert_eq!([0; 5].map(|_| breaker.failed(now, &TERMS)), outcomes);
        breaker
    }

    #[test]
    fn five_failures_in_a_row_open_it_and_a_success_between_them_does_not() {
        let breaker = opened(at(0));
        assert_eq!((breaker.state(), breaker.until()), (BreakerState::Open, Some(at(30))));
        let mut breaker = Breaker::default();
        for second in 0..15 {
            assert!(!breaker.failed(at(second), &TERMS), "share of too few outcomes");
            if second % 4 == 3 {
                breaker.succeeded(at(second), &TERMS);
            }
        }
    }

    #[test]
    fn half_of_twenty_outcomes_within_a_minute_open_it_and_over_two_windows_they_do_not() {
        let mut breaker = Breaker::default();
        for nth in 0..10 {
            breaker.succeeded(at(nth), &TERMS);
            assert_eq!(breaker.failed(at(nth), &TERMS), nth == 9);
        }
        let mut breaker = Breaker::default();
        for nth in 0..10 {
            breaker.succeeded(at(nth * 7), &TERMS);
            assert!(!breaker.failed(at(nth * 7), &TERMS));
        }
    }

    #[test]
    fn a_rule_of_zero_never_opens_it() {
        let terms = BreakerTerms { failures: 0, share_pct: 0, ..TERMS };
        let mut breaker = Breaker::default();
        assert!((0..1_000).all(|_| !breaker.failed(at(0), &terms)));
    }

    #[test]
    fn after_its_time_it_awaits_one_probe_and_each_opening_lasts_twice_as_long_up_to_a_cap() {
        let mut breaker = opened(at(0));
        assert_eq!(breaker.on_time(at(29), &TERMS), Due::Nothing);
        let (mut now, mut lengths) = (at(30), Vec::new());
        for _ in 0..6 {
            assert_eq!(breaker.on_time(now, &TERMS), Due::Probe);
            assert_eq!(breaker.on_time(now, &TERMS), Due::Nothing, "one probe");
            assert!(breaker.probed() && breaker.is_on_trial());
            assert!(breaker.failed(now, &TERMS), "the first failure opens it again");
            let until = breaker.until().expect("open");
            lengths.push(until.since(now) / SECOND_NS);
            now = until;
        }
        assert_eq!(lengths, [60, 120, 240, 480, 900, 900]);
        assert_eq!(breaker.on_time(now, &TERMS), Due::Probe);
        assert!(breaker.probed());
        breaker.succeeded(now, &TERMS);
        assert!(!breaker.failed(now, &TERMS), "a success has ended the trial");
    }

    #[test]
    fn a_probe_that_fails_or_is_not_answered_opens_it_again() {
        let mut breaker = opened(at(0));
        assert_eq!(breaker.on_time(at(30), &TERMS), Due::Probe);
        assert!(breaker.probe_failed(at(31), &TERMS) && !breaker.probe_failed(at(31), &TERMS));
        assert_eq!(breaker.until(), Some(at(91)));
        assert_eq!(breaker.on_time(at(91), &TERMS), Due::Probe);
        assert_eq!(breaker.on_time(at(121), &TERMS), Due::Reopened);
        assert_eq!((breaker.state(), breaker.until()), (BreakerState::Open, Some(at(241))));
    }

    #[test]
    fn late_outcomes_of_older_requests_change_nothing_while_it_is_open() {
        let mut breaker = opened(at(0));
        breaker.succeeded(at(1), &TERMS);
        assert!(!breaker.failed(at(1), &TERMS) && !breaker.probed());
        assert_eq!(breaker.until(), Some(at(30)));
        assert!(breaker.close() && !breaker.close() && breaker.is_on_trial());
    }

    #[test]
    fn a_pause_is_as_long_as_told_or_doubles_and_answers_of_one_burst_count_once() {
        let mut pause = Pause::default();
        let mut now = at(0);
        let mut lengths = Vec::new();
        for _ in 0..8 {
            let until = pause.extend(now, 0, RATE_LIMIT_WAITS).expect("longer");
            assert_eq!(pause.extend(now, 0, RATE_LIMIT_WAITS), None, "the same burst");
            lengths.push(until.since(now) / SECOND_NS);
            assert!(pause.is_on(UnixNanos(until.0 - 1)) && !pause.is_on(until));
            now = until;
        }
        assert_eq!(lengths, [1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(
            pause.extend(now, 7 * SECOND_NS, RATE_LIMIT_WAITS),
            Some(UnixNanos(now.0 + 7 * SECOND_NS))
        );
        assert_eq!(pause.extend(now, SECOND_NS, RATE_LIMIT_WAITS), None, "never shorter");
        let longest = UnixNanos(now.0 + RETRY_AFTER_MAX_NS);
        assert_eq!(pause.extend(now, u64::MAX, RATE_LIMIT_WAITS), Some(longest));
        assert!(pause.lift(now) && !pause.lift(now) && pause.is_unproved());
        pause.succeeded();
        assert_eq!(pause.extend(now, 0, RATE_LIMIT_WAITS), Some(UnixNanos(now.0 + SECOND_NS)));
    }
}
