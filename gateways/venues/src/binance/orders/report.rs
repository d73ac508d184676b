//! The venue's messages about orders: execution report, cancel reject, amend reject, session
//! reject.
//!
//! A line belongs here if it reads a field of such a message. The consequences are `machine`.

use rutter_core::id::{AssetId, ChildId, ExecId, VenueId, VenueOrderId};
use rutter_core::input::{ChildFill, Ending, Liquidity, Side, VenueReject};
use rutter_core::number::{Amount, Qty};
use rutter_fix::codec::{FieldError, Message};
use rutter_fix::tags;

use crate::answers::Verdict;
use crate::binance::ids::{self, Named};
use crate::binance::reject::{amend_verdict, cancel_verdict, retry_after_ns, verdict};
use crate::decimal::DecimalError;
use crate::listing::{self, Assets, Listing, Listings};

const EXEC_TYPE_NEW: u8 = b'0';
const EXEC_TYPE_CANCELED: u8 = b'4';
const EXEC_TYPE_REPLACED: u8 = b'5';
const EXEC_TYPE_REJECTED: u8 = b'8';
const EXEC_TYPE_EXPIRED: u8 = b'C';
const EXEC_TYPE_TRADE: u8 = b'F';
const ORD_STATUS_FILLED: &[u8] = b"2";
/// `MsgType` (35) of an `OrderAmendReject`.
pub(super) const ORDER_AMEND_REJECT: &[u8] = b"XAR";
/// `TradeID` (1003).
const TRADE_ID: u32 = 1003;

/// `PreventedMatchID` and `PreventedQty`: in a report of an order that self-trade prevention ended.
const PREVENTED: [u32; 2] = [25024, 25030];
/// `AggressorIndicator` (1057): Y if our order took liquidity.
const AGGRESSOR: u32 = 1057;
/// `ErrorCode` (25016).
const ERROR_CODE: u32 = 25_016;
/// The fields of an entry of the fee group (136).
const FEE_MEMBERS: [u32; 3] = [tags::MISC_FEE_AMT, tags::MISC_FEE_CURR, tags::MISC_FEE_TYPE];

/// Why a report of our own order cannot be read. The order is then in doubt, since a report that is
/// passed over could be a fill.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum ReportError {
    /// A field is missing or malformed.
    #[error(transparent)]
    Field(#[from] FieldError),
    /// A number does not fit the instrument's decimals.
    #[error(transparent)]
    Decimal(#[from] DecimalError),
    /// The fees are in more than one asset.
    #[error("fees in several assets")]
    MixedFees,
    /// A price or quantity is not above zero.
    #[error("a trade of nothing")]
    EmptyTrade,
}

/// The meaning of a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refused {
    pub verdict: Verdict,
    /// The error code; 0 if absent.
    pub code: i64,
    /// How long the venue wants no such request, in nanoseconds; zero if it names no time.
    pub retry_after_ns: u64,
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
    /// The venue refused a cancel (35=9).
    CancelRefused { child: ChildId, attempt: Option<u32>, refused: Refused },
    /// The order has this quantity in all from now on (150=5).
    Amended { child: ChildId, qty: Qty },
    /// The venue refused an amend (35=XAR).
    AmendRefused { child: ChildId, refused: Refused },
    /// The id is not ours.
    NotOurs,
    /// The id is ours and the symbol is not listed here.
    Unlisted,
}

/// Whether the venue ended the order because it would have matched another one of our account. In
/// `OrdStatus` (39) such an end looks like any other (the venue's `EXPIRED_IN_MATCH`).
fn was_prevented(message: &Message<'_>) -> bool {
    PREVENTED.into_iter().any(|tag| message.get(tag).is_some())
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
    pub now_ns: u64,
}

impl Reader<'_> {
    /// Reads an `ExecutionReport`.
    pub fn execution(&self, message: &Message<'_>) -> Result<News, ReportError> {
        let Some(id) = self.child_of(message) else {
            return Ok(News::NotOurs);
        };
        let child = id.child;
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
            Some(EXEC_TYPE_REJECTED) => {
                Ok(News::Refused { child, refused: error_of(message, self.now_ns, verdict) })
            }
            Some(EXEC_TYPE_TRADE) => self.fill(message, child, listing),
            Some(kind @ (EXEC_TYPE_CANCELED | EXEC_TYPE_EXPIRED)) => Ok(News::Done {
                child,
                how: match kind {
                    EXEC_TYPE_EXPIRED if was_prevented(message) => Ending::SelfMatch,
                    EXEC_TYPE_EXPIRED => Ending::Expired,
                    _ => Ending::Canceled,
                },
                filled: listing.qty(message.required(tags::CUM_QTY)?)?,
            }),
            Some(EXEC_TYPE_REPLACED) => {
                Ok(News::Amended { child, qty: quantity(message, listing)? })
            }
            Some(_) | None => Ok(News::Unusual { child }),
        }
    }

    /// On a report of a cancel, 41 is the order and 11 the request, which may be somebody else's.
    /// On any other report, 11 is the order.
    pub fn child_of(&self, message: &Message<'_>) -> Option<Named> {
        let ours = |tag| ids::parse(self.node_tag, message.get(tag)?);
        ours(tags::ORIG_CL_ORD_ID).or_else(|| ours(tags::CL_ORD_ID))
    }

    fn fill(
        &self,
        message: &Message<'_>,
        child: ChildId,
        listing: &Listing,
    ) -> Result<News, ReportError> {
        let missing = |tag| FieldError { tag, kind: rutter_fix::codec::FieldErrorKind::Missing };
        let trade = message.uint(TRADE_ID)?.ok_or(missing(TRADE_ID))?;
        let side = match message.char(tags::SIDE)? {
            Some(b'1') => Side::Buy,
            Some(b'2') => Side::Sell,
            _ => return Err(missing(tags::SIDE).into()),
        };
        let liquidity = match message.bool(AGGRESSOR)? {
            Some(true) => Liquidity::Taker,
            Some(false) => Liquidity::Maker,
            None => return Err(missing(AGGRESSOR).into()),
        };
        let (fee, fee_asset, fee_known) = self.fee(message)?;
        let fill = ChildFill {
            venue: self.venue,
            child,
            instrument: listing.instrument,
            side,
            exec: ExecId(u128::from(trade)),
            qty: listing.qty(message.required(tags::LAST_QTY)?)?,
            price: listing.price(message.required(tags::LAST_PX)?)?,
            fee,
            fee_asset,
            liquidity,
        };
        if fill.qty.0 <= 0 || fill.price.0 <= 0 {
            return Err(ReportError::EmptyTrade);
        }
        let whole = match message.get(tags::ORD_STATUS) {
            Some(ORD_STATUS_FILLED) => Some(listing.qty(message.required(tags::CUM_QTY)?)?),
            _ => None,
        };
        Ok(News::Fill { fill, whole, fee_known })
    }

    /// The sum of the fee group, its asset, and whether the asset is listed. A fee in an unlisted
    /// asset is told as zero, since the trade counts all the same.
    fn fee(&self, message: &Message<'_>) -> Result<(Amount, AssetId, bool), ReportError> {
        let mut total = Amount::ZERO;
        let mut currency: Option<&[u8]> = None;
        for entry in message.group(tags::NO_MISC_FEES, &FEE_MEMBERS)?.entries() {
            let (Some(amount), Some(name)) =
                (entry.get(tags::MISC_FEE_AMT), entry.get(tags::MISC_FEE_CURR))
            else {
                continue;
            };
            if currency.is_some_and(|known| known != name) {
                return Err(ReportError::MixedFees);
            }
            currency = Some(name);
            total = total.plus(listing::amount(amount)?);
        }
        Ok(match currency.map(|name| self.assets.name(name)) {
            None => (Amount::ZERO, self.fallback_asset, true),
            Some(Some(asset)) => (total, asset, true),
            Some(None) => (Amount::ZERO, self.fallback_asset, total == Amount::ZERO),
        })
    }

    /// Reads an `OrderCancelReject`.
    pub fn cancel_reject(&self, message: &Message<'_>) -> News {
        let ours = |tag| ids::parse(self.node_tag, message.get(tag)?);
        let request = ours(tags::CL_ORD_ID);
        let Some(id) = request.or_else(|| ours(tags::ORIG_CL_ORD_ID)) else {
            return News::NotOurs;
        };
        let refused = error_of(message, self.now_ns, cancel_verdict);
        News::CancelRefused { child: id.child, attempt: id.cancel, refused }
    }

    /// Reads an `OrderAmendReject`.
    pub fn amend_reject(&self, message: &Message<'_>) -> News {
        let Some(id) = self.child_of(message) else { return News::NotOurs };
        News::AmendRefused {
            child: id.child,
            refused: error_of(message, self.now_ns, amend_verdict),
        }
    }
}

/// The quantity of an order in all. Never below what is filled: the executions may come later.
fn quantity(message: &Message<'_>, listing: &Listing) -> Result<Qty, ReportError> {
    let ordered = listing.qty(message.required(tags::ORDER_QTY)?)?;
    let filled = listing.qty(message.required(tags::CUM_QTY)?)?;
    Ok(ordered.max(filled))
}

/// Whether the message shows that the venue has the order that it names: an execution report with
/// any `ExecType` (150) but a rejection.
pub(super) fn shows_order(message: &Message<'_>) -> bool {
    let exec_type = message.char(tags::EXEC_TYPE).ok().flatten();
    message.msg_type() == b"8" && exec_type.is_some_and(|kind| kind != EXEC_TYPE_REJECTED)
}

/// The error code (25016); 0 if absent.
pub fn code_of(message: &Message<'_>) -> i64 {
    message.int(ERROR_CODE).ok().flatten().unwrap_or_default()
}

/// The meaning of error code (25016) and text (58), by the table for the kind of request.
pub(super) fn error_of(
    message: &Message<'_>,
    now_ns: u64,
    verdict: impl Fn(i64, &[u8]) -> Verdict,
) -> Refused {
    let text = message.get(tags::TEXT).unwrap_or_default();
    let code = code_of(message);
    let verdict = verdict(code, text);
    let retry_after_ns = match verdict {
        Verdict::Refused(VenueReject::RateLimit) => retry_after_ns(text, now_ns),
        Verdict::Refused(_) | Verdict::Unsure | Verdict::Session => 0,
    };
    Refused { verdict, code, retry_after_ns }
}
