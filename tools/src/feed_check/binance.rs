//! What Binance says of its books and trades beside them: tickers with the same update number, and
//! candles.
//!
//! A line belongs here if it reads Binance's messages for a comparison. It shares no code with the
//! adapter.

use std::collections::{BTreeMap, BTreeSet};

use rust_decimal::Decimal;
use rutter_core::input::Level;
use serde_json::Value;

use super::replay::Replay;
use super::{Event, Found, Truth};
use crate::recording::Line;

/// Most tickers of an instrument that wait for the book's update.
const TICKERS_MAX: usize = 4_096;

/// Price and quantity of the best bid and the best ask, as text.
type Best = [(Decimal, Decimal); 2];

/// The state of the comparison.
#[derive(Debug, Default)]
pub struct Binance {
    /// Tickers by instrument and update number.
    tickers: BTreeMap<String, BTreeMap<u64, Best>>,
    /// The update number of each snapshot: older updates change nothing.
    snapshots: BTreeMap<String, u64>,
    /// The last update number of each book.
    at: BTreeMap<String, u64>,
}

impl Binance {
    /// Nothing has been compared.
    pub fn new() -> Self {
        Self::default()
    }
}

/// The message inside the combined stream's frame.
fn inner(value: &Value) -> &Value {
    value.get("data").unwrap_or(value)
}

/// The instruments that have a book or a trade, with the decimals of their prices.
pub fn symbols(events: &[Event]) -> Vec<(String, u8)> {
    let mut symbols = BTreeSet::new();
    for event in events {
        let Line::Text(text) = &event.line else { continue };
        let Ok(value) = serde_json::from_str::<Value>(text) else { continue };
        let message = inner(&value);
        let kind = message["e"].as_str().unwrap_or_default();
        if matches!(kind, "depthUpdate")
            && let Some(symbol) = message["s"].as_str()
        {
            symbols.insert((symbol.to_owned(), super::replay::DECIMALS));
        }
    }
    symbols.into_iter().collect()
}

fn number(value: &Value) -> Option<Decimal> {
    value.as_str()?.parse().ok()
}

/// A level as the core has it, with decimals.
fn shown(level: Option<Level>, decimals: u8) -> (Decimal, Decimal) {
    level.map_or((Decimal::ZERO, Decimal::ZERO), |level| {
        let qty = Decimal::new(level.qty.0, u32::from(super::replay::DECIMALS));
        (Decimal::new(level.price.0, u32::from(decimals)), qty)
    })
}

impl Binance {
    fn compare(&mut self, symbol: &str, replay: &Replay, found: &mut Found) {
        let (Some(at), Some(tickers)) = (self.at.get(symbol), self.tickers.get_mut(symbol)) else {
            return;
        };
        if self.snapshots.get(symbol).is_none_or(|snapshot| at <= snapshot) {
            return;
        }
        // Older ones have no update of their own: the stream joins updates.
        *tickers = tickers.split_off(at);
        let Some(best) = replay.best(symbol) else { return };
        if let Some(venue) = tickers.remove(at) {
            let ours = best.map(|level| shown(level, replay.price_decimals(symbol)));
            found.comparisons.tickers += 1;
            found.compare(&format!("{symbol} at update {at}"), &ours, &venue);
        }
    }

    /// A candle: its last trade's price, and its volume if all of its trades are known.
    fn candle(symbol: &str, candle: &Value, replay: &Replay, found: &mut Found) {
        let decimals = u32::from(replay.price_decimals(symbol));
        let (Some(open_ms), Some(close_ms)) = (candle["t"].as_u64(), candle["T"].as_u64()) else {
            return;
        };
        let of_candle: Vec<_> = replay
            .trades(symbol)
            .filter(|trade| (open_ms..=close_ms).contains(&(trade.time.0 / 1_000_000)))
            .collect();
        let Some(last) = of_candle.last() else { return };
        let count: u64 = of_candle.iter().map(|trade| u64::from(trade.count)).sum();
        // A trade may be told after the candle that has it, or before.
        if candle["n"].as_u64() == Some(count) {
            let volume: Decimal = of_candle
                .iter()
                .map(|trade| Decimal::new(trade.qty.0, u32::from(super::replay::DECIMALS)))
                .sum();
            found.comparisons.trades += 1;
            found.compare(
                &format!("{symbol} candle {open_ms}"),
                &(Some(Decimal::new(last.price.0, decimals)), Some(volume)),
                &(number(&candle["c"]), number(&candle["v"])),
            );
        }
    }
}

impl Truth for Binance {
    fn dressed(&mut self, text: &str) -> Vec<String> {
        // Tickers and candles are not for the feed, which subscribes to neither.
        vec![text.to_owned()]
    }

    fn answered(&mut self, url: &str, body: &str) {
        let symbol = url.split(['?', '&']).find_map(|part| part.strip_prefix("symbol="));
        let id = serde_json::from_str::<Value>(body).ok().and_then(|v| v["lastUpdateId"].as_u64());
        if let (Some(symbol), Some(id)) = (symbol, id) {
            self.snapshots.insert(symbol.to_owned(), id);
        }
    }

    fn played(&mut self, text: &str, replay: &Replay, found: &mut Found) {
        let Ok(value) = serde_json::from_str::<Value>(text) else { return };
        let message = inner(&value);
        let Some(symbol) = message["s"].as_str() else { return };
        let kind = message["e"].as_str();
        if let (None | Some("bookTicker"), Some(at)) = (kind, message["u"].as_u64())
            && let [Some(bid), Some(bid_qty), Some(ask), Some(ask_qty)] =
                ["b", "B", "a", "A"].map(|field| number(&message[field]))
        {
            let tickers = self.tickers.entry(symbol.to_owned()).or_default();
            tickers.insert(at, [(bid, bid_qty), (ask, ask_qty)]);
            while tickers.len() > TICKERS_MAX {
                tickers.pop_first();
            }
            self.compare(symbol, replay, found);
        } else if kind == Some("depthUpdate")
            && let Some(last) = message["u"].as_u64()
        {
            self.at.insert(symbol.to_owned(), last);
            self.compare(symbol, replay, found);
        } else if kind == Some("kline") {
            Self::candle(symbol, &message["k"], replay, found);
        }
    }
}
