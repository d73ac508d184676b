//! One simulated venue's front, and its book and executions in the units of no venue.
//!
//! A line belongs here if it needs one venue only. All venues together are `market`.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rutter_sim::Venue;
use rutter_sim::engine::{Exchange, Fill, InstrumentId, Side};
use rutter_sim::faults::FaultyFront;
use rutter_sim::market::{CLIENT, E8_DECIMALS, MARKETS};
use rutter_sim::venue::VenueFront;

/// A venue's front, shared between its driver and the harness, which looks at it.
pub(super) type Inner = Arc<Mutex<FaultyFront<Box<dyn VenueFront>>>>;

pub(super) fn lock(inner: &Inner) -> MutexGuard<'_, FaultyFront<Box<dyn VenueFront>>> {
    inner.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The visible book of one market at one venue: (price, quantity), best first, both in 10^-8.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Book {
    /// Levels of buyers.
    pub bids: Vec<(i64, i64)>,
    /// Levels of sellers.
    pub asks: Vec<(i64, i64)>,
    /// Best prices of the node's own orders, which the levels leave out: buyer, seller.
    pub own: [Option<i64>; 2],
}

/// An execution of the node's account, as the venue booked it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct VenueFill {
    /// The venue of the trade.
    pub venue: Venue,
    /// Index into [`MARKETS`].
    pub market: usize,
    /// Whether the node bought.
    pub buy: bool,
    /// Price, in 10^-8 quote units.
    pub price_e8: i64,
    /// Quantity, in 10^-8 base units.
    pub qty_e8: i64,
    /// Whether the node's order was resting.
    pub maker: bool,
    /// The venue's id of the trade.
    pub trade_id: u64,
}

/// An execution in the units of no venue.
pub(super) fn venue_fill(venue: Venue, exchange: &Exchange, fill: &Fill) -> VenueFill {
    let market = usize::from(fill.instrument.0);
    VenueFill {
        venue,
        market,
        buy: fill.side == Side::Buy,
        price_e8: fill.price * price_scale(exchange, market),
        qty_e8: fill.quantity,
        maker: fill.maker,
        trade_id: fill.trade_id,
    }
}

/// The book of a market without the node's own orders, at most `levels` levels a side.
pub(super) fn book(exchange: &Exchange, market: usize, levels: usize) -> Book {
    let id = InstrumentId(market as u16);
    let scale = price_scale(exchange, market);
    let side = |side| {
        let mut levels = exchange.depth(id, side, levels);
        let own = exchange.open_orders(CLIENT, Some(id));
        for order in own.filter(|order| order.side == side) {
            if let Some(level) = levels.iter_mut().find(|level| level.0 == order.price) {
                level.1 -= order.leaves();
            }
        }
        let levels = levels.into_iter().filter(|(_, qty)| *qty > 0);
        levels.map(|(price, qty)| (price * scale, qty)).collect()
    };
    let own = |side| {
        let own = exchange.open_orders(CLIENT, Some(id)).filter(move |order| order.side == side);
        own.map(|order| order.price * scale)
    };
    let own = [own(Side::Buy).max(), own(Side::Sell).min()];
    Book { bids: side(Side::Buy), asks: side(Side::Sell), own }
}

/// Factor from the venue's price mantissa to units of 10^-8.
fn price_scale(exchange: &Exchange, market: usize) -> i64 {
    debug_assert!(market < MARKETS.len(), "a market that every venue lists");
    let decimals = exchange.instrument_config(InstrumentId(market as u16)).price_decimals;
    10i64.pow(E8_DECIMALS - decimals)
}
