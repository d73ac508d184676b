//! What clients ask for, as the core gets it.

use rutter_clients::trace::trace;
use rutter_core::id::SessionId;
use rutter_core::input::*;
use rutter_core::number::{Price, Qty};
use rutter_fix::store::MessageStore;
use rutter_test_support::reference::buy;
use rutter_transport::acceptor::{Acceptor, ConnId};

use crate::desk::{BTC, Desk, ORDER, TIME, text};

fn alpha() -> Desk {
    let mut desk = Desk::new();
    desk.logon(1, "ALPHA").published();
    desk
}

#[test]
fn an_order_reaches_the_core_in_its_numbers() {
    let mut desk = alpha();
    desk.send(1, &format!("35=D|11=a1|1=ACC-ALPHA|21=1|{ORDER}58=hello|"));
    let order = NewOrder {
        session: SessionId(0),
        client_seq: 2,
        instrument: BTC,
        qty: Qty(5_000),
        price: Price(6_000_025),
        trace: trace(0xa1, SessionId(0), 2, desk.now),
        ..buy("a1")
    };
    assert_eq!(desk.published(), [Input::NewOrder(order)]);
    desk.send(1, &format!("35=D|11=a2|38=1|40=1|54=2|55=BTC/USDT|59=3|{TIME}"));
    let market = NewOrder {
        client_seq: 3,
        trace: trace(0xa1, SessionId(0), 3, desk.now),
        cl_ord_id: text("a2"),
        side: Side::Sell,
        ord_type: OrdType::Market,
        tif: TimeInForce::Ioc,
        qty: Qty(10_000),
        price: Price(0),
        ..order
    };
    assert_eq!(desk.published(), [Input::NewOrder(market)]);
    desk.saw(1, &[]);
}

#[test]
fn every_time_in_force_is_read_and_none_is_a_day() {
    let mut desk = alpha();
    for (field, tif) in [
        ("", TimeInForce::Day),
        ("59=0|", TimeInForce::Day),
        ("59=1|", TimeInForce::Gtc),
        ("59=3|", TimeInForce::Ioc),
        ("59=4|", TimeInForce::Fok),
    ] {
        desk.send(1, &format!("35=D|11=x|{}", ORDER.replace("59=1|", field)));
        let inputs = desk.published();
        let [Input::NewOrder(order)] = inputs.as_slice() else { panic!("{inputs:?}") };
        assert_eq!(order.tif, tif);
    }
}

#[test]
fn a_cancel_and_a_status_request_reach_the_core() {
    let mut desk = alpha();
    desk.send(1, &format!("35=F|11=c1|41=a1|54=1|55=BTC/USDT|99=7|{TIME}"));
    desk.send(1, "35=H|11=a1|54=1|55=BTC/USDT|790=q|");
    let session = SessionId(0);
    let cancel =
        CancelOrder { session, client_seq: 2, cl_ord_id: text("c1"), orig_cl_ord_id: text("a1") };
    let status = OrderStatus { session, client_seq: 3, cl_ord_id: text("a1"), request: text("q") };
    assert_eq!(desk.published(), [Input::Cancel(cancel), Input::Status(status)]);
}

/// What the core has no terms for is refused by the core, with the word for it.
#[test]
fn what_cannot_be_expressed_becomes_a_numbered_refusal() {
    let mut desk = alpha();
    let long = "x".repeat(30);
    for (from, to, refusal) in [
        ("55=BTC/USDT", "55=ETH/USDT", Refusal::UnknownSymbol),
        ("55=BTC/USDT", &format!("55={long}"), Refusal::UnknownSymbol),
        ("38=0.5", "38=0.5|1=ACC-BETA", Refusal::WrongAccount),
        ("44=60000.25", "44=60000.255", Refusal::BadPrice),
        ("44=60000.25", "44=92233720368547758.08", Refusal::BadPrice),
        ("44=60000.25", "44=99999999999999999999999999", Refusal::BadPrice),
        ("38=0.5", "38=0.00005", Refusal::BadQuantity),
        ("38=0.5", "38=922337203685478", Refusal::BadQuantity),
        ("38=0.5", "38=99999999999999999999999999.5", Refusal::BadQuantity),
        ("38=0.5", "38=0.5|211=0.1", Refusal::UnsupportedField),
        ("38=0.5", "38=0.5|100=nowhere", Refusal::UnknownVenue),
        ("38=0.5", "38=0.5|21=3", Refusal::UnsupportedField),
        ("54=1", "54=3", Refusal::UnsupportedField),
        ("40=2", "40=1", Refusal::UnsupportedField),
        ("40=2", "40=3", Refusal::UnsupportedType),
        ("40=2", "40=P", Refusal::UnsupportedType),
        ("59=1", "59=2", Refusal::UnsupportedType),
    ] {
        desk.send(1, &format!("35=D|11=x|{}", ORDER.replacen(from, to, 1)));
        let inputs = desk.published();
        let [Input::Unacceptable(order)] = inputs.as_slice() else { panic!("{to}: {inputs:?}") };
        assert_eq!((order.refusal, order.cl_ord_id), (refusal, text("x")), "{to}");
        assert!(order.symbol.as_str().len() >= 8, "{:?}", order.symbol);
        desk.saw(1, &[]);
    }
}

/// The report of an order that the core has no terms for: side, type, time in force, quantity,
/// price and account are the client's own.
#[test]
fn a_refused_order_is_reported_as_it_was_written() {
    let mut desk = alpha();
    let as_sent = "1=ACC-ALPHA|55=BTC/USDT|54=1|40=2|59=1|38=0.5|44=60000.25|14=0|";
    for (from, to, shown) in [
        ("54=1", "54=5", ("54=1", "54=5")),
        ("54=1", "54=3", ("54=1", "54=3")),
        ("54=1", "54=B", ("54=1", "54=B")),
        ("54=1", "54=2|211=1", ("54=1", "54=2")),
        ("40=2", "40=P", ("40=2", "40=P")),
        ("40=2|44=60000.25", "40=3|99=1", ("40=2|59=1|38=0.5|44=60000.25", "40=3|59=1|38=0.5")),
        ("59=1", "59=2", ("59=1", "59=2")),
        ("59=1|", "100=nowhere|", ("59=1|", "")),
        ("38=0.5", "38=0.00005", ("38=0.5", "38=0.00005")),
        ("38=0.5", "38=007.50|211=1", ("38=0.5", "38=7.50")),
        ("38=0.5", "38=99999999999999999999999999.5", ("38=0.5|", "")),
        ("44=60000.25", "44=60000.255", ("44=60000.25", "44=60000.255")),
        ("44=60000.25", "44=99999999999999999999999999", ("44=60000.25|", "")),
        ("55=BTC/USDT", "55=DOGE/USDT", ("BTC", "DOGE")),
        ("38=0.5", "38=0.5|1=ACC-BETA", ("ACC-ALPHA", "ACC-BETA")),
        ("38=0.5", "38=0.5|1=AN-ACCOUNT-TOO-LONG", ("1=ACC-ALPHA|", "")),
    ] {
        let shown = as_sent.replacen(shown.0, shown.1, 1);
        desk.send(1, &format!("35=D|11=x|{}", ORDER.replacen(from, to, 1))).decide();
        desk.saw_like(1, &[&format!("35=8| 150=8|39=8|11=x|{shown} 58=")]);
    }
    desk.send(1, "35=q|11=m|530=7|54=5|60=20240627-11:17:26.000|").decide();
    let [report] = desk.seen(1).try_into().expect("one report");
    assert!(report.contains("531=0") && !report.contains("|54="), "no side is invented: {report}");
}

#[test]
fn needless_zeros_do_no_harm() {
    let mut desk = alpha();
    let order = ORDER.replace("0.5|", "000.50000000|").replace("60000.25", "60000.250000");
    desk.send(1, &format!("35=D|11=x|{order}"));
    let inputs = desk.published();
    let [Input::NewOrder(order)] = inputs.as_slice() else { panic!("{inputs:?}") };
    assert_eq!((order.qty, order.price), (Qty(5_000), Price(6_000_025)));
}

/// 373 and 371 of the Reject; the core is not asked, and the number is not asked for again.
#[test]
fn a_missing_or_malformed_field_is_rejected_without_the_core() {
    let mut desk = alpha();
    let long = format!("11={}", "x".repeat(37));
    let good = format!("11=x|{ORDER}");
    for (from, to, parts) in [
        ("11=x|", "", "35=3| 371=11| 373=1|"),
        ("38=0.5|", "", "35=3| 371=38| 373=1|"),
        ("40=2|", "", "35=3| 371=40| 373=1|"),
        ("54=1|", "", "35=3| 371=54| 373=1|"),
        ("55=BTC/USDT|", "", "35=3| 371=55| 373=1|"),
        (TIME, "", "35=3| 371=60| 373=1|"),
        ("11=x", long.as_str(), "35=3| 371=11| 373=5|"),
        ("38=0.5", "38=abc", "35=3| 371=38| 373=6|"),
        ("38=0.5", "38=0", "35=3| 371=38| 373=5|"),
        ("44=60000.25", "44=1e5", "35=3| 371=44| 373=6|"),
        ("54=1", "54=?", "35=3| 371=54| 373=5|"),
        ("40=2", "40=2|40=2", "35=3| 371=40| 373=13|"),
        ("44=60000.25|", "", "35=j| 372=D| 379=x| 380=5|"),
    ] {
        desk.send(1, &format!("35=D|{}", good.replacen(from, to, 1)));
        desk.saw_like(1, &[parts]);
        assert_eq!(desk.published(), [], "{to}");
        let session = desk.gateway.session(SessionId(0)).expect("ALPHA");
        assert_eq!(session.store().next_in(), desk.next_seq["ALPHA"], "stored as received");
    }
}

#[test]
fn an_unsupported_message_gets_a_business_reject_and_the_session_goes_on() {
    let mut desk = alpha();
    desk.send(1, &format!("35=AB|11=r1|{ORDER}"));
    desk.saw(1, &["35=j|34=2|45=2|58=Unsupported message type|372=AB|379=r1|380=3|"]);
    assert_eq!(desk.published(), []);
    desk.send(1, &format!("35=D|11=a1|{ORDER}"));
    assert_eq!(desk.published().len(), 1);
}

#[test]
fn a_session_that_wants_it_is_checked_with_the_dictionary() {
    let mut desk = Desk::with(|config| {
        config.sessions[0].checks = Some(rutter_fix::dictionary::Checks::default());
    });
    desk.logon(1, "ALPHA").published();
    for (order, parts) in [
        (ORDER.replace("54=1", "54=1|4999=x"), "35=3| 371=4999| 373=0|"),
        (ORDER.replace("54=1", "54=1|262=m"), "35=3| 371=262| 373=2|"),
        (ORDER.replace("54=1", "54=1|54=1"), "35=3| 371=54| 373=13|"),
        (ORDER.replace("59=1", "59=Q"), "35=3| 371=59| 373=5|"),
    ] {
        desk.send(1, &format!("35=D|11=x|{order}")).saw_like(1, &[parts]);
    }
    assert_eq!(desk.published(), []);
    desk.send(1, &format!("35=D|11=a1|{ORDER}"));
    assert_eq!(desk.published().len(), 1);
    // Without it, a field that nobody knows changes nothing.
    let mut lenient = alpha();
    lenient.send(1, &format!("35=D|11=x|{}", ORDER.replace("54=1", "54=1|4999=x")));
    assert_eq!(lenient.published().len(), 1);
}

#[test]
fn many_orders_in_one_read_and_one_order_in_many_reads_are_the_same() {
    let mut together = alpha();
    let mut bytes = Vec::new();
    for at in 0..20 {
        bytes.extend(together.message(1, &format!("35=D|11=o{at}|{ORDER}")));
    }
    together.bytes(1, &bytes);
    let expected = together.published();
    assert_eq!(expected.len(), 20);
    let mut apart = alpha();
    for byte in &bytes {
        apart.bytes(1, &[*byte]);
    }
    assert_eq!(apart.published(), expected);
}

/// Room for one input at a time: each order is published once, in order, and meanwhile the socket
/// is left alone.
#[test]
fn a_full_ring_loses_and_repeats_nothing() {
    let mut desk = Desk::new();
    desk.logon(1, "ALPHA").logon(2, "BETA").published();
    let mut bytes = Vec::new();
    for at in 0..10 {
        bytes.extend(desk.message(1, &format!("35=D|11=o{at}|{ORDER}")));
    }
    desk.room = Some(0);
    desk.bytes(1, &bytes);
    assert!(desk.gateway.is_blocked());
    assert!(!desk.gateway.wants_read(ConnId(1)));
    assert!(!desk.gateway.wants_read(ConnId(2)), "nobody may overtake");
    let mut seen = Vec::new();
    let mut turns = 0;
    while seen.len() < 10 {
        desk.room = Some(1);
        desk.now += 1_000;
        desk.resume();
        let inputs = desk.published();
        assert!(inputs.len() <= 1);
        for input in inputs {
            let Input::NewOrder(order) = input else { panic!("{input:?}") };
            seen.push(order.cl_ord_id.as_str().to_owned());
        }
        turns += 1;
        assert!(turns < 100, "it goes on");
    }
    assert_eq!(seen, (0..10).map(|at| format!("o{at}")).collect::<Vec<_>>());
    let arrived = desk.arrivals.split_off(desk.arrivals.len() - 10);
    assert!(arrived.iter().all(|at| *at == crate::desk::START), "when it arrived, not when taken");
    desk.room = None;
    desk.resume();
    assert_eq!(desk.published(), []);
    assert!(desk.gateway.wants_read(ConnId(1)));
    assert!(desk.gateway.counters().stalls > 0);
}

#[test]
fn a_session_that_ends_while_the_ring_is_full_is_told_when_there_is_room() {
    let mut desk = alpha();
    desk.room = Some(0);
    let order = format!("35=D|11=a1|{ORDER}");
    desk.send(1, &order).peer_closes(1);
    assert_eq!(desk.published(), []);
    desk.room = None;
    desk.resume();
    let inputs = desk.published();
    let [Input::NewOrder(_), down] = inputs.as_slice() else { panic!("{inputs:?}") };
    assert_eq!(*down, Input::SessionDown(SessionId(0)));
}
