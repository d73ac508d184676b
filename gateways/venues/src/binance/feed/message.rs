//! Messages of the streams and snapshots, read into integers.
//!
//! A line belongs here if it knows how Binance writes market data. The usual shape of a depth
//! change is read straight from its bytes. Every other text goes through `serde_json`, and gives
//! the same result or an error.

use std::borrow::Cow;

use rutter_core::input::{Level, Side};
use rutter_core::number::{Price, Qty, UnixNanos};
use rutter_feeds::trades::Trade;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::decimal::{self, DecimalError};
use crate::shape::Cursor;

/// Most levels of one side of one message. The largest snapshot has 5,000.
pub const LEVELS_MAX: usize = 10_000;

/// Decimals of an instrument in the core.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decimals {
    /// Decimals of prices.
    pub price: u8,
    /// Decimals of quantities.
    pub qty: u8,
}

/// Levels of one message. The memory is reused for the next message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Levels {
    /// Bids in the venue's order.
    pub bids: Vec<Level>,
    /// Asks in the venue's order.
    pub asks: Vec<Level>,
}

impl Levels {
    fn clear(&mut self) {
        self.bids.clear();
        self.asks.clear();
    }
}

/// Header of a depth change; its levels are in the [`Levels`] given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Depth<'a> {
    /// Such as `BTCUSDT`.
    pub symbol: Cow<'a, str>,
    /// `U`: first update id.
    pub first: u64,
    /// `u`: last update id.
    pub last: u64,
}

/// One message of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message<'a> {
    /// A depth change of a listed symbol.
    Depth(Depth<'a>),
    /// Trades of a listed symbol that one order made at one price.
    Trade(Trade),
    /// A trade that cannot be read.
    Unreadable,
    /// The answer to a request of ours.
    Answer {
        /// The id of the request, when told.
        id: Option<u64>,
        /// False: the request was refused.
        done: bool,
    },
    /// The server will restart.
    Shutdown,
    /// A well-formed message of another kind.
    Other,
}

/// Why a message cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// The text is not the documented JSON.
    #[error("not the documented JSON")]
    Json,
    /// A price or quantity does not fit the decimals of the instrument.
    #[error("{symbol}: {error}")]
    Decimal {
        /// The symbol.
        symbol: String,
        /// What is wrong with the number.
        error: DecimalError,
    },
    /// A side has more levels than [`LEVELS_MAX`].
    #[error("more than {LEVELS_MAX} levels a side")]
    TooManyLevels,
}

/// Reads one message of a raw or combined stream. `decimals_of` gives the decimals of a symbol, or
/// `None` for a symbol that is not listed, whose changes are [`Message::Other`].
///
/// # Errors
/// [`ParseError`]; the content of `levels` is then undefined.
pub fn parse<'a>(
    text: &'a str,
    decimals_of: impl Fn(&str) -> Option<Decimals>,
    levels: &mut Levels,
) -> Result<Message<'a>, ParseError> {
    levels.clear();
    if let Some(depth) = quick_depth(text, &decimals_of, levels) {
        return Ok(Message::Depth(depth));
    }
    levels.clear();
    slow(text, &decimals_of, levels)
}

/// Reads the answer to `GET /api/v3/depth` and returns `lastUpdateId`.
///
/// # Errors
/// As [`parse`]; `symbol` stands in the error only.
pub fn parse_snapshot(
    text: &str,
    symbol: &str,
    decimals: Decimals,
    levels: &mut Levels,
) -> Result<u64, ParseError> {
    levels.clear();
    if let Some(last) = quick_snapshot(text, decimals, levels) {
        return Ok(last);
    }
    levels.clear();
    let snapshot: SnapshotJson<'_> = serde_json::from_str(text).map_err(|_| ParseError::Json)?;
    slow_levels(&snapshot.bids, symbol, decimals, &mut levels.bids)?;
    slow_levels(&snapshot.asks, symbol, decimals, &mut levels.asks)?;
    Ok(snapshot.last_update_id)
}

/// Reads `["price","qty"],...` up to the bracket that closes the list, and that bracket.
#[inline]
fn quick_levels(cursor: &mut Cursor<'_>, decimals: Decimals, into: &mut Vec<Level>) -> Option<()> {
    if cursor.literal(b"]").is_some() {
        return Some(());
    }
    loop {
        cursor.literal(b"[\"")?;
        let price = Price(cursor.decimal(decimals.price, b'"')?);
        cursor.literal(b",\"")?;
        let qty = Qty(cursor.decimal(decimals.qty, b'"')?);
        cursor.literal(b"]")?;
        if into.len() >= LEVELS_MAX {
            return None;
        }
        into.push(Level { price, qty });
        match cursor.byte()? {
            b',' => {}
            b']' => return Some(()),
            _ => return None,
        }
    }
}

/// Reads the usual shape and no other. `None`: the text must be read the slow way.
fn quick_depth<'a>(
    text: &'a str,
    decimals_of: &impl Fn(&str) -> Option<Decimals>,
    levels: &mut Levels,
) -> Option<Depth<'a>> {
    let mut cursor = Cursor::new(text);
    let combined = cursor.literal(b"{\"stream\":\"").is_some();
    if combined {
        cursor.quoted()?;
        cursor.literal(b",\"data\":")?;
    }
    cursor.literal(b"{\"e\":\"depthUpdate\",\"E\":")?;
    cursor.integer()?;
    cursor.literal(b",\"s\":\"")?;
    let symbol = cursor.quoted()?;
    cursor.literal(b",\"U\":")?;
    let first = cursor.integer()?;
    cursor.literal(b",\"u\":")?;
    let last = cursor.integer()?;
    let decimals = decimals_of(symbol)?;
    cursor.literal(b",\"b\":[")?;
    quick_levels(&mut cursor, decimals, &mut levels.bids)?;
    cursor.literal(b",\"a\":[")?;
    quick_levels(&mut cursor, decimals, &mut levels.asks)?;
    cursor.literal(b"}")?;
    if combined {
        cursor.literal(b"}")?;
    }
    cursor.is_at_end().then_some(Depth { symbol: Cow::Borrowed(symbol), first, last })
}

fn quick_snapshot(text: &str, decimals: Decimals, levels: &mut Levels) -> Option<u64> {
    let mut cursor = Cursor::new(text);
    cursor.literal(b"{\"lastUpdateId\":")?;
    let last = cursor.integer()?;
    cursor.literal(b",\"bids\":[")?;
    quick_levels(&mut cursor, decimals, &mut levels.bids)?;
    cursor.literal(b",\"asks\":[")?;
    quick_levels(&mut cursor, decimals, &mut levels.asks)?;
    cursor.literal(b"}")?;
    cursor.is_at_end().then_some(last)
}

/// Price and quantity of a level. Further elements, which levels had once, say nothing to us.
struct LevelJson<'a>([Cow<'a, str>; 2]);

impl<'de: 'a, 'a> Deserialize<'de> for LevelJson<'a> {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Elements;
        impl<'de> serde::de::Visitor<'de> for Elements {
            type Value = LevelJson<'de>;

            fn expecting(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.write_str("a price and a quantity")
            }

            fn visit_seq<A>(self, mut told: A) -> Result<LevelJson<'de>, A::Error>
            where
                A: serde::de::SeqAccess<'de>,
            {
                let missing = || serde::de::Error::custom("price or quantity is missing");
                let price: Text<'de> = told.next_element()?.ok_or_else(missing)?;
                let qty: Text<'de> = told.next_element()?.ok_or_else(missing)?;
                while told.next_element::<serde::de::IgnoredAny>()?.is_some() {}
                Ok(LevelJson([price.0, qty.0]))
            }
        }
        from.deserialize_seq(Elements)
    }
}

/// A text that is borrowed where it has no escapes.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

#[derive(Deserialize)]
struct SnapshotJson<'a> {
    #[serde(rename = "lastUpdateId")]
    last_update_id: u64,
    #[serde(borrow)]
    bids: Vec<LevelJson<'a>>,
    #[serde(borrow)]
    asks: Vec<LevelJson<'a>>,
}

#[derive(Deserialize)]
struct DepthJson<'a> {
    #[serde(borrow)]
    s: Cow<'a, str>,
    #[serde(rename = "U")]
    first: u64,
    #[serde(rename = "u")]
    last: u64,
    #[serde(borrow)]
    b: Vec<LevelJson<'a>>,
    #[serde(borrow)]
    a: Vec<LevelJson<'a>>,
}

/// The outermost fields of any message.
#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    #[serde(borrow)]
    e: Option<Cow<'a, str>>,
    #[serde(borrow)]
    result: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
    #[serde(borrow)]
    code: Option<&'a RawValue>,
    #[serde(borrow)]
    id: Option<&'a RawValue>,
}

#[cold]
fn slow<'a>(
    text: &'a str,
    decimals_of: &impl Fn(&str) -> Option<Decimals>,
    levels: &mut Levels,
) -> Result<Message<'a>, ParseError> {
    let outer: Envelope<'a> = serde_json::from_str(text).map_err(|_| ParseError::Json)?;
    let (inner, text) = match outer.data {
        Some(data) => {
            let inner = serde_json::from_str(data.get()).map_err(|_| ParseError::Json)?;
            (inner, data.get())
        }
        None => (outer, text),
    };
    match inner.e.as_deref() {
        Some("depthUpdate") => slow_depth(text, decimals_of, levels),
        Some("aggTrade") => Ok(slow_trade(text, decimals_of)),
        Some("serverShutdown") => Ok(Message::Shutdown),
        Some(_) => Ok(Message::Other),
        None => {
            let refused = inner.error.is_some() || inner.code.is_some();
            // `"result":null` is read as no result, so the id alone makes a message an answer.
            let answer = refused || inner.result.is_some() || inner.id.is_some();
            let id = inner.id.and_then(|id| id.get().parse().ok());
            Ok(if answer { Message::Answer { id, done: !refused } } else { Message::Other })
        }
    }
}

fn slow_depth<'a>(
    text: &'a str,
    decimals_of: &impl Fn(&str) -> Option<Decimals>,
    levels: &mut Levels,
) -> Result<Message<'a>, ParseError> {
    let depth: DepthJson<'a> = serde_json::from_str(text).map_err(|_| ParseError::Json)?;
    let Some(decimals) = decimals_of(&depth.s) else { return Ok(Message::Other) };
    slow_levels(&depth.b, &depth.s, decimals, &mut levels.bids)?;
    slow_levels(&depth.a, &depth.s, decimals, &mut levels.asks)?;
    Ok(Message::Depth(Depth { symbol: depth.s, first: depth.first, last: depth.last }))
}

/// An aggregate trade, on the stream or in an answer of REST, which has no symbol.
#[derive(Deserialize)]
struct TradeJson<'a> {
    #[serde(borrow, default)]
    s: Cow<'a, str>,
    #[serde(rename = "a")]
    id: u64,
    #[serde(borrow)]
    p: Cow<'a, str>,
    #[serde(borrow)]
    q: Cow<'a, str>,
    #[serde(rename = "f")]
    first: Option<u64>,
    #[serde(rename = "l")]
    last: Option<u64>,
    #[serde(rename = "T")]
    time_ms: u64,
    /// The buyer's order rested.
    m: Option<bool>,
}

impl TradeJson<'_> {
    fn read(&self, decimals: Decimals) -> Option<Trade> {
        let number = |text: &str, decimals| decimal::parse_i64(text.as_bytes(), decimals).ok();
        let count = self.first.zip(self.last).map_or(Some(1), |(first, last)| {
            last.checked_sub(first)?.checked_add(1)?.try_into().ok()
        })?;
        Some(Trade {
            id: self.id,
            count,
            taker: self.m.map(|buyer_rested| if buyer_rested { Side::Sell } else { Side::Buy }),
            price: Price(number(&self.p, decimals.price)?),
            qty: Qty(number(&self.q, decimals.qty)?),
            time: UnixNanos(self.time_ms.checked_mul(1_000_000)?),
        })
    }
}

fn slow_trade<'a>(text: &str, decimals_of: &impl Fn(&str) -> Option<Decimals>) -> Message<'a> {
    let Ok(trade) = serde_json::from_str::<TradeJson<'_>>(text) else {
        return Message::Unreadable;
    };
    let Some(decimals) = decimals_of(&trade.s) else { return Message::Other };
    trade.read(decimals).map_or(Message::Unreadable, Message::Trade)
}

/// Reads the answer to `GET /api/v3/aggTrades`. `each` gets the trades in order, and `None` for one
/// that cannot be read.
///
/// # Errors
/// The text is not a list.
pub fn parse_trades(
    text: &str,
    decimals: Decimals,
    mut each: impl FnMut(Option<Trade>),
) -> Result<(), ParseError> {
    let rows: Vec<&RawValue> = serde_json::from_str(text).map_err(|_| ParseError::Json)?;
    for row in rows {
        let trade = serde_json::from_str::<TradeJson<'_>>(row.get()).ok();
        each(trade.and_then(|trade| trade.read(decimals)));
    }
    Ok(())
}

fn slow_levels(
    texts: &[LevelJson<'_>],
    symbol: &str,
    decimals: Decimals,
    into: &mut Vec<Level>,
) -> Result<(), ParseError> {
    if texts.len() > LEVELS_MAX {
        return Err(ParseError::TooManyLevels);
    }
    let misfit = |error| ParseError::Decimal { symbol: symbol.to_owned(), error };
    for LevelJson([price, qty]) in texts {
        let price =
            Price(decimal::parse_unsigned(price.as_bytes(), decimals.price).map_err(misfit)?);
        let qty = Qty(decimal::parse_unsigned(qty.as_bytes(), decimals.qty).map_err(misfit)?);
        into.push(Level { price, qty });
    }
    Ok(())
}
