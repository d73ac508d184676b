//! Our own resting children: which of them an order could match, and what venues say of that.
//!
//! A line belongs here if it is about our orders meeting each other. The order of the children is
//! `own_orders`.

use super::Engine;
use crate::child::Child;
use crate::id::VenueId;
use crate::order::Order;
use crate::reference::VENUES_MAX;
use crate::self_match::SelfMatches;
use crate::venue_set::VenueSet;

impl Engine {
    /// Counts a resting child that is sent.
    pub(super) fn rest_own(&mut self, child: &Child) {
        let slot = self.children.slot(child.id.0);
        let book = &mut self.books[child.instrument.index() * VENUES_MAX + child.venue.index()];
        let all = &mut book.own_children[child.side as usize - 1];
        self.own.insert(all, slot, child.id, (child.side, child.price));
    }

    /// Counts a resting child that has ended.
    pub(super) fn unrest_own(&mut self, child: &Child) {
        let slot = self.children.slot(child.id.0);
        let book = &mut self.books[child.instrument.index() * VENUES_MAX + child.venue.index()];
        self.own.remove(&mut book.own_children[child.side as usize - 1], slot);
    }

    /// A venue would have matched a child of the order with another order of our account.
    pub(super) fn note_self_match(&mut self, order: &mut Order, venue: VenueId) {
        let slot = self.orders.slot(order.id.0);
        self.self_matches[slot as usize].note(self.now);
        order.self_matched.insert(venue);
    }

    /// An order that waits goes to such venues again when the wait is over.
    pub(super) fn end_self_matches(&self, order: &mut Order) {
        let waits = &self.self_matches[self.orders.slot(order.id.0) as usize];
        if order.tif.waits() && waits.are_over(self.now) {
            order.self_matched = VenueSet::EMPTY;
        }
    }

    /// The order is over, or has new terms.
    pub(super) fn forget_self_matches(&mut self, order: &Order) {
        self.self_matches[self.orders.slot(order.id.0) as usize] = SelfMatches::default();
    }

    /// Notes in every book that the order could trade against which of our own resting children
    /// stand in its way.
    pub(super) fn look_up_own(&mut self, order: &Order) {
        let side = order.side.opposite();
        let at = order.instrument.index() * VENUES_MAX;
        for book in &mut self.books[at..at + self.venues.len()] {
            let all = book.own_children[side as usize - 1];
            if all.is_empty() {
                book.set_own_best(side, None);
                continue;
            }
            let best = self.own.iter(all).next().map(|slot| self.children.in_slot(slot).price);
            book.set_own_best(side, best);
        }
    }
}
