//! How an order is executed: the strategies that a client may name (FIX 847), and what an order of
//! a strategy has to remember.
//!
//! A line belongs here if it says which strategies there are. What each of them does is `engine`'s
//! and `routing`'s; how FIX writes their terms is the client gateway's.
//!
//! FIX leaves the numbers from 1000 on to the two sides. Numbers that are in no row of
//! [`Strategy::of_number`] are refused.

use crate::input::{Choice, Instructions, ScoreWeights};
use crate::number::{Price, Qty, UnixNanos};

/// FIX 847 of an order that crosses, and chooses its venues by score.
pub const BY_SCORE: u32 = 1010;

/// FIX 847 of an order that crosses, and chooses its venues by cost.
pub const BY_COST: u32 = 1011;

/// FIX 847 of an order that crosses, and rests by share.
pub const REST_BY_SHARE: u32 = 1012;

/// FIX 847 of an order that crosses, and rests at the best place.
pub const REST_AT_BEST: u32 = 1013;

/// What an order's instructions say about how it chooses between venues.
pub const fn choice_asked(instructions: &Instructions) -> Choice {
    match instructions.strategy {
        BY_SCORE if instructions.weights.is_some() => Choice::ByOwnScore,
        BY_SCORE => Choice::ByScore,
        BY_COST => Choice::ByCost,
        REST_BY_SHARE => Choice::RestByShare,
        REST_AT_BEST => Choice::RestAtBest,
        _ => Choice::OfAccount,
    }
}

/// The number in FIX 847 of an order that is executed and chooses so; zero if it names none.
pub const fn number_of(strategy: Strategy, choice: Choice) -> u32 {
    match choice {
        Choice::OfAccount => strategy.number(),
        Choice::ByScore | Choice::ByOwnScore => BY_SCORE,
        Choice::ByCost => BY_COST,
        Choice::RestByShare => REST_BY_SHARE,
        Choice::RestAtBest => REST_AT_BEST,
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
    /// Never takes: rests at the touch, and follows it within the limit.
    Post = 2,
    /// Rests at the touch. Crosses when the touch has moved away by more than the expected saving,
    /// or at the order's deadline.
    Smart = 3,
}

/// Whether the next child of an order rests at the touch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Posting {
    /// No: it takes what is offered.
    #[default]
    No,
    /// Yes, whatever that saves.
    Always,
    /// Only if that is expected to save something.
    WhileItSaves,
}

/// Time from the acceptance of a smart order without a deadline of its own to its crossing, in
/// nanoseconds: one minute.
pub const SMART_WAIT_NS: u64 = 60_000_000_000;

impl Strategy {
    /// All strategies.
    pub const ALL: [Self; 4] = [Self::Cross, Self::NearlyAll, Self::Post, Self::Smart];

    /// The strategy that FIX 847 names; `None` for a number that has no strategy.
    pub const fn of_number(number: u32) -> Option<Self> {
        Some(match number {
            0 | 1002 | BY_SCORE | BY_COST | REST_BY_SHARE | REST_AT_BEST => Self::Cross,
            1000 => Self::NearlyAll,
            1001 => Self::Post,
            1003 => Self::Smart,
            _ => return None,
        })
    }

    /// The number in FIX 847; zero for the strategy of an order that names none.
    pub const fn number(self) -> u32 {
        match self {
            Self::Cross => 0,
            Self::NearlyAll => 1000,
            Self::Post => 1001,
            Self::Smart => 1003,
        }
    }

    /// The word for people and programs.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Cross => "cross",
            Self::NearlyAll => "nearly-all",
            Self::Post => "post",
            Self::Smart => "smart",
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

    /// Whether an order of the strategy rests at the touch, at least at first.
    pub const fn posts(self) -> bool {
        match self {
            Self::Cross | Self::NearlyAll => false,
            Self::Post | Self::Smart => true,
        }
    }

    /// What the client is told when an order of the strategy is accepted: Text (58) of that report.
    pub const fn caution(self) -> Option<&'static str> {
        match self {
            Self::Cross | Self::Post | Self::Smart => None,
            Self::NearlyAll => Some("MinQtyNotGuaranteed"),
        }
    }
}

/// What an order of a strategy has to remember, beside the order itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StrategyTerms {
    /// FIX 110: minimum quantity; zero for the whole order.
    pub min_qty: Qty,
    /// When a smart order crosses at the latest; zero for an order of another strategy.
    pub deadline: UnixNanos,
    /// The touch at which a posted order follows it, or crosses; zero for none.
    pub acts_at: Price,
    /// A smart order posts no longer.
    pub has_crossed: bool,
    /// FIX 848: what counts in a venue's score; `None` for the account's weights.
    pub weights: Option<ScoreWeights>,
}

impl StrategyTerms {
    /// The terms that an order's instructions ask for at its acceptance.
    pub const fn asked(strategy: Strategy, instructions: &Instructions, now: UnixNanos) -> Self {
        let deadline = match (strategy, instructions.deadline) {
            (Strategy::Cross | Strategy::NearlyAll | Strategy::Post, _) => UnixNanos(0),
            (Strategy::Smart, UnixNanos(0)) => UnixNanos(now.0.saturating_add(SMART_WAIT_NS)),
            (Strategy::Smart, deadline) => deadline,
        };
        Self {
            min_qty: instructions.min_qty,
            deadline,
            acts_at: Price(0),
            has_crossed: false,
            weights: instructions.weights,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_has_the_number_that_the_order_named() {
        for number in [0, 1000, 1001, 1003, BY_SCORE, BY_COST, REST_BY_SHARE, REST_AT_BEST] {
            let asked = Instructions { strategy: number, ..Instructions::default() };
            let strategy = Strategy::asked(&asked).expect("a strategy");
            assert_eq!(number_of(strategy, choice_asked(&asked)), number);
        }
        let asked = Instructions { strategy: BY_SCORE, min_qty: Qty(5), ..Instructions::default() };
        let strategy = Strategy::asked(&asked).expect("a strategy");
        assert_eq!(strategy, Strategy::NearlyAll);
        assert_eq!(number_of(strategy, choice_asked(&asked)), BY_SCORE);
    }

    #[test]
    fn every_strategy_is_found_by_its_number_and_every_other_number_is_refused() {
        for strategy in Strategy::ALL {
            assert_eq!(Strategy::of_number(strategy.number()), Some(strategy));
        }
        let known = (0..5_000).filter(|number| Strategy::of_number(*number).is_some());
        assert_eq!(
            known.collect::<Vec<_>>(),
            [0, 1_000, 1_001, 1_002, 1_003, 1_010, 1_011, 1_012, 1_013]
        );
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
