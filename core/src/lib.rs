//! The pure state machine of Rutter: inputs in, outputs out.
//!
//! A line belongs in this crate if it decides something about an order from inputs alone. No
//! sockets, files, clocks, threads, randomness, floats for money, nor a venue's name.

pub mod hash;
pub mod id;
pub mod input;
pub mod number;
pub mod output;
pub mod table;
pub mod wire;
