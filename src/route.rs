//! `rutter route`: what the router would do in scenarios that a file describes.
//!
//! A line belongs here if it reads scenarios or prints answers. The plan is made by the core's own
//! router. `docs/routing.md` describes the lines of both files.

mod answer;
mod bridges;
mod object;
#[cfg(test)]
mod published;
mod record;
#[cfg(test)]
mod refused_tests;
mod rests;
mod scenario;
#[cfg(test)]
mod words_tests;

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;

use anyhow::anyhow;
use rutter_core::routing::Router;
use serde_json::{Value, json};

use answer::Told;
use object::Object;
pub use record::record;
use scenario::Scenario;

/// Longest line of a scenario file, bytes.
pub const LINE_BYTES_MAX: usize = 4 << 20;

/// Why a scenario cannot be asked: a word of `docs/routing.md`, and where.
#[derive(Debug)]
struct BadScenario {
    word: &'static str,
    text: String,
}

impl BadScenario {
    fn new(word: &'static str, text: impl Into<String>) -> Self {
        Self { word, text: text.into() }
    }
}

/// Answers each line of a file, or of standard input (`-`), with one line. True if every scenario
/// could be asked.
///
/// # Errors
/// The file cannot be read, or `out` cannot be written.
pub fn command(file: &Path, out: &mut impl Write) -> anyhow::Result<bool> {
    if file.as_os_str() == "-" {
        return answer_all("standard input", &mut std::io::stdin().lock(), out);
    }
    let name = file.display().to_string();
    let open = File::open(file).map_err(|error| anyhow!("{name}: {error}"))?;
    answer_all(&name, &mut BufReader::new(open), out)
}

/// Answers each line of `scenarios`, which is called `name`.
fn answer_all(
    name: &str,
    scenarios: &mut impl BufRead,
    out: &mut impl Write,
) -> anyhow::Result<bool> {
    let mut router = Router::default();
    let (mut line, mut number, mut sound) = (Vec::new(), 0_u64, true);
    // Ends: each turn reads a line.
    while read_line(scenarios, &mut line).map_err(|error| anyhow!("{name}: {error}"))? {
        number += 1;
        let text = if line.len() > LINE_BYTES_MAX { &line } else { line.trim_ascii() };
        if text.is_empty() {
            continue;
        }
        match ask(text, &mut router) {
            Ok(answer) => writeln!(out, "{answer}")?,
            Err(BadScenario { word, text }) => {
                sound = false;
                writeln!(out, "{}", json!({ "line": number, "error": word, "text": text }))?;
            }
        }
    }
    Ok(sound)
}

/// Reads up to the next end of a line; false at the end of the file. What is longer than
/// [`LINE_BYTES_MAX`] is passed over, and the line is one byte too long.
fn read_line(from: &mut impl BufRead, line: &mut Vec<u8>) -> std::io::Result<bool> {
    line.clear();
    let mut read = false;
    // Ends: each turn takes bytes off the file.
    loop {
        let bytes = from.fill_buf()?;
        if bytes.is_empty() {
            return Ok(read);
        }
        read = true;
        let end = bytes.iter().position(|byte| *byte == b'\n');
        let (taken, used) = end.map_or((bytes.len(), bytes.len()), |end| (end, end + 1));
        let room = (LINE_BYTES_MAX + 1).saturating_sub(line.len());
        line.extend_from_slice(&bytes[..taken.min(room)]);
        from.consume(used);
        if end.is_some() {
            return Ok(true);
        }
    }
}

fn ask(line: &[u8], router: &mut Router) -> Result<Value, BadScenario> {
    if line.len() > LINE_BYTES_MAX {
        return Err(BadScenario::new("LineTooLong", format!("at most {LINE_BYTES_MAX} bytes")));
    }
    let Object(scenario): Object<Scenario> = serde_json::from_slice(line)
        .map_err(|error| BadScenario::new("BadJson", error.to_string()))?;
    let world = scenario.world()?;
    router.reserve(world.reference.venues.len());
    let (bridges, request) = bridges::plan(&world, router);
    let plan = world.plan(router, &request);
    let (reference, request, bridges) = (&world.reference, &request, &bridges);
    Ok(Told { name: &scenario.name, reference, request, plan, bridges }.answer())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers(scenarios: &str) -> (bool, Vec<Value>) {
        let mut out = Vec::new();
        let sound = answer_all("test", &mut scenarios.as_bytes(), &mut out).expect("written");
        let lines = String::from_utf8(out).expect("text");
        let parse = |line| serde_json::from_str(line).expect("JSON");
        (sound, lines.lines().map(parse).collect())
    }

    fn answer(scenario: &Value) -> Value {
        let (sound, mut all) = answers(&scenario.to_string());
        assert!(sound, "{all:?}");
        all.remove(0)
    }

    fn legs(answer: &Value) -> Vec<(String, String)> {
        let text = |leg: &Value, key: &str| leg[key].as_str().expect("text").to_owned();
        let legs = answer["legs"].as_array().expect("legs");
        legs.iter().map(|leg| (text(leg, "venue"), text(leg, "qty"))).collect()
    }

    fn leg(venue: &str, qty: &str) -> (String, String) {
        (venue.to_owned(), qty.to_owned())
    }

    #[test]
    fn the_shares_are_lowered_to_lots_and_moved_to_where_they_cost_least() {
        let told = answer(&json!({
            "venues": [
                { "name": "v0", "bids": [["9992", "4"]], "lot": "1", "taker_fee_ppm": "260" },
                { "name": "v1", "bids": [["10011", "1"], ["9990", "5"]], "lot": "2",
                  "taker_fee_ppm": "200" },
            ],
            "order": { "side": "sell", "qty": "3", "type": "market", "tif": "ioc" },
        }));
        assert_eq!(legs(&told), [leg("v0", "1"), leg("v1", "2")]);
        assert_eq!((told["left"].as_str(), told["filled"].as_str()), (Some("0"), Some("3")));

        let told = answer(&json!({
            "venues": [
                { "name": "v0", "bids": [["9997", "11"]], "lot": "5" },
                { "name": "v1", "bids": [["9988", "8"]], "lot": "2" },
            ],
            "order": { "side": "sell", "qty": "8", "type": "market", "tif": "ioc" },
        }));
        assert_eq!((legs(&told), told["filled"].as_str()), (vec![leg("v1", "8")], Some("8")));
    }

    #[test]
    fn a_child_may_be_larger_than_the_book_to_reach_the_minimum() {
        let told = answer(&json!({
            "venues": [
                { "name": "v0", "asks": [["100", "4"]], "lot": "1", "qty_min": "5" },
                { "name": "v1", "asks": [["99", "2"]], "lot": "1", "qty_min": "5" },
            ],
            "order": { "side": "buy", "qty": "8", "type": "limit", "price": "101", "tif": "ioc" },
        }));
        assert_eq!((legs(&told), told["filled"].as_str()), (vec![leg("v0", "5")], Some("4")));
        assert_eq!(
            (told["left"].as_str(), told["left_why"].as_str()),
            (Some("4"), Some("BelowMinimum"))
        );
    }

    /// Found by a stranger: a share was lowered for a rest that the funds did not carry.
    #[test]
    fn a_waiting_order_gives_up_no_fill_for_a_rest_that_no_venue_takes() {
        let told = answer(&json!({
            "venues": [{ "name": "v", "bids": [["10", "20"]], "qty_min": "3", "base": "6" }],
            "order": { "side": "sell", "qty": "7", "type": "limit", "price": "10", "tif": "gtc" },
        }));
        assert_eq!((legs(&told), told["left"].as_str()), (vec![leg("v", "6")], Some("1")));
    }

    /// Found by a stranger: the search had room for the levels of the first venues only.
    #[test]
    fn the_last_of_many_deep_venues_is_seen() {
        let levels = |from: u32| (from..from + 1_000).map(|p| json!([p.to_string(), "3"]));
        let dear = (0..8).map(|id| {
            json!({ "name": format!("v{id}"), "lot": "2", "asks": levels(2_000).collect::<Value>() })
        });
        let last = json!({ "name": "last", "lot": "2", "asks": levels(100).collect::<Value>() });
        let told = answer(&json!({
            "venues": dear.chain([last]).collect::<Value>(),
            "order": { "side": "buy", "qty": "2999", "type": "market" },
        }));
        assert_eq!(legs(&told), [leg("last", "2998")]);
    }

    #[test]
    fn eight_decimals_leave_nothing_where_one_venue_takes_them() {
        let asks = json!([["60000.00", "2"]]);
        let told = answer(&json!({
            "venues": [
                { "name": "v0", "asks": asks, "lot": "0.00001", "notional_min": "5" },
                { "name": "v1", "asks": asks, "lot": "0.00000001", "qty_min": "0.00005",
                  "taker_fee_ppm": "4000" },
            ],
            "order": { "side": "buy", "qty": "0.11125153", "type": "market", "tif": "ioc" },
        }));
        assert_eq!(told["left"], "0");
        assert_eq!(legs(&told), [leg("v0", "0.1112"), leg("v1", "0.00005153")]);
    }

    #[test]
    fn every_venue_without_a_leg_says_why() {
        let asks = json!([["100", "5"]]);
        let told = answer(&json!({
            "venues": [
                { "name": "a", "asks": asks },
                { "name": "b", "asks": asks, "state": "VenueDown" },
                { "name": "c", "asks": asks, "state": "Drained" },
                { "name": "d", "asks": asks, "orders_left": "0" },
                { "name": "e", "asks": asks, "quote": "0" },
                { "name": "f", "asks": [["103", "5"]] },
                { "name": "g", "asks": [["101", "5"]] },
                { "name": "h", "asks": asks, "state": "Untrusted" },
            ],
            "order": { "side": "buy", "qty": "2", "type": "limit", "price": "102" },
        }));
        let why = told["venues"].as_array().expect("venues").iter().map(|venue| &venue["verdict"]);
        let expected = [
            "Taken",
            "VenueDown",
            "Drained",
            "NoRate",
            "NoFunds",
            "BeyondLimit",
            "WorsePrice",
            "Untrusted",
        ];
        assert_eq!(why.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_venue_with_an_open_breaker_gets_no_leg() {
        let asks = json!([["100", "5"]]);
        let told = answer(&json!({
            "venues": [
                { "name": "a", "asks": asks, "state": "BreakerOpen" },
                { "name": "b", "asks": [["101", "5"]] },
            ],
            "order": { "side": "buy", "qty": "2", "type": "limit", "price": "102" },
        }));
        assert_eq!(told["venues"][0]["verdict"], "BreakerOpen");
        assert_eq!(legs(&told), [leg("b", "2")]);
    }

    #[test]
    fn totals_are_exact_decimals_with_the_fee_and_without() {
        let told = answer(&json!({
            "name": "one",
            "venues": [{ "name": "v", "asks": [["100.10", "1"], ["100.20", "2"]],
                         "taker_fee_ppm": "1000" }],
            "order": { "side": "buy", "qty": "2", "type": "market" },
        }));
        assert_eq!((&told["name"], &told["total"]), (&json!("one"), &json!("200.3")));
        assert_eq!(
            (&told["total_all_in"], &told["average_all_in"]),
            (&json!("200.5003"), &json!("100.25015"))
        );
    }

    #[test]
    fn a_line_that_is_no_scenario_is_told_by_number_and_word_and_the_next_is_answered() {
        let venue = r#""venues":[{"name":"v","asks":[["1","1"]]}]"#;
        let order = r#""order":{"side":"buy","qty":"1","type":"market"}"#;
        let cases = [
            ("not json", "BadJson"),
            (&format!("{{{venue},{}}}", order.replace("\"1\"", "\"x\"")), "BadNumber"),
            (&format!("{{\"venues\":[],{order}}}"), "NoVenues"),
            (&format!("{{{},{order}}}", venue.replace("\"v\"", "\"a name too long\"")), "BadName"),
            (&format!("{{{},{order}}}", venue.replace("asks", "ask")), "BadJson"),
            (&format!("{{{venue},{}}}", order.replace("market", "limit")), "BadPrice"),
            (&format!("{{{venue},{}}}", order.replace("\"1\"", "\"-1\"")), "BadNumber"),
        ];
        let lines = cases.iter().map(|(line, _)| *line);
        let good = format!("{{{venue},{order}}}");
        let text = lines.chain([good.as_str()]).collect::<Vec<_>>().join("\n");
        let (sound, told) = answers(&text);
        assert!(!sound);
        for ((at, told), (line, word)) in told.iter().enumerate().zip(cases) {
            assert_eq!((&told["line"], &told["error"]), (&json!(at + 1), &json!(word)), "{line}");
        }
        assert_eq!(told.last().map(|told| &told["filled"]), Some(&json!("1")));
    }
}
