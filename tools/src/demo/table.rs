//! The demo's lines: the live table, plain lines, and the summary.
//!
//! A line belongs here if it is text for a terminal of 80 columns and 24 lines. Writing to a string
//! cannot fail, so the results are dropped.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use rutter_sim::Venue;

use super::Summary;
use super::crash::Crash;
use super::view::{View, Watched};
use crate::harness::USUAL;
use crate::quantiles::{Quantiles, Ratio, duration_text};

const SECOND_NS: u64 = 1_000_000_000;

/// A plain line of the state.
pub fn line(view: &View, watched: &Watched) -> String {
    let counts = &view.counts;
    let answers = watched.answers.quantiles();
    let crash = view.crashes.last().map_or(String::new(), |crash| match crash.after {
        None => format!("  KILLED, down {} ms", crash.down_ms),
        Some(_) => format!("  killed at {} ms, back after {} ms", crash.at_ms, crash.down_ms),
    });
    format!(
        "{:>3} s  orders {} (refused {}, open {})  fills {}  reports {}  answer p50 {} p99 {}{crash}",
        view.elapsed_ns / SECOND_NS,
        counts.sent,
        counts.refused,
        counts.sent - counts.over,
        words(&view.fills_by_venue),
        counts.reports,
        answered(&answers, answers.p50),
        answered(&answers, answers.p99),
    )
}

/// A time to an answer; a dash before the first answer.
fn answered(answers: &Quantiles, ns: u64) -> String {
    if answers.count == 0 { "-".to_owned() } else { duration_text(ns) }
}

/// The live table, at most 20 lines.
pub fn live(view: &View, watched: &Watched) -> String {
    let mut text = String::new();
    let arguments = &view.arguments;
    let state = match view.crashes.last() {
        Some(Crash { after: None, .. }) => "the node is killed",
        _ if view.elapsed_ns >= view.end_ns => "ending all orders",
        _ => "trading",
    };
    let elapsed = view.elapsed_ns.min(view.end_ns) / SECOND_NS;
    let _ = writeln!(
        text,
        "{elapsed} of {} s: {state}; {} orders/s, seed {}",
        view.end_ns.div_ceil(SECOND_NS),
        arguments.rate,
        arguments.seed
    );
    let counts = &view.counts;
    let answers = watched.answers.quantiles();
    let _ = writeln!(
        text,
        "orders {} sent, {} refused, {} open; answered in {} (median{})",
        counts.sent,
        counts.refused,
        counts.sent - counts.over,
        answered(&answers, answers.p50),
        if arguments.wires.virtual_time { ", virtual time" } else { "" },
    );
    for venue in USUAL {
        write_venue(&mut text, view, watched, venue);
    }
    text.push('\n');
    match &view.compared.shown {
        None => text.push_str("(no order over several exchanges has ended yet)\n"),
        Some(drawn) => drawn.lines().iter().for_each(|line| text.extend([line, "\n"])),
    }
    let saved = view.compared.best_single();
    let _ = writeln!(
        text,
        "All {} compared so far: {:+.2} bps saved against the better exchange alone.\n",
        saved.orders, saved.saved_bps
    );
    match view.crashes.last() {
        None if arguments.kills > 0 => {
            text.push_str("At half time the node is killed with SIGKILL and started again.\n");
        }
        None => {}
        Some(crash) => write_crash(&mut text, crash),
    }
    text
}

fn write_venue(text: &mut String, view: &View, watched: &Watched, venue: Venue) {
    let seen = watched.venues[venue.index()];
    let _ = writeln!(
        text,
        "{:<10} {:<5} {} of {} books trusted, {} executions",
        venue.name(),
        if seen.up { "up" } else { "down" },
        seen.books,
        rutter_sim::market::MARKETS.len(),
        view.fills_by_venue.get(venue.name()).copied().unwrap_or(0),
    );
}

/// Six lines.
fn write_crash(text: &mut String, crash: &Crash) {
    let at = crash.at_ms as f64 / 1e3;
    let down = crash.down_ms as f64 / 1e3;
    let _ = writeln!(text, "SIGKILL at {at:.1} s, restarted at once{:>17}{:>22}", "at the kill", {
        if crash.after.is_some() {
            format!("trading after {down:.2} s")
        } else {
            format!("down for {down:.2} s")
        }
    });
    let after = crash.after.unwrap_or_default();
    let mut row = |what: &str, before: u64, after: u64| {
        let after = if crash.after.is_some() { after.to_string() } else { "...".to_owned() };
        let _ = writeln!(text, "  {what:<41}{before:>11}{after:>22}");
    };
    let before = crash.before;
    row("orders open, as the client knows", before.open_by_client, after.open_by_client);
    row("orders open, as the exchanges know", before.open_by_venues, after.open_by_venues);
    row("executions that the exchanges booked", before.fills_booked, after.fills_booked);
    row("executions that the client was told", before.fills_told, after.fills_told);
    if crash.after.is_some() {
        let fates = crash.fates;
        let _ = writeln!(
            text,
            "  of the {} open at the kill: {} still open, {} filled, {} ended otherwise",
            before.open_by_client, fates.open, fates.filled, fates.ended
        );
    }
}

/// Rows of the summary: the latencies that a client and an operator ask for first.
const ROWS: [(&str, &str); 3] = [
    ("order, through the node", "order.total"),
    ("client: order to first answer", "client.answer"),
    ("client: sent later than planned", "client.late"),
];

/// A row without a number is left out where `note` says why.
fn write_latencies(text: &mut String, rows: &BTreeMap<String, Quantiles>, note: Option<&str>) {
    let _ = writeln!(
        text,
        "{:<33}{:>9}{:>9}{:>10}{:>9}{:>9}",
        "latency", "p50 ms", "p99 ms", "p99.9 ms", "max ms", "count"
    );
    for (label, stage) in ROWS {
        let Some(row) = rows.get(stage) else {
            if note.is_none() {
                let _ = writeln!(text, "{label:<33} not measured");
            }
            continue;
        };
        let [p50, p99, p999, max] = [row.p50, row.p99, row.p999, row.max].map(|ns| ns as f64 / 1e6);
        let count = row.count;
        let _ = writeln!(text, "{label:<33}{p50:>9.3}{p99:>9.3}{p999:>10.3}{max:>9.3}{count:>9}");
    }
    if let Some(note) = note {
        let _ = writeln!(text, "{note}");
    }
}

/// Costs are above the middle price, fees included.
fn write_costs(text: &mut String, summary: &Summary) {
    let _ = writeln!(
        text,
        "{:<25}{:>11}{:>10}{:>11}{:>16}{:>7}",
        "equal latency and fees",
        "routed bps",
        "alone bps",
        "saved bps",
        "half of slices",
        "orders"
    );
    let alone = summary.alone.iter().map(|(venue, saved)| (format!("{venue} alone"), saved));
    let looked_best = ("who looked best".to_owned(), &summary.looked_best);
    for (rival, saved) in alone.chain([looked_best]) {
        let half = saved.spread.map_or_else(
            || "-".to_owned(),
            |Ratio { lower_quartile, upper_quartile, .. }| {
                format!("{lower_quartile:+.2} {upper_quartile:+.2}")
            },
        );
        let _ = writeln!(
            text,
            "{:<25}{:>11.2}{:>10.2}{:>+11.2}{half:>16}{:>7}",
            format!("against {rival}"),
            saved.routed_bps,
            saved.single_bps,
            saved.saved_bps,
            saved.orders
        );
    }
}

fn words(counts: &BTreeMap<String, u64>) -> String {
    let words: Vec<String> = counts.iter().map(|(word, count)| format!("{word} {count}")).collect();
    if words.is_empty() { "none".to_owned() } else { words.join(", ") }
}

/// The summary: at most 24 lines for a sound run of two venues and one kill. `next` is a command
/// to try.
pub fn summary(summary: &Summary, next: &str) -> String {
    let mut text = String::new();
    match (&summary.drawn, &summary.explained) {
        (Some(drawn), Some(explained)) => {
            drawn.books().iter().for_each(|line| text.extend([line, "\n"]));
            let _ = writeln!(text, "{}", explained.line());
        }
        (Some(drawn), None) => drawn.lines().iter().for_each(|line| text.extend([line, "\n"])),
        (None, Some(explained)) => {
            let _ = writeln!(text, "{}", explained.line());
        }
        (None, None) => {}
    }
    write_costs(&mut text, summary);
    if let Some(crash) = summary.crashes.last() {
        write_crash(&mut text, crash);
    }
    let _ = writeln!(
        text,
        "LOST {}, TWICE {} of {} orders (refused: {}) and {} executions",
        summary.lost,
        summary.doubled,
        summary.orders,
        words(&summary.refused),
        summary.fills
    );
    if summary.lost > 0 {
        let lost = serde_json::to_value(summary.lost_by).unwrap_or_default();
        let defects = lost.as_object().into_iter().flatten();
        for (name, count) in defects.filter(|(_, count)| count.as_u64() != Some(0)) {
            let _ = writeln!(text, "  {}: {count}", name.replace('_', " "));
        }
    }
    write_latencies(&mut text, &summary.latency_ns, summary.latency_note.as_deref());
    if !summary.journal_verified {
        text.push_str("THE JOURNAL IS NOT SOUND\n");
    }
    let _ = writeln!(
        text,
        "Decided again: {}, {} records, digest {}",
        if summary.digest_equal { "identical" } else { "NOT IDENTICAL" },
        summary.journal_records,
        summary.digest,
    );
    let _ = writeln!(text, "Next: {next}");
    text
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::crash::Standing;
    use super::super::drawing::tests::wide;
    use super::super::explained;
    use super::super::savings::Comparison;
    use super::*;

    const LINES: usize = 24;
    const COLUMNS: usize = 80;

    fn crash() -> Crash {
        let standing = Standing {
            open_by_client: 1_234,
            open_by_venues: 1_234,
            fills_booked: 123_456,
            fills_told: 123_456,
        };
        let mut trader = super::super::trader::Trader::new(1, 0, 1);
        let mut crash = Crash::new(0, 5_000_000_000, &mut trader, standing);
        crash.after = Some(standing);
        crash.down_ms = 12_345;
        crash
    }

    fn fits(text: &str) {
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines.len() <= LINES, "{} lines:\n{text}", lines.len());
        for line in lines {
            assert!(line.chars().count() <= COLUMNS, "{line}");
        }
    }

    #[test]
    fn the_live_table_fits_a_terminal_of_80_by_24() {
        let mut view = View { crashes: vec![crash()], ..View::default() };
        view.compared.shown = Some(Arc::new(wide()));
        fits(&live(&view, &Watched::default()));
    }

    #[test]
    fn the_summary_fits_a_terminal_of_80_by_24() {
        let ratio = Ratio { lower_quartile: -12.34, upper_quartile: -12.34, ..Ratio::default() };
        let spread = Some(ratio);
        let saved =
            Comparison { saved_bps: -12.34, spread, orders: 123_456, ..Comparison::default() };
        let summary_of_all = Summary {
            drawn: Some(Arc::new(wide())),
            alone: USUAL.map(|venue| (venue.name().to_owned(), saved)).into(),
            looked_best: saved,
            explained: Some(explained::tests::wide(&USUAL.map(Venue::name))),
            crashes: vec![crash()],
            refused: [("PriceCollar".to_owned(), 12)].into(),
            orders: 12_345,
            fills: 123_456,
            digest: "0123456789abcdef".to_owned(),
            journal_records: 1_234_567,
            journal_verified: true,
            ..Summary::default()
        };
        let next = "target/release/rutter-tools demo --seconds 60 --kills 5 --keep";
        fits(&summary(&summary_of_all, next));
    }

    #[test]
    fn a_latency_without_a_meaning_is_words_and_no_number() {
        let stages = |names: &[&str]| -> BTreeMap<String, Quantiles> {
            names.iter().map(|name| ((*name).to_owned(), Quantiles::default())).collect()
        };
        let latency_note = Some("virtual time".to_owned());
        let latency_ns = stages(&["client.answer"]);
        let text = summary(&Summary { latency_ns, latency_note, ..Summary::default() }, "");
        assert!(text.contains("client: order to first answer") && text.contains("virtual time"));
        assert!(!text.contains("through the node") && !text.contains("later than planned"));
        // In real time a number that is missing is said to be missing.
        let latency_ns = stages(&["client.answer", "client.late"]);
        let text = summary(&Summary { latency_ns, ..Summary::default() }, "");
        let line = text.lines().find(|line| line.contains("through the node"));
        assert!(line.is_some_and(|line| line.ends_with("not measured")), "{text}");
    }

    #[test]
    fn a_defect_is_named_in_the_summary() {
        let mut broken = Summary { lost: 2, ..Summary::default() };
        broken.lost_by.missing_fills = 2;
        assert!(summary(&broken, "").contains("missing fills: 2"));
    }
}
