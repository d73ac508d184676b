//! What operators do: answers to changes, `commands`, `pending`, `config`, `help`.

use rutter_admin::console::verb::Verb;
use serde_json::Value;

use super::super::text::{Line, Paint, Span, Table, numbers, words};
use super::{Look, counted, flag, number, rows, time, word};

/// A change was carried out.
pub fn done(ok: &Value, look: &Look) -> Vec<Line> {
    let at = time(ok, "time_ns", look.now_ns);
    let order = ok.get("order").map_or_else(String::new, |order| format!(": order {order}"));
    let mut line = Line::of(format!("done{order}"), Paint::Good)
        .with(format!(": journaled as {} at {at} UTC", counted(ok, "seq")), Paint::Plain);
    if ok.get("affected").is_some() {
        line = line.with(format!("; {} being called back", counted(ok, "affected")), Paint::Plain);
    }
    let halted: Vec<&str> = rows(ok, "halted").iter().filter_map(Value::as_str).collect();
    if !halted.is_empty() {
        line = line.with(format!("; halted: {}", halted.join(", ")), Paint::Plain);
    }
    vec![line]
}

/// Shows the answer to a dry run. What a change would not take has a line each, with its reason.
pub fn dry_run(ok: &Value) -> Vec<Line> {
    let mut line = Line::of("dry run, nothing is changed: ", Paint::Bold)
        .with(word(ok, "would"), Paint::Plain);
    let refused = rows(ok, "refused");
    if ok.get("refused").is_none() {
        let called_back = format!("; {} would be called back", counted(ok, "affected"));
        line = line.with(called_back, Paint::Plain);
    }
    let mut lines = vec![line];
    for one in refused {
        let (what, why) = (word(one, "what"), word(one, "why"));
        lines.push(Line::of(format!("  {what}: {why}"), Paint::Warn));
    }
    let untold = number(ok, "refused_count").unwrap_or(0).saturating_sub(refused.len() as u64);
    if untold > 0 {
        lines.push(Line::of(format!("  and {untold} more"), Paint::Warn));
    }
    lines
}

/// Shows operators' commands.
pub fn list(ok: &Value, look: &Look) -> Vec<Line> {
    let mut table = Table::new(&[
        numbers("journal", 0),
        numbers("time (UTC)", 0),
        words("by", 0),
        words("command", 0),
        words("changed", 1),
        numbers("affected", 2),
        words("refused", 0),
        words("reason", 0),
    ]);
    for command in rows(ok, "commands") {
        let refusal = command.get("refusal").and_then(Value::as_str).unwrap_or("");
        table.row(vec![
            word(command, "seq").into(),
            time(command, "time_ns", look.now_ns).into(),
            word(command, "by").into(),
            word(command, "command").into(),
            changed(command).into(),
            counted(command, "affected").into(),
            Span::new(refusal, Paint::Bad),
            word(command, "reason").into(),
        ]);
    }
    let mut lines = super::listed(&table, "no commands yet", look);
    let attempts = attempts(ok, look);
    if !attempts.is_empty() {
        lines.push(Line::of("refused by the console, since the start:", Paint::Bold));
        lines.extend(attempts.lines(look.width));
    }
    lines
}

/// What a command changed: `name old → new`.
fn changed(command: &Value) -> String {
    let change =
        |one: &Value| format!("{} {} → {}", word(one, "name"), word(one, "old"), word(one, "new"));
    rows(command, "changes").iter().map(change).collect::<Vec<_>>().join(", ")
}

/// The changes that the console refused.
fn attempts(ok: &Value, look: &Look) -> Table {
    let mut table = Table::new(&[
        numbers("time (UTC)", 0),
        words("by", 0),
        words("verb", 0),
        words("refused", 0),
        words("arguments", 1),
    ]);
    for attempt in rows(ok, "attempts") {
        table.row(vec![
            time(attempt, "time_ns", look.now_ns).into(),
            word(attempt, "by").into(),
            word(attempt, "verb").into(),
            Span::new(word(attempt, "code"), Paint::Bad),
            word(attempt, "args").into(),
        ]);
    }
    table
}

/// The addresses that are locked out, and the lock of one-time codes.
pub fn lockouts(ok: &Value, look: &Look) -> Table {
    let mut table = Table::new(&[
        words("what", 0),
        words("session", 0),
        words("address", 0),
        numbers("failures", 0),
        numbers("until (UTC)", 0),
    ]);
    for lockout in rows(ok, "lockouts") {
        table.row(vec![
            word(lockout, "what").into(),
            word(lockout, "session").into(),
            word(lockout, "address").into(),
            counted(lockout, "failures").into(),
            time(lockout, "until_ns", look.now_ns).into(),
        ]);
    }
    table
}

/// What waits for a second person.
pub fn pending(ok: &Value, look: &Look) -> Table {
    let mut table = Table::new(&[
        numbers("pending", 0),
        words("by", 0),
        words("command", 0),
        words("reason", 1),
        numbers("until (UTC)", 0),
    ]);
    for pending in rows(ok, "pending") {
        table.row(vec![
            word(pending, "pending").into(),
            word(pending, "by").into(),
            word(pending, "command").into(),
            word(pending, "reason").into(),
            time(pending, "expires_ns", look.now_ns).into(),
        ]);
    }
    table
}

/// The configuration, line by line.
pub fn config(ok: &Value) -> Vec<Line> {
    let text = ok.get("text").and_then(Value::as_str).unwrap_or("");
    let mut lines = vec![Line::of(format!("# hash {}", word(ok, "hash")), Paint::Dim)];
    lines.extend(text.lines().map(|line| Line::of(line, Paint::Plain)));
    lines
}

/// How a verb is typed. A newer node may have verbs that are not known here.
fn typed(verb: &str) -> String {
    Verb::find(verb).map_or_else(|_| verb.to_owned(), |verb| verb.row().typed.to_owned())
}

/// Shows the verbs of the node.
pub fn help(ok: &Value) -> Vec<Line> {
    let mut lines = Vec::new();
    for (title, changes) in [("looks, any role", false), ("changes", true)] {
        lines.push(Line::of(title, Paint::Bold));
        // Whatever needs more than a viewer leads to a change: so does approving one.
        let leads = |verb: &Value| flag(verb, "changes") || word(verb, "role") != "viewer";
        for verb in rows(ok, "verbs").iter().filter(|verb| leads(verb) == changes) {
            let role = if changes { format!(" ({})", word(verb, "role")) } else { String::new() };
            lines.push(
                Line::of(format!("  {:<20}", typed(&word(verb, "verb"))), Paint::Plain)
                    .with(format!("{}{role}", word(verb, "help")), Paint::Plain),
            );
        }
    }
    lines.push(Line::of("VERB --help tells the arguments of each", Paint::Dim));
    lines
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(ok: &Value) -> Vec<String> {
        dry_run(ok).iter().map(Line::text).collect()
    }

    #[test]
    fn a_dry_run_says_what_would_not_be_taken_and_why() {
        let changed = json!({ "what": "account fund", "why": "its change needs a start" });
        let ok = json!({
            "would": "nothing", "affected": 0, "refused": [changed], "refused_count": 3,
        });
        assert_eq!(
            told(&ok),
            [
                "dry run, nothing is changed: nothing",
                "  account fund: its change needs a start",
                "  and 2 more",
            ]
        );
        let halt = json!({ "would": "halt everything", "affected": 12 });
        assert_eq!(
            told(&halt),
            ["dry run, nothing is changed: halt everything; 12 would be called back",]
        );
    }
}
