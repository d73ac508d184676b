//! How an account's orders choose between venues, as an input.
//!
//! A line belongs here if an account sets it and routing follows it. What a plan makes of it is
//! `routing`.

use crate::id::AccountId;
use crate::venue_set::VenueSet;
use crate::wire::wire_struct;

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
}
wire_struct!(RoutingDef { account, denied, backup, costs });

impl RoutingDef {
    /// The terms of an account that sets none: every venue, without tiers.
    pub const fn usual(account: AccountId) -> Self {
        let (denied, backup) = (VenueSet::EMPTY, VenueSet::EMPTY);
        Self { account, denied, backup, costs: BehaviourCosts::USUAL }
    }
}
