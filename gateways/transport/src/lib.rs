//! Non-blocking sockets, TLS, WebSocket and waiting strategies that carry the sans-I/O protocol
//! machines.

pub mod machine;
