//! Clients' requests: new orders, cancels, order status; and the reports that answer them.
//!
//! A line belongs here if it handles one order's request or writes a report. The checks of a
//! request are `risk`.

use super::{Engine, Out};
use crate::client_ids::HashedId;
use crate::id::{AccountId, ClOrdId, InstrumentId, OrderId, SessionId};
use crate::input::{
    BUSY_WAIT_NS_MAX, CancelOrder, Choice, Instructions, NewOrder, OrderStatus, Refusal,
    Unacceptable,
};
use crate::number::{Price, Qty, UnixNanos};
use crate::order::{CancelReason, Order, OrderEvent, OrderState};
use crate::output::{CancelReject, LastFill, Notice, OrdStatus, Output, Report, ReportKind, Sink};
use crate::risk;
use crate::routing::RoutingView;
use crate::strategy::{Strategy, StrategyTerms};
use crate::table::Slot;
use crate::waiting::Waiting;

/// The fields of a report that do not come from its order.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ReportContext {
    /// `MsgSeqNum` of the client's message that the report answers; 0 for none.
    pub client_seq: u64,
    /// The execution of a trade report.
    pub last: Option<LastFill>,
    /// The bridge instrument of that execution; `None` for the order's own.
    pub via: Option<InstrumentId>,
    /// Why the order was refused, cancelled or expired.
    pub reason: Refusal,
    /// Id of the status request.
    pub request: ClOrdId,
    /// Number of reports that answer a mass status, and how many follow this one.
    pub mass: (u32, u32),
}

impl ReportContext {
    /// Of the answer to a client's message.
    pub fn answer(client_seq: u64) -> Self {
        Self { client_seq, ..Self::default() }
    }

    /// Of an event with a reason.
    pub fn because(reason: Refusal) -> Self {
        Self { reason, ..Self::default() }
    }
}

/// A client's request to cancel or replace an order.
#[derive(Clone, Copy, Debug)]
pub(super) struct ChangeRequest {
    pub session: SessionId,
    pub client_seq: u64,
    pub cl_ord_id: ClOrdId,
    pub orig_cl_ord_id: ClOrdId,
    pub of_replace: bool,
}

impl Engine {
    pub(super) fn on_new_order<S: Sink>(&mut self, new: &NewOrder, out: &mut Out<'_, S>) {
        let Some(account) = self.reference.account_of(new.session) else { return };
        self.note_seq(new.session, new.client_seq);
        self.catch_up_with_room(out);
        let addressed = self.addressed(new, account);
        let new = addressed.as_ref().unwrap_or(new);
        let client_id = self.client_ids.hashed(new.session, new.cl_ord_id);
        if self.answer_resend(new, &client_id, out) {
            return;
        }
        let worst = match self.check_request(new, &client_id, account, None) {
            Ok(worst) => worst,
            Err(refusal) => {
                if refusal == Refusal::NoReference {
                    // The last agreed price may have become too old a moment ago.
                    self.judge_books(new.instrument, out);
                }
                return self.refuse(new, refusal, out);
            }
        };
        let id = self.orders.claim().expect("the checks found a free slot");
        let slot = self.orders.slot(id);
        self.client_ids.forget(self.orders.in_slot(slot), slot);
        let mut order = Order::accepted(OrderId(id), account, client_id.hash, new);
        self.set_terms(&mut order, worst);
        if order.strategy != Strategy::Cross || order.choice == Choice::ByOwnScore {
            self.strategy_terms[slot as usize] =
                StrategyTerms::asked(order.strategy, &new.instructions, self.now);
            self.cross_later(&order);
        }
        self.client_ids.add_order(client_id.hash, slot);
        self.account_usage(account).open_orders += 1;
        self.counts.orders += 1;
        if order.tif.waits() {
            self.expire_later(&order);
        }
        self.report(&order, ReportKind::New, &ReportContext::answer(new.client_seq), out);
        self.place_in_turn(&mut order, out);
        order.check();
        self.orders.put(order);
        self.check_out(&order);
    }

    /// An order that names a venue, with the venue account by which its account goes there. `None`
    /// if nothing changes.
    #[inline]
    pub(super) fn addressed(&self, new: &NewOrder, account: AccountId) -> Option<NewOrder> {
        let named = new.instructions.only.filter(|_| self.reference.shares_books())?;
        let only = Some(self.reference.account_at(account, named));
        Some(NewOrder { instructions: Instructions { only, ..new.instructions }, ..*new })
    }

    /// Sets the worst price of a new order, and the end of its wait.
    pub(super) fn set_terms(&self, order: &mut Order, worst: Price) {
        order.worst = worst;
        let terms = &self.reference.accounts[order.account.index()];
        let wait_ns = match (order.tif.waits(), order.ord_type.has_limit()) {
            (false, _) => terms.busy_wait_ns.min(BUSY_WAIT_NS_MAX),
            (true, false) => terms.market_wait_ns,
            (true, true) => 0,
        };
        if wait_ns > 0 {
            order.expire_at = UnixNanos(self.now.0.saturating_add(wait_ns));
        }
    }

    /// Answers a request that was perhaps sent before, if its id is known, with the status of its
    /// order (FIX 4.4 volume 4, appendix D). Returns whether it was answered.
    pub(super) fn answer_resend<S: Sink>(
        &mut self,
        new: &NewOrder,
        id: &HashedId,
        out: &mut Out<'_, S>,
    ) -> bool {
        if !new.poss_resend {
            return false;
        }
        let Some(order) = self.client_ids.find_ever(&self.orders, id) else { return false };
        let about = ReportContext::answer(new.client_seq);
        self.report(&order, ReportKind::OrderStatus, &about, out);
        true
    }

    /// Makes the checks of a new order, or of what a replace makes of an order. Returns
    /// [`Order::worst`].
    pub(super) fn check_request(
        &mut self,
        new: &NewOrder,
        id: &HashedId,
        account: AccountId,
        replaced: Option<&Order>,
    ) -> Result<Price, Refusal> {
        let shut_out = self.shut_out(new.session);
        let market =
            RoutingView::new(&self.reference, &self.books, &self.venues, &self.ledger, self.now);
        risk::check(&mut risk::Request {
            new,
            id,
            account,
            shut_out,
            replaced,
            replaced_terms: replaced.map_or(StrategyTerms::default(), |o| self.terms_of(o)),
            market,
            halts: &self.halts,
            reduce_only: &self.reduce_only,
            orders: &self.orders,
            ids: &self.client_ids,
            usage: &mut self.accounts[account.index()],
            closed: self.closed,
            heard: self.heard.venues(),
            prices: &mut self.prices,
            base: None,
            worst: Price(0),
        })
    }

    /// The order that has this id, or whose last request to change it has this id.
    pub(super) fn order_of(&self, session: SessionId, cl_ord_id: ClOrdId) -> Option<&Order> {
        let id = self.client_ids.hashed(session, cl_ord_id);
        self.client_ids.find(&self.orders, &id)
    }

    pub(super) fn note_seq(&mut self, session: SessionId, seq: u64) {
        if let Some(state) = self.sessions.get_mut(session.index()) {
            state.client_seq = state.client_seq.max(seq);
        }
    }

    fn refuse<S: Sink>(&mut self, new: &NewOrder, reason: Refusal, out: &mut Out<'_, S>) {
        self.counts.refused += 1;
        let known = new.instrument.index() < self.reference.instruments.len();
        let report = Report {
            session: new.session,
            client_seq: new.client_seq,
            trace: new.trace,
            cl_ord_id: new.cl_ord_id,
            instrument: known.then_some(new.instrument),
            side: new.side,
            ord_type: new.ord_type,
            tif: new.tif,
            qty: new.qty,
            price: new.price,
            reason,
            ..Report::BLANK
        };
        self.send_report(report, out);
    }

    pub(super) fn on_unacceptable<S: Sink>(&mut self, order: &Unacceptable, out: &mut Out<'_, S>) {
        if self.reference.account_of(order.session).is_none() {
            return;
        }
        self.note_seq(order.session, order.client_seq);
        self.counts.refused += 1;
        if !order.orig_cl_ord_id.is_empty() {
            return self.on_unacceptable_replace(order, out);
        }
        let report = Report {
            session: order.session,
            client_seq: order.client_seq,
            trace: order.trace,
            cl_ord_id: order.cl_ord_id,
            symbol: order.symbol,
            written: order.written,
            reason: order.refusal,
            ..Report::BLANK
        };
        self.send_report(report, out);
    }

    fn on_unacceptable_replace<S: Sink>(&mut self, order: &Unacceptable, out: &mut Out<'_, S>) {
        let change = ChangeRequest {
            session: order.session,
            client_seq: order.client_seq,
            cl_ord_id: order.cl_ord_id,
            orig_cl_ord_id: order.orig_cl_ord_id,
            of_replace: true,
        };
        let known = self.order_of(order.session, order.orig_cl_ord_id).copied();
        self.refuse_change(&change, known.as_ref(), order.refusal, out);
    }

    pub(super) fn on_cancel<S: Sink>(&mut self, request: &CancelOrder, out: &mut Out<'_, S>) {
        let Some(account) = self.reference.account_of(request.session) else { return };
        self.note_seq(request.session, request.client_seq);
        let change = ChangeRequest {
            session: request.session,
            client_seq: request.client_seq,
            cl_ord_id: request.cl_ord_id,
            orig_cl_ord_id: request.orig_cl_ord_id,
            of_replace: false,
        };
        let Some(mut order) = self.order_of(request.session, request.orig_cl_ord_id).copied()
        else {
            return self.refuse_change(&change, None, Refusal::UnknownOrder, out);
        };
        // A cancel counts against the rate and is never refused for it: a cancel lessens risk.
        let (now, rate) = (self.now, self.reference.accounts[account.index()].limits.rate_per_s);
        self.account_usage(account).count_request(now, rate);
        if self.order_of(request.session, request.cl_ord_id).is_some() {
            return self.refuse_change(&change, Some(&order), Refusal::DuplicateClOrdId, out);
        }
        if order.state() == OrderState::PendingCancel {
            if !order.stuck {
                return self.refuse_change(&change, Some(&order), Refusal::AlreadyPending, out);
            }
            // The cancel is tried again for the client; the earlier reason still ends the order.
            order.must_end.get_or_insert(order.cancel_reason);
        }
        if order.is_over() {
            return self.refuse_change(&change, Some(&order), Refusal::TooLateToCancel, out);
        }
        if order.state() == OrderState::PendingReplace {
            // The later request wins.
            self.change_failed(&order, Refusal::ClientRequest, out);
        }
        self.set_request(&mut order, request.cl_ord_id);
        self.start_cancel(&mut order, CancelReason::Client, request.client_seq, out);
        self.store(&order);
    }

    /// Sets the id of the order's last request.
    pub(super) fn set_request(&mut self, order: &mut Order, request: ClOrdId) {
        let slot = self.orders.slot(order.id.0);
        self.client_ids.set_request(order, slot, request);
    }

    /// Ends an order for a reason other than its client's request. A pending cancel of the client
    /// is answered first, and the order ends whatever that answer is. A cancel that a venue refused
    /// is sent again.
    pub(super) fn end<S: Sink>(
        &mut self,
        order: &mut Order,
        why: CancelReason,
        out: &mut Out<'_, S>,
    ) {
        if order.state() != OrderState::PendingCancel {
            return self.start_cancel(order, why, 0, out);
        }
        if order.cancel_reason == CancelReason::Client {
            order.must_end.get_or_insert(why);
        }
        if order.stuck {
            order.stuck = false;
            self.cancel_children(order, out);
        }
    }

    /// Begins to cancel an order: its children are cancelled, and the order is over when none is
    /// open.
    pub(super) fn start_cancel<S: Sink>(
        &mut self,
        order: &mut Order,
        why: CancelReason,
        client_seq: u64,
        out: &mut Out<'_, S>,
    ) {
        if order.state() == OrderState::PendingReplace && why != CancelReason::Client {
            self.change_failed(order, why.reason(), out);
        }
        (order.cancel_reason, order.stuck) = (why, false);
        order.apply(OrderEvent::CancelTaken);
        if why == CancelReason::Client {
            self.report(order, ReportKind::PendingCancel, &ReportContext::answer(client_seq), out);
        } else if order.live_children > 0 {
            out.notice(Notice::CalledBack(order.id, why.reason()));
        }
        self.cancel_children(order, out);
        self.finish_cancel(order, out);
    }

    /// Ends an order that is being cancelled once no child is open.
    pub(super) fn finish_cancel<S: Sink>(&mut self, order: &mut Order, out: &mut Out<'_, S>) {
        if order.state() != OrderState::PendingCancel || order.live_children > 0 {
            return;
        }
        let (event, kind) = match order.cancel_reason {
            CancelReason::DayEnd | CancelReason::Expiry => {
                (OrderEvent::ExpireDone, ReportKind::Expired)
            }
            CancelReason::Client
            | CancelReason::Kill
            | CancelReason::Replace
            | CancelReason::MassCancel
            | CancelReason::ConnectionLost
            | CancelReason::SystemFailure
            | CancelReason::Waited
            | CancelReason::SelfMatch
            | CancelReason::Operator => (OrderEvent::CancelDone, ReportKind::Canceled),
        };
        order.canceled = Qty(order.canceled.0 + order.leaves().0);
        order.apply(event);
        self.report(order, kind, &ReportContext::because(order.cancel_reason.reason()), out);
    }

    /// Cancels the rest of an order that can neither be placed nor wait.
    pub(super) fn give_up<S: Sink>(
        &mut self,
        order: &mut Order,
        reason: Refusal,
        out: &mut Out<'_, S>,
    ) {
        let reason =
            if self.is_short_of_minimum(order) { Refusal::MinQtyNotReached } else { reason };
        order.canceled = Qty(order.canceled.0 + order.leaves().0);
        order.apply(OrderEvent::CancelDone);
        self.report(order, ReportKind::Canceled, &ReportContext::because(reason), out);
    }

    /// Refuses the pending cancel or replace of a client: it came too late, or a venue refused it.
    pub(super) fn change_failed<S: Sink>(
        &mut self,
        order: &Order,
        reason: Refusal,
        out: &mut Out<'_, S>,
    ) {
        let by_client = matches!(order.cancel_reason, CancelReason::Client | CancelReason::Replace);
        if !by_client || order.request_id.is_empty() {
            return;
        }
        let change = ChangeRequest {
            session: order.session,
            client_seq: 0,
            cl_ord_id: order.request_id,
            orig_cl_ord_id: order.cl_ord_id,
            of_replace: order.cancel_reason == CancelReason::Replace,
        };
        self.refuse_change(&change, Some(order), reason, out);
    }

    pub(super) fn refuse_change<S: Sink>(
        &mut self,
        change: &ChangeRequest,
        order: Option<&Order>,
        reason: Refusal,
        out: &mut Out<'_, S>,
    ) {
        let session = &mut self.sessions[change.session.index()];
        session.event += 1;
        out.put(&Output::CancelReject(CancelReject {
            session: change.session,
            event: session.event,
            client_seq: change.client_seq,
            time: self.now,
            order: order.map_or(OrderId(0), |o| o.id),
            trace: order.map_or(0, |o| o.trace),
            cl_ord_id: change.cl_ord_id,
            orig_cl_ord_id: change.orig_cl_ord_id,
            status: order.map_or(OrdStatus::Rejected, Order::status),
            of_replace: change.of_replace,
            reason,
        }));
    }

    pub(super) fn on_status<S: Sink>(&mut self, request: &OrderStatus, out: &mut Out<'_, S>) {
        if self.reference.account_of(request.session).is_none() {
            return;
        }
        self.note_seq(request.session, request.client_seq);
        if let Some(order) = self.order_of(request.session, request.cl_ord_id).copied() {
            let about = ReportContext {
                request: request.request,
                ..ReportContext::answer(request.client_seq)
            };
            return self.report(&order, ReportKind::OrderStatus, &about, out);
        }
        let report = Report {
            session: request.session,
            client_seq: request.client_seq,
            kind: ReportKind::OrderStatus,
            cl_ord_id: request.cl_ord_id,
            request: request.request,
            reason: Refusal::UnknownOrder,
            ..Report::BLANK
        };
        self.send_report(report, out);
    }

    /// Reports an order in its present state.
    pub(super) fn report<S: Sink>(
        &mut self,
        order: &Order,
        kind: ReportKind,
        about: &ReportContext,
        out: &mut Out<'_, S>,
    ) {
        if order.is_conversion() {
            return;
        }
        // The answer to a request has the request's id as FIX 11 and the order's id as FIX 41.
        let by_request = match kind {
            ReportKind::PendingCancel | ReportKind::PendingReplace | ReportKind::Replaced => true,
            ReportKind::Canceled => about.reason == Refusal::ClientRequest,
            ReportKind::New
            | ReportKind::Rejected
            | ReportKind::Expired
            | ReportKind::Restated
            | ReportKind::Trade
            | ReportKind::OrderStatus => false,
        };
        let (cl_ord_id, orig_cl_ord_id) = if by_request {
            (order.request_id, order.cl_ord_id)
        } else {
            (order.cl_ord_id, ClOrdId::EMPTY)
        };
        let StrategyTerms { min_qty, weights, .. } = self.terms_of(order);
        let session = &mut self.sessions[order.session.index()];
        session.event += 1;
        self.counts.reports += 1;
        // Built in place: a report is large, and each copy costs.
        out.put(&Output::Report(Report {
            session: order.session,
            event: session.event,
            client_seq: about.client_seq,
            time: self.now,
            exec: self.counts.reports,
            order: order.id,
            trace: order.trace,
            kind,
            status: order.status(),
            replaced: order.is_replaced,
            cl_ord_id,
            orig_cl_ord_id,
            request: about.request,
            mass_total: about.mass.0,
            mass_left: about.mass.1,
            instrument: Some(order.instrument),
            side: order.side,
            ord_type: order.ord_type,
            tif: order.tif,
            strategy: order.strategy,
            choice: order.choice,
            weights: if order.choice == Choice::ByOwnScore { weights } else { None },
            min_qty,
            qty: order.qty,
            price: order.price,
            filled: order.filled,
            leaves: order.leaves(),
            filled_notional: order.filled_notional,
            last: about.last,
            via: about.via,
            reason: about.reason,
            waiting: match kind {
                ReportKind::OrderStatus if order.is_working() => order.waiting,
                _ => Waiting::Nothing,
            },
            ..Report::BLANK
        }));
    }

    /// Gives a report its numbers and its time, and sends it.
    #[inline]
    pub(super) fn send_report<S: Sink>(&mut self, mut report: Report, out: &mut Out<'_, S>) {
        let session = &mut self.sessions[report.session.index()];
        session.event += 1;
        self.counts.reports += 1;
        (report.event, report.exec) = (session.event, self.counts.reports);
        report.time = self.now;
        out.put(&Output::Report(report));
    }
}
