//! The FIX codec, session and message store, sans I/O.
//!
//! [`codec`] turns bytes into messages and back, [`app`] gives typed views of a client's requests,
//! [`session`] has one session's sequence numbers and heartbeats, [`store`] stores sent messages so
//! that they can be sent again. Nothing here owns a socket or a clock, and nothing allocates once
//! warm. The only thread is the one that prepares a store's files.
//!
//! A line belongs here if it is about FIX as a protocol. What an order means is `core`'s, the
//! account of a session is `gateways/clients`', and a venue's dialect is `gateways/venues`'. This
//! crate knows nothing else of the product, so simulated venues may use it.

pub mod app;
pub mod codec;
pub mod dictionary;
pub mod session;
pub mod store;
pub mod tags;
