//! Reductions in place: a resting child gives up quantity at a venue that amends orders, and keeps
//! its place in the queue. Nothing is told or routed before the venue has answered.

use rutter_core::child::ChildState;
use rutter_core::engine::{AMENDS_MAX, HOLD_NS};
use rutter_core::id::{ChildId, OrderId, VenueId};
use rutter_core::input::*;
use rutter_core::number::{Amount, FeePpm, Qty};
use rutter_core::output::Notice;
use rutter_core::resting::OFFER_AGE_NS;
use rutter_core::waiting::Waiting;

use crate::desk::{Desk, PAIR, UNIT, text};
use crate::waiting::waits;

const V0: VenueId = VenueId(0);

/// A venue that amends orders, with the weights of such an amend.
fn amends(venue: u8) -> Input {
    let mut young = [AgeStep::default(); AGE_STEPS_MAX];
    young[0] = AgeStep { below_s: 5, points: 4 };
    let (venue, amending) = (VenueId(venue), Amending::ReduceKeepsPriority);
    Input::Amend(AmendDef { venue, amending, points: 1, young })
}

/// Two venues without offers within 100.00. Orders rest at the first, which amends them.
fn desk() -> Desk {
    let mut desk = Desk::with_venues(2);
    desk.listing(V0, |listing| listing.maker_fee = FeePpm(0));
    for venue in [0, 1] {
        desk.venue_terms(venue, |terms| terms.stale_after_ns = u64::MAX / 2);
        desk.book(venue, &[(9_990, 50)], &[(10_010, 50)]);
    }
    desk.input(amends(0));
    desk
}

/// As [`desk`], with a buy of 10 at 100.00 that rests at the first venue.
fn buy() -> Desk {
    let mut desk = desk();
    desk.client("a buy 10 @ 10000 gtc").venue(1, "accepted").outputs.clear();
    desk
}

/// As [`buy`], with a replace to 6 that is under way.
fn replacing() -> Desk {
    let mut desk = buy();
    desk.client("replace a buy 6 @ 10000 gtc").sent(&["v0 reduce #1 to 6"]);
    desk.client_saw(&["a replacing"]);
    desk
}

/// The order's quantity and what is at venues, which is what the venue may still fill.
fn out(desk: &Desk) -> (i64, i64) {
    let order = desk.engine.order(OrderId(1)).expect("the order");
    (order.qty.0, order.at_venues.0)
}

#[test]
fn a_replace_to_less_reduces_the_child_in_its_place_and_is_told_when_the_venue_has_answered() {
    let mut desk = replacing();
    assert_eq!(out(&desk), (10, 10), "the old quantity counts till the venue has answered");
    assert_eq!(desk.child(1).state(), ChildState::PendingReplace);
    desk.venue(1, "amended 6").client_saw(&["a is a-r2 6 @ 10000 leaves 6"]).sent(&[]);
    assert_eq!(out(&desk), (6, 6));
    assert_eq!((desk.child(1).qty, desk.child(1).state()), (Qty(6), ChildState::Live));
    assert!(desk.notices().contains(&Notice::ChildAmended(V0, ChildId(1), Qty(6))));
    desk.venue(1, "fill 6 @ 10000").client_saw(&["a-r2 trade 6 @ 10000 leaves 0"]);
    assert_eq!(desk.engine.open_orders(), 0);
}

#[test]
fn a_venue_that_amends_nothing_goes_on_as_before() {
    let mut desk = buy();
    desk.input(Input::Amend(AmendDef::none(V0)));
    desk.client("replace a buy 6 @ 10000 gtc").sent(&["v0 cancel #1"]);
    desk.venue(1, "done 0").sent(&["v0 new buy 6 @ 10000 Gtc #2"]);
}

#[test]
fn another_price_is_no_reduction() {
    let mut desk = buy();
    desk.client("replace a buy 6 @ 9999 gtc").sent(&["v0 cancel #1"]);
}

#[test]
fn what_a_smaller_amount_of_funds_binds_is_free_when_the_venue_has_answered() {
    let mut desk = replacing();
    let bound = |desk: &Desk| desk.child(1).reserved;
    let before = bound(&desk);
    desk.venue(1, "amended 6");
    assert_eq!(bound(&desk).0 * 10, before.0 * 6);
}

#[test]
fn fills_before_the_amend_count_and_the_venue_fills_no_more_than_the_new_quantity() {
    let mut desk = replacing();
    desk.venue(1, "fill 2 @ 10000").client_saw(&["a trade 2 @ 10000 leaves 8"]);
    desk.venue(1, "amended 6").client_saw(&["a is a-r2 6 @ 10000 leaves 4"]);
    assert_eq!(out(&desk), (6, 4));
    desk.venue(1, "fill 4 @ 10000").client_saw(&["a-r2 trade 4 @ 10000 leaves 0"]).position(6);
}

#[test]
fn a_fill_that_was_told_after_the_amend_is_booked_once_and_fits() {
    let mut desk = replacing();
    desk.venue(1, "amended 6").client_saw(&["a is a-r2 6 @ 10000 leaves 6"]);
    desk.venue(1, "fill 2 @ 10000 exec 9").venue(1, "fill 2 @ 10000 exec 9");
    desk.client_saw(&["a-r2 trade 2 @ 10000 leaves 4"]);
    assert_eq!(out(&desk), (6, 4));
}

#[test]
fn fills_beyond_the_new_quantity_end_the_order_with_all_that_was_filled() {
    let mut desk = replacing();
    desk.venue(1, "fill 7 @ 10000").client_saw(&["a trade 7 @ 10000 leaves 3"]);
    // The venue ends an order of which more is filled than is left.
    desk.venue(1, "done 7").client_saw(&["a is a-r2 7 @ 10000 leaves 0"]).sent(&[]).position(7);
    assert_eq!(desk.engine.open_orders(), 0);
}

#[test]
fn the_new_quantity_is_filled_already_when_the_venue_tells_it() {
    let mut desk = replacing();
    desk.venue(1, "fill 6 @ 10000").venue(1, "amended 6");
    desk.client_saw(&["a trade 6 @ 10000 leaves 4", "a is a-r2 6 @ 10000 leaves 0"]);
    assert_eq!(desk.engine.open_orders(), 0);
    desk.venue(1, "done 6").sent(&[]);
}

#[test]
fn a_refused_amend_becomes_a_cancel_and_the_rest_is_placed_anew() {
    let mut desk = replacing();
    desk.venue(1, "amend-rejected").sent(&["v0 cancel #1"]).client_saw(&[]);
    let refused = Notice::AmendRejected(V0, ChildId(1), VenueReject::Other);
    assert!(desk.notices().contains(&refused));
    desk.venue(1, "done 0").sent(&["v0 new buy 6 @ 10000 Gtc #2"]);
    desk.client_saw(&["a is a-r2 6 @ 10000 leaves 6"]);
}

#[test]
fn a_child_that_the_venue_refused_to_amend_is_not_amended_again_and_a_pause_forbids_nothing() {
    let offer = |desk: &mut Desk| {
        desk.book(1, &[(9_990, 50)], &[(9_995, 4)]).wait_ns(OFFER_AGE_NS);
    };
    for (reason, again) in [("Filter", "v0 cancel #1"), ("Late", "v0 reduce #1 to 6")] {
        let mut desk = buy();
        offer(&mut desk);
        desk.sent(&["v0 reduce #1 to 6"]);
        desk.venue(1, &format!("amend-rejected {reason}")).sent(&["v0 cancel #1"]);
        desk.venue(1, "cancel-rejected Other").sent(&["v0 query #1"]).venue(1, "open");
        desk.wait_ns(HOLD_NS);
        offer(&mut desk);
        desk.sent(&[again]);
    }
}

#[test]
fn an_amend_without_an_answer_is_asked_about_and_counts_with_the_old_quantity() {
    let mut desk = replacing();
    desk.venue(1, "unsure").sent(&["v0 query #1"]).client_saw(&[]);
    assert_eq!((out(&desk), desk.child(1).state()), ((10, 10), ChildState::Unknown));
    // The venue tells the quantity of an order that is open.
    desk.venue(1, "amended 6").venue(1, "open");
    desk.client_saw(&["a is a-r2 6 @ 10000 leaves 6"]).sent(&[]);
    assert_eq!((out(&desk), desk.child(1).state()), ((6, 6), ChildState::Live));
}

#[test]
fn an_amend_that_never_arrived_becomes_a_cancel_and_one_that_arrives_late_does_no_harm() {
    let mut desk = replacing();
    desk.venue(1, "unsure").sent(&["v0 query #1"]);
    desk.venue(1, "amended 10").venue(1, "open").sent(&["v0 cancel #1"]).client_saw(&[]);
    desk.venue(1, "amended 6");
    assert_eq!(out(&desk), (10, 6));
    desk.venue(1, "done 0").sent(&["v0 new buy 6 @ 10000 Gtc #2"]);
    desk.client_saw(&["a is a-r2 6 @ 10000 leaves 6"]);
}

#[test]
fn a_restart_with_an_amend_under_way_asks_and_goes_on() {
    for (answers, sent) in [
        (["amended 6", "open"], vec![]),
        (["amended 10", "open"], vec!["v0 cancel #1"]),
        (["fill 6 @ 10000", "gone 6"], vec![]),
    ] {
        let mut desk = replacing();
        desk.input(Input::NodeStarted).sent(&["v0 query #1"]);
        assert_eq!(out(&desk), (10, 10));
        desk.venue(1, answers[0]).venue(1, answers[1]);
        desk.input(Input::VenueUp(V0));
        desk.sent(&sent);
        if !sent.is_empty() {
            desk.book(0, &[(9_990, 50)], &[(10_010, 50)]);
            desk.venue(1, "done 0").sent(&["v0 new buy 6 @ 10000 Gtc #2"]);
        }
        desk.client_saw_last(match answers[1] {
            "gone 6" => "a is a-r2 6 @ 10000 leaves 0",
            _ => "a is a-r2 6 @ 10000 leaves 6",
        });
    }
}

#[test]
fn a_cancel_overtakes_an_amend_whatever_answer_comes_first() {
    for answers in [["amended 6", "done 0"], ["amend-rejected UnknownOrder", "done 0"]] {
        let mut desk = replacing();
        desk.client("cancel a").sent(&["v0 cancel #1"]);
        desk.client_saw(&["a not replaced ClientRequest", "a canceling"]);
        desk.venue(1, answers[0]).client_saw(&[]).sent(&[]);
        desk.venue(1, answers[1]).client_saw(&["a Canceled ClientRequest filled 0"]).sent(&[]);
    }
}

#[test]
fn an_order_that_the_venue_does_not_know_is_asked_about() {
    let mut desk = replacing();
    desk.venue(1, "amend-rejected UnknownOrder").sent(&["v0 query #1"]);
    desk.venue(1, "fill 10 @ 10000")
        .client_saw(&["a trade 10 @ 10000 leaves 0", "a not replaced TooLateToCancel"]);
}

#[test]
fn old_news_never_gives_quantity_back() {
    let mut desk = replacing();
    desk.venue(1, "amended 6").venue(1, "amended 10").venue(1, "amended 6");
    assert_eq!((out(&desk), desk.child(1).qty), ((6, 6), Qty(6)));
}

#[test]
fn a_quantity_that_somebody_else_has_taken_off_is_placed_again() {
    let mut desk = buy();
    desk.venue(1, "amended 7").sent(&["v0 new buy 3 @ 10000 Gtc #2"]).client_saw(&[]);
    assert_eq!(out(&desk), (10, 10));
}

#[test]
fn a_move_takes_off_only_what_another_venue_offers_and_the_rest_keeps_its_place() {
    let mut desk = buy();
    desk.book(1, &[(9_990, 50)], &[(9_995, 4)]).wait_ns(OFFER_AGE_NS);
    desk.sent(&["v0 reduce #1 to 6"]);
    assert_eq!(waits(&mut desk, 1), Waiting::Moving);
    desk.venue(1, "amended 6").sent(&["v1 new buy 4 @ 9995 Ioc #2"]);
    desk.venue(2, "fill 4 @ 9995").client_saw(&["a trade 4 @ 9995 leaves 6"]);
    assert_eq!(waits(&mut desk, 1), Waiting::Nothing);
    assert_eq!(out(&desk), (10, 6));
}

#[test]
fn a_move_whose_amend_is_refused_calls_the_child_back() {
    let mut desk = buy();
    desk.book(1, &[(9_990, 50)], &[(9_995, 4)]).wait_ns(OFFER_AGE_NS);
    desk.sent(&["v0 reduce #1 to 6"]).venue(1, "amend-rejected Filter").sent(&["v0 cancel #1"]);
    desk.venue(1, "done 0").sent(&["v1 new buy 4 @ 9995 Ioc #2", "v0 new buy 6 @ 10000 Gtc #3"]);
}

#[test]
fn a_move_whose_amend_is_in_doubt_is_over_and_what_the_venue_has_taken_off_goes_elsewhere() {
    let mut desk = buy();
    desk.book(1, &[(9_990, 50)], &[(9_995, 4)]).wait_ns(OFFER_AGE_NS);
    desk.sent(&["v0 reduce #1 to 6"]).venue(1, "unsure").sent(&["v0 query #1"]);
    desk.venue(1, "amended 6").sent(&["v1 new buy 4 @ 9995 Ioc #2"]).venue(1, "open").sent(&[]);
    assert_eq!(out(&desk), (10, 10));
}

#[test]
fn several_children_give_up_the_least_and_only_what_is_needed_wholly_is_cancelled() {
    let mut desk = desk();
    desk.listing(V0, |listing| (listing.maker_fee, listing.qty_max) = (FeePpm(0), Qty(5)));
    desk.client("a buy 12 @ 10000 gtc");
    for child in 1..=3 {
        desk.venue(child, "accepted");
    }
    desk.outputs.clear();
    // 5, 5 and 2 rest; 8 are to go.
    desk.client("replace a buy 4 @ 10000 gtc").sent(&["v0 cancel #2", "v0 reduce #1 to 2"]);
    desk.venue(2, "done 0").client_saw(&["a replacing"]).sent(&[]);
    desk.venue(1, "amended 2").client_saw(&["a is a-r2 4 @ 10000 leaves 4"]).sent(&[]);
}

#[test]
fn what_would_be_left_below_the_venues_smallest_order_is_called_back() {
    let mut desk = buy();
    desk.listing(V0, |listing| (listing.maker_fee, listing.qty_min) = (FeePpm(0), Qty(7)));
    desk.client("replace a buy 6 @ 10000 gtc").sent(&["v0 cancel #1"]);
    let mut desk = buy();
    let worth = Amount(100 * UNIT);
    desk.listing(V0, |listing| (listing.maker_fee, listing.notional_min) = (FeePpm(0), worth));
    desk.client("replace a buy 6 @ 10000 gtc").sent(&["v0 cancel #1"]);
}

#[test]
fn only_whole_lots_are_taken_off() {
    let mut desk = buy();
    desk.listing(V0, |listing| (listing.maker_fee, listing.lot) = (FeePpm(0), Qty(2)));
    desk.client("replace a buy 7 @ 10000 gtc").sent(&["v0 reduce #1 to 6"]);
    desk.venue(1, "amended 6").client_saw(&["a replacing", "a is a-r2 7 @ 10000 leaves 7"]);
    assert_eq!(out(&desk).0, 7);
}

#[test]
fn an_amend_weighs_what_the_venue_says_and_one_without_room_becomes_a_cancel() {
    let messages = |limit| WindowDef {
        counted: Counted::Messages,
        reserved: 1,
        ..WindowDef::orders(limit, 1_000_000_000_000)
    };
    // The order is one point, the amend of a young one four, and one is kept for a cancel.
    for (limit, sent) in [(6, "v0 reduce #1 to 6"), (5, "v0 cancel #1")] {
        let mut desk = desk();
        let budget = BudgetDef::new(V0, 0, &[messages(limit)]).expect("one window");
        desk.input(Input::Budget(budget));
        desk.client("a buy 10 @ 10000 gtc").venue(1, "accepted").outputs.clear();
        desk.client("replace a buy 6 @ 10000 gtc").sent(&[sent]);
    }
    // An older one weighs one point.
    let mut desk = desk();
    desk.input(Input::Budget(BudgetDef::new(V0, 0, &[messages(3)]).expect("one window")));
    desk.client("a buy 10 @ 10000 gtc").venue(1, "accepted").outputs.clear();
    desk.wait_ns(6_000_000_000);
    desk.client("replace a buy 6 @ 10000 gtc").sent(&["v0 reduce #1 to 6"]);
}

#[test]
fn an_order_of_the_window_of_orders_is_not_spent_on_an_amend() {
    let mut desk = desk();
    desk.venue_terms(0, |terms| {
        (terms.rate_orders, terms.rate_window_ns) = (1, 1_000_000_000_000);
        terms.stale_after_ns = u64::MAX / 2;
    });
    desk.client("a buy 10 @ 10000 gtc").venue(1, "accepted").outputs.clear();
    desk.client("replace a buy 6 @ 10000 gtc").sent(&["v0 reduce #1 to 6"]);
}

#[test]
fn a_child_is_amended_so_often_and_no_more() {
    let mut desk = desk();
    desk.client("a buy 20 @ 10000 gtc").venue(1, "accepted").outputs.clear();
    let mut id = "a".to_owned();
    for nth in 1..=AMENDS_MAX {
        let left = 20 - i64::from(nth);
        let next = format!("a{nth}");
        desk.replaced(&format!("{id} buy {left} @ 10000 gtc"), |order| {
            order.cl_ord_id = text(&next);
        });
        desk.sent(&[&format!("v0 reduce #1 to {left}")]).venue(1, &format!("amended {left}"));
        id = next;
    }
    desk.client(&format!("replace {id} buy 5 @ 10000 gtc")).sent(&["v0 cancel #1"]);
}

#[test]
fn orders_of_one_owner_that_lose_the_smaller_quantity_keep_the_place_of_the_larger_one() {
    let mut desk = buy();
    desk.input(Input::Owner(OwnerDef {
        self_match: SelfMatchPolicy::Decrement,
        ..OwnerDef::usual(rutter_core::id::AccountId(0), text("fund"))
    }));
    desk.book(0, &[(10_000, 10), (9_990, 50)], &[(10_010, 50)]).outputs.clear();
    desk.client("b sell 4 @ 10000 gtc").sent(&["v0 reduce #1 to 6"]);
    desk.client_saw(&["b new"]);
    assert_eq!(waits(&mut desk, 2), Waiting::CallingBack);
    desk.venue(1, "amended 6").sent(&[]).client_saw(&[
        "a restated SelfMatchReduced 6 leaves 6",
        "b Canceled SelfMatchReduced filled 0",
    ]);
    assert_eq!((out(&desk), desk.child(1).state()), ((6, 6), ChildState::Live));
}

#[test]
fn an_amend_of_a_child_that_is_unknown_or_over_changes_nothing() {
    let mut desk = buy();
    desk.input(Input::ChildAmended { venue: V0, child: ChildId(99), qty: Qty(1) });
    desk.input(Input::AmendRejected { venue: V0, child: ChildId(99), reason: VenueReject::Other });
    desk.venue(1, "amended 0").venue(1, "amend-rejected");
    assert_eq!(out(&desk), (10, 10));
    assert_eq!(desk.engine.child(ChildId(1)).map(|child| child.instrument), Some(PAIR));
    desk.client("cancel a").venue(1, "done 0").outputs.clear();
    desk.venue(1, "amended 6").venue(1, "amend-rejected").sent(&[]).client_saw(&[]);
}
