//! The books that the console shows: one for each listing, of the core's own type.
//!
//! A line belongs here if it keeps a book or copies its levels. The answer to `book` is `books`.

use std::collections::BTreeMap;

use rutter_core::book::{Book, Levels, Trust};
use rutter_core::id::{InstrumentId, VenueId};
use rutter_core::input::{BookUpdate, Distrust, InstrumentDef, Level};
use rutter_core::number::UnixNanos;
use rutter_core::reference::{DEFINITIONS_MAX, Reference, VENUES_MAX};

use super::books::{BookRow, DEPTH_MAX, LevelRow};
use crate::model::decimal;

/// The books, by instrument and venue.
#[derive(Debug, Default)]
pub struct Books(BTreeMap<(InstrumentId, VenueId), Box<Book>>);

impl Books {
    /// Takes changed levels.
    pub fn update(&mut self, now_ns: u64, update: &BookUpdate) {
        let is_known =
            update.venue.index() < VENUES_MAX && update.instrument.index() < DEFINITIONS_MAX;
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

    /// All books of one instrument. A book is distrusted as stale, whatever it says itself, if
    /// its venue's feed has been silent for longer than routing allows: routing judges likewise.
    pub fn rows(
        &self,
        reference: &Reference,
        symbol: &str,
        feed_age_ns: impl Fn(&str) -> Option<u64>,
    ) -> Vec<BookRow> {
        let has_symbol = |def: &&InstrumentDef| def.symbol.as_str() == symbol;
        let Some(def) = reference.instruments.iter().find(has_symbol) else { return Vec::new() };
        let mut rows = Vec::new();
        for ((_, venue), book) in self.0.iter().filter(|((of, _), _)| *of == def.id) {
            let Some(venue) = reference.venues.get(venue.index()) else { continue };
            let mut row = row(def, venue.name.as_str().to_owned(), book);
            if feed_age_ns(&row.venue).is_some_and(|age_ns| age_ns > venue.stale_after_ns) {
                row.distrust.get_or_insert_with(|| "Stale".to_owned());
            }
            rows.push(row);
        }
        rows
    }
}

fn row(def: &InstrumentDef, venue: String, book: &Book) -> BookRow {
    let text = |units: i64, decimals: u8| decimal(i128::from(units), u32::from(decimals));
    let side = |levels: &Levels| -> Vec<LevelRow> {
        let level = |level: &Level| LevelRow {
            units: level.price.0,
            price: text(level.price.0, def.price_decimals),
            qty: text(level.qty.0, def.qty_decimals),
        };
        levels.as_slice().iter().take(DEPTH_MAX).map(level).collect()
    };
    let distrust = match book.trust {
        // The rest of a change in several parts follows at once.
        Trust::Proved | Trust::Changing => None,
        Trust::Beginning => Some("Beginning".to_owned()),
        Trust::Distrusted(reason) => Some(format!("{reason:?}")),
    };
    BookRow {
        venue,
        distrust,
        changed_ns: book.changed_at.0,
        bids: side(&book.bids),
        asks: side(&book.asks),
    }
}
