//! Where an order waits, and when it moves: fee, queue, spread and trades count, and the place that
//! the order has in the queue.

use rutter_core::child::ChildState;
use rutter_core::engine::{MOVE_WINDOW_NS, MOVES_PER_WINDOW_MAX, PLACES_PER_INPUT_MAX};
use rutter_core::id::VenueId;
use rutter_core::input::*;
use rutter_core::number::{Amount, FeePpm, Price, Qty, UnixNanos};
use rutter_core::output::{Notice, Output};
use rutter_core::resting::{PLACE_PAUSE_MAX_NS, PLACE_PAUSE_NS};
use rutter_core::waiting::Waiting;

use crate::desk::{Desk, PAIR};
use crate::waiting::waits;

const V0: VenueId = VenueId(0);
const V1: VenueId = VenueId(1);

/// Two venues with equal fees. At both 50 are bid at 99.90; the next offer is at 100.10.
fn desk() -> Desk {
    let mut desk = Desk::with_venues(2);
    for venue in [0, 1] {
        desk.venue_terms(venue, |terms| {
            (terms.stale_after_ns, terms.unanswered_max) = (u64::MAX / 2, 1_000);
            terms.rate_orders = 100_000;
        });
        desk.book(venue, &[(9_990, 50)], &[(10_010, 50)]);
    }
    desk
}

/// Bids of a venue; the next offer is at 100.10.
fn bids(desk: &mut Desk, venue: u8, bids: &[(i64, i64)]) {
    desk.book(venue, bids, &[(10_010, 50)]);
}

/// So much trades at a venue against bids.
fn trades(desk: &mut Desk, venue: VenueId, price: i64, qty: i64) {
    trade_with(desk, price, |trade| (trade.venue, trade.qty) = (venue, Qty(qty)));
}

/// As [`trades`], with other terms.
fn trade_with(desk: &mut Desk, price: i64, change: impl FnOnce(&mut PublicTrade)) {
    let mut trade = PublicTrade {
        venue: VenueId(0),
        instrument: PAIR,
        taker: Some(Side::Sell),
        price: Price(price),
        qty: Qty(20),
        id: 1,
        count: 1,
        time: UnixNanos(u64::MAX),
        late: false,
    };
    change(&mut trade);
    desk.input(Input::Trade(trade));
}

/// What has traded lately at the first venue against bids, and against asks.
fn lately(desk: &Desk) -> [Option<i64>; 2] {
    let book = desk.engine.book(VenueId(0), PAIR).expect("a book");
    [Side::Buy, Side::Sell].map(|side| book.traded(side).lately(desk.now).map(|qty| qty.0))
}

#[test]
fn a_trade_without_a_taker_counts_for_the_side_that_its_price_took_from() {
    let mut desk = desk();
    trade_with(&mut desk, 9_990, |trade| trade.taker = None);
    assert_eq!(lately(&desk), [Some(20), None]);
    trade_with(&mut desk, 10_011, |trade| trade.taker = None);
    assert_eq!(lately(&desk), [Some(20), Some(20)]);
    trade_with(&mut desk, 10_000, |trade| trade.taker = None);
    assert_eq!(lately(&desk), [Some(20), Some(20)], "between the two it counts for neither");
    desk.input(Input::BookDistrusted {
        venue: VenueId(0),
        instrument: PAIR,
        reason: Distrust::Gap,
    });
    trade_with(&mut desk, 9_990, |trade| trade.taker = None);
    assert_eq!(lately(&desk), [Some(20), Some(20)], "nor while the book is not trusted");
    trade_with(&mut desk, 9_990, |_| ());
    assert_eq!(lately(&desk), [Some(40), Some(20)], "the venue's word needs no book");
}

#[test]
fn a_trade_that_was_missing_counts_by_its_time_and_brings_no_order_forward() {
    let mut desk = desk();
    let minute_ago = UnixNanos(desk.now.0 - 64_000_000_000);
    trade_with(&mut desk, 9_990, |trade| (trade.time, trade.late) = (minute_ago, true));
    assert_eq!(lately(&desk), [Some(7), None], "a third is left after 64 seconds");
    for (late, sent) in [(true, &["v0 cancel #1"][..]), (false, &[])] {
        let mut desk = rests_beside_a_queue_of(20, Moving::Sticky);
        for venue in [V0, V1] {
            trade_with(&mut desk, 9_990, |trade| {
                (trade.venue, trade.qty, trade.late) = (venue, Qty(48), late);
            });
        }
        desk.wait_ns(PLACE_PAUSE_NS + 100_000_000).sent(sent);
    }
}

fn moves(desk: &mut Desk, moving: Moving, move_gain_ppm: u32) {
    desk.routing(|terms| (terms.moving, terms.move_gain_ppm) = (moving, move_gain_ppm));
}

/// A buy of 10 at 99.90 that rests at the first venue behind 50; then the queue of the second venue
/// is as long as `other`.
fn rests_beside_a_queue_of(other: i64, moving: Moving) -> Desk {
    let mut desk = desk();
    bids(&mut desk, 1, &[(9_990, 60)]);
    moves(&mut desk, moving, 50);
    desk.client("a buy 10 @ 9990 gtc").sent(&["v0 new buy 10 @ 9990 Gtc #1"]);
    bids(&mut desk, 0, &[(9_990, 60)]);
    desk.venue(1, "accepted");
    bids(&mut desk, 1, &[(9_990, other)]);
    desk.outputs.clear();
    desk
}

#[test]
fn an_order_waits_where_the_queue_is_short_the_spread_narrow_and_the_trade_quick() {
    type Change = fn(&mut Desk);
    let cases: [(&str, Change); 6] = [
        ("a shorter queue", |desk| bids(desk, 0, &[(9_990, 900)])),
        ("no better prices before it", |desk| bids(desk, 0, &[(9_991, 900), (9_990, 50)])),
        ("a narrower spread", |desk| {
            desk.book(0, &[(9_990, 50)], &[(10_030, 50)]);
        }),
        ("quicker trades", |desk| {
            trades(desk, V0, 9_990, 10);
            trades(desk, V1, 9_990, 500);
        }),
        ("a lower fee", |desk| {
            desk.listing(V1, |listing| listing.maker_fee = FeePpm(900));
        }),
        ("an empty book never wins a tie", |desk| {
            desk.book(0, &[], &[(10_010, 50)]);
            // Ten of sixty are before the last of the order there, and sixty of 360 here.
            trades(desk, V0, 9_990, 50);
            trades(desk, V1, 9_990, 300);
        }),
    ];
    for (why, change) in cases {
        let mut desk = desk();
        desk.client("a buy 10 @ 9990 gtc").sent(&["v0 new buy 10 @ 9990 Gtc #1"]);
        change(&mut desk);
        desk.client("b buy 10 @ 9990 gtc");
        assert_eq!(desk.child(2).venue, V1, "{why}");
    }
}

#[test]
fn a_fee_that_is_lower_by_more_than_the_queue_costs_decides() {
    let mut desk = desk();
    bids(&mut desk, 0, &[(9_990, 900)]);
    desk.listing(V0, |listing| listing.maker_fee = FeePpm(-1_500));
    desk.client("a buy 10 @ 9990 gtc").sent(&["v0 new buy 10 @ 9990 Gtc #1"]);
}

#[test]
fn a_venue_where_nothing_trades_any_more_is_no_place_to_wait() {
    let mut desk = desk();
    trades(&mut desk, V0, 9_990, 500);
    trades(&mut desk, V1, 9_990, 400);
    desk.client("a buy 10 @ 9990 gtc").sent(&["v0 new buy 10 @ 9990 Gtc #1"]);
    desk.now.0 += 600_000_000_000;
    trades(&mut desk, V1, 9_990, 1);
    desk.client("b buy 10 @ 9990 gtc").sent(&["v1 new buy 10 @ 9990 Gtc #2"]);
}

#[test]
fn a_trade_that_makes_no_sense_counts_for_nothing() {
    let mut desk = desk();
    desk.outputs.clear();
    for (venue, price, qty) in [(VenueId(9), 9_990, 5), (V1, 0, 5), (V1, 9_990, 0), (V1, 9_990, -5)]
    {
        trades(&mut desk, venue, price, qty);
        assert_eq!(desk.notices(), [Notice::BadReference]);
    }
    let book = desk.engine.book(V1, PAIR).expect("a book");
    assert_eq!(book.traded(Side::Buy).lately(desk.now), None);
}

#[test]
fn an_order_that_has_no_other_venue_is_not_looked_at_until_it_has_one() {
    let mut desk = desk();
    desk.listing(V1, |listing| listing.enabled = false);
    bids(&mut desk, 0, &[(9_990, 900)]);
    desk.client("a buy 10 @ 9990 gtc").venue(1, "accepted").outputs.clear();
    let next = desk.engine.next_timer();
    assert!(next.is_none_or(|at| at.0 > desk.now.0 + PLACE_PAUSE_MAX_NS), "{next:?}");
    // A start of the node with another configuration.
    desk.listing(V1, |_| {}).input(Input::NodeStarted);
    for venue in [0, 1] {
        desk.input(Input::VenueUp(VenueId(venue)));
        bids(&mut desk, venue, &[(9_990, 900 - 890 * i64::from(venue))]);
    }
    desk.venue(1, "open 0").outputs.clear();
    desk.wait_ns(PLACE_PAUSE_NS + 100_000_000).sent(&["v0 cancel #1"]);
}

#[test]
fn an_order_moves_to_the_better_place_when_the_gain_pays_for_the_lost_place() {
    // The second venue's queue is gone: both ways of moving gain.
    for moving in [Moving::Better, Moving::Sticky] {
        let mut desk = rests_beside_a_queue_of(1, moving);
        bids(&mut desk, 1, &[(9_989, 500)]);
        desk.wait_ns(PLACE_PAUSE_NS + 100_000_000).sent(&["v0 cancel #1"]).client_saw(&[]);
        assert_eq!(waits(&mut desk, 1), Waiting::Moving);
        desk.venue(1, "done 0").sent(&["v1 new buy 10 @ 9990 Gtc #2"]).client_saw(&[]);
        assert_eq!(waits(&mut desk, 1), Waiting::Nothing);
    }
}

#[test]
fn an_order_that_never_moves_stays_and_costs_no_timer() {
    let mut desk = rests_beside_a_queue_of(1, Moving::Never);
    bids(&mut desk, 1, &[(9_989, 500)]);
    desk.wait_ns(PLACE_PAUSE_MAX_NS).wait_ns(PLACE_PAUSE_MAX_NS).sent(&[]);
    let next = desk.engine.next_timer();
    assert!(next.is_none_or(|at| at.0 > desk.now.0 + PLACE_PAUSE_MAX_NS), "{next:?}");
    // Its account lets it move again.
    moves(&mut desk, Moving::Sticky, 50);
    desk.wait_ns(PLACE_PAUSE_NS + 100_000_000).sent(&["v0 cancel #1"]);
}

/// At first 50 stand before the order. Then 48 of them trade, and as many come behind it: the level
/// looks as before. The other venue's queue would be shorter for a new order.
#[test]
fn a_place_near_the_front_of_the_queue_is_worth_more_than_a_shorter_queue() {
    for (moving, sent) in [(Moving::Better, &["v0 cancel #1"][..]), (Moving::Sticky, &[])] {
        let mut desk = rests_beside_a_queue_of(20, moving);
        trades(&mut desk, V0, 9_990, 48);
        trades(&mut desk, V1, 9_990, 48);
        desk.wait_ns(PLACE_PAUSE_NS + 100_000_000).sent(sent);
    }
}

#[test]
fn levels_that_shrink_bring_an_order_forward() {
    let mut desk = rests_beside_a_queue_of(20, Moving::Sticky);
    // Those before it go; others come later, behind it.
    bids(&mut desk, 0, &[(9_990, 12)]);
    desk.wait_ns(PLACE_PAUSE_NS + 100_000_000).sent(&[]);
    bids(&mut desk, 0, &[(9_990, 300)]);
    desk.wait_ns(2 * PLACE_PAUSE_NS + 100_000_000).sent(&[]);
    // The same without the look in between: nobody knows that the order has come forward.
    let mut desk = rests_beside_a_queue_of(20, Moving::Sticky);
    bids(&mut desk, 0, &[(9_990, 300)]);
    desk.wait_ns(PLACE_PAUSE_NS + 100_000_000).sent(&["v0 cancel #1"]);
}

#[test]
fn a_gain_below_the_accounts_threshold_moves_nothing() {
    for (gain_ppm, sent) in [(100, &["v0 cancel #1"][..]), (1_500, &[])] {
        let mut desk = rests_beside_a_queue_of(1, Moving::Sticky);
        moves(&mut desk, Moving::Sticky, gain_ppm);
        desk.wait_ns(PLACE_PAUSE_NS + 100_000_000).sent(sent);
    }
}

#[test]
fn an_order_moves_only_where_it_could_rest_and_stays_with_a_child_that_is_not_known() {
    type Change = fn(&mut Desk);
    let cases: [(&str, Change); 7] = [
        ("drained", |desk| {
            desk.operator(OperatorCommand::DrainVenue(V1));
        }),
        ("down", |desk| {
            desk.input(Input::VenueDown(V1, VenueDownReason::LinkLost));
        }),
        ("below the minimum", |desk| {
            desk.listing(V1, |listing| listing.qty_min = Qty(11));
        }),
        ("too large for one order there", |desk| {
            desk.listing(V1, |listing| listing.qty_max = Qty(9));
        }),
        ("no funds", |desk| {
            let (venue, asset) = (V1, crate::desk::USD);
            desk.input(Input::Balance { venue, asset, total: Amount(0) });
        }),
        ("the account does not use it", |desk| {
            desk.routing(|terms| terms.denied = [V1].into_iter().collect());
        }),
        ("in doubt", |desk| {
            desk.venue(1, "unsure");
        }),
    ];
    for (why, change) in cases {
        let mut desk = rests_beside_a_queue_of(1, Moving::Sticky);
        change(&mut desk);
        for _ in 0..5 {
            desk.wait_ns(10 * PLACE_PAUSE_NS);
        }
        assert!(!desk.child(1).cancel_wanted, "{why}");
    }
}

#[test]
fn an_order_does_not_leave_for_a_backup_venue_and_may_leave_one() {
    let mut desk = rests_beside_a_queue_of(1, Moving::Sticky);
    desk.routing(|terms| terms.backup = [V1].into_iter().collect());
    desk.wait_ns(PLACE_PAUSE_MAX_NS).sent(&[]);
    desk.routing(|terms| terms.backup = [V0].into_iter().collect());
    desk.wait_ns(PLACE_PAUSE_MAX_NS).sent(&["v0 cancel #1"]);
}

#[test]
fn an_order_that_was_replaced_is_looked_at_by_its_new_limit() {
    let mut desk = rests_beside_a_queue_of(1, Moving::Better);
    desk.client("replace a buy 10 @ 9989 gtc").sent(&["v0 cancel #1"]).venue(1, "done 0");
    let first = desk.child(2).venue;
    desk.venue(2, "accepted").outputs.clear();
    bids(&mut desk, first.0, &[(9_989, 900)]);
    bids(&mut desk, 1 - first.0, &[(9_980, 5)]);
    desk.wait_ns(PLACE_PAUSE_NS + 100_000_000);
    assert_eq!(desk.child(2).state(), ChildState::PendingCancel);
}

#[test]
fn a_move_on_the_way_obeys_the_client_and_a_refused_cancel() {
    let moving = || {
        let mut desk = rests_beside_a_queue_of(1, Moving::Sticky);
        desk.wait_ns(PLACE_PAUSE_NS + 100_000_000).sent(&["v0 cancel #1"]);
        desk
    };
    let mut desk = moving();
    desk.client("cancel a").venue(1, "done 0").sent(&[]);
    desk.client_saw(&["a canceling", "a Canceled ClientRequest filled 0"]);
    let mut desk = moving();
    desk.venue(1, "fill 10 @ 9990").client_saw(&["a trade 10 @ 9990 leaves 0"]).sent(&[]);
    let mut desk = moving();
    desk.venue(1, "cancel-rejected").sent(&["v0 query #1"]).venue(1, "open 0");
    assert_eq!(waits(&mut desk, 1), Waiting::Nothing);
    // Later it is tried again, while the other place is better.
    desk.wait_ns(PLACE_PAUSE_MAX_NS).sent(&["v0 cancel #1"]);
}

#[test]
fn an_order_changes_its_place_a_bounded_number_of_times_a_minute_and_says_so() {
    let mut desk = desk();
    moves(&mut desk, Moving::Better, 1);
    desk.client("a buy 10 @ 9990 gtc").venue(1, "accepted");
    desk.now.0 += MOVE_WINDOW_NS;
    let (mut child, mut made) = (1, 0);
    for _ in 0..30 {
        let venue = desk.child(child).venue.0;
        bids(&mut desk, venue, &[(9_990, 900)]);
        bids(&mut desk, 1 - venue, &[(9_980, 50)]);
        desk.wait_ns(PLACE_PAUSE_NS + 100_000_000);
        if desk.child(child).state() == ChildState::PendingCancel {
            desk.venue(child, "done 0");
            (child, made) = (child + 1, made + 1);
            desk.venue(child, "accepted");
        }
    }
    assert_eq!(made, MOVES_PER_WINDOW_MAX);
    assert_eq!(waits(&mut desk, 1), Waiting::MoveLimit);
    desk.wait_ns(MOVE_WINDOW_NS).wait_ns(PLACE_PAUSE_MAX_NS);
    assert_eq!(desk.child(child).state(), ChildState::PendingCancel, "a new minute");
}

#[test]
fn what_another_venue_offers_is_taken_and_not_waited_for_at_a_better_place() {
    let mut desk = rests_beside_a_queue_of(1, Moving::Sticky);
    desk.book(1, &[(9_980, 5)], &[(9_990, 4)]).wait_ns(PLACE_PAUSE_NS + 100_000_000);
    desk.sent(&["v0 cancel #1"]).venue(1, "done 0");
    assert_eq!(desk.child(2).tif, TimeInForce::Ioc);
}

#[test]
fn one_input_looks_at_a_bounded_number_of_places_and_the_others_are_next() {
    let mut desk = desk();
    desk.account(|account| {
        (account.limits.open_orders_max, account.limits.rate_per_s) = (1_000, 100_000);
    });
    desk.listing(V1, |listing| listing.maker_fee = FeePpm(5_000));
    let orders = 2 * PLACES_PER_INPUT_MAX as u64 + 10;
    for nth in 1..=orders {
        desk.client(&format!("o{nth} buy 1 @ 9900 gtc")).venue(nth, "accepted");
    }
    desk.outputs.clear();
    desk.listing(V1, |listing| listing.maker_fee = FeePpm(-5_000));
    desk.now.0 += PLACE_PAUSE_NS;
    let mut moved = Vec::new();
    for _ in 0..3 {
        desk.now = desk.engine.next_timer().expect("a look").max(desk.now);
        desk.input(Input::Tick);
        let is_cancel = |output: &&Output| matches!(output, Output::SendCancel(_));
        moved.push(desk.outputs.iter().filter(is_cancel).count());
        desk.outputs.clear();
    }
    assert_eq!(moved, [PLACES_PER_INPUT_MAX, PLACES_PER_INPUT_MAX, 10]);
}
