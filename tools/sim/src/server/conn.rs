//! One accepted connection: its TLS handshake, then HTTP, a WebSocket, or raw bytes.
//!
//! A line belongs here if it depends on what the connection speaks. Bytes are `stream`.

use std::io::{ErrorKind, Read, Write};

use mio::event::Event;

use super::ListenerKind;
use super::http::{self, Parsed};
use super::stream::Stream;
use super::websocket::{Frame, ServerSocket, upgrade_reply};
use crate::front::{HttpReply, HttpRequest};

/// Most bytes that one connection may deliver in one turn.
const READ_BYTES_PER_TURN: usize = 256 * 1024;

#[derive(Debug)]
enum Body {
    /// During the TLS handshake; a plain connection passes at once.
    Opening(Stream, ListenerKind),
    Http(Stream),
    Web(Box<ServerSocket>),
    Raw(Stream),
    Gone,
}

/// Input of a connection.
#[derive(Debug)]
pub(super) enum Delivery {
    /// A raw connection is open.
    RawOpen,
    /// This many bytes, at the front of the buffer.
    Raw(usize),
    Http(HttpRequest),
    /// A WebSocket is open on this target.
    WebOpen(String),
    Text(tungstenite::Utf8Bytes),
    Pong,
    /// No input for now.
    Nothing,
    /// The connection has ended.
    Gone,
}

#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts, not one state")]
pub(super) struct Conn {
    pub(super) venue: usize,
    body: Body,
    /// Bytes of HTTP that are not yet parsed.
    head: Vec<u8>,
    /// Whether a request waits for the front's answer; the next one is parsed after it.
    answering: bool,
    /// Whether the client asked to close after the answer.
    close_after: bool,
    /// Whether to close once everything queued is written.
    pub(super) closing: bool,
    /// Whether another read may deliver input.
    pub(super) more: bool,
    /// Whether output waits for a flush.
    pub(super) unflushed: bool,
    /// Whether the front knows the connection.
    pub(super) told: bool,
    /// Time of the last input.
    pub(super) active_ns: u64,
}

impl Conn {
    pub(super) fn new(venue: usize, stream: Stream, kind: ListenerKind, now_ns: u64) -> Self {
        Self {
            venue,
            body: Body::Opening(stream, kind),
            head: Vec::new(),
            answering: false,
            close_after: false,
            closing: false,
            more: true,
            unflushed: false,
            told: false,
            active_ns: now_ns,
        }
    }

    /// Whether the connection waits for a handshake or a request.
    pub(super) fn is_idle_http(&self) -> bool {
        matches!(self.body, Body::Opening(..) | Body::Http(_)) && !self.answering
    }

    pub(super) fn on_ready(&mut self, event: &Event) {
        if let Some(stream) = self.stream() {
            stream.on_ready(event);
        }
        self.more |= event.is_readable() || event.is_read_closed() || event.is_error();
        self.unflushed |= event.is_writable();
    }

    pub(super) fn begin_turn(&mut self) {
        if let Some(stream) = self.stream() {
            stream.set_read_budget(READ_BYTES_PER_TURN);
        }
    }

    fn stream(&mut self) -> Option<&mut Stream> {
        match &mut self.body {
            Body::Opening(stream, _) | Body::Http(stream) | Body::Raw(stream) => Some(stream),
            Body::Web(web) => Some(web.stream_mut()),
            Body::Gone => None,
        }
    }

    /// Reads once. After `Nothing`, [`Conn::more`] tells whether to read again in the next turn.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> Delivery {
        match &mut self.body {
            Body::Gone => Delivery::Gone,
            Body::Opening(stream, _) => match stream.handshake() {
                Ok(true) => self.opened(),
                Ok(false) => {
                    self.more = false;
                    Delivery::Nothing
                }
                Err(_) => Delivery::Gone,
            },
            Body::Http(_) => self.read_http(buffer),
            Body::Raw(stream) => match stream.read(buffer) {
                Ok(0) => Delivery::Gone,
                Ok(count) => Delivery::Raw(count),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.more = stream.is_readable();
                    Delivery::Nothing
                }
                Err(_) => Delivery::Gone,
            },
            Body::Web(web) => match web.read() {
                Ok(Some(Frame::Text(text))) => Delivery::Text(text),
                Ok(Some(Frame::Pong)) => Delivery::Pong,
                Ok(Some(Frame::Ping)) => {
                    self.unflushed = true;
                    Delivery::Nothing
                }
                Ok(None) => {
                    self.more = web.stream().is_readable();
                    Delivery::Nothing
                }
                Err(_) => Delivery::Gone,
            },
        }
    }

    fn opened(&mut self) -> Delivery {
        match std::mem::replace(&mut self.body, Body::Gone) {
            Body::Opening(stream, ListenerKind::Raw) => {
                self.body = Body::Raw(stream);
                Delivery::RawOpen
            }
            Body::Opening(stream, ListenerKind::Web) => {
                self.body = Body::Http(stream);
                self.read_http(&mut [0; 4096])
            }
            other => {
                self.body = other;
                Delivery::Nothing
            }
        }
    }

    fn read_http(&mut self, buffer: &mut [u8]) -> Delivery {
        if self.answering || self.closing {
            // Nothing is read before the answer is sent, so a client cannot pile up requests.
            self.more = false;
            return Delivery::Nothing;
        }
        loop {
            match http::parse(&self.head) {
                Ok(Some(parsed)) => return self.requested(parsed),
                Ok(None) => {}
                Err(error) => {
                    let body = format!("{{\"error\":[\"{error}\"]}}");
                    let reply = HttpReply { status: error.status(), headers: Vec::new(), body };
                    // An error text is never too long.
                    let _ = self.answer(&reply);
                    self.closing = true;
                    return Delivery::Nothing;
                }
            }
            let Body::Http(stream) = &mut self.body else { return Delivery::Nothing };
            match stream.read(buffer) {
                Ok(0) => return Delivery::Gone,
                Ok(count) => self.head.extend_from_slice(buffer.get(..count).unwrap_or(&[])),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.more = stream.is_readable();
                    return Delivery::Nothing;
                }
                Err(_) => return Delivery::Gone,
            }
        }
    }

    fn requested(&mut self, parsed: Parsed) -> Delivery {
        let rest = self.head.split_off(parsed.length);
        self.head = rest;
        let Some(key) = parsed.upgrade_key else {
            self.answering = true;
            self.close_after = parsed.close;
            return Delivery::Http(parsed.request);
        };
        let Body::Http(mut stream) = std::mem::replace(&mut self.body, Body::Gone) else {
            return Delivery::Gone;
        };
        if stream.queue(&upgrade_reply(&key)).is_err() {
            return Delivery::Gone;
        }
        self.unflushed = true;
        let request = parsed.request;
        let target = if request.query.is_empty() {
            request.path
        } else {
            format!("{}?{}", request.path, request.query)
        };
        let read_ahead = std::mem::take(&mut self.head);
        self.body = Body::Web(Box::new(ServerSocket::upgraded(stream, read_ahead)));
        Delivery::WebOpen(target)
    }

    /// Queues the answer to the waiting request; false when the answer is too long. The client is
    /// then told so, and the connection ends.
    pub(super) fn answer(&mut self, reply: &HttpReply) -> bool {
        let Body::Http(stream) = &mut self.body else { return true };
        let bytes = http::write(reply, self.close_after);
        self.answering = false;
        self.more = true;
        self.unflushed = true;
        let is_queued = stream.queue_answer(&bytes).is_ok();
        if !is_queued {
            let body = format!("{{\"error\":[\"answer of {} bytes is too long\"]}}", bytes.len());
            let refusal = HttpReply { status: 500, headers: Vec::new(), body };
            // Without room for this either, the client only sees the end of the connection.
            let _ = stream.queue_answer(&http::write(&refusal, true));
        }
        self.closing |= !is_queued || self.close_after;
        is_queued
    }

    /// Queues one text message; `false` when the client does not read.
    pub(super) fn text(&mut self, text: &str) -> bool {
        self.unflushed = true;
        match &mut self.body {
            Body::Web(web) => web.send_text(text).is_ok(),
            _ => true,
        }
    }

    pub(super) fn ping(&mut self) -> bool {
        self.unflushed = true;
        match &mut self.body {
            Body::Web(web) => web.send_ping().is_ok(),
            _ => true,
        }
    }

    /// Queues raw bytes; `false` when the client does not read.
    pub(super) fn bytes(&mut self, bytes: &[u8]) -> bool {
        self.unflushed = true;
        match &mut self.body {
            Body::Raw(stream) => stream.queue(bytes).is_ok(),
            _ => true,
        }
    }

    /// Hands the output to the kernel; `false` when the connection has failed.
    pub(super) fn flush(&mut self) -> bool {
        self.unflushed = false;
        match &mut self.body {
            Body::Web(web) => web.flush().is_ok(),
            Body::Opening(stream, _) | Body::Http(stream) | Body::Raw(stream) => {
                match stream.flush() {
                    Err(error) => error.kind() == ErrorKind::WouldBlock,
                    Ok(()) => true,
                }
            }
            Body::Gone => false,
        }
    }

    /// Whether all output was handed to the kernel.
    pub(super) fn is_flushed(&mut self) -> bool {
        self.stream().is_none_or(|stream| !stream.wants_write())
    }

    pub(super) fn close(&mut self) {
        match std::mem::replace(&mut self.body, Body::Gone) {
            Body::Opening(mut stream, _) | Body::Http(mut stream) | Body::Raw(mut stream) => {
                stream.close();
            }
            Body::Web(mut web) => web.close(),
            Body::Gone => {}
        }
    }
}
