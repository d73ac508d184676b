//! FIX 4.4 order entry: the session.
//!
//! A line belongs here if it concerns sequence numbers, heartbeats, logon or framing. Orders are
//! `orders`, allowed fields are `fields`, outgoing messages are `render`. Only the codec is shared
//! with the product. The session rules come from the venue reference (Binance), section 3.

mod fields;
mod orders;
mod render;

use std::collections::BTreeMap;

use rutter_fix::codec::{FieldIndex, Message, Status, decode, parse_timestamp_ns};

use super::super::decimal;
use super::super::engine::{AccountId, Report};
use super::super::front::{ConnId, FrontAction};
use super::limits::Window;
use super::{ApiError, BinanceFront, auth};
use fields::{Fault, Inbound};
use render::{Outbound, execution_report};

const SECOND_NS: u64 = 1_000_000_000;
/// Most bytes of an unfinished message.
pub const BUFFER_BYTES_MAX: usize = 128 << 10;
/// Longest time from connection to Logon. The reference gives no number.
pub const LOGON_NS: u64 = 10 * SECOND_NS;
/// `SenderCompID` of the venue.
pub const VENUE_COMP_ID: &str = "SPOT";
/// Most `CompID`s that may be locked at a time.
pub const LOCKED_IDS_MAX: usize = 10_000;

/// FIX switches.
#[derive(Clone, Debug)]
pub struct FixConfig {
    /// Whether `BodyLength` (9) is padded with zeros to seven digits (default false). Parsers must
    /// accept both.
    pub padded_body_length: bool,
    /// Whether a close without Logout locks the `SenderCompID` for two heartbeat intervals (default
    /// true).
    pub lock_comp_id_after_unclean_close: bool,
    /// Whether a wrong sequence number causes Logout and close (default false: only a Reject, as
    /// documented).
    pub close_on_sequence_error: bool,
}

impl Default for FixConfig {
    fn default() -> Self {
        Self {
            padded_body_length: false,
            lock_comp_id_after_unclean_close: true,
            close_on_sequence_error: false,
        }
    }
}

/// All FIX connections.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    by_conn: BTreeMap<ConnId, Session>,
    locked: BTreeMap<(AccountId, String), u64>,
    slow: Vec<SlowOrder>,
}

/// An order that waits in front of the engine.
#[derive(Debug)]
struct SlowOrder {
    conn: ConnId,
    account: AccountId,
    message: Inbound,
    /// When its sender is told that the outcome is unknown; `None` once told.
    unknown_ns: Option<u64>,
    due_ns: u64,
}

impl Sessions {
    /// When something is due about an order that waits.
    pub fn next_slow_ns(&self) -> Option<u64> {
        self.slow.iter().map(|order| order.unknown_ns.unwrap_or(order.due_ns)).min()
    }
}

#[derive(Debug)]
struct Session {
    buffer: Vec<u8>,
    logon: Option<Logon>,
    /// The client's `CompID`, known after the Logon.
    peer: String,
    next_in: u64,
    next_out: u64,
    opened_ns: u64,
    last_in_ns: u64,
    last_out_ns: u64,
    /// Id and time of an unanswered `TestRequest`.
    test: Option<(String, u64)>,
    messages: Window,
}

#[derive(Clone, Debug)]
struct Logon {
    account: AccountId,
    heartbeat_s: u64,
    everything: bool,
}

impl Logon {
    fn heartbeat_ns(&self) -> u64 {
        self.heartbeat_s * SECOND_NS
    }
}

impl BinanceFront {
    pub(super) fn open_fix(&mut self, now_ns: u64, conn: ConnId, out: &mut Vec<FrontAction>) {
        let full = self.fix.by_conn.len() >= super::CONNECTIONS_MAX;
        if full || self.in_maintenance(now_ns) {
            out.push(FrontAction::Close(conn));
            return;
        }
        let session = Session {
            buffer: Vec::new(),
            logon: None,
            peer: String::new(),
            next_in: 1,
            next_out: 1,
            opened_ns: now_ns,
            last_in_ns: now_ns,
            last_out_ns: now_ns,
            test: None,
            messages: Window::default(),
        };
        self.fix.by_conn.insert(conn, session);
        if !self.limits.fix_attempt(now_ns) {
            let fault = Fault::code(-1034, "Too many connection attempts.");
            self.fix_reject(now_ns, conn, 1, "A", &fault, out);
            self.fix_close(now_ns, conn, out);
        }
    }

    /// Forgets a connection. Without a Logout before, its `CompID` stays locked for a time.
    pub(super) fn drop_fix(&mut self, now_ns: u64, conn: ConnId) {
        let Some(session) = self.fix.by_conn.remove(&conn) else { return };
        let Some(logon) = session.logon else { return };
        self.fix.locked.retain(|_, until| *until > now_ns);
        let room = self.fix.locked.len() < LOCKED_IDS_MAX;
        if self.config.fix.lock_comp_id_after_unclean_close && room {
            let until = now_ns.saturating_add(2 * logon.heartbeat_ns());
            self.fix.locked.insert((logon.account, session.peer), until);
        }
    }

    fn fix_close(&mut self, now_ns: u64, conn: ConnId, out: &mut Vec<FrontAction>) {
        self.drop_fix(now_ns, conn);
        out.push(FrontAction::Close(conn));
    }

    /// Closes after a Logout, without a lock.
    fn fix_close_clean(&mut self, conn: ConnId, out: &mut Vec<FrontAction>) {
        self.fix.by_conn.remove(&conn);
        out.push(FrontAction::Close(conn));
    }

    fn fix_send(
        &mut self,
        now_ns: u64,
        conn: ConnId,
        message: &Outbound,
        out: &mut Vec<FrontAction>,
    ) {
        let Some(session) = self.fix.by_conn.get_mut(&conn) else { return };
        let sequence = session.next_out;
        session.next_out += 1;
        session.last_out_ns = now_ns;
        let padded = self.config.fix.padded_body_length;
        let bytes = message.frame(sequence, &session.peer, now_ns, padded);
        out.push(FrontAction::Bytes(conn, bytes));
    }

    fn fix_reject(
        &mut self,
        now_ns: u64,
        conn: ConnId,
        ref_sequence: u64,
        ref_type: &str,
        fault: &Fault,
        out: &mut Vec<FrontAction>,
    ) {
        let message = render::reject(ref_sequence, ref_type, fault);
        self.fix_send(now_ns, conn, &message, out);
    }

    pub(super) fn fix_bytes(
        &mut self,
        now_ns: u64,
        conn: ConnId,
        bytes: &[u8],
        out: &mut Vec<FrontAction>,
    ) {
        let Some(session) = self.fix.by_conn.get_mut(&conn) else { return };
        if session.buffer.len() + bytes.len() > BUFFER_BYTES_MAX {
            self.fix_garbled(now_ns, conn, out);
            self.fix_close(now_ns, conn, out);
            return;
        }
        session.buffer.extend_from_slice(bytes);
        let mut index = FieldIndex::new();
        loop {
            let Some(session) = self.fix.by_conn.get_mut(&conn) else { return };
            if session.buffer.is_empty() {
                return;
            }
            match decode(&session.buffer, &mut index) {
                Ok(Status::Incomplete) => return,
                Ok(Status::Complete { consumed }) => {
                    let whole = session.buffer.get(..consumed).unwrap_or(&[]);
                    let message = Inbound::read(&Message::new(whole, &index));
                    session.buffer.drain(..consumed.min(session.buffer.len()));
                    let is_order = matches!(message.kind.as_str(), "D" | "XCN");
                    self.cut_around(now_ns, conn, is_order, out, |front, out| {
                        front.fix_message(now_ns, conn, &message, out);
                    });
                }
                Err(error) => {
                    let skip = error.skip.clamp(1, session.buffer.len());
                    session.buffer.drain(..skip);
                    self.fix_garbled(now_ns, conn, out);
                }
            }
        }
    }

    fn fix_garbled(&mut self, now_ns: u64, conn: ConnId, out: &mut Vec<FrontAction>) {
        let Some(session) = self.fix.by_conn.get(&conn) else { return };
        let expected = session.next_in;
        let fault = Fault::code(-1177, "Garbled message, incorrect BodyLength or CheckSum.");
        self.fix_reject(now_ns, conn, expected, "", &fault, out);
    }

    fn fix_message(
        &mut self,
        now_ns: u64,
        conn: ConnId,
        message: &Inbound,
        out: &mut Vec<FrontAction>,
    ) {
        let max = self.limits.config.fix_messages_per_10s;
        let Some(session) = self.fix.by_conn.get_mut(&conn) else { return };
        session.last_in_ns = now_ns;
        if !session.messages.hit(now_ns, 10 * SECOND_NS, max) {
            self.limits.beyond += 1;
            let text = "Too many messages; -1181.";
            self.fix_send(now_ns, conn, &render::logout(text), out);
            self.fix_close(now_ns, conn, out);
            return;
        }
        if session.logon.is_none() {
            self.fix_first(now_ns, conn, message, out);
            return;
        }
        let checked = session.check(now_ns, message);
        let sequence = message.sequence().unwrap_or(session.next_in);
        match checked {
            Ok(()) => {}
            Err(fault) => {
                let wrong_sequence = fault.code == -1179;
                if !wrong_sequence {
                    session.next_in += 1;
                }
                self.fix_reject(now_ns, conn, sequence, &message.kind, &fault, out);
                if wrong_sequence && self.config.fix.close_on_sequence_error {
                    self.fix_send(now_ns, conn, &render::logout(&fault.text), out);
                    self.fix_close_clean(conn, out);
                }
                return;
            }
        }
        session.next_in += 1;
        self.fix_dispatch(now_ns, conn, message, sequence, out);
    }

    fn fix_dispatch(
        &mut self,
        now_ns: u64,
        conn: ConnId,
        message: &Inbound,
        sequence: u64,
        out: &mut Vec<FrontAction>,
    ) {
        let served = match message.kind.as_str() {
            "0" => {
                self.fix_heartbeat(conn, message);
                Ok(())
            }
            "1" => {
                let id = message.get(112).unwrap_or("");
                self.fix_send(now_ns, conn, &render::heartbeat(Some(id)), out);
                Ok(())
            }
            "3" => Ok(()),
            "5" => {
                self.fix_send(now_ns, conn, &render::logout("Logout acknowledgment."), out);
                self.fix_close_clean(conn, out);
                return;
            }
            "A" => Err(Fault::code(-1176, "Logon<A> may only be sent once per session.")),
            _ => self.fix_application(now_ns, conn, message, out),
        };
        if let Err(fault) = served {
            self.fix_reject(now_ns, conn, sequence, &message.kind, &fault, out);
        }
    }

    fn fix_heartbeat(&mut self, conn: ConnId, message: &Inbound) {
        let Some(session) = self.fix.by_conn.get_mut(&conn) else { return };
        if session.test.as_ref().is_some_and(|(id, _)| message.get(112) == Some(id)) {
            session.test = None;
        }
    }

    // ----- logon ----------------------------------------------------------------------------

    fn fix_first(
        &mut self,
        now_ns: u64,
        conn: ConnId,
        message: &Inbound,
        out: &mut Vec<FrontAction>,
    ) {
        let logon = self.fix_logon(now_ns, message);
        let Some(session) = self.fix.by_conn.get_mut(&conn) else { return };
        if let Some(peer) = message.get(49).filter(|id| is_comp_id(id)) {
            peer.clone_into(&mut session.peer);
        }
        match logon {
            Ok(logon) => {
                session.next_in = 2;
                let uuid = uuid(self.ids.next_u64(), self.ids.next_u64());
                let answer = render::logon(logon.heartbeat_s, &uuid);
                session.logon = Some(logon);
                self.fix_send(now_ns, conn, &answer, out);
            }
            Err(fault) => {
                let sequence = message.sequence().unwrap_or(1);
                self.fix_reject(now_ns, conn, sequence, &message.kind, &fault, out);
                self.fix_close(now_ns, conn, out);
            }
        }
    }

    fn fix_logon(&self, now_ns: u64, message: &Inbound) -> Result<Logon, Fault> {
        if message.kind != "A" {
            return Err(Fault::code(-1180, "Logon<A> must be the first message in the session."));
        }
        message.check_fields()?;
        check_comp_ids(message, None)?;
        if message.sequence() != Some(1) {
            return Err(wrong_sequence());
        }
        check_sending_time(now_ns, message, Some(auth::RECV_WINDOW_DEFAULT_US))?;
        if message.need(98)? != "0" {
            return Err(Fault::value(98));
        }
        let heartbeat_s: u64 = message.need(108)?.parse().map_err(|_| Fault::format(108))?;
        if !(5..=60).contains(&heartbeat_s) {
            return Err(Fault::value(108));
        }
        if message.get(141) != Some("Y") {
            return Err(Fault::code(-1175, "ResetSeqNumFlag<141> must be Y.").at(141));
        }
        if !matches!(message.need(25035)?, "1" | "2") {
            return Err(Fault::value(25035));
        }
        let everything = match message.get(25036) {
            None | Some("1") => true,
            Some("2") => false,
            Some(_) => return Err(Fault::value(25036)),
        };
        if message.get(9406) == Some("Y") {
            return Err(Fault::code(-1183, "Drop copy is not available on this session.").at(9406));
        }
        let account = self.fix_authenticate(message)?;
        self.check_comp_id_free(now_ns, account, message.need(49)?)?;
        Ok(Logon { account, heartbeat_s, everything })
    }

    fn fix_authenticate(&self, message: &Inbound) -> Result<AccountId, Fault> {
        let name = message.need(553)?;
        let signature = message.need(96)?;
        let key = self.config.keys.iter().find(|key| key.key == name);
        let unknown = || Fault::from_api(&super::bad_key(), Some(553));
        let key = key.ok_or_else(unknown)?;
        let parts = [
            message.kind.as_str(),
            message.need(49)?,
            message.need(56)?,
            message.need(34)?,
            message.need(52)?,
        ];
        let payload = parts.join("\x01");
        if key.verifies_ed25519(payload.as_bytes(), signature) {
            return Ok(key.account);
        }
        let error = ApiError::new(-1022, "Signature for this request is not valid.");
        Err(Fault::from_api(&error, Some(96)))
    }

    fn check_comp_id_free(&self, now_ns: u64, account: AccountId, id: &str) -> Result<(), Fault> {
        let live =
            self.fix.by_conn.values().filter(|session| {
                session.logon.as_ref().is_some_and(|logon| logon.account == account)
            });
        let locked = self.fix.locked.get(&(account, id.to_owned()));
        if live.clone().any(|session| session.peer == id) || locked.is_some_and(|t| *t > now_ns) {
            let text = "SenderCompID<49> is currently in use.";
            return Err(Fault::code(-1033, text).at(49));
        }
        if live.count() >= self.limits.config.fix_connections as usize {
            return Err(Fault::code(-1034, "Too many concurrent connections."));
        }
        Ok(())
    }

    // ----- time and pushes ------------------------------------------------------------------

    pub(super) fn fix_timer(&mut self, now_ns: u64, out: &mut Vec<FrontAction>) {
        let conns: Vec<ConnId> = self.fix.by_conn.keys().copied().collect();
        for conn in conns {
            let Some(session) = self.fix.by_conn.get_mut(&conn) else { continue };
            let Some(logon) = &session.logon else {
                if now_ns.saturating_sub(session.opened_ns) >= LOGON_NS {
                    self.fix_close(now_ns, conn, out);
                }
                continue;
            };
            let silence = logon.heartbeat_ns();
            let quiet_in = now_ns.saturating_sub(session.last_in_ns) >= silence;
            let quiet_out = now_ns.saturating_sub(session.last_out_ns) >= silence;
            match &session.test {
                Some((_, sent)) if now_ns.saturating_sub(*sent) >= silence => {
                    let text = "Heartbeat not received in time.";
                    self.fix_send(now_ns, conn, &render::logout(text), out);
                    self.fix_close(now_ns, conn, out);
                    continue;
                }
                None if quiet_in => {
                    let id = (now_ns / 1_000_000).to_string();
                    session.test = Some((id.clone(), now_ns));
                    self.fix_send(now_ns, conn, &render::test_request(&id), out);
                    continue;
                }
                _ => {}
            }
            if quiet_out {
                self.fix_send(now_ns, conn, &render::heartbeat(None), out);
            }
        }
    }

    /// Sends every session the news that it will be closed.
    pub(super) fn fix_news(&mut self, now_ns: u64, seconds: u64, out: &mut Vec<FrontAction>) {
        let headline = format!("You'll be disconnected in {seconds} seconds. Please reconnect.");
        for conn in self.logged_on() {
            self.fix_send(now_ns, conn, &render::news(&headline), out);
        }
    }

    /// Sends every session a last news and a Logout, and closes it.
    pub(super) fn fix_shutdown(&mut self, now_ns: u64, out: &mut Vec<FrontAction>) {
        let headline = "Your connection is about to be closed. Please reconnect.";
        for conn in self.logged_on() {
            self.fix_send(now_ns, conn, &render::news(headline), out);
            self.fix_send(now_ns, conn, &render::logout(""), out);
            self.fix_close_clean(conn, out);
        }
    }

    fn logged_on(&self) -> Vec<ConnId> {
        let live = self.fix.by_conn.iter().filter(|(_, session)| session.logon.is_some());
        live.map(|(conn, _)| *conn).collect()
    }

    /// Sends a report to every session that subscribes to it.
    pub(super) fn tell_fix(&mut self, now_ns: u64, report: &Report, out: &mut Vec<FrontAction>) {
        let owed: Vec<ConnId> = self
            .fix
            .by_conn
            .iter()
            .filter(|(conn, session)| {
                session.logon.as_ref().is_some_and(|logon| {
                    let answers = self.requester == Some(**conn) && render::is_answer(report);
                    logon.account == report.order.account && (logon.everything || answers)
                })
            })
            .map(|(conn, _)| *conn)
            .collect();
        if owed.is_empty() {
            return;
        }
        let message = execution_report(&self.exchange, report);
        for conn in owed {
            self.fix_send(now_ns, conn, &message, out);
        }
    }
}

impl Session {
    /// Checks header, sequence number and time of a message after the Logon.
    fn check(&self, now_ns: u64, message: &Inbound) -> Result<(), Fault> {
        if message.sequence() != Some(self.next_in) {
            return Err(wrong_sequence());
        }
        message.check_fields()?;
        check_comp_ids(message, Some(&self.peer))?;
        check_sending_time(now_ns, message, None)
    }
}

fn wrong_sequence() -> Fault {
    Fault::code(-1179, "MsgSeqNum<34> must increase by exactly one from 1.").at(34)
}

fn is_comp_id(id: &str) -> bool {
    (1..=8).contains(&id.len())
        && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

fn check_comp_ids(message: &Inbound, expected: Option<&str>) -> Result<(), Fault> {
    let sender = message.need(49)?;
    if !is_comp_id(sender) || expected.is_some_and(|expected| expected != sender) {
        let text = "Invalid SenderCompID<49> specified in the message.";
        return Err(Fault::code(-1178, text).at(49).because(9));
    }
    if message.need(56)? != VENUE_COMP_ID {
        return Err(Fault::value(56).because(9));
    }
    Ok(())
}

/// Checks `SendingTime` (52) against the time. `default_us` is the window in microseconds without
/// `RecvWindow` (25000).
fn check_sending_time(
    now_ns: u64,
    message: &Inbound,
    default_us: Option<u64>,
) -> Result<(), Fault> {
    let sent = parse_timestamp_ns(message.need(52)?.as_bytes()).ok_or(Fault::format(52))?;
    let window_us = match message.get(25000) {
        None => default_us,
        Some(text) => {
            let us = decimal::parse(text, 3).ok().and_then(|us| u64::try_from(us).ok());
            let us = us.filter(|us| *us <= auth::RECV_WINDOW_MAX_US);
            Some(us.ok_or_else(|| Fault::value(25000))?)
        }
    };
    auth::check_window(now_ns / 1_000, sent / 1_000, window_us.unwrap_or(u64::MAX))
        .map_err(|error| Fault::from_api(&error, Some(52)).because(10))
}

fn uuid(high: u64, low: u64) -> String {
    // Version 4, variant 1 (RFC 9562).
    let high = high & !0xf000 | 0x4000;
    let low = low & !(0xc << 60) | 0x8 << 60;
    format!(
        "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        high >> 32,
        high >> 16 & 0xffff,
        high & 0xffff,
        low >> 48,
        low & 0xffff_ffff_ffff
    )
}
