//! Binance Spot: everything that is this venue's and no other's.
//!
//! A line belongs here if it is true of Binance only: order entry and private reports are in
//! [`orders`], market data is in [`feed`].

mod budget;
mod config;
pub mod feed;
mod ids;
pub mod orders;
mod reject;

pub use config::{BinanceConfig, ConfigError, FixEndpoint, MessageHandling};
pub use orders::{BinanceOrders, Counters, FIX_LINK, Status};

use crate::venue::{SettingError, Venue};

/// Binance in the table of venues: FIX order entry, WebSocket streams, REST.
pub const VENUE: Venue = Venue {
    kind: "binance",
    fill_or_kill: true,
    depth_max: 1_000,
    own_keys: &[config::COMP_ID],
    order_schemes: &["tls", "tcp"],
    budget: |_| Ok(budget::WINDOWS.to_vec()),
    amend: budget::AMEND,
    child_of: |tag, text| ids::parse(tag, text).map(|named| named.child),
    orders: |setup| match BinanceOrders::new(BinanceConfig::from_setup(setup)) {
        Ok(machine) => Ok(Box::new(machine)),
        Err(error) => Err(SettingError { key: error.key(), reason: error.to_string() }),
    },
    feed: |setup| match feed::BinanceFeed::new(feed::Config::from_setup(setup)) {
        Ok(machine) => Ok(Box::new(machine)),
        Err(error) => Err(SettingError { key: error.key(), reason: error.to_string() }),
    },
};
