//! Changes that the console refused, to be shown beside the commands of the journal.
//!
//! A line belongs here if it is about a change that never reached the core. The log has them too;
//! here the newest are kept until the process ends.

use std::collections::{BTreeMap, VecDeque};

use serde_json::{Value, json};

use super::frame::Code;
use super::people::Peer;

/// Most attempts that are kept.
pub const ATTEMPTS_MAX: usize = 256;

/// Most attempts of one user that are kept, so that one user cannot push the others out.
pub const ATTEMPTS_OF_ONE_MAX: usize = 32;

/// A change that was refused.
#[derive(Clone, Debug)]
pub(super) struct Attempt {
    /// When it was refused, nanoseconds since the Unix epoch.
    pub(super) time_ns: u64,
    /// Who asked.
    pub(super) by: Peer,
    /// The verb's name.
    pub(super) verb: &'static str,
    /// The arguments that may be shown.
    pub(super) args: Value,
    /// Why it was refused.
    pub(super) code: Code,
}

/// The newest attempts, newest last.
#[derive(Debug, Default)]
pub(super) struct Attempts(VecDeque<Attempt>);

impl Attempts {
    /// Keeps an attempt. Without room the oldest one of its user goes, else the oldest one of the
    /// user with the most.
    pub(super) fn keep(&mut self, attempt: Attempt) {
        let mut counts = BTreeMap::<u32, usize>::new();
        self.0.iter().for_each(|one| *counts.entry(one.by.uid).or_default() += 1);
        let of_one = counts.get(&attempt.by.uid).copied().unwrap_or(0);
        let goes = if of_one >= ATTEMPTS_OF_ONE_MAX {
            Some(attempt.by.uid)
        } else if self.0.len() >= ATTEMPTS_MAX {
            counts.into_iter().max_by_key(|(_, count)| *count).map(|(uid, _)| uid)
        } else {
            None
        };
        if let Some(at) = goes.and_then(|uid| self.0.iter().position(|one| one.by.uid == uid)) {
            self.0.remove(at);
        }
        self.0.push_back(attempt);
    }

    /// The newest attempts, newest first.
    pub(super) fn rows(&self, limit: usize) -> Vec<Value> {
        let row = |one: &Attempt| {
            json!({"time_ns": one.time_ns, "by": one.by.name, "uid": one.by.uid, "verb": one.verb,
                   "args": one.args, "code": one.code.word()})
        };
        self.0.iter().rev().take(limit).map(row).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempt(uid: u32, time_ns: u64) -> Attempt {
        let by = Peer { uid, name: format!("u{uid}"), gids: std::collections::BTreeSet::new() };
        Attempt { time_ns, by, verb: "halt", args: json!({}), code: Code::Forbidden }
    }

    #[test]
    fn one_user_pushes_out_only_his_own_attempts() {
        let mut attempts = Attempts::default();
        attempts.keep(attempt(1, 0));
        (1..1_000).for_each(|time_ns| attempts.keep(attempt(2, time_ns)));
        let rows = attempts.rows(ATTEMPTS_MAX);
        assert_eq!(rows.len(), ATTEMPTS_OF_ONE_MAX + 1);
        assert_eq!((&rows[0]["time_ns"], &rows[0]["code"]), (&json!(999), &json!("forbidden")));
        assert_eq!(rows.last().expect("a row")["by"], "u1");
        assert_eq!(attempts.rows(1).len(), 1);
    }

    #[test]
    fn many_users_fill_no_more_than_the_table() {
        let mut attempts = Attempts::default();
        for uid in 0..2 * ATTEMPTS_MAX as u32 {
            attempts.keep(attempt(uid, u64::from(uid)));
        }
        assert_eq!(attempts.rows(usize::MAX).len(), ATTEMPTS_MAX);
    }
}
