//! Cases about sequence numbers: gaps, resends, resets, duplicates, and a new connection.
//!
//! A line belongs here if it tests sequence numbers.

use rutter_fix::tags::TEST_REQ_ID;

use super::Case;
use crate::certify::draft::{Draft, Seq};
use crate::certify::outcome::{Miss, Step, told};
use crate::certify::session::{Role, Session};
use crate::certify::wire::Got;

pub(super) const CASES: &[Case] = &[
    Case {
        name: "resend-request",
        claim: "A ResendRequest brings every number again with 43=Y, session messages as gap fills",
        rule: "4.4/2 ResendRequest; case 8",
        play: resend_request,
    },
    Case {
        name: "resend-range",
        claim: "A ResendRequest for one number fills no more than what was asked for, or a gap",
        rule: "4.4/2 ResendRequest; case 8",
        play: resend_range,
    },
    Case {
        name: "gap",
        claim: "A skipped number is asked for, a gap fill closes it, and the session goes on",
        rule: "4.4/2 case 2b",
        play: gap,
    },
    Case {
        name: "gap-test-request",
        claim: "What came ahead of a gap is not lost when it comes again",
        rule: "4.4/2 cases 2b, 20",
        play: gap_test_request,
    },
    Case {
        name: "gap-at-logon",
        claim: "A Logon with too high a number is answered, and what is missing asked for",
        rule: "4.4/2 cases 1S, 9",
        play: gap_at_logon,
    },
    Case {
        name: "gap-fill",
        claim: "A SequenceReset-GapFill moves the expected number",
        rule: "4.4/2 case 10",
        play: gap_fill,
    },
    Case {
        name: "sequence-reset",
        claim: "A SequenceReset-Reset moves the expected number, whatever its own",
        rule: "4.4/2 case 11",
        play: sequence_reset,
    },
    Case {
        name: "sequence-reset-back",
        claim: "A SequenceReset-Reset to a lower number is rejected with 373=5 and moves nothing",
        rule: "4.4/2 case 11c",
        play: sequence_reset_back,
    },
    Case {
        name: "too-low",
        claim: "Too low a number without PossDupFlag ends the session with a Logout",
        rule: "4.4/2 case 2c",
        play: too_low,
    },
    Case {
        name: "poss-dup",
        claim: "An old message with PossDupFlag is ignored",
        rule: "4.4/2 case 2e",
        play: poss_dup,
    },
    Case {
        name: "poss-dup-without-original",
        claim: "PossDupFlag without OrigSendingTime is rejected with 373=1 and 371=122",
        rule: "4.4/2 case 2g",
        play: poss_dup_without_original,
    },
    Case {
        name: "poss-dup-future",
        claim: "An OrigSendingTime behind SendingTime is rejected with 373=10, the session ends",
        rule: "4.4/2 case 2f",
        play: poss_dup_future,
    },
    Case {
        name: "reconnect",
        claim: "A new connection goes on with the numbers of the one that was cut",
        rule: "4.4/2 case 9",
        play: reconnect,
    },
    Case {
        name: "missed-while-away",
        claim: "What was sent and lost with a connection comes again on the next",
        rule: "4.4/2 cases 8, 9",
        play: missed_while_away,
    },
];

fn resend_request(session: &mut Session) -> Step {
    session.open()?;
    session.alive()?;
    let upto = session.next_in - 1;
    session.send(&Draft::of("2").with(7, 1).with(16, 0))?;
    session.resent(1, upto)?;
    session.alive()?;
    session.close()
}

fn resend_range(session: &mut Session) -> Step {
    session.open()?;
    session.alive()?;
    session.alive()?;
    let one = session.next_in - 2;
    session.send(&Draft::of("2").with(7, one).with(16, one))?;
    session.resent(one, one)?;
    session.alive()?;
    session.close()
}

/// The peer must ask for all messages from `from` on; it may leave the end open.
fn asked(session: &mut Session, from: u64) -> Step {
    let request = session.expect("2", &[(7, &from.to_string())])?;
    let end = request.number(16);
    if end.is_some_and(|end| end == 0 || end >= from) {
        return Ok(());
    }
    Err(Miss::fail(format!("16=0, or {from} or more"), request.text))
}

fn gap(session: &mut Session) -> Step {
    session.open()?;
    let from = session.next_out;
    session.send(&Draft::of("0").seq(Seq::Skip(2)))?;
    asked(session, from)?;
    session.fill(from)?;
    session.alive()?;
    session.close()
}

fn gap_test_request(session: &mut Session) -> Step {
    session.open()?;
    let (from, id) = (session.next_out, session.fresh("AHEAD-"));
    session.send(&Draft::of("1").with(TEST_REQ_ID, &id).seq(Seq::Skip(1)))?;
    // The answer may come before the request, after it, or only after the gap is filled.
    let first = session.expect_any(&["0", "2"], &[])?;
    if first.msg_type == "0" {
        first.must(TEST_REQ_ID, &id)?;
        asked(session, from)?;
    } else {
        first.must(7, &from.to_string())?;
    }
    session.fill(from)?;
    session.alive()?;
    session.close()
}

fn gap_at_logon(session: &mut Session) -> Step {
    session.open()?;
    session.alive()?;
    session.close()?;
    if session.role == Role::Acceptor {
        let logon = session.open_answering(|answer| answer.seq(Seq::Skip(3)))?;
        // With 141=Y the tool's numbers were reset.
        let from = if logon.get(141) == Some("Y") { 1 } else { session.next_out - 4 };
        asked(session, from)?;
        session.fill(from)?;
        session.alive()?;
        return session.close();
    }
    let from = session.next_out;
    session.next_out += 3;
    let answer = session.open_again();
    let from = match answer {
        Ok(_) => from,
        // A peer that resets by itself misses all messages from 1 on.
        Err(Miss::Skip(_)) => {
            session.next_in = 2;
            1
        }
        Err(miss) => return Err(miss),
    };
    asked(session, from)?;
    session.fill(from)?;
    session.alive()?;
    session.close()
}

fn gap_fill(session: &mut Session) -> Step {
    session.open()?;
    let to = session.next_out + 5;
    session.send(&Draft::of("4").with(123, "Y").with(36, to))?;
    session.next_out = to;
    session.alive()?;
    session.close()
}

fn sequence_reset(session: &mut Session) -> Step {
    session.open()?;
    let to = session.next_out + 20;
    session.send(&Draft::of("4").with(123, "N").with(36, to).seq(Seq::At(1)))?;
    session.next_out = to;
    session.alive()?;
    session.close()
}

fn sequence_reset_back(session: &mut Session) -> Step {
    session.open()?;
    session.alive()?;
    session.alive()?;
    session.send(&Draft::of("4").with(123, "N").with(36, 1).seq(Seq::At(session.next_out)))?;
    session.expect("3", &[(373, "5")])?;
    // Its own number is ignored, so the next message takes the same number.
    session.alive()?;
    session.close()
}

fn too_low(session: &mut Session) -> Step {
    session.open()?;
    session.alive()?;
    session.send(&Draft::of("1").with(TEST_REQ_ID, "LOW").seq(Seq::At(1)))?;
    let logout = session.expect_end("a Logout (35=5), and the end of the connection")?;
    let Some(logout) = logout else {
        return Err(Miss::fail("a Logout (35=5) before the end", "the end alone"));
    };
    if logout.get(58).is_none() {
        return Err(Miss::fail("a Logout that says why (58)", logout.text));
    }
    Ok(())
}

fn poss_dup(session: &mut Session) -> Step {
    session.open()?;
    session.alive()?;
    let id = session.fresh("OLD-");
    session.send(&Draft::of("1").with(TEST_REQ_ID, &id).seq(Seq::At(2)).dup())?;
    // If the duplicate was answered, the Heartbeat carries the old id.
    let alive = session.fresh("CERT-");
    session.send(&Draft::of("1").with(TEST_REQ_ID, &alive))?;
    let heartbeat = session.expect_answer()?;
    heartbeat.must(TEST_REQ_ID, &alive)?;
    session.close()
}

fn poss_dup_without_original(session: &mut Session) -> Step {
    session.open()?;
    session.alive()?;
    let draft = Draft::of("1").with(TEST_REQ_ID, "DUP").seq(Seq::At(2)).dup_without_original();
    session.send(&draft)?;
    session.expect("3", &[(373, "1"), (371, "122")])?;
    session.alive()?;
    session.close()
}

fn poss_dup_future(session: &mut Session) -> Step {
    session.open()?;
    session.alive()?;
    session.send(&Draft::of("1").with(TEST_REQ_ID, "DUP").seq(Seq::At(2)).dup_from_the_future())?;
    session.expect("3", &[(373, "10")])?;
    session.expect_end("a Logout (35=5), and the end of the connection").map(drop)
}

fn reconnect(session: &mut Session) -> Step {
    session.open()?;
    session.alive()?;
    session.cut();
    session.open_again()?;
    session.alive()?;
    session.close()
}

fn missed_while_away(session: &mut Session) -> Step {
    session.open()?;
    session.alive()?;
    let missed = session.next_in;
    let id = session.fresh("LOST-");
    session.send(&Draft::of("1").with(TEST_REQ_ID, id))?;
    // The peer reads the message up to its number and ignores it.
    session.expect("0", &[])?;
    session.cut();
    session.open_again()?;
    let upto = session.next_in - 1;
    if upto < missed {
        return Err(Miss::Skip("the peer starts its numbers anew".to_owned()));
    }
    session.send(&Draft::of("2").with(7, missed).with(16, 0))?;
    session.resent(missed, upto)?;
    match session.next(std::time::Duration::from_millis(100))? {
        Got::Nothing => {}
        got @ (Got::Garbled(_) | Got::Closed) => return Err(Miss::fail("quiet", told(&got))),
        Got::Message(message) if message.msg_type == "0" => session.next_in += 1,
        Got::Message(message) => return Err(Miss::fail("quiet", message.text)),
    }
    session.alive()?;
    session.close()
}
