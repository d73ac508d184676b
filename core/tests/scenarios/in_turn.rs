//! Turns: who goes first, how much one input does, and what is looked at when.
//!
//! A line belongs here if it is about the order in which orders, ends and queries have their turn.

use rutter_core::child::ChildState;
use rutter_core::engine::{
    ENDS_PER_INPUT_MAX, QUERIES_PER_INPUT_MAX, QUERY_AGAIN_MAX_NS, QUERY_AGAIN_NS,
    RESOLVE_AFTER_NS, WOKEN_PER_INPUT_MAX,
};
use rutter_core::id::{ChildId, VenueId};
use rutter_core::input::*;
use rutter_core::number::{Price, Qty, UnixNanos};
use rutter_core::output::{Output, ReportKind};
use rutter_core::waiting::Waiting;
use rutter_test_support::reference;

use crate::desk::Desk;
use crate::waiting::waits;

const SECOND_NS: u64 = 1_000_000_000;

/// Venues with much liquidity, and large tables.
fn desk(venues: u8) -> Desk {
    let genesis =
        Genesis { orders_log2: 12, children_log2: 12, executions_log2: 12, ..reference::genesis() };
    let mut desk = Desk::with_tables(venues, &genesis);
    desk.account(|account| {
        (account.limits.open_orders_max, account.limits.rate_per_s) = (4_000, 100_000);
        (account.busy_wait_ns, account.limits.collar_ppm) = (60 * SECOND_NS, 500_000);
    });
    for venue in 0..venues {
        desk.venue_terms(venue, |terms| {
            (terms.unanswered_max, terms.rate_orders) = (10_000, 10_000);
            terms.stale_after_ns = 3_600 * SECOND_NS;
        });
        desk.book(venue, &[(9_990, 10_000)], &[(10_010, 10_000)]);
    }
    desk
}

/// The orders whose children were sent since the last look.
fn sent_orders(desk: &mut Desk) -> Vec<u64> {
    let of = |output: Output| match output {
        Output::SendNew(sent) => Some(sent.order.0),
        _ => None,
    };
    desk.outputs.drain(..).filter_map(of).collect()
}

/// The window has ended, and the timer that wakes the queue has not come yet.
#[test]
fn a_replaced_order_of_a_queue_does_not_go_before_older_ones() {
    let mut desk = desk(1);
    desk.venue_terms(0, |terms| {
        (terms.rate_orders, terms.unanswered_max) = (2, 10_000);
        terms.stale_after_ns = 3_600 * SECOND_NS;
    });
    for id in ["a", "b", "c", "d", "e"] {
        desk.client(&format!("{id} buy 1 @ 10010 gtc"));
    }
    assert_eq!(sent_orders(&mut desk), [1, 2]);
    desk.now.0 += SECOND_NS;
    desk.client("replace e buy 2 @ 10010 gtc");
    assert_eq!(sent_orders(&mut desk), [3, 4]);
    assert_eq!(waits(&mut desk, 5), Waiting::VenueBusy);
}

/// More wait than one input looks at.
#[test]
fn a_replace_between_two_parts_of_a_queue_waits_for_the_orders_before_it() {
    let mut desk = desk(1);
    let many = WOKEN_PER_INPUT_MAX as u64 + 6;
    desk.venue_terms(0, |terms| {
        (terms.rate_orders, terms.unanswered_max) = (100, 10_000);
        terms.stale_after_ns = 3_600 * SECOND_NS;
    });
    for nth in 1..=100 + many {
        desk.client(&format!("o{nth} buy 1 @ 10010 gtc"));
    }
    desk.outputs.clear();
    desk.now.0 += SECOND_NS;
    desk.input(Input::Tick);
    let last = 100 + many;
    desk.client(&format!("replace o{last} buy 2 @ 10010 gtc")).wait_ns(2_000_000);
    assert_eq!(sent_orders(&mut desk), (101..=last).collect::<Vec<_>>());
}

#[test]
fn ends_of_many_orders_come_in_parts_and_in_their_order() {
    let mut desk = desk(1);
    let (many, end) = (ENDS_PER_INPUT_MAX + 10, UnixNanos(desk.now.0 + 10 * SECOND_NS));
    for nth in 1..=many {
        desk.instructed(&format!("o{nth} buy 1 @ 9000 gtc"), |new| {
            (new.tif, new.instructions.expire_at) = (TimeInForce::Gtd, end);
        });
        desk.venue(nth as u64, "accepted");
    }
    desk.outputs.clear();
    desk.now = UnixNanos(end.0);
    let called_back = |desk: &mut Desk| {
        let of = |output: Output| match output {
            Output::SendCancel(child) => Some(child.order.0),
            _ => None,
        };
        desk.input(Input::Tick).outputs.drain(..).filter_map(of).collect::<Vec<_>>()
    };
    assert_eq!(called_back(&mut desk), (1..=ENDS_PER_INPUT_MAX as u64).collect::<Vec<_>>());
    assert!(desk.engine.next_timer().is_some_and(|at| at <= desk.now), "the rest is due at once");
    let rest = ENDS_PER_INPUT_MAX as u64 + 1..=many as u64;
    assert_eq!(called_back(&mut desk), rest.collect::<Vec<_>>());
    assert_eq!(called_back(&mut desk), []);
}

/// So many resting children that the venue reports as over with a fill that it does not tell.
fn contradicted(many: u64) -> Desk {
    let mut desk = desk(1);
    for nth in 1..=many {
        desk.client(&format!("o{nth} buy 10 @ 9000 gtc")).venue(nth, "accepted");
    }
    for nth in 1..=many {
        desk.venue(nth, "done 4").venue(nth, "gone 4");
    }
    desk.outputs.clear();
    desk
}

/// The children that were asked about since the last look.
fn asked(desk: &mut Desk) -> Vec<u64> {
    let of = |output: Output| match output {
        Output::Query(child) => Some(child.child.0),
        _ => None,
    };
    desk.outputs.drain(..).filter_map(of).collect()
}

#[test]
fn many_queries_that_are_due_go_in_parts_and_in_their_order() {
    let many = QUERIES_PER_INPUT_MAX as u64 + 10;
    let mut desk = contradicted(many);
    desk.wait_ns(QUERY_AGAIN_NS);
    assert_eq!(asked(&mut desk), (1..=QUERIES_PER_INPUT_MAX as u64).collect::<Vec<_>>());
    desk.input(Input::Tick);
    let rest = QUERIES_PER_INPUT_MAX as u64 + 1..=many;
    assert_eq!(asked(&mut desk), rest.collect::<Vec<_>>());
    desk.input(Input::Tick);
    assert_eq!(asked(&mut desk), []);
}

#[test]
fn an_execution_brings_the_next_query_near_again() {
    let mut desk = contradicted(1);
    for _ in 0..12 {
        desk.wait_ns(QUERY_AGAIN_MAX_NS).venue(1, "gone 4");
    }
    asked(&mut desk);
    // The next query is far off, until the venue tells an execution.
    desk.wait_ns(QUERY_AGAIN_NS);
    assert_eq!(asked(&mut desk), []);
    desk.venue(1, "fill 1 @ 9000").wait_ns(QUERY_AGAIN_NS);
    assert_eq!(asked(&mut desk), [1]);
    desk.venue(1, "gone 4").wait_ns(QUERY_AGAIN_NS);
    assert_eq!(asked(&mut desk), [1], "the waits begin anew");
    desk.venue(1, "fill 3 @ 9000");
    assert_eq!(desk.child(1).state(), ChildState::Canceled);
    desk.wait_ns(QUERY_AGAIN_MAX_NS);
    assert_eq!(asked(&mut desk), [], "a child that is over is not asked about");
}

#[test]
fn a_query_that_a_breaker_held_back_is_not_sent_twice() {
    let mut desk = contradicted(1);
    for _ in 0..5 {
        let outcome = QueryOutcome::NoAnswer;
        desk.input(Input::VenueQueried { venue: VenueId(0), outcome });
    }
    asked(&mut desk);
    desk.operator(OperatorCommand::EnableVenue(VenueId(0)));
    assert_eq!(asked(&mut desk), [1]);
    desk.wait_ns(QUERY_AGAIN_MAX_NS);
    assert_eq!(asked(&mut desk), []);
}

#[test]
fn an_order_that_met_a_fade_goes_as_soon_as_the_book_changes() {
    let mut desk = desk(1);
    desk.book(0, &[(9_990, 5)], &[(10_010, 5)]).client("a buy 5 @ 10010 gtc");
    desk.venue(1, "expired 0").sent(&["v0 new buy 5 @ 10010 Ioc #1"]);
    desk.book(0, &[(9_990, 5)], &[(10_005, 5)]).sent(&["v0 new buy 5 @ 10005 Ioc #2"]);
}

fn broken_fok(break_it: impl Fn(&mut Desk)) {
    let mut desk = desk(2);
    for venue in [0, 1] {
        desk.venue_terms(venue, |terms| terms.fok = true);
        desk.book(venue, &[(9_990, 10)], &[(10_010, 10)]);
    }
    desk.client("a buy 10 @ 10010 fok").sent(&["v0 new buy 10 @ 10010 Fok #1"]);
    break_it(&mut desk);
    desk.sent(&[]).client_saw_last("a Canceled FokPartlyFilled filled 6");
    let given_back = desk.outputs.iter().filter(
        |output| matches!(output, Output::Report(report) if report.kind == ReportKind::Canceled),
    );
    assert_eq!(given_back.count(), 0);
}

#[test]
fn a_fok_order_that_is_filled_in_part_says_so_and_its_rest_goes_nowhere_else() {
    broken_fok(|desk| {
        desk.venue(1, "fill 6 @ 10010").venue(1, "done 6");
    });
    broken_fok(|desk| {
        desk.venue(1, "unsure").wait_ns(RESOLVE_AFTER_NS).outputs.clear();
        let (filled, price) = (Qty(6), Price(10_010));
        desk.operator(OperatorCommand::Resolve(Resolution { child: ChildId(1), filled, price }));
    });
}

#[test]
fn what_a_full_table_of_children_has_no_place_for_waits() {
    let genesis = Genesis { children_log2: 4, ..reference::genesis() };
    let mut desk = Desk::with_tables(1, &genesis);
    desk.venue_terms(0, |terms| terms.unanswered_max = 100);
    desk.account(|account| account.limits.collar_ppm = 500_000);
    desk.book(0, &[(9_000, 50)], &[(10_100, 50)]).listing(VenueId(0), |l| l.qty_max = Qty(1));
    for nth in 1..=7 {
        desk.client(&format!("o{nth} buy 1 @ 10000 gtc"));
    }
    desk.outputs.clear();
    desk.client("a buy 2 @ 10000 gtc").sent(&["v0 new buy 1 @ 10000 Gtc #8"]);
    assert_eq!(waits(&mut desk, 8), Waiting::ChildLimit);
    desk.client("b buy 1 @ 10100 ioc").client_saw_last("b Canceled CapacityReached filled 0");
    desk.outputs.clear();
    desk.venue(1, "accepted").client("cancel o1").venue(1, "done 0").wait_ns(SECOND_NS / 10);
    desk.sent(&["v0 cancel #1", "v0 new buy 1 @ 10000 Gtc #9"]);
    assert_eq!(waits(&mut desk, 8), Waiting::Nothing);
}
