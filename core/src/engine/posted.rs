//! Posted orders: they rest at the touch, follow it, and cross when the expected saving is gone.
//!
//! A line belongs here if it decides what becomes of an order that rests at the touch by its
//! strategy. Where it rests is `routing`; how its children are called back is `worked`.
//!
//! A posted order is found by the touch at which something is to be done: by the price at which
//! its own side of some book is better than that. The orders of an instrument and side are a heap,
//! as those of `resting`, whose machine is used with the sides exchanged: an order to buy is
//! concerned by bids from its price up, as an order to sell is.

use super::worked::Recalled;
use super::{Engine, HOLD_NS, MOVE_WINDOW_NS, MOVES_PER_WINDOW_MAX, Out, WORKED_PER_INPUT_MAX};
use crate::id::{InstrumentId, OrderId, VenueId};
use crate::input::{ListingDef, Side};
use crate::number::{Price, UnixNanos};
use crate::order::Order;
use crate::output::Sink;
use crate::resting::Place;
use crate::routing::{RouteRequest, RoutingView, takes_orders};
use crate::strategy::{Posting, Strategy};
use crate::table::Slot;
use crate::waiting::Waiting;

const SIDES: [Side; 2] = [Side::Buy, Side::Sell];

impl Engine {
    /// Whether the next child of an order rests at the touch.
    #[inline]
    pub(super) fn posting(&self, order: &Order) -> Posting {
        match order.strategy {
            Strategy::Cross | Strategy::NearlyAll => Posting::No,
            Strategy::Post => Posting::Always,
            Strategy::Smart if self.terms_of(order).has_crossed => Posting::No,
            Strategy::Smart => Posting::WhileItSaves,
        }
    }

    /// The router has made a plan for a posted order: notes the touch at which something is to be
    /// done, or that the order crosses from now on.
    pub(super) fn note_posting(&mut self, order: &mut Order) {
        if self.posting(order) == Posting::No {
            return;
        }
        let (plan, slot) = (self.router.plan(), self.orders.slot(order.id.0));
        let (posted, crosses) = (plan.posted, plan.is_crossing);
        let terms = &mut self.strategy_terms[slot as usize];
        if crosses {
            terms.has_crossed = true;
            return self.unfollow(order);
        }
        let Some(posted) = posted else { return };
        let better = |by: i64| match order.side {
            Side::Buy => Price(posted.touch.0.saturating_add(by)),
            Side::Sell => Price(posted.touch.0.saturating_sub(by)),
        };
        let before = terms.acts_at;
        match (order.strategy, posted.saving) {
            (Strategy::Post, _) if posted.is_at_limit => terms.acts_at = Price(0),
            (Strategy::Post, _) => terms.acts_at = better(1),
            // The saving that counts is the one that was expected at first.
            (Strategy::Smart, Some(saving)) if before == Price(0) => {
                terms.acts_at = better(saving.0.saturating_add(1));
            }
            (Strategy::Smart | Strategy::Cross | Strategy::NearlyAll, _) => {}
        }
        if terms.acts_at != before {
            self.unfollow(order);
        }
    }

    /// Lets a posted order be found by the touch. Called where an order that is not posted is
    /// watched.
    pub(super) fn follow(&mut self, order: &mut Order) {
        if order.live_children == 0 || !order.is_working() || order.is_watched {
            return;
        }
        order.is_watched = true;
        let (slot, acts_at) = (self.orders.slot(order.id.0), self.terms_of(order).acts_at);
        if acts_at == Price(0) || self.posted.is_held(slot) {
            return;
        }
        let (instrument, side) = (order.instrument, order.side);
        if self.posted.add((slot, order.id.0), instrument, side.opposite(), acts_at) {
            for venue in (0..self.venues.len()).map(|index| VenueId(index as u8)) {
                // A change of a book is noted for the account that owns it.
                if self.reference.has_own_books(venue) {
                    self.note_touch(venue, instrument, side);
                }
            }
        }
    }

    /// The order is not found by the touch any more.
    pub(super) fn unfollow(&mut self, order: &mut Order) {
        let slot = self.orders.slot(order.id.0);
        if !self.posted.is_held(slot) {
            self.posted.remove(slot, order.instrument, order.side.opposite());
        }
        order.is_watched = false;
    }

    /// A smart order crosses at a time of its own.
    pub(super) fn cross_later(&mut self, order: &Order) {
        let deadline = self.terms_of(order).deadline;
        if deadline != UnixNanos(0) {
            let orders = &self.orders;
            self.posted.tidy(|id| orders.get(id).is_some_and(|order| !order.is_over()));
            self.posted.remind(order.id.0, deadline);
        }
    }

    /// A book has changed: notes since when its touch concerns posted orders.
    #[inline]
    pub(super) fn note_touches(&mut self, venue: VenueId, instrument: InstrumentId) {
        // A node without posted orders does not pay for them.
        if !self.posted.is_used() {
            return;
        }
        for side in SIDES {
            self.note_touch(venue, instrument, side);
        }
    }

    #[inline]
    fn note_touch(&mut self, venue: VenueId, instrument: InstrumentId, side: Side) {
        let best = self.touch_at(venue, instrument, side);
        let place = Place { instrument, venue, side: side.opposite() };
        self.posted.note_offer(place, best, self.now);
    }

    /// The best price of a venue on that side.
    fn touch_at(&self, venue: VenueId, instrument: InstrumentId, side: Side) -> Option<Price> {
        let book = &self.books[self.reference.book_at(instrument, venue)];
        book.own(side).best().map(|level| level.price)
    }

    /// Looks at the touches that have stood long enough, and at orders whose time has come.
    pub(super) fn work_posted<S: Sink>(&mut self, out: &mut Out<'_, S>) {
        for _ in 0..WORKED_PER_INPUT_MAX {
            let Some(id) = self.posted.next_released(self.now) else { break };
            self.on_posted_time(OrderId(id), out);
        }
        let mut looks = WORKED_PER_INPUT_MAX;
        while let Some(place) = self.posted.next_offer(self.now) {
            self.look_at_touch(place, &mut looks, out);
            if looks == 0 {
                break;
            }
        }
    }

    /// The hold of a posted order is over, or its deadline has come.
    fn on_posted_time<S: Sink>(&mut self, id: OrderId, out: &mut Out<'_, S>) {
        let Some(mut order) = self.load(id).filter(|order| !order.is_over()) else { return };
        let slot = self.orders.slot(id.0);
        self.posted.remove(slot, order.instrument, order.side.opposite());
        // An order that has crossed is perhaps found by offers already.
        if !self.resting.is_held(slot) {
            self.resting.remove(slot, order.instrument, order.side);
        }
        order.is_watched = false;
        if matches!(order.waiting, Waiting::MoveLimit | Waiting::VenueLimit) {
            self.wait_no_more(&mut order, out);
        }
        let terms = self.terms_of(&order);
        let due = order.strategy == Strategy::Smart
            && (terms.has_crossed || terms.deadline != UnixNanos(0) && terms.deadline <= self.now);
        if due {
            self.cross(&mut order, out);
        }
        self.watch(&mut order);
        self.store(&order);
    }

    /// Looks at the posted orders that the touch of a venue concerns.
    fn look_at_touch<S: Sink>(&mut self, place: Place, looks: &mut usize, out: &mut Out<'_, S>) {
        let Place { instrument, venue, side } = place;
        if !takes_orders(&self.market(), instrument, venue, self.closed) {
            return self.posted.look_later(place, self.now);
        }
        while *looks > 0 {
            let Some(price) = self.touch_at(venue, instrument, side.opposite()) else {
                return self.posted.note_offer(place, None, self.now);
            };
            let Some(id) = self.posted.pop_within(place, price) else {
                return self.note_touch(venue, instrument, side.opposite());
            };
            *looks -= 1;
            let Some(mut order) = self.load(OrderId(id)) else { continue };
            let until = self.act(&mut order, out);
            if self.posting(&order) != Posting::No || order.moving > 0 {
                self.hold_posted(&order, until);
            } else {
                order.is_watched = false;
                self.watch(&mut order);
            }
            self.store(&order);
        }
        self.posted.look_on(place, self.now);
    }

    /// Keeps a posted order away from the touch until a time, when it is looked at again.
    pub(super) fn hold_posted(&mut self, order: &Order, until: UnixNanos) {
        let orders = &self.orders;
        self.posted.tidy(|id| orders.get(id).is_some_and(|order| !order.is_over()));
        let slot = self.orders.slot(order.id.0);
        self.posted.remove(slot, order.instrument, order.side.opposite());
        self.posted.hold((slot, order.id.0), until);
    }

    /// The touch has left a posted order: the order follows it, or crosses. Returns when the order
    /// is looked at again.
    fn act<S: Sink>(&mut self, order: &mut Order, out: &mut Out<'_, S>) -> UnixNanos {
        let later = UnixNanos(self.now.0 + HOLD_NS);
        let Some(request) = self.left_by_touch(order) else { return later };
        if order.strategy == Strategy::Smart {
            self.cross(order, out);
            return later;
        }
        let slot = self.orders.slot(order.id.0);
        let made = &mut self.resting.moves(slot).made;
        if made.is_full(self.now.0, MOVE_WINDOW_NS, MOVES_PER_WINDOW_MAX) {
            let until = UnixNanos(made.ends_ns(MOVE_WINDOW_NS));
            Self::tell_limit(order, Waiting::MoveLimit, out);
            return until;
        }
        let recalled = match self.recall_all(order) {
            Ok(recalled) => recalled,
            Err(until) => {
                Self::tell_limit(order, Waiting::VenueLimit, out);
                return until;
            }
        };
        self.resting.moves(slot).made.count(self.now.0, MOVE_WINDOW_NS);
        self.record(order, &request, out);
        self.call_back(order, &recalled, out);
        later
    }

    /// What was asked of the router, if the touch of the venues that the order may go to has come
    /// to where something is to be done.
    fn left_by_touch(&mut self, order: &Order) -> Option<RouteRequest> {
        if !order.is_working() || order.moving > 0 || self.is_halted_for(order) {
            return None;
        }
        let request = RouteRequest { qty: order.leaves(), ..self.route_request(order) };
        self.look_up_own(order);
        let market =
            RoutingView::new(&self.reference, &self.books, &self.venues, &self.ledger, self.now);
        let plan = self.router.make_plan(&market, &request);
        let (posted, crosses, bounded) = (plan.posted, plan.is_crossing, plan.search.bounded);
        self.counts.bounded_plans += u64::from(bounded);
        if crosses {
            // Resting saves nothing any more.
            return Some(request);
        }
        let posted = posted?;
        let acts_at = self.terms_of(order).acts_at;
        let has_come = match order.side {
            Side::Buy => posted.touch >= acts_at,
            Side::Sell => posted.touch <= acts_at,
        };
        has_come.then_some(request)
    }

    /// A smart order posts no longer. What rests at the touch is called back, and goes on like any
    /// order's quantity; what rests at the limit stays where it is. Where nothing can be called
    /// back now, it is tried again.
    fn cross<S: Sink>(&mut self, order: &mut Order, out: &mut Out<'_, S>) {
        let slot = self.orders.slot(order.id.0) as usize;
        self.strategy_terms[slot].has_crossed = true;
        if !order.is_working() || order.moving > 0 || self.is_halted_for(order) {
            return self.hold_posted(order, UnixNanos(self.now.0 + HOLD_NS));
        }
        if order.live_children == 0 {
            order.begin_again();
            return self.place(order, out);
        }
        let at_limit = self.children_of(order).all(|child| {
            let listing = self.reference.listing(child.instrument, child.venue);
            let limit = |listing: &ListingDef| listing.ticks.within(order.worst, order.side);
            listing.is_some_and(|listing| limit(listing) == child.price)
        });
        if at_limit {
            return;
        }
        match self.recall_all(order) {
            Ok(recalled) => self.call_back(order, &recalled, out),
            Err(until) => {
                Self::tell_limit(order, Waiting::VenueLimit, out);
                self.hold_posted(order, until);
            }
        }
    }

    /// All children of an order, if they rest and can be called back now; or when to try again.
    fn recall_all(&self, order: &Order) -> Result<Recalled, UnixNanos> {
        let later = UnixNanos(self.now.0 + HOLD_NS);
        let rest = self.rest_of(order).ok_or(later)?;
        let recalled = self.choose_recalled(order, rest.qty);
        let ready_at = self.recall_ready_at(order, &recalled);
        if ready_at > self.now { Err(ready_at) } else { Ok(recalled) }
    }
}
