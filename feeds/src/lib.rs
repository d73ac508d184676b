//! Venue market data into trusted books.
//!
//! A line belongs in this crate if it turns a venue's public data into book updates for the core
//! and proves that nothing is missing. Order entry is `rutter-venues`; sockets are
//! `rutter-transport`.

pub mod backoff;
pub mod binance;
pub mod book;
pub mod decimal;
pub mod kraken;

/// What the core orders a feed to do: nothing at present, so there is no value of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FeedCommand {}
