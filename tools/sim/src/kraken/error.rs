//! The venue's words for what is wrong; the same on WebSocket and REST.
//!
//! Source: venue reference, section 4.5.

use crate::order::Refusal;

/// An error as the venue names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KrakenError {
    /// Not enough free funds.
    #[error("EOrder:Insufficient funds")]
    InsufficientFunds,
    /// Below the smallest quantity.
    #[error("EOrder:Order minimum not met")]
    OrderMinimum,
    /// Below the smallest cost.
    #[error("EOrder:Cost minimum not met")]
    CostMinimum,
    /// Price not a multiple of the tick.
    #[error("EOrder:Tick size check failed")]
    TickSize,
    /// Price out of range, or with too many decimals.
    #[error("EOrder:Invalid price")]
    InvalidPrice,
    /// No such open order.
    #[error("EOrder:Unknown order")]
    UnknownOrder,
    /// Order counter over its threshold.
    #[error("EOrder:Rate limit exceeded")]
    OrderRateLimit,
    /// Too many open orders on the pair.
    #[error("EOrder:Orders limit exceeded")]
    OrdersLimit,
    /// A parameter is missing, unknown or malformed; the field if one is to blame.
    #[error("EGeneral:Invalid arguments{}{}", if .0.is_empty() { "" } else { ":" }, .0)]
    InvalidArguments(&'static str),
    /// No such method.
    #[error("EGeneral:Unknown method")]
    UnknownMethod,
    /// The key may not do this.
    #[error("EGeneral:Permission denied")]
    PermissionDenied,
    /// Injected.
    #[error("EGeneral:Internal error")]
    Internal,
    /// Unknown API key.
    #[error("EAPI:Invalid key")]
    InvalidKey,
    /// Wrong signature.
    #[error("EAPI:Invalid signature")]
    InvalidSignature,
    /// Nonce not above the last.
    #[error("EAPI:Invalid nonce")]
    InvalidNonce,
    /// REST counter over its threshold.
    #[error("EAPI:Rate limit exceeded")]
    ApiRateLimit,
    /// Bad or expired token.
    #[error("ESession:Invalid session")]
    InvalidSession,
    /// The venue, or the pair, does not trade.
    #[error("EService:Unavailable")]
    Unavailable,
    /// The venue is overloaded.
    #[error("EService:Busy")]
    Busy,
    /// Only cancels.
    #[error("EService:Market in cancel_only mode")]
    CancelOnly,
    /// Only cancels and post-only orders.
    #[error("EService:Market in post_only mode")]
    PostOnly,
    /// The order came after its own deadline.
    #[error("EService:Deadline elapsed")]
    DeadlineElapsed,
    /// No such pair.
    #[error("EQuery:Unknown asset pair")]
    UnknownPair,
    /// WebSocket: the symbol of a subscription is unknown.
    #[error("Currency pair not supported")]
    UnsupportedPair,
    /// WebSocket: already subscribed.
    #[error("Already subscribed")]
    AlreadySubscribed,
    /// WebSocket: not subscribed.
    #[error("Subscription Not Found")]
    NotSubscribed,
}

/// The venue's word for a refusal of the engine. `quantity_field` names the quantity parameter of
/// the request (`order_qty` or `volume`).
pub fn of_refusal(refusal: Refusal, quantity_field: &'static str) -> KrakenError {
    match refusal {
        Refusal::MarketClosed => KrakenError::Unavailable,
        Refusal::CancelOnly => KrakenError::CancelOnly,
        Refusal::PostOnlyMode => KrakenError::PostOnly,
        Refusal::PriceFilter | Refusal::PriceBand | Refusal::WouldMatch => {
            KrakenError::InvalidPrice
        }
        Refusal::LotSize | Refusal::MarketLotSize => KrakenError::InvalidArguments(quantity_field),
        Refusal::MinNotional => KrakenError::CostMinimum,
        Refusal::MaxOpenOrders => KrakenError::OrdersLimit,
        Refusal::Full => KrakenError::Busy,
        Refusal::InsufficientBalance => KrakenError::InsufficientFunds,
        Refusal::DuplicateClientId => KrakenError::InvalidArguments("cl_ord_id"),
        Refusal::UnknownOrder => KrakenError::UnknownOrder,
        Refusal::CancelRestricted
        | Refusal::AmendIncrease
        | Refusal::AmendNoChange
        | Refusal::AmendBelowFilled => KrakenError::InvalidArguments(""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_field_to_blame_is_named_after_a_colon() {
        assert_eq!(KrakenError::InvalidArguments("").to_string(), "EGeneral:Invalid arguments");
        assert_eq!(
            of_refusal(Refusal::DuplicateClientId, "volume").to_string(),
            "EGeneral:Invalid arguments:cl_ord_id"
        );
    }
}
