//! Orders that leave a child which rests and is shared, and what becomes of the others.
//!
//! A line belongs here if it lets a part of a resting child go, or calls that child back. Who
//! shares such a child is `shared`; news about it that concerns any shared child is `shared_news`.
//!
//! Each order leaves through its part: a cancel, a replace, a move or an order that passes wants
//! the part cancelled or reduced, as it would a child of its own. Where the venue's amend keeps the
//! place in the queue, the shared child is reduced by just that quantity, and the others stay.
//! Otherwise the shared child is called back. The others are told that their place is lost, and
//! wait for room, where they share again; one that has lost its place too often rests alone.
//!
//! While an amend is under way, executions go to those that stay first. So what the venue takes off
//! is what those that leave still have.

use super::clients::ReportContext;
use super::own::{How, Meets, Policy};
use super::reduce::{forbids_amends, rests};
use super::shared_news::Parts;
use super::{CANCELS_MAX, Engine, MOVE_WINDOW_NS, Out};
use crate::child::{Child, ChildEvent, ChildState, Role};
use crate::id::{ChildId, OrderId};
use crate::input::{Refusal, TimeInForce, VenueReject};
use crate::number::Qty;
use crate::order::{CancelReason, Order, OrderState};
use crate::output::{Notice, PartOf, ReportKind, Sink};
use crate::table::Slot;
use crate::waiting::Waiting;

impl Engine {
    /// What the venue knows of a child: of a part the shared child.
    pub(super) fn at_venue<'a>(&'a self, child: &'a Child) -> &'a Child {
        match child.role {
            Role::Own | Role::Shared => child,
            Role::Part => self.children.get(child.previous.0).unwrap_or(child),
        }
    }

    /// Whether an order that has quantity in a child is as asked for.
    pub(super) fn any_order_of(&self, child: &Child, is_meant: impl Fn(&Order) -> bool) -> bool {
        if child.role != Role::Shared {
            return self.orders.get(child.order.0).is_some_and(is_meant);
        }
        let mut orders = self.orders_of_shared(child);
        orders.any(|id| self.orders.get(id.0).is_some_and(&is_meant))
    }

    /// Whether a child is called back for an order, wholly or in part.
    pub(super) fn yields_to(&self, child: &Child, order: OrderId) -> bool {
        let yields =
            |id: &ChildId| self.children.get(id.0).is_some_and(|part| part.yields_to == order);
        match child.role {
            Role::Own | Role::Part => child.yields_to == order,
            Role::Shared => self.parts_of(child).as_slice().iter().any(|(id, _)| yields(id)),
        }
    }

    /// Whether a shared child rests at its venue.
    fn resting_shared(&self, id: ChildId) -> Option<Child> {
        let child = self.children.get(id.0).copied()?;
        let rests = child.role == Role::Shared && child.tif == TimeInForce::Gtc;
        (rests && !child.is_over()).then_some(child)
    }

    /// A part is to be cancelled.
    pub(super) fn withdraw<S: Sink>(&mut self, part: &mut Child, out: &mut Out<'_, S>) {
        if part.tif != TimeInForce::Gtc {
            // The shared child takes, and ends by itself.
            return;
        }
        if let Some(known) = self.children.get_mut(part.id.0) {
            *known = *part;
        }
        if let Some(shared) = self.children.get_mut(part.previous.0) {
            shared.cancels = 0;
        }
        self.press(part.previous, out);
        if let Some(known) = self.children.get(part.id.0) {
            *part = *known;
        }
    }

    /// Sends to the venue of a resting child what its parts want that are to be cancelled: an amend
    /// if others stay and keep their place by it, or else the cancel of the shared child. The venue
    /// answers one request before the next amend; a cancel of all goes at once.
    pub(super) fn press<S: Sink>(&mut self, id: ChildId, out: &mut Out<'_, S>) {
        let Some(shared) = self.resting_shared(id) else { return };
        let parts = self.parts_of(&shared);
        let wanted = self.wanted_of(&parts);
        if wanted.is_zero() || !self.takes_cancels(shared.venue) {
            return;
        }
        let stay = wanted < parts.open() && !shared.cancel_wanted;
        match shared.state() {
            ChildState::Sent | ChildState::PendingReplace
                if stay && self.reference.amend_of(shared.venue).reduces() => {}
            ChildState::Sent | ChildState::Live | ChildState::PendingReplace => {
                let left = shared.qty.saturating_sub(wanted);
                let to = if stay { self.reduced_to(&shared, wanted) } else { None };
                match to.filter(|to| *to == left) {
                    Some(to) => self.take_out(shared, to, &parts, out),
                    None => self.call_back_shared(shared, out),
                }
            }
            // What is under way, or the answer of the venue, comes first.
            ChildState::PendingCancel
            | ChildState::Unknown
            | ChildState::Vacant
            | ChildState::Filled
            | ChildState::Canceled
            | ChildState::Expired
            | ChildState::Rejected => {}
        }
    }

    /// The open quantity of the parts that are to be cancelled.
    fn wanted_of(&self, parts: &Parts) -> Qty {
        let wants = |id: ChildId| self.children.get(id.0).is_some_and(|part| part.cancel_wanted);
        let wanted = parts.as_slice().iter().filter(|(id, _)| wants(*id));
        Qty(wanted.fold(0, |sum, (_, open)| sum + open.0))
    }

    /// Reduces a shared child by the parts that are to be cancelled.
    fn take_out<S: Sink>(
        &mut self,
        mut shared: Child,
        to: Qty,
        parts: &Parts,
        out: &mut Out<'_, S>,
    ) {
        for (id, open) in parts.as_slice() {
            let part = self.children.get_mut(id.0).filter(|part| part.cancel_wanted);
            let Some(part) = part else { continue };
            part.apply(ChildEvent::CancelSent);
            let part = *part;
            self.reduction(&part).lessen(Qty::ZERO, *open);
        }
        self.reduce(&mut shared, to, out);
        self.store_shared(&shared, ChildEvent::ReplaceSent);
    }

    /// Calls a shared child back. The orders that did not want that wait for its end.
    fn call_back_shared<S: Sink>(&mut self, mut shared: Child, out: &mut Out<'_, S>) {
        shared.cancel_wanted = true;
        self.cancel_child(&mut shared, out);
        let is_sent = shared.state() == ChildState::PendingCancel;
        self.store_shared(&shared, ChildEvent::CancelSent);
        if !is_sent {
            return;
        }
        for (id, _) in self.parts_of(&shared).as_slice() {
            let Some((mut part, mut order)) = self.part(*id) else { continue };
            part.apply(ChildEvent::CancelSent);
            if !part.cancel_wanted && !core::mem::replace(&mut part.moves, true) {
                order.moving += 1;
                Self::tell_waiting(&mut order, Waiting::Moving, out);
            }
            self.store_child(&mut part, &mut order);
            self.store(&order);
        }
    }

    /// A halt calls a child back whatever its orders want; they are routed to other venues.
    pub(super) fn call_back_all<S: Sink>(&mut self, shared: &Child, out: &mut Out<'_, S>) {
        let Some(mut shared) = self.resting_shared(shared.id) else { return };
        (shared.cancel_wanted, shared.cancels) = (true, 0);
        self.store_shared(&shared, ChildEvent::CancelSent);
        for (id, _) in self.parts_of(&shared).as_slice() {
            let Some((mut part, mut order)) = self.part(*id) else { continue };
            self.give_up_move(&mut part, &mut order, out);
            part.cancel_wanted = true;
            self.store_child(&mut part, &mut order);
            self.store(&order);
        }
        self.press(shared.id, out);
    }

    /// As [`Self::reduced_to`], for a part: just so much is taken off the shared child.
    pub(super) fn part_reduced_to(&self, part: &Child, freed: Qty) -> Option<Qty> {
        let shared = self.children.get(part.previous.0).filter(|_| rests(part))?;
        let lot = self.reference.listing(part.instrument, part.venue)?.lot;
        let lots = freed.0.checked_add(lot.0 - 1)? / lot.0;
        let freed = Qty(lots.checked_mul(lot.0)?);
        let to = self.reduced_to(shared, freed)?;
        let stays = freed < part.leaves() && to == shared.qty.saturating_sub(freed);
        stays.then(|| part.qty.saturating_sub(freed))
    }

    /// Reduces a part for which [`Self::part_reduced_to`] has found the quantity.
    pub(super) fn reduce_part<S: Sink>(&mut self, part: &mut Child, to: Qty, out: &mut Out<'_, S>) {
        let Some(mut shared) = self.children.get(part.previous.0).copied() else { return };
        let gives = part.qty.saturating_sub(to);
        part.apply(ChildEvent::ReplaceSent);
        self.reduction(part).lessen(to, gives);
        let left = shared.qty.saturating_sub(gives);
        self.reduce(&mut shared, left, out);
        self.store_shared(&shared, ChildEvent::ReplaceSent);
    }

    /// What a part gives up by the amend that is under way.
    pub(super) fn gives(&self, id: ChildId, open: Qty) -> Qty {
        let part = self.children.get(id.0);
        part.map_or(Qty::ZERO, |part| self.reduction_of(part).gives()).min(open)
    }

    /// The venue tells the quantity of a shared child: what it has taken off is that of the parts
    /// which leave. If it has taken off more, the parts that came last have less.
    pub(super) fn on_shared_amended<S: Sink>(
        &mut self,
        mut shared: Child,
        qty: Qty,
        out: &mut Out<'_, S>,
    ) {
        if shared.tif != TimeInForce::Gtc || shared.is_over() {
            // One that takes is never reduced: its quantity is known.
            return;
        }
        if qty.0 <= 0 {
            return Self::illegal(shared.venue, shared.id, out);
        }
        let before = shared.leaves();
        shared.qty = shared.qty.min(Qty(qty.0.max(shared.filled.0)));
        let freed = before.saturating_sub(shared.leaves());
        let to = self.reduction_of(&shared).to();
        let settles = !to.is_zero() && shared.qty <= to;
        if freed.is_zero() && !settles {
            return;
        }
        if settles {
            self.reduction(&shared).settle();
            shared.apply(ChildEvent::Replaced);
        }
        out.notice(Notice::ChildAmended(shared.venue, shared.id, shared.qty));
        let parts = self.parts_of(&shared);
        let shares = self.freed_of(&parts, freed);
        shared.older = self.keep_open(&parts, &shares);
        self.store_shared(&shared, ChildEvent::Replaced);
        for ((id, open), (_, freed)) in parts.as_slice().iter().zip(shares.as_slice()) {
            self.free_part(*id, (*open, *freed), settles, out);
        }
        self.wake_for_book(shared.instrument);
        match self.resting_shared(shared.id).filter(|shared| shared.leaves().is_zero()) {
            Some(shared) => self.end_shared(shared, ChildEvent::LastFilled, shared.filled, out),
            None => self.press(shared.id, out),
        }
        self.check_shared(shared.id);
    }

    /// The parts' shares of a quantity that the venue has taken off.
    fn freed_of(&self, parts: &Parts, freed: Qty) -> Parts {
        let (mut shares, mut left) = (*parts, freed);
        for (id, share) in shares.as_mut_slice() {
            *share = self.gives(*id, *share).min(left);
            left = left.saturating_sub(*share);
        }
        let of_parts = parts.as_slice().iter().zip(shares.as_mut_slice()).rev();
        for ((_, open), (_, share)) in of_parts {
            let more = open.saturating_sub(*share).min(left);
            *share = Qty(share.0 + more.0);
            left = left.saturating_sub(more);
        }
        shares
    }

    /// The venue has taken so much off a part, which ends if that is all.
    fn free_part<S: Sink>(
        &mut self,
        id: ChildId,
        (open, freed): (Qty, Qty),
        settles: bool,
        out: &mut Out<'_, S>,
    ) {
        let Some((mut part, mut order)) = self.part(id).filter(|(part, _)| !part.is_over()) else {
            return;
        };
        let is_answered = settles && part.state() == ChildState::PendingReplace;
        if settles {
            self.reduction(&part).settle();
        }
        if freed.is_zero() && !is_answered {
            return;
        }
        if !freed.is_zero() {
            let (order, venue, child) = (order.id, part.venue, part.previous);
            let qty = part.qty.saturating_sub(freed.min(open));
            out.notice(Notice::PartReduced(PartOf { order, venue, child, part: id, qty }));
        }
        if freed >= open {
            part.apply(ChildEvent::Canceled);
        } else {
            part.qty = part.qty.saturating_sub(freed);
            order.at_venues = order.at_venues.saturating_sub(freed);
            if is_answered {
                part.apply(ChildEvent::Replaced);
                self.moved(&mut part, &mut order);
            }
        }
        self.store_child(&mut part, &mut order);
        self.store(&order);
        self.settle_yield(out);
        let Some(mut order) = self.load(order.id) else { return };
        self.after_child(&mut order, out);
        self.store(&order);
    }

    /// As [`Self::on_amend_rejected`].
    pub(super) fn on_shared_amend_rejected<S: Sink>(
        &mut self,
        mut shared: Child,
        reason: VenueReject,
        out: &mut Out<'_, S>,
    ) {
        if shared.is_over() {
            return;
        }
        out.notice(Notice::AmendRejected(shared.venue, shared.id, reason));
        if shared.state() != ChildState::PendingReplace {
            return;
        }
        if reason == VenueReject::UnknownOrder {
            return self.on_shared_doubt(shared, true, out);
        }
        if forbids_amends(reason) {
            self.reduction(&shared).forbid();
        }
        shared.apply(ChildEvent::ReplaceRefused);
        self.store_shared(&shared, ChildEvent::ReplaceRefused);
        self.forget_amend(&shared);
        self.wake_for_book(shared.instrument);
        if !self.wanted_of(&self.parts_of(&shared)).is_zero() && self.takes_cancels(shared.venue) {
            self.call_back_shared(shared, out);
        }
    }

    /// No amend is under way: parts that were to be reduced are called back, if that is wanted
    /// still.
    fn forget_amend(&mut self, shared: &Child) {
        if self.reduction_of(shared).to().is_zero() {
            return;
        }
        self.reduction(shared).settle();
        for (id, _) in self.parts_of(shared).as_slice() {
            let Some((mut part, mut order)) = self.part(*id) else { continue };
            let was_wanted = !self.reduction_of(&part).to().is_zero();
            self.reduction(&part).settle();
            if part.state() == ChildState::PendingReplace {
                part.apply(ChildEvent::ReplaceRefused);
            }
            part.cancel_wanted |=
                was_wanted && (part.moves || order.state() == OrderState::PendingReplace);
            self.store_child(&mut part, &mut order);
        }
    }

    /// The outcome of a shared child is in doubt, and so is that of its parts. Moves end: the
    /// children stay where they are.
    pub(super) fn doubt_all_parts<S: Sink>(&mut self, shared: &Child, out: &mut Out<'_, S>) {
        self.move_parts(shared, ChildEvent::Doubted);
        if shared.tif != TimeInForce::Gtc {
            return;
        }
        for (id, _) in self.parts_of(shared).as_slice() {
            let moving = self.part(*id).filter(|(part, _)| part.moves);
            let Some((mut part, mut order)) = moving else { continue };
            self.give_up_move(&mut part, &mut order, out);
            part.yields_to = OrderId(0);
            self.store_child(&mut part, &mut order);
            self.store(&order);
        }
    }

    /// The venue says that a shared child is open: what its parts want still is sent again.
    pub(super) fn go_on_with_open<S: Sink>(&mut self, id: ChildId, out: &mut Out<'_, S>) {
        let Some(mut shared) = self.resting_shared(id) else { return };
        self.forget_amend(&shared);
        let parts = self.parts_of(&shared);
        shared.cancel_wanted &= !self.wanted_of(&parts).is_zero();
        self.store_shared(&shared, ChildEvent::FoundOpen);
        if !shared.cancel_wanted || shared.cancels < CANCELS_MAX {
            return self.press(id, out);
        }
        for (id, _) in parts.as_slice() {
            let stuck = self.part(*id).filter(|(part, _)| part.cancel_wanted);
            if let Some((_, mut order)) = stuck {
                self.cancel_stuck(&mut order, out);
                self.store(&order);
            }
        }
    }

    /// Whether an order loses the place of its part by the end of a shared child, and not for its
    /// own sake. The part is as before it was put back into the table.
    pub(super) const fn loses_place(shared: &Child, part: &Child) -> bool {
        matches!(shared.tif, TimeInForce::Gtc)
            && !part.cancel_wanted
            && part.yields_to.0 == 0
            && !part.leaves().is_zero()
    }

    /// Counts a place that an order has lost, and tells the client if that was for another order.
    pub(super) fn note_place_lost<S: Sink>(
        &mut self,
        shared: &Child,
        order: &Order,
        out: &mut Out<'_, S>,
    ) {
        let slot = self.orders.slot(order.id.0);
        self.resting.moves(slot).regroups.count(self.now.0, MOVE_WINDOW_NS);
        if shared.cancel_wanted && order.is_working() && !order.unplaced().is_zero() {
            let about = ReportContext::because(Refusal::PlaceLost);
            self.report(order, ReportKind::Restated, &about, out);
        }
    }

    /// What a resting child of several orders is to an order that would match it: it stays if one
    /// of them stays, and makes way as a whole.
    pub(super) fn meets_shared(&self, order: &Order, shared: &Child) -> Meets {
        let (mut makes_way, mut can) = (None, true);
        for (id, _) in self.parts_of(shared).as_slice() {
            let part = self.children.get(id.0);
            let of_part = part.and_then(|part| Some((part, self.orders.get(part.order.0)?)));
            let Some((part, resting)) = of_part else { continue };
            let how = match self.policy(order, resting, part) {
                Policy::Pass => continue,
                Policy::Stay => {
                    let leaves = self.is_leaving(shared, order);
                    return if leaves { Meets::Leaves } else { Meets::Stays };
                }
                Policy::MakeWay(how) => how,
            };
            can &= self.can_make_way(resting, shared, how);
            // Orders of the same owner make way for nobody's sake but their own.
            makes_way = makes_way.filter(|known| *known != How::Yield).or(Some(how));
        }
        match makes_way {
            None => Meets::Passes,
            Some(_) if self.is_leaving(shared, order) => Meets::Leaves,
            Some(how) if can => Meets::MakesWay(how),
            Some(_) => Meets::Stays,
        }
    }

    /// Calls back what a shared child holds of orders that make way for another one.
    pub(super) fn clear_shared<S: Sink>(
        &mut self,
        shared: &Child,
        order: &Order,
        out: &mut Out<'_, S>,
    ) {
        let parts = self.parts_of(shared);
        for (id, _) in parts.as_slice() {
            let Some((mut part, mut resting)) = self.part(*id) else { continue };
            let policy = self.policy(order, &resting, &part);
            if part.cancel_wanted || !matches!(policy, Policy::MakeWay(How::Decrement | How::Yield))
            {
                continue;
            }
            let slot = self.orders.slot(resting.id.0);
            self.resting.moves(slot).yields.count(self.now.0, MOVE_WINDOW_NS);
            self.resting.moves(self.orders.slot(order.id.0)).awaited += 1;
            (part.cancel_wanted, part.yields_to) = (true, order.id);
            if !core::mem::replace(&mut part.moves, true) {
                resting.moving += 1;
            }
            Self::tell_waiting(&mut resting, Waiting::Moving, out);
            self.store_child(&mut part, &mut resting);
            self.store(&resting);
        }
        for (id, _) in parts.as_slice() {
            let Some((part, mut resting)) = self.part(*id) else { continue };
            let policy = self.policy(order, &resting, &part);
            if !part.cancel_wanted && policy == Policy::MakeWay(How::Cancel) {
                let slot = self.orders.slot(resting.id.0);
                self.resting.moves(slot).yields.count(self.now.0, MOVE_WINDOW_NS);
                self.end(&mut resting, CancelReason::SelfMatch, out);
                self.store(&resting);
            }
        }
        if let Some(shared) = self.children.get_mut(shared.id.0) {
            shared.cancels = 0;
        }
        self.press(shared.id, out);
    }
}
