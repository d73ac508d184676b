//! Venue market data into trusted books.

pub mod book;
