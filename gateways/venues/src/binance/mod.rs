//! Binance Spot: everything that is this venue's and no other's.
//!
//! A line belongs here if it is true of Binance only: order entry and private reports are in
//! [`orders`], market data is in [`feed`].

mod config;
pub mod feed;
pub mod orders;
mod reject;

pub use config::{BinanceConfig, ConfigError, FixEndpoint, MessageHandling};
pub use orders::{BinanceOrders, Counters, FIX_LINK, Status};
