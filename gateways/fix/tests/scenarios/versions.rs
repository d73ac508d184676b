//! Sessions of FIX 4.2 and 5.0 SP2, and what 4.4 may do besides: chunks and
//! `NextExpectedMsgSeqNum`.

use crate::desk::{Desk, SECOND, START, frame, time_text};
use rutter_fix::codec::{FieldIndex, Message, Status, decode};
use rutter_fix::dictionary::Version;
use rutter_fix::session::{BusinessRejectReason, Config, NoCredentials};
use rutter_fix::store::MemStore;

type Plain = Desk<MemStore, NoCredentials>;

fn desk(config: Config) -> Plain {
    Desk::new(config, MemStore::new(1 << 20), NoCredentials)
}

fn acceptor(version: Version) -> Plain {
    let mut desk = desk(Config::acceptor("RUTTER", "CLIENT").validated(version));
    desk.connect();
    desk
}

const ORDER: &str = "11=a|21=1|55=X|54=1|60=20240627-11:17:26|38=1|40=1|";

#[test]
fn a_fix_4_2_session_logs_on_resends_and_logs_out() {
    let mut desk = acceptor(Version::Fix42);
    desk.gets("35=A|34=1|98=0|108=30|").says(["35=A|34=1|98=0|108=30|"]);
    desk.gets(&format!("35=D|34=2|{ORDER}")).sees(["logged on, 30 s", "app D 2"]);
    desk.reports(1).says(["35=8|34=2|58=event 1|"]);
    let now = time_text(START);
    desk.gets("35=2|34=3|7=1|16=0|").says([
        &format!("35=4|34=1|43=Y|122={now}|36=2|123=Y|"),
        &format!("35=8|34=2|43=Y|122={now}|58=event 1|"),
    ]);
    desk.gets("35=5|34=4|").says(["35=5|34=3|"]).sees(["gone: logged out by the peer"]);
}

#[test]
fn fix_4_2_hears_no_reject_reason_that_it_does_not_have() {
    let mut desk = acceptor(Version::Fix42);
    desk.gets("35=A|34=1|98=0|108=30|").wrote();
    desk.gets(&format!("35=D|34=2|{ORDER}40=2|"));
    desk.says(["35=3|34=2|45=2|58=Tag appears more than once|371=40|372=D|"]);
    desk.gets("35=zz|34=3|").says(["35=3|34=3|45=3|58=Invalid MsgType|372=zz|373=11|"]);
}

#[test]
fn a_fix_5_0_session_agrees_on_the_version_of_the_application() {
    for version in ["7", "8", "9"] {
        let mut desk = acceptor(Version::Fix50Sp2);
        let logon = format!("98=0|108=30|1137={version}|");
        desk.gets(&format!("35=A|34=1|{logon}")).says([&format!("35=A|34=1|{logon}")]);
        desk.gets(&format!("35=D|34=2|1128=9|{ORDER}")).sees(["logged on, 30 s", "app D 2"]);
    }
    for logon in ["98=0|108=30|", "98=0|108=30|1137=4|"] {
        let mut desk = acceptor(Version::Fix50Sp2);
        desk.gets(&format!("35=A|34=1|{logon}"));
        let refused = if logon.contains("1137") {
            desk.says(["35=5|34=1|58=DefaultApplVerID missing or not supported|"]);
            "DefaultApplVerID"
        } else {
            let text = "Required tag missing";
            desk.says([
                &format!("35=3|34=1|45=1|58={text}|371=1137|372=A|373=1|"),
                &format!("35=5|34=2|58={text}|"),
            ]);
            "invalid field"
        };
        desk.sees([&format!("gone: logon refused: {refused}")]);
    }
}

#[test]
fn a_fix_5_0_initiator_names_its_version() {
    let mut desk = desk(Config::initiator("CLIENT", "RUTTER").validated(Version::Fix50Sp2));
    desk.connect().says(["35=A|34=1|98=0|108=30|1137=9|"]);
    desk.gets("35=A|34=1|98=0|108=30|1137=9|").sees(["logged on, 30 s"]);
    desk.reports(1).says(["35=8|34=2|58=event 1|"]);
    desk.gets("35=2|34=2|7=2|16=2|");
    desk.says([&format!("35=8|34=2|43=Y|122={}|58=event 1|", time_text(START))]);
    desk.gets("35=0|34=4|").says(["35=2|34=3|7=3|16=0|"]);
}

#[test]
fn a_logon_with_a_field_that_it_cannot_have_is_refused() {
    let mut desk = acceptor(Version::Fix44);
    let mut seq = 1;
    for (fields, answer, text) in [
        ("98=0|108=30|44=1|", "371=44|372=A|373=2|", "Tag not defined for this message type"),
        ("98=0|", "371=108|372=A|373=1|", "Required tag missing"),
        ("98=0|108=|", "371=108|372=A|373=4|", "Tag specified without a value"),
        ("98=0|108=x|", "371=108|372=A|373=6|", "Incorrect data format for value"),
        ("98=9|108=30|", "371=98|372=A|373=5|", "Value is incorrect (out of range) for this tag"),
    ] {
        desk.gets(&format!("35=A|34=1|{fields}")).says([
            &format!("35=3|34={seq}|45=1|58={text}|{answer}"),
            &format!("35=5|34={}|58={text}|", seq + 1),
        ]);
        desk.sees(["gone: logon refused: invalid field"]);
        seq += 2;
        desk.connect();
    }
    desk.gets("35=A|34=1|98=0|108=30|").says([&format!("35=A|34={seq}|98=0|108=30|")]);
}

#[test]
fn an_initiator_takes_no_answer_that_is_not_well_made() {
    for (answer, text) in [
        ("98=0|108=30|1137=9|44=1|", "Invalid tag number"),
        ("98=0|108=30|", "Required tag missing"),
        ("98=0|108=30|1137=7|", "DefaultApplVerID is not ours"),
    ] {
        let mut desk = desk(Config::initiator("CLIENT", "RUTTER").validated(Version::Fix50Sp2));
        desk.connect().wrote();
        desk.gets(&format!("35=A|34=1|{answer}"));
        desk.says([&format!("35=5|34=2|58={text}|")]).sees(["gone: invalid logon"]);
    }
}

/// `ApplVerID` (1128) of a single message, which goes before what the Logon said.
#[test]
fn a_message_of_a_version_that_no_logon_may_name_is_rejected() {
    let mut desk = acceptor(Version::Fix50Sp2);
    desk.gets("35=A|34=1|98=0|108=30|1137=9|").wrote();
    desk.gets(&format!("35=D|34=2|1128=8|{ORDER}")).says([]);
    desk.gets(&format!("35=D|34=3|1128=4|{ORDER}"));
    let text = "Invalid or unsupported application version";
    desk.says([&format!("35=3|34=2|45=3|58={text}|371=1128|372=D|373=18|")]);
    desk.sees(["logged on, 30 s", "app D 2", "rejected 3 InvalidApplicationVersion Some(1128)"]);
}

#[test]
fn a_reset_that_is_not_well_made_moves_nothing() {
    let mut desk = acceptor(Version::Fix44);
    desk.gets("35=A|34=1|98=0|108=30|").wrote();
    desk.gets("35=4|34=9|36=20|123=maybe|");
    desk.says(["35=3|34=2|45=9|58=Incorrect data format for value|371=123|372=4|373=6|"]);
    desk.gets("35=4|34=9|123=N|");
    desk.says(["35=3|34=3|45=9|58=Required tag missing|371=36|372=4|373=1|"]);
    assert_eq!(desk.session.next_in(), 2);
}

#[test]
fn a_gap_fill_ahead_of_a_gap_counts_when_the_gap_is_closed() {
    let mut desk = acceptor(Version::Fix44);
    desk.gets("35=A|34=1|98=0|108=30|").wrote();
    desk.gets("35=4|34=4|36=20|123=Y|").says(["35=2|34=2|7=2|16=0|"]);
    desk.gets("35=0|34=2|").gets("35=0|34=3|");
    assert_eq!(desk.session.next_in(), 20);
}

#[test]
fn a_long_gap_is_asked_for_in_chunks() {
    let config = Config { resend_chunk: 2, ..Config::acceptor("RUTTER", "CLIENT") };
    let mut desk = desk(config);
    desk.connect().gets("35=A|34=1|98=0|108=30|").wrote();
    let again = |desk: &mut Plain, seq: u64| {
        let then = time_text(START);
        desk.gets(&format!("35=D|34={seq}|43=Y|122={then}|{ORDER}"));
    };
    desk.gets(&format!("35=D|34=6|{ORDER}")).says(["35=2|34=2|7=2|16=3|"]);
    again(&mut desk, 2);
    desk.says([]);
    again(&mut desk, 3);
    desk.says(["35=2|34=3|7=4|16=5|"]);
    again(&mut desk, 4);
    again(&mut desk, 5);
    // The sixth was kept, so nobody has to ask for it.
    desk.says([]);
    assert_eq!(desk.session.next_in(), 7);
    let told = desk.events.iter().filter(|event| event.starts_with("app D")).count();
    assert_eq!(told, 5, "each once, in order: {:?}", desk.events);
}

#[test]
fn a_peer_that_says_what_it_expects_gets_it_without_asking() {
    let config = Config { next_expected: true, ..Config::acceptor("RUTTER", "CLIENT") };
    let mut desk = desk(config);
    desk.reports(1).reports(2).reports(3).connect();
    let now = time_text(START);
    desk.gets("35=A|34=1|98=0|108=30|789=2|").says([
        "35=A|34=4|98=0|108=30|789=2|",
        &format!("35=8|34=2|43=Y|122={now}|58=event 2|"),
        &format!("35=8|34=3|43=Y|122={now}|58=event 3|"),
    ]);
    desk.reports(4).says(["35=8|34=5|58=event 4|"]);
}

#[test]
fn a_gap_that_the_peer_has_been_told_of_is_asked_for_only_when_it_stays() {
    let config = Config { next_expected: true, ..Config::acceptor("RUTTER", "CLIENT") };
    let mut desk = desk(config);
    desk.connect().gets("35=A|34=4|98=0|108=30|789=1|").says(["35=A|34=1|98=0|108=30|789=1|"]);
    desk.waits(29 * SECOND).says([]);
    desk.waits(SECOND);
    assert!(desk.wrote().contains(&"35=2|34=3|7=1|16=0|".to_owned()));
    desk.gets(&format!("35=4|34=1|43=Y|122={}|36=4|123=Y|", time_text(START)));
    assert_eq!(desk.session.next_in(), 5);
}

#[test]
fn a_peer_that_expects_what_was_never_sent_is_sent_away() {
    let config = Config { next_expected: true, ..Config::acceptor("RUTTER", "CLIENT") };
    let mut desk = desk(config);
    desk.connect().gets("35=A|34=1|98=0|108=30|789=9|");
    desk.says(["35=5|34=1|58=NextExpectedMsgSeqNum too high|"]);
    desk.sees(["gone: NextExpectedMsgSeqNum too high"]);
}

#[test]
fn an_initiator_sends_again_what_the_answer_to_its_logon_expects() {
    let config = Config { next_expected: true, ..Config::initiator("CLIENT", "RUTTER") };
    let mut desk = desk(config);
    desk.reports(1).connect().says(["35=A|34=2|98=0|108=30|789=1|"]);
    let now = time_text(START);
    desk.gets("35=A|34=1|98=0|108=30|789=1|").says([
        &format!("35=8|34=1|43=Y|122={now}|58=event 1|"),
        &format!("35=4|34=2|43=Y|122={now}|36=3|123=Y|"),
    ]);
    desk.sees(["logged on, 30 s"]);
}

#[test]
fn a_message_of_another_version_ends_a_fix_5_0_session() {
    let mut desk = acceptor(Version::Fix50Sp2);
    desk.gets("35=A|34=1|98=0|108=30|1137=9|").wrote();
    let body = format!("35=0|34=2|49=CLIENT|52={}|56=RUTTER|", time_text(START));
    desk.bytes(&frame("FIX.4.4", &body)).says(["35=5|34=2|58=Incorrect BeginString|"]);
}

/// FIX 4.2 has the business reasons up to 5.
#[test]
fn fix_4_2_hears_no_business_reason_that_it_does_not_have() {
    for (version, code) in [(Version::Fix42, 0), (Version::Fix44, 6)] {
        let mut desk = acceptor(version);
        desk.gets("35=A|34=1|98=0|108=30|").wrote();
        let body = format!("35=D|34=2|49=CLIENT|52={}|56=RUTTER|{ORDER}", time_text(START));
        let bytes = frame(version.begin_string(), &body);
        let mut index = FieldIndex::new();
        assert!(matches!(decode(&bytes, &mut index), Ok(Status::Complete { .. })));
        let message = Message::new(&bytes, &index);
        let reason = BusinessRejectReason::NotAuthorized;
        let sent = desk.session.business_reject(
            desk.now,
            &message,
            reason,
            None,
            reason.text(),
            &mut desk.out,
        );
        assert!(sent.is_ok());
        desk.says([&format!("35=j|34=2|45=2|58=Not authorized|372=D|380={code}|")]);
    }
}
