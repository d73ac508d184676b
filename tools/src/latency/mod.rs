//! `rutter-tools latency`: the real node between a FIX client and a simulated Binance, compared
//! with relays of raw bytes over the same hops, in alternating slices of one run.
//!
//! A line belongs here if it measures or prints. The relays are `floor`.
//!
//! Two times are measured for each order: from its intended time to the venue's socket
//! (`to_venue`), and to the client's execution report (`round_trip`). The venue's time is read when
//! its poll returns, before the venue handles the order. The node's `round_trip` includes the
//! venue's work (decode, match, render) and the client's decoding of the report; a floor's echo has
//! neither. `to_venue` includes neither. Each round runs every lane once. A ratio divides the
//! node's median of one round by the floor's median of the same round, so that a disturbance of the
//! machine hits both.

pub mod floor;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context;
use rutter_fix::tags;
use rutter_program::progress::{self, Progress};
use rutter_sim::Venue;
use rutter_sim::market::MARKETS;
use rutter_transport::wait::{Profile, processors};
use serde::Serialize;

use crate::client::{ClientConfig, ClientPoll, FixClient, Order, Side, Tif, Told};
use crate::clock::unix_ns;
use crate::harness::{
    Flowing, Node, NodeSettings, READY_DEFAULT, Venues, VenuesConfig, free_address, node_program,
    stages, write_node_config,
};
use crate::interrupt;
use crate::quantiles::{Latencies, Quantiles, Ratio, duration_text, spread};
use floor::{FRAME_BYTES, Floor, Frames, Shape};

const MS_NS: u64 = 1_000_000;
const SECOND_NS: u64 = 1_000 * MS_NS;
/// Orders are sent and not recorded for this long before each slice.
const WARM_NS: u64 = 50 * MS_NS;
/// Longest wait for answers after a slice.
const ANSWERS_NS_MAX: u64 = 2 * SECOND_NS;
/// A sleep may end this much late, so closer to its next order the sender yields instead.
const SLEEP_SLACK_NS: u64 = 1_500_000;
/// Quantity of each order, 10^-8.
const QTY_E8: i64 = 100_000;
const LOGON_PATIENCE: Duration = Duration::from_secs(10);
const END_PATIENCE: Duration = Duration::from_secs(20);
/// Threads that spin in a measured layout: gateway, core, sender.
const SPINNING: usize = 3;

/// `rutter-tools latency`
#[derive(Clone, Debug, clap::Args)]
pub struct Arguments {
    /// Orders (or frames) a second.
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u64).range(10..=50_000))]
    pub rate: u64,
    /// Length of the run in seconds; four lanes share it.
    #[arg(long, default_value_t = 12, value_parser = clap::value_parser!(u64).range(2..=3_600))]
    pub seconds: u64,
    /// Length of a slice in milliseconds.
    #[arg(long, default_value_t = 300, value_parser = clap::value_parser!(u64).range(200..=500))]
    pub slice_ms: u64,
    /// How the threads of the node and of `floor_rings` wait: auto, pinned or shared.
    #[arg(long, default_value = "auto")]
    pub profile: String,
    /// The node's layout: auto, threads or fused.
    #[arg(long, default_value = "auto")]
    pub layout: String,
    /// Print one JSON object instead of a table.
    #[arg(long)]
    pub json: bool,
    /// Progress.
    #[command(flatten)]
    pub progress: progress::Choice,
}

/// One lane (the node or a floor) over the whole run.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Lane {
    /// From the intended time to the answer.
    pub round_trip_ns: Quantiles,
    /// From the intended time to the venue's socket.
    pub to_venue_ns: Quantiles,
    /// Orders or frames sent.
    pub sent: u64,
    /// Orders or frames without an answer in time.
    pub unanswered: u64,
}

/// The result of a run.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Summary {
    /// Orders a second in a slice.
    pub rate: u64,
    /// Rounds; each has one slice of every lane.
    pub rounds: u64,
    /// Length of a slice in milliseconds.
    pub slice_ms: u64,
    /// How the threads waited.
    pub profile: String,
    /// Processors that this process may use.
    pub processors: usize,
    /// Results of `node` and of each floor.
    pub lanes: BTreeMap<&'static str, Lane>,
    /// Time in each stage inside the node, such as `order.decode`.
    pub stages_ns: BTreeMap<String, Quantiles>,
    /// `round_trip` and `to_venue` by floor.
    pub ratios: BTreeMap<&'static str, BTreeMap<&'static str, Ratio>>,
}

/// A lane under measurement: orders or frames go out, answers come in.
trait Track {
    fn send(&mut self, now_ns: u64, number: u64) -> anyhow::Result<()>;
    /// Passes on the number of each answer, and the time at the venue's socket if the answer has
    /// it.
    fn receive(&mut self, see: &mut dyn FnMut(u64, Option<u64>)) -> anyhow::Result<()>;
    /// Sleeps until an answer may have arrived, at most until `until_ns`.
    fn wait(&mut self, until_ns: u64) -> anyhow::Result<()>;
}

/// Latencies of one slice.
#[derive(Default)]
struct Slice {
    round_trip: Latencies,
    to_venue: Latencies,
    /// Intended times by number, from `first`.
    due: Vec<u64>,
    first: u64,
    answered: u64,
}

impl Slice {
    fn due(&self, number: u64) -> Option<u64> {
        self.due.get(usize::try_from(number.checked_sub(self.first)?).ok()?).copied()
    }
}

/// Sends `rate` orders a second for `length_ns`, then waits for the answers. Numbers start at
/// `first`.
fn slice(track: &mut dyn Track, first: u64, rate: u64, length_ns: u64) -> anyhow::Result<Slice> {
    let mut slice = Slice { first, ..Slice::default() };
    let start_ns = unix_ns() + MS_NS;
    let total = (length_ns * rate / SECOND_NS).max(1);
    let end_ns = start_ns + length_ns + ANSWERS_NS_MAX;
    while slice.answered < total && unix_ns() < end_ns {
        let sent = slice.due.len() as u64;
        let due_ns = if sent < total { start_ns + sent * SECOND_NS / rate } else { end_ns };
        let now_ns = unix_ns();
        if sent < total && due_ns <= now_ns {
            slice.due.push(due_ns);
            track.send(now_ns, first + sent)?;
            continue;
        }
        track.receive(&mut |number, venue_ns| {
            let Some(due_ns) = slice.due(number) else { return };
            slice.answered += 1;
            slice.round_trip.record(unix_ns().saturating_sub(due_ns));
            if let Some(venue_ns) = venue_ns {
                slice.to_venue.record(venue_ns.saturating_sub(due_ns));
            }
        })?;
        if due_ns.saturating_sub(unix_ns()) > SLEEP_SLACK_NS {
            track.wait(due_ns - SLEEP_SLACK_NS)?;
        } else {
            std::thread::yield_now();
        }
    }
    Ok(slice)
}

/// The node. Each order is a market order that one quote fills whole.
struct NodeTrack {
    client: FixClient,
    poll: ClientPoll,
}

impl Track for NodeTrack {
    fn send(&mut self, now_ns: u64, number: u64) -> anyhow::Result<()> {
        let side = if number.is_multiple_of(2) { Side::Buy } else { Side::Sell };
        let cl_ord_id = format!("n{number}");
        let symbol = MARKETS[0].symbol;
        let (qty_e8, limit_e8, tif) = (QTY_E8, None, Tif::Ioc);
        let order = Order { cl_ord_id: &cl_ord_id, symbol, side, qty_e8, limit_e8, tif };
        Ok(self.client.new_order(now_ns, &order)?)
    }

    fn receive(&mut self, see: &mut dyn FnMut(u64, Option<u64>)) -> anyhow::Result<()> {
        let mut gone = None;
        self.client.turn(unix_ns(), &mut |told| match told {
            Told::App(message, _) if message.get(tags::ORD_STATUS) == Some(b"2") => {
                let id = message.get(tags::CL_ORD_ID).and_then(|id| id.strip_prefix(b"n"));
                let number = id.and_then(|id| core::str::from_utf8(id).ok()?.parse().ok());
                if let Some(number) = number {
                    see(number, None);
                }
            }
            Told::Disconnected(why) => gone = Some(why),
            _ => {}
        })?;
        match gone {
            None => Ok(()),
            Some(why) => anyhow::bail!("the node has disconnected: {why}"),
        }
    }

    fn wait(&mut self, until_ns: u64) -> anyhow::Result<()> {
        Ok(self.poll.wait(until_ns)?)
    }
}

/// A relay of raw bytes.
struct FloorTrack {
    frames: Frames<mio::net::TcpStream>,
    poll: ClientPoll,
}

impl FloorTrack {
    fn new(floor: &Floor) -> anyhow::Result<Self> {
        let poll = ClientPoll::new()?;
        let mut stream = mio::net::TcpStream::from_std(floor.stream().try_clone()?);
        poll.registry().register(&mut stream, mio::Token(0), mio::Interest::READABLE)?;
        Ok(Self { frames: Frames::new(stream), poll })
    }
}

impl Track for FloorTrack {
    fn send(&mut self, _now_ns: u64, number: u64) -> anyhow::Result<()> {
        let mut frame = [0; FRAME_BYTES];
        frame[..8].copy_from_slice(&number.to_le_bytes());
        Ok(self.frames.write(&frame)?)
    }

    fn receive(&mut self, see: &mut dyn FnMut(u64, Option<u64>)) -> anyhow::Result<()> {
        let word = |frame: &[u8], from: usize| {
            let mut bytes = [0; 8];
            bytes.copy_from_slice(&frame[from..from + 8]);
            u64::from_le_bytes(bytes)
        };
        self.frames.read(|frame| see(word(frame, 0), Some(word(frame, 8))))?;
        Ok(())
    }

    fn wait(&mut self, until_ns: u64) -> anyhow::Result<()> {
        Ok(self.poll.wait(until_ns)?)
    }
}

/// All slices of one lane.
#[derive(Default)]
struct Total {
    round_trip: Latencies,
    to_venue: Latencies,
    sent: u64,
    answered: u64,
    /// Medians of each round: `round_trip`, `to_venue`.
    medians: Vec<(u64, u64)>,
}

impl Total {
    fn add(&mut self, slice: &Slice) {
        self.round_trip.add(&slice.round_trip);
        self.to_venue.add(&slice.to_venue);
        self.sent += slice.due.len() as u64;
        self.answered += slice.answered;
        let medians = (slice.round_trip.quantiles().p50, slice.to_venue.quantiles().p50);
        self.medians.push(medians);
    }

    fn lane(&self) -> Lane {
        Lane {
            round_trip_ns: self.round_trip.quantiles(),
            to_venue_ns: self.to_venue.quantiles(),
            sent: self.sent,
            unanswered: self.sent - self.answered,
        }
    }
}

/// Runs the measurement.
///
/// # Errors
/// A part could not be started, or the node disconnects.
pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let folder = tempfile::Builder::new().prefix("rutter-latency-").tempdir()?;
    let stop = interrupt::flag()?;
    let summary = measure(arguments, folder.path(), &stop)?;
    if arguments.json {
        println!("{}", serde_json::to_string(&summary)?);
    } else {
        print_table(&summary);
    }
    Ok(())
}

fn start_node(
    arguments: &Arguments,
    venues: &Venues,
    dir: &Path,
    stop: &AtomicBool,
) -> anyhow::Result<(Node, NodeTrack)> {
    let mut settings = NodeSettings::new(free_address()?);
    settings.venues = vec![Venue::Binance];
    settings.wait_profile.clone_from(&arguments.profile);
    settings.layout.clone_from(&arguments.layout);
    // Nothing moves at the venue while a floor has its slice.
    settings.stale_after_ms = 3_600_000;
    let config = write_node_config(dir, venues, &settings)?;
    let mut node = Node::start(&node_program()?, &config, dir)?;
    node.wait_ready_unless(READY_DEFAULT, stop)?;
    let session = &settings.sessions[0];
    let config = ClientConfig::new(settings.listen, &session.comp_id, &session.password);
    let mut client = FixClient::connect(&config)?;
    client.wait_logon(LOGON_PATIENCE)?;
    let poll = ClientPoll::new()?;
    client.register(poll.registry(), mio::Token(0))?;
    Ok((node, NodeTrack { client, poll }))
}

fn measure(arguments: &Arguments, dir: &Path, stop: &AtomicBool) -> anyhow::Result<Summary> {
    let profile = Profile::from_name(&arguments.profile, SPINNING)?;
    let config = VenuesConfig { flowing: Flowing::Still, ..VenuesConfig::default() };
    let mut venues = Venues::start(&config, dir)?;
    let (mut node, mut track) = start_node(arguments, &venues, dir, stop)?;
    let slice_ns = arguments.slice_ms * MS_NS;
    let lane_ns = slice_ns + WARM_NS;
    let rounds = (arguments.seconds * SECOND_NS / (4 * lane_ns)).max(1);
    let mut totals = BTreeMap::from([("node", Total::default())]);
    let mut number = 0;
    let mut done = 0;
    let mut progress = Progress::new("rounds", arguments.progress);
    while done < rounds && !stop.load(Ordering::Relaxed) {
        progress.show(done, rounds);
        done += 1;
        number += slice(&mut track, number, arguments.rate, WARM_NS)?.due.len() as u64;
        venues.take_timed_fills(Venue::Binance);
        let mut one = slice(&mut track, number, arguments.rate, slice_ns)?;
        number += one.due.len() as u64;
        // One quote fills each order whole and no hop reorders, so the n-th execution belongs to
        // the n-th order.
        let fills = venues.take_timed_fills(Venue::Binance);
        anyhow::ensure!(fills.len() == one.due.len(), "an order was not filled by one execution");
        for ((_, venue_ns), due_ns) in fills.iter().zip(&one.due) {
            one.to_venue.record(venue_ns.saturating_sub(*due_ns));
        }
        totals.entry("node").or_default().add(&one);
        // A spinning node would take a processor from the floors.
        node.pause(true)?;
        for shape in Shape::ALL {
            let floor = Floor::start(shape, profile).context("floor")?;
            let mut track = FloorTrack::new(&floor)?;
            let warm = slice(&mut track, 0, arguments.rate, WARM_NS)?.due.len() as u64;
            let one = slice(&mut track, warm, arguments.rate, slice_ns)?;
            drop(track);
            floor.stop().context("floor")?;
            totals.entry(shape.name()).or_default().add(&one);
        }
        node.pause(false)?;
    }
    let stages_ns = stages(&node.status()?);
    track.client.logout(unix_ns())?;
    node.terminate(END_PATIENCE)?;
    venues.stop()?;
    Ok(Summary {
        rate: arguments.rate,
        rounds: done,
        slice_ms: arguments.slice_ms,
        profile: format!("{profile:?}").to_lowercase(),
        processors: processors(),
        stages_ns,
        ratios: ratios(&totals),
        lanes: totals.iter().map(|(name, total)| (*name, total.lane())).collect(),
    })
}

fn ratios(
    totals: &BTreeMap<&'static str, Total>,
) -> BTreeMap<&'static str, BTreeMap<&'static str, Ratio>> {
    let Some(node) = totals.get("node") else { return BTreeMap::new() };
    let of = |pick: fn(&(u64, u64)) -> u64| {
        let floors = totals.iter().filter(|(name, _)| **name != "node");
        let ratio = |(name, floor): (&&'static str, &Total)| {
            let rounds = node.medians.iter().zip(&floor.medians);
            let ratios = rounds.map(|(node, floor)| pick(node) as f64 / pick(floor).max(1) as f64);
            (*name, spread(ratios.collect()))
        };
        floors.map(ratio).collect()
    };
    BTreeMap::from([("round_trip", of(|m| m.0)), ("to_venue", of(|m| m.1))])
}

fn print_table(summary: &Summary) {
    println!(
        "{} orders/s in slices of {} ms, {} rounds, threads {}, {} processors\n",
        summary.rate, summary.slice_ms, summary.rounds, summary.profile, summary.processors
    );
    println!("{:<26}{:>11}{:>11}{:>11}{:>11}", "", "p50", "p99", "p99.9", "max");
    for (name, lane) in &summary.lanes {
        for (what, row) in [("round trip", lane.round_trip_ns), ("to venue", lane.to_venue_ns)] {
            let [p50, p99, p999, max] = [row.p50, row.p99, row.p999, row.max].map(duration_text);
            println!("{:<26}{p50:>11}{p99:>11}{p999:>11}{max:>11}", format!("{name} {what}"));
        }
    }
    println!("\ninside the node:");
    for (stage, row) in &summary.stages_ns {
        let [p50, p99, p999, max] = [row.p50, row.p99, row.p999, row.max].map(duration_text);
        println!("{stage:<26}{p50:>11}{p99:>11}{p999:>11}{max:>11}");
    }
    println!("\nnode over floor, medians of the same round (quartiles):");
    for (what, floors) in &summary.ratios {
        for (floor, ratio) in floors {
            println!(
                "{:<32}{:>7.2}  ({:.2} to {:.2})",
                format!("{what} / {floor}"),
                ratio.median,
                ratio.lower_quartile,
                ratio.upper_quartile
            );
        }
    }
}
