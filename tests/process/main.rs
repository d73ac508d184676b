//! Scenarios of the real node: the `rutter` program as a process of its own, with simulated venues
//! and clients over sockets.
//!
//! A line belongs here if it needs the program, not only the library. Each module is one subject.
//! All of them share one test binary, so that the node's crates are linked once. What runs in one
//! thread with virtual time is `tests/simulation`.

mod alerts;
mod amend;
mod bad_input;
mod certify;
mod console;
mod console_client;
mod crash;
mod demo;
mod depth;
mod desk;
mod doctor;
mod layouts;
mod logs;
mod many_open_orders;
mod market_data;
mod metrics;
mod plain_words;
mod prometheus;
mod quickfix;
mod reload;
mod secrets;
mod self_match;
mod venue_accounts;
mod virtual_demo;
