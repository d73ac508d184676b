//! Reads a `MarketDataRequest` (V).
//!
//! Three answers to a request that cannot be served. A required field is missing or malformed:
//! Reject (35=3). A conditionally required field is missing: `BusinessMessageReject` (35=j). The
//! request asks for something that does not exist: `MarketDataRequestReject` (35=Y, [`MdRefusal`]).
//!
//! A line belongs here if it needs the message alone. Listings, and the other subscriptions of a
//! session, are `streams`.

use rutter_core::input::Side;
use rutter_core::number::Text;
use rutter_fix::codec::{Fields, Message, parse_u64};
use rutter_fix::dictionary::Version;
use rutter_fix::session::{BusinessRejectReason, SessionRejectReason};
use rutter_fix::tags;

use super::fields;
use super::{DEPTH_MAX, MdReqId};
use crate::reference::SESSION_ID;

/// Why a request is refused: `MDReqRejReason` (281) and `Text` (58).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum MdRefusal {
    /// The instrument is not known, or is not listed at the requested venue.
    UnknownSymbol,
    /// The request id belongs to an active subscription, or an instrument is named twice.
    Duplicate,
    /// More streams than one session, or all sessions together, may have.
    TooManyStreams,
    /// More instruments than one request may have.
    TooManySymbols,
    /// `SubscriptionRequestType` (263) is none of 0, 1, 2.
    SubscriptionType,
    /// `MarketDepth` (264) is negative, or above the most levels that are shown.
    Depth,
    /// `MDUpdateType` (265) is neither 0 nor 1, or is 0 for trades, which are sent one by one.
    UpdateType,
    /// `MDEntryType` (269) is none of 0 (bid), 1 (offer), 2 (trade).
    EntryType,
    /// `TradingSessionID` (336) is not ours.
    TradingSession,
    /// `Scope` (546) is present: there is only one scope.
    Scope,
    /// `OpenCloseSettlFlag` (286) is present: it is about prices that are not sent here.
    OpenClose,
    /// `MDImplicitDelete` (547) is Y: every deletion is sent.
    ImplicitDelete,
    /// `ApplQueueMax` (812) or `ApplQueueAction` (815) is present: updates are conflated, not
    /// queued.
    Queue,
    /// The request ends a subscription that does not exist.
    UnknownRequest,
}

impl MdRefusal {
    /// `MDReqRejReason` (281), where the version has one: FIX 4.2 ends with 8.
    pub const fn code(self, version: Version) -> Option<u8> {
        match self {
            Self::TradingSession | Self::Scope | Self::OpenClose | Self::ImplicitDelete
                if matches!(version, Version::Fix42) =>
            {
                None
            }
            Self::UnknownSymbol => Some(b'0'),
            Self::Duplicate => Some(b'1'),
            Self::TooManyStreams | Self::TooManySymbols => Some(b'2'),
            Self::SubscriptionType => Some(b'4'),
            Self::Depth => Some(b'5'),
            Self::UpdateType => Some(b'6'),
            Self::EntryType => Some(b'8'),
            Self::TradingSession => Some(b'9'),
            Self::Scope => Some(b'A'),
            Self::OpenClose => Some(b'B'),
            Self::ImplicitDelete => Some(b'C'),
            Self::Queue | Self::UnknownRequest => None,
        }
    }

    /// `Text` (58).
    pub const fn text(self) -> &'static str {
        match self {
            Self::UnknownSymbol => "UnknownSymbol",
            Self::Duplicate => "Duplicate",
            Self::TooManyStreams => "TooManyStreams",
            Self::TooManySymbols => "TooManySymbols",
            Self::SubscriptionType => "UnsupportedSubscriptionRequestType",
            Self::Depth => "UnsupportedMarketDepth",
            Self::UpdateType => "UnsupportedMDUpdateType",
            Self::EntryType => "UnsupportedMDEntryType",
            Self::TradingSession => "UnsupportedTradingSessionID",
            Self::Scope => "UnsupportedScope",
            Self::OpenClose => "UnsupportedOpenCloseSettlFlag",
            Self::ImplicitDelete => "UnsupportedMDImplicitDelete",
            Self::Queue => "UnsupportedApplQueue",
            Self::UnknownRequest => "UnknownMDReqID",
        }
    }

    /// All refusals, for tables and tests.
    pub const ALL: [Self; 14] = [
        Self::UnknownSymbol,
        Self::Duplicate,
        Self::TooManyStreams,
        Self::TooManySymbols,
        Self::SubscriptionType,
        Self::Depth,
        Self::UpdateType,
        Self::EntryType,
        Self::TradingSession,
        Self::Scope,
        Self::OpenClose,
        Self::ImplicitDelete,
        Self::Queue,
        Self::UnknownRequest,
    ];
}

/// Why a message cannot be served, and its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestFault {
    /// A Reject (35=3).
    Session {
        /// `SessionRejectReason` (373).
        reason: SessionRejectReason,
        /// The field at fault.
        tag: u32,
    },
    /// A `BusinessMessageReject` (35=j).
    Business(BusinessRejectReason),
    /// A `MarketDataRequestReject` (35=Y) to the request with this id.
    Refused(MdReqId, MdRefusal),
}

impl RequestFault {
    /// The field is missing.
    pub const fn missing(tag: u32) -> Self {
        Self::Session { reason: SessionRejectReason::RequiredTagMissing, tag }
    }

    /// The field has the wrong format.
    pub const fn format(tag: u32) -> Self {
        Self::Session { reason: SessionRejectReason::IncorrectDataFormat, tag }
    }

    /// The field has a value that is not allowed.
    pub const fn range(tag: u32) -> Self {
        Self::Session { reason: SessionRejectReason::ValueOutOfRange, tag }
    }
}

/// How a stream goes on after its first image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Update {
    /// It ends: one image only (263=0).
    Once,
    /// Each change is sent as a whole image (265=0).
    Full,
    /// Each change is sent as the entries that differ (265=1).
    Incremental,
}

/// What is shown of each instrument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EntrySelection {
    /// How the stream goes on.
    pub update: Update,
    /// Price levels a side.
    pub depth: u8,
    /// One entry for each price, summed over venues (266=Y).
    pub aggregated: bool,
    /// Bids are shown, and offers.
    pub sides: [bool; 2],
    /// Trades are shown.
    pub trades: bool,
}

impl EntrySelection {
    /// Whether a side is shown (`Sell` is an offer).
    pub const fn side(&self, side: Side) -> bool {
        match side {
            Side::Buy => self.sides[0],
            Side::Sell => self.sides[1],
        }
    }
}

/// What a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MarketRequest {
    /// Show instruments.
    Show(EntrySelection),
    /// End the subscription (263=2).
    End,
}

/// A client's text that the answer repeats.
///
/// # Errors
/// [`RequestFault::Session`]: the field is missing, longer than `N` bytes, or not printable.
pub fn echo<const N: usize>(message: &Message<'_>, tag: u32) -> Result<Text<N>, RequestFault> {
    let text = message.get(tag).ok_or(RequestFault::missing(tag))?;
    Text::new(text).filter(|text| !text.is_empty()).ok_or(RequestFault::range(tag))
}

/// Parses a `MarketDataRequest` (V): its id and contents. [`symbols`] has the instruments.
///
/// # Errors
/// [`RequestFault`], the first that is found.
pub fn read(message: &Message<'_>) -> Result<(MdReqId, MarketRequest), RequestFault> {
    let id: MdReqId = echo(message, tags::MD_REQ_ID)?;
    let refused = |refusal| Err(RequestFault::Refused(id, refusal));
    let kind_tag = fields::SUBSCRIPTION_REQUEST_TYPE;
    let kind = message.get(kind_tag).ok_or(RequestFault::missing(kind_tag))?;
    match kind {
        b"2" => return Ok((id, MarketRequest::End)),
        b"0" | b"1" => {}
        [_] => return refused(MdRefusal::SubscriptionType),
        _ => return Err(RequestFault::format(kind_tag)),
    }
    let depth = depth(message, id)?;
    let (sides, trades) = entry_types(message, id)?;
    let update = match message.get(fields::MD_UPDATE_TYPE) {
        Some(b"0" | b"1") | None if kind == b"0" => Update::Once,
        Some(b"0") => Update::Full,
        Some(b"1") => Update::Incremental,
        Some(other) if parse_u64(other).is_some() => return refused(MdRefusal::UpdateType),
        Some(_) => return Err(RequestFault::format(fields::MD_UPDATE_TYPE)),
        None => {
            let reason = BusinessRejectReason::ConditionallyRequiredFieldMissing;
            return Err(RequestFault::Business(reason));
        }
    };
    if trades && update == Update::Full {
        return refused(MdRefusal::UpdateType);
    }
    let aggregated = flag(message, fields::AGGREGATED_BOOK)?;
    if let Some(refusal) = unsupported(message)? {
        return refused(refusal);
    }
    Ok((id, MarketRequest::Show(EntrySelection { update, depth, aggregated, sides, trades })))
}

fn depth(message: &Message<'_>, id: MdReqId) -> Result<u8, RequestFault> {
    let tag = fields::MARKET_DEPTH;
    let text = message.get(tag).ok_or(RequestFault::missing(tag))?;
    match message.int(tag) {
        Ok(Some(0)) => Ok(DEPTH_MAX as u8),
        Ok(Some(depth)) => match u8::try_from(depth) {
            Ok(depth) if usize::from(depth) <= DEPTH_MAX => Ok(depth),
            Ok(_) | Err(_) => Err(RequestFault::Refused(id, MdRefusal::Depth)),
        },
        // A number beyond any integer is a depth that is not supported.
        _ if text.iter().all(u8::is_ascii_digit) => {
            Err(RequestFault::Refused(id, MdRefusal::Depth))
        }
        _ => Err(RequestFault::format(tag)),
    }
}

/// Whether bids and offers are asked for, and whether trades are.
fn entry_types(message: &Message<'_>, id: MdReqId) -> Result<([bool; 2], bool), RequestFault> {
    let count = count(message, fields::NO_MD_ENTRY_TYPES)?;
    let (mut sides, mut trades, mut found) = ([false; 2], false, 0);
    for (_, value) in message.fields().filter(|(tag, _)| *tag == tags::MD_ENTRY_TYPE) {
        found += 1;
        match value {
            b"0" => sides[0] = true,
            b"1" => sides[1] = true,
            b"2" => trades = true,
            _ => return Err(RequestFault::Refused(id, MdRefusal::EntryType)),
        }
    }
    if found != count || found == 0 {
        let reason = SessionRejectReason::GroupCount;
        return Err(RequestFault::Session { reason, tag: fields::NO_MD_ENTRY_TYPES });
    }
    Ok((sides, trades))
}

fn count(message: &Message<'_>, tag: u32) -> Result<u64, RequestFault> {
    parse_u64(message.get(tag).ok_or(RequestFault::missing(tag))?).ok_or(RequestFault::format(tag))
}

fn flag(message: &Message<'_>, tag: u32) -> Result<bool, RequestFault> {
    Ok(message.bool(tag).map_err(|_| RequestFault::format(tag))?.unwrap_or(false))
}

/// Fields that a request must not have, because they would have to be obeyed.
fn unsupported(message: &Message<'_>) -> Result<Option<MdRefusal>, RequestFault> {
    if flag(message, fields::MD_IMPLICIT_DELETE)? {
        return Ok(Some(MdRefusal::ImplicitDelete));
    }
    Ok(message.fields().find_map(|(tag, value)| match tag {
        fields::OPEN_CLOSE_SETTL_FLAG => Some(MdRefusal::OpenClose),
        fields::SCOPE => Some(MdRefusal::Scope),
        fields::APPL_QUEUE_MAX | fields::APPL_QUEUE_ACTION => Some(MdRefusal::Queue),
        fields::TRADING_SESSION_ID if value != SESSION_ID => Some(MdRefusal::TradingSession),
        _ => None,
    }))
}

/// An instrument of a request: `Symbol` (55), and `SecurityExchange` (207) if one venue is
/// requested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestedSymbol<'a> {
    /// `Symbol` (55).
    pub symbol: &'a [u8],
    /// `SecurityExchange` (207).
    pub exchange: Option<&'a [u8]>,
}

/// The instruments of a request, in order. Other fields of an entry are not needed.
#[derive(Clone, Debug)]
pub struct Symbols<'a>(core::iter::Peekable<Fields<'a>>);

impl<'a> Iterator for Symbols<'a> {
    type Item = RequestedSymbol<'a>;

    fn next(&mut self) -> Option<RequestedSymbol<'a>> {
        let symbol = self.0.find(|(tag, _)| *tag == tags::SYMBOL)?.1;
        let mut exchange = None;
        while let Some((tag, value)) = self.0.next_if(|(tag, _)| *tag != tags::SYMBOL) {
            if tag == fields::SECURITY_EXCHANGE {
                exchange.get_or_insert(value);
            }
        }
        Some(RequestedSymbol { symbol, exchange })
    }
}

/// The instruments of a request, as many as `NoRelatedSym` (146) counts; at least one.
///
/// # Errors
/// [`RequestFault::Session`].
pub fn symbols<'a>(message: &Message<'a>) -> Result<Symbols<'a>, RequestFault> {
    let tag = tags::NO_RELATED_SYM;
    let count = count(message, tag)?;
    let mut fields = message.fields();
    // Fields before the group do not belong to it.
    fields.find(|(found, _)| *found == tag);
    let symbols = Symbols(fields.peekable());
    if count == 0 || symbols.clone().count() as u64 != count {
        return Err(RequestFault::Session { reason: SessionRejectReason::GroupCount, tag });
    }
    Ok(symbols)
}
