//! The node's program, for its commands that end by themselves.
//!
//! A line belongs here if it runs such a command in the folder of a node. The node that trades is
//! `node`.

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Output, Stdio};

use serde_json::Value;

use super::{HarnessError, io};

/// The program, and the folder of a node.
#[derive(Clone, Debug)]
pub struct Program {
    path: PathBuf,
    dir: PathBuf,
}

impl Program {
    /// The program at `path`, for the node whose files are in `dir`.
    pub fn new(path: &Path, dir: &Path) -> Self {
        Self { path: path.to_owned(), dir: dir.to_owned() }
    }

    /// The journal's folder.
    pub fn journal(&self) -> PathBuf {
        self.dir.join("data").join("journal")
    }

    /// Runs `rutter verify` or `rutter replay` on the journal.
    ///
    /// # Errors
    /// [`HarnessError::Io`]. A command that fails is no error here; its status is in the output.
    pub fn journal_command(&self, command: &str) -> Result<Output, HarnessError> {
        Command::new(&self.path)
            .arg(command)
            .arg(self.journal())
            .stdin(Stdio::null())
            .process_group(0)
            .output()
            .map_err(io(format!("run rutter {command}")))
    }

    /// Runs `rutter replay --decisions` on the journal, and hands each line to `each`.
    ///
    /// # Errors
    /// [`HarnessError::Io`]. A command that fails is no error here; its status is returned.
    pub fn decisions(&self, mut each: impl FnMut(&str)) -> Result<ExitStatus, HarnessError> {
        let mut child = Command::new(&self.path)
            .args(["replay", "--decisions"])
            .arg(self.journal())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .map_err(io("run rutter replay"))?;
        if let Some(lines) = child.stdout.take() {
            for line in BufReader::new(lines).lines() {
                each(&line.map_err(io("read the decisions"))?);
            }
        }
        child.wait().map_err(io("wait for rutter replay"))
    }

    /// Asks `rutter route` some scenarios, one a line; returns the answers.
    ///
    /// # Errors
    /// [`HarnessError::Io`]; [`HarnessError::Status`] for an answer that is not JSON.
    pub fn route(&self, scenarios: &str) -> Result<Vec<Value>, HarnessError> {
        let file = self.dir.join("scenarios.jsonl");
        std::fs::write(&file, scenarios).map_err(io("write the scenarios"))?;
        let output = Command::new(&self.path)
            .args(["route", "--scenarios"])
            .arg(&file)
            .stdin(Stdio::null())
            .process_group(0)
            .output()
            .map_err(io("run rutter route"))?;
        let parse = |line: &str| {
            let answer: Result<Value, _> = serde_json::from_str(line);
            answer.map_err(|error| HarnessError::Status(error.to_string()))
        };
        String::from_utf8_lossy(&output.stdout).lines().map(parse).collect()
    }
}
