//! The two-person rule: what one asked for and another has to agree to.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::frame::{Code, Failure};
use super::people::Peer;

/// How long it waits.
pub const PENDING_NS: u64 = 300 * 1_000_000_000;

/// Commands that wait at once.
pub const PENDING_MAX: usize = 64;

/// What waits.
#[derive(Clone, Debug, PartialEq)]
pub struct Waiting {
    /// Who asked.
    pub by: Peer,
    /// For what.
    pub verb: &'static str,
    /// With what.
    pub args: Map<String, Value>,
    /// Forgotten then.
    pub expires_ns: u64,
}

/// All that waits, by number.
#[derive(Debug, Default)]
pub struct Pending {
    waiting: BTreeMap<u64, Waiting>,
    last: u64,
}

impl Pending {
    fn forget_old(&mut self, now_ns: u64) {
        self.waiting.retain(|_, waiting| waiting.expires_ns > now_ns);
    }

    /// Lets it wait. The error is what he who asked is told.
    pub fn ask(
        &mut self,
        by: &Peer,
        verb: &'static str,
        args: &Map<String, Value>,
        now_ns: u64,
    ) -> Failure {
        self.forget_old(now_ns);
        if self.waiting.len() >= PENDING_MAX {
            return Failure::new(Code::Busy, "too many commands wait for a second person");
        }
        self.last += 1;
        let expires_ns = now_ns + PENDING_NS;
        let (by, args) = (by.clone(), args.clone());
        self.waiting.insert(self.last, Waiting { by, verb, args, expires_ns });
        let message = format!("another operator has to say: approve {}", self.last);
        Failure::new(Code::NeedsSecondPerson, message).with("pending", self.last)
    }

    /// Somebody agrees: what to carry out now.
    ///
    /// # Errors
    /// [`Code::UnknownPending`], [`Code::SamePerson`].
    pub fn approve(&mut self, number: u64, by: &Peer, now_ns: u64) -> Result<Waiting, Failure> {
        self.forget_old(now_ns);
        let waiting = self.waiting.get(&number).ok_or_else(|| unknown(number))?;
        if waiting.by.uid == by.uid {
            return Err(Failure::new(Code::SamePerson, "who asked cannot agree himself"));
        }
        self.waiting.remove(&number).ok_or_else(|| unknown(number))
    }

    /// What waits under a number.
    ///
    /// # Errors
    /// [`Code::UnknownPending`].
    pub fn get(&self, number: u64) -> Result<&Waiting, Failure> {
        self.waiting.get(&number).ok_or_else(|| unknown(number))
    }

    /// Somebody does not agree, or takes his own word back.
    ///
    /// # Errors
    /// [`Code::UnknownPending`].
    pub fn reject(&mut self, number: u64, now_ns: u64) -> Result<Waiting, Failure> {
        self.forget_old(now_ns);
        self.waiting.remove(&number).ok_or_else(|| unknown(number))
    }

    /// What waits, as it is shown.
    pub fn rows(&mut self, now_ns: u64) -> Vec<Value> {
        self.forget_old(now_ns);
        let row = |(number, waiting): (&u64, &Waiting)| {
            json!({
                "pending": number, "by": waiting.by.name, "verb": waiting.verb,
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

    fn peer(uid: u32) -> Peer {
        Peer { uid, name: format!("u{uid}"), gids: std::collections::BTreeSet::new() }
    }

    #[test]
    fn another_agrees_once_and_in_time() {
        let mut pending = Pending::default();
        let args = Map::new();
        let told = pending.ask(&peer(1), "cancel-all", &args, 10);
        assert_eq!((told.code, &told.more["pending"]), (Code::NeedsSecondPerson, &json!(1)));
        assert_eq!(pending.approve(1, &peer(1), 11).expect_err("himself").code, Code::SamePerson);
        assert_eq!(pending.approve(1, &peer(2), 11).expect("agreed").verb, "cancel-all");
        assert_eq!(pending.approve(1, &peer(2), 11).expect_err("once").code, Code::UnknownPending);
        pending.ask(&peer(1), "cancel-all", &args, 10);
        let late = pending.approve(2, &peer(2), 10 + PENDING_NS).expect_err("late");
        assert_eq!(late.code, Code::UnknownPending);
        assert!(pending.rows(0).is_empty());
    }

    #[test]
    fn what_is_rejected_is_forgotten_and_only_so_many_wait() {
        let mut pending = Pending::default();
        for _ in 0..PENDING_MAX {
            assert_eq!(pending.ask(&peer(1), "halt", &Map::new(), 0).code, Code::NeedsSecondPerson);
        }
        assert_eq!(pending.ask(&peer(1), "halt", &Map::new(), 0).code, Code::Busy);
        assert_eq!(pending.reject(3, 0).expect("waits").by, peer(1));
        assert_eq!(pending.rows(0).len(), PENDING_MAX - 1);
    }
}
