//! A full-depth book in the core's integers, and the levels that the core was last told.
//!
//! A line belongs here if it needs only levels: their order, the depth of a book, and the
//! difference between two books in [`BookUpdate`]s. Sequence numbers and checksums are a venue's
//! dialect in `rutter-venues`.
//!
//! Both sides are sorted vectors with the best level at the end, since most changes are near it.

use core::cmp::Ordering;

use rutter_core::id::{InstrumentId, VenueId};
use rutter_core::input::{BookUpdate, LEVELS_PER_UPDATE, Level, Side};
use rutter_core::number::{Price, Qty};

/// Levels of each side that the core is told. Deeper levels are kept in the feed only.
pub const FEED_DEPTH: usize = 20;

/// Most [`BookUpdate`]s that one [`Published::publish`] emits: each level of both sides is removed
/// and another one added.
pub const UPDATES_PER_PUBLISH_MAX: usize = (4 * FEED_DEPTH).div_ceil(LEVELS_PER_UPDATE);

/// Most levels of each side for which memory is reserved at the start.
const LEVELS_RESERVED: usize = 1_024;

/// Why a level cannot be put into a book.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BookError {
    /// The price is not above zero.
    #[error("price {0} is not above zero")]
    BadPrice(i64),
    /// The quantity is below zero.
    #[error("quantity {0} is below zero")]
    BadQty(i64),
    /// The side holds as many levels as it may. [`Book::truncate`] makes room.
    #[error("side full: {limit} levels")]
    Full {
        /// Most levels of a side.
        limit: usize,
    },
}

/// One side of a book; the best level is last.
#[derive(Clone, Debug)]
struct Half {
    side: Side,
    levels: Vec<Level>,
}

impl Half {
    fn new(side: Side, reserve: usize) -> Self {
        Self { side, levels: Vec::with_capacity(reserve) }
    }

    /// Compares two prices: the worse one is less.
    fn order(&self, a: Price, b: Price) -> Ordering {
        rank(self.side, a, b)
    }

    fn set(&mut self, level: Level, limit: usize) -> Result<(), BookError> {
        let found = self.levels.binary_search_by(|held| self.order(held.price, level.price));
        match (found, level.qty.is_zero()) {
            (Ok(at), true) => drop(self.levels.remove(at)),
            (Ok(at), false) => self.levels[at] = level,
            (Err(_), true) => {}
            (Err(_), false) if self.levels.len() >= limit => return Err(BookError::Full { limit }),
            (Err(at), false) => self.levels.insert(at, level),
        }
        Ok(())
    }

    fn truncate(&mut self, depth: usize) {
        let excess = self.levels.len().saturating_sub(depth);
        self.levels.drain(..excess);
    }
}

/// Compares two prices of one side: the worse one is less.
fn rank(side: Side, a: Price, b: Price) -> Ordering {
    match side {
        Side::Buy => a.cmp(&b),
        Side::Sell => b.cmp(&a),
    }
}

/// All levels of one instrument that the venue has told, in the core's units.
#[derive(Clone, Debug)]
pub struct Book {
    bids: Half,
    asks: Half,
    limit: usize,
}

impl Book {
    /// An empty book of at most `limit` levels a side.
    pub fn new(limit: usize) -> Self {
        let reserve = limit.min(LEVELS_RESERVED);
        Self { bids: Half::new(Side::Buy, reserve), asks: Half::new(Side::Sell, reserve), limit }
    }

    const fn half(&self, side: Side) -> &Half {
        match side {
            Side::Buy => &self.bids,
            Side::Sell => &self.asks,
        }
    }

    const fn half_mut(&mut self, side: Side) -> &mut Half {
        match side {
            Side::Buy => &mut self.bids,
            Side::Sell => &mut self.asks,
        }
    }

    /// Removes all levels and keeps the memory.
    pub fn clear(&mut self) {
        self.bids.levels.clear();
        self.asks.levels.clear();
    }

    /// Sets the quantity at one price of `side` (`Sell` is the side of asks). Quantity zero removes
    /// the level; removing a level that is not in the book is no error.
    ///
    /// # Errors
    /// The price or quantity is impossible, or the side is full. The book is then unchanged.
    pub fn set(&mut self, side: Side, level: Level) -> Result<(), BookError> {
        if level.price.0 <= 0 {
            return Err(BookError::BadPrice(level.price.0));
        }
        if level.qty.0 < 0 {
            return Err(BookError::BadQty(level.qty.0));
        }
        let limit = self.limit;
        self.half_mut(side).set(level, limit)
    }

    /// Removes the worst levels of both sides until `depth` of each side are left.
    pub fn truncate(&mut self, depth: usize) {
        self.bids.truncate(depth);
        self.asks.truncate(depth);
    }

    /// The levels of a side, best first.
    pub fn side(&self, side: Side) -> impl ExactSizeIterator<Item = Level> + '_ {
        self.half(side).levels.iter().rev().copied()
    }

    /// The best level of a side.
    pub fn best(&self, side: Side) -> Option<Level> {
        self.half(side).levels.last().copied()
    }

    /// The number of levels of a side.
    pub fn len(&self, side: Side) -> usize {
        self.half(side).levels.len()
    }

    /// True when neither side has a level.
    pub fn is_empty(&self) -> bool {
        self.bids.levels.is_empty() && self.asks.levels.is_empty()
    }

    /// True when the best bid is not below the best ask.
    pub fn is_crossed(&self) -> bool {
        match (self.best(Side::Buy), self.best(Side::Sell)) {
            (Some(bid), Some(ask)) => bid.price >= ask.price,
            _ => false,
        }
    }
}

/// The best [`FEED_DEPTH`] levels of one side as the core was last told of them, best first.
#[derive(Clone, Copy, Debug, Default)]
struct Told {
    levels: [Level; FEED_DEPTH],
    len: usize,
}

impl Told {
    fn of(book: &Book, side: Side) -> Self {
        let mut told = Self::default();
        for (slot, level) in told.levels.iter_mut().zip(book.side(side)) {
            *slot = level;
            told.len += 1;
        }
        told
    }

    fn as_slice(&self) -> &[Level] {
        &self.levels[..self.len]
    }

    /// Calls `gone` for each level whose price is not in `now`, with quantity zero.
    fn removed(&self, now: &Self, side: Side, mut gone: impl FnMut(Level)) {
        let mut fresh = now.as_slice().iter().peekable();
        for level in self.as_slice() {
            while fresh.next_if(|new| rank(side, new.price, level.price).is_gt()).is_some() {}
            if fresh.peek().is_none_or(|new| new.price != level.price) {
                gone(Level { price: level.price, qty: Qty::ZERO });
            }
        }
    }

    /// Calls `set` for each level that is not in `before` or has another quantity there.
    fn changed(&self, before: &Self, side: Side, mut set: impl FnMut(Level)) {
        let mut old = before.as_slice().iter().peekable();
        for level in self.as_slice() {
            while old.next_if(|held| rank(side, held.price, level.price).is_gt()).is_some() {}
            if old.peek().is_none_or(|held| *held != level) {
                set(*level);
            }
        }
    }
}

/// What the core has been told of one book. The core is told differences only, so any number of
/// changes between two calls costs no more than the levels that differ in the end.
#[derive(Clone, Debug)]
pub struct Published {
    venue: VenueId,
    instrument: InstrumentId,
    bids: Told,
    asks: Told,
    /// The next update begins with `clear`.
    fresh: bool,
}

impl Published {
    /// A book of which the core has been told nothing.
    pub fn new(venue: VenueId, instrument: InstrumentId) -> Self {
        Self { venue, instrument, bids: Told::default(), asks: Told::default(), fresh: true }
    }

    /// A new snapshot has arrived: the next update clears the core's book and tells all levels.
    pub fn restart(&mut self) {
        self.bids = Told::default();
        self.asks = Told::default();
        self.fresh = true;
    }

    /// Emits the difference between the book and what the core was told last, removed levels
    /// first, in at most [`UPDATES_PER_PUBLISH_MAX`] updates. `clear` is set on the first update
    /// after [`Published::restart`], `last` on the final one. Returns the number of updates; 0 if
    /// nothing has changed.
    pub fn publish(&mut self, book: &Book, emit: impl FnMut(BookUpdate)) -> usize {
        let (bids, asks) = (Told::of(book, Side::Buy), Told::of(book, Side::Sell));
        let mut chunks = Chunks::new(self, emit);
        self.bids.removed(&bids, Side::Buy, |level| chunks.push(Side::Buy, level));
        self.asks.removed(&asks, Side::Sell, |level| chunks.push(Side::Sell, level));
        bids.changed(&self.bids, Side::Buy, |level| chunks.push(Side::Buy, level));
        asks.changed(&self.asks, Side::Sell, |level| chunks.push(Side::Sell, level));
        let sent = chunks.finish();
        self.bids = bids;
        self.asks = asks;
        self.fresh = false;
        sent
    }
}

/// Fills updates. A full update is passed on when the next one begins, so that the final update is
/// known.
struct Chunks<F> {
    update: BookUpdate,
    sent: usize,
    emit: F,
}

impl<F: FnMut(BookUpdate)> Chunks<F> {
    fn new(published: &Published, emit: F) -> Self {
        let update = BookUpdate {
            venue: published.venue,
            instrument: published.instrument,
            clear: published.fresh,
            ..BookUpdate::default()
        };
        Self { update, sent: 0, emit }
    }

    fn push(&mut self, side: Side, level: Level) {
        if self.update.push(side, level) {
            return;
        }
        (self.emit)(self.update);
        self.sent += 1;
        let (venue, instrument) = (self.update.venue, self.update.instrument);
        self.update = BookUpdate { venue, instrument, ..BookUpdate::default() };
        self.update.push(side, level);
    }

    fn finish(mut self) -> usize {
        if self.update.len == 0 && !self.update.clear {
            return 0;
        }
        self.update.last = true;
        (self.emit)(self.update);
        self.sent + 1
    }
}

#[cfg(test)]
#[path = "book_tests.rs"]
mod tests;
