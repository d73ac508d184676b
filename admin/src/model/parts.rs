//! Parts that orders have in children which they share.
//!
//! A line belongs here if it is about a shared child and its parts. A shared child counts once for
//! its venue and its scopes. What an order shows is its part: the quantity and the fills are the
//! part's, the state is that of the shared child until the part is filled or taken off.
//!
//! A part has its own place in the table, under the id that the core gave it. So it is found as
//! long as it lives.

use rutter_core::child::ChildState;
use rutter_core::engine::SHARERS_MAX;
use rutter_core::id::{ChildId, OrderId};
use rutter_core::number::Qty;
use rutter_core::output::{LastFill, PartOf};

use super::ReadModel;
use super::counts::OrderOwner;
use super::events::{Event, EventKind};
use super::slots::{ModelChild, ModelRole};

impl ReadModel {
    /// An order has a part in a child.
    pub(super) fn on_shares(&mut self, of: PartOf) {
        let PartOf { order: id, venue, child, part, qty } = of;
        let event = Event { child, venue, qty, ..self.happens(EventKind::Shares) };
        self.event(id, event);
        self.make_shared(child);
        if let Some(old) = self.children.in_the_way(part.0).copied() {
            self.forget_child(&old);
        }
        let sent = self.at.time;
        let Some(shared) = self.children.get_mut(child.0) else { return };
        let Some(order) = self.orders.get_mut(id.0) else { return };
        let older_part = shared.role.next_part();
        shared.role = ModelRole::Shared(part);
        let shared = *shared;
        order.time = sent;
        order.pursuit.sent(shared.tif, qty);
        let OrderOwner { instrument, .. } = shared.whose;
        let whose = OrderOwner { instrument, ..order.whose() };
        let older = std::mem::replace(&mut order.newest_child, part);
        if let Some(older) = self.children.get_mut(older.0) {
            older.newer = part;
        }
        self.children.put(ModelChild {
            id: part,
            order: id,
            whose,
            qty,
            older,
            role: ModelRole::Part { of: child, older: older_part },
            state: ChildState::Vacant,
            ..shared
        });
        self.move_child(part, |part| part.state = shared.state);
    }

    /// A child was told with its first order, as if that order had all of it. From now on the
    /// order has a part, as the others have.
    fn make_shared(&mut self, id: ChildId) {
        let Some(child) = self.children.get(id.0).copied() else { return };
        if child.role != ModelRole::Own {
            return;
        }
        self.leave_list(&child);
        self.count_open_at(child.order, child.venue, false);
        let (newest, before) = self.before_send;
        if let Some(order) = self.orders.get_mut(child.order.0).filter(|_| newest == id) {
            order.pursuit = before;
        }
        if let Some(child) = self.children.get_mut(id.0) {
            child.role = ModelRole::Shared(ChildId(0));
            (child.older, child.newer) = (ChildId(0), ChildId(0));
        }
        self.bind(id);
    }

    /// A venue has taken something off a part, which ends if that was all.
    pub(super) fn on_part_reduced(&mut self, of: PartOf) {
        let PartOf { order, venue, child, part, qty } = of;
        let event = Event { child, venue, qty, ..self.happens(EventKind::PartReduced) };
        self.event(order, event);
        self.move_child(part, |part| {
            if qty > part.filled {
                part.qty = qty;
            } else if !part.state.is_over() {
                // It shows what it was to be, as any child that was cancelled.
                part.state = ChildState::Canceled;
            }
        });
    }

    /// Books the share that an order has of an execution, before the shared child has the whole.
    pub(super) fn part_filled(&mut self, order: OrderId, last: &LastFill) {
        let of_order = |part: &ModelChild| part.order == order;
        let Some(part) = self.find_part(last.child, of_order) else { return };
        self.move_child(part, |part| {
            part.filled = Qty(part.filled.0.saturating_add(last.qty.min(part.leaves()).0));
            if part.leaves().is_zero() {
                part.state = ChildState::Filled;
            }
        });
    }

    /// A shared child has another state, and so have its parts that are not over.
    pub(super) fn move_parts(&mut self, shared: &ModelChild) {
        let mut at = match shared.role {
            ModelRole::Shared(newest) => newest,
            ModelRole::Own | ModelRole::Part { .. } => return,
        };
        for _ in 0..SHARERS_MAX {
            let Some(part) = self.children.get(at.0).copied() else { return };
            at = part.role.next_part();
            if !part.state.is_over() {
                self.move_child(part.id, |part| part.state = shared.state);
            }
        }
    }

    /// Notes at each part what a venue has told of a shared child.
    pub(super) fn tell_parts(&mut self, shared: ChildId, note: impl Fn(&mut ModelChild)) {
        let Some(shared) = self.children.get(shared.0) else { return };
        let mut at = match shared.role {
            ModelRole::Shared(newest) => newest,
            ModelRole::Own | ModelRole::Part { .. } => return,
        };
        for _ in 0..SHARERS_MAX {
            let Some(part) = self.children.get_mut(at.0) else { return };
            note(part);
            at = part.role.next_part();
        }
    }

    /// The orders that have quantity in a child.
    pub(super) fn orders_in(&self, child: &ModelChild) -> Vec<OrderId> {
        if matches!(child.role, ModelRole::Own | ModelRole::Part { .. }) {
            return vec![child.order];
        }
        let mut orders: Vec<OrderId> = self.parts_of(child).map(|part| part.order).collect();
        orders.reverse();
        orders
    }

    fn parts_of(&self, shared: &ModelChild) -> impl Iterator<Item = &ModelChild> {
        let next = |of: &ModelChild| self.children.get(of.role.next_part().0);
        std::iter::successors(next(shared), move |part| next(part)).take(SHARERS_MAX)
    }

    fn find_part(&self, id: ChildId, is_meant: impl Fn(&ModelChild) -> bool) -> Option<ChildId> {
        let shared = self.children.get(id.0)?;
        let is_shared = matches!(shared.role, ModelRole::Shared(_));
        self.parts_of(shared).find(|part| is_shared && is_meant(part)).map(|part| part.id)
    }

    /// Removes a part whose slot is needed from the list of its shared child.
    pub(super) fn leave_shared(&mut self, old: &ModelChild) {
        let ModelRole::Part { of, older } = old.role else { return };
        let leads_here = |child: &&ModelChild| child.role.next_part() == old.id;
        let Some(shared) = self.children.get(of.0) else { return };
        let before = std::iter::once(shared).chain(self.parts_of(shared)).find(leads_here);
        let Some(before) = before.map(|child| child.id) else { return };
        if let Some(before) = self.children.get_mut(before.0) {
            before.role = before.role.leading_to(older);
        }
    }
}
