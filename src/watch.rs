//! What watches the node: metrics, health, alerts, logs, and `rutter doctor`.
//!
//! A line belongs here if it tells a person, or a program of a person, how the node is. Nothing
//! here decides about an order, and no thread that carries orders waits for anything here.
//!
//! Read in this order: `buckets`, `stages` and `gateway_counters` are what is measured, `snapshot`
//! is everything that is shown at one moment, `metrics` makes and serves it, `health` and `alerts`
//! judge it, `trouble` lists all that is wrong, `monitor` is where these meet. `logs` and `doctor`
//! stand by themselves.

pub mod alerts;
pub mod buckets;
pub mod clock_offset;
pub mod doctor;
pub mod fix_log;
pub mod gateway_counters;
pub mod health;
pub mod logs;
pub mod metrics;
pub mod monitor;
pub mod snapshot;
pub mod stages;
pub mod trouble;
