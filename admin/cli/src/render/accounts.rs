//! Money: `positions`, `balances`, `limits`.

use rutter_admin::console::verb::{Kind, Typed, Verb};
use serde_json::Value;

use super::super::text::{Line, Paint, Span, Table, numbers, numbers_titled, words};
use super::{Look, amount, counted, number, rows, word};

/// The limit beside which the number of open orders is shown.
const OPEN_ORDERS_MAX: &str = "open_orders_max";

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

/// What is not converted, then the bridges.
pub fn bridges(ok: &Value, look: &Look) -> Vec<Line> {
    let mut exposures = Table::new(&[
        numbers("exposure", 0),
        words("account", 0),
        words("desk", 0),
        words("why", 0),
        words("converts", 0),
        numbers("amount", 0),
        numbers("counted", 0),
        numbers("since", 1),
    ]);
    for exposure in rows(ok, "exposures") {
        exposures.row(vec![
            word(exposure, "id").into(),
            word(exposure, "account").into(),
            word(exposure, "desk").into(),
            word(exposure, "why").into(),
            format!("{} {}", word(exposure, "side"), word(exposure, "asset")).into(),
            amount(exposure, "amount").into(),
            amount(exposure, "counted").into(),
            super::age(exposure, "since_ns", look.now_ns),
        ]);
    }
    let mut table = Table::new(&[
        words("account", 0),
        words("symbol", 0),
        words("via", 0),
        words("conversion", 0),
        words("desk", 0),
        numbers("basis bps", 0),
        numbers("legging max", 0),
    ]);
    for bridge in rows(ok, "bridges") {
        let names = ["account", "instrument", "via", "conversion", "desk"];
        let mut cells: Vec<Span> = names.map(|name| word(bridge, name).into()).into();
        cells.push(amount(bridge, "basis_bps").into());
        cells.push(amount(bridge, "legging_max").into());
        table.row(cells);
    }
    let mut lines = super::listed(&exposures, "nothing waits to be converted", look);
    lines.push(Line::default());
    lines.extend(super::listed(&table, "no bridges", look));
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
        table.row(vec![
            word(balance, "venue").into(),
            word(balance, "asset").into(),
            amount(balance, "total").into(),
            amount(balance, "in_orders").into(),
            super::age(balance, "told_ns", look.now_ns),
        ]);
    }
    table
}

/// The limits of each account: those that `limits set` takes.
pub fn limits(ok: &Value) -> Table {
    // The largest number of open orders stands beside the number that is open.
    let others = || {
        let args = Verb::LimitsSet.own_args().filter(|arg| arg.typed == Typed::OneOrMore);
        args.filter(|arg| arg.name != OPEN_ORDERS_MAX)
    };
    let heading = |name: &str| name.replace("_per_", "/").replace('_', " ");
    let mut columns = vec![words("account", 0), numbers("open", 0), numbers("open max", 0)];
    columns.extend(others().map(|arg| numbers_titled(heading(arg.name))));
    let mut table = Table::new(&columns);
    for limit in rows(ok, "limits") {
        let full = number(limit, "open_orders")
            .zip(number(limit, OPEN_ORDERS_MAX))
            .is_some_and(|(open, most)| open >= most);
        let mut cells = vec![
            word(limit, "account").into(),
            Span::new(counted(limit, "open_orders"), if full { Paint::Bad } else { Paint::Plain }),
            counted(limit, OPEN_ORDERS_MAX).into(),
        ];
        cells.extend(others().map(|arg| match arg.kind {
            Kind::Amount => amount(limit, arg.name).into(),
            _ => counted(limit, arg.name).into(),
        }));
        table.row(cells);
    }
    table
}
