//! A plan of the router as JSON: that of a scenario, and that of a preview.
//!
//! A line belongs here if it prints a plan. `docs/routing.md` describes the members.

use rutter_core::bridge::BridgeWord;
use rutter_core::id::{AccountId, InstrumentId, VenueId};
use rutter_core::input::Side;
use rutter_core::number::{AMOUNT_DECIMALS, Price, Qty};
use rutter_core::output::{BridgeLine, VenueLine, Verdict};
use rutter_core::reference::Reference;
use rutter_core::routing::{ALL_IN_DECIMALS, PlannedChild, Search, all_in, effective};
use serde_json::{Value, json};

use crate::model::decimal;

/// Decimals that an average has more than prices have.
const AVERAGE_DECIMALS: u32 = 9;

/// A plan, and what it was made for.
#[derive(Clone, Copy, Debug)]
pub struct PlanShown<'a> {
    /// The account, whose fees count.
    pub account: AccountId,
    /// The reference data, which has the venues' names.
    pub reference: &'a Reference,
    /// The instrument.
    pub instrument: InstrumentId,
    /// Buy or sell.
    pub side: Side,
    /// Quantity that was to be routed.
    pub qty: Qty,
    /// Children that take.
    pub takes: &'a [PlannedChild],
    /// Children that rest.
    pub rests: &'a [PlannedChild],
    /// One line per venue.
    pub lines: &'a [VenueLine],
    /// One line per bridge; none for an account without bridges.
    pub bridges: &'a [BridgeLine],
    /// The work of the search.
    pub search: Search,
    /// The word for why quantity is left, if some is.
    pub left_why: &'a str,
}

/// Decimals of an instrument's prices and quantities.
#[derive(Clone, Copy, Debug, Default)]
struct Decimals {
    price: u32,
    qty: u32,
}

impl PlanShown<'_> {
    /// The plan as one JSON object.
    pub fn answer(&self) -> Value {
        let decimals = self.decimals();
        let (mut shown, mut value, mut paid, mut felt) = (0_i64, 0_i128, 0_i128, 0_i128);
        let mut legs = Vec::new();
        for child in self.takes {
            let Some(line) = self.lines.iter().find(|line| line.venue == child.venue) else {
                continue;
            };
            let listing = self.reference.terms(self.account, self.instrument, child.venue);
            let cost = listing.map_or(0, |terms| all_in(&terms, self.side, line.value));
            let with_behaviour = listing
                .map_or(0, |terms| effective(&terms, self.side, line.value, line.behaviour_ppm));
            shown += line.shown.0;
            value = value.saturating_add(line.value.0);
            paid = paid.saturating_add(cost);
            felt = felt.saturating_add(with_behaviour);
            legs.push(json!({
                "venue": self.venue(child.venue),
                "kind": "take",
                "qty": qty(child.qty, decimals),
                "limit": price(child.price, decimals),
                "fills": qty(line.shown, decimals),
                "total": money(line.value.0, decimals, 0),
                "total_all_in": money(cost, decimals, ALL_IN_DECIMALS),
                "total_effective": money(with_behaviour, decimals, ALL_IN_DECIMALS),
            }));
        }
        let mut placed = shown;
        for rest in self.rests {
            placed += rest.qty.0;
            legs.push(json!({
                "venue": self.venue(rest.venue),
                "kind": "rest",
                "qty": qty(rest.qty, decimals),
                "limit": price(rest.price, decimals),
            }));
        }
        let bridged: i64 = self.bridges.iter().map(|line| line.shown.0 * taken(line)).sum();
        let left = Qty(self.qty.0 - placed - bridged);
        let mut answer = json!({
            "legs": legs,
            "filled": decimal(i128::from(shown), decimals.qty),
            "total": money(value, decimals, 0),
            "total_all_in": money(paid, decimals, ALL_IN_DECIMALS),
            "total_effective": money(felt, decimals, ALL_IN_DECIMALS),
            "average": average(value, shown, decimals, 0),
            "average_all_in": average(paid, shown, decimals, ALL_IN_DECIMALS),
            "average_effective": average(felt, shown, decimals, ALL_IN_DECIMALS),
            "left": qty(left, decimals),
            "left_why": if left.is_zero() { "None" } else { self.left_why },
            "venues": self.lines.iter().map(|line| self.line(line)).collect::<Value>(),
            "search": { "nodes": self.search.nodes, "bounded": self.search.bounded },
        });
        if !self.bridges.is_empty() {
            answer["bridged"] = json!(qty(Qty(bridged), decimals));
            answer["bridges"] = self.bridges.iter().map(|line| self.bridge(line)).collect();
        }
        answer
    }

    /// What became of a bridge: the conversion with its price, its fee and its spread.
    fn bridge(&self, line: &BridgeLine) -> Value {
        let instruments = &self.reference.instruments;
        let symbol = |id: InstrumentId| {
            instruments.get(id.index()).map_or_else(String::new, |def| def.symbol.to_string())
        };
        let own = self.decimals();
        let of = instruments.get(line.conversion.index()).map_or(Decimals::default(), |def| {
            Decimals { price: u32::from(def.price_decimals), qty: u32::from(def.qty_decimals) }
        });
        let known = |value: Price| (value != Price(0)).then(|| price(value, of));
        let (converts, fee) = (line.converts.0, (line.paid - line.value.0 * NANO).abs());
        let is_taken = line.word == BridgeWord::Taken;
        json!({
            "via": symbol(line.via),
            "conversion": symbol(line.conversion),
            "verdict": line.word.word(),
            "qty": is_taken.then(|| qty(line.qty, own)),
            "fills": is_taken.then(|| qty(line.shown, own)),
            "needs": (line.needs.0 != 0).then(|| decimal(line.needs.0, AMOUNT_DECIMALS)),
            "reference": known(line.reference),
            "basis_limit": known(line.limit),
            "best": known(line.best),
            "worst": known(line.worst),
            "average": average(line.value.0, converts, of, 0),
            "average_all_in": average(line.paid, converts, of, ALL_IN_DECIMALS),
            "fee": (converts > 0).then(|| money(fee, of, ALL_IN_DECIMALS)),
            "basis_bps": basis_bps(line),
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
            "best_all_in": known.then(|| decimal(line.best_all_in, decimals.price + ALL_IN_DECIMALS)),
            "behaviour_ppm": line.behaviour_ppm,
            "score": line.score.map(|score| decimal(i128::from(score), 2)),
        })
    }

    fn venue(&self, id: VenueId) -> &str {
        self.reference.venues.get(id.index()).map_or("", |venue| venue.name.as_str())
    }

    fn decimals(&self) -> Decimals {
        let def = self.reference.instruments.get(self.instrument.index());
        def.map_or(Decimals::default(), |def| Decimals {
            price: u32::from(def.price_decimals),
            qty: u32::from(def.qty_decimals),
        })
    }
}

const NANO: i128 = 1_000_000_000;

/// 1 for a bridge that is taken, and 0 for any other.
fn taken(line: &BridgeLine) -> i64 {
    i64::from(line.word == BridgeWord::Taken)
}

/// How far the worst price of the conversion lies from its reference price, in basis points with
/// two decimals, rounded down.
fn basis_bps(line: &BridgeLine) -> Option<String> {
    let apart = i128::from(line.worst.0.abs_diff(line.reference.0)) * 1_000_000;
    let ppm = apart.checked_div(i128::from(line.reference.0))?;
    (line.worst != Price(0)).then(|| decimal(ppm, 2))
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
