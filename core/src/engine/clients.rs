//! What clients ask for: new orders, cancels, status; and what they are told.

use super::{ClientKey, Engine, Out};
use crate::id::{ClOrdId, OrderId, SessionId, Symbol};
use crate::input::{
    CancelOrder, NewOrder, OrdType, OrderStatus, Refusal, TimeInForce, Unacceptable,
};
use crate::number::{Notional, Price, Qty};
use crate::order::{CallBack, Order, OrderEvent, OrderState};
use crate::output::{CancelReject, LastFill, OrdStatus, Output, Report, ReportKind, Sink};
use crate::risk;
use crate::table::Slot;

impl Engine {
    pub(super) fn on_session_up(&mut self, session: SessionId, up: bool) {
        if let Some(state) = self.sessions.get_mut(session.index()) {
            state.up = up;
        }
    }

    pub(super) fn on_new_order<S: Sink>(&mut self, new: &NewOrder, out: &mut Out<'_, S>) {
        let Some(account) = self.reference.account_of(new.session) else { return };
        self.note_seq(new.session, new.client_seq);
        let key = ClientKey { session: new.session, cl_ord_id: new.cl_ord_id };
        let key_hash = key.hash(self.genesis.hash_seed);
        let claimed = self
            .check_new(new, &key, key_hash)
            .and_then(|()| self.orders.claim().ok_or(Refusal::CapacityReached));
        let id = match claimed {
            Ok(id) => id,
            Err(refusal) => return self.refuse(new, refusal, out),
        };
        let place = self.orders.place(id);
        self.forget(place);
        let mut order = Order {
            id: OrderId(id),
            session: new.session,
            account,
            instrument: new.instrument,
            cl_ord_id: new.cl_ord_id,
            key_hash,
            side: new.side,
            ord_type: new.ord_type,
            tif: new.tif,
            state: OrderState::Working,
            qty: new.qty,
            price: new.price,
            ..Order::EMPTY
        };
        self.name(key_hash, place << 1);
        self.account_use(account).open_orders += 1;
        self.counts.orders += 1;
        self.report(&order, ReportKind::New, new.client_seq, None, Refusal::None, out);
        self.place(&mut order, out);
        order.check();
        self.orders.put(order);
        self.check_out(&order);
    }

    fn check_new(&mut self, new: &NewOrder, key: &ClientKey, key_hash: u64) -> Result<(), Refusal> {
        let account = self.reference.account_of(new.session).ok_or(Refusal::WrongAccount)?;
        if self.halted {
            return Err(Refusal::Halted);
        }
        let limits = self.reference.accounts[account.index()];
        let now = self.now;
        if !self.account_use(account).may_act(now, limits.rate_per_s) {
            return Err(Refusal::RateExceeded);
        }
        if self.find(key, key_hash).is_some() {
            return Err(Refusal::DuplicateClOrdId);
        }
        if new.ord_type == OrdType::Market && new.tif == TimeInForce::Gtc {
            return Err(Refusal::UnsupportedType);
        }
        risk::check_terms(&self.reference, new)?;
        risk::check_value(&self.market(), account, new)?;
        if self.accounts[account.index()].open_orders >= limits.open_orders_max {
            return Err(Refusal::TooManyOpenOrders);
        }
        Ok(())
    }

    /// An order's slot is about to be used again: its ids are free.
    fn forget(&mut self, place: u32) {
        let old = self.orders.in_place(place);
        if old.id() == 0 {
            return;
        }
        let (session, cancel_id) = (old.session, old.cancel_id);
        self.by_client.remove(old.key_hash, |held| held == place << 1);
        if !cancel_id.is_empty() {
            self.unname(session, cancel_id, place << 1 | 1);
        }
    }

    fn unname(&mut self, session: SessionId, cl_ord_id: ClOrdId, place: u32) {
        let hash = ClientKey { session, cl_ord_id }.hash(self.genesis.hash_seed);
        self.by_client.remove(hash, |held| held == place);
    }

    /// Makes an order's id, or that of its cancel request, known.
    fn name(&mut self, hash: u64, place: u32) {
        let stored = self.by_client.insert(hash, place);
        assert!(stored, "two ids an order always fit");
    }

    /// The order that a client calls so, or whose cancel request it called so.
    fn named(&self, session: SessionId, cl_ord_id: ClOrdId) -> Option<&Order> {
        let key = ClientKey { session, cl_ord_id };
        self.find(&key, key.hash(self.genesis.hash_seed))
    }

    fn find(&self, key: &ClientKey, hash: u64) -> Option<&Order> {
        let place = self.by_client.get(hash, |place| key.is_at(&self.orders, place))?;
        Some(self.orders.in_place(place >> 1))
    }

    fn note_seq(&mut self, session: SessionId, seq: u64) {
        if let Some(state) = self.sessions.get_mut(session.index()) {
            state.client_seq = state.client_seq.max(seq);
        }
    }

    fn refuse<S: Sink>(&mut self, new: &NewOrder, reason: Refusal, out: &mut Out<'_, S>) {
        self.counts.refused += 1;
        let known = new.instrument.index() < self.reference.instruments.len();
        let report = Report {
            kind: ReportKind::Rejected,
            status: OrdStatus::Rejected,
            cl_ord_id: new.cl_ord_id,
            instrument: known.then_some(new.instrument),
            side: new.side,
            ord_type: new.ord_type,
            tif: new.tif,
            qty: new.qty,
            price: new.price,
            reason,
            ..self.blank_report(new.session, new.client_seq)
        };
        self.send_report(report, out);
    }

    pub(super) fn on_unacceptable<S: Sink>(&mut self, order: &Unacceptable, out: &mut Out<'_, S>) {
        if self.reference.account_of(order.session).is_none() {
            return;
        }
        self.note_seq(order.session, order.client_seq);
        self.counts.refused += 1;
        let report = Report {
            kind: ReportKind::Rejected,
            status: OrdStatus::Rejected,
            cl_ord_id: order.cl_ord_id,
            symbol: order.symbol,
            side: order.side,
            reason: order.refusal,
            ..self.blank_report(order.session, order.client_seq)
        };
        self.send_report(report, out);
    }

    pub(super) fn on_cancel<S: Sink>(&mut self, request: &CancelOrder, out: &mut Out<'_, S>) {
        let Some(account) = self.reference.account_of(request.session) else { return };
        self.note_seq(request.session, request.client_seq);
        let Some(mut order) = self.named(request.session, request.orig_cl_ord_id).copied() else {
            return self.refuse_cancel(request, None, Refusal::UnknownOrder, out);
        };
        // Counted, never refused for it: a cancel lessens risk.
        let (now, rate) = (self.now, self.reference.accounts[account.index()].rate_per_s);
        self.account_use(account).may_act(now, rate);
        if self.named(request.session, request.cl_ord_id).is_some() {
            return self.refuse_cancel(request, Some(&order), Refusal::DuplicateClOrdId, out);
        }
        if order.state == OrderState::PendingCancel {
            return self.refuse_cancel(request, Some(&order), Refusal::AlreadyPending, out);
        }
        if order.state.is_over() {
            return self.refuse_cancel(request, Some(&order), Refusal::TooLateToCancel, out);
        }
        let place = self.orders.place(order.id.0) << 1 | 1;
        if !order.cancel_id.is_empty() {
            self.unname(order.session, order.cancel_id, place);
        }
        order.cancel_id = request.cl_ord_id;
        let key = ClientKey { session: request.session, cl_ord_id: request.cl_ord_id };
        self.name(key.hash(self.genesis.hash_seed), place);
        self.call_back(&mut order, CallBack::Client, request.client_seq, out);
        self.store(&order);
    }

    /// Begins to end an order: its children are called back; when none is left, it is over.
    pub(super) fn call_back<S: Sink>(
        &mut self,
        order: &mut Order,
        why: CallBack,
        client_seq: u64,
        out: &mut Out<'_, S>,
    ) {
        order.call_back = why;
        order.apply(OrderEvent::CancelTaken);
        if why == CallBack::Client {
            let kind = ReportKind::PendingCancel;
            self.report(order, kind, client_seq, None, Refusal::None, out);
        }
        self.cancel_children(order, out);
        self.finish_call_back(order, out);
    }

    /// Ends an order that is being called back once no child is left.
    pub(super) fn finish_call_back<S: Sink>(&mut self, order: &mut Order, out: &mut Out<'_, S>) {
        if order.state != OrderState::PendingCancel || order.live_children > 0 {
            return;
        }
        let (event, kind) = match order.call_back {
            CallBack::Client | CallBack::Kill => (OrderEvent::CancelDone, ReportKind::Canceled),
            CallBack::DayEnd => (OrderEvent::ExpireDone, ReportKind::Expired),
        };
        order.canceled = Qty(order.canceled.0 + order.leaves().0);
        order.apply(event);
        self.report(order, kind, 0, None, order.call_back.reason(), out);
    }

    /// Gives up what is left of an order that nothing can be done for.
    pub(super) fn give_up<S: Sink>(
        &mut self,
        order: &mut Order,
        reason: Refusal,
        out: &mut Out<'_, S>,
    ) {
        order.canceled = Qty(order.canceled.0 + order.leaves().0);
        order.apply(OrderEvent::CancelDone);
        self.report(order, ReportKind::Canceled, 0, None, reason, out);
    }

    /// The cancel that a client waits for came too late, or a venue would not do it.
    pub(super) fn cancel_failed<S: Sink>(
        &mut self,
        order: &Order,
        reason: Refusal,
        out: &mut Out<'_, S>,
    ) {
        if order.call_back != CallBack::Client || order.cancel_id.is_empty() {
            return;
        }
        let request = CancelOrder {
            session: order.session,
            client_seq: 0,
            cl_ord_id: order.cancel_id,
            orig_cl_ord_id: order.cl_ord_id,
        };
        self.refuse_cancel(&request, Some(order), reason, out);
    }

    fn refuse_cancel<S: Sink>(
        &mut self,
        request: &CancelOrder,
        order: Option<&Order>,
        reason: Refusal,
        out: &mut Out<'_, S>,
    ) {
        let session = &mut self.sessions[request.session.index()];
        session.event += 1;
        out.put(&Output::CancelReject(CancelReject {
            session: request.session,
            event: session.event,
            client_seq: request.client_seq,
            time: self.now,
            order: order.map_or(OrderId(0), |o| o.id),
            cl_ord_id: request.cl_ord_id,
            orig_cl_ord_id: request.orig_cl_ord_id,
            status: order.map_or(OrdStatus::Rejected, Order::status),
            reason,
        }));
    }

    pub(super) fn on_status<S: Sink>(&mut self, request: &OrderStatus, out: &mut Out<'_, S>) {
        if self.reference.account_of(request.session).is_none() {
            return;
        }
        self.note_seq(request.session, request.client_seq);
        if let Some(order) = self.named(request.session, request.cl_ord_id).copied() {
            let kind = ReportKind::OrderStatus;
            self.report(&order, kind, request.client_seq, None, Refusal::None, out);
            return;
        }
        let report = Report {
            kind: ReportKind::OrderStatus,
            status: OrdStatus::Rejected,
            cl_ord_id: request.cl_ord_id,
            reason: Refusal::UnknownOrder,
            ..self.blank_report(request.session, request.client_seq)
        };
        self.send_report(report, out);
    }

    /// Reports an order as it is now.
    pub(super) fn report<S: Sink>(
        &mut self,
        order: &Order,
        kind: ReportKind,
        client_seq: u64,
        last: Option<LastFill>,
        reason: Refusal,
        out: &mut Out<'_, S>,
    ) {
        // Answers to a cancel request carry the request's id, and the order's as the original.
        let by_request = match kind {
            ReportKind::PendingCancel => true,
            ReportKind::Canceled => reason == Refusal::ClientRequest,
            ReportKind::New
            | ReportKind::Rejected
            | ReportKind::Expired
            | ReportKind::Trade
            | ReportKind::OrderStatus => false,
        };
        let (cl_ord_id, orig_cl_ord_id) = if by_request {
            (order.cancel_id, order.cl_ord_id)
        } else {
            (order.cl_ord_id, ClOrdId::EMPTY)
        };
        let session = &mut self.sessions[order.session.index()];
        session.event += 1;
        self.counts.reports += 1;
        // In one piece: a report is large, and each copy of it costs.
        out.put(&Output::Report(Report {
            session: order.session,
            event: session.event,
            client_seq,
            time: self.now,
            exec: self.counts.reports,
            order: order.id,
            kind,
            status: order.status(),
            cl_ord_id,
            orig_cl_ord_id,
            instrument: Some(order.instrument),
            symbol: Symbol::EMPTY,
            side: order.side,
            ord_type: order.ord_type,
            tif: order.tif,
            qty: order.qty,
            price: order.price,
            filled: order.filled,
            leaves: order.leaves(),
            filled_notional: order.filled_notional,
            last,
            reason,
        }));
    }

    #[inline]
    fn blank_report(&self, session: SessionId, client_seq: u64) -> Report {
        Report {
            session,
            event: 0,
            client_seq,
            time: self.now,
            exec: 0,
            order: OrderId(0),
            kind: ReportKind::Rejected,
            status: OrdStatus::Rejected,
            cl_ord_id: ClOrdId::EMPTY,
            orig_cl_ord_id: ClOrdId::EMPTY,
            instrument: None,
            symbol: Symbol::EMPTY,
            side: crate::input::Side::Buy,
            ord_type: OrdType::Limit,
            tif: TimeInForce::Day,
            qty: Qty::ZERO,
            price: Price(0),
            filled: Qty::ZERO,
            leaves: Qty::ZERO,
            filled_notional: Notional(0),
            last: None,
            reason: Refusal::None,
        }
    }

    #[inline]
    fn send_report<S: Sink>(&mut self, mut report: Report, out: &mut Out<'_, S>) {
        let session = &mut self.sessions[report.session.index()];
        session.event += 1;
        self.counts.reports += 1;
        report.event = session.event;
        report.exec = self.counts.reports;
        out.put(&Output::Report(report));
    }
}
