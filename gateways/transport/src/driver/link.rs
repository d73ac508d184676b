//! One link of a machine, from the connect to the open stream.
//!
//! A line belongs here if it needs one link and no machine.

use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;

use mio::event::Event as Readiness;
use mio::{Interest, Registry, Token};

use crate::fault::Fault;
use crate::machine::{CloseReason, Endpoint, Framing};
use crate::standing::Why;
use crate::stream::Stream;
use crate::tls::{ClientTls, server_name};
use crate::websocket::{Incoming, WebSocketLink};

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
    Gone(Fault),
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
    /// Why the address that was tried last failed.
    failed: Option<Fault>,
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
            failed: None,
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
        self.failed = None;
    }

    /// What an attempt to connect was waiting for when its time was over.
    pub(super) fn late(&self) -> Fault {
        let (why, text) = match &self.state {
            State::Resolving => (Why::NameNotResolved, "no answer of the name service in time"),
            State::Securing(_) => (Why::ConnectTimeout, "TLS handshake not done in time"),
            State::Upgrading(_) => (Why::ConnectTimeout, "no answer to the WebSocket upgrade"),
            State::Connecting(_) | State::Down | State::Raw(_) | State::Web(_) => {
                (Why::ConnectTimeout, "no answer to the TCP connect in time")
            }
        };
        Fault::new(CloseReason::ConnectFailed, why, text)
    }

    /// Takes the addresses of this attempt, and connects to the first one that can be tried.
    pub(super) fn resolved(
        &mut self,
        mut addresses: Vec<SocketAddr>,
        registry: &Registry,
        tls: &ClientTls,
    ) -> Result<(), Fault> {
        addresses.reverse();
        self.addresses = addresses;
        self.connect_next(registry, tls)
    }

    fn connect_next(&mut self, registry: &Registry, tls: &ClientTls) -> Result<(), Fault> {
        self.state = State::Down;
        while let Some(address) = self.addresses.pop() {
            match self.connect(address, registry, tls) {
                Ok(stream) => {
                    self.state = State::Connecting(stream);
                    return Ok(());
                }
                Err(error) => self.failed = Some(failed_at(address, &error)),
            }
        }
        let reason = CloseReason::ConnectFailed;
        let no_address = || Fault::new(reason, Why::NameNotResolved, "the name has no address");
        Err(self.failed.take().unwrap_or_else(no_address))
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
    ) -> Result<bool, Fault> {
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
    fn advance(&mut self, registry: &Registry, tls: &ClientTls) -> Result<bool, Fault> {
        loop {
            match std::mem::take(&mut self.state) {
                State::Connecting(mut stream) => match stream.finish_connect() {
                    Ok(true) => self.state = State::Securing(stream),
                    Ok(false) => {
                        self.state = State::Connecting(stream);
                        return Ok(false);
                    }
                    Err(error) => {
                        drop(stream);
                        self.failed = Some(failed_at(self.place(), &error));
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
                    Err(error) => return Err(Fault::of_connect(&error)),
                },
                State::Upgrading(mut web) => match web.handshake() {
                    Ok(true) => self.state = State::Web(web),
                    Ok(false) => {
                        self.state = State::Upgrading(web);
                        return Ok(false);
                    }
                    Err(error) => {
                        let fault = Fault::of_websocket(&error);
                        return Err(Fault { reason: CloseReason::ConnectFailed, ..fault });
                    }
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

    fn secured(&self, stream: Stream) -> Result<State, Fault> {
        match &self.endpoint.framing {
            Framing::Raw => Ok(State::Raw(stream)),
            Framing::WebSocket { target } => {
                WebSocketLink::client(stream, &self.host_header(), target)
                    .map(State::Upgrading)
                    .map_err(|error| Fault::of_websocket(&error))
            }
        }
    }

    /// Host and port, for people.
    fn place(&self) -> String {
        format!("{}:{}", self.endpoint.host, self.endpoint.port)
    }

    /// The `Host` header; without the port if that is the scheme's default.
    fn host_header(&self) -> String {
        let own = if self.endpoint.tls { 443 } else { 80 };
        if self.endpoint.port == own { self.endpoint.host.clone() } else { self.place() }
    }

    /// Queues bytes, or one text message, by the framing.
    pub(super) fn send(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        self.unflushed = true;
        match &mut self.state {
            State::Raw(stream) => stream.queue(bytes).map_err(|error| {
                let (reason, why) = (CloseReason::WriteBufferFull, Why::WriteBufferFull);
                Fault::new(reason, why, &error.to_string())
            }),
            State::Web(web) => {
                // A machine that writes invalid UTF-8 has a bug. The peer must not see it.
                let text = std::str::from_utf8(bytes)
                    .map_err(|_| Fault::of_reason(CloseReason::Protocol))?;
                web.send_text(text).map_err(|error| Fault::of_websocket(&error))
            }
            State::Down
            | State::Resolving
            | State::Connecting(_)
            | State::Securing(_)
            | State::Upgrading(_) => Ok(()),
        }
    }

    /// Writes the queued bytes.
    pub(super) fn flush(&mut self) -> Result<(), Fault> {
        self.unflushed = false;
        match &mut self.state {
            State::Raw(stream) => match stream.flush() {
                Err(error) if error.kind() != ErrorKind::WouldBlock => Err(Fault::of_io(&error)),
                _ => Ok(()),
            },
            State::Web(web) => web.flush().map_err(|error| Fault::of_websocket(&error)),
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
                Ok(0) => Read1::Gone(Fault::of_reason(CloseReason::Peer)),
                Ok(count) => Read1::Bytes(count),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.more = stream.is_readable();
                    Read1::Nothing
                }
                Err(error) => Read1::Gone(Fault::of_io(&error)),
            },
            State::Web(web) => match web.read() {
                Ok(Some(incoming)) => Read1::Message(incoming),
                Ok(None) => {
                    self.more = web.stream().is_some_and(|stream| stream.is_readable());
                    Read1::Nothing
                }
                Err(error) => Read1::Gone(Fault::of_websocket(&error)),
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

fn failed_at(address: impl std::fmt::Display, error: &io::Error) -> Fault {
    Fault { text: format!("{address}: {error}"), ..Fault::of_connect(error) }
}
