//! A plan as one line of JSON.
//!
//! A line belongs here if it prints a plan.

use rutter_admin::model::decimal;
use rutter_core::id::VenueId;
use rutter_core::input::Refusal;
use rutter_core::number::{Price, Qty};
use rutter_core::output::{VenueLine, Verdict};
use rutter_core::reference::Reference;
use rutter_core::routing::{ALL_IN_DECIMALS, Plan, RouteRequest, all_in};
use serde_json::{Value, json};

use super::scenario::Decimals;

/// Decimals that an average has more than prices have.
const AVERAGE_DECIMALS: u32 = 9;

/// A plan, and what it was made from.
pub struct Told<'a> {
    /// Returned with the answer.
    pub name: &'a Value,
    /// The reference data, which has the venues' names.
    pub reference: &'a Reference,
    /// What was asked.
    pub request: &'a RouteRequest,
    /// The plan.
    pub plan: &'a Plan,
}

impl Told<'_> {
    /// The plan as one JSON object.
    pub fn answer(&self) -> Value {
        let (plan, decimals) = (self.plan, self.decimals());
        let (mut shown, mut value, mut paid) = (0_i64, 0_i128, 0_i128);
        let mut legs = Vec::new();
        for child in plan.takes() {
            let Some(line) = plan.lines().iter().find(|line| line.venue == child.venue) else {
                continue;
            };
            let listing = self.reference.listing(self.request.instrument, child.venue);
            let cost = listing.map_or(0, |terms| all_in(terms, self.request.side, line.value));
            shown += line.shown.0;
            value = value.saturating_add(line.value.0);
            paid = paid.saturating_add(cost);
            legs.push(json!({
                "venue": self.venue(child.venue),
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
                "venue": self.venue(rest.venue),
                "kind": "rest",
                "qty": qty(rest.qty, decimals),
                "limit": price(rest.price, decimals),
            }));
        }
        let left = Qty(self.request.qty.0 - placed);
        let why = if left.is_zero() { Refusal::None } else { plan.refusal() };
        json!({
            "name": self.name,
            "legs": legs,
            "filled": decimal(i128::from(shown), decimals.qty),
            "total": money(value, decimals, 0),
            "total_all_in": money(paid, decimals, ALL_IN_DECIMALS),
            "average": average(value, shown, decimals, 0),
            "average_all_in": average(paid, shown, decimals, ALL_IN_DECIMALS),
            "left": qty(left, decimals),
            "left_why": format!("{why:?}"),
            "venues": plan.lines().iter().map(|line| self.line(line)).collect::<Value>(),
            "search": { "nodes": plan.search.nodes, "bounded": plan.search.bounded },
        })
    }

    fn line(&self, line: &VenueLine) -> Value {
        let (known, decimals) = (line.best != Price(0), self.decimals());
        let placed = matches!(line.verdict, Verdict::Taken | Verdict::Rested);
        json!({
            "venue": self.venue(line.venue),
            "verdict": format!("{:?}", line.verdict),
            "got": placed.then(|| qty(line.qty, decimals)),
            "best": known.then(|| price(line.best, decimals)),
            "best_all_in": known.then(|| decimal(line.best_all_in, decimals.price + 6)),
        })
    }

    fn venue(&self, id: VenueId) -> &str {
        self.reference.venues.get(id.index()).map_or("", |venue| venue.name.as_str())
    }

    pub(super) fn decimals(&self) -> Decimals {
        let def = self.reference.instruments.get(self.request.instrument.index());
        def.map_or(Decimals::default(), |def| Decimals {
            price: u32::from(def.price_decimals),
            qty: u32::from(def.qty_decimals),
        })
    }
}

pub(super) fn price(price: Price, decimals: Decimals) -> String {
    decimal(i128::from(price.0), decimals.price)
}

pub(super) fn qty(qty: Qty, decimals: Decimals) -> String {
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
