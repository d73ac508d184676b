//! One FIX connection: bytes in order, sequence numbers, heartbeats.
//!
//! A line belongs here if it needs no order and is true of every venue that takes orders over FIX.
//! A session has no resend: every connection starts at number 1 in both directions, a gap ends the
//! connection, and what was missed is asked for over REST.

use rutter_fix::codec::{Encoder, FieldIndex, Message, Status, TimePrecision, decode};
use rutter_fix::tags;
use rutter_transport::machine::{Action, LinkId, Outbox};

use crate::clock::VenueClock;

/// The only link of the adapter.
pub const FIX_LINK: LinkId = LinkId(0);
/// Extra time for a heartbeat to arrive, in fifths of the heartbeat interval.
const GRACE_FIFTHS: u64 = 1;

/// Why a connection cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SessionError {
    /// The bytes are not a FIX message. TLS delivers bytes unchanged, so the venue is at fault.
    #[error("garbled message")]
    Garbled,
    /// The message is well framed and has a defect inside.
    #[error("defective message")]
    Defective,
    /// `MsgSeqNum` (34) is not the next number.
    #[error("sequence gap")]
    Sequence,
    /// `SenderCompID` (49) or `TargetCompID` (56) is wrong.
    #[error("wrong comp ids")]
    CompId,
}

/// Reassembles messages from bytes cut anywhere.
#[derive(Debug, Default)]
pub(crate) struct Inbound {
    buffer: Vec<u8>,
    read: usize,
    index: FieldIndex,
}

impl Inbound {
    /// Adds bytes that arrived. The decoder refuses a message above its size limit, so that limit
    /// also bounds the bytes kept here.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.drain(..self.read);
        self.read = 0;
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole message.
    pub fn next(&mut self) -> Result<Option<Message<'_>>, SessionError> {
        let rest = self.buffer.get(self.read..).unwrap_or(&[]);
        match decode(rest, &mut self.index) {
            Ok(Status::Incomplete) => Ok(None),
            Ok(Status::Complete { consumed }) => {
                let start = self.read;
                self.read += consumed;
                let bytes = self.buffer.get(start..self.read).unwrap_or(&[]);
                Ok(Some(Message::new(bytes, &self.index)))
            }
            Err(_) => Err(SessionError::Garbled),
        }
    }

    /// Drops all bytes and keeps the memory.
    pub fn clear(&mut self) {
        self.buffer.clear();
        self.read = 0;
    }
}

/// The action that is due on a quiet connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// Nothing yet.
    Nothing,
    /// A heartbeat, since we were silent for an interval.
    Heartbeat,
    /// A test request, since the venue was silent for more than an interval.
    TestRequest,
    /// The end of the link, since the venue did not answer the test request.
    Dead,
}

/// How a venue frames its messages.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frame {
    /// `BeginString` (8).
    pub begin_string: &'static [u8],
    /// The tags of the header behind `MsgType` (35): 34, 49, 52 and 56, in the venue's order.
    pub header: [u32; 4],
}

/// Sequence numbers and times of one connection.
#[derive(Debug)]
pub(crate) struct Session {
    frame: Frame,
    sender: Vec<u8>,
    target: Vec<u8>,
    interval_ns: u64,
    next_in: u64,
    next_out: u64,
    last_in_ns: u64,
    last_out_ns: u64,
    /// Time by which the open test request must be answered.
    test_deadline_ns: Option<u64>,
    /// When our Logon was sent, until the venue's first message.
    logon_ns: Option<u64>,
    /// The venue's clock, as far as its messages have told.
    clock: VenueClock,
}

impl Session {
    pub fn new(frame: Frame, target: &str, heartbeat_s: u8) -> Self {
        Self {
            frame,
            sender: Vec::new(),
            target: target.as_bytes().to_vec(),
            interval_ns: u64::from(heartbeat_s) * 1_000_000_000,
            next_in: 1,
            next_out: 1,
            last_in_ns: 0,
            last_out_ns: 0,
            test_deadline_ns: None,
            logon_ns: None,
            clock: VenueClock::default(),
        }
    }

    /// The venue's clock.
    pub const fn clock(&self) -> &VenueClock {
        &self.clock
    }

    /// The venue has refused one of our times in this message, whose own time counts alone.
    pub fn time_refused(&mut self, now_ns: u64, message: &Message<'_>) {
        self.clock.refused();
        if let Ok(Some(venue_ns)) = message.timestamp_ns(tags::SENDING_TIME) {
            self.clock.heard(now_ns, venue_ns);
        }
    }

    /// What is known of the venue's clock is not true any more.
    pub const fn forget_clock(&mut self) {
        self.clock.refused();
    }

    fn tell_clock(&mut self, now_ns: u64, message: &Message<'_>) {
        let Ok(Some(venue_ns)) = message.timestamp_ns(tags::SENDING_TIME) else { return };
        // The venue says nothing before it has our Logon, so its first message is the answer.
        match self.logon_ns.take() {
            Some(asked_ns) => self.clock.answered(asked_ns, now_ns, venue_ns),
            None => self.clock.heard(now_ns, venue_ns),
        }
    }

    /// A new connection begins, with this `SenderCompID`.
    pub fn restart(&mut self, now_ns: u64, sender: &[u8]) {
        self.sender.clear();
        self.sender.extend_from_slice(sender);
        self.next_in = 1;
        self.next_out = 1;
        self.last_in_ns = now_ns;
        self.last_out_ns = now_ns;
        self.test_deadline_ns = None;
        self.logon_ns = Some(now_ns);
    }

    pub fn sender(&self) -> &[u8] {
        &self.sender
    }

    pub fn target(&self) -> &[u8] {
        &self.target
    }

    /// Checks header and sequence number of a message, which is a sign of life as well.
    pub fn accept(&mut self, now_ns: u64, message: &Message<'_>) -> Result<(), SessionError> {
        if message.begin_string() != self.frame.begin_string || message.defect().is_some() {
            return Err(SessionError::Defective);
        }
        let id = |tag| message.get(tag).unwrap_or_default();
        if id(tags::SENDER_COMP_ID) != self.target || id(tags::TARGET_COMP_ID) != self.sender {
            return Err(SessionError::CompId);
        }
        if message.uint(tags::MSG_SEQ_NUM) != Ok(Some(self.next_in)) {
            return Err(SessionError::Sequence);
        }
        self.tell_clock(now_ns, message);
        self.next_in += 1;
        self.last_in_ns = now_ns;
        self.test_deadline_ns = None;
        Ok(())
    }

    /// Sends one message; `write` adds the body behind the header. When `write` fails, nothing is
    /// sent and no number is used. Returns the number of the message.
    pub fn send<E, T>(
        &mut self,
        now_ns: u64,
        out: &mut Outbox<T>,
        msg_type: &[u8],
        write: impl FnOnce(&mut Encoder<'_>) -> Result<(), E>,
    ) -> Result<u64, Option<E>> {
        let start = out.bytes.len();
        let seq = self.next_out;
        let mut encoder = Encoder::begin(&mut out.bytes, self.frame.begin_string, msg_type);
        for tag in self.frame.header {
            match tag {
                tags::MSG_SEQ_NUM => encoder.uint(tag, seq),
                tags::SENDER_COMP_ID => encoder.field(tag, &self.sender),
                tags::SENDING_TIME => {
                    encoder.timestamp(tag, self.clock.at_venue(now_ns), TimePrecision::Millis)
                }
                _ => encoder.field(tag, &self.target),
            };
        }
        let written = write(&mut encoder);
        let finished = encoder.finish();
        if let Err(error) = written {
            out.bytes.truncate(start);
            return Err(Some(error));
        }
        finished.map_err(|_| None)?;
        out.actions.push(Action::Send(FIX_LINK, start..out.bytes.len()));
        self.next_out += 1;
        self.last_out_ns = now_ns;
        Ok(seq)
    }

    /// Sends a message of the session level. Such a message can always be written.
    pub fn send_admin<T>(
        &mut self,
        now_ns: u64,
        out: &mut Outbox<T>,
        msg_type: &[u8],
        write: impl FnOnce(&mut Encoder<'_>),
    ) {
        let _: Result<u64, Option<()>> = self.send(now_ns, out, msg_type, |encoder| {
            write(encoder);
            Ok(())
        });
    }

    /// Sends the message that is due. [`Due::Dead`]: the link must be closed.
    pub fn on_timer<T>(&mut self, now_ns: u64, out: &mut Outbox<T>) -> Due {
        let due = self.due(now_ns);
        match due {
            Due::Nothing | Due::Dead => {}
            Due::Heartbeat => {
                self.send_admin(now_ns, out, tags::msg_type::HEARTBEAT, |_| {});
            }
            Due::TestRequest => {
                self.test_deadline_ns = Some(now_ns.saturating_add(self.interval_ns));
                let id = self.next_out;
                self.send_admin(now_ns, out, tags::msg_type::TEST_REQUEST, |encoder| {
                    encoder.uint(tags::TEST_REQ_ID, id);
                });
            }
        }
        due
    }

    fn due(&self, now_ns: u64) -> Due {
        match self.test_deadline_ns {
            Some(deadline) if now_ns >= deadline => return Due::Dead,
            None if now_ns >= self.silence_ends_ns() => return Due::TestRequest,
            Some(_) | None => {}
        }
        if now_ns >= self.last_out_ns.saturating_add(self.interval_ns) {
            return Due::Heartbeat;
        }
        Due::Nothing
    }

    const fn silence_ends_ns(&self) -> u64 {
        let allowed = self.interval_ns + self.interval_ns / 5 * GRACE_FIFTHS;
        self.last_in_ns.saturating_add(allowed)
    }

    /// When [`Session::on_timer`] has something to do next.
    pub fn next_timer_ns(&self) -> u64 {
        let peer = self.test_deadline_ns.unwrap_or_else(|| self.silence_ends_ns());
        peer.min(self.last_out_ns.saturating_add(self.interval_ns))
    }
}
