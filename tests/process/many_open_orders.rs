//! More orders open at a venue than its answer has room for in one write buffer of 1 MiB, which is
//! 2,279 orders at Binance: a reconnect and a restart ask about all of them, and the venue comes
//! up.

use std::time::{Duration, Instant};

use rutter_sim::Venue;
use rutter_sim::faults::Fault;
use rutter_sim::market::{E8, MARKETS};
use rutter_tools::client::{FixClient, Order, Report, Side, Tif, Told};
use rutter_tools::clock::unix_ns;
use rutter_tools::harness::{Node, NodeSettings, Venues};

use crate::desk::{Desk, still};

const PATIENCE: Duration = Duration::from_mins(1);
const OPEN: usize = 2_500;
/// A limit within the account's collar and far below every offer.
const RESTS: i64 = 58_000 * E8;
/// Orders without an answer at a time.
const WINDOW: usize = 50;

/// Sends orders that rest far below the market, and waits until each is accepted.
fn place(client: &mut FixClient, count: usize) {
    let (started, mut sent, mut accepted) = (Instant::now(), 0, 0);
    let limit_e8 = Some(RESTS);
    while accepted < count {
        while sent < count && sent - accepted < WINDOW {
            let id = format!("r{sent}");
            let (symbol, qty_e8) = (MARKETS[0].symbol, E8 / 1_000);
            let (side, tif) = (Side::Buy, Tif::Gtc);
            let order = Order { cl_ord_id: &id, symbol, side, qty_e8, limit_e8, tif };
            client.new_order(unix_ns(), &order).expect("sent");
            sent += 1;
        }
        client
            .turn(unix_ns(), &mut |told| match told {
                Told::App(message, dup) => {
                    let report = Report::read(&message, dup).expect("readable");
                    assert_eq!(report.status, '0', "{message}");
                    accepted += 1;
                }
                Told::LoggedOn => {}
                other => panic!("{other:?}"),
            })
            .expect("the node reads");
        assert!(started.elapsed() < PATIENCE, "{accepted} of {count} accepted");
    }
}

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(started.elapsed() < PATIENCE, "{what}");
        std::thread::yield_now();
    }
}

/// How often the venue has come up, by the node's log.
fn times_up(node: &Node) -> usize {
    let log = std::fs::read_to_string(node.log_path()).expect("a log");
    log.lines().filter(|line| line.contains("binance") && line.contains("venue up")).count()
}

/// All orders are open at the venue and known to the node, and none is in doubt.
fn all_known(node: &Node, venues: &Venues) {
    let known = || {
        let status = node.status().expect("answers");
        let venue = &status["venues"][0];
        venue["up"] == true && venue["unknown"] == 0 && status["open_orders"] == OPEN
    };
    until("the venue is up and nothing is in doubt", known);
    assert_eq!(venues.open_orders(Venue::Binance), OPEN);
    assert_eq!(venues.orders_sent_twice(Venue::Binance), 0);
}

#[test]
fn a_venue_with_thousands_of_open_orders_comes_up_after_a_reconnect_and_a_restart() {
    let change = |settings: &mut NodeSettings| {
        settings.orders_log2 = 13;
        settings.stale_after_ms = 3_600_000;
        settings.venues = vec![Venue::Binance];
    };
    let Desk { mut client, mut node, venues, dir: _dir, .. } = Desk::start(&still(), change, "");
    place(&mut client, OPEN);
    until("all rest at the venue", || venues.open_orders(Venue::Binance) == OPEN);
    all_known(&node, &venues);

    let before = times_up(&node);
    assert!(before > 0);
    venues.inject(Venue::Binance, Fault::Disconnect);
    until("the venue is up again", || times_up(&node) > before);
    all_known(&node, &venues);

    node.kill().expect("killed");
    node.restart().expect("starts");
    node.wait_ready(PATIENCE).expect("ready again");
    all_known(&node, &venues);
}
