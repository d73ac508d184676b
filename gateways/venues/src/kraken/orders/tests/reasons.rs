//! Why the venue is not up, for each way in which it can fail.

use rutter_transport::standing::Why;

use super::*;

fn told(desk: &Desk, reason: Why, says: &str) {
    let standing = desk.machine.standing().expect("told");
    assert_eq!(standing.why, Some(reason), "{}", standing.detail);
    assert!(standing.detail.contains(says), "{}", standing.detail);
    assert!(standing.attempts > 0 || reason.is_progress() || reason == Why::VenueClosed);
}

#[test]
fn a_refused_token_says_what_to_mend_and_when_the_next_attempt_is() {
    for (body, word) in [
        (r#"{"error":["EAPI:Invalid key"]}"#, Why::WrongKey),
        (r#"{"error":["EAPI:Invalid signature"]}"#, Why::WrongSignature),
        (r#"{"error":["EAPI:Invalid nonce"]}"#, Why::NonceRefused),
        (r#"{"error":["EGeneral:Permission denied"]}"#, Why::NoPermission),
        (r#"{"error":["EAPI:Rate limit exceeded"]}"#, Why::RestPaced),
        (r#"{"error":["EGeneral:Temporary lockout"]}"#, Why::RestBanned),
        (r#"{"error":["EService:Unavailable"]}"#, Why::VenueClosed),
        (r#"{"error":["EElse:Something"]}"#, Why::RestRefused),
        ("<html>", Why::RestUnreadable),
    ] {
        let mut desk = Desk::new();
        told(&desk, Why::Connecting, "");
        desk.respond("GetWebSocketsToken", Some(body));
        told(&desk, word, "");
        let next = desk.machine.standing().and_then(|standing| standing.next_ns);
        assert_eq!(next, desk.machine.next_timer_ns());
    }
    let mut desk = Desk::new();
    desk.respond("GetWebSocketsToken", None);
    told(&desk, Why::RestFailing, "");
}

#[test]
fn each_end_of_a_link_has_its_reason() {
    for (reason, word) in [
        (CloseReason::ConnectFailed, Why::ConnectFailed),
        (CloseReason::Peer, Why::ClosedByPeer),
        (CloseReason::Io, Why::LinkFailed),
        (CloseReason::Protocol, Why::Protocol),
        (CloseReason::TooLong, Why::TooLong),
        (CloseReason::WriteBufferFull, Why::WriteBufferFull),
    ] {
        let mut desk = Desk::up();
        assert_eq!(desk.machine.standing().and_then(|standing| standing.why), None);
        desk.event(Event::Closed(PRIVATE_LINK, reason));
        told(&desk, word, "");
    }
    let mut desk = Desk::new();
    desk.answer("GetWebSocketsToken", TOKEN).silence(20 * S);
    told(&desk, Why::ConnectTimeout, "");
    let mut desk = Desk::new();
    desk.link().pass(10 * S);
    told(&desk, Why::SubscribeTimeout, "");
    let mut desk = Desk::up();
    desk.silence(10 * S);
    told(&desk, Why::Silent, "ping");
    desk.event(Event::Closed(PRIVATE_LINK, CloseReason::Requested));
    told(&desk, Why::Silent, "ping");
    assert_eq!(desk.machine.standing().map(|standing| standing.attempts), Some(1));
}

#[test]
fn what_the_venue_says_on_the_link_is_the_reason() {
    let mut desk = Desk::new();
    desk.link()
        .text(r#"{"error":"EAPI:Invalid key","method":"subscribe","req_id":9,"success":false}"#);
    told(&desk, Why::WrongKey, "EAPI:Invalid key");
    let mut desk = Desk::new();
    desk.link().text(
        r#"{"error":"ESession:Invalid session","method":"subscribe","req_id":9,"success":false}"#,
    );
    told(&desk, Why::SubscriptionRefused, "ESession");
    let mut desk = Desk::up();
    desk.sequence += 1;
    desk.stream(&small("new", 0));
    told(&desk, Why::SequenceGap, "gap");
    let mut desk = Desk::up();
    desk.text("[]");
    told(&desk, Why::Protocol, "shape");
}

#[test]
fn rest_that_fails_and_a_closed_venue_are_reasons_until_they_are_over() {
    let mut desk = Desk::new();
    desk.link().snapshots("");
    told(&desk, Why::Reconciling, "");
    desk.respond("BalanceEx", Some(r#"{"error":["EAPI:Rate limit exceeded"]}"#));
    told(&desk, Why::RestPaced, "Rate limit");
    desk.pass(10 * S).answer("BalanceEx", FUNDS);
    let standing = desk.machine.standing().expect("told");
    assert_eq!((standing.is_up, standing.why, standing.attempts), (true, None, 0));

    let status = |system: &str| {
        format!(r#"{{"channel":"status","type":"update","data":[{{"system":"{system}"}}]}}"#)
    };
    desk.text(&status("maintenance"));
    told(&desk, Why::VenueClosed, "maintenance");
    desk.text(&status("online")).answer("BalanceEx", FUNDS);
    assert!(desk.machine.standing().is_some_and(|standing| standing.is_up));

    let mut desk = Desk::new();
    desk.link().text(&status("cancel_only")).snapshots("").answer("BalanceEx", FUNDS);
    told(&desk, Why::VenueClosed, "cancel_only");
}
