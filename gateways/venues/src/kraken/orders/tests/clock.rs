//! The venue's clock: measured, told, and corrected in deadlines; and the nonce, which must rise.

use rutter_transport::standing::Why;

use super::*;

fn pong(desk: &Desk, ahead_s: u64) -> String {
    let mut time = Vec::new();
    time::write_rfc3339(&mut time, desk.now_ns - ahead_s * S);
    let time = String::from_utf8_lossy(&time).into_owned();
    format!(r#"{{"method":"pong","req_id":1,"time_in":"{time}","time_out":"{time}"}}"#)
}

#[test]
fn a_clock_that_is_off_is_told_and_the_deadline_is_the_venues() {
    let mut desk = Desk::up();
    let message = pong(&desk, 5);
    desk.text(&message);
    let standing = desk.machine.standing().expect("told");
    assert!(standing.is_up && standing.why == Some(Why::ClockOff), "{standing:?}");
    assert_eq!(standing.clock_ahead_ns.map(|ahead| ahead / 1_000_000_000), Some(5));
    desk.sent.clear();
    let mut deadline = Vec::new();
    // Valid for five seconds from now on, as the venue counts: our clock is five seconds ahead.
    time::write_rfc3339(&mut deadline, desk.now_ns);
    let deadline = String::from_utf8_lossy(&deadline).into_owned();
    desk.send(7, TimeInForce::Gtc);
    let sent = desk.sent.last().expect("an order");
    let second = &deadline[..19];
    assert!(sent.contains(&format!("\"deadline\":\"{second}")), "{sent} not at {deadline}");
}

fn nonce(call: &HttpRequest) -> u64 {
    let first = call.body.split('&').next().and_then(|part| part.strip_prefix("nonce="));
    first.and_then(|nonce| nonce.parse().ok()).expect("a nonce")
}

/// The key was used last by a program whose clock was an hour ahead.
#[test]
fn a_nonce_that_is_too_small_is_raised_until_the_venue_takes_it() {
    let mut desk = Desk::new();
    let used = desk.now_ns / 1_000_000 + 3_600_000;
    for _ in 0..40 {
        let Some(call) = desk.calls.first() else {
            desk.pass(10 * S);
            continue;
        };
        if nonce(call) > used {
            break;
        }
        desk.respond("GetWebSocketsToken", Some(r#"{"error":["EAPI:Invalid nonce"]}"#));
        let why = desk.machine.standing().and_then(|standing| standing.why);
        assert_eq!(why, Some(Why::NonceRefused));
    }
    desk.link().snapshots("").answer("BalanceEx", FUNDS);
    assert_eq!(desk.machine.status(), Status::Up);
}
