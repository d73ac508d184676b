//! Tests of the front as a client sees it, in memory.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::{digest, hmac};
use serde_json::Value;

use super::config::{BACKGROUND, KrakenConfig};
use super::{HEARTBEAT_NS, IDLE_NS, Kraken};
use crate::faults::{CutPoint, Fault};
use crate::front::{ConnId, Front, FrontAction, HttpRequest};
use crate::order::{AccountId, NewOrder, OrderKind, OrderSize, Side as EngineSide, Stp, Tif};

const SECRET: &str = "c2VjcmV0";
const START_NS: u64 = 1_768_000_000_000_000_000;
const PRIVATE: ConnId = ConnId(1);

/// A client with one private connection, REST, and a clock.
struct Desk {
    kraken: Kraken,
    now_ns: u64,
    nonce: u64,
    token: String,
    seen: Vec<(ConnId, Value)>,
    closed: Vec<ConnId>,
    texts: Vec<String>,
}

impl Desk {
    fn new() -> Self {
        let kraken = Kraken::new(KrakenConfig::standard("K", SECRET)).expect("configuration");
        let mut desk = Self {
            kraken,
            now_ns: START_NS,
            nonce: 0,
            token: String::new(),
            seen: Vec::new(),
            closed: Vec::new(),
            texts: Vec::new(),
        };
        desk.open(PRIVATE);
        let token = desk.rest("GetWebSocketsToken", "");
        desk.token = token["result"]["token"].as_str().expect("a token").to_owned();
        desk
    }

    fn take(&mut self, actions: Vec<FrontAction>) -> Option<Value> {
        let mut answer = None;
        for action in actions {
            match action {
                FrontAction::Text(conn, text) => {
                    let value = serde_json::from_str(&text).expect("JSON");
                    self.texts.push(text);
                    self.seen.push((conn, value));
                }
                FrontAction::Http(_, reply) => {
                    assert_eq!(reply.status, 200);
                    answer = Some(serde_json::from_str(&reply.body).expect("JSON"));
                }
                FrontAction::Close(conn) => self.closed.push(conn),
                FrontAction::Bytes(..) | FrontAction::Ping(_) => panic!("not on this venue"),
            }
        }
        answer
    }

    fn open(&mut self, conn: ConnId) {
        let mut out = Vec::new();
        self.kraken.on_ws_open(self.now_ns, conn, "/v2", &mut out);
        self.take(out);
        let status = self.next(conn);
        assert_eq!(status["channel"], "status");
        assert_eq!(status["data"][0]["system"], "online");
    }

    fn say_on(&mut self, conn: ConnId, text: &str) -> &mut Self {
        let mut out = Vec::new();
        let text = text.replace("TOKEN", &self.token);
        self.kraken.on_ws_text(self.now_ns, conn, &text, &mut out);
        self.take(out);
        self
    }

    fn say(&mut self, text: &str) -> &mut Self {
        self.say_on(PRIVATE, text)
    }

    fn later(&mut self, ns: u64) -> &mut Self {
        self.now_ns += ns;
        let mut out = Vec::new();
        self.kraken.on_timer(self.now_ns, &mut out);
        self.take(out);
        self
    }

    /// The next message on a connection.
    fn next(&mut self, conn: ConnId) -> Value {
        let at = self.seen.iter().position(|(on, _)| *on == conn).expect("a message");
        self.seen.remove(at).1
    }

    /// The next message on the private connection must contain these `path=value`s.
    fn saw(&mut self, expected: &[&str]) -> Value {
        let value = self.next(PRIVATE);
        for part in expected {
            let (path, wanted) = part.split_once('=').expect("path=value");
            let found = value.pointer(path).map_or("absent".to_owned(), |found| {
                found.as_str().map_or_else(|| found.to_string(), str::to_owned)
            });
            assert_eq!(found, wanted, "{path} of {value}");
        }
        value
    }

    fn saw_nothing(&self) {
        assert!(self.seen.is_empty(), "{:?}", self.seen);
    }

    fn refused(&mut self, text: &str, error: &str) {
        self.say(text);
        self.saw(&["/success=false", &format!("/error={error}")]);
    }

    fn rest(&mut self, method: &str, body: &str) -> Value {
        self.nonce += 1;
        let path = format!("/0/private/{method}");
        let body = format!("nonce={}{}{body}", self.nonce, if body.is_empty() { "" } else { "&" });
        let hashed = digest::digest(&digest::SHA256, format!("{}{body}", self.nonce).as_bytes());
        let key = hmac::Key::new(hmac::HMAC_SHA512, &STANDARD.decode(SECRET).expect("base64"));
        let message = [path.as_bytes(), hashed.as_ref()].concat();
        let sign = STANDARD.encode(hmac::sign(&key, &message).as_ref());
        let headers = vec![("api-key".to_owned(), "K".to_owned()), ("api-sign".to_owned(), sign)];
        self.http("POST", &path, "", headers, body)
    }

    fn public(&mut self, method: &str, query: &str) -> Value {
        self.http("GET", &format!("/0/public/{method}"), query, Vec::new(), String::new())
    }

    fn http(
        &mut self,
        method: &str,
        path: &str,
        query: &str,
        headers: Vec<(String, String)>,
        body: String,
    ) -> Value {
        let request = HttpRequest {
            method: method.to_owned(),
            path: path.to_owned(),
            query: query.to_owned(),
            headers,
            body,
        };
        let mut out = Vec::new();
        self.kraken.on_http(self.now_ns, ConnId(99), &request, &mut out);
        self.take(out).expect("an answer")
    }

    /// Another participant's order on BTC/USD; price in tenths, quantity in 10^-8.
    fn other(&mut self, side: EngineSide, price: i64, quantity: i64) -> &mut Self {
        let account = self.kraken.exchange().account(BACKGROUND).expect("background");
        let instrument = self.kraken.exchange().instrument("BTC/USD").expect("pair");
        let new = NewOrder {
            account,
            instrument,
            client_id: "".into(),
            side,
            kind: OrderKind::Limit,
            tif: Tif::Gtc,
            post_only: false,
            price,
            size: OrderSize::Base(quantity),
            stp: Stp::Allow,
            tag: 0,
        };
        let now_ns = self.now_ns;
        self.kraken.exchange_mut().place(now_ns, &new).expect("placed");
        self.later(0)
    }

    fn listen(&mut self) -> &mut Self {
        self.say(
            "{\"method\":\"subscribe\",\"params\":{\"channel\":\"executions\",\
             \"token\":\"TOKEN\"},\"req_id\":2}",
        );
        self.saw(&["/success=true", "/req_id=2", "/result/maxratecount=180"]);
        self.saw(&["/channel=executions", "/type=snapshot", "/sequence=1", "/data=[]"]);
        self
    }
}

fn add(price: &str, quantity: &str, more: &str) -> String {
    format!(
        "{{\"method\":\"add_order\",\"params\":{{\"order_type\":\"limit\",\"side\":\"buy\",\
         \"limit_price\":{price},\"order_qty\":{quantity},\"symbol\":\"BTC/USD\"{more},\
         \"token\":\"TOKEN\"}},\"req_id\":7}}"
    )
}

#[test]
fn a_resting_order_goes_through_pending_new_new_and_canceled() {
    let mut desk = Desk::new();
    desk.listen().say(&add("26500.4", "1.2", r#","cl_ord_id":"my-1""#));
    let answer = desk.saw(&["/method=add_order", "/success=true", "/result/cl_ord_id=my-1"]);
    let id = answer["result"]["order_id"].as_str().expect("an id").to_owned();
    desk.saw(&[
        "/sequence=2",
        "/data/0/exec_type=pending_new",
        "/data/0/order_qty=1.2",
        "/data/0/limit_price=26500.4",
        "/data/0/symbol=BTC/USD",
        "/data/0/cl_ord_id=my-1",
        "/data/0/time_in_force=GTC",
    ]);
    let new = desk.saw(&["/sequence=3", "/data/0/exec_type=new", "/data/0/order_status=new"]);
    assert!(new["data"][0].get("symbol").is_none(), "small updates must be joined by id");
    desk.say(&format!(
        r#"{{"method":"cancel_order","params":{{"order_id":["{id}"],"token":"TOKEN"}},"req_id":8}}"#
    ));
    desk.saw(&["/method=cancel_order", "/success=true", &format!("/result/order_id={id}")]);
    desk.saw(&[
        "/sequence=4",
        "/data/0/exec_type=canceled",
        "/data/0/reason=User requested",
        "/data/0/cum_qty=0",
    ]);
    desk.saw_nothing();
}

#[test]
fn a_taker_gets_trades_then_filled_and_both_balances() {
    let mut desk = Desk::new();
    desk.other(EngineSide::Sell, 265_000, 50_000_000);
    desk.say(r#"{"method":"subscribe","params":{"channel":"balances","token":"TOKEN"}}"#);
    desk.saw(&["/success=true"]);
    desk.saw(&["/type=snapshot", "/sequence=1", "/data/0/asset=BTC", "/data/0/balance=100"]);
    desk.listen().say(&add("26500.0", "0.5", ""));
    desk.saw(&["/success=true"]);
    desk.saw(&["/data/0/exec_type=pending_new"]);
    desk.saw(&["/data/0/exec_type=new"]);
    desk.saw(&[
        "/sequence=4",
        "/data/0/exec_type=trade",
        "/data/0/order_status=partially_filled",
        "/data/0/last_qty=0.5",
        "/data/0/last_price=26500.0",
        "/data/0/liquidity_ind=t",
        "/data/0/cost=13250.0",
        "/data/0/fees/0/asset=USD",
        "/data/0/fees/0/qty=53.0",
        "/data/0/cum_qty=0.5",
        "/data/0/avg_price=26500.0",
    ]);
    desk.saw(&["/sequence=5", "/data/0/exec_type=filled", "/data/0/order_status=filled"]);
    let base = desk.saw(&["/sequence=2", "/data/0/asset=BTC", "/data/0/balance=100.5"]);
    let quote = desk.saw(&[
        "/sequence=3",
        "/data/0/asset=USD",
        "/data/0/amount=-13250",
        "/data/0/fee=53",
        "/data/0/balance=9986697",
    ]);
    assert_eq!(base["data"][0]["ref_id"], quote["data"][0]["ref_id"]);
    desk.saw_nothing();
    let history = desk.rest("TradesHistory", "");
    assert_eq!(history["result"]["count"], 1);
}

#[test]
fn the_remainder_of_an_ioc_order_is_canceled_with_its_totals() {
    let mut desk = Desk::new();
    desk.other(EngineSide::Sell, 265_000, 100_000);
    desk.listen().say(&add("26500", "0.002", r#","time_in_force":"ioc""#));
    desk.saw(&["/success=true"]);
    desk.saw(&["/data/0/exec_type=pending_new", "/data/0/time_in_force=IOC"]);
    desk.saw(&["/data/0/exec_type=new"]);
    desk.saw(&["/data/0/exec_type=trade"]);
    desk.saw(&[
        "/data/0/exec_type=canceled",
        "/data/0/cum_qty=0.001",
        "/data/0/cum_cost=26.5",
        "/data/0/avg_price=26500.0",
        "/data/0/reason=IOC order canceled",
    ]);
    desk.saw_nothing();
}

#[test]
fn a_post_only_order_that_would_take_is_canceled() {
    let mut desk = Desk::new();
    desk.other(EngineSide::Sell, 265_000, 100_000);
    desk.listen().say(&add("26500", "1", r#","post_only":true"#));
    desk.saw(&["/success=true"]);
    desk.saw(&["/data/0/exec_type=pending_new"]);
    desk.saw(&["/data/0/exec_type=new"]);
    desk.saw(&["/data/0/exec_type=canceled", "/data/0/reason=Post only order"]);
}

#[test]
fn an_amend_keeps_the_id_and_echoes_only_what_was_used() {
    let mut desk = Desk::new();
    desk.listen().say(&add("26500", "1", r#","cl_ord_id":"a""#));
    for _ in 0..3 {
        desk.next(PRIVATE);
    }
    desk.say(
        "{\"method\":\"amend_order\",\"params\":{\"cl_ord_id\":\"a\",\
         \"limit_price\":26400.0,\"order_qty\":0.4,\"token\":\"TOKEN\"},\"req_id\":9}",
    );
    let answer = desk.saw(&["/success=true", "/result/cl_ord_id=a"]);
    assert!(answer["result"].get("order_id").is_none());
    desk.saw(&[
        "/data/0/exec_type=amended",
        "/data/0/limit_price=26400.0",
        "/data/0/order_qty=0.4",
        "/data/0/order_status=new",
    ]);
}

#[test]
fn what_is_wrong_is_refused_with_the_venues_word() {
    let mut desk = Desk::new();
    let argument = "EGeneral:Invalid arguments";
    desk.refused(&add("26500.05", "1", ""), "EOrder:Invalid price");
    desk.refused(&add("26500", "0.00001", ""), "EOrder:Order minimum not met");
    desk.refused(&add("100.0", "0.0005", ""), "EOrder:Cost minimum not met");
    desk.refused(&add("9000000", "50000", ""), "EOrder:Insufficient funds");
    desk.refused(&add("26500", "1", r#","time_in_force":"fok""#), argument);
    desk.refused(&add("26500", "1", r#","unheard_of":1"#), argument);
    desk.refused(&add("\"26500\"", "1", ""), &format!("{argument}:limit_price"));
    desk.refused(&add("26500", "-1", ""), &format!("{argument}:order_qty"));
    desk.refused(
        &add("26500", "1", r#","cl_ord_id":"much too long an id""#),
        &format!("{argument}:cl_ord_id"),
    );
    desk.refused(
        &add("26500", "1", r#","cl_ord_id":"a","order_userref":3"#),
        &format!("{argument}:cl_ord_id"),
    );
    desk.refused(
        &add("26500", "1", r#","deadline":"2020-01-10T10:00:05.000Z""#),
        "EService:Deadline elapsed",
    );
    desk.refused(&add("26500", "1", "").replace("TOKEN", "x"), "ESession:Invalid session");
    desk.refused(&add("26500", "1", "").replace("BTC/USD", "XBT/USD"), "EQuery:Unknown asset pair");
    desk.refused(
        "{\"method\":\"cancel_order\",\"params\":{\"order_id\":[\"OAAAAA-AAAAA-AAAAAA\"],\
         \"token\":\"TOKEN\"}}",
        "EOrder:Unknown order",
    );
    desk.refused("not JSON", argument);
    desk.refused(r#"{"method":"nonsense"}"#, "EGeneral:Unknown method");
    desk.say(&add("26500", "1", r#","cl_ord_id":"a""#)).saw(&["/success=true"]);
    desk.refused(&add("26500", "1", r#","cl_ord_id":"a""#), &format!("{argument}:cl_ord_id"));
    let now_ns = desk.now_ns;
    let in_five = crate::time::format(now_ns + 5_000_000_000);
    desk.say(&add("26500", "1", &format!(r#","deadline":"{in_five}""#))).saw(&["/success=true"]);
    desk.say(&add("26500", "1", r#","validate":true"#));
    let checked = desk.saw(&["/success=true"]);
    assert!(checked["result"].get("order_id").is_none());
    assert_eq!(
        desk.rest("OpenOrders", "")["result"]["open"].as_object().map(serde_json::Map::len),
        Some(2)
    );
}

#[test]
fn a_good_till_date_order_expires_and_a_dead_man_switch_cancels() {
    let mut desk = Desk::new();
    let at = crate::time::format(desk.now_ns + 10_000_000_000);
    let gtd = format!(r#","time_in_force":"gtd","expire_time":"{at}""#);
    desk.listen().say(&add("26500", "1", &gtd));
    desk.saw(&["/success=true"]);
    desk.saw(&["/data/0/time_in_force=GTD"]);
    desk.saw(&["/data/0/exec_type=new"]);
    assert!(
        desk.kraken.next_timer_ns().is_some_and(|due_ns| due_ns <= desk.now_ns + 10_000_000_000)
    );
    desk.later(10_000_000_000);
    desk.saw(&["/data/0/exec_type=expired", "/data/0/order_status=expired"]);
    desk.say(&add("26500", "1", ""));
    for _ in 0..3 {
        desk.next(PRIVATE);
    }
    desk.say(r#"{"method":"cancel_all_orders_after","params":{"timeout":60,"token":"TOKEN"}}"#);
    desk.saw(&["/success=true"]);
    desk.later(59_000_000_000).saw(&["/channel=heartbeat"]);
    desk.later(1_000_000_000).saw(&["/data/0/exec_type=canceled"]);
}

#[test]
fn every_book_update_leads_to_its_checksum() {
    let mut desk = Desk::new();
    let public = ConnId(5);
    desk.open(public);
    desk.other(EngineSide::Sell, 265_000, 100_000_000).other(EngineSide::Buy, 264_990, 5_000);
    desk.say_on(
        public,
        "{\"method\":\"subscribe\",\"params\":{\"channel\":\"book\",\
         \"symbol\":[\"BTC/USD\",\"X/Y\"],\"depth\":10},\"req_id\":1}",
    );
    let ack = desk.next(public);
    assert_eq!(ack["result"]["depth"], 10);
    let snapshot = desk.next(public);
    assert_eq!(snapshot["type"], "snapshot");
    assert_eq!(snapshot["data"][0]["checksum"], crc(b"2650001000000002649905000"));
    let refused = desk.next(public);
    assert_eq!(refused["success"], false);
    assert_eq!(refused["symbol"], "X/Y");
    desk.texts.clear();
    desk.other(EngineSide::Buy, 264_990, 7_000);
    let update = desk.next(public);
    assert_eq!(update["data"][0]["checksum"], crc(b"26500010000000026499012000"));
    let text = desk.texts.first().expect("a text");
    assert!(text.contains(r#""bids":[{"price":26499.0,"qty":0.00012}],"asks":[]"#), "{text}");
    let mut out = Vec::new();
    desk.kraken.inject(desk.now_ns, &Fault::CorruptBook, &mut out);
    desk.other(EngineSide::Buy, 264_990, 5_000);
    assert_ne!(desk.next(public)["data"][0]["checksum"], crc(b"26500010000000026499017000"));
}

fn crc(bytes: &[u8]) -> u32 {
    crc32fast::hash(bytes)
}

#[test]
fn silence_is_filled_with_heartbeats_and_idle_connections_are_closed() {
    let mut desk = Desk::new();
    desk.open(ConnId(2));
    desk.listen();
    desk.later(HEARTBEAT_NS).saw(&["/channel=heartbeat"]);
    desk.later(HEARTBEAT_NS / 2).saw_nothing();
    desk.say(r#"{"method":"ping"}"#);
    let pong = desk.saw(&["/method=pong"]);
    assert!(pong.get("req_id").is_none());
    desk.say(r#"{"method":"ping","req_id":101}"#).saw(&["/method=pong", "/req_id=101"]);
    desk.later(IDLE_NS);
    assert_eq!(desk.closed, [ConnId(2)], "no subscription, nothing said");
}

#[test]
fn rest_places_shows_and_cancels_what_websocket_sees() {
    let mut desk = Desk::new();
    desk.listen();
    let added = desk.rest(
        "AddOrder",
        "pair=XXBTZUSD&type=buy&ordertype=limit&volume=1&cl_ord_id=mycl1&price=50&oflags=post",
    );
    let id = added["result"]["txid"][0].as_str().expect("an id").to_owned();
    assert_eq!(added["result"]["descr"]["order"], "buy 1 XBTUSD @ limit 50");
    desk.saw(&["/data/0/exec_type=pending_new", "/data/0/cl_ord_id=mycl1"]);
    let open = desk.rest("OpenOrders", "");
    let order = &open["result"]["open"][&id];
    assert_eq!(order["status"], "open");
    assert_eq!(order["descr"]["price"], "50.0");
    assert_eq!(order["oflags"], "fciq,post");
    let by_client = desk.rest("QueryOrders", "cl_ord_id=mycl1");
    assert_eq!(by_client["result"][&id]["vol"], "1.00000000");
    let held = desk.rest("BalanceEx", "");
    assert_eq!(held["result"]["ZUSD"]["hold_trade"], "50.2000", "fee included");
    assert_eq!(desk.rest("CancelOrder", &format!("txid={id}"))["result"]["count"], 1);
    assert_eq!(desk.rest("CancelOrder", &format!("txid={id}"))["error"][0], "EOrder:Unknown order");
    let gone = desk.rest("QueryOrders", &format!("txid={id}&trades=True"));
    assert_eq!(gone["result"][&id]["status"], "canceled");
    assert_eq!(desk.rest("ClosedOrders", "")["result"]["count"], 1);
}

#[test]
fn public_rest_answers_what_a_client_library_loads() {
    let mut desk = Desk::new();
    let pairs = desk.public("AssetPairs", "");
    assert_eq!(pairs["result"]["XXBTZUSD"]["wsname"], "XBT/USD");
    assert_eq!(pairs["result"]["XXBTZUSD"]["ordermin"], "0.00005");
    assert_eq!(pairs["result"]["XXBTZUSD"]["fees"][0][1], 0.4);
    assert_eq!(desk.public("Assets", "")["result"]["ZUSD"]["decimals"], 4);
    assert_eq!(desk.public("SystemStatus", "")["result"]["status"], "online");
    desk.other(EngineSide::Sell, 265_000, 100_000_000);
    let depth = desk.public("Depth", "pair=XBTUSD&count=5");
    assert_eq!(depth["result"]["XXBTZUSD"]["asks"][0][0], "26500.0");
    assert_eq!(desk.public("Depth", "pair=NOPE")["error"][0], "EQuery:Unknown asset pair");
    assert_eq!(desk.public("Ticker", "pair=XXBTZUSD")["error"], serde_json::json!([]));
}

#[test]
fn orders_beyond_the_rate_are_refused_and_the_counter_recovers() {
    let mut desk = Desk::new();
    let mut refused = 0;
    for _ in 0..200 {
        desk.say(&add("26500", "0.001", r#","validate":true"#));
        refused += u32::from(desk.next(PRIVATE)["error"] == "EOrder:Rate limit exceeded");
    }
    assert_eq!(refused, 20, "threshold 180 at tier Pro");
    desk.later(1_000_000_000);
    desk.say(&add("26500", "0.001", r#","validate":true"#)).saw(&["/success=true"]);
}

#[test]
fn faults_cut_the_connection_where_they_should() {
    for (point, lives, acked) in [
        (CutPoint::BeforeProcessing, 0, 0),
        (CutPoint::BeforeAck, 1, 0),
        (CutPoint::AfterAck, 1, 1),
    ] {
        let mut desk = Desk::new();
        desk.kraken.inject(desk.now_ns, &Fault::CutOnOrder(point), &mut Vec::new());
        desk.say(&add("26500", "1", ""));
        assert_eq!(desk.closed, [PRIVATE], "{point:?}");
        assert_eq!(desk.seen.len(), acked, "{point:?}");
        let open = desk.kraken.exchange().open_orders(AccountId(0), None).count();
        assert_eq!(open, lives, "{point:?}");
    }
}

#[test]
fn injected_rejections_and_maintenance_are_announced() {
    let mut desk = Desk::new();
    let reject = Fault::RejectNextOrder { code: 0, text: "EService:Busy".to_owned() };
    desk.kraken.inject(desk.now_ns, &reject, &mut Vec::new());
    desk.refused(&add("26500", "1", ""), "EService:Busy");
    desk.say(&add("26500", "1", "")).saw(&["/success=true"]);
    let mut out = Vec::new();
    desk.kraken.inject(desk.now_ns, &Fault::Maintenance { for_ns: 1_000 }, &mut out);
    desk.take(out);
    desk.saw(&["/channel=status", "/data/0/system=maintenance"]);
    assert_eq!(desk.closed, [PRIVATE]);
    desk.later(2_000).saw(&["/data/0/system=online"]);
    desk.say(&add("26500", "1", "")).saw(&["/success=true"]);
}

#[test]
fn batches_answer_per_order_or_once() {
    let mut desk = Desk::new();
    desk.say(
        "{\"method\":\"batch_add\",\"params\":{\"symbol\":\"BTC/USD\",\
         \"orders\":[{\"order_type\":\"limit\",\"side\":\"buy\",\"order_qty\":1,\
         \"limit_price\":100.0,\"cl_ord_id\":\"a\"},{\"order_type\":\"limit\",\
         \"side\":\"buy\",\"order_qty\":90000,\"limit_price\":900000.0,\
         \"order_userref\":4}],\"token\":\"TOKEN\"},\"req_id\":1}",
    );
    let answer = desk.saw(&["/success=true", "/result/0/cl_ord_id=a"]);
    assert_eq!(answer["result"][1]["error"], "EOrder:Insufficient funds");
    desk.say(&add("26500", "1", r#","cl_ord_id":"b""#)).saw(&["/success=true"]);
    desk.say(r#"{"method":"batch_cancel","params":{"orders":["a","b"],"token":"TOKEN"}}"#);
    desk.saw(&["/success=true", "/orders_cancelled=2"]);
    desk.say(r#"{"method":"cancel_all","params":{"token":"TOKEN"}}"#).saw(&["/result/count=0"]);
}

#[test]
fn no_text_makes_it_panic() {
    let seed = 20_260_110;
    println!("seed {seed}");
    let mut random = crate::random::Random::new(seed);
    let good = add("26500.4", "1.2", r#","cl_ord_id":"my-1","deadline":"2026-01-10T10:00:05Z""#);
    let mut desk = Desk::new();
    for _ in 0..5_000 {
        let mut bytes = good.clone().into_bytes();
        for _ in 0..random.between(1, 6) {
            let place = random.below(bytes.len() as u64) as usize;
            match random.below(3) {
                0 => bytes[place] = random.below(128) as u8,
                1 => bytes.truncate(place.max(1)),
                _ => bytes.insert(place, b"{}[]\",:0e-."[random.below(11) as usize]),
            }
        }
        desk.say(&String::from_utf8_lossy(&bytes));
        desk.public("Depth", &String::from_utf8_lossy(&bytes));
        desk.seen.clear();
    }
}
