//! Binance's order entry and private reports: orders over FIX 4.4, questions over signed REST.
//!
//! A line belongs here if it is Binance's dialect of order entry or private reports. Market data
//! is `feed`.
//!
//! [`BinanceOrders`] is the machine. [`session`] holds sequence numbers and heartbeats of one FIX
//! connection, [`encode`] writes our messages, [`report`] reads the venue's messages, [`rest`]
//! signs and reads REST, [`reconcile`] connects REST with the shared inquiry, and [`children`] is
//! the table of the children sent. The rules come from Binance's `fix-api`, `rest-api`, `errors`
//! and `request-security` documents, 2026-07.

mod encode;
mod machine;
mod reconcile;
mod report;
mod rest;
mod status;

#[cfg(test)]
mod tests;

pub use crate::fix_session::FIX_LINK;
pub use machine::BinanceOrders;
pub use status::{Counters, Status};
