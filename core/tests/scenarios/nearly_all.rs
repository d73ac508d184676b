//! All or nearly all: IOC children at several venues at once, and only when the books show at least
//! the order's minimum quantity.

use rutter_core::id::{AccountId, OrderId, VenueId};
use rutter_core::input::*;
use rutter_core::number::Qty;
use rutter_core::output::ReportKind::{Canceled, New, Trade};
use rutter_core::output::{Output, Previewed, Report, ReportKind};
use rutter_core::strategy::{BY_SCORE, Strategy};

use crate::desk::{CLIENT, Desk, USD};

/// Two venues that offer 4 at 100.00 and 6 at 100.10.
fn desk() -> Desk {
    let mut desk = Desk::with_venues(2);
    desk.book(0, &[(9_990, 50)], &[(10_000, 4)]).book(1, &[(9_990, 50)], &[(10_010, 6)]);
    desk
}

fn least(qty: i64) -> impl FnOnce(&mut NewOrder) {
    move |new| new.instructions.min_qty = Qty(qty)
}

/// What the taking children of a preview's venues carry.
fn taken(told: &[Previewed]) -> Vec<i64> {
    let taken = told.iter().filter_map(|part| match part {
        Previewed::Venue { take, .. } => Some(take.map_or(0, |take| take.qty.0)),
        Previewed::Order { .. } | Previewed::Bridge(_) => None,
    });
    taken.collect()
}

fn reports(desk: &Desk) -> Vec<Report> {
    let reports = desk.outputs.iter().filter_map(|output| match output {
        Output::Report(report) => Some(*report),
        _ => None,
    });
    reports.collect()
}

#[test]
fn the_children_go_at_once_when_the_books_show_the_minimum() {
    let mut desk = desk();
    desk.instructed("a buy 12 @ 10010 ioc", least(10));
    desk.sent(&["v0 new buy 4 @ 10000 Ioc #1", "v1 new buy 6 @ 10010 Ioc #2"]);
    desk.venue(1, "fill 4 @ 10000").venue(2, "fill 6 @ 10010").client_saw(&[
        "a new",
        "a trade 4 @ 10000 leaves 8",
        "a trade 6 @ 10010 leaves 2",
        "a Canceled NoLiquidity filled 10",
    ]);
}

#[test]
fn nothing_is_sent_when_the_books_show_less_than_the_minimum() {
    let mut desk = desk();
    desk.instructed("a buy 12 @ 10010 ioc", least(11)).sent(&[]);
    desk.client_saw(&["a new", "a Canceled MinQtyNotFillable filled 0"]);
    // What was not sent is on offer still.
    desk.instructed("b buy 12 @ 10010 ioc", least(10));
    desk.sent(&["v0 new buy 4 @ 10000 Ioc #1", "v1 new buy 6 @ 10010 Ioc #2"]);
}

#[test]
fn the_strategy_without_a_minimum_asks_for_the_whole_quantity() {
    let all = |new: &mut NewOrder| new.instructions.strategy = Strategy::NearlyAll.number();
    let mut desk = desk();
    desk.instructed("a buy 11 @ 10010 ioc", all).sent(&[]);
    desk.client_saw(&["a new", "a Canceled MinQtyNotFillable filled 0"]);
    desk.instructed("b sell 100 market ioc", all);
    desk.sent(&["v0 new sell 50 @ 9990 Ioc #1", "v1 new sell 50 @ 9990 Ioc #2"]);
}

#[test]
fn a_fade_that_leaves_less_than_the_minimum_is_told() {
    let mut desk = desk();
    desk.instructed("a buy 10 @ 10010 ioc", least(8)).outputs.clear();
    desk.venue(1, "fill 4 @ 10000").venue(2, "expired 0");
    desk.client_saw(&["a trade 4 @ 10000 leaves 6", "a Canceled MinQtyNotReached filled 4"]);
}

#[test]
fn after_a_first_fill_the_rest_goes_on_for_it_brings_the_order_nearer_to_the_minimum() {
    let mut desk = desk();
    desk.instructed("a buy 10 @ 10010 ioc", least(8)).outputs.clear();
    desk.venue(1, "fill 4 @ 10000").book(0, &[(9_990, 50)], &[(10_005, 1)]);
    desk.venue(2, "expired 0").sent(&["v0 new buy 1 @ 10005 Ioc #3"]);
    desk.venue(3, "fill 1 @ 10005").client_saw(&[
        "a trade 4 @ 10000 leaves 6",
        "a trade 1 @ 10005 leaves 5",
        "a Canceled MinQtyNotReached filled 5",
    ]);
}

#[test]
fn while_nothing_is_filled_a_part_that_comes_back_goes_only_if_the_minimum_is_in_reach() {
    let mut desk = desk();
    desk.instructed("a buy 10 @ 10010 ioc", least(8)).outputs.clear();
    // The other venue still has 6; with 1 of the first, the minimum is out of reach.
    desk.venue(1, "expired 0").book(0, &[(9_990, 50)], &[(10_005, 1)]).sent(&[]);
    desk.venue(2, "expired 0").sent(&[]);
    desk.client_saw(&["a Canceled MinQtyNotFillable filled 0"]);

    // A third venue has something by now: with it, the minimum is in reach.
    let mut desk = Desk::with_venues(3);
    desk.book(0, &[(9_990, 50)], &[(10_000, 4)]).book(1, &[(9_990, 50)], &[(10_010, 6)]);
    desk.instructed("a buy 10 @ 10010 ioc", least(8)).outputs.clear();
    desk.book(2, &[(9_990, 50)], &[(10_005, 2)]).venue(1, "expired 0");
    desk.sent(&["v2 new buy 2 @ 10005 Ioc #3"]);
}

#[test]
fn the_word_names_funds_a_busy_venue_and_venues_that_are_away() {
    let mut desk = desk();
    let total = rutter_core::number::Amount(0);
    desk.input(Input::Balance { venue: VenueId(1), asset: USD, total });
    desk.instructed("a buy 10 @ 10010 ioc", least(8)).sent(&[]);
    desk.client_saw(&["a new", "a Canceled InsufficientFunds filled 0"]);

    let mut desk = self::desk();
    desk.venue_terms(1, |terms| terms.unanswered_max = 0);
    desk.instructed("a buy 10 @ 10010 ioc", least(8)).sent(&[]);
    desk.client_saw(&["a new", "a Canceled VenueBusy filled 0"]);

    let mut desk = Desk::with_venues(1);
    desk.book(0, &[(9_990, 50)], &[(10_000, 4)]);
    desk.input(Input::VenueDown(VenueId(0), VenueDownReason::LinkLost));
    desk.instructed("a buy 10 @ 10010 ioc", least(8)).sent(&[]);
    desk.client_saw(&["a refused NoVenue"]);
}

#[test]
fn an_order_that_may_wait_for_a_busy_venue_keeps_its_minimum() {
    let mut desk = desk();
    desk.account(|account| account.busy_wait_ns = 60_000_000_000);
    desk.venue_terms(1, |terms| terms.unanswered_max = 1);
    let only = |new: &mut NewOrder| new.instructions.only = Some(VenueId(1));
    desk.instructed("b buy 1 @ 10010 ioc", only).outputs.clear();
    desk.instructed("a buy 10 @ 10010 ioc", least(9)).sent(&[]).client_saw(&["a new"]);
    // The other order took 1 of 6: 9 are left in all.
    desk.venue(1, "fill 1 @ 10010").client_saw(&["b trade 1 @ 10010 leaves 0"]);
    desk.sent(&["v0 new buy 4 @ 10000 Ioc #2", "v1 new buy 5 @ 10010 Ioc #3"]);
}

#[test]
fn a_minimum_goes_with_ioc_only_and_is_no_more_than_the_order() {
    let mut desk = desk();
    let all = |new: &mut NewOrder| new.instructions.strategy = Strategy::NearlyAll.number();
    desk.instructed("a buy 10 @ 10010 gtc", least(8)).instructed("b buy 10 @ 10010 fok", least(8));
    desk.instructed("c buy 10 @ 10010 gtc", all).instructed("d buy 10 @ 10010 ioc", least(11));
    desk.instructed("e buy 10 @ 10010 ioc", least(-1)).sent(&[]);
    desk.client_saw(&[
        "a refused UnsupportedMinQty",
        "b refused UnsupportedMinQty",
        "c refused UnsupportedStrategy",
        "d refused BadQuantity",
        "e refused BadQuantity",
    ]);
}

#[test]
fn every_report_of_the_order_has_the_strategy_and_the_minimum() {
    let mut desk = desk();
    desk.instructed("a buy 12 @ 10010 ioc", least(10));
    desk.venue(1, "fill 4 @ 10000").venue(2, "fill 6 @ 10010");
    let reports = reports(&desk);
    let kinds: Vec<ReportKind> = reports.iter().map(|report| report.kind).collect();
    assert_eq!(kinds, [New, Trade, Trade, Canceled]);
    for report in reports {
        assert_eq!((report.strategy, report.min_qty), (Strategy::NearlyAll, Qty(10)));
    }
}

#[test]
fn a_replace_keeps_the_minimum_and_one_to_less_asks_for_the_whole() {
    let waiting = || {
        let mut desk = desk();
        desk.account(|account| account.busy_wait_ns = 60_000_000_000);
        desk.venue_terms(1, |terms| terms.unanswered_max = 0);
        desk.instructed("a buy 12 @ 10010 ioc", least(10)).outputs.clear();
        desk
    };
    let mut desk = waiting();
    desk.client("replace a buy 11 @ 10010 ioc").sent(&[]).venue_terms(1, |_| {});
    desk.wait_ns(1_000_000_000);
    desk.sent(&["v0 new buy 4 @ 10000 Ioc #1", "v1 new buy 6 @ 10010 Ioc #2"]);

    let mut desk = waiting();
    desk.client("replace a buy 9 @ 10010 ioc").sent(&[]).venue_terms(1, |_| {});
    desk.wait_ns(1_000_000_000);
    desk.sent(&["v0 new buy 4 @ 10000 Ioc #1", "v1 new buy 5 @ 10010 Ioc #2"]);

    let mut desk = waiting();
    let order = |change: fn(&mut Instructions)| {
        let mut made = None;
        Desk::with_venues(0).instructed("r buy 11 @ 10010 ioc", |new| {
            change(&mut new.instructions);
            made = Some(*new);
        });
        made.expect("made")
    };
    let orig_cl_ord_id = crate::desk::text("a");
    for change in [(|i| i.min_qty = Qty(9)) as fn(&mut Instructions), |i| i.strategy = 1_001] {
        desk.input(Input::Replace(ReplaceOrder { orig_cl_ord_id, order: order(change) }));
        desk.client_saw(&["a not replaced NotReplaceable"]);
    }
    let same: fn(&mut Instructions) = |i| (i.min_qty, i.strategy) = (Qty(10), 1_000);
    desk.input(Input::Replace(ReplaceOrder { orig_cl_ord_id, order: order(same) }));
    desk.client_saw(&["a replacing", "a is r 11 @ 10010 leaves 11"]);
}

#[test]
fn a_used_slot_of_the_table_says_nothing_of_the_next_order() {
    let mut desk = Desk::with_tables(
        1,
        &Genesis { orders_log2: 4, ..rutter_test_support::reference::genesis() },
    );
    desk.book(0, &[(9_990, 50)], &[(10_000, 4)]);
    for nth in 0..40 {
        desk.instructed(&format!("n{nth} buy 10 @ 10010 ioc"), least(8)).sent(&[]);
    }
    desk.outputs.clear();
    for nth in 0..40_u64 {
        desk.client(&format!("c{nth} buy 1 @ 9980 ioc")).client_saw(&[
            &format!("c{nth} new"),
            &format!("c{nth} Canceled NoLiquidity filled 0"),
        ]);
    }
    assert_eq!(desk.engine.order(OrderId(1)).map(|order| order.account), None::<AccountId>);
    assert_eq!(desk.engine.last_event(CLIENT), 160);
}

/// v1 takes 5 at least, and v0 has the higher score: 8 from v0 leave 4, which v1 does not take.
#[test]
fn a_plan_by_score_that_is_short_of_the_minimum_gives_way_to_the_plan_by_cost() {
    for (mode, strategy) in [(RoutingMode::Score, 0), (RoutingMode::Cost, BY_SCORE)] {
        let mut desk = Desk::with_venues(2);
        desk.listing(VenueId(1), |listing| listing.qty_min = Qty(5));
        desk.routing(|terms| terms.mode = mode);
        desk.book(0, &[(9_990, 50)], &[(10_000, 8)]).book(1, &[(9_990, 50)], &[(10_010, 10)]);
        desk.outputs.clear();
        // What the plan by score shows is enough.
        let told = desk.asked_about("p buy 12 @ 10010 ioc", |new| {
            (new.instructions.min_qty, new.instructions.strategy) = (Qty(8), strategy);
        });
        assert_eq!(taken(&told), [8, 0]);
        desk.instructed("a buy 12 @ 10010 ioc", |new| {
            (new.instructions.min_qty, new.instructions.strategy) = (Qty(12), strategy);
        });
        desk.sent(&["v0 new buy 7 @ 10000 Ioc #1", "v1 new buy 5 @ 10010 Ioc #2"]);
    }
}
