//! Resets of sequence numbers: by the client within a session, and by an operator.

use rutter_core::id::SessionId;
use rutter_core::input::{CancelOnDisconnect, Input, OperatorCommand, SessionCommand};

use crate::desk::{Desk, ORDER, SECOND, operator};

const SESSION: SessionId = SessionId(0);

fn chooses(all: bool, seconds: u64) -> Input {
    Input::SessionUp(SESSION, CancelOnDisconnect { all, grace_ns: seconds * SECOND })
}

#[test]
fn a_logon_within_a_session_chooses_what_the_loss_of_the_connection_means() {
    let mut desk = Desk::new();
    desk.logon_with(1, "ALPHA", "20001=Y|20002=5|");
    assert_eq!(desk.published(), [chooses(true, 5)]);
    let mut again = |fields: &str, expected: &[Input]| {
        desk.next_seq.insert("ALPHA".to_owned(), 1);
        desk.send(1, &format!("35=A|98=0|108=30|141=Y|554=pw-ALPHA|{fields}"));
        desk.saw(1, &["35=A|34=1|98=0|108=30|141=Y|"]);
        assert_eq!(desk.published(), expected, "{fields}");
    };
    again("20001=Y|20002=5|", &[]);
    again("20001=N|", &[chooses(false, 0)]);
    again("8013=S|20002=7|", &[chooses(true, 7)]);
    again("", &[chooses(false, 0)]);
}

#[test]
fn a_client_is_told_of_an_operators_reset_also_after_a_restart() {
    for restarts in [false, true] {
        let mut desk = Desk::new();
        desk.logon(1, "ALPHA").send(1, &format!("35=D|11=a1|{ORDER}")).decide().seen(1);
        desk.send(1, "35=5|").saw_like(1, &["35=5|"]);
        desk.closes();
        let reset = OperatorCommand::Session(SESSION, SessionCommand::ResetSequence);
        desk.ring.clear();
        desk.ring.push(operator(reset));
        desk.decide();
        if restarts {
            desk = desk.crash();
        }
        // The client knows nothing of it, and goes on with its numbers.
        assert!(desk.next_seq["ALPHA"] > 3);
        desk.try_logon(2, "ALPHA").saw(2, &["35=A|34=1|98=0|108=30|141=Y|"]);
        desk.next_seq.insert("ALPHA".to_owned(), 2);
        desk.send(2, "35=1|112=on|").saw(2, &["35=0|34=2|112=on|"]);
    }
}

/// A Reject of yesterday would read as one of today.
#[test]
fn a_history_leaves_rejects_out() {
    let mut desk = Desk::new();
    desk.logon(1, "ALPHA").send(1, "35=D|11=|").saw_like(1, &["35=3|"]);
    desk.send(1, "35=U1|20020=h|20021=20240627-00:00:00|20022=20240628-00:00:00|");
    desk.wait(0).saw(1, &["35=U2|34=3|20020=h|20025=0|"]);
}
