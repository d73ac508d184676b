//! Kraken Spot: orders and reports over one private WebSocket v2 link, reconciled over REST.
//!
//! A line belongs here if it is about Kraken's private side. `machine` keeps the link and takes the
//! core's commands; `message` reads and writes WebSocket messages, `report` turns them into the
//! core's inputs; `rest` signs and reads REST calls, `reconcile` decides which are needed;
//! `children` remembers what was sent; `reject` maps the venue's refusals; `time` prints times.
//!
//! What is open is known from the `executions` channel, whose sequence is proved. What became of a
//! child that is asked about is found over REST: `OpenOrders` first, then `QueryOrders` when the
//! venue's order id is known, else `ClosedOrders` filtered by `cl_ord_id` (which `QueryOrders` does
//! not take). In that order an order that ends in between is still seen. Fills come from
//! `TradesHistory`, whose keys are the `exec_id`s of the stream.

mod children;
mod machine;
pub mod message;
mod reconcile;
mod report;
pub mod rest;
mod round;
mod status;
pub mod time;

pub use machine::{KrakenOrders, PRIVATE_LINK};
pub use status::{Counters, Status};

#[cfg(test)]
mod tests;
