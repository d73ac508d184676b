//! `rutter-tools client`: a FIX client that a person drives, line by line.
//!
//! A line belongs here if it reads a command or prints a report. The session is the parent module.

use std::collections::BTreeMap;
use std::io::BufRead;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};
use std::time::Duration;

use anyhow::{Context, bail};
use rutter_sim::market::e8_text;

use crate::client::{
    ClientConfig, ClientPoll, FixClient, Order, Report, Side, Tif, Told, parse_e8,
};
use crate::clock::unix_ns;

/// Most lines that are read ahead of their execution.
const LINES_MAX: usize = 1_024;

/// Longest sleep between two checks of the keyboard, nanoseconds.
const LOOK_NS: u64 = 20_000_000;

/// Reports are still shown for this long after the end of input, nanoseconds.
const LINGER_NS: u64 = 2_000_000_000;

const LOGON_PATIENCE: Duration = Duration::from_secs(10);

const HELP: &str = "\
  buy QTY SYMBOL [at PRICE] [day|gtc|ioc|fok]    without a price: market
  sell QTY SYMBOL [at PRICE] [day|gtc|ioc|fok]
  cancel ID
  status ID
  help
  quit";

/// `rutter-tools client`
#[derive(Clone, Debug, clap::Args)]
pub struct Arguments {
    /// The node's FIX address, `host:port`.
    pub address: String,
    /// `CompID` of the client.
    #[arg(long, default_value = "DESK1")]
    pub comp_id: String,
    /// Password of the client.
    #[arg(long)]
    pub password: String,
    /// `CompID` of the node.
    #[arg(long, default_value = "RUTTER")]
    pub target: String,
    /// Log on with sequence number 1 but without a reset: right only for the first logon of a
    /// session. By default the Logon resets both numbers (141=Y).
    #[arg(long)]
    pub no_reset: bool,
}

/// The first address of `host:port`.
///
/// # Errors
/// The name cannot be resolved.
pub fn resolve(text: &str) -> anyhow::Result<SocketAddr> {
    let mut found = text.to_socket_addrs().with_context(|| format!("address {text}"))?;
    found.next().with_context(|| format!("address {text}"))
}

/// Symbol and side of each order of this run, by `ClOrdID`.
type Orders = BTreeMap<String, (String, Side)>;

/// Runs until `quit`, the end of input, or the end of the connection.
///
/// # Errors
/// No connection, no logon.
pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let config = ClientConfig {
        address: resolve(&arguments.address)?,
        comp_id: arguments.comp_id.clone(),
        target: arguments.target.clone(),
        password: arguments.password.clone(),
        reset: !arguments.no_reset,
    };
    let mut client = FixClient::connect(&config)?;
    client.wait_logon(LOGON_PATIENCE)?;
    println!("logged on as {}; help shows the commands", arguments.comp_id);
    let mut poll = ClientPoll::new()?;
    client.register(poll.registry(), mio::Token(0))?;
    let lines = keyboard()?;
    let mut orders = Orders::new();
    // Ids must differ from those of earlier runs.
    let prefix = format!("k{:x}", unix_ns() / 1_000_000);
    let mut ends_ns = None;
    let mut gone = None;
    while gone.is_none() && ends_ns.is_none_or(|end_ns| unix_ns() < end_ns) {
        let now_ns = unix_ns();
        match lines.try_recv() {
            Ok(line) if line.trim() == "quit" => ends_ns = Some(now_ns),
            Ok(line) => {
                if let Err(error) = command(&line, &prefix, &mut orders, &mut client) {
                    println!("? {error:#}");
                }
            }
            Err(TryRecvError::Disconnected) => {
                ends_ns.get_or_insert(now_ns + LINGER_NS);
            }
            Err(TryRecvError::Empty) => {}
        }
        client.turn(now_ns, &mut |told| match told {
            Told::App(message, poss_dup) => match Report::read(&message, poss_dup) {
                Some(report) => println!("{}", words(&report)),
                None => println!("{message}"),
            },
            Told::Rejected(message) => println!("rejected as malformed: {message}"),
            Told::Odd(warning) => println!("odd: {warning:?}"),
            Told::Disconnected(why) => gone = Some(why),
            Told::LoggedOn => {}
        })?;
        poll.wait(now_ns + LOOK_NS)?;
    }
    if let Some(why) = gone {
        bail!("disconnected: {why}");
    }
    client.logout(unix_ns())?;
    Ok(())
}

/// Reads standard input in a thread of its own, since such a read blocks.
fn keyboard() -> std::io::Result<Receiver<String>> {
    let (send, lines) = sync_channel(LINES_MAX);
    std::thread::Builder::new().name("keyboard".to_owned()).spawn(move || {
        for line in std::io::stdin().lock().lines() {
            let Ok(line) = line else { return };
            if send.send(line).is_err() {
                return;
            }
        }
    })?;
    Ok(lines)
}

/// An order as read from a line, without an id.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Wanted {
    side: Side,
    qty_e8: i64,
    symbol: String,
    limit_e8: Option<i64>,
    tif: Tif,
}

fn command(
    line: &str,
    prefix: &str,
    orders: &mut Orders,
    client: &mut FixClient,
) -> anyhow::Result<()> {
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    let now_ns = unix_ns();
    match words.as_slice() {
        [] => {}
        ["help"] => println!("{HELP}"),
        ["buy" | "sell", ..] => {
            let wanted = wanted(&words)?;
            let id = format!("{prefix}-{}", orders.len() + 1);
            client.new_order(
                now_ns,
                &Order {
                    cl_ord_id: &id,
                    symbol: &wanted.symbol,
                    side: wanted.side,
                    qty_e8: wanted.qty_e8,
                    limit_e8: wanted.limit_e8,
                    tif: wanted.tif,
                },
            )?;
            println!("{id} sent");
            orders.insert(id, (wanted.symbol, wanted.side));
        }
        [what @ ("cancel" | "status"), id] => {
            let (symbol, side) = orders.get(*id).context("no such order in this run")?;
            if *what == "cancel" {
                let request = format!("{prefix}-c{:x}", now_ns / 1_000);
                client.cancel(now_ns, &request, id, symbol, *side)?;
            } else {
                client.status(now_ns, id, symbol, *side)?;
            }
        }
        _ => bail!("not understood; help shows the commands"),
    }
    Ok(())
}

fn wanted(words: &[&str]) -> anyhow::Result<Wanted> {
    let (side, rest) = match words {
        ["buy", rest @ ..] => (Side::Buy, rest),
        ["sell", rest @ ..] => (Side::Sell, rest),
        _ => bail!("buy or sell?"),
    };
    let [qty, symbol, rest @ ..] = rest else { bail!("a quantity and a symbol are needed") };
    let (limit, rest) = match rest {
        ["at", price, rest @ ..] => (Some(*price), rest),
        rest => (None, rest),
    };
    let tif = match rest {
        [] if limit.is_none() => Tif::Ioc,
        [] | ["gtc"] => Tif::Gtc,
        ["day"] => Tif::Day,
        ["ioc"] => Tif::Ioc,
        ["fok"] => Tif::Fok,
        _ => bail!("day, gtc, ioc or fok?"),
    };
    let limit_e8 = limit.map(|price| parse_e8(price).context("not a price")).transpose()?;
    Ok(Wanted {
        side,
        qty_e8: parse_e8(qty).context("not a quantity")?,
        symbol: (*symbol).to_owned(),
        limit_e8,
        tif,
    })
}

/// A report as a sentence.
fn words(report: &Report) -> String {
    let id =
        if report.orig_cl_ord_id.is_empty() { &report.cl_ord_id } else { &report.orig_cl_ord_id };
    let again = if report.poss_dup { " (sent again)" } else { "" };
    let because = if report.text.is_empty() { String::new() } else { format!(": {}", report.text) };
    let what = match (report.kind, &report.last) {
        ('0', _) => format!("accepted as {}", report.order_id),
        ('4', _) => format!("canceled after {}{because}", e8_text(report.cum_e8)),
        ('6', _) => "cancel pending".to_owned(),
        ('8', _) => format!("refused{because}"),
        ('C', _) => format!("expired after {}{because}", e8_text(report.cum_e8)),
        ('x', _) => format!("cancel refused{because}"),
        ('I', _) => format!("status {}{because}", status(report.status)),
        ('F', Some(last)) => format!(
            "{} {} at {} on {} as {}, fee {} {}; {} filled, {} left",
            if report.leaves_e8 == 0 { "filled" } else { "partly filled" },
            e8_text(last.qty_e8),
            e8_text(last.price_e8),
            last.venue,
            if last.maker { "maker" } else { "taker" },
            rust_decimal::Decimal::try_from_i128_with_scale(last.fee_e18, 18)
                .map_or_else(|_| "?".to_owned(), |fee| fee.normalize().to_string()),
            last.fee_asset,
            e8_text(report.cum_e8),
            e8_text(report.leaves_e8),
        ),
        (kind, _) => format!("report {kind}, status {}{because}", status(report.status)),
    };
    format!("{id} {what}{again}")
}

fn status(status: char) -> String {
    match status {
        '0' => "new".to_owned(),
        '1' => "partly filled".to_owned(),
        '2' => "filled".to_owned(),
        '4' => "canceled".to_owned(),
        '6' => "cancel pending".to_owned(),
        '8' => "rejected".to_owned(),
        'C' => "expired".to_owned(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::Execution;

    fn read(line: &str) -> Option<Wanted> {
        wanted(&line.split(' ').collect::<Vec<_>>()).ok()
    }

    #[test]
    fn lines_read_as_orders() {
        let market = read("buy 0.5 BTC/USDT").expect("an order");
        assert_eq!((market.limit_e8, market.tif), (None, Tif::Ioc));
        assert_eq!(market.qty_e8, 50_000_000);
        let limit = read("sell 1 ETH/USDT at 3000.5 fok").expect("an order");
        assert_eq!(limit.limit_e8, Some(300_050_000_000));
        assert_eq!((limit.side, limit.tif), (Side::Sell, Tif::Fok));
        assert_eq!(read("buy BTC/USDT"), None);
        assert_eq!(read("buy 1 BTC/USDT at dawn"), None);
        assert_eq!(read("buy 1 BTC/USDT at 5 maybe"), None);
    }

    #[test]
    fn a_fill_reads_as_a_sentence() {
        let report = Report {
            kind: 'F',
            status: '1',
            cl_ord_id: "a".to_owned(),
            cum_e8: 50_000_000,
            leaves_e8: 50_000_000,
            last: Some(Execution {
                qty_e8: 50_000_000,
                price_e8: 6_000_000_000_000,
                venue: "kraken".to_owned(),
                maker: false,
                fee_e18: 30_000_000_000_000_000_000,
                fee_asset: "USDT".to_owned(),
            }),
            ..Report::default()
        };
        assert_eq!(
            words(&report),
            "a partly filled 0.5 at 60000 on kraken as taker, fee 30 USDT; 0.5 filled, 0.5 left"
        );
    }
}
