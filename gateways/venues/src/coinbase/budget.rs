//! How Coinbase counts messages.
//!
//! A line belongs here if it is a number of Coinbase's limits on order entry. Source: the FIX
//! pages of Coinbase Exchange: 100 requests a second for each session; more than 200 messages a
//! second end the session. The 500 open orders of a product are a level, which the venue's refusal
//! tells.

use rutter_core::id::VenueId;
use rutter_core::input::{AGE_STEPS_MAX, AgeStep, AmendDef, Amending, Counted, WindowDef};

use crate::venue::{CANCEL_RESERVE_PERCENT, cancel_reserve};

const SECOND_NS: u64 = 1_000_000_000;

/// FIX messages in a second, less those that are left for the session itself (heartbeats, test
/// requests, a logon).
const MESSAGES: u32 = 100 - 5;

/// The windows of a session.
pub(super) const WINDOWS: [WindowDef; 1] = [WindowDef {
    counted: Counted::Messages,
    reserved: cancel_reserve(MESSAGES, CANCEL_RESERVE_PERCENT),
    cancel: 1,
    ..WindowDef::orders(MESSAGES, SECOND_NS)
}];

/// What a replace is: one message. An order that becomes smaller keeps its place in the queue.
pub(super) const AMEND: AmendDef = AmendDef {
    venue: VenueId(0),
    amending: Amending::ReduceKeepsPriority,
    points: 1,
    young: [AgeStep { below_s: 0, points: 0 }; AGE_STEPS_MAX],
};
