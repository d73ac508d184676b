//! Venue market data into trusted books.
