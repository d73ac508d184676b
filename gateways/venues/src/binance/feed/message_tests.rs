//! Texts: documented shapes, the quick and the slow way, and bytes of any kind.

use rutter_core::input::Level;
use rutter_core::number::{Price, Qty};

use super::message::{
    Decimals, Depth, LEVELS_MAX, Levels, Message, ParseError, parse, parse_snapshot,
};
use crate::decimal::DecimalError;

const DECIMALS: Decimals = Decimals { price: 4, qty: 2 };

/// Binance's own sample.
const DEPTH: &str = concat!(
    r#"{"e":"depthUpdate","E":1672515782136,"s":"BNBBTC","U":157,"u":160,"#,
    r#""b":[["0.0024","10"]],"a":[["0.0026","100"]]}"#,
);

fn listed(symbol: &str) -> Option<Decimals> {
    (symbol == "BNBBTC").then_some(DECIMALS)
}

fn read(text: &str) -> (Result<Message<'_>, ParseError>, Levels) {
    let mut levels = Levels::default();
    (parse(text, listed, &mut levels), levels)
}

fn level(price: i64, qty: i64) -> Level {
    Level { price: Price(price), qty: Qty(qty) }
}

fn depth() -> Message<'static> {
    Message::Depth(Depth { symbol: "BNBBTC".into(), first: 157, last: 160 })
}

#[test]
fn the_documented_change_is_read_raw_and_combined() {
    let combined = format!("{{\"stream\":\"bnbbtc@depth@100ms\",\"data\":{DEPTH}}}");
    for text in [DEPTH, combined.as_str()] {
        let (message, levels) = read(text);
        assert_eq!(message, Ok(depth()));
        assert_eq!(levels.bids, [level(24, 1_000)]);
        assert_eq!(levels.asks, [level(26, 10_000)]);
    }
}

/// Blanks, other orders of the fields, new fields, escapes and exponents are still the same JSON.
#[test]
fn unusual_texts_say_the_same() {
    for text in [
        concat!(
            r#" {"e":"depthUpdate", "E":1672515782136, "s":"BNBBTC", "U":157, "u":160,"#,
            r#" "b":[["0.0024","10"]], "a":[["0.0026","100"]]} "#,
        ),
        concat!(
            r#"{"a":[["0.0026","100"]],"b":[["0.0024","10"]],"u":160,"U":157,"#,
            r#""s":"BNBBTC","e":"depthUpdate"}"#,
        ),
        concat!(
            r#"{"e":"depthUpdate","E":1,"new":{"x":[1,2]},"s":"BNBBTC","U":157,"u":160,"#,
            r#""b":[["0.0024","10"]],"a":[["0.0026","100"]]}"#,
        ),
        concat!(
            r#"{"e":"depthUpdate","E":1,"s":"BNB\u0042TC","U":157,"u":160,"#,
            r#""b":[["24e-4","10"]],"a":[["0.00260000","1E2"]]}"#,
        ),
        concat!(
            r#"{"data":{"e":"depthUpdate","E":1,"s":"BNBBTC","U":157,"u":160,"#,
            r#""b":[["0.0024","10"]],"a":[["0.0026","100"]]},"stream":"x"}"#,
        ),
    ] {
        let (message, levels) = read(text);
        assert_eq!(message, Ok(depth()), "{text}");
        assert_eq!(levels.bids, [level(24, 1_000)], "{text}");
        assert_eq!(levels.asks, [level(26, 10_000)], "{text}");
    }
}

#[test]
fn other_documented_texts_are_known() {
    for (text, message) in [
        (
            concat!(
                r#"{"e":"trade","E":1,"s":"BNBBTC","t":12345,"p":"0.001","q":"100","#,
                r#""T":1,"m":true,"M":true}"#,
            ),
            Message::Other,
        ),
        (
            concat!(
                r#"{"u":400900217,"s":"BNBUSDT","b":"25.35190000","B":"31.21000000","#,
                r#""a":"25.36520000","A":"40.66000000"}"#,
            ),
            Message::Other,
        ),
        (r#"{"result":null,"id":1}"#, Message::Answer { id: Some(1), done: true }),
        (
            r#"{"code":3,"msg":"Invalid JSON: expected value at line 1 column 1"}"#,
            Message::Answer { id: None, done: false },
        ),
        (
            r#"{"error":{"code":2,"msg":"Invalid request"},"id":7}"#,
            Message::Answer { id: Some(7), done: false },
        ),
        (r#"{"e":"serverShutdown","E":1770123456789}"#, Message::Shutdown),
        (
            r#"{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1770123456789}}"#,
            Message::Shutdown,
        ),
        (r#"{"e":"depthUpdate","E":1,"s":"OTHER","U":1,"u":1,"b":[],"a":[]}"#, Message::Other),
    ] {
        assert_eq!(read(text).0, Ok(message), "{text}");
    }
}

#[test]
fn numbers_that_do_not_fit_are_errors_of_their_symbol() {
    for (price, qty, error) in [
        ("0.00241", "10", DecimalError::Inexact),
        ("0.0024", "10.001", DecimalError::Inexact),
        ("-1", "10", DecimalError::Range),
        ("", "10", DecimalError::Syntax),
        ("0.0024", "99999999999999999999", DecimalError::Range),
    ] {
        let text = DEPTH.replace("0.0024", price).replace("\"10\"", &format!("\"{qty}\""));
        let symbol = "BNBBTC".to_owned();
        assert_eq!(read(&text).0, Err(ParseError::Decimal { symbol, error }), "{text}");
    }
}

#[test]
fn a_snapshot_is_read() {
    let mut levels = Levels::default();
    for text in [
        r#"{"lastUpdateId":160,"bids":[["0.0024","10"]],"asks":[["0.0026","100"]]}"#,
        r#"{"asks":[["0.0026","100"]], "bids":[["0.0024","10"]], "lastUpdateId":160}"#,
    ] {
        assert_eq!(parse_snapshot(text, "BNBBTC", DECIMALS, &mut levels), Ok(160));
        assert_eq!(levels.bids, [level(24, 1_000)]);
        assert_eq!(levels.asks, [level(26, 10_000)]);
    }
    for text in ["", "{}", "[]", r#"{"lastUpdateId":-1,"bids":[],"asks":[]}"#] {
        let read = parse_snapshot(text, "BNBBTC", DECIMALS, &mut levels);
        assert_eq!(read, Err(ParseError::Json), "{text}");
    }
}

#[test]
fn further_elements_of_a_level_say_nothing() {
    let mut levels = Levels::default();
    let text =
        r#"{"lastUpdateId":160,"bids":[["0.0024","10",[]]],"asks":[["0.0026","100","x",1]]}"#;
    assert_eq!(parse_snapshot(text, "BNBBTC", DECIMALS, &mut levels), Ok(160));
    assert_eq!(
        (&levels.bids[..], &levels.asks[..]),
        (&[level(24, 1_000)][..], &[level(26, 10_000)][..])
    );
    let (plain, told) = read(DEPTH);
    let more = DEPTH.replace("\"10\"]", "\"10\",[],null]");
    assert!(more != DEPTH, "{DEPTH}");
    assert_eq!(read(&more), (plain, told));
    assert_eq!(read(&DEPTH.replace(",\"10\"]", "]")).0, Err(ParseError::Json));
}

#[test]
fn cut_texts_are_errors_at_every_byte() {
    let combined = format!("{{\"stream\":\"bnbbtc@depth\",\"data\":{DEPTH}}}");
    for text in [DEPTH, combined.as_str()] {
        for end in 0..text.len() {
            assert_eq!(read(&text[..end]).0, Err(ParseError::Json), "cut at {end}");
        }
        assert_eq!(read(&format!("{text}x")).0, Err(ParseError::Json));
    }
}

#[test]
fn deep_and_huge_texts_end_in_an_error() {
    let deep = "[".repeat(1 << 20);
    assert_eq!(read(&deep).0, Err(ParseError::Json));
    let nested = format!("{{\"data\":{}", "{\"data\":".repeat(100_000));
    assert_eq!(read(&nested).0, Err(ParseError::Json));
    let many = vec!["[\"1\",\"1\"]"; LEVELS_MAX + 1].join(",");
    let huge = format!(
        "{{\"e\":\"depthUpdate\",\"E\":1,\"s\":\"BNBBTC\",\"U\":1,\"u\":1,\"b\":[{many}],\"a\":[]}}"
    );
    assert_eq!(read(&huge).0, Err(ParseError::TooManyLevels));
}

/// The quick way may give up, but must never say something else than the slow way. A blank in
/// front sends the same text the slow way.
#[test]
fn the_quick_way_agrees_with_the_slow_way_on_mangled_texts() {
    let mut state: u64 = 0x00b1_0ca7;
    println!("seed {state}");
    let alphabet = b"0123456789.,:[]{}\"eE-\\buUsa x";
    let mut read_well = 0;
    for _ in 0..60_000 {
        let mut bytes = DEPTH.as_bytes().to_vec();
        for _ in 0..=(state >> 60) % 3 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let at = (state >> 33) as usize % bytes.len();
            let byte = alphabet[(state >> 20) as usize % alphabet.len()];
            match (state >> 50) % 3 {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                _ => drop(bytes.remove(at)),
            }
        }
        let text = String::from_utf8(bytes).expect("ASCII");
        let blank = format!(" {text}");
        let (quick, slow) = (read(&text), read(&blank));
        assert_eq!(quick.0, slow.0, "{text}");
        if let Ok(Message::Depth(_)) = quick.0 {
            read_well += 1;
            assert_eq!(quick.1, slow.1, "{text}");
        }
    }
    assert!(read_well > 1_000, "the test must also reach good texts: {read_well}");
}
