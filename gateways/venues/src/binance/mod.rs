//! Binance Spot: orders over FIX, reconciliation over REST.
