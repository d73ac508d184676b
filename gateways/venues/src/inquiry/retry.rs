//! When a child is asked about again, and what it proves that the venue does not know the child.
//!
//! A line belongs here if it needs only times and one child's evidence.

/// How long to wait before a child without a clear answer is asked about again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    /// The first wait, in nanoseconds. Each further one is twice as long.
    pub first_ns: u64,
    /// The longest wait, in nanoseconds.
    pub longest_ns: u64,
    /// Where calls are scarce: a child that was not found and may still arrive is asked about when
    /// its absence proves something, or after this many nanoseconds if that is sooner. `None`: such
    /// a child is asked about after the usual waits.
    pub proof_wait_max_ns: Option<u64>,
}

impl Retry {
    /// The wait after `tries` answers that were not clear.
    pub fn wait_ns(self, tries: u32) -> u64 {
        let factor = 1u64.checked_shl(tries).unwrap_or(u64::MAX);
        self.first_ns.saturating_mul(factor).min(self.longest_ns)
    }

    /// When to ask again. Not later than `certain_ns`, the time from which an absence proves that
    /// the child never arrived, if that time is still to come.
    pub fn due_ns(self, now_ns: u64, tries: u32, certain_ns: Option<u64>) -> u64 {
        let wait_ns = self.wait_ns(tries);
        let due_ns = now_ns.saturating_add(wait_ns);
        match certain_ns {
            Some(certain_ns) if certain_ns > now_ns => {
                let wait_ns = self.proof_wait_max_ns.unwrap_or(wait_ns);
                now_ns.saturating_add(wait_ns).min(certain_ns)
            }
            Some(_) | None => due_ns,
        }
    }
}

/// Least time between two rounds of questions that find a child nowhere, in nanoseconds. One round
/// alone proves nothing: what answers queries may lag behind what takes orders.
pub const ABSENCE_GAP_NS: u64 = 3_000_000_000;

/// Whether it counts that all sources of the venue do not know a child, when they were asked at
/// `asked_ns`.
///
/// The child may be on its way or in work until `certain_ns`: the end of its validity at the venue,
/// the venue's longest time to process an order, and the lag of its queries. A child that the venue
/// has ever shown to know (`is_shown`) did arrive, whatever the venue says later.
pub const fn absence_counts(asked_ns: u64, certain_ns: u64, is_shown: bool) -> bool {
    asked_ns >= certain_ns && !is_shown
}

/// What an absence that counts comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Absence {
    /// The child is asked about once more at this time. The first such round was asked at `first`.
    Again {
        /// When the first round was asked.
        first_ns: u64,
        /// When the child is asked about again.
        due_ns: u64,
    },
    /// The child never arrived.
    Proved,
}

impl Absence {
    /// After a round asked at `asked_ns` that found nothing, with an earlier such round at
    /// `first_ns`, if there was one.
    pub fn of(asked_ns: u64, first_ns: Option<u64>) -> Self {
        let first_ns = first_ns.unwrap_or(asked_ns);
        let due_ns = first_ns.saturating_add(ABSENCE_GAP_NS);
        if asked_ns >= due_ns { Self::Proved } else { Self::Again { first_ns, due_ns } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest() {
        let retry = Retry { first_ns: 500, longest_ns: 8_000, proof_wait_max_ns: None };
        let waits = [0, 1, 2, 3, 4, 5, 63, 64, u32::MAX].map(|tries| retry.wait_ns(tries));
        assert_eq!(waits, [500, 1_000, 2_000, 4_000, 8_000, 8_000, 8_000, 8_000, 8_000]);
    }

    #[test]
    fn a_child_is_asked_about_at_the_moment_from_which_an_absence_is_certain() {
        let retry = Retry { first_ns: 500, longest_ns: 8_000, proof_wait_max_ns: None };
        assert_eq!(retry.due_ns(1_000, 2, None), 3_000);
        assert_eq!(retry.due_ns(1_000, 2, Some(2_500)), 2_500);
        assert_eq!(retry.due_ns(1_000, 2, Some(9_000)), 3_000);
        assert_eq!(retry.due_ns(1_000, 2, Some(1_000)), 3_000, "that moment has come already");

        let scarce = Retry { proof_wait_max_ns: Some(6_000), ..retry };
        assert_eq!(scarce.due_ns(1_000, 0, Some(5_000)), 5_000, "no call is spent before");
        assert_eq!(scarce.due_ns(1_000, 0, Some(9_000)), 7_000);
        assert_eq!(scarce.due_ns(1_000, 0, None), 1_500);
    }

    #[test]
    fn an_absence_counts_only_after_the_window_and_of_a_child_never_shown() {
        assert!(absence_counts(10, 10, false));
        assert!(!absence_counts(9, 10, false));
        assert!(!absence_counts(10, 10, true));
    }

    #[test]
    fn one_absence_is_no_proof_and_two_close_together_are_none() {
        let due_ns = 10 + ABSENCE_GAP_NS;
        let again = Absence::Again { first_ns: 10, due_ns };
        assert_eq!(Absence::of(10, None), again);
        assert_eq!(Absence::of(due_ns - 1, Some(10)), again);
        assert_eq!(Absence::of(due_ns, Some(10)), Absence::Proved);
    }
}
