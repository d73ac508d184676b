//! A real recording: Kraken's WebSocket v1 books of ten pairs (depth 1000), dressed as v2 messages.
//! The checksum rule is the same, so every recorded checksum must come out of our books.

use std::path::Path;

use rutter_core::id::InstrumentId;
use serde_json::Value;

use super::*;

const CAPTURE: &str = "../../../shared/captures/KRAKEN.ws.50.0";

/// Rows `[price, quantity, time]` as v2 levels, digits unchanged.
fn rows(value: &Value) -> String {
    let row = |row: &Value| format!("{}x{}", row[0].as_str().unwrap(), row[1].as_str().unwrap());
    value
        .as_array()
        .map(|all| all.iter().map(row).collect::<Vec<_>>().join(" "))
        .unwrap_or_default()
}

fn digits_after_point(value: &Value) -> usize {
    value.as_str().and_then(|text| text.split_once('.')).map_or(0, |(_, fraction)| fraction.len())
}

/// What the recording says of one pair: the first snapshot and the updates with their checksums.
#[derive(Default)]
struct Pair {
    precisions: (usize, usize),
    bids: String,
    asks: String,
    updates: Vec<(String, String, u32)>,
}

fn read(capture: &str) -> BTreeMap<String, Pair> {
    let mut pairs: BTreeMap<String, Pair> = BTreeMap::new();
    for line in capture.lines() {
        let Some((_, text)) = line.split_once(": ") else { continue };
        if !text.starts_with('[') {
            continue;
        }
        let message: Value = serde_json::from_str(text).expect("recorded JSON");
        let fields = message.as_array().expect("an array");
        let pair = pairs.entry(fields[fields.len() - 1].as_str().unwrap().to_owned()).or_default();
        let (mut bids, mut asks, mut sum) = (String::new(), String::new(), None);
        for part in &fields[1..fields.len() - 2] {
            if part.get("as").is_some() {
                let first = &part["as"][0];
                pair.precisions = (digits_after_point(&first[0]), digits_after_point(&first[1]));
                (pair.bids, pair.asks) = (rows(&part["bs"]), rows(&part["as"]));
            }
            if part.get("b").is_some() {
                bids = rows(&part["b"]);
            }
            if part.get("a").is_some() {
                asks = rows(&part["a"]);
            }
            if let Some(text) = part.get("c").and_then(Value::as_str) {
                sum = text.parse().ok();
            }
        }
        if let Some(sum) = sum {
            pair.updates.push((bids, asks, sum));
        }
    }
    pairs
}

/// The checksum of a snapshot, which v1 does not send: of our own book, so it proves nothing; the
/// recorded updates after it do.
fn own_checksum(pair: &Pair) -> u32 {
    let decimals = (pair.precisions.0 as u8, pair.precisions.1 as u8);
    let mut book = Book::new(5_000);
    for (side, text) in [(Side::Buy, &pair.bids), (Side::Sell, &pair.asks)] {
        for level in text.split_ascii_whitespace() {
            let (price, qty) = level.split_once('x').expect("price x quantity");
            let price =
                Price(decimal::parse_unsigned(price.as_bytes(), decimals.0).expect("price"));
            let qty = Qty(decimal::parse_unsigned(qty.as_bytes(), decimals.1).expect("quantity"));
            book.set(side, Level { price, qty }).expect("level");
        }
    }
    checksum(&book, &Precision::new(decimals, decimals).expect("precision")).expect("checksum")
}

#[test]
fn every_recorded_checksum_comes_out_of_our_books() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(CAPTURE);
    let Ok(capture) = std::fs::read_to_string(&path) else {
        println!("skipped: no recording at {CAPTURE}");
        return;
    };
    let pairs = read(&capture);
    assert_eq!(pairs.len(), 10);
    // Some order far from the market asks a price that fits no 64 bits with nine decimals.
    let listing = |(n, (name, pair)): (usize, (&String, &Pair))| FeedListing {
        instrument: InstrumentId(n as u16),
        symbol: name.clone(),
        price_decimals: pair.precisions.0 as u8,
        qty_decimals: 9,
    };
    let listings = pairs.iter().enumerate().map(listing).collect();
    let mut desk = Desk::new(Config { listings, depth: 1_000, ..Config::new(VENUE) });
    desk.event(Event::Connected(LINK));
    let terms: Vec<_> = pairs
        .iter()
        .map(|(name, pair)| {
            let (price, qty) = pair.precisions;
            format!(r#"{{"symbol":"{name}","price_precision":{price},"qty_precision":{qty}}}"#)
        })
        .collect();
    desk.text(&format!(
        r#"{{"channel":"instrument","type":"snapshot","data":{{"pairs":[{}]}}}}"#,
        terms.join(",")
    ));
    let mut proved = 0;
    for (name, pair) in &pairs {
        desk.text(&book("snapshot", name, &pair.bids, &pair.asks, own_checksum(pair)));
        for (bids, asks, sum) in &pair.updates {
            desk.text(&book("update", name, bids, asks, *sum));
            let counters = desk.feed.counters();
            let errors = counters.checksum_errors + counters.protocol_errors;
            assert_eq!((errors, counters.ignored), (0, 0), "{name} {bids} {asks} {sum}");
            proved += 1;
        }
    }
    assert!(proved > 1_000, "{proved} checksums in the recording");
    assert_eq!(desk.feed.counters().checksum_errors, 0);
    assert_eq!(desk.feed.synced(), 10);
    assert!(desk.core.distrusted.is_empty());
    println!("{proved} recorded checksums proved");
}
