//! The program of `benches/quickfix_acceptor.cpp` as a child process.
//!
//! A line belongs here if it finds, starts or ends that program.

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
    /// `ThreadedSocketAcceptor`: one thread a connection; the faster of the two.
    Threads,
}

/// How the acceptor is to run.
#[derive(Clone, Copy, Debug)]
pub struct PeerSettings<'a> {
    /// The program.
    pub program: &'a Path,
    /// Folder of the `FileStore`; `None` for a store in memory.
    pub store: Option<&'a Path>,
    /// The answer to every order.
    pub answer: Answer,
    /// The acceptor to run.
    pub shape: Loop,
    /// Dictionary to validate with; `None` for no validation.
    pub dictionary: Option<&'a Path>,
}

/// A running acceptor. Dropping it ends the process.
#[derive(Debug)]
pub struct Peer {
    child: Child,
    address: SocketAddr,
}

impl Peer {
    /// Starts the program and waits until it listens.
    ///
    /// # Errors
    /// The system's, or the program does not listen.
    pub fn start(settings: &PeerSettings<'_>) -> anyhow::Result<Self> {
        let address = free_address()?;
        let store = settings.store.unwrap_or(Path::new("memory"));
        let mut command = Command::new(settings.program);
        command.arg(address.port().to_string()).arg(store);
        command.arg(if settings.answer == Answer::Filled { "fill" } else { "refuse" });
        command.arg(if settings.shape == Loop::Threads { "threads" } else { "select" });
        command.args(settings.dictionary);
        // The program ends when its standard input ends, which happens when this process ends.
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

    /// The address to connect to.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The process id.
    pub fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // Both calls fail only when the process has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The program that `RUTTER_QUICKFIX_ACCEPTOR` names, or the program in the folder above the
/// running one, where `make` leaves it. `None` if there is no such file.
pub fn program() -> Option<PathBuf> {
    let named = std::env::var_os("RUTTER_QUICKFIX_ACCEPTOR").map(PathBuf::from);
    let built = std::env::current_exe().ok();
    let built = built.and_then(|own| Some(own.parent()?.parent()?.join("quickfix_acceptor")));
    named.or(built).filter(|path| path.is_file())
}
