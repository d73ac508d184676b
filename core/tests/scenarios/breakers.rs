//! Venues that refuse, do not answer, or are asked too much: what they are sent after that.
//!
//! A line belongs here if it is about a circuit breaker or a pause of a venue.

use rutter_core::breaker::{BreakerState, RequestKind};
use rutter_core::id::*;
use rutter_core::input::*;
use rutter_core::number::*;
use rutter_core::output::*;
use rutter_core::waiting::Waiting;

use super::desk::*;

const SECOND_NS: u64 = 1_000_000_000;
const V0: VenueId = VenueId(0);

/// A venue with a book that nobody's order reaches, so that orders rest.
fn quiet(venues: u8) -> Desk {
    let mut desk = Desk::with_venues(venues);
    for venue in 0..venues {
        desk.book(venue, &[(9_000, 10)], &[(11_000, 10)]);
        desk.account(|account| account.limits.collar_ppm = 500_000);
    }
    desk
}

/// Lets time pass at venues whose feeds are alive, and the timer fire.
fn later(desk: &mut Desk, ns: u64) -> &mut Desk {
    desk.now.0 += ns;
    for venue in 0..desk.engine.reference().venues.len() {
        desk.input(Input::FeedAlive(VenueId(venue as u8)));
    }
    desk.wait_ns(0)
}

/// The children sent since the last look, oldest first.
fn new_children(desk: &mut Desk) -> Vec<(u8, u64)> {
    let sent = |output: &Output| match output {
        Output::SendNew(send) => Some((send.venue.0, send.child.0)),
        _ => None,
    };
    let all = desk.outputs.iter().filter_map(sent).collect();
    desk.outputs.clear();
    all
}

/// So many GTC orders, and one minute in which the venue answers each child with `answer`. Returns
/// how many children went to each of two venues.
fn orders_sent_in_a_minute(desk: &mut Desk, orders: u32, answer: &str) -> [usize; 2] {
    let mut sent = [0; 2];
    for nth in 0..orders {
        desk.client(&format!("o{nth} buy 1 @ 10000 gtc"));
    }
    let end = desk.now.0 + 60 * SECOND_NS;
    while desk.now.0 < end {
        let children = new_children(desk);
        if children.is_empty() {
            later(desk, SECOND_NS / 10);
        }
        for (venue, child) in children {
            sent[usize::from(venue)] += 1;
            desk.venue(child, answer);
        }
    }
    sent
}

#[test]
fn a_hundred_orders_that_the_rate_limit_refuses_do_not_become_thousands() {
    let mut desk = quiet(1);
    let [sent, _] = orders_sent_in_a_minute(&mut desk, 100, "rejected RateLimit");
    // At first as many as the venue may leave unanswered. Then pauses of 1, 2, 4, 8, 16 and 32
    // seconds, and one order after each.
    assert!((6..=10).contains(&sent), "{sent} orders");
    assert_eq!(desk.engine.open_orders(), 100);
}

#[test]
fn no_refusal_is_answered_with_a_storm() {
    for reason in [
        "NotSent",
        "InsufficientFunds",
        "Filter",
        "RateLimit",
        "DuplicateId",
        "UnknownOrder",
        "MarketClosed",
        "Late",
        "Other",
        "WouldMatch",
        "PriceBand",
    ] {
        let mut desk = quiet(1);
        let [sent, _] = orders_sent_in_a_minute(&mut desk, 20, &format!("rejected {reason}"));
        // What is refused for the order's own terms is refused once an order.
        assert!(sent <= 20, "{reason}: {sent} orders");
    }
}

#[test]
fn a_venue_that_refuses_everything_is_not_asked_first_by_every_order() {
    let mut desk = quiet(2);
    desk.listing(VenueId(1), |listing| listing.maker_fee = FeePpm(1_500));
    for nth in 0..50 {
        desk.client(&format!("o{nth} buy 1 @ 10000 gtc"));
        for (venue, child) in new_children(&mut desk) {
            desk.venue(child, if venue == 0 { "rejected Other" } else { "accepted" });
            let elsewhere = new_children(&mut desk);
            for (_, child) in elsewhere {
                desk.venue(child, "accepted");
            }
        }
    }
    let at = |venue: u8| {
        let all = desk.engine.children();
        all.filter(|child| child.venue == VenueId(venue) && child.id.0 > 0).count()
    };
    assert_eq!((at(0), at(1)), (5, 50));
}

#[test]
fn a_rate_limit_closes_the_venue_for_the_time_that_its_answer_names() {
    let mut desk = quiet(1);
    desk.client("a buy 1 @ 10000 gtc").sent(&["v0 new buy 1 @ 10000 Gtc #1"]);
    desk.venue(1, "rejected RateLimit 5000000000").sent(&[]);
    let until = UnixNanos(desk.now.0 + 5 * SECOND_NS);
    let notices = desk.notices();
    assert!(notices.contains(&Notice::Paused(V0, Paused::NewOrders, until)), "{notices:?}");
    desk.client("b buy 1 @ 11000 ioc").sent(&[]);
    desk.client_saw_last("b Canceled VenueBusy filled 0");
    later(&mut desk, 4_990_000_000).sent(&[]);
    later(&mut desk, 110_000_000).sent(&["v0 new buy 1 @ 10000 Gtc #2"]);
}

#[test]
fn a_time_beyond_three_days_is_cut() {
    let mut desk = quiet(1);
    desk.client("a buy 1 @ 10000 gtc").venue(1, &format!("rejected RateLimit {}", u64::MAX));
    let until = UnixNanos(desk.now.0 + 3 * 86_400 * SECOND_NS);
    assert!(desk.notices().contains(&Notice::Paused(V0, Paused::NewOrders, until)));
}

#[test]
fn after_a_pause_the_venue_gets_one_order_at_a_time_until_it_takes_one() {
    let mut desk = quiet(1);
    for id in ["a", "b", "c"] {
        desk.client(&format!("{id} buy 1 @ 10000 gtc"));
    }
    for child in 1..=3 {
        desk.venue(child, "rejected RateLimit");
    }
    desk.outputs.clear();
    later(&mut desk, SECOND_NS + 100_000_000);
    desk.sent(&["v0 new buy 1 @ 10000 Gtc #4"]);
    later(&mut desk, 100_000_000).sent(&[]);
    desk.venue(4, "accepted");
    later(&mut desk, 100_000_000);
    desk.sent(&["v0 new buy 1 @ 10000 Gtc #5", "v0 new buy 1 @ 10000 Gtc #6"]);
}

#[test]
fn an_order_refused_for_its_own_terms_is_given_back_and_goes_elsewhere_if_it_can() {
    for reason in ["Filter", "DuplicateId", "PriceBand", "WouldMatch", "UnknownOrder"] {
        let refused = format!("rejected {reason}");
        let mut desk = quiet(2);
        desk.client("a buy 1 @ 10000 gtc").sent(&["v0 new buy 1 @ 10000 Gtc #1"]);
        desk.venue(1, &refused).sent(&["v1 new buy 1 @ 10000 Gtc #2"]);
        let barred = |notice: &Notice| matches!(notice, Notice::Barred(OrderId(1), V0, _));
        assert!(desk.notices().iter().any(barred), "{reason}");
        desk.venue(2, &refused).sent(&[]);
        desk.client_saw_last("a Canceled VenuesRefused filled 0");
        later(&mut desk, 60 * SECOND_NS).sent(&[]);
    }
}

#[test]
fn an_order_that_is_barred_waits_for_a_venue_that_is_down_and_goes_there() {
    let mut desk = quiet(2);
    desk.input(Input::VenueDown(VenueId(1), VenueDownReason::LinkLost));
    desk.client("a buy 1 @ 10000 gtc").venue(1, "rejected Filter");
    desk.client_saw(&["a new"]);
    later(&mut desk, SECOND_NS);
    desk.sent(&["v0 new buy 1 @ 10000 Gtc #1"]);
    desk.input(Input::VenueUp(VenueId(1))).sent(&["v1 new buy 1 @ 10000 Gtc #2"]);
}

#[test]
fn new_terms_lift_what_the_old_ones_were_refused_for() {
    let mut desk = quiet(2);
    desk.client("a buy 1 @ 10000 gtc").venue(1, "rejected Filter").venue(2, "accepted");
    desk.outputs.clear();
    desk.client("replace a buy 1 @ 10001 gtc").venue(2, "done 0");
    desk.sent(&["v1 cancel #2", "v0 new buy 1 @ 10001 Gtc #3"]);
}

#[test]
fn a_closed_market_closes_one_listing_until_its_time_or_until_the_venue_says_otherwise() {
    let mut desk = quiet(1);
    desk.client("a buy 1 @ 10000 gtc").client("b buy 1 @ 10000 gtc");
    desk.venue(1, "rejected MarketClosed");
    let until = UnixNanos(desk.now.0 + 60 * SECOND_NS);
    let paused = Paused::Listing(PAIR);
    assert!(desk.notices().contains(&Notice::Paused(V0, paused, until)));
    desk.client("c buy 1 @ 10000 ioc").client_saw_last("c Canceled NoVenue filled 0");
    desk.outputs.clear();
    later(&mut desk, 30 * SECOND_NS).sent(&[]);
    // The answer to an order that was under way: the market is open.
    desk.venue(2, "accepted");
    assert!(desk.notices().contains(&Notice::Paused(V0, paused, UnixNanos(0))));
    later(&mut desk, 100_000_000).sent(&["v0 new buy 1 @ 10000 Gtc #3"]);
    desk.venue(3, "rejected MarketClosed");
    later(&mut desk, 59 * SECOND_NS).sent(&[]);
    later(&mut desk, 1_200_000_000).sent(&["v0 new buy 1 @ 10000 Gtc #4"]);
    desk.venue(4, "rejected MarketClosed");
    later(&mut desk, 100 * SECOND_NS).sent(&[]);
    desk.input(Input::VenueUp(V0)).sent(&["v0 new buy 1 @ 10000 Gtc #5"]);
}

#[test]
fn a_cap_on_the_open_orders_of_a_pair_stops_those_that_rest_until_one_of_ours_ends_there() {
    let mut desk = quiet(1);
    for id in ["a", "b", "c", "d"] {
        desk.client(&format!("{id} buy 1 @ 10000 gtc"));
    }
    desk.outputs.clear();
    desk.venue(1, "accepted").venue(2, "accepted").venue(3, "rejected PairFull");
    let until = UnixNanos(desk.now.0 + 60 * SECOND_NS);
    let paused = Paused::OpenOrders(PAIR);
    assert!(desk.notices().contains(&Notice::Paused(V0, paused, until)));
    desk.venue(4, "rejected PairFull");
    // Nobody is barred and no breaker counts; all wait with a word, and nothing is sent.
    for order in [3, 4] {
        assert_eq!(crate::waiting::waits(&mut desk, order), Waiting::VenueBusy);
    }
    desk.outputs.clear();
    later(&mut desk, 30 * SECOND_NS).sent(&[]);
    // An order that takes goes there as before.
    desk.client("t buy 1 @ 11000 ioc").sent(&["v0 new buy 1 @ 11000 Ioc #5"]);
    desk.venue(5, "fill 1 @ 11000").sent(&[]);
    // One that ends makes a place for one, the oldest that waits.
    desk.client("cancel a").venue(1, "done 0").outputs.clear();
    later(&mut desk, 100_000_000).sent(&["v0 new buy 1 @ 10000 Gtc #6"]);
    assert_eq!(desk.child(6).order, OrderId(3));
    desk.venue(6, "accepted");
    later(&mut desk, 20 * SECOND_NS).sent(&[]);
    // After a minute it is tried again. If that is refused too, the next wait is twice as long.
    later(&mut desk, 11 * SECOND_NS);
    desk.sent(&["v0 new buy 1 @ 10000 Gtc #7"]).venue(7, "rejected PairFull");
    later(&mut desk, 59 * SECOND_NS).sent(&[]);
    desk.operator(OperatorCommand::EnableVenue(V0));
    later(&mut desk, 100_000_000);
    desk.sent(&["v0 new buy 1 @ 10000 Gtc #8"]);
}

#[test]
fn an_order_goes_to_another_venue_while_one_takes_no_more_open_orders_of_the_pair() {
    let mut desk = quiet(2);
    desk.client("a buy 1 @ 10000 gtc").sent(&["v0 new buy 1 @ 10000 Gtc #1"]);
    desk.venue(1, "rejected PairFull").sent(&["v1 new buy 1 @ 10000 Gtc #2"]);
    desk.client("b buy 1 @ 10000 gtc").sent(&["v1 new buy 1 @ 10000 Gtc #3"]);
    // What takes is refused for the order alone.
    desk.client("t buy 1 @ 11000 ioc").outputs.clear();
    desk.venue(4, "rejected PairFull");
    let barred = |n: &Notice| matches!(n, Notice::Barred(_, _, VenueReject::PairFull));
    assert!(desk.notices().iter().any(barred));
}

#[test]
fn a_refusal_for_want_of_funds_asks_for_balances_and_spends_nothing_until_they_come() {
    let mut desk = quiet(1);
    desk.client("a buy 1 @ 10000 gtc").venue(1, "rejected InsufficientFunds");
    desk.sent(&["v0 new buy 1 @ 10000 Gtc #1", "v0 balances?"]);
    desk.client("b buy 1 @ 11000 ioc").client_saw_last("b Canceled InsufficientFunds filled 0");
    // The other asset is not in doubt.
    desk.client("s sell 1 @ 12000 gtc").sent(&["v0 new sell 1 @ 12000 Gtc #2"]);
    later(&mut desk, 60 * SECOND_NS).sent(&[]);
    let balance = Input::Balance { venue: V0, asset: USD, total: Amount(500_000 * UNIT) };
    desk.input(balance).sent(&["v0 new buy 1 @ 10000 Gtc #3"]);
    // The venue refuses again, although its balance says otherwise: the next try waits longer.
    desk.venue(3, "rejected InsufficientFunds").sent(&["v0 balances?"]);
    desk.input(balance).sent(&[]);
    later(&mut desk, 1_100_000_000).sent(&["v0 new buy 1 @ 10000 Gtc #4"]);
    desk.venue(4, "accepted").client("c buy 1 @ 10000 gtc");
    desk.sent(&["v0 new buy 1 @ 10000 Gtc #5"]);
}

/// Five orders that the venue refuses for no reason of ours.
fn opened(desk: &mut Desk) {
    for nth in 0..5 {
        desk.client(&format!("f{nth} buy 1 @ 11000 ioc"));
        let (_, child) = new_children(desk).pop().expect("the venue gets the order");
        desk.venue(child, "rejected Other");
    }
}

#[test]
fn five_failures_in_a_row_open_the_breaker_and_a_signed_query_closes_it() {
    let mut desk = quiet(1);
    opened(&mut desk);
    let until = UnixNanos(desk.now.0 + 30 * SECOND_NS);
    let open = Notice::Breaker(V0, RequestKind::New, BreakerState::Open, until);
    assert!(desk.notices().contains(&open));
    desk.client("b buy 1 @ 11000 ioc").sent(&[]);
    desk.client_saw_last("b Canceled VenueBusy filled 0");
    desk.client("g buy 1 @ 11000 gtc");
    later(&mut desk, 29 * SECOND_NS).sent(&[]);
    assert_eq!(desk.engine.next_timer().map(|at| at <= until), Some(true));
    later(&mut desk, SECOND_NS + 100_000_000).sent(&["v0 balances?"]);
    desk.input(Input::VenueQueried { venue: V0, outcome: QueryOutcome::Answered });
    desk.sent(&["v0 new buy 1 @ 11000 Ioc #6"]);
    let closed = Notice::Breaker(V0, RequestKind::New, BreakerState::Closed, UnixNanos(0));
    assert!(desk.notices().contains(&closed));
    // On trial: the first failure opens the breaker again, for twice as long.
    desk.venue(6, "rejected Other");
    let until = UnixNanos(desk.now.0 + 60 * SECOND_NS);
    let open = Notice::Breaker(V0, RequestKind::New, BreakerState::Open, until);
    assert!(desk.notices().contains(&open));
}

#[test]
fn a_probe_that_fails_or_is_not_answered_keeps_orders_away() {
    let mut desk = quiet(1);
    opened(&mut desk);
    desk.client("g buy 1 @ 11000 gtc");
    desk.outputs.clear();
    later(&mut desk, 30 * SECOND_NS).sent(&["v0 balances?"]);
    desk.input(Input::VenueQueried { venue: V0, outcome: QueryOutcome::NoAnswer });
    later(&mut desk, 59 * SECOND_NS).sent(&[]);
    later(&mut desk, SECOND_NS).sent(&["v0 balances?"]);
    later(&mut desk, 30 * SECOND_NS).sent(&[]);
    later(&mut desk, 119 * SECOND_NS).sent(&[]);
    later(&mut desk, SECOND_NS).sent(&["v0 balances?"]);
}

/// Whether a breaker has changed since the last look.
fn breaker_changed(desk: &mut Desk) -> bool {
    desk.notices().iter().any(|notice| matches!(notice, Notice::Breaker(..)))
}

#[test]
fn orders_that_are_not_answered_open_the_breaker() {
    let mut desk = quiet(1);
    for nth in 1..=5 {
        desk.client(&format!("a{nth} buy 1 @ 11000 ioc"));
        assert!(!breaker_changed(&mut desk));
        desk.venue(nth, "unsure").venue(nth, "gone 0");
    }
    assert!(breaker_changed(&mut desk));
}

#[test]
fn cancels_that_are_refused_or_not_answered_open_nothing() {
    let mut desk = quiet(1);
    for nth in 1..=20 {
        desk.client(&format!("a{nth} buy 1 @ 10000 gtc")).venue(nth, "accepted");
        let answer = if nth % 2 == 0 { "unsure" } else { "cancel-rejected Other" };
        desk.client(&format!("cancel a{nth}")).venue(nth, answer).venue(nth, "gone 0");
    }
    assert!(!breaker_changed(&mut desk));
}

#[test]
fn refusals_that_are_no_failure_of_the_venue_open_nothing() {
    for reason in ["UnknownOrder", "WouldMatch", "PriceBand", "InsufficientFunds", "Filter"] {
        let mut desk = quiet(1);
        for nth in 1..=20_u64 {
            desk.client(&format!("a{nth} buy 1 @ 10000 ioc"));
            for (_, child) in new_children(&mut desk) {
                desk.venue(child, &format!("rejected {reason}"));
            }
            desk.input(Input::Balance { venue: V0, asset: USD, total: Amount(1_000_000 * UNIT) });
            assert!(!breaker_changed(&mut desk), "{reason}");
        }
    }
}

#[test]
fn an_open_breaker_lets_every_cancel_pass() {
    let mut desk = quiet(1);
    desk.client("a buy 1 @ 10000 gtc").venue(1, "accepted");
    desk.outputs.clear();
    opened(&mut desk);
    desk.outputs.clear();
    desk.client("cancel a").sent(&["v0 cancel #1"]);
}

#[test]
fn a_cancel_obeys_the_time_that_the_venue_names_and_nothing_else() {
    let mut desk = quiet(1);
    desk.client("a buy 1 @ 10000 gtc").venue(1, "accepted");
    desk.client("b buy 1 @ 10000 gtc").venue(2, "accepted");
    desk.outputs.clear();
    desk.client("cancel a").venue(1, "cancel-rejected RateLimit").venue(1, "open 0");
    desk.sent(&["v0 cancel #1", "v0 query #1", "v0 cancel #1"]);
    desk.venue(1, "cancel-rejected RateLimit 2000000000").venue(1, "open 0");
    desk.client("cancel b").sent(&["v0 query #1"]);
    later(&mut desk, 2 * SECOND_NS).sent(&["v0 cancel #1", "v0 cancel #2"]);
}

#[test]
fn queries_that_fail_open_their_own_breaker_which_holds_queries_back_and_loses_none() {
    let mut desk = quiet(1);
    desk.client("a buy 1 @ 10000 gtc").venue(1, "accepted");
    desk.outputs.clear();
    for _ in 0..5 {
        desk.input(Input::VenueQueried { venue: V0, outcome: QueryOutcome::NoAnswer });
    }
    let open =
        |n: &Notice| matches!(n, Notice::Breaker(_, RequestKind::Query, BreakerState::Open, _));
    assert!(desk.notices().iter().any(open));
    desk.venue(1, "unsure").sent(&[]);
    desk.client("b buy 1 @ 11000 ioc").sent(&[]);
    later(&mut desk, 30 * SECOND_NS).sent(&["v0 balances?"]);
    desk.input(Input::VenueQueried { venue: V0, outcome: QueryOutcome::Answered });
    desk.sent(&["v0 query #1"]);
}

#[test]
fn the_venues_own_rate_limit_of_queries_is_no_failure() {
    let mut desk = quiet(1);
    for _ in 0..50 {
        desk.input(Input::VenueQueried { venue: V0, outcome: QueryOutcome::RateLimit });
    }
    desk.client("b buy 1 @ 10000 gtc").sent(&["v0 new buy 1 @ 10000 Gtc #1"]);
}

#[test]
fn books_that_break_open_the_breaker_for_data_and_a_proved_book_closes_it() {
    let mut desk = quiet(1);
    let broken = |reason| Input::BookDistrusted { venue: V0, instrument: PAIR, reason };
    for _ in 0..20 {
        desk.input(broken(Distrust::Disconnected));
    }
    desk.book(0, &[(9_000, 10)], &[(11_000, 10)]);
    desk.client("a buy 1 @ 10000 gtc").sent(&["v0 new buy 1 @ 10000 Gtc #1"]);
    for _ in 0..5 {
        desk.input(broken(Distrust::Checksum));
    }
    desk.book(0, &[(9_000, 10)], &[(11_000, 10)]);
    desk.client("b buy 1 @ 11000 ioc").sent(&[]).client_saw_last("b Canceled VenueBusy filled 0");
    desk.client("c buy 1 @ 10000 gtc");
    later(&mut desk, 29 * SECOND_NS).sent(&[]);
    later(&mut desk, SECOND_NS + 200_000_000).sent(&["v0 new buy 1 @ 10000 Gtc #2"]);
}

#[test]
fn a_new_session_closes_the_breakers_on_trial_and_keeps_the_time_that_the_venue_named() {
    let mut desk = quiet(1);
    opened(&mut desk);
    desk.input(Input::VenueDown(V0, VenueDownReason::LinkLost));
    desk.outputs.clear();
    later(&mut desk, 31 * SECOND_NS).sent(&[]);
    desk.input(Input::VenueUp(V0));
    desk.client("a buy 1 @ 11000 ioc").sent(&["v0 new buy 1 @ 11000 Ioc #6"]);
    desk.venue(6, "rejected RateLimit 90000000000");
    desk.input(Input::VenueDown(V0, VenueDownReason::LinkLost)).input(Input::VenueUp(V0));
    desk.outputs.clear();
    desk.client("b buy 1 @ 11000 ioc").sent(&[]);
}

#[test]
fn an_operator_who_enables_a_venue_closes_its_breakers_and_ends_its_pauses() {
    let mut desk = quiet(1);
    opened(&mut desk);
    desk.client("a buy 1 @ 10000 gtc").sent(&[]);
    desk.operator(OperatorCommand::EnableVenue(V0)).sent(&["v0 new buy 1 @ 10000 Gtc #6"]);
    desk.venue(6, "rejected RateLimit 90000000000").sent(&[]);
    desk.operator(OperatorCommand::EnableVenue(V0)).sent(&["v0 new buy 1 @ 10000 Gtc #7"]);
}

#[test]
fn news_of_a_venue_that_is_not_defined_changes_nothing() {
    let mut desk = quiet(1);
    let venue = VenueId(7);
    desk.outputs.clear();
    desk.input(Input::VenueQueried { venue, outcome: QueryOutcome::NoAnswer });
    assert_eq!(desk.notices(), [Notice::BadReference]);
}

/// The venue has not answered these orders, whatever was sent after them.
#[test]
fn orders_without_an_answer_open_the_breaker_also_if_they_are_cancelled_on_their_way() {
    let mut desk = Desk::with_venues(1);
    desk.venue_terms(0, |terms| terms.unanswered_max = 10);
    desk.book(0, &[(9_990, 50)], &[(10_010, 50)]);
    for child in 1..=5 {
        desk.client(&format!("o{child} buy 1 @ 9900 gtc")).client(&format!("cancel o{child}"));
    }
    for child in 1..=5 {
        desk.venue(child, "unsure");
    }
    let opened = |notice: &Notice| matches!(notice, Notice::Breaker(..));
    assert!(desk.notices().iter().any(opened));

    // The venue has refused the cancels, so it answers.
    let mut desk = Desk::with_venues(1);
    desk.venue_terms(0, |terms| terms.unanswered_max = 10);
    desk.book(0, &[(9_990, 50)], &[(10_010, 50)]);
    for child in 1..=5 {
        desk.client(&format!("o{child} buy 1 @ 9900 gtc")).client(&format!("cancel o{child}"));
    }
    for child in 1..=5 {
        desk.venue(child, "cancel-rejected");
    }
    assert!(!desk.notices().iter().any(opened));
}
