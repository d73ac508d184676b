//! The life of the connection.

use rutter_core::input::Input;
use rutter_transport::machine::{CloseReason, Event, Machine, Outbox};

use super::harness::{Desk, SECOND, accepted, config, field};
use crate::binance::{BinanceOrders, FIX_LINK, Status};

#[test]
fn logged_on_reconciled_and_up() {
    let mut desk = Desk::new();
    assert_eq!(desk.connects, 1);
    desk.connect();
    assert_eq!(desk.machine.status(), Status::LoggingOn);
    desk.log_on();
    assert_eq!(desk.machine.status(), Status::Reconciling);
    desk.reconcile_nothing();
    desk.saw(&["balance 0 1500000000000000000", "balance 1 0", "up"]);
    assert_eq!(desk.machine.status(), Status::Up);
}

#[test]
fn silence_of_ours_is_filled_with_heartbeats_and_tests_are_answered() {
    let mut desk = Desk::up();
    desk.wait(30 * SECOND).wrote(&["35=0"]);
    desk.venue("35=1|112=abc|").wrote(&["35=0|112=abc"]);
    desk.venue("35=0|").wrote(&[]);
    assert_eq!(desk.machine.status(), Status::Up);
}

#[test]
fn a_silent_venue_is_tested_and_then_given_up() {
    let mut desk = Desk::up();
    desk.wait(37 * SECOND);
    assert!(desk.sent.iter().any(|text| field(text, "35") == "1"));
    desk.saw(&[]);
    desk.wait(30 * SECOND).saw(&["down NoAnswer"]);
    assert_eq!(desk.closes, 1);
    // The carrier confirms; the core is not told again.
    desk.event(Event::Closed(FIX_LINK, CloseReason::Requested)).saw(&[]);
}

#[test]
fn any_message_answers_the_test() {
    let mut desk = Desk::up();
    for _ in 0..10 {
        desk.wait(40 * SECOND).venue("35=0|");
    }
    desk.saw(&[]);
    assert_eq!((desk.machine.status(), desk.closes), (Status::Up, 0));
}

/// Found by the simulation: the venue had missed a message of ours and rejected all later ones,
/// and the adapter went on sending.
#[test]
fn a_venue_that_has_lost_count_of_our_messages_is_left() {
    let mut desk = Desk::up();
    desk.new_order(1).venue("35=3|45=2|371=34|372=D|373=99|25016=-1179|58=MsgSeqNum|");
    // The venue may mean another message than the one whose number it names.
    desk.saw(&["doubt 1 VenueUnsure", "down Protocol"]);
}

#[test]
fn a_gap_is_fatal_and_said_once() {
    let mut desk = Desk::up();
    desk.venue_seq += 1;
    desk.venue("35=0|").saw(&["down Protocol"]).wrote(&["35=5"]);
    // What comes after it is not believed.
    desk.venue(&accepted(1)).saw(&[]);
    desk.wait(3 * SECOND);
    assert_eq!(desk.closes, 1);
    desk.lose_link().saw(&[]);
}

#[test]
fn wrong_comp_ids_second_logons_and_garbage_are_fatal() {
    for bad in ["35=A|98=0|108=30|", "35=2|7=1|16=0|", "35=4|36=5|"] {
        let mut desk = Desk::up();
        desk.venue(bad).saw(&["down Protocol"]);
    }
    let mut desk = Desk::up();
    desk.sender = "OTHER".to_owned();
    desk.venue("35=0|").saw(&["down Protocol"]);
    let mut desk = Desk::up();
    desk.event(Event::Bytes(FIX_LINK, b"HTTP/1.1 400 Bad Request\r\n\r\n")).saw(&["down Protocol"]);
}

#[test]
fn a_restart_that_is_announced_is_met_in_order() {
    let mut desk = Desk::up();
    desk.new_order(1)
        .wrote(&["35=D|25000=25000|11=r000000ab-1|38=0.5|40=2|44=60000.00|54=1|55=BTCUSDT|59=1"]);
    desk.venue("35=B|148=You'll be disconnected in 600 seconds. Please reconnect.|");
    desk.saw(&["down Closed"]).wrote(&["35=5"]);
    // A report that crossed our Logout is news all the same.
    desk.venue(&accepted(1)).saw(&["accepted 1 as 76"]);
    desk.venue("35=5|58=Logout acknowledgment.|").saw(&[]);
    desk.event(Event::Closed(FIX_LINK, CloseReason::Requested)).wait(SECOND);
    assert_eq!(desk.connects, 2);
    desk.connect();
    assert_eq!(desk.sender, "EXAMPLE", "the venue has freed the id");
}

#[test]
fn a_logout_of_the_venue_is_answered() {
    let mut desk = Desk::up();
    desk.venue("35=5|58=Goodbye|").saw(&["down Closed"]).wrote(&["35=5"]);
    assert_eq!((desk.closes, desk.machine.last_text()), (1, "Goodbye"));
}

/// The venue keeps the id of a session that ended without Logout locked for two heartbeats.
#[test]
fn after_an_unclean_end_another_comp_id_is_used() {
    let mut desk = Desk::up();
    desk.lose_link().saw(&["down LinkLost"]).wait(SECOND);
    desk.connect();
    assert_eq!(desk.sender, "EXAMPL01");
}

#[test]
fn a_refused_logon_is_tried_again_with_another_id_ever_later() {
    let mut desk = Desk::new();
    let mut waits = Vec::new();
    for n in 0..10 {
        desk.connect();
        desk.venue("35=3|45=1|372=A|373=99|25016=-1033|58=Comp id in use.|");
        assert_eq!(desk.machine.counters().logons_refused, n + 1);
        desk.event(Event::Closed(FIX_LINK, CloseReason::Requested));
        let due = desk.machine.next_timer_ns().expect("a retry");
        waits.push(due - desk.now);
        desk.wait(due - desk.now);
        assert_eq!(desk.connects as u64, n + 2);
    }
    assert_eq!(desk.sender, "EXAMPL09");
    assert!(waits[0] <= SECOND / 4 && waits[9] >= 15 * SECOND && waits[9] <= 30 * SECOND);
    desk.saw(&[]);
}

#[test]
fn a_logon_that_is_not_answered_is_given_up() {
    let mut desk = Desk::new();
    desk.connect().wait(11 * SECOND).saw(&[]);
    assert_eq!(desk.closes, 1);
    // Even if the carrier never says that it is closed.
    desk.wait(10 * SECOND);
    assert_eq!(desk.connects, 2);
}

#[test]
fn the_same_seed_reconnects_at_the_same_times() {
    let run = || {
        let mut machine = BinanceOrders::new(config()).expect("configuration");
        let mut out: Outbox<Input> = Outbox::default();
        let mut now = 1;
        machine.start(now, &mut out);
        (0..20)
            .map(|_| {
                machine.on_event(now, Event::Closed(FIX_LINK, CloseReason::Io), &mut out);
                now = machine.next_timer_ns().expect("a retry");
                machine.on_timer(now, &mut out);
                now
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(run(), run());
}
