//! Previews: what would become of an order at this moment.
//!
//! A line belongs here if it answers [`OperatorCommand::Preview`](crate::input::OperatorCommand).
//! Nothing here sends a child, binds funds, counts a request, or takes an id. A preview makes the
//! checks of a new order and asks the router as `place` does.

use super::place::Unsent;
use super::{Engine, Out};
use crate::id::{AccountId, ClOrdId, OrderId};
use crate::input::{Instructions, NewOrder, OrdType, Preview, Refusal};
use crate::number::{Price, Qty};
use crate::order::Order;
use crate::output::{Output, Previewed, Sink};
use crate::routing::Search;
use crate::waiting::Waiting;

impl Engine {
    /// Answers a preview with the plan that its order would get, or with the refusal.
    pub(super) fn preview<S: Sink>(
        &mut self,
        request: u64,
        asked: &Preview,
        out: &mut Out<'_, S>,
    ) -> Result<(), Refusal> {
        let account = self.reference.account_of(asked.session).ok_or(Refusal::UnsupportedScope)?;
        let new = order_of(asked);
        let (refusal, waits) = match self.check_preview(&new, account) {
            Ok(Price(0)) => (Refusal::None, Waiting::NoReference),
            Ok(worst) => {
                let mut order = Order::accepted(OrderId(u64::MAX), account, 0, &new);
                self.set_terms(&mut order, worst);
                if !self.joins_queue(&order) {
                    self.preview_plan(request, &mut order, out);
                    return Ok(());
                }
                (Refusal::None, Waiting::VenueBusy)
            }
            Err(refusal) => (refusal, Waiting::Nothing),
        };
        let (given_back, search) = (Refusal::None, Search::default());
        let told = Previewed::Order { refusal, given_back, waits, search };
        out.put(&Output::Preview(request, told));
        Ok(())
    }

    /// Makes the checks of a new order. What a check notes down is taken back: the request of an
    /// account is not counted, and no reference price is remembered.
    fn check_preview(&mut self, new: &NewOrder, account: AccountId) -> Result<Price, Refusal> {
        let id = self.client_ids.hashed(new.session, new.cl_ord_id);
        let usage = self.accounts[account.index()];
        let remembered = self.prices.get(new.instrument.index()).copied();
        let checked = self.check_request(new, &id, account, None);
        self.accounts[account.index()] = usage;
        if let Some(price) = remembered {
            self.prices[new.instrument.index()] = price;
        }
        checked
    }

    fn preview_plan<S: Sink>(&mut self, request: u64, order: &mut Order, out: &mut Out<'_, S>) {
        let in_way = self.find_in_way(order);
        let held = in_way.map_or(Qty::ZERO, |in_way| in_way.held);
        if held == order.qty {
            let (refusal, given_back) = (Refusal::None, Refusal::None);
            let (waits, search) = (Waiting::CallingBack, Search::default());
            let told = Previewed::Order { refusal, given_back, waits, search };
            return out.put(&Output::Preview(request, told));
        }
        self.ask_router(order, held);
        let plan = self.router.plan();
        let shown: i64 = plan.lines().iter().map(|line| line.shown.0).sum();
        let left = order.qty.0 - shown - plan.rest.map_or(0, |rest| rest.qty.0);
        order.live_children = (plan.takes().len() + usize::from(plan.rest.is_some())) as u16;
        let (given_back, waits) = match self.unsent(order) {
            _ if !held.is_zero() => (Refusal::None, Waiting::CallingBack),
            _ if left == 0 => (Refusal::None, Waiting::Nothing),
            Unsent::GivenBack(refusal) => (refusal, Waiting::Nothing),
            Unsent::Waits(why, _) => (Refusal::None, why),
        };
        let (refusal, search) = (Refusal::None, plan.search);
        let told = Previewed::Order { refusal, given_back, waits, search };
        out.put(&Output::Preview(request, told));
        for line in plan.lines() {
            let take = plan.takes().iter().find(|child| child.venue == line.venue).copied();
            let rest = plan.rest.filter(|child| child.venue == line.venue);
            out.put(&Output::Preview(request, Previewed::Venue { line: *line, take, rest }));
        }
    }
}

/// The order that is asked about. No client's id is empty, so an empty id is unused.
fn order_of(asked: &Preview) -> NewOrder {
    let Preview { session, instrument, side, tif, qty, price, only } = *asked;
    NewOrder {
        session,
        client_seq: 0,
        cl_ord_id: ClOrdId::EMPTY,
        instrument,
        side,
        ord_type: if price == Price(0) { OrdType::Market } else { OrdType::Limit },
        tif,
        qty,
        price,
        instructions: Instructions { only, ..Instructions::default() },
        poss_resend: false,
        trace: 0,
    }
}
