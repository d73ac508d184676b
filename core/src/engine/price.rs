//! Reference prices: kept up to date with books and venues, and used by orders that wait for one.
//!
//! A line belongs here if it changes a reference price or what follows from it. How the price is
//! found is `reference_price`.

use super::{Engine, Out};
use crate::heard::Heard;
use crate::id::{InstrumentId, VenueId};
use crate::input::{Distrust, Refusal};
use crate::number::{Notional, Price};
use crate::order::Order;
use crate::output::{Notice, Sink};
use crate::reference::amount_of;
use crate::reference_price::{Counted, Found, is_apart};
use crate::risk::{collared, reaches};
use crate::venue_set::VenueSet;
use crate::waiting::{Help, Waiting};

impl Engine {
    /// What the venues' prices say, leaving out those that an operator has closed and `excluded`.
    fn found(&mut self, instrument: InstrumentId, excluded: VenueSet) -> (Found, Counted) {
        let price = &mut self.prices[instrument.index()];
        let barred = self.closed.union(excluded);
        let counted = price.counted(&self.reference, self.heard.venues(), instrument, barred);
        let terms = &self.reference.instrument_of(instrument).reference;
        (price.find(counted, terms, self.now), counted)
    }

    /// The reference price of an instrument, if there is one.
    pub(super) fn reference_price(&self, instrument: InstrumentId) -> Option<Price> {
        // A copy, for what is found is kept.
        let mut price = self.prices[instrument.index()];
        let heard = self.heard.venues();
        let counted = price.counted(&self.reference, heard, instrument, self.closed);
        let terms = &self.reference.instrument_of(instrument).reference;
        price.find(counted, terms, self.now).price()
    }

    /// Remembers the price that the venues agree on at this moment. Called before every change that
    /// may end their agreement.
    pub(super) fn remember_price(&mut self, instrument: InstrumentId) {
        let (found, _) = self.found(instrument, VenueSet::EMPTY);
        self.prices[instrument.index()].remember(found, self.now);
    }

    /// As [`Engine::remember_price`], for all instruments.
    pub(super) fn remember_prices(&mut self) {
        for index in 0..self.prices.len() {
            self.remember_price(InstrumentId(index as u16));
        }
    }

    /// The node has stopped some time ago: an agreement of the venues' prices ended when a feed was
    /// last heard. The prices that the venues had then are no news of them now.
    pub(super) fn remember_prices_at_stop(&mut self) {
        let heard = self.venues.iter().map(|state| state.feed_alive_at).max();
        let now = core::mem::replace(&mut self.now, heard.unwrap_or_default());
        self.heard = Heard::of(&self.reference, &self.venues, self.now);
        self.remember_prices();
        self.now = now;
        self.heard = Heard::of(&self.reference, &self.venues, self.now);
        for price in &mut self.prices {
            price.forget_venues();
        }
    }

    /// Takes over a book's mid price. Nothing follows from an unfinished change of a book.
    #[inline]
    pub(super) fn on_mid<S: Sink>(
        &mut self,
        venue: VenueId,
        instrument: InstrumentId,
        out: &mut Out<'_, S>,
    ) {
        let mid = self.books[self.reference.book_at(instrument, venue)].mid();
        let before = self.prices[instrument.index()].mid(venue);
        if before != mid.unwrap_or(Price(0)) {
            self.remember_price(instrument);
            self.prices[instrument.index()].set_mid(venue, mid);
            if self.hear(venue) {
                self.wake_for_venues();
            }
            self.judge_books(instrument, out);
            if before == Price(0) {
                self.wake_for_venue(instrument);
            }
        }
    }

    /// Notes that a venue's feed lives. True if it has been silent for longer than the venue's
    /// limit.
    #[inline]
    pub(super) fn hear(&mut self, venue: VenueId) -> bool {
        let stale_after_ns = self.reference.venues[venue.index()].stale_after_ns;
        let state = &mut self.venues[venue.index()];
        let was_silent = self.now.since(state.feed_alive_at) > stale_after_ns;
        state.feed_alive_at = self.now;
        if was_silent {
            self.heard = Heard::of(&self.reference, &self.venues, self.now);
        }
        was_silent
    }

    /// Distrusts the books that lie too far from the reference price, and trusts those again that
    /// lie near it. While there is no reference price, nothing changes.
    pub(super) fn judge_books<S: Sink>(&mut self, instrument: InstrumentId, out: &mut Out<'_, S>) {
        let (found, counted) = self.found(instrument, VenueSet::EMPTY);
        let price = &mut self.prices[instrument.index()];
        price.remember(found, self.now);
        let known = found.price().is_some();
        if price.told != known {
            price.told = known;
            out.notice(if known {
                Notice::ReferenceFound(instrument)
            } else {
                Notice::ReferenceLost(instrument)
            });
            self.wake_for_book(instrument);
        }
        if let Some(by) = found.judges_by() {
            self.mark_outliers(instrument, by, counted, out);
        }
    }

    fn mark_outliers<S: Sink>(
        &mut self,
        instrument: InstrumentId,
        by: Price,
        counted: Counted,
        out: &mut Out<'_, S>,
    ) {
        let bps = self.reference.instrument_of(instrument).reference.outlier_bps;
        for venue in (0..self.venues.len()).map(|index| VenueId(index as u8)) {
            if !self.reference.has_own_books(venue) {
                continue;
            }
            let mid = self.prices[instrument.index()].mid(venue);
            let is_outlier = counted.present.has(venue) && is_apart(mid, by, by, bps);
            let at = self.reference.book_at(instrument, venue);
            let Some(book) = self.books.get_mut(at) else { continue };
            if is_outlier == book.is_outlier {
                continue;
            }
            book.is_outlier = is_outlier;
            if is_outlier {
                out.notice(Notice::BookDistrusted(venue, instrument, Distrust::Outlier));
            } else {
                out.notice(Notice::BookTrusted(venue, instrument));
                self.wake_for_venue(instrument);
            }
        }
    }

    /// As [`Engine::judge_books`], for all instruments.
    pub(super) fn judge_all_books<S: Sink>(&mut self, out: &mut Out<'_, S>) {
        for index in 0..self.prices.len() {
            self.judge_books(InstrumentId(index as u16), out);
        }
    }

    /// Gives an order that waits for a reference price its worst price, once there is one. False if
    /// the order goes on waiting, or is over because it breaks a limit.
    pub(super) fn settle_terms<S: Sink>(
        &mut self,
        order: &mut Order,
        out: &mut Out<'_, S>,
    ) -> bool {
        let Some(price) = self.found(order.instrument, self.left_out(order)).0.price() else {
            self.wait(order, Waiting::NoReference, Help::Book, out);
            return false;
        };
        let limits = &self.reference.accounts[order.account.index()].limits;
        let worst = collared(price, order.side, limits.collar_ppm);
        let def = self.reference.instrument_of(order.instrument);
        let refusal = if order.ord_type.has_limit() {
            let within = reaches(worst, order.price, order.side);
            if within { Refusal::None } else { Refusal::PriceCollar }
        } else if amount_of(def, Notional::of(price, order.qty)) > limits.notional_max {
            Refusal::NotionalTooLarge
        } else {
            Refusal::None
        };
        if refusal != Refusal::None {
            self.give_up(order, refusal, out);
            return false;
        }
        order.worst = if order.ord_type.has_limit() { order.price } else { worst };
        true
    }
}
