//! The node: configuration, rings and threads wired together, the command line.
//!
//! A line belongs here if it connects the other crates. What an order means is `core/`, a byte on a
//! wire is `gateways/` or `feeds/`, a byte on disk is `journal/`.

pub mod clock;
pub mod config;
pub mod node;
pub mod replay;
pub mod venues;
pub mod watch;
