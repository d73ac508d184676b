//! Fill or kill: the single venue that is cheapest, or in score mode has the highest score, whose
//! book shows the whole quantity.
//!
//! A line belongs here if it places an order that is filled whole or not at all.

use core::cmp::Reverse;

use super::candidate::Candidate;
use super::{Plan, RouteRequest, reaches, within};
use crate::number::{Price, Qty};
use crate::output::Verdict;

/// Gives the whole quantity to the best venue that takes it; no child if there is none. Returns
/// the quantity that has no place.
pub(super) fn whole(
    request: &RouteRequest,
    limit: Price,
    candidates: &mut [Option<Candidate<'_>>],
    plan: &mut Plan,
) -> Qty {
    let mut best: Option<((Reverse<u16>, i128), usize, Prices)> = None;
    for (at, slot) in candidates.iter().enumerate() {
        let Some(c) = slot else { continue };
        match whole_at(request, limit, c) {
            Ok((cost, prices)) => {
                let cost = (Reverse(c.score), cost);
                if best.is_none_or(|(known, ..)| cost < known) {
                    best = Some((cost, at, prices));
                }
            }
            Err(verdict) => plan.lines[c.line].verdict = verdict,
        }
    }
    if let Some((_, at, Prices { worst, limit: price })) = best
        && let Some(c) = &mut candidates[at]
    {
        c.set_share(limit, request.qty, worst);
        plan.take(c, price);
        if request.score.is_some() {
            super::score::lower_scores(candidates, &mut plan.lines);
        }
        super::reasons::worse_behaviour(candidates, &mut plan.lines);
        return Qty::ZERO;
    }
    request.qty
}

/// The worst price that the whole quantity takes, and the limit of the child.
#[derive(Clone, Copy)]
struct Prices {
    worst: Price,
    limit: Price,
}

/// Effective cost and prices of the whole quantity at one venue.
fn whole_at(
    request: &RouteRequest,
    limit: Price,
    c: &Candidate<'_>,
) -> Result<(i128, Prices), Verdict> {
    if request.qty > c.listing.qty_max {
        return Err(Verdict::AboveMaximum);
    }
    let (mut left, mut cost, mut worst) = (request.qty, 0_i128, Price(0));
    for level in c.available(limit) {
        let qty = level.qty.min(left);
        cost = cost.saturating_add(super::share::times(c.unit_cost(level.price), qty.0));
        (left, worst) = (left.saturating_sub(qty), level.price);
        if left.is_zero() {
            break;
        }
    }
    if !left.is_zero() {
        let beyond = c.best.is_some_and(|best| !within(limit, best, request.side));
        return Err(if beyond { Verdict::BeyondLimit } else { Verdict::TooThin });
    }
    if request.qty.floor_to(c.listing.lot) != request.qty || !c.is_enough(worst, request.qty) {
        return Err(Verdict::BelowMinimum);
    }
    // A book may show prices that the venue's present ticks leave out: those of before a change.
    let (ticks, side) = (&c.listing.ticks, request.side);
    let price = if ticks.takes(worst) { worst } else { ticks.within(worst, side.opposite()) };
    if !within(limit, price, side) || c.own.is_some_and(|own| reaches(price, own, side)) {
        return Err(Verdict::BeyondLimit);
    }
    if !c.carries(price, request.qty) {
        return Err(Verdict::NoFunds);
    }
    Ok((cost, Prices { worst, limit: price }))
}
