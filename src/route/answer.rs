//! A plan as one line of JSON.
//!
//! A line belongs here if it prints a plan.

use rutter_admin::model::decimal;
use rutter_core::input::Refusal;
use rutter_core::number::{Price, Qty};
use rutter_core::output::{VenueLine, Verdict};
use rutter_core::routing::{ALL_IN_DECIMALS, Plan, all_in};
use serde_json::{Value, json};

use super::scenario::{Decimals, Scenario, World};

/// Decimals that an average has more than prices have.
const AVERAGE_DECIMALS: u32 = 9;

pub(super) fn answer(scenario: &Scenario, world: &World, plan: &Plan) -> Value {
    let (side, decimals) = (world.request.side, world.decimals);
    let (mut shown, mut value, mut paid) = (0_i64, 0_i128, 0_i128);
    let mut legs = Vec::new();
    for child in plan.takes() {
        let Some(line) = plan.lines().iter().find(|line| line.venue == child.venue) else {
            continue;
        };
        let listing = world.reference.listing(world.request.instrument, child.venue);
        let cost = listing.map_or(0, |listing| all_in(listing, side, line.value));
        shown += line.shown.0;
        value = value.saturating_add(line.value.0);
        paid = paid.saturating_add(cost);
        legs.push(json!({
            "venue": scenario.venue(child.venue),
            "kind": "take",
            "qty": qty(child.qty, decimals),
            "limit": price(child.price, decimals),
            "fills": qty(line.shown, decimals),
            "total": money(line.value.0, decimals, 0),
            "total_all_in": money(cost, decimals, ALL_IN_DECIMALS),
        }));
    }
    let mut placed = shown;
    if let Some(rest) = &plan.rest {
        placed += rest.qty.0;
        legs.push(json!({
            "venue": scenario.venue(rest.venue),
            "kind": "rest",
            "qty": qty(rest.qty, decimals),
            "limit": price(rest.price, decimals),
        }));
    }
    let left = Qty(world.request.qty.0 - placed);
    let why = if left.is_zero() { Refusal::None } else { plan.refusal() };
    json!({
        "name": scenario.name,
        "legs": legs,
        "filled": decimal(i128::from(shown), decimals.qty),
        "total": money(value, decimals, 0),
        "total_all_in": money(paid, decimals, ALL_IN_DECIMALS),
        "average": average(value, shown, decimals, 0),
        "average_all_in": average(paid, shown, decimals, ALL_IN_DECIMALS),
        "left": qty(left, decimals),
        "left_why": format!("{why:?}"),
        "venues": plan.lines().iter().map(|line| venue(scenario, line, decimals)).collect::<Value>(),
        "search": { "nodes": plan.search.nodes, "bounded": plan.search.bounded },
    })
}

fn venue(scenario: &Scenario, line: &VenueLine, decimals: Decimals) -> Value {
    let known = line.best != Price(0);
    json!({
        "venue": scenario.venue(line.venue),
        "verdict": format!("{:?}", line.verdict),
        "got": matches!(line.verdict, Verdict::Taken | Verdict::Rested).then(|| qty(line.qty, decimals)),
        "best": known.then(|| price(line.best, decimals)),
        "best_all_in": known.then(|| decimal(line.best_all_in, decimals.price + 6)),
    })
}

fn price(price: Price, decimals: Decimals) -> String {
    decimal(i128::from(price.0), decimals.price)
}

fn qty(qty: Qty, decimals: Decimals) -> String {
    decimal(i128::from(qty.0), decimals.qty)
}

fn money(value: i128, decimals: Decimals, more: u32) -> String {
    decimal(value, decimals.price + decimals.qty + more)
}

/// Value by quantity, rounded down; `None` if nothing is filled.
fn average(value: i128, qty: i64, decimals: Decimals, more: u32) -> Option<String> {
    let scale = 10_i128.pow(AVERAGE_DECIMALS - more.min(AVERAGE_DECIMALS));
    let scaled = value.checked_mul(scale)?.checked_div(i128::from(qty))?;
    Some(decimal(scaled, decimals.price + AVERAGE_DECIMALS))
}
