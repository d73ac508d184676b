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

/// How an account's orders choose between venues. Holds from the input on, for open orders too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoutingDef {
    /// The account, which is defined before.
    pub account: AccountId,
    /// Venues that the account's orders never go to.
    pub denied: VenueSet,
    /// Backup venues: an order goes there only with the part that no other venue can take.
    pub backup: VenueSet,
    /// Whether a resting order moves to a better place to wait.
    pub moving: Moving,
    /// What a move has to gain at least, in parts per million of the order's limit.
    pub move_gain_ppm: u32,
}
wire_struct!(RoutingDef { account, denied, backup, moving, move_gain_ppm });

impl RoutingDef {
    /// The terms of an account that sets none: every venue, without tiers, and moves that count the
    /// place in the queue.
    pub const fn usual(account: AccountId) -> Self {
        Self {
            account,
            denied: VenueSet::EMPTY,
            backup: VenueSet::EMPTY,
            moving: Moving::Sticky,
            move_gain_ppm: MOVE_GAIN_PPM_DEFAULT,
        }
    }
}
