//! Orders of ours that would match each other: within one owner by the policy of the order that
//! comes in, between owners by that of the account whose order rests.

use crate::desk::Desk;
use crate::waiting::waits;
use rutter_core::engine::YIELDS_PER_WINDOW_MAX;
use rutter_core::id::{AccountId, OrderId, SessionId, VenueId};
use rutter_core::input::*;
use rutter_core::number::Qty;
use rutter_core::output::Output;
use rutter_core::waiting::Waiting;
use rutter_test_support::reference::{self, text};

const MS: u64 = 1_000_000;
const MINUTE: u64 = 60_000 * MS;

/// A desk with an account and a session for each owner that is named; all may be one.
pub fn desk_of(venues: u8, owners: &[&str]) -> Desk {
    let mut desk = Desk::with_venues(venues);
    for (at, owner) in owners.iter().enumerate() {
        let id = at as u16;
        let account = AccountId(id);
        if at > 0 {
            desk.input(Input::Account(reference::account(id, &format!("a{at}"))));
            let session = reference::session(id, &format!("S{at}"), Some(account));
            desk.input(Input::Session(session));
        }
        desk.input(Input::Owner(OwnerDef::usual(account, text(owner))));
    }
    desk.outputs.clear();
    desk
}

/// Sets the terms of an owner's account.
fn terms(desk: &mut Desk, id: u16, change: impl FnOnce(&mut OwnerDef)) {
    let mut def = *desk.engine.reference().owner_of(AccountId(id));
    change(&mut def);
    desk.input(Input::Owner(def));
}

fn policy(desk: &mut Desk, id: u16, policy: SelfMatchPolicy) {
    terms(desk, id, |def| def.self_match = policy);
}

/// An order of an account.
fn says(desk: &mut Desk, id: u16, words: &str) {
    desk.session = SessionId(id);
    desk.client(words);
}

/// The first account rests with a sell of 4 at 100.05, of which the book shows all. Others offer 3
/// at 100.00 and 50 at 100.10.
fn rests(owners: &[&str]) -> Desk {
    let mut desk = desk_of(1, owners);
    desk.book(0, &[(9_990, 50)], &[(10_000, 3), (10_010, 50)]);
    says(&mut desk, 0, "a sell 4 @ 10005 gtc");
    desk.sent(&["v0 new sell 4 @ 10005 Gtc #1"]).venue(1, "accepted");
    desk.book(0, &[(9_990, 50)], &[(10_000, 3), (10_005, 4), (10_010, 50)]);
    desk.outputs.clear();
    desk
}

#[test]
fn better_levels_go_first_and_the_resting_order_of_the_same_owner_is_cancelled_for_the_others() {
    for tif in ["ioc", "gtc"] {
        let mut desk = rests(&["x", "x"]);
        says(&mut desk, 1, &format!("b buy 10 @ 10010 {tif}"));
        desk.sent(&["v0 cancel #1", "v0 new buy 3 @ 10000 Ioc #2"]);
        assert_eq!(waits(&mut desk, 2), Waiting::CallingBack);
        desk.outputs.clear();
        desk.venue(2, "fill 3 @ 10000").sent(&[]);
        desk.outputs.clear();
        desk.venue(1, "done 0").sent(&["v0 new buy 7 @ 10010 Ioc #3"]);
        desk.client_saw(&["a Canceled SelfMatchResting filled 0"]);
    }
}

#[test]
fn what_fills_of_the_resting_order_on_the_way_is_its_own() {
    let mut desk = rests(&["x", "x"]);
    says(&mut desk, 1, "b buy 10 @ 10010 ioc");
    desk.outputs.clear();
    desk.venue(1, "fill 4 @ 10005").sent(&["v0 new buy 7 @ 10010 Ioc #3"]);
    desk.client_saw(&["a trade 4 @ 10005 leaves 0"]);
}

#[test]
fn an_order_that_would_only_rest_across_one_of_its_owner_cancels_it_too() {
    let mut desk = desk_of(1, &["x"]);
    desk.book(0, &[(9_990, 5)], &[(10_050, 5)]);
    desk.client("a sell 9 @ 10000 gtc").client("b buy 9 @ 10000 gtc");
    desk.sent(&["v0 new sell 9 @ 10000 Gtc #1", "v0 cancel #1"]);
    desk.venue(1, "done 0").sent(&["v0 new buy 9 @ 10000 Gtc #2"]);
}

#[test]
fn an_order_that_reaches_no_order_of_its_owner_leaves_it_alone() {
    let mut desk = rests(&["x", "x"]);
    says(&mut desk, 1, "b buy 3 @ 10010 gtc");
    desk.sent(&["v0 new buy 3 @ 10000 Ioc #2"]);
    says(&mut desk, 1, "c buy 3 @ 10004 gtc");
    desk.sent(&["v0 new buy 3 @ 10004 Gtc #3"]);
}

#[test]
fn the_order_that_comes_in_is_cancelled_where_its_account_wants_that() {
    let mut desk = rests(&["x", "x"]);
    policy(&mut desk, 1, SelfMatchPolicy::CancelIncoming);
    says(&mut desk, 1, "b buy 10 @ 10010 ioc");
    desk.sent(&["v0 new buy 3 @ 10000 Ioc #2"]).venue(2, "fill 3 @ 10000");
    desk.client_saw_last("b Canceled SelfMatch filled 3");
    // A part that is with a venue stays there, and the rest comes off the order.
    desk.book(0, &[(9_990, 50)], &[(10_000, 3), (10_005, 4), (10_010, 50)]);
    desk.outputs.clear();
    says(&mut desk, 1, "c buy 10 @ 10010 gtc");
    desk.sent(&["v0 new buy 3 @ 10000 Ioc #3"]);
    desk.client_saw(&["c new", "c restated SelfMatch 3 leaves 3"]);
    desk.venue(3, "fill 3 @ 10000").client_saw(&["c trade 3 @ 10000 leaves 0"]).sent(&[]);
}

/// One order of the same owner stands where the order may not go. The order that is in its way is
/// another client's, and stays.
#[test]
fn an_order_of_its_owner_where_it_may_not_go_stops_no_order() {
    for is_down in [false, true] {
        let mut desk = desk_of(2, &["x", "x", "y"]);
        policy(&mut desk, 1, SelfMatchPolicy::CancelIncoming);
        terms(&mut desk, 2, |def| def.other_owners = OtherOwners::Protect);
        for venue in [0, 1] {
            desk.book(venue, &[(9_990, 50)], &[(10_050, 50)]);
        }
        let at = |venue| move |new: &mut NewOrder| new.instructions.only = Some(VenueId(venue));
        desk.instructed("a sell 4 @ 10005 gtc", at(0)).venue(1, "accepted");
        desk.session = SessionId(2);
        desk.instructed("c sell 4 @ 10005 gtc", at(1)).venue(2, "accepted");
        desk.session = SessionId(1);
        desk.outputs.clear();
        if is_down {
            desk.input(Input::VenueDown(VenueId(0), VenueDownReason::LinkLost));
            desk.client("b buy 9 @ 10010 gtc");
        } else {
            desk.instructed("b buy 9 @ 10010 gtc", at(1));
        }
        assert_eq!(waits(&mut desk, 3), Waiting::OwnOrder, "down: {is_down}");
        // It goes as soon as the other client's order is gone.
        desk.outputs.clear();
        desk.venue(2, "fill 4 @ 10005").sent(&["v1 new buy 9 @ 10010 Gtc #3"]);
    }
}

#[test]
fn both_orders_lose_the_smaller_quantity_where_the_account_wants_that() {
    // The resting order is the smaller one.
    let mut desk = rests(&["x", "x"]);
    policy(&mut desk, 1, SelfMatchPolicy::Decrement);
    says(&mut desk, 1, "b buy 10 @ 10010 gtc");
    desk.sent(&["v0 cancel #1", "v0 new buy 3 @ 10000 Ioc #2"]);
    assert_eq!(waits(&mut desk, 1), Waiting::Moving);
    desk.venue(1, "fill 1 @ 10005").outputs.clear();
    desk.venue(1, "done 1").sent(&["v0 new buy 4 @ 10010 Ioc #3"]);
    let a = "a Canceled SelfMatchReduced filled 1";
    desk.client_saw(&[a, "b restated SelfMatchReduced 7 leaves 7"]);

    // The order that comes in is the smaller one: what is left of the other is put back.
    let mut desk = rests(&["x", "x"]);
    policy(&mut desk, 1, SelfMatchPolicy::Decrement);
    says(&mut desk, 1, "b buy 5 @ 10010 ioc");
    desk.sent(&["v0 cancel #1", "v0 new buy 3 @ 10000 Ioc #2"]).venue(2, "fill 3 @ 10000");
    desk.outputs.clear();
    desk.venue(1, "done 0").sent(&["v0 new sell 2 @ 10005 Gtc #3"]);
    desk.client_saw(&[
        "a restated SelfMatchReduced 2 leaves 2",
        "b Canceled SelfMatchReduced filled 3",
    ]);
}

#[test]
fn an_order_with_two_children_is_told_once_that_its_place_is_lost() {
    let mut desk = rests(&["x", "y"]);
    desk.client("cancel a").venue(1, "done 0");
    desk.listing(VenueId(0), |listing| listing.qty_max = Qty(7));
    desk.client("c sell 14 @ 10005 gtc").venue(2, "accepted").venue(3, "accepted");
    desk.book(0, &[(9_990, 50)], &[(10_005, 14), (10_010, 50)]);
    desk.outputs.clear();
    says(&mut desk, 1, "b buy 5 @ 10010 ioc");
    desk.wait_ns(200 * MS).outputs.clear();
    desk.venue(2, "done 0").venue(3, "done 0");
    let lost = |output: &&Output| match output {
        Output::Report(report) => report.reason == Refusal::PlaceLost,
        _ => false,
    };
    assert_eq!(desk.outputs.iter().filter(lost).count(), 1, "{:?}", desk.outputs);
}

#[test]
fn two_orders_that_would_no_longer_match_lose_nothing() {
    let mut desk = rests(&["x", "x"]);
    policy(&mut desk, 1, SelfMatchPolicy::Decrement);
    says(&mut desk, 1, "b buy 10 @ 10010 gtc");
    desk.sent(&["v0 cancel #1", "v0 new buy 3 @ 10000 Ioc #2"]).venue(2, "fill 3 @ 10000");
    desk.venue_terms(0, |terms| terms.unanswered_max = 0);
    says(&mut desk, 1, "replace b buy 10 @ 10002 gtc");
    desk.outputs.clear();
    desk.venue(1, "done 0");
    let reduced = |output: &Output| match output {
        Output::Report(report) => report.reason == Refusal::SelfMatchReduced,
        _ => false,
    };
    assert!(!desk.outputs.iter().any(reduced), "{:?}", desk.outputs);
    desk.wait_ns(200 * MS);
    assert_eq!(desk.engine.order(OrderId(1)).map(rutter_core::order::Order::leaves), Some(Qty(4)));
    assert_eq!(desk.engine.order(OrderId(2)).map(rutter_core::order::Order::leaves), Some(Qty(7)));
}

#[test]
fn orders_of_one_owner_may_match_where_the_account_wants_that() {
    let mut desk = rests(&["x", "x"]);
    policy(&mut desk, 1, SelfMatchPolicy::Allow);
    says(&mut desk, 1, "b buy 10 @ 10010 ioc");
    desk.sent(&["v0 new buy 10 @ 10010 Ioc #2"]);
}

#[test]
fn an_order_makes_way_for_one_of_another_owner_and_is_put_back_behind_it() {
    for tif in ["ioc", "gtc", "fok"] {
        let mut desk = rests(&["x", "y"]);
        says(&mut desk, 1, &format!("b buy 10 @ 10010 {tif}"));
        if tif == "fok" {
            desk.sent(&["v0 cancel #1"]);
        } else {
            desk.sent(&["v0 cancel #1", "v0 new buy 3 @ 10000 Ioc #2"]).venue(2, "fill 3 @ 10000");
        }
        assert_eq!(waits(&mut desk, 1), Waiting::Moving);
        assert_eq!(waits(&mut desk, 2), Waiting::CallingBack);
        desk.wait_ns(200 * MS).outputs.clear();
        desk.venue(1, "done 0");
        desk.client_saw(&["a restated PlaceLost 4 leaves 4"]);
        let sent = match tif {
            "fok" => ["v0 new buy 10 @ 10010 Fok #2", "v0 new sell 4 @ 10005 Gtc #3"],
            _ => ["v0 new buy 7 @ 10010 Ioc #3", "v0 new sell 4 @ 10005 Gtc #4"],
        };
        desk.sent(&sent);
        assert_eq!(waits(&mut desk, 1), Waiting::Nothing);
        assert_eq!(waits(&mut desk, 2), Waiting::Nothing);
    }
}

/// Today's case: 0.001 of one client at the touch kept all others from the level.
#[test]
fn the_smallest_order_at_the_touch_keeps_nobody_from_the_level() {
    let mut desk = desk_of(1, &["x", "y"]);
    desk.book(0, &[(9_990, 50)], &[(10_010, 50)]);
    desk.client("a sell 1 @ 10010 gtc").venue(1, "accepted");
    desk.book(0, &[(9_990, 50)], &[(10_010, 51)]).outputs.clear();
    says(&mut desk, 1, "b buy 50 @ 10010 ioc");
    desk.sent(&["v0 cancel #1"]).venue(1, "done 0");
    desk.sent(&["v0 new buy 50 @ 10010 Ioc #2", "v0 new sell 1 @ 10010 Gtc #3"]);
}

#[test]
fn nobody_makes_way_where_nothing_lies_behind() {
    for (tif, told) in [("ioc", None), ("gtc", Some(Waiting::OwnOrder))] {
        let mut desk = desk_of(1, &["x", "y"]);
        desk.book(0, &[(9_990, 50)], &[(10_050, 50)]);
        desk.client("a sell 4 @ 10010 gtc").venue(1, "accepted");
        desk.book(0, &[(9_990, 50)], &[(10_010, 4), (10_050, 50)]).outputs.clear();
        says(&mut desk, 1, &format!("b buy 9 @ 10010 {tif}"));
        desk.sent(&[]);
        match told {
            None => _ = desk.client_saw_last("b Canceled SelfMatch filled 0"),
            Some(why) => assert_eq!(waits(&mut desk, 2), why),
        }
    }
}

#[test]
fn other_venues_at_no_worse_a_price_go_first() {
    let mut desk = desk_of(2, &["x", "y"]);
    desk.book(0, &[(9_990, 50)], &[(10_010, 50)]).book(1, &[(9_990, 50)], &[(10_010, 6)]);
    desk.instructed("a sell 1 @ 10010 gtc", |new| {
        new.instructions.only = Some(VenueId(0));
    });
    desk.venue(1, "accepted").book(0, &[(9_990, 50)], &[(10_010, 51)]).outputs.clear();
    says(&mut desk, 1, "b buy 6 @ 10010 ioc");
    // Equal prices: the first venue has them, but only after a round trip.
    desk.sent(&["v1 new buy 6 @ 10010 Ioc #2"]);
}

#[test]
fn an_order_that_its_account_protects_keeps_its_place() {
    let mut desk = rests(&["x", "y"]);
    terms(&mut desk, 0, |def| def.other_owners = OtherOwners::Protect);
    says(&mut desk, 1, "b buy 10 @ 10010 gtc");
    desk.sent(&["v0 new buy 3 @ 10000 Ioc #2"]).venue(2, "fill 3 @ 10000");
    assert_eq!(waits(&mut desk, 2), Waiting::OwnOrder);
    says(&mut desk, 1, "c buy 1 @ 10010 ioc");
    desk.client_saw_last("c Canceled SelfMatch filled 0");
    // It goes as soon as the other one is gone.
    desk.outputs.clear();
    desk.venue(1, "fill 4 @ 10005").sent(&["v0 new buy 7 @ 10010 Ioc #3"]);
}

#[test]
fn a_child_of_unknown_outcome_makes_no_way_and_nothing_is_sent_in_its_place() {
    for tif in ["ioc", "gtc"] {
        let mut desk = rests(&["x", "y"]);
        says(&mut desk, 1, &format!("b buy 10 @ 10010 {tif}"));
        desk.venue(2, "fill 3 @ 10000").outputs.clear();
        desk.venue(1, "unsure").wait_ns(200 * MS).sent(&["v0 query #1"]);
        if tif == "ioc" {
            desk.client_saw_last("b Canceled SelfMatch filled 3");
        } else {
            assert_eq!(waits(&mut desk, 2), Waiting::OwnOrder);
            // It was cancelled after all: the other one goes, and the first one is put back.
            desk.venue(1, "gone 0");
            desk.sent(&["v0 new buy 7 @ 10010 Ioc #3", "v0 new sell 4 @ 10005 Gtc #4"]);
        }
    }
}

#[test]
fn a_refused_cancel_leaves_the_child_and_is_tried_again() {
    let mut desk = rests(&["x", "y"]);
    says(&mut desk, 1, "b buy 10 @ 10010 gtc");
    desk.venue(2, "fill 3 @ 10000").outputs.clear();
    desk.venue(1, "cancel-rejected").sent(&["v0 query #1"]).venue(1, "open 0");
    desk.wait_ns(100 * MS).sent(&["v0 cancel #1"]);
}

#[test]
fn several_orders_pass_before_the_first_one_is_put_back() {
    let mut desk = rests(&["x", "y", "z"]);
    says(&mut desk, 1, "b buy 10 @ 10010 gtc");
    desk.sent(&["v0 cancel #1", "v0 new buy 3 @ 10000 Ioc #2"]);
    says(&mut desk, 2, "c buy 10 @ 10010 gtc");
    desk.sent(&[]).venue(2, "fill 3 @ 10000").outputs.clear();
    desk.venue(1, "done 0");
    desk.sent(&[
        "v0 new buy 7 @ 10010 Ioc #3",
        "v0 new buy 10 @ 10010 Ioc #4",
        "v0 new sell 4 @ 10005 Gtc #5",
    ]);
}

/// Two orders of ours make up a level. The book shows the end of the first one before its venue
/// tells that end, and the end of the second one is told first.
#[test]
fn what_has_gone_from_a_level_already_is_not_counted_as_gone_again() {
    let mut desk = desk_of(1, &["x", "y"]);
    desk.book(0, &[(9_990, 50)], &[(10_010, 50)]);
    desk.client("a sell 4 @ 10005 gtc").client("c sell 4 @ 10005 gtc");
    desk.venue(1, "accepted").venue(2, "accepted");
    desk.book(0, &[(9_990, 50)], &[(10_005, 8), (10_010, 50)]).outputs.clear();
    says(&mut desk, 1, "b buy 50 @ 10010 ioc");
    desk.sent(&["v0 cancel #1", "v0 cancel #2"]);
    desk.book(0, &[(9_990, 50)], &[(10_005, 4), (10_010, 50)]);
    desk.outputs.clear();
    desk.venue(1, "done 0").sent(&[]).venue(2, "done 0");
    desk.sent(&[
        "v0 new buy 50 @ 10010 Ioc #3",
        "v0 new sell 4 @ 10005 Gtc #4",
        "v0 new sell 4 @ 10005 Gtc #5",
    ]);
}

/// One input looks at 64 orders that wait.
#[test]
fn more_orders_than_one_look_has_pass_one_order_and_none_is_forgotten() {
    let mut desk = desk_of(1, &["x", "y"]);
    desk.venue_terms(0, |terms| {
        (terms.unanswered_max, terms.rate_orders) = (10_000, 100_000);
    });
    desk.book(0, &[(9_990, 50)], &[(10_010, 5_000)]);
    desk.client("a sell 4 @ 10005 gtc").venue(1, "accepted");
    desk.book(0, &[(9_990, 50)], &[(10_005, 4), (10_010, 5_000)]).outputs.clear();
    let count = 2 * rutter_core::engine::WOKEN_PER_INPUT_MAX as u64 + 10;
    for nth in 0..count {
        says(&mut desk, 1, &format!("b{nth} buy 9 @ 10010 gtc"));
    }
    desk.sent(&["v0 cancel #1"]).outputs.clear();
    desk.venue(1, "done 0");
    for _ in 0..20 {
        desk.wait_ns(20 * MS);
        // Each time that the first order is in the way again, it makes way again.
        let outputs = core::mem::take(&mut desk.outputs);
        let back = outputs.iter().filter_map(|output| match output {
            Output::SendCancel(cancel) => Some(cancel.child.0),
            _ => None,
        });
        for child in back {
            desk.venue(child, "done 0");
        }
    }
    for order in 2..2 + count {
        let order = desk.engine.order(OrderId(order)).expect("open");
        assert_eq!(order.waiting, Waiting::Nothing, "{order:?}");
        assert_eq!(order.live_children, 1, "{order:?}");
    }
}

#[test]
fn the_rest_of_an_order_does_not_take_the_place_of_the_one_that_made_way() {
    let mut desk = rests(&["x", "y"]);
    says(&mut desk, 1, "b buy 100 @ 10010 gtc");
    desk.venue(2, "fill 3 @ 10000").book(0, &[(9_990, 50)], &[(10_010, 50)]).outputs.clear();
    desk.venue(1, "done 0");
    desk.sent(&["v0 new buy 50 @ 10010 Ioc #3", "v0 new sell 4 @ 10005 Gtc #4"]);
    assert_eq!(waits(&mut desk, 2), Waiting::OwnOrder);
}

/// It rests at one venue while the offer at the other one grows behind an order of another client.
#[test]
fn an_order_that_rests_elsewhere_is_called_back_for_what_lies_behind_another_owners() {
    let mut desk = desk_of(2, &["x", "y"]);
    desk.book(0, &[(9_990, 50)], &[(10_030, 50)]).book(1, &[(9_990, 50)], &[(10_030, 50)]);
    let at = |venue| move |new: &mut NewOrder| new.instructions.only = Some(VenueId(venue));
    desk.instructed("a sell 1 @ 10010 gtc", at(0)).venue(1, "accepted");
    desk.book(0, &[(9_990, 50)], &[(10_010, 1)]);
    desk.session = SessionId(1);
    desk.client("b buy 9 @ 10010 gtc");
    desk.sent(&["v0 new sell 1 @ 10010 Gtc #1", "v1 new buy 9 @ 10010 Gtc #2"]);
    desk.venue(2, "accepted").wait_ns(60 * MS).sent(&[]);
    desk.book(0, &[(9_990, 50)], &[(10_010, 41)]).wait_ns(1_100 * MS).wait_ns(60 * MS);
    desk.sent(&["v1 cancel #2"]).venue(2, "done 0").sent(&["v0 cancel #1"]);
    desk.venue(1, "done 0");
    desk.sent(&["v0 new buy 9 @ 10010 Ioc #3", "v0 new sell 1 @ 10010 Gtc #4"]);
}

#[test]
fn without_room_in_the_venues_limits_an_order_makes_way_as_soon_as_there_is_room() {
    let mut desk = rests(&["x", "y"]);
    desk.input(Input::CancelRejected {
        venue: VenueId(0),
        child: rutter_core::id::ChildId(99),
        reason: VenueReject::RateLimit,
        retry_after_ns: 500 * MS,
    });
    says(&mut desk, 1, "b buy 10 @ 10010 gtc");
    desk.sent(&["v0 new buy 3 @ 10000 Ioc #2"]).venue(2, "fill 3 @ 10000");
    assert_eq!(waits(&mut desk, 2), Waiting::OwnOrder);
    desk.wait_ns(400 * MS).sent(&[]).wait_ns(200 * MS).wait_ns(100 * MS).sent(&["v0 cancel #1"]);
}

#[test]
fn a_cancel_of_either_client_on_the_way_ends_its_own_order_only() {
    let mut desk = rests(&["x", "y"]);
    says(&mut desk, 1, "b buy 10 @ 10010 gtc");
    desk.venue(2, "fill 3 @ 10000");
    says(&mut desk, 0, "cancel a");
    desk.outputs.clear();
    desk.venue(1, "done 0").sent(&["v0 new buy 7 @ 10010 Ioc #3"]);
    desk.client_saw(&["a Canceled ClientRequest filled 0"]);

    let mut desk = rests(&["x", "y"]);
    says(&mut desk, 1, "b buy 10 @ 10010 gtc");
    desk.venue(2, "fill 3 @ 10000");
    says(&mut desk, 1, "cancel b");
    desk.outputs.clear();
    desk.venue(1, "done 0").sent(&["v0 new sell 4 @ 10005 Gtc #3"]);
    desk.client_saw(&["a restated PlaceLost 4 leaves 4"]);
}

#[test]
fn an_order_makes_way_a_bounded_number_of_times_a_minute_and_then_the_others_wait() {
    let mut desk = rests(&["x", "y"]);
    let mut resting = 1;
    for nth in 0..YIELDS_PER_WINDOW_MAX {
        says(&mut desk, 1, &format!("b{nth} buy 9 @ 10010 ioc"));
        desk.venue(resting + 1, "fill 3 @ 10000").venue(resting, "done 0");
        desk.venue(resting + 2, "fill 6 @ 10010");
        resting += 3;
        desk.venue(resting, "accepted").wait_ns(200 * MS);
        desk.book(0, &[(9_990, 50)], &[(10_000, 3), (10_005, 4), (10_010, 50)]);
    }
    desk.outputs.clear();
    says(&mut desk, 1, "last buy 9 @ 10010 gtc");
    desk.sent(&[&format!("v0 new buy 3 @ 10000 Ioc #{}", resting + 1)]);
    desk.venue(resting + 1, "fill 3 @ 10000");
    let last = u64::from(YIELDS_PER_WINDOW_MAX) + 2;
    assert_eq!(waits(&mut desk, last), Waiting::OwnOrder);
    desk.outputs.clear();
    desk.now.0 += MINUTE;
    desk.book(0, &[(9_990, 50)], &[(10_005, 4), (10_010, 50)]);
    desk.sent(&[&format!("v0 cancel #{resting}")]);
}

#[test]
fn a_preview_says_that_orders_would_be_called_back_and_calls_none() {
    let mut desk = rests(&["x", "y"]);
    desk.operator(OperatorCommand::Preview(Preview {
        session: SessionId(1),
        instrument: crate::desk::PAIR,
        side: Side::Buy,
        tif: TimeInForce::Gtc,
        qty: Qty(10),
        price: rutter_core::number::Price(10_010),
        only: None,
    }));
    let waits = desk.outputs.iter().find_map(|output| match output {
        Output::Preview(_, rutter_core::output::Previewed::Order { waits, .. }) => Some(*waits),
        _ => None,
    });
    assert_eq!(waits, Some(Waiting::CallingBack));
    desk.sent(&[]);
    assert!(desk.engine.order(OrderId(1)).is_some_and(|order| order.waiting == Waiting::Nothing));
}

/// Sells of 5 at 100.05 of the first and of the third account rest; others offer 50 at 100.10.
fn two_rest() -> Desk {
    let mut desk = desk_of(1, &["x", "y", "z"]);
    desk.book(0, &[(9_990, 50)], &[(10_010, 50)]);
    for (id, words) in [(0, "a sell 5 @ 10005 gtc"), (2, "c sell 5 @ 10005 gtc")] {
        says(&mut desk, id, words);
    }
    desk.venue(1, "accepted").venue(2, "accepted");
    desk.book(0, &[(9_990, 50)], &[(10_005, 10), (10_010, 50)]);
    desk.outputs.clear();
    desk
}

#[test]
fn two_orders_in_the_way_are_put_back_when_the_end_of_both_is_proved() {
    for (tif, second) in [("ioc", "done 0"), ("gtc", "done 0"), ("ioc", "fill 5 @ 10005")] {
        let mut desk = two_rest();
        says(&mut desk, 1, &format!("b buy 20 @ 10010 {tif}"));
        desk.sent(&["v0 cancel #1", "v0 cancel #2"]).outputs.clear();
        desk.venue(1, "done 0").sent(&[]);
        desk.wait_ns(150 * MS).sent(&[]);
        assert_eq!(
            [1, 3].map(|order| waits(&mut desk, order)),
            [Waiting::Moving, Waiting::CallingBack]
        );
        desk.outputs.clear();
        desk.venue(2, second);
        if second == "done 0" {
            desk.sent(&[
                "v0 new buy 20 @ 10010 Ioc #3",
                "v0 new sell 5 @ 10005 Gtc #4",
                "v0 new sell 5 @ 10005 Gtc #5",
            ]);
        } else {
            desk.sent(&["v0 new buy 20 @ 10010 Ioc #3", "v0 new sell 5 @ 10005 Gtc #4"]);
        }
    }
}

#[test]
fn an_order_that_has_made_way_waits_no_longer_than_the_one_that_it_made_way_for() {
    // The second child stays: its outcome is unknown.
    let mut desk = two_rest();
    says(&mut desk, 1, "b buy 20 @ 10010 gtc");
    desk.venue(1, "done 0").outputs.clear();
    desk.venue(2, "unsure").sent(&["v0 query #2", "v0 new sell 5 @ 10005 Gtc #3"]);
    // The order that was to pass is cancelled.
    let mut desk = two_rest();
    says(&mut desk, 1, "b buy 20 @ 10010 gtc");
    desk.venue(1, "done 0");
    says(&mut desk, 1, "cancel b");
    desk.outputs.clear();
    desk.wait_ns(100 * MS).sent(&["v0 new sell 5 @ 10005 Gtc #3"]);
    desk.venue(2, "done 0").sent(&["v0 new sell 5 @ 10005 Gtc #4"]);
}

/// A sell of so many of the first account at 100.05; others offer 50 at 100.10.
fn rests_alone(owners: &[&str], qty: i64) -> Desk {
    let mut desk = desk_of(1, owners);
    desk.book(0, &[(9_990, 50)], &[(10_010, 50)]);
    says(&mut desk, 0, &format!("a sell {qty} @ 10005 gtc"));
    desk.venue(1, "accepted");
    desk.book(0, &[(9_990, 50)], &[(10_005, qty), (10_010, 50)]).outputs.clear();
    desk
}

#[test]
fn an_order_that_is_no_larger_than_the_one_in_its_way_gets_what_others_offer_behind_it() {
    for resting in [9, 10, 11, 40] {
        for tif in ["ioc", "gtc", "fok"] {
            let mut desk = rests_alone(&["x", "y"], resting);
            says(&mut desk, 1, &format!("b buy 10 @ 10010 {tif}"));
            desk.sent(&["v0 cancel #1"]).venue(1, "done 0");
            let word = if tif == "fok" { "Fok" } else { "Ioc" };
            let back = format!("v0 new sell {resting} @ 10005 Gtc #3");
            desk.sent(&[&format!("v0 new buy 10 @ 10010 {word} #2"), &back]);
        }
    }
}

#[test]
fn every_quantity_beyond_the_better_levels_makes_the_resting_order_make_way() {
    for qty in 4..=57 {
        let mut desk = rests(&["x", "y"]);
        says(&mut desk, 1, &format!("b buy {qty} @ 10010 ioc"));
        desk.sent(&["v0 cancel #1", "v0 new buy 3 @ 10000 Ioc #2"]).venue(2, "fill 3 @ 10000");
        let left = (qty - 3).min(50);
        desk.venue(1, "done 0").book(0, &[(9_990, 50)], &[(10_010, 50)]);
        // The book was told after the end: what it showed counted as gone till then.
        let taken: i64 = desk.engine.orders().map(|order| order.at_venues.0).sum::<i64>() - 4;
        assert!(taken >= left.min(46), "{qty}: {taken}");
    }
}

#[test]
fn an_order_at_another_venue_is_called_back_for_what_lies_behind_a_larger_one() {
    let mut desk = desk_of(2, &["x", "y"]);
    desk.book(0, &[(9_990, 50)], &[(10_030, 50)]).book(1, &[(9_990, 50)], &[(10_030, 50)]);
    let at = |venue| move |new: &mut NewOrder| new.instructions.only = Some(VenueId(venue));
    desk.instructed("a sell 20 @ 10010 gtc", at(0)).venue(1, "accepted");
    desk.book(0, &[(9_990, 50)], &[(10_010, 20)]);
    desk.session = SessionId(1);
    desk.client("b buy 9 @ 10010 gtc").venue(2, "accepted").outputs.clear();
    desk.wait_ns(60 * MS).sent(&[]);
    desk.book(0, &[(9_990, 50)], &[(10_010, 60)]).wait_ns(1_100 * MS).wait_ns(60 * MS);
    desk.sent(&["v1 cancel #2"]).venue(2, "done 0").sent(&["v0 cancel #1"]);
}

#[test]
fn nobody_makes_way_for_an_order_that_its_minimum_keeps_from_trading() {
    // Others offer 6 behind the resting order of 4.
    for owners in [["x", "y"], ["x", "x"]] {
        for (tif, min_qty) in [("ioc", 9), ("fok", 0)] {
            let mut desk = desk_of(1, &owners);
            desk.book(0, &[(9_990, 50)], &[(10_010, 6)]);
            says(&mut desk, 0, "a sell 4 @ 10005 gtc");
            desk.venue(1, "accepted");
            desk.book(0, &[(9_990, 50)], &[(10_005, 4), (10_010, 6)]).outputs.clear();
            desk.session = SessionId(1);
            desk.instructed(&format!("b buy 10 @ 10010 {tif}"), |new| {
                new.instructions.min_qty = Qty(min_qty);
            });
            desk.sent(&[]);
            assert_eq!(waits(&mut desk, 1), Waiting::Nothing);
            // With four more from others the order gets all of it.
            desk.book(0, &[(9_990, 50)], &[(10_005, 4), (10_010, 10)]).outputs.clear();
            desk.instructed(&format!("c buy 10 @ 10010 {tif}"), |new| {
                new.instructions.min_qty = Qty(min_qty);
            });
            desk.sent(&["v0 cancel #1"]);
        }
    }
}

/// A venue at which the cancel of an order below five seconds costs eight of 60 points, of which
/// twelve are left for the cancels of clients and halts.
fn young_cancels_cost(desk: &mut Desk) {
    let mut young = [AgeStep::default(); AGE_STEPS_MAX];
    young[0] = AgeStep { below_s: 5, points: 8 };
    let window = WindowDef {
        kind: WindowKind::Decay,
        counted: Counted::Messages,
        reserved: 12,
        young,
        ..WindowDef::orders(60, MINUTE)
    };
    desk.input(Input::Budget(BudgetDef::new(VenueId(0), 0, &[window]).expect("one window")));
}

#[test]
fn all_children_in_the_way_together_leave_the_room_that_is_kept_for_cancels() {
    // Each has counted a point already. Four cancels and five new orders make 41 of 48 points; five
    // cancels and six orders would make 51.
    for (resting, makes_way) in [(4, true), (5, false)] {
        for tif in ["ioc", "gtc"] {
            let mut desk = desk_of(1, &["x", "y"]);
            young_cancels_cost(&mut desk);
            desk.venue_terms(0, |terms| {
                (terms.rate_orders, terms.stale_after_ns) = (u32::MAX, MINUTE);
            });
            desk.book(0, &[(9_990, 50)], &[(10_010, 50)]);
            for nth in 1..=resting {
                says(&mut desk, 0, &format!("a{nth} sell 2 @ 10005 gtc"));
                desk.venue(nth, "accepted");
            }
            let own = 2 * resting as i64;
            desk.book(0, &[(9_990, 50)], &[(10_005, own), (10_010, 50)]).outputs.clear();
            says(&mut desk, 1, &format!("b buy 20 @ 10010 {tif}"));
            let cancels: Vec<_> = (1..=resting).map(|nth| format!("v0 cancel #{nth}")).collect();
            let cancels: Vec<_> = cancels.iter().map(String::as_str).collect();
            if makes_way {
                desk.sent(&cancels);
                continue;
            }
            desk.sent(&[]);
            if tif == "gtc" {
                assert_eq!(waits(&mut desk, resting + 1), Waiting::OwnOrder);
                // The cancels of older orders cost nothing.
                desk.now.0 += 6_000 * MS;
                desk.wait_ns(100 * MS).sent(&cancels);
            }
        }
    }
}

#[test]
fn an_order_makes_way_only_if_it_and_the_other_one_have_room_at_the_venue() {
    // The resting order has used one.
    for (orders, makes_way) in [(2, false), (3, true)] {
        let mut desk = rests_alone(&["x", "y"], 4);
        desk.venue_terms(0, |terms| terms.rate_orders = orders);
        desk.outputs.clear();
        says(&mut desk, 1, "b buy 10 @ 10010 gtc");
        if makes_way {
            desk.sent(&["v0 cancel #1"]).venue(1, "done 0");
            desk.sent(&["v0 new buy 10 @ 10010 Ioc #2", "v0 new sell 4 @ 10005 Gtc #3"]);
        } else {
            desk.sent(&[]);
            assert_eq!(waits(&mut desk, 2), Waiting::OwnOrder);
        }
    }
}
