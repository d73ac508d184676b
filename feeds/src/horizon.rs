//! How far a snapshot of limited depth covers a book.
//!
//! A line belongs here if it compares a book with the depth of its snapshot.

use rutter_core::input::{Level, Side};
use rutter_core::number::Price;

use crate::book::Book;

/// The worst price of each side that a snapshot covers; `None` when the snapshot is the whole side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Horizon {
    bid: Option<Price>,
    ask: Option<Price>,
}

impl Horizon {
    /// The horizon of a snapshot that was asked for with `limit` levels a side. A side with fewer
    /// levels is the whole side.
    pub fn of(bids: &[Level], asks: &[Level], limit: usize) -> Self {
        let worst = |levels: &[Level]| {
            levels.last().filter(|_| levels.len() >= limit).map(|level| level.price)
        };
        Self { bid: worst(bids), ask: worst(asks) }
    }

    /// The best `depth` levels of each side, of which the core is told, are within the horizon.
    /// Beyond it a level may be missing from the book.
    pub fn covers(&self, book: &Book, depth: usize) -> bool {
        let last = |side| book.side(side).nth(depth - 1).map(|level| level.price);
        self.bid.is_none_or(|end| last(Side::Buy).is_some_and(|price| price >= end))
            && self.ask.is_none_or(|end| last(Side::Sell).is_some_and(|price| price <= end))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rutter_core::number::Qty;

    fn levels(prices: impl Iterator<Item = i64>) -> Vec<Level> {
        prices.map(|price| Level { price: Price(price), qty: Qty(1) }).collect()
    }

    #[test]
    fn a_book_whose_top_has_left_the_snapshot_is_not_covered() {
        const DEPTH: usize = 20;
        let depth = DEPTH as i64;
        let bids = levels((100..=100 + depth).rev());
        let mut book = Book::new(100);
        for level in &bids {
            book.set(Side::Buy, *level).expect("a level");
        }
        let horizon = Horizon::of(&bids, &[], bids.len());
        assert!(horizon.covers(&book, DEPTH), "no ask, and a side without levels is whole");
        for price in [100 + depth, 99 + depth] {
            book.set(Side::Buy, Level { price: Price(price), qty: Qty::ZERO }).expect("removed");
        }
        assert!(!horizon.covers(&book, DEPTH), "fewer levels than the core is told");
        assert!(Horizon::of(&bids, &[], bids.len() + 1).covers(&book, DEPTH), "the whole side");
    }
}
