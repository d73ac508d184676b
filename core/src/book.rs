//! One venue's order book of one instrument: the levels near the top, and whether they are trusted.
//!
//! A line belongs here if it is about levels and trust. Proving sequence and checksum is the feed's
//! task; comparing venues is `routing`.

use crate::breaker::{Full, Pause};
use crate::input::{BookUpdate, Distrust, Level, Side};
use crate::number::{Price, Qty, UnixNanos};
use crate::own_orders::OwnSide;
use crate::traded::Traded;

/// Levels kept per side.
pub const BOOK_LEVELS_MAX: usize = 1_000;

/// Levels of each side that a feed tells as soon as they change. Deeper levels may come later, so a
/// change of a deeper level is no news of what stands at the top.
pub const TOP_LEVELS: usize = 20;

/// Levels that a side may hold beyond [`BOOK_LEVELS_MAX`] before the worst are dropped, all at
/// once, so that a new best level does not move a whole side each time.
pub const LEVELS_BEYOND: usize = 24;

/// Whether routing may use a book.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// The feed has proved that no change is missing.
    Proved,
    /// A snapshot has begun and is not complete.
    Beginning,
    /// A change has begun and is not complete.
    Changing,
    /// The book is not used until the next snapshot.
    Distrusted(Distrust),
}

/// One side of a book.
#[derive(Clone, Debug, Default)]
pub struct Levels {
    /// The best level is last, since most changes are near it.
    worst_first: Vec<Level>,
}

impl Levels {
    /// The levels, best price first.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Level> + DoubleEndedIterator {
        self.worst_first.iter().rev()
    }

    /// The levels, worst price first.
    #[inline]
    pub fn worst_first(&self) -> &[Level] {
        &self.worst_first
    }

    /// The level with the best price.
    #[inline]
    pub fn best(&self) -> Option<Level> {
        self.worst_first.last().copied()
    }

    /// Number of levels.
    pub const fn len(&self) -> usize {
        self.worst_first.len()
    }

    /// Whether there is no level.
    pub const fn is_empty(&self) -> bool {
        self.worst_first.is_empty()
    }

    /// Sets a level; `better(a, b)` is true when price a stands before price b. Returns how many
    /// levels stand before the level.
    #[inline]
    fn set(&mut self, level: Level, better: impl Fn(Price, Price) -> bool) -> usize {
        let at = self.worst_first.partition_point(|held| better(level.price, held.price));
        let present = self.worst_first.get(at).is_some_and(|held| held.price == level.price);
        let before = self.len() - at - usize::from(present);
        match (present, level.qty.is_zero()) {
            (true, false) => self.worst_first[at].qty = level.qty,
            (true, true) => drop(self.worst_first.remove(at)),
            // The level is deeper than those kept.
            (false, false) if at == 0 && self.len() >= BOOK_LEVELS_MAX => {}
            (false, false) => {
                if self.len() >= BOOK_LEVELS_MAX + LEVELS_BEYOND {
                    self.worst_first.drain(..LEVELS_BEYOND);
                    return self.set(level, better);
                }
                self.worst_first.insert(at, level);
            }
            // An unknown level is removed.
            (false, true) => {}
        }
        before
    }
}

/// One venue's book of one instrument.
#[derive(Clone, Debug)]
pub struct Book {
    /// Bids, highest price first.
    pub bids: Levels,
    /// Asks, lowest price first.
    pub asks: Levels,
    /// Whether the book may be used.
    pub trust: Trust,
    /// When the best [`TOP_LEVELS`] last changed.
    pub changed_at: UnixNanos,
    /// The mid price lies too far from the instrument's reference price: the book is not used.
    pub is_outlier: bool,
    /// Quantity that our own children have taken since the book last changed, or are about to take:
    /// by buys, by sells. It is the top of the side that they take, and is no longer available.
    gone: [Qty; 2],
    /// The part of `gone` that has not been filled yet.
    in_flight: [Qty; 2],
    /// Our own resting children, by their side.
    pub own_children: [OwnSide; 2],
    /// Best price of those that stand in the way of the order that is being planned, by their side.
    in_way: [Option<Price>; 2],
    /// The venue has said that the instrument's market is closed. Each venue account has its own,
    /// also one that uses the levels of another account's book.
    pub closed: Pause,
    /// The venue takes no further open order of the instrument. As [`Self::closed`], each venue
    /// account has its own.
    pub full: Full,
    /// What trades lately, by the side that rested.
    traded: [Traded; 2],
}

impl Book {
    /// An empty book that is not trusted.
    pub const fn new() -> Self {
        Self {
            bids: Levels { worst_first: Vec::new() },
            asks: Levels { worst_first: Vec::new() },
            trust: Trust::Distrusted(Distrust::NoSnapshot),
            changed_at: UnixNanos(0),
            is_outlier: false,
            gone: [Qty::ZERO; 2],
            in_flight: [Qty::ZERO; 2],
            own_children: [OwnSide::EMPTY; 2],
            in_way: [None; 2],
            closed: Pause::NONE,
            full: Full::NONE,
            traded: [Traded::NONE; 2],
        }
    }

    /// Whether the feed has proved that no change is missing.
    pub const fn is_proved(&self) -> bool {
        matches!(self.trust, Trust::Proved)
    }

    /// Makes room for all levels, so that no change of the book waits for memory.
    pub fn reserve(&mut self) {
        for side in [&mut self.bids, &mut self.asks] {
            let more = (BOOK_LEVELS_MAX + LEVELS_BEYOND).saturating_sub(side.len());
            side.worst_first.reserve_exact(more);
        }
    }

    /// Best price of our own resting children on `side` that stand in the way of the order that is
    /// being planned.
    #[inline]
    pub const fn own_best(&self, side: Side) -> Option<Price> {
        self.in_way[side as usize - 1]
    }

    /// Sets that price.
    #[inline]
    pub const fn set_own_best(&mut self, side: Side, best: Option<Price>) {
        self.in_way[side as usize - 1] = best;
    }

    /// Quantity that is no longer available to an order of that side.
    #[inline]
    pub const fn gone(&self, side: Side) -> Qty {
        self.gone[side as usize - 1]
    }

    /// Counts a taking child that is sent.
    pub fn take(&mut self, side: Side, qty: Qty) {
        let at = side as usize - 1;
        self.gone[at] = Qty(self.gone[at].0.saturating_add(qty.0));
        self.in_flight[at] = Qty(self.in_flight[at].0.saturating_add(qty.0));
    }

    /// Counts quantity of a taking child that was refused or never arrived, and is available after
    /// all.
    pub fn give_back(&mut self, side: Side, qty: Qty) {
        let at = side as usize - 1;
        self.gone[at] = self.gone[at].saturating_sub(qty);
    }

    /// Counts quantity that the book still shows to orders of that side, and that is not there any
    /// more: our own resting child has just been cancelled.
    pub fn vanish(&mut self, side: Side, qty: Qty) {
        let at = side as usize - 1;
        self.gone[at] = Qty(self.gone[at].0.saturating_add(qty.0));
    }

    /// Counts quantity of a taking child that is filled or will not be.
    pub fn taken(&mut self, side: Side, qty: Qty) {
        let at = side as usize - 1;
        self.in_flight[at] = self.in_flight[at].saturating_sub(qty);
    }

    /// Applies a change. True if the book has become trusted by it.
    pub fn update(&mut self, update: &BookUpdate, now: UnixNanos) -> bool {
        if update.clear {
            self.clear();
            self.trust = Trust::Beginning;
            self.is_outlier = false;
        }
        let begins = match self.trust {
            // A change without a snapshot before it: a feed's first update has `clear`.
            Trust::Distrusted(_) => return false,
            Trust::Beginning => true,
            Trust::Proved | Trust::Changing => false,
        };
        let mut is_news_of_top = update.clear || update.len == 0;
        for (side, level) in update.changes() {
            let before = match side {
                Side::Buy => self.bids.set(level, |a, b| a > b),
                Side::Sell => self.asks.set(level, |a, b| a < b),
            };
            is_news_of_top |= before < TOP_LEVELS;
        }
        if is_news_of_top {
            self.changed_at = now;
            // The venue's own levels show from here on what is filled.
            self.gone = self.in_flight;
        }
        self.trust = match (update.last, begins) {
            (true, _) => Trust::Proved,
            (false, true) => Trust::Beginning,
            (false, false) => Trust::Changing,
        };
        update.last && begins
    }

    fn clear(&mut self) {
        self.bids.worst_first.clear();
        self.asks.worst_first.clear();
    }

    /// Forgets all levels until the next snapshot.
    pub fn distrust(&mut self, reason: Distrust) {
        self.clear();
        self.trust = Trust::Distrusted(reason);
        self.is_outlier = false;
    }

    /// The prices of the best bid and the best ask.
    #[inline]
    pub fn best_prices(&self) -> [Option<Price>; 2] {
        [&self.bids, &self.asks].map(|side| side.best().map(|level| level.price))
    }

    /// Whether the best bid is at or above the best ask: then some level is wrong.
    #[inline]
    pub fn is_crossed(&self) -> bool {
        match (self.bids.best(), self.asks.best()) {
            (Some(bid), Some(ask)) => bid.price >= ask.price,
            (None, _) | (_, None) => false,
        }
    }

    /// The price in the middle between the best bid and the best ask; the best price of the only
    /// side that has any. `None` for a book that is empty, crossed or not proved.
    pub fn mid(&self) -> Option<Price> {
        if self.trust != Trust::Proved || self.is_crossed() {
            return None;
        }
        match (self.bids.best(), self.asks.best()) {
            (Some(bid), Some(ask)) => Some(Price(bid.price.0.midpoint(ask.price.0))),
            (one, other) => one.or(other).map(|level| level.price),
        }
    }

    /// What trades lately against the levels that an order of `side` would join.
    #[inline]
    pub const fn traded(&self, side: Side) -> &Traded {
        &self.traded[side as usize - 1]
    }

    /// Counts a public trade that was at a time `at`, against orders of `side` that rested.
    #[inline]
    pub fn count_trade(&mut self, side: Side, qty: Qty, at: UnixNanos, now: UnixNanos) {
        self.traded[side as usize - 1].add(qty, at, now);
    }

    /// The side that a trade took from, by the price alone: the bids at or below the best bid, the
    /// asks at or above the best ask. `None` between the two, and in a book that is not proved.
    pub fn side_taken_at(&self, price: Price) -> Option<Side> {
        if self.trust != Trust::Proved {
            return None;
        }
        let is_bid = self.bids.best().is_some_and(|bid| price <= bid.price);
        let is_ask = self.asks.best().is_some_and(|ask| price >= ask.price);
        match (is_bid, is_ask) {
            (true, false) => Some(Side::Buy),
            (false, true) => Some(Side::Sell),
            _ => None,
        }
    }

    /// Quantity that stands before a new order of that side and price: at better prices, and at its
    /// own. Only the best [`TOP_LEVELS`] count: deeper ones may be late.
    pub fn ahead(&self, side: Side, price: Price) -> (Qty, Qty) {
        let mut better = Qty::ZERO;
        for level in self.own(side).iter().take(TOP_LEVELS) {
            let is_better = match side {
                Side::Buy => level.price > price,
                Side::Sell => level.price < price,
            };
            if !is_better {
                let same = if level.price == price { level.qty } else { Qty::ZERO };
                return (better, same);
            }
            better = Qty(better.0.saturating_add(level.qty.0));
        }
        (better, Qty::ZERO)
    }

    /// The levels that an order of `side` would take.
    #[inline]
    pub const fn opposite(&self, side: Side) -> &Levels {
        match side {
            Side::Buy => &self.asks,
            Side::Sell => &self.bids,
        }
    }

    /// The levels that an order of `side` would join.
    #[inline]
    pub const fn own(&self, side: Side) -> &Levels {
        match side {
            Side::Buy => &self.bids,
            Side::Sell => &self.asks,
        }
    }
}

impl Default for Book {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn update(clear: bool, last: bool, changes: &[(Side, i64, i64)]) -> BookUpdate {
        let mut update = BookUpdate { clear, last, ..BookUpdate::default() };
        for &(side, price, qty) in changes {
            assert!(update.push(side, Level { price: Price(price), qty: Qty(qty) }));
        }
        update
    }

    fn prices(levels: &Levels) -> Vec<i64> {
        levels.iter().map(|l| l.price.0).collect()
    }

    #[test]
    fn levels_stand_best_first_and_zero_removes() {
        let mut book = Book::new();
        let (buy, sell) = (Side::Buy, Side::Sell);
        book.update(
            &update(true, true, &[(buy, 99, 1), (sell, 101, 2), (buy, 100, 3), (sell, 103, 1)]),
            UnixNanos(1),
        );
        book.update(&update(false, true, &[(sell, 102, 5), (sell, 101, 0)]), UnixNanos(2));
        assert_eq!(prices(&book.bids), [100, 99]);
        assert_eq!(prices(&book.asks), [102, 103]);
        assert!(!book.is_crossed());
        book.update(&update(false, true, &[(buy, 102, 1)]), UnixNanos(3));
        assert!(book.is_crossed());
    }

    #[test]
    fn a_change_before_its_snapshot_is_not_taken() {
        let mut book = Book::new();
        assert!(!book.update(&update(false, true, &[(Side::Buy, 1, 1)]), UnixNanos(1)));
        assert!(book.bids.best().is_none());
        assert!(!book.update(&update(true, false, &[(Side::Buy, 1, 1)]), UnixNanos(2)));
        assert_eq!(book.trust, Trust::Beginning);
        assert!(book.update(&update(false, true, &[(Side::Sell, 2, 1)]), UnixNanos(3)));
        assert_eq!(book.trust, Trust::Proved);
    }

    #[test]
    fn a_deep_level_is_no_news_of_what_our_own_orders_took_at_the_top() {
        let mut book = Book::new();
        book.update(&update(true, true, &[]), UnixNanos(1));
        let deep = i64::try_from(TOP_LEVELS).unwrap_or(0) + 1;
        for price in 1..=deep {
            book.update(&update(false, true, &[(Side::Sell, price, 9)]), UnixNanos(2));
        }
        book.take(Side::Buy, Qty(9));
        book.taken(Side::Buy, Qty(9));
        for qty in [5, 0, 7] {
            book.update(&update(false, true, &[(Side::Sell, deep, qty)]), UnixNanos(3));
            assert_eq!((book.gone(Side::Buy), book.changed_at), (Qty(9), UnixNanos(2)));
        }
        book.update(&update(false, true, &[(Side::Sell, 1, 0)]), UnixNanos(4));
        assert_eq!((book.gone(Side::Buy), book.changed_at), (Qty(0), UnixNanos(4)));
    }

    #[test]
    fn what_stands_before_an_order_is_at_better_prices_and_at_its_own() {
        let mut book = Book::new();
        let (buy, sell) = (Side::Buy, Side::Sell);
        let levels = [(buy, 99, 1), (buy, 100, 3), (buy, 97, 7), (sell, 103, 2), (sell, 104, 5)];
        book.update(&update(true, true, &levels), UnixNanos(1));
        let ahead = |side, price| {
            let (better, same) = book.ahead(side, Price(price));
            (better.0, same.0)
        };
        let bids = [101, 100, 98, 97, 90].map(|price| ahead(buy, price));
        assert_eq!(bids, [(0, 0), (0, 3), (4, 0), (4, 7), (11, 0)]);
        assert_eq!([102, 104, 110].map(|price| ahead(sell, price)), [(0, 0), (2, 5), (7, 0)]);
    }

    #[test]
    fn the_worst_levels_fall_out_of_a_full_side() {
        let mut book = Book::new();
        book.reserve();
        book.update(&update(true, true, &[]), UnixNanos(1));
        for price in (1..=i64::try_from(2 * BOOK_LEVELS_MAX).unwrap_or(0)).rev() {
            book.update(&update(false, true, &[(Side::Sell, price, 1)]), UnixNanos(2));
        }
        let prices = prices(&book.asks);
        assert!((BOOK_LEVELS_MAX..=BOOK_LEVELS_MAX + LEVELS_BEYOND).contains(&prices.len()));
        assert!(prices.iter().copied().eq(1..=prices.len() as i64), "the best levels are kept");
        let deeper = 3 * BOOK_LEVELS_MAX as i64;
        book.update(&update(false, true, &[(Side::Sell, deeper, 1)]), UnixNanos(3));
        assert_eq!(book.asks.len(), prices.len(), "a deeper level is not taken");
    }
}
