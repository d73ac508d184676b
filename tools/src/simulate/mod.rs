//! `rutter-tools sim`: the simulated venues on real sockets, faults on command.
//!
//! A line belongs here if it is an option, or starts and ends the command. Commands arrive on
//! standard input, on a Unix socket (`doors`) and from a page (`page`); what they mean is
//! `command`. Starting the venues is `harness`.

mod command;
mod doors;
mod page;

use std::collections::BTreeMap;
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use anyhow::Context;
use rutter_sim::Venue;
use rutter_sim::market::LEVELS;
use rutter_sim::venue::Endpoint;
use serde_json::Value;

use crate::harness::{ClientSession, NodeSettings, Venues, VenuesConfig, write_node_config};
use crate::interrupt;

/// Longest sleep between two looks for a signal.
const LOOK: Duration = Duration::from_millis(100);

/// Name of the socket in the folder.
const SOCKET: &str = "sim.sock";

/// `rutter-tools sim`
#[derive(Clone, Debug, clap::Args)]
pub struct Arguments {
    /// Ports of the venues.
    #[command(flatten)]
    pub ports: Ports,
    /// Address in node.toml where the node listens for FIX clients.
    #[arg(long, default_value_t = SocketAddr::from((Ipv4Addr::LOCALHOST, 9878)))]
    pub fix_listen: SocketAddr,
    /// Address in node.toml of the node's metrics; absent: no metrics.
    #[arg(long)]
    pub metrics_listen: Option<SocketAddr>,
    /// Number of client sessions in node.toml: DESK1 with password-1, DESK2 with password-2, ...
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    pub sessions: u16,
    /// The node in node.toml speaks TLS to the venues.
    #[arg(long)]
    pub tls: bool,
    /// The node in node.toml has a second account at each venue, such as binance-b, and an account
    /// fund-b whose orders go by these. Its session is the last one, so there are at least two.
    #[arg(long)]
    pub second_accounts: bool,
    /// Seed of prices and keys.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Price levels a side that the background quotes. A venue's whole depth (1,000, or 5,000 in a
    /// snapshot) costs the simulation more processor time.
    #[arg(
        long,
        default_value_t = LEVELS,
        value_parser = clap::value_parser!(u32).range(LEVELS as i64..=5_000)
    )]
    pub levels: u32,
    /// Address of the page with the fault commands, on loopback: the page has no password.
    #[arg(long, default_value_t = SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))]
    pub page: SocketAddr,
    /// Folder for CA certificate, keys, node.toml and the commands' socket, sim.sock.
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

/// Runs the venues until `quit`, SIGINT or SIGTERM. The end of standard input ends nothing.
///
/// # Errors
/// A port or the folder's socket is taken, a file cannot be written.
pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let stop = interrupt::flag()?;
    std::fs::create_dir_all(&arguments.dir)?;
    let dir = arguments.dir.canonicalize().context("the folder")?;
    let (ask, asked) = doors::line();
    let socket = doors::Socket::open(&dir.join(SOCKET), &ask).context("the commands' socket")?;
    let page = page::open(arguments.page, &ask).context("the page")?;
    let ports = arguments.ports.0.clone();
    let deep_levels = arguments.levels.saturating_sub(LEVELS);
    let config =
        VenuesConfig { seed: arguments.seed, ports, deep_levels, ..VenuesConfig::default() };
    let venues = Venues::start(&config, &dir)?;
    let mut settings = NodeSettings::new(arguments.fix_listen);
    settings.sessions = ClientSession::desks(usize::from(arguments.sessions));
    settings.tls = arguments.tls;
    if arguments.second_accounts {
        settings.further = Venue::ALL.to_vec();
        settings.sessions = ClientSession::desks(usize::from(arguments.sessions.max(2)));
    }
    settings.metrics = arguments.metrics_listen;
    let node_config = write_node_config(&dir, &venues, &settings)?;
    let mut ready = ready(&dir, &venues, &node_config);
    ready.insert("socket".to_owned(), serde_json::json!(socket.path()));
    ready.insert("page".to_owned(), serde_json::json!(format!("http://{page}/")));
    say(&Value::Object(ready).to_string())?;
    doors::standard_input(ask)?;
    while !stop.load(Ordering::Relaxed) {
        match asked.recv_timeout(LOOK) {
            Ok(doors::Asked { line, answer }) => match command::answer(&venues, &line) {
                // A door that has gone needs no answer.
                Some(text) => drop(answer.send(text)),
                None => break,
            },
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
        }
    }
    venues.stop()?;
    Ok(())
}

/// Addresses and files of the venues, keyed by venue and listener.
fn ready(dir: &Path, venues: &Venues, node_config: &Path) -> serde_json::Map<String, Value> {
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
    ready
}

fn say(text: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}")?;
    out.flush()
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

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
}
