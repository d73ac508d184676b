//! Children and venues, from commands to senders and from notices.

use rutter_core::breaker::{BreakerState, RequestKind};
use rutter_core::child::{ChildEvent, ChildState};
use rutter_core::id::{ChildId, InstrumentId, OrderId, VenueId, VenueOrderId};
use rutter_core::input::{Distrust, VenueReject};
use rutter_core::number::{Qty, UnixNanos};
use rutter_core::output::{ChildEnd, ChildRef, Notice, Paused, SendNew, SendReduce};
use rutter_core::reference::VENUES_MAX;

use super::anomaly::Anomaly;
use super::counts::OrderOwner;
use super::events::{Event, EventKind};
use super::slots::{Kept, ModelChild};
use super::{ReadModel, set};

impl ReadModel {
    pub(super) fn on_send_new(&mut self, new: &SendNew) {
        if let Some(venue) = self.counts.venues.get_mut(new.venue.index()) {
            venue.children += 1;
        }
        let event = Event {
            child: new.child,
            venue: new.venue,
            qty: new.qty,
            price: new.price,
            ..self.happens(EventKind::SendNew(new.tif))
        };
        self.event(new.order, event);
        if let Some(old) = self.children.in_the_way(new.child.0).copied() {
            self.forget_child(&old);
        }
        let sent = self.at.time;
        let of_conversion = self.owner_of_conversion(new.order);
        let (whose, older) = match (self.orders.get_mut(new.order.0), of_conversion) {
            (_, Some(whose)) => (whose, ChildId(0)),
            (Some(order), None) => {
                order.time = sent;
                order.pursuit.sent(new.tif, new.qty);
                let older = std::mem::replace(&mut order.newest_child, new.child);
                // A child at a bridge instrument has another one than its order.
                (OrderOwner { instrument: new.instrument, ..order.whose() }, older)
            }
            (None, None) => return,
        };
        if let Some(older) = self.children.get_mut(older.0) {
            older.newer = new.child;
        }
        self.children.put(ModelChild {
            id: new.child,
            order: new.order,
            whose,
            venue: new.venue,
            side: new.side,
            tif: new.tif,
            qty: new.qty,
            price: new.price,
            sent,
            older,
            ..ModelChild::EMPTY
        });
        self.move_child(new.child, |child| child.state = ChildState::Sent);
    }

    /// Removes a child whose slot is needed from the list of its order. The core never gives away
    /// the slot of an open child; if it did, the counts would still be right.
    fn forget_child(&mut self, old: &ModelChild) {
        self.move_child(old.id, |child| {
            if !child.state.is_over() {
                child.state = ChildState::Canceled;
            }
        });
        if let Some(newer) = self.children.get_mut(old.newer.0) {
            newer.older = old.older;
        } else if let Some(order) = self.orders.get_mut(old.order.0) {
            order.newest_child = old.older;
        }
        if let Some(older) = self.children.get_mut(old.older.0) {
            older.newer = old.newer;
        }
    }

    pub(super) fn on_send_cancel(&mut self, child: &ChildRef) {
        self.child_event(child.child, child.venue, EventKind::SendCancel);
        self.child_after(child.child, ChildEvent::CancelSent);
    }

    pub(super) fn on_send_reduce(&mut self, reduce: &SendReduce) {
        let SendReduce { of, qty } = *reduce;
        self.child_event_of(of.child, of.venue, EventKind::SendReduce, qty);
        self.child_after(of.child, ChildEvent::ReplaceSent);
        if let Some(child) = self.children.get_mut(of.child.0) {
            child.reduced_to = qty;
        }
    }

    /// A child has less quantity at its venue.
    fn on_amended(&mut self, venue: VenueId, id: ChildId, qty: Qty) {
        self.child_event_of(id, venue, EventKind::ChildAmended, qty);
        self.move_child(id, |child| {
            child.qty = qty;
            let event = match child.leaves().is_zero() {
                true => ChildEvent::LastFilled,
                // The answer to an earlier amend is none to the last one.
                false if qty > child.reduced_to => return,
                false => ChildEvent::Replaced,
            };
            child.state = child.state.after(event).or(child.state);
        });
    }

    fn on_amend_rejected(&mut self, venue: VenueId, id: ChildId, why: VenueReject) {
        self.child_event(id, venue, EventKind::AmendRejected(why));
        if why != VenueReject::UnknownOrder {
            self.child_after(id, ChildEvent::ReplaceRefused);
        }
    }

    /// Notes something that happened to a child.
    pub(super) fn child_event(&mut self, id: ChildId, venue: VenueId, what: EventKind) {
        self.child_event_of(id, venue, what, Qty::ZERO);
    }

    fn child_event_of(&mut self, id: ChildId, venue: VenueId, what: EventKind, qty: Qty) {
        let Some(child) = self.children.get(id.0) else { return };
        let event = Event { child: id, venue, qty, ..self.happens(what) };
        self.event(child.order, event);
    }

    /// Moves a child on by the core's own table.
    fn child_after(&mut self, id: ChildId, event: ChildEvent) {
        self.move_child(id, |child| child.state = child.state.after(event).or(child.state));
    }

    /// Books a fill of a child. The part beyond the child's quantity does not count for the child.
    pub(super) fn child_filled(&mut self, id: ChildId, qty: Qty) {
        self.move_child(id, |child| {
            child.filled = Qty(child.filled.0.saturating_add(qty.min(child.leaves()).0));
            let last = child.leaves().is_zero();
            let event = if last { ChildEvent::LastFilled } else { ChildEvent::PartFilled };
            child.state = child.state.after(event).or(child.state);
        });
    }

    /// Every change of a child goes through this function, which updates counts and reservations.
    fn move_child(&mut self, id: ChildId, change: impl FnOnce(&mut ModelChild)) {
        let Some(child) = self.children.get_mut(id.0) else { return };
        let before = *child;
        change(child);
        let after = *child;
        let open = [&before, &after].map(|child| !child.state.is_over());
        if open[0] != open[1] {
            self.count_child(&after, open[1]);
        }
        let unknown = [&before, &after].map(|child| child.state == ChildState::Unknown);
        if unknown[0] != unknown[1] {
            self.count_unknown(&after, unknown[1]);
        }
        if open[0] != open[1] || before.leaves() != after.leaves() {
            self.bind(id);
        }
    }

    fn count_child(&mut self, child: &ModelChild, opened: bool) {
        self.open_children.change(child.whose, opened);
        self.open_children.change_at(child.venue, opened);
        let Some(order) = self.orders.get_mut(child.order.0) else { return };
        let Some(open) = order.open_at.get_mut(child.venue.index()) else { return };
        let was = *open;
        *open = if opened { was.saturating_add(1) } else { was.saturating_sub(1) };
        if !opened {
            order.pursuit.came_back(child.tif, child.leaves());
        }
        order.was_at.insert(child.venue);
        if (was == 0) != (*open == 0) && !order.is_over() {
            self.open_orders.change_at(child.venue, opened);
        }
    }

    fn count_unknown(&mut self, child: &ModelChild, unknown: bool) {
        if let Some(count) = self.unknown.get_mut(child.venue.index()) {
            *count = if unknown { *count + 1 } else { count.saturating_sub(1) };
        }
        if let Some(order) = self.orders.get_mut(child.order.0) {
            let count = order.unknown;
            order.unknown = if unknown { count.saturating_add(1) } else { count.saturating_sub(1) };
        }
    }

    /// An order has a part of a child that is told with another order.
    fn note_share(&mut self, order: OrderId, child: ChildId) {
        let tif = self.children.get(child.0).map(|child| child.tif);
        if let Some((tif, order)) = tif.zip(self.orders.get_mut(order.0)) {
            order.pursuit.shares(tif);
        }
    }

    pub(super) fn on_notice(&mut self, notice: &Notice) {
        if let Some(kind) = Anomaly::of(notice) {
            self.counts.anomalies.count(kind);
        }
        match *notice {
            Notice::ReferenceFound(_)
            | Notice::ReferenceLost(_)
            | Notice::VenueUp(_)
            | Notice::VenueDown(_)
            | Notice::BookTrusted(..)
            | Notice::BookDistrusted(..)
            | Notice::Breaker(..)
            | Notice::Behaviour(..)
            | Notice::Fees(..)
            | Notice::Paused(..) => self.on_venue_notice(notice),
            Notice::Bridged(..) | Notice::Converted(..) | Notice::Exposure(_) => {
                self.on_bridge(notice);
            }
            Notice::ChildAccepted(venue, child) => {
                self.child_event(child, venue, EventKind::ChildAccepted);
                self.child_after(child, ChildEvent::Accepted);
            }
            Notice::Shares(order, venue, child, qty) => {
                let event = Event { child, venue, qty, ..self.happens(EventKind::Shares) };
                self.event(order, event);
                self.note_share(order, child);
            }
            Notice::VenueOrder(_, child, id) => self.set_venue_order(child, id),
            Notice::ChildEnded(venue, child, end) => {
                self.child_event(child, venue, EventKind::ChildEnded(end));
                self.child_after(child, event_of(end));
            }
            Notice::ChildUnknown(venue, child) => {
                self.child_event(child, venue, EventKind::ChildUnknown);
                self.child_after(child, ChildEvent::Doubted);
            }
            Notice::ChildResolved(venue, child) => {
                self.child_event(child, venue, EventKind::ChildResolved);
                self.child_after(child, ChildEvent::FoundOpen);
            }
            Notice::ChildRejected(venue, child, why) => {
                self.child_event(child, venue, EventKind::ChildRejected(why));
                self.move_child(child, |child| child.reason = Some(why));
                if let Some(venue) = self.counts.venues.get_mut(venue.index()) {
                    venue.count_reject(why);
                }
            }
            Notice::ChildAmended(venue, child, qty) => self.on_amended(venue, child, qty),
            Notice::AmendRejected(venue, child, why) => self.on_amend_rejected(venue, child, why),
            Notice::OrphanFill(_)
            | Notice::Overfill(..)
            | Notice::Reconciled(..)
            | Notice::Contradicted(..) => self.on_odd_news(notice),
            Notice::IllegalEvent(venue, child) => {
                self.child_event(child, venue, EventKind::IllegalEvent);
            }
            Notice::FoundAfterEnd(venue, child) => {
                self.child_event(child, venue, EventKind::FoundAfterEnd);
            }
            Notice::CalledBack(order, why) => self.on_called_back(order, why),
            Notice::Waits(order, why) => self.on_waits(order, why),
            Notice::CancelStuck(order) => self.event(order, self.happens(EventKind::CancelStuck)),
            Notice::Balance(venue, asset, total) => self.on_balance(venue, asset, total),
            Notice::Barred(order, venue, why) => self.on_barred(order, venue, why),
            Notice::FeeValue(exec, value) => self.fee_value = Some((exec, value)),
            // The operator's command tells of a halt.
            Notice::BadReference | Notice::Halted | Notice::Resumed => {}
        }
    }

    /// Executions that fit no child, and what venues tell after an operator's word.
    fn on_odd_news(&mut self, notice: &Notice) {
        match *notice {
            Notice::OrphanFill(ref fill) => {
                self.compare_fee(fill, None);
                self.book(None, fill);
            }
            Notice::Overfill(account, ref fill, beyond) => {
                self.child_event_of(fill.child, fill.venue, EventKind::Overfill, beyond);
                self.child_filled(fill.child, fill.qty);
                self.compare_fee(fill, Some(account));
                // The report of the rest, if there is one, comes next.
                self.overfilled = (beyond < fill.qty).then_some((fill.child, fill.exec));
                self.book_beyond(account, fill, beyond);
            }
            Notice::Reconciled(ref fill, same, _) => {
                let Some(order) = self.children.get(fill.child.0).map(|child| child.order) else {
                    return;
                };
                let (child, venue, price) = (fill.child, fill.venue, fill.price);
                let happens = self.happens(EventKind::Reconciled);
                self.event(order, Event { child, venue, qty: same, price, ..happens });
            }
            Notice::Contradicted(ref child, filled) => {
                self.child_event_of(child.child, child.venue, EventKind::Contradicted, filled);
            }
            // The other notices have places of their own.
            _ => {}
        }
    }

    fn on_barred(&mut self, order: OrderId, venue: VenueId, why: VenueReject) {
        let event = Event { venue, ..self.happens(EventKind::Barred(why)) };
        self.event(order, event);
    }

    /// What venues, their books and reference prices are.
    fn on_venue_notice(&mut self, notice: &Notice) {
        match *notice {
            Notice::ReferenceFound(instrument) => {
                set(self.referenced.get_mut(instrument.index()), true);
            }
            Notice::ReferenceLost(instrument) => {
                set(self.referenced.get_mut(instrument.index()), false);
            }
            Notice::VenueUp(id) => set(self.up.get_mut(id.index()), true),
            Notice::VenueDown(id) => set(self.up.get_mut(id.index()), false),
            Notice::BookTrusted(id, instrument) => self.set_unproved(id, instrument, None),
            Notice::BookDistrusted(id, instrument, why) => {
                self.set_unproved(id, instrument, Some(why));
                if let Some(venue) = self.counts.venues.get_mut(id.index()) {
                    venue.distrusts += 1;
                }
            }
            Notice::Breaker(venue, kind, state, until) => {
                self.on_breaker(venue, kind, state, until);
            }
            Notice::Paused(venue, what, until) => {
                if let Some(closures) = self.closures.get_mut(venue.index()) {
                    closures.pause(what, until);
                }
                if let Paused::Funds(asset) = what {
                    self.on_funds_refused(venue, asset);
                }
            }
            Notice::Fees(venue, state) => self.on_fees(venue, state),
            Notice::Behaviour(venue, known) => {
                if let Some(kept) = self.behaviour.get_mut(venue.index()) {
                    *kept = known;
                }
            }
            // The other notices are about children and orders.
            _ => {}
        }
    }

    fn on_breaker(
        &mut self,
        venue: VenueId,
        kind: RequestKind,
        state: BreakerState,
        until: UnixNanos,
    ) {
        if let Some(closures) = self.closures.get_mut(venue.index()) {
            closures.breaker(kind, state, until);
        }
        let openings = self.counts.venues.get_mut(venue.index()).map(|at| &mut at.openings);
        if state == BreakerState::Open
            && let Some(count) = openings.and_then(|all| all.get_mut(kind as usize - 1))
        {
            *count += 1;
        }
    }

    fn set_venue_order(&mut self, child: ChildId, id: VenueOrderId) {
        if let Some(child) = self.children.get_mut(child.0) {
            child.venue_order = id;
        }
    }

    fn set_unproved(&mut self, venue: VenueId, instrument: InstrumentId, why: Option<Distrust>) {
        let place = instrument.index() * VENUES_MAX + venue.index();
        if let Some(unproved) = self.unproved.get_mut(place) {
            *unproved = why;
        }
    }

    pub(super) fn told_at(&mut self, place: usize) {
        let now: UnixNanos = self.at.time;
        if let Some(told) = self.told.get_mut(place) {
            *told = now;
        }
    }
}

const fn event_of(end: ChildEnd) -> ChildEvent {
    match end {
        // The core's own event makes the same state of a child that is unknown until then.
        ChildEnd::Canceled | ChildEnd::Resolved => ChildEvent::Canceled,
        ChildEnd::Expired | ChildEnd::SelfMatched => ChildEvent::Expired,
        ChildEnd::Rejected => ChildEvent::Rejected,
    }
}

impl ModelChild {
    /// The owner of the child of that order, and its instrument.
    pub const fn instrument(&self) -> InstrumentId {
        let OrderOwner { instrument, .. } = self.whose;
        instrument
    }
}
