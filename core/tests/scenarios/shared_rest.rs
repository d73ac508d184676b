//! Orders that wait for a busy venue rest in one child: what each gets of its fills, and what
//! becomes of the others when one of them leaves.

use rutter_core::child::{ChildState, Role};
use rutter_core::engine::{REGROUPS_PER_WINDOW_MAX, RESOLVE_AFTER_NS};
use rutter_core::id::{AccountId, ChildId, SessionId, VenueId};
use rutter_core::input::*;
use rutter_core::number::{Amount, FeePpm, Price, Qty};
use rutter_core::output::{Notice, Output};
use rutter_core::resting::OFFER_AGE_NS;
use rutter_core::waiting::Waiting;

use crate::desk::{Desk, HALT, USD, text};
use crate::shared::{self, from, order_of};
use crate::waiting::waits;

const SECOND: u64 = 1_000_000_000;

/// Whether the first venue reduces an order in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Venue {
    Amends,
    OnlyCancels,
}

const BOTH: [Venue; 2] = [Venue::Amends, Venue::OnlyCancels];

fn desk(venues: u8, venue: Venue) -> Desk {
    let mut desk = shared::desk(venues);
    if venue == Venue::Amends {
        let young = [AgeStep::default(); AGE_STEPS_MAX];
        let (venue, amending) = (VenueId(0), Amending::ReduceKeepsPriority);
        desk.input(Input::Amend(AmendDef { venue, amending, points: 1, young }));
    }
    desk
}

/// Two orders of two accounts wait at a limit that takes nothing, and go in child 2 when the venue
/// has answered the first order. Their parts are the children 3 and 4.
fn resting(venue: Venue) -> Desk {
    let mut desk = desk(1, venue);
    together(&mut desk);
    desk
}

fn together(desk: &mut Desk) {
    desk.client("a buy 5 @ 10010 ioc").client("b buy 4 @ 10000 gtc");
    from(desk, 1, "c buy 6 @ 10000 gtc");
    desk.outputs.clear();
    desk.venue(1, "fill 5 @ 10010").sent(&["v0 new buy 10 @ 10000 Gtc #2"]);
    desk.venue(2, "accepted").outputs.clear();
}

/// As [`resting`], with a third order, of 2.
fn three(venue: Venue) -> Desk {
    let mut desk = desk(1, venue);
    desk.client("a buy 5 @ 10010 ioc").client("b buy 4 @ 10000 gtc");
    from(&mut desk, 1, "c buy 6 @ 10000 gtc");
    desk.client("d buy 2 @ 10000 gtc").outputs.clear();
    desk.venue(1, "fill 5 @ 10010").sent(&["v0 new buy 12 @ 10000 Gtc #2"]);
    desk.venue(2, "accepted").outputs.clear();
    desk
}

fn filled(desk: &Desk, orders: &[u64]) -> Vec<i64> {
    orders.iter().map(|id| order_of(desk, *id).filled.0).collect()
}

/// The only child that is sent while something happens.
fn sent_alone(desk: &mut Desk, happens: impl FnOnce(&mut Desk)) -> u64 {
    happens(desk);
    let sent: Vec<_> = (desk.outputs.iter())
        .filter_map(|output| match output {
            Output::SendNew(new) => Some(new.child.0),
            _ => None,
        })
        .collect();
    assert_eq!(sent.len(), 1, "{sent:?}");
    sent[0]
}

/// Nothing is at the venue, and nothing is bound.
fn is_settled(desk: &Desk) {
    assert_eq!(desk.engine.open_orders(), 0);
    let funds = desk.engine.ledger().funds(VenueId(0), USD);
    assert_eq!(funds.reserved, Amount(0));
}

#[test]
fn orders_that_wait_for_room_rest_in_one_child_and_share_its_fills_in_proportion() {
    for venue in BOTH {
        let mut desk = resting(venue);
        assert_eq!([2, 3].map(|id| order_of(&desk, id).at_venues.0), [4, 6]);
        assert_eq!([2, 3].map(|id| waits(&mut desk, id)), [Waiting::Nothing; 2]);
        desk.outputs.clear();
        desk.venue(2, "fill 3 @ 10000");
        desk.client_saw(&["b trade 1 @ 10000 leaves 3", "c trade 2 @ 10000 leaves 4"]);
        desk.venue(2, "fill 7 @ 10000").sent(&[]);
        desk.client_saw(&["b trade 3 @ 10000 leaves 0", "c trade 4 @ 10000 leaves 0"]);
        is_settled(&desk);
    }
}

#[test]
fn only_orders_of_one_limit_rest_together() {
    let mut desk = desk(1, Venue::Amends);
    desk.client("a buy 5 @ 10010 ioc").client("b buy 4 @ 10000 gtc");
    from(&mut desk, 1, "c buy 6 @ 10001 gtc");
    desk.client("d buy 1 @ 10000").client("e buy 2 @ 10000 ioc").outputs.clear();
    // A day order and one that is good till it is cancelled rest alike; an IOC order never rests.
    desk.venue(1, "fill 5 @ 10010").sent(&["v0 new buy 5 @ 10000 Gtc #2"]);
    desk.venue(2, "accepted").sent(&["v0 new buy 6 @ 10001 Gtc #5"]);
}

#[test]
fn accounts_that_move_by_different_rules_or_let_others_pass_or_not_do_not_rest_together() {
    let apart = |change: fn(&mut Desk)| {
        let mut desk = desk(1, Venue::Amends);
        change(&mut desk);
        desk.client("a buy 5 @ 10010 ioc").client("b buy 4 @ 10000 gtc");
        from(&mut desk, 1, "c buy 6 @ 10000 gtc");
        desk.outputs.clear();
        desk.venue(1, "fill 5 @ 10010").sent(&["v0 new buy 4 @ 10000 Gtc #2"]);
    };
    apart(|desk| {
        desk.routing(|terms| terms.moving = Moving::Never);
    });
    apart(|desk| {
        let terms = OwnerDef::usual(AccountId(1), text("other"));
        desk.input(Input::Owner(OwnerDef { other_owners: OtherOwners::Protect, ..terms }));
    });
}

#[test]
fn where_the_venue_amends_a_cancel_of_one_leaves_the_others_their_place() {
    let mut desk = resting(Venue::Amends);
    desk.client("cancel b").sent(&["v0 reduce #2 to 6"]).client_saw(&["b canceling"]);
    assert_eq!(order_of(&desk, 2).at_venues, Qty(4), "it counts till the venue has answered");
    desk.venue(2, "amended 6").sent(&[]).client_saw(&["b Canceled ClientRequest filled 0"]);
    assert_eq!((desk.child(2).leaves(), desk.child(2).state()), (Qty(6), ChildState::Live));
    desk.venue(2, "fill 6 @ 10000").client_saw(&["c trade 6 @ 10000 leaves 0"]);
    is_settled(&desk);
}

#[test]
fn executions_that_cross_an_amend_go_to_those_that_stay() {
    let mut desk = resting(Venue::Amends);
    desk.client("cancel b").sent(&["v0 reduce #2 to 6"]).outputs.clear();
    desk.venue(2, "fill 3 @ 10000").client_saw(&["c trade 3 @ 10000 leaves 3"]);
    desk.venue(2, "amended 6").client_saw(&["b Canceled ClientRequest filled 0"]);
    desk.venue(2, "fill 3 @ 10000").client_saw(&["c trade 3 @ 10000 leaves 0"]);
    is_settled(&desk);
}

#[test]
fn what_is_filled_beyond_those_that_stay_is_of_the_one_that_leaves() {
    let mut desk = resting(Venue::Amends);
    desk.client("cancel b").outputs.clear();
    desk.venue(2, "fill 8 @ 10000");
    desk.client_saw(&["b trade 2 @ 10000 leaves 2", "c trade 6 @ 10000 leaves 0"]);
    // Nobody stays, so the rest is cancelled; the venue has ended the order meanwhile.
    desk.sent(&["v0 cancel #2"]);
    desk.venue(2, "done 8").sent(&[]).client_saw(&["b Canceled ClientRequest filled 2"]);
    is_settled(&desk);
    let mut desk = resting(Venue::Amends);
    desk.client("cancel b").outputs.clear();
    desk.venue(2, "fill 8 @ 10000").venue(2, "amended 6").venue(2, "done 8");
    assert_eq!(filled(&desk, &[2, 3]), [2, 6]);
    is_settled(&desk);
}

#[test]
fn a_replace_to_less_reduces_the_part_in_its_place() {
    let mut desk = resting(Venue::Amends);
    from(&mut desk, 1, "replace c buy 2 @ 10000 gtc");
    desk.sent(&["v0 reduce #2 to 6"]).outputs.clear();
    desk.venue(2, "fill 1 @ 10000").client_saw(&["b trade 1 @ 10000 leaves 3"]);
    desk.venue(2, "amended 6").sent(&[]);
    desk.client_saw(&["c is c-r4 2 @ 10000 leaves 2"]);
    desk.venue(2, "fill 5 @ 10000");
    assert_eq!(filled(&desk, &[2, 3]), [4, 2]);
    is_settled(&desk);
}

#[test]
fn a_replace_to_another_price_leaves_the_others_where_they_are() {
    let mut desk = resting(Venue::Amends);
    from(&mut desk, 1, "replace c buy 6 @ 9999 gtc");
    desk.sent(&["v0 reduce #2 to 4"]).outputs.clear();
    desk.venue(2, "amended 4").sent(&["v0 new buy 6 @ 9999 Gtc #5"]);
    assert_eq!(desk.child(2).leaves(), Qty(4));
}

#[test]
fn where_the_venue_only_cancels_the_others_are_told_and_rest_together_again() {
    let mut desk = three(Venue::OnlyCancels);
    desk.client("cancel b").sent(&["v0 cancel #2"]).client_saw(&["b canceling"]);
    assert_eq!([3, 4].map(|id| waits(&mut desk, id)), [Waiting::Moving; 2]);
    desk.outputs.clear();
    desk.venue(2, "fill 6 @ 10000");
    assert_eq!(filled(&desk, &[2, 3, 4]), [2, 3, 1]);
    desk.outputs.clear();
    desk.venue(2, "done 6").sent(&["v0 new buy 4 @ 10000 Gtc #6"]);
    desk.client_saw(&[
        "b Canceled ClientRequest filled 2",
        "c restated PlaceLost 6 leaves 3",
        "d restated PlaceLost 2 leaves 1",
    ]);
    desk.venue(6, "fill 4 @ 10000");
    assert_eq!(filled(&desk, &[2, 3, 4]), [2, 6, 2]);
    is_settled(&desk);
}

#[test]
fn an_order_that_has_lost_its_place_too_often_rests_alone() {
    let mut desk = desk(1, Venue::OnlyCancels);
    desk.account(|account| account.limits.rate_per_s = 1_000);
    desk.client("k buy 7 @ 10010 ioc").client("b buy 4 @ 10000 gtc");
    desk.client("n0 buy 1 @ 10000 gtc").outputs.clear();
    desk.venue(1, "fill 7 @ 10010").outputs.clear();
    let newest = |desk: &Desk| {
        let living = desk.engine.children().filter(|child| !child.state().is_over());
        let at_venue = living.filter(|child| child.role != Role::Part);
        let newest = at_venue.max_by_key(|child| child.id.0).expect("a child of b");
        (newest.id.0, newest.role)
    };
    for round in 0..REGROUPS_PER_WINDOW_MAX {
        let (child, role) = newest(&desk);
        assert_eq!(role, Role::Shared, "round {round}");
        // The venue has not answered, so the next order waits for room.
        desk.client(&format!("n{} buy 1 @ 10000 gtc", round + 1));
        desk.client(&format!("cancel n{round}")).venue(child, "done 0").outputs.clear();
    }
    let (child, role) = newest(&desk);
    assert_eq!((role, desk.child(child).leaves()), (Role::Own, Qty(4)));
    let last = format!("n{REGROUPS_PER_WINDOW_MAX}");
    desk.client(&format!("cancel {last}"));
    desk.client_saw_last(&format!("{last} Canceled ClientRequest filled 0"));
    assert_eq!(desk.child(child).state(), ChildState::Sent, "nobody takes its place");
}

#[test]
fn a_refused_amend_becomes_a_cancel_of_the_whole() {
    for reason in ["Other", "Late"] {
        let mut desk = resting(Venue::Amends);
        desk.client("cancel b").sent(&["v0 reduce #2 to 6"]).outputs.clear();
        desk.venue(2, &format!("amend-rejected {reason}")).sent(&["v0 cancel #2"]);
        desk.venue(2, "done 0").sent(&["v0 new buy 6 @ 10000 Gtc #5"]);
        desk.client_saw(&["b Canceled ClientRequest filled 0", "c restated PlaceLost 6 leaves 6"]);
    }
    let mut desk = resting(Venue::Amends);
    from(&mut desk, 1, "replace c buy 2 @ 10000 gtc");
    desk.venue(2, "amend-rejected").outputs.clear();
    desk.venue(2, "done 0").sent(&["v0 new buy 6 @ 10000 Gtc #5"]);
    assert_eq!([2, 3].map(|id| order_of(&desk, id).at_venues.0), [4, 2]);
}

#[test]
fn a_second_order_that_leaves_waits_for_the_answer_to_the_first_and_the_last_ones_go_at_once() {
    let mut desk = three(Venue::Amends);
    desk.client("cancel b").sent(&["v0 reduce #2 to 8"]);
    desk.client("cancel d").sent(&[]);
    desk.venue(2, "amended 8").sent(&["v0 reduce #2 to 6"]);
    from(&mut desk, 1, "cancel c");
    desk.sent(&["v0 cancel #2"]).outputs.clear();
    desk.venue(2, "done 0");
    desk.client_saw(&["c Canceled ClientRequest filled 0", "d Canceled ClientRequest filled 0"]);
    is_settled(&desk);
}

#[test]
fn a_cancel_before_the_venue_has_answered_waits_where_an_amend_keeps_the_others_place() {
    for (venue, at_once, then) in [
        (Venue::Amends, &[][..], &["v0 reduce #2 to 6"][..]),
        (Venue::OnlyCancels, &["v0 cancel #2"][..], &[][..]),
    ] {
        let mut desk = desk(1, venue);
        desk.client("a buy 5 @ 10010 ioc").client("b buy 4 @ 10000 gtc");
        from(&mut desk, 1, "c buy 6 @ 10000 gtc");
        desk.venue(1, "fill 5 @ 10010").sent_last("v0 new buy 10 @ 10000 Gtc #2");
        desk.client("cancel b").sent(at_once);
        desk.venue(2, "accepted").sent(then);
    }
}

#[test]
fn a_halt_of_all_calls_the_child_back_and_one_of_an_account_takes_its_part_out() {
    let mut desk = resting(Venue::Amends);
    desk.client("cancel b").sent(&["v0 reduce #2 to 6"]);
    desk.operator(HALT).sent(&["v0 cancel #2"]).outputs.clear();
    desk.venue(2, "done 0");
    desk.client_saw(&["b Canceled ClientRequest filled 0", "c Canceled KillSwitch filled 0"]);
    is_settled(&desk);
    let mut desk = resting(Venue::Amends);
    desk.operator(OperatorCommand::Halt(Scope::Account(AccountId(1))));
    desk.sent(&["v0 reduce #2 to 4"]).outputs.clear();
    desk.venue(2, "amended 4").client_saw(&["c Canceled KillSwitch filled 0"]);
    assert_eq!(order_of(&desk, 2).at_venues, Qty(4));
}

#[test]
fn a_mass_cancel_of_one_session_takes_its_orders_out_and_the_others_stay() {
    let mut desk = three(Venue::Amends);
    desk.input(Input::MassCancel(MassCancel {
        session: SessionId(0),
        client_seq: 90,
        cl_ord_id: text("m"),
        asked: b'7',
        scope: MassScope::default(),
        refusal: Refusal::None,
    }));
    // The second one waits for the answer to the first.
    desk.sent(&["v0 reduce #2 to 8"]);
    desk.venue(2, "amended 8").sent(&["v0 reduce #2 to 6"]).outputs.clear();
    desk.venue(2, "amended 6").client_saw(&["d Canceled MassCancel filled 0"]);
    assert_eq!(order_of(&desk, 3).at_venues, Qty(6));
}

#[test]
fn a_venue_that_is_halted_gives_its_child_back_and_the_orders_go_elsewhere() {
    for venue in BOTH {
        let mut desk = desk(2, venue);
        desk.listing(VenueId(1), |listing| listing.maker_fee = FeePpm(3_000));
        desk.client("a buy 5 @ 10010 ioc").client("x buy 5 @ 10010 ioc");
        desk.client("b buy 4 @ 10000 gtc");
        from(&mut desk, 1, "c buy 6 @ 10000 gtc");
        desk.outputs.clear();
        desk.venue(1, "fill 5 @ 10010").sent(&["v0 new buy 10 @ 10000 Gtc #3"]);
        desk.venue(3, "accepted").venue(2, "fill 5 @ 10010").outputs.clear();
        desk.operator(OperatorCommand::Halt(Scope::Venue(VenueId(0)))).sent(&["v0 cancel #3"]);
        desk.outputs.clear();
        desk.venue(3, "done 0").client_saw(&[]).sent(&["v1 new buy 10 @ 10000 Gtc #6"]);
    }
}

#[test]
fn an_unknown_outcome_is_asked_for_and_what_is_wanted_is_sent_again_when_the_child_is_open() {
    for restart in [false, true] {
        let mut desk = resting(Venue::OnlyCancels);
        desk.client("cancel b").sent(&["v0 cancel #2"]);
        if restart {
            desk.input(Input::NodeStarted);
        } else {
            desk.venue(2, "cancel-rejected");
        }
        desk.sent(&["v0 query #2"]);
        assert!([2, 3, 4].iter().all(|id| desk.child(*id).state() == ChildState::Unknown));
        assert_eq!(waits(&mut desk, 3), Waiting::Nothing, "it stays where it is");
        if restart {
            desk.venue(2, "open 0").sent(&[]);
            desk.input(Input::VenueUp(VenueId(0))).sent(&["v0 cancel #2"]);
        } else {
            desk.venue(2, "open 0").sent(&["v0 cancel #2"]);
        }
        desk.outputs.clear();
        desk.venue(2, "fill 5 @ 10000").venue(2, "done 5");
        assert_eq!(filled(&desk, &[2, 3]), [2, 3]);
        assert!(order_of(&desk, 2).state().is_over());
    }
}

#[test]
fn an_amend_whose_outcome_is_unknown_is_looked_at_when_the_venue_tells_the_child() {
    let mut desk = resting(Venue::Amends);
    desk.client("cancel b").sent(&["v0 reduce #2 to 6"]);
    desk.venue(2, "unsure").sent(&["v0 query #2"]);
    // The amend has been carried out.
    desk.venue(2, "amended 6").outputs.clear();
    desk.venue(2, "open 0").sent(&[]);
    assert_eq!((order_of(&desk, 2).state().is_over(), desk.child(2).qty), (true, Qty(6)));
    // The amend has not arrived.
    let mut desk = resting(Venue::Amends);
    desk.client("cancel b").venue(2, "unsure").outputs.clear();
    desk.venue(2, "open 0").sent(&["v0 reduce #2 to 6"]);
    desk.venue(2, "amended 6").client_saw_last("b Canceled ClientRequest filled 0");
}

#[test]
fn a_venue_that_refuses_each_cancel_keeps_the_child_and_the_client_is_told() {
    let mut desk = resting(Venue::OnlyCancels);
    desk.client("cancel b");
    for _ in 0..rutter_core::engine::CANCELS_MAX {
        desk.venue(2, "cancel-rejected").venue(2, "open 0");
    }
    let refused = desk.outputs.iter().filter(|output| {
        matches!(output, Output::CancelReject(reject) if reject.reason == Refusal::VenueRefused)
    });
    assert_eq!(refused.count(), 1);
    assert!(order_of(&desk, 2).is_working() && order_of(&desk, 3).is_working());
    desk.venue(2, "fill 10 @ 10000");
    assert_eq!(filled(&desk, &[2, 3]), [4, 6]);
    is_settled(&desk);
}

#[test]
fn operators_resolve_the_child_and_its_orders_go_on() {
    let mut desk = resting(Venue::Amends);
    desk.venue(2, "unsure").wait_ns(RESOLVE_AFTER_NS).outputs.clear();
    let (child, filled_qty, price) = (ChildId(2), Qty(5), Price(10_000));
    let resolution = Resolution { child, filled: filled_qty, price };
    desk.operator(OperatorCommand::Resolve(resolution)).operator_saw(&[(1, Refusal::None)]);
    assert_eq!(filled(&desk, &[2, 3]), [2, 3]);
    desk.sent(&["v0 new buy 5 @ 10000 Gtc #5"]);
}

#[test]
fn the_end_of_the_child_gives_each_order_its_rest_back_and_an_overfill_is_told() {
    let mut desk = resting(Venue::Amends);
    desk.venue(2, "fill 5 @ 10000").venue(2, "expired 5").sent(&["v0 new buy 5 @ 10000 Gtc #5"]);
    assert_eq!([2, 3].map(|id| order_of(&desk, id).at_venues.0), [2, 3]);
    desk.outputs.clear();
    desk.venue(5, "fill 7 @ 10000");
    let told = desk.notices();
    assert!(told.iter().any(|told| matches!(told, Notice::Overfill(_, _, Qty(2)))), "{told:?}");
    is_settled(&desk);
}

#[test]
fn a_venue_that_takes_off_more_than_was_asked_takes_it_from_those_that_came_last() {
    let mut desk = three(Venue::Amends);
    desk.client("cancel b").outputs.clear();
    desk.venue(2, "amended 5").client_saw(&["b Canceled ClientRequest filled 0"]);
    // What c has lost goes again at once; then the venue has no room for d.
    desk.sent(&["v0 new buy 1 @ 10000 Gtc #6"]);
    assert_eq!([3, 4].map(|id| order_of(&desk, id).at_venues.0), [6, 0]);
    desk.venue(6, "accepted").sent(&["v0 new buy 2 @ 10000 Gtc #7"]);
}

#[test]
fn an_offer_of_another_venue_calls_back_what_it_would_fill() {
    for (venue, sent) in
        [(Venue::Amends, "v0 reduce #3 to 6"), (Venue::OnlyCancels, "v0 cancel #3")]
    {
        let mut desk = desk(2, venue);
        desk.book(1, &[(9_991, 100)], &[]);
        desk.listing(VenueId(1), |listing| listing.maker_fee = FeePpm(3_000));
        desk.client("y sell 5 @ 9991 ioc").client("a buy 5 @ 10010 ioc");
        desk.client("b buy 4 @ 10000 gtc");
        from(&mut desk, 1, "c buy 6 @ 10000 gtc");
        desk.outputs.clear();
        let child = sent_alone(&mut desk, |desk| {
            desk.venue(2, "fill 5 @ 10010").venue(1, "fill 5 @ 9991");
        });
        assert_eq!((child, desk.child(child).role), (3, Role::Shared));
        desk.venue(3, "accepted").outputs.clear();
        desk.book(1, &[(9_990, 100)], &[(9_999, 4)]).wait_ns(OFFER_AGE_NS);
        desk.sent(&[sent]).outputs.clear();
        if venue == Venue::Amends {
            desk.venue(3, "amended 6").sent(&["v1 new buy 4 @ 9999 Ioc #6"]);
        } else {
            desk.venue(3, "done 0");
            assert_eq!(order_of(&desk, 4).at_venues.0 + order_of(&desk, 3).at_venues.0, 10);
        }
    }
}

/// An order to sell from an account of a third owner meets the two; behind them somebody else bids
/// at the same price.
fn meeting(venue: Venue, other_owners: OtherOwners) -> Desk {
    let mut desk = desk(1, venue);
    for (at, name) in [(0, "fund"), (1, "other")] {
        let terms = OwnerDef::usual(AccountId(at), text(name));
        desk.input(Input::Owner(OwnerDef { other_owners, ..terms }));
    }
    let mut account = rutter_test_support::reference::account(2, "third");
    account.busy_wait_ns = 60 * SECOND;
    desk.input(Input::Account(account));
    desk.input(Input::Session(rutter_test_support::reference::session(
        2,
        "THIRD",
        Some(AccountId(2)),
    )));
    desk.venue_terms(0, |terms| {
        (terms.unanswered_max, terms.stale_after_ns, terms.rate_orders) =
            (1, u64::MAX / 2, 100_000);
    });
    together(&mut desk);
    desk.venue_terms(0, |terms| {
        (terms.unanswered_max, terms.stale_after_ns, terms.rate_orders) =
            (9, u64::MAX / 2, 100_000);
    });
    desk.book(0, &[(10_000, 30), (9_990, 100)], &[(10_010, 100)]).outputs.clear();
    desk
}

#[test]
fn an_order_of_another_owner_passes_all_of_them_and_they_are_put_back() {
    for venue in BOTH {
        let mut desk = meeting(venue, OtherOwners::Yield);
        from(&mut desk, 2, "s sell 20 @ 10000 ioc");
        desk.sent(&["v0 cancel #2"]).outputs.clear();
        desk.venue(2, "done 0");
        let sent: Vec<_> = (desk.outputs.iter())
            .filter_map(|output| match output {
                Output::SendNew(new) => Some((new.side, new.qty.0)),
                _ => None,
            })
            .collect();
        assert_eq!(sent[0], (Side::Sell, 20), "{venue:?}: it goes first");
        let back: i64 =
            sent[1..].iter().filter(|(side, _)| *side == Side::Buy).map(|(_, qty)| qty).sum();
        assert_eq!(back, 10, "{venue:?}: {sent:?}");
        let lost = desk.outputs.iter().filter(|output| {
            matches!(output, Output::Report(report) if report.reason == Refusal::PlaceLost)
        });
        assert_eq!(lost.count(), 2, "each is told once");
    }
}

#[test]
fn nobody_passes_orders_that_are_protected() {
    let mut desk = meeting(Venue::Amends, OtherOwners::Protect);
    from(&mut desk, 2, "s sell 20 @ 10000 gtc");
    assert!(
        !desk.outputs.iter().any(|output| matches!(
            output,
            Output::SendCancel(_) | Output::SendReduce(_) | Output::SendNew(_)
        )),
        "{:?}",
        desk.outputs
    );
    assert_eq!(waits(&mut desk, 4), Waiting::OwnOrder);
}

#[test]
fn an_order_of_the_same_owner_ends_its_own_order_and_takes_it_out_of_the_child() {
    let mut desk = meeting(Venue::Amends, OtherOwners::Protect);
    desk.client("s sell 20 @ 10000 gtc");
    assert_eq!(waits(&mut desk, 4), Waiting::OwnOrder, "the other one stays");
    let mut desk = meeting(Venue::Amends, OtherOwners::Yield);
    desk.client("s sell 20 @ 10000 ioc").sent(&["v0 cancel #2"]).outputs.clear();
    desk.venue(2, "done 0")
        .client_saw(&["b Canceled SelfMatchResting filled 0", "c restated PlaceLost 6 leaves 6"]);
}

#[test]
fn both_lose_the_smaller_quantity_where_the_owner_wants_that() {
    let mut desk = meeting(Venue::OnlyCancels, OtherOwners::Yield);
    let terms = OwnerDef::usual(AccountId(0), text("fund"));
    desk.input(Input::Owner(OwnerDef { self_match: SelfMatchPolicy::Decrement, ..terms }));
    desk.client("s sell 20 @ 10000 ioc").outputs.clear();
    desk.venue(2, "done 0");
    // b loses its 4 and is over, s goes on with 16.
    assert!(order_of(&desk, 2).state().is_over());
    assert_eq!(order_of(&desk, 4).qty, Qty(16));
    assert_eq!(order_of(&desk, 3).leaves(), Qty(6));
}

#[test]
fn executions_are_shared_out_in_whole_lots_of_the_venue() {
    let mut desk = desk(1, Venue::Amends);
    desk.listing(VenueId(0), |listing| listing.lot = Qty(5));
    desk.client("a buy 5 @ 10010 ioc").client("b buy 10 @ 10000 gtc");
    from(&mut desk, 1, "c buy 20 @ 10000 gtc");
    desk.outputs.clear();
    desk.venue(1, "fill 5 @ 10010").sent(&["v0 new buy 30 @ 10000 Gtc #2"]);
    desk.venue(2, "fill 10 @ 10000");
    // A third of two lots and two thirds of them.
    assert_eq!(filled(&desk, &[2, 3]), [5, 5]);
    desk.venue(2, "fill 7 @ 10000");
    assert_eq!(filled(&desk, &[2, 3]).iter().sum::<i64>(), 17);
    desk.venue(2, "fill 13 @ 10000");
    assert_eq!(filled(&desk, &[2, 3]), [10, 20]);
    is_settled(&desk);
}

#[test]
fn a_better_place_to_wait_moves_the_orders_of_a_child_and_tells_nobody() {
    let mut desk = desk(2, Venue::Amends);
    for account in [0, 1] {
        let account = AccountId(account);
        let usual = RoutingDef::usual(account);
        let terms = RoutingDef { moving: Moving::Better, move_gain_ppm: 1, ..usual };
        desk.input(Input::Routing(terms));
    }
    desk.listing(VenueId(1), |listing| listing.maker_fee = FeePpm(3_000));
    desk.client("y sell 5 @ 9990 ioc").client("x sell 5 @ 9990 ioc").client("b buy 4 @ 10000 gtc");
    from(&mut desk, 1, "c buy 6 @ 10000 gtc");
    desk.outputs.clear();
    let child = sent_alone(&mut desk, |desk| {
        desk.venue(1, "fill 5 @ 9990").venue(2, "fill 5 @ 9990");
    });
    assert_eq!(desk.child(child).venue, VenueId(0));
    desk.venue(child, "accepted").outputs.clear();
    desk.listing(VenueId(1), |listing| listing.maker_fee = FeePpm(0));
    desk.wait_ns(2 * SECOND);
    desk.sent(&["v0 reduce #3 to 6", "v0 cancel #3"]);
    assert_eq!([3, 4].map(|id| waits(&mut desk, id)), [Waiting::Moving; 2]);
    desk.outputs.clear();
    desk.venue(3, "amended 6").sent(&["v1 new buy 4 @ 10000 Gtc #6"]);
    desk.venue(6, "accepted").venue(3, "done 0").sent(&["v1 new buy 6 @ 10000 Gtc #7"]);
    let told = desk.outputs.iter().filter(|output| matches!(output, Output::Report(_)));
    assert_eq!(told.count(), 0, "a move is no news for the client");
}
