//! `rutter-tools certify`: plays a client's certification against a FIX engine, ours or another,
//! and tells of every case what was said and whether the engine did what the rules demand.
//!
//! A line belongs here if it is about a run as a whole. What is played is `cases`, our side of it
//! `session`, one message `wire`. The session code of the gateway is not used, only the codec.
//!
//! Against an acceptor each case begins with 141=Y; an initiator that connects to `--listen` is
//! expected to start from an empty store, or to say 141=Y itself, and to connect again by itself.

mod cases;
mod draft;
mod outcome;
mod session;
mod wire;

use std::net::{Ipv4Addr, TcpListener};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use serde::Serialize;

use crate::client::prompt::resolve;
use cases::Case;
use outcome::Miss;
use session::{Session, Settings};

/// `rutter-tools certify`
#[derive(Clone, Debug, clap::Args)]
pub struct Arguments {
    /// Host of an acceptor.
    #[arg(required_unless_present = "listen", requires = "port")]
    pub host: Option<String>,
    /// Its port.
    pub port: Option<u16>,
    /// Be the acceptor on this port of the loopback address, and wait for an initiator.
    #[arg(long, conflicts_with = "host")]
    pub listen: Option<u16>,
    /// `BeginString` (8).
    #[arg(long, default_value = "FIX.4.4")]
    #[arg(value_parser = ["FIX.4.2", "FIX.4.4", "FIXT.1.1"])]
    pub begin_string: String,
    /// Our `CompID`: 49 of what we send.
    #[arg(long, default_value = "CERT")]
    pub sender: String,
    /// The peer's: 56 of what we send.
    #[arg(long, default_value = "RUTTER")]
    pub target: String,
    /// `Username` (553) of our Logon.
    #[arg(long)]
    pub username: Option<String>,
    /// `Password` (554) of our Logon. No transcript shows it.
    #[arg(long)]
    pub password: Option<String>,
    /// `HeartBtInt` (108) of our Logon, in seconds.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=60))]
    pub heartbeat: u64,
    /// `DefaultApplVerID` (1137) of our Logon; FIXT.1.1 only.
    #[arg(long, default_value = "9")]
    pub appl_ver_id: String,
    /// What may be ordered; order cases are skipped without.
    #[arg(long)]
    pub symbol: Option<String>,
    /// Quantity of an order.
    #[arg(long, default_value = "0.01")]
    pub qty: String,
    /// Price at which a buy order rests.
    #[arg(long, default_value = "59000")]
    pub price: String,
    /// How our Logon asks for cancel-on-disconnect: `TAG=VALUE`.
    #[arg(long, value_parser = field)]
    pub cancel_on_disconnect: Option<(u32, String)>,
    /// Milliseconds that the peer may take to cancel after a connection is lost.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(0..=60_000))]
    pub grace_ms: u64,
    /// Seconds to wait for an answer; three heartbeats at least, or cases of silence are skipped.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=600))]
    pub patience: u64,
    /// Seconds to wait for an initiator to connect.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=600))]
    pub connect_patience: u64,
    /// Only cases whose names contain one of these.
    #[arg(long, value_delimiter = ',')]
    pub only: Vec<String>,
    /// No transcript of cases that pass.
    #[arg(long)]
    pub quiet: bool,
    /// One JSON object instead.
    #[arg(long)]
    pub json: bool,
}

fn field(text: &str) -> Result<(u32, String), String> {
    let (tag, value) = text.split_once('=').ok_or("not TAG=VALUE")?;
    let tag = tag.parse().map_err(|_| "the tag is no number".to_owned())?;
    if value.is_empty() { Err("no value".to_owned()) } else { Ok((tag, value.to_owned())) }
}

/// How a case ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase", tag = "verdict")]
pub enum Verdict {
    /// The peer did what the rule demands.
    Pass,
    /// It did not.
    Fail {
        /// What the rule demands.
        expected: String,
        /// What came.
        got: String,
    },
    /// It could not be played.
    Skip {
        /// Why.
        why: String,
    },
}

/// A case that was played.
#[derive(Clone, Debug, Serialize)]
pub struct Played {
    /// Its name.
    pub case: &'static str,
    /// What the peer must do.
    pub claim: &'static str,
    /// Where that is written.
    pub rule: &'static str,
    /// How it ended.
    #[serde(flatten)]
    pub verdict: Verdict,
    /// Every message, `|` for SOH.
    pub transcript: Vec<String>,
}

/// Plays and tells it; success only if nothing failed.
///
/// # Errors
/// An address that cannot be found or bound.
pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let played = certify(arguments, &mut |played| {
        if !arguments.json {
            tell(arguments, played);
        }
    })?;
    let count = |wanted: fn(&Verdict) -> bool| played.iter().filter(|p| wanted(&p.verdict)).count();
    let passed = count(|verdict| *verdict == Verdict::Pass);
    let failed = count(|verdict| matches!(verdict, Verdict::Fail { .. }));
    let skipped = played.len() - passed - failed;
    if arguments.json {
        let summary = serde_json::json!({
            "passed": passed, "failed": failed, "skipped": skipped, "cases": played,
        });
        println!("{summary}");
    } else {
        println!("{passed} passed, {failed} failed, {skipped} skipped");
    }
    // A run in which nothing passed has shown nothing.
    Ok(if failed == 0 && passed > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn tell(arguments: &Arguments, played: &Played) {
    if !arguments.quiet || played.verdict != Verdict::Pass {
        println!("{}: {} ({})", played.case, played.claim, played.rule);
        for line in &played.transcript {
            println!("  {line}");
        }
    }
    match &played.verdict {
        Verdict::Pass => println!("PASS {}", played.case),
        Verdict::Fail { expected, got } => {
            println!("FAIL {}: expected {expected}; got {got}", played.case);
        }
        Verdict::Skip { why } => println!("SKIP {}: {why}", played.case),
    }
}

/// Plays all that was asked for and shows each case as it ends.
///
/// # Errors
/// An address that cannot be found or bound.
pub fn certify(
    arguments: &Arguments,
    show: &mut dyn FnMut(&Played),
) -> anyhow::Result<Vec<Played>> {
    let mut session = start(arguments)?;
    let wanted = |case: &&Case| {
        arguments.only.is_empty() || arguments.only.iter().any(|part| case.name.contains(part))
    };
    let mut played = Vec::new();
    for case in cases::all().filter(wanted) {
        let verdict = match (case.play)(&mut session) {
            Ok(()) => Verdict::Pass,
            Err(Miss::Fail { expected, got }) => Verdict::Fail { expected, got },
            Err(Miss::Skip(why)) => Verdict::Skip { why },
        };
        session.cut();
        let transcript = std::mem::take(&mut session.transcript.lines);
        let Case { name, claim, rule, .. } = *case;
        let one = Played { case: name, claim, rule, verdict, transcript };
        show(&one);
        played.push(one);
    }
    Ok(played)
}

fn start(arguments: &Arguments) -> anyhow::Result<Session> {
    let settings = Settings {
        begin_string: arguments.begin_string.clone(),
        sender: arguments.sender.clone(),
        target: arguments.target.clone(),
        username: arguments.username.clone(),
        password: arguments.password.clone(),
        heartbeat_s: arguments.heartbeat,
        appl_ver_id: arguments.appl_ver_id.clone(),
        symbol: arguments.symbol.clone(),
        qty: arguments.qty.clone(),
        price: arguments.price.clone(),
        cancel_on_disconnect: arguments.cancel_on_disconnect.clone(),
        grace: Duration::from_millis(arguments.grace_ms),
        patience: Duration::from_secs(arguments.patience),
        connect_patience: Duration::from_secs(arguments.connect_patience),
    };
    if let Some(port) = arguments.listen {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).context("listen")?;
        eprintln!("listening {}", listener.local_addr()?);
        return Ok(Session::acceptor(settings, listener)?);
    }
    let (Some(host), Some(port)) = (&arguments.host, arguments.port) else {
        bail!("HOST PORT or --listen PORT is needed");
    };
    let host = if host.contains(':') { format!("[{host}]") } else { host.clone() };
    Ok(Session::initiator(settings, resolve(&format!("{host}:{port}"))?))
}
