//! The JSON log of a real node: every line is an object, no line holds a secret, and a trace id
//! follows an order through the log.

use std::time::{Duration, Instant};

use rutter_sim::Venue;
use rutter_sim::faults::Fault;
use rutter_sim::market::{E8, MARKETS};
use rutter_tools::client::{ClientConfig, FixClient, Order, Report, Side, Tif, Told};
use rutter_tools::clock::unix_ns;
use rutter_tools::harness::READY_DEFAULT;
use serde_json::{Value, json};

use crate::desk::{Desk, still};

const PATIENCE: Duration = Duration::from_secs(20);

#[test]
fn every_line_is_an_object_with_time_level_and_event_and_shows_no_password() {
    let mut scene = logging("debug");
    let (settings, desk) = (&scene.settings, &scene.settings.sessions[0]);
    // A client with a wrong password.
    let wrong = ClientConfig::new(settings.listen, &desk.comp_id, "canary-of-a-wrong-password");
    drop(FixClient::connect(&wrong).map(|mut client| client.wait_logon(PATIENCE)));
    scene.node.terminate(PATIENCE).expect("ends");
    let log = std::fs::read_to_string(scene.node.log_path()).expect("a log");
    let mut events = Vec::new();
    for line in log.lines() {
        let line: Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
        assert!(line["ts"].as_str().is_some_and(|ts| ts.ends_with('Z')), "{line}");
        assert!(
            ["info", "warn", "debug"].contains(&line["level"].as_str().unwrap_or("")),
            "{line}"
        );
        events.push(line["event"].as_str().expect("an event").to_owned());
    }
    for event in ["journal recovered", "running", "venue up", "client", "journal closed"] {
        assert!(events.iter().any(|told| told == event), "{event} in {events:?}");
    }
    for secret in [desk.password.as_str(), "canary-of-a-wrong-password"] {
        assert!(!log.contains(secret));
    }
}

/// A desk with still venues and a log of JSON.
fn logging(level: &str) -> Desk {
    let log = format!("\n[log]\nformat = \"json\"\nlevel = \"{level}\"");
    Desk::start(&still(), |_| {}, &log)
}

impl Desk {
    /// A small order that the best offer takes whole.
    fn send(&mut self, id: &str) {
        let order = Order {
            cl_ord_id: id,
            symbol: MARKETS[0].symbol,
            side: Side::Buy,
            qty_e8: E8 / 1_000,
            limit_e8: None,
            tif: Tif::Ioc,
        };
        self.client.new_order(unix_ns(), &order).expect("sent");
    }

    /// The order as the console shows it, once the read model has followed the core that far.
    fn shown(&self, number: u64) -> Value {
        let started = Instant::now();
        loop {
            match self.node.ask("order", &json!({"id": number})) {
                Ok(shown) => return shown,
                Err(error) => assert!(started.elapsed() < PATIENCE, "{error}"),
            }
        }
    }

    /// Reads until `done`; returns the venue and the `OrderID` of the last report.
    fn wait_filled(&mut self, id: &str) -> Report {
        let (started, mut filled) = (Instant::now(), None);
        while filled.is_none() {
            let mut hear = |told: Told| {
                if let Told::App(message, dup) = told {
                    let report = Report::read(&message, dup).expect("readable");
                    let is_it = report.cl_ord_id == id && report.is_final();
                    filled = filled.take().or(is_it.then_some(report));
                }
            };
            self.client.turn(unix_ns(), &mut hear).expect("the node reads");
            assert!(started.elapsed() < PATIENCE, "{id} is not over: {}", self.node.log_end());
        }
        let report = filled.expect("heard of");
        assert_eq!((report.kind, report.status), ('F', '2'), "{report:?}");
        report
    }

    /// The log from byte `from` on.
    fn log(&self, from: usize) -> String {
        let log = std::fs::read_to_string(self.node.log_path()).expect("a log");
        // The last line may be incomplete.
        let end = log.rfind('\n').map_or(0, |at| at + 1);
        log.get(from..end).unwrap_or_default().to_owned()
    }

    /// The lines with a text, once one of them has another: as a person would look for them.
    fn lines_with(&self, from: usize, text: &str, last: &str) -> Vec<String> {
        let started = Instant::now();
        loop {
            let log = self.log(from);
            let found: Vec<_> = log.lines().filter(|line| line.contains(text)).collect();
            if found.iter().any(|line| line.contains(last)) {
                return found.into_iter().map(str::to_owned).collect();
            }
            assert!(started.elapsed() < PATIENCE, "no {last} with {text} in {log}");
            std::thread::park_timeout(Duration::from_millis(2));
        }
    }

    /// The trace of a client's order, from the line that its message made.
    fn trace_of(&self, id: &str) -> String {
        let lines = self.lines_with(0, &format!(r#""cl_ord_id":"{id}""#), "order_received");
        let line = parsed(&lines[0]);
        let trace = line["trace_id"].as_str().expect("a trace").to_owned();
        assert!(trace.len() == 16 && trace.bytes().all(|digit| digit.is_ascii_hexdigit()));
        assert_ne!(trace, "0000000000000000");
        assert!(lines[0].contains(&format!(r#""event":"order_received","trace_id":"{trace}","#)));
        trace
    }
}

fn parsed(line: &str) -> Value {
    serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"))
}

/// The event, and its kind if there is one.
fn steps(lines: &[String]) -> Vec<String> {
    let step = |line: &String| {
        let line = parsed(line);
        let event = line["event"].as_str().expect("an event").to_owned();
        line["kind"].as_str().map_or(event.clone(), |kind| format!("{event} {kind}"))
    };
    lines.iter().map(step).collect()
}

const TRADE: &str = r#""kind":"trade""#;

#[test]
fn one_trace_id_leads_from_the_clients_bytes_to_the_venues_and_back() {
    let mut desk = logging("info");
    desk.send("quiet");
    desk.wait_filled("quiet");
    desk.node
        .ask("log-level", &json!({"level": "debug", "reason": "to follow orders"}))
        .expect("an admin");
    // The level is set once the journal has the command, by a thread beside those of orders.
    let started = Instant::now();
    let mut tries = 0;
    while !desk.log(0).contains("order_received") {
        tries += 1;
        desk.send(&format!("try{tries}"));
        desk.wait_filled(&format!("try{tries}"));
        assert!(started.elapsed() < PATIENCE, "{}", desk.node.log_end());
    }
    assert!(!desk.log(0).contains(r#""quiet""#), "nothing at info");
    for id in ["one", "two"] {
        desk.send(id);
        let report = desk.wait_filled(id);
        let trace = desk.trace_of(id);
        let lines = desk.lines_with(0, &trace, TRADE);
        let mut way = steps(&lines);
        // The order of the client's and the venue's lines is not defined: two threads write them.
        let told = way.iter().position(|step| step == "report_sent new").expect("accepted");
        way.remove(told);
        way.retain(|step| !["venue_news accepted", "venue_news done"].contains(&step.as_str()));
        let last = ["order_received", "child_sent", "venue_news fill", "report_sent trade"];
        assert_eq!(way, last, "{lines:#?}");
        let number: u64 =
            report.order_id.split_once('-').expect("tag-number").1.parse().expect("id");
        let venue = report.last.expect("a fill").venue;
        for line in &lines {
            let read = parsed(line);
            if read["event"] != "order_received" {
                assert_eq!(read["order_id"], number, "{line}");
                let first = format!(r#""trace_id":"{trace}","order_id":{number},"#);
                assert!(line.contains(&first), "{line}");
            }
            if read["event"] == "child_sent" || read["event"] == "venue_news" {
                assert_eq!(read["venue"], venue.as_str(), "{line}");
            } else {
                assert_eq!(read["session"], "DESK1", "{line}");
            }
        }
        let shown = desk.shown(number);
        assert_eq!(shown["order"]["trace_id"], trace.as_str());
        let accepted = lines.iter().find(|line| line.contains(r#""kind":"new""#)).expect("told");
        assert_eq!(parsed(accepted)["seq"], parsed(&lines[0])["seq"], "answers that message");
    }
    assert_ne!(desk.trace_of("one"), desk.trace_of("two"));
}

/// The venues fill the order, but none of their messages arrives before the node dies.
#[test]
fn an_order_that_was_open_when_the_node_died_keeps_its_trace() {
    let mut desk = logging("debug");
    for venue in Venue::ALL {
        desk.venues.inject(venue, Fault::Drop { frames: u32::MAX });
    }
    // Answered when the faults before it are armed.
    desk.venues.server().counters().expect("runs");
    desk.send("open");
    let started = Instant::now();
    while Venue::ALL.into_iter().all(|venue| desk.venues.take_fills(venue).is_empty()) {
        desk.client.turn(unix_ns(), &mut |_| {}).expect("the node reads");
        assert!(started.elapsed() < PATIENCE, "{}", desk.node.log_end());
    }
    let trace = desk.trace_of("open");
    desk.node.kill().expect("killed");
    for venue in Venue::ALL {
        desk.venues.inject(venue, Fault::Heal);
    }
    let before = desk.log(0);
    assert!(!before.contains("venue_news"), "nothing was heard: {before}");
    desk.node.restart().expect("starts");
    desk.node.wait_ready(READY_DEFAULT).expect("ready");
    desk.client.reconnect().expect("connects");
    desk.client.wait_logon(PATIENCE).expect("logs on");
    desk.wait_filled("open");
    let way = steps(&desk.lines_with(before.len(), &trace, TRADE));
    assert_eq!(way.first().map(String::as_str), Some("child_queried"), "{way:?}");
    let place = |step| way.iter().position(|one| one == step);
    let (filled, told) = (place("venue_news fill"), place("report_sent trade"));
    assert!(filled.is_some() && filled < told, "{way:?}");
    assert!(desk.dir.path().exists());
}
