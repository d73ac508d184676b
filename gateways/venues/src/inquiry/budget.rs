//! How many calls a venue may be asked: one type for the two ways in which venues count.
//!
//! A line belongs here if it decides whether one more call may be made now.

use rutter_core::rate::TokenBucket;

use super::counter::{CallCounter, CallLimit};

/// A venue's limit of calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// So many calls at once after a rest, and one more in each `call_ns` nanoseconds.
    Rate {
        /// Calls of cost one that may be made at once.
        burst: u64,
        /// Time in which one more call is earned, in nanoseconds.
        call_ns: u64,
    },
    /// A counter to which each call adds its cost. `cost_max` is the highest cost of a call: a call
    /// is made only when there is room for that.
    Counter {
        /// The counter's limit.
        limit: CallLimit,
        /// Highest cost of one call.
        cost_max: u32,
    },
}

impl Limit {
    /// The part of one of so many accounts that use one address, where the venue counts a rate by
    /// address. A counter belongs to a key, and each account has its own.
    #[must_use]
    pub const fn of_one(self, accounts: u32) -> Self {
        let parts = if accounts == 0 { 1 } else { accounts as u64 };
        match self {
            Self::Rate { burst, call_ns } => {
                let burst = if burst > parts { burst / parts } else { 1 };
                Self::Rate { burst, call_ns: call_ns.saturating_mul(parts) }
            }
            Self::Counter { .. } => self,
        }
    }
}

/// What is left of a [`Limit`].
#[derive(Clone, Debug)]
pub(super) enum Budget {
    Rate {
        bucket: TokenBucket,
        call_ns: u64,
        /// What calls have cost beyond what was there.
        owed: u64,
        /// When that has been earned.
        free_ns: u64,
    },
    Counter {
        counter: CallCounter,
        cost_max: u32,
    },
}

impl Budget {
    pub const fn new(limit: Limit) -> Self {
        match limit {
            Limit::Rate { burst, call_ns } => {
                let bucket = TokenBucket::new(burst, call_ns);
                Self::Rate { bucket, call_ns, owed: 0, free_ns: 0 }
            }
            Limit::Counter { limit, cost_max } => {
                Self::Counter { counter: CallCounter::new(limit), cost_max }
            }
        }
    }

    /// A call may be made at this time, whatever its cost.
    pub fn is_free(&self, now_ns: u64) -> bool {
        self.due_ns(now_ns) <= now_ns
    }

    /// The earliest time, not before `now_ns`, at which a call may be made.
    pub fn due_ns(&self, now_ns: u64) -> u64 {
        match self {
            Self::Rate { bucket, free_ns, .. } => bucket.due_ns(now_ns).max(*free_ns),
            Self::Counter { counter, cost_max } => counter.ready_ns(*cost_max, now_ns),
        }
    }

    /// A call of that cost is made.
    pub fn spend(&mut self, cost: u32, now_ns: u64) {
        match self {
            Self::Rate { bucket, call_ns, owed, free_ns } => {
                *owed = owed.saturating_add(u64::from(cost));
                while *owed > 0 && bucket.take(now_ns) {
                    *owed -= 1;
                }
                let wait_ns = owed.saturating_mul(*call_ns);
                *free_ns = if wait_ns == 0 { 0 } else { now_ns.saturating_add(wait_ns) };
            }
            Self::Counter { counter, .. } => counter.add(cost, now_ns),
        }
    }

    /// The venue says that its count is full. A venue that limits the rate says in its answer how
    /// long to pause, so nothing changes here.
    pub fn exhaust(&mut self, now_ns: u64) {
        match self {
            Self::Rate { .. } => {}
            Self::Counter { counter, .. } => counter.fill(now_ns),
        }
    }
}
