//! Kraken Spot: orders and reports over WebSocket v2.
