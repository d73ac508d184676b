//! The one clock of the tools.

use std::time::{SystemTime, UNIX_EPOCH};

/// Nanoseconds since the Unix epoch; comparable with what the node's process reads.
pub fn unix_ns() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
}
