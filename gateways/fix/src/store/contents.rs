//! What a store keeps in memory of one segment: its newest numbers, its span of time, its damaged
//! places, and marks to begin reading at. Where each message is, is not kept: a look-up reads the
//! records from the mark before it.
//!
//! A line belongs here if it describes a segment's records without holding them.

use std::ops::Range;

use super::Entry;
use super::damage::PLACES_MAX;

/// Bytes before the first record of a segment.
pub(super) const SEGMENT_HEADER_BYTES: usize = 32;

/// Bytes of records between two marks. A look-up reads so many bytes at most, and one record of the
/// longest message.
pub(super) const MARK_EVERY_BYTES: usize = 16 << 10;

/// Reset count and number of a message. Messages are stored in ascending order.
pub(super) type Key = (u64, u64);

/// The place of one record of about [`MARK_EVERY_BYTES`].
#[derive(Clone, Copy, Debug)]
struct Mark {
    key: Key,
    at: usize,
}

/// See the module's text.
#[derive(Debug)]
pub(super) struct Contents {
    marks: Vec<Mark>,
    /// Where the next record goes.
    pub end: usize,
    /// The newest message of this segment and of those before it.
    pub newest: Key,
    /// Earliest and latest `SendingTime`; the earliest is the later one when there is no message.
    pub times_ns: (u64, u64),
    /// Highest event number; 0 when none.
    pub last_event: u64,
    /// Damaged places between the records, by their first byte and the byte behind them.
    pub holes: Vec<(usize, usize)>,
}

impl Contents {
    /// The contents of an empty segment of so many bytes, with room for all its marks.
    pub fn new(segment_bytes: usize) -> Self {
        Self {
            marks: Vec::with_capacity(segment_bytes / MARK_EVERY_BYTES + 1),
            end: SEGMENT_HEADER_BYTES,
            newest: (0, 0),
            times_ns: (u64::MAX, 0),
            last_event: 0,
            holes: Vec::new(),
        }
    }

    /// Notes the record at `at`, behind all others.
    pub fn note(&mut self, at: usize, epoch: u64, entry: &Entry<'_>) {
        let key = (epoch, entry.seq);
        if self.marks.last().is_none_or(|last| at - last.at >= MARK_EVERY_BYTES) {
            self.marks.push(Mark { key, at });
        }
        self.newest = key;
        let (first, last) = self.times_ns;
        self.times_ns = (first.min(entry.sending_ns), last.max(entry.sending_ns));
        self.last_event = self.last_event.max(entry.event_no);
    }

    /// Where reading for a message begins.
    pub fn begin_at(&self, key: Key) -> usize {
        let behind = self.marks.partition_point(|mark| mark.key <= key);
        self.marks.get(behind.saturating_sub(1)).map_or(SEGMENT_HEADER_BYTES, |mark| mark.at)
    }

    /// The last mark up to `at`, and the place of the mark behind `at` or the end.
    pub fn around(&self, at: usize) -> (Key, usize) {
        let behind = self.marks.partition_point(|mark| mark.at <= at);
        let before = behind.checked_sub(1).and_then(|before| self.marks.get(before));
        let key = before.map_or((0, 0), |mark| mark.key);
        (key, self.marks.get(behind).map_or(self.end, |mark| mark.at))
    }

    /// The end of the damaged place at `at`, if there is one.
    pub fn hole_at(&self, at: usize) -> Option<usize> {
        self.holes.iter().find(|hole| hole.0 == at).map(|hole| hole.1)
    }

    /// Whether the segment must be read for the messages of a time.
    pub fn may_have(&self, ns: Range<u64>) -> bool {
        let (earliest, latest) = self.times_ns;
        !self.holes.is_empty() || latest >= ns.start && earliest < ns.end
    }

    /// Number of marks.
    pub const fn marks(&self) -> usize {
        self.marks.len()
    }
}

/// Records that no longer read although they were sound when the store was opened.
#[derive(Debug, Default)]
pub(super) struct Decay {
    /// The newest [`PLACES_MAX`] places: segment, first byte, byte behind.
    places: Vec<(u64, usize, usize)>,
    /// Number of all places. A place that has been pushed out of the list counts again.
    pub count: u64,
}

impl Decay {
    /// Where reading goes on behind a damaged record. `search` is called for a place that is not in
    /// the list.
    pub fn behind(&mut self, segment: u64, at: usize, search: impl FnOnce() -> usize) -> usize {
        if let Some(known) = self.places.iter().find(|one| (one.0, one.1) == (segment, at)) {
            return known.2;
        }
        let behind = search();
        self.count += 1;
        if self.places.len() >= PLACES_MAX {
            self.places.remove(0);
        }
        self.places.push((segment, at, behind));
        behind
    }
}
