//! The configuration file: TOML, units in the names of keys, an unknown key is an error.
//!
//! A line belongs here if it reads or checks the file. Turning it into the core's reference data
//! is `boot`.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use rust_decimal::Decimal;
use rutter_admin::console::people::gid_of;
use rutter_venues::venue::{OwnKeys, Venue};
use serde::Deserialize;
use zeroize::Zeroizing;

use crate::watch::logs::{LogConfig, check_level};

mod account;
pub mod alerts;
mod console;
mod error;
mod fix;
mod proof;
mod secret;
mod session;

pub use account::AccountConfig;
pub use alerts::{AlertsConfig, AlertsError, Webhook};
pub use console::{ConsoleConfig, TwoPersonRule};
pub use error::{CONFIG_BYTES_MAX, ConfigError};
pub use fix::{FixConfig, LogonConfig, MarketDataConfig, TlsConfig, TlsIdentityConfig};
pub use proof::Access;
pub use session::{BeginString, LogonProof, SessionConfig};

use error::wrong;

/// The whole configuration file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Section `[node]`: journal, layout, rings.
    pub node: NodeConfig,
    /// Section `[fix]`: where clients connect.
    pub fix: FixConfig,
    /// Section `[log]`: format and level.
    #[serde(default)]
    pub log: LogConfig,
    /// The operators' console; none if absent.
    pub console: Option<ConsoleConfig>,
    /// Metrics and health over HTTP; none if absent.
    pub metrics: Option<MetricsConfig>,
    /// Alerts to webhooks; none if absent.
    pub alerts: Option<AlertsConfig>,
    /// Names of all assets; the position is the asset's id in a new journal.
    pub assets: Vec<String>,
    /// Trading accounts and their limits.
    pub account: Vec<AccountConfig>,
    /// Client sessions, drop copies included.
    pub session: Vec<SessionConfig>,
    /// Instruments that clients may trade.
    pub instrument: Vec<InstrumentConfig>,
    /// Venues with their listings.
    pub venue: Vec<VenueConfig>,
}

/// `[node]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeConfig {
    /// Journal and message stores live here.
    pub data_dir: PathBuf,
    /// Group (name or gid) whose processes may read journal and stores, and not write: folders get
    /// mode 0750 and files 0640. Absent: 0700 and 0600.
    pub read_group: Option<String>,
    /// `process`: outputs are released at once and survive the death of the process.
    /// `disk`: an output waits until its input is on the disk.
    pub durability: Durability,
    /// `auto`, `pinned` or `shared`.
    #[serde(default = "auto")]
    pub wait_profile: String,
    /// `auto`, `threads` (each of gateway, core and senders on its own) or `fused` (all on one).
    #[serde(default = "auto")]
    pub layout: String,
    /// Processor for the core thread; none if absent.
    pub core_cpu: Option<usize>,
    /// Slots of the input ring, a power of two.
    #[serde(default = "input_ring")]
    pub input_ring_slots: usize,
    /// Slots of the output ring, a power of two.
    #[serde(default = "output_ring")]
    pub output_ring_slots: usize,
    /// Base-2 logarithm of the client orders held. Only the first start of a journal uses it.
    #[serde(default = "log2_18")]
    pub orders_log2: u8,
    /// As `orders_log2`, for children.
    #[serde(default = "log2_19")]
    pub children_log2: u8,
    /// As `orders_log2`, for execution ids.
    #[serde(default = "log2_20")]
    pub executions_log2: u8,
    /// Seconds after midnight UTC at which day orders expire. Only the first start uses it.
    #[serde(default)]
    pub day_roll_utc_s: u32,
    /// Size of a journal segment.
    #[serde(default = "segment")]
    pub journal_segment_bytes: u64,
}

impl NodeConfig {
    /// The group (gid) whose processes may read the data folder.
    ///
    /// # Errors
    /// The system knows no such group.
    pub fn readers(&self) -> Result<Option<u32>, ConfigError> {
        let group = self.read_group.as_deref().map(gid_of).transpose();
        group.or_else(|error| wrong("node.read_group", error.to_string()))
    }
}

fn auto() -> String {
    "auto".to_owned()
}
fn input_ring() -> usize {
    1 << 15
}
fn output_ring() -> usize {
    1 << 15
}
fn unanswered_max() -> u32 {
    1_000
}
fn log2_18() -> u8 {
    18
}
fn log2_19() -> u8 {
    19
}
fn log2_20() -> u8 {
    20
}
fn segment() -> u64 {
    64 << 20
}

/// When an output may leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Durability {
    /// When its input is in the journal's memory.
    Process,
    /// When its input is on the disk.
    Disk,
}

/// `[metrics]`
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MetricsConfig {
    /// Address that serves `/metrics`, `/live` and `/ready`. Everybody who reaches the address can
    /// read them.
    pub listen: SocketAddr,
}

/// `[[instrument]]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InstrumentConfig {
    /// Such as `BTC/USDT`.
    pub symbol: String,
    /// Base asset: the asset that is bought and sold.
    pub base: String,
    /// Quote asset: the asset in which prices are given.
    pub quote: String,
    /// Decimals of prices, over all venues.
    pub price_decimals: u8,
    /// Decimals of quantities, over all venues.
    pub qty_decimals: u8,
    /// Largest quantity of an order, in the base asset.
    pub order_qty_max: Decimal,
}

/// `[[venue]]`: the keys that every venue has, and the keys of its own.
#[derive(Clone, Debug, Deserialize)]
pub struct VenueConfig {
    /// The venue's name in reports, logs and metrics.
    pub name: String,
    /// The row in the table of venues, which is the protocol that the venue speaks.
    pub kind: &'static Venue,
    /// The books of the venue are stale when its feed is silent for longer, in milliseconds.
    pub stale_after_ms: u64,
    /// Most new orders in one window.
    pub orders_per_window_max: u32,
    /// Length of the window, in milliseconds.
    pub order_window_ms: u64,
    /// Most new orders without an answer. With more, the venue is busy and gets no new order.
    #[serde(default = "unanswered_max")]
    pub orders_unanswered_max: u32,
    /// Order entry: `tls://host:port` or `wss://host:port/path`, as the venue's protocol asks.
    pub order_url: String,
    /// Market data: `wss://host:port/path`.
    pub feed_url: String,
    /// REST: `https://host:port`.
    pub rest_url: String,
    /// Certificate authorities for TLS; the well-known ones if absent.
    pub ca_file: Option<PathBuf>,
    /// Public part of the key.
    pub api_key: String,
    /// File with the secret part of the key, in the form that the venue gives it.
    pub secret_file: PathBuf,
    /// The venue may take a message for this long after it was sent, in milliseconds. An order
    /// that the venue does not know counts as never arrived only after it.
    #[serde(default = "validity")]
    pub validity_ms: u64,
    /// An order or cancel without an answer for this long is in doubt, in milliseconds.
    #[serde(default = "answer_timeout")]
    pub answer_timeout_ms: u64,
    /// Keys that only some venues read.
    #[serde(flatten)]
    pub own_keys: OwnKeys,
    /// Instruments traded at the venue.
    pub listing: Vec<ListingConfig>,
}

fn validity() -> u64 {
    5_000
}
fn answer_timeout() -> u64 {
    5_000
}

/// `[[venue.listing]]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListingConfig {
    /// Symbol of the instrument, as in `[[instrument]]`.
    pub instrument: String,
    /// Symbol of the instrument at the venue.
    pub symbol: String,
    /// Tick: prices are multiples of this.
    pub tick: Decimal,
    /// Lot: quantities are multiples of this, in the base asset.
    pub lot: Decimal,
    /// Smallest quantity of an order, in the base asset.
    pub qty_min: Decimal,
    /// Largest quantity of an order, in the base asset.
    pub qty_max: Decimal,
    /// Smallest order value, in the quote asset.
    pub notional_min: Decimal,
    /// Maker fee, parts per million; negative is a rebate.
    pub maker_fee_ppm: i32,
    /// Taker fee, parts per million.
    pub taker_fee_ppm: i32,
    /// Decimals of the prices in the venue's own messages.
    pub venue_price_decimals: u8,
    /// Decimals of the quantities in the venue's own messages.
    pub venue_qty_decimals: u8,
    /// False: not routed to.
    #[serde(default = "yes")]
    pub enabled: bool,
}

fn yes() -> bool {
    true
}

/// A decimal as a mantissa of 10^-`decimals`, exactly.
pub fn mantissa(value: Decimal, decimals: u32) -> Option<i64> {
    let value = value.normalize();
    let scale = value.scale();
    if scale > decimals {
        return None;
    }
    let factor = 10_i128.checked_pow(decimals - scale)?;
    i64::try_from(value.mantissa().checked_mul(factor)?).ok()
}

/// A decimal in units of 10^-18, exactly.
pub fn amount(value: Decimal) -> Option<i128> {
    let value = value.normalize();
    let factor = 10_i128.checked_pow(18_u32.checked_sub(value.scale())?)?;
    value.mantissa().checked_mul(factor)
}

impl Config {
    /// Reads and checks a file.
    ///
    /// # Errors
    /// [`ConfigError`], naming the file or the key.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let read = |source| ConfigError::Read { path: path.to_owned(), source };
        if std::fs::metadata(path).map_err(read)?.len() > CONFIG_BYTES_MAX {
            return Err(ConfigError::TooLong { path: path.to_owned() });
        }
        let text = Zeroizing::new(std::fs::read_to_string(path).map_err(read)?);
        let config = Self::parse(&text).map_err(|error| match error {
            ConfigError::Parse { message, .. } => {
                ConfigError::Parse { path: path.to_owned(), message }
            }
            other => other,
        })?;
        Ok(config)
    }

    /// Reads and checks a text.
    ///
    /// # Errors
    /// The errors of [`Config::load`].
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let config: Self = toml::from_str(text).map_err(|error| ConfigError::Parse {
            path: PathBuf::new(),
            message: secret::parse_error(text, &error),
        })?;
        config.check()?;
        Ok(config)
    }

    fn check(&self) -> Result<(), ConfigError> {
        for venue in &self.venue {
            let key = |name: &str| format!("venue.{}.{name}", venue.name);
            venue
                .own_keys
                .check(venue.kind)
                .or_else(|error| wrong(key(&error.key), error.reason))?;
        }
        self.check_node()?;
        unique("assets", 12, self.assets.iter())?;
        unique("account", 12, self.account.iter().map(|a| &a.name))?;
        unique("session", 12, self.session.iter().map(|s| &s.comp_id))?;
        unique("instrument", 20, self.instrument.iter().map(|i| &i.symbol))?;
        unique("venue", 12, self.venue.iter().map(|v| &v.name))?;
        let accounts: Vec<&str> = self.account.iter().map(|one| one.name.as_str()).collect();
        for session in &self.session {
            session.check(&accounts, &self.session)?;
            Access::of(session)?;
        }
        proof::check(&self.fix, &self.session)?;
        if let Some(alerts) = &self.alerts {
            alerts.webhooks()?;
        }
        if let Some(console) = &self.console {
            console.people()?;
            console.codes()?;
        }
        self.instrument.iter().try_for_each(|i| self.check_instrument(i))?;
        self.venue.iter().try_for_each(|v| self.check_venue(v))
    }

    fn check_node(&self) -> Result<(), ConfigError> {
        self.node.readers()?;
        let node = &self.node;
        for (key, slots) in [
            ("node.input_ring_slots", node.input_ring_slots),
            ("node.output_ring_slots", node.output_ring_slots),
        ] {
            if !slots.is_power_of_two() || !(1024..=1 << 22).contains(&slots) {
                return wrong(key, "not a power of two from 1024 to 4194304");
            }
        }
        for (key, log2) in [
            ("node.orders_log2", node.orders_log2),
            ("node.children_log2", node.children_log2),
            ("node.executions_log2", node.executions_log2),
        ] {
            if !rutter_core::engine::TABLE_LOG2_RANGE.contains(&log2) {
                return wrong(key, "not from 4 to 26");
            }
        }
        if let Some(level) = &self.log.level {
            check_level(level).or_else(|error| wrong("log.level", error.to_string()))?;
        }
        if node.day_roll_utc_s >= 86_400 {
            return wrong("node.day_roll_utc_s", "not below 86400");
        }
        Ok(())
    }

    fn check_instrument(&self, instrument: &InstrumentConfig) -> Result<(), ConfigError> {
        let key = |name: &str| format!("instrument.{}.{name}", instrument.symbol);
        for (name, asset) in [("base", &instrument.base), ("quote", &instrument.quote)] {
            if !self.assets.contains(asset) {
                return wrong(key(name), format!("{asset:?} is not among assets"));
            }
        }
        if u32::from(instrument.price_decimals) + u32::from(instrument.qty_decimals) > 18 {
            return wrong(key("price_decimals"), "more than 18 decimals with qty_decimals");
        }
        let decimals = u32::from(instrument.qty_decimals);
        let max = mantissa(instrument.order_qty_max, decimals).map(i128::from);
        positive(&key("order_qty_max"), max)
    }

    fn check_venue(&self, venue: &VenueConfig) -> Result<(), ConfigError> {
        let key = |name: &str| format!("venue.{}.{name}", venue.name);
        Url::parse(&venue.order_url).or_else(|reason| wrong(key("order_url"), reason))?;
        Url::parse(&venue.feed_url).or_else(|reason| wrong(key("feed_url"), reason))?;
        Url::parse(&venue.rest_url).or_else(|reason| wrong(key("rest_url"), reason))?;
        unique(&key("listing"), 20, venue.listing.iter().map(|l| &l.instrument))?;
        for listing in &venue.listing {
            let key = |name: &str| key(&format!("listing.{}.{name}", listing.instrument));
            let Some(instrument) = self.instrument.iter().find(|i| i.symbol == listing.instrument)
            else {
                return wrong(key("instrument"), "no such instrument");
            };
            let (price, qty) =
                (u32::from(instrument.price_decimals), u32::from(instrument.qty_decimals));
            positive(&key("tick"), mantissa(listing.tick, price).map(i128::from))?;
            positive(&key("lot"), mantissa(listing.lot, qty).map(i128::from))?;
            positive(&key("qty_max"), mantissa(listing.qty_max, qty).map(i128::from))?;
            if mantissa(listing.qty_min, qty).is_none_or(|v| v < 0) {
                return wrong(key("qty_min"), "negative, or more decimals than the instrument");
            }
            if amount(listing.notional_min).is_none_or(|v| v < 0) {
                return wrong(key("notional_min"), "negative, or more than 18 decimals");
            }
            if u32::from(listing.venue_price_decimals) > price {
                return wrong(key("venue_price_decimals"), "more than the instrument has");
            }
            if u32::from(listing.venue_qty_decimals) > qty {
                return wrong(key("venue_qty_decimals"), "more than the instrument has");
            }
        }
        Ok(())
    }
}

fn positive(key: &str, value: Option<i128>) -> Result<(), ConfigError> {
    match value {
        Some(value) if value > 0 => Ok(()),
        Some(_) => wrong(key, "not above zero"),
        None => wrong(key, "too many decimals, or too large"),
    }
}

fn unique<'a>(
    key: &str,
    len_max: usize,
    names: impl Iterator<Item = &'a String>,
) -> Result<(), ConfigError> {
    let mut seen = BTreeSet::new();
    for name in names {
        let fits = (1..=len_max).contains(&name.len());
        if !fits || !name.bytes().all(|b| (0x21..0x7f).contains(&b)) {
            return wrong(
                key,
                format!("{name:?} is not 1 to {len_max} printable ASCII characters"),
            );
        }
        if !seen.insert(name) {
            return wrong(key, format!("{name:?} is there twice"));
        }
    }
    if seen.is_empty() { wrong(key, "empty") } else { Ok(()) }
}

/// An address as the configuration writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    /// True if the connection uses TLS.
    pub tls: bool,
    /// Host name or IP address.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// Path and query, `/` if none.
    pub target: String,
}

impl Url {
    /// Reads `tcp|tls|ws|wss|http|https://host:port[/path]`.
    ///
    /// # Errors
    /// The fault in the text, for a person.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (scheme, rest) = text.split_once("://").ok_or("no scheme")?;
        let tls = match scheme {
            "tls" | "wss" | "https" => true,
            "tcp" | "ws" | "http" => false,
            other => return Err(format!("unknown scheme {other:?}")),
        };
        let (authority, target) = match rest.find('/') {
            Some(at) => (&rest[..at], &rest[at..]),
            None => (rest, "/"),
        };
        let (host, port) = authority.rsplit_once(':').ok_or("no port")?;
        let port = port.parse().map_err(|_| format!("bad port {port:?}"))?;
        if host.is_empty() {
            return Err("no host".to_owned());
        }
        Ok(Self { tls, host: host.to_owned(), port, target: target.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOUND: &str = include_str!("../deploy/example.toml");

    fn refusal(change: impl Fn(&str) -> String) -> String {
        Config::parse(&change(SOUND)).expect_err("refused").to_string()
    }

    #[test]
    fn the_example_is_sound() {
        let config = Config::parse(SOUND).expect("sound");
        assert_eq!(config.venue.len(), 2);
        assert!(!format!("{config:?}").contains("change-me-please"));
    }

    #[test]
    fn an_unknown_key_is_an_error_that_names_it() {
        let said = refusal(|text| text.replacen("durability", "durabilty", 1));
        assert!(said.contains("durabilty"), "{said}");
        let said = refusal(|text| format!("{text}\nsurprise = 1\n"));
        assert!(said.contains("surprise"), "{said}");
        let said =
            refusal(|text| text.replacen("stale_after_ms", "stale_ms = 1\nstale_after_ms", 1));
        assert!(said.starts_with("venue.binance.stale_ms"), "{said}");
    }

    #[test]
    fn a_missing_key_is_an_error_that_names_it() {
        let said = refusal(|text| text.replacen("data_dir", "#data_dir", 1));
        assert!(said.contains("data_dir"), "{said}");
        let said = refusal(|text| text.replacen("comp_id = \"RUTTER1\"", "", 1));
        assert!(said.starts_with("venue.binance.comp_id"), "{said}");
    }

    #[test]
    fn values_that_cannot_be_meant_name_their_key() {
        let said = refusal(|text| text.replacen("tick = \"0.01\"", "tick = \"0\"", 1));
        assert!(said.starts_with("venue.binance.listing.BTC/USDT.tick"), "{said}");
        let said = refusal(|text| text.replacen("account = \"fund\"", "account = \"fnd\"", 1));
        assert!(said.contains("no account is called"), "{said}");
        let said = refusal(|text| text.replacen("wss://", "gopher://", 1));
        assert!(said.contains("unknown scheme"), "{said}");
        let said =
            refusal(|text| text.replacen("rest_counter_max = 14", "rest_counter_max = -1", 1));
        assert!(said.starts_with("venue.kraken.rest_counter_max"), "{said}");
        let said = refusal(|text| text.replacen("kind = \"kraken\"", "kind = \"krakem\"", 1));
        assert!(said.contains("binance, kraken"), "{said}");
    }

    #[test]
    fn decimals_become_mantissas_exactly_or_not_at_all() {
        let decimal = |text: &str| text.parse::<Decimal>().expect("decimal");
        assert_eq!(mantissa(decimal("1.50"), 2), Some(150));
        assert_eq!(mantissa(decimal("0.001"), 2), None);
        assert_eq!(mantissa(decimal("99999999999999999999"), 2), None);
        assert_eq!(amount(decimal("2.5")), Some(2_500_000_000_000_000_000));
    }
}
