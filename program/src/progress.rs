//! How far a long command is, on standard error.
//!
//! A line belongs here if it shows progress. At a terminal one line is written over and over;
//! elsewhere nothing is shown unless the command's option `--progress` asks for lines.

use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

/// A command that takes less shows nothing.
const QUIET: Duration = Duration::from_secs(2);

/// Time between two updates.
const BETWEEN: Duration = Duration::from_millis(500);

/// The option of every long command.
#[derive(Clone, Copy, Debug, Default, clap::Args)]
pub struct Choice {
    /// Show progress on standard error even if it is no terminal.
    #[arg(long)]
    pub progress: bool,
}

/// The progress of one command. Dropping it clears the line.
#[derive(Debug)]
pub struct Progress {
    /// The name of what is counted, in the plural.
    unit: &'static str,
    shown: bool,
    terminal: bool,
    started: Instant,
    next: Instant,
    standing: bool,
}

impl Progress {
    /// Counts `unit`s.
    pub fn new(unit: &'static str, choice: Choice) -> Self {
        let terminal = io::stderr().is_terminal();
        let started = Instant::now();
        let (shown, next) = (terminal || choice.progress, started + QUIET);
        Self { unit, shown, terminal, started, next, standing: false }
    }

    /// Tells that `done` of `total` are done; writes if it is time to. A total below `done` is not
    /// known.
    pub fn show(&mut self, done: u64, total: u64) {
        let now = Instant::now();
        if !self.shown || now < self.next {
            return;
        }
        self.next = now + BETWEEN;
        let text = text(self.unit, done, total, now - self.started);
        let (start, end) = if self.terminal { ("\r\x1b[K", "") } else { ("", "\n") };
        // Progress that cannot be shown is no reason to stop.
        let _ = write!(io::stderr(), "{start}{text}{end}");
        let _ = io::stderr().flush();
        self.standing = self.terminal;
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.standing {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}

fn text(unit: &str, done: u64, total: u64, elapsed: Duration) -> String {
    let rate = done as f64 / elapsed.as_secs_f64().max(1e-9);
    if done > total {
        // The total was not known, or has grown.
        return format!("{done} {unit}, {rate:.1} {unit}/s");
    }
    let mut text = format!("{done} of {total} {unit}, {rate:.1} {unit}/s");
    if rate > 0.0 {
        let _ = write!(text, ", {:.0} s left", total.saturating_sub(done) as f64 / rate);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_tells_count_rate_and_the_time_left() {
        let half = text("orders", 500, 1_000, Duration::from_secs(5));
        assert_eq!(half, "500 of 1000 orders, 100.0 orders/s, 5 s left");
        assert_eq!(text("orders", 50, 0, Duration::from_secs(5)), "50 orders, 10.0 orders/s");
        assert_eq!(text("orders", 0, 9, Duration::from_secs(5)), "0 of 9 orders, 0.0 orders/s");
    }

    #[test]
    fn a_short_command_shows_nothing() {
        let mut progress = Progress::new("orders", Choice { progress: true });
        progress.show(1, 2);
        assert!(!progress.standing && progress.next >= progress.started + QUIET);
    }
}
