//! The best split of a quantity over venues with different lots, each within its bounds.
//!
//! A line belongs here if it combines lots of different sizes. Minimums are `exact`.
//!
//! Where each lot divides the next larger one, the venues with the finest lot alone can make up
//! what the larger lots leave over. That remainder is fixed, so what is beyond it is taken in
//! blocks of the next lot, cheapest first, together with the lots of that size; and so on up to the
//! largest lot. Quantity that is not sent counts as lots behind the finest ones, dearer than any
//! level. Where lots do not divide each other, the blocks are common multiples, and each number of
//! single lots beside the blocks is tried.

use super::WORK_MAX;
use super::ladder::{Bounds, Cursor, Full, Ladder, Steps, UNSENT};
use super::share::{Cost, Share};
use crate::reference::VENUES_MAX;

/// Lots of one size.
#[derive(Clone, Debug, Default)]
struct Tier {
    lot: i64,
    /// Least common multiple of this lot and all finer ones.
    block: i64,
    /// Lots of this size in a block, and blocks of the next finer tier in it.
    size: i64,
    finer_size: i64,
    /// Lots of the venues. The finest tier has what is not sent behind them.
    own: Ladder,
    /// Lots of this size beside the blocks, of which there are at most so many.
    single: i64,
    singles_max: i64,
    /// What the finer tiers give besides their blocks in `all`, in their blocks.
    finer_single: i64,
    /// Blocks of this tier and of the finer ones.
    all: Ladder,
}

/// The distinct lots of some shares, finest first.
#[derive(Debug, Default)]
pub(super) struct Splitter {
    tiers: [Tier; VENUES_MAX],
    cursors: [Cursor; VENUES_MAX],
    count: usize,
    /// Numbers of single lots that may still be tried.
    looks_left: u32,
    /// Not all numbers of single lots were tried.
    pub is_cut: bool,
    /// The shares of the best split that was found last.
    pub found: [i64; VENUES_MAX],
}

impl Splitter {
    /// Begins with the lots of these shares, and looks at so many numbers of single lots.
    pub fn begin(&mut self, shares: &[Share<'_>], looks: u32) {
        (self.count, self.looks_left, self.is_cut) = (0, looks, false);
        self.found = [0; VENUES_MAX];
        for share in shares {
            let lot = share.lot();
            let at = self.tiers[..self.count].partition_point(|tier| tier.lot < lot);
            if at == self.count || self.tiers[at].lot != lot {
                self.tiers[at..=self.count].rotate_right(1);
                self.tiers[at].lot = lot;
                self.count += 1;
            }
        }
        let mut block = 1_i64;
        for tier in &mut self.tiers[..self.count] {
            let finer = block;
            block = (block / divisor(block, tier.lot)).saturating_mul(tier.lot);
            tier.block = block;
            (tier.size, tier.finer_size) = (block / tier.lot, block / finer);
        }
    }

    /// The best split of a quantity if it is better than `best`: its cost, with what is not sent.
    /// The shares are [`Self::found`]. `None` if there is no better one.
    pub fn split(
        &mut self,
        shares: &[Share<'_>],
        bounds: &[Bounds],
        qty: i64,
        best: Cost,
        steps: &mut Steps<'_>,
    ) -> Result<Option<Cost>, Full> {
        steps.truncate(0);
        let lows = shares.iter().zip(bounds);
        let (low, cost) = lows.fold((0_i64, Cost::default()), |(low, cost), (share, bounds)| {
            (low.saturating_add(bounds.low), cost.plus(share.cost(bounds.low)))
        });
        let Some(left) = qty.checked_sub(low).filter(|left| *left >= 0) else { return Ok(None) };
        // The finest tier comes last, so that what is not sent can be added behind its lots.
        for tier in self.tiers[..self.count].iter_mut().rev() {
            tier.own = steps.own(tier.lot, shares, bounds, left, &mut self.cursors)?;
            tier.single = 0;
            tier.singles_max = match tier.size - 1 {
                0 => 0,
                most => steps.lots(tier.own.clone()).min(most),
            };
        }
        let [finest, ..] = &mut self.tiers;
        steps.add_unsent(&mut finest.own, finest.lot, left)?;
        let (made, mut found) = (steps.len(), None);
        // Ends: each turn is another choice of single lots, and their number is bounded.
        loop {
            let limit = found.unwrap_or(best);
            let total = self.rise(left, steps)?.map(|more| cost.plus(more));
            if let Some(total) = total.filter(|total| total.is_below(&limit)) {
                found = Some(total);
                self.keep_shares(left, bounds, steps);
            }
            steps.truncate(made);
            if !self.next_choice() {
                return Ok(found);
            }
            if steps.work >= WORK_MAX {
                self.is_cut = true;
                return Ok(found);
            }
        }
    }

    /// Goes to the next choice of single lots; false after the last.
    fn next_choice(&mut self) -> bool {
        for tier in &mut self.tiers[..self.count] {
            if tier.singles_max == 0 {
                continue;
            }
            if self.looks_left == 0 {
                self.is_cut = true;
                return false;
            }
            self.looks_left -= 1;
            tier.single += 1;
            if tier.single <= tier.singles_max {
                return true;
            }
            tier.single = 0;
        }
        false
    }

    /// Cost of the best split with the chosen single lots; `None` if there are not so many lots.
    fn rise(&mut self, qty: i64, steps: &mut Steps<'_>) -> Result<Option<Cost>, Full> {
        let singles = self.tiers[..self.count].iter();
        let singles = singles.map(|tier| tier.single.saturating_mul(tier.lot));
        let singles = singles.fold(0, i64::saturating_add);
        let Some(mut left) = qty.checked_sub(singles).filter(|left| *left >= 0) else {
            return Ok(None);
        };
        let [finest, coarser @ ..] = &mut self.tiers[..self.count] else { return Ok(None) };
        finest.finer_single = left % finest.block;
        left -= finest.finer_single;
        let mut cost = Cost { unfilled: finest.finer_single, ..Cost::default() };
        let (mut finer, mut block) = (finest.own.clone(), finest.block);
        for tier in coarser {
            let Some(single) = steps.cost(tier.own.clone(), tier.single) else { return Ok(None) };
            tier.finer_single = left % tier.block / block;
            let rest = steps.cost(finer.clone(), tier.finer_single);
            let Some(rest) = rest else { return Ok(None) };
            cost = cost.plus(single).plus(rest);
            left -= tier.finer_single * block;
            let blocks = steps.blocks(finer, tier.finer_single, tier.finer_size)?;
            let own = match (tier.single, tier.size) {
                (0, 1) => tier.own.clone(),
                (single, size) => steps.blocks(tier.own.clone(), single, size)?,
            };
            tier.all = steps.merged(own, blocks, left / tier.block)?;
            (finer, block) = (tier.all.clone(), tier.block);
        }
        let all = steps.cost(finer, left / block);
        Ok(all.map(|all| cost.plus(all)))
    }

    /// Keeps the shares of the split that was made last.
    fn keep_shares(&mut self, qty: i64, bounds: &[Bounds], steps: &Steps<'_>) {
        let shares = &mut self.found;
        for (share, bounds) in shares.iter_mut().zip(bounds) {
            *share = bounds.low;
        }
        let tiers = &self.tiers[..self.count];
        let beside: i64 = tiers.iter().map(|tier| tier.single * tier.lot).sum();
        let mut left = qty - beside;
        let mut finest = 1;
        for tier in tiers {
            left -= tier.finer_single * finest;
            finest = tier.block;
        }
        let mut blocks = left / finest;
        for at in (1..tiers.len()).rev() {
            let tier = &tiers[at];
            let (mut own, mut finer) = (0, 0);
            steps.sources(tier.all.clone(), blocks, |source, lots| {
                if source == 0 { own += lots } else { finer += lots }
            });
            let own = tier.single + own * (tier.size);
            steps.sources(tier.own.clone(), own, |share, lots| {
                shares[usize::from(share)] += lots * tier.lot;
            });
            blocks = tier.finer_single + finer * (tier.finer_size);
        }
        if let [finest, ..] = tiers {
            steps.sources(finest.own.clone(), blocks, |share, lots| {
                if share != UNSENT {
                    shares[usize::from(share)] += lots * finest.lot;
                }
            });
        }
    }
}

/// The greatest common divisor of a number above zero and another one, which may be zero.
pub(super) const fn divisor(mut a: i64, mut b: i64) -> i64 {
    // Ends: the smaller number shrinks.
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}
