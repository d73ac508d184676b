//! Score mode: the venue with the highest score gets what it takes, the next one the rest.
//!
//! A line belongs here if it gives a venue points, or shares a quantity out by them. What one venue
//! can take is `exact`'s.

use core::cmp::Reverse;

use super::candidate::Candidate;
use super::exact::Scratch;
use super::{RouteRequest, RoutingView, Search, left_of, share_out};
use crate::behaviour::Measured;
use crate::input::ScoreWeights;
use crate::number::{PPM, Price, Qty};
use crate::output::{VenueLine, Verdict};
use crate::reference::VENUES_MAX;

/// Points of a venue that is the best in something: hundredths of a per cent.
pub const POINTS_MAX: u16 = 10_000;

/// A venue whose all-in price is worse than the best one by this has no points for its price, in
/// parts per million.
pub const PRICE_SPAN_PPM: i128 = 1_000;

/// A venue that is expected to answer after this has no points for its latency, in microseconds.
pub const LATENCY_SPAN_US: u64 = 1_000_000;

/// Gives each candidate its score, and tells it in the venue's line.
#[inline(never)]
pub(super) fn give_points(
    market: &RoutingView<'_>,
    request: &RouteRequest,
    weights: ScoreWeights,
    candidates: &mut [Option<Candidate<'_>>],
    lines: &mut [VenueLine; VENUES_MAX],
) {
    let limit = request.worst;
    let price_of = |c: &Candidate<'_>| Some(c.unit_all_in(c.available(limit).next()?.price));
    let best = candidates.iter().flatten().filter_map(price_of).min();
    for c in candidates.iter_mut().flatten() {
        let known = market.venues[c.listing.venue.index()].behaviour.measured();
        let known = if known.is_known(market.now) { *known } else { Measured::default() };
        let points = [
            (weights.price, price_points(best, price_of(c))),
            (weights.latency, down_from_max(known.expected_us(), LATENCY_SPAN_US)),
            (weights.reliability, reliability_points(known.rejects_ppm, known.faded_ppm)),
            (weights.liquidity, liquidity_points(c, limit, request.qty)),
        ];
        let sum: u32 = points.iter().map(|(weight, points)| u32::from(*weight) * points).sum();
        c.score = (sum / 100).min(u32::from(POINTS_MAX)) as u16;
        lines[c.line].score = Some(c.score);
    }
}

/// All points at the best price, none at [`PRICE_SPAN_PPM`] from it or without a price.
fn price_points(best: Option<i128>, price: Option<i128>) -> u32 {
    let (Some(best), Some(price)) = (best, price) else { return 0 };
    // The lost points, rounded down once: a hundredth of a point is a tenth of a millionth.
    let behind = price.saturating_sub(best).saturating_mul(PPM * i128::from(POINTS_MAX));
    let span = best.saturating_abs().max(1).saturating_mul(PRICE_SPAN_PPM);
    u32::from(POINTS_MAX) - (behind / span).min(i128::from(POINTS_MAX)) as u32
}

fn reliability_points(rejects_ppm: u32, faded_ppm: u32) -> u32 {
    down_from_max(u64::from(rejects_ppm) + u64::from(faded_ppm), PPM as u64)
}

/// All points for a venue that shows the whole quantity within the limit.
fn liquidity_points(c: &Candidate<'_>, limit: Price, qty: Qty) -> u32 {
    let mut shown = 0_i64;
    for level in c.available(limit) {
        shown = shown.saturating_add(level.qty.0);
        if shown >= qty.0 {
            return u32::from(POINTS_MAX);
        }
    }
    (i128::from(shown) * i128::from(POINTS_MAX) / i128::from(qty.0.max(1))) as u32
}

/// All points at zero, none at `span` and beyond.
fn down_from_max(value: u64, span: u64) -> u32 {
    let lost = u128::from(value.min(span)) * u128::from(POINTS_MAX) / u128::from(span);
    u32::from(POINTS_MAX) - lost as u32
}

/// Gives each candidate what it takes of the quantity, in the order of the scores. Of equal scores
/// the one with the better effective price is first, then the one with the lower id.
#[inline(never)]
pub(super) fn share_by_score(
    request: &RouteRequest,
    candidates: &mut [Option<Candidate<'_>>],
    scratch: &mut Scratch,
) -> Search {
    let (limit, mut search) = (request.worst, Search::default());
    let mut done = [false; VENUES_MAX];
    // Ends: each turn is done with a candidate.
    for _ in 0..candidates.len() {
        let qty = left_of(request, candidates);
        if qty.is_zero() {
            break;
        }
        let open = candidates.iter().enumerate().filter(|(at, _)| !done[*at]);
        let open = open.filter_map(|(at, c)| Some((at, c.as_ref()?)));
        let Some((at, _)) = open.min_by_key(|(_, c)| rank(c)) else { break };
        done[at] = true;
        let part = RouteRequest { qty, ..*request };
        search.add(share_out(&part, limit, &mut candidates[at..=at], scratch));
    }
    search
}

/// Less is better.
pub(super) fn rank(c: &Candidate<'_>) -> (Reverse<u16>, i128) {
    (Reverse(c.score), c.best.map_or(i128::MAX, |best| c.unit_cost(best)))
}

/// Tells the venues that get nothing because others have higher scores.
pub(super) fn lower_scores(
    candidates: &[Option<Candidate<'_>>],
    lines: &mut [VenueLine; VENUES_MAX],
) {
    for c in candidates.iter().flatten().filter(|c| c.share.is_zero()) {
        let line = &mut lines[c.line];
        if line.verdict == Verdict::WorsePrice {
            line.verdict = Verdict::LowerScore;
        }
    }
}
