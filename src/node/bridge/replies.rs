//! Who waits for the core's answer to a command, and the answers.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rutter_core::output::OperatorReport;

/// Commands that wait at once.
pub const WAITING_MAX: usize = 64;

type Reply = (u64, OperatorReport);

/// Those who wait, by the number of their request.
#[derive(Debug, Default)]
pub struct Replies {
    waiting: Mutex<BTreeMap<u64, Option<Reply>>>,
    told: Condvar,
}

/// One who waits; he waits no more when it is dropped.
#[derive(Debug)]
pub struct Waiting {
    replies: Arc<Replies>,
    request: u64,
}

impl Replies {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, Option<Reply>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Somebody is about to ask. `None` when too many wait.
    pub fn expect(self: &Arc<Self>, request: u64) -> Option<Waiting> {
        let mut waiting = self.lock();
        (waiting.len() < WAITING_MAX).then(|| {
            waiting.insert(request, None);
            Waiting { replies: Arc::clone(self), request }
        })
    }

    /// The core has decided, under this journal sequence. Nobody may be waiting any more.
    pub fn tell(&self, seq: u64, report: &OperatorReport) {
        if let Some(place) = self.lock().get_mut(&report.operator.request) {
            *place = Some((seq, *report));
            self.told.notify_all();
        }
    }
}

impl Waiting {
    /// Waits so long at most.
    pub fn wait(&self, patience: Duration) -> Option<Reply> {
        let is_open = |waiting: &mut BTreeMap<u64, Option<Reply>>| {
            waiting.get(&self.request).is_some_and(Option::is_none)
        };
        let (waiting, _) = self
            .replies
            .told
            .wait_timeout_while(self.replies.lock(), patience, is_open)
            .unwrap_or_else(PoisonError::into_inner);
        waiting.get(&self.request).copied().flatten()
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.replies.lock().remove(&self.request);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rutter_core::input::{Operator, OperatorCommand, Refusal, Scope};
    use rutter_core::number::{Text, UnixNanos};

    fn report(request: u64) -> OperatorReport {
        let (by, reason) = (Text::default(), Text::default());
        let command = OperatorCommand::Halt(Scope::All);
        let operator = Operator { request, by, reason, command };
        OperatorReport { operator, time: UnixNanos(1), affected: 0, refusal: Refusal::None }
    }

    #[test]
    fn each_gets_his_own_answer_and_what_nobody_waits_for_is_dropped() {
        let replies = Arc::new(Replies::default());
        let (one, two) = (replies.expect(1).expect("room"), replies.expect(2).expect("room"));
        replies.tell(9, &report(2));
        replies.tell(10, &report(3));
        assert_eq!(two.wait(Duration::ZERO), Some((9, report(2))));
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
