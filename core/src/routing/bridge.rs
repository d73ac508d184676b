//! Which part of an order goes over a bridge: it fills at another instrument, and what that pays or
//! brings is converted.
//!
//! A line belongs here if it compares a bridge with the order's own instrument. What the decision
//! is carried out with is `engine::bridged`.
//!
//! A sweep over the levels of both instruments, each at its effective cost in the order's quote
//! asset, says how much goes over the bridge. Both parts are then planned like any order. The
//! bridge is taken only if both together fill more than the order's instrument alone, or as much at
//! less cost.

use super::candidate::{Candidate, all_in_factor};
use super::{
    PlannedChild, RouteRequest, Router, RoutingView, all_in, effective, eligible, worse_by,
};
use crate::bridge::BridgeWord;
use crate::id::{InstrumentId, VenueId};
use crate::input::{BridgeDef, FeeTaken, ListingDef, Refusal, Side, TimeInForce};
use crate::number::{AMOUNT_DECIMALS, Amount, Notional, Price, Qty, product};
use crate::output::{BridgeLine, Verdict};
use crate::reference::{ListingFees, Reference, VENUES_MAX, amount_of, ten_to};
use crate::strategy::Posting;
use crate::venue_set::VenueSet;

/// Decimals that a rate has more than the prices it is made of.
const ONE: i128 = 1_000_000_000;

/// What a plan over a bridge is made for.
#[derive(Clone, Copy, Debug)]
pub struct BridgeAsk<'a> {
    /// The bridge.
    pub def: &'a BridgeDef,
    /// The reference price of its conversion, if there is one.
    pub reference: Option<Price>,
    /// Bridge asset that the account may still leave unconverted.
    pub room: Amount,
}

/// A plan over one bridge.
#[derive(Clone, Debug)]
pub struct BridgePlan {
    takes: [PlannedChild; VENUES_MAX],
    rates: [i128; VENUES_MAX],
    len: usize,
    /// The bridge; `None` before the first plan.
    pub def: Option<BridgeDef>,
    /// Decimals that the prices of bridge instrument and conversion together have more than the
    /// order's price.
    pub decimals: u32,
    /// What is told of it.
    pub line: BridgeLine,
    /// What both parts fill, and what that costs: signed so that less is better.
    pub outcome: (Qty, i128),
}

impl Default for BridgePlan {
    fn default() -> Self {
        Self {
            takes: [PlannedChild::NONE; VENUES_MAX],
            rates: [0; VENUES_MAX],
            len: 0,
            def: None,
            decimals: 0,
            line: BridgeLine::default(),
            outcome: (Qty::ZERO, 0),
        }
    }
}

impl BridgePlan {
    /// Makes it a plan of nothing.
    pub const fn clear(&mut self) {
        (self.len, self.def) = (0, None);
    }

    /// The children at the bridge instrument, each with its rate: what one unit costs the client or
    /// brings him, in billionths, for a price of one unit at the bridge instrument.
    pub fn takes(&self) -> impl Iterator<Item = (PlannedChild, i128)> {
        let both = self.takes[..self.len].iter().zip(&self.rates[..self.len]);
        both.map(|(take, rate)| (*take, *rate))
    }

    /// Number of those children.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The child at a place, with its rate.
    pub fn take(&self, at: usize) -> (PlannedChild, i128) {
        (self.takes[at], self.rates[at])
    }
}

/// The price in the order's quote asset of an execution at a bridge instrument: of a buy rounded
/// up, of a sale rounded down. `None` if it is out of range.
pub fn net_price(price: Price, side: Side, rate: i128, decimals: u32) -> Option<Price> {
    let value = product(i128::from(price.0), rate)?;
    let net = divided(value, ONE * ten_to(decimals), side);
    i64::try_from(net).ok().filter(|net| *net > 0).map(Price)
}

/// The quotient, rounded to the disadvantage of the side that trades.
const fn divided(value: i128, by: i128, side: Side) -> i128 {
    match side {
        Side::Buy => value.div_euclid(by) + (value.rem_euclid(by) != 0) as i128,
        Side::Sell => value.div_euclid(by),
    }
}

/// The quotient, rounded to the advantage of nobody but the limit: a limit of a buy down.
const fn limited(value: i128, by: i128, side: Side) -> i128 {
    divided(value, by, side.opposite())
}

/// What a price at the bridge instrument is multiplied by: the conversion with the venue's fee. A
/// fee that is taken out of the base asset is the client's, as it is without a bridge.
fn rate_with_fee(conversion: i128, fees: &ListingFees, side: Side) -> Option<i128> {
    if side == Side::Buy && fees.taken == FeeTaken::Received {
        return Some(conversion);
    }
    let factor = i128::from(all_in_factor(fees, side).saturating_abs());
    Some(divided(product(conversion, factor)?, ONE, side))
}

impl Router {
    /// Plans over one of the bridges of a request, one after the other. `best` is the bridge
    /// instrument of the best plan so far, which is `plan`; `other` is memory. The line's word is
    /// [`BridgeWord::Taken`] if the plan is better than those before and than that of the order's
    /// instrument alone: it fills more, or as much at less cost.
    pub fn try_bridge(
        &mut self,
        market: &RoutingView<'_>,
        request: &RouteRequest,
        ask: &BridgeAsk<'_>,
        best: &mut Option<InstrumentId>,
        (plan, other): (&mut BridgePlan, &mut BridgePlan),
    ) -> BridgeLine {
        let before = if best.is_some() {
            plan.outcome
        } else {
            self.make_plan(market, request);
            self.outcome(market, request)
        };
        other.clear();
        other.line = BridgeLine { via: ask.def.via, ..BridgeLine::default() };
        other.line.conversion = ask.def.conversion;
        other.line.word = match self.plan_bridge(market, request, ask, other) {
            Ok(()) if is_better(other.outcome, before) => BridgeWord::Taken,
            Ok(()) => BridgeWord::WorsePrice,
            Err(word) => word,
        };
        other.def = Some(*ask.def);
        let line = other.line;
        if line.word == BridgeWord::Taken {
            core::mem::swap(plan, other);
            *best = Some(ask.def.via);
        }
        line
    }

    /// What the plan that was made last fills, and what that costs: signed so that less is better.
    fn outcome(&self, market: &RoutingView<'_>, request: &RouteRequest) -> (Qty, i128) {
        let cost = self.cost(market, request);
        (self.plan.shown(), if request.side == Side::Buy { cost } else { cost.saturating_neg() })
    }

    /// What the plan that was made last pays or brings, with fees and cost of behaviour: price
    /// times quantity, in billionths.
    fn cost(&self, market: &RoutingView<'_>, request: &RouteRequest) -> i128 {
        let taken = self.plan.lines().iter().filter(|line| line.verdict == Verdict::Taken);
        taken.fold(0_i128, |sum, line| {
            let terms = market.reference.terms(request.account, request.instrument, line.venue);
            let cost = terms
                .map_or(0, |terms| effective(&terms, request.side, line.value, line.behaviour_ppm));
            sum.saturating_add(cost)
        })
    }

    fn plan_bridge(
        &mut self,
        market: &RoutingView<'_>,
        request: &RouteRequest,
        ask: &BridgeAsk<'_>,
        into: &mut BridgePlan,
    ) -> Result<(), BridgeWord> {
        let (def, side, reference) = (ask.def, request.side, market.reference);
        let middle = ask.reference.ok_or(BridgeWord::NoReference)?;
        if ask.room.0 <= 0 {
            return Err(BridgeWord::LeggingLimit);
        }
        let limit = worse_by(middle, side, def.basis_ppm);
        (into.line.reference, into.line.limit) = (middle, limit);
        into.decimals = decimals_of(reference, def);
        // The whole order at the bridge instrument, at the best that the basis limit allows.
        let hoped = worse_by(middle, side.opposite(), def.basis_ppm);
        let at_best = via_limit(request, i128::from(hoped.0) * ONE, into.decimals);
        let mut via = via_request(request, def, at_best.ok_or(BridgeWord::NoVenue)?, request.qty);
        self.make_plan(market, &via);
        let whole = self.needs(market, &via);
        if whole.0 <= 0 {
            return Err(BridgeWord::NoVenue);
        }
        let most = whole.min(ask.room);
        let (rate, carried) = self.convert(market, request, ask, most, into)?;
        let worst_rate = worst_rate(market, &via, rate).ok_or(BridgeWord::NoVenue)?;
        via.worst = via_limit(request, worst_rate, into.decimals).ok_or(BridgeWord::NoVenue)?;
        via.limit = Some(via.worst);
        via.qty = split(market, request, &via, (rate, into.decimals), carried);
        if via.qty.is_zero() {
            return Err(BridgeWord::WorsePrice);
        }
        self.make_plan(market, &via);
        if self.plan.takes().is_empty() {
            return Err(BridgeWord::NoVenue);
        }
        self.keep_takes(market, &via, ask.room, into)?;
        let (needs, cost) = (self.needs(market, &via), self.cost(market, &via));
        // What is needed after all is not more. The client never pays the rate of more.
        let (needed, _) = self.convert(market, request, ask, needs, into)?;
        let rate = if side == Side::Buy { rate.min(needed) } else { rate.max(needed) };
        into.line.needs = needs;
        for at in 0..into.len {
            let fees = fees_at(market, &via, into.takes[at].venue);
            into.rates[at] = fees
                .and_then(|fees| rate_with_fee(rate, &fees, side))
                .ok_or(BridgeWord::NoVenue)?;
        }
        let sent = into.takes[..into.len].iter().fold(0_i64, |sum, take| sum + take.qty.0);
        into.line.qty = Qty(sent);
        let rest = RouteRequest { qty: request.qty.saturating_sub(Qty(sent)), ..*request };
        self.make_plan(market, &rest);
        let (filled, paid) = self.outcome(market, &rest);
        let bridged = product(cost / ONE, rate).map_or(i128::MAX, |cost| {
            let cost = cost / ten_to(into.decimals);
            if side == Side::Buy { cost } else { -cost }
        });
        let filled = Qty(filled.0.saturating_add(into.line.shown.0));
        into.outcome = (filled, paid.saturating_add(bridged));
        Ok(())
    }

    /// Bridge asset that the plan that was made last needs or brings.
    fn needs(&self, market: &RoutingView<'_>, via: &RouteRequest) -> Amount {
        let def = market.reference.instrument_of(via.instrument);
        let taken = self.plan.lines().iter().filter(|line| line.verdict == Verdict::Taken);
        taken.fold(Amount::ZERO, |sum, line| {
            let fee_ppm = fee_on_top(market, via, line.venue);
            sum.plus(amount_of(def, line.value).with_ppm_on_top(fee_ppm))
        })
    }

    /// The all-in rate at which an amount of the bridge asset converts, in billionths of the
    /// conversion's price, and the part of the amount that the books show.
    fn convert(
        &mut self,
        market: &RoutingView<'_>,
        request: &RouteRequest,
        ask: &BridgeAsk<'_>,
        amount: Amount,
        into: &mut BridgePlan,
    ) -> Result<(i128, Amount), BridgeWord> {
        let asked = conversion_request(
            market.reference,
            (ask.def, request.side, request.closed),
            into.line.limit,
            units_up(market.reference, ask.def, amount),
        );
        self.make_plan(market, &asked);
        let shown = self.plan.shown();
        if shown.is_zero() {
            return Err(why_not(self.plan.refusal()));
        }
        let (mut value, mut paid, mut worst) = (0_i128, 0_i128, self.plan.takes()[0].price);
        let (mut best, mut lot) = (worst, 0);
        for line in self.plan.lines().iter().filter(|line| line.verdict == Verdict::Taken) {
            let terms = market.reference.terms(asked.account, asked.instrument, line.venue);
            let Some(terms) = terms else { continue };
            value = value.saturating_add(line.value.0);
            paid = paid.saturating_add(all_in(&terms, request.side, line.value));
            lot = lot.max(terms.lot.0);
            (worst, best) = match request.side {
                Side::Buy => (worst.max(line.price), best.min(line.best)),
                Side::Sell => (worst.min(line.price), best.max(line.best)),
            };
        }
        let line = &mut into.line;
        (line.best, line.worst, line.converts) = (best, worst, shown);
        (line.value, line.paid) = (Notional(value), paid);
        let rate = divided(paid, i128::from(shown.0), request.side);
        // Less than a lot stays, and is converted with what comes later.
        let is_whole = asked.qty.0 - shown.0 < lot.max(1);
        let def = market.reference.instrument_of(asked.instrument);
        let carried = if is_whole { amount } else { crate::reference::base_amount(def, shown) };
        Ok((rate, carried.min(amount)))
    }

    /// Takes the children of the plan that was made last over, if the account may leave unconverted
    /// what they can need.
    fn keep_takes(
        &self,
        market: &RoutingView<'_>,
        via: &RouteRequest,
        room: Amount,
        into: &mut BridgePlan,
    ) -> Result<(), BridgeWord> {
        let mut counted = Amount::ZERO;
        into.len = 0;
        into.line.shown = self.plan.shown();
        for take in self.plan.takes() {
            let at = counted_price(market, via, take);
            let def = market.reference.instrument_of(via.instrument);
            let value = amount_of(def, Notional::of(at, take.qty));
            counted = counted.plus(value.with_ppm_on_top(fee_on_top(market, via, take.venue)));
            into.takes[into.len] = *take;
            into.len += 1;
        }
        if counted > room { Err(BridgeWord::LeggingLimit) } else { Ok(()) }
    }
}

/// The price at which the open quantity of a child at a bridge instrument is counted: a buy at its
/// limit, a sale at the best price that the book shows.
pub(crate) fn counted_price(
    market: &RoutingView<'_>,
    via: &RouteRequest,
    take: &PlannedChild,
) -> Price {
    let book = &market.books[market.reference.book_at(via.instrument, take.venue)];
    match via.side {
        Side::Buy => take.price,
        Side::Sell => {
            book.opposite(Side::Sell).best().map_or(take.price, |level| level.price.max(take.price))
        }
    }
}

/// What a buy pays on top of its value in the bridge asset, in parts per million.
pub(crate) fn fee_on_top(market: &RoutingView<'_>, via: &RouteRequest, venue: VenueId) -> u32 {
    match via.side {
        Side::Buy => fees_at(market, via, venue).map_or(0, |fees| fees.locked_ppm() as u32),
        Side::Sell => 0,
    }
}

fn fees_at(market: &RoutingView<'_>, via: &RouteRequest, venue: VenueId) -> Option<ListingFees> {
    let listing = market.reference.listing(via.instrument, venue)?;
    Some(market.reference.fees(via.account, listing))
}

/// Whether the first outcome fills more, or as much at less cost.
fn is_better(one: (Qty, i128), other: (Qty, i128)) -> bool {
    one.0 > other.0 || one.0 == other.0 && one.1 < other.1
}

/// Why a plan for a conversion sends nothing.
pub(crate) const fn why_not(refusal: Refusal) -> BridgeWord {
    match refusal {
        Refusal::NoLiquidity => BridgeWord::BasisTooWide,
        Refusal::BelowMinimum => BridgeWord::BelowMinimum,
        _ => BridgeWord::NoConversion,
    }
}

/// Decimals that the prices of bridge instrument and conversion have more than the order's price.
pub(crate) fn decimals_of(reference: &Reference, def: &BridgeDef) -> u32 {
    let of = |id| u32::from(reference.instrument_of(id).price_decimals);
    (of(def.via) + of(def.conversion)).saturating_sub(of(def.instrument))
}

/// An amount of the bridge asset in the conversion's unit of quantity, rounded up.
fn units_up(reference: &Reference, def: &BridgeDef, amount: Amount) -> Qty {
    let decimals = u32::from(reference.instrument_of(def.conversion).qty_decimals);
    let unit = ten_to(AMOUNT_DECIMALS - decimals);
    Qty(i64::try_from(divided(amount.0, unit, Side::Buy)).unwrap_or(i64::MAX))
}

/// The limit at the bridge instrument that the order's worst price becomes.
fn via_limit(request: &RouteRequest, rate: i128, decimals: u32) -> Option<Price> {
    if rate <= 0 || request.worst.0 <= 0 {
        return None;
    }
    let worst = product(i128::from(request.worst.0), ONE * ten_to(decimals))?;
    let limit = limited(worst, rate, request.side);
    i64::try_from(limit).ok().filter(|limit| *limit > 0).map(Price)
}

/// The dearest rate with the fees of the venues that list the bridge instrument.
fn worst_rate(market: &RoutingView<'_>, via: &RouteRequest, rate: i128) -> Option<i128> {
    let listings = market.reference.listings(via.instrument).filter(|listing| listing.enabled);
    let rates = listings.filter_map(|listing: &ListingDef| {
        rate_with_fee(rate, &market.reference.fees(via.account, listing), via.side)
    });
    match via.side {
        Side::Buy => rates.max(),
        Side::Sell => rates.min(),
    }
}

/// The request for a part of an order at a bridge instrument.
fn via_request(request: &RouteRequest, def: &BridgeDef, limit: Price, qty: Qty) -> RouteRequest {
    RouteRequest {
        instrument: def.via,
        limit: Some(limit),
        worst: limit,
        slack_ppm: 0,
        tif: TimeInForce::Ioc,
        qty,
        min_fill: Qty::ZERO,
        rest_shares: None,
        score: None,
        ..*request
    }
}

/// The request for a conversion.
pub(crate) fn conversion_request(
    reference: &Reference,
    (def, side, closed): (&BridgeDef, Side, VenueSet),
    limit: Price,
    qty: Qty,
) -> RouteRequest {
    let terms = reference.routing_of(def.desk);
    RouteRequest {
        account: def.desk,
        instrument: def.conversion,
        side,
        limit: Some(limit),
        worst: limit,
        slack_ppm: 0,
        tif: TimeInForce::Ioc,
        qty,
        min_fill: Qty::ZERO,
        posting: Posting::No,
        avoided: VenueSet::EMPTY,
        self_matched: VenueSet::EMPTY,
        excluded: VenueSet::EMPTY,
        denied: terms.denied,
        backup: terms.backup,
        costs: terms.costs,
        rest_shares: None,
        score: None,
        closed,
        faded: VenueSet::EMPTY,
        faded_at: crate::number::UnixNanos(0),
    }
}

type Candidates<'a> = [Option<Candidate<'a>>; VENUES_MAX];

fn candidates<'a>(market: &RoutingView<'a>, request: &RouteRequest) -> Candidates<'a> {
    let venues = market.reference.venues.len();
    core::array::from_fn(|index| {
        let venue = VenueId(index as u8);
        let found = (index < venues).then(|| eligible::eligible(market, request, venue));
        let found = found?.ok()?;
        let mut candidate = Candidate::new(market, request, found, index);
        candidate.settle(request.worst);
        Some(candidate)
    })
}

fn cheapest<'a, 'b>(all: &'b mut Candidates<'a>) -> Option<&'b mut Candidate<'a>> {
    let can = all.iter_mut().flatten().filter(|candidate| candidate.could_take_more());
    can.min_by_key(|candidate| candidate.next_cost)
}

/// The quantity that is filled at the least cost at the bridge instrument, where the rest is filled
/// at the order's own. What it needs of the bridge asset is at most `carried`.
fn split(
    market: &RoutingView<'_>,
    request: &RouteRequest,
    via: &RouteRequest,
    (rate, decimals): (i128, u32),
    carried: Amount,
) -> Qty {
    /// A part of the nine decimals of a cost is cut off before the product, for it to fit.
    const CUT: i128 = 1_000_000;
    let (mut own, mut over) = (candidates(market, request), candidates(market, via));
    let def = market.reference.instrument_of(via.instrument);
    let (mut left, mut bridged, mut room) = (request.qty, Qty::ZERO, carried);
    // Ends: each turn passes a level, ends a candidate's levels, or ends the split.
    while !left.is_zero() {
        let (own_next, over_next) = (cheapest(&mut own), cheapest(&mut over));
        let over_cost = over_next.as_ref().map(|next| {
            let cost = product(next.next_cost / CUT, rate);
            cost.map_or(i128::MAX, |cost| cost / (ONE / CUT * ten_to(decimals)))
        });
        match (own_next, over_next) {
            (Some(own), over) if over_cost.is_none_or(|cost| own.next_cost <= cost) => {
                let _ = over;
                left = left.saturating_sub(own.take_next(request.worst, left));
            }
            (_, Some(over)) => {
                let fee_ppm = fee_on_top(market, via, over.listing.venue);
                let unit = amount_of(def, Notional::of(over.price_next(), Qty(1)));
                let unit = unit.with_ppm_on_top(fee_ppm).0.max(1);
                let most = Qty(i64::try_from(room.0 / unit).unwrap_or(i64::MAX)).min(left);
                if most.is_zero() {
                    break;
                }
                let taken = over.take_next(via.worst, most);
                room = room.minus(Amount(unit.saturating_mul(i128::from(taken.0))));
                (left, bridged) = (left.saturating_sub(taken), Qty(bridged.0 + taken.0));
            }
            (_, None) => break,
        }
    }
    bridged
}
