//! How an account's orders choose between venues, as an input.
//!
//! A line belongs here if an account sets it and routing follows it. What a plan makes of it is
//! `routing`.

use crate::id::AccountId;
use crate::venue_set::VenueSet;
use crate::wire::wire_struct;

/// How an account's orders choose between venues. Holds from the input on, for open orders too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RoutingDef {
    /// The account, which is defined before.
    pub account: AccountId,
    /// Venues that the account's orders never go to.
    pub denied: VenueSet,
    /// Backup venues: an order goes there only with the part that no other venue can take.
    pub backup: VenueSet,
}
wire_struct!(RoutingDef { account, denied, backup });

impl RoutingDef {
    /// The terms of an account that sets none: every venue, without tiers.
    pub fn usual(account: AccountId) -> Self {
        Self { account, ..Self::default() }
    }
}
