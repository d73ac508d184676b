//! Cases about orders that a session must not lose or double. They need an acceptor that trades.
//!
//! A line belongs here if it sends an order.

use std::time::Duration;

use rutter_fix::codec::{TimePrecision, write_timestamp};

use super::Case;
use crate::certify::draft::{Draft, Seq};
use crate::certify::outcome::{Miss, Step};
use crate::certify::session::Session;
use crate::certify::wire::Incoming;
use crate::clock::unix_ns;

/// Longest wait for the answer to an order that the peer accepts.
const SETTLED: Duration = Duration::from_millis(500);

/// Most reports passed over while waiting for another.
const REPORTS_MAX: usize = 64;

pub(super) const CASES: &[Case] = &[
    Case {
        name: "order",
        claim: "An order is answered with an ExecutionReport (New) that has its ClOrdID",
        rule: "4.4/4 NewOrderSingle",
        play: order,
    },
    Case {
        name: "order-cancel",
        claim: "An order that rests is canceled when asked",
        rule: "4.4/4 OrderCancelRequest",
        play: cancel,
    },
    Case {
        name: "order-unknown-symbol",
        claim: "An order for what nobody trades is refused, and the session goes on",
        rule: "4.4/4 ExecutionReport, field 103",
        play: unknown_symbol,
    },
    Case {
        name: "order-report-resent",
        claim: "A report that is asked for again is the same, with 43=Y and its first time in 122",
        rule: "4.4/2 ResendRequest; case 8",
        play: report_resent,
    },
    Case {
        name: "order-in-gap",
        claim: "An order that was lost and comes again with 43=Y is taken, once",
        rule: "4.4/2 cases 2b, 2e",
        play: order_in_gap,
    },
    Case {
        name: "order-poss-dup",
        claim: "An old order with PossDupFlag is not taken again",
        rule: "4.4/2 case 2e",
        play: order_twice,
    },
    Case {
        name: "order-poss-resend",
        claim: "An order with PossResend and a known ClOrdID is not taken again",
        rule: "4.4/2 case 19",
        play: poss_resend,
    },
    Case {
        name: "cancel-on-disconnect",
        claim: "A resting order is canceled when the connection of its session is lost",
        rule: "agreed at Logon",
        play: cancel_on_disconnect,
    },
];

fn now() -> String {
    let mut text = Vec::new();
    write_timestamp(&mut text, unix_ns(), TimePrecision::Millis);
    String::from_utf8_lossy(&text).into_owned()
}

fn symbol(session: &Session) -> Step<String> {
    session.needs_initiator()?;
    let symbol = session.settings.symbol.clone();
    symbol.ok_or_else(|| Miss::Skip("no --symbol to order".to_owned()))
}

/// A buy order that rests.
fn new_order(session: &Session, id: &str, symbol: &str) -> Draft {
    Draft::of("D")
        .with(11, id)
        .with(21, 1)
        .with(55, symbol)
        .with(54, 1)
        .with(60, now())
        .with(38, &session.settings.qty)
        .with(40, 2)
        .with(44, &session.settings.price)
        .with(59, 1)
}

/// The order's report New; `PendingNew` may come first.
fn taken(session: &mut Session, id: &str) -> Step<Incoming> {
    let expected = format!("35=8 with 11={id} and 39=0");
    for _ in 0..REPORTS_MAX {
        let report = session.expect("8", &[(11, id)])?;
        match report.get(39) {
            Some("A") => {}
            Some("0") => return Ok(report),
            _ => return Err(Miss::fail(expected, report.text)),
        }
    }
    Err(Miss::fail(expected, "many others"))
}

/// Cancels an order and waits for its end, so that no open order stays at the peer.
fn canceled(session: &mut Session, id: &str, symbol: &str) -> Step {
    let cancel_id = session.fresh("c");
    let cancel = Draft::of("F").with(41, id).with(11, &cancel_id).with(55, symbol).with(54, 1);
    session.send(&cancel.with(60, now()).with(38, session.settings.qty.clone()))?;
    for _ in 0..REPORTS_MAX {
        let answer = session.expect_any(&["8", "j", "9"], &[])?;
        if answer.msg_type == "j" {
            return Err(Miss::Skip("the peer cancels nothing (35=j)".to_owned()));
        }
        match answer.get(39) {
            Some("4") if answer.msg_type == "8" && answer.get(41) == Some(id) => return Ok(()),
            // The report concerns another order, or is pending.
            _ if answer.get(41) != Some(id) => {}
            Some("6") if answer.msg_type == "8" => {}
            _ => return Err(Miss::fail("35=8 with 39=4", answer.text)),
        }
    }
    Err(Miss::fail("35=8 with 39=4", "many others"))
}

/// Cancels the orders of a case, if the peer can cancel, and logs out.
fn clean_up(session: &mut Session, ids: &[&str], symbol: &str) -> Step {
    for id in ids {
        match canceled(session, id, symbol) {
            Ok(()) | Err(Miss::Skip(_)) => {}
            Err(miss) => return Err(miss),
        }
    }
    session.close()
}

fn order(session: &mut Session) -> Step {
    let symbol = symbol(session)?;
    session.open()?;
    let id = session.fresh("o");
    session.send(&new_order(session, &id, &symbol))?;
    let report = taken(session, &id)?;
    report.must(55, &symbol)?;
    for tag in [37, 17, 14, 151] {
        if report.get(tag).is_none() {
            return Err(Miss::fail(format!("35=8 with {tag}"), report.text));
        }
    }
    clean_up(session, &[&id], &symbol)
}

fn cancel(session: &mut Session) -> Step {
    let symbol = symbol(session)?;
    session.open()?;
    let id = session.fresh("o");
    session.send(&new_order(session, &id, &symbol))?;
    taken(session, &id)?;
    canceled(session, &id, &symbol)?;
    session.close()
}

fn unknown_symbol(session: &mut Session) -> Step {
    symbol(session)?;
    session.open()?;
    let id = session.fresh("o");
    session.send(&new_order(session, &id, "NOBODY/TRADES"))?;
    let answer = session.expect_any(&["8", "j", "3"], &[])?;
    if answer.msg_type == "8" {
        if answer.get(39) == Some("0") {
            return Err(Miss::Skip("the peer takes any symbol".to_owned()));
        }
        answer.must(39, "8")?;
        answer.must(11, &id)?;
    }
    session.alive()?;
    session.close()
}

fn report_resent(session: &mut Session) -> Step {
    let symbol = symbol(session)?;
    session.open()?;
    let id = session.fresh("o");
    session.send(&new_order(session, &id, &symbol))?;
    let first = taken(session, &id)?;
    let seq = first.number(34).unwrap_or(0);
    session.send(&Draft::of("2").with(7, seq).with(16, seq))?;
    let again = session.resent(seq, seq)?;
    let Some(again) = again.first() else {
        return Err(Miss::fail("the report again", "a gap fill"));
    };
    again.must(122, first.get(52).unwrap_or(""))?;
    for tag in [37, 17, 11, 39, 150, 55, 54, 14, 151, 60] {
        again.must(tag, first.get(tag).unwrap_or(""))?;
    }
    clean_up(session, &[&id], &symbol)
}

fn order_in_gap(session: &mut Session) -> Step {
    let symbol = symbol(session)?;
    session.open()?;
    let (id, lost) = (session.fresh("o"), session.next_out);
    session.send(&Draft::of("0").seq(Seq::Skip(1)))?;
    session.expect("2", &[(7, &lost.to_string())])?;
    session.send(&new_order(session, &id, &symbol).seq(Seq::At(lost)).dup())?;
    let to = session.next_out;
    session.send(&Draft::of("4").with(123, "Y").with(36, to).seq(Seq::At(lost + 1)).dup())?;
    taken(session, &id)?;
    session.alive()?;
    clean_up(session, &[&id], &symbol)
}

/// The peer must send no report about a new order.
fn not_taken(session: &mut Session, id: &str) -> Step {
    let second = |report: &&Incoming| report.get(11) == Some(id) && report.get(150) == Some("0");
    let reports = session.listen(SETTLED)?;
    if let Some(report) = reports.iter().find(second) {
        return Err(Miss::fail("no second order", report.text.clone()));
    }
    session.alive()
}

fn order_twice(session: &mut Session) -> Step {
    let symbol = symbol(session)?;
    session.open()?;
    let (id, seq) = (session.fresh("o"), session.next_out);
    let order = new_order(session, &id, &symbol);
    session.send(&order)?;
    taken(session, &id)?;
    session.send(&order.seq(Seq::At(seq)).dup())?;
    not_taken(session, &id)?;
    clean_up(session, &[&id], &symbol)
}

fn poss_resend(session: &mut Session) -> Step {
    let symbol = symbol(session)?;
    session.open()?;
    let id = session.fresh("o");
    let order = new_order(session, &id, &symbol);
    session.send(&order)?;
    taken(session, &id)?;
    session.send(&order.poss_resend())?;
    not_taken(session, &id)?;
    clean_up(session, &[&id], &symbol)
}

fn cancel_on_disconnect(session: &mut Session) -> Step {
    let symbol = symbol(session)?;
    let Some((tag, value)) = session.settings.cancel_on_disconnect.clone() else {
        let why = "not said how to ask for it (--cancel-on-disconnect TAG=VALUE)";
        return Err(Miss::Skip(why.to_owned()));
    };
    let logon = session.logon(true).with(tag, &value);
    session.open_with(&logon)?;
    let id = session.fresh("o");
    session.send(&new_order(session, &id, &symbol))?;
    taken(session, &id)?;
    session.cut();
    session.await_grace();
    match session.open_again() {
        Ok(_) => {}
        Err(Miss::Skip(_)) => drop(session.open()?),
        Err(miss) => return Err(miss),
    }
    // The report was resent or lost; a status request shows the order's state.
    let status = Draft::of("H").with(11, &id).with(55, &symbol).with(54, 1);
    session.send(&status)?;
    for _ in 0..REPORTS_MAX {
        let report = session.expect_any(&["8", "j"], &[])?;
        if report.msg_type == "j" {
            return Err(Miss::Skip("the peer tells no order's status (35=j)".to_owned()));
        }
        if report.get(150) == Some("I") {
            report.must(39, "4")?;
            return session.close();
        }
    }
    Err(Miss::fail("35=8 with 150=I", "many others"))
}
