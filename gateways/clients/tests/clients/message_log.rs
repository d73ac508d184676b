//! The log of messages gets every byte of a session, in both directions and in order.

use std::sync::mpsc::channel;

use rutter_clients::message_log::{Direction, MessageTap};

use crate::desk::{Desk, ORDER};

#[test]
fn every_message_of_a_session_is_logged_once_in_its_order() {
    let mut desk = Desk::new();
    let (keep, kept) = channel();
    desk.gateway.set_message_log(MessageTap::new(move |place, direction, at_ns, bytes| {
        let text = String::from_utf8_lossy(bytes).replace('\u{1}', "|");
        keep.send((place, direction, at_ns, text)).is_ok()
    }));
    desk.logon(1, "BETA").published();
    desk.send(1, &format!("35=D|11=b1|{ORDER}")).decide();
    desk.bytes(1, b"garbage 8=FIX.4.4|");
    desk.send(1, "35=2|7=2|16=0|").send(1, "35=5|");
    desk.closes();
    desk.try_logon(2, "ALPHA").peer_closes(2);
    let now = desk.now;
    let logged: Vec<_> = kept.try_iter().collect();
    assert!(logged.iter().all(|one| one.2 == now), "{logged:#?}");
    let ways: Vec<(usize, Direction)> = logged.iter().map(|one| (one.0, one.1)).collect();
    let [alpha, beta] = [0, 1];
    let text = logged.iter().map(|one| one.3.as_str()).collect::<Vec<_>>().join("\n");
    for part in ["35=A|34=1|49=BETA|", "35=D|34=2|", "35=8|34=2|", "garbage", "43=Y|", "35=5|"] {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert_eq!(ways.first(), Some(&(beta, Direction::In)), "the Logon comes first: {text}");
    assert_eq!(ways.get(1), Some(&(beta, Direction::Out)));
    assert_eq!(ways.last(), Some(&(alpha, Direction::Out)), "{text}");
    let outs = |kind: &str| {
        let of = |one: &&(usize, Direction, u64, String)| one.1 == Direction::Out;
        logged.iter().filter(of).map(|one| one.3.matches(kind).count()).sum::<usize>()
    };
    assert_eq!((outs("|35=A|"), outs("|35=5|"), outs("|35=8|")), (2, 1, 2), "{text}");
    assert_eq!(desk.gateway.counters().messages_unlogged, 0);
}

#[test]
fn what_the_log_does_not_keep_is_counted_and_changes_nothing() {
    let mut desk = Desk::new();
    desk.gateway.set_message_log(MessageTap::new(|_, _, _, _| false));
    desk.logon(1, "ALPHA").published();
    desk.send(1, &format!("35=D|11=a1|{ORDER}")).decide();
    desk.saw_like(1, &["35=8|34=2| 11=a1|"]);
    assert_eq!(desk.gateway.counters().messages_unlogged, 4);
}
