//! A Logon's choice of cancel-on-disconnect: what happens to the session's orders when its
//! connection is lost.
//!
//! A line belongs here if it reads that choice. Acting on it is the core's.

use rutter_core::input::CancelOnDisconnect;
use rutter_fix::codec::Message;
use rutter_fix::tags;

use crate::config::GRACE_NS_MAX;

/// Tags and values that a Logon may have, and whether all orders end with the connection then.
/// After our own tag come those of venues whose clients ask for the same, in the venue's own
/// values: Coinbase's 8013, Kraken's 8674 (where 0 cancels and 1 keeps), Deribit's 9001. So an
/// engine that is set up for one of these venues works unchanged.
const CHOICES: [(u32, &[u8], bool); 8] = [
    (tags::CANCEL_ON_DISCONNECT, b"Y", true),
    (tags::CANCEL_ON_DISCONNECT, b"N", false),
    (8_013, b"Y", true),
    (8_013, b"S", true),
    (8_674, b"0", true),
    (8_674, b"1", false),
    (9_001, b"Y", true),
    (9_001, b"N", false),
];

/// The Logon's choice, or else the configured one. A Logon with an unknown value is not refused: it
/// gets the configured choice.
pub fn read(logon: &Message<'_>, configured: CancelOnDisconnect) -> CancelOnDisconnect {
    let said = CHOICES.iter().find(|(tag, value, _)| logon.get(*tag) == Some(*value));
    let grace = logon.uint(tags::CANCEL_ON_DISCONNECT_GRACE).ok().flatten();
    let grace_ns = grace.and_then(|seconds| seconds.checked_mul(1_000_000_000));
    CancelOnDisconnect {
        all: said.map_or(configured.all, |(.., all)| *all),
        grace_ns: grace_ns.map_or(configured.grace_ns, |grace_ns| grace_ns.min(GRACE_NS_MAX)),
    }
}
