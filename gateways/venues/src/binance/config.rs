//! Settings of Binance's order entry.
//!
//! A line belongs here if it is a setting or checks one.

use rutter_core::id::{AssetId, VenueId};
use rutter_transport::secret::Secret;

use crate::address::AddressBudget;
use crate::listing::{AssetNames, Listing};
use crate::signing::{Ed25519Signer, KeyError};
use crate::venue::{OwnKey, OwnValue, Setup};

const MS: u64 = 1_000_000;
const SECOND_NS: u64 = 1_000 * MS;

/// `comp_id`: the `SenderCompID` (49) of our FIX session, 1 to 8 characters.
pub(in crate::binance) const COMP_ID: OwnKey = OwnKey {
    name: "comp_id",
    value: OwnValue::Text,
    is_required: true,
    default: None,
    help: "`SenderCompID` (49) of the node's FIX session at the venue, 1 to 8 characters.",
};

/// Longest `SenderCompID`, in characters.
pub(in crate::binance) const COMP_ID_BYTES_MAX: usize = 8;
/// Longest symbol, in characters.
const SYMBOL_BYTES_MAX: usize = 20;
/// Longest API key, in characters. The venue's keys have 64.
const API_KEY_BYTES_MAX: usize = 256;
/// Largest `RecvWindow`, in milliseconds.
const RECV_WINDOW_MS_MAX: u32 = 60_000;

/// The address of FIX order entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FixEndpoint {
    /// Host name, which is also the TLS server name.
    pub host: String,
    /// TCP port. Port 9000 is FIX text in both directions.
    pub port: u16,
    /// The connection uses TLS, as it must with the venue itself.
    pub tls: bool,
}

/// `MessageHandling` (25035): whether the venue may answer out of order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MessageHandling {
    /// 1: the venue may process messages in any order, which is quicker.
    #[default]
    Unordered,
    /// 2: the venue processes messages in the order in which they were sent.
    Sequential,
}

impl MessageHandling {
    pub(in crate::binance) const fn tag_value(self) -> u8 {
        match self {
            Self::Unordered => b'1',
            Self::Sequential => b'2',
        }
    }
}

/// Request weight of an address in a minute, until the venue tells its own (`rateLimits`).
const WEIGHT_PER_MINUTE: u32 = 6_000;

/// Settings of [`BinanceOrders`](super::BinanceOrders).
#[derive(Clone, Debug)]
pub struct BinanceConfig {
    /// The core's id of this venue.
    pub venue: VenueId,
    /// Distinguishes this journal's order ids from those of every other journal.
    pub node_tag: u32,
    /// FIX order entry.
    pub fix: FixEndpoint,
    /// REST base, such as `https://api.binance.com`.
    pub rest_base: String,
    /// `SenderCompID` (49). After an unclean end the venue keeps the id locked for two heartbeat
    /// intervals, so a reconnect then uses its first six characters and a two-digit number.
    pub sender_comp_id: String,
    /// `TargetCompID` (56): `SPOT`.
    pub target_comp_id: String,
    /// API key with FIX permission.
    pub api_key: Secret,
    /// Ed25519 private key, PKCS#8 PEM.
    pub private_key: Secret,
    /// `MessageHandling` (25035).
    pub message_handling: MessageHandling,
    /// `HeartBtInt` (108), 5 to 60 seconds.
    pub heartbeat_s: u8,
    /// `RecvWindow` (25000) of every new order: how long the venue may take the order after it was
    /// sent, in milliseconds.
    pub recv_window_ms: u32,
    /// An order or cancel without an answer for this long is in doubt.
    pub answer_timeout_ns: u64,
    /// First delay before a reconnect.
    pub backoff_base_ns: u64,
    /// Longest delay before a reconnect.
    pub backoff_max_ns: u64,
    /// Venue accounts of the node that use one address, this one among them. They share the weight
    /// of requests that the venue allows to an address.
    pub accounts_at_address: u32,
    /// What the address may ask over REST, shared with the feed.
    pub address: AddressBudget,
    /// Seed of the jitter of all waits.
    pub seed: u64,
    /// Instruments traded at the venue.
    pub listings: Vec<Listing>,
    /// Assets. The list should have every asset in which a fee may be charged.
    pub assets: Vec<AssetNames>,
}

impl BinanceConfig {
    /// The settings that configuration and wiring ask for.
    pub fn from_setup(setup: &Setup) -> Self {
        let named = |(asset, name): &(AssetId, String)| AssetNames {
            asset: *asset,
            names: vec![name.clone()],
        };
        let usual = Self::new(setup.venue, setup.node_tag);
        let (backoff_base_ns, backoff_max_ns) =
            setup.reconnect.or(usual.backoff_base_ns, usual.backoff_max_ns);
        setup.address.set_limit(WEIGHT_PER_MINUTE);
        Self {
            fix: FixEndpoint {
                host: setup.order_entry.host.clone(),
                port: setup.order_entry.port,
                tls: setup.order_entry.tls,
            },
            rest_base: setup.rest.rest_base(),
            sender_comp_id: setup.own_keys.text(&COMP_ID).unwrap_or_default().to_owned(),
            api_key: setup.api_key.clone(),
            private_key: setup.api_secret.clone(),
            recv_window_ms: u32::try_from(setup.validity_ms).unwrap_or(u32::MAX),
            answer_timeout_ns: setup.answer_timeout_ms.saturating_mul(MS),
            accounts_at_address: setup.accounts_at_address,
            backoff_base_ns,
            backoff_max_ns,
            address: setup.address.clone(),
            seed: setup.seed,
            listings: setup.listings.clone(),
            assets: setup.assets.iter().map(named).collect(),
            ..usual
        }
    }

    /// Production endpoints and default times, without keys, listings and assets.
    pub fn new(venue: VenueId, node_tag: u32) -> Self {
        Self {
            venue,
            node_tag,
            fix: FixEndpoint { host: "fix-oe.binance.com".to_owned(), port: 9000, tls: true },
            rest_base: "https://api.binance.com".to_owned(),
            sender_comp_id: "RUTTER".to_owned(),
            target_comp_id: "SPOT".to_owned(),
            api_key: Secret::from(""),
            private_key: Secret::from(""),
            message_handling: MessageHandling::Unordered,
            heartbeat_s: 5,
            recv_window_ms: 25_000,
            answer_timeout_ns: 5 * SECOND_NS,
            backoff_base_ns: SECOND_NS / 4,
            backoff_max_ns: 30 * SECOND_NS,
            accounts_at_address: 1,
            address: AddressBudget::default(),
            seed: 0,
            listings: Vec::new(),
            assets: Vec::new(),
        }
    }

    /// Checks every setting that the venue would refuse or that would break a message.
    pub(in crate::binance) fn check(&self) -> Result<Ed25519Signer, ConfigError> {
        for id in [&self.sender_comp_id, &self.target_comp_id] {
            if id.is_empty() || id.len() > COMP_ID_BYTES_MAX || !id.bytes().all(is_id_byte) {
                return Err(ConfigError::CompId(id.clone()));
            }
        }
        if !(5..=60).contains(&self.heartbeat_s) {
            return Err(ConfigError::Heartbeat(self.heartbeat_s));
        }
        if self.recv_window_ms == 0 || self.recv_window_ms > RECV_WINDOW_MS_MAX {
            return Err(ConfigError::RecvWindow(self.recv_window_ms));
        }
        if self.answer_timeout_ns == 0 {
            return Err(ConfigError::AnswerTimeout);
        }
        let key = self.api_key.expose();
        if key.is_empty() || key.len() > API_KEY_BYTES_MAX || !key.bytes().all(is_id_byte) {
            return Err(ConfigError::ApiKey);
        }
        for listing in &self.listings {
            let symbol = &listing.symbol;
            let good = |b: u8| is_id_byte(b) || b == b'.';
            if symbol.is_empty() || symbol.len() > SYMBOL_BYTES_MAX || !symbol.bytes().all(good) {
                return Err(ConfigError::Symbol(symbol.clone()));
            }
            let decimals = [
                listing.price_decimals,
                listing.qty_decimals,
                listing.venue_price_decimals,
                listing.venue_qty_decimals,
            ];
            if decimals.iter().any(|d| *d > 18) {
                return Err(ConfigError::Decimals(symbol.clone()));
            }
        }
        if self.assets.is_empty() {
            return Err(ConfigError::NoAssets);
        }
        Ok(Ed25519Signer::from_pem(&self.private_key)?)
    }
}

const fn is_id_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'
}

/// A setting that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// A comp id is not `^[a-zA-Z0-9-_]{1,8}$`.
    #[error("comp id {0:?} is not 1 to 8 letters, digits, - or _")]
    CompId(String),
    /// The heartbeat interval is not 5 to 60 seconds.
    #[error("heartbeat of {0} s is not within 5 to 60")]
    Heartbeat(u8),
    /// The receive window is not 1 to 60,000 milliseconds.
    #[error("receive window of {0} ms is not within 1 to 60000")]
    RecvWindow(u32),
    /// The answer timeout is zero.
    #[error("answer timeout is zero")]
    AnswerTimeout,
    /// The API key is empty, too long, or has characters that no key has.
    #[error("the API key is not one")]
    ApiKey,
    /// The symbol is empty, too long, or has characters that no symbol has.
    #[error("symbol {0:?} is not one")]
    Symbol(String),
    /// The instrument has more than 18 decimals.
    #[error("decimals of {0} are above 18")]
    Decimals(String),
    /// There are no assets, which balances and fees need.
    #[error("no assets")]
    NoAssets,
    /// The private key cannot be used.
    #[error(transparent)]
    Key(#[from] KeyError),
}

impl ConfigError {
    /// The key of `[[venue]]` that the error is about.
    pub const fn key(&self) -> &'static str {
        match self {
            Self::CompId(_) => "comp_id",
            Self::Heartbeat(_) => "kind",
            Self::RecvWindow(_) => "validity_ms",
            Self::AnswerTimeout => "answer_timeout_ms",
            Self::ApiKey => "api_key",
            Self::Symbol(_) | Self::Decimals(_) | Self::NoAssets => "listing",
            Self::Key(_) => "secret_file",
        }
    }
}
