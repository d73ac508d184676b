//! One side of a book in price order, over one or several venues, and the difference between two
//! such ladders.
//!
//! A line belongs here if it needs price levels and no client.

use core::cmp::Ordering;

use rutter_core::book::Book;
use rutter_core::id::InstrumentId;
use rutter_core::input::{Level, Side};
use rutter_core::number::{Price, Qty};
use rutter_core::reference::VENUES_MAX;

use super::ENTRIES_PER_SIDE_MAX;
use super::books::{Books, VenueSet};

/// [`Entry::venue`] of an entry that adds up all venues.
pub const ALL_VENUES: u8 = u8::MAX;

/// The quantity at one price, at one venue or summed over all venues.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Price, in units of the instrument's price decimals.
    pub price: Price,
    /// Quantity above zero, in units of the instrument's quantity decimals.
    pub qty: Qty,
    /// The venue's id, or [`ALL_VENUES`].
    pub venue: u8,
}

impl Entry {
    /// Whether both entries have the same price and venue.
    fn is_place_of(&self, other: &Self) -> bool {
        self.price == other.price && self.venue == other.venue
    }
}

/// Which part of the market a client wants to see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BookView {
    /// The instrument.
    pub instrument: InstrumentId,
    /// The venues.
    pub venues: VenueSet,
    /// Prices a side, at least 1.
    pub depth: u8,
    /// One entry for each price, instead of one for each price and venue. Then `depth` is at most
    /// [`DEPTH_MAX`](super::DEPTH_MAX).
    pub aggregated: bool,
}

/// One side, best price first. Entries at one price are in the order of venue ids.
#[derive(Clone, Debug)]
pub struct Ladder {
    side: Side,
    entries: Vec<Entry>,
}

impl Ladder {
    /// An empty side with room for `entries`, at most [`ENTRIES_PER_SIDE_MAX`].
    pub fn new(side: Side, entries: usize) -> Self {
        Self { side, entries: Vec::with_capacity(entries.min(ENTRIES_PER_SIDE_MAX)) }
    }

    /// The entries.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Which side it is: `Sell` for offers.
    pub const fn side(&self) -> Side {
        self.side
    }

    /// Forgets all entries.
    pub fn clear(&mut self) {
        self.entries.clear();
    }

    /// Copies the entries of another ladder.
    pub fn copy_from(&mut self, other: &Self) {
        self.entries.clear();
        self.entries.extend_from_slice(&other.entries);
    }

    /// Fills the ladder from the books.
    pub fn fill(&mut self, books: &Books, view: &BookView) {
        self.entries.clear();
        let side = self.side;
        let mut rest: [(u8, &[Level]); VENUES_MAX] = [(0, &[]); VENUES_MAX];
        let mut venues = 0;
        for venue in (0..VENUES_MAX).filter(|venue| view.venues >> venue & 1 == 1) {
            if let Some(book) = books.shown(view.instrument, venue) {
                rest[venues] = (venue as u8, levels_of(book, side));
                venues += 1;
            }
        }
        let rest = &mut rest[..venues];
        for _ in 0..view.depth {
            let heads = rest.iter().filter_map(|(_, levels)| levels.last());
            let best = heads.map(|level| level.price).min_by(|a, b| rank(side, *a, *b));
            let Some(best) = best else { return };
            if !self.push_price(rest, best, view.aggregated) {
                return;
            }
        }
    }

    /// Takes the entries at one price from the front of each venue; false when there is no room.
    #[inline]
    fn push_price(&mut self, rest: &mut [(u8, &[Level])], price: Price, aggregated: bool) -> bool {
        let before = self.entries.len();
        let mut sum = Qty::ZERO;
        for (venue, levels) in rest {
            let Some((level, behind)) = levels.split_last().filter(|(l, _)| l.price == price)
            else {
                continue;
            };
            *levels = behind;
            if aggregated {
                sum = Qty(sum.0.saturating_add(level.qty.0));
            } else if self.entries.len() < ENTRIES_PER_SIDE_MAX {
                self.entries.push(Entry { price, qty: level.qty, venue: *venue });
            } else {
                // A price is shown with all its venues or not at all.
                self.entries.truncate(before);
                return false;
            }
        }
        if aggregated {
            self.entries.push(Entry { price, qty: sum, venue: ALL_VENUES });
        }
        true
    }

    /// Calls `change` for each difference that turns `before` into `self`, deletions first. Returns
    /// the number of differences.
    pub fn changes(&self, before: &Self, mut change: impl FnMut(Change)) -> usize {
        if self.entries == before.entries {
            return 0;
        }
        let mut count = 0;
        let mut new = self.entries.iter().peekable();
        for entry in &before.entries {
            while new.next_if(|next| self.order(next, entry).is_lt()).is_some() {}
            if new.peek().is_none_or(|next| !next.is_place_of(entry)) {
                count += 1;
                change(Change { action: Action::Delete, side: self.side, entry: *entry });
            }
        }
        let mut old = before.entries.iter().peekable();
        for entry in &self.entries {
            while old.next_if(|held| self.order(held, entry).is_lt()).is_some() {}
            let action = match old.peek() {
                Some(held) if **held == *entry => continue,
                Some(held) if held.is_place_of(entry) => Action::Change,
                Some(_) | None => Action::New,
            };
            count += 1;
            change(Change { action, side: self.side, entry: *entry });
        }
        count
    }

    /// Orders entries as the ladder does: the entry that comes first is less.
    fn order(&self, a: &Entry, b: &Entry) -> Ordering {
        rank(self.side, a.price, b.price).then(a.venue.cmp(&b.venue))
    }
}

/// The levels of a side, best last.
fn levels_of(book: &Book, side: Side) -> &[Level] {
    match side {
        Side::Buy => book.bids.worst_first(),
        Side::Sell => book.asks.worst_first(),
    }
}

/// Orders prices: the better price is less.
fn rank(side: Side, a: Price, b: Price) -> Ordering {
    match side {
        Side::Buy => b.cmp(&a),
        Side::Sell => a.cmp(&b),
    }
}

/// `MDUpdateAction` (279).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Action {
    /// The entry is new.
    New = b'0',
    /// The entry's quantity has changed.
    Change = b'1',
    /// The entry is deleted.
    Delete = b'2',
}

/// One difference between two ladders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// New, changed or deleted.
    pub action: Action,
    /// Bid or offer.
    pub side: Side,
    /// The entry; of a deletion the entry as it was.
    pub entry: Entry,
}
