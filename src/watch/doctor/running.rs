//! The running node, asked through its console: what is wrong with it, and how its venues and
//! sessions stand.
//!
//! A line belongs here if it turns an answer of the console into findings. What is wrong is the
//! node's own list (`watch::trouble`), word for word.

use std::path::Path;
use std::time::Duration;

use rutter_admin::console::verb::Verb;
use rutter_cli::client::{Answer, Client, ClientError};
use rutter_cli::render::{flag, rows, word};
use serde_json::{Map, Value};

use super::finding::Finding;
use crate::config::Config;

const NODE: &str = "node";
const WRONG: &str = "wrong";
const VENUES: &str = "node_venue";
const SESSIONS: &str = "node_session";

/// How long the connection, and the answer, may take.
const PATIENCE: Duration = Duration::from_secs(3);

const RUNBOOKS: &str = "docs/console.md explains the word, docs/runbooks what to do";

/// Asks the node with this configuration. No running node is no fault.
pub fn examine(config: &Config) -> Vec<Finding> {
    let Some(console) = &config.console else {
        return vec![Finding::ok(NODE, "no [console]: a running node cannot be asked")];
    };
    match ask(&console.socket) {
        Ok(Answer::Ok(raw)) => match serde_json::from_str(raw.get()) {
            Ok(status) => told(&status),
            Err(_) => vec![Finding::warn(NODE, "its answer cannot be read", "ask it: rutter top")],
        },
        Ok(Answer::Error(error, _)) => {
            let found = format!("runs, and tells nothing: {} ({})", error.message, error.code);
            vec![Finding::warn(NODE, found, "ask it: rutter ctl status")]
        }
        Err(error) if error.is_nobody() => {
            let found = format!("none runs: nobody listens at {}", console.socket.display());
            vec![Finding::ok(NODE, found)]
        }
        Err(error) => {
            let advice = "ask as a user whom [console] names";
            vec![Finding::warn(NODE, error.to_string(), advice)]
        }
    }
}

fn ask(socket: &Path) -> Result<Answer, ClientError> {
    let mut client = Client::connect(socket, PATIENCE)?;
    client.ask(Verb::Status.name(), &Map::new(), PATIENCE)
}

/// The findings of an answer to `status`.
fn told(status: &Value) -> Vec<Finding> {
    let (node, version) = (word(status, "node"), word(status, "version"));
    let mut findings = vec![Finding::ok(NODE, format!("{node} {version} runs"))];
    let wrong = rows(status, "wrong");
    findings.extend(wrong.iter().map(trouble));
    if wrong.is_empty() {
        findings.push(Finding::ok(WRONG, "nothing is wrong"));
    }
    findings.extend(rows(status, "venues").iter().map(venue));
    findings.extend(rows(status, "sessions").iter().map(session));
    findings
}

fn trouble(one: &Value) -> Finding {
    let severity = word(one, "severity");
    let found = format!("{}: {} ({severity})", word(one, "word"), word(one, "text"));
    match severity.as_str() {
        "page" => Finding::fail(WRONG, found, RUNBOOKS),
        _ => Finding::warn(WRONG, found, RUNBOOKS),
    }
}

fn venue(venue: &Value) -> Finding {
    let name = word(venue, "name");
    let (books, trusted) = (word(venue, "books"), word(venue, "books_trusted"));
    let books = format!("{trusted} of {books} books trusted");
    let link = |key: &str, shown: &str| {
        let link = venue.get(key)?;
        let why = link.get("why")?.as_str()?;
        let detail = link.get("detail").and_then(Value::as_str).filter(|text| !text.is_empty());
        let detail = detail.map_or_else(String::new, |detail| format!(", {detail}"));
        let attempts = word(link, "attempts");
        Some(format!("{shown} {why} ({}{detail}; {attempts} attempts)", word(link, "meaning")))
    };
    let links = [link("order_link", "orders"), link("feed_link", "feed")];
    let links: Vec<String> = links.into_iter().flatten().collect();
    let told = |state: &str| match links.as_slice() {
        [] => format!("{name} {state}, {books}"),
        why => format!("{name} {state}, {books}; {}", why.join("; ")),
    };
    if !flag(venue, "up") {
        return Finding::warn(VENUES, told("is not up"), "docs/runbooks/RutterVenueDown.md");
    }
    let restricted = ["halted", "drained"].into_iter().find(|key| flag(venue, key));
    match restricted {
        Some(word) => {
            Finding::warn(VENUES, told(&format!("is up and {word}")), "rutter ctl status")
        }
        None if links.is_empty() => Finding::ok(VENUES, told("is up")),
        None => Finding::warn(VENUES, told("is up"), "docs/runbooks/RutterVenueDown.md"),
    }
}

fn session(session: &Value) -> Finding {
    let name = word(session, "name");
    let failure = session.get("failure").and_then(Value::as_str);
    let open = word(session, "open_orders");
    if let Some(why) = failure {
        let found = format!("{name} is cut off: {why}");
        return Finding::fail(SESSIONS, found, "docs/runbooks/RutterFixStore.md");
    }
    if flag(session, "disabled") {
        let found = format!("{name} is disabled, {open} open orders");
        return Finding::warn(SESSIONS, found, "rutter ctl session enable");
    }
    if flag(session, "connected") {
        return Finding::ok(SESSIONS, format!("{name} is connected, {open} open orders"));
    }
    let hours = if flag(session, "in_hours") { "is away" } else { "is outside its hours" };
    Finding::ok(SESSIONS, format!("{name} {hours}, {open} open orders"))
}

#[cfg(test)]
mod tests {
    use super::*;

    use serde_json::json;

    use super::super::finding::Level;

    fn levels(status: &Value) -> Vec<(&'static str, Level, String)> {
        told(status).into_iter().map(|one| (one.check, one.level, one.found)).collect()
    }

    #[test]
    fn a_calm_node_is_told_in_lines_of_which_none_warns() {
        let status = json!({
            "node": "RUTTER", "version": "0.1.0", "wrong": [],
            "venues": [{"name": "kraken", "up": true, "books": 2, "books_trusted": 2,
                        "order_link": {"up": true, "why": null}, "feed_link": null}],
            "sessions": [{"name": "DESK1", "connected": true, "open_orders": 3},
                         {"name": "DESK2", "connected": false, "in_hours": false,
                          "open_orders": 0}],
        });
        let told = levels(&status);
        assert!(told.iter().all(|(_, level, _)| *level == Level::Ok), "{told:?}");
        let words: Vec<&str> = told.iter().map(|(_, _, found)| found.as_str()).collect();
        assert_eq!(
            words,
            [
                "RUTTER 0.1.0 runs",
                "nothing is wrong",
                "kraken is up, 2 of 2 books trusted",
                "DESK1 is connected, 3 open orders",
                "DESK2 is outside its hours, 0 open orders",
            ]
        );
    }

    #[test]
    fn what_is_wrong_is_told_word_for_word_and_a_page_fails() {
        let status = json!({
            "wrong": [{"word": "no_venue", "severity": "page", "text": "no venue is up: 0"},
                      {"word": "session_away", "severity": "info", "text": "session D is away"}],
            "venues": [{"name": "kraken", "up": false, "books": 2, "books_trusted": 0,
                        "order_link": {"up": false, "why": "refused", "attempts": 3,
                                       "meaning": "nobody listens", "detail": "127.0.0.1:1"}}],
            "sessions": [{"name": "D", "failure": "store damaged", "open_orders": 0}],
        });
        let told = levels(&status);
        let level = |check, part: &str| {
            let mut of =
                told.iter().filter(|(one, _, found)| *one == check && found.contains(part));
            of.next().unwrap_or_else(|| panic!("{check} {part} in {told:?}")).1
        };
        assert_eq!(level(WRONG, "no_venue: no venue is up: 0 (page)"), Level::Fail);
        assert_eq!(level(WRONG, "session_away: session D is away (info)"), Level::Warn);
        let why = "orders refused (nobody listens, 127.0.0.1:1; 3 attempts)";
        assert_eq!(level(VENUES, why), Level::Warn);
        assert_eq!(level(SESSIONS, "D is cut off: store damaged"), Level::Fail);
        assert!(!told.iter().any(|(_, _, found)| found == "nothing is wrong"));
    }

    #[test]
    fn no_running_node_is_a_plain_line() {
        let dir = tempfile::tempdir().expect("folder");
        let text = include_str!("../../../deploy/example.toml");
        let mut config = Config::parse(text).expect("sound");
        if let Some(console) = &mut config.console {
            console.socket = dir.path().join("console.sock");
        }
        let told = |config: &Config| {
            let found = examine(config);
            assert_eq!((found.len(), found[0].level), (1, Level::Ok), "{found:?}");
            found[0].found.clone()
        };
        assert!(told(&config).starts_with("none runs: nobody listens at "));
        // A node that was killed leaves its socket.
        let left = dir.path().join("console.sock");
        drop(std::os::unix::net::UnixListener::bind(&left).expect("bound"));
        assert!(told(&config).starts_with("none runs"));
        config.console = None;
        assert!(told(&config).starts_with("no [console]"));
    }
}
