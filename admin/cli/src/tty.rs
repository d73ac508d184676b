//! The terminal under a screen: its mode, its end, and the signals that end a program at it.
//!
//! A line belongs here if it asks the terminal or the system whether a screen has to end. A program
//! whose terminal is gone must end by itself: nobody can see the program, and reading a terminal
//! that was hung up returns at once, for ever.

use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::getpgrp;
use rustix::stdio::stdin;
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetpgrp, tcsetattr};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;

/// Signals that end a screen.
const ENDING: [i32; 3] = [SIGTERM, SIGHUP, SIGINT];

/// The mode of a terminal before a screen changes it: line editing, echo.
#[derive(Clone, Debug)]
pub struct Mode(Termios);

impl Mode {
    /// The present mode of the terminal at standard input.
    ///
    /// # Errors
    /// Standard input is no terminal, or a terminal that was hung up.
    pub fn present() -> std::io::Result<Self> {
        Ok(Self(tcgetattr(stdin())?))
    }

    fn restore(&self) {
        // There is nobody to tell when the terminal is gone.
        let _ = tcsetattr(stdin(), OptionalActions::Now, &self.0);
    }
}

/// Why the terminal at standard input can no longer be used; `None` while it can.
pub fn ended() -> Option<&'static str> {
    let terminal = stdin();
    // A hang-up and an error are reported without being asked for.
    let mut polled = [PollFd::new(&terminal, PollFlags::empty())];
    let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
    match poll(&mut polled, Some(&at_once)) {
        Ok(_) | Err(rustix::io::Errno::INTR) => {}
        Err(_) => return Some("the terminal cannot be asked"),
    }
    if polled[0].revents().intersects(PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL) {
        return Some("the terminal was hung up");
    }
    // A job in the background must not draw, and one without a shell reads only errors.
    match tcgetpgrp(terminal) {
        Ok(group) if group != getpgrp() => Some("another job has the terminal"),
        // A terminal that is not the session's own has no jobs.
        Ok(_) | Err(_) => None,
    }
}

/// Ends the process in order at the first of [`ENDING`]: `stop` asks the program to end by itself.
/// After `grace` the terminal gets its mode back, and the signal takes its usual effect.
///
/// # Errors
/// The system refuses the handler or the thread.
pub fn end_by_signals(
    before: Mode,
    grace: Duration,
    stop: impl FnOnce() + Send + 'static,
) -> std::io::Result<()> {
    let mut signals = Signals::new(ENDING)?;
    let body = move || {
        let Some(signal) = signals.forever().next() else { return };
        stop();
        // The process ends meanwhile, if it can.
        std::thread::park_timeout(grace);
        before.restore();
        // It does not return for these signals; if it did, the process would have to end as well.
        let _ = emulate_default_handler(signal);
        std::process::exit(128 + signal);
    };
    std::thread::Builder::new().name("signals".to_owned()).spawn(body)?;
    Ok(())
}
