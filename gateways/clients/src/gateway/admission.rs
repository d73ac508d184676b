//! Admission: a connection from its arrival until its session takes it over.
//!
//! A line belongs here if it is about a connection without a session, or about the result of a
//! Logon's proof. Whatever follows a good Logon is `inbound`.

use std::collections::BTreeMap;

use rutter_core::id::SessionId;
use rutter_fix::codec::{FieldIndex, Message, Status, decode};
use rutter_fix::store::MessageStore;
use rutter_fix::tags::{self, msg_type};
use rutter_transport::acceptor::{ConnId, Peer};
use rutter_transport::tls::{TlsFacts, TlsFault};

use super::{ClientGateway, LOGON_BYTES_MAX};
use crate::config::Limits;
use crate::connection::{Connection, HandshakePlace, TlsState};
use crate::credentials::LogonFault;
use crate::known::{KnownAddresses, Network};
use crate::lockout::{LockoutRule, LockoutShown, Lockouts, SourceAddress};
use crate::notice::{CloseReason, Notice, NoticeKind};
use crate::notice_limiter::NoticeLimiter;

/// State about peers that are not logged on.
#[derive(Debug)]
pub(super) struct Admission {
    lockouts: Lockouts,
    known: KnownAddresses,
    limiter: NoticeLimiter,
    /// The newest time that a carrier has given.
    now_ns: u64,
}

impl Admission {
    pub fn new(limits: &Limits) -> Self {
        let rule = LockoutRule {
            failures_max: limits.logon_failures_max,
            first_ns: limits.lockout_ns,
            longest_ns: limits.lockout_max_ns,
        };
        let (lockouts, known) = (Lockouts::new(rule), KnownAddresses::default());
        Self { lockouts, known, limiter: NoticeLimiter::default(), now_ns: 0 }
    }

    /// The newest time that a carrier has given.
    pub const fn now_ns(&self) -> u64 {
        self.now_ns
    }
}

impl<S: MessageStore> ClientGateway<S> {
    /// Starts to accept clients. A Logon that was signed before this moment is refused, because it
    /// may have been used before a restart.
    pub fn opened(&mut self, now_ns: u64) {
        for client in self.clients.iter_mut() {
            client.session.policy_mut().opened(now_ns);
        }
    }

    /// Sets the networks that clients come from: strangers take none of their places. Called once,
    /// before the first connection.
    pub fn set_known(&mut self, networks: Vec<Network>) {
        self.admission.known = KnownAddresses::new(networks);
    }

    /// The first bytes of a connection have come.
    pub(super) fn on_spoke(&mut self, conn: ConnId) {
        if let Some(connection) = self.connections.open_mut(conn) {
            connection.spoke = true;
        }
    }

    /// A peer has connected. Over TLS its handshake follows.
    pub(super) fn take_peer(
        &mut self,
        now_ns: u64,
        conn: ConnId,
        peer: &Peer,
    ) -> Result<(), CloseReason> {
        self.tick(now_ns);
        let known = peer.address.is_some_and(|address| self.admission.known.holds(address));
        let place = HandshakePlace { tls: peer.tls, known };
        if let Some(reason) = self.no_room(conn, peer.address.map(SourceAddress::from), place) {
            self.counters.connections_refused += 1;
            self.counters.connections_full += u64::from(reason == CloseReason::TooManyConnections);
            self.tell_stranger(
                NoticeKind::Closed(reason),
                Notice::Closed { conn, session: None, address: peer.address, reason },
            );
            return Err(reason);
        }
        let due_ns = now_ns.saturating_add(self.limits.logon_timeout_ns);
        self.connections.insert(conn, Connection::new(due_ns, peer, place));
        self.counters.connections += 1;
        self.due_ns = self.due_ns.min(due_ns);
        Ok(())
    }

    /// The system has refused to accept a connection, with its error number.
    pub(crate) fn accept_failed(&mut self, now_ns: u64, code: Option<i32>) {
        self.tick(now_ns);
        self.counters.accepts_failed += 1;
        self.tell_stranger(NoticeKind::AcceptFailed, Notice::AcceptFailed { code });
    }

    /// Why a newcomer is refused. May displace another connection to make room.
    fn no_room(
        &mut self,
        conn: ConnId,
        source: Option<SourceAddress>,
        place: HandshakePlace,
    ) -> Option<CloseReason> {
        if !self.recovered {
            return Some(CloseReason::NotRecovered);
        }
        if !self.connections.is_free(conn) {
            return Some(CloseReason::TooManyConnections);
        }
        // Peers without a known address cannot be told apart, so no limit by address holds them.
        let of_one = |one: &Connection| one.source == source;
        let from_one = self.each_waiting(place).filter(|(_, one)| of_one(one)).count();
        if source.is_some() && from_one >= self.limits.unbound_per_address_max {
            return Some(CloseReason::TooManyFromAddress);
        }
        let full = self.each_waiting(place).count() >= self.limits.unbound_max;
        (full && !self.displace(source, place)).then_some(CloseReason::TooManyUnbound)
    }

    /// Connections of a listener, known or strangers', whose Logon has not come yet.
    fn each_waiting(&self, place: HandshakePlace) -> impl Iterator<Item = (ConnId, &Connection)> {
        self.connections.each_unbound().filter(move |(_, one)| one.place == place)
    }

    /// Makes room for a newcomer: one connection without a Logon is closed, of the same listener,
    /// and never a known one for a stranger. Those that have sent nothing go first. Of them the
    /// address with the most connections loses its oldest one. False if the newcomer's own address
    /// has as many. So a silent crowd cannot keep others out for the whole logon timeout.
    fn displace(&mut self, newcomer: Option<SourceAddress>, place: HandshakePlace) -> bool {
        let silent_only = self.each_waiting(place).any(|(_, one)| !one.has_spoken());
        let may_go = |one: &Connection| !(silent_only && one.has_spoken());
        let mut counts = BTreeMap::<Option<SourceAddress>, usize>::new();
        for (_, one) in self.each_waiting(place).filter(|(_, one)| may_go(one)) {
            *counts.entry(one.source).or_default() += 1;
        }
        let most = counts.values().copied().max().unwrap_or(0);
        if counts.get(&newcomer).copied().unwrap_or(0) >= most {
            return false;
        }
        let goes = |one: &Connection| may_go(one) && counts.get(&one.source) == Some(&most);
        let waiting = self.each_waiting(place).filter(|(_, one)| goes(one));
        let oldest = waiting.map(|(conn, one)| (one.logon_due_ns, conn)).min();
        let Some((_, conn)) = oldest else { return false };
        self.close(conn, CloseReason::Displaced);
        true
    }

    /// The TLS handshake of a connection is done. The time for its Logon goes on.
    pub(super) fn on_secured(&mut self, conn: ConnId, facts: TlsFacts) {
        if let Some(connection) = self.connections.open_mut(conn) {
            connection.tls = TlsState::Established(Box::new(facts));
        }
    }

    /// TLS failed, during the handshake or later: the connection is over.
    pub(super) fn on_tls_failed(&mut self, conn: ConnId, fault: TlsFault) {
        self.counters.tls_failures += 1;
        if self.connections.get(conn).is_some() {
            self.close(conn, CloseReason::Tls(fault));
        }
    }

    /// Gives the connection to the session that its first message names. No byte is taken here: the
    /// session reads its Logon itself. A peer that names no session of ours gets no answer.
    pub(super) fn bind(
        &mut self,
        now_ns: u64,
        conn: ConnId,
        bytes: &[u8],
        index: &mut FieldIndex,
    ) -> Option<usize> {
        let found = match decode(bytes, index) {
            Ok(Status::Incomplete) => return None,
            Ok(Status::Complete { consumed }) if consumed <= LOGON_BYTES_MAX => {
                self.find_client(&Message::new(bytes, index))
            }
            Ok(Status::Complete { .. }) | Err(_) => Err(CloseReason::GarbledLogon),
        };
        match found.and_then(|place| self.attach(now_ns, conn, place)) {
            Ok(()) => Some(0),
            Err(reason) => {
                self.close(conn, reason);
                None
            }
        }
    }

    fn find_client(&self, logon: &Message<'_>) -> Result<usize, CloseReason> {
        if logon.msg_type() != msg_type::LOGON {
            return Err(CloseReason::FirstMessageNotLogon);
        }
        let ours = logon.get(tags::TARGET_COMP_ID) == Some(self.sender_comp_id.as_bytes());
        let sender = logon.get(tags::SENDER_COMP_ID).filter(|_| ours);
        sender.and_then(|sender| self.clients.by_comp_id(sender)).ok_or(CloseReason::UnknownCompId)
    }

    fn attach(&mut self, now_ns: u64, conn: ConnId, place: usize) -> Result<(), CloseReason> {
        let (client, connection) = (&mut self.clients[place], &mut self.connections[conn]);
        if client.failed {
            return Err(client.failure());
        }
        if client.disabled {
            return Err(CloseReason::Operator);
        }
        if client.conn.is_some() || client.session.connected(now_ns, &mut connection.out).is_err() {
            return Err(CloseReason::AlreadyConnected);
        }
        let locked = self.admission.lockouts.is_locked(now_ns, connection.source, place);
        client.session.policy_mut().arrives(locked, connection.tls.facts());
        client.conn = Some(conn);
        self.connections.bind(conn, place);
        Ok(())
    }

    /// Notes how a client's Logon was judged, if there was one.
    pub(super) fn note_verdict(&mut self, now_ns: u64, conn: ConnId, place: usize) {
        let client = &mut self.clients[place];
        let session = client.owner.session;
        let Some(verdict) = client.session.policy_mut().take_verdict() else { return };
        let connection = &self.connections[conn];
        let (source, address) = (connection.source, connection.address);
        let Err(fault) = verdict else {
            if let Some(source) = source {
                self.admission.known.learn(now_ns, source);
            }
            return self.admission.lockouts.succeeded(source, place);
        };
        self.counters.credentials_refused += 1;
        self.counters.locked_out += u64::from(fault == LogonFault::LockedOut);
        let refused = Notice::LogonRefused { session, address, fault };
        self.tell_stranger(NoticeKind::Logon(fault), refused);
        if !fault.is_guess() {
            return;
        }
        if let Some(lock_ns) = self.admission.lockouts.failed(now_ns, source, place) {
            self.counters.lockouts += 1;
            let locked = Notice::LockedOut { session, address, for_s: lock_ns / 1_000_000_000 };
            self.tell_stranger(NoticeKind::LockedOut, locked);
        }
    }

    /// The store of a session is made with its first Logon; where that fails, the session is over.
    pub(super) fn check_store(&mut self, place: usize) {
        let client = &self.clients[place];
        if let Some(fault) = client.session.store().fault().filter(|_| !client.failed) {
            self.fail(place, Some(fault));
        }
    }

    /// An operator lifts the lock-outs of a client.
    pub(super) fn lift_lockouts(&mut self, place: usize) {
        self.admission.lockouts.lift(place);
    }

    /// A number that grows with every change of the lock-outs.
    pub const fn lockouts_revision(&self) -> u64 {
        self.admission.lockouts.revision()
    }

    /// The addresses that are locked out, with the place of the session in the configuration.
    pub fn each_lockout(&self, now_ns: u64, see: impl FnMut(usize, &LockoutShown)) {
        self.admission.lockouts.each(now_ns, see);
    }

    /// Tells the operator that a connection is over. Of connections that were never logged on only
    /// a few are told one by one; the others are counted.
    pub(super) fn tell_closed(
        &mut self,
        conn: ConnId,
        session: Option<SessionId>,
        reason: CloseReason,
        was_up: bool,
    ) {
        let address = self.connections[conn].address;
        let closed = Notice::Closed { conn, session, address, reason };
        if was_up {
            self.note(closed);
        } else {
            self.tell_stranger(NoticeKind::Closed(reason), closed);
        }
    }

    fn tell_stranger(&mut self, kind: NoticeKind, notice: Notice) {
        let now_ns = self.admission.now_ns;
        self.tell_untold(now_ns);
        if self.admission.limiter.may_tell(now_ns, kind) {
            self.note(notice);
        } else {
            self.counters.notices_untold += 1;
            self.due_ns = self.due_ns.min(self.admission.limiter.due_ns());
        }
    }

    /// Logs the number of notices that were only counted, for each ended period.
    pub(super) fn tell_untold(&mut self, now_ns: u64) {
        self.tick(now_ns);
        while let Some((kind, count)) = self.admission.limiter.due(now_ns) {
            self.note(Notice::Untold { kind, count });
        }
    }

    /// When [`tell_untold`](Self::tell_untold) has something to tell; `u64::MAX` for never.
    pub(super) fn untold_due_ns(&self) -> u64 {
        self.admission.limiter.due_ns()
    }

    pub(super) fn tick(&mut self, now_ns: u64) {
        self.admission.now_ns = self.admission.now_ns.max(now_ns);
    }
}
