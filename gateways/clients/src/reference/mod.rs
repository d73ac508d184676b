//! Requests beside orders and market data: `SecurityListRequest` (x) for instruments,
//! `TradingSessionStatusRequest` (g) for the trading status, `HistoryRequest` (U1) for past
//! reports. News (B) is sent by the operator.
//!
//! A line belongs here if it is neither about an order nor about prices. The contract with clients
//! is `docs/fix/market-data.md`.

pub mod history;
pub mod news;
pub mod security_list;
pub mod session_status;

pub use news::{NEWS_BYTES_MAX, NEWS_LINES_MAX, NEWS_REFUSALS_MAX, News, NewsError, NewsSent};
pub use security_list::{LIST_ENTRIES_PER_MESSAGE, SecurityList};
pub use session_status::SessionStatus;

/// `TradingSessionID` (336) of the only trading session: it never closes.
pub const SESSION_ID: &[u8] = b"24X7";

/// Longest request id of a client that is repeated in the answer, in bytes.
pub const REQUEST_ID_BYTES_MAX: usize = 64;

/// A client's id of a request.
pub type RequestId = rutter_core::number::Text<REQUEST_ID_BYTES_MAX>;
