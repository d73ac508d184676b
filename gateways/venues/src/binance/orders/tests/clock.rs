//! The venue's clock: measured, told, and corrected in what the venue checks.

use rutter_transport::machine::Machine as _;
use rutter_transport::standing::Why;

use super::harness::{Desk, SECOND, report};

fn standing(desk: &Desk) -> (bool, Option<Why>, Option<i64>) {
    let standing = desk.machine.standing().expect("told");
    (standing.is_up, standing.why, standing.clock_ahead_ns.map(|ahead| ahead / 1_000_000))
}

/// The time that our newest message has in 52.
fn sent_time(desk: &Desk) -> String {
    let message = desk.sent.last().expect("a message");
    message.split("|52=").nth(1).and_then(|rest| rest.split('|').next()).expect("52").to_owned()
}

const REFUSED: &str =
    "35=3|45=1|372=A|373=10|371=52|25016=-1021|58=Timestamp for this request was 1000ms ahead.|";

#[test]
fn a_logon_that_is_refused_for_its_time_is_tried_again_with_the_venues_time() {
    let mut desk = Desk::new();
    desk.clock_ahead_ns = 5_000_000_000;
    desk.connect();
    let ours = sent_time(&desk);
    desk.venue(REFUSED).lose_link();
    assert_eq!(standing(&desk), (false, Some(Why::ClockOff), Some(5_000)));
    desk.wait(4 * SECOND).connect();
    // At least a second later by our clock, and earlier by the venue's.
    assert!(sent_time(&desk) < ours, "{} after {ours}", sent_time(&desk));
    desk.log_on().reconcile_nothing();
    assert_eq!(standing(&desk), (true, Some(Why::ClockOff), Some(5_000)));
}

#[test]
fn a_clock_that_is_off_is_told_while_up_and_orders_and_queries_carry_the_venues_time() {
    let mut desk = Desk::new();
    desk.clock_ahead_ns = -5_000_000_000;
    desk.connect().log_on().reconcile_nothing();
    assert_eq!(standing(&desk), (true, Some(Why::ClockOff), Some(-5_000)));
    let venue_ms = (desk.now + 5 * SECOND) / 1_000_000;
    desk.query(1);
    let target = desk.requests.last().expect("asked").target.clone();
    assert!(target.contains(&format!("timestamp={venue_ms}")), "{target} not at {venue_ms}");
}

#[test]
fn a_clock_within_the_tolerance_is_left_alone() {
    let mut desk = Desk::new();
    desk.clock_ahead_ns = 300_000_000;
    desk.connect().log_on().reconcile_nothing();
    assert_eq!(standing(&desk), (true, None, Some(300)));
}

/// The clock steps while the session is up: an order is refused as late, and the next is right.
#[test]
fn an_order_that_is_refused_for_its_time_measures_anew() {
    let mut desk = Desk::up();
    assert_eq!(standing(&desk), (true, None, Some(0)));
    desk.clock_ahead_ns = 3_000_000_000;
    desk.new_order(1);
    desk.venue(&report(1, "8", "39=8|25016=-1021|58=Timestamp for this request.|"));
    assert_eq!(standing(&desk), (true, Some(Why::ClockOff), Some(3_000)));
    assert!(desk.seen.iter().any(|seen| seen.contains("rejected 1")), "{:?}", desk.seen);
}

#[test]
fn a_query_that_is_refused_for_its_time_is_right_after_the_next_message() {
    let mut desk = Desk::up();
    desk.clock_ahead_ns = 3_000_000_000;
    desk.query(1).rest("/api/v3/order?", 400, r#"{"code":-1021,"msg":"Timestamp"}"#);
    desk.venue("35=0|").wait(SECOND);
    let venue_s = (desk.now - 3 * SECOND) / SECOND;
    let target = desk.wait_for_request().requests.last().expect("asked").target.clone();
    assert!(target.contains(&format!("timestamp={}", venue_s / 10)), "{target}, {venue_s}");
}
