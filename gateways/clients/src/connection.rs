//! One connection: whose it is and what waits in either direction.
//!
//! A line belongs here if it needs one connection and no session.

use core::fmt;
use std::net::IpAddr;

use rutter_transport::tls::TlsFacts;

use crate::lockout::Source;

/// What a carrier knows about a connection when it is made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Peer {
    /// Where it comes from; `None` if the carrier has no addresses.
    pub address: Option<IpAddr>,
    /// A TLS handshake has to be done first.
    pub tls: bool,
}

/// Whose a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Binding {
    /// Its Logon is still awaited.
    Unbound,
    /// A client's, by position.
    Client(usize),
    /// Nobody's any more: it is to be closed, and nothing of it is read.
    Closing,
}

/// What protects a connection.
#[derive(Debug)]
pub(crate) enum Secure {
    /// Nothing.
    Plain,
    /// TLS, as soon as its handshake is done.
    Handshake,
    /// TLS, and what its handshake has told.
    Tls(Box<TlsFacts>),
}

impl Secure {
    /// What the handshake has told.
    pub fn facts(&self) -> Option<&TlsFacts> {
        match self {
            Self::Plain | Self::Handshake => None,
            Self::Tls(facts) => Some(facts),
        }
    }
}

/// A connection that the carrier holds.
pub(crate) struct Connection {
    /// Where it comes from.
    pub address: Option<IpAddr>,
    /// The same, as it is counted.
    pub source: Option<Source>,
    /// What protects it.
    pub secure: Secure,
    /// Whose it is.
    pub binding: Binding,
    /// Bytes that wait: an unfinished message, or whatever the core has no room for.
    pub input: Vec<u8>,
    /// Bytes to be written.
    pub out: Vec<u8>,
    /// When the newest bytes came.
    pub arrived_ns: u64,
    /// The Logon must be there by then.
    pub logon_due_ns: u64,
    /// It is among the connections to be written.
    pub dirty: bool,
    /// Bytes wait in `input` for room at the core, for confirmations, or for a replay to end.
    pub stalled: bool,
    /// The operator has been told that it reads slowly.
    pub warned: bool,
    /// Since when bytes wait without any being taken.
    pub backlog_since_ns: Option<u64>,
}

/// Shows how many bytes wait and not which: there may be a password among them.
impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("address", &self.address)
            .field("binding", &self.binding)
            .field("input_bytes", &self.input.len())
            .field("output_bytes", &self.out.len())
            .finish_non_exhaustive()
    }
}

/// Room for the input and output of a connection that keeps up, in bytes.
const BUFFER_BYTES: usize = 8 << 10;

impl Connection {
    /// One that has just been made.
    pub fn new(logon_due_ns: u64, peer: &Peer) -> Self {
        Self {
            address: peer.address,
            source: peer.address.map(Source::from),
            secure: if peer.tls { Secure::Handshake } else { Secure::Plain },
            binding: Binding::Unbound,
            input: Vec::with_capacity(BUFFER_BYTES),
            out: Vec::with_capacity(BUFFER_BYTES),
            arrived_ns: 0,
            logon_due_ns,
            dirty: false,
            stalled: false,
            warned: false,
            backlog_since_ns: None,
        }
    }

    /// Whose it is, if that is known.
    pub const fn client(&self) -> Option<usize> {
        match self.binding {
            Binding::Client(place) => Some(place),
            Binding::Unbound | Binding::Closing => None,
        }
    }

    /// Whether its Logon is still awaited.
    pub const fn is_unbound(&self) -> bool {
        matches!(self.binding, Binding::Unbound)
    }

    /// Whether it is to be closed.
    pub const fn is_closing(&self) -> bool {
        matches!(self.binding, Binding::Closing)
    }
}
