//! Messages ahead of a gap: each is answered in its turn, or asked for again.

use crate::desk::{Desk, SECOND, START, frame, logon, memory, time_text};
use rutter_fix::dictionary::Version;
use rutter_fix::session::{AHEAD_MAX, Config, NoCredentials, State};
use rutter_fix::store::MemStore;

type Plain = Desk<MemStore, NoCredentials>;

const ORDER: &str = "11=id|21=1|38=1|40=1|54=1|55=X|60=20240627-11:17:26|";

/// A session whose messages are checked, with a client logged on under number 1.
fn logged_on() -> Plain {
    let config = Config::acceptor("RUTTER", "CLIENT").validated(Version::Fix44);
    let mut desk = Desk::new(config, memory(), NoCredentials);
    desk.connect().gets(&logon(1)).wrote();
    desk.events.clear();
    desk
}

/// A message that is sent again.
fn again(kind: &str, seq: u64, fields: &str) -> String {
    format!("35={kind}|34={seq}|43=Y|122={}|{fields}", time_text(START))
}

#[test]
fn every_message_ahead_of_a_gap_is_answered_in_its_turn() {
    let mut desk = logged_on();
    desk.gets("35=1|34=3|112=three|").says(["35=2|34=2|7=2|16=0|"]).sees(["gap 2..3"]);
    // A fault in the body, in the header, in 122; a request for messages that were never sent.
    desk.gets("35=0|34=4|58=x|").gets_raw("35=0|34=5|49=CLIENT|52=yesterday|56=RUTTER|");
    desk.gets("35=0|34=6|43=Y|").gets("35=2|34=7|7=99|16=0|");
    desk.gets("35=1|34=8|112=eight|").gets(&format!("35=D|34=9|{ORDER}"));
    desk.gets("35=4|34=10|36=10|123=Y|").says([]).sees([]);
    desk.gets(&again("1", 2, "112=two|"));
    desk.says([
        "35=0|34=3|112=two|",
        "35=0|34=4|112=three|",
        "35=3|34=5|45=4|58=Tag not defined for this message type|371=58|372=0|373=2|",
        "35=3|34=6|45=5|58=Incorrect data format for value|371=52|372=0|373=6|",
        "35=3|34=7|45=6|58=Required tag missing|371=122|372=0|373=1|",
        "35=3|34=8|45=7|58=Value is incorrect (out of range) for this tag|371=7|372=2|373=5|",
        "35=0|34=9|112=eight|",
        "35=3|34=10|45=10|58=Value is incorrect (out of range) for this tag|371=36|372=4|373=5|",
    ]);
    assert_eq!(desk.session.next_in(), 11);
    assert!(desk.events.contains(&"app D 9".to_owned()), "{:?}", desk.events);
}

#[test]
fn a_resent_message_with_a_fault_is_rejected_in_its_turn() {
    let mut desk = logged_on();
    desk.gets("35=1|34=5|112=t|").wrote();
    desk.gets(&again("0", 3, "58=x|")).says([]);
    desk.gets(&again("1", 2, "112=two|"));
    desk.says([
        "35=0|34=3|112=two|",
        "35=3|34=4|45=3|58=Tag not defined for this message type|371=58|372=0|373=2|",
    ]);
    desk.gets(&again("0", 4, "")).says(["35=0|34=5|112=t|"]);
}

/// Two sides that both have a gap would otherwise wait for each other.
#[test]
fn a_resend_request_ahead_of_a_gap_is_served_before_ours_is_sent() {
    let mut desk = logged_on();
    desk.reports(1).wrote();
    let when = time_text(START);
    desk.gets("35=2|34=5|7=2|16=0|");
    desk.says([&format!("35=8|34=2|43=Y|122={when}|58=event 1|"), "35=2|34=3|7=2|16=0|"]);
    desk.gets(&format!("35=4|34=2|43=Y|122={when}|36=5|123=Y|")).says([]);
    assert_eq!(desk.session.next_in(), 6, "served once");
}

#[test]
fn a_message_that_waited_longer_than_its_time_may_be_off_is_still_good() {
    let mut desk = Desk::new(Config::acceptor("RUTTER", "CLIENT"), memory(), NoCredentials);
    desk.connect().gets("35=A|34=1|98=0|108=60|").gets(&format!("35=D|34=3|{ORDER}"));
    desk.sees(["logged on, 60 s", "gap 2..3"]);
    for seq in 4..6 {
        desk.waits(50 * SECOND).gets(&format!("35=0|34={seq}|"));
    }
    desk.events.clear();
    desk.now = START + 121 * SECOND;
    let late = time_text(desk.now);
    let body = format!("35=0|34=2|43=Y|49=CLIENT|52={late}|56=RUTTER|122={}|", time_text(START));
    desk.bytes(&frame("FIX.4.4", &body)).sees(["app D 3"]);
}

#[test]
fn a_lack_of_room_ahead_of_a_gap_is_told_once_and_costs_nothing() {
    let mut desk = logged_on();
    let last = 2 * AHEAD_MAX as u64;
    for seq in 3..=last {
        desk.gets(&format!("35=1|34={seq}|112=t|"));
    }
    let full = format!("AheadFull {{ seq: {} }}", 3 + AHEAD_MAX);
    desk.says(["35=2|34=2|7=2|16=0|"]).sees(["gap 2..3", &full]);
    desk.gets(&again("0", 2, ""));
    let said = desk.wrote();
    assert_eq!(said.len(), AHEAD_MAX + 1, "the kept ones are answered, and the rest is asked for");
    let next = desk.session.next_in();
    assert_eq!(next, 3 + AHEAD_MAX as u64);
    assert!(said[AHEAD_MAX].ends_with(&format!("|7={next}|16=0|")), "{}", said[AHEAD_MAX]);
    for seq in next..=last {
        desk.gets(&again("1", seq, "112=t|"));
    }
    assert_eq!(desk.session.next_in(), last + 1);
    desk.sees([]);
}

#[test]
fn a_logout_ahead_of_a_gap_asks_first_and_takes_what_is_sent_again() {
    let mut desk = logged_on();
    desk.gets("35=5|34=4|58=bye|").says(["35=2|34=2|7=2|16=0|", "35=5|34=3|"]);
    desk.sees(["gap 2..4"]);
    assert_eq!(desk.session.state(), State::LogoutAnswered);
    desk.gets(&again("D", 2, ORDER)).reports(1).says(["35=8|34=4|58=event 1|"]);
    desk.sees(["app D 2 again"]);
    desk.gets(&format!("35=4|34=3|43=Y|122={}|36=5|123=Y|", time_text(START))).says([]);
    desk.sees(["gone: logged out by the peer"]);
    assert_eq!(desk.session.next_in(), 5, "the Logout counts");
}

#[test]
fn a_logout_ahead_of_a_gap_that_stays_ends_the_session_in_time() {
    let mut desk = logged_on();
    desk.gets("35=5|34=9|").wrote();
    desk.events.clear();
    assert_eq!(desk.session.next_deadline_ns(), Some(START + 2 * SECOND));
    desk.waits(SECOND).gets(&again("0", 2, ""));
    assert_eq!(desk.session.next_deadline_ns(), Some(START + 3 * SECOND), "it makes progress");
    desk.waits(2 * SECOND - 1).sees([]).waits(1).says([]).sees(["gone: logged out by the peer"]);
    assert_eq!(desk.session.next_in(), 3, "what is missing is asked for at the next Logon");
    // A second Logout ends it at once.
    let mut desk = logged_on();
    desk.gets("35=5|34=9|").wrote();
    desk.gets("35=5|34=10|58=now|").says([]);
    assert_eq!(desk.events.last().map(String::as_str), Some("gone: logged out by the peer (now)"));
}

#[test]
fn an_empty_header_field_within_a_session_has_no_value_and_is_not_another_name() {
    for checked in [false, true] {
        let mut desk = logged_on();
        if !checked {
            let config = Config::acceptor("RUTTER", "CLIENT");
            desk = Desk::new(config, memory(), NoCredentials);
            desk.connect().gets(&logon(1)).wrote();
        }
        let now = time_text(START);
        for (seq, fields, tag) in [
            (2, format!("49=|52={now}|56=RUTTER|"), 49),
            (3, format!("49=CLIENT|52={now}|56=|"), 56),
            (4, "49=CLIENT|52=|56=RUTTER|".to_owned(), 52),
            (5, format!("43=|49=CLIENT|52={now}|56=RUTTER|"), 43),
            (6, format!("43=Y|49=CLIENT|52={now}|56=RUTTER|122=|"), 122),
        ] {
            desk.gets_raw(&format!("35=0|34={seq}|{fields}"));
            desk.says([&format!(
                "35=3|34={seq}|45={seq}|58=Tag specified without a value|371={tag}|372=0|373=4|"
            )]);
        }
        desk.gets("35=1|34=7|112=on|").says(["35=0|34=7|112=on|"]);
    }
}
