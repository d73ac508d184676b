//! Whether orders are amended at their venue.
//!
//! A line belongs here if it is about the key `amend` of `[[venue]]`. What a venue's amend does and
//! costs is its row in the table of venues.

use rutter_core::id::VenueId;
use rutter_core::input::AmendDef;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::VenueConfig;

/// `amend`: what becomes of a resting order that gets less quantity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AmendConfig {
    /// The order is called back, and placed anew with what is left.
    None,
    /// The venue reduces the order in its place, if the venue can.
    #[default]
    ReduceKeepsPriority,
}

impl VenueConfig {
    /// How the venue amends open orders.
    pub fn amends(&self, venue: VenueId) -> AmendDef {
        match self.amend {
            AmendConfig::None => AmendDef::none(venue),
            AmendConfig::ReduceKeepsPriority => AmendDef { venue, ..self.kind.amend },
        }
    }
}
