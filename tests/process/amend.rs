//! A client reduces an order that rests at a venue: the venue's order lives on with less quantity,
//! also when the node dies between the amend and its answer.

use std::time::{Duration, Instant};

use rutter_sim::Venue;
use rutter_sim::faults::Fault;
use rutter_sim::market::{E8, MARKETS};
use rutter_tools::client::{FixClient, Order, Report, Side, Tif, Told};
use rutter_tools::clock::unix_ns;
use rutter_tools::harness::NodeSettings;

use crate::desk::{Desk, still};

const PATIENCE: Duration = Duration::from_mins(2);
/// A limit within the account's collar and far below every offer.
const RESTS: i64 = 58_000 * E8;
/// Longer than the node lives with it.
const HELD: Fault = Fault::Delay { delay_ns: 300_000_000_000, frames: 10_000 };
/// Until the venues have taken a fault in.
const TAKEN_IN: Duration = Duration::from_millis(200);

/// Buys so many thousandths, or asks for that quantity of the order named.
fn buy(client: &mut FixClient, id: &str, replaces: Option<&str>, thousandths: i64) {
    let order = Order {
        cl_ord_id: id,
        symbol: MARKETS[0].symbol,
        side: Side::Buy,
        qty_e8: thousandths * E8 / 1_000,
        limit_e8: Some(RESTS),
        tif: Tif::Gtc,
    };
    match replaces {
        None => client.new_order(unix_ns(), &order).expect("sent"),
        Some(original) => client.replace(unix_ns(), original, &order).expect("sent"),
    }
}

/// Takes what the node tells, until that holds of a report or of the venue.
fn until(client: &mut FixClient, what: &str, mut holds: impl FnMut(&[Report]) -> bool) {
    let (started, mut told) = (Instant::now(), Vec::new());
    while !holds(&told) {
        assert!(started.elapsed() < PATIENCE, "{what}: {told:?}");
        client
            .turn(unix_ns(), &mut |news| {
                if let Told::App(message, dup) = news {
                    told.push(Report::read(&message, dup).expect("readable"));
                }
            })
            .expect("the node reads");
        std::thread::yield_now();
    }
}

fn is_replaced(told: &[Report]) -> bool {
    told.iter().any(|report| report.kind == '5' && report.leaves_e8 == 3 * E8 / 1_000)
}

/// A node with one venue, at which an order of 0.005 rests. Returns the venue's number of it.
fn resting_at(venue: Venue) -> (Desk, u64) {
    let change = |settings: &mut NodeSettings| {
        settings.venues = vec![venue];
        settings.stale_after_ms = 3_600_000;
    };
    let mut desk = Desk::start(&still(), change, "");
    buy(&mut desk.client, "a", None, 5);
    let venues = &desk.venues;
    until(&mut desk.client, "the order rests", |_| venues.open_orders(venue) == 1);
    let (number, qty) = desk.venues.resting(venue)[0];
    assert_eq!(qty, 5 * E8 / 1_000);
    // The node has the venue's answer: an order without one cannot be amended in its place.
    std::thread::sleep(TAKEN_IN);
    (desk, number)
}

#[test]
fn a_reduced_order_lives_on_at_its_venue_under_the_same_number() {
    for venue in Venue::ALL {
        let (mut desk, number) = resting_at(venue);
        buy(&mut desk.client, "b", Some("a"), 3);
        until(&mut desk.client, "replaced", is_replaced);
        assert_eq!(desk.venues.resting(venue), [(number, 3 * E8 / 1_000)], "{}", venue.name());
    }
}

#[test]
fn a_node_that_dies_before_the_answer_to_an_amend_asks_and_tells_the_client_once_it_knows() {
    for venue in Venue::ALL {
        let (mut desk, number) = resting_at(venue);
        desk.venues.inject(venue, HELD);
        std::thread::sleep(TAKEN_IN);
        buy(&mut desk.client, "b", Some("a"), 3);
        let reduced = [(number, 3 * E8 / 1_000)];
        let venues = &desk.venues;
        until(&mut desk.client, "the venue has amended the order", |told| {
            assert!(!is_replaced(told), "the answer is held back");
            venues.resting(venue) == reduced
        });
        desk.node.kill().expect("killed");
        desk.venues.inject(venue, Fault::Heal);
        desk.node.restart().expect("starts");
        desk.node.wait_ready(PATIENCE).expect("ready again");
        desk.client.reconnect().expect("connects");
        desk.client.wait_logon(PATIENCE).expect("logs on");
        until(&mut desk.client, "replaced", is_replaced);
        assert_eq!(desk.venues.resting(venue), reduced, "{}", venue.name());
        assert_eq!(desk.venues.orders_sent_twice(venue), 0);
    }
}
