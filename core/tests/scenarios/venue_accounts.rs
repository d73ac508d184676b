//! Several accounts at one venue: each has its own balances, limits and orders, and all use the one
//! book of the venue. A client's account goes to a venue by one of them.

use rutter_core::breaker::RequestKind;
use rutter_core::id::{AccountId, OrderId, SessionId, VenueId};
use rutter_core::input::*;
use rutter_core::number::{Amount, FeePpm, Price, Qty, UnixNanos};
use rutter_core::output::{Notice, Output, Previewed};
use rutter_core::resting::OFFER_AGE_NS;
use rutter_core::venue_set::VenueSet;
use rutter_core::waiting::Waiting;
use rutter_test_support::random::Random;
use rutter_test_support::{reference, seeds};

use crate::desk::{BTC, Desk, PAIR, USD, text};
use crate::waiting::waits;

const V0: VenueId = VenueId(0);
const V1: VenueId = VenueId(1);
const V2: VenueId = VenueId(2);

/// A client's account with a session of the same number, owned by `owner`. Its orders never go to
/// `denied`.
fn client(desk: &mut Desk, at: u16, owner: &str, denied: &[VenueId]) {
    let account = AccountId(at);
    if at > 0 {
        desk.input(Input::Account(reference::account(at, &format!("a{at}"))));
        let session = reference::session(at, &format!("S{at}"), Some(account));
        desk.input(Input::Session(session));
    }
    let denied = denied.iter().copied().collect();
    desk.input(Input::Routing(RoutingDef { denied, ..RoutingDef::usual(account) }));
    desk.input(Input::Owner(OwnerDef::usual(account, text(owner))));
}

/// One venue with two accounts, `v0` and `v1`. The first client goes by `v0`, the second by `v1`.
fn desk_of(owners: [&str; 2]) -> Desk {
    let mut desk = Desk::with_venues(1);
    desk.further_account(1, 0);
    client(&mut desk, 0, owners[0], &[V1]);
    client(&mut desk, 1, owners[1], &[V0]);
    desk.book(0, &[(9_990, 50)], &[(10_000, 3), (10_010, 50)]);
    desk.outputs.clear();
    desk
}

/// One venue with two accounts, and the clients of two owners.
fn desk() -> Desk {
    desk_of(["x", "y"])
}

/// An order of a client.
fn says<'a>(desk: &'a mut Desk, at: u16, words: &str) -> &'a mut Desk {
    desk.session = SessionId(at);
    desk.client(words)
}

fn is_refused(desk: &mut Desk, input: Input) -> bool {
    desk.outputs.clear();
    desk.input(input);
    desk.notices().contains(&Notice::BadReference)
}

#[test]
fn each_client_trades_by_its_own_venue_account_with_the_book_of_the_venue() {
    let mut desk = desk();
    says(&mut desk, 0, "a buy 2 @ 10010 ioc").sent(&["v0 new buy 2 @ 10000 Ioc #1"]);
    desk.venue(1, "fill 2 @ 10000");
    says(&mut desk, 1, "b sell 4 @ 9990 ioc").sent(&["v1 new sell 4 @ 9990 Ioc #2"]);
    desk.venue(2, "fill 4 @ 9990");
    let funds = |venue, asset| desk.engine.ledger().funds(venue, asset).total;
    let at_first = Amount(1_000_000 * reference::UNIT);
    assert_eq!(funds(V0, BTC).0 - at_first.0, 2 * reference::UNIT / 1_000);
    assert_eq!(funds(V1, BTC).0 - at_first.0, -4 * reference::UNIT / 1_000);
    assert!(funds(V0, USD) < at_first && funds(V1, USD) > at_first);
    desk.position(2);
}

#[test]
fn what_one_account_takes_of_a_level_is_gone_for_the_other() {
    let mut desk = desk();
    says(&mut desk, 0, "a buy 2 @ 10000 ioc").sent(&["v0 new buy 2 @ 10000 Ioc #1"]);
    says(&mut desk, 1, "b buy 3 @ 10000 ioc").sent(&["v1 new buy 1 @ 10000 Ioc #2"]);
    // The book shows from here on what is left.
    desk.venue(1, "fill 2 @ 10000").venue(2, "fill 1 @ 10000");
    desk.book(0, &[(9_990, 50)], &[(10_000, 3)]).outputs.clear();
    says(&mut desk, 0, "c buy 3 @ 10000 ioc").sent(&["v0 new buy 3 @ 10000 Ioc #3"]);
}

#[test]
fn no_level_is_taken_twice_however_many_orders_come_by_both_accounts() {
    for seed in seeds::chosen(200) {
        seeds::run(seed, "scenarios venue_accounts::", || {
            let mut random = Random::new(seed);
            let mut desk = desk_of(["x", random.pick(&["x", "y"])]);
            for venue in [0, 1] {
                desk.venue_terms(venue, |terms| terms.unanswered_max = 100);
            }
            let asks: Vec<(i64, i64)> =
                (0..4).map(|nth| (10_000 + nth, 1 + random.below(9) as i64)).collect();
            desk.book(0, &[(9_990, 50)], &asks);
            desk.outputs.clear();
            for nth in 0..20 {
                let (qty, price) = (1 + random.below(6), 10_000 + random.below(4));
                let words = format!("o{nth} buy {qty} @ {price} ioc");
                says(&mut desk, random.below(2) as u16, &words);
            }
            for (price, _) in &asks {
                let shown = asks.iter().filter(|(at, _)| at <= price).map(|(_, qty)| qty);
                let taken = desk.outputs.iter().filter_map(|output| match output {
                    Output::SendNew(new) if new.price.0 <= *price => Some(new.qty.0),
                    _ => None,
                });
                let (taken, shown) = (taken.sum::<i64>(), shown.sum::<i64>());
                assert!(taken <= shown, "{taken} of {shown} up to {price}");
            }
        });
    }
}

#[test]
fn the_funds_and_the_limits_of_one_account_say_nothing_of_the_other() {
    let mut desk = desk();
    desk.input(Input::Balance { venue: V0, asset: USD, total: Amount::ZERO });
    says(&mut desk, 0, "a buy 2 @ 10000 gtc");
    assert_eq!(waits(&mut desk, 1), Waiting::NoFunds);
    says(&mut desk, 1, "b buy 2 @ 10000 ioc").sent(&["v1 new buy 2 @ 10000 Ioc #1"]);
    desk.venue(1, "rejected RateLimit 5000000000").outputs.clear();
    says(&mut desk, 1, "c buy 2 @ 10000 gtc").sent(&[]);
    assert_eq!(waits(&mut desk, 3), Waiting::VenueBusy);
    says(&mut desk, 0, "d sell 2 @ 9990 ioc").sent(&["v0 new sell 2 @ 9990 Ioc #2"]);
}

#[test]
fn a_market_that_is_closed_to_one_account_is_open_to_the_other() {
    let mut desk = desk();
    says(&mut desk, 1, "a buy 2 @ 10000 gtc").sent(&["v1 new buy 2 @ 10000 Ioc #1"]);
    desk.venue(1, "rejected MarketClosed").sent(&[]);
    says(&mut desk, 0, "b buy 2 @ 10000 ioc").sent(&["v0 new buy 2 @ 10000 Ioc #2"]);
    says(&mut desk, 1, "c buy 1 @ 10000 ioc").sent(&[]);
}

#[test]
fn an_account_goes_on_with_the_book_while_the_one_that_owns_the_book_is_down_or_halted() {
    let halt = Input::Operator(Operator {
        request: 1,
        by: text("ops"),
        reason: text("drill"),
        command: OperatorCommand::Halt(Scope::Venue(V0)),
    });
    for stop in [Input::VenueDown(V0, VenueDownReason::LinkLost), halt] {
        let mut desk = desk();
        desk.input(stop);
        desk.book(0, &[(9_990, 50)], &[(10_000, 4)]).outputs.clear();
        says(&mut desk, 0, "a buy 4 @ 10000 ioc").sent(&[]);
        says(&mut desk, 1, "b buy 4 market ioc").sent(&["v1 new buy 4 @ 10000 Ioc #1"]);
    }
}

#[test]
fn a_silent_feed_and_a_feed_whose_breaker_is_open_stop_every_account_of_the_venue() {
    let mut desk = desk();
    desk.wait_ns(5_000_000_001).outputs.clear();
    says(&mut desk, 0, "a buy 2 @ 10000 ioc");
    says(&mut desk, 1, "b buy 2 @ 10000 ioc").sent(&[]);
    desk.input(Input::FeedAlive(V0)).outputs.clear();
    says(&mut desk, 1, "c buy 2 @ 10000 ioc").sent(&["v1 new buy 2 @ 10000 Ioc #1"]);

    let mut desk = self::desk();
    for _ in 0..BreakerTerms::DEFAULT.failures {
        let reason = Distrust::Checksum;
        desk.input(Input::BookDistrusted { venue: V0, instrument: PAIR, reason });
    }
    let opened = |notice: &Notice| matches!(notice, Notice::Breaker(V0, RequestKind::Data, ..));
    assert!(desk.notices().iter().any(opened));
    desk.book(0, &[(9_990, 50)], &[(10_000, 3)]).outputs.clear();
    says(&mut desk, 0, "a buy 3 @ 10000 ioc");
    says(&mut desk, 1, "b buy 3 @ 10000 ioc").sent(&[]);
}

#[test]
fn market_data_of_an_account_without_books_of_its_own_is_refused() {
    let mut desk = desk();
    let book = BookUpdate {
        venue: V1,
        instrument: PAIR,
        clear: true,
        last: true,
        ..BookUpdate::default()
    };
    let trade = PublicTrade {
        venue: V1,
        instrument: PAIR,
        taker: Some(Side::Sell),
        price: Price(1),
        qty: Qty(1),
        id: 1,
        count: 1,
        time: UnixNanos(u64::MAX),
        late: false,
    };
    let distrusted = Input::BookDistrusted { venue: V1, instrument: PAIR, reason: Distrust::Gap };
    for input in [Input::Book(book), Input::Trade(trade), Input::FeedAlive(V1), distrusted] {
        assert!(is_refused(&mut desk, input), "{input:?}");
    }
    says(&mut desk, 1, "a buy 3 @ 10000 ioc").sent(&["v1 new buy 3 @ 10000 Ioc #1"]);
}

#[test]
fn a_client_reaches_one_account_of_a_venue_and_the_first_one_unless_it_says_otherwise() {
    let mut desk = Desk::with_venues(1);
    desk.further_account(1, 0).book(0, &[(9_990, 50)], &[(10_000, 3)]).outputs.clear();
    // The account was there before the further venue account.
    desk.client("a buy 1 @ 10000 ioc").sent(&["v0 new buy 1 @ 10000 Ioc #1"]);
    desk.input(Input::Account(reference::account(1, "late")));
    assert_eq!(desk.engine.reference().routing_of(AccountId(1)).denied, VenueSet::from_iter([V1]));
    let both = Input::Routing(RoutingDef::usual(AccountId(0)));
    assert!(is_refused(&mut desk, both));
    desk.client("b buy 1 @ 10000 ioc").sent(&["v0 new buy 1 @ 10000 Ioc #2"]);
    let second =
        RoutingDef { denied: VenueSet::from_iter([V0]), ..RoutingDef::usual(AccountId(0)) };
    assert!(!is_refused(&mut desk, Input::Routing(second)));
    desk.client("c buy 1 @ 10000 ioc").sent(&["v1 new buy 1 @ 10000 Ioc #3"]);
}

#[test]
fn whose_books_an_account_uses_is_said_before_its_listings_and_holds_for_good() {
    let mut desk = Desk::with_venues(2);
    desk.further_account(2, 0);
    let books_of = |venue, owner| Input::BooksOf(BooksOfDef { venue, owner });
    assert!(!is_refused(&mut desk, books_of(V2, V0)), "a further start says it again");
    for (venue, owner) in [
        // It has listings, and so a book.
        (V1, V0),
        // Another book than before, its own, one that is not there, one of a third account.
        (V2, V1),
        (V2, V2),
        (V2, VenueId(9)),
        (VenueId(9), V0),
        (V1, V2),
        // Others use its book.
        (V0, V1),
    ] {
        assert!(is_refused(&mut desk, books_of(venue, owner)), "{venue:?} {owner:?}");
    }
    let all: Vec<Input> = desk.engine.reference().definitions().collect();
    let mut again = rutter_core::reference::Reference::default();
    for input in &all {
        assert_eq!(again.define(input), Ok(()), "{input:?}");
    }
    assert_eq!(again.book_owner(V2), V0);
    assert_eq!(again.definitions().collect::<Vec<_>>(), all);
}

#[test]
fn a_venue_counts_once_in_the_reference_price_whatever_accounts_it_has() {
    // Two venues whose mids are far apart do not agree, though one of them has two accounts.
    let mut desk = Desk::with_venues(2);
    desk.further_account(2, 0);
    desk.book(0, &[(9_990, 50)], &[(10_010, 50)]).book(1, &[(11_990, 50)], &[(12_010, 50)]);
    desk.outputs.clear();
    desk.client("a buy 1 market ioc");
    desk.client_saw(&["a refused NoReference"]);
    // The only venue that is left is one of two, whatever accounts it has.
    let mut desk = Desk::with_venues(2);
    desk.further_account(2, 0).book(0, &[(9_990, 50)], &[(10_010, 50)]).outputs.clear();
    desk.client("a buy 1 market ioc");
    desk.client_saw(&["a refused NoReference"]);
}

#[test]
fn orders_of_one_owner_do_not_match_by_two_accounts_of_a_venue() {
    let mut desk = desk_of(["x", "x"]);
    says(&mut desk, 0, "a sell 4 @ 10005 gtc").sent(&["v0 new sell 4 @ 10005 Gtc #1"]);
    desk.venue(1, "accepted");
    desk.book(0, &[(9_990, 50)], &[(10_000, 3), (10_005, 4), (10_010, 50)]).outputs.clear();
    says(&mut desk, 1, "b buy 10 @ 10010 ioc");
    desk.sent(&["v0 cancel #1", "v1 new buy 3 @ 10000 Ioc #2"]);
    desk.venue(2, "fill 3 @ 10000").sent(&[]).outputs.clear();
    desk.venue(1, "done 0").sent(&["v1 new buy 7 @ 10010 Ioc #3"]);
    desk.client_saw(&["a Canceled SelfMatchResting filled 0"]);
}

#[test]
fn two_owners_with_accounts_of_their_own_trade_with_each_other() {
    for other_owners in [OtherOwners::Yield, OtherOwners::Protect] {
        let mut desk = desk();
        let usual = OwnerDef::usual(AccountId(0), text("x"));
        desk.input(Input::Owner(OwnerDef { other_owners, ..usual }));
        says(&mut desk, 0, "a sell 4 @ 10005 gtc").venue(1, "accepted");
        desk.book(0, &[(9_990, 50)], &[(10_000, 3), (10_005, 4), (10_010, 50)]).outputs.clear();
        says(&mut desk, 1, "b buy 10 @ 10010 ioc").sent(&["v1 new buy 10 @ 10010 Ioc #2"]);
    }
}

#[test]
fn two_owners_with_one_account_go_by_what_the_resting_one_wants() {
    let mut desk = desk();
    client(&mut desk, 2, "z", &[V1]);
    says(&mut desk, 0, "a sell 4 @ 10005 gtc").venue(1, "accepted");
    desk.book(0, &[(9_990, 50)], &[(10_000, 3), (10_005, 4), (10_010, 50)]).outputs.clear();
    says(&mut desk, 2, "b buy 10 @ 10010 ioc");
    desk.sent(&["v0 cancel #1", "v0 new buy 3 @ 10000 Ioc #2"]);
}

#[test]
fn a_resting_order_takes_what_the_book_offers_by_its_own_account_though_the_first_one_is_down() {
    let mut desk = Desk::with_venues(2);
    desk.further_account(2, 0);
    desk.listing(V1, |listing| listing.maker_fee = FeePpm(0));
    for venue in 0..3 {
        desk.venue_terms(venue, |terms| terms.stale_after_ns = u64::MAX / 2);
    }
    client(&mut desk, 0, "x", &[V0]);
    for venue in [0, 1] {
        desk.book(venue, &[(9_990, 50)], &[(10_010, 50)]);
    }
    desk.input(Input::VenueDown(V0, VenueDownReason::LinkLost)).outputs.clear();
    desk.client("a buy 10 @ 10000 gtc").sent(&["v1 new buy 10 @ 10000 Gtc #1"]);
    desk.venue(1, "accepted").outputs.clear();
    desk.book(0, &[(9_990, 50)], &[(9_995, 4)]).wait_ns(OFFER_AGE_NS).sent(&["v1 cancel #1"]);
    desk.venue(1, "done 0");
    desk.sent(&["v2 new buy 4 @ 9995 Ioc #2", "v1 new buy 6 @ 10000 Gtc #3"]);
    assert_eq!(desk.engine.order(OrderId(1)).map(|order| order.qty), Some(Qty(10)));
}

#[test]
fn an_order_that_names_a_venue_goes_there_by_the_account_of_its_client() {
    let only = |venue: VenueId| move |new: &mut NewOrder| new.instructions.only = Some(venue);
    let mut desk = desk();
    desk.session = SessionId(1);
    desk.instructed("a buy 2 @ 9995 gtc", only(V0)).sent(&["v1 new buy 2 @ 9995 Gtc #1"]);
    desk.venue(1, "accepted").replaced("a buy 3 @ 9995 gtc", only(V0));
    desk.sent(&["v1 new buy 1 @ 9995 Gtc #2"]);
    desk.instructed("b buy 2 @ 9995 gtc", only(V1)).sent(&["v1 new buy 2 @ 9995 Gtc #3"]);
    let told = desk.asked_about("c buy 2 @ 9995 gtc", only(V0));
    let rests = |part: &Previewed| match part {
        Previewed::Venue { line, rest, .. } if rest.is_some() => Some(line.venue),
        Previewed::Venue { .. } | Previewed::Order { .. } | Previewed::Bridge(_) => None,
    };
    assert_eq!(told.iter().filter_map(rests).collect::<Vec<_>>(), [V1]);
    desk.outputs.clear();
    // The account of another client is not this one's to name.
    desk.session = SessionId(0);
    desk.instructed("d buy 2 @ 9995 gtc", only(V1)).client_saw(&["d refused VenueNotAllowed"]);
}
