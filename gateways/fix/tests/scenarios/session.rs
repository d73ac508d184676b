//! Scenarios of one session: what the peer sends, what it gets, what our side sees.

use crate::desk::{Desk, SECOND, START, Signer, frame, logon, memory, time_text};
use rutter_fix::codec::{FieldIndex, Message, Status, decode};
use rutter_fix::session::{
    BusinessRejectReason, Config, NoCredentials, PasswordPolicy, SAME_RESENDS_MAX, SendError, Sent,
    SessionError, SessionRejectReason,
};
use rutter_fix::store::{MemStore, MessageStore};

type Plain = Desk<MemStore, NoCredentials>;

fn acceptor() -> Config {
    Config::acceptor("RUTTER", "CLIENT")
}

fn desk() -> Plain {
    Desk::new(acceptor(), memory(), NoCredentials)
}

/// An acceptor with a client logged on under number 1.
fn logged_on() -> Plain {
    let mut desk = desk();
    desk.connect().gets(&logon(1));
    desk.says(["35=A|34=1|98=0|108=30|"]).sees(["logged on, 30 s"]);
    desk
}

const ORDER: &str = "11=id|38=1|40=1|54=1|55=X|60=20240627-11:17:26|";

fn order(seq: u64) -> String {
    format!("35=D|34={seq}|{ORDER}")
}

#[test]
fn logon_is_answered_and_logout_too() {
    let mut desk = logged_on();
    desk.gets("35=5|34=2|58=bye|")
        .says(["35=5|34=2|"])
        .sees(["gone: logged out by the peer (bye)"]);
    assert_eq!((desk.session.next_in(), desk.session.next_out()), (3, 3));
    desk.connect().gets(&logon(3)).says(["35=A|34=3|98=0|108=30|"]);
}

#[test]
fn a_wrong_password_is_refused_under_a_number_that_is_not_used_again() {
    let policy = PasswordPolicy::new("me", "secret");
    let mut desk = Desk::new(acceptor(), memory(), policy);
    let wrong =
        ["", "553=me|", "553=me|554=secre|", "553=me|554=secretsecret|", "553=you|554=secret|"];
    for (wrong, seq) in wrong.into_iter().zip(1..) {
        desk.connect().gets(&format!("35=A|34=1|98=0|108=30|{wrong}"));
        desk.says([&format!("35=5|34={seq}|58=Invalid credentials|")]);
        desk.sees(["gone: logon refused: credentials"]);
    }
    desk.connect().gets("35=A|34=1|98=0|108=30|553=me|554=secret|");
    desk.says(["35=A|34=6|98=0|108=30|"]).sees(["logged on, 30 s"]);
}

#[test]
fn whoever_is_not_the_peer_learns_nothing() {
    let now = time_text(START);
    for (body, reason) in [
        (format!("35=A|34=1|49=OTHER|52={now}|56=RUTTER|98=0|108=30|"), "CompID problem"),
        (format!("35=A|34=1|49=CLIENT|52={now}|56=OTHER|98=0|108=30|"), "CompID problem"),
        (
            "35=A|34=1|49=CLIENT|52=20010101-00:00:00|56=RUTTER|98=0|108=30|".to_owned(),
            "SendingTime accuracy problem",
        ),
        (format!("35=A|49=CLIENT|52={now}|56=RUTTER|98=0|108=30|"), "no MsgSeqNum"),
        (format!("35=0|34=1|49=CLIENT|52={now}|56=RUTTER|"), "first message is no logon"),
    ] {
        let mut desk = desk();
        desk.connect().gets_raw(&body).says([]).sees([&format!("gone: {reason}")]);
    }
    let mut desk = desk();
    desk.connect().bytes(b"GET / HTTP/1.1\r\n").says([]).sees(["gone: garbled logon"]);
    let other = frame("FIX.4.2", &format!("35=A|34=1|49=CLIENT|52={now}|56=RUTTER|98=0|108=30|"));
    desk.connect().bytes(&other).says([]).sees(["gone: incorrect BeginString"]);
}

#[test]
fn a_logon_we_cannot_serve_is_refused_with_a_reason() {
    for (fields, text, reason) in [
        ("98=1|108=30|", "EncryptMethod must be 0", "EncryptMethod"),
        ("98=0|", "HeartBtInt missing or not allowed", "HeartBtInt"),
        ("98=0|108=0|", "HeartBtInt missing or not allowed", "HeartBtInt"),
        ("98=0|108=99999|", "HeartBtInt missing or not allowed", "HeartBtInt"),
    ] {
        let mut desk = desk();
        desk.connect().gets(&format!("35=A|34=1|{fields}"));
        desk.says([&format!("35=5|34=1|58={text}|")]);
        desk.sees([&format!("gone: logon refused: {reason}")]);
    }
}

#[test]
fn who_does_not_log_on_in_time_is_dropped() {
    let mut desk = desk();
    desk.connect().waits(10 * SECOND - 1).sees([]);
    assert_eq!(desk.session.next_deadline_ns(), Some(START + 10 * SECOND));
    desk.waits(1).says([]).sees(["gone: logon timeout"]);
    assert_eq!(desk.session.next_deadline_ns(), None);
}

#[test]
fn a_second_connection_leaves_the_first_alone() {
    let mut desk = logged_on();
    let refused = desk.session.connected(desk.now, &mut desk.out);
    assert!(matches!(refused, Err(SessionError::AlreadyConnected)));
    desk.gets("35=1|34=2|112=still here|").says(["35=0|34=2|112=still here|"]);
}

#[test]
fn a_second_logon_ends_the_session_unless_it_resets() {
    let mut desk = logged_on();
    desk.gets(&logon(2)).says(["35=5|34=2|58=Already logged on|"]).sees(["gone: duplicate logon"]);
    let mut desk = logged_on();
    desk.gets(&order(2)).gets("35=A|34=1|98=0|108=30|141=Y|");
    desk.says(["35=A|34=1|98=0|108=30|141=Y|"]).sees(["app D 2", "logged on, 30 s, reset"]);
    desk.gets(&order(2)).sees(["app D 2"]);
}

#[test]
fn a_reset_starts_both_numbers_anew_and_keeps_the_event_number() {
    let mut desk = logged_on();
    desk.reports(1).gets("35=5|34=2|").wrote();
    desk.events.clear();
    desk.connect().gets("35=A|34=1|98=0|108=30|141=Y|");
    desk.says(["35=A|34=1|98=0|108=30|141=Y|"]).sees(["logged on, 30 s, reset"]);
    assert_eq!(desk.session.last_event_no(), 1);
    desk.reports(1).says([]).reports(2).says(["35=8|34=2|58=event 2|"]);
    desk.gets("35=5|34=2|").connect().gets("35=A|34=7|98=0|108=30|141=Y|");
    desk.says(["35=5|34=4|58=ResetSeqNumFlag needs MsgSeqNum 1|"]);
}

#[test]
fn an_acceptor_that_resets_on_logon_says_so_only_when_asked() {
    let config = Config { reset_on_logon: true, ..acceptor() };
    let mut desk = Desk::new(config, memory(), NoCredentials);
    for _ in 0..2 {
        desk.connect().gets(&logon(1)).says(["35=A|34=1|98=0|108=30|"]);
        desk.gets("35=5|34=2|").says(["35=5|34=2|"]);
    }
}

#[test]
fn heartbeats_go_out_each_interval_of_our_silence() {
    let mut desk = logged_on();
    assert_eq!(desk.session.next_deadline_ns(), Some(START + 30 * SECOND));
    desk.waits(30 * SECOND - 1).says([]).waits(1).says(["35=0|34=2|"]);
    desk.gets("35=0|34=2|").waits(20 * SECOND).reports(1).wrote();
    desk.waits(10 * SECOND).says([]).gets("35=0|34=3|").waits(20 * SECOND).says(["35=0|34=4|"]);
}

#[test]
fn a_silent_peer_is_tested_at_1_2_intervals_and_left_at_2_4() {
    let mut desk = logged_on();
    desk.waits(30 * SECOND).says(["35=0|34=2|"]).waits(6 * SECOND - 1).says([]).sees([]);
    assert_eq!(desk.session.next_deadline_ns(), Some(START + 36 * SECOND));
    desk.waits(1);
    let asked = format!("35=1|34=3|112={}|", (START + 36 * SECOND) / 1_000_000);
    desk.says([&asked]).sees(["Silent"]);
    desk.waits(36 * SECOND - 1).says(["35=0|34=4|"]).sees([]);
    desk.waits(1).says([]).sees(["gone: heartbeat timeout"]);
}

#[test]
fn an_answered_test_request_keeps_the_session() {
    let mut desk = logged_on();
    desk.waits(36 * SECOND).gets("35=0|34=2|112=x|").waits(35 * SECOND).sees(["Silent"]);
    desk.waits(SECOND).sees(["Silent"]).gets("35=0|34=3|").sees([]);
    assert!(desk.session.is_logged_on());
}

#[test]
fn after_a_pause_of_our_own_the_peer_still_gets_its_time() {
    let mut desk = logged_on();
    desk.waits(1_000 * SECOND).sees(["Silent"]);
    desk.waits(36 * SECOND - 1).sees([]).gets(&format!("35=0|34=2|112={}|", 1)).sees([]);
    assert!(desk.session.is_logged_on());
}

#[test]
fn a_test_request_is_answered_with_its_id() {
    let mut desk = logged_on();
    desk.gets("35=1|34=2|112=HELLO|").says(["35=0|34=2|112=HELLO|"]);
    desk.gets("35=1|34=3|").says(["35=3|34=3|45=3|58=Required tag missing|371=112|372=1|373=1|"]);
    let long = "x".repeat(300);
    desk.gets(&format!("35=1|34=4|112={long}|"));
    let text = "Value is incorrect (out of range) for this tag";
    desk.says([&format!("35=3|34=4|45=4|58={text}|371=112|372=1|373=5|")]);
}

#[test]
fn a_gap_is_asked_for_once_and_filled_in_order() {
    let mut desk = logged_on();
    desk.gets(&order(5)).says(["35=2|34=2|7=2|16=0|"]).sees(["gap 2..5"]);
    desk.gets(&order(6)).says([]).sees([]);
    for seq in 2..=6 {
        desk.gets(&format!("35=D|34={seq}|43=Y|122={}|{ORDER}", time_text(START)));
    }
    desk.says([]);
    // What came ahead was kept, and what is sent again of it is passed over.
    desk.sees(["app D 2 again", "app D 3 again", "app D 4 again", "app D 5", "app D 6"]);
    desk.gets(&order(7)).sees(["app D 7"]).gets(&order(9)).says(["35=2|34=3|7=8|16=0|"]);
}

#[test]
fn administrative_messages_ahead_of_a_gap_count_when_their_turn_comes() {
    let mut desk = logged_on();
    desk.gets("35=0|34=4|").says(["35=2|34=2|7=2|16=0|"]).sees(["gap 2..4"]);
    desk.gets("35=1|34=5|112=t|").says([]);
    desk.gets("35=0|34=2|").says([]).gets("35=0|34=3|").says(["35=0|34=3|112=t|"]).sees([]);
    assert_eq!(desk.session.next_in(), 6);
}

#[test]
fn a_gap_that_stays_is_asked_for_again_and_then_given_up() {
    let mut desk = logged_on();
    desk.gets("35=0|34=9|").says(["35=2|34=2|7=2|16=0|"]).sees(["gap 2..9"]);
    for (seq, out) in [(10, 4), (11, 6)] {
        desk.waits(29 * SECOND).wrote();
        desk.gets(&format!("35=0|34={seq}|")).waits(SECOND);
        assert!(desk.wrote().contains(&format!("35=2|34={out}|7=2|16=0|")), "{out}");
        desk.sees([&format!("gap 2..{seq}")]);
    }
    desk.gets("35=0|34=12|").waits(30 * SECOND);
    desk.sees(["logout sent: gap not filled"]).waits(2 * SECOND).sees(["gone: logout timeout"]);
}

#[test]
fn our_messages_are_sent_again_with_their_first_time_and_the_rest_is_gap_filled() {
    let mut desk = logged_on();
    desk.reports(1).reports(2).gets("35=1|34=2|112=t|").reports(3).wrote();
    let first = time_text(desk.now);
    desk.now += SECOND;
    let now = time_text(desk.now);
    desk.gets("35=2|34=3|7=1|16=0|");
    desk.says([
        &format!("35=4|34=1|43=Y|122={now}|36=2|123=Y|"),
        &format!("35=8|34=2|43=Y|122={first}|58=event 1|"),
        &format!("35=8|34=3|43=Y|122={first}|58=event 2|"),
        &format!("35=4|34=4|43=Y|122={now}|36=5|123=Y|"),
        &format!("35=8|34=5|43=Y|122={first}|58=event 3|"),
    ]);
    desk.gets("35=2|34=4|7=3|16=4|");
    desk.says([
        &format!("35=8|34=3|43=Y|122={first}|58=event 2|"),
        &format!("35=4|34=4|43=Y|122={now}|36=5|123=Y|"),
    ]);
    desk.reports(4).says(["35=8|34=6|58=event 4|"]);
}

#[test]
fn a_resend_request_for_nothing_we_sent_is_rejected() {
    let mut desk = logged_on();
    let text = "Value is incorrect (out of range) for this tag";
    desk.gets("35=2|34=2|7=9|16=0|");
    desk.says([&format!("35=3|34=2|45=2|58={text}|371=7|372=2|373=5|")]);
    desk.gets("35=2|34=3|7=2|16=1|");
    desk.says([&format!("35=3|34=3|45=3|58={text}|371=16|372=2|373=5|")]);
    desk.gets("35=2|34=4|7=x|16=0|");
    desk.says(["35=3|34=4|45=4|58=Incorrect data format for value|371=7|372=2|373=6|"]);
    desk.gets("35=2|34=5|7=1|")
        .says(["35=3|34=5|45=5|58=Required tag missing|371=16|372=2|373=1|"]);
}

#[test]
fn a_peer_that_asks_for_ever_is_left() {
    let mut desk = logged_on();
    desk.reports(1).wrote();
    for ask in 0..u64::from(SAME_RESENDS_MAX) {
        desk.gets(&format!("35=2|34={}|7=2|16=0|", ask + 2));
    }
    desk.sees([]).wrote();
    desk.gets(&format!("35=2|34={}|7=2|16=0|", SAME_RESENDS_MAX + 2));
    desk.says(["35=5|34=3|58=Too many resend requests|"]).sees(["gone: too many resend requests"]);
}

#[test]
fn both_sides_may_ask_at_once() {
    let mut desk = logged_on();
    desk.reports(1).reports(2).wrote();
    desk.gets(&order(4)).says(["35=2|34=4|7=2|16=0|"]);
    desk.gets("35=2|34=5|7=2|16=3|");
    let when = time_text(START);
    desk.says([
        &format!("35=8|34=2|43=Y|122={when}|58=event 1|"),
        &format!("35=8|34=3|43=Y|122={when}|58=event 2|"),
    ]);
    for seq in 2..=4 {
        desk.gets(&format!("35=D|34={seq}|43=Y|122={when}|{ORDER}"));
    }
    desk.sees(["gap 2..4", "app D 2 again", "app D 3 again", "app D 4"]);
    assert_eq!(desk.session.next_in(), 6, "the request itself counts");
    desk.gets(&format!("35=4|34=5|43=Y|122={when}|123=Y|36=6|")).says([]).sees([]);
    desk.gets("35=5|34=6|").says(["35=5|34=5|"]);
}

#[test]
fn a_gap_fill_moves_the_number_on_only_in_its_place() {
    let mut desk = logged_on();
    desk.gets("35=4|34=2|36=20|123=Y|").gets("35=1|34=20|112=t|").says(["35=0|34=2|112=t|"]);
    desk.gets("35=4|34=25|36=30|123=Y|").says(["35=2|34=3|7=21|16=0|"]).sees(["gap 21..25"]);
    desk.gets("35=4|34=21|36=30|123=Y|").gets("35=4|34=5|43=Y|36=99|123=Y|").sees([]);
    assert_eq!(desk.session.next_in(), 30);
    let text = "Value is incorrect (out of range) for this tag";
    desk.gets("35=4|34=30|36=30|123=Y|");
    desk.says([&format!("35=3|34=4|45=30|58={text}|371=36|372=4|373=5|")]);
    desk.events.clear();
    desk.gets("35=4|34=1|36=40|123=Y|");
    desk.says(["35=5|34=5|58=MsgSeqNum too low, expecting 31 but received 1|"]);
    desk.sees(["gone: MsgSeqNum too low"]);
}

#[test]
fn a_reset_sequence_goes_forward_whatever_its_number_and_never_back() {
    let mut desk = logged_on();
    desk.gets("35=4|34=0|36=25|").sees(["SequenceReset { from: 2, to: 25 }"]);
    desk.gets("35=1|34=25|112=t|").says(["35=0|34=2|112=t|"]);
    desk.gets("35=4|34=0|36=50|123=N|").gets("35=1|34=50|112=t|").says(["35=0|34=3|112=t|"]);
    desk.gets("35=4|34=0|36=1|");
    desk.says(["35=3|34=4|45=0|58=Value is incorrect (out of range) for this tag|372=4|373=5|"]);
    desk.gets("35=1|34=51|112=t|").says(["35=0|34=5|112=t|"]);
}

#[test]
fn a_duplicate_is_ignored_only_when_it_says_so() {
    let mut desk = logged_on();
    desk.gets(&order(2)).gets(&format!("35=D|34=2|43=Y|122={}|{ORDER}", time_text(START)));
    desk.says([]).sees(["app D 2"]);
    desk.gets(&format!("35=D|34=2|43=Y|{ORDER}"));
    desk.says(["35=3|34=2|45=2|58=Required tag missing|371=122|372=D|373=1|"]);
    desk.gets(&order(2)).says(["35=5|34=3|58=MsgSeqNum too low, expecting 3 but received 2|"]);
    desk.events.drain(..1);
    desk.sees(["gone: MsgSeqNum too low"]);
}

#[test]
fn a_duplicate_first_sent_in_the_future_ends_the_session() {
    let mut desk = logged_on();
    desk.gets(&order(2)).gets(&order(3)).sees(["app D 2", "app D 3"]);
    desk.gets(&format!("35=D|34=2|43=Y|122={}|{ORDER}", time_text(START + 10 * SECOND)));
    desk.says(["35=3|34=2|45=2|58=SendingTime accuracy problem|372=D|373=10|", "35=5|34=3|"]);
    desk.sees(["logout sent: SendingTime accuracy problem"]);
    desk.gets(&order(4)).sees([]).gets("35=5|34=4|").says([]).sees(["gone: logged out"]);
}

#[test]
fn a_sending_time_too_far_off_ends_the_session() {
    for off in [-121_i64, 121] {
        let mut desk = logged_on();
        let when = time_text(START.saturating_add_signed(off * SECOND as i64));
        desk.gets_raw(&format!("35=0|34=2|49=CLIENT|52={when}|56=RUTTER|"));
        desk.says(["35=3|34=2|45=2|58=SendingTime accuracy problem|372=0|373=10|", "35=5|34=3|"]);
        desk.sees(["logout sent: SendingTime accuracy problem"]);
        desk.waits(2 * SECOND).sees(["gone: logout timeout"]);
    }
    let mut desk = logged_on();
    let when = time_text(START - 120 * SECOND);
    desk.gets_raw(&format!("35=0|34=2|49=CLIENT|52={when}|56=RUTTER|")).says([]).sees([]);
}

#[test]
fn another_version_in_mid_session_ends_it() {
    let mut desk = logged_on();
    let body = format!("35=1|34=2|49=CLIENT|52={}|56=RUTTER|112=id|", time_text(START));
    desk.bytes(&frame("FIX.4.1", &body)).says(["35=5|34=2|58=Incorrect BeginString|"]);
    desk.gets("35=5|34=3|")
        .says([])
        .sees(["logout sent: incorrect BeginString", "gone: logged out"]);
}

#[test]
fn a_wrong_comp_id_in_mid_session_ends_it() {
    let mut desk = logged_on();
    desk.gets_raw(&format!("35=0|34=2|49=OTHER|52={}|56=RUTTER|", time_text(START)));
    desk.says(["35=3|34=2|45=2|58=CompID problem|372=0|373=9|", "35=5|34=3|"]);
    desk.sees(["logout sent: CompID problem"]);
}

#[test]
fn a_message_without_number_ends_the_session() {
    let mut desk = logged_on();
    desk.gets_raw(&format!("35=0|49=CLIENT|52={}|56=RUTTER|", time_text(START)));
    desk.says(["35=5|34=2|58=MsgSeqNum missing or malformed|"]).sees(["gone: no MsgSeqNum"]);
}

#[test]
fn defects_are_rejected_and_the_message_still_counts() {
    let mut desk = logged_on();
    let now = time_text(START);
    for (seq, fields, answer) in [
        (2, "0=HI|", "58=Invalid tag number|371=0|372=0|373=0|"),
        (3, "-1=HI|", "58=Invalid tag number|371=-1|372=0|373=0|"),
        (4, "x=HI|", "58=Invalid tag number|372=0|373=0|"),
        (5, "112=|", "58=Tag specified without a value|371=112|372=0|373=4|"),
        (6, "HI|", "58=Non \"data\" value includes field delimiter|372=0|373=17|"),
        (7, "43=N|43=Y|", "58=Tag appears more than once|371=43|372=0|373=13|"),
    ] {
        desk.gets(&format!("35=0|34={seq}|{fields}"));
        desk.says([&format!("35=3|34={seq}|45={seq}|{answer}")]);
    }
    desk.gets_raw(&format!("35=0|34=8|49=CLIENT|52={now}|"));
    desk.says(["35=3|34=8|45=8|58=Required tag missing|371=56|372=0|373=1|"]);
    desk.gets_raw("35=0|34=9|49=CLIENT|52=yesterday|56=RUTTER|");
    desk.says(["35=3|34=9|45=9|58=Incorrect data format for value|371=52|372=0|373=6|"]);
    desk.gets("35=*|34=10|").says(["35=3|34=10|45=10|58=Invalid MsgType|372=*|373=11|"]);
    desk.events.clear();
    desk.gets(&order(11)).sees(["app D 11"]);
}

#[test]
fn a_reject_goes_back_the_way_its_message_came() {
    let mut desk = logged_on();
    desk.gets("35=D|34=2|115=JCD|116=CS|144=CHI|11=|");
    desk.says(["35=3|34=2|128=JCD|129=CS|145=CHI|45=2|\
         58=Tag specified without a value|371=11|372=D|373=4|"]);
    desk.gets("35=D|34=3|128=JCD|129=CS|145=CHI|11=|");
    desk.says(["35=3|34=3|115=JCD|116=CS|144=CHI|45=3|\
         58=Tag specified without a value|371=11|372=D|373=4|"]);
}

#[test]
fn garbled_bytes_are_skipped_and_their_message_is_asked_for() {
    let mut desk = logged_on();
    desk.bytes(b"8=FIX.4.4\x019=5\x0135=0\x0110=000\x01");
    desk.gets("35=0|34=2|");
    let mut broken = frame("FIX.4.4", &order(3));
    let last = broken.len() - 2;
    broken[last] = if broken[last] == b'0' { b'1' } else { b'0' };
    desk.bytes(&broken).gets("35=0|34=4|").says(["35=2|34=2|7=3|16=0|"]);
    desk.gets(&order(3)).sees(["Garbled(CheckSum)", "Garbled(CheckSum)", "gap 3..4", "app D 3"]);
    assert_eq!(desk.session.next_in(), 5);
}

#[test]
fn endless_garbage_is_not_read_for_ever() {
    let mut desk = logged_on();
    for _ in 0..100 {
        desk.bytes(b"x");
    }
    assert_eq!(desk.events.last().map(String::as_str), Some("gone: too much garbage"));
    assert_eq!(desk.events.len(), 64);
}

#[test]
fn messages_cut_anywhere_are_taken_when_they_are_whole() {
    let mut desk = desk();
    desk.connect();
    let now = time_text(START);
    let header = format!("49=CLIENT|52={now}|56=RUTTER|");
    let stream = [
        frame("FIX.4.4", &format!("35=A|34=1|{header}98=0|108=30|")),
        frame("FIX.4.4", &format!("35=D|34=2|{header}{ORDER}")),
        frame("FIX.4.4", &format!("35=1|34=3|{header}112=t|")),
    ]
    .concat();
    for byte in stream {
        desk.bytes(&[byte]);
    }
    desk.sees(["logged on, 30 s", "app D 2"]);
    desk.says(["35=A|34=1|98=0|108=30|", "35=0|34=2|112=t|"]);
}

#[test]
fn our_logout_waits_for_its_answer_and_takes_what_comes_before() {
    let mut desk = logged_on();
    desk.session.logout(desk.now, "closing", &mut desk.out);
    desk.says(["35=5|34=2|58=closing|"]).gets(&order(2)).sees(["app D 2"]);
    desk.reports(1).says(["35=8|34=3|58=event 1|"]);
    desk.gets("35=5|34=3|58=ok|").says([]).sees(["gone: logged out (ok)"]);
    assert_eq!(desk.session.next_in(), 4);
}

#[test]
fn the_application_may_reject_what_it_got() {
    let mut desk = logged_on();
    let body = format!("35=D|34=2|49=CLIENT|52={}|56=RUTTER|115=JCD|11=id|", time_text(START));
    let bytes = frame("FIX.4.4", &body);
    desk.bytes(&bytes).sees(["app D 2"]);
    let mut index = FieldIndex::new();
    assert!(matches!(decode(&bytes, &mut index), Ok(Status::Complete { .. })));
    let message = Message::new(&bytes, &index);
    let reason = SessionRejectReason::RequiredTagMissing;
    desk.session.reject(desk.now, &message, reason, Some(55), &mut desk.out);
    desk.says(["35=3|34=2|128=JCD|45=2|58=Required tag missing|371=55|372=D|373=1|"]);
    let reason = BusinessRejectReason::UnsupportedMessageType;
    let sent = desk.session.business_reject(
        desk.now,
        &message,
        reason,
        Some(b"id"),
        "no such thing",
        &mut desk.out,
    );
    assert!(matches!(sent, Ok(Sent::Written { seq: 3 })));
    let said = "128=JCD|45=2|58=no such thing|372=D|379=id|380=3|";
    desk.says([&format!("35=j|34=3|{said}")]);
    let when = time_text(START);
    desk.gets("35=2|34=3|7=3|16=0|").says([&format!("35=j|34=3|43=Y|122={when}|{said}")]);
}

#[test]
fn messages_for_an_absent_client_wait_for_its_request() {
    let mut desk = desk();
    desk.reports(1).reports(2).says([]);
    desk.now += SECOND;
    desk.connect().gets(&logon(1)).says(["35=A|34=3|98=0|108=30|"]);
    desk.gets("35=2|34=2|7=1|16=0|");
    let (then, now) = (time_text(START), time_text(desk.now));
    desk.says([
        &format!("35=8|34=1|43=Y|122={then}|58=event 1|"),
        &format!("35=8|34=2|43=Y|122={then}|58=event 2|"),
        &format!("35=4|34=3|43=Y|122={now}|36=4|123=Y|"),
    ]);
}

#[test]
fn a_long_replay_waits_for_the_writer_and_live_messages_do_not() {
    let config = acceptor();
    let mut desk = Desk::new(config, MemStore::new(64 << 20), NoCredentials);
    let big = "y".repeat(20_000);
    for event_no in 1..=40 {
        let sent = desk.session.send_app(desk.now, event_no, b"8", &mut desk.out, |message| {
            message.text(58, &big);
        });
        assert!(matches!(sent, Ok(Sent::Held { .. })));
    }
    desk.connect().gets(&logon(1)).wrote();
    desk.gets("35=2|34=2|7=1|16=10|");
    assert!(!desk.session.replay_pending(), "ten of them fit");
    desk.wrote();
    desk.gets("35=2|34=3|7=1|16=20|");
    assert!(desk.session.replay_pending());
    assert_eq!(desk.session.next_deadline_ns(), Some(0));
    let first = desk.wrote().len();
    assert!(first < 20, "{first}");
    // What is new goes out between two parts, and what arrives is taken.
    desk.reports(41).says(["35=8|34=42|58=event 41|"]);
    desk.gets(&order(4)).gets("35=1|34=5|112=t|").sees(["logged on, 30 s", "app D 4"]);
    let rest = desk.wrote();
    assert_eq!(first + rest.len(), 20 + 1);
    assert_eq!(rest[rest.len() - 1], "35=0|34=43|112=t|");
    assert!(!desk.session.replay_pending());
}

fn seq_of(text: &str) -> Option<u64> {
    text.parse().ok()
}

/// Two requests at once: the second one is served when the first one is done.
#[test]
fn a_second_request_waits_for_the_end_of_the_first() {
    let mut desk = Desk::new(acceptor(), MemStore::new(64 << 20), NoCredentials);
    let big = "y".repeat(20_000);
    for event_no in 1..=20 {
        let sent = desk.session.send_app(desk.now, event_no, b"8", &mut desk.out, |message| {
            message.text(58, &big);
        });
        assert!(matches!(sent, Ok(Sent::Held { .. })));
    }
    desk.connect().gets(&logon(1)).wrote();
    desk.gets("35=2|34=2|7=1|16=18|").gets("35=2|34=3|7=19|16=20|");
    let first = desk.wrote();
    assert!(first.len() < 18 && desk.session.next_in() == 3, "the second waits");
    let rest = desk.bytes(b"").wrote();
    let resent: Vec<_> = first.iter().chain(&rest).map(|one| &one[..13]).collect();
    assert_eq!(resent.len(), 20, "each once, in order");
    assert!(resent.is_sorted_by_key(|one| one[8..].split('|').next().and_then(seq_of)));
    assert_eq!(desk.session.next_in(), 4);
}

#[test]
fn a_store_that_is_full_gap_fills_the_oldest_and_says_so() {
    let mut desk = Desk::new(acceptor(), MemStore::new(32), NoCredentials);
    desk.connect().gets(&logon(1)).wrote();
    desk.events.clear();
    for event_no in 1..=4 {
        desk.reports(event_no);
    }
    desk.wrote();
    desk.gets("35=2|34=2|7=2|16=0|").sees(["ResendTruncated { from: 2, upto: 3 }"]);
    let now = time_text(START);
    desk.says([
        &format!("35=4|34=2|43=Y|122={now}|36=4|123=Y|"),
        &format!("35=8|34=4|43=Y|122={now}|58=event 3|"),
        &format!("35=8|34=5|43=Y|122={now}|58=event 4|"),
    ]);
}

#[test]
fn an_initiator_logs_on_and_takes_the_answer() {
    let policy = PasswordPolicy::new("me", "secret");
    let mut desk = Desk::new(Config::initiator("CLIENT", "RUTTER"), memory(), policy);
    desk.connect().says(["35=A|34=1|98=0|108=30|553=me|554=secret|"]);
    desk.gets("35=A|34=1|98=0|108=30|").sees(["logged on, 30 s"]).says([]);
    desk.reports(1).says(["35=8|34=2|58=event 1|"]);
    desk.gets("35=5|34=2|").wrote();
    desk.events.clear();
    desk.connect()
        .gets("35=5|34=3|58=go away|")
        .sees(["gone: logon refused by the peer (go away)"]);
    desk.connect().waits(10 * SECOND).sees(["gone: logon timeout"]);
}

fn venue() -> Desk<MemStore, Signer> {
    Desk::new(Config::venue("EXAMPLE", "SPOT"), memory(), Signer)
}

#[test]
fn a_venue_logon_signs_its_number_and_time_in_the_venues_order() {
    let mut desk = venue();
    desk.connect();
    let now = time_text(START);
    let text = String::from_utf8_lossy(&desk.out).replace('\u{1}', "|");
    let payload = format!("A|EXAMPLE|SPOT|1|{now}");
    let body = format!(
        "35=A|49=EXAMPLE|56=SPOT|34=1|52={now}|95={}|96={payload}|\
         98=0|108=30|141=Y|553=key|25035=2|",
        payload.len()
    );
    assert!(text.contains(&body), "{text}");
}

#[test]
fn a_venue_may_pad_its_length_and_write_microseconds() {
    let mut desk = venue();
    desk.connect().wrote();
    let body = "35=A\u{1}34=1\u{1}49=SPOT\u{1}52=20240627-11:17:26.021636\u{1}56=EXAMPLE\u{1}\
                98=0\u{1}\
                108=30\u{1}25037=4392a152-3481-4499-921a-6d42c50702e2\u{1}";
    let mut bytes = format!("8=FIX.4.4\u{1}9={:07}\u{1}{body}", body.len()).into_bytes();
    let sum = rutter_fix::codec::checksum(&bytes);
    bytes.extend_from_slice(format!("10={sum:03}\u{1}").as_bytes());
    desk.bytes(&bytes).sees(["logged on, 30 s, reset"]);
    desk.gets("35=XAK|34=2|11=a|").sees(["app XAK 2"]);
    let sent = desk.session.send_app(desk.now, 1, b"XCN", &mut desk.out, |message| {
        message.field(11, b"a");
    });
    assert!(matches!(sent, Ok(Sent::Written { seq: 2 })));
    desk.says(["35=XCN|34=2|11=a|"]);
}

#[test]
fn a_gap_towards_a_venue_without_resend_is_fatal() {
    let mut desk = venue();
    desk.connect().gets("35=A|34=1|98=0|108=30|").wrote();
    desk.gets("35=8|34=3|").says(["35=5|34=2|58=MsgSeqNum too high|"]);
    desk.sees(["logged on, 30 s, reset", "gone: gap in the sequence"]);
    let late = desk.session.send_app(desk.now, 1, b"D", &mut desk.out, |_| ());
    assert!(matches!(late, Err(SendError::NotLoggedOn)), "nothing is sent late");
    desk.connect();
    assert_eq!(desk.session.store().next_out(), 2, "a venue session starts at one again");
}

#[test]
fn an_extra_header_field_follows_the_header_of_every_message_but_the_logon() {
    let config = Config { extra_header: b"25000=5000\x01".to_vec(), ..Config::venue("A", "B") };
    let mut desk = Desk::new(config, memory(), NoCredentials);
    desk.connect().says(["35=A|34=1|98=0|108=30|141=Y|"]).gets("35=A|34=1|98=0|108=30|");
    desk.gets("35=1|34=2|112=t|").says(["35=0|34=2|25000=5000|112=t|"]);
}

#[test]
fn confirmations_move_the_stored_number_in_order_only() {
    let mut desk = logged_on();
    assert_eq!(desk.session.store().next_in(), 2);
    desk.gets(&order(2)).gets("35=0|34=3|").gets(&order(4)).gets("35=0|34=5|");
    assert_eq!((desk.session.next_in(), desk.session.store().next_in()), (6, 2));
    let ids = desk.ids.clone();
    desk.session.confirm_in(ids[1]);
    assert_eq!(desk.session.store().next_in(), 2, "the first is still outstanding");
    desk.session.confirm_in(ids[0]);
    assert_eq!(desk.session.store().next_in(), 6);
    assert_eq!(desk.session.unconfirmed(), 0);
}

#[test]
fn a_confirmation_of_before_a_reset_means_nothing_after_it() {
    let mut desk = logged_on();
    desk.gets(&order(2));
    let old = desk.ids[0];
    desk.gets("35=A|34=1|98=0|108=30|141=Y|").gets(&order(2));
    desk.session.confirm_in(old);
    assert_eq!(desk.session.store().next_in(), 2);
    desk.session.confirm_in(desk.ids[1]);
    assert_eq!(desk.session.store().next_in(), 3);
}

#[test]
fn what_is_too_long_is_not_sent_and_uses_no_number() {
    let mut desk = logged_on();
    let long = vec![b'x'; 70_000];
    let sent = desk.session.send_app(desk.now, 1, b"8", &mut desk.out, |message| {
        message.field(58, &long);
    });
    assert!(matches!(sent, Err(SendError::Encode(_))));
    desk.reports(1).says(["35=8|34=2|58=event 1|"]);
}

/// Market data: of no use later, so it must not fill the store nor a replay.
#[test]
fn a_transient_message_takes_a_number_and_is_gap_filled() {
    let mut desk = logged_on();
    let tick = |desk: &mut Plain, text: &str| {
        desk.session.send_transient(desk.now, b"X", &mut desk.out, |x| {
            x.text(58, text);
        })
    };
    desk.reports(1);
    assert!(matches!(tick(&mut desk, "tick"), Ok(Sent::Written { seq: 3 })));
    assert!(matches!(tick(&mut desk, "tock"), Ok(Sent::Written { seq: 4 })));
    desk.reports(2);
    desk.says([
        "35=8|34=2|58=event 1|",
        "35=X|34=3|58=tick|",
        "35=X|34=4|58=tock|",
        "35=8|34=5|58=event 2|",
    ]);
    let now = time_text(START);
    desk.gets("35=2|34=2|7=2|16=0|").says([
        &format!("35=8|34=2|43=Y|122={now}|58=event 1|"),
        &format!("35=4|34=3|43=Y|122={now}|36=5|123=Y|"),
        &format!("35=8|34=5|43=Y|122={now}|58=event 2|"),
    ]);
    let long = "x".repeat(70_000);
    assert!(matches!(tick(&mut desk, &long), Err(SendError::Encode(_))), "too long");
    desk.reports(3).says(["35=8|34=6|58=event 3|"]);
    desk.gets("35=5|34=3|").wrote();
    assert!(matches!(tick(&mut desk, "late"), Err(SendError::NotLoggedOn)));
    assert_eq!(desk.session.next_out(), 8, "nothing is kept for a peer that is not there");
}
