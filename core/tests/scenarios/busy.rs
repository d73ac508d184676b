//! What busy venues cannot take queues with a deadline, if the account wants that: sent in the
//! order of arrival, once, within the venues' limits, or given back with `VenueBusy`.

use std::collections::VecDeque;

use crate::desk::{CLIENT, Desk, HALT, UNIT, USD, text};
use crate::waiting::{looks, waits};
use rutter_core::engine::WOKEN_PER_INPUT_MAX;
use rutter_core::id::{AssetId, ChildId, ExecId, InstrumentId, OrderId, VenueId};
use rutter_core::input::*;
use rutter_core::number::{Amount, Price, Qty, UnixNanos};
use rutter_core::order::Order;
use rutter_core::output::{Decision, Output, ReportKind, SendNew, Sink};
use rutter_core::waiting::Waiting;
use rutter_test_support::reference;

const MS: u64 = 1_000_000;
const SECOND: u64 = 1_000 * MS;

/// An account whose IOC and FOK orders wait, and venues with much liquidity that each take so many
/// unanswered orders.
fn desk(venues: u8, unanswered: u32, busy_wait_ms: u64) -> Desk {
    desk_of(13, venues, unanswered, busy_wait_ms)
}

/// As [`desk`], with a table for orders of another size.
fn desk_of(orders_log2: u8, venues: u8, unanswered: u32, busy_wait_ms: u64) -> Desk {
    let genesis =
        Genesis { orders_log2, children_log2: 13, executions_log2: 13, ..reference::genesis() };
    let mut desk = Desk::with_tables(venues, &genesis);
    desk.account(|account| {
        account.limits.open_orders_max = 4_000;
        account.busy_wait_ns = busy_wait_ms * MS;
    });
    for venue in 0..venues {
        desk.venue_terms(venue, |terms| {
            (terms.unanswered_max, terms.rate_orders) = (unanswered, 100_000);
            terms.stale_after_ns = 3_600 * SECOND;
        });
        desk.book(venue, &[(9_990, 10_000)], &[(10_010, 10_000)]);
    }
    desk
}

/// A new child, as the venue sees it.
#[derive(Clone, Copy, Debug)]
struct Sent {
    at: UnixNanos,
    venue: u8,
    order: u64,
    child: u64,
}

/// Takes out what the core has sent. No order may be given back.
fn take(desk: &mut Desk) -> Vec<Sent> {
    let at = desk.now;
    let sent = desk.outputs.drain(..).filter_map(|output| match output {
        Output::SendNew(s) => {
            Some(Sent { at, venue: s.venue.0, order: s.order.0, child: s.child.0 })
        }
        Output::Report(report) => {
            assert_ne!(report.kind, ReportKind::Canceled, "{:?}", report.reason);
            None
        }
        _ => None,
    });
    sent.collect()
}

fn orders_of(sent: &[Sent]) -> Vec<u64> {
    sent.iter().map(|sent| sent.order).collect()
}

/// Sends so many orders to the desk, all at once, with ids that begin with a letter. Returns what
/// the venues get.
fn spike(desk: &mut Desk, letter: char, orders: u64) -> Vec<Sent> {
    let mut sent = Vec::new();
    for number in 1..=orders {
        desk.client(&format!("{letter}{number} buy 1 @ 10010 ioc"));
        sent.extend(take(desk));
    }
    sent
}

#[test]
fn a_spike_is_sent_in_the_order_of_arrival_none_twice_and_none_lost() {
    let mut desk = desk(2, 10, 60_000);
    let mut sent = spike(&mut desk, 'o', 2_000);
    assert_eq!(waits(&mut desk, 2_000), Waiting::VenueBusy);
    assert_eq!(sent.len(), 20);
    let mut open: VecDeque<Sent> = sent.iter().copied().collect();
    // Ends: each turn fills an order.
    while let Some(oldest) = open.pop_front() {
        desk.venue(oldest.child, "fill 1 @ 10010");
        let more = take(&mut desk);
        open.extend(&more);
        sent.extend(more);
        for venue in [0, 1] {
            assert!(open.iter().filter(|sent| sent.venue == venue).count() <= 10);
        }
    }
    assert_eq!(orders_of(&sent), (1..=2_000).collect::<Vec<_>>());
    assert_eq!(sent.iter().filter(|sent| sent.venue == 0).count(), 1_000);
    assert_eq!((desk.engine.counts().fills, desk.engine.open_orders()), (2_000, 0));
    desk.position(2_000);
}

/// Lets the timer come until every order is filled at once when it is sent.
fn fill_all(desk: &mut Desk, mut sent: Vec<Sent>) -> Vec<Sent> {
    let mut filled = 0;
    for _ in 0..100_000 {
        while filled < sent.len() {
            desk.venue(sent[filled].child, "fill 1 @ 10010");
            filled += 1;
            sent.extend(take(desk));
        }
        if desk.engine.open_orders() == 0 {
            return sent;
        }
        desk.now = desk.engine.next_timer().expect("orders that wait have a timer");
        desk.input(Input::Tick);
        sent.extend(take(desk));
    }
    panic!("orders wait for ever: {sent:?}");
}

#[test]
fn the_order_rate_of_a_venue_is_never_passed_and_a_new_window_is_used_at_once() {
    let mut desk = desk(2, 1_000, 60_000);
    for venue in [0, 1] {
        desk.venue_terms(venue, |terms| (terms.unanswered_max, terms.rate_orders) = (1_000, 100));
    }
    desk.book(0, &[(9_990, 10_000)], &[(10_010, 10_000)]);
    desk.book(1, &[(9_990, 10_000)], &[(10_010, 10_000)]);
    let start = desk.now;
    let sent = spike(&mut desk, 'o', 1_000);
    let sent = fill_all(&mut desk, sent);
    assert_eq!(orders_of(&sent), (1..=1_000).collect::<Vec<_>>());
    for venue in [0, 1] {
        let times: Vec<u64> =
            sent.iter().filter(|sent| sent.venue == venue).map(|sent| sent.at.0).collect();
        assert_eq!(times.len(), 500);
        for window in times.chunks(100).collect::<Vec<_>>().windows(2) {
            assert!(window[1][0] - window[0][0] >= SECOND, "a window of a second takes 100");
        }
    }
    let took = desk.now.since(start);
    assert!(took < 4 * SECOND + 50 * MS, "five windows of each venue: {took} ns");
}

/// The window has ended, and the timer that wakes the queue has not come yet.
#[test]
fn a_new_order_does_not_go_before_those_that_wait_for_the_same_window() {
    let mut desk = desk(1, 1_000, 60_000);
    desk.venue_terms(0, |terms| (terms.unanswered_max, terms.rate_orders) = (1_000, 100));
    spike(&mut desk, 'o', 102);
    desk.now.0 += SECOND;
    desk.client("c buy 1 @ 10010 ioc");
    assert_eq!(orders_of(&take(&mut desk)), [101, 102, 103]);
    // More wait than one input looks at: the new order goes behind them.
    let waiting = WOKEN_PER_INPUT_MAX as u64 + 6;
    assert_eq!(spike(&mut desk, 'p', 97 + waiting).len(), 97);
    desk.now.0 += SECOND;
    desk.client("d buy 1 @ 10010 gtc").client("e buy 1 @ 10010 ioc");
    let mut sent = take(&mut desk);
    assert_eq!(sent.len(), WOKEN_PER_INPUT_MAX);
    desk.wait_ns(2 * MS);
    sent.extend(take(&mut desk));
    assert_eq!(orders_of(&sent), (201..=202 + waiting).collect::<Vec<_>>());
}

#[test]
fn without_the_accounts_consent_an_ioc_order_is_given_back_at_once() {
    let mut desk = desk(1, 1, 0);
    desk.client("a buy 1 @ 10010 ioc").sent(&["v0 new buy 1 @ 10010 Ioc #1"]);
    for words in ["b buy 1 @ 10010 ioc", "c buy 1 market ioc", "d buy 1 @ 10010 fok"] {
        desk.client(words).sent(&[]);
        desk.client_saw_last(&format!("{} Canceled VenueBusy filled 0", &words[..1]));
    }
    // The venue has not looked into its book: no fade.
    desk.venue(1, "rejected RateLimit").client_saw_last("a Canceled VenueBusy filled 0");
}

#[test]
fn when_its_time_has_passed_an_order_is_given_back_with_its_reason() {
    let mut desk = desk(1, 1, 500);
    desk.client("a buy 1 @ 10010 ioc").sent(&["v0 new buy 1 @ 10010 Ioc #1"]);
    desk.client("b buy 1 @ 10010 ioc").client("c buy 1 market ioc").client("d buy 1 @ 10010 fok");
    desk.client_saw(&["a new", "b new", "c new", "d new"]);
    for order in 2..=4 {
        assert_eq!(waits(&mut desk, order), Waiting::VenueBusy);
    }
    // The time counts from the arrival, whatever is looked at in between.
    for _ in 0..4 {
        desk.wait_ns(100 * MS).client_saw(&[]);
    }
    desk.wait_ns(100 * MS).sent(&[]).client_saw(&[
        "b Canceled VenueBusy filled 0",
        "c Canceled VenueBusy filled 0",
        "d Canceled VenueBusy filled 0",
    ]);
    // The time of an order that is with a venue ends nothing, and its rest does not wait again.
    desk.venue(1, "rejected RateLimit").sent(&[]);
    desk.client_saw(&["a Canceled VenueBusy filled 0"]);
    assert_eq!(desk.engine.open_orders(), 0);
}

#[test]
fn market_and_fok_orders_go_when_there_is_room() {
    let mut desk = desk(1, 1, 500);
    desk.client("a buy 1 @ 10010 ioc").client("b buy 2 market ioc").client("c buy 3 @ 10010 fok");
    desk.venue(1, "fill 1 @ 10010").venue(2, "fill 2 @ 10010").venue(3, "fill 3 @ 10010");
    desk.sent(&[
        "v0 new buy 1 @ 10010 Ioc #1",
        "v0 new buy 2 @ 10010 Ioc #2",
        "v0 new buy 3 @ 10010 Fok #3",
    ]);
    desk.position(6);
}

#[test]
fn the_rest_of_a_partly_filled_order_waits_before_orders_that_came_later() {
    let mut desk = desk(2, 1, 500);
    desk.book(0, &[(9_990, 5)], &[(10_010, 3)]).book(1, &[(9_990, 5)], &[(10_020, 50)]);
    let only_v1 = |new: &mut NewOrder| new.instructions.only = Some(VenueId(1));
    desk.instructed("x buy 1 @ 10020 ioc", only_v1).sent(&["v1 new buy 1 @ 10020 Ioc #1"]);
    desk.client("a buy 5 @ 10020 ioc").sent(&["v0 new buy 3 @ 10010 Ioc #2"]);
    desk.client("b buy 1 @ 10020 ioc").venue(2, "fill 3 @ 10010").sent(&[]);
    assert_eq!([waits(&mut desk, 2), waits(&mut desk, 3)], [Waiting::VenueBusy; 2]);
    desk.venue(1, "fill 1 @ 10020").sent(&["v1 new buy 2 @ 10020 Ioc #3"]);
    desk.venue(3, "fill 2 @ 10020").sent(&["v1 new buy 1 @ 10020 Ioc #4"]);
    desk.wait_ns(600 * MS).venue(4, "fill 1 @ 10020").position(7);
    assert_eq!(desk.engine.open_orders(), 0);
}

#[test]
fn an_order_that_the_venue_refuses_for_its_rate_goes_first_when_the_pause_is_over() {
    let mut desk = desk(1, 1, 500);
    for id in ["a", "b", "c"] {
        desk.client(&format!("{id} buy 1 @ 10010 ioc"));
    }
    desk.sent(&["v0 new buy 1 @ 10010 Ioc #1"]).venue(1, "rejected RateLimit 50000000");
    assert_eq!(waits(&mut desk, 1), Waiting::VenueBusy);
    let ends = desk.engine.next_timer().expect("the end of the pause");
    assert!(ends.since(desk.now) <= 50 * MS);
    desk.now = ends;
    desk.input(Input::Tick).sent(&["v0 new buy 1 @ 10010 Ioc #2"]);
    let order_of = |desk: &Desk, child| desk.child(child).order.0;
    assert_eq!(order_of(&desk, 2), 1);
    desk.venue(2, "fill 1 @ 10010").sent(&["v0 new buy 1 @ 10010 Ioc #3"]);
    desk.venue(3, "fill 1 @ 10010").sent(&["v0 new buy 1 @ 10010 Ioc #4"]);
    assert_eq!([order_of(&desk, 3), order_of(&desk, 4)], [2, 3]);
}

/// The other venue has room later, and the first one has refused this order already.
#[test]
fn an_order_that_waits_does_not_go_again_to_a_venue_that_has_refused_it() {
    let mut desk = desk(2, 1, 500);
    let only_v1 = |new: &mut NewOrder| new.instructions.only = Some(VenueId(1));
    desk.instructed("x buy 1 @ 10010 ioc", only_v1).client("a buy 1 @ 10010 ioc");
    desk.venue(2, "rejected Other").wait_ns(200 * MS);
    desk.sent(&["v1 new buy 1 @ 10010 Ioc #1", "v0 new buy 1 @ 10010 Ioc #2"]);
    desk.venue(1, "fill 1 @ 10010").sent(&["v1 new buy 1 @ 10010 Ioc #3"]);
}

#[test]
fn a_waiting_order_ends_by_each_request_that_ends_an_order() {
    let waiting = || {
        let mut desk = desk(1, 1, 500);
        desk.client("a buy 1 @ 10010 ioc").client("b buy 1 @ 10010 ioc");
        desk.outputs.clear();
        desk
    };
    let mut by_client = waiting();
    by_client.client("cancel b");
    by_client.client_saw(&["b canceling", "b Canceled ClientRequest filled 0"]);
    by_client.venue(1, "fill 1 @ 10010").sent(&[]);

    let mut by_halt = waiting();
    by_halt.operator(HALT).client_saw(&["b Canceled KillSwitch filled 0"]);

    let mut by_mass_cancel = waiting();
    by_mass_cancel.input(Input::MassCancel(MassCancel {
        session: CLIENT,
        client_seq: 90,
        cl_ord_id: text("m"),
        asked: b'7',
        scope: MassScope::default(),
        refusal: Refusal::None,
    }));
    assert!(by_mass_cancel.engine.order(OrderId(2)).is_none_or(|order| order.leaves().is_zero()));

    let mut by_loss = waiting();
    by_loss.input(Input::SessionUp(CLIENT, CancelOnDisconnect { all: true, grace_ns: 0 }));
    by_loss.input(Input::SessionDown(CLIENT));
    by_loss.client_saw(&["b Canceled ConnectionLost filled 0"]);

    // A replace keeps the end of the first terms.
    let mut replaced = waiting();
    replaced.client("replace b buy 2 @ 10010 ioc").sent(&[]);
    assert_eq!(waits(&mut replaced, 2), Waiting::VenueBusy);
    replaced.outputs.clear();
    replaced.wait_ns(500 * MS);
    assert_eq!(replaced.engine.open_orders(), 1, "the first one is with the venue");

    // A book that no longer offers the price gives back an IOC order, as always.
    let mut beyond = waiting();
    beyond.book(0, &[(9_990, 50)], &[(10_020, 50)]).venue(1, "fill 1 @ 10010");
    beyond.client_saw_last("b Canceled NoLiquidity filled 0");
}

#[test]
fn orders_whose_time_ended_while_the_node_was_down_are_not_sent() {
    let mut desk = desk(1, 1, 500);
    desk.client("a buy 1 @ 10010 ioc").client("b buy 1 @ 10010 ioc");
    desk.outputs.clear();
    desk.now.0 += 10 * SECOND;
    desk.input(Input::NodeStarted).input(Input::Tick);
    desk.client_saw(&["b Canceled NoVenue filled 0"]);
}

/// What happens to a desk.
type Act = fn(&mut Desk);

/// Down, drained, or lost with the node: one rule.
#[test]
fn an_order_that_waits_for_room_outlives_the_loss_of_its_venues_until_its_deadline() {
    let up = |desk: &mut Desk| {
        desk.input(Input::VenueUp(VenueId(0)));
        desk.book(0, &[(9_990, 50)], &[(10_010, 50)]);
    };
    let lost: [(Act, Act); 3] = [
        (|desk| _ = desk.input(Input::VenueDown(VenueId(0), VenueDownReason::LinkLost)), |_| {}),
        (
            |desk| _ = desk.operator(OperatorCommand::DrainVenue(VenueId(0))),
            |desk| _ = desk.operator(OperatorCommand::EnableVenue(VenueId(0))),
        ),
        (|desk| _ = desk.input(Input::NodeStarted), |_| {}),
    ];
    for (lose, restore) in lost {
        for comes_back in [true, false] {
            let mut desk = desk(1, 1, 5_000);
            desk.client("a buy 1 @ 10010 ioc").client("b buy 1 @ 10010 ioc");
            lose(&mut desk);
            desk.wait_ns(200 * MS);
            assert_eq!(desk.engine.order(OrderId(2)).map(Order::leaves), Some(Qty(1)));
            // A new order finds no venue, and is refused or given back at once.
            desk.client("c buy 1 @ 10010 ioc");
            let c = desk.engine.orders().find(|order| order.cl_ord_id == text("c"));
            assert!(c.is_none_or(|order| order.leaves().is_zero() || order.has_queued));
            desk.outputs.clear();
            if comes_back {
                restore(&mut desk);
                up(&mut desk);
                desk.venue(1, "gone 1");
                desk.wait_ns(100 * MS);
                assert_eq!(desk.engine.order(OrderId(2)).map(|o| o.live_children), Some(1));
            } else {
                desk.wait_ns(5_000 * MS);
                let told =
                    desk.engine.order(OrderId(2)).is_none_or(|order| order.leaves().is_zero());
                assert!(told, "its time is over");
            }
        }
    }
}

/// The one place that is free goes to one instrument after the other.
#[test]
fn instruments_take_turns_at_a_venue() {
    let mut desk = desk(1, 1, 60_000);
    let (other, eth) = (InstrumentId(1), AssetId(2));
    desk.input(Input::Asset(reference::asset(eth.0, "ETH")));
    desk.input(Input::Instrument(reference::instrument(other.0, "ETH/USD", eth, USD)));
    desk.input(Input::Listing(reference::listing(VenueId(0), other)));
    let (venue, total) = (VenueId(0), Amount(1_000 * UNIT));
    desk.input(Input::Balance { venue, asset: eth, total });
    let mut update =
        BookUpdate { instrument: other, clear: true, last: true, ..BookUpdate::default() };
    update.push(Side::Buy, Level { price: Price(9_990), qty: Qty(9) });
    update.push(Side::Sell, Level { price: Price(10_010), qty: Qty(9) });
    desk.input(Input::Book(update));
    for id in ["a", "b", "c", "d"] {
        desk.client(&format!("{id} buy 1 @ 10010 ioc"));
    }
    for id in ["e", "f", "g"] {
        desk.instructed(&format!("{id} buy 1 @ 10010 ioc"), |new| new.instrument = other);
    }
    for child in 1..=7 {
        desk.venue(child, "expired 0");
    }
    let sent: Vec<u64> = (1..=7).map(|child| desk.child(child).order.0).collect();
    assert_eq!(sent, [1, 2, 5, 3, 6, 4, 7]);
}

/// A look at an order that cannot go is one plan. With the venues full, an answer makes one plan
/// for each order that can go, however many wait.
#[test]
fn an_answer_routes_the_orders_that_it_makes_room_for_and_no_others() {
    let mut desk = desk(2, 10, 60_000);
    spike(&mut desk, 'o', 3_000);
    for answered in 1..=20 {
        let venue = desk.child(answered).venue;
        let (child, venue_order) = (ChildId(answered), crate::desk::venue_order("X1"));
        let answer = Input::ChildAccepted { venue, child, venue_order };
        assert_eq!(looks(&mut desk, &answer), 1);
    }
    desk.now.0 += 100 * MS;
    assert_eq!(looks(&mut desk, &Input::Tick), 0, "nothing has room");
}

/// Counts the plans, and keeps the children that are not answered.
#[derive(Default)]
struct Load {
    plans: u64,
    open: VecDeque<SendNew>,
}

impl Sink for Load {
    fn output(&mut self, output: &Output) {
        if let Output::SendNew(send) = output {
            self.open.push_back(*send);
        }
    }

    fn wants_decisions(&self) -> bool {
        true
    }

    fn decision(&mut self, _decision: &Decision<'_>) {
        self.plans += 1;
    }
}

/// Each order is planned when it arrives, and once more when it goes.
#[test]
fn a_long_queue_takes_two_plans_for_each_order_and_is_sent_in_its_order() {
    let orders = 100_000;
    let mut desk = desk_of(18, 2, 10, 60_000);
    desk.account(|account| {
        (account.limits.open_orders_max, account.limits.rate_per_s) = (u32::MAX, u32::MAX);
        account.busy_wait_ns = BUSY_WAIT_NS_MAX;
    });
    for venue in [0, 1] {
        desk.book(venue, &[(9_990, 1_000_000)], &[(10_010, 1_000_000)]);
    }
    let (mut load, mut seq) = (Load::default(), 1_000_000);
    let mut apply = |input: &Input, load: &mut Load| {
        seq += 1;
        desk.now.0 += 1_000;
        desk.engine.apply(Header { seq, time: desk.now }, input, load);
    };
    for number in 1..=orders {
        let order = NewOrder {
            client_seq: number,
            tif: TimeInForce::Ioc,
            price: Price(10_010),
            ..reference::buy(&format!("o{number}"))
        };
        apply(&Input::NewOrder(order), &mut load);
    }
    let mut sent = 0;
    // Ends: each turn fills an order.
    while let Some(child) = load.open.pop_front() {
        sent += 1;
        assert_eq!(child.order.0, sent);
        let fill = ChildFill {
            venue: child.venue,
            child: child.child,
            instrument: child.instrument,
            side: child.side,
            exec: ExecId(sent.into()),
            qty: child.qty,
            price: child.price,
            fee: Amount(0),
            fee_asset: USD,
            liquidity: Liquidity::Taker,
        };
        apply(&Input::ChildFill(fill), &mut load);
    }
    assert_eq!((sent, desk.engine.open_orders()), (orders, 0));
    assert_eq!(load.plans, 2 * orders - 20);
}

/// A cancel is no answer of the venue: new orders with their cancels passed the bound without end.
#[test]
fn an_order_that_is_cancelled_on_its_way_stays_unanswered() {
    let mut desk = desk(1, 4, 0);
    let sent = |desk: &mut Desk| -> Vec<u64> {
        let of = |output: Output| match output {
            Output::SendNew(new) => Some(new.order.0),
            _ => None,
        };
        desk.outputs.drain(..).filter_map(of).collect()
    };
    for id in ["a", "b", "c", "d"] {
        desk.client(&format!("{id} buy 1 @ 9900 gtc")).client(&format!("cancel {id}"));
    }
    assert_eq!(sent(&mut desk), [1, 2, 3, 4]);
    for id in ["e", "f"] {
        desk.client(&format!("{id} buy 1 @ 9900 gtc"));
    }
    assert_eq!(sent(&mut desk), []);
    assert_eq!(waits(&mut desk, 5), Waiting::VenueBusy);
    // Each of these is an answer: the word that the order was taken, and its end.
    desk.venue(1, "accepted");
    assert_eq!(sent(&mut desk), [5]);
    desk.venue(1, "done 0");
    assert_eq!(sent(&mut desk), [], "an order is answered once");
    desk.venue(2, "done 0");
    assert_eq!(sent(&mut desk), [6]);
}

/// Many orders wait for a venue that is full; an order that may go elsewhere is not behind them.
#[test]
fn an_order_that_can_go_elsewhere_is_not_behind_those_of_a_full_venue() {
    let (v0, v1) = (VenueId(0), VenueId(1));
    let mut desk = desk(2, 1, 0);
    for number in 0..302 {
        desk.instructed(&format!("x{number} buy 1 @ 9900 gtc"), |new| {
            new.instructions.only = Some(v1);
        });
    }
    desk.client("y1 buy 1 @ 9900 gtc").client("y2 buy 1 @ 9900 gtc").client("y3 buy 1 @ 9900 gtc");
    assert_eq!(orders_of(&take(&mut desk)), [1, 303]);
    let accepted = |child| {
        let venue = if child == 1 { v1 } else { v0 };
        Input::ChildAccepted {
            venue,
            child: ChildId(child),
            venue_order: crate::desk::venue_order("X"),
        }
    };
    assert_eq!(looks(&mut desk, &accepted(2)), 1, "the order that goes is the only one planned");
    assert_eq!(desk.engine.order(OrderId(304)).map(|order| order.live_children), Some(1));
    // Nothing has room: time plans none.
    let mut planned = 0;
    for _ in 0..10 {
        desk.now.0 += 100 * MS;
        planned += looks(&mut desk, &Input::Tick);
    }
    assert_eq!(planned, 0);
    // The other venue has room for one of its own.
    assert_eq!(looks(&mut desk, &accepted(1)), 1);
    assert_eq!(desk.engine.order(OrderId(2)).map(|order| order.live_children), Some(1));
}
