//! Listening sockets, plain and TLS: the only place where connections are accepted.
//!
//! A line belongs here if it is about a connection that is just being made, or about the
//! certificates that a listener shows. Bytes of a connection are `server`.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use mio::net::{TcpListener, TcpStream};
use mio::{Interest, Token};
use rutter_fix::store::MessageStore;
use rutter_transport::acceptor::{Acceptor, ConnId, Event, Peer};
use rutter_transport::stream::Stream;
use rutter_transport::tls::{ServerTls, TlsError};

use super::{
    ACCEPTS_PER_TURN, GatewayServer, LISTENER, SOCKET_QUEUE_BYTES, ServerError, Slot, mark_readable,
};
use crate::notice::Notice;

/// Pause in accepting after the system refused (no descriptors left), in nanoseconds.
const ACCEPT_PAUSE_NS: u64 = 100_000_000;

/// Most listening sockets.
pub const LISTENERS_MAX: usize = 8;

/// Default period between two looks at the certificate files.
pub const RELOAD_PERIOD: Duration = Duration::from_secs(5);

/// A listening socket.
#[derive(Debug)]
pub(super) struct Listener {
    socket: TcpListener,
    secure: Option<TlsListener>,
    /// Connections may wait to be accepted.
    more: bool,
    after_ns: u64,
}

/// The certificates of a TLS listener, and when their files are looked at next.
#[derive(Debug)]
struct TlsListener {
    tls: ServerTls,
    period_ns: u64,
    due_ns: u64,
}

impl Listener {
    pub const fn wake(&mut self) {
        self.more = true;
    }

    /// Whether connections are to be accepted as soon as possible.
    pub const fn is_busy(&self) -> bool {
        self.more && self.after_ns == 0
    }

    /// When the listener has something to do although its socket is quiet.
    pub fn due_ns(&self) -> u64 {
        let accept_ns = if self.more && self.after_ns > 0 { self.after_ns } else { u64::MAX };
        accept_ns.min(self.secure.as_ref().map_or(u64::MAX, |secure| secure.due_ns))
    }
}

impl<S: MessageStore> GatewayServer<S> {
    /// Adds a listening address for plain connections.
    ///
    /// # Errors
    /// [`ServerError`].
    pub fn listen(&mut self, address: SocketAddr) -> Result<(), ServerError> {
        self.add_listener(address, None)
    }

    /// Adds a listening address for TLS connections. The certificate files are looked at every
    /// `reload_period`. When they have changed, new connections use the new certificates.
    ///
    /// # Errors
    /// [`ServerError`].
    pub fn listen_tls(
        &mut self,
        address: SocketAddr,
        tls: ServerTls,
        reload_period: Duration,
    ) -> Result<(), ServerError> {
        let period_ns = u64::try_from(reload_period.as_nanos()).unwrap_or(u64::MAX).max(1);
        let due_ns = (self.clock)().saturating_add(period_ns);
        self.add_listener(address, Some(TlsListener { tls, period_ns, due_ns }))
    }

    fn add_listener(
        &mut self,
        address: SocketAddr,
        secure: Option<TlsListener>,
    ) -> Result<(), ServerError> {
        let number = self.listeners.len();
        if number >= LISTENERS_MAX {
            return Err(ServerError::TooManyListeners);
        }
        let mut socket = TcpListener::bind(address)?;
        let token = Token(LISTENER.0 - number);
        self.poll.registry().register(&mut socket, token, Interest::READABLE)?;
        self.listeners.push(Listener { socket, secure, more: false, after_ns: 0 });
        Ok(())
    }

    /// The address for plain connections; it has the port even if the system chose it.
    ///
    /// # Errors
    /// The system's error, or `NotFound` without such a listener.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.address_of(false)
    }

    /// The address for TLS connections.
    ///
    /// # Errors
    /// The system's error, or `NotFound` without such a listener.
    pub fn tls_addr(&self) -> io::Result<SocketAddr> {
        self.address_of(true)
    }

    fn address_of(&self, secure: bool) -> io::Result<SocketAddr> {
        let listener = self.listeners.iter().find(|one| one.secure.is_some() == secure);
        listener.ok_or(ErrorKind::NotFound)?.socket.local_addr()
    }

    /// The newest error of reading certificates again, once. [`Notice::CertificatesRefused`] came
    /// with it.
    pub const fn last_tls_error(&mut self) -> Option<TlsError> {
        self.tls_error.take()
    }

    /// Looks at the certificate files when it is time.
    pub(super) fn reload(&mut self, now_ns: u64) {
        for listener in &mut self.listeners {
            let Some(secure) = listener.secure.as_mut().filter(|one| one.due_ns <= now_ns) else {
                continue;
            };
            secure.due_ns = now_ns.saturating_add(secure.period_ns);
            match secure.tls.reload() {
                Ok(false) => {}
                Ok(true) => self.gateway.note(Notice::CertificatesReloaded),
                Err(error) => {
                    self.gateway.note(Notice::CertificatesRefused);
                    self.tls_error = Some(error);
                }
            }
        }
    }

    pub(super) fn accept_all(&mut self, now_ns: u64) -> bool {
        let mut worked = false;
        if self.gateway.is_recovered() {
            for number in 0..self.listeners.len() {
                worked |= self.accept(now_ns, number);
            }
        }
        worked
    }

    fn accept(&mut self, now_ns: u64, number: usize) -> bool {
        // Who has just come is listened to before his place may go to another one.
        let most = ACCEPTS_PER_TURN.min(self.gateway.unbound_max() / 2).max(1);
        for count in 0..most {
            let Some(listener) = self.listeners.get_mut(number) else { return false };
            if !listener.more || now_ns < listener.after_ns {
                return count > 0;
            }
            listener.after_ns = 0;
            match listener.socket.accept() {
                Ok((socket, address)) => {
                    self.counters.accepted += 1;
                    if self.take_connection(now_ns, number, socket, address.ip()).is_none() {
                        self.counters.refused += 1;
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    listener.more = false;
                    return count > 0;
                }
                // The peer left before it was accepted, or a signal came.
                Err(error)
                    if matches!(
                        error.kind(),
                        ErrorKind::ConnectionAborted | ErrorKind::Interrupted
                    ) => {}
                Err(error) => {
                    listener.after_ns = now_ns.saturating_add(ACCEPT_PAUSE_NS);
                    self.counters.accept_errors += 1;
                    self.gateway.accept_failed(now_ns, error.raw_os_error());
                    return count > 0;
                }
            }
        }
        true
    }

    /// Accepts a connection, or drops it when a limit is reached. The gateway tells the reason.
    /// Without a free place it is offered one that does not exist, and refuses.
    fn take_connection(
        &mut self,
        now_ns: u64,
        listener: usize,
        mut socket: TcpStream,
        address: IpAddr,
    ) -> Option<()> {
        let number = self.free.last().copied().unwrap_or(self.slots.len() as u32);
        let conn = ConnId(number);
        let secure = self.listeners.get(listener)?.secure.as_ref();
        let config = secure.map(|secure| secure.tls.config());
        let peer = Peer { address: Some(address), tls: config.is_some() };
        self.gateway.accept(now_ns, conn, &peer).ok()?;
        let interest = Interest::READABLE | Interest::WRITABLE;
        let registered = socket.set_nodelay(true).and_then(|()| {
            self.poll.registry().register(&mut socket, Token(number as usize), interest)
        });
        let stream = match (registered, config) {
            (Ok(()), None) => Some(Stream::plain(socket)),
            (Ok(()), Some(config)) => Stream::tls_server(socket, config).ok(),
            (Err(_), _) => None,
        };
        let Some(mut stream) = stream else {
            self.gateway.on_event(now_ns, Event::Closed(conn));
            return None;
        };
        self.free.pop();
        stream.set_queue_bytes_max(SOCKET_QUEUE_BYTES);
        let mut slot = Slot { stream, ready: false, more: false, spoke: false, leaving: None };
        mark_readable(&mut slot, number, &mut self.readable);
        if let Some(place) = self.slots.get_mut(number as usize) {
            *place = Some(slot);
        }
        Some(())
    }
}
