//! `rutter-tools sim`: both simulated exchanges on real sockets, faults on command.

use std::io::{BufRead, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use anyhow::Context;

use crate::harness::{ClientSession, NodeSettings, Venue, Venues, VenuesConfig, write_node_config};
use rutter_sim::faults::{CutPoint, Fault};

/// Longest line that is read from standard input.
const LINE_BYTES_MAX: usize = 4_096;

const MS_NS: u64 = 1_000_000;

const HELP: &str = "\
VENUE is binance, kraken or all. One command a line:
  disconnect VENUE              close all connections now
  halfopen VENUE                keep connections open, read and send nothing until heal
  heal VENUE                    end half-open states, disarm what is armed
  delay VENUE MS [FRAMES]       the next frames leave MS later (default 1 frame)
  drop VENUE [FRAMES]           the next frames are lost
  duplicate VENUE               the next frame comes twice
  reorder VENUE                 the next two frames change places
  cut VENUE before|unacked|acked
                                the next order's connection is cut: before the venue sees it,
                                after it with no answer, after the answer
  corrupt VENUE                 the next book update is wrong (checksum, or update ids)
  reject VENUE CODE TEXT        the next order is refused so
  maintenance VENUE SECONDS     notice, then closed
  ratelimit VENUE SECONDS       requests are refused
  counters                      connections and messages so far, as JSON
  help                          this
  quit                          end (so does the end of input)";

/// `rutter-tools sim`
#[derive(Clone, Debug, clap::Args)]
pub struct Arguments {
    /// First of four ports of Binance: web, FIX, web over TLS, FIX over TLS; 0 picks free ones.
    #[arg(long, default_value_t = 0)]
    pub binance_port: u16,
    /// First of two ports of Kraken: web, web over TLS; 0 picks free ones.
    #[arg(long, default_value_t = 0)]
    pub kraken_port: u16,
    /// Where the node that node.toml configures listens for FIX clients.
    #[arg(long, default_value_t = SocketAddr::from((Ipv4Addr::LOCALHOST, 9878)))]
    pub fix_listen: SocketAddr,
    /// Client sessions in node.toml: DESK1 and on, with passwords password-1 and on.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    pub sessions: u16,
    /// The node speaks TLS to the venues.
    #[arg(long)]
    pub tls: bool,
    /// Seed of prices and keys.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Folder for CA certificate, keys and node.toml.
    #[arg(long, default_value = "rutter-sim")]
    pub dir: PathBuf,
}

/// Runs the simulators until `quit` or the end of input.
///
/// # Errors
/// A port is taken, a file cannot be written.
pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    std::fs::create_dir_all(&arguments.dir)?;
    let dir = arguments.dir.canonicalize().context("the folder")?;
    let config = VenuesConfig {
        seed: arguments.seed,
        binance_port: arguments.binance_port,
        kraken_port: arguments.kraken_port,
        ..VenuesConfig::default()
    };
    let venues = Venues::start(&config, &dir)?;
    let mut settings = NodeSettings::new(arguments.fix_listen);
    settings.sessions = ClientSession::desks(usize::from(arguments.sessions));
    settings.tls = arguments.tls;
    let node_config = write_node_config(&dir, &venues, &settings)?;
    let shown = |address: Option<SocketAddr>| address.map(|at| at.to_string());
    let ready = serde_json::json!({
        "binance": {
            "web": shown(venues.web(Venue::Binance, false)),
            "fix": shown(venues.fix(false)),
            "web_tls": shown(venues.web(Venue::Binance, true)),
            "fix_tls": shown(venues.fix(true)),
        },
        "kraken": {
            "web": shown(venues.web(Venue::Kraken, false)),
            "web_tls": shown(venues.web(Venue::Kraken, true)),
        },
        "ca": dir.join("ca.pem"),
        "keys": dir.join("keys.json"),
        "node_config": node_config,
    });
    say(&ready.to_string())?;
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        if line.len() > LINE_BYTES_MAX {
            say("error: line too long")?;
            continue;
        }
        match line.trim() {
            "" => {}
            "quit" => break,
            "help" => say(HELP)?,
            "counters" => say(&counters(&venues)?)?,
            command => match inject(&venues, command) {
                Ok(()) => say("ok")?,
                Err(reason) => say(&format!("error: {reason}; try help"))?,
            },
        }
    }
    venues.stop()?;
    Ok(())
}

fn say(text: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}")?;
    out.flush()
}

fn counters(venues: &Venues) -> anyhow::Result<String> {
    let counters = venues.server().counters().context("the simulators have ended")?;
    Ok(serde_json::json!({
        "accepted": counters.accepted, "refused": counters.refused, "open": counters.open,
        "messages_in": counters.messages_in, "messages_out": counters.messages_out,
        "slow_readers": counters.slow_readers,
    })
    .to_string())
}

fn inject(venues: &Venues, command: &str) -> Result<(), String> {
    let words: Vec<&str> = command.split_ascii_whitespace().collect();
    let at = words.get(1).ok_or("which venue?")?;
    let fault = fault(&words)?;
    let named = Venue::from_name(at).map(|venue| vec![venue]);
    let all = (*at == "all").then(|| Venue::ALL.to_vec());
    for venue in named.or(all).ok_or_else(|| format!("unknown venue {at}"))? {
        venues.inject(venue, fault.clone());
    }
    Ok(())
}

/// The fault that a line's words ask for; the venue is the second word.
fn fault(words: &[&str]) -> Result<Fault, String> {
    let number = |place: usize, default: Option<u64>| match (words.get(place), default) {
        (Some(word), _) => word.parse::<u64>().map_err(|_| format!("{word} is no number")),
        (None, Some(default)) => Ok(default),
        (None, None) => Err("a number is missing".to_owned()),
    };
    let frames = |place| number(place, Some(1)).map(|n| u32::try_from(n).unwrap_or(u32::MAX));
    let seconds_ns = || Ok::<_, String>(number(2, None)?.saturating_mul(1_000 * MS_NS));
    Ok(match *words.first().unwrap_or(&"") {
        "disconnect" => Fault::Disconnect,
        "halfopen" => Fault::HalfOpen,
        "heal" => Fault::Heal,
        "delay" => {
            Fault::Delay { delay_ns: number(2, None)?.saturating_mul(MS_NS), frames: frames(3)? }
        }
        "drop" => Fault::Drop { frames: frames(2)? },
        "duplicate" => Fault::Duplicate,
        "reorder" => Fault::Reorder,
        "cut" => Fault::CutOnOrder(match words.get(2).copied() {
            Some("before") => CutPoint::BeforeProcessing,
            Some("unacked") => CutPoint::BeforeAck,
            Some("acked") => CutPoint::AfterAck,
            _ => return Err("before, unacked or acked?".to_owned()),
        }),
        "corrupt" => Fault::CorruptBook,
        "reject" => Fault::RejectNextOrder {
            code: words.get(2).and_then(|word| word.parse().ok()).ok_or("which code?")?,
            text: words.get(3..).unwrap_or(&[]).join(" "),
        },
        "maintenance" => Fault::Maintenance { for_ns: seconds_ns()? },
        "ratelimit" => Fault::RateLimit { for_ns: seconds_ns()? },
        other => return Err(format!("unknown command {other}")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Fault, String> {
        fault(&line.split(' ').collect::<Vec<_>>())
    }

    #[test]
    fn every_command_of_the_help_is_understood() {
        for line in [
            "disconnect all",
            "halfopen kraken",
            "heal kraken",
            "delay binance 20 3",
            "drop binance",
            "duplicate binance",
            "reorder binance",
            "cut binance unacked",
            "corrupt kraken",
            "reject binance -2010 no such luck",
            "maintenance kraken 5",
            "ratelimit kraken 5",
        ] {
            let word = line.split(' ').next().expect("a word");
            assert!(HELP.contains(&format!("  {word} VENUE")), "{word}");
            assert!(read(line).is_ok(), "{line}");
        }
        let text = "no such luck".to_owned();
        let reject = Fault::RejectNextOrder { code: -2010, text };
        assert_eq!(read("reject binance -2010 no such luck"), Ok(reject));
    }

    #[test]
    fn what_is_no_command_is_refused_with_a_reason() {
        assert!(read("explode binance").is_err());
        assert!(read("delay binance soon").is_err());
        assert!(read("cut binance").is_err());
        assert!(read("maintenance kraken").is_err());
    }
}
