//! The market-data machine: one public WebSocket link, for each book a diff-depth stream and a
//! stream of trades; snapshots and missing trades over REST.
//!
//! A line belongs here if it decides when to connect, subscribe, ask for a snapshot, distrust or
//! publish. Reading a message is `message`; whether a change fits a book is `sequence`; missing
//! trades are `trading`.
//!
//! Invariant: the core is told of a book only while the book's sequence is proved: from a snapshot
//! that meets the changes kept, until the first change that does not fit.

use core::cell::Cell;

use rutter_core::id::InstrumentId;
use rutter_core::input::{Distrust, Input};
use rutter_core::rate::TokenBucket;
use rutter_feeds::FeedCommand;
use rutter_feeds::alive::Alive;
use rutter_feeds::deep::DeepQueue;
use rutter_feeds::trades::{TradeCounters, Trades};
use rutter_feeds::trust::{STABLE_NS, Trust};
use rutter_transport::machine::{
    CloseReason, Endpoint, Event, HttpMethod, HttpRequest, HttpResponse, LinkId, Machine, Outbox,
};
use rutter_transport::standing::{Standing, Why};
use rutter_transport::unread::Unread;

use super::config::{Config, ConfigError, LISTINGS_MAX, SNAPSHOT_MARGIN};
use super::message::{Decimals, Levels, Message, ParseError, parse, parse_snapshot};
use super::sequence::{Break, SequencedBook};
use crate::backoff::Backoff;
use crate::binance::reject;
use crate::life::{self, CLOSE_TIMEOUT_NS, CONNECT_TIMEOUT_NS, Life, Stage};

mod trading;

/// The only link of the feed.
pub const LINK: LinkId = LinkId(0);

const MS: u64 = 1_000_000;
const SECOND_NS: u64 = 1_000 * MS;
/// Most symbols in one subscription request, with two streams each.
const SYMBOLS_PER_REQUEST: usize = 50;
/// Shortest time between two requests on the link. The venue allows five messages a second, pongs
/// included.
const REQUEST_GAP_NS: u64 = 300 * MS;
/// Longest time from a subscription to its answer.
const ANSWER_TIMEOUT_NS: u64 = 10 * SECOND_NS;
/// Longest time from the request of a snapshot to its answer.
const SNAPSHOT_TIMEOUT_NS: u64 = 15 * SECOND_NS;
/// Most snapshots on their way at once.
const SNAPSHOTS_IN_FLIGHT_MAX: usize = 4;
/// Request weight for snapshots a minute: half of the venue's limit of 6,000, since order entry may
/// use the same address. Half of this weight may be used at once.
const SNAPSHOT_WEIGHT_PER_MINUTE: u64 = 3_000;
/// The number of the first request for missing trades; requests for snapshots have smaller ones.
const TRADES_HTTP: u64 = 1 << 32;
/// Time in which one request for missing trades is earned. Its weight is 4, so at most 240 a minute
/// come on top of the snapshots'.
const TRADES_QUESTION_NS: u64 = SECOND_NS;
/// First and longest wait before the snapshot of a book is asked for again.
const RESYNC_NS: (u64, u64) = (250 * MS, 30 * SECOND_NS);

/// Counts since the start, for metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Messages received.
    pub messages: u64,
    /// Links lost or given up.
    pub links_lost: u64,
    /// Snapshots asked for.
    pub snapshots: u64,
    /// Snapshots that did not arrive, could not be read or did not fit.
    pub snapshots_failed: u64,
    /// Missing update ids.
    pub gaps: u64,
    /// Other breaks of a proved book: crossed, beyond its snapshot, or an impossible level.
    pub breaks: u64,
    /// Messages that the protocol forbids, and refused subscriptions.
    pub protocol_errors: u64,
    /// Messages of kinds that were not subscribed.
    pub ignored: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Link {
    /// Not connected until the backoff is over.
    Waiting { until_ns: u64 },
    /// The carrier was asked to connect.
    Connecting { until_ns: u64 },
    /// Connected. `answers` subscriptions have no answer yet; the answers are due at
    /// `answered_by_ns`.
    Up { since_ns: u64, answers: u64, answered_by_ns: u64 },
    /// The carrier was asked to close.
    Closing { until_ns: u64 },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Snapshot {
    /// The book is not subscribed yet.
    Unneeded,
    /// The snapshot is asked for at this time.
    Wanted { due_ns: u64 },
    /// The snapshot is on its way.
    Asked { id: u64, until_ns: u64 },
    /// The snapshot is in the book.
    Taken,
}

impl Snapshot {
    const fn is_asked(self) -> bool {
        matches!(self, Self::Asked { .. })
    }

    const fn is_wanted(self) -> bool {
        matches!(self, Self::Wanted { .. })
    }
}

#[derive(Debug)]
struct Slot {
    symbol: String,
    decimals: Decimals,
    book: SequencedBook,
    snapshot: Snapshot,
    trust: Trust,
    backoff: Backoff,
}

/// Binance's market data as a machine.
#[derive(Debug)]
pub struct BinanceFeed {
    config: Config,
    /// Sorted by symbol.
    slots: Vec<Slot>,
    /// Slots whose book may have changed since the core was last told.
    changed: Vec<usize>,
    deep: DeepQueue,
    trades: Trades,
    /// Number of slots in state `Wanted`, and of those in state `Asked`.
    wanted: usize,
    in_flight: usize,
    link: Link,
    backoff: Backoff,
    levels: Levels,
    /// Number of slots, from the first on, whose subscription was sent.
    subscribed: usize,
    requested_ns: u64,
    next_http: u64,
    budget: TokenBucket,
    heard_ns: u64,
    alive: Alive,
    counters: Counters,
    /// What could not be read.
    unread: Unread,
    life: Life,
    /// The slot whose snapshot failed last, until it has one.
    troubled: Option<usize>,
    /// The last request for trades failed.
    trades_troubled: bool,
}

fn slots_of(config: &Config) -> Result<Vec<Slot>, ConfigError> {
    let mut slots: Vec<Slot> = Vec::with_capacity(config.listings.len());
    for listing in &config.listings {
        let symbol = listing.symbol.clone();
        let good = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit();
        if symbol.is_empty() || symbol.len() > 20 || !symbol.bytes().all(good) {
            return Err(ConfigError::Symbol(symbol));
        }
        if listing.price_decimals > 18 || listing.qty_decimals > 18 {
            return Err(ConfigError::Decimals(symbol));
        }
        if slots.iter().any(|slot| slot.symbol == symbol) {
            return Err(ConfigError::Twice(symbol));
        }
        let seed = config.seed.wrapping_mul(31).wrapping_add(u64::from(listing.instrument.0));
        slots.push(Slot {
            symbol,
            decimals: Decimals { price: listing.price_decimals, qty: listing.qty_decimals },
            book: SequencedBook::new(config.told.levels),
            snapshot: Snapshot::Unneeded,
            trust: Trust::new(config.venue, listing.instrument, config.told.levels),
            backoff: Backoff::new(RESYNC_NS.0, RESYNC_NS.1, seed),
        });
    }
    slots.sort_by(|a, b| a.symbol.cmp(&b.symbol));
    Ok(slots)
}

/// Weight of a snapshot of this depth (`rest-api`, `GET /api/v3/depth`).
const fn snapshot_weight(limit: u16) -> u64 {
    match limit {
        0..=100 => 5,
        101..=500 => 25,
        501..=1_000 => 50,
        _ => 250,
    }
}

/// The budget of snapshots of this depth.
const fn budget(limit: u16) -> TokenBucket {
    let burst = SNAPSHOT_WEIGHT_PER_MINUTE / 2 / snapshot_weight(limit);
    TokenBucket::new(burst, 60 * SECOND_NS / burst)
}

/// Why the venue answered a snapshot with another status than 200.
fn refused(response: &HttpResponse) -> (Why, String) {
    #[derive(Default, serde::Deserialize)]
    struct ErrorJson {
        code: i64,
        #[serde(default)]
        msg: String,
    }
    let ErrorJson { code, msg } = serde_json::from_str(&response.body).unwrap_or_default();
    let why = match response.status {
        403 | 418 => Why::RestBanned,
        429 => Why::RestPaced,
        _ => reject::why(code, &msg).unwrap_or(Why::SnapshotFailing),
    };
    (why, format!("HTTP {}, code {code}", response.status))
}

impl BinanceFeed {
    /// A feed that is not started.
    ///
    /// # Errors
    /// The setting that cannot be used.
    pub fn new(config: Config) -> Result<Self, ConfigError> {
        if config.listings.len() > LISTINGS_MAX {
            return Err(ConfigError::TooMany(config.listings.len()));
        }
        let least = config.told.levels.saturating_mul(SNAPSHOT_MARGIN);
        if !(least..=5_000).contains(&usize::from(config.snapshot_limit)) {
            return Err(ConfigError::SnapshotLimit(config.snapshot_limit));
        }
        let slots = slots_of(&config)?;
        let instruments = slots.iter().map(|slot| slot.trust.instrument());
        Ok(Self {
            trades: Trades::new(config.venue, instruments, TRADES_HTTP, TRADES_QUESTION_NS),
            slots,
            changed: Vec::new(),
            deep: DeepQueue::new(config.told),
            wanted: 0,
            in_flight: 0,
            link: Link::Waiting { until_ns: 0 },
            backoff: Backoff::new(config.reconnect_base_ns, config.reconnect_max_ns, config.seed),
            levels: Levels::default(),
            subscribed: 0,
            requested_ns: 0,
            next_http: 1,
            budget: budget(config.snapshot_limit),
            heard_ns: 0,
            alive: Alive::new(config.venue),
            counters: Counters::default(),
            unread: Unread::default(),
            life: Life::default(),
            troubled: None,
            trades_troubled: false,
            config,
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

    /// Number of books that are proved now.
    pub fn synced(&self) -> usize {
        self.slots.iter().filter(|slot| slot.book.is_synced()).count()
    }

    /// The book of an instrument, if it is proved now.
    pub fn book(&self, instrument: InstrumentId) -> Option<&rutter_feeds::book::Book> {
        let slot = self.slots.iter().find(|slot| slot.trust.instrument() == instrument)?;
        slot.book.is_synced().then(|| slot.book.book())
    }

    fn connect(&mut self, now_ns: u64, out: &mut Outbox<Input>) {
        self.life.begins(now_ns);
        out.connect(LINK);
        self.link = Link::Connecting { until_ns: now_ns.saturating_add(CONNECT_TIMEOUT_NS) };
    }

    /// No book is proved any more.
    fn distrust_all(&mut self, now_ns: u64, reason: Distrust, out: &mut Outbox<Input>) {
        for at in 0..self.slots.len() {
            if let Some(slot) = self.slots.get_mut(at) {
                slot.trust.end(now_ns, reason, |input| out.emit(input));
            }
            self.set_snapshot(at, Snapshot::Unneeded);
            if let Some(slot) = self.slots.get_mut(at) {
                slot.book.restart();
            }
        }
        self.subscribed = 0;
    }

    fn set_snapshot(&mut self, at: usize, snapshot: Snapshot) {
        let Some(slot) = self.slots.get_mut(at) else { return };
        let old = core::mem::replace(&mut slot.snapshot, snapshot);
        self.in_flight -= usize::from(old.is_asked());
        self.in_flight += usize::from(snapshot.is_asked());
        self.wanted -= usize::from(old.is_wanted());
        self.wanted += usize::from(snapshot.is_wanted());
    }

    fn close(&mut self, now_ns: u64, reason: Distrust, out: &mut Outbox<Input>) {
        self.distrust_all(now_ns, reason, out);
        out.close(LINK);
        self.link = Link::Closing { until_ns: now_ns.saturating_add(CLOSE_TIMEOUT_NS) };
    }

    /// Gives the link up, for this reason.
    fn give_up(&mut self, now_ns: u64, why: Why, text: &str, out: &mut Outbox<Input>) {
        let distrust = match why {
            Why::Protocol | Why::SubscriptionRefused => Distrust::Protocol,
            _ => Distrust::Disconnected,
        };
        self.life.failed(now_ns, why, text);
        self.close(now_ns, distrust, out);
    }

    fn on_closed(&mut self, now_ns: u64, reason: CloseReason, out: &mut Outbox<Input>) {
        match self.link {
            Link::Waiting { .. } => return,
            // The reason was told when we asked for the close.
            Link::Closing { .. } => {}
            Link::Connecting { .. } | Link::Up { .. } => {
                self.life.failed(now_ns, life::why_closed(reason), "");
            }
        }
        if let Link::Up { since_ns, .. } = self.link
            && now_ns.saturating_sub(since_ns) >= STABLE_NS
        {
            self.backoff.reset();
        }
        self.counters.links_lost += 1;
        self.distrust_all(now_ns, Distrust::Disconnected, out);
        let until_ns = now_ns.saturating_add(self.backoff.next_ns());
        self.life.retries_at(until_ns);
        self.link = Link::Waiting { until_ns };
    }

    fn on_connected(&mut self, now_ns: u64, out: &mut Outbox<Input>) {
        if !matches!(self.link, Link::Connecting { .. }) {
            return;
        }
        self.heard_ns = now_ns;
        self.requested_ns = 0;
        let answered_by_ns = now_ns.saturating_add(ANSWER_TIMEOUT_NS);
        self.link = Link::Up { since_ns: now_ns, answers: 0, answered_by_ns };
        self.life.reached(now_ns, Stage::Session);
        self.subscribe(now_ns, out);
        self.note_progress(now_ns);
    }

    /// Tells how far the subscriptions and snapshots are.
    fn note_progress(&mut self, now_ns: u64) {
        let Link::Up { answers: 0, .. } = self.link else { return };
        if self.subscribed < self.slots.len() {
            return;
        }
        let taken = |slot: &Slot| slot.snapshot == Snapshot::Taken;
        let is_whole = self.wanted == 0 && self.in_flight == 0 && self.slots.iter().all(taken);
        if !is_whole && self.life.standing().is_up {
            // One book that is made anew does not take the link down.
            return;
        }
        self.life.reached(now_ns, if is_whole { Stage::Up } else { Stage::Questions });
    }

    /// Sends the next subscription when the venue's message rate allows it.
    fn subscribe(&mut self, now_ns: u64, out: &mut Outbox<Input>) {
        let Link::Up { answers, answered_by_ns, .. } = &mut self.link else { return };
        let due = self.requested_ns.saturating_add(REQUEST_GAP_NS);
        if self.subscribed >= self.slots.len() || (self.requested_ns > 0 && now_ns < due) {
            return;
        }
        *answers += 1;
        *answered_by_ns = now_ns.saturating_add(ANSWER_TIMEOUT_NS);
        self.requested_ns = now_ns;
        let end = self.slots.len().min(self.subscribed + SYMBOLS_PER_REQUEST);
        let slots = self.slots.get(self.subscribed..end).unwrap_or_default();
        out.send(LINK, |bytes| {
            bytes.extend_from_slice(b"{\"method\":\"SUBSCRIBE\",\"params\":[");
            for (n, slot) in slots.iter().enumerate() {
                for (nth, stream) in ["@depth@100ms\"", "@aggTrade\""].into_iter().enumerate() {
                    bytes.extend_from_slice(if n + nth == 0 { b"\"" } else { b",\"" });
                    bytes.extend(slot.symbol.bytes().map(|byte| byte.to_ascii_lowercase()));
                    bytes.extend_from_slice(stream.as_bytes());
                }
            }
            // The id is the end of the range of slots, which tells what the answer is about.
            bytes.extend_from_slice(format!("],\"id\":{end}}}").as_bytes());
        });
        self.subscribed = end;
    }

    fn on_text(&mut self, now_ns: u64, text: &str, out: &mut Outbox<Input>) {
        if !matches!(self.link, Link::Up { .. }) {
            return;
        }
        self.heard(now_ns);
        self.counters.messages += 1;
        let mut levels = core::mem::take(&mut self.levels);
        let slots = &self.slots;
        let found = Cell::new(None);
        let parsed = parse(
            text,
            |symbol| {
                let at = slots.binary_search_by(|slot| slot.symbol.as_str().cmp(symbol)).ok()?;
                found.set(Some(at));
                slots.get(at).map(|slot| slot.decimals)
            },
            &mut levels,
        );
        match parsed {
            Ok(Message::Depth(depth)) => {
                if let Some(at) = found.get() {
                    self.on_depth(now_ns, at, (depth.first, depth.last), &levels, out);
                }
            }
            Ok(Message::Trade(trade)) => {
                if let Some(at) = found.get() {
                    self.trades.take(now_ns, at, &trade, false);
                }
            }
            Ok(Message::Unreadable) => self.trades.unreadable(),
            Ok(Message::Answer { id, done }) => self.on_answer(now_ns, id, done, out),
            Ok(Message::Shutdown) => {
                self.give_up(now_ns, Why::VenueLeaves, "the server will restart", out);
            }
            Ok(Message::Other) => self.counters.ignored += 1,
            Err(error @ ParseError::Decimal { .. }) => {
                self.counters.protocol_errors += 1;
                self.keep_unread(&error.to_string(), text);
                if let Some(at) = found.get() {
                    self.resync(now_ns, at, Distrust::Protocol, out);
                }
            }
            Err(error @ (ParseError::Json | ParseError::TooManyLevels)) => {
                self.counters.protocol_errors += 1;
                self.keep_unread(&error.to_string(), text);
                self.give_up(now_ns, Why::Protocol, &error.to_string(), out);
            }
        }
        self.levels = levels;
    }

    fn keep_unread(&mut self, what: &str, raw: &str) {
        self.unread.add(what, raw, &[]);
        self.life.follow_unread(&self.unread);
    }

    fn on_answer(&mut self, now_ns: u64, id: Option<u64>, done: bool, out: &mut Outbox<Input>) {
        let Link::Up { answers, .. } = &mut self.link else { return };
        if !done {
            self.counters.protocol_errors += 1;
            self.give_up(now_ns, Why::SubscriptionRefused, "", out);
            return;
        }
        *answers = answers.saturating_sub(1);
        // The stream carries all changes from now on, so a snapshot asked for now will meet them.
        let end = id.map_or(0, |id| usize::try_from(id).unwrap_or(usize::MAX));
        let end = end.min(self.subscribed);
        for at in 0..end {
            if self.slots[at].snapshot == Snapshot::Unneeded {
                self.set_snapshot(at, Snapshot::Wanted { due_ns: now_ns });
            }
        }
        self.note_progress(now_ns);
        self.ask_snapshots(now_ns, out);
    }

    fn on_depth(
        &mut self,
        now_ns: u64,
        at: usize,
        (first, last): (u64, u64),
        levels: &Levels,
        out: &mut Outbox<Input>,
    ) {
        let Some(slot) = self.slots.get_mut(at) else { return };
        match slot.book.change(first, last, levels) {
            Ok(true) => {
                if slot.trust.change() {
                    self.changed.push(at);
                }
            }
            Ok(false) if slot.snapshot == Snapshot::Unneeded => {
                self.set_snapshot(at, Snapshot::Wanted { due_ns: now_ns });
                self.ask_snapshots(now_ns, out);
            }
            Ok(false) => {}
            Err(error) => self.on_break(now_ns, at, error, out),
        }
    }

    fn on_break(&mut self, now_ns: u64, at: usize, error: Break, out: &mut Outbox<Input>) {
        let reason = match error {
            Break::Gap { .. } => {
                self.counters.gaps += 1;
                Distrust::Gap
            }
            // The market has left the snapshot, which is no fault of the venue.
            Break::Horizon | Break::Overflow | Break::OldSnapshot { .. } => Distrust::NoSnapshot,
            Break::Backwards { .. } | Break::Level(_) | Break::Crossed => Distrust::Protocol,
        };
        self.counters.breaks += u64::from(!matches!(error, Break::Gap { .. }));
        self.resync(now_ns, at, reason, out);
    }

    /// The book needs a new snapshot, after a pause that grows while the book keeps breaking.
    fn resync(&mut self, now_ns: u64, at: usize, reason: Distrust, out: &mut Outbox<Input>) {
        let Some(slot) = self.slots.get_mut(at) else { return };
        if slot.trust.end(now_ns, reason, |input| out.emit(input)) {
            slot.backoff.reset();
        }
        if reason == Distrust::Protocol {
            slot.book.restart();
        }
        let due_ns = now_ns.saturating_add(slot.backoff.next_ns());
        self.set_snapshot(at, Snapshot::Wanted { due_ns });
    }

    fn ask_snapshots(&mut self, now_ns: u64, out: &mut Outbox<Input>) {
        for at in 0..self.slots.len() {
            if self.wanted == 0 || self.in_flight >= SNAPSHOTS_IN_FLIGHT_MAX {
                return;
            }
            let due = matches!(self.slots[at].snapshot,
                Snapshot::Wanted { due_ns } if due_ns <= now_ns);
            if !due {
                continue;
            }
            if !self.budget.take(now_ns) {
                return;
            }
            let id = self.next_http;
            self.next_http += 1;
            self.counters.snapshots += 1;
            let limit = self.config.snapshot_limit;
            let symbol = &self.slots[at].symbol;
            let until_ns = now_ns.saturating_add(SNAPSHOT_TIMEOUT_NS);
            out.http(HttpRequest {
                id,
                method: HttpMethod::Get,
                target: format!("/api/v3/depth?symbol={symbol}&limit={limit}"),
                headers: Vec::new(),
                body: String::new(),
            });
            self.set_snapshot(at, Snapshot::Asked { id, until_ns });
        }
    }

    fn on_http(
        &mut self,
        now_ns: u64,
        id: u64,
        response: Option<&HttpResponse>,
        out: &mut Outbox<Input>,
    ) {
        if let Some(at) = self.trades.answers(id) {
            self.on_trades(now_ns, at, response, out);
            return;
        }
        let asked = |slot: &Slot| matches!(slot.snapshot, Snapshot::Asked { id: i, .. } if i == id);
        let Some(at) = self.slots.iter().position(asked) else { return };
        match self.take_snapshot(now_ns, at, response) {
            Ok(()) => {
                if self.troubled.is_none_or(|troubled| troubled == at) {
                    self.troubled = None;
                    self.life.untroubled();
                }
                self.note_progress(now_ns);
            }
            Err((why, text)) => self.on_no_snapshot(now_ns, at, why, &text, out),
        }
        self.ask_snapshots(now_ns, out);
    }

    fn on_no_snapshot(
        &mut self,
        now_ns: u64,
        at: usize,
        why: Why,
        text: &str,
        out: &mut Outbox<Input>,
    ) {
        self.counters.snapshots_failed += 1;
        self.resync(now_ns, at, Distrust::NoSnapshot, out);
        let Some(slot) = self.slots.get(at) else { return };
        self.troubled = Some(at);
        let next_ns = match slot.snapshot {
            Snapshot::Wanted { due_ns } => Some(due_ns),
            Snapshot::Unneeded | Snapshot::Asked { .. } | Snapshot::Taken => None,
        };
        // Only the carrier knows why there was no answer.
        let text = if text.is_empty() { text } else { &format!("{}: {text}", slot.symbol) };
        self.life.troubled(why, text, next_ns);
    }

    /// Puts a snapshot into its book, whose sequence is then proved.
    fn take_snapshot(
        &mut self,
        now_ns: u64,
        at: usize,
        response: Option<&HttpResponse>,
    ) -> Result<(), (Why, String)> {
        let response = response.ok_or((Why::RestFailing, String::new()))?;
        if response.status != 200 {
            return Err(refused(response));
        }
        let unusable = |text: String| (Why::SnapshotFailing, text);
        let limit = usize::from(self.config.snapshot_limit);
        let levels = &mut self.levels;
        let Some(slot) = self.slots.get_mut(at) else { return Ok(()) };
        let id = parse_snapshot(&response.body, &slot.symbol, slot.decimals, levels)
            .map_err(|error| unusable(error.to_string()))?;
        slot.book
            .snapshot(id, levels, limit)
            .map_err(|_| unusable("does not meet the changes".to_owned()))?;
        if slot.trust.change() {
            self.changed.push(at);
        }
        slot.trust.begin(now_ns);
        self.set_snapshot(at, Snapshot::Taken);
        Ok(())
    }

    const fn heard(&mut self, now_ns: u64) {
        self.heard_ns = now_ns;
        self.alive.heard();
    }

    fn on_up_timer(&mut self, now_ns: u64, out: &mut Outbox<Input>) {
        let Link::Up { since_ns, answers, answered_by_ns } = self.link else { return };
        let old = now_ns >= since_ns.saturating_add(self.config.lifetime_ns);
        let silent = now_ns >= self.heard_ns.saturating_add(self.config.silence_ns);
        let unanswered = answers > 0 && now_ns >= answered_by_ns;
        let why = match (silent, unanswered) {
            (true, _) => Some(Why::Silent),
            (_, true) => Some(Why::SubscribeTimeout),
            _ => old.then_some(Why::Renewing),
        };
        if let Some(why) = why {
            self.give_up(now_ns, why, "", out);
            return;
        }
        self.subscribe(now_ns, out);
        for at in 0..self.slots.len() {
            let late = matches!(self.slots[at].snapshot,
                Snapshot::Asked { until_ns, .. } if now_ns >= until_ns);
            if late {
                self.on_no_snapshot(now_ns, at, Why::RestFailing, "no answer in time", out);
            }
        }
        self.ask_snapshots(now_ns, out);
        self.ask_trades(now_ns, out);
    }

    fn next_snapshot_ns(&self) -> Option<u64> {
        if self.wanted == 0 && self.in_flight == 0 {
            return None;
        }
        let full = self.in_flight >= SNAPSHOTS_IN_FLIGHT_MAX;
        // Zero: the budget allows a request at once.
        let paced = self.budget.due_ns(0);
        let due = |slot: &Slot| match slot.snapshot {
            Snapshot::Wanted { due_ns } if !full => Some(due_ns.max(paced)),
            Snapshot::Asked { until_ns, .. } => Some(until_ns),
            Snapshot::Wanted { .. } | Snapshot::Unneeded | Snapshot::Taken => None,
        };
        self.slots.iter().filter_map(due).min()
    }
}

impl Machine for BinanceFeed {
    type Command = FeedCommand;
    type Emission = Input;

    fn endpoints(&self) -> Vec<Endpoint> {
        vec![self.config.endpoint.clone()]
    }

    fn rest_base(&self) -> String {
        self.config.rest_base.clone()
    }

    fn start(&mut self, now_ns: u64, out: &mut Outbox<Input>) {
        self.connect(now_ns, out);
    }

    fn on_event(&mut self, now_ns: u64, event: Event<'_>, out: &mut Outbox<Input>) {
        match event {
            Event::Connected(LINK) => self.on_connected(now_ns, out),
            Event::Text(LINK, text) => self.on_text(now_ns, text, out),
            Event::Alive(LINK) => self.heard(now_ns),
            Event::Closed(LINK, reason) => self.on_closed(now_ns, reason, out),
            Event::Http(id, response) => self.on_http(now_ns, id, response, out),
            Event::Connected(_)
            | Event::Text(..)
            | Event::Alive(_)
            | Event::Closed(..)
            | Event::Bytes(..) => {}
        }
    }

    fn on_command(&mut self, _now_ns: u64, command: &FeedCommand, _out: &mut Outbox<Input>) {
        match *command {}
    }

    fn flush(&mut self, now_ns: u64, out: &mut Outbox<Input>) {
        let mut told = false;
        for at in self.changed.drain(..) {
            let Some(slot) = self.slots.get_mut(at) else { continue };
            let emit = |update| out.emit(Input::Book(update));
            told |= slot.trust.publish(slot.book.book_mut(), emit);
            if slot.trust.begins_deep_wait() {
                self.deep.add(now_ns, at);
            }
        }
        // Ends: a book that is told leaves the queue.
        while let Some(at) = self.deep.next(now_ns) {
            let Some(slot) = self.slots.get_mut(at) else { continue };
            let emit = |update| out.emit(Input::Book(update));
            let updates = slot.trust.deepen(slot.book.book_mut(), emit);
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
        match self.link {
            Link::Waiting { until_ns } if now_ns >= until_ns => self.connect(now_ns, out),
            Link::Connecting { until_ns } if now_ns >= until_ns => {
                self.give_up(now_ns, Why::ConnectTimeout, "", out);
            }
            Link::Closing { until_ns } if now_ns >= until_ns => {
                self.on_closed(now_ns, CloseReason::Requested, out);
            }
            Link::Up { .. } => self.on_up_timer(now_ns, out),
            Link::Waiting { .. } | Link::Connecting { .. } | Link::Closing { .. } => {}
        }
    }

    fn standing(&self) -> Option<&Standing> {
        Some(self.life.standing())
    }

    fn next_timer_ns(&self) -> Option<u64> {
        match self.link {
            Link::Waiting { until_ns }
            | Link::Connecting { until_ns }
            | Link::Closing { until_ns } => Some(until_ns),
            Link::Up { since_ns, answers, answered_by_ns } => {
                let silence = self.heard_ns.saturating_add(self.config.silence_ns);
                let lifetime = since_ns.saturating_add(self.config.lifetime_ns);
                let answer = (answers > 0).then_some(answered_by_ns);
                let request = (self.subscribed < self.slots.len())
                    .then_some(self.requested_ns.saturating_add(REQUEST_GAP_NS));
                let snapshot = self.next_snapshot_ns();
                let deep = self.deep.next_ns();
                let trades = self.trades.next_ns();
                let timers =
                    [Some(silence), Some(lifetime), answer, request, snapshot, deep, trades];
                timers.into_iter().flatten().min()
            }
        }
    }
}
