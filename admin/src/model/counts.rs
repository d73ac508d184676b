//! Counters since the start of the node, and counts of open orders and children.

use std::collections::BTreeMap;

use rutter_core::id::{AccountId, InstrumentId, SessionId, VenueId};
use rutter_core::input::{Refusal, Scope, VenueReject};
use rutter_core::number::Amount;
use rutter_core::reference::VENUES_MAX;

use super::anomaly::AnomalyCounts;
use super::fees::FeesCompared;

/// Reasons that venues have, by number; the first is none.
const REJECTS: usize = VenueReject::PairFull as usize + 1;

/// Orders that are over, or refused, by reason.
#[derive(Clone, Copy, Debug)]
pub struct ByRefusal([u64; Refusal::ALL.len()]);

impl Default for ByRefusal {
    fn default() -> Self {
        Self([0; Refusal::ALL.len()])
    }
}

impl ByRefusal {
    pub fn count(&mut self, reason: Refusal) {
        self.0[reason as usize] += 1;
    }

    /// The counts above zero, by reason.
    pub fn named(&self) -> BTreeMap<String, u64> {
        let all = Refusal::ALL.iter().zip(self.0).filter(|(_, count)| *count > 0);
        all.map(|(reason, count)| (format!("{reason:?}"), count)).collect()
    }
}

/// Counters of one venue.
#[derive(Clone, Copy, Debug, Default)]
pub struct AtVenue {
    pub distrusts: u64,
    pub children: u64,
    pub fills: u64,
    pub filled: Amount,
    pub fees: FeesCompared,
    /// Openings of its breakers, by kind of request.
    pub openings: [u64; 3],
    rejects: [(u64, Option<VenueReject>); REJECTS],
}

impl AtVenue {
    pub fn count_reject(&mut self, reason: VenueReject) {
        if let Some((count, word)) = self.rejects.get_mut(reason as usize) {
            *count += 1;
            *word = Some(reason);
        }
    }

    /// The counts above zero, by reason.
    pub fn rejects(&self) -> BTreeMap<String, u64> {
        let named =
            |(count, word): &(u64, Option<VenueReject>)| Some((format!("{:?}", (*word)?), *count));
        self.rejects.iter().filter_map(named).collect()
    }
}

/// Counts since the start of the node.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    pub orders: u64,
    pub refused: ByRefusal,
    pub filled: u64,
    pub ended: ByRefusal,
    /// Orders of which all that could be filled was.
    pub succeeded: u64,
    /// Orders that were not carried out.
    pub failed: ByRefusal,
    pub reports: u64,
    pub fills: u64,
    pub anomalies: AnomalyCounts,
    pub venues: [AtVenue; VENUES_MAX],
}

impl Counts {
    /// Orders that are over, by how.
    pub fn ended_named(&self) -> BTreeMap<String, u64> {
        let mut ended = self.ended.named();
        if self.filled > 0 {
            ended.insert("Filled".to_owned(), self.filled);
        }
        ended
    }
}

/// The owner of an order.
#[derive(Clone, Copy, Debug)]
pub struct OrderOwner {
    pub session: SessionId,
    pub account: AccountId,
    pub instrument: InstrumentId,
}

/// Open orders or children, by scope.
#[derive(Clone, Debug, Default)]
pub struct Open {
    all: u32,
    venues: [u32; VENUES_MAX],
    instruments: Vec<u32>,
    sessions: Vec<u32>,
    accounts: Vec<u32>,
}

impl Open {
    /// Makes room for so many of each.
    pub fn grow(&mut self, instruments: usize, sessions: usize, accounts: usize) {
        for (counts, len) in [
            (&mut self.instruments, instruments),
            (&mut self.sessions, sessions),
            (&mut self.accounts, accounts),
        ] {
            counts.resize(len.max(counts.len()), 0);
        }
    }

    /// One more is open, or one less.
    pub fn change(&mut self, whose: OrderOwner, opened: bool) {
        step(Some(&mut self.all), opened);
        step(self.instruments.get_mut(whose.instrument.index()), opened);
        step(self.sessions.get_mut(whose.session.index()), opened);
        step(self.accounts.get_mut(whose.account.index()), opened);
    }

    /// One more is open at a venue, or one less.
    pub fn change_at(&mut self, venue: VenueId, opened: bool) {
        step(self.venues.get_mut(venue.index()), opened);
    }

    /// How many there are in a scope.
    pub fn within(&self, scope: Scope) -> u32 {
        let count = match scope {
            Scope::All => Some(&self.all),
            Scope::Venue(id) => self.venues.get(id.index()),
            Scope::Instrument(id) => self.instruments.get(id.index()),
            Scope::Session(id) => self.sessions.get(id.index()),
            Scope::Account(id) => self.accounts.get(id.index()),
        };
        count.copied().unwrap_or(0)
    }
}

fn step(count: Option<&mut u32>, up: bool) {
    if let Some(count) = count {
        *count = if up { count.saturating_add(1) } else { count.saturating_sub(1) };
    }
}
