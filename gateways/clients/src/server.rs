//! Carries a [`ClientGateway`] over TCP on the thread that calls [`GatewayServer::turn`].
//!
//! A line belongs here if it turns readiness into events for the gateway, or turns the gateway's
//! wishes into system calls. Who may connect, and what is said, is the gateway's.
//!
//! The clock is read once for each batch of readiness and once for each batch of outputs: that is
//! the arrival time of all bytes of the batch. Everything that one turn writes to a connection
//! leaves in one system call; a lone output leaves at once.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::Arc;
use std::time::Duration;

use mio::{Events, Poll, Token, Waker};
use rutter_core::input::Input;
use rutter_core::output::Output;
use rutter_fix::store::MessageStore;
use rutter_transport::acceptor::{Acceptor, ConnId, Event};
use rutter_transport::arrival::Arrival;
use rutter_transport::stream::Stream;
use rutter_transport::tls::{TlsError, TlsFault};
use rutter_transport::wait::PARK_MAX;
use rutter_transport::wake::{Parked, WakeHandle};

use crate::gateway::{ClientGateway, ClientInput};
use crate::notice::{CloseReason, OutputError};
use crate::report::Passport;

mod leave;
mod listen;

use leave::Lingering;
use listen::Listener;

pub use leave::{LEAVE_BYTES_MAX, LEAVE_NS, LEAVING_MAX};
pub use listen::{LISTENERS_MAX, RELOAD_PERIOD};

/// Takes an input and the time at which its bytes arrived. `false`: there is no room; the same
/// input is offered again later.
pub type Publish<'p> = dyn FnMut(&Input, Arrival) -> bool + 'p;

/// Outputs taken in one turn before the sockets get their chance.
pub const OUTPUTS_PER_TURN: usize = 256;

/// Connections accepted in one turn.
pub const ACCEPTS_PER_TURN: usize = 64;

/// Bytes that a connection may deliver in one turn if it is the only one.
const READ_BYTES_ALONE: usize = 256 << 10;

/// Bytes that each connection may deliver in one turn if there are others: some twenty orders. So a
/// flood on one connection holds the others up for some tens of microseconds only.
const READ_BYTES_IN_COMPANY: usize = 4 << 10;

/// Bytes read from a socket at once.
const READ_BYTES: usize = 64 << 10;

/// Bytes that a socket's own queue takes from the gateway at once. The rest stays with the gateway,
/// which counts it as backlog.
const SOCKET_QUEUE_BYTES: usize = 64 << 10;

/// Longest sleep while the core has no room: nobody wakes this thread when there is room again.
const BLOCKED_PARK: Duration = Duration::from_micros(200);

/// Connections without a Logon that are read in one turn. One read may cost as much as hundreds of
/// orders (a signature to make or to check), so clients that are logged on get their turn between.
const STRANGERS_PER_TURN: usize = 2;

const WAKER: Token = Token(usize::MAX);
/// Token of the first listening socket; the tokens of the others are the numbers below.
const LISTENER: Token = Token(usize::MAX - 1);

/// Why a server could not be made, or cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The poll failed, or the address could not be bound.
    #[error("system: {0}")]
    Io(#[from] io::Error),
    /// More than [`LISTENERS_MAX`] listening addresses.
    #[error("more than {LISTENERS_MAX} addresses to listen on")]
    TooManyListeners,
}

/// Counters of the server; the gateway has the others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ServerCounters {
    /// Connections accepted by the system.
    pub accepted: u64,
    /// Accepted connections that were closed at once, for a limit.
    pub refused: u64,
    /// Times that the system refused to accept.
    pub accept_errors: u64,
    /// Outputs that could not be given to their session; see
    /// [`last_output_error`](GatewayServer::last_output_error).
    pub output_errors: u64,
    /// Stores that could not prepare their next file.
    pub maintain_errors: u64,
}

/// The socket of one connection.
#[derive(Debug)]
struct Slot {
    stream: Stream,
    /// The handshake of the stream is done (at once for a plain one).
    ready: bool,
    /// The socket may have bytes to read, and the slot is in the `readable` list.
    more: bool,
    /// A first byte has come.
    spoke: bool,
    /// The connection is closed for writing; the rest of the peer's bytes is thrown away.
    leaving: Option<Lingering>,
}

/// Carries one gateway. See the module's text.
#[derive(Debug)]
pub struct GatewayServer<S> {
    gateway: ClientGateway<S>,
    clock: fn() -> u64,
    poll: Poll,
    events: Events,
    waker: Arc<Waker>,
    parked: Arc<Parked>,
    listeners: Vec<Listener>,
    slots: Vec<Option<Slot>>,
    free: Vec<u32>,
    /// Slots whose sockets may have bytes to read, oldest first.
    readable: Vec<u32>,
    /// The emptied list of the turn before; kept to reuse its memory.
    spare: Vec<u32>,
    /// Slots of lingering connections with their deadlines; a slot may have been closed already.
    leaving: VecDeque<(u64, u32)>,
    buffer: Vec<u8>,
    /// Time of the current batch of outputs, until it is flushed.
    batch_ns: Option<u64>,
    /// Of the bytes that were read last.
    newest: Arrival,
    counters: ServerCounters,
    output_error: Option<OutputError>,
    tls_error: Option<TlsError>,
}

impl<S: MessageStore> GatewayServer<S> {
    /// A server that listens for plain connections at an address. `clock` gives nanoseconds since
    /// the Unix epoch.
    ///
    /// # Errors
    /// [`ServerError`].
    pub fn bind(
        address: SocketAddr,
        gateway: ClientGateway<S>,
        clock: fn() -> u64,
    ) -> Result<Self, ServerError> {
        let mut server = Self::new(gateway, clock)?;
        server.listen(address)?;
        Ok(server)
    }

    /// A server without a listening socket. Nothing is accepted before
    /// [`recovered`](Self::recovered).
    ///
    /// # Errors
    /// [`ServerError::Io`].
    pub fn new(gateway: ClientGateway<S>, clock: fn() -> u64) -> Result<Self, ServerError> {
        let poll = Poll::new()?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKER)?);
        let count = gateway.connections_max();
        Ok(Self {
            gateway,
            clock,
            poll,
            events: Events::with_capacity(256),
            waker,
            parked: Arc::new(Parked::default()),
            listeners: Vec::new(),
            slots: (0..count).map(|_| None).collect(),
            free: (0..count as u32).rev().collect(),
            readable: Vec::with_capacity(count),
            spare: Vec::with_capacity(count),
            leaving: VecDeque::with_capacity(LEAVING_MAX),
            buffer: vec![0; READ_BYTES],
            batch_ns: None,
            newest: Arrival::default(),
            counters: ServerCounters::default(),
            output_error: None,
            tls_error: None,
        })
    }

    /// The journal has been read, and all its outputs went through [`output`](Self::output):
    /// connections are accepted from then on.
    pub fn recovered(&mut self) {
        self.gateway.recovered();
        self.gateway.opened((self.clock)());
        self.batch_ns = None;
        self.listeners.iter_mut().for_each(Listener::wake);
    }

    /// Gives one output of the core to the gateway, by reference. The next turn, or
    /// [`flush_now`](Self::flush_now), writes the messages that it causes.
    ///
    /// # Errors
    /// As [`ClientGateway::on_output`].
    pub fn output(&mut self, output: &Output) -> Result<(), OutputError> {
        self.output_from(output, None)
    }

    /// As [`output`](Self::output), for an output whose origin is known.
    ///
    /// # Errors
    /// As [`ClientGateway::on_output`].
    pub fn output_from(
        &mut self,
        output: &Output,
        passport: Option<&Passport>,
    ) -> Result<(), OutputError> {
        let clock = self.clock;
        let now_ns = *self.batch_ns.get_or_insert_with(clock);
        self.gateway.on_output_from(now_ns, output, passport)
    }

    /// Writes the messages that [`output`](Self::output) has caused.
    pub fn flush_now(&mut self, publish: &mut Publish<'_>) {
        let now_ns = self.batch_ns.take().unwrap_or_else(self.clock);
        self.flush(now_ns);
        self.deliver(now_ns, publish);
    }

    /// Offers the gateway's inputs to the core; true if any was taken.
    fn deliver(&mut self, now_ns: u64, publish: &mut Publish<'_>) -> bool {
        let newest = self.newest;
        let mut offer = |input: &ClientInput| {
            // The kernel's time of bytes that waited in the gateway is gone: their read counts.
            let is_newest = input.arrived_ns == newest.read_ns;
            let read = Arrival::new(None, input.arrived_ns);
            publish(&input.input, if is_newest { newest } else { read })
        };
        self.gateway.deliver(now_ns, &mut offer)
    }

    /// One turn of the loop: outputs (at most [`OUTPUTS_PER_TURN`]), sockets, timers. Never waits.
    /// True if anything was done; otherwise one client's store prepares its next file. An output
    /// that cannot be given to its session is counted and kept for
    /// [`last_output_error`](Self::last_output_error).
    ///
    /// # Errors
    /// [`ServerError::Io`] when the poll itself fails: the thread cannot go on.
    pub fn turn(
        &mut self,
        mut outputs: impl FnMut() -> Option<Output>,
        publish: &mut Publish<'_>,
    ) -> Result<bool, ServerError> {
        let mut worked = false;
        for _ in 0..OUTPUTS_PER_TURN {
            let Some(output) = outputs() else { break };
            worked = true;
            if let Err(error) = self.output(&output) {
                self.counters.output_errors += 1;
                self.output_error = Some(error);
            }
        }
        if self.batch_ns.is_some() {
            self.flush_now(publish);
        }
        worked |= self.poll_once(Duration::ZERO, publish)?;
        if !worked {
            self.counters.maintain_errors += u64::from(self.gateway.maintain().is_err());
        }
        Ok(worked)
    }

    /// Sleeps at most `longest`, unless `has_work`, and then handles whatever woke it. True if
    /// anything was done.
    ///
    /// # Errors
    /// As [`turn`](Self::turn).
    pub fn park(
        &mut self,
        has_work: impl FnOnce() -> bool,
        longest: Duration,
        publish: &mut Publish<'_>,
    ) -> Result<bool, ServerError> {
        let parked = Arc::clone(&self.parked);
        parked.prepare();
        let wait = if has_work() { Duration::ZERO } else { self.idle_for().min(longest) };
        let worked = self.poll_once(wait, publish);
        parked.leave();
        worked
    }

    /// Time until the next timer; zero if there is work already.
    pub fn idle_for(&self) -> Duration {
        if self.is_busy() {
            Duration::ZERO
        } else if self.gateway.is_blocked() {
            BLOCKED_PARK
        } else {
            self.time_to_timer()
        }
    }

    /// Readable when a socket is ready: for a thread that carries more than this server.
    pub fn poll_fd(&self) -> RawFd {
        self.poll.as_raw_fd()
    }

    /// The handle by which a publisher of outputs wakes this thread.
    pub fn waker(&self) -> WakeHandle {
        WakeHandle::for_poll(Arc::clone(&self.parked), Arc::clone(&self.waker))
    }

    /// The gateway, to look at.
    pub const fn gateway(&self) -> &ClientGateway<S> {
        &self.gateway
    }

    /// The gateway, to take its notices.
    pub const fn gateway_mut(&mut self) -> &mut ClientGateway<S> {
        &mut self.gateway
    }

    /// The counters.
    pub const fn counters(&self) -> ServerCounters {
        self.counters
    }

    /// The newest error of an output in [`turn`](Self::turn), once.
    pub const fn last_output_error(&mut self) -> Option<OutputError> {
        self.output_error.take()
    }

    /// Gives the gateway back; every connection is closed.
    pub fn into_gateway(mut self) -> ClientGateway<S> {
        for index in 0..self.slots.len() {
            self.drop_slot(index as u32);
        }
        // Nobody takes inputs any more.
        self.gateway.deliver((self.clock)(), &mut |_| true);
        self.gateway
    }

    fn is_busy(&self) -> bool {
        self.gateway.is_recovered() && self.listeners.iter().any(Listener::is_busy)
            || self.gateway.has_work()
            || self
                .readable
                .iter()
                .any(|slot| self.gateway.wants_read(ConnId(*slot)) || self.is_leaving(*slot))
    }

    fn time_to_timer(&self) -> Duration {
        let listeners = self.listeners.iter().map(Listener::due_ns);
        let leaving = self.leaving.front().map(|(due_ns, _)| *due_ns);
        let due_ns = listeners.chain(self.gateway.next_timer_ns()).chain(leaving).min();
        let due_ns = due_ns.unwrap_or(u64::MAX);
        if due_ns == u64::MAX {
            return PARK_MAX;
        }
        Duration::from_nanos(due_ns.saturating_sub((self.clock)()))
    }

    /// Polls once and does everything that is due.
    fn poll_once(
        &mut self,
        wait: Duration,
        publish: &mut Publish<'_>,
    ) -> Result<bool, ServerError> {
        match self.poll.poll(&mut self.events, Some(wait)) {
            Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error.into()),
            _ => {}
        }
        let now_ns = (self.clock)();
        let mut worked = self.take_readiness(now_ns);
        worked |= self.deliver(now_ns, publish);
        worked |= self.gateway.resume(now_ns);
        worked |= self.deliver(now_ns, publish);
        worked |= self.read_all(now_ns, publish);
        worked |= self.gateway.on_timer(now_ns);
        worked |= self.end_leaving(now_ns);
        // The core learns of lost connections before new ones are accepted and bytes are written.
        worked |= self.deliver(now_ns, publish);
        // A newcomer may displace somebody, so writing and closing come last.
        worked |= self.accept_all(now_ns);
        self.flush(now_ns);
        self.deliver(now_ns, publish);
        self.reload(now_ns);
        Ok(worked)
    }

    fn take_readiness(&mut self, now_ns: u64) -> bool {
        let events = std::mem::replace(&mut self.events, Events::with_capacity(0));
        let mut worked = false;
        for readiness in &events {
            match readiness.token() {
                WAKER => {}
                Token(index) if index > LISTENER.0 - LISTENERS_MAX => {
                    self.listeners.get_mut(LISTENER.0 - index).map(Listener::wake);
                }
                Token(index) => {
                    worked = true;
                    let Some(Some(slot)) = self.slots.get_mut(index) else { continue };
                    slot.stream.on_ready(readiness);
                    let number = index as u32;
                    let over = readiness.is_read_closed() || readiness.is_error();
                    if readiness.is_readable() || over || !slot.ready {
                        mark_readable(slot, number, &mut self.readable);
                    }
                    if readiness.is_writable() && slot.ready {
                        self.write(now_ns, ConnId(number));
                    }
                }
            }
        }
        self.events = events;
        worked
    }

    fn read_all(&mut self, now_ns: u64, publish: &mut Publish<'_>) -> bool {
        if self.readable.is_empty() {
            return false;
        }
        let mut turn = std::mem::replace(&mut self.readable, std::mem::take(&mut self.spare));
        let mut worked = false;
        let mut strangers = 0;
        for number in turn.drain(..) {
            let conn = ConnId(number);
            let Some(Some(slot)) = self.slots.get_mut(number as usize) else { continue };
            if slot.leaving.is_some() {
                slot.more = false;
                self.drain(number);
                self.deliver(now_ns, publish);
                continue;
            }
            let stranger = self.gateway.awaits_logon(conn);
            if stranger && !self.hears(now_ns, conn) {
                worked = true;
                self.deliver(now_ns, publish);
                continue;
            }
            if !self.gateway.wants_read(conn) || stranger && strangers >= STRANGERS_PER_TURN {
                // The slot stays in the list, and the bytes stay in the socket.
                self.readable.push(number);
                continue;
            }
            strangers += usize::from(stranger);
            worked = true;
            if let Some(Some(slot)) = self.slots.get_mut(number as usize) {
                slot.more = false;
            }
            if !self.read(now_ns, conn, publish) {
                self.drop_slot(number);
                self.deliver(now_ns, publish);
            } else if let Some(Some(slot)) = self.slots.get_mut(number as usize)
                && slot.ready
                && slot.stream.is_readable()
            {
                mark_readable(slot, number, &mut self.readable);
            }
        }
        self.spare = turn;
        worked
    }

    /// Whether a stranger has sent anything. One that has not is looked at for the price of a
    /// system call, and its end is noted: a silent crowd takes no turn from those who speak.
    fn hears(&mut self, now_ns: u64, conn: ConnId) -> bool {
        let Some(Some(slot)) = self.slots.get_mut(conn.0 as usize) else { return false };
        if slot.spoke {
            return true;
        }
        match slot.stream.has_spoken() {
            None => slot.more = false,
            Some(false) => self.drop_slot(conn.0),
            Some(true) => {
                slot.spoke = true;
                self.gateway.on_event(now_ns, Event::Spoke(conn));
                return true;
            }
        }
        false
    }

    /// Reads one connection within its budget; false when it is gone.
    fn read(&mut self, now_ns: u64, conn: ConnId, publish: &mut Publish<'_>) -> bool {
        let mut buffer = std::mem::take(&mut self.buffer);
        let mut alive = true;
        let alone = self.gateway.connections() <= 1;
        let budget = if alone { READ_BYTES_ALONE } else { READ_BYTES_IN_COMPANY };
        if let Some(Some(slot)) = self.slots.get_mut(conn.0 as usize) {
            slot.stream.set_read_budget(budget);
        }
        while let Some(Some(slot)) = self.slots.get_mut(conn.0 as usize) {
            if !slot.ready {
                match slot.stream.handshake() {
                    Ok(done) => slot.ready = done,
                    Err(error) => alive = self.tls_failed(now_ns, conn, &error),
                }
                if !alive || !self.secured(now_ns, conn) {
                    break;
                }
                continue;
            }
            let room = buffer.len().min(budget);
            match slot.stream.read(&mut buffer[..room]) {
                Ok(0) => alive = false,
                Ok(count) => {
                    self.newest = Arrival::new(slot.stream.received_ns(), now_ns);
                    let bytes = buffer.get(..count).unwrap_or(&[]);
                    self.gateway.on_event(now_ns, Event::Bytes(conn, bytes));
                    self.deliver(now_ns, publish);
                    if self.gateway.wants_read(conn) {
                        continue;
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => alive = self.tls_failed(now_ns, conn, &error),
            }
            break;
        }
        self.buffer = buffer;
        alive
    }

    /// Tells the gateway the result of a handshake; false if the handshake is not done.
    fn secured(&mut self, now_ns: u64, conn: ConnId) -> bool {
        let Some(Some(slot)) = self.slots.get(conn.0 as usize) else { return false };
        if let Some(facts) = slot.stream.tls_facts().filter(|_| slot.ready) {
            self.gateway.on_event(now_ns, Event::Secured(conn, facts));
        }
        slot.ready
    }

    /// A connection failed. If TLS failed, the gateway is told how.
    fn tls_failed(&mut self, now_ns: u64, conn: ConnId, error: &io::Error) -> bool {
        let tls = self.slots.get(conn.0 as usize).and_then(Option::as_ref);
        if tls.is_some_and(|slot| slot.stream.is_tls())
            && let Some(fault) = TlsFault::of(error)
        {
            self.gateway.on_event(now_ns, Event::TlsFailed(conn, fault));
        }
        false
    }

    /// Writes to every connection with pending bytes, and closes the connections that the gateway
    /// wants closed.
    fn flush(&mut self, now_ns: u64) {
        while let Some(conn) = self.gateway.next_to_write() {
            self.write(now_ns, conn);
        }
        while let Some((conn, reason)) = self.gateway.next_to_close() {
            self.write(now_ns, conn);
            // A session's Logout, which says why, may be on its way.
            if matches!(reason, CloseReason::Session(_)) {
                self.leave(now_ns, conn.0);
            } else {
                self.drop_slot(conn.0);
            }
        }
    }

    /// Writes one connection as far as its socket takes it.
    fn write(&mut self, now_ns: u64, conn: ConnId) {
        let Some(Some(slot)) = self.slots.get_mut(conn.0 as usize) else { return };
        loop {
            let pending = self.gateway.pending(conn);
            if pending.is_empty() && !slot.stream.wants_write() {
                return self.say_last(conn.0);
            }
            // A full queue takes nothing: it is flushed first, and the loop comes back.
            let taken = slot.stream.write(pending).unwrap_or(0);
            if taken > 0 {
                self.gateway.on_event(now_ns, Event::Written(conn, taken));
            }
            match slot.stream.flush() {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(_) => return self.drop_slot(conn.0),
            }
        }
    }

    /// Closes a connection and tells the gateway.
    fn drop_slot(&mut self, number: u32) {
        let Some(mut slot) = self.slots.get_mut(number as usize).and_then(Option::take) else {
            return;
        };
        slot.stream.close();
        // Closing the descriptor removes it from the poll, too.
        let _ = self.poll.registry().deregister(&mut slot.stream);
        if slot.more {
            self.readable.retain(|readable| *readable != number);
        }
        self.free.push(number);
        self.gateway.on_event((self.clock)(), Event::Closed(ConnId(number)));
    }
}

fn mark_readable(slot: &mut Slot, number: u32, readable: &mut Vec<u32>) {
    if !slot.more {
        slot.more = true;
        readable.push(number);
    }
}
