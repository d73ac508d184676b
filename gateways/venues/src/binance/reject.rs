//! Binance's error codes and texts as the core's reasons.
//!
//! A line belongs here if it gives the meaning of a code. The codes are those of Binance's `errors`
//! document.

use rutter_core::input::VenueReject;
use rutter_transport::standing::Why;

/// Class of an error code for an order or cancel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::binance) enum Verdict {
    /// The venue refused the order or cancel.
    Refused(VenueReject),
    /// The venue does not know the outcome (-1006, -1007), so it must be asked by id.
    Unsure,
}

/// The meaning of a code (tag 25016 or JSON `code`) and its text. Some codes have several meanings
/// that only the text distinguishes.
pub(in crate::binance) fn verdict(code: i64, text: &[u8]) -> Verdict {
    let says = |words: &[u8]| text.windows(words.len()).any(|window| window == words);
    let reason = match code {
        -1006 | -1007 => return Verdict::Unsure,
        -1003 | -1015 | -1034 | -1181 => VenueReject::RateLimit,
        -1021 => VenueReject::Late,
        -2013 => VenueReject::UnknownOrder,
        -1111 => VenueReject::Filter,
        -1013 | -2010 | -2011 => {
            if says(b"insufficient balance") {
                VenueReject::InsufficientFunds
            } else if says(b"Duplicate order") {
                VenueReject::DuplicateId
            } else if says(b"Unknown order") {
                VenueReject::UnknownOrder
            } else if says(b"Market is closed") {
                VenueReject::MarketClosed
            } else if code == -1013 || says(b"Filter failure") {
                VenueReject::Filter
            } else {
                VenueReject::Other
            }
        }
        _ => VenueReject::Other,
    };
    Verdict::Refused(reason)
}

/// What an error code says about our session or key; `None` for a code about anything else.
pub(in crate::binance) const fn why(code: i64) -> Option<Why> {
    match code {
        -2014 | -2015 => Some(Why::WrongKey),
        -1022 => Some(Why::WrongSignature),
        -1021 => Some(Why::ClockOff),
        -1002 => Some(Why::NoPermission),
        -1003 | -1015 | -1034 => Some(Why::RestPaced),
        -1121 => Some(Why::UnlistedSymbol),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documented_errors_have_their_reason() {
        for (code, text, reason) in [
            (
                -2010,
                "Account has insufficient balance for requested action.",
                VenueReject::InsufficientFunds,
            ),
            (-2010, "Duplicate order sent.", VenueReject::DuplicateId),
            (-2010, "Order would immediately match and take.", VenueReject::Other),
            (-2010, "Market is closed.", VenueReject::MarketClosed),
            (-1013, "Market is closed.", VenueReject::MarketClosed),
            (-1013, "Filter failure: LOT_SIZE", VenueReject::Filter),
            (-1013, "Unknown order sent.", VenueReject::UnknownOrder),
            (-1111, "Parameter 'price' has too much precision.", VenueReject::Filter),
            (-2011, "Unknown order sent.", VenueReject::UnknownOrder),
            (-2011, "Order was not canceled due to cancel restrictions.", VenueReject::Other),
            (-1015, "Too many new orders; current limit is 50.", VenueReject::RateLimit),
            (-1003, "Too much request weight used;", VenueReject::RateLimit),
            (-1021, "Timestamp for this request is outside of the recvWindow.", VenueReject::Late),
            (-1121, "Invalid symbol.", VenueReject::Other),
            (0, "", VenueReject::Other),
        ] {
            assert_eq!(verdict(code, text.as_bytes()), Verdict::Refused(reason), "{code} {text}");
        }
    }

    #[test]
    fn an_unknown_outcome_is_no_refusal() {
        for code in [-1006, -1007] {
            assert_eq!(verdict(code, b"execution status unknown."), Verdict::Unsure);
        }
    }
}
