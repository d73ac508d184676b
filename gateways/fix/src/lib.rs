//! The FIX codec, session and message store, sans I/O.
