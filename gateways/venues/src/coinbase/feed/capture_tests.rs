//! A real recording: ten products in April 2021, with the channels `level2`, `ticker` and
//! `matches` on one link. The ticker tells the best prices independently of the book. The two
//! channels are not in step: the change of a book may come shortly before or behind the ticker of
//! the same trade, and changes of a book are told together. So the best prices of nearly every
//! ticker must be the book's at some moment nearby.

use std::collections::VecDeque;
use std::path::Path;

use serde_json::Value;

use super::*;

const CAPTURE: &str = "../../../shared/captures/COINBASE.ws.28.0";
/// Moments of a book that a ticker is compared with, before and behind it.
const NEARBY: usize = 12;

/// Digits behind the point of the most precise number of a snapshot's column.
fn decimals(message: &Value, column: usize) -> u8 {
    let rows = ["bids", "asks"].into_iter().flat_map(|side| message[side].as_array().unwrap());
    let digits = |text: &str| text.split_once('.').map_or(0, |(_, fraction)| fraction.len());
    rows.map(|row| digits(row[column].as_str().unwrap())).max().unwrap_or(0) as u8
}

/// A book's best prices at its latest moments, and the tickers that wait for theirs.
#[derive(Default)]
struct Witness {
    moments: VecDeque<Option<(i64, i64)>>,
    waiting: Vec<((i64, i64), usize)>,
    agreed: usize,
    missed: usize,
}

impl Witness {
    fn moment(&mut self, best: Option<(i64, i64)>) {
        self.moments.push_back(best);
        if self.moments.len() > NEARBY {
            self.moments.pop_front();
        }
        let before = self.waiting.len();
        self.waiting.retain(|(told, _)| Some(*told) != best);
        self.agreed += before - self.waiting.len();
        let before = self.waiting.len();
        self.waiting.retain(|(_, left)| *left > 0);
        self.missed += before - self.waiting.len();
        for (_, left) in &mut self.waiting {
            *left -= 1;
        }
    }

    fn ticker(&mut self, told: (i64, i64)) {
        if self.moments.contains(&Some(told)) {
            self.agreed += 1;
        } else {
            self.waiting.push((told, NEARBY));
        }
    }
}

#[test]
fn the_recorded_tickers_have_the_best_prices_of_our_books() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(CAPTURE);
    let Ok(capture) = std::fs::read_to_string(&path) else {
        println!("skipped: no recording at {CAPTURE}");
        return;
    };
    let texts = capture.lines().filter_map(|line| line.split_once(": "));
    let texts = texts.filter(|(time, _)| time.bytes().all(|b| b.is_ascii_digit() || b == b'.'));
    let messages: Vec<(&str, Value)> =
        texts.map(|(_, text)| (text, serde_json::from_str(text).expect("recorded JSON"))).collect();
    let product = |message: &Value| message["product_id"].as_str().unwrap_or_default().to_owned();
    let snapshots = messages.iter().filter(|(_, message)| message["type"] == "snapshot");
    let listings: Vec<FeedListing> = snapshots
        .enumerate()
        .map(|(n, (_, message))| FeedListing {
            instrument: InstrumentId(n as u16),
            symbol: product(message),
            price_decimals: decimals(message, 0),
            qty_decimals: 8,
        })
        .collect();
    assert_eq!(listings.len(), 10);
    let mut desk = Desk::new(Config { listings: listings.clone(), ..config() });
    desk.event(Event::Connected(LINK));
    let mut witnesses: BTreeMap<String, Witness> = BTreeMap::new();
    for (text, message) in &messages {
        desk.text(text);
        let name = product(message);
        let Some(listing) = listings.iter().find(|listing| listing.symbol == name) else {
            continue;
        };
        let witness = witnesses.entry(name).or_default();
        let price = |field: &str| {
            let text = message[field].as_str().expect("a price");
            decimal::parse_unsigned(text.as_bytes(), listing.price_decimals).expect("a price")
        };
        match message["type"].as_str() {
            Some("snapshot" | "l2update") => {
                let at = desk.feed.slots.iter().find(|slot| slot.listing.symbol == listing.symbol);
                let book = &at.expect("listed").book;
                let best = |side| book.best(side).map(|level| level.price.0);
                witness.moment(best(Side::Buy).zip(best(Side::Sell)));
            }
            Some("ticker") => witness.ticker((price("best_bid"), price("best_ask"))),
            _ => {}
        }
    }
    let counters = desk.feed.counters();
    assert_eq!((counters.crossed, counters.protocol_errors, counters.resyncs), (0, 0, 0));
    assert_eq!((desk.feed.synced(), desk.core.distrusted.len()), (10, 0));
    let agreed: usize = witnesses.values().map(|witness| witness.agreed).sum();
    let missed: usize = witnesses.values().map(|witness| witness.missed).sum();
    println!("{} messages, {agreed} tickers agree, {missed} do not", messages.len());
    assert!(agreed > 50 && missed * 10 < agreed, "{agreed} tickers agree, {missed} do not");
}
