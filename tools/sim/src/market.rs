//! The market that every simulated venue trades unless a test says otherwise: instruments,
//! accounts, background order flow.
//!
//! A line belongs here if it is the same at every venue. How one venue spells, rounds and charges
//! is that venue's `terms`.

use std::sync::Arc;

use crate::decimal;
use crate::engine::{
    AccountConfig, AccountId, Exchange, InstrumentConfig, InstrumentId, NewOrder, OrderKind,
    OrderSize, Side, Stp, Tif,
};
use crate::flow::{FlowConfig, FlowInstrument};
use crate::order::AMOUNT_DECIMALS;

/// One whole in units of 10^-8, the unit of prices and quantities outside the venues.
pub const E8: i64 = 100_000_000;

/// Decimals of a number in units of 10^-8.
pub const E8_DECIMALS: u32 = 8;

/// One whole of an asset in the engine's [`Amount`](crate::order::Amount).
pub const ONE: i128 = 10i128.pow(AMOUNT_DECIMALS);

/// Units of 10^-8 as the shortest decimal text.
pub fn e8_text(value: i64) -> String {
    decimal::format_trimmed(i128::from(value), E8_DECIMALS)
}

/// Largest order, in whole base units.
pub const QUANTITY_MAX: i64 = 9_000;

/// Price levels that the background quotes on each side near the middle.
pub const LEVELS: u32 = 20;

/// An instrument, in the units of no venue.
#[derive(Clone, Copy, Debug)]
pub struct Market {
    /// `BTC/USDT`.
    pub symbol: &'static str,
    /// `BTC`.
    pub base: &'static str,
    /// `USDT`.
    pub quote: &'static str,
    /// Price at the start, in whole quote units.
    pub start_price: i64,
    /// Quantity step of clients' orders, in 10^-8: a multiple of every venue's lot.
    pub lot_e8: i64,
    /// Distance of the best quotes from the middle, in hundredths of a quote unit.
    pub half_spread_cents: i64,
    /// Distance between two price levels, in hundredths of a quote unit.
    pub level_gap_cents: i64,
    /// Smallest and largest quantity of a background quote, in 10^-8.
    pub quote_qty_e8: (i64, i64),
}

/// The instruments that every venue lists; [`InstrumentId`] is the index.
pub const MARKETS: [Market; 2] = [
    Market {
        symbol: "BTC/USDT",
        base: "BTC",
        quote: "USDT",
        start_price: 60_000,
        lot_e8: 1_000,
        half_spread_cents: 100,
        level_gap_cents: 200,
        quote_qty_e8: (1_000_000, 30_000_000),
    },
    Market {
        symbol: "ETH/USDT",
        base: "ETH",
        quote: "USDT",
        start_price: 3_000,
        lot_e8: 10_000,
        half_spread_cents: 5,
        level_gap_cents: 10,
        quote_qty_e8: (20_000_000, 600_000_000),
    },
];

/// The assets of [`MARKETS`].
pub const ASSETS: [&str; 3] = ["BTC", "ETH", "USDT"];

/// Names of the accounts of every venue; [`AccountId`] is the index.
const ACCOUNTS: [&str; 4] = ["client", "background", "background-taker", "client-b"];
/// The node's account.
pub const CLIENT: AccountId = AccountId(0);
/// The account of the background quotes.
const BACKGROUND: AccountId = AccountId(1);
/// The account of the background takers. It differs from [`BACKGROUND`], for an account never
/// trades with itself.
const BACKGROUND_TAKER: AccountId = AccountId(2);

/// The node's further account, with a key and balances of its own.
pub const FURTHER: AccountId = AccountId(3);

/// Name of the node's further account.
pub const FURTHER_NAME: &str = ACCOUNTS[FURTHER.0 as usize];

/// Name of the node's account.
pub const CLIENT_NAME: &str = ACCOUNTS[CLIENT.0 as usize];

/// The accounts with which every venue opens. Each of the node's accounts holds a hundredth of the
/// background's USDT, so that an order can be too large for its funds.
pub fn accounts() -> Vec<AccountConfig> {
    let node = [100_000, 1_000_000, 100_000_000_i128];
    let others = [100_000, 1_000_000, 10_000_000_000_i128];
    ACCOUNTS
        .iter()
        .map(|name| {
            let background = ![CLIENT_NAME, FURTHER_NAME].contains(name);
            let balances = if background { others } else { node };
            let balances = ASSETS.iter().zip(balances);
            let balances = balances.map(|(asset, whole)| ((*asset).to_owned(), whole * ONE));
            AccountConfig { name: (*name).to_owned(), balances: balances.collect(), background }
        })
        .collect()
}

/// Background order flow at the venue that lists [`MARKETS`] as `instruments`. The prices of all
/// venues of one seed follow one walk; `venue_salt` makes a venue's noise its own. `deep_levels`
/// are quoted behind the first [`LEVELS`].
///
/// `instruments` are at most as many as [`MARKETS`], in the same order.
pub fn flow(
    instruments: &[InstrumentConfig],
    venue_salt: u64,
    seed: u64,
    start_ns: u64,
    deep_levels: u32,
) -> FlowConfig {
    let listed = MARKETS.iter().zip(instruments).enumerate();
    let instruments = listed.map(|(index, (market, config))| {
        // Distances are equal in money at every venue, whatever the venue's tick.
        let cents_per_tick = (config.tick * 100 / 10i64.pow(config.price_decimals)).max(1);
        let lots = |qty_e8: i64| qty_e8 / config.lot;
        let (least, most) = market.quote_qty_e8;
        FlowInstrument {
            instrument: InstrumentId(index as u16),
            fundamental: index as u64,
            start_price_e8: market.start_price * E8,
            volatility_ppm: 20,
            half_spread_ticks: market.half_spread_cents / cents_per_tick,
            noise_ticks: market.half_spread_cents / cents_per_tick,
            levels: LEVELS,
            deep_levels,
            level_gap_ticks: market.level_gap_cents / cents_per_tick,
            quote_lots: (lots(least), lots(most)),
            refresh_ppm: 50_000,
            taker_ppm: 200_000,
            taker_lots: (lots(least), lots(most)),
        }
    });
    FlowConfig {
        seed,
        venue_salt,
        start_ns,
        step_ns: 50_000_000,
        maker: BACKGROUND,
        taker: BACKGROUND_TAKER,
        instruments: instruments.collect(),
    }
}

/// Places one huge quote a side and instrument, for measurements in which only the node's own
/// orders move the market.
pub fn still_quotes(exchange: &mut Exchange, now_ns: u64) {
    for (index, market) in MARKETS.iter().enumerate() {
        let instrument = InstrumentId(index as u16);
        let units = 10i64.pow(exchange.instrument_config(instrument).price_decimals);
        for (side, price) in [(Side::Buy, market.start_price - 1), (Side::Sell, market.start_price)]
        {
            let order = NewOrder {
                account: BACKGROUND,
                instrument,
                client_id: Arc::from(""),
                side,
                kind: OrderKind::Limit,
                tif: Tif::Gtc,
                post_only: false,
                price: price * units,
                size: OrderSize::Base(QUANTITY_MAX * E8),
                stp: Stp::Allow,
                tag: 0,
            };
            // No rule of `MARKETS` refuses this order, and a market without quotes shows at once.
            let _ = exchange.place(now_ns, &order);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_of_ten_to_the_minus_eight_read_as_decimals() {
        assert_eq!(e8_text(1), "0.00000001");
        assert_eq!(e8_text(10_000_000), "0.1");
        assert_eq!(e8_text(-6_000_000_000_000), "-60000");
    }
}
