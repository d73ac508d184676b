//! Kraken's order entry and private reports: orders over one private WebSocket v2 link, questions
//! over signed REST.
//!
//! A line belongs here if it is Kraken's dialect of order entry or private reports. Market data is
//! `feed`.
//!
//! [`KrakenOrders`] is the machine. [`message`] reads and writes WebSocket messages, [`report`]
//! turns them into the core's inputs, [`rest`] signs and reads REST calls, [`reconcile`] says which
//! calls the shared inquiry needs, [`children`] is the table of the children sent, [`nonce`]
//! numbers the calls, and [`time`] prints and reads times.
//!
//! Open orders are known from the `executions` channel, whose sequence is proved. The fate of a
//! child in doubt is found over REST: `OpenOrders` first; then `QueryOrders` when the venue's order
//! id is known, else `ClosedOrders` filtered by `cl_ord_id`, which `QueryOrders` does not take. In
//! this sequence an order that ends between two calls is still found. Fills come from
//! `TradesHistory`, whose keys are the `exec_id`s of the stream.

mod children;
mod machine;
pub mod message;
mod nonce;
mod reconcile;
mod report;
pub mod rest;
mod status;
pub mod time;

pub use machine::{KrakenOrders, PRIVATE_LINK};
pub use status::{Counters, Status};

#[cfg(test)]
mod tests;
