//! `rutter-tools crowd`: how much many sessions on the node's one gateway thread slow each other
//! down.
//!
//! A line belongs here if it loads the node with more than one session, or measures the effect.
//!
//! - `idle`: the round trip of one session, alone and beside many sessions that are logged on and
//!   silent.
//! - `flood`: the round trips of many sessions at a low rate, without and with one more session
//!   that keeps a window of unanswered orders at all times.
//! - `watched`: the round trips of one session whose orders are filled, without and with ten
//!   consoles that each ask ten times a second and a scrape of the metrics every second.
//!   `watched_core` is the core's own stage in the same slices, by the node's metrics.
//!
//! The lanes alternate in slices of one run, and a ratio compares slices of one round. The core
//! refuses the orders of `idle` and `flood` at once. A latency counts from the time at which its
//! order was due. Tool and node share the machine: without a processor for each, a flood also costs
//! the others the time that the flooding client needs.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;
use rutter_program::progress::{self, Progress};
use rutter_sim::Venue;
use serde::Serialize;

use crate::clock::unix_ns;
use crate::compare::bare::{Answer, Bare, BareConfig, BareError, Waiting};
use crate::compare::{BEYOND_COLLAR, MARKET_ORDER};
use crate::harness::{
    ClientSession, Flowing, Node, NodeSettings, READY_DEFAULT, Venues, VenuesConfig, free_address,
    node_program, write_node_config,
};
use crate::quantiles::{Latencies, Quantiles, Ratio, duration_text, spread};

mod stage;
mod watchers;

use watchers::Watchers;

const SECOND_NS: u64 = 1_000_000_000;
const END_PATIENCE: Duration = Duration::from_secs(20);
/// Time between two checks whether the flood is to end.
const FLOOD_SLICE: Duration = Duration::from_millis(20);
/// First number in the flood's `ClOrdID`s, far from the numbers of the other sessions.
const FLOOD_NUMBERS: u64 = 500_000_000;

/// `rutter-tools crowd`
#[derive(Clone, Debug, clap::Args)]
pub struct Arguments {
    /// Sessions beside the measured or flooding one.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=200))]
    pub sessions: u16,
    /// Number of rounds; each has every lane once.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=1_000))]
    pub rounds: u64,
    /// Length of a slice in milliseconds.
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u64).range(50..=20_000))]
    pub slice_ms: u64,
    /// Orders a second of the many sessions together.
    #[arg(long, default_value_t = 1_000)]
    #[arg(value_parser = clap::value_parser!(u64).range(10..=20_000))]
    pub rate: u64,
    /// Unanswered orders of the flood.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    pub window: u64,
    /// How the many sessions wait for answers. Without a processor each for node, flood and
    /// sessions, a spinning session keeps the flood from running at all.
    #[arg(long, value_enum, default_value = "sleep")]
    pub waiting: Waiting,
    /// Length of a slice of `watched` as a multiple of `slice_ms`, so that its p99 has enough
    /// orders.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=100))]
    pub watched: u64,
    /// The node's layout: auto, threads or fused.
    #[arg(long, default_value = "auto")]
    pub layout: String,
    /// Progress.
    #[command(flatten)]
    pub progress: progress::Choice,
}

/// Results of a lane without and with its burden.
#[derive(Debug, Default)]
struct Pair {
    without: Latencies,
    with: Latencies,
    p50: Vec<f64>,
    p99: Vec<f64>,
}

#[derive(Debug, Serialize)]
struct PairLine {
    crowd: &'static str,
    sessions: u16,
    without_ns: Quantiles,
    with_ns: Quantiles,
    p50_ratio: Ratio,
    p99_ratio: Ratio,
}

impl Pair {
    fn add(&mut self, without: &Latencies, with: &Latencies) {
        let (a, b) = (without.quantiles(), with.quantiles());
        self.p50.push(b.p50 as f64 / a.p50.max(1) as f64);
        self.p99.push(b.p99 as f64 / a.p99.max(1) as f64);
        self.without.add(without);
        self.with.add(with);
    }

    fn line(self, crowd: &'static str, sessions: u16) -> PairLine {
        PairLine {
            crowd,
            sessions,
            without_ns: self.without.quantiles(),
            with_ns: self.with.quantiles(),
            p50_ratio: spread(self.p50),
            p99_ratio: spread(self.p99),
        }
    }
}

/// Runs all lanes and prints the results.
///
/// # Errors
/// A part could not be started, or the node does not answer.
pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let folder = tempfile::Builder::new().prefix("rutter-crowd-").tempdir()?;
    let still = VenuesConfig { flowing: Flowing::Still, ..VenuesConfig::default() };
    let venues = Venues::start(&still, folder.path())?;
    let mut settings = NodeSettings::new(free_address()?);
    settings.sessions = ClientSession::desks(usize::from(arguments.sessions) + 1);
    settings.venues = vec![Venue::Binance];
    settings.layout.clone_from(&arguments.layout);
    settings.stale_after_ms = 3_600_000;
    settings.metrics = Some(free_address()?);
    let config = write_node_config(folder.path(), &venues, &settings)?;
    let mut node = Node::start(&node_program()?, &config, folder.path())?;
    node.wait_ready(READY_DEFAULT)?;
    let configs: Vec<BareConfig> =
        settings.sessions.iter().map(|session| bare_config(settings.listen, session)).collect();
    let watchers = Watchers { folder: folder.path().to_owned(), metrics: settings.metrics };
    let (mut idle, mut flood) = (Pair::default(), Pair::default());
    let (mut watched, mut core) = (Pair::default(), Vec::new());
    let (mut number, mut flooded) = (0, FLOOD_NUMBERS);
    let mut progress = Progress::new("rounds", arguments.progress);
    for round in 0..arguments.rounds {
        progress.show(round, arguments.rounds);
        idle_round(arguments, &configs, &mut number, &mut idle).context("idle")?;
        flood_round(arguments, &configs, &mut number, &mut flooded, &mut flood).context("flood")?;
        let of_core = watched_round(arguments, &configs, &watchers, &mut number, &mut watched);
        core.push(of_core.context("watched")?);
    }
    drop(progress);
    let mut lines = vec![idle.line("idle", arguments.sessions)];
    lines.push(flood.line("flood", arguments.sessions));
    lines.push(watched.line("watched", 1));
    print_table(arguments, &lines, flooded - FLOOD_NUMBERS);
    let core = stage::CoreLine::of(&core);
    core.print();
    println!("{}", serde_json::to_string(&core)?);
    for line in &lines {
        println!("{}", serde_json::to_string(line)?);
    }
    node.terminate(END_PATIENCE)?;
    Ok(venues.stop()?)
}

fn bare_config(address: SocketAddr, session: &ClientSession) -> BareConfig {
    BareConfig {
        address,
        sender: session.comp_id.clone(),
        password: session.password.clone(),
        order: BEYOND_COLLAR,
        answer: Answer::Refused,
    }
}

fn log_on(configs: &[BareConfig]) -> Result<Vec<Bare>, BareError> {
    configs.iter().map(Bare::log_on).collect()
}

fn log_out(crowd: Vec<Bare>) -> Result<(), BareError> {
    crowd.into_iter().try_for_each(Bare::log_out)
}

/// Measures one session alone, then beside many silent sessions.
fn idle_round(
    arguments: &Arguments,
    configs: &[BareConfig],
    number: &mut u64,
    pair: &mut Pair,
) -> anyhow::Result<()> {
    let Some((one, many)) = configs.split_first() else { return Ok(()) };
    let slice = Duration::from_millis(arguments.slice_ms);
    let mut bare = Bare::log_on(one)?;
    bare.round_trips(Waiting::Spin, slice / 10, number)?;
    let without = bare.round_trips(Waiting::Spin, slice, number)?;
    let crowd = log_on(many)?;
    bare.round_trips(Waiting::Spin, slice / 10, number)?;
    let with = bare.round_trips(Waiting::Spin, slice, number)?;
    pair.add(&without, &with);
    log_out(crowd)?;
    Ok(bare.log_out()?)
}

/// Measures many sessions alone, then beside one that floods.
fn flood_round(
    arguments: &Arguments,
    configs: &[BareConfig],
    number: &mut u64,
    flooded: &mut u64,
    pair: &mut Pair,
) -> anyhow::Result<()> {
    let Some((one, many)) = configs.split_first() else { return Ok(()) };
    let mut crowd = log_on(many)?;
    for bare in &mut crowd {
        bare.set_waiting(arguments.waiting)?;
        // The first order of a session touches cold memory in the node, so it is not recorded.
        bare.round_trip(number)?;
    }
    let without = paced(arguments, &mut crowd, number)?;
    let mut bare = Bare::log_on(one)?;
    let stop = Arc::new(AtomicBool::new(false));
    let (until, window, mut at) = (Arc::clone(&stop), arguments.window, *flooded);
    let thread = std::thread::spawn(move || -> Result<u64, BareError> {
        while !until.load(Ordering::Relaxed) {
            bare.pipelined(window, FLOOD_SLICE, &mut at)?;
        }
        bare.log_out()?;
        Ok(at)
    });
    let with = paced(arguments, &mut crowd, number);
    stop.store(true, Ordering::Relaxed);
    *flooded = thread.join().map_err(|_| anyhow::anyhow!("the flood panicked"))??;
    pair.add(&without, &with?);
    for bare in &crowd {
        bare.set_waiting(Waiting::Sleep)?;
    }
    Ok(log_out(crowd)?)
}

/// Measures one session at a low rate alone, then while operators watch.
fn watched_round(
    arguments: &Arguments,
    configs: &[BareConfig],
    watchers: &Watchers,
    number: &mut u64,
    pair: &mut Pair,
) -> anyhow::Result<[f64; 2]> {
    let one = configs.first().context("a session")?;
    let one = BareConfig { order: MARKET_ORDER, answer: Answer::Filled, ..one.clone() };
    let arguments =
        Arguments { slice_ms: arguments.slice_ms * arguments.watched, ..arguments.clone() };
    let mut crowd = log_on(std::slice::from_ref(&one))?;
    for bare in &mut crowd {
        bare.set_waiting(arguments.waiting)?;
        bare.round_trip(number)?;
    }
    let before = watchers.core_stage()?;
    let without = paced(&arguments, &mut crowd, number)?;
    let between = watchers.core_stage()?;
    let looking = watchers.start();
    let with = paced(&arguments, &mut crowd, number);
    looking.stop()?;
    let after = watchers.core_stage()?;
    pair.add(&without, &with?);
    for bare in &crowd {
        bare.set_waiting(Waiting::Sleep)?;
    }
    log_out(crowd)?;
    Ok([between.since(&before).p99_ns(), after.since(&between).p99_ns()])
}

/// Sends one order after the other at the rate, each from the next session.
fn paced(
    arguments: &Arguments,
    crowd: &mut [Bare],
    number: &mut u64,
) -> Result<Latencies, BareError> {
    let mut latencies = Latencies::default();
    let total = arguments.rate * arguments.slice_ms / 1_000;
    let (start, start_ns) = (Instant::now(), unix_ns());
    for nth in 0..total {
        let due_ns = nth * SECOND_NS / arguments.rate;
        while let Some(early) = Duration::from_nanos(due_ns).checked_sub(start.elapsed())
            && !early.is_zero()
        {
            match arguments.waiting {
                Waiting::Spin => std::hint::spin_loop(),
                Waiting::Sleep => std::thread::park_timeout(early),
            }
        }
        let place = nth as usize % crowd.len().max(1);
        let Some(bare) = crowd.get_mut(place) else { break };
        bare.round_trip(number)?;
        latencies.record(unix_ns().saturating_sub(start_ns + due_ns));
    }
    Ok(latencies)
}

fn print_table(arguments: &Arguments, lines: &[PairLine], flooded: u64) {
    println!(
        "{} sessions, {} rounds of slices of {} ms, {} orders/s; the flood sent {flooded} orders\n",
        arguments.sessions, arguments.rounds, arguments.slice_ms, arguments.rate
    );
    println!(
        "{:<8}{:>12}{:>12}{:>12}{:>12}{:>22}{:>22}",
        "", "p50 without", "with", "p99 without", "with", "p50 ratio", "p99 ratio"
    );
    for line in lines {
        let (a, b) = (line.without_ns, line.with_ns);
        let [p50a, p50b, p99a, p99b] = [a.p50, b.p50, a.p99, b.p99].map(duration_text);
        let text = |ratio: &Ratio| {
            let Ratio { median, lower_quartile, upper_quartile, .. } = ratio;
            format!("{median:.2} ({lower_quartile:.2} to {upper_quartile:.2})")
        };
        let (p50, p99) = (text(&line.p50_ratio), text(&line.p99_ratio));
        println!("{:<8}{p50a:>12}{p50b:>12}{p99a:>12}{p99b:>12}{p50:>22}{p99:>22}", line.crowd);
    }
    println!();
}
