//! The cheapest way to spread whole lots over the venues that share one lot.
//!
//! A line belongs here if it is about venues with equal lots. The cost of one more lot never falls
//! (levels get dearer), so taking the cheapest next lot each time is the best split of every
//! quantity at once. The list of those lots is the ladder.

use super::share::{Cost, Share};
use crate::reference::VENUES_MAX;

/// The range of shares that a venue may get, both ends whole lots.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Range {
    /// The smallest share.
    pub low: i64,
    /// The largest share.
    pub high: i64,
}

/// Lots of one venue that cost the same, one after the other.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Step {
    /// Lots of the ladder up to the end of the step.
    upto: i64,
    /// Cost of those lots.
    cost: Cost,
    /// Cost of one lot of the step.
    unit: Cost,
    /// The venue's place among the shares.
    share: u8,
}

/// All splits of the venues with one lot.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Ladder {
    /// The lot.
    pub lot: i64,
    /// Sum of the smallest shares.
    pub low: i64,
    /// The largest quantity of the ladder.
    pub high: i64,
    /// Cost of the smallest shares.
    cost_low: Cost,
    /// Its steps, as places in the scratch memory.
    from: usize,
    to: usize,
}

/// Where a venue stands while a ladder is made.
#[derive(Clone, Copy, Debug, Default)]
struct Cursor {
    qty: i64,
    row: usize,
    lots: i64,
    unit: Cost,
}

impl Cursor {
    /// Finds the next lots of equal cost; none are left when `lots` is zero. Lots that no level
    /// would fill are none.
    fn settle(&mut self, share: &Share<'_>, high: i64) {
        let left = (high - self.qty) / share.lot();
        self.lots = 0;
        if left > 0 {
            let (lots, unit) = share.next_lots(self.qty, &mut self.row, left);
            if unit.unfilled < share.lot() {
                (self.lots, self.unit) = (lots, unit);
            }
        }
    }
}

impl Ladder {
    /// The ladder of all shares with that lot, up to a quantity. `None` if the steps do not fit.
    pub fn new(
        lot: i64,
        shares: &[Share<'_>],
        ranges: &[Range],
        qty: i64,
        steps: &mut Vec<Step>,
    ) -> Option<Self> {
        let mut ladder = Self {
            lot,
            low: 0,
            high: 0,
            cost_low: Cost::default(),
            from: steps.len(),
            to: steps.len(),
        };
        let mut cursors = [Cursor::default(); VENUES_MAX];
        for ((share, range), cursor) in shares.iter().zip(ranges).zip(&mut cursors) {
            if share.lot() != lot || range.high == 0 {
                continue;
            }
            ladder.low = ladder.low.saturating_add(range.low);
            ladder.cost_low = ladder.cost_low.plus(share.cost(range.low));
            (cursor.qty, cursor.row) = (range.low, share.row_of(range.low));
            cursor.settle(share, range.high);
        }
        ladder.high = ladder.low;
        let (mut upto, mut cost) = (0_i64, Cost::default());
        // Ends: each turn passes a row of a venue.
        while ladder.high < qty {
            let open = cursors[..shares.len()].iter().enumerate().filter(|(_, c)| c.lots > 0);
            let Some((at, _)) = open.min_by_key(|(_, c)| c.unit) else { break };
            if steps.len() == steps.capacity() {
                return None;
            }
            let cursor = &mut cursors[at];
            upto += cursor.lots;
            cost = cost.plus(cursor.unit.times(cursor.lots));
            steps.push(Step { upto, cost, unit: cursor.unit, share: at as u8 });
            ladder.high = ladder.high.saturating_add(cursor.lots.saturating_mul(lot));
            cursor.qty += cursor.lots * lot;
            cursor.settle(&shares[at], ranges[at].high);
        }
        ladder.to = steps.len();
        Some(ladder)
    }

    /// The largest quantity up to `qty` that the ladder can hold; `None` if even the smallest is
    /// more.
    pub fn at_or_below(&self, qty: i64) -> Option<i64> {
        let qty = qty.min(self.high);
        (qty >= self.low).then(|| qty - (qty - self.low) % self.lot)
    }

    /// Cost of a quantity that the ladder can hold.
    pub fn cost(&self, steps: &[Step], qty: i64) -> Cost {
        let lots = (qty - self.low) / self.lot;
        if lots == 0 {
            return self.cost_low;
        }
        let steps = &steps[self.from..self.to];
        let at = steps.partition_point(|step| step.upto < lots);
        let more = steps
            .get(at)
            .map_or(Cost::default(), |step| step.cost.minus(step.unit.times(step.upto - lots)));
        self.cost_low.plus(more)
    }

    /// Writes the shares of the ladder's venues at a quantity.
    pub fn split(
        &self,
        steps: &[Step],
        qty: i64,
        shares: &[Share<'_>],
        ranges: &[Range],
        out: &mut [i64; VENUES_MAX],
    ) {
        for (at, share) in shares.iter().enumerate() {
            if share.lot() == self.lot {
                out[at] = ranges[at].low;
            }
        }
        let (lots, mut before) = ((qty - self.low) / self.lot, 0);
        for step in &steps[self.from..self.to] {
            let taken = step.upto.min(lots) - before;
            if taken <= 0 {
                return;
            }
            out[usize::from(step.share)] += taken * self.lot;
            before = step.upto;
        }
    }
}
