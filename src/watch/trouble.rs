//! Everything that is wrong with the node at one moment, in one list.
//!
//! A line belongs here if it decides that something is wrong, for people to see. `top`, `ctl
//! status` and the prompt of `rutter console` show this list and no other, and "nothing is wrong"
//! is the empty list. The conditions of alerts are part of it, as soon as they hold.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use rutter_admin::console::sessions::SessionGauges;
use rutter_admin::console::snapshot::Trouble;
use rutter_admin::model::ScopeRow;
use rutter_admin::{SessionStatus, Status, VenueStatus};
use rutter_fix::session::Schedule;

use super::alerts::conditions::{AlertView, Condition, Evaluator, Finding, Severity};
use super::snapshot::Snapshot;

/// Time between two looks at calendars and at the disk's free space, nanoseconds.
const SLOW_PERIOD_NS: u64 = 1_000_000_000;

/// Sessions that are named one by one for one reason; the others are counted.
pub const SESSIONS_NAMED_MAX: usize = 64;

/// The hours of each session, by its place in the configuration; `None` if always open.
pub type Hours = Arc<Mutex<Vec<Option<Schedule>>>>;

/// What the list is made from beside one snapshot.
#[derive(Debug)]
pub struct Watcher {
    evaluator: Evaluator,
    hours: Hours,
    /// When calendars and disk were last looked at.
    slow_ns: u64,
    free_bytes: Option<u64>,
}

/// What is looked at.
#[derive(Debug)]
pub struct View<'a> {
    /// The newest snapshot.
    pub shown: &'a Snapshot,
    /// The connections of the sessions.
    pub sessions: &'a SessionGauges,
    /// Alerts that fire, by severity; empty if nobody is told.
    pub firing: &'a [(Severity, u64)],
}

impl Watcher {
    /// For sessions with these hours, in the order of the configuration.
    pub fn new(hours: Hours) -> Self {
        Self { evaluator: Evaluator::default(), hours, slow_ns: 0, free_bytes: None }
    }

    /// Everything that is wrong, worst first.
    pub fn look(
        &mut self,
        now_ns: u64,
        view: &View<'_>,
        free_bytes: impl FnOnce() -> Option<u64>,
    ) -> Vec<Trouble> {
        if now_ns.abs_diff(self.slow_ns) >= SLOW_PERIOD_NS {
            self.slow_ns = now_ns;
            self.free_bytes = free_bytes();
            let hours = self.hours.lock().unwrap_or_else(PoisonError::into_inner);
            for (place, hours) in hours.iter().enumerate() {
                let in_hours = hours.as_ref().is_none_or(|hours| {
                    hours.period(now_ns).is_some_and(|period| period.contains(now_ns))
                });
                view.sessions.store_in_hours(place, in_hours);
            }
        }
        let alert_view = AlertView { shown: view.shown, age_ns: 0, free_bytes: self.free_bytes };
        let findings = self.evaluator.look(now_ns, alert_view);
        let mut found = Found(Vec::new());
        // What is equally severe stays in this order: first what stops the most orders.
        operators(&mut found, &view.shown.status);
        for finding in &findings {
            found.finding(finding);
        }
        for venue in &view.shown.status.venues {
            books(&mut found, venue);
            pauses(&mut found, now_ns, venue);
        }
        links(&mut found, view.shown);
        sessions(&mut found, &view.shown.status, view.sessions);
        since_start(&mut found, view.shown);
        let firing: u64 = view.firing.iter().map(|(_, count)| count).sum();
        if firing > 0 {
            let worst = view.firing.iter().rev().find(|(_, count)| *count > 0);
            let severity = worst.map_or(Severity::Info, |(severity, _)| *severity);
            found.add("alerts_firing", severity, format!("alerts that fire: {firing}"));
        }
        found.0.sort_by_key(|(severity, _)| std::cmp::Reverse(*severity));
        found.0.into_iter().map(|(_, trouble)| trouble).collect()
    }
}

struct Found(Vec<(Severity, Trouble)>);

impl Found {
    fn add(&mut self, word: &'static str, severity: Severity, text: String) {
        self.0.push((severity, Trouble { word, severity: severity.name(), text }));
    }

    fn finding(&mut self, finding: &Finding) {
        let Some((word, what)) = words(finding.condition) else { return };
        let Finding { condition, subject, value } = finding;
        let text = match subject.as_str() {
            "" => format!("{what}: {value}"),
            subject => format!("{subject} {what}: {value}"),
        };
        self.add(word, condition.severity(), text);
    }
}

/// The word and the beginning of the sentence for a condition; `None` for a condition that another
/// line of the list tells in more detail.
const fn words(condition: Condition) -> Option<(&'static str, &'static str)> {
    Some(match condition {
        Condition::NotTurning => ("not_turning", "the core stands still"),
        Condition::NoVenue => ("no_venue", "no venue is up"),
        Condition::VenueDown => ("venue_down", "is down"),
        Condition::SuccessRate => ("success_rate", "orders fail that could be filled"),
        Condition::OrderLatency => ("order_latency", "orders take long"),
        Condition::UnknownOrders => ("unknown_orders", "has orders of unknown outcome"),
        Condition::BookStale => ("book_stale", "has a silent feed"),
        Condition::BooksDistrusted => ("books_distrusted", "loses trust in books"),
        Condition::NoReference => ("no_reference", "has no reference price"),
        Condition::Refusals => ("refusals", "clients' orders are refused"),
        Condition::VenueRejects => ("venue_rejects", "refuses orders"),
        Condition::BreakerOpen => ("breaker_open", "circuit breaker"),
        Condition::FeeDrift => ("fee_drift", "charges other fees than configured"),
        Condition::Unconverted => ("unconverted", "is not converted"),
        Condition::JournalLag => ("journal_lag", "the journal is late for the disk"),
        Condition::JournalFailed => ("journal_failed", "the journal has failed"),
        Condition::DiskFull => ("disk_full", "the journal's disk is nearly full"),
        Condition::SlowConsumer => ("slow_consumer", "a client did not read"),
        Condition::LogonsRefused => ("logons_refused", "logons are refused"),
        Condition::FixStore => {
            ("fix_store", "a client session is cut off, or its store is damaged")
        }
        Condition::FixGaps => ("fix_gaps", "messages of clients are missing"),
        Condition::RingFull => ("ring_full", "ring was full"),
        Condition::RingFilling => ("ring_filling", "ring fills up"),
        Condition::SlowCore => ("slow_core", "the core is slow"),
        // Each halt, each count since the start, and each venue that is down has its own line.
        Condition::Halted
        | Condition::CancelStuck
        | Condition::Anomaly
        | Condition::ExchangeDown => return None,
    })
}

/// Links that are up and in trouble: a venue whose calls are refused answers no question.
fn links(found: &mut Found, shown: &Snapshot) {
    for (at, venue) in shown.status.venues.iter().enumerate() {
        let Some(links) = shown.links_of(at) else { continue };
        for (name, link) in links.named() {
            if link.is_up && link.why.is_some_and(|why| !why.is_progress()) {
                let text = format!("{} {name}: {link}", venue.name);
                found.add("link_trouble", Severity::Warn, text);
            }
        }
    }
}

/// What operators have restricted.
fn operators(found: &mut Found, status: &Status) {
    for scope in &status.halts {
        found.add("halted", Severity::Warn, format!("halted: {}", scope_words(scope)));
    }
    for scope in &status.reduce_only {
        found.add("reduce_only", Severity::Warn, format!("reduce-only: {}", scope_words(scope)));
    }
    for venue in status.venues.iter().filter(|venue| venue.drained) {
        found.add("drained", Severity::Warn, format!("{} is drained", venue.name));
    }
}

fn scope_words(scope: &ScopeRow) -> String {
    let named = [
        ("venue", &scope.venue),
        ("symbol", &scope.symbol),
        ("session", &scope.session),
        ("account", &scope.account),
    ];
    let one = named.into_iter().find_map(|(kind, name)| Some(format!("{kind} {}", name.as_ref()?)));
    one.unwrap_or_else(|| "everything".to_owned())
}

/// Orders are not routed by books that are not trusted.
fn books(found: &mut Found, venue: &VenueStatus) {
    let VenueStatus { name, books, books_trusted, distrusted, .. } = venue;
    if books_trusted < books {
        let reasons: Vec<String> =
            distrusted.iter().map(|(why, count)| format!("{why} {count}")).collect();
        let reasons = reasons.join(", ");
        let text = format!("{name} has {books_trusted} trusted books of {books}: {reasons}");
        found.add("books_untrusted", Severity::Warn, text);
    }
}

/// What a venue's refusals or limits keep from being used.
fn pauses(found: &mut Found, now_ns: u64, venue: &VenueStatus) {
    for pause in &venue.pauses {
        let left_s = pause.until_ns.saturating_sub(now_ns).div_ceil(1_000_000_000);
        let of = pause.of.as_deref().unwrap_or_default();
        let what = match pause.what {
            "new_orders" => "takes no new orders (rate limit)".to_owned(),
            "cancels" => "takes no cancels (rate limit)".to_owned(),
            "cancel_budget" => "has no room for a cancel within its limits".to_owned(),
            "listing" => format!("has closed the market of {of}"),
            "open_orders" => format!("takes no more open orders of {of}"),
            // The time alone does not end it.
            _ => format!("refuses orders for want of {of}, and has not told its balance"),
        };
        let text = match left_s {
            0 => format!("{} {what}", venue.name),
            left_s => format!("{} {what}, for {left_s} s more", venue.name),
        };
        found.add("venue_paused", Severity::Warn, text);
    }
}

/// Clients that should be logged on and are not.
fn sessions(found: &mut Found, status: &Status, connections: &SessionGauges) {
    let is_shut =
        |session: &&SessionStatus| session.disabled && connections.is_configured(&session.name);
    let disabled = status.sessions.iter().filter(is_shut);
    let disabled: BTreeSet<&str> = disabled.map(|session| session.name.as_str()).collect();
    for name in disabled.iter().take(SESSIONS_NAMED_MAX) {
        found.add("session_disabled", Severity::Warn, format!("session {name} is disabled"));
    }
    if let more @ 1.. = disabled.len().saturating_sub(SESSIONS_NAMED_MAX) {
        found.add("session_disabled", Severity::Warn, format!("{more} more sessions are disabled"));
    }
    let (away, count) = connections.away(SESSIONS_NAMED_MAX, |name| !disabled.contains(name));
    for name in &away {
        found.add("session_away", Severity::Info, format!("session {name} is away"));
    }
    if let more @ 1.. = count - away.len() {
        found.add("session_away", Severity::Info, format!("{more} more sessions are away"));
    }
}

/// Events that should not occur, whenever they did.
fn since_start(found: &mut Found, shown: &Snapshot) {
    for (kind, count) in shown.anomalies() {
        if count > 0 {
            let severity =
                if kind == Snapshot::CANCEL_STUCK { Severity::Page } else { Severity::Warn };
            let text = format!("{} since the start: {count}", kind.replace('_', " "));
            found.add(kind, severity, text);
        }
    }
}

#[cfg(test)]
#[path = "trouble_tests.rs"]
mod tests;
