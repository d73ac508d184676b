//! What watches the node: metrics, health, alerts, logs, and `rutter doctor`.
//!
//! A line belongs here if it tells a person, or a program of a person, how the node is. Nothing
//! here decides about an order, and no thread that carries orders waits for anything here.

pub mod alerts;
pub mod doctor;
pub mod health;
pub mod logs;
pub mod metrics;
pub mod stages;
