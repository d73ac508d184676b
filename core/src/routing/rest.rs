//! The child that rests in a venue's book.
//!
//! A line belongs here if it chooses where an order waits.
//!
//! A venue's cost of waiting is its maker fee, and what is lost while the order is not filled
//! there: the way from the order's limit to the other side of that book, by the share of the order
//! that is not filled in about a minute. That share follows from the quantity that stands before
//! the order and from the quantity that trades there lately. `docs/routing.md` has the rules.

use core::cmp::Reverse;

use super::candidate::Candidate;
use super::eligible::usable;
use super::shares;
use super::{Plan, PlannedChild, RouteRequest, RoutingView, reaches};
use crate::book::Book;
use crate::id::VenueId;
use crate::input::Side;
use crate::number::{FeePpm, Price, Qty, UnixNanos};
use crate::output::Verdict;
use crate::strategy::Posting;

/// Billionths in one.
const PPB: i128 = 1_000_000_000;

/// Billionths in a millionth.
const PPB_PER_PPM: i64 = 1_000;

/// What an order that is not filled loses at most, in billionths of its limit: half a percent.
pub const UNFILLED_PPB_MAX: i64 = 5_000_000;

/// Adds to the plan what rests of a quantity, and what that says of the venues: also the causes
/// that keep venues that have a child already from taking what is left. Returns the quantity that
/// has no place.
pub(super) fn rest(
    market: &RoutingView<'_>,
    request: &RouteRequest,
    (limit, left): (Price, Qty),
    candidates: &[Option<Candidate<'_>>],
    plan: &mut Plan,
) -> Qty {
    for c in candidates.iter().flatten() {
        match place_at(market, request, limit, left, c) {
            Err(verdict) if c.share.is_zero() => plan.lines[c.line].verdict = verdict,
            Err(verdict) => plan.kept.note(verdict),
            Ok(_) => {}
        }
    }
    let Some(by_share) = &request.rest_shares else {
        let leg = at_best(market, request, limit, left, candidates);
        return leg.map_or(left, |leg| plan.rest(&[leg], left));
    };
    let legs = shares::share(market, request, by_share, (limit, left), candidates);
    plan.rest(legs.as_slice(), left)
}

/// A place to wait of a candidate. The least key is the best place.
pub(super) struct Ranked<'a, 'b> {
    pub key: Key,
    pub c: &'b Candidate<'a>,
    /// The child that would carry as much as the venue takes.
    pub leg: PlannedChild,
}

/// Score, cost of waiting, whether the book is empty, and how far the top of the book is away.
type Key = (Reverse<u16>, i64, bool, Option<(i64, i64)>);

impl Ranked<'_, '_> {
    /// How much of a quantity is expected to fill here in about a minute, in billionths.
    pub fn filled_ppb(
        &self,
        market: &RoutingView<'_>,
        request: &RouteRequest,
        limit: Price,
        qty: Qty,
    ) -> i128 {
        let c = self.c;
        let place = Place { fee: c.fees.maker, book: c.book, side: request.side, limit };
        let (better, same) = c.book.ahead(request.side, self.leg.price);
        let (behind, all) = place.behind_of_all([better, same, qty], market.now);
        if all == 0 { 0 } else { (all - behind) * PPB / all }
    }
}

/// The best place alone: in score mode the venue with the highest score; otherwise the one with the
/// least cost of waiting. Among equals the one where the price is nearest to the top of the book,
/// and an empty book last.
pub(super) fn at_best(
    market: &RoutingView<'_>,
    request: &RouteRequest,
    limit: Price,
    left: Qty,
    candidates: &[Option<Candidate<'_>>],
) -> Option<PlannedChild> {
    let places = ranked(market, request, limit, left, candidates);
    places.min_by_key(|one| one.key).map(|one| one.leg)
}

/// The places where a quantity may wait.
pub(super) fn ranked<'a, 'b>(
    market: &RoutingView<'_>,
    request: &RouteRequest,
    limit: Price,
    left: Qty,
    candidates: &'b [Option<Candidate<'a>>],
) -> impl Iterator<Item = Ranked<'a, 'b>> {
    candidates.iter().flatten().filter_map(move |c| {
        let (price, qty) = place_at(market, request, limit, left, c).ok()?;
        let top = c.book.own(request.side).best().map(|level| level.price);
        let behind = top.map(|top| match request.side {
            Side::Buy => top.0.saturating_sub(price.0),
            Side::Sell => price.0.saturating_sub(top.0),
        });
        // A price before the top is at the top; then the book that is nearest is the narrowest.
        let to_top = behind.map(|behind| (behind.max(0), behind.saturating_abs()));
        let place = Place { fee: c.fees.maker, book: c.book, side: request.side, limit };
        let (better, same) = c.book.ahead(request.side, price);
        let behaviour = behaviour_ppb(market, request, c.listing.venue);
        let cost = place.cost(c.best, [better, same, left], market.now).saturating_add(behaviour);
        let key = (Reverse(c.score), cost, to_top.is_none(), to_top);
        let leg = PlannedChild { venue: c.listing.venue, qty, price, shown: Qty::ZERO };
        Some(Ranked { key, c, leg })
    })
}

/// What it costs to wait with a child at a venue, in billionths of the limit; less than zero for a
/// rebate. `ahead` is the quantity at the child's price that stands before it; `None`: all of it,
/// as for a new order. `None` is returned where the book cannot be used.
pub fn cost_of_waiting(
    market: &RoutingView<'_>,
    request: &RouteRequest,
    child: &PlannedChild,
    ahead: Option<Qty>,
) -> Option<i64> {
    let (listing, book) = usable(market, request.instrument, child.venue).ok()?;
    let (side, limit, price) = (request.side, request.worst, child.price);
    let (better, same) = book.ahead(side, price);
    let opposite = book.opposite(side).best().map(|level| level.price);
    let fee = market.reference.fees(request.account, listing).maker;
    let place = Place { fee, book, side, limit };
    let behind = [better, ahead.unwrap_or(same), child.qty];
    let behaviour = behaviour_ppb(market, request, child.venue);
    Some(place.cost(opposite, behind, market.now).saturating_add(behaviour))
}

/// What a venue's behaviour is expected to cost, in billionths of the limit.
fn behaviour_ppb(market: &RoutingView<'_>, request: &RouteRequest, venue: VenueId) -> i64 {
    let known = market.venues[venue.index()].behaviour.measured();
    i64::from(known.cost_ppm(market.now, &request.costs)) * PPB_PER_PPM
}

/// The quantity that rests at a venue at a price, if its book can be used.
pub fn joined_at(
    market: &RoutingView<'_>,
    request: &RouteRequest,
    venue: VenueId,
    price: Price,
) -> Option<Qty> {
    let (_, book) = usable(market, request.instrument, venue).ok()?;
    Some(book.ahead(request.side, price).1)
}

/// A place to wait.
struct Place<'a> {
    /// The maker fee.
    fee: FeePpm,
    book: &'a Book,
    side: Side,
    limit: Price,
}

impl Place<'_> {
    /// The cost of waiting, where `opposite` is the best price on the other side, and `behind` are
    /// the quantities that trade before the order is filled: at better prices, at its own, and the
    /// order itself.
    fn cost(&self, opposite: Option<Price>, behind: [Qty; 3], now: UnixNanos) -> i64 {
        let (behind, all) = self.behind_of_all(behind, now);
        let lost = i128::from(self.lost_unfilled(opposite));
        let unfilled = if all == 0 { lost } else { lost * behind / all };
        let fee = i64::from(self.fee.0) * PPB_PER_PPM;
        fee.saturating_add(i64::try_from(unfilled).unwrap_or(UNFILLED_PPB_MAX))
    }

    /// What trades before an order is filled, and that with what trades lately.
    fn behind_of_all(&self, behind: [Qty; 3], now: UnixNanos) -> (i128, i128) {
        let [_, _, own] = behind;
        // Without word of any trade, as much as the order; nothing where nobody waits.
        let unknown = if self.book.own(self.side).is_empty() { Qty::ZERO } else { own };
        let traded = self.book.traded(self.side).lately(now).unwrap_or(unknown);
        let behind = behind.iter().fold(0, |sum, qty| sum + i128::from(qty.0.max(0)));
        (behind, behind + i128::from(traded.0.max(0)))
    }

    /// What is lost where the order is not filled: the way from its limit to the other side of the
    /// book, in billionths of the limit.
    fn lost_unfilled(&self, opposite: Option<Price>) -> i64 {
        let Some(opposite) = opposite else { return UNFILLED_PPB_MAX };
        let limit = i128::from(self.limit.0.max(1));
        let way = match self.side {
            Side::Buy => i128::from(opposite.0) - limit,
            Side::Sell => limit - i128::from(opposite.0),
        };
        let lost = (way.max(0) * PPB / limit).min(i128::from(UNFILLED_PPB_MAX));
        i64::try_from(lost).unwrap_or(UNFILLED_PPB_MAX)
    }
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
    if request.posting != Posting::No && c.would_take(price) {
        return Err(Verdict::WouldTake);
    }
    if market.is_full_of_rests(c.listing.venue, request.instrument) {
        return Err(Verdict::Busy);
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
