//! The children that rest by share: at several places, each with a part of what is left.
//!
//! A line belongs here if it shares out what rests. What a place costs, and which one is the best,
//! is `rest`.
//!
//! The places are those with the least cost of waiting. Each gets in proportion to how fast the
//! order is expected to fill there, or the share that the account names for the venue. Lots,
//! minimums and funds are met by the largest remainder. `docs/routing.md` has the rules.

use super::candidate::Candidate;
use super::rest::{Ranked, at_best, ranked};
use super::{PlannedChild, RouteRequest, RoutingView};
use crate::input::{REST_PLACES_MAX, VenuePercents};
use crate::number::{Price, Qty};
use crate::venue_set::VenueSet;

/// That an order rests by share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RestShares {
    /// Places of the order at most.
    pub places: u8,
    /// Children that come to rest at most: what is left of the places, and at least one.
    pub legs: u8,
    /// Venues where children of the order rest.
    pub at: VenueSet,
    /// The shares of the venues, or none.
    pub percents: VenuePercents,
}

/// A place that gets a share.
struct Place<'a, 'b> {
    c: &'b Candidate<'a>,
    price: Price,
    /// What the venue takes at most.
    most: Qty,
    weight: i128,
    qty: Qty,
}

/// The children that rest by share.
pub(super) struct Legs {
    all: [PlannedChild; REST_PLACES_MAX],
    len: usize,
}

impl Legs {
    pub const NONE: Self = Self { all: [PlannedChild::NONE; REST_PLACES_MAX], len: 0 };

    /// The legs.
    pub fn as_slice(&self) -> &[PlannedChild] {
        &self.all[..self.len]
    }

    /// One leg.
    pub fn one(leg: PlannedChild) -> Self {
        let mut legs = Self::NONE;
        legs.push(leg);
        legs
    }

    fn push(&mut self, leg: PlannedChild) {
        if let Some(slot) = self.all.get_mut(self.len) {
            *slot = leg;
            self.len += 1;
        }
    }

    fn qty(&self) -> Qty {
        Qty(self.as_slice().iter().map(|leg| leg.qty.0).sum())
    }
}

/// Shares out what is left. Never rests less than the best place alone would take.
#[inline(never)]
pub(super) fn share(
    market: &RoutingView<'_>,
    request: &RouteRequest,
    shares: &RestShares,
    (limit, left): (Price, Qty),
    candidates: &[Option<Candidate<'_>>],
) -> Legs {
    let Some(best) = at_best(market, request, limit, left, candidates) else {
        return Legs::NONE;
    };
    let mut chosen = choose_places(market, request, shares, (limit, left), candidates);
    let mut places = [const { None }; REST_PLACES_MAX];
    let mut len = 0;
    for one in chosen.iter_mut().filter_map(Option::take) {
        let weight = weight_of(market, request, shares, (limit, left), &one);
        if weight > 0 {
            let (price, most) = (one.leg.price, one.leg.qty);
            places[len] = Some(Place { c: one.c, price, most, weight, qty: Qty::ZERO });
            len += 1;
        }
    }
    let places = &mut places[..len];
    // Ends: each turn but the last leaves out a place.
    loop {
        share_out(places, left);
        let too_little = |p: &Place<'_, '_>| !p.c.beside_share().is_enough(p.price, p.qty);
        let slots = places.iter_mut().rev();
        let short = slots.filter(|slot| slot.as_ref().is_some_and(too_little));
        // The lightest of those whose venue does not take so little; of equal ones the worst place.
        let Some(out) = short.min_by_key(|slot| slot.as_ref().map_or(0, |place| place.weight))
        else {
            break;
        };
        *out = None;
    }
    let mut legs = Legs::NONE;
    for Place { c, price, qty, .. } in places.iter().flatten() {
        let (venue, shown) = (c.listing.venue, Qty::ZERO);
        legs.push(PlannedChild { venue, qty: *qty, price: *price, shown });
    }
    if legs.qty() < best.qty { Legs::one(best) } else { legs }
}

/// The places of the least cost. Venues where the order does not rest go first.
fn choose_places<'a, 'b>(
    market: &RoutingView<'a>,
    request: &RouteRequest,
    shares: &RestShares,
    (limit, left): (Price, Qty),
    candidates: &'b [Option<Candidate<'a>>],
) -> [Option<Ranked<'a, 'b>>; REST_PLACES_MAX] {
    let mut best = [const { None }; REST_PLACES_MAX];
    let named = shares.percents.is_given();
    let most = if named { REST_PLACES_MAX } else { usize::from(shares.places) };
    let most = most.min(REST_PLACES_MAX);
    for one in ranked(market, request, limit, left, candidates) {
        if named && shares.percents.of(one.c.listing.venue) == 0 {
            continue;
        }
        // Among equals the one with the lower id stays first.
        let better =
            |known: &Option<Ranked<'_, '_>>| known.as_ref().is_none_or(|known| one.key < known.key);
        if let Some(at) = best[..most].iter().position(better) {
            best[at..most].rotate_right(1);
            best[at] = Some(one);
        }
    }
    let rests_there = |one: &Ranked<'_, '_>| shares.at.has(one.c.listing.venue);
    if best.iter().flatten().any(|one| !rests_there(one)) {
        for slot in &mut best {
            slot.take_if(|one| rests_there(one));
        }
    }
    let mut legs = 0;
    for slot in &mut best {
        legs += u8::from(slot.is_some());
        if legs > shares.legs {
            *slot = None;
        }
    }
    best
}

/// What a place counts: the share that the account names, or how much of the order is expected to
/// fill in about a minute.
fn weight_of(
    market: &RoutingView<'_>,
    request: &RouteRequest,
    shares: &RestShares,
    (limit, left): (Price, Qty),
    one: &Ranked<'_, '_>,
) -> i128 {
    if shares.percents.is_given() {
        return i128::from(shares.percents.of(one.c.listing.venue));
    }
    one.filled_ppb(market, request, limit, left)
}

/// Gives each place its part of a quantity, in whole lots and within what its venue takes.
fn share_out(places: &mut [Option<Place<'_, '_>>], left: Qty) {
    let mut open = left;
    let mut capped = [false; REST_PLACES_MAX];
    // Ends: each turn but the last finds a place that takes no more.
    loop {
        let weights = open_places(places, &capped).map(|(_, place)| place.weight);
        let all: i128 = weights.sum();
        let full = open_places(places, &capped)
            .find(|(_, place)| i128::from(open.0) * place.weight > i128::from(place.most.0) * all);
        let Some((at, most)) = full.map(|(at, place)| (at, place.most)) else {
            return by_largest_remainder(places, capped, open, all);
        };
        capped[at] = true;
        open = open.saturating_sub(most);
        if let Some(place) = &mut places[at] {
            place.qty = most;
        }
    }
}

fn open_places<'p, 'a, 'b>(
    places: &'p [Option<Place<'a, 'b>>],
    capped: &'p [bool; REST_PLACES_MAX],
) -> impl Iterator<Item = (usize, &'p Place<'a, 'b>)> {
    let all = places.iter().enumerate().filter(|(at, _)| !capped[*at]);
    all.filter_map(|(at, place)| Some((at, place.as_ref()?)))
}

/// Shares a quantity by weight, rounded down to lots. What is over goes lot by lot to the places
/// that are furthest below their share.
fn by_largest_remainder(
    places: &mut [Option<Place<'_, '_>>],
    capped: [bool; REST_PLACES_MAX],
    qty: Qty,
    all: i128,
) {
    let mut over = qty;
    let mut short = [0; REST_PLACES_MAX];
    for (at, slot) in places.iter_mut().enumerate().filter(|(at, _)| !capped[*at]) {
        let Some(place) = slot else { continue };
        let ideal = i128::from(qty.0) * place.weight;
        let whole = i64::try_from(ideal / all.max(1)).unwrap_or(i64::MAX);
        place.qty = Qty(whole).floor_to(place.c.listing.lot);
        short[at] = ideal - i128::from(place.qty.0) * all;
        over = over.saturating_sub(place.qty);
    }
    // At first each place gets one lot at most, then what it takes.
    for lots_max in [1, i64::MAX] {
        let mut done = capped;
        // Ends: each turn is done with a place.
        for _ in 0..places.len() {
            let next =
                open_places(places, &done).max_by_key(|(at, _)| (short[*at], usize::MAX - at));
            let Some(at) = next.map(|(at, _)| at) else { break };
            done[at] = true;
            let Some(place) = &mut places[at] else { continue };
            let lot = place.c.listing.lot;
            let most = over.min(place.most.saturating_sub(place.qty));
            let more = most.floor_to(lot).min(Qty(lot.0.saturating_mul(lots_max)));
            place.qty = Qty(place.qty.0 + more.0);
            over = over.saturating_sub(more);
        }
    }
}
