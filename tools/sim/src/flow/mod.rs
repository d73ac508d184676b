//! Seeded order flow of background participants, which moves the market.
//!
//! A line belongs here if it decides what the background does next. Venues that share a seed share
//! the fundamental price (a random walk in integers), so their books are near each other. Spread,
//! noise and takers are each venue's own. Time is an argument of [`Flow::on_timer`].

use std::sync::Arc;

use super::engine::{
    AccountId, CancelOnly, Exchange, InstrumentId, NewOrder, OrderKind, OrderRef, OrderSize, Side,
    Stp, Tif,
};
use super::random::Random;

/// Most steps that act on the book in one call; earlier missed steps only move the price.
pub const CATCH_UP_STEPS_MAX: u64 = 50;
/// Most missed steps that move the price in one call.
pub const WALK_STEPS_MAX: u64 = 10_000_000;
/// Most quote levels a side that follow the middle.
pub const LEVELS_MAX: u32 = 100;
/// Most quote levels a side behind those: as many as the deepest snapshot of a venue has.
pub const DEEP_LEVELS_MAX: u32 = 5_000;
/// A deep quote is replaced at random so many times more seldom than one near the middle.
const DEEP_REFRESH_DIVISOR: u32 = 50;
/// Decimals of a fundamental price.
pub const FUNDAMENTAL_DECIMALS: u32 = 8;

/// The background of one instrument.
#[derive(Clone, Debug)]
pub struct FlowInstrument {
    /// Instrument.
    pub instrument: InstrumentId,
    /// Number of the fundamental price, equal at every venue that trades the same pair.
    pub fundamental: u64,
    /// Fundamental price at the start, in 10^-8.
    pub start_price_e8: i64,
    /// Largest change of the fundamental price in one step, in parts per million.
    pub volatility_ppm: u32,
    /// Distance of the best quotes from the venue's middle, in ticks.
    pub half_spread_ticks: i64,
    /// Farthest distance of the venue's middle from the fundamental price, in ticks.
    pub noise_ticks: i64,
    /// Quote levels a side, at most [`LEVELS_MAX`].
    pub levels: u32,
    /// Quote levels a side behind `levels`, at most [`DEEP_LEVELS_MAX`]. Their prices are on a grid
    /// that does not move with the middle, so a step replaces few of them.
    pub deep_levels: u32,
    /// Distance between levels, in ticks.
    pub level_gap_ticks: i64,
    /// Smallest and largest quote, in lots.
    pub quote_lots: (i64, i64),
    /// Chance that a quote at the right price is replaced in a step, in parts per million.
    pub refresh_ppm: u32,
    /// Chance of a taker in a step, in parts per million.
    pub taker_ppm: u32,
    /// Smallest and largest taker, in lots.
    pub taker_lots: (i64, i64),
}

/// The background of one venue.
#[derive(Clone, Debug)]
pub struct FlowConfig {
    /// Seed, shared by all venues of a simulation.
    pub seed: u64,
    /// Makes the venue's noise differ from that of other venues.
    pub venue_salt: u64,
    /// Time of step 0; shared by all venues.
    pub start_ns: u64,
    /// Time between steps, above 0.
    pub step_ns: u64,
    /// Account that quotes: a background account with ample funds.
    pub maker: AccountId,
    /// Account that takes: a background account with ample funds.
    pub taker: AccountId,
    /// Instruments.
    pub instruments: Vec<FlowInstrument>,
}

/// The fundamental price, which all venues of one seed share.
#[derive(Clone, Debug)]
struct Fundamental {
    random: Random,
    price_e8: i64,
    low: i64,
    high: i64,
    volatility_ppm: u32,
}

impl Fundamental {
    fn step(&mut self) {
        let range = i64::from(self.volatility_ppm);
        let ppm = self.random.between(-range, range);
        let change = i128::from(self.price_e8) * i128::from(ppm) / 1_000_000;
        let moved = i128::from(self.price_e8) + change;
        let moved = i64::try_from(moved).unwrap_or(self.high);
        self.price_e8 = moved.clamp(self.low, self.high);
    }
}

#[derive(Clone, Debug)]
struct Background {
    config: FlowInstrument,
    fundamental: Fundamental,
    noise: i64,
    /// Order id and price of each quote: bids, then asks.
    quotes: [Vec<Option<(u64, i64)>>; 2],
    /// As `quotes`, behind those. A price has its place by its step on the grid, modulo the number
    /// of places.
    deep_quotes: [Vec<Option<(u64, i64)>>; 2],
}

/// The running background of one venue.
#[derive(Clone, Debug)]
pub struct Flow {
    config: FlowConfig,
    random: Random,
    backgrounds: Vec<Background>,
    next_step: u64,
}

impl Flow {
    /// Prepares the background; the first step is at the configured start.
    pub fn new(mut config: FlowConfig) -> Self {
        config.step_ns = config.step_ns.max(1);
        let seed = config.seed;
        let backgrounds = config.instruments.iter().map(|one| background(seed, one)).collect();
        let random = Random::salted(seed, config.venue_salt.wrapping_add(1));
        Self { config, random, backgrounds, next_step: 0 }
    }

    /// When the next step is due.
    pub fn next_ns(&self) -> u64 {
        self.config.start_ns.saturating_add(self.next_step.saturating_mul(self.config.step_ns))
    }

    /// The fundamental price of an instrument after the steps so far, in 10^-8.
    pub fn fundamental_e8(&self, instrument: InstrumentId) -> Option<i64> {
        let found = self.backgrounds.iter().find(|b| b.config.instrument == instrument);
        found.map(|b| b.fundamental.price_e8)
    }

    /// Runs every step that is due.
    pub fn on_timer(&mut self, now_ns: u64, exchange: &mut Exchange) {
        if now_ns < self.next_ns() {
            return;
        }
        let last = (now_ns - self.config.start_ns) / self.config.step_ns;
        let due = last - self.next_step + 1;
        let silent = due.saturating_sub(CATCH_UP_STEPS_MAX);
        for background in &mut self.backgrounds {
            for _ in 0..silent.min(WALK_STEPS_MAX) {
                background.fundamental.step();
            }
        }
        for step in last + 1 - (due - silent)..=last {
            let at_ns = self.config.start_ns + step * self.config.step_ns;
            for index in 0..self.backgrounds.len() {
                self.step(at_ns, index, exchange);
            }
        }
        self.next_step = last + 1;
    }

    fn step(&mut self, at_ns: u64, index: usize, exchange: &mut Exchange) {
        let random = &mut self.random;
        let Some(background) = self.backgrounds.get_mut(index) else { return };
        background.fundamental.step();
        let bound = background.config.noise_ticks;
        background.noise = (background.noise + random.between(-1, 1)).clamp(-bound, bound);
        let middle = background.middle(exchange);
        background.requote(at_ns, middle, self.config.maker, random, exchange);
        background.requote_deep(at_ns, middle, self.config.maker, random, exchange);
        if random.chance_ppm(background.config.taker_ppm) {
            background.take(at_ns, self.config.taker, random, exchange);
        }
    }
}

fn background(seed: u64, config: &FlowInstrument) -> Background {
    let start = config.start_price_e8.clamp(4, i64::MAX / 8);
    let levels = config.levels.min(LEVELS_MAX) as usize;
    let deep_levels = config.deep_levels.min(DEEP_LEVELS_MAX) as usize;
    Background {
        config: config.clone(),
        fundamental: Fundamental {
            random: Random::salted(seed, config.fundamental.wrapping_mul(2).wrapping_add(1_000)),
            price_e8: start,
            low: start / 4,
            high: start * 4,
            volatility_ppm: config.volatility_ppm,
        },
        noise: 0,
        quotes: [vec![None; levels], vec![None; levels]],
        deep_quotes: [vec![None; deep_levels], vec![None; deep_levels]],
    }
}

impl Background {
    /// The venue's middle price in ticks.
    fn middle(&self, exchange: &Exchange) -> i64 {
        let instrument = exchange.instrument_config(self.config.instrument);
        let price = i128::from(self.fundamental.price_e8);
        let mantissa = if instrument.price_decimals >= FUNDAMENTAL_DECIMALS {
            price * 10i128.pow(instrument.price_decimals - FUNDAMENTAL_DECIMALS)
        } else {
            price / 10i128.pow(FUNDAMENTAL_DECIMALS - instrument.price_decimals)
        };
        let ticks = mantissa / i128::from(instrument.tick);
        i64::try_from(ticks).unwrap_or(i64::MAX / 2).saturating_add(self.noise)
    }

    fn requote(
        &mut self,
        at_ns: u64,
        middle: i64,
        maker: AccountId,
        random: &mut Random,
        exchange: &mut Exchange,
    ) {
        let tick = exchange.instrument_config(self.config.instrument).tick;
        let lot = exchange.instrument_config(self.config.instrument).lot;
        let mut wanted = Vec::new();
        for (row, side) in [Side::Buy, Side::Sell].into_iter().enumerate() {
            for level in 0..self.quotes[row].len() {
                let away =
                    self.config.half_spread_ticks + level as i64 * self.config.level_gap_ticks;
                let ticks = if side == Side::Buy { middle - away } else { middle + away };
                let price = ticks.saturating_mul(tick);
                let fresh = random.chance_ppm(self.config.refresh_ppm);
                let lots = random.between(self.config.quote_lots.0, self.config.quote_lots.1);
                if let Some((id, old)) = self.quotes[row][level] {
                    let order = exchange.order(maker, OrderRef::Id(id));
                    if old == price && !fresh && order.is_some_and(|o| o.status.is_open()) {
                        continue;
                    }
                    let only = CancelOnly::Any;
                    // The cancel fails if the quote was filled, and then nothing is left to cancel.
                    let _ = exchange.cancel(at_ns, maker, OrderRef::Id(id), only, None);
                    self.quotes[row][level] = None;
                }
                wanted.push((row, level, side, price, lots.max(1).saturating_mul(lot)));
            }
        }
        for (row, level, side, price, quantity) in wanted {
            let size = OrderSize::Base(quantity);
            let new = self.order(maker, side, OrderKind::Limit, price, size);
            // A refusal (bounds, funds) leaves the level empty until the next step.
            if let Ok(id) = exchange.place(at_ns, &new) {
                self.quotes[row][level] = Some((id, price));
            }
        }
    }

    /// Keeps the deep quotes on their grid: those that the middle has come too near to, or left
    /// behind, give their places to new ones at the other end.
    fn requote_deep(
        &mut self,
        at_ns: u64,
        middle: i64,
        maker: AccountId,
        random: &mut Random,
        exchange: &mut Exchange,
    ) {
        let (config, instrument) =
            (&self.config, exchange.instrument_config(self.config.instrument));
        let (tick, lot) = (instrument.tick, instrument.lot);
        let gap = config.level_gap_ticks.max(1);
        let near = config.half_spread_ticks + self.quotes[0].len() as i64 * gap;
        let refresh_ppm = config.refresh_ppm / DEEP_REFRESH_DIVISOR;
        for (row, side) in [Side::Buy, Side::Sell].into_iter().enumerate() {
            let places = self.deep_quotes[row].len() as i64;
            for n in 0..places {
                let step = match side {
                    Side::Buy => (middle - near).div_euclid(gap) - n,
                    Side::Sell => (middle + near).div_euclid(gap) + 1 + n,
                };
                let place = step.rem_euclid(places) as usize;
                let price = step.saturating_mul(gap).saturating_mul(tick);
                let fresh = random.chance_ppm(refresh_ppm);
                if let Some((id, old)) = self.deep_quotes[row][place] {
                    let order = exchange.order(maker, OrderRef::Id(id));
                    if old == price && !fresh && order.is_some_and(|o| o.status.is_open()) {
                        continue;
                    }
                    // As with the quotes near the middle.
                    let _ = exchange.cancel(at_ns, maker, OrderRef::Id(id), CancelOnly::Any, None);
                }
                let lots = random.between(self.config.quote_lots.0, self.config.quote_lots.1);
                let size = OrderSize::Base(lots.max(1).saturating_mul(lot));
                let new = self.order(maker, side, OrderKind::Limit, price, size);
                let placed = exchange.place(at_ns, &new).ok();
                self.deep_quotes[row][place] = placed.map(|id| (id, price));
            }
        }
    }

    fn take(&self, at_ns: u64, taker: AccountId, random: &mut Random, exchange: &mut Exchange) {
        let side = if random.below(2) == 0 { Side::Buy } else { Side::Sell };
        let lots = random.between(self.config.taker_lots.0, self.config.taker_lots.1).max(1);
        let lot = exchange.instrument_config(self.config.instrument).lot;
        let size = OrderSize::Base(lots.saturating_mul(lot));
        let new = self.order(taker, side, OrderKind::Market, 0, size);
        // A refused taker (bounds, funds) does not trade in this step.
        let _ = exchange.place(at_ns, &new);
    }

    fn order(
        &self,
        account: AccountId,
        side: Side,
        kind: OrderKind,
        price: i64,
        size: OrderSize,
    ) -> NewOrder {
        NewOrder {
            account,
            instrument: self.config.instrument,
            client_id: Arc::from(""),
            side,
            kind,
            tif: Tif::Gtc,
            post_only: false,
            price,
            size,
            stp: Stp::ExpireMaker,
            tag: 0,
        }
    }
}

#[cfg(test)]
mod tests;
