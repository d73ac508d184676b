//! Making a journal whole again after a crash, before it is written to.
//!
//! A line belongs here if it changes what a reader judged: cutting, removing, syncing, moving the
//! mark. The judgement itself is `reader`, so that nothing is changed before all of it is known.
//!
//! Order matters, because recovery can crash too: later segments fall first (from the last), then
//! the tail is blanked, then all is synced, then the mark is synced as found, then it moves. At
//! every step the place of the cut is still where it was, so the next recovery finds the same end.

use std::sync::Arc;

use crate::error::OpenError;
use crate::format::{Mark, SegmentHeader, is_blank};
use crate::reader::{Cut, LastSegment, Reader, Record, Tail};
use crate::storage::{Segment, SegmentHandle, Storage};
use crate::sync::NewSegments;

/// Bytes blanked or looked at in one step.
const BLANK_CHUNK_BYTES: usize = 64 << 10;

/// What was found when a journal was opened, and what was done about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovery {
    /// There was no journal; one was made.
    pub created: bool,
    /// Drawn when the journal was made.
    pub journal_id: u64,
    /// Counts the openings for writing, this one included.
    pub epoch: u64,
    /// The last record; 0 in an empty journal. All up to it are on disk now.
    pub last_sequence: u64,
    /// The durable mark as it was found.
    pub durable_found: u64,
    /// What was cut off, never promised.
    pub cut: Option<Cut>,
    /// One slot of the mark was torn or damaged; the other was believed.
    pub mark_slot_lost: bool,
}

/// Where the writer goes on.
pub(crate) struct Resumed<S: Storage> {
    pub segment: S::Segment,
    pub header: SegmentHeader,
    pub seed: u32,
    pub offset: usize,
    pub next_sequence: u64,
    pub chain: u64,
    pub mark: Mark,
    /// Everything up to here is synced; 0 in a segment just made.
    pub synced: usize,
}

/// Reads the whole journal, showing each record to `visit`, and mends its end. The caller holds the
/// lock.
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
    let mended = match &tail.last {
        Some(last) => Some(mend(storage, &tail, last)?),
        None => None,
    };
    if let Some(found) = tail.mark {
        // A killed writer may have left the believed slot in the page cache only. It must be on
        // disk before the other slot is touched, or a loss of power now could take both.
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
    let resumed = match (mended, tail.last) {
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

/// Blanks what is behind the last record and syncs every segment above the durable mark.
fn mend<S: Storage>(
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

/// Zeros every byte from `offset` on, touching only pages that hold something else.
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
        None => Mark { journal_id: storage.draw_identity(), generation: 1, epoch: 1, durable },
    }
}

/// Makes segment 0. The mark stands already: a segment without a mark would read as a mark lost.
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

/// Begins a segment; returns the seed of its records and where the first one goes.
pub(crate) fn write_header(segment: &mut impl Segment, header: &SegmentHeader) -> (u32, usize) {
    let (bytes, seed) = header.encode();
    segment.with(0, bytes.len(), |place| place.copy_from_slice(&bytes));
    (seed, bytes.len())
}
