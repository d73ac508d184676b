//! The course of a run: trade, kill and restart, settle, end, decide again.
//!
//! A line belongs here if it says what happens when. Real or virtual time, in which it happens, is
//! an [`Environment`]'s. The thread of this module is the client's and does nothing that can wait
//! for the node.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use rutter_program::progress::Progress;
use rutter_sim::Venue;

use super::crash::{Crash, Standing};
use super::decided::Decided;
use super::environment::Environment;
use super::explained::{self, Explained};
use super::journal::Judged;
use super::savings::Savings;
use super::trader::Trader;
use super::view::{View, Watched};
use super::{Arguments, LostBy, Summary};
use crate::harness::{Arrivals, Market, Program, USUAL, VenueFill};

const MS_NS: u64 = 1_000_000;
const SECOND_NS: u64 = 1_000 * MS_NS;

/// Time between two looks at fills, prices and screen.
const LOOK_NS: u64 = 200 * MS_NS;
/// Longest wait for open orders to end after trading.
const SETTLE_NS_MAX: u64 = 15 * SECOND_NS;
/// Trading counts as settled when nothing has arrived for this long.
const QUIET_NS: u64 = 500 * MS_NS;
/// Time between two attempts to reconnect.
const RECONNECT_NS: u64 = 20 * MS_NS;
/// Longest time in which the client reads what a killed node had written.
const LAST_WORDS_NS_MAX: u64 = SECOND_NS;

/// One run: what it takes place in, the client and the counts.
struct Run<'a, E> {
    arguments: &'a Arguments,
    stop: &'a AtomicBool,
    program: Program,
    environment: E,
    market: Market,
    trader: Trader,
    savings: Savings,
    arrivals: Arrivals,
    crashes: Vec<Crash>,
    /// Number of equal executions that the venues booked. `trade_id` is 0 in the keys, so that
    /// equal executions count together.
    booked: BTreeMap<VenueFill, u64>,
    fills_by_venue: BTreeMap<String, u64>,
    start_ns: u64,
    /// Trading ends at this time.
    end_ns: u64,
    next_look_ns: u64,
    last_news_ns: u64,
    next_connect_ns: u64,
}

/// Runs in an environment whose client is logged on; `market` is a look at its venues, `program`
/// judges the journal that the node leaves. `stop` ends the run early.
///
/// # Errors
/// A part cannot go on or cannot be asked.
pub fn trade<E: Environment>(
    arguments: &Arguments,
    environment: E,
    market: Market,
    program: Program,
    stop: &AtomicBool,
) -> anyhow::Result<Summary> {
    market.watch_arrivals();
    let start_ns = environment.now_ns();
    let mut run = Run {
        arguments,
        stop,
        program,
        environment,
        market,
        trader: Trader::new(arguments.seed, start_ns, arguments.rate),
        savings: Savings::default(),
        arrivals: Arrivals::new(),
        crashes: Vec::new(),
        booked: BTreeMap::new(),
        fills_by_venue: USUAL.map(|venue| (venue.name().to_owned(), 0)).into(),
        start_ns,
        end_ns: start_ns + arguments.seconds * SECOND_NS,
        next_look_ns: start_ns,
        last_news_ns: start_ns,
        next_connect_ns: 0,
    };
    run.trade()?;
    let seconds = (run.environment.now_ns() - start_ns) as f64 / 1e9;
    run.settle()?;
    run.finish(seconds)
}

impl<E: Environment> Run<'_, E> {
    /// Trades until the end, and kills the node at equal distances.
    fn trade(&mut self) -> anyhow::Result<()> {
        let share_ns = self.arguments.seconds * SECOND_NS / u64::from(self.arguments.kills + 1);
        let mut kill_ns = self.start_ns + share_ns;
        // The table is its own progress.
        let (json, choice) = (self.arguments.json, self.arguments.progress);
        let mut progress = json.then(|| Progress::new("orders", choice));
        let total = self.arguments.seconds * u64::from(self.arguments.rate);
        while self.environment.now_ns() < self.end_ns && !self.stop.load(Ordering::Relaxed) {
            let kills_left = self.crashes.len() < self.arguments.kills as usize;
            if kills_left && self.environment.now_ns() >= kill_ns {
                let down_ns = self.kill_and_restart()?;
                kill_ns += share_ns + down_ns;
                self.end_ns += down_ns;
            }
            let until_ns = if kills_left { kill_ns.min(self.end_ns) } else { self.end_ns };
            self.turn(true, until_ns)?;
            if let Some(progress) = &mut progress {
                progress.show(self.trader.counts.sent, total);
            }
        }
        Ok(())
    }

    /// Does all that is due, then waits until something is due, at most until `until_ns`.
    fn turn(&mut self, sending: bool, until_ns: u64) -> anyhow::Result<()> {
        let now_ns = self.environment.now_ns();
        if sending && self.environment.is_logged_on() {
            self.trader.send_due(now_ns, &mut self.environment, &self.market)?;
        } else if sending {
            self.trader.hold(now_ns);
        }
        self.read()?;
        self.stay_connected(now_ns)?;
        if now_ns >= self.next_look_ns {
            self.next_look_ns = now_ns + LOOK_NS;
            self.look(now_ns)?;
        }
        let is_logged_on = self.environment.is_logged_on();
        let due = if sending { self.trader.next_ns(is_logged_on) } else { u64::MAX };
        let timer = self.environment.next_deadline_ns().unwrap_or(u64::MAX);
        let connect =
            if self.trader.lost_connection.is_some() { self.next_connect_ns } else { u64::MAX };
        self.environment.wait(due.min(timer).min(connect).min(self.next_look_ns).min(until_ns))
    }

    fn read(&mut self) -> anyhow::Result<()> {
        let before = self.trader.counts.reports;
        let trader = &mut self.trader;
        self.environment.read(&mut |now_ns, told| trader.told(now_ns, &told))?;
        if self.trader.counts.reports > before {
            self.last_news_ns = self.environment.now_ns();
        }
        Ok(())
    }

    /// Reconnects after a lost connection; the session asks for the messages that it missed.
    fn stay_connected(&mut self, now_ns: u64) -> anyhow::Result<()> {
        if self.trader.lost_connection.is_none() || now_ns < self.next_connect_ns {
            return Ok(());
        }
        self.next_connect_ns = now_ns + RECONNECT_NS;
        self.environment.check_node()?;
        if self.environment.reconnect()? {
            self.trader.lost_connection = None;
        }
        Ok(())
    }

    /// Kills the node, starts it again at once, and trades on until an order sent after the kill
    /// has an execution. Returns the time from kill to execution, in nanoseconds.
    fn kill_and_restart(&mut self) -> anyhow::Result<u64> {
        let killed_ns = self.environment.now_ns();
        self.environment.kill_node()?;
        // What the node wrote before it died may still be on its way.
        let last_words_ns = killed_ns + LAST_WORDS_NS_MAX;
        self.read()?;
        while self.trader.lost_connection.is_none() {
            if self.environment.now_ns() > last_words_ns {
                anyhow::bail!("the connection to the killed node does not end");
            }
            self.environment.wait(self.environment.now_ns() + RECONNECT_NS)?;
            self.read()?;
        }
        self.take_fills();
        let before = self.standing();
        self.crashes.push(Crash::new(self.start_ns, killed_ns, &mut self.trader, before));
        self.environment.restart_node()?;
        self.next_connect_ns = 0;
        loop {
            let now_ns = self.environment.now_ns();
            self.take_fills();
            let (trader, standing) = (&self.trader, self.standing());
            let Some(crash) = self.crashes.last_mut() else { break };
            let down = crash.look(now_ns, trader, || standing);
            if !down || crash.given_up() || self.stop.load(Ordering::Relaxed) {
                break;
            }
            self.turn(true, now_ns + RECONNECT_NS)?;
        }
        Ok(self.environment.now_ns() - killed_ns)
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
        self.environment.check_node()?;
        self.take_fills();
        let (arrivals, beyond) = self.market.take_arrivals();
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
        self.trader.waits = self.environment.show(view)?;
        Ok(())
    }

    fn take_fills(&mut self) {
        for venue in USUAL {
            for fill in self.market.take_fills(venue) {
                *self.booked.entry(VenueFill { trade_id: 0, ..fill }).or_default() += 1;
                *self.fills_by_venue.entry(venue.name().to_owned()).or_default() += 1;
            }
        }
    }

    fn open_at_venues(&self) -> u64 {
        USUAL.into_iter().map(|venue| self.market.open_orders(venue) as u64).sum()
    }

    /// Cancels all open orders and waits until none is open, at most [`SETTLE_NS_MAX`].
    fn settle(&mut self) -> anyhow::Result<()> {
        let started_ns = self.environment.now_ns();
        self.last_news_ns = started_ns;
        let mut asked = false;
        loop {
            let now_ns = self.environment.now_ns();
            if !asked && self.environment.is_logged_on() {
                asked = true;
                self.trader.cancel_all(now_ns, &mut self.environment)?;
            }
            self.turn(false, now_ns + LOOK_NS)?;
            let quiet = now_ns.saturating_sub(self.last_news_ns) >= QUIET_NS;
            let open = self.trader.open().next().is_some() || self.open_at_venues() > 0;
            if (quiet && !open) || now_ns - started_ns > SETTLE_NS_MAX {
                break;
            }
        }
        self.look(self.environment.now_ns())
    }

    /// Ends everything in order, decides the journal again, and returns the summary.
    fn finish(mut self, seconds: f64) -> anyhow::Result<Summary> {
        let watched = self.environment.end_screen()?;
        let summary = self.sum_up(seconds, &watched);
        self.environment.end()?;
        let judged = Judged::of(&self.program)?;
        let mut summary = Summary {
            journal_records: judged.records,
            journal_verified: judged.verified,
            digests_compared: judged.digests_compared,
            digest: judged.digest,
            digest_equal: judged.digest_equal,
            ..summary
        };
        let (program, savings) = (&self.program, &mut self.savings);
        look_back(program, savings, &mut summary)?;
        Ok(summary)
    }

    fn lost_by(&self) -> LostBy {
        let trader = &self.trader;
        let excess = |these: &BTreeMap<VenueFill, u64>, those: &BTreeMap<VenueFill, u64>| {
            let one = |(fill, count): (&VenueFill, &u64)| {
                count.saturating_sub(those.get(fill).copied().unwrap_or(0))
            };
            these.iter().map(one).sum::<u64>()
        };
        let twice = |venue| self.market.orders_sent_twice(venue);
        LostBy {
            unanswered_orders: trader.unanswered(),
            unsettled_orders: trader.open().count() as u64,
            open_at_venues: self.open_at_venues(),
            missing_fills: excess(&self.booked, &trader.reported),
            invented_fills: excess(&trader.reported, &self.booked),
            doubled_reports: trader.counts.doubled,
            overfilled_orders: trader.overfilled(),
            orders_sent_twice: USUAL.into_iter().map(twice).sum(),
            unbalanced_orders: trader.unbalanced(),
            odd_reports: trader.counts.odd + trader.counts.rejected,
        }
    }

    fn sum_up(&self, seconds: f64, watched: &Watched) -> Summary {
        let (trader, lost_by) = (&self.trader, self.lost_by());
        let mut latency_ns = watched.stages.clone();
        latency_ns.insert("client.answer".to_owned(), watched.answers.quantiles());
        let latency_note = self.environment.latency_note();
        if latency_note.is_none() {
            latency_ns.insert("client.late".to_owned(), watched.late.quantiles());
        }
        let compared = self.savings.so_far();
        let alone = |venue: Venue| (venue.name().to_owned(), compared.naive[venue.index()]);
        let saved = compared.best_single();
        Summary {
            seed: self.arguments.seed,
            time: self.arguments.wires.time(),
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
            alone: USUAL.map(alone).into(),
            hindsight: compared.hindsight,
            beyond_one_venue: self.savings.beyond_one_venue,
            unpriced_orders: self.savings.unpriced,
            latency_ns,
            latency_note,
            interrupted: self.stop.load(Ordering::Relaxed),
            drawn: compared.shown,
            samples: watched.samples.clone(),
            ..Summary::default()
        }
    }
}

/// Reads what the node had decided: for one order why, and for all orders which venue looked best.
fn look_back(
    program: &Program,
    savings: &mut Savings,
    summary: &mut Summary,
) -> anyhow::Result<()> {
    let (filled, wanted) = (savings.filled(), savings.explained_id());
    let mut decided = Decided::default();
    let status = program.decisions(|line| decided.line(line, &filled, wanted.as_deref()))?;
    if !status.success() {
        eprintln!("replay --decisions: {status}");
    }
    if let (Some(id), Some(record)) = (&wanted, decided.explained()) {
        let alone = program.route(&explained::questions(record))?;
        summary.explained = Explained::new(id, record, &alone);
    }
    summary.looked_best = savings.against_looked_best(&decided);
    summary.without_looked_best = savings.without_looked_best;
    Ok(())
}
