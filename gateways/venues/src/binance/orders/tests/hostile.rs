//! Bytes of any kind: nothing panics, nothing hangs, nothing grows without bound.

use rutter_transport::machine::{Event, HttpResponse, Machine};

use super::harness::{Desk, accepted, frame, rest_order, rest_trade, traded};
use crate::binance::FIX_LINK;

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    fn below(&mut self, n: usize) -> usize {
        self.next() as usize % n
    }

    fn mangle(&mut self, bytes: &mut Vec<u8>) {
        for _ in 0..=self.below(4) {
            let at = self.below(bytes.len().max(1));
            match self.below(5) {
                0 if !bytes.is_empty() => bytes[at] = self.next() as u8,
                1 => bytes.insert(at.min(bytes.len()), self.next() as u8),
                2 if !bytes.is_empty() => drop(bytes.remove(at)),
                3 => bytes.truncate(at),
                _ => {
                    let copy = bytes.get(at..).unwrap_or_default().to_vec();
                    bytes.extend_from_slice(&copy);
                }
            }
        }
    }
}

#[test]
fn mangled_messages_end_the_session_at_worst() {
    let mut random = Random(2_024);
    println!("seed {}", random.0);
    for round in 0..4_000 {
        let mut desk = Desk::up();
        desk.new_order(1);
        let body = match round % 4 {
            0 => accepted(1),
            1 => traded(1, 9001, "0.20000000", "0.20000000", '1'),
            2 => "35=9|11=r000000ab-1-c1|37=76|55=BTCUSDT|434=1|25016=-2011|58=x|".to_owned(),
            _ => "35=3|45=2|371=44|372=D|373=5|25016=-1102|58=x|".to_owned(),
        };
        let (kind, rest) = body.split_once('|').expect("35");
        let whole = format!("{kind}|34=2|49=SPOT|52=20240627-11:17:26.101250|56=EXAMPLE|{rest}");
        // Mangled inside a right frame, and the frame itself mangled.
        let mut bytes = whole.into_bytes();
        if round % 2 == 0 {
            random.mangle(&mut bytes);
            bytes = frame(&String::from_utf8_lossy(&bytes));
        } else {
            bytes = frame(&String::from_utf8_lossy(&bytes));
            random.mangle(&mut bytes);
        }
        let cut = random.below(bytes.len() + 1);
        desk.event(Event::Bytes(FIX_LINK, &bytes[..cut]));
        desk.event(Event::Bytes(FIX_LINK, &bytes[cut..]));
        desk.wait(1_000_000_000);
        assert!(desk.seen.iter().filter(|seen| seen.starts_with("down")).count() <= 1);
        assert!(desk.seen.len() < 10, "{:?}", desk.seen);
    }
}

#[test]
fn an_endless_message_is_cut_off() {
    let mut desk = Desk::up();
    desk.event(Event::Bytes(FIX_LINK, b"8=FIX.4.4\x019=9999999999\x0135=8\x01"));
    desk.saw(&["down Protocol"]);
    let mut desk = Desk::up();
    desk.event(Event::Bytes(FIX_LINK, b"8=FIX.4.4\x019=65000\x0135=8\x0158="));
    for _ in 0..100 {
        desk.event(Event::Bytes(FIX_LINK, &[b'a'; 1_024]));
    }
    desk.saw(&["down Protocol"]);
}

#[test]
fn mangled_answers_are_asked_again_at_worst() {
    let mut random = Random(77);
    println!("seed {}", random.0);
    let trades = format!("[{}]", rest_trade(9001, "0.20000000"));
    let account = r#"{"balances":[{"asset":"BTC","free":"1.2","locked":"0.3"}]}"#;
    for round in 0..4_000 {
        let mut desk = Desk::new();
        desk.query(1).connect().log_on();
        // Right answers up to the one that is mangled.
        let open = format!("[{}]", rest_order(1, "PARTIALLY_FILLED", "0.20000000"));
        let bodies = [open.as_str(), trades.as_str(), account];
        for (n, body) in bodies.iter().enumerate() {
            let Some(id) = desk.requests.pop().map(|request| request.id) else { break };
            let mut bytes = body.as_bytes().to_vec();
            if n == round % 3 {
                random.mangle(&mut bytes);
            }
            let body = String::from_utf8_lossy(&bytes).into_owned();
            let response = HttpResponse::new(200, body);
            desk.event(Event::Http(id, Some(&response)));
        }
        assert!(desk.machine.next_timer_ns().is_some(), "it goes on");
        assert!(desk.seen.len() < 10 && !desk.seen.iter().any(|seen| seen.starts_with("down")));
    }
}

#[test]
fn deep_and_mistyped_json_is_a_failed_request_that_is_kept() {
    let deep = "[".repeat(1 << 20);
    for body in [deep.as_str(), "", "null", "{}", "[[]]", "[null]"] {
        let mut desk = Desk::new();
        desk.connect().log_on().rest("/api/v3/openOrders?", 200, body).saw(&[]);
        assert_eq!(desk.machine.counters().rest_failures, 1);
        assert_eq!(desk.machine.standing().map(|standing| standing.unread.count()), Some(1));
        desk.wait(1_000_000_000).reconcile_nothing();
        assert_eq!(desk.seen.last().map(String::as_str), Some("up"));
    }
}

/// Of somebody else's order nothing is read but whose it is. An order of ours that cannot be read
/// is asked about by its id.
#[test]
fn what_is_wrong_with_one_order_of_a_list_hides_no_other() {
    let foreign = [
        "{}",
        r#"{"symbol":1}"#,
        r#"{"clientOrderId":null,"symbol":null,"status":[1]}"#,
        r#"{"symbol":"BTCUSDT","orderId":-1,"clientOrderId":"x","executedQty":"0","status":7}"#,
        r#"{"clientOrderId":"x","new":{"field":[null]},"price":null}"#,
    ];
    let ours = r#""symbol":"BTCUSDT","orderId":1,"clientOrderId":"r000000ab-2","origQty":"1""#;
    for unread in [
        r#""executedQty":0,"status":"NEW""#,
        r#""executedQty":"-1","status":"NEW""#,
        r#""executedQty":"1e-9","status":"NEW""#,
        r#""executedQty":null,"status":null"#,
    ] {
        let mut desk = Desk::new();
        let good = rest_order(1, "NEW", "0.00000000");
        let body = format!("[{},{{{ours},{unread}}},{good}]", foreign.join(","));
        desk.connect().log_on().rest("/api/v3/openOrders?", 200, &body);
        desk.saw(&["amended 1 to 50000000", "fate 1 Open filled 0"]);
        assert_eq!(desk.machine.counters().not_ours, foreign.len() as u64);
        desk.rest("/api/v3/order?", 200, &rest_order(2, "NEW", "0.00000000"));
        desk.saw(&["amended 2 to 50000000", "fate 2 Open filled 0"]).account();
        assert_eq!(desk.seen.last().map(String::as_str), Some("up"));
    }
}

#[test]
fn a_list_of_ten_thousand_orders_of_others_is_read() {
    let mut desk = Desk::new();
    let others = vec![r#"{"clientOrderId":"web_1","symbol":"BTCUSDT"}"#; 10_000].join(",");
    let ours = rest_order(1, "NEW", "0.00000000");
    desk.connect().log_on().rest("/api/v3/openOrders?", 200, &format!("[{others},{ours}]"));
    desk.saw(&["amended 1 to 50000000", "fate 1 Open filled 0"]);
}

#[test]
fn events_at_the_wrong_time_do_nothing() {
    let mut desk = Desk::new();
    desk.event(Event::Bytes(FIX_LINK, b"8=FIX"));
    desk.event(Event::Text(FIX_LINK, "hello"));
    desk.event(Event::Http(99, None));
    desk.connect().event(Event::Connected(FIX_LINK));
    assert_eq!(desk.sent.len(), 1, "one logon a connection");
    desk.lose_link().lose_link().saw(&[]);
    desk.event(Event::Connected(FIX_LINK));
    assert_eq!(desk.sent.len(), 1, "nobody asked for this connection");
}
