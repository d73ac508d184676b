//! Tests of market streams against the venue reference.

use std::collections::BTreeMap;

use super::super::super::random::Random;
use super::*;

/// A client's book, kept by the documented rule.
#[derive(Default)]
struct Book {
    id: u64,
    bids: BTreeMap<String, String>,
    asks: BTreeMap<String, String>,
    synced: bool,
}

fn rows(value: &Value) -> Vec<(String, String)> {
    let text = |v: &Value| v.as_str().unwrap().to_owned();
    value.as_array().unwrap().iter().map(|r| (text(&r[0]), text(&r[1]))).collect()
}

impl Book {
    fn snapshot(depth: &Value) -> Self {
        Self {
            id: depth["lastUpdateId"].as_u64().unwrap(),
            bids: rows(&depth["bids"]).into_iter().collect(),
            asks: rows(&depth["asks"]).into_iter().collect(),
            synced: false,
        }
    }

    /// Applies an update; false for a gap.
    fn update(&mut self, event: &Value) -> bool {
        let (first, last) = (event["U"].as_u64().unwrap(), event["u"].as_u64().unwrap());
        if last <= self.id {
            return true;
        }
        if first > self.id + 1 || (self.synced && first != self.id + 1) {
            return false;
        }
        self.synced = true;
        for (side, name) in [(&mut self.bids, "b"), (&mut self.asks, "a")] {
            for (price, quantity) in rows(&event[name]) {
                if quantity == "0.00000000" {
                    side.remove(&price);
                } else {
                    side.insert(price, quantity);
                }
            }
        }
        self.id = last;
        true
    }
}

fn stir(desk: &mut Desk, random: &mut Random) {
    let side = if random.below(2) == 0 { "BUY" } else { "SELL" };
    let price = format!("{}.{:02}", 50_000 + random.below(4), random.below(3) * 10);
    if random.below(3) == 0 {
        desk.bob_limit(side, "0.01", &price);
    } else {
        desk.limit(side, "0.02", &price, "");
    }
    if random.below(6) == 0 {
        desk.signed("DELETE", "/openOrders", "symbol=BTCUSDT");
    }
}

fn busy_desk() -> Desk {
    let mut config = config();
    config.limits.orders_per_10s = 100_000;
    config.limits.weight_per_minute = 1_000_000;
    Desk::with(config)
}

/// The documented procedure ends with the exchange's book, at every update, in both speeds.
#[test]
fn updates_continue_the_snapshot_without_gap_or_overlap() {
    for (stream, seed) in [("btcusdt@depth@100ms", 1), ("btcusdt@depth", 2)] {
        let mut desk = busy_desk();
        let mut random = Random::new(seed);
        (0..10).for_each(|_| stir(&mut desk, &mut random));
        let conn = desk.ws(&format!("/ws/{stream}"));
        (0..5).for_each(|_| stir(&mut desk, &mut random));
        let mut book = Book::snapshot(&desk.get("/depth", "symbol=BTCUSDT&limit=5000"));
        let mut updates = 0;
        for _ in 0..60 {
            (0..random.below(5)).for_each(|_| stir(&mut desk, &mut random));
            desk.wait_ms(100);
            for event in desk.heard(conn) {
                assert!(book.update(&event), "seed {seed}: gap at {event}");
                updates += 1;
            }
        }
        desk.wait_ms(1_100);
        for event in desk.heard(conn) {
            assert!(book.update(&event));
        }
        let now = Book::snapshot(&desk.get("/depth", "symbol=BTCUSDT&limit=5000"));
        assert_eq!((book.id, &book.bids, &book.asks), (now.id, &now.bids, &now.asks));
        assert!(updates > 4, "only {updates} updates");
    }
}

#[test]
fn a_skipped_update_shows_as_a_gap() {
    let mut desk = busy_desk();
    let conn = desk.ws("/ws/btcusdt@depth@100ms");
    let mut random = Random::new(3);
    let mut book = Book::default();
    let mut step = |desk: &mut Desk, book: &mut Book| {
        stir(desk, &mut random);
        desk.wait_ms(100);
        let heard = desk.heard(conn);
        heard.is_empty() || heard.iter().all(|event| book.update(event))
    };
    assert!((0..5).all(|_| step(&mut desk, &mut book)));
    desk.inject(&Fault::CorruptBook);
    assert!(!(0..5).all(|_| step(&mut desk, &mut book)), "the lost update went unnoticed");
}

#[test]
fn trades_and_tickers_come_to_those_who_asked() {
    let mut desk = Desk::new();
    let raw = desk.ws("/ws/btcusdt@trade");
    let combined = desk.ws("/stream?streams=btcusdt@aggTrade/btcusdt@bookTicker");
    desk.limit("SELL", "0.1", "60000", "");
    desk.bob_limit("BUY", "0.1", "60000");
    let trades = desk.heard(raw);
    assert_eq!(trades.len(), 1);
    assert_eq!((&trades[0]["e"], &trades[0]["t"]), (&Value::from("trade"), &Value::from(9_001)));
    assert_eq!(trades[0]["m"], false);
    let heard = desk.heard(combined);
    let names: Vec<_> = heard.iter().map(|m| m["stream"].as_str().unwrap()).collect();
    assert_eq!(names, ["btcusdt@bookTicker", "btcusdt@aggTrade", "btcusdt@bookTicker"]);
    assert_eq!(heard[0]["data"]["a"], "60000.00000000");
    assert_eq!(heard[2]["data"]["A"], "0.00000000");
}

#[test]
fn subscriptions_are_made_listed_and_ended_on_a_numbered_path() {
    let mut desk = Desk::new();
    let conn = desk.ws("/ws/0");
    desk.say(conn, r#"{"method":"SUBSCRIBE","params":["btcusdt@depth@100ms"],"id":1}"#);
    desk.say(conn, r#"{"method":"LIST_SUBSCRIPTIONS","id":2}"#);
    desk.say(conn, r#"{"method":"UNSUBSCRIBE","params":["btcusdt@depth@100ms"],"id":3}"#);
    desk.limit("SELL", "0.1", "60000", "");
    desk.wait_ms(1_500);
    assert_eq!(
        desk.heard(conn),
        [
            json(r#"{"result":null,"id":1}"#),
            json(r#"{"result":["btcusdt@depth@100ms"],"id":2}"#),
            json(r#"{"result":null,"id":3}"#),
        ]
    );
    desk.say(conn, "{");
    desk.say(conn, r#"{"method":"SUBSCRIBE","params":["nope@trade"],"id":4}"#);
    let codes: Vec<_> = desk.heard(conn).iter().map(|m| m["code"].as_i64()).collect();
    assert_eq!(codes, [Some(3), Some(2)]);
}

#[test]
fn the_sixth_message_in_a_second_closes_the_connection() {
    let mut desk = Desk::new();
    let conn = desk.ws("/ws/0");
    for id in 0..5 {
        desk.say(conn, &format!(r#"{{"method":"LIST_SUBSCRIPTIONS","id":{id}}}"#));
    }
    assert!(!desk.closed(conn));
    desk.say(conn, r#"{"method":"LIST_SUBSCRIPTIONS","id":5}"#);
    assert!(desk.closed(conn));
}

#[test]
fn pings_come_every_20_s_and_silence_for_a_minute_closes() {
    let mut desk = Desk::new();
    let (good, dead) = (desk.ws("/ws/0"), desk.ws("/ws/1"));
    for _ in 0..3 {
        desk.wait_ms(20_100);
        assert!(desk.pinged(good));
        desk.front.on_ws_pong(desk.now, good);
    }
    desk.wait_ms(21_000);
    assert!(desk.closed(dead) && !desk.closed(good));
}

#[test]
fn maintenance_warns_closes_and_ends() {
    let mut desk = Desk::new();
    let conn = desk.ws("/ws/0");
    desk.inject(&Fault::Maintenance { for_ns: 20_000_000_000 });
    assert_eq!(desk.heard(conn)[0]["e"], "serverShutdown");
    assert_eq!(desk.http("GET", "/ping", "", "", "").status, 200);
    desk.wait_ms(10_100);
    assert!(desk.closed(conn));
    assert_eq!(desk.http("GET", "/ping", "", "", "").status, 503);
    let refused = desk.ws("/ws/0");
    assert!(desk.closed(refused));
    desk.wait_ms(20_100);
    assert_eq!(desk.limit("BUY", "0.1", "60000", "").0, 200);
}
