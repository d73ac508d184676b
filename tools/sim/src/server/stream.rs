//! One accepted TCP connection, plain or TLS, that never blocks and holds a bounded output.
//!
//! A line belongs here if it moves bytes between memory and an accepted socket. Frames of a
//! WebSocket are `websocket`, requests are `http`. The node's transport is deliberately not used:
//! an error there has to show as a difference between the node and the simulated venue.
//!
//! Polling is edge-triggered, so the socket is read until it is empty before the next wait.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::net::Shutdown;
use std::sync::Arc;

use mio::event::Event;
use mio::net::TcpStream;
use rustls::{ServerConfig, ServerConnection};

/// Most bytes that wait for a client that does not read.
pub(super) const OUTPUT_BYTES_MAX: usize = 1 << 20;

/// Most bytes of one HTTP answer: some 140,000 open orders. An answer may exceed
/// [`OUTPUT_BYTES_MAX`], since a client that asks for one answer at a time is no slow reader.
pub(super) const ANSWER_BYTES_MAX: usize = 64 << 20;

/// The output would exceed its limit: the client does not read, or the answer is too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OutputFull;

/// The socket, with its readiness as reported by the poll.
#[derive(Debug)]
struct Socket {
    tcp: TcpStream,
    /// Whether bytes may be waiting: set by an event, cleared by a read that empties the socket.
    readable: bool,
    /// Whether the client has closed its side; then a short read does not prove an empty socket.
    read_closed: bool,
}

impl Read for Socket {
    /// A read that does not fill the buffer has emptied the socket (epoll(7)), so the next call
    /// says "would block" without a system call.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if !self.readable {
            return Err(ErrorKind::WouldBlock.into());
        }
        loop {
            match self.tcp.read(buffer) {
                Ok(count) => {
                    self.readable = self.read_closed || count == buffer.len();
                    return Ok(count);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    self.readable = error.kind() != ErrorKind::WouldBlock;
                    return Err(error);
                }
            }
        }
    }
}

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.tcp.write(bytes)
    }

    fn write_vectored(&mut self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        self.tcp.write_vectored(parts)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// One accepted connection.
#[derive(Debug)]
pub(super) struct Stream {
    socket: Socket,
    tls: Option<Box<ServerConnection>>,
    /// Bytes that wait for the socket, not yet encrypted.
    output: VecDeque<u8>,
    /// Bytes that may still be read in this turn.
    read_budget: usize,
}

impl Stream {
    /// A plain connection, or the server side of TLS.
    pub(super) fn accepted(
        tcp: TcpStream,
        tls: Option<&Arc<ServerConfig>>,
    ) -> Result<Self, rustls::Error> {
        let tls = match tls {
            None => None,
            Some(config) => Some(Box::new(ServerConnection::new(Arc::clone(config))?)),
        };
        let socket = Socket { tcp, readable: true, read_closed: false };
        Ok(Self { socket, tls, output: VecDeque::new(), read_budget: usize::MAX })
    }

    /// Notes an event of the poll.
    pub(super) fn on_ready(&mut self, event: &Event) {
        let closed = event.is_read_closed() || event.is_error();
        self.socket.readable |= event.is_readable() || closed;
        self.socket.read_closed |= closed;
    }

    /// Whether another read may yield bytes before the next event.
    pub(super) fn is_readable(&self) -> bool {
        self.socket.readable || self.read_budget == 0
    }

    /// Limits the bytes read until the next call, so that one busy client cannot hold up the
    /// others.
    pub(super) fn set_read_budget(&mut self, bytes: usize) {
        self.read_budget = bytes;
    }

    /// Drives the TLS handshake; `true` once it is done, at once for a plain connection.
    pub(super) fn handshake(&mut self) -> io::Result<bool> {
        let Some(tls) = &mut self.tls else { return Ok(true) };
        while tls.is_handshaking() {
            match tls.complete_io(&mut self.socket) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
                Ok(_) => {}
            }
        }
        Ok(!tls.is_handshaking())
    }

    /// Bytes that the output still takes.
    pub(super) fn room(&self) -> usize {
        OUTPUT_BYTES_MAX.saturating_sub(self.output.len())
    }

    /// Queues all of `bytes`, or none of them.
    pub(super) fn queue(&mut self, bytes: &[u8]) -> Result<(), OutputFull> {
        if bytes.len() > self.room() {
            return Err(OutputFull);
        }
        self.output.extend(bytes);
        Ok(())
    }

    /// Queues a whole answer, or nothing.
    pub(super) fn queue_answer(&mut self, bytes: &[u8]) -> Result<(), OutputFull> {
        if bytes.len() > ANSWER_BYTES_MAX.saturating_sub(self.output.len()) {
            return Err(OutputFull);
        }
        self.output.extend(bytes);
        Ok(())
    }

    /// Whether bytes wait for the socket.
    pub(super) fn wants_write(&self) -> bool {
        !self.output.is_empty() || self.tls.as_ref().is_some_and(|tls| tls.wants_write())
    }

    /// Sends the output as far as the socket takes it at once, and closes the connection.
    pub(super) fn close(&mut self) {
        // The client may have closed already; then the output is lost.
        let _ = self.flush();
        if let Some(tls) = &mut self.tls {
            tls.send_close_notify();
            let _ = write_records(tls, &mut self.socket);
        }
        let _ = self.socket.tcp.shutdown(Shutdown::Both);
    }
}

impl Read for Stream {
    /// `Ok(0)` means that the client closed, with or without the TLS closure alert.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.read_budget == 0 {
            return Err(ErrorKind::WouldBlock.into());
        }
        let count = match &mut self.tls {
            None => self.socket.read(buffer)?,
            Some(tls) => read_decrypted(tls, &mut self.socket, buffer)?,
        };
        self.read_budget = self.read_budget.saturating_sub(count);
        Ok(count)
    }
}

impl Write for Stream {
    /// Queues as many bytes as fit; "would block" when none fits.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = bytes.len().min(self.room());
        if count == 0 && !bytes.is_empty() {
            return Err(ErrorKind::WouldBlock.into());
        }
        self.output.extend(bytes.iter().take(count));
        Ok(count)
    }

    /// Hands the output to the kernel; "would block" when the kernel did not take all bytes.
    fn flush(&mut self) -> io::Result<()> {
        while self.wants_write() {
            if let Some(tls) = &mut self.tls {
                write_records(tls, &mut self.socket)?;
                if tls.is_handshaking() {
                    return Err(ErrorKind::WouldBlock.into());
                }
            }
            let waiting = self.output.as_slices().0;
            if waiting.is_empty() {
                continue;
            }
            let taken = match &mut self.tls {
                None => self.socket.write(waiting),
                Some(tls) => tls.writer().write(waiting),
            };
            match taken {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(count) => drop(self.output.drain(..count)),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// Reads decrypted bytes; reads records from the socket until there are some.
fn read_decrypted(
    tls: &mut ServerConnection,
    socket: &mut Socket,
    buffer: &mut [u8],
) -> io::Result<usize> {
    loop {
        match tls.reader().read(buffer) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            // The client closed without the closure alert.
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(0),
            result => return result,
        }
        tls.read_tls(socket)?;
        let processed = tls.process_new_packets();
        // An alert or a key update; the next flush sends the bytes that the socket does not take
        // now.
        let _ = write_records(tls, socket);
        processed.map_err(|error| io::Error::new(ErrorKind::InvalidData, error))?;
    }
}

fn write_records(tls: &mut ServerConnection, socket: &mut Socket) -> io::Result<()> {
    while tls.wants_write() {
        tls.write_tls(socket)?;
    }
    Ok(())
}
