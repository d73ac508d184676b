//! Why a node does not start, or ends before it is asked to.
//!
//! A line belongs here if it is an error that ends the process.

use std::path::PathBuf;

use rutter_admin::console::socket::SocketError;
use rutter_fix::store::StoreError;
use rutter_journal::{AppendError, StorageError};
use rutter_transport::driver::DriverError;
use rutter_transport::tls::TlsError;
use rutter_transport::wait::UnknownProfile;

use super::decider::StartError;
use super::layout::UnknownLayout;
use crate::config::KeyError;
use crate::venues::VenueError;
use crate::watch::metrics::MetricsError;

/// Why a node does not start, or ends before it is asked to.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// The data folder cannot be made or read.
    #[error("cannot make {path}: {source}")]
    DataDir {
        /// The folder.
        path: PathBuf,
        /// The error of the file system.
        source: std::io::Error,
    },
    /// The journal's folder cannot be used.
    #[error("journal: {0}")]
    Storage(#[from] StorageError),
    /// The journal, or a record in it.
    #[error("journal: {0}")]
    Start(#[from] StartError),
    /// An input could not be journaled.
    #[error("journal: {0}")]
    Append(#[from] AppendError),
    /// The last sync failed.
    #[error("journal: {0}")]
    Sync(#[from] rutter_journal::SyncError),
    /// Another node uses the data folder, or trades with its journal.
    #[error(transparent)]
    Claim(#[from] super::claim::ClaimError),
    /// A session's message store.
    #[error("message store: {0}")]
    Store(#[from] StoreError),
    /// The raw FIX log cannot start.
    #[error(transparent)]
    FixLog(#[from] crate::watch::fix_log::FixLogError),
    /// The client gateway cannot start.
    #[error("client gateway: {0}")]
    Gateway(String),
    /// A venue's machine cannot be made.
    #[error(transparent)]
    Venue(#[from] VenueError),
    /// A certificate or key cannot be used.
    #[error("TLS: {0}")]
    Tls(#[from] TlsError),
    /// A venue's or feed's sockets.
    #[error("driver: {0}")]
    Driver(#[from] DriverError),
    /// The metrics server cannot start.
    #[error(transparent)]
    Metrics(#[from] MetricsError),
    /// Alerts cannot start.
    #[error(transparent)]
    Alerts(#[from] crate::watch::alerts::StartError),
    /// The operators' socket cannot be made.
    #[error(transparent)]
    Console(#[from] SocketError),
    /// `node.wait_profile` has an unknown value.
    #[error("node.wait_profile: {0}")]
    Profile(#[from] UnknownProfile),
    /// `node.layout` has an unknown value.
    #[error("node.layout: {0}")]
    Layout(#[from] UnknownLayout),
    /// A secret that the configuration names, or a value in it.
    #[error("configuration: {0}")]
    Config(#[from] KeyError),
    /// The configuration contradicts the journal, or itself.
    #[error("configuration: {0}")]
    Configuration(String),
    /// A thread could not be started, or died.
    #[error("thread {0}")]
    Thread(String),
}
