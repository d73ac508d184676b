//! The child that rests in a venue's book.
//!
//! A line belongs here if it chooses where an order waits.

use core::cmp::Reverse;

use super::candidate::Candidate;
use super::reasons::Causes;
use super::{PlannedChild, RouteRequest, RoutingView, post, reaches};
use crate::input::Side;
use crate::number::{PPM, Price, Qty};
use crate::output::{VenueLine, Verdict};
use crate::reference::VENUES_MAX;
use crate::strategy::Posting;

/// The child that rests, and what it says of the venues. `kept` gets the causes that keep venues
/// that have a child already from taking what is left.
pub(super) fn resting_place(
    market: &RoutingView<'_>,
    request: &RouteRequest,
    limit: Price,
    left: Qty,
    candidates: &[Option<Candidate<'_>>],
    lines: &mut [VenueLine; VENUES_MAX],
    kept: &mut Causes,
) -> Option<PlannedChild> {
    for c in candidates.iter().flatten() {
        match place_at(market, request, limit, left, c) {
            Err(verdict) if c.share.is_zero() => lines[c.line].verdict = verdict,
            Err(verdict) => kept.note(verdict),
            Ok(_) => {}
        }
    }
    let leg = choose(market, request, limit, left, candidates)?;
    let line = &mut lines[leg.venue.index()];
    if line.verdict != Verdict::Taken {
        (line.verdict, line.price) = (Verdict::Rested, leg.price);
    }
    line.qty = Qty(line.qty.0 + leg.qty.0);
    Some(leg)
}

/// In score mode the venue with the highest score. Otherwise the one with the least maker fee; among equals the one where the price is nearest to the top
/// of the book, and an empty book last.
pub(super) fn choose(
    market: &RoutingView<'_>,
    request: &RouteRequest,
    limit: Price,
    left: Qty,
    candidates: &[Option<Candidate<'_>>],
) -> Option<PlannedChild> {
    let places = candidates.iter().flatten().filter_map(|c| {
        let (price, qty) = place_at(market, request, limit, left, c).ok()?;
        let fee = i128::from(c.listing.maker_fee.0);
        let top = c.book.own(request.side).best().map(|level| level.price);
        let (net, behind) = match request.side {
            Side::Buy => {
                let behind = top.map(|top| top.0.saturating_sub(price.0));
                (i128::from(limit.0) * (PPM + fee), behind)
            }
            Side::Sell => {
                let behind = top.map(|top| price.0.saturating_sub(top.0));
                (-(i128::from(limit.0) * (PPM - fee)), behind)
            }
        };
        // A price before the top is at the top; then the book that is nearest is the narrowest.
        let to_top = behind.map(|behind| (behind.max(0), behind.saturating_abs()));
        let key = (Reverse(c.score), net, to_top.is_none(), to_top);
        Some((key, PlannedChild { venue: c.listing.venue, qty, price, shown: Qty::ZERO }))
    });
    places.min_by_key(|(key, _)| *key).map(|(_, leg)| leg)
}

/// Price and quantity that a venue takes of the rest.
fn place_at(
    market: &RoutingView<'_>,
    request: &RouteRequest,
    limit: Price,
    left: Qty,
    c: &Candidate<'_>,
) -> Result<(Price, Qty), Verdict> {
    let c = &c.beside_share();
    let price = c.listing.ticks.within(limit, request.side);
    if c.own.is_some_and(|own| reaches(price, own, request.side)) {
        return Err(Verdict::OwnOrder);
    }
    if request.posting != Posting::No && post::would_take(c, price, request.side) {
        return Err(Verdict::WouldTake);
    }
    if market.room(c.listing.venue, request.instrument) < 1 + u32::from(!c.share.is_zero()) {
        return Err(Verdict::NoRate);
    }
    let wanted = left.min(c.listing.qty_max).floor_to(c.listing.lot);
    if price.0 <= 0 || !c.is_enough(price, wanted) {
        return Err(Verdict::BelowMinimum);
    }
    let carried = if c.carries(price, wanted) { wanted } else { c.carried(price) };
    let qty = wanted.min(carried).floor_to(c.listing.lot);
    if c.is_enough(price, qty) { Ok((price, qty)) } else { Err(Verdict::NoFunds) }
}
