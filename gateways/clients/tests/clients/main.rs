//! Scenarios of the client gateway: clients speak FIX text, the core answers, connections break,
//! processes die. No socket and no clock but in `server`.

mod connections;
mod desk;
mod market;
mod market_fidelity;
mod market_versions;
mod orders;
mod recovery;
mod reference;
mod reports;
mod server;
