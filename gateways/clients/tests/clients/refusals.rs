//! Refusals are never answered: a client that refuses everything cannot be drawn into a loop.

use rutter_clients::{Notice, SessionConfig};
use rutter_core::id::SessionId;
use rutter_core::output::Output;
use rutter_fix::dictionary::{Checks, Version};

use crate::desk::{Desk, ORDER, report, text};

/// Most messages of the gateway after one message of a client: an answer, a Logout.
const ANSWERS_MAX: usize = 3;

/// One-letter types, the two-letter ones of FIX 5.0 SP2, and our own.
fn every_type() -> Vec<String> {
    let letters = || ('0'..='9').chain('A'..='Z').chain('a'..='z');
    let one = letters().map(|letter| letter.to_string());
    let two = ['A', 'B', 'C', 'D', 'U'].into_iter();
    let two = two.flat_map(|first| letters().map(move |second| format!("{first}{second}")));
    one.chain(two).collect()
}

fn desk(checked: bool, throttled: bool) -> Desk {
    Desk::with(|config| {
        for (id, name, version) in [(2, "OLD", Version::Fix42), (3, "NEW", Version::Fix50Sp2)] {
            let session = SessionConfig::trading(SessionId(id), name, text(&format!("ACC-{name}")));
            config.sessions.push(SessionConfig { version, ..session });
        }
        for session in &mut config.sessions {
            session.checks = checked.then(Checks::default);
            session.requests_per_s_max = u32::from(throttled);
        }
    })
}

/// How a client that knows nothing answers.
#[derive(Clone, Copy, Debug)]
enum Naive {
    /// Every message of the application gets a `j`, also a `j`.
    Business,
    /// Every message of the application, and every Reject, gets a `3`.
    Session,
    /// Every message whatever gets a `j` that lacks its fields.
    Malformed,
}

/// The client's answer to a message of the gateway's.
fn answer(naive: Naive, message: &str) -> Option<String> {
    let fields = || message.split('|').filter_map(|field| field.split_once('='));
    let value = |tag: &str| fields().find(|(known, _)| *known == tag).map(|(_, value)| value);
    let (kind, seq) = (value("35").expect("35"), value("34").expect("34"));
    let session_level = ["0", "1", "2", "4", "5", "A"].contains(&kind);
    match naive {
        Naive::Business if session_level || kind == "3" => None,
        Naive::Business => Some(format!("35=j|45={seq}|372={kind}|380=3|")),
        Naive::Session if session_level => None,
        Naive::Session => Some(format!("35=3|45={seq}|372={kind}|373=11|")),
        Naive::Malformed => Some("35=j|x=1|58=|".to_owned()),
    }
}

/// The client answers until nothing comes any more; the number of the gateway's messages.
fn answers(desk: &mut Desk, conn: u32, naive: Naive) -> usize {
    let mut count = 0;
    loop {
        desk.decide();
        let seen = desk.seen(conn);
        count += seen.len();
        if seen.is_empty() || count > 10 * ANSWERS_MAX {
            return count;
        }
        for answer in seen.iter().filter_map(|message| answer(naive, message)) {
            desk.send(conn, &answer);
        }
    }
}

#[test]
fn no_message_of_any_type_starts_a_loop_with_a_client_that_refuses_everything() {
    for (checked, throttled) in [(false, false), (true, false), (false, true)] {
        for naive in [Naive::Business, Naive::Session, Naive::Malformed] {
            for name in ["OLD", "ALPHA", "NEW"] {
                let mut desk = desk(checked, throttled);
                let mut conn = 0;
                for kind in every_type() {
                    if desk.gateway.connections() == 0 {
                        conn += 1;
                        desk.logon(conn, name);
                    }
                    desk.send(
                        conn,
                        &format!("35={kind}|11=x{kind}|262=m|335=t|320=l|584=s|{ORDER}"),
                    );
                    let count = answers(&mut desk, conn, naive);
                    assert!(count <= ANSWERS_MAX, "{name} {kind} {naive:?} {checked}: {count}");
                    desk.closes();
                }
            }
        }
    }
}

/// What the node says by itself: reports, news, an operator's Logout.
#[test]
fn a_refusal_of_what_the_node_says_is_told_to_the_operator_and_not_answered() {
    for throttled in [false, true] {
        let mut desk = desk(false, throttled);
        desk.logon(1, "ALPHA").notices();
        let refused = |desk: &mut Desk, most: usize| {
            assert!(answers(desk, 1, Naive::Business) <= most);
            let notices = desk.notices();
            let told = |notice: &&Notice| matches!(notice, Notice::PeerRejected { .. });
            notices.iter().filter(told).count()
        };
        for number in 1..=20 {
            desk.output(&Output::Report(report(number)));
            assert_eq!(refused(&mut desk, 1), 1);
        }
        assert_eq!(desk.gateway.counters().peer_rejects, 20);
        assert_eq!(desk.gateway.counters().throttled, 0, "a refusal is no request");
    }
}

/// A client that cannot read News is sent three, and none until it logs on again. The operator is
/// told, and the other client gets all.
#[test]
fn a_client_that_refuses_news_is_sent_no_more() {
    let by_type: fn(&str) -> String = |seq| format!("35=j|45={seq}|372=B|380=3|");
    for refusal in [by_type, |seq| format!("35=3|45={seq}|373=11|")] {
        let mut desk = desk(false, false);
        desk.logon(1, "ALPHA").logon(2, "BETA").notices();
        let mut stopped = 0;
        for count in 1..=20 {
            desk.gateway.news(desk.now, "hello").expect("sent");
            desk.read_all();
            assert_eq!(desk.seen(2).len(), 1);
            let seen = desk.seen(1);
            assert_eq!(seen.len(), usize::from(count <= 3), "{seen:?}");
            for message in seen {
                let seq = message.split("|34=").nth(1).and_then(|rest| rest.split('|').next());
                desk.send(1, &refusal(seq.expect("numbered"))).saw(1, &[]);
            }
            let stop = Notice::NewsStopped { session: SessionId(0) };
            stopped += desk.notices().iter().filter(|notice| **notice == stop).count();
        }
        assert_eq!(stopped, 1);
        desk.peer_closes(1).logon(3, "ALPHA");
        desk.gateway.news(desk.now, "hello").expect("sent");
        desk.read_all();
        assert_eq!(desk.seen(3).len(), 1, "after a logon there is another try");
    }
}

#[test]
fn the_notice_says_which_message_was_refused_and_why() {
    let mut desk = desk(true, false);
    desk.logon(1, "ALPHA").notices();
    for (body, kind, ref_seq, reason) in [
        ("35=j|45=7|372=8|380=3|", "BusinessMessageReject", Some(7), Some(3)),
        ("35=3|45=8|373=5|", "Reject", Some(8), Some(5)),
        ("35=3|45=|373=x|", "Reject", None, None),
        ("35=Q|37=1|", "DontKnowTrade", None, None),
    ] {
        desk.send(1, body).saw(1, &[]);
        let session = SessionId(0);
        let told = Notice::PeerRejected { session, kind, ref_seq, reason };
        assert_eq!(desk.notices(), [told], "{body}");
    }
    desk.send(1, "35=1|112=on|").saw(1, &["35=0|34=2|112=on|"]);
}

/// A drop copy may not ask for anything, but it may refuse.
#[test]
fn a_drop_copy_that_refuses_gets_no_answer() {
    let kind = rutter_clients::SessionKind::DropCopy(vec![SessionId(0)]);
    let mut desk = Desk::with(|config| config.sessions[1].kind = kind);
    desk.logon(1, "BETA").output(&Output::Report(report(1))).saw_like(1, &["35=8"]);
    desk.send(1, "35=j|45=2|372=8|380=3|").saw(1, &[]);
    desk.gateway.news(desk.now, "hello").expect("sent");
    desk.read_all();
    assert_eq!(answers(&mut desk, 1, Naive::Business), 1);
    assert_eq!(desk.gateway.counters().peer_rejects, 2);
}
