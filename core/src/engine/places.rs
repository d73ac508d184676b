//! Where orders rest: an order moves when another venue has become the better place to wait.
//!
//! A line belongs here if it looks at the place of a resting order, or keeps how far a child has
//! come in the queue. What a place costs is `routing::rest`; `worked` calls children back.
//!
//! Places are looked at by time, a bounded number for each input. So a change of a book costs the
//! same however many orders rest.

use super::{
    Engine, FORWARD_PER_TRADE_MAX, MOVE_WINDOW_NS, MOVES_PER_WINDOW_MAX, Out, PLACES_PER_INPUT_MAX,
};
use crate::child::{Child, ChildState};
use crate::engine::worked::Recalled;
use crate::id::{AccountId, OrderId};
use crate::input::{Moving, PublicTrade, Side, TimeInForce};
use crate::number::{Qty, UnixNanos};
use crate::order::Order;
use crate::output::{Notice, Sink};
use crate::routing::{PlannedChild, RouteRequest, RoutingView, cost_of_waiting, joined_at};
use crate::strategy::Posting;
use crate::table::Slot;
use crate::venue_set::VenueSet;
use crate::waiting::Waiting;

/// Billionths in a millionth.
const PPB_PER_PPM: i64 = 1_000;

/// A child whose place costs most of its order's, and the cost in billionths of the limit.
struct Worst {
    child: Child,
    cost: i64,
}

/// What became of a look at the place of an order.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Look {
    /// A child is being called back.
    Moves,
    /// No other venue is so much better.
    Stays,
    /// The order would move, and may not now.
    Limited(Waiting),
}

impl Engine {
    /// Plans looks at the place of an order, once the order rests.
    #[inline]
    pub(super) fn watch_place(&mut self, order: &Order) {
        // A posted order waits where the touch is.
        if !order.is_watched || order.live_children == 0 || self.posting(order) != Posting::No {
            return;
        }
        let slot = self.orders.slot(order.id.0);
        let planned = self.resting.moves(slot).place_at != UnixNanos(0);
        if !planned && !self.never_moves(order.account) && self.has_choice(order) {
            self.plan_look(order, true);
        }
    }

    /// Whether more than one venue lists the instrument of an order.
    fn has_choice(&self, order: &Order) -> bool {
        let listings = self.reference.listings(order.instrument);
        listings.filter(|listing| listing.enabled).nth(1).is_some()
    }

    /// Whether the resting orders of an account stay where they are; not of one that is unknown.
    pub(super) fn never_moves(&self, account: AccountId) -> bool {
        account.index() < self.reference.accounts.len()
            && self.reference.routing_of(account).moving == Moving::Never
    }

    /// Orders may move that could not before: those that rest are looked at.
    pub(super) fn watch_places(&mut self, of: impl Fn(&Order) -> bool) {
        let mut slot = 0;
        // Ends: each turn goes to a later slot.
        while let Some((next, order)) = self.orders.living_after(slot) {
            slot = next;
            if of(order) {
                let order = *order;
                self.watch_place(&order);
            }
        }
    }

    fn plan_look(&mut self, order: &Order, anew: bool) {
        let orders = &self.orders;
        self.resting.tidy_places(|id| orders.get(id).map(|order| orders.slot(order.id.0)));
        let slot = self.orders.slot(order.id.0);
        self.resting.look_at_place_later((slot, order.id.0), anew, self.now);
    }

    /// Looks at the places that are due.
    pub(super) fn look_at_places<S: Sink>(&mut self, out: &mut Out<'_, S>) {
        for _ in 0..PLACES_PER_INPUT_MAX {
            let Some((at, id)) = self.resting.next_place(self.now) else { return };
            self.look_at_place(OrderId(id), at, out);
        }
        self.resting.pause_places(self.now);
    }

    fn look_at_place<S: Sink>(&mut self, id: OrderId, at: UnixNanos, out: &mut Out<'_, S>) {
        let slot = self.orders.slot(id.0);
        let living = self.load(id).filter(|order| !order.is_over());
        let Some(mut order) = living.filter(|_| self.resting.moves(slot).place_at == at) else {
            return;
        };
        self.resting.moves(slot).place_at = UnixNanos(0);
        if self.never_moves(order.account)
            || order.live_children == 0
            || self.posting(&order) != Posting::No
        {
            // The looks begin again when the order rests, or its account lets it move.
            return;
        }
        let look = self.move_to_better_place(&mut order, out);
        match look {
            Look::Moves => {}
            Look::Limited(why) => Self::tell_limit(&mut order, why, out),
            Look::Stays => {
                let limited = matches!(order.waiting, Waiting::MoveLimit | Waiting::VenueLimit);
                if limited && !self.resting.is_held(slot) {
                    self.wait_no_more(&mut order, out);
                }
            }
        }
        self.plan_look(&order, look == Look::Moves);
        self.store(&order);
    }

    /// Begins the move of the child that waits at the highest cost, if another venue costs so much
    /// less that the account wants the move.
    fn move_to_better_place<S: Sink>(&mut self, order: &mut Order, out: &mut Out<'_, S>) -> Look {
        let rests = order.is_working() && order.moving == 0 && order.unplaced().is_zero();
        if !rests || self.is_halted_for(order) {
            return Look::Stays;
        }
        let terms = *self.reference.routing_of(order.account);
        let Some(Worst { child, cost }) = self.worst_place(order, terms.moving) else {
            return Look::Stays;
        };
        let Some((request, other)) = self.cost_elsewhere(order, &child) else {
            return Look::Stays;
        };
        let gain = cost.saturating_sub(other);
        if gain <= 0 || gain < i64::from(terms.move_gain_ppm) * PPB_PER_PPM {
            return Look::Stays;
        }
        let recalled = Recalled::one(child.id);
        if self.recall_ready_at(order, &recalled) > self.now {
            return Look::Limited(Waiting::VenueLimit);
        }
        let slot = self.orders.slot(order.id.0);
        let made = &mut self.resting.moves(slot).made;
        if made.is_full(self.now.0, MOVE_WINDOW_NS, MOVES_PER_WINDOW_MAX) {
            return Look::Limited(Waiting::MoveLimit);
        }
        made.count(self.now.0, MOVE_WINDOW_NS);
        self.record(order, &request, out);
        self.call_back(order, &recalled, out);
        Look::Moves
    }

    /// The child of an order that waits at the highest cost; `None` while one of the children is
    /// not known to rest, or its venue's book cannot be used.
    fn worst_place(&mut self, order: &Order, moving: Moving) -> Option<Worst> {
        let mut worst: Option<Worst> = None;
        let mut at = order.newest_child;
        // Ends: the chain leads to ever older children.
        while let Some(child) = self.children.get(at.0).copied() {
            if child.order != order.id {
                break;
            }
            at = child.older;
            if child.is_over() {
                continue;
            }
            let rests = child.tif == TimeInForce::Gtc && child.state() == ChildState::Live;
            if !rests || child.cancel_wanted {
                return None;
            }
            let cost = self.cost_here(order, &child, moving)?;
            if worst.as_ref().is_none_or(|known| cost > known.cost) {
                worst = Some(Worst { child, cost });
            }
        }
        worst
    }

    /// What it costs to wait where a child rests: at its place in the queue, or at the end of the
    /// queue if the account does not count the place.
    fn cost_here(&mut self, order: &Order, child: &Child, moving: Moving) -> Option<i64> {
        // What its venue has of it.
        let (there, whole) = (self.at_venue(child).id, self.at_venue(child).leaves());
        let slot = self.children.slot(there.0) as usize;
        let market = self.market();
        let request = self.route_request(order);
        // The book shows the child itself, and orders that came later.
        let others = joined_at(&market, &request, child.venue, child.price)?;
        let others = others.saturating_sub(whole);
        let ahead = match moving {
            Moving::Sticky => self.ahead[slot].min(others),
            Moving::Better | Moving::Never => others,
        };
        let (venue, qty, price) = (child.venue, child.leaves(), child.price);
        let planned = PlannedChild { venue, qty, price, shown: Qty::ZERO };
        let cost = cost_of_waiting(&market, &request, &planned, Some(ahead))?;
        self.ahead[slot] = self.ahead[slot].min(others);
        Some(cost)
    }

    /// What was asked of the router, and the cost of waiting at the best other venue that would let
    /// the whole child rest, or at the dearest of those that would share it; `None` if no venue
    /// would, or one would fill some of it.
    fn cost_elsewhere(&mut self, order: &Order, child: &Child) -> Option<(RouteRequest, i64)> {
        self.look_up_own(order);
        let usual = self.route_request(order);
        if usual.score.is_some() {
            // Such an order rests where the score is highest, whatever waiting costs there.
            return None;
        }
        // An order that rests at a venue that is no backup would be routed back there.
        let at_backup = usual.backup.has(child.venue);
        let backup = if at_backup { VenueSet::EMPTY } else { usual.backup };
        let here = VenueSet::all_but(child.venue).complement();
        let shares = usual.rest_shares.map(|_| self.shares_beside(order, child.id));
        // An order that rests by share stays at a venue that would get a share again, and moves to
        // venues where it does not rest yet.
        let (left, taken) = match shares {
            None => (backup.union(here), VenueSet::EMPTY),
            Some(shares) => (backup, shares.at.union(here)),
        };
        let excluded = order.excluded.union(left);
        let request = RouteRequest { qty: child.leaves(), excluded, rest_shares: shares, ..usual };
        let market =
            RoutingView::new(&self.reference, &self.books, &self.venues, &self.ledger, self.now);
        let plan = self.router.make_plan(&market, &request);
        self.counts.bounded_plans += u64::from(plan.search.bounded);
        let rests = plan.rests();
        let whole = rests.iter().map(|leg| leg.qty.0).sum::<i64>() == child.leaves().0;
        if !plan.takes().is_empty() || !whole || rests.iter().any(|leg| taken.has(leg.venue)) {
            return None;
        }
        let mut dearest = None;
        for leg in rests {
            dearest = dearest.max(Some(cost_of_waiting(&market, &request, leg, None)?));
        }
        Some((request, dearest?))
    }

    /// A public trade: counts what trades lately at the venue, and brings our own children at that
    /// price forward.
    pub(super) fn on_trade<S: Sink>(&mut self, trade: &PublicTrade, out: &mut Out<'_, S>) {
        let at = self.reference.book_at(trade.instrument, trade.venue);
        let sound = self.has_feed(trade.venue) && trade.qty > Qty::ZERO && trade.price.0 > 0;
        let Some(book) = self.books.get_mut(at).filter(|_| sound) else {
            return out.notice(Notice::BadReference);
        };
        let taken = trade.taker.map(Side::opposite);
        let Some(rested) = taken.or_else(|| book.side_taken_at(trade.price)) else { return };
        book.count_trade(rested, trade.qty, trade.time, self.now);
        let all = book.own_children[rested as usize - 1];
        // A trade that is told late may be older than the order.
        if all.is_empty() || trade.late {
            return;
        }
        for slot in self.own.iter(all).take(FORWARD_PER_TRADE_MAX) {
            if self.children.in_slot(slot).price == trade.price {
                let ahead = &mut self.ahead[slot as usize];
                *ahead = ahead.saturating_sub(trade.qty);
            }
        }
    }
}
