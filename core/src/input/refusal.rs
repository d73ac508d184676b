//! The words for "no".
//!
//! A line belongs here if it names a reason. What a client is told of it is the gateway's.

use crate::wire::{Reader, Wire, WireError, Writer};

/// Refusals of orders and cancels. The same word goes on the wire, in the log and in the tests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Refusal {
    /// No refusal.
    #[default]
    None = 0,
    /// The `ClOrdID` was used before.
    DuplicateClOrdId = 1,
    /// No such instrument.
    UnknownSymbol = 2,
    /// The quantity is zero, negative, or not a multiple of any listing's lot.
    BadQuantity = 3,
    /// The price is zero, negative, or not a multiple of any listing's tick.
    BadPrice = 4,
    /// More than the instrument's largest order.
    QuantityTooLarge = 5,
    /// More than the account's largest order value.
    NotionalTooLarge = 6,
    /// The limit is too far through the market.
    PriceCollar = 7,
    /// Too many orders a second.
    RateExceeded = 8,
    /// Trading is halted.
    Halted = 9,
    /// No venue is up with a trusted book.
    NoVenue = 10,
    /// No venue has the funds.
    InsufficientFunds = 11,
    /// No single venue can fill it whole now.
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
    /// No order of that id.
    UnknownOrder = 19,
    /// The order is already over.
    TooLateToCancel = 20,
    /// A cancel of it is already on its way.
    AlreadyPending = 21,
    /// Nothing more within the order's limits (remainder of an order that does not wait).
    NoLiquidity = 22,
    /// The day is over.
    DayEnd = 23,
    /// The client asked for it.
    ClientRequest = 24,
    /// Routed as often as is allowed.
    RoundsExhausted = 25,
    /// The kill switch.
    KillSwitch = 26,
    /// The venue does not give it back.
    VenueRefused = 27,
    /// Every venue that could take it has too many orders to answer, or none left in its window.
    VenueBusy = 28,
    /// No venue of that name.
    UnknownVenue = 29,
    /// An execution instruction that is not carried out.
    UnsupportedExecInst = 30,
    /// Algorithms are not carried out.
    UnsupportedStrategy = 31,
    /// Orders for later are not carried out.
    UnsupportedSchedule = 32,
    /// The order's end is missing, in the past, or not one that its time in force has.
    BadExpireTime = 33,
    /// A minimum quantity is not carried out.
    UnsupportedMinQty = 34,
    /// A display quantity is not carried out.
    UnsupportedDisplayQty = 35,
    /// An order by amount is not carried out.
    UnsupportedCashQty = 36,
    /// The client's connection was lost, and it or the order wanted this then.
    ConnectionLost = 37,
    /// The node was down, and the order wanted this then.
    SystemFailure = 38,
    /// A mass cancel.
    MassCancel = 39,
    /// More than quantity and price would change.
    NotReplaceable = 40,
    /// The new quantity is not above what is filled.
    BelowFilled = 41,
    /// The request's scope is not one that is carried out.
    UnsupportedScope = 42,
    /// Its time is over.
    TimeExpired = 43,
    /// An operator cancelled it.
    OperatorCancel = 44,
    /// Only what reduces the position is taken.
    ReduceOnly = 45,
}

impl Refusal {
    /// Every one of them, in the order of their numbers.
    pub const ALL: [Self; 46] = [
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
    ];
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
