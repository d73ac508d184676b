//! Logon in both roles, and resets that come with one.

use super::config::LogonContext;
use super::inbound::Fault;
use super::{
    DisconnectReason, Event, Policy, Refusal, Session, SessionRejectReason, State, outbound,
};
use crate::codec::{Message, write_timestamp};
use crate::store::MessageStore;
use crate::tags::{self, msg_type};

const NS_PER_SECOND: u64 = 1_000_000_000;

impl<S: MessageStore, P: Policy> Session<S, P> {
    /// Our Logon as the one who connects.
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
        let stamp = outbound::Stamp { seq, sending_ns: now_ns, original_ns: None };
        let mut logon = outbound::begin(&self.config, out, msg_type::LOGON, stamp, true);
        self.policy.logon_fields_first(&context, &mut logon);
        logon.uint(tags::ENCRYPT_METHOD, 0);
        logon.uint(tags::HEART_BT_INT, u64::from(self.config.heartbeat_s));
        if self.config.reset_on_logon {
            logon.bool(tags::RESET_SEQ_NUM_FLAG, true);
        }
        self.policy.logon_fields(&context, &mut logon);
        if logon.finish().is_ok() {
            self.store.set_next_out(seq + 1);
            self.last_out_ns = now_ns;
        }
    }

    /// The first message of a connection that we accepted.
    pub(super) fn on_first<'b>(
        &mut self,
        now_ns: u64,
        message: Message<'b>,
        out: &mut Vec<u8>,
    ) -> Event<'b> {
        if message.msg_type() != msg_type::LOGON {
            return self.disconnect(DisconnectReason::FirstMessageNotLogon);
        }
        // Whoever is not even the right peer learns nothing about why.
        let header = match self.check_header(now_ns, &message) {
            Ok(header) if message.defect().is_none() => header,
            Ok(_) => return self.disconnect(DisconnectReason::InvalidLogon),
            Err(fault) => return self.disconnect(logon_fault(fault)),
        };
        if !matches!(message.int(tags::ENCRYPT_METHOD), Ok(Some(0))) {
            return self.refuse(now_ns, Refusal::EncryptMethod, "EncryptMethod must be 0", out);
        }
        let (least, most) = self.config.heartbeat_s_range;
        let heartbeat_s = match message.uint(tags::HEART_BT_INT) {
            Ok(Some(s)) if (u64::from(least)..=u64::from(most)).contains(&s) => s,
            _ => {
                let text = "HeartBtInt missing or not allowed";
                return self.refuse(now_ns, Refusal::HeartBtInt, text, out);
            }
        };
        let reset = matches!(message.bool(tags::RESET_SEQ_NUM_FLAG), Ok(Some(true)));
        if reset && header.seq != 1 {
            let text = "ResetSeqNumFlag needs MsgSeqNum 1";
            return self.refuse(now_ns, Refusal::ResetSeqNum, text, out);
        }
        if let Err(text) = self.policy.authenticate(&message) {
            return self.refuse(now_ns, Refusal::Credentials, text, out);
        }
        self.heartbeat_ns = heartbeat_s * NS_PER_SECOND;
        if reset || self.config.reset_on_logon {
            self.reset_numbers();
        }
        self.accept_logon(now_ns, header.seq, heartbeat_s as u32, reset, out)
    }

    /// The peer is who it says and may log on: numbers are compared and the Logon is answered.
    fn accept_logon<'b>(
        &mut self,
        now_ns: u64,
        seq: u64,
        heartbeat_s: u32,
        reset: bool,
        out: &mut Vec<u8>,
    ) -> Event<'b> {
        if seq < self.next_in {
            return self.sequence_too_low(now_ns, seq, out);
        }
        self.state = State::LoggedOn;
        self.last_in_ns = now_ns;
        if seq == self.next_in {
            self.advance(now_ns, seq + 1);
        }
        self.send_admin(now_ns, msg_type::LOGON, out, |logon| {
            logon.uint(tags::ENCRYPT_METHOD, 0);
            logon.uint(tags::HEART_BT_INT, u64::from(heartbeat_s));
            if reset {
                logon.bool(tags::RESET_SEQ_NUM_FLAG, true);
            }
        });
        if seq > self.next_in {
            self.remember_ahead(seq);
            self.open_gap(now_ns, seq, out);
        }
        Event::LoggedOn { heartbeat_s, reset: reset || self.config.reset_on_logon }
    }

    /// Refuses a Logon. No number is used up: the rightful peer must not find a gap because
    /// somebody tried passwords.
    fn refuse<'b>(
        &mut self,
        now_ns: u64,
        refusal: Refusal,
        text: &str,
        out: &mut Vec<u8>,
    ) -> Event<'b> {
        let stamp =
            outbound::Stamp { seq: self.store.next_out(), sending_ns: now_ns, original_ns: None };
        let mut logout = outbound::begin(&self.config, out, msg_type::LOGOUT, stamp, false);
        logout.text(tags::TEXT, text);
        // A refusal too long to be written is still a refusal.
        let _ = logout.finish();
        self.disconnect(DisconnectReason::LogonRefused(refusal))
    }

    /// The answer to our Logon.
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
            Ok(header) if message.defect().is_none() => header,
            Ok(_) => return self.disconnect(DisconnectReason::InvalidLogon),
            Err(fault) => return self.disconnect(logon_fault(fault)),
        };
        let heartbeat_s = match message.uint(tags::HEART_BT_INT) {
            Ok(Some(s)) if s <= u64::from(self.config.heartbeat_s_range.1) => s,
            Ok(None) => u64::from(self.config.heartbeat_s),
            _ => return self.disconnect(DisconnectReason::InvalidLogon),
        };
        let told = matches!(message.bool(tags::RESET_SEQ_NUM_FLAG), Ok(Some(true)));
        if told && !self.config.reset_on_logon {
            // The peer starts anew although we did not ask: our Logon was number one then.
            self.reset_numbers();
            self.store.set_next_out(2);
        }
        let seq = header.seq;
        if seq < self.next_in {
            return self.sequence_too_low(now_ns, seq, out);
        }
        self.heartbeat_ns = heartbeat_s * NS_PER_SECOND;
        self.state = State::LoggedOn;
        self.last_in_ns = now_ns;
        if seq == self.next_in {
            self.advance(now_ns, seq + 1);
        } else if self.gap_is_fatal() {
            return self.disconnect(DisconnectReason::GapFatal);
        } else {
            self.remember_ahead(seq);
            self.open_gap(now_ns, seq, out);
        }
        let reset = told || self.config.reset_on_logon;
        Event::LoggedOn { heartbeat_s: heartbeat_s as u32, reset }
    }

    /// A Logon within a session: a reset when it says so, else an error.
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
        if self.policy.authenticate(message).is_err() {
            let reason = DisconnectReason::LogonRefused(Refusal::Credentials);
            return self.log_out_now(now_ns, reason, "Invalid credentials", out);
        }
        self.reset_numbers();
        let heartbeat_s = (self.heartbeat_ns / NS_PER_SECOND) as u32;
        self.accept_logon(now_ns, seq, heartbeat_s, true, out)
    }
}

fn logon_fault(fault: Fault) -> DisconnectReason {
    match fault {
        Fault::BeginString => DisconnectReason::BeginString,
        Fault::NoMsgSeqNum => DisconnectReason::NoMsgSeqNum,
        Fault::Reject { reason, .. } => match reason {
            SessionRejectReason::CompIdProblem => DisconnectReason::CompId,
            SessionRejectReason::SendingTimeAccuracy => DisconnectReason::SendingTime,
            _ => DisconnectReason::InvalidLogon,
        },
    }
}
