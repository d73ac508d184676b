//! `record` and `feed-check`, as programs, against the simulated venues.

use std::path::Path;
use std::process::{Command, Output};

use rutter_sim::Venue;
use rutter_sim::server::ListenerKind;
use rutter_tools::harness::{Venues, VenuesConfig};
use serde_json::Value;

fn tools(arguments: &[&str]) -> Output {
    let program = env!("CARGO_BIN_EXE_rutter-tools");
    Command::new(program).args(arguments).output().expect("the tool runs")
}

fn said(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// Records a simulated venue for some seconds, and returns the files.
fn record(venues: &Venues, venue: Venue, symbol: &str, target: &str, folder: &Path) -> Vec<String> {
    let address = |kind| venues.address(venue, kind, false).expect("a listener");
    let market_data = format!("ws://{}{target}", address(ListenerKind::Web));
    let rest = format!("http://{}", address(ListenerKind::Web));
    let out = folder.to_str().expect("text");
    let recorded = tools(&[
        "record",
        "--venue",
        venue.name(),
        "--symbol",
        symbol,
        "--market-data",
        &market_data,
        "--rest",
        &rest,
        "--out",
        out,
        "--seconds",
        "4",
    ]);
    assert!(recorded.status.success(), "{}", said(&recorded));
    let files = std::fs::read_dir(folder).expect("a folder");
    let name = |file: std::io::Result<std::fs::DirEntry>| {
        file.expect("a file").path().to_str().expect("text").to_owned()
    };
    files.map(name).filter(|name| name.contains(venue.name())).collect()
}

fn check(venue: Venue, files: &[String]) -> Value {
    let mut arguments = vec!["feed-check", "--json", "--venue", venue.name()];
    arguments.extend(files.iter().map(String::as_str));
    let checked = tools(&arguments);
    assert!(checked.status.success(), "{}", said(&checked));
    serde_json::from_slice(&checked.stdout).expect("one object")
}

#[test]
fn what_is_recorded_at_a_venue_is_played_back_without_a_gap() {
    let folder = tempfile::tempdir().expect("a folder");
    let venues = Venues::start(&VenuesConfig::default(), folder.path()).expect("venues");
    let tapes = folder.path().join("tapes");
    let cases = [(Venue::Binance, "BTCUSDT", "/stream"), (Venue::Kraken, "BTC/USDT", "/v2")];
    for (venue, symbol, target) in cases {
        let files = record(&venues, venue, symbol, target, &tapes);
        assert_eq!(files.len(), 1, "{files:?}");
        let found = check(venue, &files);
        assert_eq!((&found["instruments"], &found["gaps"]), (&1.into(), &0.into()), "{found:#}");
        assert!(found["levels"].as_u64() > Some(20), "{found:#}");
        assert!(found["trades"].as_u64() > Some(0), "{found:#}");
        assert_eq!(found["missing_trades"], 0, "{found:#}");
        let sums = found["comparisons"]["checksums"].as_u64();
        assert_eq!(sums > Some(0), venue == Venue::Kraken, "{found:#}");
    }
    venues.stop().expect("stops");
}

#[test]
fn a_file_that_cannot_be_used_ends_with_code_2_and_a_word() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("bad");
    std::fs::write(&file, "wss://ws.kraken.com/v2 <-> 1\nhello\n").expect("written");
    let checked = tools(&["feed-check", file.to_str().expect("text")]);
    assert_eq!(checked.status.code(), Some(2));
    let expected = format!("rutter-tools: {}:2: unknown_line\n", file.display());
    assert_eq!(said(&checked), expected);
    std::fs::write(&file, "wss://ws.kraken.com/v2 <-> 1\n").expect("written");
    let checked = tools(&["feed-check", file.to_str().expect("text")]);
    assert_eq!(checked.status.code(), Some(2));
    assert_eq!(said(&checked), "rutter-tools: kraken: nothing_to_check\n");
}
