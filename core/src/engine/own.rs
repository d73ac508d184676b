//! Our own orders meet each other: which resting children an order could match, and what becomes of
//! the two.
//!
//! A line belongs here if it is about our orders meeting each other. The order of the children is
//! `own_orders`; what becomes of a child that is called back is `worked`.
//!
//! An order never matches a child that it may not match: the child is gone before the order comes,
//! or the order does not go there. A child is gone when its venue has told its end.

use super::{
    Engine, MOVE_WINDOW_NS, OWN_CALLED_BACK_MAX, OWN_LOOKED_AT_MAX, Out, YIELDS_PER_WINDOW_MAX,
};
use crate::book::Book;
use crate::child::{Child, ChildState};
use crate::engine::clients::ReportContext;
use crate::id::{ChildId, OrderId, VenueId};
use crate::input::{OtherOwners, Refusal, SelfMatchPolicy, Side, TimeInForce};
use crate::number::{Price, Qty};
use crate::order::{CancelReason, Order, OrderState};
use crate::output::{ReportKind, Sink};
use crate::own_orders::OwnPlaces;
use crate::reference::VENUES_MAX;
use crate::routing::{PlannedChild, RouteRequest, RoutingView, reaches};
use crate::self_match::SelfMatches;
use crate::venue_set::VenueSet;
use crate::waiting::Waiting;

/// What a resting child of ours is to an order that could match it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meets {
    /// The order may match the child.
    Passes,
    /// The child is being cancelled already.
    Leaves,
    /// The child is called back if the order needs its place.
    MakesWay(How),
    /// The child stays where it is.
    Stays,
}

/// How a child makes way for an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    /// Its order is cancelled.
    Cancel,
    /// Its order and the other one lose the smaller quantity.
    Decrement,
    /// It is put back afterwards.
    Yield,
}

/// What the owners of two orders want that would match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Policy {
    /// They may match.
    Pass,
    /// The resting order stays.
    Stay,
    /// The resting order makes way.
    MakeWay(How),
}

/// Resting children that make way for an order.
pub(super) struct InWay {
    /// Quantity of the order that waits for their end.
    pub held: Qty,
    /// The best of their prices.
    nearest: Option<Price>,
    pub children: [(ChildId, How); OWN_CALLED_BACK_MAX],
    pub len: usize,
}

/// A child that was called back for another order has ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct Yielded {
    /// The order of the child.
    order: OrderId,
    /// The order that it made way for.
    to: OrderId,
    /// Quantity that the child had left.
    qty: Qty,
    /// Side and price of the child.
    place: (Side, Price),
}

/// Children in one book that are called back in one look.
#[derive(Clone, Copy, Debug, Default)]
struct Called {
    /// Their venue accounts, how long they have been there, and whether they are put back
    /// afterwards.
    all: [(VenueId, u64, bool); OWN_CALLED_BACK_MAX],
    len: usize,
}

impl Called {
    /// Those of one venue account.
    fn at(&self, venue: VenueId) -> impl Iterator<Item = (VenueId, u64, bool)> + Clone {
        self.all[..self.len].iter().copied().filter(move |(at, ..)| *at == venue)
    }
}

/// What stands in the way of an order at one venue, as far as the order would go.
#[derive(Clone, Copy, Debug, Default)]
struct AtVenue {
    /// Best price of the children that make way.
    first: Option<Price>,
    /// Their open quantity.
    ours: Qty,
    /// Some of them belong to the order's owner.
    same_owner: bool,
}

impl Engine {
    /// Counts a resting child that is sent.
    pub(super) fn rest_own(&mut self, child: &Child) {
        let slot = self.children.slot(child.id.0);
        let book = &mut self.books[self.reference.book_at(child.instrument, child.venue)];
        let all = &mut book.own_children[child.side as usize - 1];
        self.own.insert(all, (slot, child.id.0), (child.side, child.price), |_| false);
        let owner = self.reference.book_owner(child.venue);
        self.own_places[child.instrument.index()][child.side as usize - 1].rest.insert(owner);
    }

    /// Counts a resting child that has ended.
    pub(super) fn unrest_own(&mut self, child: &Child) {
        let slot = self.children.slot(child.id.0);
        let owner = self.reference.book_owner(child.venue);
        let book = &mut self.books[self.reference.book_at(child.instrument, child.venue)];
        let all = &mut book.own_children[child.side as usize - 1];
        self.own.remove(all, slot);
        if all.is_empty() {
            let places = &mut self.own_places[child.instrument.index()][child.side as usize - 1];
            places.rest.remove(owner);
        }
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

    /// Notes in every book that the order could trade against the best own resting child that it
    /// may not match. True if one within its limit makes way.
    pub(super) fn look_up_own(&mut self, order: &Order) -> bool {
        let mut makes_way = false;
        for venue in self.own_places_of(order).all() {
            let best = self.first_that(order, venue, |meets| meets != Meets::Passes);
            makes_way |= best.is_some_and(|(_, meets)| meets != Meets::Stays);
            self.set_in_way(order, venue, best.map(|(price, _)| price));
        }
        makes_way
    }

    fn own_places_of(&self, order: &Order) -> OwnPlaces {
        self.own_places[order.instrument.index()][order.side.opposite() as usize - 1]
    }

    /// Notes in a book what stands in the way of an order.
    fn set_in_way(&mut self, order: &Order, venue: VenueId, best: Option<Price>) {
        let side = order.side.opposite();
        self.books[self.reference.book_at(order.instrument, venue)].set_own_best(side, best);
        self.own_places[order.instrument.index()][side as usize - 1]
            .in_way
            .set(venue, best.is_some());
    }

    /// The first child at a venue that an order reaches and that is as asked for; or the first that
    /// it does not reach.
    fn first_that(
        &self,
        order: &Order,
        venue: VenueId,
        is_meant: impl Fn(Meets) -> bool,
    ) -> Option<(Price, Meets)> {
        for (nth, (child, meets)) in self.own_meeting(order, venue).enumerate() {
            if !reaches(order.worst, child.price, order.side) || nth >= OWN_LOOKED_AT_MAX {
                return Some((child.price, Meets::Stays));
            }
            if is_meant(meets) {
                return Some((child.price, meets));
            }
        }
        None
    }

    /// Own resting children at a venue that an order could match, best price first.
    pub(super) fn own_facing<'a>(
        &'a self,
        order: &Order,
        venue: VenueId,
    ) -> impl Iterator<Item = &'a Child> + use<'a> {
        let book = &self.books[self.reference.book_at(order.instrument, venue)];
        let all = book.own_children[order.side.opposite() as usize - 1];
        self.own.iter(all).map(|slot| self.children.in_slot(slot))
    }

    /// As [`Self::own_facing`], with what each is to the order if all before it make way that can.
    pub(super) fn own_meeting<'a>(
        &'a self,
        order: &'a Order,
        venue: VenueId,
    ) -> impl Iterator<Item = (&'a Child, Meets)> + use<'a> {
        let mut called = Called::default();
        self.own_facing(order, venue).map(move |child| match self.meets(order, child) {
            Meets::MakesWay(how) if !self.fits(child, how, &mut called) => (child, Meets::Stays),
            meets => (child, meets),
        })
    }

    /// Whether one more child of a venue can be called back in the same look: the cancels leave the
    /// room that is kept for others, and there is room for the order that passes and for those that
    /// are put back. Those beyond the limit of a look are asked again in the next one.
    fn fits(&self, child: &Child, how: How, called: &mut Called) -> bool {
        if called.len == OWN_CALLED_BACK_MAX {
            return true;
        }
        called.all[called.len] = (child.venue, self.age_ns(child), how == How::Yield);
        called.len += 1;
        let budget = &self.venues[child.venue.index()].budget;
        let ages_ns = called.at(child.venue).map(|(_, age_ns, _)| age_ns);
        let yields = called.at(child.venue).filter(|(.., yields)| *yields).count() as u32;
        let orders = if yields == 0 { 0 } else { yields + 1 };
        let ready_at = budget.orders_ready_at(self.now, child.instrument, &ages_ns, orders);
        // Unanswered orders make room for the next ones within a round trip.
        let has_room = self.market().room(child.venue, child.instrument) >= orders.min(2);
        // A single order that is only cancelled has been asked for already, and needs less.
        let is_asked = called.at(child.venue).count() == 1 && how == How::Cancel;
        has_room && (is_asked || ready_at.is_some_and(|at| at <= self.now))
    }

    /// What a resting child is to an order that would match it.
    fn meets(&self, order: &Order, child: &Child) -> Meets {
        let Some(resting) = self.orders.get(child.order.0) else { return Meets::Stays };
        match self.policy(order, resting, child) {
            Policy::Pass => Meets::Passes,
            Policy::Stay | Policy::MakeWay(_) if self.is_leaving(child, order) => Meets::Leaves,
            Policy::MakeWay(how) if self.can_make_way(resting, child, how) => Meets::MakesWay(how),
            Policy::Stay | Policy::MakeWay(_) => Meets::Stays,
        }
    }

    /// What the owners of two orders want when the first would match a child of the second, which
    /// rests. Two owners with accounts of their own at a venue trade with each other as any two
    /// traders do: the order never comes from the account where the child rests.
    pub(super) fn policy(&self, order: &Order, resting: &Order, child: &Child) -> Policy {
        let mine = self.reference.owner_of(order.account);
        let theirs = self.reference.owner_of(resting.account);
        match (mine.owner == theirs.owner, mine.self_match, theirs.other_owners) {
            (true, SelfMatchPolicy::Allow, _) => Policy::Pass,
            (false, _, _) if self.is_of_other_account(order, child) => Policy::Pass,
            (true, SelfMatchPolicy::CancelIncoming, _) | (false, _, OtherOwners::Protect) => {
                Policy::Stay
            }
            (true, SelfMatchPolicy::CancelResting, _) => Policy::MakeWay(How::Cancel),
            (true, SelfMatchPolicy::Decrement, _) => Policy::MakeWay(How::Decrement),
            (false, _, OtherOwners::Yield) => Policy::MakeWay(How::Yield),
        }
    }

    /// Whether a child rests at a venue account that the order's account does not use, while venue
    /// accounts share books.
    fn is_of_other_account(&self, order: &Order, child: &Child) -> bool {
        let reference = &self.reference;
        reference.shares_books() && reference.routing_of(order.account).denied.has(child.venue)
    }

    /// Whether a cancel of the child is with its venue, or goes there as soon as there is room. An
    /// order that does not wait counts on no cancel that is not sent.
    fn is_leaving(&self, child: &Child, order: &Order) -> bool {
        match child.state() {
            // Of one that is amended the answer is near: then it is asked again.
            ChildState::PendingCancel | ChildState::PendingReplace => true,
            ChildState::Sent | ChildState::Live => {
                order.tif.waits()
                    && child.cancel_wanted
                    && child.cancels < super::CANCELS_MAX
                    && self.takes_cancels(child.venue)
            }
            ChildState::Vacant
            | ChildState::Unknown
            | ChildState::Filled
            | ChildState::Canceled
            | ChildState::Expired
            | ChildState::Rejected => false,
        }
    }

    /// Whether a child can be called back now: its order is placed and has not made way too often,
    /// and its venue takes a cancel. An order that is put back leaves the room in the venue's
    /// limits that is kept for cancels.
    fn can_make_way(&self, resting: &Order, child: &Child, how: How) -> bool {
        let slot = self.orders.slot(resting.id.0);
        let yields = &self.resting.moves_of(slot).yields;
        let budget = &self.venues[child.venue.index()].budget;
        let age_ns = self.age_ns(child);
        let ready_at = match how {
            How::Cancel => Some(budget.cancel_ready_at(self.now, child.instrument, age_ns)),
            How::Decrement | How::Yield => {
                let ages_ns = core::iter::once(age_ns);
                budget.move_ready_at(self.now, child.instrument, &ages_ns)
            }
        };
        resting.is_working()
            && !child.cancel_wanted
            && matches!(child.state(), ChildState::Sent | ChildState::Live)
            && self.takes_cancels(child.venue)
            && ready_at.is_some_and(|at| at <= self.now)
            && !yields.is_full(self.now.0, MOVE_WINDOW_NS, YIELDS_PER_WINDOW_MAX)
    }

    /// As [`Self::look_up_own`], but children that make way stand in nobody's way. True if there
    /// are such children.
    pub(super) fn look_past_own(&mut self, order: &Order) -> bool {
        if !self.look_up_own(order) {
            return false;
        }
        for venue in self.own_places_of(order).all() {
            let stays = self.first_that(order, venue, |meets| meets == Meets::Stays);
            self.set_in_way(order, venue, stays.map(|(price, _)| price));
        }
        true
    }

    /// Own children at a venue that an order reaches and that its plan does not count: they would
    /// be gone before the order comes. Children of the order's owner count unless `of_owner`: they
    /// make way whether others offer something or not.
    fn hidden_at<'a>(
        &'a self,
        order: &'a Order,
        venue: VenueId,
        of_owner: bool,
    ) -> impl Iterator<Item = &'a Child> + use<'a> {
        let is_hidden = move |child: &Child, meets: Meets| {
            meets != Meets::Passes && (of_owner || !self.have_one_owner(order, child))
        };
        self.facing_within(order, venue, order.worst)
            .filter(move |(child, meets)| is_hidden(child, *meets))
            .map(|(child, _)| child)
    }

    /// The price of the worst level that a planned child takes, past the children that its plan
    /// does not count.
    fn worst_of(&self, order: &Order, leg: &PlannedChild, of_owner: bool) -> Option<Price> {
        let book = &self.books[self.reference.book_at(order.instrument, leg.venue)];
        let mut hidden = self.hidden_at(order, leg.venue, of_owner).peekable();
        let (mut gone, mut upto, mut worst) = (book.gone(order.side), Qty::ZERO, None);
        for level in book.opposite(order.side).iter() {
            if upto >= leg.qty {
                break;
            }
            let mut left = level.qty.saturating_sub(gone);
            gone = gone.saturating_sub(level.qty);
            // Ends: each turn takes one child off.
            while let Some(child) =
                hidden.next_if(|child| reaches(level.price, child.price, order.side))
            {
                left = left.saturating_sub(child.leaves());
            }
            if !left.is_zero() {
                (upto, worst) = (Qty(upto.0.saturating_add(left.0)), Some(level.price));
            }
        }
        worst
    }

    /// Asks the router what an order would take if the own children were gone that make way.
    pub(super) fn plan_past_own(&mut self, order: &Order, request: &RouteRequest, of_owner: bool) {
        let mut hidden = [Qty::ZERO; VENUES_MAX];
        for (index, hidden) in hidden.iter_mut().enumerate().take(self.venues.len()) {
            let venue = VenueId(index as u8);
            if !self.reference.has_own_books(venue) {
                continue;
            }
            let children = self.hidden_at(order, venue, of_owner);
            let qty = children.fold(0, |sum: i64, child| sum.saturating_add(child.leaves().0));
            *hidden = Qty(qty);
            if let Some(book) = self.book_of(order, venue) {
                book.vanish(order.side, *hidden);
            }
        }
        let market =
            RoutingView::new(&self.reference, &self.books, &self.venues, &self.ledger, self.now);
        let plan = self.router.make_plan(&market, request);
        self.counts.bounded_plans += u64::from(plan.search.bounded);
        for (index, hidden) in hidden.iter().enumerate().take(self.venues.len()) {
            if let Some(book) = self.book_of(order, VenueId(index as u8)) {
                book.give_back(order.side, *hidden);
            }
        }
    }

    /// The book of an order's instrument that a venue account uses, if it is listed.
    fn book_of(&mut self, order: &Order, venue: VenueId) -> Option<&mut Book> {
        self.books.get_mut(self.reference.book_at(order.instrument, venue))
    }

    /// Finds the own resting children whose place an order needs: what would it take if they were
    /// gone? Nothing is sent. Notes in the books what stands in the way at this moment.
    pub(super) fn find_in_way(&mut self, order: &Order) -> Option<InWay> {
        if !self.look_past_own(order) {
            return None;
        }
        let request = self.route_request(order);
        // Nobody makes way for an order that its minimum keeps from trading.
        let has_least = order.tif == TimeInForce::Fok || !request.min_fill.is_zero();
        self.plan_past_own(order, &request, has_least);
        let none = (ChildId(0), How::Yield);
        let mut found =
            InWay { held: Qty::ZERO, nearest: None, children: [none; OWN_CALLED_BACK_MAX], len: 0 };
        for leg in self.router.plan().takes() {
            let Some(worst) = self.worst_of(order, leg, has_least) else { continue };
            self.find_at(order, leg, worst, false, &mut found);
        }
        for leg in self.router.plan().rests() {
            self.find_at(order, leg, leg.price, true, &mut found);
        }
        let plan = self.router.plan();
        if !has_least && plan.sends_nothing() && plan.refusal() == Refusal::NoLiquidity {
            self.find_unshown(order, &mut found);
        }
        self.look_up_own(order);
        if let Some(nearest) = found.nearest {
            let elsewhere = self.taken_without(order, nearest);
            found.held = found.held.min(order.unplaced().saturating_sub(elsewhere));
        }
        (!found.held.is_zero()).then_some(found)
    }

    /// What an order takes up to a price while nobody makes way: other venues go first.
    fn taken_without(&mut self, order: &Order, upto: Price) -> Qty {
        let tif = if order.tif == TimeInForce::Fok { order.tif } else { TimeInForce::Ioc };
        let request = RouteRequest { worst: upto, tif, ..self.route_request(order) };
        let market =
            RoutingView::new(&self.reference, &self.books, &self.venues, &self.ledger, self.now);
        let plan = self.router.make_plan(&market, &request);
        self.counts.bounded_plans += u64::from(plan.search.bounded);
        plan.shown()
    }

    /// Adds the children that make way for a planned child that goes as far as `worst`.
    ///
    /// Children of the order's owner make way whenever the two would match. Those of others make
    /// way only for what a third party offers: at their price, or behind it.
    fn find_at(
        &self,
        order: &Order,
        leg: &PlannedChild,
        worst: Price,
        rests: bool,
        found: &mut InWay,
    ) {
        let mut at = AtVenue::default();
        for (child, meets) in self.facing_within(order, leg.venue, worst) {
            if meets != Meets::Passes {
                at.first.get_or_insert(child.price);
                at.ours = Qty(at.ours.0.saturating_add(child.leaves().0));
                at.same_owner |= self.have_one_owner(order, child);
            }
        }
        let Some(first) = at.first else { return };
        let book = &self.books[self.reference.book_at(order.instrument, leg.venue)];
        let free = shown(book, order.side, |price| !reaches(price, first, order.side));
        let within = shown(book, order.side, |price| reaches(worst, price, order.side));
        let others = within.saturating_sub(free).saturating_sub(at.ours);
        let is_whole = order.tif == TimeInForce::Fok;
        let beyond = if is_whole { leg.qty } else { leg.qty.saturating_sub(free) };
        let least = self
            .reference
            .listing(order.instrument, leg.venue)
            .map_or(i64::MAX, |listing| listing.qty_min.0.max(listing.lot.0));
        let brings = match (rests, is_whole) {
            (true, _) => Qty::ZERO,
            (false, true) if free.0.saturating_add(others.0) < leg.qty.0 => Qty::ZERO,
            (false, true) => leg.qty,
            (false, false) => beyond.min(others),
        };
        let pays = brings.0 >= least;
        if !pays && !at.same_owner {
            return;
        }
        // What is ours from the price of the child on, and from the next child on.
        let (mut pays, mut ours, mut ours_next, mut price) = (pays, at.ours, at.ours, None);
        for (child, meets) in self.facing_within(order, leg.venue, worst) {
            let is_next_price = price.replace(child.price) != Some(child.price);
            if is_next_price {
                ours = ours_next;
            }
            if let Meets::MakesWay(how) = meets {
                if how == How::Yield && pays && !is_whole {
                    let better = |price| !reaches(price, child.price, order.side);
                    let rest = within.saturating_sub(shown(book, order.side, better));
                    // Nobody gets past one that stays.
                    pays = rest.saturating_sub(ours).0 >= least;
                }
                if (pays || how != How::Yield) && found.len < OWN_CALLED_BACK_MAX {
                    found.children[found.len] = (child.id, how);
                    found.len += 1;
                }
            }
            if meets != Meets::Passes {
                ours_next = ours_next.saturating_sub(child.leaves());
            }
        }
        let is_nearer = found.nearest.is_none_or(|known| reaches(known, first, order.side));
        if is_nearer {
            found.nearest = Some(first);
        }
        let held = if at.same_owner { if rests { leg.qty } else { beyond } } else { brings };
        found.held = Qty(found.held.0.saturating_add(held.0)).min(order.unplaced());
    }

    /// Own children at a venue that an order would match up to a price, till the first that stays,
    /// with what they are to the order.
    pub(super) fn facing_within<'a>(
        &'a self,
        order: &'a Order,
        venue: VenueId,
        worst: Price,
    ) -> impl Iterator<Item = (&'a Child, Meets)> + use<'a> {
        self.own_meeting(order, venue)
            .take(OWN_LOOKED_AT_MAX)
            .take_while(move |(child, _)| reaches(worst, child.price, order.side))
            .take_while(|(_, meets)| *meets != Meets::Stays)
    }

    pub(super) fn have_one_owner(&self, order: &Order, child: &Child) -> bool {
        let resting = self.orders.get(child.order.0);
        let owner = |order: &Order| self.reference.owner_of(order.account).owner;
        resting.is_some_and(|resting| owner(resting) == owner(order))
    }

    /// Calls back the own children whose place an order needs. Returns the quantity of the order
    /// that waits for their end.
    pub(super) fn clear_way<S: Sink>(&mut self, order: &Order, out: &mut Out<'_, S>) -> Qty {
        let Some(found) = self.find_in_way(order) else { return Qty::ZERO };
        let mut left = order.unplaced();
        for (id, how) in &found.children[..found.len] {
            let Some(mut child) = self.children.get(id.0).copied() else { continue };
            let Some(mut resting) = self.load(child.order) else { continue };
            if child.cancel_wanted {
                // The cancel of its order has taken it along.
                continue;
            }
            let slot = self.orders.slot(resting.id.0);
            self.resting.moves(slot).yields.count(self.now.0, MOVE_WINDOW_NS);
            match how {
                How::Cancel => self.end(&mut resting, CancelReason::SelfMatch, out),
                How::Decrement | How::Yield => {
                    (child.moves, child.yields_to) = (true, order.id);
                    self.resting.moves(self.orders.slot(order.id.0)).awaited += 1;
                    resting.moving += 1;
                    if let Some(to) = self.lessened_to(&child, *how, left) {
                        self.reduce(&mut child, to, out);
                    } else {
                        (child.cancel_wanted, child.cancels) = (true, 0);
                        self.cancel_child(&mut child, out);
                    }
                    left = left.saturating_sub(child.leaves());
                    self.store_child(&mut child, &mut resting);
                    Self::tell_waiting(&mut resting, Waiting::Moving, out);
                }
            }
            self.store(&resting);
        }
        found.held
    }

    /// What is left of a child whose order and another one lose the smaller quantity, if the child
    /// has more, and can be reduced by just that quantity in its place.
    fn lessened_to(&self, child: &Child, how: How, lost: Qty) -> Option<Qty> {
        if how != How::Decrement || lost.is_zero() {
            return None;
        }
        let to = self.reduced_to(child, lost)?;
        (child.qty.saturating_sub(to) == lost).then_some(to)
    }

    /// Notes that a child which gives up quantity for another order has been reduced; `child` is
    /// as before, and the table has it as it is now.
    pub(super) fn note_reduced(&mut self, child: &Child, order: &Order, freed: Qty) {
        if child.yields_to == OrderId(0) {
            return;
        }
        self.note_way(child, order, freed);
        self.hide_own(child, freed);
    }

    fn note_way(&mut self, child: &Child, order: &Order, qty: Qty) {
        self.resting.moves(self.orders.slot(order.id.0)).made_way_for = child.yields_to;
        let (order, to, place) = (child.order, child.yields_to, (child.side, child.price));
        self.yielded = Some(Yielded { order, to, qty, place });
    }

    /// Quantity of a child is gone. The book may show it still, to the very orders that have waited
    /// for that.
    fn hide_own(&mut self, child: &Child, qty: Qty) {
        let taker = child.side.opposite();
        if self.may_show_still(child, qty, taker) {
            let book = &mut self.books[self.reference.book_at(child.instrument, child.venue)];
            book.vanish(taker, qty);
        }
    }

    /// Notes that a child which was called back for another order has ended.
    pub(super) fn note_yield(&mut self, child: &Child, order: &Order) {
        let is_yield = child.yields_to != OrderId(0);
        let slot = self.orders.slot(order.id.0);
        let has_made_way = self.resting.moves_of(slot).made_way_for != OrderId(0);
        let is_canceled = order.state() == OrderState::PendingCancel
            && order.cancel_reason == CancelReason::SelfMatch;
        if is_yield && (has_made_way || !child.leaves().is_zero()) {
            self.note_way(child, order, child.leaves());
        }
        if !child.leaves().is_zero() && (is_yield || is_canceled) {
            self.hide_own(child, child.leaves());
        }
    }

    /// Whether a book may show a quantity of a child that is gone. The level shows our other
    /// children beside it, and what is left of this one; what of the levels up to there is counted
    /// as gone already is no part of it.
    fn may_show_still(&self, child: &Child, gone: Qty, taker: Side) -> bool {
        let book = &self.books[self.reference.book_at(child.instrument, child.venue)];
        let others = self.own.iter(book.own_children[child.side as usize - 1]);
        let others = others.map(|slot| self.children.in_slot(slot)).take(OWN_LOOKED_AT_MAX);
        let (mut there, mut upto) = (gone.0, gone.0);
        for other in others.take_while(|other| reaches(child.price, other.price, taker)) {
            upto = upto.saturating_add(other.leaves().0);
            if other.price == child.price {
                there = there.saturating_add(other.leaves().0);
            }
        }
        let level = book.opposite(taker).iter().find(|level| level.price == child.price);
        level.is_some_and(|level| level.qty.0 >= there)
            && shown(book, taker, |price| reaches(child.price, price, taker)).0 >= upto
    }

    /// A child is no longer being called back. The order that it makes way for may pass if it was
    /// the last one.
    pub(super) fn makes_way_no_more(&mut self, child: &Child) {
        let Some(to) = self.orders.get(child.yields_to.0) else { return };
        let awaited = &mut self.resting.moves(self.orders.slot(to.id.0)).awaited;
        *awaited = awaited.saturating_sub(1);
        if *awaited == 0 {
            self.way_is_clear = Some(child.instrument);
        }
    }

    /// Whether an order has made way, and those that it made way for have not passed yet: all
    /// children in their way end first, and then they go.
    pub(super) fn lets_others_pass(&mut self, order: &Order) -> bool {
        let slot = self.orders.slot(order.id.0);
        let to = self.resting.moves_of(slot).made_way_for;
        if to == OrderId(0) {
            return false;
        }
        let awaits = |to: &Order| {
            let awaited = self.resting.moves_of(self.orders.slot(to.id.0)).awaited;
            awaited > 0 && to.is_working() && !to.unplaced().is_zero()
        };
        let lets_pass = self.yielded.is_some_and(|yielded| yielded.order == order.id)
            || self.way_is_clear == Some(order.instrument)
            || self.orders.get(to.0).is_some_and(awaits);
        if !lets_pass {
            self.resting.moves(slot).made_way_for = OrderId(0);
        }
        lets_pass
    }

    /// Whether an order may only take at this moment: it would rest where it matches an order that
    /// is put back.
    pub(super) fn only_takes(&self, order: &Order) -> bool {
        self.yielded.is_some_and(|Yielded { order: back, place: (side, price), .. }| {
            let same = self.orders.get(back.0).is_some_and(|o| o.instrument == order.instrument);
            same && side != order.side && reaches(order.worst, price, order.side)
        })
    }

    /// A child that was called back for another order has ended: both orders are reduced, or the
    /// client is told that the place in the queue is lost.
    #[inline]
    pub(super) fn settle_yield<S: Sink>(&mut self, out: &mut Out<'_, S>) {
        if let Some(yielded) = self.yielded {
            self.settle(&yielded, out);
        }
    }

    fn settle<S: Sink>(&mut self, yielded: &Yielded, out: &mut Out<'_, S>) {
        let working = |order: &Order| order.is_working() && !order.unplaced().is_zero();
        let Some(mut back) = self.load(yielded.order).filter(working) else { return };
        let to = self.load(yielded.to);
        let owner = |order: &Order| self.reference.owner_of(order.account).owner;
        if to.is_none_or(|to| owner(&to) != owner(&back)) {
            if back.moving > 0 {
                // Told once, when the last of its children has ended.
                return;
            }
            let about = ReportContext::because(Refusal::PlaceLost);
            return self.report(&back, ReportKind::Restated, &about, out);
        }
        // A replace may have parted them.
        let meets = |to: &Order| reaches(to.worst, yielded.place.1, to.side);
        let Some(mut to) = to.filter(working).filter(meets) else { return };
        let qty = yielded.qty.min(back.unplaced()).min(to.unplaced());
        for order in [&mut back, &mut to] {
            self.take_off(order, qty, Refusal::SelfMatchReduced, out);
            self.store(order);
        }
    }

    /// Puts orders back that have made way, when the orders that waited for that have gone.
    #[inline]
    pub(super) fn put_back<S: Sink>(&mut self, out: &mut Out<'_, S>) {
        let (yielded, clear) = (self.yielded.take(), self.way_is_clear.take());
        if let Some(yielded) = yielded {
            self.put_back_now(yielded.order, out);
        }
        if let Some(instrument) = clear {
            // Those that have ended earlier.
            self.wake_for_book(instrument);
        }
        if yielded.is_some() || clear.is_some() {
            // What these orders have left may rest beside the ones that are back.
            self.wake_orders(out);
        }
    }

    fn put_back_now<S: Sink>(&mut self, id: OrderId, out: &mut Out<'_, S>) {
        let Some(mut order) = self.load(id).filter(Order::is_working) else { return };
        order.begin_again();
        self.place_in_turn(&mut order, out);
        self.store(&order);
        self.wake_for_book(order.instrument);
    }

    /// Takes quantity off an order that no child carries. The order ends if that is all.
    pub(super) fn take_off<S: Sink>(
        &mut self,
        order: &mut Order,
        qty: Qty,
        why: Refusal,
        out: &mut Out<'_, S>,
    ) {
        if qty >= order.leaves() {
            return self.give_up(order, why, out);
        }
        order.qty = order.qty.saturating_sub(qty);
        self.report(order, ReportKind::Restated, &ReportContext::because(why), out);
        if order.unplaced().is_zero() {
            self.wait_no_more(order, out);
        }
    }
}

/// What a book shows to an order of that side, from the best level on while the price is as asked
/// for.
fn shown(book: &Book, side: Side, is_meant: impl Fn(Price) -> bool) -> Qty {
    let mut gone = book.gone(side);
    let levels = book.opposite(side).iter().take_while(|level| is_meant(level.price));
    Qty(levels.fold(0, |sum: i64, level| {
        let left = level.qty.saturating_sub(gone);
        gone = gone.saturating_sub(level.qty);
        sum.saturating_add(left.0)
    }))
}
