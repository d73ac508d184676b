//! Kraken Spot: everything that is this venue's and no other's.
//!
//! A line belongs here if it is true of Kraken only: order entry and private reports are in
//! [`orders`], market data is in [`feed`].

mod assets;
mod budget;
mod config;
pub mod feed;
mod ids;
pub mod orders;
mod reject;

pub use config::{ConfigError, KrakenConfig};
pub use orders::{Counters, KrakenOrders, PRIVATE_LINK, Status};

use crate::venue::{SettingError, Venue};

/// Kraken in the table of venues: WebSocket v2 for orders and market data, REST.
pub const VENUE: Venue = Venue {
    kind: "kraken",
    fill_or_kill: false,
    depth_max: 1_000,
    own_keys: &[config::REST_COUNTER_MAX, config::REST_DECAY, budget::TIER],
    order_schemes: &["wss", "ws"],
    budget: budget::windows,
    amend: budget::AMEND,
    child_of: ids::parse,
    orders: |setup| match KrakenOrders::new(KrakenConfig::from_setup(setup)) {
        Ok(machine) => Ok(Box::new(machine)),
        Err(error) => Err(SettingError { key: error.key(), reason: error.to_string() }),
    },
    feed: |setup| match feed::KrakenFeed::new(feed::Config::from_setup(setup)) {
        Ok(machine) => Ok(Box::new(machine)),
        Err(error) => Err(SettingError { key: error.key(), reason: error.to_string() }),
    },
};
