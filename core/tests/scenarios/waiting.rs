//! Whatever of an order is not with a venue waits for a reason that is told, is placed as soon as
//! that reason is gone, and is not behind orders that cannot go.

use crate::desk::{BTC, CLIENT, Desk, PAIR, UNIT, USD, text};
use rutter_core::engine::{WAKE_PAUSE_NS, WOKEN_PER_INPUT_MAX};
use rutter_core::id::{AccountId, AssetId, ClOrdId, InstrumentId, OrderId, SessionId, VenueId};
use rutter_core::input::*;
use rutter_core::number::{Amount, FeePpm, Price, Qty};
use rutter_core::output::{Decision, Notice, Output, ReportKind, Sink};
use rutter_core::waiting::Waiting;
use rutter_test_support::reference;

const SECOND_NS: u64 = 1_000_000_000;

/// Sets what a venue holds of an asset, in 1/1000 of a unit.
fn funds(desk: &mut Desk, venue: u8, asset: AssetId, milli: i128) {
    let total = Amount(milli * UNIT / 1_000);
    desk.input(Input::Balance { venue: VenueId(venue), asset, total });
}

/// Why the order waits, as the state of the core, the last notice and a status report have it.
pub fn waits(desk: &mut Desk, id: u64) -> Waiting {
    let order = *desk.engine.order(OrderId(id)).expect("an order");
    let told = desk.outputs.iter().rev().find_map(|output| match output {
        Output::Notice(Notice::Waits(of, why)) if *of == OrderId(id) => Some(*why),
        _ => None,
    });
    assert_eq!(told.unwrap_or(order.waiting), order.waiting);
    let cl_ord_id = order.cl_ord_id;
    desk.input(Input::Status(OrderStatus {
        session: order.session,
        client_seq: 900,
        cl_ord_id,
        request: ClOrdId::EMPTY,
    }));
    let Some(Output::Report(report)) = desk.outputs.pop() else { panic!("no report") };
    assert_eq!((report.kind, report.waiting), (ReportKind::OrderStatus, order.waiting));
    order.waiting
}

/// Found by measuring: the funds of the venue with the least fee carry a tenth of the order, and
/// nine tenths waited beside the child for ever.
#[test]
fn what_one_venues_funds_do_not_carry_rests_at_the_next_venue() {
    let mut desk = Desk::with_venues(2);
    desk.listing(VenueId(0), |l| (l.maker_fee, l.taker_fee) = (FeePpm(0), FeePpm(0)));
    funds(&mut desk, 0, USD, 10_100);
    desk.book(0, &[(9_980, 5)], &[(10_010, 5)]).book(1, &[(9_980, 5)], &[(10_010, 5)]);
    desk.client("a buy 1000 @ 9990 gtc");
    desk.sent(&["v0 new buy 101 @ 9990 Gtc #1", "v1 new buy 899 @ 9990 Gtc #2"]);
    assert_eq!(waits(&mut desk, 1), Waiting::Nothing);
}

#[test]
fn what_a_venues_largest_order_does_not_carry_rests_as_several_orders() {
    let mut desk = Desk::with_venues(1);
    desk.listing(VenueId(0), |l| l.qty_max = Qty(4));
    desk.book(0, &[(9_980, 5)], &[(10_010, 5)]).client("a buy 10 @ 9990 gtc");
    desk.sent(&[
        "v0 new buy 4 @ 9990 Gtc #1",
        "v0 new buy 4 @ 9990 Gtc #2",
        "v0 new buy 2 @ 9990 Gtc #3",
    ]);
}

/// The funds carry the order at a lower price: a book brings it.
#[test]
fn a_buy_that_lacks_a_little_of_the_funds_goes_when_the_book_is_cheaper() {
    let mut desk = Desk::with_venues(1);
    desk.listing(VenueId(0), |l| {
        (l.maker_fee, l.taker_fee, l.lot) = (FeePpm(0), FeePpm(0), Qty(1_000));
    });
    funds(&mut desk, 0, USD, 95_000);
    desk.book(0, &[(9_300, 5_000)], &[(9_900, 5_000)]);
    desk.client("a buy 1000 @ 10000 gtc").sent(&[]);
    assert_eq!(waits(&mut desk, 1), Waiting::NoFunds);
    let ask = |price, qty| {
        let mut update = BookUpdate { last: true, ..BookUpdate::default() };
        assert!(update.push(Side::Sell, Level { price: Price(price), qty: Qty(qty) }));
        Input::Book(update)
    };
    assert_eq!(looks(&mut desk, &ask(9_600, 5_000)), 1, "a cheaper book is looked at");
    desk.sent(&[]).input(ask(9_400, 5_000)).sent(&["v0 new buy 1000 @ 9400 Ioc #1"]);
    // Hardly any funds: no book helps, so none is waited for.
    let mut desk = Desk::with_venues(1);
    funds(&mut desk, 0, USD, 1);
    desk.book(0, &[(9_980, 5)], &[(10_010, 5)]);
    desk.client("a buy 1000 @ 9990 gtc");
    assert_eq!(waits(&mut desk, 1), Waiting::NoFunds);
    assert_eq!(looks(&mut desk, &ask(10_005, 5)), 0);
}

#[test]
fn a_rest_beside_a_living_child_goes_as_soon_as_there_are_funds_or_a_venue() {
    let mut desk = Desk::with_venues(2);
    funds(&mut desk, 0, USD, 10_100);
    desk.input(Input::VenueDown(VenueId(1), VenueDownReason::Closed));
    desk.book(0, &[(9_980, 5)], &[(10_010, 5)]).book(1, &[(9_980, 5)], &[(10_010, 5)]);
    desk.client("a buy 1000 @ 9990 gtc").sent(&["v0 new buy 100 @ 9990 Gtc #1"]);
    assert_eq!(waits(&mut desk, 1), Waiting::NoFunds);
    funds(&mut desk, 0, BTC, 5_000_000);
    desk.sent(&[]);
    funds(&mut desk, 0, USD, 20_100);
    desk.sent(&["v0 new buy 100 @ 9990 Gtc #2"]);
    assert_eq!(waits(&mut desk, 1), Waiting::NoFunds);
    desk.input(Input::VenueUp(VenueId(1))).sent(&["v1 new buy 800 @ 9990 Gtc #3"]);
    assert_eq!(waits(&mut desk, 1), Waiting::Nothing);
    desk.client("cancel a").venue(1, "done 0").venue(2, "done 0").venue(3, "done 0");
    desk.client_saw_last("a Canceled ClientRequest filled 0");
}

#[test]
fn each_reason_to_wait_is_told_and_ends_with_its_cause() {
    // No venue; it comes back by a resync of its book, by its link, by its feed, by an operator.
    let mut desk = Desk::with_venues(1);
    desk.book(0, &[(9_980, 5)], &[(10_010, 5)]);
    desk.operator(OperatorCommand::DrainVenue(VenueId(0))).client("a buy 1 @ 9990 gtc");
    assert_eq!(waits(&mut desk, 1), Waiting::NoVenue);
    desk.operator(OperatorCommand::EnableVenue(VenueId(0))).sent(&["v0 new buy 1 @ 9990 Gtc #1"]);
    let (venue, instrument) = (VenueId(0), PAIR);
    desk.input(Input::BookDistrusted { venue, instrument, reason: Distrust::Gap });
    desk.venue(1, "done 0").wait_ns(SECOND_NS).sent(&[]);
    assert_eq!(waits(&mut desk, 1), Waiting::NoVenue);
    desk.book(0, &[(9_980, 5)], &[(10_010, 5)]).sent(&["v0 new buy 1 @ 9990 Gtc #2"]);
    desk.venue(2, "accepted").wait_ns(6 * SECOND_NS).venue(2, "done 0");
    assert_eq!(waits(&mut desk, 1), Waiting::NoVenue);
    desk.input(Input::FeedAlive(VenueId(0))).sent(&["v0 new buy 1 @ 9990 Gtc #3"]);

    // Beyond the limit: a market order that has taken what its collar allows.
    let mut desk = Desk::with_venues(1);
    desk.book(0, &[(9_990, 5)], &[(10_010, 5), (11_000, 50)]).client("a buy 9 market");
    desk.sent(&["v0 new buy 5 @ 10010 Ioc #1"]);
    assert_eq!(waits(&mut desk, 1), Waiting::BeyondLimit);
    desk.book(0, &[(9_990, 5)], &[(10_020, 50)]).sent(&["v0 new buy 4 @ 10020 Ioc #2"]);

    // Our own order in the way.
    let mut desk = crate::own_orders::desk_of(1, &["x", "y"]);
    desk.book(0, &[(9_990, 5)], &[(10_010, 5)]).client("a sell 9 @ 10000 gtc");
    desk.session = SessionId(1);
    desk.client("b buy 9 @ 10000 gtc").sent(&["v0 new sell 9 @ 10000 Gtc #1"]);
    assert_eq!(waits(&mut desk, 2), Waiting::OwnOrder);
    desk.session = CLIENT;
    desk.venue(1, "accepted").client("cancel a").venue(1, "done 0");
    desk.sent(&["v0 cancel #1", "v0 new buy 9 @ 10000 Gtc #2"]);

    // A venue that refuses, and one that has no room.
    let mut desk = Desk::with_venues(1);
    desk.book(0, &[(9_990, 5)], &[(10_010, 5)]).client("a buy 1 @ 9990 gtc");
    desk.venue(1, "rejected Other");
    assert_eq!(waits(&mut desk, 1), Waiting::VenueRefused);
    for id in ["b", "c", "d", "e", "f"] {
        desk.client(&format!("{id} buy 1 @ 9990 gtc"));
    }
    assert_eq!(waits(&mut desk, 6), Waiting::VenueBusy);
    desk.outputs.clear();
    desk.venue(2, "accepted").sent(&["v0 new buy 1 @ 9990 Gtc #6"]);
}

/// The second input of the change shows the liquidity that the first one took away.
#[test]
fn an_ioc_order_waits_for_the_end_of_a_books_change_and_not_longer() {
    let change = |last| {
        let mut update = BookUpdate { last, ..BookUpdate::default() };
        update.push(Side::Sell, Level { price: Price(10_010), qty: Qty(5) });
        Input::Book(update)
    };
    let mut desk = Desk::with_venues(1);
    desk.book(0, &[(9_990, 5)], &[(10_010, 9)]).client("a buy 5 @ 10010 ioc");
    desk.sent(&["v0 new buy 5 @ 10010 Ioc #1"]).input(change(false)).venue(1, "expired 0");
    assert_eq!(waits(&mut desk, 1), Waiting::BookChanging);
    desk.input(change(true)).sent(&["v0 new buy 5 @ 10010 Ioc #2"]);

    desk.input(change(false)).venue(2, "expired 0").sent(&[]);
    let (venue, instrument) = (VenueId(0), PAIR);
    desk.input(Input::BookDistrusted { venue, instrument, reason: Distrust::Gap });
    desk.client_saw_last("a Canceled NoVenue filled 0");
}

#[test]
fn of_orders_that_wait_for_the_same_thing_the_oldest_goes_first() {
    let mut desk = Desk::with_venues(1);
    funds(&mut desk, 0, USD, 0);
    desk.book(0, &[(9_980, 5)], &[(10_010, 5)]);
    for id in ["a", "b", "c"] {
        desk.client(&format!("{id} buy 10 @ 9000 gtc"));
    }
    // 0.010 at 90 with a fee of 0.2 %: 0.9018 each.
    for (milli, sent) in [(910, "#1"), (1_810, "#2"), (2_710, "#3")] {
        funds(&mut desk, 0, USD, milli);
        desk.sent(&[&format!("v0 new buy 10 @ 9000 Gtc {sent}")]);
    }
    let order_of = |child| desk.engine.child(rutter_core::id::ChildId(child)).map(|c| c.order.0);
    assert_eq!([1, 2, 3].map(order_of), [Some(1), Some(2), Some(3)]);
}

/// Counts the orders that an input routed.
#[derive(Default)]
struct Looks(usize);

impl Sink for Looks {
    fn output(&mut self, _output: &Output) {}

    fn wants_decisions(&self) -> bool {
        true
    }

    fn decision(&mut self, _decision: &Decision<'_>) {
        self.0 += 1;
    }
}

pub fn looks(desk: &mut Desk, input: &Input) -> usize {
    let mut looks = Looks::default();
    desk.now.0 += 1_000;
    let header = Header { seq: 1_000_000_000 + desk.now.0, time: desk.now };
    desk.engine.apply(header, input, &mut looks);
    looks.0
}

/// Lets the timer come until no waiting order is due; counts the orders that were looked at.
fn finish(desk: &mut Desk) -> usize {
    let mut seen = 0;
    while desk.engine.next_timer().is_some_and(|at| at.since(desk.now) <= WAKE_PAUSE_NS) {
        desk.now.0 += WAKE_PAUSE_NS;
        let some = looks(desk, &Input::Tick);
        assert!(some <= WOKEN_PER_INPUT_MAX);
        seen += some;
    }
    seen
}

/// Four hundred orders wait for quote funds.
#[test]
fn an_order_that_can_go_is_not_behind_four_hundred_that_cannot() {
    let mut desk = Desk::with_venues(2);
    desk.account(|account| account.limits.open_orders_max = 1_000);
    desk.book(0, &[(9_980, 5)], &[(10_010, 5)]).book(1, &[(9_980, 5)], &[(10_010, 5)]);
    for venue in [0, 1] {
        funds(&mut desk, venue, USD, 0);
    }
    desk.input(Input::VenueDown(VenueId(1), VenueDownReason::Closed));
    for number in 0..400 {
        desk.client(&format!("f{number} buy 10 @ 9000 gtc"));
    }
    desk.instructed("v sell 1 @ 10100 gtc", |new| new.instructions.only = Some(VenueId(1)));
    assert_eq!(waits(&mut desk, 401), Waiting::NoVenue);
    funds(&mut desk, 0, BTC, 0);
    desk.client("s sell 1 @ 10100 gtc");
    assert_eq!(waits(&mut desk, 402), Waiting::NoFunds);
    desk.sent(&[]);
    funds(&mut desk, 0, BTC, 1_000);
    desk.sent(&["v0 new sell 1 @ 10100 Gtc #1"]);
    desk.input(Input::VenueUp(VenueId(1)));
    desk.sent(&["v1 new sell 1 @ 10100 Gtc #2"]);
    finish(&mut desk);
    // A change of a book helps none of the four hundred, and costs nothing.
    let mut update = BookUpdate { last: true, ..BookUpdate::default() };
    update.push(Side::Buy, Level { price: Price(9_985), qty: Qty(5) });
    assert_eq!(looks(&mut desk, &Input::Book(update)), 0);
    // Funds help them all, a bounded number at a time, until each was looked at.
    let total = Amount(UNIT / 1_000);
    let first = looks(&mut desk, &Input::Balance { venue: VenueId(0), asset: USD, total });
    assert_eq!(first, WOKEN_PER_INPUT_MAX);
    assert_eq!(first + finish(&mut desk), 400);
}

#[test]
fn orders_of_one_instrument_are_not_woken_by_another() {
    let mut desk = Desk::with_venues(1);
    let other = InstrumentId(1);
    desk.input(Input::Asset(reference::asset(2, "ETH")));
    desk.input(Input::Instrument(reference::instrument(1, "ETH/USD", AssetId(2), USD)));
    desk.input(Input::Listing(reference::listing(VenueId(0), other)));
    desk.book(0, &[(9_990, 5)], &[(10_010, 5)]).client("a buy 9 market");
    assert_eq!(waits(&mut desk, 1), Waiting::BeyondLimit);
    let mut update =
        BookUpdate { instrument: other, clear: true, last: true, ..BookUpdate::default() };
    update.push(Side::Sell, Level { price: Price(10_010), qty: Qty(5) });
    assert_eq!(looks(&mut desk, &Input::Book(update)), 0);
    update.instrument = PAIR;
    assert!(looks(&mut desk, &Input::Book(update)) > 0);
    assert_eq!(desk.engine.order(OrderId(1)).map(|o| o.account), Some(AccountId(0)));
    assert_eq!(desk.engine.order(OrderId(1)).map(|o| o.cl_ord_id), Some(text("a")));
}
