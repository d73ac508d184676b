//! Cancels and the budgets of venues.
//!
//! A line belongs here if it spends a venue's budget on a cancel, or lets a cancel wait for it.
//! New orders are counted by `place`; whether there is room for one is `routing`.

use super::place::reference_of;
use super::{Engine, Out, STRAYS_MAX};
use crate::child::Child;
use crate::id::{ChildId, VenueId};
use crate::number::UnixNanos;
use crate::output::{Notice, Output, Paused, Sink};

impl Engine {
    /// Counts the cancel of a child. False if the venue would refuse the cancel for its limits: the
    /// cancel is sent as soon as there is room.
    pub(super) fn spend_on_cancel<S: Sink>(&mut self, child: &Child, out: &mut Out<'_, S>) -> bool {
        let age_ns = self.age_ns(child);
        let budget = &self.venues[child.venue.index()].budget;
        let ready_at = budget.cancel_ready_at(self.now, child.instrument, age_ns);
        if ready_at <= self.now {
            self.count_cancel(child);
            return true;
        }
        let due = &mut self.venues[child.venue.index()].cancels_due;
        if *due == UnixNanos(0) || ready_at < *due {
            *due = ready_at;
            out.notice(Notice::Paused(child.venue, Paused::CancelBudget, ready_at));
            self.set_venues_due();
        }
        false
    }

    /// Counts the cancel of a child, whether there is room for it or not.
    pub(super) fn count_cancel(&mut self, child: &Child) {
        let age_ns = self.age_ns(child);
        let budget = &mut self.venues[child.venue.index()].budget;
        budget.count_cancel(self.now, child.instrument, age_ns);
    }

    /// Cancels a child that has ended and that its venue has open all the same, as soon as the
    /// venue takes the cancel.
    pub(super) fn cancel_stray<S: Sink>(&mut self, child: &Child, out: &mut Out<'_, S>) {
        let strays = &mut self.venues[child.venue.index()].strays;
        if !strays.contains(&child.id) {
            let Some(place) = strays.iter_mut().find(|place| **place == ChildId(0)) else {
                self.count_cancel(child);
                return out.put(&Output::SendCancel(reference_of(child)));
            };
            *place = child.id;
        }
        if self.takes_cancels(child.venue) {
            self.send_stray_cancels(child.venue, out);
        }
    }

    /// Sends the cancels of such children, as far as there is room. One whose slot in the table of
    /// children is used again is forgotten: the venue tells of it again.
    pub(super) fn send_stray_cancels<S: Sink>(&mut self, venue: VenueId, out: &mut Out<'_, S>) {
        for place in 0..STRAYS_MAX {
            let id = self.venues[venue.index()].strays[place];
            if id == ChildId(0) {
                continue;
            }
            if let Some(child) = self.children.get(id.0).copied() {
                if !self.spend_on_cancel(&child, out) {
                    continue;
                }
                out.put(&Output::SendCancel(reference_of(&child)));
            }
            self.venues[venue.index()].strays[place] = ChildId(0);
        }
    }

    /// Sends the cancels that have waited for room in the budget, as far as there is room.
    pub(super) fn on_cancels_due<S: Sink>(&mut self, venue: VenueId, out: &mut Out<'_, S>) {
        let due = self.venues[venue.index()].cancels_due;
        if due == UnixNanos(0) || due > self.now || !self.venues[venue.index()].up {
            return;
        }
        self.venues[venue.index()].cancels_due = UnixNanos(0);
        if self.takes_cancels(venue) {
            self.send_wanted_cancels(venue, out);
        }
        if self.venues[venue.index()].cancels_due == UnixNanos(0) {
            out.notice(Notice::Paused(venue, Paused::CancelBudget, UnixNanos(0)));
        }
    }
}
