//! Completion: verbs and options from the grammar, names from the node.
//!
//! A line belongs here if it is about words on a line. Nothing is asked of the node here.

use clap::{Arg, Command};
use rutter_admin::console::verb::{Kind, Verb};
use serde_json::Value;

use super::render::{rows, word};

/// Names that a node knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// Names of venues.
    pub venues: Vec<String>,
    /// Symbols of instruments.
    pub symbols: Vec<String>,
    /// Names of client sessions.
    pub sessions: Vec<String>,
    /// Names of accounts.
    pub accounts: Vec<String>,
}

impl Names {
    /// From the `ok` of `status`, `instruments` and `limits`.
    pub fn from(status: &Value, instruments: &Value, limits: &Value) -> Self {
        let names =
            |value, list, name| rows(value, list).iter().map(|row| word(row, name)).collect();
        Self {
            venues: names(status, "venues", "name"),
            symbols: names(instruments, "instruments", "symbol"),
            sessions: names(status, "sessions", "name"),
            accounts: names(limits, "limits", "account"),
        }
    }

    /// The names that an argument of this kind may be.
    fn of(&self, kind: Kind) -> &[String] {
        match kind {
            Kind::Venue => &self.venues,
            Kind::Symbol => &self.symbols,
            Kind::Session => &self.sessions,
            Kind::Account => &self.accounts,
            Kind::Text
            | Kind::Reason
            | Kind::Command
            | Kind::Code
            | Kind::State
            | Kind::Amount
            | Kind::Number
            | Kind::Side
            | Kind::Tif
            | Kind::Strategy
            | Kind::Level
            | Kind::Whole
            | Kind::OrderId
            | Kind::Order
            | Kind::Depth
            | Kind::Flag
            | Kind::Switch => &[],
        }
    }
}

/// Splits a line at blanks; quotes, single or double, hold words together.
///
/// # Errors
/// A quote is open at the end.
pub fn split(line: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut current: Option<String> = None;
    let mut quote = None;
    for c in line.chars() {
        match quote {
            Some(open) if c == open => quote = None,
            None if c == '"' || c == '\'' => {
                quote = Some(c);
                current.get_or_insert_default();
            }
            None if c.is_whitespace() => words.extend(current.take()),
            Some(_) | None => current.get_or_insert_default().push(c),
        }
    }
    words.extend(current);
    if quote.is_some() { Err("a quote is open".to_owned()) } else { Ok(words) }
}

/// Start of the word under the cursor, and its completions.
pub fn candidates(
    grammar: &Command,
    names: &Names,
    line: &str,
    cursor: usize,
) -> (usize, Vec<String>) {
    let typed = line.get(..cursor).unwrap_or(line);
    let start = typed.rfind(char::is_whitespace).map_or(0, |at| at + 1);
    let (before, partial) = typed.split_at(start);
    let Ok(words) = split(before) else { return (start, Vec::new()) };
    let mut found = possible(grammar, names, &words, partial);
    found.retain(|word| word.starts_with(partial));
    found.sort();
    found.dedup();
    (start, found)
}

fn possible(grammar: &Command, names: &Names, words: &[String], partial: &str) -> Vec<String> {
    let mut command = grammar;
    let mut positionals = 0;
    let mut waits: Option<&Arg> = None;
    for word in words {
        if waits.take().is_some() {
            continue;
        }
        if let Some(long) = word.strip_prefix("--") {
            waits = option(command, long).filter(|arg| arg.get_action().takes_values());
        } else if let Some(next) = command.find_subcommand(word) {
            command = next;
        } else {
            positionals += 1;
        }
    }
    if let Some(arg) = waits {
        return values(arg, names);
    }
    if partial.starts_with('-') {
        let longs = command.get_arguments().filter(|arg| !arg.is_hide_set());
        return longs.filter_map(|arg| Some(format!("--{}", arg.get_long()?))).collect();
    }
    if command.has_subcommands() {
        return command.get_subcommands().map(|verb| verb.get_name().to_owned()).collect();
    }
    command.get_positionals().nth(positionals).map_or_else(Vec::new, |arg| values(arg, names))
}

fn option<'a>(command: &'a Command, long: &str) -> Option<&'a Arg> {
    command.get_arguments().find(|arg| arg.get_long() == Some(long))
}

/// The values that an argument may have. Options that are no argument of a verb have none.
fn values(arg: &Arg, names: &Names) -> Vec<String> {
    let mut args = Verb::ALL.iter().flat_map(|verb| verb.own_args());
    let Some(known) = args.find(|known| arg.get_id() == known.name) else { return Vec::new() };
    let mut values: Vec<String> =
        known.kind.values().iter().map(|value| (*value).to_owned()).collect();
    values.extend_from_slice(names.of(known.kind));
    values
}
