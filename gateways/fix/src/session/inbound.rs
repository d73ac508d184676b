//! Messages of a peer that is logged on: header checks, sequence, administrative messages.
//!
//! A line belongs here if it handles a message of the peer after the Logon.

use super::outbound::RefTag;
use super::{
    AppMessage, Config, DisconnectReason, Event, Policy, Replay, Resends, SAME_RESENDS_MAX,
    SAME_RESENDS_NS, Session, SessionRejectReason as Reason, State, TEST_REQ_ID_BYTES_MAX,
    Unconfirmed, Validation, Warning,
};
use crate::codec::{Defect, Message};
use crate::store::{MSG_TYPE_BYTES_MAX, MessageStore, SEQ_MAX};
use crate::tags::{self, msg_type};

/// The values of a correct header.
#[derive(Clone, Copy, Debug)]
pub(super) struct Header {
    pub seq: u64,
    pub sending_ns: u64,
    pub poss_dup: bool,
}

/// What is wrong with a header.
#[derive(Clone, Copy, Debug)]
pub(super) enum HeaderFault {
    BeginString,
    NoMsgSeqNum,
    /// The answer is a Reject, and a Logout as well when `fatal` says why.
    Reject {
        seq: u64,
        reason: Reason,
        tag: Option<u32>,
        fatal: Option<DisconnectReason>,
    },
}

impl<S: MessageStore, P: Policy> Session<S, P> {
    pub(super) fn on_message<'b>(
        &mut self,
        now_ns: u64,
        message: Message<'b>,
        out: &mut Vec<u8>,
    ) -> Option<Event<'b>> {
        self.garbled = 0;
        match self.state {
            State::AwaitLogon => Some(self.on_first(now_ns, message, out)),
            State::LogonSent => Some(self.on_logon_answer(now_ns, message, out)),
            State::LogoutSent { .. } if message.msg_type() == msg_type::LOGOUT => {
                let text = message.get(tags::TEXT).unwrap_or(b"");
                self.count_logout(now_ns, &message);
                Some(self.disconnect_text(DisconnectReason::LogoutComplete, text))
            }
            State::Disconnected | State::LogoutSent { fatal: true } => None,
            State::LoggedOn | State::LogoutAnswered | State::LogoutSent { fatal: false } => {
                self.on_session_message(now_ns, message, out)
            }
        }
    }

    /// Checks 8, 34, 49, 52, 56 and 43, of a Logon and of all later messages.
    pub(super) fn check_header(
        &self,
        now_ns: u64,
        message: &Message<'_>,
    ) -> Result<Header, HeaderFault> {
        if message.begin_string() != self.config.begin_string.as_bytes() {
            return Err(HeaderFault::BeginString);
        }
        let seq = match message.uint(tags::MSG_SEQ_NUM) {
            // One less than a store can hold, for the number after it is stored.
            Ok(Some(seq)) if seq < SEQ_MAX => seq,
            _ => return Err(HeaderFault::NoMsgSeqNum),
        };
        let fault = |reason, tag, fatal| Err(HeaderFault::Reject { seq, reason, tag, fatal });
        for (tag, expected) in [
            (tags::SENDER_COMP_ID, &self.config.target),
            (tags::TARGET_COMP_ID, &self.config.sender),
        ] {
            match message.get(tag) {
                None => return fault(Reason::RequiredTagMissing, Some(tag), None),
                Some(b"") => return fault(Reason::TagWithoutValue, Some(tag), None),
                Some(given) if given != expected.as_bytes() => {
                    let fatal = Some(DisconnectReason::CompId);
                    return fault(Reason::CompIdProblem, None, fatal);
                }
                Some(_) => {}
            }
        }
        let sending_ns = match message.timestamp_ns(tags::SENDING_TIME) {
            Ok(Some(ns)) => ns,
            Ok(None) => {
                return fault(Reason::RequiredTagMissing, Some(tags::SENDING_TIME), None);
            }
            Err(_) => {
                let reason = malformed(message, tags::SENDING_TIME);
                return fault(reason, Some(tags::SENDING_TIME), None);
            }
        };
        if let Some(tolerance_ns) = self.config.sending_time_tolerance_ns
            && now_ns.abs_diff(sending_ns) > tolerance_ns
        {
            let fatal = Some(DisconnectReason::SendingTime);
            return fault(Reason::SendingTimeAccuracy, None, fatal);
        }
        if let Ok(flag) = message.bool(tags::POSS_DUP_FLAG) {
            Ok(Header { seq, sending_ns, poss_dup: flag == Some(true) })
        } else {
            let reason = malformed(message, tags::POSS_DUP_FLAG);
            fault(reason, Some(tags::POSS_DUP_FLAG), None)
        }
    }

    /// As [`check_header`](Self::check_header), with the fields of a message that is sent again.
    pub(super) fn check_whole_header(
        &self,
        now_ns: u64,
        message: &Message<'_>,
    ) -> Result<Header, HeaderFault> {
        let header = self.check_header(now_ns, message)?;
        poss_dup_fault(message, header).map_or(Ok(header), Err)
    }

    fn on_session_message<'b>(
        &mut self,
        now_ns: u64,
        message: Message<'b>,
        out: &mut Vec<u8>,
    ) -> Option<Event<'b>> {
        let header = match self.check_header(now_ns, &message) {
            Ok(header) => header,
            Err(fault) => return self.on_header_fault(now_ns, &message, fault, out),
        };
        self.last_in_ns = now_ns;
        self.test_request_ns = None;
        let seq = header.seq;
        if message.msg_type() != msg_type::LOGON {
            // The peer goes on, so it has read our Logon.
            self.reset_told = false;
        }
        match message.msg_type() {
            msg_type::LOGOUT => return Some(self.on_peer_logout(now_ns, seq, &message, out)),
            msg_type::SEQUENCE_RESET if !is_gap_fill(&message) => {
                return self.on_reset(now_ns, header, &message, out);
            }
            msg_type::LOGON if !header.poss_dup => {
                return Some(self.on_logon_again(now_ns, seq, &message, out));
            }
            _ => {}
        }
        if let Some(fault) = poss_dup_fault(&message, header) {
            return self.on_header_fault(now_ns, &message, fault, out);
        }
        if seq < self.next_in {
            if header.poss_dup {
                return None;
            }
            return Some(self.sequence_too_low(now_ns, seq, out));
        }
        if seq > self.next_in {
            return self.on_too_high(now_ns, seq, &message, out);
        }
        self.in_sequence(now_ns, header, message, out)
    }

    /// Answers a fault of the header, but not out of turn: a message ahead of a gap is kept first,
    /// unless the fault ends the session.
    fn on_header_fault<'b>(
        &mut self,
        now_ns: u64,
        message: &Message<'b>,
        fault: HeaderFault,
        out: &mut Vec<u8>,
    ) -> Option<Event<'b>> {
        match fault {
            HeaderFault::Reject { seq, fatal: None, .. } if seq > self.next_in => {
                self.on_too_high(now_ns, seq, message, out)
            }
            _ => Some(self.on_fault(now_ns, message, fault, out)),
        }
    }

    /// A message whose number is the expected one, after it was kept ahead of a gap since
    /// `arrived_ns`.
    pub(super) fn in_its_turn<'b>(
        &mut self,
        now_ns: u64,
        arrived_ns: u64,
        message: Message<'b>,
        out: &mut Vec<u8>,
    ) -> Option<Event<'b>> {
        match self.check_whole_header(arrived_ns, &message) {
            Ok(header) => self.in_sequence(now_ns, header, message, out),
            Err(fault) => Some(self.on_fault(now_ns, &message, fault, out)),
        }
    }

    /// The peer logs out. Ahead of a gap the missing messages are asked for before the answer, and
    /// the connection stays for them (FIX 4.4 volume 2, "Ordered Message Processing": the side that
    /// logs out ends the connection).
    fn on_peer_logout<'b>(
        &mut self,
        now_ns: u64,
        seq: u64,
        message: &Message<'b>,
        out: &mut Vec<u8>,
    ) -> Event<'b> {
        let text = message.get(tags::TEXT).unwrap_or(b"");
        if self.state == State::LogoutAnswered {
            return self.disconnect_text(DisconnectReason::PeerLogout, text);
        }
        if seq <= self.next_in || self.gap_is_fatal() {
            self.count_logout(now_ns, message);
            self.send_logout(now_ns, "", out);
            return self.disconnect_text(DisconnectReason::PeerLogout, text);
        }
        let expected = self.next_in;
        self.open_gap(now_ns, seq, out);
        self.was_ahead(seq);
        self.send_logout(now_ns, "", out);
        self.deadline_ns = now_ns.saturating_add(self.config.logout_timeout_ns);
        self.state = State::LogoutAnswered;
        Event::Warning(Warning::Gap { expected, received: seq })
    }

    /// Counts a Logout if it is the next message; it ends the session either way.
    fn count_logout(&mut self, now_ns: u64, message: &Message<'_>) {
        if message.uint(tags::MSG_SEQ_NUM) == Ok(Some(self.next_in)) {
            self.advance(now_ns, self.next_in + 1);
        }
    }

    fn on_fault<'b>(
        &mut self,
        now_ns: u64,
        message: &Message<'b>,
        fault: HeaderFault,
        out: &mut Vec<u8>,
    ) -> Event<'b> {
        match fault {
            HeaderFault::BeginString => {
                let reason = DisconnectReason::BeginString;
                self.log_out(now_ns, reason, "Incorrect BeginString", out)
            }
            HeaderFault::NoMsgSeqNum => {
                let reason = DisconnectReason::NoMsgSeqNum;
                self.log_out_now(now_ns, reason, "MsgSeqNum missing or malformed", out)
            }
            HeaderFault::Reject { seq, reason, tag, fatal } => {
                self.reject(now_ns, message, reason, tag, out);
                if seq == self.next_in {
                    self.advance(now_ns, seq + 1);
                }
                match fatal {
                    Some(why) => self.log_out(now_ns, why, "", out),
                    None => Event::Rejected { seq, reason, tag },
                }
            }
        }
    }

    pub(super) fn sequence_too_low<'b>(
        &mut self,
        now_ns: u64,
        seq: u64,
        out: &mut Vec<u8>,
    ) -> Event<'b> {
        let text = format!("MsgSeqNum too low, expecting {} but received {seq}", self.next_in);
        self.log_out_now(now_ns, DisconnectReason::SequenceTooLow, &text, out)
    }

    /// `SequenceReset` in reset mode: only its `NewSeqNo` (36) matters, not its own number.
    fn on_reset<'b>(
        &mut self,
        now_ns: u64,
        header: Header,
        message: &Message<'b>,
        out: &mut Vec<u8>,
    ) -> Option<Event<'b>> {
        // A flag that is neither Y nor N (123=X) leaves open which of the two modes is meant.
        let flag = message
            .bool(tags::GAP_FILL_FLAG)
            .is_err()
            .then(|| (malformed(message, tags::GAP_FILL_FLAG), RefTag::Tag(tags::GAP_FILL_FLAG)));
        if let Some(fault) = first_fault(message, &self.config).or(flag) {
            let next = if header.seq == self.next_in { header.seq + 1 } else { self.next_in };
            return Some(self.reject_fault(now_ns, message, header.seq, fault, next, out));
        }
        let (reason, tag) = match message.uint(tags::NEW_SEQ_NO) {
            Ok(Some(to)) if to >= self.next_in && to <= SEQ_MAX => {
                let from = self.next_in;
                self.advance(now_ns, to);
                return (to > from).then_some(Event::Warning(Warning::SequenceReset { from, to }));
            }
            Ok(Some(_)) => (Reason::ValueOutOfRange, None),
            Ok(None) => (Reason::RequiredTagMissing, Some(tags::NEW_SEQ_NO)),
            Err(_) => (Reason::IncorrectDataFormat, Some(tags::NEW_SEQ_NO)),
        };
        self.reject(now_ns, message, reason, tag, out);
        Some(Event::Rejected { seq: header.seq, reason, tag })
    }

    pub(super) fn in_sequence<'b>(
        &mut self,
        now_ns: u64,
        header: Header,
        message: Message<'b>,
        out: &mut Vec<u8>,
    ) -> Option<Event<'b>> {
        let next = header.seq + 1;
        if let Some(fault) = self.content_fault(&message) {
            return Some(self.reject_fault(now_ns, &message, header.seq, fault, next, out));
        }
        match message.msg_type() {
            msg_type::HEARTBEAT | msg_type::LOGON => {
                self.advance(now_ns, next);
                None
            }
            msg_type::TEST_REQUEST => {
                self.advance(now_ns, next);
                self.on_test_request(now_ns, &message, out)
            }
            msg_type::RESEND_REQUEST => {
                self.advance(now_ns, next);
                self.on_resend_request(now_ns, &message, out)
            }
            msg_type::REJECT => {
                self.advance(now_ns, next);
                Some(Event::PeerReject(message))
            }
            msg_type::SEQUENCE_RESET => self.on_gap_fill(now_ns, header.seq, &message, out),
            _ => Some(self.deliver(now_ns, header, message)),
        }
    }

    /// The first reason to reject a message for its content. A peer's refusal is read whatever its
    /// form: nothing would answer a Reject of it.
    fn content_fault<'b>(&self, message: &Message<'b>) -> Option<(Reason, RefTag<'b>)> {
        if msg_type::is_refusal(message.msg_type()) {
            return None;
        }
        let fault = first_fault(message, &self.config);
        fault.or_else(|| self.version_fault(message))
    }

    /// A message may name its version (1128), but only one that a Logon may name.
    fn version_fault<'b>(&self, message: &Message<'b>) -> Option<(Reason, RefTag<'b>)> {
        let ours = &self.config.appl_ver_ids;
        let said = message.get(tags::APPL_VER_ID).filter(|_| !ours.is_empty())?;
        let known = ours.iter().any(|version| version.as_bytes() == said);
        let tag = RefTag::Tag(tags::APPL_VER_ID);
        (!known).then_some((Reason::InvalidApplicationVersion, tag))
    }

    /// Rejects a message for its content; `next` is expected from here on.
    fn reject_fault<'b>(
        &mut self,
        now_ns: u64,
        message: &Message<'b>,
        seq: u64,
        (reason, tag): (Reason, RefTag<'_>),
        next: u64,
        out: &mut Vec<u8>,
    ) -> Event<'b> {
        self.send_reject(now_ns, message, reason, tag, out);
        if next != self.next_in {
            self.advance(now_ns, next);
        }
        let tag = match tag {
            RefTag::None => None,
            RefTag::Tag(tag) => Some(tag),
            RefTag::Text(_) => Some(0),
        };
        Event::Rejected { seq, reason, tag }
    }

    /// [`receive`](Self::receive) has checked that there is room.
    fn deliver<'b>(&mut self, now_ns: u64, header: Header, message: Message<'b>) -> Event<'b> {
        let seq = header.seq;
        self.unconfirmed.push_back(Unconfirmed { seq, settled: false });
        self.advance(now_ns, seq + 1);
        Event::App(AppMessage {
            message,
            id: self.inbound_id(seq),
            seq,
            poss_dup: header.poss_dup,
            poss_resend: message.get(tags::POSS_RESEND) == Some(b"Y"),
        })
    }

    fn reject_field<'b>(
        &mut self,
        now_ns: u64,
        message: &Message<'b>,
        reason: Reason,
        tag: u32,
        out: &mut Vec<u8>,
    ) -> Event<'b> {
        self.reject(now_ns, message, reason, Some(tag), out);
        let seq = message.uint(tags::MSG_SEQ_NUM).ok().flatten().unwrap_or(0);
        Event::Rejected { seq, reason, tag: Some(tag) }
    }

    /// Answers with a Heartbeat that repeats the id; `Some` when the request was rejected.
    pub(super) fn on_test_request<'b>(
        &mut self,
        now_ns: u64,
        message: &Message<'b>,
        out: &mut Vec<u8>,
    ) -> Option<Event<'b>> {
        let reason = match message.get(tags::TEST_REQ_ID) {
            Some(id) if id.len() <= TEST_REQ_ID_BYTES_MAX => {
                self.send_admin(now_ns, msg_type::HEARTBEAT, out, |beat| {
                    beat.field(tags::TEST_REQ_ID, id);
                });
                return None;
            }
            Some(_) => Reason::ValueOutOfRange,
            None => Reason::RequiredTagMissing,
        };
        Some(self.reject_field(now_ns, message, reason, tags::TEST_REQ_ID, out))
    }

    pub(super) fn on_resend_request<'b>(
        &mut self,
        now_ns: u64,
        message: &Message<'b>,
        out: &mut Vec<u8>,
    ) -> Option<Event<'b>> {
        let (begin, end) = match self.resend_range(message) {
            Ok(range) => range,
            Err((reason, tag)) => {
                return Some(self.reject_field(now_ns, message, reason, tag, out));
            }
        };
        if self.resends_too_often(now_ns, begin) {
            let reason = DisconnectReason::ResendLoop;
            return Some(self.log_out_now(now_ns, reason, "Too many resend requests", out));
        }
        self.begin_replay(now_ns, begin, end, out).map(Event::Warning)
    }

    /// First and last number that a `ResendRequest` asks for, or why there are none and the field
    /// at fault.
    pub(super) fn resend_range(&self, message: &Message<'_>) -> Result<(u64, u64), (Reason, u32)> {
        let number = |tag| match message.uint(tag) {
            Ok(Some(number)) => Ok(number),
            Ok(None) => Err((Reason::RequiredTagMissing, tag)),
            Err(_) => Err((Reason::IncorrectDataFormat, tag)),
        };
        let (begin, end) = (number(tags::BEGIN_SEQ_NO)?.max(1), number(tags::END_SEQ_NO)?);
        let last = self.store.next_out() - 1;
        if begin > last {
            return Err((Reason::ValueOutOfRange, tags::BEGIN_SEQ_NO));
        }
        let end = if end == 0 { last } else { end.min(last) };
        if end < begin {
            return Err((Reason::ValueOutOfRange, tags::END_SEQ_NO));
        }
        Ok((begin, end))
    }

    /// Begins a resend; warns if some of the messages are not stored any more.
    pub(super) fn begin_replay(
        &mut self,
        now_ns: u64,
        begin: u64,
        end: u64,
        out: &mut Vec<u8>,
    ) -> Option<Warning> {
        self.counts.resends += 1;
        self.resends.upto = self.resends.upto.max(end);
        self.replay = Some(Replay { next: begin, end });
        self.continue_replay(now_ns, out);
        let dropped = self.store.dropped_upto();
        (begin <= dropped)
            .then_some(Warning::ResendTruncated { from: begin, upto: dropped.min(end) })
    }

    /// Counts a request that reaches below the highest number resent before. A peer may make some
    /// of them, but not without end. Only time ends the count. New messages may be asked for as
    /// often as they come.
    fn resends_too_often(&mut self, now_ns: u64, begin: u64) -> bool {
        let Resends { upto, times, since_ns } = &mut self.resends;
        if *times == 0 || now_ns.saturating_sub(*since_ns) >= SAME_RESENDS_NS {
            (*times, *since_ns) = (1, now_ns);
        } else {
            *times += u32::from(begin <= *upto);
        }
        *times > SAME_RESENDS_MAX
    }

    fn on_gap_fill<'b>(
        &mut self,
        now_ns: u64,
        seq: u64,
        message: &Message<'b>,
        out: &mut Vec<u8>,
    ) -> Option<Event<'b>> {
        let reason = match message.uint(tags::NEW_SEQ_NO) {
            Ok(Some(to)) if to > seq && to <= SEQ_MAX => {
                self.advance(now_ns, to);
                return None;
            }
            Ok(Some(_)) => Reason::ValueOutOfRange,
            Ok(None) => Reason::RequiredTagMissing,
            Err(_) => Reason::IncorrectDataFormat,
        };
        self.advance(now_ns, seq + 1);
        Some(self.reject_field(now_ns, message, reason, tags::NEW_SEQ_NO, out))
    }
}

/// Whether 123=Y. Any other value means reset mode, which is checked more strictly.
fn is_gap_fill(message: &Message<'_>) -> bool {
    message.get(tags::GAP_FILL_FLAG) == Some(b"Y")
}

/// Why the value of a header field cannot be read.
fn malformed(message: &Message<'_>, tag: u32) -> Reason {
    match message.get(tag) {
        Some(b"") => Reason::TagWithoutValue,
        _ => Reason::IncorrectDataFormat,
    }
}

/// A message that is sent again must say when it was sent first, and that must not be in the
/// future. A `SequenceReset` was not sent before.
fn poss_dup_fault(message: &Message<'_>, header: Header) -> Option<HeaderFault> {
    if !header.poss_dup || message.msg_type() == msg_type::SEQUENCE_RESET {
        return None;
    }
    let tag = Some(tags::ORIG_SENDING_TIME);
    let (reason, tag, fatal) = match message.timestamp_ns(tags::ORIG_SENDING_TIME) {
        Ok(Some(original_ns)) if original_ns <= header.sending_ns => return None,
        Ok(Some(_)) => (Reason::SendingTimeAccuracy, None, Some(DisconnectReason::SendingTime)),
        Ok(None) => (Reason::RequiredTagMissing, tag, None),
        Err(_) => (malformed(message, tags::ORIG_SENDING_TIME), tag, None),
    };
    Some(HeaderFault::Reject { seq: header.seq, reason, tag, fatal })
}

/// The first reason to reject a message that is in sequence.
pub(super) fn first_fault<'b>(
    message: &Message<'b>,
    config: &Config,
) -> Option<(Reason, RefTag<'b>)> {
    let validation = config.validation.as_ref();
    let tolerates = |defect: &Defect| match validation {
        Some(validation) => validation.checks.tolerates(*defect),
        None => config.tolerates(*defect),
    };
    let defect = message.defects().find(|defect| !tolerates(defect));
    if let Some(defect) = defect {
        return Some(match defect {
            Defect::InvalidTag { .. } => {
                let text = message.invalid_tag().unwrap_or(b"");
                (Reason::InvalidTagNumber, RefTag::Text(text))
            }
            Defect::NoTag => (Reason::ValueContainsDelimiter, RefTag::None),
            Defect::EmptyValue { tag } => (Reason::TagWithoutValue, RefTag::Tag(tag)),
            Defect::OutOfOrder { tag } => (Reason::TagOutOfOrder, RefTag::Tag(tag)),
            Defect::Repeated { tag } => (Reason::TagRepeated, RefTag::Tag(tag)),
            Defect::DataLength { tag } => (Reason::IncorrectDataFormat, RefTag::Tag(tag)),
            Defect::TooManyFields => (Reason::Other, RefTag::None),
        });
    }
    if let Some(Validation { dictionary, checks }) = validation {
        let fault = dictionary.check(message, checks).err()?;
        return Some((fault.reason, fault.tag.map_or(RefTag::None, RefTag::Tag)));
    }
    let kind = message.msg_type();
    let known = kind.len() <= MSG_TYPE_BYTES_MAX && kind.iter().all(u8::is_ascii_alphanumeric);
    (!known).then_some((Reason::InvalidMsgType, RefTag::None))
}
