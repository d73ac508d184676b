//! Cancels and amends of orders that the venue has.
//!
//! A line belongs here if it sends such a request, or takes the venue's refusal of one. Reports of
//! what the venue has done are `machine`'s.

use rutter_core::id::ChildId;
use rutter_core::input::{Doubt, Input, VenueReject};
use rutter_core::output::{ChildRef, SendReduce};
use rutter_fix::codec::Encoder;
use rutter_fix::tags::msg_type;
use rutter_transport::machine::Outbox;
use rutter_transport::refusals::Refused as Asked;

use super::{CoinbaseOrders, Link};
use crate::answers::Verdict;
use crate::coinbase::ids::{self, Kind, NUMBER_MAX};
use crate::coinbase::orders::encode;
use crate::coinbase::orders::report::Refused;
use crate::decimal::DecimalError;
use crate::fix_children::{Entry, Request};
use crate::ids::IdText;

impl CoinbaseOrders {
    pub(super) fn on_cancel_refused(
        &mut self,
        now_ns: u64,
        (child, attempt): (ChildId, Option<u32>),
        refused: Refused,
        out: &mut Outbox<Input>,
    ) {
        let (venue, retry_after_ns) = (self.config.venue, 0);
        let awaited = self.children.get(child).and_then(|entry| entry.cancel);
        if awaited.map(|(current, _)| current) != attempt || attempt.is_none() {
            // The answer is late: the core knows already that the child is in doubt, or over.
            self.counters.ignored += 1;
            return;
        }
        if let Some(entry) = self.children.get_mut(child) {
            entry.cancel = None;
        }
        self.children.end_if_idle(child);
        self.keep_refusal(child, Asked::Cancel, refused.code);
        match refused.verdict {
            Verdict::Refused(reason) => {
                self.counters.refusals += 1;
                out.emit(Input::CancelRejected { venue, child, reason, retry_after_ns });
            }
            Verdict::Session => {
                let reason = VenueReject::Other;
                out.emit(Input::CancelRejected { venue, child, reason, retry_after_ns });
                self.on_session_refused(now_ns, refused.code, out);
            }
            Verdict::Unsure => {
                out.emit(Input::ChildInDoubt { venue, child, doubt: Doubt::VenueUnsure });
            }
        }
    }

    pub(super) fn on_amend_refused(
        &mut self,
        now_ns: u64,
        (child, by): (ChildId, Option<u32>),
        refused: Refused,
        out: &mut Outbox<Input>,
    ) {
        let entry = self.children.get_mut(child).filter(|entry| by == Some(entry.amends));
        if entry.and_then(|entry| entry.amend_seq.take()).is_none() {
            // The answer is late: the core knows already that the child is in doubt, or over.
            self.counters.ignored += 1;
            return;
        }
        self.keep_refusal(child, Asked::Amend, refused.code);
        let venue = self.config.venue;
        match refused.verdict {
            Verdict::Refused(reason) => {
                self.counters.refusals += 1;
                out.emit(Input::AmendRejected { venue, child, reason });
            }
            Verdict::Session => {
                out.emit(Input::AmendRejected { venue, child, reason: VenueReject::Other });
                self.on_session_refused(now_ns, refused.code, out);
            }
            Verdict::Unsure => {
                out.emit(Input::ChildInDoubt { venue, child, doubt: Doubt::VenueUnsure });
            }
        }
    }

    pub(super) fn on_cancel(&mut self, now_ns: u64, cancel: &ChildRef, out: &mut Outbox<Input>) {
        let (venue, child) = (self.config.venue, cancel.child);
        // Also while questions are open: an order that the core no longer wants should not wait.
        if self.link != Link::On || self.send_cancel(now_ns, cancel, out).is_none() {
            self.children.end_if_idle(child);
            self.counters.not_sent += 1;
            let (reason, retry_after_ns) = (VenueReject::NotSent, 0);
            out.emit(Input::CancelRejected { venue, child, reason, retry_after_ns });
        }
    }

    fn send_cancel(
        &mut self,
        now_ns: u64,
        cancel: &ChildRef,
        out: &mut Outbox<Input>,
    ) -> Option<()> {
        let child = cancel.child;
        let listing = self.listings.instrument(cancel.instrument)?;
        let attempt = self.children.number_cancel() & NUMBER_MAX;
        let entry = self.children.ensure(child).ok()?;
        let order = current_id(self.config.node_tag, entry);
        let request = ids::write(self.config.node_tag, child, Kind::Cancel(attempt));
        let venue_order = entry.venue_order;
        let write = |encoder: &mut Encoder<'_>| -> Result<(), DecimalError> {
            encode::cancel(encoder, &request, &order, venue_order, &listing.symbol);
            Ok(())
        };
        let seq = self.session.send(now_ns, out, msg_type::ORDER_CANCEL_REQUEST, write).ok()?;
        entry.cancel = Some((attempt, seq));
        let deadline_ns = now_ns.saturating_add(self.config.answer_timeout_ns);
        self.children.await_answer(child, Request::Cancel(attempt), seq, deadline_ns);
        Some(())
    }

    pub(super) fn on_reduce(&mut self, now_ns: u64, reduce: &SendReduce, out: &mut Outbox<Input>) {
        if self.link != Link::On || self.send_reduce(now_ns, reduce, out).is_none() {
            self.children.end_if_idle(reduce.of.child);
            self.counters.not_sent += 1;
            let (venue, child) = (self.config.venue, reduce.of.child);
            out.emit(Input::AmendRejected { venue, child, reason: VenueReject::NotSent });
        }
    }

    fn send_reduce(
        &mut self,
        now_ns: u64,
        reduce: &SendReduce,
        out: &mut Outbox<Input>,
    ) -> Option<()> {
        let child = reduce.of.child;
        let listing = self.listings.instrument(reduce.of.instrument)?;
        let entry = self.children.get_mut(child)?;
        // The venue takes a replace on the connection of the order only.
        if entry.venue_order.is_empty() || entry.sent_ns? < self.connected_ns {
            return None;
        }
        let number = (entry.amends + 1) & NUMBER_MAX;
        let order = current_id(self.config.node_tag, entry);
        let request = ids::write(self.config.node_tag, child, Kind::Replace(number));
        let (venue_order, terms) = (entry.venue_order, (reduce.qty, entry.price));
        let write = |encoder: &mut Encoder<'_>| {
            encode::replace(encoder, (&request, &order), venue_order, terms, listing)
        };
        let kind = msg_type::ORDER_CANCEL_REPLACE_REQUEST;
        let seq = self.session.send(now_ns, out, kind, write).ok()?;
        (entry.amend_seq, entry.amend_to, entry.amends) = (Some(seq), reduce.qty, number);
        let deadline_ns = now_ns.saturating_add(self.config.answer_timeout_ns);
        self.children.await_answer(child, Request::Amend, seq, deadline_ns);
        Some(())
    }
}

/// The id of ours by which the venue knows an order now.
fn current_id(tag: u32, entry: &Entry) -> IdText {
    let kind = if entry.amended_by == 0 { Kind::Order } else { Kind::Replace(entry.amended_by) };
    ids::write(tag, entry.child, kind)
}
