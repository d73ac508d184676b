//! How errors of sockets, TLS, WebSocket and HTTP become reasons that a person is told.
//!
//! A line belongs here if it turns an error into a [`Why`] and its detail.

use std::io::{self, ErrorKind};

use rustls::CertificateError;

use crate::machine::CloseReason;
use crate::standing::{Why, detail};
use crate::websocket::WebSocketError;

/// A failure of a link or of a request: what the machine is told, and what a person is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What the machine is told of a link that ended.
    pub reason: CloseReason,
    /// The reason for people.
    pub why: Why,
    /// More words, without control characters.
    pub text: String,
}

impl Fault {
    /// A failure, in words.
    pub fn new(reason: CloseReason, why: Why, text: &str) -> Self {
        Self { reason, why, text: detail(text) }
    }

    /// A failure whose reason says everything.
    pub fn of_reason(reason: CloseReason) -> Self {
        let why = match reason {
            CloseReason::ConnectFailed => Why::ConnectFailed,
            CloseReason::Peer | CloseReason::Requested => Why::ClosedByPeer,
            CloseReason::Io => Why::LinkFailed,
            CloseReason::Protocol => Why::Protocol,
            CloseReason::TooLong => Why::TooLong,
            CloseReason::WriteBufferFull => Why::WriteBufferFull,
        };
        Self { reason, why, text: String::new() }
    }

    /// An attempt to connect that failed with an error of the system or of TLS.
    pub fn of_connect(error: &io::Error) -> Self {
        Self::new(CloseReason::ConnectFailed, why_of(error), &error.to_string())
    }

    /// An open link that failed.
    pub fn of_io(error: &io::Error) -> Self {
        let reason = match error.kind() {
            ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::BrokenPipe => {
                CloseReason::Peer
            }
            ErrorKind::InvalidData => CloseReason::Protocol,
            _ => CloseReason::Io,
        };
        Self { text: detail(&error.to_string()), ..Self::of_reason(reason) }
    }

    /// An error of a WebSocket, before or after its handshake.
    pub fn of_websocket(error: &WebSocketError) -> Self {
        let text = error.to_string();
        match error {
            WebSocketError::Handshake(_) | WebSocketError::Target(_) => {
                Self::new(CloseReason::ConnectFailed, Why::UpgradeRefused, &text)
            }
            WebSocketError::Protocol(_) => Self::new(CloseReason::Protocol, Why::Protocol, &text),
            WebSocketError::TooLong(_) => Self::new(CloseReason::TooLong, Why::TooLong, &text),
            WebSocketError::Closed => Self::of_reason(CloseReason::Peer),
            WebSocketError::WriteBufferFull(_) => {
                Self::new(CloseReason::WriteBufferFull, Why::WriteBufferFull, &text)
            }
            WebSocketError::Io(error) => Self::of_io(error),
        }
    }

    /// A request that brought no answer.
    pub fn of_http(error: &ureq::Error) -> Self {
        let why = match error {
            ureq::Error::HostNotFound | ureq::Error::Timeout(ureq::Timeout::Resolve) => {
                Why::NameNotResolved
            }
            ureq::Error::BodyExceedsLimit(_) | ureq::Error::LargeResponseHeader(..) => Why::TooLong,
            ureq::Error::ConnectionFailed => Why::ConnectFailed,
            ureq::Error::Timeout(ureq::Timeout::Connect) => Why::ConnectTimeout,
            ureq::Error::Tls(_) => Why::TlsFailed,
            ureq::Error::Rustls(error) => why_of_tls(error),
            ureq::Error::Io(error) => match why_of(error) {
                Why::ConnectFailed => Why::RestFailing,
                why => why,
            },
            _ => Why::RestFailing,
        };
        Self::new(CloseReason::Io, why, &format!("REST: {error}"))
    }
}

/// The reason of an error while a connection is made.
pub fn why_of(error: &io::Error) -> Why {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    if let Some(error) = inner {
        return why_of_tls(error);
    }
    match error.kind() {
        ErrorKind::ConnectionRefused => Why::ConnectionRefused,
        ErrorKind::TimedOut => Why::ConnectTimeout,
        ErrorKind::HostUnreachable
        | ErrorKind::NetworkUnreachable
        | ErrorKind::NetworkDown
        | ErrorKind::AddrNotAvailable => Why::Unreachable,
        ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::UnexpectedEof => {
            Why::ClosedByPeer
        }
        ErrorKind::InvalidData => Why::TlsFailed,
        _ => Why::ConnectFailed,
    }
}

/// The reason of a failed TLS handshake of ours.
pub fn why_of_tls(error: &rustls::Error) -> Why {
    match error {
        rustls::Error::InvalidCertificate(error) => match error {
            CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. } => Why::TlsExpired,
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                Why::TlsWrongName
            }
            _ => Why::TlsUntrusted,
        },
        _ => Why::TlsFailed,
    }
}
