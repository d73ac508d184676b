//! A store in memory-mapped files that survives SIGKILL at any instruction.
//!
//! One folder for each session. `state` has the sequence numbers, `segment-*.fix` the messages.
//!
//! ```text
//! state    0  magic "RUTFIXST" | 8 version u64 | 16 epoch | 24 last event | 32 first segment
//!             | 40 last segment | 48 highest event that retention has removed
//!          64 + 64 * (epoch & 1): next_in | next_out | dropped_upto | start of the period in ms
//!         192 segment bytes | 200 owner | 208 run of the machine
//!             (all numbers but the version: 48 bits, and 16 bits of checksum)
//! segment  0  magic "RUTFIXSG" | 8 version u64 | 16 number u64 | 24 owner u64
//!          32 records, each padded to 8 bytes:
//!             0 commit: CRC-32C of the rest << 32 | bytes of the rest
//!             8 seq u64 | event_no u64 | sending_ns u64 | epoch u64 | bytes of msg_type u64
//!            48 msg_type, body
//!             behind the last record of a segment that is full: the word `CLOSED`, if it fits
//! ```
//!
//! All numbers are little-endian. A record is written first and then committed by one word; the
//! numbers in `state` are one word each. A reset fills the slot of the next epoch and commits it by
//! the epoch word. Older records stay until retention removes them, but no longer count.
//!
//! A store of layout 1 (no checksums in `state`, no owner, no `CLOSED`) is brought up to date when
//! it is opened. Then no build of layout 1 can open it.
//!
//! A line belongs here if it is about storing, finding or removing messages. Opening a store that
//! was closed or has crashed is `open`, files are `segment`.

use std::cell::Cell;
use std::collections::VecDeque;
use std::fs::File;
use std::path::PathBuf;

use super::damage::{DamageReport, LostEvents};
use super::prepare::{Coming, Going, Preparer};
use super::records::{CLOSED, COMMIT_BYTES, RECORD_HEADER_BYTES, Record, read_record};
use super::segment::{SEGMENT_HEADER_BYTES, SEGMENTS_MAX, Segment, create_segment};
use super::state::{Beginning, SlotWord, State, Word, this_boot};
use super::{
    Entry, HistoryCursor, MSG_TYPE_BYTES_MAX, MessageStore, StoreError, StoreFault, StoredMessage,
    Told, check,
};
use crate::codec::MESSAGE_BYTES_MAX;

/// Bytes of a record of the longest message, padded.
const RECORD_BYTES_MAX: usize =
    RECORD_HEADER_BYTES + MSG_TYPE_BYTES_MAX + MESSAGE_BYTES_MAX + COMMIT_BYTES;
pub(super) const SEGMENT_BYTES_MIN: u32 = 1 << 17;
const _: () = assert!(SEGMENT_BYTES_MIN as usize > RECORD_BYTES_MAX + SEGMENT_HEADER_BYTES);

/// Sizes of an [`MmapStore`], in bytes, and whose it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MmapConfig {
    /// Bytes of one segment file, at least 128 KiB. A store keeps the size that it began with.
    pub segment_bytes: u32,
    /// Bytes of all segments together. Beyond it the oldest are removed, never the two newest.
    pub retention_bytes: u64,
    /// Identifies the session and the journal that the store belongs to; the lower 48 bits count.
    /// A store of another owner is refused.
    pub owner: u64,
    /// Number of resets that a new store begins with; the lower 48 bits count. Ids of messages in
    /// the journal tell one store from another by the lower 16 bits, so a store that takes the
    /// place of a lost one must begin with another number.
    pub first_epoch: u64,
}

impl MmapConfig {
    /// Bytes of a segment file: not below the least, and whole words.
    pub(super) fn whole_segment_bytes(self) -> u32 {
        self.segment_bytes.max(SEGMENT_BYTES_MIN) & !7
    }
}

impl Default for MmapConfig {
    fn default() -> Self {
        Self { segment_bytes: 4 << 20, retention_bytes: 256 << 20, owner: 0, first_epoch: 0 }
    }
}

/// The place of a message of the current epoch.
#[derive(Clone, Copy, Debug)]
pub(super) struct MessageLocation {
    pub seq: u64,
    pub segment: u64,
    pub at: u32,
}

/// See the module's text.
#[derive(Debug)]
pub struct MmapStore {
    pub(super) folder: PathBuf,
    pub(super) config: MmapConfig,
    pub(super) state: State,
    pub(super) segments: VecDeque<Segment>,
    pub(super) spare: Option<Segment>,
    preparer: Option<Preparer>,
    /// The next segment, while the preparer makes it.
    coming: Option<Coming>,
    /// The removal asked for last, while the preparer may not have done it.
    going: Option<Going>,
    pub(super) index: VecDeque<MessageLocation>,
    /// Position in the index where the last look-up ended: a resend goes on from there.
    hint: Cell<usize>,
    /// Age at which messages are removed, in nanoseconds; 0 for any age.
    retention_ns: u64,
    pub(super) last_event_no: u64,
    next_out: u64,
    /// Events that were stored, and whose messages are damaged.
    pub(super) lost: LostEvents,
    /// Nobody knows whether events above the last one were stored.
    pub(super) doubt: bool,
    /// The journal's events are being repeated.
    repeating: bool,
    /// Events that were stored again in doubt, or because they were lost.
    repeated: u64,
    pub(super) damage: DamageReport,
    /// Damaged records found after the store was opened, and the newest of them.
    damaged_since: Cell<u64>,
    damaged_last: Cell<Option<(u64, u32)>>,
    /// Why the store takes no message.
    fault: Option<StoreFault>,
    /// Held because the lock on it protects the folder.
    _lock: Option<File>,
}

/// Room in the index that is made at once.
pub(super) fn index_capacity(config: MmapConfig) -> usize {
    (config.retention_bytes >> 8).min(1 << 20) as usize
}

/// Ends a segment, so that a later look can tell that none of its records is missing.
pub(super) fn close(segment: &mut Segment) {
    // There is no room for the word if the last record ends with the file.
    segment.file.commit(segment.end, CLOSED);
}

impl MmapStore {
    pub(super) fn empty(state: State, lock: Option<File>) -> Self {
        Self {
            folder: PathBuf::new(),
            config: MmapConfig::default(),
            state,
            segments: VecDeque::new(),
            spare: None,
            preparer: None,
            coming: None,
            going: None,
            index: VecDeque::new(),
            hint: Cell::new(0),
            retention_ns: 0,
            last_event_no: 0,
            next_out: 1,
            lost: LostEvents::default(),
            doubt: false,
            repeating: false,
            repeated: 0,
            damage: DamageReport::default(),
            damaged_since: Cell::new(0),
            damaged_last: Cell::new(None),
            fault: None,
            _lock: lock,
        }
    }

    /// A store without files in place of one that cannot be opened: it has no messages, and refuses
    /// every message with [`StoreError::Refused`].
    ///
    /// # Errors
    /// [`StoreError::Io`]: no memory.
    pub fn refused(fault: StoreFault) -> Result<Self, StoreError> {
        let state = State::in_memory(&Beginning::new(SEGMENT_BYTES_MIN, 0))?;
        let mut store = Self::empty(state, None);
        store.fault = Some(fault);
        Ok(store)
    }

    /// The last step of opening: finds the next number, and a segment to write to. `newest` are
    /// reset count and number of the newest record.
    pub(super) fn go_on(mut self, newest: (u64, u64)) -> Result<Self, StoreError> {
        self.next_out = self.state.slot(SlotWord::NextOut).max(1);
        if newest.0 == self.state.epoch() {
            self.next_out = self.next_out.max(newest.1 + 1);
        }
        self.set_next_out(self.next_out);
        let last = self.state.get(Word::LastSegment);
        if self.segments.back().is_none_or(|newest| newest.number != last) {
            let next = self.next_segment()?;
            self.go_on_in(next);
        }
        Ok(self)
    }

    /// What was found damaged when the store was opened.
    pub const fn damage(&self) -> &DamageReport {
        &self.damage
    }

    /// The caller repeats the journal's events before it calls [`MessageStore::replay_ends`]. If
    /// the store has just been made, or the machine went down since the store was opened last, then
    /// nobody knows which of these events were stored: they are [`Told::Perhaps`].
    #[must_use]
    pub const fn repeats_follow(mut self) -> Self {
        self.repeating = true;
        self
    }

    /// Messages older than this are removed, whatever room there is. A segment is removed as a
    /// whole, when a new one is begun. Without this setting only bytes count.
    #[must_use]
    pub const fn keeping_ns(mut self, retention_ns: u64) -> Self {
        self.retention_ns = retention_ns;
        self
    }

    /// The next file is made, and the oldest removed, on the preparer's thread. Without this
    /// setting the store does both itself.
    #[must_use]
    pub fn prepared_by(mut self, preparer: &Preparer) -> Self {
        self.preparer = Some(preparer.clone());
        self
    }

    /// Goes on in a new segment, and removes segments beyond the retention.
    fn roll(&mut self, now_ns: u64) -> Result<(), StoreError> {
        if let Some(fault) = self.fault {
            return Err(StoreError::Refused(fault));
        }
        let next = self.next_segment()?;
        if let Some(full) = self.segments.back_mut() {
            close(full);
        }
        self.go_on_in(next);
        while self.segments.len() > 2 && self.oldest_is_over(now_ns) {
            let Some(oldest) = self.segments.pop_front() else { break };
            self.forget(&oldest);
            match &self.preparer {
                Some(preparer) => self.going = preparer.let_go(oldest).or(self.going.take()),
                None => oldest.remove(),
            }
        }
        Ok(())
    }

    /// The next segment: a prepared one if there is any.
    fn next_segment(&mut self) -> Result<Segment, StoreError> {
        // Where the thread has failed, another try is made here, with the newest error.
        let coming = self.coming.take().and_then(Coming::wait).and_then(Result::ok);
        match self.spare.take().or(coming) {
            Some(spare) => Ok(spare),
            None => self.create_next(),
        }
    }

    /// Begins a segment. From then on the segment must be there.
    fn go_on_in(&mut self, segment: Segment) {
        self.state.set(Word::LastSegment, segment.number);
        self.segments.push_back(segment);
    }

    /// Whether the oldest segment is beyond the retention.
    fn oldest_is_over(&self, now_ns: u64) -> bool {
        let bytes = self.segments.len() as u64 * u64::from(self.config.segment_bytes);
        let age_ns =
            self.segments.front().map_or(0, |oldest| now_ns.saturating_sub(oldest.times_ns.1));
        self.segments.len() >= SEGMENTS_MAX
            || bytes > self.config.retention_bytes
            || (self.retention_ns > 0 && age_ns > self.retention_ns)
    }

    /// Whether the newest segment is more than half full.
    fn is_late(&self) -> bool {
        let half = self.config.segment_bytes as usize / 2;
        self.segments.back().is_some_and(|newest| newest.end > half)
    }

    /// Asks for the next segment once the current one is half full.
    fn prepare_next(&mut self) {
        if !self.is_late() || self.spare.is_some() || self.coming.is_some() {
            return;
        }
        let (number, MmapConfig { segment_bytes, owner, .. }) = (self.next_number(), self.config);
        self.coming = (self.preparer.as_ref())
            .and_then(|preparer| preparer.make(self.folder.clone(), number, segment_bytes, owner));
    }

    fn next_number(&self) -> u64 {
        self.state.get(Word::LastSegment) + 1
    }

    fn create_next(&self) -> Result<Segment, StoreError> {
        let MmapConfig { segment_bytes, owner, .. } = self.config;
        create_segment(&self.folder, self.next_number(), segment_bytes, owner)
    }

    /// Drops the messages of a segment that is to be removed. The event number must not go back
    /// when its only record is removed.
    fn forget(&mut self, oldest: &Segment) {
        let mut dropped = 0;
        while let Some(place) = self.index.front().filter(|place| place.segment == oldest.number) {
            dropped = place.seq;
            self.index.pop_front();
        }
        if dropped > 0 {
            self.state.set_slot(SlotWord::DroppedUpto, dropped);
        }
        let event = self.state.get(Word::DroppedEvent).max(oldest.last_event);
        self.state.set(Word::DroppedEvent, event);
        self.state.set(Word::FirstSegment, oldest.number + 1);
    }

    fn segment(&self, number: u64) -> Option<&Segment> {
        let first = self.segments.front()?.number;
        let at = usize::try_from(number.checked_sub(first)?).ok()?;
        match self.segments.get(at) {
            Some(segment) if segment.number == number => Some(segment),
            // A segment is missing.
            _ => {
                let at = self.segments.binary_search_by_key(&number, |one| one.number).ok()?;
                self.segments.get(at)
            }
        }
    }

    /// Reads a record that was sound when the store was opened.
    fn read(&self, segment: &Segment, at: usize) -> Option<(Record<'_>, usize)> {
        let segment = self.segment(segment.number)?;
        let read = read_record(segment.file.bytes(), at);
        let place = Some((segment.number, at as u32));
        if read.is_none() && self.damaged_last.replace(place) != place {
            self.damaged_since.set(self.damaged_since.get() + 1);
        }
        read
    }

    /// Position in the index of the first message at or after `seq`.
    fn position(&self, seq: u64) -> usize {
        let hint = self.hint.get();
        let right = |at: usize| {
            let above = self.index.get(at).is_none_or(|place| place.seq >= seq);
            let below = at
                .checked_sub(1)
                .and_then(|before| self.index.get(before))
                .is_none_or(|place| place.seq < seq);
            above && below && at <= self.index.len()
        };
        let at = [hint, hint + 1].into_iter().find(|at| right(*at));
        let at = at.unwrap_or_else(|| self.index.partition_point(|place| place.seq < seq));
        self.hint.set(at);
        at
    }

    fn begin_epoch(&mut self, period_ns: u64) {
        self.state.begin_epoch(period_ns);
        self.next_out = 1;
        self.index.clear();
    }

    /// Copies a record behind the end and commits it. `None` when the segment is full.
    fn write(&mut self, entry: &Entry<'_>) -> Option<MessageLocation> {
        let used = RECORD_HEADER_BYTES + entry.msg_type.len() + entry.body.len();
        let padded = used.next_multiple_of(8);
        let epoch = self.state.epoch();
        let segment = self.segments.back_mut()?;
        let at = segment.end;
        let record = segment.file.slice_mut(at, padded)?;
        let rest = record.get_mut(COMMIT_BYTES..used)?;
        let numbers =
            [entry.seq, entry.event_no, entry.sending_ns, epoch, entry.msg_type.len() as u64];
        let (head, tail) = rest.split_at_mut_checked(RECORD_HEADER_BYTES - COMMIT_BYTES)?;
        for (to, number) in head.chunks_exact_mut(8).zip(numbers) {
            to.copy_from_slice(&number.to_le_bytes());
        }
        let (msg_type, body) = tail.split_at_mut_checked(entry.msg_type.len())?;
        msg_type.copy_from_slice(entry.msg_type);
        body.copy_from_slice(entry.body);
        let commit = u64::from(crc32c::crc32c(rest)) << 32 | rest.len() as u64;
        let committed = segment.file.commit(at, commit);
        debug_assert!(committed, "records are aligned");
        segment.end = at + padded;
        segment.note(entry);
        Some(MessageLocation { seq: entry.seq, segment: segment.number, at: at as u32 })
    }
}

/// The lock on the folder is released only when nobody makes or removes a file in it any more.
impl Drop for MmapStore {
    fn drop(&mut self) {
        let _ = self.coming.take().and_then(Coming::wait);
        if let Some(going) = self.going.take() {
            going.wait();
        }
    }
}

impl MessageStore for MmapStore {
    fn next_in(&self) -> u64 {
        self.state.slot(SlotWord::NextIn).max(1)
    }

    fn next_out(&self) -> u64 {
        self.next_out
    }

    fn last_event_no(&self) -> u64 {
        self.last_event_no
    }

    fn told(&self, event_no: u64) -> Told {
        if !self.lost.is_empty() && self.lost.has(event_no) {
            Told::Perhaps
        } else if event_no <= self.last_event_no {
            Told::Surely
        } else if self.doubt && self.repeating {
            Told::Perhaps
        } else {
            Told::Never
        }
    }

    fn replay_ends(&mut self) -> u64 {
        (self.doubt, self.repeating) = (false, false);
        self.state.set(Word::Boot, this_boot());
        self.lost.clear();
        std::mem::take(&mut self.repeated)
    }

    fn fault(&self) -> Option<StoreFault> {
        self.fault
    }

    fn damaged(&self) -> u64 {
        self.damage.count + self.damaged_since.get()
    }

    fn dropped_upto(&self) -> u64 {
        self.state.slot(SlotWord::DroppedUpto)
    }

    fn epoch(&self) -> u64 {
        self.state.epoch()
    }

    fn set_next_in(&mut self, next: u64) {
        self.state.set_slot(SlotWord::NextIn, next);
    }

    fn set_next_out(&mut self, next: u64) {
        self.next_out = next;
        self.state.set_slot(SlotWord::NextOut, next);
    }

    fn append(&mut self, entry: &Entry<'_>) -> Result<(), StoreError> {
        check(entry, self.next_out)?;
        let place = if let Some(place) = self.write(entry) {
            place
        } else {
            self.roll(entry.sending_ns)?;
            self.write(entry).ok_or(StoreError::TooLong)?
        };
        self.index.push_back(place);
        if self.told(entry.event_no) == Told::Perhaps {
            self.repeated += 1;
            self.lost.found(entry.event_no);
        }
        if entry.event_no > self.last_event_no {
            self.last_event_no = entry.event_no;
            self.state.set(Word::LastEvent, entry.event_no);
        }
        self.set_next_out(entry.seq + 1);
        self.prepare_next();
        Ok(())
    }

    fn get(&self, seq: u64) -> Option<Entry<'_>> {
        let place = self.index.get(self.position(seq)).filter(|place| place.seq == seq)?;
        let (record, _) = self.read(self.segment(place.segment)?, place.at as usize)?;
        Some(record.entry)
    }

    fn next_kept(&self, seq: u64) -> Option<u64> {
        self.index.get(self.position(seq)).map(|place| place.seq)
    }

    fn reset(&mut self) {
        self.begin_epoch(self.period_ns());
    }

    fn period_ns(&self) -> u64 {
        self.state.period_ns()
    }

    fn set_period_ns(&mut self, start_ns: u64) {
        self.state.set_period_ns(start_ns);
    }

    fn reset_for_period(&mut self, start_ns: u64) {
        self.begin_epoch(start_ns);
    }

    fn next_past(&self, cursor: &mut HistoryCursor) -> Option<StoredMessage<'_>> {
        loop {
            let place = self.segments.partition_point(|one| one.number < cursor.segment);
            let segment = self.segments.get(place)?;
            if cursor.segment < segment.number {
                let segment = segment.number;
                *cursor = HistoryCursor { segment, at: SEGMENT_HEADER_BYTES, ..*cursor };
            }
            let (earliest, latest) = segment.times_ns;
            let none_of_it = latest < cursor.from_ns || earliest >= cursor.upto_ns;
            while cursor.at < segment.end && !none_of_it {
                if let Some(behind) = segment.hole_at(cursor.at) {
                    cursor.at = behind;
                    continue;
                }
                let Some((record, bytes)) = self.read(segment, cursor.at) else { break };
                cursor.at += bytes;
                if cursor.takes(&record.entry) {
                    return Some(StoredMessage { epoch: record.epoch, entry: record.entry });
                }
            }
            if place + 1 == self.segments.len() {
                return None;
            }
            *cursor =
                HistoryCursor { segment: cursor.segment + 1, at: SEGMENT_HEADER_BYTES, ..*cursor };
        }
    }

    /// Prepares the next segment once the current one is half full.
    fn maintain(&mut self) -> Result<(), StoreError> {
        if self.is_late() && self.preparer.is_none() && self.spare.is_none() {
            self.spare = Some(self.create_next()?);
        }
        Ok(())
    }
}
