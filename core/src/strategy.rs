//! How an order is executed: the strategies that a client may name (FIX 847), and what an order of
//! a strategy has to remember.
//!
//! A line belongs here if it says which strategies there are. What each of them does is `engine`'s
//! and `routing`'s; how FIX writes their terms is the client gateway's.
//!
//! FIX leaves the numbers from 1000 on to the two sides. Numbers that are in no row of
//! [`Strategy::of_number`] are refused.

use crate::input::{Choice, Instructions, ScoreWeights};
use crate::number::Qty;

/// FIX 847 of an order that crosses, and chooses its venues by score.
pub const BY_SCORE: u32 = 1010;

/// FIX 847 of an order that crosses, and chooses its venues by cost.
pub const BY_COST: u32 = 1011;

/// What an order's instructions say about how it chooses between venues.
pub const fn choice_asked(instructions: &Instructions) -> Choice {
    match instructions.strategy {
        BY_SCORE if instructions.weights.is_some() => Choice::ByOwnScore,
        BY_SCORE => Choice::ByScore,
        BY_COST => Choice::ByCost,
        _ => Choice::OfAccount,
    }
}

/// A strategy. Its number is part of the digest of a report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Strategy {
    /// Takes what is offered within the limit. What is left rests, or is given back.
    #[default]
    Cross = 0,
    /// All or nearly all: IOC children at several venues at once, and only when the books show at
    /// least the order's minimum quantity. Venues that fade may fill less than the minimum.
    NearlyAll = 1,
}

impl Strategy {
    /// All strategies.
    pub const ALL: [Self; 2] = [Self::Cross, Self::NearlyAll];

    /// The strategy that FIX 847 names; `None` for a number that has no strategy.
    pub const fn of_number(number: u32) -> Option<Self> {
        Some(match number {
            0 | 1002 | BY_SCORE | BY_COST => Self::Cross,
            1000 => Self::NearlyAll,
            _ => return None,
        })
    }

    /// The number in FIX 847; zero for the strategy of an order that names none.
    pub const fn number(self) -> u32 {
        match self {
            Self::Cross => 0,
            Self::NearlyAll => 1000,
        }
    }

    /// The word for people and programs.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Cross => "cross",
            Self::NearlyAll => "nearly-all",
        }
    }

    /// The strategy that an order's instructions ask for. A minimum quantity (FIX 110) asks for
    /// [`Strategy::NearlyAll`] without a number.
    pub const fn asked(instructions: &Instructions) -> Option<Self> {
        match Self::of_number(instructions.strategy) {
            Some(Self::Cross) if instructions.min_qty.0 > 0 => Some(Self::NearlyAll),
            strategy => strategy,
        }
    }

    /// What the client is told when an order of the strategy is accepted: Text (58) of that report.
    pub const fn caution(self) -> Option<&'static str> {
        match self {
            Self::Cross => None,
            Self::NearlyAll => Some("MinQtyNotGuaranteed"),
        }
    }
}

/// What an order of a strategy has to remember, beside the order itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StrategyTerms {
    /// FIX 110: minimum quantity; zero for the whole order.
    pub min_qty: Qty,
    /// FIX 848: what counts in a venue's score; `None` for the account's weights.
    pub weights: Option<ScoreWeights>,
}

impl StrategyTerms {
    /// The terms that an order's instructions ask for.
    pub const fn asked(instructions: &Instructions) -> Self {
        Self { min_qty: instructions.min_qty, weights: instructions.weights }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_strategy_is_found_by_its_number_and_every_other_number_is_refused() {
        for strategy in Strategy::ALL {
            assert_eq!(Strategy::of_number(strategy.number()), Some(strategy));
        }
        let known = (0..5_000).filter(|number| Strategy::of_number(*number).is_some());
        assert_eq!(known.collect::<Vec<_>>(), [0, 1_000, 1_002, 1_010, 1_011]);
    }

    #[test]
    fn a_minimum_quantity_asks_for_all_or_nearly_all() {
        let with = |strategy, min_qty| {
            let min_qty = Qty(min_qty);
            Strategy::asked(&Instructions { strategy, min_qty, ..Instructions::default() })
        };
        assert_eq!((with(0, 0), with(0, 1)), (Some(Strategy::Cross), Some(Strategy::NearlyAll)));
        assert_eq!((with(1_000, 0), with(1_000, 1)), (with(0, 1), with(0, 1)));
        assert_eq!((with(1, 0), with(999, 1)), (None, None));
    }
}
