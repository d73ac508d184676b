//! What the node had decided, as a replay of its journal tells it.
//!
//! A line belongs here if it reads decision records. What an order cost is `savings`, the words
//! about one decision are `explained`.

use std::collections::BTreeMap;

use rutter_sim::Venue;
use serde_json::Value;

use super::pricing::cost_alone_e18;
use crate::client::Side;
use crate::harness::Book;

/// What of a compared order is needed to say which venue looked best for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Filled {
    /// Side.
    pub side: Side,
    /// Limit price, in 10^-8; `None` for a market order.
    pub limit_e8: Option<i64>,
    /// Filled quantity, in 10^-8.
    pub qty_e8: i64,
}

/// Reads the lines of `rutter replay --decisions`.
#[derive(Debug, Default)]
pub struct Decided {
    /// `ClOrdID` of accepted orders whose first plan that takes has not come, by our number.
    undecided: BTreeMap<u64, String>,
    /// The venue that looked best at the first plan that takes, by `ClOrdID`.
    looked_best: BTreeMap<String, Venue>,
    /// The record of the order that is to be explained.
    explained: Option<Value>,
}

impl Decided {
    /// Takes one line. `filled` has the compared orders by `ClOrdID`; the decision about `wanted`
    /// is kept.
    pub fn line(&mut self, line: &str, filled: &BTreeMap<String, Filled>, wanted: Option<&str>) {
        let Ok(record) = serde_json::from_str::<Value>(line) else { return };
        let Some(order) = record["order"].as_u64() else { return };
        if let Some(client) = record["client"].as_str() {
            let id = client.rsplit('/').next().unwrap_or(client);
            self.undecided.insert(order, id.to_owned());
            return;
        }
        let legs = record["decision"]["answer"]["legs"].as_array().into_iter().flatten();
        if !legs.into_iter().any(|leg| leg["kind"] == "take") {
            return;
        }
        let Some(id) = self.undecided.remove(&order) else { return };
        if let Some(venue) = filled.get(&id).and_then(|filled| looked_best(&record, filled)) {
            self.looked_best.insert(id.clone(), venue);
        }
        if wanted == Some(id.as_str()) {
            self.explained = Some(record);
        }
    }

    /// The venue that looked best for an order when the order was routed.
    pub fn looked_best(&self, id: &str) -> Option<Venue> {
        self.looked_best.get(id).copied()
    }

    /// The record of the order that is to be explained.
    pub const fn explained(&self) -> Option<&Value> {
        self.explained.as_ref()
    }
}

/// The venue whose book, as the router saw it, held the quantity within the limit at the least cost
/// with fees. `None` if none held it.
fn looked_best(record: &Value, filled: &Filled) -> Option<Venue> {
    let venues = record["decision"]["scenario"]["venues"].as_array()?;
    let costs = venues.iter().filter_map(|seen| {
        if seen["state"].is_string() {
            return None;
        }
        let venue = Venue::from_name(seen["name"].as_str()?)?;
        let fee = seen["taker_fee_ppm"].as_str()?.parse().ok()?;
        let (bids, asks) = (levels(&seen["bids"]), levels(&seen["asks"]));
        // The record leaves out the levels that own orders keep the order from.
        let book = Book { bids, asks, own: [None; 2] };
        let Filled { side, limit_e8, qty_e8 } = *filled;
        let all_in = cost_alone_e18(fee, &book, side, limit_e8, qty_e8)?;
        Some((if side == Side::Buy { all_in } else { -all_in }, venue))
    });
    costs.min_by_key(|(cost, _)| *cost).map(|(_, venue)| venue)
}

fn levels(seen: &Value) -> Vec<(i64, i64)> {
    let each = seen.as_array().into_iter().flatten();
    each.filter_map(|level| Some((e8(level[0].as_str()?)?, e8(level[1].as_str()?)?))).collect()
}

/// A decimal in 10^-8; further decimals are cut.
fn e8(text: &str) -> Option<i64> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let digits: String = part.chars().chain("00000000".chars()).take(8).collect();
    let whole: i64 = whole.parse().ok()?;
    whole.checked_mul(100_000_000)?.checked_add(digits.parse().ok()?)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::harness::USUAL;

    const E8: i64 = 100_000_000;

    fn decided(order: u64, binance: &Value, kraken: &Value, kind: &str) -> String {
        let [one, other] = [USUAL[0].name(), USUAL[1].name()];
        let venue = |name: &str, asks: &Value| {
            let fee = "1000";
            json!({ "name": name, "asks": asks, "bids": [], "taker_fee_ppm": fee })
        };
        let venues = json!([venue(one, binance), venue(other, kraken)]);
        let decision = json!({
            "scenario": { "venues": venues }, "answer": { "legs": [{ "kind": kind }] }
        });
        json!({ "order": order, "round": 1, "decision": decision }).to_string()
    }

    fn bought(qty: i64) -> BTreeMap<String, Filled> {
        let filled = Filled { side: Side::Buy, limit_e8: Some(200 * E8), qty_e8: qty * E8 };
        [("d1".to_owned(), filled)].into()
    }

    #[test]
    fn the_venue_that_looked_best_is_the_one_that_held_the_quantity_for_least() {
        let accepted = json!({ "order": 7, "client": "DESK/d1" }).to_string();
        // The first venue has the better price, and 1 of it.
        let line =
            decided(7, &json!([["100", "1"], ["150.5", "9"]]), &json!([["101", "9"]]), "take");
        let best = |qty| {
            let mut decided = Decided::default();
            decided.line(&accepted, &bought(qty), None);
            decided.line(&line, &bought(qty), Some("d1"));
            assert!(decided.explained().is_some());
            decided.looked_best("d1")
        };
        assert_eq!(best(1), Some(USUAL[0]));
        assert_eq!(best(2), Some(USUAL[1]));
        assert_eq!(best(20), None, "no book held so much");
    }

    #[test]
    fn the_first_plan_that_takes_counts_and_no_later_one() {
        let accepted = json!({ "order": 7, "client": "DESK/d1" }).to_string();
        let (dear, cheap) = (json!([["120", "9"]]), json!([["100", "9"]]));
        let mut read = Decided::default();
        let filled = bought(1);
        read.line(&accepted, &filled, None);
        read.line(&decided(7, &cheap, &dear, "rest"), &filled, None);
        assert_eq!(read.looked_best("d1"), None, "nothing was taken yet");
        read.line(&decided(7, &dear, &cheap, "take"), &filled, None);
        read.line(&decided(7, &cheap, &dear, "take"), &filled, None);
        assert_eq!(read.looked_best("d1"), Some(USUAL[1]));
        read.line("no JSON", &filled, None);
    }

    #[test]
    fn decimals_are_read_to_the_eighth_place() {
        assert_eq!(e8("100"), Some(100 * E8));
        assert_eq!(e8("0.000000019"), Some(1));
        assert_eq!(e8("1.5"), Some(E8 + E8 / 2));
        assert_eq!(e8("x"), None);
    }
}
