//! Kraken's error texts as the core's reasons.
//!
//! A line belongs here if it gives the meaning of an error text. The texts are the same on
//! WebSocket and REST.

use rutter_core::input::VenueReject;
use rutter_transport::standing::Why;

/// What an error text means for an order or cancel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::kraken) enum Verdict {
    /// The venue refused the order or cancel.
    Refused(VenueReject),
    /// The venue may have done what was asked, so it must be asked by id.
    Unsure,
    /// The venue refused the order or cancel because it does not accept our session or key, and it
    /// will refuse everything else.
    Session,
}

/// The meaning of an error text such as `EOrder:Insufficient funds`.
pub(in crate::kraken) fn verdict(error: &str) -> Verdict {
    let refused = |begin: &str| error.starts_with(begin);
    let table: [(&str, VenueReject); 27] = [
        ("EOrder:Insufficient funds", VenueReject::InsufficientFunds),
        ("EOrder:Insufficient margin", VenueReject::InsufficientFunds),
        ("EOrder:Insufficient initial margin", VenueReject::InsufficientFunds),
        ("EOrder:Order minimum not met", VenueReject::Filter),
        ("EOrder:Cost minimum not met", VenueReject::Filter),
        ("EOrder:Tick size check failed", VenueReject::Filter),
        ("EOrder:Invalid price", VenueReject::Filter),
        ("EOrder:Invalid volume", VenueReject::Filter),
        ("EGeneral:Invalid arguments:volume", VenueReject::Filter),
        ("EGeneral:Invalid arguments:price", VenueReject::Filter),
        ("EOrder:Post only order", VenueReject::WouldMatch),
        ("EOrder:Unknown order", VenueReject::UnknownOrder),
        ("EOrder:Rate limit exceeded", VenueReject::RateLimit),
        ("EOrder:Domain rate limit exceeded", VenueReject::RateLimit),
        ("EOrder:Orders limit exceeded", VenueReject::Filter),
        ("EAuth:Rate limit exceeded", VenueReject::RateLimit),
        ("EAuth:Too many requests", VenueReject::RateLimit),
        ("EService:Throttled", VenueReject::RateLimit),
        ("EService: Throttled", VenueReject::RateLimit),
        ("EAPI:Rate limit exceeded", VenueReject::RateLimit),
        ("EGeneral:Too many requests", VenueReject::RateLimit),
        ("EGeneral:Invalid arguments:cl_ord_id", VenueReject::DuplicateId),
        ("EService:Market in", VenueReject::MarketClosed),
        ("EQuery:Unknown asset pair", VenueReject::MarketClosed),
        ("EQuery:Invalid asset pair", VenueReject::MarketClosed),
        ("EBM:limit exceeded", VenueReject::MarketClosed),
        ("EService:Deadline elapsed", VenueReject::Late),
    ];
    if let Some((_, reason)) = table.iter().find(|(begin, _)| refused(begin)) {
        return Verdict::Refused(*reason);
    }
    if is_restricted(error) {
        return Verdict::Refused(VenueReject::MarketClosed);
    }
    let unsure = [
        "EGeneral:Internal error",
        "EDatabase:Internal error",
        "EService:Unavailable",
        "EService:Busy",
        "EService:Timeout",
    ];
    if unsure.iter().any(|begin| refused(begin)) {
        return Verdict::Unsure;
    }
    let session = ["ESession:", "EAPI:Invalid", "EAccount:", "EGeneral:Permission denied"];
    if session.iter().any(|begin| refused(begin)) {
        return Verdict::Session;
    }
    Verdict::Refused(VenueReject::Other)
}

/// The account may not trade the asset: `EAccount:Invalid permissions:XMR trading restricted for
/// US.` closes the listing. Other texts about permissions are about the account as a whole.
fn is_restricted(error: &str) -> bool {
    error.starts_with("EAccount:Invalid permissions:") && error.contains("trading restricted")
}

/// How long the venue wants no request, out of the text of a rate limit, in nanoseconds. Zero if
/// the text names no time. `EService:Throttled:1790000000` names the end, in Unix seconds.
pub(in crate::kraken) fn retry_after_ns(error: &str, now_ns: u64) -> u64 {
    let Some((_, until)) = error.split_once("Throttled:") else { return 0 };
    let until_s: u64 = until.trim().parse().unwrap_or_default();
    until_s.saturating_mul(1_000_000_000).saturating_sub(now_ns)
}

/// What an error text says about our session, our key or our pace.
pub(in crate::kraken) fn why(error: &str) -> Option<Why> {
    const TABLE: [(&str, Why); 12] = [
        ("EAPI:Invalid key", Why::WrongKey),
        ("EAPI:Invalid signature", Why::WrongSignature),
        ("EAPI:Invalid nonce", Why::NonceRefused),
        ("EAPI:Rate limit", Why::RestPaced),
        ("EGeneral:Too many requests", Why::RestPaced),
        ("EOrder:Rate limit", Why::RestPaced),
        ("EGeneral:Permission denied", Why::NoPermission),
        ("EAccount:", Why::NoPermission),
        ("EGeneral:Temporary lockout", Why::RestBanned),
        ("EService:Market in", Why::VenueClosed),
        ("EService:Unavailable", Why::VenueClosed),
        ("EQuery:Unknown asset pair", Why::UnlistedSymbol),
    ];
    TABLE.into_iter().find(|(begin, _)| error.starts_with(begin)).map(|(_, why)| why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_documented_error_has_its_verdict() {
        use VenueReject as R;
        for (error, verdict_wanted) in [
            ("EOrder:Insufficient funds", Verdict::Refused(R::InsufficientFunds)),
            ("EOrder:Order minimum not met", Verdict::Refused(R::Filter)),
            ("EOrder:Cost minimum not met", Verdict::Refused(R::Filter)),
            ("EOrder:Tick size check failed", Verdict::Refused(R::Filter)),
            ("EOrder:Invalid price", Verdict::Refused(R::Filter)),
            ("EOrder:Unknown order", Verdict::Refused(R::UnknownOrder)),
            ("EOrder:Rate limit exceeded", Verdict::Refused(R::RateLimit)),
            ("EOrder:Orders limit exceeded", Verdict::Refused(R::Filter)),
            ("EOrder:Insufficient margin", Verdict::Refused(R::InsufficientFunds)),
            ("EGeneral:Invalid arguments", Verdict::Refused(R::Other)),
            ("EGeneral:Invalid arguments:volume", Verdict::Refused(R::Filter)),
            ("EOrder:Post only order", Verdict::Refused(R::WouldMatch)),
            ("EService:Throttled:1790000000", Verdict::Refused(R::RateLimit)),
            (
                "EAccount:Invalid permissions:XMR trading restricted for US:TX.",
                Verdict::Refused(R::MarketClosed),
            ),
            ("EDatabase:Internal error", Verdict::Unsure),
            ("EGeneral:Invalid arguments:cl_ord_id", Verdict::Refused(R::DuplicateId)),
            ("EGeneral:Permission denied", Verdict::Session),
            ("EGeneral:Internal error", Verdict::Unsure),
            ("EAPI:Invalid key", Verdict::Session),
            ("EAPI:Invalid signature", Verdict::Session),
            ("EAPI:Invalid nonce", Verdict::Session),
            ("EAPI:Rate limit exceeded", Verdict::Refused(R::RateLimit)),
            ("ESession:Invalid session", Verdict::Session),
            ("EAccount:Invalid permissions", Verdict::Session),
            ("EService:Unavailable", Verdict::Unsure),
            ("EService:Busy", Verdict::Unsure),
            ("EService:Market in cancel_only mode", Verdict::Refused(R::MarketClosed)),
            ("EService:Market in post_only mode", Verdict::Refused(R::MarketClosed)),
            ("EService:Deadline elapsed", Verdict::Refused(R::Late)),
            ("EQuery:Unknown asset pair", Verdict::Refused(R::MarketClosed)),
            ("", Verdict::Refused(R::Other)),
        ] {
            assert_eq!(verdict(error), verdict_wanted, "{error}");
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
