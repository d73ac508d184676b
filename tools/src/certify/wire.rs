//! Messages over one socket, and the transcript of all messages.
//!
//! A line belongs here if it moves, renders or shows one message. Sequence numbers and expectations
//! are `session`. Rutter's session code is not used, so that an error in that code shows.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use rutter_fix::codec::{
    Encoder, FieldIndex, Message, SOH, Status, TimePrecision, decode, write_timestamp,
};
use rutter_fix::dictionary::{Checks, Version};
use rutter_fix::tags;

use crate::clock::unix_ns;

const READ_BYTES: usize = 16 << 10;

/// Tags whose values the transcript masks: Password, `NewPassword`, `RawData`.
const SECRET: [&[u8]; 3] = [b"554", b"925", b"96"];

/// Every message sent and received, in order.
#[derive(Debug, Default)]
pub struct Transcript {
    /// `TIME DIRECTION MESSAGE`, with `|` for SOH.
    pub lines: Vec<String>,
}

impl Transcript {
    /// Adds a line with the current time.
    pub fn add(&mut self, direction: char, text: &str) {
        let mut time = Vec::new();
        write_timestamp(&mut time, unix_ns(), TimePrecision::Millis);
        let time = String::from_utf8_lossy(&time);
        self.lines.push(format!("{time} {direction} {text}"));
    }
}

/// Bytes as the transcript shows them.
pub fn shown(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for field in bytes.split_inclusive(|byte| *byte == SOH) {
        let equals = field.iter().position(|byte| *byte == b'=').unwrap_or(field.len());
        let (tag, value) = field.split_at(equals);
        let secret = SECRET.contains(&tag) && value.len() > 1;
        let value = if secret { b"=***\x01" } else { value };
        for byte in tag.iter().chain(value) {
            text.push(match *byte {
                SOH => '|',
                0x20..=0x7e => char::from(*byte),
                _ => '?',
            });
        }
    }
    text
}

/// A message of the peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incoming {
    /// `MsgType` (35).
    pub msg_type: String,
    /// The message as the transcript shows it.
    pub text: String,
    /// What the published dictionary of the message's version does not allow.
    pub fault: Option<String>,
    begin_string: Vec<u8>,
    fields: Vec<(u32, Vec<u8>)>,
}

/// What the published dictionary does not allow in a message.
fn fault(message: &Message<'_>) -> Option<String> {
    let version = Version::beginning_with(message.begin_string())?;
    let fault = version.dictionary().check(message, &Checks::default()).err()?;
    let tag = fault.tag.map(|tag| format!(" (tag {tag})")).unwrap_or_default();
    Some(format!("{}{tag}", fault.reason.text()))
}

impl Incoming {
    fn new(message: &Message<'_>) -> Self {
        Self {
            msg_type: String::from_utf8_lossy(message.msg_type()).into_owned(),
            text: shown(message.bytes()),
            fault: fault(message),
            begin_string: message.begin_string().to_vec(),
            fields: message.fields().map(|(tag, value)| (tag, value.to_vec())).collect(),
        }
    }

    /// The value of a field as text.
    pub fn get(&self, tag: u32) -> Option<&str> {
        if tag == tags::BEGIN_STRING {
            return core::str::from_utf8(&self.begin_string).ok();
        }
        let field = self.fields.iter().find(|field| field.0 == tag)?;
        core::str::from_utf8(&field.1).ok()
    }

    /// The value of a field as a number.
    pub fn number(&self, tag: u32) -> Option<u64> {
        self.get(tag)?.parse().ok()
    }

    /// Whether `PossDupFlag` (43) is set.
    pub fn is_dup(&self) -> bool {
        self.get(tags::POSS_DUP_FLAG) == Some("Y")
    }
}

/// The result of waiting for the peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Got {
    /// A message arrived.
    Message(Incoming),
    /// Bytes arrived that are no message.
    Garbled(String),
    /// The connection ended.
    Closed,
    /// Nothing arrived in time.
    Nothing,
}

/// Damage to a message after it is rendered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Spoil {
    /// No damage.
    #[default]
    No,
    /// `CheckSum` (10) is off by one.
    CheckSum,
}

/// Header fields of a message of the tool.
#[derive(Clone, Debug)]
pub struct Header<'a> {
    /// `BeginString` (8).
    pub begin_string: &'a str,
    /// `MsgSeqNum` (34).
    pub seq: u64,
    /// `SenderCompID` (49).
    pub sender: &'a str,
    /// `TargetCompID` (56).
    pub target: &'a str,
    /// `SendingTime` (52), in nanoseconds since the epoch.
    pub sending_ns: u64,
    /// `PossDupFlag` (43).
    pub poss_dup: bool,
    /// `OrigSendingTime` (122), in nanoseconds since the epoch.
    pub original_ns: Option<u64>,
    /// `PossResend` (97).
    pub poss_resend: bool,
}

/// Renders a message; `None` if it is longer than the codec's limit.
pub fn render(
    header: &Header<'_>,
    msg_type: &str,
    fields: &[(u32, String)],
    spoil: Spoil,
) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let mut encoder = Encoder::begin(&mut out, header.begin_string.as_bytes(), msg_type.as_bytes());
    encoder.uint(tags::MSG_SEQ_NUM, header.seq);
    if header.poss_dup {
        encoder.bool(tags::POSS_DUP_FLAG, true);
    }
    encoder.text(tags::SENDER_COMP_ID, header.sender);
    encoder.timestamp(tags::SENDING_TIME, header.sending_ns, TimePrecision::Millis);
    encoder.text(tags::TARGET_COMP_ID, header.target);
    if header.poss_resend {
        encoder.bool(tags::POSS_RESEND, true);
    }
    if let Some(original_ns) = header.original_ns {
        encoder.timestamp(tags::ORIG_SENDING_TIME, original_ns, TimePrecision::Millis);
    }
    for (tag, value) in fields {
        // Some cases send an empty value on purpose.
        encoder.raw(format!("{tag}={value}\x01").as_bytes());
    }
    encoder.finish().ok()?;
    if spoil == Spoil::CheckSum {
        let ones = out.len().checked_sub(2)?;
        let digit = out.get_mut(ones)?;
        *digit = if *digit == b'9' { b'0' } else { *digit + 1 };
    }
    Some(out)
}

/// One connection to the peer.
#[derive(Debug)]
pub struct Wire {
    stream: TcpStream,
    input: Vec<u8>,
    index: FieldIndex,
}

impl Wire {
    /// A connection over a connected socket.
    ///
    /// # Errors
    /// The system's.
    pub fn new(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        Ok(Self { stream, input: Vec::new(), index: FieldIndex::new() })
    }

    /// Writes bytes.
    ///
    /// # Errors
    /// The system's.
    pub fn send(&mut self, bytes: &[u8], transcript: &mut Transcript) -> io::Result<()> {
        transcript.add('>', &shown(bytes));
        self.stream.write_all(bytes)
    }

    /// The next message, or the reason why none arrived by `until`.
    ///
    /// # Errors
    /// The system's. A reset connection is [`Got::Closed`] and no error.
    pub fn next(&mut self, until: Instant, transcript: &mut Transcript) -> io::Result<Got> {
        loop {
            match decode(&self.input, &mut self.index) {
                Ok(Status::Incomplete) => {}
                Ok(Status::Complete { consumed }) => {
                    let bytes = self.input.get(..consumed).unwrap_or(&self.input);
                    let message = Incoming::new(&Message::new(bytes, &self.index));
                    self.input.drain(..consumed);
                    transcript.add('<', &message.text);
                    return Ok(Got::Message(message));
                }
                Err(error) => {
                    let bytes = self.input.get(..error.skip).unwrap_or(&self.input);
                    let text = format!("garbled ({}): {}", error.kind, shown(bytes));
                    self.input.drain(..error.skip.min(self.input.len()));
                    transcript.add('<', &text);
                    return Ok(Got::Garbled(text));
                }
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(Got::Nothing);
            }
            self.stream.set_read_timeout(Some(left.max(Duration::from_millis(1))))?;
            let mut chunk = [0; READ_BYTES];
            match self.stream.read(&mut chunk) {
                Ok(0) => return Ok(closed(transcript)),
                Ok(count) => self.input.extend_from_slice(chunk.get(..count).unwrap_or(&[])),
                Err(error) => match error.kind() {
                    io::ErrorKind::WouldBlock
                    | io::ErrorKind::TimedOut
                    | io::ErrorKind::Interrupted => {}
                    io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => {
                        return Ok(closed(transcript));
                    }
                    _ => return Err(error),
                },
            }
        }
    }
}

fn closed(transcript: &mut Transcript) -> Got {
    transcript.add('<', "(the peer has closed the connection)");
    Got::Closed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> Header<'static> {
        Header {
            begin_string: "FIX.4.4",
            seq: 3,
            sender: "A",
            target: "B",
            sending_ns: 1_719_487_046_100_000_000,
            poss_dup: true,
            original_ns: Some(1_719_487_045_000_000_000),
            poss_resend: false,
        }
    }

    #[test]
    fn a_transcript_shows_no_password_not_even_of_a_garbled_message() {
        let fields = [(554, "hunter2".to_owned()), (925, "hunter3".to_owned())];
        let bytes = render(&header(), "A", &fields, Spoil::CheckSum).expect("short");
        let text = shown(&bytes);
        assert!(!text.contains("hunter"), "{text}");
        assert!(text.contains("|554=***|925=***|10="), "{text}");
    }

    #[test]
    fn a_spoiled_message_is_garbled_and_a_sound_one_is_not() {
        let mut index = FieldIndex::new();
        let sound = render(&header(), "0", &[], Spoil::No).expect("short");
        assert_eq!(decode(&sound, &mut index), Ok(Status::Complete { consumed: sound.len() }));
        let spoiled = render(&header(), "0", &[], Spoil::CheckSum).expect("short");
        assert!(decode(&spoiled, &mut index).is_err());
    }
}
