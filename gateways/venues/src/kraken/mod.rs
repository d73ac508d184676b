//! Kraken Spot: everything that is this venue's and no other's.
//!
//! A line belongs here if it is true of Kraken only: order entry and private reports are in
//! [`orders`], market data is in [`feed`].

mod config;
pub mod feed;
pub mod orders;
mod reject;

pub use config::{ConfigError, KrakenConfig, RestLimit};
pub use orders::{Counters, KrakenOrders, PRIVATE_LINK, Status};
