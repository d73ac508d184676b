//! The FIX codec, session and message store, sans I/O.
//!
//! [`codec`] turns bytes into messages and back, [`app`] gives typed views of the orders a client
//! may send, [`session`] keeps one session's sequence numbers and heartbeats, [`store`] keeps what
//! was sent so that it can be sent again. Nothing here owns a socket, a clock or a thread, and
//! nothing allocates once warm.
//!
//! A line belongs here if it is about FIX as a protocol. What an order means is `core`'s; which
//! account a session trades for is `gateways/clients`; a venue's dialect is `gateways/venues`.

pub mod app;
pub mod codec;
pub mod dictionary;
pub mod session;
pub mod store;
pub mod tags;
