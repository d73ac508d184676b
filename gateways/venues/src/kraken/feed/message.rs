//! Messages of Kraken's public WebSocket v2, read and written.
//!
//! A line belongs here if it reads or writes one message. The consequences of a message are
//! `machine`. Numbers stay text ([`Span`]s) until the instrument's decimals are known.

use rutter_core::id::Symbol;
use rutter_core::input::Side;
use rutter_core::number::{Price, Qty, UnixNanos};
use rutter_feeds::trades::Trade;

use crate::decimal;
use crate::json::{ScanError, Scanner, Span};
use crate::kraken::orders::time::read_rfc3339;
use crate::shape::Cursor;

/// Most entries of one `data` array.
pub const ENTRIES_MAX: usize = 64;

/// Most levels of one side in one entry. The deepest subscription has 1,000.
pub const LEVELS_MAX: usize = 2_000;

/// Most trades of one message that are read; the others count as unreadable. A snapshot has 50, an
/// answer of REST has 1,000.
pub const TRADES_MAX: usize = 1_000;

/// Most pairs of one instrument message. Kraken lists about 1,500.
pub const PAIRS_MAX: usize = 16_384;

/// Why a message cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
    /// The text is not JSON, or has another shape than documented.
    #[error(transparent)]
    Scan(#[from] ScanError),
    /// The message holds more than this program reads.
    #[error("more than {limit} {what}")]
    TooMany {
        /// What there is too much of.
        what: &'static str,
        /// The most that is read.
        limit: usize,
    },
    /// A documented field is missing.
    #[error("no field {0}")]
    Missing(&'static str),
}

/// One level as text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LevelText {
    /// Where the price stands in the text.
    pub price: Span,
    /// Where the quantity stands in the text; zero removes the level.
    pub qty: Span,
}

/// A book's entry in a `book` message. The memory is reused, so that reading allocates nothing once
/// warm.
#[derive(Clone, Debug, Default)]
pub struct BookEntry {
    /// The pair; empty when its name cannot be a listed one.
    pub symbol: Symbol,
    /// All bids or the changed ones, in the order of the message.
    pub bids: Vec<LevelText>,
    /// All asks or the changed ones, in the order of the message.
    pub asks: Vec<LevelText>,
    /// Checksum of the book after this entry.
    pub checksum: u32,
}

/// A pair's terms in an `instrument` message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PairTerms {
    /// The pair.
    pub symbol: Symbol,
    /// Digits after the point of prices; 255 when the message does not tell.
    pub price_precision: u8,
    /// Digits after the point of quantities; 255 when the message does not tell.
    pub qty_precision: u8,
}

/// One public trade, with its numbers as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TradeText {
    /// The pair.
    pub symbol: Symbol,
    /// Side of the order that took, where the message tells it.
    pub taker: Option<Side>,
    /// Where the price stands in the text.
    pub price: Span,
    /// Where the quantity stands in the text.
    pub qty: Span,
    /// The number of the trade within the pair.
    pub id: u64,
    /// When the trade was.
    pub time: UnixNanos,
}

impl TradeText {
    /// The trade, with the decimals of its instrument: of prices, and of quantities. `None` if a
    /// number does not fit them.
    pub fn read(&self, text: &str, decimals: (u8, u8)) -> Option<Trade> {
        Some(Trade {
            id: self.id,
            count: 1,
            taker: self.taker,
            price: Price(decimal::parse_i64(self.price.of(text), decimals.0).ok()?),
            qty: Qty(decimal::parse_i64(self.qty.of(text), decimals.1).ok()?),
            time: self.time,
        })
    }
}

/// The lists that a message carries, valid until the next message is read.
#[derive(Debug, Default)]
pub struct Content {
    books: Vec<BookEntry>,
    books_used: usize,
    pairs: Vec<PairTerms>,
    trades: Vec<TradeText>,
    unreadable: u64,
}

impl Content {
    /// Entries of the [`Message::Book`] read last.
    pub fn books(&self) -> &[BookEntry] {
        self.books.get(..self.books_used).unwrap_or_default()
    }

    /// Pairs of the [`Message::Instrument`] read last.
    pub fn pairs(&self) -> &[PairTerms] {
        &self.pairs
    }

    /// Trades of the [`Message::Trade`] read last, by pair and number.
    pub fn trades(&self) -> &[TradeText] {
        &self.trades
    }

    /// Trades of the [`Message::Trade`] read last that cannot be read.
    pub const fn unreadable(&self) -> u64 {
        self.unreadable
    }

    fn clear(&mut self) {
        self.books_used = 0;
        self.pairs.clear();
        self.trades.clear();
        self.unreadable = 0;
    }

    fn next_book(&mut self) -> Result<&mut BookEntry, MessageError> {
        if self.books_used == ENTRIES_MAX {
            return Err(MessageError::TooMany { what: "entries", limit: ENTRIES_MAX });
        }
        if self.books_used == self.books.len() {
            self.books.push(BookEntry::default());
        }
        self.books_used += 1;
        self.books.get_mut(self.books_used - 1).ok_or(MessageError::Missing("data"))
    }
}

/// An answer to one of our requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Answer<'a> {
    /// `subscribe`, `unsubscribe`, ...
    pub method: &'a str,
    /// The request was accepted.
    pub success: bool,
    /// The channel, when told.
    pub channel: &'a str,
    /// The pair; empty when not told.
    pub symbol: Symbol,
    /// The number of the request, when told.
    pub req_id: Option<u64>,
    /// The text of the refusal.
    pub error: &'a str,
}

/// A parsed message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message<'a> {
    /// [`Content::books`] holds the entries.
    Book {
        /// The entries hold all levels. False: they hold changes.
        snapshot: bool,
    },
    /// [`Content::trades`] holds the trades.
    Trade {
        /// The trades were before the subscription.
        snapshot: bool,
    },
    /// [`Content::pairs`] holds the pairs.
    Instrument,
    /// The state of the trading engine: `online`, `maintenance`, ...
    Status(&'a str),
    /// A sign of life.
    Heartbeat,
    /// An answer to our ping.
    Pong,
    /// An answer to a subscription.
    Answer(Answer<'a>),
    /// A message of another kind.
    Other,
}

/// The fields around `data`.
#[derive(Default)]
struct Envelope<'a> {
    channel: &'a str,
    kind: &'a str,
    method: &'a str,
    success: Option<bool>,
    error: &'a str,
    req_id: Option<u64>,
    symbol: Symbol,
    result_channel: &'a str,
    system: &'a str,
    /// The place of `data`, when it comes before the fields that tell its kind.
    deferred: Option<Scanner<'a>>,
}

/// Reads one message. `content` is overwritten.
///
/// # Errors
/// [`MessageError`]; the content is then undefined.
pub fn parse<'a>(text: &'a str, content: &mut Content) -> Result<Message<'a>, MessageError> {
    content.clear();
    if let Some(snapshot) = quick_book(text, content) {
        return Ok(Message::Book { snapshot });
    }
    content.clear();
    let mut envelope = Envelope::default();
    let mut scanner = Scanner::new(text);
    scanner.object(|key, value| field(key, value, &mut envelope, content))?;
    scanner.end()?;
    if let Some(mut data) = envelope.deferred.take() {
        read_data(&mut data, &mut envelope, content)?;
    }
    classify(&envelope)
}

/// Reads a book message of the usual shape and no other: one entry, fields in the venue's order.
/// True for a snapshot. `None`: the text must be read as JSON.
fn quick_book(text: &str, content: &mut Content) -> Option<bool> {
    let mut cursor = Cursor::new(text);
    cursor.literal(b"{\"channel\":\"book\",\"type\":\"")?;
    let snapshot = match cursor.quoted()? {
        "snapshot" => true,
        "update" => false,
        _ => return None,
    };
    cursor.literal(b",\"data\":[{\"symbol\":\"")?;
    let name = cursor.quoted()?;
    let entry = content.next_book().ok()?;
    entry.symbol = Symbol::new(name.as_bytes()).unwrap_or_default();
    entry.bids.clear();
    entry.asks.clear();
    cursor.literal(b",\"bids\":[")?;
    quick_levels(&mut cursor, &mut entry.bids)?;
    cursor.literal(b",\"asks\":[")?;
    quick_levels(&mut cursor, &mut entry.asks)?;
    cursor.literal(b",\"checksum\":")?;
    entry.checksum = u32::try_from(cursor.integer()?).ok()?;
    if cursor.literal(b",\"timestamp\":\"").is_some() {
        cursor.quoted()?;
    }
    cursor.literal(b"}]}")?;
    cursor.is_at_end().then_some(snapshot)
}

/// Reads `{"price":1,"qty":2},...` up to the bracket that closes the list, and that bracket.
#[inline]
fn quick_levels(cursor: &mut Cursor<'_>, into: &mut Vec<LevelText>) -> Option<()> {
    if cursor.literal(b"]").is_some() {
        return Some(());
    }
    loop {
        cursor.literal(b"{\"price\":")?;
        let price = cursor.plain_number()?;
        cursor.literal(b",\"qty\":")?;
        let qty = cursor.plain_number()?;
        cursor.literal(b"}")?;
        if into.len() == LEVELS_MAX {
            return None;
        }
        into.push(LevelText { price, qty });
        match cursor.byte()? {
            b',' => {}
            b']' => return Some(()),
            _ => return None,
        }
    }
}

fn classify<'a>(envelope: &Envelope<'a>) -> Result<Message<'a>, MessageError> {
    Ok(match (envelope.channel, envelope.method) {
        ("book", "") => match envelope.kind {
            "snapshot" => Message::Book { snapshot: true },
            "update" => Message::Book { snapshot: false },
            _ => return Err(MessageError::Missing("type")),
        },
        ("trade", "") => Message::Trade { snapshot: envelope.kind == "snapshot" },
        ("instrument", "") => Message::Instrument,
        ("status", "") => Message::Status(envelope.system),
        ("heartbeat", "") => Message::Heartbeat,
        ("", "pong") => Message::Pong,
        ("", "") if envelope.success.is_none() && envelope.error.is_empty() => Message::Other,
        ("", method) => Message::Answer(Answer {
            method,
            success: envelope.success.unwrap_or(envelope.error.is_empty()),
            channel: envelope.result_channel,
            symbol: envelope.symbol,
            req_id: envelope.req_id,
            error: envelope.error,
        }),
        _ => Message::Other,
    })
}

fn field<'a>(
    key: &str,
    value: &mut Scanner<'a>,
    envelope: &mut Envelope<'a>,
    content: &mut Content,
) -> Result<(), MessageError> {
    match key {
        "channel" => envelope.channel = value.string()?,
        "type" => envelope.kind = value.string()?,
        "method" => envelope.method = value.string()?,
        "success" => envelope.success = Some(value.boolean()?),
        "error" if value.peek()? == b'"' => envelope.error = value.string()?,
        "req_id" if value.peek()?.is_ascii_digit() => envelope.req_id = Some(value.integer()?),
        "symbol" if value.peek()? == b'"' => envelope.symbol = symbol(value.string()?),
        "result" if value.peek()? == b'{' => value.object(|key, value| {
            match key {
                "channel" => envelope.result_channel = value.string()?,
                "symbol" if value.peek()? == b'"' => envelope.symbol = symbol(value.string()?),
                _ => value.skip()?,
            }
            Ok::<_, ScanError>(())
        })?,
        "data" if envelope.channel.is_empty() => {
            envelope.deferred = Some(value.clone());
            value.skip()?;
        }
        "data" => read_data(value, envelope, content)?,
        _ => value.skip()?,
    }
    Ok(())
}

fn read_data<'a>(
    data: &mut Scanner<'a>,
    envelope: &mut Envelope<'a>,
    content: &mut Content,
) -> Result<(), MessageError> {
    match envelope.channel {
        "book" => data.array(|item| read_book(item, content.next_book()?)),
        "trade" => {
            data.array(|item| {
                // What cannot be read must not hurt the other trades.
                let trade = read_trade(&mut item.clone());
                item.skip()?;
                match trade {
                    Ok(trade) if content.trades.len() < TRADES_MAX => content.trades.push(trade),
                    Ok(_) | Err(_) => content.unreadable += 1,
                }
                Ok::<_, MessageError>(())
            })?;
            content.trades.sort_by_key(|trade| (trade.symbol, trade.id));
            Ok(())
        }
        "instrument" => data.object(|key, value| match key {
            "pairs" => value.array(|pair| read_pair(pair, content)),
            _ => Ok(value.skip()?),
        }),
        "status" => data.array(|item| {
            item.object(|key, value| {
                match key {
                    "system" => envelope.system = value.string()?,
                    _ => value.skip()?,
                }
                Ok(())
            })
        }),
        _ => Ok(data.skip()?),
    }
}

fn read_book(item: &mut Scanner<'_>, entry: &mut BookEntry) -> Result<(), MessageError> {
    entry.symbol = Symbol::default();
    entry.bids.clear();
    entry.asks.clear();
    let mut checksum = None;
    item.object(|key, value| {
        match key {
            "symbol" => entry.symbol = symbol(value.string()?),
            "bids" => read_levels(value, &mut entry.bids)?,
            "asks" => read_levels(value, &mut entry.asks)?,
            "checksum" => checksum = Some(value.integer()?),
            _ => value.skip()?,
        }
        Ok::<_, MessageError>(())
    })?;
    let checksum = checksum.and_then(|sum| u32::try_from(sum).ok());
    entry.checksum = checksum.ok_or(MessageError::Missing("checksum"))?;
    Ok(())
}

fn read_levels(value: &mut Scanner<'_>, levels: &mut Vec<LevelText>) -> Result<(), MessageError> {
    value.array(|item| {
        let (mut price, mut qty) = (None, None);
        item.object(|key, value| {
            match key {
                "price" => price = Some(value.number()?),
                "qty" => qty = Some(value.number()?),
                _ => value.skip()?,
            }
            Ok::<_, ScanError>(())
        })?;
        if levels.len() == LEVELS_MAX {
            return Err(MessageError::TooMany { what: "levels", limit: LEVELS_MAX });
        }
        levels.push(LevelText {
            price: price.ok_or(MessageError::Missing("price"))?,
            qty: qty.ok_or(MessageError::Missing("qty"))?,
        });
        Ok(())
    })
}

fn read_trade(item: &mut Scanner<'_>) -> Result<TradeText, MessageError> {
    let mut name = Symbol::default();
    let (mut taker, mut price, mut qty, mut id, mut time) = (None, None, None, None, None);
    item.object(|key, value| {
        match key {
            "symbol" => name = symbol(value.string()?),
            "side" if value.peek()? == b'"' => taker = side(value.string()?),
            "price" => price = Some(value.number()?),
            "qty" => qty = Some(value.number()?),
            "trade_id" => id = Some(value.integer()?),
            "timestamp" => time = read_rfc3339(value.string()?),
            _ => value.skip()?,
        }
        Ok::<_, ScanError>(())
    })?;
    Ok(TradeText {
        symbol: name,
        taker,
        price: price.ok_or(MessageError::Missing("price"))?,
        qty: qty.ok_or(MessageError::Missing("qty"))?,
        id: id.ok_or(MessageError::Missing("trade_id"))?,
        time: UnixNanos(time.ok_or(MessageError::Missing("timestamp"))?),
    })
}

fn side(word: &str) -> Option<Side> {
    match word {
        "buy" | "b" => Some(Side::Buy),
        "sell" | "s" => Some(Side::Sell),
        _ => None,
    }
}

/// Reads the answer to `GET /0/public/Trades`, for an instrument with these decimals of prices and
/// quantities. `each` gets the trades in order, and `None` for one that cannot be read.
///
/// # Errors
/// The text is not the documented JSON, or the venue answers with errors: [`RestFault`].
pub fn parse_trades(
    text: &str,
    decimals: (u8, u8),
    mut each: impl FnMut(Option<Trade>),
) -> Result<(), RestFault> {
    let mut refused = None;
    let mut is_answered = false;
    let mut scanner = Scanner::new(text);
    scanner.object(|key, value| match key {
        "error" => value.array(|error| {
            refused = Some(error.string()?.to_owned());
            Ok::<_, ScanError>(())
        }),
        "result" if value.peek()? == b'{' => value.object(|key, value| {
            if key == "last" {
                return value.skip();
            }
            is_answered = true;
            value.array(|row| {
                let trade = read_row(text, &mut row.clone(), decimals);
                row.skip()?;
                each(trade);
                Ok(())
            })
        }),
        _ => value.skip(),
    })?;
    scanner.end()?;
    match refused {
        Some(error) => Err(RestFault::Refused(error)),
        None if is_answered => Ok(()),
        None => Err(RestFault::Scan(ScanError::Cut)),
    }
}

/// Why an answer of REST has no trades.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RestFault {
    /// The text is not the documented JSON.
    #[error(transparent)]
    Scan(#[from] ScanError),
    /// The venue's word.
    #[error("{0}")]
    Refused(String),
}

/// A row: price, quantity, Unix seconds, side, kind of order, text, number.
fn read_row(text: &str, row: &mut Scanner<'_>, decimals: (u8, u8)) -> Option<Trade> {
    let (mut price, mut qty, mut time, mut taker, mut id) = (None, None, None, None, None);
    let mut at = 0;
    row.array(|value| {
        match at {
            0 => price = decimal::parse_i64(value.string()?.as_bytes(), decimals.0).ok(),
            1 => qty = decimal::parse_i64(value.string()?.as_bytes(), decimals.1).ok(),
            2 => time = decimal::parse_unsigned(value.number()?.of(text), 9).ok(),
            3 if value.peek()? == b'"' => taker = side(value.string()?),
            6 => id = Some(value.integer()?),
            _ => value.skip()?,
        }
        at += 1;
        Ok::<_, ScanError>(())
    })
    .ok()?;
    let time = UnixNanos(u64::try_from(time?).ok()?);
    Some(Trade { id: id?, count: 1, taker, price: Price(price?), qty: Qty(qty?), time })
}

fn read_pair(pair: &mut Scanner<'_>, content: &mut Content) -> Result<(), MessageError> {
    let mut name = Symbol::default();
    let (mut price, mut qty) = (None, None);
    pair.object(|key, value| {
        match key {
            "symbol" => name = symbol(value.string()?),
            "price_precision" if value.peek()?.is_ascii_digit() => price = Some(value.integer()?),
            "qty_precision" if value.peek()?.is_ascii_digit() => qty = Some(value.integer()?),
            _ => value.skip()?,
        }
        Ok::<_, ScanError>(())
    })?;
    if content.pairs.len() == PAIRS_MAX {
        return Err(MessageError::TooMany { what: "pairs", limit: PAIRS_MAX });
    }
    // A pair with an unreadable precision must not hurt the other pairs: 255 fits no instrument.
    let small = |number: Option<u64>| number.and_then(|n| u8::try_from(n).ok()).unwrap_or(u8::MAX);
    content.pairs.push(PairTerms {
        symbol: name,
        price_precision: small(price),
        qty_precision: small(qty),
    });
    Ok(())
}

/// A pair's name with its escapes resolved, since some writers print `\/`. Empty when the name is
/// too long for a pair.
fn symbol(raw: &str) -> Symbol {
    if !raw.contains('\\') {
        return Symbol::new(raw.as_bytes()).unwrap_or_default();
    }
    let resolved = serde_json::from_str::<String>(&format!("\"{raw}\""));
    resolved.ok().and_then(|text| Symbol::new(text.as_bytes())).unwrap_or_default()
}

/// Appends a request about books. The symbols must be free of quotes and backslashes.
pub fn write_book_request<'s>(
    out: &mut Vec<u8>,
    method: &str,
    symbols: impl Iterator<Item = &'s str>,
    depth: u16,
    req_id: u64,
) {
    out.extend_from_slice(b"{\"method\":\"");
    out.extend_from_slice(method.as_bytes());
    out.extend_from_slice(b"\",\"params\":{\"channel\":\"book\",\"symbol\":[");
    for (n, symbol) in symbols.enumerate() {
        out.extend_from_slice(if n == 0 { b"\"" } else { b",\"" });
        out.extend_from_slice(symbol.as_bytes());
        out.push(b'"');
    }
    out.extend_from_slice(b"],\"depth\":");
    out.extend_from_slice(depth.to_string().as_bytes());
    if method == "subscribe" {
        out.extend_from_slice(b",\"snapshot\":true");
    }
    out.extend_from_slice(b"},\"req_id\":");
    out.extend_from_slice(req_id.to_string().as_bytes());
    out.push(b'}');
}

/// Appends the subscription of the trades of pairs, with the last 50 of each. The symbols must be
/// free of quotes and backslashes.
pub fn write_trade_request<'s>(
    out: &mut Vec<u8>,
    symbols: impl Iterator<Item = &'s str>,
    req_id: u64,
) {
    out.extend_from_slice(
        b"{\"method\":\"subscribe\",\"params\":{\"channel\":\"trade\",\"symbol\":[",
    );
    for (n, symbol) in symbols.enumerate() {
        out.extend_from_slice(if n == 0 { b"\"" } else { b",\"" });
        out.extend_from_slice(symbol.as_bytes());
        out.push(b'"');
    }
    out.extend_from_slice(b"],\"snapshot\":true},");
    write_req_id(out, req_id);
}

/// Appends the subscription of the instrument channel.
pub fn write_instrument_request(out: &mut Vec<u8>, req_id: u64) {
    out.extend_from_slice(b"{\"method\":\"subscribe\",\"params\":{\"channel\":\"instrument\"},");
    write_req_id(out, req_id);
}

/// Appends an application ping.
pub fn write_ping(out: &mut Vec<u8>, req_id: u64) {
    out.extend_from_slice(b"{\"method\":\"ping\",");
    write_req_id(out, req_id);
}

fn write_req_id(out: &mut Vec<u8>, req_id: u64) {
    out.extend_from_slice(b"\"req_id\":");
    out.extend_from_slice(req_id.to_string().as_bytes());
    out.push(b'}');
}

#[cfg(test)]
#[path = "message_tests.rs"]
mod tests;
