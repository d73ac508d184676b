//! What the console holds of a running node.
//!
//! A line belongs here if it is something that the node shares with its console. The node makes
//! these handles when it starts; the console reads copies by them, and changes state only by a
//! command through [`CommandSender`].

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rutter_core::id::ChildId;

use super::book_set::Books;
use super::commands::CommandSender;
use super::extend::Extender;
use super::sessions::SessionGauges;
use super::snapshot::SnapshotCell;
use crate::model::ReadModel;

/// Finds the child whose order has an id at a venue, for the journal with a node tag.
pub type ChildOf = fn(u32, &[u8]) -> Option<ChildId>;

/// The configuration in use, as it is shown. An addition of accounts and sessions changes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ShownConfig {
    /// As text, without secrets.
    pub text: String,
    /// Tells one configuration from another.
    pub hash: String,
}

/// What hardly changes while a node runs.
#[derive(Clone, Debug, Default)]
pub struct About {
    /// The node's name: its `SenderCompID` (49).
    pub name: String,
    /// The version of the program.
    pub version: &'static str,
    /// When the process began, nanoseconds since the Unix epoch.
    pub started_ns: u64,
    /// The configuration in use.
    pub config: Arc<Mutex<ShownConfig>>,
    /// The journal's number, which is in all ids of orders that others see.
    pub node_tag: u32,
    /// The child whose order has that id at a venue, for the journal with that tag.
    pub child_of: Option<ChildOf>,
    /// The folder of the journal.
    pub journal_folder: PathBuf,
    /// `process` or `disk`: when an output may leave.
    pub durability: String,
}

/// Handles to a running node.
#[derive(Debug)]
pub struct Handles {
    /// What does not change while the node runs.
    pub about: About,
    /// Now, nanoseconds since the Unix epoch.
    pub clock: fn() -> u64,
    /// The read model; its own thread keeps it up to date.
    pub model: Arc<Mutex<ReadModel>>,
    /// What the node measures of itself.
    pub snapshot: Arc<SnapshotCell>,
    /// The connections of client sessions.
    pub sessions: Arc<SessionGauges>,
    /// The books; the read model's thread keeps them up to date.
    pub books: Arc<Mutex<Books>>,
    /// The way of a command into the core.
    pub commands: CommandSender,
    /// Takes further accounts and sessions from the configuration file; `None` for a node whose
    /// configuration comes from no file.
    pub extender: Option<Arc<dyn Extender>>,
}

impl About {
    /// The configuration in use.
    pub fn config(&self) -> ShownConfig {
        self.config.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Handles {
    /// Now, nanoseconds since the Unix epoch.
    pub(super) fn now_ns(&self) -> u64 {
        (self.clock)()
    }

    /// The read model. Hold it only while rows are copied: the thread that keeps it waits.
    pub(super) fn model(&self) -> MutexGuard<'_, ReadModel> {
        self.model.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The books. Hold them as briefly.
    pub(super) fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
