//! A clock for alerts: it starts at the wall clock's time, and is never set back.
//!
//! A line belongs here if it tells the time to the threads of alerts.

use std::time::Instant;

use crate::clock::unix_ns;

/// A clock that never goes back: the wall clock at its start, plus monotonic time since then.
#[derive(Clone, Copy, Debug)]
pub(super) struct MonotonicWallClock {
    made_ns: u64,
    since: Instant,
}

impl MonotonicWallClock {
    pub(super) fn new() -> Self {
        Self { made_ns: unix_ns(), since: Instant::now() }
    }

    pub(super) fn now_ns(&self) -> u64 {
        let elapsed = u64::try_from(self.since.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.made_ns.saturating_add(elapsed)
    }
}
