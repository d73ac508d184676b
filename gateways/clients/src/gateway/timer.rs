//! What the gateway does when time passes or a client has read: heartbeats, logon timeouts, slow
//! consumers.

use rutter_transport::tls::TlsFault;

use crate::connection::Secure;

use super::{
    ClientGateway, CloseReason, ConnId, MessageStore, Notice, Publish, REPLAY_BYTES_MAX,
    RecoveryError, TIMER_EVENTS_MAX,
};

impl<S: MessageStore> ClientGateway<S> {
    /// When [`on_timer`](Self::on_timer) may have something to do; `None` for never as things are.
    /// It may be early, never late.
    pub fn next_timer_ns(&self) -> Option<u64> {
        let due_ns = self.due_ns.min(self.market.next_due_ns());
        if due_ns == u64::MAX { None } else { Some(due_ns) }
    }

    /// Does what is due. Cheap when nothing is; call it every turn. `true` if anything was due.
    pub fn on_timer(&mut self, now_ns: u64, publish: &mut Publish<'_>) -> bool {
        let served = self.serve_market(now_ns) | self.serve_histories(now_ns);
        if now_ns < self.due_ns {
            return served;
        }
        for place in 0..self.clients.len() {
            self.session_timer(now_ns, place, publish);
        }
        self.tell_untold(now_ns);
        self.due_ns = self.untold_due_ns();
        for place in 0..self.connections.len() {
            self.connection_timer(now_ns, ConnId(place as u32), publish);
        }
        for place in 0..self.clients.len() {
            let deadline = self.session_deadline(place);
            self.due_ns = self.due_ns.min(deadline);
        }
        true
    }

    fn session_timer(&mut self, now_ns: u64, place: usize, publish: &mut Publish<'_>) {
        for _ in 0..TIMER_EVENTS_MAX {
            let Some(client) = self.clients.get_mut(place) else { return };
            let Some(conn) = client.conn else { return };
            let connection = self.connections.get_mut(conn.0 as usize).and_then(Option::as_mut);
            let Some(connection) = connection else { return };
            if client.session.next_deadline_ns().is_none_or(|due_ns| due_ns > now_ns) {
                return;
            }
            let event = client.session.on_timer(now_ns, &mut connection.out);
            let more = event.is_some();
            if let Some(event) = event {
                self.on_event(now_ns, conn, place, &event, publish);
            }
            self.after_write(now_ns, conn);
            if !more {
                // A message that does not end is given up where the next turn looks at it again.
                return self.look_again(conn);
            }
        }
    }

    fn look_again(&mut self, conn: ConnId) {
        if self.open_connection(conn).is_some_and(|connection| !connection.input.is_empty()) {
            self.set_stalled(conn, true);
        }
    }

    fn connection_timer(&mut self, now_ns: u64, conn: ConnId, publish: &mut Publish<'_>) {
        let stall_ns = self.limits.write_stall_ns;
        let Some(connection) = self.open_connection(conn) else { return };
        let stalled_ns = connection.backlog_since_ns.map(|since| since.saturating_add(stall_ns));
        let logon_ns = connection.is_unbound().then_some(connection.logon_due_ns);
        let handshaking = matches!(connection.secure, Secure::Handshake);
        if stalled_ns.is_some_and(|due_ns| due_ns <= now_ns) {
            return self.close(conn, CloseReason::SlowConsumer, publish);
        }
        if logon_ns.is_some_and(|due_ns| due_ns <= now_ns) {
            if handshaking {
                return self.refuse(conn, TlsFault::Stalled, publish);
            }
            return self.close(conn, CloseReason::LogonTimeout, publish);
        }
        let due_ns = stalled_ns.unwrap_or(u64::MAX).min(logon_ns.unwrap_or(u64::MAX));
        self.due_ns = self.due_ns.min(due_ns);
    }

    /// When a session's own timer is due. A replay that waits for its client to read is driven by
    /// that, not by the time.
    fn session_deadline(&self, place: usize) -> u64 {
        let Some(client) = self.clients.get(place) else { return u64::MAX };
        let Some(conn) = client.conn else { return u64::MAX };
        let full = self.pending(conn).len() >= REPLAY_BYTES_MAX;
        if full && client.session.replay_pending() {
            return u64::MAX;
        }
        client.session.next_deadline_ns().unwrap_or(u64::MAX)
    }

    /// Something may have been written to a connection, or its session's timer may have moved.
    pub(super) fn after_write(&mut self, now_ns: u64, conn: ConnId) {
        if let Some(place) = self.client_of(conn) {
            let deadline = self.session_deadline(place);
            self.due_ns = self.due_ns.min(deadline);
        }
        let limit = self.limits.output_bytes_max;
        let Some(Some(connection)) = self.connections.get_mut(conn.0 as usize) else { return };
        let backlog = connection.out.len();
        if backlog == 0 {
            return;
        }
        if !connection.dirty {
            connection.dirty = true;
            self.dirty.push_back(conn);
        }
        if connection.backlog_since_ns.is_none() {
            connection.backlog_since_ns = Some(now_ns);
            self.due_ns = self.due_ns.min(now_ns.saturating_add(self.limits.write_stall_ns));
        }
        if connection.is_closing() || backlog <= limit / 2 {
            return;
        }
        let warn = !std::mem::replace(&mut connection.warned, true);
        let client = connection.client();
        if backlog > limit {
            // There may be no way to the core here: its news waits for the next turn.
            return self.close(conn, CloseReason::SlowConsumer, &mut |_, _| false);
        }
        let session = client.and_then(|at| self.clients.get(at)).map(|one| one.owner.session);
        if let Some(session) = session.filter(|_| warn) {
            self.note(Notice::SlowConsumer { session, backlog_bytes: backlog });
        }
    }

    /// The socket took the first `count` bytes of [`pending`](Self::pending).
    pub fn wrote(&mut self, now_ns: u64, conn: ConnId, count: usize) {
        let Some(Some(connection)) = self.connections.get_mut(conn.0 as usize) else { return };
        if count >= connection.out.len() {
            connection.out.clear();
            connection.backlog_since_ns = None;
            connection.warned = false;
        } else if count > 0 {
            connection.out.drain(..count);
            connection.backlog_since_ns = Some(now_ns);
        }
        let Some(place) = self.client_of(conn) else { return };
        if self.replaying(place) {
            self.set_stalled(conn, true);
        } else if self.market.is_waiting(place) && self.has_room_for_market(conn) {
            self.market.client_reads(place);
        }
    }

    /// Work that can be done while nothing is urgent: the next file of one client's store, of
    /// another one at each call.
    ///
    /// # Errors
    /// [`RecoveryError::Store`]: the store will try again when it needs the file.
    pub fn maintain(&mut self) -> Result<(), RecoveryError> {
        let count = self.clients.len();
        let Some(client) = self.clients.get_mut(self.maintained) else { return Ok(()) };
        self.maintained = (self.maintained + 1) % count;
        client.session.maintain().map_err(|error| match error {
            rutter_fix::session::SessionError::Store(error) => RecoveryError::Store(error),
            rutter_fix::session::SessionError::AlreadyConnected => {
                RecoveryError::Failed(client.owner.session)
            }
        })
    }
}
