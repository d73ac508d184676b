//! Where an order goes: the cheapest shares over the trusted books of the venues that are up, and
//! the best venue for the child that rests.
//!
//! A line belongs here if it compares venues. Nothing here changes state: a plan is made from
//! reference data, books and funds, and `engine::place` carries it out.
//!
//! A plan fills as much as can be filled, and does so at the least all-in cost: `sweep` where no
//! lot, minimum, maximum or funds bind, `exact` where they do. `docs/routing.md` has the rules.
//!
//! Quantity that our own children have taken since a book last changed, or are about to take, does
//! not count as liquidity. What a venue's behaviour is expected to cost is part of its price: the
//! effective cost of a share is price, fee and cost of behaviour.

use crate::behaviour::Behaviour;
use crate::breaker::{Breaker, Pause, RequestKind};
use crate::budget::Budget;
use crate::engine::STRAYS_MAX;
use crate::id::{AccountId, ChildId, InstrumentId, VenueId};
use crate::input::{BehaviourCosts, REST_PLACES_MAX, ScoreWeights, Side, TimeInForce};
use crate::ledger::Ledger;
use crate::listed::Books;
use crate::number::{Notional, PPM, Price, Qty, UnixNanos};
use crate::output::{VenueLine, Verdict};
use crate::reference::{Reference, VENUES_MAX};
use crate::strategy::Posting;
use crate::touches::Touch;
use crate::venue_set::VenueSet;

mod bridge;
mod candidate;
mod eligible;
mod exact;
mod fit;
mod ladder;
mod nearest;
mod post;
mod reasons;
mod relaxed;
mod remainder;
mod rest;
mod score;
mod share;
mod shares;
mod split;
mod sweep;
mod tiers;
mod whole;

pub use bridge::{BridgeAsk, BridgePlan, net_price};
pub(crate) use bridge::{conversion_request, counted_price, decimals_of, fee_on_top, why_not};
use candidate::Candidate;
pub(crate) use candidate::least_cost;
pub use candidate::{ALL_IN_DECIMALS, all_in, effective};
pub use eligible::{best_price, is_full, room_comes_at, takes_orders};
use exact::Scratch;
pub use exact::{LOOKS_MAX, NODES_MAX, WORK_MAX};
pub use fit::{FIT_ROUNDS_MAX, FITS_MAX, TOP_UPS_MAX, WINDOW_MAX};
pub use post::Posted;
use reasons::Causes;
pub(crate) use reasons::may_go;
pub use rest::{UNFILLED_PPB_MAX, cost_of_waiting, joined_at};
pub use score::{LATENCY_SPAN_US, POINTS_MAX, PRICE_SPAN_PPM};
pub use shares::RestShares;

/// The state of a venue beside its books.
#[derive(Clone, Debug, Default)]
pub struct VenueState {
    /// The venue is logged on and reconciled.
    pub up: bool,
    /// When the venue's feed last sent anything.
    pub feed_alive_at: UnixNanos,
    /// Requests sent to the venue, and what is left of its limits.
    pub budget: Budget,
    /// Children that the venue has not answered.
    pub unanswered: u32,
    /// The venue's circuit breakers, in the order of [`RequestKind::ALL`].
    pub breakers: [Breaker; RequestKind::ALL.len()],
    /// How the venue has behaved.
    pub behaviour: Behaviour,
    /// Children that have ended, that the venue has open all the same, and whose cancels are not
    /// sent yet; zero for none.
    pub strays: [ChildId; STRAYS_MAX],
    /// When cancels are tried again that have found no room in the budget; zero for none.
    pub cancels_due: UnixNanos,
    /// When a broken protocol of the feed was last counted as a failure; zero for never.
    pub protocol_broken_at: UnixNanos,
    /// New orders are paused: the venue has said that its rate limit is exceeded, or its sender
    /// could not send an order.
    pub paused: Pause,
    /// The venue wants no cancel before this time; zero if it has named none.
    pub cancels_from: UnixNanos,
    /// First in the list of the venue's living children; zero for none.
    pub first_child: ChildId,
    /// Last in that list; zero for none.
    pub last_child: ChildId,
}

impl VenueState {
    /// Why the venue gets no new order, if its own answers are the reason.
    #[inline]
    fn refuses(&self, now: UnixNanos) -> Option<Verdict> {
        if self.breakers.iter().any(Breaker::is_shut) {
            Some(Verdict::BreakerOpen)
        } else {
            self.paused.is_on(now).then_some(Verdict::Paused)
        }
    }

    /// Whether the venue's feed has failed too often, and its books have not been proved since.
    #[inline]
    fn distrusts_feed(&self) -> bool {
        self.breakers[RequestKind::Data as usize - 1].is_shut()
    }

    /// Orders that the venue may leave unanswered. After a breaker or a pause it gets one at a
    /// time, until it has taken one.
    #[inline]
    pub(crate) fn unanswered_max(&self, usual: u32) -> u32 {
        let on_trial = self.breakers[0].is_on_trial() || self.paused.is_unproved();
        if on_trial { 1 } else { usual }
    }
}

/// A read-only view of everything that a plan is made from.
#[derive(Clone, Copy, Debug)]
pub struct RoutingView<'a> {
    /// The reference data.
    pub reference: &'a Reference,
    /// Books, at their places of [`Reference::book_at`].
    pub books: &'a Books,
    /// States of the venues, by id.
    pub venues: &'a [VenueState],
    /// Funds at the venues.
    pub ledger: &'a Ledger,
    /// Time of the input.
    pub now: UnixNanos,
}

impl<'a> RoutingView<'a> {
    /// The view of these tables.
    pub const fn new(
        reference: &'a Reference,
        books: &'a Books,
        venues: &'a [VenueState],
        ledger: &'a Ledger,
        now: UnixNanos,
    ) -> Self {
        Self { reference, books, venues, ledger, now }
    }

    /// Whether the venue account has as many open orders of the instrument as the venue takes.
    #[inline]
    pub fn is_full_of_rests(&self, venue: VenueId, instrument: InstrumentId) -> bool {
        let at = instrument.index() * VENUES_MAX + venue.index();
        self.books[at].full.keeps_out(self.now)
    }

    /// Children of an instrument that a venue may get now: what is left of its budget and of its
    /// unanswered orders.
    pub fn room(&self, venue: VenueId, instrument: InstrumentId) -> u32 {
        let (state, def) = (&self.venues[venue.index()], &self.reference.venues[venue.index()]);
        state
            .budget
            .left(self.now, instrument)
            .min(state.unanswered_max(def.unanswered_max).saturating_sub(state.unanswered))
    }
}

/// A quantity to be routed, with the terms of its order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RouteRequest {
    /// The account, whose fees count.
    pub account: AccountId,
    /// The instrument.
    pub instrument: InstrumentId,
    /// Buy or sell.
    pub side: Side,
    /// Limit price; `None` for a market order.
    pub limit: Option<Price>,
    /// The worst price at which the order may trade: its limit, or what its account's collar
    /// allowed a market order on arrival.
    pub worst: Price,
    /// How far a child's limit may lie beyond the worst level that the child is meant to take, in
    /// parts per million.
    pub slack_ppm: u32,
    /// Time in force.
    pub tif: TimeInForce,
    /// Quantity to be routed.
    pub qty: Qty,
    /// What the levels must show of the plan's children, or nothing is sent; zero for any.
    pub min_fill: Qty,
    /// Whether the quantity rests at the touch and takes nothing.
    pub posting: Posting,
    /// Venues that refused a child of the order, for now or for good.
    pub avoided: VenueSet,
    /// Venues that said that a child of the order would match another order of our account.
    pub self_matched: VenueSet,
    /// Venues that the client did not name; empty when the client named none.
    pub excluded: VenueSet,
    /// Venues that the account's orders never go to.
    pub denied: VenueSet,
    /// Venues that get only what no other venue can take.
    pub backup: VenueSet,
    /// What the behaviour of venues costs.
    pub costs: BehaviourCosts,
    /// That what waits rests by share; `None` for the best place.
    pub rest_shares: Option<RestShares>,
    /// The weights of score mode; `None` in cost mode.
    pub score: Option<ScoreWeights>,
    /// Venues that an operator has drained or halted.
    pub closed: VenueSet,
    /// Venues that get nothing unless their book changed after `faded_at`.
    pub faded: VenueSet,
    /// When a venue last did not fill what its book showed.
    pub faded_at: UnixNanos,
}

impl RouteRequest {
    /// Venues that client and account leave out.
    pub const fn left_out(&self) -> VenueSet {
        self.excluded.union(self.denied)
    }
}

/// A child that the plan wants sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PlannedChild {
    /// The venue.
    pub venue: VenueId,
    /// Quantity.
    pub qty: Qty,
    /// Limit price.
    pub price: Price,
    /// The part of the quantity that the book shows; zero for a child that rests.
    pub shown: Qty,
}

impl PlannedChild {
    /// No child.
    pub const NONE: Self =
        Self { venue: VenueId(0), qty: Qty::ZERO, price: Price(0), shown: Qty::ZERO };
}

/// What an order wants beside the least cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wants {
    /// Nothing more.
    Any,
    /// To be filled whole or not at all.
    Whole,
    /// More than the levels show: the plan would fill less than the minimum, and sends nothing.
    Minimum,
    /// To rest and not to take.
    Rest,
}

/// What to send, and the result for each venue.
#[derive(Clone, Debug)]
pub struct Plan {
    takes: [PlannedChild; VENUES_MAX],
    takes_len: usize,
    rests: [PlannedChild; REST_PLACES_MAX],
    rests_len: usize,
    lines: [VenueLine; VENUES_MAX],
    lines_len: usize,
    /// The work of the search; none where the sweep was the best plan.
    pub search: Search,
    /// What keeps venues that take from taking more of what is left.
    kept: Causes,
    /// The funds of a venue carry a part of what is left at a price that is a little lower.
    cheaper_helps: bool,
    /// What the order wants beside the least cost.
    wants: Wants,
    /// What is expected of the child that rests at the touch; `None` if the order is not posted.
    pub posted: Option<Posted>,
    /// The order was to be posted while that saves something, and crosses.
    pub is_crossing: bool,
}

/// The work of a search for the best shares.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Search {
    /// Nodes that were looked at; zero where no search was needed.
    pub nodes: u32,
    /// A bound of work was hit: the plan is the best one found, and perhaps not the best there is.
    pub bounded: bool,
}

impl Search {
    /// Adds the work of a further search.
    fn add(&mut self, other: Self) {
        self.nodes = self.nodes.saturating_add(other.nodes);
        self.bounded |= other.bounded;
    }
}

impl Plan {
    /// Begins a plan without children and lines.
    fn begin(&mut self, wants: Wants) {
        (self.takes_len, self.rests_len, self.search) = (0, 0, Search::default());
        (self.kept, self.cheaper_helps, self.wants) = (Causes::NONE, false, wants);
        (self.posted, self.is_crossing, self.lines_len) = (None, false, 0);
    }

    /// Adds a child that takes, without a line.
    fn push(&mut self, c: &Candidate<'_>, price: Price) {
        self.takes[self.takes_len] =
            PlannedChild { venue: c.listing.venue, qty: c.share, price, shown: c.shown };
        self.takes_len += 1;
    }

    /// Adds a child that takes.
    fn take(&mut self, c: &Candidate<'_>, price: Price) {
        self.push(c, price);
        let line = &mut self.lines[c.line];
        (line.verdict, line.qty, line.price) = (Verdict::Taken, c.share, price);
        (line.shown, line.value) = (c.shown, c.value);
    }

    /// What the levels show of the children.
    pub fn shown(&self) -> Qty {
        Qty(self.takes().iter().fold(0_i64, |sum, take| sum.saturating_add(take.shown.0)))
    }

    /// Sends nothing if the levels show less of the children than `least`.
    fn withdraw_below(&mut self, least: Qty) {
        if self.shown() >= least {
            return;
        }
        let lines = &mut self.lines[..self.lines_len];
        self.wants = Wants::Minimum;
        (self.takes_len, self.rests_len) = (0, 0);
        for line in lines.iter_mut().filter(|line| line.verdict == Verdict::Taken) {
            (line.verdict, line.qty, line.price) = (Verdict::TooThin, Qty::ZERO, Price(0));
            (line.shown, line.value) = (Qty::ZERO, Notional(0));
        }
    }

    /// Children that take liquidity, at most one per venue.
    pub fn takes(&self) -> &[PlannedChild] {
        &self.takes[..self.takes_len]
    }

    /// Whether there is nothing to send.
    pub const fn sends_nothing(&self) -> bool {
        self.takes_len == 0 && self.rests_len == 0
    }

    /// Children that rest in books, at most one per venue.
    pub fn rests(&self) -> &[PlannedChild] {
        &self.rests[..self.rests_len]
    }

    /// Adds children that rest of a quantity. Returns what is left of it.
    fn rest(&mut self, legs: &[PlannedChild], left: Qty) -> Qty {
        let mut left = left;
        for (leg, slot) in legs.iter().zip(&mut self.rests[self.rests_len..]) {
            *slot = *leg;
            self.rests_len += 1;
            left = left.saturating_sub(leg.qty);
            let line = &mut self.lines[leg.venue.index()];
            if line.verdict != Verdict::Taken {
                (line.verdict, line.price) = (Verdict::Rested, leg.price);
            }
            line.qty = Qty(line.qty.0 + leg.qty.0);
        }
        left
    }

    /// One line per venue; none for a plan of the nearest venues alone.
    pub fn lines(&self) -> &[VenueLine] {
        &self.lines[..self.lines_len]
    }
}

/// `price` moved by `ppm` in the direction that is worse for `side`.
pub fn worse_by(price: Price, side: Side, ppm: u32) -> Price {
    let by = match price.0.checked_mul(i64::from(ppm)) {
        Some(product) => i128::from(product / 1_000_000),
        None => i128::from(price.0) * i128::from(ppm) / PPM,
    };
    let moved = match side {
        Side::Buy => i128::from(price.0) + by,
        Side::Sell => i128::from(price.0) - by,
    };
    Price(i64::try_from(moved).unwrap_or(i64::MAX))
}

/// Memory of the router, made once.
#[derive(Debug)]
pub struct Router {
    plan: Plan,
    scratch: Scratch,
    nearest: nearest::Memory,
}

impl Default for Router {
    fn default() -> Self {
        let plan = Plan {
            takes: [PlannedChild::default(); VENUES_MAX],
            takes_len: 0,
            rests: [PlannedChild::NONE; REST_PLACES_MAX],
            rests_len: 0,
            lines: [NO_LINE; VENUES_MAX],
            lines_len: 0,
            search: Search::default(),
            kept: Causes::NONE,
            cheaper_helps: false,
            wants: Wants::Any,
            posted: None,
            is_crossing: false,
        };
        Self { plan, scratch: Scratch::default(), nearest: nearest::Memory::default() }
    }
}

impl Router {
    /// Makes room for the books of so many venues.
    pub fn reserve(&mut self, venues: usize) {
        self.scratch.reserve(venues);
    }

    /// Makes a plan for a request. A plan by score that shows less than the order's minimum gives
    /// way to the plan by cost, which shows as much as can be had.
    pub fn make_plan(&mut self, market: &RoutingView<'_>, request: &RouteRequest) -> &Plan {
        self.plan_once(market, request);
        if request.score.is_some() && self.plan.shown() < request.min_fill {
            let search = self.plan.search;
            self.plan_once(market, &RouteRequest { score: None, ..*request });
            self.plan.search.add(search);
        }
        if !request.min_fill.is_zero() {
            self.plan.withdraw_below(request.min_fill);
        }
        &self.plan
    }

    /// As [`Router::make_plan`], for a plan that is only carried out. Where the venues with the
    /// cheapest best levels fill the whole quantity, no other venue is looked at, and the plan has
    /// no lines. `touches` are what the request's side takes first in its instrument.
    #[inline]
    pub fn make_plan_to_send(
        &mut self,
        market: &RoutingView<'_>,
        request: &RouteRequest,
        touches: &[Touch],
    ) -> &Plan {
        if !nearest::plan(market, request, touches, &mut self.plan, &mut self.nearest) {
            return self.make_plan(market, request);
        }
        if cfg!(debug_assertions) {
            self.compare_with_all(market, request);
        }
        &self.plan
    }

    /// Makes the plan again with every venue. Nothing is to be different.
    fn compare_with_all(&mut self, market: &RoutingView<'_>, request: &RouteRequest) {
        let (nearest, len) = (self.plan.takes, self.plan.takes_len);
        let plan = self.make_plan(market, request);
        assert_eq!(plan.takes(), &nearest[..len], "a venue that was not looked at: {request:?}");
        assert!(plan.rests().is_empty() && plan.search == Search::default(), "more than a sweep");
        self.plan.lines_len = 0;
    }

    fn plan_once(&mut self, market: &RoutingView<'_>, request: &RouteRequest) {
        let plan = &mut self.plan;
        plan.begin(match (request.tif, request.posting) {
            (TimeInForce::Fok, _) => Wants::Whole,
            (_, Posting::Always | Posting::WhileItSaves) => Wants::Rest,
            (_, Posting::No) => Wants::Any,
        });
        plan.lines_len = market.reference.venues.len();
        plan.lines[..plan.lines_len].fill(NO_LINE);
        // Few venues need few places, which are all written for each plan.
        if plan.lines_len <= FEW_VENUES {
            fill::<FEW_VENUES>(market, request, plan, &mut self.scratch);
        } else {
            fill::<VENUES_MAX>(market, request, plan, &mut self.scratch);
        }
    }

    /// The plan that was made last.
    pub const fn plan(&self) -> &Plan {
        &self.plan
    }
}

/// Venues of most nodes, at most.
const FEW_VENUES: usize = 8;

fn fill<const PLACES: usize>(
    market: &RoutingView<'_>,
    request: &RouteRequest,
    plan: &mut Plan,
    scratch: &mut Scratch,
) {
    // Written place by place: a repeated constant is copied, with all its bytes.
    let mut candidates: [Option<Candidate<'_>>; PLACES] = core::array::from_fn(|_| None);
    let lines = plan.lines[..plan.lines_len].iter_mut().enumerate();
    for ((index, line), slot) in lines.zip(&mut candidates) {
        line.venue = VenueId(index as u8);
        match eligible::eligible(market, request, line.venue) {
            Ok(found) => *slot = Some(Candidate::with_line(market, request, found, index, line)),
            Err(verdict) => line.verdict = verdict,
        }
    }
    let candidates = &mut candidates[..plan.lines_len];
    if request.backup == VenueSet::EMPTY {
        among(market, request, candidates, plan, scratch);
    } else {
        tiers::in_tiers(market, request, candidates, plan, scratch);
    }
}

/// Adds to the plan what becomes of the quantity among these candidates. Returns the quantity that
/// has no place.
fn among(
    market: &RoutingView<'_>,
    request: &RouteRequest,
    candidates: &mut [Option<Candidate<'_>>],
    plan: &mut Plan,
    scratch: &mut Scratch,
) -> Qty {
    let limit = request.worst;
    if let Some(weights) = request.score {
        score::give_points(market, request, weights, candidates, &mut plan.lines);
    }
    if request.tif == TimeInForce::Fok {
        return whole::whole(request, limit, candidates, plan);
    }
    if plan.wants == Wants::Rest {
        if let Some(left) = post::post(market, request, candidates, plan) {
            return left;
        }
        (plan.wants, plan.is_crossing) = (Wants::Any, true);
    }
    let search = match request.score {
        None => share_out(request, limit, candidates, scratch),
        Some(_) => score::share_by_score(request, candidates, scratch),
    };
    plan.search.add(search);
    let mut left = left_of(request, candidates);
    if request.tif.waits() && left != request.qty && !left.is_zero() {
        left = remainder::keep_viable(market, request, limit, candidates, left);
    }
    let rests = request.tif.waits() && request.limit.is_some() && !left.is_zero();
    let searched = search.nodes > 0;
    for c in candidates.iter_mut().flatten() {
        if c.share.is_zero() {
            reasons::why_nothing(request, limit, c, left, searched, &mut plan.lines[c.line]);
            continue;
        }
        let price = with_slack(request, limit, c);
        plan.take(c, price);
        plan.note_left(c, limit, left);
        c.sent_at = price;
    }
    if request.score.is_some() {
        score::lower_scores(candidates, &mut plan.lines);
    } else if searched {
        reasons::worse_fits(candidates, limit, &mut plan.lines);
    }
    reasons::worse_behaviour(candidates, &mut plan.lines);
    if rests {
        left = rest::rest(market, request, (limit, left), candidates, plan);
    }
    if request.tif.waits() && !left.is_zero() {
        plan.note_nearly_funded(request, limit, candidates);
    }
    left
}

const NO_LINE: VenueLine = VenueLine {
    venue: VenueId(0),
    verdict: Verdict::NotListed,
    qty: Qty::ZERO,
    price: Price(0),
    shown: Qty::ZERO,
    value: Notional(0),
    best: Price(0),
    best_all_in: 0,
    behaviour_ppm: 0,
    score: None,
    age_ns: 0,
};

/// Gives the candidates the shares that fill most at the least cost.
#[inline]
fn share_out(
    request: &RouteRequest,
    limit: Price,
    candidates: &mut [Option<Candidate<'_>>],
    scratch: &mut Scratch,
) -> Search {
    sweep::sweep(request, limit, candidates);
    // The sweep has filled everything at the least cost, or has emptied every candidate.
    let taken = |c: &Candidate<'_>| c.share.is_zero() || c.takes_swept();
    if candidates.iter().flatten().all(taken) {
        return Search::default();
    }
    exact::search(request, limit, candidates, scratch)
}

/// The quantity that no candidate has.
fn left_of(request: &RouteRequest, candidates: &[Option<Candidate<'_>>]) -> Qty {
    let shares = candidates.iter().flatten().map(|c| c.share);
    shares.fold(request.qty, Qty::saturating_sub)
}

/// The limit of a child that takes: a little beyond the worst level that the child is meant for,
/// within the order's limit, the funds and the venue's smallest value. The venue's real book may
/// have moved a little since ours.
fn with_slack(request: &RouteRequest, limit: Price, c: &Candidate<'_>) -> Price {
    let loose = worse_by(c.worst, request.side, request.slack_ppm);
    let loose = if within(limit, loose, request.side) { loose } else { limit };
    let price = c.listing.ticks.within(loose, request.side);
    let dearer = !within(c.worst, price, request.side)
        && c.own.is_none_or(|own| !reaches(price, own, request.side));
    // A buy at a higher limit is worth more.
    let enough = || request.side == Side::Buy || c.is_enough(price, c.share);
    let carries = || c.is_funded || c.carries(price, c.share);
    if dearer && carries() && enough() { price } else { on_ticks(request, limit, c) }
}

/// The worst level that a child is meant for, on the venue's ticks. A book may show prices that
/// the present ticks leave out: those of before a change. Then the child goes to the next price
/// that reaches the level, or stops before the level where that price is not allowed.
fn on_ticks(request: &RouteRequest, limit: Price, c: &Candidate<'_>) -> Price {
    let (ticks, side) = (&c.listing.ticks, request.side);
    if ticks.takes(c.worst) {
        return c.worst;
    }
    let reaching = ticks.within(c.worst, side.opposite());
    let is_allowed = within(limit, reaching, side)
        && c.own.is_none_or(|own| !reaches(reaching, own, side))
        && (c.is_funded || c.carries(reaching, c.share));
    if is_allowed { reaching } else { ticks.within(c.worst, side) }
}

/// Whether an order of that side and price would trade against one at `own`.
pub(crate) fn reaches(price: Price, own: Price, side: Side) -> bool {
    within(price, own, side)
}

fn within(limit: Price, price: Price, side: Side) -> bool {
    match side {
        Side::Buy => price <= limit,
        Side::Sell => price >= limit,
    }
}
