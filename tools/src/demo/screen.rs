//! The output while a run goes on: silent, a table on a terminal, or plain lines.
//!
//! A line belongs here if it writes to the output. The lines themselves are `table`.

use std::io::{self, Write};

use super::table;
use super::view::{View, Watched};

/// Time between two plain lines.
const LINE_NS: u64 = 1_000_000_000;

/// The output: silent, a terminal, or plain lines.
pub struct Screen {
    silent: bool,
    terminal: bool,
    out: Box<dyn Write + Send>,
    /// Number of lines of the table on the terminal.
    standing: usize,
    next_line_ns: u64,
}

impl Screen {
    /// Prints nothing if `silent`, else a table on a terminal, else plain lines.
    pub fn new(silent: bool, terminal: bool, out: Box<dyn Write + Send>) -> Self {
        Self { silent, terminal, out, standing: 0, next_line_ns: 0 }
    }

    /// Shows one moment.
    ///
    /// # Errors
    /// The output is closed.
    pub fn show(&mut self, view: &View, watched: &Watched) -> io::Result<()> {
        if self.silent {
            return Ok(());
        }
        if self.terminal {
            let text = table::live(view, watched);
            self.clear()?;
            self.standing = text.lines().count();
            self.out.write_all(text.as_bytes())?;
        } else if view.elapsed_ns >= self.next_line_ns {
            self.next_line_ns = view.elapsed_ns / LINE_NS * LINE_NS + LINE_NS;
            writeln!(self.out, "{}", table::line(view, watched))?;
        }
        self.out.flush()
    }

    /// Moves the cursor above the standing table and clears the screen from there on.
    fn clear(&mut self) -> io::Result<()> {
        if self.standing == 0 { Ok(()) } else { write!(self.out, "\x1b[{}A\x1b[J", self.standing) }
    }

    /// Makes room for the summary, which takes the table's place.
    ///
    /// # Errors
    /// The output is closed.
    pub fn end(&mut self) -> io::Result<()> {
        self.clear()?;
        if !self.silent && !self.terminal {
            writeln!(self.out)?;
        }
        self.out.flush()
    }
}
