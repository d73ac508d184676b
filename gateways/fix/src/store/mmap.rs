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

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fs::File;
use std::path::PathBuf;

use super::contents::{Decay, Key, SEGMENT_HEADER_BYTES};
use super::damage::{DamageReport, LostEvents};
use super::prepare::{Coming, Going, Preparer};
use super::records::{
    CLOSED, COMMIT_BYTES, RECORD_HEADER_BYTES, Record, behind_damage, read_record,
};
use super::segment::{SEGMENTS_MAX, Segment, create_segment};
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

/// Where the last look-up ended.
#[derive(Clone, Copy, Debug)]
struct Hint {
    key: Key,
    segment: u64,
    at: usize,
    behind: usize,
}

/// What is read at a place of a segment.
enum Read<'a> {
    /// A record, and the place behind it.
    Record(Record<'a>, usize),
    /// A damaged place, by the place behind it.
    Damage(usize),
    /// Nothing: the segment's records end here.
    End,
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
    /// A resend goes on from there.
    hint: Cell<Option<Hint>>,
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
    /// Damage found after the store was opened.
    decay: RefCell<Decay>,
    /// Why the store takes no message.
    fault: Option<StoreFault>,
    /// Held because the lock on it protects the folder.
    _lock: Option<File>,
}

/// Ends a segment, so that a later look can tell that none of its records is missing.
pub(super) fn close(segment: &mut Segment) {
    // There is no room for the word if the last record ends with the file.
    segment.file.commit(segment.contents.end, CLOSED);
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
            hint: Cell::new(None),
            retention_ns: 0,
            last_event_no: 0,
            next_out: 1,
            lost: LostEvents::default(),
            doubt: false,
            repeating: false,
            repeated: 0,
            damage: DamageReport::default(),
            decay: RefCell::default(),
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

    /// The last step of opening: finds the next number, and a segment to write to. `newest` is the
    /// newest record.
    pub(super) fn go_on(mut self, newest: Key) -> Result<Self, StoreError> {
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
    fn go_on_in(&mut self, mut segment: Segment) {
        self.state.set(Word::LastSegment, segment.number);
        segment.contents.newest = self.segments.back().map_or((0, 0), |one| one.contents.newest);
        self.segments.push_back(segment);
    }

    /// Whether the oldest segment is beyond the retention.
    fn oldest_is_over(&self, now_ns: u64) -> bool {
        let bytes = self.segments.len() as u64 * u64::from(self.config.segment_bytes);
        let age_ns = self
            .segments
            .front()
            .map_or(0, |oldest| now_ns.saturating_sub(oldest.contents.times_ns.1));
        self.segments.len() >= SEGMENTS_MAX
            || bytes > self.config.retention_bytes
            || (self.retention_ns > 0 && age_ns > self.retention_ns)
    }

    /// Whether the newest segment is more than half full.
    fn is_late(&self) -> bool {
        let half = self.config.segment_bytes as usize / 2;
        self.segments.back().is_some_and(|newest| newest.contents.end > half)
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
        let (epoch, dropped) = oldest.contents.newest;
        if epoch == self.state.epoch() && dropped > 0 {
            self.state.set_slot(SlotWord::DroppedUpto, dropped);
        }
        let event = self.state.get(Word::DroppedEvent).max(oldest.contents.last_event);
        self.state.set(Word::DroppedEvent, event);
        self.state.set(Word::FirstSegment, oldest.number + 1);
    }

    /// Places that the store remembers to begin look-ups at: about one in 16 KiB of messages.
    pub fn marks(&self) -> usize {
        self.segments.iter().map(|segment| segment.contents.marks()).sum()
    }

    /// What comes at a place. Damage that the opening did not find is counted, and ends at the next
    /// mark at the latest.
    fn read<'a>(&self, segment: &'a Segment, at: usize) -> Read<'a> {
        let Segment { number, file, contents, .. } = segment;
        if at >= contents.end {
            return Read::End;
        }
        if let Some(behind) = contents.hole_at(at) {
            return Read::Damage(behind);
        }
        if let Some((record, bytes)) = read_record(file.bytes(), at) {
            return Read::Record(record, at + bytes);
        }
        let search = || {
            let (mark, upto) = contents.around(at);
            behind_damage(file.bytes().get(..upto).unwrap_or(file.bytes()), at, mark)
        };
        Read::Damage(self.decay.borrow_mut().behind(*number, at, search))
    }

    /// The first message of this epoch at or after `seq`. Reads the records from the mark before
    /// that message, or from where the last look-up ended.
    fn find(&self, seq: u64) -> Option<Entry<'_>> {
        let key = (self.state.epoch(), seq);
        let place = self.segments.partition_point(|segment| segment.contents.newest < key);
        let first = self.segments.get(place)?;
        let hint = self.hint.get().filter(|hint| hint.segment == first.number && hint.key <= key);
        let near = hint.map_or(0, |hint| if hint.key == key { hint.at } else { hint.behind });
        let mut at = first.contents.begin_at(key).max(near);
        // More than one segment is read only if the message has been damaged.
        for segment in self.segments.range(place..) {
            loop {
                match self.read(segment, at) {
                    Read::End => break,
                    Read::Damage(behind) => at = behind,
                    Read::Record(record, behind) if record.key() < key => at = behind,
                    Read::Record(record, behind) => {
                        let (key, segment) = (record.key(), segment.number);
                        self.hint.set(Some(Hint { key, segment, at, behind }));
                        return Some(record.entry);
                    }
                }
            }
            at = SEGMENT_HEADER_BYTES;
        }
        None
    }

    /// The next message of the cursor's time in its segment.
    fn next_of<'a>(
        &self,
        segment: &'a Segment,
        cursor: &mut HistoryCursor,
    ) -> Option<StoredMessage<'a>> {
        if !segment.contents.may_have(cursor.from_ns..cursor.upto_ns) {
            cursor.passed(segment.contents.times_ns);
            return None;
        }
        loop {
            match self.read(segment, cursor.at) {
                Read::End => return None,
                Read::Damage(behind) => {
                    cursor.at = behind;
                    cursor.passed_damage(1);
                }
                Read::Record(Record { epoch, entry }, behind) => {
                    cursor.at = behind;
                    cursor.passed((entry.sending_ns, entry.sending_ns));
                    if cursor.takes(&entry) {
                        return Some(StoredMessage { epoch, entry });
                    }
                }
            }
        }
    }

    fn begin_epoch(&mut self, period_ns: u64) {
        self.state.begin_epoch(period_ns);
        self.next_out = 1;
    }

    /// Copies a record behind the end and commits it. `None` when the segment is full.
    fn write(&mut self, entry: &Entry<'_>) -> Option<()> {
        let used = RECORD_HEADER_BYTES + entry.msg_type.len() + entry.body.len();
        let padded = used.next_multiple_of(8);
        let epoch = self.state.epoch();
        let segment = self.segments.back_mut()?;
        let at = segment.contents.end;
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
        segment.contents.end = at + padded;
        segment.contents.note(at, epoch, entry);
        Some(())
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
        self.damage.count + self.decay.borrow().count
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
        if self.write(entry).is_none() {
            self.roll(entry.sending_ns)?;
            self.write(entry).ok_or(StoreError::TooLong)?;
        }
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
        self.find(seq).filter(|entry| entry.seq == seq)
    }

    fn next_kept(&self, seq: u64) -> Option<u64> {
        self.find(seq).map(|entry| entry.seq)
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
                let first = cursor.segment.max(self.state.get(Word::FirstSegment));
                cursor.passed_damage(segment.number.saturating_sub(first));
                (cursor.segment, cursor.at) = (segment.number, SEGMENT_HEADER_BYTES);
            }
            if let Some(found) = self.next_of(segment, cursor) {
                return Some(found);
            }
            if place + 1 == self.segments.len() {
                return None;
            }
            (cursor.segment, cursor.at) = (segment.number + 1, SEGMENT_HEADER_BYTES);
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
