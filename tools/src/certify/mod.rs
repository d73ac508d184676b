//! `rutter-tools certify`: plays a client's certification against a FIX engine, Rutter's or
//! another. For each case it prints the messages and whether the engine kept the rule.
//!
//! A line belongs here if it concerns the run as a whole. The cases are `cases`, this side of the
//! session is `session`, one message is `wire`. Of the gateway only the codec is used, not the
//! session code.
//!
//! Against an acceptor each case begins with 141=Y. An initiator that connects to `--listen` must
//! start from an empty store or send 141=Y itself, and must reconnect by itself.

mod cases;
mod draft;
mod outcome;
mod session;
mod wire;

use std::net::{Ipv4Addr, TcpListener};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use rutter_program::progress::{self, Progress};
use serde::Serialize;

use crate::client::prompt::resolve;
use cases::Case;
use outcome::Miss;
use session::{Session, Settings};

/// `rutter-tools certify`
#[derive(Clone, Debug, clap::Args)]
pub struct Arguments {
    /// Host of the acceptor to certify.
    #[arg(required_unless_present = "listen", requires = "port")]
    pub host: Option<String>,
    /// Port of the acceptor to certify.
    pub port: Option<u16>,
    /// Listen on this port of the loopback address, and certify the initiator that connects.
    #[arg(long, conflicts_with = "host")]
    pub listen: Option<u16>,
    /// `BeginString` (8).
    #[arg(long, default_value = "FIX.4.4")]
    #[arg(value_parser = ["FIX.4.2", "FIX.4.4", "FIXT.1.1"])]
    pub begin_string: String,
    /// `SenderCompID` (49) of the tool's messages.
    #[arg(long, default_value = "CERT")]
    pub sender: String,
    /// `TargetCompID` (56) of the tool's messages.
    #[arg(long, default_value = "RUTTER")]
    pub target: String,
    /// `Username` (553) of the tool's Logon.
    #[arg(long)]
    pub username: Option<String>,
    /// `Password` (554) of the tool's Logon. Transcripts mask it.
    #[arg(long)]
    pub password: Option<String>,
    /// `HeartBtInt` (108) of the tool's Logon, in seconds.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=60))]
    pub heartbeat: u64,
    /// `DefaultApplVerID` (1137) of the tool's Logon; FIXT.1.1 only.
    #[arg(long, default_value = "9")]
    pub appl_ver_id: String,
    /// Symbol that may be ordered; without it the order cases are skipped.
    #[arg(long)]
    pub symbol: Option<String>,
    /// Quantity of an order.
    #[arg(long, default_value = "0.01")]
    pub qty: String,
    /// Price at which a buy order rests.
    #[arg(long, default_value = "59000")]
    pub price: String,
    /// Field of the tool's Logon that asks for cancel-on-disconnect: `TAG=VALUE`.
    #[arg(long, value_parser = field)]
    pub cancel_on_disconnect: Option<(u32, String)>,
    /// Milliseconds that the peer may take to cancel after a connection is lost.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(0..=60_000))]
    pub grace_ms: u64,
    /// Seconds to wait for an answer. With less than three heartbeats the cases about silence are
    /// skipped.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=600))]
    pub patience: u64,
    /// Seconds to wait for an initiator to connect.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=600))]
    pub connect_patience: u64,
    /// Only cases whose names contain one of these texts.
    #[arg(long, value_delimiter = ',')]
    pub only: Vec<String>,
    /// Print no transcript of cases that pass.
    #[arg(long)]
    pub quiet: bool,
    /// Print one JSON object instead of text.
    #[arg(long)]
    pub json: bool,
    /// How far it is.
    #[command(flatten)]
    pub progress: progress::Choice,
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
    /// The peer kept the rule.
    Pass,
    /// The peer broke the rule.
    Fail {
        /// What the rule demands.
        expected: String,
        /// What the peer did.
        got: String,
    },
    /// The case could not be played.
    Skip {
        /// The reason.
        why: String,
    },
}

/// A case that was played.
#[derive(Clone, Debug, Serialize)]
pub struct Played {
    /// Name of the case.
    pub case: &'static str,
    /// What the peer must do.
    pub claim: &'static str,
    /// Where the rule is written.
    pub rule: &'static str,
    /// How the case ended.
    #[serde(flatten)]
    pub verdict: Verdict,
    /// Every message, with `|` for SOH.
    pub transcript: Vec<String>,
}

/// Plays the cases and prints the result; success only if a case passed and none failed.
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
    // A run in which no case passed has proved nothing.
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

/// Plays the wanted cases and passes each to `show` as it ends.
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
    // Cases that are printed one by one are their own progress.
    let is_silent = arguments.json || arguments.quiet;
    let mut progress = is_silent.then(|| Progress::new("cases", arguments.progress));
    let total = cases::all().filter(wanted).count() as u64;
    for case in cases::all().filter(wanted) {
        if let Some(progress) = &mut progress {
            progress.show(played.len() as u64, total);
        }
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
