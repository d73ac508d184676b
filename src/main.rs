//! The command line of the node. Thin: everything happens in the library.

use std::io::{BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use rutter::config::reference;
use rutter::preflight::Whose;
use rutter::{config, node, preflight, replay, route};
use rutter_admin::console::verb::Verb;
use rutter_admin::printable::lines;
use rutter_cli::location::NodeLocation;
use rutter_cli::{ctl, interactive, top};
use rutter_program::pages::Pages;
use rutter_program::progress::Choice;

/// Exit code of a command whose output nobody reads to the end: that of a shell for SIGPIPE.
const BROKEN_PIPE: u8 = 128 + 13;

/// A deterministic smart order router for crypto.
#[derive(Debug, Parser)]
#[command(name = "rutter", version = rutter_program::version(), about)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs the node until SIGINT or SIGTERM.
    Run {
        /// Configuration file (TOML).
        #[arg(long)]
        config: PathBuf,
        /// End as by SIGTERM when the process that started this one is gone (Linux): for tools
        /// and tests, which may die without a word.
        #[arg(long)]
        with_parent: bool,
    },
    /// Checks a configuration file as `run` does, and prints everything that is wrong; exit code 1
    /// if anything is.
    CheckConfig {
        /// Configuration file (TOML).
        file: PathBuf,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Shows the configuration, or describes the file.
    Config {
        #[command(subcommand)]
        what: Description,
    },
    /// Looks at the machine, the configuration and the way to the venues; exit code 1 if
    /// anything fails.
    Doctor {
        /// Configuration file (TOML).
        file: PathBuf,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Checks every record of a journal.
    Verify {
        /// Folder of the journal.
        journal: PathBuf,
        /// How far it is.
        #[command(flatten)]
        progress: Choice,
    },
    /// Replays a journal and compares the digests in it; exit code 1 where they differ.
    Replay {
        /// Folder of the journal.
        journal: PathBuf,
        /// Tell everything about this order: our id, the client's (11), or an id at a venue.
        #[arg(long, value_name = "ID")]
        order: Option<String>,
        /// One JSON object a line. A routing decision has a scenario, which `rutter route` answers
        /// again.
        #[arg(long, requires = "order")]
        json: bool,
        /// Tell every routing decision: one JSON object a line for each order and each decision.
        #[arg(long, conflicts_with = "order")]
        decisions: bool,
        /// How far it is.
        #[command(flatten)]
        progress: Choice,
    },
    /// Says what the router would do in scenarios: one JSON line each in, one out;
    /// `docs/routing.md` has the fields. Exit code 1 if a line is no scenario.
    Route {
        /// File with the scenarios; `-` for standard input.
        #[arg(long, value_name = "FILE")]
        scenarios: PathBuf,
    },
    /// Asks a running node one thing, or changes one; `docs/console.md` has the verbs and the exit
    /// codes.
    Ctl(ctl::Arguments),
    /// The verbs of `ctl` at a prompt.
    Console(interactive::Arguments),
    /// A running node on one screen, live.
    Top(top::Arguments),
    #[command(flatten)]
    Pages(Pages),
}

#[derive(Clone, Debug, Subcommand)]
enum Description {
    /// The configuration as TOML: all keys that hold, defaults too, with `***` for each secret. Of
    /// the running node, as `rutter ctl config show`; with FILE, of that file.
    Show {
        /// Configuration file (TOML).
        file: Option<PathBuf>,
        /// The running node.
        #[command(flatten)]
        place: NodeLocation,
    },
    /// Every key with type, unit, default, range and meaning, as the page docs/configuration.md.
    Reference,
    /// The JSON schema of the file.
    Schema,
}

fn main() -> ExitCode {
    if let Err(error) = rutter::bus_error::install() {
        let _ = writeln!(std::io::stderr(), "rutter: no handler for SIGBUS: {error}");
    }
    let mut out = BufWriter::new(std::io::stdout());
    let result = answer(Arguments::parse().command, &mut out);
    let written = result.and_then(|code| Ok(out.flush().map(|()| code)?));
    written.unwrap_or_else(|error| {
        let cause = error.downcast_ref::<std::io::Error>().map(std::io::Error::kind);
        if cause == Some(ErrorKind::BrokenPipe) {
            // Whoever read the output has seen enough, as with `head`.
            return ExitCode::from(BROKEN_PIPE);
        }
        // Every error of ours tells its cause itself; the chain would tell it again. Nobody is left
        // to tell where this fails.
        let _ = writeln!(std::io::stderr(), "rutter: {}", lines(&error.to_string()));
        ExitCode::FAILURE
    })
}

/// Carries out a command, and says with which code the process ends.
fn answer(command: Command, out: &mut impl Write) -> anyhow::Result<ExitCode> {
    match command {
        Command::Run { config, with_parent } => run(&config, with_parent)?,
        Command::CheckConfig { file, json } => return check(&file, json, out),
        Command::Doctor { file, json } => {
            let sound = rutter::watch::doctor::command(&file, json, out)?;
            return Ok(if sound { ExitCode::SUCCESS } else { ExitCode::FAILURE });
        }
        Command::Verify { journal, progress } => replay::verify_command(&journal, progress, out)?,
        Command::Replay { journal, decisions: true, progress, .. } => {
            replay::decisions_command(&journal, progress, out)?;
        }
        Command::Replay { journal, order, json, progress, decisions: false } => {
            let order = order.as_deref().map(|name| replay::Asked { name, json });
            replay::replay_command(&journal, order, progress, out)?;
        }
        Command::Route { scenarios } => {
            let sound = route::command(&scenarios, out)?;
            return Ok(if sound { ExitCode::SUCCESS } else { ExitCode::FAILURE });
        }
        Command::Ctl(arguments) => return Ok(ctl::command(&arguments).into()),
        Command::Console(arguments) => return Ok(interactive::command(&arguments).into()),
        Command::Top(arguments) => return Ok(top::command(&arguments).into()),
        Command::Config { what } => return describe(what, out),
        Command::Pages(pages) => pages.make(Arguments::command(), out)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn run(path: &Path, with_parent: bool) -> anyhow::Result<()> {
    if with_parent {
        use rustix::process::{Signal, set_parent_process_death_signal};
        set_parent_process_death_signal(Some(Signal::TERM))?;
    }
    let config = preflight::load(path, Whose::Own)?;
    // Ends last: what waits is written then.
    let _logs = rutter::watch::logs::start(&config.log)?;
    node::run(&config)?;
    Ok(())
}

fn check(path: &Path, json: bool, out: &mut impl Write) -> anyhow::Result<ExitCode> {
    let result = preflight::load(path, Whose::Own);
    if json {
        let findings = result.as_ref().err().map_or(&[][..], |error| &error.findings);
        writeln!(out, "{}", serde_json::json!({ "path": path, "findings": findings }))?;
        return Ok(result.map_or(ExitCode::FAILURE, |_| ExitCode::SUCCESS));
    }
    let config = result?;
    writeln!(
        out,
        "{}: sound ({} venues, {} instruments, {} sessions)",
        path.display(),
        config.venue.len(),
        config.instrument.len(),
        config.session.len()
    )?;
    Ok(ExitCode::SUCCESS)
}

fn describe(what: Description, out: &mut impl Write) -> anyhow::Result<ExitCode> {
    match what {
        Description::Show { file: Some(file), .. } => {
            out.write_all(config::shown(&preflight::load(&file, Whose::Keepers)?)?.as_bytes())?;
        }
        Description::Show { file: None, place } => {
            return Ok(ctl::command(&ctl::Arguments::look(Verb::Config, place)).into());
        }
        Description::Reference => out.write_all(reference::page().as_bytes())?,
        Description::Schema => writeln!(out, "{:#}", config::schema())?,
    }
    Ok(ExitCode::SUCCESS)
}
