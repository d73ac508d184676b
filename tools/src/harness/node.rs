//! The real node as a child process.
//!
//! A line belongs here if it starts, asks or stops the process. Its configuration is `config`.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use rutter_sim::market::MARKETS;
use serde_json::{Value, json};

use super::config::CONSOLE;
use super::program::Program;
use super::{HarnessError, io};

/// Longest wait for a node to start, on a slow machine.
pub const READY_DEFAULT: Duration = Duration::from_secs(20);

/// Time between two checks of the node while waiting.
const LOOK: Duration = Duration::from_millis(20);

/// Longest wait for an answer of the console.
const STATUS_PATIENCE: Duration = Duration::from_secs(2);

/// Bytes of the log that an error shows.
const LOG_BYTES_SHOWN: u64 = 4_000;

/// The `rutter` program in the folder of the running program, or one folder above, which is where a
/// test program finds it.
///
/// # Errors
/// [`HarnessError::NoProgram`].
pub fn node_program() -> Result<PathBuf, HarnessError> {
    let own = std::env::current_exe().map_err(io("find the running program"))?;
    let beside = own.parent().unwrap_or(Path::new(".")).join("rutter");
    let above = own.parent().and_then(Path::parent).map(|folder| folder.join("rutter"));
    let found = [Some(beside.clone()), above].into_iter().flatten().find(|path| path.is_file());
    found.ok_or(HarnessError::NoProgram(beside))
}

/// A node process with its folder. Dropping it kills the process.
#[derive(Debug)]
pub struct Node {
    program: PathBuf,
    config: PathBuf,
    dir: PathBuf,
    child: Child,
}

impl Node {
    /// Starts `program run --config config`. `dir` is the folder that the configuration was
    /// written for; the log is appended to `dir/node.log`.
    ///
    /// # Errors
    /// [`HarnessError::Io`].
    pub fn start(program: &Path, config: &Path, dir: &Path) -> Result<Self, HarnessError> {
        let child = spawn(program, config, dir)?;
        Ok(Self {
            program: program.to_owned(),
            config: config.to_owned(),
            dir: dir.to_owned(),
            child,
        })
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The log file.
    pub fn log_path(&self) -> PathBuf {
        self.dir.join("node.log")
    }

    /// The journal's folder.
    pub fn journal(&self) -> PathBuf {
        self.program().journal()
    }

    /// Waits until every venue is up and trusts the books of all markets.
    ///
    /// # Errors
    /// [`HarnessError::NodeEnded`], [`HarnessError::NotReady`].
    pub fn wait_ready(&mut self, patience: Duration) -> Result<(), HarnessError> {
        self.wait_ready_unless(patience, &AtomicBool::new(false))
    }

    /// Like [`Node::wait_ready`], but gives up when `stop` is set.
    ///
    /// # Errors
    /// The errors of [`Node::wait_ready`], and [`HarnessError::Interrupted`].
    pub fn wait_ready_unless(
        &mut self,
        patience: Duration,
        stop: &AtomicBool,
    ) -> Result<(), HarnessError> {
        let started = Instant::now();
        loop {
            self.check_alive()?;
            if stop.load(Ordering::Relaxed) {
                return Err(HarnessError::Interrupted);
            }
            let missing = match self.status() {
                Ok(status) => missing(&status),
                Err(error) => Some(error.to_string()),
            };
            let Some(missing) = missing else { return Ok(()) };
            if started.elapsed() > patience {
                let waited_ms = started.elapsed().as_millis();
                return Err(HarnessError::NotReady { waited_ms, missing, log: self.log_end() });
            }
            std::thread::sleep(LOOK);
        }
    }

    /// Fails if the process has ended.
    ///
    /// # Errors
    /// [`HarnessError::NodeEnded`].
    pub fn check_alive(&mut self) -> Result<(), HarnessError> {
        match self.child.try_wait().map_err(io("look at the node"))? {
            None => Ok(()),
            Some(status) => {
                let log = self.log_end();
                Err(HarnessError::NodeEnded { status: status.to_string(), log })
            }
        }
    }

    /// The console, for a thread that does not own the process.
    pub fn console(&self) -> Console {
        Console { socket: self.dir.join(CONSOLE) }
    }

    /// The console's answer to `status`.
    ///
    /// # Errors
    /// The errors of [`Node::ask`].
    pub fn status(&self) -> Result<Value, HarnessError> {
        self.console().status()
    }

    /// Sends one request to the console and returns the `ok` part of the answer.
    ///
    /// # Errors
    /// The errors of [`Console::ask`].
    pub fn ask(&self, verb: &str, args: &Value) -> Result<Value, HarnessError> {
        self.console().ask(verb, args)
    }

    /// Asks the node to end (SIGTERM) and waits.
    ///
    /// # Errors
    /// [`HarnessError::NotEnding`]: the node did not end in time, and was killed.
    pub fn terminate(&mut self, patience: Duration) -> Result<ExitStatus, HarnessError> {
        let started = Instant::now();
        // An error means that the process has ended already; the loop finds that out.
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        loop {
            if let Some(status) = self.child.try_wait().map_err(io("wait for the node"))? {
                return Ok(status);
            }
            if started.elapsed() > patience {
                self.kill()?;
                return Err(HarnessError::NotEnding { waited_ms: started.elapsed().as_millis() });
            }
            std::thread::sleep(LOOK);
        }
    }

    /// Kills the process (SIGKILL): it logs nothing and syncs nothing.
    ///
    /// # Errors
    /// [`HarnessError::Io`].
    pub fn kill(&mut self) -> Result<(), HarnessError> {
        self.child.kill().map_err(io("kill the node"))?;
        self.child.wait().map_err(io("wait for the node"))?;
        Ok(())
    }

    /// Stops the process (SIGSTOP), or continues it (SIGCONT), so that something else can be
    /// measured without it.
    ///
    /// # Errors
    /// [`HarnessError::Io`].
    pub fn pause(&self, paused: bool) -> Result<(), HarnessError> {
        let signal = if paused { Signal::STOP } else { Signal::CONT };
        kill_process(Pid::from_child(&self.child), signal)
            .map_err(|error| io("pause the node")(error.into()))
    }

    /// Starts the node again with the same configuration, after [`Node::kill`] or
    /// [`Node::terminate`].
    ///
    /// # Errors
    /// [`HarnessError::Io`].
    pub fn restart(&mut self) -> Result<(), HarnessError> {
        self.child = spawn(&self.program, &self.config, &self.dir)?;
        Ok(())
    }

    /// The node's program, for its commands that end by themselves.
    pub fn program(&self) -> Program {
        Program::new(&self.program, &self.dir)
    }

    /// Runs `rutter verify` or `rutter replay` on the journal.
    ///
    /// # Errors
    /// The errors of [`Program::journal_command`].
    pub fn journal_command(&self, command: &str) -> Result<Output, HarnessError> {
        self.program().journal_command(command)
    }

    /// The end of the log.
    pub fn log_end(&self) -> String {
        log_end(&self.log_path()).unwrap_or_else(|error| format!("(no log: {error})"))
    }
}

/// The console of a node, which answers whether or not the asker started the node.
#[derive(Clone, Debug)]
pub struct Console {
    socket: PathBuf,
}

impl Console {
    /// The answer to `status`.
    ///
    /// # Errors
    /// The errors of [`Console::ask`].
    pub fn status(&self) -> Result<Value, HarnessError> {
        self.ask("status", &Value::Null)
    }

    /// Sends one request and returns the `ok` part of the answer.
    ///
    /// # Errors
    /// [`HarnessError::Io`]; [`HarnessError::Status`] for an answer that is not JSON or an error.
    pub fn ask(&self, verb: &str, args: &Value) -> Result<Value, HarnessError> {
        let started = Instant::now();
        loop {
            match self.ask_once(verb, args) {
                // The console takes some connections a second from one user, and says so.
                Err(HarnessError::Status(said))
                    if said.contains("too_many_connections")
                        && started.elapsed() < STATUS_PATIENCE =>
                {
                    std::thread::sleep(LOOK);
                }
                answer => return answer,
            }
        }
    }

    fn ask_once(&self, verb: &str, args: &Value) -> Result<Value, HarnessError> {
        let fail = |error| HarnessError::Io { what: "console".to_owned(), source: error };
        let stream = UnixStream::connect(&self.socket).map_err(fail)?;
        stream.set_read_timeout(Some(STATUS_PATIENCE)).map_err(fail)?;
        stream.set_write_timeout(Some(STATUS_PATIENCE)).map_err(fail)?;
        let args = if args.is_null() { json!({}) } else { args.clone() };
        let request = json!({"id": 1, "verb": verb, "args": args});
        // A console that has no place says so and closes, perhaps before the request is written.
        let written = (&stream).write_all(format!("{request}\n").as_bytes());
        let mut lines = BufReader::new(&stream).lines();
        let mut next = || {
            let line = lines.next().unwrap_or(Err(std::io::ErrorKind::UnexpectedEof.into()));
            let line = line.map_err(fail)?;
            let value: Result<Value, _> = serde_json::from_str(&line);
            value.map_err(|error| HarnessError::Status(error.to_string()))
        };
        let hello = next()?;
        if hello.get("error").is_some() {
            return Err(HarnessError::Status(hello.to_string()));
        }
        written.map_err(fail)?;
        match next()? {
            Value::Object(mut answer) if answer.contains_key("ok") => {
                Ok(answer.remove("ok").unwrap_or_default())
            }
            answer => Err(HarnessError::Status(answer.to_string())),
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // Both calls fail only when the process has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts the process in a group of its own. An interrupt typed at the terminal then reaches only
/// the tool, which ends the node in order.
fn spawn(program: &Path, config: &Path, dir: &Path) -> Result<Child, HarnessError> {
    let log = dir.join("node.log");
    let log = OpenOptions::new()
        .create(true)
        .append(true)
        .open(&log)
        .map_err(io(format!("open {}", log.display())))?;
    Command::new(program)
        .args(["run", "--with-parent", "--config"])
        .arg(config)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .process_group(0)
        .spawn()
        .map_err(io(format!("start {}", program.display())))
}

/// The first condition of readiness that the status does not meet.
fn missing(status: &Value) -> Option<String> {
    let Some(venues) = status["venues"].as_array() else {
        return Some("no venues in the status".to_owned());
    };
    if venues.is_empty() {
        return Some("no venue yet".to_owned());
    }
    venues.iter().find_map(|venue| {
        let name = venue["name"].as_str().unwrap_or("?");
        let books = venue["books_trusted"].as_u64().unwrap_or(0);
        if venue["up"] != true {
            Some(format!("{name} is not up"))
        } else if books < MARKETS.len() as u64 {
            Some(format!("{name} has {books} trusted books of {}", MARKETS.len()))
        } else {
            None
        }
    })
}

fn log_end(path: &Path) -> std::io::Result<String> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(LOG_BYTES_SHOWN)))?;
    let mut bytes = Vec::new();
    file.take(LOG_BYTES_SHOWN).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Memory of a process, from `/proc`.
#[derive(Clone, Copy, Debug, Default, serde::Serialize)]
pub struct Memory {
    /// Resident pages, including pages of mapped files (journal, message stores).
    pub resident_bytes: u64,
    /// Resident anonymous pages: heap and stacks.
    pub anonymous_bytes: u64,
}

/// Memory of a process now; `None` if there is no such process.
pub fn memory(pid: u32) -> Option<Memory> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let bytes = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
        kilobytes.checked_mul(1024)
    };
    Some(Memory { resident_bytes: bytes("VmRSS:")?, anonymous_bytes: bytes("RssAnon:")? })
}
