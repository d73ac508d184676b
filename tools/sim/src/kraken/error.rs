//! Kraken's error texts, which are the same on WebSocket and REST.
//!
//! A line belongs here if it names an error or maps a refusal to one. Source: venue reference
//! (Kraken), section 4.5.

use crate::order::Refusal;

/// An error of the venue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KrakenError {
    /// The account has too little free funds.
    #[error("EOrder:Insufficient funds")]
    InsufficientFunds,
    /// The quantity is below the minimum.
    #[error("EOrder:Order minimum not met")]
    OrderMinimum,
    /// Price times quantity is below the minimum.
    #[error("EOrder:Cost minimum not met")]
    CostMinimum,
    /// The price is not a multiple of the tick.
    #[error("EOrder:Tick size check failed")]
    TickSize,
    /// The price is out of range or has too many decimals.
    #[error("EOrder:Invalid price")]
    InvalidPrice,
    /// There is no such open order.
    #[error("EOrder:Unknown order")]
    UnknownOrder,
    /// The order counter exceeds its threshold.
    #[error("EOrder:Rate limit exceeded")]
    OrderRateLimit,
    /// The account has too many open orders on the pair.
    #[error("EOrder:Orders limit exceeded")]
    OrdersLimit,
    /// A parameter is missing, unknown or malformed. Carries the name of the field, if there is
    /// one.
    #[error("EGeneral:Invalid arguments{}{}", if .0.is_empty() { "" } else { ":" }, .0)]
    InvalidArguments(&'static str),
    /// There is no such method.
    #[error("EGeneral:Unknown method")]
    UnknownMethod,
    /// The key has no permission for the request.
    #[error("EGeneral:Permission denied")]
    PermissionDenied,
    /// An injected rejection.
    #[error("EGeneral:Internal error")]
    Internal,
    /// The API key is unknown.
    #[error("EAPI:Invalid key")]
    InvalidKey,
    /// The signature is wrong.
    #[error("EAPI:Invalid signature")]
    InvalidSignature,
    /// The nonce is not above the last one.
    #[error("EAPI:Invalid nonce")]
    InvalidNonce,
    /// The REST counter exceeds its threshold.
    #[error("EAPI:Rate limit exceeded")]
    ApiRateLimit,
    /// The token is unknown or expired.
    #[error("ESession:Invalid session")]
    InvalidSession,
    /// The venue or the pair does not trade.
    #[error("EService:Unavailable")]
    Unavailable,
    /// The venue is overloaded.
    #[error("EService:Busy")]
    Busy,
    /// Only cancels are accepted.
    #[error("EService:Market in cancel_only mode")]
    CancelOnly,
    /// Only cancels and post-only orders are accepted.
    #[error("EService:Market in post_only mode")]
    PostOnly,
    /// The order arrived after its deadline.
    #[error("EService:Deadline elapsed")]
    DeadlineElapsed,
    /// There is no such pair.
    #[error("EQuery:Unknown asset pair")]
    UnknownPair,
    /// WebSocket: the symbol of a subscription is unknown.
    #[error("Currency pair not supported")]
    UnsupportedPair,
    /// WebSocket: the subscription exists already.
    #[error("Already subscribed")]
    AlreadySubscribed,
    /// WebSocket: there is no such subscription.
    #[error("Subscription Not Found")]
    NotSubscribed,
}

/// The venue's error for a refusal of the engine. `quantity_field` names the quantity parameter of
/// the request: `order_qty` or `volume`.
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
