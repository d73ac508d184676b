//! Replaces: an order gets another quantity or price.
//!
//! A line belongs here if it changes the terms of an order. The checks of the new terms are `risk`.
//!
//! Children that the new terms still cover stay open and keep their place in the venue's book. A
//! lower quantity is taken off in their place where a venue amends orders. Otherwise all children
//! are cancelled first, and the order is routed anew when none is open. So the venues never hold
//! more than the larger of the old and the new quantity.

use super::clients::{ChangeRequest, ReportContext};
use super::{Engine, Out};
use crate::input::{Refusal, ReplaceOrder};
use crate::number::Qty;
use crate::order::{CancelReason, Order, OrderEvent, OrderState};
use crate::output::{ReportKind, Sink};

impl Engine {
    pub(super) fn on_replace<S: Sink>(&mut self, request: &ReplaceOrder, out: &mut Out<'_, S>) {
        let new = &request.order;
        let Some(account) = self.reference.account_of(new.session) else { return };
        self.note_seq(new.session, new.client_seq);
        self.catch_up_with_room(out);
        let addressed = self.addressed(new, account);
        let new = addressed.as_ref().unwrap_or(new);
        let change = ChangeRequest {
            session: new.session,
            client_seq: new.client_seq,
            cl_ord_id: new.cl_ord_id,
            orig_cl_ord_id: request.orig_cl_ord_id,
            of_replace: true,
        };
        let id = self.client_ids.hashed(new.session, new.cl_ord_id);
        if self.answer_resend(new, &id, out) {
            return;
        }
        let Some(mut order) = self.order_of(new.session, request.orig_cl_ord_id).copied() else {
            return self.refuse_change(&change, None, Refusal::UnknownOrder, out);
        };
        if let Err(refusal) = self.check_request(new, &id, account, Some(&order)) {
            return self.refuse_change(&change, Some(&order), refusal, out);
        }
        self.set_request(&mut order, new.cl_ord_id);
        order.replacement = (new.qty, new.price);
        order.cancel_reason = CancelReason::Replace;
        order.apply(OrderEvent::ReplaceTaken);
        self.report(
            &order,
            ReportKind::PendingReplace,
            &ReportContext::answer(new.client_seq),
            out,
        );
        self.make_room_for_replacement(&mut order, out);
        self.store(&order);
    }

    /// Completes a replace whose new terms cover the children. Otherwise they are reduced or
    /// cancelled first.
    fn make_room_for_replacement<S: Sink>(&mut self, order: &mut Order, out: &mut Out<'_, S>) {
        let (qty, price) = order.replacement;
        let same_price = price == order.price;
        let excess = Qty(order.filled.0 + order.at_venues.0).saturating_sub(qty);
        if same_price && excess.is_zero() || order.live_children == 0 {
            return self.replace(order, out);
        }
        if !same_price || !self.free_in_place(order, excess, out) {
            self.cancel_children(order, out);
        }
    }

    /// Goes on with a replace once its children are cancelled or reduced. Executions may have come
    /// meanwhile, so the rest is looked at again.
    pub(super) fn finish_replace<S: Sink>(&mut self, order: &mut Order, out: &mut Out<'_, S>) {
        if order.state() == OrderState::PendingReplace && !self.is_changing(order) {
            self.make_room_for_replacement(order, out);
        }
    }

    /// Gives an order its new terms and id, and routes the quantity that no child carries.
    fn replace<S: Sink>(&mut self, order: &mut Order, out: &mut Out<'_, S>) {
        let (qty, price) = order.replacement;
        // Fills during the cancel of the children may exceed the new quantity.
        order.qty = Qty(qty.0.max(order.filled.0 + order.canceled.0));
        self.watch_anew(order);
        if order.price != price {
            self.post_anew(order);
        }
        order.price = price;
        if order.ord_type.has_limit() {
            order.worst = price;
        }
        order.is_replaced = true;
        order.apply(OrderEvent::ReplaceDone);
        if order.leaves().is_zero() {
            order.apply(OrderEvent::LastFilled);
        }
        self.report(order, ReportKind::Replaced, &ReportContext::default(), out);
        let slot = self.orders.slot(order.id.0);
        self.client_ids.rename(order, slot);
        order.begin_anew();
        self.forget_self_matches(order);
        self.place_in_turn(order, out);
    }
}
