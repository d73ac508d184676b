//! Venue simulators, FIX test client, load and latency tools, demo.

pub mod sim;
