//! Why one order went where it went, in the node's own words.
//!
//! A line belongs here if it makes an explanation of a decision record. The node's router answers
//! what each venue alone would have been expected to cost: the scenario of the decision is asked
//! again with that venue named.

use rust_decimal::Decimal;
use serde::Serialize;
use serde_json::{Value, json};

/// Levels of a book that the explanation shows.
const LEVELS_SHOWN: usize = 5;

/// One decision, explained.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Explained {
    /// `ClOrdID` (11).
    pub order: String,
    /// Time of the decision.
    pub time: String,
    /// The journal's record that was decided on.
    pub record: u64,
    /// The order as it was routed.
    pub asked: Value,
    /// What was seen: each venue's best five levels, terms and funds.
    pub seen: Vec<Value>,
    /// The children.
    pub chosen: Vec<Value>,
    /// What was expected: quantity, totals and averages, and what was left.
    pub expected: Value,
    /// For each venue: its share, or why not, and what the whole order there would have cost.
    pub venues: Vec<WhyVenue>,
}

/// One venue's part of the explanation.
#[derive(Clone, Debug, Default, Serialize)]
pub struct WhyVenue {
    /// Name.
    pub venue: String,
    /// The word of the decision: `Taken`, `WorsePrice`, and so on.
    pub verdict: String,
    /// The quantity of its child; `None` if it got none.
    pub got: Option<String>,
    /// Its best price.
    pub best: Option<String>,
    /// Its best price with the fee.
    pub best_all_in: Option<String>,
    /// The quantity that the whole order was expected to fill at this venue alone.
    pub alone_filled: String,
    /// What that was expected to cost or to bring, fees included.
    pub alone_total_all_in: String,
    /// By how much more than the plan, in the quote asset, the costs of behaviour included; `None`
    /// where it fills less.
    pub alone_dearer: Option<String>,
    /// The same in basis points of the plan's total.
    pub alone_dearer_bps: Option<f64>,
    /// By how much less it fills; `None` where it fills as much.
    pub alone_fills_less: Option<String>,
}

/// The scenarios that ask for each venue alone, one line each, in the order of the record's venues.
pub fn questions(record: &Value) -> String {
    let scenario = &record["decision"]["scenario"];
    let names = scenario["venues"].as_array().into_iter().flatten();
    let ask = |venue: &Value| {
        let mut alone = scenario.clone();
        alone["order"]["venue"] = venue["name"].clone();
        format!("{alone}\n")
    };
    names.map(ask).collect()
}

impl Explained {
    /// From the record, and the answers to [`questions`]. `None` if a part is missing.
    pub fn new(order: &str, record: &Value, alone: &[Value]) -> Option<Self> {
        let (scenario, answer) = (&record["decision"]["scenario"], &record["decision"]["answer"]);
        let venues = answer["venues"].as_array()?;
        if alone.len() != venues.len() {
            return None;
        }
        let buys = scenario["order"]["side"] == "buy";
        let each = venues.iter().zip(alone).map(|(line, alone)| why(buys, answer, line, alone));
        let expected = [
            "filled",
            "total",
            "total_all_in",
            "total_effective",
            "average",
            "average_all_in",
            "left",
            "left_why",
        ];
        Some(Self {
            order: order.to_owned(),
            time: text(&record["time"])?,
            record: record["record"].as_u64()?,
            asked: scenario["order"].clone(),
            seen: scenario["venues"].as_array()?.iter().map(shortened).collect(),
            chosen: answer["legs"].as_array()?.clone(),
            expected: expected
                .map(|key| (key.to_owned(), answer[key].clone()))
                .into_iter()
                .collect(),
            venues: each.collect::<Option<_>>()?,
        })
    }

    /// `Why d12: expected 110606.02; alone binance +3.18 bps, kraken +12.34 bps`.
    pub fn line(&self) -> String {
        let total = self.expected["total_all_in"].as_str().unwrap_or("0");
        let alone: Vec<String> = self.venues.iter().map(WhyVenue::alone_text).collect();
        format!("Why {}: expected {}; alone {}", self.order, cut(total), alone.join(", "))
    }

    /// What was asked, as words.
    pub fn asked_text(&self) -> String {
        let word = |key: &str| self.asked[key].as_str().unwrap_or("");
        let terms = match self.asked["price"].as_str() {
            Some(price) => format!("at {price} or better"),
            None => format!("at market, at {} or better", word("worst")),
        };
        format!("{} {} {terms} ({})", word("side"), word("qty"), word("tif"))
    }
}

impl WhyVenue {
    /// `binance +3.18 bps`, or that the venue could not have filled all.
    fn alone_text(&self) -> String {
        match (self.alone_dearer_bps, &self.alone_fills_less) {
            (Some(bps), _) => format!("{} {bps:+.2} bps", self.venue),
            (None, Some(_)) => format!("{} fills less", self.venue),
            (None, None) => format!("{} {}", self.venue, self.verdict),
        }
    }

    /// Its share or why it got none, and what the whole order there would have been.
    pub fn words(&self) -> String {
        let share = match &self.got {
            Some(got) => format!("gets {got}"),
            None => format!("gets nothing: {}", self.verdict),
        };
        let alone = match (&self.alone_dearer, self.alone_dearer_bps, &self.alone_fills_less) {
            (Some(dearer), Some(bps), _) => {
                format!("the whole order here: {} dearer ({bps:+.2} bps)", cut(dearer))
            }
            (_, _, Some(less)) => format!("the whole order here: fills {less} less"),
            _ => "the whole order here: no total".to_owned(),
        };
        format!("{share}; {alone}")
    }
}

fn why(buys: bool, answer: &Value, line: &Value, alone: &Value) -> Option<WhyVenue> {
    let number = |of: &Value, key: &str| of[key].as_str()?.parse::<Decimal>().ok();
    let missing = number(answer, "filled")? - number(alone, "filled")?;
    // What the plan is made for: with fees and the costs of behaviour.
    let (ours, theirs) = (number(answer, "total_effective")?, number(alone, "total_effective")?);
    let dearer = if buys { theirs - ours } else { ours - theirs };
    let total = number(answer, "total")?;
    let same = missing <= Decimal::ZERO;
    let bps = || (dearer * Decimal::from(10_000)).checked_div(total).and_then(to_f64);
    Some(WhyVenue {
        venue: text(&line["venue"])?,
        verdict: text(&line["verdict"])?,
        got: text(&line["got"]),
        best: text(&line["best"]),
        best_all_in: text(&line["best_all_in"]),
        alone_filled: text(&alone["filled"])?,
        alone_total_all_in: text(&alone["total_all_in"])?,
        alone_dearer: same.then(|| dearer.normalize().to_string()),
        alone_dearer_bps: if same { bps() } else { None },
        alone_fills_less: (!same).then(|| missing.normalize().to_string()),
    })
}

fn to_f64(value: Decimal) -> Option<f64> {
    value.round_dp(4).to_string().parse().ok()
}

/// The venue as it was seen, with its best levels only.
fn shortened(venue: &Value) -> Value {
    let mut venue = venue.clone();
    for side in ["bids", "asks"] {
        if let Some(levels) = venue[side].as_array_mut() {
            levels.truncate(LEVELS_SHOWN);
        } else if venue.get(side).is_some() {
            venue[side] = json!([]);
        }
    }
    venue
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

/// A decimal with two places, the rest cut.
pub fn cut(text: &str) -> &str {
    let end = text.find('.').map_or(text.len(), |point| (point + 3).min(text.len()));
    &text[..end]
}

#[cfg(test)]
pub mod tests {
    use super::*;

    fn answer(filled: &str, total: &str, all_in: &str) -> Value {
        let line = |venue, verdict, got: Option<&str>| {
            json!({ "venue": venue, "verdict": verdict, "got": got, "best": "100",
                    "best_all_in": "100.1" })
        };
        json!({
            "legs": [{ "venue": "v0", "kind": "take", "qty": filled }],
            "filled": filled, "total": total, "total_all_in": all_in, "total_effective": all_in,
            "average": "100",
            "average_all_in": "100.1", "left": "0", "left_why": "None",
            "venues": [line("v0", "Taken", Some(filled)), line("v1", "WorsePrice", None)],
        })
    }

    fn record(side: &str) -> Value {
        let levels: Vec<Value> =
            (0..9).map(|step| json!([(100 + step).to_string(), "1"])).collect();
        let venue = |name| json!({ "name": name, "asks": levels, "bids": levels });
        let order =
            json!({ "side": side, "qty": "2", "type": "market", "worst": "110", "tif": "day" });
        json!({
            "time": "2026-01-01T00:00:00Z", "record": 9, "order": 1, "round": 1,
            "decision": {
                "scenario": { "venues": [venue("v0"), venue("v1")], "order": order },
                "answer": answer("2", "200", "200.2"),
            },
        })
    }

    /// An explanation with numbers as wide as a run can have.
    pub fn wide(names: &[&str]) -> Explained {
        let venue = |name: &&str| WhyVenue {
            venue: (*name).to_owned(),
            alone_dearer_bps: Some(12.34),
            ..WhyVenue::default()
        };
        Explained {
            order: "d12345".to_owned(),
            expected: json!({ "total_all_in": "210000.42123" }),
            venues: names.iter().map(venue).collect(),
            ..Explained::default()
        }
    }

    #[test]
    fn each_venue_alone_is_asked_with_the_same_books() {
        let lines = questions(&record("buy"));
        let asked: Vec<Value> =
            lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        assert_eq!(asked.len(), 2);
        assert_eq!(asked[1]["order"]["venue"], "v1");
        assert_eq!(asked[1]["venues"], record("buy")["decision"]["scenario"]["venues"]);
    }

    #[test]
    fn a_venue_that_costs_more_says_by_how_much_and_one_that_fills_less_how_much_less() {
        let alone = [answer("2", "202", "202.2"), answer("1.5", "150", "150.15")];
        let told = Explained::new("d1", &record("buy"), &alone).expect("whole");
        let [first, second] = &told.venues[..] else { panic!("two venues") };
        assert_eq!(first.alone_dearer.as_deref(), Some("2"));
        assert_eq!(first.alone_dearer_bps.map(f64::to_bits), Some(100.0_f64.to_bits()));
        assert_eq!((second.alone_dearer_bps, &second.alone_dearer), (None, &None));
        assert_eq!(second.alone_fills_less.as_deref(), Some("0.5"));
        assert_eq!((second.verdict.as_str(), &second.got), ("WorsePrice", &None));
        assert_eq!(told.line(), "Why d1: expected 200.2; alone v0 +100.00 bps, v1 fills less");
        assert_eq!(told.seen[0]["asks"].as_array().map(Vec::len), Some(LEVELS_SHOWN));
        assert_eq!(told.chosen.len(), 1);
    }

    #[test]
    fn a_sale_that_brings_less_is_dearer() {
        let alone = [answer("2", "200", "200.2"), answer("2", "199", "199.2")];
        let told = Explained::new("d1", &record("sell"), &alone).expect("whole");
        assert_eq!(told.venues[0].alone_dearer.as_deref(), Some("0"));
        assert_eq!(told.venues[1].alone_dearer.as_deref(), Some("1"));
        assert!(
            Explained::new("d1", &record("sell"), &alone[..1]).is_none(),
            "an answer is missing"
        );
    }
}
