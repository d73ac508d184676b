//! Orders, as far as a session must not lose or double them. Only against an acceptor that trades.

use std::time::Duration;

use rutter_fix::codec::{TimePrecision, write_timestamp};

use super::Case;
use crate::certify::desk::{Desk, Draft, Miss, Seq, Step};
use crate::certify::wire::Incoming;
use crate::clock::unix_ns;

/// An order that is taken at all is answered within this.
const SETTLED: Duration = Duration::from_millis(500);

/// Reports let by while waiting for one.
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

fn symbol(desk: &Desk) -> Step<String> {
    desk.needs_initiator()?;
    let symbol = desk.settings.symbol.clone();
    symbol.ok_or_else(|| Miss::Skip("no --symbol to order".to_owned()))
}

/// A buy order that rests.
fn new_order(desk: &Desk, id: &str, symbol: &str) -> Draft {
    Draft::of("D")
        .with(11, id)
        .with(21, 1)
        .with(55, symbol)
        .with(54, 1)
        .with(60, now())
        .with(38, &desk.settings.qty)
        .with(40, 2)
        .with(44, &desk.settings.price)
        .with(59, 1)
}

/// The order's first report: New, or `PendingNew` before it.
fn taken(desk: &mut Desk, id: &str) -> Step<Incoming> {
    let expected = format!("35=8 with 11={id} and 39=0");
    for _ in 0..REPORTS_MAX {
        let report = desk.expect("8", &[(11, id)])?;
        match report.get(39) {
            Some("A") => {}
            Some("0") => return Ok(report),
            _ => return Err(Miss::fail(expected, report.text)),
        }
    }
    Err(Miss::fail(expected, "many others"))
}

/// Asks to cancel; nothing is left behind at the peer.
fn canceled(desk: &mut Desk, id: &str, symbol: &str) -> Step {
    let cancel_id = desk.fresh("c");
    let cancel = Draft::of("F").with(41, id).with(11, &cancel_id).with(55, symbol).with(54, 1);
    desk.send(&cancel.with(60, now()).with(38, desk.settings.qty.clone()))?;
    for _ in 0..REPORTS_MAX {
        let answer = desk.expect_any(&["8", "j", "9"], &[])?;
        if answer.msg_type == "j" {
            return Err(Miss::Skip("the peer cancels nothing (35=j)".to_owned()));
        }
        match answer.get(39) {
            Some("4") if answer.msg_type == "8" && answer.get(41) == Some(id) => return Ok(()),
            // Not about this order, or pending.
            _ if answer.get(41) != Some(id) => {}
            Some("6") if answer.msg_type == "8" => {}
            _ => return Err(Miss::fail("35=8 with 39=4", answer.text)),
        }
    }
    Err(Miss::fail("35=8 with 39=4", "many others"))
}

/// Cancels what a case has left, if the peer cancels at all, and logs out.
fn clean_up(desk: &mut Desk, ids: &[&str], symbol: &str) -> Step {
    for id in ids {
        match canceled(desk, id, symbol) {
            Ok(()) | Err(Miss::Skip(_)) => {}
            Err(miss) => return Err(miss),
        }
    }
    desk.close()
}

fn order(desk: &mut Desk) -> Step {
    let symbol = symbol(desk)?;
    desk.open()?;
    let id = desk.fresh("o");
    desk.send(&new_order(desk, &id, &symbol))?;
    let report = taken(desk, &id)?;
    report.must(55, &symbol)?;
    for tag in [37, 17, 14, 151] {
        if report.get(tag).is_none() {
            return Err(Miss::fail(format!("35=8 with {tag}"), report.text));
        }
    }
    clean_up(desk, &[&id], &symbol)
}

fn cancel(desk: &mut Desk) -> Step {
    let symbol = symbol(desk)?;
    desk.open()?;
    let id = desk.fresh("o");
    desk.send(&new_order(desk, &id, &symbol))?;
    taken(desk, &id)?;
    canceled(desk, &id, &symbol)?;
    desk.close()
}

fn unknown_symbol(desk: &mut Desk) -> Step {
    symbol(desk)?;
    desk.open()?;
    let id = desk.fresh("o");
    desk.send(&new_order(desk, &id, "NOBODY/TRADES"))?;
    let answer = desk.expect_any(&["8", "j", "3"], &[])?;
    if answer.msg_type == "8" {
        if answer.get(39) == Some("0") {
            return Err(Miss::Skip("the peer takes any symbol".to_owned()));
        }
        answer.must(39, "8")?;
        answer.must(11, &id)?;
    }
    desk.alive()?;
    desk.close()
}

fn report_resent(desk: &mut Desk) -> Step {
    let symbol = symbol(desk)?;
    desk.open()?;
    let id = desk.fresh("o");
    desk.send(&new_order(desk, &id, &symbol))?;
    let first = taken(desk, &id)?;
    let seq = first.number(34).unwrap_or(0);
    desk.send(&Draft::of("2").with(7, seq).with(16, seq))?;
    let again = desk.resent(seq, seq)?;
    let Some(again) = again.first() else {
        return Err(Miss::fail("the report again", "a gap fill"));
    };
    again.must(122, first.get(52).unwrap_or(""))?;
    for tag in [37, 17, 11, 39, 150, 55, 54, 14, 151, 60] {
        again.must(tag, first.get(tag).unwrap_or(""))?;
    }
    clean_up(desk, &[&id], &symbol)
}

fn order_in_gap(desk: &mut Desk) -> Step {
    let symbol = symbol(desk)?;
    desk.open()?;
    let (id, lost) = (desk.fresh("o"), desk.next_out);
    desk.send(&Draft::of("0").seq(Seq::Skip(1)))?;
    desk.expect("2", &[(7, &lost.to_string())])?;
    desk.send(&new_order(desk, &id, &symbol).seq(Seq::At(lost)).dup())?;
    let to = desk.next_out;
    desk.send(&Draft::of("4").with(123, "Y").with(36, to).seq(Seq::At(lost + 1)).dup())?;
    taken(desk, &id)?;
    desk.alive()?;
    clean_up(desk, &[&id], &symbol)
}

/// Nothing that makes an order may come.
fn not_taken(desk: &mut Desk, id: &str) -> Step {
    let second = |report: &&Incoming| report.get(11) == Some(id) && report.get(150) == Some("0");
    let reports = desk.listen(SETTLED)?;
    if let Some(report) = reports.iter().find(second) {
        return Err(Miss::fail("no second order", report.text.clone()));
    }
    desk.alive()
}

fn order_twice(desk: &mut Desk) -> Step {
    let symbol = symbol(desk)?;
    desk.open()?;
    let (id, seq) = (desk.fresh("o"), desk.next_out);
    let order = new_order(desk, &id, &symbol);
    desk.send(&order)?;
    taken(desk, &id)?;
    desk.send(&order.seq(Seq::At(seq)).dup())?;
    not_taken(desk, &id)?;
    clean_up(desk, &[&id], &symbol)
}

fn poss_resend(desk: &mut Desk) -> Step {
    let symbol = symbol(desk)?;
    desk.open()?;
    let id = desk.fresh("o");
    let order = new_order(desk, &id, &symbol);
    desk.send(&order)?;
    taken(desk, &id)?;
    desk.send(&order.poss_resend())?;
    not_taken(desk, &id)?;
    clean_up(desk, &[&id], &symbol)
}

fn cancel_on_disconnect(desk: &mut Desk) -> Step {
    let symbol = symbol(desk)?;
    let Some((tag, value)) = desk.settings.cancel_on_disconnect.clone() else {
        let why = "not said how to ask for it (--cancel-on-disconnect TAG=VALUE)";
        return Err(Miss::Skip(why.to_owned()));
    };
    let logon = desk.logon(true).with(tag, &value);
    desk.open_with(&logon)?;
    let id = desk.fresh("o");
    desk.send(&new_order(desk, &id, &symbol))?;
    taken(desk, &id)?;
    desk.cut();
    desk.await_grace();
    match desk.open_again() {
        Ok(_) => {}
        Err(Miss::Skip(_)) => drop(desk.open()?),
        Err(miss) => return Err(miss),
    }
    // Its report came with what was missed, or was forgotten; asking shows the order as it is.
    let status = Draft::of("H").with(11, &id).with(55, &symbol).with(54, 1);
    desk.send(&status)?;
    for _ in 0..REPORTS_MAX {
        let report = desk.expect_any(&["8", "j"], &[])?;
        if report.msg_type == "j" {
            return Err(Miss::Skip("the peer tells no order's status (35=j)".to_owned()));
        }
        if report.get(150) == Some("I") {
            report.must(39, "4")?;
            return desk.close();
        }
    }
    Err(Miss::fail("35=8 with 150=I", "many others"))
}
