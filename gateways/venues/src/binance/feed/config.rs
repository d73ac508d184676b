//! Settings of Binance's market data.
//!
//! A line belongs here if it is a setting of the feed or a limit of one.

use rutter_core::id::VenueId;
use rutter_feeds::deep::Depth;
use rutter_transport::machine::{Endpoint, Framing};

use crate::listing::FeedListing;
use crate::venue::Setup;

const SECOND_NS: u64 = 1_000_000_000;

/// Most listings of one feed: half of the venue's limit of streams on a connection, for a listing
/// has a stream of book changes and one of trades.
pub const LISTINGS_MAX: usize = 512;

/// The depths of snapshots that the feed asks for, in levels a side. A request's weight is that of
/// the smallest of these depths that holds the request (`rest-api`, `GET /api/v3/depth`).
const SNAPSHOT_LIMITS: [u16; 4] = [100, 500, 1_000, 5_000];

/// Levels of a snapshot for each level that the core is told. With fewer, the market would soon
/// move beyond the snapshot.
pub const SNAPSHOT_MARGIN: usize = 5;

/// Settings of [`BinanceFeed`](super::BinanceFeed).
#[derive(Clone, Debug)]
pub struct Config {
    /// The core's id of the venue.
    pub venue: VenueId,
    /// Such as `stream.binance.com`, 9443, TLS, target `/stream` (or `/ws`).
    pub endpoint: Endpoint,
    /// Base of the snapshots, such as `https://api.binance.com`.
    pub rest_base: String,
    /// The instruments whose books are subscribed.
    pub listings: Vec<FeedListing>,
    /// Levels a side of a snapshot, from [`SNAPSHOT_MARGIN`] times the levels that the core is told
    /// to 5,000. A larger snapshot costs more of the request budget and is needed again less often.
    pub snapshot_limit: u16,
    /// How much of the books the core is told.
    pub told: Depth,
    /// A link that is silent for this long is dead. The venue pings every 20 seconds.
    pub silence_ns: u64,
    /// Age at which a link is renewed. The venue closes a link after 24 hours.
    pub lifetime_ns: u64,
    /// First wait before a reconnect.
    pub reconnect_base_ns: u64,
    /// Longest wait before a reconnect.
    pub reconnect_max_ns: u64,
    /// Seed of the jitter of all waits.
    pub seed: u64,
}

impl Config {
    /// The settings that configuration and wiring ask for.
    pub fn from_setup(setup: &Setup) -> Self {
        Self {
            endpoint: setup.market_data.web_socket(),
            rest_base: setup.rest.rest_base(),
            listings: setup.listings.iter().map(FeedListing::from).collect(),
            snapshot_limit: snapshot_limit(setup.depth.levels),
            told: setup.depth,
            seed: setup.seed,
            ..Self::new(setup.venue)
        }
    }

    /// Binance's own addresses and the usual times, without listings.
    pub fn new(venue: VenueId) -> Self {
        Self {
            venue,
            endpoint: Endpoint {
                host: "stream.binance.com".to_owned(),
                port: 9443,
                tls: true,
                framing: Framing::WebSocket { target: "/stream".to_owned() },
            },
            rest_base: "https://api.binance.com".to_owned(),
            listings: Vec::new(),
            snapshot_limit: 5_000,
            told: Depth::DEFAULT,
            silence_ns: 45 * SECOND_NS,
            lifetime_ns: (24 * 60 - 10) * 60 * SECOND_NS,
            reconnect_base_ns: SECOND_NS,
            reconnect_max_ns: 60 * SECOND_NS,
            seed: 1,
        }
    }
}

/// The cheapest snapshot with a margin for so many levels; the deepest for too many.
fn snapshot_limit(levels: usize) -> u16 {
    let fits = |limit: &u16| usize::from(*limit) >= levels.saturating_mul(SNAPSHOT_MARGIN);
    SNAPSHOT_LIMITS.into_iter().find(fits).unwrap_or(5_000)
}

/// A setting that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The symbol is not 1 to 20 capitals and digits.
    #[error("not a Binance symbol: {0}")]
    Symbol(String),
    /// The symbol is listed twice.
    #[error("{0} is listed twice")]
    Twice(String),
    /// The instrument has more than 18 decimals.
    #[error("{0} has more than 18 decimals")]
    Decimals(String),
    /// There are more listings than [`LISTINGS_MAX`].
    #[error("{0} listings, at most {LISTINGS_MAX}")]
    TooMany(usize),
    /// The snapshot limit is above 5,000, or not [`SNAPSHOT_MARGIN`] times the depth.
    #[error("snapshots of {0} levels")]
    SnapshotLimit(u16),
}

impl ConfigError {
    /// The key of `[[venue]]` that is wrong.
    pub const fn key(&self) -> &'static str {
        match self {
            Self::SnapshotLimit(_) => "depth",
            Self::Symbol(_) | Self::Twice(_) | Self::Decimals(_) | Self::TooMany(_) => "listing",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_is_the_cheapest_that_has_five_times_the_levels() {
        let limits = [10, 20, 21, 100, 200, 201, 1_000, 1_001].map(snapshot_limit);
        assert_eq!(limits, [100, 100, 500, 500, 1_000, 5_000, 5_000, 5_000]);
    }
}
