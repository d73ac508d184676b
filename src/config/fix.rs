//! `[fix]`: where clients connect, with which certificates, and the limits before a Logon.
//!
//! A line belongs here if it reads or checks that section. What is done with it is the client
//! gateway's business; what a session must prove is `proof`.

use std::net::SocketAddr;
use std::path::PathBuf;

use rutter_clients::Limits;
use rutter_transport::tls::{Identity, ServerTlsConfig};
use serde::Deserialize;

/// `[fix]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FixConfig {
    /// Address to listen on for plain connections; none if absent.
    pub listen: Option<SocketAddr>,
    /// Address to listen on for TLS connections; none if absent. Goes with `[fix.tls]`.
    pub tls_listen: Option<SocketAddr>,
    /// Certificates for `tls_listen`.
    pub tls: Option<TlsConfig>,
    /// Limits of connections that are not logged on.
    #[serde(default)]
    pub logon: LogonConfig,
    /// `SenderCompID` (49) of the node towards clients.
    pub sender_comp_id: String,
    /// Bytes of sent messages that are kept for resend, each session.
    #[serde(default = "retention")]
    pub store_retention_bytes: u64,
    /// Days that they are kept at most; 0 for as long as there is room.
    #[serde(default)]
    pub store_retention_days: u32,
    /// Market data for clients.
    #[serde(default)]
    pub market_data: MarketDataConfig,
}

/// `[fix.market_data]`
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MarketDataConfig {
    /// Between two messages of one instrument of one request; 0 tells each change at once.
    pub update_interval_us: u64,
    /// Instruments of requests that one session may have on at once.
    pub session_streams_max: usize,
    /// As `session_streams_max`, over all sessions.
    pub streams_max: usize,
}

impl Default for MarketDataConfig {
    fn default() -> Self {
        let limits = rutter_clients::market::MarketLimits::default();
        Self {
            update_interval_us: limits.update_interval_ns / 1_000,
            session_streams_max: limits.session_streams_max,
            streams_max: limits.streams_max,
        }
    }
}

/// `[fix.tls]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsConfig {
    /// Server certificates. A client whose SNI names none of them gets the first one.
    pub identity: Vec<TlsIdentityConfig>,
    /// PEM: authorities of client certificates; none are asked for if absent.
    pub client_ca_file: Option<PathBuf>,
    /// A client without a certificate is refused.
    #[serde(default)]
    pub require_client_cert: bool,
}

/// `[[fix.tls.identity]]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsIdentityConfig {
    /// PEM file: the certificate, then its chain up to the authority.
    pub cert_file: PathBuf,
    /// PEM: its private key.
    pub key_file: PathBuf,
}

impl TlsConfig {
    /// Where everything is, for the acceptor.
    pub fn files(&self) -> ServerTlsConfig {
        let identity = |one: &TlsIdentityConfig| Identity {
            certificate_file: one.cert_file.clone(),
            key_file: one.key_file.clone(),
        };
        ServerTlsConfig {
            identities: self.identity.iter().map(identity).collect(),
            client_ca_file: self.client_ca_file.clone(),
            require_client_certificate: self.require_client_cert,
        }
    }
}

/// `[fix.logon]`: limits of connections that are not logged on.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogonConfig {
    /// The Logon must be there within this, a TLS handshake included.
    pub timeout_ms: u32,
    /// The time of a signed Logon may be off by this much either way.
    pub window_ms: u32,
    /// Wrong Logons from one address for one `CompID` until it is locked out.
    pub failures_max: u32,
    /// How long the first time; twice as long each further time.
    pub lockout_s: u32,
    /// Longest time of a lockout, seconds.
    pub lockout_max_s: u32,
    /// Connections without a Logon.
    pub unbound_max: usize,
    /// Most such connections from one address.
    pub unbound_per_address_max: usize,
}

impl Default for LogonConfig {
    fn default() -> Self {
        let limits = Limits::default();
        Self {
            timeout_ms: (limits.logon_timeout_ns / 1_000_000) as u32,
            window_ms: (limits.logon_window_ns / 1_000_000) as u32,
            failures_max: limits.logon_failures_max,
            lockout_s: (limits.lockout_ns / 1_000_000_000) as u32,
            lockout_max_s: (limits.lockout_max_ns / 1_000_000_000) as u32,
            unbound_max: limits.unbound_max,
            unbound_per_address_max: limits.unbound_per_address_max,
        }
    }
}

impl LogonConfig {
    /// The gateway's limits with these.
    pub fn limits(&self) -> Limits {
        Limits {
            logon_timeout_ns: u64::from(self.timeout_ms) * 1_000_000,
            logon_window_ns: u64::from(self.window_ms) * 1_000_000,
            logon_failures_max: self.failures_max,
            lockout_ns: u64::from(self.lockout_s) * 1_000_000_000,
            lockout_max_ns: u64::from(self.lockout_max_s) * 1_000_000_000,
            unbound_max: self.unbound_max,
            unbound_per_address_max: self.unbound_per_address_max,
            ..Limits::default()
        }
    }
}

fn retention() -> u64 {
    256 << 20
}
