//! One connection: its owner, and the bytes that wait in either direction.
//!
//! A line belongs here if it needs one connection and no session.

use core::fmt;
use std::net::IpAddr;

use rutter_transport::acceptor::Peer;
use rutter_transport::byte_queue::ByteQueue;
use rutter_transport::tls::TlsFacts;

use crate::lockout::SourceAddress;

/// The owner of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ConnectionOwner {
    /// Nobody yet: the Logon has not come.
    Unbound,
    /// The client at this place of the configuration.
    Client(usize),
    /// No owner: the connection will be closed, and nothing more is read from it.
    Closing,
}

/// The places for connections without a Logon: each listener has places of its own for the known
/// addresses, and for strangers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HandshakePlace {
    /// The TLS listener.
    pub tls: bool,
    /// A client is known to come from the address.
    pub known: bool,
}

/// What protects a connection.
#[derive(Debug)]
pub(crate) enum TlsState {
    /// The connection is not encrypted.
    Plain,
    /// TLS, and its handshake is not done yet.
    Handshake,
    /// TLS, with the facts about the peer from the handshake.
    Established(Box<TlsFacts>),
}

impl TlsState {
    /// The facts about the peer from the TLS handshake.
    pub fn facts(&self) -> Option<&TlsFacts> {
        match self {
            Self::Plain | Self::Handshake => None,
            Self::Established(facts) => Some(facts),
        }
    }
}

/// A connection that the carrier holds.
#[allow(clippy::struct_excessive_bools, reason = "facts that do not depend on each other")]
pub(crate) struct Connection {
    /// The peer's address.
    pub address: Option<IpAddr>,
    /// The peer's address as limits and lock-outs count it.
    pub source: Option<SourceAddress>,
    /// Whose handshake place the connection takes, until its Logon has come.
    pub place: HandshakePlace,
    /// A first byte has come.
    pub spoke: bool,
    /// What protects the connection.
    pub tls: TlsState,
    /// The owner.
    pub owner: ConnectionOwner,
    /// Received bytes that wait: an unfinished message, or messages that cannot be taken yet.
    pub input: ByteQueue,
    /// Bytes that wait for the socket.
    pub out: Vec<u8>,
    /// So many of these bytes, from the front, are in the log of messages.
    pub logged: usize,
    /// When the newest bytes came.
    pub arrived_ns: u64,
    /// The Logon must have come by then.
    pub logon_due_ns: u64,
    /// The connection is in the gateway's list of connections to write.
    pub dirty: bool,
    /// True while reading of `input` is interrupted. Reading continues when the core has room, when
    /// reports confirm earlier messages, or when the client has read more of a resend.
    pub stalled: bool,
    /// The operator has been told that the client reads slowly.
    pub warned: bool,
    /// Since when bytes wait for the socket without any being taken.
    pub backlog_since_ns: Option<u64>,
}

/// Shows how many bytes wait, never the bytes: there may be a password among them.
impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("address", &self.address)
            .field("owner", &self.owner)
            .field("input_bytes", &self.input.len())
            .field("output_bytes", &self.out.len())
            .finish_non_exhaustive()
    }
}

/// Room for the input and output of a client that keeps up, in bytes each.
const BUFFER_BYTES: usize = 8 << 10;

impl Connection {
    /// A connection that has just been made.
    pub fn new(logon_due_ns: u64, peer: &Peer, place: HandshakePlace) -> Self {
        Self {
            address: peer.address,
            source: peer.address.map(SourceAddress::from),
            place,
            spoke: false,
            tls: if peer.tls { TlsState::Handshake } else { TlsState::Plain },
            owner: ConnectionOwner::Unbound,
            input: ByteQueue::with_capacity(BUFFER_BYTES),
            out: Vec::with_capacity(BUFFER_BYTES),
            logged: 0,
            arrived_ns: 0,
            logon_due_ns,
            dirty: false,
            stalled: false,
            warned: false,
            backlog_since_ns: None,
        }
    }

    /// The place of the client that owns the connection, if its Logon has named one.
    pub const fn client(&self) -> Option<usize> {
        match self.owner {
            ConnectionOwner::Client(place) => Some(place),
            ConnectionOwner::Unbound | ConnectionOwner::Closing => None,
        }
    }

    /// Whether anything has come.
    pub fn has_spoken(&self) -> bool {
        self.spoke || !self.input.is_empty()
    }

    /// Whether the Logon has not come yet.
    pub const fn is_unbound(&self) -> bool {
        matches!(self.owner, ConnectionOwner::Unbound)
    }

    /// Whether the connection is to be closed.
    pub const fn is_closing(&self) -> bool {
        matches!(self.owner, ConnectionOwner::Closing)
    }
}
