//! The course of a run: start, trade, kill and restart, settle, end, decide again.
//!
//! A line belongs here if it says what happens when. The thread of this module is the client's and
//! does nothing that can wait for the node: the console is asked, and the screen drawn, by
//! `watcher`.

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rutter_program::progress::Progress;
use rutter_sim::Venue;

use super::crash::{Crash, Standing};
use super::decided::Decided;
use super::explained::{self, Explained};
use super::savings::Savings;
use super::trader::Trader;
use super::watcher::{Screen, View, Watched, Watcher};
use super::{Arguments, LostBy, Summary};
use crate::client::{ClientConfig, ClientPoll, FixClient};
use crate::clock::unix_ns;
use crate::harness::{
    Arrivals, Node, NodeSettings, READY_DEFAULT, VenueFill, Venues, VenuesConfig, free_address,
    stages, write_node_config,
};

const MS_NS: u64 = 1_000_000;
const SECOND_NS: u64 = 1_000 * MS_NS;

/// Time between two looks at fills, prices and screen.
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
const RECONNECT_NS: u64 = 20 * MS_NS;
/// Longest time in which the client reads what a killed node had written.
const LAST_WORDS_NS_MAX: u64 = SECOND_NS;

/// One run: the processes, the client and the counts.
struct Run<'a> {
    arguments: &'a Arguments,
    stop: &'a AtomicBool,
    venues: Venues,
    node: Node,
    client: FixClient,
    poll: ClientPoll,
    trader: Trader,
    savings: Savings,
    arrivals: Arrivals,
    crashes: Vec<Crash>,
    /// Number of equal executions that the venues booked. `trade_id` is 0 in the keys, so that
    /// equal executions count together.
    booked: BTreeMap<VenueFill, u64>,
    fills_by_venue: BTreeMap<String, u64>,
    watcher: Watcher,
    start_ns: u64,
    /// Trading ends at this time.
    end_ns: u64,
    next_look_ns: u64,
    last_news_ns: u64,
    next_connect_ns: u64,
}

/// Runs everything in `dir`, which the caller removes.
///
/// # Errors
/// A part could not be started or asked.
pub fn trade(
    arguments: &Arguments,
    program: &Path,
    dir: &Path,
    stop: &AtomicBool,
) -> anyhow::Result<Summary> {
    let config = VenuesConfig { seed: arguments.seed, ..VenuesConfig::default() };
    let venues = Venues::start(&config, dir)?;
    venues.watch_arrivals();
    let mut settings = NodeSettings::new(free_address()?);
    settings.tls = arguments.tls;
    let config = write_node_config(dir, &venues, &settings)?;
    let mut node = Node::start(program, &config, dir)?;
    node.wait_ready_unless(READY_DEFAULT, stop)?;
    let session = &settings.sessions[0];
    let config = ClientConfig::new(settings.listen, &session.comp_id, &session.password);
    let mut client = FixClient::connect(&config)?;
    client.wait_logon(LOGON_PATIENCE)?;
    let poll = ClientPoll::new()?;
    client.register(poll.registry(), mio::Token(0))?;
    let screen = Screen::new(arguments.json, std::io::stdout().is_terminal());
    let watcher = Watcher::start(node.console(), screen)?;
    let start_ns = unix_ns();
    let mut run = Run {
        arguments,
        stop,
        venues,
        node,
        client,
        poll,
        trader: Trader::new(arguments.seed, start_ns, arguments.rate),
        savings: Savings::default(),
        arrivals: Arrivals::new(),
        crashes: Vec::new(),
        booked: BTreeMap::new(),
        fills_by_venue: Venue::ALL.map(|venue| (venue.name().to_owned(), 0)).into(),
        watcher,
        start_ns,
        end_ns: start_ns + arguments.seconds * SECOND_NS,
        next_look_ns: start_ns,
        last_news_ns: start_ns,
        next_connect_ns: 0,
    };
    run.trade()?;
    let seconds = (unix_ns() - start_ns) as f64 / 1e9;
    run.settle()?;
    run.finish(seconds)
}

impl Run<'_> {
    /// Trades until the end, and kills the node at equal distances.
    fn trade(&mut self) -> anyhow::Result<()> {
        let share_ns = self.arguments.seconds * SECOND_NS / u64::from(self.arguments.kills + 1);
        let mut kill_ns = self.start_ns + share_ns;
        // The table is its own progress.
        let (json, choice) = (self.arguments.json, self.arguments.progress);
        let mut progress = json.then(|| Progress::new("orders", choice));
        let total = self.arguments.seconds * u64::from(self.arguments.rate);
        while unix_ns() < self.end_ns && !self.stop.load(Ordering::Relaxed) {
            if self.crashes.len() < self.arguments.kills as usize && unix_ns() >= kill_ns {
                let down_ns = self.kill_and_restart()?;
                kill_ns += share_ns + down_ns;
                self.end_ns += down_ns;
            }
            self.turn(true, kill_ns.min(self.end_ns))?;
            if let Some(progress) = &mut progress {
                progress.show(self.trader.counts.sent, total);
            }
        }
        Ok(())
    }

    /// Does all that is due, then sleeps until something is due, at most until `until_ns`.
    fn turn(&mut self, sending: bool, until_ns: u64) -> anyhow::Result<()> {
        let now_ns = unix_ns();
        if sending && self.client.is_logged_on() {
            self.trader.send_due(now_ns, &mut self.client, &self.venues)?;
        } else if sending {
            self.trader.hold(now_ns);
        }
        self.read()?;
        self.stay_connected(now_ns)?;
        if now_ns >= self.next_look_ns {
            self.next_look_ns = now_ns + LOOK_NS;
            self.look(now_ns)?;
        }
        let due = if sending { self.trader.next_ns() } else { u64::MAX };
        let timer = self.client.next_deadline_ns().unwrap_or(u64::MAX);
        let connect =
            if self.trader.lost_connection.is_some() { self.next_connect_ns } else { u64::MAX };
        let wake_ns = due.min(timer).min(connect).min(self.next_look_ns).min(until_ns);
        self.poll.wait(wake_ns)?;
        Ok(())
    }

    fn read(&mut self) -> anyhow::Result<()> {
        let before = self.trader.counts.reports;
        let trader = &mut self.trader;
        self.client.turn(unix_ns(), &mut |told| trader.told(unix_ns(), &told))?;
        if self.trader.counts.reports > before {
            self.last_news_ns = unix_ns();
        }
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

    /// Kills the node, starts it again at once, and trades on until an order sent after the kill
    /// has an execution. Returns the time from kill to execution, in nanoseconds.
    fn kill_and_restart(&mut self) -> anyhow::Result<u64> {
        let killed_ns = unix_ns();
        self.node.kill()?;
        // The kernel still holds what the node wrote before it died.
        while self.trader.lost_connection.is_none() {
            self.read()?;
            if unix_ns() - killed_ns > LAST_WORDS_NS_MAX {
                anyhow::bail!("the connection to the killed node does not end");
            }
        }
        self.take_fills();
        let before = self.standing();
        self.crashes.push(Crash::new(self.start_ns, killed_ns, &mut self.trader, before));
        self.node.restart()?;
        self.next_connect_ns = 0;
        loop {
            let now_ns = unix_ns();
            self.take_fills();
            let (trader, standing) = (&self.trader, self.standing());
            let Some(crash) = self.crashes.last_mut() else { break };
            let down = crash.look(now_ns, trader, || standing);
            if !down || crash.given_up() || self.stop.load(Ordering::Relaxed) {
                break;
            }
            self.turn(true, now_ns + RECONNECT_NS)?;
        }
        Ok(unix_ns() - killed_ns)
    }

    fn standing(&self) -> Standing {
        Standing {
            open_by_client: self.trader.acknowledged().len() as u64,
            open_by_venues: self.open_at_venues(),
            fills_booked: self.booked.values().sum(),
            fills_told: self.trader.told_fills(),
        }
    }

    fn look(&mut self, now_ns: u64) -> anyhow::Result<()> {
        self.node.check_alive()?;
        self.take_fills();
        let (arrivals, beyond) = self.venues.take_arrivals();
        for (fill, mut moments) in arrivals {
            self.arrivals.entry(fill).or_default().append(&mut moments);
        }
        self.savings.unpriced += beyond;
        self.trader.price_ended(&mut self.arrivals, &mut self.savings);
        let view = View {
            elapsed_ns: now_ns - self.start_ns,
            end_ns: self.end_ns - self.start_ns,
            arguments: self.arguments.clone(),
            counts: self.trader.counts,
            fills_by_venue: self.fills_by_venue.clone(),
            compared: self.savings.so_far(),
            crashes: self.crashes.clone(),
            waits: std::mem::take(&mut self.trader.waits),
        };
        self.trader.waits = self.watcher.show(view)?;
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
        let mut asked = false;
        loop {
            let now_ns = unix_ns();
            if !asked && self.client.is_logged_on() {
                asked = true;
                self.trader.cancel_all(now_ns, &mut self.client)?;
            }
            self.turn(false, now_ns + LOOK_NS)?;
            let quiet = now_ns.saturating_sub(self.last_news_ns) >= QUIET_NS;
            let open = self.trader.open().next().is_some() || self.open_at_venues() > 0;
            if (quiet && !open) || now_ns - started_ns > SETTLE_NS_MAX {
                break;
            }
        }
        self.look(unix_ns())
    }

    /// Stops the node, verifies and replays its journal, and returns the summary.
    fn finish(mut self, seconds: f64) -> anyhow::Result<Summary> {
        let watched = self.watcher.end()?;
        let mut summary = self.sum_up(seconds, &watched);
        self.client.logout(unix_ns())?;
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
        summary.digest = word_behind(&said, "digest ").unwrap_or_default();
        summary.digest_equal = replayed.status.success() && summary.digests_compared > 0;
        if !summary.digest_equal {
            eprintln!("replay: {said}{}", String::from_utf8_lossy(&replayed.stderr));
        }
        self.look_back(&mut summary)?;
        self.venues.stop()?;
        Ok(summary)
    }

    /// Reads what the node had decided: for one order why, and for all orders which venue looked
    /// best.
    fn look_back(&mut self, summary: &mut Summary) -> anyhow::Result<()> {
        let (filled, wanted) = (self.savings.filled(), self.savings.explained_id());
        let mut decided = Decided::default();
        let status = self.node.decisions(|line| decided.line(line, &filled, wanted.as_deref()))?;
        if !status.success() {
            eprintln!("replay --decisions: {status}");
        }
        if let (Some(id), Some(record)) = (&wanted, decided.explained()) {
            let alone = self.node.route(&explained::questions(record))?;
            summary.explained = Explained::new(id, record, &alone);
        }
        summary.looked_best = self.savings.against_looked_best(&decided);
        summary.without_looked_best = self.savings.without_looked_best;
        Ok(())
    }

    fn lost_by(&self) -> LostBy {
        let trader = &self.trader;
        let excess = |these: &BTreeMap<VenueFill, u64>, those: &BTreeMap<VenueFill, u64>| {
            let one = |(fill, count): (&VenueFill, &u64)| {
                count.saturating_sub(those.get(fill).copied().unwrap_or(0))
            };
            these.iter().map(one).sum::<u64>()
        };
        let twice = |venue| self.venues.orders_sent_twice(venue);
        LostBy {
            unanswered_orders: trader.unanswered(),
            unsettled_orders: trader.open().count() as u64,
            open_at_venues: self.open_at_venues(),
            missing_fills: excess(&self.booked, &trader.reported),
            invented_fills: excess(&trader.reported, &self.booked),
            doubled_reports: trader.counts.doubled,
            overfilled_orders: trader.overfilled(),
            orders_sent_twice: Venue::ALL.into_iter().map(twice).sum(),
            unbalanced_orders: trader.unbalanced(),
            odd_reports: trader.counts.odd + trader.counts.rejected,
        }
    }

    fn sum_up(&self, seconds: f64, watched: &Watched) -> Summary {
        let (trader, lost_by) = (&self.trader, self.lost_by());
        let mut latency_ns = stages(&watched.status);
        latency_ns.insert("client.answer".to_owned(), watched.answers.quantiles());
        latency_ns.insert("client.late".to_owned(), watched.late.quantiles());
        let compared = self.savings.so_far();
        let alone = |venue: Venue| (venue.name().to_owned(), compared.naive[venue.index()]);
        let saved = compared.best_single();
        Summary {
            seed: self.arguments.seed,
            seconds,
            orders: trader.counts.sent,
            orders_held: trader.counts.held,
            refused: trader.refusals.clone(),
            ended: trader.ends.clone(),
            reports: trader.counts.reports,
            cancels: trader.counts.cancels,
            fills: trader.counts.fills,
            fills_by_venue: self.fills_by_venue.clone(),
            kills: self.crashes.len() as u64,
            down_ms: self.crashes.iter().map(|crash| crash.down_ms).max().unwrap_or(0),
            crashes: self.crashes.clone(),
            lost: lost_by.total(),
            doubled: lost_by.doubled(),
            lost_by,
            saved_bps: saved.saved_bps,
            saved_bps_spread: saved.spread,
            saved_orders: saved.orders,
            routed_bps: saved.routed_bps,
            best_single_bps: saved.single_bps,
            alone: Venue::ALL.map(alone).into(),
            hindsight: compared.hindsight,
            beyond_one_venue: self.savings.beyond_one_venue,
            unpriced_orders: self.savings.unpriced,
            latency_ns,
            interrupted: self.stop.load(Ordering::Relaxed),
            drawn: compared.shown,
            samples: watched.samples.clone(),
            ..Summary::default()
        }
    }
}

/// The word that follows a text at the start of a line; `None` if there is none.
fn word_behind(text: &str, before: &str) -> Option<String> {
    let rest = text.lines().find_map(|line| line.trim_start().strip_prefix(before))?;
    rest.split_ascii_whitespace().next().map(str::to_owned)
}

/// The number that follows a word in a text; `None` if the word or the number is missing.
fn number_behind(text: &str, word: &str) -> Option<u64> {
    let rest = &text[text.find(word)? + word.len()..];
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    rest[..end].parse().ok()
}
