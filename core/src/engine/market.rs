//! Books, reference data, time and the start of the node.
//!
//! A line belongs here if it takes in what is true for all orders.

use core::cmp::Reverse;

use super::{ClientSession, DAY_NS, ENDS_PER_INPUT_MAX, Engine, ONE_FAULT_NS, Out};
use crate::breaker::RequestKind;
use crate::heard::Heard;
use crate::id::{InstrumentId, OrderId, VenueId};
use crate::input::{BookUpdate, Distrust, Input, Level, ListingDef, Refusal, Side, TimeInForce};
use crate::listed::place_of;
use crate::number::{Price, UnixNanos};
use crate::order::{CancelReason, Order};
use crate::output::{Notice, Sink};
use crate::reference_price::ReferencePrice;
use crate::risk::AccountUsage;
use crate::routing::{VenueState, least_cost};
use crate::table::Slot;
use crate::touches::Touch;
use crate::waiting::Waiting;

impl Engine {
    /// Takes a definition and sizes the tables for it, or notes that the definition contradicts
    /// others.
    pub(super) fn on_definition<S: Sink>(&mut self, definition: &Input, out: &mut Out<'_, S>) {
        let moved_never = match definition {
            Input::Routing(def) => self.never_moves(def.account),
            _ => false,
        };
        if self.reference.define(definition).is_err() {
            return out.notice(Notice::BadReference);
        }
        self.make_room_for(definition);
        if let Input::Listing(ListingDef { instrument, venue, .. }) = definition {
            self.note_best(self.reference.book_owner(*venue), *instrument);
            self.judge_books(*instrument, out);
        }
        self.on_fees_defined(definition, out);
        if let Input::Bridge(def) = definition {
            self.on_bridge_defined(def);
        }
        if let Input::Routing(def) = definition
            && moved_never
        {
            self.watch_places(|order| order.account == def.account);
        }
    }

    /// Whether market data of a venue account is taken: the account is known, and has books of its
    /// own.
    #[inline]
    pub(super) fn has_feed(&self, venue: VenueId) -> bool {
        venue.index() < self.venues.len() && self.reference.has_own_books(venue)
    }

    /// Sizes the tables for a definition that was taken. The cost does not depend on how many
    /// definitions there are.
    fn make_room_for(&mut self, definition: &Input) {
        let reference = &self.reference;
        match definition {
            Input::Venue(_) | Input::Budget(_) | Input::Instrument(_) => {
                self.router.reserve(reference.venues.len());
                self.venues.resize(reference.venues.len(), VenueState::default());
                let budgets = reference.venues.iter().zip(&reference.budgets);
                for ((def, budget), state) in budgets.zip(&mut self.venues) {
                    state.budget.set(def, budget, reference.instruments.len(), self.now);
                }
                self.heard = Heard::of(reference, &self.venues, self.now);
                self.prices.resize(reference.instruments.len(), ReferencePrice::default());
                self.touches.grow(reference.instruments.len());
                self.own_places.resize(reference.instruments.len(), Default::default());
                self.waiting.grow(reference.instruments.len());
                self.resting.grow(reference.instruments.len());
                self.posted.grow(reference.instruments.len());
            }
            Input::Listing(listing) => {
                // The same levels again for an account that shares them.
                self.books.list(reference.book_at(listing.instrument, listing.venue));
                let place = place_of(listing.instrument, listing.venue);
                self.books.list_without_levels(place);
                self.touches.make_room(listing.instrument, reference);
                self.resting.list(place);
                self.posted.list(place);
            }
            Input::BooksOf(_) => self.heard = Heard::of(reference, &self.venues, self.now),
            Input::Account(_) => {
                self.accounts.resize(reference.accounts.len(), AccountUsage::default());
            }
            Input::Session(_) => {
                self.sessions.resize(reference.sessions.len(), ClientSession::default());
            }
            _ => {}
        }
        let (venues, accounts) = (reference.venues.len(), reference.accounts.len());
        self.ledger.grow(venues, accounts, reference.assets.len());
    }

    #[inline]
    pub(super) fn on_book<S: Sink>(&mut self, update: &BookUpdate, out: &mut Out<'_, S>) {
        let known = self.has_feed(update.venue);
        let at = self.reference.book_at(update.instrument, update.venue);
        let Some(book) = self.books.get_mut(at).filter(|_| known) else {
            return out.notice(Notice::BadReference);
        };
        let knows_mid = self.prices[update.instrument.index()].mid(update.venue) > Price(0);
        let (before, was_proved) = (book.best_prices(), book.is_proved());
        let now_trusted = book.update(update, self.now);
        let same_best = book.best_prices() == before;
        // Then the mid price that is known is that of the book.
        let same_mid = same_best && was_proved && book.is_proved() && knows_mid;
        if !same_best {
            self.note_best(update.venue, update.instrument);
        }
        if now_trusted {
            out.notice(Notice::BookTrusted(update.venue, update.instrument));
            // A breaker that the book closes counts the book as its first success.
            self.on_probed(update.venue, RequestKind::Data, out);
            self.count_success(update.venue, RequestKind::Data);
        }
        // An unfinished change keeps the mid price of the change before it.
        if (update.last || update.clear) && !same_mid {
            self.on_mid(update.venue, update.instrument, out);
        }
        if self.hear(update.venue) {
            self.judge_all_books(out);
            self.wake_for_venues();
        }
        if now_trusted {
            self.wake_for_venue(update.instrument);
        } else if update.last {
            self.wake_for_book(update.instrument);
        }
        if update.last || update.clear {
            self.note_offers(update.venue, update.instrument);
            self.note_touches(update.venue, update.instrument);
        }
    }

    pub(super) fn on_book_distrusted<S: Sink>(
        &mut self,
        venue: VenueId,
        instrument: InstrumentId,
        reason: Distrust,
        out: &mut Out<'_, S>,
    ) {
        let known = self.has_feed(venue);
        let at = self.reference.book_at(instrument, venue);
        let Some(book) = self.books.get_mut(at).filter(|_| known) else {
            return out.notice(Notice::BadReference);
        };
        book.distrust(reason);
        self.note_best(venue, instrument);
        self.note_offers(venue, instrument);
        self.note_touches(venue, instrument);
        out.notice(Notice::BookDistrusted(venue, instrument, reason));
        self.on_mid(venue, instrument, out);
        self.wake_for_book(instrument);
        match reason {
            // The loss of a link takes every book of the venue, and the link has its own word.
            // An outlier is found by the core, not by a feed.
            Distrust::NoSnapshot | Distrust::Disconnected | Distrust::Outlier => {}
            // A broken protocol takes every book of its link, and is one failure.
            Distrust::Protocol => {
                let before = self.venues[venue.index()].protocol_broken_at;
                if before == UnixNanos(0) || self.now.since(before) >= ONE_FAULT_NS {
                    self.venues[venue.index()].protocol_broken_at = self.now;
                    self.count_failure(venue, RequestKind::Data, out);
                }
            }
            Distrust::Gap | Distrust::Checksum => {
                self.count_failure(venue, RequestKind::Data, out);
            }
        }
    }

    pub(super) fn on_feed_alive<S: Sink>(&mut self, venue: VenueId, out: &mut Out<'_, S>) {
        if !self.has_feed(venue) {
            return out.notice(Notice::BadReference);
        }
        if self.hear(venue) {
            self.judge_all_books(out);
            self.wake_for_venues();
        }
    }

    /// The outcome of everything that was on its way when the node stopped is unknown.
    pub(super) fn on_node_started<S: Sink>(&mut self, out: &mut Out<'_, S>) {
        self.remember_prices_at_stop();
        for index in 0..self.venues.len() {
            self.on_venue_down(VenueId(index as u8), out);
        }
        for book in self.books.iter_mut() {
            book.distrust(Distrust::NoSnapshot);
        }
        self.touches.clear();
        self.lose_all_sessions(out);
        self.watch_places(|_| true);
        self.wake_for_venues();
        if self.day_ends_at == UnixNanos(0) {
            self.day_ends_at = self.next_day_end();
        }
    }

    /// What the best levels of a venue's books cost has changed.
    #[cold]
    pub(super) fn note_all_best(&mut self, venue: VenueId) {
        let owner = self.reference.book_owner(venue);
        for index in 0..self.reference.instruments.len() {
            let instrument = InstrumentId(index as u16);
            if self.reference.listing(instrument, venue).is_some() {
                self.note_best(owner, instrument);
            }
        }
    }

    /// The best levels of a book have changed, or what they cost.
    fn note_best(&mut self, owner: VenueId, instrument: InstrumentId) {
        let book = &self.books[self.reference.book_at(instrument, owner)];
        for venue in self.reference.accounts_with_books_of(owner) {
            let listing = self.reference.listing(instrument, venue);
            for side in [Side::Buy, Side::Sell] {
                let best = book.opposite(side).best();
                let touch = listing.zip(best).map(|(listing, Level { price, .. })| Touch {
                    cost: least_cost(listing, side, price),
                    price,
                    venue,
                });
                self.touches.set(instrument, side, venue, touch);
            }
        }
    }

    fn next_day_end(&self) -> UnixNanos {
        let roll_ns = u64::from(self.genesis.day_roll_s) * 1_000_000_000 % DAY_NS;
        let days = (self.now.0 + DAY_NS - roll_ns) / DAY_NS;
        UnixNanos(days * DAY_NS + roll_ns)
    }

    pub(super) fn on_tick<S: Sink>(&mut self, out: &mut Out<'_, S>) {
        if self.day_ends_at.0 > 0 && self.now >= self.day_ends_at {
            self.day_ends_at = self.next_day_end();
            self.cancel_where(CancelReason::DayEnd, out, |order| order.tif == TimeInForce::Day);
        }
        self.expire_orders(out);
        self.lose_due_sessions(out);
        self.on_venues_due(out);
        self.on_queries_due(out);
        self.work_resting(out);
        self.work_posted(out);
        self.look_at_places(out);
        self.wake_for_time();
        self.ledger.make_room();
    }

    /// Cancels the orders whose end has come, the earliest end first, a bounded number for each
    /// input: the timer stays due for the others. An IOC or FOK order that does not wait for a
    /// busy venue at that moment ends with its children.
    fn expire_orders<S: Sink>(&mut self, out: &mut Out<'_, S>) {
        for _ in 0..ENDS_PER_INPUT_MAX {
            let Some(Reverse((at, id))) = self.expiries.peek().copied() else { return };
            if at > self.now {
                return;
            }
            self.expiries.pop();
            let Some(mut order) = self.load(OrderId(id)).filter(|order| !order.is_over()) else {
                continue;
            };
            if order.tif.waits() {
                let why = end_of_time(&order);
                self.end(&mut order, why, out);
            } else if order.waiting == Waiting::VenueBusy && order.live_children == 0 {
                self.give_up(&mut order, Refusal::VenueBusy, out);
            }
            self.store(&order);
        }
    }

    /// Notes the end of an order, once for each order. The heap never grows: living orders take at
    /// most half of its room.
    pub(super) fn expire_later(&mut self, order: &Order) {
        if order.expire_at == UnixNanos(0) {
            return;
        }
        if self.expiries.len() == 1 << self.genesis.orders_log2 {
            let orders = &self.orders;
            let lives = |id| orders.get(id).is_some_and(|order| !order.is_over());
            self.expiries.retain(|Reverse((_, id))| lives(*id));
        }
        self.expiries.push(Reverse((order.expire_at, order.id.0)));
    }

    /// Cancels the living orders that `is_meant` picks. Returns their number, including those that
    /// are being cancelled already.
    pub(super) fn cancel_where<S: Sink>(
        &mut self,
        why: CancelReason,
        out: &mut Out<'_, S>,
        is_meant: impl Fn(&Order) -> bool,
    ) -> u32 {
        let (mut slot, mut count) = (0, 0);
        // Ends: each turn goes to a later slot.
        while let Some((next, order)) = self.orders.living_after(slot) {
            slot = next;
            if !is_meant(order) {
                continue;
            }
            count += 1;
            let mut order = *order;
            self.end(&mut order, why, out);
            self.store(&order);
        }
        count
    }
}

/// Why an order ends at [`Order::expire_at`].
pub(super) const fn end_of_time(order: &Order) -> CancelReason {
    match order.tif {
        TimeInForce::Gtd => CancelReason::Expiry,
        TimeInForce::Day | TimeInForce::Gtc | TimeInForce::Ioc | TimeInForce::Fok => {
            CancelReason::Waited
        }
    }
}
