//! `benches/quickfix_acceptor.cpp` as a child process.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, ensure};
use rustix::process::Pid;

use super::bare::Answer;
use crate::harness::free_address;

/// `QuickFIX`'s two acceptors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Loop {
    /// `SocketAcceptor`: all connections on one thread.
    Select,
    /// `ThreadedSocketAcceptor`: one each; the faster one here.
    Threads,
}

/// How the acceptor is to run.
#[derive(Clone, Copy, Debug)]
pub struct PeerSettings<'a> {
    /// The program.
    pub program: &'a Path,
    /// Folder of its `FileStore`; none for a store in memory.
    pub store: Option<&'a Path>,
    /// What it answers.
    pub answer: Answer,
    /// Which acceptor it runs.
    pub shape: Loop,
    /// Dictionary that it validates with.
    pub dictionary: Option<&'a Path>,
}

/// A running acceptor. Dropping it ends the process.
#[derive(Debug)]
pub struct Peer {
    child: Child,
    address: SocketAddr,
}

impl Peer {
    /// Starts it and waits until it listens.
    ///
    /// # Errors
    /// What the system says; that it does not listen.
    pub fn start(settings: &PeerSettings<'_>) -> anyhow::Result<Self> {
        let address = free_address()?;
        let store = settings.store.unwrap_or(Path::new("memory"));
        let mut command = Command::new(settings.program);
        command.arg(address.port().to_string()).arg(store);
        command.arg(if settings.answer == Answer::Filled { "fill" } else { "refuse" });
        command.arg(if settings.shape == Loop::Threads { "threads" } else { "select" });
        command.args(settings.dictionary);
        // Its standard input ends with this process, and it with that.
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("start {}", settings.program.display()))?;
        let mut line = String::new();
        let output = child.stdout.take().context("the output is piped")?;
        BufReader::new(output).read_line(&mut line).context("wait for QuickFIX")?;
        let peer = Self { child, address };
        ensure!(line.trim() == "listening", "QuickFIX does not listen on {address}");
        Ok(peer)
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its process.
    pub fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // Both fail only when the process is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The program where `make` leaves it: beside the folder of the running one, or as the environment
/// says.
pub fn program() -> Option<PathBuf> {
    let named = std::env::var_os("RUTTER_QUICKFIX_ACCEPTOR").map(PathBuf::from);
    let built = std::env::current_exe().ok();
    let built = built.and_then(|own| Some(own.parent()?.parent()?.join("quickfix_acceptor")));
    named.or(built).filter(|path| path.is_file())
}
