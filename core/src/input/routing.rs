//! How an account's orders choose between venues, as an input.
//!
//! A line belongs here if an account sets it and routing follows it. What a plan makes of it is
//! `routing`.

use crate::id::AccountId;
use crate::venue_set::VenueSet;
use crate::wire::{wire_enum, wire_struct};

/// Whether a resting order moves to a venue that has become the better place to wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum Moving {
    /// The order stays where it rests.
    Never = 1,
    /// The order moves where a new order would wait at less cost, by at least the account's gain.
    Better = 2,
    /// As [`Self::Better`], and the place that the order has in the queue counts.
    #[default]
    Sticky = 3,
}
wire_enum!(Moving { Never, Better, Sticky });

/// The usual [`RoutingDef::move_gain_ppm`]: one basis point.
pub const MOVE_GAIN_PPM_DEFAULT: u32 = 100;
/// What the behaviour of a venue costs an order, in parts per million of the order's value.
///
/// The usual costs are chosen, not measured. `docs/routing.md` says what each is multiplied with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BehaviourCosts {
    /// Cost of a second from the decision to send an order to the venue's answer.
    pub latency_ppm: u32,
    /// Cost of an order that the venue refuses by its own fault.
    pub reject_ppm: u32,
    /// Cost of an order of which nothing was there that the book showed.
    pub fade_ppm: u32,
    /// Cost of an order that is filled in part.
    pub partial_ppm: u32,
}
wire_struct!(BehaviourCosts { latency_ppm, reject_ppm, fade_ppm, partial_ppm });

impl BehaviourCosts {
    /// The costs of an account that sets none.
    pub const USUAL: Self =
        Self { latency_ppm: 50, reject_ppm: 200, fade_ppm: 200, partial_ppm: 20 };

    /// Behaviour costs nothing.
    pub const NONE: Self = Self { latency_ppm: 0, reject_ppm: 0, fade_ppm: 0, partial_ppm: 0 };
}

/// How an order chooses between venues.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum RoutingMode {
    /// As much as can be filled, at the least effective cost over all venues.
    #[default]
    Cost = 1,
    /// The venue with the highest score gets what it takes, the next one the rest.
    Score = 2,
}
wire_enum!(RoutingMode { Cost, Score });

/// What counts how much in a venue's score, in per cent of the whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ScoreWeights {
    /// The best all-in price.
    pub price: u8,
    /// The time to an answer.
    pub latency: u8,
    /// Refusals and fades.
    pub reliability: u8,
    /// The quantity shown within the limit.
    pub liquidity: u8,
}
wire_struct!(ScoreWeights { price, latency, reliability, liquidity });

impl ScoreWeights {
    /// The weights of an account that sets none.
    pub const USUAL: Self = Self { price: 40, latency: 20, reliability: 30, liquidity: 10 };

    /// Whether the weights make up 100 per cent.
    pub const fn is_whole(&self) -> bool {
        let Self { price, latency, reliability, liquidity } = *self;
        price as u16 + latency as u16 + reliability as u16 + liquidity as u16 == 100
    }
}

/// What an order itself says about how it chooses between venues.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Choice {
    /// Nothing: its account says it.
    #[default]
    OfAccount = 0,
    /// By cost.
    ByCost = 1,
    /// By score, with the weights of its account.
    ByScore = 2,
    /// By score, with weights of its own.
    ByOwnScore = 3,
    /// As its account says, and what waits rests by share.
    RestByShare = 4,
    /// As its account says, and what waits rests at the best place.
    RestAtBest = 5,
}

/// How an account's orders choose between venues. Holds from the input on, for open orders too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoutingDef {
    /// The account, which is defined before.
    pub account: AccountId,
    /// Venues that the account's orders never go to.
    pub denied: VenueSet,
    /// Backup venues: an order goes there only with the part that no other venue can take.
    pub backup: VenueSet,
    /// What the behaviour of venues costs.
    pub costs: BehaviourCosts,
    /// How its orders choose, unless an order says otherwise.
    pub mode: RoutingMode,
    /// What counts in a score; they make up 100 per cent.
    pub weights: ScoreWeights,
    /// Whether a resting order moves to a better place to wait.
    pub moving: Moving,
    /// What a move has to gain at least, in parts per million of the order's limit.
    pub move_gain_ppm: u32,
}
wire_struct!(RoutingDef { account, denied, backup, costs, mode, weights, moving, move_gain_ppm });

impl RoutingDef {
    /// The weights of score mode for an order without weights of its own; `None` for an order that
    /// chooses by cost.
    pub const fn score(&self, choice: Choice) -> Option<ScoreWeights> {
        let by_score = match choice {
            Choice::ByScore | Choice::ByOwnScore => true,
            Choice::ByCost => false,
            Choice::OfAccount | Choice::RestByShare | Choice::RestAtBest => {
                matches!(self.mode, RoutingMode::Score)
            }
        };
        if by_score { Some(self.weights) } else { None }
    }

    /// The terms of an account that sets none: every venue, without tiers, by cost, and moves that
    /// count the place in the queue.
    pub const fn usual(account: AccountId) -> Self {
        Self {
            account,
            denied: VenueSet::EMPTY,
            backup: VenueSet::EMPTY,
            costs: BehaviourCosts::USUAL,
            mode: RoutingMode::Cost,
            weights: ScoreWeights::USUAL,
            moving: Moving::Sticky,
            move_gain_ppm: MOVE_GAIN_PPM_DEFAULT,
        }
    }
}
