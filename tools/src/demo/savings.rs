//! What taking orders cost, against a client that knows one venue only.
//!
//! A line belongs here if it prices an order. Method: the books of all venues are recorded just
//! before the first child of an order takes liquidity ([`Arrival`]). That is when an order sent to
//! one venue would have arrived too, had it been sent at the same time over the same way. When the
//! order has ended, its filled quantity is priced against each venue's book alone: level by level,
//! within the order's limit, with the venue's taker fee. A naive client sends all its orders to one
//! venue; the *best single venue* is the one whose client pays least over the whole run. A client
//! with hindsight sends each order to the venue that turns out the cheapest for it. The order's own
//! cost is the sum of its executions and reported fees; a fee in the base asset is valued at the
//! execution's price.
//!
//! A cost is the distance from the middle price over all venues at that moment, in favour of the
//! other side, fees included. Sums are over quote value, so a large order weighs more.
//!
//! The books hold the impact of our own earlier orders, and no impact of the other client's. That
//! favours the other client: a venue that we used less has a fuller book than its client, who sends
//! everything there, would have left.
//!
//! Three kinds of orders are counted apart. For orders of which a part filled as maker, no book
//! tells the cost of waiting elsewhere. Some orders no single venue could have filled. An order
//! whose arrival was not recorded has no yardstick.

use std::sync::Arc;

use rutter_sim::Venue;
use serde::Serialize;

use super::drawing::Drawn;
use crate::client::{Execution, Side};
use crate::harness::{Arrival, Book, Books, VenueFill};
use crate::quantiles::{Ratio, spread};

/// Parts per million.
const PPM: i128 = 1_000_000;

/// Factor from price times quantity (10^-16) to 10^-18.
const E16_TO_E18: i128 = 100;

/// Divisor from a base amount (10^-18) times a price (10^-8) to a quote amount in 10^-18.
const PRICE_ONE: i128 = 100_000_000;

/// Orders in one slice of the spread.
const SLICE_ORDERS: u64 = 50;

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
    fn all_in_e18(&self, side: Side) -> i128 {
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
    /// At each venue alone, by [`Venue::index`]; `None` if its book did not hold the quantity.
    pub alone: [Option<i128>; Venue::ALL.len()],
}

impl Priced {
    fn of(order: &Ended<'_>, arrival: &Arrival, fees_ppm: &[u32]) -> Option<Self> {
        let qty_e8 = order.paid.qty_e8;
        let middle = middle_e8(&arrival.books, order.side)?;
        Some(Self {
            middle: i128::from(middle) * i128::from(qty_e8) * E16_TO_E18,
            routed: order.paid.all_in_e18(order.side),
            alone: Venue::ALL.map(|venue| {
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
    fn best_cost(&self, side: Side) -> Option<i128> {
        self.alone.iter().flatten().map(|all_in| self.cost(side, *all_in)).min()
    }
}

/// Costs of several orders, in 10^-18 quote units.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    orders: u64,
    /// Filled quantities at the middle price.
    value: i128,
    routed: i128,
    single: i128,
}

impl Sums {
    fn add(&mut self, value: i128, routed: i128, single: i128) {
        self.orders += 1;
        self.value += value;
        self.routed += routed;
        self.single += single;
    }

    fn bps(&self, amount: i128) -> f64 {
        if self.value == 0 { 0.0 } else { (amount * PPM / self.value) as f64 / 100.0 }
    }

    fn saved_bps(&self) -> f64 {
        self.bps(self.single - self.routed)
    }
}

/// Our orders beside those of one other client.
#[derive(Clone, Debug, Default)]
struct Rival {
    all: Sums,
    slice: Sums,
    /// Savings of the full slices, in basis points.
    slices: Vec<f64>,
}

impl Rival {
    fn add(&mut self, value: i128, routed: i128, single: i128) {
        self.all.add(value, routed, single);
        self.slice.add(value, routed, single);
        if self.slice.orders == SLICE_ORDERS {
            self.slices.push(std::mem::take(&mut self.slice).saved_bps());
        }
    }

    fn saved(&self) -> Comparison {
        Comparison {
            orders: self.all.orders,
            saved_bps: self.all.saved_bps(),
            spread: spread(self.slices.clone()),
            routed_bps: self.all.bps(self.all.routed),
            single_bps: self.all.bps(self.all.single),
        }
    }
}

/// The running comparison.
#[derive(Clone, Debug)]
pub struct Savings {
    /// By [`Venue::index`].
    taker_fees_ppm: [u32; Venue::ALL.len()],
    /// A client of each venue, by [`Venue::index`], over the orders that the venue could have
    /// filled.
    naive: [Rival; Venue::ALL.len()],
    hindsight: Rival,
    /// The order that saved the most of those that can be drawn, and its saving.
    shown: Option<(f64, Arc<Drawn>)>,
    /// Orders of which a part filled as maker.
    pub resting: u64,
    /// Orders that no single venue could have filled.
    pub beyond_one_venue: u64,
    /// Orders whose arrival was not recorded.
    pub unpriced: u64,
}

impl Default for Savings {
    fn default() -> Self {
        Self {
            taker_fees_ppm: Venue::ALL.map(|venue| venue.terms().exchange_config().taker_fee_ppm),
            naive: Venue::ALL.map(|_| Rival::default()),
            hindsight: Rival::default(),
            shown: None,
            resting: 0,
            beyond_one_venue: 0,
            unpriced: 0,
        }
    }
}

impl Savings {
    /// Compares an order that has ended with each venue's book at its arrival.
    pub fn compare(&mut self, order: &Ended<'_>, arrival: Option<&Arrival>) {
        if order.paid.qty_e8 == 0 {
            return;
        }
        if order.paid.maker {
            self.resting += 1;
            return;
        }
        let priced = arrival.and_then(|arrival| {
            let priced = Priced::of(order, arrival, &self.taker_fees_ppm)?;
            Some((arrival, priced))
        });
        let Some((arrival, priced)) = priced else {
            self.unpriced += 1;
            return;
        };
        let routed = priced.cost(order.side, priced.routed);
        for (rival, all_in) in self.naive.iter_mut().zip(priced.alone) {
            if let Some(all_in) = all_in {
                rival.add(priced.middle, routed, priced.cost(order.side, all_in));
            }
        }
        let Some(best) = priced.best_cost(order.side) else {
            self.beyond_one_venue += 1;
            return;
        };
        self.hindsight.add(priced.middle, routed, best);
        let mut one = Sums::default();
        one.add(priced.middle, routed, best);
        self.show(order, arrival, &priced, one.saved_bps());
    }

    fn show(&mut self, order: &Ended<'_>, arrival: &Arrival, priced: &Priced, saved_bps: f64) {
        let better = self.shown.as_ref().is_none_or(|(saved, _)| saved_bps > *saved);
        if better && priced.alone.iter().all(Option::is_some) {
            let drawn = Drawn::new(order, arrival, priced, self.taker_fees_ppm);
            if drawn.is_telling() {
                self.shown = Some((saved_bps, Arc::new(drawn)));
            }
        }
    }

    /// The comparison so far.
    pub fn so_far(&self) -> Compared {
        Compared {
            naive: self.naive.each_ref().map(Rival::saved),
            hindsight: self.hindsight.saved(),
            shown: self.shown.as_ref().map(|(_, drawn)| Arc::clone(drawn)),
        }
    }
}

/// The comparison with one other client, in basis points of value.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Comparison {
    /// Orders compared.
    pub orders: u64,
    /// The other's cost less our own.
    pub saved_bps: f64,
    /// `saved_bps` of slices of 50 orders each.
    pub spread: Ratio,
    /// Our own cost.
    pub routed_bps: f64,
    /// The other's cost.
    pub single_bps: f64,
}

/// The comparison with all other clients.
#[derive(Clone, Debug, Default)]
pub struct Compared {
    /// A client of each venue, by [`Venue::index`].
    pub naive: [Comparison; Venue::ALL.len()],
    /// A client that sends each order to the venue that turns out the cheapest.
    pub hindsight: Comparison,
    /// The order that is drawn.
    pub shown: Option<Arc<Drawn>>,
}

impl Compared {
    /// The client of the best single venue: the one against which we save least.
    pub fn best_single(&self) -> Comparison {
        let compared = self.naive.iter().filter(|saved| saved.orders > 0);
        let least = compared.min_by(|a, b| a.saved_bps.total_cmp(&b.saved_bps));
        least.copied().unwrap_or_default()
    }
}

/// Middle between the best bid and the best ask of all venues. If a side is empty, the best price
/// that the order could have met.
fn middle_e8(books: &Books, side: Side) -> Option<i64> {
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
    const ONE_E18: i128 = 1_000_000_000_000_000_000;

    fn arrival() -> Arrival {
        let book = |asks: &[(i64, i64)]| Book {
            bids: vec![(100 * E8, E8)],
            asks: asks.iter().map(|(p, q)| (p * E8, q * E8)).collect(),
        };
        let mut arrival = Arrival::default();
        arrival.books[0] = book(&[(100, 1), (110, 9)]);
        arrival.books[1] = book(&[(100, 1), (120, 9)]);
        arrival
    }

    /// Fees of 0.1 % at both venues, as in the test's executions.
    fn savings() -> Savings {
        Savings { taker_fees_ppm: [1_000; Venue::ALL.len()], ..Savings::default() }
    }

    fn add(paid: &mut Paid, venue: Venue, price: i64, fee_e18: i128, fee_asset: &str) {
        let execution = Execution {
            qty_e8: E8,
            price_e8: price * E8,
            venue: venue.name().to_owned(),
            maker: false,
            fee_e18,
            fee_asset: fee_asset.to_owned(),
        };
        let fill = VenueFill {
            venue,
            market: 0,
            buy: true,
            price_e8: price * E8,
            qty_e8: E8,
            maker: false,
            trade_id: 0,
        };
        paid.add(&execution, "USDT", fill);
    }

    fn bought(paid: &Paid, limit: Option<i64>) -> Ended<'_> {
        let limit_e8 = limit.map(|price| price * E8);
        Ended { id: "d1", market: 0, side: Side::Buy, limit_e8, paid }
    }

    #[test]
    fn two_venues_at_their_best_level_beat_one_that_is_walked() {
        let (mut paid, mut savings) = (Paid::default(), savings());
        // One fee in the base asset, one in the quote asset.
        add(&mut paid, Venue::ALL[0], 100, ONE_E18 / 1_000, "BTC");
        add(&mut paid, Venue::ALL[1], 100, ONE_E18 / 10, "USDT");
        savings.compare(&bought(&paid, None), Some(&arrival()));
        let compared = savings.so_far();
        // Middle 200. Alone: 210 and 220 and fees, 210.21 and 220.22. Paid: 200.2.
        let (best, other) = (compared.best_single(), compared.naive[1]);
        assert_eq!((best.orders, other.orders), (1, 1));
        assert_eq!(best.saved_bps.to_bits(), 500.5_f64.to_bits());
        assert_eq!(best.single_bps.to_bits(), 510.5_f64.to_bits());
        assert_eq!(best.routed_bps.to_bits(), 10.0_f64.to_bits());
        assert_eq!(other.saved_bps.to_bits(), 1_001.0_f64.to_bits());
        assert_eq!(compared.hindsight.saved_bps.to_bits(), best.saved_bps.to_bits());
        assert!(compared.shown.is_some(), "an order over several venues is drawn");
    }

    #[test]
    fn the_same_levels_at_one_venue_save_nothing() {
        let (mut paid, mut savings) = (Paid::default(), savings());
        add(&mut paid, Venue::ALL[0], 100, ONE_E18 / 10, "USDT");
        add(&mut paid, Venue::ALL[0], 110, ONE_E18 * 11 / 100, "USDT");
        savings.compare(&bought(&paid, None), Some(&arrival()));
        let (saved, shown) = (savings.so_far().best_single(), savings.so_far().shown);
        assert_eq!((saved.saved_bps.to_bits(), saved.orders), (0.0_f64.to_bits(), 1));
        assert!(shown.is_none());
    }

    #[test]
    fn a_price_that_moved_before_the_arrival_is_moved_for_the_yardstick_too() {
        let (mut paid, mut savings) = (Paid::default(), savings());
        let mut moved = arrival();
        for book in &mut moved.books {
            for level in &mut book.asks {
                level.0 += 50 * E8;
            }
        }
        add(&mut paid, Venue::ALL[0], 150, ONE_E18 * 15 / 100, "USDT");
        savings.compare(&bought(&paid, None), Some(&moved));
        let saved = savings.so_far().best_single();
        assert_eq!((saved.orders, saved.saved_bps.to_bits()), (1, 0.0_f64.to_bits()));
    }

    #[test]
    fn what_has_no_yardstick_is_counted_apart() {
        let (mut paid, mut savings) = (Paid::default(), savings());
        add(&mut paid, Venue::ALL[0], 100, 0, "USDT");
        add(&mut paid, Venue::ALL[1], 100, 0, "USDT");
        savings.compare(&bought(&paid, Some(100)), Some(&arrival()));
        savings.compare(&bought(&paid, None), None);
        paid.maker = true;
        savings.compare(&bought(&paid, None), Some(&arrival()));
        let counts = (savings.beyond_one_venue, savings.unpriced, savings.resting);
        assert_eq!((savings.so_far().best_single().orders, counts), (0, (1, 1, 1)));
    }
}
