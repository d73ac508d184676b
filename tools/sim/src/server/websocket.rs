//! The server side of a WebSocket (RFC 6455) over an accepted [`Stream`].
//!
//! A line belongs here if it turns text messages into frames or frames into messages. The frames
//! themselves are `tungstenite`'s. No extension is accepted: a client that offers
//! `permessage-deflate` is answered without it, as RFC 7692 allows.

use std::io::{ErrorKind, Write as _};

use tungstenite::handshake::derive_accept_key;
use tungstenite::protocol::{Role, WebSocketConfig};
use tungstenite::{Bytes, Error, Message, Utf8Bytes, WebSocket};

use super::stream::{OUTPUT_BYTES_MAX, Stream};

/// Longest message, and longest frame, that a client may send.
const MESSAGE_BYTES_MAX: usize = 8 << 20;

/// Longest header of a frame: 2 bytes, a length of 8 bytes, a mask of 4 bytes.
const FRAME_HEADER_BYTES_MAX: usize = 14;

/// Bytes read from the stream at once.
const READ_BYTES: usize = 16 * 1024;

/// The connection cannot be used any more: it is closed, broke the protocol, or its client does not
/// read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unusable;

/// Input of a client.
#[derive(Debug)]
pub(super) enum Frame {
    /// One whole text message.
    Text(Utf8Bytes),
    /// A ping; its answer is queued.
    Ping,
    Pong,
}

/// An open WebSocket.
#[derive(Debug)]
pub(super) struct ServerSocket(WebSocket<Stream>);

impl ServerSocket {
    /// A WebSocket after its upgrade was answered with [`upgrade_reply`]. `read_ahead` holds the
    /// bytes that followed the request.
    pub(super) fn upgraded(stream: Stream, read_ahead: Vec<u8>) -> Self {
        // Every frame goes to the stream's output at once, without a buffer here.
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BYTES)
            .write_buffer_size(0)
            .max_write_buffer_size(OUTPUT_BYTES_MAX)
            .max_message_size(Some(MESSAGE_BYTES_MAX))
            .max_frame_size(Some(MESSAGE_BYTES_MAX));
        Self(WebSocket::from_partially_read(stream, read_ahead, Role::Server, Some(config)))
    }

    pub(super) fn stream(&self) -> &Stream {
        self.0.get_ref()
    }

    pub(super) fn stream_mut(&mut self) -> &mut Stream {
        self.0.get_mut()
    }

    /// The next frame; `None` when nothing has arrived, or the stream's read budget is used up.
    pub(super) fn read(&mut self) -> Result<Option<Frame>, Unusable> {
        match self.0.read() {
            Ok(Message::Text(text)) => Ok(Some(Frame::Text(text))),
            Ok(Message::Ping(_)) => Ok(Some(Frame::Ping)),
            Ok(Message::Pong(_)) => Ok(Some(Frame::Pong)),
            Ok(Message::Close(_)) => {
                // The answer is queued by tungstenite; it leaves as far as the socket takes it.
                let _ = self.0.flush();
                Err(Unusable)
            }
            // No venue takes binary messages.
            Ok(Message::Binary(_) | Message::Frame(_)) => Err(Unusable),
            Err(error) => waits(&error).map(|()| None),
        }
    }

    /// Queues one text message.
    pub(super) fn send_text(&mut self, text: &str) -> Result<(), Unusable> {
        self.send(text.len(), Message::Text(Utf8Bytes::from(text)))
    }

    /// Queues a ping without a payload.
    pub(super) fn send_ping(&mut self) -> Result<(), Unusable> {
        self.send(0, Message::Ping(Bytes::new()))
    }

    fn send(&mut self, bytes: usize, message: Message) -> Result<(), Unusable> {
        if bytes + FRAME_HEADER_BYTES_MAX > self.stream().room() {
            return Err(Unusable);
        }
        self.0.write(message).or_else(|error| waits(&error))
    }

    /// Hands the output to the kernel. A full kernel buffer is no error.
    pub(super) fn flush(&mut self) -> Result<(), Unusable> {
        self.0.flush().or_else(|error| waits(&error))
    }

    /// Sends a close frame as far as the socket takes it at once, and closes the connection.
    pub(super) fn close(&mut self) {
        // The client may have closed already: then no close frame is due.
        let _ = self.0.close(None);
        self.stream_mut().close();
    }
}

/// The answer to an upgrade request with this `Sec-WebSocket-Key`.
pub(super) fn upgrade_reply(key: &str) -> Vec<u8> {
    let mut reply = Vec::with_capacity(160);
    let accept = derive_accept_key(key.trim().as_bytes());
    // Writing to memory cannot fail.
    let _ = write!(
        reply,
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Accept: {accept}\r\n\r\n"
    );
    reply
}

/// No error if the socket only has to be waited for.
fn waits(error: &Error) -> Result<(), Unusable> {
    match error {
        Error::Io(error) if error.kind() == ErrorKind::WouldBlock => Ok(()),
        _ => Err(Unusable),
    }
}
