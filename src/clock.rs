//! The one clock of the node. Everything else is told the time.

use rustix::time::{ClockId, clock_gettime};

/// Nanoseconds since the Unix epoch; 0 before it. Asked for several times an order.
pub fn unix_ns() -> u64 {
    let now = clock_gettime(ClockId::Realtime);
    let (seconds, ns) = (u64::try_from(now.tv_sec), u64::try_from(now.tv_nsec));
    seconds.unwrap_or(0).saturating_mul(1_000_000_000).saturating_add(ns.unwrap_or(0))
}
