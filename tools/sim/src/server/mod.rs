//! Carries fronts over real sockets: all venues and all connections on one thread.
//!
//! A line belongs here if it moves bytes between a socket and a front. The meaning of the bytes is
//! the front's; bytes that are lost or delayed on purpose are `faults`.
//!
//! All output that the input of one connection causes leaves in one system call per connection. So
//! a burst of small messages costs few calls, and a single message is not delayed.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use mio::net::TcpListener;
use mio::{Events, Interest, Poll, Token, Waker};
use rustls::ServerConfig as TlsConfig;

use super::faults::Fault;
use super::front::{ConnId, Front, FrontAction};

pub mod certificates;
mod conn;
pub mod http;
mod stream;
mod websocket;

use conn::{Conn, Delivery};
use stream::Stream;

/// Most open connections of one server; further ones are closed at once.
pub const CONNECTIONS_MAX: usize = 1024;

/// A connection that neither finishes a handshake nor sends a request for this long is closed.
pub const IDLE_HTTP_MAX: Duration = Duration::from_mins(2);

/// Most connections accepted from one listener in one turn.
const ACCEPTS_PER_TURN: usize = 64;

/// Most messages that one connection may deliver in one turn.
const MESSAGES_PER_TURN: usize = 1024;

/// Most rounds in which fronts react to closed connections by closing others.
const GONE_ROUNDS_MAX: usize = 64;

/// Longest wait of the loop.
const WAIT_MAX: Duration = Duration::from_millis(100);

const READ_BYTES: usize = 64 * 1024;
const WAKER: Token = Token(usize::MAX);

/// First number of a connection; lower tokens are listeners.
const FIRST_CONN: u64 = 1 << 16;

/// Protocol of a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListenerKind {
    /// HTTP, and WebSocket by upgrade.
    Web,
    /// Raw bytes (FIX).
    Raw,
}

/// A listener to open.
#[derive(Clone, Copy, Debug)]
pub struct ListenerConfig {
    /// Address; port 0 picks a free port, see [`ServerHandle::addresses`].
    pub address: SocketAddr,
    /// Whether the listener speaks TLS.
    pub tls: bool,
    /// Protocol.
    pub kind: ListenerKind,
}

/// A venue to serve.
pub struct VenueConfig {
    /// Name, for [`ServerHandle::inject`] and [`ServerHandle::address`].
    pub name: String,
    /// The venue's dialect.
    pub front: Box<dyn Front + Send>,
    /// Listeners to open.
    pub listeners: Vec<ListenerConfig>,
}

/// Why the server could not start, or stopped by itself.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// A socket, the poll, a file or a thread failed.
    #[error("system: {0}")]
    Io(#[from] io::Error),
    /// A certificate could not be made.
    #[error("certificate: {0}")]
    Certificate(#[from] rcgen::Error),
    /// The TLS configuration was refused.
    #[error("TLS: {0}")]
    Tls(#[from] rustls::Error),
    /// The certificate's key has an unknown format.
    #[error("key: {0}")]
    Key(String),
    /// A listener speaks TLS, but there is no TLS configuration.
    #[error("venue {0} has a TLS listener, but no TLS configuration was given")]
    NoTls(String),
    /// The server's thread panicked.
    #[error("the server's thread panicked")]
    Panicked,
}

/// Counts since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Accepted connections.
    pub accepted: u64,
    /// Connections closed at once because of [`CONNECTIONS_MAX`].
    pub refused: u64,
    /// Open connections.
    pub open: u64,
    /// Requests, text messages and raw reads received.
    pub messages_in: u64,
    /// Text messages and raw messages sent.
    pub messages_out: u64,
    /// Clients that were cut off because they did not read.
    pub slow_readers: u64,
    /// Answers that were refused because they were too long.
    pub answers_too_long: u64,
}

/// A command to a running server.
#[derive(Debug)]
enum Control {
    Inject { venue: String, fault: Box<Fault> },
    Counters(Sender<Counters>),
    Stop,
}

/// A running server. Dropping the handle stops it.
#[derive(Debug)]
pub struct ServerHandle {
    control: Sender<Control>,
    waker: Arc<Waker>,
    thread: Option<JoinHandle<Result<(), ServerError>>>,
    addresses: Vec<ListenerAddress>,
}

/// An open listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenerAddress {
    /// Name of the venue.
    pub venue: String,
    /// Address with the real port.
    pub address: SocketAddr,
    /// Whether the listener speaks TLS.
    pub tls: bool,
    /// Protocol.
    pub kind: ListenerKind,
}

impl ServerHandle {
    /// All listeners, in the order of the configuration.
    pub fn addresses(&self) -> &[ListenerAddress] {
        &self.addresses
    }

    /// Address of a venue's listener at this index.
    pub fn address(&self, venue: &str, index: usize) -> Option<SocketAddr> {
        self.addresses.iter().filter(|at| at.venue == venue).nth(index).map(|at| at.address)
    }

    /// Injects a fault into a venue; an unknown venue is ignored.
    pub fn inject(&self, venue: &str, fault: Fault) {
        self.tell(Control::Inject { venue: venue.to_owned(), fault: Box::new(fault) });
    }

    /// Counts so far; `None` when the server has stopped.
    pub fn counters(&self) -> Option<Counters> {
        let (answer, answers) = channel();
        self.tell(Control::Counters(answer));
        answers.recv().ok()
    }

    /// Stops the server and waits for its thread.
    ///
    /// # Errors
    /// Why the server had stopped by itself.
    pub fn stop(mut self) -> Result<(), ServerError> {
        self.tell(Control::Stop);
        self.join()
    }

    /// Waits until the server ends.
    ///
    /// # Errors
    /// Why the server ended.
    pub fn wait(mut self) -> Result<(), ServerError> {
        self.join()
    }

    fn tell(&self, control: Control) {
        // Both calls fail only when the server has stopped, and `stop` reports that.
        let _ = self.control.send(control);
        let _ = self.waker.wake();
    }

    fn join(&mut self) -> Result<(), ServerError> {
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(result)) => result,
            Some(Err(_)) => Err(ServerError::Panicked),
            None => Ok(()),
        }
    }
}

impl Drop for ServerHandle {
    fn drop(&mut self) {
        if self.thread.is_some() {
            self.tell(Control::Stop);
            let _ = self.join();
        }
    }
}

/// Binds all listeners and starts the server's thread. `clock` gives nanoseconds since the epoch.
///
/// # Errors
/// [`ServerError`].
pub fn start(
    venues: Vec<VenueConfig>,
    tls: Option<&Arc<TlsConfig>>,
    clock: fn() -> u64,
) -> Result<ServerHandle, ServerError> {
    let server = Server::bind(venues, tls, clock)?;
    let waker = Arc::new(Waker::new(server.poll.registry(), WAKER)?);
    let (control, orders) = channel();
    let addresses = server.addresses.clone();
    let thread =
        std::thread::Builder::new().name("venues".to_owned()).spawn(move || server.run(&orders))?;
    Ok(ServerHandle { control, waker, thread: Some(thread), addresses })
}

struct Listener {
    socket: TcpListener,
    venue: usize,
    tls: Option<Arc<TlsConfig>>,
    kind: ListenerKind,
}

struct Venue {
    name: String,
    front: Box<dyn Front + Send>,
}

struct Server {
    poll: Poll,
    clock: fn() -> u64,
    listeners: Vec<Listener>,
    addresses: Vec<ListenerAddress>,
    venues: Vec<Venue>,
    conns: BTreeMap<u64, Conn>,
    next_conn: u64,
    /// Connections with output to flush, input to read, or a close to finish.
    dirty: BTreeSet<u64>,
    gone: Vec<u64>,
    actions: Vec<FrontAction>,
    buffer: Vec<u8>,
    counters: Counters,
    next_sweep_ns: u64,
}

impl Server {
    fn bind(
        venues: Vec<VenueConfig>,
        tls: Option<&Arc<TlsConfig>>,
        clock: fn() -> u64,
    ) -> Result<Self, ServerError> {
        let poll = Poll::new()?;
        let mut server = Self {
            poll,
            clock,
            listeners: Vec::new(),
            addresses: Vec::new(),
            venues: Vec::new(),
            conns: BTreeMap::new(),
            next_conn: FIRST_CONN,
            dirty: BTreeSet::new(),
            gone: Vec::new(),
            actions: Vec::new(),
            buffer: vec![0; READ_BYTES],
            counters: Counters::default(),
            next_sweep_ns: 0,
        };
        for venue in venues {
            for listener in &venue.listeners {
                server.listen(&venue.name, *listener, tls)?;
            }
            server.venues.push(Venue { name: venue.name, front: venue.front });
        }
        Ok(server)
    }

    fn listen(
        &mut self,
        venue: &str,
        config: ListenerConfig,
        tls: Option<&Arc<TlsConfig>>,
    ) -> Result<(), ServerError> {
        let tls = match (config.tls, tls) {
            (false, _) => None,
            (true, Some(tls)) => Some(Arc::clone(tls)),
            (true, None) => return Err(ServerError::NoTls(venue.to_owned())),
        };
        let mut socket = TcpListener::bind(config.address)?;
        let token = Token(self.listeners.len());
        self.poll.registry().register(&mut socket, token, Interest::READABLE)?;
        self.addresses.push(ListenerAddress {
            venue: venue.to_owned(),
            address: socket.local_addr()?,
            tls: config.tls,
            kind: config.kind,
        });
        let venue = self.venues.len();
        self.listeners.push(Listener { socket, venue, tls, kind: config.kind });
        Ok(())
    }

    fn run(mut self, control: &Receiver<Control>) -> Result<(), ServerError> {
        let mut events = Events::with_capacity(256);
        loop {
            match self.poll.poll(&mut events, Some(self.wait())) {
                Err(error) if error.kind() != io::ErrorKind::Interrupted => {
                    return Err(error.into());
                }
                _ => {}
            }
            let now_ns = (self.clock)();
            for event in &events {
                let token = event.token().0;
                if token < self.listeners.len() {
                    self.accept(token, now_ns);
                } else if let Some(conn) = self.conns.get_mut(&(token as u64)) {
                    conn.on_ready(event);
                    self.dirty.insert(token as u64);
                }
            }
            while let Ok(order) = control.try_recv() {
                match order {
                    Control::Stop => return Ok(()),
                    Control::Counters(answer) => {
                        self.counters.open = self.conns.len() as u64;
                        let _ = answer.send(self.counters);
                    }
                    Control::Inject { venue, fault } => self.inject(&venue, &fault, now_ns),
                }
            }
            self.turn(now_ns);
        }
    }

    /// Handles everything that is due: input of connections, timers, output.
    fn turn(&mut self, now_ns: u64) {
        let due: Vec<u64> = std::mem::take(&mut self.dirty).into_iter().collect();
        for id in due {
            self.read(id, now_ns);
            self.flush(now_ns);
        }
        for index in 0..self.venues.len() {
            let Some(venue) = self.venues.get_mut(index) else { continue };
            if venue.front.next_timer_ns().is_some_and(|due_ns| due_ns <= now_ns) {
                venue.front.on_timer(now_ns, &mut self.actions);
                self.perform(index, now_ns);
                self.flush(now_ns);
            }
        }
        self.sweep(now_ns);
        self.flush(now_ns);
    }

    fn wait(&self) -> Duration {
        if self.dirty.iter().any(|id| self.conns.get(id).is_some_and(|c| c.more || c.unflushed)) {
            return Duration::ZERO;
        }
        let due = self.venues.iter().filter_map(|venue| venue.front.next_timer_ns()).min();
        let until = due
            .map_or(WAIT_MAX, |due_ns| Duration::from_nanos(due_ns.saturating_sub((self.clock)())));
        until.min(WAIT_MAX)
    }

    fn accept(&mut self, index: usize, now_ns: u64) {
        for _ in 0..ACCEPTS_PER_TURN {
            let Some(listener) = self.listeners.get(index) else { return };
            // An error other than "would block" concerns one client: it left, or no descriptor is
            // free. The next readiness event brings the remaining clients.
            let Ok((mut socket, _)) = listener.socket.accept() else { return };
            if self.conns.len() >= CONNECTIONS_MAX {
                self.counters.refused += 1;
                continue;
            }
            let id = self.next_conn;
            let interests = Interest::READABLE | Interest::WRITABLE;
            let registered =
                self.poll.registry().register(&mut socket, Token(id as usize), interests);
            if registered.is_err() || socket.set_nodelay(true).is_err() {
                continue;
            }
            let Ok(stream) = Stream::accepted(socket, listener.tls.as_ref()) else { continue };
            self.next_conn += 1;
            self.counters.accepted += 1;
            self.conns.insert(id, Conn::new(listener.venue, stream, listener.kind, now_ns));
            self.dirty.insert(id);
        }
        // More clients may wait, and the poll would not report them again.
        let _ = self.poll.registry().reregister(
            &mut self.listeners[index].socket,
            Token(index),
            Interest::READABLE,
        );
    }

    /// Reads one connection within its budget, and lets its front react.
    fn read(&mut self, id: u64, now_ns: u64) {
        let mut buffer = std::mem::take(&mut self.buffer);
        if let Some(conn) = self.conns.get_mut(&id) {
            conn.begin_turn();
            if conn.unflushed {
                self.dirty.insert(id);
            }
        }
        for _ in 0..MESSAGES_PER_TURN {
            let Some(conn) = self.conns.get_mut(&id) else { break };
            if !conn.more || conn.closing {
                break;
            }
            let index = conn.venue;
            let Some(venue) = self.venues.get_mut(index) else { break };
            let (front, out, who) = (&mut venue.front, &mut self.actions, ConnId(id));
            let delivery = conn.read(&mut buffer);
            match &delivery {
                Delivery::Nothing => break,
                Delivery::Gone => {
                    self.drop_conn(id);
                    break;
                }
                Delivery::RawOpen => {
                    conn.told = true;
                    front.on_raw_open(now_ns, who, out);
                }
                Delivery::Raw(count) => {
                    front.on_raw(now_ns, who, buffer.get(..*count).unwrap_or(&[]), out);
                }
                Delivery::Http(request) => {
                    conn.told = true;
                    front.on_http(now_ns, who, request, out);
                }
                Delivery::WebOpen(target) => {
                    conn.told = true;
                    front.on_ws_open(now_ns, who, target, out);
                }
                Delivery::Text(text) => front.on_ws_text(now_ns, who, text.as_str(), out),
                Delivery::Pong => front.on_ws_pong(now_ns, who),
            }
            conn.active_ns = now_ns;
            self.counters.messages_in += 1;
            self.perform(index, now_ns);
        }
        if self.conns.get(&id).is_some_and(|conn| (conn.more && !conn.closing) || conn.unflushed) {
            self.dirty.insert(id);
        }
        self.buffer = buffer;
    }

    fn inject(&mut self, name: &str, fault: &Fault, now_ns: u64) {
        for index in 0..self.venues.len() {
            let Some(venue) = self.venues.get_mut(index) else { continue };
            if venue.name == name {
                venue.front.inject(now_ns, fault, &mut self.actions);
                self.perform(index, now_ns);
            }
        }
        self.flush(now_ns);
    }

    /// Carries out the actions of a front.
    fn perform(&mut self, venue: usize, _now_ns: u64) {
        let mut actions = std::mem::take(&mut self.actions);
        for action in actions.drain(..) {
            self.act(venue, action);
        }
        self.actions = actions;
    }

    fn act(&mut self, venue: usize, action: FrontAction) {
        let (FrontAction::Text(who, _)
        | FrontAction::Bytes(who, _)
        | FrontAction::Ping(who)
        | FrontAction::Close(who)
        | FrontAction::Http(who, _)) = &action;
        let id = who.0;
        let Some(conn) = self.conns.get_mut(&id) else { return };
        if conn.venue != venue || conn.closing {
            return;
        }
        self.dirty.insert(id);
        self.counters.messages_out +=
            u64::from(matches!(action, FrontAction::Text(..) | FrontAction::Bytes(..)));
        let taken = match action {
            // A full output is handed to the kernel first; only then the client counts as slow.
            FrontAction::Text(_, text) => conn.text(&text) || conn.flush() && conn.text(&text),
            FrontAction::Bytes(_, bytes) => {
                conn.bytes(&bytes) || conn.flush() && conn.bytes(&bytes)
            }
            FrontAction::Ping(_) => conn.ping(),
            FrontAction::Http(_, reply) => {
                self.counters.answers_too_long += u64::from(!conn.answer(&reply));
                true
            }
            FrontAction::Close(_) => {
                conn.closing = true;
                true
            }
        };
        if !taken {
            self.counters.slow_readers += 1;
            self.drop_conn(id);
        }
    }

    /// Flushes the dirty connections, and tells fronts about closed ones.
    fn flush(&mut self, now_ns: u64) {
        for _ in 0..GONE_ROUNDS_MAX {
            let dirty: Vec<u64> = self.dirty.iter().copied().collect();
            for id in dirty {
                let Some(conn) = self.conns.get_mut(&id) else {
                    self.dirty.remove(&id);
                    continue;
                };
                let usable = !(conn.unflushed || conn.closing) || conn.flush();
                if !usable || (conn.closing && conn.is_flushed()) {
                    self.drop_conn(id);
                } else if !conn.more || conn.closing {
                    self.dirty.remove(&id);
                }
            }
            if self.gone.is_empty() {
                return;
            }
            for id in std::mem::take(&mut self.gone) {
                self.tell_closed(id, now_ns);
            }
        }
    }

    /// Closes a connection; the next [`Server::flush`] tells its front.
    fn drop_conn(&mut self, id: u64) {
        if let Some(conn) = self.conns.get_mut(&id) {
            conn.close();
            conn.closing = true;
            conn.more = false;
            if !self.gone.contains(&id) {
                self.gone.push(id);
            }
        }
    }

    fn tell_closed(&mut self, id: u64, now_ns: u64) {
        let Some(conn) = self.conns.remove(&id) else { return };
        self.dirty.remove(&id);
        if !conn.told {
            return;
        }
        if let Some(venue) = self.venues.get_mut(conn.venue) {
            venue.front.on_closed(now_ns, ConnId(id), &mut self.actions);
            self.perform(conn.venue, now_ns);
        }
    }

    /// Once a second: closes connections that are idle.
    fn sweep(&mut self, now_ns: u64) {
        if now_ns < self.next_sweep_ns {
            return;
        }
        self.next_sweep_ns = now_ns.saturating_add(1_000_000_000);
        let idle_ns = IDLE_HTTP_MAX.as_nanos() as u64;
        let stale: Vec<u64> = self
            .conns
            .iter()
            .filter(|(_, conn)| {
                (conn.is_idle_http() || conn.closing)
                    && now_ns.saturating_sub(conn.active_ns) > idle_ns
            })
            .map(|(id, _)| *id)
            .collect();
        for id in stale {
            self.drop_conn(id);
        }
    }
}

#[cfg(test)]
mod tests;
