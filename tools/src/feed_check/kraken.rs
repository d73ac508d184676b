//! What Kraken says of its books beside them: the checksum in each change, over a book of texts
//! that is kept here; and the recordings of WebSocket v1, dressed as v2.
//!
//! A line belongs here if it reads Kraken's messages for a comparison. It shares no code with the
//! adapter.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use rust_decimal::Decimal;
use rutter_core::input::Level;
use serde_json::Value;
use serde_json::value::RawValue;

use super::replay::{DECIMALS, Replay};
use super::{Event, Found, Truth};
use crate::recording::Line;

/// Levels a side that the checksum covers.
const CHECKED: usize = 10;

/// Levels a side of a subscription that names no depth.
const DEPTH_DEFAULT: u16 = 10;

/// Levels of one side by price; price and quantity as they were written.
type Half = BTreeMap<Decimal, (String, String)>;

/// One book of texts.
#[derive(Debug, Default)]
struct Mirror {
    /// Bids, and asks.
    halves: [Half; 2],
    /// Digits after the point of prices, and of quantities.
    precision: (usize, usize),
    is_begun: bool,
}

/// The state of the comparison.
#[derive(Debug, Default)]
pub struct Kraken {
    books: BTreeMap<String, Mirror>,
    /// Levels a side of the subscription.
    depth: usize,
    is_listed: bool,
    next_trade: BTreeMap<String, u64>,
}

impl Kraken {
    /// Nothing has been compared.
    pub fn new(depth: u16) -> Self {
        Self { depth: usize::from(depth), ..Self::default() }
    }
}

fn after_point(text: &str) -> usize {
    text.split_once('.').map_or(0, |(_, fraction)| fraction.len())
}

/// The text with so many digits after the point.
fn padded(text: &str, digits: usize) -> String {
    let Ok(mut number) = text.parse::<Decimal>().or_else(|_| Decimal::from_scientific(text)) else {
        return text.to_owned();
    };
    number.rescale(digits as u32);
    number.to_string()
}

impl Mirror {
    fn set(&mut self, side: usize, price: &str, qty: &str) {
        let (price, qty) = (padded(price, self.precision.0), padded(qty, self.precision.1));
        let (Ok(key), Ok(size)) = (price.parse::<Decimal>(), qty.parse::<Decimal>()) else {
            return;
        };
        if size.is_zero() {
            self.halves[side].remove(&key);
        } else {
            self.halves[side].insert(key, (price, qty));
        }
    }

    fn cut(&mut self, depth: usize) {
        while self.halves[0].len() > depth {
            self.halves[0].pop_first();
        }
        while self.halves[1].len() > depth {
            self.halves[1].pop_last();
        }
    }

    /// CRC-32 over the ten best asks and then bids, without points and leading zeros.
    fn checksum(&self) -> u32 {
        let mut text = String::new();
        let mut add = |(price, qty): &(String, String)| {
            for part in [price, qty] {
                let digits: String = part.chars().filter(|c| *c != '.').collect();
                text.push_str(digits.trim_start_matches('0'));
            }
        };
        let [bids, asks] = &self.halves;
        for level in asks.values().take(CHECKED) {
            add(level);
        }
        for level in bids.values().rev().take(CHECKED) {
            add(level);
        }
        crc32fast::hash(text.as_bytes())
    }

    fn best(&self) -> [Option<(Decimal, Decimal)>; 2] {
        let [bids, asks] = &self.halves;
        let level = |(price, (_, qty)): (&Decimal, &(String, String))| {
            Some((price.normalize(), qty.parse::<Decimal>().ok()?.normalize()))
        };
        [bids.last_key_value().and_then(level), asks.first_key_value().and_then(level)]
    }
}

/// A message of v1 as its parts: the channel's name, the pair, and what is between.
fn of_v1(value: &Value) -> Option<(&str, &str, &[Value])> {
    let fields = value.as_array()?;
    let [_, parts @ .., channel, pair] = fields.as_slice() else { return None };
    Some((channel.as_str()?, pair.as_str()?, parts))
}

/// An entry of a book message of v2, with the digits as they were written.
#[derive(serde::Deserialize)]
struct Entry<'a> {
    symbol: String,
    #[serde(borrow, default)]
    bids: Vec<Row<'a>>,
    #[serde(borrow, default)]
    asks: Vec<Row<'a>>,
}

#[derive(serde::Deserialize)]
struct Row<'a> {
    #[serde(borrow)]
    price: &'a RawValue,
    #[serde(borrow)]
    qty: &'a RawValue,
}

#[derive(serde::Deserialize)]
struct BookMessage<'a> {
    #[serde(rename = "type")]
    kind: String,
    #[serde(borrow)]
    data: Vec<Entry<'a>>,
}

/// The instruments that have a book, with the decimals of their prices.
pub fn symbols(events: &[Event]) -> Vec<(String, u8)> {
    let mut symbols: BTreeMap<String, u8> = BTreeMap::new();
    let mut booked = BTreeSet::new();
    for event in events {
        let Line::Text(text) = &event.line else { continue };
        let Ok(value) = serde_json::from_str::<Value>(text) else { continue };
        if let Some((channel, pair, parts)) = of_v1(&value) {
            let digits = parts.first().and_then(|part| part["as"][0][0].as_str()).map(after_point);
            if channel.starts_with("book")
                && let Some(digits) = digits
            {
                booked.insert(pair.to_owned());
                symbols.insert(pair.to_owned(), digits as u8);
            }
        }
        for pair in value["data"]["pairs"].as_array().into_iter().flatten() {
            if let (Some(symbol), Some(digits)) =
                (pair["symbol"].as_str(), pair["price_precision"].as_u64())
            {
                symbols.insert(symbol.to_owned(), u8::try_from(digits).unwrap_or(u8::MAX));
            }
        }
        if value["channel"] == "book" {
            let entries = value["data"].as_array().into_iter().flatten();
            booked.extend(entries.filter_map(|entry| Some(entry["symbol"].as_str()?.to_owned())));
        }
    }
    symbols.into_iter().filter(|(symbol, _)| booked.contains(symbol)).collect()
}

/// Levels a side that were subscribed: the first depth that a request or its answer names.
pub fn depth(events: &[Event]) -> u16 {
    let named = |event: &Event| {
        let (Line::Sent { text, .. } | Line::Text(text)) = &event.line else { return None };
        if !text.contains("\"depth\"") {
            return None;
        }
        let value = serde_json::from_str::<Value>(text).ok()?;
        let places = [&value["params"], &value["subscription"], &value["result"]];
        u16::try_from(places.iter().find_map(|place| place["depth"].as_u64())?).ok()
    };
    let depth = events.iter().find_map(named).unwrap_or(DEPTH_DEFAULT);
    // A recording of another depth is kept as deep as the venue offers.
    if [10, 25, 100, 500, 1_000].contains(&depth) { depth } else { 1_000 }
}

/// Rows of v1 as levels of v2.
fn levels(rows: &Value) -> String {
    let mut text = String::new();
    for row in rows.as_array().into_iter().flatten() {
        let (Some(price), Some(qty)) = (row[0].as_str(), row[1].as_str()) else { continue };
        let comma = if text.is_empty() { "" } else { "," };
        let _ = write!(text, r#"{comma}{{"price":{price},"qty":{qty}}}"#);
    }
    text
}

impl Kraken {
    /// A book message of v1: the snapshot, or changes with a checksum in the last part.
    fn dress_book(&mut self, pair: &str, parts: &[Value]) -> Vec<String> {
        let mut texts = Vec::new();
        let (mut bids, mut asks, mut sum) = (String::new(), String::new(), None);
        let is_snapshot = parts.first().is_some_and(|part| part.get("as").is_some());
        let mirror = self.books.entry(pair.to_owned()).or_default();
        if is_snapshot {
            let first = &parts[0]["as"][0];
            let digits = |n: usize| first[n].as_str().map_or(0, after_point);
            *mirror = Mirror { precision: (digits(0), digits(1)), ..Mirror::default() };
            let (price, qty) = mirror.precision;
            texts.push(format!(
                r#"{{"channel":"instrument","type":"update","data":{{"pairs":[{{"symbol":"{pair}","price_precision":{price},"qty_precision":{qty}}}]}}}}"#
            ));
        }
        for part in parts {
            for (side, names) in [["bs", "b"], ["as", "a"]].iter().enumerate() {
                for rows in names.iter().filter_map(|name| part.get(name)) {
                    let text = levels(rows);
                    let all = if side == 0 { &mut bids } else { &mut asks };
                    if !text.is_empty() && !all.is_empty() {
                        all.push(',');
                    }
                    all.push_str(&text);
                    for row in rows.as_array().into_iter().flatten() {
                        if let (Some(price), Some(qty)) = (row[0].as_str(), row[1].as_str()) {
                            mirror.set(side, price, qty);
                        }
                    }
                }
            }
            sum = part.get("c").and_then(Value::as_str).and_then(|c| c.parse().ok()).or(sum);
        }
        mirror.cut(self.depth);
        mirror.is_begun = true;
        // A snapshot of v1 has no checksum: that of the texts, which the changes after it prove.
        let sum: u32 = sum.unwrap_or_else(|| mirror.checksum());
        let kind = if is_snapshot { "snapshot" } else { "update" };
        texts.push(format!(
            r#"{{"channel":"book","type":"{kind}","data":[{{"symbol":"{pair}","bids":[{bids}],"asks":[{asks}],"checksum":{sum}}}]}}"#
        ));
        texts
    }

    /// Trades of v1 have no numbers: they get them here.
    fn dress_trades(&mut self, pair: &str, parts: &[Value]) -> Vec<String> {
        let next = self.next_trade.entry(pair.to_owned()).or_insert(1);
        let mut elements = Vec::new();
        for row in parts.iter().filter_map(Value::as_array).flatten() {
            let field = |n: usize| row[n].as_str().unwrap_or_default();
            let side = if field(3) == "b" { "buy" } else { "sell" };
            let seconds = field(2).split('.').next().and_then(|text| text.parse::<i64>().ok());
            let time = crate::feed_check::replay::utc_text(seconds.unwrap_or_default());
            elements.push(format!(
                r#"{{"symbol":"{pair}","side":"{side}","price":{},"qty":{},"trade_id":{next},"timestamp":"{time}"}}"#,
                field(0),
                field(1)
            ));
            *next += 1;
        }
        vec![format!(r#"{{"channel":"trade","type":"update","data":[{}]}}"#, elements.join(","))]
    }

    fn mirror_v2(&mut self, text: &str, value: &Value) {
        for pair in value["data"]["pairs"].as_array().into_iter().flatten() {
            let digits = |name: &str| pair[name].as_u64().map(|n| n as usize);
            if let (Some(symbol), Some(price), Some(qty)) =
                (pair["symbol"].as_str(), digits("price_precision"), digits("qty_precision"))
            {
                self.books.entry(symbol.to_owned()).or_default().precision = (price, qty);
            }
        }
        if value["channel"] != "book" {
            return;
        }
        let Ok(message) = serde_json::from_str::<BookMessage<'_>>(text) else { return };
        for entry in message.data {
            let mirror = self.books.entry(entry.symbol).or_default();
            if message.kind == "snapshot" {
                mirror.halves = <[Half; 2]>::default();
                mirror.is_begun = true;
            }
            for (side, rows) in [&entry.bids, &entry.asks].into_iter().enumerate() {
                for row in rows {
                    mirror.set(side, row.price.get(), row.qty.get());
                }
            }
            mirror.cut(self.depth);
        }
    }

    /// The venue's checksums in a message, by pair.
    fn sums(value: &Value) -> Vec<(String, u32)> {
        if let Some((channel, pair, parts)) = of_v1(value) {
            let sum = parts.iter().find_map(|part| part["c"].as_str()?.parse().ok());
            return sum
                .filter(|_| channel.starts_with("book"))
                .map(|sum| (pair.to_owned(), sum))
                .into_iter()
                .collect();
        }
        let entries = value["data"].as_array().into_iter().flatten();
        let sum = |entry: &Value| {
            let sum = u32::try_from(entry["checksum"].as_u64()?).ok()?;
            Some((entry["symbol"].as_str()?.to_owned(), sum))
        };
        entries.filter_map(sum).collect()
    }
}

fn shown(level: Option<Level>, decimals: u8) -> Option<(Decimal, Decimal)> {
    let level = level?;
    let price = Decimal::new(level.price.0, u32::from(decimals)).normalize();
    Some((price, Decimal::new(level.qty.0, u32::from(DECIMALS)).normalize()))
}

impl Truth for Kraken {
    fn dressed(&mut self, text: &str) -> Vec<String> {
        let Ok(value) = serde_json::from_str::<Value>(text) else { return vec![text.to_owned()] };
        let mut texts = Vec::new();
        let is_v1 = value.is_array() || value.get("event").is_some();
        if is_v1 && !std::mem::replace(&mut self.is_listed, true) {
            texts.push(
                r#"{"channel":"instrument","type":"snapshot","data":{"assets":[],"pairs":[]}}"#
                    .to_owned(),
            );
        }
        if !is_v1 {
            self.mirror_v2(text, &value);
            texts.push(text.to_owned());
        } else if let Some((channel, pair, parts)) = of_v1(&value) {
            if channel.starts_with("book") {
                texts.extend(self.dress_book(pair, parts));
            } else if channel == "trade" {
                texts.extend(self.dress_trades(pair, parts));
            }
        } else if value["event"] == "heartbeat" {
            texts.push(r#"{"channel":"heartbeat"}"#.to_owned());
        }
        texts
    }

    fn played(&mut self, text: &str, replay: &Replay, found: &mut Found) {
        let Ok(value) = serde_json::from_str::<Value>(text) else { return };
        for (pair, sum) in Self::sums(&value) {
            let Some(mirror) = self.books.get(&pair).filter(|mirror| mirror.is_begun) else {
                continue;
            };
            found.comparisons.checksums += 1;
            found.compare(&format!("{pair} checksum"), &mirror.checksum(), &sum);
            let decimals = replay.price_decimals(&pair);
            let ours = replay.best(&pair).map(|best| best.map(|level| shown(level, decimals)));
            found.comparisons.tickers += 1;
            found.compare(&format!("{pair} best"), &ours, &Some(mirror.best()));
        }
    }
}
