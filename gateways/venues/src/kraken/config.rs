//! Settings of Kraken's order entry.
//!
//! A line belongs here if it is a setting or checks one.

use rutter_core::id::{AssetId, VenueId};
use rutter_transport::machine::{Endpoint, Framing};
use rutter_transport::secret::Secret;

use super::assets;
use crate::address::AddressBudget;
use crate::inquiry::CallLimit;
use crate::listing::{AssetNames, Listing};
use crate::signing::{KeyError, base64_decode};
use crate::venue::{OwnKey, OwnValue, Setup};

const SECOND_NS: u64 = 1_000_000_000;
const MS: u64 = 1_000_000;

/// `rest_counter_max`: most that the venue's counter of REST calls may hold. It depends on the tier
/// of the account; the default is below that of the lowest tier.
pub(in crate::kraken) const REST_COUNTER_MAX: OwnKey = OwnKey {
    name: "rest_counter_max",
    value: OwnValue::Count,
    is_required: false,
    default: Some(REST_LIMIT.counter_max),
    help: "Most that the venue's counter of private REST calls may hold, from 2; the account's tier \
           sets it.",
};

/// `rest_decay_milli_per_s`: decay of the counter of REST calls, in thousandths per second.
pub(in crate::kraken) const REST_DECAY: OwnKey = OwnKey {
    name: "rest_decay_milli_per_s",
    value: OwnValue::Count,
    is_required: false,
    default: Some(REST_LIMIT.decay_milli_per_s),
    help: "Decay of the venue's counter of private REST calls, in thousandths per second, from 1.",
};

/// The limit of the lowest tier of accounts is 15; one call is left for other users of the key.
const REST_LIMIT: CallLimit = CallLimit { counter_max: 14, decay_milli_per_s: 330 };

/// The range of an order's deadline that the venue accepts, in nanoseconds.
const VALIDITY_NS: core::ops::RangeInclusive<u64> = 500 * MS..=60 * SECOND_NS;

/// Most decimals of a number, in the core or at the venue.
const DECIMALS_MAX: u8 = 18;

/// Settings of [`KrakenOrders`](super::KrakenOrders).
#[derive(Clone, Debug)]
pub struct KrakenConfig {
    /// The core's id of this venue.
    pub venue: VenueId,
    /// Distinguishes this journal's order ids from those of every other journal.
    pub node_tag: u32,
    /// Private WebSocket, such as `ws-auth.kraken.com`, 443, TLS, target `/v2`.
    pub endpoint: Endpoint,
    /// REST base, such as `https://api.kraken.com`.
    pub rest_base: String,
    /// API key with order and query permissions.
    pub api_key: Secret,
    /// The secret of the API key, in base64.
    pub api_secret: Secret,
    /// Instruments; the symbol is the name in WebSocket v2, such as `BTC/USD`.
    pub listings: Vec<Listing>,
    /// Assets with all names in use: `BTC` (WebSocket v2), `XXBT` or `XBT` (REST).
    pub assets: Vec<AssetNames>,
    /// How long the venue may take a new order after it was sent (`deadline`), 500 ms to 60 s.
    pub validity_ns: u64,
    /// Time behind the validity, or behind the venue's word that it does not know the outcome,
    /// before which an absence says nothing: clocks, processing, and the lag of queries, of which
    /// no document has a figure.
    pub never_arrived_margin_ns: u64,
    /// An order or cancel without an answer for this long is in doubt.
    pub answer_timeout_ns: u64,
    /// A link that is silent for this long is dead. After half of this time the link is pinged.
    pub silence_ns: u64,
    /// First delay before a reconnect. The venue allows about 150 connections in ten minutes.
    pub backoff_base_ns: u64,
    /// Longest delay before a reconnect, or before a REST call is repeated.
    pub backoff_max_ns: u64,
    /// The limit of the venue's counter of REST calls. The lowest tier of accounts has 15,
    /// decaying by 0.33 a second.
    pub rest_limit: CallLimit,
    /// What the address may ask over REST, shared by all accounts there.
    pub address: AddressBudget,
    /// Seed of the jitter of all waits.
    pub seed: u64,
}

impl KrakenConfig {
    /// The settings that configuration and wiring ask for.
    pub fn from_setup(setup: &Setup) -> Self {
        let defaults = Self::new(setup.venue, setup.node_tag);
        let (backoff_base_ns, backoff_max_ns) =
            setup.reconnect.or(defaults.backoff_base_ns, defaults.backoff_max_ns);
        let CallLimit { counter_max, decay_milli_per_s } = defaults.rest_limit;
        let count = |key, default| setup.own_keys.count(key).unwrap_or(default);
        let named = |(asset, name): &(AssetId, String)| AssetNames {
            asset: *asset,
            names: assets::names(name),
        };
        Self {
            endpoint: setup.order_entry.web_socket(),
            rest_base: setup.rest.rest_base(),
            api_key: setup.api_key.clone(),
            api_secret: setup.api_secret.clone(),
            validity_ns: setup.validity_ms.saturating_mul(MS),
            answer_timeout_ns: setup.answer_timeout_ms.saturating_mul(MS),
            rest_limit: CallLimit {
                counter_max: count(&REST_COUNTER_MAX, counter_max),
                decay_milli_per_s: count(&REST_DECAY, decay_milli_per_s),
            },
            backoff_base_ns,
            backoff_max_ns,
            address: setup.address.clone(),
            seed: setup.seed,
            listings: setup.listings.clone(),
            assets: setup.assets.iter().map(named).collect(),
            ..defaults
        }
    }

    /// Production endpoints and default times, without keys, listings and assets.
    pub fn new(venue: VenueId, node_tag: u32) -> Self {
        Self {
            venue,
            node_tag,
            endpoint: Endpoint {
                host: "ws-auth.kraken.com".to_owned(),
                port: 443,
                tls: true,
                framing: Framing::WebSocket { target: "/v2".to_owned() },
            },
            rest_base: "https://api.kraken.com".to_owned(),
            api_key: Secret::from(""),
            api_secret: Secret::from(""),
            listings: Vec::new(),
            assets: Vec::new(),
            validity_ns: 5 * SECOND_NS,
            never_arrived_margin_ns: 10 * SECOND_NS,
            answer_timeout_ns: 5 * SECOND_NS,
            silence_ns: 10 * SECOND_NS,
            backoff_base_ns: SECOND_NS,
            backoff_max_ns: 60 * SECOND_NS,
            rest_limit: REST_LIMIT,
            address: AddressBudget::default(),
            seed: 0,
        }
    }

    /// Checks every setting that would break a message, and decodes the secret.
    pub(in crate::kraken) fn check(&self) -> Result<Vec<u8>, ConfigError> {
        if !VALIDITY_NS.contains(&self.validity_ns) {
            return Err(ConfigError::Validity(self.validity_ns));
        }
        if self.answer_timeout_ns == 0 || self.silence_ns == 0 {
            return Err(ConfigError::Timeout);
        }
        // The trades history costs 2, so with less it could never be read.
        if self.rest_limit.counter_max < 2 || self.rest_limit.decay_milli_per_s == 0 {
            return Err(ConfigError::RestLimit);
        }
        let key = self.api_key.expose();
        if key.is_empty() || !key.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(ConfigError::ApiKey);
        }
        for listing in &self.listings {
            check_listing(listing)?;
        }
        if self.assets.is_empty() {
            return Err(ConfigError::NoAssets);
        }
        Ok(base64_decode(self.api_secret.expose())?)
    }
}

fn check_listing(listing: &Listing) -> Result<(), ConfigError> {
    let symbol = &listing.symbol;
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'.' | b'-' | b'_');
    if symbol.is_empty() || symbol.len() > 20 || !symbol.bytes().all(plain) {
        return Err(ConfigError::Symbol(symbol.clone()));
    }
    let decimals = [
        listing.price_decimals,
        listing.qty_decimals,
        listing.venue_price_decimals,
        listing.venue_qty_decimals,
    ];
    if decimals.iter().any(|d| *d > DECIMALS_MAX) {
        return Err(ConfigError::Decimals(symbol.clone()));
    }
    Ok(())
}

/// A setting that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The validity is outside the range that the venue accepts.
    #[error("order validity of {0} ns is not within 500 ms to 60 s")]
    Validity(u64),
    /// A timeout is zero.
    #[error("a timeout is zero")]
    Timeout,
    /// The limit is too small for any call.
    #[error("the REST limit allows no call")]
    RestLimit,
    /// The API key is empty or not printable.
    #[error("the API key is not one")]
    ApiKey,
    /// The symbol is empty, too long, or has characters that no pair has.
    #[error("symbol {0:?} is not one")]
    Symbol(String),
    /// The instrument has more than 18 decimals.
    #[error("decimals of {0} are above 18")]
    Decimals(String),
    /// There are no assets, which balances and fees need.
    #[error("no assets")]
    NoAssets,
    /// The secret cannot be used.
    #[error(transparent)]
    Key(#[from] KeyError),
}

impl ConfigError {
    /// The key of `[[venue]]` that the error is about.
    pub const fn key(&self) -> &'static str {
        match self {
            Self::Validity(_) => "validity_ms",
            Self::Timeout => "answer_timeout_ms",
            Self::RestLimit => "rest_counter_max",
            Self::ApiKey => "api_key",
            Self::Symbol(_) | Self::Decimals(_) | Self::NoAssets => "listing",
            Self::Key(_) => "secret_file",
        }
    }
}
