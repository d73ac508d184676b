//! Children: made from a routing plan, cancelled, and accounted for at their end.
//!
//! A line belongs here if it sends or cancels a child, or changes what a child binds. News about a
//! child is `venues`.

use super::clients::ReportContext;
use super::market::end_of_time;
use super::reduce::Reduction;
use super::{CANCELS_MAX, CHILDREN_PER_ORDER_MAX, Engine, Out, PLANS_PER_LOOK_MAX, ROUNDS_MAX};
use crate::book::Trust;
use crate::child::{Child, ChildEvent, ChildState, Role};
use crate::id::{AccountId, ChildId, InstrumentId, OrderId, VenueId};
use crate::input::{Refusal, Side, TimeInForce};
use crate::ledger::reserve;
use crate::number::{Amount, Price, Qty, UnixNanos};
use crate::order::{CancelReason, Order, OrderEvent, OrderState};
use crate::output::{ChildRef, Decision, Notice, Output, ReportKind, SendNew, Sink};
use crate::reference::VENUES_MAX;
use crate::routing::{PlannedChild, RouteRequest, RoutingView};
use crate::strategy::Posting;
use crate::table::Slot;
use crate::venue_set::VenueSet;
use crate::waiting::{Help, Waiting};

/// What becomes of the quantity of an order that a plan leaves.
pub(super) enum Unsent {
    /// The quantity waits.
    Waits(Waiting, Help),
    /// The quantity is given back to the client.
    GivenBack(Refusal),
}

impl Engine {
    /// Routes the quantity that no child carries. What no venue takes waits if the order is a day,
    /// GTC or GTD order. The rest of any other order is cancelled once no child is open, or waits
    /// for a busy venue if its account allows that.
    pub(super) fn place<S: Sink>(&mut self, order: &mut Order, out: &mut Out<'_, S>) {
        if order.moving > 0 {
            // The freed quantity goes when every child that is called back has ended.
            return Self::tell_waiting(order, Waiting::Moving, out);
        }
        if self.lets_others_pass(order) {
            return self.wait(order, Waiting::Moving, Help::Fade, out);
        }
        self.place_now(order, out);
        self.watch(order);
        self.watch_place(order);
    }

    fn place_now<S: Sink>(&mut self, order: &mut Order, out: &mut Out<'_, S>) {
        // A halt cancels every order in its scope; nothing new is sent until it ends.
        if order.state() != OrderState::Working || self.is_halted_for(order) {
            return;
        }
        if order.unplaced().is_zero() {
            return self.wait_no_more(order, out);
        }
        if order.worst == Price(0) && !self.settle_terms(order, out) {
            return;
        }
        if order.tif == TimeInForce::Fok && !order.filled.is_zero() {
            return self.break_fok(order, out);
        }
        let can_wait = order.tif.waits();
        for _ in 0..PLANS_PER_LOOK_MAX {
            if order.rounds >= ROUNDS_MAX {
                return self.rounds_are_over(order, out);
            }
            if order.live_children >= CHILDREN_PER_ORDER_MAX {
                return self.children_are_enough(order, out);
            }
            if self.only_takes(order) && self.posting(order) != Posting::No {
                return self.wait(order, Waiting::CallingBack, Help::Fade, out);
            }
            let held = self.clear_way(order, out);
            if held == order.unplaced() {
                return self.wait(order, Waiting::CallingBack, Help::Fade, out);
            }
            let bridged = self.plan_bridges(order, held, out.sink.wants_decisions());
            self.make_plan(order, Qty(held.0 + bridged.0), out);
            self.note_posting(order);
            let mut sent = self.carry_out(order, out);
            if !bridged.is_zero() {
                sent |= self.send_bridged(order, out);
            }
            if order.unplaced().is_zero() {
                return self.wait_no_more(order, out);
            }
            if sent && can_wait {
                // What is left may rest at a further venue.
                continue;
            }
            if !held.is_zero() || self.only_takes(order) {
                return self.wait(order, Waiting::CallingBack, Help::Fade, out);
            }
            if order.live_children > 0 && !can_wait {
                // The rest is looked at again when a child ends.
                return self.wait_no_more(order, out);
            }
            if self.router.plan().sends_nothing() {
                return self.nothing_to_send(order, out);
            }
            // The table of children has no place.
            return self.children_are_enough(order, out);
        }
        self.children_are_enough(order, out);
    }

    /// A venue, or an operator in its place, has filled a fill-or-kill order in part. The rest goes
    /// nowhere else, and the client is told what has happened.
    fn break_fok<S: Sink>(&mut self, order: &mut Order, out: &mut Out<'_, S>) {
        if order.live_children == 0 {
            self.give_up(order, Refusal::FokPartlyFilled, out);
        }
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

    /// No further child is made of an order now: the order has as many as it may have at once or in
    /// one look, or the table of children is full.
    fn children_are_enough<S: Sink>(&mut self, order: &mut Order, out: &mut Out<'_, S>) {
        match (order.tif.waits(), order.live_children) {
            (true, _) => self.wait(order, Waiting::ChildLimit, Help::Room, out),
            (false, 0) => self.give_up(order, Refusal::CapacityReached, out),
            // The rest is looked at again when a child ends.
            (false, _) => self.wait_no_more(order, out),
        }
    }

    /// Sends the children of the router's plan. True if there is one.
    fn carry_out<S: Sink>(&mut self, order: &mut Order, out: &mut Out<'_, S>) -> bool {
        let children = order.live_children;
        // Ends: a plan has two children per venue at most.
        for at in 0..self.router.plan().takes().len() {
            if order.live_children >= CHILDREN_PER_ORDER_MAX {
                break;
            }
            let leg = self.router.plan().takes()[at];
            let fok = order.tif == TimeInForce::Fok;
            let tif = if fok { TimeInForce::Fok } else { TimeInForce::Ioc };
            self.send_child(order, &leg, tif, false, out);
        }
        let post_only = self.posting(order) != Posting::No;
        for at in 0..self.router.plan().rests().len() {
            if order.live_children >= CHILDREN_PER_ORDER_MAX {
                break;
            }
            let leg = self.router.plan().rests()[at];
            self.send_child(order, &leg, TimeInForce::Gtc, post_only, out);
        }
        let sent = order.live_children > children;
        order.rounds += u8::from(sent);
        sent
    }

    /// The rest of an order waits or is given back: the router's plan sends nothing of it.
    fn nothing_to_send<S: Sink>(&mut self, order: &mut Order, out: &mut Out<'_, S>) {
        match self.unsent(order) {
            Unsent::Waits(Waiting::VenueBusy, Help::Room) => self.wait_for_room(order, out),
            Unsent::Waits(why, help) => self.wait(order, why, help, out),
            Unsent::GivenBack(refusal) => self.take_off(order, order.unplaced(), refusal, out),
        }
    }

    /// What becomes of the quantity that the router's plan leaves.
    pub(super) fn unsent(&self, order: &Order) -> Unsent {
        let plan = self.router.plan();
        if order.tif.waits() {
            if plan.is_dust() && order.live_children == 0 {
                return Unsent::GivenBack(Refusal::BelowMinimum);
            }
            if self.is_barred(order) && order.live_children == 0 {
                return Unsent::GivenBack(Refusal::VenuesRefused);
            }
            let refused_now = order.avoided != VenueSet::EMPTY;
            let (why, help) = plan.waits_for(refused_now);
            if why == Waiting::OwnOrder && self.stops_for_own(order) {
                return Unsent::GivenBack(Refusal::SelfMatch);
            }
            // The end of the change is no news of a venue or of funds.
            if matches!(help, Help::Venue | Help::Funds) && self.is_book_changing(order) {
                return Unsent::Waits(Waiting::BookChanging, Help::Book);
            }
            if why == Waiting::OwnOrder && self.is_held_up(order) {
                return Unsent::Waits(why, Help::Fade);
            }
            let timed = match why {
                Waiting::NoFunds => self.funds_come_with_time(order),
                // The other order may be none of this node's: nobody tells its end.
                Waiting::OwnOrder => order.self_matched != VenueSet::EMPTY,
                _ => false,
            };
            return Unsent::Waits(why, if timed { Help::Time } else { help });
        }
        let refusal = plan.refusal();
        if refusal == Refusal::VenueBusy && order.expire_at > self.now {
            return Unsent::Waits(Waiting::VenueBusy, Help::Room);
        }
        if self.is_book_changing(order) {
            return Unsent::Waits(Waiting::BookChanging, Help::Book);
        }
        // The book may tell the end of such an order before the venue's answer does.
        if is_for_books(refusal) && self.awaits_own(order) {
            return Unsent::Waits(Waiting::CallingBack, Help::Fade);
        }
        Unsent::GivenBack(refusal)
    }

    /// An order that was routed many times in a row waits, or is over.
    fn rounds_are_over<S: Sink>(&mut self, order: &mut Order, out: &mut Out<'_, S>) {
        match (order.live_children, order.tif.waits()) {
            (_, true) => self.wait(order, Waiting::RoundsExhausted, Help::Time, out),
            (0, false) => self.give_up(order, Refusal::RoundsExhausted, out),
            // The order is looked at again when a child ends.
            (_, false) => {}
        }
    }

    /// Whether a book that the order could go to is between two inputs of one change.
    fn is_book_changing(&self, order: &Order) -> bool {
        let barred = self.closed.union(self.left_out(order));
        (0..self.venues.len()).any(|index| {
            let venue = VenueId(index as u8);
            let book = &self.books[self.reference.book_at(order.instrument, venue)];
            book.trust == Trust::Changing && self.venues[index].up && !barred.has(venue)
        })
    }

    /// Whether funds that the order needs are not spent before a time that has not come.
    fn funds_come_with_time(&self, order: &Order) -> bool {
        let def = self.reference.instrument_of(order.instrument);
        let asset = if order.side == Side::Buy { def.quote } else { def.base };
        (0..self.venues.len())
            .any(|index| self.ledger.funds(VenueId(index as u8), asset).spent_from > self.now)
    }

    /// Whether every venue that the order could go to has refused it for its terms.
    fn is_barred(&self, order: &Order) -> bool {
        let left_out = self.left_out(order);
        let mut named = (self.reference.listings(order.instrument))
            .filter(|listing| listing.enabled && !left_out.has(listing.venue));
        order.barred != VenueSet::EMPTY && named.all(|listing| order.barred.has(listing.venue))
    }

    /// The plan for the quantity of an order that no child carries, except for what is held back.
    fn make_plan<S: Sink>(&mut self, order: &Order, held: Qty, out: &mut Out<'_, S>) {
        if out.sink.wants_decisions() {
            let request = self.ask_router(order, held);
            return self.record(order, &request, out);
        }
        // Ends: each turn takes a venue off.
        while let Some(venue) = self.reference.take_renewed() {
            self.note_all_best(venue);
        }
        let request = self.request_beside(order, held);
        let touches = self.touches.of(order.instrument, order.side);
        let market =
            RoutingView::new(&self.reference, &self.books, &self.venues, &self.ledger, self.now);
        let plan = self.router.make_plan_to_send(&market, &request, touches);
        self.counts.bounded_plans += u64::from(plan.search.bounded);
    }

    /// The request for the quantity of an order that no child carries, except for what is held
    /// back.
    fn request_beside(&self, order: &Order, held: Qty) -> RouteRequest {
        let mut request = self.route_request(order);
        request.qty = request.qty.saturating_sub(held);
        request
    }

    /// Tells the decision that the router's plan is.
    pub(super) fn record<S: Sink>(
        &self,
        order: &Order,
        request: &RouteRequest,
        out: &mut Out<'_, S>,
    ) {
        if !out.sink.wants_decisions() {
            return;
        }
        let plan = self.router.plan();
        out.sink.decision(&Decision {
            order: order.id,
            instrument: order.instrument,
            qty: request.qty,
            round: order.rounds + 1,
            venues: plan.lines(),
            bridges: &self.bridging.lines,
            bridge: &self.bridging.plan,
            market: self.market(),
            request,
            plan,
        });
    }

    /// Asks the router where the quantity goes that no child of an order carries, except for what
    /// is held back. Our own orders have been looked up. Returns what was asked; the plan is the
    /// router's.
    pub(super) fn ask_router(&mut self, order: &Order, held: Qty) -> RouteRequest {
        let request = self.request_beside(order, held);
        let market =
            RoutingView::new(&self.reference, &self.books, &self.venues, &self.ledger, self.now);
        let plan = self.router.make_plan(&market, &request);
        self.counts.bounded_plans += u64::from(plan.search.bounded);
        request
    }

    /// Venues that the client and the account of an order leave out.
    pub(super) fn left_out(&self, order: &Order) -> VenueSet {
        order.excluded.union(self.reference.routing_of(order.account).denied)
    }

    pub(super) fn route_request(&self, order: &Order) -> RouteRequest {
        let terms = self.reference.routing_of(order.account);
        RouteRequest {
            account: order.account,
            instrument: order.instrument,
            side: order.side,
            limit: order.ord_type.has_limit().then_some(order.price),
            worst: order.worst,
            slack_ppm: self.reference.accounts[order.account.index()].slack_ppm,
            tif: if self.only_takes(order) { TimeInForce::Ioc } else { order.tif },
            qty: order.unplaced(),
            min_fill: self.least_of_plan(order),
            posting: self.posting(order),
            avoided: order.avoided.union(order.barred),
            self_matched: order.self_matched,
            excluded: order.excluded,
            denied: terms.denied,
            backup: terms.backup,
            costs: terms.costs,
            score: self.score_of(order),
            rest_shares: self.rest_shares(order),
            closed: self.closed,
            faded: order.faded,
            faded_at: order.faded_at,
        }
    }

    pub(super) fn send_child<S: Sink>(
        &mut self,
        order: &mut Order,
        leg: &PlannedChild,
        tif: TimeInForce,
        post_only: bool,
        out: &mut Out<'_, S>,
    ) {
        let instrument = order.instrument;
        self.send_child_at(instrument, order, leg, (tif, post_only), out);
    }

    /// Sends a child at an instrument, mostly its order's own. Returns its id, unless the table of
    /// children has no place.
    pub(super) fn send_child_at<S: Sink>(
        &mut self,
        instrument: InstrumentId,
        order: &mut Order,
        leg: &PlannedChild,
        (tif, post_only): (TimeInForce, bool),
        out: &mut Out<'_, S>,
    ) -> Option<ChildId> {
        let id = self.children.claim()?;
        let send = SendNew {
            venue: leg.venue,
            child: ChildId(id),
            order: order.id,
            trace: order.trace,
            instrument,
            side: order.side,
            tif,
            post_only,
            qty: leg.qty,
            price: leg.price,
        };
        let mut child = Child::sent(&send, self.now, order.newest_child);
        child.shown = leg.shown;
        self.bind(&mut child, order.account);
        self.link(&mut child);
        self.children.put(child);
        order.newest_child = child.id;
        order.live_children += 1;
        order.at_venues = Qty(order.at_venues.0 + leg.qty.0);
        self.counts.children += 1;
        match tif {
            TimeInForce::Ioc | TimeInForce::Fok => {
                let at = self.reference.book_at(instrument, leg.venue);
                self.books[at].take(order.side, leg.qty);
            }
            TimeInForce::Day | TimeInForce::Gtc | TimeInForce::Gtd => {
                self.begin_rest(&child);
            }
        }
        self.count_order(leg, instrument);
        out.put(&Output::SendNew(send));
        Some(child.id)
    }

    /// A child that rests takes its place in the queue of its venue.
    pub(super) fn begin_rest(&mut self, child: &Child) {
        let book = &self.books[self.reference.book_at(child.instrument, child.venue)];
        let (_, same) = book.ahead(child.side, child.price);
        let slot = self.children.slot(child.id.0) as usize;
        (self.ahead[slot], self.reductions[slot]) = (same, Reduction::NONE);
        self.rest_own(child);
        let at = child.instrument.index() * VENUES_MAX + child.venue.index();
        self.books[at].full.sent();
    }

    pub(super) fn count_order(&mut self, leg: &PlannedChild, instrument: InstrumentId) {
        let venue = &mut self.venues[leg.venue.index()];
        venue.budget.count_order(self.now, instrument);
        venue.unanswered += 1;
    }

    /// Binds the venue's funds for the open quantity of a child, and releases what it no longer
    /// needs.
    pub(super) fn bind(&mut self, child: &mut Child, account: AccountId) {
        let def = self.reference.instrument_of(child.instrument);
        let needed = if child.is_over() {
            Amount::ZERO
        } else {
            let listing = self.reference.listing(child.instrument, child.venue);
            let fees = listing.map(|listing| self.reference.fees(account, listing));
            let fee = fees.map_or(0, |fees| fees.locked_ppm());
            reserve(def, child.side, child.price, child.leaves(), fee)
        };
        let asset = match child.side {
            Side::Buy => def.quote,
            Side::Sell => def.base,
        };
        self.ledger.reserve(child.venue, asset, needed.minus(child.reserved));
        if needed < child.reserved {
            self.wake_for_funds(asset);
        }
        child.reserved = needed;
    }

    /// Appends a child to the list of its venue's living children.
    pub(super) fn link(&mut self, child: &mut Child) {
        let venue = &mut self.venues[child.venue.index()];
        child.previous = venue.last_child;
        venue.last_child = child.id;
        if child.previous == ChildId(0) {
            venue.first_child = child.id;
        } else if let Some(previous) = self.children.get_mut(child.previous.0) {
            previous.next = child.id;
        }
    }

    pub(super) fn unlink(&mut self, child: &Child) {
        if let Some(previous) = self.children.get_mut(child.previous.0) {
            previous.next = child.next;
        } else {
            self.venues[child.venue.index()].first_child = child.next;
        }
        if let Some(next) = self.children.get_mut(child.next.0) {
            next.previous = child.previous;
        } else {
            self.venues[child.venue.index()].last_child = child.previous;
        }
    }

    /// Takes a child that is over out of its order's chain. The child's slot may be used again, and
    /// the older children must still be reached.
    fn leave(&mut self, child: &Child, order: &mut Order) {
        if order.newest_child == child.id {
            order.newest_child = child.older;
            return;
        }
        let mut at = order.newest_child;
        // Ends: the chain leads to ever older children.
        while let Some(newer) = self.children.get_mut(at.0) {
            if newer.older == child.id {
                newer.older = child.older;
                return;
            }
            at = newer.older;
        }
    }

    /// The venue has answered the order of a child, or its sender has given up waiting.
    #[inline]
    pub(super) fn answered(&mut self, child: &Child) {
        self.venues[child.venue.index()].unanswered -= 1;
        self.note_answer(child);
        self.wake_for_room(child.venue);
        if child.state().is_taken() {
            self.note_order_taken(child);
        }
    }

    /// Puts a child back into the table. If the child has ended, releases what it held and takes it
    /// off its order. True if it has ended.
    pub(super) fn store_child(&mut self, child: &mut Child, order: &mut Order) -> bool {
        let before = self.children.get(child.id.0);
        let was_over = before.is_none_or(Slot::is_over);
        let same_leaves = before.is_some_and(|before| before.leaves() == child.leaves());
        let ends = child.is_over() && !was_over;
        let is_answered = before.is_some_and(|before| before.is_unanswered) && !child.is_unanswered;
        let book = &mut self.books[self.reference.book_at(child.instrument, child.venue)];
        match (child.tif, before.filter(|before| !before.is_over())) {
            (TimeInForce::Ioc | TimeInForce::Fok, Some(before)) => {
                let left = if ends { Qty::ZERO } else { child.leaves() };
                book.taken(child.side, before.leaves().saturating_sub(left));
                if child.state() == ChildState::Rejected {
                    book.give_back(child.side, child.leaves());
                }
            }
            (TimeInForce::Day | TimeInForce::Gtc | TimeInForce::Gtd, Some(_))
                if ends && child.role != Role::Part =>
            {
                self.unrest_own(child);
                if child.state() != ChildState::Rejected {
                    let at = child.instrument.index() * VENUES_MAX + child.venue.index();
                    self.books[at].full.ended(self.now);
                }
            }
            (_, _) => {}
        }
        if is_answered {
            self.answered(child);
        }
        if ends || !same_leaves {
            self.bind(child, order.account);
        }
        if let Some(slot) = self.children.get_mut(child.id.0) {
            *slot = *child;
        }
        if child.instrument != order.instrument {
            self.count_leg(child);
        }
        if ends {
            // A venue knows the shared child, and not its parts.
            let at_venue = child.role != Role::Part;
            if at_venue {
                self.note_take(child, order.self_matched.has(child.venue));
            }
            self.note_yield(child, order);
            self.moved(child, order);
            if at_venue {
                self.unlink(child);
            }
            self.leave(child, order);
            self.children.ended(child.id.0);
            self.wake_for_book(child.instrument);
            order.live_children -= 1;
            order.at_venues = order.at_venues.saturating_sub(child.leaves());
        }
        ends
    }

    /// Cancels all children of an order that are not over.
    pub(super) fn cancel_children<S: Sink>(&mut self, order: &mut Order, out: &mut Out<'_, S>) {
        let mut at = order.newest_child;
        // Ends: the chain leads to ever older children.
        while let Some(child) = self.children.get(at.0).copied() {
            if child.order != order.id {
                return;
            }
            at = child.older;
            if !child.is_over() {
                let mut child = child;
                self.moved(&mut child, order);
                child.yields_to = OrderId(0);
                self.wants_all(&child);
                child.cancel_wanted = true;
                child.cancels = 0;
                if self.takes_cancels(child.venue) {
                    self.cancel_child(&mut child, out);
                }
                self.store_child(&mut child, order);
            }
        }
    }

    /// Sends a cancel if the child's state and the venue's budget allow it. IOC and FOK children
    /// end by themselves.
    pub(super) fn cancel_child<S: Sink>(&mut self, child: &mut Child, out: &mut Out<'_, S>) {
        if child.role == Role::Part {
            return self.withdraw(child, out);
        }
        let can = match child.state() {
            ChildState::Sent | ChildState::Live | ChildState::PendingReplace => true,
            ChildState::Vacant
            | ChildState::PendingCancel
            | ChildState::Unknown
            | ChildState::Filled
            | ChildState::Canceled
            | ChildState::Expired
            | ChildState::Rejected => false,
        };
        if !can || child.tif != TimeInForce::Gtc || child.cancels >= CANCELS_MAX {
            return;
        }
        if !self.spend_on_cancel(child, out) {
            return;
        }
        child.apply(ChildEvent::CancelSent);
        child.cancels += 1;
        out.put(&Output::SendCancel(reference_of(child)));
    }

    /// A child has ended: the rest is routed again, or the order is over.
    pub(super) fn after_child<S: Sink>(&mut self, order: &mut Order, out: &mut Out<'_, S>) {
        match order.state() {
            OrderState::PendingCancel => self.finish_cancel(order, out),
            OrderState::PendingReplace => self.finish_replace(order, out),
            OrderState::Working => self.place_in_turn(order, out),
            OrderState::Vacant
            | OrderState::Scheduled
            | OrderState::WaitingTrigger
            | OrderState::Filled
            | OrderState::Canceled
            | OrderState::Expired => {}
        }
    }

    /// A venue refuses to cancel a child. The client's cancel or replace is refused and the order
    /// goes on, unless the order has to end.
    pub(super) fn cancel_stuck<S: Sink>(&mut self, order: &mut Order, out: &mut Out<'_, S>) {
        let must_end = match order.cancel_reason {
            CancelReason::Client => order.must_end.or_else(|| self.end_is_due(order)),
            other => Some(other),
        };
        match (order.state(), must_end) {
            // An order that has to end is not routed again. It stays pending until the venue
            // reports an end or somebody asks for its cancel again.
            (OrderState::PendingCancel, Some(why)) => {
                self.change_failed(order, Refusal::VenueRefused, out);
                if order.cancel_reason != why {
                    out.notice(Notice::CalledBack(order.id, why.reason()));
                }
                (order.cancel_reason, order.stuck) = (why, true);
                out.notice(Notice::CancelStuck(order.id));
            }
            (OrderState::PendingCancel, None) => {
                order.apply(OrderEvent::CancelRefused);
                self.change_failed(order, Refusal::VenueRefused, out);
                self.place(order, out);
            }
            (OrderState::PendingReplace, _) => {
                order.apply(OrderEvent::ReplaceRefused);
                self.change_failed(order, Refusal::VenueRefused, out);
                self.place(order, out);
            }
            // A halted venue refuses to cancel its child; the rest of the order is at other venues.
            (OrderState::Working, _) => out.notice(Notice::CancelStuck(order.id)),
            (
                OrderState::Vacant
                | OrderState::Scheduled
                | OrderState::WaitingTrigger
                | OrderState::Filled
                | OrderState::Canceled
                | OrderState::Expired,
                _,
            ) => {}
        }
    }

    /// Why an order has to end at this moment, if it has to.
    fn end_is_due(&self, order: &Order) -> Option<CancelReason> {
        if self.is_halted_for(order) {
            return Some(CancelReason::Kill);
        }
        let ends = order.tif.waits() && order.expire_at != UnixNanos(0);
        let expired = ends && order.expire_at <= self.now;
        expired.then_some(end_of_time(order))
    }
}

/// Whether an order is given back for what the books offer to it at that moment.
const fn is_for_books(refusal: Refusal) -> bool {
    matches!(
        refusal,
        Refusal::SelfMatch
            | Refusal::NoLiquidity
            | Refusal::FokNotFillable
            | Refusal::MinQtyNotFillable
            | Refusal::BelowMinimum
            | Refusal::SearchBound
    )
}

/// The reference that names a child to its sender.
pub(super) fn reference_of(child: &Child) -> ChildRef {
    ChildRef {
        venue: child.venue,
        child: child.id,
        order: child.order,
        trace: child.trace,
        instrument: child.instrument,
    }
}

/// The notice that a child's outcome is unknown.
pub(super) fn unknown(child: &Child) -> Notice {
    Notice::ChildUnknown(child.venue, child.id)
}
