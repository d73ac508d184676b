//! The book of a venue in a scenario.
//!
//! A line belongs here if it puts levels and own orders into a book.

use std::collections::BTreeMap;

use rutter_core::book::{BOOK_LEVELS_MAX, Book, LEVELS_BEYOND};
use rutter_core::breaker::MARKET_CLOSED_WAITS;
use rutter_core::id::VenueId;
use rutter_core::input::{BookUpdate, Level, Side};
use rutter_core::number::UnixNanos;

use super::{BadScenario, MONEY_ROOM, NOW, Object, PAIR, SECOND_NS, State, Venue, World};

impl Venue {
    pub(super) fn fill_book(&self, world: &mut World, venue: VenueId) -> Result<(), BadScenario> {
        let book = &mut world.books[venue.index()];
        let update = BookUpdate { venue, instrument: PAIR, ..BookUpdate::default() };
        let now = if self.state == Some(State::Stale) { UnixNanos(0) } else { NOW };
        book.update(&BookUpdate { clear: true, ..update }, now);
        for (side, levels) in [(Side::Buy, &self.bids), (Side::Sell, &self.asks)] {
            // As many as the core holds, so that every recorded decision can be asked again.
            if levels.len() > BOOK_LEVELS_MAX + LEVELS_BEYOND {
                let text = format!("at most {} levels a side", BOOK_LEVELS_MAX + LEVELS_BEYOND);
                return Err(BadScenario::new("BadLevel", text));
            }
            let mut held = BTreeMap::new();
            for (price, qty) in levels {
                let level = Level {
                    price: world.decimals.price(price, "price of a level")?,
                    qty: world.decimals.qty(qty, "quantity of a level")?,
                };
                if level.price.0 <= 0 || level.qty.0 <= 0 {
                    return Err(BadScenario::new("BadLevel", "a level is above zero"));
                }
                // Money is counted in 128 bits, with the decimals of fees.
                let most = i128::from(level.price.0) * i128::from(world.request.qty.0);
                if most.checked_mul(MONEY_ROOM).is_none() {
                    let text = "order.qty times the price of a level is out of range";
                    return Err(BadScenario::new("BadNumber", text));
                }
                let key = if side == Side::Buy { level.price.0 } else { -level.price.0 };
                if held.insert(key, level).is_some() {
                    return Err(BadScenario::new("BadLevel", "two levels of one price"));
                }
            }
            // The worst first: a book that holds its most drops a level that is worse than all.
            for level in held.into_values() {
                let mut one = update;
                one.push(side, level);
                book.update(&one, now);
            }
        }
        if self.state == Some(State::Crossed) {
            cross(book, update, now);
        }
        book.is_outlier = self.state == Some(State::Outlier);
        if self.state == Some(State::MarketClosed) {
            book.closed.extend(NOW, SECOND_NS, MARKET_CLOSED_WAITS);
        }
        if self.state != Some(State::Untrusted) {
            book.update(&BookUpdate { last: true, ..update }, now);
        }
        for Object(own) in &self.own {
            let side = Side::from(own.side);
            let price = world.decimals.price(&own.price, "own.price")?;
            let best = book.own_best(side).map_or(price, |best| match side {
                Side::Buy => best.max(price),
                Side::Sell => best.min(price),
            });
            book.set_own_best(side, Some(best));
        }
        Ok(())
    }
}

/// Puts a best bid at the best ask, or the other way round.
fn cross(book: &mut Book, update: BookUpdate, now: UnixNanos) {
    let sides = [(Side::Sell, book.bids.best()), (Side::Buy, book.asks.best())];
    for (side, level) in sides {
        let mut one = update;
        if level.is_some_and(|level| one.push(side, level)) {
            book.update(&one, now);
            return;
        }
    }
}
