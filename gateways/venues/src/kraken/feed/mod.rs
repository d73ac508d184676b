//! Kraken Spot: book channel over WebSocket v2.
//!
//! A line belongs here if it is about Kraken's public data. `message`
//! says what a message means, `checksum` proves a book, `machine` keeps the link and the books.

pub mod checksum;
pub mod config;
pub mod machine;
pub mod message;

pub use config::{Config, ConfigError};
pub use machine::{Counters, KrakenFeed};
