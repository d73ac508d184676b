//! A remainder that waits must be one that a venue takes.
//!
//! A line belongs here if it looks at the quantity that a plan leaves to wait.

use super::candidate::{Candidate, is_enough};
use super::{RouteRequest, RoutingView, rest};
use crate::id::VenueId;
use crate::number::{Price, Qty};

/// Makes a remainder that no venue would take larger, if that brings more of the order to venues:
/// now, or to a venue that is away for the moment. The dearest share that allows it shrinks.
/// Returns the remainder.
pub(super) fn keep_viable(
    market: &RoutingView<'_>,
    request: &RouteRequest,
    limit: Price,
    candidates: &mut [Option<Candidate<'_>>],
    left: Qty,
) -> Qty {
    let rested = |candidates: &[Option<Candidate<'_>>], left| {
        rest::choose(market, request, limit, left, candidates).map_or(Qty::ZERO, |leg| leg.qty)
    };
    let Some((more, venue)) = missing(market, request, limit, left) else { return left };
    let before = rested(candidates, left);
    let is_away = !candidates.iter().flatten().any(|c| c.listing.venue == venue);
    let Some((at, kept)) = shrink(limit, candidates, more) else { return left };
    let shrunk = super::left_of(request, candidates);
    let after = rested(candidates, shrunk);
    if is_away || shrunk.saturating_sub(after) < left.saturating_sub(before) {
        return shrunk;
    }
    candidates[at] = Some(kept);
    left
}

/// Lowers the dearest share that allows it. Returns its place, and the candidate as it was.
fn shrink<'a>(
    limit: Price,
    candidates: &mut [Option<Candidate<'a>>],
    more: Qty,
) -> Option<(usize, Candidate<'a>)> {
    let mut dearest: Option<(i128, usize, Qty, Price)> = None;
    for (at, slot) in candidates.iter().enumerate() {
        let Some(c) = slot.as_ref().filter(|c| !c.share.is_zero()) else { continue };
        let Some((rest, worst)) = shrunk(c, limit, more) else { continue };
        let cost = c.unit_cost(c.worst);
        if dearest.is_none_or(|(known, ..)| cost > known) {
            dearest = Some((cost, at, rest, worst));
        }
    }
    let (_, at, rest, worst) = dearest?;
    let c = candidates[at].as_mut()?;
    let kept = *c;
    c.set_share(limit, rest, worst);
    Some((at, kept))
}

/// The least quantity to be added to a remainder until some venue takes it, and the venue; `None`
/// if a venue takes it as it is, or none would take it at all.
fn missing(
    market: &RoutingView<'_>,
    request: &RouteRequest,
    limit: Price,
    left: Qty,
) -> Option<(Qty, VenueId)> {
    let def = market.reference.instrument_of(request.instrument);
    let barred = request.avoided.union(request.excluded);
    let least = (0..market.reference.venues.len())
        .map(|index| VenueId(index as u8))
        .filter(|venue| !barred.has(*venue))
        .filter_map(|venue| market.reference.listing(request.instrument, venue))
        .filter(|listing| listing.enabled && left.floor_to(listing.lot) == left)
        .map(|listing| (listing, left.max(listing.qty_min)))
        // The quantity is enough; the value is checked.
        .filter(|(listing, enough)| is_enough(def, listing, *enough, limit))
        .min_by_key(|(_, enough)| *enough)?;
    let more = least.1.saturating_sub(left);
    (!more.is_zero()).then_some((more, least.0.venue))
}

/// A share that gives up at least `more`, rounded to lots, and its worst price.
fn shrunk(c: &Candidate<'_>, limit: Price, more: Qty) -> Option<(Qty, Price)> {
    let lot = c.listing.lot.0;
    let back = more.0.checked_add(lot - 1)? / lot * lot;
    let rest = c.share.checked_sub(Qty(back))?;
    let mut upto = Qty::ZERO;
    let worst = c.available(limit).find_map(|level| {
        upto = Qty(upto.0.saturating_add(level.qty.0));
        (upto >= rest).then_some(level.price)
    })?;
    (rest.is_zero() || c.is_enough(worst, rest)).then_some((rest, worst))
}
