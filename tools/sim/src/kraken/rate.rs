//! The two rate counters: orders per account and pair, REST calls per key.
//!
//! A line belongs here if it counts against a limit. Source: venue reference (Kraken), sections 4.6
//! and 6. A counter decays with time and refuses at its threshold. Counters are in units of 10^-9
//! of a point, so that the decay is an integer.

const POINT: u64 = 1_000_000_000;

/// An account's verification tier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tier {
    /// The lowest tier.
    Starter,
    /// The middle tier.
    Intermediate,
    /// The highest tier.
    Pro,
    /// Limits far beyond any published tier, so that a load test meets the node's limits and not
    /// the venue's. This tier is not in the reference.
    Raised,
}

impl Tier {
    /// Threshold of the order counter, in points.
    pub fn threshold(self) -> u64 {
        match self {
            Self::Starter => 60,
            Self::Intermediate => 125,
            Self::Pro => 180,
            Self::Raised => 1_000_000_000,
        }
    }

    /// Most open orders per pair.
    pub fn open_orders_max(self) -> u32 {
        match self {
            Self::Starter => 60,
            Self::Intermediate => 80,
            Self::Pro => 225,
            Self::Raised => 1_000_000,
        }
    }

    /// Decay of the order counter per second, in hundredths of a point.
    fn decay_centi(self) -> u64 {
        match self {
            Self::Starter => 100,
            Self::Intermediate => 234,
            Self::Pro => 375,
            Self::Raised => 100_000_000_000,
        }
    }

    /// Threshold of the REST counter, and its decay per second in hundredths of a point.
    fn rest(self) -> (u64, u64) {
        match self {
            Self::Starter => (15, 33),
            Self::Intermediate => (20, 50),
            Self::Pro => (20, 100),
            Self::Raised => (1_000_000_000, 100_000_000_000),
        }
    }
}

/// An operation on an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// New order.
    Add,
    /// Change in place.
    Amend,
    /// Cancel and replace.
    Edit,
    /// Cancel.
    Cancel,
}

/// Points that depend on the order's age since its creation or last amend.
pub fn age_points(act: Act, age_ns: u64) -> u64 {
    let age_s = age_ns / POINT;
    let row: [u64; 6] = match act {
        Act::Add => [0; 6],
        Act::Amend => [3, 2, 1, 0, 0, 0],
        Act::Edit => [6, 5, 4, 2, 1, 0],
        Act::Cancel => [8, 6, 5, 4, 2, 1],
    };
    let column = [5, 10, 15, 45, 90, 300].iter().position(|&below_s| age_s < below_s);
    column.and_then(|column| row.get(column)).copied().unwrap_or(0)
}

/// Points that count even if the request fails.
pub fn fixed_points(act: Act) -> u64 {
    match act {
        Act::Add | Act::Amend | Act::Edit => 1,
        Act::Cancel => 0,
    }
}

/// A decaying counter.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counter {
    /// Points in units of 10^-9.
    value: u64,
    at_ns: u64,
}

impl Counter {
    fn decay(&mut self, now_ns: u64, decay_centi: u64) {
        let elapsed_ns = now_ns.saturating_sub(self.at_ns);
        let decayed = u128::from(elapsed_ns) * u128::from(decay_centi) / 100;
        self.value = self.value.saturating_sub(u64::try_from(decayed).unwrap_or(u64::MAX));
        self.at_ns = now_ns.max(self.at_ns);
    }

    fn add(&mut self, points: u64, threshold: u64) -> bool {
        let next = self.value.saturating_add(points.saturating_mul(POINT));
        if next > threshold * POINT {
            return false;
        }
        self.value = next;
        true
    }

    /// Counts an order request; `false` when it would exceed the threshold, and then counts
    /// nothing.
    pub fn order(&mut self, now_ns: u64, tier: Tier, points: u64) -> bool {
        self.decay(now_ns, tier.decay_centi());
        self.add(points, tier.threshold())
    }

    /// Counts a REST call in the same way.
    pub fn rest_call(&mut self, now_ns: u64, tier: Tier, points: u64) -> bool {
        let (threshold, decay_centi) = tier.rest();
        self.decay(now_ns, decay_centi);
        self.add(points, threshold)
    }

    /// Whole points at the time of the last request.
    pub fn points(&self) -> u64 {
        self.value / POINT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documented_example_costs_eight_points() {
        let add = fixed_points(Act::Add);
        let amend = fixed_points(Act::Amend) + age_points(Act::Amend, 7 * POINT);
        let cancel = fixed_points(Act::Cancel) + age_points(Act::Cancel, 36 * POINT);
        assert_eq!(add + amend + cancel, 8);
    }

    #[test]
    fn a_starter_is_refused_after_sixty_adds_and_again_welcome_a_second_later() {
        let mut counter = Counter::default();
        let taken = (0..100).take_while(|_| counter.order(POINT, Tier::Starter, 1)).count();
        assert_eq!(taken, 60);
        assert!(!counter.order(POINT + POINT / 2, Tier::Starter, 1));
        assert!(counter.order(2 * POINT, Tier::Starter, 1));
        assert_eq!(counter.points(), 60);
    }

    #[test]
    fn old_orders_are_cancelled_for_free() {
        assert_eq!(age_points(Act::Cancel, 0), 8);
        assert_eq!(age_points(Act::Cancel, 89 * POINT), 2);
        assert_eq!(age_points(Act::Cancel, 299 * POINT), 1);
        assert_eq!(age_points(Act::Cancel, 300 * POINT), 0);
        assert_eq!(age_points(Act::Edit, 50 * POINT), 1);
    }
}
