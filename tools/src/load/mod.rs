//! `rutter-tools load`: orders at a fixed rate from several sessions, whatever the node does.
//!
//! A line belongs here if it sends the orders of a load or counts their answers.
//!
//! Open loop: the time of each order is fixed before the run, and its latency counts from that
//! time. A pause of the node (or of this tool) therefore shows in every order that falls into it.
//! Exactly, `sent == accepted + refused + unanswered`.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, bail};
use rutter_fix::codec::Message;
use rutter_fix::tags::{self, msg_type};
use rutter_program::progress::{self, Progress};
use rutter_sim::Venue;
use serde::Serialize;

use crate::client::prompt::resolve;
use crate::client::{ClientConfig, ClientPoll, FixClient, Order, Side, Tif, Told, parse_e8};
use crate::clock::unix_ns;
use crate::harness::{
    ClientSession, Flowing, Memory, Node, NodeSettings, READY_DEFAULT, USUAL, Venues, VenuesConfig,
    free_address, memory, node_program, write_node_config,
};
use crate::quantiles::{Latencies, Quantiles, duration_text};

const SECOND_NS: u64 = 1_000_000_000;
/// Most orders of one run; the tool keeps a few bytes for each.
const ORDERS_MAX: u64 = 50_000_000;
/// Most orders sent before the sockets are read again.
const BURST_MAX: usize = 32;
/// Longest wait for answers after the last order.
const ANSWERS_NS_MAX: u64 = 30 * SECOND_NS;
/// Longest sleep between two reads of the sockets.
const SLEEP_NS_MAX: u64 = 50_000_000;
const END_PATIENCE: Duration = Duration::from_secs(20);
const LOGON_PATIENCE: Duration = Duration::from_secs(10);

/// `rutter-tools load`
#[derive(Clone, Debug, clap::Args)]
pub struct Arguments {
    /// The node's FIX address, `host:port`. Without it this run starts a node and simulated venues
    /// with still books, in a temporary folder.
    pub address: Option<String>,
    /// Orders a second, over all sessions.
    #[arg(long, default_value_t = 1_000)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub rate: u64,
    /// Seconds to send for.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub seconds: u64,
    /// Number of FIX sessions; the n-th logs on as the prefix followed by n.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub sessions: u16,
    /// Prefix of `CompID`s.
    #[arg(long, default_value = "DESK")]
    pub comp_id_prefix: String,
    /// Prefix of passwords, followed by the session's number.
    #[arg(long, default_value = "password-")]
    pub password_prefix: String,
    /// Symbol to trade.
    #[arg(long, default_value = "BTC/USDT")]
    pub symbol: String,
    /// Quantity of each order.
    #[arg(long, default_value = "0.001")]
    pub qty: String,
    /// Limit price of buy orders; market orders if absent. Sell orders are always market orders.
    #[arg(long)]
    pub buy_limit: Option<String>,
    /// Process id of the node, to print its memory before and after.
    #[arg(long)]
    pub pid: Option<u32>,
    /// Venues on which the started node trades.
    #[arg(long, default_values_t = USUAL.map(|venue| venue.name().to_owned()))]
    #[arg(value_delimiter = ',')]
    pub venues: Vec<String>,
    /// Also print the latencies inside the started node.
    #[arg(long)]
    pub verbose: bool,
    /// Keep the started node's folder, with its journal.
    #[arg(long)]
    pub keep: bool,
    /// Progress.
    #[command(flatten)]
    pub progress: progress::Choice,
}

/// The result of a run.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Summary {
    /// Intended orders a second.
    pub rate: u64,
    /// Orders a second that were sent, from the first to the last.
    pub achieved_rate: f64,
    /// Orders sent.
    pub sent: u64,
    /// Orders whose first answer was no refusal.
    pub accepted: u64,
    /// Orders refused.
    pub refused: u64,
    /// Orders refused, by the word in Text (58).
    pub refused_by: BTreeMap<String, u64>,
    /// Orders without any answer.
    pub unanswered: u64,
    /// Orders over (filled, ended, refused).
    pub over: u64,
    /// Executions reported.
    pub fills: u64,
    /// From the intended time to the first answer, nanoseconds.
    pub answer_ns: Quantiles,
    /// From the intended time to the end of the order, nanoseconds.
    pub over_ns: Quantiles,
    /// How late this tool sent each order, nanoseconds.
    pub lateness_ns: Quantiles,
    /// Memory of the node before the run.
    pub memory_before: Option<Memory>,
    /// Memory of the node after the run.
    pub memory_after: Option<Memory>,
    /// Why sessions ended early, if any did.
    pub disconnects: Vec<String>,
}

#[derive(Clone, Copy, Debug)]
struct Sent {
    due_ns: u64,
    answered: bool,
    over: bool,
}

/// All orders of a run with their answers.
struct Book {
    /// Start of every `ClOrdID` of this run, different from any other run's.
    prefix: String,
    orders: Vec<Sent>,
    summary: Summary,
    answers: Latencies,
    overs: Latencies,
    lateness: Latencies,
}

impl Book {
    fn told(&mut self, now_ns: u64, told: &Told<'_>) {
        match told {
            Told::App(message, _) => self.message(now_ns, message),
            Told::Rejected(message) => self.malformed(message),
            Told::Disconnected(why) => self.summary.disconnects.push(why.clone()),
            Told::LoggedOn | Told::Odd(_) => {}
        }
    }

    fn place(&self, id: &[u8]) -> Option<usize> {
        let number = id.strip_prefix(self.prefix.as_bytes())?;
        core::str::from_utf8(number).ok()?.parse().ok().filter(|at| *at < self.orders.len())
    }

    fn message(&mut self, now_ns: u64, message: &Message<'_>) {
        let value = |tag| message.get(tag).unwrap_or(b"");
        match message.msg_type() {
            msg_type::EXECUTION_REPORT => {
                let status = value(tags::ORD_STATUS);
                let refused = (status == b"8").then(|| value(tags::TEXT));
                let over = matches!(status, b"2" | b"3" | b"4" | b"8" | b"C");
                self.summary.fills += u64::from(value(tags::EXEC_TYPE) == b"F");
                self.answer(now_ns, value(tags::CL_ORD_ID), refused, over);
            }
            msg_type::BUSINESS_MESSAGE_REJECT => {
                let id = value(tags::BUSINESS_REJECT_REF_ID);
                self.answer(now_ns, id, Some(value(tags::TEXT)), true);
            }
            _ => {}
        }
    }

    /// A Reject (35=3) names a sequence number and no order. Its text is reported among the
    /// disconnects, and the order counts as unanswered.
    fn malformed(&mut self, message: &Message<'_>) {
        let why = format!("message rejected: {message}");
        if !self.summary.disconnects.contains(&why) && self.summary.disconnects.len() < 16 {
            self.summary.disconnects.push(why);
        }
    }

    fn answer(&mut self, now_ns: u64, id: &[u8], refused: Option<&[u8]>, over: bool) {
        let Some(at) = self.place(id) else { return };
        let Some(order) = self.orders.get_mut(at) else { return };
        let latency_ns = now_ns.saturating_sub(order.due_ns);
        if !order.answered {
            order.answered = true;
            self.answers.record(latency_ns);
            match refused {
                None => self.summary.accepted += 1,
                Some(word) => {
                    let word = String::from_utf8_lossy(word).into_owned();
                    self.summary.refused += 1;
                    *self.summary.refused_by.entry(word).or_default() += 1;
                }
            }
        }
        if over && !order.over {
            order.over = true;
            self.summary.over += 1;
            self.overs.record(latency_ns);
        }
    }
}

/// Runs the load and prints the summary as one JSON object.
///
/// # Errors
/// No connection or logon; more orders than a run may have; a part that could not be started.
pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let total = arguments.rate * arguments.seconds;
    if total > ORDERS_MAX {
        bail!("{total} orders are more than {ORDERS_MAX}");
    }
    if let Some(address) = &arguments.address {
        return load(arguments, resolve(address)?, arguments.pid);
    }
    let mut folder = tempfile::Builder::new().prefix("rutter-load-").tempdir()?;
    if arguments.keep {
        folder.disable_cleanup(true);
        eprintln!("kept in {}", folder.path().display());
    }
    let still = VenuesConfig { flowing: Flowing::Still, ..VenuesConfig::default() };
    let venues = Venues::start(&still, folder.path())?;
    let mut settings = NodeSettings::new(free_address()?);
    settings.sessions = ClientSession::desks(usize::from(arguments.sessions));
    settings.venues = arguments.venues.iter().map(|name| venue(name)).collect::<Result<_, _>>()?;
    // The books stand still, so no update arrives for the whole run.
    settings.stale_after_ms = 3_600_000;
    let config = write_node_config(folder.path(), &venues, &settings)?;
    let mut node = Node::start(&node_program()?, &config, folder.path())?;
    node.wait_ready(READY_DEFAULT)?;
    load(arguments, settings.listen, Some(node.pid()))?;
    if arguments.verbose {
        eprintln!("{:#}\n{}", node.status()?, node.log_end());
    }
    node.terminate(END_PATIENCE)?;
    Ok(venues.stop()?)
}

fn venue(name: &str) -> anyhow::Result<Venue> {
    Venue::from_name(name).with_context(|| format!("no venue is called {name}"))
}

fn load(arguments: &Arguments, address: SocketAddr, pid: Option<u32>) -> anyhow::Result<()> {
    let total = arguments.rate * arguments.seconds;
    let mut poll = ClientPoll::new()?;
    let mut clients = Vec::new();
    for number in 1..=arguments.sessions {
        let config = ClientConfig {
            reset: true,
            ..ClientConfig::new(
                address,
                &format!("{}{number}", arguments.comp_id_prefix),
                &format!("{}{number}", arguments.password_prefix),
            )
        };
        let mut client = FixClient::connect(&config)?;
        client.wait_logon(LOGON_PATIENCE)?;
        client.register(poll.registry(), mio::Token(usize::from(number)))?;
        clients.push(client);
    }
    let mut book = Book {
        prefix: format!("L{:x}-", unix_ns() / 1_000_000),
        orders: Vec::with_capacity(total as usize),
        summary: Summary { rate: arguments.rate, ..Summary::default() },
        answers: Latencies::default(),
        overs: Latencies::default(),
        lateness: Latencies::default(),
    };
    book.summary.memory_before = pid.and_then(memory);
    let (first_ns, last_ns) = send_all(arguments, total, &mut clients, &mut poll, &mut book)?;
    wait_answers(&mut clients, &mut poll, &mut book)?;
    for client in &mut clients {
        client.logout(unix_ns())?;
    }
    let mut summary = book.summary;
    summary.memory_after = pid.and_then(memory);
    summary.unanswered = summary.sent - summary.accepted - summary.refused;
    let span_s = last_ns.saturating_sub(first_ns) as f64 / 1e9;
    summary.achieved_rate = (summary.sent.saturating_sub(1)) as f64 / span_s.max(1e-9);
    summary.answer_ns = book.answers.quantiles();
    summary.over_ns = book.overs.quantiles();
    summary.lateness_ns = book.lateness.quantiles();
    println!("{}", serde_json::to_string(&summary)?);
    if summary.lateness_ns.p99 > SECOND_NS / 10 {
        eprintln!("this tool was late: p99 {}", duration_text(summary.lateness_ns.p99));
    }
    Ok(())
}

/// Sends every order at its time; returns the times at which the first and the last were sent.
fn send_all(
    arguments: &Arguments,
    total: u64,
    clients: &mut [FixClient],
    poll: &mut ClientPoll,
    book: &mut Book,
) -> anyhow::Result<(u64, u64)> {
    let Some(qty_e8) = parse_e8(&arguments.qty) else { bail!("--qty is no quantity") };
    let buy_limit_e8 = match arguments.buy_limit.as_deref().map(parse_e8) {
        Some(None) => bail!("--buy-limit is no price"),
        limit => limit.flatten(),
    };
    let start_ns = unix_ns();
    let due = |number: u64| start_ns + number * SECOND_NS / arguments.rate;
    let (mut first_ns, mut last_ns) = (start_ns, start_ns);
    let mut number = 0;
    let mut progress = Progress::new("orders", arguments.progress);
    while number < total {
        progress.show(number, total);
        for _ in 0..BURST_MAX {
            let now_ns = unix_ns();
            if number == total || due(number) > now_ns {
                break;
            }
            let side = if number.is_multiple_of(2) { Side::Buy } else { Side::Sell };
            let cl_ord_id = format!("{}{number}", book.prefix);
            let order = Order {
                cl_ord_id: &cl_ord_id,
                symbol: &arguments.symbol,
                side,
                qty_e8,
                limit_e8: buy_limit_e8.filter(|_| side == Side::Buy),
                tif: Tif::Ioc,
            };
            let session = (number / 2) as usize % clients.len();
            clients[session].new_order(now_ns, &order)?;
            book.orders.push(Sent { due_ns: due(number), answered: false, over: false });
            book.lateness.record(now_ns - due(number));
            book.summary.sent += 1;
            first_ns = if number == 0 { now_ns } else { first_ns };
            last_ns = now_ns;
            number += 1;
        }
        turn(clients, book)?;
        if number < total {
            poll.wait(due(number).min(unix_ns() + SLEEP_NS_MAX))?;
        }
    }
    Ok((first_ns, last_ns))
}

fn turn(clients: &mut [FixClient], book: &mut Book) -> anyhow::Result<()> {
    for client in clients {
        client.turn(unix_ns(), &mut |told| book.told(unix_ns(), &told))?;
    }
    Ok(())
}

fn wait_answers(
    clients: &mut [FixClient],
    poll: &mut ClientPoll,
    book: &mut Book,
) -> anyhow::Result<()> {
    let end_ns = unix_ns() + ANSWERS_NS_MAX;
    while book.summary.over < book.summary.sent
        && unix_ns() < end_ns
        && clients.iter().any(FixClient::is_logged_on)
    {
        turn(clients, book)?;
        poll.wait(unix_ns() + SLEEP_NS_MAX)?;
    }
    Ok(())
}
