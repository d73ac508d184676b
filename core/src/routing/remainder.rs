//! What whole lots and smallest orders leave over.
//!
//! A line belongs here if it moves quantity between the shares of a sweep, so that no remainder
//! stays which no venue takes.

use super::{Candidate, RouteRequest, RoutingView, is_enough, within};
use crate::id::VenueId;
use crate::input::InstrumentDef;
use crate::number::{Price, Qty};

/// What whole lots and smallest orders leave over goes to one venue more, or to one that has a
/// share already; if that takes more than is left, another venue gives up so much of its share.
/// Otherwise a remainder would stay that no venue takes.
pub(super) fn settle(
    market: &RoutingView<'_>,
    request: &RouteRequest,
    limit: Price,
    candidates: &mut [Option<Candidate<'_>>],
) {
    let def = market.reference.instrument_of(request.instrument);
    let taken: i64 = candidates.iter().flatten().map(|c| c.taken.0).sum();
    let left = request.qty.saturating_sub(Qty(taken));
    if left.is_zero() || raise(request, limit, def, candidates, left) {
        return;
    }
    if taken > 0 && request.tif.waits() {
        keep_viable(market, request, limit, candidates, left);
    }
}

/// Gives what is left to a venue that can take it; true if one does.
fn raise(
    request: &RouteRequest,
    limit: Price,
    def: &InstrumentDef,
    candidates: &mut [Option<Candidate<'_>>],
    left: Qty,
) -> bool {
    // The least that another must give, then the first venue.
    let mut best: Option<(Qty, usize, Option<usize>, Qty, Price)> = None;
    for (at, slot) in candidates.iter().enumerate() {
        let Some(taker) = slot else { continue };
        let Some((share, price)) = raised_share(request, limit, def, taker, left) else { continue };
        let given = Qty(share.0 - taker.taken.0 - left.0);
        let giver = giver(def, candidates, at, given);
        let possible = given.is_zero() || giver.is_some();
        if possible && best.is_none_or(|(least, ..)| given < least) {
            best = Some((given, at, giver, share, price));
        }
    }
    let Some((given, at, giver, share, price)) = best else { return false };
    if let Some(giver) = giver.and_then(|other| candidates[other].as_mut()) {
        giver.taken = giver.taken.saturating_sub(given);
    }
    if let Some(taker) = &mut candidates[at] {
        (taker.taken, taker.worst) = (share, price);
    }
    true
}

/// Where no venue can take what is left now, so much more stays back that one can take it later:
/// the venue with the fine lot may be down, busy or empty for the moment.
fn keep_viable(
    market: &RoutingView<'_>,
    request: &RouteRequest,
    limit: Price,
    candidates: &mut [Option<Candidate<'_>>],
    left: Qty,
) {
    let def = market.reference.instrument_of(request.instrument);
    let barred = request.avoided.union(request.excluded);
    let listings = (0..market.reference.venues.len())
        .map(|index| VenueId(index as u8))
        .filter(|venue| !barred.has(*venue))
        .filter_map(|venue| market.reference.listing(request.instrument, venue))
        .filter(|listing| listing.enabled);
    let mut least: Option<Qty> = None;
    for listing in listings {
        // Enough in quantity; the value is looked at below.
        let enough = left.max(listing.qty_min);
        if left.floor_to(listing.lot) == left && is_enough(def, listing, enough, limit) {
            least = Some(least.map_or(enough, |least: Qty| least.min(enough)));
        }
    }
    let Some(more) = least.map(|least| least.saturating_sub(left)).filter(|m| !m.is_zero()) else {
        return;
    };
    for c in candidates.iter_mut().flatten() {
        let lot = c.listing.lot.0;
        let Some(back) = more.0.checked_add(lot - 1).map(|q| Qty(q / lot * lot)) else { continue };
        let rest = c.taken.saturating_sub(back);
        if rest.is_zero() || is_enough(def, c.listing, rest, c.worst) {
            c.taken = rest;
            return;
        }
    }
}

/// A venue other than `taker` that can do with so much less, or without any.
fn giver(
    def: &InstrumentDef,
    candidates: &[Option<Candidate<'_>>],
    taker: usize,
    given: Qty,
) -> Option<usize> {
    if given.is_zero() {
        return None;
    }
    candidates.iter().enumerate().find_map(|(at, slot)| {
        let c = slot.as_ref().filter(|c| at != taker && c.taken >= given)?;
        let rest = c.taken.saturating_sub(given);
        let whole = rest.floor_to(c.listing.lot) == rest;
        let fits = rest.is_zero() || whole && is_enough(def, c.listing, rest, c.worst);
        fits.then_some(at)
    })
}

/// The smallest share that holds `left` on top of what the candidate has and that its venue takes,
/// with its worst price; `None` when book or funds do not hold it.
fn raised_share(
    request: &RouteRequest,
    limit: Price,
    def: &InstrumentDef,
    c: &Candidate<'_>,
    left: Qty,
) -> Option<(Qty, Price)> {
    let listing = c.listing;
    let up = |qty: i64| qty.checked_add(listing.lot.0 - 1).map(|q| Qty(q).floor_to(listing.lot));
    let share = up(c.taken.0.checked_add(left.0)?.max(listing.qty_min.0))?;
    let mut held = Qty::ZERO;
    let mut worst = None;
    for level in c.levels.iter().take_while(|l| within(limit, l.price, request.side)) {
        held = Qty(held.0.checked_add(level.qty.0)?);
        if held.saturating_sub(c.gone) >= share {
            worst = Some(level.price);
            break;
        }
    }
    let worst = worst?;
    let more = share.saturating_sub(c.taken);
    let fits = share <= listing.qty_max
        && is_enough(def, listing, share, worst)
        && c.affordable(request.side, worst, more) == more;
    fits.then_some((share, worst))
}
