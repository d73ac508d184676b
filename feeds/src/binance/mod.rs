//! Binance Spot: diff-depth streams over WebSocket, snapshots over REST.
