//! The reference price that collars and the limits of market orders are measured from: no single
//! venue moves it, and one bad price does not stop trading.

use crate::desk::{Desk, PAIR};
use rutter_core::id::VenueId;
use rutter_core::input::{
    Distrust, Input, NoReference, OperatorCommand, Refusal, Scope, VenueDownReason,
};
use rutter_core::number::Price;
use rutter_core::output::{Notice, Output};

const SECOND_NS: u64 = 1_000_000_000;

/// A book around this mid price, 50 deep on both sides, that is 10 ticks wide.
fn quotes(desk: &mut Desk, venue: u8, mid: i64) -> &mut Desk {
    desk.book(venue, &[(mid - 5, 50)], &[(mid + 5, 50)])
}

/// Venues with these mid prices.
fn desk(mids: &[i64]) -> Desk {
    let mut desk = Desk::with_venues(mids.len() as u8);
    for (venue, mid) in mids.iter().enumerate() {
        quotes(&mut desk, venue as u8, *mid);
    }
    desk
}

/// Why the core refuses the order, or ends it at once; `None` if it does neither.
fn refusal(desk: &mut Desk, words: &str) -> Refusal {
    desk.outputs.clear();
    desk.client(words);
    let mut reasons = desk.outputs.iter().rev().filter_map(|output| match output {
        Output::Report(report) => Some(report.reason),
        _ => None,
    });
    reasons.next().expect("a report")
}

/// The venues whose books are outliers. The operator was told so, if anything has changed.
fn outliers(desk: &mut Desk) -> Vec<u8> {
    let notices = desk.notices();
    let is_outlier = |venue: &u8| {
        let told = notices.iter().rev().find_map(|notice| match *notice {
            Notice::BookDistrusted(id, PAIR, why) if id.0 == *venue => {
                Some(why == Distrust::Outlier)
            }
            Notice::BookTrusted(id, PAIR) if id.0 == *venue => Some(false),
            _ => None,
        });
        let book = desk.engine.book(VenueId(*venue), PAIR).expect("a book");
        assert_eq!(told.unwrap_or(book.is_outlier), book.is_outlier, "v{venue}: {notices:?}");
        book.is_outlier
    };
    (0..desk.engine.reference().venues.len() as u8).filter(is_outlier).collect()
}

#[test]
fn a_venue_that_is_drained_and_halted_and_quotes_nonsense_refuses_nobody() {
    for venues in [2, 3] {
        let mut desk = desk(&vec![10_000; venues]);
        let bad = VenueId(0);
        desk.operator(OperatorCommand::DrainVenue(bad));
        desk.operator(OperatorCommand::Halt(Scope::Venue(bad)));
        quotes(&mut desk, bad.0, 100);
        desk.outputs.clear();
        desk.client("a buy 5 @ 10005 ioc").client("b buy 5 market").client("c sell 5 market ioc");
        desk.sent(&[
            "v1 new buy 5 @ 10005 Ioc #1",
            "v1 new buy 5 @ 10005 Ioc #2",
            "v1 new sell 5 @ 9995 Ioc #3",
        ]);
        desk.client_saw(&["a new", "b new", "c new"]);
    }
}

#[test]
fn one_of_three_venues_moves_neither_collar_nor_market_limit_and_gets_no_order() {
    for nonsense in [100, 9_000, 11_000, 1_000_000] {
        let mut desk = desk(&[10_000, 10_000, nonsense]);
        assert_eq!(outliers(&mut desk), [2], "{nonsense}");
        // The collar is 5 %.
        assert_eq!(refusal(&mut desk, "a buy 1 @ 10501 ioc"), Refusal::PriceCollar);
        assert_eq!(refusal(&mut desk, "b sell 1 @ 9499 ioc"), Refusal::PriceCollar);
        desk.client("c buy 5 @ 10500 ioc").client("d sell 5 market ioc");
        desk.sent(&["v0 new buy 5 @ 10005 Ioc #1", "v0 new sell 5 @ 9995 Ioc #2"]);
        quotes(&mut desk, 2, 10_050);
        assert_eq!(outliers(&mut desk), [0_u8; 0], "near again: trusted");
        // A venue alone does not drag the reference price along.
        for mid in [10_090, 10_190, 10_390, 12_000] {
            quotes(&mut desk, 2, mid);
        }
        assert_eq!(refusal(&mut desk, "e buy 1 @ 10501 ioc"), Refusal::PriceCollar);
    }
}

#[test]
fn a_move_that_all_venues_share_is_no_outlier_in_the_end() {
    let mut desk = desk(&[10_000, 10_000, 10_000]);
    desk.notices();
    quotes(&mut desk, 0, 5_000);
    assert_eq!(outliers(&mut desk), [0]);
    quotes(&mut desk, 1, 5_000);
    assert_eq!(outliers(&mut desk), [2]);
    quotes(&mut desk, 2, 5_000);
    assert_eq!(outliers(&mut desk), [0_u8; 0]);
    desk.client("a sell 5 market ioc").sent(&["v0 new sell 5 @ 4995 Ioc #1"]);

    let mut desk = self::desk(&[10_000, 10_000]);
    quotes(&mut desk, 0, 5_000);
    quotes(&mut desk, 1, 5_000);
    desk.client("a sell 5 market ioc").sent(&["v0 new sell 5 @ 4995 Ioc #1"]);
}

#[test]
fn two_venues_have_their_mean_within_the_limit() {
    let mut desk = desk(&[10_000, 10_100]);
    // The mean is 10050, and the collar 5 %.
    assert_eq!(refusal(&mut desk, "a buy 1 @ 10553 ioc"), Refusal::PriceCollar);
    assert_eq!(refusal(&mut desk, "b buy 1 @ 10552 ioc"), Refusal::None);
    assert_eq!(refusal(&mut desk, "c sell 1 @ 9547 ioc"), Refusal::PriceCollar);
}

#[test]
fn of_two_that_disagree_the_one_nearer_to_the_last_price_counts_while_that_is_recent() {
    let mut desk = desk(&[10_000, 10_000]);
    desk.notices();
    quotes(&mut desk, 1, 100);
    assert_eq!(outliers(&mut desk), [1]);
    desk.client("a buy 5 market ioc").sent(&["v0 new buy 5 @ 10005 Ioc #1"]);
    desk.wait_ns(4 * SECOND_NS).input(Input::FeedAlive(VenueId(0)));
    desk.input(Input::FeedAlive(VenueId(1)));
    desk.client("b buy 5 market ioc").sent(&["v0 new buy 5 @ 10005 Ioc #2"]);
    desk.wait_ns(2 * SECOND_NS);
    assert_eq!(refusal(&mut desk, "c buy 5 market ioc"), Refusal::NoReference);
    assert!(desk.notices().contains(&Notice::ReferenceLost(PAIR)));
    // The wrong book stays distrusted until the venues tell otherwise.
    assert_eq!(refusal(&mut desk, "d buy 5 @ 9000 gtc"), Refusal::None);
    assert_eq!(outliers(&mut desk), [1]);
    quotes(&mut desk, 1, 10_000);
    assert_eq!(outliers(&mut desk), [0_u8; 0]);
    assert_eq!(refusal(&mut desk, "e buy 5 market ioc"), Refusal::None);
}

/// Which of the two is wrong is unknown, so neither is distrusted.
#[test]
fn two_that_have_never_agreed_give_no_reference_price() {
    let mut desk = desk(&[10_000, 100]);
    assert_eq!(outliers(&mut desk), [0_u8; 0]);
    for words in ["a buy 5 market", "b sell 5 market ioc", "c buy 5 @ 10005 gtc"] {
        assert_eq!(refusal(&mut desk, words), Refusal::NoReference, "{words}");
    }
}

#[test]
fn the_last_one_of_several_has_the_last_price_while_that_is_recent() {
    let mut desk = desk(&[10_000, 10_000]);
    desk.input(Input::VenueDown(VenueId(1), VenueDownReason::Closed));
    // The venue that is left moves; the price of both still holds.
    quotes(&mut desk, 0, 12_000);
    assert_eq!(refusal(&mut desk, "a buy 1 @ 10501 ioc"), Refusal::PriceCollar);
    desk.wait_ns(6 * SECOND_NS).input(Input::FeedAlive(VenueId(0)));
    assert_eq!(refusal(&mut desk, "b buy 1 @ 12005 ioc"), Refusal::NoReference);
    desk.input(Input::VenueUp(VenueId(1)));
    quotes(&mut desk, 1, 12_000);
    assert_eq!(refusal(&mut desk, "c buy 1 @ 12005 ioc"), Refusal::None);
}

/// The node is killed and started again. One venue is back, and the other one is not yet.
#[test]
fn a_start_of_the_node_ends_no_agreement_and_the_time_that_it_was_down_counts() {
    for (down_s, refused) in [(1, Refusal::None), (4, Refusal::None), (6, Refusal::NoReference)] {
        let mut desk = desk(&[10_000, 10_000]);
        desk.wait_ns(4 * SECOND_NS);
        desk.input(Input::FeedAlive(VenueId(0))).input(Input::FeedAlive(VenueId(1)));
        desk.now.0 += down_s * SECOND_NS;
        desk.input(Input::NodeStarted).input(Input::VenueUp(VenueId(0)));
        quotes(&mut desk, 0, 10_000);
        assert_eq!(refusal(&mut desk, "a buy 1 market ioc"), refused, "down for {down_s} s");
        // The price is no younger for a start.
        desk.input(Input::NodeStarted).wait_ns(6 * SECOND_NS);
        desk.input(Input::VenueUp(VenueId(0)));
        quotes(&mut desk, 0, 10_000);
        assert_eq!(refusal(&mut desk, "b buy 1 market ioc"), Refusal::NoReference);
    }
}

/// Quiet books change seldom. The last price is as old as the agreement's end, not as its
/// beginning.
#[test]
fn an_agreement_lasts_until_it_is_broken_however_quiet_the_books_are() {
    let mut desk = desk(&[10_000, 10_000]);
    for _ in 0..10 {
        desk.wait_ns(4 * SECOND_NS);
        desk.input(Input::FeedAlive(VenueId(0))).input(Input::FeedAlive(VenueId(1)));
    }
    desk.input(Input::VenueDown(VenueId(1), VenueDownReason::Closed));
    assert_eq!(refusal(&mut desk, "a buy 1 market ioc"), Refusal::None);
}

#[test]
fn a_venue_that_is_the_only_one_is_measured_by_itself() {
    let mut one = desk(&[10_000]);
    one.wait_ns(60 * SECOND_NS);
    quotes(&mut one, 0, 20_000);
    one.client("a buy 5 market ioc").sent(&["v0 new buy 5 @ 20005 Ioc #1"]);
    assert_eq!(refusal(&mut one, "b buy 5 @ 21001 ioc"), Refusal::PriceCollar);

    // So is the last one that operators leave open, and the one that a client names.
    let mut two = desk(&[10_000, 10_000]);
    two.operator(OperatorCommand::DrainVenue(VenueId(1))).wait_ns(60 * SECOND_NS);
    quotes(&mut two, 0, 20_000);
    two.client("a buy 5 market ioc").sent(&["v0 new buy 5 @ 20005 Ioc #1"]);

    let mut two = desk(&[10_000, 100]);
    two.instructed("a buy 5 market ioc", |new| new.instructions.only = Some(VenueId(0)));
    two.sent(&["v0 new buy 5 @ 10005 Ioc #1"]);
    let mut two = desk(&[10_000, 100]);
    two.listing(VenueId(1), |listing| listing.enabled = false);
    two.client("a buy 5 market ioc").sent(&["v0 new buy 5 @ 10005 Ioc #1"]);
}

#[test]
fn without_a_reference_price_orders_go_that_take_nothing_or_reduce_a_position() {
    let mut desk = desk(&[10_000, 10_000]);
    desk.client("a buy 5 @ 10005 ioc").venue(1, "fill 5 @ 10005").position(5);
    desk.wait_ns(60 * SECOND_NS);
    quotes(&mut desk, 0, 10_000);
    quotes(&mut desk, 1, 5_000);
    assert_eq!(refusal(&mut desk, "b buy 5 @ 10005 gtc"), Refusal::NoReference);
    assert_eq!(refusal(&mut desk, "c sell 6 market ioc"), Refusal::NoReference, "not only reduces");
    desk.outputs.clear();
    desk.client("d buy 5 @ 4900 gtc").sent(&["v1 new buy 5 @ 4900 Gtc #2"]);
    desk.client("e sell 4 market ioc").sent(&["v0 new sell 4 @ 9995 Ioc #3"]);
    // The open order counts as if it were filled.
    assert_eq!(refusal(&mut desk, "f sell 2 market ioc"), Refusal::NoReference);
    assert_eq!(refusal(&mut desk, "g sell 1 @ 9995 ioc"), Refusal::None);
}

#[test]
fn an_account_may_let_its_orders_wait_for_the_reference_price() {
    let mut desk = desk(&[10_000, 5_000]);
    desk.account(|account| account.no_reference = NoReference::Wait);
    desk.outputs.clear();
    desk.client("a buy 5 market").client("b buy 5 @ 10005 gtc").client("c buy 5 @ 11000 gtc");
    desk.client("d buy 150 market").sent(&[]);
    desk.client_saw(&["a new", "b new", "c new", "d new"]);
    assert_eq!(refusal(&mut desk, "e buy 5 market ioc"), Refusal::NoReference, "cannot wait");
    desk.account(|account| {
        account.no_reference = NoReference::Wait;
        account.limits.notional_max.0 = 14 * crate::desk::UNIT;
    });
    desk.outputs.clear();
    quotes(&mut desk, 1, 10_000);
    desk.wait_ns(SECOND_NS);
    desk.sent(&["v0 new buy 5 @ 10005 Ioc #1", "v0 new buy 5 @ 10005 Ioc #2"]);
    desk.client_saw(&["c Canceled PriceCollar filled 0", "d Canceled NotionalTooLarge filled 0"]);
}

#[test]
fn a_market_order_keeps_the_limit_of_its_arrival_and_does_not_wait_for_ever() {
    let mut desk = desk(&[10_000]);
    desk.client("a buy 80 market").sent(&["v0 new buy 50 @ 10005 Ioc #1"]);
    desk.venue(1, "fill 50 @ 10005");
    quotes(&mut desk, 0, 12_000).wait_ns(SECOND_NS).sent(&[]);
    desk.book(0, &[(10_495, 50)], &[(10_501, 50)]).wait_ns(SECOND_NS).sent(&[]);
    desk.book(0, &[(10_495, 50)], &[(10_500, 10)]).wait_ns(SECOND_NS);
    desk.sent(&["v0 new buy 10 @ 10500 Ioc #2"]);
    desk.venue(2, "fill 10 @ 10500").wait_ns(56 * SECOND_NS);
    desk.client_saw(&["a new", "a trade 50 @ 10005 leaves 30", "a trade 10 @ 10500 leaves 20"]);
    assert_eq!(desk.engine.next_timer().map(|at| at.0 > desk.now.0), Some(true));
    desk.wait_ns(2 * SECOND_NS);
    desk.client_saw(&["a Canceled WaitedTooLong filled 60"]);
}

#[test]
fn a_one_sided_book_is_measured_by_the_side_that_it_has() {
    let mut desk = Desk::with_venues(1);
    desk.book(0, &[], &[(10_000, 50)]);
    desk.client("a buy 5 market ioc").sent(&["v0 new buy 5 @ 10000 Ioc #1"]);
    assert_eq!(refusal(&mut desk, "b buy 5 @ 10501 ioc"), Refusal::PriceCollar);
    let book = desk.engine.book(VenueId(0), PAIR).expect("a book");
    assert_eq!(book.mid(), Some(Price(10_000)));
}
