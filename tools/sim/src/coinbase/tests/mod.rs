//! Scenarios over the whole front. Only the helper `Desk` touches the API.

mod feed;
mod fix;
mod rest;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use serde_json::Value;

use super::*;
use crate::engine::{
    AccountConfig, AccountId, AmendRule, Amount, ExchangeConfig, FeeAsset, InstrumentConfig,
    NewOrder, OrderKind, OrderSize, PostOnlyCross, Side, Stp, Tif,
};

const UNIT: Amount = 10_000_000_000_000_000;
/// 2024-06-27 11:17:25.223 UTC, the time of the reference's logon.
const START_NS: u64 = 1_719_487_045_223_000_000;
/// The key of the reference's vectors.
const KEY: &str = "my-api-key";
const SECRET: &str = "Y29pbmJhc2UtZXhhbXBsZS1zZWNyZXQ=";
const PASSPHRASE: &str = "my-pass";
const ALICE: AccountId = AccountId(0);
const BOB: AccountId = AccountId(1);
const BTC: InstrumentId = InstrumentId(0);
const MS: u64 = 1_000_000;

fn exchange() -> Exchange {
    let account = |name: &str, background| AccountConfig {
        name: name.to_owned(),
        balances: vec![("BTC".to_owned(), 10 * UNIT), ("USD".to_owned(), 1_000_000 * UNIT)],
        background,
    };
    Exchange::new(ExchangeConfig {
        instruments: vec![InstrumentConfig {
            symbol: "BTC-USD".to_owned(),
            base: "BTC".to_owned(),
            quote: "USD".to_owned(),
            price_decimals: 2,
            quantity_decimals: 8,
            tick: 1,
            lot: 1,
            min_price: 1,
            max_price: 100_000_000,
            min_quantity: 1,
            max_quantity: 900_000_000_000,
            max_market_quantity: 900_000_000_000,
            min_notional: UNIT,
            price_band: None,
            max_open_orders: 500,
        }],
        accounts: vec![account("alice", false), account("bob", true)],
        maker_fee_ppm: 4_000,
        taker_fee_ppm: 6_000,
        fee_asset: FeeAsset::Quote,
        fee_decimals: 16,
        post_only_cross: PostOnlyCross::Refuse,
        amend_rule: AmendRule::Any,
        first_order_id: 76,
        first_trade_id: 9_001,
        first_exec_id: 101,
    })
    .unwrap()
}

fn sign(payload: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, &STANDARD.decode(SECRET).unwrap());
    STANDARD.encode(hmac::sign(&key, payload.as_bytes()))
}

fn config() -> CoinbaseConfig {
    CoinbaseConfig::new(vec![ApiKey {
        key: KEY.to_owned(),
        secret: SECRET.to_owned(),
        passphrase: PASSPHRASE.to_owned(),
        account: ALICE,
    }])
}

struct Desk {
    front: CoinbaseFront,
    now: u64,
    next_conn: u64,
    out: Vec<FrontAction>,
}

impl Desk {
    fn new() -> Self {
        Self::with(config())
    }

    fn with(config: CoinbaseConfig) -> Self {
        let front = CoinbaseFront::new(config, exchange(), None);
        Self { front, now: START_NS, next_conn: 1, out: Vec::new() }
    }

    fn conn(&mut self) -> ConnId {
        self.next_conn += 1;
        ConnId(self.next_conn)
    }

    fn wait_ms(&mut self, ms: u64) -> &mut Self {
        let until = self.now + ms * MS;
        while let Some(next) = self.front.next_timer_ns().filter(|next| *next <= until) {
            self.now = self.now.max(next);
            self.front.on_timer(self.now, &mut self.out);
        }
        self.now = until;
        self
    }

    /// Bob's limit order rests, or takes: price in cents, quantity in satoshis.
    fn bob(&mut self, side: Side, price: i64, quantity: i64) {
        let order = NewOrder {
            account: BOB,
            instrument: BTC,
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
        self.front.exchange_mut().place(self.now, &order).unwrap();
        self.front.on_timer(self.now, &mut self.out);
    }

    fn is_closed(&self, conn: ConnId) -> bool {
        self.out.iter().any(|action| matches!(action, FrontAction::Close(c) if *c == conn))
    }

    // ----- REST -----------------------------------------------------------------------------

    fn http(&mut self, request: &HttpRequest) -> (u16, Value) {
        let conn = self.conn();
        self.front.on_http(self.now, conn, request, &mut self.out);
        let is_this =
            |action: &FrontAction| matches!(action, FrontAction::Http(c, _) if *c == conn);
        let at = self.out.iter().position(is_this).unwrap();
        let FrontAction::Http(_, reply) = self.out.remove(at) else { unreachable!() };
        (reply.status, serde_json::from_str(&reply.body).unwrap())
    }

    fn request(&self, method: &str, target: &str, body: &str) -> HttpRequest {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let timestamp = (self.now / 1_000_000_000).to_string();
        let signature = sign(&format!("{timestamp}{method}{target}{body}"));
        let header = |name: &str, value: &str| (format!("cb-access-{name}"), value.to_owned());
        HttpRequest {
            method: method.to_owned(),
            path: path.to_owned(),
            query: query.to_owned(),
            headers: vec![
                header("key", KEY),
                header("sign", &signature),
                header("timestamp", &timestamp),
                header("passphrase", PASSPHRASE),
            ],
            body: body.to_owned(),
        }
    }

    /// A signed request.
    fn signed(&mut self, method: &str, target: &str, body: &str) -> (u16, Value) {
        let request = self.request(method, target, body);
        self.http(&request)
    }

    fn buy(&mut self, price: &str, size: &str, more: &str) -> (u16, Value) {
        let body = format!(
            r#"{{"type":"limit","side":"buy","product_id":"BTC-USD","price":"{price}","size":"{size}"{more}}}"#
        );
        self.signed("POST", "/orders", &body)
    }

    // ----- WebSocket ------------------------------------------------------------------------

    fn ws(&mut self) -> ConnId {
        let conn = self.conn();
        self.front.on_ws_open(self.now, conn, "/", &mut self.out);
        conn
    }

    fn say(&mut self, conn: ConnId, text: &str) -> &mut Self {
        self.front.on_ws_text(self.now, conn, text, &mut self.out);
        self
    }

    /// A signed subscription of BTC-USD.
    fn subscribe(&mut self, conn: ConnId, channels: &str) -> &mut Self {
        let timestamp = self.now / 1_000_000_000;
        let signature = sign(&format!("{timestamp}GET/users/self/verify"));
        self.say(
            conn,
            &format!(
                r#"{{"type":"subscribe","product_ids":["BTC-USD"],"channels":[{channels}],"signature":"{signature}","key":"{KEY}","passphrase":"{PASSPHRASE}","timestamp":{timestamp}}}"#
            ),
        )
    }

    /// The messages of a WebSocket connection since the last look.
    fn heard(&mut self, conn: ConnId) -> Vec<Value> {
        let is_this =
            |action: &mut FrontAction| matches!(action, FrontAction::Text(c, _) if *c == conn);
        let texts: Vec<FrontAction> = self.out.extract_if(.., is_this).collect();
        let json = |action| match action {
            FrontAction::Text(_, text) => serde_json::from_str(&text).unwrap(),
            _ => unreachable!(),
        };
        texts.into_iter().map(json).collect()
    }

    // ----- FIX ------------------------------------------------------------------------------

    fn open(&mut self) -> ConnId {
        let conn = self.conn();
        self.front.on_raw_open(self.now, conn, &mut self.out);
        conn
    }

    /// Sends one message: header, these fields, trailer.
    fn fix(&mut self, conn: ConnId, sequence: u64, kind: &str, fields: &str) -> Vec<String> {
        let mut time = Vec::new();
        let millis = rutter_fix::codec::TimePrecision::Millis;
        rutter_fix::codec::write_timestamp(&mut time, self.now, millis);
        let time = String::from_utf8(time).unwrap();
        let body = format!("35={kind}|49={KEY}|56=Coinbase|34={sequence}|52={time}|{fields}");
        self.raw(conn, &body)
    }

    /// Sends one message from its `MsgType` on, with `|` for SOH, and returns the answers.
    fn raw(&mut self, conn: ConnId, body: &str) -> Vec<String> {
        let body = body.replace('|', "\x01");
        let text = format!("8=FIXT.1.1\x019={}\x01{body}", body.len());
        let sum = text.bytes().fold(0u8, u8::wrapping_add);
        let text = format!("{text}10={sum:03}\x01");
        self.front.on_raw(self.now, conn, text.as_bytes(), &mut self.out);
        self.told(conn)
    }

    /// The FIX messages of a connection since the last look, with `|` for SOH.
    fn told(&mut self, conn: ConnId) -> Vec<String> {
        let is_this =
            |action: &mut FrontAction| matches!(action, FrontAction::Bytes(c, _) if *c == conn);
        let all: Vec<FrontAction> = self.out.extract_if(.., is_this).collect();
        let text = |action| match action {
            FrontAction::Bytes(_, bytes) => String::from_utf8(bytes).unwrap().replace('\x01', "|"),
            _ => unreachable!(),
        };
        all.into_iter().map(text).collect()
    }

    /// A session that is logged on, with further fields of the Logon.
    fn logged_on(&mut self, more: &str) -> ConnId {
        let conn = self.open();
        let mut time = Vec::new();
        let millis = rutter_fix::codec::TimePrecision::Millis;
        rutter_fix::codec::write_timestamp(&mut time, self.now, millis);
        let time = String::from_utf8(time).unwrap();
        let signature = sign(&format!("{time}\x01A\x011\x01{KEY}\x01Coinbase\x01{PASSPHRASE}"));
        let fields = format!("95=44|96={signature}|98=0|553={KEY}|554={PASSPHRASE}|1137=9|{more}");
        let told = self.fix(conn, 1, "A", &fields);
        assert!(told.len() == 1 && told[0].contains("|35=A|"), "{told:?}");
        conn
    }
}

/// The value of a field.
fn field(message: &str, tag: u32) -> Option<&str> {
    let begins = format!("{tag}=");
    message.split('|').find_map(|field| field.strip_prefix(begins.as_str()))
}
