//! News from venues: links, answers about children, executions, balances.
//!
//! A line belongs here if it takes in what a venue told.
//!
//! News may be late, repeated, out of order or wrong. The worst that wrong news can do is a notice.
//! Each execution is booked exactly once.

use super::clients::ReportContext;
use super::place::{reference_of, unknown};
use super::{Engine, Out};
use crate::breaker::{Breaker, RequestKind};
use crate::child::{Child, ChildEvent, ChildState, Role};
use crate::heard::Heard;
use crate::id::{AssetId, ChildId, OrderId, VenueId, VenueOrderId};
use crate::input::{ChildFill, Ending, Fate, Input, Refusal, TimeInForce, VenueReject};
use crate::number::{Amount, Notional, Qty, UnixNanos};
use crate::order::{Order, OrderBridging, OrderEvent, OrderState};
use crate::output::{ChildEnd, LastFill, Notice, Output, ReportKind, Sink};
use crate::table::Slot;

/// What an execution fills.
pub(super) enum Filled<'a> {
    /// A copy of the child of one order, and of the order.
    Own(&'a mut Child, &'a mut Order),
    /// A child that orders share.
    Shared(&'a Child),
    /// No child that is known.
    Orphan,
}

impl Engine {
    /// Chooses who handles what a venue tells of a child.
    #[inline]
    pub(super) fn on_child_news<S: Sink>(&mut self, news: &Input, out: &mut Out<'_, S>) {
        match news {
            Input::ChildAccepted { venue, child, venue_order } => {
                self.on_accepted(*venue, *child, *venue_order, out);
            }
            Input::ChildRejected { venue, child, reason, retry_after_ns } => {
                self.on_rejected(*venue, *child, (*reason, *retry_after_ns), out);
            }
            Input::ChildFill(fill) => self.on_fill(fill, out),
            Input::ChildDone { venue, child, how, filled } => {
                self.on_done(*venue, *child, *how, *filled, out);
            }
            Input::CancelRejected { venue, child, reason, retry_after_ns } => {
                self.on_cancel_rejected(*venue, *child, (*reason, *retry_after_ns), out);
            }
            Input::ChildAmended { venue, child, qty } => {
                self.on_amended(*venue, *child, *qty, out);
            }
            Input::AmendRejected { venue, child, reason } => {
                self.on_amend_rejected(*venue, *child, *reason, out);
            }
            Input::ChildInDoubt { venue, child, .. } => self.on_doubt(*venue, *child, false, out),
            Input::VenueQueried { venue, outcome } => {
                self.on_venue_queried(*venue, *outcome, out);
            }
            Input::ChildFate { venue, child, fate, filled } => {
                self.on_fate(*venue, *child, *fate, *filled, out);
            }
            // The other inputs are no news of a child.
            _ => {}
        }
    }

    /// The child and its order; `None` if the child is unknown, belongs to another venue, or is a
    /// part of a shared child, which no venue knows.
    pub(super) fn child_of(&self, venue: VenueId, id: ChildId) -> Option<(&Child, &Order)> {
        let child = self
            .children
            .get(id.0)
            .filter(|child| child.venue == venue && child.role == Role::Own)?;
        let order = self.orders.get(child.order.0)?;
        Some((child, order))
    }

    pub(super) fn illegal<S: Sink>(venue: VenueId, child: ChildId, out: &mut Out<'_, S>) {
        out.notice(Notice::IllegalEvent(venue, child));
    }

    pub(super) fn on_venue_up<S: Sink>(&mut self, venue: VenueId, out: &mut Out<'_, S>) {
        let Some(state) = self.venues.get_mut(venue.index()) else { return };
        state.up = true;
        self.heard = Heard::of(&self.reference, &self.venues, self.now);
        out.notice(Notice::VenueUp(venue));
        self.judge_all_books(out);
        self.on_session_proved(venue, out);
        if self.takes_cancels(venue) {
            self.send_wanted_cancels(venue, out);
        }
        self.wake_for_venues();
    }

    pub(super) fn on_venue_down<S: Sink>(&mut self, venue: VenueId, out: &mut Out<'_, S>) {
        self.remember_prices();
        let Some(state) = self.venues.get_mut(venue.index()) else { return };
        state.up = false;
        // What an earlier session has answered says nothing about the next one.
        state.breakers.iter_mut().for_each(Breaker::forget);
        // Every unanswered child becomes unknown.
        state.unanswered = 0;
        let mut at = state.first_child;
        let now = self.now;
        self.heard = Heard::of(&self.reference, &self.venues, now);
        out.notice(Notice::VenueDown(venue));
        // Ends: the list holds each living child of the venue once.
        while let Some(child) = self.children.get_mut(at.0) {
            at = child.next;
            Self::doubt(child, true, now, out);
            if child.role == Role::Shared {
                let id = child.id;
                self.doubt_parts(id, out);
            } else if child.moves {
                let mut child = *child;
                self.stays(&mut child, out);
            }
        }
        self.judge_all_books(out);
    }

    pub(super) fn on_accepted<S: Sink>(
        &mut self,
        venue: VenueId,
        id: ChildId,
        venue_order: VenueOrderId,
        out: &mut Out<'_, S>,
    ) {
        if let Some(shared) = self.shared_child(venue, id) {
            return self.on_shared_accepted(shared, venue_order, out);
        }
        let is_known = self.child_of(venue, id).is_some();
        let Some(child) = self.children.get_mut(id.0).filter(|_| is_known) else {
            return Self::illegal(venue, id, out);
        };
        // An acceptance ends no child and changes no quantity, so the child stays where it is.
        if child.venue_order != venue_order {
            out.notice(Notice::VenueOrder(venue, id, venue_order));
        }
        // The venue's id is kept even if the child is over.
        child.venue_order = venue_order;
        let was_unanswered = child.is_unanswered;
        child.apply(ChildEvent::Accepted);
        if was_unanswered {
            let child = *child;
            out.notice(Notice::ChildAccepted(venue, id));
            self.open_listing(&child, out);
            self.answered(&child);
        }
    }

    pub(super) fn on_rejected<S: Sink>(
        &mut self,
        venue: VenueId,
        id: ChildId,
        (reason, retry_after_ns): (VenueReject, u64),
        out: &mut Out<'_, S>,
    ) {
        if let Some(shared) = self.shared_child(venue, id) {
            return self.on_shared_rejected(shared, (reason, retry_after_ns), out);
        }
        let Some((child, order)) = self.child_of(venue, id) else {
            return Self::illegal(venue, id, out);
        };
        let (child, mut order) = (*child, *order);
        out.notice(Notice::ChildRejected(venue, id, reason));
        if !child.is_over() {
            self.on_refusal(&child, &mut order, reason, retry_after_ns, out);
        }
        Self::compare(&child, Qty::ZERO, out);
        self.end_child(child, order, ChildEvent::Rejected, child.filled, out);
    }

    pub(super) fn on_done<S: Sink>(
        &mut self,
        venue: VenueId,
        id: ChildId,
        how: Ending,
        filled: Qty,
        out: &mut Out<'_, S>,
    ) {
        let event = match how {
            Ending::Canceled => ChildEvent::Canceled,
            Ending::Expired => ChildEvent::Expired,
            Ending::SelfMatch => ChildEvent::SelfMatched,
        };
        if let Some(shared) = self.shared_child(venue, id) {
            return self.end_shared(shared, event, filled, out);
        }
        let Some((child, order)) = self.child_of(venue, id) else {
            return Self::illegal(venue, id, out);
        };
        let (child, order) = (*child, *order);
        self.end_child(child, order, event, filled, out);
    }

    /// Ends a child. If the venue's filled quantity exceeds the executions received, the child
    /// waits as unknown and the venue is queried for the missing executions: at once, and later
    /// each time that its answer brings none.
    pub(super) fn end_child<S: Sink>(
        &mut self,
        mut child: Child,
        mut order: Order,
        event: ChildEvent,
        filled: Qty,
        out: &mut Out<'_, S>,
    ) {
        if child.is_over() {
            return Self::compare(&child, filled, out);
        }
        if filled > child.filled && filled <= child.qty {
            child.awaited_filled = filled;
            let asked = child.awaited.replace(event).is_some();
            if asked {
                self.query_later(&mut child);
            } else {
                let at_once = !self.holds_queries(child.venue);
                Self::doubt(&mut child, at_once, self.now, out);
                self.give_up_move(&mut child, &mut order, out);
            }
            self.store_child(&mut child, &mut order);
            return self.store(&order);
        }
        let was_unknown = child.state() == ChildState::Unknown;
        let complete = child.leaves().is_zero();
        let event = if complete { ChildEvent::LastFilled } else { event };
        child.apply(event);
        child.awaited = None;
        self.note_end(&mut order, &child, event, was_unknown);
        if was_unknown {
            out.notice(Notice::ChildResolved(child.venue, child.id));
        }
        if let Some(end) = end_of(event) {
            out.notice(Notice::ChildEnded(child.venue, child.id, end));
        }
        if self.store_child(&mut child, &mut order) {
            self.after_child(&mut order, out);
        }
        self.store(&order);
    }

    /// A child has ended: its order notes what that says of the venue.
    pub(super) fn note_end(
        &mut self,
        order: &mut Order,
        child: &Child,
        event: ChildEvent,
        was_unknown: bool,
    ) {
        if child.instrument != order.instrument {
            return note_leg_end(order, event);
        }
        // A refused child, or one that never arrived, has not met the book.
        match (event, child.tif) {
            (ChildEvent::SelfMatched, _) => self.note_self_match(order, child.venue),
            // It would have taken, or the venue ended it otherwise: it rests elsewhere meanwhile.
            (ChildEvent::Canceled | ChildEvent::Expired, TimeInForce::Gtc)
                if order.strategy.posts() && !child.cancel_wanted =>
            {
                self.note_fade(order, child.venue);
            }
            (_, TimeInForce::Gtc) | (ChildEvent::LastFilled, _) => {}
            (ChildEvent::Rejected, _) if was_unknown => order.avoided.insert(child.venue),
            (ChildEvent::Rejected, _) => {}
            (_, _) => self.note_fade(order, child.venue),
        }
    }

    /// The venue did not fill what its book showed. The order does not go there again before that
    /// book changes.
    pub(super) fn note_fade(&self, order: &mut Order, venue: VenueId) {
        for index in 0..self.venues.len() {
            let known = VenueId(index as u8);
            let book = &self.books[self.reference.book_at(order.instrument, known)];
            if book.changed_at > order.faded_at {
                order.faded.remove(known);
            }
        }
        order.faded.insert(venue);
        order.faded_at = self.now;
    }

    /// The child's outcome is in doubt: its exposure is kept and the venue is queried, at once or
    /// when the breaker for queries is closed.
    pub(super) fn doubt<S: Sink>(
        child: &mut Child,
        at_once: bool,
        now: UnixNanos,
        out: &mut Out<'_, S>,
    ) {
        let was_unknown = child.state() == ChildState::Unknown;
        if !child.apply(ChildEvent::Doubted) {
            return;
        }
        if !was_unknown {
            (child.unknown_since, child.vain_answers, child.query_at) = (now, 0, UnixNanos(0));
        }
        out.put(&Output::Notice(unknown(child)));
        if at_once {
            out.put(&Output::Query(reference_of(child)));
        }
    }

    /// The outcome of a child is in doubt. `of_cancel`: by the venue's refusal of a cancel.
    pub(super) fn on_doubt<S: Sink>(
        &mut self,
        venue: VenueId,
        id: ChildId,
        of_cancel: bool,
        out: &mut Out<'_, S>,
    ) {
        if let Some(shared) = self.shared_child(venue, id) {
            return self.on_shared_doubt(shared, of_cancel, out);
        }
        let Some((child, order)) = self.child_of(venue, id) else {
            return Self::illegal(venue, id, out);
        };
        let (mut child, mut order) = (*child, *order);
        // A cancel that crossed the end of its child is refused, which is no news. An unknown child
        // has been queried already.
        if child.is_over() || child.state() == ChildState::Unknown {
            return;
        }
        // No answer to the order itself. Whatever a cancel gets for an answer is no failure.
        if child.is_unanswered && !of_cancel {
            self.count_failure(venue, RequestKind::New, out);
        }
        Self::doubt(&mut child, !self.holds_queries(venue), self.now, out);
        self.give_up_move(&mut child, &mut order, out);
        self.store_child(&mut child, &mut order);
        self.store(&order);
    }

    pub(super) fn on_fate<S: Sink>(
        &mut self,
        venue: VenueId,
        id: ChildId,
        fate: Fate,
        filled: Qty,
        out: &mut Out<'_, S>,
    ) {
        if let Some(shared) = self.shared_child(venue, id) {
            return self.on_shared_fate(shared, fate, filled, out);
        }
        let Some((child, order)) = self.child_of(venue, id) else {
            return Self::illegal(venue, id, out);
        };
        let (child, order) = (*child, *order);
        self.count_success(venue, RequestKind::Query);
        match fate {
            Fate::Open => self.on_found_open(child, order, out),
            Fate::Closed => self.end_child(child, order, ChildEvent::Canceled, filled, out),
            Fate::Expired => self.end_child(child, order, ChildEvent::Expired, filled, out),
            Fate::SelfMatch => self.end_child(child, order, ChildEvent::SelfMatched, filled, out),
            Fate::NeverArrived if !child.is_over() && child.has_arrived() => {
                self.keep_taken(child, order, out);
            }
            Fate::NeverArrived | Fate::Rejected => {
                self.end_child(child, order, ChildEvent::Rejected, filled, out);
            }
        }
    }

    /// A child should be over and is open: it is cancelled whatever its order wants.
    pub(super) fn found_after_end<S: Sink>(&mut self, child: &Child, out: &mut Out<'_, S>) {
        out.notice(Notice::FoundAfterEnd(child.venue, child.id));
        self.cancel_stray(child, out);
    }

    /// The venue says that it never got a child that it has taken before. Its own earlier word
    /// counts, which the journal keeps over a restart: the outcome stays unknown, and the venue is
    /// asked again later.
    fn keep_taken<S: Sink>(&mut self, mut child: Child, mut order: Order, out: &mut Out<'_, S>) {
        if child.state() != ChildState::Unknown {
            Self::doubt(&mut child, false, self.now, out);
            self.give_up_move(&mut child, &mut order, out);
        }
        self.query_later(&mut child);
        self.store_child(&mut child, &mut order);
        self.store(&order);
    }

    fn on_found_open<S: Sink>(&mut self, mut child: Child, mut order: Order, out: &mut Out<'_, S>) {
        if child.is_over() {
            return self.found_after_end(&child, out);
        }
        if child.awaited.is_some() {
            // This answer is older than the one that reported the end: the executions are missing
            // still, and the venue is asked again.
            self.query_later(&mut child);
            self.store_child(&mut child, &mut order);
            return self.store(&order);
        }
        if matches!(child.state(), ChildState::Unknown | ChildState::PendingReplace) {
            out.notice(Notice::ChildResolved(child.venue, child.id));
        } else if child.is_unanswered {
            out.notice(Notice::ChildAccepted(child.venue, child.id));
        }
        child.apply(ChildEvent::FoundOpen);
        self.cancel_instead(&mut child, &order, out);
        if !child.moves {
            // The venue has not given the child back.
            child.yields_to = OrderId(0);
        }
        // A venue that is down gets its cancels when it is up.
        let up = self.takes_cancels(child.venue);
        let stuck = child.cancels >= super::CANCELS_MAX;
        if child.cancel_wanted && up {
            self.cancel_child(&mut child, out);
        }
        self.store_child(&mut child, &mut order);
        if child.cancel_wanted && stuck {
            self.cancel_stuck(&mut order, out);
        }
        self.store(&order);
    }

    pub(super) fn on_fill<S: Sink>(&mut self, fill: &ChildFill, out: &mut Out<'_, S>) {
        let known = fill.venue.index() < self.venues.len()
            && fill.instrument.index() < self.reference.instruments.len()
            && fill.fee_asset.index() < self.reference.assets.len();
        if !known || fill.qty.0 <= 0 || fill.price.0 <= 0 {
            return Self::illegal(fill.venue, fill.child, out);
        }
        if !self.executions.is_new(fill.child, fill.exec) {
            self.counts.duplicate_fills += 1;
            return;
        }
        if !self.is_resolved(fill.child) {
            return self.take_fill(fill, out);
        }
        if let Some(beyond) = self.reconcile(fill, out) {
            self.take_fill(&beyond, out);
        }
    }

    /// Finds what an execution fills, and books the execution.
    fn take_fill<S: Sink>(&mut self, fill: &ChildFill, out: &mut Out<'_, S>) {
        let fits = |child: &Child| (child.instrument, child.side) == (fill.instrument, fill.side);
        if let Some(shared) = self.shared_child(fill.venue, fill.child).filter(fits) {
            return self.book_fill(Filled::Shared(&shared), fill, out);
        }
        let own = self.child_of(fill.venue, fill.child).filter(|(child, _)| fits(child));
        let Some((child, order)) = own else { return self.book_fill(Filled::Orphan, fill, out) };
        let (mut child, mut order) = (*child, *order);
        self.book_fill(Filled::Own(&mut child, &mut order), fill, out);
    }

    /// Books an execution, and counts it where the fees depend on that.
    pub(super) fn book_fill<S: Sink>(
        &mut self,
        filled: Filled<'_>,
        fill: &ChildFill,
        out: &mut Out<'_, S>,
    ) {
        if !self.fees_watched.has(fill.venue) {
            return self.book_and_merge(filled, fill, out);
        }
        // The execution itself was charged the fees of before.
        if !matches!(filled, Filled::Shared(_)) {
            self.tell_fee_value(fill, out);
        }
        self.book_and_merge(filled, fill, out);
        self.count_volume(fill, out);
    }

    /// Books an execution, and adds it to its child and its order if they are known.
    fn book_and_merge<S: Sink>(
        &mut self,
        filled: Filled<'_>,
        fill: &ChildFill,
        out: &mut Out<'_, S>,
    ) {
        let found = match filled {
            Filled::Shared(shared) => return self.book_shared_fill(*shared, fill, out),
            Filled::Own(child, order) => Some((child, order)),
            Filled::Orphan => None,
        };
        self.counts.fills += 1;
        let def = self.reference.instrument_of(fill.instrument);
        let (base, quote) = (def.base, def.quote);
        let bears = found.as_ref().map(|(child, order)| self.bears(child, order));
        self.ledger.book(def, bears, fill);
        self.wake_for_funds(quote);
        self.wake_for_funds(base);
        let Some((child, order)) = found else { return out.notice(Notice::OrphanFill(*fill)) };
        self.merge_fill(child, order, fill, out);
    }

    /// Adds an execution to a child and its order, and puts both back.
    pub(super) fn merge_fill<S: Sink>(
        &mut self,
        child: &mut Child,
        order: &mut Order,
        fill: &ChildFill,
        out: &mut Out<'_, S>,
    ) {
        let was_over = child.is_over();
        let of_child = fill.qty.min(child.leaves());
        child.filled = Qty(child.filled.0 + of_child.0);
        let of_order = if was_over {
            // Other children may carry the quantity that this child had left. Only quantity that no
            // child carries can still be filled.
            let spare = Qty(order.unplaced().0 + order.canceled.0).min(of_child);
            let from_canceled = spare.saturating_sub(order.unplaced());
            order.canceled = order.canceled.saturating_sub(from_canceled);
            spare
        } else {
            order.at_venues = order.at_venues.saturating_sub(of_child);
            of_child
        };
        if of_order < fill.qty {
            let beyond = fill.qty.saturating_sub(of_order);
            let bears = self.bears(child, order);
            out.notice(Notice::Overfill(bears, *fill, beyond));
        }
        let net;
        let fill = if child.instrument == order.instrument {
            fill
        } else {
            net = self.hand_over(child, order, fill, of_order, out);
            &net
        };
        order.filled = Qty(order.filled.0 + of_order.0);
        let value = Notional::of(fill.price, of_order);
        order.filled_notional = Notional(order.filled_notional.0 + value.0);
        if order.is_conversion() {
            self.note_converted(order, (fill, of_order), out);
        }
        let mut ended = None;
        if !was_over {
            ended = Self::child_after_fill(child);
            if child.awaited.is_some() {
                self.query_soon(child);
            }
        }
        let was_pending =
            matches!(order.state(), OrderState::PendingCancel | OrderState::PendingReplace);
        if !of_order.is_zero() {
            let last = order.filled == order.qty;
            order.apply(if last { OrderEvent::LastFilled } else { OrderEvent::PartFilled });
        }
        if let Some(event) = ended {
            self.note_end_by_fill(order, child, event, out);
        }
        let ended = self.store_child(child, order);
        if !of_order.is_zero() {
            self.report_fill(order, child, fill, of_order, out);
        }
        if was_pending && order.state() == OrderState::Filled {
            self.change_failed(order, Refusal::TooLateToCancel, out);
        }
        if ended {
            self.after_child(order, out);
        }
        self.store(order);
    }

    /// An execution has ended a child.
    fn note_end_by_fill<S: Sink>(
        &mut self,
        order: &mut Order,
        child: &Child,
        event: ChildEvent,
        out: &mut Out<'_, S>,
    ) {
        if child.instrument != order.instrument {
            note_leg_end(order, event);
        } else if event == ChildEvent::SelfMatched {
            self.note_self_match(order, child.venue);
        }
        if let Some(end) = end_of(event) {
            out.notice(Notice::ChildResolved(child.venue, child.id));
            out.notice(Notice::ChildEnded(child.venue, child.id, end));
        }
    }

    /// Moves a living child on after a fill. Returns the event that ended the child, if it ended.
    pub(super) fn child_after_fill(child: &mut Child) -> Option<ChildEvent> {
        let event = match child.awaited {
            _ if child.leaves().is_zero() => ChildEvent::LastFilled,
            Some(event) if child.filled >= child.awaited_filled => event,
            Some(_) | None => ChildEvent::PartFilled,
        };
        child.apply(event);
        child.is_over().then(|| {
            child.awaited = None;
            event
        })
    }

    fn report_fill<S: Sink>(
        &mut self,
        order: &Order,
        child: &Child,
        fill: &ChildFill,
        qty: Qty,
        out: &mut Out<'_, S>,
    ) {
        let last = LastFill {
            venue: fill.venue,
            liquidity: fill.liquidity,
            qty,
            price: fill.price,
            fee: fill.fee,
            fee_asset: fill.fee_asset,
            child: fill.child,
            exec: fill.exec,
            venue_order: child.venue_order,
        };
        let via = (child.instrument != order.instrument).then_some(child.instrument);
        let about = ReportContext { last: Some(last), via, ..ReportContext::default() };
        self.report(order, ReportKind::Trade, &about, out);
    }

    pub(super) fn on_balance<S: Sink>(
        &mut self,
        venue: VenueId,
        asset: AssetId,
        total: Amount,
        out: &mut Out<'_, S>,
    ) {
        let known =
            venue.index() < self.venues.len() && asset.index() < self.reference.assets.len();
        if known {
            self.ledger.set_total(venue, asset, total);
            out.notice(Notice::Balance(venue, asset, total));
            self.wake_for_funds(asset);
            if self.fees_watched.has(venue) {
                self.judge_fees(venue, out);
            }
        }
    }
}

/// A child at a bridge instrument has ended.
fn note_leg_end(order: &mut Order, event: ChildEvent) {
    if event != ChildEvent::LastFilled {
        order.bridging = OrderBridging::Over;
    }
}

/// How a child ended, unless by its last fill.
pub(super) const fn end_of(event: ChildEvent) -> Option<ChildEnd> {
    match event {
        ChildEvent::Canceled => Some(ChildEnd::Canceled),
        ChildEvent::Expired => Some(ChildEnd::Expired),
        ChildEvent::Rejected => Some(ChildEnd::Rejected),
        ChildEvent::Resolved => Some(ChildEnd::Resolved),
        ChildEvent::SelfMatched => Some(ChildEnd::SelfMatched),
        ChildEvent::Accepted
        | ChildEvent::PartFilled
        | ChildEvent::LastFilled
        | ChildEvent::CancelSent
        | ChildEvent::ReplaceSent
        | ChildEvent::Replaced
        | ChildEvent::ReplaceRefused
        | ChildEvent::Doubted
        | ChildEvent::FoundOpen => None,
    }
}
