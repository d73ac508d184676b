//! The client gateway without a socket: many connections, one session each, one thread.
//!
//! It is an [`Acceptor`]: a carrier gives it connections, bytes and the time, and takes from it
//! bytes to write, connections to close, inputs for the core ([`ClientInput`]) and [`Notice`]s.
//! The core's outputs come in by [`ClientGateway::on_output`], by reference: they are read where
//! the output ring has them.
//!
//! Nothing is lost or done twice. An input that the core has no room for waits, and until it is
//! taken no further message is read from any connection. A message counts as received (its number
//! is stored) only when the core's answer to it comes back, that is, when the journal holds it. A
//! report is stored under the core's event number before its bytes leave, and a report that is
//! stored already is not sent again. So a restart may repeat all outputs of the journal, and must
//! do so before [`ClientGateway::recovered`].
//!
//! [`ClientGateway`] is one type in several files, so these files and this one know each other:
//! `inbound` takes bytes, `outputs` takes the core's decisions, `admission` lets peers in, `timer`
//! watches the time, `queries` and `history` answer requests that are not the core's. `clients`,
//! `connections`, `throttle` and `disconnect_choice` are parts that know nothing of the gateway.
//!
//! A line belongs here if it needs connections and sessions together. `order` and `report`
//! translate messages.

use std::collections::VecDeque;

use rutter_core::id::SessionId;
use rutter_core::input::Input;
use rutter_fix::codec::FieldIndex;
use rutter_fix::session::Session;
use rutter_fix::store::{MessageStore, StoreFault};
use rutter_transport::acceptor::{Acceptor, ConnId, Event, Peer};

use crate::config::{ConfigError, GatewayConfig, Limits, SessionConfig, check_added};
use crate::credentials::Credentials;
use crate::market::{Market, MarketConfig};
use crate::message_log::{Direction, MessageTap};
use crate::notice::{CloseReason, Counters, Notice};
use crate::reference::{SecurityList, SessionStatus};
use crate::terms::Terms;

mod admission;
mod clients;
mod connections;
mod disconnect_choice;
mod history;
mod inbound;
mod outputs;
mod preview;
mod queries;
mod throttle;
mod timer;

use admission::Admission;
use clients::Clients;
use connections::Connections;
use inbound::Interrupted;
pub use queries::SessionShown;

/// Longest first message of a connection, bytes. A Logon needs no more.
pub const LOGON_BYTES_MAX: usize = 4 << 10;

/// Notices that wait to be taken; more are counted and dropped.
pub const NOTICES_MAX: usize = 1_024;

/// An input for the core.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientInput {
    /// An input for the core, from a client's message or the end of its connection.
    pub input: Input,
    /// When the bytes behind it arrived, nanoseconds since the Unix epoch.
    pub arrived_ns: u64,
}

/// The gateway. See the module's text.
#[derive(Debug)]
pub struct ClientGateway<S> {
    terms: Terms,
    limits: Limits,
    sender_comp_id: String,
    clients: Clients<S>,
    connections: Connections,
    /// First slot of the next look at stalled connections, so that all get their turn.
    turn: u32,
    /// Taken out while a message is being worked on.
    index: Option<FieldIndex>,
    /// Inputs that the core has not taken: at most one message's, and of each session a
    /// `LogoutSent` for each command that logs it out, and a `SessionDown`.
    emissions: VecDeque<ClientInput>,
    /// The connection whose messages are read on once `emissions` is empty.
    interrupted: Option<Interrupted>,
    closing: VecDeque<(ConnId, CloseReason)>,
    dirty: VecDeque<ConnId>,
    notices: VecDeque<Notice>,
    counters: Counters,
    scratch: Vec<u8>,
    /// Nothing is due before this.
    due_ns: u64,
    recovered: bool,
    /// Histories that are being sent.
    histories: usize,
    admission: Admission,
    /// Gets all bytes of all sessions.
    message_log: Option<MessageTap>,
    /// The place whose store is maintained next.
    maintained: usize,
    /// The place that is shown next.
    shown: usize,
    market: Market,
    securities: SecurityList,
    status: SessionStatus,
}

impl<S: MessageStore> ClientGateway<S> {
    /// A gateway without connections. `stores` are in the order of the configured sessions. A
    /// session whose store has a [fault](MessageStore::fault) is refused until a restart.
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
        let clients = Clients::new(config, stores);
        let connections_max = config.limits.connections_max;
        let nothing = MarketConfig::default();
        let mut gateway = Self {
            market: Market::new(&nothing, config.venues.clone(), clients.len()),
            securities: SecurityList::new(&nothing, config.venues.clone()),
            status: SessionStatus::new(clients.len()),
            terms: Terms::new(config),
            limits: config.limits,
            sender_comp_id: config.sender_comp_id.clone(),
            connections: Connections::new(connections_max),
            turn: 0,
            index: Some(FieldIndex::new()),
            emissions: VecDeque::with_capacity(clients.len() + 8),
            interrupted: None,
            closing: VecDeque::with_capacity(connections_max),
            dirty: VecDeque::with_capacity(connections_max),
            notices: VecDeque::new(),
            counters: Counters::default(),
            scratch: Vec::with_capacity(1_024),
            due_ns: u64::MAX,
            recovered: false,
            histories: 0,
            admission: Admission::new(&config.limits),
            message_log: None,
            maintained: 0,
            shown: 0,
            clients,
        };
        for place in gateway.clients.places() {
            if let Some(fault) = gateway.clients[place].session.store().fault() {
                gateway.fail(place, Some(fault));
            }
        }
        Ok(gateway)
    }

    /// Adds sessions while the gateway runs: from now on their clients may log on. `stores` are in
    /// the same order, and as many. Returns the place of the first.
    ///
    /// # Errors
    /// [`ConfigError`]: none was added.
    pub fn add_sessions(
        &mut self,
        now_ns: u64,
        added: &[SessionConfig],
        stores: Vec<S>,
    ) -> Result<usize, ConfigError> {
        if stores.len() != added.len() {
            return Err(ConfigError::Stores { stores: stores.len(), sessions: added.len() });
        }
        check_added(&self.sender_comp_id, &self.clients.known(), added)?;
        let first = self.clients.len();
        for (session, store) in added.iter().zip(stores) {
            let place = self.clients.add(&self.sender_comp_id, &self.limits, session, store);
            self.clients[place].session.policy_mut().opened(now_ns);
            match self.clients[place].session.store().fault() {
                Some(fault) => self.fail(place, Some(fault)),
                None => self.recover(place),
            }
        }
        self.market.grow(self.clients.len());
        self.status.grow(self.clients.len());
        Ok(first)
    }

    /// Sets the hook that gets every byte of every session, once a Logon has named the session.
    pub fn set_message_log(&mut self, tap: MessageTap) {
        self.message_log = Some(tap);
    }

    /// Gives a client's message to the log of messages.
    fn log_in(&mut self, now_ns: u64, place: usize, bytes: &[u8]) {
        if let Some(tap) = self.message_log.as_mut().filter(|_| !bytes.is_empty()) {
            let kept = tap.tell(place, Direction::In, now_ns, bytes);
            self.counters.messages_unlogged += u64::from(!kept);
        }
    }

    /// Gives the newest messages to a client to the log of messages.
    fn log_out(&mut self, now_ns: u64, conn: ConnId) {
        let Some(tap) = &mut self.message_log else { return };
        let connection = &mut self.connections[conn];
        let fresh = connection.out.get(connection.logged..).unwrap_or(&[]);
        if let Some(place) = connection.client().filter(|_| !fresh.is_empty()) {
            let kept = tap.tell(place, Direction::Out, now_ns, fresh);
            self.counters.messages_unlogged += u64::from(!kept);
        }
        connection.logged = connection.out.len();
    }

    /// The journal holds events of this session up to `event`, but not all of them will be passed
    /// in. For a replay that does not begin at the first record. Call this before the outputs of
    /// the replay.
    pub fn journal_has(&mut self, session: SessionId, event: u64) {
        if let Some(place) = self.clients.by_session(session) {
            let client = &mut self.clients[place];
            client.journal_event = client.journal_event.max(event);
        }
    }

    /// The journal has been read: connections may come. Call once, after every output of the
    /// journal went through [`on_output`](Self::on_output). A session whose store does not fit the
    /// journal is refused; the others go on.
    pub fn recovered(&mut self) {
        for place in self.clients.places() {
            self.recover(place);
        }
        self.recovered = true;
    }

    fn recover(&mut self, place: usize) {
        let client = &mut self.clients[place];
        let mut repeated = 0;
        if let Some(fault) = client.differs().filter(|_| !client.failed) {
            let session = client.owner.session;
            let (stored, journal) = (client.session.last_event_no(), client.journal_event);
            self.note(Notice::StoreDiffers { session, stored, journal });
            self.fail(place, Some(fault));
        } else if !client.failed {
            client.session.recover_answered();
            if std::mem::take(&mut client.reset_replayed) {
                client.session.recover_reset();
            }
            repeated = client.session.replay_ends();
        }
        self.counters.reports_possible_resends += repeated;
        self.tell_damage(place, repeated);
    }

    /// Tells the damage that was found in a session's store since the last call.
    fn tell_damage(&mut self, place: usize, repeated: u64) {
        let client = &mut self.clients[place];
        let (session, places) = (client.owner.session, client.session.store().damaged());
        let found = places - std::mem::replace(&mut client.damaged, places);
        self.counters.store_damages += found;
        if found > 0 || repeated > 0 {
            self.note(Notice::StoreDamaged { session, places, repeated });
        }
    }

    /// Whether [`recovered`](Self::recovered) has been called with success.
    pub const fn is_recovered(&self) -> bool {
        self.recovered
    }

    /// Queues an input for the core.
    fn emit(&mut self, input: Input, arrived_ns: u64) {
        self.counters.inputs += 1;
        self.emissions.push_back(ClientInput { input, arrived_ns });
    }

    /// Our Logout was sent to a client. The core is told before it decides about an order or a
    /// replace of that client that waits for room.
    fn tell_logout(&mut self, now_ns: u64, place: usize) {
        let client = &self.clients[place];
        let session = client.owner.session;
        if !client.up {
            return;
        }
        let trades = |waiting: &ClientInput| match &waiting.input {
            Input::NewOrder(order) => order.session == session,
            Input::Replace(request) => request.order.session == session,
            _ => false,
        };
        let before = self.emissions.iter().position(trades).unwrap_or(self.emissions.len());
        let input = Input::LogoutSent(session);
        self.counters.inputs += 1;
        self.emissions.insert(before, ClientInput { input, arrived_ns: now_ns });
    }

    /// A session cannot go on before a restart.
    fn fail(&mut self, place: usize, fault: Option<StoreFault>) {
        let client = &mut self.clients[place];
        (client.failed, client.fault) = (true, fault);
        let (session, conn, reason) = (client.owner.session, client.conn, client.failure());
        self.counters.sessions_failed += 1;
        self.note(Notice::Failed { session, reason });
        if let Some(conn) = conn {
            self.close(conn, reason);
        }
    }

    /// Lets go of a connection: its session is free at once, its bytes still get their chance.
    /// Without effect if the connection is to be closed already.
    fn close(&mut self, conn: ConnId, reason: CloseReason) {
        let connection = &mut self.connections[conn];
        if connection.is_closing() {
            return;
        }
        let now_ns = self.admission.now_ns();
        self.log_out(now_ns, conn);
        let connection = &mut self.connections[conn];
        let client = connection.client();
        let arrived_ns = connection.arrived_ns;
        if reason == CloseReason::SlowConsumer {
            // The client would not read these bytes either. It requests the stored messages after
            // its next logon.
            connection.out.clear();
            connection.logged = 0;
        }
        self.connections.let_go(conn);
        self.closing.push_back((conn, reason));
        let (mut session, mut up) = (None, false);
        if let Some(place) = client {
            self.market.client_gone(place);
            self.forget_history(place);
            self.status.client_gone(place);
            let client = &mut self.clients[place];
            client.session.disconnected();
            client.conn = None;
            client.preview = None;
            client.reset_if_wanted();
            client.logout_reason = None;
            session = Some(client.owner.session);
            up = std::mem::replace(&mut client.up, false);
        }
        self.counters.logons_refused += u64::from(!up);
        self.counters.slow_consumers += u64::from(reason == CloseReason::SlowConsumer);
        self.tell_closed(conn, session, reason, up);
        if let Some(session) = session.filter(|_| up) {
            // When its last bytes arrived: the best time known for when its end was noticed.
            self.emit(Input::SessionDown(session), arrived_ns);
        }
    }

    /// The carrier's connection is gone: its slot is free.
    fn on_closed(&mut self, conn: ConnId) {
        if self.connections.get(conn).is_none() {
            return;
        }
        self.close(conn, CloseReason::Peer);
        self.closing.retain(|(closing, _)| *closing != conn);
        self.dirty.retain(|dirty| *dirty != conn);
        self.interrupted = self.interrupted.filter(|interrupted| interrupted.conn != conn);
        self.connections.remove(conn);
    }

    fn is_replaying(&self, place: usize) -> bool {
        self.clients[place].session.replay_pending()
    }

    pub(crate) fn note(&mut self, notice: Notice) {
        if self.notices.len() < NOTICES_MAX {
            self.notices.push_back(notice);
        } else {
            self.counters.notices_lost += 1;
        }
    }

    /// The next notice for the operator.
    pub fn take_notice(&mut self) -> Option<Notice> {
        self.notices.pop_front()
    }

    /// The counters.
    pub const fn counters(&self) -> Counters {
        self.counters
    }

    /// Connections, those to be closed included.
    pub const fn connections(&self) -> usize {
        self.connections.open()
    }

    /// Most connections at a time: every [`ConnId`] is below it.
    pub const fn connections_max(&self) -> usize {
        self.connections.max()
    }

    /// Most connections of one listener, known or strangers', whose Logon has not come yet.
    pub const fn unbound_max(&self) -> usize {
        self.limits.unbound_max
    }

    /// Whether the Logon of a connection has not come yet.
    pub fn awaits_logon(&self, conn: ConnId) -> bool {
        self.connections.get(conn).is_some_and(crate::connection::Connection::is_unbound)
    }

    /// The FIX session of a client, to look at.
    pub fn session(&self, id: SessionId) -> Option<&Session<S, Credentials>> {
        self.clients.by_session(id).map(|place| &self.clients[place].session)
    }

    /// Gives the stores back, in the order of the configured sessions.
    pub fn into_stores(self) -> Vec<S> {
        self.clients.into_stores()
    }
}

impl<S: MessageStore> Acceptor for ClientGateway<S> {
    type Emission = ClientInput;
    type CloseReason = CloseReason;

    fn accept(&mut self, now_ns: u64, conn: ConnId, peer: &Peer) -> Result<(), CloseReason> {
        self.take_peer(now_ns, conn, peer)
    }

    fn on_event(&mut self, now_ns: u64, event: Event<'_>) {
        match event {
            Event::Spoke(conn) => self.on_spoke(conn),
            Event::Bytes(conn, bytes) => self.on_bytes(now_ns, conn, bytes),
            Event::Secured(conn, facts) => self.on_secured(conn, facts),
            Event::TlsFailed(conn, fault) => self.on_tls_failed(conn, fault),
            Event::Written(conn, count) => self.on_written(now_ns, conn, count),
            Event::Closed(conn) => self.on_closed(conn),
        }
    }

    fn on_timer(&mut self, now_ns: u64) -> bool {
        self.run_timers(now_ns)
    }

    fn next_timer_ns(&self) -> Option<u64> {
        self.next_due_ns()
    }

    fn resume(&mut self, now_ns: u64) -> bool {
        self.read_stalled(now_ns)
    }

    fn has_work(&self) -> bool {
        self.history_is_due() || self.market.has_work() || self.has_stalled_work()
    }

    fn emission(&self) -> Option<&ClientInput> {
        self.emissions.front()
    }

    fn emission_taken(&mut self, now_ns: u64) {
        self.emissions.pop_front();
        if self.emissions.is_empty() {
            self.read_on(now_ns);
        }
    }

    fn emission_refused(&mut self, now_ns: u64) {
        self.stop_reading(now_ns);
    }

    fn wants_read(&self, conn: ConnId) -> bool {
        self.may_read(conn)
    }

    fn next_to_write(&mut self) -> Option<ConnId> {
        let conn = self.dirty.pop_front()?;
        self.connections[conn].dirty = false;
        Some(conn)
    }

    fn pending(&self, conn: ConnId) -> &[u8] {
        self.connections.get(conn).map_or(&[], |connection| &connection.out)
    }

    fn next_to_close(&mut self) -> Option<(ConnId, CloseReason)> {
        self.closing.pop_front()
    }
}
