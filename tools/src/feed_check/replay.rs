//! Plays the messages of one venue through its feed, and keeps the books as the core would.
//!
//! A line belongs here if it is about playing, whatever the venue.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rutter_core::book::{Book, Trust};
use rutter_core::id::{InstrumentId, VenueId};
use rutter_core::input::{Distrust, Input, Level, PublicTrade, Side};
use rutter_core::number::UnixNanos;
use rutter_feeds::FeedCommand;
use rutter_feeds::deep::Depth;
use rutter_feeds::trades::TradeCounters;
use rutter_transport::machine::{
    Action, CloseReason, Event as Happening, HttpResponse, LinkId, Machine, Outbox,
};
use rutter_venues::listing::FeedListing;
use rutter_venues::{binance, kraken};

use super::{Event, Found, Instruments, Truth};
use crate::recording::Line;

/// Unix seconds as `2026-01-10T10:00:05Z`.
pub fn utc_text(seconds: i64) -> String {
    let days = seconds.div_euclid(86_400) + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    let of_day = seconds.rem_euclid(86_400);
    let (hour, minute, second) = (of_day / 3_600, of_day / 60 % 60, of_day % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

const LINK: LinkId = LinkId(0);
const VENUE: VenueId = VenueId(0);

/// A recording may pause for longer than a link may: the carrier's pings are not recorded.
const ALIVE_NS: u64 = 5_000_000_000;

/// Most timers of the feed between two messages.
const TIMERS_MAX: usize = 100_000;

/// Decimals of the core for all instruments of recordings.
pub const DECIMALS: u8 = 8;

/// A feed, whatever the venue.
type AnyFeed = dyn Machine<Command = FeedCommand, Emission = Input>;

/// The feed of a venue.
enum Feed {
    Binance(Box<binance::feed::BinanceFeed>),
    Kraken(Box<kraken::feed::KrakenFeed>),
}

impl Feed {
    fn new(venue: &str, symbols: &[(String, u8)], depth: u16) -> Self {
        let listing = |(n, (symbol, price_decimals)): (usize, &(String, u8))| FeedListing {
            instrument: InstrumentId(n as u16),
            symbol: symbol.clone(),
            price_decimals: *price_decimals,
            qty_decimals: DECIMALS,
        };
        let listings = symbols.iter().enumerate().map(listing).collect();
        let told = Depth { updates_per_s_max: 1_000_000, ..Depth::DEFAULT };
        if venue == "kraken" {
            let told = Depth { levels: usize::from(depth), ..told };
            let usual = kraken::feed::Config::new(VENUE);
            let config = kraken::feed::Config { listings, told, depth, ..usual };
            let feed = kraken::feed::KrakenFeed::new(config);
            return Self::Kraken(Box::new(feed.expect("symbols of a recording")));
        }
        // A recorded snapshot may have fewer levels than the feed would ask for.
        let told = Depth { levels: 100, ..told };
        let config = binance::feed::Config {
            listings,
            told,
            snapshot_limit: 1_000,
            ..binance::feed::Config::new(VENUE)
        };
        let feed = binance::feed::BinanceFeed::new(config).expect("symbols of a recording");
        Self::Binance(Box::new(feed))
    }

    fn each<R>(&mut self, act: impl FnOnce(&mut AnyFeed) -> R) -> R {
        match self {
            Self::Binance(feed) => act(&mut **feed),
            Self::Kraken(feed) => act(&mut **feed),
        }
    }

    const fn trades(&self) -> TradeCounters {
        match self {
            Self::Binance(feed) => feed.trade_counters(),
            Self::Kraken(feed) => feed.trade_counters(),
        }
    }

    const fn protocol_errors(&self) -> u64 {
        match self {
            Self::Binance(feed) => feed.counters().protocol_errors,
            Self::Kraken(feed) => feed.counters().protocol_errors,
        }
    }
}

/// A recording that is being played.
pub struct Replay {
    feed: Feed,
    out: Outbox<Input>,
    now_ns: u64,
    symbols: Vec<(String, u8)>,
    /// Requests of the feed that have no answer yet: number and target.
    asked: Vec<(u64, String)>,
    /// Recorded answers that were not asked for yet.
    answers: Vec<(String, String)>,
    books: BTreeMap<u16, Book>,
    proved: BTreeMap<u16, bool>,
    trades: Vec<PublicTrade>,
    levels: u64,
    gaps: u64,
    /// Time that the feed took.
    spent: Duration,
    is_connected: bool,
}

/// The part of a request that names what is asked for: path, and instrument.
fn key(target: &str) -> String {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let named =
        query.split('&').find(|part| part.starts_with("symbol=") || part.starts_with("pair="));
    format!("{path} {}", named.unwrap_or(""))
}

/// The answer to a subscription that waits for one: a recording may have been made with other
/// requests.
fn answer_to(sent: &str) -> Option<String> {
    let request: serde_json::Value = serde_json::from_str(sent).ok()?;
    let is_due = request["method"] == "SUBSCRIBE";
    is_due.then(|| format!("{{\"result\":null,\"id\":{}}}", request["id"]))
}

impl Replay {
    /// The best level of each side, as the core was told, in text of the venue's size. `None` while
    /// the book is not proved.
    pub fn best(&self, symbol: &str) -> Option<[Option<Level>; 2]> {
        let at = self.symbols.iter().position(|(name, _)| name == symbol)?;
        let book = self.books.get(&(at as u16)).filter(|book| book.trust == Trust::Proved)?;
        Some([Side::Buy, Side::Sell].map(|side| match side {
            Side::Buy => book.bids.best(),
            Side::Sell => book.asks.best(),
        }))
    }

    /// Decimals of an instrument's prices.
    pub fn price_decimals(&self, symbol: &str) -> u8 {
        self.symbols.iter().find(|(name, _)| name == symbol).map_or(DECIMALS, |(_, n)| *n)
    }

    /// The trades that the core was told, of an instrument.
    pub fn trades<'a>(&'a self, symbol: &str) -> impl Iterator<Item = &'a PublicTrade> {
        let at = self.symbols.iter().position(|(name, _)| name == symbol);
        self.trades.iter().filter(move |trade| Some(usize::from(trade.instrument.0)) == at)
    }

    fn act(&mut self, happening: Option<Happening<'_>>) {
        let (now_ns, out) = (self.now_ns, &mut self.out);
        let started = Instant::now();
        self.feed.each(|feed| {
            match happening {
                Some(happening) => feed.on_event(now_ns, happening, out),
                None => feed.on_timer(now_ns, out),
            }
            feed.flush(now_ns, out);
        });
        self.spent += started.elapsed();
        self.drain();
    }

    fn drain(&mut self) {
        let inputs = std::mem::take(&mut self.out.emissions);
        for input in &inputs {
            self.hear(input);
        }
        let (mut is_wanted, mut answers) = (false, Vec::new());
        for action in self.out.actions.drain(..) {
            match action {
                Action::Http(request) => self.asked.push((request.id, request.target)),
                Action::Connect(_) => is_wanted = true,
                Action::Close(_) => self.is_connected = false,
                Action::Send(_, range) => {
                    let sent = self.out.bytes.get(range).unwrap_or_default();
                    answers.extend(answer_to(&String::from_utf8_lossy(sent)));
                }
            }
        }
        self.out.clear();
        if is_wanted {
            self.is_connected = true;
            self.act(Some(Happening::Connected(LINK)));
        } else if !self.is_connected {
            // The feed gave the link up: the carrier tells the end, and the feed comes back.
            self.is_connected = true;
            self.gaps += 1;
            self.reconnect();
        }
        for answer in answers {
            self.act(Some(Happening::Text(LINK, &answer)));
        }
    }

    fn reconnect(&mut self) {
        self.act(Some(Happening::Closed(LINK, CloseReason::Peer)));
        if let Some(due_ns) = self.feed.each(|feed| feed.next_timer_ns()) {
            self.now_ns = self.now_ns.max(due_ns);
            self.act(None);
        }
    }

    fn hear(&mut self, input: &Input) {
        match input {
            Input::Book(update) => {
                self.levels += u64::from(update.len);
                let book = self.books.entry(update.instrument.0).or_default();
                book.update(update, UnixNanos(self.now_ns));
                let is_proved = self.proved.entry(update.instrument.0).or_default();
                *is_proved |= book.trust == Trust::Proved;
            }
            Input::BookDistrusted { instrument, reason, .. } => {
                if let Some(book) = self.books.get_mut(&instrument.0) {
                    book.distrust(*reason);
                }
                self.gaps += u64::from(*reason != Distrust::Disconnected);
            }
            Input::Trade(trade) => self.trades.push(*trade),
            _ => {}
        }
    }

    /// Lets the time go on to that of the next message.
    fn pass(&mut self, at_ns: u64) {
        for _ in 0..TIMERS_MAX {
            let due_ns = self.feed.each(|feed| feed.next_timer_ns());
            let alive_ns = self.now_ns.saturating_add(ALIVE_NS);
            let Some(next_ns) = due_ns.map(|due| due.min(alive_ns)).filter(|due| *due <= at_ns)
            else {
                break;
            };
            self.now_ns = self.now_ns.max(next_ns);
            self.act(Some(Happening::Alive(LINK)));
            self.act(None);
        }
        self.now_ns = self.now_ns.max(at_ns);
    }

    /// Gives recorded answers to the requests that they answer.
    fn answer(&mut self) {
        while let Some((asked, recorded)) =
            self.asked.iter().enumerate().find_map(|(n, (_, target))| {
                let recorded = self.answers.iter().position(|(of, _)| *of == key(target))?;
                Some((n, recorded))
            })
        {
            let (id, _) = self.asked.remove(asked);
            let (_, body) = self.answers.remove(recorded);
            self.act(Some(Happening::Http(id, Some(&HttpResponse::new(200, body)))));
        }
    }
}

/// Plays all messages, and compares.
pub fn play(
    venue: &'static str,
    events: &[Event],
    Instruments { symbols, depth }: Instruments,
    mut truth: impl Truth,
) -> Found {
    let mut found = Found { venue, instruments: symbols.len(), ..Found::default() };
    let mut replay = Replay {
        feed: Feed::new(venue, &symbols, depth),
        out: Outbox::default(),
        now_ns: events.first().map_or(0, |event| event.at_ns),
        symbols,
        asked: Vec::new(),
        answers: Vec::new(),
        books: BTreeMap::new(),
        proved: BTreeMap::new(),
        trades: Vec::new(),
        levels: 0,
        gaps: 0,
        spent: Duration::ZERO,
        is_connected: false,
    };
    let now_ns = replay.now_ns;
    replay.feed.each(|feed| feed.start(now_ns, &mut replay.out));
    replay.drain();
    let mut opened = std::collections::BTreeSet::new();
    for event in events {
        replay.pass(event.at_ns);
        match &event.line {
            Line::Opened { .. } if opened.insert(event.file) => {}
            Line::Opened { .. } => replay.reconnect(),
            Line::Sent { .. } => {}
            Line::Http { url, body } => {
                truth.answered(url, body);
                let target = url.splitn(4, '/').nth(3).unwrap_or_default();
                replay.answers.push((key(&format!("/{target}")), body.clone()));
            }
            Line::Text(text) => {
                found.messages += 1;
                for dressed in truth.dressed(text) {
                    replay.act(Some(Happening::Text(LINK, &dressed)));
                }
                replay.answer();
                truth.played(text, &replay, &mut found);
                continue;
            }
        }
        replay.answer();
    }
    replay.now_ns += 1;
    replay.act(None);
    finish(&replay, found)
}

fn finish(replay: &Replay, mut found: Found) -> Found {
    let trades = replay.feed.trades();
    found.levels = replay.levels;
    found.gaps = replay.gaps;
    let told_books = replay.symbols.len() - replay.proved.values().filter(|is| **is).count();
    found.unproved = told_books as u64;
    found.trades = trades.trades;
    found.unreadable_trades = trades.unreadable;
    found.missing_trades = trades.missing.saturating_sub(trades.recovered);
    found.protocol_errors = replay.feed.protocol_errors();
    let seconds = replay.spent.as_secs_f64().max(1e-9);
    found.messages_per_s = (found.messages as f64 / seconds) as u64;
    found
}
