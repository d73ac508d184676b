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
    /// The outcome is not known, so the venue must be asked by id: internal errors (-1000, -1001),
    /// no answer from within (-1006, -1007), overload (-1008), an amend that would change nothing.
    Unsure,
}

/// The meaning of a code (tag 25016 or JSON `code`) and its text. Some codes have several meanings
/// that only the text distinguishes.
pub(in crate::binance) fn verdict(code: i64, text: &[u8]) -> Verdict {
    let says = |words: &[u8]| text.windows(words.len()).any(|window| window == words);
    let reason = match code {
        -1000 | -1001 | -1006 | -1007 | -1008 => return Verdict::Unsure,
        -1003 | -1015 | -1034 | -1181 => VenueReject::RateLimit,
        -1121 | -1220 => VenueReject::MarketClosed,
        -1021 => VenueReject::Late,
        -2013 => VenueReject::UnknownOrder,
        // A field of ours is missing, malformed or not allowed; -1112 is an empty book.
        -1112 => VenueReject::Other,
        -1120..=-1100 | -1014 | -1020 | -1128 | -1130 => VenueReject::Filter,
        // Perhaps an earlier amend has done it.
        -2038 if says(b"would change no state") => return Verdict::Unsure,
        -1010 | -1013 | -2010 | -2011 | -2038 => {
            if says(b"insufficient balance") {
                VenueReject::InsufficientFunds
            } else if says(b"Duplicate order") {
                VenueReject::DuplicateId
            } else if says(b"Unknown order") {
                VenueReject::UnknownOrder
            } else if says(b"Market is closed")
                || says(b"symbol is not permitted")
                || says(b"symbol is restricted")
                || says(b"not whitelisted")
            {
                VenueReject::MarketClosed
            } else if says(b"immediately match") {
                VenueReject::WouldMatch
            } else if says(b"PERCENT_PRICE") {
                VenueReject::PriceBand
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

/// Longest interval of a limit that is waited for, in nanoseconds. Of a longer one, such as a day,
/// the text does not tell how much is left.
const INTERVAL_MAX_NS: u64 = 60_000_000_000;

/// How long the venue wants no request, out of the text of a rate limit, in nanoseconds. Zero if
/// the text names no time.
///
/// Texts: `... current limit is 50 orders per 10 SECOND.`, and `IP banned until 1790000000000`,
/// Unix time in milliseconds.
pub(in crate::binance) fn retry_after_ns(text: &[u8], now_ns: u64) -> u64 {
    let text = core::str::from_utf8(text).unwrap_or_default();
    if let Some((_, until)) = text.split_once("banned until ") {
        let until_ms = leading_number(until).unwrap_or_default();
        return until_ms.saturating_mul(1_000_000).saturating_sub(now_ns);
    }
    let interval = text.rsplit_once(" per ").map_or("", |(_, interval)| interval);
    let (number, unit) = interval.split_once(' ').unwrap_or_default();
    let unit_ns = match unit.trim_end_matches('.') {
        "SECOND" => 1_000_000_000,
        "MINUTE" => 60_000_000_000,
        _ => 0,
    };
    let interval_ns = leading_number(number).unwrap_or_default().saturating_mul(unit_ns);
    if interval_ns > INTERVAL_MAX_NS { 0 } else { interval_ns }
}

/// The number that a text begins with.
fn leading_number(text: &str) -> Option<u64> {
    let end = text.bytes().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    text.get(..end)?.parse().ok()
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
            (-2010, "Order would immediately match and take.", VenueReject::WouldMatch),
            (-2010, "This symbol is restricted for this account.", VenueReject::MarketClosed),
            (-1013, "Filter failure: PERCENT_PRICE_BY_SIDE", VenueReject::PriceBand),
            (-1013, "Filter failure: MAX_NUM_ORDERS", VenueReject::Filter),
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
            (-1121, "Invalid symbol.", VenueReject::MarketClosed),
            (-1102, "Field value was empty or malformed.", VenueReject::Filter),
            (-1112, "No orders on book for symbol.", VenueReject::Other),
            (0, "", VenueReject::Other),
        ] {
            assert_eq!(verdict(code, text.as_bytes()), Verdict::Refused(reason), "{code} {text}");
        }
    }

    #[test]
    fn an_unknown_outcome_is_no_refusal() {
        for code in [-1000, -1001, -1006, -1007, -1008] {
            assert_eq!(verdict(code, b"execution status unknown."), Verdict::Unsure);
        }
    }

    #[test]
    fn a_rate_limit_says_how_long_it_lasts_or_nothing() {
        const NOW_NS: u64 = 1_790_000_000_000_000_000;
        for (text, seconds) in [
            ("Too many new orders; current limit is 50 orders per 10 SECOND.", 10),
            ("Too much request weight used; current limit is 6000 per 1 MINUTE.", 60),
            ("Too many new orders; current limit is 160000 orders per 1 DAY.", 0),
            ("Too many new orders; current limit is 9 orders per 90 SECOND.", 0),
            ("Way too much request weight used; IP banned until 1790000120000. Please", 120),
            ("IP banned until 1789999999999", 0),
            ("IP banned until soon", 0),
            ("limit per 99999999999999999999 SECOND", 0),
            ("Too many requests queued.", 0),
            (" per ", 0),
            ("", 0),
        ] {
            assert_eq!(retry_after_ns(text.as_bytes(), NOW_NS), seconds * 1_000_000_000, "{text}");
        }
        assert_eq!(retry_after_ns(b"banned until 18446744073709551615", 0), u64::MAX);
        assert_eq!(retry_after_ns(b"per 10 \xff", NOW_NS), 0);
    }
}
