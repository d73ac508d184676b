//! What the tests and benchmarks of several crates share.
//!
//! A line belongs here if tests of at least two crates need it, and it needs no crate but the core
//! and the FIX codec: reference data and orders of the core ([`reference`]), the judgement of what
//! we send by our own dictionaries ([`published`]), random numbers and the choice of seeds
//! ([`random`], [`seeds`]), and an allocator that counts ([`counting`]). A scenario's own language
//! stays beside its scenarios.
//!
//! A new field of a definition, of [`rutter_core::input::NewOrder`] or of
//! [`rutter_core::input::AccountLimits`] gets its usual value here, and only here.

pub mod counting;
pub mod published;
pub mod random;
pub mod reference;
pub mod seeds;
