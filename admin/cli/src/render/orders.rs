//! Orders and instruments: `orders`, `order`, `book`, `instruments`.

use serde_json::Value;

use super::super::text::{Line, Paint, Span, Table, numbers, words};
use super::{Look, amount, counted, flag, number, rows, should_be_none, time, word};

/// The orders of `orders`.
pub fn table(orders: &[Value], now_ns: u64) -> Table {
    let mut table = Table::new(&[
        numbers("order", 0),
        words("symbol", 0),
        words("side", 0),
        numbers("qty", 0),
        numbers("price", 1),
        numbers("filled", 0),
        words("state", 0),
        numbers("age", 1),
        words("session", 2),
        words("venues", 3),
        numbers("unknown", 1),
        words("type", 5),
        words("tif", 5),
        numbers("avg px", 6),
        words("client's id", 7),
        words("account", 8),
        words("reason", 4),
    ]);
    for order in orders {
        table.row(vec![
            counted(order, "id").replace(',', "").into(),
            word(order, "symbol").into(),
            side(order),
            amount(order, "qty").into(),
            amount(order, "price").into(),
            amount(order, "filled").into(),
            state(order),
            super::age(order, "time_ns", now_ns),
            word(order, "session").into(),
            venues(order).into(),
            should_be_none(order, "unknown", Paint::Bad),
            word(order, "type").into(),
            word(order, "tif").into(),
            amount(order, "avg_px").into(),
            word(order, "cl_ord_id").into(),
            word(order, "account").into(),
            reason(order).into(),
        ]);
    }
    table
}

/// Why the order is over, or why a part of it is at no venue.
fn reason(order: &Value) -> String {
    match order.get("waiting").and_then(Value::as_str) {
        Some(why) => format!("waits: {why}"),
        None => word(order, "reason"),
    }
}

fn side(value: &Value) -> Span {
    Span::from(word(value, "side"))
}

fn venues(order: &Value) -> String {
    let named: Vec<&str> = rows(order, "venues").iter().filter_map(Value::as_str).collect();
    if named.is_empty() { "-".to_owned() } else { named.join(" ") }
}

fn state(value: &Value) -> Span {
    let state = word(value, "state");
    let paint = match state.to_ascii_lowercase().as_str() {
        "unknown" | "rejected" | "refused" => Paint::Bad,
        "filled" => Paint::Good,
        _ => Paint::Plain,
    };
    Span::new(state, paint)
}

/// Newest first.
pub fn list(ok: &Value, look: &Look) -> Vec<Line> {
    let orders = rows(ok, "orders");
    let table = table(orders, look.now_ns);
    if table.is_empty() {
        return vec![Line::of("no such orders", Paint::Dim)];
    }
    let mut lines = table.lines(look.width);
    if flag(ok, "more") {
        let last = orders.last().and_then(|order| number(order, "id"));
        let next = last.map_or_else(String::new, |id| format!(": --before {id}"));
        lines.push(Line::of(format!("there are more{next}"), Paint::Warn));
    }
    lines
}

/// One order, its children, and its story.
pub fn one(ok: &Value, look: &Look) -> Vec<Line> {
    let order = ok.get("order").unwrap_or(&Value::Null);
    let mut lines = vec![
        Line::of(format!("order {}  ", word(order, "id")), Paint::Bold)
            .with(format!("{} {} ", word(order, "side"), amount(order, "qty")), Paint::Plain)
            .with(format!("{} ", word(order, "symbol")), Paint::Plain)
            .with(
                format!(
                    "{} {} at {}  ",
                    word(order, "type"),
                    word(order, "tif"),
                    amount(order, "price")
                ),
                Paint::Plain,
            ),
    ];
    if let Some(first) = lines.first_mut() {
        first.0.push(state(order));
    }
    lines.push(Line::of(
        format!(
            "filled {} at {}, {} left; {} of unknown fate",
            amount(order, "filled"),
            amount(order, "avg_px"),
            amount(order, "leaves"),
            counted(order, "unknown"),
        ),
        if number(order, "unknown").is_some_and(|n| n > 0) { Paint::Bad } else { Paint::Plain },
    ));
    lines.push(Line::of(
        format!(
            "session {}, account {}, client's id {}, taken {}; reason {}",
            word(order, "session"),
            word(order, "account"),
            word(order, "cl_ord_id"),
            time(order, "time_ns", look.now_ns),
            reason(order),
        ),
        Paint::Plain,
    ));
    if let Some(trace) = order.get("trace_id").and_then(Value::as_str) {
        lines.push(Line::of(format!("in the log: {trace}"), Paint::Plain));
    }
    let children = children(ok, look);
    if !children.is_empty() {
        lines.push(Line::default());
        lines.extend(children.lines(look.width));
    }
    lines.push(Line::default());
    lines.extend(events(ok, look).lines(look.width));
    let forgotten = ok.get("events_forgotten");
    if forgotten.is_some_and(|value| *value == true || value.as_u64().is_some_and(|n| n > 0)) {
        let id = word(order, "id");
        let whole = format!("earlier events: rutter replay JOURNAL --order {id}");
        lines.push(Line::of(whole, Paint::Warn));
    }
    lines
}

fn children(ok: &Value, look: &Look) -> Table {
    let mut table = Table::new(&[
        numbers("child", 0),
        words("venue", 0),
        words("side", 2),
        numbers("qty", 0),
        numbers("price", 0),
        numbers("filled", 0),
        words("state", 0),
        words("tif", 3),
        numbers("sent", 1),
        words("reason", 2),
        words("venue's id", 3),
    ]);
    for child in rows(ok, "children") {
        let shared = child.get("shared").and_then(Value::as_bool).unwrap_or(false);
        let id = word(child, "id");
        table.row(vec![
            if shared { format!("{id} shared") } else { id }.into(),
            word(child, "venue").into(),
            side(child),
            amount(child, "qty").into(),
            amount(child, "price").into(),
            amount(child, "filled").into(),
            state(child),
            word(child, "tif").into(),
            time(child, "sent_ns", look.now_ns).into(),
            word(child, "reason").into(),
            word(child, "venue_order").into(),
        ]);
    }
    table
}

fn events(ok: &Value, look: &Look) -> Table {
    let mut table = Table::new(&[
        numbers("journal", 0),
        numbers("time (UTC)", 0),
        words("what", 0),
        words("child", 0),
        words("text", 0),
    ]);
    for event in rows(ok, "events") {
        table.row(vec![
            word(event, "seq").into(),
            time(event, "time_ns", look.now_ns).into(),
            word(event, "what").into(),
            word(event, "child").into(),
            word(event, "text").into(),
        ]);
    }
    table
}

/// Asks above bids, best prices in the middle.
pub fn book(ok: &Value, look: &Look) -> Vec<Line> {
    let mut lines = vec![Line::of(word(ok, "symbol"), Paint::Bold)];
    for venue in rows(ok, "venues") {
        let age = super::duration(venue, "age_ns");
        let age = if age.text() == "-" {
            "never changed".to_owned()
        } else {
            format!("{} old", age.text())
        };
        let name = word(venue, "venue");
        lines.push(if flag(venue, "trusted") {
            Line::of(format!("{name} trusted, {age}"), Paint::Plain)
        } else {
            let why = word(venue, "why");
            Line::of(format!("{name} NOT TRUSTED: {why}, {age}"), Paint::Bad)
        });
    }
    let mut table =
        Table::new(&[words("", 0), numbers("price", 0), numbers("qty", 0), words("venue", 0)]);
    let mut level = |side: &str, paint, level: &Value| {
        table.row(vec![
            Span::new(side, paint),
            amount(level, "price").into(),
            amount(level, "qty").into(),
            word(level, "venue").into(),
        ]);
    };
    for ask in rows(ok, "asks").iter().rev() {
        level("ask", Paint::Warn, ask);
    }
    for bid in rows(ok, "bids") {
        level("bid", Paint::Good, bid);
    }
    lines.extend(super::listed(&table, "no levels", look));
    lines
}

/// One line a listing.
pub fn instruments(ok: &Value, look: &Look) -> Vec<Line> {
    let mut table = Table::new(&[
        words("symbol", 0),
        words("state", 0),
        words("venue", 0),
        words("there", 0),
        numbers("tick", 1),
        numbers("lot", 1),
        numbers("qty min", 2),
        numbers("notional min", 3),
        numbers("taker ppm", 2),
        numbers("maker ppm", 3),
    ]);
    for instrument in rows(ok, "instruments") {
        for listing in rows(instrument, "listings") {
            table.row(vec![
                word(instrument, "symbol").into(),
                traded(instrument),
                word(listing, "venue").into(),
                listed(listing),
                amount(listing, "tick").into(),
                amount(listing, "lot").into(),
                amount(listing, "qty_min").into(),
                amount(listing, "notional_min").into(),
                word(listing, "taker_fee_ppm").into(),
                word(listing, "maker_fee_ppm").into(),
            ]);
        }
        if rows(instrument, "listings").is_empty() {
            table.row(vec![word(instrument, "symbol").into(), traded(instrument)]);
        }
    }
    super::listed(&table, "no instruments", look)
}

fn traded(instrument: &Value) -> Span {
    let is_listed = rows(instrument, "listings").iter().any(|listing| flag(listing, "enabled"));
    match (flag(instrument, "halted"), flag(instrument, "reduce_only")) {
        (true, _) => Span::new("HALTED", Paint::Bad),
        (false, true) => Span::new("reduce-only", Paint::Warn),
        (false, false) if !is_listed => Span::new("not listed", Paint::Warn),
        (false, false) => Span::new("traded", Paint::Good),
    }
}

fn listed(listing: &Value) -> Span {
    match (flag(listing, "enabled"), flag(listing, "trusted")) {
        (false, _) => Span::new("disabled", Paint::Warn),
        (true, false) => Span::new("NOT TRUSTED", Paint::Bad),
        (true, true) => Span::new("trusted", Paint::Good),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_instrument_that_no_venue_lists_is_not_shown_as_traded() {
        let listed =
            |enabled: bool| json!([{ "venue": "v0", "enabled": enabled, "trusted": true }]);
        for (listings, word) in
            [(json!([]), "not listed"), (listed(false), "not listed"), (listed(true), "traded")]
        {
            let one = json!({ "symbol": "BTC/USDT", "listings": listings });
            let lines =
                instruments(&json!({ "instruments": [one] }), &Look { width: 200, now_ns: 0 });
            let row = lines.last().expect("a row").text();
            assert!(row.contains(word), "{row}");
        }
    }
}
