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
//! A client that knows both books, and sends each order whole to one venue, is the third rival: the
//! order goes to the venue that *looked best* in the books that the router had when it decided
//! (`decided`), and is priced at that venue's book at the arrival.
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

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use super::decided::{Decided, Filled};
use super::drawing::Drawn;
use super::pricing::{Ended, PPM, Priced};
use crate::harness::{Arrival, USUAL};
use crate::quantiles::{Ratio, spread};

/// Orders in one slice of the spread.
const SLICE_ORDERS: u64 = 50;

/// Most orders that are kept for the comparison with the venue that looked best. Further ones are
/// counted.
const KEPT_MAX: usize = 200_000;

/// Half the width of an interval of 95 % confidence, in standard errors.
const CONFIDENCE: f64 = 1.96;

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
            confidence_bps: confidence(&self.slices).map(hundredths),
            spread: (!self.slices.is_empty()).then(|| spread(self.slices.clone())),
            routed_bps: self.all.bps(self.all.routed),
            single_bps: self.all.bps(self.all.single),
        }
    }
}

/// Rounded to hundredths, as all costs are told.
fn hundredths(bps: f64) -> f64 {
    (bps * 100.0).round() / 100.0
}

/// Half the width of the interval of 95 % confidence around the mean of the slices; `None` for less
/// than two slices.
fn confidence(slices: &[f64]) -> Option<f64> {
    let count = slices.len() as f64;
    if slices.len() < 2 {
        return None;
    }
    let mean = slices.iter().sum::<f64>() / count;
    let squares: f64 = slices.iter().map(|slice| (slice - mean).powi(2)).sum();
    Some(CONFIDENCE * (squares / (count - 1.0) / count).sqrt())
}

/// A compared order, for what is known of the decision later.
#[derive(Clone, Debug)]
struct Kept {
    id: String,
    filled: Filled,
    priced: Priced,
}

/// The running comparison.
#[derive(Clone, Debug)]
pub struct Savings {
    /// By place in [`USUAL`].
    taker_fees_ppm: [u32; USUAL.len()],
    /// A client of each venue, by place in [`USUAL`], over the orders that the venue could
    /// have filled.
    naive: [Rival; USUAL.len()],
    hindsight: Rival,
    /// The orders that were compared with hindsight.
    kept: Vec<Kept>,
    /// The order that saved the most of those that can be drawn, and its saving.
    shown: Option<(f64, Arc<Drawn>)>,
    /// Orders of which a part filled as maker.
    pub resting: u64,
    /// Orders that no single venue could have filled.
    pub beyond_one_venue: u64,
    /// Orders whose arrival was not recorded.
    pub unpriced: u64,
    /// Orders that are not compared with the venue that looked best: that venue could not have
    /// filled them at the arrival, none looked as if it could, or no more were kept.
    pub without_looked_best: u64,
}

impl Default for Savings {
    fn default() -> Self {
        Self {
            taker_fees_ppm: USUAL.map(|venue| venue.terms().exchange_config().taker_fee_ppm),
            naive: USUAL.map(|_| Rival::default()),
            hindsight: Rival::default(),
            kept: Vec::new(),
            shown: None,
            resting: 0,
            beyond_one_venue: 0,
            unpriced: 0,
            without_looked_best: 0,
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
        if self.kept.len() >= KEPT_MAX {
            self.without_looked_best += 1;
            return;
        }
        let Ended { side, limit_e8, .. } = *order;
        let filled = Filled { side, limit_e8, qty_e8: order.paid.qty_e8 };
        self.kept.push(Kept { id: order.id.to_owned(), filled, priced });
    }

    /// The kept orders by `ClOrdID`.
    pub fn filled(&self) -> BTreeMap<String, Filled> {
        self.kept.iter().map(|order| (order.id.clone(), order.filled)).collect()
    }

    /// The order that is explained: the drawn one, or else the last one that was compared.
    pub fn explained_id(&self) -> Option<String> {
        let drawn = self.shown.as_ref().map(|(_, drawn)| drawn.id.clone());
        drawn.or_else(|| self.kept.last().map(|order| order.id.clone()))
    }

    /// Compares the kept orders with a client that sends each to the venue that looked best when
    /// the order was routed.
    pub fn against_looked_best(&mut self, decided: &Decided) -> Comparison {
        let mut rival = Rival::default();
        for Kept { id, filled, priced } in std::mem::take(&mut self.kept) {
            let venue = decided.looked_best(&id);
            let Some(all_in) = venue.and_then(|venue| priced.alone[venue.index()]) else {
                self.without_looked_best += 1;
                continue;
            };
            let cost = |all_in| priced.cost(filled.side, all_in);
            rival.add(priced.middle, cost(priced.routed), cost(all_in));
        }
        rival.saved()
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
    /// `saved_bps` of slices of 50 orders each; `None` before the first slice is full.
    pub spread: Option<Ratio>,
    /// Half the width of the interval of 95 % confidence around `saved_bps`, from the slices;
    /// `None` for less than two slices.
    pub confidence_bps: Option<f64>,
    /// Our own cost.
    pub routed_bps: f64,
    /// The other's cost.
    pub single_bps: f64,
}

/// The comparison with all other clients.
#[derive(Clone, Debug, Default)]
pub struct Compared {
    /// A client of each venue, by place in [`USUAL`].
    pub naive: [Comparison; USUAL.len()],
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::pricing::Paid;
    use rutter_sim::Venue;

    use super::*;
    use crate::client::{Execution, Side};
    use crate::harness::{Book, VenueFill};

    const E8: i64 = 100_000_000;
    const ONE_E18: i128 = 1_000_000_000_000_000_000;

    fn arrival() -> Arrival {
        let book = |asks: &[(i64, i64)]| Book {
            bids: vec![(100 * E8, E8)],
            asks: asks.iter().map(|(p, q)| (p * E8, q * E8)).collect(),
            own: [None; 2],
        };
        let mut arrival = Arrival::default();
        arrival.books[0] = book(&[(100, 1), (110, 9)]);
        arrival.books[1] = book(&[(100, 1), (120, 9)]);
        arrival
    }

    /// Fees of 0.1 % at both venues, as in the test's executions.
    fn savings() -> Savings {
        Savings { taker_fees_ppm: [1_000; USUAL.len()], ..Savings::default() }
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
        add(&mut paid, USUAL[0], 100, ONE_E18 / 1_000, "BTC");
        add(&mut paid, USUAL[1], 100, ONE_E18 / 10, "USDT");
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
        add(&mut paid, USUAL[0], 100, ONE_E18 / 10, "USDT");
        add(&mut paid, USUAL[0], 110, ONE_E18 * 11 / 100, "USDT");
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
        add(&mut paid, USUAL[0], 150, ONE_E18 * 15 / 100, "USDT");
        savings.compare(&bought(&paid, None), Some(&moved));
        let saved = savings.so_far().best_single();
        assert_eq!((saved.orders, saved.saved_bps.to_bits()), (1, 0.0_f64.to_bits()));
    }

    #[test]
    fn a_client_of_the_venue_that_looked_best_is_priced_at_the_arrival() {
        let decided = |looked_best: Venue| {
            let mut decided = Decided::default();
            let line = |venue: Venue, price: &str| {
                let asks = json!([[price, "9"]]);
                json!({ "name": venue.name(), "asks": asks, "taker_fee_ppm": "1000" })
            };
            let price = |venue| if venue == looked_best { "99" } else { "100" };
            let venues = USUAL.map(|venue| line(venue, price(venue)));
            let (scenario, answer) =
                (json!({ "venues": venues }), json!({ "legs": [{ "kind": "take" }] }));
            let decision = json!({ "scenario": scenario, "answer": answer });
            let mut savings = savings();
            let mut paid = Paid::default();
            add(&mut paid, USUAL[0], 100, ONE_E18 / 10, "USDT");
            add(&mut paid, USUAL[1], 100, ONE_E18 / 10, "USDT");
            savings.compare(&bought(&paid, None), Some(&arrival()));
            assert_eq!(savings.explained_id().as_deref(), Some("d1"));
            for line in [
                json!({ "order": 1, "client": "DESK/d1" }),
                json!({ "order": 1, "decision": decision }),
            ] {
                decided.line(&line.to_string(), &savings.filled(), None);
            }
            (savings.against_looked_best(&decided), savings.without_looked_best)
        };
        // Alone at the arrival: 210.21 and 220.22. Paid: 200.2. Middle: 200.
        let (first, other) = (decided(USUAL[0]).0, decided(USUAL[1]).0);
        assert_eq!(first.saved_bps.to_bits(), 500.5_f64.to_bits());
        assert_eq!(other.saved_bps.to_bits(), 1_001.0_f64.to_bits());
        let mut unknown = savings();
        let mut paid = Paid::default();
        add(&mut paid, USUAL[0], 100, 0, "USDT");
        unknown.compare(&bought(&paid, None), Some(&arrival()));
        assert_eq!(unknown.against_looked_best(&Decided::default()).orders, 0);
        assert_eq!(unknown.without_looked_best, 1);
    }

    #[test]
    fn the_confidence_is_that_of_the_mean_of_the_slices() {
        // Standard deviation 1, two slices.
        let half = confidence(&[0.0, std::f64::consts::SQRT_2]).expect("two slices");
        assert!((half - CONFIDENCE / std::f64::consts::SQRT_2).abs() < 1e-12, "{half}");
    }

    #[test]
    fn what_too_few_slices_cannot_tell_is_not_told_as_zero() {
        let mut rival = Rival::default();
        for (orders, spread, confidence) in
            [(0, false, false), (1, false, false), (50, true, false), (100, true, true)]
        {
            while rival.all.orders < orders {
                rival.add(1_000_000, 100, 200);
            }
            let saved = rival.saved();
            let told = (saved.spread.is_some(), saved.confidence_bps.is_some());
            assert_eq!(told, (spread, confidence), "{orders} orders");
        }
        let json = serde_json::to_value(Comparison::default()).expect("JSON");
        assert!(json["spread"].is_null() && json["confidence_bps"].is_null(), "{json}");
    }

    #[test]
    fn what_has_no_yardstick_is_counted_apart() {
        let (mut paid, mut savings) = (Paid::default(), savings());
        add(&mut paid, USUAL[0], 100, 0, "USDT");
        add(&mut paid, USUAL[1], 100, 0, "USDT");
        savings.compare(&bought(&paid, Some(100)), Some(&arrival()));
        savings.compare(&bought(&paid, None), None);
        paid.maker = true;
        savings.compare(&bought(&paid, None), Some(&arrival()));
        let counts = (savings.beyond_one_venue, savings.unpriced, savings.resting);
        assert_eq!((savings.so_far().best_single().orders, counts), (0, (1, 1, 1)));
    }
}
