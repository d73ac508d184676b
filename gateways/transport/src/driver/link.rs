//! One link of a machine, from the connect to the open stream.
//!
//! A line belongs here if it needs one link and no machine.

use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;

use mio::event::Event as Readiness;
use mio::{Interest, Registry, Token};

use crate::machine::{CloseReason, Endpoint, Framing};
use crate::stream::Stream;
use crate::tls::{ClientTls, server_name};
use crate::websocket::{Incoming, WebSocketError, WebSocketLink};

/// Bytes that one link may read in one turn of the loop.
const READ_BYTES_PER_TURN: usize = 512 * 1024;

/// The state of a link.
#[derive(Debug, Default)]
enum State {
    #[default]
    Down,
    /// The host name is being resolved.
    Resolving,
    /// The TCP connection is being made.
    Connecting(Stream),
    /// The TLS handshake is not done.
    Securing(Stream),
    /// The WebSocket handshake is not done.
    Upgrading(WebSocketLink),
    Raw(Stream),
    Web(WebSocketLink),
}

/// The result of [`Link::read`].
#[derive(Debug)]
pub(super) enum Read1 {
    /// This number of bytes is at the front of the buffer.
    Bytes(usize),
    /// One message, a ping or a pong.
    Message(Incoming),
    /// No bytes until the next readiness event.
    Nothing,
    /// The link is gone.
    Gone(CloseReason),
}

#[derive(Debug)]
pub(super) struct Link {
    pub(super) endpoint: Endpoint,
    token: Token,
    state: State,
    /// Number of connects, so that a late resolution is not taken for a new one.
    pub(super) attempt: u32,
    /// Addresses that were not tried yet, the next one last.
    addresses: Vec<SocketAddr>,
    /// When the attempt to connect is given up.
    deadline_ns: u64,
    /// Bytes were queued and not flushed.
    pub(super) unflushed: bool,
    /// The socket may have more bytes.
    pub(super) more: bool,
}

impl Link {
    pub(super) fn new(endpoint: Endpoint, token: Token) -> Self {
        Self {
            endpoint,
            token,
            state: State::Down,
            attempt: 0,
            addresses: Vec::new(),
            deadline_ns: u64::MAX,
            unflushed: false,
            more: false,
        }
    }

    pub(super) fn is_down(&self) -> bool {
        matches!(self.state, State::Down)
    }

    pub(super) fn is_open(&self) -> bool {
        matches!(self.state, State::Raw(_) | State::Web(_))
    }

    /// When the attempt to connect ends, while there is one.
    pub(super) fn deadline_ns(&self) -> Option<u64> {
        (!self.is_down() && !self.is_open()).then_some(self.deadline_ns)
    }

    /// Begins an attempt. Its addresses come with [`Link::resolved`].
    pub(super) fn begin(&mut self, deadline_ns: u64) {
        self.attempt = self.attempt.wrapping_add(1);
        self.deadline_ns = deadline_ns;
        self.state = State::Resolving;
    }

    /// Takes the addresses of this attempt, and connects to the first one that can be tried.
    pub(super) fn resolved(
        &mut self,
        mut addresses: Vec<SocketAddr>,
        registry: &Registry,
        tls: &ClientTls,
    ) -> Result<(), CloseReason> {
        addresses.reverse();
        self.addresses = addresses;
        self.connect_next(registry, tls)
    }

    fn connect_next(&mut self, registry: &Registry, tls: &ClientTls) -> Result<(), CloseReason> {
        self.state = State::Down;
        while let Some(address) = self.addresses.pop() {
            if let Ok(stream) = self.connect(address, registry, tls) {
                self.state = State::Connecting(stream);
                return Ok(());
            }
        }
        Err(CloseReason::ConnectFailed)
    }

    fn connect(
        &self,
        address: SocketAddr,
        registry: &Registry,
        tls: &ClientTls,
    ) -> io::Result<Stream> {
        let mut socket = Stream::connect(address)?;
        registry.register(&mut socket, self.token, Interest::READABLE | Interest::WRITABLE)?;
        if !self.endpoint.tls {
            return Ok(Stream::plain(socket));
        }
        let name = server_name(&self.endpoint.host).map_err(io::Error::other)?;
        Stream::tls_client(socket, tls.config(), name).map_err(io::Error::other)
    }

    /// Notes readiness. `Ok(true)` when the link has just become open.
    pub(super) fn on_ready(
        &mut self,
        readiness: &Readiness,
        registry: &Registry,
        tls: &ClientTls,
    ) -> Result<bool, CloseReason> {
        match &mut self.state {
            State::Down | State::Resolving => return Ok(false),
            State::Connecting(stream) | State::Securing(stream) | State::Raw(stream) => {
                stream.on_ready(readiness);
            }
            State::Upgrading(web) | State::Web(web) => {
                if let Some(stream) = web.stream() {
                    stream.on_ready(readiness);
                }
            }
        }
        if self.is_open() {
            self.more |= readiness.is_readable() || readiness.is_read_closed();
            self.unflushed |= readiness.is_writable();
            return Ok(false);
        }
        self.advance(registry, tls)
    }

    /// Takes the attempt as far as possible. `Ok(true)` when the link has become open.
    fn advance(&mut self, registry: &Registry, tls: &ClientTls) -> Result<bool, CloseReason> {
        loop {
            match std::mem::take(&mut self.state) {
                State::Connecting(mut stream) => match stream.finish_connect() {
                    Ok(true) => self.state = State::Securing(stream),
                    Ok(false) => {
                        self.state = State::Connecting(stream);
                        return Ok(false);
                    }
                    Err(_) => {
                        drop(stream);
                        self.connect_next(registry, tls)?;
                        return Ok(false);
                    }
                },
                State::Securing(mut stream) => match stream.handshake() {
                    Ok(true) => self.state = self.secured(stream)?,
                    Ok(false) => {
                        self.state = State::Securing(stream);
                        return Ok(false);
                    }
                    Err(_) => return Err(CloseReason::ConnectFailed),
                },
                State::Upgrading(mut web) => match web.handshake() {
                    Ok(true) => self.state = State::Web(web),
                    Ok(false) => {
                        self.state = State::Upgrading(web);
                        return Ok(false);
                    }
                    Err(_) => return Err(CloseReason::ConnectFailed),
                },
                open @ (State::Raw(_) | State::Web(_)) => {
                    self.state = open;
                    // Bytes may have come together with the end of the handshake.
                    self.more = true;
                    return Ok(true);
                }
                other @ (State::Down | State::Resolving) => {
                    self.state = other;
                    return Ok(false);
                }
            }
        }
    }

    fn secured(&self, stream: Stream) -> Result<State, CloseReason> {
        match &self.endpoint.framing {
            Framing::Raw => Ok(State::Raw(stream)),
            Framing::WebSocket { target } => {
                WebSocketLink::client(stream, &self.host_header(), target)
                    .map(State::Upgrading)
                    .map_err(|_| CloseReason::ConnectFailed)
            }
        }
    }

    /// The `Host` header; without the port if that is the scheme's default.
    fn host_header(&self) -> String {
        let own = if self.endpoint.tls { 443 } else { 80 };
        if self.endpoint.port == own {
            self.endpoint.host.clone()
        } else {
            format!("{}:{}", self.endpoint.host, self.endpoint.port)
        }
    }

    /// Queues bytes, or one text message, by the framing.
    pub(super) fn send(&mut self, bytes: &[u8]) -> Result<(), CloseReason> {
        self.unflushed = true;
        match &mut self.state {
            State::Raw(stream) => stream.queue(bytes).map_err(|_| CloseReason::WriteBufferFull),
            State::Web(web) => {
                // A machine that writes invalid UTF-8 has a bug. The peer must not see it.
                let text = std::str::from_utf8(bytes).map_err(|_| CloseReason::Protocol)?;
                web.send_text(text).map_err(|error| reason(&error))
            }
            State::Down
            | State::Resolving
            | State::Connecting(_)
            | State::Securing(_)
            | State::Upgrading(_) => Ok(()),
        }
    }

    /// Writes the queued bytes.
    pub(super) fn flush(&mut self) -> Result<(), CloseReason> {
        self.unflushed = false;
        match &mut self.state {
            State::Raw(stream) => match stream.flush() {
                Err(error) if error.kind() != ErrorKind::WouldBlock => Err(CloseReason::Io),
                _ => Ok(()),
            },
            State::Web(web) => web.flush().map_err(|error| reason(&error)),
            _ => Ok(()),
        }
    }

    /// Allows another [`READ_BYTES_PER_TURN`] bytes.
    pub(super) fn begin_turn(&mut self) {
        let stream = match &mut self.state {
            State::Raw(stream) => Some(stream),
            State::Web(web) => web.stream(),
            _ => None,
        };
        if let Some(stream) = stream {
            stream.set_read_budget(READ_BYTES_PER_TURN);
        }
    }

    /// Reads once. After `Nothing`, [`Link::more`] tells whether the next turn should go on.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> Read1 {
        match &mut self.state {
            State::Raw(stream) => match stream.read(buffer) {
                Ok(0) => Read1::Gone(CloseReason::Peer),
                Ok(count) => Read1::Bytes(count),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.more = stream.is_readable();
                    Read1::Nothing
                }
                Err(error) => Read1::Gone(io_reason(&error)),
            },
            State::Web(web) => match web.read() {
                Ok(Some(incoming)) => Read1::Message(incoming),
                Ok(None) => {
                    self.more = web.stream().is_some_and(|stream| stream.is_readable());
                    Read1::Nothing
                }
                Err(error) => Read1::Gone(reason(&error)),
            },
            _ => {
                self.more = false;
                Read1::Nothing
            }
        }
    }

    /// The kernel's timestamp of the newest bytes that were read; `None` if unknown.
    pub(super) fn received_ns(&mut self) -> Option<u64> {
        match &mut self.state {
            State::Raw(stream) => stream.received_ns(),
            State::Web(web) => web.stream().and_then(|stream| stream.received_ns()),
            _ => None,
        }
    }

    /// Closes at once. Without effect on a link that is down.
    pub(super) fn close(&mut self) {
        match std::mem::take(&mut self.state) {
            State::Raw(mut stream) => stream.close(),
            State::Web(mut web) => web.close(),
            _ => {}
        }
        self.addresses.clear();
        self.unflushed = false;
        self.more = false;
    }
}

fn reason(error: &WebSocketError) -> CloseReason {
    match error {
        WebSocketError::Handshake(_) | WebSocketError::Target(_) => CloseReason::ConnectFailed,
        WebSocketError::Protocol(_) => CloseReason::Protocol,
        WebSocketError::Closed => CloseReason::Peer,
        WebSocketError::WriteBufferFull(_) => CloseReason::WriteBufferFull,
        WebSocketError::Io(error) => io_reason(error),
    }
}

fn io_reason(error: &io::Error) -> CloseReason {
    match error.kind() {
        ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::BrokenPipe => {
            CloseReason::Peer
        }
        ErrorKind::InvalidData => CloseReason::Protocol,
        _ => CloseReason::Io,
    }
}
