//! What an operator may see of a running node, and do: a read model fed by the output ring, and a
//! console on a Unix socket.
//!
//! A line belongs here if it shows state or takes an operator's command. Nothing here changes
//! anything: a command enters the core as a journaled input like everything else.

pub mod acceptor;
pub mod console;
pub mod disk;
pub mod model;

pub use model::{ReadModel, SessionStatus, Sizes, StageStatus, Status, VenueStatus};
