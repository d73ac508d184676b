//! Orders that wait: put into their lists, woken by what happens, and routed again.
//!
//! A line belongs here if it says which waiting orders an event can help. The lists are `waiting`.

use super::{
    Engine, FADED_NS, FLOW_PAUSE_NS, Out, PASSED_OVER_PER_INPUT_MAX, RECHECK_NS, RETRY_NS,
    WAKE_PAUSE_NS, WOKEN_PER_INPUT_MAX,
};
use crate::id::{AssetId, InstrumentId, VenueId};
use crate::input::Side;
use crate::number::{Price, UnixNanos};
use crate::order::{Order, OrderState};
use crate::output::{Notice, Sink};
use crate::routing::{is_full, room_comes_at};
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
        self.waiting.add((slot, order.id.0), order.instrument, order.side, help);
        if matches!(help, Help::Room | Help::Time | Help::Fade) {
            self.retry_at.get_or_insert(UnixNanos(self.now.0 + RETRY_NS));
        }
        if help == Help::Room {
            self.await_room(order.instrument);
        }
        self.recheck_at.get_or_insert(UnixNanos(self.now.0 + RECHECK_NS));
        Self::tell_waiting(order, why, out);
    }

    /// Tells why a part of the order is at no venue, or is about to be.
    pub(super) fn tell_waiting<S: Sink>(order: &mut Order, why: Waiting, out: &mut Out<'_, S>) {
        if order.waiting != why {
            order.waiting = why;
            out.notice(Notice::Waits(order.id, why));
        }
    }

    /// Lets the unplaced quantity of an order wait for a busy venue.
    pub(super) fn wait_for_room<S: Sink>(&mut self, order: &mut Order, out: &mut Out<'_, S>) {
        if !order.tif.waits() && !core::mem::replace(&mut order.has_queued, true) {
            self.expire_later(order);
        }
        self.wait(order, Waiting::VenueBusy, Help::Room, out);
    }

    /// Routes what a request of the client or the end of a child leaves to be routed. The order
    /// goes behind those that wait for room if they are being sent at this moment.
    pub(super) fn place_in_turn<S: Sink>(&mut self, order: &mut Order, out: &mut Out<'_, S>) {
        if order.is_working() && !order.unplaced().is_zero() && self.joins_queue(order) {
            self.wait_for_room(order, out);
        } else {
            self.place(order, out);
        }
    }

    /// Whether an order goes behind those that wait for room: they are being sent at this moment,
    /// and the order may wait.
    pub(super) fn joins_queue(&self, order: &Order) -> bool {
        let may_wait = order.tif.waits() || order.expire_at > self.now;
        let (instrument, side) = (order.instrument, order.side);
        may_wait
            && order.worst != Price(0)
            && self.waiting.flows_before(instrument, side, order.id.0)
    }

    /// Sets the timer for the next rate window or end of a pause of the instrument's venues.
    fn await_room(&mut self, instrument: InstrumentId) {
        let comes_at = room_comes_at(&self.market(), instrument);
        self.room_at = comes_at.into_iter().chain(self.room_at).min();
    }

    /// Orders that wait for a rate window or a pause go before the order of this input, if the time
    /// has come and the timer has not.
    pub(super) fn catch_up_with_room<S: Sink>(&mut self, out: &mut Out<'_, S>) {
        if self.room_at.is_some_and(|at| at <= self.now) {
            self.room_at = None;
            self.wakes |= self.waiting.wake_for_room();
            self.wake_orders(out);
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
        self.bridging.is_due |= self.bridging.open > 0;
        self.make_due(instrument, &SIDES, &[Help::Book, Help::Fade]);
    }

    /// A venue has become usable for the instrument.
    pub(super) fn wake_for_venue(&mut self, instrument: InstrumentId) {
        self.bridging.is_due |= self.bridging.open > 0;
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
        self.bridging.is_due |= self.bridging.open > 0;
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
            self.make_due(
                InstrumentId(index as u16),
                &[side],
                &[Help::Funds, Help::Book, Help::Fade],
            );
        }
    }

    /// A child is answered or has ended. If the venue had no room for another, it has now.
    pub(super) fn wake_for_room(&mut self, venue: VenueId) {
        let state = &self.venues[venue.index()];
        let usual = self.reference.venues[venue.index()].unanswered_max;
        if self.waiting.any_timed() && state.unanswered + 1 >= state.unanswered_max(usual) {
            self.wakes |= self.waiting.wake_for_room();
        }
    }

    /// The timer: orders that only time helps, and now and then all others.
    pub(super) fn wake_for_time(&mut self) {
        let is_due = |at: Option<UnixNanos>| at.is_some_and(|at| self.now >= at);
        let (recheck, retry) = (is_due(self.recheck_at), is_due(self.retry_at));
        self.wakes |= is_due(self.wake_at);
        if is_due(self.room_at) {
            self.room_at = None;
            self.wakes |= self.waiting.wake_for_room();
        }
        if !recheck && !retry {
            return;
        }
        let helps: &[Help] =
            if recheck { &Help::ALL } else { &[Help::Room, Help::Time, Help::Fade] };
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

    /// An order that waits is about to be routed again.
    pub(super) fn look_again(&self, order: &mut Order) {
        order.begin_again();
        self.end_self_matches(order);
        // A fade of some time ago says nothing of the book as it is.
        if self.now.since(order.faded_at) >= FADED_NS {
            order.faded = VenueSet::EMPTY;
        }
    }

    fn wake_some<S: Sink>(&mut self, out: &mut Out<'_, S>) {
        let mut stays = false;
        let mut planned = 0;
        // What the last order that was passed over could not go to.
        let mut full = None;
        for _ in 0..PASSED_OVER_PER_INPUT_MAX {
            if planned >= WOKEN_PER_INPUT_MAX {
                break;
            }
            let Some(slot) = self.waiting.next_due() else { break };
            let waits = self.orders.in_slot(slot);
            if waits.waiting == Waiting::VenueBusy {
                let instrument = waits.instrument;
                let barred = self.closed.union(self.left_out(waits)).union(waits.barred);
                if full == Some((instrument, barred)) {
                    continue;
                }
                if is_full(&self.market(), instrument, self.closed) {
                    // As for this order, so for all that wait for the same.
                    self.waiting.stop(slot);
                    self.await_room(instrument);
                    continue;
                }
                if is_full(&self.market(), instrument, barred) {
                    // As for this order, so for all that may go to the same venues.
                    full = Some((instrument, barred));
                    self.await_room(instrument);
                    continue;
                }
            }
            planned += 1;
            let shares = waits.waiting == Waiting::VenueBusy;
            let mut order = *waits;
            if order.is_over() || order.state() != OrderState::Working {
                // Its replace or cancel decides.
                self.wait_no_more(&mut order, out);
            } else {
                self.look_again(&mut order);
                match if shares { self.place_together(&mut order, out) } else { 0 } {
                    0 => self.place(&mut order, out),
                    gone => planned += gone - 1,
                }
            }
            stays |= order.waiting != Waiting::Nothing;
            self.store(&order);
        }
        self.wakes = false;
        let pause_ns = if stays { WAKE_PAUSE_NS } else { FLOW_PAUSE_NS };
        self.wake_at = self.waiting.any_due().then_some(UnixNanos(self.now.0 + pause_ns));
        if self.waiting.any_timed() {
            self.retry_at.get_or_insert(UnixNanos(self.now.0 + RETRY_NS));
        }
    }
}
