//! The Binance dialect over the shared matching engine.
