//! The feed's REST requests: what they weigh, at what pace they go, and why one was refused.
//!
//! A line belongs here if it is about any request of the feed. Source: binance-spot-api-docs,
//! `rest-api.md` (Limits).

use rutter_core::rate::TokenBucket;
use rutter_transport::machine::HttpResponse;
use rutter_transport::standing::Why;
use serde::Deserialize;

use crate::address::AddressBudget;
use crate::binance::reject;

const SECOND_NS: u64 = 1_000_000_000;
/// Request weight for snapshots a minute: half of the venue's limit of 6,000, since order entry may
/// use the same address. Half of this weight may be used at once.
const SNAPSHOT_WEIGHT_PER_MINUTE: u64 = 3_000;
/// The part of the address's limit that a feed leaves to others, in percent: questions about orders
/// go first.
pub(super) const RESERVE_PERCENT: u32 = 50;
/// Weight of a request for instrument data.
pub(super) const INFO_WEIGHT: u32 = 20;

#[derive(Default, Deserialize)]
struct ErrorJson {
    #[serde(default)]
    code: i64,
    #[serde(default)]
    msg: String,
}

/// Weight of a snapshot of this depth (`GET /api/v3/depth`).
pub(super) const fn snapshot_weight(limit: u16) -> u32 {
    match limit {
        0..=100 => 5,
        101..=500 => 25,
        501..=1_000 => 50,
        _ => 250,
    }
}

/// The pace of snapshots of this depth.
pub(super) const fn pace(limit: u16) -> TokenBucket {
    let burst = SNAPSHOT_WEIGHT_PER_MINUTE / 2 / snapshot_weight(limit) as u64;
    TokenBucket::new(burst, 60 * SECOND_NS / burst)
}

/// Why the venue answered with another status than 200; `usual` if its words say nothing else.
pub(super) fn refused(response: &HttpResponse, usual: Why) -> (Why, String) {
    let ErrorJson { code, msg } = serde_json::from_str(&response.body).unwrap_or_default();
    let why = match response.status {
        403 | 418 => Why::RestBanned,
        429 => Why::RestPaced,
        _ => reject::why(code, &msg).unwrap_or(usual),
    };
    (why, format!("HTTP {}, code {code}", response.status))
}

/// Reads what an answer says of the address's count, and obeys it.
pub(in crate::binance) fn note(address: &AddressBudget, now_ns: u64, response: &HttpResponse) {
    let used = response.header("x-mbx-used-weight-1m").and_then(|text| text.trim().parse().ok());
    if let Some(used) = used {
        address.heard_used(now_ns, used);
    }
    if response.status != 200 {
        let ErrorJson { msg, .. } = serde_json::from_str(&response.body).unwrap_or_default();
        address.obey(now_ns, response, reject::banned_until_ns(&msg));
    }
}
