//! The gate at the senders: a new order that was decided before a halt and is not sent yet is not
//! sent.
//!
//! The core closes the gate just before it journals the halt. A sender checks the gate before each
//! new order. A halt of a session or an account has no gate. Orders already handed to a sender are
//! still sent; a cancel follows each of them, except for IOC and FOK orders, which end by
//! themselves.

use std::sync::atomic::{AtomicU64, Ordering};

use rutter_core::id::VenueId;
use rutter_core::input::{Input, NodeCommand, OperatorCommand, Scope};
use rutter_core::reference::{INSTRUMENTS_MAX, VENUES_MAX};
use rutter_venues::VenueCommand;

/// By venue and by instrument: new orders of inputs before this journal sequence are void.
#[derive(Debug)]
pub struct Gate {
    venues: [AtomicU64; VENUES_MAX],
    instruments: Vec<AtomicU64>,
}

impl Default for Gate {
    fn default() -> Self {
        let instruments = (0..INSTRUMENTS_MAX).map(|_| AtomicU64::default()).collect();
        Self { venues: Default::default(), instruments }
    }
}

impl Gate {
    /// An input is about to be journaled under this sequence.
    #[inline]
    pub fn before(&self, seq: u64, input: &Input) {
        if let Input::Operator(operator) = input {
            match operator.command {
                OperatorCommand::Halt(scope) => self.close(seq, scope),
                OperatorCommand::Node(NodeCommand::ShutdownFlat) => self.close(seq, Scope::All),
                _ => {}
            }
        }
    }

    fn close(&self, seq: u64, scope: Scope) {
        match scope {
            Scope::All => {
                for gate in &self.venues {
                    gate.store(seq, Ordering::SeqCst);
                }
            }
            Scope::Venue(venue) => shut(self.venues.get(venue.index()), seq),
            Scope::Instrument(id) => shut(self.instruments.get(id.index()), seq),
            Scope::Session(_) | Scope::Account(_) => {}
        }
    }

    /// True if a command that was decided by input `seq` must not be sent.
    #[inline]
    pub fn is_void(&self, seq: u64, venue: VenueId, command: &VenueCommand) -> bool {
        let VenueCommand::New(new) = command else { return false };
        let is_shut = |gate: &AtomicU64| seq < gate.load(Ordering::SeqCst);
        self.venues.get(venue.index()).is_some_and(is_shut)
            || self.instruments.get(new.instrument.index()).is_some_and(is_shut)
    }
}

fn shut(gate: Option<&AtomicU64>, seq: u64) {
    if let Some(gate) = gate {
        gate.store(seq, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rutter_core::id::{ChildId, InstrumentId, OrderId};
    use rutter_core::input::{Operator, Side, TimeInForce};
    use rutter_core::number::{Price, Qty, Text};
    use rutter_core::output::{ChildRef, SendNew};

    fn halt(scope: Scope) -> Input {
        let (by, reason) = (Text::default(), Text::default());
        let command = OperatorCommand::Halt(scope);
        Input::Operator(Operator { request: 0, by, reason, command })
    }

    fn new(venue: VenueId) -> VenueCommand {
        VenueCommand::New(SendNew {
            venue,
            child: ChildId(1),
            order: OrderId(1),
            trace: 1,
            instrument: InstrumentId(0),
            side: Side::Buy,
            tif: TimeInForce::Gtc,
            post_only: false,
            qty: Qty(1),
            price: Price(1),
        })
    }

    #[test]
    fn new_orders_from_before_a_halt_are_void_and_cancels_and_later_orders_are_not() {
        let (here, there) = (VenueId(1), VenueId(7));
        let instrument = Scope::Instrument(InstrumentId(0));
        for (scope, elsewhere) in
            [(Scope::All, true), (Scope::Venue(here), false), (instrument, true)]
        {
            let gate = Gate::default();
            assert!(!gate.is_void(9, here, &new(here)));
            gate.before(8, &Input::Tick);
            gate.before(10, &halt(scope));
            assert!(gate.is_void(9, here, &new(here)));
            assert_eq!(gate.is_void(9, there, &new(there)), elsewhere);
            assert!(!gate.is_void(11, here, &new(here)), "decided after the halt was over");
            let child = ChildRef {
                venue: here,
                child: ChildId(1),
                order: OrderId(1),
                trace: 1,
                instrument: InstrumentId(0),
            };
            assert!(!gate.is_void(9, here, &VenueCommand::Cancel(child)));
            assert!(!gate.is_void(9, here, &VenueCommand::Query(child)));
        }
    }

    #[test]
    fn a_halt_of_an_unknown_venue_closes_nothing() {
        let gate = Gate::default();
        gate.before(10, &halt(Scope::Venue(VenueId(200))));
        assert!(!gate.is_void(9, VenueId(0), &new(VenueId(0))));
        assert!(!gate.is_void(9, VenueId(200), &new(VenueId(200))));
    }
}
