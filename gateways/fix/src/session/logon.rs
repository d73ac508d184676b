//! Logon in both roles, and resets that come with a Logon.
//!
//! A line belongs here if it is about a Logon.

use super::config::LogonContext;
use super::inbound::{HeaderFault, first_fault};
use super::{
    Counted, DisconnectReason, Event, Gap, Policy, REFUSALS_MAX, REFUSALS_NS, RESETS_MAX,
    RESETS_NS, Refusal, Session, SessionRejectReason, State, outbound,
};
use crate::codec::{Message, TimePrecision, write_timestamp};
use crate::store::MessageStore;
use crate::tags::{self, msg_type};

const NS_PER_SECOND: u64 = 1_000_000_000;

impl<S: MessageStore, P: Policy> Session<S, P> {
    /// Writes our Logon as initiator.
    pub(super) fn send_logon(&mut self, now_ns: u64, out: &mut Vec<u8>) {
        if self.config.reset_on_logon {
            self.reset_numbers();
        }
        let seq = self.store.next_out();
        self.scratch.clear();
        write_timestamp(&mut self.scratch, now_ns, self.config.time_precision);
        let context = LogonContext {
            sender: &self.config.sender,
            target: &self.config.target,
            msg_seq_num: seq,
            sending_time: &self.scratch,
        };
        let stamp = outbound::HeaderStamp { seq, sending_ns: now_ns, original_ns: None };
        let mut logon = outbound::begin(&self.config, out, msg_type::LOGON, stamp, true);
        self.policy.logon_fields_first(&context, &mut logon);
        logon.uint(tags::ENCRYPT_METHOD, 0);
        logon.uint(tags::HEART_BT_INT, u64::from(self.config.heartbeat_s));
        if self.config.reset_on_logon {
            logon.bool(tags::RESET_SEQ_NUM_FLAG, true);
        }
        if self.config.next_expected {
            logon.uint(tags::NEXT_EXPECTED_MSG_SEQ_NUM, self.next_in);
        }
        if let Some(version) = self.config.appl_ver_ids.first() {
            logon.field(tags::DEFAULT_APPL_VER_ID, version.as_bytes());
        }
        self.policy.logon_fields(&context, &mut logon);
        if logon.finish().is_ok() {
            self.store.set_next_out(seq + 1);
            self.last_out_ns = now_ns;
        }
    }

    /// Handles the first message of a connection that we accepted.
    pub(super) fn on_first<'b>(
        &mut self,
        now_ns: u64,
        message: Message<'b>,
        out: &mut Vec<u8>,
    ) -> Event<'b> {
        if message.msg_type() != msg_type::LOGON {
            return self.disconnect(DisconnectReason::FirstMessageNotLogon);
        }
        self.enter_period(now_ns);
        // A peer with the wrong `CompID` is not told why.
        let header = match self.check_header(now_ns, &message) {
            Ok(header) => header,
            Err(fault) => return self.disconnect(logon_fault(fault)),
        };
        if let Some(opens_ns) = self.closed_until_ns(now_ns) {
            let mut text = b"Session is closed until ".to_vec();
            write_timestamp(&mut text, opens_ns, TimePrecision::Millis);
            let text = String::from_utf8_lossy(&text);
            // The next number is the next period's, which begins at 1 for the peer as well.
            if self.may_answer_refused(now_ns) {
                self.write_refusal(now_ns, self.refusal_seq(), &text, out);
            }
            return self.disconnect(DisconnectReason::LogonRefused(Refusal::OutsideHours));
        }
        let terms = match self.judge_logon(header.seq, &message) {
            Ok(terms) => terms,
            Err(LogonFault::Invalid(fault)) => {
                return self.refuse_invalid(now_ns, &message, fault, out);
            }
            Err(LogonFault::Refused(refusal, text)) => {
                return self.refuse(now_ns, refusal, text, out);
            }
        };
        if terms.reset || self.config.reset_on_logon {
            self.reset_numbers();
        }
        self.accept_logon(now_ns, header.seq, &message, terms, out)
    }

    /// Reads a Logon whose header is right: its form, its terms, its proof.
    fn judge_logon<'b>(
        &mut self,
        seq: u64,
        message: &Message<'b>,
    ) -> Result<LogonTerms, LogonFault<'b>> {
        if let Some(fault) = first_fault(message, &self.config) {
            return Err(LogonFault::Invalid(fault));
        }
        let terms = self.logon_terms(seq, message);
        let terms = terms.map_err(|(refusal, text)| LogonFault::Refused(refusal, text))?;
        let proved = self.policy.authenticate(message);
        proved.map_err(|text| LogonFault::Refused(Refusal::Credentials, text))?;
        Ok(terms)
    }

    /// The terms that a Logon asks for, if they can be granted.
    fn logon_terms(
        &self,
        seq: u64,
        message: &Message<'_>,
    ) -> Result<LogonTerms, (Refusal, &'static str)> {
        if !matches!(message.int(tags::ENCRYPT_METHOD), Ok(Some(0))) {
            return Err((Refusal::EncryptMethod, "EncryptMethod must be 0"));
        }
        let (least, most) = self.config.heartbeat_s_range;
        let heartbeat_s = match message.uint(tags::HEART_BT_INT) {
            Ok(Some(s)) if (u64::from(least)..=u64::from(most)).contains(&s) => s as u32,
            _ => return Err((Refusal::HeartBtInt, "HeartBtInt missing or not allowed")),
        };
        let reset = matches!(message.bool(tags::RESET_SEQ_NUM_FLAG), Ok(Some(true)));
        if reset && seq != 1 {
            return Err((Refusal::ResetSeqNum, "ResetSeqNumFlag needs MsgSeqNum 1"));
        }
        let appl_ver_id = self
            .appl_ver_id_of(message)
            .ok_or((Refusal::DefaultApplVerId, "DefaultApplVerID missing or not supported"))?;
        let expects = self.peer_expects(message);
        Ok(LogonTerms { heartbeat_s, reset, appl_ver_id, expects })
    }

    /// Which of our versions a Logon names; the first when there is no choice.
    fn appl_ver_id_of(&self, message: &Message<'_>) -> Option<usize> {
        let ours = &self.config.appl_ver_ids;
        let said = message.get(tags::DEFAULT_APPL_VER_ID);
        if ours.is_empty() {
            return Some(0);
        }
        ours.iter().position(|version| Some(version.as_bytes()) == said)
    }

    /// The number that the peer expects next (789), if both sides tell it.
    fn peer_expects(&self, message: &Message<'_>) -> Option<u64> {
        let said = message.uint(tags::NEXT_EXPECTED_MSG_SEQ_NUM).ok().flatten();
        said.filter(|_| self.config.next_expected)
    }

    /// The peer may log on: its number is compared, and the Logon is answered.
    fn accept_logon<'b>(
        &mut self,
        now_ns: u64,
        seq: u64,
        message: &Message<'b>,
        terms: LogonTerms,
        out: &mut Vec<u8>,
    ) -> Event<'b> {
        self.refusals = Counted::default();
        // A peer that is told of a reset has sent its Logon under a number of before.
        let tell_reset = std::mem::take(&mut self.reset_untold);
        // Number 1 is free for the answer, unless a message has taken it meanwhile.
        let is_free = self.store.next_kept(1) != Some(1) && self.store.dropped_upto() == 0;
        let tell_reset = tell_reset && is_free && !terms.reset && !self.config.reset_on_logon;
        let (seq, expects) = if tell_reset { (1, None) } else { (seq, terms.expects) };
        if seq < self.next_in {
            return self.sequence_too_low(now_ns, seq, out);
        }
        let first_new = self.store.next_out();
        if expects.is_some_and(|expects| expects > first_new) {
            return self.next_expected_too_high(now_ns, out);
        }
        self.heartbeat_ns = u64::from(terms.heartbeat_s) * NS_PER_SECOND;
        self.appl_ver_id = terms.appl_ver_id;
        self.state = State::LoggedOn;
        self.last_in_ns = now_ns;
        if seq == self.next_in {
            self.advance(now_ns, seq + 1);
        }
        self.reset_told = tell_reset;
        let number = if tell_reset { RESET_LOGON_SEQ } else { first_new };
        self.answer_logon(now_ns, number, terms, terms.reset || tell_reset, out);
        if seq > self.next_in {
            self.open_logon_gap(now_ns, seq, expects.is_some(), out);
        }
        self.resend_from(now_ns, expects, first_new, out);
        let reset = terms.reset || tell_reset || self.config.reset_on_logon;
        Event::LoggedOn { heartbeat_s: terms.heartbeat_s, reset, logon: *message }
    }

    /// Writes the answer to a Logon: the terms that hold.
    fn answer_logon(
        &mut self,
        now_ns: u64,
        number: u64,
        terms: LogonTerms,
        reset: bool,
        out: &mut Vec<u8>,
    ) {
        let version = self.config.appl_ver_ids.get(self.appl_ver_id).cloned();
        let next_in = self.config.next_expected.then_some(self.next_in);
        self.send_admin_as(now_ns, number, msg_type::LOGON, out, |logon| {
            logon.uint(tags::ENCRYPT_METHOD, 0);
            logon.uint(tags::HEART_BT_INT, u64::from(terms.heartbeat_s));
            if reset {
                logon.bool(tags::RESET_SEQ_NUM_FLAG, true);
            }
            if let Some(next_in) = next_in {
                logon.uint(tags::NEXT_EXPECTED_MSG_SEQ_NUM, next_in);
            }
            if let Some(version) = version {
                logon.field(tags::DEFAULT_APPL_VER_ID, version.as_bytes());
            }
        });
    }

    /// The peer's Logon has skipped numbers. A peer that was told our expected number (789) sends
    /// the missing messages by itself. It is asked only if it does not.
    fn open_logon_gap(&mut self, now_ns: u64, seq: u64, told: bool, out: &mut Vec<u8>) {
        self.was_ahead(seq);
        if told {
            let (upto, asked) = (seq, u64::MAX);
            self.gap = Some(Gap { upto, since_ns: now_ns, tries: 0, asked, full: false });
        } else {
            self.open_gap(now_ns, seq, out);
        }
    }

    /// Sends the messages again that the peer says it lacks, up to the number before `first_new`.
    fn resend_from(
        &mut self,
        now_ns: u64,
        expects: Option<u64>,
        first_new: u64,
        out: &mut Vec<u8>,
    ) {
        if let Some(expects) = expects.filter(|expects| *expects < first_new) {
            self.untold = self.begin_replay(now_ns, expects.max(1), first_new - 1, out);
        }
    }

    fn next_expected_too_high<'b>(&mut self, now_ns: u64, out: &mut Vec<u8>) -> Event<'b> {
        let reason = DisconnectReason::NextExpectedTooHigh;
        self.log_out_now(now_ns, reason, "NextExpectedMsgSeqNum too high", out)
    }

    /// Refuses a malformed Logon: a Reject names the field, and a Logout follows (FIX 4.4 volume 2,
    /// test case 1d).
    fn refuse_invalid<'b>(
        &mut self,
        now_ns: u64,
        message: &Message<'_>,
        (reason, tag): (SessionRejectReason, outbound::RefTag<'_>),
        out: &mut Vec<u8>,
    ) -> Event<'b> {
        if self.may_answer_refused(now_ns) {
            if self.config.reset_on_logon {
                self.reset_numbers();
            }
            self.send_reject(now_ns, message, reason, tag, out);
            self.refuse_under(now_ns, self.store.next_out(), reason.text(), out);
        }
        self.disconnect(DisconnectReason::LogonRefused(Refusal::InvalidField))
    }

    /// Refuses a Logon with a Logout that says why, unless too many were refused before.
    fn refuse<'b>(
        &mut self,
        now_ns: u64,
        refusal: Refusal,
        text: &str,
        out: &mut Vec<u8>,
    ) -> Event<'b> {
        if self.may_answer_refused(now_ns) {
            self.refuse_under(now_ns, self.refusal_seq(), text, out);
        }
        self.disconnect(DisconnectReason::LogonRefused(refusal))
    }

    /// Counts a refused Logon. Somebody who knows the peer's name must not be able to raise its
    /// numbers without end.
    fn may_answer_refused(&mut self, now_ns: u64) -> bool {
        !self.refusals.more_than(REFUSALS_MAX, REFUSALS_NS, now_ns)
    }

    /// The number of the answer to this Logon.
    fn refusal_seq(&self) -> u64 {
        if self.config.reset_on_logon { 1 } else { self.store.next_out() }
    }

    /// The Logout of a refusal. Its number, and those before it, are used up: a peer that counts
    /// the Logout expects the next number, and a peer that does not finds a gap, which is filled.
    fn refuse_under(&mut self, now_ns: u64, seq: u64, text: &str, out: &mut Vec<u8>) {
        self.write_refusal(now_ns, seq, text, out);
        if !self.config.reset_on_logon {
            self.store.set_next_out(seq + 1);
        }
    }

    fn write_refusal(&self, now_ns: u64, seq: u64, text: &str, out: &mut Vec<u8>) {
        let stamp = outbound::HeaderStamp { seq, sending_ns: now_ns, original_ns: None };
        let mut logout = outbound::begin(&self.config, out, msg_type::LOGOUT, stamp, false);
        logout.text(tags::TEXT, text);
        // A refusal that is too long to be written is still a refusal.
        let _ = logout.finish();
    }

    /// Handles the answer to our Logon.
    pub(super) fn on_logon_answer<'b>(
        &mut self,
        now_ns: u64,
        message: Message<'b>,
        out: &mut Vec<u8>,
    ) -> Event<'b> {
        let text = message.get(tags::TEXT).unwrap_or(b"");
        match message.msg_type() {
            msg_type::LOGON => {}
            msg_type::LOGOUT | msg_type::REJECT => {
                return self.disconnect_text(DisconnectReason::LogonRefusedByPeer, text);
            }
            _ => return self.disconnect(DisconnectReason::FirstMessageNotLogon),
        }
        let header = match self.check_header(now_ns, &message) {
            Ok(header) => header,
            Err(fault) => return self.disconnect(logon_fault(fault)),
        };
        if let Some((reason, _)) = first_fault(&message, &self.config) {
            return self.log_out_now(now_ns, DisconnectReason::InvalidLogon, reason.text(), out);
        }
        let version = self.config.appl_ver_ids.first();
        if version
            .is_some_and(|ours| message.get(tags::DEFAULT_APPL_VER_ID) != Some(ours.as_bytes()))
        {
            let reason = DisconnectReason::InvalidLogon;
            return self.log_out_now(now_ns, reason, "DefaultApplVerID is not ours", out);
        }
        let heartbeat_s = match message.uint(tags::HEART_BT_INT) {
            Ok(Some(s)) if s <= u64::from(self.config.heartbeat_s_range.1) => s,
            Ok(None) => u64::from(self.config.heartbeat_s),
            _ => return self.disconnect(DisconnectReason::InvalidLogon),
        };
        let told = matches!(message.bool(tags::RESET_SEQ_NUM_FLAG), Ok(Some(true)));
        if told && !self.config.reset_on_logon {
            // The peer starts at 1 although we did not ask: our Logon is number 1 then.
            self.reset_numbers();
            self.store.set_next_out(2);
        }
        let seq = header.seq;
        if seq < self.next_in {
            return self.sequence_too_low(now_ns, seq, out);
        }
        let expects = self.peer_expects(&message);
        let first_new = self.store.next_out();
        if expects.is_some_and(|expects| expects > first_new) {
            return self.next_expected_too_high(now_ns, out);
        }
        self.heartbeat_ns = heartbeat_s * NS_PER_SECOND;
        self.state = State::LoggedOn;
        self.last_in_ns = now_ns;
        if seq == self.next_in {
            self.advance(now_ns, seq + 1);
        } else if self.gap_is_fatal() {
            return self.disconnect(DisconnectReason::GapFatal);
        } else {
            self.open_logon_gap(now_ns, seq, expects.is_some(), out);
        }
        self.resend_from(now_ns, expects, first_new, out);
        let reset = told || self.config.reset_on_logon;
        Event::LoggedOn { heartbeat_s: heartbeat_s as u32, reset, logon: message }
    }

    /// Handles a Logon within a session: a reset if it says so, otherwise an error. It is read like
    /// the first one, and its terms hold from here on.
    pub(super) fn on_logon_again<'b>(
        &mut self,
        now_ns: u64,
        seq: u64,
        message: &Message<'b>,
        out: &mut Vec<u8>,
    ) -> Event<'b> {
        let reset = matches!(message.bool(tags::RESET_SEQ_NUM_FLAG), Ok(Some(true)));
        if !reset || seq != 1 || self.state != State::LoggedOn {
            let reason = DisconnectReason::DuplicateLogon;
            return self.log_out_now(now_ns, reason, "Already logged on", out);
        }
        let terms = match self.judge_logon(seq, message) {
            Ok(terms) => terms,
            Err(LogonFault::Invalid((fault, tag))) => {
                self.send_reject(now_ns, message, fault, tag, out);
                let reason = DisconnectReason::LogonRefused(Refusal::InvalidField);
                return self.log_out_now(now_ns, reason, fault.text(), out);
            }
            Err(LogonFault::Refused(refusal, text)) => {
                let reason = DisconnectReason::LogonRefused(refusal);
                return self.log_out_now(now_ns, reason, text, out);
            }
        };
        if std::mem::take(&mut self.reset_told) {
            // The peer agrees to the reset that our answer told of: an answer would ask for
            // another one.
            self.heartbeat_ns = u64::from(terms.heartbeat_s) * NS_PER_SECOND;
            self.appl_ver_id = terms.appl_ver_id;
            let heartbeat_s = terms.heartbeat_s;
            return Event::LoggedOn { heartbeat_s, reset: true, logon: *message };
        }
        if self.resets.more_than(RESETS_MAX, RESETS_NS, now_ns) {
            let reason = DisconnectReason::ResetLoop;
            return self.log_out_now(now_ns, reason, "Too many sequence resets", out);
        }
        self.reset_numbers();
        self.accept_logon(now_ns, seq, message, terms, out)
    }
}

/// The number of the Logon that tells a peer of a reset: it is kept for the Logon, whatever is
/// stored for the peer before.
const RESET_LOGON_SEQ: u64 = 1;

/// Why a Logon is not accepted.
enum LogonFault<'a> {
    /// The form: a Reject names the field.
    Invalid((SessionRejectReason, outbound::RefTag<'a>)),
    /// The terms or the proof, with `Text` (58) of the Logout.
    Refused(Refusal, &'static str),
}

/// The terms that a Logon asks for.
#[derive(Clone, Copy, Debug)]
struct LogonTerms {
    heartbeat_s: u32,
    reset: bool,
    /// Position in [`Config::appl_ver_ids`](super::Config::appl_ver_ids).
    appl_ver_id: usize,
    /// `NextExpectedMsgSeqNum` (789).
    expects: Option<u64>,
}

fn logon_fault(fault: HeaderFault) -> DisconnectReason {
    match fault {
        HeaderFault::BeginString => DisconnectReason::BeginString,
        HeaderFault::NoMsgSeqNum => DisconnectReason::NoMsgSeqNum,
        HeaderFault::Reject { reason, .. } => match reason {
            SessionRejectReason::CompIdProblem => DisconnectReason::CompId,
            SessionRejectReason::SendingTimeAccuracy => DisconnectReason::SendingTime,
            _ => DisconnectReason::InvalidLogon,
        },
    }
}
