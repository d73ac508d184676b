//! What a client may ask about the place itself: `SecurityListRequest` (x) to `SecurityList` (y),
//! `TradingSessionStatusRequest` (g) to `TradingSessionStatus` (h), and News (B) that nobody asks
//! for.
//!
//! A line belongs here if it is neither about an order nor about prices. Rules of engagement:
//! `docs/fix/market-data.md`.

pub mod news;
pub mod security_list;
pub mod session_status;

pub use news::{NEWS_BYTES_MAX, NEWS_LINES_MAX, News, NewsError, NewsSent};
pub use security_list::{LIST_ENTRIES_PER_MESSAGE, SecurityList};
pub use session_status::SessionStatus;

/// `TradingSessionID` (336) of the only session there is: it never closes.
pub const SESSION_ID: &[u8] = b"24X7";

/// Longest request id of a client's that is given back, in bytes.
pub const REQUEST_ID_BYTES_MAX: usize = 64;

/// A request id of a client's.
pub type RequestId = rutter_core::number::Text<REQUEST_ID_BYTES_MAX>;
