//! Coinbase Exchange: everything that is this venue's and no other's.
//!
//! A line belongs here if it is true of Coinbase Exchange only: order entry and private reports are
//! in [`orders`], market data is in [`feed`]. Coinbase Advanced Trade and Prime are other venues.

mod budget;
mod config;
pub mod feed;
mod ids;
pub mod orders;
mod reject;
mod signer;

pub use config::{CoinbaseConfig, ConfigError, FixEndpoint};
pub use orders::{CoinbaseOrders, Counters, FIX_LINK, Status};
pub use signer::SignerError;

use crate::venue::{SettingError, Venue};

/// Coinbase Exchange in the table of venues: FIX order entry, WebSocket feed, REST.
pub const VENUE: Venue = Venue {
    kind: "coinbase",
    fill_or_kill: true,
    depth_max: 1_000,
    own_keys: &[],
    order_schemes: &["tls", "tcp"],
    budget: |_| Ok(budget::WINDOWS.to_vec()),
    amend: budget::AMEND,
    child_of: |tag, text| ids::parse(tag, text).map(|named| named.child),
    orders: |setup| match CoinbaseOrders::new(CoinbaseConfig::from_setup(setup)) {
        Ok(machine) => Ok(Box::new(machine)),
        Err(error) => Err(SettingError { key: error.key(), reason: error.to_string() }),
    },
    feed: |setup| match feed::CoinbaseFeed::new(feed::Config::from_setup(setup)) {
        Ok(machine) => Ok(Box::new(machine)),
        Err(error) => Err(SettingError { key: error.key(), reason: error.to_string() }),
    },
};
