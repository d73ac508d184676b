//! `rutter doctor`: what of the machine and the configuration would hurt a node, before it does.
//!
//! A line belongs here if it looks at something outside of the process and says what to do about
//! it. Nothing is changed but one file in the data folder, which is written to measure the disk and
//! taken away again. A finding never shows a secret.

pub mod access;
pub mod certificate;
pub mod disk;
pub mod machine;
pub mod reach;

use std::fmt;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::config::Config;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// As it should be.
    Ok,
    /// It works, but worse than it could, or not for long.
    Warn,
    /// A node would not start, or should not.
    Fail,
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was looked at, such as `clock_source`.
    pub check: &'static str,
    /// How it is.
    pub level: Level,
    /// What was found.
    pub found: String,
    /// What to do; empty if nothing.
    pub advice: String,
}

impl Finding {
    fn ok(check: &'static str, found: impl Into<String>) -> Self {
        Self { check, level: Level::Ok, found: found.into(), advice: String::new() }
    }

    fn warn(check: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { check, level: Level::Warn, found: found.into(), advice: advice.into() }
    }

    fn fail(check: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { check, level: Level::Fail, found: found.into(), advice: advice.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let level = match self.level {
            Level::Ok => "ok  ",
            Level::Warn => "warn",
            Level::Fail => "fail",
        };
        write!(f, "{level} {:<14} {}", self.check, self.found)?;
        if self.advice.is_empty() { Ok(()) } else { write!(f, "; {}", self.advice) }
    }
}

/// Everything that was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The worst of the findings.
    pub level: Level,
    /// Each of them, in the order of the checks.
    pub findings: Vec<Finding>,
}

/// Looks at everything. `root` is `/`, or a stand-in for it in tests.
pub fn examine(config_file: &Path, root: &Path) -> Report {
    let mut findings = Vec::new();
    let config = match Config::load(config_file) {
        Ok(config) => {
            let found = format!("{} is sound", config_file.display());
            findings.push(Finding::ok("configuration", found));
            Some(config)
        }
        Err(error) => {
            let advice = "mend it; what depends on it is not looked at";
            findings.push(Finding::fail("configuration", error.to_string(), advice));
            None
        }
    };
    let mut machine = machine::Machine { root: root.to_owned() };
    findings.extend(machine.examine(config.as_ref()));
    if let Some(config) = &config {
        findings.extend(disk::examine(config));
        findings.extend(access::examine(config_file, config));
        findings.extend(alerts(config));
        findings.extend(reach::examine(config));
    }
    let level = findings.iter().map(|finding| finding.level).max().unwrap_or(Level::Ok);
    Report { level, findings }
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
/// The report cannot be written as JSON, which does not happen.
pub fn command(config_file: &Path, json: bool) -> Result<bool, serde_json::Error> {
    let report = examine(config_file, &PathBuf::from("/"));
    if json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        report.findings.iter().for_each(|finding| println!("{finding}"));
    }
    Ok(report.level < Level::Fail)
}
