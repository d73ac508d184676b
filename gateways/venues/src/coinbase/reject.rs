//! Coinbase's refusals as the core's reasons.
//!
//! A line belongs here if it gives the meaning of an answer. FIX and REST share their texts. An
//! answer of FIX also has a code here: a thousand for each kind of message, and the venue's reason
//! in it. `docs/venues.md` shows the table.

use rutter_core::input::VenueReject;
use rutter_transport::standing::Why;

use crate::answers::{self, Class, Code, Row, Says, Verdict, row};

/// 35=3: 3000 and `SessionRejectReason` (373).
pub(in crate::coinbase) const REJECT: i64 = 3_000;
/// 35=5, a Logout.
pub(in crate::coinbase) const LOGOUT: i64 = 5_000;
/// 35=8: 8000 and `OrdRejReason` (103).
pub(in crate::coinbase) const REFUSED: i64 = 8_000;
/// 35=9: 9000 and `CxlRejReason` (102).
pub(in crate::coinbase) const CANCEL_REFUSED: i64 = 9_000;
/// 35=j: 10000 and `BusinessRejectReason` (380).
pub(in crate::coinbase) const BUSINESS: i64 = 10_000;

const fn any(words: &'static str, class: Class) -> Row {
    row(Code::Any, Says::Has(words), class)
}

const fn is(code: i64, class: Class) -> Row {
    row(Code::Is(code), Says::Anything, class)
}

/// Every answer that the documents list. The first row that fits counts.
pub(in crate::coinbase) const ANSWERS: &[Row] = &[
    any("under maintenance", Class::VenueClosed),
    any("rate limit exceeded", Class::RateLimit),
    any("queue full", Class::RateLimit),
    // A level of one product: nothing else of the venue is to wait for it.
    any("too many open orders", Class::RateLimit).of(VenueReject::PairFull),
    any("Insufficient funds", Class::InsufficientFunds),
    any("duplicate client_oid", Class::DuplicateId),
    any("order not found", Class::UnknownOrder),
    any("Order already done", Class::UnknownOrder),
    any("NotFound", Class::UnknownOrder),
    any("Product not found", Class::ListingClosed),
    any("Trading pair not available", Class::ListingClosed),
    any("Cancel only mode", Class::ListingClosed),
    any("Post only mode", Class::ListingClosed),
    any("Limit only mode", Class::ListingClosed),
    any("Trading disabled", Class::ListingClosed),
    any("is not a valid product", Class::ListingClosed),
    any("delisted", Class::ListingClosed),
    any("Invalid API Key", Class::Session).why(Why::WrongKey),
    any("Invalid Passphrase", Class::Session).why(Why::WrongKey),
    any("invalid signature", Class::Session).why(Why::WrongSignature),
    any("invalid timestamp", Class::Session).why(Why::ClockOff),
    any("request timestamp expired", Class::Session).why(Why::ClockOff),
    any("Unauthorized", Class::Session),
    any("Forbidden", Class::Session),
    any("IP whitelist", Class::Session).why(Why::WrongKey),
    any("profile not found", Class::Session),
    any("deleted profile", Class::Session),
    any("requires authentication", Class::Session).why(Why::SubscriptionRefused),
    any("require authentication", Class::Session).why(Why::SubscriptionRefused),
    any("authentication fail", Class::Session).why(Why::WrongKey),
    any("post only", Class::RefusedOrder).of(VenueReject::WouldMatch),
    any("is too accurate", Class::RefusedStructural),
    any("is too small", Class::RefusedStructural),
    any("is too large", Class::RefusedStructural),
    any("price too small", Class::RefusedStructural),
    any("price too precise", Class::RefusedStructural),
    any("is required", Class::RefusedStructural),
    row(Code::Any, Says::Begins("Invalid "), Class::RefusedStructural),
    is(REJECT + 8, Class::Session).why(Why::WrongSignature),
    is(REJECT + 9, Class::Session).why(Why::WrongKey),
    is(REJECT + 10, Class::Session).why(Why::ClockOff),
    is(REJECT + 99, Class::OutcomeUnknown),
    row(Code::Span(REJECT, REJECT + 6), Says::Anything, Class::RefusedStructural),
    is(REJECT + 11, Class::RefusedStructural),
    row(Code::Span(REJECT + 13, REJECT + 18), Says::Anything, Class::RefusedStructural),
    is(LOGOUT, Class::Session).why(Why::VenueLeaves),
    is(REFUSED, Class::RefusedOrder),
    is(REFUSED + 1, Class::ListingClosed),
    is(REFUSED + 5, Class::UnknownOrder),
    is(CANCEL_REFUSED + 1, Class::UnknownOrder),
    is(CANCEL_REFUSED + 2, Class::Other),
    row(Code::Span(BUSINESS + 1, BUSINESS + 2), Says::Anything, Class::RefusedStructural),
];

fn find(code: i64, text: &[u8]) -> Option<&'static Row> {
    answers::find(ANSWERS, code, &String::from_utf8_lossy(text))
}

/// What an answer says of a new order.
pub(in crate::coinbase) fn verdict(code: i64, text: &[u8]) -> Verdict {
    answers::of_new(find(code, text))
}

/// What an answer says of a cancel or a replace.
pub(in crate::coinbase) fn cancel_verdict(code: i64, text: &[u8]) -> Verdict {
    answers::of_cancel(find(code, text))
}

/// What an answer says of our session, our key or our pace; `None` for an answer about anything
/// else.
pub(in crate::coinbase) fn why(code: i64, text: &str) -> Option<Why> {
    answers::why(answers::find(ANSWERS, code, text))
}

/// The class of a REST answer. The status of a limit counts whatever the body says; for the rest
/// the body of the venue counts before the status.
pub(in crate::coinbase) fn class_of_answer(status: u16, text: &str) -> Class {
    match (class_of_status(status), answers::find(ANSWERS, 0, text)) {
        (Class::RateLimit, _) | (_, None) => class_of_status(status),
        (_, Some(row)) => row.class,
    }
}

/// The class of a REST answer by its HTTP status, where its body says nothing.
pub(in crate::coinbase) const fn class_of_status(status: u16) -> Class {
    match status {
        401 | 403 => Class::Session,
        404 => Class::UnknownOrder,
        429 => Class::RateLimit,
        400..=499 => Class::RefusedOrder,
        503 => Class::VenueClosed,
        _ => Class::OutcomeUnknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answers::published;

    #[test]
    fn documented_refusals_have_their_reason() {
        for (code, text, reason) in [
            (8_000, "Insufficient funds", VenueReject::InsufficientFunds),
            (8_000, "post only", VenueReject::WouldMatch),
            (8_000, "Post only mode", VenueReject::MarketClosed),
            (8_001, "", VenueReject::MarketClosed),
            (8_000, "size is too small. Minimum size is 0.001", VenueReject::Filter),
            (8_000, "too many open orders", VenueReject::PairFull),
            (8_000, "Private rate limit exceeded", VenueReject::RateLimit),
            (8_000, "words that no document has", VenueReject::Other),
            (3_005, "Value is incorrect for this tag", VenueReject::Filter),
            (10_002, "", VenueReject::Filter),
        ] {
            assert_eq!(verdict(code, text.as_bytes()), Verdict::Refused(reason), "{code} {text}");
        }
        let unknown = Verdict::Refused(VenueReject::UnknownOrder);
        assert_eq!(cancel_verdict(9_001, b"Unknown order"), unknown);
        assert_eq!(cancel_verdict(9_002, b"Order already done"), unknown);
    }

    #[test]
    fn an_unknown_outcome_is_no_refusal_and_a_key_that_is_refused_ends_the_session() {
        for (code, text) in [(3_099, ""), (8_000, "duplicate client_oid"), (8_007, ""), (0, "")] {
            assert_eq!(verdict(code, text.as_bytes()), Verdict::Unsure, "{code} {text}");
        }
        for (code, text) in [(3_008, ""), (3_010, ""), (8_000, "Invalid API Key")] {
            assert_eq!(verdict(code, text.as_bytes()), Verdict::Session, "{code} {text}");
        }
    }

    /// Rows of the shared table that are no answer to a request of this adapter: the channel
    /// `user`, mass cancels, batches, market data over FIX, and ends of a link.
    const NOT_ASKED: [&str; 15] = [
        "HTTP 200",
        "no answer within",
        "status=rejected",
        "done_reason",
        "cancel_reason",
        "{\"type\":\"error\"",
        "subscription limit",
        "no subscribe",
        "ErrSlow",
        "Message too big",
        "FIX 35=8 150",
        "FIX 35=r",
        "FIX 35=U5",
        "FIX 35=Y",
        "FIX TCP",
    ];

    /// Code and text of an answer, as a row of the shared table names it by its first column.
    fn answer(cell: &str) -> (i64, String) {
        let number = |text: &str| -> i64 {
            let digits = text.bytes().take_while(u8::is_ascii_digit).count();
            text[..digits].parse().expect("a number")
        };
        for (begin, base) in [
            ("FIX 35=3 373=", REJECT),
            ("FIX 35=j 380=", BUSINESS),
            ("FIX 35=8 39=8 103=", REFUSED),
            ("FIX 35=9 102=", CANCEL_REFUSED),
        ] {
            if let Some(rest) = cell.strip_prefix(begin) {
                return (base + number(rest), String::new());
            }
        }
        if cell == "FIX 35=5" {
            return (LOGOUT, String::new());
        }
        let text = cell.split(" / ").next().unwrap_or_default();
        let text = text.strip_prefix("reason: ").or(text.strip_prefix("message: ")).unwrap_or(text);
        (0, text.to_owned())
    }

    #[test]
    fn every_answer_of_the_shared_table_has_its_class_and_what_is_safe() {
        let class = |cell: &str, _: &str| {
            if let Some(status) = cell.strip_prefix("HTTP ") {
                let status = status.split(' ').next().unwrap_or_default();
                return Some(class_of_status(status.parse().expect("a status")));
            }
            let (code, text) = answer(cell);
            Some(answers::class(find(code, text.as_bytes())))
        };
        let order = |cell: &str, _: &str| {
            let (code, text) = answer(cell);
            verdict(code, text.as_bytes())
        };
        published::check("coinbase", &NOT_ASKED, class, order);
    }

    #[test]
    fn the_page_shows_this_table() {
        published::page("Coinbase", ANSWERS);
    }
}
