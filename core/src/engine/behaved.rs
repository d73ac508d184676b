//! Which news of a venue its record of behaviour counts, and when it is worked out what is known.
//!
//! A line belongs here if it turns what happened to a child into an outcome. The counting is
//! `behaviour`.

use super::{Engine, Out};
use crate::child::{Child, ChildState, ToldBy};
use crate::id::VenueId;
use crate::input::TimeInForce;
use crate::number::{Qty, UnixNanos};
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
    pub(super) fn note_take(&mut self, child: &Child, is_self_match: bool) {
        let took = match child.tif {
            TimeInForce::Ioc | TimeInForce::Fok => child.state() != ChildState::Rejected,
            TimeInForce::Day | TimeInForce::Gtc | TimeInForce::Gtd => false,
        };
        let ours = is_self_match || child.told_by == ToldBy::Operator;
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
            let from = self.venues[venue.index()].behaviour.measured_from();
            self.behaviour_due = self.behaviour_due.min(from);
        }
    }

    /// Works out what is known of the venues whose records have changed, and tells it; for each
    /// venue once a second at most.
    #[inline]
    pub(super) fn tell_behaviour<S: Sink>(&mut self, out: &mut Out<'_, S>) {
        if self.now >= self.behaviour_due {
            self.measure_behaviour(out);
        }
    }

    fn measure_behaviour<S: Sink>(&mut self, out: &mut Out<'_, S>) {
        let mut due = UnixNanos(u64::MAX);
        for (index, state) in self.venues.iter_mut().enumerate() {
            let venue = VenueId(index as u8);
            if !self.behaved.has(venue) {
                continue;
            }
            let from = state.behaviour.measured_from();
            if self.now < from {
                due = due.min(from);
                continue;
            }
            self.behaved.remove(venue);
            state.behaviour.measure(self.now);
            // A record that holds too little is told when it holds enough.
            let known = *state.behaviour.measured();
            if known.is_known(self.now) {
                out.notice(Notice::Behaviour(venue, known));
            }
        }
        self.behaviour_due = due;
    }
}
