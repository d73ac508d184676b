//! The market-data machine: one WebSocket link, one subscription a book.
//!
//! A line belongs here if it decides when to connect, subscribe, distrust or publish. Reading a
//! message is `message`.
//!
//! The channel has no sequence number: the venue sends each change, or closes. So a book is right
//! from its snapshot on, while its own heartbeat comes each second and its sides do not cross.
//!
//! Invariant: the core is told of a book only while the book's subscription is `Synced`.

use rutter_core::id::Symbol;
use rutter_core::input::{Distrust, Input, Level};
use rutter_core::number::{Price, Qty};
use rutter_feeds::FeedCommand;
use rutter_feeds::alive::Alive;
use rutter_feeds::book::Book;
use rutter_feeds::deep::DeepQueue;
use rutter_feeds::trust::{STABLE_NS, Trust};
use rutter_transport::machine::{CloseReason, Endpoint, Event, LinkId, Machine, Outbox};
use rutter_transport::standing::{Standing, Why};

use super::config::{Config, ConfigError, DECIMALS_MAX, LISTINGS_MAX};
use super::message::{BookText, LEVELS_MAX, Message, MessageError, parse, write_request};
use crate::backoff::Backoff;
use crate::coinbase::config::{is_api_key, is_product};
use crate::coinbase::reject;
use crate::coinbase::signer::Signer;
use crate::decimal;
use crate::life::{self, Life, Stage};
use crate::listing::FeedListing;
use crate::silence::{Due, Silence};

/// The only link of the feed.
pub const LINK: LinkId = LinkId(0);

/// Longest wait for a snapshot or an answer, in nanoseconds.
const ANSWER_TIMEOUT_NS: u64 = 10_000_000_000;

/// A book without its heartbeat for this long is not trusted. The venue sends one each second.
const HEARTBEAT_TIMEOUT_NS: u64 = 5_000_000_000;

/// First and longest wait before a book is subscribed again, in nanoseconds.
const RESYNC_BASE_NS: u64 = 200_000_000;
const RESYNC_MAX_NS: u64 = 30_000_000_000;

/// Counts since the start, for metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Messages received.
    pub messages: u64,
    /// Links lost.
    pub links_lost: u64,
    /// Books that were subscribed again.
    pub resyncs: u64,
    /// Books whose sides crossed.
    pub crossed: u64,
    /// Books whose heartbeat did not come.
    pub heartbeats_missed: u64,
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
    /// Connected.
    Up { since_ns: u64 },
    /// The carrier was asked to close and will answer.
    Closing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Subscription {
    /// Not connected.
    None,
    /// The book is subscribed at this time.
    Waiting { until_ns: u64 },
    /// The subscription was sent; the snapshot is due at this time.
    Asked { until_ns: u64 },
    /// The snapshot has come, and the heartbeat is due at this time.
    Synced { until_ns: u64 },
    /// The end of the subscription was sent; the answer is awaited until this time.
    Leaving { until_ns: u64 },
}

#[derive(Debug)]
struct Slot {
    listing: FeedListing,
    symbol: Symbol,
    subscription: Subscription,
    book: Book,
    trust: Trust,
    backoff: Backoff,
}

/// Coinbase's market data as a machine.
#[derive(Debug)]
pub struct CoinbaseFeed {
    config: Config,
    /// Sorted by symbol.
    slots: Vec<Slot>,
    link: Link,
    backoff: Backoff,
    deep: DeepQueue,
    signer: Signer,
    silence: Silence,
    alive: Alive,
    counters: Counters,
    life: Life,
}

impl CoinbaseFeed {
    /// A feed that is not started.
    ///
    /// # Errors
    /// The setting that cannot be used.
    pub fn new(config: Config) -> Result<Self, ConfigError> {
        if !is_api_key(config.api_key.expose()) {
            return Err(ConfigError::ApiKey);
        }
        let signer = Signer::new(&config.api_key, &config.api_secret)?;
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
        let (base, max) = (config.reconnect_base_ns, config.reconnect_max_ns);
        Ok(Self {
            backoff: Backoff::new(base, max, config.seed),
            alive: Alive::new(config.venue),
            silence: Silence::new(config.silence_ns),
            deep: DeepQueue::new(config.told),
            config,
            slots,
            link: Link::Waiting { until_ns: 0 },
            signer,
            counters: Counters::default(),
            life: Life::default(),
        })
    }

    /// Counts since the start.
    pub const fn counters(&self) -> Counters {
        self.counters
    }

    /// Number of books that are trusted now.
    pub fn synced(&self) -> usize {
        self.slots.iter().filter(|slot| slot.trust.is_trusted()).count()
    }

    fn on_connected(&mut self, now_ns: u64, out: &mut Outbox<Input>) {
        if self.link != Link::Connecting {
            return;
        }
        self.link = Link::Up { since_ns: now_ns };
        self.life.reached(now_ns, Stage::Session);
        self.heard(now_ns);
        for slot in &mut self.slots {
            slot.subscription = Subscription::Waiting { until_ns: now_ns };
        }
        self.subscribe_due(now_ns, out);
    }

    /// The link is of no use any more. Tells the core at once that no book is trusted, and closes
    /// the link unless it is `closed` already.
    fn lost(&mut self, now_ns: u64, reason: Distrust, closed: bool, out: &mut Outbox<Input>) {
        if let Link::Up { since_ns } = self.link {
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
            slot.subscription = Subscription::None;
        }
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
        match parse(text) {
            Ok(Message::Snapshot(book)) => self.on_book(now_ns, book, true, out),
            Ok(Message::Update(book)) => self.on_book(now_ns, book, false, out),
            Ok(Message::Heartbeat(product)) => self.on_heartbeat(now_ns, product),
            Ok(Message::Subscriptions) => self.on_subscriptions(now_ns),
            Ok(Message::Error { message, reason }) => self.on_error(message, reason),
            Ok(Message::Other) => self.counters.ignored += 1,
            Err(error) => {
                self.counters.protocol_errors += 1;
                self.life.failed(now_ns, Why::Protocol, &error.to_string());
                self.lost(now_ns, Distrust::Protocol, false, out);
            }
        }
    }

    fn find(&self, symbol: Symbol) -> Option<usize> {
        self.slots.binary_search_by_key(&symbol, |slot| slot.symbol).ok()
    }

    fn on_book(
        &mut self,
        now_ns: u64,
        book: BookText<'_>,
        snapshot: bool,
        out: &mut Outbox<Input>,
    ) {
        let Some(at) = self.find(book.product) else {
            self.counters.ignored += 1;
            return;
        };
        let slot = &mut self.slots[at];
        let wanted = match slot.subscription {
            Subscription::Synced { .. } => true,
            Subscription::Asked { .. } => snapshot,
            // The rest of a subscription that was given up, or that has not begun yet.
            Subscription::None | Subscription::Waiting { .. } | Subscription::Leaving { .. } => {
                false
            }
        };
        if !wanted {
            self.counters.ignored += 1;
            return;
        }
        match slot.apply(book, snapshot) {
            Ok(()) if slot.book.is_crossed() => {
                self.counters.crossed += 1;
                self.distrust(now_ns, at, Distrust::Gap, out);
            }
            Ok(()) => {
                if snapshot {
                    slot.trust.begin(now_ns);
                    let until_ns = now_ns + HEARTBEAT_TIMEOUT_NS;
                    slot.subscription = Subscription::Synced { until_ns };
                }
                slot.trust.change();
                if snapshot {
                    self.note_progress(now_ns);
                }
            }
            Err(_) => {
                self.counters.protocol_errors += 1;
                self.distrust(now_ns, at, Distrust::Protocol, out);
            }
        }
    }

    fn on_heartbeat(&mut self, now_ns: u64, product: Symbol) {
        let Some(at) = self.find(product) else {
            self.counters.ignored += 1;
            return;
        };
        if let Subscription::Synced { until_ns } = &mut self.slots[at].subscription {
            *until_ns = now_ns + HEARTBEAT_TIMEOUT_NS;
        }
    }

    /// The answer to each request lists what is subscribed. Requests are answered in turn, so a
    /// book that was left is left by now.
    fn on_subscriptions(&mut self, now_ns: u64) {
        self.life.reached(now_ns, Stage::Questions);
        let is_leaving =
            |slot: &&mut Slot| matches!(slot.subscription, Subscription::Leaving { .. });
        if let Some(slot) = self.slots.iter_mut().find(is_leaving) {
            slot.wait(now_ns);
        }
    }

    /// The text does not say which request it answers: the snapshot's timeout finds the book.
    fn on_error(&mut self, message: &str, reason: &str) {
        self.counters.refused += 1;
        let text = format!("{message}: {reason}");
        let why = reject::why(0, &text).unwrap_or(Why::SubscriptionRefused);
        self.life.troubled(why, &text, None);
    }

    /// Tells how far the subscriptions are, after a snapshot.
    fn note_progress(&mut self, now_ns: u64) {
        let is_synced = |slot: &Slot| matches!(slot.subscription, Subscription::Synced { .. });
        if self.slots.iter().all(is_synced) {
            self.life.untroubled();
            self.life.reached(now_ns, Stage::Up);
        }
    }

    /// The book at `at` cannot be trusted: tells the core at once and ends the subscription.
    fn distrust(&mut self, now_ns: u64, at: usize, reason: Distrust, out: &mut Outbox<Input>) {
        let slot = &mut self.slots[at];
        if reason == Distrust::NoSnapshot {
            let symbol = slot.listing.symbol.as_str();
            self.life.troubled(Why::SnapshotFailing, symbol, None);
        }
        self.counters.resyncs += 1;
        if slot.trust.is_trusted() {
            self.alive.postpone(now_ns);
        }
        if slot.trust.end(now_ns, reason, |input| out.emit(input)) {
            slot.backoff.reset();
        }
        slot.subscription = Subscription::Leaving { until_ns: now_ns + ANSWER_TIMEOUT_NS };
        let (product, signer) = (slot.listing.symbol.as_str(), &self.signer);
        out.send(LINK, |bytes| write_request(bytes, "unsubscribe", product, signer, now_ns));
    }

    /// Subscribes the books that are due, each with a request of its own: one product that the
    /// venue does not know would fail a common one.
    fn subscribe_due(&mut self, now_ns: u64, out: &mut Outbox<Input>) {
        let due = |slot: &&mut Slot| match slot.subscription {
            Subscription::Waiting { until_ns } => until_ns <= now_ns,
            _ => false,
        };
        for slot in self.slots.iter_mut().filter(due) {
            slot.subscription = Subscription::Asked { until_ns: now_ns + ANSWER_TIMEOUT_NS };
            let (product, signer) = (slot.listing.symbol.as_str(), &self.signer);
            out.send(LINK, |bytes| write_request(bytes, "subscribe", product, signer, now_ns));
        }
    }

    /// Deadlines of the books while the link is up.
    fn on_book_timers(&mut self, now_ns: u64, out: &mut Outbox<Input>) {
        for at in 0..self.slots.len() {
            match self.slots[at].subscription {
                Subscription::Asked { until_ns } if until_ns <= now_ns => {
                    self.distrust(now_ns, at, Distrust::NoSnapshot, out);
                }
                Subscription::Synced { until_ns } if until_ns <= now_ns => {
                    self.counters.heartbeats_missed += 1;
                    self.distrust(now_ns, at, Distrust::Disconnected, out);
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
            Link::Up { .. } if self.silence.due(now_ns) == Due::Dead => {
                self.life.failed(now_ns, Why::Silent, "no heartbeat");
                self.lost(now_ns, Distrust::Disconnected, false, out);
            }
            Link::Up { .. } | Link::Waiting { .. } | Link::Connecting | Link::Closing => {}
        }
    }
}

fn slot(config: &Config, listing: &FeedListing) -> Result<Slot, ConfigError> {
    let name = &listing.symbol;
    let symbol = Symbol::new(name.as_bytes()).filter(|_| is_product(name));
    let symbol = symbol.ok_or_else(|| ConfigError::Symbol(name.clone()))?;
    if listing.price_decimals > DECIMALS_MAX || listing.qty_decimals > DECIMALS_MAX {
        return Err(ConfigError::Decimals(name.clone()));
    }
    let seed = config.seed ^ u64::from(listing.instrument.0).rotate_left(32);
    Ok(Slot {
        listing: listing.clone(),
        symbol,
        subscription: Subscription::None,
        book: Book::new(LEVELS_MAX),
        trust: Trust::new(config.venue, listing.instrument, config.told.levels),
        backoff: Backoff::new(RESYNC_BASE_NS, RESYNC_MAX_NS, seed),
    })
}

/// A level that cannot be read, or that no book holds.
struct Unusable;

impl From<MessageError> for Unusable {
    fn from(_: MessageError) -> Self {
        Self
    }
}

impl Slot {
    /// Applies a snapshot or an update.
    fn apply(&mut self, book: BookText<'_>, snapshot: bool) -> Result<(), Unusable> {
        if snapshot {
            self.book.clear();
        }
        let (price_decimals, qty_decimals) =
            (self.listing.price_decimals, self.listing.qty_decimals);
        book.levels(|text| {
            let price = decimal::parse_unsigned(text.price.as_bytes(), price_decimals);
            let qty = decimal::parse_unsigned(text.qty.as_bytes(), qty_decimals);
            let (Ok(price), Ok(qty)) = (price, qty) else { return Err(Unusable) };
            let level = Level { price: Price(price), qty: Qty(qty) };
            self.book.set(text.side, level).map_err(|_| Unusable)
        })
    }

    fn wait(&mut self, now_ns: u64) {
        let until_ns = now_ns.saturating_add(self.backoff.next_ns());
        self.subscription = Subscription::Waiting { until_ns };
    }
}

impl Machine for CoinbaseFeed {
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
            // Links and requests that this machine does not have.
            Event::Connected(_)
            | Event::Text(..)
            | Event::Alive(_)
            | Event::Closed(..)
            | Event::Bytes(..)
            | Event::Http(..) => self.counters.ignored += 1,
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
        self.life.follow_depth(&mut self.deep, now_ns);
        if let Some(alive) = self.alive.flushed(now_ns, told) {
            out.emit(alive);
        }
    }

    fn on_timer(&mut self, now_ns: u64, out: &mut Outbox<Input>) {
        self.deep.on_timer(now_ns);
        self.on_link_timers(now_ns, out);
        if matches!(self.link, Link::Up { .. }) {
            self.on_book_timers(now_ns, out);
        }
    }

    fn standing(&self) -> Option<&Standing> {
        Some(self.life.standing())
    }

    fn next_timer_ns(&self) -> Option<u64> {
        let link = match self.link {
            Link::Waiting { until_ns } => return Some(until_ns),
            Link::Connecting | Link::Closing => return None,
            Link::Up { .. } => self.silence.next_ns(),
        };
        let books = self.slots.iter().filter_map(|slot| match slot.subscription {
            Subscription::Waiting { until_ns }
            | Subscription::Asked { until_ns }
            | Subscription::Synced { until_ns }
            | Subscription::Leaving { until_ns } => Some(until_ns),
            Subscription::None => None,
        });
        Some(books.chain(self.deep.next_ns()).fold(link, u64::min))
    }
}

#[cfg(test)]
#[path = "machine_tests.rs"]
mod tests;
