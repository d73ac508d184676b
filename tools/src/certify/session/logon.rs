//! Logons in either role, and the steps after which both sides agree on the sequence numbers.
//!
//! A line belongs here if it happens between the connection and the first message of a case.

use rutter_fix::tags;

use super::{CONNECT_PAUSE, CONNECT_TRIES, HEARTBEATS_MAX, Role, Session, pause};
use crate::certify::draft::{Draft, Seq};
use crate::certify::outcome::{Miss, Step, told};
use crate::certify::wire::{Got, Incoming};

/// The sequence number that the Logon of an initiator must have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Numbers {
    /// Any number, because a case begins.
    Theirs,
    /// The next number.
    Kept,
}

impl Session {
    /// A correct Logon of the tool, with 141=Y if `reset`.
    pub fn logon(&self, reset: bool) -> Draft {
        let settings = &self.settings;
        let mut logon = Draft::of("A").with(98, 0).with(108, settings.heartbeat_s);
        if reset {
            logon = logon.with(141, "Y");
        }
        if settings.begin_string == "FIXT.1.1" {
            logon = logon.with(1137, &settings.appl_ver_id);
        }
        if let Some(username) = &settings.username {
            logon = logon.with(553, username);
        }
        if let Some(password) = &settings.password {
            logon = logon.with(554, password);
        }
        logon
    }

    /// Logs on with both sequence numbers at 1. An initiating peer keeps its own number unless it
    /// sends 141=Y.
    ///
    /// # Errors
    /// [`Miss::Fail`]: the peer does not answer with a Logon.
    pub fn open(&mut self) -> Step<Incoming> {
        let logon = self.logon(true);
        self.open_with(&logon)
    }

    /// Accepts the peer and answers its Logon with a spoiled one.
    ///
    /// # Errors
    /// [`Miss::Fail`]: the peer sends no Logon.
    pub fn open_answering(&mut self, spoil: impl FnOnce(Draft) -> Draft) -> Step<Incoming> {
        self.answer_logon(Numbers::Theirs, spoil)
    }

    /// Like [`Session::open`], with this Logon.
    ///
    /// # Errors
    /// The errors of [`Session::open`].
    pub fn open_with(&mut self, logon: &Draft) -> Step<Incoming> {
        if self.role == Role::Acceptor {
            let logon = self.answer_logon(Numbers::Theirs, |answer| answer)?;
            self.settle()?;
            return Ok(logon);
        }
        for _ in 1..CONNECT_TRIES {
            self.connect()?;
            (self.next_out, self.next_in) = (1, 1);
            self.send(logon)?;
            // The peer may not have noticed yet that the last connection has ended.
            match self.next(self.settings.patience)? {
                Got::Closed => pause(CONNECT_PAUSE),
                got => return self.logged_on(got),
            }
        }
        Err(Miss::fail("a Logon (35=A)", "each connection was closed"))
    }

    /// Logs on and continues both sequence numbers.
    ///
    /// # Errors
    /// [`Miss::Fail`]: the peer does not answer with a Logon; [`Miss::Skip`]: the peer resets its
    /// number with every Logon.
    pub fn open_again(&mut self) -> Step<Incoming> {
        if self.role == Role::Acceptor {
            return self.answer_logon(Numbers::Kept, |answer| answer);
        }
        let (logon, next_out) = (self.logon(false), self.next_out);
        for _ in 1..CONNECT_TRIES {
            self.connect()?;
            self.next_out = next_out;
            self.send(&logon)?;
            match self.next(self.settings.patience)? {
                Got::Closed => pause(CONNECT_PAUSE),
                Got::Message(message)
                    if message.msg_type == "A" && message.number(34) == Some(1) =>
                {
                    let why = "the peer starts its numbers at 1 with every Logon";
                    return Err(Miss::Skip(why.to_owned()));
                }
                Got::Message(message)
                    if message.msg_type == "A"
                        && message.number(34).is_some_and(|seq| seq > self.next_in) =>
                {
                    self.catch_up(message.number(34).unwrap_or(0))?;
                    return Ok(message);
                }
                got => return self.logged_on(got),
            }
        }
        Err(Miss::fail("a Logon (35=A)", "each connection was closed"))
    }

    fn logged_on(&mut self, got: Got) -> Step<Incoming> {
        let expected = "a Logon (35=A)";
        let Got::Message(message) = got else { return Err(Miss::fail(expected, told(&got))) };
        if message.msg_type != "A" {
            return Err(Miss::fail(expected, message.text));
        }
        self.check(&message)?;
        message.must(98, "0")?;
        Ok(message)
    }

    /// Waits for the peer's Logon and answers it.
    fn answer_logon(
        &mut self,
        numbers: Numbers,
        spoil: impl FnOnce(Draft) -> Draft,
    ) -> Step<Incoming> {
        let mut got = Got::Closed;
        // The peer's last attempt may have used a connection that had already ended.
        for _ in 0..CONNECT_TRIES {
            self.connect()?;
            got = self.next(self.settings.patience)?;
            if got != Got::Closed {
                break;
            }
        }
        let Got::Message(logon) = got else {
            return Err(Miss::fail("the peer's Logon (35=A)", told(&got)));
        };
        if logon.msg_type != "A" {
            return Err(Miss::fail("the peer's Logon (35=A)", logon.text));
        }
        let reset = logon.get(141) == Some("Y");
        if reset {
            (self.next_out, self.next_in) = (1, 1);
        }
        let seq = logon.number(34).unwrap_or(0);
        if numbers == Numbers::Theirs {
            self.next_in = seq;
        }
        let behind = seq > self.next_in;
        if !behind {
            self.check(&logon)?;
        }
        let mut answer = Draft::of("A").with(98, 0).with(108, logon.get(108).unwrap_or("30"));
        if reset {
            answer = answer.with(141, "Y");
        }
        if let Some(version) = logon.get(1137) {
            answer = answer.with(1137, version);
        }
        self.send(&spoil(answer))?;
        if behind {
            self.catch_up(seq)?;
        }
        Ok(logon)
    }

    /// Fills every gap that the peer sees, because an earlier case may have left one.
    fn settle(&mut self) -> Step {
        let id = self.fresh("SETTLE-");
        self.send(&Draft::of("1").with(tags::TEST_REQ_ID, &id))?;
        for _ in 0..HEARTBEATS_MAX {
            let message = self.expect_any(&["0", "2"], &[])?;
            if message.msg_type == "2" {
                let from = message.number(7).unwrap_or(1);
                self.fill(from)?;
            } else if message.get(tags::TEST_REQ_ID) == Some(&id) {
                return Ok(());
            } else if message.get(tags::TEST_REQ_ID).is_none() {
                // The peer skipped the TestRequest together with the gap, so it is sent again.
                self.send(&Draft::of("1").with(tags::TEST_REQ_ID, &id))?;
            }
        }
        Err(Miss::fail("an answer to a TestRequest behind the Logon", "none"))
    }

    /// Sends a gap fill from `from` to the tool's next number.
    ///
    /// # Errors
    /// [`Miss::Fail`]: the connection has ended.
    pub fn fill(&mut self, from: u64) -> Step {
        let to = self.next_out;
        self.send(&Draft::of("4").with(123, "Y").with(36, to).seq(Seq::At(from)).dup())
    }

    /// Asks the peer to resend all messages up to `upto`, the number of its Logon.
    fn catch_up(&mut self, upto: u64) -> Step {
        let from = self.next_in;
        self.send(&Draft::of("2").with(7, from).with(16, 0))?;
        self.next_in = upto + 1;
        self.resent(from, upto).map(drop)
    }
}
