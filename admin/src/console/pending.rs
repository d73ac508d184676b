//! The two-person rule: what one person asked for and another has to approve.
//!
//! A line belongs here if it is about a command that waits for a second person. Which commands
//! need one is `service`.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::frame::{Code, Failure};
use super::people::Peer;
use super::verb::{Args, Change, Verb};

/// How long a command waits for a second person, nanoseconds.
pub const PENDING_NS: u64 = 300 * 1_000_000_000;

/// Most commands that wait for a second person at once.
pub const PENDING_MAX: usize = 64;

/// A command that waits.
#[derive(Clone, Debug, PartialEq)]
pub struct AwaitingApproval {
    /// The person who asked.
    pub by: Peer,
    /// The verb.
    pub verb: Verb,
    /// What the person asked for.
    pub change: Change,
    /// The reason that the person gave.
    pub reason: String,
    /// The arguments as they came, to be shown.
    pub args: Args,
    /// When it is forgotten, nanoseconds since the Unix epoch.
    pub expires_ns: u64,
}

/// All commands that wait, by number.
#[derive(Debug, Default)]
pub struct Approvals {
    waiting: BTreeMap<u64, AwaitingApproval>,
    last: u64,
}

impl Approvals {
    fn forget_old(&mut self, now_ns: u64) {
        self.waiting.retain(|_, waiting| waiting.expires_ns > now_ns);
    }

    /// Lets a command wait. Returns the error that the person who asked is answered with.
    pub fn ask(
        &mut self,
        by: &Peer,
        verb: Verb,
        change: Change,
        reason: String,
        args: &Args,
        now_ns: u64,
    ) -> Failure {
        self.forget_old(now_ns);
        if self.waiting.len() >= PENDING_MAX {
            return Failure::new(Code::Busy, "too many commands wait for a second person");
        }
        self.last += 1;
        let expires_ns = now_ns + PENDING_NS;
        let (by, args) = (by.clone(), args.clone());
        self.waiting
            .insert(self.last, AwaitingApproval { by, verb, change, reason, args, expires_ns });
        let message = format!("another operator has to say: approve {}", self.last);
        Failure::new(Code::NeedsSecondPerson, message).with("pending", self.last)
    }

    /// A second person approves. Returns the command to carry out.
    ///
    /// # Errors
    /// [`Code::UnknownPending`], [`Code::SamePerson`].
    pub fn approve(
        &mut self,
        number: u64,
        by: &Peer,
        now_ns: u64,
    ) -> Result<AwaitingApproval, Failure> {
        self.forget_old(now_ns);
        let waiting = self.waiting.get(&number).ok_or_else(|| unknown(number))?;
        if waiting.by.uid == by.uid {
            return Err(Failure::new(Code::SamePerson, "who asked cannot agree himself"));
        }
        self.waiting.remove(&number).ok_or_else(|| unknown(number))
    }

    /// The command of a number.
    ///
    /// # Errors
    /// [`Code::UnknownPending`].
    pub fn get(&self, number: u64) -> Result<&AwaitingApproval, Failure> {
        self.waiting.get(&number).ok_or_else(|| unknown(number))
    }

    /// Somebody rejects a command, perhaps the person who asked for it.
    ///
    /// # Errors
    /// [`Code::UnknownPending`].
    pub fn reject(&mut self, number: u64, now_ns: u64) -> Result<AwaitingApproval, Failure> {
        self.forget_old(now_ns);
        self.waiting.remove(&number).ok_or_else(|| unknown(number))
    }

    /// The rows of the answer to `pending`.
    pub fn rows(&mut self, now_ns: u64) -> Vec<Value> {
        self.forget_old(now_ns);
        let row = |(number, waiting): (&u64, &AwaitingApproval)| {
            json!({
                "pending": number, "by": waiting.by.name, "verb": waiting.verb.name(),
                "args": waiting.args, "expires_ns": waiting.expires_ns,
            })
        };
        self.waiting.iter().map(row).collect()
    }
}

fn unknown(number: u64) -> Failure {
    Failure::new(Code::UnknownPending, format!("nothing of number {number} waits"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::verb::ScopeName;

    fn peer(uid: u32) -> Peer {
        Peer { uid, name: format!("u{uid}"), gids: std::collections::BTreeSet::new() }
    }

    fn ask(pending: &mut Approvals, uid: u32, now_ns: u64) -> Failure {
        let change = Change::CancelAll { scope: ScopeName::Everything };
        let reason = "a drill".to_owned();
        pending.ask(&peer(uid), Verb::CancelAll, change, reason, &Args::new(), now_ns)
    }

    #[test]
    fn another_agrees_once_and_in_time() {
        let mut pending = Approvals::default();
        let told = ask(&mut pending, 1, 10);
        assert_eq!((told.code, &told.more["pending"]), (Code::NeedsSecondPerson, &json!(1)));
        assert_eq!(pending.approve(1, &peer(1), 11).expect_err("himself").code, Code::SamePerson);
        assert_eq!(pending.approve(1, &peer(2), 11).expect("agreed").verb, Verb::CancelAll);
        assert_eq!(pending.approve(1, &peer(2), 11).expect_err("once").code, Code::UnknownPending);
        ask(&mut pending, 1, 10);
        let late = pending.approve(2, &peer(2), 10 + PENDING_NS).expect_err("late");
        assert_eq!(late.code, Code::UnknownPending);
        assert!(pending.rows(0).is_empty());
    }

    #[test]
    fn what_is_rejected_is_forgotten_and_only_so_many_wait() {
        let mut pending = Approvals::default();
        for _ in 0..PENDING_MAX {
            assert_eq!(ask(&mut pending, 1, 0).code, Code::NeedsSecondPerson);
        }
        assert_eq!(ask(&mut pending, 1, 0).code, Code::Busy);
        assert_eq!(pending.reject(3, 0).expect("waits").by, peer(1));
        assert_eq!(pending.rows(0).len(), PENDING_MAX - 1);
    }
}
