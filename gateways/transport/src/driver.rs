//! Carries one [`Machine`] on the thread that calls [`Driver::turn`]: connects its links, moves
//! their bytes, makes its HTTP requests, keeps its timers.
//!
//! A line belongs here if it turns [`Action`]s into system calls, or readiness into [`Event`]s.
//! Which bytes to send, and when to connect again, is the machine's decision.
//!
//! Bytes that are queued while commands are drained, while one link is read, or while a timer runs,
//! leave in one system call for each link. A lone message leaves at once. Each `Connect` is
//! answered by exactly one `Closed` in the end, however the link ends.
//!
//! [`Driver::new`] starts two helper threads (HTTP, name resolution). They inherit the caller's
//! core affinity, so make the driver first and pin the thread after.

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsRawFd, RawFd};
use std::sync::Arc;
use std::time::Duration;

use mio::{Events, Poll, Token, Waker};

use crate::arrival::{Arrival, ArrivalCell};
use crate::fault::Fault;
use crate::machine::{
    Action, CloseReason, Event, HttpRequest, HttpResponse, LinkId, Machine, Outbox,
};
use crate::standing::{Standing, Why};
use crate::tls::ClientTls;
use crate::wait::PARK_MAX;
use crate::wake::{Parked, WakeHandle};
use crate::websocket::Incoming;

mod link;
mod worker;

use link::{Link, Read1};
use worker::{HttpAnswer, Resolution, Worker};

pub use worker::HTTP_QUEUE_MAX;

/// Most links of one machine.
pub const LINKS_MAX: usize = 64;

/// Commands taken in one turn before the sockets get their chance.
pub const COMMANDS_PER_TURN: usize = 256;

/// Messages that one link may deliver in one turn.
const MESSAGES_PER_TURN: usize = 1024;

/// Bytes read from a raw link at once.
const READ_BYTES: usize = 64 * 1024;

/// Events caused by a machine's own actions that are delivered in one turn; more wait for the next
/// turn.
const OWN_EVENTS_PER_TURN: usize = 256;

const WAKER: Token = Token(usize::MAX);

/// The settings of a driver.
#[derive(Clone, Debug)]
pub struct DriverConfig {
    /// Prefix of the helper threads' names.
    pub name: String,
    /// Trusted certificates, for sockets and HTTP.
    pub tls: ClientTls,
    /// Time for name resolution and the TCP, TLS and WebSocket handshakes together.
    pub connect_timeout: Duration,
    /// Time for one HTTP request, from its start to the last byte of the answer.
    pub http_timeout: Duration,
}

/// Why a driver could not be made, or cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum DriverError {
    /// The machine has more than [`LINKS_MAX`] links.
    #[error("machine has {0} links, at most {LINKS_MAX} are possible")]
    TooManyLinks(usize),
    /// The poll or a helper thread failed.
    #[error("system: {0}")]
    Io(#[from] io::Error),
}

/// Actions that had no effect, for metrics and tests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Sends dropped because the link was not open.
    pub sends_dropped: u64,
    /// Connects ignored because the link was not down.
    pub connects_ignored: u64,
    /// HTTP requests refused because [`HTTP_QUEUE_MAX`] were waiting.
    pub http_refused: u64,
    /// HTTP requests that brought no answer.
    pub http_failed: u64,
    /// Links closed because the write buffer was full.
    pub links_overfull: u64,
    /// Links closed because of a frame over the limit.
    pub too_long: u64,
    /// Actions ignored because the link does not exist.
    pub unknown_links: u64,
}

/// An event caused by the machine's own actions, delivered after all of them were performed.
#[derive(Debug)]
enum Own {
    Closed(LinkId, CloseReason),
    Http(u64, Option<HttpResponse>),
}

/// Carries one machine. See the module's text.
#[derive(Debug)]
pub struct Driver<M: Machine> {
    machine: M,
    clock: fn() -> u64,
    poll: Poll,
    events: Events,
    waker: Arc<Waker>,
    parked: Arc<Parked>,
    links: Vec<Link>,
    outbox: Outbox<M::Emission>,
    own: VecDeque<Own>,
    buffer: Vec<u8>,
    config: DriverConfig,
    http: Worker<HttpRequest, HttpAnswer>,
    resolver: Option<Worker<(LinkId, u32, String, u16), Resolution>>,
    counters: Counters,
    arrival: Arc<ArrivalCell>,
    /// Why the link that ended last ended; `None` if the machine asked for the end.
    link_fault: Option<Fault>,
    /// Why the last HTTP request failed; `None` after an answer.
    http_fault: Option<Fault>,
}

impl<M: Machine> Driver<M> {
    /// Makes a driver; nothing is connected before [`Driver::start`]. `clock` gives nanoseconds
    /// since the Unix epoch.
    ///
    /// # Errors
    /// [`DriverError`].
    pub fn new(machine: M, config: DriverConfig, clock: fn() -> u64) -> Result<Self, DriverError> {
        let endpoints = machine.endpoints();
        if endpoints.len() > LINKS_MAX {
            return Err(DriverError::TooManyLinks(endpoints.len()));
        }
        let poll = Poll::new()?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKER)?);
        let http = worker::http_worker(
            &config.name,
            machine.rest_base(),
            &config.tls,
            config.http_timeout,
            Arc::clone(&waker),
        )?;
        let named = endpoints.iter().any(|endpoint| literal(&endpoint.host).is_none());
        let resolver =
            named.then(|| worker::resolver(&config.name, Arc::clone(&waker))).transpose()?;
        let links = endpoints
            .into_iter()
            .enumerate()
            .map(|(index, endpoint)| Link::new(endpoint, Token(index)))
            .collect();
        Ok(Self {
            machine,
            clock,
            poll,
            events: Events::with_capacity(64),
            waker,
            parked: Arc::new(Parked::default()),
            links,
            outbox: Outbox::default(),
            own: VecDeque::new(),
            buffer: vec![0; READ_BYTES],
            config,
            http,
            resolver,
            counters: Counters::default(),
            arrival: Arc::default(),
            link_fault: None,
            http_fault: None,
        })
    }

    /// Lets the machine start. Call once, first.
    pub fn start(&mut self, emit: &mut dyn FnMut(M::Emission)) {
        let now_ns = (self.clock)();
        self.machine.start(now_ns, &mut self.outbox);
        self.perform(now_ns, emit);
        self.deliver_own(now_ns, emit);
        self.flush(now_ns, emit);
    }

    /// Gives the machine one command, by reference. The next turn, or [`Driver::flush_now`], writes
    /// the bytes that it causes.
    pub fn command(&mut self, command: &M::Command, emit: &mut dyn FnMut(M::Emission)) {
        let now_ns = (self.clock)();
        self.machine.on_command(now_ns, command, &mut self.outbox);
        self.perform(now_ns, emit);
    }

    /// Writes the bytes that [`Driver::command`] has caused.
    pub fn flush_now(&mut self, emit: &mut dyn FnMut(M::Emission)) {
        let now_ns = (self.clock)();
        self.flush(now_ns, emit);
    }

    /// One turn of the loop: commands (at most [`COMMANDS_PER_TURN`]), sockets, HTTP answers,
    /// timers. Never waits. True if anything was done.
    ///
    /// # Errors
    /// [`DriverError::Io`] when the poll itself fails: the thread cannot go on.
    pub fn turn(
        &mut self,
        mut commands: impl FnMut() -> Option<M::Command>,
        emit: &mut dyn FnMut(M::Emission),
    ) -> Result<bool, DriverError> {
        let mut worked = false;
        for _ in 0..COMMANDS_PER_TURN {
            let Some(command) = commands() else { break };
            self.command(&command, emit);
            worked = true;
        }
        if worked || !self.own.is_empty() {
            self.flush_now(emit);
        }
        worked |= self.poll_once(Some(Duration::ZERO), emit)?;
        Ok(worked)
    }

    /// Sleeps at most `longest`, unless `has_work`, and then handles whatever woke it. True if
    /// anything was done.
    ///
    /// # Errors
    /// As [`Driver::turn`].
    pub fn park(
        &mut self,
        has_work: impl FnOnce() -> bool,
        longest: Duration,
        emit: &mut dyn FnMut(M::Emission),
    ) -> Result<bool, DriverError> {
        let parked = Arc::clone(&self.parked);
        parked.prepare();
        let wait = if has_work() { Duration::ZERO } else { self.idle_for().min(longest) };
        let worked = self.poll_once(Some(wait), emit);
        parked.leave();
        worked
    }

    /// Time until the next timer; zero if there is work already.
    pub fn idle_for(&self) -> Duration {
        let busy =
            !self.own.is_empty() || self.links.iter().any(|link| link.more || link.unflushed);
        if busy { Duration::ZERO } else { self.time_to_timer() }
    }

    /// Readable when a socket is ready or a helper thread has an answer: for a thread that carries
    /// more than this driver.
    pub fn poll_fd(&self) -> RawFd {
        self.poll.as_raw_fd()
    }

    /// The handle by which a publisher of commands wakes this thread.
    pub fn waker(&self) -> WakeHandle {
        WakeHandle::for_poll(Arc::clone(&self.parked), Arc::clone(&self.waker))
    }

    /// The machine, to look at.
    pub fn machine(&self) -> &M {
        &self.machine
    }

    /// The machine, to change what is beside its events: where it records to.
    pub const fn machine_mut(&mut self) -> &mut M {
        &mut self.machine
    }

    /// The actions that had no effect so far.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// Why the link that ended last ended, and why the last HTTP request failed.
    pub fn faults(&self) -> (Option<&Fault>, Option<&Fault>) {
        (self.link_fault.as_ref(), self.http_fault.as_ref())
    }

    /// The machine's standing, with what only the carrier knows: why a connection could not be
    /// made, why a request brought no answer. `None` for a machine that does not tell.
    pub fn standing(&self) -> Option<Standing> {
        let mut standing = self.machine.standing()?.clone();
        let fault = match standing.why {
            Some(
                Why::ConnectFailed
                | Why::ClosedByPeer
                | Why::LinkFailed
                | Why::Protocol
                | Why::TooLong
                | Why::WriteBufferFull,
            ) => self.link_fault.as_ref(),
            Some(Why::RestFailing) => self.http_fault.as_ref(),
            _ => None,
        };
        if let Some(fault) = fault.filter(|_| standing.detail.is_empty()) {
            standing.why = Some(fault.why);
            standing.detail.clone_from(&fault.text);
        }
        Some(standing)
    }

    /// Whether a link is up.
    pub fn is_open(&self, link: LinkId) -> bool {
        self.links.get(usize::from(link.0)).is_some_and(Link::is_open)
    }

    /// Polls once and does everything that is due.
    fn poll_once(
        &mut self,
        wait: Option<Duration>,
        emit: &mut dyn FnMut(M::Emission),
    ) -> Result<bool, DriverError> {
        match self.poll.poll(&mut self.events, wait) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error.into()),
            _ => {}
        }
        let now_ns = (self.clock)();
        self.arrival.store(Arrival::new(None, now_ns));
        let mut worked = self.take_readiness(now_ns, emit);
        for index in 0..self.links.len() {
            worked |= self.read_link(index, now_ns, emit);
        }
        worked |= self.take_answers(now_ns, emit);
        worked |= self.expire_connects(now_ns);
        if self.machine.next_timer_ns().is_some_and(|due_ns| due_ns <= now_ns) {
            self.machine.on_timer(now_ns, &mut self.outbox);
            self.perform(now_ns, emit);
            worked = true;
        }
        worked |= self.deliver_own(now_ns, emit);
        self.flush(now_ns, emit);
        Ok(worked)
    }

    fn take_readiness(&mut self, now_ns: u64, emit: &mut dyn FnMut(M::Emission)) -> bool {
        let events = std::mem::replace(&mut self.events, Events::with_capacity(0));
        let mut worked = false;
        for readiness in &events {
            let index = readiness.token().0;
            let Some(link) = self.links.get_mut(index) else { continue };
            worked = true;
            let id = LinkId(index as u8);
            match link.on_ready(readiness, self.poll.registry(), &self.config.tls) {
                Ok(false) => {}
                Ok(true) => self.feed(now_ns, Event::Connected(id), emit),
                Err(fault) => {
                    link.close();
                    let reason = fault.reason;
                    self.note_link(fault);
                    self.feed(now_ns, Event::Closed(id, reason), emit);
                }
            }
        }
        self.events = events;
        worked
    }

    /// Reads one link within its budget, and then writes the machine's answers.
    fn read_link(&mut self, index: usize, now_ns: u64, emit: &mut dyn FnMut(M::Emission)) -> bool {
        let Some(link) = self.links.get_mut(index) else { return false };
        if !link.more {
            return false;
        }
        link.begin_turn();
        let id = LinkId(index as u8);
        let mut buffer = std::mem::take(&mut self.buffer);
        for _ in 0..MESSAGES_PER_TURN {
            let Some(link) = self.links.get_mut(index) else { break };
            let read = link.read(&mut buffer);
            self.arrival.store(Arrival::new(link.received_ns(), now_ns));
            match read {
                Read1::Nothing => break,
                Read1::Bytes(count) => {
                    let bytes = buffer.get(..count).unwrap_or(&[]);
                    self.feed(now_ns, Event::Bytes(id, bytes), emit);
                }
                Read1::Message(Incoming::Text(text)) => {
                    self.feed(now_ns, Event::Text(id, text.as_str()), emit);
                }
                Read1::Message(Incoming::Ping | Incoming::Pong) => {
                    link.unflushed = true;
                    self.feed(now_ns, Event::Alive(id), emit);
                }
                Read1::Gone(fault) => {
                    link.close();
                    let reason = fault.reason;
                    self.note_link(fault);
                    self.feed(now_ns, Event::Closed(id, reason), emit);
                    break;
                }
            }
        }
        self.buffer = buffer;
        self.arrival.store(Arrival::new(None, now_ns));
        self.flush(now_ns, emit);
        true
    }

    fn take_answers(&mut self, now_ns: u64, emit: &mut dyn FnMut(M::Emission)) -> bool {
        let mut worked = false;
        for _ in 0..HTTP_QUEUE_MAX {
            let Some((id, answer)) = self.http.answer() else { break };
            worked = true;
            self.counters.http_failed += u64::from(answer.is_err());
            self.http_fault = answer.as_ref().err().cloned();
            self.feed(now_ns, Event::Http(id, answer.as_ref().ok()), emit);
        }
        while let Some((id, attempt, addresses)) = self.resolver.as_ref().and_then(Worker::answer) {
            worked = true;
            self.connect_to(id, attempt, addresses);
        }
        worked
    }

    fn connect_to(&mut self, id: LinkId, attempt: u32, found: Result<Vec<SocketAddr>, Fault>) {
        let Some(link) = self.links.get_mut(usize::from(id.0)) else { return };
        if link.is_down() || link.attempt != attempt {
            return;
        }
        let (registry, tls) = (self.poll.registry(), &self.config.tls);
        if let Err(fault) = found.and_then(|addresses| link.resolved(addresses, registry, tls)) {
            self.end(id, fault);
        }
    }

    /// Keeps the reason why a link has ended.
    fn note_link(&mut self, fault: Fault) {
        self.counters.links_overfull += u64::from(fault.reason == CloseReason::WriteBufferFull);
        self.counters.too_long += u64::from(fault.reason == CloseReason::TooLong);
        self.link_fault = (fault.reason != CloseReason::Requested).then_some(fault);
    }

    fn expire_connects(&mut self, now_ns: u64) -> bool {
        let mut worked = false;
        for index in 0..self.links.len() {
            let link = &self.links[index];
            if link.deadline_ns().is_some_and(|deadline_ns| deadline_ns <= now_ns) {
                let fault = link.late();
                self.end(LinkId(index as u8), fault);
                worked = true;
            }
        }
        worked
    }

    /// Delivers the events that the machine's own actions have caused, within a limit.
    fn deliver_own(&mut self, now_ns: u64, emit: &mut dyn FnMut(M::Emission)) -> bool {
        let mut worked = false;
        for _ in 0..OWN_EVENTS_PER_TURN {
            let Some(event) = self.own.pop_front() else { break };
            worked = true;
            match &event {
                Own::Closed(id, reason) => self.feed(now_ns, Event::Closed(*id, *reason), emit),
                Own::Http(id, response) => {
                    self.feed(now_ns, Event::Http(*id, response.as_ref()), emit);
                }
            }
        }
        worked
    }

    fn feed(&mut self, now_ns: u64, event: Event<'_>, emit: &mut dyn FnMut(M::Emission)) {
        self.machine.on_event(now_ns, event, &mut self.outbox);
        self.perform(now_ns, emit);
    }

    /// When the bytes behind the emissions of the current poll arrived: for the closure that takes
    /// the emissions.
    pub fn arrival(&self) -> Arc<ArrivalCell> {
        Arc::clone(&self.arrival)
    }

    /// Lets the machine emit the changes that it holds back ([`Machine::flush`]). Call it when the
    /// receiver of emissions has room for changes that may be conflated.
    pub fn emit_held(&mut self, emit: &mut dyn FnMut(M::Emission)) {
        let now_ns = (self.clock)();
        self.machine.flush(now_ns, &mut self.outbox);
        self.perform(now_ns, emit);
    }

    fn perform(&mut self, now_ns: u64, emit: &mut dyn FnMut(M::Emission)) {
        let mut outbox = std::mem::take(&mut self.outbox);
        for emission in outbox.emissions.drain(..) {
            emit(emission);
        }
        for action in outbox.actions.drain(..) {
            match action {
                Action::Connect(id) => self.connect(id, now_ns),
                Action::Close(id) => self.end(id, Fault::of_reason(CloseReason::Requested)),
                Action::Send(id, range) => {
                    self.send(id, outbox.bytes.get(range).unwrap_or(&[]));
                }
                Action::Http(request) => {
                    let id = request.id;
                    if !self.http.submit(request) {
                        self.counters.http_refused += 1;
                        let text = format!("{HTTP_QUEUE_MAX} REST calls wait already");
                        self.http_fault = Some(Fault::new(CloseReason::Io, Why::RestBusy, &text));
                        self.own.push_back(Own::Http(id, None));
                    }
                }
            }
        }
        outbox.clear();
        self.outbox = outbox;
    }

    fn connect(&mut self, id: LinkId, now_ns: u64) {
        let Some(link) = self.links.get_mut(usize::from(id.0)) else {
            self.counters.unknown_links += 1;
            return;
        };
        if !link.is_down() {
            self.counters.connects_ignored += 1;
            return;
        }
        let timeout_ns = self.config.connect_timeout.as_nanos() as u64;
        link.begin(now_ns.saturating_add(timeout_ns));
        let attempt = link.attempt;
        let (host, port) = (link.endpoint.host.clone(), link.endpoint.port);
        if let Some(address) = literal(&host) {
            self.connect_to(id, attempt, Ok(vec![SocketAddr::new(address, port)]));
        } else if !self
            .resolver
            .as_ref()
            .is_some_and(|resolver| resolver.submit((id, attempt, host, port)))
        {
            let (reason, why) = (CloseReason::ConnectFailed, Why::NameNotResolved);
            self.end(id, Fault::new(reason, why, "too many names wait for the name service"));
        }
    }

    /// Closes a link that is not down, and queues the event.
    fn end(&mut self, id: LinkId, fault: Fault) {
        let Some(link) = self.links.get_mut(usize::from(id.0)) else {
            self.counters.unknown_links += 1;
            return;
        };
        if !link.is_down() {
            link.close();
            self.own.push_back(Own::Closed(id, fault.reason));
            self.note_link(fault);
        }
    }

    fn send(&mut self, id: LinkId, bytes: &[u8]) {
        match self.links.get_mut(usize::from(id.0)) {
            Some(link) if link.is_open() => {
                if let Err(fault) = link.send(bytes) {
                    self.end(id, fault);
                }
            }
            Some(_) => self.counters.sends_dropped += 1,
            None => self.counters.unknown_links += 1,
        }
    }

    /// Writes the queued bytes of every link.
    fn flush(&mut self, now_ns: u64, emit: &mut dyn FnMut(M::Emission)) {
        for index in 0..self.links.len() {
            let Some(link) = self.links.get_mut(index) else { continue };
            if link.unflushed
                && let Err(fault) = link.flush()
            {
                self.end(LinkId(index as u8), fault);
            }
        }
        if !self.own.is_empty() {
            self.deliver_own(now_ns, emit);
        }
    }

    fn time_to_timer(&self) -> Duration {
        let deadlines = self.links.iter().filter_map(Link::deadline_ns);
        let Some(due_ns) = self.machine.next_timer_ns().into_iter().chain(deadlines).min() else {
            return PARK_MAX;
        };
        Duration::from_nanos(due_ns.saturating_sub((self.clock)()))
    }
}

fn literal(host: &str) -> Option<IpAddr> {
    host.trim_start_matches('[').trim_end_matches(']').parse().ok()
}
