//! The way of a command into the core, and of the core's answer back to whoever waits for it.
//!
//! A line belongs here if it is about waiting for the core. What a command means is `service`.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rutter_core::input::Operator;
use rutter_core::output::{OperatorReport, Previewed};

use super::frame::{Code, Failure};

/// How long the core may take to answer a command.
pub const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// How often a command for which the input ring has no room tries again.
const RETRY_PERIOD: Duration = Duration::from_millis(1);

/// Most commands that wait for the core at once.
pub const WAITING_MAX: usize = 64;

/// The core's answer to a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decided {
    /// Journal sequence of the command.
    pub seq: u64,
    /// The answer.
    pub report: OperatorReport,
    /// What the answer to a preview consists of, in order; empty for every other command.
    pub preview: Vec<Previewed>,
}

/// Puts a command into the core's input ring; false if there is no room.
pub type Put = Box<dyn FnMut(Operator) -> bool + Send>;

/// The commands that wait for the core's answer, by the number of their request.
#[derive(Debug, Default)]
pub struct Replies {
    waiting: Mutex<BTreeMap<u64, Option<Decided>>>,
    answered: Condvar,
}

/// A place among the waiting commands; given up when dropped.
#[derive(Debug)]
struct Waiting {
    replies: Arc<Replies>,
    request: u64,
}

impl Replies {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, Option<Decided>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a place for a command that is about to be sent; `None` if [`WAITING_MAX`] wait.
    fn expect(self: &Arc<Self>, request: u64) -> Option<Waiting> {
        let mut waiting = self.lock();
        (waiting.len() < WAITING_MAX).then(|| {
            waiting.insert(request, None);
            Waiting { replies: Arc::clone(self), request }
        })
    }

    /// The core has decided on a command. Whoever sent the command may have given up waiting.
    pub fn decided(&self, decided: &Decided) {
        if let Some(place) = self.lock().get_mut(&decided.report.operator.request) {
            *place = Some(decided.clone());
            self.answered.notify_all();
        }
    }
}

impl Waiting {
    /// Waits for the answer, at most this long.
    fn wait(&self, timeout: Duration) -> Option<Decided> {
        let is_open = |waiting: &mut BTreeMap<u64, Option<Decided>>| {
            waiting.get(&self.request).is_some_and(Option::is_none)
        };
        let (waiting, _) = self
            .replies
            .answered
            .wait_timeout_while(self.replies.lock(), timeout, is_open)
            .unwrap_or_else(PoisonError::into_inner);
        waiting.get(&self.request).cloned().flatten()
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.replies.lock().remove(&self.request);
    }
}

/// Sends commands to the core, and waits for its answers.
pub struct CommandSender {
    put: Mutex<Put>,
    replies: Arc<Replies>,
    /// The node is being stopped: nothing is sent any more.
    stop: Arc<AtomicBool>,
}

impl std::fmt::Debug for CommandSender {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CommandSender").field("replies", &self.replies).finish_non_exhaustive()
    }
}

impl CommandSender {
    /// A sender that puts commands into the core's ring by `put`; the core's answers come by
    /// `replies`. Once `stop` is set nothing is sent any more.
    pub fn new(put: Put, replies: Arc<Replies>, stop: Arc<AtomicBool>) -> Self {
        Self { put: Mutex::new(put), replies, stop }
    }

    fn put(&self, operator: Operator) -> bool {
        let mut put = self.put.lock().unwrap_or_else(PoisonError::into_inner);
        (*put)(operator)
    }

    /// Puts a command into the core's ring, and waits until the core has decided on it.
    ///
    /// # Errors
    /// [`Code::Busy`] (nothing was sent), [`Code::Timeout`], [`Code::Stopping`].
    pub(super) fn send(&self, operator: Operator) -> Result<Decided, Failure> {
        if self.stop.load(Ordering::Relaxed) {
            return Err(Failure::new(Code::Stopping, "the node is being stopped"));
        }
        let waiting = self
            .replies
            .expect(operator.request)
            .ok_or_else(|| Failure::new(Code::Busy, "too many commands wait for the core"))?;
        let seconds = ANSWER_TIMEOUT.as_secs();
        let until = Instant::now() + ANSWER_TIMEOUT;
        // A command that waited outside the ring could act at any later time.
        while !self.put(operator) {
            if Instant::now() >= until {
                let message = format!("the input ring was full for {seconds} s: nothing was done");
                return Err(Failure::new(Code::Busy, message));
            }
            std::thread::park_timeout(RETRY_PERIOD);
        }
        if let Some(reply) = waiting.wait(until.saturating_duration_since(Instant::now())) {
            return Ok(reply);
        }
        let message =
            format!("no answer in {seconds} s; it may still be carried out: see commands");
        Err(Failure::new(Code::Timeout, message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rutter_core::input::{Operator, OperatorCommand, Refusal, Scope};
    use rutter_core::number::{Text, UnixNanos};

    fn decided(seq: u64, request: u64) -> Decided {
        let (by, reason) = (Text::default(), Text::default());
        let command = OperatorCommand::Halt(Scope::All);
        let operator = Operator { request, by, reason, command };
        let (time, refusal) = (UnixNanos(1), Refusal::None);
        let report = OperatorReport { operator, time, affected: 0, refusal };
        Decided { seq, report, preview: Vec::new() }
    }

    #[test]
    fn each_gets_his_own_answer_and_what_nobody_waits_for_is_dropped() {
        let replies = Arc::new(Replies::default());
        let (one, two) = (replies.expect(1).expect("room"), replies.expect(2).expect("room"));
        replies.decided(&decided(9, 2));
        replies.decided(&decided(10, 3));
        assert_eq!(two.wait(Duration::ZERO), Some(decided(9, 2)));
        assert_eq!(one.wait(Duration::from_millis(1)), None);
        drop((one, two));
        assert!(replies.lock().is_empty());
    }

    #[test]
    fn only_so_many_wait() {
        let replies = Arc::new(Replies::default());
        let waiting: Vec<_> = (0..WAITING_MAX as u64).map(|n| replies.expect(n)).collect();
        assert!(waiting.iter().all(Option::is_some));
        assert!(replies.expect(1_000).is_none());
        drop(waiting);
        assert!(replies.expect(1_000).is_some());
    }
}
