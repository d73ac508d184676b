//! The keys of `[[account]]` about orders of ours that meet each other.
//!
//! A line belongs here if it reads, checks or passes on these keys. What they do is the core's;
//! `docs/routing.md` has the rules.

use std::collections::BTreeMap;

use rutter_core::id::AccountId;
use rutter_core::input::{OtherOwners, OwnerDef, SelfMatchPolicy};
use rutter_core::number::Text;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::AccountConfig;
use super::check::{NAME_CHARS_MAX, check_name};
use super::finding::{Fault, Findings};

/// `self_match`: what becomes of an order that would match a resting order of the same owner.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SelfMatchConfig {
    /// The resting order is cancelled (`SelfMatchResting`), and the other one goes on.
    #[default]
    CancelResting,
    /// The part of the order that comes in is cancelled that can go nowhere else (`SelfMatch`).
    CancelIncoming,
    /// Both orders lose the smaller of the two quantities, without a trade (`SelfMatchReduced`).
    Decrement,
    /// The two may match.
    Allow,
}

impl From<SelfMatchConfig> for SelfMatchPolicy {
    fn from(config: SelfMatchConfig) -> Self {
        match config {
            SelfMatchConfig::CancelResting => Self::CancelResting,
            SelfMatchConfig::CancelIncoming => Self::CancelIncoming,
            SelfMatchConfig::Decrement => Self::Decrement,
            SelfMatchConfig::Allow => Self::Allow,
        }
    }
}

/// `other_owners`: what a resting order does when an order of another owner could take at its
/// price.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OtherOwnersConfig {
    /// It is called back, the other one goes, and it is put back at the end of the queue
    /// (`PlaceLost`).
    #[default]
    Yield,
    /// It keeps its place, and the other one waits (`OwnOrder`) or is given back (`SelfMatch`).
    Protect,
}

impl From<OtherOwnersConfig> for OtherOwners {
    fn from(config: OtherOwnersConfig) -> Self {
        match config {
            OtherOwnersConfig::Yield => Self::Yield,
            OtherOwnersConfig::Protect => Self::Protect,
        }
    }
}

/// The owner of each account, by the account's name.
pub(super) type Owners<'a> = BTreeMap<&'a str, &'a str>;

impl AccountConfig {
    /// Name of the account's owner.
    pub fn owner(&self) -> &str {
        self.owner.as_deref().unwrap_or(&self.name)
    }

    /// What the core is told of the owner. `None` if the name is too long.
    pub fn owner_definition(&self, account: AccountId) -> Option<OwnerDef> {
        Some(OwnerDef {
            account,
            owner: Text::new(self.owner().as_bytes())?,
            self_match: self.self_match.into(),
            other_owners: self.other_owners.into(),
        })
    }

    /// Adds what is wrong with the owner. An owner may have the name of one of its accounts, and of
    /// no other's: an account without the key has its own name for an owner.
    pub(super) fn check_owner(&self, findings: &mut Findings, at: usize, owners: &Owners<'_>) {
        let Some(owner) = &self.owner else { return };
        let path = format!("account[{at}].owner");
        check_name(findings, NAME_CHARS_MAX, &path, owner);
        let other = owners.get(owner.as_str());
        if let Some(other) = other.filter(|other| **other != owner.as_str()) {
            let reason = format!("{owner:?} is an account of another owner, {other:?}");
            findings.add(&path, Fault::Conflict, reason);
        }
    }
}
