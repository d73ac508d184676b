//! Orders that rest by share: how much rests where, and what follows when a place ends, another
//! venue becomes better, or one offers something.

use rutter_core::engine::HOLD_NS;
use rutter_core::id::{AccountId, VenueId};
use rutter_core::input::*;
use rutter_core::number::{Amount, FeePpm, Price, Qty, UnixNanos};
use rutter_core::output::{Notice, Previewed};
use rutter_core::resting::PLACE_PAUSE_MAX_NS;
use rutter_core::strategy::{REST_AT_BEST, REST_BY_SHARE};
use rutter_core::waiting::Waiting;
use rutter_test_support::random::Random;
use rutter_test_support::seeds;

use crate::desk::{Desk, PAIR, UNIT, USD};
use crate::waiting::waits;

const CASES: u64 = 2_000;

/// So much trades at a venue against bids.
fn trades(desk: &mut Desk, venue: u8, qty: i64) {
    desk.input(Input::Trade(PublicTrade {
        venue: VenueId(venue),
        instrument: PAIR,
        taker: Some(Side::Sell),
        price: Price(9_990),
        qty: Qty(qty),
        id: 1,
        count: 1,
        time: UnixNanos(u64::MAX),
        late: false,
    }));
}

/// Where the account's orders rest.
fn rests(desk: &mut Desk, change: impl FnOnce(&mut RestDef)) {
    let mut def = RestDef { by: RestBy::Share, ..RestDef::usual(AccountId(0)) };
    change(&mut def);
    desk.input(Input::Rest(def));
}

/// Venues where so much is bid at 99.90, and so much trades there; the next offer is at 100.10. The
/// account's orders rest by share.
fn desk(venues: &[(i64, i64)]) -> Desk {
    let mut desk = Desk::with_venues(venues.len() as u8);
    for (venue, &(bid, traded)) in (0..).zip(venues) {
        desk.venue_terms(venue, |terms| {
            (terms.stale_after_ns, terms.unanswered_max) = (u64::MAX / 2, 1_000);
            terms.rate_orders = 100_000;
        });
        desk.book(venue, &[(9_990, bid)], &[(10_010, 50)]);
        trades(&mut desk, venue, traded);
    }
    rests(&mut desk, |_| {});
    desk.outputs.clear();
    desk
}

/// Three venues, where four, five and one tenths of a minute's order of 10 are expected to fill.
fn three() -> Desk {
    desk(&[(50, 40), (10, 20), (80, 10)])
}

#[test]
fn what_rests_is_shared_by_how_fast_each_place_is_expected_to_fill() {
    let mut desk = three();
    let told = desk.asked_about("a buy 10 @ 9990 gtc", |_| {});
    let shown = told.iter().filter_map(|part| match part {
        Previewed::Venue { rest: Some(rest), .. } => Some((rest.venue.0, rest.qty.0)),
        Previewed::Venue { .. } | Previewed::Order { .. } | Previewed::Bridge(_) => None,
    });
    assert_eq!(shown.collect::<Vec<_>>(), [(0, 4), (1, 5), (2, 1)], "as a preview tells");
    desk.client("a buy 10 @ 9990 gtc").sent(&[
        "v1 new buy 5 @ 9990 Gtc #1",
        "v0 new buy 4 @ 9990 Gtc #2",
        "v2 new buy 1 @ 9990 Gtc #3",
    ]);
    assert_eq!(waits(&mut desk, 1), Waiting::Nothing);
}

#[test]
fn an_order_takes_first_and_only_the_rest_is_shared() {
    let mut desk = three();
    desk.book(2, &[(9_980, 1)], &[(9_990, 3), (10_010, 50)]);
    trades(&mut desk, 2, 1_000);
    desk.client("a buy 13 @ 9990 gtc").sent(&[
        "v2 new buy 3 @ 9990 Ioc #1",
        "v2 new buy 5 @ 9990 Gtc #2",
        "v1 new buy 3 @ 9990 Gtc #3",
        "v0 new buy 2 @ 9990 Gtc #4",
    ]);
}

#[test]
fn an_order_rests_at_no_more_places_than_its_account_says() {
    let mut desk = three();
    rests(&mut desk, |def| def.places = 2);
    desk.client("a buy 9 @ 9990 gtc");
    desk.sent(&["v1 new buy 5 @ 9990 Gtc #1", "v0 new buy 4 @ 9990 Gtc #2"]);
    rests(&mut desk, |def| def.places = 1);
    desk.client("b buy 9 @ 9990 gtc").sent(&["v1 new buy 9 @ 9990 Gtc #3"]);
}

#[test]
fn the_shares_that_an_account_names_are_kept_whatever_waiting_costs() {
    let mut desk = three();
    let named = |def: &mut RestDef| {
        assert!(def.percents.set(VenueId(0), 25) && def.percents.set(VenueId(2), 75));
    };
    rests(&mut desk, named);
    desk.client("a buy 10 @ 9990 gtc");
    // 2.5 and 7.5: the better place gets what is over.
    desk.sent(&["v0 new buy 3 @ 9990 Gtc #1", "v2 new buy 7 @ 9990 Gtc #2"]);
    // One of the two is away: the other one carries all.
    desk.input(Input::VenueDown(VenueId(0), VenueDownReason::Closed)).outputs.clear();
    desk.client("b buy 10 @ 9990 gtc").sent(&["v2 new buy 10 @ 9990 Gtc #3"]);
    // None of them is there: the order rests at the best place rather than nowhere.
    desk.input(Input::VenueDown(VenueId(2), VenueDownReason::Closed)).outputs.clear();
    desk.client("c buy 10 @ 9990 gtc").sent(&["v1 new buy 10 @ 9990 Gtc #4"]);
}

#[test]
fn an_order_says_itself_where_it_rests() {
    let mut desk = three();
    let by = |number| move |new: &mut NewOrder| new.instructions.strategy = number;
    desk.instructed("a buy 10 @ 9990 gtc", by(REST_AT_BEST));
    desk.sent(&["v1 new buy 10 @ 9990 Gtc #1"]);
    rests(&mut desk, |def| def.by = RestBy::Best);
    desk.client("b buy 10 @ 9990 gtc").sent(&["v1 new buy 10 @ 9990 Gtc #2"]);
    desk.instructed("c buy 10 @ 9990 gtc", by(REST_BY_SHARE)).sent(&[
        "v1 new buy 5 @ 9990 Gtc #3",
        "v0 new buy 4 @ 9990 Gtc #4",
        "v2 new buy 1 @ 9990 Gtc #5",
    ]);
    desk.outputs.clear();
    for words in ["d buy 10 @ 9990 ioc", "e buy 10 @ 9990 fok", "f buy 10 market"] {
        for number in [REST_AT_BEST, REST_BY_SHARE] {
            let name = &words[..1];
            desk.instructed(words, by(number));
            desk.client_saw(&[&format!("{name} refused UnsupportedStrategy")]);
        }
    }
    // A replace keeps where the order rests, and cannot change that.
    desk.replaced("c buy 11 @ 9990 gtc", by(REST_AT_BEST));
    desk.client_saw(&["c not replaced NotReplaceable"]);
    desk.replaced("c buy 9 @ 9990 gtc", by(REST_BY_SHARE)).outputs.clear();
}

#[test]
fn a_share_below_a_venues_smallest_order_goes_to_the_other_places() {
    let mut desk = three();
    desk.listing(VenueId(2), |listing| listing.qty_min = Qty(2));
    desk.client("a buy 9 @ 9990 gtc");
    desk.sent(&["v1 new buy 5 @ 9990 Gtc #1", "v0 new buy 4 @ 9990 Gtc #2"]);
    // No second place takes its share: all rests at the best one.
    desk.listing(VenueId(0), |listing| listing.qty_min = Qty(9));
    desk.client("b buy 9 @ 9990 gtc").sent(&["v1 new buy 9 @ 9990 Gtc #3"]);
}

#[test]
fn lots_are_met_by_the_largest_remainder() {
    let mut desk = three();
    desk.listing(VenueId(0), |listing| listing.lot = Qty(3));
    // 4.0, 5.0 and 1.0 of 10: a lot of three at v0, and the one that is over where a lot takes it.
    desk.client("a buy 10 @ 9990 gtc").sent(&[
        "v1 new buy 6 @ 9990 Gtc #1",
        "v0 new buy 3 @ 9990 Gtc #2",
        "v2 new buy 1 @ 9990 Gtc #3",
    ]);
}

#[test]
fn what_a_venue_does_not_carry_is_shared_among_the_others() {
    let mut desk = three();
    desk.listing(VenueId(1), |listing| listing.qty_max = Qty(2));
    desk.client("a buy 12 @ 9990 gtc").sent(&[
        "v1 new buy 2 @ 9990 Gtc #1",
        "v0 new buy 8 @ 9990 Gtc #2",
        "v2 new buy 2 @ 9990 Gtc #3",
    ]);
    // As much as the first order binds there.
    let (venue, asset) = (VenueId(1), USD);
    desk.input(Input::Balance { venue, asset, total: Amount(UNIT / 4) }).outputs.clear();
    desk.client("b buy 10 @ 9990 gtc");
    desk.sent(&["v0 new buy 8 @ 9990 Gtc #4", "v2 new buy 2 @ 9990 Gtc #5"]);
}

#[test]
fn a_fill_leaves_the_other_places_as_they_are() {
    let mut desk = desk(&[(500, 400), (100, 200), (800, 100)]);
    desk.client("a buy 100 @ 9990 gtc").sent(&[
        "v1 new buy 50 @ 9990 Gtc #1",
        "v0 new buy 40 @ 9990 Gtc #2",
        "v2 new buy 10 @ 9990 Gtc #3",
    ]);
    for child in 1..=3 {
        desk.venue(child, "accepted");
    }
    desk.outputs.clear();
    desk.venue(1, "fill 20 @ 9990").sent(&[]).client_saw(&["a trade 20 @ 9990 leaves 80"]);
    desk.venue(1, "fill 30 @ 9990").sent(&[]).client_saw(&["a trade 30 @ 9990 leaves 50"]);
    // The venue whose place is filled is a better one, and the others keep their places.
    for _ in 0..4 {
        desk.wait_ns(PLACE_PAUSE_MAX_NS).sent(&[]);
    }
}

#[test]
fn what_a_venue_gives_back_rests_where_the_order_has_no_place_yet() {
    let mut desk = desk(&[(50, 40), (10, 20), (80, 10), (90, 10)]);
    desk.client("a buy 10 @ 9990 gtc").outputs.clear();
    for child in 1..=3 {
        desk.venue(child, "accepted");
    }
    // The venue that ended the child is a place again; the others have one.
    desk.venue(2, "done 0").sent(&["v0 new buy 4 @ 9990 Gtc #4"]);
    // It takes no more: the next best place.
    desk.venue(4, "rejected");
    desk.sent(&["v3 new buy 4 @ 9990 Gtc #5"]);
}

#[test]
fn an_order_with_all_its_places_puts_what_is_freed_at_the_best_one() {
    let mut desk = three();
    desk.client("a buy 10 @ 9990 gtc").outputs.clear();
    for child in 1..=3 {
        desk.venue(child, "accepted");
    }
    desk.client("replace a buy 12 @ 9990 gtc").sent(&["v1 new buy 2 @ 9990 Gtc #4"]);
}

#[test]
fn a_share_moves_only_to_a_better_venue_where_the_order_does_not_rest() {
    let mut desk = desk(&[(50, 40), (10, 20), (80, 10), (500, 1)]);
    desk.client("a buy 10 @ 9990 gtc");
    for child in 1..=3 {
        desk.venue(child, "accepted");
    }
    desk.outputs.clear();
    // The three places differ in cost, and no share moves between them.
    desk.wait_ns(PLACE_PAUSE_MAX_NS).wait_ns(PLACE_PAUSE_MAX_NS).sent(&[]);
    // A fourth venue becomes the best: the dearest share moves there.
    desk.listing(VenueId(3), |listing| listing.maker_fee = FeePpm(-3_000));
    desk.wait_ns(PLACE_PAUSE_MAX_NS).sent(&["v2 cancel #3"]);
    assert_eq!(waits(&mut desk, 1), Waiting::Moving);
    desk.venue(3, "done 0").sent(&["v3 new buy 1 @ 9990 Gtc #4"]);
    desk.venue(4, "accepted").outputs.clear();
    for _ in 0..4 {
        desk.wait_ns(PLACE_PAUSE_MAX_NS).sent(&[]);
    }
}

#[test]
fn an_order_that_rests_by_share_takes_what_another_venue_offers() {
    let mut desk = desk(&[(50, 40), (10, 20), (80, 10), (500, 1)]);
    desk.client("a buy 10 @ 9990 gtc");
    for child in 1..=3 {
        desk.venue(child, "accepted");
    }
    desk.outputs.clear();
    desk.book(3, &[(9_980, 5)], &[(9_985, 3)]).wait_ns(HOLD_NS);
    // The smallest share that suffices.
    desk.sent(&["v0 cancel #2"]).venue(2, "done 0");
    desk.sent(&["v3 new buy 3 @ 9985 Ioc #4", "v3 new buy 1 @ 9990 Gtc #5"]);
}

#[test]
fn a_cancel_ends_all_shares() {
    let mut desk = three();
    desk.client("a buy 10 @ 9990 gtc");
    for child in 1..=3 {
        desk.venue(child, "accepted");
    }
    desk.outputs.clear();
    desk.client("cancel a").sent(&["v2 cancel #3", "v0 cancel #2", "v1 cancel #1"]);
    desk.venue(1, "done 0").venue(2, "fill 1 @ 9990").venue(2, "done 1").venue(3, "done 0");
    desk.client_saw_last("a Canceled ClientRequest filled 1");
}

#[test]
fn shares_that_make_no_whole_are_no_terms() {
    let mut desk = three();
    for (places, shares) in [(0, &[][..]), (9, &[]), (3, &[(0, 99)]), (3, &[(0, 60), (1, 60)])] {
        desk.outputs.clear();
        rests(&mut desk, |def| {
            def.places = places;
            for &(venue, percent) in shares {
                assert!(def.percents.set(VenueId(venue), percent));
            }
        });
        assert_eq!(desk.notices(), [Notice::BadReference], "{places} places, {shares:?}");
    }
}

/// The terms of one venue of a random case.
#[derive(Clone, Copy, Debug)]
struct Terms {
    bid: i64,
    traded: i64,
    lot: i64,
    qty_min: i64,
    qty_max: i64,
}

/// What rests at each venue of a random case.
fn placed(venues: &[Terms], places: u8, qty: i64, by: RestBy) -> Vec<i64> {
    let all: Vec<_> = venues.iter().map(|terms| (terms.bid, terms.traded)).collect();
    let mut desk = desk(&all);
    for (venue, terms) in (0..).zip(venues) {
        desk.listing(VenueId(venue), |listing| {
            (listing.lot, listing.qty_min) = (Qty(terms.lot), Qty(terms.qty_min));
            listing.qty_max = Qty(terms.qty_max);
        });
    }
    rests(&mut desk, |def| (def.by, def.places) = (by, places));
    let told = desk.asked_about(&format!("a buy {qty} @ 9990 gtc"), |_| {});
    let rest = told.iter().filter_map(|part| match part {
        Previewed::Venue { rest, .. } => Some(rest.map_or(0, |rest| rest.qty.0)),
        Previewed::Order { .. } | Previewed::Bridge(_) => None,
    });
    rest.collect()
}

fn random_terms(random: &mut Random, binding: bool) -> Terms {
    let (bid, traded) = (1 + random.below(60) as i64, 1 + random.below(60) as i64);
    if !binding {
        return Terms { bid, traded, lot: 1, qty_min: 1, qty_max: i64::MAX };
    }
    let lot = random.pick(&[1, 1, 2, 3, 5]);
    let qty_min = lot * (1 + random.below(5) as i64);
    Terms { bid, traded, lot, qty_min, qty_max: qty_min + lot * random.below(20) as i64 }
}

/// The part that each venue gets, times the sum of all weights, and that sum. Weights are rounded
/// to billionths, as the rules say.
fn ideals(venues: &[Terms], qty: i64) -> (Vec<i128>, i128) {
    let weight = |terms: &Terms| {
        i128::from(terms.traded) * 1_000_000_000 / i128::from(terms.bid + qty + terms.traded)
    };
    let weights: Vec<i128> = venues.iter().map(weight).collect();
    (weights.iter().map(|weight| i128::from(qty) * weight).collect(), weights.iter().sum())
}

#[test]
fn shares_are_lots_within_what_each_venue_takes_and_never_less_than_the_best_place_alone() {
    let mut shared = 0;
    for seed in seeds::chosen(CASES) {
        seeds::run(seed, "scenarios rest_shares::", || {
            let mut random = Random::new(seed);
            let binding = random.in_100(60);
            let count = 2 + random.below(3);
            let venues: Vec<_> = (0..count).map(|_| random_terms(&mut random, binding)).collect();
            let places = if binding { 1 + random.below(4) as u8 } else { 8 };
            let qty = 1 + random.below(60) as i64;
            let legs = placed(&venues, places, qty, RestBy::Share);
            let alone = placed(&venues, places, qty, RestBy::Best);
            let sum: i64 = legs.iter().sum();
            assert!(sum <= qty && sum >= alone.iter().sum(), "{legs:?} of {qty}, alone {alone:?}");
            let used = legs.iter().filter(|leg| **leg > 0).count();
            assert!(used <= usize::from(places), "{legs:?}");
            for (leg, terms) in legs.iter().zip(&venues).filter(|(leg, _)| **leg > 0) {
                let fits = leg % terms.lot == 0 && (terms.qty_min..=terms.qty_max).contains(leg);
                assert!(fits, "{legs:?} of {venues:?}");
            }
            let (ideals, all) = ideals(&venues, qty);
            if !binding && all > 0 && used > 1 {
                assert_eq!(sum, qty, "{legs:?}");
                let off = |(leg, ideal): (&i64, &i128)| (i128::from(*leg) * all - ideal).abs();
                // The smallest shares may be below one lot, and their places have nothing.
                let largest = legs.iter().zip(&ideals).map(off).max().expect("venues");
                let dropped = ideals.iter().filter(|ideal| **ideal < all).count() as i128;
                assert!(largest <= all * (1 + dropped), "{legs:?} of {ideals:?} / {all}");
            }
            shared += u64::from(used > 1);
        });
    }
    assert!(shared > 0, "some order rests at several places");
}
