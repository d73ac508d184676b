//! The command line of the node. Thin: everything happens in the library.

use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use rutter::config::Config;
use rutter::{node, replay};
use rutter_cli::{ctl, interactive, top};

/// Exit code of a command whose output nobody reads to the end: that of a shell for SIGPIPE.
const BROKEN_PIPE: u8 = 128 + 13;

/// A deterministic smart order router for crypto.
#[derive(Debug, Parser)]
#[command(name = "rutter", version, about)]
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
    /// Checks a configuration file and names its faults.
    CheckConfig {
        /// Configuration file (TOML).
        file: PathBuf,
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
    },
    /// Replays a journal and compares the digests in it; exit code 1 where they differ.
    Replay {
        /// Folder of the journal.
        journal: PathBuf,
        /// Tell everything about this order: our id, the client's (11), or an id at a venue.
        #[arg(long, value_name = "ID")]
        order: Option<String>,
    },
    /// Asks a running node one thing, or changes one; `docs/console.md` has the verbs and the exit
    /// codes.
    Ctl(ctl::Arguments),
    /// The verbs of `ctl` at a prompt.
    Console(interactive::Arguments),
    /// A running node on one screen, live.
    Top(top::Arguments),
}

fn main() -> ExitCode {
    let mut out = BufWriter::new(std::io::stdout());
    let result = match Arguments::parse().command {
        Command::Run { config, with_parent } => run(&config, with_parent),
        Command::CheckConfig { file } => check(&file, &mut out),
        Command::Doctor { file, json } => {
            match rutter::watch::doctor::command(&file, json, &mut out) {
                Ok(true) => Ok(()),
                Ok(false) => return ended(out.flush().map_err(Into::into), ExitCode::FAILURE),
                Err(error) => Err(error),
            }
        }
        Command::Verify { journal } => replay::verify_command(&journal, &mut out),
        Command::Ctl(arguments) => return ctl::command(&arguments).into(),
        Command::Console(arguments) => return interactive::command(&arguments).into(),
        Command::Top(arguments) => return top::command(&arguments).into(),
        Command::Replay { journal, order } => {
            replay::replay_command(&journal, order.as_deref(), &mut out)
        }
    };
    let written = result.and_then(|()| out.flush().map_err(Into::into));
    ended(written, ExitCode::SUCCESS)
}

/// The code of a command that has written everything, or has failed.
fn ended(result: anyhow::Result<()>, code: ExitCode) -> ExitCode {
    let Err(error) = result else { return code };
    let broken = error.downcast_ref::<std::io::Error>();
    if broken.is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe) {
        // Whoever read the output has seen enough, as with `head`.
        return ExitCode::from(BROKEN_PIPE);
    }
    // Every error of ours tells its cause itself; the chain would tell it again. Nobody is left to
    // tell where this fails.
    let _ = writeln!(std::io::stderr(), "rutter: {error}");
    ExitCode::FAILURE
}

fn run(path: &std::path::Path, with_parent: bool) -> anyhow::Result<()> {
    if with_parent {
        use rustix::process::{Signal, set_parent_process_death_signal};
        set_parent_process_death_signal(Some(Signal::TERM))?;
    }
    let config = Config::load(path)?;
    // Ends last: what waits is written then.
    let _logs = rutter::watch::logs::start(&config.log)?;
    node::run(&config)?;
    Ok(())
}

fn check(path: &std::path::Path, out: &mut impl Write) -> anyhow::Result<()> {
    let config = Config::load(path)?;
    writeln!(
        out,
        "{}: sound ({} venues, {} instruments, {} sessions)",
        path.display(),
        config.venue.len(),
        config.instrument.len(),
        config.session.len()
    )?;
    Ok(())
}
