//! A whole market in one run: the simulated venues, the real node as a process, and the folder of
//! both.
//!
//! A line belongs here if it starts, configures, watches or stops the venues or the node. What
//! clients send is `client`.

mod arrivals;
mod config;
mod example;
mod front;
mod market;
mod node;
mod ports;
mod program;
mod stages;
mod venues;

use std::path::PathBuf;

use rutter_sim::server::ServerError;
use rutter_sim::venue::OpenError;

pub use arrivals::{ARRIVALS_MAX, Arrival, Arrivals, Books};
pub use config::{
    CONSOLE, ClientSession, Durability, NodeSettings, USUAL, write_node_config,
    write_unserved_config,
};
pub use example::fill_in;
pub use front::{Book, VenueFill};
pub use market::{Flowing, Market, SharedFront, VenuesConfig};
pub use node::{Console, Memory, Node, READY_DEFAULT, memory, node_program};
pub use ports::free_address;
pub use program::Program;
pub use stages::stages;
pub use venues::Venues;

/// Why a venue or the node could not be started, asked or stopped.
#[derive(Debug, thiserror::Error)]
pub enum HarnessError {
    /// An operation on a file, a socket or a process failed.
    #[error("{what}: {source}")]
    Io {
        /// The operation.
        what: String,
        /// The system's error.
        source: std::io::Error,
    },
    /// The server of the simulated venues failed.
    #[error("simulated venues: {0}")]
    Server(#[from] ServerError),
    /// A simulated venue could not be opened.
    #[error("simulated venue: {0}")]
    Venue(#[from] OpenError),
    /// There is no node program.
    #[error("no node program at {0}: build it with cargo build -p rutter")]
    NoProgram(PathBuf),
    /// The node ended without being asked to.
    #[error("the node ended ({status}); the end of its log:\n{log}")]
    NodeEnded {
        /// The exit status.
        status: String,
        /// The last lines of the log.
        log: String,
    },
    /// The node was not ready in time.
    #[error("the node is not ready after {waited_ms} ms: {missing}; the end of its log:\n{log}")]
    NotReady {
        /// Time waited, in milliseconds.
        waited_ms: u128,
        /// The condition that was not met.
        missing: String,
        /// The last lines of the log.
        log: String,
    },
    /// The node did not end in time after SIGTERM and was killed.
    #[error("the node did not end within {waited_ms} ms of SIGTERM and was killed")]
    NotEnding {
        /// Time waited, in milliseconds.
        waited_ms: u128,
    },
    /// The operator interrupted the wait.
    #[error("interrupted")]
    Interrupted,
    /// The console's answer is not JSON, or is an error.
    #[error("status: {0}")]
    Status(String),
}

/// Names the operation that failed.
pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> HarnessError {
    let what = what.into();
    move |source| HarnessError::Io { what, source }
}
