//! Accounts and sessions that a running node takes from its configuration file.
//!
//! A line belongs here if it is what the console knows of such an addition. The node reads the file
//! and carries the addition out (`Extender`); what a verb means is `service`.

use rutter_core::input::{Extension, Operator};
use serde_json::{Value, json};

use super::commands::Decided;
use super::frame::{Code, Failure};

/// Most names of additions, and most refused changes, that an answer lists; the others are counted.
pub const LISTED_MAX: usize = 100;

/// A difference between the file and what the node runs with that is taken at a start only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedChange {
    /// The section, account or session.
    pub what: String,
    /// Why it is not taken now.
    pub why: String,
}

/// What the configuration file has beyond what the node runs with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Names of the new accounts.
    pub accounts: Vec<String>,
    /// `CompID`s of the new sessions.
    pub sessions: Vec<String>,
    /// What keeps the node from taking them: nothing is taken while anything is here.
    pub refused: Vec<RefusedChange>,
    /// Accounts that are defined afterwards, in all.
    pub accounts_then: u32,
    /// Sessions that are defined afterwards, in all.
    pub sessions_then: u32,
    /// Tells these additions from others.
    pub digest: u64,
}

impl Plan {
    /// Whether there is nothing to add.
    pub const fn is_empty(&self) -> bool {
        self.accounts.is_empty() && self.sessions.is_empty()
    }

    /// The command that journals the additions.
    pub const fn command(&self) -> Extension {
        Extension {
            accounts: self.accounts_then,
            sessions: self.sessions_then,
            digest: self.digest,
        }
    }

    /// What would be done, in words.
    pub fn words(&self) -> String {
        let (accounts, sessions) = (self.accounts.len(), self.sessions.len());
        match self.refused.len() {
            0 => format!("add {accounts} accounts and {sessions} sessions"),
            refused => format!("nothing: {refused} changes of the file are taken at a start only"),
        }
    }

    /// The members that an answer has beside those of every change.
    pub fn members(&self) -> Vec<(&'static str, Value)> {
        let names = |names: &[String]| json!(names.iter().take(LISTED_MAX).collect::<Vec<_>>());
        let refused = self.refused.iter().take(LISTED_MAX);
        let refused = refused.map(|one| json!({"what": one.what, "why": one.why}));
        vec![
            ("accounts", names(&self.accounts)),
            ("accounts_added", self.accounts.len().into()),
            ("sessions", names(&self.sessions)),
            ("sessions_added", self.sessions.len().into()),
            ("refused", refused.collect()),
            ("refused_count", self.refused.len().into()),
        ]
    }

    /// Why the plan is not carried out.
    ///
    /// # Errors
    /// [`Code::NotAdditions`].
    pub fn check(&self) -> Result<(), Failure> {
        let message = match (&self.refused[..], self.is_empty()) {
            ([], false) => return Ok(()),
            ([], true) => "the configuration file has no new account or session".to_owned(),
            ([first, ..], _) => format!("{}: {}", first.what, first.why),
        };
        let failure = Failure::new(Code::NotAdditions, message);
        Err(self.members().into_iter().fold(failure, |all, (name, value)| all.with(name, value)))
    }
}

/// Sends a command to the core, and waits for its answer.
pub type Send<'a> = &'a mut dyn FnMut(Operator) -> Result<Decided, Failure>;

/// The node's side of an addition.
pub trait Extender: core::fmt::Debug + core::marker::Send + Sync {
    /// Reads the configuration file, and compares it with what the node runs with.
    ///
    /// # Errors
    /// [`Code::NotAdditions`]: the file cannot be read, or has findings.
    fn plan(&self) -> Result<Plan, Failure>;

    /// Journals the definitions of a plan and the command behind them; then clients of the new
    /// sessions may log on.
    ///
    /// # Errors
    /// [`Code::PendingChanged`]: the file has other additions by now. [`Code::Busy`]: somebody else
    /// does the same, or the ring has no room. The failure of `send`. [`Code::Timeout`]: the client
    /// gateway has not taken the sessions yet.
    fn carry_out(
        &self,
        extension: &Extension,
        operator: Operator,
        send: Send<'_>,
    ) -> Result<Decided, Failure>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_is_carried_out_only_if_it_adds_something_and_changes_nothing() {
        let added = Plan { sessions: vec!["DESK9".to_owned()], ..Plan::default() };
        assert_eq!(added.check(), Ok(()));
        assert_eq!(added.words(), "add 0 accounts and 1 sessions");
        let code = |plan: &Plan| plan.check().expect_err("refused").code;
        assert_eq!(code(&Plan::default()), Code::NotAdditions);
        let (what, why) = ("venue".to_owned(), "taken at a start".to_owned());
        let changed = Plan { refused: vec![RefusedChange { what, why }], ..added };
        let failure = changed.check().expect_err("refused");
        assert_eq!(failure.message, "venue: taken at a start");
        assert_eq!(failure.more["refused"][0]["what"], "venue");
        assert_eq!(failure.more["sessions"][0], "DESK9");
    }

    #[test]
    fn a_long_list_is_cut_and_counted() {
        let sessions = (0..=LISTED_MAX).map(|at| format!("S{at}")).collect();
        let plan = Plan { sessions, ..Plan::default() };
        let members: std::collections::BTreeMap<_, _> = plan.members().into_iter().collect();
        assert_eq!(members["sessions"].as_array().map(Vec::len), Some(LISTED_MAX));
        assert_eq!(members["sessions_added"], LISTED_MAX + 1);
    }
}
