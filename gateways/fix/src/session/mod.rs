//! One FIX session without I/O: bytes and the time in, bytes and [`Event`]s out.
//!
//! The caller owns the socket and the clock. It gives arriving bytes to [`Session::receive`] until
//! that asks for more, calls [`Session::on_timer`] no later than [`Session::next_deadline_ns`], and
//! writes the bytes that both append to its output buffer. After [`Event::Disconnect`] it writes
//! the rest of the buffer, closes the connection and may connect again.
//!
//! The rules are FIX 4.4 volume 2 (session protocol). Inbound numbers: the stored `next_in` trails
//! the volatile one until [`Session::confirm_in`] says that the core has journaled a message. So
//! after a restart the peer is asked again for messages that were lost. Outbound numbers: an
//! application message is stored before its bytes are handed out; an administrative message only
//! takes a number.
//!
//! A line belongs here if it is about one session's protocol state. The gateway assigns connections
//! to sessions and interprets orders.

mod config;
mod event;
mod gap;
mod inbound;
mod logon;
mod outbound;
pub mod schedule;
mod timer;

use std::collections::VecDeque;

pub use config::{
    Config, HeaderOrder, LogonContext, NoCredentials, Offline, PasswordPolicy, Policy, Recovery,
    Role, Validation, constant_time_eq,
};
pub use event::{
    AppMessage, BusinessRejectReason, DisconnectReason, Event, Received, Refusal, SendError, Sent,
    SessionError, SessionRejectReason, Warning,
};
pub use schedule::Schedule;

use crate::codec::{FieldIndex, Garbled, Message, Status, decode, resync};
use crate::store::{MessageStore, SEQ_MAX};
use crate::tags::msg_type;

/// Most application messages delivered and not yet confirmed; the next one is
/// [held](Session::is_held) until there is room.
pub const UNCONFIRMED_MAX: usize = 16_384;

/// Longest that a message is held without any confirmation; then the peer is told to come again.
pub const HELD_MAX_NS: u64 = 30_000_000_000;

/// Most refused Logons that are answered within [`REFUSALS_NS`]; further ones are closed without an
/// answer. Each answer takes a sequence number, and anybody who knows the peer's name can cause
/// one.
pub const REFUSALS_MAX: u32 = 32;

/// What [`REFUSALS_MAX`] is counted over; a good Logon ends the count.
pub const REFUSALS_NS: u64 = 900_000_000_000;

/// Newest numbers sent that a restart looks through for answers
/// ([`Session::recover_answered`]).
pub const ANSWERED_SCAN_MAX: u64 = 65_536;

/// Most messages remembered or kept that came ahead of a gap.
pub const AHEAD_MAX: usize = 1_024;

/// Most bytes of kept messages ahead of a gap; further messages have to be resent.
pub const AHEAD_BYTES_MAX: usize = 1 << 20;

/// Garbled stretches without a good message between them that end the connection.
pub const GARBLED_MAX: u32 = 64;

/// A message that has begun must be complete within this; then it is garbled, and the next one is
/// looked for inside it. So a `BodyLength` that is too long holds nothing up for ever.
pub const FRAME_TIMEOUT_NS: u64 = 5_000_000_000;

/// Most `ResendRequest`s that reach below the highest number resent before, within
/// [`SAME_RESENDS_NS`].
pub const SAME_RESENDS_MAX: u32 = 32;

/// What [`SAME_RESENDS_MAX`] is counted over.
pub const SAME_RESENDS_NS: u64 = 60_000_000_000;

/// Most resets by a Logon within a session (141=Y), within [`RESETS_NS`]. Each is answered by a
/// Logon with 141=Y, which a peer might take for another request.
pub const RESETS_MAX: u32 = 16;

/// What [`RESETS_MAX`] is counted over.
pub const RESETS_NS: u64 = 60_000_000_000;

/// Most times that the same gap is asked for without progress.
pub const GAP_TRIES_MAX: u32 = 3;

/// Bytes after which a long replay waits for the caller to write.
pub const REPLAY_BYTES_MAX: usize = 256 << 10;

/// Most messages too old to be resent that one gap fill passes over.
pub const STALE_FILL_MAX: usize = 4_096;

/// Longest `TestReqID` (112) that is answered, in bytes.
pub const TEST_REQ_ID_BYTES_MAX: usize = 256;

/// Where a session is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// No connection.
    Disconnected,
    /// Acceptor: connected, the peer must log on.
    AwaitLogon,
    /// Initiator: Logon sent, not yet answered.
    LogonSent,
    /// Both have logged on.
    LoggedOn,
    /// The peer's Logout came ahead of a gap. We have asked for the missing messages and answered
    /// the Logout, and take what comes until the peer closes the connection.
    LogoutAnswered,
    /// Our Logout is not answered yet. The peer's messages still count unless it erred.
    LogoutSent {
        /// True if the peer broke a rule: none of its messages is delivered.
        fatal: bool,
    },
}

/// An application message that was delivered; settled when the core has it.
#[derive(Clone, Copy, Debug)]
struct Unconfirmed {
    seq: u64,
    settled: bool,
}

/// Numbers that the peer has been asked for.
#[derive(Clone, Copy, Debug)]
struct Gap {
    /// Highest number seen: the gap is closed behind it.
    upto: u64,
    /// When it was last asked for, or last became smaller.
    since_ns: u64,
    /// Times that it was asked for without progress.
    tries: u32,
    /// Last number that the answer to the request surely has.
    asked: u64,
    /// A message ahead of it found no room, and that was told.
    full: bool,
}

/// A `ResendRequest` being served.
#[derive(Clone, Copy, Debug)]
struct Replay {
    next: u64,
    end: u64,
}

/// `ResendRequest`s that were served, to find a peer that asks for ever.
#[derive(Clone, Copy, Debug, Default)]
struct Resends {
    /// Highest number that was resent.
    upto: u64,
    /// Requests that began at or below it since `since_ns`.
    times: u32,
    since_ns: u64,
}

/// Counts what may happen so many times within a span.
#[derive(Clone, Copy, Debug, Default)]
struct Counted {
    times: u32,
    since_ns: u64,
}

impl Counted {
    /// Counts once more; true if that is more than `most` since the span began.
    const fn more_than(&mut self, most: u32, span_ns: u64, now_ns: u64) -> bool {
        if self.times == 0 || now_ns.saturating_sub(self.since_ns) >= span_ns {
            (self.times, self.since_ns) = (0, now_ns);
        }
        self.times = self.times.saturating_add(1);
        self.times > most
    }
}

/// Bytes of a message that is written, at first.
const SCRATCH_BYTES: usize = 1_024;

/// A session and its store. `P` decides about credentials and fills a Logon.
#[derive(Debug)]
pub struct Session<S, P> {
    config: Config,
    store: S,
    policy: P,
    state: State,
    next_in: u64,
    unconfirmed: VecDeque<Unconfirmed>,
    /// Numbers of the peer's that an earlier process has answered without the core; the lowest
    /// last.
    answered: Vec<u64>,
    ahead: gap::GapQueue,
    /// Which of the configured versions the Logon named (1137).
    appl_ver_id: usize,
    gap: Option<Gap>,
    replay: Option<Replay>,
    heartbeat_ns: u64,
    last_in_ns: u64,
    last_out_ns: u64,
    /// When waiting for a Logon or Logout ends.
    deadline_ns: u64,
    test_request_ns: Option<u64>,
    garbled: u32,
    /// Since when the input begins with a message that is not complete; 0 once that has lasted too
    /// long, until [`receive`](Self::receive) is called again.
    unfinished_ns: Option<u64>,
    /// Since when the next message waits for room among the unconfirmed ones.
    held_ns: Option<u64>,
    /// A warning beside the event that was told last.
    untold: Option<Warning>,
    /// Refused Logons that were answered.
    refusals: Counted,
    /// Resets by a Logon within a session.
    resets: Counted,
    /// The numbers were reset without the peer: the answer to its next Logon says so (141=Y).
    reset_untold: bool,
    /// The answer to the peer's Logon has told of a reset, and nothing came since.
    reset_told: bool,
    /// The period of the schedule that the numbers belong to; it may be still to come.
    period: Option<schedule::Period>,
    resends: Resends,
    counts: Counts,
    scratch: Vec<u8>,
}

/// Counters of a session since the last reading.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Times that messages were found missing and asked for.
    pub gaps: u64,
    /// The peer's requests to send again that were carried out.
    pub resends: u64,
}

impl<S: MessageStore, P: Policy> Session<S, P> {
    /// Returns the counters since the last call.
    pub fn take_counts(&mut self) -> Counts {
        std::mem::take(&mut self.counts)
    }

    /// A session that is not connected, with the numbers that the store kept.
    pub fn new(config: Config, store: S, policy: P) -> Self {
        let next_in = store.next_in();
        Self {
            config,
            store,
            policy,
            state: State::Disconnected,
            next_in,
            unconfirmed: VecDeque::new(),
            answered: Vec::new(),
            ahead: gap::GapQueue::default(),
            appl_ver_id: 0,
            gap: None,
            replay: None,
            heartbeat_ns: 0,
            last_in_ns: 0,
            last_out_ns: 0,
            deadline_ns: 0,
            test_request_ns: None,
            garbled: 0,
            unfinished_ns: None,
            held_ns: None,
            untold: None,
            refusals: Counted::default(),
            resets: Counted::default(),
            reset_untold: false,
            reset_told: false,
            period: None,
            resends: Resends::default(),
            counts: Counts::default(),
            scratch: Vec::new(),
        }
    }

    /// The configuration.
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// The policy for logons, for facts that the session does not know.
    pub const fn policy_mut(&mut self) -> &mut P {
        &mut self.policy
    }

    /// Where it is in its life.
    pub const fn state(&self) -> State {
        self.state
    }

    /// Whether application messages are written at once.
    pub const fn is_logged_on(&self) -> bool {
        matches!(self.state, State::LoggedOn)
    }

    /// The store, to read its numbers.
    pub const fn store(&self) -> &S {
        &self.store
    }

    /// Next number expected from the peer in this process; the store's may be lower.
    pub const fn next_in(&self) -> u64 {
        self.next_in
    }

    /// Next number to send.
    pub fn next_out(&self) -> u64 {
        self.store.next_out()
    }

    /// Highest event number that is stored: after a restart, the core's events up to this one
    /// need not be sent again.
    pub fn last_event_no(&self) -> u64 {
        self.store.last_event_no()
    }

    /// Delivered application messages that are not confirmed yet.
    pub fn unconfirmed(&self) -> usize {
        self.unconfirmed.iter().filter(|one| !one.settled).count()
    }

    /// Whether [`receive`](Self::receive) has something to do without further input: a replay
    /// that waits for the caller to write the output buffer, or a message whose turn has come.
    /// Live messages go out between the parts of a replay, and what arrives is taken.
    pub fn replay_pending(&self) -> bool {
        self.replay.is_some() || self.ahead_is_due()
    }

    /// The journal's events have been repeated: later ones are new. Returns the number of events
    /// that were stored again because nobody knows whether the peer has them.
    pub fn replay_ends(&mut self) -> u64 {
        self.store.replay_ends()
    }

    /// Does work that is not urgent, such as preparing the store's next file.
    ///
    /// # Errors
    /// [`SessionError::Store`].
    pub fn maintain(&mut self) -> Result<(), SessionError> {
        self.store.maintain().map_err(SessionError::Store)
    }

    /// Gives the parts back, for a restart in tests and for an operator's tools.
    pub fn into_store(self) -> S {
        self.store
    }

    /// A connection is there. An initiator's Logon is appended to `out`.
    ///
    /// # Errors
    /// [`SessionError::AlreadyConnected`]: the new connection is to be dropped, the old one stays.
    pub fn connected(&mut self, now_ns: u64, out: &mut Vec<u8>) -> Result<(), SessionError> {
        if self.state != State::Disconnected {
            return Err(SessionError::AlreadyConnected);
        }
        // Made here and not at the start: most of many sessions are never connected.
        let room = UNCONFIRMED_MAX.saturating_sub(self.unconfirmed.len());
        self.unconfirmed.reserve_exact(room);
        self.scratch.reserve(SCRATCH_BYTES);
        self.enter_period(now_ns);
        self.last_in_ns = now_ns;
        self.last_out_ns = now_ns;
        self.test_request_ns = None;
        self.garbled = 0;
        self.unfinished_ns = None;
        self.resends = Resends::default();
        self.deadline_ns = now_ns.saturating_add(self.config.logon_timeout_ns);
        match self.config.role {
            Role::Acceptor => self.state = State::AwaitLogon,
            Role::Initiator => {
                self.state = State::LogonSent;
                if self.closed_until_ns(now_ns).is_some() {
                    // Nothing to wait for: the timer ends it at once, with the reason.
                    self.deadline_ns = now_ns;
                } else {
                    self.send_logon(now_ns, out);
                }
            }
        }
        Ok(())
    }

    /// Resets both numbers to 1; earlier messages can no longer be requested. The answer to the
    /// peer's next Logon tells the peer (141=Y, number 1, which is kept for the answer).
    /// Only while disconnected; otherwise returns false without effect.
    pub fn reset(&mut self) -> bool {
        let free = self.state == State::Disconnected;
        if free {
            self.reset_numbers();
            if self.config.role == Role::Acceptor {
                self.store.set_next_out(2);
                self.reset_untold = true;
            }
        }
        free
    }

    /// An earlier process has [reset](Self::reset) the numbers. For restarts: the peer is told
    /// unless it has logged on since.
    pub fn recover_reset(&mut self) {
        self.reset_untold =
            self.state == State::Disconnected && self.store.next_in() == 1 && self.next_in == 1;
    }

    /// The connection is closed, by either side.
    pub fn disconnected(&mut self) {
        self.drop_connection();
    }

    fn drop_connection(&mut self) {
        self.state = State::Disconnected;
        self.gap = None;
        self.replay = None;
        self.ahead.clear();
        self.unfinished_ns = None;
        self.held_ns = None;
        self.untold = None;
        self.test_request_ns = None;
        if std::mem::take(&mut self.reset_told) {
            // The peer may not have read the answer that told the reset: it is told again.
            self.reset_untold = true;
            self.next_in = 1;
            self.persist_next_in();
        }
    }

    /// Takes at most one message from the front of `input` and answers it into `out`.
    ///
    /// The caller drops `consumed` bytes and calls again, until nothing is consumed and there is
    /// no event; and once more after [`on_timer`](Self::on_timer), for a message that does not end
    /// is given up by the time ([`FRAME_TIMEOUT_NS`]). `index` holds the fields of the message in
    /// the event.
    pub fn receive<'b>(
        &mut self,
        now_ns: u64,
        input: &'b [u8],
        index: &'b mut FieldIndex,
        out: &mut Vec<u8>,
    ) -> Received<'b> {
        if self.state == State::Disconnected {
            return Received { consumed: input.len(), event: None };
        }
        self.continue_replay(now_ns, out);
        let nothing = Received { consumed: 0, event: None };
        if let Some(warning) = self.untold.take() {
            return Received { consumed: 0, event: Some(Event::Warning(warning)) };
        }
        if self.replay.is_some() && out.len() >= 2 * REPLAY_BYTES_MAX {
            return nothing;
        }
        if self.state == State::LogoutAnswered && self.gap.is_none() && self.replay.is_none() {
            let event = Some(self.disconnect(DisconnectReason::PeerLogout));
            return Received { consumed: 0, event };
        }
        if let Some(event) = self.answer_ahead(now_ns, index, out) {
            return Received { consumed: 0, event: Some(event) };
        }
        if self.ahead_is_due() {
            if self.holds(now_ns) {
                return nothing;
            }
            return Received { consumed: 0, event: self.take_ahead(now_ns, index, out) };
        }
        match decode(input, index) {
            Ok(Status::Incomplete) => match self.unfinished(now_ns, input) {
                None => nothing,
                Some(skip) => {
                    Received { consumed: skip, event: Some(self.on_garbled(Garbled::Unfinished)) }
                }
            },
            Ok(Status::Complete { consumed }) => {
                self.unfinished_ns = None;
                let bytes = input.get(..consumed).unwrap_or(input);
                let message = Message::new(bytes, index);
                // One replay at a time: the next request waits for the end of this one.
                if self.replay.is_some() && message.msg_type() == msg_type::RESEND_REQUEST {
                    return nothing;
                }
                if is_application(message.msg_type()) && self.holds(now_ns) {
                    return nothing;
                }
                let event = self.on_message(now_ns, message, out);
                self.ask_for_next_chunk(now_ns, out);
                Received { consumed, event }
            }
            Err(error) => {
                self.unfinished_ns = None;
                let event = Some(self.on_garbled(error.kind));
                Received { consumed: error.skip, event }
            }
        }
    }

    /// True if the peer's next message waits because too many messages are not confirmed yet. Then
    /// [`receive`](Self::receive) has nothing to do.
    pub fn is_held(&self) -> bool {
        self.held_ns.is_some() && self.is_full()
    }

    fn is_full(&self) -> bool {
        self.unconfirmed.len() >= UNCONFIRMED_MAX
    }

    /// Whether there is no room for another message of the application.
    fn holds(&mut self, now_ns: u64) -> bool {
        if self.is_full() && self.takes_messages() {
            self.held_ns.get_or_insert(now_ns);
            true
        } else {
            self.held_ns = None;
            false
        }
    }

    /// Handles an incomplete message at the start of the input. Returns the number of bytes to drop
    /// if it has stayed incomplete too long.
    fn unfinished(&mut self, now_ns: u64, input: &[u8]) -> Option<usize> {
        if input.is_empty() {
            self.unfinished_ns = None;
            return None;
        }
        let since_ns = *self.unfinished_ns.get_or_insert(now_ns);
        if now_ns.saturating_sub(since_ns) < FRAME_TIMEOUT_NS {
            return None;
        }
        self.unfinished_ns = None;
        Some(resync(input))
    }

    fn on_garbled(&mut self, kind: Garbled) -> Event<'static> {
        self.garbled += 1;
        if matches!(self.state, State::AwaitLogon | State::LogonSent) {
            return self.disconnect(DisconnectReason::GarbledLogon);
        }
        if self.garbled >= GARBLED_MAX {
            return self.disconnect(DisconnectReason::TooMuchGarbage);
        }
        Event::Warning(Warning::Garbled(kind))
    }

    fn disconnect<'b>(&mut self, reason: DisconnectReason) -> Event<'b> {
        self.disconnect_text(reason, b"")
    }

    fn disconnect_text<'b>(&mut self, reason: DisconnectReason, text: &'b [u8]) -> Event<'b> {
        self.drop_connection();
        Event::Disconnect { reason, text }
    }

    /// The core has journaled the message with this [`AppMessage::id`], or the gateway has dealt
    /// with it without the core: it need not be sent again after a restart. Ids of before a reset
    /// are ignored.
    pub fn confirm_in(&mut self, id: u64) {
        if id >> SEQ_BITS != self.store.epoch() & EPOCH_MASK {
            return;
        }
        let seq = id & SEQ_MAX;
        // Mostly the oldest one comes first.
        let at = if self.unconfirmed.front().is_some_and(|one| one.seq == seq) {
            0
        } else {
            self.unconfirmed.partition_point(|one| one.seq < seq)
        };
        match self.unconfirmed.get_mut(at) {
            Some(one) if one.seq == seq => one.settled = true,
            _ => return,
        }
        while self.unconfirmed.front().is_some_and(|one| one.settled) {
            self.unconfirmed.pop_front();
        }
        self.persist_next_in();
    }

    /// Records that the core's journal holds the message with this id, delivered by an earlier
    /// process. Neither this message nor an earlier one is requested again. For restarts, and only
    /// while disconnected. Ids from before a reset, and of confirmed messages, are ignored.
    ///
    /// The journal must hold a session's messages in the order of their delivery.
    pub fn recover_in(&mut self, id: u64) {
        let seq = id & SEQ_MAX;
        let known = id >> SEQ_BITS == self.store.epoch() & EPOCH_MASK;
        let fresh = self.state == State::Disconnected && self.unconfirmed.is_empty();
        if known && fresh && (self.next_in..SEQ_MAX).contains(&seq) {
            self.next_in = seq + 1;
            self.persist_next_in();
        }
    }

    /// Finds messages that an earlier process has answered with a `BusinessMessageReject` (35=j)
    /// but not counted, because an older message was not confirmed. Such a message is not delivered
    /// again. For restarts, after [`recover_in`](Self::recover_in). Searches the newest
    /// [`ANSWERED_SCAN_MAX`] sent numbers.
    pub fn recover_answered(&mut self) {
        let end = self.store.next_out();
        let first = end.saturating_sub(ANSWERED_SCAN_MAX).max(1);
        self.answered.clear();
        let mut seq = first;
        while let Some(kept) = self.store.next_kept(seq) {
            seq = kept + 1;
            let Some(entry) = self.store.get(kept) else { continue };
            if entry.msg_type != msg_type::BUSINESS_MESSAGE_REJECT {
                continue;
            }
            match outbound::ref_seq_num(entry.body) {
                // Messages are answered in their order, so those before are counted too.
                Some(number) if number < self.next_in => self.answered.clear(),
                Some(number) => self.answered.push(number),
                None => {}
            }
        }
        self.answered.sort_unstable_by(|a, b| b.cmp(a));
        self.next_in = self.pass_over(self.next_in);
        self.persist_next_in();
    }

    /// The next expected number after `next`, skipping handled messages.
    fn pass_over(&mut self, next: u64) -> u64 {
        let mut next = self.ahead.skip(next);
        // Ends: each turn takes one off.
        while let Some(answered) = self.answered.last().copied().filter(|seq| *seq <= next) {
            self.answered.pop();
            if answered == next {
                next = self.ahead.skip(next + 1);
            }
        }
        next
    }

    fn inbound_id(&self, seq: u64) -> u64 {
        (self.store.epoch() & EPOCH_MASK) << SEQ_BITS | seq
    }

    fn persist_next_in(&mut self) {
        let confirmed = self.unconfirmed.front().map_or(self.next_in, |one| one.seq);
        if confirmed != self.store.next_in() {
            self.store.set_next_in(confirmed);
        }
    }

    /// Advances the expected number, also over messages that were handled ahead of a gap.
    fn advance(&mut self, now_ns: u64, next: u64) {
        self.next_in = self.pass_over(next);
        self.gap = self.gap.filter(|gap| gap.upto >= self.next_in);
        if let Some(gap) = &mut self.gap {
            gap.since_ns = now_ns;
            gap.tries = 1;
            if self.state == State::LogoutAnswered {
                self.deadline_ns = now_ns.saturating_add(self.config.logout_timeout_ns);
            }
        }
        self.persist_next_in();
    }

    /// Starts a new period of the schedule if one has begun. Numbers are reset once per period,
    /// also if the process was down at its beginning. A connection from the earlier period ends
    /// first.
    fn enter_period(&mut self, now_ns: u64) {
        let Some(schedule) = &self.config.schedule else { return };
        let idle = matches!(self.state, State::Disconnected | State::AwaitLogon);
        if !idle || self.period.is_some_and(|period| now_ns < period.end_ns) {
            return;
        }
        self.period = schedule.period(now_ns);
        let Some(period) = self.period else { return };
        match self.store.period_ns() {
            // The time of these numbers is unknown, so no period is known to have begun since.
            0 => self.store.set_period_ns(period.start_ns),
            known if known < period.start_ns => {
                self.store.reset_for_period(period.start_ns);
                self.forget_numbers();
                // The peer begins the period with 1, too.
                self.reset_untold = false;
            }
            _ => {}
        }
    }

    /// When the session opens, if it is closed: an initiator need not connect before. One that
    /// does is let go at once with [`DisconnectReason::OutsideHours`].
    pub fn closed_until_ns(&self, now_ns: u64) -> Option<u64> {
        let schedule = self.config.schedule.as_ref()?;
        let known = self.period.filter(|period| now_ns < period.end_ns);
        let period = known.or_else(|| schedule.period(now_ns))?;
        (!period.contains(now_ns)).then_some(period.start_ns)
    }

    /// When the session's hours are over.
    fn closes_ns(&self) -> Option<u64> {
        self.period.map(|period| period.end_ns)
    }

    /// Resets both numbers to 1; earlier messages can no longer be requested.
    fn reset_numbers(&mut self) {
        self.store.reset();
        self.forget_numbers();
    }

    fn forget_numbers(&mut self) {
        self.next_in = 1;
        self.unconfirmed.clear();
        self.answered.clear();
        self.ahead.clear();
        self.gap = None;
        self.replay = None;
        self.resends = Resends::default();
    }
}

/// Whether a message is the application's, and not the session's own.
fn is_application(kind: &[u8]) -> bool {
    !matches!(kind, [b'0'..=b'5' | b'A'])
}

const SEQ_BITS: u32 = 48;
const EPOCH_MASK: u64 = 0xffff;
const _: () = assert!(SEQ_MAX == (1 << SEQ_BITS) - 1);
