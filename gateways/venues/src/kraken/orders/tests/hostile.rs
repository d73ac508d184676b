//! Bytes that no venue should send: an enumerated error, never a panic, never silence.

use super::*;

/// A small generator (`SplitMix64`); a seed replays exactly.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % bound as u64) as usize
    }
}

#[test]
fn a_message_that_cannot_be_read_takes_the_venue_down() {
    let deep = format!("{{\"data\":{}", "[".repeat(200_000));
    for text in [
        "",
        "{",
        "[]",
        "null",
        r#"{"channel":"executions"}"#,
        r#"{"channel":"executions","type":"update","sequence":5}"#,
        r#"{"channel":"executions","type":"update","data":{},"sequence":5}"#,
        r#"{"channel":"executions","type":"other","data":[],"sequence":5}"#,
        r#"{"channel":"status","data":7}"#,
        &deep,
    ] {
        let mut desk = Desk::up();
        desk.rests(7);
        let next = format!("\"sequence\":{}", desk.sequence);
        desk.text(&text.replace("\"sequence\":5", &next));
        assert_eq!(desk.told.last().map(String::as_str), Some("down Protocol"), "{text}");
        assert_eq!(desk.sent.last().map(String::as_str), Some("close"), "{text}");
        assert_eq!(desk.machine.standing().map(|told| told.unread.count()), Some(1), "{text}");
    }
}

/// An entry may be an execution, so its order is in doubt until the venue has answered about it. An
/// entry that does not say whose it is may be anybody's.
#[test]
fn an_entry_that_cannot_be_read_is_a_doubt_that_is_kept_and_told_and_no_link_is_lost() {
    for text in [
        "7",
        "{}",
        r#"{"order_id":""}"#,
        r#"{"order_id":"longer than any order id"}"#,
        &trade("not an id"),
        &trade(EXEC).replace("26599.9", "26599.999"),
        &trade(EXEC).replace("0.005", "1e-9"),
        &trade(EXEC).replace("0.005", "1e99"),
        &trade(EXEC).replace("0.005", "\"a\""),
        &trade(EXEC).replace("\"last_qty\"", "\"x\""),
        &trade(EXEC).replace("0.3458", "{}"),
    ] {
        let mut desk = Desk::up();
        desk.rests(7);
        desk.sent.clear();
        desk.stream(text);
        assert_eq!(desk.told.last().map(String::as_str), Some("doubt 7 VenueUnsure"), "{text}");
        assert!(desk.sent.is_empty(), "{text}");
        let standing = desk.machine.standing().expect("told");
        assert!(standing.is_up && standing.unread.last().is_some(), "{text}: {standing:?}");
    }
}

#[test]
fn what_is_wrong_with_somebody_elses_entry_is_nothing_to_us() {
    let mut desk = Desk::up();
    desk.rests(7);
    desk.sent.clear();
    desk.told.clear();
    let before = desk.machine.counters().not_ours;
    for entry in [
        r#"{"order_id":"OTHER","cl_ord_id":null,"exec_type":"new","side":null,"fees":7}"#,
        r#"{"order_id":"OTHER","exec_type":"trade","last_qty":"x","new_field":{"a":[null]}}"#,
        r#"{"order_id":"OTHER","cl_ord_id":"web","symbol":7,"time_in_force":["?"]}"#,
        r#"{"order_id":null,"cl_ord_id":"web","exec_type":"trade","fees":{}}"#,
    ] {
        desk.stream(entry);
    }
    desk.told(&[]).sent(&[]);
    assert_eq!(desk.machine.counters().not_ours - before, 4);
    assert_eq!(desk.machine.status(), Status::Up);
}

#[test]
fn a_balance_that_cannot_be_read_is_asked_for_and_hides_no_other() {
    for wrong in [r#"{"asset":"USD"}"#, r#"{"asset":"USD","balance":"x"}"#] {
        let mut desk = Desk::up();
        let others = r#"{"asset":null,"balance":{}},{"asset":"DOGE"},{"asset":"BTC","balance":2}"#;
        let sequence = 2;
        desk.text(&format!(
            r#"{{"channel":"balances","type":"update","data":[{wrong},{others}],"sequence":{sequence}}}"#
        ));
        assert_eq!(desk.told.len(), 1, "{:?}", desk.told);
        desk.answer("BalanceEx", FUNDS);
        assert_eq!(desk.machine.status(), Status::Up);
        assert_eq!(desk.machine.standing().map(|told| told.unread.count()), Some(1));
    }
}

#[test]
fn what_is_merely_strange_is_ignored() {
    let mut desk = Desk::up();
    for text in [
        "{}",
        r#"{"channel":1}"#,
        r#"{"channel":"ticker","data":[]}"#,
        r#"{"method":"add_order","req_id":99,"success":true,"result":{}}"#,
        r#"{"method":"add_order","success":false,"error":"EGeneral:Invalid arguments"}"#,
        r#"{"method":"cancel_all","success":true,"result":{"count":1}}"#,
        r#"{"channel":"status","data":[]}"#,
        r#"{"error":"what?","req_id":99}"#,
    ] {
        desk.text(text);
    }
    desk.told(&[]).sent(&[]);
    assert_eq!(desk.machine.status(), Status::Up);
}

#[test]
fn an_acceptance_without_an_order_id_is_not_believed() {
    let mut desk = Desk::up();
    desk.send(7, TimeInForce::Gtc).ack(7, "");
    desk.told(&["doubt 7 VenueUnsure"]);
    assert_eq!(desk.machine.status(), Status::Up);
}

#[test]
fn events_at_the_wrong_time_change_nothing() {
    let mut desk = Desk::new();
    desk.event(Event::Connected(PRIVATE_LINK)).text("garbage").closed();
    desk.event(Event::Bytes(PRIVATE_LINK, b"x")).event(Event::Http(77, None));
    desk.told(&[]).sent(&[]);
    desk.link().snapshots("").answer("BalanceEx", FUNDS);
    assert_eq!(desk.machine.status(), Status::Up);
}

/// Messages and answers with damaged, cut, repeated and shuffled parts, for many seeds. The
/// adapter may go down, but must neither panic nor stop coming back.
#[test]
fn damaged_traffic_never_panics_and_the_adapter_always_comes_back() {
    for seed in 1..=60 {
        println!("seed {seed}");
        let mut random = Random(seed);
        let mut desk = Desk::new();
        for child in 1..=200_u64 {
            step(&mut desk, &mut random, child);
        }
        // From here on the venue behaves.
        // Each of the children may need a call of its own, and calls are slow by rule.
        for _ in 0..4_000 {
            if desk.machine.status() == Status::Up && desk.calls.is_empty() {
                break;
            }
            behave(&mut desk);
            desk.silence(S);
        }
        assert_eq!(desk.machine.status(), Status::Up, "seed {seed}");
    }
}

fn damage(random: &mut Random, text: &str) -> String {
    let mut bytes = text.as_bytes().to_vec();
    for _ in 0..random.below(4) {
        let at = random.below(bytes.len());
        match random.below(3) {
            0 => bytes.truncate(at.max(1)),
            1 => bytes[at] = b"\"\\{}[],:0-e."[random.below(12)],
            _ => {
                let piece = bytes[at..(at + 9).min(bytes.len())].to_vec();
                bytes.splice(at..at, piece);
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn step(desk: &mut Desk, random: &mut Random, child: u64) {
    desk.sent.clear();
    desk.told.clear();
    let sequence = desk.sequence;
    let entry = match random.below(5) {
        0 => pending_new(child),
        1 => small("new", 0),
        2 => trade(EXEC),
        3 => small("canceled", 1),
        _ => small("filled", 500_000),
    };
    let kind = if random.below(9) == 0 { "snapshot" } else { "update" };
    let message = format!(
        r#"{{"channel":"executions","type":"{kind}","data":[{entry}],"sequence":{sequence}}}"#
    );
    match random.below(9) {
        0 => desk.send(child, TimeInForce::Ioc),
        1 => desk.cancel(child.saturating_sub(1).max(1)),
        2 => desk.query(child),
        3 if random.below(5) == 0 => desk.closed(),
        4 => desk.silence(random.below(8) as u64 * S),
        5 => {
            let text = damage(random, &message);
            desk.text(&text)
        }
        6 => {
            desk.sequence += 1;
            desk.text(&message)
        }
        7 if !desk.calls.is_empty() => {
            let call = desk.calls.remove(0);
            let body = r#"{"error":[],"result":{"open":{},"closed":{},"trades":{}}}"#;
            let body = damage(random, body);
            desk.event(Event::Http(call.id, Some(&HttpResponse::new(200, body))))
        }
        _ => {
            behave(desk);
            desk
        }
    };
}

/// Does what an honest venue would do next.
fn behave(desk: &mut Desk) {
    match desk.machine.status() {
        Status::Subscribing => {
            desk.snapshots("");
        }
        Status::Disconnected if desk.sent.last().is_some_and(|sent| sent == "close") => {
            desk.event(Event::Closed(PRIVATE_LINK, CloseReason::Requested));
        }
        _ => {
            desk.text(r#"{"channel":"status","data":[{"system":"online"}]}"#);
        }
    }
    while let Some(call) = desk.calls.pop() {
        let result = match call.target.rsplit('/').next() {
            Some("GetWebSocketsToken") => TOKEN,
            Some("OpenOrders") => r#"{"open":{}}"#,
            Some("ClosedOrders") => {
                // Everything that is asked about is over.
                let id = call.body.rsplit('=').next().unwrap_or_default();
                let body = format!(
                    r#"{{"error":[],"result":{{"closed":{{"OOLD":{{"status":"canceled","cl_ord_id":"{id}","vol_exec":"0"}}}}}}}}"#
                );
                desk.event(Event::Http(call.id, Some(&HttpResponse::new(200, body))));
                continue;
            }
            Some("QueryOrders") => {
                let ids = call.body.rsplit('=').next().unwrap_or_default();
                let orders: Vec<_> = ids
                    .split(',')
                    .map(|id| format!(r#""{id}":{{"status":"canceled","vol_exec":"0"}}"#))
                    .collect();
                let body = format!(r#"{{"error":[],"result":{{{}}}}}"#, orders.join(","));
                desk.event(Event::Http(call.id, Some(&HttpResponse::new(200, body))));
                continue;
            }
            Some("TradesHistory") => r#"{"trades":{},"count":0}"#,
            _ => FUNDS,
        };
        let body = format!(r#"{{"error":[],"result":{result}}}"#);
        desk.event(Event::Http(call.id, Some(&HttpResponse::new(200, body))));
    }
    if desk.sent.iter().any(|sent| sent == "connect") {
        desk.event(Event::Connected(PRIVATE_LINK));
    }
}
