//! Simulated exchanges: one matching engine, one dialect (front) a venue, faults on command.
//!
//! A line belongs here if it plays the part of an exchange. The fronts are written from the venue
//! reference alone, never from our adapters, so that an error on one side shows on the other.
//! Nothing but `server` owns a socket or a clock: time comes as an argument everywhere else.

pub mod accounts;
pub mod binance;
pub mod book;
pub mod decimal;
pub mod engine;
pub mod faults;
pub mod flow;
pub mod front;
pub mod instrument;
pub mod kraken;
pub mod order;
pub mod random;
pub mod server;
