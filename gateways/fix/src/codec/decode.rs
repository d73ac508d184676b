//! Framing: finds one message at the front of a byte buffer and indexes its fields.
//!
//! The rules are those of FIX 4.4 volume 2, "Valid FIX Message" and "Garbled Message". A message
//! starts with 8, 9 and 35 in this order; 9 counts the bytes up to field 10, which is last and has
//! the right sum. Anything else is garbled: it is skipped up to the next `8=FIX` and does not count
//! as a message. A defect inside a well-framed message is not garbling: it is noted in the index as
//! [`Defect`], for the session to reject.
//!
//! A line belongs here if it finds the borders of a message or of its fields.

use super::message::{Defect, Field, FieldIndex, Message};
use super::value::parse_u64;
use super::{FIELDS_MAX, MESSAGE_BYTES_MAX, SOH, TRAILER_BYTES};
use crate::tags::{self, class, class_bit, data_tag_of};

/// What [`decode`] found at the front of the buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// The bytes may become a message: call again with more bytes after them.
    Incomplete,
    /// One whole valid message; the index describes it.
    Complete {
        /// Bytes to take from the front of the buffer.
        consumed: usize,
    },
}

/// The front of the buffer is not a message. Drop `skip` bytes (never zero) and call again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("garbled message, {kind}; skipping {skip} bytes")]
pub struct DecodeError {
    /// The fault.
    pub kind: Garbled,
    /// Bytes up to the next possible start of a message.
    pub skip: usize,
}

/// Why bytes are not a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Garbled {
    /// The bytes do not start with `8=FIX` and a short version.
    #[error("no BeginString")]
    BeginString,
    /// The second field is not `9=` and a number.
    #[error("no BodyLength")]
    BodyLength,
    /// Longer than [`MESSAGE_BYTES_MAX`].
    #[error("too long")]
    TooLong,
    /// The third field is not 35.
    #[error("MsgType is not third")]
    MsgType,
    /// There is no `10=ddd` where `BodyLength` says it is.
    #[error("no CheckSum where BodyLength says")]
    Trailer,
    /// The `CheckSum` (10) is wrong.
    #[error("wrong CheckSum")]
    CheckSum,
    /// The message began, but its end did not come in time: see
    /// [`FRAME_TIMEOUT_NS`](crate::session::FRAME_TIMEOUT_NS).
    #[error("not complete in time")]
    Unfinished,
}

const START: &[u8] = b"8=FIX";
/// `8=` and at most ten bytes of version (`FIXT.1.1` has eight).
const BEGIN_BYTES_MAX: usize = 12;
const LENGTH_DIGITS_MAX: usize = 10;

impl FieldIndex {
    /// Decodes a whole message that was kept while others came, and keeps its bytes. `None` if the
    /// bytes are not a message.
    pub(crate) fn read_frame(&mut self, frame: Vec<u8>) -> Option<Message<'_>> {
        let whole = decode(&frame, self);
        self.keep_frame(frame);
        matches!(whole, Ok(Status::Complete { .. })).then(|| self.kept())
    }
}

/// Byte offsets of the parts of a frame, from its start.
struct Frame {
    begin_end: usize,
    body: usize,
    trailer: usize,
}

/// Reads one message from the front of `buf`, which may be cut anywhere.
///
/// Nothing is kept between calls: after [`Status::Incomplete`] only the first few bytes are read
/// again. The fields of a complete message are in `index` until the next call; see
/// [`Message::new`](super::Message::new).
///
/// # Errors
/// [`DecodeError`] says why the front is garbled and how much to drop.
pub fn decode(buf: &[u8], index: &mut FieldIndex) -> Result<Status, DecodeError> {
    let frame = match find_frame(buf) {
        Ok(Some(frame)) => frame,
        Ok(None) => return Ok(Status::Incomplete),
        Err(kind) => return Err(DecodeError { kind, skip: resync(buf) }),
    };
    let consumed = frame.trailer + TRAILER_BYTES;
    let Some(bytes) = buf.get(..consumed) else {
        return Ok(Status::Incomplete);
    };
    check_frame(bytes, &frame).map_err(|kind| {
        // A frame with a trailer in its place is skipped whole: bytes inside it are not the start
        // of a message.
        let skip = if kind == Garbled::CheckSum { consumed } else { resync(buf) };
        DecodeError { kind, skip }
    })?;
    index.clear(frame.begin_end, frame.body);
    scan(bytes, frame.body, frame.trailer, index);
    Ok(Status::Complete { consumed })
}

/// Sum of the bytes modulo 256 (FIX 4.4 volume 2, `CheckSum`).
pub fn checksum(bytes: &[u8]) -> u8 {
    // A plain wrapping sum over bytes: the compiler turns it into wide additions.
    bytes.iter().fold(0, |sum: u8, byte| sum.wrapping_add(*byte))
}

/// The parts of the frame; `Ok(None)` when fields 8 and 9 are incomplete.
fn find_frame(buf: &[u8]) -> Result<Option<Frame>, Garbled> {
    let Some(begin_end) = begin_string_end(buf)? else { return Ok(None) };
    let mut at = begin_end + 1;
    for expected in *b"9=" {
        match buf.get(at) {
            None => return Ok(None),
            Some(byte) if *byte == expected => at += 1,
            Some(_) => return Err(Garbled::BodyLength),
        }
    }
    let mut length = 0_usize;
    let digits = buf.get(at..).unwrap_or(&[]);
    for (i, byte) in digits.iter().enumerate() {
        match byte {
            b'0'..=b'9' if i < LENGTH_DIGITS_MAX => {
                length = length * 10 + usize::from(byte - b'0');
            }
            &SOH if i > 0 => {
                let body = at + i + 1;
                if length > MESSAGE_BYTES_MAX || body + length + TRAILER_BYTES > MESSAGE_BYTES_MAX {
                    return Err(Garbled::TooLong);
                }
                return Ok(Some(Frame { begin_end, body, trailer: body + length }));
            }
            _ => return Err(Garbled::BodyLength),
        }
    }
    Ok(None)
}

fn begin_string_end(buf: &[u8]) -> Result<Option<usize>, Garbled> {
    // The two most frequent versions, in one comparison.
    if buf.starts_with(b"8=FIX.4.4\x01") || buf.starts_with(b"8=FIX.4.2\x01") {
        return Ok(Some(9));
    }
    let seen = buf.len().min(START.len());
    if buf.get(..seen) != START.get(..seen) {
        return Err(Garbled::BeginString);
    }
    let head = buf.get(..buf.len().min(BEGIN_BYTES_MAX + 1)).unwrap_or(buf);
    match head.iter().position(|byte| *byte == SOH) {
        Some(end) => Ok(Some(end)),
        None if head.len() > BEGIN_BYTES_MAX => Err(Garbled::BeginString),
        None => Ok(None),
    }
}

fn check_frame(bytes: &[u8], frame: &Frame) -> Result<(), Garbled> {
    let (summed, trailer) = bytes.split_at_checked(frame.trailer).ok_or(Garbled::Trailer)?;
    let [b'1', b'0', b'=', hundreds, tens, ones, SOH] = *trailer else {
        return Err(Garbled::Trailer);
    };
    if summed.last() != Some(&SOH) {
        return Err(Garbled::Trailer);
    }
    if !summed.get(frame.body..).is_some_and(|body| body.starts_with(b"35=")) {
        return Err(Garbled::MsgType);
    }
    let mut said = 0_u16;
    for digit in [hundreds, tens, ones] {
        if !digit.is_ascii_digit() {
            return Err(Garbled::CheckSum);
        }
        said = said * 10 + u16::from(digit - b'0');
    }
    if said == u16::from(checksum(summed)) { Ok(()) } else { Err(Garbled::CheckSum) }
}

/// Bytes to drop so that the buffer starts with `8=FIX`, or with bytes that may become it. A digit
/// before it (`58=FIX`) means another tag. At least one byte is dropped unless the buffer is empty.
pub(crate) fn resync(buf: &[u8]) -> usize {
    let mut at = 1;
    while at < buf.len() {
        let Some(found) = buf.get(at..).and_then(|rest| rest.iter().position(|b| *b == b'8'))
        else {
            return buf.len();
        };
        let start = at + found;
        let rest = buf.get(start..).unwrap_or(&[]);
        let seen = rest.len().min(START.len());
        let after_digit =
            start.checked_sub(1).and_then(|i| buf.get(i)).is_some_and(u8::is_ascii_digit);
        if rest.get(..seen) == START.get(..seen) && !after_digit {
            return start;
        }
        at = start + 1;
    }
    buf.len()
}

const LOW: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;

/// Position of the first SOH at or after `from`, eight bytes at a time.
#[inline]
fn find_soh(bytes: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    while let Some((eight, _)) = bytes.get(at..).and_then(|rest| rest.split_first_chunk::<8>()) {
        // A byte that equals SOH becomes zero; the lowest zero byte raises the lowest high bit.
        let word = u64::from_le_bytes(*eight) ^ LOW;
        let zeros = word.wrapping_sub(LOW) & !word & HIGH;
        if zeros != 0 {
            return Some(at + (zeros.trailing_zeros() / 8) as usize);
        }
        at += 8;
    }
    let rest = bytes.get(at..)?;
    rest.iter().position(|byte| *byte == SOH).map(|found| at + found)
}

/// A tag and the offset of its value, or `None` when the field has no valid tag.
#[inline]
fn read_tag(bytes: &[u8], at: usize) -> Option<(u32, usize)> {
    let rest = bytes.get(at..)?;
    let mut tag = 0_u32;
    for (i, byte) in rest.iter().enumerate() {
        let digit = byte.wrapping_sub(b'0');
        if digit < 10 {
            // At most nine digits, so no overflow. A leading zero is not a tag.
            if i >= 9 || (i == 1 && tag == 0) {
                return None;
            }
            tag = tag * 10 + u32::from(digit);
        } else if *byte == b'=' && tag != 0 {
            return Some((tag, at + i + 1));
        } else {
            return None;
        }
    }
    None
}

/// Indexes the fields of `bytes[from..end]`; the caller has checked that the byte before `end` is
/// SOH.
fn scan(bytes: &[u8], from: usize, end: usize, index: &mut FieldIndex) {
    let mut at = from;
    let mut in_body = false;
    let mut pending = None;
    // Header fields seen, by tag; those from 128 on are not the session's.
    let mut seen = 0_u128;
    while at < end {
        let Some((tag, value)) = read_tag(bytes, at) else {
            at = bad_field(bytes, at, end, index);
            continue;
        };
        let class = class(tag);
        let mut stop = find_soh(bytes, value).unwrap_or(end).min(end - 1);
        if let Some((data_tag, length)) = pending.take()
            && tag == data_tag
        {
            stop = data_end(bytes, tag, value, length, end, index).unwrap_or(stop);
        }
        if class != 0 {
            let framing = matches!(tag, tags::BEGIN_STRING | tags::BODY_LENGTH | tags::CHECK_SUM);
            if framing || (class & class_bit::HEADER != 0 && in_body) {
                index.note(Defect::OutOfOrder { tag });
            }
            if class & class_bit::HEADER != 0 && tag < u128::BITS {
                let bit = 1 << tag;
                if seen & bit != 0 {
                    index.note(Defect::Repeated { tag });
                }
                seen |= bit;
            }
            if class & class_bit::LENGTH != 0 {
                pending = pending_data(bytes, tag, value, stop, index);
            }
        }
        in_body |= class & class_bit::HEADER == 0;
        if stop == value {
            index.note(Defect::EmptyValue { tag });
        }
        if index.len() == FIELDS_MAX {
            index.note(Defect::TooManyFields);
            return;
        }
        index.push(Field { tag, start: value as u32, end: stop as u32 });
        at = stop + 1;
    }
}

/// Notes a field without a valid tag, and returns the offset of the next field.
#[cold]
fn bad_field(bytes: &[u8], at: usize, end: usize, index: &mut FieldIndex) -> usize {
    let stop = find_soh(bytes, at).unwrap_or(end).min(end - 1);
    let field = bytes.get(at..stop).unwrap_or(&[]);
    match field.iter().position(|byte| *byte == b'=') {
        Some(equals) => {
            index.note(Defect::InvalidTag { start: at as u32, end: (at + equals) as u32 });
        }
        None => index.note(Defect::NoTag),
    }
    stop + 1
}

/// The data field that must follow the length field `tag`, and its length in bytes.
fn pending_data(
    bytes: &[u8],
    tag: u32,
    start: usize,
    stop: usize,
    index: &mut FieldIndex,
) -> Option<(u32, usize)> {
    let data_tag = data_tag_of(tag)?;
    let length = bytes.get(start..stop).and_then(parse_u64).and_then(|n| usize::try_from(n).ok());
    if length.is_none() {
        index.note(Defect::DataLength { tag });
    }
    Some((data_tag, length?))
}

/// The end of a data field of `length` bytes; `None` when there is no SOH.
fn data_end(
    bytes: &[u8],
    tag: u32,
    start: usize,
    length: usize,
    end: usize,
    index: &mut FieldIndex,
) -> Option<usize> {
    let stop = start.checked_add(length).filter(|stop| *stop < end);
    let stop = stop.filter(|stop| bytes.get(*stop) == Some(&SOH));
    if stop.is_none() {
        index.note(Defect::DataLength { tag });
    }
    stop
}
