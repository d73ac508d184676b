//! Settings of Coinbase's order entry.
//!
//! A line belongs here if it is a setting or checks one.

use rutter_core::id::{AssetId, VenueId};
use rutter_transport::secret::Secret;

use super::signer::{Signer, SignerError};
use crate::listing::{AssetNames, Listing};
use crate::venue::Setup;

const MS: u64 = 1_000_000;
const SECOND_NS: u64 = 1_000 * MS;

/// Longest product id, in characters.
const SYMBOL_BYTES_MAX: usize = 20;
/// Longest API key, in characters.
const API_KEY_BYTES_MAX: usize = 256;

/// The address of FIX order entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FixEndpoint {
    /// Host name, which is also the TLS server name.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// The connection uses TLS, as it must with the venue itself.
    pub tls: bool,
}

/// Settings of [`CoinbaseOrders`](super::CoinbaseOrders).
#[derive(Clone, Debug)]
pub struct CoinbaseConfig {
    /// The core's id of this venue.
    pub venue: VenueId,
    /// Distinguishes this journal's order ids from those of every other journal.
    pub node_tag: u32,
    /// FIX order entry.
    pub fix: FixEndpoint,
    /// REST base, such as `https://api.exchange.coinbase.com`.
    pub rest_base: String,
    /// API key with the rights to view and to trade. It is the `SenderCompID` (49), too.
    pub api_key: Secret,
    /// The secret in base64 and, on the next line, the passphrase.
    pub api_secret: Secret,
    /// `HeartBtInt` (108), 1 to 30 seconds.
    pub heartbeat_s: u8,
    /// How long the venue may take an order after it was sent, in nanoseconds. Coinbase has no such
    /// limit of its own: an order that is not known so long after it was sent, and a margin, was
    /// lost on its way.
    pub validity_ns: u64,
    /// An order or cancel without an answer for this long is in doubt.
    pub answer_timeout_ns: u64,
    /// First delay before a reconnect. The venue allows two logons a second.
    pub backoff_base_ns: u64,
    /// Longest delay before a reconnect.
    pub backoff_max_ns: u64,
    /// Seed of the jitter of all waits.
    pub seed: u64,
    /// Instruments traded at the venue.
    pub listings: Vec<Listing>,
    /// Assets. The list should have every asset in which a fee may be charged.
    pub assets: Vec<AssetNames>,
}

impl CoinbaseConfig {
    /// The settings that configuration and wiring ask for.
    pub fn from_setup(setup: &Setup) -> Self {
        let named = |(asset, name): &(AssetId, String)| AssetNames {
            asset: *asset,
            names: vec![name.clone()],
        };
        Self {
            fix: FixEndpoint {
                host: setup.order_entry.host.clone(),
                port: setup.order_entry.port,
                tls: setup.order_entry.tls,
            },
            rest_base: setup.rest.rest_base(),
            api_key: setup.api_key.clone(),
            api_secret: setup.api_secret.clone(),
            validity_ns: setup.validity_ms.saturating_mul(MS),
            answer_timeout_ns: setup.answer_timeout_ms.saturating_mul(MS),
            seed: setup.seed,
            listings: setup.listings.clone(),
            assets: setup.assets.iter().map(named).collect(),
            ..Self::new(setup.venue, setup.node_tag)
        }
    }

    /// Production endpoints and default times, without key, listings and assets.
    pub fn new(venue: VenueId, node_tag: u32) -> Self {
        Self {
            venue,
            node_tag,
            fix: FixEndpoint {
                host: "fix-ord.exchange.coinbase.com".to_owned(),
                port: 6121,
                tls: true,
            },
            rest_base: "https://api.exchange.coinbase.com".to_owned(),
            api_key: Secret::from(""),
            api_secret: Secret::from(""),
            heartbeat_s: 5,
            validity_ns: 5 * SECOND_NS,
            answer_timeout_ns: 5 * SECOND_NS,
            backoff_base_ns: SECOND_NS,
            backoff_max_ns: 30 * SECOND_NS,
            seed: 0,
            listings: Vec::new(),
            assets: Vec::new(),
        }
    }

    /// Checks every setting that the venue would refuse or that would break a message.
    pub(in crate::coinbase) fn check(&self) -> Result<Signer, ConfigError> {
        if !(1..=30).contains(&self.heartbeat_s) {
            return Err(ConfigError::Heartbeat(self.heartbeat_s));
        }
        if self.answer_timeout_ns == 0 {
            return Err(ConfigError::AnswerTimeout);
        }
        if !is_api_key(self.api_key.expose()) {
            return Err(ConfigError::ApiKey);
        }
        for listing in &self.listings {
            if !is_product(&listing.symbol) {
                return Err(ConfigError::Symbol(listing.symbol.clone()));
            }
            let decimals = [
                listing.price_decimals,
                listing.qty_decimals,
                listing.venue_price_decimals,
                listing.venue_qty_decimals,
            ];
            if decimals.iter().any(|d| *d > 18) {
                return Err(ConfigError::Decimals(listing.symbol.clone()));
            }
        }
        if self.assets.is_empty() {
            return Err(ConfigError::NoAssets);
        }
        Ok(Signer::new(&self.api_key, &self.api_secret)?)
    }
}

/// Whether a text can be an API key.
pub(in crate::coinbase) fn is_api_key(key: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    !key.is_empty() && key.len() <= API_KEY_BYTES_MAX && key.bytes().all(plain)
}

/// Whether a text can be a product: base and quote with a hyphen between.
pub(in crate::coinbase) fn is_product(symbol: &str) -> bool {
    let is_asset = |name: &str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric());
    let parts = symbol.split_once('-');
    symbol.len() <= SYMBOL_BYTES_MAX
        && parts.is_some_and(|(base, quote)| is_asset(base) && is_asset(quote))
}

/// A setting that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The heartbeat interval is not 1 to 30 seconds.
    #[error("heartbeat of {0} s is not within 1 to 30")]
    Heartbeat(u8),
    /// The answer timeout is zero.
    #[error("answer timeout is zero")]
    AnswerTimeout,
    /// The API key is empty, too long, or has characters that no key has.
    #[error("the API key is not one")]
    ApiKey,
    /// The symbol is no product id, such as `BTC-USD`.
    #[error("{0:?} is not a Coinbase product")]
    Symbol(String),
    /// The instrument has more than 18 decimals.
    #[error("decimals of {0} are above 18")]
    Decimals(String),
    /// There are no assets, which balances and fees need.
    #[error("no assets")]
    NoAssets,
    /// The secret or the passphrase cannot be used.
    #[error(transparent)]
    Signer(#[from] SignerError),
}

impl ConfigError {
    /// The key of `[[venue]]` that the error is about.
    pub const fn key(&self) -> &'static str {
        match self {
            Self::Heartbeat(_) => "kind",
            Self::AnswerTimeout => "answer_timeout_ms",
            Self::ApiKey => "api_key",
            Self::Symbol(_) | Self::Decimals(_) | Self::NoAssets => "listing",
            Self::Signer(_) => "secret_file",
        }
    }
}
