//! What a venue can take: cost and worst price of a share, and the shares that the venue accepts.
//!
//! A line belongs here if it is about the shares of one venue. Choosing shares is `exact`.
//!
//! A share may be larger than the book shows, for a venue's minimum is about the child and not
//! about its fills. The quantity beyond the last level counts as not filled.

use super::candidate::Candidate;
use crate::number::{Price, Qty, saturating_product};

/// Cost of a quantity: first of all what is not filled, then money, then what is sent beyond the
/// levels. Less is better.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Cost {
    /// Quantity that is not filled.
    pub unfilled: i64,
    /// All-in money; negative for a sell.
    pub money: i128,
    /// Quantity that is sent and that no level fills.
    pub excess: i64,
}

impl Cost {
    /// Sum; stops at the ends of the range.
    #[inline]
    pub fn plus(self, other: Self) -> Self {
        let unfilled = self.unfilled.checked_add(other.unfilled);
        let money = self.money.checked_add(other.money);
        let excess = self.excess.checked_add(other.excess);
        match (unfilled, money, excess) {
            (Some(unfilled), Some(money), Some(excess)) => Self { unfilled, money, excess },
            _ => self.plus_at_the_end(other),
        }
    }

    /// Apart, because the ends of the range would cost each sum more than the sum itself.
    #[cold]
    #[inline(never)]
    fn plus_at_the_end(self, other: Self) -> Self {
        Self {
            unfilled: self.unfilled.saturating_add(other.unfilled),
            money: self.money.saturating_add(other.money),
            excess: self.excess.saturating_add(other.excess),
        }
    }

    /// Difference; stops at the ends of the range.
    #[inline]
    pub fn minus(self, other: Self) -> Self {
        let unfilled = self.unfilled.checked_sub(other.unfilled);
        let money = self.money.checked_sub(other.money);
        let excess = self.excess.checked_sub(other.excess);
        match (unfilled, money, excess) {
            (Some(unfilled), Some(money), Some(excess)) => Self { unfilled, money, excess },
            _ => self.minus_at_the_end(other),
        }
    }

    #[cold]
    #[inline(never)]
    fn minus_at_the_end(self, other: Self) -> Self {
        Self {
            unfilled: self.unfilled.saturating_sub(other.unfilled),
            money: self.money.saturating_sub(other.money),
            excess: self.excess.saturating_sub(other.excess),
        }
    }

    /// So many times this cost, of at least zero; stops at the ends of the range.
    #[inline]
    pub fn times(self, count: i64) -> Self {
        if count == 1 {
            return self;
        }
        if (self.unfilled, self.excess) == (0, 0) {
            return Self { money: times(self.money, count), ..Self::default() };
        }
        Self {
            unfilled: self.unfilled.saturating_mul(count),
            money: times(self.money, count),
            excess: self.excess.saturating_mul(count),
        }
    }

    /// This cost beside a quantity that is not sent.
    pub fn with_unsent(self, qty: i64) -> Self {
        self.plus(Self { unfilled: qty, ..Self::default() })
    }

    /// Whether this cost is less. The derived comparison copies both costs.
    #[inline]
    pub fn is_below(&self, other: &Self) -> bool {
        if self.unfilled != other.unfilled {
            return self.unfilled < other.unfilled;
        }
        if self.money != other.money {
            return self.money < other.money;
        }
        self.excess < other.excess
    }
}

/// Money of a quantity at a price of one unit, which is negative for a sell.
#[inline]
pub(super) fn times(unit: i128, qty: i64) -> i128 {
    if let Ok(unit) = i64::try_from(unit) {
        // Two factors of 64 bits always fit.
        return i128::from(unit).wrapping_mul(i128::from(qty));
    }
    times_of_wide(unit, qty)
}

#[inline(never)]
fn times_of_wide(unit: i128, qty: i64) -> i128 {
    let size = saturating_product(unit.saturating_abs(), i128::from(qty));
    if unit < 0 { -size } else { size }
}

/// One available level, with the sums up to its end. The last row stands for the quantity beyond
/// the levels.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Row {
    /// Price of the level.
    pub price: Price,
    /// Cost of one unit.
    unit: Cost,
    /// Quantity up to the end of the level.
    pub upto: i64,
    /// Cost of that quantity.
    cost: Cost,
}

/// Appends the rows of a candidate's available levels within `limit`, as far as `qty` needs them.
pub(super) fn push_rows(rows: &mut Vec<Row>, c: &Candidate<'_>, limit: Price, qty: Qty) {
    let mut last = Row::default();
    for level in c.available(limit) {
        if last.upto >= qty.0 || rows.len() == rows.capacity() {
            return;
        }
        let unit = Cost { money: c.unit_cost(level.price), ..Cost::default() };
        let upto = last.upto.saturating_add(level.qty.0);
        let cost = last.cost.plus(unit.times(level.qty.0));
        last = Row { price: level.price, unit, upto, cost };
        rows.push(last);
    }
    if last.upto > 0 && last.upto < qty.0 && rows.len() < rows.capacity() {
        let unit = Cost { unfilled: 1, money: 0, excess: 1 };
        let cost = last.cost.plus(unit.times(qty.0 - last.upto));
        rows.push(Row { price: last.price, unit, upto: qty.0, cost });
    }
}

/// The shares of one venue. A share is a whole number of lots.
#[derive(Clone, Copy)]
pub(super) struct Share<'a> {
    /// The venue.
    pub candidate: &'a Candidate<'a>,
    /// Its available levels.
    pub rows: &'a [Row],
    /// Place of the venue among the candidates.
    pub at: usize,
    /// Quantity that is routed.
    pub asked: i64,
}

/// So many lots as a quantity has. The usual lot needs no division.
#[inline]
const fn lots_in(qty: i64, lot: i64) -> i64 {
    if lot == 1 { qty } else { qty / lot }
}

impl Share<'_> {
    /// Quantity step.
    pub fn lot(&self) -> i64 {
        self.candidate.listing.lot.0
    }

    /// The row that holds the last unit of a share above zero.
    pub fn row_of(&self, qty: i64) -> usize {
        self.rows.partition_point(|row| row.upto < qty)
    }

    /// The quantity that the levels show.
    pub fn shown(&self) -> i64 {
        match self.rows {
            [.., last, beyond] if beyond.unit.unfilled > 0 => last.upto,
            [.., last] => last.upto,
            [] => 0,
        }
    }

    /// Quantity before a row.
    fn before(&self, row: usize) -> i64 {
        row.checked_sub(1).map_or(0, |row| self.rows[row].upto)
    }

    /// Cost of a share.
    pub fn cost(&self, qty: i64) -> Cost {
        if qty == 0 { Cost::default() } else { self.cost_in(qty, self.row_of(qty)) }
    }

    /// Cost of a share whose last unit is in that row.
    pub fn cost_in(&self, qty: i64, row: usize) -> Cost {
        self.rows
            .get(row)
            .map_or(Cost::default(), |found| found.cost.minus(found.unit.times(found.upto - qty)))
    }

    /// Whether the funds carry a share whose worst price is that of one of the rows.
    #[inline]
    fn is_carried(&self, price: Price, qty: i64) -> bool {
        self.candidate.is_funded && qty <= self.asked || self.candidate.carries(price, Qty(qty))
    }

    /// The next lots after `qty` that cost the same, within a quantity of `most`, which has one at
    /// least: their number and the cost of one. `row` is at or before the row of the next unit, and
    /// goes there.
    #[inline]
    pub fn next_lots(&self, qty: i64, row: &mut usize, most: i64) -> (i64, Cost) {
        // Ends: each turn passes a row.
        while self.rows[*row].upto <= qty {
            *row += 1;
        }
        let (here, lot) = (&self.rows[*row], self.lot());
        let whole = lots_in((here.upto - qty).min(most), lot);
        if whole > 0 {
            return (whole, here.unit.times(lot));
        }
        // The next lot lies across the ends of rows.
        let (next, mut end) = (qty + lot, *row);
        while self.rows[end].upto < next {
            end += 1;
        }
        (1, self.cost_in(next, end).minus(self.cost_in(qty, *row)))
    }

    /// Worst price of a share above zero.
    pub fn worst(&self, qty: i64) -> Price {
        self.rows.get(self.row_of(qty)).or(self.rows.last()).map_or(Price(0), |row| row.price)
    }

    /// Whether the venue takes a share, or the share is zero.
    pub fn takes(&self, qty: i64) -> bool {
        let c = self.candidate;
        let price = || self.rows.get(self.row_of(qty)).map(|row| row.price);
        let is_taken = |price| self.is_carried(price, qty) && c.is_enough(price, Qty(qty));
        let lot = self.lot();
        let is_whole = (lot == 1 || qty % lot == 0) && qty <= c.listing.qty_max.0;
        qty == 0 || is_whole && price().is_some_and(is_taken)
    }

    /// The quantity up to the end of the level that the next unit after a share would take, and the
    /// cost of that unit; `None` if no level shows it.
    pub fn level_after(&self, qty: i64) -> Option<(i64, Cost)> {
        let row = self.rows.get(self.row_of(qty + 1))?;
        (row.unit.unfilled == 0).then_some((row.upto, row.unit))
    }

    /// The largest share up to `qty` that the venue takes; zero if it takes none.
    pub fn at_or_below(&self, qty: i64) -> i64 {
        let Some(last) = self.rows.last() else { return 0 };
        let qty = qty.min(last.upto).min(self.candidate.listing.qty_max.0);
        if qty <= 0 {
            return 0;
        }
        // Ends: each turn goes to a better row.
        for row in (0..=self.row_of(qty)).rev() {
            let (price, before) = (self.rows[row].price, self.before(row));
            let mut most = Qty(qty.min(self.rows[row].upto));
            if !self.is_carried(price, most.0) {
                most = most.min(self.candidate.carried(price));
            }
            let most = most.floor_to(self.candidate.listing.lot);
            // Within a row a smaller share is worth less, so only the largest is asked about.
            if most.0 > before && self.candidate.is_enough(price, most) {
                return most.0;
            }
        }
        0
    }

    /// The smallest share from `qty` up that the venue takes; `None` if there is none.
    pub fn at_or_above(&self, qty: i64) -> Option<i64> {
        let c = self.candidate;
        let qty = qty.max(c.listing.qty_min.0).max(1);
        for row in self.row_of(qty)..self.rows.len() {
            let Row { price, upto, .. } = self.rows[row];
            let from = qty.max(self.before(row) + 1);
            let Some(least) = c.enough_from(price, from) else { continue };
            if least <= upto.min(c.listing.qty_max.0) && self.is_carried(price, least) {
                return Some(least);
            }
        }
        None
    }
}
