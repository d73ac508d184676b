//! Cases about a defect inside one message.
//!
//! A line belongs here if the message alone is wrong, not its sequence number.

use rutter_fix::tags::TEST_REQ_ID;

use super::Case;
use crate::certify::draft::Draft;
use crate::certify::outcome::{Miss, Step};
use crate::certify::session::Session;
use crate::certify::wire::Spoil;

/// Age of a `SendingTime` (52), in seconds, that no engine accepts.
const LATE_S: u64 = 600;

pub(super) const CASES: &[Case] = &[
    Case {
        name: "unknown-type",
        claim: "A message of an unknown type is rejected, and takes its number",
        rule: "4.4/2 cases 2r, 14",
        play: unknown_type,
    },
    Case {
        name: "missing-field",
        claim: "A TestRequest without TestReqID is rejected with 373=1 and 371=112",
        rule: "4.4/2 case 14b",
        play: missing_field,
    },
    Case {
        name: "empty-value",
        claim: "A field with nothing behind its = is rejected with 373=4",
        rule: "4.4/2 case 14d",
        play: empty_value,
    },
    Case {
        name: "garbled",
        claim: "A message with a wrong CheckSum is ignored, and its number is still expected",
        rule: "4.4/2 cases 2d, 3b",
        play: garbled,
    },
    Case {
        name: "wrong-begin-string",
        claim: "Another BeginString ends the session with a Logout",
        rule: "4.4/2 case 2i",
        play: wrong_begin_string,
    },
    Case {
        name: "wrong-comp-id",
        claim: "Another TargetCompID is rejected with 373=9, and the session ends",
        rule: "4.4/2 case 2k",
        play: wrong_comp_id,
    },
    Case {
        name: "sending-time",
        claim: "A SendingTime ten minutes off is rejected with 373=10, and the session ends",
        rule: "4.4/2 case 2o",
        play: sending_time,
    },
    Case {
        name: "reject",
        claim: "A Reject is taken, and the session goes on",
        rule: "4.4/2 case 7",
        play: reject,
    },
];

/// FIX 4.2 has fewer reasons; a higher one is told by Text (58) alone.
fn rejected(session: &mut Session, reason: &str) -> Step<crate::certify::wire::Incoming> {
    let lowest_unknown = if session.settings.begin_string == "FIX.4.2" { 12 } else { u32::MAX };
    if reason.parse().is_ok_and(|reason: u32| reason < lowest_unknown) {
        session.expect("3", &[(373, reason)])
    } else {
        session.expect("3", &[])
    }
}

fn unknown_type(session: &mut Session) -> Step {
    session.open()?;
    let seq = session.next_out.to_string();
    session.send(&Draft::of("ZZ"))?;
    let answer = session.expect_any(&["3", "j"], &[(45, &seq)])?;
    let (tag, value) = if answer.msg_type == "3" { (373, "11") } else { (380, "3") };
    answer.must(tag, value)?;
    session.alive()?;
    session.close()
}

fn missing_field(session: &mut Session) -> Step {
    session.open()?;
    let seq = session.next_out.to_string();
    session.send(&Draft::of("1"))?;
    let reject = rejected(session, "1")?;
    reject.must(45, &seq)?;
    reject.must(371, "112")?;
    session.alive()?;
    session.close()
}

fn empty_value(session: &mut Session) -> Step {
    session.open()?;
    session.send(&Draft::of("1").with(TEST_REQ_ID, ""))?;
    rejected(session, "4")?;
    session.alive()?;
    session.close()
}

fn garbled(session: &mut Session) -> Step {
    session.open()?;
    let id = session.fresh("SPOILED-");
    session.send(&Draft::of("1").with(TEST_REQ_ID, id).spoiled(Spoil::CheckSum))?;
    // The next correct message takes the same number. Had the garbled one counted, that number
    // would be too low.
    session.alive()?;
    session.close()
}

fn wrong_begin_string(session: &mut Session) -> Step {
    session.open()?;
    let other = if session.settings.begin_string == "FIX.4.2" { "FIX.4.4" } else { "FIX.4.2" };
    session.send(&Draft::of("1").with(TEST_REQ_ID, "OTHER").begin_string(other))?;
    match session.expect_end("a Logout (35=5), and the end of the connection")? {
        Some(_) => Ok(()),
        None => Err(Miss::fail("a Logout (35=5) before the end", "the end alone")),
    }
}

fn wrong_comp_id(session: &mut Session) -> Step {
    session.open()?;
    session.send(&Draft::of("1").with(TEST_REQ_ID, "STRAY").target("NOBODY"))?;
    rejected(session, "9")?;
    session.expect_end("a Logout (35=5), and the end of the connection").map(drop)
}

fn sending_time(session: &mut Session) -> Step {
    session.open()?;
    session.send(&Draft::of("1").with(TEST_REQ_ID, "LATE").late_s(LATE_S))?;
    rejected(session, "10")?;
    session.expect_end("a Logout (35=5), and the end of the connection").map(drop)
}

fn reject(session: &mut Session) -> Step {
    session.open()?;
    let last = session.next_in - 1;
    session.send(&Draft::of("3").with(45, last).with(58, "certification"))?;
    session.alive()?;
    session.close()
}
