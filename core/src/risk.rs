//! Checks before anything leaves, in a fixed order, each with its [`Refusal`].
//!
//! A line belongs here if it refuses a new order. It reads, and changes nothing but the rate
//! windows.

use crate::id::AccountId;
use crate::input::{NewOrder, OrdType, Refusal, Side, TimeInForce};
use crate::number::{Notional, Qty, UnixNanos};
use crate::rate::RateWindow;
use crate::reference::{Reference, amount_of};
use crate::routing::{Market, best_price, worse_by};

/// One second: the window of the accounts' order rate.
const RATE_WINDOW_NS: u64 = 1_000_000_000;

/// What an account has used of its limits.
#[derive(Clone, Copy, Debug, Default)]
pub struct AccountUse {
    requests: RateWindow,
    /// Orders that are not over.
    pub open_orders: u32,
}

impl AccountUse {
    /// Counts one order, replace or cancel; false when it is beyond the second's limit.
    pub const fn may_act(&mut self, now: UnixNanos, rate_per_s: u32) -> bool {
        self.requests.count(now.0, RATE_WINDOW_NS) <= rate_per_s
    }
}

/// Checks what the order says by itself and against reference data.
pub fn check_terms(reference: &Reference, order: &NewOrder) -> Result<(), Refusal> {
    let Some(def) = reference.instruments.get(order.instrument.index()) else {
        return Err(Refusal::UnknownSymbol);
    };
    let mut listings = reference.listings(order.instrument).filter(|l| l.enabled).peekable();
    if listings.peek().is_none() {
        return Err(Refusal::NoVenue);
    }
    let is_limit = order.ord_type == OrdType::Limit;
    if order.qty.0 <= 0 {
        return Err(Refusal::BadQuantity);
    }
    if order.qty > def.order_qty_max {
        return Err(Refusal::QuantityTooLarge);
    }
    if is_limit != (order.price.0 > 0) || order.price.0 < 0 {
        return Err(Refusal::BadPrice);
    }
    let mut refusal = Refusal::BadQuantity;
    for listing in listings {
        if order.qty.floor_to(listing.lot) != order.qty {
            continue;
        }
        if refusal == Refusal::BadQuantity {
            refusal = Refusal::BelowMinimum;
        }
        if order.qty < listing.qty_min {
            continue;
        }
        refusal = Refusal::BadPrice;
        if !is_limit || order.price.0 % listing.tick.0 == 0 {
            return Ok(());
        }
    }
    Err(refusal)
}

/// Execution instructions (FIX 18) that are carried out, or are so anyway.
const EXEC_INSTS: &[u8] = b"1HKQo";

/// Checks what the order says beside its terms, and refuses what is not carried out.
pub fn check_instructions(
    reference: &Reference,
    order: &NewOrder,
    now: UnixNanos,
) -> Result<(), Refusal> {
    let said = &order.instructions;
    if said.only.is_some_and(|venue| venue.index() >= reference.venues.len()) {
        return Err(Refusal::UnknownVenue);
    }
    if !said.exec_inst.is_within(EXEC_INSTS) {
        return Err(Refusal::UnsupportedExecInst);
    }
    if said.strategy != 0 || said.strategy_parameters != 0 {
        return Err(Refusal::UnsupportedStrategy);
    }
    if said.effective_at != UnixNanos(0) {
        return Err(Refusal::UnsupportedSchedule);
    }
    let sound = match order.tif {
        TimeInForce::Gtd => said.expire_at > now,
        _ => said.expire_at == UnixNanos(0),
    };
    if !sound {
        return Err(Refusal::BadExpireTime);
    }
    if said.min_qty != Qty::ZERO {
        return Err(Refusal::UnsupportedMinQty);
    }
    if said.display_qty != Qty::ZERO {
        return Err(Refusal::UnsupportedDisplayQty);
    }
    if said.cash_qty.0 != 0 {
        return Err(Refusal::UnsupportedCashQty);
    }
    Ok(())
}

/// Checks value and collar against the account's limits and the market.
pub fn check_value(
    market: &Market<'_>,
    account: AccountId,
    order: &NewOrder,
) -> Result<(), Refusal> {
    let limits = &market.reference.accounts[account.index()];
    let best = best_price(market, order.instrument, order.side).ok_or(Refusal::NoVenue);
    let price = match order.ord_type {
        OrdType::Market => best?,
        OrdType::Limit => order.price,
    };
    let def = market.reference.instrument_of(order.instrument);
    if amount_of(def, Notional::of(price, order.qty)) > limits.notional_max {
        return Err(Refusal::NotionalTooLarge);
    }
    let collar = worse_by(best?, order.side, limits.collar_ppm);
    let beyond = match order.side {
        Side::Buy => price > collar,
        Side::Sell => price < collar,
    };
    if beyond { Err(Refusal::PriceCollar) } else { Ok(()) }
}
