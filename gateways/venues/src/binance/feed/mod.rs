//! Binance Spot: diff-depth streams over WebSocket, snapshots over REST.
//!
//! A line belongs here if it is Binance's dialect of market data. [`BinanceFeed`] is the machine,
//! [`message`] turns messages into integers, [`sequence`] proves that no change is missing. The
//! rules come from Binance's `web-socket-streams` document, "How to manage a local order book
//! correctly", 2026-07.

pub mod config;
mod instruments;
mod machine;
pub mod message;
pub(super) mod rest;
pub mod sequence;

#[cfg(test)]
mod capture_tests;
#[cfg(test)]
mod instruments_tests;
#[cfg(test)]
mod machine_tests;
#[cfg(test)]
mod message_tests;
#[cfg(test)]
mod sequence_tests;

pub use config::{Config, ConfigError, LISTINGS_MAX, SNAPSHOT_MARGIN};
pub use machine::{BinanceFeed, Counters, LINK};
