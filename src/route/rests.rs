//! Where what waits of an order rests, in a scenario: at the best place, or by share.
//!
//! A line belongs here if it reads or writes the key `rest` of a scenario's order.

use std::collections::BTreeMap;

use rutter_core::id::{Name, VenueId};
use rutter_core::input::{REST_PLACES_DEFAULT, REST_PLACES_MAX, VenuePercents};
use rutter_core::reference::Reference;
use rutter_core::routing::RestShares;
use rutter_core::venue_set::VenueSet;
use serde::Deserialize;
use serde_json::{Value, json};

use super::BadScenario;
use super::object::Object;

/// `rest`: the order rests by share.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Rest {
    /// Places of the order at most.
    places: u8,
    /// Children that come to rest at most; as many as places if absent.
    legs: Option<u8>,
    /// Venues where children of the order rest already.
    at: Vec<String>,
    /// Shares of venues, per cent.
    percent: BTreeMap<String, u8>,
}

impl Default for Rest {
    fn default() -> Self {
        let (at, percent) = (Vec::new(), BTreeMap::new());
        Self { places: REST_PLACES_DEFAULT, legs: None, at, percent }
    }
}

/// What the router is told.
pub(super) fn shares(
    rest: Option<&Object<Rest>>,
    id_of: impl Fn(&str, &str) -> Result<VenueId, BadScenario>,
) -> Result<Option<RestShares>, BadScenario> {
    rest.map(|Object(rest)| rest.shares(id_of)).transpose()
}

impl Rest {
    fn shares(
        &self,
        id_of: impl Fn(&str, &str) -> Result<VenueId, BadScenario>,
    ) -> Result<RestShares, BadScenario> {
        let bad = |text: &str| Err(BadScenario::new("BadRest", text));
        let most = REST_PLACES_MAX as u8;
        if !(1..=most).contains(&self.places) {
            return bad("order.rest.places is from 1 to 8");
        }
        let mut percents = VenuePercents::NONE;
        for (name, percent) in &self.percent {
            percents.set(id_of(name, "order.rest.percent")?, *percent);
        }
        if !percents.is_sound() || !self.percent.is_empty() && !percents.is_given() {
            return bad("order.rest.percent makes up 100, over 8 venues at most");
        }
        let legs = self.legs.unwrap_or(if percents.is_given() { most } else { self.places });
        if !(1..=most).contains(&legs) {
            return bad("order.rest.legs is from 1 to 8");
        }
        let at = self.at.iter().map(|name| id_of(name, "order.rest.at"));
        let at = at.collect::<Result<VenueSet, _>>()?;
        Ok(RestShares { places: self.places, legs, at, percents })
    }
}

/// The key of a recorded decision.
pub(super) fn record(shares: &RestShares, reference: &Reference) -> Value {
    let RestShares { places, legs, at, percents } = shares;
    let venues = || (0..).map(VenueId).zip(reference.venues.iter().map(|venue| venue.name));
    let rests = venues().filter(|(id, _)| at.has(*id)).map(|(_, name)| name);
    let mut rest = json!({ "places": places, "legs": legs, "at": names(rests) });
    if percents.is_given() {
        let given = venues().filter(|(id, _)| percents.of(*id) > 0);
        rest["percent"] =
            given.map(|(id, name)| (name.as_str().to_owned(), json!(percents.of(id)))).collect();
    }
    rest
}

fn names(all: impl Iterator<Item = Name>) -> Value {
    all.map(|name| json!(name.as_str())).collect()
}
