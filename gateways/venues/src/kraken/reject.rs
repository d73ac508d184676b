//! Kraken's error texts as the core's reasons.
//!
//! A line belongs here if it gives the meaning of an error text. The texts are the same on
//! WebSocket and REST; `docs/venues.md` shows the table.

use rutter_core::input::VenueReject;
use rutter_transport::standing::Why;

use crate::answers::{self, Class, Code, Row, Says, Verdict, row};

const fn text(begin: &'static str, class: Class) -> Row {
    row(Code::Any, Says::Begins(begin), class)
}

/// Every answer that the documents list. The first row that fits counts.
pub(in crate::kraken) const ANSWERS: &[Row] = &[
    text("EAPI:Invalid key", Class::Session).why(Why::WrongKey),
    text("EAPI:Invalid signature", Class::Session).why(Why::WrongSignature),
    text("EAPI:Invalid nonce", Class::Session).why(Why::NonceRefused),
    text("EAPI:Bad request", Class::RefusedStructural),
    text("EAPI:Feature disabled", Class::RefusedStructural),
    text("EAPI:Rate limit exceeded", Class::RateLimit),
    // The documents have it of queries alone.
    text("EService:Throttled", Class::RateLimit).unsure(),
    text("EGeneral:Too many requests", Class::RateLimit),
    text("EAuth:Rate limit exceeded", Class::RateLimit),
    text("EAuth:Too many requests", Class::RateLimit),
    text("EAuth:Account temporary disabled", Class::Session),
    text("EAuth:Account unconfirmed", Class::Session),
    text("EGeneral:Temporary lockout", Class::Session).why(Why::RestBanned),
    text("EGeneral:Permission denied", Class::Session),
    text("EGeneral:Unknown method", Class::RefusedStructural),
    text("EGeneral:Internal error", Class::OutcomeUnknown),
    text("EGeneral:Invalid arguments:cl_ord_id", Class::DuplicateId),
    text("EGeneral:Invalid arguments:Index unavailable", Class::RefusedOrder),
    text("EGeneral:Invalid arguments:nonce", Class::Session).why(Why::NonceRefused),
    text("EGeneral:Invalid arguments", Class::RefusedStructural),
    row(
        Code::Any,
        Says::Both("EAccount:Invalid permissions:", "trading restricted"),
        Class::ListingClosed,
    ),
    text("EAccount:Invalid permissions", Class::Session),
    text("EBM:limit exceeded", Class::ListingClosed),
    text("EOrder:Insufficient funds", Class::InsufficientFunds),
    text("EOrder:Insufficient margin", Class::RefusedOrder),
    text("EOrder:Insufficient initial margin", Class::InsufficientFunds),
    text("EOrder:Order minimum not met", Class::RefusedStructural),
    text("EOrder:Cost minimum not met", Class::RefusedStructural),
    text("EOrder:Tick size check failed", Class::RefusedStructural),
    text("EOrder:Invalid price", Class::RefusedStructural),
    text("EOrder:Invalid volume", Class::RefusedStructural),
    text("EOrder:Invalid order", Class::UnknownOrder),
    text("EOrder:Unknown order", Class::UnknownOrder),
    text("EOrder:Order too old", Class::RefusedOrder).of(VenueReject::Late),
    text("EOrder:Cancel pending", Class::OutcomeUnknown),
    text("EOrder:Order not editable", Class::RefusedOrder),
    text("EOrder:Not enough leaves qty", Class::RefusedStructural),
    text("EOrder:Post only order", Class::RefusedOrder).of(VenueReject::WouldMatch),
    text("EOrder:Rate limit exceeded", Class::RateLimit),
    text("EOrder:Domain rate limit exceeded", Class::RateLimit),
    // A cap of one pair, and a level, not a rate: nothing else of the venue is to wait for it.
    text("EOrder:Orders limit exceeded", Class::RateLimit).of(VenueReject::PairFull),
    text("EOrder:Scheduled orders limit exceeded", Class::RateLimit),
    text("EOrder:Positions limit exceeded", Class::RateLimit),
    text("EOrder:Unknown position", Class::UnknownOrder),
    text("EOrder:Cannot open position", Class::ListingClosed),
    text("EOrder:Cannot open opposing position", Class::RefusedOrder),
    text("EOrder:Margin allowance exceeded", Class::InsufficientFunds),
    text("EOrder:Margin level too low", Class::InsufficientFunds),
    text("EOrder:Margin position size exceeded", Class::RefusedStructural),
    text("EOrder:Reduce only:No position exists", Class::RefusedOrder),
    text("EOrder:Reduce only:Position is closed", Class::OutcomeUnknown),
    text("EOrder:Reduce only:Non-PC", Class::ListingClosed),
    text("EOrder:Reduce only:Non-ECP", Class::ListingClosed),
    text("EOrder:Trading agreement required", Class::Session),
    text("EService:Unavailable", Class::VenueClosed),
    text("EService:Busy", Class::VenueClosed),
    text("EService:Timeout", Class::OutcomeUnknown),
    text("EService:Deadline elapsed", Class::OutcomeUnknown),
    text("EService:Market in maintenance", Class::VenueClosed),
    text("EService:Market in", Class::ListingClosed).why(Why::VenueClosed),
    text("EQuery:Unknown asset", Class::ListingClosed),
    text("EQuery:Invalid asset pair", Class::ListingClosed),
    text("ESession:Invalid session", Class::Session).why(Why::SubscriptionRefused),
    text("ETrade:Invalid request", Class::RefusedStructural),
    text("ETrade:Locked", Class::Session),
    text("ETrade:User Locked", Class::Session),
    text("EDatabase:Internal error", Class::OutcomeUnknown),
    text("EFunding:", Class::Other),
    text("Event(s) not found", Class::RefusedStructural),
    text("Already subscribed", Class::Other),
    text("Currency pair not supported", Class::ListingClosed),
    text("Currency pair not in ISO 4217-A3 format", Class::RefusedStructural),
    text("Malformed request", Class::RefusedStructural),
    text("Pair field", Class::RefusedStructural),
    text("Pair(s) not found", Class::ListingClosed),
    text("Subscription", Class::RefusedStructural),
    // A warning: the request has succeeded.
    text("W", Class::Other),
];

fn find(error: &str) -> Option<&'static Row> {
    answers::find(ANSWERS, 0, error)
}

/// The class of an error text.
pub(in crate::kraken) fn class(error: &str) -> Class {
    answers::class(find(error))
}

/// What an error text such as `EOrder:Insufficient funds` says of a new order.
pub(in crate::kraken) fn verdict(error: &str) -> Verdict {
    answers::of_new(find(error))
}

/// What an error text says of a cancel.
pub(in crate::kraken) fn cancel_verdict(error: &str) -> Verdict {
    answers::of_cancel(find(error))
}

/// The error that counts among those of one answer, by its class; `None` if the request has
/// succeeded, perhaps with warnings.
pub(in crate::kraken) fn worst<'a>(errors: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let errors = errors.filter(|error| !error.starts_with('W'));
    let mut worst: Option<(Class, &str)> = None;
    for error in errors {
        let class = class(error);
        if worst.is_none_or(|(known, _)| class > known) {
            worst = Some((class, error));
        }
    }
    worst.map(|(_, error)| error)
}

/// The class of a REST answer by its HTTP status, where its body says nothing.
pub(in crate::kraken) const fn class_of_status(status: u16) -> Class {
    match status {
        200 => Class::Other,
        429 => Class::RateLimit,
        400..=499 => Class::RefusedStructural,
        _ => Class::OutcomeUnknown,
    }
}

const SECOND_NS: u64 = 1_000_000_000;

/// How long no call is made after an error: as long as the documents say.
pub(in crate::kraken) fn pause_ns(error: &str, now_ns: u64) -> Option<u64> {
    const PAUSES: [(&str, u64); 3] = [
        // Each try may prolong it.
        ("EGeneral:Temporary lockout", 900),
        ("EAuth:", 30),
        ("EGeneral:Too many requests", 5),
    ];
    let told_ns = Some(retry_after_ns(error, now_ns)).filter(|told_ns| *told_ns > 0);
    let documented = PAUSES.into_iter().find(|(begin, _)| error.starts_with(begin));
    told_ns.or(documented.map(|(_, seconds)| seconds * SECOND_NS))
}

/// How long no call is made after the proxy before the venue has refused one, in nanoseconds.
pub(in crate::kraken) const PROXY_PAUSE_NS: u64 = 600 * SECOND_NS;

/// How long the venue wants no request, out of the text of a rate limit, in nanoseconds. Zero if
/// the text names no time. `EService:Throttled:1790000000` names the end, in Unix seconds.
pub(in crate::kraken) fn retry_after_ns(error: &str, now_ns: u64) -> u64 {
    let Some((_, until)) = error.split_once("Throttled:") else { return 0 };
    let until_s: u64 = until.trim().parse().unwrap_or_default();
    until_s.saturating_mul(SECOND_NS).saturating_sub(now_ns)
}

/// What an error text says about our session, our key or our pace; `None` for a text about anything
/// else.
pub(in crate::kraken) fn why(error: &str) -> Option<Why> {
    answers::why(find(error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answers::published;

    #[test]
    fn documented_errors_have_their_reason() {
        use VenueReject as R;
        for (error, reason) in [
            ("EOrder:Insufficient funds", R::InsufficientFunds),
            ("EOrder:Order minimum not met (volume too low)", R::Filter),
            ("EOrder:Tick size check failed", R::Filter),
            ("EOrder:Rate limit exceeded", R::RateLimit),
            ("EOrder:Orders limit exceeded", R::PairFull),
            ("EGeneral:Invalid arguments", R::Filter),
            ("EGeneral:Invalid arguments:volume", R::Filter),
            ("EOrder:Post only order", R::WouldMatch),
            ("EService:Market in cancel_only mode", R::MarketClosed),
            ("EQuery:Unknown asset pair", R::MarketClosed),
        ] {
            assert_eq!(verdict(error), Verdict::Refused(reason), "{error}");
        }
        assert_eq!(cancel_verdict("EOrder:Unknown order"), Verdict::Refused(R::UnknownOrder));
    }

    #[test]
    fn what_leaves_the_outcome_open_is_no_refusal() {
        for error in [
            "EGeneral:Unknown error",
            "EGeneral:Internal error",
            "EDatabase:Internal error",
            "EDatabase: Internal error (to be deprecated)",
            "EService:Throttled",
            "EService:Throttled:1790000000",
            "EService:Unavailable",
            "EService:Deadline elapsed",
            "EGeneral:Invalid arguments:cl_ord_id",
            "EOrder:Unknown order",
            "ENova:Something",
            "WOrder:Something",
            "",
        ] {
            assert_eq!(verdict(error), Verdict::Unsure, "{error}");
        }
    }

    #[test]
    fn one_restricted_pair_closes_its_listing_and_the_session_ends_for_the_account_alone() {
        let pair = "EAccount:Invalid permissions:STBL trading restricted for NL.";
        assert_eq!(verdict(pair), Verdict::Refused(VenueReject::MarketClosed));
        assert_eq!(verdict("EAccount:Invalid permissions"), Verdict::Session);
        assert_eq!(verdict("EAPI:Invalid key"), Verdict::Session);
    }

    #[test]
    fn of_several_errors_the_worst_counts_and_warnings_do_not() {
        let rate = "EAPI:Rate limit exceeded";
        for (errors, wanted) in [
            (vec![], None),
            (vec!["WGeneral:Old"], None),
            (vec!["WGeneral:Old", rate], Some(rate)),
            (vec![rate, "EAPI:Invalid key", "EOrder:Invalid price"], Some("EAPI:Invalid key")),
            (vec!["EAPI:Invalid key", "ENova:New"], Some("ENova:New")),
        ] {
            assert_eq!(worst(errors.iter().copied()), wanted, "{errors:?}");
        }
    }

    /// Rows of the shared table that are no answer to a request of this adapter.
    const NOT_ASKED: [&str; 3] = ["FIX ", "WS status", "executions reason"];

    #[test]
    fn every_answer_of_the_shared_table_has_its_class_and_what_is_safe() {
        let error = |code: &str| {
            let first = published::samples(code).swap_remove(0);
            let error = first.replace("...", "General:Old");
            error.strip_prefix("WS: ").map_or(error.clone(), str::to_owned)
        };
        let class_of = |code: &str, _: &str| {
            if let Some(status) = code.strip_prefix("HTTP ") {
                return status.get(..3)?.parse().ok().map(class_of_status);
            }
            Some(class(&error(code)))
        };
        published::check("kraken", &NOT_ASKED, class_of, |code, _| verdict(&error(code)));
    }

    #[test]
    fn the_page_shows_this_table() {
        published::page("Kraken", ANSWERS);
    }

    #[test]
    fn a_pause_is_as_long_as_the_venue_or_its_documents_say() {
        const NOW_NS: u64 = 1_790_000_000_000_000_000;
        for (error, seconds) in [
            ("EGeneral:Temporary lockout", Some(900)),
            ("EAuth:Too many requests", Some(30)),
            ("EService:Throttled:1790000003", Some(3)),
            ("EAPI:Rate limit exceeded", None),
        ] {
            assert_eq!(pause_ns(error, NOW_NS), seconds.map(|s| s * SECOND_NS), "{error}");
        }
    }

    #[test]
    fn a_throttle_names_its_end_and_other_texts_name_no_time() {
        const NOW_NS: u64 = 1_790_000_000_500_000_000;
        for (error, wait_ns) in [
            ("EService:Throttled:1790000003", 2_500_000_000),
            ("EService: Throttled: 1790000003", 2_500_000_000),
            ("EService:Throttled:1790000000", 0),
            ("EService:Throttled:never", 0),
            ("EService:Throttled", 0),
            ("EOrder:Rate limit exceeded", 0),
        ] {
            assert_eq!(retry_after_ns(error, NOW_NS), wait_ns, "{error}");
        }
        assert_eq!(retry_after_ns("Throttled:18446744073709551615", 0), u64::MAX);
    }
}
