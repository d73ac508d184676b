//! What the core has said about breakers and pauses, held against what it sends.
//!
//! A line belongs here if it watches the outputs for an order that no venue should get.

use rutter_core::breaker::{BreakerState, RequestKind};
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
