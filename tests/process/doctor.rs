//! `rutter doctor` as an operator runs it, on a sound configuration and on broken ones.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use rutter_tools::harness::{NodeSettings, Venues, VenuesConfig, free_address, write_node_config};
use serde_json::Value;

const RUTTER: &str = env!("CARGO_BIN_EXE_rutter");

fn doctor(config: &Path, arguments: &[&str]) -> Output {
    Command::new(RUTTER).arg("doctor").arg(config).args(arguments).output().expect("runs")
}

/// The level of each check; the worst level if several checks share a name.
fn level(report: &Value, check: &str) -> String {
    let worst = ["fail", "warn", "ok"];
    let findings = report["findings"].as_array().expect("findings");
    let of: Vec<&str> = findings
        .iter()
        .filter(|finding| finding["check"] == check)
        .filter_map(|finding| finding["level"].as_str())
        .collect();
    let found = worst.iter().find(|level| of.contains(level));
    (*found.unwrap_or_else(|| panic!("no {check} in {report:#}"))).to_owned()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).expect("JSON")
}

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("set");
}

#[test]
fn doctor_passes_what_is_sound_and_fails_what_is_not_with_what_to_do() {
    let dir = tempfile::tempdir().expect("folder");
    let venues = Venues::start(&VenuesConfig::default(), dir.path()).expect("venues");
    let mut settings = NodeSettings::new(free_address().expect("a port"));
    settings.tls = true;
    let config = write_node_config(dir.path(), &venues, &settings).expect("configuration");
    set_mode(&config, 0o600);
    for secret in ["binance.pem", "kraken.secret"] {
        set_mode(&venues.dir().join(secret), 0o600);
    }
    let sound = doctor(&config, &["--json"]);
    let report = json(&sound);
    for check in ["configuration", "disk_space", "permissions", "certificate", "venue"] {
        assert_ne!(level(&report, check), "fail", "{report:#}");
    }
    for check in ["clock_source", "clock_offset", "processors", "isolation", "huge_pages"] {
        level(&report, check);
    }
    assert_eq!(sound.status.success(), report["level"] != "fail");
    // The stand-ins of the venues are given a rate of their own.
    assert_eq!(level(&report, "limits"), "warn", "{report:#}");
    // The password stands in the file, and others may read it.
    set_mode(&config, 0o644);
    let open = doctor(&config, &[]);
    assert_eq!(open.status.code(), Some(1));
    let said = String::from_utf8(open.stdout).expect("text");
    let line = said.lines().find(|line| line.contains("node.toml is 0644")).expect("a line");
    assert!(line.starts_with("fail permissions") && line.contains("; chmod 600 "), "{line}");
    assert!(!said.contains(&settings.sessions[0].password));
    // No venue listens.
    drop(venues);
    assert_eq!(level(&json(&doctor(&config, &["--json"])), "venue"), "fail");
}

#[test]
fn doctor_looks_at_the_machine_even_if_the_configuration_cannot_be_read() {
    let dir = tempfile::tempdir().expect("folder");
    let config = dir.path().join("node.toml");
    std::fs::write(&config, "password = \"canary-of-the-doctor\"\nnonsense").expect("written");
    let output = doctor(&config, &["--json"]);
    assert_eq!(output.status.code(), Some(1));
    let report = json(&output);
    assert_eq!(level(&report, "configuration"), "fail");
    level(&report, "clock_source");
    assert!(!format!("{output:?}").contains("canary-of-the-doctor"));
}
