//! Reductions in place: a resting child gets less quantity at its venue, and keeps its place in the
//! queue.
//!
//! A line belongs here if it is about a child that is amended. Which child gives up quantity, and
//! for what, is `worked`, `own` and `replace`.
//!
//! The exposure is that of the larger quantity until the venue has told the smaller one. An amend
//! that a venue refuses, or that has not arrived, becomes a cancel: what is wanted is the free
//! quantity, and the place in the queue is lost only then. An amend never waits: where it cannot be
//! sent at this moment, the child is called back as at a venue that amends nothing.

use super::place::reference_of;
use super::{AMENDS_MAX, Engine, Out};
use crate::child::{Child, ChildEvent, ChildState, Role};
use crate::id::{ChildId, OrderId, VenueId};
use crate::input::{ListingDef, TimeInForce, VenueReject};
use crate::number::{Notional, Qty, UnixNanos};
use crate::order::{Order, OrderState};
use crate::output::{Notice, Output, SendReduce, Sink};
use crate::reference::amount_of;
use crate::table::Slot;

/// What is to become of a resting child's quantity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reduction {
    /// The quantity in all that the child is to be reduced to in its place; zero for none.
    to: Qty,
    /// What a part of a shared child gives up by the amend of the shared child that is under way.
    gives: Qty,
    /// When the last amend was sent; zero if none was.
    amended_at: UnixNanos,
    /// Amends sent, at most [`AMENDS_MAX`].
    amends: u8,
}

impl Reduction {
    /// Nothing is wanted, and nothing was sent.
    pub const NONE: Self =
        Self { to: Qty::ZERO, gives: Qty::ZERO, amended_at: UnixNanos(0), amends: 0 };

    /// Quantity in all that the child is to be reduced to; zero for none.
    pub const fn to(&self) -> Qty {
        self.to
    }

    /// What a part gives up by the amend that is under way.
    pub const fn gives(&self) -> Qty {
        self.gives
    }

    /// Notes what a part gives up by an amend that is sent, and what it is to have in all; zero if
    /// it gives up everything.
    pub const fn lessen(&mut self, to: Qty, gives: Qty) {
        (self.to, self.gives) = (to, gives);
    }

    /// No amend is under way any more.
    pub const fn settle(&mut self) {
        (self.to, self.gives) = (Qty::ZERO, Qty::ZERO);
    }

    /// The venue takes no further amend of the child.
    pub const fn forbid(&mut self) {
        self.amends = AMENDS_MAX;
    }
}

impl Engine {
    pub(super) fn reduction(&mut self, child: &Child) -> &mut Reduction {
        &mut self.reductions[self.children.slot(child.id.0) as usize]
    }

    /// Only a child that rests is reduced. The place of another one may hold what an earlier child
    /// has left.
    pub(super) fn reduction_of(&self, child: &Child) -> Reduction {
        if child.tif != TimeInForce::Gtc {
            return Reduction::NONE;
        }
        self.reductions[self.children.slot(child.id.0) as usize]
    }

    /// How long a child has been at its venue, since it was sent or last amended.
    pub(super) fn age_ns(&self, child: &Child) -> u64 {
        let amended_at = match child.tif {
            TimeInForce::Ioc | TimeInForce::Fok => UnixNanos(0),
            TimeInForce::Day | TimeInForce::Gtc | TimeInForce::Gtd => {
                self.reduction_of(self.at_venue(child)).amended_at
            }
        };
        self.now.since(child.sent_at.max(amended_at))
    }

    /// Nothing is to be taken off a child any more.
    pub(super) fn wants_all(&mut self, child: &Child) {
        // Nothing is wanted of a child that has not been amended.
        if !matches!(child.state(), ChildState::Sent | ChildState::Live) {
            self.reduction(child).to = Qty::ZERO;
        }
    }

    /// The quantity in all that a child has after it has given up so much, in whole lots; `None` if
    /// the child cannot be reduced in its place now.
    pub(super) fn reduced_to(&self, child: &Child, freed: Qty) -> Option<Qty> {
        if child.role == Role::Part {
            return self.part_reduced_to(child, freed);
        }
        let terms = self.reference.amend_of(child.venue);
        if !terms.reduces() || !rests(child) || !self.takes_cancels(child.venue) {
            return None;
        }
        if self.reduction_of(child).amends >= AMENDS_MAX {
            return None;
        }
        let listing = self.reference.listing(child.instrument, child.venue)?;
        let lots = freed.0.checked_add(listing.lot.0 - 1)? / listing.lot.0;
        let freed = Qty(lots.checked_mul(listing.lot.0)?);
        let left = child.leaves().saturating_sub(freed);
        if left.is_zero() || !self.is_order(child, listing, left) {
            return None;
        }
        let budget = &self.venues[child.venue.index()].budget;
        let points = budget.amend_points(terms, self.age_ns(child));
        let has_room = budget.has_room_to_amend(self.now, child.instrument, points);
        has_room.then(|| child.qty.saturating_sub(freed))
    }

    /// Whether the venue would take such a quantity at the child's price as an order.
    fn is_order(&self, child: &Child, listing: &ListingDef, qty: Qty) -> bool {
        let def = self.reference.instrument_of(child.instrument);
        qty >= listing.qty_min
            && qty.floor_to(listing.lot) == qty
            && amount_of(def, Notional::of(child.price, qty)) >= listing.notional_min
    }

    /// Amends a child for which [`Self::reduced_to`] has found the quantity.
    pub(super) fn reduce<S: Sink>(&mut self, child: &mut Child, to: Qty, out: &mut Out<'_, S>) {
        if child.role == Role::Part {
            return self.reduce_part(child, to, out);
        }
        let terms = self.reference.amend_of(child.venue);
        let age_ns = self.age_ns(child);
        let budget = &mut self.venues[child.venue.index()].budget;
        let points = budget.amend_points(terms, age_ns);
        budget.count_amend(self.now, child.instrument, points);
        child.apply(ChildEvent::ReplaceSent);
        let amended_at = self.now;
        let reduction = self.reduction(child);
        *reduction = Reduction { to, amended_at, amends: reduction.amends + 1, ..*reduction };
        out.put(&Output::SendReduce(SendReduce { of: reference_of(child), qty: to }));
    }

    /// Frees a quantity of an order: children that are needed wholly are cancelled, and one is
    /// reduced in its place. False, with nothing sent, if that would keep no place.
    pub(super) fn free_in_place<S: Sink>(
        &mut self,
        order: &mut Order,
        qty: Qty,
        out: &mut Out<'_, S>,
    ) -> bool {
        if self.rest_of(order).is_none() {
            return false;
        }
        let chosen = self.choose_recalled(order, qty);
        let Some((id, to)) = chosen.reduced() else { return false };
        for id in chosen.ids() {
            let Some(mut child) = self.children.get(id.0).copied() else { continue };
            (child.cancel_wanted, child.cancels) = (true, 0);
            if self.takes_cancels(child.venue) {
                self.cancel_child(&mut child, out);
            }
            self.store_child(&mut child, order);
        }
        if let Some(mut child) = self.children.get(id.0).copied() {
            self.reduce(&mut child, to, out);
            self.store_child(&mut child, order);
        }
        true
    }

    /// Whether a child of the order is being cancelled or reduced.
    pub(super) fn is_changing(&self, order: &Order) -> bool {
        let rests = |child: &Child| child.tif == TimeInForce::Gtc;
        let is_reduced = |child: &Child| rests(child) && !self.reduction_of(child).to.is_zero();
        self.children_of(order).any(|child| child.cancel_wanted || is_reduced(child))
    }

    /// The venue tells the quantity of a child. The quantity never becomes more: a larger one is
    /// old news.
    pub(super) fn on_amended<S: Sink>(
        &mut self,
        venue: VenueId,
        id: ChildId,
        qty: Qty,
        out: &mut Out<'_, S>,
    ) {
        if let Some(shared) = self.shared_child(venue, id) {
            return self.on_shared_amended(shared, qty, out);
        }
        let Some((child, order)) = self.child_of(venue, id).filter(|_| qty.0 > 0) else {
            return Self::illegal(venue, id, out);
        };
        let (mut child, mut order) = (*child, *order);
        if child.is_over() {
            return;
        }
        let before = child.leaves();
        child.qty = child.qty.min(Qty(qty.0.max(child.filled.0)));
        let freed = before.saturating_sub(child.leaves());
        let to = self.reduction_of(&child).to;
        let settles = !to.is_zero() && child.qty <= to;
        if settles {
            self.wants_all(&child);
            child.apply(ChildEvent::Replaced);
        }
        if freed.is_zero() && !settles {
            return;
        }
        out.notice(Notice::ChildAmended(venue, id, child.qty));
        order.at_venues = order.at_venues.saturating_sub(freed);
        if child.leaves().is_zero() {
            return self.end_child(child, order, ChildEvent::LastFilled, child.filled, out);
        }
        let moved = (settles && child.moves).then_some(child);
        if moved.is_some() {
            self.moved(&mut child, &mut order);
            child.yields_to = OrderId(0);
        }
        self.store_child(&mut child, &mut order);
        if let Some(before) = moved {
            self.note_reduced(&before, &order, freed);
        }
        self.wake_for_book(child.instrument);
        self.after_child(&mut order, out);
        self.store(&order);
    }

    /// A venue refuses to amend a child: the child is called back, if the quantity is wanted still.
    pub(super) fn on_amend_rejected<S: Sink>(
        &mut self,
        venue: VenueId,
        id: ChildId,
        reason: VenueReject,
        out: &mut Out<'_, S>,
    ) {
        if let Some(shared) = self.shared_child(venue, id) {
            return self.on_shared_amend_rejected(shared, reason, out);
        }
        let Some((child, order)) = self.child_of(venue, id) else {
            return Self::illegal(venue, id, out);
        };
        let (mut child, mut order) = (*child, *order);
        if child.is_over() {
            // The refusal has crossed the end, which is no news.
            return;
        }
        out.notice(Notice::AmendRejected(venue, id, reason));
        if child.state() != ChildState::PendingReplace {
            // Something later has been sent or asked since.
            return;
        }
        if reason == VenueReject::UnknownOrder {
            // The venue does not say whether the order is over.
            return self.on_doubt(venue, id, true, out);
        }
        if forbids_amends(reason) {
            self.reduction(&child).forbid();
        }
        child.apply(ChildEvent::ReplaceRefused);
        self.cancel_instead(&mut child, &order, out);
        self.store_child(&mut child, &mut order);
        self.wake_for_book(child.instrument);
        self.store(&order);
    }

    /// A child that was to be reduced is open with its old quantity: it is called back, if the
    /// quantity is wanted still.
    pub(super) fn cancel_instead<S: Sink>(
        &mut self,
        child: &mut Child,
        order: &Order,
        out: &mut Out<'_, S>,
    ) {
        let was_wanted = !self.reduction_of(child).to.is_zero();
        self.reduction(child).to = Qty::ZERO;
        if !was_wanted || !child.moves && order.state() != OrderState::PendingReplace {
            return;
        }
        (child.cancel_wanted, child.cancels) = (true, 0);
        if self.takes_cancels(child.venue) {
            self.cancel_child(child, out);
        }
    }
}

/// Whether a venue that refuses an amend for this reason would refuse the next one too.
pub(super) const fn forbids_amends(reason: VenueReject) -> bool {
    match reason {
        VenueReject::NotSent
        | VenueReject::RateLimit
        | VenueReject::Late
        | VenueReject::UnknownOrder => false,
        VenueReject::InsufficientFunds
        | VenueReject::Filter
        | VenueReject::DuplicateId
        | VenueReject::MarketClosed
        | VenueReject::Other
        | VenueReject::WouldMatch
        | VenueReject::PriceBand
        | VenueReject::SelfMatch
        | VenueReject::PairFull => true,
    }
}

/// Whether a child rests, and nothing is under way for it.
pub(super) fn rests(child: &Child) -> bool {
    child.state() == ChildState::Live && child.tif == TimeInForce::Gtc && !child.cancel_wanted
}
