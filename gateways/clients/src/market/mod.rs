//! Market data for clients: `MarketDataRequest` (V) to `MarketDataSnapshotFullRefresh` (W),
//! `MarketDataIncrementalRefresh` (X) and `MarketDataRequestReject` (Y).
//!
//! [`books`] has the books, [`ladder`] makes one view of them, [`request`] reads a client's
//! request, [`streams`] knows which client is to be sent what, [`tape`] keeps the trades,
//! [`write`](mod@write) writes the fields. The contract with clients is `docs/fix/market-data.md`.
//!
//! A stream is one instrument of one request. It stores the levels that its client was sent last,
//! and the next message is the difference from them. So any number of changes costs the client only
//! the levels that differ in the end, and a slow reader is owed one image at most.
//!
//! A line belongs here if it is about showing the market to a client. Which connection has room,
//! and sending, is `gateway`. Proving a book is the feed's; deciding by it is the core's.

pub mod books;
pub mod config;
pub mod fields;
pub mod ladder;
pub mod request;
pub mod streams;
pub mod tape;
pub mod write;

pub use books::{BookNews, Books};
pub use config::{
    InstrumentTerms, ListingTerms, MarketConfig, MarketConfigError, MarketLimits, STREAMS_MAX,
};
pub use streams::{Market, MarketCounters};

use rutter_core::number::Text;
use rutter_fix::codec::{FIELDS_MAX, MESSAGE_BYTES_MAX};

/// Most price levels a side that a client is shown, and the meaning of `MarketDepth` (264) 0.
pub const DEPTH_MAX: usize = 32;

/// Most entries a side. With one entry for each venue and price, a price that would exceed it is
/// left out with all prices behind it.
pub const ENTRIES_PER_SIDE_MAX: usize = 120;

/// Most entries of an X. With more changes the whole book is sent in a W.
pub const INCREMENT_ENTRIES_MAX: usize = 140;

/// Most trades of an X. An X has trades or changes of books, not both.
pub const TRADES_PER_MESSAGE_MAX: usize = 64;

/// Longest `MDReqID` (262), in bytes.
pub const MD_REQ_ID_BYTES_MAX: usize = 64;

/// `MDReqID` (262).
pub type MdReqId = Text<MD_REQ_ID_BYTES_MAX>;

/// Most bytes of one entry with its tags: action, side, a symbol of 20 characters, two venues of
/// 12, two numbers of 21.
const ENTRY_BYTES_MAX: usize = 6 + 6 + 24 + 17 + 26 + 26 + 17;

/// Most bytes of a trade with its tags: as an entry, with date, time, number and side of the taker.
const TRADE_BYTES_MAX: usize = ENTRY_BYTES_MAX + 13 + 23 + 26 + 7;

/// Bytes of a message besides its entries: header, request id, instrument.
const FRAME_BYTES_MAX: usize = 1_024;

/// Most fields of an entry of a W, and of an X.
const ENTRY_FIELDS_MAX: [usize; 2] = [4, 7];

/// Most fields of a trade in a W, and in an X.
const TRADE_FIELDS_MAX: [usize; 2] = [8, 11];

/// Most fields of a message besides its entries.
const FRAME_FIELDS_MAX: usize = 16;

const _: () = assert!(
    2 * ENTRIES_PER_SIDE_MAX * ENTRY_BYTES_MAX + TRADE_BYTES_MAX + FRAME_BYTES_MAX
        <= MESSAGE_BYTES_MAX
        && TRADES_PER_MESSAGE_MAX * TRADE_BYTES_MAX + FRAME_BYTES_MAX <= MESSAGE_BYTES_MAX,
    "the longest market data message can be written"
);
const _: () = assert!(
    2 * ENTRIES_PER_SIDE_MAX * ENTRY_FIELDS_MAX[0] + TRADE_FIELDS_MAX[0] + FRAME_FIELDS_MAX
        <= FIELDS_MAX
        && TRADES_PER_MESSAGE_MAX * TRADE_FIELDS_MAX[1] + FRAME_FIELDS_MAX <= FIELDS_MAX
        && INCREMENT_ENTRIES_MAX * ENTRY_FIELDS_MAX[1] + FRAME_FIELDS_MAX <= FIELDS_MAX,
    "and read by a client with the same codec"
);
