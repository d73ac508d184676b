//! What an operator may see of a running node: a read model fed by the output ring, and a Unix
//! socket that answers with it.
//!
//! A line belongs here if it shows state. Nothing here can change it: commands are a later issue,
//! and will enter the core as journaled inputs like everything else.

pub mod model;
mod socket;

pub use model::{ReadModel, SessionStatus, Sizes, StageStatus, Status, VenueStatus};
pub use socket::{CONNECTIONS_MAX, SocketError, StatusSocket};
