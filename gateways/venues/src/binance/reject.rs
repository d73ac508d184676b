//! Binance's error codes and texts as the core's reasons.
//!
//! A line belongs here if it gives the meaning of a code. The codes and texts are those of
//! Binance's documents (`errors.md`, `fix-api.md`, `filters.md`); `docs/venues.md` shows the table.

use rutter_core::input::VenueReject;
use rutter_transport::standing::Why;

use crate::answers::{self, Class, Code, Row, Says, Verdict, row};

/// The codes behind which only the text says what was refused.
const BY_TEXT: Code = Code::Among(&[-1_010, -1_013, -2_010, -2_011, -2_022, -2_038]);

/// An amend asks for what the order has already.
const NO_CHANGE: Says = Says::Has("would change no state");

const fn is(code: i64, class: Class) -> Row {
    row(Code::Is(code), Says::Anything, class)
}

const fn span(first: i64, last: i64, class: Class) -> Row {
    row(Code::Span(first, last), Says::Anything, class)
}

const fn any(words: &'static str, class: Class) -> Row {
    row(Code::Any, Says::Has(words), class)
}

const fn text(words: &'static str, class: Class) -> Row {
    row(BY_TEXT, Says::Has(words), class)
}

/// Every answer that the documents list. The first row that fits counts.
pub(in crate::binance) const ANSWERS: &[Row] = &[
    any("System is under maintenance", Class::VenueClosed),
    any("Too many requests. Please try again later", Class::RateLimit),
    any("API key does not exist", Class::Session).why(Why::WrongKey),
    any("has no operation privilege", Class::Session),
    any("Stop price would trigger immediately", Class::RefusedOrder),
    any("Limit orders require GTC for this phase", Class::ListingClosed),
    any("This order type is not possible", Class::RefusedStructural),
    text("insufficient balance", Class::InsufficientFunds),
    text("Duplicate order sent", Class::DuplicateId),
    text("Unknown order sent", Class::UnknownOrder),
    text("Market is closed", Class::ListingClosed),
    text("symbol is not permitted", Class::ListingClosed),
    text("symbol is restricted", Class::ListingClosed),
    text("not whitelisted", Class::ListingClosed),
    text("action is disabled on this account", Class::Session),
    text("account may not place or cancel orders", Class::Session),
    text("API trading is not enabled", Class::Session),
    text("immediately match", Class::RefusedOrder).of(VenueReject::WouldMatch),
    text("would trigger immediately", Class::RefusedOrder),
    text("Unsupported order combination", Class::RefusedStructural),
    text("Price * QTY is zero or less", Class::RefusedStructural),
    text("IcebergQty exceeds QTY", Class::RefusedStructural),
    text("not support", Class::RefusedStructural),
    text("pegged price", Class::RefusedStructural),
    text("price peg", Class::RefusedStructural),
    text("book liquidity is", Class::RefusedOrder),
    text("relationship of the prices", Class::RefusedStructural),
    text("cancel restrictions", Class::RefusedOrder),
    text("Cancel order is invalid", Class::RefusedStructural),
    row(BY_TEXT, NO_CHANGE, Class::RefusedOrder),
    text("Filter failure: PERCENT_PRICE", Class::RefusedStructural).of(VenueReject::PriceBand),
    text("Filter failure: MAX_NUM_ORDER_AMENDS", Class::RefusedStructural),
    // A cap of one pair, and a level, not a rate: nothing else of the venue is to wait for it.
    text("Filter failure: MAX_NUM_", Class::RateLimit).of(VenueReject::PairFull),
    text("Filter failure: EXCHANGE_MAX_NUM_", Class::RateLimit),
    text("Filter failure", Class::RefusedStructural),
    is(-1_000, Class::OutcomeUnknown),
    is(-1_001, Class::OutcomeUnknown),
    is(-1_002, Class::Session),
    is(-1_003, Class::RateLimit),
    is(-1_004, Class::VenueClosed),
    is(-1_006, Class::OutcomeUnknown),
    is(-1_007, Class::OutcomeUnknown),
    is(-1_008, Class::VenueClosed),
    // The order is never repeated, as with a filter.
    is(-1_013, Class::RefusedOrder).of(VenueReject::Filter),
    is(-1_014, Class::RefusedStructural),
    is(-1_015, Class::RateLimit),
    is(-1_016, Class::VenueClosed),
    is(-1_020, Class::RefusedStructural),
    // One late order says nothing of the next one: the breaker counts how many are late.
    is(-1_021, Class::Session).why(Why::ClockOff).of(VenueReject::Late),
    is(-1_022, Class::Session).why(Why::WrongSignature),
    is(-1_033, Class::Session).why(Why::LogonRefused),
    is(-1_034, Class::RateLimit),
    is(-1_035, Class::Session).why(Why::VenueLeaves),
    is(-1_099, Class::Session),
    span(-1_106, -1_100, Class::RefusedStructural),
    is(-1_108, Class::RefusedStructural),
    is(-1_111, Class::RefusedStructural),
    is(-1_112, Class::RefusedOrder),
    span(-1_120, -1_114, Class::RefusedStructural),
    is(-1_121, Class::ListingClosed),
    is(-1_122, Class::RefusedStructural),
    is(-1_125, Class::Session),
    is(-1_127, Class::RefusedStructural),
    is(-1_128, Class::RefusedStructural),
    is(-1_130, Class::RefusedStructural),
    is(-1_131, Class::RefusedStructural),
    is(-1_134, Class::RefusedStructural),
    is(-1_135, Class::RefusedStructural),
    is(-1_139, Class::RefusedStructural),
    is(-1_145, Class::RefusedStructural),
    span(-1_153, -1_151, Class::RefusedStructural),
    is(-1_155, Class::RefusedStructural),
    is(-1_158, Class::RefusedStructural),
    is(-1_160, Class::RefusedStructural),
    is(-1_161, Class::OutcomeUnknown),
    span(-1_174, -1_165, Class::RefusedStructural),
    span(-1_178, -1_175, Class::Session).why(Why::Protocol),
    // The venue has lost count of our messages: the rejected one may not be ours.
    is(OUT_OF_STEP, Class::Session).why(Why::SequenceGap).unsure(),
    is(-1_180, Class::Session).why(Why::Protocol),
    // The text of a Logout.
    is(-1_181, Class::RateLimit).unsure(),
    is(-1_182, Class::RefusedStructural),
    span(-1_187, -1_183, Class::Session),
    span(-1_189, -1_188, Class::RefusedStructural),
    is(-1_190, Class::DuplicateId),
    is(-1_191, Class::RateLimit),
    is(-1_194, Class::RefusedStructural),
    span(-1_199, -1_196, Class::RefusedStructural),
    span(-1_211, -1_210, Class::RefusedStructural),
    is(-1_220, Class::ListingClosed),
    span(-1_225, -1_221, Class::RefusedStructural),
    is(-2_008, Class::Session).why(Why::WrongKey),
    is(-2_013, Class::UnknownOrder),
    span(-2_015, -2_014, Class::Session).why(Why::WrongKey),
    is(-2_016, Class::Other),
    is(-2_021, Class::OutcomeUnknown),
    is(-2_022, Class::RefusedOrder),
    is(-2_026, Class::UnknownOrder),
    span(-2_036, -2_035, Class::Session).why(Why::SubscriptionRefused),
    is(-2_039, Class::UnknownOrder),
    is(-2_042, Class::Session).why(Why::SubscriptionRefused),
    is(-2_043, Class::Other),
    is(-3_022, Class::Session),
    is(-3_044, Class::VenueClosed),
    span(-3_999, -3_000, Class::Other),
    is(-4_004, Class::Session),
    is(-4_005, Class::RateLimit),
    span(-5_999, -4_000, Class::Other),
    span(-7_999, -6_000, Class::Other),
    is(-9_000, Class::Session),
    is(-10_001, Class::VenueClosed),
    span(-21_999, -10_002, Class::Other),
    is(-32_603, Class::RefusedStructural),
    is(400_002, Class::Session).why(Why::WrongSignature),
    is(100_001_003, Class::Session),
    is(200_003_903, Class::Session),
];

/// -1021: the venue finds our timestamp too old or too new.
pub(in crate::binance) const TIME_REFUSED: i64 = -1_021;

/// -1179: the venue expects another `MsgSeqNum` of us.
pub(in crate::binance) const OUT_OF_STEP: i64 = -1_179;

fn find(code: i64, text: &[u8]) -> Option<&'static Row> {
    answers::find(ANSWERS, code, &String::from_utf8_lossy(text))
}

/// What a code (tag 25016 or JSON `code`) and its text say of a new order.
pub(in crate::binance) fn verdict(code: i64, text: &[u8]) -> Verdict {
    answers::of_new(find(code, text))
}

/// What a code and its text say of a cancel.
pub(in crate::binance) fn cancel_verdict(code: i64, text: &[u8]) -> Verdict {
    answers::of_cancel(find(code, text))
}

/// What a code and its text say of an amend. Perhaps an earlier amend has done what this one asks.
pub(in crate::binance) fn amend_verdict(code: i64, text: &[u8]) -> Verdict {
    let row = find(code, text);
    match row.map(|row| row.says) {
        Some(NO_CHANGE) => Verdict::Unsure,
        Some(_) | None => answers::of_cancel(row),
    }
}

/// The class of a REST answer. The status of a limit counts whatever the body says; for the rest
/// the body of the venue counts before the status.
pub(in crate::binance) fn class_of_answer(status: u16, code: i64, text: &str) -> Class {
    match (class_of_status(status), answers::find(ANSWERS, code, text)) {
        (Class::RateLimit, _) | (_, None) => class_of_status(status),
        (_, Some(row)) => row.class,
    }
}

/// The class of a REST answer by its HTTP status, where its body says nothing.
pub(in crate::binance) const fn class_of_status(status: u16) -> Class {
    match status {
        // 403 is the venue's firewall, 418 a ban.
        403 | 418 | 429 => Class::RateLimit,
        400..=408 | 410..=499 => Class::RefusedOrder,
        _ => Class::OutcomeUnknown,
    }
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
    if text.contains("banned until ") {
        return banned_until_ns(text).unwrap_or_default().saturating_sub(now_ns);
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

/// The end of a ban that a text names, in nanoseconds since the Unix epoch.
pub(in crate::binance) fn banned_until_ns(text: &str) -> Option<u64> {
    let (_, until_ms) = text.split_once("banned until ")?;
    leading_number(until_ms).map(|until_ms| until_ms.saturating_mul(1_000_000))
}

/// The number that a text begins with.
fn leading_number(text: &str) -> Option<u64> {
    let end = text.bytes().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    text.get(..end)?.parse().ok()
}

/// What an error code says about our session, our key or our pace; `None` for a code about anything
/// else.
pub(in crate::binance) fn why(code: i64, text: &str) -> Option<Why> {
    answers::why(answers::find(ANSWERS, code, text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answers::published;

    #[test]
    fn documented_errors_have_their_reason() {
        for (code, text, reason) in [
            (
                -2010,
                "Account has insufficient balance for requested action.",
                VenueReject::InsufficientFunds,
            ),
            (-2010, "Order would immediately match and take.", VenueReject::WouldMatch),
            (-2010, "This symbol is restricted for this account.", VenueReject::MarketClosed),
            (-1013, "Filter failure: PERCENT_PRICE_BY_SIDE", VenueReject::PriceBand),
            (-1013, "Filter failure: MAX_NUM_ORDERS", VenueReject::PairFull),
            (-2010, "Market is closed.", VenueReject::MarketClosed),
            (-1013, "Market is closed.", VenueReject::MarketClosed),
            (-1013, "Filter failure: LOT_SIZE", VenueReject::Filter),
            (-1111, "Parameter 'price' has too much precision.", VenueReject::Filter),
            (-2011, "Order was not canceled due to cancel restrictions.", VenueReject::Other),
            (-1015, "Too many new orders; current limit is 50.", VenueReject::RateLimit),
            (-1003, "Too much request weight used;", VenueReject::RateLimit),
            (-1021, "Timestamp for this request is outside of the recvWindow.", VenueReject::Late),
            (-1121, "Invalid symbol.", VenueReject::MarketClosed),
            (-1102, "Field value was empty or malformed.", VenueReject::Filter),
            (-1112, "No orders on book for symbol.", VenueReject::Other),
        ] {
            assert_eq!(verdict(code, text.as_bytes()), Verdict::Refused(reason), "{code} {text}");
        }
        let unknown = Verdict::Refused(VenueReject::UnknownOrder);
        assert_eq!(cancel_verdict(-2011, b"Unknown order sent."), unknown);
        assert_eq!(cancel_verdict(-1013, b"Unknown order sent."), unknown);
        let same = b"The requested action would change no state; rejecting.";
        assert_eq!(amend_verdict(-2038, same), Verdict::Unsure);
        let more = b"Order amend (quantity increase) is not supported.";
        assert_eq!(amend_verdict(-2038, more), Verdict::Refused(VenueReject::Filter));
        assert_eq!(amend_verdict(-2038, b"Unknown order sent."), unknown);
    }

    #[test]
    fn an_unknown_outcome_is_no_refusal_and_an_unlisted_answer_is_one() {
        for code in [-1000, -1001, -1006, -1007, -1008] {
            assert_eq!(verdict(code, b"execution status unknown."), Verdict::Unsure);
        }
        for (code, text) in [
            (-2010, "Duplicate order sent."),
            (-2010, "Words that no document has."),
            (-1013, "Unknown order sent."),
            (-1999, "A new code."),
            (0, ""),
        ] {
            assert_eq!(verdict(code, text.as_bytes()), Verdict::Unsure, "{code} {text}");
        }
        assert_eq!(verdict(-2010, b"\xff"), Verdict::Unsure);
    }

    #[test]
    fn what_is_about_the_account_or_the_key_ends_the_session() {
        for (code, text) in [
            (-2010, "This action is disabled on this account."),
            (-2010, "This account may not place or cancel orders."),
            (-2010, "FIX API trading is not enabled."),
            (-2015, "Invalid API-key, IP, or permissions for action."),
        ] {
            assert_eq!(verdict(code, text.as_bytes()), Verdict::Session, "{code} {text}");
        }
    }

    /// Rows of the shared table that are no answer to a request of this adapter.
    const NOT_ASKED: [&str; 5] = ["WS 0-3", "eR", "r", "sapi status 1", "isLocked"];

    /// -1010 has the texts of -2010.
    fn sample(text: &str) -> &[u8] {
        let is_any = text.starts_with("ERROR_MSG_RECEIVED");
        if is_any { b"Order would trigger immediately." } else { text.as_bytes() }
    }

    #[test]
    fn every_answer_of_the_shared_table_has_its_class_and_what_is_safe() {
        let class = |code: &str, text: &str| {
            if let Some(status) = code.strip_prefix("HTTP ") {
                let status = status.replace("5XX", "500").replace("400-499", "400");
                return Some(class_of_status(status.parse().expect("a status")));
            }
            let code = match code {
                "any code" => 1,
                // A range of codes, less those that have rows of their own.
                range if range.contains("..") => {
                    let first = range.split("..").next().unwrap_or_default();
                    first.parse::<i64>().expect("a code") - 7
                }
                code => code.parse().ok()?,
            };
            Some(answers::class(find(code, sample(text))))
        };
        let order = |code: &str, text: &str| {
            let code = if code == "any code" { "1" } else { code };
            code.parse().map_or(Verdict::Unsure, |code| verdict(code, sample(text)))
        };
        published::check("binance", &NOT_ASKED, class, order);
    }

    #[test]
    fn the_page_shows_this_table() {
        published::page("Binance", ANSWERS);
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
