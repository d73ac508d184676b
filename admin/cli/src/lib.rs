//! The operators' end of the console: `rutter ctl`, `rutter console` and `rutter top`.
//!
//! A line belongs here if an operator types it or sees it. What it means the node decides: every
//! verb goes as one line over the socket that `docs/console.md` describes. Of the other end only
//! that contract and the table of verbs (`rutter_admin::console::verb`) are known here. What turns
//! an answer into text (`text`, `render`, `top::view`) does no input or output, and takes the time
//! as an argument.

pub mod client;
pub mod complete;
pub mod ctl;
pub mod history;
pub mod interactive;
pub mod location;
pub mod render;
pub mod request;
pub mod text;
pub mod top;
mod tty;

/// How a command line ended: the exit code of the process. They do not change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// The node did it, or answered.
    Done = 0,
    /// The node refused it, or the operator did not confirm it. Nothing was changed.
    Refused = 1,
    /// The command line makes no sense.
    Usage = 2,
    /// No node was asked: nobody listens, or the socket may not be used. Nothing was changed.
    Unreachable = 3,
    /// It was asked, and no sound answer came: a change may have been carried out, or not.
    Unknown = 4,
    /// A second person has to approve it.
    SecondPerson = 5,
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
