//! Messages that must come from the peer.
//!
//! A line belongs here if it waits for messages of the peer and judges them.

use std::time::{Duration, Instant};

use rutter_fix::tags;

use super::{HEARTBEATS_MAX, Session};
use crate::certify::draft::Draft;
use crate::certify::outcome::{Miss, Step, told};
use crate::certify::wire::{Got, Incoming};

impl Session {
    /// Checks the header of a message in sequence, and the message with the dictionary; advances
    /// the expected number.
    pub(super) fn check(&mut self, message: &Incoming) -> Step {
        let settings = &self.settings;
        let pairs = [
            (tags::BEGIN_STRING, settings.begin_string.clone()),
            (tags::SENDER_COMP_ID, settings.target.clone()),
            (tags::TARGET_COMP_ID, settings.sender.clone()),
            (tags::MSG_SEQ_NUM, self.next_in.to_string()),
        ];
        for (tag, value) in pairs {
            message.must(tag, &value)?;
        }
        if let Some(fault) = &message.fault {
            let got = format!("{fault}: {}", message.text);
            return Err(Miss::fail("a message that the published dictionary allows", got));
        }
        self.next_in += 1;
        if message.msg_type == "4" {
            self.next_in = message.number(36).unwrap_or(self.next_in);
        }
        Ok(())
    }

    /// The next relevant message, which must be of that type and have these values. Heartbeats and
    /// unsolicited application messages are passed over, `TestRequest`s are answered.
    ///
    /// # Errors
    /// [`Miss::Fail`].
    pub fn expect(&mut self, msg_type: &str, values: &[(u32, &str)]) -> Step<Incoming> {
        self.expect_any(&[msg_type], values)
    }

    /// Like [`Session::expect`], for one of several types.
    ///
    /// # Errors
    /// [`Miss::Fail`].
    pub fn expect_any(&mut self, types: &[&str], values: &[(u32, &str)]) -> Step<Incoming> {
        let fields: Vec<String> =
            values.iter().map(|(tag, value)| format!(" {tag}={value}")).collect();
        let expected = format!("35={}{}", types.join(" or 35="), fields.concat());
        let until = Instant::now() + self.settings.patience;
        loop {
            let got = self.next(until.saturating_duration_since(Instant::now()))?;
            let Got::Message(message) = got else {
                return Err(Miss::fail(expected, told(&got)));
            };
            if message.is_dup() && message.number(34).is_some_and(|seq| seq < self.next_in) {
                continue;
            }
            self.check(&message)?;
            let answers = |(tag, value): &(u32, &str)| message.get(*tag) == Some(*value);
            if types.contains(&message.msg_type.as_str()) && values.iter().all(answers) {
                return Ok(message);
            }
            match message.msg_type.as_str() {
                "0" => {}
                "1" => self.answer_test(&message)?,
                "2" | "3" | "4" | "5" | "A" => return Err(Miss::fail(expected, message.text)),
                other if types.contains(&other) => {
                    return Err(Miss::fail(expected, message.text));
                }
                _ => {}
            }
        }
    }

    fn answer_test(&mut self, test: &Incoming) -> Step {
        let id = test.get(tags::TEST_REQ_ID).unwrap_or("").to_owned();
        self.send(&Draft::of("0").with(tags::TEST_REQ_ID, id))
    }

    /// The peer must close the connection. A Logout, a Reject before the Logout and Heartbeats may
    /// come first. Answers the Logout and returns it, if there was one.
    ///
    /// # Errors
    /// [`Miss::Fail`].
    pub fn expect_end(&mut self, expected: &str) -> Step<Option<Incoming>> {
        let until = Instant::now() + self.settings.patience;
        let mut logout = None;
        loop {
            let got = self.next(until.saturating_duration_since(Instant::now()))?;
            match got {
                Got::Closed => {
                    self.wire = None;
                    return Ok(logout);
                }
                Got::Message(message) => match message.msg_type.as_str() {
                    "5" => {
                        self.next_in += 1;
                        logout = Some(message);
                        // The peer may close before it has read the answer.
                        let _ = self.send(&Draft::of("5"));
                    }
                    "0" | "1" | "3" => self.next_in += 1,
                    _ => return Err(Miss::fail(expected, message.text)),
                },
                // After a Logout the other side closes (FIX 4.4 volume 2, Logout).
                Got::Nothing if logout.is_some() => {
                    self.cut();
                    return Ok(logout);
                }
                Got::Nothing | Got::Garbled(_) => return Err(Miss::fail(expected, told(&got))),
            }
        }
    }

    /// The peer must answer a `TestRequest`.
    ///
    /// # Errors
    /// [`Miss::Fail`].
    pub fn alive(&mut self) -> Step {
        let id = self.fresh("CERT-");
        self.send(&Draft::of("1").with(tags::TEST_REQ_ID, &id))?;
        self.expect("0", &[(tags::TEST_REQ_ID, &id)]).map(drop)
    }

    /// The next Heartbeat that answers a `TestRequest`.
    ///
    /// # Errors
    /// [`Miss::Fail`].
    pub fn expect_answer(&mut self) -> Step<Incoming> {
        for _ in 0..HEARTBEATS_MAX {
            let heartbeat = self.expect("0", &[])?;
            if heartbeat.get(tags::TEST_REQ_ID).is_some() {
                return Ok(heartbeat);
            }
        }
        Err(Miss::fail("a Heartbeat with 112", "only Heartbeats without"))
    }

    /// All messages that arrive within `length`.
    ///
    /// # Errors
    /// [`Miss::Fail`]: a message out of sequence, or the connection ends.
    pub fn listen(&mut self, length: Duration) -> Step<Vec<Incoming>> {
        let until = Instant::now() + length;
        let mut messages = Vec::new();
        loop {
            match self.next(until.saturating_duration_since(Instant::now()))? {
                Got::Nothing => return Ok(messages),
                Got::Message(message) => {
                    self.check(&message)?;
                    if message.msg_type == "1" {
                        self.answer_test(&message)?;
                    }
                    messages.push(message);
                }
                got => return Err(Miss::fail("a session that goes on", told(&got))),
            }
        }
    }

    /// The answer to a `ResendRequest` for `from` to `upto`. It must cover every number once and in
    /// order, each with 43=Y, by messages or gap fills. Returns the messages.
    ///
    /// # Errors
    /// [`Miss::Fail`].
    pub fn resent(&mut self, from: u64, upto: u64) -> Step<Vec<Incoming>> {
        let mut next = from;
        let mut messages = Vec::new();
        let until = Instant::now() + self.settings.patience;
        while next <= upto {
            let expected = format!("number {next} again, with 43=Y");
            let got = self.next(until.saturating_duration_since(Instant::now()))?;
            let Got::Message(message) = got else { return Err(Miss::fail(expected, told(&got))) };
            // New messages may come between resent ones.
            let ends = ["2", "3", "4", "5", "A"].contains(&message.msg_type.as_str());
            if !message.is_dup() && !ends && message.number(34) == Some(self.next_in) {
                self.check(&message)?;
                continue;
            }
            if !message.is_dup() || message.number(34) != Some(next) {
                return Err(Miss::fail(expected, message.text));
            }
            if message.msg_type != "4" {
                let admin = ["0", "1", "2", "5", "A"].contains(&message.msg_type.as_str());
                if admin || message.get(tags::ORIG_SENDING_TIME).is_none() {
                    let expected = "a gap fill, or a message of the application with 122";
                    return Err(Miss::fail(expected, message.text));
                }
                next += 1;
                messages.push(message);
                continue;
            }
            let highest = self.next_in.max(upto + 1);
            let to = message.number(36).filter(|to| *to > next && *to <= highest);
            match to {
                Some(to) if message.get(123) == Some("Y") => next = to,
                _ => {
                    let expected = format!("123=Y, and 36 above {next} and not above {highest}");
                    return Err(Miss::fail(expected, message.text));
                }
            }
        }
        Ok(messages)
    }
}
