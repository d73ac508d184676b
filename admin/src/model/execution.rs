//! How the execution of orders is judged.
//!
//! A line belongs here if it says whether an order that is over was carried out. What each reason
//! says is [`Refusal::cause`]. An order is judged once, when it is over or refused:
//!
//! - filled to the end: success;
//! - ended for a reason of the node or of the venues: failure;
//! - ended because nothing more could be filled: failure if something that a book showed was sent
//!   for and not got, neither there nor elsewhere; otherwise success if something was filled;
//! - everything else is not judged. An order that rests is not over.

use rutter_core::input::{Cause, Refusal};
use rutter_core::number::UnixNanos;
use rutter_core::output::OrdStatus;
use rutter_core::waiting::Waiting;

use super::ReadModel;
use super::slots::ModelOrder;

/// The judgement of one order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Judged {
    /// All that could be filled was.
    pub is_success: bool,
    /// From the acceptance of the order to its end, nanoseconds; `None` if a part of the order
    /// rested, or if the order was refused.
    pub took_ns: Option<u64>,
}

/// Whether an order that is over counts as a success or as a failure; `None` if neither.
fn judge(order: &ModelOrder, status: OrdStatus, reason: Refusal) -> Option<bool> {
    if status == OrdStatus::Filled {
        return Some(true);
    }
    let cause = match reason {
        // The order has waited for the market, and not for the node or a venue.
        Refusal::WaitedTooLong if waits_for_the_market(order.waiting) => Cause::NothingToFill,
        reason => reason.cause(),
    };
    match cause {
        Cause::Asked => None,
        Cause::NotCarriedOut => Some(false),
        Cause::NothingToFill if !order.pursuit.missed.is_zero() => Some(false),
        Cause::NothingToFill => (!order.filled.is_zero()).then_some(true),
    }
}

fn waits_for_the_market(why: Waiting) -> bool {
    matches!(
        why,
        Waiting::NoFunds | Waiting::BelowMinimum | Waiting::BeyondLimit | Waiting::OwnOrder
    )
}

impl ReadModel {
    /// Judges an order that is over.
    pub(super) fn judge(&mut self, order: &ModelOrder, status: OrdStatus, reason: Refusal) {
        let Some(is_success) = judge(order, status, reason) else { return };
        let UnixNanos(ended) = self.at.time;
        let took_ns = (!order.pursuit.rested).then(|| ended.saturating_sub(order.taken.0));
        self.count_judged(Judged { is_success, took_ns }, reason);
    }

    /// Judges an order that was refused on arrival.
    pub(super) fn judge_refused(&mut self, reason: Refusal) {
        if reason.cause() == Cause::NotCarriedOut {
            self.count_judged(Judged { is_success: false, took_ns: None }, reason);
        }
    }

    fn count_judged(&mut self, judged: Judged, reason: Refusal) {
        if judged.is_success {
            self.counts.succeeded += 1;
        } else {
            self.counts.failed.count(reason);
        }
        self.judged = Some(judged);
    }

    /// The judgement that the last output brought, if it ended or refused an order.
    pub const fn take_judged(&mut self) -> Option<Judged> {
        self.judged.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::slots::Kept;
    use rutter_core::number::Qty;

    #[test]
    fn a_market_order_that_waited_in_vain_is_judged_by_what_it_waited_for() {
        let judged = |waiting| {
            let order = ModelOrder { waiting, filled: Qty(1), ..ModelOrder::EMPTY };
            judge(&order, OrdStatus::Canceled, Refusal::WaitedTooLong)
        };
        assert_eq!(judged(Waiting::BeyondLimit), Some(true));
        assert_eq!(judged(Waiting::NoVenue), Some(false));
        assert_eq!(judged(Waiting::VenueBusy), Some(false));
    }
}
