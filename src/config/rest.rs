//! The keys of `[account.routing]` about where an order rests.
//!
//! A line belongs here if it reads, checks or passes on these keys. What they do is the core's;
//! `docs/routing.md` has the rules.

use rutter_core::id::{AccountId, VenueId};
use rutter_core::input::{REST_PLACES_MAX, RestBy, RestDef, VenuePercents};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::finding::{Fault, Findings};
use super::routing::RoutingConfig;

/// `rest`: where the part of an order rests that waits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RestConfig {
    /// At the best place.
    #[default]
    Best,
    /// At several places, each with a share.
    Share,
}

impl From<RestConfig> for RestBy {
    fn from(config: RestConfig) -> Self {
        match config {
            RestConfig::Best => Self::Best,
            RestConfig::Share => Self::Share,
        }
    }
}

impl RoutingConfig {
    /// What the core is told of where orders rest. `None` if a name is no venue's.
    pub fn rest_definition(
        &self,
        account: AccountId,
        venue: impl Fn(&str) -> Option<VenueId>,
    ) -> Option<RestDef> {
        let mut percents = VenuePercents::NONE;
        for (name, percent) in &self.rest_percent {
            if !percents.set(venue(name)?, *percent) {
                return None;
            }
        }
        Some(RestDef { account, by: self.rest.into(), places: self.rest_places, percents })
    }

    /// Adds what is wrong with the shares at that path.
    pub(super) fn check_rest(&self, findings: &mut Findings, at: &str, venues: &[&str]) {
        for (name, percent) in &self.rest_percent {
            if venues.contains(&name.as_str()) && *percent > 0 && self.leaves_out(name) {
                let reason = format!("include or exclude keeps the account from {name:?}");
                findings.add(&format!("{at}.rest_percent.{name}"), Fault::Conflict, reason);
            }
            if !venues.contains(&name.as_str()) && !findings.is_damaged("venue") {
                let reason = format!("{name:?} is no venue; there are {}", venues.join(", "));
                findings.add(&format!("{at}.rest_percent.{name}"), Fault::NotDeclared, reason);
            }
        }
        let sum: u32 = self.rest_percent.values().map(|percent| u32::from(*percent)).sum();
        if !self.rest_percent.is_empty() && sum != 100 {
            let reason = format!("the shares make up 100, not {sum}");
            findings.add(&format!("{at}.rest_percent"), Fault::OutOfRange, reason);
        }
        let given = self.rest_percent.values().filter(|percent| **percent > 0).count();
        if given > REST_PLACES_MAX {
            let reason = format!(
                "{given} venues have a share, and an order rests at {REST_PLACES_MAX} at most"
            );
            findings.add(&format!("{at}.rest_percent"), Fault::OutOfRange, reason);
        }
        if self.rest == RestConfig::Best && !self.rest_percent.is_empty() {
            let reason = "shares go with rest = \"share\"".to_owned();
            findings.add(&format!("{at}.rest_percent"), Fault::Conflict, reason);
        }
    }
}
