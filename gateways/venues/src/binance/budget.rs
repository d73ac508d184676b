//! How Binance counts orders and messages.
//!
//! A line belongs here if it is a number of Binance's limits on order entry. Sources: `rateLimits`
//! in the sample of `exchangeInfo` (type `ORDERS`), and the limits of FIX order entry
//! (binance-spot-api-docs, fix-api.md). An account's own limits are in its `exchangeInfo`.
//!
//! Windows of `ORDERS` begin at multiples of their length. A fill takes an order off the venue's
//! count, after a time that is not documented; that is not counted on here. Request weight belongs
//! to REST, whose calls the adapter paces.

use rutter_core::id::VenueId;
use rutter_core::input::{
    AGE_STEPS_MAX, AgeStep, AmendDef, Amending, Counted, WindowDef, WindowKind,
};

use crate::venue::{CANCEL_RESERVE_PERCENT, cancel_reserve};

const SECOND_NS: u64 = 1_000_000_000;

/// FIX messages in ten seconds, less those that are left for the session itself (heartbeats, test
/// requests, a logon).
const MESSAGES: u32 = 10_000 - 100;

/// The windows of an account.
pub(super) const WINDOWS: [WindowDef; 3] = [
    WindowDef { kind: WindowKind::Fixed, ..WindowDef::orders(50, 10 * SECOND_NS) },
    WindowDef { kind: WindowKind::Fixed, ..WindowDef::orders(160_000, 86_400 * SECOND_NS) },
    // Where the venue begins its windows of messages is not documented: a sliding one is safe.
    WindowDef {
        counted: Counted::Messages,
        reserved: cancel_reserve(MESSAGES, CANCEL_RESERVE_PERCENT),
        cancel: 1,
        ..WindowDef::orders(MESSAGES, 10 * SECOND_NS)
    },
];

/// What an amend is: one message, and no new order (binance-spot-api-docs,
/// `faqs/order_amend_keep_priority.md`).
pub(super) const AMEND: AmendDef = AmendDef {
    venue: VenueId(0),
    amending: Amending::ReduceKeepsPriority,
    points: 1,
    young: [AgeStep { below_s: 0, points: 0 }; AGE_STEPS_MAX],
};
