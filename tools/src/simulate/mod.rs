//! `rutter-tools sim`: the simulated venues on real sockets, faults on command.
//!
//! A line belongs here if it reads a command line or prints its answer. Starting the venues is
//! `harness`, the effect of a fault is `rutter_sim::faults`.

use std::collections::BTreeMap;
use std::io::{BufRead, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use anyhow::Context;
use rutter_sim::Venue;
use rutter_sim::faults::{CutPoint, Fault};
use rutter_sim::venue::Endpoint;
use serde_json::Value;

use crate::harness::{ClientSession, NodeSettings, Venues, VenuesConfig, write_node_config};

/// Longest accepted line of standard input.
const LINE_BYTES_MAX: usize = 4_096;

const MS_NS: u64 = 1_000_000;

/// The commands; printed after the names of the venues.
const HELP: &str = "\
One command a line:
  disconnect VENUE              close all connections now
  halfopen VENUE                keep connections open, read and send nothing until heal
  heal VENUE                    end half-open states, disarm armed faults
  delay VENUE MS [FRAMES]       the next frames leave MS later (default 1 frame)
  drop VENUE [FRAMES]           the next frames are lost
  duplicate VENUE               the next frame comes twice
  reorder VENUE                 the next two frames change places
  cut VENUE before|unacked|acked
                                the next order's connection is cut: before the venue sees it,
                                after it with no answer, after the answer
  corrupt VENUE                 the next book update is wrong (checksum, or update ids)
  reject VENUE CODE TEXT        the next order is refused with this code and text
  maintenance VENUE SECONDS     a notice, then connections are closed and requests refused
  ratelimit VENUE SECONDS       requests are refused
  counters                      connections and messages so far, as JSON
  help                          this
  quit                          end (so does the end of input)";

/// `rutter-tools sim`
#[derive(Clone, Debug, clap::Args)]
pub struct Arguments {
    /// Ports of the venues.
    #[command(flatten)]
    pub ports: Ports,
    /// Address in node.toml where the node listens for FIX clients.
    #[arg(long, default_value_t = SocketAddr::from((Ipv4Addr::LOCALHOST, 9878)))]
    pub fix_listen: SocketAddr,
    /// Number of client sessions in node.toml: DESK1 with password-1, DESK2 with password-2, ...
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    pub sessions: u16,
    /// The node in node.toml speaks TLS to the venues.
    #[arg(long)]
    pub tls: bool,
    /// Seed of prices and keys.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Folder for CA certificate, keys and node.toml.
    #[arg(long, default_value = "rutter-sim")]
    pub dir: PathBuf,
}

/// First port of each venue's listeners: one option a venue, such as `--binance-port`.
#[derive(Clone, Debug, Default)]
pub struct Ports(BTreeMap<Venue, u16>);

impl clap::Args for Ports {
    fn augment_args(command: clap::Command) -> clap::Command {
        Venue::ALL.into_iter().fold(command, |command, venue| command.arg(port_option(venue)))
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        Self::augment_args(command)
    }
}

impl clap::FromArgMatches for Ports {
    fn from_arg_matches(matches: &clap::ArgMatches) -> Result<Self, clap::Error> {
        let mut ports = Self::default();
        ports.update_from_arg_matches(matches)?;
        Ok(ports)
    }

    fn update_from_arg_matches(&mut self, matches: &clap::ArgMatches) -> Result<(), clap::Error> {
        let given = |venue: Venue| {
            let port = matches.get_one::<u16>(venue.port_option());
            port.map(|port| (venue, *port))
        };
        self.0.extend(Venue::ALL.into_iter().filter_map(given));
        Ok(())
    }
}

fn port_option(venue: Venue) -> clap::Arg {
    let endpoints = venue.terms().endpoints();
    let names: Vec<&str> = endpoints.iter().map(|endpoint| endpoint.name).collect();
    let (name, count) = (venue.name(), names.len());
    clap::Arg::new(venue.port_option())
        .long(venue.port_option())
        .value_name("PORT")
        .value_parser(clap::value_parser!(u16))
        .default_value("0")
        .help(format!("First of {name}'s {count} ports ({}); 0 picks free ones", names.join(", ")))
}

/// Runs the venues until `quit` or the end of input.
///
/// # Errors
/// A port is taken, a file cannot be written.
pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    std::fs::create_dir_all(&arguments.dir)?;
    let dir = arguments.dir.canonicalize().context("the folder")?;
    let ports = arguments.ports.0.clone();
    let config = VenuesConfig { seed: arguments.seed, ports, ..VenuesConfig::default() };
    let venues = Venues::start(&config, &dir)?;
    let mut settings = NodeSettings::new(arguments.fix_listen);
    settings.sessions = ClientSession::desks(usize::from(arguments.sessions));
    settings.tls = arguments.tls;
    let node_config = write_node_config(&dir, &venues, &settings)?;
    say(&ready(&dir, &venues, &node_config))?;
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        if line.len() > LINE_BYTES_MAX {
            say("error: line too long")?;
            continue;
        }
        match line.trim() {
            "" => {}
            "quit" => break,
            "help" => say(&help())?,
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

/// Addresses and files of the venues as one line of JSON, keyed by venue and listener.
fn ready(dir: &Path, venues: &Venues, node_config: &Path) -> String {
    let mut ready = serde_json::Map::new();
    for venue in Venue::ALL {
        let address = |endpoint: &Endpoint| {
            let address = venues.address(venue, endpoint.kind, endpoint.tls);
            (endpoint.name.to_owned(), serde_json::json!(address.map(|at| at.to_string())))
        };
        let addresses = venue.terms().endpoints().iter().map(address).collect();
        ready.insert(venue.name().to_owned(), Value::Object(addresses));
    }
    for (name, path) in [
        ("ca", dir.join("ca.pem")),
        ("keys", dir.join("keys.json")),
        ("node_config", node_config.to_owned()),
    ] {
        ready.insert(name.to_owned(), serde_json::json!(path));
    }
    Value::Object(ready).to_string()
}

fn help() -> String {
    let names = Venue::ALL.map(Venue::name).join(", ");
    format!("VENUE is {names} or all. {HELP}")
}

fn say(text: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}")?;
    out.flush()
}

fn counters(venues: &Venues) -> anyhow::Result<String> {
    let counters = venues.server().counters().context("the simulated venues have ended")?;
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

/// The fault that the words of a line ask for. The second word names the venue.
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
    use clap::Parser as _;

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

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        arguments: Arguments,
    }

    #[test]
    fn every_venue_has_a_port_option_that_defaults_to_free_ports() {
        let read = |line: &[&str]| Line::try_parse_from(line).map(|line| line.arguments.ports.0);
        let none = read(&["sim"]).expect("no option is required");
        assert_eq!(none, Venue::ALL.map(|venue| (venue, 0)).into());
        for venue in Venue::ALL {
            let option = format!("--{}-port", venue.name());
            let ports = read(&["sim", &option, "4000"]).expect("a known option");
            assert_eq!(ports[&venue], 4_000);
        }
    }

    #[test]
    fn what_is_no_command_is_refused_with_a_reason() {
        assert!(read("explode binance").is_err());
        assert!(read("delay binance soon").is_err());
        assert!(read("cut binance").is_err());
        assert!(read("maintenance kraken").is_err());
    }
}
