//! Venue market data into trusted books.
//!
//! A line belongs in this crate if it turns a venue's public data into book updates for the core
//! and proves that nothing is missing. Order entry is `rutter-venues`; sockets are
//! `rutter-transport`.

pub mod binance;
pub mod book;
pub mod decimal;
pub mod kraken;
