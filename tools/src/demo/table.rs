//! The demo's screen: on a terminal a table that is redrawn in place, elsewhere one line a second,
//! and the summary at the end.
//!
//! A line belongs here if it prints.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, Write};

use serde_json::Value;

use super::Summary;
use super::trader::Trader;
use crate::harness::stages;
use crate::quantiles::{Quantiles, duration_text};

/// Time between two plain lines.
const LINE_NS: u64 = 1_000_000_000;

/// The state that is shown.
pub struct View<'a> {
    /// Time since the start, nanoseconds.
    pub elapsed_ns: u64,
    /// Planned seconds of trading.
    pub seconds: u64,
    /// Orders a second.
    pub rate: u32,
    /// Seed of the run.
    pub seed: u64,
    /// The trading client.
    pub trader: &'a Trader,
    /// The console's answer to `status`.
    pub status: &'a Value,
    /// Executions booked at each venue.
    pub fills_by_venue: &'a BTreeMap<String, u64>,
}

/// The output: silent, a terminal, or plain lines.
#[derive(Debug)]
pub struct Screen {
    silent: bool,
    terminal: bool,
    /// Number of lines of the table on the terminal.
    standing: usize,
    next_line_ns: u64,
}

impl Screen {
    /// Prints nothing if `silent`, else a table on a terminal, else plain lines.
    pub const fn new(silent: bool, terminal: bool) -> Self {
        Self { silent, terminal, standing: 0, next_line_ns: 0 }
    }

    /// Shows the state.
    ///
    /// # Errors
    /// The output is closed.
    pub fn show(&mut self, view: &View<'_>) -> io::Result<()> {
        if self.silent {
            return Ok(());
        }
        let mut out = io::stdout().lock();
        if self.terminal {
            let text = table(view);
            // Moves the cursor above the old table and clears the screen from there on.
            if self.standing > 0 {
                write!(out, "\x1b[{}A\x1b[J", self.standing)?;
            }
            self.standing = text.lines().count();
            out.write_all(text.as_bytes())?;
        } else if view.elapsed_ns >= self.next_line_ns {
            self.next_line_ns = view.elapsed_ns / LINE_NS * LINE_NS + LINE_NS;
            writeln!(out, "{}", line(view))?;
        }
        out.flush()
    }

    /// Leaves the table standing; later output goes below.
    ///
    /// # Errors
    /// The output is closed.
    pub fn end(&mut self) -> io::Result<()> {
        self.standing = 0;
        if self.silent { Ok(()) } else { writeln!(io::stdout()) }
    }
}

fn count(value: &Value, key: &str) -> u64 {
    value[key].as_u64().unwrap_or(0)
}

fn venues(status: &Value) -> &[Value] {
    status["venues"].as_array().map_or(&[], Vec::as_slice)
}

fn line(view: &View<'_>) -> String {
    let counts = &view.trader.counts;
    let fills: Vec<String> =
        view.fills_by_venue.iter().map(|(venue, fills)| format!("{venue} {fills}")).collect();
    let answers = view.trader.answers.quantiles();
    format!(
        "{:>3} s  orders {} (refused {}, open {})  fills {}  reports {}  answer p50 {} p99 {}",
        view.elapsed_ns / LINE_NS,
        counts.sent,
        counts.refused,
        counts.sent - counts.over,
        fills.join(", "),
        counts.reports,
        duration_text(answers.p50),
        duration_text(answers.p99),
    )
}

/// Writing to a string cannot fail, so the results are dropped.
fn table(view: &View<'_>) -> String {
    let mut text = String::new();
    let counts = &view.trader.counts;
    let elapsed = (view.elapsed_ns / LINE_NS).min(view.seconds);
    let _ = writeln!(
        text,
        "rutter demo   {elapsed} of {} s   {} orders/s   seed {}\n",
        view.seconds, view.rate, view.seed
    );
    let _ = writeln!(
        text,
        "{:<10}{:>7}{:>8}{:>11}{:>10}{:>10}{:>10}{:>9}",
        "venue", "state", "books", "children", "fills", "refusals", "distrusts", "unknown"
    );
    for venue in venues(view.status) {
        let name = venue["name"].as_str().unwrap_or("?");
        let refusals: u64 = venue["rejects"]
            .as_object()
            .map_or(0, |reasons| reasons.values().filter_map(Value::as_u64).sum());
        let _ = writeln!(
            text,
            "{name:<10}{:>7}{:>8}{:>11}{:>10}{refusals:>10}{:>10}{:>9}",
            if venue["up"] == true { "up" } else { "down" },
            count(venue, "books_trusted"),
            count(venue, "children"),
            view.fills_by_venue.get(name).copied().unwrap_or(0),
            count(venue, "distrusts"),
            count(venue, "unknown"),
        );
    }
    let _ = writeln!(
        text,
        "\norders {} sent, {} refused, {} open    cancels {}    reports {}    journal {}",
        counts.sent,
        counts.refused,
        counts.sent - counts.over,
        counts.cancels,
        counts.reports,
        count(view.status, "journal_seq"),
    );
    let _ = writeln!(
        text,
        "saved  {:+.2} bps against the best single venue\n",
        view.trader.savings.saved_centi_bps() as f64 / 100.0
    );
    write_latencies(&mut text, &latencies(view));
    text
}

fn latencies(view: &View<'_>) -> BTreeMap<String, Quantiles> {
    let mut rows = stages(view.status);
    rows.insert("client.answer".to_owned(), view.trader.answers.quantiles());
    rows
}

/// Stages in the order in which an order passes them.
const STAGES: [&str; 11] = [
    "order.decode",
    "order.input_ring",
    "order.core",
    "order.send",
    "order.total",
    "report.decode",
    "report.input_ring",
    "report.core",
    "report.send",
    "report.total",
    "client.answer",
];

fn write_latencies(text: &mut String, rows: &BTreeMap<String, Quantiles>) {
    let _ = writeln!(
        text,
        "{:<20}{:>11}{:>11}{:>11}{:>11}{:>9}",
        "latency", "p50", "p99", "p99.9", "max", "count"
    );
    for name in STAGES {
        let Some(row) = rows.get(name) else { continue };
        let [p50, p99, p999, max] = [row.p50, row.p99, row.p999, row.max].map(duration_text);
        let _ = writeln!(
            text,
            "{:<20}{p50:>11}{p99:>11}{p999:>11}{max:>11}{:>9}",
            name.replace('.', " "),
            row.count
        );
    }
}

fn words(counts: &BTreeMap<String, u64>) -> String {
    let words: Vec<String> = counts.iter().map(|(word, count)| format!("{word} {count}")).collect();
    if words.is_empty() { "none".to_owned() } else { words.join(", ") }
}

/// Prints the summary on standard output.
pub fn print_summary(summary: &Summary) {
    let mut text = String::new();
    let _ = writeln!(
        text,
        "orders        {} in {:.1} s, seed {}; refused: {}",
        summary.orders,
        summary.seconds,
        summary.seed,
        words(&summary.refused)
    );
    let _ = writeln!(
        text,
        "reports       {} ({} fills, {} cancels asked); ended unfilled: {}",
        summary.reports,
        summary.fills,
        summary.cancels,
        words(&summary.ended)
    );
    let _ = writeln!(text, "fills booked  {}", words(&summary.fills_by_venue));
    let _ = writeln!(text, "lost          {}", summary.lost);
    if summary.lost > 0 {
        let _ = writeln!(text, "              {:?}", summary.lost_by);
    }
    let _ = writeln!(
        text,
        "saved         {:+.2} bps after fees against the best single venue ({} orders; {} more \
         that no single venue could have filled)\n",
        summary.saved_bps, summary.saved_orders, summary.beyond_one_venue
    );
    write_latencies(&mut text, &summary.latency_ns);
    let _ = writeln!(
        text,
        "\njournal       {} records, {}; replay: {} digests compared, {}",
        summary.journal_records,
        if summary.journal_verified { "every one verified" } else { "NOT SOUND" },
        summary.digests_compared,
        if summary.digest_equal { "all equal" } else { "NOT EQUAL" },
    );
    print!("{text}");
}
