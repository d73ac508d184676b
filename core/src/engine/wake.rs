//! Orders that wait: put into their lists, woken by what happens, and routed again.
//!
//! A line belongs here if it says which waiting orders an event can help. The lists are `waiting`.

use super::{Engine, FADED_NS, Out, RECHECK_NS, RETRY_NS, WAKE_PAUSE_NS, WOKEN_PER_INPUT_MAX};
use crate::id::{AssetId, InstrumentId, VenueId};
use crate::input::Side;
use crate::number::UnixNanos;
use crate::order::{Order, OrderState};
use crate::output::{Notice, Sink};
use crate::table::Slot;
use crate::venue_set::VenueSet;
use crate::waiting::{Help, Waiting};

const SIDES: [Side; 2] = [Side::Buy, Side::Sell];

impl Engine {
    /// Lets the unplaced quantity of an order wait.
    pub(super) fn wait<S: Sink>(
        &mut self,
        order: &mut Order,
        why: Waiting,
        help: Help,
        out: &mut Out<'_, S>,
    ) {
        let slot = self.orders.slot(order.id.0);
        self.waiting.add(slot, order.instrument, order.side, help);
        if matches!(help, Help::Room | Help::Time) {
            self.retry_at.get_or_insert(UnixNanos(self.now.0 + RETRY_NS));
        }
        self.recheck_at.get_or_insert(UnixNanos(self.now.0 + RECHECK_NS));
        if order.waiting != why {
            order.waiting = why;
            out.notice(Notice::Waits(order.id, why));
        }
    }

    /// Nothing of the order waits any more.
    pub(super) fn wait_no_more<S: Sink>(&mut self, order: &mut Order, out: &mut Out<'_, S>) {
        if order.waiting != Waiting::Nothing {
            self.waiting.remove(self.orders.slot(order.id.0));
            order.waiting = Waiting::Nothing;
            out.notice(Notice::Waits(order.id, Waiting::Nothing));
        }
    }

    fn make_due(&mut self, instrument: InstrumentId, sides: &[Side], helps: &[Help]) {
        if self.waiting.is_empty() {
            return;
        }
        for side in sides {
            for help in helps {
                self.wakes |= self.waiting.wake(instrument, *side, *help);
            }
        }
    }

    /// A book of the instrument has changed, or the instrument has a reference price.
    pub(super) fn wake_for_book(&mut self, instrument: InstrumentId) {
        self.make_due(instrument, &SIDES, &[Help::Book]);
    }

    /// A venue has become usable for the instrument.
    pub(super) fn wake_for_venue(&mut self, instrument: InstrumentId) {
        self.make_due(instrument, &SIDES, &Help::ALL);
    }

    /// A venue has become usable.
    pub(super) fn wake_for_venues(&mut self) {
        for index in 0..self.reference.instruments.len() {
            self.wake_for_venue(InstrumentId(index as u16));
        }
    }

    /// More of the asset is available at a venue.
    pub(super) fn wake_for_funds(&mut self, asset: AssetId) {
        if !self.waiting.any_funded() {
            return;
        }
        for index in 0..self.reference.instruments.len() {
            let def = &self.reference.instruments[index];
            let side = match asset {
                asset if asset == def.quote => Side::Buy,
                asset if asset == def.base => Side::Sell,
                _ => continue,
            };
            self.make_due(InstrumentId(index as u16), &[side], &[Help::Funds, Help::Book]);
        }
    }

    /// A child of the instrument is answered or has ended: the venue has room for another.
    pub(super) fn wake_for_room(&mut self, venue: VenueId, instrument: InstrumentId) {
        let usual = self.reference.venues[venue.index()].unanswered_max;
        let busy = self.venues[venue.index()].unanswered_max(usual);
        if self.venues[venue.index()].unanswered + 1 >= busy {
            self.make_due(instrument, &SIDES, &[Help::Room]);
        }
    }

    /// The timer: orders that only time helps, and now and then all others.
    pub(super) fn wake_for_time(&mut self) {
        let is_due = |at: Option<UnixNanos>| at.is_some_and(|at| self.now >= at);
        let (recheck, retry) = (is_due(self.recheck_at), is_due(self.retry_at));
        self.wakes |= is_due(self.wake_at);
        if !recheck && !retry {
            return;
        }
        let helps: &[Help] = if recheck { &Help::ALL } else { &[Help::Room, Help::Time] };
        for index in 0..self.reference.instruments.len() {
            self.make_due(InstrumentId(index as u16), &SIDES, helps);
        }
        if recheck {
            let any = !self.waiting.is_empty();
            self.recheck_at = any.then_some(UnixNanos(self.now.0 + RECHECK_NS));
        }
        self.retry_at = None;
    }

    /// Routes orders again that something has happened for, oldest first. The others are next.
    #[inline]
    pub(super) fn wake_orders<S: Sink>(&mut self, out: &mut Out<'_, S>) {
        if self.wakes {
            self.wake_some(out);
        }
    }

    fn wake_some<S: Sink>(&mut self, out: &mut Out<'_, S>) {
        for _ in 0..WOKEN_PER_INPUT_MAX {
            let Some(slot) = self.waiting.next_due() else { break };
            let mut order = *self.orders.in_slot(slot);
            if order.is_over() || order.state() != OrderState::Working {
                // Its replace or cancel decides.
                self.wait_no_more(&mut order, out);
            } else {
                order.begin_again();
                // A fade of some time ago says nothing of the book as it is.
                if self.now.since(order.faded_at) >= FADED_NS {
                    order.faded = VenueSet::EMPTY;
                }
                self.place(&mut order, out);
            }
            self.store(&order);
        }
        self.wakes = false;
        self.wake_at = self.waiting.any_due().then_some(UnixNanos(self.now.0 + WAKE_PAUSE_NS));
        if self.waiting.any_timed() {
            self.retry_at.get_or_insert(UnixNanos(self.now.0 + RETRY_NS));
        }
    }
}
