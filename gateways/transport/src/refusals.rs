//! The words with which a venue refuses requests, on their way from a machine to the log.
//!
//! A line belongs here if it keeps or bounds these words. What a refusal means is the machine's.

use std::collections::VecDeque;

use crate::standing::detail;

/// Most refusals that wait for a look. When more come, the oldest are dropped and counted.
pub const REFUSALS_MAX: usize = 64;

/// Shortest secret that is searched for, in bytes. A shorter one stands in ordinary words by
/// chance.
const SECRET_BYTES_MIN: usize = 4;

/// A request that the venue refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// A new order.
    New,
    /// A cancel.
    Cancel,
    /// An amend.
    Amend,
}

/// A refusal in the venue's own words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The number that the machine's user has for the order.
    pub order: u64,
    /// What was refused.
    pub request: Refused,
    /// The venue's text: one line of bounded length, without our secrets.
    pub text: String,
}

/// The newest refusals of a venue.
#[derive(Clone, Debug, Default)]
pub struct Refusals {
    newest: VecDeque<Refusal>,
    /// Refusals since the start.
    count: u64,
}

impl Refusals {
    /// The venue has refused a request. A venue may repeat what it was sent, so `secrets` are
    /// written as `***`.
    pub fn add(&mut self, order: u64, request: Refused, text: &str, secrets: &[&str]) {
        let mut text = text.to_owned();
        for secret in secrets.iter().filter(|secret| secret.len() >= SECRET_BYTES_MIN) {
            text = text.replace(secret, "***");
        }
        if self.newest.len() == REFUSALS_MAX {
            self.newest.pop_front();
        }
        self.newest.push_back(Refusal { order, request, text: detail(&text) });
        self.count += 1;
    }

    /// Refusals since the start.
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// The refusals after the first `seen`, as far as they are kept, oldest first.
    pub fn after(&self, seen: u64) -> impl Iterator<Item = &Refusal> {
        let dropped = self.count - self.newest.len() as u64;
        let skipped = usize::try_from(seen.saturating_sub(dropped)).unwrap_or(usize::MAX);
        self.newest.iter().skip(skipped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_refusal_is_seen_once_and_the_oldest_make_room() {
        let mut refusals = Refusals::default();
        refusals.add(1, Refused::New, "a", &[]);
        refusals.add(2, Refused::Cancel, "b", &[]);
        let orders = |seen| refusals.after(seen).map(|one| one.order).collect::<Vec<_>>();
        assert_eq!((orders(0), orders(1), orders(2)), (vec![1, 2], vec![2], vec![]));
        for order in 3..100 {
            refusals.add(order, Refused::New, "c", &[]);
        }
        let kept: Vec<u64> = refusals.after(2).map(|one| one.order).collect();
        assert_eq!((refusals.count(), kept.len(), kept[0]), (99, REFUSALS_MAX, 36));
        assert_eq!(refusals.after(98).map(|one| one.order).collect::<Vec<_>>(), [99]);
    }

    #[test]
    fn a_text_is_one_short_line_without_secrets() {
        let mut refusals = Refusals::default();
        let long = format!("no\u{1b}[2J token tok-123 {}", "x".repeat(1_000));
        refusals.add(1, Refused::New, &long, &["tok-123", "", "no"]);
        let text = &refusals.after(0).next().expect("kept").text;
        assert!(text.starts_with("no [2J token *** xxx"), "{text}");
        assert_eq!(text.len(), detail(&long).len());
    }
}
