//! Each fault by itself, on a node of which nothing else is wrong.
//!
//! A line belongs here if it tests `trouble`.

use rutter_admin::console::sessions::Connection;
use rutter_admin::model::{FeeDriftRow, SessionStatus};
use rutter_admin::{BreakerRow, PauseRow};

use super::*;
use crate::watch::buckets::BUCKETS_NS;
use crate::watch::snapshot::FeedSnapshot;

const S: u64 = 1_000_000_000;
const NOW: u64 = 1_000 * S;

/// A node with one venue and one session, of which nothing is wrong.
struct Node {
    shown: Snapshot,
    sessions: SessionGauges,
    firing: Vec<(Severity, u64)>,
    watcher: Watcher,
    now_ns: u64,
    free_bytes: Option<u64>,
}

fn sound() -> Node {
    let mut shown = Snapshot { made_ns: NOW, turned_ns: NOW, ..Snapshot::default() };
    shown.status.venues = vec![VenueStatus {
        name: "kraken".to_owned(),
        up: true,
        books: 2,
        books_trusted: 2,
        ..VenueStatus::default()
    }];
    shown.status.sessions =
        vec![SessionStatus { name: "DESK1".to_owned(), ..SessionStatus::default() }];
    shown.feeds = vec![FeedSnapshot { venue: 0, news: 1, age_ns: Some(1) }];
    for ring in [&mut shown.input, &mut shown.output] {
        ring.slots = 100;
    }
    let sessions = SessionGauges::new([("DESK1".to_owned(), "trading")]);
    sessions.store(0, &Connection { connected: true, ..Connection::default() });
    Node {
        shown,
        sessions,
        firing: Vec::new(),
        watcher: Watcher::new(Arc::new(Mutex::new(vec![None]))),
        now_ns: NOW,
        free_bytes: Some(100 << 30),
    }
}

impl Node {
    fn wrong(&mut self) -> Vec<Trouble> {
        let view = View { shown: &self.shown, sessions: &self.sessions, firing: &self.firing };
        self.watcher.look(self.now_ns, &view, || self.free_bytes)
    }
}

/// What is wrong after one change of a sound node, a second later.
fn after(change: impl FnOnce(&mut Node)) -> Vec<(&'static str, String)> {
    let mut node = sound();
    assert_eq!(node.wrong(), []);
    node.now_ns += S;
    change(&mut node);
    node.wrong().into_iter().map(|trouble| (trouble.word, trouble.text)).collect()
}

type Change = fn(&mut Node);

/// Each change of a sound node is told by its word and text, and by nothing else.
fn each_is_told(cases: &[(&str, &str, Change)]) {
    for (word, text, change) in cases {
        assert_eq!(after(change), [(*word, (*text).to_owned())], "{word}");
    }
}

#[test]
fn each_fault_of_venues_and_orders_ends_the_word_that_nothing_is_wrong() {
    let cases: &[(&str, &str, Change)] = &[
        ("not_turning", "the core stands still: no turn for 3.0 s", |n| n.shown.turned_ns -= 3 * S),
        ("unknown_orders", "kraken has orders of unknown outcome: 3 orders", |n| {
            n.shown.status.venues[0].unknown = 3;
        }),
        ("book_stale", "kraken has a silent feed: nothing for 31.0 s", |n| {
            n.shown.feeds[0].age_ns = Some(31 * S);
        }),
        ("book_stale", "kraken has a silent feed: never heard", |n| {
            n.shown.feeds[0].age_ns = None;
        }),
        ("books_untrusted", "kraken has 0 trusted books of 2: Gap 1, Stale 1", |n| {
            n.shown.status.venues[0].books_trusted = 0;
            n.shown.status.venues[0].distrusted = [("Stale", 1), ("Gap", 1)].into();
        }),
        ("venue_rejects", "kraken refuses orders: 301 orders refused in a minute", |n| {
            n.shown.status.venues[0].rejects = [("NoFunds".to_owned(), 301)].into();
        }),
        ("refusals", "clients' orders are refused: 601 orders refused in a minute", |n| {
            n.shown.status.refused = [("Collar".to_owned(), 601)].into();
        }),
        (
            "success_rate",
            "orders fail that could be filled: 1 of 4 orders not carried out in five minutes",
            |n| {
                n.shown.status.succeeded = 3;
                n.shown.status.failed = [("VenueBusy".to_owned(), 1)].into();
            },
        ),
        (
            "fee_drift",
            "kraken charges other fees than configured: 2 in five minutes, the newest 900 ppm in \
             USD as taker of BTC/USD, configured 1000 ppm",
            |n| {
                let newest = FeeDriftRow {
                    symbol: "BTC/USD".to_owned(),
                    liquidity: "taker",
                    asset: "USD".to_owned(),
                    configured_ppm: 1_000,
                    charged_ppm: Some(900),
                };
                n.shown.status.venues[0].fees.drifted = 2;
                n.shown.status.venues[0].fees.newest_drift = Some(newest);
            },
        ),
        ("order_latency", "orders take long: p95 is 1.950 s", |n| {
            let above = BUCKETS_NS.iter().position(|bound| *bound > S).expect("there");
            n.shown.counted.order_duration.counts[above] = 1;
        }),
    ];
    each_is_told(cases);
}

#[test]
fn each_fault_of_an_operators_or_the_nodes_own_ends_the_word_that_nothing_is_wrong() {
    let cases: &[(&str, &str, Change)] = &[
        ("drained", "kraken is drained", |n| n.shown.status.venues[0].drained = true),
        ("halted", "halted: symbol BTC/USDT", |n| {
            let symbol = Some("BTC/USDT".to_owned());
            n.shown.status.halts = vec![ScopeRow { symbol, ..ScopeRow::default() }];
        }),
        ("halted", "halted: everything", |n| {
            n.shown.status.halted = true;
            n.shown.status.halts = vec![ScopeRow::default()];
        }),
        ("reduce_only", "reduce-only: everything", |n| {
            n.shown.status.reduce_only = vec![ScopeRow::default()];
        }),
        (
            "journal_lag",
            "the journal is late for the disk: the oldest record waits for 2.0 s",
            |n| {
                n.shown.journal.sync_lag_ns = 2 * S;
            },
        ),
        ("journal_failed", "the journal has failed: a sync has failed", |n| {
            n.shown.journal.failed = true;
        }),
        ("disk_full", "the journal's disk is nearly full: 5 MiB are free", |n| {
            n.free_bytes = Some(5 << 20);
        }),
        ("session_away", "session DESK1 is away", |n| {
            n.sessions.store(0, &Connection::default());
        }),
        ("session_disabled", "session DESK1 is disabled", |n| {
            n.shown.status.sessions[0].disabled = true;
            n.sessions.store(0, &Connection::default());
        }),
        ("cancel_stuck", "cancel stuck since the start: 1", |n| n.shown.status.cancels_stuck = 1),
        ("contradicted", "contradicted since the start: 1", |n| n.shown.status.contradicted = 1),
        ("reconciled", "reconciled since the start: 1", |n| n.shown.status.reconciled = 1),
        ("odd_fill", "odd fill since the start: 2", |n| n.shown.status.odd_fills = 2),
        ("ring_full", "output ring was full: found full 1 times in a minute", |n| {
            n.shown.output.stalls = 1;
        }),
        ("ring_filling", "input ring fills up: 80 of 100 slots are taken", |n| {
            n.shown.input.depth = 80;
        }),
        ("alerts_firing", "alerts that fire: 2", |n| n.firing = vec![(Severity::Warn, 2)]),
    ];
    each_is_told(cases);
}

#[test]
fn what_a_venues_refusals_have_closed_is_told_with_the_time_that_is_left() {
    let cases: &[(&str, &str, Change)] = &[
        ("breaker_open", "kraken/new circuit breaker: open, for 12.0 s more", |n| {
            let until_ns = n.shown.made_ns + 12 * S;
            let breaker = BreakerRow { state: "open", until_ns, openings: 1 };
            n.shown.status.venues[0].breakers = [("new", breaker)].into();
        }),
        ("venue_paused", "kraken takes no new orders (rate limit), for 3 s more", |n| {
            let until_ns = n.now_ns + 3 * S;
            n.shown.status.venues[0].pauses =
                vec![PauseRow { what: "new_orders", of: None, until_ns }];
        }),
        ("venue_paused", "kraken takes no cancels (rate limit), for 1 s more", |n| {
            let until_ns = n.now_ns + 1;
            n.shown.status.venues[0].pauses =
                vec![PauseRow { what: "cancels", of: None, until_ns }];
        }),
        ("venue_paused", "kraken has closed the market of BTC/USDT, for 60 s more", |n| {
            let (of, until_ns) = (Some("BTC/USDT".to_owned()), n.now_ns + 60 * S);
            n.shown.status.venues[0].pauses = vec![PauseRow { what: "listing", of, until_ns }];
        }),
        ("venue_paused", "kraken takes no more open orders of BTC/USDT, for 60 s more", |n| {
            let (of, until_ns) = (Some("BTC/USDT".to_owned()), n.now_ns + 60 * S);
            n.shown.status.venues[0].pauses = vec![PauseRow { what: "open_orders", of, until_ns }];
        }),
        (
            "venue_paused",
            "kraken refuses orders for want of USDT, and has not told its balance",
            |n| {
                let of = Some("USDT".to_owned());
                n.shown.status.venues[0].pauses =
                    vec![PauseRow { what: "funds", of, until_ns: n.now_ns }];
            },
        ),
    ];
    for (word, text, change) in cases {
        assert_eq!(after(change), [(*word, (*text).to_owned())], "{word}");
    }
}

#[test]
fn a_venue_that_is_down_is_named_and_the_worst_comes_first() {
    let found = after(|node| {
        node.shown.status.venues[0].up = false;
        node.sessions.store(0, &Connection::default());
    });
    let words: Vec<&str> = found.iter().map(|(word, _)| *word).collect();
    assert_eq!(words, ["no_venue", "venue_down", "session_away"]);
    assert_eq!(found[1].1, "kraken is down: not up");
}

#[test]
fn a_halt_of_everything_comes_before_a_price_that_is_missing() {
    let found = after(|node| {
        node.shown.status.no_reference = vec!["BTC/USDT".to_owned()];
        node.shown.status.halts = vec![ScopeRow::default()];
    });
    let words: Vec<&str> = found.iter().map(|(word, _)| *word).collect();
    assert_eq!(words, ["halted", "no_reference"]);
}

#[test]
fn a_session_that_was_removed_is_neither_away_nor_disabled() {
    let found = after(|node| {
        let name = "REMOVED".to_owned();
        let removed = SessionStatus { name, disabled: true, ..SessionStatus::default() };
        node.shown.status.sessions.push(removed);
    });
    assert_eq!(found, []);
}

#[test]
fn a_session_outside_its_hours_is_not_away() {
    let mut node = sound();
    node.sessions.store(0, &Connection::default());
    let time = |text: &str| text.parse().expect("a time");
    let day = rutter_fix::session::schedule::Day::Monday;
    // 1970-01-01, the day of the test's clock, was a Thursday.
    let hours = Schedule::daily("UTC", &[day], time("08:00"), time("17:00")).expect("hours");
    node.watcher = Watcher::new(Arc::new(Mutex::new(vec![Some(hours)])));
    assert_eq!(node.wrong(), []);
}

#[test]
fn every_condition_of_an_alert_has_its_word_or_a_line_of_its_own() {
    let mut found: Vec<&str> =
        Condition::ALL.into_iter().filter_map(|one| Some(words(one)?.0)).collect();
    let count = found.len();
    found.sort_unstable();
    found.dedup();
    assert_eq!((found.len(), count), (Condition::ALL.len() - 4, count));
}

#[test]
fn a_venue_that_lists_nothing_and_has_nothing_is_not_missed() {
    let removed = |n: &mut Node| {
        let venue = &mut n.shown.status.venues[0];
        (venue.up, venue.books, venue.books_trusted) = (false, 0, 0);
    };
    assert_eq!(after(removed), []);
    let open = after(|n| {
        removed(n);
        n.shown.status.venues[0].open_children = 1;
    });
    assert!(open.contains(&("venue_down", "kraken is down: not up".to_owned())), "{open:?}");
}
