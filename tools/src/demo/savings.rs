//! What routing saved, against the best single venue.
//!
//! Method. When an order is sent that takes (market, or a limit through the market), the visible
//! books of both venues are copied out of the simulators at that moment. When the order is over,
//! the quantity that it filled is priced anew against each of the copies alone: level by level,
//! within the order's limit, plus the venue's taker fee (for a sale, less it). The cheapest venue
//! that could have filled it all is the yardstick. The order's own cost is what was really paid:
//! executions at their prices plus the fees reported, fees in the base asset valued at the
//! execution's price. The difference is positive when routing was cheaper. Sums are over quote
//! value, so a large order weighs more.
//!
//! Not compared, and counted apart: orders of which a part filled as maker (no book says what
//! waiting would have cost elsewhere), and orders that no single venue could have filled. What the
//! market did between the copy and the execution is in the result; it goes either way.

use crate::client::{Execution, Side};
use crate::harness::{Book, Venue};

/// Millionths.
const PPM: i128 = 1_000_000;

/// From price times quantity (10^-16) to 10^-18.
const E16_TO_E18: i128 = 100;

/// From a base amount in 10^-18 times a price in 10^-8 to 10^-18.
const PRICE_ONE: i128 = 100_000_000;

/// The books of all venues when an order was sent, by [`Venue::index`].
pub type Books = [Book; 2];

/// What an order has really paid or received so far.
#[derive(Clone, Copy, Debug, Default)]
pub struct Paid {
    /// 10^-8.
    pub qty_e8: i64,
    /// Price times quantity, 10^-18 quote.
    pub notional_e18: i128,
    /// Fees in quote, 10^-18.
    pub fees_e18: i128,
    /// Some of it rested.
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

    /// Paid by a buyer, received by a seller.
    fn all_in_e18(&self, side: Side) -> i128 {
        match side {
            Side::Buy => self.notional_e18 + self.fees_e18,
            Side::Sell => self.notional_e18 - self.fees_e18,
        }
    }
}

/// The running comparison.
#[derive(Clone, Copy, Debug, Default)]
pub struct Savings {
    saved_e18: i128,
    yardstick_e18: i128,
    /// Orders compared.
    pub compared: u64,
    /// Orders of which a part rested.
    pub resting: u64,
    /// Orders that no single venue could have filled.
    pub beyond_one_venue: u64,
}

impl Savings {
    /// Compares an order that is over.
    pub fn compare(&mut self, side: Side, limit_e8: Option<i64>, paid: &Paid, books: &Books) {
        if paid.qty_e8 == 0 {
            return;
        }
        if paid.maker {
            self.resting += 1;
            return;
        }
        let alone = Venue::ALL.into_iter().filter_map(|venue| {
            cost_alone_e18(venue, &books[venue.index()], side, limit_e8, paid.qty_e8)
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
        self.yardstick_e18 += best;
        self.saved_e18 += match side {
            Side::Buy => best - paid.all_in_e18(side),
            Side::Sell => paid.all_in_e18(side) - best,
        };
    }

    /// Saved, in hundredths of a basis point of the yardstick's value.
    pub fn saved_centi_bps(&self) -> i64 {
        if self.yardstick_e18 == 0 {
            return 0;
        }
        i64::try_from(self.saved_e18 * PPM / self.yardstick_e18).unwrap_or(i64::MAX)
    }
}

/// All-in cost (or proceeds) of a quantity at one venue alone; `None` if its book does not hold it.
fn cost_alone_e18(
    venue: Venue,
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
    let (_, taker_ppm) = venue.fees_ppm();
    (left == 0).then(|| notional_e18 + fee_sign * (notional_e18 * i128::from(taker_ppm) / PPM))
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
        [book(&[(100, 1), (110, 9)]), book(&[(100, 1), (120, 9)])]
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
        // Fees of 0.1 %: in base at the first, in quote at the second.
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
