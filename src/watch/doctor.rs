//! `rutter doctor`: finds faults of machine and configuration before they hurt a node.
//!
//! A line belongs here if it looks at something outside of the process and says what to do about
//! it: the machine, files, addresses, and a node that runs. Nothing is changed but one file in the
//! data folder, which is written to measure the disk and taken away again. A finding never shows a
//! secret.

pub mod access;
pub mod certificate;
pub mod disk;
pub mod finding;
pub mod machine;
pub mod reach;
pub mod running;
pub mod stores;

use std::io::Write;
use std::path::{Path, PathBuf};

use rutter_admin::printable::lines;
use serde::Serialize;

use crate::config::Config;
use crate::preflight::{self, Whose};
use finding::{Finding, Level};

/// Everything that was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The worst of the findings.
    pub level: Level,
    /// The findings, in the order of the checks.
    pub findings: Vec<Finding>,
}

/// Looks at everything. `root` is `/`, or a stand-in for it in tests.
pub fn examine(config_file: &Path, root: &Path) -> Report {
    let mut findings = Vec::new();
    let config = match preflight::load(config_file, Whose::Keepers) {
        Ok(config) => {
            findings.push(Finding::ok("configuration", sound(config_file, &config)));
            Some(config)
        }
        Err(error) => {
            let advice = "mend it; what depends on it is not looked at";
            let lines = error.lines();
            findings.extend(lines.map(|line| Finding::fail("configuration", line, advice)));
            None
        }
    };
    let mut machine = machine::Machine { root: root.to_owned() };
    findings.extend(machine.examine(config.as_ref()));
    if let Some(config) = &config {
        findings.extend(disk::examine(config));
        findings.extend(stores::examine(config));
        findings.extend(access::examine(config_file, config));
        findings.extend(limits(config));
        findings.extend(alerts(config));
        findings.extend(reach::examine(config));
        findings.extend(running::examine(config));
    }
    let level = findings.iter().map(|finding| finding.level).max().unwrap_or(Level::Ok);
    Report { level, findings }
}

/// Root looks with the eyes of the user whose node it is.
fn sound(config_file: &Path, config: &Config) -> String {
    let [own, keeper] = [Whose::Own, Whose::Keepers].map(|whose| whose.user(&config.node.data_dir));
    let for_whom = if keeper == own {
        String::new()
    } else {
        format!(" for user {keeper}, who owns the data folder")
    };
    format!("{} is sound{for_whom}", config_file.display())
}

/// Venues whose documented limits of requests do not hold.
fn limits(config: &Config) -> Vec<Finding> {
    const CHECK: &str = "limits";
    let dropped: Vec<&str> = config
        .venue
        .iter()
        .filter(|venue| venue.drops_documented_limits())
        .map(|venue| venue.name.as_str())
        .collect();
    if dropped.is_empty() {
        return vec![Finding::ok(CHECK, "of requests: as documented, or as named in venue.budget")];
    }
    let found = format!(
        "orders_per_window_max alone limits requests to {}, and leaves no room for cancels",
        dropped.join(", ")
    );
    let advice = "without it the limits of the venue's documents hold; or name all in venue.budget";
    vec![Finding::warn(CHECK, found, advice)]
}

/// Alerts that go unencrypted over a network, and severities that nobody is told of.
fn alerts(config: &Config) -> Vec<Finding> {
    const CHECK: &str = "alerts";
    let Some(alerts) = &config.alerts else {
        return vec![Finding::ok(CHECK, "none: the node tells nobody by itself")];
    };
    let mut findings = Vec::new();
    for webhook in alerts.webhooks().unwrap_or_default() {
        let address = webhook.host.parse::<std::net::IpAddr>();
        let near = address.is_ok_and(|address| address.is_loopback());
        if !webhook.tls && !near && webhook.host != "localhost" {
            let found = format!("{} goes unencrypted to {}", webhook.name, webhook.host);
            findings.push(Finding::warn(CHECK, found, "use an https address"));
        }
    }
    let untold = alerts.untold();
    if !untold.is_empty() {
        let names: Vec<&str> = untold.iter().map(|severity| severity.name()).collect();
        let found = format!("nobody is told of severity {}", names.join(", "));
        findings.push(Finding::warn(CHECK, found, "add it to the severities of a webhook"));
    }
    if findings.is_empty() {
        findings.push(Finding::ok(CHECK, format!("{} webhooks", alerts.webhook.len())));
    }
    findings
}

/// The command: prints, and says whether nothing fails.
///
/// # Errors
/// Of `out`. The report can always be written as JSON.
pub fn command(config_file: &Path, json: bool, out: &mut impl Write) -> anyhow::Result<bool> {
    let report = examine(config_file, &PathBuf::from("/"));
    if json {
        writeln!(out, "{}", serde_json::to_string_pretty(&report)?)?;
    } else {
        for finding in &report.findings {
            writeln!(out, "{}", lines(&finding.to_string()))?;
        }
    }
    Ok(report.level < Level::Fail)
}
