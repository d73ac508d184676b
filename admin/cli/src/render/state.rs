//! The node itself: `status`, `venues`, `sessions`, `latency`, `journal`.

use serde_json::Value;

use super::super::text::{self, Line, Paint, Span, Table, numbers, words};
use super::{Look, counted, duration, flag, number, rows, scopes, should_be_none, tally, word};

/// The halted scopes for a banner; `None` if there are none.
pub fn halted(status: &Value) -> Option<String> {
    let scopes = scopes(status, "halts");
    if scopes.is_empty() {
        return flag(status, "halted").then(|| "everything".to_owned());
    }
    Some(scopes.join(", "))
}

/// Everything that a person looks at first.
pub fn status(ok: &Value, look: &Look) -> Vec<Line> {
    let now = number(ok, "now_ns").unwrap_or(look.now_ns);
    let up = number(ok, "started_ns").map_or_else(|| "-".to_owned(), |at| text::age(now, at));
    let name = format!("{} {}  ", word(ok, "node"), word(ok, "version"));
    let mut lines = vec![match halted(ok) {
        Some(what) => Line::of(name, Paint::Bold).with(format!("HALTED: {what}"), Paint::Bad),
        None => Line::of(name, Paint::Bold).with("running", Paint::Good),
    }];
    if let Some(first) = lines.first_mut() {
        first.0.push(Span::from(format!("  up {up}")));
    }
    let reduce_only = scopes(ok, "reduce_only");
    if !reduce_only.is_empty() {
        lines.push(Line::of(format!("reduce-only: {}", reduce_only.join(", ")), Paint::Warn));
    }
    lines.extend(trouble(ok));
    lines.extend(figures(ok));
    for (title, table) in [
        ("venues", venues(ok)),
        ("sessions", sessions(ok, now)),
        ("stages", stages(ok)),
        ("rings", rings(ok)),
    ] {
        if !table.is_empty() {
            lines.push(Line::default());
            lines.push(Line::of(title, Paint::Bold));
            lines.extend(table.lines(look.width));
        }
    }
    lines
}

/// Everything that is wrong, as the node's one list has it, a line each.
pub fn trouble(status: &Value) -> Vec<Line> {
    let Some(wrong) = status.get("wrong").and_then(Value::as_array) else {
        return vec![Line::of("the node does not tell what is wrong", Paint::Warn)];
    };
    if wrong.is_empty() {
        return vec![Line::of("nothing is wrong", Paint::Good)];
    }
    let line = |trouble: &Value| {
        let paint = if word(trouble, "severity") == "page" { Paint::Bad } else { Paint::Warn };
        Line::of(format!("! {}", word(trouble, "text")), paint)
    };
    wrong.iter().map(line).collect()
}

/// Why a venue's links are not up, or what goes wrong there, in the words of the runbook.
fn why(venue: &Value) -> String {
    let mut told = Vec::new();
    for (name, link) in [("", "order_link"), ("feed ", "feed_link")] {
        let link = venue.get(link).unwrap_or(&Value::Null);
        if let Some(unread) = number(link, "unread").filter(|unread| *unread > 0) {
            let last = link.get("unread_last").and_then(Value::as_str).unwrap_or_default();
            told.push(format!("{name}{unread} not read, the last: {last}"));
        }
        let reason = word(link, "why");
        if !link.get("why").is_some_and(Value::is_string) {
            continue;
        }
        let detail = link.get("detail").and_then(Value::as_str).unwrap_or_default();
        let colon = if detail.is_empty() { "" } else { ": " };
        let tries = match number(link, "attempts") {
            None | Some(0) => String::new(),
            Some(attempts) => format!(", {attempts} failed"),
        };
        told.push(format!("{name}{reason}{colon}{detail}{tries}"));
    }
    told.extend(shut_breakers(venue).map(|(kind, state)| format!("breaker {kind} {state}")));
    told.extend(rows(venue, "pauses").iter().map(|pause| {
        let of = pause.get("of").and_then(Value::as_str).map(|of| format!(" {of}"));
        format!("paused: {}{}", word(pause, "what"), of.unwrap_or_default())
    }));
    told.extend(
        rows(venue, "markets")
            .iter()
            .map(|market| format!("market: {} {}", word(market, "symbol"), word(market, "status"))),
    );
    told.extend(rows(venue, "terms").iter().map(|listing| {
        let terms = listing.get("terms").and_then(Value::as_object).into_iter().flatten();
        let texts: Vec<String> = terms
            .map(|(name, term)| {
                format!("{name} {} not {}", word(term, "held"), word(term, "configured"))
            })
            .collect();
        format!("terms: {} {}", word(listing, "symbol"), texts.join(", "))
    }));
    told.join("; ")
}

/// The venue's circuit breakers that are not closed: kind of request, and state.
fn shut_breakers(venue: &Value) -> impl Iterator<Item = (&str, &str)> {
    let breakers = venue.get("breakers").and_then(Value::as_object).into_iter().flatten();
    let states = breakers.map(|(kind, one)| {
        (kind.as_str(), one.get("state").and_then(Value::as_str).unwrap_or_default())
    });
    states.filter(|(_, state)| *state != "closed")
}

fn figures(ok: &Value) -> Vec<Line> {
    let lag = number(ok, "journal_seq")
        .zip(number(ok, "durable_seq"))
        .map_or_else(|| "-".to_owned(), |(seq, durable)| text::count(seq.saturating_sub(durable)));
    let line = |title: &str, rest: String| {
        Line::of(format!("{title:<9}"), Paint::Dim).with(rest, Paint::Plain)
    };
    vec![
        line(
            "orders",
            format!(
                "{} open, {} pending; {} children open",
                counted(ok, "open_orders"),
                counted(ok, "pending_orders"),
                counted(ok, "open_children"),
            ),
        ),
        line(
            "started",
            format!(
                "since then {} orders, {} fills, {} reports; before {} orders, {} fills",
                counted(ok, "orders"),
                counted(ok, "fills"),
                counted(ok, "reports"),
                counted(ok, "orders_replayed"),
                counted(ok, "fills_replayed"),
            ),
        ),
        line("refused", format!("since the start: {}", tally(ok, "refused", 6))),
        line("ended", format!("since the start: {}", tally(ok, "ended", 6))),
        line("success", success(ok)),
        line(
            "journal",
            format!(
                "at {}, {} not on the disk yet ({})",
                counted(ok, "journal_seq"),
                lag,
                super::told(ok, "unsynced_bytes", text::bytes),
            ),
        ),
    ]
}

/// The share of the orders that could be filled and were, and why the others were not.
fn success(ok: &Value) -> String {
    let failed = ok.get("failed").and_then(Value::as_object);
    let failed: u64 = failed.into_iter().flatten().filter_map(|(_, count)| count.as_u64()).sum();
    let succeeded = number(ok, "succeeded").unwrap_or(0);
    let judged = succeeded + failed;
    if judged == 0 {
        return "no order counts yet".to_owned();
    }
    // Rounded down, so that 100 % means all.
    let hundredths = u128::from(succeeded) * 10_000 / u128::from(judged);
    let share = format!("{}.{:02} %", hundredths / 100, hundredths % 100);
    let of = format!("{share} of {} that could be filled", text::count(judged));
    match failed {
        0 => of,
        _ => format!("{of}; not: {}", tally(ok, "failed", 2)),
    }
}

/// What one venue's state is, and how bad.
pub fn venue_state(venue: &Value) -> Span {
    if flag(venue, "halted") {
        Span::new("HALTED", Paint::Bad)
    } else if !flag(venue, "up") {
        Span::new("DOWN", Paint::Bad)
    } else if flag(venue, "drained") {
        Span::new("drained", Paint::Warn)
    } else if shut_breakers(venue).next().is_some() {
        Span::new("breaker open", Paint::Warn)
    } else if !rows(venue, "pauses").is_empty() || !rows(venue, "markets").is_empty() {
        Span::new("paused", Paint::Warn)
    } else {
        Span::new("up", Paint::Good)
    }
}

/// The venues of `status` or `venues`.
pub fn venues(ok: &Value) -> Table {
    let mut table = Table::new(&[
        words("venue", 0),
        words("state", 0),
        numbers("trusted", 0),
        numbers("unknown", 1),
        numbers("p50", 2),
        numbers("p99", 1),
        numbers("open", 1),
        numbers("feed age", 3),
        numbers("fills", 5),
        numbers("notional", 6),
        numbers("p99.9", 7),
        words("rejects", 4),
        numbers("distrusts", 8),
        numbers("children", 9),
        words("behaviour", 10),
        words("why not up", 0),
    ]);
    for venue in rows(ok, "venues") {
        let latency = venue.get("latency_ns").unwrap_or(&Value::Null);
        table.row(vec![
            word(venue, "name").into(),
            venue_state(venue),
            trusted(venue),
            should_be_none(venue, "unknown", Paint::Bad),
            duration(latency, "p50"),
            duration(latency, "p99"),
            counted(venue, "open_children").into(),
            feed_age(venue),
            counted(venue, "fills").into(),
            super::amount(venue, "filled_notional").into(),
            duration(latency, "p999"),
            tally(venue, "rejects", 2).into(),
            counted(venue, "distrusts").into(),
            counted(venue, "children").into(),
            behaviour(venue).into(),
            Span::new(why(venue), Paint::Warn),
        ]);
    }
    table
}

/// What the venue's behaviour costs an order of an account with the usual costs.
fn behaviour(venue: &Value) -> String {
    let known = venue.get("behaviour").and_then(|known| number(known, "cost_ppm"));
    known.map_or_else(|| "-".to_owned(), |ppm| format!("{ppm} ppm"))
}

fn feed_age(venue: &Value) -> Span {
    if let Some(owner) = venue.get("books_of").and_then(Value::as_str) {
        return Span::new(format!("of {owner}"), Paint::Dim);
    }
    match venue.get("feed_age_ns") {
        Some(Value::Null) => Span::new("never", Paint::Bad),
        _ => duration(venue, "feed_age_ns"),
    }
}

fn trusted(venue: &Value) -> Span {
    let shown = format!("{}/{}", counted(venue, "books_trusted"), counted(venue, "books"));
    let all = number(venue, "books_trusted") == number(venue, "books");
    Span::new(shown, if all { Paint::Plain } else { Paint::Warn })
}

/// The sessions of `status` or `sessions`.
pub fn sessions(ok: &Value, now_ns: u64) -> Table {
    let mut table = Table::new(&[
        words("session", 0),
        words("kind", 2),
        words("state", 0),
        numbers("open", 1),
        numbers("backlog", 1),
        numbers("next in", 2),
        numbers("next out", 2),
        numbers("heard", 1),
        words("account", 3),
        numbers("events", 4),
    ]);
    for session in rows(ok, "sessions") {
        let failure = session.get("failure").and_then(Value::as_str).unwrap_or_default();
        let closed = session.get("in_hours").and_then(Value::as_bool) == Some(false);
        let removed = session.get("configured").and_then(Value::as_bool) == Some(false);
        let state = match (flag(session, "disabled"), flag(session, "connected")) {
            _ if removed => Span::new("not configured", Paint::Dim),
            _ if !failure.is_empty() => Span::new(format!("REFUSED: {failure}"), Paint::Bad),
            (true, true) => Span::new("disabled, connected", Paint::Bad),
            (true, false) => Span::new("disabled", Paint::Warn),
            (false, true) => Span::new("connected", Paint::Good),
            (false, false) if closed => Span::new("outside hours", Paint::Plain),
            (false, false) => Span::new("AWAY", Paint::Warn),
        };
        table.row(vec![
            word(session, "name").into(),
            word(session, "kind").into(),
            state,
            counted(session, "open_orders").into(),
            super::measured(session, "backlog_bytes", Span::bytes),
            counted(session, "next_in").into(),
            counted(session, "next_out").into(),
            super::age(session, "last_in_ns", now_ns),
            word(session, "account").into(),
            counted(session, "events").into(),
        ]);
    }
    table
}

/// The stages of `status` or `latency`.
pub fn stages(ok: &Value) -> Table {
    let mut table = Table::new(&[
        words("path", 0),
        words("stage", 0),
        numbers("p50", 0),
        numbers("p99", 0),
        numbers("p99.9", 0),
        numbers("max", 1),
        numbers("count", 2),
    ]);
    for stage in rows(ok, "stages") {
        table.row(vec![
            word(stage, "path").into(),
            word(stage, "stage").into(),
            duration(stage, "p50"),
            duration(stage, "p99"),
            duration(stage, "p999"),
            duration(stage, "max"),
            counted(stage, "count").into(),
        ]);
    }
    table
}

/// A ring that is this full, in percent, is shown as wrong.
const RING_FULL_PERCENT: u64 = 50;

/// The rings of `status`.
pub fn rings(ok: &Value) -> Table {
    let mut table = Table::new(&[words("ring", 0), numbers("used", 0), numbers("slots", 0)]);
    for ring in rows(ok, "rings") {
        let used = number(ring, "used").unwrap_or(0);
        let slots = number(ring, "slots").unwrap_or(0).max(1);
        let full = used.saturating_mul(100) / slots >= RING_FULL_PERCENT;
        table.row(vec![
            word(ring, "ring").into(),
            Span::new(counted(ring, "used"), if full { Paint::Bad } else { Paint::Plain }),
            counted(ring, "slots").into(),
        ]);
    }
    table
}

/// Free space below which it is shown as wrong.
const FREE_BYTES_MIN: u64 = 1 << 30;

/// Shows the state of the journal.
pub fn journal(ok: &Value) -> Vec<Line> {
    let seq = number(ok, "seq").unwrap_or(0);
    let behind = |name| number(ok, name).map_or(0, |at| seq.saturating_sub(at));
    let low = number(ok, "free_bytes").is_some_and(|free| free < FREE_BYTES_MIN);
    let line = |title: &str, rest: String, paint| {
        Line::of(format!("{title:<12}"), Paint::Dim).with(rest, paint)
    };
    let bytes = |name| super::told(ok, name, text::bytes);
    vec![
        line("written", counted(ok, "seq"), Paint::Plain),
        line(
            "released",
            format!(
                "{} ({} behind)",
                counted(ok, "released_seq"),
                text::count(behind("released_seq"))
            ),
            Paint::Plain,
        ),
        line(
            "on the disk",
            format!(
                "{} ({} behind, {})",
                counted(ok, "durable_seq"),
                text::count(behind("durable_seq")),
                bytes("unsynced_bytes")
            ),
            Paint::Plain,
        ),
        line("sync lag", super::told(ok, "sync_lag_ns", text::duration), Paint::Plain),
        line("a sync", super::told(ok, "sync_mean_ns", text::duration), Paint::Plain),
        line(
            "size",
            format!("{} in {} segments", bytes("bytes"), counted(ok, "segments")),
            Paint::Plain,
        ),
        line("free", bytes("free_bytes"), if low { Paint::Bad } else { Paint::Plain }),
        line("durability", word(ok, "durability"), Paint::Plain),
        line("folder", word(ok, "folder"), Paint::Plain),
    ]
}
