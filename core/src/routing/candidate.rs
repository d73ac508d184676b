//! One venue while a plan is made: its terms, its available levels, its funds, and its share.
//!
//! A line belongs here if it looks at one venue alone. Comparing venues is `sweep` and `exact`.

use super::{RouteRequest, RoutingView, reaches, within};
use crate::book::Book;
use crate::input::{FeeTaken, InstrumentDef, Level, ListingDef, Side};
use crate::number::{AMOUNT_DECIMALS, FeePpm, Notional, PPM, Price, Qty, saturating_product};
use crate::output::{VenueLine, Verdict};
use crate::reference::{ListingFees, amount_of, ten_to};

/// Decimals that an all-in value has more than a value: a fee taken in the base asset is compared
/// to a billionth.
pub const ALL_IN_DECIMALS: u32 = 9;

/// The all-in factor of a venue without fees.
const FACTOR_ONE: i64 = 10_i64.pow(ALL_IN_DECIMALS);

/// A value with the taker fee, with [`ALL_IN_DECIMALS`] more decimals: paid by a buy, received by
/// a sell.
pub fn all_in(listing: &ListingDef, side: Side, value: Notional) -> i128 {
    let fees = listing.fees();
    all_in_by(&fees, side, value, all_in_factor(&fees, side))
}

/// As [`all_in`], for fees whose all-in factor is known.
#[inline]
fn all_in_by(fees: &ListingFees, side: Side, value: Notional, factor: i64) -> i128 {
    let one = i128::from(FACTOR_ONE);
    if side == Side::Buy && fees.taken == FeeTaken::Received {
        // `value / (1 - fee)`, rounded down at the last decimal; in two parts, so that it fits.
        let rest = PPM - i128::from(fees.taker.0);
        let (whole, part) = (value.0 / rest, value.0 % rest);
        return saturating_product(whole, one * PPM).saturating_add(part * one * PPM / rest);
    }
    saturating_product(value.0, i128::from(factor.saturating_abs()))
}

/// As [`all_in`], with what the venue's behaviour is expected to cost: more is paid by a buy, less
/// received by a sell.
pub fn effective(listing: &ListingDef, side: Side, value: Notional, behaviour_ppm: u32) -> i128 {
    let cost = saturating_product(value.0, i128::from(behaviour_factor(behaviour_ppm)));
    let all_in = all_in(listing, side, value);
    match side {
        Side::Buy => all_in.saturating_add(cost),
        Side::Sell => all_in.saturating_sub(cost),
    }
}

/// A venue that may get a share of the quantity.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate<'a> {
    /// The instrument.
    pub def: &'a InstrumentDef,
    /// The venue's terms.
    pub listing: &'a ListingDef,
    /// The fees of the account's orders.
    pub fees: ListingFees,
    /// The venue's book.
    pub book: &'a Book,
    /// The levels that the order would take, best last; none at or beyond our own resting order.
    levels: &'a [Level],
    /// The best price of those that are available.
    pub best: Option<Price>,
    /// Quantity at the top of `levels` that is no longer available.
    pub gone: Qty,
    /// Best price of our own resting children on the opposite side; no child may reach it.
    pub own: Option<Price>,
    /// Place of the venue's line in the plan.
    pub line: usize,
    /// The venue's score, in hundredths of a per cent; zero in cost mode.
    pub score: u16,
    /// Quantity that the venue gets.
    pub share: Qty,
    /// Worst price of the levels that the share takes; meaningful for a share above zero.
    pub worst: Price,
    /// Limit of the child that carries the share.
    pub sent_at: Price,
    /// The part of the share that the levels show.
    pub shown: Qty,
    /// Sum of price times quantity over that part.
    pub value: Notional,
    /// Price to effective price, times [`FACTOR_ONE`]; negative for a sell, so that less is better.
    factor: i64,
    /// What the venue's behaviour costs, in parts per million.
    pub behaviour_ppm: u32,
    /// Funds that one unit of price and quantity (buy) or of quantity (sell) locks. For a buy,
    /// times a million.
    lock: i128,
    /// Funds at the venue; for a buy, times a million.
    budget: i128,
    /// The funds carry the whole order at its worst price, and so every share of it.
    pub is_funded: bool,
    side: Side,
    /// The sweep's next level.
    next: usize,
    /// Quantity of the next level that is no longer available.
    gone_of_next: Qty,
    /// Effective cost of a unit at the next level; `i128::MAX` when the candidate can take no more.
    pub next_cost: i128,
    /// Price of the sweep's next level.
    next_price: Price,
}

/// The least that a unit of a side's best level costs at a venue, whatever stands in the way there:
/// [`Candidate::unit_cost`] without the cost of behaviour, which only adds.
pub(crate) fn least_cost(listing: &ListingDef, side: Side, best: Price) -> i128 {
    match best.0 {
        // What is multiplied by a price below zero takes away.
        ..=0 => i128::MIN,
        price => i128::from(price) * i128::from(all_in_factor(&listing.fees(), side)),
    }
}

impl<'a> Candidate<'a> {
    /// The candidate of an eligible venue, with its line completed.
    #[inline]
    pub fn with_line(
        market: &RoutingView<'a>,
        request: &RouteRequest,
        (listing, book): (&'a ListingDef, &'a Book),
        at: usize,
        line: &mut VenueLine,
    ) -> Self {
        let mut c = Self::new(market, request, (listing, book), at);
        let (side, gone) = (request.side, c.gone);
        c.best = first_left(c.levels, gone).map(|level| level.price);
        line.verdict = match (c.best, c.own) {
            (Some(_), _) => Verdict::WorsePrice,
            // Levels that are left lie at or behind our own order.
            (None, Some(own))
                if reaches(request.worst, own, side)
                    && first_left(book.opposite(side).worst_first(), gone).is_some() =>
            {
                Verdict::OwnOrder
            }
            (None, _) => Verdict::TooThin,
        };
        line.age_ns = market.now.since(book.changed_at);
        if let Some(best) = c.best {
            let (value, factor) = (Notional(i128::from(best.0)), all_in_factor(&c.fees, side));
            line.best = best;
            line.best_all_in = all_in_by(&c.fees, side, value, factor);
        }
        line.behaviour_ppm = c.behaviour_ppm;
        c
    }

    /// The candidate of an eligible venue, whose [`Candidate::best`] is not looked for.
    #[inline]
    pub fn new(
        market: &RoutingView<'a>,
        request: &RouteRequest,
        (listing, book): (&'a ListingDef, &'a Book),
        at: usize,
    ) -> Self {
        let side = request.side;
        let own = book.own_best(side.opposite());
        let mut levels = book.opposite(side).worst_first();
        if let Some(own) = own {
            levels = &levels[levels.partition_point(|level| reaches(level.price, own, side))..];
        }
        let behaviour = market.venues[listing.venue.index()].behaviour.measured();
        let behaviour_ppm = behaviour.cost_ppm(market.now, &request.costs);
        let def = market.reference.instrument_of(request.instrument);
        let fees = market.reference.fees(request.account, listing);
        let (lock, budget) = funds(market, def, (listing, &fees), side);
        let factor = all_in_factor(&fees, side) + behaviour_factor(behaviour_ppm);
        let mut c = Self {
            def,
            listing,
            fees,
            book,
            levels,
            best: None,
            gone: book.gone(side),
            own,
            line: at,
            score: 0,
            share: Qty::ZERO,
            worst: Price(0),
            sent_at: Price(0),
            shown: Qty::ZERO,
            value: Notional(0),
            factor,
            behaviour_ppm,
            lock,
            budget,
            is_funded: false,
            side,
            next: 0,
            gone_of_next: book.gone(side),
            next_cost: i128::MAX,
            next_price: Price(0),
        };
        c.is_funded = c.carries(request.worst, request.qty);
        c
    }

    /// The level at a place, from the best one on.
    #[inline]
    pub fn level(&self, at: usize) -> Option<&'a Level> {
        self.levels.len().checked_sub(at + 1).map(|place| &self.levels[place])
    }

    /// Goes to the sweep's next level with an available quantity, from the present one on.
    #[inline]
    pub fn settle(&mut self, limit: Price) {
        // Ends: each turn passes a level.
        while let Some(level) = self.level(self.next) {
            if !within(limit, level.price, self.side) {
                break;
            }
            if level.qty > self.gone_of_next {
                (self.next_cost, self.next_price) = (self.unit_cost(level.price), level.price);
                return;
            }
            self.gone_of_next = self.gone_of_next.saturating_sub(level.qty);
            self.next += 1;
        }
        self.next_cost = i128::MAX;
    }

    /// Takes at most `most` of the sweep's next level, within the funds and the venue's maximum,
    /// and goes on from there. Returns the quantity taken.
    #[inline]
    pub fn take_next(&mut self, limit: Price, most: Qty) -> Qty {
        let Some(level) = self.level(self.next) else {
            self.next_cost = i128::MAX;
            return Qty::ZERO;
        };
        let there = level.qty.saturating_sub(self.gone_of_next);
        let share = self.at_most(level.price, there.min(most));
        let taken = share.saturating_sub(self.share);
        if !taken.is_zero() {
            self.value.0 += Notional::of(level.price, taken).0;
            (self.share, self.shown) = (share, share);
            (self.worst, self.sent_at) = (level.price, level.price);
        }
        if taken < there {
            // Funds, the venue's maximum or the quantity end within this level.
            self.next_cost = i128::MAX;
        } else {
            (self.next, self.gone_of_next) = (self.next + 1, Qty::ZERO);
            self.settle(limit);
        }
        taken
    }

    /// The share after `more` is taken at a price: within the venue's maximum, and within the
    /// funds, which the venue locks at the child's limit for the whole share.
    #[inline]
    fn at_most(&self, price: Price, more: Qty) -> Qty {
        let share = Qty(self.share.0.saturating_add(more.0)).min(self.listing.qty_max);
        if self.is_funded || self.carries(price, share) {
            return share;
        }
        let carried = share.min(self.carried(price));
        if carried > self.share { carried } else { self.share }
    }

    /// Sets the share, and what the levels within `limit` show of it.
    pub fn set_share(&mut self, limit: Price, share: Qty, worst: Price) {
        (self.share, self.worst, self.sent_at) = (share, worst, worst);
        (self.shown, self.value) = (Qty::ZERO, Notional(0));
        let mut left = share;
        for level in self.available(limit) {
            let qty = level.qty.min(left);
            left = left.saturating_sub(qty);
            self.shown = Qty(self.shown.0 + qty.0);
            self.value.0 += Notional::of(level.price, qty).0;
            if left.is_zero() {
                break;
            }
        }
    }

    /// Effective cost of one unit at a price, signed so that less is better for both sides.
    #[inline]
    pub fn unit_cost(&self, price: Price) -> i128 {
        i128::from(price.0) * i128::from(self.factor)
    }

    /// All-in cost of one unit that rests at a price and is taken there, signed as
    /// [`Candidate::unit_cost`].
    pub fn rest_cost(&self, price: Price) -> i128 {
        let factor = factor_of(&self.fees, self.fees.maker, self.side);
        i128::from(price.0) * i128::from(factor)
    }

    /// All-in cost of one unit at a price without the cost of behaviour, signed likewise.
    pub fn unit_all_in(&self, price: Price) -> i128 {
        i128::from(price.0) * i128::from(all_in_factor(&self.fees, self.side))
    }

    /// Whether an order at that price would take from the venue's book at once.
    pub fn would_take(&self, price: Price) -> bool {
        let best = self.book.opposite(self.side).best();
        best.is_some_and(|best| reaches(price, best.price, self.side))
    }

    /// Whether the venue's funds carry a child of that limit and quantity.
    #[inline]
    pub fn carries(&self, limit: Price, qty: Qty) -> bool {
        saturating_product(self.locked(limit), i128::from(qty.0)) <= self.budget
    }

    /// The largest quantity that the funds carry at that limit.
    pub fn carried(&self, limit: Price) -> Qty {
        match self.locked(limit) {
            unit if unit <= 0 => Qty(i64::MAX),
            unit => Qty(i64::try_from(self.budget / unit).unwrap_or(i64::MAX)),
        }
    }

    /// The candidate with the funds that its share leaves.
    pub fn beside_share(&self) -> Self {
        let spent = saturating_product(self.locked(self.sent_at), i128::from(self.share.0));
        let budget = self.budget.saturating_sub(spent).max(0);
        Self { budget, is_funded: false, ..*self }
    }

    /// The part of the budget that one unit of quantity locks at that limit.
    #[inline]
    fn locked(&self, limit: Price) -> i128 {
        match self.side {
            Side::Buy => saturating_product(i128::from(limit.0.max(0)), self.lock),
            Side::Sell => self.lock,
        }
    }

    /// Whether a child of that limit and quantity is as large as the venue asks for.
    #[inline]
    pub fn is_enough(&self, limit: Price, qty: Qty) -> bool {
        is_enough(self.def, self.listing, qty, limit)
    }

    /// Whether the venue takes the share that the sweep has made within its funds and maximum.
    #[inline]
    pub fn takes_swept(&self) -> bool {
        self.share.floor_to(self.listing.lot) == self.share
            && self.is_enough(self.worst, self.share)
    }

    /// Price of the sweep's next level.
    pub const fn price_next(&self) -> Price {
        self.next_price
    }

    /// Whether the sweep could take more here.
    pub const fn could_take_more(&self) -> bool {
        self.next_cost != i128::MAX
    }

    /// Whether the funds carry the venue's smallest quantity at the sweep's next level.
    pub fn carries_a_lot(&self) -> bool {
        self.carries(self.next_price, Qty(self.listing.qty_min.0.max(self.listing.lot.0)))
    }

    /// Whether the levels show more within a limit than the share takes.
    pub fn shows_more(&self, limit: Price) -> bool {
        let mut upto = Qty::ZERO;
        self.available(limit).any(|level| {
            upto = Qty(upto.0.saturating_add(level.qty.0));
            upto > self.share
        })
    }

    /// Worst price of a share; that of the last level for a larger one than the levels show.
    pub fn price_at(&self, limit: Price, share: Qty) -> Price {
        let (mut upto, mut last) = (Qty::ZERO, Price(0));
        for level in self.available(limit) {
            (upto, last) = (Qty(upto.0.saturating_add(level.qty.0)), level.price);
            if upto >= share {
                break;
            }
        }
        last
    }

    /// The smallest child of at most `most` that the venue takes, whatever its funds, with its
    /// limit. `None` if it takes none, or shows no level.
    pub fn smallest(&self, limit: Price, most: Qty) -> Option<(Qty, Price)> {
        let (mut upto, mut last) = (0_i64, None);
        let most = most.min(self.listing.qty_max);
        for level in self.available(limit) {
            let from = upto.saturating_add(1).max(self.listing.qty_min.0);
            upto = upto.saturating_add(level.qty.0);
            last = Some(level.price);
            if let Some(least) = self.enough_from(level.price, from).filter(|least| *least <= upto)
            {
                return (least <= most.0).then_some((Qty(least), level.price));
            }
        }
        let least = self.enough_from(last?, upto.saturating_add(1).max(self.listing.qty_min.0))?;
        (least <= most.0).then_some((Qty(least), last?))
    }

    /// The smallest whole number of lots from `from` up whose value at a limit is enough.
    pub fn enough_from(&self, limit: Price, from: i64) -> Option<i64> {
        let lot = self.listing.lot.0;
        let whole = |qty: i64| qty.checked_add(lot - 1).map(|qty| qty / lot * lot);
        let least = whole(from)?;
        if self.is_enough(limit, Qty(least)) {
            return Some(least);
        }
        let unit = amount_of(self.def, Notional::of(limit, Qty(1))).0;
        if unit <= 0 {
            return None;
        }
        let needed = self.listing.notional_min.0.saturating_add(unit - 1) / unit;
        whole(i64::try_from(needed).ok()?.max(from))
    }

    /// The levels with the quantity that is available, within a limit.
    pub fn available(&self, limit: Price) -> impl Iterator<Item = Level> + use<'a> {
        let (side, mut gone, levels) = (self.side, self.gone, self.levels);
        levels.iter().rev().take_while(move |level| within(limit, level.price, side)).filter_map(
            move |level| {
                let qty = level.qty.saturating_sub(gone);
                gone = gone.saturating_sub(level.qty);
                (!qty.is_zero()).then_some(Level { price: level.price, qty })
            },
        )
    }
}

/// The best of some levels, best last, that is not gone.
#[inline]
fn first_left(levels: &[Level], mut gone: Qty) -> Option<&Level> {
    levels.iter().rev().find(|level| {
        let left = level.qty > gone;
        gone = gone.saturating_sub(level.qty);
        left
    })
}

/// Whether a quantity meets the venue's smallest quantity and value at a limit price.
pub(super) fn is_enough(def: &InstrumentDef, listing: &ListingDef, qty: Qty, limit: Price) -> bool {
    !qty.is_zero()
        && qty >= listing.qty_min
        && amount_of(def, Notional::of(limit, qty)) >= listing.notional_min
}

/// What a cost of behaviour adds to the factor of a unit, on either side.
const fn behaviour_factor(behaviour_ppm: u32) -> i64 {
    behaviour_ppm as i64 * (FACTOR_ONE / PPM as i64)
}

/// A buy pays `price * (1 + fee)` for a unit; where the fee is taken in the base asset, it pays
/// `price` for `1 - fee` of a unit. A sell receives `price * (1 - fee)`.
pub(super) fn all_in_factor(fees: &ListingFees, side: Side) -> i64 {
    factor_of(fees, fees.taker, side)
}

/// As [`all_in_factor`], with another fee.
fn factor_of(fees: &ListingFees, fee: FeePpm, side: Side) -> i64 {
    const ONE: i64 = PPM as i64;
    let fee = i64::from(fee.0);
    match (side, fees.taken) {
        (Side::Buy, FeeTaken::Received) => FACTOR_ONE * ONE / (ONE - fee),
        (Side::Buy, FeeTaken::Quote | FeeTaken::Other) => (ONE + fee) * (FACTOR_ONE / ONE),
        (Side::Sell, _) => (fee - ONE) * (FACTOR_ONE / ONE),
    }
}

/// What one unit locks, and the funds. The venue locks a child at its limit price; a fee on top
/// only where the fee is taken in the quote asset.
fn funds(
    market: &RoutingView<'_>,
    def: &InstrumentDef,
    (listing, fees): (&ListingDef, &ListingFees),
    side: Side,
) -> (i128, i128) {
    let funds = |asset| market.ledger.funds(listing.venue, asset).available(market.now).0.max(0);
    match side {
        Side::Buy => {
            let unit = PPM + i128::from(fees.locked_ppm());
            (amount_of(def, Notional(unit)).0, saturating_product(funds(def.quote), PPM))
        }
        Side::Sell => (ten_to(AMOUNT_DECIMALS - u32::from(def.qty_decimals)), funds(def.base)),
    }
}
