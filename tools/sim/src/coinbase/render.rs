//! JSON of orders, fills, products and accounts, and the numbers in them.
//!
//! A line belongs here if it turns engine data into text. Names and order of members follow the
//! samples of the venue reference (Coinbase Exchange), sections 5 to 7.

use super::ids;
use super::orders::steps;
use crate::decimal;
use crate::engine::{
    AMOUNT_DECIMALS, Amount, EndReason, Exchange, Fill, InstrumentConfig, Order, OrderKind, Side,
    Stp, Tif, Trading,
};
use crate::json::Object;
use crate::time;

/// A price with the decimals of the product's step.
pub(super) fn price(config: &InstrumentConfig, price: i64) -> String {
    let shown = decimal::written_decimals(&steps(config).tick);
    decimal::format(i128::from(price), config.price_decimals, shown as u32)
}

/// A quantity with all its decimals.
pub(super) fn quantity(config: &InstrumentConfig, quantity: i64) -> String {
    decimal::format(i128::from(quantity), config.quantity_decimals, config.quantity_decimals)
}

/// A quantity without trailing zeros.
pub(super) fn short_quantity(config: &InstrumentConfig, quantity: i64) -> String {
    decimal::format_trimmed(i128::from(quantity), config.quantity_decimals)
}

/// An amount with 16 decimals.
pub(super) fn amount(amount: Amount) -> String {
    decimal::format(amount, AMOUNT_DECIMALS, AMOUNT_DECIMALS)
}

pub(super) const fn side(side: Side) -> &'static str {
    match side {
        Side::Buy => "buy",
        Side::Sell => "sell",
    }
}

const fn time_in_force(tif: Tif) -> &'static str {
    match tif {
        Tif::Gtc => "GTC",
        Tif::Ioc => "IOC",
        Tif::Fok => "FOK",
    }
}

const fn stp(stp: Stp) -> &'static str {
    match stp {
        Stp::Allow => "",
        Stp::ExpireMaker => "co",
        Stp::ExpireTaker => "cn",
        Stp::ExpireBoth => "cb",
    }
}

/// `cancel_reason` of a cancelled order.
pub(super) const fn cancel_reason(end: Option<EndReason>) -> &'static str {
    match end {
        Some(EndReason::Ioc | EndReason::Fok | EndReason::Time) => "101:Time In Force",
        Some(EndReason::SelfTrade) => "102:Self Trade Prevention",
        Some(EndReason::Venue) => "103:Admin",
        Some(EndReason::NoLiquidity) => "106:Insufficient Liquidity",
        Some(EndReason::User | EndReason::PostOnly | EndReason::Amend | EndReason::Disconnect)
        | None => "",
    }
}

/// An order as `GET /orders` and `POST /orders` tell it.
pub(super) fn order(exchange: &Exchange, order: &Order, is_new: bool) -> String {
    let config = exchange.instrument_config(order.instrument);
    let is_limit = order.kind == OrderKind::Limit;
    let mut json = Object::new().text("id", &ids::order(order.id));
    if is_limit {
        json = json.text("price", &price(config, order.price));
    }
    json = json.text("size", &quantity(config, order.quantity));
    if let Some(funds) = order.quote_ordered {
        json = json.text("funds", &amount(funds));
    }
    json = json
        .text("product_id", &config.symbol)
        .text("profile_id", &ids::profile(order.account.0))
        .text("side", side(order.side))
        .text("type", if is_limit { "limit" } else { "market" });
    if is_limit {
        json =
            json.text("time_in_force", time_in_force(order.tif)).flag("post_only", order.post_only);
    }
    if !stp(order.stp).is_empty() {
        json = json.text("stp", stp(order.stp));
    }
    if !order.client_id.is_empty() {
        json = json.text("client_oid", &order.client_id);
    }
    json = json.text("created_at", &time::format(order.created_ns));
    let is_done = !order.status.is_open();
    let status = if is_new {
        "pending"
    } else if is_done {
        "done"
    } else {
        "open"
    };
    if is_done && !is_new {
        let reason = if order.end.is_none() { "filled" } else { "canceled" };
        json = json.text("done_at", &time::format(order.updated_ns)).text("done_reason", reason);
    }
    json.text("fill_fees", &amount(order.fees))
        .text("filled_size", &quantity(config, order.filled))
        .text("executed_value", &amount(order.filled_quote))
        .text("status", status)
        .flag("settled", is_done)
        .finish()
}

/// A row of `GET /fills`.
pub(super) fn fill(exchange: &Exchange, account: u32, fill: &Fill) -> String {
    let config = exchange.instrument_config(fill.instrument);
    Object::new()
        .number("trade_id", fill.trade_id)
        .text("product_id", &config.symbol)
        .text("order_id", &ids::order(fill.order_id))
        .text("user_id", &format!("{account:024x}"))
        .text("profile_id", &ids::profile(account))
        .text("liquidity", if fill.maker { "M" } else { "T" })
        .text("price", &price(config, fill.price))
        .text("size", &quantity(config, fill.quantity))
        .text("fee", &amount(fill.fee))
        .text("created_at", &time::format(fill.time_ns))
        .text("side", side(fill.side))
        .flag("settled", true)
        .finish()
}

/// A row of `GET /products`.
pub(super) fn product(config: &InstrumentConfig, trading: Trading) -> String {
    let steps = steps(config);
    Object::new()
        .text("id", &config.symbol)
        .text("base_currency", &config.base)
        .text("quote_currency", &config.quote)
        .text("quote_increment", &steps.tick)
        .text("base_increment", &steps.lot)
        .text("display_name", &config.symbol)
        .text("min_market_funds", &steps.notional_min)
        .flag("margin_enabled", false)
        .flag("post_only", trading == Trading::PostOnly)
        .flag("limit_only", false)
        .flag("cancel_only", trading == Trading::CancelOnly)
        .text("status", "online")
        .text("status_message", "")
        .flag("trading_disabled", trading == Trading::Halted)
        .flag("fx_stablecoin", false)
        .text("max_slippage_percentage", "0.02000000")
        .flag("auction_mode", false)
        .text("high_bid_limit_percentage", "")
        .finish()
}

/// A row of `GET /currencies`.
pub(super) fn currency(name: &str) -> String {
    Object::new()
        .text("id", name)
        .text("name", name)
        .text("min_size", "0.00000001")
        .text("status", "online")
        .text("message", "")
        .text("max_precision", "0.00000001")
        .raw("convertible_to", "[]")
        .raw("details", "{\"type\":\"crypto\",\"symbol\":null,\"network_confirmations\":2}")
        .text("default_network", "")
        .raw("supported_networks", "[]")
        .finish()
}
