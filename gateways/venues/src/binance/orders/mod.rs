//! Binance Spot: orders over FIX 4.4, reconciliation over signed REST.
//!
//! A line belongs here if it is Binance's dialect of order entry or private reports. Market data
//! is `feed`.
//!
//! [`BinanceOrders`] is the machine. [`session`] holds sequence numbers and heartbeats of one FIX
//! connection, [`encode`] writes our messages, [`report`] reads theirs, `reject` maps their
//! codes, [`rest`] signs and reads REST, [`reconcile`] answers "what became of this child",
//! [`children`] remembers what was sent. Rules come from Binance's `fix-api`, `rest-api`, `errors`
//! and `request-security` documents, 2026-07.

mod children;
mod encode;
mod machine;
mod reconcile;
mod report;
mod rest;
mod session;
mod status;

#[cfg(test)]
mod tests;

pub use machine::BinanceOrders;
pub use session::FIX_LINK;
pub use status::{Counters, Status};
