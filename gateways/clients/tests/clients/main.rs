//! Scenarios of the client gateway: clients speak FIX text, the core answers, connections break,
//! processes die. No socket and no clock but in `server` and `tls`.

mod connections;
mod desk;
mod door;
mod market;
mod hall;
mod orders;
mod pki;
mod recovery;
mod reports;
mod requests;
mod samples;
mod server;
mod tls;
