//! Replacing: an order gets another quantity or price.
//!
//! Children that the new terms still cover stay where they are, and keep their place in the book.
//! Otherwise all are called back first, and the order is routed anew when none is left: never is
//! more at the venues than the larger of the two orders.

use super::clients::{About, Change};
use super::{ClientKey, Engine, Out};
use crate::id::AccountId;
use crate::input::{Instructions, NewOrder, Refusal, ReplaceOrder};
use crate::number::Qty;
use crate::order::{CallBack, Order, OrderEvent, OrderState};
use crate::output::{ReportKind, Sink};
use crate::risk;

impl Engine {
    pub(super) fn on_replace<S: Sink>(&mut self, request: &ReplaceOrder, out: &mut Out<'_, S>) {
        let new = &request.order;
        let Some(account) = self.reference.account_of(new.session) else { return };
        self.note_seq(new.session, new.client_seq);
        let change = Change {
            session: new.session,
            client_seq: new.client_seq,
            cl_ord_id: new.cl_ord_id,
            orig_cl_ord_id: request.orig_cl_ord_id,
            of_replace: true,
        };
        let Some(mut order) = self.named(new.session, request.orig_cl_ord_id).copied() else {
            return self.refuse_change(&change, None, Refusal::UnknownOrder, out);
        };
        if let Err(refusal) = self.check_replace(new, &order, account) {
            return self.refuse_change(&change, Some(&order), refusal, out);
        }
        self.name_request(&mut order, new.cl_ord_id);
        order.next = (new.qty, new.price);
        order.call_back = CallBack::Replace;
        order.apply(OrderEvent::ReplaceTaken);
        self.report(&order, ReportKind::PendingReplace, &About::answer(new.client_seq), out);
        let covered = new.price == order.price && new.qty.0 >= order.filled.0 + order.at_venues.0;
        if covered {
            self.replace(&mut order, out);
        } else {
            self.cancel_children(&mut order, out);
            self.finish_replace(&mut order, out);
        }
        self.store(&order);
    }

    fn check_replace(
        &mut self,
        new: &NewOrder,
        order: &Order,
        account: AccountId,
    ) -> Result<(), Refusal> {
        if self.is_halted_for(order) {
            return Err(Refusal::Halted);
        }
        let (now, limits) = (self.now, self.reference.accounts[account.index()]);
        if !self.account_use(account).may_act(now, limits.rate_per_s) {
            return Err(Refusal::RateExceeded);
        }
        let key = ClientKey { session: new.session, cl_ord_id: new.cl_ord_id };
        if self.named(new.session, new.cl_ord_id).is_some() || self.retired.has(key) {
            return Err(Refusal::DuplicateClOrdId);
        }
        match order.state() {
            OrderState::PendingCancel | OrderState::PendingReplace => {
                return Err(Refusal::AlreadyPending);
            }
            state if state.is_over() => return Err(Refusal::TooLateToCancel),
            _ => {}
        }
        if !keeps_the_rest(new, order) {
            return Err(Refusal::NotReplaceable);
        }
        if new.qty <= order.filled {
            return Err(Refusal::BelowFilled);
        }
        risk::check_terms(&self.reference, new)?;
        risk::check_value(&self.market(), account, new)?;
        self.check_reduces(new, account, Some(order))
    }

    /// Goes on with a replace once no child is left.
    pub(super) fn finish_replace<S: Sink>(&mut self, order: &mut Order, out: &mut Out<'_, S>) {
        if order.state() == OrderState::PendingReplace && order.live_children == 0 {
            self.replace(order, out);
        }
    }

    /// Gives an order its new terms and id, and routes what no child carries.
    fn replace<S: Sink>(&mut self, order: &mut Order, out: &mut Out<'_, S>) {
        let (qty, price) = order.next;
        // What was filled while the children were called back may be more than is wanted now.
        order.qty = Qty(qty.0.max(order.filled.0 + order.canceled.0));
        order.price = price;
        order.is_replaced = true;
        order.apply(OrderEvent::ReplaceDone);
        if order.leaves().is_zero() {
            order.apply(OrderEvent::LastFilled);
        }
        self.report(order, ReportKind::Replaced, &About::default(), out);
        self.rename(order);
        (order.rounds, order.avoided, order.faded) = (0, 0, 0);
        self.place(order, out);
    }

    /// The request's id is the order's from now on; the one before is not to be used again.
    fn rename(&mut self, order: &mut Order) {
        let place = self.orders.place(order.id.0);
        let (session, old, new) = (order.session, order.cl_ord_id, order.request_id);
        self.unname(session, old, place << 1);
        self.unname(session, new, place << 1 | 1);
        self.retired.remember(ClientKey { session, cl_ord_id: old }, order.id);
        order.key_hash = ClientKey { session, cl_ord_id: new }.hash(self.genesis.hash_seed);
        order.cl_ord_id = new;
        order.request_id = crate::id::ClOrdId::EMPTY;
        self.name(order.key_hash, place << 1);
    }
}

/// Whether a replace changes nothing but quantity and price. What it leaves out stays as it is.
fn keeps_the_rest(new: &NewOrder, order: &Order) -> bool {
    let said = &new.instructions;
    let same_expiry = said.expire_at.0 == 0 || said.expire_at == order.expire_at;
    let same_venue = said.only.is_none_or(|venue| order.excluded == !(1 << venue.0));
    let insts = said.exec_inst;
    let same_insts = insts == crate::input::CharSet::EMPTY
        || (insts.has(b'o'), insts.has(b'Q'))
            == (order.ends_with_connection, order.ends_with_failure);
    let rest = Instructions {
        expire_at: said.expire_at,
        only: said.only,
        exec_inst: insts,
        ..Instructions::default()
    };
    new.instrument == order.instrument
        && new.side == order.side
        && new.ord_type == order.ord_type
        && new.tif == order.tif
        && same_expiry
        && same_venue
        && same_insts
        && *said == rest
}
