//! A move brings its order something. While nothing else changes, an order that is called back
//! never rests again where it was, as if nothing had happened.

use rutter_core::id::VenueId;
use rutter_core::input::*;
use rutter_core::number::{FeePpm, Qty};
use rutter_core::output::Output;
use rutter_core::resting::OFFER_AGE_NS;
use rutter_core::venue_set::VenueSet;
use rutter_test_support::random::Random;
use rutter_test_support::seeds;

use crate::desk::Desk;

const CASES: u64 = 400;
const VENUES: u8 = 3;

/// Venues with fees and tiers of all kinds and no minimums, none of which offers within 100.00.
fn market(random: &mut Random) -> Desk {
    let mut desk = Desk::with_venues(VENUES);
    for venue in 0..VENUES {
        desk.venue_terms(venue, |terms| terms.stale_after_ns = u64::MAX / 2);
        let fee = random.pick(&[0, 10, 500]);
        desk.listing(VenueId(venue), |listing| {
            (listing.maker_fee, listing.taker_fee) = (FeePpm(fee), FeePpm(2 * fee));
            listing.qty_max = Qty(40);
        });
        desk.book(venue, &[(9_970, 50)], &[(10_030, 50)]);
    }
    let backup: VenueSet = (0..VENUES).filter(|_| random.in_100(40)).map(VenueId).collect();
    // Moves to a better place to wait have tests of their own.
    desk.routing(|terms| (terms.backup, terms.moving) = (backup, Moving::Never));
    desk
}

/// One order rests, and one venue after the other offers within its limit.
fn run(seed: u64) -> (u64, u64) {
    let mut random = Random::new(seed);
    let mut desk = market(&mut random);
    let qty = 1 + random.below(30);
    desk.client(&format!("a buy {qty} @ 10000 gtc"));
    let (mut moves, mut vain) = (0, 0);
    for _ in 0..6 {
        accept_all(&mut desk);
        let venue = random.below(u64::from(VENUES)) as u8;
        let (price, shown) = (9_980 + random.below(30) as i64, 1 + random.below(20) as i64);
        desk.book(venue, &[(9_970, 50)], &[(price, shown), (10_030, 50)]);
        accept_all(&mut desk);
        desk.wait_ns(OFFER_AGE_NS).wait_ns(2_000_000_000).wait_ns(OFFER_AGE_NS);
        let called: Vec<u64> = desk
            .outputs
            .drain(..)
            .filter_map(|output| match output {
                Output::SendCancel(cancel) => Some(cancel.child.0),
                _ => None,
            })
            .collect();
        if called.is_empty() {
            continue;
        }
        moves += 1;
        for child in called {
            desk.venue(child, "done 0");
        }
        let takes = |output: &Output| match output {
            Output::SendNew(new) => new.tif == TimeInForce::Ioc,
            _ => false,
        };
        vain += u64::from(!desk.outputs.iter().any(takes));
    }
    (moves, vain)
}

/// The venues take each child, and execute those that take as a whole.
fn accept_all(desk: &mut Desk) {
    // Ends: an execution leaves less of the order, and there are few children.
    while let Some(new) = desk.outputs.iter().find_map(|output| match output {
        Output::SendNew(new) => Some(*new),
        _ => None,
    }) {
        desk.outputs.retain(|output| !matches!(output, Output::SendNew(n) if n.child == new.child));
        match new.tif {
            TimeInForce::Ioc => {
                desk.venue(new.child.0, &format!("fill {} @ {}", new.qty.0, new.price.0));
            }
            TimeInForce::Day | TimeInForce::Gtc | TimeInForce::Gtd | TimeInForce::Fok => {
                desk.venue(new.child.0, "accepted");
            }
        }
    }
    desk.outputs.clear();
}

#[test]
fn an_order_that_is_called_back_takes_something_while_nothing_else_changes() {
    let mut moves = 0;
    for seed in seeds::chosen(CASES) {
        seeds::run(seed, "scenarios vain_moves::", || {
            let (made, vain) = run(seed);
            moves += made;
            assert_eq!(vain, 0, "of {made} moves");
        });
    }
    assert!(moves > CASES / 8, "{moves} moves");
}
