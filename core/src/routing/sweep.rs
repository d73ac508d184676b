//! The sweep: cheapest all-in price first, over all candidates, as if every quantity could be sent.
//!
//! A line belongs here if it takes levels in the order of their price. Where lots, minimums,
//! maximums and funds do not bind, the sweep is the best plan. Where they do, `exact` searches.

use super::RouteRequest;
use super::candidate::Candidate;
use crate::number::Price;

/// Gives each candidate its share. The shares need not be whole lots or above the minimums. Ends
/// when the whole quantity has a place, or every candidate has as much as it can take.
pub(super) fn sweep(
    request: &RouteRequest,
    limit: Price,
    candidates: &mut [Option<Candidate<'_>>],
) {
    for c in candidates.iter_mut().flatten() {
        c.settle(limit);
    }
    let mut left = request.qty;
    // Ends: each turn passes a level or ends a candidate's levels.
    while !left.is_zero() {
        let mut best: Option<&mut Candidate<'_>> = None;
        for c in candidates.iter_mut().flatten() {
            let known = best.as_ref().map_or(i128::MAX, |best| best.next_cost);
            if c.next_cost < known {
                best = Some(c);
            }
        }
        let Some(best) = best else { return };
        left = left.saturating_sub(best.take_next(limit, left));
    }
}
