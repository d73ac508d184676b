//! The pause of all calls after one has failed.
//!
//! A line belongs here if it delays every call, whichever child the call is about.

use crate::backoff::Backoff;

/// Delays calls after failures: longer each time until a call succeeds.
#[derive(Clone, Debug)]
pub struct Pause {
    backoff: Backoff,
    until_ns: u64,
}

impl Pause {
    /// No pause at first. `backoff` gives the length of each.
    pub const fn new(backoff: Backoff) -> Self {
        Self { backoff, until_ns: 0 }
    }

    /// A call has succeeded: the next pause is the first again.
    pub const fn succeeded(&mut self) {
        self.backoff.reset();
    }

    /// A call has failed. `told_ns` is the length of the pause when the venue's answer implies
    /// one, such as a rate limit; otherwise the backoff decides. A pause is never cut short.
    pub fn failed(&mut self, now_ns: u64, told_ns: Option<u64>) {
        let wait_ns = told_ns.unwrap_or_else(|| self.backoff.next_ns());
        self.until_ns = self.until_ns.max(now_ns.saturating_add(wait_ns));
    }

    /// Calls wait until this time, whatever their outcome was. A pause is never cut short.
    pub fn hold_until(&mut self, until_ns: u64) {
        self.until_ns = self.until_ns.max(until_ns);
    }

    /// Calls may be made from this time on.
    pub const fn until_ns(&self) -> u64 {
        self.until_ns
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_that_the_venue_tells_is_not_cut_short_by_a_failure() {
        let mut pause = Pause::new(Backoff::new(100, 100, 1));
        pause.failed(0, Some(10_000));
        pause.failed(50, None);
        assert_eq!(pause.until_ns(), 10_000);
        pause.failed(10_000, None);
        assert!((10_050..=10_100).contains(&pause.until_ns()));
    }
}
