//! The public trades of one instrument, for clients that are sent each.
//!
//! A line belongs here if it needs trades and no client.

use std::collections::VecDeque;

use rutter_core::input::PublicTrade;

use super::books::VenueSet;

/// Most trades that are kept of an instrument, over all venues. A client that is further behind
/// misses the older ones.
pub const TAPE_TRADES_MAX: usize = 256;

/// The newest trades. Each has a place, which counts from the start of the node.
#[derive(Debug, Default)]
pub struct Tape {
    trades: VecDeque<PublicTrade>,
    /// The place of the next trade.
    end: u64,
}

const fn has(venues: VenueSet, trade: &PublicTrade) -> bool {
    venues >> trade.venue.0 & 1 == 1
}

impl Tape {
    /// Adds a trade. The oldest one goes when there is no room.
    pub fn push(&mut self, trade: PublicTrade) {
        if self.trades.len() == TAPE_TRADES_MAX {
            self.trades.pop_front();
        }
        self.trades.push_back(trade);
        self.end += 1;
    }

    /// The place of the next trade.
    pub const fn end(&self) -> u64 {
        self.end
    }

    /// The last trade at one of these venues.
    pub fn last(&self, venues: VenueSet) -> Option<PublicTrade> {
        self.trades.iter().rev().find(|trade| has(venues, trade)).copied()
    }

    /// The trades at these venues from a place on, oldest first, each with the place behind it.
    pub fn since(
        &self,
        place: u64,
        venues: VenueSet,
    ) -> impl Iterator<Item = (u64, PublicTrade)> + '_ {
        let first = self.end - self.trades.len() as u64;
        let skipped = usize::try_from(place.saturating_sub(first)).unwrap_or(usize::MAX);
        let places = first.max(place) + 1..;
        let kept = places.zip(self.trades.iter().skip(skipped).copied());
        kept.filter(move |(_, trade)| has(venues, trade))
    }
}
