//! A whole market in one test: simulated venues, the real node as a process, and its folder.
//!
//! A line belongs here if it starts, configures, watches or stops one of them. What clients send is
//! `client`.

mod config;
mod markets;
mod node;
mod venues;

use std::path::PathBuf;

pub(crate) use config::e8_text;
pub use config::{CONSOLE, ClientSession, Durability, NodeSettings, write_node_config};
pub use markets::{E8, MARKETS, Market, Venue, key_secret};
pub use node::{Memory, Node, READY_DEFAULT, memory, node_program};
pub use venues::{Book, Flowing, SharedFront, VenueFill, Venues, VenuesConfig};

use rutter_sim::server::ServerError;

/// Why something could not be started, asked or stopped.
#[derive(Debug, thiserror::Error)]
pub enum HarnessError {
    /// A file, socket or process.
    #[error("{what}: {source}")]
    Io {
        /// Doing what.
        what: String,
        /// Why.
        source: std::io::Error,
    },
    /// The simulators' server.
    #[error("simulators: {0}")]
    Server(#[from] ServerError),
    /// The simulated exchange refused its configuration.
    #[error("simulated exchange: {0}")]
    Exchange(String),
    /// There is no node program.
    #[error("no node program at {0}: build it with cargo build -p rutter")]
    NoProgram(PathBuf),
    /// The node ended by itself.
    #[error("the node ended ({status}); the end of its log:\n{log}")]
    NodeEnded {
        /// Exit status.
        status: String,
        /// Last lines.
        log: String,
    },
    /// The node did not come up in time.
    #[error("the node is not ready after {waited_ms} ms: {missing}; the end of its log:\n{log}")]
    NotReady {
        /// How long.
        waited_ms: u128,
        /// What was still missing.
        missing: String,
        /// Last lines.
        log: String,
    },
    /// The node did not end in time after SIGTERM and was killed.
    #[error("the node did not end within {waited_ms} ms of SIGTERM and was killed")]
    NotEnding {
        /// How long.
        waited_ms: u128,
    },
    /// Somebody asked to end while waiting.
    #[error("interrupted")]
    Interrupted,
    /// The status is no JSON.
    #[error("status: {0}")]
    Status(String),
}

/// Names what was tried.
pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> HarnessError {
    let what = what.into();
    move |source| HarnessError::Io { what, source }
}

/// A loopback address that was free just now. Another process may take it before it is used, which
/// then shows as an error of whoever binds it.
///
/// # Errors
/// [`HarnessError::Io`].
pub fn free_address() -> Result<std::net::SocketAddr, HarnessError> {
    let listener = std::net::TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0))
        .map_err(io("find a free port"))?;
    listener.local_addr().map_err(io("find a free port"))
}
