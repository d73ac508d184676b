//! Scenarios of deep books: what an order takes there, and what late deep levels may not change.

use rutter_core::id::VenueId;
use rutter_core::input::*;
use rutter_core::number::*;

use crate::desk::{Desk, PAIR};

/// A venue's asks: `levels` of them with a quantity of 10, two ticks apart, as a feed tells them:
/// the top in one change, deeper levels in changes of their own.
fn asks(desk: &mut Desk, venue: u8, first: i64, levels: i64) {
    let mut n = 0;
    while n < levels {
        let mut update = BookUpdate {
            venue: VenueId(venue),
            instrument: PAIR,
            clear: n == 0,
            last: true,
            ..BookUpdate::default()
        };
        while n < levels && update.push(Side::Sell, ask(first + 2 * n, 10)) {
            n += 1;
        }
        desk.input(Input::Book(update));
    }
}

fn ask(price: i64, qty: i64) -> Level {
    Level { price: Price(price), qty: Qty(qty) }
}

/// One level of a venue's asks changes.
fn change(desk: &mut Desk, venue: u8, level: Level) {
    let mut update =
        BookUpdate { venue: VenueId(venue), instrument: PAIR, last: true, ..BookUpdate::default() };
    assert!(update.push(Side::Sell, level));
    desk.input(Input::Book(update));
}

#[test]
fn an_order_that_takes_two_hundred_levels_of_two_venues_goes_out_in_one_round() {
    let mut desk = Desk::with_venues(2);
    desk.account(|account| account.limits.collar_ppm = 500_000);
    asks(&mut desk, 0, 10_000, 150);
    asks(&mut desk, 1, 10_001, 150);
    desk.outputs.clear();
    desk.client("a buy 2000 @ 11000 ioc");
    desk.sent(&["v0 new buy 1000 @ 10198 Ioc #1", "v1 new buy 1000 @ 10199 Ioc #2"]);
    for child in [1, 2] {
        desk.venue(child, "accepted").venue(child, "fill 1000 @ 10100").venue(child, "done 1000");
    }
    desk.sent(&[]);
}

#[test]
fn a_late_deep_level_does_not_bring_back_what_was_taken_at_the_top() {
    let mut desk = Desk::with_venues(1);
    asks(&mut desk, 0, 10_000, 40);
    desk.outputs.clear();
    desk.client("a buy 10 @ 10000 ioc").sent(&["v0 new buy 10 @ 10000 Ioc #1"]);
    desk.venue(1, "accepted").venue(1, "fill 10 @ 10000").venue(1, "done 10");
    desk.outputs.clear();
    // The deep tier is told late. The venue's word on the top has not come yet.
    change(&mut desk, 0, ask(10_078, 5));
    desk.client("b buy 10 @ 10000 ioc").sent(&[]);
    change(&mut desk, 0, ask(10_000, 10));
    desk.client("c buy 10 @ 10000 ioc").sent(&["v0 new buy 10 @ 10000 Ioc #2"]);
}
