//! FIX 5.0 SP2 order entry over FIXT.1.1: the session.
//!
//! A line belongs here if it concerns sequence numbers, heartbeats, logon or framing. Orders are
//! `orders`, allowed fields are `fields`, outgoing messages are `render`. Only the codec is shared
//! with the product. Source: venue reference (Coinbase Exchange), sections 2, 3.1 and 3.5.

mod fields;
mod orders;
mod render;

use std::collections::BTreeMap;

use rutter_fix::codec::{FieldIndex, Message, Status, decode, parse_timestamp_ns};

use super::limits::Bucket;
use super::{CONNECTIONS_MAX, CoinbaseFront, SECOND_NS};
use crate::engine::{AccountId, EndReason, Report, Stp};
use crate::front::{ConnId, FrontAction};
use fields::{COMP_ID, Fault, Inbound, SENDING_TIME};
use render::{Outbound, execution_report};

/// Most bytes of an unfinished message.
pub const BUFFER_BYTES_MAX: usize = 128 << 10;
/// Longest time from connection to Logon. The reference gives no number.
pub const LOGON_NS: u64 = 10 * SECOND_NS;
/// `SenderCompID` of the venue.
pub const VENUE_COMP_ID: &str = "Coinbase";
/// `HeartBtInt` (108) of a Logon without one, and the longest.
const HEARTBEAT_S: (u64, u64) = (10, 30);
/// Bytes of `SendingTime` (52): exactly three digits of the second's fraction.
const SENDING_TIME_BYTES: usize = 21;

/// FIX switches.
#[derive(Clone, Copy, Debug)]
pub struct FixConfig {
    /// Most seconds by which `SendingTime` may be off. The reference leaves the number open.
    pub time_off_max_s: u64,
    /// A second Logon with a key that is in use is refused (default true). Otherwise the session
    /// that has the key ends.
    pub refuses_second_logon: bool,
}

impl Default for FixConfig {
    fn default() -> Self {
        Self { time_off_max_s: 30, refuses_second_logon: true }
    }
}

/// All FIX connections.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    by_conn: BTreeMap<ConnId, Session>,
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
    is_tested: bool,
    messages: Bucket,
}

/// Which orders end with the connection: `8013`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum OnDisconnect {
    Nothing,
    /// The orders of the session.
    Session,
    /// All orders of the profile.
    Profile,
}

#[derive(Clone, Debug)]
struct Logon {
    key: String,
    account: AccountId,
    heartbeat_s: u64,
    stp: Stp,
    on_disconnect: OnDisconnect,
}

impl CoinbaseFront {
    pub(super) fn open_fix(&mut self, now_ns: u64, conn: ConnId, out: &mut Vec<FrontAction>) {
        let is_full = self.fix.by_conn.len() >= CONNECTIONS_MAX;
        if is_full || self.is_in_maintenance(now_ns) {
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
            is_tested: false,
            messages: Bucket::default(),
        };
        self.fix.by_conn.insert(conn, session);
    }

    /// Forgets a connection, and ends its orders if its Logon has asked for that.
    pub(super) fn drop_fix(&mut self, now_ns: u64, conn: ConnId) {
        let Some(session) = self.fix.by_conn.remove(&conn) else { return };
        let Some(logon) = session.logon else { return };
        let all = match logon.on_disconnect {
            OnDisconnect::Nothing => return,
            OnDisconnect::Session => false,
            OnDisconnect::Profile => true,
        };
        let open = self.exchange.open_orders(logon.account, None);
        let ids: Vec<u64> =
            open.filter(|order| all || order.tag == conn.0).map(|order| order.id).collect();
        for id in ids {
            // Each order was open a moment ago.
            let _ = self.exchange.end(now_ns, id, EndReason::Disconnect);
        }
    }

    fn fix_close(&mut self, now_ns: u64, conn: ConnId, out: &mut Vec<FrontAction>) {
        self.drop_fix(now_ns, conn);
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
        out.push(FrontAction::Bytes(conn, message.frame(sequence, &session.peer, now_ns)));
    }

    /// Ends the session with a Logout.
    fn fix_end(&mut self, now_ns: u64, conn: ConnId, text: &str, out: &mut Vec<FrontAction>) {
        self.fix_send(now_ns, conn, &render::logout(text), out);
        self.fix_close(now_ns, conn, out);
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
            self.fix_end(now_ns, conn, "Garbled message", out);
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
                    let is_order = message.kind == "D";
                    self.cut_around(now_ns, conn, is_order, out, |front, out| {
                        front.fix_message(now_ns, conn, &message, out);
                    });
                }
                // A garbled message means that the stream is broken.
                Err(_) => {
                    self.fix_end(now_ns, conn, "Garbled message", out);
                    return;
                }
            }
        }
    }

    fn fix_message(
        &mut self,
        now_ns: u64,
        conn: ConnId,
        message: &Inbound,
        out: &mut Vec<FrontAction>,
    ) {
        let limit = self.limits.config.fix;
        let Some(session) = self.fix.by_conn.get_mut(&conn) else { return };
        session.last_in_ns = now_ns;
        session.is_tested = false;
        if !session.messages.take(now_ns, limit) {
            self.limits.beyond += 1;
            self.fix_end(now_ns, conn, "Message rate limit exceeded", out);
            return;
        }
        if session.logon.is_none() {
            self.fix_first(now_ns, conn, message, out);
            return;
        }
        let expected = session.next_in;
        if message.sequence() != Some(expected) {
            let text = format!("Invalid MsgSeqNum, expecting {expected}");
            self.fix_end(now_ns, conn, &text, out);
            return;
        }
        session.next_in += 1;
        let checked = message.check_fields().and_then(|()| session.check_comp_ids(message));
        let checked = checked.and_then(|()| self.check_sending_time(now_ns, message));
        let served = checked.and_then(|()| self.fix_dispatch(now_ns, conn, message, out));
        if let Err(fault) = served {
            let reject = render::reject(expected, &message.kind, &fault);
            self.fix_send(now_ns, conn, &reject, out);
        }
    }

    fn fix_dispatch(
        &mut self,
        now_ns: u64,
        conn: ConnId,
        message: &Inbound,
        out: &mut Vec<FrontAction>,
    ) -> Result<(), Fault> {
        match message.kind.as_str() {
            "0" | "3" => Ok(()),
            "1" => {
                let answer = render::heartbeat(message.get(112));
                self.fix_send(now_ns, conn, &answer, out);
                Ok(())
            }
            "5" => {
                self.fix_end(now_ns, conn, "", out);
                Ok(())
            }
            "A" | "2" => Err(Fault::unsupported()),
            _ => self.fix_application(now_ns, conn, message, out),
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
        message.get(49).unwrap_or_default().clone_into(&mut session.peer);
        match logon {
            Ok(logon) => {
                session.next_in = 2;
                let answer = render::logon(logon.heartbeat_s, &logon.key);
                session.logon = Some(logon);
                self.fix_send(now_ns, conn, &answer, out);
            }
            Err(fault) => {
                let reject = render::reject(1, &message.kind, &fault);
                self.fix_send(now_ns, conn, &reject, out);
                self.fix_end(now_ns, conn, &fault.text, out);
            }
        }
    }

    fn fix_logon(&mut self, now_ns: u64, message: &Inbound) -> Result<Logon, Fault> {
        if message.kind != "A" {
            return Err(Fault::unsupported());
        }
        message.check_fields()?;
        if message.need(56)? != VENUE_COMP_ID || message.need(49)? != message.need(553)? {
            return Err(Fault::new(COMP_ID, 49, "CompID problem"));
        }
        // Without leading zeros, and one at every Logon.
        if message.need(34)? != "1" {
            return Err(Fault::signature());
        }
        if message.need(98)? != "0" {
            return Err(Fault::value(98));
        }
        if message.need(1137)? != "9" {
            return Err(Fault::value(1137));
        }
        // Resend is not simulated, so a session begins anew.
        if !matches!(message.get(141), None | Some("Y")) {
            return Err(Fault::value(141));
        }
        let heartbeat_s = match message.get(108) {
            None => HEARTBEAT_S.0,
            Some(text) => text.parse().map_err(|_| Fault::format(108))?,
        };
        if !(1..=HEARTBEAT_S.1).contains(&heartbeat_s) {
            return Err(Fault::value(108));
        }
        let stp = match message.get(8001) {
            None | Some("Q") => Stp::ExpireBoth,
            Some("N") => Stp::ExpireTaker,
            Some(_) => return Err(Fault::value(8001)),
        };
        let on_disconnect = match message.get(8013) {
            None => OnDisconnect::Nothing,
            Some("S") => OnDisconnect::Session,
            Some("Y") => OnDisconnect::Profile,
            Some(_) => return Err(Fault::value(8013)),
        };
        if !matches!(message.get(9406), None | Some("N")) {
            return Err(Fault::value(9406));
        }
        let account = self.fix_authenticate(now_ns, message)?;
        let key = message.need(553)?.to_owned();
        self.free_key(&key)?;
        Ok(Logon { key, account, heartbeat_s, stp, on_disconnect })
    }

    fn fix_authenticate(&mut self, now_ns: u64, message: &Inbound) -> Result<AccountId, Fault> {
        let sent = message.need(52)?;
        if sent.len() != SENDING_TIME_BYTES {
            return Err(Fault::signature());
        }
        self.check_sending_time(now_ns, message)?;
        let (name, passphrase) = (message.need(553)?, message.need(554)?);
        if !self.limits.logon(now_ns, name) {
            return Err(Fault { tag: None, reason: 99, text: "Too many logons".to_owned() });
        }
        let key = self.config.keys.iter().find(|key| key.key == name);
        let key = key.ok_or_else(|| Fault::new(fields::SIGNATURE, 553, "Invalid API Key"))?;
        if key.passphrase != passphrase {
            return Err(Fault::new(fields::SIGNATURE, 554, "Invalid Passphrase"));
        }
        let parts = [sent, "A", "1", message.need(49)?, message.need(56)?, passphrase];
        let signature = message.need(96)?;
        let is_whole = message.get(95) == Some(signature.len().to_string().as_str());
        if is_whole && key.verifies(&parts.join("\x01"), signature) {
            Ok(key.account)
        } else {
            Err(Fault::signature())
        }
    }

    /// One session a key.
    fn free_key(&mut self, key: &str) -> Result<(), Fault> {
        let holds = |session: &Session| session.logon.as_ref().is_some_and(|l| l.key == key);
        if !self.fix.by_conn.values().any(holds) {
            return Ok(());
        }
        if self.config.fix.refuses_second_logon {
            return Err(Fault { tag: None, reason: 99, text: "API key is in use".to_owned() });
        }
        for session in self.fix.by_conn.values_mut().filter(|session| holds(session)) {
            session.logon = None;
            session.opened_ns = 0;
        }
        Ok(())
    }

    fn check_sending_time(&self, now_ns: u64, message: &Inbound) -> Result<(), Fault> {
        let sent_ns = parse_timestamp_ns(message.need(52)?.as_bytes()).ok_or(Fault::format(52))?;
        if sent_ns.abs_diff(now_ns) > self.config.fix.time_off_max_s * SECOND_NS {
            return Err(Fault::new(SENDING_TIME, 52, "SendingTime accuracy problem"));
        }
        Ok(())
    }

    // ----- time and pushes ------------------------------------------------------------------

    /// A `TestRequest` after 1.5 heartbeats of silence, the end after two.
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
            let beat_ns = logon.heartbeat_s * SECOND_NS;
            let silent_ns = now_ns.saturating_sub(session.last_in_ns);
            if silent_ns >= 2 * beat_ns {
                self.fix_end(now_ns, conn, "Heartbeat timeout", out);
            } else if silent_ns >= beat_ns / 2 * 3 && !session.is_tested {
                session.is_tested = true;
                let id = (now_ns / 1_000_000).to_string();
                self.fix_send(now_ns, conn, &render::test_request(&id), out);
            } else if now_ns.saturating_sub(session.last_out_ns) >= beat_ns {
                self.fix_send(now_ns, conn, &render::heartbeat(None), out);
            }
        }
    }

    /// Ends every session with a Logout.
    pub(super) fn fix_shutdown(&mut self, now_ns: u64, out: &mut Vec<FrontAction>) {
        let conns: Vec<ConnId> = self.fix.by_conn.keys().copied().collect();
        for conn in conns {
            self.fix_end(now_ns, conn, "Server is shutting down", out);
        }
    }

    /// Sends a report to the sessions of the account.
    pub(super) fn tell_fix(&mut self, now_ns: u64, report: &Report, out: &mut Vec<FrontAction>) {
        let owns = |session: &Session| {
            session.logon.as_ref().is_some_and(|logon| logon.account == report.order.account)
        };
        let owners = self.fix.by_conn.iter().filter(|(_, session)| owns(session));
        let owners: Vec<ConnId> = owners.map(|(conn, _)| *conn).collect();
        for conn in owners {
            let message = execution_report(&self.exchange, report);
            self.fix_send(now_ns, conn, &message, out);
        }
    }
}

impl Session {
    fn check_comp_ids(&self, message: &Inbound) -> Result<(), Fault> {
        if message.need(49)? == self.peer && message.need(56)? == VENUE_COMP_ID {
            Ok(())
        } else {
            Err(Fault::new(COMP_ID, 49, "CompID problem"))
        }
    }
}
