//! What a Logon chooses: what becomes of the session's orders when its connection is lost.

use rutter_core::input::CancelOnDisconnect;
use rutter_fix::codec::Message;
use rutter_fix::tags;

use crate::config::GRACE_NS_MAX;

/// Tags by which the venues' own clients ask for the same, so that an engine that is set up for one
/// of them need not be changed: Coinbase 8013 (`Y`, `S`), Kraken 8674 (`1`), Deribit 9001 (`Y`).
pub const ALIASES: [u32; 3] = [8_013, 8_674, 9_001];

/// What the Logon says, where it does; else what is configured. A value that is none of those
/// known leaves what is configured: a Logon is not refused for it.
pub fn of(logon: &Message<'_>, configured: CancelOnDisconnect) -> CancelOnDisconnect {
    let said = [tags::CANCEL_ON_DISCONNECT].into_iter().chain(ALIASES);
    let all = said.filter_map(|tag| logon.get(tag)).find_map(|value| match value {
        b"Y" | b"S" | b"1" => Some(true),
        b"N" | b"0" => Some(false),
        _ => None,
    });
    let grace = logon.uint(tags::CANCEL_ON_DISCONNECT_GRACE).ok().flatten();
    let grace_ns = grace.and_then(|seconds| seconds.checked_mul(1_000_000_000));
    CancelOnDisconnect {
        all: all.unwrap_or(configured.all),
        grace_ns: grace_ns.map_or(configured.grace_ns, |grace_ns| grace_ns.min(GRACE_NS_MAX)),
    }
}
