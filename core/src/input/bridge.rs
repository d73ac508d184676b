//! Bridges: an account's orders in one instrument may fill at another one, as an input.
//!
//! A line belongs here if an account sets it and `engine::bridged` or `engine::convert` follows it.

use crate::id::{AccountId, InstrumentId};
use crate::number::Amount;
use crate::wire::wire_struct;

/// An account's orders in one instrument may fill at another one with the same base asset. What
/// that pays or brings in its quote asset, the bridge asset, is converted. Holds from the input on;
/// a later definition with the same account, instrument and `via` takes its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BridgeDef {
    /// The account, which is defined before.
    pub account: AccountId,
    /// The account of ours that trades in the bridge asset and bears its price; another one.
    pub desk: AccountId,
    /// The instrument of the orders, such as BTC/USD.
    pub instrument: InstrumentId,
    /// The instrument where they may fill, such as BTC/USDT.
    pub via: InstrumentId,
    /// The instrument that converts, such as USDT/USD: its base asset is the bridge asset.
    pub conversion: InstrumentId,
    /// How far the price of a conversion may lie beyond its reference price, in parts per million.
    pub basis_ppm: u32,
    /// Bridge asset that the account's orders may have bought or sold, or may be about to, without
    /// its conversion. Zero: the bridge is off.
    pub legging_max: Amount,
}
wire_struct!(BridgeDef { account, desk, instrument, via, conversion, basis_ppm, legging_max });

/// The largest [`BridgeDef::basis_ppm`].
pub const BASIS_PPM_MAX: u32 = 100_000;

impl BridgeDef {
    /// What tells one bridge from another.
    pub const fn key(&self) -> (AccountId, InstrumentId, InstrumentId) {
        (self.account, self.instrument, self.via)
    }

    /// Whether orders may go over the bridge.
    pub const fn is_on(&self) -> bool {
        self.legging_max.0 > 0
    }
}
