//! Books from raw JSON: text in, a proved book and an input for the core out, for both feeds.
//!
//! The machines are driven as their carrier drives them. The floor reads the digits of every
//! number of the same text once, and keeps nothing: no book, no sequence, no checksum.

use std::fmt::Write as _;

use rutter_core::id::{InstrumentId, VenueId};
use rutter_core::input::{Input, Level, Side};
use rutter_core::number::{Price, Qty};
use rutter_feeds::book::Book;
use rutter_transport::machine::{Action, Event, HttpResponse, LinkId, Machine, Outbox};
use rutter_venues::binance::feed as binance;
use rutter_venues::kraken::feed as kraken;
use rutter_venues::kraken::feed::checksum::{Precision, checksum};
use rutter_venues::listing::FeedListing;

const LINK: LinkId = LinkId(0);
const VENUE: VenueId = VenueId(0);
const PAIR: InstrumentId = InstrumentId(0);
const NOW_NS: u64 = 1_700_000_000_000_000_000;
const NS_PER_TEXT: u64 = 1_000_000;
const DECIMALS: (u8, u8) = (1, 8);
/// Levels a side of a snapshot.
const DEPTH: i64 = 25;
/// Changes until the book is again as it was; each comes with another quantity first.
const CHANGES: usize = 16;
/// Digits of the update ids: room to count without ever changing the length.
const ID_DIGITS: usize = 12;
const FIRST_ID: u64 = 100_000_000_000;

/// The floor: adds up the digits of all numbers.
#[inline]
pub fn scan(text: &str) -> u64 {
    let (mut sum, mut number) = (0_u64, 0_u64);
    for byte in text.bytes() {
        match byte {
            b'0'..=b'9' => number = number.wrapping_mul(10).wrapping_add(u64::from(byte - b'0')),
            b'.' => {}
            _ => {
                sum = sum.wrapping_add(number);
                number = 0;
            }
        }
    }
    sum
}

fn bid(level: i64, plus: i64) -> Level {
    Level { price: Price(600_000 - level), qty: Qty(150_000_000 + level * 1_000 + plus) }
}

fn ask(level: i64, plus: i64) -> Level {
    Level { price: Price(600_001 + level), qty: Qty(160_000_000 + level * 1_000 + plus) }
}

/// The levels that the nth change sets: two a side, and back again by the next change.
fn change(nth: usize) -> [(Side, Level); 4] {
    let level = (nth / 2) as i64;
    let plus = if nth.is_multiple_of(2) { 12_345_678 } else { 0 };
    [
        (Side::Buy, bid(level, plus)),
        (Side::Buy, bid(level + 1, plus)),
        (Side::Sell, ask(level, plus)),
        (Side::Sell, ask(level + 1, plus)),
    ]
}

fn decimal(mantissa: i64, decimals: u8) -> String {
    let unit = 10_i64.pow(u32::from(decimals));
    let width = usize::from(decimals);
    format!("{}.{:0width$}", mantissa / unit, mantissa % unit)
}

fn list(levels: &[Level], write: impl Fn(&mut String, String, String)) -> String {
    let mut out = String::new();
    for level in levels {
        if !out.is_empty() {
            out.push(',');
        }
        write(&mut out, decimal(level.price.0, DECIMALS.0), decimal(level.qty.0, DECIMALS.1));
    }
    out
}

fn of_side(levels: &[(Side, Level)], side: Side) -> Vec<Level> {
    levels.iter().filter(|(s, _)| *s == side).map(|(_, level)| *level).collect()
}

fn whole() -> Vec<(Side, Level)> {
    (0..DEPTH).flat_map(|n| [(Side::Buy, bid(n, 0)), (Side::Sell, ask(n, 0))]).collect()
}

/// A machine, its carrier's side, and how many inputs came out.
struct Carrier<M> {
    machine: M,
    out: Outbox<Input>,
    now_ns: u64,
    emitted: u64,
}

impl<M: Machine<Emission = Input>> Carrier<M> {
    fn new(mut machine: M) -> Self {
        let mut out = Outbox::default();
        machine.start(NOW_NS, &mut out);
        out.clear();
        Self { machine, out, now_ns: NOW_NS, emitted: 0 }
    }

    #[inline]
    fn event(&mut self, event: Event<'_>) {
        self.now_ns += NS_PER_TEXT;
        self.machine.on_event(self.now_ns, event, &mut self.out);
        self.machine.flush(self.now_ns, &mut self.out);
        self.emitted += self.out.emissions.len() as u64;
    }

    #[inline]
    fn text(&mut self, text: &str) {
        self.event(Event::Text(LINK, text));
        self.out.clear();
    }
}

/// Kraken's `book` channel: the checksum of ten levels is proved with each change.
pub struct Kraken {
    carrier: Carrier<kraken::KrakenFeed>,
    texts: Vec<String>,
    next: usize,
}

fn kraken_text(kind: &str, levels: &[(Side, Level)], sum: u32) -> String {
    let list = |side| {
        list(&of_side(levels, side), |out, price, qty| {
            let _ = write!(out, r#"{{"price":{price},"qty":{qty}}}"#);
        })
    };
    let (bids, asks) = (list(Side::Buy), list(Side::Sell));
    format!(
        r#"{{"channel":"book","type":"{kind}","data":[{{"symbol":"BTC/USD","bids":[{bids}],"asks":[{asks}],"checksum":{sum},"timestamp":"2026-07-01T12:00:00.123456Z"}}]}}"#
    )
}

impl Kraken {
    pub fn new() -> Self {
        let listing = FeedListing {
            instrument: PAIR,
            symbol: "BTC/USD".to_owned(),
            price_decimals: DECIMALS.0,
            qty_decimals: DECIMALS.1,
        };
        let config = kraken::Config { listings: vec![listing], ..kraken::Config::new(VENUE) };
        let mut carrier = Carrier::new(kraken::KrakenFeed::new(config).expect("sound"));
        let precision = Precision::new(DECIMALS, DECIMALS).expect("few digits");
        let mut book = Book::new(1_000);
        let mut sum_with = |levels: &[(Side, Level)]| {
            for (side, level) in levels {
                book.set(*side, *level).expect("a level");
            }
            checksum(&book, &precision).expect("few digits")
        };
        let snapshot = kraken_text("snapshot", &whole(), sum_with(&whole()));
        let texts = (0..CHANGES).map(|nth| {
            let levels = change(nth);
            kraken_text("update", &levels, sum_with(&levels))
        });
        let texts = texts.collect();
        carrier.event(Event::Connected(LINK));
        carrier.text(&format!(
            r#"{{"channel":"instrument","type":"snapshot","data":{{"assets":[],"pairs":[{{"symbol":"BTC/USD","status":"online","qty_precision":{},"price_precision":{}}}]}}}}"#,
            DECIMALS.1, DECIMALS.0
        ));
        carrier.text(&snapshot);
        assert_eq!(carrier.machine.synced(), 1, "the snapshot is trusted");
        carrier.emitted = 0;
        Self { carrier, texts, next: 0 }
    }

    fn turn(&mut self) -> usize {
        let at = self.next;
        self.next = (self.next + 1) % self.texts.len();
        at
    }

    #[inline]
    pub fn ours(&mut self) {
        let at = self.turn();
        self.carrier.text(&self.texts[at]);
    }

    #[inline]
    pub fn floor(&mut self) -> u64 {
        let at = self.turn();
        scan(&self.texts[at])
    }

    /// Fails unless every text became an input and every book stayed trusted.
    pub fn check(&self, texts: u64) {
        let counters = self.carrier.machine.counters();
        assert_eq!((counters.checksum_errors, counters.protocol_errors), (0, 0));
        assert_eq!((self.carrier.machine.synced(), self.carrier.emitted), (1, texts));
    }
}

/// Binance's diff-depth stream: ids must follow each other.
pub struct Binance {
    carrier: Carrier<binance::BinanceFeed>,
    texts: Vec<String>,
    next: usize,
    id: u64,
}

fn binance_list(levels: &[(Side, Level)], side: Side) -> String {
    list(&of_side(levels, side), |out, price, qty| {
        let _ = write!(out, r#"["{price}","{qty}"]"#);
    })
}

fn binance_text(levels: &[(Side, Level)]) -> String {
    let (bids, asks) = (binance_list(levels, Side::Buy), binance_list(levels, Side::Sell));
    format!(
        r#"{{"stream":"btcusdt@depth@100ms","data":{{"e":"depthUpdate","E":1719487046123,"s":"BTCUSDT","U":{FIRST_ID},"u":{FIRST_ID},"b":[{bids}],"a":[{asks}]}}}}"#
    )
}

/// Writes the id behind `key`, over the one that is there.
#[inline]
fn put_id(text: &mut String, key: &str, id: u64) {
    let Some(at) = text.find(key).map(|at| at + key.len()) else { return };
    let mut digits = [b'0'; ID_DIGITS];
    let mut rest = id;
    for digit in digits.iter_mut().rev() {
        *digit += (rest % 10) as u8;
        rest /= 10;
    }
    if let Ok(digits) = std::str::from_utf8(&digits) {
        text.replace_range(at..at + ID_DIGITS, digits);
    }
}

impl Binance {
    pub fn new() -> Self {
        let listing = FeedListing {
            instrument: PAIR,
            symbol: "BTCUSDT".to_owned(),
            price_decimals: DECIMALS.0,
            qty_decimals: DECIMALS.1,
        };
        let config = binance::Config { listings: vec![listing], ..binance::Config::new(VENUE) };
        let mut feed = Self {
            carrier: Carrier::new(binance::BinanceFeed::new(config).expect("sound")),
            texts: (0..CHANGES).map(|nth| binance_text(&change(nth))).collect(),
            next: 0,
            id: FIRST_ID,
        };
        feed.carrier.event(Event::Connected(LINK));
        feed.answer_all();
        feed.ours();
        feed.carrier.emitted = 0;
        feed
    }

    /// Plays the venue until nothing is asked any more.
    fn answer_all(&mut self) {
        for _ in 0..64 {
            let actions = std::mem::take(&mut self.carrier.out.actions);
            let bytes = std::mem::take(&mut self.carrier.out.bytes);
            for action in actions {
                match action {
                    Action::Send(LINK, range) => self.answer(&bytes[range]),
                    Action::Http(request) => self.snapshot(request.id),
                    other => panic!("not this feed's: {other:?}"),
                }
            }
            self.carrier.now_ns += 100 * NS_PER_TEXT;
            self.carrier.machine.on_timer(self.carrier.now_ns, &mut self.carrier.out);
        }
        self.carrier.out.clear();
    }

    fn answer(&mut self, request: &[u8]) {
        let text = String::from_utf8_lossy(request).into_owned();
        let id = text
            .split("\"id\":")
            .nth(1)
            .map_or("0", |rest| rest.split(|c: char| !c.is_ascii_digit()).next().unwrap_or("0"));
        let answer = format!(r#"{{"result":null,"id":{id}}}"#);
        self.carrier.event(Event::Text(LINK, &answer));
        // A change, so that the feed knows which snapshot it needs.
        self.change();
    }

    fn snapshot(&mut self, id: u64) {
        let (bids, asks) = (binance_list(&whole(), Side::Buy), binance_list(&whole(), Side::Sell));
        let last = self.id;
        let body = format!(r#"{{"lastUpdateId":{last},"bids":[{bids}],"asks":[{asks}]}}"#);
        let response = HttpResponse::new(200, body);
        self.carrier.event(Event::Http(id, Some(&response)));
        self.change();
    }

    #[inline]
    fn turn(&mut self) -> usize {
        self.id += 1;
        let at = self.next;
        self.next = (self.next + 1) % self.texts.len();
        let text = &mut self.texts[at];
        put_id(text, "\"U\":", self.id);
        put_id(text, "\"u\":", self.id);
        at
    }

    fn change(&mut self) {
        let at = self.turn();
        let text = self.texts[at].clone();
        self.carrier.event(Event::Text(LINK, &text));
    }

    #[inline]
    pub fn ours(&mut self) {
        let at = self.turn();
        self.carrier.text(&self.texts[at]);
    }

    #[inline]
    pub fn floor(&mut self) -> u64 {
        let at = self.turn();
        scan(&self.texts[at])
    }

    /// Fails unless every text became an input and every book stayed trusted.
    pub fn check(&self, texts: u64) {
        let counters = self.carrier.machine.counters();
        assert_eq!((counters.gaps, counters.breaks, counters.protocol_errors), (0, 0, 0));
        assert_eq!(self.carrier.emitted, texts, "{counters:?}");
    }
}
