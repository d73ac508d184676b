//! Who is owed what: requests, their streams, and the order in which these are served.
//!
//! A stream is in one place at a time: idle (its client knows the newest), queued, delayed (the
//! interval since its last message is not over) or waiting (its client does not read). A stream
//! that ends while it is queued or delayed is freed when its turn comes.
//!
//! A line belongs here if it decides what is sent next and of what. Sessions, buffers and sending
//! are `gateway`.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use rutter_core::id::{InstrumentId, Name, VenueId};
use rutter_core::input::Side;
use rutter_fix::codec::Encoder;
use rutter_fix::dictionary::Version;

use super::books::{BookNews, Books, VenueSet};
use super::config::{MarketConfig, MarketLimits};
use super::ladder::{Change, Ladder, View};
use super::request::{MdRefusal, Show, Symbols, Update, Wanted};
use super::write::{Heading, write_increment, write_snapshot};
use super::{ENTRIES_PER_SIDE_MAX, INCREMENT_ENTRIES_MAX, MdReqId};
use crate::config::InstrumentConfig;
use crate::terms::Terms;

/// What was counted since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MarketCounters {
    /// W sent.
    pub snapshots: u64,
    /// X sent.
    pub increments: u64,
    /// Y sent.
    pub refused: u64,
    /// Times that a client's backlog kept a stream back.
    pub held_back: u64,
    /// Times that all books of a venue were lost on the way from its feed.
    pub lost: u64,
}

/// Where a stream is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Idle,
    Queued,
    Delayed,
    Waiting,
}

/// One instrument of one request.
#[derive(Debug)]
struct Stream {
    /// Whose: the client's position.
    client: usize,
    id: MdReqId,
    instrument: InstrumentConfig,
    exchange: Option<VenueId>,
    view: View,
    show: Show,
    /// It has had its first image.
    told: bool,
    /// What it was told last.
    ladders: [Ladder; 2],
    sent_ns: u64,
    place: Place,
    over: bool,
}

/// What a stream is to be sent now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owed {
    /// Nothing: nothing has changed that it shows, or a change is half told.
    Nothing,
    /// A W.
    Snapshot,
    /// An X.
    Increment,
}

/// A request that is on.
#[derive(Debug)]
struct Subscription {
    id: MdReqId,
    slots: Vec<u32>,
}

/// What one client has asked for.
#[derive(Debug, Default)]
struct Subscriber {
    subscriptions: Vec<Subscription>,
    streams: usize,
    /// Streams kept back until it reads.
    waiting: Vec<u32>,
}

/// The books and all who look at them.
#[derive(Debug)]
pub struct Market {
    books: Books,
    limits: MarketLimits,
    venues: Vec<Name>,
    streams: Vec<Option<Stream>>,
    free: Vec<u32>,
    subscribers: Vec<Subscriber>,
    /// By instrument: its streams.
    watched: Vec<Vec<u32>>,
    /// By instrument: venues that have changed since its streams were looked at.
    changed: Vec<VenueSet>,
    /// Instruments with a bit in `changed`.
    changed_list: Vec<InstrumentId>,
    queue: VecDeque<u32>,
    /// By the time at which their interval is over.
    delayed: BinaryHeap<Reverse<(u64, u32)>>,
    view: [Ladder; 2],
    /// What `view` shows, as long as it is the newest.
    shown: Option<(View, [bool; 2])>,
    changes: Vec<Change>,
    counters: MarketCounters,
}

impl Market {
    /// Books of which nothing is known, and nobody who looks. `venues` are names by id.
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
            counters: MarketCounters::default(),
            books,
        }
    }

    /// What was counted.
    pub const fn counters(&self) -> MarketCounters {
        self.counters
    }

    /// Streams that are on.
    pub fn len(&self) -> usize {
        self.subscribers.iter().map(|one| one.streams).sum()
    }

    /// Nobody looks.
    pub fn is_empty(&self) -> bool {
        self.streams.len() == self.free.len()
    }

    /// The limits it was made with.
    pub const fn limits(&self) -> &MarketLimits {
        &self.limits
    }

    /// Takes what a feed told. With nobody looking this changes the book and does nothing else.
    #[inline]
    pub fn take(&mut self, now_ns: u64, news: &BookNews) {
        self.counters.lost += u64::from(matches!(news, BookNews::Lost(_)));
        self.shown = None;
        let Self { books, watched, changed, changed_list, .. } = self;
        books.take(now_ns, news, |instrument, venue| {
            mark(watched, changed, changed_list, instrument, venue);
        });
    }

    /// Whether [`take_next`](Self::take_next) may find a stream to serve at once.
    pub fn has_work(&self) -> bool {
        !self.queue.is_empty() || !self.changed_list.is_empty()
    }

    /// When there is something to do by itself; `u64::MAX` for never.
    pub fn next_due_ns(&self) -> u64 {
        let delayed = self.delayed.peek().map_or(u64::MAX, |Reverse((due_ns, _))| *due_ns);
        // A feed that goes stale concerns nobody if nobody looks.
        if self.is_empty() { delayed } else { delayed.min(self.books.stale_due_ns()) }
    }

    /// Puts everything into the queue that has changed or whose time has come.
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

    /// One of these venues has changed: the stream is to be looked at.
    fn wake(&mut self, now_ns: u64, slot: u32, venues: VenueSet) {
        let interval_ns = self.limits.update_interval_ns;
        let stream = stream_mut(&mut self.streams, slot);
        if stream.place != Place::Idle || stream.view.venues & venues == 0 {
            return;
        }
        let due_ns = stream.sent_ns.saturating_add(interval_ns);
        if stream.told && interval_ns > 0 && due_ns > now_ns {
            stream.place = Place::Delayed;
            self.delayed.push(Reverse((due_ns, slot)));
        } else {
            self.enqueue(slot);
        }
    }

    fn enqueue(&mut self, slot: u32) {
        stream_mut(&mut self.streams, slot).place = Place::Queued;
        self.queue.push_back(slot);
    }

    /// The next stream to look at, and whose it is: `prepare` it, or let it `wait`.
    pub fn take_next(&mut self) -> Option<(u32, usize)> {
        while let Some(slot) = self.queue.pop_front() {
            let stream = stream_mut(&mut self.streams, slot);
            stream.place = Place::Idle;
            if stream.over {
                self.release(slot);
                continue;
            }
            return Some((slot, stream.client));
        }
        None
    }

    /// The stream's client does not read: the stream is looked at again after
    /// [`client_reads`](Self::client_reads), and shows then what is newest.
    pub fn wait(&mut self, slot: u32) {
        let stream = stream_mut(&mut self.streams, slot);
        stream.place = Place::Waiting;
        self.subscribers[stream.client].waiting.push(slot);
        self.counters.held_back += 1;
    }

    /// Whether streams of this client wait for it to read.
    #[inline]
    pub fn is_waiting(&self, client: usize) -> bool {
        !self.subscribers[client].waiting.is_empty()
    }

    /// The client has read: what waited is looked at again.
    pub fn client_reads(&mut self, client: usize) {
        let mut waiting = std::mem::take(&mut self.subscribers[client].waiting);
        for slot in waiting.drain(..) {
            self.enqueue(slot);
        }
        // The list keeps its memory.
        self.subscribers[client].waiting = waiting;
    }

    /// Finds out what a stream is owed. [`write`](Self::write) writes it, [`sent`](Self::sent)
    /// notes it; both for the stream that was prepared last.
    pub fn prepare(&mut self, slot: u32) -> Owed {
        let stream = stream_mut(&mut self.streams, slot);
        if self.books.half_told(stream.view.instrument, stream.view.venues) {
            // What completes the change marks the instrument again.
            return Owed::Nothing;
        }
        let wanted = (stream.view, [stream.show.bids, stream.show.offers]);
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
            return Owed::Snapshot;
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
            _ if count == 0 => Owed::Nothing,
            // A book that is gone is told in one word, and a new one is no longer than its changes.
            Update::Incremental if entries > 0 && count <= INCREMENT_ENTRIES_MAX => Owed::Increment,
            Update::Incremental | Update::Full | Update::Once => Owed::Snapshot,
        }
    }

    /// Writes the fields of what the stream is owed.
    pub fn write(&self, slot: u32, owed: Owed, version: Version, out: &mut Encoder<'_>) {
        let stream = stream(&self.streams, slot);
        let heading = Heading {
            id: &stream.id,
            instrument: &stream.instrument,
            exchange: stream.exchange.and_then(|venue| self.venues.get(venue.index())),
            depth: stream.show.depth,
            venues: &self.venues,
        };
        match owed {
            Owed::Nothing => {}
            Owed::Snapshot => write_snapshot(out, &heading, &self.view, version),
            Owed::Increment => write_increment(out, &heading, &self.changes, version),
        }
    }

    /// The stream has been sent what it was owed.
    pub fn sent(&mut self, now_ns: u64, slot: u32, owed: Owed) {
        let stream = stream_mut(&mut self.streams, slot);
        match owed {
            Owed::Nothing => return,
            Owed::Snapshot => self.counters.snapshots += 1,
            Owed::Increment => self.counters.increments += 1,
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

    /// Begins a request. `symbols` are looked at twice: nothing is begun unless all can be.
    ///
    /// # Errors
    /// [`MdRefusal`].
    pub fn begin(
        &mut self,
        client: usize,
        id: &MdReqId,
        show: Show,
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

    /// What is wanted, at which venue if one is named, and where it is listed.
    fn resolve(
        &self,
        wanted: &Wanted<'_>,
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
        show: Show,
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
            view: View { instrument: instrument.id, venues, depth, aggregated },
            instrument,
            show,
            told: false,
            ladders,
            sent_ns: 0,
            place: Place::Idle,
            over: false,
        };
        let slot = self.free.pop().unwrap_or_else(|| {
            self.streams.push(None);
            (self.streams.len() - 1) as u32
        });
        let watched = instrument.id.index();
        self.streams[slot as usize] = Some(stream);
        self.watched[watched].push(slot);
        // So that nothing is allocated when many change at once.
        let slots = self.streams.len();
        self.queue.reserve(slots - self.queue.len().min(slots));
        self.delayed.reserve(slots - self.delayed.len().min(slots));
        self.enqueue(slot);
        slot
    }

    /// Ends a request.
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

    /// The client is gone, and all its requests with it.
    pub fn client_gone(&mut self, client: usize) {
        self.client_reads(client);
        for subscription in std::mem::take(&mut self.subscribers[client].subscriptions) {
            for slot in subscription.slots {
                self.finish(slot);
            }
        }
    }

    /// One stream of a request has nothing more to tell.
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

    /// Takes a stream out of everything but the list it is in. That of its client, which may never
    /// read again, gives it up at once.
    fn finish(&mut self, slot: u32) {
        let stream = stream_mut(&mut self.streams, slot);
        stream.over = true;
        let waits = stream.place == Place::Waiting;
        let is_free = waits || stream.place == Place::Idle;
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

/// Notes that a listing looks different, if anybody looks at its instrument.
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
