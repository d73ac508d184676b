//! The price of one order: as routed, and at each venue alone.
//!
//! A line belongs here if it prices one order. Sums over orders are `savings`.

use crate::client::{Execution, Side};
use crate::harness::{Arrival, Book, Books, USUAL, VenueFill};

/// Parts per million.
pub(super) const PPM: i128 = 1_000_000;

/// Factor from price times quantity (10^-16) to 10^-18.
const E16_TO_E18: i128 = 100;

/// Divisor from a base amount (10^-18) times a price (10^-8) to a quote amount in 10^-18.
const PRICE_ONE: i128 = 100_000_000;

/// Sums over the executions of an order so far.
#[derive(Clone, Debug, Default)]
pub struct Paid {
    /// Quantity, in 10^-8.
    pub qty_e8: i64,
    /// Price times quantity, in 10^-18 quote units.
    pub notional_e18: i128,
    /// Fees, in 10^-18 quote units.
    pub fees_e18: i128,
    /// Whether a part filled as maker.
    pub maker: bool,
    /// The executions; `trade_id` is 0.
    pub fills: Vec<VenueFill>,
}

impl Paid {
    /// Adds an execution; `quote` is the quote asset's name.
    pub fn add(&mut self, execution: &Execution, quote: &str, fill: VenueFill) {
        let price = i128::from(execution.price_e8);
        self.qty_e8 += execution.qty_e8;
        self.notional_e18 += price * i128::from(execution.qty_e8) * E16_TO_E18;
        self.fees_e18 += if execution.fee_asset == quote {
            execution.fee_e18
        } else {
            execution.fee_e18 * price / PRICE_ONE
        };
        self.maker |= execution.maker;
        self.fills.push(fill);
    }

    /// The amount that a buyer paid or a seller received, fees included, in 10^-18 quote units.
    pub(super) fn all_in_e18(&self, side: Side) -> i128 {
        match side {
            Side::Buy => self.notional_e18 + self.fees_e18,
            Side::Sell => self.notional_e18 - self.fees_e18,
        }
    }
}

/// A taking order that has ended.
#[derive(Clone, Copy, Debug)]
pub struct Ended<'a> {
    /// `ClOrdID` (11).
    pub id: &'a str,
    /// Index into the markets.
    pub market: usize,
    /// Side.
    pub side: Side,
    /// Limit price, in 10^-8; `None` for a market order.
    pub limit_e8: Option<i64>,
    /// The executions.
    pub paid: &'a Paid,
}

/// All-in amounts of one order, in 10^-18 quote units: paid by a buyer, received by a seller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Priced {
    /// Filled quantity at the middle price.
    pub middle: i128,
    /// As routed.
    pub routed: i128,
    /// At each venue alone, by place in [`USUAL`]; `None` if its book did not hold the quantity.
    pub alone: [Option<i128>; USUAL.len()],
}

impl Priced {
    pub(super) fn of(order: &Ended<'_>, arrival: &Arrival, fees_ppm: &[u32]) -> Option<Self> {
        let qty_e8 = order.paid.qty_e8;
        let middle = middle_e8(&arrival.books, order.side)?;
        Some(Self {
            middle: i128::from(middle) * i128::from(qty_e8) * E16_TO_E18,
            routed: order.paid.all_in_e18(order.side),
            alone: USUAL.map(|venue| {
                let (fee, book) = (fees_ppm[venue.index()], &arrival.books[venue.index()]);
                cost_alone_e18(fee, book, order.side, order.limit_e8, qty_e8)
            }),
        })
    }

    /// The cost of an amount: above the middle for a buyer, below for a seller.
    pub fn cost(&self, side: Side, all_in: i128) -> i128 {
        match side {
            Side::Buy => all_in - self.middle,
            Side::Sell => self.middle - all_in,
        }
    }

    /// The lowest cost at one venue alone.
    pub(super) fn best_cost(&self, side: Side) -> Option<i128> {
        self.alone.iter().flatten().map(|all_in| self.cost(side, *all_in)).min()
    }
}

/// Middle between the best bid and the best ask of all venues. If a side is empty, the best price
/// that the order could have met.
pub(super) fn middle_e8(books: &Books, side: Side) -> Option<i64> {
    let bid = books.iter().filter_map(|book| book.bids.first()).map(|(price, _)| *price).max();
    let ask = books.iter().filter_map(|book| book.asks.first()).map(|(price, _)| *price).min();
    match (bid, ask) {
        (Some(bid), Some(ask)) => Some(bid.midpoint(ask)),
        (bid, ask) => match side {
            Side::Buy => ask,
            Side::Sell => bid,
        },
    }
}

/// Cost of a purchase, or proceeds of a sale, at one venue alone, fee included, in 10^-18 quote
/// units. `None` if the venue's book does not hold the quantity within the limit.
pub(super) fn cost_alone_e18(
    fee_ppm: u32,
    book: &Book,
    side: Side,
    limit_e8: Option<i64>,
    qty_e8: i64,
) -> Option<i128> {
    let (levels, fee_sign) = match side {
        Side::Buy => (&book.asks, 1),
        Side::Sell => (&book.bids, -1),
    };
    let mut left = qty_e8;
    let mut notional_e18 = 0;
    for (price, available) in levels {
        let too_far = limit_e8.is_some_and(|limit| match side {
            Side::Buy => *price > limit,
            Side::Sell => *price < limit,
        });
        if too_far || left == 0 {
            break;
        }
        let taken = left.min(*available);
        left -= taken;
        notional_e18 += i128::from(*price) * i128::from(taken) * E16_TO_E18;
    }
    (left == 0).then(|| notional_e18 + fee_sign * (notional_e18 * i128::from(fee_ppm) / PPM))
}
