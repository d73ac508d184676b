//! Resting orders are worked: called back from where they rest, to take what another venue offers.
//!
//! A line belongs here if it decides that a resting order moves, or follows a move to its end. The
//! orders that a change of a book concerns are found by `resting`; where the freed quantity goes is
//! decided by `place`, as for any quantity.
//!
//! A move is a cancel of resting children that the client does not see. Nothing is sent elsewhere
//! before the venue has told the end of every child that is called back, so that there is never
//! more at the venues than was ordered. A refused cancel, a lost link or a venue's silence ends the
//! move, and the child stays where it is.

use super::{
    CHILDREN_PER_ORDER_MAX, Engine, HOLD_NS, MOVE_WINDOW_NS, MOVES_PER_WINDOW_MAX, Out,
    WORKED_PER_INPUT_MAX,
};
use crate::child::{Child, ChildState};
use crate::id::{ChildId, InstrumentId, OrderId, VenueId};
use crate::input::{Side, TimeInForce};
use crate::number::{Price, Qty, UnixNanos};
use crate::order::Order;
use crate::output::Sink;
use crate::resting::Place;
use crate::routing::{PlannedChild, RouteRequest, takes_orders};
use crate::strategy::{Posting, Strategy};
use crate::table::Slot;
use crate::venue_set::VenueSet;
use crate::waiting::{Help, Waiting};

const SIDES: [Side; 2] = [Side::Buy, Side::Sell];

/// What became of a look at a resting order.
enum Look {
    /// Children are being called back.
    Moves,
    /// Nothing is to be gained for this order now.
    Stays,
    /// The offer is promised to other orders.
    Promised,
    /// The order has moved as often as it may for now.
    Limited,
    /// The limits of the venues where the order rests hold no move before this time.
    NoRoom(UnixNanos),
}

/// The children that are called back for a quantity.
pub(super) struct Recalled {
    children: [ChildId; CHILDREN_PER_ORDER_MAX as usize],
    len: usize,
    /// Quantity that stays with them beyond what is needed.
    beyond: Qty,
    /// One more child, which stays where it is with this quantity in all.
    reduced: Option<(ChildId, Qty)>,
}

impl Recalled {
    /// One child, wholly.
    pub(super) const fn one(child: ChildId) -> Self {
        let mut children = [ChildId(0); CHILDREN_PER_ORDER_MAX as usize];
        children[0] = child;
        Self { children, len: 1, beyond: Qty::ZERO, reduced: None }
    }

    /// Those that are called back wholly.
    pub(super) fn ids(&self) -> &[ChildId] {
        &self.children[..self.len]
    }

    /// The child that is reduced in its place, and its quantity in all after that.
    pub(super) const fn reduced(&self) -> Option<(ChildId, Qty)> {
        self.reduced
    }
}

/// Where an order rests.
pub(super) struct Rest {
    /// Quantity of its resting children.
    pub qty: Qty,
    /// The venues.
    venues: VenueSet,
}

impl Engine {
    /// Lets an order be found by offers within its limit, once it has a child.
    #[inline]
    pub(super) fn watch(&mut self, order: &mut Order) {
        if self.posting(order) != Posting::No {
            return self.follow(order);
        }
        let rests = order.live_children > 0 && order.tif.waits() && order.ord_type.has_limit();
        if rests && !order.is_watched && order.is_working() {
            order.is_watched = true;
            self.watch_now(order);
        }
    }

    fn watch_now(&mut self, order: &Order) {
        let slot = self.orders.slot(order.id.0);
        let (instrument, side) = (order.instrument, order.side);
        if self.resting.is_held(slot) {
            return;
        }
        if self.resting.add((slot, order.id.0), instrument, side, order.worst) {
            for venue in (0..self.venues.len()).map(|index| VenueId(index as u8)) {
                // A change of a book is noted for the account that owns it.
                if self.reference.has_own_books(venue) {
                    self.note_offer(venue, instrument, side);
                }
            }
        }
    }

    /// The limit of an order changes: the order is found by its new one, once it has a child.
    pub(super) fn watch_anew(&mut self, order: &mut Order) {
        if self.posting(order) != Posting::No {
            return self.unfollow(order);
        }
        let slot = self.orders.slot(order.id.0);
        if order.is_watched && !self.resting.is_held(slot) {
            order.is_watched = false;
            self.resting.remove(slot, order.instrument, order.side);
            self.resting.moves(slot).place_at = UnixNanos(0);
        }
    }

    /// A book has changed: notes since when it offers within the limits of resting orders.
    #[inline]
    pub(super) fn note_offers(&mut self, venue: VenueId, instrument: InstrumentId) {
        // A node without resting orders does not pay for them.
        if !self.resting.is_used() {
            return;
        }
        for side in SIDES {
            self.note_offer(venue, instrument, side);
        }
    }

    #[inline]
    fn note_offer(&mut self, venue: VenueId, instrument: InstrumentId, side: Side) {
        let best = self.offered(venue, instrument, side);
        self.resting.note_offer(Place { instrument, venue, side }, best, self.now);
    }

    /// The best price that a venue offers to resting orders of that side.
    fn offered(&self, venue: VenueId, instrument: InstrumentId, side: Side) -> Option<Price> {
        let book = &self.books[self.reference.book_at(instrument, venue)];
        book.opposite(side).best().map(|level| level.price)
    }

    /// Looks at the offers that have stood long enough, and brings held orders back.
    pub(super) fn work_resting<S: Sink>(&mut self, out: &mut Out<'_, S>) {
        for _ in 0..WORKED_PER_INPUT_MAX {
            let Some(id) = self.resting.next_released(self.now) else { break };
            self.release_held(OrderId(id), out);
        }
        let mut looks = WORKED_PER_INPUT_MAX;
        while let Some(place) = self.resting.next_offer(self.now) {
            self.look_at_offer(place, &mut looks, out);
            if looks == 0 {
                break;
            }
        }
    }

    fn release_held<S: Sink>(&mut self, id: OrderId, out: &mut Out<'_, S>) {
        let slot = self.orders.slot(id.0);
        let living = self.load(id).filter(|order| !order.is_over() && self.resting.is_held(slot));
        let Some(mut order) = living else { return };
        self.resting.remove(slot, order.instrument, order.side);
        order.is_watched = false;
        if matches!(order.waiting, Waiting::MoveLimit | Waiting::VenueLimit) {
            self.wait_no_more(&mut order, out);
        }
        self.watch(&mut order);
        if !order.is_watched {
            self.resting.moves(slot).place_at = UnixNanos(0);
        }
        self.store(&order);
    }

    /// Looks at the resting orders that a venue's offer concerns, the keenest limit first.
    fn look_at_offer<S: Sink>(&mut self, place: Place, looks: &mut usize, out: &mut Out<'_, S>) {
        let Place { instrument, venue, side } = place;
        if !takes_orders(&self.market(), instrument, venue, self.closed) {
            return self.resting.look_when_open(place, self.now);
        }
        while *looks > 0 {
            let Some(price) = self.offered(venue, instrument, side) else {
                return self.resting.note_offer(place, None, self.now);
            };
            let Some(id) = self.resting.pop_within(place, price) else {
                return self.note_offer(venue, instrument, side);
            };
            *looks -= 1;
            let Some(mut order) = self.load(OrderId(id)) else { continue };
            let look = self.look(&mut order, out);
            let until = match look {
                Look::Promised => {
                    self.watch_now(&order);
                    self.store(&order);
                    return self.resting.look_later(place, self.now);
                }
                Look::Moves | Look::Stays => UnixNanos(self.now.0 + HOLD_NS),
                Look::Limited => {
                    let slot = self.orders.slot(order.id.0);
                    UnixNanos(self.resting.moves(slot).made.ends_ns(MOVE_WINDOW_NS))
                }
                Look::NoRoom(until) => until,
            };
            self.hold(&order, until);
            self.store(&order);
        }
        self.resting.look_on(place, self.now);
    }

    fn hold(&mut self, order: &Order, until: UnixNanos) {
        let orders = &self.orders;
        self.resting.tidy(|id| orders.get(id).is_some_and(|order| !order.is_over()));
        self.resting.hold((self.orders.slot(order.id.0), order.id.0), until);
    }

    /// Decides whether an order moves, and begins the move.
    fn look<S: Sink>(&mut self, order: &mut Order, out: &mut Out<'_, S>) -> Look {
        if !order.is_working() || order.moving > 0 || self.is_halted_for(order) {
            return Look::Stays;
        }
        let Some(rest) = self.rest_of(order) else { return Look::Stays };
        let promised = self.resting.promised(order.instrument, order.side);
        let qty = Qty(order.unplaced().0.saturating_add(rest.qty.0));
        let wanted = Qty(qty.0.saturating_add(promised.0));
        let Some(gain) = self.ask_for_gain(order, wanted, rest.venues) else {
            return Look::Stays;
        };
        // The venue's smallest order is met by what is left after the promises.
        let taken = gain.qty.saturating_sub(promised);
        if taken.is_zero() || taken < gain.least {
            return if promised.is_zero() { Look::Stays } else { Look::Promised };
        }
        let needed = taken.saturating_sub(order.unplaced());
        if needed.is_zero() {
            return Look::Stays;
        }
        let recalled = self.choose_recalled(order, needed);
        let ready_at = self.recall_ready_at(order, &recalled);
        if ready_at > self.now {
            Self::tell_limit(order, Waiting::VenueLimit, out);
            return Look::NoRoom(ready_at);
        }
        let slot = self.orders.slot(order.id.0);
        let moves = self.resting.moves(slot);
        if moves.made.is_full(self.now.0, MOVE_WINDOW_NS, MOVES_PER_WINDOW_MAX) {
            Self::tell_limit(order, Waiting::MoveLimit, out);
            return Look::Limited;
        }
        moves.made.count(self.now.0, MOVE_WINDOW_NS);
        moves.taking = needed;
        self.record(order, &gain.request, out);
        self.resting.promise(order.instrument, order.side, needed);
        self.call_back(order, &recalled, out);
        Look::Moves
    }

    /// Tells why an order stays where it rests. A part that waits has a reason of its own.
    pub(super) fn tell_limit<S: Sink>(order: &mut Order, why: Waiting, out: &mut Out<'_, S>) {
        if order.waiting == Waiting::Nothing {
            Self::tell_waiting(order, why, out);
        }
    }

    /// Where an order rests; `None` while one of its children is not known to rest.
    pub(super) fn rest_of(&self, order: &Order) -> Option<Rest> {
        let mut rest = Rest { qty: Qty::ZERO, venues: VenueSet::EMPTY };
        for child in self.children_of(order) {
            if child.tif != TimeInForce::Gtc
                || child.state() != ChildState::Live
                || child.cancel_wanted
            {
                return None;
            }
            rest.qty = Qty(rest.qty.0 + child.leaves().0);
            rest.venues.insert(child.venue);
        }
        (!rest.qty.is_zero()).then_some(rest)
    }

    /// The living children of an order, the newest first.
    pub(super) fn children_of(&self, order: &Order) -> impl Iterator<Item = &Child> + Clone {
        let first = self.children.get(order.newest_child.0);
        let of_order = order.id;
        // Ends: the chain leads to ever older children.
        core::iter::successors(first, |child| self.children.get(child.older.0))
            .take_while(move |child| child.order == of_order)
            .filter(|child| !child.is_over())
    }

    /// What the venues where the order does not rest offer within its limit.
    fn ask_for_gain(&mut self, order: &Order, qty: Qty, rests_at: VenueSet) -> Option<Gain> {
        // Those that make way are called back when the quantity is free.
        self.look_past_own(order);
        let terms = self.route_request(order);
        // The freed quantity would not go to a backup venue: it can rest in the first tier again.
        let in_first_tier = !rests_at.is_within(terms.backup);
        let kept_out = if in_first_tier { terms.backup } else { VenueSet::EMPTY };
        let request = RouteRequest {
            qty,
            tif: TimeInForce::Ioc,
            excluded: order.excluded.union(rests_at).union(kept_out),
            ..terms
        };
        self.plan_past_own(order, &request, true);
        let plan = self.router.plan();
        let least = |leg: &PlannedChild| {
            let listing = self.reference.listing(order.instrument, leg.venue);
            listing.map_or(i64::MAX, |listing| listing.qty_min.0.max(listing.lot.0))
        };
        let shown = plan.shown().0;
        let least = plan.takes().iter().map(least).min()?;
        Some(Gain { request, qty: Qty(shown), least: Qty(least) })
    }

    /// When children can be called back: their venues take cancels, the cancels have room in the
    /// venues' limits, and what is left over may rest there again. Cancels that clients, operators
    /// and halts want go first: a move leaves the room that is kept for them.
    pub(super) fn recall_ready_at(&self, order: &Order, recalled: &Recalled) -> UnixNanos {
        let market = self.market();
        let recalls = |child: &Child| recalled.ids().contains(&child.id);
        let later = UnixNanos(self.now.0 + HOLD_NS);
        let mut latest = self.now;
        for child in self.children_of(order).filter(|child| recalls(child)) {
            let rests_again = !recalled.beyond.is_zero();
            let has_room = !rests_again || market.room(child.venue, child.instrument) > 0;
            if !self.takes_cancels(child.venue) || !has_room {
                latest = latest.max(later);
            }
            let there = self.children_of(order).filter(|other| other.venue == child.venue);
            let ages_ns = there.filter(|other| recalls(other)).map(|c| self.age_ns(c));
            let budget = &self.venues[child.venue.index()].budget;
            // Never at these ages: the cancel of an older order may need less room.
            let ready_at = budget.move_ready_at(self.now, child.instrument, &ages_ns);
            latest = latest.max(ready_at.unwrap_or(later));
        }
        latest
    }

    /// The children that carry a quantity: the smallest one that suffices, or else the largest one
    /// and then the next. Where the last one has more than is needed and its venue amends orders,
    /// it is only reduced.
    pub(super) fn choose_recalled(&self, order: &Order, needed: Qty) -> Recalled {
        let children = [ChildId(0); CHILDREN_PER_ORDER_MAX as usize];
        let mut all = Recalled { children, len: 0, beyond: Qty::ZERO, reduced: None };
        let mut needed = needed;
        // Ends: each turn chooses one more child.
        while !needed.is_zero() && all.len < all.children.len() {
            let free = || self.children_of(order).filter(|child| !all.ids().contains(&child.id));
            let enough = free().filter(|child| child.leaves() >= needed);
            let smallest = enough.min_by_key(|child| child.leaves());
            if smallest.is_some_and(|child| child.leaves() > needed) {
                let reduced = free().filter_map(|child| {
                    let to = self.reduced_to(child, needed)?;
                    Some((child.leaves(), child.id, to))
                });
                if let Some((_, id, to)) = reduced.min() {
                    all.reduced = Some((id, to));
                    break;
                }
            }
            let next = smallest.or_else(|| free().max_by_key(|child| (child.leaves(), child.id)));
            let Some((id, leaves)) = next.map(|child| (child.id, child.leaves())) else { break };
            all.children[all.len] = id;
            all.len += 1;
            all.beyond = leaves.saturating_sub(needed);
            needed = needed.saturating_sub(leaves);
        }
        all
    }

    /// Calls children back.
    pub(super) fn call_back<S: Sink>(
        &mut self,
        order: &mut Order,
        recalled: &Recalled,
        out: &mut Out<'_, S>,
    ) {
        for id in recalled.ids() {
            let Some(mut child) = self.children.get(id.0).copied() else { continue };
            (child.moves, child.cancel_wanted, child.cancels) = (true, true, 0);
            order.moving += 1;
            self.cancel_child(&mut child, out);
            self.store_child(&mut child, order);
        }
        if let Some((id, to)) = recalled.reduced
            && let Some(mut child) = self.children.get(id.0).copied()
        {
            child.moves = true;
            order.moving += 1;
            self.reduce(&mut child, to, out);
            self.store_child(&mut child, order);
        }
        Self::tell_waiting(order, Waiting::Moving, out);
    }

    /// A child that is called back for a move has ended, or is not called back for that any more.
    pub(super) fn moved(&mut self, child: &mut Child, order: &mut Order) {
        if !core::mem::take(&mut child.moves) {
            return;
        }
        order.moving -= 1;
        self.makes_way_no_more(child);
        if order.moving == 0 {
            let slot = self.orders.slot(order.id.0);
            let taking = core::mem::take(&mut self.resting.moves(slot).taking);
            self.resting.release(order.instrument, order.side, taking);
        }
    }

    /// The venue of a child that is called back for a move is down: the child stays where it is.
    pub(super) fn stays<S: Sink>(&mut self, child: &mut Child, out: &mut Out<'_, S>) {
        let Some(mut order) = self.load(child.order) else { return };
        self.give_up_move(child, &mut order, out);
        self.store_child(child, &mut order);
        self.store(&order);
    }

    /// A move ends before the child does: the child stays where it is, or is cancelled for another
    /// reason. What other children have freed is looked at by the timer.
    pub(super) fn give_up_move<S: Sink>(
        &mut self,
        child: &mut Child,
        order: &mut Order,
        out: &mut Out<'_, S>,
    ) {
        if !child.moves {
            return;
        }
        child.cancel_wanted = false;
        self.wants_all(child);
        self.moved(child, order);
        if order.strategy == Strategy::Smart {
            self.hold_posted(order, UnixNanos(self.now.0 + HOLD_NS));
        }
        if order.moving > 0 || order.state().is_over() {
            return;
        }
        if order.unplaced().is_zero() {
            self.wait_no_more(order, out);
        } else {
            self.wait(order, Waiting::Moving, Help::Time, out);
        }
    }
}

/// What a move would bring.
struct Gain {
    /// What the router was asked.
    request: RouteRequest,
    /// Quantity that would be taken.
    qty: Qty,
    /// The smallest order of a venue that takes.
    least: Qty,
}
