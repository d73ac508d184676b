//! Lines that a person types, and lines printed meanwhile.
//!
//! A line belongs here if it reads the keyboard or writes beside a line that is being edited. At a
//! terminal the line can be edited and earlier lines come back; elsewhere lines are read as they
//! are.

use std::io::{self, BufRead, IsTerminal};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use rustyline::error::ReadlineError;
use rustyline::history::MemHistory;
use rustyline::{Config, Editor, ExternalPrinter};

/// Most lines that are read ahead of their execution.
const LINES_MAX: usize = 1_024;

/// Most earlier lines that come back by the arrow keys.
const HISTORY_MAX: usize = 1_000;

/// The word that ends the reading too.
pub const QUIT: &str = "quit";

/// Prints above the line that is being edited.
type Printer = Box<dyn FnMut(String) + Send>;

/// The keyboard's thread, and the printer that does not disturb it.
pub struct Keyboard {
    /// The lines. The end of the channel is the end of input.
    pub lines: Receiver<String>,
    printer: Printer,
    /// Only at a terminal: a thread that waits in an editor has changed the terminal's mode.
    editing: Option<JoinHandle<()>>,
}

impl Keyboard {
    /// Starts to read.
    ///
    /// # Errors
    /// The system refuses a thread; the terminal cannot be used.
    pub fn start() -> anyhow::Result<Self> {
        let (send, lines) = sync_channel(LINES_MAX);
        let thread = std::thread::Builder::new().name("keyboard".to_owned());
        if !(io::stdin().is_terminal() && io::stdout().is_terminal()) {
            thread.spawn(move || read(&send))?;
            return Ok(Self { lines, printer: Box::new(|line| println!("{line}")), editing: None });
        }
        let config = Config::builder().max_history_size(HISTORY_MAX)?.build();
        let history = MemHistory::with_config(&config);
        let mut editor: Editor<(), MemHistory> = Editor::with_history(config, history)?;
        let mut above = editor.create_external_printer()?;
        let printer: Printer = Box::new(move |line| {
            // A terminal that is gone takes no more lines; the end of input follows.
            let _ = above.print(line + "\n");
        });
        let editing = Some(thread.spawn(move || edit(editor, &send))?);
        Ok(Self { lines, printer, editing })
    }

    /// Prints a line.
    pub fn print(&mut self, line: impl Into<String>) {
        (self.printer)(line.into());
    }

    /// Waits until the terminal is as it was. A person who is at the prompt has to end the line.
    pub fn end(mut self) {
        if self.editing.as_ref().is_some_and(|editing| !editing.is_finished()) {
            self.print("press Enter");
        }
        drop(self.lines);
        if let Some(editing) = self.editing {
            // A thread that failed leaves nothing to wait for.
            let _ = editing.join();
        }
    }
}

fn read(send: &SyncSender<String>) {
    for line in io::stdin().lock().lines() {
        let Ok(line) = line else { return };
        if send.send(line).is_err() {
            return;
        }
    }
}

fn edit(mut editor: Editor<(), MemHistory>, send: &SyncSender<String>) {
    loop {
        let line = match editor.readline("> ") {
            Ok(line) => line,
            Err(ReadlineError::Interrupted | ReadlineError::Eof) => QUIT.to_owned(),
            Err(_) => return,
        };
        // A line that cannot be remembered can still be carried out.
        let _ = editor.add_history_entry(line.as_str());
        let quit = line.trim() == QUIT;
        if send.send(line).is_err() || quit {
            return;
        }
    }
}
