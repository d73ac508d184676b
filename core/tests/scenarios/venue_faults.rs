//! What a venue does wrong counts where it belongs, once, and for the one that it is about.
//!
//! A line belongs here if it is about how a venue's fault is counted or named.

use rutter_core::breaker::{BreakerState, RequestKind};
use rutter_core::id::VenueId;
use rutter_core::input::*;
use rutter_core::output::{Notice, Output, Paused};

use crate::desk::{Desk, PAIR};

const SECOND_NS: u64 = 1_000_000_000;
const V0: VenueId = VenueId(0);

/// Whether such a notice was told since the last look.
fn told(desk: &mut Desk, is_it: impl Fn(&Notice) -> bool) -> bool {
    desk.notices().iter().any(is_it)
}

#[test]
fn an_ioc_order_beyond_the_limit_of_a_venue_without_room_is_not_told_that_the_venue_is_busy() {
    let mut desk = Desk::with_venues(1);
    desk.venue_terms(0, |terms| terms.unanswered_max = 1);
    desk.book(0, &[(9_990, 5)], &[(10_010, 5)]);
    desk.client("a buy 1 @ 9990 gtc").sent(&["v0 new buy 1 @ 9990 Gtc #1"]);
    desk.client("b buy 1 @ 10000 ioc").client_saw_last("b Canceled NoLiquidity filled 0");
    desk.client("c buy 1 @ 10010 ioc").client_saw_last("c Canceled VenueBusy filled 0");
    // The account may wait for a busy venue; there is nothing to wait for.
    desk.account(|account| account.busy_wait_ns = SECOND_NS);
    desk.client("d buy 1 @ 10000 ioc").client_saw_last("d Canceled NoLiquidity filled 0");
    desk.client("e buy 1 @ 10010 ioc").client_saw_last("e new");
}

/// Two venues; the order's children are refused by the one that the router likes better.
#[test]
fn refusals_are_counted_for_each_venue_and_forgotten_by_a_replace() {
    let mut desk = Desk::with_venues(2);
    for venue in [0, 1] {
        desk.book(venue, &[(9_000, 5)], &[(11_000, 5)]);
    }
    desk.account(|account| account.limits.collar_ppm = 500_000).client("a buy 1 @ 10000 gtc");
    let barred = |notice: &Notice| matches!(notice, Notice::Barred(..));
    // Two refusals of each venue bar none of them.
    for child in 1..=4 {
        desk.venue(child, "rejected Other").wait_ns(SECOND_NS / 10);
    }
    assert!(!told(&mut desk, barred), "none has refused three times");
    desk.venue(5, "accepted").outputs.clear();
    desk.client("replace a buy 2 @ 10001 gtc").venue(5, "done 0");
    for child in 6..=9 {
        desk.venue(child, "rejected Other").wait_ns(SECOND_NS / 10);
    }
    assert!(!told(&mut desk, barred), "the replace has begun the counts anew");
    desk.venue(10, "rejected Other");
    assert!(told(&mut desk, barred), "the third time of one venue");
}

#[test]
fn an_order_that_a_halt_has_stopped_on_its_way_does_not_pause_the_venue() {
    let paused = |notice: &Notice| matches!(notice, Notice::Paused(_, Paused::NewOrders, _));
    for halts in [true, false] {
        let mut desk = Desk::with_venues(1);
        desk.book(0, &[(9_990, 5)], &[(10_010, 5)]).client("a buy 1 @ 9990 gtc");
        if halts {
            desk.operator(OperatorCommand::Halt(Scope::Venue(V0)));
        }
        desk.venue(1, "rejected NotSent");
        assert_eq!(told(&mut desk, paused), !halts);
    }
}

#[test]
fn a_protocol_fault_every_nine_tenths_of_a_second_opens_the_breaker() {
    let mut desk = Desk::with_venues(1);
    desk.book(0, &[(9_990, 5)], &[(10_010, 5)]);
    let open = |notice: &Notice| {
        matches!(notice, Notice::Breaker(V0, RequestKind::Data, BreakerState::Open, _))
    };
    let mut faults = 0;
    while !told(&mut desk, open) {
        faults += 1;
        assert!(faults <= 10, "every second one counts, and five in a row open the breaker");
        let reason = Distrust::Protocol;
        desk.input(Input::BookDistrusted { venue: V0, instrument: PAIR, reason });
        desk.now.0 += 900_000_000;
    }
    assert_eq!(faults, 9);
}

/// The venue has no book to blame: it never saw the order.
#[test]
fn an_ioc_order_that_never_arrived_avoids_its_venue_and_is_no_fade() {
    let mut desk = Desk::with_venues(2);
    desk.listing(V0, |listing| listing.taker_fee = rutter_core::number::FeePpm(100));
    for venue in [0, 1] {
        desk.book(venue, &[(9_990, 5)], &[(10_010, 5)]);
    }
    desk.client("a buy 1 @ 10010 ioc").sent(&["v0 new buy 1 @ 10010 Ioc #1"]);
    desk.venue(1, "unsure").venue(1, "never");
    desk.sent(&["v0 query #1", "v1 new buy 1 @ 10010 Ioc #2"]);
    let order = *desk.engine.order(rutter_core::id::OrderId(1)).expect("an order");
    assert!(order.avoided.has(V0) && !order.faded.has(V0));
    // A change of the book does not bring the order back there, as it would after a fade.
    desk.book(0, &[(9_990, 5)], &[(10_000, 5)]).venue(2, "expired 0").sent(&[]);
    let canceled = |output: &Output| matches!(output, Output::Report(r) if r.leaves.0 == 0);
    assert!(desk.outputs.iter().any(canceled));
}
