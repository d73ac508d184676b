//! Scenarios of order entry. `harness` is the desk; the other files are what happens at it.

mod harness;
mod orders;
mod recovery;
mod session;
