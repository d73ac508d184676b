//! The saving of routing against the best single venue.
//!
//! A line belongs here if it prices an order. Method: when a taking order is sent (market, or a
//! limit beyond the best price), the visible books of all venues are copied out of the simulated
//! venues. When the order has ended, its filled quantity is priced against each copy alone: level
//! by level, within the order's limit, with the venue's taker fee added (subtracted for a sale).
//! The cheapest venue that could have filled the whole quantity is the benchmark. The order's own
//! cost is the sum of its executions and reported fees; a fee in the base asset is valued at the
//! execution's price. The saving is positive when routing was cheaper. Sums are over quote value,
//! so a large order weighs more.
//!
//! Two kinds of orders are not compared, but counted apart. For orders of which a part filled as
//! maker, no book tells the cost of waiting elsewhere. The others are orders that no single venue
//! could have filled. Moves of the market between copy and execution stay in the result, in either
//! direction.

use rutter_sim::Venue;

use crate::client::{Execution, Side};
use crate::harness::Book;

/// Parts per million.
const PPM: i128 = 1_000_000;

/// Factor from price times quantity (10^-16) to 10^-18.
const E16_TO_E18: i128 = 100;

/// Divisor from a base amount (10^-18) times a price (10^-8) to a quote amount in 10^-18.
const PRICE_ONE: i128 = 100_000_000;

/// The books of all venues when an order was sent, by [`Venue::index`].
pub type Books = [Book; Venue::ALL.len()];

/// Sums over the executions of an order so far.
#[derive(Clone, Copy, Debug, Default)]
pub struct Paid {
    /// Quantity, in 10^-8.
    pub qty_e8: i64,
    /// Price times quantity, in 10^-18 quote units.
    pub notional_e18: i128,
    /// Fees, in 10^-18 quote units.
    pub fees_e18: i128,
    /// Whether a part filled as maker.
    pub maker: bool,
}

impl Paid {
    /// Adds an execution; `quote` is the quote asset's name.
    pub fn add(&mut self, execution: &Execution, quote: &str) {
        let price = i128::from(execution.price_e8);
        self.qty_e8 += execution.qty_e8;
        self.notional_e18 += price * i128::from(execution.qty_e8) * E16_TO_E18;
        self.fees_e18 += if execution.fee_asset == quote {
            execution.fee_e18
        } else {
            execution.fee_e18 * price / PRICE_ONE
        };
        self.maker |= execution.maker;
    }

    /// The amount that a buyer paid or a seller received, fees included, in 10^-18 quote units.
    fn all_in_e18(&self, side: Side) -> i128 {
        match side {
            Side::Buy => self.notional_e18 + self.fees_e18,
            Side::Sell => self.notional_e18 - self.fees_e18,
        }
    }
}

/// The running comparison.
#[derive(Clone, Copy, Debug)]
pub struct Savings {
    /// By [`Venue::index`].
    taker_fees_ppm: [u32; Venue::ALL.len()],
    saved_e18: i128,
    benchmark_e18: i128,
    /// Orders compared.
    pub compared: u64,
    /// Orders of which a part filled as maker.
    pub resting: u64,
    /// Orders that no single venue could have filled.
    pub beyond_one_venue: u64,
}

impl Default for Savings {
    fn default() -> Self {
        Self {
            taker_fees_ppm: Venue::ALL.map(|venue| venue.terms().exchange_config().taker_fee_ppm),
            saved_e18: 0,
            benchmark_e18: 0,
            compared: 0,
            resting: 0,
            beyond_one_venue: 0,
        }
    }
}

impl Savings {
    /// Compares an order that has ended with the books of the time when it was sent.
    pub fn compare(&mut self, side: Side, limit_e8: Option<i64>, paid: &Paid, books: &Books) {
        if paid.qty_e8 == 0 {
            return;
        }
        if paid.maker {
            self.resting += 1;
            return;
        }
        let alone = Venue::ALL.into_iter().filter_map(|venue| {
            let fee_ppm = self.taker_fees_ppm[venue.index()];
            cost_alone_e18(fee_ppm, &books[venue.index()], side, limit_e8, paid.qty_e8)
        });
        let best = match side {
            Side::Buy => alone.min(),
            Side::Sell => alone.max(),
        };
        let Some(best) = best else {
            self.beyond_one_venue += 1;
            return;
        };
        self.compared += 1;
        self.benchmark_e18 += best;
        self.saved_e18 += match side {
            Side::Buy => best - paid.all_in_e18(side),
            Side::Sell => paid.all_in_e18(side) - best,
        };
    }

    /// The saving, in hundredths of a basis point of the benchmark's value.
    pub fn saved_centi_bps(&self) -> i64 {
        if self.benchmark_e18 == 0 {
            return 0;
        }
        i64::try_from(self.saved_e18 * PPM / self.benchmark_e18).unwrap_or(i64::MAX)
    }
}

/// Cost of a purchase, or proceeds of a sale, at one venue alone, fee included, in 10^-18 quote
/// units. `None` if the venue's book does not hold the quantity within the limit.
fn cost_alone_e18(
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

#[cfg(test)]
mod tests {
    use super::*;

    const E8: i64 = 100_000_000;

    fn books() -> Books {
        let book = |asks: &[(i64, i64)]| Book {
            bids: Vec::new(),
            asks: asks.iter().map(|(p, q)| (p * E8, q * E8)).collect(),
        };
        let mut books = Venue::ALL.map(|_| Book::default());
        books[0] = book(&[(100, 1), (110, 9)]);
        books[1] = book(&[(100, 1), (120, 9)]);
        books
    }

    fn execution(price: i64, qty: i64, fee_e18: i128, fee_asset: &str) -> Execution {
        Execution {
            qty_e8: qty * E8,
            price_e8: price * E8,
            venue: "binance".to_owned(),
            maker: false,
            fee_e18,
            fee_asset: fee_asset.to_owned(),
        }
    }

    const ONE_E18: i128 = 1_000_000_000_000_000_000;

    #[test]
    fn two_venues_at_their_best_level_beat_one_that_is_walked() {
        let (mut paid, mut savings) = (Paid::default(), Savings::default());
        // Fees of 0.1 %: in the base asset at the first venue, in the quote asset at the second.
        paid.add(&execution(100, 1, ONE_E18 / 1_000, "BTC"), "USDT");
        paid.add(&execution(100, 1, ONE_E18 / 10, "USDT"), "USDT");
        savings.compare(Side::Buy, None, &paid, &books());
        // Alone: 100 + 110 = 210, with fee 210.21. Paid: 200.2. Saved 10.01 of 210.21.
        assert_eq!(savings.saved_centi_bps(), 47_619);
        assert_eq!(savings.compared, 1);
    }

    #[test]
    fn the_same_levels_at_one_venue_save_nothing() {
        let (mut paid, mut savings) = (Paid::default(), Savings::default());
        paid.add(&execution(100, 1, ONE_E18 / 10, "USDT"), "USDT");
        paid.add(&execution(110, 1, ONE_E18 * 11 / 100, "USDT"), "USDT");
        savings.compare(Side::Buy, None, &paid, &books());
        assert_eq!((savings.saved_centi_bps(), savings.compared), (0, 1));
    }

    #[test]
    fn what_no_venue_holds_within_the_limit_is_counted_apart() {
        let (mut paid, mut savings) = (Paid::default(), Savings::default());
        paid.add(&execution(100, 2, 0, "USDT"), "USDT");
        savings.compare(Side::Buy, Some(100 * E8), &paid, &books());
        assert_eq!((savings.compared, savings.beyond_one_venue), (0, 1));
    }
}
