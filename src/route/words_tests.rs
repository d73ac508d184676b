//! The words of answers, in scenarios of strangers that were answered with an untrue one.
//!
//! A line belongs here if it is such a scenario.

use serde_json::{Value, json};

use super::answer_all;

struct Case {
    venues: Value,
    order: Value,
    filled: &'static str,
    left_why: &'static str,
    verdicts: &'static [&'static str],
}

fn told(case: &Case) -> Value {
    let scenario = json!({ "venues": case.venues, "order": case.order });
    let mut out = Vec::new();
    let sound =
        answer_all("test", &mut scenario.to_string().as_bytes(), &mut out).expect("answered");
    assert!(sound, "{scenario}");
    serde_json::from_slice(&out).expect("JSON")
}

fn check(cases: &[Case]) {
    for case in cases {
        let answer = told(case);
        let venues = answer["venues"].as_array().expect("venues");
        let verdicts: Vec<&str> =
            venues.iter().map(|venue| venue["verdict"].as_str().expect("a word")).collect();
        let (filled, why) = (&answer["filled"], &answer["left_why"]);
        let expected = (&json!(case.filled), &json!(case.left_why), case.verdicts);
        assert_eq!((filled, why, &verdicts[..]), expected, "{} {}", case.venues, case.order);
    }
}

fn sell(qty: &str, limit: &str, tif: &str) -> Value {
    json!({ "side": "sell", "qty": qty, "type": "limit", "price": limit, "tif": tif })
}

fn buy(qty: &str, limit: &str, tif: &str) -> Value {
    json!({ "side": "buy", "qty": qty, "type": "limit", "price": limit, "tif": tif })
}

#[test]
fn funds_are_named_only_where_more_funds_would_help() {
    let lots =
        |base: &str| json!([{ "name": "v", "bids": [["19", "25"]], "lot": "7", "base": base }]);
    let mut cases = vec![
        Case {
            venues: json!([{ "name": "v", "asks": [["100", "20"]], "lot": "3", "qty_min": "7" }]),
            order: buy("8", "100", "ioc"),
            filled: "0",
            left_why: "BelowMinimum",
            verdicts: &["BelowMinimum"],
        },
        Case {
            venues: json!([{ "name": "a", "asks": [["10", "9"]], "lot": "7" },
                           { "name": "b", "asks": [["9", "9"]], "lot": "7", "quote": "1" }]),
            order: buy("8", "10", "ioc"),
            filled: "7",
            left_why: "InsufficientFunds",
            verdicts: &["Taken", "NoFunds"],
        },
        Case {
            venues: json!([{ "name": "v", "asks": [["10", "10"]], "lot": "8", "quote": "117" }]),
            order: buy("20", "10", "ioc"),
            filled: "8",
            left_why: "InsufficientFunds",
            verdicts: &["Taken"],
        },
        Case {
            venues: json!([{ "name": "a", "asks": [["10", "5"]], "notional_min": "20",
                             "quote": "15" },
                           { "name": "b", "asks": [["11", "5"]] }]),
            order: buy("3", "11", "ioc"),
            filled: "3",
            left_why: "None",
            verdicts: &["NoFunds", "Taken"],
        },
        Case {
            venues: json!([{ "name": "v", "bids": [["10", "1"], ["9", "1"]], "notional_min": "20",
                             "base": "2" }]),
            order: sell("3", "9", "ioc"),
            filled: "0",
            left_why: "InsufficientFunds",
            verdicts: &["NoFunds"],
        },
    ];
    for (tif, left_why) in
        [("ioc", "BelowMinimum"), ("gtc", "BelowMinimum"), ("fok", "BelowMinimum")]
    {
        let (venues, order) = (lots("3"), sell("6", "18", tif));
        cases.push(Case { venues, order, filled: "0", left_why, verdicts: &["BelowMinimum"] });
    }
    check(&cases);
}

#[test]
fn a_largest_order_is_not_a_smallest_one() {
    check(&[
        Case {
            venues: json!([{ "name": "v", "asks": [["100", "10"]], "qty_max": "7" }]),
            order: buy("20", "100", "ioc"),
            filled: "7",
            left_why: "QuantityTooLarge",
            verdicts: &["Taken"],
        },
        Case {
            venues: json!([{ "name": "v", "asks": [["100", "10"]], "qty_max": "4" }]),
            order: buy("6", "100", "fok"),
            filled: "0",
            left_why: "FokNotFillable",
            verdicts: &["AboveMaximum"],
        },
        Case {
            venues: json!([{ "name": "v", "asks": [["100", "5"]] },
                           { "name": "w", "asks": [["100", "5"]] }]),
            order: buy("6", "100", "fok"),
            filled: "0",
            left_why: "FokNotFillable",
            verdicts: &["TooThin", "TooThin"],
        },
    ]);
}

#[test]
fn a_busy_venue_is_no_reason_where_its_book_has_nothing_for_the_order() {
    let busy = |asks: Value| json!([{ "name": "v", "asks": asks, "state": "Busy" }]);
    let case = |asks: Value, left_why, verdicts| Case {
        venues: busy(asks),
        order: buy("1", "100", "ioc"),
        filled: "0",
        left_why,
        verdicts,
    };
    check(&[
        case(json!([["100", "5"]]), "VenueBusy", &["Busy"]),
        case(json!([["101", "5"]]), "NoLiquidity", &["BeyondLimit"]),
        case(json!([]), "NoLiquidity", &["TooThin"]),
    ]);
}

#[test]
fn no_fill_is_given_up_for_a_venue_that_is_away_and_gets_nothing() {
    check(&[
        Case {
            venues: json!([{ "name": "v0", "state": "Untrusted", "qty_min": "8" },
                           { "name": "v1", "asks": [["18", "18"]], "lot": "3" }]),
            order: buy("8", "19", "gtc"),
            filled: "6",
            left_why: "BelowMinimum",
            verdicts: &["Untrusted", "Taken"],
        },
        Case {
            venues: json!([{ "name": "v0", "state": "Drained", "qty_min": "8" },
                           { "name": "v1", "asks": [["18", "6"]], "lot": "3" }]),
            order: buy("7", "19", "gtc"),
            filled: "6",
            left_why: "BelowMinimum",
            verdicts: &["Drained", "Taken"],
        },
    ]);
}

/// Lots that divide nothing: few of the large ones fit, and each number of them is tried.
#[test]
fn large_lots_that_do_not_divide_each_other_are_tried_where_they_are_few() {
    let case = Case {
        venues: json!([
            { "name": "a", "asks": [["20", "23"], ["22", "2413"]], "lot": "999" },
            { "name": "b", "asks": [["20", "164"], ["22", "5341"]], "lot": "1000" },
            { "name": "c", "asks": [["18", "106"], ["23", "9000"]], "lot": "11" }]),
        order: buy("8460", "22", "ioc"),
        filled: "7860",
        left_why: "BelowMinimum",
        verdicts: &["Taken", "Taken", "Taken"],
    };
    let answer = told(&case);
    assert_eq!(answer["search"]["bounded"], json!(false), "{answer:#}");
}

/// Four lots near a thousand, and a quantity that no small number of them makes up.
#[test]
fn a_search_that_stops_at_its_bound_is_named_where_it_leaves_something() {
    let lots = ["1009", "1013", "1019", "1021"];
    let venues = lots.map(|lot| {
        json!({ "name": format!("v{lot}"), "asks": [["100", "90000"], ["101", "90000"]],
                "lot": lot, "tick": "1" })
    });
    let ask = |order: Value| {
        let case = Case { venues: json!(venues), order, filled: "", left_why: "", verdicts: &[] };
        told(&case)
    };
    let answer = ask(buy("300007", "101", "ioc"));
    assert_eq!(answer["search"]["bounded"], json!(true), "{answer:#}");
    assert_eq!(answer["left_why"], json!("SearchBound"), "{answer:#}");
    let answer = ask(json!({ "side": "buy", "qty": "300007", "type": "limit", "price": "101",
                             "tif": "ioc", "min_qty": "300007" }));
    assert_eq!(answer["left_why"], json!("SearchBound"), "{answer:#}");
    assert_eq!(answer["legs"], json!([]), "{answer:#}");
}
