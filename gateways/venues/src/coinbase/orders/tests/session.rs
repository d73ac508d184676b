//! The logon, the life of the session, and its end.

use rutter_transport::machine::Machine as _;
use rutter_transport::standing::Why;

use super::harness::{Desk, SECOND};
use crate::coinbase::Status;

/// The logon of the venue reference.
const LOGON: &str = "8=FIXT.1.1|9=167|35=A|49=my-api-key|56=Coinbase|34=1|52=20240627-11:17:25.223|\
    95=44|96=/wCWyr7T4G5Rt7J8U77HjX/k/vTD7/WJULhK0lWkdmg=|98=0|108=30|141=Y|553=my-api-key|\
    554=my-pass|1137=9|10=148|";

#[test]
fn the_logon_is_the_references_to_the_byte() {
    let mut desk = Desk::new();
    desk.connect();
    assert_eq!(desk.sent, [LOGON]);
    assert_eq!(desk.machine.status(), Status::LoggingOn);
    desk.log_on().reconcile_nothing();
    assert_eq!(desk.machine.status(), Status::Up);
}

#[test]
fn a_refused_logon_says_why_and_a_refused_key_is_not_tried_in_a_loop() {
    for (refusal, why) in [
        ("35=3|45=1|371=96|372=A|373=8|58=invalid signature|", Why::WrongSignature),
        ("35=3|45=1|371=554|372=A|373=8|58=Invalid Passphrase|", Why::WrongKey),
        ("35=3|45=1|371=52|372=A|373=10|58=SendingTime accuracy problem|", Why::ClockOff),
        ("35=5|58=API key is in use|", Why::LogonRefused),
    ] {
        let mut desk = Desk::new();
        desk.connect().venue(refusal);
        let standing = desk.machine.standing().expect("one").clone();
        assert_eq!((standing.why, desk.closes), (Some(why), 1), "{refusal}");
    }
    let mut desk = Desk::new();
    for _ in 0..3 {
        desk.connect().venue("35=3|45=1|372=A|373=8|58=Invalid API Key|").lose_link();
        desk.wait(40 * SECOND);
    }
    let connects = desk.connects;
    desk.wait(200 * SECOND);
    assert_eq!(desk.connects, connects, "the venue is left alone for minutes");
}

#[test]
fn a_silent_venue_is_tested_and_then_left() {
    let mut desk = Desk::up();
    desk.wait(36 * SECOND);
    assert!(desk.sent.iter().any(|text| text.contains("|35=1|")), "{:?}", desk.sent);
    desk.wait(31 * SECOND).saw(&["down NoAnswer"]);
    assert_eq!(desk.closes, 1);
}

#[test]
fn a_test_request_is_answered_with_its_id() {
    let mut desk = Desk::up();
    desk.venue("35=1|112=1719487060223|").wrote(&["35=0|112=1719487060223"]);
}

#[test]
fn a_deployment_ends_the_session_and_the_node_comes_back() {
    let mut desk = Desk::up();
    desk.venue("35=5|58=Server is shutting down|").saw(&["down Closed"]);
    assert_eq!(desk.machine.standing().and_then(|standing| standing.why), Some(Why::VenueLeaves));
    desk.wrote(&["35=5"]);
    desk.lose_link().wait(2 * SECOND);
    assert_eq!(desk.connects, 2);
}

#[test]
fn a_gap_in_the_venues_numbers_ends_the_session() {
    let mut desk = Desk::up();
    desk.venue_seq += 1;
    desk.venue("35=0|").saw(&["down Protocol"]);
    assert_eq!(desk.machine.standing().and_then(|standing| standing.why), Some(Why::SequenceGap));
}
