//! Kraken Spot: book channel over WebSocket v2.
//!
//! A line belongs here if it is Kraken's dialect of market data. [`KrakenFeed`] is the machine,
//! [`message`] reads messages, [`checksum`] proves a book.

pub mod checksum;
pub mod config;
pub mod machine;
pub mod message;

pub use config::{Config, ConfigError};
pub use machine::{Counters, KrakenFeed};
