//! The life of a link to a venue, as far as it is the same for all adapters: how long each step may
//! take, and the account of why the venue is not up.
//!
//! A line belongs here if orders and market data of every venue need it. What a step says on the
//! wire is the adapter's.

use rutter_core::input::VenueDownReason;
use rutter_feeds::deep::DeepQueue;
use rutter_feeds::trades::Trades;
use rutter_transport::machine::CloseReason;
use rutter_transport::standing::{Standing, Why, detail};
use rutter_transport::unread::Unread;

use crate::clock::VenueClock;
use crate::inquiry::{Inquiry, Phase};

const SECOND_NS: u64 = 1_000_000_000;

/// Longest time in which a link is established.
pub const CONNECT_TIMEOUT_NS: u64 = 20 * SECOND_NS;

/// Longest time from our close to the carrier's event that the link is closed.
pub const CLOSE_TIMEOUT_NS: u64 = 5 * SECOND_NS;

/// Refusals of our key in a row after which the venue is left alone for [`KEY_PAUSE_NS`].
pub const KEY_REFUSALS_MAX: u32 = 3;

/// How long a venue is left alone that has refused our key [`KEY_REFUSALS_MAX`] times in a row.
pub const KEY_PAUSE_NS: u64 = 300 * SECOND_NS;

/// Smallest change of a clock's offset that is told.
const CLOCK_STEP_NS: u64 = 20_000_000;

/// How far a link has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Not connected.
    Link,
    /// Connected; the logon or the subscriptions are awaited.
    Session,
    /// Logged on; orders, balances or books are asked for.
    Questions,
    /// Everything is there.
    Up,
}

/// Keeps a [`Standing`] as a link comes up and fails. A failure is shown until the link has come
/// further than where the failure was.
#[derive(Clone, Debug)]
pub struct Life {
    standing: Standing,
    stage: Stage,
    /// How far the link was when it failed last; `None` if nothing has failed since it was up.
    failed_at: Option<Stage>,
    is_troubled: bool,
    /// Failures of the inquiry that are in the standing.
    failures: u64,
    /// Links that the venue's refusal of our key has ended since it took an order.
    key_refusals: u32,
    /// What the venue said when it closed.
    closed_text: String,
    /// Orders that the venue does not answer about; said while nothing else is wrong.
    unclear: Option<String>,
    /// Our clock is off; said while nothing else is wrong.
    clock_off: Option<String>,
    /// Deep levels come late; said while nothing else is wrong.
    depth_paced: Option<String>,
    /// Public trades are missing; said while nothing else is wrong.
    trades_missing: Option<String>,
}

impl Default for Life {
    fn default() -> Self {
        Self {
            standing: Standing::default(),
            stage: Stage::Link,
            failed_at: None,
            is_troubled: false,
            failures: 0,
            key_refusals: 0,
            closed_text: String::new(),
            unclear: None,
            clock_off: None,
            depth_paced: None,
            trades_missing: None,
        }
    }
}

impl Life {
    /// Whether the venue is up, and if not, why.
    pub const fn standing(&self) -> &Standing {
        &self.standing
    }

    fn tell(&mut self, why: Option<Why>, text: &str) {
        let mut lasting = [
            (Why::OrdersUnclear, self.unclear.as_deref()),
            (Why::ClockOff, self.clock_off.as_deref()),
            (Why::DepthPaced, self.depth_paced.as_deref()),
            (Why::TradesMissing, self.trades_missing.as_deref()),
        ]
        .into_iter()
        .filter_map(|(why, text)| Some((Some(why), text?)));
        let (why, text) = match why {
            None => lasting.next().unwrap_or((None, text)),
            why => (why, text),
        };
        self.standing.why = why;
        self.standing.detail = detail(text);
        self.standing.revision += 1;
    }

    /// An attempt to connect begins.
    pub const fn begins(&mut self, now_ns: u64) {
        if self.standing.since_ns == 0 {
            self.standing.since_ns = now_ns;
        }
        self.stage = Stage::Link;
        self.standing.next_ns = None;
        self.standing.revision += 1;
    }

    /// The link has come this far.
    pub fn reached(&mut self, now_ns: u64, stage: Stage) {
        if self.stage == stage {
            return;
        }
        self.stage = stage;
        let why = match stage {
            Stage::Link => Some(Why::Connecting),
            Stage::Session => Some(Why::LoggingOn),
            Stage::Questions => Some(Why::Reconciling),
            Stage::Up => None,
        };
        if stage == Stage::Up {
            self.standing.is_up = true;
            self.standing.since_ns = now_ns;
            self.standing.attempts = 0;
            self.failed_at = None;
        }
        if Some(stage) > self.failed_at {
            self.is_troubled = false;
            self.standing.next_ns = None;
            self.tell(why, "");
        }
    }

    /// The attempt, or the link, has failed.
    pub fn failed(&mut self, now_ns: u64, why: Why, text: &str) {
        if self.standing.is_up {
            self.standing.is_up = false;
            self.standing.since_ns = now_ns;
        }
        self.failed_at = Some(self.stage.min(Stage::Session));
        self.stage = Stage::Link;
        self.is_troubled = false;
        self.standing.attempts = self.standing.attempts.saturating_add(1);
        self.key_refusals = self.key_refusals.saturating_add(u32::from(why.may_lock()));
        self.tell(Some(why), text);
    }

    /// The venue has taken an order, so it accepts our key.
    pub const fn key_accepted(&mut self) {
        self.key_refusals = 0;
    }

    /// When the next attempt is made that would come after `wait_ns`. The time is later if the
    /// venue keeps refusing our key.
    pub fn retries_after(&mut self, now_ns: u64, wait_ns: u64) -> u64 {
        let is_locked =
            self.standing.why.is_some_and(Why::may_lock) && self.key_refusals >= KEY_REFUSALS_MAX;
        let wait_ns = if is_locked { wait_ns.max(KEY_PAUSE_NS) } else { wait_ns };
        let next_ns = now_ns.saturating_add(wait_ns);
        self.retries_at(next_ns);
        next_ns
    }

    /// The next attempt is made at this time.
    pub const fn retries_at(&mut self, next_ns: u64) {
        self.standing.next_ns = Some(next_ns);
        self.standing.revision += 1;
    }

    /// Something goes wrong that does not end the link: a REST call, a book.
    pub fn troubled(&mut self, why: Why, text: &str, next_ns: Option<u64>) {
        self.is_troubled = true;
        self.failed_at = Some(Stage::Questions);
        self.standing.attempts = self.standing.attempts.saturating_add(1);
        self.standing.next_ns = next_ns;
        self.tell(Some(why), text);
    }

    /// What went wrong has gone well.
    pub fn untroubled(&mut self) {
        if std::mem::take(&mut self.is_troubled) {
            self.failed_at = Some(Stage::Session).filter(|_| !self.standing.is_up);
            self.standing.next_ns = None;
            let why = (!self.standing.is_up).then_some(Why::Reconciling);
            if why.is_none() {
                self.standing.attempts = 0;
            }
            self.tell(why, "");
        }
    }

    /// Tells of orders that the venue does not answer about, and when there are none any more.
    fn follow_unclear<C, P: Default>(&mut self, inquiry: &Inquiry<C, P>) {
        let unclear = inquiry.unclear().map(|(children, oldest)| {
            let error = inquiry.last_error().unwrap_or("nothing that settles it");
            format!("{children} orders, the oldest is child {}; last: {error}", oldest.0)
        });
        let has_changed = unclear.is_some() != self.unclear.is_some();
        self.unclear = unclear;
        if has_changed {
            self.tell_lasting();
        }
    }

    /// Tells what lasts while the link is up, unless something worse is told.
    fn tell_lasting(&mut self) {
        let lasting = [Why::OrdersUnclear, Why::ClockOff, Why::DepthPaced, Why::TradesMissing];
        let is_free = self.standing.why.is_none_or(|why| lasting.contains(&why));
        if self.standing.is_up && !self.is_troubled && is_free {
            self.tell(None, "");
        }
    }

    /// Takes over what is known of the venue's clock.
    pub fn follow_clock(&mut self, clock: &VenueClock) {
        let (ahead, told) = (clock.ahead_ns(), self.standing.clock_ahead_ns);
        let step = ahead.zip(told).map(|(ahead, told)| ahead.abs_diff(told));
        if ahead == told || step.is_some_and(|step| step < CLOCK_STEP_NS) {
            return;
        }
        self.standing.clock_ahead_ns = ahead;
        self.standing.revision += 1;
        let off = clock.off_ns().map(|ahead_ns| {
            let ms = ahead_ns.unsigned_abs() / 1_000_000;
            let side = if ahead_ns > 0 { "ahead of" } else { "behind" };
            format!("our clock is {ms} ms {side} the venue's; what the venue checks is corrected")
        });
        if off != self.clock_off {
            self.clock_off = off;
            self.tell_lasting();
        }
    }

    /// Takes over what could not be read.
    pub fn follow_unread(&mut self, unread: &Unread) {
        if unread.count() != self.standing.unread.count() {
            self.standing.unread.clone_from(unread);
            self.standing.revision += 1;
        }
    }

    /// The deep tiers that are due have been told as far as possible. Tells when they fall behind,
    /// and when they have caught up.
    pub fn follow_depth(&mut self, deep: &mut DeepQueue, now_ns: u64) {
        let Some(is_behind) = deep.settle(now_ns) else { return };
        let (waiting, late) = (deep.waiting(), deep.late());
        let text = format!("{waiting} books wait; {late} were late since the start");
        self.depth_paced = is_behind.then_some(text);
        self.tell_lasting();
    }

    /// Tells that public trades are missing, and some time later no more.
    pub fn follow_trades(&mut self, trades: &mut Trades, now_ns: u64) {
        if let Some(news) = trades.news(now_ns) {
            self.trades_missing = news;
            self.tell_lasting();
        }
    }

    /// The venue takes no orders for now; the link stays.
    pub fn closed(&mut self, now_ns: u64, text: &str) {
        if self.standing.is_up {
            self.standing.is_up = false;
            self.standing.since_ns = now_ns;
        }
        self.stage = Stage::Session;
        self.failed_at = Some(Stage::Session);
        self.is_troubled = false;
        self.closed_text = detail(text);
        self.tell(Some(Why::VenueClosed), text);
    }

    /// Takes over what the inquiry has come to.
    pub fn follow<C, P: Default>(&mut self, now_ns: u64, inquiry: &Inquiry<C, P>) {
        let failures = inquiry.tally().failures;
        match inquiry.trouble() {
            Some((why, text)) if failures != self.failures => {
                self.troubled(why, text, Some(inquiry.paused_until_ns()));
            }
            Some(_) => {}
            None => self.untroubled(),
        }
        self.failures = failures;
        self.follow_unclear(inquiry);
        if inquiry.is_up() {
            self.reached(now_ns, Stage::Up);
        } else if inquiry.phase() == Phase::Closed && self.standing.why.is_none_or(Why::is_progress)
        {
            let text = std::mem::take(&mut self.closed_text);
            self.closed(now_ns, &text);
        }
    }
}

/// What a person is told of a link that the carrier has ended. The carrier adds its own words.
pub const fn why_closed(reason: CloseReason) -> Why {
    match reason {
        CloseReason::ConnectFailed => Why::ConnectFailed,
        CloseReason::Peer | CloseReason::Requested => Why::ClosedByPeer,
        CloseReason::Io => Why::LinkFailed,
        CloseReason::Protocol => Why::Protocol,
        CloseReason::TooLong => Why::TooLong,
        CloseReason::WriteBufferFull => Why::WriteBufferFull,
    }
}

/// What the core is told of a link that the carrier has ended.
pub const fn down_reason(reason: CloseReason) -> VenueDownReason {
    match reason {
        CloseReason::WriteBufferFull => VenueDownReason::NoAnswer,
        CloseReason::Protocol | CloseReason::TooLong => VenueDownReason::Protocol,
        CloseReason::ConnectFailed
        | CloseReason::Peer
        | CloseReason::Io
        | CloseReason::Requested => VenueDownReason::LinkLost,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rutter_core::id::{InstrumentId, VenueId};
    use rutter_core::number::{Price, Qty, UnixNanos};
    use rutter_feeds::deep::Depth;
    use rutter_feeds::trades::Trade;

    fn seen(life: &Life) -> (Option<Why>, bool, u32) {
        let standing = life.standing();
        (standing.why, standing.is_up, standing.attempts)
    }

    #[test]
    fn a_failure_is_shown_until_the_link_has_come_further() {
        let mut life = Life::default();
        life.begins(10);
        assert_eq!(seen(&life), (Some(Why::Connecting), false, 0));
        life.failed(11, Why::ConnectionRefused, "nobody");
        life.retries_at(20);
        assert_eq!(life.standing().next_ns, Some(20));
        life.begins(20);
        assert_eq!(seen(&life), (Some(Why::ConnectionRefused), false, 1));
        assert_eq!((life.standing().since_ns, life.standing().next_ns), (10, None));
        life.reached(21, Stage::Session);
        assert_eq!(seen(&life), (Some(Why::LoggingOn), false, 1));
        life.failed(22, Why::WrongKey, "-2015");
        life.begins(30);
        life.reached(31, Stage::Session);
        assert_eq!(seen(&life), (Some(Why::WrongKey), false, 2), "no further than before");
        life.reached(32, Stage::Questions);
        assert_eq!(seen(&life), (Some(Why::Reconciling), false, 2));
        life.reached(33, Stage::Up);
        assert_eq!(seen(&life), (None, true, 0));
        assert_eq!((life.standing().since_ns, life.standing().detail.as_str()), (33, ""));
    }

    #[test]
    fn a_venue_that_keeps_refusing_our_key_is_left_alone_for_minutes() {
        let mut life = Life::default();
        let mut waits = Vec::new();
        for why in [Why::WrongKey, Why::ClosedByPeer, Why::NoPermission, Why::WrongKey] {
            life.failed(1, why, "");
            waits.push(life.retries_after(0, SECOND_NS) / SECOND_NS);
        }
        assert_eq!(waits, [1, 1, 1, 300]);
        life.failed(1, Why::ClosedByPeer, "");
        assert_eq!(life.retries_after(0, SECOND_NS), SECOND_NS, "not about the key");
        life.key_accepted();
        life.failed(1, Why::WrongKey, "");
        assert_eq!(life.retries_after(0, SECOND_NS), SECOND_NS);
        assert_eq!(life.standing().next_ns, Some(SECOND_NS));
    }

    #[test]
    fn late_deep_levels_are_told_while_nothing_else_is_wrong() {
        let mut deep = DeepQueue::new(Depth { updates_per_s_max: 1, ..Depth::DEFAULT });
        deep.add(0, 0);
        deep.told(0, 5);
        let mut life = Life::default();
        life.begins(1);
        life.follow_depth(&mut deep, 4 * SECOND_NS);
        assert_eq!(seen(&life), (Some(Why::Connecting), false, 0));
        life.reached(2, Stage::Up);
        assert_eq!(seen(&life), (Some(Why::DepthPaced), true, 0));
        assert_eq!(life.standing().detail, "1 books wait; 0 were late since the start");
        life.troubled(Why::RestPaced, "429", None);
        assert_eq!(seen(&life), (Some(Why::RestPaced), true, 1));
        life.untroubled();
        assert_eq!(seen(&life), (Some(Why::DepthPaced), true, 0));
        assert_eq!(deep.next(5 * SECOND_NS), Some(0));
        life.follow_depth(&mut deep, 5 * SECOND_NS);
        assert_eq!(seen(&life), (None, true, 0));
    }

    #[test]
    fn a_clock_that_is_off_is_told_while_nothing_worse_is_wrong() {
        let (mut life, mut clock) = (Life::default(), VenueClock::default());
        life.begins(1);
        clock.answered(10 * SECOND_NS, 10 * SECOND_NS, 5 * SECOND_NS);
        life.follow_clock(&clock);
        assert_eq!(seen(&life), (Some(Why::Connecting), false, 0));
        life.reached(2, Stage::Up);
        assert_eq!(seen(&life), (Some(Why::ClockOff), true, 0));
        assert!(life.standing().detail.starts_with("our clock is 5000 ms ahead of the venue's"));
        let revision = life.standing().revision;
        clock.heard(11 * SECOND_NS, 6 * SECOND_NS + 5_000_000);
        life.follow_clock(&clock);
        assert_eq!(life.standing().revision, revision, "5 ms are no news");
        life.troubled(Why::RestPaced, "429", None);
        assert_eq!(seen(&life), (Some(Why::RestPaced), true, 1));
        clock.refused();
        clock.heard(12 * SECOND_NS, 12 * SECOND_NS);
        life.follow_clock(&clock);
        assert_eq!(life.standing().clock_ahead_ns, Some(0));
        assert_eq!(seen(&life), (Some(Why::RestPaced), true, 1), "nothing hides what is wrong");
        life.untroubled();
        assert_eq!(seen(&life), (None, true, 0));
    }

    #[test]
    fn missing_trades_are_told_for_a_minute_while_nothing_else_is_wrong() {
        let trade = |id| Trade {
            id,
            count: 1,
            taker: None,
            price: Price(1),
            qty: Qty(1),
            time: UnixNanos(id),
        };
        let mut trades = Trades::new(VenueId(1), [InstrumentId(1)].into_iter(), 1, SECOND_NS);
        let mut life = Life::default();
        life.begins(1);
        life.reached(2, Stage::Up);
        trades.take(0, 0, &trade(1), false);
        trades.take(0, 0, &trade(5_000), false);
        life.follow_trades(&mut trades, 3);
        assert_eq!(seen(&life), (Some(Why::TradesMissing), true, 0));
        life.troubled(Why::RestPaced, "429", None);
        assert_eq!(seen(&life), (Some(Why::RestPaced), true, 1));
        life.untroubled();
        life.follow_trades(&mut trades, 3 + 60 * SECOND_NS);
        assert_eq!(seen(&life), (None, true, 0));
    }

    #[test]
    fn what_could_not_be_read_is_in_the_standing_and_takes_nothing_down() {
        let (mut life, mut unread) = (Life::default(), Unread::default());
        life.begins(1);
        life.reached(2, Stage::Up);
        unread.add("no price", "35=8|", &[]);
        let revision = life.standing().revision;
        life.follow_unread(&unread);
        life.follow_unread(&unread);
        assert_eq!((life.standing().revision, seen(&life)), (revision + 1, (None, true, 0)));
        assert_eq!(life.standing().unread.count(), 1);
    }

    #[test]
    fn trouble_while_up_takes_nothing_down_and_goes_with_the_next_success() {
        let mut life = Life::default();
        life.begins(1);
        life.reached(2, Stage::Up);
        life.troubled(Why::RestPaced, "429", Some(9));
        assert_eq!(seen(&life), (Some(Why::RestPaced), true, 1));
        life.untroubled();
        assert_eq!(seen(&life), (None, true, 0));
        life.failed(5, Why::Silent, "");
        assert_eq!((seen(&life), life.standing().since_ns), ((Some(Why::Silent), false, 1), 5));
        life.begins(6);
        life.reached(7, Stage::Questions);
        life.troubled(Why::RestFailing, "", None);
        life.troubled(Why::RestFailing, "", None);
        assert_eq!(seen(&life), (Some(Why::RestFailing), false, 3));
        life.untroubled();
        assert_eq!(seen(&life), (Some(Why::Reconciling), false, 3));
    }
}
