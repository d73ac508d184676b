//! Who may connect, and how connections end.

use rutter_clients::{CloseReason, Notice};
use rutter_core::id::SessionId;
use rutter_core::input::{CancelOnDisconnect, Input};
use rutter_core::output::{Output, Report};
use rutter_fix::session::{DisconnectReason, Refusal, UNCONFIRMED_MAX};
use rutter_transport::acceptor::{Acceptor, ConnId, Peer};

use crate::desk::{Desk, ORDER, SECOND, START, frame, numbered, report};

#[test]
fn a_client_comes_and_goes_and_the_core_is_told() {
    let mut desk = Desk::new();
    desk.logon(1, "ALPHA");
    assert_eq!(desk.published(), [Input::SessionUp(SessionId(0), CancelOnDisconnect::default())]);
    desk.send(1, "35=5|").saw(1, &["35=5|34=2|"]);
    assert_eq!(desk.published(), [Input::SessionDown(SessionId(0))]);
    assert_eq!(desk.closes(), [(1, CloseReason::Session(DisconnectReason::PeerLogout))]);
    desk.logon(2, "ALPHA").peer_closes(2);
    assert_eq!(
        desk.published(),
        [
            Input::SessionUp(SessionId(0), CancelOnDisconnect::default()),
            Input::SessionDown(SessionId(0))
        ]
    );
    assert_eq!(desk.gateway.connections(), 0);
}

#[test]
fn whoever_is_not_ours_gets_no_answer() {
    let mut desk = Desk::new();
    desk.try_logon(1, "GAMMA").saw(1, &[]);
    desk.connect(2).expect("room");
    let logon = "35=A|34=1|49=ALPHA|52=20240627-11:17:26.000|56=OTHER|98=0|108=30|554=pw-ALPHA|";
    desk.bytes(2, &frame(logon)).saw(2, &[]);
    desk.connect(3).expect("room");
    desk.bytes(3, &numbered("ALPHA", 1, START, &format!("35=D|11=a|{ORDER}"))).saw(3, &[]);
    desk.connect(4).expect("room");
    desk.bytes(4, b"GET / HTTP/1.1\r\n\r\n").saw(4, &[]);
    assert_eq!(
        desk.closes(),
        [
            (1, CloseReason::UnknownCompId),
            (2, CloseReason::UnknownCompId),
            (3, CloseReason::FirstMessageNotLogon),
            (4, CloseReason::GarbledLogon),
        ]
    );
    assert_eq!(desk.published(), []);
    assert_eq!(desk.gateway.counters().logons_refused, 4);
}

#[test]
fn a_wrong_password_is_refused_and_hurts_nobody_else() {
    let mut desk = Desk::new();
    let stranger = Peer { address: Some([198, 51, 100, 7].into()), tls: false };
    for conn in 1..20 {
        desk.connect_as(conn, &stranger).expect("room");
        desk.bytes(conn, &numbered("ALPHA", 1, START, "35=A|98=0|108=30|554=guess|"));
        desk.saw(conn, &[&format!("35=5|34={conn}|58=Invalid credentials|")]);
        let refused = DisconnectReason::LogonRefused(Refusal::Credentials);
        assert_eq!(desk.closes(), [(conn, CloseReason::Session(refused))]);
    }
    assert_eq!(desk.published(), []);
    desk.logon(30, "ALPHA");
    assert_eq!(desk.published(), [Input::SessionUp(SessionId(0), CancelOnDisconnect::default())]);
}

#[test]
fn a_second_connection_is_refused_and_the_first_stays() {
    let mut desk = Desk::new();
    desk.logon(1, "ALPHA").published();
    desk.connect(2).expect("room");
    let second = numbered("ALPHA", 2, START, "35=A|98=0|108=30|554=pw-ALPHA|");
    desk.bytes(2, &second).saw(2, &[]);
    assert_eq!(desk.closes(), [(2, CloseReason::AlreadyConnected)]);
    desk.send(1, &format!("35=D|11=a1|{ORDER}"));
    assert_eq!(desk.published().len(), 1);
}

#[test]
fn who_says_nothing_is_closed_in_time() {
    let mut desk = Desk::new();
    desk.connect(1).expect("room");
    desk.bytes(1, b"8=FIX.4.4\x019=1");
    assert_eq!(desk.gateway.next_timer_ns(), Some(START + 10 * SECOND));
    desk.wait(10 * SECOND - 1);
    assert_eq!(desk.closes(), []);
    desk.wait(1);
    assert_eq!(desk.closes(), [(1, CloseReason::LogonTimeout)]);
    assert_eq!(desk.gateway.next_timer_ns(), None);
}

#[test]
fn a_first_message_without_end_is_cut_off() {
    let mut desk = Desk::new();
    desk.connect(1).expect("room");
    let head = format!("8=FIX.4.4\u{1}9=60000\u{1}35=A\u{1}58={}", "x".repeat(4_000));
    desk.bytes(1, head.as_bytes());
    assert_eq!(desk.closes(), []);
    desk.bytes(1, &[b'x'; 200]);
    assert_eq!(desk.closes(), [(1, CloseReason::GarbledLogon)]);
}

#[test]
fn connections_without_logon_are_limited_and_a_flood_leaves_room_for_clients() {
    let mut desk = Desk::with(|config| {
        config.limits.unbound_max = 3;
        config.limits.connections_max = 5;
    });
    desk.logon(0, "ALPHA");
    for conn in 1..4 {
        desk.connect(conn).expect("room");
    }
    assert_eq!(desk.connect(4), Err(CloseReason::TooManyUnbound));
    assert_eq!(desk.connect(5), Err(CloseReason::TooManyConnections));
    desk.wait(10 * SECOND);
    assert_eq!(desk.closes().len(), 3);
    desk.logon(2, "BETA");
    assert_eq!(desk.gateway.connections(), 2);
    assert_eq!(desk.gateway.counters().connections_refused, 2);
}

#[test]
fn half_a_message_waits_for_its_other_half() {
    let mut desk = Desk::new();
    desk.logon(1, "ALPHA").published();
    let bytes = desk.message(1, &format!("35=D|11=a1|{ORDER}"));
    let (half, rest) = bytes.split_at(bytes.len() / 2);
    desk.bytes(1, half);
    assert_eq!(desk.published(), []);
    desk.now += 1_000;
    desk.bytes(1, rest);
    assert_eq!(desk.published().len(), 1);
    assert_eq!(desk.arrivals.last(), Some(&desk.now), "it arrived with its last byte");
}

#[test]
fn garbage_between_messages_is_skipped_and_too_much_of_it_ends_the_session() {
    let mut desk = Desk::new();
    desk.logon(1, "ALPHA").published();
    let good = desk.message(1, &format!("35=D|11=a1|{ORDER}"));
    desk.bytes(1, b"@@@garbage@@@").bytes(1, &good);
    assert_eq!(desk.published().len(), 1);
    for _ in 0..100 {
        desk.bytes(1, b"x");
    }
    assert_eq!(desk.closes(), [(1, CloseReason::Session(DisconnectReason::TooMuchGarbage))]);
}

#[test]
fn an_oversized_message_is_garbage_and_never_kept() {
    let mut desk = Desk::new();
    desk.logon(1, "ALPHA").published();
    desk.bytes(1, b"8=FIX.4.4\x019=999999999\x0135=D\x01");
    for _ in 0..200 {
        desk.bytes(1, &[b'z'; 4_096]);
    }
    assert_eq!(desk.published(), [Input::SessionDown(SessionId(0))]);
    assert_eq!(desk.closes(), [(1, CloseReason::Session(DisconnectReason::TooMuchGarbage))]);
}

#[test]
fn a_carrier_that_reads_on_against_a_full_ring_is_stopped() {
    let mut desk = Desk::new();
    desk.logon(1, "ALPHA").published();
    desk.room = Some(0);
    for at in 0..3_000 {
        desk.send(1, &format!("35=D|11=o{at}|{ORDER}"));
    }
    assert_eq!(desk.closes(), [(1, CloseReason::InputFull)]);
}

/// The client never reads: the operator is warned, the client cut off, and what it missed is
/// there when it comes back.
#[test]
fn a_slow_consumer_is_warned_of_then_cut_off_and_misses_nothing() {
    let mut desk = Desk::new();
    desk.logon(1, "ALPHA").published();
    desk.notices();
    desk.reads = false;
    let mut event = 0;
    while desk.gateway.counters().slow_consumers == 0 {
        event += 1;
        assert!(event < 10_000, "it ends");
        desk.output(&Output::Report(report(event)));
    }
    let notices = desk.notices();
    let slow = |notice: &&Notice| matches!(notice, Notice::SlowConsumer { .. });
    assert_eq!(notices.iter().filter(slow).count(), 1, "{notices:?}");
    assert_eq!(desk.closes(), [(1, CloseReason::SlowConsumer)]);
    desk.resume();
    assert_eq!(desk.published(), [Input::SessionDown(SessionId(0))]);
    for more in event + 1..event + 11 {
        desk.output(&Output::Report(report(more)));
    }
    desk.reads = true;
    desk.logon(2, "ALPHA").send(2, "35=2|7=1|16=0|");
    let mut seen = desk.seen(2);
    for _ in 0..100 {
        desk.resume();
        seen.extend(desk.seen(2));
    }
    let reports: Vec<&String> = seen.iter().filter(|one| one.starts_with("35=8|")).collect();
    assert_eq!(reports.len() as u64, event + 10);
    assert!(
        reports
            .iter()
            .enumerate()
            .all(|(at, one)| { one.contains(&format!("|17=000000a1-{}|", at + 1)) })
    );
}

#[test]
fn a_client_that_takes_nothing_for_long_is_cut_off_however_little_waits() {
    let mut desk = Desk::new();
    desk.logon(1, "ALPHA");
    desk.reads = false;
    desk.output(&Output::Report(report(1)));
    desk.wait(29 * SECOND);
    assert_eq!(desk.closes(), []);
    desk.wait(SECOND);
    assert_eq!(desk.closes(), [(1, CloseReason::SlowConsumer)]);
}

#[test]
fn heartbeats_go_out_and_a_silent_client_is_left() {
    let mut desk = Desk::new();
    desk.logon(1, "ALPHA");
    desk.wait(30 * SECOND).saw(1, &["35=0|34=2|"]);
    desk.wait(6 * SECOND).saw_like(1, &["35=1|34=3|"]);
    desk.wait(36 * SECOND);
    assert_eq!(desk.closes(), [(1, CloseReason::Session(DisconnectReason::HeartbeatTimeout))]);
}

#[test]
fn nobody_is_taken_before_recovery() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut gateway = crate::desk::open(folder.path(), &crate::desk::config());
    assert_eq!(gateway.accept(START, ConnId(0), &Peer::default()), Err(CloseReason::NotRecovered));
    gateway.recovered();
    assert_eq!(gateway.accept(START, ConnId(0), &Peer::default()), Ok(()));
}

/// The journal is late (a disk that takes its time), and the client goes on sending.
#[test]
fn a_journal_that_is_late_slows_a_client_and_does_not_cut_it_off() {
    let mut desk = Desk::with(|config| config.sessions[0].cancel_on_disconnect.all = true);
    desk.logon(1, "ALPHA").published();
    let beyond = 10;
    for number in 0..UNCONFIRMED_MAX + beyond {
        desk.send(1, &format!("35=D|11=a{number}|{ORDER}"));
    }
    assert_eq!(desk.ring.len(), UNCONFIRMED_MAX);
    assert!(!desk.gateway.wants_read(ConnId(1)), "its bytes stay in its socket");
    assert!(!desk.gateway.has_work(), "and nobody turns in circles");
    assert!(desk.gateway.counters().stalls > 0);
    let ids = desk.ring.iter().filter_map(|input| match input {
        Input::NewOrder(order) => Some(order.client_seq),
        _ => None,
    });
    let ids: Vec<u64> = ids.collect();
    for (event, id) in (1..).zip(ids) {
        let answer = Report { client_seq: id, ..report(event) };
        desk.output(&Output::Report(answer));
    }
    assert!(desk.gateway.has_work());
    desk.resume();
    assert_eq!(desk.ring.len(), UNCONFIRMED_MAX + beyond);
    assert!(desk.gateway.wants_read(ConnId(1)));
    assert_eq!(desk.closes(), []);
}
