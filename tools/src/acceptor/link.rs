//! One connection: its socket, and the bytes that wait in either direction.

use std::io::{self, Read, Write};

use mio::net::TcpStream;
use mio::{Interest, Registry, Token};

/// Most bytes read in one go, so that one connection does not keep the others waiting.
const READ_BYTES_MAX: usize = 256 << 10;

/// Bytes that wait for a peer that does not read; beyond it the connection is given up.
const OUTPUT_BYTES_MAX: usize = 16 << 20;

/// What is left to be written to a closed connection is given up after this.
const LINGER_NS: u64 = 2_000_000_000;

/// A connection.
#[derive(Debug)]
pub(super) struct Link {
    socket: TcpStream,
    /// Bytes that arrived and are no whole message yet.
    pub input: Vec<u8>,
    /// Bytes to be written.
    pub out: Vec<u8>,
    /// Whose it is, once its Logon has said so.
    pub desk: Option<usize>,
    /// When it is given up: without a Logon, or with bytes that nobody takes.
    pub due_ns: Option<u64>,
    /// Nothing more is read; it is closed when everything is written.
    pub closing: bool,
    /// The peer is gone.
    pub ended: bool,
    /// There may be more to read than was taken.
    pub unread: bool,
}

impl Link {
    /// One that was just accepted.
    pub fn new(socket: TcpStream, logon_due_ns: u64) -> Self {
        // Without it answers wait for acknowledgements; it is an optimisation all the same.
        let _ = socket.set_nodelay(true);
        Self {
            socket,
            input: Vec::new(),
            out: Vec::new(),
            desk: None,
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

    /// Takes what has arrived.
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

    /// Writes what the socket takes.
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

    /// A Logon has begun: it must be complete by then.
    pub fn hurry(&mut self, due_ns: u64) {
        self.due_ns = self.due_ns.map(|known| known.min(due_ns));
    }

    /// Closes it once everything is written.
    pub fn close(&mut self, now_ns: u64) {
        self.closing = true;
        self.due_ns = Some(now_ns.saturating_add(LINGER_NS));
    }
}
