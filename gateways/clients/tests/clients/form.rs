//! The form of what a client sends and is sent: decimals of times, quantities that mean none.

use rutter_clients::SessionKind;
use rutter_core::id::SessionId;
use rutter_core::input::Input;
use rutter_core::number::Qty;
use rutter_core::output::Output;
use rutter_fix::codec::TimePrecision;

use crate::desk::{Desk, ORDER, report};

/// Two sessions, the second one a drop copy of the first, with times of these decimals.
fn desk(own: TimePrecision, copy: TimePrecision) -> Desk {
    Desk::with(|config| {
        config.sessions[0].time_precision = own;
        config.sessions[1].time_precision = copy;
        config.sessions[1].kind = SessionKind::DropCopy(vec![SessionId(0)]);
    })
}

/// The report's time is 1 ms after 11:17:26.
#[test]
fn each_session_is_sent_times_of_its_own_precision() {
    let all = [
        (TimePrecision::Seconds, "20240627-11:17:26|"),
        (TimePrecision::Millis, "20240627-11:17:26.001|"),
        (TimePrecision::Micros, "20240627-11:17:26.001000|"),
        (TimePrecision::Nanos, "20240627-11:17:26.001000000|"),
    ];
    for (own, own_time) in all {
        for (copy, copy_time) in all {
            let mut desk = desk(own, copy);
            desk.logon(1, "ALPHA").logon(2, "BETA").now += 1_000_000;
            desk.output(&Output::Report(report(1)));
            desk.saw_like(1, &[&format!("60={own_time}")]);
            desk.saw_like(2, &[&format!("60={copy_time}")]);
            desk.gateway.news(desk.now, "hello").expect("sent");
            desk.read_all();
            desk.saw_like(1, &[&format!("42={own_time}")]);
            desk.saw_like(2, &[&format!("42={copy_time}")]);
            desk.send(1, "35=U1|20020=h|20021=20240627-00:00:00|20022=20240628-00:00:00|");
            desk.wait(0);
            let said = format!("20024={own_time}");
            desk.saw_like(1, &[&said, &said, "35=U2|"]);
        }
    }
}

#[test]
fn the_header_has_the_precision_too() {
    let mut desk = desk(TimePrecision::Seconds, TimePrecision::Nanos);
    desk.reads = false;
    for (conn, name, time) in
        [(1, "ALPHA", "20240627-11:17:26"), (2, "BETA", "20240627-11:17:26.000000000")]
    {
        desk.try_logon(conn, name);
        let conn = rutter_transport::acceptor::ConnId(conn);
        let pending = rutter_transport::acceptor::Acceptor::pending(&desk.gateway, conn);
        let said = String::from_utf8_lossy(pending).replace('\u{1}', "|");
        assert!(said.contains(&format!("|52={time}|56={name}|")), "{said}");
    }
}

/// Some engines send 110=0 and 111=0 with every order.
#[test]
fn a_minimum_and_a_display_quantity_of_zero_are_none() {
    let mut desk = Desk::new();
    desk.logon(1, "ALPHA").published();
    for (at, zero) in ["0", "0.0", "000", "-0"].iter().enumerate() {
        for tag in [110, 111, 210, 1138] {
            desk.send(1, &format!("35=D|11=z{at}-{tag}|{tag}={zero}|{ORDER}")).saw(1, &[]);
            let published = desk.published();
            let [Input::NewOrder(order)] = published.as_slice() else { panic!("{published:?}") };
            let said = &order.instructions;
            assert_eq!((said.min_qty, said.display_qty), (Qty::ZERO, Qty::ZERO));
        }
    }
    desk.send(1, &format!("35=D|11=n|110=-1|{ORDER}")).saw_like(1, &["35=3| 371=110| 373=5|"]);
}
