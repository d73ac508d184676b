//! Scenarios of a client that we log out: its new orders and replaces are refused with a word, its
//! cancels go, and nothing of it comes to the market unseen.

use rutter_core::id::SessionId;
use rutter_core::input::{Input, OperatorCommand, SessionCommand};
use rutter_fix::session::schedule::{Day, Schedule};

use crate::desk::{Desk, ORDER, SECOND, TIME, operator};

const ALPHA: SessionId = SessionId(0);

/// `ALPHA` is logged on and has a resting order `a`.
fn with_a_resting_order(mut desk: Desk) -> Desk {
    desk.logon(1, "ALPHA").decide();
    desk.send(1, &format!("35=D|11=a|{ORDER}")).decide().seen(1);
    desk
}

fn command(command: SessionCommand) -> Input {
    operator(OperatorCommand::about_session(ALPHA, command))
}

fn with_hours() -> Desk {
    let at = |text: &str| text.parse().expect("a time");
    let hours = Schedule::daily("UTC", &Day::ALL, at("08:00"), at("11:18")).expect("sound");
    Desk::with(|config| config.sessions[0].schedule = Some(hours))
}

/// What the client sends after our Logout, and what it sees.
fn is_refused(desk: &mut Desk, word: &str) {
    desk.now += SECOND;
    desk.send(1, &format!("35=D|11=late|{ORDER}")).decide();
    desk.saw_like(1, &[&format!("35=8| 39=8| 11=late| 103=2|58={word}|")]);
    desk.send(1, &format!("35=G|11=b|41=a|{ORDER}")).decide();
    desk.saw_like(1, &[&format!("35=9| 11=b|41=a|39=0| 434=2|102=2|58={word}|")]);
    desk.send(1, &format!("35=F|11=c|41=a|54=1|55=BTC/USDT|{TIME}")).decide();
    desk.saw_like(1, &["35=8| 150=6|39=6| 11=c|41=a|"]);
    desk.send(1, &format!("35=q|11=m|530=7|{TIME}")).decide();
    desk.saw_like(1, &["35=r| 531=7|"]);
}

/// The Logout took 2 s to be answered, and orders of that time stayed in the market.
#[test]
fn after_an_operators_logout_orders_are_refused_and_cancels_go() {
    for (asked, word) in [
        (SessionCommand::Logout, "LoggedOut"),
        (SessionCommand::ResetSequence, "LoggedOut"),
        (SessionCommand::Disable, "SessionDisabled"),
    ] {
        let mut desk = with_a_resting_order(Desk::new());
        desk.ring.push(command(asked));
        desk.decide().resume().saw_like(1, &["35=5|"]);
        assert_eq!(desk.ring, [Input::LogoutSent(ALPHA)]);
        is_refused(&mut desk, word);
    }
}

#[test]
fn after_the_end_of_the_hours_orders_are_refused_and_cancels_go() {
    let mut desk = with_a_resting_order(with_hours());
    desk.wait(34 * SECOND).saw_like(1, &["35=5| 58=Session"]);
    assert_eq!(desk.ring, [Input::LogoutSent(ALPHA)]);
    is_refused(&mut desk, "LoggedOut");
}

/// The gateway has read the order, and the core decides about it behind the command.
#[test]
fn an_order_that_was_in_the_ring_behind_the_command_is_refused() {
    let mut desk = with_a_resting_order(Desk::new());
    desk.ring.push(command(SessionCommand::Disable));
    desk.send(1, &format!("35=D|11=b|{ORDER}")).decide();
    desk.saw_like(1, &["35=5|", "35=8| 39=8| 11=b| 58=SessionDisabled|"]);
}

/// The order came before the Logout and found no room; it is decided about after it.
#[test]
fn an_order_that_waits_for_room_when_its_client_is_logged_out_is_refused() {
    let mut desk = with_a_resting_order(with_hours());
    desk.wait(33 * SECOND).seen(1);
    desk.room = Some(0);
    desk.send(1, &format!("35=D|11=b|{ORDER}"));
    desk.wait(SECOND).saw_like(1, &["35=5|"]);
    desk.room = None;
    desk.resume();
    assert!(matches!(desk.ring[..], [Input::LogoutSent(ALPHA), Input::NewOrder(_)]));
    desk.decide().saw_like(1, &["35=8| 39=8| 11=b| 58=LoggedOut|"]);
}

/// Its Logon is told to the core before our Logout is, or the Logout would be forgotten.
#[test]
fn a_client_that_is_logged_out_before_the_core_knows_of_its_logon_stays_logged_out() {
    let mut desk = Desk::new();
    desk.room = Some(0);
    desk.logon(1, "ALPHA").ring.push(command(SessionCommand::Logout));
    desk.decide().saw_like(1, &["35=5|"]);
    desk.room = None;
    desk.resume();
    assert!(matches!(desk.ring[..], [Input::SessionUp(ALPHA, _), Input::LogoutSent(ALPHA)]));
    desk.send(1, &format!("35=D|11=b|{ORDER}")).decide();
    desk.saw_like(1, &["35=8| 39=8| 11=b| 58=LoggedOut|"]);
}

#[test]
fn a_disabled_client_with_cancel_on_disconnect_leaves_nothing_in_the_market() {
    let mut desk = Desk::with(|config| config.sessions[0].cancel_on_disconnect.all = true);
    desk.logon(1, "ALPHA").decide();
    desk.send(1, &format!("35=D|11=a|{ORDER}")).decide().seen(1);
    desk.ring.push(command(SessionCommand::Disable));
    desk.send(1, &format!("35=D|11=b|{ORDER}")).decide().seen(1);
    desk.send(1, "35=5|").closes();
    assert_eq!(desk.ring, [Input::LogoutSent(ALPHA), Input::SessionDown(ALPHA)]);
    let called_back = desk
        .journal(2)
        .into_iter()
        .any(|output| matches!(output, rutter_core::output::Output::SendCancel(_)));
    assert!(called_back);
}

#[test]
fn who_logs_on_again_trades_again() {
    let mut desk = with_a_resting_order(Desk::new());
    desk.ring.push(command(SessionCommand::Disable));
    desk.decide().send(1, "35=5|").closes();
    let next_seq = desk.next_seq.clone();
    desk.decide().try_logon(2, "ALPHA").saw(2, &[]);
    desk.closes();
    // The refused Logon was not taken.
    desk.next_seq = next_seq;
    desk.ring.push(command(SessionCommand::Enable));
    desk.decide().logon(3, "ALPHA").decide();
    desk.send(3, &format!("35=D|11=b|{ORDER}")).decide();
    desk.saw_like(3, &["35=8| 39=0| 11=b|"]);
}

/// The numbers have begun anew, so what was lost comes as if it were new.
#[test]
fn an_order_and_a_replace_with_poss_dup_and_a_known_id_are_answered_with_the_status() {
    for flag in ["43=Y|122=20240627-11:17:26.000", "97=Y"] {
        let mut desk = with_a_resting_order(Desk::new());
        desk.send(1, &format!("35=D|{flag}|11=a|{ORDER}")).decide();
        desk.saw_like(1, &["35=8| 37=000000a1-1| 150=I|39=0| 11=a|"]);
        let smaller = ORDER.replace("38=0.5|", "38=0.4|");
        desk.send(1, &format!("35=G|{flag}|11=b|41=a|{smaller}")).decide();
        desk.saw_like(1, &["35=8| 150=E|39=E| 11=b|41=a|"]);
        desk.send(1, &format!("35=G|{flag}|11=b|41=a|{smaller}")).decide();
        desk.saw_like(1, &["35=8| 37=000000a1-1| 150=I|39=E| 11=a|"]);
        desk.send(1, &format!("35=D|{flag}|11=x|{ORDER}")).decide();
        desk.saw_like(1, &["35=8| 37=000000a1-2| 150=0|39=0| 11=x|"]);
    }
}

/// A client that was logged out still learns what became of an order that it is not sure of.
#[test]
fn the_status_of_a_known_order_is_told_after_our_logout_too() {
    let mut desk = with_a_resting_order(Desk::new());
    desk.ring.push(command(SessionCommand::Logout));
    desk.decide().seen(1);
    desk.send(1, &format!("35=D|97=Y|11=a|{ORDER}")).decide();
    desk.saw_like(1, &["35=8| 37=000000a1-1| 150=I|39=0| 11=a|"]);
}
