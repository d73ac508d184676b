//! Public trades of a venue.
//!
//! A line belongs here if it describes a trade between any two parties that a feed tells the core.
//! What the core keeps of trades is `traded`.

use crate::id::{InstrumentId, VenueId};
use crate::input::Side;
use crate::number::{Price, Qty};
use crate::wire::wire_struct;

/// A public trade. A feed may add up trades of one price and side that it reads at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublicTrade {
    /// The venue.
    pub venue: VenueId,
    /// The instrument.
    pub instrument: InstrumentId,
    /// Side of the order that rested: a buy if the trade took from the bids.
    pub rested: Side,
    /// Price, in the instrument's price units, above zero.
    pub price: Price,
    /// Quantity, above zero.
    pub qty: Qty,
}

wire_struct!(PublicTrade { venue, instrument, rested, price, qty });
