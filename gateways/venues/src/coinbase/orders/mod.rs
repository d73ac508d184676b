//! Coinbase order entry over FIX 5.0 SP2, and REST for what FIX does not tell.
//!
//! A line belongs here if it sends an order to Coinbase or reads what became of one.
//! [`CoinbaseOrders`] is the machine, `encode` writes messages, `report` reads them, `rest` and
//! `reconcile` ask what became of children.
//!
//! Every connection begins a new session: both sides count from 1 (141=Y). What happened between
//! two connections is asked for over REST, since the documents contradict each other on resends.
//! Orders stay when a connection ends: 8013 is not sent. An order that would meet one of our own is
//! cancelled (7928=N).

mod encode;
mod machine;
mod reconcile;
mod report;
mod rest;
mod status;

#[cfg(test)]
mod tests;

pub use crate::fix_session::FIX_LINK;
pub use machine::CoinbaseOrders;
pub use status::{Counters, Status};
