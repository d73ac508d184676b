//! The border between a sans-I/O protocol machine that peers connect to, and its carrier.
//!
//! A [`Machine`](crate::machine::Machine) connects to a venue, and writes into an outbox that never
//! refuses. An [`Acceptor`] is the other kind: its peers connect to it, and both of its receivers
//! may refuse. A socket may be full, and the core's input ring may be full. So bytes and emissions
//! stay in the acceptor until the receiver has taken them, and the acceptor limits how many wait.
//! This trait stands beside `Machine` because a machine has endpoints and HTTP requests, and an
//! acceptor has neither.
//!
//! The carrier calls [`Acceptor::deliver`] after each call that may have caused an emission, and
//! writes and closes at the end of its turn. A mio thread and the seeded simulator carry the very
//! same acceptor.
//!
//! A line belongs here if an acceptor and every carrier must agree on it. Listening sockets belong
//! to the carrier, and so does TLS.

use std::net::IpAddr;

use crate::tls::{TlsFacts, TlsFault};

/// A connection, by the slot that its carrier chose. The carrier may use a slot again once it has
/// reported [`Event::Closed`] for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnId(pub u32);

/// Facts about a new connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Peer {
    /// The peer's address; `None` if the carrier has no addresses.
    pub address: Option<IpAddr>,
    /// A TLS handshake comes first: [`Event::Secured`] or [`Event::TlsFailed`] follows.
    pub tls: bool,
}

/// What reaches an acceptor from its connections. An event for a connection that the acceptor is
/// closing, or that is gone, has no effect: an earlier event of the same batch may have ended it.
#[derive(Debug)]
pub enum Event<'a> {
    /// The first bytes of a connection wait in its socket, perhaps those of a TLS handshake. Comes
    /// before they are read.
    Spoke(ConnId),
    /// Bytes arrived, cut anywhere. Their arrival time is the time of the call.
    Bytes(ConnId, &'a [u8]),
    /// The TLS handshake is done.
    Secured(ConnId, TlsFacts),
    /// TLS failed, during the handshake or later. [`Event::Closed`] follows.
    TlsFailed(ConnId, TlsFault),
    /// The socket took this number of bytes from the front of [`Acceptor::pending`].
    Written(ConnId, usize),
    /// The connection is gone: the peer or the carrier closed it. Also the answer to
    /// [`Acceptor::next_to_close`].
    Closed(ConnId),
}

/// A sans-I/O protocol machine that peers connect to. Times are nanoseconds since the Unix epoch.
pub trait Acceptor {
    /// Type of the emissions for the core.
    type Emission;
    /// Why it refuses or ends a connection.
    type CloseReason;

    /// A peer has connected. `conn` is free.
    ///
    /// # Errors
    /// Why the connection is refused: the carrier closes it and reports nothing more about it.
    fn accept(&mut self, now_ns: u64, conn: ConnId, peer: &Peer) -> Result<(), Self::CloseReason>;

    /// Something happened to a connection.
    fn on_event(&mut self, now_ns: u64, event: Event<'_>);

    /// Called at or after [`Acceptor::next_timer_ns`]; may be called early or often. True if
    /// anything was due.
    fn on_timer(&mut self, now_ns: u64) -> bool;

    /// When `on_timer` is due next, or `None`. May be too early, never too late.
    fn next_timer_ns(&self) -> Option<u64>;

    /// Goes on with connections whose bytes wait in the acceptor: because an emission was refused,
    /// or because the peer had not read enough. True if anything was done. Cheap when nothing
    /// waits: call it every turn, after [`Acceptor::deliver`].
    fn resume(&mut self, now_ns: u64) -> bool;

    /// Whether [`Acceptor::resume`] would do something at once.
    fn has_work(&self) -> bool;

    /// The oldest emission that its receiver has not taken yet.
    fn emission(&self) -> Option<&Self::Emission>;

    /// The receiver took [`Acceptor::emission`]. The acceptor goes on reading the bytes that it
    /// holds when that was the last one, so there may be a new emission.
    fn emission_taken(&mut self, now_ns: u64);

    /// The receiver has no room for [`Acceptor::emission`]: no further message is read, from any
    /// connection, until it is taken.
    fn emission_refused(&mut self, now_ns: u64);

    /// Whether bytes of this connection are welcome. When not, they stay in the socket.
    fn wants_read(&self, conn: ConnId) -> bool;

    /// The next connection with bytes to write, each once.
    fn next_to_write(&mut self) -> Option<ConnId>;

    /// Bytes to write to a connection; answered by [`Event::Written`].
    fn pending(&self, conn: ConnId) -> &[u8];

    /// The next connection to close, once its socket has been offered [`Acceptor::pending`];
    /// answered by [`Event::Closed`].
    fn next_to_close(&mut self) -> Option<(ConnId, Self::CloseReason)>;

    /// Whether the receiver of emissions has refused: offer again soon.
    fn is_blocked(&self) -> bool {
        self.emission().is_some()
    }

    /// Offers emissions to `receive`, oldest first, until it refuses one (`false`) or none is left.
    /// True if any was taken.
    fn deliver(&mut self, now_ns: u64, receive: &mut dyn FnMut(&Self::Emission) -> bool) -> bool {
        let mut taken = false;
        while let Some(emission) = self.emission() {
            if !receive(emission) {
                self.emission_refused(now_ns);
                break;
            }
            self.emission_taken(now_ns);
            taken = true;
        }
        taken
    }
}
