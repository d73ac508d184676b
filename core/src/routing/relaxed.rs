//! A quick bound of a node: what none of its plans can cost less than.
//!
//! A line belongs here if it proves that a node has no better plan, without a split. Which nodes
//! are looked at is `exact`.
//!
//! Every unit is given the same value, the rate: the cost of the dearest unit that the first split
//! takes. Each venue alone then has a best share within its bounds, by the cost of the share less
//! the value of its units. The sum of these, and the value of the whole quantity, is never above
//! the cost of a plan within the bounds, whatever the rate is (a Lagrangian bound). Unlike the
//! split, the bound counts minimums, maximums and funds. A cut of one venue's bounds changes one
//! term.

use super::ladder::Bounds;
use super::share::{Cost, Share, unsent};
use crate::reference::VENUES_MAX;

/// Memory of the bound, made once.
#[derive(Debug, Default)]
pub(super) struct Relaxed {
    rate: Cost,
    /// Cost of each venue's best share, less the value of its units.
    terms: [Cost; VENUES_MAX],
    /// What no plan of the present node can cost less than.
    floor: Cost,
    /// The sums stay within their range, so the bound is a proof.
    is_on: bool,
}

impl Relaxed {
    /// Forgets the search before; until [`Self::begin`] nothing is proved.
    pub const fn clear(&mut self) {
        self.is_on = false;
    }

    /// Begins at the first node with its bounds and its split.
    pub fn begin(&mut self, shares: &[Share<'_>], bounds: &[Bounds], split: &[i64], qty: i64) {
        let units = shares.iter().zip(split).filter_map(|(share, qty)| share.last_unit(*qty));
        let dearest = units.reduce(|a, b| if a.is_below(&b) { b } else { a });
        // What is not sent costs that much, so no unit is worth more.
        self.rate = match dearest.filter(|_| split.iter().sum::<i64>() == qty) {
            Some(dearest) if dearest.is_below(&unsent(1)) => dearest,
            _ => unsent(1),
        };
        self.floor = self.rate.times(qty);
        self.is_on =
            self.floor.is_far_from_the_ends() && shares.iter().all(Share::is_far_from_the_ends);
        if !self.is_on {
            return;
        }
        for (at, (share, bounds)) in shares.iter().zip(bounds).enumerate() {
            // Without a lower bound there is always a share: none.
            self.terms[at] = self.term(share, *bounds).unwrap_or_default();
            self.floor = self.floor.plus(self.terms[at]);
        }
    }

    /// Goes to a node with other bounds of one venue. Returns the term to be put back by
    /// [`Self::leave`]; `None` if no plan of the node is better than `best`.
    pub fn enter(
        &mut self,
        share: &Share<'_>,
        (at, bounds): (usize, Bounds),
        best: &Cost,
    ) -> Option<Cost> {
        if !self.is_on {
            return Some(Cost::default());
        }
        let (term, kept) = (self.term(share, bounds)?, self.terms[at]);
        let floor = self.floor.minus(kept).plus(term);
        if !floor.is_below(best) {
            return None;
        }
        (self.terms[at], self.floor) = (term, floor);
        Some(kept)
    }

    /// Goes back to the node above.
    pub fn leave(&mut self, at: usize, kept: Cost) {
        if self.is_on {
            self.floor = self.floor.minus(self.terms[at]).plus(kept);
            self.terms[at] = kept;
        }
    }

    /// The least that a share within these bounds costs less the value of its units; `None` if the
    /// venue takes no share within them.
    fn term(&self, share: &Share<'_>, bounds: Bounds) -> Option<Cost> {
        // Each unit up to there costs less than it is worth, and each one behind costs more.
        let ideal = share.upto_unit(&self.rate).clamp(bounds.low, bounds.high);
        let below = share.at_or_below(ideal);
        let term = |qty: i64| share.cost(qty).minus(self.rate.times(qty));
        if below == ideal {
            return Some(term(below));
        }
        let below = Some(below).filter(|below| *below >= bounds.low).map(term);
        let above = share.at_or_above(ideal).filter(|above| *above <= bounds.high).map(term);
        match (below, above) {
            (Some(below), Some(above)) => Some(if above.is_below(&below) { above } else { below }),
            (below, above) => below.or(above),
        }
    }
}
