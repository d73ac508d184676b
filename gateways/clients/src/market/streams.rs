//! Market data requests, their streams, and the order in which streams are served.
//!
//! A stream has one state at a time: idle (its client has the newest book), queued, delayed (the
//! interval since its last message is not over) or waiting (its client does not read). A stream
//! that ends while it is queued or delayed is freed when its turn comes.
//!
//! A line belongs here if it decides which message is sent next. Sessions, buffers and sending are
//! `gateway`.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use rutter_core::id::{InstrumentId, Name, VenueId};
use rutter_core::input::{PublicTrade, Side};
use rutter_fix::codec::Encoder;
use rutter_fix::dictionary::Version;

use super::books::{BookNews, Books, VenueSet};
use super::config::{MarketConfig, MarketLimits};
use super::ladder::{BookView, Change, Ladder};
use super::request::{EntrySelection, MdRefusal, RequestedSymbol, Symbols, Update};
use super::tape::Tape;
use super::write::{StreamHeader, write_increment, write_snapshot, write_trades};
use super::{ENTRIES_PER_SIDE_MAX, INCREMENT_ENTRIES_MAX, MdReqId, TRADES_PER_MESSAGE_MAX};
use crate::config::InstrumentConfig;
use crate::terms::Terms;

/// Counters since the start of the process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MarketCounters {
    /// Snapshots (W) sent.
    pub snapshots: u64,
    /// Incremental refreshes (X) with changes of books sent.
    pub increments: u64,
    /// Trades sent.
    pub trades: u64,
    /// Request rejects (Y) sent.
    pub refused: u64,
    /// Times that a client's backlog held a stream back.
    pub held_back: u64,
    /// Times that all books of a venue were lost on the way from its feed.
    pub lost: u64,
}

/// The state of a stream; see the module's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum StreamState {
    Idle,
    Queued,
    Delayed,
    Waiting,
}

/// One instrument of one request.
#[derive(Debug)]
struct Stream {
    /// The client's place in the configuration.
    client: usize,
    id: MdReqId,
    instrument: InstrumentConfig,
    exchange: Option<VenueId>,
    view: BookView,
    show: EntrySelection,
    /// The client has been sent the first image.
    told: bool,
    /// The levels that the client was sent last: bids, offers.
    ladders: [Ladder; 2],
    /// The place of the first trade that the client was not sent.
    trades_from: u64,
    sent_ns: u64,
    state: StreamState,
    over: bool,
}

/// The message that is due for a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DueMessage {
    /// None: nothing that the stream shows has changed, or an update of a book is incomplete.
    Nothing,
    /// A snapshot (W).
    Snapshot,
    /// An incremental refresh (X) with changes of books.
    Increment,
    /// An incremental refresh (X) with trades.
    Trades,
}

/// A request that is active.
#[derive(Debug)]
struct Subscription {
    id: MdReqId,
    slots: Vec<u32>,
}

/// The active requests of one client.
#[derive(Debug, Default)]
struct Subscriber {
    subscriptions: Vec<Subscription>,
    streams: usize,
    /// Streams held back until the client has read.
    waiting: Vec<u32>,
}

/// The books, and all streams on them.
#[derive(Debug)]
pub struct Market {
    books: Books,
    limits: MarketLimits,
    venues: Vec<Name>,
    streams: Vec<Option<Stream>>,
    free: Vec<u32>,
    subscribers: Vec<Subscriber>,
    /// Streams of each instrument.
    watched: Vec<Vec<u32>>,
    /// Venues that have changed since the instrument's streams were looked at, by instrument.
    changed: Vec<VenueSet>,
    /// Instruments with a bit in `changed`.
    changed_list: Vec<InstrumentId>,
    queue: VecDeque<u32>,
    /// Delayed streams by the time at which their interval is over.
    delayed: BinaryHeap<Reverse<(u64, u32)>>,
    view: [Ladder; 2],
    /// The view that `view` shows, as long as it is the newest.
    shown: Option<(BookView, [bool; 2])>,
    changes: Vec<Change>,
    /// The trades of each instrument.
    tapes: Vec<Tape>,
    /// The trades of the message that is due, and the place behind them.
    trades: (Vec<PublicTrade>, u64),
    counters: MarketCounters,
}

impl Market {
    /// Untrusted books and no streams. `venues` are names by id.
    pub fn new(config: &MarketConfig, venues: Vec<Name>, clients: usize) -> Self {
        let books = Books::new(config);
        let instruments = books.instruments();
        Self {
            limits: config.limits,
            venues,
            streams: Vec::new(),
            free: Vec::new(),
            subscribers: (0..clients).map(|_| Subscriber::default()).collect(),
            watched: vec![Vec::new(); instruments],
            changed: vec![0; instruments],
            changed_list: Vec::with_capacity(instruments),
            queue: VecDeque::new(),
            delayed: BinaryHeap::new(),
            view: [Side::Buy, Side::Sell].map(|side| Ladder::new(side, ENTRIES_PER_SIDE_MAX)),
            shown: None,
            changes: Vec::with_capacity(INCREMENT_ENTRIES_MAX),
            tapes: (0..instruments).map(|_| Tape::default()).collect(),
            trades: (Vec::with_capacity(TRADES_PER_MESSAGE_MAX), 0),
            counters: MarketCounters::default(),
            books,
        }
    }

    /// The counters.
    pub const fn counters(&self) -> MarketCounters {
        self.counters
    }

    /// Active streams.
    pub fn len(&self) -> usize {
        self.streams.len() - self.free.len()
    }

    /// Makes room for so many clients.
    pub fn grow(&mut self, clients: usize) {
        self.subscribers.resize_with(clients.max(self.subscribers.len()), Subscriber::default);
    }

    /// Whether there is no active stream.
    pub fn is_empty(&self) -> bool {
        self.streams.len() == self.free.len()
    }

    /// The configured limits.
    pub const fn limits(&self) -> &MarketLimits {
        &self.limits
    }

    /// Takes a feed's update. Without streams this changes the book and does nothing else.
    #[inline]
    pub fn take(&mut self, now_ns: u64, news: &BookNews) {
        self.counters.lost += u64::from(matches!(news, BookNews::Lost(_)));
        self.shown = None;
        let Self { books, watched, changed, changed_list, tapes, .. } = self;
        if let BookNews::Trade(trade) = news
            && books.listed(trade.instrument) >> trade.venue.0 & 1 == 1
        {
            tapes[trade.instrument.index()].push(*trade);
            mark(watched, changed, changed_list, trade.instrument, trade.venue);
        }
        books.take(now_ns, news, |instrument, venue| {
            mark(watched, changed, changed_list, instrument, venue);
        });
    }

    /// Whether [`take_next`](Self::take_next) may find a stream to serve at once.
    pub fn has_work(&self) -> bool {
        !self.queue.is_empty() || !self.changed_list.is_empty()
    }

    /// When a stream is due by time alone; `u64::MAX` for never.
    pub fn next_due_ns(&self) -> u64 {
        let delayed = self.delayed.peek().map_or(u64::MAX, |Reverse((due_ns, _))| *due_ns);
        // Without streams nobody needs to know that a feed becomes stale.
        if self.is_empty() { delayed } else { delayed.min(self.books.stale_due_ns()) }
    }

    /// Queues the streams whose books have changed, or whose interval is over.
    pub fn advance(&mut self, now_ns: u64) {
        self.shown = None;
        let Self { books, watched, changed, changed_list, .. } = self;
        books.age(now_ns, |instrument, venue| {
            mark(watched, changed, changed_list, instrument, venue);
        });
        while let Some(instrument) = self.changed_list.pop() {
            let venues = std::mem::take(&mut self.changed[instrument.index()]);
            for at in 0..self.watched[instrument.index()].len() {
                let slot = self.watched[instrument.index()][at];
                self.wake(now_ns, slot, venues);
            }
        }
        while let Some(Reverse((due_ns, slot))) = self.delayed.peek().copied() {
            if due_ns > now_ns {
                break;
            }
            self.delayed.pop();
            self.enqueue(slot);
        }
    }

    /// A book of one of these venues has changed: the stream is to be served.
    fn wake(&mut self, now_ns: u64, slot: u32, venues: VenueSet) {
        let interval_ns = self.limits.update_interval_ns;
        let stream = stream_mut(&mut self.streams, slot);
        if stream.state != StreamState::Idle || stream.view.venues & venues == 0 {
            return;
        }
        let due_ns = stream.sent_ns.saturating_add(interval_ns);
        if stream.told && interval_ns > 0 && due_ns > now_ns {
            stream.state = StreamState::Delayed;
            self.delayed.push(Reverse((due_ns, slot)));
        } else {
            self.enqueue(slot);
        }
    }

    fn enqueue(&mut self, slot: u32) {
        stream_mut(&mut self.streams, slot).state = StreamState::Queued;
        self.queue.push_back(slot);
    }

    /// The next stream to serve, and its client's place: call `prepare` or `wait` for it.
    pub fn take_next(&mut self) -> Option<(u32, usize)> {
        while let Some(slot) = self.queue.pop_front() {
            let stream = stream_mut(&mut self.streams, slot);
            stream.state = StreamState::Idle;
            if stream.over {
                self.release(slot);
                continue;
            }
            return Some((slot, stream.client));
        }
        None
    }

    /// The stream's client does not read. The stream is served again after
    /// [`client_reads`](Self::client_reads), with the newest book then.
    pub fn wait(&mut self, slot: u32) {
        let stream = stream_mut(&mut self.streams, slot);
        stream.state = StreamState::Waiting;
        self.subscribers[stream.client].waiting.push(slot);
        self.counters.held_back += 1;
    }

    /// Whether streams of this client wait until it has read.
    #[inline]
    pub fn is_waiting(&self, client: usize) -> bool {
        !self.subscribers[client].waiting.is_empty()
    }

    /// The client has read: its waiting streams are queued again.
    pub fn client_reads(&mut self, client: usize) {
        let mut waiting = std::mem::take(&mut self.subscribers[client].waiting);
        for slot in waiting.drain(..) {
            self.enqueue(slot);
        }
        // The list keeps its memory.
        self.subscribers[client].waiting = waiting;
    }

    /// Finds the message that is due for a stream. [`write`](Self::write) writes it, and
    /// [`sent`](Self::sent) notes that it was sent; both only for the stream that was prepared
    /// last.
    pub fn prepare(&mut self, slot: u32) -> DueMessage {
        let stream = stream_mut(&mut self.streams, slot);
        self.trades.0.clear();
        let tape = &self.tapes[stream.view.instrument.index()];
        if stream.show.trades && stream.told {
            let due = tape.since(stream.trades_from, stream.view.venues);
            for (place, trade) in due.take(TRADES_PER_MESSAGE_MAX) {
                self.trades.0.push(trade);
                self.trades.1 = place;
            }
            if !self.trades.0.is_empty() {
                return DueMessage::Trades;
            }
        }
        if self.books.half_told(stream.view.instrument, stream.view.venues) {
            // The message that completes the update marks the instrument again.
            return DueMessage::Nothing;
        }
        let wanted = (stream.view, stream.show.sides);
        if self.shown != Some(wanted) {
            for (ladder, wanted) in self.view.iter_mut().zip(wanted.1) {
                ladder.clear();
                if wanted {
                    ladder.fill(&self.books, &stream.view);
                }
            }
            self.shown = Some(wanted);
        }
        if !stream.told {
            self.trades.1 = tape.end();
            self.trades.0.extend(tape.last(stream.view.venues).filter(|_| stream.show.trades));
            return DueMessage::Snapshot;
        }
        self.changes.clear();
        let mut count = 0;
        for (now, before) in self.view.iter().zip(&stream.ladders) {
            count += now.changes(before, |change| {
                if self.changes.len() < INCREMENT_ENTRIES_MAX {
                    self.changes.push(change);
                }
            });
        }
        let entries: usize = self.view.iter().map(|ladder| ladder.entries().len()).sum();
        match stream.show.update {
            _ if count == 0 => DueMessage::Nothing,
            // A W is shorter than an X both for an empty book and for a book that is all new.
            Update::Incremental if entries > 0 && count <= INCREMENT_ENTRIES_MAX => {
                DueMessage::Increment
            }
            Update::Incremental | Update::Full | Update::Once => DueMessage::Snapshot,
        }
    }

    /// Writes the fields of the message that is due.
    pub fn write(&self, slot: u32, owed: DueMessage, version: Version, out: &mut Encoder<'_>) {
        let stream = stream(&self.streams, slot);
        let heading = StreamHeader {
            id: &stream.id,
            instrument: &stream.instrument,
            exchange: stream.exchange.and_then(|venue| self.venues.get(venue.index())),
            depth: stream.show.depth,
            venues: &self.venues,
        };
        match owed {
            DueMessage::Nothing => {}
            DueMessage::Snapshot => {
                write_snapshot(out, &heading, &self.view, self.trades.0.first(), version);
            }
            DueMessage::Trades => write_trades(out, &heading, &self.trades.0, version),
            DueMessage::Increment => write_increment(out, &heading, &self.changes, version),
        }
    }

    /// The message that was due has been sent.
    pub fn sent(&mut self, now_ns: u64, slot: u32, owed: DueMessage) {
        let stream = stream_mut(&mut self.streams, slot);
        match owed {
            DueMessage::Nothing => return,
            DueMessage::Snapshot => self.counters.snapshots += 1,
            DueMessage::Increment => self.counters.increments += 1,
            DueMessage::Trades => {
                self.counters.trades += self.trades.0.len() as u64;
                (stream.trades_from, stream.sent_ns) = (self.trades.1, now_ns);
                // More trades may wait, and changes of the books.
                let venues = stream.view.venues;
                self.wake(now_ns, slot, venues);
                return;
            }
        }
        if !stream.told {
            stream.trades_from = self.trades.1;
        }
        stream.told = true;
        stream.sent_ns = now_ns;
        for (told, now) in stream.ladders.iter_mut().zip(&self.view) {
            told.copy_from(now);
        }
        if stream.show.update == Update::Once {
            self.end_stream(slot);
        }
    }

    /// Begins a request. `symbols` are read twice, because a request begins as a whole or not at
    /// all.
    ///
    /// # Errors
    /// [`MdRefusal`].
    pub fn begin(
        &mut self,
        client: usize,
        id: &MdReqId,
        show: EntrySelection,
        symbols: &Symbols<'_>,
        terms: &Terms,
    ) -> Result<(), MdRefusal> {
        let subscriber = &self.subscribers[client];
        if subscriber.subscriptions.iter().any(|one| one.id == *id) {
            return Err(MdRefusal::Duplicate);
        }
        let count = symbols.clone().count();
        if count > self.limits.request_symbols_max {
            return Err(MdRefusal::TooManySymbols);
        }
        let all = self.streams.len() - self.free.len();
        if subscriber.streams + count > self.limits.session_streams_max
            || all + count > self.limits.streams_max
        {
            return Err(MdRefusal::TooManyStreams);
        }
        for (at, wanted) in symbols.clone().enumerate() {
            self.resolve(&wanted, terms).ok_or(MdRefusal::UnknownSymbol)?;
            if symbols.clone().skip(at + 1).any(|other| other == wanted) {
                return Err(MdRefusal::Duplicate);
            }
        }
        let slots = symbols.clone().filter_map(|wanted| {
            let (instrument, exchange, venues) = self.resolve(&wanted, terms)?;
            Some(self.begin_stream(client, id, show, (instrument, exchange, venues)))
        });
        let slots = slots.collect();
        let subscriber = &mut self.subscribers[client];
        subscriber.streams += count;
        subscriber.subscriptions.push(Subscription { id: *id, slots });
        Ok(())
    }

    /// The instrument, the venue if one is named, and the venues to show; `None` if there is none.
    fn resolve(
        &self,
        wanted: &RequestedSymbol<'_>,
        terms: &Terms,
    ) -> Option<(InstrumentConfig, Option<VenueId>, VenueSet)> {
        let instrument = *terms.by_symbol(wanted.symbol)?;
        let listed = self.books.listed(instrument.id);
        let exchange = match wanted.exchange {
            None => None,
            Some(name) => Some(terms.venue_named(name)?),
        };
        let only = exchange.map_or(VenueSet::MAX, |venue| {
            (1 as VenueSet).checked_shl(u32::from(venue.0)).unwrap_or(0)
        });
        let venues = listed & only;
        (venues != 0).then_some((instrument, exchange, venues))
    }

    fn begin_stream(
        &mut self,
        client: usize,
        id: &MdReqId,
        show: EntrySelection,
        (instrument, exchange, venues): (InstrumentConfig, Option<VenueId>, VenueSet),
    ) -> u32 {
        let (depth, aggregated) = (show.depth, show.aggregated);
        let a_price = if aggregated { 1 } else { venues.count_ones() as usize };
        let room = usize::from(depth) * a_price;
        let ladders = [Side::Buy, Side::Sell]
            .map(|side| Ladder::new(side, if show.side(side) { room } else { 0 }));
        let stream = Stream {
            client,
            id: *id,
            exchange,
            view: BookView { instrument: instrument.id, venues, depth, aggregated },
            instrument,
            show,
            told: false,
            ladders,
            trades_from: 0,
            sent_ns: 0,
            state: StreamState::Idle,
            over: false,
        };
        let slot = self.free.pop().unwrap_or_else(|| {
            self.streams.push(None);
            (self.streams.len() - 1) as u32
        });
        let watched = instrument.id.index();
        self.streams[slot as usize] = Some(stream);
        self.watched[watched].push(slot);
        // Reserved here, so that nothing is allocated when many streams are due at once.
        let slots = self.streams.len();
        self.queue.reserve(slots - self.queue.len().min(slots));
        self.delayed.reserve(slots - self.delayed.len().min(slots));
        self.enqueue(slot);
        slot
    }

    /// Ends a subscription.
    ///
    /// # Errors
    /// [`MdRefusal::UnknownRequest`].
    pub fn end(&mut self, client: usize, id: &MdReqId) -> Result<(), MdRefusal> {
        let subscriptions = &mut self.subscribers[client].subscriptions;
        let at = subscriptions.iter().position(|one| one.id == *id);
        let subscription = subscriptions.swap_remove(at.ok_or(MdRefusal::UnknownRequest)?);
        for slot in subscription.slots {
            self.finish(slot);
        }
        Ok(())
    }

    /// Counts a refusal that was sent.
    pub const fn refused(&mut self) {
        self.counters.refused += 1;
    }

    /// The client is gone: all its requests end.
    pub fn client_gone(&mut self, client: usize) {
        self.client_reads(client);
        for subscription in std::mem::take(&mut self.subscribers[client].subscriptions) {
            for slot in subscription.slots {
                self.finish(slot);
            }
        }
    }

    /// One stream of a request is complete.
    fn end_stream(&mut self, slot: u32) {
        let stream = stream(&self.streams, slot);
        let subscriptions = &mut self.subscribers[stream.client].subscriptions;
        if let Some(at) = subscriptions.iter().position(|one| one.id == stream.id) {
            subscriptions[at].slots.retain(|one| *one != slot);
            if subscriptions[at].slots.is_empty() {
                subscriptions.swap_remove(at);
            }
        }
        self.finish(slot);
    }

    /// Ends a stream. It stays in the queue or among the delayed ones until its turn, but leaves
    /// the waiting ones at once: its client may never read again.
    fn finish(&mut self, slot: u32) {
        let stream = stream_mut(&mut self.streams, slot);
        stream.over = true;
        let waits = stream.state == StreamState::Waiting;
        let is_free = waits || stream.state == StreamState::Idle;
        let (client, watched) = (stream.client, stream.view.instrument.index());
        self.watched[watched].retain(|one| *one != slot);
        let subscriber = &mut self.subscribers[client];
        subscriber.streams -= 1;
        if waits {
            subscriber.waiting.retain(|one| *one != slot);
        }
        if is_free {
            self.release(slot);
        }
    }

    fn release(&mut self, slot: u32) {
        let gone = self.streams[slot as usize].take();
        debug_assert!(gone.is_some(), "{LISTED}");
        self.free.push(slot);
    }
}

/// A slot stands in the lists until its stream is released.
const LISTED: &str = "a listed slot holds a stream";

fn stream(streams: &[Option<Stream>], slot: u32) -> &Stream {
    streams[slot as usize].as_ref().expect(LISTED)
}

fn stream_mut(streams: &mut [Option<Stream>], slot: u32) -> &mut Stream {
    streams[slot as usize].as_mut().expect(LISTED)
}

/// Notes that the shown book of a listing has changed, if the instrument has streams.
#[inline]
fn mark(
    watched: &[Vec<u32>],
    changed: &mut [VenueSet],
    changed_list: &mut Vec<InstrumentId>,
    instrument: InstrumentId,
    venue: VenueId,
) {
    let at = instrument.index();
    if watched.get(at).is_none_or(Vec::is_empty) {
        return;
    }
    if let Some(venues) = changed.get_mut(at) {
        if *venues == 0 {
            changed_list.push(instrument);
        }
        *venues |= 1 << venue.index();
    }
}
