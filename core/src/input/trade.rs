//! Public trades of a venue.
//!
//! A line belongs here if it describes a trade between any two parties that a feed tells the core.
//! What the core keeps of trades is `traded`.

use crate::id::{InstrumentId, VenueId};
use crate::input::Side;
use crate::number::{Price, Qty, UnixNanos};
use crate::wire::wire_struct;

/// A public trade, or several of one price and taker side that the feed has added up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublicTrade {
    /// The venue.
    pub venue: VenueId,
    /// The instrument.
    pub instrument: InstrumentId,
    /// Side of the order that took, so a sell took from the bids. `None`: the venue does not say.
    pub taker: Option<Side>,
    /// Price, in the instrument's price units, above zero.
    pub price: Price,
    /// Quantity, above zero.
    pub qty: Qty,
    /// The venue's number of the trade, within the instrument; of several the last one.
    pub id: u64,
    /// Number of the venue's trades in this one, at least one.
    pub count: u32,
    /// When the venue says that the trade was; of several the last one.
    pub time: UnixNanos,
    /// The trade was missing on the stream, and has been asked for.
    pub late: bool,
}

wire_struct!(PublicTrade { venue, instrument, taker, price, qty, id, count, time, late });
