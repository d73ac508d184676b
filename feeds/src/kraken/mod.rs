//! Kraken Spot: book channel over WebSocket v2.
