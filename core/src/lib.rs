//! The pure state machine of Rutter: inputs in, outputs out.
//!
//! A line belongs in this crate if it decides something about an order from inputs alone. The crate
//! has no sockets, files, clocks, threads, randomness or hash order, no floats for money, and no
//! venue's name.
//!
//! Start reading at [`input::Input`], [`output::Output`] and [`engine::Engine::apply`].

pub mod behaviour;
pub mod book;
pub mod breaker;
pub mod bridge;
pub mod budget;
pub mod child;
mod client_ids;
pub mod engine;
mod executions;
pub mod hash;
pub mod heard;
pub mod id;
pub mod input;
pub mod ledger;
pub mod lifecycle;
pub mod listed;
pub mod number;
pub mod order;
pub mod output;
pub mod own_orders;
pub mod rate;
pub mod reference;
pub mod reference_price;
pub mod resident;
pub mod resting;
pub mod risk;
pub mod routing;
mod scopes;
pub mod self_match;
mod sparse;
pub mod strategy;
mod table;
pub mod ticks;
pub mod touches;
pub mod traded;
pub mod venue_set;
pub mod volume;
pub mod waiting;
pub mod wire;

pub use engine::Engine;
