//! The child that rests in a venue's book.
//!
//! A line belongs here if it chooses where an order waits.

use super::candidate::Candidate;
use super::{PlannedChild, RouteRequest, RoutingView, on_tick, reaches};
use crate::input::Side;
use crate::number::{PPM, Price, Qty};
use crate::output::{VenueLine, Verdict};
use crate::reference::VENUES_MAX;

/// The venue with the least maker fee, and among equals the one where the price is nearest to the
/// top of the book.
pub(super) fn resting_place(
    market: &RoutingView<'_>,
    request: &RouteRequest,
    limit: Price,
    left: Qty,
    candidates: &[Option<Candidate<'_>>],
    lines: &mut [VenueLine; VENUES_MAX],
) -> Option<PlannedChild> {
    let mut best: Option<((i128, i64), PlannedChild, usize)> = None;
    for c in candidates.iter().flatten() {
        let (price, qty) = match place_at(market, request, limit, left, c) {
            Ok(found) => found,
            Err(verdict) => {
                if c.share.is_zero() {
                    lines[c.line].verdict = verdict;
                }
                continue;
            }
        };
        let fee = i128::from(c.listing.maker_fee.0);
        let (net, to_top) = match request.side {
            Side::Buy => (
                i128::from(limit.0) * (PPM + fee),
                c.book.own(Side::Buy).best().map_or(0, |top| top.price.0.saturating_sub(price.0)),
            ),
            Side::Sell => (
                -(i128::from(limit.0) * (PPM - fee)),
                c.book.own(Side::Sell).best().map_or(0, |top| price.0.saturating_sub(top.price.0)),
            ),
        };
        let key = (net, to_top);
        if best.is_none_or(|(known, _, _)| key < known) {
            best = Some((key, PlannedChild { venue: c.listing.venue, qty, price }, c.line));
        }
    }
    let (_, leg, line) = best?;
    let line = &mut lines[line];
    if line.verdict != Verdict::Taken {
        (line.verdict, line.price) = (Verdict::Rested, leg.price);
    }
    line.qty = Qty(line.qty.0 + leg.qty.0);
    Some(leg)
}

/// Price and quantity that a venue takes of the rest.
fn place_at(
    market: &RoutingView<'_>,
    request: &RouteRequest,
    limit: Price,
    left: Qty,
    c: &Candidate<'_>,
) -> Result<(Price, Qty), Verdict> {
    let price = on_tick(limit, c.listing, request.side);
    if c.own.is_some_and(|own| reaches(price, own, request.side)) {
        return Err(Verdict::OwnOrder);
    }
    if market.room(c.listing.venue) < 1 + u32::from(!c.share.is_zero()) {
        return Err(Verdict::NoRate);
    }
    let carried = if c.carries(price, left) { left } else { c.carried(price) };
    let qty = left.min(carried).floor_to(c.listing.lot).min(c.listing.qty_max);
    let qty = qty.floor_to(c.listing.lot);
    if price.0 > 0 && c.is_enough(price, qty) {
        return Ok((price, qty));
    }
    Err(if carried < left { Verdict::NoFunds } else { Verdict::BelowMinimum })
}
