//! Each condition is found when it holds, and the list agrees with Prometheus' rules.

use super::*;
use crate::watch::buckets::Buckets;
use crate::watch::snapshot::FeedSnapshot;
use rutter_admin::{BreakerRow, VenueStatus};

const RULES: &str = include_str!("../../../../deploy/prometheus/rutter.rules.yml");

/// Rules for Prometheus only: a node that does not answer, or whose webhooks fail, cannot report
/// that itself.
const ONLY_PROMETHEUS: [&str; 2] = ["RutterDown", "RutterAlertsUntold"];

const NOW: u64 = 1_000_000 * S;

/// Name, expression, seconds to hold, severity, runbook.
type Rule = (String, String, u64, String, String);

fn rules() -> Vec<Rule> {
    let mut rules: Vec<Rule> = Vec::new();
    let mut lines = RULES.lines().map(str::trim);
    while let Some(line) = lines.next() {
        if let Some(name) = line.strip_prefix("- alert: ") {
            rules.push((name.to_owned(), String::new(), 0, String::new(), String::new()));
            continue;
        }
        let Some(rule) = rules.last_mut() else { continue };
        if line == "expr: >-" {
            lines.next().expect("an expression").clone_into(&mut rule.1);
        } else if let Some(hold) = line.strip_prefix("for: ") {
            rule.2 = hold.trim_end_matches('s').parse().expect("whole seconds");
        } else if let Some(severity) = line.strip_prefix("severity: ") {
            severity.clone_into(&mut rule.3);
        } else if let Some(runbook) = line.strip_prefix("runbook: ") {
            runbook.clone_into(&mut rule.4);
        }
    }
    rules
}

#[test]
fn the_conditions_are_those_of_prometheus_rules_but_those_that_a_node_cannot_tell() {
    let ours: Vec<Rule> = Condition::ALL
        .iter()
        .map(|one| {
            let severity = one.severity().name().to_owned();
            (one.name().to_owned(), one.expression(), one.hold_s(), severity, one.runbook())
        })
        .collect();
    let (only_theirs, theirs): (Vec<Rule>, Vec<Rule>) =
        rules().into_iter().partition(|rule| ONLY_PROMETHEUS.contains(&rule.0.as_str()));
    assert_eq!(ours, theirs, "names, thresholds, durations, severities, runbooks and order");
    let only_theirs: Vec<&str> = only_theirs.iter().map(|rule| rule.0.as_str()).collect();
    assert_eq!(only_theirs, ONLY_PROMETHEUS);
}

fn sound() -> Snapshot {
    let mut shown = Snapshot { made_ns: NOW, turned_ns: NOW, ..Snapshot::default() };
    let venue = |name: &str| VenueStatus {
        name: name.to_owned(),
        up: true,
        books: 1,
        ..VenueStatus::default()
    };
    shown.status.venues = ["binance", "kraken"].map(venue).to_vec();
    shown.feeds = vec![FeedSnapshot { venue: 0, news: 1, age_ns: Some(0) }];
    shown.stages = vec![("order", "core", Buckets::default())];
    shown
}

fn view(shown: &Snapshot) -> AlertView<'_> {
    AlertView { shown, age_ns: 0, free_bytes: Some(FREE_BYTES_MIN) }
}

/// The conditions that hold after a change to a sound snapshot.
fn after(change: impl FnOnce(&mut Snapshot)) -> Vec<(Condition, String)> {
    let mut watcher = Evaluator::default();
    let mut shown = sound();
    assert_eq!(watcher.look(NOW, view(&shown)), []);
    change(&mut shown);
    let found = watcher.look(NOW + 2 * S, view(&shown));
    found.into_iter().map(|one| (one.condition, one.subject)).collect()
}

fn counter(shown: &mut Snapshot, name: &str, value: u64) {
    let at = GATEWAY.iter().position(|counter| counter.name == name).expect("there");
    shown.gateway[at] = value;
}

#[test]
fn each_condition_is_found_by_itself_with_its_subject_and_not_at_its_threshold() {
    use Condition as C;
    type Change = fn(&mut Snapshot, u64);
    // By how much the threshold itself is reached; one more holds.
    let cases: [(C, &str, u64, Change); 26] = [
        (C::NotTurning, "", 2 * S, |s, n| s.turned_ns = NOW - n),
        (C::UnknownOrders, "kraken", 0, |s, n| s.status.venues[1].unknown = n),
        (C::BookStale, "binance", 30 * S, |s, n| s.feeds[0].age_ns = Some(n)),
        (C::BooksDistrusted, "kraken/gap", 5, |s, n| {
            s.counted.distrusts.insert((1, "gap"), n);
        }),
        (C::NoReference, "BTC/USD", 0, |s, n| {
            s.status.no_reference = vec!["BTC/USD".to_owned(); usize::from(n > 0)];
        }),
        (C::Halted, "", 0, |s, n| s.status.halted = n > 0),
        (C::Refusals, "", 600, |s, n| {
            s.status.refused.insert("NoVenue".to_owned(), n);
        }),
        (C::VenueRejects, "kraken", 300, |s, n| {
            s.status.venues[1].rejects.insert("Other".to_owned(), n);
        }),
        (C::BreakerOpen, "kraken/new", 0, |s, n| {
            let state = if n > 0 { "half_open" } else { "closed" };
            let breaker = BreakerRow { state, ..BreakerRow::default() };
            s.status.venues[1].breakers.insert("new", breaker);
        }),
        (C::FeeDrift, "kraken", 0, |s, n| s.status.venues[1].fees.drifted = n),
        (C::JournalLag, "", S, |s, n| s.journal.sync_lag_ns = n),
        (C::JournalFailed, "", 0, |s, n| s.journal.failed = n > 0),
        (C::SlowConsumer, "", 0, |s, n| counter(s, "fix_slow_consumers", n)),
        (C::FixStore, "", 0, |s, n| counter(s, "fix_sessions_failed", n)),
        (C::FixStore, "", 0, |s, n| counter(s, "fix_store_damages", n)),
        (C::LogonsRefused, "", 5, |s, n| counter(s, "fix_credentials_refused", n)),
        (C::LogonsRefused, "", 0, |s, n| counter(s, "fix_lockouts", n)),
        (C::LogonsRefused, "", 0, |s, n| counter(s, "fix_connections_full", n)),
        (C::LogonsRefused, "", 0, |s, n| counter(s, "fix_accepts_failed", n)),
        (C::FixGaps, "", 20, |s, n| counter(s, "fix_resends", n)),
        (C::RingFull, "output", 0, |s, n| s.output.stalls = n),
        (C::Anomaly, "odd_fill", 0, |s, n| s.status.odd_fills = n),
        (C::Anomaly, "contradicted", 0, |s, n| s.status.contradicted = n),
        (C::Anomaly, "reconciled", 0, |s, n| s.status.reconciled = n),
        (C::CancelStuck, "", 0, |s, n| s.status.cancels_stuck = n),
        (C::RingFilling, "input", 768, |s, n| (s.input.depth, s.input.slots) = (n, 1_024)),
    ];
    for (condition, subject, threshold, change) in cases {
        assert_eq!(after(|s| change(s, threshold)), [], "{condition:?} at its threshold");
        let holds = [(condition, subject.to_owned())];
        assert_eq!(after(|s| change(s, threshold + 1)), holds, "{condition:?} above it");
    }
}

/// The two alerts of a venue that is down differ in how long it has to be down.
#[test]
fn a_venue_that_is_down_is_told_soon_and_wakes_somebody_after_two_minutes() {
    let found = after(|s| s.status.venues[1].up = false);
    let of = |condition| (condition, "kraken".to_owned());
    assert_eq!(found, [of(Condition::VenueDown), of(Condition::ExchangeDown)]);
    let hold = |condition: Condition| (condition.hold_s(), condition.severity());
    assert_eq!(hold(Condition::VenueDown), (10, Severity::Warn));
    assert_eq!(hold(Condition::ExchangeDown), (120, Severity::Page));
}

#[test]
fn the_success_rate_has_dropped_when_less_than_95_of_a_hundred_judged_orders_succeed() {
    let of = |succeeded: u64, failed: u64| {
        after(move |s| {
            s.status.succeeded = succeeded;
            s.status.failed.insert("VenueBusy".to_owned(), failed);
        })
    };
    assert_eq!(of(0, 0), [], "no order is judged");
    assert_eq!(of(95, 5), []);
    let dropped = [(Condition::SuccessRate, String::new())];
    assert_eq!(of(949, 51), dropped);
    assert_eq!(of(0, 1), dropped);
}

#[test]
fn orders_are_slow_when_more_than_five_in_a_hundred_take_longer_than_a_second() {
    let above = BUCKETS_NS.iter().position(|bound| *bound > 1_000_000_000).expect("there");
    let slow = |count: u64| {
        after(move |s| {
            s.counted.order_duration.counts[0] = 950;
            s.counted.order_duration.counts[above] = count;
        })
    };
    assert_eq!(slow(50), []);
    assert_eq!(slow(60), [(Condition::OrderLatency, String::new())]);
}

#[test]
fn no_venue_holds_beside_each_venue_that_is_down() {
    let found = after(|s| s.status.venues.iter_mut().for_each(|venue| venue.up = false));
    let of = |condition, subject: &str| (condition, subject.to_owned());
    let each = [Condition::VenueDown, Condition::ExchangeDown];
    let down = each.into_iter().flat_map(|one| [of(one, "binance"), of(one, "kraken")]);
    let expected: Vec<_> = [of(Condition::NoVenue, "")].into_iter().chain(down).collect();
    assert_eq!(found, expected);
}

#[test]
fn the_core_is_slow_when_more_than_one_in_a_hundred_takes_longer_than_a_millisecond() {
    let above = BUCKETS_NS.iter().position(|bound| *bound > 1_000_000).expect("there");
    let slow = |count: u64| {
        after(move |s| {
            s.stages[0].2.counts[0] = 1_000;
            s.stages[0].2.counts[above] = count;
        })
    };
    assert_eq!(slow(9), []);
    assert_eq!(slow(20), [(Condition::SlowCore, String::new())]);
}

#[test]
fn what_is_shown_no_more_and_a_full_disk_are_found_and_a_replay_is_not_taken_for_a_stuck_core() {
    let shown = sound();
    let stuck = AlertView { age_ns: 2 * S + 1, ..view(&shown) };
    let found = Evaluator::default().look(NOW, stuck);
    assert_eq!(found[0].condition, Condition::NotTurning);
    let full = AlertView { free_bytes: Some(FREE_BYTES_MIN - 1), ..view(&shown) };
    assert_eq!(Evaluator::default().look(NOW, full)[0].condition, Condition::DiskFull);
    let nothing = Snapshot::default();
    assert_eq!(Evaluator::default().look(NOW, AlertView { age_ns: NOW, ..view(&nothing) }), []);
}

#[test]
fn a_counter_that_grew_is_forgotten_after_its_window_and_a_window_is_bounded() {
    let mut watcher = Evaluator::default();
    let mut shown = sound();
    let mut holds_for = 0;
    for turn in 0..4_000 {
        shown.status.odd_fills = u64::from(turn >= 10);
        holds_for += usize::from(!watcher.look(NOW + turn * S / 5, view(&shown)).is_empty());
    }
    assert!((1_495..=1_505).contains(&holds_for), "five times {holds_for} a second, 300 s");
    let longest = watcher.windows.values().map(|window| window.0.len()).max();
    assert!(longest.is_some_and(|samples| samples <= 302), "{longest:?} samples");
}
