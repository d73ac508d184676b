//! Our side of a certification: both numbers, what is sent, and what must come back.
//!
//! A line belongs here if more than one case needs it. Which messages are played is `cases`.

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use rustix::net::sockopt::Timeout;
use rutter_fix::tags;

use super::wire::{Got, Header, Incoming, Spoil, Transcript, Wire, render};
use crate::clock::unix_ns;

const SECOND_NS: u64 = 1_000_000_000;
/// A session that we cut may not be free at once.
const CONNECT_TRIES: u32 = 20;
/// Heartbeats let by while waiting for another.
const HEARTBEATS_MAX: usize = 16;
const CONNECT_PAUSE: Duration = Duration::from_millis(100);

/// How a case ended early.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Miss {
    /// The peer did something else.
    Fail {
        /// What the rule demands.
        expected: String,
        /// What came.
        got: String,
    },
    /// It cannot be played against this peer, and why.
    Skip(String),
}

impl Miss {
    /// A failure.
    pub fn fail(expected: impl Into<String>, got: impl Into<String>) -> Self {
        Self::Fail { expected: expected.into(), got: got.into() }
    }
}

impl From<io::Error> for Miss {
    fn from(error: io::Error) -> Self {
        Self::fail("a working connection", error.to_string())
    }
}

/// A step of a case.
pub type Step<T = ()> = Result<T, Miss>;

/// Who connects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// We do; the peer is an acceptor.
    Initiator,
    /// The peer does.
    Acceptor,
}

/// What a certification is told about the peer.
#[derive(Clone, Debug)]
pub struct Settings {
    /// 8.
    pub begin_string: String,
    /// Our `CompID`.
    pub sender: String,
    /// The peer's.
    pub target: String,
    /// 553.
    pub username: Option<String>,
    /// 554.
    pub password: Option<String>,
    /// 108 of our Logon, seconds.
    pub heartbeat_s: u64,
    /// 1137; FIXT.1.1 only.
    pub appl_ver_id: String,
    /// What may be ordered; order cases are skipped without.
    pub symbol: Option<String>,
    /// Of an order.
    pub qty: String,
    /// Of a buy order that rests.
    pub price: String,
    /// Field of our Logon that asks for cancel-on-disconnect.
    pub cancel_on_disconnect: Option<(u32, String)>,
    /// Time that the peer may take to cancel after a connection is lost.
    pub grace: Duration,
    /// Longest wait for an answer.
    pub patience: Duration,
    /// Longest wait for a connection of the peer.
    pub connect_patience: Duration,
}

/// Which number a message of ours takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seq {
    /// The next one.
    Next,
    /// This one; our own count stays.
    At(u64),
    /// So many are left out before it.
    Skip(u64),
}

/// Which number the Logon of an initiator must have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Numbers {
    /// Whatever it has: a case begins.
    Theirs,
    /// The next one.
    Kept,
}

/// A message of ours, as far as it differs from a good one with the next number.
#[derive(Clone, Debug)]
pub struct Draft {
    msg_type: String,
    seq: Seq,
    begin_string: Option<String>,
    target: Option<String>,
    poss_dup: bool,
    original_ns: Option<u64>,
    poss_resend: bool,
    late_s: u64,
    fields: Vec<(u32, String)>,
    spoil: Spoil,
}

impl Draft {
    /// A message of that type without a body.
    pub fn of(msg_type: &str) -> Self {
        Self {
            msg_type: msg_type.to_owned(),
            seq: Seq::Next,
            begin_string: None,
            target: None,
            poss_dup: false,
            original_ns: None,
            poss_resend: false,
            late_s: 0,
            fields: Vec::new(),
            spoil: Spoil::No,
        }
    }

    /// With a field.
    #[must_use]
    #[allow(clippy::needless_pass_by_value, reason = "numbers and texts read alike in a case")]
    pub fn with(mut self, tag: u32, value: impl ToString) -> Self {
        self.fields.push((tag, value.to_string()));
        self
    }

    /// With that number.
    #[must_use]
    pub fn seq(self, seq: Seq) -> Self {
        Self { seq, ..self }
    }

    /// With another 8.
    #[must_use]
    pub fn begin_string(self, text: &str) -> Self {
        Self { begin_string: Some(text.to_owned()), ..self }
    }

    /// With another 56.
    #[must_use]
    pub fn target(self, text: &str) -> Self {
        Self { target: Some(text.to_owned()), ..self }
    }

    /// With 43=Y, and 122 a second before 52.
    #[must_use]
    pub fn dup(self) -> Self {
        Self { poss_dup: true, original_ns: Some(unix_ns().saturating_sub(SECOND_NS)), ..self }
    }

    /// With 43=Y and no 122.
    #[must_use]
    pub fn dup_without_original(self) -> Self {
        Self { poss_dup: true, original_ns: None, ..self }
    }

    /// With 43=Y, and 122 a second after 52.
    #[must_use]
    pub fn dup_from_the_future(self) -> Self {
        Self { poss_dup: true, original_ns: Some(unix_ns() + SECOND_NS), ..self }
    }

    /// With 97=Y.
    #[must_use]
    pub fn poss_resend(self) -> Self {
        Self { poss_resend: true, ..self }
    }

    /// With a 52 of so long ago.
    #[must_use]
    pub fn late_s(self, late_s: u64) -> Self {
        Self { late_s, ..self }
    }

    /// What is in its body.
    pub fn into_fields(self) -> Vec<(u32, String)> {
        self.fields
    }

    /// Spoiled after it was rendered.
    #[must_use]
    pub fn spoiled(self, spoil: Spoil) -> Self {
        Self { spoil, ..self }
    }
}

/// One certification. The numbers are kept from connection to connection.
#[derive(Debug)]
pub struct Desk {
    /// About the peer.
    pub settings: Settings,
    /// Who connects.
    pub role: Role,
    /// Our next number.
    pub next_out: u64,
    /// The peer's next number.
    pub next_in: u64,
    /// Everything said so far.
    pub transcript: Transcript,
    address: SocketAddr,
    listener: Option<TcpListener>,
    wire: Option<Wire>,
    serial: u64,
}

impl Desk {
    /// One that connects to an acceptor.
    pub fn initiator(settings: Settings, address: SocketAddr) -> Self {
        Self::new(settings, Role::Initiator, address, None)
    }

    /// One that an initiator connects to.
    ///
    /// # Errors
    /// The system's.
    pub fn acceptor(settings: Settings, listener: TcpListener) -> io::Result<Self> {
        let address = listener.local_addr()?;
        let patience = Some(settings.connect_patience);
        rustix::net::sockopt::set_socket_timeout(&listener, Timeout::Recv, patience)?;
        Ok(Self::new(settings, Role::Acceptor, address, Some(listener)))
    }

    fn new(
        settings: Settings,
        role: Role,
        address: SocketAddr,
        listener: Option<TcpListener>,
    ) -> Self {
        Self {
            settings,
            role,
            next_out: 1,
            next_in: 1,
            transcript: Transcript::default(),
            address,
            listener,
            wire: None,
            serial: unix_ns() / 1_000_000,
        }
    }

    /// Text that was never sent before.
    pub fn fresh(&mut self, prefix: &str) -> String {
        self.serial += 1;
        format!("{prefix}{}", self.serial)
    }

    /// Skips the case in the role of an acceptor.
    ///
    /// # Errors
    /// [`Miss::Skip`].
    pub fn needs_initiator(&self) -> Step {
        match self.role {
            Role::Initiator => Ok(()),
            Role::Acceptor => Err(Miss::Skip("only against an acceptor".to_owned())),
        }
    }

    /// A connection, and nothing said on it.
    ///
    /// # Errors
    /// [`Miss::Fail`]: no connection in time.
    pub fn connect(&mut self) -> Step {
        self.cut();
        let stream = match &self.listener {
            None => TcpStream::connect(self.address)?,
            Some(listener) => accepted(listener)?,
        };
        let what = if self.role == Role::Initiator { "connected" } else { "accepted" };
        self.transcript.add('-', &format!("({what})"));
        self.wire = Some(Wire::new(stream)?);
        Ok(())
    }

    /// Ends the connection without a word.
    pub fn cut(&mut self) {
        if self.wire.take().is_some() {
            self.transcript.add('-', "(we have closed the connection)");
        }
    }

    /// Takes the connection out of the desk, so that a second one can be tried beside it.
    pub fn set_aside(&mut self) -> Option<Wire> {
        self.wire.take()
    }

    /// Puts it back in place of the one there is.
    pub fn take_up(&mut self, wire: Option<Wire>) {
        self.cut();
        self.wire = wire;
    }

    /// Sends a message.
    ///
    /// # Errors
    /// [`Miss::Fail`]: the connection is gone.
    pub fn send(&mut self, draft: &Draft) -> Step {
        let seq = match draft.seq {
            Seq::Next => self.next_out,
            Seq::At(seq) => seq,
            Seq::Skip(count) => self.next_out + count,
        };
        let header = Header {
            begin_string: draft.begin_string.as_deref().unwrap_or(&self.settings.begin_string),
            seq,
            sender: &self.settings.sender,
            target: draft.target.as_deref().unwrap_or(&self.settings.target),
            sending_ns: unix_ns().saturating_sub(draft.late_s * SECOND_NS),
            poss_dup: draft.poss_dup,
            original_ns: draft.original_ns,
            poss_resend: draft.poss_resend,
        };
        let bytes = render(&header, &draft.msg_type, &draft.fields, draft.spoil)
            .ok_or_else(|| Miss::Skip("a message of ours is too long".to_owned()))?;
        if !matches!(draft.seq, Seq::At(_)) && draft.spoil == Spoil::No {
            self.next_out = seq + 1;
        }
        let Some(wire) = &mut self.wire else {
            return Err(Miss::fail("a connection", "none"));
        };
        Ok(wire.send(&bytes, &mut self.transcript)?)
    }

    /// What comes next, whatever it is; numbers are not looked at.
    ///
    /// # Errors
    /// [`Miss::Fail`]: the socket fails.
    pub fn next(&mut self, patience: Duration) -> Step<Got> {
        match &mut self.wire {
            None => Ok(Got::Closed),
            Some(wire) => Ok(wire.next(Instant::now() + patience, &mut self.transcript)?),
        }
    }

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

    /// As [`Desk::open`], with this Logon.
    ///
    /// # Errors
    /// As [`Desk::open`].
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

    /// The header of a message in sequence, and what it does to the numbers.
    fn check(&mut self, message: &Incoming) -> Step {
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
        self.next_in += 1;
        if message.msg_type == "4" {
            self.next_in = message.number(36).unwrap_or(self.next_in);
        }
        Ok(())
    }

    /// The next message that matters: Heartbeats are passed over, `TestRequest`s answered, and what
    /// the application sends by itself is let by. It must be of that type and have these values.
    ///
    /// # Errors
    /// [`Miss::Fail`].
    pub fn expect(&mut self, msg_type: &str, values: &[(u32, &str)]) -> Step<Incoming> {
        self.expect_any(&[msg_type], values)
    }

    /// As [`Desk::expect`], of one of several types.
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

    /// The peer must close the connection; a Logout, a Reject before it and Heartbeats are let by.
    /// Returns the Logout, answered, if there was one.
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
                        // Whoever has said goodbye may be gone before the answer.
                        let _ = self.send(&Draft::of("5"));
                    }
                    "0" | "1" | "3" => self.next_in += 1,
                    _ => return Err(Miss::fail(expected, message.text)),
                },
                // A Logout leaves it to the other side to close (FIX 4.4 volume 2, Logout).
                Got::Nothing if logout.is_some() => {
                    self.cut();
                    return Ok(logout);
                }
                Got::Nothing | Got::Garbled(_) => return Err(Miss::fail(expected, told(&got))),
            }
        }
    }

    /// The session must answer a `TestRequest`.
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

    /// Everything that comes within a while.
    ///
    /// # Errors
    /// [`Miss::Fail`]: a message out of sequence, or the end of the connection.
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

    /// Waits until a lost connection must have had its consequences.
    pub fn await_grace(&self) {
        pause(self.settings.grace);
    }

    /// Logs out and closes.
    ///
    /// # Errors
    /// [`Miss::Fail`]: no Logout comes back.
    pub fn close(&mut self) -> Step {
        self.send(&Draft::of("5"))?;
        self.expect("5", &[])?;
        self.cut();
        Ok(())
    }

    /// What a `ResendRequest` for `from` to `upto` brings: every number once, in order, each with
    /// 43=Y, by the messages themselves or by gap fills. Returns the messages.
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
            // Live traffic goes on between what is sent again.
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

impl Incoming {
    /// Demands a value of a field.
    ///
    /// # Errors
    /// [`Miss::Fail`].
    pub fn must(&self, tag: u32, value: &str) -> Step {
        if self.get(tag) == Some(value) {
            return Ok(());
        }
        let expected = format!("35={} with {tag}={value}", self.msg_type);
        Err(Miss::fail(expected, self.text.clone()))
    }
}

/// What came instead of a message.
pub fn told(got: &Got) -> String {
    match got {
        Got::Message(message) => message.text.clone(),
        Got::Garbled(text) => text.clone(),
        Got::Closed => "the end of the connection".to_owned(),
        Got::Nothing => "nothing in time".to_owned(),
    }
}

/// Waits where there is nothing to wait for: another process frees its session unseen.
fn pause(length: Duration) {
    std::thread::park_timeout(length);
}

fn accepted(listener: &TcpListener) -> Step<TcpStream> {
    match listener.accept() {
        Ok((stream, _)) => Ok(stream),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
            Err(Miss::fail("a connection of the peer", "none in time"))
        }
        Err(error) => Err(error.into()),
    }
}
