//! Gaps in the peer's sequence numbers: which messages are asked for, and how messages ahead of a
//! gap are kept.
//!
//! FIX 4.4 volume 2 ("Ordered Message Processing") allows two ways: ask for everything from the gap
//! on and drop the messages that came ahead, or ask for the missing ones and keep those ahead. We
//! do both. The request is open-ended unless chunks are configured, and messages ahead are kept as
//! far as there is room. So a peer that resends only the gap is understood as well; a message that
//! comes twice is a duplicate by its number.
//!
//! Nothing ahead of a gap is answered out of turn: not a `TestRequest`, not a fault that is to be
//! rejected. There is one exception, which the same chapter demands: a `ResendRequest` is served at
//! once, before our own request. Otherwise two sides that both have a gap would wait for each other
//! for ever.
//!
//! A line belongs here if it is about a skipped number.

use super::inbound::first_fault;
use super::{
    AHEAD_BYTES_MAX, AHEAD_MAX, DisconnectReason, Event, Gap, Policy, Recovery, Session, Warning,
};
use crate::codec::{FieldIndex, Message};
use crate::store::{MessageStore, SEQ_MAX};
use crate::tags::{self, msg_type};

/// A message that came ahead of a gap.
#[derive(Debug)]
enum QueuedMessage {
    /// It was handled at once; `behind` is the number after the ones that it stands for.
    Handled { behind: u64 },
    /// It waits for its turn since that time.
    Kept { arrived_ns: u64, kind: Kind, frame: Vec<u8> },
}

/// What a kept message asks of its turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// The end of the resend before.
    ResendRequest,
    /// Nothing: the session answers it.
    Admin,
    /// The caller's attention. Every such message causes an event.
    Shown,
}

impl Kind {
    fn of(msg_type: &[u8]) -> Self {
        match msg_type {
            msg_type::RESEND_REQUEST => Self::ResendRequest,
            msg_type::REJECT => Self::Shown,
            kind if msg_type::is_admin(kind) => Self::Admin,
            _ => Self::Shown,
        }
    }
}

/// Messages that came ahead of a gap, by number.
#[derive(Debug, Default)]
pub(super) struct GapQueue {
    sorted: Vec<(u64, QueuedMessage)>,
    kept_bytes: usize,
}

impl GapQueue {
    pub fn clear(&mut self) {
        self.sorted.clear();
        self.kept_bytes = 0;
    }

    fn has(&self, seq: u64) -> bool {
        self.sorted.binary_search_by_key(&seq, |(seq, _)| *seq).is_ok()
    }

    /// Adds a message, unless its number is there already; false if there is no room.
    fn add(&mut self, seq: u64, ahead: QueuedMessage) -> bool {
        let bytes = match &ahead {
            QueuedMessage::Handled { .. } => 0,
            QueuedMessage::Kept { frame, .. } => frame.len(),
        };
        let room = self.sorted.len() < AHEAD_MAX && self.kept_bytes + bytes <= AHEAD_BYTES_MAX;
        match self.sorted.binary_search_by_key(&seq, |(seq, _)| *seq) {
            Ok(_) => true,
            Err(at) => {
                if room {
                    self.kept_bytes += bytes;
                    self.sorted.insert(at, (seq, ahead));
                }
                room
            }
        }
    }

    /// Drops numbers below `next` and passes over handled ones; returns the number that is expected
    /// then.
    pub fn skip(&mut self, mut next: u64) -> u64 {
        let mut used = 0;
        for (seq, ahead) in &self.sorted {
            match ahead {
                _ if *seq > next => break,
                QueuedMessage::Handled { behind } if *seq == next => next = *behind,
                QueuedMessage::Handled { .. } => {}
                QueuedMessage::Kept { .. } if *seq == next => break,
                QueuedMessage::Kept { frame, .. } => self.kept_bytes -= frame.len(),
            }
            used += 1;
        }
        self.sorted.drain(..used);
        next
    }

    /// The lowest number that waits.
    fn first(&self) -> Option<u64> {
        self.sorted.first().map(|(seq, _)| *seq)
    }

    /// Takes the lowest number if it is a kept message: when it arrived, and its bytes.
    fn pop(&mut self) -> Option<(u64, Vec<u8>)> {
        if !matches!(self.sorted.first(), Some((_, QueuedMessage::Kept { .. }))) {
            return None;
        }
        match self.sorted.remove(0).1 {
            QueuedMessage::Kept { arrived_ns, frame, .. } => {
                self.kept_bytes -= frame.len();
                Some((arrived_ns, frame))
            }
            QueuedMessage::Handled { .. } => None,
        }
    }
}

impl<S: MessageStore, P: Policy> Session<S, P> {
    pub(super) fn gap_is_fatal(&self) -> bool {
        self.config.recovery == Recovery::GapIsFatal
    }

    /// A number was skipped. The message is kept for its turn, if it needs one.
    pub(super) fn on_too_high<'b>(
        &mut self,
        now_ns: u64,
        seq: u64,
        message: &Message<'b>,
        out: &mut Vec<u8>,
    ) -> Option<Event<'b>> {
        if self.gap_is_fatal() {
            let reason = DisconnectReason::GapFatal;
            return Some(self.log_out_now(now_ns, reason, "MsgSeqNum too high", out));
        }
        let (expected, mut told, mut room) = (self.next_in, None, true);
        if !self.ahead.has(seq) {
            let (ahead, event) = self.act_ahead(now_ns, seq, message, out);
            if matches!(event, Some(Event::Disconnect { .. })) {
                return event;
            }
            told = event;
            room = self.ahead.add(seq, ahead);
        }
        let asked = self.open_gap(now_ns, seq, out);
        let gap = asked.then_some(Warning::Gap { expected, received: seq });
        let full = (!room && self.first_without_room()).then_some(Warning::AheadFull { seq });
        let news = gap.or(full);
        if told.is_none() {
            return news.map(Event::Warning);
        }
        // One event for each call: the other one comes with the next call.
        self.untold = news;
        told
    }

    /// Whether the room ahead of this gap is used up for the first time.
    fn first_without_room(&mut self) -> bool {
        self.gap.as_mut().is_some_and(|gap| !std::mem::replace(&mut gap.full, true))
    }

    /// What becomes of a message ahead of its turn; a `ResendRequest` is served.
    fn act_ahead<'b>(
        &mut self,
        now_ns: u64,
        seq: u64,
        message: &Message<'b>,
        out: &mut Vec<u8>,
    ) -> (QueuedMessage, Option<Event<'b>>) {
        let handled = QueuedMessage::Handled { behind: seq + 1 };
        let kind = Kind::of(message.msg_type());
        let frame = || message.bytes().to_vec();
        let kept = || QueuedMessage::Kept { arrived_ns: now_ns, kind, frame: frame() };
        if self.check_whole_header(now_ns, message).is_err()
            || first_fault(message, &self.config).is_some()
        {
            return (kept(), None);
        }
        match message.msg_type() {
            // Neither asks for anything: a Logon that comes here is one that is sent again.
            msg_type::HEARTBEAT | msg_type::LOGON => (handled, None),
            msg_type::RESEND_REQUEST if self.resend_range(message).is_ok() => {
                (handled, self.on_resend_request(now_ns, message, out))
            }
            msg_type::SEQUENCE_RESET => {
                let to = message.uint(tags::NEW_SEQ_NO).ok().flatten();
                match to.filter(|to| (seq + 1..=SEQ_MAX).contains(to)) {
                    Some(behind) => (QueuedMessage::Handled { behind }, None),
                    None => (kept(), None),
                }
            }
            _ => (kept(), None),
        }
    }

    /// The message with that number, a Logon or a Logout, has been answered.
    pub(super) fn was_ahead(&mut self, seq: u64) {
        self.ahead.add(seq, QueuedMessage::Handled { behind: seq + 1 });
    }

    /// Whether the next message is a kept one. One resend at a time: a `ResendRequest` waits for
    /// the end of the one before.
    pub(super) fn ahead_is_due(&self) -> bool {
        self.kind_due().is_some_and(|kind| kind != Kind::ResendRequest || self.replay.is_none())
    }

    /// What the kept message asks of its turn, if its turn has come.
    fn kind_due(&self) -> Option<Kind> {
        match self.ahead.sorted.first() {
            Some((seq, QueuedMessage::Kept { kind, .. }))
                if self.takes_messages() && *seq == self.next_in =>
            {
                Some(*kind)
            }
            _ => None,
        }
    }

    /// Answers the kept administrative messages whose turn has come, up to the first that causes an
    /// event.
    pub(super) fn answer_ahead(
        &mut self,
        now_ns: u64,
        index: &mut FieldIndex,
        out: &mut Vec<u8>,
    ) -> Option<Event<'static>> {
        while self.ahead_is_due() && self.kind_due() != Some(Kind::Shown) {
            let (arrived_ns, frame) = self.ahead.pop()?;
            let message = index.read_frame(frame)?;
            let event = self.in_its_turn(now_ns, arrived_ns, message, out);
            let event = event.as_ref().and_then(without_message);
            self.ask_for_next_chunk(now_ns, out);
            if event.is_some() {
                return event;
            }
        }
        None
    }

    /// Takes the kept message whose turn has come.
    pub(super) fn take_ahead<'b>(
        &mut self,
        now_ns: u64,
        index: &'b mut FieldIndex,
        out: &mut Vec<u8>,
    ) -> Option<Event<'b>> {
        let (arrived_ns, frame) = self.ahead.pop()?;
        let message = index.read_frame(frame)?;
        let event = self.in_its_turn(now_ns, arrived_ns, message, out);
        self.ask_for_next_chunk(now_ns, out);
        event
    }

    /// Asks for the missing messages below `seq`, unless they have been asked for. True if it
    /// asked.
    pub(super) fn open_gap(&mut self, now_ns: u64, seq: u64, out: &mut Vec<u8>) -> bool {
        if let Some(gap) = &mut self.gap {
            gap.upto = gap.upto.max(seq);
            return false;
        }
        self.counts.gaps += 1;
        self.gap = Some(Gap { upto: seq, since_ns: now_ns, tries: 1, asked: 0, full: false });
        self.ask_for_gap(now_ns, out);
        true
    }

    pub(super) fn ask_for_gap(&mut self, now_ns: u64, out: &mut Vec<u8>) {
        let Some(gap) = &mut self.gap else { return };
        let from = self.next_in;
        // Zero means "all". The peer has sent everything up to the highest number that was seen, so
        // its answer reaches at least that far.
        let mut end = 0;
        gap.asked = gap.upto;
        if self.config.resend_chunk > 0 {
            end = from.saturating_add(self.config.resend_chunk - 1).min(gap.upto);
            if let Some(ahead) = self.ahead.first().filter(|ahead| *ahead > from) {
                end = end.min(ahead - 1);
            }
            gap.asked = end;
        }
        self.send_admin(now_ns, msg_type::RESEND_REQUEST, out, |request| {
            request.uint(tags::BEGIN_SEQ_NO, from).uint(tags::END_SEQ_NO, end);
        });
    }

    /// Everything that was asked for is there, and more is missing.
    pub(super) fn ask_for_next_chunk(&mut self, now_ns: u64, out: &mut Vec<u8>) {
        let done = self.gap.is_some_and(|gap| self.next_in > gap.asked);
        if done && self.takes_messages() && !self.ahead_is_due() {
            self.ask_for_gap(now_ns, out);
        }
    }
}

/// The event that an administrative message has caused. None of these shows the message.
fn without_message(event: &Event<'_>) -> Option<Event<'static>> {
    Some(match *event {
        Event::Rejected { seq, reason, tag } => Event::Rejected { seq, reason, tag },
        Event::LogoutSent { reason } => Event::LogoutSent { reason },
        Event::Warning(warning) => Event::Warning(warning),
        Event::Disconnect { reason, .. } => Event::Disconnect { reason, text: b"" },
        Event::LoggedOn { .. } | Event::App(_) | Event::PeerReject(_) => return None,
    })
}
