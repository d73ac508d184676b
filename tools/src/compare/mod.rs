//! `rutter-tools compare`: the node, `QuickFIX` and a minimal acceptor, each as a FIX acceptor
//! under the same minimal load client, in alternating slices of one run.
//!
//! A line belongs here if it decides which lanes are compared, in which order, and how the result
//! is printed. The client is `bare`, the minimal acceptor `raw`, `QuickFIX` `peer`, the minimal
//! venue `venue`. The thread that `raw` and `venue` share is `acceptor`.
//!
//! Every lane gets the same bytes from the client. A Logon resets both sequence numbers. After a
//! warm-up, orders are sent with a window (which gives orders a second), then one at a time (which
//! gives the round trip), then a Logout. Processes that are not measured are stopped (SIGSTOP). A
//! ratio compares two lanes of the same round, so that a disturbance of the machine hits both.
//!
//! The work for one order, by lane:
//!
//! - `floor`: framing by `BodyLength` (9), and a prebuilt answer.
//! - `quickfix_*`: `QuickFIX`'s session, its store, and a report made in the callback.
//! - `node_refused`: the session, its persistent store, input ring, journal, core with all checks
//!   up to the price collar, output ring, report.
//! - `node_filled`: all that, then routing, a child order to a venue over a FIX session of its own,
//!   the venue's two reports, and two reports to the client. The venue is a thread of this tool
//!   that answers each order with two reports.
//! - `node_filled_sim`: the same with the simulated Binance, which decodes, checks, matches, books
//!   and publishes its feed. It spends more time on an order than the node does.

pub mod acceptor;
pub mod bare;
pub mod peer;
pub mod raw;
pub mod venue;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context;
use rustix::process::{Pid, Signal, kill_process};
use rutter_program::progress::{self, Progress};
use rutter_sim::Venue;
use serde::Serialize;

use crate::harness::{
    Durability, Flowing, Node, NodeSettings, READY_DEFAULT, Venues, VenuesConfig, free_address,
    node_program, stages, write_node_config,
};
use crate::interrupt;
use crate::quantiles::{Latencies, Quantiles, Ratio, duration_text, spread};
use acceptor::Acceptor;
use bare::{Answer, Bare, BareConfig, Waiting};
use peer::{Loop, Peer, PeerSettings};

const END_PATIENCE: Duration = Duration::from_secs(20);
/// Orders are sent and not recorded for this long before each slice.
const WARM: Duration = Duration::from_millis(50);

/// An order far above every offer, which the node's price collar refuses.
pub(crate) const BEYOND_COLLAR: &str = "21=1|55=BTC/USDT|54=1|38=0.001|40=2|44=90000|59=3|";
/// An order that one quote fills. Every second one is a sale, so that no balance runs out.
pub(crate) const MARKET_ORDER: &str = "21=1|55=BTC/USDT|54=1|38=0.001|40=1|59=3|";

/// `rutter-tools compare`
#[derive(Clone, Debug, clap::Args)]
pub struct Arguments {
    /// Number of rounds; each has a turn of every lane.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=1_000))]
    pub rounds: u64,
    /// Length of a slice in milliseconds; a lane's turn has two.
    #[arg(long, default_value_t = 300, value_parser = clap::value_parser!(u64).range(50..=5_000))]
    pub slice_ms: u64,
    /// Most unanswered orders when pipelined.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    pub window: u64,
    /// How the client waits for a single order's answer.
    #[arg(long, value_enum, default_value = "spin")]
    pub waiting: Waiting,
    /// Only lanes whose names contain one of these texts.
    #[arg(long, value_delimiter = ',')]
    pub lanes: Vec<String>,
    /// The program built from `benches/quickfix_acceptor.cpp`; without it its lanes are left out.
    #[arg(long)]
    pub quickfix: Option<PathBuf>,
    /// The acceptor that `QuickFIX` runs.
    #[arg(long, value_enum, default_value = "threads")]
    pub quickfix_loop: Loop,
    /// Node and `QuickFIX` validate every message with this dictionary (the node with its own copy
    /// of `docs/fix/FIX44.xml`).
    #[arg(long)]
    pub dictionary: Option<PathBuf>,
    /// The node syncs its journal before it sends anything (`durability = "disk"`).
    #[arg(long)]
    pub disk: bool,
    /// How the node's threads wait: auto, pinned or shared.
    #[arg(long, default_value = "auto")]
    pub profile: String,
    /// The node's layout: auto, threads or fused.
    #[arg(long, default_value = "auto")]
    pub layout: String,
    /// Print only JSON lines.
    #[arg(long)]
    pub json: bool,
    /// Also print the node's latencies by stage.
    #[arg(long)]
    pub verbose: bool,
    /// Progress.
    #[command(flatten)]
    pub progress: progress::Choice,
}

/// One acceptor, and how it is measured.
#[derive(Debug)]
struct Lane {
    name: &'static str,
    config: BareConfig,
    /// The process to stop while other lanes are measured.
    process: Option<Pid>,
}

/// Results of a lane, round by round.
#[derive(Debug, Default)]
struct Total {
    rates: Vec<f64>,
    medians: Vec<f64>,
    round_trips: Latencies,
    orders: u64,
}

/// The printed result of a lane.
#[derive(Debug, Serialize)]
struct LaneLine {
    lane: &'static str,
    orders: u64,
    orders_per_s: Ratio,
    round_trip_p50_ns: Ratio,
    round_trip_ns: Quantiles,
}

/// The printed ratio of two lanes.
#[derive(Debug, Serialize)]
struct RatioLine {
    ratio: String,
    orders_per_s: Ratio,
    round_trip: Ratio,
}

/// All that runs during a comparison.
#[derive(Debug, Default)]
struct Field {
    lanes: Vec<Lane>,
    raw: Option<Acceptor>,
    peers: Vec<Peer>,
    nodes: Vec<(Node, Venues)>,
    venue: Option<Acceptor>,
}

/// Runs the comparison.
///
/// # Errors
/// A part could not be started, or an acceptor gives another answer than its lane measures.
pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let folder = tempfile::Builder::new().prefix("rutter-compare-").tempdir()?;
    let stop = interrupt::flag()?;
    let mut field = Field::default();
    field.start_floor(arguments)?;
    field.start_quickfix(arguments, folder.path())?;
    let bare = [("node_refused", Answer::Refused), ("node_filled", Answer::Filled)];
    if bare.iter().any(|(name, _)| wanted(arguments, name)) {
        let venue = venue::start().context("bare venue")?;
        let orders = Some(venue.address());
        field.venue = Some(venue);
        field.start_node(arguments, &bare, orders, &folder.path().join("node"), &stop)?;
    }
    let simulated = [("node_filled_sim", Answer::Filled)];
    if wanted(arguments, simulated[0].0) {
        field.start_node(arguments, &simulated, None, &folder.path().join("node-sim"), &stop)?;
    }
    let mut totals: BTreeMap<&'static str, Total> = BTreeMap::new();
    let mut number = 0;
    let mut progress = Progress::new("turns", arguments.progress);
    let lanes = field.lanes.len() as u64;
    for round in 0..arguments.rounds {
        for (lane, done) in field.lanes.iter().zip(round * lanes..) {
            progress.show(done, arguments.rounds * lanes);
            if stop.load(Ordering::Relaxed) {
                anyhow::bail!("interrupted");
            }
            let total = totals.entry(lane.name).or_default();
            turn(lane, arguments, &mut number, total)
                .with_context(|| format!("lane {}", lane.name))?;
        }
    }
    drop(progress);
    let lines: Vec<LaneLine> = field.lanes.iter().map(|lane| line(lane, &totals)).collect();
    let ratios = ratios(&totals);
    if !arguments.json {
        print_table(arguments, &lines, &ratios);
    }
    for line in &lines {
        println!("{}", serde_json::to_string(line)?);
    }
    for ratio in &ratios {
        println!("{}", serde_json::to_string(ratio)?);
    }
    field.end(arguments)
}

fn wanted(arguments: &Arguments, name: &str) -> bool {
    arguments.lanes.is_empty() || arguments.lanes.iter().any(|part| name.contains(part.as_str()))
}

fn bare_config(address: SocketAddr, answer: Answer) -> BareConfig {
    let order = match answer {
        Answer::Refused => BEYOND_COLLAR,
        Answer::Filled => MARKET_ORDER,
    };
    let (sender, password) = ("DESK1".to_owned(), "password-1".to_owned());
    BareConfig { address, sender, password, order, answer }
}

impl Field {
    fn start_floor(&mut self, arguments: &Arguments) -> anyhow::Result<()> {
        if wanted(arguments, "floor") {
            let raw = raw::start().context("floor")?;
            let config = bare_config(raw.address(), Answer::Refused);
            self.lanes.push(Lane { name: "floor", config, process: None });
            self.raw = Some(raw);
        }
        Ok(())
    }

    fn start_quickfix(&mut self, arguments: &Arguments, dir: &Path) -> anyhow::Result<()> {
        let Some(program) = arguments.quickfix.clone().or_else(peer::program) else {
            eprintln!(
                "notice: no quickfix_acceptor (make compare builds it): its lanes are left out"
            );
            return Ok(());
        };
        let dictionary = arguments.dictionary.as_deref();
        let (refuse, fill) = (dir.join("quickfix-refused"), dir.join("quickfix-filled"));
        for (name, store, answer) in [
            ("quickfix_memory", None, Answer::Refused),
            ("quickfix_file", Some(&refuse), Answer::Refused),
            ("quickfix_filled", None, Answer::Filled),
            ("quickfix_filled_file", Some(&fill), Answer::Filled),
        ] {
            if !wanted(arguments, name) {
                continue;
            }
            let peer = Peer::start(&PeerSettings {
                program: &program,
                store: store.map(PathBuf::as_path),
                answer,
                shape: arguments.quickfix_loop,
                dictionary,
            })?;
            pause(peer.pid(), true)?;
            let (config, process) = (bare_config(peer.address(), answer), Some(peer.pid()));
            self.lanes.push(Lane { name, config, process });
            self.peers.push(peer);
        }
        Ok(())
    }

    fn start_node(
        &mut self,
        arguments: &Arguments,
        lanes: &[(&'static str, Answer)],
        orders: Option<SocketAddr>,
        dir: &Path,
        stop: &AtomicBool,
    ) -> anyhow::Result<()> {
        let still = VenuesConfig { flowing: Flowing::Still, ..VenuesConfig::default() };
        let venues = Venues::start(&still, dir)?;
        let mut settings = NodeSettings::new(free_address()?);
        settings.venues = vec![Venue::Binance];
        settings.orders_elsewhere = orders.map(|address| (Venue::Binance, address));
        settings.wait_profile.clone_from(&arguments.profile);
        settings.layout.clone_from(&arguments.layout);
        settings.validate_messages = arguments.dictionary.is_some();
        if arguments.disk {
            settings.durability = Durability::Disk;
        }
        // No update arrives while another lane has its turn.
        settings.stale_after_ms = 3_600_000;
        let config = write_node_config(dir, &venues, &settings)?;
        let mut node = Node::start(&node_program()?, &config, dir)?;
        node.wait_ready_unless(READY_DEFAULT, stop)?;
        node.pause(true)?;
        let process = Pid::from_raw(node.pid().cast_signed());
        for (name, answer) in lanes.iter().copied() {
            if wanted(arguments, name) {
                let config = bare_config(settings.listen, answer);
                self.lanes.push(Lane { name, config, process });
            }
        }
        self.nodes.push((node, venues));
        Ok(())
    }

    fn end(self, arguments: &Arguments) -> anyhow::Result<()> {
        if let Some(raw) = self.raw {
            raw.stop().context("floor")?;
        }
        drop(self.peers);
        for (mut node, venues) in self.nodes {
            node.pause(false)?;
            if arguments.verbose {
                print_stages(&stages(&node.status()?));
            }
            node.terminate(END_PATIENCE)?;
            venues.stop()?;
        }
        if let Some(venue) = self.venue {
            venue.stop().context("bare venue")?;
        }
        Ok(())
    }
}

fn pause(process: Pid, paused: bool) -> anyhow::Result<()> {
    let signal = if paused { Signal::STOP } else { Signal::CONT };
    kill_process(process, signal).context("stop or continue a process")
}

/// One lane's turn in a round.
fn turn(
    lane: &Lane,
    arguments: &Arguments,
    number: &mut u64,
    total: &mut Total,
) -> anyhow::Result<()> {
    if let Some(process) = lane.process {
        pause(process, false)?;
    }
    let slice = Duration::from_millis(arguments.slice_ms);
    let mut bare = Bare::log_on(&lane.config)?;
    bare.round_trips(arguments.waiting, WARM, number)?;
    bare.pipelined(arguments.window, WARM, number)?;
    let flow = bare.pipelined(arguments.window, slice, number)?;
    let trips = bare.round_trips(arguments.waiting, slice, number)?;
    bare.log_out()?;
    if let Some(process) = lane.process {
        pause(process, true)?;
    }
    total.orders += flow.orders + trips.quantiles().count;
    total.rates.push(flow.rate());
    total.medians.push(trips.quantiles().p50 as f64);
    total.round_trips.add(&trips);
    Ok(())
}

fn line(lane: &Lane, totals: &BTreeMap<&'static str, Total>) -> LaneLine {
    let none = Total::default();
    let total = totals.get(lane.name).unwrap_or(&none);
    LaneLine {
        lane: lane.name,
        orders: total.orders,
        orders_per_s: spread(total.rates.clone()),
        round_trip_p50_ns: spread(total.medians.clone()),
        round_trip_ns: total.round_trips.quantiles(),
    }
}

/// The pairs that are printed if both lanes have run.
const PAIRS: &[(&str, &str)] = &[
    ("node_refused", "quickfix_memory"),
    ("node_refused", "quickfix_file"),
    ("node_refused", "floor"),
    ("node_filled", "quickfix_filled"),
    ("node_filled", "quickfix_filled_file"),
    ("node_filled", "quickfix_memory"),
    ("node_filled_sim", "quickfix_filled"),
    ("quickfix_memory", "floor"),
];

fn ratios(totals: &BTreeMap<&'static str, Total>) -> Vec<RatioLine> {
    let over = |a: &[f64], b: &[f64]| spread(a.iter().zip(b).map(|(a, b)| a / b).collect());
    let both = PAIRS.iter().filter_map(|(a, b)| Some((a, b, totals.get(a)?, totals.get(b)?)));
    let line = |(a, b, ours, theirs): (&&str, &&str, &Total, &Total)| RatioLine {
        ratio: format!("{a} / {b}"),
        orders_per_s: over(&ours.rates, &theirs.rates),
        round_trip: over(&ours.medians, &theirs.medians),
    };
    both.map(line).collect()
}

fn print_table(arguments: &Arguments, lines: &[LaneLine], ratios: &[RatioLine]) {
    println!(
        "{} rounds, slices of {} ms, window {}, a client that {}, {}\n",
        arguments.rounds,
        arguments.slice_ms,
        arguments.window,
        if arguments.waiting == Waiting::Spin { "spins" } else { "sleeps" },
        if arguments.dictionary.is_some() {
            "validated with a dictionary"
        } else {
            "no dictionary"
        }
    );
    println!(
        "{:<22}{:>11}{:>24}{:>12}{:>12}{:>12}",
        "", "orders/s", "(quartiles)", "trip p50", "p99", "p99.9"
    );
    for line in lines {
        let rate = line.orders_per_s;
        let quartiles = format!("({:.0} to {:.0})", rate.lower_quartile, rate.upper_quartile);
        let trip = line.round_trip_ns;
        let [p50, p99, p999] =
            [line.round_trip_p50_ns.median as u64, trip.p99, trip.p999].map(duration_text);
        println!(
            "{:<22}{:>11.0}{quartiles:>24}{p50:>12}{p99:>12}{p999:>12}",
            line.lane, rate.median
        );
    }
    println!("\nmedians of the same round (quartiles):");
    println!("{:<40}{:>24}{:>28}", "", "orders/s", "round trip");
    for line in ratios {
        let text = |ratio: &Ratio| {
            let Ratio { median, lower_quartile, upper_quartile, .. } = ratio;
            format!("{median:.2} ({lower_quartile:.2} to {upper_quartile:.2})")
        };
        let (rate, trip) = (text(&line.orders_per_s), text(&line.round_trip));
        println!("{:<40}{rate:>24}{trip:>28}", line.ratio);
    }
    println!();
}

fn print_stages(stages: &BTreeMap<String, Quantiles>) {
    println!("inside the node:");
    for (stage, row) in stages {
        let [p50, p99, max] = [row.p50, row.p99, row.max].map(duration_text);
        println!("{stage:<26}{p50:>11}{p99:>11}{max:>11}");
    }
}

#[cfg(test)]
mod tests {
    use super::bare::BareError;
    use super::*;

    #[test]
    fn the_floor_answers_every_order_pipelined_and_one_at_a_time() {
        let raw = raw::start().expect("floor");
        let config = bare_config(raw.address(), Answer::Refused);
        let mut number = 0;
        let mut bare = Bare::log_on(&config).expect("logged on");
        let short = Duration::from_millis(20);
        let flow = bare.pipelined(100, short, &mut number).expect("answered");
        let trips = bare.round_trips(Waiting::Sleep, short, &mut number).expect("answered");
        assert_eq!(bare.open(), 0);
        assert_eq!(flow.orders + trips.quantiles().count, number);
        bare.log_out().expect("answered");
        raw.stop().expect("stopped");
    }

    #[test]
    fn a_lane_that_is_answered_otherwise_than_it_demands_fails() {
        let raw = raw::start().expect("floor");
        let mut bare =
            Bare::log_on(&bare_config(raw.address(), Answer::Filled)).expect("logged on");
        let result = bare.round_trip(&mut 0);
        assert!(matches!(result, Err(BareError::Unexpected(_))), "{result:?}");
        drop(bare);
        raw.stop().expect("stopped");
    }

    #[test]
    fn the_bare_venue_fills_each_order_whole_at_its_price() {
        use rutter_fix::codec::{FieldIndex, Message, Status, decode};
        use std::io::{Read, Write};

        let venue = venue::start().expect("venue");
        let mut stream = std::net::TcpStream::connect(venue.address()).expect("connected");
        let mut index = FieldIndex::new();
        let mut input = Vec::new();
        let mut ask = |kind: &[u8], fields: &str, answers: usize| {
            let mut out = Vec::new();
            let mut order = rutter_fix::codec::Encoder::begin(&mut out, b"FIX.4.4", kind);
            order.raw(fields.replace('|', "\x01").as_bytes());
            order.finish().expect("short");
            stream.write_all(&out).expect("sent");
            let mut said = Vec::new();
            while said.len() < answers {
                match decode(&input, &mut index).expect("no garbage") {
                    Status::Complete { consumed } => {
                        said.push(Message::new(&input[..consumed], &index).to_string());
                        input.drain(..consumed);
                    }
                    Status::Incomplete => {
                        let mut chunk = [0; 4096];
                        let count = stream.read(&mut chunk).expect("an answer");
                        assert_ne!(count, 0, "closed");
                        input.extend_from_slice(&chunk[..count]);
                    }
                }
            }
            said
        };
        ask(b"A", "34=1|49=RUTTER1|56=SPOT|98=0|108=30|", 1);
        let reports = ask(b"D", "34=2|49=RUTTER1|56=SPOT|11=x-1|38=0.5|40=1|54=2|55=BTCUSDT|", 2);
        assert!(reports[0].contains("|150=0|39=0|14=0|151=0.5|"), "{}", reports[0]);
        let fill = "|150=F|39=2|32=0.5|31=59999.00000000|14=0.5|151=0|1003=1|1057=Y|";
        assert!(reports[1].contains(fill), "{}", reports[1]);
        drop(stream);
        venue.stop().expect("stopped");
    }
}
