//! Previews: what would become of an order at this moment.
//!
//! A line belongs here if it answers a client's [`Input::Preview`](crate::input::Input::Preview) or
//! an operator's [`OperatorCommand::Preview`](crate::input::OperatorCommand). Nothing here sends a
//! child, binds funds, counts a request, or takes an id. A preview makes the checks of a new order
//! and asks the router as `place` does.

use super::place::Unsent;
use super::{Engine, Out};
use crate::id::{AccountId, ClOrdId, OrderId, SessionId};
use crate::input::{Instructions, NewOrder, OrdType, Preview, Refusal};
use crate::number::{Price, Qty};
use crate::order::Order;
use crate::output::{ClientPreview, Output, Previewed, Sink};
use crate::routing::{Search, all_in};
use crate::strategy::StrategyTerms;
use crate::waiting::Waiting;

/// Who asks.
#[derive(Clone, Copy)]
enum Asker {
    /// An operator, with the number of the request at the console.
    Operator(u64),
    /// A client session, with the `client_seq` of its message.
    Client(SessionId, u64),
}

impl Asker {
    /// Tells a part of the answer. `paid` is what a venue's part costs or brings with fees.
    fn tell<S: Sink>(self, part: Previewed, paid: i128, out: &mut Out<'_, S>) {
        out.put(&match self {
            Self::Operator(request) => Output::Preview(request, part),
            Self::Client(session, client_seq) => {
                let part = Some(part);
                Output::ClientPreview(ClientPreview { session, client_seq, part, paid })
            }
        });
    }
}

impl Engine {
    /// Answers a client's preview.
    pub(super) fn on_preview<S: Sink>(&mut self, new: &NewOrder, out: &mut Out<'_, S>) {
        let Some(account) = self.reference.account_of(new.session) else { return };
        self.note_seq(new.session, new.client_seq);
        let (session, client_seq) = (new.session, new.client_seq);
        self.answer_preview(Asker::Client(session, client_seq), new, account, out);
        let end = ClientPreview { session, client_seq, part: None, paid: 0 };
        out.put(&Output::ClientPreview(end));
    }

    /// Answers an operator's preview with the plan that its order would get, or with the refusal.
    pub(super) fn preview<S: Sink>(
        &mut self,
        request: u64,
        asked: &Preview,
        strategy: u32,
        out: &mut Out<'_, S>,
    ) -> Result<(), Refusal> {
        let account = self.reference.account_of(asked.session).ok_or(Refusal::UnsupportedScope)?;
        self.answer_preview(Asker::Operator(request), &order_of(asked, strategy), account, out);
        Ok(())
    }

    fn answer_preview<S: Sink>(
        &mut self,
        asker: Asker,
        new: &NewOrder,
        account: AccountId,
        out: &mut Out<'_, S>,
    ) {
        let addressed = self.addressed(new, account);
        let new = addressed.as_ref().unwrap_or(new);
        let (refusal, waits) = match self.check_preview(new, account) {
            Ok(Price(0)) => (Refusal::None, Waiting::NoReference),
            Ok(worst) => {
                let mut order = Order::accepted(OrderId(u64::MAX), account, 0, new);
                self.set_terms(&mut order, worst);
                if !self.joins_queue(&order) {
                    return self.preview_as_asked(asker, &mut order, &new.instructions, out);
                }
                (Refusal::None, Waiting::VenueBusy)
            }
            Err(refusal) => (refusal, Waiting::Nothing),
        };
        let (given_back, search) = (Refusal::None, Search::default());
        asker.tell(Previewed::Order { refusal, given_back, waits, search }, 0, out);
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

    /// Plans with the terms that the order's strategy would remember. They are in the place of
    /// another order while the plan is made, and that order's terms are put back.
    fn preview_as_asked<S: Sink>(
        &mut self,
        asker: Asker,
        order: &mut Order,
        asked: &Instructions,
        out: &mut Out<'_, S>,
    ) {
        let slot = self.orders.slot(order.id.0) as usize;
        let asked = StrategyTerms::asked(order.strategy, asked, self.now);
        let kept = core::mem::replace(&mut self.strategy_terms[slot], asked);
        self.preview_plan(asker, order, out);
        self.strategy_terms[slot] = kept;
    }

    fn preview_plan<S: Sink>(&mut self, asker: Asker, order: &mut Order, out: &mut Out<'_, S>) {
        let in_way = self.find_in_way(order);
        let held = in_way.map_or(Qty::ZERO, |in_way| in_way.held);
        if held == order.qty {
            let (refusal, given_back) = (Refusal::None, Refusal::None);
            let (waits, search) = (Waiting::CallingBack, Search::default());
            return asker.tell(Previewed::Order { refusal, given_back, waits, search }, 0, out);
        }
        let bridged = self.plan_bridges(order, held, true);
        self.ask_router(order, Qty(held.0 + bridged.0));
        let (plan, bridge) = (self.router.plan(), &self.bridging.plan);
        let over = if bridge.is_empty() { Qty::ZERO } else { bridge.line.shown };
        let shown = plan.shown().0 + over.0;
        let left = order.qty.0 - shown - plan.rests().iter().map(|rest| rest.qty.0).sum::<i64>();
        order.live_children = (plan.takes().len() + plan.rests().len() + bridge.len()) as u16;
        let (given_back, waits) = match self.unsent(order) {
            _ if !held.is_zero() => (Refusal::None, Waiting::CallingBack),
            _ if left == 0 => (Refusal::None, Waiting::Nothing),
            Unsent::GivenBack(refusal) => (refusal, Waiting::Nothing),
            Unsent::Waits(why, _) => (Refusal::None, why),
        };
        let (refusal, search) = (Refusal::None, plan.search);
        asker.tell(Previewed::Order { refusal, given_back, waits, search }, 0, out);
        for line in plan.lines() {
            let take = plan.takes().iter().find(|child| child.venue == line.venue).copied();
            let rest = plan.rests().iter().find(|child| child.venue == line.venue).copied();
            let terms = self.reference.terms(order.account, order.instrument, line.venue);
            let paid = terms.map_or(0, |terms| all_in(&terms, order.side, line.value));
            asker.tell(Previewed::Venue { line: *line, take, rest }, paid, out);
        }
        for line in &self.bridging.lines {
            asker.tell(Previewed::Bridge(*line), 0, out);
        }
    }
}

/// The order that is asked about. No client's id is empty, so an empty id is unused.
fn order_of(asked: &Preview, strategy: u32) -> NewOrder {
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
        instructions: Instructions { only, strategy, ..Instructions::default() },
        poss_resend: false,
        trace: 0,
    }
}
