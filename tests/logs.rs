//! The log of a real node in JSON: every line is an object, and no secret is in it.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use rutter_tools::client::{ClientConfig, FixClient};
use rutter_tools::harness::{
    Node, NodeSettings, READY_DEFAULT, Venues, VenuesConfig, free_address, write_node_config,
};
use serde_json::Value;

const RUTTER: &str = env!("CARGO_BIN_EXE_rutter");
const PATIENCE: Duration = Duration::from_secs(20);

#[test]
fn every_line_is_an_object_with_time_level_and_event_and_shows_no_password() {
    let dir = tempfile::Builder::new().prefix("rutter-logs-").tempdir().expect("folder");
    let venues = Venues::start(&VenuesConfig::default(), dir.path()).expect("venues");
    let mut settings = NodeSettings::new(free_address().expect("a port"));
    settings.orders_log2 = 12;
    let config = write_node_config(dir.path(), &venues, &settings).expect("configuration");
    let mut text = std::fs::read_to_string(&config).expect("readable");
    let _ = writeln!(text, "\n[log]\nformat = \"json\"\nlevel = \"debug\"");
    std::fs::write(&config, text).expect("written");
    let mut node = Node::start(Path::new(RUTTER), &config, dir.path()).expect("node");
    node.wait_ready(READY_DEFAULT).expect("ready");
    let desk = &settings.sessions[0];
    let client = ClientConfig::new(settings.listen, &desk.comp_id, &desk.password);
    let mut client = FixClient::connect(&client).expect("connects");
    client.wait_logon(PATIENCE).expect("logs on");
    // One whose password is wrong.
    let wrong = ClientConfig::new(settings.listen, &desk.comp_id, "canary-of-a-wrong-password");
    drop(FixClient::connect(&wrong).map(|mut client| client.wait_logon(PATIENCE)));
    node.terminate(PATIENCE).expect("ends");
    let log = std::fs::read_to_string(node.log_path()).expect("a log");
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
