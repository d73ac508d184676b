//! Non-blocking sockets, TLS, WebSocket and waiting strategies that carry the sans-I/O protocol
//! machines.
//!
//! A line belongs in this crate if it needs a socket or a thread to carry a machine's bytes. What
//! the bytes mean is the machine's matter.

pub mod acceptor;
pub mod byte_queue;
pub mod driver;
pub mod http;
pub mod machine;
pub mod secret;
pub mod stream;
pub mod tls;
pub mod wait;
pub mod wake;
pub mod websocket;
