//! Reading a journal from its first record, and deciding where the journal ends.
//!
//! A line belongs here if it decides what bytes mean for the journal as a whole: a record, a clean
//! end, a torn tail, or damage. Recovery reads through the same code, so a reader and a writer
//! agree on the last record. `recovery` repairs the end.
//!
//! One rule decides every case. A record at or below the durable mark must be valid, or the journal
//! is refused. Above the durable mark, the first bytes that are not the next record end the
//! journal.

use crate::error::{ChainFault, JournalFault, ReadError};
use crate::format::{
    Parsed, RECORD_HEADER_BYTES, RecordFault, RecordHeader, SegmentHeader, Unreadable, chain_step,
    is_blank, is_segment_size, parse_record, record_bytes,
};
use crate::mark::{FoundMark, read_mark};
use crate::storage::Source;

/// Bytes of a segment without a header that are searched for records whose header was lost. The
/// search decides only whether the end is reported as torn: recovery removes the segment anyway.
const NOT_BEGUN_SEARCH_BYTES: usize = 1 << 20;

/// One record. The body is borrowed from the mapped segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// Position in the journal, from 1, without a gap.
    pub sequence: u64,
    /// Time that the caller of `append` gave, nanoseconds.
    pub time_ns: u64,
    /// Kind of the body, defined by the caller of `append`.
    pub kind: u16,
    /// Version of the body's encoding, defined by the caller of `append`.
    pub schema: u16,
    /// The body, 0 to [`BODY_BYTES_MAX`](crate::BODY_BYTES_MAX) bytes.
    pub body: &'a [u8],
}

/// A torn tail: bytes after the last record that are not a record, above the durable mark.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// Path of the file in which the torn tail begins.
    pub file: String,
    /// Byte offset in that file.
    pub offset: u64,
    /// Sequence that the next record would have had.
    pub sequence: u64,
    /// What is wrong with the bytes at `offset`.
    pub fault: RecordFault,
    /// Bytes from `offset` to the last byte of this file that is not zero.
    pub bytes: u64,
    /// Number of later segments that are removed too.
    pub segments: usize,
}

/// How a journal ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// Only zeros follow the last record.
    Clean,
    /// A torn tail follows, which recovery cuts. Beside a live writer this may be a record that is
    /// being written.
    Torn(Cut),
}

/// Reads records in order. A reader takes no lock, so it may run beside the writer.
#[derive(Debug)]
pub struct Reader<S: Source> {
    source: S,
    mark: Option<FoundMark>,
    segments: Vec<u64>,
    /// The segment being read; `None` before the first segment.
    current: Option<Current<S::View>>,
    next_sequence: u64,
    chain: u64,
    end: Option<End>,
    /// Set by [`Reader::refresh`]: a live writer is appending.
    following: bool,
    /// Index and size of each segment with records above the durable mark.
    unsynced: Vec<(u64, usize)>,
}

#[derive(Debug)]
struct Current<V> {
    view: V,
    header: SegmentHeader,
    seed: u32,
    segment_bytes: usize,
    offset: usize,
}

/// State of the segment after the current one.
enum NextSegment<V> {
    /// The file does not exist, or was prepared and has no header yet.
    NotBegun,
    /// The header is torn or damaged.
    Torn,
    /// The header is valid and belongs to this journal.
    Begun(Current<V>),
}

impl<S: Source> Reader<S> {
    /// Opens a journal at its first record. An empty storage reads as an empty journal.
    ///
    /// # Errors
    /// [`ReadError`]: the mark is damaged or missing, or the storage failed.
    pub fn open(source: S) -> Result<Self, ReadError> {
        let segments = source.list_segments()?;
        let mark = read_mark(&source, segments.len())?;
        Ok(Self {
            source,
            mark,
            segments,
            current: None,
            next_sequence: 1,
            chain: 0,
            end: None,
            following: false,
            unsynced: Vec::new(),
        })
    }

    /// The next record; `None` at the end of the journal, which [`Reader::end`] then describes.
    ///
    /// # Errors
    /// [`JournalFault::Damaged`] names file, offset and sequence; [`JournalFault::ChainBroken`]
    /// names file and sequence.
    #[inline]
    #[allow(clippy::should_implement_trait, reason = "lends the record, which Iterator cannot")]
    pub fn next(&mut self) -> Result<Option<Record<'_>>, ReadError> {
        let Some((header, body_at, body_bytes)) = self.advance()? else { return Ok(None) };
        let file = self.current.as_ref().map_or(&[][..], |current| current.view.as_ref());
        Ok(Some(Record {
            sequence: header.sequence,
            time_ns: header.time_ns,
            kind: header.kind,
            schema: header.schema,
            body: &file[body_at..body_at + body_bytes],
        }))
    }

    /// Advances over the next record. Returns its header, and offset and length of its body.
    #[inline]
    fn advance(&mut self) -> Result<Option<(RecordHeader, usize, usize)>, ReadError> {
        loop {
            let mut fault = None;
            if let Some(current) = &mut self.current {
                let (file, offset) = (current.view.as_ref(), current.offset);
                let (limit, seed) = (current.segment_bytes, current.seed);
                match parse_record(file, offset, limit, seed, self.next_sequence) {
                    Parsed::Record { header, checksum, body_bytes } => {
                        current.offset += record_bytes(body_bytes);
                        self.next_sequence += 1;
                        self.chain = chain_step(self.chain, checksum, body_bytes);
                        return Ok(Some((header, offset + RECORD_HEADER_BYTES, body_bytes)));
                    }
                    Parsed::Bad(bad) => fault = Some(bad),
                    Parsed::Blank | Parsed::NoRoom => {}
                }
            }
            if !self.pass_end_of_segment(fault)? {
                return Ok(None);
            }
        }
    }

    /// How the journal ends; `None` until [`Reader::next`] has returned `None`.
    pub fn end(&self) -> Option<&End> {
        self.end.as_ref()
    }

    /// Sequence of the last record that was read; 0 before the first record.
    pub fn last_sequence(&self) -> u64 {
        self.next_sequence - 1
    }

    /// The durable mark at the time of opening or of the last refresh.
    pub fn durable(&self) -> u64 {
        self.mark.map_or(0, |found| found.mark.durable)
    }

    /// Hash over all records read so far and their order (`FORMAT.md`, section 3). Equal journals
    /// have equal values.
    pub fn chain(&self) -> u64 {
        self.chain
    }

    /// Continues after the end, with the records that a live writer has appended since. From then
    /// on the reader checks only the next record, and not whether other bytes follow the end.
    ///
    /// # Errors
    /// As [`Reader::open`].
    pub fn refresh(&mut self) -> Result<(), ReadError> {
        self.segments = self.source.list_segments()?;
        self.mark = read_mark(&self.source, self.segments.len())?;
        if let Some(current) = &mut self.current {
            current.view = self.source.view_segment(current.header.index)?;
        }
        self.following = true;
        self.end = None;
        Ok(())
    }

    /// Handles the end of the current segment's records. Returns `true` if the reader has entered
    /// the next segment, `false` at the journal's end.
    #[cold]
    fn pass_end_of_segment(&mut self, found: Option<RecordFault>) -> Result<bool, ReadError> {
        if self.end.is_some() {
            return Ok(false);
        }
        if let Some(fault) = found.or_else(|| self.fault_in_tail()) {
            return self.stop_at(fault);
        }
        let next_index = self.next_index();
        match self.classify(next_index)? {
            NextSegment::NotBegun if self.durable() >= self.next_sequence => {
                Err(self.damaged(RecordFault::Missing))
            }
            NextSegment::NotBegun => self.stop(None),
            NextSegment::Torn if self.durable() >= self.next_sequence => {
                Err(JournalFault::Damaged {
                    file: self.source.segment_name(next_index),
                    offset: 0,
                    sequence: self.next_sequence,
                    durable: self.durable(),
                    fault: RecordFault::SegmentHeader,
                }
                .into())
            }
            NextSegment::Torn => self.stop(Some(RecordFault::SegmentHeader)),
            NextSegment::Begun(next) if next.header.first_sequence > self.next_sequence => {
                self.stop_at(RecordFault::Missing)
            }
            NextSegment::Begun(next) => {
                self.enter(next)?;
                Ok(true)
            }
        }
    }

    /// Checks the bytes after the last record of the current segment: they must all be zero, up to
    /// the segment's full size.
    fn fault_in_tail(&self) -> Option<RecordFault> {
        let current = self.current.as_ref()?;
        let file = current.view.as_ref();
        if !self.following && !is_blank(file.get(current.offset..).unwrap_or_default()) {
            return Some(RecordFault::Hole);
        }
        (file.len() < current.segment_bytes).then_some(RecordFault::CutOff)
    }

    fn enter(&mut self, next: Current<S::View>) -> Result<(), ReadError> {
        let found = next.header.first_sequence;
        if found != self.next_sequence {
            return Err(self.chain_broken(next.header.index, ChainFault::FirstSequence { found }));
        }
        if next.header.previous_hash != self.chain {
            return Err(self.chain_broken(next.header.index, ChainFault::PreviousHash));
        }
        if found <= self.durable() + 1 {
            self.unsynced.clear();
        }
        self.unsynced.push((next.header.index, next.segment_bytes));
        self.chain = next.header.chain_start(next.seed);
        S::read_ahead(&next.view);
        self.current = Some(next);
        Ok(())
    }

    fn next_index(&self) -> u64 {
        self.current.as_ref().map_or(0, |current| current.header.index + 1)
    }

    fn classify(&self, index: u64) -> Result<NextSegment<S::View>, ReadError> {
        if self.segments.binary_search(&index).is_err() {
            if self.segments.last().is_some_and(|last| *last > index) {
                return Err(self.chain_broken(index, ChainFault::Missing));
            }
            return Ok(NextSegment::NotBegun);
        }
        let view = self.source.view_segment(index)?;
        let file = || self.source.segment_name(index);
        let (header, seed) = match SegmentHeader::decode(view.as_ref()) {
            Ok(decoded) => decoded,
            Err(Unreadable::Blank) => return Ok(NextSegment::NotBegun),
            Err(Unreadable::Damaged) => return Ok(NextSegment::Torn),
            Err(Unreadable::OtherMachine) => {
                return Err(JournalFault::OtherMachine { file: file() }.into());
            }
            Err(Unreadable::OtherVersion(found)) => {
                return Err(JournalFault::OtherVersion { file: file(), found }.into());
            }
            Err(Unreadable::OtherLayout) => {
                return Err(JournalFault::OtherLayout { file: file() }.into());
            }
        };
        if let Some(fault) = self.misplaced(index, &header, view.as_ref().len() as u64) {
            return Err(self.chain_broken(index, fault));
        }
        let segment_bytes = header.segment_bytes as usize;
        let offset = crate::format::SEGMENT_HEADER_BYTES;
        Ok(NextSegment::Begun(Current { view, header, seed, segment_bytes, offset }))
    }

    /// Checks the fields of a valid header against its place `index` in the chain.
    fn misplaced(&self, index: u64, header: &SegmentHeader, length: u64) -> Option<ChainFault> {
        let found = self.mark?;
        let epoch_before = self.current.as_ref().map_or(1, |current| current.header.epoch);
        // If a slot of the mark is lost, the newest epoch is not known.
        let epoch_newest = if found.slot_lost { u64::MAX } else { found.mark.epoch };
        if header.journal_id != found.mark.journal_id {
            Some(ChainFault::Foreign)
        } else if header.index != index {
            Some(ChainFault::Index { found: header.index })
        } else if header.epoch < epoch_before || header.epoch > epoch_newest {
            Some(ChainFault::Epoch { found: header.epoch })
        } else if !is_segment_size(header.segment_bytes) || length > header.segment_bytes {
            Some(ChainFault::Size { found: length.max(header.segment_bytes) })
        } else {
            None
        }
    }

    fn chain_broken(&self, index: u64, fault: ChainFault) -> ReadError {
        let file = self.source.segment_name(index);
        JournalFault::ChainBroken { file, sequence: self.next_sequence, fault }.into()
    }

    fn position(&self) -> (String, u64) {
        match &self.current {
            Some(current) => {
                (self.source.segment_name(current.header.index), current.offset as u64)
            }
            None => (self.source.segment_name(0), 0),
        }
    }

    fn damaged(&self, fault: RecordFault) -> ReadError {
        let (file, offset) = self.position();
        let (sequence, durable) = (self.next_sequence, self.durable());
        JournalFault::Damaged { file, offset, sequence, durable, fault }.into()
    }

    /// Ends the journal at a fault in the current segment, unless a durable record is affected.
    fn stop_at(&mut self, fault: RecordFault) -> Result<bool, ReadError> {
        if self.durable() >= self.next_sequence {
            return Err(self.damaged(fault));
        }
        self.stop(Some(fault))
    }

    /// Ends the journal after the last record, and counts the later segments that are removed. A
    /// segment of another journal is an error, because recovery must not remove it.
    fn stop(&mut self, fault: Option<RecordFault>) -> Result<bool, ReadError> {
        let mut removed = 0;
        let from = self.next_index();
        let to = self.segments.last().map_or(from, |last| last + 1);
        for index in from..to {
            match self.classify(index)? {
                NextSegment::NotBegun => removed += usize::from(!self.is_blank_segment(index)?),
                NextSegment::Torn | NextSegment::Begun(_) => removed += 1,
            }
        }
        let fault = fault.or((removed > 0).then_some(RecordFault::SegmentHeader));
        self.end = Some(match fault {
            None => End::Clean,
            Some(fault) => End::Torn(self.cut(fault, removed)),
        });
        Ok(false)
    }

    /// True if a segment without a header has only zeros where its first records would be.
    fn is_blank_segment(&self, index: u64) -> Result<bool, ReadError> {
        if self.following || self.segments.binary_search(&index).is_err() {
            return Ok(true);
        }
        let view = self.source.view_segment(index)?;
        let file = view.as_ref();
        Ok(is_blank(&file[..file.len().min(NOT_BEGUN_SEARCH_BYTES)]))
    }

    fn cut(&self, fault: RecordFault, segments: usize) -> Cut {
        let sequence = self.next_sequence;
        if fault == RecordFault::SegmentHeader {
            let file = self.source.segment_name(self.next_index());
            return Cut { file, offset: 0, sequence, fault, bytes: 0, segments };
        }
        let (file, offset) = self.position();
        let rest = self.current.as_ref().and_then(|c| c.view.as_ref().get(c.offset..));
        let last = rest.and_then(|rest| rest.iter().rposition(|byte| *byte != 0));
        let bytes = last.map_or(0, |last| last as u64 + 1);
        Cut { file, offset, sequence, fault, bytes, segments }
    }

    /// The end of the journal for recovery. Call it after [`Reader::next`] has returned `None`.
    pub(crate) fn into_tail(self) -> Tail {
        let cut = match self.end {
            Some(End::Torn(cut)) => Some(cut),
            Some(End::Clean) | None => None,
        };
        Tail {
            mark: self.mark,
            last: self.current.map(|current| LastSegment {
                header: current.header,
                seed: current.seed,
                offset: current.offset,
            }),
            segments: self.segments,
            unsynced: self.unsynced,
            next_sequence: self.next_sequence,
            chain: self.chain,
            cut,
        }
    }
}

/// The end of a journal, as recovery needs it.
#[derive(Debug)]
pub(crate) struct Tail {
    pub mark: Option<FoundMark>,
    /// The last valid segment; `None` in a journal without segments.
    pub last: Option<LastSegment>,
    /// Indices of all segment files, ascending.
    pub segments: Vec<u64>,
    /// Index and size of each segment with records above the durable mark.
    pub unsynced: Vec<(u64, usize)>,
    pub next_sequence: u64,
    pub chain: u64,
    pub cut: Option<Cut>,
}

/// The last valid segment of a journal.
#[derive(Debug)]
pub(crate) struct LastSegment {
    pub header: SegmentHeader,
    /// Seed of the record checksums: the checksum of the segment header.
    pub seed: u32,
    /// Byte offset of the end of the last record.
    pub offset: usize,
}

/// Result of [`verify`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifyReport {
    /// Number of records, all of them valid and in order.
    pub records: u64,
    /// Sum of the lengths of all bodies, bytes.
    pub body_bytes: u64,
    /// The durable mark.
    pub durable: u64,
    /// Hash over all records and their order (`FORMAT.md`, section 3).
    pub chain: u64,
    /// True if one slot of the mark is torn or damaged and the other one was used.
    pub mark_slot_lost: bool,
    /// How the journal ends.
    pub end: End,
}

/// Reads a whole journal and checks every record.
///
/// # Errors
/// The first damage, as [`Reader::next`] names it.
pub fn verify(source: impl Source) -> Result<VerifyReport, ReadError> {
    verify_with(source, |_, _| {})
}

/// As [`verify`]. `each` is told after each record its sequence, and the durable mark: the last
/// record of a journal that was closed.
///
/// # Errors
/// As [`verify`].
pub fn verify_with(
    source: impl Source,
    mut each: impl FnMut(u64, u64),
) -> Result<VerifyReport, ReadError> {
    let mut reader = Reader::open(source)?;
    let (mut body_bytes, durable) = (0, reader.durable());
    while let Some(record) = reader.next()? {
        body_bytes += record.body.len() as u64;
        each(record.sequence, durable);
    }
    Ok(VerifyReport {
        records: reader.last_sequence(),
        body_bytes,
        durable: reader.durable(),
        chain: reader.chain(),
        mark_slot_lost: reader.mark.is_some_and(|found| found.slot_lost),
        end: reader.end.unwrap_or(End::Clean),
    })
}
