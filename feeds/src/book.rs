//! A full-depth book in the core's integers.
//!
//! A line belongs here if it needs only the levels of one book. What the core is told of a book is
//! `published`. Sequence numbers and checksums are a venue's dialect in `rutter-venues`.
//!
//! Both sides are sorted vectors with the best level at the end, since most changes are near it.

use core::cmp::Ordering;

use rutter_core::input::{Level, Side};
use rutter_core::number::Price;

/// Most levels of each side for which memory is reserved at the start.
const LEVELS_RESERVED: usize = 1_024;

/// Truncated levels of a side that are kept in memory before all of them are dropped at once, so
/// that a truncation does not move the whole side.
const TRUNCATED_MAX: usize = 1_024;

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
    /// Levels at the front of `levels` that are truncated.
    truncated: usize,
    /// The worst price that has changed since [`Book::take_changed`].
    changed: Option<Price>,
}

impl Half {
    fn new(side: Side, reserve: usize) -> Self {
        Self { side, levels: Vec::with_capacity(reserve), truncated: 0, changed: None }
    }

    fn live(&self) -> &[Level] {
        self.levels.get(self.truncated..).unwrap_or_default()
    }

    fn set(&mut self, level: Level, limit: usize) -> Result<(), BookError> {
        let live = self.live();
        let found = live.binary_search_by(|held| rank(self.side, held.price, level.price));
        let (len, base) = (live.len(), self.truncated);
        match (found, level.qty.is_zero()) {
            (Ok(at), true) => drop(self.levels.remove(base + at)),
            (Ok(at), false) => self.levels[base + at] = level,
            (Err(_), true) => return Ok(()),
            (Err(_), false) if len >= limit => return Err(BookError::Full { limit }),
            (Err(at), false) => self.levels.insert(base + at, level),
        }
        self.note(level.price);
        Ok(())
    }

    fn note(&mut self, price: Price) {
        self.changed = Some(self.changed.map_or(price, |known| worse(self.side, known, price)));
    }

    fn clear(&mut self) {
        if let Some(worst) = self.live().first().map(|level| level.price) {
            self.note(worst);
        }
        self.levels.clear();
        self.truncated = 0;
    }

    fn truncate(&mut self, depth: usize) {
        let excess = self.live().len().saturating_sub(depth);
        let worst = self.live().first().map(|level| level.price);
        if let Some(worst) = worst.filter(|_| excess > 0) {
            self.note(worst);
            self.truncated += excess;
        }
        if self.truncated > TRUNCATED_MAX {
            self.levels.drain(..self.truncated);
            self.truncated = 0;
        }
    }
}

/// Compares two prices of one side: the worse one is less.
pub(crate) fn rank(side: Side, a: Price, b: Price) -> Ordering {
    match side {
        Side::Buy => a.cmp(&b),
        Side::Sell => b.cmp(&a),
    }
}

/// The worse one of two prices of one side.
pub(crate) fn worse(side: Side, a: Price, b: Price) -> Price {
    if rank(side, a, b).is_lt() { a } else { b }
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
        self.bids.clear();
        self.asks.clear();
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
        self.worst_first(side).iter().rev().copied()
    }

    /// The levels of a side, worst first.
    pub fn worst_first(&self, side: Side) -> &[Level] {
        self.half(side).live()
    }

    /// The worst price of a side that has changed since the last call; `None` without a change.
    pub const fn take_changed(&mut self, side: Side) -> Option<Price> {
        self.half_mut(side).changed.take()
    }

    /// The best level of a side.
    pub fn best(&self, side: Side) -> Option<Level> {
        self.worst_first(side).last().copied()
    }

    /// The number of levels of a side.
    pub fn len(&self, side: Side) -> usize {
        self.worst_first(side).len()
    }

    /// True when neither side has a level.
    pub fn is_empty(&self) -> bool {
        self.bids.live().is_empty() && self.asks.live().is_empty()
    }

    /// True when the best bid is not below the best ask.
    pub fn is_crossed(&self) -> bool {
        match (self.best(Side::Buy), self.best(Side::Sell)) {
            (Some(bid), Some(ask)) => bid.price >= ask.price,
            _ => false,
        }
    }
}

#[cfg(test)]
#[path = "book_tests.rs"]
mod tests;
