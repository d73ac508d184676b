//! The thread that asks the node's console and draws the screen, so that the client's thread waits
//! for neither.
//!
//! A line belongs here if it crosses between the two threads or writes to the terminal. The lines
//! themselves are `table`.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

use anyhow::anyhow;
use rutter_sim::Venue;
use serde_json::Value;

use super::crash::Crash;
use super::savings::Compared;
use super::trader::{Counts, Wait};
use super::{Arguments, table};
use crate::harness::Console;
use crate::quantiles::Latencies;

/// Time between two plain lines.
const LINE_NS: u64 = 1_000_000_000;

/// Most states that wait to be shown. Beyond this the client's thread drops a state, but keeps the
/// times in it.
const VIEWS_MAX: usize = 4;

/// Most samples of a run. Their distance grows with the length of the run.
const SAMPLES_MAX: usize = 500;

/// What the client's thread knows.
#[derive(Clone, Debug, Default)]
pub struct View {
    /// Time since the start of trading, nanoseconds.
    pub elapsed_ns: u64,
    /// End of trading, nanoseconds since its start.
    pub end_ns: u64,
    /// The run's options.
    pub arguments: Arguments,
    /// The client's counts.
    pub counts: Counts,
    /// Executions booked at each venue.
    pub fills_by_venue: BTreeMap<String, u64>,
    /// The comparison with single venues.
    pub compared: Compared,
    /// The kills.
    pub crashes: Vec<Crash>,
    /// Times of the orders answered since the last view.
    pub waits: Vec<Wait>,
}

/// One moment of the run, for charts.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sample {
    /// Time since the start of trading, nanoseconds.
    pub elapsed_ns: u64,
    /// Executions booked so far, by [`Venue::index`].
    pub fills: [u64; Venue::ALL.len()],
    /// Open orders of the client.
    pub open: u64,
    /// Median time from order to first answer since the last sample; 0 without an answer.
    pub median_ns: u64,
}

/// What the watcher has gathered.
#[derive(Debug, Default)]
pub struct Watched {
    /// The console's last answer to `status`.
    pub status: Value,
    /// From sending to first answer.
    pub answers: Latencies,
    /// From intended time to sending.
    pub late: Latencies,
    /// At most [`SAMPLES_MAX`] moments.
    pub samples: Vec<Sample>,
    /// Answers since the last sample.
    since: Latencies,
}

impl Watched {
    fn add(&mut self, view: &View) {
        for wait in &view.waits {
            self.answers.record(wait.answer_ns);
            self.since.record(wait.answer_ns);
            self.late.record(wait.late_ns);
        }
        let last_ns = self.samples.last().map(|sample| sample.elapsed_ns);
        let distance_ns = view.end_ns / SAMPLES_MAX as u64;
        if last_ns.is_none_or(|last_ns| view.elapsed_ns > last_ns + distance_ns)
            && self.samples.len() < SAMPLES_MAX
        {
            let fills = |venue: Venue| view.fills_by_venue.get(venue.name()).copied();
            self.samples.push(Sample {
                elapsed_ns: view.elapsed_ns,
                fills: Venue::ALL.map(|venue| fills(venue).unwrap_or(0)),
                open: view.counts.sent - view.counts.over,
                median_ns: self.since.quantiles().p50,
            });
            self.since.clear();
        }
    }
}

/// The client thread's end of the channel.
#[derive(Debug)]
pub struct Watcher {
    views: Option<SyncSender<View>>,
    thread: Option<JoinHandle<io::Result<Watched>>>,
}

impl Watcher {
    /// Starts the thread.
    ///
    /// # Errors
    /// The system refuses a thread.
    pub fn start(console: Console, screen: Screen) -> io::Result<Self> {
        let (views, received) = sync_channel(VIEWS_MAX);
        let thread = std::thread::Builder::new()
            .name("screen".to_owned())
            .spawn(move || watch(&received, &console, screen))?;
        Ok(Self { views: Some(views), thread: Some(thread) })
    }

    /// Hands over a state without waiting. Returns the times that the next state has to carry
    /// because this one found no room.
    ///
    /// # Errors
    /// The output is closed.
    pub fn show(&mut self, view: View) -> anyhow::Result<Vec<Wait>> {
        let Some(views) = &self.views else { return Ok(view.waits) };
        match views.try_send(view) {
            Ok(()) => Ok(Vec::new()),
            Err(TrySendError::Full(view)) => Ok(view.waits),
            Err(TrySendError::Disconnected(_)) => {
                self.end()?;
                Err(anyhow!("the screen's thread has ended"))
            }
        }
    }

    /// Ends the thread and takes what it has gathered.
    ///
    /// # Errors
    /// The output is closed.
    pub fn end(&mut self) -> anyhow::Result<Watched> {
        self.views = None;
        let thread = self.thread.take().ok_or_else(|| anyhow!("the screen has ended"))?;
        let watched = thread.join().map_err(|_| anyhow!("the screen's thread failed"))?;
        Ok(watched?)
    }
}

fn watch(views: &Receiver<View>, console: &Console, mut screen: Screen) -> io::Result<Watched> {
    let mut watched = Watched::default();
    for view in views {
        watched.add(&view);
        // A killed node does not answer. Its last answer stands until the next node's first.
        if let Ok(status) = console.status() {
            watched.status = status;
        }
        screen.show(&view, &watched)?;
    }
    screen.end()?;
    Ok(watched)
}

/// The output: silent, a terminal, or plain lines.
#[derive(Debug)]
pub struct Screen {
    silent: bool,
    terminal: bool,
    /// Number of lines of the table on the terminal.
    standing: usize,
    next_line_ns: u64,
}

impl Screen {
    /// Prints nothing if `silent`, else a table on a terminal, else plain lines.
    pub const fn new(silent: bool, terminal: bool) -> Self {
        Self { silent, terminal, standing: 0, next_line_ns: 0 }
    }

    fn show(&mut self, view: &View, watched: &Watched) -> io::Result<()> {
        if self.silent {
            return Ok(());
        }
        if self.terminal {
            let text = table::live(view, watched);
            self.clear()?;
            self.standing = text.lines().count();
            io::stdout().write_all(text.as_bytes())?;
        } else if view.elapsed_ns >= self.next_line_ns {
            self.next_line_ns = view.elapsed_ns / LINE_NS * LINE_NS + LINE_NS;
            writeln!(io::stdout(), "{}", table::line(view, watched))?;
        }
        io::stdout().flush()
    }

    /// Moves the cursor above the standing table and clears the screen from there on.
    fn clear(&self) -> io::Result<()> {
        if self.standing == 0 {
            Ok(())
        } else {
            write!(io::stdout(), "\x1b[{}A\x1b[J", self.standing)
        }
    }

    /// Makes room for the summary, which takes the table's place.
    fn end(&self) -> io::Result<()> {
        self.clear()?;
        if !self.silent && !self.terminal {
            writeln!(io::stdout())?;
        }
        io::stdout().flush()
    }
}
