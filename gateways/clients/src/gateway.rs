//! The client gateway without a socket: many connections, one session each, one thread.
//!
//! The carrier gives bytes ([`ClientGateway::on_bytes`]), the core's outputs
//! ([`ClientGateway::on_output`]) and the time; it takes bytes to write
//! ([`ClientGateway::take_dirty`], [`ClientGateway::pending`]), connections to close
//! ([`ClientGateway::take_close`]) and [`Notice`]s. Inputs for the core go to the [`Publish`] that
//! is passed along with whatever may cause them.
//!
//! Nothing is lost or done twice. An input that the core has no room for waits in a queue, and
//! until that is empty no further message is taken from any connection. A message counts as
//! received (its number is stored) only when the core's answer to it comes back, that is, when the
//! journal holds it. A report is stored before its bytes leave, under the core's event number, and
//! a report that is stored already is not sent anew: so a restart may repeat all outputs of the
//! journal, and must do so before [`ClientGateway::recovered`].
//!
//! A line belongs here if it needs connections and sessions together. What a message means is
//! `order` and `report`.

use std::collections::{BTreeMap, VecDeque};

use rutter_core::id::SessionId;
use rutter_core::input::Input;
use rutter_fix::codec::{Encoder, FieldIndex, MESSAGE_BYTES_MAX, Message, Status, decode};
use rutter_fix::session::{
    AppMessage, BusinessRejectReason, DisconnectReason, Event, REPLAY_BYTES_MAX, SendError, Sent,
    Session,
};
use rutter_fix::store::MessageStore;
use rutter_fix::tags::{self, msg_type};

use crate::config::{ConfigError, GatewayConfig, Limits, SessionKind};
use crate::connection::{Binding, Connection};
use crate::credentials::Credentials;
use crate::market::{Market, MarketConfig};
use crate::notice::{CloseReason, ConnId, Counters, Notice, OutputError, RecoveryError};
use crate::order::{Asked, business_id, read};
use crate::reference::{SecurityList, SessionStatus};
use crate::terms::{Owner, Terms};

mod choice;
mod clients;
mod door;
mod history;
mod outputs;
mod queries;
mod throttle;
mod timer;

use clients::Client;
use door::Door;
pub use queries::SessionShown;
use throttle::MayNot;

/// Takes an input and the time at which its bytes arrived (nanoseconds since the Unix epoch).
/// `false`: there is no room; the same input is offered again later.
pub type Publish<'p> = dyn FnMut(&Input, u64) -> bool + 'p;

/// Longest first message, in bytes: nobody who is not logged on needs more.
pub const LOGON_BYTES_MAX: usize = 4 << 10;

/// Notices that wait to be taken; more are counted and dropped.
pub const NOTICES_MAX: usize = 1_024;

/// Events that one timer of one session may cause at once.
const TIMER_EVENTS_MAX: usize = 8;

/// The gateway. See the module's text.
#[derive(Debug)]
pub struct ClientGateway<S> {
    terms: Terms,
    limits: Limits,
    sender_comp_id: String,
    clients: Vec<Client<S>>,
    by_session: Vec<Option<usize>>,
    by_comp_id: BTreeMap<Vec<u8>, usize>,
    connections: Vec<Option<Connection>>,
    open: usize,
    unbound: usize,
    stalled: usize,
    /// Where the next look at stalled connections begins, so that all get their turn.
    turn: usize,
    /// Taken out while a message is being worked on.
    index: Option<FieldIndex>,
    /// Inputs that the core had no room for. At most one message's, and a `SessionDown` each.
    queue: VecDeque<(Input, u64)>,
    closing: VecDeque<(ConnId, CloseReason)>,
    dirty: VecDeque<ConnId>,
    notices: VecDeque<Notice>,
    counters: Counters,
    scratch: Vec<u8>,
    /// Nothing is due before this.
    due_ns: u64,
    recovered: bool,
    /// There are drop copies.
    copies: bool,
    /// Histories that are being told.
    histories: usize,
    door: Door,
    /// Whose store is maintained next.
    maintained: usize,
    /// What clients may ask beside orders.
    market: Market,
    securities: SecurityList,
    status: SessionStatus,
}

impl<S: MessageStore> ClientGateway<S> {
    /// A gateway without connections. `stores` are in the order of the configured sessions.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn new(config: &GatewayConfig, stores: Vec<S>) -> Result<Self, ConfigError> {
        config.check()?;
        if stores.len() != config.sessions.len() {
            return Err(ConfigError::Stores {
                stores: stores.len(),
                sessions: config.sessions.len(),
            });
        }
        let slots = config.sessions.iter().map(|one| one.id.index() + 1).max().unwrap_or(0);
        let mut by_session = vec![None; slots];
        let mut by_comp_id = BTreeMap::new();
        let mut clients = Vec::with_capacity(stores.len());
        for (place, (session, store)) in config.sessions.iter().zip(stores).enumerate() {
            by_session[session.id.index()] = Some(place);
            by_comp_id.insert(session.comp_id.clone().into_bytes(), place);
            let (account, version) = (session.account, session.version);
            let owner = Owner { session: session.id, account, version };
            let credentials = Credentials::new(session, config.limits.logon_window_ns);
            let fix = Session::new(config.fix_session(session), store, credentials);
            clients.push(Client::new(owner, fix, session));
        }
        let nothing = MarketConfig::default();
        Ok(Self {
            market: Market::new(&nothing, config.venues.clone(), clients.len()),
            securities: SecurityList::new(&nothing, config.venues.clone()),
            status: SessionStatus::new(clients.len()),
            terms: Terms::new(config),
            limits: config.limits,
            sender_comp_id: config.sender_comp_id.clone(),
            connections: (0..config.limits.connections_max).map(|_| None).collect(),
            open: 0,
            unbound: 0,
            stalled: 0,
            turn: 0,
            index: Some(FieldIndex::new()),
            queue: VecDeque::with_capacity(clients.len() + 8),
            closing: VecDeque::with_capacity(config.limits.connections_max),
            dirty: VecDeque::with_capacity(config.limits.connections_max),
            notices: VecDeque::new(),
            counters: Counters::default(),
            scratch: Vec::with_capacity(1_024),
            due_ns: u64::MAX,
            recovered: false,
            histories: 0,
            copies: config.sessions.iter().any(|one| one.kind != SessionKind::Trading),
            door: Door::new(&config.limits),
            maintained: 0,
            clients,
            by_session,
            by_comp_id,
        })
    }

    /// The journal holds events of this session up to `event`, although not all of them will be
    /// given: for a start from a snapshot instead of the journal's beginning. Call before the
    /// outputs of the journal's tail.
    pub fn journal_has(&mut self, session: SessionId, event: u64) {
        let place = self.by_session.get(session.index()).copied().flatten();
        if let Some(client) = place.and_then(|place| self.clients.get_mut(place)) {
            client.journal_event = client.journal_event.max(event);
        }
    }

    /// The journal has been read: connections may come. Call once, after every output of the
    /// journal went through [`on_output`](Self::on_output).
    ///
    /// # Errors
    /// [`RecoveryError`]: a store and the journal do not belong together.
    pub fn recovered(&mut self) -> Result<(), RecoveryError> {
        for client in &mut self.clients {
            client.check_recovery()?;
            client.session.recover_answered();
        }
        self.recovered = true;
        Ok(())
    }

    /// Whether [`recovered`](Self::recovered) has been called with success.
    pub const fn is_recovered(&self) -> bool {
        self.recovered
    }

    /// Bytes came. `now_ns` is when they were read and goes with every input that they cause.
    pub fn on_bytes(&mut self, now_ns: u64, conn: ConnId, bytes: &[u8], publish: &mut Publish<'_>) {
        self.tick(now_ns);
        self.publish_queue(publish);
        let Some(connection) = self.open_connection(conn) else { return };
        connection.arrived_ns = now_ns;
        let mut input = std::mem::take(&mut connection.input);
        let limit = self.limits.input_bytes_max;
        if input.is_empty() {
            let used = self.digest(now_ns, conn, bytes, publish);
            input.extend_from_slice(bytes.get(used..).unwrap_or(&[]));
        } else if input.len().saturating_add(bytes.len()) > limit {
            return self.close(conn, CloseReason::InputFull, publish);
        } else {
            input.extend_from_slice(bytes);
            let used = self.digest(now_ns, conn, &input, publish);
            input.drain(..used);
        }
        self.keep(conn, input, publish);
    }

    /// Puts back what was not understood yet.
    fn keep(&mut self, conn: ConnId, input: Vec<u8>, publish: &mut Publish<'_>) {
        let full = input.len() > self.limits.input_bytes_max;
        let Some(connection) = self.open_connection(conn) else { return };
        let garbled = connection.is_unbound() && input.len() > LOGON_BYTES_MAX;
        connection.input = input;
        if garbled && !connection.stalled {
            self.close(conn, CloseReason::GarbledLogon, publish);
        } else if full {
            self.close(conn, CloseReason::InputFull, publish);
        }
    }

    /// Goes on where the core had no room, or a client had not read enough. Cheap when there is
    /// nothing to go on with; call it every turn.
    pub fn resume(&mut self, now_ns: u64, publish: &mut Publish<'_>) -> bool {
        let waiting = self.queue.len();
        self.publish_queue(publish);
        let mut worked = self.queue.len() < waiting;
        if self.stalled == 0 || !self.queue.is_empty() {
            return worked;
        }
        let count = self.connections.len();
        for step in 0..count {
            let place = (self.turn + step) % count;
            let conn = ConnId(place as u32);
            if !self.may_go_on(conn) {
                continue;
            }
            worked = true;
            let Some(connection) = self.open_connection(conn) else { continue };
            let mut input = std::mem::take(&mut connection.input);
            let used = self.digest(now_ns, conn, &input, publish);
            input.drain(..used);
            self.keep(conn, input, publish);
            if !self.queue.is_empty() {
                self.turn = (place + 1) % count;
                break;
            }
        }
        worked
    }

    /// Whether a client has as much under way as may be unconfirmed.
    fn is_held(&self, place: usize) -> bool {
        self.clients.get(place).is_some_and(|client| client.session.is_held())
    }

    /// A stalled connection whose session is not waiting for its output to be written, nor for
    /// confirmations.
    fn may_go_on(&self, conn: ConnId) -> bool {
        self.connections.get(conn.0 as usize).and_then(Option::as_ref).is_some_and(|connection| {
            connection.stalled
                && !connection.is_closing()
                && connection.out.len() < REPLAY_BYTES_MAX
                && !connection.client().is_some_and(|place| self.is_held(place))
        })
    }

    /// Whether bytes of this connection are welcome. When not, leave them in the socket.
    pub fn wants_read(&self, conn: ConnId) -> bool {
        self.queue.is_empty()
            && self.connections.get(conn.0 as usize).and_then(Option::as_ref).is_some_and(
                |connection| {
                    !connection.is_closing()
                        && (!connection.stalled || self.may_read_on(connection))
                },
            )
    }

    /// A client that is being sent again what it missed goes on trading meanwhile, as long as it
    /// reads, and what it sends can be taken.
    fn may_read_on(&self, connection: &Connection) -> bool {
        connection.client().is_some_and(|place| self.replaying(place))
            && connection.input.len() < MESSAGE_BYTES_MAX
            && connection.out.len() < REPLAY_BYTES_MAX
    }

    /// Whether the core had no room for something: try [`resume`](Self::resume) again soon.
    pub fn is_blocked(&self) -> bool {
        !self.queue.is_empty()
    }

    /// Whether [`resume`](Self::resume) would go on with something at once.
    pub fn has_work(&self) -> bool {
        self.history_is_due()
            || self.market.has_work()
            || self.queue.is_empty()
                && self.stalled > 0
                && (0..self.connections.len()).any(|place| self.may_go_on(ConnId(place as u32)))
    }

    /// The connection is gone, whether the carrier or the peer closed it, or
    /// [`take_close`](Self::take_close) asked for it. Its slot is free then.
    pub fn on_closed(&mut self, conn: ConnId, publish: &mut Publish<'_>) {
        self.close(conn, CloseReason::Peer, publish);
        self.closing.retain(|(closing, _)| *closing != conn);
        self.dirty.retain(|dirty| *dirty != conn);
        let gone = self.connections.get_mut(conn.0 as usize).and_then(Option::take);
        self.open -= usize::from(gone.is_some());
    }

    /// Takes messages from the front of `bytes` until there is no whole one left or the core has
    /// no room. Returns the bytes taken.
    fn digest(
        &mut self,
        now_ns: u64,
        conn: ConnId,
        bytes: &[u8],
        publish: &mut Publish<'_>,
    ) -> usize {
        let mut index = self.index.take().unwrap_or_default();
        let mut used = 0;
        let mut starved = false;
        loop {
            if !self.queue.is_empty() {
                starved = used < bytes.len();
                self.counters.stalls += u64::from(starved);
                break;
            }
            let rest = bytes.get(used..).unwrap_or(&[]);
            match self.step(now_ns, conn, rest, &mut index, publish) {
                Some(taken) => used += taken,
                None => break,
            }
        }
        self.index = Some(index);
        self.count_resends(conn);
        let client = self.client_of(conn);
        let held = client.is_some_and(|place| self.is_held(place));
        self.counters.stalls += u64::from(held);
        let replaying = client.is_some_and(|place| self.replaying(place));
        self.set_stalled(conn, starved || held || replaying);
        self.after_write(now_ns, conn);
        used
    }

    /// Counts what the connection's session has asked for again, and was asked for.
    fn count_resends(&mut self, conn: ConnId) {
        let Some(place) = self.client_of(conn) else { return };
        let Some(client) = self.clients.get_mut(place) else { return };
        let counted = client.session.take_counts();
        self.counters.gaps += counted.gaps;
        self.counters.resends += counted.resends;
    }

    /// Takes one message; `None` when there is no whole one, or nothing can be taken.
    fn step(
        &mut self,
        now_ns: u64,
        conn: ConnId,
        bytes: &[u8],
        index: &mut FieldIndex,
        publish: &mut Publish<'_>,
    ) -> Option<usize> {
        let connection = self.connections.get_mut(conn.0 as usize)?.as_mut()?;
        let place = match connection.binding {
            Binding::Client(place) => place,
            Binding::Unbound => return self.bind(now_ns, conn, bytes, index, publish),
            Binding::Closing => return None,
        };
        let client = self.clients.get_mut(place)?;
        client.session.policy_mut().at(now_ns);
        let received = client.session.receive(now_ns, bytes, index, &mut connection.out);
        let taken = received.consumed;
        self.note_verdict(now_ns, conn, place);
        match received.event {
            None if taken == 0 => None,
            None => Some(taken),
            Some(event) => {
                self.on_event(now_ns, conn, place, &event, publish);
                Some(taken)
            }
        }
    }

    fn on_event(
        &mut self,
        now_ns: u64,
        conn: ConnId,
        place: usize,
        event: &Event<'_>,
        publish: &mut Publish<'_>,
    ) {
        let Some(client) = self.clients.get_mut(place) else { return };
        let session = client.owner.session;
        match *event {
            Event::App(ref message) => self.on_app(now_ns, conn, place, message, publish),
            Event::LoggedOn { heartbeat_s, reset } => {
                // A reset within a session logs on again.
                let again = std::mem::replace(&mut client.up, true);
                let chosen = client.chosen;
                self.note(Notice::LoggedOn { session, heartbeat_s, reset });
                if !again {
                    self.counters.logons += 1;
                    self.emit(Input::SessionUp(session, chosen), now_ns, publish);
                }
            }
            Event::Rejected { seq, reason, tag } => {
                self.counters.messages_rejected += 1;
                self.note(Notice::Rejected { session, seq, reason, tag });
            }
            Event::PeerReject(_) => self.note(Notice::PeerRejected { session }),
            Event::Warning(warning) => self.note(Notice::Warning { session, warning }),
            // The reason comes again with the end of the connection.
            Event::LogoutSent { reason } => client.logout_reason = Some(reason),
            Event::Disconnect { reason, .. } => {
                let reason = match (reason, client.logout_reason.take()) {
                    (
                        DisconnectReason::LogoutComplete | DisconnectReason::LogoutTimeout,
                        Some(why),
                    ) => why,
                    (reason, _) => reason,
                };
                self.close(conn, CloseReason::Session(reason), publish);
            }
        }
    }

    fn on_app(
        &mut self,
        now_ns: u64,
        conn: ConnId,
        place: usize,
        app: &AppMessage<'_>,
        publish: &mut Publish<'_>,
    ) {
        let Some(client) = self.clients.get_mut(place) else { return };
        if let Some(no) = client.may_not(now_ns, &app.message) {
            if no == MayNot::Throttled {
                let (session, news) = (client.owner.session, client.throttle.is_news());
                self.counters.throttled += 1;
                if news {
                    self.note(Notice::Throttled { session });
                }
            }
            return self.business_reject(now_ns, conn, place, app, no.reason(), no.text());
        }
        if self.on_query(now_ns, conn, place, app) {
            return;
        }
        let connection = self.connections.get_mut(conn.0 as usize).and_then(Option::as_mut);
        let (Some(client), Some(connection)) = (self.clients.get_mut(place), connection) else {
            return;
        };
        match read(&app.message, app.id, &client.owner, &self.terms) {
            Asked::Input(mut input) => {
                let arrived_ns = connection.arrived_ns;
                crate::trace::give(&mut input, self.terms.node_tag(), arrived_ns);
                self.emit(input, arrived_ns, publish);
            }
            Asked::Reject { reason, tag } => {
                let session = client.owner.session;
                let (message, out) = (&app.message, &mut connection.out);
                client.session.reject(now_ns, message, reason, Some(tag), out);
                client.session.confirm_in(app.id);
                self.counters.messages_rejected += 1;
                self.note(Notice::Rejected { session, seq: app.seq, reason, tag: Some(tag) });
            }
            Asked::BusinessReject { reason } => {
                self.business_reject(now_ns, conn, place, app, reason, reason.text());
            }
        }
    }

    /// Answers with a `BusinessMessageReject` (35=j), without the core.
    fn business_reject(
        &mut self,
        now_ns: u64,
        conn: ConnId,
        place: usize,
        app: &AppMessage<'_>,
        reason: BusinessRejectReason,
        text: &str,
    ) {
        let connection = self.connections.get_mut(conn.0 as usize).and_then(Option::as_mut);
        let (Some(client), Some(connection)) = (self.clients.get_mut(place), connection) else {
            return;
        };
        let (message, out) = (&app.message, &mut connection.out);
        let ref_id = business_id(message);
        let sent = client.session.business_reject(now_ns, message, reason, ref_id, text, out);
        self.counters.messages_rejected += 1;
        match sent {
            Ok(_) => client.session.confirm_in(app.id),
            Err(_) => self.fail(place),
        }
    }

    /// Gives an input to the core, or queues it.
    fn emit(&mut self, input: Input, arrived_ns: u64, publish: &mut Publish<'_>) {
        self.counters.inputs += 1;
        if !self.queue.is_empty() || !publish(&input, arrived_ns) {
            self.queue.push_back((input, arrived_ns));
        }
    }

    fn publish_queue(&mut self, publish: &mut Publish<'_>) {
        while let Some((input, arrived_ns)) = self.queue.front() {
            if !publish(input, *arrived_ns) {
                return;
            }
            self.queue.pop_front();
        }
    }

    /// A session cannot go on before a restart.
    fn fail(&mut self, place: usize) {
        let Some(client) = self.clients.get_mut(place) else { return };
        client.failed = true;
        let (session, conn) = (client.owner.session, client.conn);
        self.note(Notice::Failed { session });
        if let Some(conn) = conn {
            self.close(conn, CloseReason::SessionFailed, &mut |_, _| false);
        }
    }

    /// Lets go of a connection: its session is free at once, its bytes still get their chance.
    fn close(&mut self, conn: ConnId, reason: CloseReason, publish: &mut Publish<'_>) {
        let Some(connection) = self.open_connection(conn) else { return };
        let unbound = connection.is_unbound();
        let client = connection.client();
        connection.binding = Binding::Closing;
        connection.input = Vec::new();
        if reason == CloseReason::SlowConsumer {
            // It would not read this either. What is stored will be asked for.
            connection.out.clear();
        }
        self.set_stalled(conn, false);
        if let Some(place) = client {
            self.market.client_gone(place);
            self.forget_history(place);
            self.status.client_gone(place);
        }
        self.unbound -= usize::from(unbound);
        self.closing.push_back((conn, reason));
        let mut session = None;
        let mut up = false;
        if let Some(client) = client.and_then(|place| self.clients.get_mut(place)) {
            client.session.disconnected();
            client.conn = None;
            client.reset_if_wanted();
            client.logout_reason = None;
            session = Some(client.owner.session);
            up = std::mem::replace(&mut client.up, false);
        }
        self.counters.logons_refused += u64::from(!up);
        self.counters.slow_consumers += u64::from(reason == CloseReason::SlowConsumer);
        self.tell_closed(conn, session, reason, up);
        if let Some(session) = session.filter(|_| up) {
            self.emit(Input::SessionDown(session), self.due_now(conn), publish);
        }
    }

    /// Time of the last bytes of a connection: the best there is for when its end was noticed.
    fn due_now(&self, conn: ConnId) -> u64 {
        let connection = self.connections.get(conn.0 as usize).and_then(Option::as_ref);
        connection.map_or(0, |connection| connection.arrived_ns)
    }

    fn open_connection(&mut self, conn: ConnId) -> Option<&mut Connection> {
        let connection = self.connections.get_mut(conn.0 as usize)?.as_mut()?;
        (!connection.is_closing()).then_some(connection)
    }

    fn client_of(&self, conn: ConnId) -> Option<usize> {
        self.connections.get(conn.0 as usize)?.as_ref()?.client()
    }

    fn replaying(&self, place: usize) -> bool {
        self.clients.get(place).is_some_and(|client| client.session.replay_pending())
    }

    fn set_stalled(&mut self, conn: ConnId, stalled: bool) {
        let Some(Some(connection)) = self.connections.get_mut(conn.0 as usize) else { return };
        let stalled = stalled && !connection.is_closing();
        if connection.stalled != stalled {
            connection.stalled = stalled;
            self.stalled = if stalled { self.stalled + 1 } else { self.stalled - 1 };
        }
    }

    pub(crate) fn note(&mut self, notice: Notice) {
        if self.notices.len() < NOTICES_MAX {
            self.notices.push_back(notice);
        } else {
            self.counters.notices_lost += 1;
        }
    }

    /// The next connection with bytes to write, each once.
    pub fn take_dirty(&mut self) -> Option<ConnId> {
        let conn = self.dirty.pop_front()?;
        if let Some(Some(connection)) = self.connections.get_mut(conn.0 as usize) {
            connection.dirty = false;
        }
        Some(conn)
    }

    /// Bytes to write to a connection.
    pub fn pending(&self, conn: ConnId) -> &[u8] {
        let connection = self.connections.get(conn.0 as usize).and_then(Option::as_ref);
        connection.map_or(&[], |connection| &connection.out)
    }

    /// The next connection to close once what [`pending`](Self::pending) holds has been offered
    /// to its socket. Answer with [`on_closed`](Self::on_closed).
    pub fn take_close(&mut self) -> Option<(ConnId, CloseReason)> {
        self.closing.pop_front()
    }

    /// The next notice for the operator.
    pub fn take_notice(&mut self) -> Option<Notice> {
        self.notices.pop_front()
    }

    /// What was counted.
    pub const fn counters(&self) -> Counters {
        self.counters
    }

    /// Connections there are.
    pub const fn connections(&self) -> usize {
        self.open
    }

    /// Most connections there can be: [`ConnId`]s are below it.
    pub fn connections_max(&self) -> usize {
        self.connections.len()
    }

    /// The FIX session of a client, to look at.
    pub fn session(&self, id: SessionId) -> Option<&Session<S, Credentials>> {
        let place = self.by_session.get(id.index()).copied().flatten()?;
        self.clients.get(place).map(|client| &client.session)
    }

    /// Gives the stores back, in the order of the configured sessions.
    pub fn into_stores(self) -> Vec<S> {
        self.clients.into_iter().map(|client| client.session.into_store()).collect()
    }
}
