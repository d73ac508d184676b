//! Keeps peers that are not logged on from filling the operator's log. In each period a few notices
//! of one kind are told; the others are counted and told as one.
//!
//! A line belongs here if it decides whether a notice about a peer that is not logged on is told.

use crate::notice::NoticeKind;

/// Length of a period, in nanoseconds.
pub const PERIOD_NS: u64 = 10_000_000_000;

/// Notices of one kind that are told in a period; the others are counted.
pub const TOLD_MAX: u32 = 4;

/// Most kinds that are counted separately; fewer exist.
const KINDS_MAX: usize = 128;

#[derive(Clone, Copy, Debug)]
struct Period {
    kind: NoticeKind,
    since_ns: u64,
    told: u32,
    untold: u64,
}

/// See the module's text.
#[derive(Clone, Debug, Default)]
pub(crate) struct NoticeLimiter {
    periods: Vec<Period>,
}

impl NoticeLimiter {
    /// Whether a notice is told. Call [`due`](Self::due) first.
    pub fn may_tell(&mut self, now_ns: u64, kind: NoticeKind) -> bool {
        if let Some(period) = self.periods.iter_mut().find(|period| period.kind == kind) {
            if period.told < TOLD_MAX {
                period.told += 1;
                return true;
            }
            period.untold += 1;
            return false;
        }
        if self.periods.len() < KINDS_MAX {
            self.periods.push(Period { kind, since_ns: now_ns, told: 1, untold: 0 });
        }
        true
    }

    /// Ends a period that is over: its kind, and how many were not told. Call it until `None`.
    pub fn due(&mut self, now_ns: u64) -> Option<(NoticeKind, u64)> {
        while let Some(at) = self.periods.iter().position(|period| period.end_ns() <= now_ns) {
            let period = self.periods.swap_remove(at);
            if period.untold > 0 {
                return Some((period.kind, period.untold));
            }
        }
        None
    }

    /// When there is something to tell; `u64::MAX` for never.
    pub fn due_ns(&self) -> u64 {
        let waiting = self.periods.iter().filter(|period| period.untold > 0);
        waiting.map(Period::end_ns).min().unwrap_or(u64::MAX)
    }
}

impl Period {
    const fn end_ns(&self) -> u64 {
        self.since_ns.saturating_add(PERIOD_NS)
    }
}
