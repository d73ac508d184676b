//! A store in memory-mapped files that survives SIGKILL at any instruction.
//!
//! One folder for each session. `state` has the sequence numbers, `segment-*.fix` the messages.
//!
//! ```text
//! state    0  magic "RUTFIXST" | 8 version u64 | 16 epoch u64
//!          64 + 64 * (epoch & 1): next_in u64 | next_out u64 | base event u64 | dropped_upto u64
//!             | start of the period u64
//! segment  0  magic "RUTFIXSG" | 8 version u64 | 16 number u64 | 24 zero
//!          32 records, each padded to 8 bytes:
//!             0 commit: CRC-32C of the rest << 32 | bytes of the rest
//!             8 seq u64 | event_no u64 | sending_ns u64 | epoch u64 | bytes of msg_type u64
//!            48 msg_type, body
//! ```
//!
//! All numbers are little-endian. A record is written first and then committed by one word; the
//! numbers in `state` are one word each. A reset fills the slot of the next epoch and commits it by
//! the epoch word. Older records stay until retention removes them, but no longer count. At open a
//! record with a wrong checksum ends its segment, and the bytes behind it are cleared.
//!
//! A line belongs here if it is about records or sequence numbers. Making and removing files is
//! `segment`.

use std::cell::Cell;
use std::collections::VecDeque;
use std::fs::File;
use std::path::{Path, PathBuf};

use super::mapped::{MappedFile, io};
use super::prepare::{Coming, Going, Preparer};
use super::segment::{
    SEGMENT_HEADER_BYTES, Segment, check_head, create_segment, open_segment, remove_if_unwritten,
    segment_numbers, write_head,
};
use super::{
    Entry, HistoryCursor, MSG_TYPE_BYTES_MAX, MessageStore, StoreError, StoredMessage, check,
};
use crate::codec::MESSAGE_BYTES_MAX;

const STATE_MAGIC: [u8; 8] = *b"RUTFIXST";
const STATE_BYTES: u64 = 4_096;
const EPOCH_AT: usize = 16;
const SLOTS_AT: usize = 64;
const SLOT_BYTES: usize = 64;
const COMMIT_BYTES: usize = 8;
/// Bytes of the commit word and the five numbers.
const RECORD_HEADER_BYTES: usize = 48;
/// Bytes of a record of the longest message, padded.
const RECORD_BYTES_MAX: usize =
    RECORD_HEADER_BYTES + MSG_TYPE_BYTES_MAX + MESSAGE_BYTES_MAX + COMMIT_BYTES;
const SEGMENT_BYTES_MIN: u32 = 1 << 17;
const _: () = assert!(SEGMENT_BYTES_MIN as usize > RECORD_BYTES_MAX + SEGMENT_HEADER_BYTES);

/// Words of a slot, by their offset in bytes.
#[derive(Clone, Copy)]
enum SlotWord {
    NextIn = 0,
    NextOut = 8,
    BaseEvent = 16,
    DroppedUpto = 24,
    Period = 32,
}

/// Sizes of an [`MmapStore`], in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MmapConfig {
    /// Bytes of one segment file, at least 128 KiB; the same for the life of the folder.
    pub segment_bytes: u32,
    /// Bytes of all segments together. Beyond it the oldest are removed, never the two newest.
    pub retention_bytes: u64,
}

impl Default for MmapConfig {
    fn default() -> Self {
        Self { segment_bytes: 4 << 20, retention_bytes: 256 << 20 }
    }
}

/// The place of a message of the current epoch.
#[derive(Clone, Copy, Debug)]
struct MessageLocation {
    seq: u64,
    segment: u64,
    at: u32,
}

/// See the module's text.
#[derive(Debug)]
pub struct MmapStore {
    folder: PathBuf,
    config: MmapConfig,
    state: MappedFile,
    epoch: u64,
    segments: VecDeque<Segment>,
    spare: Option<Segment>,
    preparer: Option<Preparer>,
    /// The next segment, while the preparer makes it.
    coming: Option<Coming>,
    /// The removal asked for last, while the preparer may not have done it.
    going: Option<Going>,
    end: usize,
    index: VecDeque<MessageLocation>,
    /// Position in the index where the last look-up ended: a resend goes on from there.
    hint: Cell<usize>,
    /// Age at which messages are removed, in nanoseconds; 0 for any age.
    retention_ns: u64,
    last_event_no: u64,
    next_out: u64,
    /// Held because the lock on it protects the folder.
    _lock: File,
}

impl MmapStore {
    /// Opens the folder, or makes it. Every record is read once.
    ///
    /// # Errors
    /// [`StoreError::Locked`], [`StoreError::Version`], [`StoreError::NotAStore`],
    /// [`StoreError::Size`] or [`StoreError::Io`].
    pub fn open(folder: &Path, config: MmapConfig) -> Result<Self, StoreError> {
        let config = MmapConfig {
            segment_bytes: config.segment_bytes.max(SEGMENT_BYTES_MIN) & !7,
            ..config
        };
        std::fs::create_dir_all(folder).map_err(io("create", folder))?;
        let lock = lock(folder)?;
        let state = open_state(&folder.join("state"))?;
        let mut store = Self {
            folder: folder.to_path_buf(),
            config,
            epoch: state.read(EPOCH_AT),
            state,
            segments: VecDeque::new(),
            spare: None,
            preparer: None,
            coming: None,
            going: None,
            end: SEGMENT_HEADER_BYTES,
            index: VecDeque::with_capacity((config.retention_bytes >> 8).min(1 << 20) as usize),
            hint: Cell::new(0),
            retention_ns: 0,
            last_event_no: 0,
            next_out: 1,
            _lock: lock,
        };
        store.last_event_no = store.word(SlotWord::BaseEvent);
        store.next_out = store.word(SlotWord::NextOut).max(1);
        for number in segment_numbers(folder)? {
            let segment = open_segment(folder, number, config.segment_bytes)?;
            store.segments.push_back(segment);
            store.read_newest_segment();
        }
        if store.segments.is_empty() {
            let first = create_segment(folder, 1, config.segment_bytes)?;
            store.segments.push_back(first);
        }
        Ok(store)
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

    fn word_at(&self, word: SlotWord) -> usize {
        SLOTS_AT + SLOT_BYTES * (self.epoch & 1) as usize + word as usize
    }

    fn word(&self, word: SlotWord) -> u64 {
        self.state.read(self.word_at(word))
    }

    fn set_word(&mut self, word: SlotWord, value: u64) {
        let at = self.word_at(word);
        let written = self.state.commit(at, value);
        debug_assert!(written, "the state file has room for its words");
    }

    /// Indexes the records of the newest segment, finds its end, and clears the bytes behind the
    /// end.
    fn read_newest_segment(&mut self) {
        let Some(segment) = self.segments.back_mut() else { return };
        let mut at = SEGMENT_HEADER_BYTES;
        let mut times_ns = segment.times_ns;
        while let Some((record, bytes)) = read_record(segment.file.bytes(), at) {
            if record.epoch == self.epoch {
                let place = MessageLocation {
                    seq: record.entry.seq,
                    segment: segment.number,
                    at: at as u32,
                };
                self.index.push_back(place);
                self.next_out = self.next_out.max(record.entry.seq + 1);
                self.last_event_no = self.last_event_no.max(record.entry.event_no);
            }
            let (first, last) = times_ns;
            let sending_ns = record.entry.sending_ns;
            times_ns = (first.min(sending_ns), last.max(sending_ns));
            at += bytes;
        }
        self.end = at;
        segment.times_ns = times_ns;
        let rest = segment.file.bytes().len() - at;
        if let Some(rest) = segment.file.slice_mut(at, rest)
            && rest.iter().any(|byte| *byte != 0)
        {
            rest.fill(0);
        }
    }

    /// Goes on in a new segment, and removes segments beyond the retention.
    fn roll(&mut self, now_ns: u64) -> Result<(), StoreError> {
        let coming = self.coming.take().and_then(Coming::wait).transpose()?;
        let next = match self.spare.take().or(coming) {
            Some(spare) => spare,
            None => self.create_next()?,
        };
        self.segments.push_back(next);
        self.end = SEGMENT_HEADER_BYTES;
        while self.segments.len() > 2 && self.oldest_is_over(now_ns) {
            let Some(oldest) = self.segments.pop_front() else { break };
            self.forget(oldest.number);
            match &self.preparer {
                Some(preparer) => self.going = preparer.let_go(oldest).or(self.going.take()),
                None => oldest.remove(),
            }
        }
        Ok(())
    }

    /// Whether the oldest segment is beyond the retention.
    fn oldest_is_over(&self, now_ns: u64) -> bool {
        let bytes = self.segments.len() as u64 * u64::from(self.config.segment_bytes);
        let age_ns =
            self.segments.front().map_or(0, |oldest| now_ns.saturating_sub(oldest.times_ns.1));
        bytes > self.config.retention_bytes || (self.retention_ns > 0 && age_ns > self.retention_ns)
    }

    /// Asks for the next segment once the current one is half full.
    fn prepare_next(&mut self) {
        let early = self.end <= self.config.segment_bytes as usize / 2;
        if early || self.spare.is_some() || self.coming.is_some() {
            return;
        }
        let number = self.segments.back().map_or(1, |segment| segment.number + 1);
        let bytes = self.config.segment_bytes;
        self.coming = (self.preparer.as_ref())
            .and_then(|preparer| preparer.make(self.folder.clone(), number, bytes));
    }

    fn create_next(&self) -> Result<Segment, StoreError> {
        let number = self.segments.back().map_or(1, |segment| segment.number + 1);
        create_segment(&self.folder, number, self.config.segment_bytes)
    }

    /// Drops the messages of a removed segment from the index.
    fn forget(&mut self, number: u64) {
        let mut dropped = 0;
        while let Some(place) = self.index.front().filter(|place| place.segment == number) {
            dropped = place.seq;
            self.index.pop_front();
        }
        if dropped > 0 {
            self.set_word(SlotWord::DroppedUpto, dropped);
            // The event number must not go back when its only record is removed.
            self.set_word(SlotWord::BaseEvent, self.last_event_no);
        }
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

    /// Begins a new epoch: fills its slot, and commits the slot by the epoch word.
    fn begin_epoch(&mut self, period_ns: u64) {
        let next = self.epoch + 1;
        let slot = SLOTS_AT + SLOT_BYTES * (next & 1) as usize;
        for (word, value) in [
            (SlotWord::NextIn, 1),
            (SlotWord::NextOut, 1),
            (SlotWord::BaseEvent, self.last_event_no),
            (SlotWord::DroppedUpto, 0),
            (SlotWord::Period, period_ns),
        ] {
            self.state.commit(slot + word as usize, value);
        }
        self.state.commit(EPOCH_AT, next);
        self.epoch = next;
        self.next_out = 1;
        self.index.clear();
    }

    /// Copies a record behind the end and commits it. `None` when the segment is full.
    fn write(&mut self, entry: &Entry<'_>) -> Option<MessageLocation> {
        let used = RECORD_HEADER_BYTES + entry.msg_type.len() + entry.body.len();
        let padded = used.next_multiple_of(8);
        let (epoch, at) = (self.epoch, self.end);
        let segment = self.segments.back_mut()?;
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
        self.end = at + padded;
        segment.note_time(entry.sending_ns);
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
        self.word(SlotWord::NextIn).max(1)
    }

    fn next_out(&self) -> u64 {
        self.next_out
    }

    fn last_event_no(&self) -> u64 {
        self.last_event_no
    }

    fn dropped_upto(&self) -> u64 {
        self.word(SlotWord::DroppedUpto)
    }

    fn epoch(&self) -> u64 {
        self.epoch
    }

    fn set_next_in(&mut self, next: u64) {
        self.set_word(SlotWord::NextIn, next);
    }

    fn set_next_out(&mut self, next: u64) {
        self.next_out = next;
        self.set_word(SlotWord::NextOut, next);
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
        self.last_event_no = self.last_event_no.max(entry.event_no);
        self.set_next_out(entry.seq + 1);
        self.prepare_next();
        Ok(())
    }

    fn get(&self, seq: u64) -> Option<Entry<'_>> {
        let place = self.index.get(self.position(seq)).filter(|place| place.seq == seq)?;
        let first = self.segments.front()?.number;
        let segment =
            self.segments.get(usize::try_from(place.segment.checked_sub(first)?).ok()?)?;
        let (record, _) = parse_record(segment.file.bytes(), place.at as usize)?;
        Some(record.entry)
    }

    fn next_kept(&self, seq: u64) -> Option<u64> {
        self.index.get(self.position(seq)).map(|place| place.seq)
    }

    fn reset(&mut self) {
        self.begin_epoch(self.period_ns());
    }

    fn period_ns(&self) -> u64 {
        self.word(SlotWord::Period)
    }

    fn set_period_ns(&mut self, start_ns: u64) {
        self.set_word(SlotWord::Period, start_ns);
    }

    fn reset_for_period(&mut self, start_ns: u64) {
        self.begin_epoch(start_ns);
    }

    fn next_past(&self, cursor: &mut HistoryCursor) -> Option<StoredMessage<'_>> {
        let first = self.segments.front()?.number;
        if cursor.segment < first {
            *cursor = HistoryCursor { segment: first, at: SEGMENT_HEADER_BYTES, ..*cursor };
        }
        loop {
            let place = usize::try_from(cursor.segment.checked_sub(first)?).ok()?;
            let segment = self.segments.get(place)?;
            let newest = place + 1 == self.segments.len();
            let end = if newest { self.end } else { segment.file.bytes().len() };
            let (earliest, latest) = segment.times_ns;
            let none_of_it = latest < cursor.from_ns || earliest >= cursor.upto_ns;
            while cursor.at < end && !none_of_it {
                let Some((record, bytes)) = parse_record(segment.file.bytes(), cursor.at) else {
                    break;
                };
                cursor.at += bytes;
                if cursor.takes(&record.entry) {
                    return Some(StoredMessage { epoch: record.epoch, entry: record.entry });
                }
            }
            if newest {
                return None;
            }
            *cursor =
                HistoryCursor { segment: cursor.segment + 1, at: SEGMENT_HEADER_BYTES, ..*cursor };
        }
    }

    /// Prepares the next segment once the current one is half full.
    fn maintain(&mut self) -> Result<(), StoreError> {
        let late = self.end > self.config.segment_bytes as usize / 2;
        if late && self.preparer.is_none() && self.spare.is_none() {
            self.spare = Some(self.create_next()?);
        }
        Ok(())
    }
}

struct Record<'a> {
    entry: Entry<'a>,
    epoch: u64,
}

fn number_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk::<8>()?))
}

/// The record at `at` and its padded length, after its checksum was verified.
fn read_record(bytes: &[u8], at: usize) -> Option<(Record<'_>, usize)> {
    let commit = number_at(bytes, at)?;
    let length = (commit & u64::from(u32::MAX)) as usize;
    let rest = bytes.get(at + COMMIT_BYTES..at.checked_add(COMMIT_BYTES + length)?)?;
    if u64::from(crc32c::crc32c(rest)) != commit >> 32 {
        return None;
    }
    parse_record(bytes, at)
}

fn parse_record(bytes: &[u8], at: usize) -> Option<(Record<'_>, usize)> {
    let length = (number_at(bytes, at)? & u64::from(u32::MAX)) as usize;
    let rest = bytes.get(at + COMMIT_BYTES..at.checked_add(COMMIT_BYTES + length)?)?;
    let (head, tail) = rest.split_at_checked(RECORD_HEADER_BYTES - COMMIT_BYTES)?;
    let (msg_type, body) = tail.split_at_checked(usize::try_from(number_at(head, 32)?).ok()?)?;
    let entry = Entry {
        seq: number_at(head, 0)?,
        event_no: number_at(head, 8)?,
        sending_ns: number_at(head, 16)?,
        msg_type,
        body,
    };
    let padded = (COMMIT_BYTES + length).next_multiple_of(8);
    Some((Record { entry, epoch: number_at(head, 24)? }, padded))
}

fn lock(folder: &Path) -> Result<File, StoreError> {
    let path = folder.join("lock");
    let file = File::options()
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .map_err(io("open", &path))?;
    match rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(rustix::io::Errno::WOULDBLOCK) => {
            Err(StoreError::Locked { path: folder.to_path_buf() })
        }
        Err(errno) => Err(io("lock", &path)(errno.into())),
    }
}

fn open_state(path: &Path) -> Result<MappedFile, StoreError> {
    remove_if_unwritten(path)?;
    if !path.exists() {
        let mut file = MappedFile::create(path, STATE_BYTES)?;
        write_head(&mut file, STATE_MAGIC, 0);
        return Ok(file);
    }
    let file = MappedFile::open(path, STATE_BYTES)?;
    check_head(&file, STATE_MAGIC, path)?;
    Ok(file)
}
