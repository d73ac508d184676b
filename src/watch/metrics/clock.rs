//! How far the system's clock is off, as `chronyd` knows it. Whoever scrapes asks, on his own
//! thread, and at most every [`KEPT_NS`].

use std::sync::{Mutex, PoisonError};

use crate::watch::doctor::machine::chrony_offset;

/// How long an answer is kept, nanoseconds.
pub const KEPT_NS: u64 = 30_000_000_000;

/// The last answer, and when it came.
#[derive(Debug, Default)]
pub struct ClockOffset(Mutex<Option<(u64, Option<f64>)>>);

impl ClockOffset {
    /// Seconds, without a sign; `None` where no chrony runs or it has no source.
    pub fn seconds(&self, now_ns: u64) -> Option<f64> {
        self.seconds_as(now_ns, || chrony_offset().ok().flatten())
    }

    fn seconds_as(&self, now_ns: u64, ask: impl FnOnce() -> Option<u64>) -> Option<f64> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = kept.filter(|(at_ns, _)| now_ns.saturating_sub(*at_ns) < KEPT_NS);
        let (_, offset) = *kept.insert(
            fresh.unwrap_or_else(|| (now_ns, ask().map(|offset_ns| offset_ns as f64 / 1e9))),
        );
        offset
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_asked_again_only_when_the_answer_is_old() {
        let clock = ClockOffset::default();
        assert_eq!(clock.seconds_as(5, || Some(2_000_000_000)), Some(2.0));
        assert_eq!(clock.seconds_as(4 + KEPT_NS, || panic!("too soon")), Some(2.0));
        assert_eq!(clock.seconds_as(5 + KEPT_NS, || None), None);
    }
}
