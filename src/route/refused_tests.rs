//! Lines that ask for what no node would do, and the words that refuse them.
//!
//! A line belongs here if it is about a scenario that is refused, or about the edge of one that is
//! answered.

use std::path::Path;

use serde_json::{Value, json};

use super::{answer_all, command};
use rutter_core::book::{BOOK_LEVELS_MAX, LEVELS_BEYOND};

fn told(scenario: &Value) -> Value {
    let mut out = Vec::new();
    answer_all("test", &mut scenario.to_string().as_bytes(), &mut out).expect("answered");
    serde_json::from_slice(&out).expect("JSON")
}

fn market(venue: &Value, order: &Value) -> Value {
    let mut whole = json!({ "name": "v", "asks": [["100", "5"]] });
    let mut wanted = json!({ "side": "buy", "qty": "1", "type": "market" });
    for (object, more) in [(&mut whole, venue), (&mut wanted, order)] {
        for (key, value) in more.as_object().expect("an object") {
            object[key] = value.clone();
        }
    }
    told(&json!({ "venues": [whole], "order": wanted }))
}

fn refused(told: &Value) -> (&str, &str) {
    let text = |key: &str| told[key].as_str().unwrap_or_default();
    (text("error"), text("text"))
}

#[test]
fn a_term_out_of_its_range_is_refused_by_its_own_name() {
    for (venue, word, text) in [
        (json!({ "tick": "0" }), "BadTicks", "a tick is above zero: tick of v"),
        (json!({ "price_digits": "0" }), "BadTicks", "not from 1 to 18: price_digits of v"),
        (json!({ "price_digits": 19 }), "BadTicks", "not from 1 to 18: price_digits of v"),
        (json!({ "price_digits": -1 }), "BadTicks", "not from 1 to 18: price_digits of v"),
        (
            json!({ "price_digits": 5, "tick": "0.5" }),
            "BadTicks",
            "with price_digits a tick is a power of ten: tick of v",
        ),
        (
            json!({ "price_digits": 5, "ticks": [["200", "2"]] }),
            "BadTicks",
            "price_digits and ticks exclude each other: ticks of v",
        ),
        (json!({ "lot": "0" }), "BadNumber", "lot of v is out of range"),
        (json!({ "lot": "1e3" }), "BadNumber", "lot, qty_min or qty_max is no decimal: 1e3"),
        (json!({ "lot": "1_000" }), "BadNumber", "lot, qty_min or qty_max is no decimal: 1_000"),
        (
            json!({ "lot": 1e3 }),
            "BadNumber",
            "lot, qty_min or qty_max has decimals or an exponent: write a decimal string",
        ),
        (
            json!({ "qty_min": "5", "qty_max": "2" }),
            "BadNumber",
            "qty_min of v is above its qty_max",
        ),
        (json!({ "taker_fee_ppm": 1_000_000 }), "BadNumber", "taker_fee_ppm is out of range"),
        (json!({ "maker_fee_ppm": -1_000_000 }), "BadNumber", "maker_fee_ppm is out of range"),
        (json!({ "rejects_ppm": 1_000_001 }), "BadNumber", "rejects_ppm is out of range"),
        (json!({ "faded_ppm": 1_000_001 }), "BadNumber", "faded_ppm is out of range"),
    ] {
        assert_eq!(refused(&market(&venue, &json!({}))), (word, text), "{venue}");
    }
    for venue in [
        json!({ "price_digits": 1 }),
        json!({ "price_digits": 18 }),
        json!({ "taker_fee_ppm": 999_999, "maker_fee_ppm": -999_999 }),
        json!({ "rejects_ppm": 1_000_000, "faded_ppm": 1_000_000 }),
    ] {
        assert_eq!(market(&venue, &json!({}))["filled"], "1", "{venue}");
    }
}

#[test]
fn a_key_that_an_order_would_not_heed_is_refused() {
    for (order, word) in [
        (json!({ "tif": "gtc" }), "BadTif"),
        (json!({ "tif": "gtd" }), "BadTif"),
        (json!({ "type": "limit", "price": "100", "collar_ppm": 5 }), "BadPrice"),
        (json!({ "type": "limit", "price": "100", "worst": "100" }), "BadPrice"),
        (json!({ "worst": "100", "collar_ppm": 5 }), "BadPrice"),
        (
            json!({ "weights": { "price": 100, "latency": 0, "reliability": 0, "liquidity": 0 } }),
            "BadWeights",
        ),
        (
            json!({ "mode": "score",
                    "weights": { "price": 99, "latency": 0, "reliability": 0, "liquidity": 0 } }),
            "BadWeights",
        ),
    ] {
        assert_eq!(refused(&market(&json!({}), &order)).0, word, "{order}");
    }
    for tif in ["day", "ioc", "fok"] {
        assert_eq!(market(&json!({}), &json!({ "tif": tif }))["filled"], "1", "{tif}");
    }
}

#[test]
fn an_array_is_no_object() {
    let venue = json!({ "name": "v", "asks": [["100", "5"]], "own": [] });
    let order = json!({ "side": "buy", "qty": "1", "type": "market" });
    let with = |venue: &Value, order: &Value| json!({ "venues": [venue], "order": order });
    assert_eq!(told(&with(&venue, &order))["filled"], "1");
    let mut own = venue.clone();
    own["own"] = json!([["buy", "99"]]);
    for scenario in [
        json!([null, [venue], order]),
        with(&json!(["v"]), &order),
        with(&venue, &json!(["buy", "1", "market"])),
        with(&own, &order),
    ] {
        let told = told(&scenario);
        let (word, text) = refused(&told);
        assert_eq!(word, "BadJson", "{scenario}");
        assert!(text.contains("expected a JSON object"), "{text}");
    }
}

#[test]
fn every_level_that_a_scenario_may_have_is_seen_whatever_their_order() {
    let most = BOOK_LEVELS_MAX + LEVELS_BEYOND;
    let levels = |count: usize| (1..=count).map(|price| json!([price, 1]));
    let buy = |asks: Value, qty: usize| market(&json!({ "asks": asks }), &json!({ "qty": qty }));
    for asks in [levels(most).collect::<Value>(), levels(most).rev().collect()] {
        let told = buy(asks, most);
        assert_eq!((&told["filled"], &told["left"]), (&json!(most.to_string()), &json!("0")));
    }
    let told = market(
        &json!({ "bids": levels(most).collect::<Value>(), "asks": [] }),
        &json!({ "side": "sell", "qty": most }),
    );
    assert_eq!(told["filled"], most.to_string());
    assert_eq!(refused(&buy(levels(most + 1).collect(), most)).0, "BadLevel");
}

/// A venue's feed decides what its book shows, and a recorded decision has the book as it was. The
/// venue takes only prices on its ticks.
#[test]
fn a_level_off_the_tick_is_taken_at_the_next_price_on_the_ticks() {
    let told = market(&json!({ "asks": [["100.07", "5"]], "tick": "0.05" }), &json!({}));
    assert_eq!((&told["filled"], &told["legs"][0]["limit"]), (&json!("1"), &json!("100.1")));
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let missing = folder.path().join("none.jsonl");
    for path in [folder.path(), missing.as_path()] {
        let error = command(Path::new(path), &mut Vec::new()).expect_err("no file");
        let (text, begin) = (error.to_string(), format!("{}: ", path.display()));
        assert!(text.starts_with(&begin) && text.contains("os error"), "{text}");
    }
}

#[test]
fn shares_of_a_resting_order_are_in_range_and_of_venues_that_there_are() {
    let rest = |rest: Value| {
        let order = json!({ "type": "limit", "price": "99", "tif": "gtc", "rest": rest });
        market(&json!({}), &order)
    };
    for (shares, word) in [
        (json!({ "places": 0 }), "BadRest"),
        (json!({ "places": 9 }), "BadRest"),
        (json!({ "legs": 0 }), "BadRest"),
        (json!({ "percent": { "v": 99 } }), "BadRest"),
        (json!({ "percent": { "v": 0 } }), "BadRest"),
        (json!({ "percent": { "w": 100 } }), "UnknownVenue"),
        (json!({ "at": ["w"] }), "UnknownVenue"),
        (json!({ "places": "two" }), "BadJson"),
        (json!({ "surprise": 1 }), "BadJson"),
    ] {
        assert_eq!(refused(&rest(shares.clone())).0, word, "{shares}");
    }
    for sound in
        [json!({}), json!({ "places": 8, "at": ["v"] }), json!({ "percent": { "v": 100 } })]
    {
        assert_eq!(rest(sound.clone())["left"], "0", "{sound}");
    }
}
