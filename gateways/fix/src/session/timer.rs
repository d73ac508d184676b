//! What a session does when time passes: heartbeats, test requests and timeouts.
//!
//! A line belongs here if it is due at a time.

use super::{
    DisconnectReason, Event, FRAME_TIMEOUT_NS, GAP_TRIES_MAX, HELD_MAX_NS, Policy, Role, Session,
    State, Warning,
};
use crate::store::MessageStore;
use crate::tags::{self, msg_type};

/// After this many tenths of a heartbeat interval without a message the peer gets a `TestRequest`.
const TEST_TENTHS: u64 = 12;
/// After this many tenths of a heartbeat interval without a message the session ends.
const DEAD_TENTHS: u64 = 24;
/// How long an unfilled gap waits if there are no heartbeats, in nanoseconds.
const GAP_PATIENCE_NS: u64 = 30_000_000_000;

impl<S: MessageStore, P: Policy> Session<S, P> {
    fn test_after_ns(&self) -> u64 {
        self.heartbeat_ns / 10 * TEST_TENTHS
    }

    fn dead_after_ns(&self) -> u64 {
        self.heartbeat_ns / 10 * DEAD_TENTHS
    }

    pub(super) fn gap_patience_ns(&self) -> u64 {
        if self.heartbeat_ns == 0 { GAP_PATIENCE_NS } else { self.heartbeat_ns }
    }

    /// When [`on_timer`](Self::on_timer) has something to do, in nanoseconds since the Unix epoch;
    /// 0 for at once, `None` for never as things are.
    pub fn next_deadline_ns(&self) -> Option<u64> {
        let own = match self.state {
            State::Disconnected => return None,
            State::LoggedOn | State::LogoutAnswered | State::LogoutSent { .. }
                if self.replay.is_some() =>
            {
                Some(0)
            }
            State::AwaitLogon
            | State::LogonSent
            | State::LogoutAnswered
            | State::LogoutSent { .. } => Some(self.deadline_ns),
            State::LoggedOn => {
                let quiet = self.quiet_deadline_ns().into_iter();
                quiet.chain(self.closes_ns()).chain(self.held_due_ns()).min()
            }
        };
        let unfinished = self.unfinished_due_ns();
        own.into_iter().chain(unfinished).min()
    }

    /// When an incomplete message must be complete; none once that time is over.
    fn unfinished_due_ns(&self) -> Option<u64> {
        let since_ns = self.unfinished_ns.filter(|since_ns| *since_ns > 0)?;
        Some(since_ns.saturating_add(FRAME_TIMEOUT_NS))
    }

    /// When a message has been held for too long.
    fn held_due_ns(&self) -> Option<u64> {
        let held_ns = self.held_ns.filter(|_| self.is_held())?;
        Some(held_ns.saturating_add(HELD_MAX_NS))
    }

    /// When a session without traffic has something to do.
    fn quiet_deadline_ns(&self) -> Option<u64> {
        let gap = self.gap.map(|gap| gap.since_ns.saturating_add(self.gap_patience_ns()));
        let beat = self.last_out_ns.saturating_add(self.heartbeat_ns);
        if self.held_ns.is_some() {
            return (self.heartbeat_ns > 0).then_some(beat);
        }
        if self.heartbeat_ns == 0 {
            return gap;
        }
        let patience = self.dead_after_ns() - self.test_after_ns();
        let silence = match self.test_request_ns {
            None => self.last_in_ns.saturating_add(self.test_after_ns()),
            Some(asked_ns) => {
                let dead_ns = self.last_in_ns.saturating_add(self.dead_after_ns());
                dead_ns.max(asked_ns.saturating_add(patience))
            }
        };
        Some(beat.min(silence).min(gap.unwrap_or(u64::MAX)))
    }

    /// Runs the timers that are due at `now_ns`. Call again at once while it returns an event.
    pub fn on_timer(&mut self, now_ns: u64, out: &mut Vec<u8>) -> Option<Event<'static>> {
        if self.unfinished_due_ns().is_some_and(|due_ns| now_ns >= due_ns) {
            self.unfinished_ns = Some(0);
        }
        match self.state {
            State::Disconnected => None,
            State::AwaitLogon | State::LogonSent => {
                let late = now_ns >= self.deadline_ns;
                let closed = self.closed_until_ns(now_ns).is_some();
                let initiator = self.config.role == Role::Initiator;
                let reason = if closed && initiator {
                    DisconnectReason::OutsideHours
                } else {
                    DisconnectReason::LogonTimeout
                };
                late.then(|| self.disconnect(reason))
            }
            State::LogoutAnswered => {
                self.continue_replay(now_ns, out);
                (now_ns >= self.deadline_ns).then(|| self.disconnect(DisconnectReason::PeerLogout))
            }
            State::LogoutSent { .. } => {
                self.continue_replay(now_ns, out);
                (now_ns >= self.deadline_ns)
                    .then(|| self.disconnect(DisconnectReason::LogoutTimeout))
            }
            State::LoggedOn if self.closes_ns().is_some_and(|closes_ns| now_ns >= closes_ns) => {
                self.logout(now_ns, "Session hours are over", out);
                Some(Event::LogoutSent { reason: DisconnectReason::OutsideHours })
            }
            State::LoggedOn if self.held_due_ns().is_some_and(|due_ns| now_ns >= due_ns) => {
                let reason = DisconnectReason::TooManyUnconfirmed;
                Some(self.log_out_now(now_ns, reason, "Overloaded, please log on again", out))
            }
            State::LoggedOn => {
                self.continue_replay(now_ns, out);
                self.on_silence(now_ns, out).or_else(|| self.on_old_gap(now_ns, out))
            }
        }
    }

    fn on_silence(&mut self, now_ns: u64, out: &mut Vec<u8>) -> Option<Event<'static>> {
        if self.heartbeat_ns == 0 {
            return None;
        }
        // The silence of a peer whose messages are held back says nothing.
        if self.held_ns.is_some() {
            self.beat(now_ns, out);
            return None;
        }
        let silent_ns = now_ns.saturating_sub(self.last_in_ns);
        // After a pause of our own process the peer still gets its time to answer.
        if let Some(asked_ns) = self.test_request_ns
            && silent_ns >= self.dead_after_ns()
            && now_ns.saturating_sub(asked_ns) >= self.dead_after_ns() - self.test_after_ns()
        {
            return Some(self.disconnect(DisconnectReason::HeartbeatTimeout));
        }
        // During a resend the peer hears from us.
        if self.replay.is_some() {
            return None;
        }
        if silent_ns >= self.test_after_ns() && self.test_request_ns.is_none() {
            self.test_request_ns = Some(now_ns);
            self.send_admin(now_ns, msg_type::TEST_REQUEST, out, |test| {
                test.uint(tags::TEST_REQ_ID, now_ns / 1_000_000);
            });
            return Some(Event::Warning(Warning::Silent));
        }
        self.beat(now_ns, out);
        None
    }

    fn beat(&mut self, now_ns: u64, out: &mut Vec<u8>) {
        if now_ns.saturating_sub(self.last_out_ns) >= self.heartbeat_ns {
            self.send_admin(now_ns, msg_type::HEARTBEAT, out, |_| ());
        }
    }

    fn on_old_gap(&mut self, now_ns: u64, out: &mut Vec<u8>) -> Option<Event<'static>> {
        let gap = self.gap?;
        if self.replay.is_some()
            || self.held_ns.is_some()
            || now_ns.saturating_sub(gap.since_ns) < self.gap_patience_ns()
        {
            return None;
        }
        if gap.tries >= GAP_TRIES_MAX {
            let reason = DisconnectReason::GapNotFilled;
            return Some(self.log_out(now_ns, reason, "Missing messages were not resent", out));
        }
        self.gap = Some(super::Gap { since_ns: now_ns, tries: gap.tries + 1, ..gap });
        self.ask_for_gap(now_ns, out);
        Some(Event::Warning(Warning::Gap { expected: self.next_in, received: gap.upto }))
    }
}
