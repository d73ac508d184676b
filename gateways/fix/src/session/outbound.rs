//! Everything that a session writes: headers, administrative messages, application messages and
//! their resend.
//!
//! A line belongs here if it writes a message of a session.

use super::{
    BusinessRejectReason, Config, DisconnectReason, Event, HeaderOrder, Offline, Policy,
    REPLAY_BYTES_MAX, Replay, STALE_FILL_MAX, SendError, Sent, Session, SessionRejectReason, State,
    Warning,
};
use crate::codec::{Encoder, Message};
use crate::store::{Entry, MessageStore, SEQ_MAX, Told};
use crate::tags::{self, msg_type};

/// Bytes of `10=ddd` and SOH.
const TRAILER_BYTES: usize = 7;

/// The sequence number and the times of a header.
#[derive(Clone, Copy, Debug)]
pub(super) struct HeaderStamp {
    pub seq: u64,
    pub sending_ns: u64,
    /// For a message that is sent again: when it was sent first.
    pub original_ns: Option<u64>,
}

/// Starts a message and writes its header.
pub(super) fn begin<'o>(
    config: &Config,
    out: &'o mut Vec<u8>,
    msg_type: &[u8],
    stamp: HeaderStamp,
    logon: bool,
) -> Encoder<'o> {
    let mut message = Encoder::begin(out, config.begin_string.as_bytes(), msg_type);
    let poss_dup = |message: &mut Encoder<'_>| {
        if stamp.original_ns.is_some() {
            message.bool(tags::POSS_DUP_FLAG, true);
        }
    };
    match config.header_order {
        HeaderOrder::SequenceFirst => {
            message.uint(tags::MSG_SEQ_NUM, stamp.seq);
            poss_dup(&mut message);
            message.field(tags::SENDER_COMP_ID, config.sender.as_bytes());
            message.timestamp(tags::SENDING_TIME, stamp.sending_ns, config.time_precision);
            message.field(tags::TARGET_COMP_ID, config.target.as_bytes());
        }
        HeaderOrder::CompIdsFirst => {
            message.field(tags::SENDER_COMP_ID, config.sender.as_bytes());
            message.field(tags::TARGET_COMP_ID, config.target.as_bytes());
            message.uint(tags::MSG_SEQ_NUM, stamp.seq);
            poss_dup(&mut message);
            message.timestamp(tags::SENDING_TIME, stamp.sending_ns, config.time_precision);
        }
    }
    if let Some(original_ns) = stamp.original_ns {
        message.timestamp(tags::ORIG_SENDING_TIME, original_ns, config.time_precision);
    }
    if !logon {
        message.raw(&config.extra_header);
    }
    message
}

/// The field that a Reject refers to.
#[derive(Clone, Copy, Debug)]
pub(super) enum RefTag<'a> {
    None,
    Tag(u32),
    /// A tag as the peer wrote it; it may not be a number.
    Text(&'a [u8]),
}

impl<S: MessageStore, P: Policy> Session<S, P> {
    /// Writes an administrative message under the next number. It is not stored.
    pub(super) fn send_admin(
        &mut self,
        now_ns: u64,
        msg_type: &[u8],
        out: &mut Vec<u8>,
        write: impl FnOnce(&mut Encoder<'_>),
    ) {
        let seq = self.store.next_out();
        self.send_admin_as(now_ns, seq, msg_type, out, write);
    }

    /// As [`send_admin`](Self::send_admin), under a number that was kept for the message.
    pub(super) fn send_admin_as(
        &mut self,
        now_ns: u64,
        seq: u64,
        msg_type: &[u8],
        out: &mut Vec<u8>,
        write: impl FnOnce(&mut Encoder<'_>),
    ) {
        let stamp = HeaderStamp { seq, sending_ns: now_ns, original_ns: None };
        let mut message = begin(&self.config, out, msg_type, stamp, msg_type == msg_type::LOGON);
        write(&mut message);
        // All texts in administrative messages are bounded, so there is room.
        let finished = message.finish();
        debug_assert!(finished.is_ok(), "an administrative message is short");
        if finished.is_ok() {
            self.store.set_next_out(self.store.next_out().max(seq + 1));
            self.last_out_ns = now_ns;
        }
    }

    /// Sends a message that an event of the core caused. `write` appends its fields after the
    /// header.
    ///
    /// `event_no` counts the core's events for this session from 1, ascending. Each event is stored
    /// once. After a restart the caller repeats the events above
    /// [`last_event_no`](Self::last_event_no); repeating more does no harm. An event whose message
    /// the store has lost is stored again with `PossResend` (97). If nobody is logged on, the
    /// message is stored for the peer to ask for, unless configured otherwise.
    ///
    /// # Errors
    /// [`SendError`]; then nothing is stored, nothing is written and no number is used.
    pub fn send_app(
        &mut self,
        now_ns: u64,
        event_no: u64,
        msg_type: &[u8],
        out: &mut Vec<u8>,
        write: impl FnOnce(&mut Encoder<'_>),
    ) -> Result<Sent, SendError> {
        match self.store.told(event_no) {
            Told::Surely => Ok(Sent::AlreadyStored),
            Told::Never => self.send_stored(now_ns, event_no, msg_type, out, write),
            Told::Perhaps => self.send_stored(now_ns, event_no, msg_type, out, |message| {
                message.bool(tags::POSS_RESEND, true);
                write(message);
            }),
        }
    }

    /// Sends an application message that no event of the core caused, such as a refusal by the
    /// gateway. It is stored and can be asked for again.
    ///
    /// # Errors
    /// As [`send_app`](Self::send_app).
    pub fn send_unnumbered(
        &mut self,
        now_ns: u64,
        msg_type: &[u8],
        out: &mut Vec<u8>,
        write: impl FnOnce(&mut Encoder<'_>),
    ) -> Result<Sent, SendError> {
        self.send_stored(now_ns, 0, msg_type, out, write)
    }

    fn send_stored(
        &mut self,
        now_ns: u64,
        event_no: u64,
        msg_type: &[u8],
        out: &mut Vec<u8>,
        write: impl FnOnce(&mut Encoder<'_>),
    ) -> Result<Sent, SendError> {
        self.enter_period(now_ns);
        let online = self.takes_messages();
        if !online && self.config.offline == Offline::Refuse {
            return Err(SendError::NotLoggedOn);
        }
        let start = out.len();
        let seq = self.write_stored(now_ns, event_no, msg_type, out, write)?;
        if online {
            self.last_out_ns = now_ns;
            return Ok(Sent::Written { seq });
        }
        out.truncate(start);
        Ok(Sent::Held { seq })
    }

    /// Stores a message under the next number and writes it.
    fn write_stored(
        &mut self,
        now_ns: u64,
        event_no: u64,
        msg_type: &[u8],
        out: &mut Vec<u8>,
        write: impl FnOnce(&mut Encoder<'_>),
    ) -> Result<u64, SendError> {
        let seq = self.store.next_out();
        if seq >= SEQ_MAX {
            return Err(SendError::SequenceExhausted);
        }
        let start = out.len();
        let stamp = HeaderStamp { seq, sending_ns: now_ns, original_ns: None };
        let mut message = begin(&self.config, out, msg_type, stamp, false);
        let header_bytes = message.body_len();
        write(&mut message);
        let body_bytes = message.body_len() - header_bytes;
        message.finish()?;
        let end = out.len() - TRAILER_BYTES;
        let body = out.get(end - body_bytes..end).unwrap_or(&[]);
        let entry = Entry { seq, event_no, sending_ns: now_ns, msg_type, body };
        if let Err(error) = self.store.append(&entry) {
            out.truncate(start);
            return Err(error.into());
        }
        Ok(seq)
    }

    /// Sends a message that is worth nothing later, such as market data. It takes a number and is
    /// not stored, so a `ResendRequest` over it gets a gap fill. It is written at once, even
    /// between the parts of a resend, and never held for a peer that is away.
    ///
    /// # Errors
    /// [`SendError`]; then nothing is written and no number is used.
    pub fn send_transient(
        &mut self,
        now_ns: u64,
        msg_type: &[u8],
        out: &mut Vec<u8>,
        write: impl FnOnce(&mut Encoder<'_>),
    ) -> Result<Sent, SendError> {
        if !self.takes_messages() {
            return Err(SendError::NotLoggedOn);
        }
        let seq = self.store.next_out();
        if seq >= SEQ_MAX {
            return Err(SendError::SequenceExhausted);
        }
        let stamp = HeaderStamp { seq, sending_ns: now_ns, original_ns: None };
        let mut message = begin(&self.config, out, msg_type, stamp, false);
        write(&mut message);
        message.finish()?;
        self.store.set_next_out(seq + 1);
        self.last_out_ns = now_ns;
        Ok(Sent::Written { seq })
    }

    /// Whether the peer can take an application message.
    pub(super) const fn takes_messages(&self) -> bool {
        matches!(
            self.state,
            State::LoggedOn | State::LogoutAnswered | State::LogoutSent { fatal: false }
        )
    }

    /// Rejects (35=3) a message that [`Event::App`] delivered, because a field is missing or
    /// malformed. The message still has to be [confirmed](Self::confirm_in). Nothing is written if
    /// the message is a [refusal](msg_type::is_refusal).
    pub fn reject(
        &mut self,
        now_ns: u64,
        message: &Message<'_>,
        reason: SessionRejectReason,
        tag: Option<u32>,
        out: &mut Vec<u8>,
    ) {
        let tag = tag.map_or(RefTag::None, RefTag::Tag);
        self.send_reject(now_ns, message, reason, tag, out);
    }

    /// Writes a Reject, which is stored and can be asked for again (FIX 4.4 volume 2, "Sequence
    /// Reset (Gap Fill)": a Reject is resent, and only the other administrative messages are gap
    /// filled). If the store takes no more, the Reject goes out without: it is worth less than the
    /// session, whose next report ends it with the store's error.
    pub(super) fn send_reject(
        &mut self,
        now_ns: u64,
        message: &Message<'_>,
        reason: SessionRejectReason,
        tag: RefTag<'_>,
        out: &mut Vec<u8>,
    ) {
        if msg_type::is_refusal(message.msg_type()) {
            return;
        }
        let reason_max = highest_reason(&self.config.begin_string);
        let write = |reject: &mut Encoder<'_>| {
            write_reject(reject, message, reason, tag, reason_max);
        };
        match self.write_stored(now_ns, 0, msg_type::REJECT, out, write) {
            Ok(_) => self.last_out_ns = now_ns,
            Err(SendError::Store(_)) => {
                self.send_admin(now_ns, msg_type::REJECT, out, write);
                self.untold = Some(Warning::RejectNotStored);
            }
            // A Reject is short, and nothing goes out under a number beyond the last.
            Err(_) => {}
        }
    }

    /// Answers a well-formed message that cannot be handled with a `BusinessMessageReject` (35=j).
    /// `ref_id` is the peer's own id of the message, such as its `ClOrdID`. A
    /// [refusal](msg_type::is_refusal) gets no answer: [`Sent::Unanswered`].
    ///
    /// # Errors
    /// As [`send_app`](Self::send_app).
    pub fn business_reject(
        &mut self,
        now_ns: u64,
        message: &Message<'_>,
        reason: BusinessRejectReason,
        ref_id: Option<&[u8]>,
        text: &str,
        out: &mut Vec<u8>,
    ) -> Result<Sent, SendError> {
        if msg_type::is_refusal(message.msg_type()) {
            return Ok(Sent::Unanswered);
        }
        let known = reason.code() <= highest_business_reason(&self.config.begin_string);
        let code = if known { reason } else { BusinessRejectReason::Other }.code();
        self.send_unnumbered(now_ns, msg_type::BUSINESS_MESSAGE_REJECT, out, |reject| {
            write_reverse_route(message, reject);
            if let Some(seq) = message.get(tags::MSG_SEQ_NUM).filter(|seq| !seq.is_empty()) {
                reject.field(tags::REF_SEQ_NUM, seq);
            }
            reject.text(tags::TEXT, text).field(tags::REF_MSG_TYPE, message.msg_type());
            let fits = |id: &&[u8]| (1..=REF_ID_BYTES_MAX).contains(&id.len());
            if let Some(id) = ref_id.filter(fits) {
                reject.field(tags::BUSINESS_REJECT_REF_ID, id);
            }
            reject.uint(tags::BUSINESS_REJECT_REASON, u64::from(code));
        })
    }

    /// Asks the peer to end the session. [`Event::Disconnect`] follows when it answers, or when the
    /// logout timeout is over. Does nothing unless logged on.
    pub fn logout(&mut self, now_ns: u64, text: &str, out: &mut Vec<u8>) {
        if self.state != State::LoggedOn {
            return;
        }
        self.send_logout(now_ns, text, out);
        self.deadline_ns = now_ns.saturating_add(self.config.logout_timeout_ns);
        self.state = State::LogoutSent { fatal: false };
    }

    pub(super) fn send_logout(&mut self, now_ns: u64, text: &str, out: &mut Vec<u8>) {
        self.send_admin(now_ns, msg_type::LOGOUT, out, |logout| {
            if !text.is_empty() {
                logout.text(tags::TEXT, text);
            }
        });
    }

    /// The peer broke a rule: sends a Logout, and waits only for its answer.
    pub(super) fn log_out<'b>(
        &mut self,
        now_ns: u64,
        reason: DisconnectReason,
        text: &str,
        out: &mut Vec<u8>,
    ) -> Event<'b> {
        self.send_logout(now_ns, text, out);
        self.deadline_ns = now_ns.saturating_add(self.config.logout_timeout_ns);
        self.state = State::LogoutSent { fatal: true };
        self.gap = None;
        Event::LogoutSent { reason }
    }

    /// The peer broke a rule so badly that its answer is not awaited.
    pub(super) fn log_out_now<'b>(
        &mut self,
        now_ns: u64,
        reason: DisconnectReason,
        text: &str,
        out: &mut Vec<u8>,
    ) -> Event<'b> {
        self.send_logout(now_ns, text, out);
        self.disconnect(reason)
    }

    /// Goes on with a resend until it is complete or enough bytes wait to be written.
    pub(super) fn continue_replay(&mut self, now_ns: u64, out: &mut Vec<u8>) {
        let Some(Replay { mut next, end }) = self.replay else { return };
        while next <= end {
            if out.len() >= REPLAY_BYTES_MAX {
                self.replay = Some(Replay { next, end });
                return;
            }
            next = match self.next_to_resend(now_ns, next, end) {
                Some(seq) if seq == next => {
                    self.resend(now_ns, seq, out);
                    seq + 1
                }
                Some(seq) => self.fill_gap(now_ns, next, seq, out),
                None => self.fill_gap(now_ns, next, end + 1, out),
            };
        }
        self.replay = None;
    }

    /// Number of the first message from `from` to `end` that is stored and not too old. If finding
    /// one takes long, a number before it.
    fn next_to_resend(&self, now_ns: u64, from: u64, end: u64) -> Option<u64> {
        let mut next = from;
        for _ in 0..STALE_FILL_MAX {
            let seq = self.store.next_kept(next).filter(|seq| *seq <= end)?;
            if !self.is_stale(now_ns, seq) {
                return Some(seq);
            }
            next = seq + 1;
        }
        (next <= end).then_some(next)
    }

    /// Whether a message is too old to be sent again.
    fn is_stale(&self, now_ns: u64, seq: u64) -> bool {
        self.config.resend_age_max_ns.is_some_and(|most_ns| {
            let sent_ns = self.store.get(seq).map_or(0, |entry| entry.sending_ns);
            now_ns.saturating_sub(sent_ns) >= most_ns
        })
    }

    fn resend(&mut self, now_ns: u64, seq: u64, out: &mut Vec<u8>) {
        let Some(entry) = self.store.get(seq).filter(|_| !self.is_stale(now_ns, seq)) else {
            self.fill_gap(now_ns, seq, seq + 1, out);
            return;
        };
        let stamp = HeaderStamp { seq, sending_ns: now_ns, original_ns: Some(entry.sending_ns) };
        let mut message = begin(&self.config, out, entry.msg_type, stamp, false);
        message.raw(entry.body);
        self.last_out_ns = now_ns;
        // Only 43 and 122 are added: a message at the very limit may not fit any more.
        if message.finish().is_err() {
            self.fill_gap(now_ns, seq, seq + 1, out);
        }
    }

    /// Tells the peer that `from..next` will not come; returns `next`.
    fn fill_gap(&mut self, now_ns: u64, from: u64, next: u64, out: &mut Vec<u8>) -> u64 {
        let stamp = HeaderStamp { seq: from, sending_ns: now_ns, original_ns: Some(now_ns) };
        let mut fill = begin(&self.config, out, msg_type::SEQUENCE_RESET, stamp, false);
        fill.uint(tags::NEW_SEQ_NO, next).bool(tags::GAP_FILL_FLAG, true);
        let finished = fill.finish();
        debug_assert!(finished.is_ok(), "a gap fill is short");
        self.last_out_ns = now_ns;
        next
    }
}

/// Highest `BusinessRejectReason` (380) of a version. A higher one is written as 0, other (FIX 4.2
/// volume 6 ends with 5).
fn highest_business_reason(begin_string: &str) -> u16 {
    if begin_string == "FIX.4.2" {
        BusinessRejectReason::ConditionallyRequiredFieldMissing.code()
    } else {
        u16::MAX
    }
}

/// Writes the fields of a Reject (35=3) of `message`. `reason_max` is the version's
/// [`highest_reason`].
fn write_reject(
    reject: &mut Encoder<'_>,
    message: &Message<'_>,
    reason: SessionRejectReason,
    tag: RefTag<'_>,
    reason_max: u16,
) {
    let seq = message.uint(tags::MSG_SEQ_NUM).ok().flatten().unwrap_or(0);
    write_reverse_route(message, reject);
    reject.uint(tags::REF_SEQ_NUM, seq).text(tags::TEXT, reason.text());
    match tag {
        RefTag::Tag(tag) => {
            reject.uint(tags::REF_TAG_ID, u64::from(tag));
        }
        RefTag::Text(text) => {
            if let Some(number) = crate::codec::parse_i64(text) {
                reject.int(tags::REF_TAG_ID, number);
            }
        }
        RefTag::None => {}
    }
    let ref_type = message.msg_type();
    if !ref_type.is_empty() && ref_type.len() <= crate::store::MSG_TYPE_BYTES_MAX {
        reject.field(tags::REF_MSG_TYPE, ref_type);
    }
    if reason.code() <= reason_max {
        reject.uint(tags::SESSION_REJECT_REASON, u64::from(reason.code()));
    }
}

/// Highest `SessionRejectReason` (373) of a version. A higher one is told by its text alone (FIX
/// 4.2 volume 6 ends with 11, FIX 4.4 volume 6 has them all).
fn highest_reason(begin_string: &str) -> u16 {
    if begin_string == "FIX.4.2" { SessionRejectReason::InvalidMsgType.code() } else { u16::MAX }
}

/// `RefSeqNum` (45) in the stored body of a `BusinessMessageReject`.
pub(super) fn ref_seq_num(body: &[u8]) -> Option<u64> {
    let value = body.split(|byte| *byte == 1).find_map(|field| field.strip_prefix(b"45="))?;
    crate::codec::parse_i64(value).and_then(|number| u64::try_from(number).ok())
}

/// A Reject goes back the way its message came: the `OnBehalfOf` fields of the message become the
/// `DeliverTo` fields of the Reject (FIX 4.4 volume 2, "`OnBehalfOfCompID` and `DeliverToCompID`").
fn write_reverse_route(message: &Message<'_>, out: &mut Encoder<'_>) {
    for (from, to) in [
        (tags::DELIVER_TO_COMP_ID, tags::ON_BEHALF_OF_COMP_ID),
        (tags::DELIVER_TO_SUB_ID, tags::ON_BEHALF_OF_SUB_ID),
        (tags::ON_BEHALF_OF_COMP_ID, tags::DELIVER_TO_COMP_ID),
        (tags::ON_BEHALF_OF_SUB_ID, tags::DELIVER_TO_SUB_ID),
        (tags::DELIVER_TO_LOCATION_ID, tags::ON_BEHALF_OF_LOCATION_ID),
        (tags::ON_BEHALF_OF_LOCATION_ID, tags::DELIVER_TO_LOCATION_ID),
    ] {
        let value = message.get(from).unwrap_or(b"");
        if !value.is_empty() && value.len() <= ROUTE_BYTES_MAX {
            out.field(to, value);
        }
    }
}

/// Longest id of a message that a `BusinessMessageReject` repeats, in bytes: so the id always fits.
const REF_ID_BYTES_MAX: usize = 256;

/// Longest routing id that is repeated in a Reject, in bytes.
const ROUTE_BYTES_MAX: usize = 128;
