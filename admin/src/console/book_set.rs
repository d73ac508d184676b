//! The books that the console shows: one for each listing, of the core's own type.
//!
//! A line belongs here if it keeps a book or copies its levels. The answer to `book` is `books`.

use std::collections::BTreeMap;

use rutter_core::book::{Book, Levels, Trust};
use rutter_core::id::{InstrumentId, VenueId};
use rutter_core::input::{BookUpdate, Distrust, InstrumentDef, Level};
use rutter_core::number::UnixNanos;
use rutter_core::reference::{INSTRUMENTS_MAX, VENUES_MAX};

use super::books::{BookRow, DEPTH_MAX, LevelRow};
use crate::model::{ReadModel, decimal};

/// The books, by instrument and venue.
#[derive(Debug, Default)]
pub struct Books(BTreeMap<(InstrumentId, VenueId), Box<Book>>);

impl Books {
    /// Takes changed levels.
    pub fn update(&mut self, now_ns: u64, update: &BookUpdate) {
        let is_known =
            update.venue.index() < VENUES_MAX && update.instrument.index() < INSTRUMENTS_MAX;
        if is_known {
            let book = self.0.entry((update.instrument, update.venue)).or_default();
            book.update(update, UnixNanos(now_ns));
        }
    }

    /// A book is not to be trusted until its next snapshot.
    pub fn distrust(&mut self, venue: VenueId, instrument: InstrumentId, reason: Distrust) {
        if let Some(book) = self.0.get_mut(&(instrument, venue)) {
            book.distrust(reason);
        }
    }

    /// Changes of a venue's books were lost: none of them is to be trusted.
    pub fn distrust_venue(&mut self, venue: VenueId) {
        let of_venue = self.0.iter_mut().filter(|((_, of), _)| *of == venue);
        of_venue.for_each(|(_, book)| book.distrust(Distrust::Gap));
    }

    /// The books of one instrument, one for each venue that lists it: venue accounts that use the
    /// books of another one have no row of their own. The read model says which of
    /// them are trusted; a copy that is not complete yet is not shown as trusted either.
    pub fn rows(&self, model: &ReadModel, instrument: InstrumentId) -> Vec<BookRow> {
        let reference = model.reference();
        let Some(def) = reference.instruments.get(instrument.index()) else { return Vec::new() };
        let own = reference.listings(instrument);
        let own = own.filter(|listing| reference.has_own_books(listing.venue));
        let rows = own.map(|listing| {
            let venue = model.venue_name(listing.venue).to_owned();
            let copy = self.0.get(&(instrument, listing.venue));
            let mut row = copy.map_or_else(BookRow::default, |book| row(def, book));
            let distrust = model.distrust(listing.venue, instrument);
            // The copy of a trusted book follows at once.
            let copying = || copy.is_none_or(|book| !is_whole(book)).then_some("Copying");
            row.distrust = distrust.or_else(copying).map(str::to_owned);
            BookRow { venue, ..row }
        });
        rows.collect()
    }
}

/// No part of the copy is missing. The rest of a change in several parts follows at once.
const fn is_whole(book: &Book) -> bool {
    matches!(book.trust, Trust::Proved | Trust::Changing)
}

fn row(def: &InstrumentDef, book: &Book) -> BookRow {
    let text = |units: i64, decimals: u8| decimal(i128::from(units), u32::from(decimals));
    let side = |levels: &Levels| -> Vec<LevelRow> {
        let level = |level: &Level| LevelRow {
            units: level.price.0,
            price: text(level.price.0, def.price_decimals),
            qty: text(level.qty.0, def.qty_decimals),
        };
        levels.iter().take(DEPTH_MAX).map(level).collect()
    };
    BookRow {
        changed_ns: book.changed_at.0,
        bids: side(&book.bids),
        asks: side(&book.asks),
        ..BookRow::default()
    }
}
