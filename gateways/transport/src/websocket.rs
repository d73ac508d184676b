//! WebSocket text messages (RFC 6455) over a [`Stream`], client and server side, non-blocking.
//!
//! A line belongs here if it turns frames into messages or back. Frames and handshake themselves
//! are `tungstenite`'s. Extensions are neither offered nor accepted: a server answers a client that
//! offers `permessage-deflate` without it, which RFC 7692 allows. Pings are answered here.

use std::io::{ErrorKind, Write};
use std::sync::{Arc, OnceLock};

use tungstenite::handshake::client::{ClientHandshake, Request, generate_key};
use tungstenite::handshake::server::{Callback, ErrorResponse, Response, ServerHandshake};
use tungstenite::handshake::{HandshakeError, MidHandshake};
use tungstenite::protocol::{Role, WebSocketConfig};
use tungstenite::{Bytes, Error, Message, Utf8Bytes, WebSocket};

use crate::stream::{Stream, WRITE_BUFFER_BYTES_MAX, WriteBufferFull};

/// Longest message that is read; a snapshot of a deep book is some hundred kilobytes.
pub const MESSAGE_BYTES_MAX: usize = 8 << 20;

/// Longest single frame that is read.
pub const FRAME_BYTES_MAX: usize = 8 << 20;

/// Longest header of a frame: 2 bytes, a length of 8, a mask of 4.
const FRAME_HEADER_BYTES_MAX: usize = 14;

/// Bytes read from the stream at once.
const READ_BYTES: usize = 16 * 1024;

/// Why a WebSocket cannot be used any more.
#[derive(Debug, thiserror::Error)]
pub enum WebSocketError {
    /// The handshake was refused, or was no WebSocket handshake.
    #[error("WebSocket handshake failed: {0}")]
    Handshake(String),
    /// The request target or the host cannot be written into a request.
    #[error("not a request target or host: {0}")]
    Target(String),
    /// The peer sent a bad frame, bad UTF-8, or a binary message (RFC 6455, and our own rule).
    #[error("protocol error: {0}")]
    Protocol(String),
    /// The peer sent a frame or a message over [`MESSAGE_BYTES_MAX`].
    #[error("{0}")]
    TooLong(String),
    /// The peer closed, with or without a close frame.
    #[error("closed by the peer")]
    Closed,
    /// The peer does not read.
    #[error(transparent)]
    WriteBufferFull(#[from] WriteBufferFull),
    /// The socket failed.
    #[error("socket: {0}")]
    Io(#[from] std::io::Error),
}

/// A message, ping or pong that arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Incoming {
    /// One whole text message.
    Text(Utf8Bytes),
    /// A ping; the answer is already queued.
    Ping,
    /// A pong.
    Pong,
}

/// Notes the target that a client requested.
#[derive(Clone, Debug, Default)]
struct Target(Arc<OnceLock<String>>);

impl Callback for Target {
    fn on_request(
        self,
        request: &tungstenite::handshake::server::Request,
        response: Response,
    ) -> Result<Response, ErrorResponse> {
        let target = request.uri().path_and_query().map_or("/", |target| target.as_str());
        let _ = self.0.set(target.to_owned());
        Ok(response)
    }
}

#[derive(Debug)]
enum State {
    Client(MidHandshake<ClientHandshake<Stream>>),
    Server(MidHandshake<ServerHandshake<Stream, Target>>),
    Open(Box<WebSocket<Stream>>),
    /// The handshake failed, or is being driven right now.
    Gone,
}

/// A WebSocket, from its handshake on. See the module's text.
#[derive(Debug)]
pub struct WebSocketLink {
    state: State,
    target: Target,
}

impl WebSocketLink {
    /// The client side, before its handshake. `stream` must be connected, with its TLS handshake
    /// done.
    ///
    /// # Errors
    /// [`WebSocketError::Target`] when `host` or `target` cannot stand in a request.
    pub fn client(stream: Stream, host: &str, target: &str) -> Result<Self, WebSocketError> {
        let bad = |error: &dyn std::fmt::Display| WebSocketError::Target(error.to_string());
        // The scheme only tells tungstenite that this is a WebSocket. TLS is the stream's.
        let request = Request::builder()
            .method("GET")
            .uri(format!("ws://{host}{target}"))
            .header("Host", host)
            .header("Connection", "Upgrade")
            .header("Upgrade", "websocket")
            .header("Sec-WebSocket-Version", "13")
            .header("Sec-WebSocket-Key", generate_key())
            .body(())
            .map_err(|error| bad(&error))?;
        let handshake =
            ClientHandshake::start(stream, request, Some(config())).map_err(|error| bad(&error))?;
        Ok(Self { state: State::Client(handshake), target: Target::default() })
    }

    /// The server side, before its handshake.
    pub fn server(stream: Stream) -> Self {
        let target = Target::default();
        let handshake = ServerHandshake::start(stream, target.clone(), Some(config()));
        Self { state: State::Server(handshake), target }
    }

    /// The server side after a handshake that the caller made (see [`accept_response`]), with the
    /// bytes that the caller read beyond the request.
    pub fn accepted(stream: Stream, target: &str, read_ahead: Vec<u8>) -> Self {
        let socket =
            WebSocket::from_partially_read(stream, read_ahead, Role::Server, Some(config()));
        let link = Self { state: State::Open(Box::new(socket)), target: Target::default() };
        let _ = link.target.0.set(target.to_owned());
        link
    }

    /// Drives the handshake; `true` once the WebSocket is open.
    ///
    /// # Errors
    /// Why the handshake failed.
    pub fn handshake(&mut self) -> Result<bool, WebSocketError> {
        match std::mem::replace(&mut self.state, State::Gone) {
            State::Client(handshake) => match handshake.handshake() {
                Ok((socket, _response)) => self.state = State::Open(Box::new(socket)),
                Err(HandshakeError::Interrupted(rest)) => self.state = State::Client(rest),
                Err(HandshakeError::Failure(error)) => return Err(handshake_error(error)),
            },
            State::Server(handshake) => match handshake.handshake() {
                Ok(socket) => self.state = State::Open(Box::new(socket)),
                Err(HandshakeError::Interrupted(rest)) => self.state = State::Server(rest),
                Err(HandshakeError::Failure(error)) => return Err(handshake_error(error)),
            },
            open @ State::Open(_) => self.state = open,
            State::Gone => return Err(WebSocketError::Closed),
        }
        Ok(matches!(self.state, State::Open(_)))
    }

    /// The request target of the client; empty before a server's handshake is done.
    pub fn target(&self) -> &str {
        self.target.0.get().map_or("", String::as_str)
    }

    /// The next message, ping or pong; `None` when there is none, or the stream's read budget is
    /// used up.
    ///
    /// # Errors
    /// Why nothing more will come.
    pub fn read(&mut self) -> Result<Option<Incoming>, WebSocketError> {
        let socket = self.open()?;
        match socket.read() {
            Ok(Message::Text(text)) => Ok(Some(Incoming::Text(text))),
            Ok(Message::Ping(_)) => Ok(Some(Incoming::Ping)),
            Ok(Message::Pong(_)) => Ok(Some(Incoming::Pong)),
            Ok(Message::Close(_)) => {
                // Sends the answer that tungstenite has queued, as far as the socket takes it.
                let _ = socket.flush();
                Err(WebSocketError::Closed)
            }
            Ok(Message::Binary(_) | Message::Frame(_)) => {
                Err(WebSocketError::Protocol("a binary message".to_owned()))
            }
            Err(error) => nothing_or(error),
        }
    }

    /// Queues one text message; [`WebSocketLink::flush`] sends it.
    ///
    /// # Errors
    /// [`WebSocketError::WriteBufferFull`]; bytes queued before stay queued.
    pub fn send_text(&mut self, text: &str) -> Result<(), WebSocketError> {
        self.send(text.len(), || Message::Text(Utf8Bytes::from(text)))
    }

    /// Queues a ping.
    ///
    /// # Errors
    /// As [`WebSocketLink::send_text`].
    pub fn send_ping(&mut self) -> Result<(), WebSocketError> {
        self.send(0, || Message::Ping(Bytes::new()))
    }

    /// Hands the queued bytes to the kernel, as far as it takes them.
    ///
    /// # Errors
    /// Why the socket cannot be used any more. A full kernel buffer is not an error.
    pub fn flush(&mut self) -> Result<(), WebSocketError> {
        match self.open()?.flush() {
            Ok(()) => Ok(()),
            Err(error) => nothing_or(error).map(|_| ()),
        }
    }

    /// Sends a close frame as far as the socket takes it at once, and closes the connection.
    pub fn close(&mut self) {
        if let State::Open(socket) = &mut self.state {
            let _ = socket.close(None);
            socket.get_mut().close();
        }
        self.state = State::Gone;
    }

    /// The stream below, unless the handshake failed.
    pub fn stream(&mut self) -> Option<&mut Stream> {
        match &mut self.state {
            State::Client(handshake) => Some(handshake.get_mut().get_mut()),
            State::Server(handshake) => Some(handshake.get_mut().get_mut()),
            State::Open(socket) => Some(socket.get_mut()),
            State::Gone => None,
        }
    }

    fn open(&mut self) -> Result<&mut WebSocket<Stream>, WebSocketError> {
        match &mut self.state {
            State::Open(socket) => Ok(socket),
            State::Client(_) | State::Server(_) | State::Gone => Err(WebSocketError::Closed),
        }
    }

    fn send(
        &mut self,
        bytes: usize,
        message: impl FnOnce() -> Message,
    ) -> Result<(), WebSocketError> {
        let socket = self.open()?;
        let stream = socket.get_ref();
        if bytes + FRAME_HEADER_BYTES_MAX > stream.room() {
            let full = WriteBufferFull { queued: stream.queued(), refused: bytes };
            return Err(full.into());
        }
        match socket.write(message()) {
            Ok(()) => Ok(()),
            Err(error) => nothing_or(error).map(|_| ()),
        }
    }
}

/// The answer to an upgrade request with this `Sec-WebSocket-Key`, without extensions.
pub fn accept_response(key: &str) -> Vec<u8> {
    let mut response = Vec::with_capacity(160);
    let accept = tungstenite::handshake::derive_accept_key(key.trim().as_bytes());
    let _ = write!(
        response,
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Accept: {accept}\r\n\r\n"
    );
    response
}

/// Tungstenite holds nothing back: its buffer passes everything to the stream's buffer at once.
fn config() -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(READ_BYTES)
        .write_buffer_size(0)
        .max_write_buffer_size(WRITE_BUFFER_BYTES_MAX)
        .max_message_size(Some(MESSAGE_BYTES_MAX))
        .max_frame_size(Some(FRAME_BYTES_MAX))
}

fn handshake_error(error: Error) -> WebSocketError {
    match error {
        Error::Io(error) => WebSocketError::Io(error),
        other => WebSocketError::Handshake(other.to_string()),
    }
}

fn nothing_or(error: Error) -> Result<Option<Incoming>, WebSocketError> {
    use tungstenite::error::ProtocolError;
    match error {
        Error::Io(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
        Error::Io(error) => Err(WebSocketError::Io(error)),
        Error::ConnectionClosed
        | Error::AlreadyClosed
        | Error::Protocol(
            ProtocolError::ResetWithoutClosingHandshake | ProtocolError::SendAfterClosing,
        ) => Err(WebSocketError::Closed),
        Error::Capacity(error) => Err(WebSocketError::TooLong(error.to_string())),
        other => Err(WebSocketError::Protocol(other.to_string())),
    }
}
