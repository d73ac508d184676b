//! Recordings, whole and damaged.

use super::*;

/// The recordings beside the project, if they are there.
fn captures(names: &[&str]) -> Option<Vec<Event>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/captures");
    let mut events = Vec::new();
    for (at, name) in names.iter().enumerate() {
        let file = folder.join(name);
        if !file.exists() {
            println!("skipped: no recording {name} beside the project");
            return None;
        }
        events.extend(load(at, &file, None).expect("a sound recording").1);
    }
    Some(events)
}

#[test]
fn the_recorded_books_and_trades_of_binance_are_what_its_tickers_and_candles_say() {
    let Some(events) = captures(&["BINANCE.0", "BINANCE.http.0.0", "BINANCE.ws.1.0"]) else {
        return;
    };
    let found = check("binance", events);
    found.print();
    assert!(found.is_good(), "{found:#?}");
    assert_eq!((found.instruments, found.trades, found.missing_trades), (4, 2, 0));
    assert!(found.comparisons.tickers > 30, "{found:#?}");
}

#[test]
fn the_recorded_books_of_kraken_have_the_checksums_of_the_venue() {
    let names = ["KRAKEN.0", "KRAKEN.ws.48.0", "KRAKEN.ws.49.0", "KRAKEN.ws.50.0"];
    let Some(events) = captures(&names) else { return };
    let found = check("kraken", events);
    found.print();
    assert!(found.is_good(), "{found:#?}");
    assert_eq!(found.instruments, 10);
    assert!(found.comparisons.checksums > 1_000, "{found:#?}");
}

#[test]
fn a_changed_quantity_a_lost_change_and_a_lost_trade_are_found() {
    let Some(events) = captures(&["KRAKEN.ws.50.0"]) else { return };
    let is_update = |event: &Event| matches!(&event.line, Line::Text(t) if t.contains("\"c\":"));
    let at = events.iter().position(is_update).expect("an update");
    let mut lost = events.clone();
    lost.remove(at);
    let found = check("kraken", lost);
    assert!(!found.is_good() && found.mismatches > 0 && found.gaps > 0, "{found:#?}");
    let Some(events) = captures(&["BINANCE.http.0.0", "BINANCE.ws.1.0"]) else { return };
    let is_depth = |event: &&Event| matches!(&event.line, Line::Text(t) if t.contains("depthU"));
    let of = |event: &Event| matches!(&event.line, Line::Text(t) if t.contains("nknusdt@depth"));
    assert!(events.iter().filter(is_depth).count() > 100);
    let mut lost = events;
    let at = lost.iter().rposition(of).expect("an update");
    let before = lost[..at].iter().rposition(of).expect("an update");
    lost.remove(before);
    let found = check("binance", lost);
    assert!(!found.is_good() && found.gaps == 1, "{found:#?}");
}

#[test]
fn a_file_that_cannot_be_used_is_told_with_its_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let open = "wss://ws.kraken.com/v2 <-> 1\n";
    let cases = [
        (String::new(), "empty_file", 0),
        (format!("{open}2: {{\"a\":}}\n"), "bad_json", 2),
        ("1: {}\n".to_owned(), "no_connection", 1),
        ("wss://example.com <-> 1\n".to_owned(), "unknown_venue", 1),
        ("wss://notkraken.com <-> 1\n".to_owned(), "unknown_venue", 1),
        (format!("{open}https://api.binance.com/x -> 2: {{}}\n"), "two_venues", 2),
        (format!("{open}1: {{}}"), "cut_file", 2),
    ];
    for (text, word, line) in cases {
        let file = folder.path().join("recording");
        std::fs::write(&file, text).expect("written");
        let error = load(0, &file, None).expect_err("a bad file").to_string();
        assert_eq!(error, format!("{}:{line}: {word}", file.display()));
    }
    let nowhere = folder.path().join("nowhere");
    let error = load(0, &nowhere, None).expect_err("no file").to_string();
    assert!(error.ends_with(":0: unreadable_file"), "{error}");
}
