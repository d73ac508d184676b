//! Two orders of one owner meet at a venue: the resting one is called back, and the one that comes
//! in waits for the proved end of it and then trades.

use std::time::{Duration, Instant};

use rutter_sim::Venue;
use rutter_sim::market::{E8, MARKETS};
use rutter_tools::client::{FixClient, Order, Report, Side, Tif, Told};
use rutter_tools::clock::unix_ns;
use rutter_tools::harness::NodeSettings;

use crate::desk::{Desk, still};

const PATIENCE: Duration = Duration::from_mins(1);
const ROUNDS: i64 = 6;
/// A multiple of every venue's tick.
const TICK: i64 = E8 / 10;

fn send(client: &mut FixClient, id: &str, (side, qty): (Side, i64), limit: i64, tif: Tif) {
    let order = Order {
        cl_ord_id: id,
        symbol: MARKETS[0].symbol,
        side,
        qty_e8: qty * E8 / 1_000,
        limit_e8: Some(limit),
        tif,
    };
    client.new_order(unix_ns(), &order).expect("sent");
}

/// Takes what the node tells, until that holds of a report.
fn until(
    client: &mut FixClient,
    told: &mut Vec<Report>,
    holds: impl Fn(&Report) -> bool,
) -> Report {
    let started = Instant::now();
    loop {
        if let Some(report) = told.iter().find(|report| holds(report)) {
            return report.clone();
        }
        assert!(started.elapsed() < PATIENCE, "{told:?}");
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

/// A node with one venue whose book nobody moves.
fn desk_at(venue: Venue) -> Desk {
    let change = |settings: &mut NodeSettings| {
        settings.venues = vec![venue];
        settings.stale_after_ms = 3_600_000;
    };
    Desk::start(&still(), change, "")
}

/// Rests with a sell below the best offer, and buys up to `beyond` above it. Returns the last
/// reports of both.
fn meet(desk: &mut Desk, venue: Venue, round: i64, (qty, beyond): (i64, i64)) -> [Report; 2] {
    let (mut told, rests, comes) = (Vec::new(), format!("a{round}"), format!("b{round}"));
    let (_, ask) = desk.venues.best(venue, 0);
    let at = ask.expect("an offer") / TICK * TICK - TICK;
    send(&mut desk.client, &rests, (Side::Sell, 10), at, Tif::Gtc);
    until(&mut desk.client, &mut told, |report| report.cl_ord_id == rests);
    let started = Instant::now();
    while desk.venues.open_orders(venue) != 1 {
        assert!(started.elapsed() < PATIENCE, "the order rests at the venue");
    }
    send(&mut desk.client, &comes, (Side::Buy, qty), at + beyond, Tif::Ioc);
    let of = |id: &str, told: &mut Vec<Report>, client: &mut FixClient| {
        until(client, told, |report| report.cl_ord_id == id && report.is_final())
    };
    let ended = of(&rests, &mut told, &mut desk.client);
    [ended, of(&comes, &mut told, &mut desk.client)]
}

#[test]
fn an_order_that_does_not_wait_trades_after_the_proved_end_of_one_of_its_owner() {
    for venue in Venue::ALL {
        let mut desk = desk_at(venue);
        for round in 0..ROUNDS {
            // Others offer more within three quote units, and nothing at the resting order's price.
            let (qty, beyond, word) =
                if round % 2 == 0 { (50, 3 * E8, "") } else { (10, 0, "NoLiquidity") };
            let [rested, came] = meet(&mut desk, venue, round, (qty, beyond));
            assert_eq!(rested.text, "SelfMatchResting", "{} {round}", venue.name());
            assert_eq!((came.text.as_str(), came.leaves_e8), (word, 0), "{came:?}");
            let filled = if word.is_empty() { qty * E8 / 1_000 } else { 0 };
            assert_eq!(came.cum_e8, filled, "{} {round}: {came:?}", venue.name());
        }
    }
}
