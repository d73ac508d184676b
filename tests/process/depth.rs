//! An order that takes hundreds of levels, from a client's socket to two venues and back.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rutter_sim::market::{E8, MARKETS};
use rutter_tools::client::{FixClient, Order, Report, Side, Tif, Told};
use rutter_tools::clock::unix_ns;
use rutter_tools::harness::VenuesConfig;

use crate::desk::Desk;

const PATIENCE: Duration = Duration::from_secs(30);
/// More than the forty levels at the top of both venues hold, of which each has 0.155 BTC on
/// average.
const QTY_E8: i64 = 30 * E8;

/// Sends an IOC order, and returns what it filled and its executions at each venue.
fn take(client: &mut FixClient, id: &str) -> (i64, BTreeMap<String, usize>) {
    let order = Order {
        cl_ord_id: id,
        symbol: MARKETS[0].symbol,
        side: Side::Buy,
        qty_e8: QTY_E8,
        limit_e8: Some(MARKETS[0].start_price * E8 / 100 * 102),
        tif: Tif::Ioc,
    };
    client.new_order(unix_ns(), &order).expect("sent");
    let (started, mut filled_e8, mut is_over) = (Instant::now(), 0, false);
    let mut fills = BTreeMap::new();
    while !is_over {
        client
            .turn(unix_ns(), &mut |told| match told {
                Told::App(message, dup) => {
                    let report = Report::read(&message, dup).expect("readable");
                    if let Some(execution) = report.last.filter(|_| report.kind == 'F') {
                        *fills.entry(execution.venue).or_default() += 1;
                    }
                    filled_e8 = report.cum_e8;
                    is_over = matches!(report.status, '2' | '4' | '8');
                }
                Told::LoggedOn => {}
                other => panic!("{other:?}"),
            })
            .expect("the node reads");
        assert!(started.elapsed() < PATIENCE, "{id} does not end");
    }
    (filled_e8, fills)
}

#[test]
fn an_order_that_takes_two_hundred_levels_of_two_venues_is_filled() {
    let deep = VenuesConfig { deep_levels: 480, ..VenuesConfig::default() };
    let Desk { mut client, mut node, venues: _venues, dir: _dir, .. } =
        Desk::start(&deep, |_| {}, "");
    // The market moves, and the deep levels come a moment after the top: an order may be early.
    let started = Instant::now();
    let mut seen = Vec::new();
    for attempt in 1.. {
        let (filled_e8, fills) = take(&mut client, &format!("deep{attempt}"));
        let is_deep = fills.values().all(|count| *count > 20) && fills.len() == 2;
        seen.push((filled_e8, fills));
        if filled_e8 == QTY_E8 && is_deep {
            break;
        }
        assert!(started.elapsed() < PATIENCE, "filled, executions: {seen:?}");
    }
    println!("filled, executions: {seen:?}");
    node.terminate(PATIENCE).expect("ends");
}
