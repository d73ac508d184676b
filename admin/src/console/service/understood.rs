//! A change that was understood: the command, and what it would do.
//!
//! A line belongs here if it holds for every change.

use rutter_core::id::VenueId;
use rutter_core::input::{NodeCommand, OperatorCommand};
use serde_json::{Value, json};

use super::super::extend::Plan;

/// A change that was understood.
pub(super) struct Understood {
    /// The command to the core.
    pub(super) command: OperatorCommand,
    /// Venue accounts that are halted behind the one of the command; `None` if only that is meant.
    pub(super) also_halted: Option<Vec<VenueId>>,
    /// What the command would do, in words.
    pub(super) would: String,
    /// Orders or children that the command would call back.
    pub(super) affected: u32,
    /// One person alone may not do it.
    pub(super) needs_two: bool,
    /// What the file adds; `None` for every other command.
    pub(super) plan: Option<Plan>,
}

impl Understood {
    pub(super) fn plain(command: OperatorCommand, would: impl Into<String>) -> Self {
        Self {
            command,
            also_halted: None,
            would: would.into(),
            affected: 0,
            needs_two: false,
            plan: None,
        }
    }

    pub(super) fn node(command: NodeCommand, would: impl Into<String>) -> Self {
        Self::plain(OperatorCommand::Node(command), would)
    }

    /// The answer to a dry run.
    pub(super) fn described(&self) -> Value {
        let mut told = json!({"dry_run": true, "would": self.would, "affected": self.affected});
        for (name, value) in self.plan.iter().flat_map(Plan::members) {
            told[name] = value;
        }
        told
    }
}
