//! What the feeds told, kept for the console, in books of the core's own kind.

use std::collections::BTreeMap;

use rutter_admin::console::books::{BookShown, DEPTH_MAX, LevelShown};
use rutter_admin::model::decimal;
use rutter_clients::market::BookNews;
use rutter_core::book::{Book, Levels, Trust};
use rutter_core::id::{InstrumentId, VenueId};
use rutter_core::input::{Distrust, InstrumentDef};
use rutter_core::number::UnixNanos;
use rutter_core::reference::{DEFINITIONS_MAX, Reference, VENUES_MAX};

/// The books, by instrument and venue.
#[derive(Debug, Default)]
pub struct Books(BTreeMap<(InstrumentId, VenueId), Box<Book>>);

impl Books {
    /// Takes news in.
    pub fn take(&mut self, now_ns: u64, news: &BookNews) {
        match news {
            BookNews::Update(update) => {
                let known = update.venue.index() < VENUES_MAX
                    && update.instrument.index() < DEFINITIONS_MAX;
                if known {
                    let book = self.0.entry((update.instrument, update.venue)).or_default();
                    book.update(update, UnixNanos(now_ns));
                }
            }
            BookNews::Distrusted(venue, instrument, why) => {
                if let Some(book) = self.0.get_mut(&(*instrument, *venue)) {
                    book.distrust(*why);
                }
            }
            BookNews::Lost(venue) => {
                let of_it = self.0.iter_mut().filter(|((_, of), _)| of == venue);
                of_it.for_each(|(_, book)| book.distrust(Distrust::Gap));
            }
            BookNews::Alive(_) => {}
        }
    }

    /// All books of one instrument.
    pub fn shown(&self, reference: &Reference, symbol: &str) -> Vec<BookShown> {
        let named = |def: &&InstrumentDef| def.symbol.as_str() == symbol;
        let Some(def) = reference.instruments.iter().find(named) else { return Vec::new() };
        let mut all = Vec::new();
        for ((_, venue), book) in self.0.iter().filter(|((of, _), _)| *of == def.id) {
            if let Some(venue) = reference.venues.get(venue.index()) {
                all.push(shown(def, venue.name.as_str().to_owned(), book));
            }
        }
        all
    }
}

fn shown(def: &InstrumentDef, venue: String, book: &Book) -> BookShown {
    let text = |units: i64, decimals: u8| decimal(i128::from(units), u32::from(decimals));
    let side = |levels: &Levels| -> Vec<LevelShown> {
        let level = |level: &rutter_core::input::Level| LevelShown {
            units: level.price.0,
            price: text(level.price.0, def.price_decimals),
            qty: text(level.qty.0, def.qty_decimals),
        };
        levels.as_slice().iter().take(DEPTH_MAX).map(level).collect()
    };
    let distrust = match book.trust {
        // A change that is half told is whole a moment later.
        Trust::Proved | Trust::Changing => None,
        Trust::Beginning => Some("Beginning".to_owned()),
        Trust::Distrusted(why) => Some(format!("{why:?}")),
    };
    BookShown {
        venue,
        distrust,
        changed_ns: book.changed_at.0,
        bids: side(&book.bids),
        asks: side(&book.asks),
    }
}
