//! One webhook: its queue, and the thread that empties it.

use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::gauges::{DeliveryOutcome, SinkCounts};
use super::queue::{NextStep, Outcome, PushResult, Queue};
use super::state::{Acknowledged, Message, Reason};
use super::steady::MonotonicWallClock;
use super::webhook::{AlertSource, Answer, Post};
use crate::config::Webhook;

/// One sink with its queue.
pub(super) struct Sink {
    name: String,
    place: String,
    post: Post,
    source: AlertSource,
    clock: MonotonicWallClock,
    waiting: Mutex<Waiting>,
    news: Condvar,
}

struct Waiting {
    queue: Queue,
    /// Set when the node ends: the thread ends when the queue is empty, at the latest at this time.
    closes_ns: Option<u64>,
    /// True if the log already says that the queue is full.
    full: bool,
    /// The log has said that deliveries fail.
    failing: bool,
}

impl Sink {
    pub(super) fn new(
        webhook: &Webhook,
        post: Post,
        source: AlertSource,
        clock: MonotonicWallClock,
        seed: u64,
    ) -> Self {
        let queue = Queue::new(webhook.retry, seed);
        Self {
            name: webhook.name.clone(),
            place: webhook.place.clone(),
            post,
            source,
            clock,
            waiting: Mutex::new(Waiting { queue, closes_ns: None, full: false, failing: false }),
            news: Condvar::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a message without waiting for an attempt.
    pub(super) fn push(&self, message: Arc<Message>, counts: &SinkCounts) {
        let mut waiting = self.lock();
        if waiting.queue.push(message) == PushResult::Displaced {
            counts.count(DeliveryOutcome::Dropped);
            if !std::mem::replace(&mut waiting.full, true) {
                tracing::error!(sink = self.name, "too many alerts wait: the oldest are dropped");
            }
        }
        counts.show_waiting(waiting.queue.len());
        drop(waiting);
        self.news.notify_all();
    }

    /// Makes waiting messages due at once, until `until_ns`.
    pub(super) fn close(&self, until_ns: u64) {
        let mut waiting = self.lock();
        waiting.closes_ns = Some(until_ns);
        waiting.queue.hurry();
        drop(waiting);
        self.news.notify_all();
    }

    /// Logs the number of messages that did not leave.
    pub(super) fn tell_unsent(&self) {
        let unsent = self.lock().queue.len();
        if unsent > 0 {
            tracing::error!(sink = self.name, unsent, "alerts did not leave in time");
        }
    }

    /// Empties the queue until the sink is closed.
    pub(super) fn run(&self, counts: &SinkCounts, acknowledged: &SyncSender<Acknowledged>) {
        while let Some(message) = self.next(counts) {
            let answer = self.post.attempt(&self.source, &message);
            if answer.acknowledged && message.reason != Reason::Resolved {
                // If the channel is full, the next repetition asks again.
                let _ = acknowledged.try_send(Acknowledged {
                    condition: message.condition,
                    subject: message.subject.clone(),
                    fired_ns: message.fired_ns,
                });
            }
            self.done(&message, &answer, counts);
        }
    }

    /// Waits for the next message to attempt.
    fn next(&self, counts: &SinkCounts) -> Option<Arc<Message>> {
        let mut waiting = self.lock();
        loop {
            let now_ns = self.clock.now_ns();
            while let Some(old) = waiting.queue.expired(now_ns) {
                counts.count(DeliveryOutcome::Expired);
                let (alert, subject) = (old.condition.name(), &old.subject);
                tracing::error!(sink = self.name, alert, subject, "an alert is given up: too old");
            }
            counts.show_waiting(waiting.queue.len());
            if waiting.closes_ns.is_some_and(|until_ns| now_ns >= until_ns) {
                return None;
            }
            let until_ns = match waiting.queue.next(now_ns) {
                NextStep::Attempt(message) => return Some(message),
                NextStep::Idle if waiting.closes_ns.is_some() => return None,
                NextStep::Idle => u64::MAX,
                NextStep::WaitUntil(at_ns) => at_ns.min(waiting.closes_ns.unwrap_or(u64::MAX)),
            };
            let left = Duration::from_nanos(until_ns - now_ns);
            let woken = self.news.wait_timeout(waiting, left);
            waiting = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn done(&self, message: &Message, answer: &Answer, counts: &SinkCounts) {
        let (sink, place) = (self.name.as_str(), self.place.as_str());
        let (alert, subject) = (message.condition.name(), message.subject.as_str());
        let (reason, what) = (message.reason, answer.what.as_str());
        let mut waiting = self.lock();
        match answer.outcome {
            Outcome::Delivered => {
                counts.count(DeliveryOutcome::Delivered);
                waiting.full = false;
                if std::mem::take(&mut waiting.failing) {
                    tracing::info!(sink, "alerts get through again");
                }
                tracing::info!(sink, alert, subject, ?reason, "alert delivered");
            }
            Outcome::Refused => {
                counts.count(DeliveryOutcome::Refused);
                tracing::error!(sink, place, alert, subject, what, "alert refused");
            }
            Outcome::Failed { .. } => {
                counts.failed();
                if !std::mem::replace(&mut waiting.failing, true) {
                    tracing::warn!(sink, place, alert, subject, what, "alert not delivered yet");
                }
            }
        }
        waiting.queue.done(self.clock.now_ns(), answer.outcome);
        counts.show_waiting(waiting.queue.len());
    }
}
