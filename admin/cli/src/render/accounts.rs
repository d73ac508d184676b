//! Money: `positions`, `balances`, `limits`.

use serde_json::Value;

use super::super::text::{Line, Paint, Span, Table, numbers, words};
use super::{Look, amount, counted, number, rows, word};

/// Positions, then fees.
pub fn positions(ok: &Value, look: &Look) -> Vec<Line> {
    let mut table = Table::new(&[
        words("account", 0),
        words("symbol", 0),
        numbers("base", 0),
        numbers("cash", 0),
    ]);
    for position in rows(ok, "positions") {
        table.row(vec![
            word(position, "account").into(),
            word(position, "symbol").into(),
            amount(position, "base").into(),
            amount(position, "cash").into(),
        ]);
    }
    let mut fees = Table::new(&[words("account", 0), words("asset", 0), numbers("fees paid", 0)]);
    for fee in rows(ok, "fees") {
        fees.row(vec![
            word(fee, "account").into(),
            word(fee, "asset").into(),
            amount(fee, "paid").into(),
        ]);
    }
    let mut lines = super::listed(&table, "no positions", look);
    if !fees.is_empty() {
        lines.push(Line::default());
        lines.extend(fees.lines(look.width));
    }
    lines
}

/// What each venue told.
pub fn balances(ok: &Value, look: &Look) -> Table {
    let mut table = Table::new(&[
        words("venue", 0),
        words("asset", 0),
        numbers("total", 0),
        numbers("in orders", 0),
        numbers("told", 1),
    ]);
    for balance in rows(ok, "balances") {
        let told = super::told(balance, "told_ns", |at| super::text::age(look.now_ns, at));
        table.row(vec![
            word(balance, "venue").into(),
            word(balance, "asset").into(),
            amount(balance, "total").into(),
            amount(balance, "in_orders").into(),
            told.into(),
        ]);
    }
    table
}

/// What each account may.
pub fn limits(ok: &Value) -> Table {
    let mut table = Table::new(&[
        words("account", 0),
        numbers("open", 0),
        numbers("open max", 0),
        numbers("notional max", 0),
        numbers("collar ppm", 0),
        numbers("rate/s", 0),
    ]);
    for limit in rows(ok, "limits") {
        let full = number(limit, "open_orders")
            .zip(number(limit, "open_orders_max"))
            .is_some_and(|(open, most)| open >= most);
        table.row(vec![
            word(limit, "account").into(),
            Span::new(counted(limit, "open_orders"), if full { Paint::Bad } else { Paint::Plain }),
            counted(limit, "open_orders_max").into(),
            amount(limit, "notional_max").into(),
            counted(limit, "collar_ppm").into(),
            counted(limit, "rate_per_s").into(),
        ]);
    }
    table
}
