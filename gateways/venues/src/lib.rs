//! Venues: order entry, private reports and market data, one folder a venue.
//!
//! A line belongs in this crate if it tells a venue what the core decided, or tells the core what
//! a venue said. A venue's dialect is in its own folder; pieces that venues share are beside the
//! folders. Sockets are `rutter-transport`; books are `rutter-feeds`; a decision about an order is
//! `rutter-core`.
//!
//! **To register a venue** add its folder's `mod` line and its row in [`VENUES`] below. Nothing
//! else outside the folder names the venue: configuration, wiring and `doctor` read the table.

pub mod answers;
pub mod backoff;
pub mod binance;
pub mod clock;
pub mod command;
pub mod decimal;
pub mod ids;
pub mod inquiry;
pub mod json;
pub mod kraken;
pub mod life;
pub mod listing;
pub mod shape;
pub mod signing;
pub mod silence;
pub mod venue;

pub use command::VenueCommand;
use venue::Venue;

/// All venues that this program can trade at.
pub const VENUES: [&Venue; 2] = [&binance::VENUE, &kraken::VENUE];
