//! Who gets in: a connection from its arrival until its session takes it over.
//!
//! A line belongs here if it is about a connection without a session, or about what a Logon
//! proves. What follows a good Logon is `gateway`.

use std::collections::BTreeMap;

use rutter_transport::tls::{TlsFacts, TlsFault};

use super::{
    Binding, ClientGateway, CloseReason, ConnId, Connection, FieldIndex, LOGON_BYTES_MAX, Limits,
    Message, MessageStore, Notice, Publish, SessionId, Status, choice, decode, msg_type, tags,
};
use crate::connection::{Peer, Secure};
use crate::credentials::LogonFault;
use crate::lockout::{Lockouts, Rule, Source};
use crate::quiet::{Kind, Quiet};

/// What the gateway remembers about those who are not logged on.
#[derive(Debug)]
pub(super) struct Door {
    lockouts: Lockouts,
    quiet: Quiet,
    /// The newest time that was heard of.
    now_ns: u64,
}

impl Door {
    pub fn new(limits: &Limits) -> Self {
        let rule = Rule {
            failures_max: limits.logon_failures_max,
            first_ns: limits.lockout_ns,
            longest_ns: limits.lockout_max_ns,
        };
        Self { lockouts: Lockouts::new(rule), quiet: Quiet::default(), now_ns: 0 }
    }
}

impl<S: MessageStore> ClientGateway<S> {
    /// Clients are let in from now on: a Logon that was signed before is refused, for it may have
    /// been used before a restart.
    pub fn opened(&mut self, now_ns: u64) {
        for client in &mut self.clients {
            client.session.policy_mut().opened(now_ns);
        }
    }

    /// A connection was made; `conn` is below `connections_max` and free. Over TLS its handshake
    /// follows: [`on_secured`](Self::on_secured), or [`refuse`](Self::refuse).
    ///
    /// # Errors
    /// Why it is not taken: close it, and forget it.
    pub fn on_connect(
        &mut self,
        now_ns: u64,
        conn: ConnId,
        peer: &Peer,
    ) -> Result<(), CloseReason> {
        self.tick(now_ns);
        if let Some(reason) = self.no_room(conn, peer.address.map(Source::from)) {
            self.counters.connections_refused += 1;
            self.tell_stranger(
                Kind::Closed(reason),
                Notice::Closed { conn, session: None, address: peer.address, reason },
            );
            return Err(reason);
        }
        let due_ns = now_ns.saturating_add(self.limits.logon_timeout_ns);
        if let Some(place) = self.connections.get_mut(conn.0 as usize) {
            *place = Some(Connection::new(due_ns, peer));
        }
        self.open += 1;
        self.unbound += 1;
        self.counters.connections += 1;
        self.due_ns = self.due_ns.min(due_ns);
        Ok(())
    }

    /// Why a newcomer is not taken. Somebody else may have to go for it.
    fn no_room(&mut self, conn: ConnId, source: Option<Source>) -> Option<CloseReason> {
        if !self.recovered {
            return Some(CloseReason::NotRecovered);
        }
        if !matches!(self.connections.get(conn.0 as usize), Some(None)) {
            return Some(CloseReason::TooManyConnections);
        }
        // Who cannot be told apart is not limited by address.
        if source.is_some() && self.unbound_of(source) >= self.limits.unbound_per_address_max {
            return Some(CloseReason::TooManyFromAddress);
        }
        let full = self.unbound >= self.limits.unbound_max && !self.displace(source);
        full.then_some(CloseReason::TooManyUnbound)
    }

    /// Connections of a source whose Logon is still awaited.
    fn unbound_of(&self, source: Option<Source>) -> usize {
        let unbound = self.connections.iter().flatten().filter(|one| one.is_unbound());
        unbound.filter(|one| one.source == source).count()
    }

    /// Makes room for a newcomer at the cost of the source that waits with the most connections:
    /// its oldest one goes. `false` if the newcomer's own source has as many. So a crowd that
    /// says nothing keeps nobody out for the whole of its time.
    fn displace(&mut self, newcomer: Option<Source>) -> bool {
        let mut counts = BTreeMap::<Option<Source>, usize>::new();
        for connection in self.connections.iter().flatten().filter(|one| one.is_unbound()) {
            *counts.entry(connection.source).or_default() += 1;
        }
        let most = counts.values().copied().max().unwrap_or(0);
        if counts.get(&newcomer).copied().unwrap_or(0) >= most {
            return false;
        }
        let unbound = self.connections.iter().enumerate().filter_map(|(place, connection)| {
            let waits = connection.as_ref().filter(|one| one.is_unbound())?;
            (counts.get(&waits.source) == Some(&most)).then_some((waits.logon_due_ns, place))
        });
        let Some((_, place)) = unbound.min() else { return false };
        self.close(ConnId(place as u32), CloseReason::Displaced, &mut |_, _| false);
        true
    }

    /// The TLS handshake of a connection is done. The time for its Logon goes on.
    pub fn on_secured(&mut self, conn: ConnId, facts: TlsFacts) {
        if let Some(connection) = self.open_connection(conn) {
            connection.secure = Secure::Tls(Box::new(facts));
        }
    }

    /// Whether the Logon of a connection has not come yet.
    pub fn awaits_logon(&self, conn: ConnId) -> bool {
        let connection = self.connections.get(conn.0 as usize).and_then(Option::as_ref);
        connection.is_some_and(Connection::is_unbound)
    }

    /// TLS with a peer failed, within the handshake or later: the connection is over.
    pub fn refuse(&mut self, conn: ConnId, fault: TlsFault, publish: &mut Publish<'_>) {
        self.counters.tls_failures += 1;
        self.close(conn, CloseReason::Tls(fault), publish);
    }

    /// The first message of a connection names its session; it is not taken here, the session
    /// reads it itself. Nobody who is not ours gets an answer.
    pub(super) fn bind(
        &mut self,
        now_ns: u64,
        conn: ConnId,
        bytes: &[u8],
        index: &mut FieldIndex,
        publish: &mut Publish<'_>,
    ) -> Option<usize> {
        let found = match decode(bytes, index) {
            Ok(Status::Incomplete) => return None,
            Ok(Status::Complete { consumed }) if consumed <= LOGON_BYTES_MAX => {
                self.find_client(&Message::new(bytes, index))
            }
            Ok(Status::Complete { .. }) | Err(_) => Err(CloseReason::GarbledLogon),
        };
        match found.and_then(|place| self.attach(now_ns, conn, place).map(|()| place)) {
            Ok(place) => {
                // Not before it is its session's: a stranger must not choose for who is there.
                if let Some(client) = self.clients.get_mut(place) {
                    client.chosen = choice::of(&Message::new(bytes, index), client.configured);
                }
                Some(0)
            }
            Err(reason) => {
                self.close(conn, reason, publish);
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
        sender
            .and_then(|sender| self.by_comp_id.get(sender).copied())
            .ok_or(CloseReason::UnknownCompId)
    }

    fn attach(&mut self, now_ns: u64, conn: ConnId, place: usize) -> Result<(), CloseReason> {
        let connection = self.connections.get_mut(conn.0 as usize).and_then(Option::as_mut);
        let (Some(client), Some(connection)) = (self.clients.get_mut(place), connection) else {
            return Err(CloseReason::UnknownCompId);
        };
        if client.failed {
            return Err(CloseReason::SessionFailed);
        }
        if client.disabled {
            return Err(CloseReason::Operator);
        }
        if client.conn.is_some() || client.session.connected(now_ns, &mut connection.out).is_err() {
            return Err(CloseReason::AlreadyConnected);
        }
        let locked = self.door.lockouts.is_locked(now_ns, connection.source, place);
        client.session.policy_mut().arrives(locked, connection.secure.facts());
        client.conn = Some(conn);
        connection.binding = Binding::Client(place);
        self.unbound -= 1;
        Ok(())
    }

    /// Notes how a client's Logon was judged, if there was one.
    pub(super) fn note_verdict(&mut self, now_ns: u64, conn: ConnId, place: usize) {
        let Some(client) = self.clients.get_mut(place) else { return };
        let session = client.owner.session;
        let Some(verdict) = client.session.policy_mut().take_verdict() else { return };
        let connection = self.connections.get(conn.0 as usize).and_then(Option::as_ref);
        let (source, address) = connection.map_or((None, None), |one| (one.source, one.address));
        let Err(fault) = verdict else { return self.door.lockouts.succeeded(source, place) };
        self.counters.credentials_refused += 1;
        self.counters.locked_out += u64::from(fault == LogonFault::LockedOut);
        let refused = Notice::LogonRefused { session, address, fault };
        self.tell_stranger(Kind::Logon(fault), refused);
        if !fault.is_guess() {
            return;
        }
        if let Some(lock_ns) = self.door.lockouts.failed(now_ns, source, place) {
            self.counters.lockouts += 1;
            let locked = Notice::LockedOut { session, address, for_s: lock_ns / 1_000_000_000 };
            self.tell_stranger(Kind::LockedOut, locked);
        }
    }

    /// Tells that a connection is over. Of those that never got in a few are told, and then how
    /// many there were.
    pub(super) fn tell_closed(
        &mut self,
        conn: ConnId,
        session: Option<SessionId>,
        reason: CloseReason,
        was_up: bool,
    ) {
        let connection = self.connections.get(conn.0 as usize).and_then(Option::as_ref);
        let address = connection.and_then(|connection| connection.address);
        let closed = Notice::Closed { conn, session, address, reason };
        if was_up {
            self.note(closed);
        } else {
            self.tell_stranger(Kind::Closed(reason), closed);
        }
    }

    fn tell_stranger(&mut self, kind: Kind, notice: Notice) {
        let now_ns = self.door.now_ns;
        self.tell_untold(now_ns);
        if self.door.quiet.may_tell(now_ns, kind) {
            self.note(notice);
        } else {
            self.counters.notices_untold += 1;
            self.due_ns = self.due_ns.min(self.door.quiet.due_ns());
        }
    }

    /// Tells how many notices of a kind were not told in the period that is over.
    pub(super) fn tell_untold(&mut self, now_ns: u64) {
        self.tick(now_ns);
        while let Some((kind, count)) = self.door.quiet.due(now_ns) {
            self.note(Notice::Untold { kind, count });
        }
    }

    /// When [`tell_untold`](Self::tell_untold) has something to tell; `u64::MAX` for never.
    pub(super) fn untold_due_ns(&self) -> u64 {
        self.door.quiet.due_ns()
    }

    pub(super) fn tick(&mut self, now_ns: u64) {
        self.door.now_ns = self.door.now_ns.max(now_ns);
    }
}
