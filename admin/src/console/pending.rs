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

/// Most commands of one user that wait for a second person at once.
pub const PENDING_OF_ONE_MAX: usize = 8;

/// A command that waits.
#[derive(Clone, Debug, PartialEq)]
pub struct AwaitingApproval {
    /// The person who asked.
    pub by: Peer,
    /// The verb.
    pub verb: Verb,
    /// What the person asked for.
    pub change: Change,
    /// The command in words, as the journal would show it. Nothing else is approved.
    pub command: String,
    /// The reason that the person gave.
    pub reason: String,
    /// The arguments as they came, to be shown.
    pub args: Args,
    /// When it is forgotten, nanoseconds since the Unix epoch.
    pub expires_ns: u64,
}

/// All commands that wait, by number.
///
/// A number is the time of asking in milliseconds since the Unix epoch, or one more than the last
/// number. So a number is not used again, also by the next process.
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
    pub fn ask(&mut self, asked: AwaitingApproval, now_ns: u64) -> Failure {
        self.forget_old(now_ns);
        let of_one = self.waiting.values().filter(|one| one.by.uid == asked.by.uid).count();
        if of_one >= PENDING_OF_ONE_MAX {
            let message =
                format!("{PENDING_OF_ONE_MAX} commands of yours wait for a second person");
            return Failure::new(Code::Busy, message);
        }
        if self.waiting.len() >= PENDING_MAX {
            return Failure::new(Code::Busy, "too many commands wait for a second person");
        }
        self.last = (self.last + 1).max(now_ns / 1_000_000);
        let message = format!("another operator has to say: approve {}", self.last);
        let failure = Failure::new(Code::NeedsSecondPerson, message)
            .with("pending", self.last)
            .with("command", asked.command.clone());
        let expires_ns = now_ns.saturating_add(PENDING_NS);
        self.waiting.insert(self.last, AwaitingApproval { expires_ns, ..asked });
        failure
    }

    /// A second person approves. Returns the command to carry out. `command` is what the command
    /// means now; `expected` is what the second person wants to approve, if that was given.
    ///
    /// # Errors
    /// [`Code::UnknownPending`], [`Code::SamePerson`], [`Code::PendingChanged`].
    pub fn approve(
        &mut self,
        number: u64,
        by: &Peer,
        (command, expected): (&str, Option<&str>),
        now_ns: u64,
    ) -> Result<AwaitingApproval, Failure> {
        self.forget_old(now_ns);
        let waiting = self.waiting.get(&number).ok_or_else(|| unknown(number))?;
        if waiting.by.uid == by.uid {
            return Err(Failure::new(Code::SamePerson, "who asked cannot agree himself"));
        }
        let asked = &waiting.command;
        let other = |what: &str, found: &str| {
            let message = format!("asked for was: {asked}; {what}: {found}");
            Failure::new(Code::PendingChanged, message).with("command", asked.as_str())
        };
        if let Some(expected) = expected.filter(|expected| *expected != asked) {
            return Err(other("you approve", expected));
        }
        if command != asked {
            return Err(other("by now it means", command));
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
                "command": waiting.command, "reason": waiting.reason,
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

    const WORDS: &str = "cancel-all everything";

    fn ask(pending: &mut Approvals, uid: u32, now_ns: u64) -> Failure {
        let asked = AwaitingApproval {
            by: peer(uid),
            verb: Verb::CancelAll,
            change: Change::CancelAll { scope: ScopeName::Everything },
            command: WORDS.to_owned(),
            reason: "a drill".to_owned(),
            args: Args::new(),
            expires_ns: 0,
        };
        pending.ask(asked, now_ns)
    }

    fn number(told: &Failure) -> u64 {
        assert_eq!((told.code, &told.more["command"]), (Code::NeedsSecondPerson, &json!(WORDS)));
        told.more["pending"].as_u64().expect("a number")
    }

    fn approve(
        pending: &mut Approvals,
        number: u64,
        uid: u32,
        now_ns: u64,
    ) -> Result<AwaitingApproval, Code> {
        let approved = pending.approve(number, &peer(uid), (WORDS, None), now_ns);
        approved.map_err(|failure| failure.code)
    }

    #[test]
    fn another_agrees_once_and_in_time() {
        let mut pending = Approvals::default();
        let asked = number(&ask(&mut pending, 1, 10));
        assert_eq!(approve(&mut pending, asked, 1, 11), Err(Code::SamePerson));
        assert_eq!(approve(&mut pending, asked, 2, 11).expect("agreed").verb, Verb::CancelAll);
        assert_eq!(approve(&mut pending, asked, 2, 11), Err(Code::UnknownPending), "once");
        let asked = number(&ask(&mut pending, 1, 10));
        assert_eq!(approve(&mut pending, asked, 2, 10 + PENDING_NS), Err(Code::UnknownPending));
        assert!(pending.rows(0).is_empty());
    }

    #[test]
    fn only_the_command_that_was_asked_for_is_approved() {
        let mut pending = Approvals::default();
        let asked = number(&ask(&mut pending, 1, 10));
        for (command, expected) in
            [("limits-set account fund", None), (WORDS, Some("cancel-all venue a"))]
        {
            let refused = pending.approve(asked, &peer(2), (command, expected), 11);
            assert_eq!(refused.expect_err("refused").code, Code::PendingChanged);
        }
        assert!(pending.approve(asked, &peer(2), (WORDS, Some(WORDS)), 11).is_ok());
    }

    #[test]
    fn a_number_is_never_used_again_also_after_a_restart() {
        let mut seen = std::collections::BTreeSet::new();
        let mut now_ns = 1_800_000_000_000_000_000;
        for _ in 0..20 {
            let mut pending = Approvals::default();
            for _ in 0..50 {
                let asked = number(&ask(&mut pending, 1, now_ns));
                assert!(seen.insert(asked) && asked < 1 << 53, "{asked}");
                pending.reject(asked, now_ns).expect("waits");
            }
            // A start takes longer than this.
            now_ns += 60_000_000;
        }
    }

    #[test]
    fn what_is_rejected_is_forgotten_and_only_so_many_wait() {
        let mut pending = Approvals::default();
        let users = (PENDING_MAX / PENDING_OF_ONE_MAX) as u32;
        let mut first = 0;
        for uid in 0..users {
            for _ in 0..PENDING_OF_ONE_MAX {
                first = number(&ask(&mut pending, uid, 0));
            }
            assert_eq!(ask(&mut pending, uid, 0).code, Code::Busy, "one user has no more");
        }
        assert_eq!(ask(&mut pending, users, 0).code, Code::Busy);
        assert_eq!(pending.reject(first, 0).expect("waits").by, peer(users - 1));
        assert_eq!(pending.rows(0).len(), PENDING_MAX - 1);
    }
}
