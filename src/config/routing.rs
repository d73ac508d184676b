//! `[account.routing]`: how an account's orders choose between venues.
//!
//! A line belongs here if it reads, checks or passes on these keys. What they do is the core's;
//! `docs/routing.md` has the rules.

use rutter_core::id::{AccountId, VenueId};
use rutter_core::input::RoutingDef;
use rutter_core::venue_set::VenueSet;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::finding::{Fault, Findings};

/// `[account.routing]`: how an account's orders choose between venues.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RoutingConfig {
    /// Names of the only venues that the account's orders may go to; empty: all.
    pub include: Vec<String>,
    /// Names of venues that the account's orders never go to.
    pub exclude: Vec<String>,
    /// Names of backup venues: an order goes there only with the part that no other venue can fill
    /// or hold at that moment (`docs/routing.md`).
    pub backup: Vec<String>,
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
        Some(RoutingDef { account, denied, backup: set(&self.backup)? })
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
        let is_allowed = |venue: &str| {
            let in_list = |names: &[String]| names.iter().any(|name| name == venue);
            (self.include.is_empty() || in_list(&self.include)) && !in_list(&self.exclude)
        };
        let allowed: Vec<&str> = venues.iter().copied().filter(|one| is_allowed(one)).collect();
        if !venues.is_empty() && allowed.is_empty() {
            let reason = "include and exclude leave no venue to the account";
            return findings.add(&format!("{at}.exclude"), Fault::OutOfRange, reason.to_owned());
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
