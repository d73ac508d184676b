//! The one table of refusals on the wire.
//!
//! A line belongs here if it says how a [`Refusal`] is called outside. When the core refuses is the
//! core's.

use rutter_core::input::Refusal;

/// How a refusal is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told {
    /// `OrdRejReason` (103) of a rejected order; FIX 4.4 volume 6.
    pub order_code: u16,
    /// `CxlRejReason` (102) of a rejected cancel; FIX 4.4 volume 6.
    pub cancel_code: u16,
    /// `Text` (58): the name of the enum's variant, letter by letter, as logs and tests have it.
    pub word: &'static str,
}

/// How a refusal is told, by code and word.
///
/// 103: 0 broker option, 1 unknown symbol, 2 exchange closed, 3 exceeds limit, 5 unknown order,
/// 6 duplicate order, 11 unsupported characteristic, 13 incorrect quantity, 15 unknown account,
/// 99 other. 102: 0 too late, 1 unknown order, 2 broker option, 3 already pending, 6 duplicate
/// `ClOrdID`, 99 other.
pub const fn told(refusal: Refusal) -> Told {
    let (order_code, cancel_code, word) = match refusal {
        Refusal::None => (99, 99, "None"),
        Refusal::DuplicateClOrdId => (6, 6, "DuplicateClOrdId"),
        Refusal::UnknownSymbol => (1, 99, "UnknownSymbol"),
        Refusal::BadQuantity => (13, 99, "BadQuantity"),
        Refusal::BadPrice => (99, 99, "BadPrice"),
        Refusal::QuantityTooLarge => (3, 99, "QuantityTooLarge"),
        Refusal::NotionalTooLarge => (3, 99, "NotionalTooLarge"),
        Refusal::PriceCollar => (3, 99, "PriceCollar"),
        Refusal::RateExceeded => (3, 99, "RateExceeded"),
        Refusal::Halted => (2, 2, "Halted"),
        Refusal::NoVenue => (2, 2, "NoVenue"),
        Refusal::InsufficientFunds => (3, 99, "InsufficientFunds"),
        Refusal::FokNotFillable => (0, 99, "FokNotFillable"),
        Refusal::BelowMinimum => (13, 99, "BelowMinimum"),
        Refusal::TooManyOpenOrders => (3, 99, "TooManyOpenOrders"),
        Refusal::CapacityReached => (0, 2, "CapacityReached"),
        Refusal::UnsupportedField => (11, 99, "UnsupportedField"),
        Refusal::UnsupportedType => (11, 99, "UnsupportedType"),
        Refusal::WrongAccount => (15, 99, "WrongAccount"),
        Refusal::UnknownOrder => (5, 1, "UnknownOrder"),
        Refusal::TooLateToCancel => (99, 0, "TooLateToCancel"),
        Refusal::AlreadyPending => (99, 3, "AlreadyPending"),
        Refusal::NoLiquidity => (0, 2, "NoLiquidity"),
        Refusal::DayEnd => (2, 2, "DayEnd"),
        Refusal::ClientRequest => (99, 99, "ClientRequest"),
        Refusal::RoundsExhausted => (0, 2, "RoundsExhausted"),
        Refusal::KillSwitch => (0, 2, "KillSwitch"),
        Refusal::VenueRefused => (0, 2, "VenueRefused"),
        Refusal::VenueBusy => (0, 2, "VenueBusy"),
    };
    Told { order_code, cancel_code, word }
}

/// Every refusal there is, in the order of the enum.
pub const ALL: [Refusal; 29] = [
    Refusal::None,
    Refusal::DuplicateClOrdId,
    Refusal::UnknownSymbol,
    Refusal::BadQuantity,
    Refusal::BadPrice,
    Refusal::QuantityTooLarge,
    Refusal::NotionalTooLarge,
    Refusal::PriceCollar,
    Refusal::RateExceeded,
    Refusal::Halted,
    Refusal::NoVenue,
    Refusal::InsufficientFunds,
    Refusal::FokNotFillable,
    Refusal::BelowMinimum,
    Refusal::TooManyOpenOrders,
    Refusal::CapacityReached,
    Refusal::UnsupportedField,
    Refusal::UnsupportedType,
    Refusal::WrongAccount,
    Refusal::UnknownOrder,
    Refusal::TooLateToCancel,
    Refusal::AlreadyPending,
    Refusal::NoLiquidity,
    Refusal::DayEnd,
    Refusal::ClientRequest,
    Refusal::RoundsExhausted,
    Refusal::KillSwitch,
    Refusal::VenueRefused,
    Refusal::VenueBusy,
];

#[cfg(test)]
mod tests {
    use super::*;

    /// The `match` above is complete by the compiler; this holds the words to the names.
    #[test]
    fn every_refusal_goes_by_its_own_name_and_a_code_of_the_specification() {
        for (place, refusal) in ALL.into_iter().enumerate() {
            assert_eq!(refusal as usize, place);
            let told = told(refusal);
            assert_eq!(told.word, format!("{refusal:?}"));
            assert!(matches!(told.order_code, 0..=15 | 99), "{refusal:?}");
            assert!(matches!(told.cancel_code, 0..=6 | 99), "{refusal:?}");
        }
    }
}
