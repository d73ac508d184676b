//! Logons within a session, resets that the peer is told of, and Rejects that are sent again.

use crate::desk::{Desk, SECOND, START, logon, memory, time_text};
use rutter_fix::dictionary::Version;
use rutter_fix::session::{Config, NoCredentials, PasswordPolicy, RESETS_MAX, RESETS_NS, State};
use rutter_fix::store::{MemStore, MessageStore};

type Plain = Desk<MemStore, NoCredentials>;

fn acceptor() -> Config {
    Config::acceptor("RUTTER", "CLIENT")
}

fn checked() -> Config {
    acceptor().validated(Version::Fix44)
}

fn logged_on(config: Config) -> Plain {
    let mut desk = Desk::new(config, memory(), NoCredentials);
    desk.connect().gets(&logon(1)).wrote();
    desk.events.clear();
    desk
}

#[test]
fn a_logon_within_a_session_is_read_like_the_first() {
    for (fields, said, reason) in [
        ("98=1|108=30|", "58=EncryptMethod must be 0|", "EncryptMethod"),
        ("98=0|108=99999|", "58=HeartBtInt missing or not allowed|", "HeartBtInt"),
        ("98=0|", "58=HeartBtInt missing or not allowed|", "HeartBtInt"),
    ] {
        let mut desk = logged_on(acceptor());
        desk.gets(&format!("35=A|34=1|{fields}141=Y|"));
        desk.says([&format!("35=5|34=2|{said}")]);
        desk.sees([&format!("gone: logon refused: {reason}")]);
        assert_eq!(desk.session.store().epoch(), 0, "nothing was reset");
    }
    let mut desk = logged_on(checked());
    desk.gets("35=A|34=1|98=0|108=30|141=Y|38=1|");
    desk.says([
        "35=3|34=2|45=1|58=Tag not defined for this message type|371=38|372=A|373=2|",
        "35=5|34=3|58=Tag not defined for this message type|",
    ]);
    desk.sees(["gone: logon refused: invalid field"]);
    let mut desk = Desk::new(acceptor(), memory(), PasswordPolicy::new("me", "secret"));
    desk.connect().gets("35=A|34=1|98=0|108=30|553=me|554=secret|").wrote();
    desk.gets("35=A|34=1|98=0|108=30|141=Y|553=me|554=wrong|");
    desk.says(["35=5|34=2|58=Invalid credentials|"]);
}

#[test]
fn the_terms_of_a_logon_within_a_session_hold_from_then_on() {
    let mut desk = logged_on(acceptor());
    desk.gets("35=A|34=1|98=0|108=7|141=Y|").says(["35=A|34=1|98=0|108=7|141=Y|"]);
    desk.sees(["logged on, 7 s, reset"]);
    desk.waits(7 * SECOND).says(["35=0|34=2|"]);
    let config = acceptor().validated(Version::Fix50Sp2);
    let mut desk = Desk::new(config, memory(), NoCredentials);
    desk.connect().gets("35=A|34=1|98=0|108=30|1137=9|").wrote();
    desk.gets("35=A|34=1|98=0|108=30|141=Y|1137=7|");
    desk.says(["35=A|34=1|98=0|108=30|141=Y|1137=7|"]);
}

/// A peer that answers each Logon with a Logon.
#[test]
fn resets_without_end_are_ended() {
    let mut desk = logged_on(acceptor());
    for _ in 0..2 {
        for _ in 0..RESETS_MAX {
            desk.gets("35=A|34=1|98=0|108=30|141=Y|").says(["35=A|34=1|98=0|108=30|141=Y|"]);
        }
        desk.now += RESETS_NS;
    }
    for _ in 0..RESETS_MAX {
        desk.gets("35=A|34=1|98=0|108=30|141=Y|").wrote();
    }
    desk.gets("35=A|34=1|98=0|108=30|141=Y|");
    desk.says(["35=5|34=2|58=Too many sequence resets|"]);
    assert_eq!(desk.events.last().map(String::as_str), Some("gone: too many sequence resets"));
}

/// An operator resets a session of high numbers; a report is stored before the peer is back.
fn reset_by_an_operator() -> Plain {
    let mut desk = logged_on(acceptor());
    desk.gets("35=0|34=2|").gets("35=5|34=3|").wrote();
    desk.events.clear();
    assert!(desk.session.reset());
    desk.reports(1).says([]);
    desk
}

#[test]
fn a_peer_is_told_of_a_reset_that_it_did_not_ask_for() {
    for number in [1, 4, 900] {
        let mut desk = reset_by_an_operator();
        desk.connect().gets(&logon(number)).says(["35=A|34=1|98=0|108=30|141=Y|"]);
        desk.sees(["logged on, 30 s, reset"]);
        // Its Logon counts as 1. What was stored in between has a number and can be asked for.
        desk.gets("35=2|34=2|7=2|16=0|");
        desk.says([&format!("35=8|34=2|43=Y|122={}|58=event 1|", time_text(START))]);
        // Told once.
        desk.gets("35=5|34=3|").wrote();
        desk.connect().gets(&logon(4)).says(["35=A|34=4|98=0|108=30|"]);
    }
}

/// Some engines answer the news of a reset with a Logon of their own, number 1 and 141=Y.
#[test]
fn the_peers_agreement_to_a_reset_is_not_answered() {
    let mut desk = reset_by_an_operator();
    desk.connect().gets(&logon(4)).wrote();
    desk.events.clear();
    desk.gets("35=A|34=1|98=0|108=30|141=Y|").says([]).sees(["logged on, 30 s, reset"]);
    desk.gets("35=1|34=2|112=on|").says(["35=0|34=3|112=on|"]);
    // A later one is a request.
    desk.gets("35=A|34=1|98=0|108=30|141=Y|").says(["35=A|34=1|98=0|108=30|141=Y|"]);
}

#[test]
fn a_peer_that_resets_by_itself_need_not_be_told() {
    let mut desk = reset_by_an_operator();
    desk.connect().gets("35=A|34=1|98=0|108=30|141=Y|");
    desk.says(["35=A|34=1|98=0|108=30|141=Y|"]);
    desk.gets("35=5|34=2|").wrote();
    desk.connect().gets(&logon(3)).says(["35=A|34=3|98=0|108=30|"]);
}

#[test]
fn a_reset_is_told_after_a_restart_too_and_only_if_it_was_not_told_before() {
    let desk = reset_by_an_operator();
    let mut desk = Desk::new(acceptor(), desk.session.into_store(), NoCredentials);
    desk.session.recover_reset();
    desk.connect().gets(&logon(4)).says(["35=A|34=1|98=0|108=30|141=Y|"]);
    // A peer that goes without a word may not have read the answer.
    desk.session.disconnected();
    desk.connect().gets(&logon(5)).says(["35=A|34=1|98=0|108=30|141=Y|"]);
    desk.gets("35=0|34=2|");
    desk.session.disconnected();
    let mut desk = Desk::new(acceptor(), desk.session.into_store(), NoCredentials);
    desk.session.recover_reset();
    desk.connect().gets(&logon(3)).says(["35=A|34=3|98=0|108=30|"]);
}

/// A report has number 1, as the first of a period or of a store that was begun anew.
#[test]
fn a_told_reset_never_takes_the_number_of_a_report() {
    let mut desk = Desk::new(acceptor(), memory(), NoCredentials);
    desk.reports(1);
    desk.session.recover_reset();
    desk.connect().gets(&logon(1)).says(["35=A|34=2|98=0|108=30|"]);
    desk.gets("35=2|34=2|7=1|16=1|");
    desk.says([&format!("35=8|34=1|43=Y|122={}|58=event 1|", time_text(START))]);
}

/// Our own engine on the other side goes on without a gap.
#[test]
fn a_client_of_ours_follows_a_reset_that_it_is_told_of() {
    let mut desk = reset_by_an_operator();
    let mut client = Desk::new(Config::initiator("CLIENT", "RUTTER"), memory(), NoCredentials);
    let talk = |desk: &mut Plain, client: &mut Plain| {
        for _ in 0..8 {
            let bytes = std::mem::take(&mut client.out);
            desk.bytes(&bytes);
            let bytes = std::mem::take(&mut desk.out);
            client.bytes(&bytes);
        }
    };
    for event in [2, 4] {
        desk.connect();
        client.connect();
        talk(&mut desk, &mut client);
        // The first new message shows the client what it has missed.
        desk.reports(event);
        talk(&mut desk, &mut client);
        assert_eq!(client.session.next_in(), desk.session.next_out());
        assert_eq!(desk.session.next_in(), client.session.next_out());
        assert!(client.session.is_logged_on() && desk.session.is_logged_on());
        client.session.disconnected();
        desk.session.disconnected();
        desk.session.reset();
        desk.reports(event + 1);
    }
    let reports = client.events.iter().filter(|event| event.starts_with("app 8"));
    assert_eq!(reports.count(), 4, "{:?}", client.events);
}

#[test]
fn a_reject_is_stored_and_sent_again() {
    let mut desk = logged_on(checked());
    desk.gets("35=1|34=2|112=t|").gets("35=0|34=3|58=x|").gets("35=D|34=4|11=|").wrote();
    desk.now += SECOND;
    let (then, now) = (time_text(START), time_text(desk.now));
    desk.gets("35=2|34=5|7=1|16=0|").says([
        &format!("35=4|34=1|43=Y|122={now}|36=3|123=Y|"),
        &format!(
            "35=3|34=3|43=Y|122={then}|45=3|\
             58=Tag not defined for this message type|371=58|372=0|373=2|"
        ),
        &format!(
            "35=3|34=4|43=Y|122={then}|45=4|58=Tag specified without a value|371=11|372=D|373=4|"
        ),
    ]);
    assert_eq!(desk.session.state(), State::LoggedOn);
}

#[test]
fn the_reject_of_a_refused_logon_can_be_asked_for() {
    let mut desk = Desk::new(checked(), memory(), NoCredentials);
    desk.connect().gets("35=A|34=1|98=0|108=30|38=1|");
    let reject = "45=1|58=Tag not defined for this message type|371=38|372=A|373=2|";
    desk.says([
        &format!("35=3|34=1|{reject}"),
        "35=5|34=2|58=Tag not defined for this message type|",
    ]);
    desk.connect().gets(&logon(1)).says(["35=A|34=3|98=0|108=30|"]);
    let then = time_text(START);
    desk.gets("35=2|34=2|7=1|16=1|").says([&format!("35=3|34=1|43=Y|122={then}|{reject}")]);
}
