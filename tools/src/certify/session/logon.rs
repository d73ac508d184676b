//! Logons in either role, and what a session does so that both sides agree on the numbers.
//!
//! A line belongs here if it happens between the connection and the first message of a case.

use rutter_fix::tags;

use super::{CONNECT_PAUSE, CONNECT_TRIES, HEARTBEATS_MAX, Role, Session, pause};
use crate::certify::draft::{Draft, Seq};
use crate::certify::outcome::{Miss, Step, told};
use crate::certify::wire::{Got, Incoming};

/// Which number the Logon of an initiator must have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Numbers {
    /// Whatever it has: a case begins.
    Theirs,
    /// The next one.
    Kept,
}

impl Session {
    /// Good Logon of ours, with 141=Y if asked.
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

    /// Logs on with both numbers at 1, in either role; an initiator at the other side keeps its
    /// own numbers unless it says otherwise.
    ///
    /// # Errors
    /// [`Miss::Fail`]: the Logon is not answered with one.
    pub fn open(&mut self) -> Step<Incoming> {
        let logon = self.logon(true);
        self.open_with(&logon)
    }

    /// Accepts the peer, and answers its Logon with something else than a good one.
    ///
    /// # Errors
    /// [`Miss::Fail`]: no Logon comes.
    pub fn open_answering(&mut self, spoil: impl FnOnce(Draft) -> Draft) -> Step<Incoming> {
        self.answer_logon(Numbers::Theirs, spoil)
    }

    /// As [`Session::open`], with this Logon.
    ///
    /// # Errors
    /// As [`Session::open`].
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
            // The peer may not have seen yet that our last connection is over.
            match self.next(self.settings.patience)? {
                Got::Closed => pause(CONNECT_PAUSE),
                got => return self.logged_on(got),
            }
        }
        Err(Miss::fail("a Logon (35=A)", "each connection was closed"))
    }

    /// Logs on with the numbers that there are.
    ///
    /// # Errors
    /// [`Miss::Fail`]: the Logon is not answered with one; [`Miss::Skip`]: the peer starts anew by
    /// itself.
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
        // A peer may notice only now that its last attempt went into a connection that is over.
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

    /// Fills whatever the peer misses of ours: earlier cases may have ended in the middle.
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
                // The peer skipped the question with the gap, so it is asked again.
                self.send(&Draft::of("1").with(tags::TEST_REQ_ID, &id))?;
            }
        }
        Err(Miss::fail("an answer to a TestRequest behind the Logon", "none"))
    }

    /// Fills the numbers from `from` to our next one.
    ///
    /// # Errors
    /// [`Miss::Fail`]: the connection is gone.
    pub fn fill(&mut self, from: u64) -> Step {
        let to = self.next_out;
        self.send(&Draft::of("4").with(123, "Y").with(36, to).seq(Seq::At(from)).dup())
    }

    /// Asks for what the peer has sent and we have not got, its Logon of number `upto` the last.
    fn catch_up(&mut self, upto: u64) -> Step {
        let from = self.next_in;
        self.send(&Draft::of("2").with(7, from).with(16, 0))?;
        self.next_in = upto + 1;
        self.resent(from, upto).map(drop)
    }
}
