//! Scenarios of operators: halts, drains, cancels, limits. Who, when and why are in the input.

use crate::desk::{CLIENT, Desk, HALT, PAIR, RESUME, text};
use rutter_core::id::{AccountId, InstrumentId, OrderId, SessionId, VenueId};
use rutter_core::input::{
    AccountLimits, CancelOnDisconnect, Extension, Input, MassCancel, MassScope, NewOrder,
    NodeCommand, Operator, OperatorCommand, Refusal, Scope, SessionCommand, VenueDownReason,
};
use rutter_core::number::{Amount, Price, Qty};
use rutter_core::output::{Notice, Output};
use rutter_test_support::reference as usual;

const HERE: [Scope; 4] =
    [Scope::All, Scope::Instrument(PAIR), Scope::Session(CLIENT), Scope::Account(AccountId(0))];

/// Two venues with room for an order that rests.
fn desk() -> Desk {
    let mut desk = Desk::with_venues(2);
    desk.book(0, &[(9_990, 1)], &[(10_010, 50)]).book(1, &[(9_990, 1)], &[(10_020, 50)]);
    desk.outputs.clear();
    desk
}

fn limits(change: impl FnOnce(&mut AccountLimits)) -> OperatorCommand {
    let mut limits = rutter_test_support::reference::limits();
    change(&mut limits);
    OperatorCommand::SetLimits(AccountId(0), limits)
}

#[test]
fn a_halt_of_each_scope_calls_back_and_refuses_until_that_scope_is_resumed() {
    for scope in HERE {
        let mut desk = desk();
        desk.client("a buy 10 @ 10000 gtc").venue(1, "accepted").operator(RESUME);
        desk.outputs.clear();
        desk.operator(OperatorCommand::Halt(scope)).sent(&["v0 cancel #1"]);
        desk.operator_saw(&[(1, Refusal::None)]);
        desk.client("b buy 5 market ioc").venue(1, "done 0").sent(&[]);
        desk.client_saw(&["b refused Halted", "a Canceled KillSwitch filled 0"]);
        // Another scope's end is not this one's.
        let other = if scope == Scope::All { Scope::Session(CLIENT) } else { Scope::All };
        desk.operator(OperatorCommand::Resume(other)).client("c buy 5 market ioc");
        desk.client_saw(&["c refused Halted"]);
        desk.operator(OperatorCommand::Resume(scope)).client("d buy 5 market ioc");
        desk.client_saw(&["d new"]).sent(&["v0 new buy 5 @ 10010 Ioc #2"]);
    }
}

#[test]
fn only_a_halt_of_everything_is_told_to_clients_as_the_end_of_trading() {
    let mut desk = desk();
    for scope in HERE {
        desk.operator(OperatorCommand::Halt(scope)).operator(OperatorCommand::Resume(scope));
        let told = desk.notices();
        let all = [Notice::Halted, Notice::Resumed];
        assert_eq!(told, if scope == Scope::All { &all[..] } else { &[] }, "{scope:?}");
    }
}

#[test]
fn a_halt_outlives_a_start_of_the_node() {
    let mut desk = desk();
    desk.operator(HALT).input(Input::NodeStarted);
    desk.input(Input::VenueUp(VenueId(0))).book(0, &[(9_990, 1)], &[(10_010, 50)]);
    desk.outputs.clear();
    desk.client("a buy 5 market ioc").sent(&[]).client_saw(&["a refused Halted"]);
    assert!(desk.engine.is_halted());
}

/// A venue that will not give a child back makes its order live on. Before this was looked at in
/// routing itself, what that child left was sent out anew, halted or not.
#[test]
fn nothing_is_sent_while_halted_not_even_for_an_order_that_cannot_be_called_back() {
    let mut desk = desk();
    desk.client("a buy 10 @ 10000 gtc").venue(1, "accepted").operator(HALT);
    for _ in 0..9 {
        desk.venue(1, "cancel-rejected").venue(1, "open 0");
    }
    desk.outputs.clear();
    desk.venue(1, "expired 0").wait_ns(1_000_000_000);
    desk.input(Input::VenueDown(VenueId(0), VenueDownReason::LinkLost));
    desk.input(Input::VenueUp(VenueId(0))).wait_ns(1_000_000_000);
    desk.sent(&[]).client_saw(&["a Canceled KillSwitch filled 0"]);
}

#[test]
fn a_drained_venue_keeps_what_it_has_and_gets_nothing_new() {
    let mut desk = desk();
    desk.client("a buy 10 @ 10000 gtc").venue(1, "accepted").outputs.clear();
    desk.operator(OperatorCommand::DrainVenue(VenueId(0))).sent(&[]);
    desk.client("b buy 5 @ 10020 ioc").sent(&["v1 new buy 5 @ 10020 Ioc #2"]);
    desk.operator(OperatorCommand::DrainVenue(VenueId(1))).client("c buy 5 @ 10020 ioc").sent(&[]);
    desk.client_saw(&["b new", "c new", "c Canceled NoVenue filled 0"]);
    desk.operator(OperatorCommand::EnableVenue(VenueId(0))).client("d buy 5 @ 10020 ioc");
    desk.sent(&["v0 new buy 5 @ 10010 Ioc #3"]);
}

#[test]
fn a_halted_venue_gives_its_children_back_and_their_orders_go_on_elsewhere() {
    let mut desk = desk();
    desk.client("a buy 10 @ 10000 gtc").venue(1, "accepted").outputs.clear();
    desk.operator(OperatorCommand::Halt(Scope::Venue(VenueId(0)))).sent(&["v0 cancel #1"]);
    desk.operator_saw(&[(1, Refusal::None)]);
    desk.venue(1, "done 0").sent(&["v1 new buy 10 @ 10000 Gtc #2"]).client_saw(&[]);
}

#[test]
fn one_order_is_cancelled_once_and_what_cannot_be_is_refused_with_a_word() {
    let mut desk = desk();
    desk.client("a buy 10 @ 10000 gtc").venue(1, "accepted");
    let order = desk.child(1).order;
    desk.outputs.clear();
    let cancel = OperatorCommand::Cancel(order);
    desk.operator(cancel).operator(cancel).sent(&["v0 cancel #1"]).venue(1, "done 0");
    desk.operator(cancel).operator(OperatorCommand::Cancel(OrderId(999)));
    desk.operator_saw(&[
        (1, Refusal::None),
        (0, Refusal::AlreadyPending),
        (0, Refusal::TooLateToCancel),
        (0, Refusal::UnknownOrder),
    ]);
    desk.client_saw(&["a Canceled OperatorCancel filled 0"]);
}

#[test]
fn cancel_all_takes_what_is_in_its_scope_and_stops_nobody() {
    for scope in HERE.into_iter().chain([Scope::Venue(VenueId(0))]) {
        let mut desk = desk();
        desk.client("a buy 10 @ 10000 gtc").venue(1, "accepted").outputs.clear();
        desk.operator(OperatorCommand::CancelAll(Scope::Venue(VenueId(1)))).sent(&[]);
        desk.operator(OperatorCommand::CancelAll(scope)).sent(&["v0 cancel #1"]);
        desk.operator_saw(&[(0, Refusal::None), (1, Refusal::None)]);
        desk.venue(1, "done 0").client_saw(&["a Canceled OperatorCancel filled 0"]);
        desk.client("b buy 5 @ 10010 ioc").client_saw(&["b new"]);
    }
}

#[test]
fn limits_that_an_operator_sets_stand_until_the_configuration_says_something_else() {
    let mut desk = desk();
    desk.operator(limits(|limits| limits.open_orders_max = 0));
    desk.client("a buy 5 @ 10000 gtc").client_saw_last("a refused TooManyOpenOrders");
    // A start tells the same configuration again.
    desk.account(|_| {}).client("b buy 5 @ 10000 gtc");
    desk.client_saw_last("b refused TooManyOpenOrders");
    desk.account(|account| account.limits.open_orders_max = 10).client("c buy 5 @ 10000 gtc");
    desk.client_saw_last("c new");
    desk.outputs.clear();
    desk.operator(limits(|limits| limits.notional_max = Amount(0)));
    desk.operator_saw(&[(0, Refusal::BadQuantity)]);
}

#[test]
fn what_is_not_known_is_refused_and_changes_nothing() {
    let mut desk = desk();
    let scopes = [
        Scope::Venue(VenueId(2)),
        Scope::Venue(VenueId(255)),
        Scope::Instrument(InstrumentId(1)),
        Scope::Session(SessionId(9)),
        Scope::Account(AccountId(u16::MAX)),
    ];
    for scope in scopes {
        let commands = [OperatorCommand::Halt, OperatorCommand::Resume, OperatorCommand::CancelAll];
        for command in commands {
            desk.operator(command(scope)).operator_saw(&[(0, Refusal::UnsupportedScope)]);
        }
    }
    desk.operator(OperatorCommand::DrainVenue(VenueId(200)));
    desk.operator(OperatorCommand::EnableVenue(VenueId(200)));
    desk.operator_saw(&[(0, Refusal::UnknownVenue); 2]);
    let session = |id| OperatorCommand::about_session(SessionId(id), SessionCommand::Logout);
    desk.operator(session(1)).operator_saw(&[(0, Refusal::UnsupportedScope)]);
    assert_eq!(desk.outputs, []);
    desk.operator(session(0));
    assert_eq!(desk.outputs[0], Output::Command(CLIENT, SessionCommand::Logout));
}

#[test]
fn where_only_reducing_is_allowed_what_could_raise_the_position_is_refused_and_called_back() {
    for scope in HERE {
        let mut desk = desk();
        desk.client("a buy 10 @ 10010 ioc").venue(1, "fill 10 @ 10010").outputs.clear();
        // Sells 6 of the 10, then 5 more than what is left, and buys.
        desk.client("b sell 6 @ 10020 gtc").client("c sell 5 @ 10030 gtc");
        desk.client("d buy 1 @ 9980 gtc").venue(2, "accepted").venue(3, "accepted");
        desk.venue(4, "accepted").outputs.clear();
        desk.operator(OperatorCommand::ReduceOnly(scope)).operator_saw(&[(2, Refusal::None)]);
        desk.venue(3, "done 0").venue(4, "done 0");
        desk.client_saw(&[
            "c Canceled OperatorCancel filled 0",
            "d Canceled OperatorCancel filled 0",
        ]);
        desk.client("e sell 5 @ 10020 gtc").client("f buy 1 @ 9980 gtc");
        desk.client("g sell 4 @ 10020 gtc");
        desk.client_saw(&["e refused ReduceOnly", "f refused ReduceOnly", "g new"]);
        desk.client("replace b sell 7 @ 10020 gtc").client_saw(&["b not replaced ReduceOnly"]);
        desk.operator(OperatorCommand::ReduceOnlyOff(scope)).client("h buy 1 @ 9980 gtc");
        desk.client_saw_last("h new");
    }
}

#[test]
fn a_venue_cannot_be_reduce_only() {
    let mut desk = desk();
    desk.operator(OperatorCommand::ReduceOnly(Scope::Venue(VenueId(0))));
    desk.operator_saw(&[(0, Refusal::UnsupportedScope)]);
}

/// Found by a review: its old size was what counted, and it was routed in its new one.
#[test]
fn where_only_reducing_is_allowed_an_order_that_is_being_replaced_goes_too() {
    let mut desk = desk();
    desk.client("a buy 10 @ 10010 ioc").venue(1, "fill 10 @ 10010");
    desk.client("b sell 5 @ 10020 gtc").venue(2, "accepted");
    desk.client("replace b sell 50 @ 10030 gtc").outputs.clear();
    desk.operator(OperatorCommand::ReduceOnly(Scope::All)).operator_saw(&[(1, Refusal::None)]);
    desk.venue(2, "done 0").sent(&[]);
    desk.client_saw(&["b not replaced OperatorCancel", "b Canceled OperatorCancel filled 0"]);
}

/// Found by a review: what is being called back may fill until it is over.
#[test]
fn where_only_reducing_is_allowed_what_is_called_back_may_still_fill_and_takes_its_room() {
    let mut desk = desk();
    desk.client("a buy 10 @ 10010 ioc").venue(1, "fill 10 @ 10010");
    desk.client("b sell 50 @ 10020 gtc").client("c sell 10 @ 10030 gtc");
    desk.venue(2, "accepted").venue(3, "accepted").outputs.clear();
    desk.operator(OperatorCommand::ReduceOnly(Scope::All)).operator_saw(&[(2, Refusal::None)]);
}

/// Found by a review: it went on there, and nobody was told.
#[test]
fn what_a_halted_venue_does_not_give_back_is_told() {
    let mut desk = desk();
    desk.client("a buy 10 @ 10000 gtc").venue(1, "accepted");
    desk.operator(OperatorCommand::Halt(Scope::Venue(VenueId(0))));
    for _ in 0..8 {
        desk.venue(1, "cancel-rejected").venue(1, "open 0");
    }
    let order = desk.child(1).order;
    assert!(desk.notices().contains(&Notice::CancelStuck(order)));
}

#[test]
fn an_end_without_open_orders_halts_everything_over_a_start_too() {
    let mut desk = desk();
    desk.client("a buy 10 @ 10000 gtc").venue(1, "accepted").outputs.clear();
    desk.operator(OperatorCommand::Node(NodeCommand::ShutdownFlat)).sent(&["v0 cancel #1"]);
    desk.operator_saw(&[(1, Refusal::None)]);
    desk.client("b buy 5 market ioc").venue(1, "done 0").sent(&[]);
    desk.input(Input::NodeStarted);
    assert!(desk.engine.is_halted());
}

const LOGS_OUT: [SessionCommand; 3] =
    [SessionCommand::Logout, SessionCommand::ResetSequence, SessionCommand::Disable];

fn about_client(command: SessionCommand) -> OperatorCommand {
    OperatorCommand::about_session(CLIENT, command)
}

/// An order that was in the ring behind the command stayed in the market, and its client was out.
#[test]
fn behind_a_command_that_logs_a_session_out_its_orders_are_refused_and_its_cancels_go() {
    for command in LOGS_OUT {
        let word = match command {
            SessionCommand::Disable => "SessionDisabled",
            _ => "LoggedOut",
        };
        let mut desk = desk();
        desk.client("a buy 10 @ 10000 gtc").venue(1, "accepted");
        desk.client("b buy 10 @ 10000 gtc").venue(2, "accepted").outputs.clear();
        desk.operator(about_client(command)).operator_saw(&[(0, Refusal::None)]);
        assert_eq!(desk.outputs, [Output::Command(CLIENT, command)]);
        desk.client("c buy 5 market ioc").client("replace a buy 20 @ 10000 gtc").sent(&[]);
        desk.client_saw(&[&format!("c refused {word}"), &format!("a not replaced {word}")]);
        desk.client("cancel a").sent(&["v0 cancel #1"]).client_saw(&["a canceling"]);
        desk.input(mass_cancel()).sent(&["v0 cancel #2"]).client_saw(&["mass cancel of 2 None"]);
    }
}

fn mass_cancel() -> Input {
    Input::MassCancel(MassCancel {
        session: CLIENT,
        client_seq: 0,
        cl_ord_id: text("all"),
        asked: b'7',
        scope: MassScope::default(),
        refusal: Refusal::None,
    })
}

fn logon() -> Input {
    Input::SessionUp(CLIENT, CancelOnDisconnect { all: false, grace_ns: 0 })
}

#[test]
fn a_session_that_was_logged_out_trades_again_after_its_next_logon() {
    let sent = Input::LogoutSent(CLIENT);
    let command = |command| {
        let (by, reason) = (text("ops"), text("drill"));
        Input::Operator(Operator { request: 1, by, reason, command: about_client(command) })
    };
    for out in [sent, command(SessionCommand::Logout), command(SessionCommand::ResetSequence)] {
        let mut desk = desk();
        desk.input(logon()).input(out).client("a buy 5 market ioc");
        desk.input(Input::SessionDown(CLIENT)).client("b buy 5 market ioc");
        desk.client_saw(&["a refused LoggedOut", "b refused LoggedOut"]).input(logon());
        desk.client("c buy 5 @ 9980 gtc").client_saw(&["c new"]);
        desk.input(out).input(Input::NodeStarted).client("d buy 5 market ioc");
        desk.client_saw(&["d refused LoggedOut"]);
    }
}

/// A Logon that was in the ring behind the command does not end it.
#[test]
fn a_disabled_session_does_not_trade_before_it_is_enabled_and_has_logged_on() {
    let mut desk = desk();
    desk.operator(about_client(SessionCommand::Disable)).input(logon());
    desk.client("a buy 5 market ioc").client_saw(&["a refused SessionDisabled"]);
    // The gateway has logged the client out that came behind the command.
    desk.input(Input::LogoutSent(CLIENT)).operator(about_client(SessionCommand::Enable));
    desk.client("c buy 5 market ioc").client_saw(&["c refused LoggedOut"]).input(logon());
    desk.client("d buy 5 @ 9980 gtc").client_saw(&["d new"]);
    desk.operator(about_client(SessionCommand::Disable)).input(Input::NodeStarted).input(logon());
    desk.client("e buy 5 market ioc").client_saw(&["e refused SessionDisabled"]);
}

#[test]
fn only_the_session_that_is_logged_out_is_refused() {
    let mut desk = desk();
    desk.operator(OperatorCommand::about_session(SessionId(9), SessionCommand::Disable));
    desk.input(Input::LogoutSent(SessionId(9))).operator_saw(&[(0, Refusal::UnsupportedScope)]);
    desk.operator(about_client(SessionCommand::Disconnect));
    desk.client("a buy 5 @ 9980 gtc").client_saw(&["a new"]);
}

/// Journals that were written before the core refused anything for a Logout decide as they did.
#[test]
fn a_journal_with_the_commands_tag_of_before_decides_as_before() {
    for command in LOGS_OUT {
        let mut desk = desk();
        desk.operator(OperatorCommand::Session(CLIENT, command));
        desk.client("a buy 5 @ 9980 gtc").client_saw(&["a new"]);
    }
}

/// What a reload of the configuration journals: the definitions, and the command behind them.
#[test]
fn an_account_and_a_session_that_are_added_between_orders_trade_at_once() {
    let mut desk = desk();
    desk.client("a buy 10 @ 10000 gtc").venue(1, "accepted");
    let (account, session) = (AccountId(1), SessionId(1));
    desk.input(Input::Account(usual::account(account.0, "second")));
    desk.input(Input::Session(usual::session(session.0, "NEW", Some(account))));
    desk.outputs.clear();
    let extension = Extension { accounts: 2, sessions: 2, digest: 7 };
    desk.operator(OperatorCommand::Extend(extension)).operator_saw(&[(0, Refusal::None)]);
    desk.outputs.clear();
    desk.input(Input::NewOrder(NewOrder {
        session,
        qty: Qty(5),
        price: Price(10_010),
        ..usual::buy("b")
    }));
    desk.sent(&["v0 new buy 5 @ 10010 Ioc #2"]);
    desk.venue(2, "fill 5 @ 10010 exec 1");
    assert_eq!(desk.engine.ledger().position(account, PAIR).base, 5);
    desk.position(0);
}

#[test]
fn an_addition_whose_definitions_were_not_taken_is_refused() {
    let mut desk = desk();
    let extension = Extension { accounts: 2, sessions: 1, digest: 7 };
    desk.operator(OperatorCommand::Extend(extension));
    desk.operator_saw(&[(0, Refusal::CapacityReached)]);
}

#[test]
fn a_lost_session_is_lost_once_and_at_its_own_time_among_many() {
    const SECOND_NS: u64 = 1_000_000_000;
    let mut desk = desk();
    for id in 1..200 {
        let def = usual::session(id, &format!("S{id}"), Some(AccountId(0)));
        desk.input(Input::Session(def));
    }
    let choice = |grace_ns| CancelOnDisconnect { all: true, grace_ns };
    for (child, (id, grace_ns)) in
        (1..).zip([(7, 5 * SECOND_NS), (150, SECOND_NS), (3, 5 * SECOND_NS)])
    {
        desk.input(Input::SessionUp(SessionId(id), choice(grace_ns)));
        let order = usual::buy(&format!("o{id}"));
        let order = NewOrder { session: SessionId(id), price: Price(9_980), ..order };
        desk.input(Input::NewOrder(order)).venue(child, "accepted");
        desk.input(Input::SessionDown(SessionId(id)));
    }
    // A client that is back in time loses nothing.
    desk.input(Input::SessionUp(SessionId(3), choice(5 * SECOND_NS)));
    let called_back = |desk: &mut Desk| -> Vec<u64> {
        let outputs = std::mem::take(&mut desk.outputs).into_iter();
        outputs
            .filter_map(|output| match output {
                Output::SendCancel(child) => Some(child.child.0),
                _ => None,
            })
            .collect()
    };
    assert_eq!(called_back(&mut desk), [0; 0]);
    desk.wait_ns(SECOND_NS);
    assert_eq!(called_back(&mut desk), [2], "the shortest grace first");
    desk.wait_ns(5 * SECOND_NS);
    assert_eq!(called_back(&mut desk), [1]);
    desk.wait_ns(5 * SECOND_NS);
    assert_eq!(called_back(&mut desk), [0; 0], "each is lost once");
}
