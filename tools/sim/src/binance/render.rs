//! JSON of orders, trades, balances and events, shared by REST and the WebSocket API.
//!
//! A line belongs here if it turns engine data into JSON. Names and order of members follow the
//! samples of the venue reference (Binance), sections 4, 5 and 9.

use super::super::decimal::format;
use super::super::engine::{
    AMOUNT_DECIMALS, Amount, AssetId, Balance, EndReason, Exchange, Fill, InstrumentConfig, Order,
    OrderKind, OrderStatus, Report, ReportKind, Side, Stp, Tif,
};
use super::json::{Object, array};

/// Digits after the point in every price, quantity and amount.
pub(super) const SHOWN_DECIMALS: u32 = 8;

/// Unit of timestamps in answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum TimeUnit {
    #[default]
    Millis,
    Micros,
}

impl TimeUnit {
    pub fn of(self, ns: u64) -> u64 {
        match self {
            Self::Millis => ns / 1_000_000,
            Self::Micros => ns / 1_000,
        }
    }

    /// Reads `timeUnit` of a URL, or the header `X-MBX-TIME-UNIT`.
    pub fn parse(text: Option<&str>) -> Self {
        match text {
            Some("MICROSECOND" | "microsecond") => Self::Micros,
            _ => Self::Millis,
        }
    }
}

pub(super) fn price(instrument: &InstrumentConfig, price: i64) -> String {
    format(i128::from(price), instrument.price_decimals, SHOWN_DECIMALS)
}

pub(super) fn quantity(instrument: &InstrumentConfig, quantity: i64) -> String {
    format(i128::from(quantity), instrument.quantity_decimals, SHOWN_DECIMALS)
}

pub(super) fn amount(amount: Amount) -> String {
    format(amount, AMOUNT_DECIMALS, SHOWN_DECIMALS)
}

pub(super) fn side(side: Side) -> &'static str {
    match side {
        Side::Buy => "BUY",
        Side::Sell => "SELL",
    }
}

pub(super) fn order_type(order: &Order) -> &'static str {
    match (order.kind, order.post_only) {
        (OrderKind::Market, _) => "MARKET",
        (OrderKind::Limit, true) => "LIMIT_MAKER",
        (OrderKind::Limit, false) => "LIMIT",
    }
}

pub(super) fn time_in_force(order: &Order) -> &'static str {
    match (order.kind, order.tif) {
        (OrderKind::Market, _) | (_, Tif::Gtc) => "GTC",
        (_, Tif::Ioc) => "IOC",
        (_, Tif::Fok) => "FOK",
    }
}

pub(super) fn status(status: OrderStatus) -> &'static str {
    match status {
        OrderStatus::New => "NEW",
        OrderStatus::PartiallyFilled => "PARTIALLY_FILLED",
        OrderStatus::Filled => "FILLED",
        OrderStatus::Canceled => "CANCELED",
        OrderStatus::Expired => "EXPIRED",
        OrderStatus::ExpiredInMatch => "EXPIRED_IN_MATCH",
    }
}

pub(super) fn stp(stp: Stp) -> &'static str {
    match stp {
        Stp::Allow => "NONE",
        Stp::ExpireTaker => "EXPIRE_TAKER",
        Stp::ExpireMaker => "EXPIRE_MAKER",
        Stp::ExpireBoth => "EXPIRE_BOTH",
    }
}

/// Reason of an expiry in member `eR`.
pub(super) fn expiry_reason(end: Option<EndReason>) -> Option<&'static str> {
    match end? {
        EndReason::Ioc => Some("UNFILLED_IOC_QUANTITY_EXPIRED"),
        EndReason::Fok => Some("UNFILLED_FOK_ORDER_EXPIRED"),
        EndReason::NoLiquidity => Some("INSUFFICIENT_LIQUIDITY"),
        EndReason::User
        | EndReason::SelfTrade
        | EndReason::PostOnly
        | EndReason::Amend
        | EndReason::Time
        | EndReason::Disconnect
        | EndReason::Venue => None,
    }
}

/// Renders against one exchange in one time unit.
#[derive(Clone, Copy)]
pub(super) struct Renderer<'a> {
    pub exchange: &'a Exchange,
    pub unit: TimeUnit,
}

impl Renderer<'_> {
    fn instrument(&self, order: &Order) -> &InstrumentConfig {
        self.exchange.instrument_config(order.instrument)
    }

    fn asset(&self, asset: AssetId) -> &str {
        self.exchange.assets().get(asset.0 as usize).map_or("", String::as_str)
    }

    /// Answer to a new order: the members of ACK, and those that RESULT adds.
    pub fn new_order(&self, order: &Order, result: bool, fills: Option<&[Fill]>) -> String {
        let config = self.instrument(order);
        let ack = Object::new()
            .text("symbol", &config.symbol)
            .number("orderId", order.id)
            .raw("orderListId", "-1")
            .text("clientOrderId", &order.client_id)
            .number("transactTime", self.unit.of(order.updated_ns));
        if !result {
            return ack.finish();
        }
        let mut full = self.quantities(ack, order);
        if let Some(since) = order.working_since_ns {
            full = full.number("workingTime", self.unit.of(since));
        }
        if let Some(fills) = fills {
            full = full.raw("fills", &array(fills.iter().map(|f| self.fill(config, f))));
        }
        full.text("selfTradePreventionMode", stp(order.stp)).finish()
    }

    fn fill(&self, config: &InstrumentConfig, fill: &Fill) -> String {
        Object::new()
            .text("price", &price(config, fill.price))
            .text("qty", &quantity(config, fill.quantity))
            .text("commission", &amount(fill.fee))
            .text("commissionAsset", self.asset(fill.fee_asset))
            .number("tradeId", fill.trade_id)
            .finish()
    }

    fn quantities(&self, object: Object, order: &Order) -> Object {
        let config = self.instrument(order);
        object
            .text("price", &price(config, order.price))
            .text("origQty", &quantity(config, order.quantity))
            .text("executedQty", &quantity(config, order.filled))
            .text("origQuoteOrderQty", &amount(order.quote_ordered.unwrap_or(0)))
            .text("cummulativeQuoteQty", &amount(order.filled_quote))
            .text("status", status(order.status))
            .text("timeInForce", time_in_force(order))
            .text("type", order_type(order))
            .text("side", side(order.side))
    }

    /// Answer to a cancel.
    pub fn canceled(&self, order: &Order, request_id: &str) -> String {
        let config = self.instrument(order);
        let object = Object::new()
            .text("symbol", &config.symbol)
            .text("origClientOrderId", &order.client_id)
            .number("orderId", order.id)
            .raw("orderListId", "-1")
            .text("clientOrderId", request_id)
            .number("transactTime", self.unit.of(order.updated_ns));
        self.quantities(object, order).text("selfTradePreventionMode", stp(order.stp)).finish()
    }

    /// An order in the answer to a query.
    pub fn order(&self, order: &Order) -> String {
        let config = self.instrument(order);
        let object = Object::new()
            .text("symbol", &config.symbol)
            .number("orderId", order.id)
            .raw("orderListId", "-1")
            .text("clientOrderId", &order.client_id)
            .text("price", &price(config, order.price))
            .text("origQty", &quantity(config, order.quantity))
            .text("executedQty", &quantity(config, order.filled))
            .text("cummulativeQuoteQty", &amount(order.filled_quote))
            .text("status", status(order.status))
            .text("timeInForce", time_in_force(order))
            .text("type", order_type(order))
            .text("side", side(order.side))
            .text("stopPrice", "0.00000000")
            .text("icebergQty", "0.00000000")
            .number("time", self.unit.of(order.created_ns))
            .number("updateTime", self.unit.of(order.updated_ns))
            .flag("isWorking", true)
            .number("workingTime", self.unit.of(order.working_since_ns.unwrap_or(order.created_ns)))
            .text("origQuoteOrderQty", &amount(order.quote_ordered.unwrap_or(0)));
        object.text("selfTradePreventionMode", stp(order.stp)).finish()
    }

    /// Answer to an amend.
    pub fn amended(&self, order: &Order, old_client_id: &str, execution_id: u64) -> String {
        let config = self.instrument(order);
        let amended = Object::new()
            .text("symbol", &config.symbol)
            .number("orderId", order.id)
            .raw("orderListId", "-1")
            .text("origClientOrderId", old_client_id)
            .text("clientOrderId", &order.client_id)
            .text("price", &price(config, order.price))
            .text("qty", &quantity(config, order.quantity))
            .text("executedQty", &quantity(config, order.filled))
            .text("preventedQty", "0.00000000")
            .text("quoteOrderQty", "0.00000000")
            .text("cumulativeQuoteQty", &amount(order.filled_quote))
            .text("status", status(order.status))
            .text("timeInForce", time_in_force(order))
            .text("type", order_type(order))
            .text("side", side(order.side))
            .number("workingTime", self.unit.of(order.working_since_ns.unwrap_or(order.created_ns)))
            .text("selfTradePreventionMode", stp(order.stp))
            .finish();
        Object::new()
            .number("transactTime", self.unit.of(order.updated_ns))
            .number("executionId", execution_id)
            .raw("amendedOrder", &amended)
            .finish()
    }

    /// One row of `myTrades`.
    pub fn my_trade(&self, fill: &Fill) -> String {
        let config = self.exchange.instrument_config(fill.instrument);
        Object::new()
            .text("symbol", &config.symbol)
            .number("id", fill.trade_id)
            .number("orderId", fill.order_id)
            .raw("orderListId", "-1")
            .text("price", &price(config, fill.price))
            .text("qty", &quantity(config, fill.quantity))
            .text("quoteQty", &amount(fill.quote))
            .text("commission", &amount(fill.fee))
            .text("commissionAsset", self.asset(fill.fee_asset))
            .number("time", self.unit.of(fill.time_ns))
            .flag("isBuyer", fill.side == Side::Buy)
            .flag("isMaker", fill.maker)
            .flag("isBestMatch", true)
            .finish()
    }

    /// `executionReport`, without the subscription wrapper.
    pub fn execution_report(&self, report: &Report, sent_ns: u64) -> String {
        let order = &report.order;
        let config = self.instrument(order);
        let (client, original) = client_ids(report);
        let fill = match &report.kind {
            ReportKind::Trade(fill) => Some(fill),
            _ => None,
        };
        let on_book = order.status.is_open() && order.tif == Tif::Gtc;
        let mut event = Object::new()
            .text("e", "executionReport")
            .number("E", self.unit.of(sent_ns))
            .text("s", &config.symbol)
            .text("c", client)
            .text("S", side(order.side))
            .text("o", order_type(order))
            .text("f", time_in_force(order))
            .text("q", &quantity(config, order.quantity))
            .text("p", &price(config, order.price))
            .text("P", "0.00000000")
            .text("F", "0.00000000")
            .raw("g", "-1")
            .text("C", original)
            .text("x", execution_type(report))
            .text("X", status(order.status))
            .text("r", "NONE")
            .number("i", order.id)
            .text("l", &quantity(config, fill.map_or(0, |f| f.quantity)))
            .text("z", &quantity(config, order.filled))
            .text("L", &price(config, fill.map_or(0, |f| f.price)));
        event = match fill {
            Some(f) => event.text("n", &amount(f.fee)).text("N", self.asset(f.fee_asset)),
            None => event.text("n", "0").raw("N", "null"),
        };
        event = event.number("T", self.unit.of(report.time_ns));
        event = match fill {
            Some(f) => event.number("t", f.trade_id),
            None => event.raw("t", "-1"),
        };
        event = event
            .number("I", report.exec_id)
            .flag("w", on_book)
            .flag("m", fill.is_some_and(|f| f.maker))
            .flag("M", fill.is_some())
            .number("O", self.unit.of(order.created_ns))
            .text("Z", &amount(order.filled_quote))
            .text("Y", &amount(fill.map_or(0, |f| f.quote)))
            .text("Q", &amount(order.quote_ordered.unwrap_or(0)));
        if let Some(since) = order.working_since_ns {
            event = event.number("W", self.unit.of(since));
        }
        event = event.text("V", stp(order.stp));
        if order.status == OrderStatus::ExpiredInMatch {
            let prevented = quantity(config, order.quantity - order.filled);
            event = event.number("v", report.exec_id).text("A", &prevented).text("B", &prevented);
        }
        if let Some(reason) = expiry_reason(order.end) {
            event = event.text("eR", reason);
        }
        event.finish()
    }

    /// `outboundAccountPosition` with the assets of a report.
    pub fn position(&self, report: &Report, sent_ns: u64) -> String {
        let (base, quote) = self.exchange.pair(report.order.instrument);
        let rows = [(base, report.base), (quote, report.quote)];
        Object::new()
            .text("e", "outboundAccountPosition")
            .number("E", self.unit.of(sent_ns))
            .number("u", self.unit.of(report.time_ns))
            .raw("B", &array(rows.map(|(asset, balance)| self.position_row(asset, balance))))
            .finish()
    }

    fn position_row(&self, asset: AssetId, balance: Balance) -> String {
        Object::new()
            .text("a", self.asset(asset))
            .text("f", &amount(balance.free))
            .text("l", &amount(balance.locked))
            .finish()
    }

    /// `balanceUpdate`.
    pub fn balance_update(&self, asset: AssetId, delta: Amount, at_ns: u64) -> String {
        Object::new()
            .text("e", "balanceUpdate")
            .number("E", self.unit.of(at_ns))
            .text("a", self.asset(asset))
            .text("d", &amount(delta))
            .number("T", self.unit.of(at_ns))
            .finish()
    }
}

/// The client ids of a report: that of the request and, if it differs, that of the order.
pub(super) fn client_ids(report: &Report) -> (&str, &str) {
    match (&report.request_id, &report.old_client_id) {
        (Some(request), _) => (request, &report.order.client_id),
        (None, Some(old)) => (&report.order.client_id, old),
        (None, None) => (&report.order.client_id, ""),
    }
}

fn execution_type(report: &Report) -> &'static str {
    match report.kind {
        ReportKind::Accepted => "NEW",
        ReportKind::Trade(_) => "TRADE",
        ReportKind::Canceled => "CANCELED",
        ReportKind::Expired if report.order.status == OrderStatus::ExpiredInMatch => {
            "TRADE_PREVENTION"
        }
        ReportKind::Expired => "EXPIRED",
        ReportKind::Amended { .. } => "REPLACED",
    }
}
