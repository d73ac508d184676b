//! Conversions: what orders have bought or sold over a bridge is turned into their quote asset.
//!
//! A line belongs here if it sends or books a conversion, or ends an exposure. The client's leg is
//! `bridged`.
//!
//! A conversion is an IOC order of the desk account, within the basis limit of two prices: the
//! reference price of now, and that of the decision that went over the bridge. It is routed like
//! any order, so its lost links and unknown outcomes are handled as theirs.

use super::{CONVERT_PAUSE_NS, CONVERT_RETRY_NS, Engine, Out};
use crate::bridge::{BridgeWord, Exposure};
use crate::id::OrderId;
use crate::input::{BridgeDef, ChildFill, Refusal, Side};
use crate::number::{AMOUNT_DECIMALS, Amount, Price, Qty, UnixNanos};
use crate::order::Order;
use crate::output::{Notice, Sink};
use crate::reference::{base_amount, ten_to};
use crate::routing::{RoutingView, conversion_request, why_not, worse_by};
use crate::table::Slot;

impl Engine {
    /// Tries to convert what is not converted, if something has happened that can help.
    #[inline]
    pub(super) fn convert_open<S: Sink>(&mut self, out: &mut Out<'_, S>) {
        let comes = self.bridging.retry_at.is_some_and(|at| at <= self.now);
        if self.bridging.is_due || comes {
            self.convert_all(out);
        }
    }

    #[cold]
    fn convert_all<S: Sink>(&mut self, out: &mut Out<'_, S>) {
        (self.bridging.is_due, self.bridging.retry_at) = (false, None);
        for at in 0..self.bridging.exposures.len() {
            let exposure = self.bridging.exposures[at];
            if !exposure.is_told {
                self.tell_exposure(at, out);
            }
            if exposure.id == 0 || exposure.order != OrderId(0) {
                continue;
            }
            let again = exposure.tried_at.0.saturating_add(CONVERT_PAUSE_NS);
            if exposure.tried_at != UnixNanos(0) && again > self.now.0 {
                self.convert_at(UnixNanos(again));
                continue;
            }
            let word = self.convert(at, out);
            self.tell_word(at, word, out);
            if word != BridgeWord::BelowMinimum {
                self.convert_at(UnixNanos(self.now.0.saturating_add(CONVERT_RETRY_NS)));
            }
        }
    }

    /// The timer for conversions is due then at the latest.
    fn convert_at(&mut self, at: UnixNanos) {
        let before = self.bridging.retry_at;
        self.bridging.retry_at = Some(before.map_or(at, |before| before.min(at)));
    }

    fn tell_word<S: Sink>(&mut self, at: usize, word: BridgeWord, out: &mut Out<'_, S>) {
        let exposure = &mut self.bridging.exposures[at];
        if exposure.id != 0 && exposure.order == OrderId(0) && exposure.word != word {
            exposure.word = word;
            self.tell_exposure(at, out);
        }
    }

    /// Tells what is to be converted, and why it is not.
    pub(super) fn tell_exposure<S: Sink>(&mut self, at: usize, out: &mut Out<'_, S>) {
        let exposure = &mut self.bridging.exposures[at];
        exposure.is_told = true;
        out.notice(Notice::Exposure(*exposure));
    }

    /// Sends an order that converts an exposure, or says why there is none.
    fn convert<S: Sink>(&mut self, at: usize, out: &mut Out<'_, S>) -> BridgeWord {
        let exposure = self.bridging.exposures[at];
        let (side, qty) = (exposure.side(), self.whole_units(&exposure));
        if qty.is_zero() {
            return BridgeWord::BelowMinimum;
        }
        let conversion = (exposure.desk, exposure.conversion);
        let as_order = Order::converting(OrderId(0), at as u16, conversion, side, (qty, Price(1)));
        if self.is_halted_for(&as_order) {
            return BridgeWord::Halted;
        }
        let Some(limit) = self.conversion_limit(&exposure) else {
            return BridgeWord::NoReference;
        };
        self.bridging.exposures[at].tried_at = self.now;
        let def = def_of(&exposure);
        let asked = conversion_request(&self.reference, (&def, side, self.closed), limit, qty);
        let market =
            RoutingView::new(&self.reference, &self.books, &self.venues, &self.ledger, self.now);
        let plan = self.router.make_plan(&market, &asked);
        if plan.sends_nothing() {
            let refusal = plan.refusal();
            return self.why_no_conversion(refusal, &exposure);
        }
        let Some(id) = self.orders.claim() else { return BridgeWord::CapacityReached };
        let slot = self.orders.slot(id);
        self.client_ids.forget(self.orders.in_slot(slot), slot);
        let (id, terms) = (OrderId(id), (qty, limit));
        let mut order = Order::converting(id, at as u16, conversion, side, terms);
        self.account_usage(exposure.desk).open_orders += 1;
        let known = &mut self.bridging.exposures[at];
        (known.order, known.word) = (id, BridgeWord::Converting);
        self.count_conversion(&order);
        self.tell_exposure(at, out);
        self.place(&mut order, out);
        order.check();
        self.orders.put(order);
        self.check_out(&order);
        BridgeWord::Converting
    }

    /// The plan of a conversion sends nothing, for this reason. Below the minimum is what is less
    /// than any venue takes; at better books it is not converted either.
    fn why_no_conversion(&self, refusal: Refusal, exposure: &Exposure) -> BridgeWord {
        let qty = self.whole_units(exposure);
        let mut listings = self.reference.listings(exposure.conversion);
        if listings.all(|listing| qty < Qty(listing.qty_min.0.max(listing.lot.0))) {
            return BridgeWord::BelowMinimum;
        }
        why_not(refusal)
    }

    /// What an exposure has to convert, in whole units of the conversion's quantity.
    fn whole_units(&self, exposure: &Exposure) -> Qty {
        let def = self.reference.instrument_of(exposure.conversion);
        let unit = ten_to(AMOUNT_DECIMALS - u32::from(def.qty_decimals));
        let whole = exposure.amount.0.saturating_abs() / unit;
        Qty(i64::try_from(whole).unwrap_or(i64::MAX))
    }

    /// The worst price of a conversion: within the basis limit of the reference price of now, and
    /// of that of the decision. So one bad price converts nothing.
    fn conversion_limit(&self, exposure: &Exposure) -> Option<Price> {
        let now = self.reference_price(exposure.conversion)?;
        let side = exposure.side();
        let [now, then] =
            [now, exposure.anchor].map(|price| worse_by(price, side, exposure.basis_ppm));
        Some(match side {
            Side::Buy => now.min(then),
            Side::Sell => now.max(then),
        })
    }

    /// Counts what an order that converts may still convert.
    fn count_conversion(&mut self, order: &Order) {
        let def = self.reference.instrument_of(order.instrument);
        let left = if order.is_over() { Qty::ZERO } else { order.leaves() };
        let left = base_amount(def, left);
        let exposure = &mut self.bridging.exposures[order.exposure()];
        exposure.converting = match order.side {
            Side::Buy => left,
            Side::Sell => Amount(-left.0),
        };
    }

    /// Books an execution of an order that converts to its exposure.
    pub(super) fn note_converted<S: Sink>(
        &mut self,
        order: &Order,
        (fill, of_order): (&ChildFill, Qty),
        out: &mut Out<'_, S>,
    ) {
        let def = *self.reference.instrument_of(order.instrument);
        let fee = if fill.fee_asset == def.base { fill.fee } else { Amount::ZERO };
        let base = base_amount(&def, fill.qty);
        let by = match fill.side {
            Side::Buy => base.minus(fee),
            Side::Sell => Amount(-base.plus(fee).0),
        };
        let at = order.exposure();
        self.bridging.change(at, by, self.now);
        if self.bridging.exposures[at].order == order.id {
            self.count_conversion(order);
        }
        if !of_order.is_zero() {
            out.notice(Notice::Converted(order.account, ChildFill { qty: of_order, ..*fill }));
        }
        self.tell_exposure(at, out);
    }

    /// An order that converts is over: what it has not converted is tried again.
    pub(super) fn conversion_is_over(&mut self, order: &Order) {
        self.count_conversion(order);
        let exposure = &mut self.bridging.exposures[order.exposure()];
        if exposure.order == order.id {
            (exposure.order, exposure.is_told) = (OrderId(0), false);
        }
        self.bridging.is_due = true;
    }

    /// Ends an exposure: the desk account keeps what is not converted.
    pub(super) fn keep_exposure<S: Sink>(
        &mut self,
        id: u64,
        out: &mut Out<'_, S>,
    ) -> Result<u32, Refusal> {
        let known = self.bridging.exposures.iter().position(|exposure| exposure.id == id);
        let at = known.filter(|_| id != 0).ok_or(Refusal::UnknownOrder)?;
        if self.bridging.exposures[at].order != OrderId(0) {
            return Err(Refusal::AlreadyPending);
        }
        let kept = self.bridging.exposures[at].amount;
        self.bridging.change(at, Amount(-kept.0), self.now);
        let told = Exposure { id, word: BridgeWord::Kept, ..self.bridging.exposures[at] };
        out.notice(Notice::Exposure(told));
        Ok(1)
    }
}

/// What a conversion needs to know of the bridges that share the exposure.
const fn def_of(exposure: &Exposure) -> BridgeDef {
    BridgeDef {
        account: exposure.account,
        desk: exposure.desk,
        instrument: exposure.conversion,
        via: exposure.conversion,
        conversion: exposure.conversion,
        basis_ppm: exposure.basis_ppm,
        legging_max: Amount::ZERO,
    }
}
