//! Resting orders are worked: called back to take what another venue offers, never more out than
//! was ordered, and without a word to the client but the executions.

use rutter_core::child::ChildState;
use rutter_core::engine::{HOLD_NS, MOVE_WINDOW_NS, MOVES_PER_WINDOW_MAX};
use rutter_core::id::{OrderId, VenueId};
use rutter_core::input::*;
use rutter_core::number::{FeePpm, Qty};
use rutter_core::resting::{OFFER_AGE_NS, OFFER_CLOSED_NS};
use rutter_core::waiting::Waiting;

use crate::desk::{Desk, HALT, PAIR};
use crate::waiting::{looks, waits};
use rutter_test_support::reference;

const V0: VenueId = VenueId(0);
const V1: VenueId = VenueId(1);

/// Two venues without offers within 100.00; orders rest at the first, whose maker fee is lower.
fn desk() -> Desk {
    let mut desk = Desk::with_venues(2);
    desk.listing(V0, |listing| listing.maker_fee = FeePpm(0));
    for venue in [0, 1] {
        desk.venue_terms(venue, |terms| terms.stale_after_ns = u64::MAX / 2);
        desk.book(venue, &[(9_990, 50)], &[(10_010, 50)]);
    }
    desk
}

/// As [`desk`], with an order that rests.
fn resting(words: &str) -> Desk {
    let mut desk = desk();
    desk.client(words).venue(1, "accepted").outputs.clear();
    desk
}

/// A buy of 10 at 100.00 that rests at the first venue.
fn buy() -> Desk {
    resting("a buy 10 @ 10000 gtc")
}

/// The second venue offers so much at a price, for long enough.
fn offers(desk: &mut Desk, price: i64, qty: i64) -> &mut Desk {
    desk.book(1, &[(9_990, 50)], &[(price, qty)]).wait_ns(OFFER_AGE_NS)
}

/// A buy that is being called back, for an offer of 4 at 99.95.
fn moving() -> Desk {
    let mut desk = buy();
    offers(&mut desk, 9_995, 4).sent(&["v0 cancel #1"]);
    assert_eq!(waits(&mut desk, 1), Waiting::Moving);
    desk
}

#[test]
fn a_resting_order_takes_what_another_venue_offers_and_rests_again_with_the_rest() {
    let mut desk = moving();
    desk.venue(1, "done 0").sent(&["v1 new buy 4 @ 9995 Ioc #2", "v0 new buy 6 @ 10000 Gtc #3"]);
    desk.venue(2, "fill 4 @ 9995").client_saw(&["a trade 4 @ 9995 leaves 6"]);
    assert_eq!(waits(&mut desk, 1), Waiting::Nothing);
    desk.wait_ns(HOLD_NS).sent(&[]);
}

#[test]
fn a_sell_is_worked_as_a_buy_is() {
    let mut desk = resting("a sell 10 @ 10000 gtc");
    desk.book(1, &[(10_005, 20)], &[(10_020, 5)]).wait_ns(OFFER_AGE_NS).sent(&["v0 cancel #1"]);
    desk.venue(1, "done 0").sent(&["v1 new sell 10 @ 10005 Ioc #2"]).client_saw(&[]);
}

#[test]
fn a_lone_flicker_and_an_offer_beyond_the_limit_move_nothing() {
    let mut desk = buy();
    desk.book(1, &[(9_980, 50)], &[(9_995, 4)]);
    desk.now.0 += OFFER_AGE_NS / 2;
    desk.book(1, &[(9_990, 50)], &[(10_010, 50)]);
    desk.wait_ns(OFFER_AGE_NS).sent(&[]);
    offers(&mut desk, 10_001, 4).wait_ns(OFFER_AGE_NS).sent(&[]);
    assert_eq!(desk.engine.order(OrderId(1)).map(|o| o.waiting), Some(Waiting::Nothing));
}

#[test]
fn only_what_is_needed_of_several_children_is_called_back() {
    let mut desk = desk();
    desk.listing(V0, |listing| (listing.maker_fee, listing.qty_max) = (FeePpm(0), Qty(5)));
    desk.client("a buy 12 @ 10000 gtc");
    for child in 1..=3 {
        desk.venue(child, "accepted");
    }
    desk.sent(&[
        "v0 new buy 5 @ 10000 Gtc #1",
        "v0 new buy 5 @ 10000 Gtc #2",
        "v0 new buy 2 @ 10000 Gtc #3",
    ]);
    // The smallest child that suffices.
    offers(&mut desk, 9_995, 2).sent(&["v0 cancel #3"]);
    desk.venue(3, "done 0").sent(&["v1 new buy 2 @ 9995 Ioc #4"]).venue(4, "fill 2 @ 9995");
    // Two children; the freed quantity goes when both have ended.
    desk.wait_ns(HOLD_NS);
    offers(&mut desk, 9_995, 8).sent(&["v0 cancel #2", "v0 cancel #1"]);
    desk.venue(1, "done 0").sent(&[]);
    assert_eq!(waits(&mut desk, 1), Waiting::Moving);
    desk.venue(2, "done 0");
    desk.sent(&["v1 new buy 8 @ 9995 Ioc #5", "v0 new buy 2 @ 10000 Gtc #6"]);
}

#[test]
fn one_offer_calls_back_no_more_orders_than_it_can_fill() {
    let mut desk = desk();
    desk.venue_terms(0, |terms| {
        (terms.unanswered_max, terms.stale_after_ns) = (100, u64::MAX / 2);
    });
    for (child, id) in ["a", "b", "c"].iter().enumerate() {
        desk.client(&format!("{id} buy 10 @ 10000 gtc")).venue(child as u64 + 1, "accepted");
    }
    desk.outputs.clear();
    // The oldest of equals first; what it leaves is for the next one.
    offers(&mut desk, 9_995, 14).sent(&["v0 cancel #1", "v0 cancel #2"]);
    desk.wait_ns(OFFER_AGE_NS).sent(&[]);
    desk.venue(1, "done 0").sent(&["v1 new buy 10 @ 9995 Ioc #4"]);
    desk.venue(2, "done 0").sent(&["v1 new buy 4 @ 9995 Ioc #5", "v0 new buy 6 @ 10000 Gtc #6"]);
    // Nothing is left of the offer for the third.
    desk.wait_ns(OFFER_AGE_NS).wait_ns(HOLD_NS).sent(&[]);
}

#[test]
fn nothing_moves_without_a_gain_or_without_room_for_a_cancel_and_a_new_order() {
    type Change = fn(&mut Desk);
    let cases: [(&str, Change); 9] = [
        ("below the venue's minimum", |desk| {
            desk.listing(V1, |listing| listing.qty_min = Qty(5));
        }),
        ("drained", |desk| {
            desk.operator(OperatorCommand::DrainVenue(V1));
        }),
        ("halted", |desk| {
            desk.operator(OperatorCommand::Halt(Scope::Venue(V1)));
        }),
        ("down", |desk| {
            desk.input(Input::VenueDown(V1, VenueDownReason::LinkLost));
        }),
        ("our own order", |desk| {
            desk.instructed("s sell 4 @ 9995 gtc", |new| new.instructions.only = Some(V1));
            desk.outputs.clear();
        }),
        ("no funds", |desk| {
            let (venue, asset) = (V1, crate::desk::USD);
            desk.input(Input::Balance { venue, asset, total: rutter_core::number::Amount(0) });
        }),
        ("no room at the venue that offers", |desk| {
            desk.venue_terms(1, |terms| {
                (terms.unanswered_max, terms.stale_after_ns) = (0, u64::MAX / 2);
            });
        }),
        ("no room where the rest would rest", |desk| {
            desk.venue_terms(0, |terms| {
                (terms.unanswered_max, terms.stale_after_ns) = (0, u64::MAX / 2);
            });
        }),
        ("the venue wants no cancels now", |desk| {
            desk.client("b buy 1 @ 9000 gtc").venue(2, "accepted").client("cancel b");
            desk.venue(2, "cancel-rejected RateLimit 900000000000").outputs.clear();
        }),
    ];
    for (why, change) in cases {
        let mut desk = buy();
        change(&mut desk);
        desk.book(1, &[(9_980, 50)], &[(9_995, 4)]);
        for _ in 0..50 {
            desk.wait_ns(OFFER_AGE_NS);
        }
        let child = desk.child(1);
        assert_eq!((child.state(), child.cancel_wanted), (ChildState::Live, false), "{why}");
    }
    let mut desk = buy();
    let distrusted = Distrust::Gap;
    desk.book(1, &[(9_980, 50)], &[(9_995, 4)]);
    desk.input(Input::BookDistrusted { venue: V1, instrument: PAIR, reason: distrusted });
    desk.wait_ns(OFFER_AGE_NS).sent(&[]);
}

/// As [`desk`], where the first venue takes three messages in ten seconds, of which one is kept for
/// cancels that are no moves.
fn limited() -> Desk {
    let mut desk = desk();
    let ten_seconds = 10_000_000_000;
    let messages = WindowDef {
        counted: Counted::Messages,
        reserved: 1,
        cancel: 1,
        ..WindowDef::orders(3, ten_seconds)
    };
    desk.input(Input::Budget(BudgetDef::new(V0, 0, &[messages]).expect("few windows")));
    desk.client("a buy 10 @ 10000 gtc").venue(1, "accepted");
    desk
}

#[test]
fn a_move_waits_for_room_in_the_venues_limits_and_leaves_what_is_kept_for_other_cancels() {
    let mut desk = limited();
    desk.client("b buy 1 @ 9000 gtc").venue(2, "accepted").outputs.clear();
    offers(&mut desk, 9_995, 4).sent(&[]);
    assert_eq!(waits(&mut desk, 1), Waiting::VenueLimit);
    // The room that is left is for this one.
    desk.client("cancel b").sent(&["v0 cancel #2"]).venue(2, "done 0");
    desk.wait_ns(9 * HOLD_NS).sent(&[]);
    assert_eq!(
        (waits(&mut desk, 1), desk.child(1).state()),
        (Waiting::VenueLimit, ChildState::Live)
    );
    desk.wait_ns(HOLD_NS).wait_ns(OFFER_AGE_NS).wait_ns(OFFER_AGE_NS).sent(&["v0 cancel #1"]);
    assert_eq!(waits(&mut desk, 1), Waiting::Moving);
    desk.venue(1, "done 0").sent(&["v1 new buy 4 @ 9995 Ioc #3", "v0 new buy 6 @ 10000 Gtc #4"]);
    assert_eq!(waits(&mut desk, 1), Waiting::Nothing);
}

#[test]
fn a_move_with_room_for_its_cancel_goes_at_once() {
    let mut desk = limited();
    desk.outputs.clear();
    offers(&mut desk, 9_995, 10).sent(&["v0 cancel #1"]);
}

/// Two cancels are needed, and the venue's limits hold one beside what is kept.
#[test]
fn cancels_that_a_move_needs_together_wait_until_all_of_them_have_room() {
    let mut desk = limited();
    desk.listing(V0, |listing| (listing.maker_fee, listing.qty_max) = (FeePpm(0), Qty(9)));
    desk.listing(V1, |listing| listing.qty_min = Qty(5));
    desk.client("b buy 10 @ 10000 gtc").client("cancel a").venue(1, "done 0").outputs.clear();
    desk.wait_ns(11 * HOLD_NS);
    desk.outputs.clear();
    for child in [2, 3] {
        desk.venue(child, "accepted");
    }
    offers(&mut desk, 9_995, 10).sent(&[]);
    assert_eq!(waits(&mut desk, 2), Waiting::VenueLimit);
    desk.wait_ns(11 * HOLD_NS).wait_ns(OFFER_AGE_NS).sent(&["v0 cancel #2", "v0 cancel #3"]);
}

#[test]
fn a_venue_that_gets_room_again_is_taken_from_without_a_change_of_its_book() {
    let mut desk = buy();
    desk.operator(OperatorCommand::DrainVenue(V1));
    offers(&mut desk, 9_995, 4).wait_ns(10 * HOLD_NS).sent(&[]);
    desk.operator(OperatorCommand::EnableVenue(V1)).wait_ns(OFFER_CLOSED_NS);
    desk.sent(&["v0 cancel #1"]);
}

#[test]
fn a_fill_on_the_way_leaves_less_to_move_and_a_whole_one_ends_the_move() {
    let mut desk = moving();
    desk.venue(1, "fill 7 @ 10000").venue(1, "done 7").sent(&["v1 new buy 3 @ 9995 Ioc #2"]);
    desk.client_saw(&["a trade 7 @ 10000 leaves 3"]);

    let mut desk = moving();
    desk.venue(1, "fill 10 @ 10000").client_saw(&["a trade 10 @ 10000 leaves 0"]);
    desk.venue(1, "cancel-rejected").wait_ns(HOLD_NS).sent(&[]).position(10);
    assert_eq!(desk.engine.open_orders(), 0);

    // The venue tells the end before its executions: nothing is sent before they are known.
    let mut desk = moving();
    desk.venue(1, "done 7").sent(&["v0 query #1"]);
    assert_eq!(waits(&mut desk, 1), Waiting::Nothing);
    desk.venue(1, "fill 7 @ 10000").sent(&["v1 new buy 3 @ 9995 Ioc #2"]);
}

#[test]
fn a_refused_cancel_ends_the_move_and_the_child_stays() {
    let mut desk = moving();
    desk.venue(1, "cancel-rejected").sent(&["v0 query #1"]);
    assert_eq!(waits(&mut desk, 1), Waiting::Nothing);
    desk.venue(1, "open 0").sent(&[]).client_saw(&[]);
    assert_eq!(desk.child(1).state(), ChildState::Live);
    // Later it is tried again, while the offer stands.
    desk.wait_ns(HOLD_NS).wait_ns(OFFER_AGE_NS).sent(&["v0 cancel #1"]);
}

#[test]
fn a_clients_cancel_on_the_way_ends_the_order() {
    let mut desk = moving();
    desk.client("cancel a").sent(&[]).client_saw(&["a canceling"]);
    desk.venue(1, "done 0").sent(&[]).client_saw(&["a Canceled ClientRequest filled 0"]);

    // The venue refuses the cancel that was sent for the move: another one is sent for the client.
    let mut desk = moving();
    desk.client("cancel a").venue(1, "cancel-rejected").venue(1, "open 0");
    desk.sent(&["v0 query #1", "v0 cancel #1"]).venue(1, "done 0");
    desk.client_saw(&["a canceling", "a Canceled ClientRequest filled 0"]);
}

#[test]
fn a_replace_on_the_way_is_carried_out() {
    // Covered by the child: more quantity.
    let mut desk = moving();
    desk.client("replace a buy 12 @ 10000 gtc").sent(&[]);
    desk.venue(1, "done 0").sent(&["v1 new buy 4 @ 9995 Ioc #2", "v0 new buy 8 @ 10000 Gtc #3"]);
    // Not covered: a limit that the offer is beyond.
    let mut desk = moving();
    desk.client("replace a buy 10 @ 9980 gtc").sent(&[]);
    desk.venue(1, "done 0").sent(&["v1 new buy 10 @ 9980 Gtc #2"]).venue(2, "accepted");
    desk.wait_ns(HOLD_NS).wait_ns(HOLD_NS).sent(&[]);
}

#[test]
fn the_venue_that_is_left_goes_down_on_the_way() {
    let mut desk = moving();
    desk.input(Input::VenueDown(V0, VenueDownReason::LinkLost)).sent(&["v0 query #1"]);
    assert_eq!(waits(&mut desk, 1), Waiting::Nothing);
    desk.wait_ns(HOLD_NS).sent(&[]).input(Input::VenueUp(V0));
    for (news, sent) in [
        ("open 0", &[][..]),
        ("gone 0", &["v1 new buy 4 @ 9995 Ioc #2", "v0 new buy 6 @ 10000 Gtc #3"]),
    ] {
        desk.venue(1, news).sent(sent);
    }
}

#[test]
fn the_venue_that_offers_goes_down_on_the_way() {
    let mut desk = moving();
    desk.input(Input::VenueDown(V1, VenueDownReason::LinkLost));
    desk.venue(1, "done 0").sent(&["v0 new buy 10 @ 10000 Gtc #2"]).client_saw(&[]);
}

#[test]
fn a_restart_on_the_way_queries_and_sends_nothing_twice() {
    let mut desk = moving();
    desk.input(Input::NodeStarted).sent(&["v0 query #1"]);
    for venue in [0, 1] {
        desk.input(Input::VenueUp(VenueId(venue)));
        desk.book(venue, &[(9_990, 50)], &[(10_010, 50)]);
    }
    desk.venue(1, "gone 0").sent(&["v0 new buy 10 @ 10000 Gtc #2"]).client_saw(&[]);
}

#[test]
fn a_halt_on_the_way_wins() {
    let mut desk = moving();
    desk.operator(HALT).sent(&[]).venue(1, "done 0").sent(&[]);
    desk.client_saw(&["a Canceled KillSwitch filled 0"]);

    // A halt of the venue that is left: its refusal of the cancel does not end the calling back.
    let mut desk = moving();
    desk.operator(OperatorCommand::Halt(Scope::Venue(V0)));
    desk.venue(1, "cancel-rejected").venue(1, "open 0").sent(&["v0 query #1", "v0 cancel #1"]);
    desk.venue(1, "done 0").sent(&["v1 new buy 4 @ 9995 Ioc #2", "v1 new buy 6 @ 10000 Gtc #3"]);
}

#[test]
fn an_order_moves_a_bounded_number_of_times_a_minute_and_says_so() {
    let mut desk = buy();
    let mut moves = 0;
    let mut child = 1;
    desk.now.0 += MOVE_WINDOW_NS;
    for _ in 0..50 {
        // The offer is gone each time when the order comes.
        offers(&mut desk, 9_995, 4);
        if desk.child(child).state() == ChildState::PendingCancel {
            moves += 1;
            desk.book(1, &[(9_990, 50)], &[(10_010, 50)]).venue(child, "done 0");
            child += 1;
            desk.venue(child, "accepted");
        }
        desk.book(1, &[(9_990, 50)], &[(10_010, 50)]).wait_ns(HOLD_NS);
    }
    assert_eq!(moves, MOVES_PER_WINDOW_MAX);
    assert_eq!(waits(&mut desk, 1), Waiting::MoveLimit);
    desk.wait_ns(MOVE_WINDOW_NS);
    assert_eq!(waits(&mut desk, 1), Waiting::Nothing);
    offers(&mut desk, 9_995, 4);
    assert_eq!(desk.child(child).state(), ChildState::PendingCancel, "a new minute");
}

/// A slot of the table is used again by an order that has not moved at all.
#[test]
fn an_order_does_not_inherit_the_moves_of_one_that_is_over() {
    let genesis = Genesis { orders_log2: 4, ..reference::genesis() };
    let mut desk = Desk::with_tables(2, &genesis);
    desk.listing(V0, |listing| listing.maker_fee = FeePpm(0));
    for venue in [0, 1] {
        desk.venue_terms(venue, |terms| terms.stale_after_ns = u64::MAX / 2);
        desk.book(venue, &[(9_990, 50)], &[(10_010, 50)]);
    }
    desk.now.0 += MOVE_WINDOW_NS;
    desk.client("a buy 10 @ 10000 gtc").venue(1, "accepted");
    let mut child = 1;
    for _ in 0..MOVES_PER_WINDOW_MAX {
        offers(&mut desk, 9_995, 4).book(1, &[(9_990, 50)], &[(10_010, 50)]);
        desk.venue(child, "done 0");
        child += 1;
        desk.venue(child, "accepted").wait_ns(HOLD_NS).wait_ns(HOLD_NS);
    }
    // Another limit, and the end before a child is sent again.
    desk.client("replace a buy 10 @ 9980 gtc");
    desk.operator(OperatorCommand::DrainVenue(V0)).operator(OperatorCommand::DrainVenue(V1));
    desk.venue(child, "done 0").operator(OperatorCommand::Cancel(OrderId(1)));
    assert_eq!(desk.engine.open_orders(), 0);
    desk.operator(OperatorCommand::EnableVenue(V0)).operator(OperatorCommand::EnableVenue(V1));
    for nth in 2..=16_u64 {
        desk.client(&format!("o{nth} buy 1 @ 9000 gtc")).venue(child + nth - 1, "accepted");
        desk.client(&format!("cancel o{nth}")).venue(child + nth - 1, "done 0");
    }
    let child = child + 16;
    desk.client("z buy 10 @ 10000 gtc").venue(child, "accepted").outputs.clear();
    offers(&mut desk, 9_995, 4).sent(&[&format!("v0 cancel #{child}")]);
}

/// However many orders rest, a change of a book looks at none that it does not concern.
#[test]
fn a_book_beyond_the_limits_of_the_resting_orders_costs_no_look() {
    let mut desk = desk();
    desk.routing(|terms| terms.moving = Moving::Never);
    for nth in 0..300_u64 {
        desk.now.0 += 1_000_000_000;
        desk.client(&format!("o{nth} buy 1 @ {} gtc", 9_900 + nth % 90));
        desk.venue(nth + 1, "accepted");
    }
    let mut update = BookUpdate { venue: V1, last: true, ..BookUpdate::default() };
    for price in 10_000..10_008 {
        update.push(Side::Sell, Level { price: rutter_core::number::Price(price), qty: Qty(5) });
    }
    assert_eq!(looks(&mut desk, &Input::Book(update)), 0);
    assert!(desk.engine.next_timer().is_none_or(|at| at.0 > desk.now.0 + OFFER_AGE_NS));
}
