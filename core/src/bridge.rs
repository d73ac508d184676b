//! What bridges have bought or sold and not yet converted.
//!
//! A line belongs here if it counts the bridge asset. Which quantity goes over a bridge is
//! `routing::bridge`; what is sent is `engine::bridged` and `engine::convert`.
//!
//! Invariant: what is counted of an exposure is the largest that it can become while no venue fills
//! a sale above the best price that its book showed.

use crate::hash::Rolling;
use crate::id::{AccountId, InstrumentId, OrderId};
use crate::input::Side;
use crate::number::{Amount, Price, UnixNanos};
use crate::routing::BridgePlan;

/// What has become of a bridge in a decision, or of an exposure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum BridgeWord {
    /// A part of the order goes over the bridge.
    #[default]
    Taken = 1,
    /// Without the bridge as much is filled, at no higher cost.
    WorsePrice = 2,
    /// The order rests, is to be filled whole or with a minimum, or chooses by score.
    NotThisOrder = 3,
    /// A child of the order at the bridge instrument was not filled whole.
    NotFilled = 4,
    /// No venue takes a part of the order at the bridge instrument, within the converted limit.
    NoVenue = 5,
    /// The conversion has no reference price.
    NoReference = 6,
    /// No venue offers the conversion within the basis limit.
    BasisTooWide = 7,
    /// No venue that could convert is up with a trusted book, funds and room for an order.
    NoConversion = 8,
    /// What is to be converted is below the smallest order of each venue.
    BelowMinimum = 9,
    /// The account has as much to be converted as its limit allows.
    LeggingLimit = 10,
    /// A halt covers the conversion.
    Halted = 11,
    /// The conversion is with its venues.
    Converting = 12,
    /// The table of orders or of children has no place.
    CapacityReached = 13,
    /// Nothing is left to be converted.
    Converted = 14,
    /// An operator has ended the exposure: the desk account keeps it as its inventory.
    Kept = 15,
}

impl BridgeWord {
    /// All words.
    pub const ALL: [Self; 15] = [
        Self::Taken,
        Self::WorsePrice,
        Self::NotThisOrder,
        Self::NotFilled,
        Self::NoVenue,
        Self::NoReference,
        Self::BasisTooWide,
        Self::NoConversion,
        Self::BelowMinimum,
        Self::LeggingLimit,
        Self::Halted,
        Self::Converting,
        Self::CapacityReached,
        Self::Converted,
        Self::Kept,
    ];

    /// The word for people and programs.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Taken => "Taken",
            Self::WorsePrice => "WorsePrice",
            Self::NotThisOrder => "NotThisOrder",
            Self::NotFilled => "NotFilled",
            Self::NoVenue => "NoVenue",
            Self::NoReference => "NoReference",
            Self::BasisTooWide => "BasisTooWide",
            Self::NoConversion => "NoConversion",
            Self::BelowMinimum => "BelowMinimum",
            Self::LeggingLimit => "LeggingLimit",
            Self::Halted => "Halted",
            Self::Converting => "Converting",
            Self::CapacityReached => "CapacityReached",
            Self::Converted => "Converted",
            Self::Kept => "Kept",
        }
    }
}

/// Bridge asset of one account, bought or sold by its orders and not yet converted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exposure {
    /// Number of the exposure, given when there is something to convert and never again; zero while
    /// there is nothing.
    pub id: u64,
    /// The account whose orders went over the bridge.
    pub account: AccountId,
    /// The account of ours that bears it.
    pub desk: AccountId,
    /// The instrument that converts.
    pub conversion: InstrumentId,
    /// What is to be sold; below zero: what is to be bought.
    pub amount: Amount,
    /// What children at the bridge instrument may still add, in either direction.
    pub pending: Amount,
    /// What the order that converts may still convert: above zero for a buy.
    pub converting: Amount,
    /// Since when there is something to convert.
    pub since: UnixNanos,
    /// The order that converts, and is not over; zero for none.
    pub order: OrderId,
    /// The reference price of the conversion when an order last went over the bridge.
    pub anchor: Price,
    /// The basis limit of that bridge, in parts per million.
    pub basis_ppm: u32,
    /// Why it is not converted.
    pub word: BridgeWord,
    /// When a conversion was last tried.
    pub tried_at: UnixNanos,
    /// The read model knows it as it is, apart from [`Self::tried_at`].
    pub is_told: bool,
}

impl Exposure {
    /// The most bridge asset that the account can have unconverted as things are.
    pub fn counted(&self) -> Amount {
        let after = self.amount.plus(self.converting);
        let larger = self.amount.0.saturating_abs().max(after.0.saturating_abs());
        Amount(larger).plus(self.pending)
    }

    /// The side of the order that would convert.
    pub const fn side(&self) -> Side {
        if self.amount.0 > 0 { Side::Sell } else { Side::Buy }
    }

    /// Whether there is something to convert, more than the smallest order of a venue.
    pub fn is_open(&self) -> bool {
        self.id != 0 && self.word != BridgeWord::BelowMinimum
    }

    pub(crate) fn mix(&self, hash: &mut Rolling) {
        hash.pair(self.id, self.order.0);
        for amount in [self.amount, self.pending] {
            hash.amount(amount);
        }
        let ids = u64::from(self.account.0) | u64::from(self.desk.0) << 16;
        hash.pair(
            ids | u64::from(self.conversion.0) << 32 | (self.word as u64) << 48,
            self.since.0,
        );
    }
}

/// What the core remembers of a child at a bridge instrument.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Leg {
    /// Place of the exposure that it adds to.
    pub exposure: u16,
    /// What one unit costs the client or brings him, in billionths of the order's price unit, for a
    /// price of one unit at the bridge instrument.
    pub rate: i128,
    /// Decimals that the two prices together have more than the order's price.
    pub decimals: u32,
    /// The price at which its open quantity is counted.
    pub counted_at: Price,
    /// The fee on top with which it is counted, in parts per million.
    pub fee_ppm: u32,
    /// What it adds to [`Exposure::pending`].
    pub pending: Amount,
}

/// All exposures, and the memory for plans. Allocates only for definitions.
#[derive(Debug, Default)]
pub(crate) struct Bridging {
    /// By account, desk and conversion, in the order in which bridges first named them.
    pub exposures: Vec<Exposure>,
    /// By slot of the table of children; empty while no bridge is defined.
    pub legs: Vec<Leg>,
    /// The plan that is to be carried out.
    pub plan: BridgePlan,
    /// The plan of a further bridge, while it is compared.
    pub other: BridgePlan,
    /// What became of each bridge of the order in its decision.
    pub lines: Vec<crate::output::BridgeLine>,
    /// Exposures that have something to convert.
    pub open: usize,
    /// Something has happened that can help a conversion.
    pub is_due: bool,
    /// When conversions are tried again whatever happens.
    pub retry_at: Option<UnixNanos>,
    /// Number of the last exposure.
    pub last_id: u64,
}

impl Bridging {
    /// Forgets the plan and the lines of the decision before.
    pub fn forget(&mut self) {
        self.plan.clear();
        self.lines.clear();
    }

    /// The place of an exposure, made if there is none.
    pub fn place_of(
        &mut self,
        account: AccountId,
        desk: AccountId,
        conversion: InstrumentId,
    ) -> usize {
        if let Some(at) = self.find(account, desk, conversion) {
            return at;
        }
        self.exposures.push(Exposure {
            id: 0,
            account,
            desk,
            conversion,
            amount: Amount::ZERO,
            pending: Amount::ZERO,
            converting: Amount::ZERO,
            since: UnixNanos(0),
            order: OrderId(0),
            anchor: Price(0),
            basis_ppm: 0,
            word: BridgeWord::Converted,
            tried_at: UnixNanos(0),
            is_told: true,
        });
        self.exposures.len() - 1
    }

    /// The place of an exposure.
    pub fn find(
        &self,
        account: AccountId,
        desk: AccountId,
        conversion: InstrumentId,
    ) -> Option<usize> {
        let key = (account, desk, conversion);
        self.exposures.iter().position(|at| (at.account, at.desk, at.conversion) == key)
    }

    /// Changes what is to be converted.
    pub fn change(&mut self, at: usize, by: Amount, now: UnixNanos) {
        let exposure = &mut self.exposures[at];
        let before = exposure.amount;
        exposure.amount = before.plus(by);
        match (before.0, exposure.amount.0) {
            (0, 0) => {}
            (0, _) => {
                self.last_id += 1;
                (exposure.id, exposure.since) = (self.last_id, now);
                exposure.word = BridgeWord::Converting;
                self.open += 1;
            }
            (_, 0) => {
                (exposure.id, exposure.word) = (0, BridgeWord::Converted);
                self.open -= 1;
            }
            // What was below the smallest order has waited for this: it is not late.
            (_, _) if exposure.word == BridgeWord::BelowMinimum => exposure.since = now,
            (_, _) => {}
        }
        self.is_due = true;
    }

    pub fn mix(&self, hash: &mut Rolling) {
        for exposure in &self.exposures {
            exposure.mix(hash);
        }
    }
}
