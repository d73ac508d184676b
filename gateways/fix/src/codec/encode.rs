//! Writes one message behind the bytes that the caller's buffer already has.
//!
//! `BodyLength` is known last. Three digits are left free for it, enough for nearly every message;
//! a shorter or longer length moves the body by a byte or two. Our numbers have no leading zeros.
//!
//! The buffer is kept longer than the written bytes, so that short values are copied in blocks of
//! constant size. That is much cheaper than as many copies of variable length.
//!
//! A line belongs here if it writes bytes of one message. Header fields are `session`.

use super::decode::checksum;
use super::value::{Decimal, Text, TimePrecision};
use super::{MESSAGE_BYTES_MAX, SOH, TRAILER_BYTES};
use crate::tags;

/// Why a message could not be written. The buffer is as it was before [`Encoder::begin`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// Longer than [`MESSAGE_BYTES_MAX`].
    #[error("message of {bytes} bytes is longer than {MESSAGE_BYTES_MAX}")]
    TooLong {
        /// The length that it would have, in bytes.
        bytes: usize,
    },
}

const LENGTH_DIGITS: usize = 3;
const TAG_TEXTS: usize = 2048;

/// `tag=` of the small tags, left-aligned; the last byte is the length of the text.
static TAG_TEXT: [[u8; 8]; TAG_TEXTS] = {
    let mut table = [[0; 8]; TAG_TEXTS];
    let mut tag = 1;
    while tag < TAG_TEXTS {
        let mut digits = 1;
        let mut bound = 10;
        while tag >= bound {
            digits += 1;
            bound *= 10;
        }
        let mut rest = tag;
        let mut at = digits;
        while at > 0 {
            at -= 1;
            table[tag][at] = b'0' + (rest % 10) as u8;
            rest /= 10;
        }
        table[tag][digits] = b'=';
        table[tag][7] = digits as u8 + 1;
        tag += 1;
    }
    table
};

/// Bytes by which the buffer is kept longer than the written bytes.
const SLACK: usize = 512;

/// The largest block that is written at once: a tag, its value and SOH.
const BLOCK: usize = 96;

/// Largest scale whose decimals always fit into a block.
const BLOCK_SCALE_MAX: u8 = 32;

/// Longest value that is written as part of a block.
const SHORT: usize = 16;

/// One message that is being written. It is complete after [`Encoder::finish`].
///
/// Values given to [`field`](Self::field) and [`raw`](Self::raw) must have no SOH: they are our
/// own, or come from a decoded field. Text of any other origin goes through [`text`](Self::text).
#[derive(Debug)]
#[must_use = "a message that is not finished is garbage in the buffer"]
pub struct Encoder<'a> {
    out: &'a mut Vec<u8>,
    start: usize,
    body: usize,
    /// End of the written bytes; the buffer may be longer.
    end: usize,
}

impl<'a> Encoder<'a> {
    /// Starts a message: fields 8, 9 (its number comes later) and 35.
    pub fn begin(out: &'a mut Vec<u8>, begin_string: &[u8], msg_type: &[u8]) -> Self {
        let start = out.len();
        out.extend_from_slice(b"8=");
        out.extend_from_slice(begin_string);
        out.extend_from_slice(b"\x019=000\x01");
        let body = out.len();
        let mut encoder = Self { out, start, body, end: body };
        encoder.field(tags::MSG_TYPE, msg_type);
        encoder
    }

    /// A block of [`BLOCK`] bytes after the written bytes.
    #[inline]
    fn block(&mut self) -> &mut [u8; BLOCK] {
        if self.out.len() < self.end + BLOCK {
            self.out.resize(self.end + SLACK, 0);
        }
        match self.out.get_mut(self.end..).and_then(|rest| rest.first_chunk_mut::<BLOCK>()) {
            Some(block) => block,
            None => unreachable!("the buffer was just made long enough"),
        }
    }

    /// Appends bytes of any length.
    fn append(&mut self, bytes: &[u8]) {
        self.out.truncate(self.end);
        self.out.extend_from_slice(bytes);
        self.end = self.out.len();
    }

    /// Writes a field of bounded length; `value` writes the bytes after its tag.
    #[inline]
    fn short(&mut self, tag: u32, value: impl FnOnce(&mut Text<'_>)) {
        let known = TAG_TEXT.get(tag as usize);
        let block = self.block();
        let mut text = Text::new(block, 0);
        if let Some(tag) = known {
            // The last of the eight bytes is the length, and will be overwritten.
            text.word(u64::from_le_bytes(*tag), usize::from(tag[7]));
        } else {
            text.number(u64::from(tag));
            text.push(b'=');
        }
        value(&mut text);
        text.push(SOH);
        self.end += text.len();
    }

    /// One field of any length.
    fn long(&mut self, tag: u32, value: &[u8]) {
        self.short(tag, |_| ());
        // The byte of the SOH after the tag makes room for the value.
        self.end -= 1;
        self.append(value);
        self.append(&[SOH]);
    }

    /// A field of trusted bytes; see the type's text.
    #[inline]
    pub fn field(&mut self, tag: u32, value: &[u8]) -> &mut Self {
        debug_assert!(!value.is_empty() && !value.contains(&SOH), "tag {tag} is empty or split");
        if value.len() > SHORT {
            self.long(tag, value);
            return self;
        }
        self.short(tag, |text| {
            // Two words that overlap cover every length from eight to sixteen.
            if let (Some(head), Some(tail)) = (value.first_chunk(), value.last_chunk()) {
                text.word(u64::from_le_bytes(*head), value.len() - 8);
                text.word(u64::from_le_bytes(*tail), 8);
            } else {
                for byte in value {
                    text.push(*byte);
                }
            }
        });
        self
    }

    /// A field of text of any origin: bytes that are not printable ASCII become `?`. Empty text
    /// becomes `?` as well, because FIX allows no empty field.
    pub fn text(&mut self, tag: u32, value: &str) -> &mut Self {
        self.long(tag, if value.is_empty() { b"?" } else { value.as_bytes() });
        let from = self.end - 1 - value.len().max(1);
        for byte in self.out.iter_mut().take(self.end - 1).skip(from) {
            if !(0x20..0x7f).contains(byte) {
                *byte = b'?';
            }
        }
        self
    }

    /// A field of one character.
    #[inline]
    pub fn char(&mut self, tag: u32, value: u8) -> &mut Self {
        self.short(tag, |text| text.push(value));
        self
    }

    /// `Y` or `N`.
    #[inline]
    pub fn bool(&mut self, tag: u32, value: bool) -> &mut Self {
        self.char(tag, if value { b'Y' } else { b'N' })
    }

    /// A signed integer.
    pub fn int(&mut self, tag: u32, value: i64) -> &mut Self {
        self.decimal(tag, value, 0)
    }

    /// An unsigned integer.
    #[inline]
    pub fn uint(&mut self, tag: u32, value: u64) -> &mut Self {
        self.short(tag, |text| text.number(value));
        self
    }

    /// `mantissa / 10^scale`, with exactly `scale` decimals.
    #[inline]
    pub fn decimal(&mut self, tag: u32, mantissa: i64, scale: u8) -> &mut Self {
        if scale <= BLOCK_SCALE_MAX {
            self.short(tag, |text| text.decimal(mantissa, scale));
        } else {
            // No real number has so many decimals; this may allocate.
            let mut value = Vec::new();
            super::value::write_decimal(&mut value, mantissa, scale);
            self.long(tag, &value);
        }
        self
    }

    /// A [`Decimal`] as it was written.
    pub fn number(&mut self, tag: u32, value: Decimal) -> &mut Self {
        self.decimal(tag, value.mantissa, value.scale)
    }

    /// A `UTCTimestamp` from nanoseconds since the Unix epoch.
    #[inline]
    pub fn timestamp(&mut self, tag: u32, unix_ns: u64, precision: TimePrecision) -> &mut Self {
        self.short(tag, |text| text.timestamp(unix_ns, precision));
        self
    }

    /// A `UTCDateOnly` and a `UTCTimeOnly` from nanoseconds since the Unix epoch.
    pub fn date_and_time(
        &mut self,
        [date_tag, time_tag]: [u32; 2],
        unix_ns: u64,
        precision: TimePrecision,
    ) -> &mut Self {
        self.short(date_tag, |text| text.date(unix_ns));
        self.short(time_tag, |text| text.time(unix_ns, precision));
        self
    }

    /// A length field and its data field, which may hold any bytes.
    pub fn data(&mut self, length_tag: u32, data_tag: u32, value: &[u8]) -> &mut Self {
        self.uint(length_tag, value.len() as u64);
        self.long(data_tag, value);
        self
    }

    /// Whole fields that are already rendered, each ended by SOH.
    pub fn raw(&mut self, fields: &[u8]) -> &mut Self {
        debug_assert!(fields.is_empty() || fields.ends_with(&[SOH]), "fields without an end");
        if !fields.is_empty() {
            self.append(fields);
        }
        self
    }

    /// Length of the fields from 35 on that have been written so far, in bytes.
    pub fn body_len(&self) -> usize {
        self.end - self.body
    }

    /// The fields from 35 on that have been written so far.
    pub fn body(&self) -> &[u8] {
        self.out.get(self.body..self.end).unwrap_or(&[])
    }

    /// Writes `BodyLength` and `CheckSum`; returns the length of the message in bytes.
    ///
    /// # Errors
    /// [`EncodeError::TooLong`]: the buffer is cut back to its earlier bytes.
    pub fn finish(mut self) -> Result<usize, EncodeError> {
        self.out.truncate(self.end);
        let length = self.body_len();
        let total = self.body - self.start + length + TRAILER_BYTES;
        if total > MESSAGE_BYTES_MAX {
            self.out.truncate(self.start);
            return Err(EncodeError::TooLong { bytes: total });
        }
        let digits = match length {
            0..=9 => 1,
            10..=99 => 2,
            100..=999 => 3,
            1_000..=9_999 => 4,
            _ => 5,
        };
        if digits != LENGTH_DIGITS {
            self.move_body(length, digits);
        }
        // The digits end before the SOH that precedes the body.
        let body = self.body + digits - LENGTH_DIGITS;
        let mut rest = length;
        for place in self.out.iter_mut().take(body - 1).rev().take(digits) {
            *place = b'0' + (rest % 10) as u8;
            rest /= 10;
        }
        let sum = checksum(self.out.get(self.start..).unwrap_or(&[]));
        let digit = |number: u8| b'0' + number % 10;
        let trailer = [b'1', b'0', b'=', digit(sum / 100), digit(sum / 10), digit(sum), SOH];
        self.out.extend_from_slice(&trailer);
        Ok(self.out.len() - self.start)
    }

    /// Moves the body so that `digits` digits and SOH fit before it.
    #[cold]
    fn move_body(&mut self, length: usize, digits: usize) {
        let to = self.body + digits - LENGTH_DIGITS;
        if to > self.body {
            self.out.resize(to + length, SOH);
        }
        self.out.copy_within(self.body..self.body + length, to);
        self.out.truncate(to + length);
        if let Some(end_of_length) = self.out.get_mut(to - 1) {
            *end_of_length = SOH;
        }
    }
}
