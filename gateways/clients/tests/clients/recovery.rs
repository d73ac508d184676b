//! The process dies at every point between an order's arrival and its report's departure; what is
//! left are stores and journal.

use rutter_clients::{CloseReason, Notice, SessionConfig, SessionKind};
use rutter_core::id::SessionId;
use rutter_core::input::Input;
use rutter_core::output::Output;
use rutter_fix::store::StoreFault;
use rutter_transport::acceptor::{Acceptor, ConnId, Peer};

use crate::desk::{Desk, ORDER, SECOND, open, report, text};

fn order(id: &str) -> String {
    format!("35=D|11={id}|{ORDER}")
}

fn next_in(desk: &Desk) -> u64 {
    desk.gateway.session(SessionId(0)).map(rutter_fix::session::Session::next_in).expect("ALPHA")
}

/// Logs on again under the next number and returns what the client is asked for.
fn back(desk: &mut Desk) -> Vec<String> {
    desk.try_logon(9, "ALPHA");
    let seen = desk.seen(9);
    assert!(seen[0].starts_with("35=A|"), "{seen:?}");
    seen.into_iter().skip(1).collect()
}

#[test]
fn an_order_that_never_reached_the_journal_is_asked_for_again() {
    let mut desk = Desk::new();
    desk.logon(1, "ALPHA").published();
    desk.send(1, &order("a1"));
    let mut desk = desk.crash();
    assert_eq!(next_in(&desk), 2);
    assert_eq!(back(&mut desk), ["35=2|34=3|7=2|16=0|"]);
    desk.published();
    desk.send_again(9, 2, &order("a1"));
    let inputs = desk.ring.clone();
    let [Input::NewOrder(again)] = inputs.as_slice() else { panic!("{inputs:?}") };
    assert_eq!((again.cl_ord_id.as_str(), again.client_seq), ("a1", 2));
    desk.send_again(9, 3, "35=4|36=4|123=Y|").decide();
    desk.saw_like(9, &["35=8| 150=0| 11=a1|"]);
    assert_eq!(next_in(&desk), 4);
}

/// The journal has it, the report never got to the store.
#[test]
fn an_order_in_the_journal_is_not_asked_for_again_and_its_report_comes() {
    let mut desk = Desk::new();
    desk.logon(1, "ALPHA").published();
    desk.send(1, &order("a1"));
    let lost = desk.journal(1);
    assert!(lost.iter().any(|output| matches!(output, Output::Report(_))));
    let mut desk = desk.crash();
    assert_eq!(next_in(&desk), 3);
    assert_eq!(back(&mut desk), [""; 0], "nothing is asked for");
    desk.send(9, "35=2|7=2|16=0|");
    desk.saw_like(9, &["35=8|34=2|43=Y| 150=0| 11=a1|", "35=4|34=3|"]);
}

/// The report was stored, and perhaps on the wire, when the process died.
#[test]
fn a_stored_report_is_sent_again_under_its_number_and_never_twice() {
    let mut desk = Desk::new();
    desk.logon(1, "ALPHA").published();
    desk.send(1, &order("a1")).decide();
    desk.saw_like(1, &["35=8|34=2| 150=0|"]);
    let mut desk = desk.crash().crash().crash();
    assert_eq!(desk.gateway.counters().outputs_repeated, 1);
    assert_eq!(back(&mut desk), [""; 0]);
    desk.send(9, "35=2|7=1|16=0|");
    desk.saw_like(9, &["35=4|34=1| 36=2|", "35=8|34=2|43=Y| 150=0| 11=a1|", "35=4|34=3|"]);
}

/// Of three orders the journal has two.
#[test]
fn only_what_the_journal_lacks_is_asked_for() {
    let mut desk = Desk::new();
    desk.logon(1, "ALPHA").published();
    desk.send(1, &order("a1")).send(1, &order("a2")).send(1, &order("a3"));
    desk.journal(2);
    let mut desk = desk.crash();
    assert_eq!(next_in(&desk), 4);
    assert_eq!(back(&mut desk), ["35=2|34=5|7=4|16=0|"]);
    desk.published();
    desk.send_again(9, 4, &order("a3")).decide();
    desk.saw_like(9, &["150=0| 11=a3|"]);
    desk.send_again(9, 5, "35=4|36=6|123=Y|");
    desk.send(9, "35=2|7=2|16=3|");
    desk.saw_like(9, &["35=8|34=2|43=Y| 11=a1|", "35=8|34=3|43=Y| 11=a2|"]);
}

/// Dies, comes back, and the client sends again what it is asked for: its orders `a0`, `a1`, ..
/// had the numbers from 2 on, up to the new Logon.
fn die_and_resend(desk: Desk) -> Desk {
    let mut desk = desk.crash();
    let asked = back(&mut desk).join("");
    desk.published();
    let logon = desk.next_seq["ALPHA"] - 1;
    let first = (2..=logon).find(|seq| asked.contains(&format!("|7={seq}|16=0|")));
    if let Some(first) = first {
        for seq in first..logon {
            desk.send_again(9, seq, &order(&format!("a{}", seq - 2)));
        }
        desk.send_again(9, logon, &format!("35=4|36={}|123=Y|", logon + 1));
    }
    desk
}

/// Eight orders of four steps each (sent, journaled, reported, read), and a death before each
/// step: every order is reported once and only once.
#[test]
fn a_crash_at_every_step_neither_loses_nor_doubles_a_report() {
    const ORDERS: usize = 8;
    for crash_at in 0..4 * ORDERS {
        let mut desk = Desk::new();
        let mut conn = 1;
        desk.logon(conn, "ALPHA").published();
        let mut outputs = Vec::new();
        for step in 0..4 * ORDERS {
            if step == crash_at {
                desk = die_and_resend(desk);
                conn = 9;
                outputs.clear();
            }
            match step % 4 {
                0 => drop(desk.send(conn, &order(&format!("a{}", step / 4)))),
                1 => outputs = desk.journal(desk.ring.len()),
                2 => outputs.drain(..).for_each(|output| {
                    desk.gateway.on_output(desk.now, &output).expect("taken");
                }),
                _ => desk.read_all(),
            }
        }
        desk.decide().seen(conn);
        desk.send(conn, "35=2|7=1|16=0|");
        let seen = desk.seen(conn);
        for at in 0..ORDERS {
            let id = format!("|11=a{at}|");
            let told = seen.iter().filter(|one| one.contains("|150=0|") && one.contains(&id));
            assert_eq!(told.count(), 1, "a{at}, crash before step {crash_at}: {seen:#?}");
        }
        let refused = seen.iter().filter(|one| one.contains("|39=8|"));
        assert_eq!(refused.count(), 0, "nothing is taken twice, crash before step {crash_at}");
    }
}

#[test]
fn a_reset_of_the_numbers_survives_a_crash_and_old_answers_confirm_nothing_new() {
    let mut desk = Desk::new();
    desk.logon(1, "ALPHA").published();
    desk.send(1, &order("a1"));
    desk.peer_closes(1).as_client(2, "ALPHA");
    desk.next_seq.insert("ALPHA".to_owned(), 1);
    desk.send(2, "35=A|98=0|108=30|141=Y|554=pw-ALPHA|");
    desk.saw(2, &["35=A|34=1|98=0|108=30|141=Y|"]);
    desk.send(2, &order("b1"));
    let sent: Vec<u64> = desk
        .ring
        .iter()
        .filter_map(|input| match input {
            Input::NewOrder(order) => Some(order.client_seq),
            _ => None,
        })
        .collect();
    assert_eq!(sent, [2, (1 << 48) + 2], "number and reset count in one");
    // The journal has what came before the reset, not what came after.
    let orders = |input: &Input| matches!(input, Input::NewOrder(_));
    let first = desk.ring.iter().position(orders).expect("a1") + 1;
    desk.journal(first);
    let mut desk = desk.crash();
    assert_eq!(next_in(&desk), 2, "the answer to a1 does not confirm b1");
    desk.next_seq.insert("ALPHA".to_owned(), 3);
    assert_eq!(back(&mut desk)[0], "35=2|34=4|7=2|16=0|");
}

#[test]
fn a_store_and_a_journal_that_do_not_belong_together_are_found() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let config = crate::desk::config();
    let mut gateway = open(folder.path(), &config);
    gateway.on_output(1, &Output::Report(report(1))).expect("taken");
    gateway.recovered();
    drop(gateway);
    for (journal, word) in [(0, Some("store ahead")), (1, None), (2, Some("store behind"))] {
        let mut gateway = open(folder.path(), &config);
        gateway.journal_has(SessionId(0), journal);
        gateway.recovered();
        let mut words = Vec::new();
        gateway.each_session(|_, one| words.push(one.failure.map(|reason| reason.to_string())));
        assert_eq!(words, [word.map(str::to_owned), None], "the other session goes on");
        let mut told = false;
        while let Some(notice) = gateway.take_notice() {
            told |= notice == Notice::StoreDiffers { session: SessionId(0), stored: 1, journal };
        }
        assert_eq!(told, word.is_some());
        assert!(gateway.accept(1, ConnId(0), &Peer::default()).is_ok(), "the node is there");
    }
}

/// The journal was restored from an earlier day. The session that was told more is refused with a
/// word, and its new reports are not taken for told ones; the other session trades.
#[test]
fn a_store_that_is_ahead_of_the_journal_refuses_its_session_and_no_other() {
    let mut desk = Desk::new();
    desk.logon(1, "ALPHA").logon(2, "BETA").published();
    desk.send(2, &format!("35=D|11=b1|1=ACC-BETA|{ORDER}")).decide();
    desk.output(&Output::Report(report(1))).output(&Output::Report(report(2))).read_all();
    let mut desk = desk.crash();
    let ahead = CloseReason::Store(StoreFault::Ahead);
    let failed = Notice::Failed { session: SessionId(0), reason: ahead };
    assert!(desk.notices().contains(&failed));
    desk.try_logon(1, "ALPHA").saw(1, &[]);
    assert_eq!(desk.closes(), [(1, ahead)]);
    desk.logon(2, "BETA");
    desk.send(2, &format!("35=D|11=b2|1=ACC-BETA|{ORDER}")).decide();
    assert!(desk.seen(2).iter().any(|message| message.contains("|11=b2|")));
    assert_eq!(desk.gateway.counters().sessions_failed, 1);
}

/// `a1` waits in the ring when the process dies; `a2` has been refused by then, and stays so.
#[test]
fn what_the_throttle_refused_stays_refused_over_a_crash() {
    let mut desk = Desk::with(|config| config.sessions[0].requests_per_s_max = 1);
    desk.logon(1, "ALPHA").published();
    desk.send(1, &order("a1")).send(1, &order("a2"));
    desk.saw_like(1, &["35=j| 45=3| 58=ThrottleExceeded| 379=a2|"]);
    let mut desk = desk.crash();
    desk.wait(2 * SECOND);
    assert_eq!(back(&mut desk), ["35=2|34=4|7=2|16=0|"]);
    desk.published();
    desk.send_again(9, 2, &order("a1")).wait(SECOND);
    desk.send_again(9, 3, &order("a2")).send_again(9, 4, "35=4|36=5|123=Y|");
    desk.decide().saw_like(9, &["150=0| 11=a1|"]);
    assert_eq!(next_in(&desk), 5);
    // The journal has the first by now, and the refusal of the second is behind it in the store.
    let desk = desk.crash();
    assert_eq!(next_in(&desk), 5);
}

/// A desk with a drop copy of these sessions, connected as 3; `ALPHA` is 1 and `BETA` is 2.
fn with_a_copy_of(sources: &[u16]) -> Desk {
    let mut desk = Desk::with(|config| {
        let copy = SessionConfig::trading(SessionId(4), "COPY", text("none"));
        config.sessions.push(SessionConfig { kind: copy_of(sources), ..copy });
    });
    all_log_on(&mut desk);
    desk
}

fn copy_of(sources: &[u16]) -> SessionKind {
    SessionKind::DropCopy(sources.iter().copied().map(SessionId).collect())
}

fn all_log_on(desk: &mut Desk) {
    desk.logon(1, "ALPHA").logon(2, "BETA").logon(3, "COPY").decide();
}

/// Ids of the orders that the copy was told, in order, when it asks for all there is.
fn copied(desk: &mut Desk) -> Vec<String> {
    desk.seen(3);
    desk.send(3, "35=2|7=1|16=0|");
    let reports = desk.seen(3).into_iter().filter(|seen| seen.starts_with("35=8|"));
    let id = |report: String| {
        let (_, rest) = report.split_once("|11=").expect("an order");
        rest.split('|').next().expect("its id").to_owned()
    };
    reports.map(id).collect()
}

#[test]
fn a_drop_copy_that_gets_another_source_is_told_nothing_twice_and_misses_nothing_from_then_on() {
    let mut desk = with_a_copy_of(&[0]);
    desk.send(2, &order("b1")).decide().send(1, &order("a1")).decide();
    desk.send(2, &order("b2")).decide();
    desk.config.sessions.last_mut().expect("the copy").kind = copy_of(&[0, 1]);
    let mut desk = desk.crash();
    all_log_on(&mut desk);
    desk.send(2, &order("b3")).decide().send(1, &order("a2")).decide();
    // The second came after the newest that the copy had.
    assert_eq!(copied(&mut desk), ["a1", "b2", "b3", "a2"]);
    let mut desk = desk.crash();
    all_log_on(&mut desk);
    assert_eq!(copied(&mut desk), ["a1", "b2", "b3", "a2"]);
}

#[test]
fn a_drop_copy_that_loses_a_source_goes_on_with_the_others() {
    let mut desk = with_a_copy_of(&[0, 1]);
    desk.send(2, &order("b1")).decide().send(1, &order("a1")).decide();
    desk.config.sessions.last_mut().expect("the copy").kind = copy_of(&[1]);
    let mut desk = desk.crash();
    all_log_on(&mut desk);
    desk.send(1, &order("a2")).decide().send(2, &order("b2")).decide();
    assert_eq!(copied(&mut desk), ["b1", "a1", "b2"]);
}
