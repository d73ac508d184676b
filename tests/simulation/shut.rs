//! What the core has said about breakers and pauses, held against what it sends.
//!
//! A line belongs here if it watches the outputs for an order that no venue should get.

use rutter_core::breaker::{BreakerState, RequestKind};
use rutter_core::input::ListingTerms;
use rutter_core::number::UnixNanos;
use rutter_core::output::{Notice, Output, Paused};
use rutter_core::waiting::Waiting;

use super::venues::VENUES;

/// What is shut at one venue.
#[derive(Clone, Copy, Debug, Default)]
struct Venue {
    breakers: [bool; RequestKind::ALL.len()],
    paused_until: UnixNanos,
    cancels_until: UnixNanos,
    /// The market is not open, by the venue's own word.
    closed: bool,
    /// The filters that the venue has told.
    terms: Option<ListingTerms>,
}

/// Follows the outputs of all nodes of a run, one after the other.
#[derive(Debug, Default)]
pub struct Shut {
    venues: [Venue; VENUES.len()],
    /// Times that a breaker has opened.
    pub opened: u64,
    /// Pauses of new orders.
    pub pauses: u64,
    /// Cancels sent to a venue with a breaker that was not closed.
    pub cancels_passed: u64,
    /// Times that an order began to wait for a busy venue.
    pub busy: u64,
    /// Times that cancels had to wait.
    pub cancels_held: u64,
    /// Times that a venue has closed its market.
    pub markets_closed: u64,
    /// Times that a venue has told other filters than before.
    pub filters_changed: u64,
}

impl Shut {
    /// Checks one output that was decided at `now`.
    pub fn watch(&mut self, now: UnixNanos, output: &Output) {
        match output {
            Output::Notice(Notice::Breaker(venue, kind, state, _)) => {
                self.venues[venue.index()].breakers[*kind as usize - 1] =
                    *state != BreakerState::Closed;
                self.opened += u64::from(*state == BreakerState::Open);
            }
            Output::Notice(Notice::Paused(venue, Paused::NewOrders, until)) => {
                self.venues[venue.index()].paused_until = *until;
                self.pauses += u64::from(*until > now);
            }
            Output::Notice(Notice::Paused(venue, Paused::Cancels, until)) => {
                self.venues[venue.index()].cancels_until = *until;
            }
            Output::Notice(Notice::Paused(_, Paused::CancelBudget, until)) => {
                self.cancels_held += u64::from(*until > now);
            }
            Output::Notice(Notice::Waits(_, Waiting::VenueBusy)) => self.busy += 1,
            Output::SendNew(new) => {
                let venue = &self.venues[new.venue.index()];
                assert!(!venue.breakers.contains(&true), "past a breaker: {new:?} {venue:?}");
                assert!(now >= venue.paused_until, "within a pause: {new:?} {venue:?}");
                assert!(!venue.closed, "to a closed market: {new:?} {venue:?}");
                if let Some(terms) = &venue.terms {
                    let fits = terms.ticks.takes(new.price)
                        && new.qty.floor_to(terms.lot) == new.qty
                        && new.qty >= terms.qty_min
                        && new.qty <= terms.qty_max;
                    assert!(fits, "against the venue's filters: {new:?} {terms:?}");
                }
            }
            Output::Notice(Notice::Market(venue, _, status)) => {
                self.venues[venue.index()].closed = !status.is_open();
                self.markets_closed += u64::from(!status.is_open());
            }
            Output::Notice(Notice::Terms(terms)) => {
                let before = self.venues[terms.venue.index()].terms.replace(*terms);
                self.filters_changed += u64::from(before.is_some());
            }
            Output::SendReduce(reduce) => {
                let venue = &self.venues[reduce.of.venue.index()];
                assert!(now >= venue.cancels_until, "within a pause: {reduce:?} {venue:?}");
            }
            Output::SendCancel(child) => {
                let venue = &self.venues[child.venue.index()];
                assert!(now >= venue.cancels_until, "within a pause: {child:?} {venue:?}");
                self.cancels_passed += u64::from(venue.breakers.contains(&true));
            }
            _ => {}
        }
    }
}
