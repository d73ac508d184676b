//! An account's lists of venues, and its tiers: what a venue gets, and the word for what it does
//! not get.

use crate::desk::{Desk, USD};
use crate::preview::preview;
use rutter_core::id::VenueId;
use rutter_core::input::Input;
use rutter_core::number::Amount;
use rutter_core::resting::OFFER_AGE_NS;
use rutter_core::venue_set::VenueSet;

const V0: VenueId = VenueId(0);
const V1: VenueId = VenueId(1);

fn set(venue: VenueId) -> VenueSet {
    [venue].into_iter().collect()
}

/// Two venues, of which v0 is cheaper.
fn desk() -> Desk {
    let mut desk = Desk::with_venues(2);
    desk.book(0, &[(9_990, 20)], &[(10_010, 5), (10_020, 5)]);
    desk.book(1, &[(9_985, 20)], &[(10_015, 8), (10_030, 20)]);
    desk.outputs.clear();
    desk
}

fn with_backup(backup: VenueId) -> Desk {
    let mut desk = desk();
    desk.routing(|terms| terms.backup = set(backup));
    desk.outputs.clear();
    desk
}

#[test]
fn an_excluded_venue_gets_nothing_whatever_its_price() {
    let mut desk = desk();
    desk.routing(|terms| terms.denied = set(V0));
    for words in ["buy 3 market ioc", "buy 3 @ 10015 fok", "buy 3 @ 10015 gtc"] {
        assert_eq!(preview(&mut desk, words).verdicts[0], "NotAllowed", "{words}");
    }
    desk.client("a buy 9 @ 10015 gtc").sent(&[
        "v1 new buy 8 @ 10015 Ioc #1",
        // The rest rests at the only venue that is left, though v0 would be as good.
        "v1 new buy 1 @ 10015 Gtc #2",
    ]);
    desk.client("b buy 3 @ 10030 ioc").sent(&["v1 new buy 3 @ 10030 Ioc #3"]);
}

#[test]
fn an_included_venue_is_the_only_one_that_gets_something() {
    let mut desk = desk();
    desk.routing(|terms| terms.denied = set(V1).complement());
    desk.client("a buy 3 market ioc").sent(&["v1 new buy 3 @ 10015 Ioc #1"]);
}

#[test]
fn an_order_without_an_allowed_venue_waits_or_is_given_back_with_a_word() {
    let mut desk = desk();
    desk.routing(|terms| terms.denied = set(V0));
    desk.input(Input::VenueDown(V1, rutter_core::input::VenueDownReason::LinkLost));
    desk.outputs.clear();
    desk.client("a buy 3 @ 10015 ioc").client_saw(&["a new", "a Canceled NoVenue filled 0"]);
    desk.client("b buy 3 @ 10015 gtc").sent(&[]);
    assert_eq!(preview(&mut desk, "buy 3 @ 10015 gtc").waits, "NoVenue");
    // Only the venue that the account allows ends the wait.
    desk.input(Input::VenueUp(V1)).book(1, &[], &[(10_015, 8)]);
    desk.sent(&["v1 new buy 3 @ 10015 Ioc #1"]);
}

#[test]
fn a_listing_at_an_excluded_venue_is_none() {
    let mut desk = desk();
    desk.routing(|terms| terms.denied = set(V0));
    desk.listing(V1, |listing| listing.enabled = false).outputs.clear();
    desk.client("a buy 3 @ 10015 gtc").client_saw(&["a refused NoVenue"]);
    desk.listing(V1, |listing| listing.lot = rutter_core::number::Qty(2)).outputs.clear();
    desk.client("b buy 3 @ 10015 gtc").client_saw(&["b refused BadQuantity"]);
}

#[test]
fn an_excluded_venue_does_not_count_for_the_reference_price() {
    let mut desk = desk();
    desk.wait_ns(10_000_000_000);
    desk.book(0, &[(90, 5)], &[(100, 5)]).book(1, &[(9_985, 20)], &[(10_015, 8)]);
    desk.outputs.clear();
    desk.client("a buy 3 market ioc").client_saw(&["a refused NoReference"]);
    desk.routing(|terms| terms.denied = set(V0));
    desk.client("b buy 3 market ioc").sent(&["v1 new buy 3 @ 10015 Ioc #1"]);
}

/// FIX 100: the named venue or nothing.
#[test]
fn an_order_for_one_venue_goes_there_or_nowhere() {
    let mut desk = with_backup(V1);
    let only = |desk: &mut Desk, words: &str, venue| {
        desk.instructed(words, |new| new.instructions.only = Some(venue));
    };
    only(&mut desk, "a buy 30 @ 10030 ioc", V1);
    desk.sent(&["v1 new buy 28 @ 10030 Ioc #1"]).client_saw_last("a new");
    desk.venue(1, "rejected Filter").client_saw(&["a Canceled VenuesRefused filled 0"]);
    // As a backup venue too, for no other venue can take the order.
    only(&mut desk, "b buy 30 @ 10000 gtc", V1);
    desk.sent(&["v1 new buy 30 @ 10000 Gtc #2"]);
    desk.outputs.clear();
    only(&mut desk, "c buy 30 @ 10030 fok", V1);
    desk.client_saw(&["c new", "c Canceled FokNotFillable filled 0"]);
    desk.routing(|terms| terms.denied = set(V0));
    only(&mut desk, "d buy 3 @ 10030 gtc", V0);
    desk.client_saw(&["d refused VenueNotAllowed"]).sent(&[]);
}

#[test]
fn a_backup_venue_takes_only_what_the_others_leave() {
    let mut desk = with_backup(V0);
    assert_eq!(preview(&mut desk, "buy 8 @ 10015 ioc").verdicts, ["Backup", "Taken"]);
    desk.client("a buy 12 @ 10015 ioc")
        .sent(&["v1 new buy 8 @ 10015 Ioc #1", "v0 new buy 4 @ 10010 Ioc #2"]);
}

#[test]
fn a_backup_venue_gets_the_order_while_no_other_venue_can() {
    let mut desk = with_backup(V0);
    desk.input(Input::Balance { venue: V1, asset: USD, total: Amount(0) });
    desk.client("a buy 3 @ 10015 ioc").sent(&["v0 new buy 3 @ 10010 Ioc #1"]);
    desk.client("b buy 3 @ 9950 gtc").sent(&["v0 new buy 3 @ 9950 Gtc #2"]);
}

/// A venue that holds the rest of an order can take it, though a backup venue would fill it.
#[test]
fn a_part_rests_at_a_venue_that_is_no_backup_before_a_backup_venue_fills_it() {
    let mut desk = with_backup(V0);
    desk.client("a buy 12 @ 10015 gtc")
        .sent(&["v1 new buy 8 @ 10015 Ioc #1", "v1 new buy 4 @ 10015 Gtc #2"]);
    let mut desk = with_backup(V0);
    desk.client("b buy 12 @ 10015")
        .sent(&["v1 new buy 8 @ 10015 Ioc #1", "v1 new buy 4 @ 10015 Gtc #2"]);
}

/// The freed quantity would rest where it was: each order lost its place six times a minute.
#[test]
fn an_order_that_rests_at_a_venue_that_is_no_backup_is_not_called_back_for_a_backup_offer() {
    let mut desk = with_backup(V0);
    desk.client("a buy 12 @ 10015 gtc").venue(1, "fill 8 @ 10015").venue(2, "accepted");
    desk.outputs.clear();
    for _ in 0..30 {
        desk.wait_ns(OFFER_AGE_NS).sent(&[]).wait_ns(200_000_000).sent(&[]);
        desk.book(0, &[(9_990, 20)], &[(10_010, 5)]).book(1, &[(9_985, 20)], &[]);
    }
    // Without tiers the same offer is taken.
    desk.routing(|_| {}).wait_ns(1_000_000_000);
    desk.book(0, &[(9_990, 20)], &[(10_010, 6)]).wait_ns(OFFER_AGE_NS).sent(&["v1 cancel #2"]);
}

#[test]
fn an_order_that_rests_at_a_backup_venue_is_called_back_for_a_better_tier() {
    let mut desk = with_backup(V0);
    desk.book(0, &[(9_980, 20)], &[(10_020, 5)]);
    desk.input(Input::VenueDown(V1, rutter_core::input::VenueDownReason::LinkLost));
    desk.client("a buy 5 @ 10015 gtc").venue(1, "accepted").outputs.clear();
    desk.input(Input::VenueUp(V1)).book(1, &[], &[(10_015, 8)]).wait_ns(OFFER_AGE_NS);
    desk.sent(&["v0 cancel #1"]).venue(1, "done 0").sent(&["v1 new buy 5 @ 10015 Ioc #2"]);
}

/// The word says that the venue's book has something for the order.
#[test]
fn a_backup_venue_without_an_offer_within_the_limit_says_so() {
    let mut desk = with_backup(V0);
    desk.book(0, &[(9_990, 20)], &[(10_060, 5)]);
    assert_eq!(preview(&mut desk, "buy 8 @ 10015 ioc").verdicts, ["BeyondLimit", "Taken"]);
    assert_eq!(preview(&mut desk, "buy 9 @ 10015 gtc").verdicts, ["BeyondLimit", "Taken"]);
    desk.book(0, &[(9_990, 20)], &[]);
    assert_eq!(preview(&mut desk, "buy 8 @ 10015 ioc").verdicts, ["TooThin", "Taken"]);
    desk.book(0, &[(9_990, 20)], &[(10_015, 5)]);
    assert_eq!(preview(&mut desk, "buy 8 @ 10015 ioc").verdicts, ["Backup", "Taken"]);
}

#[test]
fn a_fill_or_kill_order_goes_whole_to_a_venue_that_is_no_backup_if_one_takes_it() {
    let mut desk = Desk::with_venues(2);
    desk.venue_terms(1, |terms| terms.fok = true);
    desk.book(0, &[], &[(10_010, 20)]).book(1, &[], &[(10_015, 8)]);
    desk.routing(|terms| terms.backup = set(V0)).outputs.clear();
    desk.client("a buy 8 @ 10015 fok").sent(&["v1 new buy 8 @ 10015 Fok #1"]);
    desk.client("b buy 9 @ 10015 fok").sent(&["v0 new buy 9 @ 10010 Fok #2"]);
    desk.outputs.clear();
    desk.client("c buy 21 @ 10015 fok")
        .client_saw(&["c new", "c Canceled FokNotFillable filled 0"]);
}

#[test]
fn tiers_without_a_venue_in_the_first_are_no_tiers() {
    let mut desk = desk();
    desk.routing(|terms| terms.backup = VenueSet::EMPTY.complement());
    desk.client("a buy 12 @ 10015 ioc")
        .sent(&["v0 new buy 5 @ 10010 Ioc #1", "v1 new buy 7 @ 10015 Ioc #2"]);
}

#[test]
fn lists_and_tiers_outlive_the_configuration_of_limits_and_a_restart() {
    let mut desk = with_backup(V0);
    desk.account(|account| account.limits.collar_ppm = 40_000);
    desk.input(Input::NodeStarted).input(Input::VenueUp(V0)).input(Input::VenueUp(V1));
    desk.book(0, &[], &[(10_010, 5)]).book(1, &[], &[(10_015, 8)]).outputs.clear();
    desk.client("a buy 3 @ 10015 gtc").sent(&["v1 new buy 3 @ 10015 Ioc #1"]);
}
