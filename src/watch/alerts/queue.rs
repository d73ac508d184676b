//! The messages that wait for one webhook, and the time of the next attempt.
//!
//! A line belongs here if it decides when a message is tried again or given up. The queue depends
//! only on the given time and seed; `webhook` makes the attempt.

use std::collections::VecDeque;
use std::sync::Arc;

use super::state::{Message, Reason};

/// Most messages that wait for one webhook. A further one drops the oldest.
pub const QUEUE_MAX: usize = 256;

/// Longest `Retry-After` that is obeyed, nanoseconds.
pub const RETRY_AFTER_NS_MAX: u64 = 300_000_000_000;

/// Waits and maximal age of one webhook's messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Wait before the second attempt, nanoseconds. The wait doubles with each further attempt.
    pub retry_ns_min: u64,
    /// Longest time between two attempts.
    pub retry_ns_max: u64,
    /// Age at which a message is given up, nanoseconds.
    pub age_ns_max: u64,
}

/// Result of adding a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PushResult {
    /// The message waits.
    Waits,
    /// The message repeats one that still waits, and is left out.
    Merged,
    /// The message waits, and the oldest one was dropped.
    Displaced,
}

/// Result of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The webhook accepted the message.
    Delivered,
    /// The webhook refused the message: another attempt would not help.
    Refused,
    /// The attempt failed and may succeed later.
    Failed {
        /// The webhook's `Retry-After`, nanoseconds; 0 if absent.
        retry_after_ns: u64,
    },
}

/// The next step of a sink's thread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NextStep {
    /// Attempt this message, then call [`Queue::done`].
    Attempt(Arc<Message>),
    /// Wait until this time, nanoseconds.
    WaitUntil(u64),
    /// No message waits.
    Idle,
}

/// Messages in the order of their making. The first one is attempted.
#[derive(Clone, Debug)]
pub struct Queue {
    policy: RetryPolicy,
    waiting: VecDeque<Arc<Message>>,
    in_flight: bool,
    /// Failed attempts in a row.
    failures: u32,
    retry_at_ns: u64,
    random: u64,
}

impl Queue {
    /// An empty queue. `seed` determines the random part of the waits.
    pub const fn new(policy: RetryPolicy, seed: u64) -> Self {
        Self {
            policy,
            waiting: VecDeque::new(),
            in_flight: false,
            failures: 0,
            retry_at_ns: 0,
            random: seed,
        }
    }

    /// How many messages wait.
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// True if no message waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Adds a message.
    pub fn push(&mut self, message: Arc<Message>) -> PushResult {
        let newest = self.waiting.iter().rev().find(|waiting| waiting.is_about(&message));
        if message.reason == Reason::Repeated && newest.is_some() {
            return PushResult::Merged;
        }
        let full = self.waiting.len() >= QUEUE_MAX;
        if full {
            // A message that is being attempted is never dropped.
            self.waiting.remove(usize::from(self.in_flight));
        }
        self.waiting.push_back(message);
        if full { PushResult::Displaced } else { PushResult::Waits }
    }

    /// Removes and returns the oldest message if it is too old.
    pub fn expired(&mut self, now_ns: u64) -> Option<Arc<Message>> {
        let old = |message: &Arc<Message>| {
            now_ns.saturating_sub(message.made_ns) > self.policy.age_ns_max
        };
        if self.in_flight || !self.waiting.front().is_some_and(old) {
            return None;
        }
        self.waiting.pop_front()
    }

    /// The next step.
    pub fn next(&mut self, now_ns: u64) -> NextStep {
        match self.waiting.front() {
            None => NextStep::Idle,
            Some(_) if now_ns < self.retry_at_ns => NextStep::WaitUntil(self.retry_at_ns),
            Some(message) => {
                self.in_flight = true;
                NextStep::Attempt(Arc::clone(message))
            }
        }
    }

    /// Records the result of an attempt.
    pub fn done(&mut self, now_ns: u64, outcome: Outcome) {
        if !std::mem::take(&mut self.in_flight) {
            return;
        }
        match outcome {
            Outcome::Delivered | Outcome::Refused => {
                self.waiting.pop_front();
                (self.failures, self.retry_at_ns) = (0, 0);
            }
            Outcome::Failed { retry_after_ns } => {
                self.failures = self.failures.saturating_add(1);
                let wait_ns = self.backoff_ns().max(retry_after_ns.min(RETRY_AFTER_NS_MAX));
                self.retry_at_ns = now_ns.saturating_add(wait_ns);
            }
        }
    }

    /// Makes waiting messages due at once, because the node ends.
    pub const fn hurry(&mut self) {
        (self.failures, self.retry_at_ns) = (0, 0);
    }

    /// The wait after a failure. It doubles each time, less a random part of up to half, so that
    /// many nodes do not try at the same moment.
    fn backoff_ns(&mut self) -> u64 {
        let doublings = self.failures.saturating_sub(1).min(32);
        let whole = self.policy.retry_ns_min.saturating_mul(1 << doublings);
        let whole = whole.min(self.policy.retry_ns_max);
        let half = whole / 2;
        whole - self.draw() % (half + 1)
    }

    /// `SplitMix64`.
    fn draw(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::super::conditions::Condition;
    use super::*;

    const S: u64 = 1_000_000_000;
    const NOW: u64 = 1_000_000 * S;
    const FAILED: Outcome = Outcome::Failed { retry_after_ns: 0 };

    fn queue() -> Queue {
        let policy = RetryPolicy { retry_ns_min: S, retry_ns_max: 60 * S, age_ns_max: 900 * S };
        Queue::new(policy, 1)
    }

    fn message(reason: Reason, subject: usize, made_ns: u64) -> Arc<Message> {
        Arc::new(Message {
            reason,
            condition: Condition::VenueDown,
            subject: subject.to_string(),
            since_ns: NOW,
            fired_ns: NOW,
            made_ns,
            value: String::new(),
            journal_seq: 0,
        })
    }

    fn fired(subject: usize) -> Arc<Message> {
        message(Reason::Fired, subject, NOW)
    }

    /// How long the queue wants to wait after each of so many failures.
    fn waits(queue: &mut Queue, failures: usize) -> Vec<u64> {
        let mut now_ns = NOW;
        let mut waits = Vec::new();
        for _ in 0..failures {
            assert!(matches!(queue.next(now_ns), NextStep::Attempt(_)));
            queue.done(now_ns, FAILED);
            let NextStep::WaitUntil(until_ns) = queue.next(now_ns) else { panic!("it waits") };
            waits.push(until_ns - now_ns);
            now_ns = until_ns;
        }
        waits
    }

    #[test]
    fn attempts_come_twice_as_late_each_time_up_to_a_limit_and_shifted_by_the_seed_alone() {
        let mut first = queue();
        first.push(fired(0));
        let mut second = first.clone();
        let waited = waits(&mut first, 9);
        assert_eq!(waited, waits(&mut second, 9), "the same seed, the same times");
        for (at, wait) in waited.iter().enumerate() {
            let whole = (S << at).min(60 * S);
            assert!((whole / 2..=whole).contains(wait), "{wait} after failure {at}");
        }
        assert!(waited.iter().enumerate().any(|(at, wait)| *wait != (S << at).min(60 * S)));
        first.next(NOW + 900 * S);
        first.done(NOW + 900 * S, Outcome::Delivered);
        first.push(fired(1));
        assert!(waits(&mut first, 1)[0] <= S, "success makes it patient again");
    }

    #[test]
    fn a_sinks_own_wish_is_heard_within_a_bound() {
        for (wish, heard) in [(7 * S, 7 * S), (86_400 * S, RETRY_AFTER_NS_MAX)] {
            let mut queue = queue();
            queue.push(fired(0));
            assert!(matches!(queue.next(NOW), NextStep::Attempt(_)));
            queue.done(NOW, Outcome::Failed { retry_after_ns: wish });
            assert_eq!(queue.next(NOW), NextStep::WaitUntil(NOW + heard));
        }
    }

    #[test]
    fn what_is_refused_makes_room_for_the_next_and_what_is_too_old_is_given_up() {
        let mut queue = queue();
        queue.push(fired(0));
        queue.push(fired(1));
        queue.push(message(Reason::Fired, 2, NOW + 10 * S));
        assert_eq!(queue.next(NOW), NextStep::Attempt(fired(0)));
        assert_eq!(queue.expired(NOW + 901 * S), None, "not while it is being tried");
        queue.done(NOW, Outcome::Refused);
        assert_eq!(queue.expired(NOW + 900 * S), None);
        assert_eq!(queue.expired(NOW + 900 * S + 1), Some(fired(1)));
        assert_eq!(queue.expired(NOW + 900 * S + 1), None);
        assert_eq!(queue.len(), 1);
    }

    #[test]
    fn a_full_queue_drops_the_oldest_but_not_what_is_being_tried() {
        let mut queue = queue();
        (0..QUEUE_MAX).for_each(|n| assert_eq!(queue.push(fired(n)), PushResult::Waits));
        assert_eq!(queue.next(NOW), NextStep::Attempt(fired(0)));
        assert_eq!(queue.push(fired(QUEUE_MAX)), PushResult::Displaced);
        assert_eq!(queue.len(), QUEUE_MAX);
        queue.done(NOW, Outcome::Delivered);
        assert_eq!(queue.next(NOW), NextStep::Attempt(fired(2)), "1 is gone");
    }

    #[test]
    fn a_repetition_of_what_still_waits_is_left_out_and_that_it_is_over_is_not() {
        let mut queue = queue();
        queue.push(fired(0));
        assert_eq!(queue.push(message(Reason::Repeated, 0, NOW + S)), PushResult::Merged);
        assert_eq!(queue.push(message(Reason::Repeated, 1, NOW + S)), PushResult::Waits);
        assert_eq!(queue.push(message(Reason::Resolved, 0, NOW + S)), PushResult::Waits);
        assert_eq!(queue.len(), 3);
    }

    #[test]
    fn in_a_hurry_nothing_waits_for_its_time() {
        let mut queue = queue();
        queue.push(fired(0));
        waits(&mut queue, 8);
        queue.hurry();
        assert!(matches!(queue.next(NOW), NextStep::Attempt(_)));
    }
}
