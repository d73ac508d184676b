//! Which instruments clients may ask about, and every limit of market data.
//!
//! A line belongs here if it comes from the operator and concerns market or reference data.

use rutter_core::id::{InstrumentId, Name, VenueId};
use rutter_core::number::{Price, Qty};
use rutter_core::reference::{INSTRUMENTS_MAX, VENUES_MAX};

/// An instrument at a venue. Only listings have a book.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListingTerms {
    /// The instrument.
    pub instrument: InstrumentId,
    /// The venue.
    pub venue: VenueId,
    /// Price step, in units of the instrument's price decimals.
    pub tick: Price,
    /// Quantity step, in units of the instrument's quantity decimals.
    pub lot: Qty,
    /// Smallest order, in units of the instrument's quantity decimals.
    pub qty_min: Qty,
    /// Largest order, in units of the instrument's quantity decimals.
    pub qty_max: Qty,
}

/// An instrument over all venues.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InstrumentTerms {
    /// The instrument.
    pub instrument: InstrumentId,
    /// Its quote asset: `Currency` (15).
    pub currency: Name,
    /// Largest order that a client may send; the router splits it over venues.
    pub order_qty_max: Qty,
}

/// Limits of market data. A stream is one instrument of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MarketLimits {
    /// Most streams of one session; a request beyond is refused.
    pub session_streams_max: usize,
    /// Most streams of all sessions together.
    pub streams_max: usize,
    /// Most instruments of one request.
    pub request_symbols_max: usize,
    /// Least time between two messages of one stream, in nanoseconds; 0 for none.
    pub update_interval_ns: u64,
    /// A client with more unread bytes than this gets no market data until it has read. The limit
    /// is below the one that gets a client cut off, so market data never gets a client cut off.
    pub backlog_bytes_max: usize,
}

impl Default for MarketLimits {
    fn default() -> Self {
        Self {
            session_streams_max: 256,
            streams_max: 8_192,
            request_symbols_max: 64,
            update_interval_ns: 0,
            backlog_bytes_max: 128 << 10,
        }
    }
}

/// Market data's configuration. It does not change while the gateway runs.
#[derive(Clone, Debug, Default)]
pub struct MarketConfig {
    /// Which instrument is traded at which venue.
    pub listings: Vec<ListingTerms>,
    /// The listed instruments.
    pub instruments: Vec<InstrumentTerms>,
    /// By venue: after how many nanoseconds of silence a feed is stale. A venue beyond the end of
    /// the list is never stale.
    pub stale_after_ns: Vec<u64>,
    /// Every limit.
    pub limits: MarketLimits,
}

/// Why a configuration is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MarketConfigError {
    /// A listing of an instrument that is not configured, or of a venue that has no name.
    #[error("listing of instrument {} at venue {}, one of which is unknown", .0.0, .1.0)]
    Unknown(InstrumentId, VenueId),
    /// An instrument is listed twice at one venue.
    #[error("instrument {} is listed twice at venue {}", .0.0, .1.0)]
    Twice(InstrumentId, VenueId),
    /// A step or a size is not above zero, or the smallest order is above the largest.
    #[error("listing of instrument {} at venue {} has impossible terms", .0.0, .1.0)]
    Terms(InstrumentId, VenueId),
    /// A limit is zero, or leaves no room for one message.
    #[error("limit {0} cannot be")]
    Limit(&'static str),
}

impl MarketConfig {
    /// Checks the configuration. `known` says whether an instrument and a venue are defined. A
    /// client with more than `output_bytes_max` unread bytes is cut off.
    ///
    /// # Errors
    /// [`MarketConfigError`], the first that is found.
    pub fn check(
        &self,
        known: impl Fn(InstrumentId, VenueId) -> bool,
        output_bytes_max: usize,
    ) -> Result<(), MarketConfigError> {
        let mut seen = std::collections::BTreeSet::new();
        for one in &self.listings {
            let (instrument, venue) = (one.instrument, one.venue);
            let in_range = instrument.index() < INSTRUMENTS_MAX && venue.index() < VENUES_MAX;
            if !in_range || !known(instrument, venue) {
                return Err(MarketConfigError::Unknown(instrument, venue));
            }
            if !seen.insert((instrument, venue)) {
                return Err(MarketConfigError::Twice(instrument, venue));
            }
            let least = [one.tick.0, one.lot.0, one.qty_min.0];
            if least.iter().any(|step| *step <= 0) || one.qty_min > one.qty_max {
                return Err(MarketConfigError::Terms(instrument, venue));
            }
        }
        let limits = &self.limits;
        // Above the limit the current message is still written, and so is one turn's batch for
        // other streams.
        let room = limits.backlog_bytes_max.saturating_add(rutter_fix::codec::MESSAGE_BYTES_MAX);
        for (bad, name) in [
            (limits.session_streams_max == 0, "session_streams_max"),
            (limits.streams_max == 0 || limits.streams_max > STREAMS_MAX, "streams_max"),
            (limits.request_symbols_max == 0, "request_symbols_max"),
            (limits.backlog_bytes_max == 0 || room > output_bytes_max / 2, "backlog_bytes_max"),
        ] {
            if bad {
                return Err(MarketConfigError::Limit(name));
            }
        }
        Ok(())
    }
}

/// Most streams that can be configured: each stream stores the levels that its client was sent
/// last.
pub const STREAMS_MAX: usize = 65_536;
