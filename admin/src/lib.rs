//! Read model and local status socket.
