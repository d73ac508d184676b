//! Market data messages as fields: W, X and Y, for each version of FIX.
//!
//! A line belongs here if it writes the fields of one message. Header and sequence numbers are the
//! session's.
//!
//! The versions differ little. An empty book is a W without entries (268=0); in 5.0 SP2 it is a W
//! with the one entry `Empty book` (269=J). Only 5.0 SP2 has `MDBookType` (1021).

use rutter_core::id::Name;
use rutter_core::input::{PublicTrade, Side};
use rutter_fix::codec::{Encoder, TimePrecision};
use rutter_fix::dictionary::Version;
use rutter_fix::tags;

use super::fields;
use super::ladder::{ALL_VENUES, Action, Change, Entry, Ladder};
use super::request::MdRefusal;
use super::{DEPTH_MAX, MdReqId};
use crate::config::InstrumentConfig;

/// `MDEntryType` (269): J, an empty book.
const EMPTY_BOOK: u8 = b'J';

/// `MDBookType` (1021): 1, top of the book.
const TOP_OF_BOOK: u64 = 1;
/// `MDBookType` (1021): 2, price depth.
const PRICE_DEPTH: u64 = 2;

/// The fields that all messages of one stream have.
#[derive(Clone, Copy, Debug)]
pub struct StreamHeader<'a> {
    /// `MDReqID` (262).
    pub id: &'a MdReqId,
    /// `Symbol` (55), and the decimals of all numbers.
    pub instrument: &'a InstrumentConfig,
    /// `SecurityExchange` (207): the requested venue.
    pub exchange: Option<&'a Name>,
    /// `MarketDepth` (264).
    pub depth: u8,
    /// Venue names by id: `MDMkt` (275).
    pub venues: &'a [Name],
}

impl StreamHeader<'_> {
    fn write_book_type(&self, out: &mut Encoder<'_>, version: Version) {
        if version == Version::Fix50Sp2 {
            let kind = if self.depth == 1 { TOP_OF_BOOK } else { PRICE_DEPTH };
            debug_assert!(usize::from(self.depth) <= DEPTH_MAX, "as it was read");
            out.uint(fields::MD_BOOK_TYPE, kind);
        }
    }

    fn write_instrument(&self, out: &mut Encoder<'_>) {
        out.field(tags::SYMBOL, self.instrument.symbol.as_bytes());
        if let Some(exchange) = self.exchange {
            out.field(fields::SECURITY_EXCHANGE, exchange.as_bytes());
        }
    }

    /// Writes a trade from its price on.
    fn write_trade(&self, out: &mut Encoder<'_>, trade: &PublicTrade, version: Version) {
        let (price, qty) = (self.instrument.price_decimals, self.instrument.qty_decimals);
        out.decimal(tags::MD_ENTRY_PX, trade.price.0, price);
        out.decimal(tags::MD_ENTRY_SIZE, trade.qty.0, qty);
        let tags = [fields::MD_ENTRY_DATE, fields::MD_ENTRY_TIME];
        out.date_and_time(tags, trade.time.0, TimePrecision::Millis);
        if let Some(venue) = self.venues.get(trade.venue.index()) {
            out.field(fields::MD_MKT, venue.as_bytes());
        }
        if version == Version::Fix50Sp2 {
            out.uint(fields::TRADE_ID, trade.id);
        }
        if let Some(taker) = trade.taker {
            out.char(fields::AGGRESSOR_SIDE, if taker == Side::Buy { b'1' } else { b'2' });
        }
    }

    /// Writes price, quantity and venue; a deletion has no quantity.
    fn write_entry(&self, out: &mut Encoder<'_>, entry: &Entry, with_size: bool) {
        let (price, qty) = (self.instrument.price_decimals, self.instrument.qty_decimals);
        out.decimal(tags::MD_ENTRY_PX, entry.price.0, price);
        if with_size {
            out.decimal(tags::MD_ENTRY_SIZE, entry.qty.0, qty);
        }
        if entry.venue != ALL_VENUES
            && let Some(venue) = self.venues.get(usize::from(entry.venue))
        {
            out.field(fields::MD_MKT, venue.as_bytes());
        }
    }
}

/// `MDEntryType` (269): 2, a trade.
const TRADE: u8 = b'2';

const fn entry_type(side: Side) -> u8 {
    match side {
        Side::Buy => b'0',
        Side::Sell => b'1',
    }
}

/// Writes the fields of a W: the book, and the last trade if it is to be shown.
pub fn write_snapshot(
    out: &mut Encoder<'_>,
    heading: &StreamHeader<'_>,
    ladders: &[Ladder; 2],
    last_trade: Option<&PublicTrade>,
    version: Version,
) {
    heading.write_book_type(out, version);
    out.field(tags::MD_REQ_ID, heading.id.as_bytes());
    heading.write_instrument(out);
    let levels: usize = ladders.iter().map(|ladder| ladder.entries().len()).sum();
    let count = levels + usize::from(last_trade.is_some());
    if count == 0 && version == Version::Fix50Sp2 {
        out.uint(tags::NO_MD_ENTRIES, 1).char(tags::MD_ENTRY_TYPE, EMPTY_BOOK);
        return;
    }
    out.uint(tags::NO_MD_ENTRIES, count as u64);
    for ladder in ladders {
        for entry in ladder.entries() {
            out.char(tags::MD_ENTRY_TYPE, entry_type(ladder.side()));
            heading.write_entry(out, entry, true);
        }
    }
    if let Some(trade) = last_trade {
        out.char(tags::MD_ENTRY_TYPE, TRADE);
        heading.write_trade(out, trade, version);
    }
}

/// Writes the fields of an X with trades.
pub fn write_trades(
    out: &mut Encoder<'_>,
    heading: &StreamHeader<'_>,
    trades: &[PublicTrade],
    version: Version,
) {
    heading.write_book_type(out, version);
    out.field(tags::MD_REQ_ID, heading.id.as_bytes());
    out.uint(tags::NO_MD_ENTRIES, trades.len() as u64);
    for trade in trades {
        out.char(fields::MD_UPDATE_ACTION, Action::New as u8);
        out.char(tags::MD_ENTRY_TYPE, TRADE);
        if version != Version::Fix50Sp2 {
            out.uint(fields::MD_ENTRY_ID, trade.id);
        }
        heading.write_instrument(out);
        heading.write_trade(out, trade, version);
    }
}

/// Writes the fields of an X with changes of books.
pub fn write_increment(
    out: &mut Encoder<'_>,
    heading: &StreamHeader<'_>,
    changes: &[Change],
    version: Version,
) {
    heading.write_book_type(out, version);
    out.field(tags::MD_REQ_ID, heading.id.as_bytes());
    out.uint(tags::NO_MD_ENTRIES, changes.len() as u64);
    for change in changes {
        let action = change.action as u8;
        out.char(fields::MD_UPDATE_ACTION, action);
        out.char(tags::MD_ENTRY_TYPE, entry_type(change.side));
        heading.write_instrument(out);
        heading.write_entry(out, &change.entry, action != b'2');
    }
}

/// Writes the fields of a Y.
pub fn write_reject(out: &mut Encoder<'_>, id: &MdReqId, refusal: MdRefusal, version: Version) {
    out.field(tags::MD_REQ_ID, id.as_bytes());
    if let Some(code) = refusal.code(version) {
        out.char(fields::MD_REQ_REJ_REASON, code);
    }
    out.text(tags::TEXT, refusal.text());
}
