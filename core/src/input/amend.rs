//! How a venue amends open orders, as an input.
//!
//! A line belongs here if it says what a venue's amend does and costs. When a child is amended is
//! `engine::reduce`.

use crate::id::VenueId;
use crate::input::{AGE_STEPS_MAX, AgeStep};
use crate::wire::{wire_enum, wire_struct};

/// What an amend at the venue can do for an open order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum Amending {
    /// Nothing: an order with less quantity is a new order.
    #[default]
    None = 1,
    /// The quantity becomes less, and the order keeps its id and its place in the queue.
    ReduceKeepsPriority = 2,
}
wire_enum!(Amending { None, ReduceKeepsPriority });

/// How a venue amends open orders. Holds from the input on, for open orders too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AmendDef {
    /// The venue, which is defined before.
    pub venue: VenueId,
    /// What an amend can do.
    pub amending: Amending,
    /// Points of an amend in each window that counts messages, where no step of age applies. An
    /// amend weighs nothing in a window that counts orders.
    pub points: u16,
    /// Points by age of the order, youngest first. The age begins anew with each amend.
    pub young: [AgeStep; AGE_STEPS_MAX],
}
wire_struct!(AmendDef { venue, amending, points, young });

impl AmendDef {
    /// The terms of a venue whose amends are not used.
    pub fn none(venue: VenueId) -> Self {
        Self { venue, ..Self::default() }
    }

    /// Whether an order's quantity can be reduced in its place.
    #[inline]
    pub const fn reduces(&self) -> bool {
        matches!(self.amending, Amending::ReduceKeepsPriority)
    }

    /// Points of the amend of an order of that age.
    pub fn points_at(&self, age_ns: u64) -> u32 {
        let age_s = age_ns / 1_000_000_000;
        let step = self.young.iter().find(|step| age_s < u64::from(step.below_s));
        u32::from(step.map_or(self.points, |step| step.points))
    }
}
