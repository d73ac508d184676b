//! Non-blocking sockets, TLS, WebSocket, secrets and waiting strategies: everything that carries
//! the sans-I/O protocol machines.
//!
//! A line belongs in this crate if it needs a socket or a thread to carry a machine's bytes, or if
//! a machine and its carrier must agree on it. The meaning of the bytes is the machine's.

pub mod acceptor;
pub mod arrival;
pub mod byte_queue;
pub mod driver;
pub mod fault;
pub mod http;
pub mod machine;
pub mod probe;
pub mod refusals;
pub mod secret;
pub mod standing;
pub mod stream;
pub mod tls;
pub mod unread;
pub mod wait;
pub mod wake;
pub mod websocket;
