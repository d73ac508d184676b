//! One connection: its socket, and the bytes that wait in either direction.
//!
//! A line belongs here if it needs no session.

use std::io::{self, Read, Write};

use mio::net::TcpStream;
use mio::{Interest, Registry, Token};

/// Most bytes read in one turn, so that one connection does not keep the others waiting.
const READ_BYTES_MAX: usize = 256 << 10;

/// Most bytes that wait for a peer that does not read. Beyond this the connection is dropped.
const OUTPUT_BYTES_MAX: usize = 16 << 20;

/// Longest time that a closing connection may take to write its remaining bytes.
const LINGER_NS: u64 = 2_000_000_000;

/// A connection.
#[derive(Debug)]
pub(super) struct Link {
    socket: TcpStream,
    /// Bytes received that are not yet a whole message.
    pub input: Vec<u8>,
    /// Bytes to be written.
    pub out: Vec<u8>,
    /// Index of the session, known after the Logon.
    pub slot: Option<usize>,
    /// When the connection is dropped: without a Logon, or with bytes that the peer does not read.
    pub due_ns: Option<u64>,
    /// Whether to read no more, and to close once everything is written.
    pub closing: bool,
    /// Whether the connection has ended.
    pub ended: bool,
    /// Whether the last turn left bytes unread.
    pub unread: bool,
}

impl Link {
    /// A connection that was just accepted.
    pub fn new(socket: TcpStream, logon_due_ns: u64) -> Self {
        // Without this option answers wait for acknowledgements, but still arrive.
        let _ = socket.set_nodelay(true);
        Self {
            socket,
            input: Vec::new(),
            out: Vec::new(),
            slot: None,
            due_ns: Some(logon_due_ns),
            closing: false,
            ended: false,
            unread: false,
        }
    }

    /// Registers the socket.
    pub fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        registry.register(&mut self.socket, token, Interest::READABLE | Interest::WRITABLE)
    }

    /// Reads what has arrived.
    pub fn read(&mut self) {
        let mut chunk = [0; 16 << 10];
        let mut taken = 0;
        self.unread = false;
        while taken < READ_BYTES_MAX && !self.ended {
            match self.socket.read(&mut chunk) {
                Ok(0) => self.ended = true,
                Ok(count) => {
                    taken += count;
                    if !self.closing {
                        self.input.extend_from_slice(chunk.get(..count).unwrap_or(&[]));
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => self.ended = true,
            }
        }
        self.unread = !self.ended;
    }

    /// Writes as much as the socket takes.
    pub fn write(&mut self) {
        while !self.out.is_empty() && !self.ended {
            match self.socket.write(&self.out) {
                Ok(count) if count > 0 => {
                    self.out.drain(..count);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                _ => self.ended = true,
            }
        }
        self.ended |= self.out.len() > OUTPUT_BYTES_MAX;
    }

    /// A Logon has begun, and must be complete by `due_ns`.
    pub fn hurry(&mut self, due_ns: u64) {
        self.due_ns = self.due_ns.map(|known| known.min(due_ns));
    }

    /// Closes the connection once everything is written.
    pub fn close(&mut self, now_ns: u64) {
        self.closing = true;
        self.due_ns = Some(now_ns.saturating_add(LINGER_NS));
    }
}
