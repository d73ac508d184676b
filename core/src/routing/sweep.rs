//! The sweep: cheapest all-in price first, over all candidates, as if every quantity could be sent.
//!
//! A line belongs here if it takes levels in the order of their price. Where lots, minimums,
//! maximums and funds do not bind, the sweep is the best plan. Where they do, `exact` searches.

use super::candidate::Candidate;
use super::{RouteRequest, within};
use crate::input::{Level, Side};
use crate::number::{Notional, Price, Qty};
use crate::reference::VENUES_MAX;

/// Where a candidate stands in the sweep.
#[derive(Clone, Copy)]
struct Cursor {
    /// The next level.
    next: usize,
    /// Quantity of the next level that is no longer available.
    gone: Qty,
    /// All-in cost of a unit at the next level; `i128::MAX` when the candidate can take no more.
    cost: i128,
}

/// Gives each candidate its share. The shares need not be whole lots or above the minimums.
pub(super) fn sweep(
    request: &RouteRequest,
    limit: Price,
    candidates: &mut [Option<Candidate<'_>>],
) {
    let side = request.side;
    let mut cursors = [Cursor { next: 0, gone: Qty::ZERO, cost: i128::MAX }; VENUES_MAX];
    for (cursor, c) in cursors.iter_mut().zip(candidates.iter()) {
        let Some(c) = c else { continue };
        cursor.gone = c.gone;
        cursor.settle(c, limit, side);
    }
    let mut left = request.qty;
    // Ends: each turn passes a level or ends a candidate's levels.
    while !left.is_zero() {
        let mut best = (i128::MAX, 0);
        for (at, cursor) in cursors[..candidates.len()].iter().enumerate() {
            if cursor.cost < best.0 {
                best = (cursor.cost, at);
            }
        }
        let (cursor, Some(c)) = (&mut cursors[best.1], &mut candidates[best.1]) else {
            return;
        };
        if best.0 == i128::MAX {
            return;
        }
        let Some(level) = c.level(cursor.next) else { return };
        let there = level.qty.saturating_sub(cursor.gone);
        let share = at_most(c, level, there.min(left));
        left = left.saturating_sub(Qty(share.0 - c.share.0));
        let ends = share.0 - c.share.0 < there.0;
        if share > c.share {
            let more = Notional::of(level.price, Qty(share.0 - c.share.0));
            c.value.0 += more.0;
            (c.share, c.shown, c.worst) = (share, share, level.price);
        }
        if ends {
            // Funds, the venue's maximum or the quantity end within this level.
            cursor.cost = i128::MAX;
        } else {
            (cursor.next, cursor.gone) = (cursor.next + 1, Qty::ZERO);
            cursor.settle(c, limit, side);
        }
    }
}

/// The share after `more` is taken from a level: within the venue's maximum, and within the funds,
/// which the venue locks at the child's limit for the whole share.
#[inline]
fn at_most(c: &Candidate<'_>, level: &Level, more: Qty) -> Qty {
    let share = Qty(c.share.0.saturating_add(more.0)).min(c.listing.qty_max);
    if c.carries(level.price, share) {
        return share;
    }
    let carried = share.min(c.carried(level.price));
    if carried > c.share { carried } else { c.share }
}

impl Cursor {
    /// Goes to the first level with an available quantity.
    #[inline]
    fn settle(&mut self, c: &Candidate<'_>, limit: Price, side: Side) {
        // Ends: each turn passes a level.
        while let Some(level) = c.level(self.next) {
            if !within(limit, level.price, side) {
                break;
            }
            if level.qty > self.gone {
                self.cost = c.unit_cost(level.price);
                return;
            }
            self.gone = self.gone.saturating_sub(level.qty);
            self.next += 1;
        }
        self.cost = i128::MAX;
    }
}
