//! The command line of the node. Thin: everything happens in the library.

use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use rutter::config::reference;
use rutter::{config, node, preflight, replay};
use rutter_admin::printable::lines;
use rutter_cli::{ctl, interactive, top};

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
    /// Checks a configuration file as `run` does, and prints everything that is wrong; exit code 1
    /// if anything is.
    CheckConfig {
        /// Configuration file (TOML).
        file: PathBuf,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Describes the configuration file.
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
    },
    /// Replays a journal and compares the digests in it; exit code 1 where they differ.
    Replay {
        /// Folder of the journal.
        journal: PathBuf,
        /// Tell everything that was decided about this order.
        #[arg(long)]
        order: Option<u64>,
    },
    /// Asks a running node one thing, or changes one; `docs/console.md` has the verbs and the exit
    /// codes.
    Ctl(ctl::Arguments),
    /// The verbs of `ctl` at a prompt.
    Console(interactive::Arguments),
    /// A running node on one screen, live.
    Top(top::Arguments),
    /// Prints the completions of a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Writes a man page for each command.
    Man {
        /// Folder for the pages.
        folder: PathBuf,
    },
}

#[derive(Clone, Copy, Debug, Subcommand)]
enum Description {
    /// Every key with type, unit, default, range and meaning, as the page docs/configuration.md.
    Reference,
    /// The JSON schema of the file.
    Schema,
}

fn main() -> ExitCode {
    if let Err(error) = rutter::bus_error::install() {
        eprintln!("rutter: no handler for SIGBUS: {error}");
    }
    let result = match Arguments::parse().command {
        Command::Run { config, with_parent } => run(&config, with_parent),
        Command::CheckConfig { file, json } => return check(&file, json),
        Command::Doctor { file, json } => match rutter::watch::doctor::command(&file, json) {
            Ok(true) => Ok(()),
            Ok(false) => return ExitCode::FAILURE,
            Err(error) => Err(error.into()),
        },
        Command::Verify { journal } => replay::verify_command(&journal),
        Command::Ctl(arguments) => return ctl::command(&arguments).into(),
        Command::Console(arguments) => return interactive::command(&arguments).into(),
        Command::Top(arguments) => return top::command(&arguments).into(),
        Command::Config { what } => print(describe(what).as_bytes()),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Arguments::command(), "rutter", &mut script);
            print(&script)
        }
        Command::Man { folder } => man(&folder),
        Command::Replay { journal, order } => replay::replay_command(&journal, order),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Every error of ours tells its cause itself; the chain would tell it again.
            // Some errors have lines of their own; no character of them commands a terminal.
            eprintln!("rutter: {}", lines(&error.to_string()));
            ExitCode::FAILURE
        }
    }
}

fn run(path: &Path, with_parent: bool) -> anyhow::Result<()> {
    if with_parent {
        use rustix::process::{Signal, set_parent_process_death_signal};
        set_parent_process_death_signal(Some(Signal::TERM))?;
    }
    let config = preflight::load(path)?;
    // Ends last: what waits is written then.
    let _logs = rutter::watch::logs::start(&config.log)?;
    node::run(&config)?;
    Ok(())
}

fn check(path: &Path, json: bool) -> ExitCode {
    let result = preflight::load(path);
    if json {
        let findings = result.as_ref().err().map_or(&[][..], |error| &error.findings);
        println!("{}", serde_json::json!({ "path": path, "findings": findings }));
        return result.map_or(ExitCode::FAILURE, |_| ExitCode::SUCCESS);
    }
    match result {
        Ok(config) => {
            println!(
                "{}: sound ({} venues, {} instruments, {} sessions)",
                path.display(),
                config.venue.len(),
                config.instrument.len(),
                config.session.len()
            );
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("rutter: {error}");
            ExitCode::FAILURE
        }
    }
}

fn describe(what: Description) -> String {
    match what {
        Description::Reference => reference::page(),
        Description::Schema => format!("{:#}\n", config::schema()),
    }
}

/// Prints a text. A reader that has seen enough is no error.
fn print(text: &[u8]) -> anyhow::Result<()> {
    match std::io::stdout().write_all(text) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

fn man(folder: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder)?;
    clap_mangen::generate_to(Arguments::command(), folder)?;
    println!("{}: man pages; read one with `man {0}/rutter.1`", folder.display());
    Ok(())
}
