//! The alert conditions, and whether each of them holds.
//!
//! A line belongs here if it judges a snapshot. The conditions are those of
//! `deploy/prometheus/rutter.rules.yml` under the same names, with the same thresholds and
//! durations; a test holds the two lists against each other. What follows from one that holds is
//! `state`.

use std::collections::{BTreeMap, VecDeque};

use rutter_admin::VenueStatus;
use rutter_admin::model::{ExposureRow, FeeDriftRow};
use rutter_core::engine::EXPOSURE_ALARM_NS;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::watch::buckets::{BUCKETS_NS, Buckets};
use crate::watch::gateway_counters::GATEWAY;
use crate::watch::snapshot::Snapshot;

const S: u64 = 1_000_000_000;
const MINUTE_NS: u64 = 60 * S;
const MINUTES_5_NS: u64 = 300 * S;

/// Longest time without a turn of the core or a snapshot, seconds.
const TURN_AGE_S_MAX: u64 = 2;
/// A feed that is up and tells nothing for longer is stale.
const BOOK_AGE_S_MAX: u64 = 30;
/// Losses of trust in a minute.
const DISTRUSTS_MAX: u64 = 5;
/// Client orders refused, a second.
const REFUSALS_PER_S_MAX: u64 = 10;
/// Orders that a venue refuses, a second.
const REJECTS_PER_S_MAX: u64 = 5;
/// How long a record may wait for the disk.
const SYNC_LAG_S_MAX: u64 = 1;
/// Room for the journal.
const FREE_BYTES_MIN: u64 = 2 << 30;
/// Most logons with wrong credentials in five minutes.
const WRONG_LOGONS_MAX: u64 = 5;
/// Gaps on client sessions in five minutes.
const GAPS_MAX: u64 = 5;
/// Resends to clients in five minutes.
const RESENDS_MAX: u64 = 20;
/// How full a ring may be, in hundredths.
const RING_PERCENT_MAX: u64 = 75;
/// The core's 99th percentile.
const CORE_P99_S_MAX: f64 = 0.001;
/// Least share of the judged orders that are a success, in hundredths.
const SUCCESS_PERCENT_MIN: u64 = 95;
/// The 95th percentile from the acceptance of an order to its end.
const ORDER_P95_S_MAX: f64 = 1.0;

/// How long what went over a bridge may be unconverted.
const EXPOSURE_S_MAX: u64 = EXPOSURE_ALARM_NS / S;

/// Orders that a venue does not cancel, in five minutes.
const CANCEL_STUCK: &str = "increase(rutter_anomalies_total{kind=\"cancel_stuck\"}[5m]) > 0";

/// Fees that differ from the configured ones, in five minutes.
const FEE_DRIFT: &str = "increase(rutter_venue_fees_compared_total{result=\"drifted\"}[5m]) > 0";

/// How soon somebody must know.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Somebody should look the next morning.
    Info,
    /// Needs an answer within the hour.
    Warn,
    /// At once: somebody is woken.
    Page,
}

impl Severity {
    /// All severities, lowest first.
    pub const ALL: [Self; 3] = [Self::Info, Self::Warn, Self::Page];

    /// As rules and messages write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Page => "page",
        }
    }
}

/// Everything that is watched. `RutterDown` and `RutterAlertsUntold` of Prometheus' rules are not
/// among them: who does not answer cannot say so, nor can one whose webhooks do not take it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Condition {
    /// The core, or the thread that shows it, has no turns.
    NotTurning,
    /// No venue is up.
    NoVenue,
    /// A venue is not up.
    VenueDown,
    /// A venue has not been up for minutes.
    ExchangeDown,
    /// Many orders are not carried out.
    SuccessRate,
    /// Orders take long from their acceptance to their end.
    OrderLatency,
    /// The state of orders at a venue is unknown.
    UnknownOrders,
    /// A venue does not give back an order that has to end.
    CancelStuck,
    /// The feed of a venue that is up sends no update.
    BookStale,
    /// Books of a venue become untrusted repeatedly.
    BooksDistrusted,
    /// An instrument has no reference price.
    NoReference,
    /// The kill switch is on.
    Halted,
    /// Many client orders are refused.
    Refusals,
    /// A venue refuses many orders.
    VenueRejects,
    /// A circuit breaker of a venue is not closed.
    BreakerOpen,
    /// A venue charges another fee than the configured one.
    FeeDrift,
    /// What went over a bridge is not converted.
    Unconverted,
    /// Records wait for the disk.
    JournalLag,
    /// A sync has failed.
    JournalFailed,
    /// Little room is left for the journal.
    DiskFull,
    /// A client was disconnected because it did not read.
    SlowConsumer,
    /// A session is cut off until a restart, or its message store is damaged.
    FixStore,
    /// Logons fail because of wrong credentials, a source is locked out, or clients find no place.
    LogonsRefused,
    /// Many gaps or resends on client sessions.
    FixGaps,
    /// A ring was found full.
    RingFull,
    /// A ring is nearly full.
    RingFilling,
    /// The core takes long.
    SlowCore,
    /// What should not happen did.
    Anomaly,
}

impl Condition {
    /// All conditions.
    pub const ALL: [Self; 28] = [
        Self::NotTurning,
        Self::NoVenue,
        Self::VenueDown,
        Self::ExchangeDown,
        Self::SuccessRate,
        Self::OrderLatency,
        Self::UnknownOrders,
        Self::CancelStuck,
        Self::BookStale,
        Self::BooksDistrusted,
        Self::NoReference,
        Self::Halted,
        Self::Refusals,
        Self::VenueRejects,
        Self::BreakerOpen,
        Self::FeeDrift,
        Self::Unconverted,
        Self::JournalLag,
        Self::JournalFailed,
        Self::DiskFull,
        Self::SlowConsumer,
        Self::FixStore,
        Self::LogonsRefused,
        Self::FixGaps,
        Self::RingFull,
        Self::RingFilling,
        Self::SlowCore,
        Self::Anomaly,
    ];

    /// The alert's name, its severity, and for how many seconds it must hold before it fires.
    const fn rule(self) -> (&'static str, Severity, u64) {
        use Severity::{Info, Page, Warn};
        match self {
            Self::NotTurning => ("RutterNotTurning", Page, 2),
            Self::NoVenue => ("RutterNoVenue", Page, 5),
            Self::VenueDown => ("RutterVenueDown", Warn, 10),
            Self::ExchangeDown => ("ExchangeDown", Page, 120),
            Self::SuccessRate => ("OrderSuccessRateDropped", Page, 300),
            Self::OrderLatency => ("HighOrderLatency", Warn, 300),
            Self::UnknownOrders => ("RutterUnknownOrders", Page, 30),
            Self::CancelStuck => ("RutterCancelStuck", Page, 0),
            Self::BookStale => ("RutterBookStale", Warn, 5),
            Self::BooksDistrusted => ("RutterBooksDistrusted", Warn, 0),
            Self::NoReference => ("RutterNoReference", Warn, 10),
            Self::Halted => ("RutterHalted", Warn, 0),
            Self::Refusals => ("RutterRefusals", Warn, 10),
            Self::VenueRejects => ("RutterVenueRejects", Warn, 10),
            Self::BreakerOpen => ("RutterBreakerOpen", Warn, 0),
            Self::FeeDrift => ("RutterFeeDrift", Warn, 0),
            Self::Unconverted => ("RutterUnconverted", Page, 0),
            Self::JournalLag => ("RutterJournalLag", Page, 5),
            Self::JournalFailed => ("RutterJournalFailed", Page, 0),
            Self::DiskFull => ("RutterDiskFull", Page, 0),
            Self::SlowConsumer => ("RutterSlowConsumer", Warn, 0),
            Self::FixStore => ("RutterFixStore", Page, 0),
            Self::LogonsRefused => ("RutterLogonsRefused", Warn, 0),
            Self::FixGaps => ("RutterFixGaps", Info, 0),
            Self::RingFull => ("RutterRingFull", Warn, 0),
            Self::RingFilling => ("RutterRingFilling", Warn, 5),
            Self::SlowCore => ("RutterSlowCore", Warn, 30),
            Self::Anomaly => ("RutterAnomaly", Warn, 0),
        }
    }

    /// The alert's name, which is its runbook's too.
    pub const fn name(self) -> &'static str {
        self.rule().0
    }

    /// How soon somebody must know.
    pub const fn severity(self) -> Severity {
        self.rule().1
    }

    /// For how long it must hold before it fires, seconds.
    pub const fn hold_s(self) -> u64 {
        self.rule().2
    }

    /// Where it says what to do.
    pub fn runbook(self) -> String {
        format!("docs/runbooks/{}.md", self.name())
    }

    /// The condition with its threshold, as Prometheus' rule asks for it.
    pub fn expression(self) -> String {
        match self {
            Self::NotTurning => format!(
                "rutter_core_turn_age_seconds > {TURN_AGE_S_MAX} or \
                 rutter_snapshot_age_seconds > {TURN_AGE_S_MAX}"
            ),
            Self::NoVenue => "sum without (exchange) (rutter_venue_up) == 0".to_owned(),
            Self::VenueDown | Self::ExchangeDown => "rutter_venue_up == 0".to_owned(),
            Self::SuccessRate => format!(
                "sum without (result) (rate(rutter_orders_judged_total{{result=\"success\"}}[5m])) \
                 / sum without (result) (rate(rutter_orders_judged_total[5m])) < \
                 0.{SUCCESS_PERCENT_MIN}"
            ),
            Self::OrderLatency => format!(
                "histogram_quantile(0.95, rate(rutter_order_duration_seconds_bucket[5m])) > \
                 {ORDER_P95_S_MAX}"
            ),
            Self::UnknownOrders => "rutter_venue_unknown_orders > 0".to_owned(),
            Self::CancelStuck => CANCEL_STUCK.to_owned(),
            Self::BookStale => format!(
                "rutter_book_age_seconds > {BOOK_AGE_S_MAX} and on (instance, exchange) \
                 rutter_venue_up == 1"
            ),
            Self::BooksDistrusted => {
                format!("increase(rutter_book_distrusts_total[1m]) > {DISTRUSTS_MAX}")
            }
            Self::NoReference => "rutter_reference_price_missing == 1".to_owned(),
            Self::Halted => "rutter_halted == 1".to_owned(),
            Self::Refusals => format!(
                "sum without (reason) (rate(rutter_orders_refused_total[1m])) > \
                 {REFUSALS_PER_S_MAX}"
            ),
            Self::VenueRejects => format!(
                "sum without (reason) (rate(rutter_venue_rejects_total[1m])) > {REJECTS_PER_S_MAX}"
            ),
            Self::BreakerOpen => "rutter_venue_breaker_open == 1".to_owned(),
            Self::FeeDrift => FEE_DRIFT.to_owned(),
            Self::Unconverted => format!("rutter_bridge_exposure_age_seconds > {EXPOSURE_S_MAX}"),
            Self::JournalLag => format!("rutter_journal_sync_lag_seconds > {SYNC_LAG_S_MAX}"),
            Self::JournalFailed => "rutter_journal_failed == 1".to_owned(),
            Self::DiskFull => format!("rutter_journal_disk_free_bytes < {FREE_BYTES_MIN}"),
            Self::SlowConsumer => "increase(rutter_fix_slow_consumers_total[5m]) > 0".to_owned(),
            Self::FixStore => {
                "rutter_fix_sessions_failed_total > 0 or rutter_fix_store_damages_total > 0"
                    .to_owned()
            }
            Self::LogonsRefused => format!(
                "increase(rutter_fix_credentials_refused_total[5m]) > {WRONG_LOGONS_MAX} or \
                 increase(rutter_fix_lockouts_total[5m]) > 0 or \
                 increase(rutter_fix_connections_full_total[5m]) > 0 or \
                 increase(rutter_fix_accepts_failed_total[5m]) > 0"
            ),
            Self::FixGaps => format!(
                "increase(rutter_fix_gaps_total[5m]) > {GAPS_MAX} or \
                 increase(rutter_fix_resends_total[5m]) > {RESENDS_MAX}"
            ),
            Self::RingFull => "increase(rutter_ring_stalls_total[1m]) > 0".to_owned(),
            Self::RingFilling => {
                format!("rutter_ring_depth / rutter_ring_slots > 0.{RING_PERCENT_MAX}")
            }
            Self::SlowCore => format!(
                "histogram_quantile(0.99, sum without (path) \
                 (rate(rutter_stage_duration_seconds_bucket{{stage=\"core\"}}[1m]))) > \
                 {CORE_P99_S_MAX}"
            ),
            Self::Anomaly => {
                "increase(rutter_anomalies_total{kind!=\"cancel_stuck\"}[5m]) > 0".to_owned()
            }
        }
    }
}

/// What the conditions are evaluated on.
#[derive(Clone, Copy, Debug)]
pub struct AlertView<'a> {
    /// The newest snapshot.
    pub shown: &'a Snapshot,
    /// Since it was made, nanoseconds.
    pub age_ns: u64,
    /// Free space of the journal's file system, bytes; `None` if the system does not tell.
    pub free_bytes: Option<u64>,
}

/// One condition that holds, with its subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The condition that holds.
    pub condition: Condition,
    /// The subject: a venue, a venue and a reason, a ring or a kind; empty for the node as a whole.
    pub subject: String,
    /// The value that was found, for a person.
    pub value: String,
}

/// A counter over the last while: one sample a second at most.
#[derive(Clone, Debug)]
struct Window(VecDeque<(u64, u64)>);

/// Least time between two samples of a window.
const SAMPLE_NS: u64 = S;

impl Window {
    /// A counter begins at zero with the process.
    fn new(now_ns: u64) -> Self {
        Self(VecDeque::from([(now_ns, 0)]))
    }

    /// Growth of the counter in the last `span_ns`. Keeps at most one sample per second.
    fn grew(&mut self, now_ns: u64, span_ns: u64, value: u64) -> u64 {
        let from = now_ns.saturating_sub(span_ns);
        while self.0.get(1).is_some_and(|(at, _)| *at <= from) {
            self.0.pop_front();
        }
        if self.0.back().is_none_or(|(at, _)| now_ns.saturating_sub(*at) >= SAMPLE_NS) {
            self.0.push_back((now_ns, value));
        }
        self.0.front().map_or(0, |(_, before)| value.saturating_sub(*before))
    }
}

/// Checks one snapshot after the other, and remembers earlier values of counters.
#[derive(Clone, Debug, Default)]
pub struct Evaluator {
    /// Earlier values by condition, part of the condition, and subject. Their number is bounded by
    /// the metrics.
    windows: BTreeMap<(Condition, usize, String), Window>,
}

/// Collects the conditions that hold.
struct Found<'a> {
    windows: &'a mut BTreeMap<(Condition, usize, String), Window>,
    now_ns: u64,
    holding: Vec<Finding>,
}

impl Found<'_> {
    fn when(&mut self, holds: bool, condition: Condition, subject: &str, value: String) {
        if holds {
            self.holding.push(Finding { condition, subject: subject.to_owned(), value });
        }
    }

    fn grew(&mut self, what: (Condition, usize, &str), span_ns: u64, value: u64) -> u64 {
        let (condition, part, subject) = what;
        let now_ns = self.now_ns;
        let key = (condition, part, subject.to_owned());
        let window = self.windows.entry(key).or_insert_with(|| Window::new(now_ns));
        window.grew(now_ns, span_ns, value)
    }

    /// Growth of each bucket of a histogram.
    fn grown(
        &mut self,
        condition: Condition,
        span_ns: u64,
        times: &Buckets,
    ) -> [u64; BUCKETS_NS.len() + 1] {
        std::array::from_fn(|at| self.grew((condition, at, ""), span_ns, times.counts[at]))
    }
}

fn seconds(ns: u64) -> String {
    format!("{:.1} s", ns as f64 / S as f64)
}

fn gateway(shown: &Snapshot, name: &str) -> u64 {
    let at = GATEWAY.iter().position(|counter| counter.name == name);
    at.and_then(|at| shown.gateway.get(at)).copied().unwrap_or(0)
}

impl Evaluator {
    /// The conditions that hold, in their order. While the journal is replayed there is no
    /// snapshot, and only the disk is checked.
    pub fn look(&mut self, now_ns: u64, view: AlertView<'_>) -> Vec<Finding> {
        let mut found = Found { windows: &mut self.windows, now_ns, holding: Vec::new() };
        if let Some(free) = view.free_bytes {
            let value = format!("{} MiB are free", free >> 20);
            found.when(free < FREE_BYTES_MIN, Condition::DiskFull, "", value);
        }
        if view.shown.made_ns > 0 {
            core(&mut found, view);
            venues(&mut found, view.shown);
            orders(&mut found, view.shown);
            execution(&mut found, view.shown);
            clients(&mut found, view.shown);
        }
        found.holding.sort_by(|a, b| (a.condition, &a.subject).cmp(&(b.condition, &b.subject)));
        found.holding
    }
}

fn core(found: &mut Found<'_>, view: AlertView<'_>) {
    let shown = view.shown;
    let idle_ns = shown.made_ns.saturating_sub(shown.turned_ns).max(view.age_ns);
    let value = match shown.turned_ns {
        0 => "no turn yet".to_owned(),
        _ => format!("no turn for {}", seconds(idle_ns)),
    };
    found.when(idle_ns > TURN_AGE_S_MAX * S, Condition::NotTurning, "", value);
    found.when(shown.status.halted, Condition::Halted, "", "the kill switch is on".to_owned());
    let lag_ns = shown.journal.sync_lag_ns;
    let value = format!("the oldest record waits for {}", seconds(lag_ns));
    found.when(lag_ns > SYNC_LAG_S_MAX * S, Condition::JournalLag, "", value);
    let value = "a sync has failed".to_owned();
    found.when(shown.journal.failed, Condition::JournalFailed, "", value);
    for (ring, at) in [("input", shown.input), ("output", shown.output)] {
        let grew = found.grew((Condition::RingFull, 0, ring), MINUTE_NS, at.stalls);
        let value = format!("found full {grew} times in a minute");
        found.when(grew > 0, Condition::RingFull, ring, value);
        let value = format!("{} of {} slots are taken", at.depth, at.slots);
        let full = at.depth.saturating_mul(100) > at.slots.saturating_mul(RING_PERCENT_MAX);
        found.when(full, Condition::RingFilling, ring, value);
    }
    let mut times = Buckets::default();
    for (_, _, of_path) in shown.stages.iter().filter(|(_, stage, _)| *stage == "core") {
        times.add(of_path);
    }
    let buckets = found.grown(Condition::SlowCore, MINUTE_NS, &times);
    let p99_s = quantile_s(&buckets, 0.99);
    let value = format!("p99 is {:.3} ms", p99_s * 1e3);
    found.when(p99_s > CORE_P99_S_MAX, Condition::SlowCore, "", value);
}

/// Computes a quantile like Prometheus' `histogram_quantile`: linear within a bucket, and the last
/// bound for values above it.
fn quantile_s(buckets: &[u64; BUCKETS_NS.len() + 1], quantile: f64) -> f64 {
    let total: u64 = buckets.iter().sum();
    let rank = quantile * total as f64;
    let (mut below, mut lower_ns) = (0_u64, 0_u64);
    for (count, upper_ns) in buckets.iter().zip(BUCKETS_NS) {
        if *count > 0 && (below + count) as f64 >= rank {
            let part = (rank - below as f64) / *count as f64;
            return (lower_ns as f64 + (upper_ns - lower_ns) as f64 * part) / S as f64;
        }
        (below, lower_ns) = (below + count, upper_ns);
    }
    if total == 0 { 0.0 } else { lower_ns as f64 / S as f64 }
}

fn venues(found: &mut Found<'_>, shown: &Snapshot) {
    let all = &shown.status.venues;
    let used = all.iter().filter(|venue| venue.is_used());
    let (count, up) = used.fold((0, 0), |(count, up), one| (count + 1, up + u32::from(one.up)));
    found.when(count > 0 && up == 0, Condition::NoVenue, "", format!("0 of {count} are up"));
    for (at, venue) in all.iter().enumerate() {
        let name = venue.name.as_str();
        let value = match shown.links_of(at).map(|links| &links.orders) {
            Some(link) if link.attempts > 0 => {
                format!("not up: {link}; {} attempts failed", link.attempts)
            }
            Some(link) if !link.is_up => format!("not up: {link}"),
            Some(_) | None => "not up".to_owned(),
        };
        let is_missed = !venue.up && venue.is_used();
        found.when(is_missed, Condition::VenueDown, name, value.clone());
        found.when(is_missed, Condition::ExchangeDown, name, value);
        let value = format!("{} orders", venue.unknown);
        found.when(venue.unknown > 0, Condition::UnknownOrders, name, value);
        let rejects = venue.rejects.values().sum();
        let grew = found.grew((Condition::VenueRejects, 0, name), MINUTE_NS, rejects);
        let value = format!("{grew} orders refused in a minute");
        found.when(grew > REJECTS_PER_S_MAX * 60, Condition::VenueRejects, name, value);
        let grew = found.grew((Condition::FeeDrift, 0, name), MINUTES_5_NS, venue.fees.drifted);
        found.when(grew > 0, Condition::FeeDrift, name, drift_words(venue, grew));
        for (kind, breaker) in &venue.breakers {
            let subject = format!("{name}/{kind}");
            let left_ns = breaker.until_ns.saturating_sub(shown.made_ns);
            let value = format!("{}, for {} more", breaker.state, seconds(left_ns));
            found.when(breaker.is_shut(), Condition::BreakerOpen, &subject, value);
        }
    }
    for feed in &shown.feeds {
        let Some(venue) = all.get(feed.venue) else { continue };
        let uses = |one: &&VenueStatus| one.books_of.as_ref() == Some(&venue.name);
        if !venue.up && !all.iter().filter(uses).any(|one| one.up) {
            continue;
        }
        let stale = feed.age_ns.is_none_or(|age_ns| age_ns > BOOK_AGE_S_MAX * S);
        let never = || "never heard".to_owned();
        let value = feed.age_ns.map_or_else(never, |ns| format!("nothing for {}", seconds(ns)));
        found.when(stale, Condition::BookStale, &venue.name, value);
    }
    for ((at, reason), count) in &shown.counted.distrusts {
        let Some(venue) = all.get(*at) else { continue };
        let subject = format!("{}/{reason}", venue.name);
        let grew = found.grew((Condition::BooksDistrusted, 0, &subject), MINUTE_NS, *count);
        let value = format!("{grew} times in a minute");
        found.when(grew > DISTRUSTS_MAX, Condition::BooksDistrusted, &subject, value);
    }
    for exposure in &shown.status.exposures {
        let age_ns = exposure.age_ns(shown.made_ns);
        let subject = format!("{}/{}", exposure.account, exposure.asset);
        let ExposureRow { side, amount, asset, why, .. } = exposure;
        let value = format!("{side} {amount} {asset} for {}: {why}", seconds(age_ns));
        found.when(age_ns > EXPOSURE_S_MAX * S, Condition::Unconverted, &subject, value);
    }
    for symbol in &shown.status.no_reference {
        let value = "market orders wait or are refused".to_owned();
        found.when(true, Condition::NoReference, symbol, value);
    }
}

fn drift_words(venue: &VenueStatus, count: u64) -> String {
    let Some(drift) = &venue.fees.newest_drift else { return format!("{count} in five minutes") };
    let FeeDriftRow { symbol, liquidity, asset, configured_ppm, charged_ppm } = drift;
    let charged = charged_ppm.map_or_else(|| "no rate".to_owned(), |ppm| format!("{ppm} ppm"));
    format!(
        "{count} in five minutes, the newest {charged} in {asset} as {liquidity} of {symbol}, \
         configured {configured_ppm} ppm"
    )
}

fn orders(found: &mut Found<'_>, shown: &Snapshot) {
    let refused = shown.status.refused.values().sum();
    let grew = found.grew((Condition::Refusals, 0, ""), MINUTE_NS, refused);
    let value = format!("{grew} orders refused in a minute");
    found.when(grew > REFUSALS_PER_S_MAX * 60, Condition::Refusals, "", value);
    for (kind, count) in shown.anomalies() {
        let (condition, subject) = match kind {
            Snapshot::CANCEL_STUCK => (Condition::CancelStuck, ""),
            kind => (Condition::Anomaly, kind),
        };
        let grew = found.grew((condition, 0, subject), MINUTES_5_NS, count);
        let value = format!("{grew} in five minutes");
        found.when(grew > 0, condition, subject, value);
    }
}

fn execution(found: &mut Found<'_>, shown: &Snapshot) {
    let failed = shown.status.failed.values().sum();
    let [success, failure] = [shown.status.succeeded, failed];
    let success = found.grew((Condition::SuccessRate, 0, ""), MINUTES_5_NS, success);
    let failure = found.grew((Condition::SuccessRate, 1, ""), MINUTES_5_NS, failure);
    let judged = success + failure;
    let value = format!("{failure} of {judged} orders not carried out in five minutes");
    let dropped = success * 100 < judged * SUCCESS_PERCENT_MIN;
    found.when(dropped, Condition::SuccessRate, "", value);
    let times = &shown.counted.order_duration;
    let buckets = found.grown(Condition::OrderLatency, MINUTES_5_NS, times);
    let p95_s = quantile_s(&buckets, 0.95);
    let value = format!("p95 is {p95_s:.3} s");
    found.when(p95_s > ORDER_P95_S_MAX, Condition::OrderLatency, "", value);
}

fn clients(found: &mut Found<'_>, shown: &Snapshot) {
    let mut grew = |condition, part, name| {
        found.grew((condition, part, ""), MINUTES_5_NS, gateway(shown, name))
    };
    let slow = grew(Condition::SlowConsumer, 0, "fix_slow_consumers");
    let wrong = grew(Condition::LogonsRefused, 0, "fix_credentials_refused");
    let lockouts = grew(Condition::LogonsRefused, 1, "fix_lockouts");
    let full = grew(Condition::LogonsRefused, 2, "fix_connections_full");
    let unaccepted = grew(Condition::LogonsRefused, 3, "fix_accepts_failed");
    let gaps = grew(Condition::FixGaps, 0, "fix_gaps");
    let resends = grew(Condition::FixGaps, 1, "fix_resends");
    let value = format!("{slow} cut off in five minutes");
    found.when(slow > 0, Condition::SlowConsumer, "", value);
    let failed = gateway(shown, "fix_sessions_failed");
    let places = gateway(shown, "fix_store_damages");
    let value = format!("{failed} sessions cut off, {places} damaged places");
    found.when(failed > 0 || places > 0, Condition::FixStore, "", value);
    let value = format!(
        "{wrong} wrong logons, {lockouts} lockouts, {full} without a place, {unaccepted} not \
         accepted in five minutes"
    );
    let holds = wrong > WRONG_LOGONS_MAX || lockouts > 0 || full > 0 || unaccepted > 0;
    found.when(holds, Condition::LogonsRefused, "", value);
    let value = format!("{gaps} gaps and {resends} resends in five minutes");
    found.when(gaps > GAPS_MAX || resends > RESENDS_MAX, Condition::FixGaps, "", value);
}

#[cfg(test)]
mod tests;
