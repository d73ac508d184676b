//! The node: configuration, rings and threads wired together, the command line.
//!
//! A line belongs here if it connects the other crates. `core/` decides about orders, `gateways/`
//! and `feeds/` read and write the wire, `journal/` reads and writes the disk.

pub mod bus_error;
pub mod clock;
pub mod config;
pub mod node;
pub mod preflight;
pub mod replay;
pub mod route;
pub mod venues;
pub mod watch;
