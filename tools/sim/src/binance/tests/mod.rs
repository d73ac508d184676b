//! Scenarios over the whole front. Only the helper `Desk` touches the API.

mod fix;
mod rest;
mod streams;
mod ws_api;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use ring::signature::{Ed25519KeyPair, KeyPair};
use serde_json::Value;

use super::super::engine::{
    AccountConfig, AccountId, AmendRule, Amount, Exchange, ExchangeConfig, FeeAsset,
    InstrumentConfig, PostOnlyCross,
};
use super::super::faults::Fault;
use super::super::front::{ConnId, Front, FrontAction, HttpReply, HttpRequest};
use super::*;

const UNIT: Amount = 10_000_000_000_000_000;
/// 2024-06-27 11:17:25.223 UTC, the time of the documented logon.
const START_NS: u64 = 1_719_487_045_223_000_000;
/// The documented HMAC key and secret.
const KEY: &str = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A";
const SECRET: &str = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j";
/// The documented Ed25519 key and private seed.
const ED_KEY: &str = "sBRXrJx2DsOraMXOaUovEhgVRcjOvCtQwnWj8VxkOh1xqboS02SPGfKi2h8spZJb";
const ED_SEED: &str = "8244616b4606b8400a66fd0efcbea9af1611fd2540e975b3808b20007d9bcf6e";
const ALICE: AccountId = AccountId(0);
const BOB: AccountId = AccountId(1);

fn instrument(symbol: &str, base: &str, quote: &str, tick: i64) -> InstrumentConfig {
    InstrumentConfig {
        symbol: symbol.to_owned(),
        base: base.to_owned(),
        quote: quote.to_owned(),
        price_decimals: 8,
        quantity_decimals: 8,
        tick,
        lot: 1_000,
        min_price: tick,
        max_price: 100_000_000_000_000,
        min_quantity: 1_000,
        max_quantity: 900_000_000_000,
        max_market_quantity: 10_000_000_000,
        min_notional: if symbol == "BTCUSDT" { 5 * UNIT } else { UNIT / 10_000 },
        price_band: None,
        max_open_orders: 200,
    }
}

fn exchange(open_orders_max: u32) -> Exchange {
    let account = |name: &str| AccountConfig {
        name: name.to_owned(),
        balances: vec![("BTC".to_owned(), 10 * UNIT), ("USDT".to_owned(), 1_000_000 * UNIT)],
        background: false,
    };
    let mut btc = instrument("BTCUSDT", "BTC", "USDT", 1_000_000);
    btc.max_open_orders = open_orders_max;
    Exchange::new(ExchangeConfig {
        instruments: vec![btc, instrument("LTCBTC", "LTC", "BTC", 1_000)],
        accounts: vec![account("alice"), account("bob")],
        maker_fee_ppm: 1_000,
        taker_fee_ppm: 1_000,
        fee_asset: FeeAsset::Received,
        fee_decimals: 8,
        post_only_cross: PostOnlyCross::Refuse,
        amend_rule: AmendRule::DownOnly,
        first_order_id: 76,
        first_trade_id: 9_001,
        first_exec_id: 101,
    })
    .unwrap()
}

fn ed_pair() -> Ed25519KeyPair {
    let seed: Vec<u8> =
        (0..32).map(|i| u8::from_str_radix(&ED_SEED[2 * i..2 * i + 2], 16).unwrap()).collect();
    Ed25519KeyPair::from_seed_unchecked(&seed).unwrap()
}

fn ed_sign(payload: &str) -> String {
    STANDARD.encode(ed_pair().sign(payload.as_bytes()))
}

fn hmac_hex(payload: &str, secret: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let tag = hmac::sign(&key, payload.as_bytes());
    let digit = |four: u8| char::from_digit(u32::from(four), 16).unwrap();
    tag.as_ref().iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// Alice has an HMAC and an Ed25519 key, Bob an HMAC key `bob` with secret `bobs`.
fn config() -> BinanceConfig {
    let ed_public: [u8; 32] = ed_pair().public_key().as_ref().try_into().unwrap();
    let key = |key: &str, account, hmac: Option<&str>, ed25519_public| ApiKey {
        key: key.to_owned(),
        account,
        hmac_secret: hmac.map(str::to_owned),
        ed25519_public,
    };
    BinanceConfig::new(vec![
        key(KEY, ALICE, Some(SECRET), None),
        key(ED_KEY, ALICE, None, Some(ed_public)),
        key("bob", BOB, Some("bobs"), None),
    ])
}

struct Desk {
    front: BinanceFront,
    now: u64,
    next_conn: u64,
    out: Vec<FrontAction>,
}

impl Desk {
    fn new() -> Self {
        Self::with(config())
    }

    fn with(config: BinanceConfig) -> Self {
        Self::of(config, 200)
    }

    fn of(config: BinanceConfig, open_orders_max: u32) -> Self {
        let front = BinanceFront::new(config, exchange(open_orders_max), None);
        Self { front, now: START_NS, next_conn: 1, out: Vec::new() }
    }

    fn conn(&mut self) -> ConnId {
        self.next_conn += 1;
        ConnId(self.next_conn)
    }

    fn wait_ms(&mut self, ms: u64) -> &mut Self {
        let until = self.now + ms * 1_000_000;
        while let Some(next) = self.front.next_timer_ns().filter(|n| *n <= until) {
            self.now = self.now.max(next);
            self.front.on_timer(self.now, &mut self.out);
        }
        self.now = until;
        self
    }

    fn inject(&mut self, fault: &Fault) {
        self.front.inject(self.now, fault, &mut self.out);
    }

    // ----- REST -----------------------------------------------------------------------------

    fn http(&mut self, method: &str, path: &str, query: &str, body: &str, key: &str) -> HttpReply {
        let conn = self.conn();
        let request = HttpRequest {
            method: method.to_owned(),
            path: format!("/api/v3{path}"),
            query: query.to_owned(),
            headers: vec![("x-mbx-apikey".to_owned(), key.to_owned())],
            body: body.to_owned(),
        };
        let mut out = Vec::new();
        self.front.on_http(self.now, conn, &request, &mut out);
        let place =
            out.iter().position(|a| matches!(a, FrontAction::Http(c, _) if *c == conn)).unwrap();
        let FrontAction::Http(_, reply) = out.remove(place) else { unreachable!() };
        self.out.extend(out);
        reply
    }

    fn get(&mut self, path: &str, query: &str) -> Value {
        json(&self.http("GET", path, query, "", "").body)
    }

    /// A signed request of Alice: status and JSON.
    fn signed(&mut self, method: &str, path: &str, params: &str) -> (u16, Value) {
        self.signed_as(KEY, SECRET, method, path, params)
    }

    fn signed_as(
        &mut self,
        key: &str,
        secret: &str,
        method: &str,
        path: &str,
        params: &str,
    ) -> (u16, Value) {
        let now = self.now / 1_000_000;
        let joint = if params.is_empty() { "" } else { "&" };
        let payload = format!("{params}{joint}timestamp={now}");
        let text = format!("{payload}&signature={}", hmac_hex(&payload, secret));
        let reply = if method == "POST" {
            self.http(method, path, "", &text, key)
        } else {
            self.http(method, path, &text, "", key)
        };
        (reply.status, json(&reply.body))
    }

    /// A limit order of Alice over REST.
    fn limit(&mut self, side: &str, quantity: &str, price: &str, id: &str) -> (u16, Value) {
        self.signed("POST", "/order", &limit_params(side, quantity, price, id))
    }

    fn bob_limit(&mut self, side: &str, quantity: &str, price: &str) -> (u16, Value) {
        let params = limit_params(side, quantity, price, "");
        self.signed_as("bob", "bobs", "POST", "/order", &params)
    }

    // ----- WebSocket ------------------------------------------------------------------------

    fn ws(&mut self, target: &str) -> ConnId {
        let conn = self.conn();
        self.front.on_ws_open(self.now, conn, target, &mut self.out);
        conn
    }

    fn say(&mut self, conn: ConnId, text: &str) {
        self.front.on_ws_text(self.now, conn, text, &mut self.out);
    }

    /// Takes the JSON messages that a connection has received.
    fn heard(&mut self, conn: ConnId) -> Vec<Value> {
        let mut heard = Vec::new();
        self.out.retain(|action| match action {
            FrontAction::Text(c, text) if *c == conn => {
                heard.push(json(text));
                false
            }
            _ => true,
        });
        heard
    }

    fn closed(&self, conn: ConnId) -> bool {
        self.out.iter().any(|action| matches!(action, FrontAction::Close(c) if *c == conn))
    }

    fn pinged(&mut self, conn: ConnId) -> bool {
        let before = self.out.len();
        self.out.retain(|action| !matches!(action, FrontAction::Ping(c) if *c == conn));
        before != self.out.len()
    }

    // ----- FIX ------------------------------------------------------------------------------

    fn fix_open(&mut self) -> ConnId {
        let conn = self.conn();
        self.front.on_raw_open(self.now, conn, &mut self.out);
        conn
    }

    fn fix_send(&mut self, conn: ConnId, bytes: &[u8]) {
        self.front.on_raw(self.now, conn, bytes, &mut self.out);
    }

    /// Takes the messages that a connection has received, as lists of (tag, value).
    fn frames(&mut self, conn: ConnId) -> Vec<Vec<(u32, String)>> {
        let mut frames = Vec::new();
        self.out.retain(|action| match action {
            FrontAction::Bytes(c, bytes) if *c == conn => {
                frames.push(fix_fields(bytes));
                false
            }
            _ => true,
        });
        frames
    }
}

fn limit_params(side: &str, quantity: &str, price: &str, id: &str) -> String {
    let id = if id.is_empty() { String::new() } else { format!("&newClientOrderId={id}") };
    format!(
        "symbol=BTCUSDT&side={side}&type=LIMIT&timeInForce=GTC&quantity={quantity}&price={price}{id}"
    )
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|e| panic!("{e}: {text}"))
}

/// Splits a message, and checks length and checksum without the codec.
fn fix_fields(bytes: &[u8]) -> Vec<(u32, String)> {
    let text = std::str::from_utf8(bytes).unwrap();
    let trailer = text.rfind("\x0110=").unwrap() + 1;
    let sum: u32 = bytes[..trailer].iter().map(|b| u32::from(*b)).sum();
    assert_eq!(text[trailer..], format!("10={:03}\x01", sum % 256));
    let body = text.find("\x0135=").unwrap() + 1;
    let fields: Vec<(u32, String)> = text
        .trim_end_matches('\x01')
        .split('\x01')
        .map(|field| field.split_once('=').unwrap())
        .map(|(tag, value)| (tag.parse().unwrap(), value.to_owned()))
        .collect();
    assert_eq!(fields[1].1.parse::<usize>().unwrap(), trailer - body, "BodyLength");
    fields
}
