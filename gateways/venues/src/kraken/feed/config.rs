//! Settings of Kraken's market data.
//!
//! A line belongs here if it is a setting of the feed or a limit of one.

use rutter_core::id::VenueId;
use rutter_feeds::deep::Depth;
use rutter_transport::machine::{Endpoint, Framing};

use super::checksum::DECIMALS_MAX;
use crate::listing::FeedListing;
use crate::venue::Setup;

/// The depths that the venue offers, in levels a side.
pub const DEPTHS: [u16; 5] = [10, 25, 100, 500, 1_000];

/// Most listings of one feed.
pub const LISTINGS_MAX: usize = 256;

/// Settings of [`KrakenFeed`](super::KrakenFeed).
#[derive(Clone, Debug)]
pub struct Config {
    /// The core's id of the venue.
    pub venue: VenueId,
    /// Such as `ws.kraken.com`, 443, TLS, target `/v2`.
    pub endpoint: Endpoint,
    /// Base of REST requests, which ask for missing trades.
    pub rest_base: String,
    /// The instruments whose books are subscribed.
    pub listings: Vec<FeedListing>,
    /// Subscribed depth, one of [`DEPTHS`] and not less than the levels that the core is told.
    pub depth: u16,
    /// How much of the books the core is told.
    pub told: Depth,
    /// A link that is silent for this long is dead. After half of this time the link is pinged.
    pub silence_ns: u64,
    /// First wait before a reconnect. The venue allows about 150 connections in ten minutes.
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
            depth: subscribed(setup.depth.levels),
            told: setup.depth,
            seed: setup.seed,
            ..Self::new(setup.venue)
        }
    }

    /// Kraken's own address and the usual times, without listings.
    pub fn new(venue: VenueId) -> Self {
        Self {
            venue,
            endpoint: Endpoint {
                host: "ws.kraken.com".to_owned(),
                port: 443,
                tls: true,
                framing: Framing::WebSocket { target: "/v2".to_owned() },
            },
            rest_base: "https://api.kraken.com".to_owned(),
            listings: Vec::new(),
            depth: 1_000,
            told: Depth::DEFAULT,
            silence_ns: 10_000_000_000,
            reconnect_base_ns: 1_000_000_000,
            reconnect_max_ns: 60_000_000_000,
            seed: 1,
        }
    }
}

/// The smallest depth on offer that has so many levels; too many become a depth that is refused.
fn subscribed(levels: usize) -> u16 {
    let fits = |depth: &u16| usize::from(*depth) >= levels;
    DEPTHS.into_iter().find(fits).unwrap_or(u16::MAX)
}

/// A setting that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The depth is not one of [`DEPTHS`].
    #[error("Kraken offers no book depth of {0}")]
    Depth(u16),
    /// The symbol is empty, too long, or has characters that no pair has.
    #[error("not a Kraken pair: {0}")]
    Symbol(String),
    /// The pair is listed twice.
    #[error("{0} is listed twice")]
    Twice(String),
    /// The instrument has more decimals than [`DECIMALS_MAX`].
    #[error("{0} has more than {DECIMALS_MAX} decimals")]
    Decimals(String),
    /// There are more listings than [`LISTINGS_MAX`].
    #[error("{0} listings, at most {LISTINGS_MAX}")]
    TooMany(usize),
}

impl ConfigError {
    /// The key of `[[venue]]` that is wrong.
    pub const fn key(&self) -> &'static str {
        match self {
            Self::Depth(_) => "depth",
            Self::Symbol(_) | Self::Twice(_) | Self::Decimals(_) | Self::TooMany(_) => "listing",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_depth_on_offer_that_has_the_levels_is_subscribed() {
        let depths = [1, 10, 11, 25, 100, 101, 1_000, 1_001].map(subscribed);
        assert_eq!(depths, [10, 10, 25, 25, 100, 500, 1_000, u16::MAX]);
    }
}
