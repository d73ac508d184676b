//! The bytes of the journal: segment header, record and mark, as `FORMAT.md` draws them.
//!
//! A line belongs here if it encodes a value as bytes or decodes bytes into a value. `reader`
//! decides what a bad value means for the journal; `storage` keeps the bytes.
//!
//! Every field is little-endian on every machine.

/// Version of the layouts in this file. A journal of another version is refused.
pub const FORMAT_VERSION: u32 = 1;
/// Marker of the byte order: the bytes in reverse order give another value.
const BYTE_ORDER: u32 = 0x0102_0304;
/// First bytes of a segment.
const SEGMENT_MAGIC: [u8; 8] = *b"RUTTERSG";
/// First bytes of a mark slot.
const MARK_MAGIC: [u8; 8] = *b"RUTTERMK";

/// Bytes of a segment header. The first record begins right after it.
pub const SEGMENT_HEADER_BYTES: usize = 128;
/// Bytes of a record header. The body begins right after it.
pub const RECORD_HEADER_BYTES: usize = 32;
/// A body is padded with zeros to a multiple of this length.
pub const RECORD_ALIGN_BYTES: usize = 8;
/// Longest body, bytes. The largest input is far below 64 KiB, and a damaged length field cannot
/// make a reader process more than this.
pub const BODY_BYTES_MAX: usize = 65_536;
/// Smallest segment, bytes: small enough that a test can cut one at every byte.
pub const SEGMENT_BYTES_MIN: usize = 64 << 10;
/// Largest segment, bytes: the highest size that a reader accepts in a segment header.
pub const SEGMENT_BYTES_MAX: usize = 4 << 30;
/// Segment sizes are multiples of this.
pub const SEGMENT_BYTES_STEP: usize = 4096;
/// Bytes of one mark slot. A slot is one page, so the two slots never share a disk sector.
pub const MARK_SLOT_BYTES: usize = 4096;
/// Number of mark slots. They are written in turn, so a torn write leaves the other slot valid.
pub const MARK_SLOTS: usize = 2;

/// Bytes that a record takes in a segment: header, body and padding.
#[inline]
pub const fn record_bytes(body_bytes: usize) -> usize {
    RECORD_HEADER_BYTES + body_bytes.next_multiple_of(RECORD_ALIGN_BYTES)
}

/// Longest body that fits a segment of this size. In the smallest segments it is below
/// [`BODY_BYTES_MAX`].
pub const fn body_bytes_max(segment_bytes: usize) -> usize {
    let room = segment_bytes - SEGMENT_HEADER_BYTES - RECORD_HEADER_BYTES;
    if room < BODY_BYTES_MAX { room } else { BODY_BYTES_MAX }
}

/// True if a segment may have this size, bytes.
pub(crate) const fn is_segment_size(bytes: u64) -> bool {
    bytes >= SEGMENT_BYTES_MIN as u64
        && bytes <= SEGMENT_BYTES_MAX as u64
        && bytes.is_multiple_of(SEGMENT_BYTES_STEP as u64)
}

/// Sizes on which reader and writer must agree, packed into one word so that one comparison checks
/// all of them.
const LAYOUT: u64 = (RECORD_HEADER_BYTES as u64)
    | (RECORD_ALIGN_BYTES as u64) << 8
    | (SEGMENT_HEADER_BYTES as u64) << 16
    | (BODY_BYTES_MAX as u64) << 32;

#[inline]
fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let mut word = [0; 8];
    word.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(word)
}

#[inline]
fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let mut word = [0; 4];
    word.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(word)
}

fn put(bytes: &mut [u8], at: usize, value: &[u8]) {
    bytes[at..at + value.len()].copy_from_slice(value);
}

/// True if every byte is zero. Compares whole words, because a tail can be many mebibytes long.
pub(crate) fn is_blank(bytes: &[u8]) -> bool {
    let (blocks, rest) = bytes.as_chunks::<64>();
    let is_zero = |block: &[u8; 64]| {
        let words = block.as_chunks::<8>().0;
        words.iter().fold(0, |any, word| any | u64::from_ne_bytes(*word)) == 0
    };
    blocks.iter().all(is_zero) && rest.iter().all(|byte| *byte == 0)
}

/// Folds one record into the chain. For a fixed record the step is a bijection of `chain`, and for
/// a fixed `chain` a bijection of checksum and length. So one difference always changes the result.
#[inline]
pub(crate) const fn chain_step(chain: u64, checksum: u32, body_bytes: usize) -> u64 {
    let word = (checksum as u64) | ((body_bytes as u64) << 32);
    let mixed = (chain ^ word).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    mixed ^ (mixed >> 32)
}

/// Why a segment header or mark slot is not valid in this version of the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unreadable {
    /// All bytes are zero: never written.
    Blank,
    /// The checksum is valid (in one of the byte orders) and the byte-order word is reversed.
    OtherMachine,
    /// The checksum is valid and the version is not [`FORMAT_VERSION`].
    OtherVersion(u32),
    /// Checksum and version are valid and the layout word differs.
    OtherLayout,
    /// Anything else: torn or damaged.
    Damaged,
}

/// Checks the fields that are at the same offset in every version: magic 0..8, version 8..12, byte
/// order 12..16, and in the last four bytes a CRC-32C over all bytes before them.
fn check_envelope(bytes: &[u8], magic: [u8; 8]) -> Result<(), Unreadable> {
    if is_blank(bytes) {
        return Err(Unreadable::Blank);
    }
    let end = bytes.len() - 4;
    let stored = u32_at(bytes, end);
    let computed = crc32c::crc32c(&bytes[..end]);
    let order = u32_at(bytes, 12);
    if bytes[..8] != magic {
        return Err(Unreadable::Damaged);
    }
    if order == BYTE_ORDER.swap_bytes() && (stored == computed || stored.swap_bytes() == computed) {
        return Err(Unreadable::OtherMachine);
    }
    if stored != computed || order != BYTE_ORDER {
        return Err(Unreadable::Damaged);
    }
    match u32_at(bytes, 8) {
        FORMAT_VERSION => Ok(()),
        version => Err(Unreadable::OtherVersion(version)),
    }
}

fn seal_envelope(bytes: &mut [u8], magic: [u8; 8]) -> u32 {
    put(bytes, 0, &magic);
    put(bytes, 8, &FORMAT_VERSION.to_le_bytes());
    put(bytes, 12, &BYTE_ORDER.to_le_bytes());
    let end = bytes.len() - 4;
    let checksum = crc32c::crc32c(&bytes[..end]);
    put(bytes, end, &checksum.to_le_bytes());
    checksum
}

/// Header of a segment: its identity, and the chain value of the segment before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentHeader {
    /// Id of the journal, chosen when it is created; the same in every segment and in the mark.
    pub journal_id: u64,
    /// Position in the chain, from 0; also the file's name.
    pub index: u64,
    /// Number of the opening for writing that began this segment, from 1.
    pub epoch: u64,
    /// Sequence of the first record: the last sequence of the segment before, plus one.
    pub first_sequence: u64,
    /// Chain value at the end of the segment before; 0 in segment 0.
    pub previous_hash: u64,
    /// Size of this segment's file, bytes.
    pub segment_bytes: u64,
}

impl SegmentHeader {
    /// Returns the header's bytes, and the checksum that seeds every record checksum of the
    /// segment.
    pub(crate) fn encode(&self) -> ([u8; SEGMENT_HEADER_BYTES], u32) {
        let mut bytes = [0; SEGMENT_HEADER_BYTES];
        put(&mut bytes, 16, &LAYOUT.to_le_bytes());
        put(&mut bytes, 24, &self.journal_id.to_le_bytes());
        put(&mut bytes, 32, &self.index.to_le_bytes());
        put(&mut bytes, 40, &self.epoch.to_le_bytes());
        put(&mut bytes, 48, &self.first_sequence.to_le_bytes());
        put(&mut bytes, 56, &self.previous_hash.to_le_bytes());
        put(&mut bytes, 64, &self.segment_bytes.to_le_bytes());
        let checksum = seal_envelope(&mut bytes, SEGMENT_MAGIC);
        (bytes, checksum)
    }

    /// Decodes the header at the start of a file. The file may be shorter than a header.
    pub(crate) fn decode(file: &[u8]) -> Result<(Self, u32), Unreadable> {
        let mut bytes = [0; SEGMENT_HEADER_BYTES];
        let there = file.len().min(SEGMENT_HEADER_BYTES);
        bytes[..there].copy_from_slice(&file[..there]);
        check_envelope(&bytes, SEGMENT_MAGIC)?;
        if u64_at(&bytes, 16) != LAYOUT {
            return Err(Unreadable::OtherLayout);
        }
        let header = Self {
            journal_id: u64_at(&bytes, 24),
            index: u64_at(&bytes, 32),
            epoch: u64_at(&bytes, 40),
            first_sequence: u64_at(&bytes, 48),
            previous_hash: u64_at(&bytes, 56),
            segment_bytes: u64_at(&bytes, 64),
        };
        Ok((header, u32_at(&bytes, SEGMENT_HEADER_BYTES - 4)))
    }

    /// The chain value before the first record of this segment. It covers the header, and through
    /// `previous_hash` every earlier segment.
    pub(crate) fn chain_start(&self, checksum: u32) -> u64 {
        chain_step(self.previous_hash, checksum, SEGMENT_HEADER_BYTES)
    }
}

/// One slot of the mark: the sequence up to which the journal is known to be on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Id of the journal, as in every segment.
    pub journal_id: u64,
    /// Number of this write of the mark, from 1. Even generations go to slot 0, odd ones to slot 1.
    pub generation: u64,
    /// Number of the current opening for writing, from 1.
    pub epoch: u64,
    /// Every record up to this sequence was synced before this slot was written.
    pub durable: u64,
}

impl Mark {
    /// Index of the slot that this generation is written to.
    pub(crate) const fn slot(&self) -> usize {
        (self.generation % MARK_SLOTS as u64) as usize
    }

    pub(crate) fn encode(&self) -> [u8; MARK_SLOT_BYTES] {
        let mut bytes = [0; MARK_SLOT_BYTES];
        put(&mut bytes, 16, &self.journal_id.to_le_bytes());
        put(&mut bytes, 24, &self.generation.to_le_bytes());
        put(&mut bytes, 32, &self.epoch.to_le_bytes());
        put(&mut bytes, 40, &self.durable.to_le_bytes());
        seal_envelope(&mut bytes, MARK_MAGIC);
        bytes
    }

    pub(crate) fn decode(slot: &[u8; MARK_SLOT_BYTES]) -> Result<Self, Unreadable> {
        check_envelope(slot, MARK_MAGIC)?;
        Ok(Self {
            journal_id: u64_at(slot, 16),
            generation: u64_at(slot, 24),
            epoch: u64_at(slot, 32),
            durable: u64_at(slot, 40),
        })
    }
}

/// Header fields of a record that the caller gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RecordHeader {
    pub sequence: u64,
    pub time_ns: u64,
    pub kind: u16,
    pub schema: u16,
}

/// Writes header and checksum of a record whose padded body is already in `slot`.
///
/// `slot` is the whole record, `record_bytes(body_bytes)` long. Returns the checksum.
#[inline]
pub(crate) fn seal_record(
    slot: &mut [u8],
    seed: u32,
    header: RecordHeader,
    body_bytes: usize,
) -> u32 {
    let tag = u64::from(header.kind) | u64::from(header.schema) << 16;
    slot[8..16].copy_from_slice(&header.sequence.to_le_bytes());
    slot[16..24].copy_from_slice(&header.time_ns.to_le_bytes());
    slot[24..32].copy_from_slice(&tag.to_le_bytes());
    // One call over one aligned range: a second call would cost more than the hashing itself.
    let checksum = crc32c::crc32c_append(seed ^ body_bytes as u32, &slot[8..]);
    let first = u64::from(checksum) | (body_bytes as u64) << 32;
    slot[..8].copy_from_slice(&first.to_le_bytes());
    checksum
}

/// What is wrong with the bytes at the place of the next record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordFault {
    /// The length is above [`BODY_BYTES_MAX`], or reaches past the end of the segment.
    Length,
    /// The sequence is not the next one.
    Sequence,
    /// The checksum is wrong.
    Checksum,
    /// The file ends inside the record.
    CutOff,
    /// The record header is all zeros, but bytes that are not zero follow.
    Hole,
    /// The record header and all bytes after it are zero, although the mark says more records.
    Missing,
    /// The header of the segment that should hold the record is damaged.
    SegmentHeader,
}

impl core::fmt::Display for RecordFault {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Length => "impossible length",
            Self::Sequence => "wrong sequence",
            Self::Checksum => "wrong checksum",
            Self::CutOff => "file ends inside the record",
            Self::Hole => "zeros here, but other bytes follow",
            Self::Missing => "no record here",
            Self::SegmentHeader => "segment header damaged",
        })
    }
}

/// Result of parsing the bytes at one offset of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Parsed {
    /// A valid record with the expected sequence.
    Record { header: RecordHeader, checksum: u32, body_bytes: usize },
    /// The record header is all zeros: the segment's records end here.
    Blank,
    /// The rest of the segment is shorter than a record header: the segment's records end here.
    NoRoom,
    /// The bytes are neither zeros nor the expected record.
    Bad(RecordFault),
}

/// Parses the record at `offset` of a segment of `segment_bytes`. `file` may be shorter than the
/// segment.
#[inline]
pub(crate) fn parse_record(
    file: &[u8],
    offset: usize,
    segment_bytes: usize,
    seed: u32,
    expected: u64,
) -> Parsed {
    if offset + RECORD_HEADER_BYTES > segment_bytes {
        return Parsed::NoRoom;
    }
    let Some(head) = file.get(offset..offset + RECORD_HEADER_BYTES) else {
        let rest = file.get(offset..).unwrap_or_default();
        return if is_blank(rest) { Parsed::Blank } else { Parsed::Bad(RecordFault::CutOff) };
    };
    let first = u64_at(head, 0);
    let (checksum, body_bytes) = (first as u32, (first >> 32) as usize);
    let header = RecordHeader {
        sequence: u64_at(head, 8),
        time_ns: u64_at(head, 16),
        kind: u64_at(head, 24) as u16,
        schema: (u64_at(head, 24) >> 16) as u16,
    };
    if header.sequence != expected {
        let blank = is_blank(head);
        return if blank { Parsed::Blank } else { Parsed::Bad(RecordFault::Sequence) };
    }
    if body_bytes > BODY_BYTES_MAX || offset + record_bytes(body_bytes) > segment_bytes {
        return Parsed::Bad(RecordFault::Length);
    }
    let Some(covered) = file.get(offset + 8..offset + record_bytes(body_bytes)) else {
        return Parsed::Bad(RecordFault::CutOff);
    };
    if crc32c::crc32c_append(seed ^ body_bytes as u32, covered) != checksum {
        return Parsed::Bad(RecordFault::Checksum);
    }
    Parsed::Record { header, checksum, body_bytes }
}
