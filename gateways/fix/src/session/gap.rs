//! Gaps in the peer's sequence numbers: which messages are asked for, and how messages ahead of a
//! gap are kept.
//!
//! FIX 4.4 volume 2 ("Ordered Message Processing") allows two ways: ask for everything from the gap
//! on and drop the messages that came ahead, or ask for the missing ones and keep those ahead. We
//! do both. The request is open-ended unless chunks are configured, and messages ahead are kept as
//! far as there is room. So a peer that resends only the gap is understood as well; a message that
//! comes twice is a duplicate by its number.
//!
//! A line belongs here if it is about a skipped number.

use super::inbound::{Header, first_fault};
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
    /// It waits for its turn.
    Kept { header: Header, frame: Vec<u8> },
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

    /// Adds a message, unless there is no room or its number is there already.
    fn add(&mut self, seq: u64, ahead: QueuedMessage) {
        let bytes = match &ahead {
            QueuedMessage::Handled { .. } => 0,
            QueuedMessage::Kept { frame, .. } => frame.len(),
        };
        let room = self.sorted.len() < AHEAD_MAX && self.kept_bytes + bytes <= AHEAD_BYTES_MAX;
        if let Err(at) = self.sorted.binary_search_by_key(&seq, |(seq, _)| *seq)
            && room
        {
            self.kept_bytes += bytes;
            self.sorted.insert(at, (seq, ahead));
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

    fn pop(&mut self) -> Option<(Header, Vec<u8>)> {
        if !matches!(self.sorted.first(), Some((_, QueuedMessage::Kept { .. }))) {
            return None;
        }
        match self.sorted.remove(0).1 {
            QueuedMessage::Kept { header, frame } => {
                self.kept_bytes -= frame.len();
                Some((header, frame))
            }
            QueuedMessage::Handled { .. } => None,
        }
    }
}

impl<S: MessageStore, P: Policy> Session<S, P> {
    pub(super) fn gap_is_fatal(&self) -> bool {
        self.config.recovery == Recovery::GapIsFatal
    }

    /// A number was skipped. A message that needs no application is handled now; every other
    /// message is kept.
    pub(super) fn on_too_high<'b>(
        &mut self,
        now_ns: u64,
        header: Header,
        message: &Message<'b>,
        out: &mut Vec<u8>,
    ) -> Option<Event<'b>> {
        if self.gap_is_fatal() {
            let reason = DisconnectReason::GapFatal;
            return Some(self.log_out_now(now_ns, reason, "MsgSeqNum too high", out));
        }
        let (expected, seq) = (self.next_in, header.seq);
        let news = self.open_gap(now_ns, seq, out);
        let mut told = None;
        if !self.ahead.has(seq) {
            let (ahead, event) = self.act_ahead(now_ns, header, message, out);
            if matches!(event, Some(Event::Disconnect { .. })) {
                return event;
            }
            told = event;
            self.ahead.add(seq, ahead);
        }
        let gap = news.then_some(Warning::Gap { expected, received: seq });
        if told.is_none() {
            return gap.map(Event::Warning);
        }
        // One event for each call: the other one comes with the next call.
        self.untold = gap;
        told
    }

    /// Handles a message ahead of its turn, as far as that is possible.
    fn act_ahead<'b>(
        &mut self,
        now_ns: u64,
        header: Header,
        message: &Message<'b>,
        out: &mut Vec<u8>,
    ) -> (QueuedMessage, Option<Event<'b>>) {
        let seq = header.seq;
        let handled = QueuedMessage::Handled { behind: seq + 1 };
        let kept = || QueuedMessage::Kept { header, frame: message.bytes().to_vec() };
        if first_fault(message, self.config.validation.as_ref()).is_some() {
            return (kept(), None);
        }
        match message.msg_type() {
            // A Logon that comes again asks for nothing.
            msg_type::HEARTBEAT | msg_type::LOGON => (handled, None),
            msg_type::TEST_REQUEST => (handled, self.on_test_request(now_ns, message, out)),
            msg_type::RESEND_REQUEST => (handled, self.on_resend_request(now_ns, message, out)),
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

    /// The Logon with that number has been answered.
    pub(super) fn logon_was_ahead(&mut self, seq: u64) {
        self.ahead.add(seq, QueuedMessage::Handled { behind: seq + 1 });
    }

    /// Whether the next message is a kept one.
    pub(super) fn ahead_is_due(&self) -> bool {
        self.takes_messages() && self.ahead.first() == Some(self.next_in)
    }

    /// Takes the kept message whose turn has come.
    pub(super) fn take_ahead<'b>(
        &mut self,
        now_ns: u64,
        index: &'b mut FieldIndex,
        out: &mut Vec<u8>,
    ) -> Option<Event<'b>> {
        let (header, frame) = self.ahead.pop()?;
        let message = index.read_frame(frame)?;
        let event = self.in_sequence(now_ns, header, message, out);
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
        self.gap = Some(Gap { upto: seq, since_ns: now_ns, tries: 1, asked: 0 });
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
