//! The scopes that a kind of operator's command holds for: halts, or reduce-only.
//!
//! A line belongs here if it says whether an order or a venue is within a set of scopes. What an
//! operator's command does is `engine::operator`.

use std::collections::BTreeSet;

use crate::id::{AccountId, InstrumentId, SessionId};
use crate::input::Scope;
use crate::venue_set::VenueSet;

/// A set of scopes. It has at most one entry per definition: a scope that names something unknown
/// is refused before.
#[derive(Debug, Default)]
pub(crate) struct Scopes(BTreeSet<Scope>);

impl Scopes {
    /// Adds a scope.
    pub fn insert(&mut self, scope: Scope) {
        self.0.insert(scope);
    }

    /// Takes exactly this scope out; a wider one stays.
    pub fn remove(&mut self, scope: Scope) {
        self.0.remove(&scope);
    }

    /// Every scope, in a fixed order.
    pub fn iter(&self) -> impl Iterator<Item = Scope> {
        self.0.iter().copied()
    }

    /// Whether the set holds for everything.
    pub fn has_all(&self) -> bool {
        self.has(Scope::All)
    }

    /// Whether the set holds for an order of that session, account and instrument.
    #[inline]
    pub fn cover(&self, session: SessionId, account: AccountId, instrument: InstrumentId) -> bool {
        !self.0.is_empty()
            && (self.has_all()
                || self.has(Scope::Session(session))
                || self.has(Scope::Account(account))
                || self.has(Scope::Instrument(instrument)))
    }

    /// The venues that the set names one by one.
    pub fn venues(&self) -> VenueSet {
        let mut venues = VenueSet::EMPTY;
        for scope in &self.0 {
            match scope {
                Scope::Venue(venue) => venues.insert(*venue),
                Scope::All | Scope::Instrument(_) | Scope::Session(_) | Scope::Account(_) => {}
            }
        }
        venues
    }

    fn has(&self, scope: Scope) -> bool {
        self.0.contains(&scope)
    }
}
