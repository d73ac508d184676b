//! How long children take: until the venue's first answer, and until the first execution.
//!
//! A line belongs here if it measures one child. The time that an order rests in a venue's book is
//! the market's: the venue's answer is measured without it. Children are kept in a ring of slots by
//! id, so memory is bounded and nothing is searched.

use rutter_core::resident::resident;

/// Children that are remembered; an older one is counted, and not measured.
const CHILDREN_REMEMBERED: usize = 1 << 16;

/// A child that may still be answered or filled.
#[derive(Clone, Copy, Debug, Default)]
struct OpenChild {
    child: u64,
    sent_ns: u64,
    /// Quantity in all, and what of it is filled.
    qty: i64,
    filled_qty: i64,
    /// The venue has answered, or the answer is no measure of the venue.
    answered: bool,
    filled: bool,
}

/// Times of the newest children.
#[derive(Debug)]
pub struct ChildTimes(Vec<OpenChild>);

/// What one execution of a child tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Filled {
    /// From sending the child to this execution, if it is the first, nanoseconds.
    pub first_ns: Option<u64>,
    /// Nothing of the child is left.
    pub whole: bool,
}

impl Default for ChildTimes {
    fn default() -> Self {
        Self(resident(OpenChild::default(), CHILDREN_REMEMBERED))
    }
}

impl ChildTimes {
    fn get(&mut self, child: u64) -> Option<&mut OpenChild> {
        let known = self.0.get_mut(child as usize % CHILDREN_REMEMBERED)?;
        (known.child == child && known.sent_ns > 0).then_some(known)
    }

    /// A child is handed to its sender.
    pub fn sent(&mut self, child: u64, sent_ns: u64, qty: i64) {
        let sent = OpenChild { child, sent_ns, qty, ..OpenChild::default() };
        self.0[child as usize % CHILDREN_REMEMBERED] = sent;
    }

    /// The venue has said something about a child; the time since it was sent, if this is the
    /// first answer, nanoseconds.
    pub fn answered(&mut self, child: u64, arrived_ns: u64) -> Option<u64> {
        let known = self.get(child).filter(|known| !known.answered)?;
        known.answered = true;
        Some(arrived_ns.saturating_sub(known.sent_ns))
    }

    /// A child was never sent, or has to be asked about: its answer does not measure the venue.
    pub fn not_measured(&mut self, child: u64) {
        if let Some(known) = self.get(child) {
            known.answered = true;
        }
    }

    /// A child is filled; `None` if the child is not remembered.
    pub fn filled(&mut self, child: u64, qty: i64, arrived_ns: u64) -> Option<Filled> {
        let known = self.get(child)?;
        known.filled_qty = known.filled_qty.saturating_add(qty);
        let first = !std::mem::replace(&mut known.filled, true);
        let first_ns = first.then(|| arrived_ns.saturating_sub(known.sent_ns));
        Some(Filled { first_ns, whole: known.filled_qty == known.qty })
    }

    /// A child has another quantity in all. True if nothing of the child is left by that.
    pub fn amended(&mut self, child: u64, qty: i64) -> bool {
        let Some(known) = self.get(child) else { return false };
        known.qty = qty;
        known.filled_qty == qty
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    #[test]
    fn the_time_that_an_order_rests_is_no_part_of_the_venues_answer() {
        let mut times = ChildTimes::default();
        times.sent(7, MS, 10);
        assert_eq!(times.answered(7, 3 * MS), Some(2 * MS), "accepted");
        let filled = times.filled(7, 4, 60_001 * MS);
        assert_eq!(filled, Some(Filled { first_ns: Some(60_000 * MS), whole: false }));
        assert_eq!(times.answered(7, 60_001 * MS), None, "an hour later is no answer");
        let filled = times.filled(7, 6, 60_002 * MS);
        assert_eq!(filled, Some(Filled { first_ns: None, whole: true }));
    }

    #[test]
    fn a_reduced_order_is_filled_when_its_new_quantity_is() {
        let mut times = ChildTimes::default();
        times.sent(7, MS, 10);
        assert!(!times.amended(7, 6));
        let filled = times.filled(7, 6, 2 * MS);
        assert_eq!(filled, Some(Filled { first_ns: Some(MS), whole: true }));
        times.sent(8, MS, 10);
        times.filled(8, 4, 2 * MS);
        assert!(times.amended(8, 4), "the rest is taken off");
        assert!(!times.amended(9, 4));
    }

    #[test]
    fn what_was_never_sent_asked_about_or_forgotten_measures_nothing() {
        let mut times = ChildTimes::default();
        times.sent(7, MS, 10);
        times.not_measured(7);
        assert_eq!(times.answered(7, 2 * MS), None);
        times.sent(8, MS, 10);
        times.sent(8 + CHILDREN_REMEMBERED as u64, MS, 10);
        assert_eq!((times.answered(8, 2 * MS), times.filled(8, 1, 2 * MS)), (None, None));
        assert_eq!(times.answered(0, MS), None);
    }
}
