//! The tap of a feed: a copy of its book updates and public trades, for readers that the feed never
//! waits for.
//!
//! The readers are the client gateway, for market data, and the console. They show few levels, so
//! a tap passes on the best [`TAP_LEVELS`] of each side only, as differences between whole changes.
//! A tap has one bounded queue for each reader. When a queue is full, the feed puts nothing more
//! into it. The reader finds out, throws away what is in the queue, and trusts none of the venue's
//! books until the feed has sent all of them again. For that a tap keeps one copy of the books, of
//! the type of the core: neither the feed's machine nor the core takes part.
//!
//! A feed and a reader agree by one flag a queue. The feed raises the flag when the queue is full,
//! and puts nothing in while the flag is up; the reader empties the queue and takes the flag down.
//! So no update from before the loss is ever taken for one from after the loss.
//!
//! A line belongs here if it moves book updates from a feed's thread to a reader's. What a client
//! sees of a book is `rutter_clients::market`; what an operator sees is
//! `rutter_admin::console::book_set`.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use crossbeam::queue::ArrayQueue;
use rutter_admin::console::books;
use rutter_clients::market;
use rutter_clients::market::BookNews;
use rutter_core::book::{Book, Trust};
use rutter_core::id::{InstrumentId, VenueId};
use rutter_core::input::{BookUpdate, Input, LEVELS_PER_UPDATE, Side};
use rutter_core::number::UnixNanos;
use rutter_core::reference::INSTRUMENTS_MAX;
use rutter_feeds::published::Published;
use rutter_transport::wake::WakeHandle;

/// Updates of one venue that may wait for one reader, at least. The room grows with the listings of
/// the venue, so that all its books can be sent at once: see [`updates_max`].
pub const TAP_UPDATES_MIN: usize = 4_096;

/// Levels of each side that the readers are sent: as many as the one that shows most can show.
pub const TAP_LEVELS: usize = 50;

const _: () = assert!(
    books::DEPTH_MAX <= TAP_LEVELS && market::DEPTH_MAX <= TAP_LEVELS,
    "a reader has all levels that it shows"
);
/// Updates of a venue with so many listings that may wait for one reader: enough to send all books
/// of the venue.
pub const fn updates_max(listings: usize) -> usize {
    let all_books = listings * (2 * TAP_LEVELS).div_ceil(LEVELS_PER_UPDATE);
    if all_books > TAP_UPDATES_MIN { all_books } else { TAP_UPDATES_MIN }
}

/// Updates of one venue that a reader takes in one turn; the rest follow in the next.
pub const TAP_UPDATES_PER_TURN: usize = 256;

/// The updates and signs of life of a venue's feed since the start of the node. One thread counts;
/// others only read.
pub type UpdateCount = Arc<AtomicU64>;

/// The queue between one feed and one reader.
#[derive(Debug)]
struct TapQueue {
    updates: ArrayQueue<BookNews>,
    /// Updates were lost; raised by the feed, taken down by the reader.
    overflowed: AtomicBool,
    /// Updates that had no room.
    lost: AtomicU64,
}

/// How the feeds wake one reader.
#[derive(Debug, Default)]
struct Listener {
    /// The reader wants to be woken for updates.
    wanted: AtomicBool,
    wake: OnceLock<WakeHandle>,
}

/// A feed's end of one queue.
#[derive(Debug)]
struct Outlet {
    queue: Arc<TapQueue>,
    listener: Arc<Listener>,
    /// Updates were lost: all books are to be sent again.
    resend_all: bool,
    /// Updates were put in since the reader was last woken.
    unannounced: bool,
}

impl Outlet {
    fn push(&mut self, update: BookNews) {
        self.unannounced = true;
        if self.queue.updates.push(update).is_err() {
            self.resend_all = true;
            self.queue.lost.fetch_add(1, Ordering::Relaxed);
            self.queue.overflowed.store(true, Ordering::Release);
        }
    }

    /// Sends all books again if some updates were lost and the reader knows of the loss; then
    /// wakes the reader, if it wants that.
    fn flush(&mut self, venue: VenueId, sent: &[Option<Box<Sent>>]) {
        if self.resend_all && !self.queue.overflowed.load(Ordering::Acquire) {
            self.resend_all = false;
            self.send_all(venue, sent);
        }
        if std::mem::take(&mut self.unannounced)
            && self.listener.wanted.load(Ordering::Relaxed)
            && let Some(wake) = self.listener.wake.get()
        {
            wake.notify();
        }
    }

    fn send_all(&mut self, venue: VenueId, sent: &[Option<Box<Sent>>]) {
        for (at, sent) in sent.iter().enumerate() {
            let Some(sent) = sent.as_ref().filter(|sent| sent.book.trust == Trust::Proved) else {
                continue;
            };
            send_whole(&sent.book, venue, InstrumentId(at as u16), |update| {
                if !self.resend_all {
                    self.push(BookNews::Update(update));
                }
            });
        }
    }
}

/// One book, to all levels, and what the readers were sent of the book.
#[derive(Debug)]
struct Sent {
    book: Book,
    told: Published,
}

/// A feed's end of the queues to all readers.
#[derive(Debug)]
pub struct Tap {
    venue: VenueId,
    /// Updates that each queue holds.
    updates_max: usize,
    outlets: Vec<Outlet>,
    /// By instrument.
    sent: Vec<Option<Box<Sent>>>,
    count: UpdateCount,
}

impl Tap {
    /// A tap of the feed of a venue with so many listings, without readers.
    pub fn new(venue: VenueId, listings: usize) -> Self {
        Self {
            venue,
            updates_max: updates_max(listings),
            outlets: Vec::new(),
            sent: Vec::new(),
            count: UpdateCount::default(),
        }
    }

    /// The venue.
    pub const fn venue(&self) -> VenueId {
        self.venue
    }

    /// Adds a reader.
    pub fn connect(&mut self, reader: &mut TapReader) {
        let queue = Arc::new(TapQueue {
            updates: ArrayQueue::new(self.updates_max),
            overflowed: AtomicBool::new(false),
            lost: AtomicU64::new(0),
        });
        reader.queues.push((self.venue, Arc::clone(&queue)));
        let listener = Arc::clone(&reader.listener);
        self.outlets.push(Outlet { queue, listener, resend_all: false, unannounced: false });
    }

    /// The updates and signs of life that were offered so far, for another thread to read.
    pub fn count(&self) -> UpdateCount {
        Arc::clone(&self.count)
    }

    /// Passes on an input if it concerns a book or is a public trade. Never waits.
    pub fn offer(&mut self, input: &Input) {
        let Some(update) = BookNews::of(input) else { return };
        // A connection that fails or ends is no word of the venue.
        if !matches!(update, BookNews::Distrusted(..)) {
            self.count.fetch_add(1, Ordering::Relaxed);
        }
        match update {
            BookNews::Update(update) => self.pass_on(&update),
            BookNews::Distrusted(_, instrument, reason) => {
                if let Some(Some(sent)) = self.sent.get_mut(instrument.index()) {
                    sent.book.distrust(reason);
                }
                push_all(&mut self.outlets, update);
            }
            BookNews::Alive(_) | BookNews::Lost(_) | BookNews::Trade(_) => {
                push_all(&mut self.outlets, update);
            }
        }
    }

    /// Puts an update into its book, and passes on what differs in the best levels once the change
    /// is whole.
    fn pass_on(&mut self, update: &BookUpdate) {
        let at = update.instrument.index();
        if at >= INSTRUMENTS_MAX {
            return;
        }
        if at >= self.sent.len() {
            self.sent.resize_with(at + 1, || None);
        }
        let sent = self.sent[at].get_or_insert_with(|| {
            let told = Published::new(self.venue, update.instrument, TAP_LEVELS);
            Box::new(Sent { book: Book::new(), told })
        });
        sent.book.update(update, UnixNanos(0));
        if update.clear {
            sent.told.restart();
        }
        if update.last && sent.book.trust == Trust::Proved {
            let sides = [sent.book.bids.worst_first(), sent.book.asks.worst_first()];
            let outlets = &mut self.outlets;
            sent.told.publish_all(sides, |update| push_all(outlets, BookNews::Update(update)));
        }
    }

    /// Sends all books again to each reader that lost updates and knows it, and wakes the readers
    /// that want to be woken. Call it after each batch of updates, between whole changes.
    pub fn flush(&mut self) {
        for outlet in &mut self.outlets {
            outlet.flush(self.venue, &self.sent);
        }
    }
}

/// Puts an update into each queue that has not lost any.
fn push_all(outlets: &mut [Outlet], update: BookNews) {
    for outlet in outlets.iter_mut().filter(|outlet| !outlet.resend_all) {
        outlet.push(update);
    }
}

/// Sends the best levels of a book, in as many updates as it takes.
fn send_whole(
    book: &Book,
    venue: VenueId,
    instrument: InstrumentId,
    mut emit: impl FnMut(BookUpdate),
) {
    let empty = BookUpdate { venue, instrument, ..BookUpdate::default() };
    let mut update = BookUpdate { clear: true, ..empty };
    let bids = book.bids.iter().take(TAP_LEVELS).map(|level| (Side::Buy, *level));
    let asks = book.asks.iter().take(TAP_LEVELS).map(|level| (Side::Sell, *level));
    for (side, level) in bids.chain(asks) {
        if !update.push(side, level) {
            emit(update);
            update = empty;
            update.push(side, level);
        }
    }
    emit(BookUpdate { last: true, ..update });
}

/// A reader's end of the queues from all feeds.
#[derive(Debug, Default)]
pub struct TapReader {
    queues: Vec<(VenueId, Arc<TapQueue>)>,
    listener: Arc<Listener>,
    wanted: bool,
}

impl TapReader {
    /// Sets how the feeds wake this reader. Only the first call counts.
    pub fn wake_with(&self, wake: WakeHandle) {
        // A reader has one thread.
        let _ = self.listener.wake.set(wake);
    }

    /// Sets whether the feeds wake this reader for updates.
    pub fn set_wanted(&mut self, wanted: bool) {
        if self.wanted != wanted {
            self.wanted = wanted;
            self.listener.wanted.store(wanted, Ordering::Relaxed);
        }
    }

    /// Takes the updates that wait, at most [`TAP_UPDATES_PER_TURN`] a venue; true if there were
    /// any.
    pub fn drain(&self, mut take: impl FnMut(&BookNews)) -> bool {
        let mut found = false;
        for (venue, queue) in &self.queues {
            if queue.overflowed.load(Ordering::Acquire) {
                // The feed puts nothing in while the flag is up.
                while queue.updates.pop().is_some() {}
                take(&BookNews::Lost(*venue));
                queue.overflowed.store(false, Ordering::Release);
                found = true;
                continue;
            }
            for _ in 0..TAP_UPDATES_PER_TURN {
                let Some(update) = queue.updates.pop() else { break };
                take(&update);
                found = true;
            }
        }
        found
    }

    /// Updates wait, or some were lost.
    pub fn has_work(&self) -> bool {
        self.queues
            .iter()
            .any(|(_, queue)| !queue.updates.is_empty() || queue.overflowed.load(Ordering::Relaxed))
    }

    /// Updates lost since the start of the node, over all venues.
    pub fn lost(&self) -> u64 {
        self.queues.iter().map(|(_, queue)| queue.lost.load(Ordering::Relaxed)).sum()
    }
}

#[cfg(test)]
#[path = "tap_tests.rs"]
mod tests;
