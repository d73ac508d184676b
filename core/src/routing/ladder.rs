//! Lots in the order of their cost.
//!
//! A line belongs here if it is about a list of lots. Which lists are made, and from what, is
//! `split`.
//!
//! The cost of one more lot at a venue never falls, for levels get dearer. So the lots of several
//! venues with one lot size, cheapest first, are the best split of every quantity at once. Such a
//! list is a ladder.

use core::ops::Range;

use super::share::{Cost, Share};

/// The shares that a venue may get, both ends whole lots.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Bounds {
    /// The smallest share.
    pub low: i64,
    /// The largest share.
    pub high: i64,
}

/// Lots that cost the same, one after the other.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Step {
    /// Lots of the ladder up to the end of the step.
    pub upto: i64,
    /// Cost of those lots.
    cost: Cost,
    /// Cost of one lot of the step.
    unit: Cost,
    /// Where the lots come from: the place of a share, or of one of two merged ladders.
    pub source: u8,
}

/// The source of lots that are not sent.
pub(super) const UNSENT: u8 = u8::MAX;

/// A ladder, as places in the memory of all steps.
pub(super) type Ladder = Range<usize>;

/// The memory of all ladders of a search.
pub(super) struct Steps<'a> {
    all: &'a mut Vec<Step>,
    /// Steps that were made so far.
    pub work: usize,
}

/// The memory is used up.
#[derive(Debug)]
pub(super) struct Full;

impl<'a> Steps<'a> {
    /// Ladders in this memory.
    pub const fn new(all: &'a mut Vec<Step>) -> Self {
        Self { all, work: 0 }
    }

    /// Number of steps that are held.
    pub const fn len(&self) -> usize {
        self.all.len()
    }

    /// Forgets all but so many steps.
    pub fn truncate(&mut self, len: usize) {
        self.all.truncate(len);
    }

    /// Adds lots to the ladder that is being made and that began at `from`.
    #[inline]
    fn push(&mut self, from: usize, lots: i64, unit: Cost, source: u8) -> Result<(), Full> {
        let steps = &mut *self.all;
        if steps.len() == steps.capacity() {
            return Err(Full);
        }
        self.work += 1;
        let (before, paid) = match &steps[from..] {
            [.., last] => (last.upto, last.cost),
            [] => (0, Cost::default()),
        };
        let (upto, cost) = (before.saturating_add(lots), paid.plus(unit.times(lots)));
        steps.push(Step { upto, cost, unit, source });
        Ok(())
    }

    /// Adds lots that are not sent to the ladder that was made last, as far as `qty` needs them.
    pub fn add_unsent(&mut self, ladder: &mut Ladder, lot: i64, qty: i64) -> Result<(), Full> {
        let lots = qty / lot - self.lots(ladder.clone());
        if lots > 0 {
            let unit = Cost { unfilled: lot, ..Cost::default() };
            self.push(ladder.start, lots, unit, UNSENT)?;
            ladder.end = self.all.len();
        }
        Ok(())
    }

    /// The ladder of all shares with that lot, above their lower bounds, as far as `qty` needs it.
    /// Lots that no level would fill are left out.
    pub fn own(
        &mut self,
        lot: i64,
        shares: &[Share<'_>],
        bounds: &[Bounds],
        qty: i64,
        cursors: &mut [Cursor],
    ) -> Result<Ladder, Full> {
        let from = self.all.len();
        for ((share, bounds), cursor) in shares.iter().zip(bounds).zip(cursors.iter_mut()) {
            cursor.lots = 0;
            if share.lot() == lot {
                (cursor.qty, cursor.row) = (bounds.low, share.row_of(bounds.low));
                cursor.settle(share, bounds.high);
            }
        }
        let mut left = qty / lot;
        // Ends: each turn passes a row of a venue.
        while left > 0 {
            let Some(at) = cheapest(&cursors[..shares.len()]) else { break };
            let cursor = &mut cursors[at];
            self.push(from, cursor.lots, cursor.unit, at as u8)?;
            left -= cursor.lots;
            cursor.qty += cursor.lots * lot;
            cursor.settle(&shares[at], bounds[at].high);
        }
        Ok(from..self.all.len())
    }

    /// The ladder whose lots are `size` lots of another one each, after the first `skip` of them.
    pub fn blocks(&mut self, ladder: Ladder, skip: i64, size: i64) -> Result<Ladder, Full> {
        let from = self.all.len();
        let (mut passed, mut part, mut cost) = (skip, 0, Cost::default());
        for at in ladder {
            let Step { upto, unit, .. } = self.all[at];
            let mut lots = upto - passed;
            if lots <= 0 {
                continue;
            }
            passed = upto;
            if part > 0 {
                let more = lots.min(size - part);
                (part, cost) = (part + more, cost.plus(unit.times(more)));
                lots -= more;
                if part == size {
                    self.push(from, 1, cost, 0)?;
                    part = 0;
                }
            }
            if lots >= size {
                self.push(from, lots / size, unit.times(size), 0)?;
            }
            if lots % size > 0 {
                (part, cost) = (lots % size, unit.times(lots % size));
            }
        }
        Ok(from..self.all.len())
    }

    /// Two ladders with one lot as one, up to so many lots; `source` tells which.
    pub fn merged(&mut self, a: Ladder, b: Ladder, lots: i64) -> Result<Ladder, Full> {
        let (from, ends) = (self.all.len(), [a.end, b.end]);
        let (mut next, mut passed, mut left) = ([a.start, b.start], [0; 2], lots);
        // Ends: each turn passes a step.
        while left > 0 {
            let side = match [0, 1].map(|side| next[side] < ends[side]) {
                [true, true] => {
                    usize::from(self.all[next[1]].unit.is_below(&self.all[next[0]].unit))
                }
                [true, false] => 0,
                [false, true] => 1,
                [false, false] => break,
            };
            let Step { upto, unit, .. } = self.all[next[side]];
            let taken = (upto - passed[side]).min(left);
            self.push(from, taken, unit, side as u8)?;
            (next[side], passed[side], left) = (next[side] + 1, upto, left - taken);
        }
        Ok(from..self.all.len())
    }

    /// Number of lots of a ladder.
    pub fn lots(&self, ladder: Ladder) -> i64 {
        self.all[ladder].last().map_or(0, |step| step.upto)
    }

    /// Cost of the first lots of a ladder; `None` if it has fewer.
    pub fn cost(&self, ladder: Ladder, lots: i64) -> Option<Cost> {
        if lots == 0 {
            return Some(Cost::default());
        }
        let steps = &self.all[ladder];
        let step = steps.get(steps.partition_point(|step| step.upto < lots))?;
        Some(step.cost.minus(step.unit.times(step.upto - lots)))
    }

    /// Calls `taken` with each source and its number of lots among the first lots of a ladder.
    pub fn sources(&self, ladder: Ladder, lots: i64, mut taken: impl FnMut(u8, i64)) {
        let mut passed = 0;
        for step in &self.all[ladder] {
            if passed >= lots {
                return;
            }
            taken(step.source, step.upto.min(lots) - passed);
            passed = step.upto;
        }
    }
}

/// Where a venue stands while a ladder is made.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Cursor {
    qty: i64,
    row: usize,
    lots: i64,
    unit: Cost,
}

/// The cursor with the cheapest next lot, the first of equals; `None` if none has a lot.
fn cheapest(cursors: &[Cursor]) -> Option<usize> {
    let mut best: Option<usize> = None;
    for (at, cursor) in cursors.iter().enumerate() {
        let better = best.is_none_or(|best| cursor.unit.is_below(&cursors[best].unit));
        if cursor.lots > 0 && better {
            best = Some(at);
        }
    }
    best
}

impl Cursor {
    /// Finds the next lots of equal cost; none are left when `lots` is zero.
    fn settle(&mut self, share: &Share<'_>, high: i64) {
        let left = high - self.qty;
        self.lots = 0;
        if left >= share.lot() {
            let (lots, unit) = share.next_lots(self.qty, &mut self.row, left);
            if unit.unfilled < share.lot() {
                (self.lots, self.unit) = (lots, unit);
            }
        }
    }
}
