//! `[account.routing]`: how an account's orders choose between venues.
//!
//! A line belongs here if it reads, checks or passes on these keys. What they do is the core's;
//! `docs/routing.md` has the rules.

use std::collections::BTreeMap;

use rutter_core::id::{AccountId, VenueId};
use rutter_core::input::{
    BehaviourCosts, MOVE_GAIN_PPM_DEFAULT, Moving, REST_PLACES_DEFAULT, RoutingDef, RoutingMode,
    ScoreWeights,
};
use rutter_core::venue_set::VenueSet;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::finding::{Fault, Findings};
use super::rest::RestConfig;
use super::venue_account::{book_owner, chosen};
use super::{VenueConfig, schema};

/// `[account.routing]`: how an account's orders choose between venues.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RoutingConfig {
    /// Names of the venue accounts by which the account's orders go to venues with several
    /// (`books_of` of `[[venue]]`), one for each venue at most. Without a name the orders go by the
    /// account that has the feed.
    pub venue_accounts: Vec<String>,
    /// Names of the only venues that the account's orders may go to; empty: all.
    pub include: Vec<String>,
    /// Names of venues that the account's orders never go to.
    pub exclude: Vec<String>,
    /// Names of backup venues: an order goes there only with the part that no other venue can fill
    /// or hold at that moment (`docs/routing.md`).
    pub backup: Vec<String>,
    /// What a second from sending an order to the venue's answer costs, in parts per million of the
    /// order's value (`docs/routing.md`, cost of behaviour).
    #[schemars(range(max = 1_000_000))]
    pub latency_cost_ppm: u32,
    /// What an order costs that the venue refuses by its own fault, in parts per million.
    #[schemars(range(max = 1_000_000))]
    pub reject_cost_ppm: u32,
    /// What an order costs of which nothing is there that the book shows, in parts per million.
    #[schemars(range(max = 1_000_000))]
    pub fade_cost_ppm: u32,
    /// What an order costs that is filled in part, in parts per million.
    #[schemars(range(max = 1_000_000))]
    pub partial_cost_ppm: u32,
    /// How the account's orders choose, unless an order says otherwise.
    pub mode: ModeConfig,
    /// What counts in the score of a venue, in per cent of the whole; only for `mode = "score"`.
    pub weights: WeightsConfig,
    /// Whether a resting order moves to a venue that has become the better place to wait. An order
    /// takes what other venues offer within its limit whatever stands here.
    #[serde(rename = "move")]
    pub moving: MoveConfig,
    /// What a move to a better place has to gain at least, parts per million of the order's limit.
    #[schemars(range(max = 1_000_000))]
    pub move_gain_ppm: u32,
    /// Where the part of an order rests that waits: at the best place, or at several, each with a
    /// share.
    pub rest: RestConfig,
    /// Places of an order that rests by share at most; of use only without `rest_percent`.
    #[schemars(range(min = 1, max = 8))]
    pub rest_places: u8,
    /// Shares of venues by their names, per cent, 100 together. Where none is given, the shares
    /// follow from how fast an order is expected to fill at each place.
    #[schemars(schema_with = "schema::percents")]
    pub rest_percent: BTreeMap<String, u8>,
}

/// `move`: whether a resting order moves to a better place to wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum MoveConfig {
    /// The order stays where it rests.
    Never,
    /// The order moves where a new order would wait at less cost.
    Better,
    /// As `better`, and the place that the order has in the queue counts.
    #[default]
    Sticky,
}

impl From<MoveConfig> for Moving {
    fn from(config: MoveConfig) -> Self {
        match config {
            MoveConfig::Never => Self::Never,
            MoveConfig::Better => Self::Better,
            MoveConfig::Sticky => Self::Sticky,
        }
    }
}

/// `mode`: how an order chooses between venues.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ModeConfig {
    /// As much as can be filled, at the least effective cost over all venues.
    #[default]
    Cost,
    /// The venue with the highest score gets what it takes, the next one the rest.
    Score,
}

impl From<ModeConfig> for RoutingMode {
    fn from(config: ModeConfig) -> Self {
        match config {
            ModeConfig::Cost => Self::Cost,
            ModeConfig::Score => Self::Score,
        }
    }
}

/// `weights`: what counts in a score. The four make up 100.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WeightsConfig {
    /// The best price with the fee, per cent.
    #[schemars(range(max = 100))]
    pub price: u8,
    /// The time to an answer, per cent.
    #[schemars(range(max = 100))]
    pub latency: u8,
    /// Refusals and fades, per cent.
    #[schemars(range(max = 100))]
    pub reliability: u8,
    /// The quantity shown within the limit, per cent.
    #[schemars(range(max = 100))]
    pub liquidity: u8,
}

impl Default for WeightsConfig {
    fn default() -> Self {
        let ScoreWeights { price, latency, reliability, liquidity } = ScoreWeights::USUAL;
        Self { price, latency, reliability, liquidity }
    }
}

impl From<WeightsConfig> for ScoreWeights {
    fn from(config: WeightsConfig) -> Self {
        let WeightsConfig { price, latency, reliability, liquidity } = config;
        Self { price, latency, reliability, liquidity }
    }
}

impl Default for RoutingConfig {
    fn default() -> Self {
        let usual = BehaviourCosts::USUAL;
        Self {
            venue_accounts: Vec::new(),
            include: Vec::new(),
            exclude: Vec::new(),
            backup: Vec::new(),
            latency_cost_ppm: usual.latency_ppm,
            reject_cost_ppm: usual.reject_ppm,
            fade_cost_ppm: usual.fade_ppm,
            partial_cost_ppm: usual.partial_ppm,
            mode: ModeConfig::default(),
            weights: WeightsConfig::default(),
            moving: MoveConfig::default(),
            move_gain_ppm: MOVE_GAIN_PPM_DEFAULT,
            rest: RestConfig::default(),
            rest_places: REST_PLACES_DEFAULT,
            rest_percent: BTreeMap::new(),
        }
    }
}

impl RoutingConfig {
    /// What the core is told. `further` are the venue accounts that use the books of others, as the
    /// journal knows them. `None` if a name is no venue's.
    pub fn definition(
        &self,
        account: AccountId,
        venues: &[VenueConfig],
        further: VenueSet,
        venue: impl Fn(&str) -> Option<VenueId>,
    ) -> Option<RoutingDef> {
        // The name of a venue stands for all its accounts.
        let set = |names: &[String]| -> Option<VenueSet> {
            let mut all: VenueSet = names.iter().map(|name| venue(name)).collect::<Option<_>>()?;
            for one in venues {
                if one.books_of.as_ref().is_some_and(|owner| names.contains(owner)) {
                    all.insert(venue(&one.name)?);
                }
            }
            Some(all)
        };
        let included = set(&self.include)?;
        let others = if self.include.is_empty() { VenueSet::EMPTY } else { included.complement() };
        let mut denied = others.union(set(&self.exclude)?).union(further);
        for one in venues {
            let owner = book_owner(venues, one)?;
            let own = chosen(venues, &self.venue_accounts, owner);
            if own.name != one.name {
                denied.insert(venue(&one.name)?);
            } else if one.books_of.is_some() && !is_left_out(self, &owner.name) {
                denied.remove(venue(&one.name)?);
            }
        }
        let costs = BehaviourCosts {
            latency_ppm: self.latency_cost_ppm,
            reject_ppm: self.reject_cost_ppm,
            fade_ppm: self.fade_cost_ppm,
            partial_ppm: self.partial_cost_ppm,
        };
        Some(RoutingDef {
            account,
            denied,
            backup: set(&self.backup)?,
            costs,
            mode: self.mode.into(),
            weights: self.weights.into(),
            moving: self.moving.into(),
            move_gain_ppm: self.move_gain_ppm,
        })
    }

    /// The name of the venue account by which the orders go to a venue of that name. `None` if
    /// there is no such venue.
    pub fn account_at<'a>(&self, venues: &'a [VenueConfig], name: &str) -> Option<&'a str> {
        let named = venues.iter().find(|one| one.name == name)?;
        let owner = book_owner(venues, named)?;
        Some(&chosen(venues, &self.venue_accounts, owner).name)
    }

    /// Adds what is wrong with `venue_accounts` at that path.
    fn check_venue_accounts(&self, findings: &mut Findings, at: &str, venues: &[VenueConfig]) {
        let mut owners: Vec<&str> = Vec::new();
        for (place, name) in self.venue_accounts.iter().enumerate() {
            let path = format!("{at}.venue_accounts[{place}]");
            let named = venues.iter().find(|one| one.name == *name);
            let Some(named) = named else {
                if !findings.is_damaged("venue") {
                    let known: Vec<&str> = venues.iter().map(|one| one.name.as_str()).collect();
                    let reason = format!("{name:?} is no venue; there are {}", known.join(", "));
                    findings.add(&path, Fault::NotDeclared, reason);
                }
                continue;
            };
            // A name that is no venue's with books of its own has its own finding.
            let Some(owner) = book_owner(venues, named) else { continue };
            if owners.contains(&owner.name.as_str()) {
                let reason = format!("a second account of {:?}", owner.name);
                findings.add(&path, Fault::Conflict, reason);
            } else if is_left_out(self, &owner.name) {
                let reason = format!("include or exclude keeps the account from {:?}", owner.name);
                findings.add(&path, Fault::Conflict, reason);
            }
            owners.push(&owner.name);
        }
    }

    /// Whether `include` or `exclude` keeps the account from a venue with books of its own.
    pub(super) fn leaves_out(&self, venue: &str) -> bool {
        is_left_out(self, venue)
    }

    /// Adds what is wrong with the keys at that path.
    pub(super) fn check(&self, findings: &mut Findings, at: &str, all: &[VenueConfig]) {
        let names: Vec<&str> = all.iter().map(|one| one.name.as_str()).collect();
        let venues = &names[..];
        self.check_venue_accounts(findings, at, all);
        let lists = [("include", &self.include), ("exclude", &self.exclude)];
        for (key, names) in lists.into_iter().chain([("backup", &self.backup)]) {
            for (place, name) in names.iter().enumerate() {
                if !venues.contains(&name.as_str()) && !findings.is_damaged("venue") {
                    let reason = format!("{name:?} is no venue; there are {}", venues.join(", "));
                    findings.add(&format!("{at}.{key}[{place}]"), Fault::NotDeclared, reason);
                }
                if names.iter().take(place).any(|before| before == name) {
                    let reason = format!("{name:?} is there twice");
                    findings.add(&format!("{at}.{key}[{place}]"), Fault::Duplicate, reason);
                }
                let named = all.iter().find(|one| one.name == *name);
                if let Some(owner) = named.and_then(|one| one.books_of.as_ref()) {
                    let reason = format!("{name:?} is an account of {owner:?}: name the venue");
                    findings.add(&format!("{at}.{key}[{place}]"), Fault::Conflict, reason);
                }
            }
        }
        let owners: Vec<&str> = owners_of(all).collect();
        self.check_rest(findings, at, &owners);
        if !ScoreWeights::from(self.weights).is_whole() {
            let WeightsConfig { price, latency, reliability, liquidity } = self.weights;
            let parts = [price, latency, reliability, liquidity].map(u32::from);
            let reason = format!("the four weights make up 100, not {}", parts.iter().sum::<u32>());
            findings.add(&format!("{at}.weights"), Fault::OutOfRange, reason);
        }
        let is_allowed = |venue: &str| !is_left_out(self, venue);
        let allowed: Vec<&str> = owners_of(all).filter(|one| is_allowed(one)).collect();
        if !venues.is_empty() && allowed.is_empty() {
            // A name that is no venue's has its own finding, and stands for a venue.
            if self.include.iter().all(|name| owners.contains(&name.as_str())) {
                let reason = "include and exclude leave no venue to the account".to_owned();
                findings.add(&format!("{at}.exclude"), Fault::OutOfRange, reason);
            }
            return;
        }
        let is_backup = |venue: &&str| self.backup.iter().any(|name| name == venue);
        for (place, name) in self.backup.iter().enumerate() {
            if venues.contains(&name.as_str()) && !is_allowed(name) {
                let reason = format!("include or exclude keeps the account from {name:?}");
                findings.add(&format!("{at}.backup[{place}]"), Fault::Conflict, reason);
            }
        }
        if !allowed.is_empty() && allowed.iter().all(is_backup) {
            let reason = "every venue of the account is a backup, which makes no tiers";
            findings.add(&format!("{at}.backup"), Fault::Conflict, reason.to_owned());
        }
    }
}

/// The names of the venues, each of which is that of its first account.
fn owners_of(venues: &[VenueConfig]) -> impl Iterator<Item = &str> {
    venues.iter().filter(|one| one.books_of.is_none()).map(|one| one.name.as_str())
}

/// Whether the lists keep an account from a venue with books of its own.
fn is_left_out(routing: &RoutingConfig, venue: &str) -> bool {
    let in_list = |names: &[String]| names.iter().any(|name| name == venue);
    !routing.include.is_empty() && !in_list(&routing.include) || in_list(&routing.exclude)
}
