//! Market data once it has been read, whatever the venue.
//!
//! A line belongs in this crate if it needs levels, updates and times, and no venue's dialect.
//! Reading a venue's messages is `rutter-venues`; sockets are `rutter-transport`.

pub mod alive;
pub mod book;
pub mod deep;
pub mod horizon;
pub mod published;
pub mod trades;
pub mod trust;

/// A command of the core to a feed. The core has none, so the type has no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FeedCommand {}
