//! The node: configuration, rings and threads wired together, the command line.
//!
//! A line belongs here if it connects the other crates. What an order means is `core/`, a byte on a
//! wire is `gateways/` or `feeds/`, a byte on disk is `journal/`.

pub mod alerts;
pub mod boot;
pub mod bridge;
pub mod clock;
pub mod config;
pub mod console;
pub mod core_station;
pub mod decider;
pub mod doctor;
pub mod gate;
pub mod health;
mod launch;
pub mod layout;
pub mod logs;
pub mod metrics;
pub mod model_station;
pub mod node;
pub mod replay;
pub mod rings;
pub mod stages;
pub mod stations;
pub mod tap;
pub mod venues;
