//! Where an order goes: a sweep over the trusted books of the venues that are up, cheapest all-in
//! price first, and the best venue for the child that rests.
//!
//! A line belongs here if it compares venues. Nothing here changes state: a plan is made from
//! reference data, books and funds, and `engine::place` carries it out.
//!
//! Quantity that our own children have taken since a book last changed, or are about to take, does
//! not count as liquidity. Latency, reject rate and fade rate of a venue are not priced in.

use crate::book::{Book, Trust};
use crate::breaker::{Breaker, Pause, RequestKind};
use crate::id::{ChildId, InstrumentId, VenueId};
use crate::input::{InstrumentDef, Level, ListingDef, Refusal, Side, TimeInForce};
use crate::ledger::Ledger;
use crate::number::{AMOUNT_DECIMALS, Notional, PPM, Price, Qty, UnixNanos, saturating_product};
use crate::output::{VenueLine, Verdict};
use crate::rate::RateWindow;
use crate::reference::{Reference, VENUES_MAX, amount_of, ten_to};
use crate::venue_set::VenueSet;

mod remainder;

/// The state of a venue beside its books.
#[derive(Clone, Copy, Debug, Default)]
pub struct VenueState {
    /// The venue is logged on and reconciled.
    pub up: bool,
    /// When the venue's feed last sent anything.
    pub feed_alive_at: UnixNanos,
    /// New orders sent to the venue, in windows of
    /// [`VenueDef::rate_window_ns`](crate::input::VenueDef).
    pub sent: RateWindow,
    /// Children that the venue has not answered.
    pub unanswered: u32,
    /// The venue's circuit breakers, in the order of [`RequestKind::ALL`].
    pub breakers: [Breaker; RequestKind::ALL.len()],
    /// New orders are paused: the venue has said that its rate limit is exceeded, or its sender could
    /// not send an order.
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

    /// Orders that the venue may leave unanswered. After a breaker or a pause it gets one at a
    /// time, until it has taken one.
    #[inline]
    fn unanswered_max(&self, usual: u32) -> u32 {
        let on_trial = self.breakers[0].is_on_trial() || self.paused.is_unproved();
        if on_trial { 1 } else { usual }
    }
}

/// A read-only view of everything that a plan is made from.
#[derive(Clone, Copy)]
pub struct RoutingView<'a> {
    /// The reference data.
    pub reference: &'a Reference,
    /// Books, by instrument times [`VENUES_MAX`] plus venue.
    pub books: &'a [Book],
    /// States of the venues, by id.
    pub venues: &'a [VenueState],
    /// Funds at the venues.
    pub ledger: &'a Ledger,
    /// Time of the input.
    pub now: UnixNanos,
}

/// A quantity to be routed, with the terms of its order.
#[derive(Clone, Copy, Debug)]
pub struct RouteRequest {
    /// The instrument.
    pub instrument: InstrumentId,
    /// Buy or sell.
    pub side: Side,
    /// Limit price; `None` for a market order.
    pub limit: Option<Price>,
    /// How far beyond the best price a market order may go, in parts per million.
    pub collar_ppm: u32,
    /// How far a child's limit may lie beyond the worst level that the child is meant to take, in
    /// parts per million.
    pub slack_ppm: u32,
    /// Time in force.
    pub tif: TimeInForce,
    /// Quantity to be routed.
    pub qty: Qty,
    /// Venues that refused a child of the order, for now or for good.
    pub avoided: VenueSet,
    /// Venues that the client did not name; empty when the client named none.
    pub excluded: VenueSet,
    /// Venues that an operator has drained or halted.
    pub closed: VenueSet,
    /// Venues that get nothing unless their book changed after `faded_at`.
    pub faded: VenueSet,
    /// When a venue last did not fill what its book showed.
    pub faded_at: UnixNanos,
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
}

/// What to send, and the result for each venue.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    takes: [PlannedChild; VENUES_MAX],
    takes_len: usize,
    /// The child that rests in a venue's book; `None` for none.
    pub rest: Option<PlannedChild>,
    lines: [VenueLine; VENUES_MAX],
    lines_len: usize,
}

impl Plan {
    /// Children that take liquidity, at most one per venue.
    pub fn takes(&self) -> &[PlannedChild] {
        &self.takes[..self.takes_len]
    }

    /// One line per venue.
    pub fn lines(&self) -> &[VenueLine] {
        &self.lines[..self.lines_len]
    }

    /// Whether the quantity is below the minimum of every venue that could take it, now or later.
    pub fn is_dust(&self) -> bool {
        use Verdict::{Avoided, BelowMinimum, NoFok, NotListed, NotNamed};
        self.lines().iter().any(|line| line.verdict == BelowMinimum)
            && (self.lines().iter()).all(|line| {
                matches!(line.verdict, BelowMinimum | NotListed | NotNamed | Avoided | NoFok)
            })
    }

    /// Why no child is sent; meaningful for a plan without children.
    pub fn refusal(&self) -> Refusal {
        let any = |verdict| self.lines().iter().any(|line| line.verdict == verdict);
        if self.lines().iter().all(|line| {
            matches!(
                line.verdict,
                Verdict::VenueDown
                    | Verdict::NotListed
                    | Verdict::NotNamed
                    | Verdict::Untrusted
                    | Verdict::Drained
                    | Verdict::MarketClosed
            )
        }) {
            Refusal::NoVenue
        } else if any(Verdict::Avoided)
            && self.lines().iter().all(|line| {
                matches!(
                    line.verdict,
                    Verdict::Avoided
                        | Verdict::VenueDown
                        | Verdict::NotListed
                        | Verdict::NotNamed
                        | Verdict::Drained
                )
            })
        {
            Refusal::VenuesRefused
        } else if [Verdict::Busy, Verdict::NoRate, Verdict::Paused, Verdict::BreakerOpen]
            .into_iter()
            .any(any)
        {
            Refusal::VenueBusy
        } else if any(Verdict::NoFunds) {
            Refusal::InsufficientFunds
        } else if any(Verdict::BelowMinimum) {
            Refusal::BelowMinimum
        } else {
            Refusal::NoLiquidity
        }
    }
}

/// A venue while a plan is being made.
#[derive(Clone, Copy)]
struct Candidate<'a> {
    listing: &'a ListingDef,
    book: &'a Book,
    levels: &'a [Level],
    next: usize,
    /// Quantity at the top of the levels that is no longer available.
    gone: Qty,
    /// Quantity of the next level that is no longer available.
    gone_of_next: Qty,
    /// Best price of our own resting children on the opposite side; no child may reach it.
    own: Option<Price>,
    /// One plus (buy) or minus (sell) the taker fee, times a million.
    factor: i64,
    /// One unit of price (buy) or of quantity (sell) in units of the funds; for a buy, times a
    /// million.
    scale: i128,
    /// Funds that are left to spend; for a buy, times a million.
    budget: i128,
    taken: Qty,
    worst: Price,
    line: usize,
    open: bool,
}

impl Candidate<'_> {
    /// All-in price of the next level, signed so that less is better for both sides.
    #[inline]
    fn key(&self, side: Side) -> Option<(i128, Level)> {
        let mut level = *self.levels.get(self.next)?;
        level.qty = level.qty.saturating_sub(self.gone_of_next);
        let all_in = i128::from(level.price.0) * i128::from(self.factor);
        Some((if side == Side::Buy { all_in } else { -all_in }, level))
    }

    /// Goes to the first level with available quantity.
    fn rewind(&mut self) {
        (self.next, self.taken, self.worst, self.gone_of_next) =
            (0, Qty::ZERO, Price(0), self.gone);
        while let Some(level) = self.levels.get(self.next).filter(|l| l.qty <= self.gone_of_next) {
            self.gone_of_next = self.gone_of_next.saturating_sub(level.qty);
            self.next += 1;
        }
    }

    /// Goes to the next level.
    #[inline]
    fn advance(&mut self) {
        self.next += 1;
        self.gone_of_next = Qty::ZERO;
    }

    /// The part of `qty` at `price` that the remaining funds pay for.
    #[inline]
    fn affordable(&self, side: Side, price: Price, qty: Qty) -> Qty {
        let unit = self.unit(side, price);
        if unit <= 0 || saturating_product(unit, i128::from(qty.0)) <= self.budget {
            return qty;
        }
        Qty(i64::try_from(self.budget / unit).unwrap_or(i64::MAX))
    }

    /// The part of the budget that one unit of quantity costs.
    #[inline]
    fn unit(&self, side: Side, price: Price) -> i128 {
        match side {
            Side::Buy => {
                let all_in = i128::from(price.0) * i128::from(self.factor);
                saturating_product(all_in, self.scale)
            }
            Side::Sell => self.scale,
        }
    }

    /// Takes a quantity off the budget. The caller has checked that it is affordable, so the
    /// product fits.
    #[inline]
    fn spend(&mut self, side: Side, price: Price, qty: Qty) {
        self.budget -= saturating_product(self.unit(side, price), i128::from(qty.0));
    }
}

/// The best price that an order of that side would take, over the trusted books of all usable
/// venues.
pub fn best_price(market: &RoutingView<'_>, instrument: InstrumentId, side: Side) -> Option<Price> {
    let mut best: Option<Price> = None;
    for index in 0..market.reference.venues.len() {
        let venue = VenueId(index as u8);
        let Some((_, book)) = usable(market, instrument, venue).ok() else { continue };
        let Some(level) = book.opposite(side).best() else { continue };
        best = Some(match (best, side) {
            (None, _) => level.price,
            (Some(known), Side::Buy) => known.min(level.price),
            (Some(known), Side::Sell) => known.max(level.price),
        });
    }
    best
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

/// The venue's terms and book; the verdict if they cannot be used now.
fn usable<'a>(
    market: &RoutingView<'a>,
    instrument: InstrumentId,
    venue: VenueId,
) -> Result<(&'a ListingDef, &'a Book), Verdict> {
    let listing = match market.reference.listing(instrument, venue) {
        Some(listing) if listing.enabled => listing,
        Some(_) | None => return Err(Verdict::NotListed),
    };
    let state = &market.venues[venue.index()];
    if !state.up {
        return Err(Verdict::VenueDown);
    }
    let book = &market.books[instrument.index() * VENUES_MAX + venue.index()];
    if book.trust != Trust::Proved {
        return Err(Verdict::Untrusted);
    }
    let alive_at = book.changed_at.max(state.feed_alive_at);
    if market.now.since(alive_at) > market.reference.venues[venue.index()].stale_after_ns {
        return Err(Verdict::Stale);
    }
    if book.is_crossed() {
        return Err(Verdict::Crossed);
    }
    Ok((listing, book))
}

/// As [`usable`], and the order may go to the venue.
fn eligible<'a>(
    market: &RoutingView<'a>,
    request: &RouteRequest,
    venue: VenueId,
) -> Result<(&'a ListingDef, &'a Book), Verdict> {
    let (listing, book) = usable(market, request.instrument, venue)?;
    if request.excluded.has(venue) {
        return Err(Verdict::NotNamed);
    }
    if request.closed.has(venue) {
        return Err(Verdict::Drained);
    }
    if request.avoided.has(venue) {
        return Err(Verdict::Avoided);
    }
    if request.faded.has(venue) && book.changed_at <= request.faded_at {
        return Err(Verdict::Faded);
    }
    if book.closed.is_on(market.now) {
        return Err(Verdict::MarketClosed);
    }
    let state = &market.venues[venue.index()];
    if let Some(verdict) = state.refuses(market.now) {
        return Err(verdict);
    }
    let def = &market.reference.venues[venue.index()];
    if state.sent.is_full(market.now.0, def.rate_window_ns, def.rate_orders) {
        return Err(Verdict::NoRate);
    }
    if state.unanswered >= state.unanswered_max(def.unanswered_max) {
        return Err(Verdict::Busy);
    }
    Ok((listing, book))
}

/// Makes a plan for a request.
pub fn plan(market: &RoutingView<'_>, request: &RouteRequest) -> Plan {
    let mut plan = Plan {
        takes: [PlannedChild::default(); VENUES_MAX],
        takes_len: 0,
        rest: None,
        lines: [NO_LINE; VENUES_MAX],
        lines_len: market.reference.venues.len(),
    };
    let mut candidates = [None; VENUES_MAX];
    let lines = plan.lines[..plan.lines_len].iter_mut().enumerate();
    for ((index, line), slot) in lines.zip(&mut candidates) {
        *slot = candidate(market, request, index, line);
    }
    let limit = request.limit.or_else(|| {
        let best = best_price(market, request.instrument, request.side)?;
        Some(worse_by(best, request.side, request.collar_ppm))
    });
    let Some(limit) = limit else { return plan };
    let candidates = &mut candidates[..plan.lines_len];
    if request.tif == TimeInForce::Fok {
        whole(market, request, limit, candidates, &mut plan);
        return plan;
    }
    let left = sweep(market, request, limit, candidates, &mut plan);
    let rests = request.tif.waits();
    if rests && request.limit.is_some() && !left.is_zero() {
        plan.rest = resting_place(market, request, limit, left, candidates, &mut plan.lines);
    }
    plan
}

const NO_LINE: VenueLine = VenueLine {
    venue: VenueId(0),
    verdict: Verdict::NotListed,
    qty: Qty::ZERO,
    price: Price(0),
    best: Price(0),
    best_all_in: 0,
    age_ns: 0,
};

fn candidate<'a>(
    market: &RoutingView<'a>,
    request: &RouteRequest,
    index: usize,
    line: &mut VenueLine,
) -> Option<Candidate<'a>> {
    line.venue = VenueId(index as u8);
    let (listing, book) = match eligible(market, request, line.venue) {
        Ok(found) => found,
        Err(verdict) => {
            line.verdict = verdict;
            return None;
        }
    };
    let own = book.own_best(request.side.opposite());
    let mut levels = book.opposite(request.side).as_slice();
    if let Some(own) = own {
        let free = levels.iter().take_while(|level| !reaches(level.price, own, request.side));
        levels = &levels[..free.count()];
    }
    let fee = i64::from(listing.taker_fee.0);
    let def = market.reference.instrument_of(request.instrument);
    let factor = match request.side {
        Side::Buy => PPM as i64 + fee,
        Side::Sell => PPM as i64 - fee,
    };
    let (scale, budget) = funds(market, def, line.venue, request.side);
    line.verdict =
        if levels.is_empty() && own.is_some() { Verdict::OwnOrder } else { Verdict::WorsePrice };
    line.age_ns = market.now.since(book.changed_at);
    if let Some(best) = levels.first() {
        line.best = best.price;
        line.best_all_in = i128::from(best.price.0) * i128::from(factor);
    }
    let mut candidate = Candidate {
        listing,
        book,
        levels,
        next: 0,
        gone: book.gone(request.side),
        gone_of_next: Qty::ZERO,
        own,
        factor,
        scale,
        budget,
        taken: Qty::ZERO,
        worst: Price(0),
        line: index,
        open: true,
    };
    candidate.rewind();
    Some(candidate)
}

/// One unit of price (buy) or of quantity (sell) in units of the funds, and the funds. For a buy
/// both are times a million, because the all-in factor is.
fn funds(
    market: &RoutingView<'_>,
    def: &InstrumentDef,
    venue: VenueId,
    side: Side,
) -> (i128, i128) {
    match side {
        Side::Buy => {
            let available = market.ledger.funds(venue, def.quote).available(market.now).0.max(0);
            (amount_of(def, Notional(1)).0, saturating_product(available, PPM))
        }
        Side::Sell => {
            let available = market.ledger.funds(venue, def.base).available(market.now).0.max(0);
            (ten_to(AMOUNT_DECIMALS - u32::from(def.qty_decimals)), available)
        }
    }
}

/// Whether an order of that side and price would trade against one at `own`.
fn reaches(price: Price, own: Price, side: Side) -> bool {
    within(price, own, side)
}

fn within(limit: Price, price: Price, side: Side) -> bool {
    match side {
        Side::Buy => price <= limit,
        Side::Sell => price >= limit,
    }
}

/// Takes levels cheapest first. A venue whose share is below its minimum is left out and the sweep
/// is made again, at most once per venue. Returns the quantity that is left.
fn sweep(
    market: &RoutingView<'_>,
    request: &RouteRequest,
    limit: Price,
    candidates: &mut [Option<Candidate<'_>>],
    plan: &mut Plan,
) -> Qty {
    let def = market.reference.instrument_of(request.instrument);
    for _ in 0..=VENUES_MAX {
        take_levels(request, limit, candidates, &mut plan.lines);
        let mut sound = true;
        for slot in candidates.iter_mut() {
            let Some(c) = slot else { continue };
            let share = c.taken.floor_to(c.listing.lot).min(c.listing.qty_max);
            if c.taken.is_zero() || is_enough(def, c.listing, share, c.worst) {
                c.taken = share;
                continue;
            }
            plan.lines[c.line].verdict = Verdict::BelowMinimum;
            c.open = false;
            sound = false;
        }
        if sound {
            break;
        }
        for c in candidates.iter_mut().flatten() {
            restart(market, request, def, c);
        }
    }
    remainder::settle(market, request, limit, candidates);
    let mut left = request.qty;
    for c in candidates.iter().flatten().filter(|c| !c.taken.is_zero()) {
        let price = with_slack(request, limit, c);
        plan.takes[plan.takes_len] = PlannedChild { venue: c.listing.venue, qty: c.taken, price };
        plan.takes_len += 1;
        let line = &mut plan.lines[c.line];
        (line.verdict, line.qty, line.price) = (Verdict::Taken, c.taken, price);
        left = left.saturating_sub(c.taken);
    }
    left
}

/// The limit of a child that takes: a little beyond the worst level that the child is meant for,
/// within the order's limit and the funds. The venue's real book may have moved a little since
/// ours.
fn with_slack(request: &RouteRequest, limit: Price, c: &Candidate<'_>) -> Price {
    let loose = worse_by(c.worst, request.side, request.slack_ppm);
    let loose = if within(limit, loose, request.side) { loose } else { limit };
    let price = on_tick(loose, c.listing, request.side);
    let dearer = !within(c.worst, price, request.side)
        && c.own.is_none_or(|own| !reaches(price, own, request.side));
    let more = match request.side {
        Side::Buy => Price(price.0.saturating_sub(c.worst.0)),
        Side::Sell => Price(0),
    };
    let affordable = c.affordable(request.side, more, c.taken) == c.taken;
    if dearer && affordable { price } else { c.worst }
}

fn restart(
    market: &RoutingView<'_>,
    request: &RouteRequest,
    def: &InstrumentDef,
    c: &mut Candidate<'_>,
) {
    c.rewind();
    (c.scale, c.budget) = funds(market, def, c.listing.venue, request.side);
}

fn take_levels(
    request: &RouteRequest,
    limit: Price,
    candidates: &mut [Option<Candidate<'_>>],
    lines: &mut [VenueLine; VENUES_MAX],
) {
    let side = request.side;
    let mut left = request.qty;
    // Ends: each turn passes a level or ends a venue's levels.
    while !left.is_zero() {
        let mut best: Option<(i128, Level, usize)> = None;
        for (at, slot) in candidates.iter().enumerate() {
            let Some(c) = slot else { continue };
            if !c.open {
                continue;
            }
            let Some((key, level)) = c.key(side) else { continue };
            if best.is_none_or(|(known, _, _)| key < known) {
                best = Some((key, level, at));
            }
        }
        let Some((_, level, at)) = best else { return };
        let Some(c) = &mut candidates[at] else { return };
        if !within(limit, level.price, side) {
            if c.taken.is_zero() {
                lines[c.line].verdict = Verdict::BeyondLimit;
            }
            c.next = c.levels.len();
            continue;
        }
        let wanted = level.qty.min(left);
        let qty = c.affordable(side, level.price, wanted);
        if qty < wanted {
            // The funds end within this level, and the venue's share with them.
            c.next = c.levels.len();
            if c.taken.is_zero() && qty.is_zero() {
                lines[c.line].verdict = Verdict::NoFunds;
            }
        } else {
            c.advance();
        }
        if !qty.is_zero() {
            c.spend(side, level.price, qty);
            c.taken = Qty(c.taken.0 + qty.0);
            c.worst = level.price;
            left = left.saturating_sub(qty);
        }
    }
}

/// Whether the share meets the venue's smallest quantity and value.
fn is_enough(def: &InstrumentDef, listing: &ListingDef, qty: Qty, price: Price) -> bool {
    !qty.is_zero()
        && qty >= listing.qty_min
        && amount_of(def, Notional::of(price, qty)) >= listing.notional_min
}

/// Fill or kill: the cheapest single venue whose book shows the whole quantity.
fn whole(
    market: &RoutingView<'_>,
    request: &RouteRequest,
    limit: Price,
    candidates: &mut [Option<Candidate<'_>>],
    plan: &mut Plan,
) {
    let def = market.reference.instrument_of(request.instrument);
    let mut best: Option<(i128, PlannedChild, usize)> = None;
    for c in candidates.iter_mut().flatten() {
        if !market.reference.venues[c.listing.venue.index()].fok {
            plan.lines[c.line].verdict = Verdict::NoFok;
            continue;
        }
        let mut left = request.qty;
        let mut cost = 0_i128;
        while let Some((_, level)) = c.key(request.side) {
            if !within(limit, level.price, request.side) {
                break;
            }
            c.advance();
            let qty = level.qty.min(left);
            if qty.is_zero() || c.affordable(request.side, level.price, qty) < qty {
                break;
            }
            c.spend(request.side, level.price, qty);
            let value = i128::from(level.price.0) * i128::from(c.factor);
            cost = cost.saturating_add(saturating_product(value, i128::from(qty.0)));
            c.worst = level.price;
            left = left.saturating_sub(qty);
        }
        let fits = left.is_zero()
            && request.qty <= c.listing.qty_max
            && request.qty.floor_to(c.listing.lot) == request.qty
            && is_enough(def, c.listing, request.qty, c.worst);
        if !fits {
            plan.lines[c.line].verdict = Verdict::BeyondLimit;
            continue;
        }
        let key = if request.side == Side::Buy { cost } else { -cost };
        if best.is_none_or(|(known, _, _)| key < known) {
            let leg = PlannedChild { venue: c.listing.venue, qty: request.qty, price: c.worst };
            best = Some((key, leg, c.line));
        }
    }
    if let Some((_, leg, line)) = best {
        plan.takes[0] = leg;
        plan.takes_len = 1;
        let line = &mut plan.lines[line];
        (line.verdict, line.qty, line.price) = (Verdict::Taken, leg.qty, leg.price);
    }
}

/// The child that rests: at the venue with the least maker fee, and among equals where its price is
/// nearest to the top of the book.
fn resting_place(
    market: &RoutingView<'_>,
    request: &RouteRequest,
    limit: Price,
    left: Qty,
    candidates: &[Option<Candidate<'_>>],
    lines: &mut [VenueLine; VENUES_MAX],
) -> Option<PlannedChild> {
    let def = market.reference.instrument_of(request.instrument);
    let mut best: Option<((i128, i64), PlannedChild, usize)> = None;
    for c in candidates.iter().flatten() {
        let price = on_tick(limit, c.listing, request.side);
        if c.own.is_some_and(|own| reaches(price, own, request.side)) {
            if c.taken.is_zero() {
                lines[c.line].verdict = Verdict::OwnOrder;
            }
            continue;
        }
        let cap = c.affordable(request.side, price, left);
        let qty = left.min(cap).floor_to(c.listing.lot).min(c.listing.qty_max);
        if price.0 <= 0 || !is_enough(def, c.listing, qty, price) {
            if c.taken.is_zero() {
                let poor = cap < left;
                lines[c.line].verdict = if poor { Verdict::NoFunds } else { Verdict::BelowMinimum };
            }
            continue;
        }
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

/// The nearest price on the venue's tick that is not worse than the limit.
fn on_tick(limit: Price, listing: &ListingDef, side: Side) -> Price {
    let over = limit.0.rem_euclid(listing.tick.0);
    match side {
        Side::Buy => Price(limit.0 - over),
        Side::Sell if over == 0 => limit,
        Side::Sell => Price(limit.0.saturating_add(listing.tick.0 - over)),
    }
}
