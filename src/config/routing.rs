//! `[account.routing]`: how an account's orders choose between venues.
//!
//! A line belongs here if it reads, checks or passes on these keys. What they do is the core's;
//! `docs/routing.md` has the rules.

use rutter_core::id::{AccountId, VenueId};
use rutter_core::input::{MOVE_GAIN_PPM_DEFAULT, Moving, RoutingDef};
use rutter_core::venue_set::VenueSet;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::finding::{Fault, Findings};

/// `[account.routing]`: how an account's orders choose between venues.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RoutingConfig {
    /// Names of the only venues that the account's orders may go to; empty: all.
    pub include: Vec<String>,
    /// Names of venues that the account's orders never go to.
    pub exclude: Vec<String>,
    /// Names of backup venues: an order goes there only with the part that no other venue can fill
    /// or hold at that moment (`docs/routing.md`).
    pub backup: Vec<String>,
    /// Whether a resting order moves to a venue that has become the better place to wait. An order
    /// takes what other venues offer within its limit whatever stands here.
    #[serde(rename = "move")]
    pub moving: MoveConfig,
    /// What a move to a better place has to gain at least, parts per million of the order's limit.
    #[schemars(range(max = 1_000_000))]
    pub move_gain_ppm: u32,
}

impl Default for RoutingConfig {
    fn default() -> Self {
        Self {
            include: Vec::new(),
            exclude: Vec::new(),
            backup: Vec::new(),
            moving: MoveConfig::default(),
            move_gain_ppm: MOVE_GAIN_PPM_DEFAULT,
        }
    }
}

/// Whether a resting order moves to a better place to wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
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

impl RoutingConfig {
    /// What the core is told. `None` if a name is no venue's.
    pub fn definition(
        &self,
        account: AccountId,
        venue: impl Fn(&str) -> Option<VenueId>,
    ) -> Option<RoutingDef> {
        let set = |names: &[String]| -> Option<VenueSet> {
            names.iter().map(|name| venue(name)).collect()
        };
        let included = set(&self.include)?;
        let others = if self.include.is_empty() { VenueSet::EMPTY } else { included.complement() };
        let denied = others.union(set(&self.exclude)?);
        Some(RoutingDef {
            account,
            denied,
            backup: set(&self.backup)?,
            moving: self.moving.into(),
            move_gain_ppm: self.move_gain_ppm,
        })
    }

    /// Adds what is wrong with the keys at that path.
    pub(super) fn check(&self, findings: &mut Findings, at: &str, venues: &[&str]) {
        let lists = [("include", &self.include), ("exclude", &self.exclude)];
        for (key, names) in lists.into_iter().chain([("backup", &self.backup)]) {
            for (place, name) in names.iter().enumerate() {
                if !venues.contains(&name.as_str()) && !findings.is_damaged("venue") {
                    let reason = format!("{name:?} is no venue; there are {}", venues.join(", "));
                    findings.add(&format!("{at}.{key}[{place}]"), Fault::NotDeclared, reason);
                }
            }
        }
        let is_allowed = |venue: &&&str| {
            let in_list = |names: &[String]| names.iter().any(|name| name == **venue);
            (self.include.is_empty() || in_list(&self.include)) && !in_list(&self.exclude)
        };
        if !venues.is_empty() && !venues.iter().any(|venue| is_allowed(&venue)) {
            let reason = "include and exclude leave no venue to the account";
            findings.add(&format!("{at}.exclude"), Fault::OutOfRange, reason.to_owned());
        }
    }
}
