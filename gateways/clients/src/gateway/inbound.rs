//! Received bytes on their way to the core: messages are taken from a connection one by one.
//!
//! A message that causes an input for the core interrupts its connection: the carrier offers the
//! input first, and the connection is read on when the core has taken it. So the core's room is
//! known before the next message is looked at, and an input leaves before the next is decoded.
//!
//! A line belongs here if it takes messages from connections. `order` translates a message.

use rutter_core::input::Input;
use rutter_fix::codec::{FieldIndex, MESSAGE_BYTES_MAX, Message};
use rutter_fix::session::{
    AppMessage, BusinessRejectReason, DisconnectReason, Event, REPLAY_BYTES_MAX,
};
use rutter_fix::store::MessageStore;
use rutter_fix::tags::{self, msg_type};
use rutter_transport::acceptor::ConnId;

use super::throttle::RequestRefusal;
use super::{ClientGateway, LOGON_BYTES_MAX, disconnect_choice};
use crate::connection::{Connection, ConnectionOwner};
use crate::notice::{CloseReason, Notice};
use crate::order::{ParsedRequest, business_id, read};
use crate::reference::NEWS_REFUSALS_MAX;

/// A connection that an input for the core has interrupted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Interrupted {
    pub conn: ConnId,
    /// How many slots after this one the look at stalled connections has still to visit; `None`
    /// when the connection was interrupted by bytes that have just come.
    slots_left: Option<u32>,
}

/// Why no further message was taken from a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stop {
    /// No whole message is left, or the session takes none.
    Dry,
    /// The newest message has caused an input for the core.
    Emission,
    /// The core has no room for an earlier input: no message was looked at.
    Blocked,
}

impl<S: MessageStore> ClientGateway<S> {
    /// Bytes came. `now_ns` is when they were read and goes with every input that they cause.
    pub(super) fn on_bytes(&mut self, now_ns: u64, conn: ConnId, bytes: &[u8]) {
        self.tick(now_ns);
        let limit = self.limits.input_bytes_max;
        // An earlier event of the carrier's batch may have ended the connection.
        let Some(connection) = self.connections.open_mut(conn) else { return };
        connection.arrived_ns = now_ns;
        if connection.input.is_empty() {
            // The usual case: whole messages are read where the carrier has them.
            let (used, stop) = self.take_messages(now_ns, conn, bytes);
            if let Some(connection) = self.connections.open_mut(conn) {
                connection.input.push(bytes.get(used..).unwrap_or(&[]));
            }
            self.after_messages(now_ns, conn, stop, None);
        } else if connection.input.len().saturating_add(bytes.len()) > limit {
            self.close(conn, CloseReason::InputFull);
        } else {
            connection.input.push(bytes);
            self.take_waiting(now_ns, conn, None);
        }
    }

    /// Takes messages from the bytes that wait in a connection.
    fn take_waiting(&mut self, now_ns: u64, conn: ConnId, slots_left: Option<u32>) {
        // A message, or the carrier, may have ended the connection since it was interrupted.
        let mut input = std::mem::take(&mut self.connections[conn].input);
        let (used, stop) = self.take_messages(now_ns, conn, input.waiting());
        input.consume(used);
        if let Some(connection) = self.connections.open_mut(conn) {
            connection.input = input;
        }
        self.after_messages(now_ns, conn, stop, slots_left);
    }

    /// Takes messages from the front of `bytes` until there is no whole one left, or one has caused
    /// an input for the core. Returns the bytes taken.
    fn take_messages(&mut self, now_ns: u64, conn: ConnId, bytes: &[u8]) -> (usize, Stop) {
        if !self.emissions.is_empty() {
            return (0, Stop::Blocked);
        }
        let mut index = self.index.take().expect("a message is worked on to its end");
        let mut used = 0;
        let stop = loop {
            let rest = bytes.get(used..).unwrap_or(&[]);
            match self.take_message(now_ns, conn, rest, &mut index) {
                None => break Stop::Dry,
                Some(taken) => used += taken,
            }
            if !self.emissions.is_empty() {
                break Stop::Emission;
            }
        };
        self.index = Some(index);
        (used, stop)
    }

    fn after_messages(&mut self, now_ns: u64, conn: ConnId, stop: Stop, slots_left: Option<u32>) {
        match stop {
            Stop::Emission => self.interrupted = Some(Interrupted { conn, slots_left }),
            Stop::Dry => self.end_reading(now_ns, conn, false),
            Stop::Blocked => self.end_blocked(now_ns, conn),
        }
    }

    /// The core has taken the offered input: continues to read the interrupted connection, and then
    /// the other stalled ones.
    pub(super) fn read_on(&mut self, now_ns: u64) {
        let Some(Interrupted { conn, slots_left }) = self.interrupted.take() else { return };
        self.take_waiting(now_ns, conn, slots_left);
        if let Some(slots) = slots_left.filter(|_| self.emissions.is_empty()) {
            self.read_stalled_from(now_ns, conn.0 + 1, slots);
        } else if slots_left.is_some() && self.interrupted.is_none() {
            self.turn = conn.0 + 1;
        }
    }

    /// The core has no room: the interrupted connection waits among the stalled ones.
    pub(super) fn stop_reading(&mut self, now_ns: u64) {
        let Some(Interrupted { conn, slots_left }) = self.interrupted.take() else { return };
        if slots_left.is_some() {
            self.turn = conn.0 + 1;
        }
        self.end_blocked(now_ns, conn);
    }

    /// Ends the reading of a connection whose bytes wait for room at the core.
    fn end_blocked(&mut self, now_ns: u64, conn: ConnId) {
        let starved = !self.connections[conn].input.is_empty();
        self.counters.stalls += u64::from(starved);
        self.end_reading(now_ns, conn, starved);
    }

    /// Interrupts reading from a connection. `starved` is true if its bytes wait for room in the
    /// input ring.
    fn end_reading(&mut self, now_ns: u64, conn: ConnId, starved: bool) {
        let mut stalled = starved;
        if let Some(place) = self.connections[conn].client() {
            self.count_resends(place);
            let session = &self.clients[place].session;
            self.counters.stalls += u64::from(session.is_held());
            stalled |= session.is_held() || session.replay_pending();
        }
        self.connections.set_stalled(conn, stalled);
        self.after_write(now_ns, conn);
        let connection = &self.connections[conn];
        if connection.is_closing() {
            return;
        }
        if connection.is_unbound()
            && connection.input.len() > LOGON_BYTES_MAX
            && !connection.stalled
        {
            self.close(conn, CloseReason::GarbledLogon);
        } else if connection.input.len() > self.limits.input_bytes_max {
            self.close(conn, CloseReason::InputFull);
        }
    }

    /// Counts the session's resend requests in both directions.
    fn count_resends(&mut self, place: usize) {
        let counted = self.clients[place].session.take_counts();
        self.counters.gaps += counted.gaps;
        self.counters.resends += counted.resends;
    }

    /// Reads on the connections whose bytes wait, each once; true if there was any.
    pub(super) fn read_stalled(&mut self, now_ns: u64) -> bool {
        if !self.connections.any_stalled() || !self.emissions.is_empty() {
            return false;
        }
        self.read_stalled_from(now_ns, self.turn, self.connections.max() as u32)
    }

    /// Looks at so many slots, beginning with `first`, and wraps around.
    fn read_stalled_from(&mut self, now_ns: u64, first: u32, slots: u32) -> bool {
        let max = self.connections.max() as u32;
        let mut worked = false;
        for step in 0..slots {
            let conn = ConnId((first + step) % max);
            if !self.may_go_on(conn) {
                continue;
            }
            worked = true;
            self.take_waiting(now_ns, conn, Some(slots - step - 1));
            if !self.emissions.is_empty() {
                if self.interrupted.is_none() {
                    self.turn = conn.0 + 1;
                }
                break;
            }
        }
        worked
    }

    /// A stalled connection whose session waits neither for its output to be written nor for
    /// confirmations.
    fn may_go_on(&self, conn: ConnId) -> bool {
        self.connections.get(conn).is_some_and(|connection| {
            connection.stalled
                && !connection.is_closing()
                && connection.out.len() < REPLAY_BYTES_MAX
                && !connection.client().is_some_and(|place| self.clients[place].session.is_held())
        })
    }

    /// Whether a stalled connection can be read on at once.
    pub(super) fn has_stalled_work(&self) -> bool {
        self.emissions.is_empty()
            && self.connections.any_stalled()
            && self.connections.ids().any(|conn| self.may_go_on(conn))
    }

    /// Whether bytes of a connection are welcome.
    pub(super) fn may_read(&self, conn: ConnId) -> bool {
        self.emissions.is_empty()
            && self.connections.get(conn).is_some_and(|connection| {
                !connection.is_closing() && (!connection.stalled || self.may_read_on(connection))
            })
    }

    /// A client may trade during a resend, as long as it reads and its messages can be taken.
    fn may_read_on(&self, connection: &Connection) -> bool {
        connection.client().is_some_and(|place| self.is_replaying(place))
            && connection.input.len() < MESSAGE_BYTES_MAX
            && connection.out.len() < REPLAY_BYTES_MAX
    }

    /// Takes one message; `None` when there is no whole one, or none can be taken.
    fn take_message(
        &mut self,
        now_ns: u64,
        conn: ConnId,
        bytes: &[u8],
        index: &mut FieldIndex,
    ) -> Option<usize> {
        let connection = &mut self.connections[conn];
        let place = match connection.owner {
            ConnectionOwner::Client(place) => place,
            ConnectionOwner::Unbound => return self.bind(now_ns, conn, bytes, index),
            ConnectionOwner::Closing => return None,
        };
        let client = &mut self.clients[place];
        client.session.policy_mut().at(now_ns);
        let received = client.session.receive(now_ns, bytes, index, &mut connection.out);
        let taken = received.consumed;
        self.log_in(now_ns, place, bytes.get(..taken).unwrap_or(&[]));
        self.note_verdict(now_ns, conn, place);
        match received.event {
            None if taken == 0 => None,
            None => Some(taken),
            Some(event) => {
                self.on_session_event(now_ns, conn, place, &event);
                Some(taken)
            }
        }
    }

    /// The FIX session has something for us: a message for the core, or the end of a connection.
    pub(super) fn on_session_event(
        &mut self,
        now_ns: u64,
        conn: ConnId,
        place: usize,
        event: &Event<'_>,
    ) {
        let client = &mut self.clients[place];
        let session = client.owner.session;
        match *event {
            Event::App(ref message) => self.on_app(now_ns, conn, place, message),
            Event::LoggedOn { heartbeat_s, reset, ref logon } => {
                // A reset within a session logs on again, and may choose again.
                let again = std::mem::replace(&mut client.up, true);
                client.news_refused = 0;
                let chosen = disconnect_choice::read(logon, client.configured);
                let changed = std::mem::replace(&mut client.chosen, chosen) != chosen;
                self.note(Notice::LoggedOn { session, heartbeat_s, reset });
                self.counters.logons += u64::from(!again);
                if !again || changed {
                    self.emit(Input::SessionUp(session, chosen), now_ns);
                }
                self.check_store(place);
            }
            Event::Rejected { seq, reason, tag } => {
                self.counters.messages_rejected += 1;
                self.note(Notice::Rejected { session, seq, reason, tag });
            }
            Event::PeerReject(ref message) => self.on_peer_refusal(place, message),
            Event::Warning(warning) => self.note(Notice::Warning { session, warning }),
            // The reason comes again with the end of the connection.
            Event::LogoutSent { reason } => {
                client.logout_reason = Some(reason);
                self.tell_logout(now_ns, place);
            }
            Event::Disconnect { reason, .. } => {
                let reason = match (reason, client.logout_reason.take()) {
                    (
                        DisconnectReason::LogoutComplete | DisconnectReason::LogoutTimeout,
                        Some(why),
                    ) => why,
                    (reason, _) => reason,
                };
                self.close(conn, CloseReason::Session(reason));
            }
        }
    }

    /// The client refuses a message of ours. The operator is told; the client gets no answer, which
    /// it might refuse again.
    fn on_peer_refusal(&mut self, place: usize, message: &Message<'_>) {
        let session = self.clients[place].owner.session;
        let number = |tag| message.uint(tag).ok().flatten();
        let business = || number(tags::BUSINESS_REJECT_REASON);
        self.counters.peer_rejects += 1;
        self.note(Notice::PeerRejected {
            session,
            kind: msg_type::refusal_name(message.msg_type()).unwrap_or("Reject"),
            ref_seq: number(tags::REF_SEQ_NUM),
            reason: number(tags::SESSION_REJECT_REASON).or_else(business),
        });
        let client = &mut self.clients[place];
        if client.refuses_news(message) {
            client.news_refused = client.news_refused.saturating_add(1);
            if client.news_refused == NEWS_REFUSALS_MAX {
                self.note(Notice::NewsStopped { session });
            }
        }
    }

    fn on_app(&mut self, now_ns: u64, conn: ConnId, place: usize, app: &AppMessage<'_>) {
        let client = &mut self.clients[place];
        if msg_type::is_refusal(app.message.msg_type()) {
            client.session.confirm_in(app.id);
            return self.on_peer_refusal(place, &app.message);
        }
        if let Some(no) = client.may_not(now_ns, &app.message) {
            if no == RequestRefusal::Throttled {
                let (session, first) = (client.owner.session, client.throttle.is_first_refused());
                self.counters.throttled += 1;
                if first {
                    self.note(Notice::Throttled { session });
                }
            }
            return self.business_reject(now_ns, conn, place, app, no.reason(), no.text());
        }
        if self.on_query(now_ns, conn, place, app) {
            return;
        }
        let (client, connection) = (&mut self.clients[place], &mut self.connections[conn]);
        match read(&app.message, app.id, &client.owner, &self.terms) {
            ParsedRequest::Input(Input::Preview(order)) => {
                self.on_preview_request(now_ns, conn, place, app, order);
            }
            ParsedRequest::NoPreview(order) => self.refuse_preview(now_ns, place, app, &order),
            ParsedRequest::Input(mut input) => {
                let arrived_ns = connection.arrived_ns;
                crate::trace::give(&mut input, self.terms.node_tag(), arrived_ns);
                self.emit(input, arrived_ns);
            }
            ParsedRequest::Reject { reason, tag } => {
                let session = client.owner.session;
                let (message, out) = (&app.message, &mut connection.out);
                client.session.reject(now_ns, message, reason, Some(tag), out);
                client.session.confirm_in(app.id);
                self.counters.messages_rejected += 1;
                self.note(Notice::Rejected { session, seq: app.seq, reason, tag: Some(tag) });
            }
            ParsedRequest::BusinessReject { reason } => {
                self.business_reject(now_ns, conn, place, app, reason, reason.text());
            }
        }
    }

    /// Answers with a `BusinessMessageReject` (35=j), without the core.
    pub(super) fn business_reject(
        &mut self,
        now_ns: u64,
        conn: ConnId,
        place: usize,
        app: &AppMessage<'_>,
        reason: BusinessRejectReason,
        text: &str,
    ) {
        let (client, connection) = (&mut self.clients[place], &mut self.connections[conn]);
        let (message, out) = (&app.message, &mut connection.out);
        let ref_id = business_id(message);
        let sent = client.session.business_reject(now_ns, message, reason, ref_id, text, out);
        self.counters.messages_rejected += 1;
        match sent {
            Ok(_) => client.session.confirm_in(app.id),
            Err(error) => self.fail(place, error.fault()),
        }
    }
}
