//! What must not happen to a desk that nobody watches: orders that sleep beside a venue that would
//! take them, venues that close for one order's sake, children without number.

use rutter_core::engine::{CHILDREN_PER_ORDER_MAX, FADED_NS};
use rutter_core::id::{OrderId, VenueId};
use rutter_core::input::*;
use rutter_core::number::{Price, Qty};
use rutter_core::output::{Notice, Output};
use rutter_core::waiting::Waiting;

use super::desk::*;

const SECOND_NS: u64 = 1_000_000_000;
const V0: VenueId = VenueId(0);

fn waiting(desk: &Desk, order: u64) -> Option<Waiting> {
    desk.engine.order(OrderId(order)).map(|order| order.waiting)
}

/// One input of a change of two, which leaves the book in between.
fn half(desk: &mut Desk, price: i64, last: bool) {
    let mut update = BookUpdate { last, ..BookUpdate::default() };
    update.push(Side::Sell, Level { price: Price(price), qty: Qty(5) });
    desk.input(Input::Book(update));
}

#[test]
fn an_order_that_meets_half_a_change_of_a_book_is_looked_at_when_the_change_is_whole() {
    let mut desk = Desk::with_venues(1);
    desk.book(0, &[(9_990, 5)], &[(10_010, 5)]);
    half(&mut desk, 10_020, false);
    desk.client("a buy 5 @ 10010 gtc").sent(&[]);
    assert_eq!(waiting(&desk, 1), Some(Waiting::BookChanging));
    half(&mut desk, 10_030, true);
    desk.sent(&["v0 new buy 5 @ 10010 Ioc #1"]);
}

#[test]
fn a_fade_ends_with_time_where_the_book_stays_as_it_is() {
    let mut desk = Desk::with_venues(1);
    desk.book(0, &[(9_990, 5)], &[(10_010, 5)]).client("a buy 5 @ 10010 gtc");
    desk.sent(&["v0 new buy 5 @ 10010 Ioc #1"]).venue(1, "expired 0");
    desk.sent(&[]).wait_ns(FADED_NS);
    desk.sent(&["v0 new buy 5 @ 10010 Gtc #2"]);
}

#[test]
fn one_order_that_a_venue_refuses_without_a_known_reason_does_not_close_it_for_all() {
    let mut desk = Desk::with_venues(1);
    desk.book(0, &[(9_000, 5)], &[(11_000, 5)]);
    desk.account(|account| account.limits.collar_ppm = 500_000).client("a buy 1 @ 10000 gtc");
    for child in 1..=3 {
        desk.venue(child, "rejected Other").wait_ns(SECOND_NS / 5);
    }
    let opened = |notice: &Notice| matches!(notice, Notice::Breaker(..));
    assert!(!desk.outputs.iter().any(|o| matches!(o, Output::Notice(n) if opened(n))));
    desk.client_saw_last("a Canceled VenuesRefused filled 0");
}

#[test]
fn an_order_has_a_bounded_number_of_children() {
    let mut desk = Desk::with_venues(1);
    desk.listing(V0, |terms| terms.qty_max = Qty(1));
    desk.book(0, &[(9_000, 5)], &[(11_000, 5)]);
    desk.account(|account| account.limits.collar_ppm = 500_000).client("a buy 1000 @ 10000 gtc");
    for child in 1..=2 * u64::from(CHILDREN_PER_ORDER_MAX) {
        if desk.engine.child(rutter_core::id::ChildId(child)).is_some() {
            desk.venue(child, "accepted").input(Input::FeedAlive(V0));
        }
        desk.wait_ns(SECOND_NS / 10);
    }
    let children = desk.engine.order(OrderId(1)).map(|order| order.live_children);
    assert_eq!(children, Some(CHILDREN_PER_ORDER_MAX));
    assert_eq!(waiting(&desk, 1), Some(Waiting::ChildLimit));
}
