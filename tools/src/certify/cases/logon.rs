//! Cases about how a session begins, stays alive and ends.
//!
//! A line belongs here if it tests Logon, Heartbeat, `TestRequest` or Logout.

use std::time::{Duration, Instant};

use rutter_fix::tags::TEST_REQ_ID;

use super::Case;
use crate::certify::draft::{Draft, Seq};
use crate::certify::outcome::{Miss, Step, told};
use crate::certify::session::{Role, Session};
use crate::certify::wire::{Got, Spoil};

/// Time without an answer after which a message counts as unanswered.
const QUIET: Duration = Duration::from_secs(1);

pub(super) const CASES: &[Case] = &[
    Case {
        name: "logon",
        claim: "A good Logon is answered with a Logon, and a TestRequest with a Heartbeat",
        rule: "4.4/2 Logon; cases 1B, 1S",
        play: good,
    },
    Case {
        name: "logon-wrong-comp-id",
        claim: "A Logon to another CompID is not answered with a Logon, and the connection ends",
        rule: "4.4/2 case 2k",
        play: wrong_comp_id,
    },
    Case {
        name: "logon-checksum",
        claim: "A Logon with a wrong CheckSum is not answered with a Logon",
        rule: "4.4/2 cases 1S c, 3b",
        play: bad_checksum,
    },
    Case {
        name: "logon-first",
        claim: "Whatever comes before a Logon ends the connection",
        rule: "4.4/2 case 1S c",
        play: not_first,
    },
    Case {
        name: "logon-heartbeat-negative",
        claim: "A Logon with a negative HeartBtInt is refused",
        rule: "4.4/2 Logon, field 108",
        play: negative_heartbeat,
    },
    Case {
        name: "logon-heartbeat-zero",
        claim: "HeartBtInt 0 is refused, or taken as it is and then no Heartbeat comes",
        rule: "4.4/2 Logon, field 108",
        play: zero_heartbeat,
    },
    Case {
        name: "logon-password",
        claim: "A Logon with a wrong password is not answered with a Logon",
        rule: "4.4/2 Logon, field 554",
        play: wrong_password,
    },
    Case {
        name: "logon-second",
        claim: "A second connection of a session is refused, and the first stays",
        rule: "4.4/2 FIX session",
        play: second_connection,
    },
    Case {
        name: "heartbeat",
        claim: "A Heartbeat comes when nothing else was sent for HeartBtInt",
        rule: "4.4/2 case 4a",
        play: heartbeat,
    },
    Case {
        name: "silence",
        claim: "A peer that is silent gets a TestRequest, and then the connection ends",
        rule: "4.4/2 cases 4b, 6",
        play: silence,
    },
    Case {
        name: "silence-answered",
        claim: "A Heartbeat with the TestReqID keeps the session alive",
        rule: "4.4/2 cases 5, 6",
        play: silence_answered,
    },
    Case {
        name: "logout",
        claim: "A Logout is answered with a Logout",
        rule: "4.4/2 case 13b",
        play: logout,
    },
    Case {
        name: "logout-by-peer",
        claim: "A Logout of the peer, answered with one, ends the connection",
        rule: "4.4/2 case 13a",
        play: logout_by_peer,
    },
];

fn good(session: &mut Session) -> Step {
    let logon = session.open()?;
    let asked = session.settings.heartbeat_s.to_string();
    if session.role == Role::Initiator && logon.get(108) != Some(&asked) {
        return Err(Miss::fail(format!("108={asked}"), logon.text));
    }
    session.alive()?;
    session.close()
}

/// The peer must end the connection without a Logon; a Logout or Reject may come first.
fn refused(session: &mut Session) -> Step {
    session.expect_end("the end of the connection, and no Logon").map(drop)
}

fn wrong_comp_id(session: &mut Session) -> Step {
    match session.role {
        Role::Initiator => {
            session.connect()?;
            let logon = session.logon(true).target("NOBODY").seq(Seq::At(1));
            session.send(&logon)?;
            refused(session)
        }
        Role::Acceptor => {
            session.open_answering(|answer| answer.target("NOBODY"))?;
            session.expect_end("the end of the connection").map(drop)
        }
    }
}

fn bad_checksum(session: &mut Session) -> Step {
    session.needs_initiator()?;
    session.connect()?;
    let logon = session.logon(true).spoiled(Spoil::CheckSum);
    session.send(&logon.seq(Seq::At(1)))?;
    match session.next(QUIET)? {
        Got::Closed | Got::Nothing => Ok(()),
        Got::Message(message) if message.msg_type == "5" => Ok(()),
        got => Err(Miss::fail("nothing, a Logout, or the end of the connection", told(&got))),
    }
}

fn not_first(session: &mut Session) -> Step {
    session.needs_initiator()?;
    session.connect()?;
    session.send(&Draft::of("1").with(TEST_REQ_ID, "EARLY").seq(Seq::At(1)))?;
    refused(session)
}

fn with_heartbeat(session: &Session, value: &str) -> Draft {
    let mut logon = Draft::of("A").with(98, 0).with(108, value).with(141, "Y");
    for (tag, value) in session.logon(true).into_fields() {
        if ![98, 108, 141].contains(&tag) {
            logon = logon.with(tag, value);
        }
    }
    logon.seq(Seq::At(1))
}

fn negative_heartbeat(session: &mut Session) -> Step {
    session.needs_initiator()?;
    session.connect()?;
    let logon = with_heartbeat(session, "-1");
    session.send(&logon)?;
    refused(session)
}

fn zero_heartbeat(session: &mut Session) -> Step {
    session.needs_initiator()?;
    session.connect()?;
    let logon = with_heartbeat(session, "0");
    (session.next_out, session.next_in) = (2, 2);
    session.send(&logon)?;
    match session.next(session.settings.patience)? {
        Got::Message(message) if message.msg_type == "A" => message.must(108, "0")?,
        Got::Message(message) if message.msg_type == "5" || message.msg_type == "3" => {
            return refused(session);
        }
        Got::Closed => return Ok(()),
        got => return Err(Miss::fail("a Logon with 108=0, or a refusal", told(&got))),
    }
    match session.next(QUIET * 3)? {
        Got::Nothing => {}
        got => return Err(Miss::fail("no Heartbeat", told(&got))),
    }
    session.alive()?;
    session.close()
}

fn wrong_password(session: &mut Session) -> Step {
    session.needs_initiator()?;
    if session.settings.password.is_none() {
        return Err(Miss::Skip("the peer asks for no password (--password)".to_owned()));
    }
    session.connect()?;
    let mut logon = Draft::of("A");
    for (tag, value) in session.logon(true).into_fields() {
        logon = logon.with(tag, if tag == 554 { format!("{value}x") } else { value });
    }
    session.send(&logon.seq(Seq::At(1)))?;
    refused(session)
}

/// Nothing is sent on the first connection while the second waits to be closed. A peer that closes
/// slowly must not count missing Heartbeats on the first.
const SECOND_HEARTBEAT_S: u64 = 30;

fn second_connection(session: &mut Session) -> Step {
    session.needs_initiator()?;
    let heartbeat_s = std::mem::replace(&mut session.settings.heartbeat_s, SECOND_HEARTBEAT_S);
    let step = second_beside_the_first(session);
    session.settings.heartbeat_s = heartbeat_s;
    step
}

fn second_beside_the_first(session: &mut Session) -> Step {
    session.open()?;
    let (next_out, next_in) = (session.next_out, session.next_in);
    let first = session.set_aside();
    session.connect()?;
    let logon = session.logon(false);
    let second = session.send(&logon.seq(Seq::At(next_out)));
    let ended = second.and_then(|()| refused(session));
    session.take_up(first);
    (session.next_out, session.next_in) = (next_out, next_in);
    ended?;
    session.alive()?;
    session.close()
}

/// The heartbeat interval of this session.
fn interval(session: &Session, logon: Option<&str>) -> Step<Duration> {
    let seconds = match session.role {
        Role::Initiator => session.settings.heartbeat_s,
        Role::Acceptor => logon.and_then(|text| text.parse().ok()).unwrap_or(30),
    };
    let longest = session.settings.patience.as_secs();
    if seconds == 0 || seconds * 3 > longest {
        let why = format!("HeartBtInt is {seconds} s; a --patience of three of them is needed");
        return Err(Miss::Skip(why));
    }
    Ok(Duration::from_secs(seconds))
}

fn heartbeat(session: &mut Session) -> Step {
    let logon = session.open()?;
    let interval = interval(session, logon.get(108))?;
    let started = Instant::now();
    let heartbeat = session.expect("0", &[])?;
    let took = started.elapsed();
    if heartbeat.get(TEST_REQ_ID).is_some() {
        return Err(Miss::fail("a Heartbeat without 112", heartbeat.text));
    }
    // Allows for the way of the Logon and for coarse timers.
    if took < interval / 2 || took > interval * 2 {
        let expected = format!("a Heartbeat after {interval:?}");
        return Err(Miss::fail(expected, format!("one after {took:?}")));
    }
    session.close()
}

/// Sends nothing until a `TestRequest` arrives.
fn until_test_request(session: &mut Session) -> Step<String> {
    let logon = session.open()?;
    let interval = interval(session, logon.get(108))?;
    let started = Instant::now();
    while started.elapsed() < interval * 3 {
        match session.next((interval * 3).saturating_sub(started.elapsed()))? {
            Got::Message(message) if message.msg_type == "1" => {
                session.next_in += 1;
                return Ok(message.get(TEST_REQ_ID).unwrap_or("").to_owned());
            }
            Got::Message(message) if message.msg_type == "0" => session.next_in += 1,
            got => return Err(Miss::fail("a TestRequest (35=1)", told(&got))),
        }
    }
    Err(Miss::fail("a TestRequest within three intervals", "Heartbeats only"))
}

fn silence(session: &mut Session) -> Step {
    until_test_request(session)?;
    session.expect_end("the end of the connection").map(drop)
}

fn silence_answered(session: &mut Session) -> Step {
    let id = until_test_request(session)?;
    session.send(&Draft::of("0").with(TEST_REQ_ID, id))?;
    session.alive()?;
    session.close()
}

fn logout(session: &mut Session) -> Step {
    session.open()?;
    session.close()
}

fn logout_by_peer(session: &mut Session) -> Step {
    session.open()?;
    // Every engine logs out on a number below the expected one.
    session.send(&Draft::of("0").seq(Seq::At(1)))?;
    match session.expect_end("a Logout (35=5), and the end of the connection")? {
        Some(_) => Ok(()),
        None => Err(Miss::fail("a Logout (35=5) before the end", "the end alone")),
    }
}
