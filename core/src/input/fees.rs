//! What a venue's fees depend on, as inputs.
//!
//! A line belongs here if it describes such an input. Which fees hold is `reference::fees`, and what
//! the volume is that a tier asks for is `volume`.

use crate::id::{AccountId, AssetId, InstrumentId, VenueId};
use crate::number::{Amount, FeePpm};
use crate::wire::wire_struct;

/// Tiers of a venue at most.
pub const FEE_TIERS_MAX: usize = 16;

/// What a venue's fees depend on, beside the terms of its listings. All fees of accounts at the
/// venue are forgotten; they and the tiers come after this input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeeScheduleDef {
    /// The venue, which is defined before.
    pub venue: VenueId,
    /// The asset in which the venue counts the traded volume.
    pub asset: AssetId,
    /// How many tiers follow; zero: the fees do not depend on the volume.
    pub tiers: u8,
    /// What the venue had counted of the 30 days before [`FeeScheduleDef::from_day`].
    pub volume: Amount,
    /// From this day (UTC) on our own executions count; days since the Unix epoch.
    pub from_day: u32,
    /// The token in which the venue takes fees at a discount; `None` for none.
    pub token: Option<FeeTokenDef>,
}
wire_struct!(FeeScheduleDef { venue, asset, tiers, volume, from_day, token });

impl FeeScheduleDef {
    /// The schedule of a venue whose fees are those of its listings.
    pub const fn none(venue: VenueId) -> Self {
        let (asset, volume) = (AssetId(0), Amount::ZERO);
        Self { venue, asset, tiers: 0, volume, from_day: 0, token: None }
    }

    /// Whether the fees depend on nothing.
    pub const fn is_none(&self) -> bool {
        self.tiers == 0 && self.token.is_none()
    }
}

/// A token in which a venue takes its fees at a discount, while there is enough of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeeTokenDef {
    /// The token.
    pub asset: AssetId,
    /// The part of a fee above zero that is not charged, in parts per million.
    pub discount_ppm: u32,
    /// The discount is expected while the venue holds at least this much of the token for us; above
    /// zero.
    pub least: Amount,
}
wire_struct!(FeeTokenDef { asset, discount_ppm, least });

/// A tier of a venue's fees. Tiers come in the order of their volumes, the lowest one first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeeTierDef {
    /// The venue.
    pub venue: VenueId,
    /// Place of the tier, from 0.
    pub place: u8,
    /// The tier holds from this volume of 30 days on; zero for the first one.
    pub from: Amount,
    /// Fee of an order that rested in the book; negative is a rebate.
    pub maker: FeePpm,
    /// Fee of an order that took from the book; negative is a rebate.
    pub taker: FeePpm,
}
wire_struct!(FeeTierDef { venue, place, from, maker, taker });

/// Fees of an account's own at a venue. They stand in the place of tiers and listings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccountFeeDef {
    /// The account.
    pub account: AccountId,
    /// The venue.
    pub venue: VenueId,
    /// The instrument; `None` for all that have no fee of their own here.
    pub instrument: Option<InstrumentId>,
    /// Fee of an order that rested in the book; negative is a rebate.
    pub maker: FeePpm,
    /// Fee of an order that took from the book; negative is a rebate.
    pub taker: FeePpm,
}
wire_struct!(AccountFeeDef { account, venue, instrument, maker, taker });
