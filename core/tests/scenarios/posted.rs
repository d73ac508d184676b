//! Posted orders: `post` never takes and follows the touch, `smart` rests at the touch and crosses
//! when the expected saving is gone.

use rutter_core::engine::{HOLD_NS, MOVE_WINDOW_NS, MOVES_PER_WINDOW_MAX};
use rutter_core::id::{OrderId, VenueId};
use rutter_core::input::*;
use rutter_core::number::{FeePpm, Qty, UnixNanos};
use rutter_core::resting::OFFER_AGE_NS;
use rutter_core::strategy::{SMART_WAIT_NS, Strategy};
use rutter_core::waiting::Waiting;

use crate::desk::{Desk, HALT, text};
use crate::waiting::waits;

const V0: VenueId = VenueId(0);
const V1: VenueId = VenueId(1);
const SECOND: u64 = 1_000_000_000;

/// Two venues that show 99.90 and 100.10; their fees are 0.1 % for resting and 0.2 % for taking.
fn desk() -> Desk {
    let mut desk = Desk::with_venues(2);
    desk.account(|account| account.limits.collar_ppm = 500_000);
    for venue in [0, 1] {
        desk.venue_terms(venue, |terms| {
            (terms.stale_after_ns, terms.unanswered_max) = (u64::MAX / 2, 20);
        });
        desk.book(venue, &[(9_990, 50)], &[(10_010, 50)]);
    }
    desk
}

fn by(strategy: Strategy) -> impl FnOnce(&mut NewOrder) {
    move |new| new.instructions.strategy = strategy.number()
}

/// A posted order to buy 10, which rests at the first venue.
fn posted(strategy: Strategy) -> Desk {
    let mut desk = desk();
    desk.instructed("a buy 10 @ 10100 gtc", by(strategy));
    desk.sent(&["v0 new buy 10 @ 9990 Gtc post #1"]).venue(1, "accepted").outputs.clear();
    desk
}

/// Both venues show these prices, for long enough.
fn show(desk: &mut Desk, bid: i64, ask: i64) -> &mut Desk {
    desk.book(0, &[(bid, 50)], &[(ask, 50)]).book(1, &[(bid, 50)], &[(ask, 50)]);
    desk.wait_ns(OFFER_AGE_NS)
}

#[test]
fn post_and_smart_rest_at_the_touch_though_the_limit_would_take() {
    for strategy in [Strategy::Post, Strategy::Smart] {
        let mut desk = posted(strategy);
        desk.venue(1, "fill 10 @ 9990").client_saw(&["a trade 10 @ 9990 leaves 0"]);

        let mut desk = self::desk();
        desk.instructed("a sell 10 @ 9900 gtc", by(strategy));
        desk.sent(&["v0 new sell 10 @ 10010 Gtc post #1"]);
    }
    let mut desk = desk();
    desk.instructed("a buy 10 @ 10100 gtc", |new| new.instructions.strategy = 1_002);
    desk.sent(&["v0 new buy 10 @ 10010 Ioc #1"]);
}

#[test]
fn an_order_whose_limit_is_behind_the_touch_rests_at_its_limit() {
    let mut desk = desk();
    desk.instructed("a buy 10 @ 9980 gtc", by(Strategy::Post));
    desk.sent(&["v0 new buy 10 @ 9980 Gtc post #1"]).venue(1, "accepted");
    show(&mut desk, 9_995, 10_010).wait_ns(HOLD_NS).sent(&[]);
}

#[test]
fn the_touch_is_the_best_of_all_venues_and_no_venue_is_taken_from() {
    let mut desk = desk();
    desk.listing(V0, |listing| listing.maker_fee = FeePpm(0));
    desk.book(0, &[(9_990, 5)], &[(9_995, 5)]).book(1, &[(9_996, 5)], &[(10_010, 5)]);
    desk.instructed("a buy 10 @ 10100 gtc", by(Strategy::Post));
    desk.sent(&["v1 new buy 10 @ 9996 Gtc post #1"]);
}

#[test]
fn a_posted_order_that_would_take_everywhere_waits_and_says_so() {
    let mut desk = desk();
    desk.book(0, &[], &[(10_010, 5)]).book(1, &[], &[(10_020, 5)]);
    desk.instructed("a buy 10 @ 10100 gtc", by(Strategy::Post)).sent(&[]);
    assert_eq!(waits(&mut desk, 1), Waiting::WouldTake);
    desk.book(1, &[(10_005, 1)], &[(10_020, 5)]);
    desk.sent(&["v0 new buy 10 @ 10005 Gtc post #1"]);
    assert_eq!(waits(&mut desk, 1), Waiting::Nothing);
}

#[test]
fn post_follows_the_touch_within_its_limit_and_no_flicker() {
    let mut desk = posted(Strategy::Post);
    desk.book(1, &[(9_993, 5)], &[(10_010, 5)]);
    desk.now.0 += OFFER_AGE_NS / 2;
    desk.book(1, &[(9_990, 5)], &[(10_010, 5)]).wait_ns(OFFER_AGE_NS).sent(&[]);
    show(&mut desk, 9_993, 10_010).sent(&["v0 cancel #1"]);
    assert_eq!(waits(&mut desk, 1), Waiting::Moving);
    desk.venue(1, "done 0").sent(&["v0 new buy 10 @ 9993 Gtc post #2"]).client_saw(&[]);
    desk.venue(2, "accepted").wait_ns(HOLD_NS);
    // The touch goes back: our order is the touch, and stays.
    show(&mut desk, 9_980, 10_010).wait_ns(HOLD_NS).sent(&[]);
    show(&mut desk, 10_200, 10_300).sent(&["v0 cancel #2"]).venue(2, "done 0");
    desk.sent(&["v0 new buy 10 @ 10100 Gtc post #3"]).venue(3, "accepted").wait_ns(HOLD_NS);
    show(&mut desk, 10_210, 10_300).wait_ns(HOLD_NS).sent(&[]);
}

#[test]
fn post_follows_so_often_in_a_minute_and_then_says_why_it_stays() {
    let mut desk = posted(Strategy::Post);
    for nth in 0..u64::from(MOVES_PER_WINDOW_MAX) {
        let bid = 9_991 + nth as i64;
        show(&mut desk, bid, 10_090).sent(&[&format!("v0 cancel #{}", nth + 1)]);
        desk.venue(nth + 1, "done 0").venue(nth + 2, "accepted").outputs.clear();
        desk.wait_ns(HOLD_NS);
    }
    show(&mut desk, 10_000, 10_090).sent(&[]);
    assert_eq!(waits(&mut desk, 1), Waiting::MoveLimit);
    desk.wait_ns(MOVE_WINDOW_NS).wait_ns(OFFER_AGE_NS).sent(&["v0 cancel #7"]);
}

#[test]
fn a_venue_that_would_have_let_it_take_gets_nothing_before_its_book_changes() {
    for answer in ["rejected WouldMatch", "done 0", "expired 0"] {
        let mut desk = desk();
        desk.instructed("a buy 10 @ 10100 gtc", by(Strategy::Post));
        desk.sent(&["v0 new buy 10 @ 9990 Gtc post #1"]).venue(1, answer);
        desk.sent(&["v1 new buy 10 @ 9990 Gtc post #2"]).venue(2, answer).sent(&[]);
        assert_eq!(waits(&mut desk, 1), Waiting::WouldTake, "{answer}");
        desk.book(0, &[(9_980, 5)], &[(9_990, 5)]);
        desk.sent(&["v0 new buy 10 @ 9980 Gtc post #3"]);
    }
}

#[test]
fn smart_stays_while_the_touch_is_within_the_expected_saving_and_crosses_beyond_it() {
    // Taking costs 100.10 * 1.002, resting 99.90 * 1.001: the expected saving is 0.30.
    let mut desk = posted(Strategy::Smart);
    show(&mut desk, 10_020, 10_040).wait_ns(HOLD_NS).sent(&[]);
    show(&mut desk, 10_021, 10_041).sent(&["v0 cancel #1"]);
    assert_eq!(waits(&mut desk, 1), Waiting::Moving);
    desk.venue(1, "done 0").sent(&["v0 new buy 10 @ 10041 Ioc #2"]).client_saw(&[]);
    desk.venue(2, "fill 10 @ 10041").client_saw(&["a trade 10 @ 10041 leaves 0"]);
}

#[test]
fn smart_crosses_as_a_sell_too_and_with_the_rest_of_what_was_filled() {
    let mut desk = desk();
    desk.instructed("a sell 10 @ 9900 gtc", by(Strategy::Smart)).venue(1, "accepted");
    desk.venue(1, "fill 4 @ 10010").outputs.clear();
    show(&mut desk, 9_961, 9_981).wait_ns(HOLD_NS).sent(&[]);
    show(&mut desk, 9_959, 9_979).sent(&["v0 cancel #1"]);
    desk.venue(1, "fill 1 @ 10010").venue(1, "done 5").sent(&["v0 new sell 5 @ 9959 Ioc #2"]);
}

#[test]
fn smart_crosses_at_its_deadline_and_after_a_minute_without_one() {
    let mut desk = posted(Strategy::Smart);
    desk.wait_ns(SMART_WAIT_NS - SECOND).sent(&[]).wait_ns(SECOND).sent(&["v0 cancel #1"]);
    desk.venue(1, "done 0").sent(&["v0 new buy 10 @ 10010 Ioc #2"]);

    let mut desk = self::desk();
    let deadline = UnixNanos(desk.now.0 + 5 * SECOND);
    desk.instructed("a buy 10 @ 10100 gtc", |new| {
        new.instructions.strategy = Strategy::Smart.number();
        (new.instructions.strategy_parameters, new.instructions.deadline) = (1, deadline);
    });
    desk.venue(1, "accepted").outputs.clear();
    desk.wait_ns(4 * SECOND).sent(&[]).wait_ns(SECOND).sent(&["v0 cancel #1"]);
}

#[test]
fn smart_crosses_at_once_where_resting_saves_nothing() {
    let mut desk = desk();
    for venue in [V0, V1] {
        desk.listing(venue, |l| (l.maker_fee, l.taker_fee) = (FeePpm(3_000), FeePpm(0)));
    }
    desk.instructed("a buy 10 @ 10100 gtc", by(Strategy::Smart));
    desk.sent(&["v0 new buy 10 @ 10010 Ioc #1"]);
}

#[test]
fn smart_that_may_rest_nowhere_without_taking_crosses() {
    let mut desk = desk();
    desk.book(0, &[], &[(10_010, 5)]).book(1, &[], &[(10_020, 5)]);
    desk.instructed("a buy 10 @ 10100 gtc", by(Strategy::Smart));
    desk.sent(&["v0 new buy 5 @ 10010 Ioc #1", "v1 new buy 5 @ 10020 Ioc #2"]);
}

#[test]
fn smart_whose_limit_is_at_the_touch_keeps_its_place_when_it_stops_posting() {
    let mut desk = desk();
    desk.instructed("a buy 10 @ 9990 gtc", by(Strategy::Smart)).venue(1, "accepted");
    desk.outputs.clear();
    desk.wait_ns(SMART_WAIT_NS).sent(&[]);
    // From now on the order is worked as any other.
    desk.book(1, &[(9_980, 5)], &[(9_985, 4)]).wait_ns(OFFER_AGE_NS).sent(&["v0 cancel #1"]);
    desk.venue(1, "done 0");
    desk.sent(&["v1 new buy 4 @ 9985 Ioc #2", "v1 new buy 6 @ 9990 Gtc #3"]);
}

#[test]
fn a_posted_order_is_not_called_back_for_what_other_venues_offer() {
    for strategy in [Strategy::Post, Strategy::Smart] {
        let mut desk = posted(strategy);
        desk.book(1, &[(9_980, 5)], &[(9_985, 5)]).wait_ns(OFFER_AGE_NS).wait_ns(HOLD_NS).sent(&[]);
    }
}

#[test]
fn a_refused_cancel_leaves_the_child_and_the_crossing_is_tried_again() {
    let mut desk = posted(Strategy::Smart);
    show(&mut desk, 10_021, 10_041).sent(&["v0 cancel #1"]);
    desk.venue(1, "unsure").venue(1, "open 0").outputs.clear();
    assert_eq!(waits(&mut desk, 1), Waiting::Nothing);
    desk.wait_ns(HOLD_NS).sent(&["v0 cancel #1"]).venue(1, "done 0");
    desk.sent(&["v0 new buy 10 @ 10041 Ioc #2"]);
}

#[test]
fn a_replace_of_the_limit_posts_anew_and_keeps_the_deadline() {
    let mut desk = posted(Strategy::Smart);
    let end = desk.now.0 + SMART_WAIT_NS;
    show(&mut desk, 10_015, 10_035);
    desk.client("replace a buy 10 @ 10090 gtc").sent(&["v0 cancel #1"]).venue(1, "done 0");
    desk.sent(&["v0 new buy 10 @ 10015 Gtc post #2"]).venue(2, "accepted");
    // What is expected to be saved counts from the new touch.
    show(&mut desk, 10_021, 10_041).wait_ns(HOLD_NS).sent(&[]);
    desk.now.0 = end;
    desk.wait_ns(0).sent(&["v0 cancel #2"]);
    // Once it has crossed, it does not post again.
    desk.venue(2, "done 0").sent(&["v0 new buy 10 @ 10041 Ioc #3"]).venue(3, "expired 0");
    desk.sent(&["v1 new buy 10 @ 10041 Ioc #4"]);
}

#[test]
fn cancel_halt_and_the_loss_of_a_venue_work_as_for_any_order() {
    for strategy in [Strategy::Post, Strategy::Smart] {
        let mut desk = posted(strategy);
        desk.client("cancel a").sent(&["v0 cancel #1"]).venue(1, "done 0");
        desk.client_saw(&["a canceling", "a Canceled ClientRequest filled 0"]);
        desk.wait_ns(SMART_WAIT_NS).sent(&[]);

        let mut desk = posted(strategy);
        desk.operator(HALT).sent(&["v0 cancel #1"]).venue(1, "done 0");
        desk.client_saw(&["a Canceled KillSwitch filled 0"]).wait_ns(SMART_WAIT_NS).sent(&[]);

        let mut desk = posted(strategy);
        desk.input(Input::VenueDown(V0, VenueDownReason::LinkLost));
        desk.wait_ns(2 * SMART_WAIT_NS).sent(&["v0 query #1"]).input(Input::VenueUp(V0));
        desk.venue(1, "gone 10").venue(1, "fill 10 @ 9990");
        assert_eq!(desk.engine.open_orders(), 0, "{strategy:?}");
    }
}

#[test]
fn strategies_that_do_not_fit_the_order_are_refused_by_name() {
    let mut desk = desk();
    for words in ["a buy 10 @ 10100 ioc", "a buy 10 @ 10100 fok", "a buy 10 market"] {
        for strategy in [Strategy::Post, Strategy::Smart] {
            desk.instructed(words, by(strategy)).client_saw(&["a refused UnsupportedStrategy"]);
        }
    }
    let now = desk.now;
    let with = |strategy: Strategy, parameters: u8, deadline: u64| {
        move |new: &mut NewOrder| {
            new.instructions.strategy = strategy.number();
            new.instructions.strategy_parameters = parameters;
            new.instructions.deadline = UnixNanos(deadline);
        }
    };
    let later = now.0 + 60 * SECOND;
    for (say, word) in [
        (with(Strategy::Smart, 1, now.0), "BadDeadline"),
        (with(Strategy::Post, 1, later), "BadDeadline"),
        (with(Strategy::Cross, 1, later), "BadDeadline"),
        (with(Strategy::Smart, 0, later), "UnsupportedStrategy"),
        (with(Strategy::Smart, 2, later), "UnsupportedStrategy"),
        (with(Strategy::Smart, 1, 0), "UnsupportedStrategy"),
    ] {
        desk.instructed("a buy 10 @ 10100 gtc", say).client_saw(&[&format!("a refused {word}")]);
    }
    desk.instructed("a buy 10 @ 10100 gtc", |new| {
        by(Strategy::Post)(new);
        new.instructions.min_qty = Qty(5);
    });
    desk.client_saw(&["a refused UnsupportedMinQty"]).sent(&[]);
    assert_eq!(desk.engine.order(OrderId(1)).map(|order| order.id), None);
}

#[test]
fn a_posted_order_that_one_venue_cannot_carry_rests_at_several() {
    let mut desk = desk();
    desk.listing(V0, |listing| listing.qty_max = Qty(4));
    desk.listing(V1, |listing| listing.maker_fee = FeePpm(1_001));
    desk.instructed("a buy 10 @ 10100 gtc", by(Strategy::Post));
    desk.sent(&[
        "v0 new buy 4 @ 9990 Gtc post #1",
        "v0 new buy 4 @ 9990 Gtc post #2",
        "v0 new buy 2 @ 9990 Gtc post #3",
    ]);
    for child in 1..=3 {
        desk.venue(child, "accepted");
    }
    show(&mut desk, 9_995, 10_010);
    desk.sent(&["v0 cancel #2", "v0 cancel #1", "v0 cancel #3"]);
    desk.venue(1, "done 0").venue(2, "done 0").sent(&[]).venue(3, "done 0");
    desk.sent(&[
        "v0 new buy 4 @ 9995 Gtc post #4",
        "v0 new buy 4 @ 9995 Gtc post #5",
        "v0 new buy 2 @ 9995 Gtc post #6",
    ]);
    assert_eq!(desk.engine.order(OrderId(1)).map(|order| order.cl_ord_id), Some(text("a")));
}
