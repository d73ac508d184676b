//! How a step of a case ends: passed, failed or skipped.
//!
//! A line belongs here if it names what was expected and what came instead.

use std::io;

use super::wire::{Got, Incoming};

/// How a case ended early.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Miss {
    /// The peer broke the rule.
    Fail {
        /// What the rule demands.
        expected: String,
        /// What the peer did.
        got: String,
    },
    /// The case cannot be played against this peer, for this reason.
    Skip(String),
}

impl Miss {
    /// A failure.
    pub fn fail(expected: impl Into<String>, got: impl Into<String>) -> Self {
        Self::Fail { expected: expected.into(), got: got.into() }
    }
}

impl From<io::Error> for Miss {
    fn from(error: io::Error) -> Self {
        Self::fail("a working connection", error.to_string())
    }
}

/// A step of a case.
pub type Step<T = ()> = Result<T, Miss>;

impl Incoming {
    /// Demands that a field has a value.
    ///
    /// # Errors
    /// [`Miss::Fail`].
    pub fn must(&self, tag: u32, value: &str) -> Step {
        if self.get(tag) == Some(value) {
            return Ok(());
        }
        let expected = format!("35={} with {tag}={value}", self.msg_type);
        Err(Miss::fail(expected, self.text.clone()))
    }
}

/// Text for whatever the peer sent.
pub fn told(got: &Got) -> String {
    match got {
        Got::Message(message) => message.text.clone(),
        Got::Garbled(text) => text.clone(),
        Got::Closed => "the end of the connection".to_owned(),
        Got::Nothing => "nothing in time".to_owned(),
    }
}
