//! Scenarios of one client's orders over several venues.

use crate::desk::{Desk, HALT, PAIR, RESUME, UNIT, USD, text};
use rutter_core::id::{AccountId, ChildId, VenueId, VenueOrderId};
use rutter_core::input::{Distrust, Input, OwnerDef, SelfMatchPolicy, VenueDownReason};
use rutter_core::number::{Amount, FeePpm, Price, Qty};
use rutter_core::output::{Notice, Output};
use rutter_core::ticks::{TickBand, Ticks};
use rutter_test_support::reference;

#[test]
fn a_market_order_takes_the_cheapest_levels_over_both_venues_at_once() {
    let mut desk = Desk::with_venues(2);
    desk.book(0, &[(9_900, 10)], &[(10_000, 4), (10_020, 9)]);
    desk.book(1, &[(9_900, 10)], &[(10_010, 3), (10_030, 9)]);
    desk.client("a buy 9 market ioc");
    desk.sent(&["v0 new buy 6 @ 10020 Ioc #1", "v1 new buy 3 @ 10010 Ioc #2"]);
    desk.venue(1, "accepted").venue(1, "fill 4 @ 10000").venue(1, "fill 2 @ 10020");
    desk.venue(2, "fill 3 @ 10010");
    desk.client_saw(&[
        "a new",
        "a trade 4 @ 10000 leaves 5",
        "a trade 2 @ 10020 leaves 3",
        "a trade 3 @ 10010 leaves 0",
    ]);
    desk.position(9);
}

#[test]
fn a_dearer_fee_makes_the_better_price_lose() {
    let mut desk = Desk::with_venues(2);
    desk.listing(VenueId(0), |l| l.taker_fee = FeePpm(4_000));
    desk.book(0, &[], &[(10_000, 10)]).book(1, &[], &[(10_010, 10)]);
    desk.client("a buy 5 @ 10050 ioc").sent(&["v1 new buy 5 @ 10010 Ioc #1"]);
}

#[test]
fn what_is_left_of_a_gtc_limit_rests_where_making_is_cheapest() {
    let mut desk = Desk::with_venues(2);
    desk.listing(VenueId(1), |l| l.maker_fee = FeePpm(-100));
    desk.book(0, &[(9_990, 1)], &[(10_000, 4)]).book(1, &[(9_990, 1)], &[(10_010, 4)]);
    desk.client("a buy 10 @ 10000 gtc");
    desk.sent(&["v0 new buy 4 @ 10000 Ioc #1", "v1 new buy 6 @ 10000 Gtc #2"]);
    desk.venue(1, "fill 4 @ 10000").venue(2, "accepted").venue(2, "fill 6 @ 10000");
    desk.client_saw(&["a new", "a trade 4 @ 10000 leaves 6", "a trade 6 @ 10000 leaves 0"]);
}

#[test]
fn what_fades_is_routed_to_the_next_venue_and_not_to_the_same_stale_book() {
    let mut desk = Desk::with_venues(2);
    desk.book(0, &[], &[(10_000, 10)]).book(1, &[], &[(10_020, 10)]);
    desk.client("a buy 5 @ 10050 ioc").sent(&["v0 new buy 5 @ 10000 Ioc #1"]);
    desk.venue(1, "fill 1 @ 10000").venue(1, "expired 1");
    desk.sent(&["v1 new buy 4 @ 10020 Ioc #2"]);
    desk.venue(2, "expired 0");
    desk.client_saw(&["a new", "a trade 1 @ 10000 leaves 4", "a Canceled NoLiquidity filled 1"]);
}

/// Found in the demo: one order in five ended with a remainder below every venue's minimum.
#[test]
fn what_whole_lots_leave_over_goes_to_the_venue_with_the_finer_lot() {
    let mut desk = Desk::with_venues(2);
    desk.listing(VenueId(0), |l| l.lot = Qty(10));
    desk.book(0, &[], &[(10_010, 50)]).book(1, &[], &[(10_000, 7), (10_020, 9)]);
    desk.client("a buy 20 @ 10050 ioc");
    desk.sent(&["v0 new buy 10 @ 10010 Ioc #1", "v1 new buy 10 @ 10020 Ioc #2"]);
}

#[test]
fn a_share_gives_way_where_a_whole_lot_or_a_smallest_order_needs_it() {
    let mut desk = Desk::with_venues(2);
    desk.listing(VenueId(0), |l| l.lot = Qty(10));
    desk.book(0, &[], &[(10_010, 50)]).book(1, &[], &[(10_000, 9)]);
    desk.client("a buy 25 @ 10050 ioc");
    desk.sent(&["v0 new buy 20 @ 10010 Ioc #1", "v1 new buy 5 @ 10000 Ioc #2"]);
    let mut desk = Desk::with_venues(2);
    desk.listing(VenueId(0), |l| l.qty_min = Qty(8));
    desk.book(0, &[], &[(10_010, 50)]).book(1, &[], &[(10_000, 20)]);
    desk.client("a buy 23 @ 10050 ioc");
    desk.sent(&["v0 new buy 8 @ 10010 Ioc #1", "v1 new buy 15 @ 10000 Ioc #2"]);
}

#[test]
fn what_only_a_faded_venue_can_take_later_is_left_large_enough_for_it() {
    let mut desk = Desk::with_venues(2);
    desk.listing(VenueId(0), |l| l.lot = Qty(10)).listing(VenueId(1), |l| l.qty_min = Qty(5));
    desk.book(0, &[], &[(10_010, 90)]).book(1, &[], &[(10_000, 40)]);
    desk.client("a buy 40 market").venue(1, "fill 7 @ 10000").venue(1, "expired 7");
    desk.sent(&["v1 new buy 40 @ 10000 Ioc #1", "v0 new buy 20 @ 10010 Ioc #2"]);
    desk.venue(2, "fill 20 @ 10010");
    desk.book(1, &[], &[(10_005, 40)]).wait_ns(200_000_000);
    desk.sent(&["v1 new buy 13 @ 10005 Ioc #3"]);
}

#[test]
fn a_taking_child_may_go_a_little_through_its_level_but_not_through_the_order() {
    let mut desk = Desk::with_venues(1);
    desk.account(|account| account.slack_ppm = 1_000);
    desk.book(0, &[], &[(10_000, 100)]);
    desk.client("a buy 1 market").client("b buy 1 @ 10004 ioc").client("c buy 1 @ 10100 ioc");
    desk.sent(&[
        "v0 new buy 1 @ 10010 Ioc #1",
        "v0 new buy 1 @ 10004 Ioc #2",
        "v0 new buy 1 @ 10010 Ioc #3",
    ]);
    desk.book(0, &[(10_000, 100)], &[]).client("d sell 1 market");
    desk.sent(&["v0 new sell 1 @ 9990 Ioc #4"]);
}

/// Found in the demo: a burst of orders was sent after the same levels of a book that is told ten
/// times a second.
#[test]
fn what_our_own_children_are_taking_does_not_count_as_liquidity_until_the_book_says_so() {
    let mut desk = Desk::with_venues(2);
    desk.book(0, &[], &[(10_000, 5), (10_020, 9)]).book(1, &[], &[(10_010, 20)]);
    desk.client("a buy 3 @ 10050 ioc").client("b buy 4 @ 10050 ioc").client("c buy 2 @ 10050 fok");
    desk.sent(&[
        "v0 new buy 3 @ 10000 Ioc #1",
        "v0 new buy 2 @ 10000 Ioc #2",
        "v1 new buy 2 @ 10010 Ioc #3",
        "v0 new buy 2 @ 10020 Fok #4",
    ]);
    // Filled is gone all the same; the book's next change shows what is there.
    desk.venue(1, "fill 3 @ 10000").venue(2, "fill 2 @ 10000");
    desk.client("d buy 1 @ 10050 ioc").sent(&["v1 new buy 1 @ 10010 Ioc #5"]);
    desk.book(0, &[], &[(10_000, 5), (10_020, 9)]);
    desk.client("e buy 4 @ 10050 ioc");
    desk.sent(&["v0 new buy 3 @ 10000 Ioc #6", "v1 new buy 1 @ 10010 Ioc #7"]);
}

#[test]
fn what_a_refused_child_would_have_taken_is_still_to_be_had() {
    let mut desk = Desk::with_venues(1);
    desk.book(0, &[], &[(10_000, 5)]);
    desk.client("a buy 5 @ 10000 ioc").venue(1, "rejected");
    desk.client("b buy 5 @ 10000 ioc");
    desk.sent(&["v0 new buy 5 @ 10000 Ioc #1", "v0 new buy 5 @ 10000 Ioc #2"]);
    // What came back unfilled was not there: it is not looked for again before the book changes.
    desk.venue(2, "expired 0").client("c buy 5 @ 10000 ioc").sent(&[]);
}

/// Found in the demo: takers were stopped by the venue's self-trade prevention at every turn.
#[test]
fn an_order_never_goes_where_it_would_meet_an_order_of_our_own() {
    let mut desk = Desk::with_venues(2);
    desk.listing(VenueId(1), |l| l.maker_fee = FeePpm(3_000));
    desk.book(0, &[(9_990, 9)], &[(10_000, 5), (10_020, 9)]).book(
        1,
        &[(9_990, 9)],
        &[(10_040, 20)],
    );
    let usual = OwnerDef::usual(AccountId(0), text("fund"));
    desk.input(Input::Owner(OwnerDef { self_match: SelfMatchPolicy::CancelIncoming, ..usual }));
    desk.client("mine sell 7 @ 10010 gtc").venue(1, "accepted");
    desk.client("a buy 9 @ 10050 ioc").client("b buy 9 @ 10030 gtc");
    desk.sent(&[
        "v0 new sell 7 @ 10010 Gtc #1",
        "v0 new buy 5 @ 10000 Ioc #2",
        "v1 new buy 4 @ 10040 Ioc #3",
        "v1 new buy 9 @ 10030 Gtc #4",
    ]);
    desk.client("cancel mine").venue(1, "done 0").venue(2, "fill 5 @ 10000");
    desk.book(0, &[(9_990, 9)], &[(10_020, 9)]);
    desk.outputs.clear();
    desk.client("c buy 9 @ 10050 ioc").sent(&["v0 new buy 9 @ 10020 Ioc #5"]);
}

#[test]
fn a_venue_with_too_many_unanswered_orders_gets_no_more_until_it_answers() {
    let mut desk = Desk::with_venues(1);
    desk.book(0, &[], &[(10_000, 100)]);
    for name in ["a", "b", "c", "d", "e"] {
        desk.client(&format!("{name} buy 1 @ 10000 ioc"));
    }
    desk.client("f buy 1 @ 10000");
    let four = ["#1", "#2", "#3", "#4"].map(|id| format!("v0 new buy 1 @ 10000 Ioc {id}"));
    desk.sent(&four.each_ref().map(String::as_str));
    desk.client_saw(&[
        "a new",
        "b new",
        "c new",
        "d new",
        "e new",
        "e Canceled VenueBusy filled 0",
        "f new",
    ]);
    desk.venue(1, "accepted").wait_ns(200_000_000);
    desk.sent(&["v0 new buy 1 @ 10000 Ioc #5"]);
    desk.input(Input::VenueDown(VenueId(0), VenueDownReason::LinkLost));
    for child in 1..=5 {
        desk.venue(child, "done 0");
    }
    desk.input(Input::VenueUp(VenueId(0))).book(0, &[], &[(10_000, 100)]);
    desk.outputs.clear();
    desk.client("g buy 1 @ 10000 ioc").sent(&["v0 new buy 1 @ 10000 Ioc #7"]);
}

#[test]
fn a_market_order_of_the_day_waits_for_the_book_to_change_when_all_has_faded() {
    let mut desk = Desk::with_venues(1);
    desk.book(0, &[], &[(10_000, 10)]);
    desk.client("a buy 5 market").venue(1, "expired 0");
    desk.sent(&["v0 new buy 5 @ 10000 Ioc #1"]);
    desk.book(0, &[], &[(10_005, 10)]).wait_ns(200_000_000);
    desk.sent(&["v0 new buy 5 @ 10005 Ioc #2"]);
    desk.client_saw(&["a new"]);
}

#[test]
fn a_venue_that_refuses_is_not_asked_again_for_that_order() {
    let mut desk = Desk::with_venues(2);
    desk.book(0, &[], &[(10_000, 10)]).book(1, &[], &[(10_020, 10)]);
    desk.client("a buy 5 @ 10050 ioc").venue(1, "rejected");
    desk.sent(&["v0 new buy 5 @ 10000 Ioc #1", "v1 new buy 5 @ 10020 Ioc #2"]);
}

/// The fill and the cancel cross on the wire. The fill is real money, so it is booked, once.
#[test]
fn a_fill_that_crosses_the_cancel_is_booked_once() {
    let mut desk = Desk::with_venues(1);
    desk.book(0, &[(9_990, 1)], &[(10_010, 5)]);
    desk.client("a buy 10 @ 10000 gtc").sent(&["v0 new buy 10 @ 10000 Gtc #1"]);
    desk.venue(1, "accepted").client("cancel a").sent(&["v0 cancel #1"]);
    desk.venue(1, "fill 4 @ 10000 exec 7").venue(1, "fill 4 @ 10000 exec 7");
    desk.venue(1, "done 4");
    desk.client_saw(&[
        "a new",
        "a canceling",
        "a trade 4 @ 10000 leaves 6",
        "a Canceled ClientRequest filled 4",
    ]);
    desk.position(4);
    assert_eq!(desk.engine.counts().duplicate_fills, 1);
}

#[test]
fn the_end_waits_for_fills_that_the_venue_counts_and_we_have_not_heard_of() {
    let mut desk = Desk::with_venues(1);
    desk.book(0, &[(9_990, 1)], &[(10_010, 5)]);
    desk.client("a buy 10 @ 10000 gtc").client("cancel a").venue(1, "done 4");
    desk.sent(&["v0 new buy 10 @ 10000 Gtc #1", "v0 cancel #1", "v0 query #1"]);
    desk.client_saw(&["a new", "a canceling"]);
    desk.venue(1, "fill 4 @ 10000");
    desk.client_saw(&["a trade 4 @ 10000 leaves 6", "a Canceled ClientRequest filled 4"]);
}

#[test]
fn a_cancel_that_comes_too_late_is_refused_and_the_fill_stands() {
    let mut desk = Desk::with_venues(1);
    desk.book(0, &[(9_990, 1)], &[(10_010, 5)]);
    desk.client("a buy 10 @ 10000 gtc").client("cancel a").venue(1, "fill 10 @ 10000");
    desk.client_saw(&[
        "a new",
        "a canceling",
        "a trade 10 @ 10000 leaves 0",
        "a not canceled TooLateToCancel",
    ]);
    desk.venue(1, "cancel-rejected").client_saw(&[]);
    desk.client("cancel a").client_saw(&["a not canceled TooLateToCancel"]);
    desk.client("cancel zz").client_saw(&["zz not canceled UnknownOrder"]);
}

/// The link breaks while a child is open. Its exposure stays, nothing is sent again, and what the
/// venue says afterwards decides.
#[test]
fn a_lost_link_makes_children_unknown_until_the_venue_tells() {
    let mut desk = Desk::with_venues(2);
    desk.book(0, &[(9_990, 1)], &[(10_010, 50)]).book(1, &[(9_990, 1)], &[(10_010, 50)]);
    desk.client("a buy 10 @ 10000 gtc").client("b buy 7 @ 10010 ioc");
    desk.sent(&["v0 new buy 10 @ 10000 Gtc #1", "v0 new buy 7 @ 10010 Ioc #2"]);
    desk.input(Input::VenueDown(VenueId(0), VenueDownReason::LinkLost));
    desk.sent(&["v0 query #1", "v0 query #2"]);
    desk.client("c buy 1 @ 10010 ioc").sent(&["v1 new buy 1 @ 10010 Ioc #3"]);
    desk.client("cancel a").sent(&[]);
    desk.venue(1, "open 0").sent(&[]);
    desk.venue(2, "fill 2 @ 10010").venue(2, "gone 2");
    desk.sent(&["v1 new buy 5 @ 10010 Ioc #4"]);
    desk.input(Input::VenueUp(VenueId(0))).sent(&["v0 cancel #1"]).venue(1, "done 0");
    desk.client_saw(&[
        "a new",
        "b new",
        "c new",
        "a canceling",
        "b trade 2 @ 10010 leaves 5",
        "a Canceled ClientRequest filled 0",
    ]);
}

#[test]
fn an_order_that_never_arrived_goes_elsewhere_under_a_new_id() {
    let mut desk = Desk::with_venues(2);
    desk.book(0, &[], &[(10_000, 50)]).book(1, &[], &[(10_010, 50)]);
    desk.client("a buy 7 @ 10010 ioc").venue(1, "unsure");
    desk.sent(&["v0 new buy 7 @ 10000 Ioc #1", "v0 query #1"]);
    desk.input(Input::VenueDown(VenueId(0), VenueDownReason::NoAnswer)).sent(&["v0 query #1"]);
    desk.venue(1, "never").sent(&["v1 new buy 7 @ 10010 Ioc #2"]);
}

#[test]
fn a_restart_makes_every_open_child_unknown() {
    let mut desk = Desk::with_venues(1);
    desk.book(0, &[(9_990, 1)], &[(10_010, 50)]);
    desk.client("a buy 10 @ 10000 gtc").venue(1, "accepted");
    desk.sent(&["v0 new buy 10 @ 10000 Gtc #1"]);
    desk.input(Input::NodeStarted).sent(&["v0 query #1"]);
    desk.client("b buy 1 @ 10010 ioc");
    desk.client_saw(&["a new", "b refused NoVenue"]);
    desk.input(Input::VenueUp(VenueId(0))).venue(1, "open 0").client("status a");
    desk.client_saw(&["a is New"]);
}

#[test]
fn an_order_that_should_be_over_and_is_found_open_is_called_back() {
    let mut desk = Desk::with_venues(1);
    desk.book(0, &[(9_990, 1)], &[(10_010, 50)]);
    desk.client("a buy 10 @ 10000 gtc").venue(1, "rejected").client("cancel a");
    desk.outputs.clear();
    desk.venue(1, "open 0").sent(&["v0 cancel #1"]);
}

/// An answer that the venue sends late, or twice, finds its child over. Nothing is said and nothing
/// changes, except that the venue's id of the order is kept and told, once.
#[test]
fn late_news_of_a_child_that_is_over_is_silent_and_tells_its_venues_id() {
    let mut desk = Desk::with_venues(1);
    desk.book(0, &[(9_990, 1)], &[(10_010, 50)]);
    desk.client("a buy 10 @ 10000 gtc").client("cancel a").venue(1, "done 0");
    desk.outputs.clear();
    let before = desk.child(1);
    assert!(before.venue_order.is_empty());
    let id = VenueOrderId::new(b"X1").expect("short");
    let late = ["cancel-rejected", "unsure", "done 0", "expired 0", "gone 0", "never"];
    for late in late.into_iter().chain(["accepted", "accepted"]) {
        let is_new = late == "accepted" && desk.child(1).venue_order.is_empty();
        let told = Notice::VenueOrder(VenueId(0), ChildId(1), id);
        desk.venue(1, late);
        let expected: &[Notice] = if is_new { &[told] } else { &[] };
        assert_eq!(desk.notices(), expected, "{late}");
        assert_eq!(desk.outputs, [], "{late}");
        assert_eq!(desk.child(1).state(), before.state(), "{late}");
    }
    assert_eq!(desk.child(1).venue_order.to_string(), "X1");
}

#[test]
fn no_venue_gets_an_order_on_a_book_that_is_not_proved() {
    let mut desk = Desk::with_venues(3);
    desk.book(0, &[], &[(10_000, 50)]).book(1, &[], &[(10_100, 50)]).book(2, &[], &[(10_150, 9)]);
    let (venue, instrument) = (VenueId(0), PAIR);
    desk.input(Input::BookDistrusted { venue, instrument, reason: Distrust::Gap });
    desk.client("a buy 1 market ioc").sent(&["v1 new buy 1 @ 10100 Ioc #1"]);
    desk.book(0, &[(10_001, 1)], &[(10_000, 50)]);
    desk.client("b buy 1 market ioc").sent(&["v1 new buy 1 @ 10100 Ioc #2"]);
    desk.book(0, &[], &[(10_000, 50)]);
    desk.wait_ns(6_000_000_000).input(Input::FeedAlive(VenueId(1)));
    desk.input(Input::FeedAlive(VenueId(2)));
    desk.client("c buy 1 market ioc").sent(&["v1 new buy 1 @ 10100 Ioc #3"]);
    desk.input(Input::FeedAlive(VenueId(0)));
    desk.client("d buy 1 market ioc").sent(&["v0 new buy 1 @ 10000 Ioc #4"]);
}

#[test]
fn a_limit_without_a_place_waits_and_is_placed_when_the_venue_is_back() {
    let mut desk = Desk::with_venues(1);
    desk.book(0, &[(9_990, 1)], &[(10_010, 50)]);
    desk.client("a buy 10 @ 10000 gtc");
    desk.input(Input::VenueDown(VenueId(0), VenueDownReason::LinkLost));
    desk.venue(1, "never").sent(&["v0 new buy 10 @ 10000 Gtc #1", "v0 query #1"]);
    desk.wait_ns(100_000_000).sent(&[]);
    desk.input(Input::VenueUp(VenueId(0))).sent(&["v0 new buy 10 @ 10000 Gtc #2"]);
}

#[test]
fn fill_or_kill_goes_whole_to_one_venue_or_not_at_all() {
    let mut desk = Desk::with_venues(2);
    desk.book(0, &[], &[(10_000, 5), (10_010, 5)]).book(1, &[], &[(10_000, 50)]);
    desk.client("a buy 8 @ 10010 fok").sent(&["v0 new buy 8 @ 10010 Fok #1"]);
    desk.client("b buy 20 @ 10010 fok");
    desk.client_saw(&["a new", "b new", "b Canceled FokNotFillable filled 0"]);
}

#[test]
fn funds_bound_by_one_order_are_not_there_for_the_next() {
    let mut desk = Desk::with_venues(1);
    desk.book(0, &[], &[(10_000, 500)]);
    // 100.00 x 0.100 = 10 and the fee of 0.2 % on top.
    let total = Amount(10 * UNIT + UNIT / 50);
    desk.input(Input::Balance { venue: VenueId(0), asset: USD, total });
    desk.client("a buy 100 @ 10000 ioc").client("b buy 1 @ 10000 ioc");
    desk.client_saw(&["a new", "b new", "b Canceled InsufficientFunds filled 0"]);
    desk.venue(1, "expired 0").client("c buy 60 @ 10000 ioc");
    desk.sent(&["v0 new buy 100 @ 10000 Ioc #1", "v0 new buy 60 @ 10000 Ioc #2"]);
}

#[test]
fn what_a_fill_leaves_of_the_locked_funds_pays_for_what_the_first_plan_could_not() {
    let mut desk = Desk::with_venues(1);
    desk.book(0, &[(9_890, 50)], &[(9_900, 50), (10_000, 50), (10_010, 10)]);
    // 100 at 100.00 lock 10.02 with the fee; 101 at 100.10 would lock 10.13.
    let total = Amount(10 * UNIT + UNIT / 10);
    desk.input(Input::Balance { venue: VenueId(0), asset: USD, total });
    desk.client("a buy 101 @ 10010 ioc").sent(&["v0 new buy 100 @ 10000 Ioc #1"]);
    desk.venue(1, "fill 50 @ 9900").venue(1, "fill 50 @ 10000");
    desk.sent(&["v0 new buy 1 @ 10010 Ioc #2"]);
}

#[test]
fn a_share_below_the_minimum_is_given_to_the_other_venue() {
    let mut desk = Desk::with_venues(2);
    desk.listing(VenueId(0), |l| l.qty_min = Qty(5));
    desk.book(0, &[], &[(10_000, 3)]).book(1, &[], &[(10_010, 50)]);
    desk.client("a buy 8 @ 10010 ioc").sent(&["v1 new buy 8 @ 10010 Ioc #1"]);
}

#[test]
fn an_order_is_taken_and_rests_at_the_price_steps_of_its_venue() {
    let mut desk = Desk::with_venues(2);
    let bands = [TickBand { above: Price(10_000), tick: Price(50) }];
    desk.listing(VenueId(0), |l| l.ticks = Ticks::banded(Price(1), &bands).expect("sound"));
    desk.listing(VenueId(1), |l| l.enabled = false);
    desk.book(0, &[(9_999, 1)], &[(10_200, 1)]);
    desk.client("low buy 5 @ 9999").client("step buy 5 @ 10050").client("between buy 5 @ 10049");
    desk.sent(&["v0 new buy 5 @ 9999 Gtc #1", "v0 new buy 5 @ 10050 Gtc #2"]);
    desk.client_saw(&["low new", "step new", "between refused BadPrice"]);
    // A taking child may pay a little more than the level, at a price that the venue takes.
    desk.client("take buy 1 @ 10250 ioc").sent(&["v0 new buy 1 @ 10200 Ioc #3"]);
}

#[test]
fn every_refusal_has_its_word_and_changes_nothing() {
    let mut desk = Desk::with_venues(1);
    desk.listing(VenueId(0), |l| (l.ticks, l.lot) = (Ticks::fixed(Price(10)), Qty(5)));
    desk.book(0, &[(9_990, 1)], &[(10_010, 50)]);
    desk.client("ok buy 5 @ 10010 ioc").client("ok buy 5 @ 10010 ioc");
    desk.client("zero buy 0 @ 10010").client("minus buy -5 @ 10010").client("lot buy 7 @ 10010");
    desk.client("tick buy 5 @ 10011").client("free buy 5 @ 0").client("huge buy 1000005 @ 10");
    desk.client("dear buy 1000000 @ 1000000").client("far buy 5 @ 10520");
    desk.client("max buy 9223372036854775807 @ 9223372036854775807");
    desk.client_saw(&[
        "ok new",
        "ok refused DuplicateClOrdId",
        "zero refused BadQuantity",
        "minus refused BadQuantity",
        "lot refused BadQuantity",
        "tick refused BadPrice",
        "free refused BadPrice",
        "huge refused QuantityTooLarge",
        "dear refused NotionalTooLarge",
        "far refused PriceCollar",
        "max refused QuantityTooLarge",
    ]);
    desk.sent(&["v0 new buy 5 @ 10010 Ioc #1"]);
}

#[test]
fn the_kill_switch_calls_everything_back_and_refuses_the_rest() {
    let mut desk = Desk::with_venues(1);
    desk.book(0, &[(9_990, 1)], &[(10_010, 50)]);
    desk.client("a buy 10 @ 10000 gtc").client("b sell 10 @ 10020 gtc");
    desk.operator(HALT).client("c buy 1 market ioc");
    desk.sent(&[
        "v0 new buy 10 @ 10000 Gtc #1",
        "v0 new sell 10 @ 10020 Gtc #2",
        "v0 cancel #1",
        "v0 cancel #2",
    ]);
    desk.venue(1, "done 0").venue(2, "done 0");
    desk.client_saw(&[
        "a new",
        "b new",
        "c refused Halted",
        "a Canceled KillSwitch filled 0",
        "b Canceled KillSwitch filled 0",
    ]);
    desk.operator(RESUME).client("d buy 1 market ioc").client_saw(&["d new"]);
}

#[test]
fn a_day_order_expires_at_the_roll_and_a_gtc_order_does_not() {
    let mut desk = Desk::with_venues(1);
    desk.book(0, &[(9_990, 1)], &[(10_010, 50)]);
    desk.client("day buy 10 @ 10000").client("gtc buy 10 @ 10000 gtc");
    let roll = desk.engine.next_timer().expect("a day has an end");
    assert_eq!(roll.0 % 86_400_000_000_000, 0);
    let wait = roll.since(desk.now);
    desk.wait_ns(wait).venue(1, "done 0");
    desk.client_saw(&["day new", "gtc new", "day Expired DayEnd filled 0"]);
}

#[test]
fn a_fill_after_the_end_is_booked_and_never_beyond_the_order() {
    let mut desk = Desk::with_venues(1);
    desk.book(0, &[(9_990, 1)], &[(10_010, 50)]);
    desk.client("a buy 10 @ 10000 gtc").client("cancel a").venue(1, "done 0");
    desk.venue(1, "fill 10 @ 10000").venue(1, "fill 5 @ 10000");
    desk.client_saw(&[
        "a new",
        "a canceling",
        "a Canceled ClientRequest filled 0",
        "a trade 10 @ 10000 leaves 0",
    ]);
    desk.position(15);
    assert!(desk.notices().iter().any(|n| matches!(n, Notice::Overfill(..))));
}

/// Found by the simulation: a cancel for a venue that was still reconciling was refused as not
/// sent, asked about, found open and sent again, until no cancel was left to send.
#[test]
fn a_cancel_waits_for_its_venue_and_costs_nothing_meanwhile() {
    let mut desk = Desk::with_venues(1);
    desk.book(0, &[(9_990, 1)], &[(10_010, 50)]);
    desk.client("a buy 10 @ 10000 gtc").venue(1, "accepted");
    desk.input(Input::VenueDown(VenueId(0), VenueDownReason::LinkLost)).venue(1, "open 0");
    desk.sent(&["v0 new buy 10 @ 10000 Gtc #1", "v0 query #1"]);
    desk.client("cancel a").sent(&[]);
    desk.input(Input::VenueUp(VenueId(0))).sent(&["v0 cancel #1"]);
    for _ in 0..8 {
        desk.venue(1, "cancel-rejected").venue(1, "open 0");
    }
    desk.outputs.clear();
    desk.client("cancel a").sent(&["v0 cancel #1"]);
}

#[test]
fn a_venue_that_will_not_give_an_order_back_is_told_to_the_client() {
    let mut desk = Desk::with_venues(1);
    desk.book(0, &[(9_990, 1)], &[(10_010, 50)]);
    desk.client("a buy 10 @ 10000 gtc").client("cancel a");
    for _ in 0..8 {
        desk.venue(1, "cancel-rejected").venue(1, "open 0");
    }
    desk.client_saw(&["a new", "a canceling", "a not canceled VenueRefused"]);
}

/// Traces of all that came out since the last look, of what has one.
fn traces(desk: &mut Desk) -> Vec<(&'static str, u64)> {
    let traced = |output: Output| match output {
        Output::Report(report) => Some(("report", report.trace)),
        Output::CancelReject(reject) => Some(("cancel reject", reject.trace)),
        Output::SendNew(new) => Some(("new", new.trace)),
        Output::SendCancel(child) => Some(("cancel", child.trace)),
        Output::SendReduce(reduce) => Some(("reduce", reduce.of.trace)),
        Output::Query(child) => Some(("query", child.trace)),
        Output::MassCancelReport(_)
        | Output::Command(..)
        | Output::Operator(_)
        | Output::Preview(..)
        | Output::ClientPreview(_)
        | Output::AskBalances(_)
        | Output::Notice(_) => None,
    };
    desk.outputs.drain(..).filter_map(traced).collect()
}

/// The desk's orders and replaces have the number of their message for a trace.
#[test]
fn what_an_order_causes_has_its_trace_through_changes_and_restarts() {
    let mut desk = Desk::with_venues(1);
    desk.book(0, &[(9_990, 5)], &[(10_000, 2)]);
    desk.client("a buy 5 @ 10000 gtc");
    assert_eq!(traces(&mut desk), [("report", 1), ("new", 1), ("new", 1)]);
    desk.client("b buy 0 @ 10000 gtc");
    assert_eq!(traces(&mut desk), [("report", 2)], "refused");
    desk.client("replace nobody buy 1 @ 10000 gtc");
    assert_eq!(traces(&mut desk), [("cancel reject", 0)], "of no order");
    desk.venue(1, "fill 2 @ 10000").venue(2, "accepted");
    assert_eq!(traces(&mut desk), [("report", 1)]);
    desk.client("replace a buy 7 @ 9995 gtc");
    assert_eq!(traces(&mut desk), [("report", 1), ("cancel", 1)]);
    desk.venue(2, "done 0");
    assert_eq!(
        traces(&mut desk),
        [("report", 1), ("new", 1)],
        "the order's own, not the request's"
    );
    desk.input(Input::NodeStarted);
    assert_eq!(traces(&mut desk), [("query", 1)]);
    desk.venue(3, "fill 5 @ 9995");
    assert_eq!(traces(&mut desk), [("report", 1)]);
}

#[test]
fn an_order_stays_with_its_account_when_its_session_moves_and_can_only_be_cancelled() {
    let mut desk = Desk::with_venues(1);
    desk.book(0, &[(9_990, 50)], &[(10_010, 50)]);
    desk.client("a buy 5 @ 9900 gtc").venue(1, "accepted");
    desk.input(Input::Account(reference::account(1, "other")));
    let moved = reference::session(0, "DESK", Some(AccountId(1)));
    desk.input(Input::Session(moved)).outputs.clear();
    desk.client("replace a buy 9 @ 9900 gtc").client_saw(&["a not replaced WrongAccount"]);
    desk.client("cancel a").sent(&["v0 cancel #1"]);
}
