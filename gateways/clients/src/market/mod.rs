//! Market data for clients: `MarketDataRequest` (V) to `MarketDataSnapshotFullRefresh` (W),
//! `MarketDataIncrementalRefresh` (X) and `MarketDataRequestReject` (Y).
//!
//! [`books`] holds what the feeds told, [`ladder`] makes one view of it, [`request`] reads what a
//! client wants, [`streams`] knows who is owed what, [`write`](mod@write) puts it into fields.
//! Rules of engagement: `docs/fix/market-data.md`.
//!
//! A stream is one instrument of one request. What it was told last is kept with it, and what it
//! is told next is the difference from that: so any number of changes in between costs the client
//! no more than the levels that differ in the end, and a slow reader is owed one image at most.
//!
//! A line belongs here if it is about showing the market to a client. Which connection has room,
//! and sending, is `gateway`; proving a book is the feed's; deciding by it is the core's.

pub mod books;
pub mod config;
pub mod fields;
pub mod ladder;
pub mod request;
pub mod streams;
pub mod write;

pub use books::{BookNews, Books};
pub use config::{InstrumentTerms, ListingTerms, MarketConfig, MarketConfigError, MarketLimits};
pub use streams::{Market, MarketCounters};

use rutter_core::book::BOOK_LEVELS_MAX;
use rutter_core::number::Text;
use rutter_fix::codec::{FIELDS_MAX, MESSAGE_BYTES_MAX};

/// Most price levels a side that a client is shown: what `MarketDepth` (264) 0 stands for.
pub const DEPTH_MAX: usize = BOOK_LEVELS_MAX;

/// Most entries a side: with one entry a venue and price, the price at which there would be more
/// is left out, and all behind it.
pub const ENTRIES_PER_SIDE_MAX: usize = 120;

/// Most entries of an X. Where more have changed the whole book is sent instead.
pub const INCREMENT_ENTRIES_MAX: usize = 140;

/// Longest `MDReqID` (262), in bytes.
pub const MD_REQ_ID_BYTES_MAX: usize = 64;

/// `MDReqID` (262).
pub type MdReqId = Text<MD_REQ_ID_BYTES_MAX>;

/// Most bytes of one entry with its tags: action, side, a symbol of 20, two venues of 12 and two
/// numbers of 21 characters.
const ENTRY_BYTES_MAX: usize = 6 + 6 + 24 + 17 + 26 + 26 + 17;

/// Header, request id and instrument of a message.
const FRAME_BYTES_MAX: usize = 1_024;

/// Fields of an entry of a W and of an X.
const ENTRY_FIELDS_MAX: [usize; 2] = [4, 7];

/// Fields of a message beside its entries.
const FRAME_FIELDS_MAX: usize = 16;

const _: () = assert!(
    2 * ENTRIES_PER_SIDE_MAX * ENTRY_BYTES_MAX + FRAME_BYTES_MAX <= MESSAGE_BYTES_MAX,
    "the longest market data message can be written"
);
const _: () = assert!(
    2 * ENTRIES_PER_SIDE_MAX * ENTRY_FIELDS_MAX[0] + FRAME_FIELDS_MAX <= FIELDS_MAX
        && INCREMENT_ENTRIES_MAX * ENTRY_FIELDS_MAX[1] + FRAME_FIELDS_MAX <= FIELDS_MAX,
    "and read by a client with the same codec"
);
