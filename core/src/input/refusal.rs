//! Why a request is refused, or why an order ends.
//!
//! A line belongs here if it names a reason. The FIX codes of a reason are the client gateway's.

use crate::wire::{Reader, Wire, WireError, Writer};

/// Refusals of orders and cancels. The same word goes on the wire, in the log and in the tests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Refusal {
    /// The request is accepted.
    #[default]
    None = 0,
    /// The `ClOrdID` was used before.
    DuplicateClOrdId = 1,
    /// The instrument is not defined.
    UnknownSymbol = 2,
    /// The quantity is zero, negative, or not a multiple of any listing's lot.
    BadQuantity = 3,
    /// The price is zero, negative, or not a multiple of any listing's tick.
    BadPrice = 4,
    /// More than the instrument's largest order.
    QuantityTooLarge = 5,
    /// More than the account's largest order value.
    NotionalTooLarge = 6,
    /// The price lies too far beyond the reference price.
    PriceCollar = 7,
    /// Too many requests per second.
    RateExceeded = 8,
    /// Trading is halted for the whole node.
    Halted = 9,
    /// No venue is up with a trusted book and an open market.
    NoVenue = 10,
    /// No venue has the funds.
    InsufficientFunds = 11,
    /// No single venue can fill the whole order at this moment.
    FokNotFillable = 12,
    /// Below every venue's smallest order.
    BelowMinimum = 13,
    /// The account has too many open orders.
    TooManyOpenOrders = 14,
    /// The order tables are full.
    CapacityReached = 15,
    /// The message has a field that would change its meaning and is not supported.
    UnsupportedField = 16,
    /// The order type or time in force is not supported.
    UnsupportedType = 17,
    /// The account is not this session's.
    WrongAccount = 18,
    /// No order has this id.
    UnknownOrder = 19,
    /// The order is already over.
    TooLateToCancel = 20,
    /// A cancel or a replace of the order is already pending.
    AlreadyPending = 21,
    /// No liquidity within the order's limit; the rest of an IOC order is cancelled.
    NoLiquidity = 22,
    /// The day is over.
    DayEnd = 23,
    /// The client asked for the cancel.
    ClientRequest = 24,
    /// The order was routed as often as is allowed.
    RoundsExhausted = 25,
    /// A halt cancelled the order.
    KillSwitch = 26,
    /// The venue refused to cancel a child.
    VenueRefused = 27,
    /// Every venue that could take the order has too many unanswered orders, has used up its rate,
    /// is paused after a refusal for its rate limit, or has a circuit breaker that is not closed.
    VenueBusy = 28,
    /// No venue has this name.
    UnknownVenue = 29,
    /// The execution instruction (18) is not supported.
    UnsupportedExecInst = 30,
    /// No such strategy, or not with this order type or time in force.
    UnsupportedStrategy = 31,
    /// Scheduled orders are not supported.
    UnsupportedSchedule = 32,
    /// The expire time is missing, in the past, or not allowed with the time in force.
    BadExpireTime = 33,
    /// A minimum quantity is supported for IOC orders only.
    UnsupportedMinQty = 34,
    /// A display quantity is not supported.
    UnsupportedDisplayQty = 35,
    /// An order by cash amount is not supported.
    UnsupportedCashQty = 36,
    /// The client's connection was lost, and the session or the order asked for a cancel then.
    ConnectionLost = 37,
    /// The node was down, and the order asked for a cancel then.
    SystemFailure = 38,
    /// The client's mass cancel.
    MassCancel = 39,
    /// The replace changes more than quantity and price.
    NotReplaceable = 40,
    /// The new quantity is not above the filled quantity; or an operator states less of a child
    /// than its executions add up to.
    BelowFilled = 41,
    /// The scope of the request is not supported.
    UnsupportedScope = 42,
    /// The order's expire time has come.
    TimeExpired = 43,
    /// An operator cancelled the order.
    OperatorCancel = 44,
    /// Reduce-only: the order would not reduce the position.
    ReduceOnly = 45,
    /// An operator has disabled the session.
    SessionDisabled = 46,
    /// Our Logout was sent to the session's client, which has not logged on since.
    LoggedOut = 47,
    /// Every venue that could take the order has refused a child of it.
    VenuesRefused = 48,
    /// The venues do not agree on a price, or only one of several tells one.
    NoReference = 49,
    /// A market order was open for longer than its account lets it wait.
    WaitedTooLong = 50,
    /// An operator may resolve a child only while its outcome is unknown.
    NotUnknown = 51,
    /// The child's outcome has been unknown for a shorter time than an operator has to wait.
    UnknownTooBriefly = 52,
    /// A fill-or-kill order was filled in part, by the word of its venue or of an operator in the
    /// venue's place. The rest goes nowhere else.
    FokPartlyFilled = 53,
    /// The order would have matched another order of ours.
    SelfMatch = 54,
    /// The account's lists leave out the venue that the client names.
    VenueNotAllowed = 55,
    /// The venues' books show less than the order's minimum quantity; nothing was sent.
    MinQtyNotFillable = 56,
    /// The venues have filled less than the order's minimum quantity, and there is no more.
    MinQtyNotReached = 57,
    /// The order rested, and an order of the same owner came in that would have matched it.
    SelfMatchResting = 58,
    /// The order and another one of the same owner would have matched: both have lost the smaller
    /// of the two quantities.
    SelfMatchReduced = 59,
    /// The order rested and was called back for an order of another owner. It is put back at the
    /// end of the queue.
    PlaceLost = 60,
    /// The deadline of a strategy is in the past, or the strategy has none.
    BadDeadline = 61,
    /// The search for the best shares stopped at its bound. What is left has no place in the plan
    /// that it found; another split may have one.
    SearchBound = 62,
}

impl Refusal {
    /// All refusals, in the order of their numbers.
    pub const ALL: [Self; 63] = [
        Self::None,
        Self::DuplicateClOrdId,
        Self::UnknownSymbol,
        Self::BadQuantity,
        Self::BadPrice,
        Self::QuantityTooLarge,
        Self::NotionalTooLarge,
        Self::PriceCollar,
        Self::RateExceeded,
        Self::Halted,
        Self::NoVenue,
        Self::InsufficientFunds,
        Self::FokNotFillable,
        Self::BelowMinimum,
        Self::TooManyOpenOrders,
        Self::CapacityReached,
        Self::UnsupportedField,
        Self::UnsupportedType,
        Self::WrongAccount,
        Self::UnknownOrder,
        Self::TooLateToCancel,
        Self::AlreadyPending,
        Self::NoLiquidity,
        Self::DayEnd,
        Self::ClientRequest,
        Self::RoundsExhausted,
        Self::KillSwitch,
        Self::VenueRefused,
        Self::VenueBusy,
        Self::UnknownVenue,
        Self::UnsupportedExecInst,
        Self::UnsupportedStrategy,
        Self::UnsupportedSchedule,
        Self::BadExpireTime,
        Self::UnsupportedMinQty,
        Self::UnsupportedDisplayQty,
        Self::UnsupportedCashQty,
        Self::ConnectionLost,
        Self::SystemFailure,
        Self::MassCancel,
        Self::NotReplaceable,
        Self::BelowFilled,
        Self::UnsupportedScope,
        Self::TimeExpired,
        Self::OperatorCancel,
        Self::ReduceOnly,
        Self::SessionDisabled,
        Self::LoggedOut,
        Self::VenuesRefused,
        Self::NoReference,
        Self::WaitedTooLong,
        Self::NotUnknown,
        Self::UnknownTooBriefly,
        Self::FokPartlyFilled,
        Self::SelfMatch,
        Self::VenueNotAllowed,
        Self::MinQtyNotFillable,
        Self::MinQtyNotReached,
        Self::SelfMatchResting,
        Self::SelfMatchReduced,
        Self::PlaceLost,
        Self::BadDeadline,
        Self::SearchBound,
    ];
}

/// What the end or the refusal of an order says about its execution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The client, an operator or the clock asked for it, or the request was not one to be
    /// executed.
    Asked,
    /// Nothing, or nothing more, could be filled within the terms and funds of the order.
    NothingToFill,
    /// The node or the venues did not carry out what could have been.
    NotCarriedOut,
}

impl Refusal {
    /// What the reason says about the execution of the order.
    pub const fn cause(self) -> Cause {
        match self {
            Self::None
            | Self::DuplicateClOrdId
            | Self::UnknownSymbol
            | Self::BadQuantity
            | Self::BadPrice
            | Self::QuantityTooLarge
            | Self::NotionalTooLarge
            | Self::PriceCollar
            | Self::RateExceeded
            | Self::Halted
            | Self::TooManyOpenOrders
            | Self::UnsupportedField
            | Self::UnsupportedType
            | Self::WrongAccount
            | Self::UnknownOrder
            | Self::TooLateToCancel
            | Self::AlreadyPending
            | Self::DayEnd
            | Self::ClientRequest
            | Self::KillSwitch
            | Self::UnknownVenue
            | Self::UnsupportedExecInst
            | Self::UnsupportedStrategy
            | Self::UnsupportedSchedule
            | Self::BadExpireTime
            | Self::UnsupportedMinQty
            | Self::UnsupportedDisplayQty
            | Self::UnsupportedCashQty
            | Self::ConnectionLost
            | Self::SystemFailure
            | Self::MassCancel
            | Self::NotReplaceable
            | Self::BelowFilled
            | Self::UnsupportedScope
            | Self::TimeExpired
            | Self::OperatorCancel
            | Self::ReduceOnly
            | Self::SessionDisabled
            | Self::LoggedOut
            | Self::NotUnknown
            | Self::UnknownTooBriefly
            | Self::VenueNotAllowed
            | Self::BadDeadline
            | Self::PlaceLost => Cause::Asked,
            Self::InsufficientFunds
            | Self::FokNotFillable
            | Self::BelowMinimum
            | Self::NoLiquidity
            | Self::MinQtyNotFillable
            | Self::SelfMatch
            | Self::SelfMatchResting
            | Self::SelfMatchReduced => Cause::NothingToFill,
            Self::NoVenue
            | Self::CapacityReached
            | Self::RoundsExhausted
            | Self::VenueRefused
            | Self::VenueBusy
            | Self::VenuesRefused
            | Self::NoReference
            | Self::WaitedTooLong
            | Self::FokPartlyFilled
            | Self::SearchBound
            | Self::MinQtyNotReached => Cause::NotCarriedOut,
        }
    }
}

impl Wire for Refusal {
    #[inline]
    fn put(&self, w: &mut Writer<'_>) {
        (*self as u8).put(w);
    }
    fn get(r: &mut Reader<'_>) -> Result<Self, WireError> {
        Self::ALL.get(usize::from(u8::get(r)?)).copied().ok_or(WireError::Value)
    }
}

#[cfg(test)]
mod tests {
    use super::Refusal;

    #[test]
    fn the_list_of_all_is_in_the_order_of_their_numbers() {
        for (place, refusal) in Refusal::ALL.into_iter().enumerate() {
            assert_eq!(refusal as usize, place);
        }
    }
}
