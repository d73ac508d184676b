//! What a reader of books has been told of one book, in two tiers.
//!
//! A line belongs here if it compares a book with what a reader was told of the book. When the
//! deep tier is told is `deep`.
//!
//! The **top tier** is the best [`TOP_LEVELS`] levels of each side, and each level that was among
//! them when the reader was last told. [`Published::publish`] tells it, at a cost that follows what
//! changed near the top. The **deep tier** is the rest down to the depth; [`Published::deepen`]
//! tells it, some time later.
//!
//! Invariants, for a reader that applies all updates:
//! - After each `publish` the reader's best [`TOP_LEVELS`] levels are those of the book. A level
//!   that leaves the top tier is right at that moment, and a level that comes into the top tier is
//!   right from that moment. No level that the book does not have stands before the last level of
//!   the top tier, so late levels never cross a book.
//! - After each `deepen` the reader's levels are those of the book, down to the depth.
//! - The reader never holds more than the depth and [`LEVELS_BEYOND`] levels a side.

use rutter_core::book::TOP_LEVELS;
use rutter_core::id::{InstrumentId, VenueId};
use rutter_core::input::{BookUpdate, LEVELS_PER_UPDATE, Level, Side};
use rutter_core::number::{Price, Qty};

use crate::book::{Book, rank, worse};

/// Levels that a side may hold beyond the depth before the worst are removed, all at once, so that
/// a new best level costs no removal each time.
pub const LEVELS_BEYOND: usize = 16;

/// Most [`BookUpdate`]s that one [`Published::publish`] or [`Published::deepen`] emits for books of
/// this depth: each level of both sides is removed and another one added.
pub const fn updates_max(depth: usize) -> usize {
    (2 * (depth + LEVELS_BEYOND) + 2 * depth).div_ceil(LEVELS_PER_UPDATE)
}

/// One side as the reader was told of it; the best level is last.
#[derive(Clone, Debug)]
struct Told {
    side: Side,
    levels: Vec<Level>,
}

impl Told {
    /// The worst price of the top tier: of the book as it is, and of the book as told. `None` when
    /// the book has no more levels than the top tier, so that all levels belong to it.
    fn boundary(&self, book: &[Level], top: usize) -> Option<Price> {
        let of_book = book.len().checked_sub(top).filter(|at| *at > 0)?;
        let of_book = book.get(of_book)?.price;
        let of_told = self.levels.get(self.levels.len().saturating_sub(top));
        Some(of_told.map_or(of_book, |told| worse(self.side, told.price, of_book)))
    }

    /// Number of levels that are worse than the boundary.
    fn beyond(&self, levels: &[Level], boundary: Option<Price>) -> usize {
        boundary.map_or(0, |price| {
            levels.partition_point(|level| rank(self.side, level.price, price).is_lt())
        })
    }

    /// Tells what has changed down to `boundary`: removed levels first, then the worst levels that
    /// would be too many, then changed ones.
    fn publish<F: FnMut(BookUpdate)>(
        &mut self,
        book: &[Level],
        (boundary, depth): (Option<Price>, usize),
        chunks: &mut Chunks<F>,
    ) {
        let from = self.beyond(book, boundary).max(book.len().saturating_sub(depth));
        let kept = self.beyond(&self.levels, boundary);
        let now = book.get(from..).unwrap_or_default();
        let before = self.levels.get(kept..).unwrap_or_default();
        if now == before {
            return;
        }
        let side = self.side;
        let gone = |level: &Level| Level { price: level.price, qty: Qty::ZERO };
        removed(side, before, now, |level| chunks.push(side, gone(level)));
        let len = kept + now.len();
        let excess = if len > depth + LEVELS_BEYOND { len - depth } else { 0 };
        self.levels.iter().take(excess).for_each(|level| chunks.push(side, gone(level)));
        changed(side, before, now, |level| chunks.push(side, *level));
        self.levels.truncate(kept);
        self.levels.extend_from_slice(now);
        self.levels.drain(..excess);
    }
}

/// Calls `gone` for each level of `before` whose price is not in `now`, worst first.
fn removed(side: Side, before: &[Level], now: &[Level], mut gone: impl FnMut(&Level)) {
    let mut fresh = now.iter().peekable();
    for level in before {
        while fresh.next_if(|new| rank(side, new.price, level.price).is_lt()).is_some() {}
        if fresh.peek().is_none_or(|new| new.price != level.price) {
            gone(level);
        }
    }
}

/// Calls `set` for each level of `now` that is not in `before` or has another quantity there, worst
/// first.
fn changed(side: Side, before: &[Level], now: &[Level], mut set: impl FnMut(&Level)) {
    let mut old = before.iter().peekable();
    for level in now {
        while old.next_if(|held| rank(side, held.price, level.price).is_lt()).is_some() {}
        if old.peek().is_none_or(|held| *held != level) {
            set(level);
        }
    }
}

/// What a reader has been told of one book. The reader is told differences only, so any number of
/// changes between two calls costs no more than the levels that differ in the end.
#[derive(Clone, Debug)]
pub struct Published {
    venue: VenueId,
    instrument: InstrumentId,
    depth: usize,
    bids: Told,
    asks: Told,
    /// The next update begins with `clear`.
    fresh: bool,
    /// The deep tier differs from the book, or may.
    deep_differs: bool,
}

impl Published {
    /// A book of which a reader has been told nothing, and will be told `depth` levels a side.
    pub const fn new(venue: VenueId, instrument: InstrumentId, depth: usize) -> Self {
        Self {
            venue,
            instrument,
            depth,
            bids: Told { side: Side::Buy, levels: Vec::new() },
            asks: Told { side: Side::Sell, levels: Vec::new() },
            fresh: true,
            deep_differs: false,
        }
    }

    /// A new snapshot has arrived: the next update clears the reader's book and tells the top tier.
    pub fn restart(&mut self) {
        self.bids.levels.clear();
        self.asks.levels.clear();
        self.fresh = true;
    }

    /// The deep tier is not as the book is: [`Published::deepen`] has something to tell.
    pub const fn deep_differs(&self) -> bool {
        self.deep_differs
    }

    /// Tells the top tier's difference, in at most [`updates_max`] updates. `clear` is set on the
    /// first update after [`Published::restart`], `last` on the final one. Returns the number of
    /// updates; 0 if nothing has changed.
    pub fn publish(&mut self, book: &mut Book, emit: impl FnMut(BookUpdate)) -> usize {
        let mut chunks = Chunks::new(self, false, emit);
        let (depth, top) = (self.depth, TOP_LEVELS.min(self.depth));
        for told in [&mut self.bids, &mut self.asks] {
            let worst_changed = book.take_changed(told.side);
            let levels = book.worst_first(told.side);
            if worst_changed.is_some() || self.fresh {
                let boundary = told.boundary(levels, top);
                told.publish(levels, (boundary, depth), &mut chunks);
                let is_deep = |price| {
                    boundary.is_some_and(|boundary| rank(told.side, price, boundary).is_lt())
                };
                self.deep_differs |= worst_changed.is_some_and(is_deep);
            }
            self.deep_differs |= told.levels.len() != levels.len().min(depth);
        }
        self.fresh = false;
        chunks.finish()
    }

    /// Tells all that differs down to the depth, in at most [`updates_max`] updates after those of
    /// [`Published::publish`]. Each update is a whole change (`last`): the reader can use the book
    /// between two of them. Returns the number of updates.
    pub fn deepen(&mut self, book: &mut Book, mut emit: impl FnMut(BookUpdate)) -> usize {
        let sent = self.publish(book, &mut emit);
        let sides = [book.worst_first(Side::Buy), book.worst_first(Side::Sell)];
        sent + self.all(sides, Chunks::new(self, true, emit))
    }

    /// Tells all that differs down to the depth as one change, for a reader of few levels. `sides`
    /// are bids and asks, worst first. Returns the number of updates.
    pub fn publish_all(&mut self, sides: [&[Level]; 2], emit: impl FnMut(BookUpdate)) -> usize {
        self.all(sides, Chunks::new(self, false, emit))
    }

    fn all<F: FnMut(BookUpdate)>(&mut self, sides: [&[Level]; 2], mut chunks: Chunks<F>) -> usize {
        for (told, levels) in [&mut self.bids, &mut self.asks].into_iter().zip(sides) {
            told.publish(levels, (None, self.depth), &mut chunks);
        }
        self.fresh = false;
        self.deep_differs = false;
        chunks.finish()
    }
}

/// Fills updates. A full update is passed on when the next one begins, so that the final update is
/// known.
struct Chunks<F> {
    update: BookUpdate,
    /// Each update is a whole change.
    each_is_whole: bool,
    sent: usize,
    emit: F,
}

impl<F: FnMut(BookUpdate)> Chunks<F> {
    fn new(published: &Published, each_is_whole: bool, emit: F) -> Self {
        let update = BookUpdate {
            venue: published.venue,
            instrument: published.instrument,
            clear: published.fresh,
            ..BookUpdate::default()
        };
        Self { update, each_is_whole, sent: 0, emit }
    }

    fn push(&mut self, side: Side, level: Level) {
        if self.update.push(side, level) {
            return;
        }
        self.update.last = self.each_is_whole;
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
#[path = "published_tests.rs"]
mod tests;
