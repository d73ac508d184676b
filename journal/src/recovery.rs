//! Repairing the end of a journal after a crash, before the journal is written to.
//!
//! A line belongs here if it changes files: cutting, removing, syncing, moving the mark. `reader`
//! decides where the journal ends, and recovery changes nothing before `reader` has finished.
//!
//! The order matters, because recovery can crash too. First later segments are removed, the last
//! one first. Then the torn tail is overwritten with zeros, and all segments are synced. Then the
//! mark is synced as found, and last the new mark is written. No step moves the place of the cut,
//! so a recovery after a crash in any step finds the same end.

use std::sync::Arc;

use crate::error::OpenError;
use crate::format::{Mark, SegmentHeader, is_blank};
use crate::reader::{Cut, LastSegment, Reader, Record, Tail};
use crate::storage::{Segment, SegmentHandle, Storage};
use crate::sync::NewSegments;

/// Bytes that are checked and zeroed in one step.
const BLANK_CHUNK_BYTES: usize = 64 << 10;

/// Report of a recovery: the state of the journal as found, and what was cut.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovery {
    /// True if no journal existed and a new one was created.
    pub created: bool,
    /// Id of the journal, chosen when it was created.
    pub journal_id: u64,
    /// Number of this opening for writing, from 1.
    pub epoch: u64,
    /// Sequence of the last record; 0 in an empty journal. All records are on disk now.
    pub last_sequence: u64,
    /// The durable mark as found.
    pub durable_found: u64,
    /// The torn tail that was cut, if any. None of its records was durable.
    pub cut: Option<Cut>,
    /// True if one slot of the mark was torn or damaged and the other one was used.
    pub mark_slot_lost: bool,
}

/// State from which the writer continues.
pub(crate) struct Resumed<S: Storage> {
    pub segment: S::Segment,
    pub header: SegmentHeader,
    pub seed: u32,
    pub offset: usize,
    pub next_sequence: u64,
    pub chain: u64,
    pub mark: Mark,
    /// Bytes of `segment` that are on disk; 0 in a new segment.
    pub synced: usize,
}

/// Reads the whole journal, calls `visit` with each record, and repairs the end. The caller holds
/// the lock.
pub(crate) fn recover<S: Storage>(
    storage: &Arc<S>,
    new_segments: NewSegments,
    visit: &mut dyn FnMut(Record<'_>),
) -> Result<(Resumed<S>, Recovery), OpenError> {
    let mut reader = Reader::open(&**storage)?;
    while let Some(record) = reader.next()? {
        visit(record);
    }
    let tail = reader.into_tail();
    let keep = tail.last.as_ref().map(|last| last.header.index);
    for index in tail.segments.iter().rev().filter(|index| Some(**index) > keep) {
        storage.remove_segment(*index)?;
    }
    let repaired = match &tail.last {
        Some(last) => Some(repair(storage, &tail, last)?),
        None => None,
    };
    if let Some(found) = tail.mark {
        // After a killed writer the valid slot may be in the page cache only. It must be on disk
        // before the other slot is written, or a loss of power now could destroy both.
        storage.write_mark(found.mark.slot(), &found.mark.encode())?;
    }
    let mark = next_mark(&**storage, &tail);
    storage.write_mark(mark.slot(), &mark.encode())?;
    let found = tail.mark;
    let recovery = Recovery {
        created: found.is_none(),
        journal_id: mark.journal_id,
        epoch: mark.epoch,
        last_sequence: tail.next_sequence - 1,
        durable_found: found.map_or(0, |found| found.mark.durable),
        cut: tail.cut,
        mark_slot_lost: found.is_some_and(|found| found.slot_lost),
    };
    let resumed = match (repaired, tail.last) {
        (Some(segment), Some(last)) => Resumed {
            segment,
            header: last.header,
            seed: last.seed,
            offset: last.offset,
            next_sequence: tail.next_sequence,
            chain: tail.chain,
            mark,
            synced: last.offset,
        },
        _ => begin(storage, mark, new_segments)?,
    };
    Ok((resumed, recovery))
}

/// Overwrites the torn tail with zeros, and syncs every segment that has records above the durable
/// mark. Returns the last segment, open for writing.
fn repair<S: Storage>(
    storage: &Arc<S>,
    tail: &Tail,
    last: &LastSegment,
) -> Result<S::Segment, OpenError> {
    let last_bytes = last.header.segment_bytes as usize;
    let sync_error = |source| OpenError::Sync { source };
    for (index, bytes) in tail.unsynced.iter().filter(|(index, _)| *index != last.header.index) {
        let segment = storage.open_segment(*index, *bytes)?;
        segment.handle().sync(0, *bytes).map_err(sync_error)?;
    }
    let mut segment = storage.open_segment(last.header.index, last_bytes)?;
    if tail.cut.is_some() {
        blank(&mut segment, last.offset);
    }
    segment.handle().sync(0, last_bytes).map_err(sync_error)?;
    Ok(segment)
}

/// Overwrites every byte from `offset` on with zeros. Ranges that are zeros already stay clean.
fn blank(segment: &mut impl Segment, offset: usize) {
    let end = segment.bytes();
    let mut at = offset;
    while at < end {
        let length = BLANK_CHUNK_BYTES.min(end - at);
        segment.with(at, length, |bytes| {
            if !is_blank(bytes) {
                bytes.fill(0);
            }
        });
        at += length;
    }
}

fn next_mark(storage: &impl Storage, tail: &Tail) -> Mark {
    let durable = tail.next_sequence - 1;
    let epoch_seen = tail.last.as_ref().map_or(0, |last| last.header.epoch);
    match tail.mark {
        Some(found) => Mark {
            journal_id: found.mark.journal_id,
            generation: found.mark.generation + 1,
            epoch: found.mark.epoch.max(epoch_seen) + 1,
            durable,
        },
        None => Mark { journal_id: storage.new_journal_id(), generation: 1, epoch: 1, durable },
    }
}

/// Makes segment 0. The mark exists already: a segment without a mark would mean a lost mark.
fn begin<S: Storage>(
    storage: &Arc<S>,
    mark: Mark,
    NewSegments { bytes, allocation }: NewSegments,
) -> Result<Resumed<S>, OpenError> {
    let mut segment = storage.create_segment(0, bytes, allocation)?;
    let header = SegmentHeader {
        journal_id: mark.journal_id,
        index: 0,
        epoch: mark.epoch,
        first_sequence: 1,
        previous_hash: 0,
        segment_bytes: bytes as u64,
    };
    let (seed, offset) = write_header(&mut segment, &header);
    let chain = header.chain_start(seed);
    Ok(Resumed { segment, header, seed, offset, next_sequence: 1, chain, mark, synced: 0 })
}

/// Writes a segment header. Returns the seed of the record checksums and the offset of the first
/// record.
pub(crate) fn write_header(segment: &mut impl Segment, header: &SegmentHeader) -> (u32, usize) {
    let (bytes, seed) = header.encode();
    segment.with(0, bytes.len(), |place| place.copy_from_slice(&bytes));
    (seed, bytes.len())
}
