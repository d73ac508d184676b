//! The configuration file: TOML, units in the names of keys, an unknown key is an error.
//!
//! A line belongs here if it reads the file, or is a section that has no module of its own. What a
//! start would refuse beyond the file itself is `preflight`; turning the configuration into the
//! core's reference data is `boot`.
//!
//! The doc comments of sections and keys are what `docs/configuration.md` and the JSON schema say.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use rust_decimal::Decimal;
use rutter_admin::console::people::gid_of;
use rutter_core::book::{BOOK_LEVELS_MAX, TOP_LEVELS};
use rutter_core::engine::TABLE_LOG2_RANGE;
use rutter_core::input::{BreakerTerms, ReferenceTerms, WINDOWS_MAX};
use rutter_core::number::Price;
use rutter_core::reference::{ACCOUNTS_MAX, ASSETS_MAX, INSTRUMENTS_MAX, SESSIONS_MAX, VENUES_MAX};
use rutter_core::ticks::{TickBand, Ticks};
use rutter_feeds::deep::Depth;
use rutter_journal::{SEGMENT_BYTES_MAX, SEGMENT_BYTES_MIN, SEGMENT_BYTES_STEP};
use rutter_venues::venue::{OwnKeys, Venue};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use toml::de::DeTable;
use zeroize::Zeroizing;

use crate::watch::logs::LogConfig;

mod account;
pub mod alerts;
mod amend;
mod bridge;
mod budget;
mod check;
pub mod comp_id;
mod console;
mod decimal;
mod fee;
mod finding;
mod fix;
mod owner;
mod places;
mod proof;
pub mod reference;
mod rest;
mod routing;
mod schema;
mod secret;
mod session;
mod shape;
mod shown;
mod url;
mod venue_account;

pub use account::AccountConfig;
pub use alerts::{AlertsConfig, AlertsError, Webhook};
pub use amend::AmendConfig;
pub use budget::BudgetConfig;
pub use console::{ConsoleConfig, TwoPersonRule};
pub use decimal::{amount, is_plain, mantissa};
pub use fee::{AccountFeeConfig, FeeSource, FeesConfig};
pub use finding::{
    CONFIG_BYTES_MAX, ConfigError, FINDINGS_MAX, Fault, Finding, Findings, KeyError,
};
pub use fix::{FixConfig, LogonConfig, MarketDataConfig, TlsConfig, TlsIdentityConfig};
pub use proof::Access;
pub use routing::{ModeConfig, WeightsConfig};
pub use schema::schema;
pub use secret::{MASK, placeholder, read_secret};
pub use session::{BeginString, LogonProof, SessionConfig};
pub use shown::shown;
pub use url::Url;

use places::{Lines, Places};

/// The whole configuration file.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The data folder, durability, layout of threads, and the sizes of rings and tables.
    pub node: NodeConfig,
    /// Where clients connect.
    pub fix: FixConfig,
    /// The file that the configuration was read from; `None` for a text. No key of the file.
    #[serde(skip)]
    #[schemars(skip)]
    pub file: Option<PathBuf>,
    /// Log lines on standard error, `docs/logs.md`.
    #[serde(default)]
    pub log: LogConfig,
    /// The operators' console, `docs/console.md`; none if absent.
    pub console: Option<ConsoleConfig>,
    /// Metrics and health over HTTP, `docs/metrics.md`; none if absent.
    pub metrics: Option<MetricsConfig>,
    /// Alerts to webhooks, `docs/alerts.md`; none if absent.
    pub alerts: Option<AlertsConfig>,
    /// Names of all assets, 1 to 12 printable ASCII characters each. The position is the asset's id
    /// in a new journal.
    #[schemars(length(min = 1, max = ASSETS_MAX))]
    pub assets: Vec<String>,
    /// Trading accounts and their limits.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1, max = ACCOUNTS_MAX))]
    pub account: Vec<AccountConfig>,
    /// FIX sessions of clients, drop copies included.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1, max = SESSIONS_MAX))]
    pub session: Vec<SessionConfig>,
    /// Instruments that clients may trade.
    #[schemars(length(min = 1, max = INSTRUMENTS_MAX))]
    pub instrument: Vec<InstrumentConfig>,
    /// Venues with their listings.
    #[schemars(length(min = 1, max = VENUES_MAX))]
    pub venue: Vec<VenueConfig>,
}

/// `[node]`
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NodeConfig {
    /// Folder of the journal and the message stores.
    pub data_dir: PathBuf,
    /// Group (name or gid) whose processes may read journal and stores, and not write: folders get
    /// mode 0750 and files 0640. Absent: 0700 and 0600.
    pub read_group: Option<String>,
    /// When an output may leave.
    pub durability: Durability,
    /// What an idle thread does: `pinned` spins, `shared` sleeps, `auto` chooses by the number of
    /// processors.
    #[serde(default = "auto")]
    #[schemars(extend("enum" = ["auto", "pinned", "shared"]))]
    pub wait_profile: String,
    /// How the stations are spread over threads: with `threads` gateway, core and each sender have
    /// one, with `fused` they share one, `auto` chooses by the number of processors.
    #[serde(default = "auto")]
    #[schemars(extend("enum" = ["auto", "threads", "fused"]))]
    pub layout: String,
    /// Processor for the core thread, from 0; the thread is not bound to one if absent.
    pub core_cpu: Option<usize>,
    /// Slots of the input ring; a power of two.
    #[serde(default = "input_ring")]
    #[schemars(range(min = 1024, max = 4_194_304))]
    pub input_ring_slots: usize,
    /// Slots of the output ring; a power of two.
    #[serde(default = "output_ring")]
    #[schemars(range(min = 1024, max = 4_194_304))]
    pub output_ring_slots: usize,
    /// Base-2 logarithm of the client orders held. Only the first start of a journal uses it.
    #[serde(default = "log2_18")]
    #[schemars(range(min = *TABLE_LOG2_RANGE.start(), max = *TABLE_LOG2_RANGE.end()))]
    pub orders_log2: u8,
    /// As `orders_log2`, for children.
    #[serde(default = "log2_19")]
    #[schemars(range(min = *TABLE_LOG2_RANGE.start(), max = *TABLE_LOG2_RANGE.end()))]
    pub children_log2: u8,
    /// As `orders_log2`, for execution ids.
    #[serde(default = "log2_20")]
    #[schemars(range(min = *TABLE_LOG2_RANGE.start(), max = *TABLE_LOG2_RANGE.end()))]
    pub executions_log2: u8,
    /// Seconds after midnight UTC at which day orders expire. Only the first start uses it.
    #[serde(default)]
    #[schemars(range(max = 86_399))]
    pub day_roll_utc_s: u32,
    /// Size of a journal segment, bytes.
    #[serde(default = "segment")]
    #[schemars(
        range(min = SEGMENT_BYTES_MIN, max = SEGMENT_BYTES_MAX),
        extend("multipleOf" = SEGMENT_BYTES_STEP)
    )]
    pub journal_segment_bytes: u64,
}

impl NodeConfig {
    /// The group (gid) whose processes may read the data folder.
    ///
    /// # Errors
    /// The system knows no such group.
    pub fn readers(&self) -> Result<Option<u32>, KeyError> {
        let group = self.read_group.as_deref().map(gid_of).transpose();
        group.map_err(|error| KeyError::new("read_group", Fault::NotDeclared, error.to_string()))
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Durability {
    /// When its input is in the journal's memory: outputs survive the death of the process.
    Process,
    /// When its input is on the disk: outputs survive a loss of power.
    Disk,
}

/// `[metrics]`
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MetricsConfig {
    /// Address that serves `/metrics`, `/live` and `/ready`. Everybody who reaches the address can
    /// read them.
    #[schemars(schema_with = "schema::address")]
    pub listen: SocketAddr,
}

/// `[[instrument]]`
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InstrumentConfig {
    /// Symbol, such as `BTC/USDT`: 1 to 20 printable ASCII characters.
    pub symbol: String,
    /// Base asset: the asset that is bought and sold.
    pub base: String,
    /// Quote asset: the asset in which prices are given.
    pub quote: String,
    /// Decimals of prices, over all venues.
    #[schemars(range(max = 18))]
    pub price_decimals: u8,
    /// Decimals of quantities, over all venues.
    #[schemars(range(max = 18))]
    pub qty_decimals: u8,
    /// Largest quantity of an order, in the base asset.
    #[schemars(schema_with = "schema::above_zero")]
    pub order_qty_max: Decimal,
    /// How far two venues' mid prices may lie apart and still agree, and how far a book may lie
    /// from the reference price and still be used, in basis points (`docs/routing.md`).
    #[serde(default = "outlier_bps")]
    #[schemars(range(min = 1, max = 10_000))]
    pub outlier_bps: u32,
    /// How long the last price that the venues agreed on stands in when they do not agree, or when
    /// only one of several is left, in milliseconds.
    #[serde(default = "reference_age_ms")]
    #[schemars(range(max = 3_600_000))]
    pub reference_age_ms: u64,
}

const fn outlier_bps() -> u32 {
    ReferenceTerms::DEFAULT.outlier_bps
}

const fn reference_age_ms() -> u64 {
    ReferenceTerms::DEFAULT.age_ns / 1_000_000
}

/// `[[venue]]`: the keys that every venue has, and the keys of its own.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(transform = schema::add_own_keys)]
pub struct VenueConfig {
    /// The venue's name in reports, logs and metrics: 1 to 12 printable ASCII characters.
    pub name: String,
    /// Kind of the venue, which is the protocol that the venue speaks.
    #[schemars(schema_with = "schema::venue_kind")]
    pub kind: &'static Venue,
    /// Name of the venue of the same kind whose books this one uses. It is then a further account
    /// there: another key or sub-account, with balances, limits, listings and orders of its own,
    /// and without a feed (`docs/routing.md`). Holds for the life of the journal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub books_of: Option<String>,
    /// The books of the venue are stale when its feed is silent for longer, in milliseconds. Needed
    /// without `books_of`.
    #[schemars(range(min = 1, max = 86_400_000))]
    pub stale_after_ms: Option<u64>,
    /// Most new orders in any interval of `order_window_ms`. Without this key and without
    /// `budget`, the limits of the venue's documents hold (`docs/limits.md`); 4294967295: no limit
    /// of this kind.
    #[serde(default = "no_limit")]
    #[schemars(range(min = 1))]
    pub orders_per_window_max: u32,
    /// Length of the window of `orders_per_window_max`, in milliseconds.
    #[serde(default = "order_window")]
    #[schemars(range(min = 1, max = 86_400_000))]
    pub order_window_ms: u64,
    /// How much later than another one a request may reach the venue after it was sent, and how far
    /// the venue's clock may be off, in milliseconds. The limits hold in spite of it.
    #[serde(default = "request_slack")]
    #[schemars(range(max = 60_000))]
    pub request_slack_ms: u64,
    /// Windows in which the venue counts requests, beside `orders_per_window_max`.
    #[serde(default)]
    #[schemars(length(max = WINDOWS_MAX))]
    pub budget: Vec<BudgetConfig>,
    /// What becomes of a resting order that gets less quantity: `reduce-keeps-priority` (the venue
    /// amends the order, which keeps its place in the queue) or `none` (it is placed anew).
    #[serde(default)]
    pub amend: AmendConfig,
    /// Most new orders without an answer. With more, the venue is busy and gets no new order.
    #[serde(default = "unanswered_max")]
    #[schemars(range(min = 1))]
    pub orders_unanswered_max: u32,
    /// Failed requests of one kind in a row that open the venue's circuit breaker for that kind, so
    /// that the venue gets no new order; 0: no run opens it. `docs/routing.md` has the rules.
    #[serde(default = "breaker_failures")]
    #[schemars(range(max = 1_000_000))]
    pub breaker_failures: u32,
    /// Failed requests of one kind, per hundred in `breaker_window_ms`, that open the breaker; 0:
    /// no share opens it.
    #[serde(default = "breaker_share_percent")]
    #[schemars(range(max = 100))]
    pub breaker_share_percent: u32,
    /// Requests of one kind in `breaker_window_ms` below which the share does not count.
    #[serde(default = "breaker_samples_min")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub breaker_samples_min: u32,
    /// Length of the window of `breaker_share_percent`, in milliseconds.
    #[serde(default = "breaker_window")]
    #[schemars(range(min = 1, max = 86_400_000))]
    pub breaker_window_ms: u64,
    /// How long an open breaker waits for its probe, in milliseconds. Each further time is twice as
    /// long, until a request has succeeded.
    #[serde(default = "breaker_open")]
    #[schemars(range(min = 1, max = 86_400_000))]
    pub breaker_open_ms: u64,
    /// How long an open breaker waits at most, in milliseconds.
    #[serde(default = "breaker_open_max")]
    #[schemars(range(min = 1, max = 86_400_000))]
    pub breaker_open_max_ms: u64,
    /// Order entry: `tls://host:port` or `wss://host:port/path`, as the venue's protocol asks.
    pub order_url: String,
    /// Market data: `wss://host:port/path`. Needed without `books_of`.
    pub feed_url: Option<String>,
    /// REST: `https://host:port`.
    pub rest_url: String,
    /// PEM file with the certificate authorities for TLS; the well-known ones if absent.
    pub ca_file: Option<PathBuf>,
    /// Public part of the API key.
    #[serde(serialize_with = "secret::masked")]
    pub api_key: String,
    /// File with the secret part of the API key, in the form that the venue gives it,
    /// `docs/keys.md`.
    pub secret_file: PathBuf,
    /// The venue may take a message for this long after it was sent, in milliseconds. An order
    /// that the venue does not know counts as never arrived only after it.
    #[serde(default = "validity")]
    #[schemars(range(min = 1, max = 60_000))]
    pub validity_ms: u64,
    /// An order or cancel without an answer for this long is in doubt, in milliseconds.
    #[serde(default = "answer_timeout")]
    #[schemars(range(min = 1, max = 600_000))]
    pub answer_timeout_ms: u64,
    /// Levels of each side of a book that the router sees; the most that the venue offers if
    /// absent. The feed asks the venue for the smallest depth on offer that has them.
    #[schemars(range(min = TOP_LEVELS, max = BOOK_LEVELS_MAX))]
    pub depth: Option<u16>,
    /// The best 20 levels reach the router at once. Deeper ones come at most so often, and are up
    /// to so old, in milliseconds.
    #[serde(default = "depth_every")]
    #[schemars(range(min = 1, max = 60_000))]
    pub depth_every_ms: u64,
    /// Most updates of deeper levels in a second, over all books of the venue, of up to 8 levels
    /// each. With more changes, deeper levels are older than `depth_every_ms`.
    #[serde(default = "depth_updates")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub depth_updates_per_s_max: u32,
    /// Keys that only some venues read.
    #[serde(flatten)]
    #[schemars(skip)]
    pub own_keys: OwnKeys,
    /// What the venue's fees depend on, beside the terms of its listings (`docs/routing.md`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fees: Option<FeesConfig>,
    /// Instruments traded at the venue.
    #[schemars(length(min = 1, max = INSTRUMENTS_MAX))]
    pub listing: Vec<ListingConfig>,
}

const BREAKER: BreakerTerms = BreakerTerms::DEFAULT;
const MS_NS: u64 = 1_000_000;

fn breaker_failures() -> u32 {
    BREAKER.failures
}
fn breaker_share_percent() -> u32 {
    BREAKER.share_pct
}
fn breaker_samples_min() -> u32 {
    BREAKER.samples
}
fn breaker_window() -> u64 {
    BREAKER.window_ns / MS_NS
}
fn breaker_open() -> u64 {
    BREAKER.open_ns / MS_NS
}
fn breaker_open_max() -> u64 {
    BREAKER.open_max_ns / MS_NS
}
impl VenueConfig {
    /// How much of the venue's books the router sees.
    pub fn depth(&self) -> Depth {
        Depth {
            levels: usize::from(self.depth.unwrap_or(self.kind.depth_max)),
            every_ns: self.depth_every_ms * 1_000_000,
            updates_per_s_max: self.depth_updates_per_s_max,
        }
    }
}

fn no_limit() -> u32 {
    budget::NO_LIMIT
}
fn order_window() -> u64 {
    1_000
}
fn request_slack() -> u64 {
    100
}
fn depth_every() -> u64 {
    Depth::DEFAULT.every_ns / 1_000_000
}
fn depth_updates() -> u32 {
    Depth::DEFAULT.updates_per_s_max
}
fn validity() -> u64 {
    5_000
}
fn answer_timeout() -> u64 {
    5_000
}

/// `[[venue.listing]]`
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListingConfig {
    /// Symbol of the instrument, as in `instrument.symbol`.
    pub instrument: String,
    /// Symbol of the instrument at the venue.
    pub symbol: String,
    /// Tick: prices are multiples of this.
    #[schemars(schema_with = "schema::above_zero")]
    pub tick: Decimal,
    /// Larger ticks above named prices, at most 4, in the order of the prices. Each is a multiple
    /// of the tick before, and each price is a multiple of its tick.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ticks: Vec<TickConfig>,
    /// Significant digits of a price, at most, at venues that limit them; `tick` is then the tick
    /// of the lowest prices, a power of ten.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 18))]
    pub price_digits: Option<u8>,
    /// Lot: quantities are multiples of this, in the base asset.
    #[schemars(schema_with = "schema::above_zero")]
    pub lot: Decimal,
    /// Smallest quantity of an order, in the base asset.
    #[schemars(schema_with = "schema::not_negative")]
    pub qty_min: Decimal,
    /// Largest quantity of an order, in the base asset.
    #[schemars(schema_with = "schema::above_zero")]
    pub qty_max: Decimal,
    /// Smallest order value, in the quote asset.
    #[schemars(schema_with = "schema::not_negative")]
    pub notional_min: Decimal,
    /// Maker fee, parts per million; negative is a rebate. Without both fees the listing has those
    /// of the venue's tier (`[[venue.fees.tier]]`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = -999_999, max = 999_999))]
    pub maker_fee_ppm: Option<i32>,
    /// Taker fee, parts per million.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = -999_999, max = 999_999))]
    pub taker_fee_ppm: Option<i32>,
    /// From where the venue takes its fees. A buy is planned with the funds that the venue locks.
    #[serde(default)]
    pub fee_taken: FeeSource,
    /// Decimals of the prices in the venue's own messages.
    #[schemars(range(max = 18))]
    pub venue_price_decimals: u8,
    /// Decimals of the quantities in the venue's own messages.
    #[schemars(range(max = 18))]
    pub venue_qty_decimals: u8,
    /// Whether orders are routed to this listing.
    #[serde(default = "yes")]
    pub enabled: bool,
}

impl ListingConfig {
    /// The price steps; `None` if they contradict each other or do not fit the decimals.
    pub fn price_steps(&self, price_decimals: u8) -> Option<Ticks> {
        let price = |value| mantissa(value, u32::from(price_decimals)).map(Price);
        let least = price(self.tick)?;
        let band = |band: &TickConfig| {
            Some(TickBand { above: price(band.above)?, tick: price(band.tick)? })
        };
        let bands: Vec<TickBand> = self.ticks.iter().map(band).collect::<Option<_>>()?;
        match self.price_digits {
            Some(digits) if bands.is_empty() => Ticks::significant(least, digits),
            Some(_) => None,
            None => Ticks::banded(least, &bands),
        }
    }
}

/// A tick that holds above a price.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TickConfig {
    /// The tick holds for prices above this one.
    #[schemars(schema_with = "schema::above_zero")]
    pub above: Decimal,
    /// Tick: such prices are multiples of this.
    #[schemars(schema_with = "schema::above_zero")]
    pub tick: Decimal,
}

fn yes() -> bool {
    true
}

/// What was found in a text.
#[derive(Debug)]
pub struct Examined {
    /// The configuration, with a stand-in for each required value that was wrong or absent; `None`
    /// if the text is not TOML.
    pub config: Option<Config>,
    /// Everything that is wrong with the text.
    pub findings: Findings,
}

impl Config {
    /// The text of a configuration file.
    ///
    /// # Errors
    /// The file cannot be read, or is too long.
    pub fn read(path: &Path) -> Result<Zeroizing<String>, ConfigError> {
        let fail = |reason: String| ConfigError::of_file(path.to_owned(), reason);
        let unreadable = |error: std::io::Error| fail(format!("cannot be read: {error}"));
        if std::fs::metadata(path).map_err(unreadable)?.len() > CONFIG_BYTES_MAX {
            return Err(fail(format!("longer than {CONFIG_BYTES_MAX} bytes")));
        }
        std::fs::read_to_string(path).map(Zeroizing::new).map_err(unreadable)
    }

    /// Reads a text and checks all that the text itself decides, with the secrets of sessions,
    /// console and alerts. A node is started with what `preflight` has checked.
    ///
    /// # Errors
    /// Everything that was found.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let Examined { config, findings } = Self::examine(text);
        findings.into_result()?;
        config.ok_or_else(|| ConfigError::of_file(PathBuf::new(), "cannot be read".to_owned()))
    }

    /// Reads a text, with everything that is wrong with it.
    pub fn examine(text: &str) -> Examined {
        let (mut document, errors) = DeTable::parse_recoverable(text);
        let mut findings = Findings::new(Places::of(text, document.get_ref()));
        if !errors.is_empty() {
            let lines = Lines::of(text);
            let each = errors.iter().map(|error| secret::syntax_finding(text, &lines, error));
            each.take(FINDINGS_MAX).for_each(|finding| findings.push(finding));
            return Examined { config: None, findings };
        }
        shape::mend_table(&mut findings, document.get_mut(), &schema(), "");
        match Self::deserialize(toml::Deserializer::from(document)) {
            Ok(config) => {
                config.check(&mut findings);
                Examined { config: Some(config), findings }
            }
            Err(error) => {
                // The schema lets nothing pass that cannot be read, but nothing may be lost.
                findings.push(secret::syntax_finding(text, &Lines::of(text), &error));
                Examined { config: None, findings }
            }
        }
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
        assert!(said.contains("unknown-key: venue.binance.stale_ms: no such key"), "{said}");
    }

    #[test]
    fn a_missing_key_is_an_error_that_names_it() {
        let said = refusal(|text| text.replacen("data_dir", "#data_dir", 1));
        assert!(said.contains("data_dir"), "{said}");
        let said = refusal(|text| text.replacen("comp_id = \"RUTTER1\"", "", 1));
        assert!(said.contains("missing-key: venue.binance.comp_id"), "{said}");
    }

    #[test]
    fn a_file_that_is_wrong_everywhere_is_refused_in_a_bounded_answer() {
        let many = |one: &str| one.repeat((1 << 16) / one.len());
        let keys: Vec<String> = (0..4_000).map(|key| format!("durabilitx{key} = 1\n")).collect();
        let keys = keys.concat();
        for text in [
            format!("[console]\nsocket = \"s\"\nviewers = [{}]\n", many("1, ")),
            format!("[node]\n{keys}"),
            many("= 1\n"),
            many("[[session]]\n"),
        ] {
            let refused = Config::parse(&text).expect_err("refused");
            assert!(refused.findings.len() <= FINDINGS_MAX);
        }
    }

    #[test]
    fn a_text_that_is_not_toml_is_refused_with_all_its_errors() {
        let refused = Config::parse("a = \n[node\nb = 1\n").expect_err("refused");
        assert!(refused.findings.iter().all(|one| one.fault == Fault::Syntax), "{refused}");
        let lines: Vec<usize> = refused.findings.iter().map(|one| one.line).collect();
        assert!(lines.contains(&1) && lines.contains(&2), "{refused}");
    }
}
