//! Client orders, from their reports.

use rutter_core::id::{AccountId, InstrumentId, OrderId};
use rutter_core::input::{Refusal, Side};
use rutter_core::number::Amount;
use rutter_core::output::{CancelReject, LastFill, OrdStatus, Report, ReportKind};
use rutter_core::reference::amount_of;
use rutter_core::waiting::Waiting;

use super::ReadModel;
use super::counts::OrderOwner;
use super::events::{Event, EventKind};
use super::money::fill_of;
use super::slots::{Kept, ModelOrder, is_over, is_pending};

impl ModelOrder {
    pub const fn whose(&self) -> OrderOwner {
        OrderOwner { session: self.session, account: self.account, instrument: self.instrument }
    }
}

impl ReadModel {
    pub(super) fn on_report(&mut self, report: &Report) {
        self.counts.reports += 1;
        self.session_event(report.session, report.event);
        let what = match report.kind {
            ReportKind::Rejected => {
                self.counts.refused.count(report.reason);
                return self.judge_refused(report.reason);
            }
            // An answer, and no news of the order.
            ReportKind::OrderStatus => return,
            ReportKind::New => {
                self.open(report);
                EventKind::New
            }
            ReportKind::Canceled => EventKind::Canceled(report.reason),
            ReportKind::Replaced => EventKind::Replaced,
            ReportKind::Restated => EventKind::Restated(report.reason),
            ReportKind::PendingCancel => EventKind::PendingCancel,
            ReportKind::Expired => EventKind::Expired(report.reason),
            ReportKind::PendingReplace => EventKind::PendingReplace,
            ReportKind::Trade => {
                self.counts.fills += 1;
                EventKind::Trade
            }
        };
        let mut event = Event { qty: report.qty, price: report.price, ..self.happens(what) };
        if let Some(last) = &report.last {
            event = Event {
                child: last.child,
                venue: last.venue,
                qty: last.qty,
                price: last.price,
                ..event
            };
            self.trade(report, last);
        }
        self.event(report.order, event);
        self.update(report);
    }

    /// An order is accepted.
    fn open(&mut self, report: &Report) {
        self.counts.orders += 1;
        let Some(instrument) = report.instrument else { return };
        // The core gives no place away that is needed; were it so, the lists would still be sound.
        if let Some(old) = self.orders.in_the_way(report.order.0).copied() {
            self.set_status(old.id, OrdStatus::Canceled, Refusal::None);
        }
        let order = ModelOrder {
            id: report.order,
            trace: report.trace,
            session: report.session,
            account: self.reference.account_of(report.session).unwrap_or(AccountId(0)),
            instrument,
            cl_ord_id: report.cl_ord_id,
            side: report.side,
            ord_type: report.ord_type,
            tif: report.tif,
            status: OrdStatus::New,
            taken: report.time,
            older: self.newest_open,
            ..ModelOrder::EMPTY
        };
        self.open_orders.change(order.whose(), true);
        self.waiting[order.waiting as usize] += 1;
        if let Some(newer) = self.orders.get_mut(self.newest_open.0) {
            newer.newer = order.id;
        }
        self.newest_open = order.id;
        self.newest = self.newest.max(order.id);
        self.orders.put(order);
    }

    fn update(&mut self, report: &Report) {
        let Some(order) = self.orders.get_mut(report.order.0) else { return };
        order.qty = report.qty;
        order.price = report.price;
        order.filled = report.filled;
        order.leaves = report.leaves;
        order.filled_notional = report.filled_notional;
        order.time = report.time;
        if report.kind == ReportKind::Replaced {
            order.cl_ord_id = report.cl_ord_id;
        }
        let reason = match report.kind {
            ReportKind::Canceled | ReportKind::Expired => report.reason,
            ReportKind::PendingCancel => Refusal::ClientRequest,
            _ => reason_in(report.status, order.reason),
        };
        self.set_status(report.order, report.status, reason);
    }

    /// Every change of an order's state passes here.
    pub(super) fn set_status(&mut self, id: OrderId, status: OrdStatus, reason: Refusal) {
        let Some(order) = self.orders.get_mut(id.0) else { return };
        let before = *order;
        (order.status, order.reason) = (status, reason);
        match (is_pending(before.status), is_pending(status)) {
            (false, true) => self.pending_orders += 1,
            (true, false) => self.pending_orders = self.pending_orders.saturating_sub(1),
            (false, false) | (true, true) => {}
        }
        if !before.is_over() && is_over(status) {
            if status == OrdStatus::Filled {
                self.counts.filled += 1;
            } else {
                self.counts.ended.count(reason);
            }
            self.judge(&before, status, reason);
            self.close(&before);
        }
    }

    /// Removes an order from the counts and from the list of open orders.
    fn close(&mut self, order: &ModelOrder) {
        self.open_orders.change(order.whose(), false);
        let waiting = &mut self.waiting[order.waiting as usize];
        *waiting = waiting.saturating_sub(1);
        for (venue, open) in order.open_at.iter().enumerate() {
            if *open > 0 {
                self.open_orders.change_at(rutter_core::id::VenueId(venue as u8), false);
            }
        }
        if let Some(newer) = self.orders.get_mut(order.newer.0) {
            newer.older = order.older;
        } else {
            self.newest_open = order.older;
        }
        if let Some(older) = self.orders.get_mut(order.older.0) {
            older.newer = order.newer;
        }
    }

    fn trade(&mut self, report: &Report, last: &LastFill) {
        let def = report.instrument.and_then(|id| self.reference.instruments.get(id.index()));
        let value = def.map_or(Amount::ZERO, |def| {
            amount_of(def, rutter_core::number::Notional::of(last.price, last.qty))
        });
        if let Some(venue) = self.counts.venues.get_mut(last.venue.index()) {
            venue.fills += 1;
            venue.filled = venue.filled.plus(value);
        }
        if self.overfilled.take() != Some((last.child, last.exec)) {
            self.child_filled(last.child, last.qty);
            if let Some(fill) = fill_of(report, last).filter(|_| report.via.is_none()) {
                self.compare_fee(&fill, self.account_of(report.order, report.session));
            }
        }
        self.book_trade(report, last);
    }

    pub(super) fn on_cancel_reject(&mut self, reject: &CancelReject) {
        self.counts.reports += 1;
        self.session_event(reject.session, reject.event);
        let Some(order) = self.orders.get_mut(reject.order.0) else { return };
        order.time = reject.time;
        let reason = reason_in(reject.status, order.reason);
        self.set_status(reject.order, reject.status, reason);
        let event = self.happens(EventKind::CancelReject(reject.reason));
        self.event(reject.order, event);
    }

    /// A part of an order waits, or nothing of the order waits any more.
    pub(super) fn on_waits(&mut self, id: OrderId, why: Waiting) {
        let Some(order) = self.orders.get_mut(id.0).filter(|order| !order.is_over()) else {
            return;
        };
        let before = std::mem::replace(&mut order.waiting, why);
        self.waiting[before as usize] = self.waiting[before as usize].saturating_sub(1);
        self.waiting[why as usize] += 1;
        let event = self.happens(EventKind::Waits(why));
        self.event(id, event);
    }

    /// An order is being called back, for another reason than its client's request.
    pub(super) fn on_called_back(&mut self, id: OrderId, why: Refusal) {
        let now = self.at.time;
        let Some(order) = self.orders.get_mut(id.0).filter(|order| !order.is_over()) else {
            return;
        };
        order.time = now;
        self.set_status(id, OrdStatus::PendingCancel, why);
        let event = self.happens(EventKind::CalledBack(why));
        self.event(id, event);
    }

    /// How much that side of an account's position in an instrument may trade until it is flat.
    pub(super) fn reducible(
        &self,
        account: AccountId,
        instrument: InstrumentId,
        side: Side,
    ) -> i128 {
        let base = self.ledger.position(account, instrument).base;
        match side {
            Side::Buy => (-base).max(0),
            Side::Sell => base.max(0),
        }
    }
}

/// The reason of an order that comes to a state by something that has none.
const fn reason_in(status: OrdStatus, before: Refusal) -> Refusal {
    match status {
        OrdStatus::PendingCancel | OrdStatus::Canceled | OrdStatus::Expired => before,
        OrdStatus::New
        | OrdStatus::PartiallyFilled
        | OrdStatus::Filled
        | OrdStatus::PendingNew
        | OrdStatus::PendingReplace
        | OrdStatus::Rejected => Refusal::None,
    }
}
