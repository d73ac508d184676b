//! An answer of the node as lines for a person, most important first.
//!
//! A line belongs here if it knows the meaning of a member of an answer. Within a version members
//! are only added. Unknown members are ignored, and a missing one is shown as `-`.

pub mod accounts;
pub mod commands;
mod fees;
pub mod orders;
pub mod preview;
pub mod state;

use rutter_admin::console::verb::Verb;
use serde_json::Value;

use super::text::{self, Line, Paint, Span};

/// For whom it is shown.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    /// Width of the terminal, columns.
    pub width: usize,
    /// For ages: nanoseconds since 1970 UTC.
    pub now_ns: u64,
}

/// The answer to a verb as lines.
pub fn answer(verb: Verb, ok: &Value, look: &Look) -> Vec<Line> {
    if flag(ok, "dry_run") {
        return commands::dry_run(ok);
    }
    match verb {
        Verb::Status => state::status(ok, look),
        Verb::Venues => fees::with_terms(listed(&state::venues(ok), "no venues", look), ok, look),
        Verb::Sessions => listed(&state::sessions(ok, look.now_ns), "no sessions", look),
        Verb::Latency => listed(&state::stages(ok), "nothing was measured yet", look),
        Verb::Journal => state::journal(ok),
        Verb::Instruments => orders::instruments(ok, look),
        Verb::Book => orders::book(ok, look),
        Verb::Orders => orders::list(ok, look),
        Verb::Order => orders::one(ok, look),
        Verb::Bridges => accounts::bridges(ok, look),
        Verb::Positions => accounts::positions(ok, look),
        Verb::Balances => listed(&accounts::balances(ok, look), "no balances are known", look),
        Verb::Limits => listed(&accounts::limits(ok), "no accounts", look),
        Verb::Config => commands::config(ok),
        Verb::Commands => commands::list(ok, look),
        Verb::Pending => {
            listed(&commands::pending(ok, look), "nothing waits for a second person", look)
        }
        Verb::Lockouts => listed(&commands::lockouts(ok, look), "nobody is locked out", look),
        Verb::RoutePreview => preview::plan(ok, look),
        Verb::Help => commands::help(ok),
        Verb::Halt
        | Verb::Resume
        | Verb::ReduceOnly
        | Verb::VenueDrain
        | Verb::VenueEnable
        | Verb::Cancel
        | Verb::CancelAll
        | Verb::Resolve
        | Verb::BridgeKeep
        | Verb::LimitsSet
        | Verb::SessionLogout
        | Verb::SessionDisconnect
        | Verb::SessionDisable
        | Verb::SessionEnable
        | Verb::SessionResetSeq
        | Verb::LockoutLift
        | Verb::Reload
        | Verb::News
        | Verb::LogLevel
        | Verb::Shutdown
        | Verb::Approve
        | Verb::Reject => changed(ok, look),
    }
}

/// Shows the answer to a change. An answer without a journal sequence is shown as JSON.
fn changed(ok: &Value, look: &Look) -> Vec<Line> {
    if ok.get("seq").is_some() {
        return commands::done(ok, look);
    }
    vec![Line::of(ok.to_string(), Paint::Plain)]
}

/// A table, or a word where it has no rows.
fn listed(table: &text::Table, nothing: &str, look: &Look) -> Vec<Line> {
    if table.is_empty() {
        return vec![Line::of(nothing, Paint::Dim)];
    }
    table.lines(look.width)
}

/// The elements of an array; none where it is missing.
pub fn rows<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// A whole number, also one in a string.
pub fn number(value: &Value, name: &str) -> Option<u64> {
    let value = value.get(name)?;
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

/// `true`, and nothing else.
pub fn flag(value: &Value, name: &str) -> bool {
    value.get(name).and_then(Value::as_bool).unwrap_or(false)
}

/// Text, or a number as text; `-` where there is none.
pub fn word(value: &Value, name: &str) -> String {
    match value.get(name) {
        Some(Value::String(text)) if !text.is_empty() => text.clone(),
        None | Some(Value::Null | Value::String(_)) => "-".to_owned(),
        Some(other) => other.to_string(),
    }
}

fn told(value: &Value, name: &str, shown: impl Fn(u64) -> String) -> String {
    number(value, name).map_or_else(|| "-".to_owned(), shown)
}

fn counted(value: &Value, name: &str) -> String {
    told(value, name, text::count)
}

/// Something measured; `-` where it is not told.
fn measured(value: &Value, name: &str, shown: impl Fn(u64) -> Span) -> Span {
    number(value, name).map_or_else(|| Span::from("-"), shown)
}

fn duration(value: &Value, name: &str) -> Span {
    measured(value, name, Span::duration)
}

/// Time since a time; `never` for zero.
fn age(value: &Value, name: &str, now_ns: u64) -> Span {
    measured(value, name, |then_ns| match now_ns.checked_sub(then_ns) {
        _ if then_ns == 0 => Span::from("never"),
        Some(ns) => Span::duration(ns),
        None => Span::from("-"),
    })
}

fn amount(value: &Value, name: &str) -> String {
    text::decimal(&word(value, name))
}

/// An amount with as many decimals as a screen shows.
fn rounded(value: &Value, name: &str) -> String {
    text::rounded(&word(value, name))
}

fn time(value: &Value, name: &str, now_ns: u64) -> String {
    told(value, name, |ns| if ns == 0 { "-".to_owned() } else { text::clock(now_ns, ns) })
}

/// A number that should be 0.
fn should_be_none(value: &Value, name: &str, paint: Paint) -> Span {
    match number(value, name) {
        Some(n) if n > 0 => Span::new(format!("! {}", text::count(n)), paint),
        _ => Span::from(counted(value, name)),
    }
}

/// `{word: n}` as `word n, word n`, largest first, at most `most` pairs.
pub fn tally(value: &Value, name: &str, most: usize) -> String {
    let Some(words) = value.get(name).and_then(Value::as_object) else { return "-".to_owned() };
    let mut words: Vec<(&String, u64)> =
        words.iter().map(|(word, n)| (word, n.as_u64().unwrap_or(0))).collect();
    words.retain(|(_, n)| *n > 0);
    words.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
    let mut shown: Vec<String> =
        words.iter().take(most).map(|(word, n)| format!("{word} {}", text::count(*n))).collect();
    if words.len() > most {
        shown.push(format!("{} more", words.len() - most));
    }
    if shown.is_empty() { "none".to_owned() } else { shown.join(", ") }
}

/// A scope as words: `venue KRAKEN`, or `everything`.
pub fn scope(value: &Value) -> String {
    let part = |name: &str| {
        let named = value.get(name)?.as_str()?;
        Some(format!("{name} {named}"))
    };
    match value {
        Value::String(text) if !text.is_empty() => text.clone(),
        Value::Object(_) => ["venue", "symbol", "session", "account"]
            .into_iter()
            .find_map(part)
            .unwrap_or_else(|| "everything".to_owned()),
        _ => "everything".to_owned(),
    }
}

/// The scopes in an array.
pub fn scopes(value: &Value, name: &str) -> Vec<String> {
    rows(value, name).iter().map(scope).collect()
}
