//! Requests about many orders of a session at once: mass cancel and mass status.

use super::clients::ReportContext;
use super::{Engine, Out};
use crate::id::SessionId;
use crate::input::{MassCancel, MassScope, MassStatus, Refusal};
use crate::order::{CancelReason, Order};
use crate::output::{MassCancelReport, Output, Report, ReportKind, Sink};

fn is_meant(session: SessionId, scope: MassScope) -> impl Fn(&Order) -> bool {
    move |order| order.session == session && scope.has(order.instrument, order.side)
}

impl Engine {
    /// Orders without a child are over before the report of the mass cancel, the others after it.
    pub(super) fn on_mass_cancel<S: Sink>(&mut self, request: &MassCancel, out: &mut Out<'_, S>) {
        let MassCancel { session, client_seq, cl_ord_id, asked, scope, refusal } = *request;
        if self.reference.account_of(session).is_none() {
            return;
        }
        self.note_seq(session, client_seq);
        let affected = match refusal {
            Refusal::None => {
                self.cancel_where(CancelReason::MassCancel, out, is_meant(session, scope))
            }
            _ => 0,
        };
        let state = &mut self.sessions[session.index()];
        state.event += 1;
        out.put(&Output::MassCancelReport(MassCancelReport {
            session,
            event: state.event,
            client_seq,
            time: self.now,
            cl_ord_id,
            asked,
            scope,
            affected,
            reason: refusal,
        }));
    }

    /// Tells every living order; one report that says so if there is none.
    pub(super) fn on_mass_status<S: Sink>(&mut self, request: &MassStatus, out: &mut Out<'_, S>) {
        let MassStatus { session, client_seq, request, scope, refusal } = *request;
        if self.reference.account_of(session).is_none() {
            return;
        }
        self.note_seq(session, client_seq);
        let is_meant = is_meant(session, scope);
        let mut total = 0;
        if refusal == Refusal::None {
            let mut slot = 0;
            while let Some((next, order)) = self.orders.living_after(slot) {
                slot = next;
                total += u32::from(is_meant(order));
            }
        }
        let (mut slot, mut left) = (0, total);
        // Ends: as many were counted above.
        while left > 0 {
            let Some((next, order)) = self.orders.living_after(slot) else { break };
            slot = next;
            if is_meant(order) {
                let order = *order;
                left -= 1;
                // The last one confirms the request: what is told of it before a crash is told
                // again after it.
                let client_seq = if left == 0 { client_seq } else { 0 };
                let about = ReportContext {
                    request,
                    mass: (total, left),
                    ..ReportContext::answer(client_seq)
                };
                self.report(&order, ReportKind::OrderStatus, &about, out);
            }
        }
        if total == 0 {
            let reason = if refusal == Refusal::None { Refusal::UnknownOrder } else { refusal };
            let report = Report {
                session,
                client_seq,
                kind: ReportKind::OrderStatus,
                request,
                reason,
                ..Report::BLANK
            };
            self.send_report(report, out);
        }
    }
}
