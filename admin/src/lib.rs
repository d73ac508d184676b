//! Operators' access to a running node: a read model that follows the output ring, and a console on
//! a Unix socket.
//!
//! A line belongs here if it shows state or takes an operator's command. This crate changes no
//! state: a command enters the core as a journaled input.

pub mod acceptor;
pub mod console;
pub mod disk;
pub mod model;
pub mod plan;
pub mod printable;

pub use model::{
    BreakerRow, MarketRow, PauseRow, ReadModel, SessionStatus, Sizes, StageStatus, Status, TermRow,
    TermsRow, VenueStatus,
};
