//! What people read is written for people: every command's output, and the log of a node.

use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use rutter_sim::market::{E8, MARKETS};
use rutter_tools::client::{FixClient, Order, Report, Side, Tif, Told};
use rutter_tools::clock::unix_ns;
use rutter_tools::harness::NodeSettings;
use serde_json::Value;

use crate::desk::{Desk, RUTTER, still};

const PATIENCE: Duration = Duration::from_mins(1);

/// What Rust's debug form writes, and nobody else.
const DEBUG_FORMS: [&str; 5] = ["{ ", "Some(", "None", "Ok(", "Err("];

/// The exit code of a command whose reader has gone: that of a shell for SIGPIPE.
const BROKEN_PIPE: i32 = 141;

fn plain(what: &str, text: &str) {
    for form in DEBUG_FORMS {
        let found = text.lines().find(|line| line.contains(form));
        assert_eq!(found, None, "{what} has {form:?}");
    }
}

fn rutter(arguments: &[&str]) -> Output {
    Command::new(RUTTER).args(arguments).stdin(Stdio::null()).output().expect("runs")
}

/// The output of a command that succeeds, or whose outcome does not matter.
fn said(arguments: &[&str]) -> String {
    let Output { stdout, stderr, .. } = rutter(arguments);
    let text = [stdout, stderr].concat();
    let text = String::from_utf8(text).expect("text");
    // In the log it stands in the name of the part that writes.
    assert!(!text.contains("::"), "{arguments:?} names a type: {text}");
    plain(&arguments.join(" "), &text);
    text
}

/// A node that has filled some orders: its folder, and where the console is.
struct Scene {
    dir: tempfile::TempDir,
    config: String,
    journal: String,
    log: String,
}

impl Scene {
    /// Trades, lets `look` look at the running node, and ends it.
    fn play(look: impl FnOnce(&[&str])) -> Self {
        let change = |settings: &mut NodeSettings| settings.stale_after_ms = 3_600_000;
        let Desk { mut client, mut node, dir, config, venues: _venues, .. } =
            Desk::start(&still(), change, "");
        trade(&mut client);
        let config = config.display().to_string();
        look(&["ctl", "--config", &config]);
        node.terminate(PATIENCE).expect("ends");
        let (journal, log) = (node.journal().display().to_string(), node.log_path());
        let log = std::fs::read_to_string(log).expect("a log");
        Self { dir, config, journal, log }
    }
}

/// Three orders that are filled: `words-0` to `words-2`.
fn trade(client: &mut FixClient) {
    for number in 0..3 {
        let id = format!("words-{number}");
        let (symbol, qty_e8) = (MARKETS[0].symbol, E8 / 1_000);
        let (side, tif) = (Side::Buy, Tif::Day);
        let order = Order { cl_ord_id: &id, symbol, side, qty_e8, limit_e8: None, tif };
        client.new_order(unix_ns(), &order).expect("sent");
    }
    let (started, mut filled) = (Instant::now(), 0);
    while filled < 3 {
        let told = &mut |told: Told<'_>| {
            if let Told::App(message, dup) = told {
                let report = Report::read(&message, dup).expect("readable");
                filled += usize::from(report.status == '2');
            }
        };
        client.turn(unix_ns(), told).expect("the node reads");
        assert!(started.elapsed() < PATIENCE, "{filled} of 3 are filled");
        std::thread::yield_now();
    }
}

/// Asks a running node everything that can be asked.
fn ask_everything(ctl: &[&str]) {
    let ask = |words: &[&str]| said(&[ctl, words].concat());
    for verb in [
        "status",
        "venues",
        "sessions",
        "latency",
        "journal",
        "instruments",
        "positions",
        "bridges",
        "balances",
        "commands",
        "pending",
        "help",
    ] {
        ask(&[verb]);
    }
    ask(&["limits", "show"]);
    ask(&["book", MARKETS[0].symbol]);
    ask(&["orders", "--state", "all"]);
    let shown = ask(&["config", "show"]);
    assert!(shown.contains("\npassword = \"***\"\n"), "{shown}");
    assert!(shown.contains("\n[[venue.listing]]\n"), "{shown}");
    let [_, _, config] = ctl else { panic!("{ctl:?}") };
    let asked = said(&["doctor", config]);
    for words in ["ok   node           RUTTER 0", " wrong ", " node_venue ", " node_session "] {
        assert!(asked.contains(words), "no {words:?} in\n{asked}");
    }
    find_an_order(&ask);
    preview_an_order(&ask);
}

/// Where an order would go. The journal has three orders afterwards as before.
fn preview_an_order(ask: &dyn Fn(&[&str]) -> String) {
    let sessions: Value = serde_json::from_str(&ask(&["--json", "sessions"])).expect("JSON");
    let session = sessions["sessions"][0]["name"].as_str().expect("a session");
    let order = ["--symbol", MARKETS[0].symbol, "--side", "buy", "--qty", "0.001"];
    let asked = [&["route-preview", "--session", session][..], &order].concat();
    let told = ask(&asked);
    for words in [" market day  nothing is sent\nfills 0.001 at ", "\ntake  ", "  Taken  "] {
        assert!(told.contains(words), "no {words:?} in\n{told}");
    }
}

/// The second order, by each of its ids.
fn find_an_order(ask: &dyn Fn(&[&str]) -> String) {
    let by_client = ask(&["order", "words-1"]);
    assert!(by_client.starts_with("order 2 "), "{by_client}");
    let told: Value = serde_json::from_str(&ask(&["--json", "order", "2"])).expect("JSON");
    let theirs = told["children"][0]["venue_order"].as_str().expect("the venue's own id");
    for id in ["2", theirs] {
        assert_eq!(ask(&["order", id]).lines().next(), by_client.lines().next(), "{id}");
    }
    let listed = ask(&["orders", "--id", "words-1"]);
    assert!(listed.contains("\n    2  "), "{listed}");
    let over = ask(&["cancel", theirs, "--dry-run"]);
    assert!(over.contains("nothing: order 2 is over"), "{over}");
    let nobody = ask(&["order", "nobodys"]);
    assert!(nobody.contains("no order nobodys"), "{nobody}");
}

#[test]
fn every_command_and_the_log_speak_words_and_an_order_is_found_by_each_of_its_ids() {
    let scene = Scene::play(ask_everything);
    plain("the log", &scene.log);
    let (journal, config) = (scene.journal.as_str(), scene.config.as_str());
    let verified = said(&["verify", journal]);
    assert!(verified.contains("each valid and in order\n"), "{verified}");
    let replayed = said(&["replay", journal]);
    assert!(replayed.contains("orders 3 accepted, 0 refused"), "{replayed}");
    said(&["check-config", config]);
    let asked = said(&["doctor", config]);
    assert!(asked.contains("ok   node           none runs: nobody listens"), "{asked}");

    let of = |id: &str| said(&["replay", journal, "--order", id]);
    let story = of("words-1");
    let symbol = MARKETS[0].symbol;
    for words in [
        &format!("order 2 New: Buy 0.001 {symbol} Market Day; state New"),
        "order 2: routed, round 1, quantity 0.001",
        "Taken, 0.001 at ",
        "order 2: child 2 sent to ",
        "order 2 Trade: Buy",
        "client's id words-1",
        "state Filled, 0.001 filled, 0 left",
    ] {
        assert!(story.contains(words), "no {words:?} in\n{story}");
    }
    let time = story.split(' ').next().expect("a time");
    assert_eq!((time.len(), &time[10..11], &time[29..]), (30, "T", "Z"), "{time}");
    assert_eq!(of("2"), story, "by our id");
    let theirs = story.split("the venue's order ").nth(1).expect("the venue has told its id");
    let theirs = theirs.split(';').next().expect("an id");
    assert_eq!(of(theirs), story, "by the venue's id");
    let unknown = rutter(&["replay", journal, "--order", "nobodys"]);
    assert_eq!(unknown.status.code(), Some(1));
    drop(scene.dir);
}

#[test]
fn a_reader_that_has_seen_enough_ends_a_command_without_a_word() {
    let scene = Scene::play(|_| {});
    for arguments in [
        &["replay", &scene.journal, "--order", "1"][..],
        &["replay", &scene.journal],
        &["verify", &scene.journal],
        &["check-config", &scene.config],
    ] {
        let mut command = Command::new(RUTTER);
        command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("starts");
        drop(child.stdout.take());
        let output = child.wait_with_output().expect("ends");
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{arguments:?}");
        assert_eq!(output.status.code(), Some(BROKEN_PIPE), "{arguments:?}");
    }
}
