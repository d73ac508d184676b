//! Binance's error answers: HTTP status, code and text.
//!
//! A line belongs here if it names an error or maps a refusal to one. Source: venue reference
//! (Binance), section 8. A comment marks each text that the reference does not print.

use super::super::engine::Refusal;
use super::json::Object;

/// An error answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiError {
    /// HTTP status, and `status` of the WebSocket API.
    pub status: u16,
    /// Error code.
    pub code: i32,
    /// Error text.
    pub text: String,
    /// JSON of `data` in an answer to cancel-replace.
    pub data: Option<String>,
}

impl ApiError {
    pub(super) fn new(code: i32, text: impl Into<String>) -> Self {
        Self { status: 400, code, text: text.into(), data: None }
    }

    pub(super) fn with_status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// Error -1102: a parameter is missing.
    pub(super) fn missing(name: &str) -> Self {
        let text =
            format!("Mandatory parameter '{name}' was not sent, was empty/null, or malformed.");
        Self::new(-1102, text)
    }

    /// Error -1100: a value has illegal characters.
    pub(super) fn illegal(name: &str) -> Self {
        Self::new(-1100, format!("Illegal characters found in parameter '{name}'."))
    }

    pub(super) fn invalid_symbol() -> Self {
        Self::new(-1121, "Invalid symbol.")
    }

    pub(super) fn unknown_order() -> Self {
        Self::new(-2011, "Unknown order sent.")
    }

    /// `{"code":..,"msg":..}`: the answer of REST, and a member of the WebSocket API's answer.
    pub(super) fn body(&self) -> String {
        let object = Object::new().number("code", self.code).text("msg", &self.text);
        match &self.data {
            Some(data) => object.raw("data", data).finish(),
            None => object.finish(),
        }
    }
}

/// The answer to a new order that the engine refused.
pub(super) fn of_new_order(refusal: Refusal) -> ApiError {
    let filter = |name: &str| ApiError::new(-1013, format!("Filter failure: {name}"));
    match refusal {
        Refusal::PriceFilter => filter("PRICE_FILTER"),
        Refusal::PriceBand => filter("PERCENT_PRICE_BY_SIDE"),
        Refusal::LotSize => filter("LOT_SIZE"),
        Refusal::MarketLotSize => filter("MARKET_LOT_SIZE"),
        Refusal::MinNotional => filter("NOTIONAL"),
        Refusal::MaxOpenOrders => filter("MAX_NUM_ORDERS"),
        Refusal::InsufficientBalance => {
            ApiError::new(-2010, "Account has insufficient balance for requested action.")
        }
        Refusal::DuplicateClientId => ApiError::new(-2010, "Duplicate order sent."),
        Refusal::WouldMatch => ApiError::new(-2010, "Order would immediately match and take."),
        Refusal::MarketClosed | Refusal::CancelOnly | Refusal::PostOnlyMode => {
            ApiError::new(-2010, "Market is closed.")
        }
        // The code of an overloaded server; its text is not in the reference.
        Refusal::Full => ApiError::new(-1008, "Server is currently overloaded.").with_status(503),
        Refusal::UnknownOrder
        | Refusal::CancelRestricted
        | Refusal::AmendIncrease
        | Refusal::AmendNoChange
        | Refusal::AmendBelowFilled => ApiError::new(-2010, "New order rejected."),
    }
}

/// The answer to a cancel that the engine refused.
pub(super) fn of_cancel(refusal: Refusal) -> ApiError {
    match refusal {
        Refusal::CancelRestricted => {
            ApiError::new(-2011, "Order was not canceled due to cancel restrictions.")
        }
        _ => ApiError::unknown_order(),
    }
}

/// The answer to an amend that the engine refused.
pub(super) fn of_amend(refusal: Refusal) -> ApiError {
    match refusal {
        Refusal::UnknownOrder => ApiError::new(-2038, "Unknown order sent."),
        Refusal::AmendIncrease => {
            ApiError::new(-2038, "Order amend (quantity increase) is not supported.")
        }
        Refusal::AmendNoChange | Refusal::AmendBelowFilled => {
            ApiError::new(-2038, "The requested action would change no state; rejecting.")
        }
        Refusal::DuplicateClientId => ApiError::new(-2038, "Duplicate order sent."),
        other => of_new_order(other),
    }
}
