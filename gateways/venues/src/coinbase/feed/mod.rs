//! Coinbase Exchange: the channel `level2` of the WebSocket feed.
//!
//! A line belongs here if it is Coinbase's dialect of market data. [`CoinbaseFeed`] is the machine,
//! [`message`] reads and writes messages.

pub mod config;
pub mod machine;
pub mod message;

pub use config::{Config, ConfigError};
pub use machine::{CoinbaseFeed, Counters};
