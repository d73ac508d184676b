//! One instrument's limit order book: price levels, with time priority within each.
//!
//! A line belongs here if it needs only resting orders. The book plans a match without changing
//! anything; `engine` carries the plan out.
//!
//! Invariants: best bid < best ask; a level's total is the sum of its orders; no level is empty.

use std::collections::BTreeMap;

use super::instrument::InstrumentConfig;
use super::order::{AccountId, Amount, OrderSize, Side, Stp};

/// One resting order in its level.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Resting {
    pub order: u64,
    pub account: AccountId,
    pub leaves: i64,
}

/// One price level.
#[derive(Clone, Debug, Default)]
pub(crate) struct Level {
    pub total: i64,
    /// Orders by priority.
    pub queue: BTreeMap<u64, Resting>,
}

/// Both sides of the book.
#[derive(Clone, Debug, Default)]
pub(crate) struct Book {
    pub bids: BTreeMap<i64, Level>,
    pub asks: BTreeMap<i64, Level>,
    pub orders: usize,
}

/// One step of a planned match.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Step {
    Fill { order: u64, priority: u64, price: i64, quantity: i64 },
    ExpireMaker { order: u64 },
}

/// The match that an incoming order would make.
#[derive(Clone, Debug, Default)]
pub(crate) struct Plan {
    pub steps: Vec<Step>,
    pub quantity: i64,
    pub quote: Amount,
    /// Whether the order was used up; if not, the book or the limit price ended the match.
    pub exhausted: bool,
    /// Whether self-trade prevention ends the taker's remainder.
    pub taker_expires: bool,
}

/// The properties of an incoming order that a match needs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Taker {
    pub account: AccountId,
    pub side: Side,
    /// Limit price; `None` for a market order.
    pub limit: Option<i64>,
    pub size: OrderSize,
    pub stp: Stp,
}

impl Book {
    pub fn side(&self, side: Side) -> &BTreeMap<i64, Level> {
        match side {
            Side::Buy => &self.bids,
            Side::Sell => &self.asks,
        }
    }

    fn side_mut(&mut self, side: Side) -> &mut BTreeMap<i64, Level> {
        match side {
            Side::Buy => &mut self.bids,
            Side::Sell => &mut self.asks,
        }
    }

    pub fn best(&self, side: Side) -> Option<i64> {
        match side {
            Side::Buy => self.bids.last_key_value().map(|(price, _)| *price),
            Side::Sell => self.asks.first_key_value().map(|(price, _)| *price),
        }
    }

    /// Whether a limit order of that side and price would trade at once.
    pub fn crosses(&self, side: Side, price: i64) -> bool {
        match side {
            Side::Buy => self.best(Side::Sell).is_some_and(|ask| price >= ask),
            Side::Sell => self.best(Side::Buy).is_some_and(|bid| price <= bid),
        }
    }

    /// Adds a resting order and returns its level's new total.
    pub fn insert(&mut self, side: Side, price: i64, priority: u64, resting: Resting) -> i64 {
        let level = self.side_mut(side).entry(price).or_default();
        level.total += resting.leaves;
        level.queue.insert(priority, resting);
        let total = level.total;
        self.orders += 1;
        total
    }

    /// Reduces a resting order by `quantity` and removes it at 0; returns its level's new total.
    pub fn reduce(&mut self, side: Side, price: i64, priority: u64, quantity: i64) -> i64 {
        let levels = self.side_mut(side);
        let Some(level) = levels.get_mut(&price) else { return 0 };
        let Some(resting) = level.queue.get_mut(&priority) else { return level.total };
        let taken = quantity.min(resting.leaves);
        resting.leaves -= taken;
        level.total -= taken;
        let total = level.total;
        let gone = resting.leaves == 0;
        if gone {
            level.queue.remove(&priority);
            if level.queue.is_empty() {
                levels.remove(&price);
            }
            self.orders -= 1;
        }
        total
    }

    /// Plans the match of an incoming order, in price-time priority.
    pub fn plan(&self, taker: &Taker, instrument: &InstrumentConfig) -> Plan {
        let mut plan = Plan::default();
        match taker.side {
            Side::Buy => plan.walk(self.asks.iter(), taker, instrument),
            Side::Sell => plan.walk(self.bids.iter().rev(), taker, instrument),
        }
        plan
    }

    /// The best `limit` levels of a side, best first, as (price, total quantity).
    pub fn levels(&self, side: Side, limit: usize) -> Vec<(i64, i64)> {
        let pair = |(price, level): (&i64, &Level)| (*price, level.total);
        match side {
            Side::Buy => self.bids.iter().rev().take(limit).map(pair).collect(),
            Side::Sell => self.asks.iter().take(limit).map(pair).collect(),
        }
    }
}

impl Plan {
    fn walk<'a>(
        &mut self,
        levels: impl Iterator<Item = (&'a i64, &'a Level)>,
        taker: &Taker,
        instrument: &InstrumentConfig,
    ) {
        for (&price, level) in levels {
            let too_far = match (taker.side, taker.limit) {
                (_, None) => false,
                (Side::Buy, Some(limit)) => price > limit,
                (Side::Sell, Some(limit)) => price < limit,
            };
            if too_far || !self.walk_level(price, level, taker, instrument) {
                return;
            }
        }
    }

    /// Adds the matches of one level; false when the taker is done.
    fn walk_level(
        &mut self,
        price: i64,
        level: &Level,
        taker: &Taker,
        instrument: &InstrumentConfig,
    ) -> bool {
        for (&priority, resting) in &level.queue {
            let wanted = match taker.size {
                OrderSize::Base(quantity) => quantity - self.quantity,
                OrderSize::Quote(quote) => instrument.quantity_for(quote - self.quote, price),
            };
            if wanted <= 0 {
                self.exhausted = true;
                return false;
            }
            let order = resting.order;
            if resting.account == taker.account {
                match taker.stp {
                    Stp::Allow => {}
                    Stp::ExpireMaker => {
                        self.steps.push(Step::ExpireMaker { order });
                        continue;
                    }
                    Stp::ExpireTaker => {
                        self.taker_expires = true;
                        return false;
                    }
                    Stp::ExpireBoth => {
                        self.steps.push(Step::ExpireMaker { order });
                        self.taker_expires = true;
                        return false;
                    }
                }
            }
            let quantity = wanted.min(resting.leaves);
            self.steps.push(Step::Fill { order, priority, price, quantity });
            self.quantity += quantity;
            self.quote += instrument.notional(price, quantity);
            if quantity == wanted {
                self.exhausted = true;
                return false;
            }
        }
        true
    }
}
