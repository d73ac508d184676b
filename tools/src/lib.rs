//! Venue simulators, FIX test client, load and latency tools, demo.
//!
//! `sim` plays the exchanges, `client` the node's client, `harness` starts both around a real node
//! process; the rest is one module a command of `rutter-tools`. Nothing here is linked into the
//! node.

pub mod acceptor;
pub mod certify;
pub mod client;
pub mod clock;
pub mod compare;
pub mod console;
pub mod crowd;
pub mod demo;
pub mod floor;
pub mod harness;
pub mod latency;
pub mod load;
pub mod quantiles;
pub mod simulate;
