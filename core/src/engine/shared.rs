//! Orders that wait for room go to a venue in one child.
//!
//! A line belongs here if it chooses the orders that share a child, or sends that child. News about
//! a shared child is `shared_news`.
//!
//! What a venue knows is the shared child. What an order knows is its part, which is a child like
//! any other, so that every rule about an order and its children holds for the part. The open
//! quantities of the parts are that of the shared child together.
//!
//! The first order is the one that has waited longest, and its limit is the limit of all: the
//! others have the same terms. In a child that takes they may go at least as far. In one that rests
//! they have the same limit, for they are to fill at the same price whenever that is. How an order
//! leaves a child that rests is `shared_rest`.

use super::reduce::Reduction;
use super::{
    CHILDREN_PER_ORDER_MAX, Engine, MOVE_WINDOW_NS, Out, REGROUPS_PER_WINDOW_MAX, SHARERS_MAX,
};
use crate::child::{Child, Role};
use crate::id::{ChildId, OrderId, VenueId};
use crate::input::TimeInForce;
use crate::number::{Price, Qty, UnixNanos};
use crate::order::{Order, OrderState};
use crate::output::{Notice, Output, PartOf, SendNew, Sink};
use crate::routing::{Plan, PlannedChild, RouteRequest, RoutingView, reaches};
use crate::strategy::Strategy;
use crate::venue_set::VenueSet;
use crate::waiting::Waiting;

const _: () = assert!(SHARERS_MAX <= CHILDREN_PER_ORDER_MAX as usize, "each has a part");

/// Plans for the same orders at most: the second one is for as many as the first one fills.
const PLANS_MAX: usize = 2;

/// Orders and their quantities, in the order of arrival.
struct Sharers {
    all: [(OrderId, Qty); SHARERS_MAX],
    len: usize,
}

impl Sharers {
    const NONE: Self = Self { all: [(OrderId(0), Qty::ZERO); SHARERS_MAX], len: 0 };

    fn as_slice(&self) -> &[(OrderId, Qty)] {
        &self.all[..self.len]
    }

    fn push(&mut self, order: OrderId, qty: Qty) {
        if let Some(slot) = self.all.get_mut(self.len) {
            *slot = (order, qty);
            self.len += 1;
        }
    }

    /// `None` if the sum is out of range.
    fn qty(&self) -> Option<Qty> {
        let mut all = self.as_slice().iter();
        all.try_fold(0_i64, |sum, (_, qty)| sum.checked_add(qty.0)).map(Qty)
    }

    /// Leaves out the last orders, until the others have no more than that quantity.
    fn keep(&mut self, most: Qty) {
        let mut upto = 0_i64;
        let fits = self.as_slice().iter().take_while(|(_, qty)| {
            upto = upto.saturating_add(qty.0);
            upto <= most.0
        });
        self.len = fits.count();
    }
}

impl Engine {
    /// Sends an order that has waited for room together with orders that wait behind it. Returns
    /// how many have gone. With zero nothing has happened, and the order goes alone.
    pub(super) fn place_together<S: Sink>(
        &mut self,
        first: &mut Order,
        out: &mut Out<'_, S>,
    ) -> usize {
        if !self.may_share(first) || self.meets_own(first) {
            return 0;
        }
        let Some((sharers, request)) = self.plan_for_sharers(first) else { return 0 };
        let legs = legs_of(self.router.plan(), request.tif).len();
        if self.children.room() < sharers.len + 2 * legs {
            return 0;
        }
        self.store(first);
        for order in sharers.as_slice().iter().filter_map(|(id, _)| self.orders.get(id.0)) {
            self.record(order, &request, out);
        }
        self.send_together(&sharers, request.tif, out);
        for (id, _) in sharers.as_slice() {
            let Some(mut order) = self.load(*id) else { continue };
            order.rounds += 1;
            self.wait_no_more(&mut order, out);
            self.watch(&mut order);
            self.watch_place(&order);
            self.store(&order);
        }
        if let Some(order) = self.load(first.id) {
            *first = order;
        }
        sharers.len
    }

    /// Plans what an order and those behind it take together, or else how they rest together.
    fn plan_for_sharers(&mut self, first: &Order) -> Option<(Sharers, RouteRequest)> {
        self.look_up_own(first);
        for tif in [TimeInForce::Ioc, TimeInForce::Gtc] {
            if tif == TimeInForce::Gtc && !self.may_rest_together(first) {
                return None;
            }
            let terms = self.terms_together(first, tif);
            let mut sharers = self.find_sharers(first, &terms);
            if let Some(request) = self.plan_together(&mut sharers, &terms) {
                return Some((sharers, request));
            }
        }
        None
    }

    /// Whether an order that may share a child may share one that rests.
    fn may_rest_together(&self, order: &Order) -> bool {
        let slot = self.orders.slot(order.id.0);
        let regroups = &self.resting.moves_of(slot).regroups;
        order.tif.waits()
            && order.ord_type.has_limit()
            && self.rest_shares(order).is_none()
            && !regroups.is_full(self.now.0, MOVE_WINDOW_NS, REGROUPS_PER_WINDOW_MAX)
    }

    /// Whether two orders may share a child that rests: none is to pay for what the other wants.
    /// They have one limit, their accounts move them by one rule, and their owners let others pass
    /// or not.
    fn rest_alike(&self, one: &Order, other: &Order) -> bool {
        let moves = |order: &Order| {
            let terms = self.reference.routing_of(order.account);
            (terms.moving, terms.move_gain_ppm)
        };
        let yields = |order: &Order| self.reference.owner_of(order.account).other_owners;
        one.worst == other.worst
            && self.may_rest_together(other)
            && moves(one) == moves(other)
            && yields(one) == yields(other)
    }

    /// Whether an order may share a child at this moment.
    fn may_share(&self, order: &Order) -> bool {
        let can_wait = order.tif.waits() || order.expire_at > self.now;
        let slot = self.orders.slot(order.id.0);
        self.reference.consents_to_sharing(order.account)
            && order.waiting == Waiting::VenueBusy
            && order.state() == OrderState::Working
            && can_wait
            && order.tif != TimeInForce::Fok
            && order.strategy == Strategy::Cross
            && order.worst != Price(0)
            && order.live_children == 0
            && order.moving == 0
            && !order.unplaced().is_zero()
            && self.resting.moves_of(slot).made_way_for == OrderId(0)
            && !self.is_halted_for(order)
    }

    /// Whether a resting order of ours stands where the order could match it.
    fn meets_own(&self, order: &Order) -> bool {
        let reached = |child: &Child| reaches(order.worst, child.price, order.side);
        (0..self.venues.len()).map(|index| VenueId(index as u8)).any(|venue| {
            let listed = self.books.get(self.reference.book_at(order.instrument, venue)).is_some();
            listed && self.own_facing(order, venue).next().is_some_and(reached)
        })
    }

    /// What the router is asked for an order that takes or rests together with others.
    fn terms_together(&self, order: &Order, tif: TimeInForce) -> RouteRequest {
        let terms = self.route_request(order);
        let fades = terms.faded != VenueSet::EMPTY;
        RouteRequest {
            tif,
            rest_shares: None,
            faded_at: if fades { terms.faded_at } else { UnixNanos(0) },
            ..terms
        }
    }

    /// The order, and those behind it with the same terms that may go at least as far.
    fn find_sharers(&self, first: &Order, terms: &RouteRequest) -> Sharers {
        let mut sharers = Sharers::NONE;
        sharers.push(first.id, first.unplaced());
        let mut slot = self.orders.slot(first.id.0);
        for _ in 1..SHARERS_MAX {
            let Some(behind) = self.waiting.behind(slot) else { break };
            slot = behind;
            let mut other = *self.orders.in_slot(slot);
            self.look_again(&mut other);
            if !self.may_share(&other) || !reaches(other.worst, first.worst, first.side) {
                continue;
            }
            let (account, qty) = (terms.account, terms.qty);
            let (limit, worst) = (terms.limit, terms.worst);
            let asked = self.terms_together(&other, terms.tif);
            let same = RouteRequest { account, limit, worst, qty, ..asked };
            let rests = terms.tif != TimeInForce::Ioc;
            if same == *terms
                && self.have_equal_fees(first, &other)
                && (!rests || self.rest_alike(first, &other))
            {
                sharers.push(other.id, other.unplaced());
            }
        }
        sharers
    }

    /// Whether the accounts of two orders pay the same fees: they are one account, or neither has
    /// fees of its own.
    fn have_equal_fees(&self, one: &Order, other: &Order) -> bool {
        let has_own = |order: &Order| self.reference.has_own_fees(order.account);
        one.account == other.account || !has_own(one) && !has_own(other)
    }

    /// Makes a plan that takes, or lets rest, all of the orders' quantity. The last orders are left
    /// out until the books show enough for the others, or a venue lets them rest, so that sharing
    /// takes nothing from those that have waited longer. `None` if less than two are left.
    fn plan_together(
        &mut self,
        sharers: &mut Sharers,
        terms: &RouteRequest,
    ) -> Option<RouteRequest> {
        for _ in 0..PLANS_MAX {
            if sharers.len < 2 {
                return None;
            }
            let request = RouteRequest { qty: sharers.qty()?, ..*terms };
            let market = RoutingView::new(
                &self.reference,
                &self.books,
                &self.venues,
                &self.ledger,
                self.now,
            );
            let plan = self.router.make_plan(&market, &request);
            self.counts.bounded_plans += u64::from(plan.search.bounded);
            let carried = carried_by(plan, terms.tif);
            if carried == request.qty {
                return Some(request);
            }
            sharers.keep(carried);
        }
        None
    }

    /// Sends the router's plan. Each leg carries the orders one after the other; an order whose
    /// quantity goes over the end of a leg has a part in the next one as well.
    fn send_together<S: Sink>(
        &mut self,
        sharers: &Sharers,
        tif: TimeInForce,
        out: &mut Out<'_, S>,
    ) {
        let mut rest = sharers.as_slice().iter();
        let mut next = rest.next().copied();
        for at in 0..legs_of(self.router.plan(), tif).len() {
            let leg = legs_of(self.router.plan(), tif)[at];
            let (mut open, mut parts) = (leg.qty, Sharers::NONE);
            // Ends: each turn fills the leg, or goes to the next order.
            while let Some((order, left)) = next.filter(|_| !open.is_zero()) {
                let qty = left.min(open);
                parts.push(order, qty);
                open = open.saturating_sub(qty);
                let left = left.saturating_sub(qty);
                next = if left.is_zero() { rest.next().copied() } else { Some((order, left)) };
            }
            self.send_shared((&leg, tif), &parts, out);
        }
    }

    /// Sends one leg. A leg of one order is a child like any other.
    fn send_shared<S: Sink>(
        &mut self,
        (leg, tif): (&PlannedChild, TimeInForce),
        parts: &Sharers,
        out: &mut Out<'_, S>,
    ) {
        let first = parts.as_slice().first().and_then(|(id, _)| self.load(*id));
        let Some(mut first) = first else { return };
        if parts.len == 1 {
            self.look_again(&mut first);
            self.send_child(&mut first, leg, tif, false, out);
            return self.store(&first);
        }
        let Some(id) = self.children.claim() else { return };
        let send = SendNew {
            venue: leg.venue,
            child: ChildId(id),
            order: first.id,
            trace: first.trace,
            instrument: first.instrument,
            side: first.side,
            tif,
            post_only: false,
            qty: leg.qty,
            price: leg.price,
        };
        let mut shared = Child::sent(&send, self.now, ChildId(0));
        (shared.role, shared.shown) = (Role::Shared, leg.shown);
        self.link(&mut shared);
        self.children.put(shared);
        if tif != TimeInForce::Ioc {
            self.begin_rest(&shared);
        }
        self.counts.children += 1;
        self.count_order(leg, send.instrument);
        out.put(&Output::SendNew(send));
        let mut newest = None;
        for (order, qty) in parts.as_slice() {
            newest = self.add_part(&send, (*order, *qty), newest, out).or(newest);
        }
        self.check_shared(ChildId(id));
    }

    /// Adds the part of an order behind the newest one of a shared child.
    fn add_part<S: Sink>(
        &mut self,
        send: &SendNew,
        (order, qty): (OrderId, Qty),
        newest: Option<ChildId>,
        out: &mut Out<'_, S>,
    ) -> Option<ChildId> {
        let mut order = self.load(order)?;
        let id = ChildId(self.children.claim()?);
        self.look_again(&mut order);
        let send = SendNew { order: order.id, trace: order.trace, qty, ..*send };
        let shared = send.child;
        let mut part = Child::sent(&SendNew { child: id, ..send }, self.now, order.newest_child);
        (part.role, part.is_unanswered, part.previous) = (Role::Part, false, shared);
        part.shown = if part.tif == TimeInForce::Ioc { qty } else { Qty::ZERO };
        self.bind(&mut part, order.account);
        self.children.put(part);
        match newest {
            None => self.children.get_mut(shared.0)?.older = id,
            Some(newest) => self.children.get_mut(newest.0)?.next = id,
        }
        order.newest_child = id;
        order.live_children += 1;
        order.at_venues = Qty(order.at_venues.0 + qty.0);
        if send.tif == TimeInForce::Ioc {
            let at = self.reference.book_at(send.instrument, send.venue);
            self.books[at].take(order.side, qty);
        } else {
            // The shared child is what stands in the queue.
            *self.reduction(&part) = Reduction::NONE;
        }
        let (order_id, venue) = (order.id, send.venue);
        let of = PartOf { order: order_id, venue, child: shared, part: id, qty };
        out.notice(Notice::Shares(of));
        self.store(&order);
        Some(id)
    }
}

/// The planned children of a kind.
fn legs_of(plan: &Plan, tif: TimeInForce) -> &[PlannedChild] {
    if tif == TimeInForce::Ioc { plan.takes() } else { plan.rests() }
}

/// The quantity that a plan has a place for. Of what takes only what the books show, and of what
/// rests nothing if a part of it would take: then the first order goes alone.
fn carried_by(plan: &Plan, tif: TimeInForce) -> Qty {
    let legs = legs_of(plan, tif).iter();
    let (qty, shown) =
        legs.fold((0, 0), |(qty, shown), leg| (qty + leg.qty.0, shown + leg.shown.0));
    match tif {
        TimeInForce::Ioc | TimeInForce::Fok => Qty(qty.min(shown)),
        TimeInForce::Day | TimeInForce::Gtc | TimeInForce::Gtd if plan.takes().is_empty() => {
            Qty(qty)
        }
        TimeInForce::Day | TimeInForce::Gtc | TimeInForce::Gtd => Qty::ZERO,
    }
}
