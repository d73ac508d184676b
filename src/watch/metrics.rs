//! Prometheus metrics and health, over HTTP.
//!
//! A line belongs here if it copies a number that is there already, names it, or serves it. What
//! is counted comes from the output ring, from gauges that other threads store by atomics, and from
//! the client gateway's counters. No thread that carries orders waits for anything here, and
//! nothing here changes anything. Every name is explained in `docs/metrics.md`.

pub mod child_times;
pub mod exposition;
pub mod model;
pub mod server;

pub use model::{GaugeSources, MetricsModel};
pub use server::{MetricsError, MetricsServer};
