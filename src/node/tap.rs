//! The tap: what the feeds tell the core, told to the client gateway as well, for market data.
//!
//! One bounded queue a venue. A feed never waits for it: when it is full, nothing more is put in,
//! the gateway finds out and throws away what is in it, and believes none of that venue's books
//! until the feed has told them all anew. For that a tap keeps what it has told, in books of the
//! core's own kind, so that neither the feed's machine nor the core takes part in it.
//!
//! The two ends agree by one flag. The feed raises it when the queue is full and puts nothing in
//! while it is up; the gateway empties the queue and takes the flag down. So nothing from before
//! the loss is ever taken for something after it.
//!
//! A line belongs here if it moves book news from a feed's thread to the gateway's. What a client
//! sees of it is `rutter_clients::market`.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use crossbeam::queue::ArrayQueue;
use rutter_clients::market::BookNews;
use rutter_core::book::{BOOK_LEVELS_MAX, Book, Trust};
use rutter_core::id::{InstrumentId, VenueId};
use rutter_core::input::{BookUpdate, Input, LEVELS_PER_UPDATE, Side};
use rutter_core::number::UnixNanos;
use rutter_core::reference::DEFINITIONS_MAX;
use rutter_transport::wake::WakeHandle;

/// News of one venue that wait for the gateway: enough to tell all its books anew.
pub const TAP_NEWS_MAX: usize = 8_192;

const _: () = assert!(
    DEFINITIONS_MAX * (2 * BOOK_LEVELS_MAX).div_ceil(LEVELS_PER_UPDATE) <= TAP_NEWS_MAX,
    "all books of a venue can be told at once"
);

/// News of one venue that the gateway takes in one turn; the rest follow in the next.
pub const TAP_NEWS_PER_TURN: usize = 256;

/// What both ends of a venue's tap see.
#[derive(Debug)]
struct Pipe {
    queue: ArrayQueue<BookNews>,
    /// News were lost; raised by the feed, taken down by the gateway.
    broken: AtomicBool,
    /// News that had no room.
    lost: AtomicU64,
    /// What the feed has told.
    told: Pulse,
}

/// News that a venue's feed has told since the start. One thread counts; others only look.
pub type Pulse = Arc<AtomicU64>;

/// What all taps share.
#[derive(Debug, Default)]
struct Listener {
    /// Somebody looks at the market: a sleeping gateway is woken for it.
    wanted: AtomicBool,
    wake: OnceLock<WakeHandle>,
}

/// A feed's end.
#[derive(Debug)]
pub struct Tap {
    pipe: Arc<Pipe>,
    listener: Arc<Listener>,
    venue: VenueId,
    /// What was told, by instrument.
    told: Vec<Option<Box<Book>>>,
    /// All is to be told anew.
    anew: bool,
    /// Something was put in since the gateway was last woken.
    fresh: bool,
}

impl Tap {
    /// Passes on what concerns a book. Never waits.
    pub fn offer(&mut self, input: &Input) {
        let Some(news) = BookNews::of(input) else { return };
        self.pipe.told.fetch_add(1, Ordering::Relaxed);
        self.remember(&news);
        if !self.anew {
            self.push(news);
        }
    }

    fn push(&mut self, news: BookNews) {
        self.fresh = true;
        if self.pipe.queue.push(news).is_err() {
            self.anew = true;
            self.pipe.lost.fetch_add(1, Ordering::Relaxed);
            self.pipe.broken.store(true, Ordering::Release);
        }
    }

    fn remember(&mut self, news: &BookNews) {
        match news {
            BookNews::Update(update) => {
                let at = update.instrument.index();
                if at >= DEFINITIONS_MAX {
                    return;
                }
                if at >= self.told.len() {
                    self.told.resize_with(at + 1, || None);
                }
                let book = self.told[at].get_or_insert_default();
                book.update(update, UnixNanos(0));
            }
            BookNews::Distrusted(_, instrument, reason) => {
                if let Some(Some(book)) = self.told.get_mut(instrument.index()) {
                    book.distrust(*reason);
                }
            }
            BookNews::Alive(_) | BookNews::Lost(_) => {}
        }
    }

    /// Tells all books anew if some news were lost and the gateway knows, and wakes the gateway
    /// if anybody looks. Call it after each batch of news, between whole changes.
    pub fn flush(&mut self) {
        if self.anew && !self.pipe.broken.load(Ordering::Acquire) {
            self.anew = false;
            self.tell_anew();
        }
        if std::mem::take(&mut self.fresh)
            && self.listener.wanted.load(Ordering::Relaxed)
            && let Some(wake) = self.listener.wake.get()
        {
            wake.notify();
        }
    }

    fn tell_anew(&mut self) {
        let told = std::mem::take(&mut self.told);
        for (at, book) in told.iter().enumerate() {
            let Some(book) = book.as_ref().filter(|book| book.trust == Trust::Proved) else {
                continue;
            };
            image(book, self.venue, InstrumentId(at as u16), |update| {
                if !self.anew {
                    self.push(BookNews::Update(update));
                }
            });
        }
        self.told = told;
    }
}

/// Tells a whole book.
fn image(book: &Book, venue: VenueId, instrument: InstrumentId, mut emit: impl FnMut(BookUpdate)) {
    let empty = BookUpdate { venue, instrument, ..BookUpdate::default() };
    let mut update = BookUpdate { clear: true, ..empty };
    let bids = book.bids.as_slice().iter().map(|level| (Side::Buy, *level));
    let asks = book.asks.as_slice().iter().map(|level| (Side::Sell, *level));
    for (side, level) in bids.chain(asks) {
        if !update.push(side, level) {
            emit(update);
            update = empty;
            update.push(side, level);
        }
    }
    emit(BookUpdate { last: true, ..update });
}

/// The gateway's end of all taps.
#[derive(Debug, Default)]
pub struct Taps {
    pipes: Vec<(VenueId, Arc<Pipe>)>,
    listener: Arc<Listener>,
    wanted: bool,
}

impl Taps {
    /// A tap for a venue's feed.
    pub fn tap(&mut self, venue: VenueId) -> Tap {
        let pipe = Arc::new(Pipe {
            queue: ArrayQueue::new(TAP_NEWS_MAX),
            broken: AtomicBool::new(false),
            lost: AtomicU64::new(0),
            told: Pulse::default(),
        });
        self.pipes.push((venue, Arc::clone(&pipe)));
        let listener = Arc::clone(&self.listener);
        Tap { pipe, listener, venue, told: Vec::new(), anew: false, fresh: false }
    }

    /// Who is to be woken for news, while somebody looks. Only the first one counts.
    pub fn wake_with(&self, wake: WakeHandle) {
        // There is one gateway.
        let _ = self.listener.wake.set(wake);
    }

    /// Whether anybody looks.
    pub fn set_wanted(&mut self, wanted: bool) {
        if self.wanted != wanted {
            self.wanted = wanted;
            self.listener.wanted.store(wanted, Ordering::Relaxed);
        }
    }

    /// Shows what waits, at most [`TAP_NEWS_PER_TURN`] a venue; true if there was anything.
    pub fn drain(&self, mut see: impl FnMut(&BookNews)) -> bool {
        let mut found = false;
        for (venue, pipe) in &self.pipes {
            if pipe.broken.load(Ordering::Acquire) {
                // The feed puts nothing in meanwhile.
                while pipe.queue.pop().is_some() {}
                see(&BookNews::Lost(*venue));
                pipe.broken.store(false, Ordering::Release);
                found = true;
                continue;
            }
            for _ in 0..TAP_NEWS_PER_TURN {
                let Some(news) = pipe.queue.pop() else { break };
                see(&news);
                found = true;
            }
        }
        found
    }

    /// Something waits.
    pub fn has_work(&self) -> bool {
        self.pipes
            .iter()
            .any(|(_, pipe)| !pipe.queue.is_empty() || pipe.broken.load(Ordering::Relaxed))
    }

    /// What tells that a venue's feed lives.
    pub fn pulses(&self) -> Vec<(VenueId, Pulse)> {
        self.pipes.iter().map(|(venue, pipe)| (*venue, Arc::clone(&pipe.told))).collect()
    }

    /// News that were lost since the start, over all venues.
    pub fn lost(&self) -> u64 {
        self.pipes.iter().map(|(_, pipe)| pipe.lost.load(Ordering::Relaxed)).sum()
    }
}

#[cfg(test)]
#[path = "tap_tests.rs"]
mod tests;
