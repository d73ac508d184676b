//! Why the venue is not up, for each way in which it can fail.

use rutter_transport::machine::{CloseReason, Event, Machine as _};
use rutter_transport::standing::Why;

use super::harness::{Desk, SECOND};
use crate::binance::orders::FIX_LINK;

/// The reason, its detail and the number of failed attempts.
fn why(desk: &Desk) -> (Option<Why>, String, u32) {
    let standing = desk.machine.standing().expect("told");
    (standing.why, standing.detail.clone(), standing.attempts)
}

fn told(desk: &Desk, reason: Why, says: &str) {
    let (why, detail, attempts) = why(desk);
    assert_eq!(why, Some(reason), "{detail}");
    assert!(detail.contains(says), "{detail}");
    assert!(attempts > 0 || reason.is_progress());
}

#[test]
fn each_end_of_a_link_has_its_reason_and_the_time_of_the_next_attempt() {
    for (reason, word) in [
        (CloseReason::ConnectFailed, Why::ConnectFailed),
        (CloseReason::Peer, Why::ClosedByPeer),
        (CloseReason::Io, Why::LinkFailed),
        (CloseReason::Protocol, Why::Protocol),
        (CloseReason::TooLong, Why::TooLong),
        (CloseReason::WriteBufferFull, Why::WriteBufferFull),
    ] {
        let mut desk = Desk::new();
        told(&desk, Why::Connecting, "");
        desk.event(Event::Closed(FIX_LINK, reason));
        told(&desk, word, "");
        let next = desk.machine.standing().and_then(|standing| standing.next_ns);
        assert_eq!(next, desk.machine.next_timer_ns());
        desk.wait(SECOND).connect().log_on();
        told(&desk, Why::Reconciling, "");
    }
}

#[test]
fn silence_at_each_step_is_told_apart() {
    let mut desk = Desk::new();
    desk.wait(20 * SECOND);
    told(&desk, Why::ConnectTimeout, "");
    let mut desk = Desk::new();
    desk.connect().wait(10 * SECOND);
    told(&desk, Why::LogonTimeout, "");
    let mut desk = Desk::up();
    assert_eq!(why(&desk), (None, String::new(), 0));
    desk.wait(120 * SECOND);
    let first = desk.machine.standing().expect("told");
    assert!(!first.is_up && first.attempts >= 1);
}

#[test]
fn a_refused_logon_says_what_to_mend() {
    for (code, text, word) in [
        (-2015, "Invalid API-key, IP, or permissions for action.", Why::WrongKey),
        (-2014, "API-key format invalid.", Why::WrongKey),
        (-1022, "Signature for this request is not valid.", Why::WrongSignature),
        (-1021, "Timestamp for this request is outside of the recvWindow.", Why::ClockOff),
        (-1003, "Too many requests.", Why::RestPaced),
        (-9999, "Something else.", Why::LogonRefused),
    ] {
        let mut desk = Desk::new();
        desk.connect().venue(&format!("35=3|45=1|25016={code}|58={text}|"));
        told(&desk, word, text);
        told(&desk, word, &code.to_string());
        desk.event(Event::Closed(FIX_LINK, CloseReason::Requested));
        told(&desk, word, text);
        assert_eq!(desk.machine.standing().map(|standing| standing.attempts), Some(1));
    }
}

#[test]
fn a_session_that_ends_says_who_ended_it() {
    let mut desk = Desk::up();
    desk.venue("35=5|58=Goodbye|");
    told(&desk, Why::VenueLeaves, "Goodbye");
    let mut desk = Desk::up();
    desk.venue("35=B|148=You'll be disconnected in 600 seconds. Please reconnect.|");
    told(&desk, Why::VenueLeaves, "600 seconds");
    let mut desk = Desk::up();
    desk.venue_seq += 1;
    desk.venue("35=0|");
    told(&desk, Why::SequenceGap, "gap");
    let mut desk = Desk::up();
    desk.venue("35=A|98=0|108=30|");
    told(&desk, Why::Protocol, "not allowed");
}

#[test]
fn rest_that_fails_is_the_reason_until_a_call_succeeds() {
    const OPEN: &str = "/api/v3/openOrders?";
    for (status, body, word) in [
        (429, "{}", Why::RestPaced),
        (418, "{}", Why::RestBanned),
        (401, r#"{"code":-2015,"msg":""}"#, Why::WrongKey),
        (400, r#"{"code":-1022,"msg":""}"#, Why::WrongSignature),
        (400, r#"{"code":-1021,"msg":""}"#, Why::ClockOff),
        (500, "<html>", Why::RestRefused),
        (200, "<html>", Why::RestUnreadable),
    ] {
        let mut desk = Desk::new();
        desk.connect().log_on().rest(OPEN, status, body);
        told(&desk, word, "");
        let next = desk.machine.standing().and_then(|standing| standing.next_ns);
        assert!(next.is_some_and(|next_ns| next_ns > desk.now), "the next attempt has a time");
    }
    let mut desk = Desk::new();
    desk.connect().log_on().rest_fails(OPEN);
    told(&desk, Why::RestFailing, "");
    desk.wait(SECOND).rest(OPEN, 200, "[]");
    told(&desk, Why::Reconciling, "");
    desk.account();
    assert_eq!(why(&desk), (None, String::new(), 0));
    assert!(desk.machine.standing().is_some_and(|standing| standing.is_up));
}
