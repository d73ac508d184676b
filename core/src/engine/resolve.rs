//! Children whose venue does not tell their outcome, or tells it against its own word.
//!
//! A line belongs here if it is about asking such a venue again, about an operator who states the
//! outcome in its place, or about what the venue tells after that.

use core::cmp::Reverse;

use super::place::reference_of;
use super::venues::Filled;
use super::{
    Engine, Out, QUERIES_PER_INPUT_MAX, QUERY_AGAIN_MAX_NS, QUERY_AGAIN_NS, RESOLVE_AFTER_NS,
};
use crate::child::{Child, ChildEvent, ChildState, Role, Stated, ToldBy};
use crate::id::{ChildId, ExecId};
use crate::input::{ChildFill, Liquidity, Refusal, Resolution, Side, TimeInForce};
use crate::number::{Amount, Price, Qty, UnixNanos};
use crate::output::{Notice, Output, Sink};

impl Engine {
    /// Ends a child by an operator's word. What the operator states and is not booked yet is one
    /// execution, without a fee. Returns how many children have ended.
    pub(super) fn resolve<S: Sink>(
        &mut self,
        resolution: &Resolution,
        out: &mut Out<'_, S>,
    ) -> Result<u32, Refusal> {
        let known = self.children.get(resolution.child.0).copied();
        let mut child = known.ok_or(Refusal::UnknownOrder)?;
        if child.role == Role::Part {
            // The venue knows the shared child, and so does the operator.
            return Err(Refusal::UnknownOrder);
        }
        // The orders of a shared child are those of its parts.
        let order = (child.role == Role::Own).then(|| self.load(child.order));
        let order = order.map(|order| order.ok_or(Refusal::UnknownOrder)).transpose()?;
        let unbooked = self.check_resolution(&child, resolution)?;
        child.told_by = ToldBy::Operator;
        child.stated = Stated { left: unbooked, price: resolution.price };
        if unbooked.is_zero() {
            match order {
                None => self.end_shared(child, ChildEvent::Resolved, child.filled, out),
                Some(order) => {
                    self.end_child(child, order, ChildEvent::Resolved, child.filled, out);
                }
            }
            return Ok(1);
        }
        (child.awaited, child.awaited_filled) = (Some(ChildEvent::Resolved), resolution.filled);
        let fill = ChildFill {
            venue: child.venue,
            child: child.id,
            instrument: child.instrument,
            side: child.side,
            exec: ExecId::stated(child.id),
            qty: unbooked,
            price: resolution.price,
            fee: Amount::ZERO,
            fee_asset: self.reference.instrument_of(child.instrument).quote,
            liquidity: Liquidity::Taker,
        };
        let Some(mut order) = order else {
            self.book_fill(Filled::Shared(&child), &fill, out);
            return Ok(1);
        };
        if resolution.filled < child.qty && child.tif != TimeInForce::Gtc {
            self.note_fade(&mut order, child.venue);
        }
        self.book_fill(Filled::Own(&mut child, &mut order), &fill, out);
        Ok(1)
    }

    /// The quantity that a resolution adds to what is booked.
    fn check_resolution(&self, child: &Child, resolution: &Resolution) -> Result<Qty, Refusal> {
        let Resolution { filled, price, .. } = *resolution;
        if child.state() != ChildState::Unknown {
            return Err(Refusal::NotUnknown);
        }
        if self.now.0.saturating_sub(child.unknown_since.0) < RESOLVE_AFTER_NS {
            return Err(Refusal::UnknownTooBriefly);
        }
        if filled < Qty::ZERO || filled > child.qty {
            return Err(Refusal::BadQuantity);
        }
        if filled < child.filled {
            return Err(Refusal::BelowFilled);
        }
        let unbooked = filled.saturating_sub(child.filled);
        if !unbooked.is_zero() && !is_within_limit(child, price) {
            return Err(Refusal::BadPrice);
        }
        Ok(unbooked)
    }

    /// Whether an operator has resolved the child.
    #[inline]
    pub(super) fn is_resolved(&self, child: ChildId) -> bool {
        self.children.get(child.0).is_some_and(|child| child.told_by == ToldBy::Operator)
    }

    /// Takes off an execution what an operator has stated of it already. Returns what is to be
    /// booked, with the whole fee; `None` if that is nothing.
    pub(super) fn reconcile<S: Sink>(
        &mut self,
        fill: &ChildFill,
        out: &mut Out<'_, S>,
    ) -> Option<ChildFill> {
        let child = self.children.get_mut(fill.child.0).filter(|child| {
            let place = (child.venue, child.instrument, child.side);
            place == (fill.venue, fill.instrument, fill.side)
        });
        let stated =
            child.filter(|child| child.told_by == ToldBy::Operator).map(|child| &mut child.stated);
        let Some(stated) = stated.filter(|stated| !stated.left.is_zero()) else {
            return Some(*fill);
        };
        let same = fill.qty.min(stated.left);
        stated.left = stated.left.saturating_sub(same);
        out.notice(Notice::Reconciled(*fill, same, stated.price));
        let beyond = fill.qty.saturating_sub(same);
        (!beyond.is_zero()).then_some(ChildFill { qty: beyond, ..*fill })
    }

    /// Compares what a venue tells of a child that an operator has resolved with what is booked.
    pub(super) fn compare<S: Sink>(child: &Child, filled: Qty, out: &mut Out<'_, S>) {
        if child.told_by == ToldBy::Operator && filled != child.filled {
            out.notice(Notice::Contradicted(reference_of(child), filled));
        }
    }

    /// The venue's answer has settled nothing: the venue is queried again later, and later each
    /// time.
    pub(super) fn query_later(&mut self, child: &mut Child) {
        if child.query_at != UnixNanos(0) {
            return;
        }
        let factor = 1_u64.checked_shl(u32::from(child.vain_answers)).unwrap_or(u64::MAX);
        let wait_ns = QUERY_AGAIN_NS.saturating_mul(factor).min(QUERY_AGAIN_MAX_NS);
        child.vain_answers = child.vain_answers.saturating_add(1);
        self.query_at(child, UnixNanos(self.now.0.saturating_add(wait_ns)));
    }

    /// An execution of a child whose end waits for executions: the venue does tell them, so the
    /// next query is not far off.
    pub(super) fn query_soon(&mut self, child: &mut Child) {
        child.vain_answers = 0;
        let soon = UnixNanos(self.now.0.saturating_add(QUERY_AGAIN_NS));
        if child.query_at > soon {
            self.query_at(child, soon);
        }
    }

    /// Notes when the venue is queried about a child. Only children of unknown outcome have entries
    /// that count, so what is left after dropping the others has room.
    fn query_at(&mut self, child: &mut Child, at: UnixNanos) {
        child.query_at = at;
        if self.queries.len() >= 1 << self.genesis.children_log2 {
            let children = &self.children;
            let counts = |at, id| children.get(id).is_some_and(|child| child.query_at == at);
            self.queries.retain(|Reverse((at, id))| counts(*at, *id));
        }
        self.queries.push(Reverse((at, child.id.0)));
    }

    /// Sends the queries that are due, the one that has waited longest first, a bounded number for
    /// each input: the timer stays due for the others. Those that a breaker holds back are sent
    /// when it closes.
    pub(super) fn on_queries_due<S: Sink>(&mut self, out: &mut Out<'_, S>) {
        for _ in 0..QUERIES_PER_INPUT_MAX {
            let Some(Reverse((at, id))) = self.queries.peek().copied() else { return };
            if at > self.now {
                return;
            }
            self.queries.pop();
            let venue = self.children.get(id).map(|child| child.venue);
            let holds = venue.is_some_and(|venue| self.holds_queries(venue));
            let Some(child) = self.children.get_mut(id).filter(|child| child.query_at == at) else {
                continue;
            };
            child.query_at = UnixNanos(0);
            if child.state() == ChildState::Unknown && !holds {
                out.put(&Output::Query(reference_of(child)));
            }
        }
    }
}

/// Whether a child can have been executed at this price.
const fn is_within_limit(child: &Child, price: Price) -> bool {
    let is_no_worse = match child.side {
        Side::Buy => price.0 <= child.price.0,
        Side::Sell => price.0 >= child.price.0,
    };
    price.0 > 0 && is_no_worse
}
