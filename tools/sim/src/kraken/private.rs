//! The private channels: executions and balances.
//!
//! A line belongs here if it renders an account's own data. Source: venue reference (Kraken),
//! sections 4.3 and 4.4. Only the first message of an order and the trade messages have all fields;
//! a client joins the small updates by order id. The sequence counts the messages of one
//! subscription; the snapshot has number 1.

use std::fmt::Write as _;

use super::orders::{tif_text, user_ref};
use super::params::quoted;
use super::{Kraken, ids, number};
use crate::front::{ConnId, FrontAction};
use crate::order::{
    AMOUNT_DECIMALS, AccountId, Amount, AssetId, EndReason, Fill, Order, OrderKind, OrderRef,
    OrderStatus, Report, ReportKind, Side,
};
use crate::time;

/// Most fills in a snapshot with `snap_trades`.
const SNAPSHOT_FILLS: usize = 50;

/// Decimals of an average price beyond those of the instrument.
const AVERAGE_EXTRA_DECIMALS: u32 = 4;

impl Kraken {
    /// Sends an order's change to the account's connections.
    pub(super) fn tell_report(&mut self, now_ns: u64, report: &Report, out: &mut Vec<FrontAction>) {
        let order = &report.order;
        let at = time::format(report.time_ns);
        let mut elements = Vec::with_capacity(2);
        match &report.kind {
            ReportKind::Accepted => {
                elements.push(self.full(order, "pending_new", "pending_new", &at));
                elements.push(self.small(order, "new", "new", &at, false));
            }
            ReportKind::Trade(fill) => {
                elements.push(self.trade_element(order, fill, &at));
                if order.status == OrderStatus::Filled {
                    elements.push(self.small(order, "filled", "filled", &at, true));
                }
            }
            ReportKind::Canceled | ReportKind::Expired => {
                elements.push(self.end_element(order, &at));
            }
            ReportKind::Amended { .. } => elements.push(self.amended_element(order, &at)),
        }
        for element in elements {
            self.tell_execution(now_ns, order, &element, out);
        }
        if let ReportKind::Trade(fill) = &report.kind {
            self.tell_fill_balances(now_ns, report, fill, out);
        }
    }

    /// Sends the end of a quote-sized market order, which the engine does not report.
    pub(super) fn tell_spent(
        &mut self,
        now_ns: u64,
        account: AccountId,
        id: u64,
        out: &mut Vec<FrontAction>,
    ) {
        let Some(order) = self.exchange.order(account, OrderRef::Id(id)).cloned() else { return };
        let element = self.small(&order, "filled", "filled", &time::format(now_ns), true);
        self.tell_execution(now_ns, &order, &element, out);
    }

    fn tell_execution(
        &mut self,
        now_ns: u64,
        order: &Order,
        element: &str,
        out: &mut Vec<FrontAction>,
    ) {
        let counter = self.rates.get(&(order.account, order.instrument));
        let points = counter.map_or(0, super::rate::Counter::points);
        for (conn, session) in &mut self.sessions {
            let Some(subscription) = &mut session.executions else { continue };
            if subscription.account != order.account {
                continue;
            }
            subscription.sequence += 1;
            let rate = if subscription.rate_counter {
                format!(",\"ratecount\":{points}")
            } else {
                String::new()
            };
            let text = format!(
                "{{\"channel\":\"executions\",\"type\":\"update\",\"data\":[{element}],\
                 \"sequence\":{}{rate}}}",
                subscription.sequence
            );
            session.last_sent_ns = now_ns;
            out.push(FrontAction::Text(*conn, text));
        }
    }

    /// The first message of an executions subscription.
    pub(super) fn executions_snapshot(
        &mut self,
        now_ns: u64,
        conn: ConnId,
        orders: bool,
        trades: bool,
        out: &mut Vec<FrontAction>,
    ) {
        let Some(account) = self.sessions.get(&conn).and_then(|session| {
            session.executions.as_ref().map(|subscription| subscription.account)
        }) else {
            return;
        };
        let mut elements = Vec::new();
        if orders {
            for order in self.exchange.open_orders(account, None) {
                let status = if order.filled > 0 { "partially_filled" } else { "new" };
                elements.push(self.full(order, "new", status, &time::format(order.updated_ns)));
            }
        }
        if trades {
            let mut fills: Vec<&Fill> =
                self.exchange.fills(account).rev().take(SNAPSHOT_FILLS).collect();
            fills.reverse();
            for fill in fills {
                let Some(order) = self.exchange.order(account, OrderRef::Id(fill.order_id)) else {
                    continue;
                };
                elements.push(self.trade_element(order, fill, &time::format(fill.time_ns)));
            }
        }
        let text = format!(
            "{{\"channel\":\"executions\",\"type\":\"snapshot\",\"data\":[{}],\"sequence\":1}}",
            elements.join(",")
        );
        if let Some(subscription) =
            self.sessions.get_mut(&conn).and_then(|session| session.executions.as_mut())
        {
            subscription.sequence = 1;
        }
        self.send(now_ns, conn, text, out);
    }

    /// An element with every field of an order.
    fn full(&self, order: &Order, exec_type: &str, status: &str, at: &str) -> String {
        let config = self.exchange.instrument_config(order.instrument);
        let (pd, qd) = (config.price_decimals, config.quantity_decimals);
        let mut text = format!("{{\"order_id\":\"{}\",", ids::order(order.id));
        push_ids(order, &mut text);
        let kind = kind_text(order.kind);
        let _ = write!(
            text,
            "\"symbol\":\"{}\",\"order_qty\":{},\"cum_cost\":{},\"time_in_force\":\"{}\",\
             \"exec_type\":\"{exec_type}\",\"side\":\"{}\",\"order_type\":\"{kind}\",\
             \"limit_price_type\":\"static\",\"limit_price\":{},\"stop_price\":0.0,\
             \"order_status\":\"{status}\",\"fee_usd_equiv\":{},\"fee_ccy_pref\":\"fciq\",",
            config.symbol,
            number::float(i128::from(order.quantity), qd),
            number::float(order.filled_quote, AMOUNT_DECIMALS),
            tif_text(order),
            side_text(order.side),
            number::float(i128::from(order.price), pd),
            number::float(self.usd_fee(order, order.fees), AMOUNT_DECIMALS),
        );
        if exec_type != "pending_new" {
            let _ = write!(
                text,
                "\"cum_qty\":{},\"avg_price\":{},",
                number::float_or_zero(i128::from(order.filled), qd),
                self.average(order)
            );
        }
        if order.post_only {
            text.push_str("\"post_only\":true,");
        }
        let _ = write!(text, "\"timestamp\":\"{at}\"}}");
        text
    }

    /// A small update, with the filled totals if `totals`.
    fn small(
        &self,
        order: &Order,
        exec_type: &str,
        status: &str,
        at: &str,
        totals: bool,
    ) -> String {
        let mut text = format!(
            "{{\"timestamp\":\"{at}\",\"order_status\":\"{status}\",\
             \"exec_type\":\"{exec_type}\","
        );
        push_ids(order, &mut text);
        let _ = write!(text, "\"order_id\":\"{}\"", ids::order(order.id));
        if totals {
            let config = self.exchange.instrument_config(order.instrument);
            let _ = write!(
                text,
                ",\"cum_qty\":{},\"cum_cost\":{},\"fee_usd_equiv\":{},\"avg_price\":{}",
                number::float_or_zero(i128::from(order.filled), config.quantity_decimals),
                number::float_or_zero(order.filled_quote, AMOUNT_DECIMALS),
                number::float_or_zero(self.usd_fee(order, order.fees), AMOUNT_DECIMALS),
                self.average(order)
            );
        }
        text.push('}');
        text
    }

    fn end_element(&self, order: &Order, at: &str) -> String {
        let reason = match order.end {
            Some(EndReason::Time) => return self.small(order, "expired", "expired", at, true),
            Some(EndReason::User | EndReason::Amend) | None => "User requested",
            Some(EndReason::Ioc | EndReason::Fok) => "IOC order canceled",
            Some(EndReason::NoLiquidity) => "Insufficient liquidity",
            Some(EndReason::SelfTrade) => "Self trade prevention",
            Some(EndReason::PostOnly) => "Post only order",
            Some(EndReason::Disconnect) => "Cancel all orders after timeout",
            Some(EndReason::Venue) => "Canceled by the exchange",
        };
        let mut text = self.small(order, "canceled", "canceled", at, true);
        text.pop();
        if matches!(order.end, Some(EndReason::User)) {
            let _ = write!(text, ",\"cancel_reason\":\"{reason}\"");
        }
        let _ = write!(text, ",\"reason\":\"{reason}\"}}");
        text
    }

    fn amended_element(&self, order: &Order, at: &str) -> String {
        let config = self.exchange.instrument_config(order.instrument);
        let status = if order.filled > 0 { "partially_filled" } else { "new" };
        let mut text = format!(
            "{{\"timestamp\":\"{at}\",\"order_status\":\"{status}\",\"exec_type\":\"amended\",\
             \"amended\":true,"
        );
        push_ids(order, &mut text);
        let _ = write!(
            text,
            "\"order_id\":\"{}\",\"limit_price\":{},\"order_qty\":{},\
             \"reason\":\"User requested\"}}",
            ids::order(order.id),
            number::float(i128::from(order.price), config.price_decimals),
            number::float(i128::from(order.quantity), config.quantity_decimals),
        );
        text
    }

    fn trade_element(&self, order: &Order, fill: &Fill, at: &str) -> String {
        let config = self.exchange.instrument_config(order.instrument);
        let (pd, qd) = (config.price_decimals, config.quantity_decimals);
        let mut text = format!("{{\"order_id\":\"{}\",", ids::order(order.id));
        push_ids(order, &mut text);
        let _ = write!(
            text,
            "\"exec_id\":\"{}\",\"exec_type\":\"trade\",\"trade_id\":{},\"symbol\":\"{}\",\
             \"side\":\"{}\",\"last_qty\":{},\"last_price\":{},\"liquidity_ind\":\"{}\",\
             \"cost\":{},\"order_type\":\"{}\",\"timestamp\":\"{at}\",\
             \"order_status\":\"partially_filled\",\"cum_qty\":{},\"cum_cost\":{},\
             \"avg_price\":{},\"fee_usd_equiv\":{},\"fees\":[{{\"asset\":\"{}\",\"qty\":{}}}]}}",
            ids::trade(fill.exec_id),
            fill.trade_id,
            config.symbol,
            side_text(fill.side),
            number::float(i128::from(fill.quantity), qd),
            number::float(i128::from(fill.price), pd),
            if fill.maker { "m" } else { "t" },
            number::float(fill.quote, AMOUNT_DECIMALS),
            kind_text(order.kind),
            number::float(i128::from(order.filled), qd),
            number::float(order.filled_quote, AMOUNT_DECIMALS),
            self.average(order),
            number::float(self.usd_fee(order, fill.fee), AMOUNT_DECIMALS),
            self.asset_name(fill.fee_asset),
            number::float(fill.fee, AMOUNT_DECIMALS),
        );
        text
    }

    /// Average price of the filled quantity, rounded down; `0` if nothing was filled.
    pub(super) fn average(&self, order: &Order) -> String {
        let config = self.exchange.instrument_config(order.instrument);
        if order.filled <= 0 {
            return "0".to_owned();
        }
        let decimals = config.price_decimals + AVERAGE_EXTRA_DECIMALS;
        // The cost has 16 decimals, the filled quantity q decimals, so the quotient has 16 - q.
        let have = AMOUNT_DECIMALS.saturating_sub(config.quantity_decimals);
        let filled = i128::from(order.filled);
        let average = if have >= decimals {
            order.filled_quote / filled / 10i128.pow(have - decimals)
        } else {
            order.filled_quote / filled * 10i128.pow(decimals - have)
        };
        number::float(average, decimals)
    }

    /// A fee in US dollars; 0 for any other quote asset.
    fn usd_fee(&self, order: &Order, fee: Amount) -> Amount {
        let config = self.exchange.instrument_config(order.instrument);
        if config.quote == "USD" { fee } else { 0 }
    }

    /// The first message of a balances subscription.
    pub(super) fn balances_snapshot(
        &mut self,
        now_ns: u64,
        conn: ConnId,
        out: &mut Vec<FrontAction>,
    ) {
        let Some(account) = self
            .sessions
            .get(&conn)
            .and_then(|session| session.balances.as_ref().map(|subscription| subscription.account))
        else {
            return;
        };
        let mut elements = Vec::new();
        for (index, name) in self.exchange.assets().iter().enumerate() {
            let balance = self.exchange.balance(account, AssetId(index as u16));
            let total = number::plain(balance.free + balance.locked, AMOUNT_DECIMALS);
            elements.push(format!(
                "{{\"asset\":\"{name}\",\"asset_class\":\"currency\",\"balance\":{total},\
                 \"wallets\":[{{\"type\":\"spot\",\"id\":\"main\",\"balance\":{total}}}]}}"
            ));
        }
        let text = format!(
            "{{\"channel\":\"balances\",\"data\":[{}],\"type\":\"snapshot\",\"sequence\":1}}",
            elements.join(",")
        );
        if let Some(subscription) =
            self.sessions.get_mut(&conn).and_then(|session| session.balances.as_mut())
        {
            subscription.sequence = 1;
        }
        self.send(now_ns, conn, text, out);
    }

    fn tell_fill_balances(
        &mut self,
        now_ns: u64,
        report: &Report,
        fill: &Fill,
        out: &mut Vec<FrontAction>,
    ) {
        let (base, quote) = self.exchange.pair(fill.instrument);
        let config = self.exchange.instrument_config(fill.instrument);
        let quantity = config.base_amount(fill.quantity);
        let (base_change, quote_change) = match fill.side {
            Side::Buy => (quantity, -fill.quote),
            Side::Sell => (-quantity, fill.quote),
        };
        let reference = ids::trade(fill.exec_id);
        for (asset, change, balance) in
            [(base, base_change, report.base), (quote, quote_change, report.quote)]
        {
            let row = LedgerRow {
                account: report.order.account,
                asset,
                change,
                fee: if asset == fill.fee_asset { fill.fee } else { 0 },
                balance: balance.free + balance.locked,
                kind: "trade",
                reference: &reference,
                at_ns: fill.time_ns,
            };
            self.tell_balance(now_ns, &row, out);
        }
    }

    /// Sends one ledger row to the account's connections.
    pub(super) fn tell_balance(
        &mut self,
        now_ns: u64,
        row: &LedgerRow<'_>,
        out: &mut Vec<FrontAction>,
    ) {
        self.ledger_rows += 1;
        let element = format!(
            "{{\"ledger_id\":\"{}\",\"ref_id\":\"{}\",\"timestamp\":\"{}\",\"type\":\"{kind}\",\
             \"asset\":\"{}\",\"asset_class\":\"currency\",\"category\":\"{kind}\",\
             \"wallet_type\":\"spot\",\"wallet_id\":\"main\",\"amount\":{},\"fee\":{},\
             \"balance\":{}}}",
            ids::ledger(self.ledger_rows),
            row.reference,
            time::format(row.at_ns),
            self.asset_name(row.asset),
            number::plain(row.change, AMOUNT_DECIMALS),
            number::plain(row.fee, AMOUNT_DECIMALS),
            number::plain(row.balance, AMOUNT_DECIMALS),
            kind = row.kind,
        );
        for (conn, session) in &mut self.sessions {
            let Some(subscription) = &mut session.balances else { continue };
            if subscription.account != row.account {
                continue;
            }
            subscription.sequence += 1;
            let text = format!(
                "{{\"channel\":\"balances\",\"type\":\"update\",\"data\":[{element}],\
                 \"sequence\":{}}}",
                subscription.sequence
            );
            session.last_sent_ns = now_ns;
            out.push(FrontAction::Text(*conn, text));
        }
    }

    fn asset_name(&self, asset: AssetId) -> &str {
        self.exchange.assets().get(usize::from(asset.0)).map_or("", String::as_str)
    }
}

/// One change of one balance.
pub(super) struct LedgerRow<'a> {
    pub account: AccountId,
    pub asset: AssetId,
    /// Signed change, without the fee.
    pub change: Amount,
    pub fee: Amount,
    /// Balance after the change.
    pub balance: Amount,
    pub kind: &'a str,
    pub reference: &'a str,
    pub at_ns: u64,
}

pub(super) fn side_text(side: Side) -> &'static str {
    match side {
        Side::Buy => "buy",
        Side::Sell => "sell",
    }
}

pub(super) fn kind_text(kind: OrderKind) -> &'static str {
    match kind {
        OrderKind::Limit => "limit",
        OrderKind::Market => "market",
    }
}

fn push_ids(order: &Order, text: &mut String) {
    if !order.client_id.is_empty() {
        let _ = write!(text, "\"cl_ord_id\":{},", quoted(&order.client_id));
    }
    let _ = write!(text, "\"order_userref\":{},", user_ref(order));
}
