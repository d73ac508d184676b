//! The records of one segment: reading them in their order, and finding the bytes that are none.
//!
//! Pure: bytes in, records and damaged places out. A line belongs here if it needs the bytes of one
//! segment and no file. The layout is described in `mmap`.

use super::Entry;
use super::contents::{Key, SEGMENT_HEADER_BYTES};

/// Bytes of a commit word.
pub(super) const COMMIT_BYTES: usize = 8;
/// Bytes of the commit word and the five numbers.
pub(super) const RECORD_HEADER_BYTES: usize = 48;

/// Stands behind the last record of a segment that is full: a commit word of no bytes. No record
/// has it, because the shortest record has the five numbers.
pub(super) const CLOSED: u64 = 0xc105_ed00 << 32;

/// Bytes that the search for the next record behind a damaged place computes checksums of. With
/// more, the rest of the segment counts as damaged.
pub(super) const SEARCHED_BYTES_MAX: usize = 64 << 20;
/// The same for a store in use, between two marks.
const SEARCHED_IN_USE_BYTES_MAX: usize = 1 << 20;

/// A message with the reset count under which it was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Record<'a> {
    pub entry: Entry<'a>,
    pub epoch: u64,
}

impl Record<'_> {
    /// Its place in the order of the messages.
    pub const fn key(&self) -> Key {
        (self.epoch, self.entry.seq)
    }
}

/// What comes next in a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step<'a> {
    /// A record that begins at a byte.
    Record { at: usize, record: Record<'a> },
    /// Bytes that were written once and are no record.
    Damage { at: usize, bytes: usize },
    /// The place of the next record. `torn`: a crash has left part of a record there.
    End { at: usize, torn: bool },
}

/// What is known about a segment before it is read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Expected {
    /// Reset count and number of the last record before: records ascend.
    pub after: Key,
    /// The newest reset count. A record with a higher one is not this store's.
    pub epoch_max: u64,
    /// The segment that is being written. Any other must end with [`CLOSED`], or be full.
    pub newest: bool,
    /// False for a segment of layout 1, which has no [`CLOSED`].
    pub closes: bool,
}

/// Reads one segment. [`Scan::next`] returns [`Step::End`] once and for all.
pub(super) struct Scan<'a> {
    bytes: &'a [u8],
    at: usize,
    expected: Expected,
    /// Bytes that the search may still compute checksums of.
    searchable_bytes: usize,
}

impl<'a> Scan<'a> {
    pub const fn new(bytes: &'a [u8], expected: Expected) -> Self {
        let searchable_bytes = SEARCHED_BYTES_MAX;
        Self { bytes, at: SEGMENT_HEADER_BYTES, expected, searchable_bytes }
    }

    pub fn next(&mut self) -> Step<'a> {
        let at = self.at;
        if let Some((record, bytes)) = self.record_at(at) {
            self.at = at + bytes;
            self.expected.after = (record.epoch, record.entry.seq);
            return Step::Record { at, record };
        }
        let Some(word) = number_at(self.bytes, at) else {
            return Step::End { at, torn: false };
        };
        let Expected { newest, closes, .. } = self.expected;
        if word == CLOSED && !newest {
            return Step::End { at, torn: false };
        }
        let behind = self.bytes.get(at + COMMIT_BYTES..).unwrap_or(&[]);
        let last = behind.iter().rposition(|byte| *byte != 0);
        // A crash while the next segment is begun leaves the newest one closed.
        let uncommitted = word == 0 || word == CLOSED;
        if uncommitted && last.is_none() && (newest || !closes) {
            return Step::End { at, torn: false };
        }
        if let Some(next) = self.find_record(at) {
            self.at = next;
            return Step::Damage { at, bytes: next - at };
        }
        if uncommitted && (newest || !closes) {
            // A record is committed last. This one never was, so nobody has seen it.
            return Step::End { at, torn: true };
        }
        // Damaged bytes stay as they are: new records come behind them.
        let written = last.map_or(0, |last| last + 1).next_multiple_of(8);
        let bytes = if newest { COMMIT_BYTES + written } else { self.bytes.len() - at };
        self.at = (at + bytes).min(self.bytes.len());
        self.expected.newest = true;
        Step::Damage { at, bytes: self.at - at }
    }

    /// The record at `at` and its padded length, if it may follow the records before.
    fn record_at(&self, at: usize) -> Option<(Record<'a>, usize)> {
        let (record, bytes) = read_record(self.bytes, at)?;
        let place = (record.epoch, record.entry.seq);
        let follows = place > self.expected.after && record.epoch <= self.expected.epoch_max;
        follows.then_some((record, bytes))
    }

    /// Where the first record behind a damaged one begins.
    fn find_record(&mut self, damaged: usize) -> Option<usize> {
        // Mostly the length is right and the record itself is not.
        if let Some(bytes) = record_bytes(self.bytes, damaged) {
            let next = damaged + bytes;
            let closed = number_at(self.bytes, next) == Some(CLOSED);
            if closed || self.record_at(next).is_some() {
                return Some(next);
            }
        }
        let mut at = damaged + 8;
        while at + RECORD_HEADER_BYTES <= self.bytes.len() {
            if number_at(self.bytes, at) == Some(CLOSED) && self.is_zero_from(at + 8) {
                return Some(at);
            }
            if let Some(bytes) = record_bytes(self.bytes, at) {
                self.searchable_bytes = self.searchable_bytes.checked_sub(bytes)?;
                if self.record_at(at).is_some() {
                    return Some(at);
                }
            }
            at += 8;
        }
        None
    }

    fn is_zero_from(&self, at: usize) -> bool {
        self.bytes.get(at..).is_none_or(|rest| rest.iter().all(|byte| *byte == 0))
    }
}

/// Where reading goes on behind a record at `damaged` that was sound once: at the next sound record
/// above `after`, or at the end of `bytes`.
pub(super) fn behind_damage(bytes: &[u8], damaged: usize, after: Key) -> usize {
    let expected = Expected { after, epoch_max: u64::MAX, newest: true, closes: true };
    let searchable_bytes = SEARCHED_IN_USE_BYTES_MAX;
    let mut scan = Scan { bytes, at: damaged, expected, searchable_bytes };
    scan.find_record(damaged).unwrap_or(bytes.len())
}

pub(super) fn number_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk::<8>()?))
}

/// Padded length of the record at `at`, by its commit word alone; `None` if no record can have it.
fn record_bytes(bytes: &[u8], at: usize) -> Option<usize> {
    let length = (number_at(bytes, at)? & u64::from(u32::MAX)) as usize;
    let padded = COMMIT_BYTES.checked_add(length)?.checked_next_multiple_of(8)?;
    let fits =
        length >= RECORD_HEADER_BYTES - COMMIT_BYTES && at.checked_add(padded)? <= bytes.len();
    fits.then_some(padded)
}

/// The record at `at` and its padded length, after its checksum was verified.
pub(super) fn read_record(bytes: &[u8], at: usize) -> Option<(Record<'_>, usize)> {
    let padded = record_bytes(bytes, at)?;
    let commit = number_at(bytes, at)?;
    let length = (commit & u64::from(u32::MAX)) as usize;
    let rest = bytes.get(at + COMMIT_BYTES..at + COMMIT_BYTES + length)?;
    if u64::from(crc32c::crc32c(rest)) != commit >> 32 {
        return None;
    }
    let (head, tail) = rest.split_at_checked(RECORD_HEADER_BYTES - COMMIT_BYTES)?;
    let (msg_type, body) = tail.split_at_checked(usize::try_from(number_at(head, 32)?).ok()?)?;
    let entry = Entry {
        seq: number_at(head, 0)?,
        event_no: number_at(head, 8)?,
        sending_ns: number_at(head, 16)?,
        msg_type,
        body,
    };
    Some((Record { entry, epoch: number_at(head, 24)? }, padded))
}
