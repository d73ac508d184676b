//! The dictionary that a client was given allows everything that the client may be sent: each
//! answer, with each reason, in each version, as it is sent first, again, to a drop copy and in a
//! history. The desk checks each message; here it is said that there is one of each kind.

use rutter_clients::{Passport, SessionConfig, SessionKind};
use rutter_core::id::{ChildId, ExecId, OrderId, SessionId, VenueId, VenueOrderId};
use rutter_core::input::{
    Liquidity, MassScope, OrdType, Refusal, Side, TimeInForce, WrittenNumber, WrittenTerms,
};
use rutter_core::number::{Amount, Notional, Price, Qty, UnixNanos};
use rutter_core::output::{
    CancelReject, LastFill, MassCancelReport, OrdStatus, Output, Report, ReportKind,
};
use rutter_fix::dictionary::Version;

use crate::desk::{BTC, Desk, ORDER, SECOND, START, TIME, report, text};
use crate::market::{market, with_eth};

const CLIENTS: [(u32, &str, SessionId); 3] =
    [(1, "ALPHA", SessionId(0)), (2, "OLD", SessionId(2)), (3, "NEW", SessionId(3))];

const KINDS: [ReportKind; 10] = [
    ReportKind::New,
    ReportKind::Rejected,
    ReportKind::PendingCancel,
    ReportKind::PendingReplace,
    ReportKind::Restated,
    ReportKind::Replaced,
    ReportKind::Canceled,
    ReportKind::Expired,
    ReportKind::Trade,
    ReportKind::OrderStatus,
];

const STATUSES: [OrdStatus; 9] = [
    OrdStatus::New,
    OrdStatus::PartiallyFilled,
    OrdStatus::Filled,
    OrdStatus::Canceled,
    OrdStatus::PendingCancel,
    OrdStatus::Rejected,
    OrdStatus::PendingNew,
    OrdStatus::Expired,
    OrdStatus::PendingReplace,
];

/// A client of each version, and a drop copy of all of them in each version.
fn desk() -> Desk {
    let mut desk = Desk::with(|config| {
        with_eth(config);
        for (id, name, version) in [(2, "OLD", Version::Fix42), (3, "NEW", Version::Fix50Sp2)] {
            let session = SessionConfig::trading(SessionId(id), name, text(&format!("ACC-{name}")));
            config.sessions.push(SessionConfig { version, ..session });
        }
        for session in &mut config.sessions {
            session.passport = true;
        }
        let copies = [(4, "COPY", Version::Fix44), (5, "COPY42", Version::Fix42)];
        for (id, name, version) in copies.into_iter().chain([(6, "COPY50", Version::Fix50Sp2)]) {
            let kind = SessionKind::DropCopy(CLIENTS.map(|(.., session)| session).to_vec());
            let session = SessionConfig::trading(SessionId(id), name, text("none"));
            config.sessions.push(SessionConfig { kind, version, ..session });
        }
    });
    desk.gateway.set_market(&market()).expect("sound");
    for (conn, name, _) in CLIENTS {
        desk.logon(conn, name);
    }
    desk.logon(4, "COPY").decide();
    desk
}

fn fill(liquidity: Liquidity) -> LastFill {
    LastFill {
        qty: Qty(1_000),
        price: Price(6_000_000),
        venue: VenueId(0),
        child: ChildId(9),
        exec: ExecId(77),
        venue_order: VenueOrderId::new(b"B-1").expect("short"),
        fee: Amount(if liquidity == Liquidity::Maker { -5 } else { 5 }),
        fee_asset: rutter_core::id::AssetId(1),
        liquidity,
    }
}

/// Reports of every kind with every status, then of every reason.
fn reports() -> Vec<Report> {
    let mut reports = Vec::new();
    let sides = [Side::Buy, Side::Sell].into_iter().cycle();
    let types = [OrdType::Limit, OrdType::Market].into_iter().cycle();
    let tifs =
        [TimeInForce::Day, TimeInForce::Gtc, TimeInForce::Ioc, TimeInForce::Fok, TimeInForce::Gtd];
    let pairs = KINDS.into_iter().flat_map(|kind| STATUSES.map(|status| (kind, status)));
    let terms = sides.zip(types).zip(tifs.into_iter().cycle());
    for ((kind, status), ((side, ord_type), tif)) in pairs.zip(terms) {
        let is_trade = kind == ReportKind::Trade;
        let liquidity = if side == Side::Buy { Liquidity::Maker } else { Liquidity::Taker };
        let request = if kind == ReportKind::OrderStatus { text("s1") } else { text("") };
        reports.push(Report {
            kind,
            status,
            side,
            ord_type,
            tif,
            request,
            mass_total: u32::from(side == Side::Sell),
            replaced: tif == TimeInForce::Gtc,
            orig_cl_ord_id: text("a0"),
            filled: Qty(1_000),
            filled_notional: Notional(6_000_000_000),
            last: is_trade.then(|| fill(liquidity)),
            ..report(1)
        });
    }
    let written = WrittenTerms {
        side: b'5',
        ord_type: b'3',
        tif: b'2',
        qty: WrittenNumber { digits: 5, decimals: 18 },
        price: WrittenNumber { digits: i64::MAX, decimals: 0 },
        account: text("ACC-OTHER"),
    };
    for reason in Refusal::ALL {
        let (kind, status) = (ReportKind::Rejected, OrdStatus::Rejected);
        let refused = Report { kind, status, reason, order: OrderId(0), ..report(1) };
        let (kind, status) = (ReportKind::Canceled, OrdStatus::Canceled);
        reports.push(Report { instrument: None, symbol: text("DOGE/USDT"), written, ..refused });
        reports.extend([refused, Report { kind, status, reason, ..report(1) }]);
        let (kind, status) = (ReportKind::Restated, OrdStatus::New);
        reports.push(Report { kind, status, reason, ..report(1) });
        // The status of an order that is not known.
        reports.push(Report { kind: ReportKind::OrderStatus, instrument: None, ..refused });
    }
    reports
}

fn cancel_rejects() -> Vec<CancelReject> {
    let all = Refusal::ALL.into_iter().zip(STATUSES.into_iter().cycle());
    let rejects = all.flat_map(|(reason, status)| {
        [false, true].map(|of_replace| CancelReject {
            session: SessionId(0),
            event: 0,
            client_seq: 0,
            time: UnixNanos(START),
            order: OrderId(if of_replace { 7 } else { 0 }),
            trace: 1,
            cl_ord_id: text("c1"),
            orig_cl_ord_id: text("a1"),
            status,
            of_replace,
            reason,
        })
    });
    rejects.collect()
}

fn mass_cancels() -> Vec<MassCancelReport> {
    let scopes = [
        MassScope::default(),
        MassScope { instrument: Some(BTC), side: None },
        MassScope { instrument: Some(BTC), side: Some(Side::Sell) },
    ];
    let all = Refusal::ALL.into_iter().zip(scopes.into_iter().cycle());
    let reports = all.zip(b'1'..=b'7').map(|((reason, scope), asked)| (reason, scope, asked));
    let rest = Refusal::ALL.into_iter().map(|reason| (reason, scopes[1], b'7'));
    let reports = reports.chain(rest).map(|(reason, scope, asked)| MassCancelReport {
        session: SessionId(0),
        event: 0,
        client_seq: 0,
        time: UnixNanos(START),
        cl_ord_id: text("m1"),
        asked,
        scope,
        affected: 3,
        reason,
    });
    reports.collect()
}

/// Gives every output of the core to every client; returns how many each got.
fn tell_everything(desk: &mut Desk) -> u64 {
    let mut exec = 0;
    let mut told = 0;
    for (_, _, session) in CLIENTS {
        let mut event = 0;
        let mut next = || {
            event += 1;
            event
        };
        let mut outputs = Vec::new();
        for report in reports() {
            exec += 1;
            outputs.push(Output::Report(Report { session, event: next(), exec, ..report }));
        }
        for reject in cancel_rejects() {
            outputs.push(Output::CancelReject(CancelReject { session, event: next(), ..reject }));
        }
        // FIX 4.2 has no such message.
        if session != SessionId(2) {
            for report in mass_cancels() {
                let event = next();
                let report = MassCancelReport { session, event, ..report };
                outputs.push(Output::MassCancelReport(report));
            }
        }
        let passport = Passport { journal_seq: 7, arrived_ns: START, decided_ns: START + 1 };
        for output in &outputs {
            let given = desk.gateway.on_output_from(desk.now, output, Some(&passport));
            given.expect("taken");
            desk.read_all();
        }
        told += event;
    }
    told
}

/// Answers that the core has no part in.
fn ask_everything(desk: &mut Desk) {
    desk.gateway.news(desk.now, "Venue down\nfor an hour").expect("fits");
    desk.read_all();
    for (conn, name, _) in CLIENTS {
        let bad_market = "263=1|264=1|267=1|269=0|146=1|55=BTC/USDT|265=1|";
        for body in [
            format!("35=V|262=m1|{bad_market}"),
            format!("35=V|262=m1|{bad_market}"),
            format!("35=V|262=m2|{}", bad_market.replace("BTC/USDT", "DOGE")),
            format!("35=V|262=m3|{}", bad_market.replace("263=1", "263=0")),
            "35=V|262=m4|263=2|264=1|267=1|269=0|146=1|55=BTC/USDT|".to_owned(),
            "35=x|320=l1|559=4|".to_owned(),
            "35=x|320=l2|559=0|55=DOGE|".to_owned(),
            "35=g|335=g1|263=1|".to_owned(),
            "35=g|335=g1|263=1|".to_owned(),
            "35=g|335=g2|263=2|".to_owned(),
            "35=R|131=r1|".to_owned(),
            "35=ZZ|".to_owned(),
            "35=1|112=t|".to_owned(),
            format!("35=D|{ORDER}"),
            format!("35=D|11=x|{}", ORDER.replace("38=0.5", "38=abc")),
            format!("35=q|11=m1|530=Z|{TIME}"),
            "35=AF|584=a|585=9|".to_owned(),
        ] {
            desk.send(conn, &body).wait(0);
        }
        assert!(!desk.seen(conn).is_empty(), "{name}");
    }
}

#[test]
fn the_dictionaries_allow_every_message_in_every_version_also_again_copied_and_in_a_history() {
    let mut desk = desk();
    let told = tell_everything(&mut desk);
    assert!(told > 900, "{told}");
    ask_everything(&mut desk);
    assert!(desk.seen(4).len() > 500, "the drop copy");
    // The other drop copies ask for theirs, every client for all that it was sent.
    for (conn, name) in [(5, "COPY42"), (6, "COPY50")] {
        desk.logon(conn, name);
    }
    desk.now += SECOND;
    for conn in 1..=6 {
        desk.send(conn, "35=2|7=1|16=0|");
        for _ in 0..2_000 {
            desk.resume().wait(1);
        }
        assert!(desk.seen(conn).iter().any(|message| message.contains("|43=Y|")), "{conn}");
        desk.send(conn, "35=U1|20020=y|20021=20240627-00:00:00|20022=20240628-00:00:00|");
        for _ in 0..2_000 {
            desk.resume().wait(1);
        }
        let seen = desk.seen(conn);
        let kinds = ["35=8|", "35=9|", "35=B|", "35=h|", "35=j|", "35=Y|"];
        let kinds = if conn > 3 { &kinds[..1] } else { &kinds[..] };
        for kind in kinds {
            let is_told =
                |message: &String| message.starts_with(kind) && message.contains("|97=Y|");
            assert!(seen.iter().any(is_told), "{kind} in the history of {conn}");
        }
        assert!(seen.iter().any(|message| message.starts_with("35=U2|")), "{conn}");
    }
}
