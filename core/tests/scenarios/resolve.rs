//! Scenarios of children whose venue does not tell their outcome: how often the venue is asked,
//! what an operator may state in its place, and what becomes of news that comes after that.

use crate::desk::{Desk, PAIR};
use rutter_core::child::ChildState;
use rutter_core::engine::{QUERY_AGAIN_MAX_NS, QUERY_AGAIN_NS, RESOLVE_AFTER_NS};
use rutter_core::id::{AccountId, ChildId, ExecId, VenueId};
use rutter_core::input::{Input, OperatorCommand, Refusal, Resolution, VenueDownReason};
use rutter_core::number::{Amount, Price, Qty, UnixNanos};
use rutter_core::output::{ChildEnd, Notice, Output, Report};

fn resolve(child: u64, filled: i64, price: i64) -> OperatorCommand {
    let (child, filled, price) = (ChildId(child), Qty(filled), Price(price));
    OperatorCommand::Resolve(Resolution { child, filled, price })
}

/// One venue, and an order of 10 whose child is unknown for long enough.
fn desk(order: &str) -> Desk {
    let mut desk = Desk::with_venues(1);
    desk.book(0, &[(9_990, 1)], &[(10_010, 50)]);
    desk.client(order).venue(1, "unsure").wait_ns(RESOLVE_AFTER_NS);
    desk.book(0, &[(9_990, 1)], &[(10_010, 50)]);
    desk.outputs.clear();
    desk
}

/// As [`desk`], with an order of 10 that rests.
fn resting() -> Desk {
    desk("a buy 10 @ 10000 gtc")
}

/// What was told of reconciliations: quantity and price of the execution, part of it that was
/// stated, and the stated price.
fn reconciled(desk: &mut Desk) -> Vec<(i64, i64, i64, i64)> {
    let of = |notice: Notice| match notice {
        Notice::Reconciled(fill, same, price) => Some((fill.qty.0, fill.price.0, same.0, price.0)),
        _ => None,
    };
    desk.notices().into_iter().filter_map(of).collect()
}

/// The totals that contradict what an operator has stated.
fn contradicted(desk: &mut Desk) -> Vec<i64> {
    let of = |notice: Notice| match notice {
        Notice::Contradicted(_, filled) => Some(filled.0),
        _ => None,
    };
    desk.notices().into_iter().filter_map(of).collect()
}

/// Found by a review: an accepted order that the venue later does not know was sent again.
#[test]
fn what_the_venue_has_accepted_or_executed_never_counts_as_never_arrived() {
    for news in ["accepted", "fill 4 @ 10000", "open", "gone 4"] {
        let mut desk = Desk::with_venues(1);
        desk.book(0, &[(9_990, 1)], &[(10_010, 50)]).client("a buy 10 @ 10000 gtc");
        desk.venue(1, news).venue(1, "unsure");
        desk.outputs.clear();
        desk.venue(1, "never");
        assert_eq!(desk.child(1).state(), ChildState::Unknown, "after {news}");
        desk.sent(&[]);
        // The venue is asked again, and its next answer is as good as any.
        desk.wait_ns(QUERY_AGAIN_NS).sent(&["v0 query #1"]);
        desk.venue(1, if news.ends_with('4') { "gone 4" } else { "gone 0" });
    }
    let mut desk = Desk::with_venues(1);
    desk.book(0, &[(9_990, 1)], &[(10_010, 50)]).client("a buy 10 @ 10000 gtc");
    desk.venue(1, "unsure").venue(1, "never");
    assert_eq!(desk.child(1).state(), ChildState::Rejected, "nothing speaks for its arrival");
}

/// The accept is in the journal, so a process that begins anew knows of it as well.
#[test]
fn an_accept_from_before_a_restart_still_counts() {
    let mut desk = Desk::with_venues(1);
    desk.book(0, &[(9_990, 1)], &[(10_010, 50)]).client("a buy 10 @ 10000 gtc");
    desk.venue(1, "accepted");
    desk.input(Input::VenueDown(VenueId(0), VenueDownReason::NodeStarted)).venue(1, "never");
    assert_eq!(desk.child(1).state(), ChildState::Unknown);
}

#[test]
fn what_an_operator_states_is_booked_reported_and_frees_what_the_child_bound() {
    let mut desk = desk("a buy 10 @ 10010 ioc");
    let free = |desk: &Desk| desk.engine.child(ChildId(1)).expect("known").reserved;
    assert!(free(&desk) > Amount::ZERO);
    desk.operator(resolve(1, 6, 10_005)).operator_saw(&[(1, Refusal::None)]);
    let child = desk.child(1);
    assert_eq!(
        (child.state(), child.filled, child.reserved),
        (ChildState::Canceled, Qty(6), Amount::ZERO)
    );
    let last = desk.outputs.iter().find_map(|output| match output {
        Output::Report(Report { last: Some(last), .. }) => Some(*last),
        _ => None,
    });
    let last = last.expect("a trade");
    assert_eq!((last.fee, last.exec), (Amount::ZERO, ExecId::stated(ChildId(1))));
    assert!(desk.notices().contains(&Notice::ChildEnded(
        VenueId(0),
        ChildId(1),
        ChildEnd::Resolved
    )));
    desk.client_saw(&["a trade 6 @ 10005 leaves 4", "a Canceled NoLiquidity filled 6"]);
    desk.position(6).sent(&[]);
}

#[test]
fn a_child_that_is_stated_as_filled_completely_is_filled() {
    let mut desk = resting();
    desk.operator(resolve(1, 10, 9_999)).operator_saw(&[(1, Refusal::None)]);
    desk.client_saw(&["a trade 10 @ 9999 leaves 0"]).sent(&[]).position(10);
    assert_eq!(desk.child(1).state(), ChildState::Filled);
}

#[test]
fn a_child_that_is_stated_as_not_filled_ends_and_its_order_goes_on() {
    let mut desk = resting();
    desk.operator(resolve(1, 0, 0)).operator_saw(&[(1, Refusal::None)]);
    desk.sent(&["v0 new buy 10 @ 10000 Gtc #2"]).client_saw(&[]).position(0);
    desk.operator(resolve(1, 0, 0)).operator_saw(&[(0, Refusal::NotUnknown)]).sent(&[]);
}

#[test]
fn only_what_is_not_booked_yet_is_booked() {
    let mut desk = resting();
    desk.venue(1, "fill 4 @ 10000").client_saw(&["a trade 4 @ 10000 leaves 6"]);
    desk.operator(resolve(1, 3, 10_000)).operator_saw(&[(0, Refusal::BelowFilled)]);
    desk.operator(resolve(1, 4, 0)).operator_saw(&[(1, Refusal::None)]).position(4);
    desk.sent(&["v0 new buy 6 @ 10000 Gtc #2"]).client_saw(&[]);
}

#[test]
fn a_cancel_that_waits_for_the_child_is_answered_by_the_resolution() {
    let mut desk = resting();
    desk.client("cancel a").outputs.clear();
    desk.operator(resolve(1, 2, 10_000));
    desk.client_saw(&["a trade 2 @ 10000 leaves 8", "a Canceled ClientRequest filled 2"]);
    desk.sent(&[]);
}

#[test]
fn a_resolution_of_a_child_that_is_not_unknown_or_not_long_enough_is_refused() {
    let mut desk = Desk::with_venues(1);
    desk.book(0, &[(9_990, 1)], &[(10_010, 50)]);
    desk.client("a buy 10 @ 10000 gtc").wait_ns(2 * RESOLVE_AFTER_NS);
    desk.operator(resolve(1, 5, 10_000)).operator(resolve(9, 5, 10_000));
    desk.operator_saw(&[(0, Refusal::NotUnknown), (0, Refusal::UnknownOrder)]);
    desk.venue(1, "unsure").wait_ns(RESOLVE_AFTER_NS - 10_000);
    desk.operator(resolve(1, 5, 10_000)).operator_saw(&[(0, Refusal::UnknownTooBriefly)]);
    // A further doubt and a lost link do not begin the time anew; a venue that has told does.
    desk.input(Input::VenueDown(VenueId(0), VenueDownReason::LinkLost)).wait_ns(10_000);
    desk.venue(1, "open 0").venue(1, "unsure").outputs.clear();
    desk.operator(resolve(1, 5, 10_000)).operator_saw(&[(0, Refusal::UnknownTooBriefly)]);
    desk.input(Input::NodeStarted).wait_ns(RESOLVE_AFTER_NS);
    desk.operator(resolve(1, 5, 10_000)).operator_saw(&[(1, Refusal::None)]).position(5);
}

#[test]
fn a_statement_that_cannot_be_true_is_refused_and_changes_nothing() {
    let mut desk = resting();
    for (filled, price, why) in [
        (11, 10_000, Refusal::BadQuantity),
        (-1, 10_000, Refusal::BadQuantity),
        (i64::MIN, 10_000, Refusal::BadQuantity),
        (5, 0, Refusal::BadPrice),
        (5, -1, Refusal::BadPrice),
        (5, 10_001, Refusal::BadPrice),
        (5, i64::MAX, Refusal::BadPrice),
    ] {
        desk.operator(resolve(1, filled, price)).operator_saw(&[(0, why)]).position(0);
    }
    assert_eq!(desk.outputs, []);
    assert_eq!(desk.child(1).state(), ChildState::Unknown);
}

#[test]
fn a_late_fill_is_the_stated_execution_up_to_its_quantity_and_booked_beyond_it() {
    let mut desk = resting();
    desk.client("cancel a").operator(resolve(1, 6, 10_000)).outputs.clear();
    let fees = desk.engine.ledger().position(AccountId(0), PAIR);
    desk.venue(1, "fill 4 @ 9990 exec 7").position(6).client_saw(&[]);
    assert_eq!(reconciled(&mut desk), [(4, 9_990, 4, 10_000)]);
    assert_eq!(desk.engine.ledger().position(AccountId(0), PAIR), fees);
    // The same execution again is nothing new.
    desk.venue(1, "fill 4 @ 9990 exec 7").position(6);
    assert_eq!(reconciled(&mut desk), []);
    desk.venue(1, "fill 5 @ 9980 exec 8").position(9);
    desk.client_saw(&["a trade 3 @ 9980 leaves 0"]);
    assert_eq!(reconciled(&mut desk), [(5, 9_980, 2, 10_000)]);
    desk.venue(1, "fill 1 @ 9980 exec 9").position(10);
    assert_eq!(reconciled(&mut desk), []);
    desk.sent(&[]);
}

#[test]
fn a_late_fill_beyond_the_order_is_an_overfill() {
    let mut desk = resting();
    desk.operator(resolve(1, 10, 10_000)).outputs.clear();
    desk.venue(1, "fill 12 @ 9990").position(12).client_saw(&[]).sent(&[]);
    let notices = desk.notices();
    let beyond = notices.iter().find_map(|notice| match notice {
        Notice::Overfill(_, _, beyond) => Some(*beyond),
        _ => None,
    });
    assert_eq!(beyond, Some(Qty(2)), "{notices:?}");
}

#[test]
fn a_venue_that_tells_another_total_later_is_told_to_the_operator() {
    for (news, told) in [
        ("gone 6", &[][..]),
        ("done 6", &[]),
        ("gone 5", &[5]),
        ("expired 9", &[9]),
        ("never", &[0]),
        ("rejected", &[0]),
    ] {
        let mut desk = resting();
        desk.client("cancel a").operator(resolve(1, 6, 10_000)).outputs.clear();
        desk.venue(1, news).client_saw(&[]).sent(&[]).position(6);
        assert_eq!(contradicted(&mut desk), told, "{news}");
    }
    let mut desk = resting();
    desk.client("cancel a").operator(resolve(1, 0, 0)).outputs.clear();
    desk.venue(1, "never").venue(1, "rejected");
    assert_eq!(contradicted(&mut desk), []);
}

#[test]
fn a_child_that_is_found_open_after_its_resolution_is_called_back_and_told() {
    let mut desk = resting();
    desk.client("cancel a").operator(resolve(1, 6, 10_000)).outputs.clear();
    desk.venue(1, "open 2").sent(&["v0 cancel #1"]).client_saw(&[]);
    assert!(desk.notices().contains(&Notice::FoundAfterEnd(VenueId(0), ChildId(1))));
}

/// A venue tells of more than its executions add up to, again and again. Before the queries backed
/// off, each such answer asked at once again.
#[test]
fn a_venue_whose_answers_settle_nothing_is_asked_less_and_less() {
    let mut desk = Desk::with_venues(1);
    desk.book(0, &[(9_990, 1)], &[(10_010, 50)]);
    desk.client("a buy 10 @ 10000 gtc").venue(1, "accepted").outputs.clear();
    desk.venue(1, "done 4").sent(&["v0 query #1"]);
    let mut wait_ns = QUERY_AGAIN_NS;
    for answer in 0..300 {
        // Totals that change back and forth settle nothing either.
        desk.venue(1, ["gone 4", "gone 5"][answer % 2]).venue(1, "gone 4").sent(&[]);
        desk.wait_ns(wait_ns - 10_000).sent(&[]);
        let due = desk.engine.next_timer().expect("a query waits");
        assert!(due <= UnixNanos(desk.now.0 + 20_000), "{due:?} at {:?}", desk.now);
        desk.wait_ns(20_000).sent(&["v0 query #1"]);
        wait_ns = (wait_ns * 2).min(QUERY_AGAIN_MAX_NS);
    }
    assert_eq!(wait_ns, QUERY_AGAIN_MAX_NS);
    // The missing execution ends it.
    desk.venue(1, "gone 4").venue(1, "fill 4 @ 10000").wait_ns(QUERY_AGAIN_MAX_NS).sent(&[]);
    assert_eq!(desk.child(1).state(), ChildState::Canceled);
}

#[test]
fn an_operator_can_resolve_a_child_whose_venue_contradicts_itself() {
    let mut desk = Desk::with_venues(1);
    desk.book(0, &[(9_990, 1)], &[(10_010, 50)]);
    desk.client("a buy 10 @ 10000 gtc").client("cancel a").venue(1, "done 4");
    desk.venue(1, "gone 4").wait_ns(RESOLVE_AFTER_NS);
    desk.outputs.clear();
    desk.operator(resolve(1, 3, 10_000)).operator_saw(&[(1, Refusal::None)]);
    desk.client_saw(&["a trade 3 @ 10000 leaves 7", "a Canceled ClientRequest filled 3"]);
    desk.wait_ns(QUERY_AGAIN_MAX_NS).sent(&[]).position(3);
}
