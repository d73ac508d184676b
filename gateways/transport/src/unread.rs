//! What could not be read of a venue's messages: counted, and the newest kept as it came.
//!
//! A line belongs here if it keeps or bounds such messages. What a machine does without the message
//! is the machine's.

use std::collections::VecDeque;

use crate::standing::one_line;

/// Most messages that are kept. When more come, the oldest are dropped; the count goes on.
pub const UNREAD_KEPT_MAX: usize = 8;

/// Most bytes that are kept of one message.
pub const UNREAD_BYTES_MAX: usize = 512;

/// Shortest secret that is searched for, in bytes.
const SECRET_BYTES_MIN: usize = 4;

/// A message, or a part of one, that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnreadMessage {
    /// What is wrong with the message, in words.
    pub what: String,
    /// The message as it came: one line of bounded length, without our secrets.
    pub raw: String,
}

/// The newest messages that could not be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unread {
    newest: VecDeque<UnreadMessage>,
    /// Messages since the start.
    count: u64,
}

impl Unread {
    /// A message could not be read. A venue may repeat what it was sent, so `secrets` are written
    /// as `***`.
    pub fn add(&mut self, what: &str, raw: &str, secrets: &[&str]) {
        // A secret must not be cut in two, so secrets go before the cut.
        let mut raw = raw.to_owned();
        for secret in secrets.iter().filter(|secret| secret.len() >= SECRET_BYTES_MIN) {
            raw = raw.replace(secret, "***");
        }
        if self.newest.len() == UNREAD_KEPT_MAX {
            self.newest.pop_front();
        }
        let (what, raw) = (one_line(what, UNREAD_BYTES_MAX), one_line(&raw, UNREAD_BYTES_MAX));
        self.newest.push_back(UnreadMessage { what, raw });
        self.count += 1;
    }

    /// Messages since the start.
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// The newest message.
    pub fn last(&self) -> Option<&UnreadMessage> {
        self.newest.back()
    }

    /// The messages after the first `seen`, as far as they are kept, oldest first.
    pub fn after(&self, seen: u64) -> impl Iterator<Item = &UnreadMessage> {
        let dropped = self.count - self.newest.len() as u64;
        let skipped = usize::try_from(seen.saturating_sub(dropped)).unwrap_or(usize::MAX);
        self.newest.iter().skip(skipped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_message_counts_and_the_newest_are_kept() {
        let mut unread = Unread::default();
        for at in 0..20 {
            unread.add("no price", &format!("message {at}"), &[]);
        }
        assert_eq!((unread.count(), unread.newest.len()), (20, UNREAD_KEPT_MAX));
        assert_eq!(unread.last().map(|last| last.raw.as_str()), Some("message 19"));
        let new: Vec<&str> = unread.after(18).map(|one| one.raw.as_str()).collect();
        assert_eq!(new, ["message 18", "message 19"]);
        assert_eq!(unread.after(0).count(), UNREAD_KEPT_MAX);
        assert_eq!(unread.after(20).count(), 0);
    }

    #[test]
    fn a_message_is_one_bounded_line_without_secrets() {
        let mut unread = Unread::default();
        let secret = "s3cr3t".repeat(4);
        let head = "x".repeat(UNREAD_BYTES_MAX - 3);
        unread.add("a\nb", &format!("{head}{secret}\u{1}tail"), &[&secret, "no"]);
        let last = unread.last().expect("kept");
        assert_eq!((last.what.as_str(), last.raw.len()), ("a b", UNREAD_BYTES_MAX));
        assert!(last.raw.ends_with("x***"), "{}", last.raw);
    }
}
