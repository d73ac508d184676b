//! The demo's screen: a table redrawn in place on a terminal, a line a second elsewhere, and the
//! summary in words.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, Write};

use serde_json::Value;

use super::Summary;
use super::trader::Trader;
use crate::quantiles::{Quantiles, duration_text};

/// Between two plain lines.
const LINE_NS: u64 = 1_000_000_000;

/// What is shown.
pub struct View<'a> {
    /// Since the start.
    pub elapsed_ns: u64,
    /// Planned.
    pub seconds: u64,
    /// Orders a second.
    pub rate: u32,
    /// Of the run.
    pub seed: u64,
    /// The client.
    pub trader: &'a Trader,
    /// The node's status.
    pub status: &'a Value,
    /// As booked.
    pub fills_by_venue: &'a BTreeMap<String, u64>,
}

/// How it is shown.
#[derive(Debug)]
pub struct Screen {
    silent: bool,
    terminal: bool,
    /// Lines of the table that stands on the terminal.
    standing: usize,
    next_line_ns: u64,
}

impl Screen {
    /// Silent, or a table on a terminal, or lines.
    pub const fn new(silent: bool, terminal: bool) -> Self {
        Self { silent, terminal, standing: 0, next_line_ns: 0 }
    }

    /// Shows the state of things.
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
            // Up over the standing table, and clear from there on.
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

    /// What follows is written below.
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

/// Stages of both paths by name, such as `order.core`.
pub fn stages(status: &Value) -> BTreeMap<String, Quantiles> {
    let rows = status["stages"].as_array().map_or(&[][..], Vec::as_slice);
    let stage = |row: &Value| {
        let word = |key: &str| row[key].as_str().unwrap_or("?").to_owned();
        let quantiles = Quantiles {
            p50: count(row, "p50"),
            p99: count(row, "p99"),
            p999: count(row, "p999"),
            max: count(row, "max"),
            count: count(row, "count"),
        };
        (format!("{}.{}", word("path"), word("stage")), quantiles)
    };
    rows.iter().map(stage).collect()
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

/// In the order in which the time passes.
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

/// The summary in words, on standard output.
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
