//! A non-blocking TCP stream, plain or TLS, client or server, with a bounded write buffer.
//!
//! Written bytes are queued, and [`Stream::flush`] hands all of them to the kernel at once. So
//! small messages queued in one turn of a loop leave in one system call (and in one TLS record),
//! and a lone message leaves as soon as its loop flushes.
//!
//! A line belongs here if it moves bytes between memory and a socket. Frames are `websocket`.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::sync::Arc;

use mio::event::{Event, Source};
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, Connection, ServerConfig, ServerConnection};

use crate::arrival::{ask_for_timestamps, read_stamped};
use crate::byte_queue::ByteQueue;
use crate::tls::TlsFacts;

/// Most bytes that wait for a peer that does not read. Beyond it the peer is cut off.
pub const WRITE_BUFFER_BYTES_MAX: usize = 1 << 20;

/// Bytes of ciphertext taken from the socket by one system call.
const TLS_READ_BYTES: usize = 32 * 1024;

/// The bounded write buffer is full: the peer does not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("write buffer full: {queued} bytes wait, {refused} more refused")]
pub struct WriteBufferFull {
    /// Number of bytes that wait to be written.
    pub queued: usize,
    /// Bytes that did not fit.
    pub refused: usize,
}

/// TLS on top of the socket.
#[derive(Debug)]
struct Tls {
    connection: Connection,
    /// Ciphertext that was read and is not decrypted yet.
    staged: Box<[u8]>,
    start: usize,
    end: usize,
    /// The peer has been told that nothing follows (TLS close notify).
    said_goodbye: bool,
}

impl Tls {
    fn new(connection: Connection) -> Box<Self> {
        let staged = vec![0; TLS_READ_BYTES].into_boxed_slice();
        Box::new(Self { connection, staged, start: 0, end: 0, said_goodbye: false })
    }

    fn say_goodbye(&mut self) {
        if !std::mem::replace(&mut self.said_goodbye, true) {
            self.connection.send_close_notify();
        }
    }
}

/// The socket, and facts about the bytes in it.
#[derive(Debug)]
struct Intake {
    socket: TcpStream,
    /// The socket may have bytes: set by a readiness event, cleared when a read found it empty.
    readable: bool,
    /// The peer has closed its side, so a short read does not mean that the socket is empty.
    read_closed: bool,
    /// The kernel's timestamp of the bytes that were read last.
    received_ns: Option<u64>,
}

/// A connection. See the module's text.
#[derive(Debug)]
pub struct Stream {
    intake: Intake,
    tls: Option<Box<Tls>>,
    queue: ByteQueue,
    queue_bytes_max: usize,
    /// Bytes that may still be read in this turn; see [`Stream::set_read_budget`].
    read_budget: usize,
}

impl Stream {
    /// A plain stream over a socket that is connected, or connecting.
    pub fn plain(socket: TcpStream) -> Self {
        ask_for_timestamps(&socket);
        let intake = Intake { socket, readable: true, read_closed: false, received_ns: None };
        Self {
            intake,
            tls: None,
            queue: ByteQueue::default(),
            queue_bytes_max: WRITE_BUFFER_BYTES_MAX,
            read_budget: usize::MAX,
        }
    }

    /// The client side of a TLS stream.
    ///
    /// # Errors
    /// The error of `rustls` about the configuration or the name.
    pub fn tls_client(
        socket: TcpStream,
        config: Arc<ClientConfig>,
        name: ServerName<'static>,
    ) -> Result<Self, rustls::Error> {
        let connection = ClientConnection::new(config, name)?;
        Ok(Self { tls: Some(Tls::new(connection.into())), ..Self::plain(socket) })
    }

    /// The server side of a TLS stream.
    ///
    /// # Errors
    /// The error of `rustls` about the configuration.
    pub fn tls_server(socket: TcpStream, config: Arc<ServerConfig>) -> Result<Self, rustls::Error> {
        let connection = ServerConnection::new(config)?;
        Ok(Self { tls: Some(Tls::new(connection.into())), ..Self::plain(socket) })
    }

    /// Starts a plain connection; [`Stream::finish_connect`] tells how it went.
    ///
    /// # Errors
    /// The system's error.
    pub fn connect(address: SocketAddr) -> io::Result<TcpStream> {
        TcpStream::connect(address)
    }

    /// Changes the limit of the write buffer from [`WRITE_BUFFER_BYTES_MAX`].
    pub fn set_queue_bytes_max(&mut self, bytes: usize) {
        self.queue_bytes_max = bytes;
    }

    /// Whether a first byte waits in the socket: `None` if nothing has come yet. An error, or the
    /// end of the stream, waits as well.
    pub fn has_spoken(&self) -> Option<bool> {
        match self.intake.socket.peek(&mut [0]) {
            Ok(count) => Some(count > 0),
            Err(error)
                if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) =>
            {
                None
            }
            Err(_) => Some(false),
        }
    }

    /// Whether the TCP connection stands; sets `TCP_NODELAY` once it does.
    ///
    /// # Errors
    /// The system's error.
    pub fn finish_connect(&mut self) -> io::Result<bool> {
        if let Some(error) = self.intake.socket.take_error()? {
            return Err(error);
        }
        match self.intake.socket.peer_addr() {
            Ok(_) => {
                self.intake.socket.set_nodelay(true)?;
                Ok(true)
            }
            Err(error) if error.kind() == ErrorKind::NotConnected => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Drives the TLS handshake; `true` when it is done (at once for a plain stream).
    ///
    /// # Errors
    /// [`ErrorKind::InvalidData`] if the peer breaks TLS, [`ErrorKind::UnexpectedEof`] if it left,
    /// else the socket's error.
    pub fn handshake(&mut self) -> io::Result<bool> {
        let Some(tls) = &mut self.tls else { return Ok(true) };
        while tls.connection.is_handshaking() {
            match write_records(&mut tls.connection, &mut self.intake.socket) {
                Err(error) if error.kind() != ErrorKind::WouldBlock => return Err(error),
                _ => {}
            }
            if !tls.connection.is_handshaking() {
                break;
            }
            let taken = read_records(tls, &mut self.intake);
            match taken {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) => {
                    // The alert tells the peer why. Whether it arrives does not matter.
                    let _ = write_records(&mut tls.connection, &mut self.intake.socket);
                    return Err(error);
                }
            }
        }
        match write_records(&mut tls.connection, &mut self.intake.socket) {
            Err(error) if error.kind() != ErrorKind::WouldBlock => Err(error),
            _ => Ok(true),
        }
    }

    /// Whether the stream uses TLS.
    pub const fn is_tls(&self) -> bool {
        self.tls.is_some()
    }

    /// What the handshake has shown about the peer; `None` for a plain stream.
    pub fn tls_facts(&self) -> Option<TlsFacts> {
        self.tls.as_ref().map(|tls| TlsFacts::of(&tls.connection))
    }

    /// Notes the readiness that the poll reported for this socket.
    pub fn on_ready(&mut self, event: &Event) {
        self.intake.readable |= event.is_readable() || event.is_read_closed() || event.is_error();
        self.intake.read_closed |= event.is_read_closed() || event.is_error();
    }

    /// Whether the socket may still have bytes.
    pub fn is_readable(&self) -> bool {
        self.intake.readable
            || self.read_budget == 0
            || self.tls.as_ref().is_some_and(|tls| tls.start < tls.end)
    }

    /// Limits the bytes that [`Read::read`] yields until the next call of this function. Beyond the
    /// limit it reports "would block", although [`Stream::is_readable`] stays true. So one busy
    /// peer cannot hold up the other links of the thread.
    pub fn set_read_budget(&mut self, bytes: usize) {
        self.read_budget = bytes;
    }

    /// When the kernel took the newest bytes of the last read from the network, nanoseconds since
    /// the Unix epoch; `None` if the kernel does not say.
    pub fn received_ns(&self) -> Option<u64> {
        self.intake.received_ns
    }

    /// Queues all of `bytes`, or nothing.
    ///
    /// # Errors
    /// [`WriteBufferFull`] when they do not fit.
    pub fn queue(&mut self, bytes: &[u8]) -> Result<(), WriteBufferFull> {
        if bytes.len() > self.room() {
            return Err(WriteBufferFull { queued: self.queue.len(), refused: bytes.len() });
        }
        self.queue.push(bytes);
        Ok(())
    }

    /// Bytes that the write buffer still takes.
    pub fn room(&self) -> usize {
        self.queue_bytes_max.saturating_sub(self.queue.len())
    }

    /// Bytes that wait for the socket.
    pub fn queued(&self) -> usize {
        self.queue.len()
    }

    /// Whether something waits for the socket.
    pub fn wants_write(&self) -> bool {
        !self.queue.is_empty() || self.tls.as_ref().is_some_and(|tls| tls.connection.wants_write())
    }

    /// Closes the writing side after everything was written. The bytes arrive, followed by the end,
    /// as long as the peer's bytes are read until its own end comes.
    ///
    /// # Errors
    /// [`ErrorKind::WouldBlock`] when the socket does not take everything at once: call again when
    /// it is writable. Else the socket's error.
    pub fn close_write(&mut self) -> io::Result<()> {
        self.flush()?;
        if let Some(tls) = &mut self.tls {
            tls.say_goodbye();
        }
        self.flush()?;
        self.intake.socket.shutdown(Shutdown::Write)
    }

    /// Sends TLS's close notify as far as the socket takes it at once, and shuts the connection
    /// down.
    pub fn close(&mut self) {
        if let Some(tls) = &mut self.tls {
            tls.say_goodbye();
        }
        let _ = self.flush();
        let _ = self.intake.socket.shutdown(Shutdown::Both);
    }

    /// The peer's address.
    ///
    /// # Errors
    /// The system's error.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.intake.socket.peer_addr()
    }
}

impl Read for Stream {
    /// `Ok(0)` means that the peer closed, with or without TLS's close notify.
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.read_budget == 0 {
            return Err(ErrorKind::WouldBlock.into());
        }
        let count = match &mut self.tls {
            None => read_socket(&mut self.intake, buf)?,
            Some(tls) => loop {
                match tls.connection.reader().read(buf) {
                    Ok(count) => break count,
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                    Err(error) if error.kind() == ErrorKind::UnexpectedEof => break 0,
                    Err(error) => return Err(error),
                }
                let taken = read_records(tls, &mut self.intake);
                if tls.connection.wants_write() {
                    // A key update or an alert. Bytes that the socket does not take go with the
                    // next flush.
                    let _ = write_records(&mut tls.connection, &mut self.intake.socket);
                }
                if taken? == 0 {
                    break 0;
                }
            },
        };
        self.read_budget = self.read_budget.saturating_sub(count);
        Ok(count)
    }
}

impl Write for Stream {
    /// Queues what fits; `WouldBlock` when nothing does.
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let count = buf.len().min(self.room());
        if count == 0 && !buf.is_empty() {
            return Err(ErrorKind::WouldBlock.into());
        }
        self.queue.push(buf.get(..count).unwrap_or(buf));
        Ok(count)
    }

    /// Hands the queued bytes to the kernel; `WouldBlock` when it did not take all of them.
    fn flush(&mut self) -> io::Result<()> {
        let Some(tls) = &mut self.tls else {
            while !self.queue.is_empty() {
                match self.intake.socket.write(self.queue.waiting()) {
                    Ok(0) => return Err(ErrorKind::WriteZero.into()),
                    Ok(count) => self.queue.consume(count),
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    Err(error) => return Err(error),
                }
            }
            return Ok(());
        };
        loop {
            write_records(&mut tls.connection, &mut self.intake.socket)?;
            if self.queue.is_empty() {
                return Ok(());
            }
            if tls.connection.is_handshaking() {
                return Err(ErrorKind::WouldBlock.into());
            }
            let count = tls.connection.writer().write(self.queue.waiting())?;
            if count == 0 {
                return Err(ErrorKind::WouldBlock.into());
            }
            self.queue.consume(count);
        }
    }
}

impl Source for Stream {
    fn register(
        &mut self,
        registry: &Registry,
        token: Token,
        interests: Interest,
    ) -> io::Result<()> {
        self.intake.socket.register(registry, token, interests)
    }

    fn reregister(
        &mut self,
        registry: &Registry,
        token: Token,
        interests: Interest,
    ) -> io::Result<()> {
        self.intake.socket.reregister(registry, token, interests)
    }

    fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        self.intake.socket.deregister(registry)
    }
}

/// Reads the socket once. Polling is edge-triggered: nothing more comes before the next readiness
/// event after "would block", nor after a read that did not fill the buffer (epoll(7)), unless the
/// peer has closed. So neither is followed by another system call.
fn read_socket(intake: &mut Intake, buf: &mut [u8]) -> io::Result<usize> {
    if !intake.readable {
        return Err(ErrorKind::WouldBlock.into());
    }
    loop {
        match read_stamped(&intake.socket, buf) {
            Ok((count, received_ns)) => {
                intake.readable = intake.read_closed || count == buf.len() || count == 0;
                intake.received_ns = received_ns.or(intake.received_ns);
                return Ok(count);
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => {
                intake.readable = error.kind() != ErrorKind::WouldBlock;
                return Err(error);
            }
        }
    }
}

/// Takes records from the socket and decrypts them. Returns the bytes taken, 0 at the end.
fn read_records(tls: &mut Tls, intake: &mut Intake) -> io::Result<usize> {
    if tls.start == tls.end {
        tls.start = 0;
        tls.end = 0;
        let count = read_socket(intake, &mut tls.staged)?;
        if count == 0 {
            // Tells rustls that nothing follows; its reader then reports the end.
            tls.connection.read_tls(&mut io::empty())?;
            return Ok(0);
        }
        tls.end = count;
    }
    let mut staged = tls.staged.get(tls.start..tls.end).unwrap_or(&[]);
    let count = tls.connection.read_tls(&mut staged)?;
    tls.start += count;
    tls.connection
        .process_new_packets()
        .map_err(|error| io::Error::new(ErrorKind::InvalidData, error))?;
    Ok(count.max(1))
}

/// Writes the TLS records that wait.
fn write_records(connection: &mut Connection, socket: &mut TcpStream) -> io::Result<()> {
    while connection.wants_write() {
        match connection.write_tls(socket) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
