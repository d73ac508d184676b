//! A remainder that waits must be one that a venue takes.
//!
//! A line belongs here if it looks at the quantity that a plan leaves to wait.

use super::candidate::{Candidate, is_enough};
use super::{RouteRequest, RoutingView, rest};
use crate::input::{ListingDef, Side};
use crate::ledger::reserve;
use crate::number::{Price, Qty};
use crate::venue_set::VenueSet;

/// Makes a remainder that no venue would take larger, if that brings more of the order to venues:
/// now, or later to one that is away for the moment and has the funds, and then nothing of the
/// remainder rests elsewhere. The dearest share that allows it shrinks. Returns the remainder.
pub(super) fn keep_viable(
    market: &RoutingView<'_>,
    request: &RouteRequest,
    limit: Price,
    candidates: &mut [Option<Candidate<'_>>],
    left: Qty,
) -> Qty {
    let rested = |candidates: &[Option<Candidate<'_>>], left| {
        let rests = request.limit.is_some();
        let leg = rests.then(|| rest::at_best(market, request, limit, left, candidates)).flatten();
        leg.map_or(Qty::ZERO, |leg| leg.qty)
    };
    let present = candidates.iter().flatten().fold(VenueSet::EMPTY, |mut set, c| {
        set.insert(c.listing.venue);
        set
    });
    // A venue that takes the remainder as it is needs no larger one.
    let Missing::Some(now, later) = missing(market, request, limit, left, present) else {
        return left;
    };
    let before = rested(candidates, left);
    for (more, is_away) in [(now, false), (later, true)] {
        let Some((at, kept)) = more.and_then(|more| shrink(limit, candidates, more)) else {
            continue;
        };
        let shrunk = super::left_of(request, candidates);
        let after = rested(candidates, shrunk);
        let waits_for_it = is_away && after.is_zero();
        if waits_for_it || shrunk.saturating_sub(after) < left.saturating_sub(before) {
            return shrunk;
        }
        candidates[at] = Some(kept);
    }
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

/// What is to be added to a remainder until a venue takes it.
enum Missing {
    /// Nothing: a venue takes it as it is.
    Nothing,
    /// The least quantity until a venue that is there now takes it, and until one that is away for
    /// the moment does; `None` if there is no such venue.
    Some(Option<Qty>, Option<Qty>),
}

fn missing(
    market: &RoutingView<'_>,
    request: &RouteRequest,
    limit: Price,
    left: Qty,
    present: VenueSet,
) -> Missing {
    let def = market.reference.instrument_of(request.instrument);
    let barred = request.avoided.union(request.left_out()).union(request.closed);
    let (mut now, mut later) = (None, None);
    for listing in market.reference.listings(request.instrument) {
        let enough = left.max(listing.qty_min);
        // The quantity is enough; the value is checked.
        let takes = listing.enabled
            && !barred.has(listing.venue)
            && left.floor_to(listing.lot) == left
            && is_enough(def, listing, enough, limit)
            && (present.has(listing.venue) || pays(market, request, listing, limit, enough));
        if !takes {
            continue;
        }
        let more = enough.saturating_sub(left);
        if more.is_zero() {
            return Missing::Nothing;
        }
        let least = if present.has(listing.venue) { &mut now } else { &mut later };
        *least = Some(least.map_or(more, |known: Qty| known.min(more)));
    }
    Missing::Some(now, later)
}

/// Whether a venue's free funds carry a child of that limit and quantity.
fn pays(
    market: &RoutingView<'_>,
    request: &RouteRequest,
    listing: &ListingDef,
    limit: Price,
    qty: Qty,
) -> bool {
    let def = market.reference.instrument_of(request.instrument);
    let asset = if request.side == Side::Buy { def.quote } else { def.base };
    let free = market.ledger.funds(listing.venue, asset).available(market.now);
    let fees = market.reference.fees(request.account, listing);
    reserve(def, request.side, limit, qty, fees.locked_ppm()) <= free
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
