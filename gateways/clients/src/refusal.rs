//! The one table of refusals in FIX: code and text of each.
//!
//! A line belongs here if it says how a [`Refusal`] is written outside. When an order is refused is
//! the core's.

use rutter_core::input::Refusal;
use rutter_fix::dictionary::Version;

/// The FIX codes and the text of a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RefusalCodes {
    /// `OrdRejReason` (103) of a rejected order; FIX 4.4 volume 6.
    order_code: u16,
    /// `CxlRejReason` (102) of a rejected cancel; FIX 4.4 volume 6.
    cancel_code: u16,
    /// `Text` (58): the name of the enum's variant, letter by letter, as logs and tests have it.
    pub word: &'static str,
}

impl RefusalCodes {
    /// `OrdRejReason` (103) in a version: FIX 4.2 ends at 8, and a higher code is told as 0,
    /// broker's option.
    pub fn order_code(&self, version: Version) -> u16 {
        if version == Version::Fix42 && self.order_code > 8 { 0 } else { self.order_code }
    }

    /// `CxlRejReason` (102) in a version: FIX 4.2 ends at 3, and a higher code is told as 2,
    /// broker's option.
    pub fn cancel_code(&self, version: Version) -> u16 {
        if version == Version::Fix42 && self.cancel_code > 3 { 2 } else { self.cancel_code }
    }
}

/// The FIX codes and the text of a refusal.
///
/// 103: 0 broker option, 1 unknown symbol, 2 exchange closed, 3 exceeds limit, 5 unknown order,
/// 6 duplicate order, 11 unsupported characteristic, 13 incorrect quantity, 15 unknown account,
/// 99 other. 102: 0 too late, 1 unknown order, 2 broker option, 3 already pending, 6 duplicate
/// `ClOrdID`, 99 other.
pub const fn codes(refusal: Refusal) -> RefusalCodes {
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
        Refusal::UnknownVenue => (11, 99, "UnknownVenue"),
        Refusal::UnsupportedExecInst => (11, 99, "UnsupportedExecInst"),
        Refusal::UnsupportedStrategy => (11, 99, "UnsupportedStrategy"),
        Refusal::UnsupportedSchedule => (11, 99, "UnsupportedSchedule"),
        Refusal::BadExpireTime => (99, 99, "BadExpireTime"),
        Refusal::UnsupportedMinQty => (11, 99, "UnsupportedMinQty"),
        Refusal::UnsupportedDisplayQty => (11, 99, "UnsupportedDisplayQty"),
        Refusal::UnsupportedCashQty => (11, 99, "UnsupportedCashQty"),
        Refusal::ConnectionLost => (0, 2, "ConnectionLost"),
        Refusal::SystemFailure => (0, 2, "SystemFailure"),
        Refusal::MassCancel => (0, 2, "MassCancel"),
        Refusal::NotReplaceable => (11, 2, "NotReplaceable"),
        Refusal::BelowFilled => (13, 2, "BelowFilled"),
        Refusal::UnsupportedScope => (11, 99, "UnsupportedScope"),
        Refusal::TimeExpired => (4, 0, "TimeExpired"),
        Refusal::OperatorCancel => (0, 2, "OperatorCancel"),
        Refusal::ReduceOnly => (0, 2, "ReduceOnly"),
        Refusal::SessionDisabled => (2, 2, "SessionDisabled"),
        Refusal::LoggedOut => (2, 2, "LoggedOut"),
        Refusal::VenuesRefused => (0, 2, "VenuesRefused"),
        Refusal::VenueNotAllowed => (11, 99, "VenueNotAllowed"),
        Refusal::MinQtyNotFillable => (0, 99, "MinQtyNotFillable"),
        Refusal::MinQtyNotReached => (0, 2, "MinQtyNotReached"),
        Refusal::BadDeadline => (99, 99, "BadDeadline"),
        Refusal::NoReference => (2, 2, "NoReference"),
        Refusal::WaitedTooLong => (4, 0, "WaitedTooLong"),
        Refusal::NotUnknown => (0, 2, "NotUnknown"),
        Refusal::UnknownTooBriefly => (0, 2, "UnknownTooBriefly"),
        Refusal::FokPartlyFilled => (0, 2, "FokPartlyFilled"),
        Refusal::SelfMatch => (0, 2, "SelfMatch"),
        Refusal::SelfMatchResting => (0, 2, "SelfMatchResting"),
        Refusal::SelfMatchReduced => (0, 2, "SelfMatchReduced"),
        Refusal::PlaceLost => (0, 2, "PlaceLost"),
        Refusal::SearchBound => (0, 2, "SearchBound"),
    };
    RefusalCodes { order_code, cancel_code, word }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The compiler checks that the `match` above is complete. This checks that each text is the
    /// name of its variant.
    #[test]
    fn every_refusal_goes_by_its_own_name_and_a_code_of_the_specification() {
        for refusal in Refusal::ALL {
            let told = codes(refusal);
            assert_eq!(told.word, format!("{refusal:?}"));
            assert!(matches!(told.order_code, 0..=15 | 99), "{refusal:?}");
            assert!(matches!(told.cancel_code, 0..=6 | 99), "{refusal:?}");
        }
    }
}
