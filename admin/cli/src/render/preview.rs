//! Where an order would go: `route-preview`.

use serde_json::Value;

use super::super::text::{Line, Paint, Span, Table, numbers, words};
use super::{Look, amount, flag, number, rounded, rows, word};

/// The order, the refusal or its plan, and why each venue gets what it gets.
pub fn plan(ok: &Value, look: &Look) -> Vec<Line> {
    let price = match word(ok, "price").as_str() {
        "-" => "market".to_owned(),
        _ => format!("limit {}", amount(ok, "price")),
    };
    let (side, qty, symbol) = (word(ok, "side"), amount(ok, "qty"), word(ok, "symbol"));
    let order = format!("{side} {qty} {symbol} {price} {}  ", word(ok, "tif"));
    let strategy = match number(ok, "strategy") {
        Some(number) if number > 0 => format!("strategy {number}  "),
        _ => String::new(),
    };
    let order = format!("{order}{strategy}");
    let mut lines = vec![Line::of(order, Paint::Bold).with("nothing is sent", Paint::Dim)];
    let refusal = word(ok, "refusal");
    if refusal != "-" {
        lines.push(Line::of(format!("would be REFUSED: {refusal}"), Paint::Bad));
        return lines;
    }
    let (filled, average) = (amount(ok, "filled"), rounded(ok, "average"));
    let fills = if filled == "0" {
        "fills nothing at once".to_owned()
    } else {
        let with_fees = rounded(ok, "average_all_in");
        format!("fills {filled} at {average} on average, {with_fees} with fees")
    };
    lines.push(Line::of(fills, Paint::Plain));
    if word(ok, "left") != "0" {
        let becomes = if flag(ok, "left_waits") { "waits" } else { "is given back" };
        let left = format!("{} {becomes}: {}", amount(ok, "left"), word(ok, "left_why"));
        lines.push(Line::of(left, Paint::Warn));
    }
    for table in [legs(ok), venues(ok)] {
        if !table.is_empty() {
            lines.push(Line::default());
            lines.extend(table.lines(look.width));
        }
    }
    for venue in rows(ok, "venues") {
        if let Some(ppm) = number(venue, "behaviour_ppm").filter(|ppm| *ppm > 0) {
            let cost = format!("behaviour of {} costs {ppm} ppm more", word(venue, "venue"));
            lines.push(Line::of(cost, Paint::Plain));
        }
        if let Some(score) = venue.get("score").and_then(Value::as_str) {
            let score = format!("score of {} is {score} of 100", word(venue, "venue"));
            lines.push(Line::of(score, Paint::Plain));
        }
    }
    lines
}

fn legs(ok: &Value) -> Table {
    let mut table = Table::new(&[
        words("leg", 0),
        words("venue", 0),
        numbers("qty", 0),
        numbers("limit", 0),
        numbers("fills", 0),
        numbers("total", 2),
        numbers("with fees", 1),
    ]);
    for leg in rows(ok, "legs") {
        table.row(vec![
            word(leg, "kind").into(),
            word(leg, "venue").into(),
            amount(leg, "qty").into(),
            amount(leg, "limit").into(),
            amount(leg, "fills").into(),
            rounded(leg, "total").into(),
            rounded(leg, "total_all_in").into(),
        ]);
    }
    table
}

fn venues(ok: &Value) -> Table {
    let mut table = Table::new(&[
        words("venue", 0),
        words("verdict", 0),
        numbers("gets", 0),
        numbers("best", 1),
        numbers("best with fees", 1),
    ]);
    for venue in rows(ok, "venues") {
        table.row(vec![
            word(venue, "venue").into(),
            Span::from(word(venue, "verdict")),
            amount(venue, "got").into(),
            amount(venue, "best").into(),
            rounded(venue, "best_all_in").into(),
        ]);
    }
    table
}
