//! Coinbase's error answers: HTTP status and text.
//!
//! A line belongs here if it names an error or maps a refusal to one. Source: venue reference
//! (Coinbase Exchange), section 6, and the shared table of errors. FIX sends the same texts in 58;
//! the documents list none of their own.

use crate::json::Object;
use crate::order::Refusal;

/// An error answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiError {
    /// HTTP status.
    pub status: u16,
    /// `message`, and Text (58) of FIX.
    pub text: String,
    /// `OrdRejReason` (103) or `CxlRejReason` (102) of FIX.
    pub reason: u32,
}

/// 103=1: unknown symbol.
pub(super) const UNKNOWN_SYMBOL: u32 = 1;
/// 103=5 and 102=1: unknown order.
pub(super) const UNKNOWN_ORDER: u32 = 5;

impl ApiError {
    pub(super) fn new(status: u16, text: impl Into<String>) -> Self {
        Self { status, text: text.into(), reason: 0 }
    }

    pub(super) fn not_found() -> Self {
        Self { reason: UNKNOWN_ORDER, ..Self::new(404, "NotFound") }
    }

    pub(super) fn unknown_order() -> Self {
        Self { reason: UNKNOWN_ORDER, ..Self::new(404, "order not found") }
    }

    pub(super) fn already_done() -> Self {
        Self { reason: UNKNOWN_ORDER, ..Self::new(400, "Order already done") }
    }

    pub(super) fn unknown_product() -> Self {
        Self { reason: UNKNOWN_SYMBOL, ..Self::new(404, "Product not found") }
    }

    /// `{"message":".."}`.
    pub(super) fn body(&self) -> String {
        Object::new().text("message", &self.text).finish()
    }
}

/// The steps of a product, as the texts of refusals print them.
pub(super) struct Steps {
    pub tick: String,
    pub lot: String,
    pub size_min: String,
    pub notional_min: String,
}

/// The answer to an order or a replace that the engine refused. The texts of a duplicate id, of too
/// many open orders and of a halted product are not documented.
pub(super) fn of_order(refusal: Refusal, steps: &Steps) -> ApiError {
    let text = match refusal {
        Refusal::PriceFilter => {
            format!("price is too accurate. Smallest unit is {}", steps.tick)
        }
        Refusal::PriceBand => "Invalid Price".to_owned(),
        Refusal::LotSize => {
            format!("size is too small. Minimum size is {}", steps.size_min)
        }
        Refusal::MarketLotSize => "size is too large".to_owned(),
        Refusal::MinNotional => {
            format!("funds is too small. Minimum size is {}", steps.notional_min)
        }
        Refusal::MaxOpenOrders | Refusal::Full => "too many open orders".to_owned(),
        Refusal::InsufficientBalance => "Insufficient funds".to_owned(),
        Refusal::DuplicateClientId => "duplicate client_oid".to_owned(),
        Refusal::WouldMatch => "post only".to_owned(),
        Refusal::MarketClosed => "Trading disabled".to_owned(),
        Refusal::CancelOnly => "Cancel only mode".to_owned(),
        Refusal::PostOnlyMode => "Post only mode".to_owned(),
        Refusal::UnknownOrder => return ApiError::unknown_order(),
        Refusal::CancelRestricted
        | Refusal::AmendIncrease
        | Refusal::AmendNoChange
        | Refusal::AmendBelowFilled => "Invalid size".to_owned(),
    };
    ApiError::new(400, text)
}
