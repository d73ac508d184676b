//! Reading a journal from its first record, and judging every place where it may end.
//!
//! A line belongs here if it decides what bytes mean for the journal as a whole: a record, a clean
//! end, a tail to cut, or damage. Recovery reads through the same code, so what a reader is given
//! and what a writer goes on from are the same. Mending what was judged is `recovery`.
//!
//! The rule behind every decision: what lies at or below the durable mark was promised, so anything
//! but its whole record is refused; what lies above it was not, so the first thing that is not the
//! next record ends the journal.

use crate::error::{ChainFault, ReadError, Refusal};
use crate::format::{
    Parsed, RECORD_HEADER_BYTES, RecordFault, RecordHeader, SegmentHeader, Unreadable, chain_step,
    is_blank, is_segment_size, parse_record, record_bytes,
};
use crate::mark::{FoundMark, read_mark};
use crate::storage::Source;

/// How far into a segment without a header one looks for records whose header was lost. It only
/// decides whether the end is called torn: recovery removes such a segment either way.
const NOT_BEGUN_LOOK_BYTES: usize = 1 << 20;

/// One record, its body still where it was mapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// Place in the journal, from 1, without a gap.
    pub sequence: u64,
    /// The time the writer gave, in nanoseconds.
    pub time_ns: u64,
    /// What the body is: the writer's matter.
    pub kind: u16,
    /// In which version of its encoding: the writer's matter.
    pub schema: u16,
    /// The body.
    pub body: &'a [u8],
}

/// Bytes behind the last record that are no record, and were never promised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// The file with the first of them.
    pub file: String,
    /// Where in it they begin.
    pub offset: u64,
    /// The record that would have been next.
    pub sequence: u64,
    /// What stands there.
    pub fault: RecordFault,
    /// From there to the last byte that is not zero, in this file.
    pub bytes: u64,
    /// Later segments that fall with it.
    pub segments: usize,
}

/// How a journal ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// Right behind the last record, with nothing but zeros after it.
    Clean,
    /// In something that recovery cuts off. Beside a live writer also: a record being written.
    Torn(Cut),
}

/// Reads records in order. Takes no lock, so it may run beside the writer.
#[derive(Debug)]
pub struct Reader<S: Source> {
    source: S,
    mark: Option<FoundMark>,
    segments: Vec<u64>,
    /// The segment being read; `None` before the first.
    current: Option<Current<S::View>>,
    next_sequence: u64,
    chain: u64,
    end: Option<End>,
    following: bool,
    /// Segments with records above the durable mark: they are not known to be on disk.
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

/// What stands in place of the next segment.
enum Next<V> {
    /// No file, or one that was made ready and never begun.
    NotBegun,
    /// A header that is torn or damaged.
    Torn,
    /// A segment of this journal.
    Begun(Current<V>),
}

impl<S: Source> Reader<S> {
    /// Opens a journal at its first record. An empty place reads as an empty journal.
    ///
    /// # Errors
    /// [`ReadError`]: the mark cannot be believed, or the storage failed.
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

    /// The next record; `None` at the end, which [`Reader::end`] then describes.
    ///
    /// # Errors
    /// [`Refusal::Damaged`] and [`Refusal::ChainBroken`] name file, offset and sequence.
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

    /// Steps over the next record; returns its header, and place and length of its body.
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

    /// How the journal ends, once [`Reader::next`] has returned `None`.
    pub fn end(&self) -> Option<&End> {
        self.end.as_ref()
    }

    /// Sequence of the last record read; 0 before the first.
    pub fn last_sequence(&self) -> u64 {
        self.next_sequence - 1
    }

    /// The durable mark as it stood when the journal was opened or refreshed.
    pub fn durable(&self) -> u64 {
        self.mark.map_or(0, |found| found.mark.durable)
    }

    /// A value that covers every record read so far and their order: equal for equal journals.
    pub fn chain(&self) -> u64 {
        self.chain
    }

    /// Looks again after the end, for records that a live writer has added since. From then on the
    /// bytes behind the end are not searched for remains, only the next record is.
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

    /// Judges the place behind the last record of a segment: `true` when the next segment was
    /// entered, `false` at the journal's end.
    #[cold]
    fn pass_end_of_segment(&mut self, found: Option<RecordFault>) -> Result<bool, ReadError> {
        if self.end.is_some() {
            return Ok(false);
        }
        if let Some(fault) = found.or_else(|| self.fault_in_tail()) {
            return self.stop_at(fault);
        }
        let next_index = self.next_index();
        match self.look_at(next_index)? {
            Next::NotBegun if self.durable() >= self.next_sequence => {
                Err(self.damaged(RecordFault::Missing))
            }
            Next::NotBegun => self.stop(None),
            Next::Torn if self.durable() >= self.next_sequence => Err(Refusal::Damaged {
                file: self.source.segment_name(next_index),
                offset: 0,
                sequence: self.next_sequence,
                durable: self.durable(),
                fault: RecordFault::SegmentHeader,
            }
            .into()),
            Next::Torn => self.stop(Some(RecordFault::SegmentHeader)),
            Next::Begun(next) if next.header.first_sequence > self.next_sequence => {
                self.stop_at(RecordFault::Missing)
            }
            Next::Begun(next) => {
                self.enter(next)?;
                Ok(true)
            }
        }
    }

    /// Bytes that are not zero behind a place where no record stands.
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
            return Err(self.broken(next.header.index, ChainFault::FirstSequence { found }));
        }
        if next.header.previous_hash != self.chain {
            return Err(self.broken(next.header.index, ChainFault::PreviousHash));
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

    fn look_at(&self, index: u64) -> Result<Next<S::View>, ReadError> {
        if self.segments.binary_search(&index).is_err() {
            if self.segments.last().is_some_and(|last| *last > index) {
                return Err(self.broken(index, ChainFault::Missing));
            }
            return Ok(Next::NotBegun);
        }
        let view = self.source.view_segment(index)?;
        let file = || self.source.segment_name(index);
        let (header, seed) = match SegmentHeader::decode(view.as_ref()) {
            Ok(decoded) => decoded,
            Err(Unreadable::Blank) => return Ok(Next::NotBegun),
            Err(Unreadable::Damaged) => return Ok(Next::Torn),
            Err(Unreadable::OtherMachine) => {
                return Err(Refusal::OtherMachine { file: file() }.into());
            }
            Err(Unreadable::OtherVersion(found)) => {
                return Err(Refusal::OtherVersion { file: file(), found }.into());
            }
            Err(Unreadable::OtherLayout) => {
                return Err(Refusal::OtherLayout { file: file() }.into());
            }
        };
        if let Some(fault) = self.misplaced(index, &header, view.as_ref().len() as u64) {
            return Err(self.broken(index, fault));
        }
        let segment_bytes = header.segment_bytes as usize;
        let offset = crate::format::SEGMENT_HEADER_BYTES;
        Ok(Next::Begun(Current { view, header, seed, segment_bytes, offset }))
    }

    /// What a whole header itself says against standing at `index`.
    fn misplaced(&self, index: u64, header: &SegmentHeader, length: u64) -> Option<ChainFault> {
        let found = self.mark?;
        let epoch_before = self.current.as_ref().map_or(1, |current| current.header.epoch);
        // With a slot of the mark lost, the newest epoch is lost with it.
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

    fn broken(&self, index: u64, fault: ChainFault) -> ReadError {
        let file = self.source.segment_name(index);
        Refusal::ChainBroken { file, sequence: self.next_sequence, fault }.into()
    }

    fn place(&self) -> (String, u64) {
        match &self.current {
            Some(current) => {
                (self.source.segment_name(current.header.index), current.offset as u64)
            }
            None => (self.source.segment_name(0), 0),
        }
    }

    fn damaged(&self, fault: RecordFault) -> ReadError {
        let (file, offset) = self.place();
        let (sequence, durable) = (self.next_sequence, self.durable());
        Refusal::Damaged { file, offset, sequence, durable, fault }.into()
    }

    /// Ends at a fault in the current segment, if nothing promised is lost by it.
    fn stop_at(&mut self, fault: RecordFault) -> Result<bool, ReadError> {
        if self.durable() >= self.next_sequence {
            return Err(self.damaged(fault));
        }
        self.stop(Some(fault))
    }

    /// Ends behind the last record. Whatever falls with it must at least be ours to drop.
    fn stop(&mut self, fault: Option<RecordFault>) -> Result<bool, ReadError> {
        let mut fallen = 0;
        let from = self.next_index();
        let to = self.segments.last().map_or(from, |last| last + 1);
        for index in from..to {
            match self.look_at(index)? {
                Next::NotBegun => fallen += usize::from(!self.is_blank_segment(index)?),
                Next::Torn | Next::Begun(_) => fallen += 1,
            }
        }
        let fault = fault.or((fallen > 0).then_some(RecordFault::SegmentHeader));
        self.end = Some(match fault {
            None => End::Clean,
            Some(fault) => End::Torn(self.cut(fault, fallen)),
        });
        Ok(false)
    }

    /// Whether a segment that was not begun holds nothing where its first records would be.
    fn is_blank_segment(&self, index: u64) -> Result<bool, ReadError> {
        if self.following || self.segments.binary_search(&index).is_err() {
            return Ok(true);
        }
        let view = self.source.view_segment(index)?;
        let file = view.as_ref();
        Ok(is_blank(&file[..file.len().min(NOT_BEGUN_LOOK_BYTES)]))
    }

    fn cut(&self, fault: RecordFault, segments: usize) -> Cut {
        let sequence = self.next_sequence;
        if fault == RecordFault::SegmentHeader {
            let file = self.source.segment_name(self.next_index());
            return Cut { file, offset: 0, sequence, fault, bytes: 0, segments };
        }
        let (file, offset) = self.place();
        let rest = self.current.as_ref().and_then(|c| c.view.as_ref().get(c.offset..));
        let last = rest.and_then(|rest| rest.iter().rposition(|byte| *byte != 0));
        let bytes = last.map_or(0, |last| last as u64 + 1);
        Cut { file, offset, sequence, fault, bytes, segments }
    }

    /// Where a writer would go on, once the end is reached.
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
    pub last: Option<LastSegment>,
    pub segments: Vec<u64>,
    pub unsynced: Vec<(u64, usize)>,
    pub next_sequence: u64,
    pub chain: u64,
    pub cut: Option<Cut>,
}

#[derive(Debug)]
pub(crate) struct LastSegment {
    pub header: SegmentHeader,
    pub seed: u32,
    pub offset: usize,
}

/// What a whole reading found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifyReport {
    /// Records, all of them whole and in order.
    pub records: u64,
    /// Bytes of their bodies.
    pub body_bytes: u64,
    /// The durable mark.
    pub durable: u64,
    /// A value that covers every record and their order.
    pub chain: u64,
    /// One slot of the mark is torn or damaged; the other was believed.
    pub mark_slot_lost: bool,
    /// How the journal ends.
    pub end: End,
}

/// Reads a journal from end to end and checks all of it.
///
/// # Errors
/// The first damage, as [`Reader::next`] names it.
pub fn verify(source: impl Source) -> Result<VerifyReport, ReadError> {
    let mut reader = Reader::open(source)?;
    let mut body_bytes = 0;
    while let Some(record) = reader.next()? {
        body_bytes += record.body.len() as u64;
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
