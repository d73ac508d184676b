//! The whole node in one thread with virtual time: engine, journal on in-memory storage, FIX
//! gateway, every venue's order and feed machines, simulated exchanges, and the wires between all
//! of them. A seed decides every delay, so that equal seeds give equal runs.
//!
//! A line belongs here if it carries messages between the parts, or is a part without threads. Who
//! trades, what goes wrong and what must be true is a [`Script`](script::Script)'s.

pub mod configured;
pub mod network;
pub mod node;
pub mod script;
mod world;

pub use world::World;
