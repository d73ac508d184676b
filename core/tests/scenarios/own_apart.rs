//! Our own orders meet while cancels wait and venues go away.

use rutter_core::id::{ChildId, OrderId, SessionId, VenueId};
use rutter_core::input::*;
use rutter_core::number::Qty;
use rutter_core::output::Output;
use rutter_core::waiting::Waiting;

use crate::desk::Desk;
use crate::own_orders::desk_of;
use crate::waiting::waits;

const MS: u64 = 1_000_000;

fn says(desk: &mut Desk, id: u16, words: &str) {
    desk.session = SessionId(id);
    desk.client(words);
}

/// The first client rests with a sell of 4 at 100.05; others offer 50 behind it.
fn rests(venues: u8, owners: &[&str]) -> Desk {
    let mut desk = desk_of(venues, owners);
    for venue in 0..venues {
        desk.book(venue, &[(9_990, 50)], &[(10_010, 50)]);
    }
    desk.client("a sell 4 @ 10005 gtc").venue(1, "accepted");
    desk.book(0, &[(9_990, 50)], &[(10_005, 4), (10_010, 50)]).outputs.clear();
    desk
}

/// The venue takes no cancel for half a second.
fn no_cancels(desk: &mut Desk) {
    desk.input(Input::CancelRejected {
        venue: VenueId(0),
        child: ChildId(99),
        reason: VenueReject::RateLimit,
        retry_after_ns: 500 * MS,
    });
}

/// Its owner's cancel waits for the venue: an order that waits for it goes when it has ended, and
/// one that does not wait goes past nothing.
#[test]
fn an_order_that_does_not_wait_counts_on_no_cancel_that_is_not_sent() {
    for tif in ["ioc", "gtc"] {
        let mut desk = rests(1, &["x", "x"]);
        no_cancels(&mut desk);
        says(&mut desk, 0, "cancel a");
        desk.sent(&[]).outputs.clear();
        says(&mut desk, 1, &format!("b buy 10 @ 10010 {tif}"));
        desk.sent(&[]);
        if tif == "ioc" {
            desk.client_saw_last("b Canceled SelfMatch filled 0");
        } else {
            assert_eq!(waits(&mut desk, 2), Waiting::OwnOrder);
        }
        desk.outputs.clear();
        desk.wait_ns(600 * MS).sent(&["v0 cancel #1"]).outputs.clear();
        desk.venue(1, "done 0");
        match tif {
            "ioc" => desk.sent(&[]),
            _ => desk.sent(&["v0 new buy 10 @ 10010 Ioc #2"]),
        };
    }
}

/// Two resting orders make way for a third one, and the link is lost before their ends are told.
#[test]
fn a_venue_that_goes_down_while_two_orders_make_way_leaves_each_where_its_venue_has_it() {
    for found in ["open", "gone"] {
        let mut desk = rests(1, &["x", "y", "z"]);
        says(&mut desk, 1, "c sell 3 @ 10006 gtc");
        desk.venue(2, "accepted");
        desk.book(0, &[(9_990, 50)], &[(10_005, 4), (10_006, 3), (10_010, 50)]).outputs.clear();
        says(&mut desk, 2, "b buy 20 @ 10010 gtc");
        desk.sent(&["v0 cancel #1", "v0 cancel #2"]);
        desk.input(Input::VenueDown(VenueId(0), VenueDownReason::LinkLost)).outputs.clear();
        desk.wait_ns(200 * MS).sent(&[]);
        // Nothing goes in their place while nobody knows what has become of them.
        assert!(desk.engine.order(OrderId(3)).is_some_and(|b| b.unplaced() == Qty(20)));
        desk.input(Input::VenueUp(VenueId(0)));
        desk.book(0, &[(9_990, 50)], &[(10_005, 4), (10_006, 3), (10_010, 50)]).outputs.clear();
        desk.venue(1, &format!("{found} 0")).venue(2, &format!("{found} 0"));
        // What the link's loss has left in the way is called back once more.
        let mut went = Vec::new();
        for _ in 0..10 {
            desk.wait_ns(100 * MS);
            for output in core::mem::take(&mut desk.outputs) {
                match output {
                    Output::SendCancel(cancel) => _ = desk.venue(cancel.child.0, "done 0"),
                    Output::SendNew(new) => went.push((new.order.0, new.side, new.qty.0)),
                    _ => {}
                }
            }
        }
        went.retain(|(order, ..)| *order == 3);
        assert_eq!(went, [(3, Side::Buy, 20)], "{found}");
        for order in 1..=3 {
            let order = desk.engine.order(OrderId(order)).expect("open");
            assert!(order.unplaced().is_zero(), "{found}: {order:?}");
            assert_eq!(order.waiting, Waiting::Nothing, "{found}: {order:?}");
        }
    }
}

/// A venue's feed may tell that the resting order is gone before its order entry does. Whatever the
/// book shows meanwhile, the order that comes in waits for the end, and goes.
#[test]
fn an_order_that_does_not_wait_goes_after_the_end_though_the_book_told_of_it_first() {
    type Levels = &'static [(i64, i64)];
    let books: [Levels; 4] = [&[], &[(10_050, 50)], &[(10_005, 1)], &[(10_005, 4)]];
    for tif in ["ioc", "fok"] {
        for asks in books {
            let mut desk = rests(1, &["x", "x"]);
            says(&mut desk, 1, &format!("b buy 10 @ 10010 {tif}"));
            desk.sent(&["v0 cancel #1"]);
            desk.book(0, &[(9_990, 50)], asks).sent(&[]);
            assert_eq!(waits(&mut desk, 2), Waiting::CallingBack, "{tif} {asks:?}");
            desk.book(0, &[(9_990, 50)], &[(10_010, 50)]).outputs.clear();
            let word = if tif == "fok" { "Fok" } else { "Ioc" };
            desk.venue(1, "done 0").sent(&[&format!("v0 new buy 10 @ 10010 {word} #2")]);
        }
    }
}

#[test]
fn an_order_whose_way_is_cleared_for_nothing_is_told_that_nothing_is_there() {
    let mut desk = rests(1, &["x", "x"]);
    says(&mut desk, 1, "b buy 10 @ 10010 ioc");
    desk.book(0, &[(9_990, 50)], &[(10_050, 50)]).outputs.clear();
    desk.venue(1, "done 0").sent(&[]);
    desk.client_saw_last("b Canceled NoLiquidity filled 0");
}

/// The order is at its venue, and the book of the venue does not show it yet.
#[test]
fn an_order_of_the_same_owner_that_the_book_does_not_show_makes_way_too() {
    for asks in [&[(10_050, 50)][..], &[]] {
        let mut desk = desk_of(1, &["x", "x"]);
        desk.book(0, &[(9_990, 50)], asks);
        desk.client("a sell 4 @ 10005 gtc").venue(1, "accepted").outputs.clear();
        // Nothing is called back for an order that does not reach it.
        says(&mut desk, 1, "b buy 10 @ 10004 ioc");
        desk.sent(&[]).client_saw_last("b Canceled NoLiquidity filled 0");
        desk.outputs.clear();
        says(&mut desk, 1, "c buy 10 @ 10005 ioc");
        desk.sent(&["v0 cancel #1"]);
        assert_eq!(waits(&mut desk, 3), Waiting::CallingBack);
        desk.outputs.clear();
        desk.venue(1, "done 0").sent(&[]);
        desk.client_saw(&[
            "a Canceled SelfMatchResting filled 0",
            "c Canceled NoLiquidity filled 0",
        ]);
    }
}

#[test]
fn an_order_of_another_owner_that_the_book_does_not_show_keeps_its_place() {
    let mut desk = desk_of(1, &["x", "y"]);
    desk.book(0, &[(9_990, 50)], &[(10_050, 50)]);
    desk.client("a sell 4 @ 10005 gtc").venue(1, "accepted").outputs.clear();
    says(&mut desk, 1, "b buy 10 @ 10005 ioc");
    desk.sent(&[]).client_saw_last("b Canceled SelfMatch filled 0");
}

/// Others stand beside the first order in the way, and nobody behind the second one.
#[test]
fn only_the_orders_make_way_behind_which_others_offer_something() {
    let mut desk = desk_of(1, &["x", "y", "z"]);
    desk.book(0, &[(9_990, 50)], &[(10_005, 5), (10_050, 50)]);
    desk.client("a sell 4 @ 10005 gtc").venue(1, "accepted");
    says(&mut desk, 2, "c sell 4 @ 10008 gtc");
    desk.venue(2, "accepted");
    desk.book(0, &[(9_990, 50)], &[(10_005, 9), (10_008, 4), (10_050, 50)]).outputs.clear();
    says(&mut desk, 1, "b buy 20 @ 10010 ioc");
    desk.sent(&["v0 cancel #1"]).venue(1, "done 0");
    desk.sent(&["v0 new buy 5 @ 10005 Ioc #3", "v0 new sell 4 @ 10005 Gtc #4"]);
    // What others offer behind the second one is worth a way for both.
    desk.venue(3, "fill 5 @ 10005").venue(4, "accepted");
    desk.book(0, &[(9_990, 50)], &[(10_005, 4), (10_008, 10), (10_050, 50)]).outputs.clear();
    says(&mut desk, 1, "d buy 20 @ 10010 ioc");
    desk.sent(&["v0 cancel #4", "v0 cancel #2"]);
}
