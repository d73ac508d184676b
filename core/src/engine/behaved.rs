//! Which news of a venue its record of behaviour counts, and when the record is told.
//!
//! A line belongs here if it turns what happened to a child into an outcome. The counting is
//! `behaviour`.

use super::{Engine, Out};
use crate::child::{Child, ChildState};
use crate::id::VenueId;
use crate::input::TimeInForce;
use crate::number::{Qty, UnixNanos};
use crate::order::Order;
use crate::output::{Notice, Sink};

impl Engine {
    /// The venue has answered the order of a child for the first time, or its sender has given up
    /// waiting. The loss of a link is no answer.
    pub(super) fn note_answer(&mut self, child: &Child) {
        self.venues[child.venue.index()].behaviour.answered(child.sent_at, self.now);
        self.changed(child.venue);
    }

    /// The venue refuses a child by a fault of its own.
    pub(super) fn note_refusal(&mut self, venue: VenueId) {
        self.venues[venue.index()].behaviour.refused(self.now);
        self.changed(venue);
    }

    /// A child is over. Counts what was shown and not there, unless the child rested, has not met
    /// the book, ended by an order of our own, or was resolved by an operator.
    pub(super) fn note_take(&mut self, child: &Child, order: &Order) {
        let took = match child.tif {
            TimeInForce::Ioc | TimeInForce::Fok => child.state() != ChildState::Rejected,
            TimeInForce::Day | TimeInForce::Gtc | TimeInForce::Gtd => false,
        };
        let ours = order.self_matched.has(child.venue) || child.is_stated;
        if !took || ours || child.shown <= Qty::ZERO {
            return;
        }
        let behaviour = &mut self.venues[child.venue.index()].behaviour;
        behaviour.took(child.shown.0, child.filled.0, self.now);
        self.changed(child.venue);
    }

    fn changed(&mut self, venue: VenueId) {
        if !self.behaved.has(venue) {
            self.behaved.insert(venue);
            self.behaviour_due = UnixNanos(0);
        }
    }

    /// Tells the records that have changed, each once a second at most.
    pub(super) fn tell_behaviour<S: Sink>(&mut self, out: &mut Out<'_, S>) {
        if self.now < self.behaviour_due {
            return;
        }
        let mut due = UnixNanos(u64::MAX);
        for (index, state) in self.venues.iter_mut().enumerate() {
            let venue = VenueId(index as u8);
            if !self.behaved.has(venue) {
                continue;
            }
            // A record that holds too little is told when it holds enough.
            if !state.behaviour.measured().is_known(self.now) {
                self.behaved.remove(venue);
                continue;
            }
            match state.behaviour.tell(self.now) {
                Ok(known) => {
                    self.behaved.remove(venue);
                    out.notice(Notice::Behaviour(venue, known));
                }
                Err(from) => due = due.min(from),
            }
        }
        self.behaviour_due = due;
    }
}
