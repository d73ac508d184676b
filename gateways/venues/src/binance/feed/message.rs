//! Messages of the streams and snapshots, read into integers.
//!
//! A line belongs here if it knows how Binance writes market data. The usual shape of a depth
//! change is read straight from its bytes. Every other text goes through `serde_json`, and gives
//! the same result or an error.

use std::borrow::Cow;

use rutter_core::input::Level;
use rutter_core::number::{Price, Qty};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::decimal::{self, DecimalError, POW10};

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

/// A position in bytes of a known shape. Every step gives `None` where the shape ends.
struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    #[inline]
    fn literal(&mut self, expected: &[u8]) -> Option<()> {
        let end = self.at + expected.len();
        if self.text.as_bytes().get(self.at..end)? != expected {
            return None;
        }
        self.at = end;
        Some(())
    }

    #[inline]
    fn next(&mut self) -> Option<u8> {
        let byte = *self.text.as_bytes().get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    /// Text up to a quote, which is taken too. An escape ends the quick way.
    #[inline]
    fn quoted(&mut self) -> Option<&'a str> {
        let start = self.at;
        loop {
            match self.next()? {
                b'"' => return self.text.get(start..self.at - 1),
                b'\\' | 0..0x20 => return None,
                _ => {}
            }
        }
    }

    /// An unsigned integer of at most 19 digits, without leading zeros.
    #[inline]
    fn integer(&mut self) -> Option<u64> {
        let start = self.at;
        let mut value = 0u64;
        while let Some(byte) = self.text.as_bytes().get(self.at) {
            let digit = byte.wrapping_sub(b'0');
            if digit > 9 {
                break;
            }
            value = value.wrapping_mul(10).wrapping_add(u64::from(digit));
            self.at += 1;
        }
        let digits = self.at - start;
        let leading = digits > 1 && self.text.as_bytes().get(start) == Some(&b'0');
        if digits == 0 || digits > 19 || leading { None } else { Some(value) }
    }

    /// Reads a decimal and its closing quote, in units of 10^-`decimals`. `None` if the number is
    /// not plain, not exact or close to overflow: then the slow parser is used.
    #[inline]
    fn decimal(&mut self, decimals: u8) -> Option<i64> {
        let start = self.at;
        let mut value = 0i64;
        let mut byte = self.next()?;
        while byte.is_ascii_digit() {
            value = value.wrapping_mul(10).wrapping_add(i64::from(byte - b'0'));
            byte = self.next()?;
        }
        let whole = self.at - 1 - start;
        let mut missing = usize::from(decimals);
        if whole == 0 || whole + missing > 18 {
            return None;
        }
        if byte == b'.' {
            byte = self.next()?;
            while byte.is_ascii_digit() {
                if missing > 0 {
                    value = value * 10 + i64::from(byte - b'0');
                    missing -= 1;
                } else if byte != b'0' {
                    return None;
                }
                byte = self.next()?;
            }
        }
        if byte != b'"' {
            return None;
        }
        Some(value * POW10.get(missing)?)
    }

    /// Reads `["price","qty"],...` up to the bracket that closes the list, and that bracket.
    #[inline]
    fn levels(&mut self, decimals: Decimals, into: &mut Vec<Level>) -> Option<()> {
        if self.text.as_bytes().get(self.at) == Some(&b']') {
            self.at += 1;
            return Some(());
        }
        loop {
            self.literal(b"[\"")?;
            let price = Price(self.decimal(decimals.price)?);
            self.literal(b",\"")?;
            let qty = Qty(self.decimal(decimals.qty)?);
            self.literal(b"]")?;
            if into.len() >= LEVELS_MAX {
                return None;
            }
            into.push(Level { price, qty });
            match self.next()? {
                b',' => {}
                b']' => return Some(()),
                _ => return None,
            }
        }
    }

    fn is_at_end(&self) -> bool {
        self.at == self.text.len()
    }
}

/// Reads the usual shape and no other. `None`: the text must be read the slow way.
fn quick_depth<'a>(
    text: &'a str,
    decimals_of: &impl Fn(&str) -> Option<Decimals>,
    levels: &mut Levels,
) -> Option<Depth<'a>> {
    let mut cursor = Cursor { text, at: 0 };
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
    cursor.levels(decimals, &mut levels.bids)?;
    cursor.literal(b",\"a\":[")?;
    cursor.levels(decimals, &mut levels.asks)?;
    cursor.literal(b"}")?;
    if combined {
        cursor.literal(b"}")?;
    }
    cursor.is_at_end().then_some(Depth { symbol: Cow::Borrowed(symbol), first, last })
}

fn quick_snapshot(text: &str, decimals: Decimals, levels: &mut Levels) -> Option<u64> {
    let mut cursor = Cursor { text, at: 0 };
    cursor.literal(b"{\"lastUpdateId\":")?;
    let last = cursor.integer()?;
    cursor.literal(b",\"bids\":[")?;
    cursor.levels(decimals, &mut levels.bids)?;
    cursor.literal(b",\"asks\":[")?;
    cursor.levels(decimals, &mut levels.asks)?;
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
