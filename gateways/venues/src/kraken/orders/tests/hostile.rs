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
    let wrong = |entry: &str| {
        format!(r#"{{"channel":"executions","type":"update","data":[{entry}],"sequence":5}}"#)
    };
    let deep = format!("{{\"data\":{}", "[".repeat(200_000));
    for text in [
        "",
        "{",
        "[]",
        "null",
        r#"{"channel":1}"#,
        r#"{"channel":"executions"}"#,
        r#"{"channel":"executions","type":"update","sequence":5}"#,
        r#"{"channel":"executions","type":"update","data":{},"sequence":5}"#,
        r#"{"channel":"executions","type":"other","data":[],"sequence":5}"#,
        r#"{"channel":"balances","type":"update","data":[{"asset":"USD"}],"sequence":2}"#,
        r#"{"channel":"balances","type":"update","data":[{"asset":"USD","balance":"x"}],"sequence":2}"#,
        r#"{"channel":"status","data":7}"#,
        &wrong("7"),
        &wrong("{}"),
        &wrong(r#"{"order_id":""}"#),
        &wrong(r#"{"order_id":"longer than any order id"}"#),
        &wrong(&trade("not an id")),
        &wrong(&trade(EXEC).replace("26599.9", "26599.999")),
        &wrong(&trade(EXEC).replace("0.005", "1e-9")),
        &wrong(&trade(EXEC).replace("0.005", "1e99")),
        &wrong(&trade(EXEC).replace("0.005", "\"a\"")),
        &wrong(&trade(EXEC).replace("\"last_qty\"", "\"x\"")),
        &wrong(&trade(EXEC).replace("0.3458", "{}")),
        &deep,
    ] {
        let mut desk = Desk::up();
        desk.rests(7);
        desk.sequence = 5;
        desk.text(text);
        assert_eq!(desk.told.last().map(String::as_str), Some("down Protocol"), "{text}");
        assert_eq!(desk.sent.last().map(String::as_str), Some("close"), "{text}");
    }
}

#[test]
fn what_is_merely_strange_is_ignored() {
    let mut desk = Desk::up();
    for text in [
        "{}",
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
    desk.told(&["down Protocol"]);
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
