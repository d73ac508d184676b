//! `rutter-tools demo`: the simulated venues, the real node and a trading client in one run. At
//! half time the node is killed and started again. At the end its journal is decided again.
//!
//! A line belongs here if it is an option or a result of the command. The course of a run is `run`,
//! in real time `live`, in virtual time `virtual_time`. The client is `trader`, the kill `crash`,
//! the comparison with single venues `savings`, the replay `journal`, what the journal tells of
//! decisions `decided`, the drawing of one order `drawing`, why it went there `explained`, the
//! thread that watches `watcher`, the output `screen` with the lines of `table`, one moment `view`,
//! the HTML page `page` with its `chart`s.

mod chart;
mod crash;
mod decided;
mod drawing;
mod entry;
mod environment;
mod explained;
mod journal;
mod live;
mod page;
mod pricing;
mod run;
mod savings;
mod screen;
mod table;
mod trader;
mod view;
mod virtual_time;
mod watcher;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::Context;
use rutter_program::progress;
use serde::Serialize;

use crate::harness::{CONSOLE, HarnessError, Program, node_program};
use crate::interrupt;
use crate::quantiles::{Quantiles, Ratio};
use crash::Crash;
use drawing::Drawn;
use explained::Explained;
use live::Live;
use savings::Comparison;
pub use screen::Screen;
use view::Sample;
use virtual_time::VirtualTime;

/// `rutter-tools demo`
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Arguments {
    /// Seconds to trade for, not counting the time that the node is down.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub seconds: u64,
    /// Orders a second.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=5_000))]
    pub rate: u32,
    /// Kill the node (SIGKILL) this often, at equal distances, and start it again.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(0..=100))]
    pub kills: u32,
    /// Seed of prices and orders.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Print nothing but the summary, as one JSON object on one line.
    #[arg(long)]
    pub json: bool,
    /// Also write the result to this file, as one HTML page with charts.
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// How messages travel.
    #[command(flatten)]
    pub wires: Wires,
    /// Keep the folder (journal, logs) and print its path.
    #[arg(long)]
    pub keep: bool,
    /// How far a run with `--json` is.
    #[command(flatten)]
    pub progress: progress::Choice,
}

/// How messages travel between client, node and venues.
#[derive(Clone, Copy, Debug, Default, clap::Args)]
pub struct Wires {
    /// Speak TLS to the venues.
    #[arg(long, conflicts_with = "virtual_time")]
    pub tls: bool,
    /// Run client, node and venues in one thread in virtual time: no sockets, no processes, no
    /// clock. Equal options give an equal result, to the bit.
    #[arg(long)]
    pub virtual_time: bool,
}

/// The time of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Time {
    /// The machine's.
    #[default]
    Real,
    /// The simulated world's.
    Virtual,
}

impl Wires {
    /// The time of a run over these wires.
    const fn time(self) -> Time {
        if self.virtual_time { Time::Virtual } else { Time::Real }
    }
}

/// The result of a run.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Summary {
    /// Seed of the run.
    pub seed: u64,
    /// The time that all times of the result are in.
    pub time: Time,
    /// Seconds of trading, the time that the node was down included.
    pub seconds: f64,
    /// Orders sent.
    pub orders: u64,
    /// Orders that were due while the client was not logged on, and were not sent.
    pub orders_held: u64,
    /// Orders refused, by the word in Text (58).
    pub refused: BTreeMap<String, u64>,
    /// Orders that ended before they were filled whole, by the word in Text (58).
    pub ended: BTreeMap<String, u64>,
    /// Reports received.
    pub reports: u64,
    /// Cancels sent.
    pub cancels: u64,
    /// Executions reported.
    pub fills: u64,
    /// Executions booked at each venue.
    pub fills_by_venue: BTreeMap<String, u64>,
    /// Number of kills (SIGKILL) of the node.
    pub kills: u64,
    /// Longest time from a kill to the first execution of an order sent after the kill, in
    /// milliseconds.
    pub down_ms: u64,
    /// Each kill.
    pub crashes: Vec<Crash>,
    /// Sum of `lost_by`; must be 0.
    pub lost: u64,
    /// Executions and orders that exist twice: `doubled_reports`, `overfilled_orders` and
    /// `orders_sent_twice` of `lost_by`; must be 0.
    pub doubled: u64,
    /// Orders and fills that went wrong, by kind.
    pub lost_by: LostBy,
    /// Saving against a client of the best single venue, in basis points of value; see `savings`.
    pub saved_bps: f64,
    /// `saved_bps` of slices of 50 orders each; `None` before the first slice is full.
    pub saved_bps_spread: Option<Ratio>,
    /// Orders that the saving was computed from.
    pub saved_orders: u64,
    /// Cost of the compared orders as routed: above the middle price, fees included, in basis
    /// points of value.
    pub routed_bps: f64,
    /// Cost of the same orders at the best single venue.
    pub best_single_bps: f64,
    /// The comparison with a client of each venue.
    pub alone: BTreeMap<String, Comparison>,
    /// The comparison with a client that sends each order to the venue that turns out the cheapest.
    pub hindsight: Comparison,
    /// The comparison with a client that sends each order to the venue that looked best when the
    /// order was routed.
    pub looked_best: Comparison,
    /// Orders that could not be compared with the venue that looked best.
    pub without_looked_best: u64,
    /// Orders that no single venue could have filled within their limit.
    pub beyond_one_venue: u64,
    /// Orders whose arrival was not recorded, so that they were not compared.
    pub unpriced_orders: u64,
    /// Latencies in nanoseconds, by stage. Stages of the node count from its last start.
    pub latency_ns: BTreeMap<String, Quantiles>,
    /// Which latencies are absent because they have no meaning, in words; `None` if none is.
    pub latency_note: Option<String>,
    /// Records in the journal.
    pub journal_records: u64,
    /// Whether `rutter verify` found every record intact.
    pub journal_verified: bool,
    /// Number of digests that the replay compared.
    pub digests_compared: u64,
    /// The digest of all decisions at the end, as the replay computed it.
    pub digest: String,
    /// Whether the replay made the same decisions, to the bit.
    pub digest_equal: bool,
    /// Why one order went where it went; null if none was compared.
    pub explained: Option<Explained>,
    /// Whether the run was interrupted.
    pub interrupted: bool,
    /// The order that is drawn.
    #[serde(skip)]
    pub drawn: Option<Arc<Drawn>>,
    /// Moments of the run.
    #[serde(skip)]
    pub samples: Vec<Sample>,
}

/// Numbers of orders and fills with a defect that must never occur.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct LostBy {
    /// Orders without any answer.
    pub unanswered_orders: u64,
    /// Orders that had not ended when the run settled or the wait was over.
    pub unsettled_orders: u64,
    /// Orders still open at a venue at that time.
    pub open_at_venues: u64,
    /// Executions that a venue booked and that were not reported to the client.
    pub missing_fills: u64,
    /// Executions reported to the client that no venue booked.
    pub invented_fills: u64,
    /// Reports whose `ExecID` had been reported before.
    pub doubled_reports: u64,
    /// Orders with more executed than ordered.
    pub overfilled_orders: u64,
    /// Orders that a venue accepted under an id that it had accepted before.
    pub orders_sent_twice: u64,
    /// Orders whose executions do not add up to `CumQty` (14).
    pub unbalanced_orders: u64,
    /// Reports that could not be read, and messages that the node rejected.
    pub odd_reports: u64,
}

impl LostBy {
    const fn doubled(&self) -> u64 {
        self.doubled_reports + self.overfilled_orders + self.orders_sent_twice
    }

    const fn total(&self) -> u64 {
        self.doubled()
            + self.unanswered_orders
            + self.unsettled_orders
            + self.open_at_venues
            + self.missing_fills
            + self.invented_fills
            + self.unbalanced_orders
            + self.odd_reports
    }
}

impl Summary {
    /// Whether nothing went wrong.
    fn is_sound(&self) -> bool {
        let back = self.interrupted || self.crashes.iter().all(|crash| crash.after.is_some());
        self.lost == 0 && back && self.journal_verified && self.digest_equal
    }
}

/// Runs the demo.
///
/// # Errors
/// A part could not be started or asked. A loss is no error; the exit code tells it.
pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let stop = interrupt::flag()?;
    let mut page_file = arguments.html.as_deref().map(page_file).transpose()?;
    let mut folder = tempfile::Builder::new().prefix("rutter-demo-").tempdir()?;
    folder.disable_cleanup(arguments.keep);
    let program = node_program()?;
    introduce(arguments, &program, folder.path());
    let summary = match trade(arguments, folder.path(), &stop) {
        Ok(summary) => summary,
        Err(error) if matches!(error.downcast_ref(), Some(HarnessError::Interrupted)) => {
            eprintln!("interrupted before trading began");
            return Ok(ExitCode::FAILURE);
        }
        Err(error) => return Err(error),
    };
    let Written { text, page } = written(arguments, &summary, folder.path())?;
    print!("{text}");
    if let (Some(file), Some(path), Some(page)) = (&mut page_file, &arguments.html, page) {
        let written = file.set_len(0).and_then(|()| file.write_all(page.as_bytes()));
        written.with_context(|| format!("write {}", path.display()))?;
    }
    Ok(if summary.is_sound() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The file of the page, opened before the run so that a run is not lost to a wrong path. What an
/// earlier run wrote stays there until this one has a result.
fn page_file(path: &Path) -> anyhow::Result<File> {
    let open = File::options().create(true).truncate(false).write(true).open(path);
    open.with_context(|| format!("write {}", path.display()))
}

/// One run with all its files in `dir`, shown on standard output. `stop` ends the run early.
///
/// # Errors
/// A part could not be started or asked.
pub fn trade(arguments: &Arguments, dir: &Path, stop: &AtomicBool) -> anyhow::Result<Summary> {
    let out = std::io::stdout();
    let screen = Screen::new(arguments.json, out.is_terminal(), Box::new(out));
    trade_on(screen, arguments, dir, stop)
}

/// Like [`trade`], shown on that screen.
///
/// # Errors
/// The errors of [`trade`].
pub fn trade_on(
    screen: Screen,
    arguments: &Arguments,
    dir: &Path,
    stop: &AtomicBool,
) -> anyhow::Result<Summary> {
    let path = node_program()?;
    let program = Program::new(&path, dir);
    if arguments.wires.virtual_time {
        let world = VirtualTime::start(arguments, &program, dir, stop, screen)?;
        let market = world.market();
        return run::trade(arguments, world, market, program, stop);
    }
    let live = Live::start(arguments, &path, dir, stop, screen)?;
    let market = live.market();
    run::trade(arguments, live, market, program, stop)
}

/// A result, written out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// One JSON object on one line, or the lines for a terminal.
    pub text: String,
    /// The HTML page, if the options ask for one.
    pub page: Option<String>,
}

/// Writes out the result of a run in `dir`.
///
/// # Errors
/// There is no node program, or the result has no JSON form.
pub fn written(arguments: &Arguments, summary: &Summary, dir: &Path) -> anyhow::Result<Written> {
    let next = next(arguments, &node_program()?, dir);
    let text = if arguments.json {
        format!("{}\n", serde_json::to_string(summary)?)
    } else {
        table::summary(summary, &next)
    };
    let page = arguments.html.as_ref().map(|_| page::page(summary, &next));
    Ok(Written { text, page })
}

/// Says on standard error what is about to happen and how to take part in it.
fn introduce(arguments: &Arguments, program: &Path, dir: &Path) {
    let rutter = short(program);
    if arguments.keep {
        eprintln!("folder: {}", dir.display());
    }
    if arguments.wires.virtual_time {
        eprintln!(
            "A FIX client, a node and simulated exchanges in one thread, in virtual time. Equal \
             options\ngive an equal result, to the bit.\n"
        );
        return;
    }
    eprintln!(
        "A FIX client, a real node, simulated exchanges. To join from another terminal:\n\
         export RUTTER_CONSOLE={}\n\
         {rutter} top; {rutter} ctl halt --reason drill\n",
        dir.join(CONSOLE).display()
    );
}

/// A path relative to the working directory, if the path is below it.
fn short(path: &Path) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    let path = path.strip_prefix(&here).map_or(path, |below| below);
    path.display().to_string()
}

/// A command that shows what this run has not shown.
fn next(arguments: &Arguments, program: &Path, dir: &Path) -> String {
    let tools: PathBuf = program.with_file_name("rutter-tools");
    if arguments.keep {
        let journal = dir.join("data").join("journal");
        return format!("{} replay {}", short(program), journal.display());
    }
    let tools = short(&tools);
    match (arguments.wires.virtual_time, &arguments.html) {
        (true, None) => format!("{tools} demo --virtual-time --html demo.html"),
        (true, Some(_)) => format!("{tools} demo --virtual-time --keep"),
        (false, None) => format!("{tools} demo --seconds 30 --kills 3 --html demo.html"),
        (false, Some(_)) => format!("{tools} demo --keep"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_that_cannot_be_written_is_told_before_the_run_and_an_earlier_page_stays() {
        let folder = tempfile::tempdir().expect("a folder");
        let nowhere = folder.path().join("none").join("page.html");
        let refused = page_file(&nowhere).expect_err("no such folder");
        assert!(refused.to_string().contains("page.html"), "{refused}");
        assert!(page_file(folder.path()).is_err(), "a folder is no file");
        let page = folder.path().join("page.html");
        std::fs::write(&page, "earlier").expect("written");
        page_file(&page).expect("a file");
        assert_eq!(std::fs::read_to_string(&page).expect("read"), "earlier");
    }
}
