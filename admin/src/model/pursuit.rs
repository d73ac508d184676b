//! What an order was sent for at its venues, and what came of that.
//!
//! A line belongs here if it follows the children of an order for the judgement of its execution.
//! The judgement is `execution`.

use rutter_core::input::TimeInForce;
use rutter_core::number::Qty;

/// What of an order was sent for and not got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pursuit {
    /// Quantity of taking children that came back unfilled and that no later child carried.
    pub missed: Qty,
    /// A part has rested at a venue.
    pub rested: bool,
}

impl Pursuit {
    /// Nothing was sent.
    pub const NONE: Self = Self { missed: Qty::ZERO, rested: false };

    /// A child is sent: it carries what came back before.
    pub fn sent(&mut self, tif: TimeInForce, qty: Qty) {
        self.missed = self.missed.saturating_sub(qty);
        self.rested |= !is_taking(tif);
    }

    /// A child is over, and so much of it is not filled.
    pub fn came_back(&mut self, tif: TimeInForce, leaves: Qty) {
        if is_taking(tif) {
            self.missed = Qty(self.missed.0.saturating_add(leaves.0));
        }
    }
}

const fn is_taking(tif: TimeInForce) -> bool {
    match tif {
        TimeInForce::Ioc | TimeInForce::Fok => true,
        TimeInForce::Day | TimeInForce::Gtc | TimeInForce::Gtd => false,
    }
}
