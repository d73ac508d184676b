//! What a `MarketDataRequest` (V) asks for.
//!
//! Three kinds of "no": a field that must be there is missing or malformed (Reject, 35=3); one
//! that its other fields make necessary is missing (`BusinessMessageReject`, 35=j); it is well
//! formed and asks for what is not to be had (`MarketDataRequestReject`, 35=Y, [`MdRefusal`]).
//!
//! A line belongs here if it needs the message alone. What is listed, and what else a session has
//! subscribed, is `streams`.

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
    /// No such instrument, or it is not listed at the venue that is named.
    UnknownSymbol,
    /// The id is that of a subscription which is on, or an instrument is named twice.
    Duplicate,
    /// More streams than a session, or all sessions together, may have.
    TooManyStreams,
    /// More instruments than one request may have.
    TooManySymbols,
    /// `SubscriptionRequestType` (263) is none of 0, 1, 2.
    SubscriptionType,
    /// `MarketDepth` (264) is more than there is to show.
    Depth,
    /// `MDUpdateType` (265) is neither 0 nor 1.
    UpdateType,
    /// `MDEntryType` (269) is neither 0 (bid) nor 1 (offer).
    EntryType,
    /// `TradingSessionID` (336) is not ours.
    TradingSession,
    /// Scope (546) is not a choice here.
    Scope,
    /// `OpenCloseSettlFlag` (286) is about prices that are not told here.
    OpenClose,
    /// `MDImplicitDelete` (547) is Y: every deletion is told here.
    ImplicitDelete,
    /// `ApplQueueMax` (812) or `ApplQueueAction` (815): nothing is queued here, it is conflated.
    Queue,
    /// The end of a subscription that there is not.
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

    /// All of them, for tables and tests.
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

/// Why a message cannot be acted upon, and which answer it gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A Reject (35=3).
    Session {
        /// Why.
        reason: SessionRejectReason,
        /// The field.
        tag: u32,
    },
    /// A `BusinessMessageReject` (35=j).
    Business(BusinessRejectReason),
    /// A `MarketDataRequestReject` (35=Y) to this request.
    Refused(MdReqId, MdRefusal),
}

impl Fault {
    /// The field is not there.
    pub const fn missing(tag: u32) -> Self {
        Self::Session { reason: SessionRejectReason::RequiredTagMissing, tag }
    }

    /// The field is not of its format.
    pub const fn format(tag: u32) -> Self {
        Self::Session { reason: SessionRejectReason::IncorrectDataFormat, tag }
    }

    /// The field is of a value that cannot be.
    pub const fn range(tag: u32) -> Self {
        Self::Session { reason: SessionRejectReason::ValueOutOfRange, tag }
    }
}

/// How a stream goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Update {
    /// Not at all: one image and no more (263=0).
    Once,
    /// Each change is told by a whole image (265=0).
    Full,
    /// Each change is told by the entries that changed (265=1).
    Incremental,
}

/// What is to be shown of each instrument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Show {
    /// How it goes on.
    pub update: Update,
    /// So many prices a side.
    pub depth: u8,
    /// One entry a price.
    pub aggregated: bool,
    /// Bids are shown.
    pub bids: bool,
    /// Offers are shown.
    pub offers: bool,
}

impl Show {
    /// Whether a side is shown (`Sell` is an offer).
    pub const fn side(&self, side: Side) -> bool {
        match side {
            Side::Buy => self.bids,
            Side::Sell => self.offers,
        }
    }
}

/// A request that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// Show instruments.
    Show(Show),
    /// No more of them (263=2).
    End,
}

/// Text of a client's that is to be given back.
///
/// # Errors
/// [`Fault::Session`]: it is not there, or longer than `N`, or not printable.
pub fn echo<const N: usize>(message: &Message<'_>, tag: u32) -> Result<Text<N>, Fault> {
    let text = message.get(tag).ok_or(Fault::missing(tag))?;
    Text::new(text).filter(|text| !text.is_empty()).ok_or(Fault::range(tag))
}

/// Reads a 35=V: its id, and what it asks for. Its instruments are [`symbols`].
///
/// # Errors
/// [`Fault`], the first that is found.
pub fn read(message: &Message<'_>) -> Result<(MdReqId, Asked), Fault> {
    let id: MdReqId = echo(message, tags::MD_REQ_ID)?;
    let refused = |refusal| Err(Fault::Refused(id, refusal));
    let kind_tag = fields::SUBSCRIPTION_REQUEST_TYPE;
    let kind = message.get(kind_tag).ok_or(Fault::missing(kind_tag))?;
    match kind {
        b"2" => return Ok((id, Asked::End)),
        b"0" | b"1" => {}
        [_] => return refused(MdRefusal::SubscriptionType),
        _ => return Err(Fault::format(kind_tag)),
    }
    let depth = depth(message, id)?;
    let (bids, offers) = entry_types(message, id)?;
    let update = match message.get(fields::MD_UPDATE_TYPE) {
        Some(b"0" | b"1") | None if kind == b"0" => Update::Once,
        Some(b"0") => Update::Full,
        Some(b"1") => Update::Incremental,
        Some(other) if parse_u64(other).is_some() => return refused(MdRefusal::UpdateType),
        Some(_) => return Err(Fault::format(fields::MD_UPDATE_TYPE)),
        None => {
            let reason = BusinessRejectReason::ConditionallyRequiredFieldMissing;
            return Err(Fault::Business(reason));
        }
    };
    let aggregated = flag(message, fields::AGGREGATED_BOOK)?;
    if let Some(refusal) = unsupported(message)? {
        return refused(refusal);
    }
    Ok((id, Asked::Show(Show { update, depth, aggregated, bids, offers })))
}

fn depth(message: &Message<'_>, id: MdReqId) -> Result<u8, Fault> {
    let tag = fields::MARKET_DEPTH;
    let text = message.get(tag).ok_or(Fault::missing(tag))?;
    match message.int(tag) {
        Ok(Some(0)) => Ok(DEPTH_MAX as u8),
        Ok(Some(depth)) => match u8::try_from(depth) {
            Ok(depth) if usize::from(depth) <= DEPTH_MAX => Ok(depth),
            Ok(_) | Err(_) => Err(Fault::Refused(id, MdRefusal::Depth)),
        },
        // A number that no integer holds is a depth that is not to be had.
        _ if text.iter().all(u8::is_ascii_digit) => Err(Fault::Refused(id, MdRefusal::Depth)),
        _ => Err(Fault::format(tag)),
    }
}

fn entry_types(message: &Message<'_>, id: MdReqId) -> Result<(bool, bool), Fault> {
    let count = count(message, fields::NO_MD_ENTRY_TYPES)?;
    let (mut bids, mut offers, mut found) = (false, false, 0);
    for (_, value) in message.fields().filter(|(tag, _)| *tag == tags::MD_ENTRY_TYPE) {
        found += 1;
        match value {
            b"0" => bids = true,
            b"1" => offers = true,
            _ => return Err(Fault::Refused(id, MdRefusal::EntryType)),
        }
    }
    if found != count || found == 0 {
        let reason = SessionRejectReason::GroupCount;
        return Err(Fault::Session { reason, tag: fields::NO_MD_ENTRY_TYPES });
    }
    Ok((bids, offers))
}

fn count(message: &Message<'_>, tag: u32) -> Result<u64, Fault> {
    parse_u64(message.get(tag).ok_or(Fault::missing(tag))?).ok_or(Fault::format(tag))
}

fn flag(message: &Message<'_>, tag: u32) -> Result<bool, Fault> {
    Ok(message.bool(tag).map_err(|_| Fault::format(tag))?.unwrap_or(false))
}

/// What would have to be obeyed and is not.
fn unsupported(message: &Message<'_>) -> Result<Option<MdRefusal>, Fault> {
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

/// An instrument of a request: `Symbol` (55), and `SecurityExchange` (207) if one venue alone is
/// wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted<'a> {
    /// 55.
    pub symbol: &'a [u8],
    /// 207.
    pub exchange: Option<&'a [u8]>,
}

/// The instruments of a request, in order; other fields of an entry are not needed here.
#[derive(Clone, Debug)]
pub struct Symbols<'a>(core::iter::Peekable<Fields<'a>>);

impl<'a> Iterator for Symbols<'a> {
    type Item = Wanted<'a>;

    fn next(&mut self) -> Option<Wanted<'a>> {
        let symbol = self.0.find(|(tag, _)| *tag == tags::SYMBOL)?.1;
        let mut exchange = None;
        while let Some((tag, value)) = self.0.next_if(|(tag, _)| *tag != tags::SYMBOL) {
            if tag == fields::SECURITY_EXCHANGE {
                exchange.get_or_insert(value);
            }
        }
        Some(Wanted { symbol, exchange })
    }
}

/// The instruments of a request. Their number is that of `NoRelatedSym` (146), above zero.
///
/// # Errors
/// [`Fault::Session`].
pub fn symbols<'a>(message: &Message<'a>) -> Result<Symbols<'a>, Fault> {
    let tag = tags::NO_RELATED_SYM;
    let count = count(message, tag)?;
    let mut fields = message.fields();
    // What stands in front of the group is not of it.
    fields.find(|(found, _)| *found == tag);
    let symbols = Symbols(fields.peekable());
    if count == 0 || symbols.clone().count() as u64 != count {
        return Err(Fault::Session { reason: SessionRejectReason::GroupCount, tag });
    }
    Ok(symbols)
}
