//! The border between a sans-I/O protocol machine that connects to a venue, and its carrier.
//!
//! A machine (a venue's order entry, a market-data feed) gets [`Event`]s and the time, and answers
//! by filling an [`Outbox`] with [`Action`]s and with emissions for the core. It owns no socket and
//! reads no clock, so a mio thread and the seeded simulator carry the very same code. A machine
//! that peers connect to is an [`Acceptor`](crate::acceptor::Acceptor).
//!
//! A line belongs here if a machine and every carrier must agree on it. Sockets are `driver`.

use crate::refusals::Refusals;
use crate::standing::Standing;

/// One of a machine's connections, by its position in [`Machine::endpoints`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LinkId(pub u8);

/// How the bytes of a link are framed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Framing {
    /// A plain byte stream (FIX).
    Raw,
    /// WebSocket text frames.
    WebSocket {
        /// Path and query of the upgrade request.
        target: String,
    },
}

/// The address of a link, and its protocols.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Host name; also the TLS server name (SNI).
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// Whether TLS is used on top of TCP.
    pub tls: bool,
    /// Framing on top of TCP or TLS.
    pub framing: Framing,
}

/// HTTP method of a [`HttpRequest`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HttpMethod {
    /// GET, no body.
    Get,
    /// POST with a form body.
    Post,
    /// DELETE, no body.
    Delete,
}

/// A request to the machine's REST base address; never on the latency path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpRequest {
    /// Number chosen by the machine, repeated in [`Event::Http`].
    pub id: u64,
    /// Method.
    pub method: HttpMethod,
    /// Path and query, such as `/api/v3/depth?symbol=BTCUSDT`.
    pub target: String,
    /// Header names and values besides Host and Content-Length.
    pub headers: Vec<(String, String)>,
    /// Body; empty for GET.
    pub body: String,
}

/// The answer to a [`HttpRequest`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HttpResponse {
    /// HTTP status code.
    pub status: u16,
    /// Names, in lower case, and values of the headers that are texts: at most
    /// [`HTTP_HEADERS_MAX`] of at most [`HTTP_HEADER_BYTES_MAX`] bytes each. Others are left out.
    pub headers: Vec<(String, String)>,
    /// Body, at most [`HTTP_BODY_BYTES_MAX`] bytes.
    pub body: String,
}

impl HttpResponse {
    /// An answer without headers.
    pub const fn new(status: u16, body: String) -> Self {
        Self { status, headers: Vec::new(), body }
    }

    /// The first header of that name, which is in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut named = self.headers.iter().filter(|(known, _)| known == name);
        named.next().map(|(_, value)| value.as_str())
    }

    /// For how many seconds the peer wants no further request (`Retry-After`, RFC 9110). `None`
    /// without the header, or if it is a date.
    pub fn retry_after_s(&self) -> Option<u64> {
        self.header("retry-after")?.trim().parse().ok()
    }
}

/// Most headers of an answer that are kept.
pub const HTTP_HEADERS_MAX: usize = 64;

/// Longest value of a header that is kept.
pub const HTTP_HEADER_BYTES_MAX: usize = 256;

/// Longest HTTP answer that is read; a longer one is reported as a failure.
pub const HTTP_BODY_BYTES_MAX: usize = 16 << 20;

/// Why a link ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseReason {
    /// The link could not be established: resolution, refusal, TLS, upgrade, or timeout.
    ConnectFailed,
    /// The peer closed the link.
    Peer,
    /// A read or write failed.
    Io,
    /// The peer broke the framing.
    Protocol,
    /// The peer sent a frame over the limit.
    TooLong,
    /// The peer does not read: our bounded write buffer is full.
    WriteBufferFull,
    /// The machine asked for the close.
    Requested,
}

/// What reaches a machine from outside.
#[derive(Debug)]
pub enum Event<'a> {
    /// The link is up; TLS handshake and WebSocket upgrade are done.
    Connected(LinkId),
    /// Bytes of a [`Framing::Raw`] link, cut anywhere.
    Bytes(LinkId, &'a [u8]),
    /// One whole WebSocket text message.
    Text(LinkId, &'a str),
    /// A WebSocket ping or pong came: the peer is alive. The carrier answers pings.
    Alive(LinkId),
    /// The link is gone. Also the answer to [`Action::Close`].
    Closed(LinkId, CloseReason),
    /// The answer to the request with that number; `None` when it failed and its outcome is not
    /// known.
    Http(u64, Option<&'a HttpResponse>),
}

/// A wish of a machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Establish the link; answered by `Connected` or `Closed(ConnectFailed)`.
    Connect(LinkId),
    /// Close the link at once; bytes not yet written are lost.
    Close(LinkId),
    /// Send a range of [`Outbox::bytes`]: raw bytes, or one text message, by the link's framing.
    Send(LinkId, core::ops::Range<usize>),
    /// Make a REST request; answered by [`Event::Http`].
    Http(HttpRequest),
}

/// The actions and emissions of a machine. The carrier clears and reuses it, so nothing allocates
/// once warm.
#[derive(Debug)]
pub struct Outbox<E> {
    /// Actions, in order.
    pub actions: Vec<Action>,
    /// Bytes that [`Action::Send`] refers to.
    pub bytes: Vec<u8>,
    /// Emissions (inputs for the core), in order.
    pub emissions: Vec<E>,
}

impl<E> Default for Outbox<E> {
    fn default() -> Self {
        Self { actions: Vec::new(), bytes: Vec::new(), emissions: Vec::new() }
    }
}

impl<E> Outbox<E> {
    /// Queues the bytes that `write` appends, as one send on `link`.
    pub fn send(&mut self, link: LinkId, write: impl FnOnce(&mut Vec<u8>)) {
        let start = self.bytes.len();
        write(&mut self.bytes);
        self.actions.push(Action::Send(link, start..self.bytes.len()));
    }

    /// Queues a connect.
    pub fn connect(&mut self, link: LinkId) {
        self.actions.push(Action::Connect(link));
    }

    /// Queues a close.
    pub fn close(&mut self, link: LinkId) {
        self.actions.push(Action::Close(link));
    }

    /// Queues an HTTP request.
    pub fn http(&mut self, request: HttpRequest) {
        self.actions.push(Action::Http(request));
    }

    /// Emits something for the core.
    pub fn emit(&mut self, emission: E) {
        self.emissions.push(emission);
    }

    /// Drops everything and keeps the memory.
    pub fn clear(&mut self) {
        self.actions.clear();
        self.bytes.clear();
        self.emissions.clear();
    }
}

/// A sans-I/O protocol machine. Times are nanoseconds since the Unix epoch.
pub trait Machine {
    /// A decision of the core for this machine.
    type Command;
    /// News for the core.
    type Emission;

    /// The machine's links, by [`LinkId`]; constant for its life.
    fn endpoints(&self) -> Vec<Endpoint>;

    /// Base address of its REST requests, such as `https://api.binance.com`.
    fn rest_base(&self) -> String;

    /// Called once, first: connect the links that should be connected.
    fn start(&mut self, now_ns: u64, out: &mut Outbox<Self::Emission>);

    /// An event arrived.
    fn on_event(&mut self, now_ns: u64, event: Event<'_>, out: &mut Outbox<Self::Emission>);

    /// The core decided something for this venue.
    fn on_command(
        &mut self,
        now_ns: u64,
        command: &Self::Command,
        out: &mut Outbox<Self::Emission>,
    );

    /// Called after events while the receiver of emissions has room. Changes that may be conflated
    /// (book changes) are emitted only here, newest state only. Orders and answers never wait for
    /// it.
    fn flush(&mut self, _now_ns: u64, _out: &mut Outbox<Self::Emission>) {}

    /// Called at or after [`Machine::next_timer_ns`]; may be called early or often.
    fn on_timer(&mut self, now_ns: u64, out: &mut Outbox<Self::Emission>);

    /// When `on_timer` is due next, or `None`.
    fn next_timer_ns(&self) -> Option<u64>;

    /// Whether the venue is up, and if not, why; `None` for a machine that does not tell.
    fn standing(&self) -> Option<&Standing> {
        None
    }

    /// What the venue said about the requests that it refused; `None` for a machine without orders.
    fn refusals(&self) -> Option<&Refusals> {
        None
    }
}

/// A boxed machine, such as one out of a table of venues, is carried like any other.
impl<M: Machine + ?Sized> Machine for Box<M> {
    type Command = M::Command;
    type Emission = M::Emission;

    fn endpoints(&self) -> Vec<Endpoint> {
        (**self).endpoints()
    }

    fn rest_base(&self) -> String {
        (**self).rest_base()
    }

    fn start(&mut self, now_ns: u64, out: &mut Outbox<Self::Emission>) {
        (**self).start(now_ns, out);
    }

    fn on_event(&mut self, now_ns: u64, event: Event<'_>, out: &mut Outbox<Self::Emission>) {
        (**self).on_event(now_ns, event, out);
    }

    fn on_command(
        &mut self,
        now_ns: u64,
        command: &Self::Command,
        out: &mut Outbox<Self::Emission>,
    ) {
        (**self).on_command(now_ns, command, out);
    }

    fn flush(&mut self, now_ns: u64, out: &mut Outbox<Self::Emission>) {
        (**self).flush(now_ns, out);
    }

    fn on_timer(&mut self, now_ns: u64, out: &mut Outbox<Self::Emission>) {
        (**self).on_timer(now_ns, out);
    }

    fn next_timer_ns(&self) -> Option<u64> {
        (**self).next_timer_ns()
    }

    fn standing(&self) -> Option<&Standing> {
        (**self).standing()
    }

    fn refusals(&self) -> Option<&Refusals> {
        (**self).refusals()
    }
}
