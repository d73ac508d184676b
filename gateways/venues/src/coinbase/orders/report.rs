//! The venue's messages about orders: execution report, cancel reject, rejects of a message.
//!
//! A line belongs here if it reads a field of such a message. The consequences are `machine`.

use rutter_core::id::{AssetId, ChildId, ExecId, VenueId, VenueOrderId};
use rutter_core::input::{ChildFill, Ending, Liquidity, Side};
use rutter_core::number::{Amount, Price, Qty};
use rutter_fix::codec::{FieldError, FieldErrorKind, GroupEntry, Message};
use rutter_fix::tags;

use crate::answers::Verdict;
use crate::coinbase::ids::{self, Kind, Named};
use crate::coinbase::reject::{self, cancel_verdict, verdict};
use crate::decimal::DecimalError;
use crate::listing::{self, Assets, Listing, Listings};

const EXEC_TYPE_NEW: u8 = b'0';
const EXEC_TYPE_CANCELED: u8 = b'4';
const EXEC_TYPE_REPLACED: u8 = b'5';
const EXEC_TYPE_REJECTED: u8 = b'8';
const EXEC_TYPE_EXPIRED: u8 = b'C';
const EXEC_TYPE_RESTATED: u8 = b'D';
const EXEC_TYPE_TRADE: u8 = b'F';
const ORD_STATUS_FILLED: &[u8] = b"2";
/// `CxlRejResponseTo` (434) of the answer to a replace.
const TO_REPLACE: &[u8] = b"2";
/// `TradeID` (1003).
const TRADE_ID: u32 = 1003;
/// `MiscFeeBasis` (891): 0 an amount, 2 a share of the value.
const FEE_BASIS: u32 = 891;
/// The fields of an entry of the fee group (136).
const FEE_MEMBERS: [u32; 4] =
    [tags::MISC_FEE_AMT, tags::MISC_FEE_CURR, tags::MISC_FEE_TYPE, FEE_BASIS];
/// In Text (58) of an order that self-trade prevention has ended. The documents have the words for
/// the feed's channel `user` alone.
const SELF_TRADE: &str = "self trade";

/// Why a report of our own order cannot be read. The link is then closed, since a report that is
/// passed over could be a fill.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum ReportError {
    /// A field is missing or malformed.
    #[error(transparent)]
    Field(#[from] FieldError),
    /// A number does not fit the instrument's decimals.
    #[error(transparent)]
    Decimal(#[from] DecimalError),
    /// The fees are in more than one asset, or of an unknown basis.
    #[error("fees that cannot be added up")]
    MixedFees,
    /// A price or quantity is not above zero.
    #[error("a trade of nothing")]
    EmptyTrade,
}

/// The meaning of a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refused {
    pub verdict: Verdict,
    /// The code, as [`reject`] has it.
    pub code: i64,
}

/// The content of a message about one of our children.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum News {
    /// The venue accepted the order (150=0).
    Accepted { child: ChildId, venue_order: VenueOrderId },
    /// The venue refused the order (150=8).
    Refused { child: ChildId, refused: Refused },
    /// A trade (150=F). `whole`: the order is filled, with this quantity in all. `fee_known`: the
    /// fee's asset is listed.
    Fill { fill: ChildFill, whole: Option<Qty>, fee_known: bool },
    /// The order was cancelled (150=4) or has expired (150=C).
    Done { child: ChildId, how: Ending, filled: Qty },
    /// `ExecType` (150) is one that this adapter does not use.
    Unusual { child: ChildId },
    /// The venue refused a cancel (35=9, 434=1).
    CancelRefused { child: ChildId, attempt: Option<u32>, refused: Refused },
    /// The order has this quantity in all from now on (150=5, 150=D), and perhaps the id of a
    /// replace.
    Amended { child: ChildId, qty: Qty, by: Option<u32> },
    /// The venue refused a replace (35=9, 434=2).
    AmendRefused { child: ChildId, by: Option<u32>, refused: Refused },
    /// The id is not ours.
    NotOurs,
    /// The id is ours and the symbol is not listed here.
    Unlisted,
}

/// What reading a message needs of the adapter.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    pub venue: VenueId,
    pub node_tag: u32,
    pub listings: &'a Listings,
    pub assets: &'a Assets,
    /// Stands for a fee asset that is not listed.
    pub fallback_asset: AssetId,
}

const fn missing(tag: u32) -> ReportError {
    ReportError::Field(FieldError { tag, kind: FieldErrorKind::Missing })
}

impl Reader<'_> {
    fn named(&self, message: &Message<'_>, tag: u32) -> Option<Named> {
        ids::parse(self.node_tag, message.get(tag)?)
    }

    /// Reads an `ExecutionReport`. Whether 11 is the order or the request that changed it, both
    /// name the child.
    pub fn execution(&self, message: &Message<'_>) -> Result<News, ReportError> {
        let named = self.named(message, tags::CL_ORD_ID);
        let Some(Named { child, kind }) =
            named.or_else(|| self.named(message, tags::ORIG_CL_ORD_ID))
        else {
            return Ok(News::NotOurs);
        };
        let symbol = message.required(tags::SYMBOL)?;
        let Some(listing) = self.listings.symbol(symbol) else {
            return Ok(News::Unlisted);
        };
        match message.char(tags::EXEC_TYPE)? {
            Some(EXEC_TYPE_NEW) => {
                let text = message.required(tags::ORDER_ID)?;
                let venue_order = VenueOrderId::new(text).unwrap_or_default();
                Ok(News::Accepted { child, venue_order })
            }
            Some(EXEC_TYPE_REJECTED) => Ok(News::Refused { child, refused: refused_new(message) }),
            Some(EXEC_TYPE_TRADE) => self.fill(message, child, listing),
            Some(kind @ (EXEC_TYPE_CANCELED | EXEC_TYPE_EXPIRED)) => {
                let filled = listing.qty(message.required(tags::CUM_QTY)?)?;
                let how = if was_prevented(message) {
                    Ending::SelfMatch
                } else if kind == EXEC_TYPE_EXPIRED {
                    Ending::Expired
                } else {
                    Ending::Canceled
                };
                Ok(News::Done { child, how, filled })
            }
            Some(EXEC_TYPE_REPLACED | EXEC_TYPE_RESTATED) => {
                let by = match kind {
                    Kind::Replace(number) => Some(number),
                    Kind::Order | Kind::Cancel(_) => None,
                };
                Ok(News::Amended { child, qty: quantity(message, listing)?, by })
            }
            Some(_) | None => Ok(News::Unusual { child }),
        }
    }

    fn fill(
        &self,
        message: &Message<'_>,
        child: ChildId,
        listing: &Listing,
    ) -> Result<News, ReportError> {
        let trade = message.uint(TRADE_ID)?.ok_or(missing(TRADE_ID))?;
        let side = match message.char(tags::SIDE)? {
            Some(b'1') => Side::Buy,
            Some(b'2') => Side::Sell,
            _ => return Err(missing(tags::SIDE)),
        };
        let liquidity = match message.bool(tags::AGGRESSOR_INDICATOR)? {
            Some(true) => Liquidity::Taker,
            Some(false) => Liquidity::Maker,
            None => return Err(missing(tags::AGGRESSOR_INDICATOR)),
        };
        let qty = listing.qty(message.required(tags::LAST_QTY)?)?;
        let price = listing.price(message.required(tags::LAST_PX)?)?;
        if qty.0 <= 0 || price.0 <= 0 {
            return Err(ReportError::EmptyTrade);
        }
        let (fee, fee_asset, fee_known) = self.fee(message, (qty, price), listing)?;
        let fill = ChildFill {
            venue: self.venue,
            child,
            instrument: listing.instrument,
            side,
            exec: ExecId(u128::from(trade)),
            qty,
            price,
            fee,
            fee_asset,
            liquidity,
        };
        let whole = match message.get(tags::ORD_STATUS) {
            Some(ORD_STATUS_FILLED) => Some(listing.qty(message.required(tags::CUM_QTY)?)?),
            _ => None,
        };
        Ok(News::Fill { fill, whole, fee_known })
    }

    /// The sum of the fee group, its asset, and whether the asset is listed. A fee in an unlisted
    /// asset is told as zero, since the trade counts all the same.
    fn fee(
        &self,
        message: &Message<'_>,
        traded: (Qty, Price),
        listing: &Listing,
    ) -> Result<(Amount, AssetId, bool), ReportError> {
        let mut total = Amount::ZERO;
        let mut currency: Option<&[u8]> = None;
        for entry in message.group(tags::NO_MISC_FEES, &FEE_MEMBERS)?.entries() {
            let Some(name) = entry.get(tags::MISC_FEE_CURR) else { continue };
            if currency.is_some_and(|known| known != name) {
                return Err(ReportError::MixedFees);
            }
            currency = Some(name);
            total = total.plus(fee_of(&entry, traded, listing)?);
        }
        Ok(match currency.map(|name| self.assets.name(name)) {
            None => (Amount::ZERO, self.fallback_asset, true),
            Some(Some(asset)) => (total, asset, true),
            Some(None) => (Amount::ZERO, self.fallback_asset, total == Amount::ZERO),
        })
    }

    /// Reads an `OrderCancelReject`, the answer to a cancel or to a replace.
    pub fn cancel_reject(&self, message: &Message<'_>) -> News {
        let request = self.named(message, tags::CL_ORD_ID);
        let Some(named) = request.or_else(|| self.named(message, tags::ORIG_CL_ORD_ID)) else {
            return News::NotOurs;
        };
        let reason = message.int(tags::CXL_REJ_REASON).ok().flatten().unwrap_or_default();
        let refused = refused(message, reject::CANCEL_REFUSED + reason, cancel_verdict);
        let (child, kind) = (named.child, named.kind);
        if message.get(tags::CXL_REJ_RESPONSE_TO) == Some(TO_REPLACE) {
            let by = if let Kind::Replace(number) = kind { Some(number) } else { None };
            return News::AmendRefused { child, by, refused };
        }
        let attempt = if let Kind::Cancel(number) = kind { Some(number) } else { None };
        News::CancelRefused { child, attempt, refused }
    }
}

/// One entry of the fee group as an amount.
fn fee_of(
    entry: &GroupEntry<'_>,
    (qty, price): (Qty, Price),
    listing: &Listing,
) -> Result<Amount, ReportError> {
    let told = listing::amount(entry.get(tags::MISC_FEE_AMT).ok_or(missing(tags::MISC_FEE_AMT))?)?;
    match entry.get(FEE_BASIS) {
        None | Some(b"0") => Ok(told),
        Some(b"2") => {
            // Units of price and quantity; what is below 10^-18 is cut.
            let value = i128::from(qty.0) * i128::from(price.0);
            let unit = 10i128
                .checked_pow(u32::from(listing.qty_decimals) + u32::from(listing.price_decimals));
            let scaled = told.0.checked_mul(value).zip(unit).map(|(scaled, unit)| scaled / unit);
            scaled.map(Amount).ok_or(ReportError::Decimal(DecimalError::Range))
        }
        Some(_) => Err(ReportError::MixedFees),
    }
}

/// The quantity of an order in all: what is filled and what is open, for a restated order too.
fn quantity(message: &Message<'_>, listing: &Listing) -> Result<Qty, ReportError> {
    let filled = listing.qty(message.required(tags::CUM_QTY)?)?;
    let leaves = listing.qty(message.required(tags::LEAVES_QTY)?)?;
    Ok(Qty(filled.0.saturating_add(leaves.0)))
}

/// Whether the venue ended the order because it would have matched another one of our user.
fn was_prevented(message: &Message<'_>) -> bool {
    let text = String::from_utf8_lossy(message.get(tags::TEXT).unwrap_or_default());
    text.to_ascii_lowercase().contains(SELF_TRADE)
}

fn refused_new(message: &Message<'_>) -> Refused {
    let reason = message.int(tags::ORD_REJ_REASON).ok().flatten().unwrap_or_default();
    refused(message, reject::REFUSED + reason, verdict)
}

/// The meaning of a Reject (35=3) or `BusinessMessageReject` (35=j), by the table for the kind of
/// request.
pub(super) fn rejected(message: &Message<'_>, verdict: fn(i64, &[u8]) -> Verdict) -> Refused {
    refused(message, code_of(message), verdict)
}

/// The code of a Reject or `BusinessMessageReject`.
pub(super) fn code_of(message: &Message<'_>) -> i64 {
    let (base, tag) = if message.msg_type() == tags::msg_type::REJECT {
        (reject::REJECT, tags::SESSION_REJECT_REASON)
    } else {
        (reject::BUSINESS, tags::BUSINESS_REJECT_REASON)
    };
    base.saturating_add(message.int(tag).ok().flatten().unwrap_or_default())
}

fn refused(message: &Message<'_>, code: i64, verdict: fn(i64, &[u8]) -> Verdict) -> Refused {
    Refused { verdict: verdict(code, message.get(tags::TEXT).unwrap_or_default()), code }
}
