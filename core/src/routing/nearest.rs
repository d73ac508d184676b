//! The plan that needs the nearest venues alone: a sweep that opens a venue's book only when the
//! sweep gets as far as the venue's best level.
//!
//! A line belongs here if it decides that no further venue can matter. The sweep takes the cheapest
//! level of all, so a venue whose best level costs more than everything taken gets nothing,
//! whatever its state. Where the venues that were opened fill the whole quantity and take their
//! shares, this is the plan that all venues would give. Otherwise nothing is decided here.

use super::candidate::Candidate;
use super::{Plan, RouteRequest, RoutingView, Wants, eligible, with_slack, within};
use crate::id::VenueId;
use crate::input::TimeInForce;
use crate::number::{Price, Qty};
use crate::reference::VENUES_MAX;
use crate::strategy::Posting;
use crate::touches::Touch;
use crate::venue_set::VenueSet;

/// Memory of such a plan, made once.
#[derive(Debug)]
pub(super) struct Memory {
    candidates: Vec<Candidate<'static>>,
    places: Vec<Place>,
}

impl Default for Memory {
    fn default() -> Self {
        let (candidates, places) = (Vec::with_capacity(VENUES_MAX), Vec::with_capacity(VENUES_MAX));
        Self { candidates, places }
    }
}

/// An empty vector in the memory of another one, for candidates that borrow from another market.
/// The standard library collects in place; `core/tests/scenarios/no_allocation.rs` would tell if it
/// did not.
#[inline]
fn emptied<'a>(mut candidates: Vec<Candidate<'_>>) -> Vec<Candidate<'a>> {
    candidates.clear();
    candidates.into_iter().map_while(|_| None).collect()
}

/// The opened venues.
struct Opened<'a, 'b> {
    candidates: Vec<Candidate<'a>>,
    /// The venues, lowest id first: it takes first among equal costs.
    places: &'b mut Vec<Place>,
}

/// Where the sweep stands at an opened venue.
#[derive(Clone, Copy, Debug)]
struct Place {
    /// Cost of the next level; `i128::MAX` for none.
    cost: i128,
    venue: VenueId,
    /// Place of the candidate.
    at: u8,
}

impl<'a> Opened<'a, '_> {
    /// Opens a venue if the order may go there.
    fn open(&mut self, market: &RoutingView<'a>, request: &RouteRequest, touch: &Touch) {
        let Ok(found) = eligible::eligible(market, request, touch.venue) else { return };
        let mut c = Candidate::new(market, request, found, 0);
        c.settle(request.worst);
        let at = self.candidates.len() as u8;
        let opened = Place { cost: c.next_cost, venue: touch.venue, at };
        self.candidates.push(c);
        let before = self.places.partition_point(|known| known.venue.0 < touch.venue.0);
        self.places.insert(before, opened);
    }

    /// The cheapest next level, with the index of its place; the lowest venue of equals.
    #[inline]
    fn cheapest(&self) -> (i128, usize) {
        let mut cheapest = (i128::MAX, 0);
        for (index, place) in self.places.iter().enumerate() {
            if place.cost < cheapest.0 {
                cheapest = (place.cost, index);
            }
        }
        cheapest
    }

    /// Takes at most `most` of the next level of a place. Returns the quantity taken.
    fn take_next(&mut self, index: usize, limit: Price, most: Qty) -> Qty {
        let place = &mut self.places[index];
        let c = &mut self.candidates[usize::from(place.at)];
        let taken = c.take_next(limit, most);
        place.cost = c.next_cost;
        taken
    }

    /// The venues with a share, lowest id first.
    fn taking(&self) -> impl Iterator<Item = &Candidate<'a>> {
        let candidates = self.places.iter().map(|place| &self.candidates[usize::from(place.at)]);
        candidates.filter(|c| !c.share.is_zero())
    }
}

/// Whether a request is for a plain sweep over all venues.
fn is_plain(request: &RouteRequest) -> bool {
    request.tif != TimeInForce::Fok
        && request.posting == Posting::No
        && request.score.is_none()
        && request.backup == VenueSet::EMPTY
        && !request.qty.is_zero()
        && request.min_fill <= request.qty
}

/// Makes the plan if the nearest venues are enough for it. False if they are not; then there is no
/// plan.
pub(super) fn plan(
    market: &RoutingView<'_>,
    request: &RouteRequest,
    touches: &[Touch],
    plan: &mut Plan,
    memory: &mut Memory,
) -> bool {
    // The touches stand in the order of the fees that hold for all others.
    if !is_plain(request) || market.reference.has_own_fees(request.account) {
        return false;
    }
    let candidates = emptied(core::mem::take(&mut memory.candidates));
    memory.places.clear();
    let mut opened = Opened { candidates, places: &mut memory.places };
    let is_whole =
        fill(market, request, touches, &mut opened) && opened.taking().all(Candidate::takes_swept);
    if is_whole {
        plan.begin(Wants::Any);
        for c in opened.taking() {
            plan.push(c, with_slack(request, request.worst, c));
        }
    }
    memory.candidates = emptied(opened.candidates);
    is_whole
}

/// Gives the opened venues their shares, and opens venues as far as they are needed. False if that
/// is not the whole quantity.
fn fill<'a>(
    market: &RoutingView<'a>,
    request: &RouteRequest,
    mut touches: &[Touch],
    opened: &mut Opened<'a, '_>,
) -> bool {
    let (limit, mut left) = (request.worst, request.qty);
    // Ends: each turn passes a venue or a level, or ends a venue's levels.
    while !left.is_zero() {
        let (cheapest, index) = opened.cheapest();
        if let [touch, rest @ ..] = touches
            && touch.cost <= cheapest
        {
            touches = rest;
            if within(limit, touch.price, request.side) {
                opened.open(market, request, touch);
            }
            continue;
        }
        if cheapest == i128::MAX {
            return false;
        }
        left = left.saturating_sub(opened.take_next(index, limit, left));
    }
    true
}
