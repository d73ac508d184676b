//! Settings of Coinbase's market data.
//!
//! A line belongs here if it is a setting of the feed or a limit of one.

use rutter_core::id::VenueId;
use rutter_feeds::deep::Depth;
use rutter_transport::machine::{Endpoint, Framing};
use rutter_transport::secret::Secret;

use crate::coinbase::signer::SignerError;
use crate::listing::FeedListing;
use crate::venue::Setup;

/// Most listings of one feed.
pub const LISTINGS_MAX: usize = 256;

/// Most decimals of prices and quantities.
pub const DECIMALS_MAX: u8 = 18;

/// Settings of [`CoinbaseFeed`](super::CoinbaseFeed).
#[derive(Clone, Debug)]
pub struct Config {
    /// The core's id of the venue.
    pub venue: VenueId,
    /// Such as `ws-feed.exchange.coinbase.com`, 443, TLS, target `/`.
    pub endpoint: Endpoint,
    /// Base of REST requests. The feed makes none.
    pub rest_base: String,
    /// API key: books need a signature.
    pub api_key: Secret,
    /// The secret in base64 and, on the next line, the passphrase.
    pub api_secret: Secret,
    /// The instruments whose books are subscribed.
    pub listings: Vec<FeedListing>,
    /// How much of the books the core is told.
    pub told: Depth,
    /// A link without any message for this long is dead. The venue sends a heartbeat each second.
    pub silence_ns: u64,
    /// First wait before a reconnect.
    pub reconnect_base_ns: u64,
    /// Longest wait before a reconnect.
    pub reconnect_max_ns: u64,
    /// Seed of the jitter of all waits.
    pub seed: u64,
}

impl Config {
    /// The settings that configuration and wiring ask for.
    pub fn from_setup(setup: &Setup) -> Self {
        Self {
            endpoint: setup.market_data.web_socket(),
            rest_base: setup.rest.rest_base(),
            api_key: setup.api_key.clone(),
            api_secret: setup.api_secret.clone(),
            listings: setup.listings.iter().map(FeedListing::from).collect(),
            told: setup.depth,
            seed: setup.seed,
            ..Self::new(setup.venue)
        }
    }

    /// Coinbase's own address and the usual times, without key and listings.
    pub fn new(venue: VenueId) -> Self {
        Self {
            venue,
            endpoint: Endpoint {
                host: "ws-feed.exchange.coinbase.com".to_owned(),
                port: 443,
                tls: true,
                framing: Framing::WebSocket { target: "/".to_owned() },
            },
            rest_base: "https://api.exchange.coinbase.com".to_owned(),
            api_key: Secret::from(""),
            api_secret: Secret::from(""),
            listings: Vec::new(),
            told: Depth::DEFAULT,
            silence_ns: 5_000_000_000,
            reconnect_base_ns: 1_000_000_000,
            reconnect_max_ns: 60_000_000_000,
            seed: 1,
        }
    }
}

/// A setting that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The symbol is no product id, such as `BTC-USD`.
    #[error("{0:?} is not a Coinbase product")]
    Symbol(String),
    /// The product is listed twice.
    #[error("{0} is listed twice")]
    Twice(String),
    /// The instrument has more decimals than [`DECIMALS_MAX`].
    #[error("{0} has more than {DECIMALS_MAX} decimals")]
    Decimals(String),
    /// There are more listings than [`LISTINGS_MAX`].
    #[error("{0} listings, at most {LISTINGS_MAX}")]
    TooMany(usize),
    /// The API key is empty, too long, or has characters that no key has.
    #[error("the API key is not one")]
    ApiKey,
    /// The secret or the passphrase cannot be used.
    #[error(transparent)]
    Signer(#[from] SignerError),
}

impl ConfigError {
    /// The key of `[[venue]]` that is wrong.
    pub const fn key(&self) -> &'static str {
        match self {
            Self::Symbol(_) | Self::Twice(_) | Self::Decimals(_) | Self::TooMany(_) => "listing",
            Self::ApiKey => "api_key",
            Self::Signer(_) => "secret_file",
        }
    }
}
