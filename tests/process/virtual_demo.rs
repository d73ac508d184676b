//! The demo in virtual time: the whole node without a clock.
//!
//! A line belongs here if it judges `rutter-tools demo --virtual-time`.

use std::io::Write;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

use rutter_tools::demo::{Arguments, Screen, Summary, Wires, Written, trade_on, written};
use serde_json::Value;

/// An output that a test reads afterwards.
#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("no test has failed in it").write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Everything that a run leaves behind for people and programs.
#[derive(Debug, PartialEq, Eq)]
struct Left {
    /// The table on a terminal, while the run went on.
    screen: Vec<u8>,
    /// The summary as lines, and the HTML page.
    lines: Written,
    /// The summary as JSON.
    json: Written,
    /// Names and bytes of the journal's files.
    journal: Vec<(String, Vec<u8>)>,
}

fn run(seed: u64) -> (Summary, Left) {
    let dir = tempfile::tempdir().expect("folder");
    let arguments = Arguments {
        seconds: 3,
        rate: 50,
        kills: 1,
        seed,
        html: Some("page.html".into()),
        wires: Wires { virtual_time: true, ..Wires::default() },
        ..Arguments::default()
    };
    let out = Shared::default();
    let screen = Screen::new(false, true, Box::new(out.clone()));
    let summary = trade_on(screen, &arguments, dir.path(), &AtomicBool::new(false));
    let summary = summary.expect("a whole run");
    let of = |json| {
        let arguments = Arguments { json, ..arguments.clone() };
        written(&arguments, &summary, dir.path()).expect("written")
    };
    let folder = std::fs::read_dir(dir.path().join("data/journal")).expect("a journal");
    let mut journal: Vec<(String, Vec<u8>)> = folder
        .map(|entry| entry.expect("a file").path())
        .map(|path| {
            let name = path.file_name().expect("a name").to_string_lossy().into_owned();
            (name, std::fs::read(&path).expect("readable"))
        })
        .collect();
    journal.sort();
    let screen = out.0.lock().expect("nobody writes").clone();
    let left = Left { screen, lines: of(false), json: of(true), journal };
    (summary, left)
}

#[test]
fn two_runs_of_one_seed_in_virtual_time_leave_the_same_bytes_and_another_seed_does_not() {
    let (_, first) = run(7);
    let (_, second) = run(7);
    // Compared part by part, for a whole run is too long to print.
    assert!(first.lines == second.lines, "\n{}\n{}", first.lines.text, second.lines.text);
    assert!(first.json == second.json, "\n{}\n{}", first.json.text, second.json.text);
    assert!(first.screen == second.screen, "the screens differ");
    assert!(first.journal == second.journal, "the journals differ");
    assert!(first.screen.len() > 1_000 && first.journal.len() > 1, "something was compared");
    let (_, other) = run(8);
    let parts = [first.lines == other.lines, first.json == other.json];
    assert_eq!(parts, [false, false], "another seed gives another result");
    assert!(first.screen != other.screen && first.journal != other.journal);
}

/// All counts are the client's and the venues'; only the digest is the node's.
#[test]
fn a_node_that_is_killed_in_virtual_time_loses_nothing_and_doubles_nothing() {
    let (summary, left) = run(3);
    assert_eq!((summary.lost, summary.doubled), (0, 0), "{:?}", summary.lost_by);
    assert_eq!((summary.kills, summary.crashes.len()), (1, 1));
    let crash = &summary.crashes[0];
    let after = crash.after.expect("trading goes on after the kill");
    assert!(after.fills_booked >= crash.before.fills_booked, "{crash:?}");
    let fates = crash.fates.open + crash.fates.filled + crash.fates.ended;
    assert_eq!(fates, crash.before.open_by_client, "each open order has a fate");
    assert!(crash.down_ms > 0, "a reconnect takes time along a wire");
    assert!(summary.orders > 100 && summary.saved_orders > 0, "orders were sent and compared");
    assert!(summary.journal_verified && summary.digest_equal, "digest {}", summary.digest);
    // What has no meaning without a clock is said in words.
    let json: Value = serde_json::from_str(&left.json.text).expect("JSON");
    assert_eq!(json["time"], "virtual");
    let note = json["latency_note"].as_str().expect("words");
    assert!(note.contains("virtual time") && left.lines.text.contains(note), "{note}");
    let stages: Vec<&String> = json["latency_ns"].as_object().expect("a map").keys().collect();
    assert_eq!(stages, ["client.answer"], "only the wires' time is a number");
}
