//! How a session begins, stays and ends.

use std::time::{Duration, Instant};

use rutter_fix::tags::TEST_REQ_ID;

use super::Case;
use crate::certify::desk::{Desk, Draft, Miss, Role, Seq, Step, told};
use crate::certify::wire::{Got, Spoil};

/// No answer within this is no answer to something that must not be answered.
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

fn good(desk: &mut Desk) -> Step {
    let logon = desk.open()?;
    let asked = desk.settings.heartbeat_s.to_string();
    if desk.role == Role::Initiator && logon.get(108) != Some(&asked) {
        return Err(Miss::fail(format!("108={asked}"), logon.text));
    }
    desk.alive()?;
    desk.close()
}

/// No Logon may come; a Logout or Reject may, and then the connection ends.
fn refused(desk: &mut Desk) -> Step {
    desk.expect_end("the end of the connection, and no Logon").map(drop)
}

fn wrong_comp_id(desk: &mut Desk) -> Step {
    match desk.role {
        Role::Initiator => {
            desk.connect()?;
            let logon = desk.logon(true).target("NOBODY").seq(Seq::At(1));
            desk.send(&logon)?;
            refused(desk)
        }
        Role::Acceptor => {
            desk.open_answering(|answer| answer.target("NOBODY"))?;
            desk.expect_end("the end of the connection").map(drop)
        }
    }
}

fn bad_checksum(desk: &mut Desk) -> Step {
    desk.needs_initiator()?;
    desk.connect()?;
    let logon = desk.logon(true).spoiled(Spoil::CheckSum);
    desk.send(&logon.seq(Seq::At(1)))?;
    match desk.next(QUIET)? {
        Got::Closed | Got::Nothing => Ok(()),
        Got::Message(message) if message.msg_type == "5" => Ok(()),
        got => Err(Miss::fail("nothing, a Logout, or the end of the connection", told(&got))),
    }
}

fn not_first(desk: &mut Desk) -> Step {
    desk.needs_initiator()?;
    desk.connect()?;
    desk.send(&Draft::of("1").with(TEST_REQ_ID, "EARLY").seq(Seq::At(1)))?;
    refused(desk)
}

fn with_heartbeat(desk: &Desk, value: &str) -> Draft {
    let mut logon = Draft::of("A").with(98, 0).with(108, value).with(141, "Y");
    for (tag, value) in desk.logon(true).into_fields() {
        if ![98, 108, 141].contains(&tag) {
            logon = logon.with(tag, value);
        }
    }
    logon.seq(Seq::At(1))
}

fn negative_heartbeat(desk: &mut Desk) -> Step {
    desk.needs_initiator()?;
    desk.connect()?;
    let logon = with_heartbeat(desk, "-1");
    desk.send(&logon)?;
    refused(desk)
}

fn zero_heartbeat(desk: &mut Desk) -> Step {
    desk.needs_initiator()?;
    desk.connect()?;
    let logon = with_heartbeat(desk, "0");
    (desk.next_out, desk.next_in) = (2, 2);
    desk.send(&logon)?;
    match desk.next(desk.settings.patience)? {
        Got::Message(message) if message.msg_type == "A" => message.must(108, "0")?,
        Got::Message(message) if message.msg_type == "5" || message.msg_type == "3" => {
            return refused(desk);
        }
        Got::Closed => return Ok(()),
        got => return Err(Miss::fail("a Logon with 108=0, or a refusal", told(&got))),
    }
    match desk.next(QUIET * 3)? {
        Got::Nothing => {}
        got => return Err(Miss::fail("no Heartbeat", told(&got))),
    }
    desk.alive()?;
    desk.close()
}

fn wrong_password(desk: &mut Desk) -> Step {
    desk.needs_initiator()?;
    if desk.settings.password.is_none() {
        return Err(Miss::Skip("the peer asks for no password (--password)".to_owned()));
    }
    desk.connect()?;
    let mut logon = Draft::of("A");
    for (tag, value) in desk.logon(true).into_fields() {
        logon = logon.with(tag, if tag == 554 { format!("{value}x") } else { value });
    }
    desk.send(&logon.seq(Seq::At(1)))?;
    refused(desk)
}

/// Nobody speaks on the first one while the second waits for its end, so a peer that is slow to end
/// it must not miss Heartbeats meanwhile.
const SECOND_HEARTBEAT_S: u64 = 30;

fn second_connection(desk: &mut Desk) -> Step {
    desk.needs_initiator()?;
    let heartbeat_s = std::mem::replace(&mut desk.settings.heartbeat_s, SECOND_HEARTBEAT_S);
    let step = second_beside_the_first(desk);
    desk.settings.heartbeat_s = heartbeat_s;
    step
}

fn second_beside_the_first(desk: &mut Desk) -> Step {
    desk.open()?;
    let (next_out, next_in) = (desk.next_out, desk.next_in);
    let first = desk.set_aside();
    desk.connect()?;
    let logon = desk.logon(false);
    let second = desk.send(&logon.seq(Seq::At(next_out)));
    let ended = second.and_then(|()| refused(desk));
    desk.take_up(first);
    (desk.next_out, desk.next_in) = (next_out, next_in);
    ended?;
    desk.alive()?;
    desk.close()
}

/// The interval of this session.
fn interval(desk: &Desk, logon: Option<&str>) -> Step<Duration> {
    let seconds = match desk.role {
        Role::Initiator => desk.settings.heartbeat_s,
        Role::Acceptor => logon.and_then(|text| text.parse().ok()).unwrap_or(30),
    };
    let longest = desk.settings.patience.as_secs();
    if seconds == 0 || seconds * 3 > longest {
        let why = format!("HeartBtInt is {seconds} s; a --patience of three of them is needed");
        return Err(Miss::Skip(why));
    }
    Ok(Duration::from_secs(seconds))
}

fn heartbeat(desk: &mut Desk) -> Step {
    let logon = desk.open()?;
    let interval = interval(desk, logon.get(108))?;
    let started = Instant::now();
    let heartbeat = desk.expect("0", &[])?;
    let took = started.elapsed();
    if heartbeat.get(TEST_REQ_ID).is_some() {
        return Err(Miss::fail("a Heartbeat without 112", heartbeat.text));
    }
    // The Logon may have been on its way for a while, and timers may be coarse.
    if took < interval / 2 || took > interval * 2 {
        let expected = format!("a Heartbeat after {interval:?}");
        return Err(Miss::fail(expected, format!("one after {took:?}")));
    }
    desk.close()
}

/// Says nothing until a `TestRequest` comes.
fn until_test_request(desk: &mut Desk) -> Step<String> {
    let logon = desk.open()?;
    let interval = interval(desk, logon.get(108))?;
    let started = Instant::now();
    while started.elapsed() < interval * 3 {
        match desk.next((interval * 3).saturating_sub(started.elapsed()))? {
            Got::Message(message) if message.msg_type == "1" => {
                desk.next_in += 1;
                return Ok(message.get(TEST_REQ_ID).unwrap_or("").to_owned());
            }
            Got::Message(message) if message.msg_type == "0" => desk.next_in += 1,
            got => return Err(Miss::fail("a TestRequest (35=1)", told(&got))),
        }
    }
    Err(Miss::fail("a TestRequest within three intervals", "Heartbeats only"))
}

fn silence(desk: &mut Desk) -> Step {
    until_test_request(desk)?;
    desk.expect_end("the end of the connection").map(drop)
}

fn silence_answered(desk: &mut Desk) -> Step {
    let id = until_test_request(desk)?;
    desk.send(&Draft::of("0").with(TEST_REQ_ID, id))?;
    desk.alive()?;
    desk.close()
}

fn logout(desk: &mut Desk) -> Step {
    desk.open()?;
    desk.close()
}

fn logout_by_peer(desk: &mut Desk) -> Step {
    desk.open()?;
    // A number below the expected one is what makes every engine log out.
    desk.send(&Draft::of("0").seq(Seq::At(1)))?;
    match desk.expect_end("a Logout (35=5), and the end of the connection")? {
        Some(_) => Ok(()),
        None => Err(Miss::fail("a Logout (35=5) before the end", "the end alone")),
    }
}
