//! News about children that orders share.
//!
//! A line belongs here if it takes in what a venue, or an operator in its place, told of a shared
//! child. What it means for one of the orders is what it means for any child: `venues`.
//!
//! The shared child goes through the states of a child, and its venue's limits, answers and
//! behaviour are counted with it. Its parts follow it. An execution is booked once: it is shared
//! out over the parts by their open quantities, by the largest remainder.

use super::venues::end_of;
use super::{Engine, Out, SHARERS_MAX};
use crate::breaker::RequestKind;
use crate::child::{Child, ChildEvent, ChildState, Role};
use crate::id::{ChildId, OrderId, VenueId, VenueOrderId};
use crate::input::{ChildFill, Fate, TimeInForce, VenueReject};
use crate::number::{Amount, Price, Qty};
use crate::order::{Order, OrderState};
use crate::output::{Notice, Sink};
use crate::table::Slot;

/// The parts of a shared child, in the order of arrival.
#[derive(Clone, Copy)]
pub(super) struct Parts {
    all: [(ChildId, Qty); SHARERS_MAX],
    len: usize,
}

impl Parts {
    pub(super) fn as_slice(&self) -> &[(ChildId, Qty)] {
        &self.all[..self.len]
    }

    pub(super) fn as_mut_slice(&mut self) -> &mut [(ChildId, Qty)] {
        &mut self.all[..self.len]
    }

    pub(super) fn open(&self) -> Qty {
        Qty(self.as_slice().iter().fold(0, |sum, (_, open)| sum + open.0))
    }

    /// Shares a quantity out over the parts in whole lots, by their open quantities, by the largest
    /// remainder; among equals the earlier one is first. What is no whole lot, or fits no part as a
    /// lot, is shared out in the same way unit by unit. What is beyond the open quantities goes to
    /// the first part.
    fn share_out(&mut self, qty: Qty, lot: Qty) {
        let open = *self;
        let within = qty.min(open.open());
        for (_, share) in self.as_mut_slice() {
            *share = Qty::ZERO;
        }
        let mut left = within;
        for unit in [lot.0.max(1), 1] {
            left = self.add_units(&open, left, unit);
        }
        let beyond = qty.saturating_sub(within);
        if let Some((_, first)) = self.as_mut_slice().first_mut() {
            first.0 = first.0.saturating_add(beyond.0);
        }
    }

    /// Adds whole units to shares that are at most the open quantities. Returns what is left.
    fn add_units(&mut self, open: &Self, qty: Qty, unit: i64) -> Qty {
        let room = |at: usize, share: Qty| i128::from(open.all[at].1.0 - share.0);
        let all: i128 = (0..self.len).map(|at| room(at, self.all[at].1)).sum();
        let units = i128::from(qty.0 / unit);
        let mut over = units;
        let mut remainders = [0; SHARERS_MAX];
        for (at, remainder) in remainders.iter_mut().enumerate().take(self.len) {
            let ideal = units * room(at, self.all[at].1);
            // A share is at most what is open of its part.
            let whole = i64::try_from(ideal / all.max(1)).unwrap_or(0);
            *remainder = ideal % all.max(1);
            self.all[at].1.0 += whole * unit;
            over -= i128::from(whole);
        }
        // Ends: each turn gives a part its unit, or there is none that has room.
        for _ in 0..self.len {
            let fits =
                |at: &usize| remainders[*at] >= 0 && room(*at, self.all[*at].1) >= i128::from(unit);
            let parts = (0..self.len).filter(fits);
            let next = parts.max_by_key(|at| (remainders[*at], usize::MAX - at));
            let Some(at) = next.filter(|_| over > 0) else { break };
            remainders[at] = -1;
            self.all[at].1.0 += unit;
            over -= 1;
        }
        let given = i64::try_from(units - over).unwrap_or(0);
        Qty(qty.0 - given * unit)
    }
}

impl Engine {
    /// The shared child of that id at a venue.
    pub(super) fn shared_child(&self, venue: VenueId, id: ChildId) -> Option<Child> {
        let child = self.children.get(id.0)?;
        (child.role == Role::Shared && child.venue == venue).then_some(*child)
    }

    /// The parts of a shared child, with their open quantities. A part that was filled has left;
    /// after the end of the shared child those that were not are there until their slots are used
    /// again.
    pub(super) fn parts_of(&self, shared: &Child) -> Parts {
        let mut parts = Parts { all: [(ChildId(0), Qty::ZERO); SHARERS_MAX], len: 0 };
        let mut at = shared.older;
        for slot in &mut parts.all {
            let of_shared = |part: &&Child| part.previous == shared.id && part.role == Role::Part;
            let Some(part) = self.children.get(at.0).filter(of_shared) else { break };
            *slot = (part.id, part.leaves());
            parts.len += 1;
            at = part.next;
        }
        parts
    }

    /// Orders that have a part in a shared child.
    pub(super) fn orders_of_shared(&self, shared: &Child) -> impl Iterator<Item = OrderId> {
        let parts = self.parts_of(shared);
        (0..parts.len).filter_map(move |at| Some(self.children.get(parts.all[at].0.0)?.order))
    }

    /// While a shared child lives, its open quantity is that of its parts.
    pub(super) fn check_shared(&self, id: ChildId) {
        let Some(shared) = self.children.get(id.0).filter(|child| !child.is_over()) else { return };
        let open = self.parts_of(shared).open();
        assert_eq!(open, shared.leaves(), "parts of the shared child {}", id.0);
    }

    /// Moves the parts of a shared child on that neither fills nor ends them.
    pub(super) fn move_parts(&mut self, shared: &Child, event: ChildEvent) {
        for (id, _) in self.parts_of(shared).as_slice() {
            if let Some(part) = self.children.get_mut(id.0) {
                part.apply(event);
                part.venue_order = shared.venue_order;
            }
        }
    }

    /// Puts a shared child back into the table. If the event has ended it, its venue is rid of it.
    pub(super) fn store_shared(&mut self, shared: &Child, event: ChildEvent) {
        let before = self.children.get(shared.id.0);
        let ends = shared.is_over() && before.is_some_and(|before| !before.is_over());
        let was_unanswered = before.is_some_and(|before| before.is_unanswered);
        if was_unanswered && !shared.is_unanswered {
            self.venues[shared.venue.index()].unanswered -= 1;
            self.note_answer(shared);
            self.wake_for_room(shared.venue);
            if shared.state().is_taken() {
                self.note_order_taken(shared);
            }
        }
        if let Some(slot) = self.children.get_mut(shared.id.0) {
            *slot = *shared;
        }
        if ends {
            self.note_take(shared, event == ChildEvent::SelfMatched);
            self.unlink(shared);
            if shared.tif == TimeInForce::Gtc {
                self.unrest_own(shared);
            }
            self.children.ended(shared.id.0);
            self.wake_for_book(shared.instrument);
        }
    }

    pub(super) fn on_shared_accepted<S: Sink>(
        &mut self,
        mut shared: Child,
        venue_order: VenueOrderId,
        out: &mut Out<'_, S>,
    ) {
        if shared.venue_order != venue_order {
            out.notice(Notice::VenueOrder(shared.venue, shared.id, venue_order));
        }
        shared.venue_order = venue_order;
        let was_unanswered = shared.is_unanswered;
        shared.apply(ChildEvent::Accepted);
        if was_unanswered {
            out.notice(Notice::ChildAccepted(shared.venue, shared.id));
            self.open_listing(&shared, out);
        }
        self.store_shared(&shared, ChildEvent::Accepted);
        self.move_parts(&shared, ChildEvent::Accepted);
        self.press(shared.id, out);
    }

    /// What the refusal closes at the venue is closed once; each order takes note of it.
    pub(super) fn on_shared_rejected<S: Sink>(
        &mut self,
        shared: Child,
        (reason, retry_after_ns): (VenueReject, u64),
        out: &mut Out<'_, S>,
    ) {
        out.notice(Notice::ChildRejected(shared.venue, shared.id, reason));
        if !shared.is_over() {
            for (nth, (id, _)) in self.parts_of(&shared).as_slice().iter().enumerate() {
                let Some((_, mut order)) = self.part(*id) else { continue };
                if nth == 0 {
                    self.on_refusal(&shared, &mut order, reason, retry_after_ns, out);
                } else {
                    self.note_refused(&mut order, shared.venue, reason, out);
                }
                self.store(&order);
            }
        }
        Self::compare(&shared, Qty::ZERO, out);
        self.end_shared(shared, ChildEvent::Rejected, shared.filled, out);
    }

    /// As [`Self::end_child`].
    pub(super) fn end_shared<S: Sink>(
        &mut self,
        mut shared: Child,
        event: ChildEvent,
        filled: Qty,
        out: &mut Out<'_, S>,
    ) {
        if shared.is_over() {
            return Self::compare(&shared, filled, out);
        }
        if filled > shared.filled && filled <= shared.qty {
            shared.awaited_filled = filled;
            if shared.awaited.replace(event).is_some() {
                self.query_later(&mut shared);
                return self.store_shared(&shared, ChildEvent::Doubted);
            }
            return self.doubt_shared(shared, out);
        }
        let was_unknown = shared.state() == ChildState::Unknown;
        let complete = shared.leaves().is_zero();
        let event = if complete { ChildEvent::LastFilled } else { event };
        shared.apply(event);
        shared.awaited = None;
        if was_unknown {
            out.notice(Notice::ChildResolved(shared.venue, shared.id));
        }
        if let Some(end) = end_of(event) {
            out.notice(Notice::ChildEnded(shared.venue, shared.id, end));
        }
        self.store_shared(&shared, event);
        self.end_parts(&shared, event, was_unknown, out);
    }

    /// The shared child has ended: so have its parts, and their orders go on.
    fn end_parts<S: Sink>(
        &mut self,
        shared: &Child,
        event: ChildEvent,
        was_unknown: bool,
        out: &mut Out<'_, S>,
    ) {
        for (id, _) in self.parts_of(shared).as_slice() {
            let Some((mut part, mut order)) = self.part(*id).filter(|(part, _)| !part.is_over())
            else {
                continue;
            };
            part.apply(event);
            let loses_place = Self::loses_place(shared, &part);
            self.note_end(&mut order, &part, event, was_unknown);
            self.store_child(&mut part, &mut order);
            self.store(&order);
            self.settle_yield(out);
            let Some(mut order) = self.load(order.id) else { continue };
            if loses_place {
                self.note_place_lost(shared, &order, out);
            }
            if event == ChildEvent::Rejected {
                // What the order has learnt of the venue counts before it shares again.
                self.after_child(&mut order, out);
            } else {
                self.after_part(&mut order, out);
            }
            self.store(&order);
        }
    }

    /// A part has ended. What is left of its order goes behind those that wait for room, so that it
    /// may share a child again; they are looked at in this input.
    pub(super) fn after_part<S: Sink>(&mut self, order: &mut Order, out: &mut Out<'_, S>) {
        let can_wait = order.tif.waits() || order.expire_at > self.now;
        let waits = order.state() == OrderState::Working
            && can_wait
            && order.moving == 0
            && order.worst != Price(0)
            && !order.unplaced().is_zero();
        if waits {
            self.wait_for_room(order, out);
            self.wakes |= self.waiting.wake_for_room();
        } else {
            self.after_child(order, out);
        }
    }

    pub(super) fn part(&self, id: ChildId) -> Option<(Child, Order)> {
        let part = self.children.get(id.0)?;
        Some((*part, self.load(part.order)?))
    }

    /// The outcome of a shared child is in doubt, and so is that of its parts.
    fn doubt_shared<S: Sink>(&mut self, mut shared: Child, out: &mut Out<'_, S>) {
        let at_once = !self.holds_queries(shared.venue);
        Self::doubt(&mut shared, at_once, self.now, out);
        self.store_shared(&shared, ChildEvent::Doubted);
        self.doubt_all_parts(&shared, out);
    }

    /// The venue of a shared child is down, and the child is in doubt.
    pub(super) fn doubt_parts<S: Sink>(&mut self, id: ChildId, out: &mut Out<'_, S>) {
        if let Some(shared) = self.children.get(id.0).copied() {
            self.doubt_all_parts(&shared, out);
        }
    }

    /// As [`Self::on_doubt`].
    pub(super) fn on_shared_doubt<S: Sink>(
        &mut self,
        shared: Child,
        of_cancel: bool,
        out: &mut Out<'_, S>,
    ) {
        if shared.is_over() || shared.state() == ChildState::Unknown {
            return;
        }
        if shared.is_unanswered && !of_cancel {
            self.count_failure(shared.venue, RequestKind::New, out);
        }
        self.doubt_shared(shared, out);
    }

    /// As [`Self::on_fate`].
    pub(super) fn on_shared_fate<S: Sink>(
        &mut self,
        shared: Child,
        fate: Fate,
        filled: Qty,
        out: &mut Out<'_, S>,
    ) {
        self.count_success(shared.venue, RequestKind::Query);
        let event = match fate {
            Fate::Open => return self.on_shared_open(shared, out),
            Fate::Closed => ChildEvent::Canceled,
            Fate::Expired => ChildEvent::Expired,
            Fate::SelfMatch => ChildEvent::SelfMatched,
            Fate::NeverArrived if !shared.is_over() && shared.has_arrived() => {
                return self.keep_taken_shared(shared, out);
            }
            Fate::NeverArrived | Fate::Rejected => ChildEvent::Rejected,
        };
        self.end_shared(shared, event, filled, out);
    }

    /// As [`Self::keep_taken`].
    fn keep_taken_shared<S: Sink>(&mut self, mut shared: Child, out: &mut Out<'_, S>) {
        if shared.state() != ChildState::Unknown {
            Self::doubt(&mut shared, false, self.now, out);
            self.doubt_all_parts(&shared, out);
        }
        self.query_later(&mut shared);
        self.store_shared(&shared, ChildEvent::Doubted);
    }

    fn on_shared_open<S: Sink>(&mut self, mut shared: Child, out: &mut Out<'_, S>) {
        if shared.is_over() {
            return self.found_after_end(&shared, out);
        }
        if shared.awaited.is_some() {
            self.query_later(&mut shared);
            return self.store_shared(&shared, ChildEvent::FoundOpen);
        }
        if shared.state() == ChildState::Unknown {
            out.notice(Notice::ChildResolved(shared.venue, shared.id));
        } else if shared.is_unanswered {
            out.notice(Notice::ChildAccepted(shared.venue, shared.id));
        }
        shared.apply(ChildEvent::FoundOpen);
        self.store_shared(&shared, ChildEvent::FoundOpen);
        self.move_parts(&shared, ChildEvent::FoundOpen);
        self.go_on_with_open(shared.id, out);
    }

    /// Books an execution of a shared child: each part gets its share of quantity and fee.
    pub(super) fn book_shared_fill<S: Sink>(
        &mut self,
        mut shared: Child,
        fill: &ChildFill,
        out: &mut Out<'_, S>,
    ) {
        self.counts.fills += 1;
        let def = *self.reference.instrument_of(fill.instrument);
        self.wake_for_funds(def.quote);
        self.wake_for_funds(def.base);
        let (was_over, was_unknown) = (shared.is_over(), shared.state() == ChildState::Unknown);
        let parts = self.parts_of(&shared);
        let shares = self.shares_of(&shared, &parts, fill.qty);
        shared.older = self.keep_open(&parts, &shares);
        shared.filled = Qty(shared.filled.0 + fill.qty.min(shared.leaves()).0);
        let mut ended = None;
        if !was_over {
            ended = Self::child_after_fill(&mut shared);
            if shared.awaited.is_some() {
                self.query_soon(&mut shared);
            }
        }
        if let Some(end) = ended.and_then(end_of) {
            out.notice(Notice::ChildResolved(shared.venue, shared.id));
            out.notice(Notice::ChildEnded(shared.venue, shared.id, end));
        }
        self.store_shared(&shared, ended.unwrap_or(ChildEvent::PartFilled));
        if parts.len == 0 {
            self.ledger.book(&def, None, fill);
            return out.notice(Notice::OrphanFill(*fill));
        }
        self.fill_parts(&shares, fill, out);
        if let Some(event) = ended {
            self.end_parts(&shared, event, was_unknown, out);
        }
        self.press(shared.id, out);
        self.check_shared(shared.id);
    }

    /// The parts' shares of an execution. What an amend that is under way takes off is filled last.
    fn shares_of(&self, shared: &Child, parts: &Parts, qty: Qty) -> Parts {
        let listing = self.reference.listing(shared.instrument, shared.venue);
        let lot = listing.map_or(Qty(1), |listing| listing.lot);
        let (mut staying, mut leaving) = (*parts, *parts);
        for (stays, leaves) in staying.as_mut_slice().iter_mut().zip(leaving.as_mut_slice()) {
            leaves.1 = self.gives(leaves.0, leaves.1);
            stays.1 = stays.1.saturating_sub(leaves.1);
        }
        if leaving.open().is_zero() {
            staying.share_out(qty, lot);
            return staying;
        }
        let first = qty.min(staying.open());
        staying.share_out(first, lot);
        leaving.share_out(qty.saturating_sub(first), lot);
        for (share, more) in staying.as_mut_slice().iter_mut().zip(leaving.as_slice()) {
            share.1 = Qty(share.1.0 + more.1.0);
        }
        staying
    }

    /// Books to each part its share of an execution. The fees of the parts are the fee together.
    fn fill_parts<S: Sink>(&mut self, parts: &Parts, fill: &ChildFill, out: &mut Out<'_, S>) {
        let def = *self.reference.instrument_of(fill.instrument);
        let (mut upto, mut paid) = (0_i128, 0_i128);
        for (id, qty) in parts.as_slice().iter().filter(|(_, qty)| !qty.is_zero()) {
            let Some((mut part, mut order)) = self.part(*id) else { continue };
            upto += i128::from(qty.0);
            let fee = part_of(fill.fee, upto, i128::from(fill.qty.0)).saturating_sub(paid);
            paid = paid.saturating_add(fee);
            let share = ChildFill { qty: *qty, fee: Amount(fee), ..*fill };
            if self.fees_watched.has(fill.venue) {
                self.tell_fee_value(&share, out);
            }
            self.ledger.book(&def, Some(order.account), &share);
            self.merge_fill(&mut part, &mut order, &share, out);
        }
    }

    /// Takes the parts that are about to be filled out of the list of a shared child: their slots
    /// may be used again while the others live. Returns the first that stays.
    pub(super) fn keep_open(&mut self, parts: &Parts, shares: &Parts) -> ChildId {
        let (mut first, mut newest) = (ChildId(0), ChildId(0));
        for ((id, open), (_, share)) in parts.as_slice().iter().zip(shares.as_slice()) {
            if share >= open {
                continue;
            }
            match self.children.get_mut(newest.0) {
                None => first = *id,
                Some(newest) => newest.next = *id,
            }
            newest = *id;
        }
        if let Some(newest) = self.children.get_mut(newest.0) {
            newest.next = ChildId(0);
        }
        first
    }
}

/// The part of an amount that `of` units of `all` have, rounded toward zero.
fn part_of(amount: Amount, of: i128, all: i128) -> i128 {
    if of >= all {
        return amount.0;
    }
    // In two steps, so that it fits.
    let (whole, rest) = (amount.0 / all, amount.0 % all);
    whole.saturating_mul(of).saturating_add(rest.saturating_mul(of) / all)
}
