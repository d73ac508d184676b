//! `rutter-tools demo`: the simulated venues, the real node and a trading client in one run, then a
//! summary and a proof that the journal replays to the same decisions.
//!
//! A line belongs here if it concerns the run as a whole. The client is `trader`, the comparison
//! with single venues `savings`, the screen `table`.

mod savings;
mod table;
mod trader;

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rutter_sim::Venue;
use serde::Serialize;
use serde_json::Value;

use crate::client::{ClientConfig, ClientPoll, FixClient};
use crate::clock::unix_ns;
use crate::harness::{
    CONSOLE, HarnessError, Node, NodeSettings, READY_DEFAULT, VenueFill, Venues, VenuesConfig,
    free_address, node_program, stages, write_node_config,
};
use crate::interrupt;
use crate::quantiles::Quantiles;
use table::{Screen, View};
use trader::Trader;

const MS_NS: u64 = 1_000_000;
const SECOND_NS: u64 = 1_000 * MS_NS;

/// Time between two updates of status, fills and screen.
const LOOK_NS: u64 = 200 * MS_NS;
/// Longest wait for the answer to a Logon.
const LOGON_PATIENCE: Duration = Duration::from_secs(10);
/// Longest wait for open orders to end after trading.
const SETTLE_NS_MAX: u64 = 15 * SECOND_NS;
/// Trading counts as settled when nothing has arrived for this long.
const QUIET_NS: u64 = 500 * MS_NS;
/// Longest wait for the node to end.
const END_PATIENCE: Duration = Duration::from_secs(20);
/// Time between two attempts to reconnect.
const RECONNECT_NS: u64 = 200 * MS_NS;

/// `rutter-tools demo`
#[derive(Clone, Debug, clap::Args)]
pub struct Arguments {
    /// Seconds to trade for.
    #[arg(long, default_value_t = 15, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub seconds: u64,
    /// Orders a second.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=5_000))]
    pub rate: u32,
    /// Seed of prices and orders.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Print nothing but the summary, as one JSON object on one line.
    #[arg(long)]
    pub json: bool,
    /// Speak TLS to the venues.
    #[arg(long)]
    pub tls: bool,
    /// Keep the folder (journal, logs) and print its path.
    #[arg(long)]
    pub keep: bool,
}

/// The result of a run.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Summary {
    /// Seed of the run.
    pub seed: u64,
    /// Seconds of trading.
    pub seconds: f64,
    /// Orders sent.
    pub orders: u64,
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
    /// Sum of `lost_by`; must be 0.
    pub lost: u64,
    /// Orders and fills that went wrong, by kind.
    pub lost_by: LostBy,
    /// Saving against the best single venue after fees, in basis points of value; see `savings`.
    pub saved_bps: f64,
    /// Orders that the saving was computed from.
    pub saved_orders: u64,
    /// Orders that no single venue could have filled within their limit.
    pub beyond_one_venue: u64,
    /// Latencies in nanoseconds, by stage.
    pub latency_ns: BTreeMap<String, Quantiles>,
    /// Records in the journal.
    pub journal_records: u64,
    /// Whether `rutter verify` found every record intact.
    pub journal_verified: bool,
    /// Number of digests that the replay compared.
    pub digests_compared: u64,
    /// Whether the replay made the same decisions, to the bit.
    pub digest_equal: bool,
    /// Whether the run was interrupted.
    pub interrupted: bool,
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
    /// Orders whose executions do not add up to `CumQty` (14).
    pub unbalanced_orders: u64,
    /// Reports that could not be read, and messages that the node rejected.
    pub odd_reports: u64,
}

impl LostBy {
    fn total(&self) -> u64 {
        self.unanswered_orders
            + self.unsettled_orders
            + self.open_at_venues
            + self.missing_fills
            + self.invented_fills
            + self.doubled_reports
            + self.unbalanced_orders
            + self.odd_reports
    }
}

/// Runs the demo.
///
/// # Errors
/// A part could not be started or asked. A loss is no error; the exit code tells it.
pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let stop = interrupt::flag()?;
    let mut folder = tempfile::Builder::new().prefix("rutter-demo-").tempdir()?;
    if arguments.keep {
        folder.disable_cleanup(true);
        eprintln!("folder: {}", folder.path().display());
    }
    let (rutter, socket) = (node_program()?, folder.path().join(CONSOLE));
    let (rutter, socket) = (rutter.display(), socket.display());
    eprintln!("watch it: {rutter} top --socket {socket}");
    eprintln!("stop it:  {rutter} ctl --socket {socket} halt --reason drill");
    let summary = match trade(arguments, folder.path(), &stop) {
        Ok(summary) => summary,
        Err(error) if matches!(error.downcast_ref(), Some(HarnessError::Interrupted)) => {
            eprintln!("interrupted before trading began");
            return Ok(ExitCode::FAILURE);
        }
        Err(error) => return Err(error),
    };
    if arguments.json {
        println!("{}", serde_json::to_string(&summary)?);
    } else {
        table::print_summary(&summary);
    }
    let sound = summary.lost == 0 && summary.journal_verified && summary.digest_equal;
    Ok(if sound { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// One run: the processes, the client and the counts.
struct Run<'a> {
    arguments: &'a Arguments,
    stop: &'a AtomicBool,
    venues: Venues,
    node: Node,
    client: FixClient,
    poll: ClientPoll,
    trader: Trader,
    /// Number of equal executions that the venues booked. `trade_id` is 0 in the keys, so that
    /// equal executions count together.
    booked: BTreeMap<VenueFill, u64>,
    fills_by_venue: BTreeMap<String, u64>,
    status: Value,
    screen: Screen,
    start_ns: u64,
    next_look_ns: u64,
    last_news_ns: u64,
    next_connect_ns: u64,
}

fn trade(arguments: &Arguments, dir: &Path, stop: &AtomicBool) -> anyhow::Result<Summary> {
    let program = node_program()?;
    let config = VenuesConfig { seed: arguments.seed, ..VenuesConfig::default() };
    let venues = Venues::start(&config, dir)?;
    let mut settings = NodeSettings::new(free_address()?);
    settings.tls = arguments.tls;
    let config = write_node_config(dir, &venues, &settings)?;
    let mut node = Node::start(&program, &config, dir)?;
    node.wait_ready_unless(READY_DEFAULT, stop)?;
    let session = &settings.sessions[0];
    let config = ClientConfig::new(settings.listen, &session.comp_id, &session.password);
    let mut client = FixClient::connect(&config)?;
    client.wait_logon(LOGON_PATIENCE)?;
    let poll = ClientPoll::new()?;
    client.register(poll.registry(), mio::Token(0))?;
    let start_ns = unix_ns();
    let terminal = std::io::stdout().is_terminal();
    let mut run = Run {
        arguments,
        stop,
        venues,
        node,
        client,
        poll,
        trader: Trader::new(arguments.seed, start_ns, arguments.rate),
        booked: BTreeMap::new(),
        fills_by_venue: Venue::ALL.map(|venue| (venue.name().to_owned(), 0)).into(),
        status: Value::Null,
        screen: Screen::new(arguments.json, terminal),
        start_ns,
        next_look_ns: start_ns,
        last_news_ns: start_ns,
        next_connect_ns: 0,
    };
    let end_ns = start_ns + arguments.seconds * SECOND_NS;
    while unix_ns() < end_ns && !stop.load(Ordering::Relaxed) {
        run.turn(true, end_ns)?;
    }
    let seconds = (unix_ns() - start_ns) as f64 / 1e9;
    run.settle()?;
    run.finish(seconds)
}

impl Run<'_> {
    /// Does all that is due, then sleeps until something is due, at most until `until_ns`.
    fn turn(&mut self, sending: bool, until_ns: u64) -> anyhow::Result<()> {
        let now_ns = unix_ns();
        if sending && self.client.is_logged_on() {
            self.trader.send_due(now_ns, &mut self.client, &self.venues)?;
        }
        let before = self.trader.counts.reports;
        let trader = &mut self.trader;
        self.client.turn(now_ns, &mut |told| trader.told(unix_ns(), &told))?;
        if self.trader.counts.reports > before {
            self.last_news_ns = now_ns;
        }
        self.stay_connected(now_ns)?;
        if now_ns >= self.next_look_ns {
            self.next_look_ns = now_ns + LOOK_NS;
            self.look(now_ns)?;
        }
        let due = if sending { self.trader.next_ns() } else { u64::MAX };
        let timer = self.client.next_deadline_ns().unwrap_or(u64::MAX);
        self.poll.wait(due.min(timer).min(self.next_look_ns).min(until_ns))?;
        Ok(())
    }

    /// Reconnects after a lost connection; the session asks for the messages that it missed.
    fn stay_connected(&mut self, now_ns: u64) -> anyhow::Result<()> {
        if self.trader.lost_connection.is_none() || now_ns < self.next_connect_ns {
            return Ok(());
        }
        self.next_connect_ns = now_ns + RECONNECT_NS;
        self.node.check_alive()?;
        if self.client.reconnect().is_ok() {
            self.trader.lost_connection = None;
            self.client.register(self.poll.registry(), mio::Token(0))?;
        }
        Ok(())
    }

    fn look(&mut self, now_ns: u64) -> anyhow::Result<()> {
        self.take_fills();
        match self.node.status() {
            Ok(status) => self.status = status,
            Err(_) => self.node.check_alive()?,
        }
        let view = View {
            elapsed_ns: now_ns - self.start_ns,
            seconds: self.arguments.seconds,
            rate: self.arguments.rate,
            seed: self.arguments.seed,
            trader: &self.trader,
            status: &self.status,
            fills_by_venue: &self.fills_by_venue,
        };
        self.screen.show(&view)?;
        Ok(())
    }

    fn take_fills(&mut self) {
        for venue in Venue::ALL {
            for fill in self.venues.take_fills(venue) {
                *self.booked.entry(VenueFill { trade_id: 0, ..fill }).or_default() += 1;
                *self.fills_by_venue.entry(venue.name().to_owned()).or_default() += 1;
            }
        }
    }

    fn open_at_venues(&self) -> u64 {
        Venue::ALL.into_iter().map(|venue| self.venues.open_orders(venue) as u64).sum()
    }

    /// Cancels all open orders and waits until none is open, at most [`SETTLE_NS_MAX`].
    fn settle(&mut self) -> anyhow::Result<()> {
        let started_ns = unix_ns();
        self.last_news_ns = started_ns;
        if self.client.is_logged_on() {
            self.trader.cancel_all(started_ns, &mut self.client)?;
        }
        loop {
            let now_ns = unix_ns();
            self.turn(false, now_ns + LOOK_NS)?;
            let quiet = now_ns.saturating_sub(self.last_news_ns) >= QUIET_NS;
            let open = self.trader.open().next().is_some() || self.open_at_venues() > 0;
            if (quiet && !open) || now_ns - started_ns > SETTLE_NS_MAX {
                break;
            }
        }
        self.take_fills();
        self.look(unix_ns())
    }

    /// Stops the node, verifies and replays its journal, and returns the summary.
    fn finish(mut self, seconds: f64) -> anyhow::Result<Summary> {
        let mut summary = self.sum_up(seconds);
        self.client.logout(unix_ns())?;
        self.screen.end()?;
        let status = self.node.terminate(END_PATIENCE)?;
        if !status.success() {
            anyhow::bail!("the node ended with {status}:\n{}", self.node.log_end());
        }
        let verified = self.node.journal_command("verify")?;
        summary.journal_verified = verified.status.success();
        if !summary.journal_verified {
            eprintln!("verify: {}", String::from_utf8_lossy(&verified.stderr));
        }
        let replayed = self.node.journal_command("replay")?;
        let said = String::from_utf8_lossy(&replayed.stdout);
        summary.journal_records = number_behind(&said, "records ").unwrap_or(0);
        summary.digests_compared = number_behind(&said, "digests compared ").unwrap_or(0);
        summary.digest_equal = replayed.status.success() && summary.digests_compared > 0;
        if !summary.digest_equal {
            eprintln!("replay: {said}{}", String::from_utf8_lossy(&replayed.stderr));
        }
        self.venues.stop()?;
        Ok(summary)
    }

    fn sum_up(&self, seconds: f64) -> Summary {
        let trader = &self.trader;
        let excess = |these: &BTreeMap<VenueFill, u64>, those: &BTreeMap<VenueFill, u64>| {
            let one = |(fill, count): (&VenueFill, &u64)| {
                count.saturating_sub(those.get(fill).copied().unwrap_or(0))
            };
            these.iter().map(one).sum::<u64>()
        };
        let lost_by = LostBy {
            unanswered_orders: trader.unanswered(),
            unsettled_orders: trader.open().count() as u64,
            open_at_venues: self.open_at_venues(),
            missing_fills: excess(&self.booked, &trader.reported),
            invented_fills: excess(&trader.reported, &self.booked),
            doubled_reports: trader.counts.doubled,
            unbalanced_orders: trader.unbalanced(),
            odd_reports: trader.counts.odd + trader.counts.rejected,
        };
        let mut latency_ns = stages(&self.status);
        latency_ns.insert("client.answer".to_owned(), trader.answers.quantiles());
        Summary {
            seed: self.arguments.seed,
            seconds,
            orders: trader.counts.sent,
            refused: trader.refusals.clone(),
            ended: trader.ends.clone(),
            reports: trader.counts.reports,
            cancels: trader.counts.cancels,
            fills: trader.counts.fills,
            fills_by_venue: self.fills_by_venue.clone(),
            lost: lost_by.total(),
            lost_by,
            saved_bps: trader.savings.saved_centi_bps() as f64 / 100.0,
            saved_orders: trader.savings.compared,
            beyond_one_venue: trader.savings.beyond_one_venue,
            latency_ns,
            interrupted: self.stop.load(Ordering::Relaxed),
            ..Summary::default()
        }
    }
}

/// The number that follows a word in a text; `None` if the word or the number is missing.
fn number_behind(text: &str, word: &str) -> Option<u64> {
    let rest = &text[text.find(word)? + word.len()..];
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    rest[..end].parse().ok()
}
