//! What venues tell of their own listings while they run: filters, and whether the market is open.
//!
//! A line belongs here if it is about the venue's own instrument data.

use rutter_core::id::*;
use rutter_core::input::*;
use rutter_core::number::*;
use rutter_core::output::*;
use rutter_core::ticks::Ticks;

use super::desk::*;

const V0: VenueId = VenueId(0);
const V1: VenueId = VenueId(1);

fn desk(venues: u8) -> Desk {
    let mut desk = Desk::with_venues(venues);
    for venue in 0..venues {
        desk.book(venue, &[(9_990, 1_000)], &[(10_000, 1_000)]);
    }
    desk.outputs.clear();
    desk
}

fn market(venue: VenueId, status: MarketStatus) -> Input {
    Input::Market { venue, instrument: PAIR, status }
}

/// The filters of the listing as it is now, changed.
fn told(desk: &Desk, venue: VenueId, change: impl FnOnce(&mut ListingTerms)) -> Input {
    let listing = desk.engine.reference().listing(PAIR, venue).expect("listed");
    let mut terms = ListingTerms::from(listing);
    change(&mut terms);
    Input::VenueTerms(terms)
}

/// Two venues, of which the second is halted: it takes nothing, and its filters let clients' orders
/// in that the first venue does not take as they are.
fn one_of_two() -> Desk {
    let mut desk = desk(2);
    desk.input(market(V1, MarketStatus::Halted));
    desk.outputs.clear();
    desk
}

/// Venue, quantity and price of the children sent since the last look.
fn sent(desk: &mut Desk) -> Vec<(u8, i64, i64)> {
    let each = desk.outputs.iter().filter_map(|output| match output {
        Output::SendNew(send) => Some((send.venue.0, send.qty.0, send.price.0)),
        _ => None,
    });
    let all = each.collect();
    desk.outputs.clear();
    all
}

#[test]
fn a_market_that_its_venue_closes_gets_nothing_until_the_venue_opens_it() {
    for status in MarketStatus::ALL.into_iter().filter(|status| !status.is_open()) {
        let mut desk = desk(2);
        desk.input(market(V0, status));
        let closed = Output::Notice(Notice::Market(V0, PAIR, status));
        assert!(desk.outputs.contains(&closed), "{status:?}");
        desk.outputs.clear();
        desk.client("a buy 10 @ 10000 ioc");
        let venues: Vec<u8> = sent(&mut desk).iter().map(|child| child.0).collect();
        assert_eq!(venues, [1], "{status:?}");
        desk.input(market(V0, MarketStatus::Open));
        desk.input(market(V1, MarketStatus::Halted));
        desk.outputs.clear();
        desk.client("b buy 10 @ 10000 ioc");
        let venues: Vec<u8> = sent(&mut desk).iter().map(|child| child.0).collect();
        assert_eq!(venues, [0], "{status:?}");
    }
}

#[test]
fn an_order_that_waits_for_a_closed_market_goes_when_the_venue_opens_it() {
    let mut desk = desk(1);
    desk.input(market(V0, MarketStatus::CancelOnly));
    desk.client("a buy 10 @ 10000 gtc");
    assert_eq!(sent(&mut desk), []);
    desk.input(market(V0, MarketStatus::Open));
    assert_eq!(sent(&mut desk).len(), 1);
}

#[test]
fn a_pause_after_a_refusal_ends_when_the_venue_opens_the_market_and_not_with_each_status() {
    let mut desk = desk(1);
    desk.client("a buy 10 @ 10000 gtc");
    let child = desk.outputs.iter().find_map(|output| match output {
        Output::SendNew(send) => Some(send.child.0),
        _ => None,
    });
    desk.venue(child.expect("sent"), "rejected MarketClosed");
    sent(&mut desk);
    // The venue's own list says that the market is open all the time: the refusal is about us.
    desk.input(market(V0, MarketStatus::Open));
    assert_eq!(sent(&mut desk), []);
    desk.input(market(V0, MarketStatus::Halted));
    desk.input(market(V0, MarketStatus::Open));
    assert_eq!(sent(&mut desk).len(), 1);
}

#[test]
fn a_larger_tick_lot_and_minimum_of_the_venue_hold_for_the_next_child() {
    let mut desk = one_of_two();
    let terms = told(&desk, V0, |terms| {
        terms.ticks = Ticks::fixed(Price(50));
        terms.lot = Qty(7);
        terms.qty_min = Qty(14);
    });
    desk.input(terms);
    assert!(desk.outputs.iter().any(|o| matches!(o, Output::Notice(Notice::Terms(_)))));
    desk.input(terms);
    let notices = desk.outputs.iter().filter(|o| matches!(o, Output::Notice(Notice::Terms(_))));
    assert_eq!(notices.count(), 1, "the same terms again are no news");
    desk.outputs.clear();
    desk.client("a buy 20 @ 9910 gtc");
    assert_eq!(sent(&mut desk), [(0, 14, 9_900)]);
    desk.client("b buy 13 @ 9910 gtc");
    assert_eq!(sent(&mut desk), [], "below the venue's minimum");
}

/// The book is of before the change of the tick. No child has a price that the venue would refuse.
#[test]
fn a_level_beside_the_present_ticks_is_taken_at_a_price_on_them() {
    let mut desk = one_of_two();
    desk.book(0, &[(9_990, 1_000)], &[(10_003, 5), (10_008, 1_000)]);
    let terms = told(&desk, V0, |terms| terms.ticks = Ticks::fixed(Price(5)));
    desk.input(terms);
    desk.outputs.clear();
    desk.client("a buy 20 @ 10020 fok");
    assert_eq!(sent(&mut desk), [(0, 20, 10_010)]);
    desk.client("b buy 20 @ 10009 fok");
    assert_eq!(sent(&mut desk), [], "no price on the ticks reaches 10008 within the limit");
    desk.client("c buy 20 @ 10009 ioc");
    for (_, _, price) in sent(&mut desk) {
        assert_eq!(price % 5, 0);
    }
}

#[test]
fn what_rests_stays_and_what_waits_for_a_smaller_lot_goes_when_the_venue_takes_it() {
    let mut desk = one_of_two();
    let coarse = told(&desk, V0, |terms| terms.lot = Qty(7));
    let fine = told(&desk, V0, |_| {});
    desk.input(coarse);
    desk.client("a buy 20 @ 9900 gtc");
    assert_eq!(sent(&mut desk), [(0, 14, 9_900)]);
    desk.input(fine);
    let children = sent(&mut desk);
    assert_eq!(children, [(0, 6, 9_900)], "the rest goes, and the first child is not touched");
}

#[test]
fn a_configured_filter_is_kept_beside_the_venues() {
    let mut desk = desk(1);
    desk.listing(V0, |listing| listing.lot = Qty(4));
    let terms = told(&desk, V0, |terms| {
        terms.lot = Qty(6);
        terms.qty_max = Qty(60);
    });
    desk.input(terms);
    let held = *desk.engine.reference().listing(PAIR, V0).expect("listed");
    assert_eq!((held.lot, held.qty_max), (Qty(12), Qty(60)));
    // A new start defines the listing again: what the venue has told still holds.
    desk.listing(V0, |listing| listing.lot = Qty(5));
    let held = *desk.engine.reference().listing(PAIR, V0).expect("listed");
    assert_eq!((held.lot, held.qty_max), (Qty(30), Qty(60)));
    let (own, told) = desk.engine.reference().terms_of(PAIR, V0).expect("listed");
    assert_eq!((own.lot, told.map(|told| told.lot)), (Qty(5), Some(Qty(6))));
}

#[test]
fn terms_that_no_order_satisfies_close_the_listing_and_better_ones_open_it() {
    let mut desk = desk(1);
    let usual = told(&desk, V0, |_| {});
    let most = desk.engine.reference().listing(PAIR, V0).expect("listed").qty_max;
    let terms = told(&desk, V0, |terms| {
        (terms.qty_min, terms.qty_max) = (Qty(most.0 + 1), Qty(most.0 + 1));
    });
    desk.input(terms);
    assert!(!desk.engine.reference().listing(PAIR, V0).expect("listed").enabled);
    desk.input(usual);
    assert!(desk.engine.reference().listing(PAIR, V0).expect("listed").enabled);
}

#[test]
fn news_of_a_market_that_is_not_listed_changes_nothing() {
    let mut desk = desk(1);
    desk.input(Input::Market { venue: V1, instrument: PAIR, status: MarketStatus::Halted });
    desk.input(Input::Market {
        venue: V0,
        instrument: InstrumentId(9),
        status: MarketStatus::Halted,
    });
    let bad = Output::Notice(Notice::BadReference);
    assert_eq!(desk.outputs.iter().filter(|output| **output == bad).count(), 2);
}

#[test]
fn a_further_account_obeys_filters_and_status_of_the_venue_whose_books_it_uses() {
    let mut desk = desk(1);
    desk.further_account(1, 0);
    desk.routing(|terms| terms.denied = [V0].into_iter().collect());
    desk.outputs.clear();
    let terms = told(&desk, V0, |terms| terms.lot = Qty(5));
    desk.input(terms);
    let lot = desk.engine.reference().listing(PAIR, V1).expect("listed").lot;
    assert_eq!(lot, Qty(5), "the venue's filters hold for all its accounts");
    desk.input(market(V0, MarketStatus::Halted));
    desk.client("a buy 10 @ 10000 gtc");
    assert_eq!(sent(&mut desk), []);
    desk.input(market(V0, MarketStatus::Open));
    let venues: Vec<u8> = sent(&mut desk).iter().map(|child| child.0).collect();
    assert_eq!(venues, [1]);
}
