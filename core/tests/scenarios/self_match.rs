//! Our own orders meet: at a venue that prevents it, within one owner, and between owners.

use crate::desk::Desk;
use crate::waiting::waits;
use rutter_core::id::{ChildId, OrderId};
use rutter_core::output::{ChildEnd, Notice};
use rutter_core::waiting::Waiting;

const MS: u64 = 1_000_000;

/// A venue with more quantity than any order of the test asks for.
fn deep(venues: u8) -> Desk {
    let mut desk = Desk::with_venues(venues);
    for venue in 0..venues {
        desk.book(venue, &[(9_990, 50)], &[(10_010, 50)]);
    }
    desk
}

/// The other order is perhaps none of this node's: nothing tells when it is gone.
#[test]
fn what_a_venue_ends_for_a_match_with_our_own_order_goes_elsewhere_and_is_no_fade() {
    for news in ["self-matched 0", "found-self-matched 0", "rejected SelfMatch"] {
        let mut desk = deep(2);
        desk.listing(rutter_core::id::VenueId(1), |l| l.taker_fee.0 = 3_000);
        desk.client("a buy 5 @ 10010 ioc").sent(&["v0 new buy 5 @ 10010 Ioc #1"]);
        desk.venue(1, news).sent(&["v1 new buy 5 @ 10010 Ioc #2"]);
        let order = desk.engine.order(OrderId(1)).expect("an order");
        assert!(!order.faded.has(rutter_core::id::VenueId(0)), "{news}");
        desk.venue(2, "fill 5 @ 10010");
        // Other orders go there as before, and no breaker counts.
        for child in 3..20 {
            desk.outputs.clear();
            desk.client(&format!("o{child} buy 1 @ 10010 ioc")).venue(child, news);
            assert!(!desk.notices().iter().any(|n| matches!(n, Notice::Breaker(..))));
        }
    }
}

#[test]
fn the_word_for_it_is_told_to_client_and_operator() {
    let mut desk = deep(1);
    desk.client("a buy 5 @ 10010 ioc").venue(1, "fill 2 @ 10010").venue(1, "self-matched 2");
    let told = desk.notices();
    assert!(told.iter().any(|n| matches!(n, Notice::ChildEnded(.., ChildEnd::SelfMatched))));
    desk.client_saw_last("a Canceled SelfMatch filled 2");

    // An order that can wait does so with a word, and is tried again.
    desk.client("b buy 5 @ 10010 gtc").venue(2, "accepted").venue(2, "self-matched 0");
    assert_eq!(waits(&mut desk, 2), Waiting::OwnOrder);
    desk.outputs.clear();
    desk.wait_ns(900 * MS).sent(&[]).wait_ns(100 * MS).sent(&["v0 new buy 5 @ 10010 Ioc #3"]);
}

/// An order of another system on the same account rests as long as it likes: nine orders a second
/// used up the rate of the venue for all orders of the node.
#[test]
fn an_order_that_meets_the_venues_prevention_again_and_again_is_sent_ever_more_seldom() {
    for venues in 1..=3_u8 {
        let mut desk = deep(venues);
        for venue in 0..venues {
            desk.venue_terms(venue, |terms| terms.stale_after_ns = u64::MAX / 2);
        }
        desk.client("b buy 5 @ 10010 gtc");
        let (start, mut child, mut sent) = (desk.now, 1, Vec::new());
        // Ten minutes, in which a book changes now and then.
        for tick in 0..6_000 {
            while desk.engine.child(ChildId(child)).is_some() {
                sent.push(desk.now.since(start) / (1_000 * MS));
                desk.venue(child, "self-matched 0");
                child += 1;
            }
            desk.wait_ns(100 * MS);
            if tick % 7 == 0 {
                desk.book(0, &[(9_990, 50)], &[(10_010, 50 + tick % 3)]);
            }
        }
        assert_eq!(waits(&mut desk, 1), Waiting::OwnOrder);
        let most = usize::from(venues) * 16;
        assert!((15..=most).contains(&sent.len()), "{venues} venues: {sent:?}");
        if venues == 1 {
            assert_eq!(sent[..7], [0, 1, 3, 7, 15, 31, 63], "and then once a minute");
            assert_eq!(sent.len(), 15);
        }
        // It is tried as long as it lives, and goes when the other order is gone.
        assert!(sent.iter().any(|second| *second > 500), "{sent:?}");
    }
}

/// The pauses belong to the terms, and to one meeting of the two orders.
#[test]
fn a_replaced_order_and_one_that_long_met_nothing_are_tried_at_once() {
    let mut desk = deep(1);
    desk.venue_terms(0, |terms| terms.stale_after_ns = u64::MAX / 2);
    desk.client("b buy 5 @ 10010 gtc").venue(1, "self-matched 0").outputs.clear();
    desk.client("replace b buy 6 @ 10010 gtc").sent(&["v0 new buy 6 @ 10010 Ioc #2"]);
    desk.venue(2, "self-matched 0").wait_ns(1_000 * MS).sent(&["v0 new buy 6 @ 10010 Ioc #3"]);
    desk.venue(3, "self-matched 0").wait_ns(1_000 * MS).sent(&[]);
    desk.wait_ns(1_000 * MS).sent(&["v0 new buy 6 @ 10010 Ioc #4"]);
    desk.venue(4, "fill 1 @ 10010").wait_ns(200_000 * MS).venue(4, "self-matched 1").sent(&[]);
    desk.wait_ns(1_000 * MS).sent(&["v0 new buy 5 @ 10010 Ioc #5"]);
}

/// The end tells more than the executions that have come: they are awaited, and the word is kept.
#[test]
fn a_match_with_our_own_order_is_no_fade_when_its_executions_come_late() {
    let mut desk = deep(1);
    desk.client("a buy 5 @ 10010 ioc").venue(1, "self-matched 2").venue(1, "fill 2 @ 10010");
    desk.client_saw_last("a Canceled SelfMatch filled 2");
}
