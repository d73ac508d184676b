//! The market-data machine: one public WebSocket link, one subscription a book, a checksum with
//! every update; a subscription of trades for each pair, and missing trades over REST.
//!
//! A line belongs here if it decides when to connect, subscribe, distrust or publish. Reading a
//! message is `message`; whether a book is right is `checksum`; trades are `trading`.
//!
//! Invariant: the core is told of a book only while the book's subscription is `Synced`: from a
//! snapshot with the right checksum, until the first message with a wrong one.

use rutter_core::id::Symbol;
use rutter_core::input::{Distrust, Input, Level, Side};
use rutter_core::number::{Price, Qty};
use rutter_feeds::FeedCommand;
use rutter_feeds::alive::Alive;
use rutter_feeds::book::Book;
use rutter_feeds::deep::DeepQueue;
use rutter_feeds::trades::{TradeCounters, Trades};
use rutter_feeds::trust::{STABLE_NS, Trust};
use rutter_transport::machine::{CloseReason, Endpoint, Event, LinkId, Machine, Outbox};
use rutter_transport::standing::{Standing, Why};
use rutter_transport::unread::Unread;

use super::checksum::{DECIMALS_MAX, Precision, checksum};
use super::config::{Config, ConfigError, DEPTHS, LISTINGS_MAX};
use super::message::{
    Answer, BookEntry, Content, LEVELS_MAX, LevelText, Message, PairTerms, parse,
    write_book_request, write_instrument_request, write_ping,
};
use crate::backoff::Backoff;
use crate::decimal;
use crate::life::{self, Life, Stage};
use crate::listing::FeedListing;
use crate::silence::{Due, Silence};

mod trading;

/// The only link of the feed.
pub const LINK: LinkId = LinkId(0);

/// Most symbols in one subscription request.
const SYMBOLS_PER_REQUEST: usize = 50;

/// Longest wait for a snapshot, an answer, or the list of instruments, in nanoseconds.
const ANSWER_TIMEOUT_NS: u64 = 10_000_000_000;

/// First and longest wait before a book is subscribed again, in nanoseconds.
const RESYNC_BASE_NS: u64 = 200_000_000;
const RESYNC_MAX_NS: u64 = 30_000_000_000;

/// The number of the first request for missing trades. Each goes over HTTP, where no other request
/// of the feed goes.
const TRADES_HTTP: u64 = 1;

/// Time in which one request for missing trades is earned, in nanoseconds. The venue allows about
/// one a second for an address and pair.
const TRADES_QUESTION_NS: u64 = 2_000_000_000;

/// No request for trades was sent on this connection.
const NO_REQUESTS: (u64, u64) = (u64::MAX, 0);

/// Counts since the start, for metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Messages received.
    pub messages: u64,
    /// Links lost.
    pub links_lost: u64,
    /// Books that were subscribed again.
    pub resyncs: u64,
    /// Wrong checksums.
    pub checksum_errors: u64,
    /// Messages that the protocol forbids.
    pub protocol_errors: u64,
    /// Subscriptions that the venue refused.
    pub refused: u64,
    /// Messages that were not subscribed, or belong to a subscription that has ended.
    pub ignored: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Link {
    /// Not connected until the backoff is over.
    Waiting { until_ns: u64 },
    /// The carrier was asked to connect.
    Connecting,
    /// Connected. The list of instruments is due at `listed_by_ns`; `None` once the list is there.
    Up { since_ns: u64, listed_by_ns: Option<u64> },
    /// The carrier was asked to close and will answer.
    Closing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Subscription {
    /// The venue has not told the precision of the pair on this connection.
    Unlisted,
    /// The book is subscribed at this time.
    Waiting { until_ns: u64 },
    /// The subscription was sent; the snapshot is due at this time.
    Asked { until_ns: u64 },
    /// The last checksum proves the book.
    Synced,
    /// The end of the subscription was sent; the answer is awaited until this time.
    Leaving { until_ns: u64 },
}

#[derive(Debug)]
struct Slot {
    listing: FeedListing,
    symbol: Symbol,
    precision: Option<Precision>,
    subscription: Subscription,
    book: Book,
    trust: Trust,
    backoff: Backoff,
    /// The trades of the pair are to be subscribed.
    trades_due: bool,
}

/// Kraken's market data as a machine.
#[derive(Debug)]
pub struct KrakenFeed {
    config: Config,
    /// Sorted by symbol.
    slots: Vec<Slot>,
    link: Link,
    backoff: Backoff,
    deep: DeepQueue,
    trades: Trades,
    /// The first and the last number of a request for trades on this connection.
    trade_requests: (u64, u64),
    /// The last request for trades failed.
    trades_troubled: bool,
    content: Content,
    req_id: u64,
    silence: Silence,
    alive: Alive,
    counters: Counters,
    /// What could not be read.
    unread: Unread,
    life: Life,
}

impl KrakenFeed {
    /// A feed that is not started.
    ///
    /// # Errors
    /// The setting that cannot be used.
    pub fn new(config: Config) -> Result<Self, ConfigError> {
        if !DEPTHS.contains(&config.depth) || config.told.levels > usize::from(config.depth) {
            return Err(ConfigError::Depth(config.depth));
        }
        if config.listings.len() > LISTINGS_MAX {
            return Err(ConfigError::TooMany(config.listings.len()));
        }
        let mut slots = Vec::with_capacity(config.listings.len());
        for listing in &config.listings {
            slots.push(slot(&config, listing)?);
        }
        slots.sort_by_key(|slot| slot.symbol);
        if let Some(twice) = slots.windows(2).find(|pair| pair[0].symbol == pair[1].symbol) {
            return Err(ConfigError::Twice(twice[0].listing.symbol.clone()));
        }
        let instruments = slots.iter().map(|slot: &Slot| slot.listing.instrument);
        let trades = Trades::new(config.venue, instruments, TRADES_HTTP, TRADES_QUESTION_NS);
        let (base, max) = (config.reconnect_base_ns, config.reconnect_max_ns);
        Ok(Self {
            backoff: Backoff::new(base, max, config.seed),
            alive: Alive::new(config.venue),
            silence: Silence::new(config.silence_ns),
            deep: DeepQueue::new(config.told),
            trades,
            trade_requests: NO_REQUESTS,
            trades_troubled: false,
            config,
            slots,
            link: Link::Waiting { until_ns: 0 },
            content: Content::default(),
            req_id: 0,
            counters: Counters::default(),
            unread: Unread::default(),
            life: Life::default(),
        })
    }

    /// Counts since the start.
    pub const fn counters(&self) -> Counters {
        self.counters
    }

    /// Counts of public trades since the start.
    pub const fn trade_counters(&self) -> TradeCounters {
        self.trades.counters()
    }

    /// Number of books that are trusted now.
    pub fn synced(&self) -> usize {
        self.slots.iter().filter(|slot| slot.trust.is_trusted()).count()
    }

    const fn next_req_id(&mut self) -> u64 {
        self.req_id += 1;
        self.req_id
    }

    fn on_connected(&mut self, now_ns: u64, out: &mut Outbox<Input>) {
        if self.link != Link::Connecting {
            return;
        }
        self.link = Link::Up { since_ns: now_ns, listed_by_ns: Some(now_ns + ANSWER_TIMEOUT_NS) };
        self.life.reached(now_ns, Stage::Session);
        self.heard(now_ns);
        let req_id = self.next_req_id();
        out.send(LINK, |bytes| write_instrument_request(bytes, req_id));
    }

    /// The link is of no use any more. Tells the core at once that no book is trusted, and closes
    /// the link unless it is `closed` already.
    fn lost(&mut self, now_ns: u64, reason: Distrust, closed: bool, out: &mut Outbox<Input>) {
        if let Link::Up { since_ns, .. } = self.link {
            self.counters.links_lost += 1;
            if now_ns.saturating_sub(since_ns) >= STABLE_NS {
                self.backoff.reset();
            }
        }
        for slot in &mut self.slots {
            if slot.trust.is_trusted() {
                self.alive.postpone(now_ns);
            }
            slot.trust.end(now_ns, reason, |input| out.emit(input));
            slot.subscription = Subscription::Unlisted;
            slot.trades_due = false;
        }
        self.trade_requests = NO_REQUESTS;
        if closed {
            let until_ns = now_ns.saturating_add(self.backoff.next_ns());
            self.life.retries_at(until_ns);
            self.link = Link::Waiting { until_ns };
        } else {
            self.link = Link::Closing;
            out.close(LINK);
        }
    }

    const fn heard(&mut self, now_ns: u64) {
        self.silence.heard(now_ns);
        self.alive.heard();
    }

    fn on_text(&mut self, now_ns: u64, text: &str, out: &mut Outbox<Input>) {
        if !matches!(self.link, Link::Up { .. }) {
            return;
        }
        self.heard(now_ns);
        self.counters.messages += 1;
        let mut content = std::mem::take(&mut self.content);
        match parse(text, &mut content) {
            Ok(Message::Book { snapshot }) => {
                for entry in content.books() {
                    self.on_book(now_ns, text, entry, snapshot, out);
                }
            }
            Ok(Message::Trade { snapshot }) => self.on_trades(now_ns, text, &content, snapshot),
            Ok(Message::Instrument) => self.on_instruments(now_ns, content.pairs(), out),
            Ok(Message::Answer(answer)) => self.on_answer(now_ns, &answer),
            Ok(Message::Heartbeat | Message::Pong | Message::Status(_)) => {}
            Ok(Message::Other) => self.counters.ignored += 1,
            Err(error) => {
                self.counters.protocol_errors += 1;
                self.unread.add(&error.to_string(), text, &[]);
                self.life.follow_unread(&self.unread);
                self.life.failed(now_ns, Why::Protocol, &error.to_string());
                self.lost(now_ns, Distrust::Protocol, false, out);
            }
        }
        self.content = content;
    }

    fn find(&self, symbol: Symbol) -> Option<usize> {
        self.slots.binary_search_by_key(&symbol, |slot| slot.symbol).ok()
    }

    fn on_book(
        &mut self,
        now_ns: u64,
        text: &str,
        entry: &BookEntry,
        snapshot: bool,
        out: &mut Outbox<Input>,
    ) {
        let depth = usize::from(self.config.depth);
        let Some(at) = self.find(entry.symbol) else {
            self.counters.ignored += 1;
            return;
        };
        let slot = &mut self.slots[at];
        let wanted = match slot.subscription {
            Subscription::Synced => true,
            Subscription::Asked { .. } => snapshot,
            // The rest of a subscription that was given up, or that has not begun yet.
            Subscription::Unlisted
            | Subscription::Waiting { .. }
            | Subscription::Leaving { .. } => false,
        };
        if !wanted {
            self.counters.ignored += 1;
            return;
        }
        match slot.apply(text, entry, snapshot, depth) {
            Ok(()) => {
                if snapshot {
                    slot.trust.begin(now_ns);
                }
                slot.subscription = Subscription::Synced;
                slot.trust.change();
                if snapshot {
                    self.note_progress(now_ns);
                }
            }
            Err(reason) => self.distrust(now_ns, at, reason, out),
        }
    }

    /// Tells how far the subscriptions are, after a snapshot.
    fn note_progress(&mut self, now_ns: u64) {
        let is_synced = |slot: &Slot| slot.subscription == Subscription::Synced;
        if self.slots.iter().all(is_synced) {
            self.life.untroubled();
            self.life.reached(now_ns, Stage::Up);
        }
    }

    /// The symbols that the venue does not list in a way that we can use, as text.
    fn unlisted(&self) -> String {
        let unlisted = self.slots.iter().filter(|slot| slot.precision.is_none());
        let symbols: Vec<_> = unlisted.map(|slot| slot.listing.symbol.as_str()).collect();
        symbols.join(", ")
    }

    /// The book at `at` cannot be trusted: tells the core at once and ends the subscription.
    fn distrust(&mut self, now_ns: u64, at: usize, reason: Distrust, out: &mut Outbox<Input>) {
        let req_id = self.next_req_id();
        let depth = self.config.depth;
        let slot = &mut self.slots[at];
        match reason {
            Distrust::Checksum => self.counters.checksum_errors += 1,
            Distrust::Protocol => self.counters.protocol_errors += 1,
            Distrust::NoSnapshot => {
                let symbol = slot.listing.symbol.as_str();
                self.life.troubled(Why::SnapshotFailing, symbol, None);
            }
            // An outlier is found by the core, not by a feed.
            Distrust::Gap | Distrust::Disconnected | Distrust::Outlier => {}
        }
        self.counters.resyncs += 1;
        if slot.trust.is_trusted() {
            self.alive.postpone(now_ns);
        }
        if slot.trust.end(now_ns, reason, |input| out.emit(input)) {
            slot.backoff.reset();
        }
        slot.subscription = Subscription::Leaving { until_ns: now_ns + ANSWER_TIMEOUT_NS };
        let symbol = core::iter::once(slot.listing.symbol.as_str());
        out.send(LINK, |bytes| write_book_request(bytes, "unsubscribe", symbol, depth, req_id));
    }

    fn on_instruments(&mut self, now_ns: u64, pairs: &[PairTerms], out: &mut Outbox<Input>) {
        for pair in pairs {
            let Some(at) = self.find(pair.symbol) else { continue };
            let slot = &mut self.slots[at];
            let decimals = (slot.listing.price_decimals, slot.listing.qty_decimals);
            let precision = Precision::new(decimals, (pair.price_precision, pair.qty_precision));
            if precision.is_none() {
                self.counters.protocol_errors += 1;
            }
            let changed = slot.precision != precision;
            slot.precision = precision;
            match (slot.subscription, precision) {
                (Subscription::Unlisted, Some(_)) => {
                    slot.trades_due = true;
                    slot.subscription = Subscription::Waiting { until_ns: now_ns };
                }
                // The checksums were computed with another precision: begin again.
                (Subscription::Synced | Subscription::Asked { .. }, _) if changed => {
                    self.distrust(now_ns, at, Distrust::Protocol, out);
                }
                _ => {}
            }
        }
        if let Link::Up { since_ns, .. } = self.link {
            self.link = Link::Up { since_ns, listed_by_ns: None };
        }
        self.life.reached(now_ns, Stage::Questions);
        let unlisted = self.unlisted();
        if !unlisted.is_empty() {
            self.life.troubled(Why::UnlistedSymbol, &unlisted, None);
        }
        self.subscribe_due(now_ns, out);
    }

    fn on_answer(&mut self, now_ns: u64, answer: &Answer<'_>) {
        if !answer.success {
            self.counters.refused += 1;
            let text = format!("{}: {}", answer.symbol, answer.error);
            self.life.troubled(Why::SubscriptionRefused, &text, None);
        }
        let (first, last) = self.trade_requests;
        if answer.req_id.is_some_and(|id| (first..=last).contains(&id)) {
            return;
        }
        let Some(at) = self.find(answer.symbol) else { return };
        let slot = &mut self.slots[at];
        match (answer.method, slot.subscription) {
            ("unsubscribe", Subscription::Leaving { .. }) => slot.wait(now_ns),
            // Perhaps the book is subscribed already: the timer unsubscribes first.
            ("subscribe", Subscription::Asked { .. }) if !answer.success => {
                slot.subscription = Subscription::Asked { until_ns: now_ns };
            }
            _ => {}
        }
    }

    /// Subscribes the books that are due, many in one request, and their trades.
    fn subscribe_due(&mut self, now_ns: u64, out: &mut Outbox<Input>) {
        self.subscribe_trades(out);
        loop {
            let req_id = self.req_id + 1;
            let depth = self.config.depth;
            let until_ns = now_ns + ANSWER_TIMEOUT_NS;
            let due = |slot: &&mut Slot| match slot.subscription {
                Subscription::Waiting { until_ns } => until_ns <= now_ns,
                _ => false,
            };
            let mut chosen = self.slots.iter_mut().filter(due).take(SYMBOLS_PER_REQUEST).peekable();
            if chosen.peek().is_none() {
                return;
            }
            let names = chosen.map(|slot| {
                slot.subscription = Subscription::Asked { until_ns };
                slot.listing.symbol.as_str()
            });
            out.send(LINK, |bytes| write_book_request(bytes, "subscribe", names, depth, req_id));
            self.req_id = req_id;
        }
    }

    /// Deadlines of the books while the link is up.
    fn on_book_timers(&mut self, now_ns: u64, out: &mut Outbox<Input>) {
        for at in 0..self.slots.len() {
            match self.slots[at].subscription {
                Subscription::Asked { until_ns } if until_ns <= now_ns => {
                    self.distrust(now_ns, at, Distrust::NoSnapshot, out);
                }
                Subscription::Leaving { until_ns } if until_ns <= now_ns => {
                    self.slots[at].wait(now_ns);
                }
                _ => {}
            }
        }
        self.subscribe_due(now_ns, out);
    }

    fn on_link_timers(&mut self, now_ns: u64, out: &mut Outbox<Input>) {
        match self.link {
            Link::Waiting { until_ns } if until_ns <= now_ns => {
                self.life.begins(now_ns);
                self.link = Link::Connecting;
                out.connect(LINK);
            }
            Link::Up { listed_by_ns: Some(by_ns), .. } if by_ns <= now_ns => {
                self.life.failed(now_ns, Why::SubscribeTimeout, "the list of instruments is due");
                self.lost(now_ns, Distrust::Protocol, false, out);
            }
            Link::Up { .. } => match self.silence.due(now_ns) {
                Due::Nothing => {}
                Due::Ping => {
                    let req_id = self.next_req_id();
                    out.send(LINK, |bytes| write_ping(bytes, req_id));
                }
                Due::Dead => {
                    self.life.failed(now_ns, Why::Silent, "no answer to the ping");
                    self.lost(now_ns, Distrust::Disconnected, false, out);
                }
            },
            Link::Waiting { .. } | Link::Connecting | Link::Closing => {}
        }
    }
}

fn slot(config: &Config, listing: &FeedListing) -> Result<Slot, ConfigError> {
    let name = &listing.symbol;
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'.' | b'-' | b'_');
    let symbol = Symbol::new(name.as_bytes())
        .filter(|text| !text.is_empty() && text.as_bytes().iter().all(|b| plain(*b)))
        .ok_or_else(|| ConfigError::Symbol(name.clone()))?;
    if listing.price_decimals > DECIMALS_MAX || listing.qty_decimals > DECIMALS_MAX {
        return Err(ConfigError::Decimals(name.clone()));
    }
    let seed = config.seed ^ u64::from(listing.instrument.0).rotate_left(32);
    Ok(Slot {
        listing: listing.clone(),
        symbol,
        precision: None,
        subscription: Subscription::Unlisted,
        // A message may add all its levels before the book is truncated.
        book: Book::new(usize::from(config.depth) + LEVELS_MAX),
        trust: Trust::new(config.venue, listing.instrument, config.told.levels),
        backoff: Backoff::new(RESYNC_BASE_NS, RESYNC_MAX_NS, seed),
        trades_due: false,
    })
}

impl Slot {
    /// Applies an entry and proves the book.
    fn apply(
        &mut self,
        text: &str,
        entry: &BookEntry,
        snapshot: bool,
        depth: usize,
    ) -> Result<(), Distrust> {
        if snapshot {
            self.book.clear();
        }
        self.apply_side(text, Side::Buy, &entry.bids)?;
        self.apply_side(text, Side::Sell, &entry.asks)?;
        self.book.truncate(depth);
        let precision = self.precision.as_ref().ok_or(Distrust::Protocol)?;
        match checksum(&self.book, precision) {
            Some(sum) if sum == entry.checksum => Ok(()),
            Some(_) => Err(Distrust::Checksum),
            None => Err(Distrust::Protocol),
        }
    }

    fn apply_side(&mut self, text: &str, side: Side, levels: &[LevelText]) -> Result<(), Distrust> {
        for level in levels {
            let price = decimal::parse_unsigned(level.price.of(text), self.listing.price_decimals);
            let qty = decimal::parse_unsigned(level.qty.of(text), self.listing.qty_decimals);
            let (Ok(price), Ok(qty)) = (price, qty) else { return Err(Distrust::Protocol) };
            let level = Level { price: Price(price), qty: Qty(qty) };
            self.book.set(side, level).map_err(|_| Distrust::Protocol)?;
        }
        Ok(())
    }

    fn wait(&mut self, now_ns: u64) {
        let until_ns = now_ns.saturating_add(self.backoff.next_ns());
        self.subscription = Subscription::Waiting { until_ns };
    }
}

impl Machine for KrakenFeed {
    type Command = FeedCommand;
    type Emission = Input;

    fn endpoints(&self) -> Vec<Endpoint> {
        vec![self.config.endpoint.clone()]
    }

    fn rest_base(&self) -> String {
        self.config.rest_base.clone()
    }

    fn start(&mut self, now_ns: u64, out: &mut Outbox<Input>) {
        self.life.begins(now_ns);
        self.link = Link::Connecting;
        out.connect(LINK);
    }

    fn on_event(&mut self, now_ns: u64, event: Event<'_>, out: &mut Outbox<Input>) {
        match event {
            Event::Connected(LINK) => self.on_connected(now_ns, out),
            Event::Text(LINK, text) => self.on_text(now_ns, text, out),
            Event::Alive(LINK) => self.heard(now_ns),
            Event::Closed(LINK, reason) => {
                if matches!(self.link, Link::Connecting | Link::Up { .. }) {
                    self.life.failed(now_ns, life::why_closed(reason), "");
                }
                let distrust = match reason {
                    CloseReason::Protocol | CloseReason::TooLong => Distrust::Protocol,
                    CloseReason::ConnectFailed
                    | CloseReason::Peer
                    | CloseReason::Io
                    | CloseReason::WriteBufferFull
                    | CloseReason::Requested => Distrust::Disconnected,
                };
                self.lost(now_ns, distrust, true, out);
            }
            Event::Http(id, response) => self.on_http(now_ns, id, response, out),
            // Links that this machine does not have.
            Event::Connected(_)
            | Event::Text(..)
            | Event::Alive(_)
            | Event::Closed(..)
            | Event::Bytes(..) => self.counters.ignored += 1,
        }
    }

    fn on_command(&mut self, _now_ns: u64, command: &FeedCommand, _out: &mut Outbox<Input>) {
        match *command {}
    }

    fn flush(&mut self, now_ns: u64, out: &mut Outbox<Input>) {
        let mut told = false;
        for (at, slot) in self.slots.iter_mut().enumerate() {
            told |= slot.trust.publish(&mut slot.book, |update| out.emit(Input::Book(update)));
            if slot.trust.begins_deep_wait() {
                self.deep.add(now_ns, at);
            }
        }
        // Ends: a book that is told leaves the queue.
        while let Some(at) = self.deep.next(now_ns) {
            let Some(slot) = self.slots.get_mut(at) else { continue };
            let updates = slot.trust.deepen(&mut slot.book, |update| out.emit(Input::Book(update)));
            self.deep.told(now_ns, updates);
            told |= updates > 0;
        }
        told |= self.trades.flush(now_ns, |trade| out.emit(Input::Trade(trade)));
        self.life.follow_depth(&mut self.deep, now_ns);
        self.life.follow_trades(&mut self.trades, now_ns);
        if let Some(alive) = self.alive.flushed(now_ns, told) {
            out.emit(alive);
        }
    }

    fn on_timer(&mut self, now_ns: u64, out: &mut Outbox<Input>) {
        self.deep.on_timer(now_ns);
        self.trades.on_timer(now_ns);
        self.on_link_timers(now_ns, out);
        if matches!(self.link, Link::Up { .. }) {
            self.on_book_timers(now_ns, out);
            self.ask_trades(now_ns, out);
        }
    }

    fn standing(&self) -> Option<&Standing> {
        Some(self.life.standing())
    }

    fn next_timer_ns(&self) -> Option<u64> {
        let link = match self.link {
            Link::Waiting { until_ns } => return Some(until_ns),
            Link::Connecting | Link::Closing => return None,
            Link::Up { listed_by_ns, .. } => {
                let due = self.silence.next_ns();
                listed_by_ns.map_or(due, |by_ns| by_ns.min(due))
            }
        };
        let books = self.slots.iter().filter_map(|slot| match slot.subscription {
            Subscription::Waiting { until_ns }
            | Subscription::Asked { until_ns }
            | Subscription::Leaving { until_ns } => Some(until_ns),
            Subscription::Unlisted | Subscription::Synced => None,
        });
        let others = [self.deep.next_ns(), self.trades.next_ns()].into_iter().flatten();
        Some(books.chain(others).fold(link, u64::min))
    }
}

#[cfg(test)]
#[path = "machine_tests.rs"]
mod tests;
