//! `[fix]`: where clients connect, with which certificates, and the limits before a Logon.
//!
//! A line belongs here if it reads or checks that section. What is done with it is the client
//! gateway's business; what a session must prove is `proof`.

use std::net::SocketAddr;
use std::path::PathBuf;

use rutter_clients::Limits;
use rutter_clients::known::{Network, NetworkError};
use rutter_clients::market::STREAMS_MAX;
use rutter_transport::tls::{IDENTITIES_MAX, Identity, ServerTlsConfig};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::finding::{Fault, KeyError};

/// `[fix]`
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FixConfig {
    /// Address to listen on for plain connections, such as `127.0.0.1:9878`; none if absent.
    #[serde(default)]
    #[schemars(schema_with = "super::schema::address")]
    pub listen: Option<SocketAddr>,
    /// Address to listen on for TLS connections; none if absent. Goes with `[fix.tls]`.
    #[serde(default)]
    #[schemars(schema_with = "super::schema::address")]
    pub tls_listen: Option<SocketAddr>,
    /// Certificates for `tls_listen`.
    pub tls: Option<TlsConfig>,
    /// Limits of connections that are not logged on.
    #[serde(default)]
    pub logon: LogonConfig,
    /// `SenderCompID` (49) of the node towards clients.
    pub sender_comp_id: String,
    /// Sent messages that each session keeps for resends, in bytes.
    #[serde(default = "retention")]
    pub store_retention_bytes: u64,
    /// Longest time that sent messages are kept, in days; 0 for as long as there is room.
    #[serde(default)]
    pub store_retention_days: u32,
    /// Market data for clients.
    #[serde(default)]
    pub market_data: MarketDataConfig,
}

/// `[fix.market_data]`
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct MarketDataConfig {
    /// Shortest time between two messages of one instrument of one request, in microseconds; 0
    /// sends each change at once.
    #[schemars(range(max = 86_400_000_000_u64))]
    pub update_interval_us: u64,
    /// Most active streams of one session; a stream is one instrument of one request.
    #[schemars(range(min = 1))]
    pub session_streams_max: usize,
    /// Most active streams of all sessions.
    #[schemars(range(min = 1, max = STREAMS_MAX))]
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
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TlsConfig {
    /// Server certificates. A client whose SNI names none of them gets the first one.
    #[schemars(length(min = 1, max = IDENTITIES_MAX))]
    pub identity: Vec<TlsIdentityConfig>,
    /// PEM file with the authorities of client certificates; none are asked for if absent.
    pub client_ca_file: Option<PathBuf>,
    /// Whether a client without a certificate is refused.
    #[serde(default)]
    pub require_client_cert: bool,
}

/// `[[fix.tls.identity]]`
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TlsIdentityConfig {
    /// PEM file with the certificate, then its chain up to the authority.
    pub cert_file: PathBuf,
    /// PEM file with the private key of the certificate.
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
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LogonConfig {
    /// Time from the connection to the Logon, a TLS handshake included, in milliseconds.
    #[schemars(range(min = 1))]
    pub timeout_ms: u32,
    /// How far the time of a signed Logon may be off either way, in milliseconds.
    #[schemars(range(min = 1))]
    pub window_ms: u32,
    /// Wrong Logons from one address for one `CompID` until that pair is locked out.
    #[schemars(range(min = 1))]
    pub failures_max: u32,
    /// Time of the first lockout, in seconds; each further one lasts twice as long.
    #[schemars(range(min = 1))]
    pub lockout_s: u32,
    /// Longest time of a lockout, in seconds.
    #[schemars(range(min = 1))]
    pub lockout_max_s: u32,
    /// Most connections of one listener without a Logon, for known addresses and for strangers
    /// each.
    #[schemars(range(min = 1))]
    pub unbound_max: usize,
    /// Most connections without a Logon from one address.
    #[schemars(range(min = 1))]
    pub unbound_per_address_max: usize,
    /// Networks that clients come from, such as `192.0.2.0/24`, `2001:db8::/32` or one address:
    /// strangers take none of their places.
    pub known_addresses: Vec<String>,
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
            known_addresses: Vec::new(),
        }
    }
}

impl LogonConfig {
    /// The networks that clients come from.
    ///
    /// # Errors
    /// A text that is no network.
    pub fn known(&self) -> Result<Vec<Network>, KeyError> {
        let networks: Result<_, _> = self.known_addresses.iter().map(|text| text.parse()).collect();
        networks.map_err(|error: NetworkError| {
            KeyError::new("known_addresses", Fault::BadAddress, error.to_string())
        })
    }

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
