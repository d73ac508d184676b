//! What clients ask beside single orders, in three versions of FIX; copies, limits and commands.

use rutter_clients::{CloseReason, Notice, SessionConfig, SessionKind};
use rutter_core::id::{SessionId, VenueId, VenueOrderId};
use rutter_core::input::*;
use rutter_core::number::{Qty, UnixNanos};
use rutter_core::output::{Output, ReportKind};
use rutter_fix::codec::MESSAGE_BYTES_MAX;
use rutter_fix::dictionary::Version;
use rutter_fix::session::DisconnectReason;
use rutter_fix::store::{Entry, MessageStore};
use rutter_transport::acceptor::{Acceptor, ConnId, Event};

use crate::desk::{Desk, ORDER, SECOND, START, TIME, operator, report, store, text};

fn alpha() -> Desk {
    let mut desk = Desk::new();
    desk.logon(1, "ALPHA").published();
    desk
}

/// A desk with a client of each other version, and a drop copy of all.
fn all_kinds() -> Desk {
    Desk::with(|config| {
        for (id, name, version) in [(2, "OLD", Version::Fix42), (3, "NEW", Version::Fix50Sp2)] {
            let account = text(&format!("ACC-{name}"));
            let session = SessionConfig::trading(SessionId(id), name, account);
            config.sessions.push(SessionConfig {
                version,
                checks: Some(rutter_fix::dictionary::Checks::default()),
                ..session
            });
        }
        let kind = SessionKind::DropCopy([0, 2, 3].map(SessionId).to_vec());
        let copy = SessionConfig::trading(SessionId(4), "COPY", text("none"));
        config.sessions.push(SessionConfig { kind, ..copy });
    })
}

#[test]
fn a_replace_reaches_the_core_and_its_end_the_client() {
    let mut desk = alpha();
    desk.send(1, &format!("35=D|11=a1|{ORDER}")).decide().seen(1);
    let changed = ORDER.replace("38=0.5", "38=0.7");
    desk.send(1, &format!("35=G|11=a2|41=a1|{changed}"));
    let Some(Input::Replace(request)) = desk.ring.first().copied() else { panic!("a replace") };
    assert_eq!((request.orig_cl_ord_id, request.order.qty), (text("a1"), Qty(7_000)));
    desk.decide();
    desk.saw_like(1, &["150=E|39=E|11=a2|41=a1|", "150=5|39=0|11=a2|41=a1| 38=0.7000|"]);
    desk.send(1, &format!("35=G|11=a3|41=a2|{}", changed.replace("54=1", "54=2"))).decide();
    desk.saw_like(1, &["35=9| 11=a3|41=a2|39=0| 434=2|102=2|58=NotReplaceable|"]);
    desk.send(1, &format!("35=G|11=a3|41=a2|{}", changed.replace("BTC/USDT", "DOGE"))).decide();
    desk.saw_like(1, &["35=9| 11=a3|41=a2| 434=2|102=99|58=UnknownSymbol|"]);
}

#[test]
fn a_mass_cancel_is_reported_and_each_order_tells_its_own_end() {
    let mut desk = alpha();
    desk.send(1, &format!("35=D|11=a1|{ORDER}")).decide().seen(1);
    desk.send(1, &format!("35=q|11=m1|530=7|{TIME}"));
    let request = MassCancel {
        session: SessionId(0),
        client_seq: 3,
        cl_ord_id: text("m1"),
        asked: b'7',
        scope: MassScope::default(),
        refusal: Refusal::None,
    };
    assert_eq!(desk.ring, [Input::MassCancel(request)]);
    desk.decide().saw_like(1, &["35=r| 11=m1| 530=7|531=7|533=1|"]);
    desk.send(1, &format!("35=q|11=m2|530=3|{TIME}")).decide();
    desk.saw_like(1, &["530=3|531=0|532=0|533=0| 58=UnsupportedScope|"]);
    desk.send(1, &format!("35=q|11=m3|530=1|55=DOGE|54=2|{TIME}")).decide();
    desk.saw_like(1, &["530=1|531=0|532=1|533=0| 58=UnknownSymbol|"]);
}

#[test]
fn a_mass_status_numbers_its_reports_and_marks_the_last() {
    let mut desk = alpha();
    for id in ["a1", "a2"] {
        desk.send(1, &format!("35=D|11={id}|{ORDER}")).decide();
    }
    desk.seen(1);
    desk.send(1, "35=AF|584=all|585=7|").decide();
    desk.saw_like(1, &["150=I| 11=a1| 584=all|911=2|912=N|", "150=I| 11=a2| 584=all|911=2|912=Y|"]);
    desk.send(1, "35=AF|584=none|585=1|55=BTC/USDT|54=2|").decide();
    desk.saw_like(1, &["37=NONE| 150=I|39=8| 584=none|911=0|912=Y| 58=UnknownOrder|"]);
    desk.send(1, "35=H|11=a1|54=1|55=BTC/USDT|790=q|").decide();
    desk.saw_like(1, &["150=I| 11=a1| 790=q|"]);
}

#[test]
fn instructions_reach_the_core_and_a_venue_that_is_not_ours_is_refused() {
    let mut desk = alpha();
    let order = ORDER.replace("59=1", "59=6");
    desk.send(1, &format!("35=D|11=a1|18=o Q|100=kraken|126=20240628-00:00:00|{order}"));
    let Some(Input::NewOrder(order)) = desk.published().first().copied() else { panic!("one") };
    let exec_inst = CharSet::EMPTY.with(b'o').and_then(|set| set.with(b'Q')).expect("letters");
    let instructions = Instructions {
        only: Some(VenueId(1)),
        exec_inst,
        expire_at: UnixNanos(1_719_532_800 * SECOND),
        ..Instructions::default()
    };
    assert_eq!((order.tif, order.instructions), (TimeInForce::Gtd, instructions));
    for (field, word) in [
        ("100=nasdaq", "UnknownVenue"),
        ("18=G", "UnsupportedExecInst"),
        ("110=0.1", "UnsupportedMinQty"),
        ("111=0.1", "UnsupportedDisplayQty"),
        ("152=100", "UnsupportedCashQty"),
        ("168=20240627-12:00:00", "UnsupportedSchedule"),
        ("847=1", "UnsupportedStrategy"),
        ("848=price=100", "UnsupportedStrategy"),
        ("847=1002|848=price=100", "UnsupportedStrategy"),
        ("847=1010|848=price=40", "UnsupportedStrategy"),
        ("847=1010|848=price=50,price=50", "UnsupportedStrategy"),
        ("847=1010|848=cost=100", "UnsupportedStrategy"),
        ("847=1010|848=price=+99,latency=1", "UnsupportedStrategy"),
        ("847=1010|848=price", "UnsupportedStrategy"),
        ("126=20240628-00:00:00", "BadExpireTime"),
    ] {
        desk.send(1, &format!("35=D|11=b|{field}|{ORDER}")).decide();
        desk.saw_like(1, &[&format!("150=8|39=8|11=b| 58={word}|")]);
    }
}

#[test]
fn an_order_names_score_mode_and_its_weights() {
    let mut desk = all_kinds();
    desk.logon(1, "ALPHA").published();
    let weights = |price, latency, reliability, liquidity| {
        Some(ScoreWeights { price, latency, reliability, liquidity })
    };
    let cases = [
        ("847=1010", 1010, None),
        ("847=1011", 1011, None),
        ("847=1010|848=liquidity=10,price=60,latency=30", 1010, weights(60, 30, 0, 10)),
        ("847=1010|848=price=100", 1010, weights(100, 0, 0, 0)),
    ];
    for (at, (fields, strategy, weights)) in cases.into_iter().enumerate() {
        desk.send(1, &format!("35=D|11=a{at}|{fields}|{ORDER}"));
        let Some(Input::NewOrder(order)) = desk.ring.last().copied() else { panic!("one") };
        let said = order.instructions;
        assert_eq!((said.strategy, said.weights), (strategy, weights), "{fields}");
        desk.decide();
        desk.saw_like(1, &[&format!("150=0|39=0|11=a{at}|")]);
    }
}

#[test]
fn a_client_of_fix_4_2_trades_in_its_words() {
    let mut desk = all_kinds();
    desk.logon(1, "OLD").published();
    desk.send(1, &format!("35=D|11=a1|21=1|{ORDER}")).decide();
    desk.saw_like(1, &["20=0|150=0|39=0|11=a1| 32=0|31=0|"]);
    desk.send(1, "35=H|11=a1|54=1|55=BTC/USDT|").decide();
    desk.saw_like(1, &["20=3|150=0|39=0|11=a1|"]);
    let changed = ORDER.replace("38=0.5", "38=0.7");
    desk.send(1, &format!("35=G|11=a2|41=a1|21=1|{changed}")).decide();
    desk.saw_like(1, &["20=0|150=E|39=E|11=a2|41=a1|", "20=0|150=5|39=5|11=a2|41=a1|"]);
    let last = rutter_core::output::LastFill {
        venue: VenueId(1),
        liquidity: Liquidity::Taker,
        qty: Qty(2_000),
        price: rutter_core::number::Price(6_000_010),
        fee: rutter_core::number::Amount(1),
        fee_asset: rutter_core::id::AssetId(1),
        child: rutter_core::id::ChildId(12),
        exec: rutter_core::id::ExecId(7),
        venue_order: VenueOrderId::new(b"O-9").expect("short"),
    };
    let trade = rutter_core::output::Report {
        session: SessionId(2),
        kind: ReportKind::Trade,
        status: rutter_core::output::OrdStatus::PartiallyFilled,
        filled: Qty(2_000),
        leaves: Qty(3_000),
        last: Some(last),
        ..report(5)
    };
    desk.output(&Output::Report(trade));
    desk.saw_like(1, &["20=0|150=1|39=1|11=a1| 32=0.2000|31=60000.10|30=kraken|198=O-9|"]);
    desk.send(1, &format!("35=D|11=a3|{ORDER}"));
    desk.saw_like(1, &["35=3| 371=21| 373=1|"]);
    desk.send(1, &format!("35=q|11=m|530=7|{TIME}")).seen(1);
    assert_eq!(desk.published(), [], "mass cancels came later");
}

#[test]
fn a_client_of_fix_5_0_trades_in_its_words() {
    let mut desk = all_kinds();
    desk.logon(1, "NEW").published();
    desk.send(1, &format!("35=D|11=a1|{ORDER}")).decide();
    desk.saw_like(1, &["150=0|39=0|11=a1|"]);
    desk.send(1, &format!("35=q|11=m1|530=7|{TIME}")).decide();
    desk.saw_like(1, &["35=r| 1369=000000a1-2|530=7|531=7|533=1|"]);
}

#[test]
fn a_drop_copy_gets_the_reports_of_its_sessions_and_may_ask_for_nothing() {
    let mut desk = all_kinds();
    desk.logon(1, "ALPHA").logon(2, "BETA").logon(3, "COPY").published();
    for (conn, id) in [(1, "a1"), (2, "b1")] {
        desk.send(conn, &format!("35=D|11={id}|{ORDER}")).decide();
    }
    desk.send(1, "35=H|11=a1|54=1|55=BTC/USDT|").decide();
    desk.saw_like(3, &["150=0|39=0|11=a1|1=ACC-ALPHA| 797=Y|20010=ALPHA|"]);
    desk.send(3, &format!("35=D|11=c1|{ORDER}"));
    desk.saw_like(3, &["35=j| 58=ReadOnlySession| 379=c1|380=6|"]);
    assert_eq!(desk.published(), []);
}

#[test]
fn a_drop_copy_goes_on_where_it_was_after_a_crash() {
    let mut desk = all_kinds();
    desk.logon(1, "ALPHA").logon(3, "COPY").decide();
    desk.send(1, &format!("35=D|11=a1|{ORDER}")).decide();
    desk.saw_like(3, &["11=a1|"]);
    desk.send(1, &format!("35=D|11=a2|{ORDER}")).journal(1);
    let mut desk = desk.crash();
    desk.logon(1, "ALPHA").logon(3, "COPY").decide();
    desk.send(3, "35=2|7=1|16=0|");
    let copies: Vec<String> =
        desk.seen(3).into_iter().filter(|seen| seen.starts_with("35=8|")).collect();
    assert_eq!(copies.len(), 2, "{copies:#?}");
    assert!(copies[0].contains("|11=a1|") && copies[1].contains("|11=a2|"));
}

#[test]
fn a_logon_chooses_what_becomes_of_the_orders_of_a_lost_connection() {
    let chosen = |desk: &mut Desk| match desk.published()[..] {
        [Input::SessionUp(_, choice)] => choice,
        ref other => panic!("{other:?}"),
    };
    let choice = |all, seconds: u64| CancelOnDisconnect { all, grace_ns: seconds * SECOND };
    for (said, expected) in [
        ("", choice(false, 0)),
        ("20001=Y|20002=5|", choice(true, 5)),
        ("20001=N|", choice(false, 0)),
        ("8013=S|", choice(true, 0)),
        ("9001=Y|20002=9999999|", choice(true, 3_600)),
        ("8674=0|", choice(true, 0)),
        ("8674=1|", choice(false, 0)),
        ("8674=Y|", choice(false, 0)),
        ("20001=maybe|", choice(false, 0)),
    ] {
        let mut desk = Desk::new();
        desk.logon_with(1, "ALPHA", said);
        assert_eq!(chosen(&mut desk), expected, "{said}");
    }
    let configured = choice(true, 2);
    let mut desk = Desk::with(|config| config.sessions[0].cancel_on_disconnect = configured);
    desk.logon(1, "ALPHA");
    assert_eq!(chosen(&mut desk), configured);
    desk.peer_closes(1).published();
    desk.logon_with(2, "ALPHA", "20001=N|");
    assert_eq!(chosen(&mut desk), choice(false, 2));
    desk.peer_closes(2).published();
    desk.logon(3, "ALPHA");
    assert_eq!(chosen(&mut desk), configured, "a choice is for one connection");
}

#[test]
fn a_flood_is_refused_by_name_and_cancels_pass_all_the_same() {
    let mut desk = Desk::with(|config| config.sessions[0].requests_per_s_max = 2);
    desk.logon(1, "ALPHA").logon(2, "BETA").published();
    for id in 0..4 {
        desk.send(1, &format!("35=D|11=a{id}|{ORDER}"));
    }
    desk.send(1, &format!("35=F|11=c|41=a0|54=1|55=BTC/USDT|{TIME}"));
    desk.send(2, &format!("35=D|11=b|{ORDER}"));
    assert_eq!(desk.published().len(), 4, "two orders, the cancel and the other client's order");
    desk.saw_like(1, &["35=j| 58=ThrottleExceeded| 379=a2|380=0|", "35=j| 379=a3|"]);
    desk.now += SECOND;
    desk.send(1, &format!("35=D|11=a5|{ORDER}"));
    assert_eq!(desk.published().len(), 1);
    assert_eq!(desk.gateway.counters().throttled, 2);
    let told = desk.notices().into_iter().filter(|n| matches!(n, Notice::Throttled { .. })).count();
    assert_eq!(told, 1);
}

#[test]
fn an_operator_can_log_out_cut_off_reset_and_shut_out_a_session() {
    let mut desk = alpha();
    let session = SessionId(0);
    let command = |command| Output::Command(session, command);
    desk.output(&command(SessionCommand::Logout)).saw_like(1, &["35=5| 58=Logged"]);
    desk.send(1, "35=5|");
    assert_eq!(desk.closes().len(), 1);
    desk.logon(2, "ALPHA").output(&command(SessionCommand::Disconnect));
    assert_eq!(desk.closes(), [(2, CloseReason::Operator)]);
    desk.output(&command(SessionCommand::Disable)).try_logon(3, "ALPHA").saw(3, &[]);
    assert_eq!(desk.closes(), [(3, CloseReason::Operator)]);
    desk.output(&command(SessionCommand::Enable));
    desk.output(&command(SessionCommand::ResetSequence));
    desk.next_seq.insert("ALPHA".to_owned(), 1);
    desk.try_logon(4, "ALPHA").saw_like(4, &["35=A|34=1|"]);
    let commanded = desk.notices().into_iter().filter(|n| matches!(n, Notice::Commanded { .. }));
    assert_eq!(commanded.count(), 5);
}

#[test]
fn what_an_operator_shut_out_stays_out_after_a_restart() {
    let mut desk = Desk::new();
    desk.ring.push(operator(OperatorCommand::about_session(SessionId(0), SessionCommand::Disable)));
    desk.decide();
    let mut desk = desk.crash();
    desk.try_logon(1, "ALPHA").saw(1, &[]);
    assert_eq!(desk.closes(), [(1, CloseReason::Operator)]);
}

#[test]
fn ids_of_requests_are_checked_like_those_of_orders() {
    let mut desk = alpha();
    let long = "x".repeat(37);
    for (body, tag) in [
        (format!("35=AF|584={long}|585=7|"), 584),
        (format!("35=q|11={long}|530=7|{TIME}"), 11),
        (format!("35=G|11=a|41={long}|{ORDER}"), 41),
        (format!("35=G|11=a|{ORDER}"), 41),
        ("35=AF|584=x|585=0|".to_owned(), 585),
        (format!("35=q|11=a|530=1|{TIME}"), 55),
    ] {
        desk.send(1, &body);
        desk.saw_like(1, &[&format!("35=3| 371={tag}|")]);
    }
    assert_eq!(desk.published(), []);
}

#[test]
fn a_client_is_told_again_what_it_was_told_in_a_time_over_resets_and_sees_its_end() {
    let mut desk = alpha();
    for id in ["a1", "a2"] {
        desk.send(1, &format!("35=D|11={id}|{ORDER}")).decide();
    }
    desk.peer_closes(1).now += 86_400 * SECOND;
    desk.next_seq.insert("ALPHA".to_owned(), 1);
    desk.logon_with(2, "ALPHA", "141=Y|");
    desk.send(2, &format!("35=D|11=a3|{ORDER}")).decide().seen(2);
    let ask = "35=U1|20020=y|20021=20240627-00:00:00|20022=20240628-00:00:00|";
    desk.send(2, ask).send(2, ask);
    desk.saw_like(2, &["35=j| 58=HistoryBusy| 380=4|"]);
    desk.wait(0);
    desk.saw_like(
        2,
        &[
            "35=8|34=4|97=Y| 11=a1| 20023=2|20024=20240627-11:17:26.000|",
            "35=8|34=5|97=Y| 11=a2| 20023=3|",
            "35=U2|34=6|20020=y|20025=2|",
        ],
    );
    desk.send(2, "35=U1|20020=y|20021=20240628-00:00:00|20022=20240628-00:00:00|");
    desk.saw_like(2, &["35=3| 371=20022| 373=5|"]);
    desk.send(2, "35=2|7=4|16=0|");
    desk.saw_like(2, &["35=4| 36=7|", "35=3|34=7|43=Y| 371=20022|"]);
}

/// What the history adds to a message finds no room in one that is as long as can be.
#[test]
fn a_history_goes_on_over_a_message_that_is_too_long_for_it() {
    let mut desk = alpha();
    desk.send(1, &format!("35=D|11=a1|{ORDER}")).decide();
    let body = format!("148={}\u{1}", "x".repeat(MESSAGE_BYTES_MAX - 100));
    let mut desk = desk.crash_after(|folder| {
        let mut store = store(folder, "ALPHA");
        let (seq, body, msg_type) = (store.next_out(), body.as_bytes(), b"B".as_slice());
        let entry = Entry { seq, event_no: 0, sending_ns: START, msg_type, body };
        store.append(&entry).expect("stored");
    });
    desk.logon(1, "ALPHA").send(1, &format!("35=D|11=a2|{ORDER}")).decide().seen(1);
    desk.send(1, "35=U1|20020=y|20021=20240627-00:00:00|20022=20240628-00:00:00|").wait(0);
    desk.saw_like(1, &["97=Y| 11=a1|", "97=Y| 11=a2|", "35=U2| 20025=2|"]);
}

/// A message that is refused whatever it says, with an id that fills it.
#[test]
fn an_id_that_is_too_long_to_be_repeated_costs_nobody_the_session() {
    let mut desk = Desk::with(|config| config.sessions[0].requests_per_s_max = 1);
    desk.logon(1, "ALPHA").send(1, &format!("35=D|11=a1|{ORDER}"));
    desk.send(1, &format!("35=D|11={}|", "x".repeat(MESSAGE_BYTES_MAX - 100)));
    desk.saw_like(1, &["35=j| 45=3|58=ThrottleExceeded|372=D|380=0|"]);
    desk.send(1, "35=1|112=x|").saw_like(1, &["35=0| 112=x|"]);
}

#[test]
fn a_drop_copy_may_ask_for_its_own_history() {
    let mut desk = all_kinds();
    desk.logon(1, "ALPHA").logon(3, "COPY");
    desk.send(1, &format!("35=D|11=a1|{ORDER}")).decide().seen(3);
    desk.send(3, "35=U1|20020=y|20021=20240627-00:00:00|20022=20240628-00:00:00|").wait(0);
    desk.saw_like(3, &["97=Y| 11=a1| 797=Y|20010=ALPHA|20023=2|", "35=U2| 20025=1|"]);
}

#[test]
fn a_session_with_hours_lets_nobody_in_outside_of_them() {
    use rutter_fix::session::schedule::{Day, Schedule};
    let at = |text: &str| text.parse().expect("a time");
    let hours = Schedule::daily("UTC", &Day::ALL, at("12:00"), at("20:00")).expect("sound");
    let mut desk = Desk::with(|config| config.sessions[0].schedule = Some(hours));
    desk.try_logon(1, "ALPHA");
    let reasons: Vec<_> = desk.closes().into_iter().map(|(_, reason)| reason).collect();
    let refused = DisconnectReason::LogonRefused(rutter_fix::session::Refusal::OutsideHours);
    assert_eq!(reasons, [CloseReason::Session(refused)]);
    desk.now += 3_600 * SECOND;
    desk.next_seq.insert("ALPHA".to_owned(), 1);
    desk.logon(2, "ALPHA");
}

fn is_replaying(desk: &Desk) -> bool {
    let session = desk.gateway.session(SessionId(0));
    session.is_some_and(rutter_fix::session::Session::replay_pending)
}

#[test]
fn a_client_trades_on_while_it_is_sent_again_what_it_missed() {
    let mut desk = alpha();
    for event in 1..=4_000 {
        desk.output(&Output::Report(report(event)));
    }
    desk.seen(1);
    desk.reads = false;
    desk.send(1, "35=2|7=1|16=0|");
    let conn = ConnId(1);
    assert!(!desk.gateway.wants_read(conn), "it does not read what it asked for");
    let pending = desk.gateway.pending(conn).len();
    desk.gateway.on_event(desk.now, Event::Written(conn, pending - 1_000));
    assert!(is_replaying(&desk));
    assert!(desk.gateway.wants_read(conn), "it reads, so it is read");
    desk.send(1, &format!("35=D|11=live|{ORDER}"));
    assert!(matches!(desk.published()[..], [Input::NewOrder(_)]), "before the replay is over");
    assert!(is_replaying(&desk));
}

#[test]
fn a_message_that_does_not_end_is_given_up_and_the_next_is_read() {
    let mut desk = alpha();
    desk.bytes(1, b"8=FIX.4.4\x019=5000\x0135=D\x01");
    let order = desk.message(1, &format!("35=D|11=a1|{ORDER}"));
    desk.bytes(1, &order);
    assert_eq!(desk.published(), [], "taken for a part of what does not end");
    desk.wait(6 * SECOND).resume();
    assert!(matches!(desk.published()[..], [Input::NewOrder(_)]));
}

#[test]
fn a_report_tells_where_it_comes_from_to_who_wants_to_know() {
    let mut desk = Desk::with(|config| config.sessions[0].passport = true);
    desk.logon(1, "ALPHA").logon(2, "BETA").published();
    let passport = rutter_clients::Passport {
        journal_seq: 77,
        arrived_ns: 1_719_487_046 * SECOND + 1_234,
        decided_ns: 1_719_487_046 * SECOND + 5_678,
    };
    let mut others = report(1);
    others.session = SessionId(1);
    for report in [report(1), others] {
        let told = desk.gateway.on_output_from(desk.now, &Output::Report(report), Some(&passport));
        told.expect("taken");
    }
    desk.read_all();
    desk.saw_like(
        1,
        &["20030=77|20031=20240627-11:17:26.000001234|20032=20240627-11:17:26.000005678|"],
    );
    let seen = desk.seen(2).join("");
    assert!(seen.contains("35=8|") && !seen.contains("20030="), "{seen}");
}
