//! Timers of the gateway: heartbeats, logon timeouts, slow consumers.
//!
//! A line belongs here if it is due at a time, or if it counts bytes that wait for a socket.

use rutter_fix::session::{REPLAY_BYTES_MAX, SessionError};
use rutter_fix::store::MessageStore;
use rutter_transport::acceptor::ConnId;
use rutter_transport::tls::TlsFault;

use super::ClientGateway;
use crate::connection::{Connection, TlsState};
use crate::notice::{CloseReason, MaintainError, Notice};

/// Events that one timer of one session may cause at once.
const TIMER_EVENTS_MAX: usize = 8;

impl<S: MessageStore> ClientGateway<S> {
    /// When [`run_timers`](Self::run_timers) may have something to do.
    pub(super) fn next_due_ns(&self) -> Option<u64> {
        let due_ns = self.due_ns.min(self.market.next_due_ns());
        if due_ns == u64::MAX { None } else { Some(due_ns) }
    }

    /// Runs all due timers; cheap when none is due. Returns true if any was due.
    pub(super) fn run_timers(&mut self, now_ns: u64) -> bool {
        let served = self.serve_market(now_ns) | self.serve_histories(now_ns);
        if now_ns < self.due_ns {
            return served;
        }
        // Only a session with a connection has a timer, and most sessions have none.
        for conn in self.connections.ids() {
            if let Some(place) = self.connections.get(conn).and_then(Connection::client) {
                self.session_timer(now_ns, place);
            }
        }
        self.tell_untold(now_ns);
        self.due_ns = self.untold_due_ns();
        for conn in self.connections.ids() {
            self.connection_timer(now_ns, conn);
        }
        for conn in self.connections.ids() {
            if let Some(place) = self.connections.get(conn).and_then(Connection::client) {
                self.due_ns = self.due_ns.min(self.session_deadline(place));
            }
        }
        true
    }

    fn session_timer(&mut self, now_ns: u64, place: usize) {
        for _ in 0..TIMER_EVENTS_MAX {
            let client = &mut self.clients[place];
            let Some(conn) = client.conn else { return };
            let connection = &mut self.connections[conn];
            if client.session.next_deadline_ns().is_none_or(|due_ns| due_ns > now_ns) {
                return;
            }
            let event = client.session.on_timer(now_ns, &mut connection.out);
            let more = event.is_some();
            if let Some(event) = event {
                self.on_session_event(now_ns, conn, place, &event);
            }
            self.after_write(now_ns, conn);
            if !more {
                // A message that does not end is given up when the next turn looks at it again.
                return self.look_again(conn);
            }
        }
    }

    fn look_again(&mut self, conn: ConnId) {
        if !self.connections[conn].input.is_empty() {
            self.connections.set_stalled(conn, true);
        }
    }

    fn connection_timer(&mut self, now_ns: u64, conn: ConnId) {
        let stall_ns = self.limits.write_stall_ns;
        let Some(connection) = self.connections.open_mut(conn) else { return };
        let stalled_ns = connection.backlog_since_ns.map(|since| since.saturating_add(stall_ns));
        let logon_ns = connection.is_unbound().then_some(connection.logon_due_ns);
        let handshaking = matches!(connection.tls, TlsState::Handshake);
        if stalled_ns.is_some_and(|due_ns| due_ns <= now_ns) {
            return self.close(conn, CloseReason::SlowConsumer);
        }
        if logon_ns.is_some_and(|due_ns| due_ns <= now_ns) {
            if handshaking {
                return self.on_tls_failed(conn, TlsFault::Stalled);
            }
            return self.close(conn, CloseReason::LogonTimeout);
        }
        let due_ns = stalled_ns.unwrap_or(u64::MAX).min(logon_ns.unwrap_or(u64::MAX));
        self.due_ns = self.due_ns.min(due_ns);
    }

    /// When a session's own timer is due. A resend that waits for its client to read goes on when
    /// the client reads, not when time passes.
    fn session_deadline(&self, place: usize) -> u64 {
        let client = &self.clients[place];
        let Some(conn) = client.conn else { return u64::MAX };
        let full = self.connections[conn].out.len() >= REPLAY_BYTES_MAX;
        if full && client.session.replay_pending() {
            return u64::MAX;
        }
        client.session.next_deadline_ns().unwrap_or(u64::MAX)
    }

    /// Something may have been written to a connection, or its session's timer may have moved.
    pub(super) fn after_write(&mut self, now_ns: u64, conn: ConnId) {
        self.log_out(now_ns, conn);
        if let Some(place) = self.connections[conn].client() {
            let deadline = self.session_deadline(place);
            self.due_ns = self.due_ns.min(deadline);
        }
        let limit = self.limits.output_bytes_max;
        let connection = &mut self.connections[conn];
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
            return self.close(conn, CloseReason::SlowConsumer);
        }
        if let Some(place) = client.filter(|_| warn) {
            let session = self.clients[place].owner.session;
            self.note(Notice::SlowConsumer { session, backlog_bytes: backlog });
        }
    }

    /// The socket took the first `count` bytes that waited for it.
    pub(super) fn on_written(&mut self, now_ns: u64, conn: ConnId, count: usize) {
        let Some(connection) = self.connections.get_mut(conn) else { return };
        if count >= connection.out.len() {
            connection.out.clear();
            connection.logged = 0;
            connection.backlog_since_ns = None;
            connection.warned = false;
        } else if count > 0 {
            connection.out.drain(..count);
            connection.logged = connection.logged.saturating_sub(count);
            connection.backlog_since_ns = Some(now_ns);
        }
        let Some(place) = connection.client() else { return };
        if self.is_replaying(place) {
            self.connections.set_stalled(conn, true);
        } else if self.market.is_waiting(place) && self.has_room_for_market(conn) {
            self.market.client_reads(place);
        }
    }

    /// Prepares the next file of one client's store, of another client's at each call: for turns
    /// in which nothing is urgent.
    ///
    /// # Errors
    /// [`MaintainError::Store`]: the store will try again when it needs the file.
    pub fn maintain(&mut self) -> Result<(), MaintainError> {
        let count = self.clients.len();
        if count == 0 {
            return Ok(());
        }
        let place = self.maintained;
        self.maintained = (place + 1) % count;
        self.tell_damage(place, 0);
        let client = &mut self.clients[place];
        client.session.maintain().map_err(|error| match error {
            SessionError::Store(error) => MaintainError::Store(error),
            SessionError::AlreadyConnected => MaintainError::Connected(client.owner.session),
        })
    }
}
