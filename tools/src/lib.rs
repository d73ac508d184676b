//! FIX test client, load and latency tools, certification, demo.
//!
//! A line belongs in this crate if it plays, loads, measures or judges a node from outside; nothing
//! here is linked into the node. `client` plays the node's client. `harness` starts the simulated
//! venues of `rutter-sim` and a real node process. Every other folder is one command of
//! `rutter-tools`.

pub mod acceptor;
pub mod causes;
pub mod certify;
pub mod client;
pub mod clock;
pub mod compare;
pub mod crowd;
pub mod demo;
pub mod feed_check;
pub mod harness;
mod interrupt;
pub mod latency;
pub mod load;
pub mod pipe;
pub mod quantiles;
pub mod record;
pub mod recording;
pub mod simulate;
