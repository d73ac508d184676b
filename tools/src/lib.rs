//! Venue simulators, FIX test client, load and latency tools, demo.
