//! `SecurityList` (y): the instruments that can be traded, and their price and quantity steps. FIX
//! 4.2 has no such message.
//!
//! FIX 4.4 has fields only for the lot and the smallest order, so tick and largest order are
//! attributes of the instrument (871=99, text). FIX 5.0 SP2 has all four fields.
//!
//! A line belongs here if it reads a `SecurityListRequest` (x) or writes its answer.

use rutter_core::id::{InstrumentId, Name, VenueId};
use rutter_fix::codec::{Encoder, Message};
use rutter_fix::dictionary::Version;
use rutter_fix::tags;

use super::RequestId;
use crate::config::InstrumentConfig;
use crate::market::config::{InstrumentTerms, ListingTerms, MarketConfig};
use crate::market::fields::{SECURITY_EXCHANGE, SUBSCRIPTION_REQUEST_TYPE};
use crate::market::request::{RequestFault, echo};
use crate::number::DecimalText;
use crate::terms::Terms;

/// `SecurityListRequest`.
pub const LIST_REQUEST: &[u8] = b"x";
/// `SecurityList`.
pub const LIST: &[u8] = b"y";

/// Instruments in one message. A longer list takes several messages, the last of which has 893=Y.
pub const LIST_ENTRIES_PER_MESSAGE: usize = 50;

/// `Currency`.
const CURRENCY: u32 = 15;
/// `SecurityReqID`.
const SECURITY_REQ_ID: u32 = 320;
/// `SecurityResponseID`.
const SECURITY_RESPONSE_ID: u32 = 322;
/// `TotNoRelatedSym`.
const TOT_NO_RELATED_SYM: u32 = 393;
/// `SecurityListRequestType`.
const SECURITY_LIST_REQUEST_TYPE: u32 = 559;
/// `SecurityRequestResult`.
const SECURITY_REQUEST_RESULT: u32 = 560;
/// `RoundLot`.
const ROUND_LOT: u32 = 561;
/// `MinTradeVol`.
const MIN_TRADE_VOL: u32 = 562;
/// `NoInstrAttrib`.
const NO_INSTR_ATTRIB: u32 = 870;
/// `InstrAttribType`; 99 is text.
const INSTR_ATTRIB_TYPE: u32 = 871;
/// `InstrAttribValue`.
const INSTR_ATTRIB_VALUE: u32 = 872;
/// `MinPriceIncrement`.
const MIN_PRICE_INCREMENT: u32 = 969;
/// `MaxTradeVol`.
const MAX_TRADE_VOL: u32 = 1140;

/// `SecurityRequestResult` (560).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum ListResult {
    /// The list follows.
    Valid = 0,
    /// 559 or 263 asks for something that is not supported.
    Unsupported = 1,
    /// No instrument matches.
    NotFound = 2,
    /// The client has not read its earlier messages.
    Unavailable = 4,
}

/// A request that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListRequest {
    /// `SecurityReqID` (320).
    pub id: RequestId,
    /// One instrument, or all of them.
    pub instrument: Option<InstrumentId>,
    /// The terms of one venue, or over all venues.
    pub venue: Option<VenueId>,
    /// Whether the list can be sent.
    pub result: ListResult,
}

/// The listed instruments and their terms.
#[derive(Debug)]
pub struct SecurityList {
    /// Sorted by instrument, then venue.
    listings: Vec<ListingTerms>,
    /// Sorted by instrument.
    instruments: Vec<InstrumentTerms>,
    venues: Vec<Name>,
}

impl SecurityList {
    /// The list of a checked configuration. `venues` are names by id.
    pub fn new(config: &MarketConfig, venues: Vec<Name>) -> Self {
        let (mut listings, mut instruments) = (config.listings.clone(), config.instruments.clone());
        listings.sort_unstable_by_key(|one| (one.instrument, one.venue));
        instruments.sort_unstable_by_key(|one| one.instrument);
        Self { listings, instruments, venues }
    }

    /// Reads a 35=x.
    ///
    /// # Errors
    /// [`RequestFault`].
    pub fn read(&self, message: &Message<'_>, terms: &Terms) -> Result<ListRequest, RequestFault> {
        let id: RequestId = echo(message, SECURITY_REQ_ID)?;
        let kind = message.get(SECURITY_LIST_REQUEST_TYPE);
        let kind = kind.ok_or(RequestFault::missing(SECURITY_LIST_REQUEST_TYPE))?;
        let mut asked =
            ListRequest { id, instrument: None, venue: None, result: ListResult::Unsupported };
        if message.get(SUBSCRIPTION_REQUEST_TYPE).is_some_and(|kind| kind != b"0") {
            return Ok(asked);
        }
        match kind {
            b"4" => {}
            b"0" => {
                let symbol =
                    message.get(tags::SYMBOL).ok_or(RequestFault::missing(tags::SYMBOL))?;
                asked.result = ListResult::NotFound;
                let Some(instrument) = terms.by_symbol(symbol) else { return Ok(asked) };
                asked.instrument = Some(instrument.id);
            }
            _ => return Ok(asked),
        }
        asked.result = ListResult::NotFound;
        if let Some(name) = message.get(SECURITY_EXCHANGE) {
            let Some(venue) = terms.venue_named(name) else { return Ok(asked) };
            asked.venue = Some(venue);
        }
        if self.rows(&asked, terms).next().is_some() {
            asked.result = ListResult::Valid;
        }
        Ok(asked)
    }

    /// The rows of an answer, one for each instrument.
    fn rows<'a>(
        &'a self,
        asked: &'a ListRequest,
        terms: &'a Terms,
    ) -> impl Iterator<Item = (&'a InstrumentConfig, ListingTerms)> + 'a {
        let of_one = self.listings.chunk_by(|a, b| a.instrument == b.instrument);
        of_one.filter_map(move |listings| {
            let id = listings.first()?.instrument;
            if asked.instrument.is_some_and(|wanted| wanted != id) {
                return None;
            }
            let here = |one: &&ListingTerms| asked.venue.is_none_or(|venue| venue == one.venue);
            let mut row = listings.iter().filter(here).copied().reduce(together)?;
            if let Some(over_all) = self.over_all(id).filter(|_| asked.venue.is_none()) {
                row.qty_max = over_all.order_qty_max;
            }
            Some((terms.instrument(id)?, row))
        })
    }

    fn over_all(&self, instrument: InstrumentId) -> Option<&InstrumentTerms> {
        let at = self.instruments.binary_search_by_key(&instrument, |one| one.instrument).ok()?;
        self.instruments.get(at)
    }

    /// How many messages the answer has, at least one.
    pub fn messages(&self, asked: &ListRequest, terms: &Terms) -> usize {
        match asked.result {
            ListResult::Valid => self.rows(asked, terms).count().div_ceil(LIST_ENTRIES_PER_MESSAGE),
            ListResult::Unsupported | ListResult::NotFound | ListResult::Unavailable => 1,
        }
    }

    /// Writes the fields of the answer's message `number`, counted from 0, to the client's message
    /// `seq`.
    pub fn write(
        &self,
        out: &mut Encoder<'_>,
        asked: &ListRequest,
        (number, seq): (usize, u64),
        terms: &Terms,
        version: Version,
    ) {
        out.field(SECURITY_REQ_ID, asked.id.as_bytes());
        out.uint(SECURITY_RESPONSE_ID, seq).uint(SECURITY_REQUEST_RESULT, asked.result as u64);
        if asked.result != ListResult::Valid {
            return;
        }
        let total = self.rows(asked, terms).count();
        let from = number * LIST_ENTRIES_PER_MESSAGE;
        let count = total.saturating_sub(from).min(LIST_ENTRIES_PER_MESSAGE);
        out.uint(TOT_NO_RELATED_SYM, total as u64);
        out.bool(tags::LAST_FRAGMENT, from + count >= total);
        out.uint(tags::NO_RELATED_SYM, count as u64);
        for (instrument, row) in self.rows(asked, terms).skip(from).take(count) {
            self.write_row(out, asked, instrument, &row, version);
        }
    }

    fn write_row(
        &self,
        out: &mut Encoder<'_>,
        asked: &ListRequest,
        instrument: &InstrumentConfig,
        row: &ListingTerms,
        version: Version,
    ) {
        let (price, qty) = (instrument.price_decimals, instrument.qty_decimals);
        out.field(tags::SYMBOL, instrument.symbol.as_bytes());
        if let Some(venue) = asked.venue.and_then(|venue| self.venues.get(venue.index())) {
            out.field(SECURITY_EXCHANGE, venue.as_bytes());
        }
        if version == Version::Fix50Sp2 {
            out.decimal(MIN_PRICE_INCREMENT, row.tick.0, price);
        } else {
            out.uint(NO_INSTR_ATTRIB, 2);
            for (name, value, scale) in
                [("MinPriceIncrement=", row.tick.0, price), ("MaxTradeVol=", row.qty_max.0, qty)]
            {
                let digits = DecimalText::new(i128::from(value), scale, scale);
                out.uint(INSTR_ATTRIB_TYPE, 99);
                write_attribute(out, name, digits.as_bytes());
            }
        }
        let currency = self.over_all(row.instrument).map(|over_all| over_all.currency);
        // A group has its own order in each version.
        if version == Version::Fix50Sp2 {
            out.decimal(MIN_TRADE_VOL, row.qty_min.0, qty);
            out.decimal(MAX_TRADE_VOL, row.qty_max.0, qty).decimal(ROUND_LOT, row.lot.0, qty);
            write_currency(out, currency.as_ref());
        } else {
            write_currency(out, currency.as_ref());
            out.decimal(ROUND_LOT, row.lot.0, qty).decimal(MIN_TRADE_VOL, row.qty_min.0, qty);
        }
    }
}

/// Longest attribute, in bytes: the longest name and a number.
const ATTRIBUTE_BYTES_MAX: usize = 18 + 48;

fn write_currency(out: &mut Encoder<'_>, currency: Option<&Name>) {
    if let Some(currency) = currency {
        out.field(CURRENCY, currency.as_bytes());
    }
}

fn write_attribute(out: &mut Encoder<'_>, name: &str, value: &[u8]) {
    let mut text = [0; ATTRIBUTE_BYTES_MAX];
    let mut length = 0;
    for (place, byte) in text.iter_mut().zip(name.as_bytes().iter().chain(value)) {
        *place = *byte;
        length += 1;
    }
    out.field(INSTR_ATTRIB_VALUE, text.get(..length).unwrap_or(b"?"));
}

/// The terms that an order to either venue may have: the finer steps, the wider sizes.
fn together(a: ListingTerms, b: ListingTerms) -> ListingTerms {
    ListingTerms {
        tick: a.tick.min(b.tick),
        lot: a.lot.min(b.lot),
        qty_min: a.qty_min.min(b.qty_min),
        qty_max: a.qty_max.max(b.qty_max),
        ..a
    }
}
