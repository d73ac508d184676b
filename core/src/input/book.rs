//! Changes of a venue's order book.
//!
//! A line belongs here if it describes what a feed tells the core. The feed has proved the sequence
//! of the changes; applying them is `book`.

use crate::id::{InstrumentId, VenueId};
use crate::input::Side;
use crate::number::{Price, Qty};
use crate::wire::{Reader, Wire, WireError, Writer, wire_enum, wire_struct};

/// Level changes that one [`BookUpdate`] carries at most; longer changes take several.
pub const LEVELS_PER_UPDATE: usize = 8;

/// One level of a book.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Level {
    /// Price, in the instrument's price units.
    pub price: Price,
    /// Quantity that rests at the price; zero removes the level.
    pub qty: Qty,
}

wire_struct!(Level { price, qty });

/// Changed levels of one book, as absolute quantities. The feed has proved the sequence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BookUpdate {
    /// The venue.
    pub venue: VenueId,
    /// The instrument.
    pub instrument: InstrumentId,
    /// True at the start of a snapshot: remove all levels first. The book is trusted once the
    /// snapshot is complete.
    pub clear: bool,
    /// True if the change is complete. Until then the book is not used.
    pub last: bool,
    /// Bit i set: level i is an ask.
    pub asks: u8,
    /// Number of levels in use.
    pub len: u8,
    /// The changed levels, of which the first `len` are in use.
    pub levels: [Level; LEVELS_PER_UPDATE],
}

impl BookUpdate {
    /// The changes: side of the book (`Sell` is an ask) and level.
    pub fn changes(&self) -> impl Iterator<Item = (Side, Level)> + '_ {
        let used = usize::from(self.len).min(LEVELS_PER_UPDATE);
        self.levels[..used].iter().enumerate().map(|(i, level)| {
            let side = if self.asks >> i & 1 == 1 { Side::Sell } else { Side::Buy };
            (side, *level)
        })
    }

    /// Adds a change; false when there is no room.
    pub fn push(&mut self, side: Side, level: Level) -> bool {
        let at = usize::from(self.len);
        if at >= LEVELS_PER_UPDATE {
            return false;
        }
        self.levels[at] = level;
        if side == Side::Sell {
            self.asks |= 1 << at;
        }
        self.len += 1;
        true
    }
}

impl Wire for BookUpdate {
    #[inline]
    fn put(&self, w: &mut Writer<'_>) {
        self.venue.put(w);
        self.instrument.put(w);
        (u8::from(self.clear) | u8::from(self.last) << 1).put(w);
        self.asks.put(w);
        self.len.put(w);
        let used = usize::from(self.len).min(LEVELS_PER_UPDATE);
        self.levels[..used].iter().for_each(|level| level.put(w));
    }

    #[inline]
    fn get(r: &mut Reader<'_>) -> Result<Self, WireError> {
        let mut update =
            Self { venue: Wire::get(r)?, instrument: Wire::get(r)?, ..Self::default() };
        let flags = u8::get(r)?;
        update.clear = flags & 1 != 0;
        update.last = flags & 2 != 0;
        update.asks = Wire::get(r)?;
        update.len = Wire::get(r)?;
        if flags > 3 || usize::from(update.len) > LEVELS_PER_UPDATE {
            return Err(WireError::Value);
        }
        for level in &mut update.levels[..usize::from(update.len)] {
            *level = Wire::get(r)?;
        }
        Ok(update)
    }
}

/// Why a book is not trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Distrust {
    /// No snapshot has come yet.
    NoSnapshot = 1,
    /// A sequence number is missing.
    Gap = 2,
    /// The venue's checksum differs from the book's.
    Checksum = 3,
    /// The feed is disconnected.
    Disconnected = 4,
    /// The feed broke its protocol.
    Protocol = 5,
    /// The book's mid price lies too far from the reference price. The core finds this itself.
    Outlier = 6,
}
wire_enum!(Distrust { NoSnapshot, Gap, Checksum, Disconnected, Protocol, Outlier });
