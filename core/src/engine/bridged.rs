//! Orders that go over a bridge: they fill at another instrument with the same base asset.
//!
//! A line belongs here if it plans, sends or books the leg of a client's order. What is left of the
//! bridge asset is `convert`.
//!
//! The client trades with an account of ours, the desk account, at a net price that was fixed when
//! the child was sent. So his execution is whole at once, and the price of the conversion is ours
//! to bear.

use super::{Engine, Out};
use crate::bridge::{BridgeWord, Leg};
use crate::child::Child;
use crate::id::{AccountId, InstrumentId};
use crate::input::{BridgeDef, ChildFill, OrdType, Side, TimeInForce};
use crate::number::{Amount, Notional, Qty};
use crate::order::{Order, OrderBridging};
use crate::output::{BridgeLine, Handover, Notice, Sink};
use crate::reference::amount_of;
use crate::routing::{
    BridgeAsk, RouteRequest, RoutingView, counted_price, decimals_of, fee_on_top, net_price,
};
use crate::strategy::Strategy;
use crate::table::Slot;

impl Engine {
    /// A bridge has been defined: there is room for its exposure and its children.
    pub(super) fn on_bridge_defined(&mut self, def: &BridgeDef) {
        self.bridging.place_of(def.account, def.desk, def.conversion);
        let slots = 1 << self.genesis.children_log2;
        self.bridging.legs.resize(slots, Leg::default());
        self.bridging.lines.reserve(self.reference.bridges().len());
    }

    /// Whether an order may go over a bridge: it takes, and needs neither all of its quantity nor a
    /// part of it at once.
    fn may_bridge(&self, order: &Order) -> bool {
        let takes = order.tif == TimeInForce::Ioc
            || order.ord_type == OrdType::Market && order.tif != TimeInForce::Fok;
        takes
            && !order.is_conversion()
            && order.strategy == Strategy::Cross
            && self.score_of(order).is_none()
    }

    /// Plans which part of an order's unplaced quantity goes over a bridge, and over which. Returns
    /// the quantity of its children. An order of an account without bridges costs one look.
    #[inline]
    pub(super) fn plan_bridges(&mut self, order: &Order, held: Qty, tells: bool) -> Qty {
        if self.reference.has_bridge(order.account) && held.is_zero() {
            return self.plan_over_bridges(order, tells);
        }
        if tells {
            self.bridging.forget();
        }
        Qty::ZERO
    }

    #[cold]
    fn plan_over_bridges(&mut self, order: &Order, tells: bool) -> Qty {
        self.bridging.forget();
        let why_not = if self.may_bridge(order) {
            (order.bridging == OrderBridging::Over).then_some(BridgeWord::NotFilled)
        } else {
            Some(BridgeWord::NotThisOrder)
        };
        if why_not.is_some() && !tells {
            return Qty::ZERO;
        }
        let request = self.route_request(order);
        let mut best = None;
        for at in 0..self.reference.bridges().len() {
            let def = self.reference.bridges()[at];
            let is_meant = (def.account, def.instrument) == (order.account, order.instrument);
            if !is_meant || !def.is_on() {
                continue;
            }
            let line = match why_not {
                Some(word) => {
                    let conversion = def.conversion;
                    BridgeLine { via: def.via, conversion, word, ..BridgeLine::default() }
                }
                None => self.plan_one(&request, &def, &mut best),
            };
            self.bridging.lines.push(line);
        }
        BridgeLine::keep_best(&mut self.bridging.lines, best);
        if best.is_some() { self.bridging.plan.line.qty } else { Qty::ZERO }
    }

    /// Plans over one bridge, and keeps the plan if it is better than those before. `best` is the
    /// bridge instrument of the plan that is kept.
    fn plan_one(
        &mut self,
        request: &RouteRequest,
        def: &BridgeDef,
        best: &mut Option<InstrumentId>,
    ) -> BridgeLine {
        let reference = self.reference_price(def.conversion);
        let ask = BridgeAsk { def, reference, room: self.legging_room(def) };
        let market =
            RoutingView::new(&self.reference, &self.books, &self.venues, &self.ledger, self.now);
        let memory = (&mut self.bridging.plan, &mut self.bridging.other);
        self.router.try_bridge(&market, request, &ask, best, memory)
    }

    /// Bridge asset that the account's orders may still leave unconverted.
    fn legging_room(&self, def: &BridgeDef) -> Amount {
        let at = self.bridging.find(def.account, def.desk, def.conversion);
        let counted = at.map_or(Amount::ZERO, |at| self.bridging.exposures[at].counted());
        Amount(def.legging_max.minus(counted).0.max(0))
    }

    /// Sends the children of the plan over a bridge. True if there is one.
    pub(super) fn send_bridged<S: Sink>(
        &mut self,
        order: &mut Order,
        out: &mut Out<'_, S>,
    ) -> bool {
        let Some(def) = self.bridging.plan.def else { return false };
        let Some(exposure) = self.bridging.find(def.account, def.desk, def.conversion) else {
            return false;
        };
        let request = RouteRequest { instrument: def.via, ..self.route_request(order) };
        let known = &mut self.bridging.exposures[exposure];
        (known.anchor, known.basis_ppm) = (self.bridging.plan.line.reference, def.basis_ppm);
        let mut sent = false;
        for at in 0..self.bridging.plan.len() {
            if order.live_children >= super::CHILDREN_PER_ORDER_MAX {
                break;
            }
            let (take, rate) = self.bridging.plan.take(at);
            let market = self.market();
            let leg = Leg {
                exposure: exposure as u16,
                rate,
                decimals: decimals_of(&self.reference, &def),
                counted_at: counted_price(&market, &request, &take),
                fee_ppm: fee_on_top(&market, &request, take.venue),
                pending: Amount::ZERO,
            };
            let terms = (TimeInForce::Ioc, false);
            let Some(id) = self.send_child_at(def.via, order, &take, terms, out) else { break };
            let slot = self.children.slot(id.0) as usize;
            self.bridging.legs[slot] = leg;
            if let Some(child) = self.children.get(id.0).copied() {
                self.count_leg(&child);
            }
            sent = true;
        }
        if sent {
            self.tell_exposure(exposure, out);
        }
        sent
    }

    /// Counts what a child at a bridge instrument may still add to its exposure.
    pub(super) fn count_leg(&mut self, child: &Child) {
        let slot = self.children.slot(child.id.0) as usize;
        let def = self.reference.instrument_of(child.instrument);
        let leg = &mut self.bridging.legs[slot];
        let now = if child.is_over() {
            Amount::ZERO
        } else {
            let value = amount_of(def, Notional::of(leg.counted_at, child.leaves()));
            value.with_ppm_on_top(leg.fee_ppm)
        };
        let exposure = &mut self.bridging.exposures[usize::from(leg.exposure)];
        exposure.pending = exposure.pending.plus(now.minus(leg.pending));
        exposure.is_told = false;
        leg.pending = now;
        self.bridging.is_due = true;
    }

    /// The account that an execution of a child is booked to.
    #[inline]
    pub(super) fn bears(&self, child: &Child, order: &Order) -> AccountId {
        if child.instrument == order.instrument {
            return order.account;
        }
        let leg = &self.bridging.legs[self.children.slot(child.id.0) as usize];
        self.bridging.exposures[usize::from(leg.exposure)].desk
    }

    /// Hands an execution at a bridge instrument over to the client's account, at the net price,
    /// and counts what it leaves to convert. Returns the execution as the client sees it. A fee in
    /// the base asset is the client's, as it is without a bridge; any other fee is in the price.
    pub(super) fn hand_over<S: Sink>(
        &mut self,
        child: &Child,
        order: &Order,
        fill: &ChildFill,
        qty: Qty,
        out: &mut Out<'_, S>,
    ) -> ChildFill {
        let leg = self.bridging.legs[self.children.slot(child.id.0) as usize];
        let at = usize::from(leg.exposure);
        let desk = self.bridging.exposures[at].desk;
        let def = *self.reference.instrument_of(order.instrument);
        let via = *self.reference.instrument_of(child.instrument);
        let net = net_price(fill.price, fill.side, leg.rate, leg.decimals);
        let price = net.unwrap_or(order.worst);
        let whole = fill.qty.0.max(1);
        let fee = if fill.fee_asset == def.base {
            Amount(fill.fee.0.saturating_mul(i128::from(qty.0)) / i128::from(whole))
        } else {
            Amount::ZERO
        };
        let (accounts, terms) = ((desk, order.account), (qty, price));
        self.ledger.hand_over(&def, accounts, fill.side, terms, (fill.fee_asset, fee));
        let value = amount_of(&via, Notional::of(fill.price, fill.qty));
        let paid = if fill.fee_asset == via.quote { fill.fee } else { Amount::ZERO };
        let by = match fill.side {
            Side::Buy => Amount(-value.plus(paid).0),
            Side::Sell => value.minus(paid),
        };
        self.bridging.change(at, by, self.now);
        let over = Handover {
            order: order.id,
            account: order.account,
            instrument: order.instrument,
            qty,
            price,
            fee,
        };
        out.notice(Notice::Bridged(desk, *fill, over));
        self.tell_exposure(at, out);
        let fee_asset = if fee == Amount::ZERO { def.quote } else { fill.fee_asset };
        ChildFill { instrument: order.instrument, price, fee, fee_asset, ..*fill }
    }
}
