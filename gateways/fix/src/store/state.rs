//! The file `state`: the numbers of a session, each in one word that carries its own check.
//!
//! A word has 48 bits of value and 16 bits of a checksum over the value and the word's place, so
//! that a word is written whole, and a damaged, swapped or cleared word is noticed.
//!
//! A line belongs here if it is about a number that outlives the messages. Messages are `records`.

use std::path::{Path, PathBuf};

use super::StoreError;
use super::mapped::{MappedFile, io};
use super::segment::{VERSION, check_head, is_unwritten, write_head};

const MAGIC: [u8; 8] = *b"RUTFIXST";
const BYTES: u64 = 4_096;
const SLOTS_AT: usize = 64;
const SLOT_BYTES: usize = 64;
const VALUE_BITS: u32 = 48;
/// Highest value of a word.
pub(super) const VALUE_MAX: u64 = (1 << VALUE_BITS) - 1;
const MS: u64 = 1_000_000;

/// Words of the store, by their offset in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Word {
    /// Number of resets.
    Epoch = 16,
    /// Highest event number that was stored.
    LastEvent = 24,
    /// Number of the oldest segment that must be there.
    FirstSegment = 32,
    /// Number of the newest segment that may have records.
    LastSegment = 40,
    /// Highest event number that retention has removed.
    DroppedEvent = 48,
    /// Bytes of a segment file.
    SegmentBytes = 192,
    /// The session and the journal that the store belongs to.
    Owner = 200,
    /// The run of the machine in which the store was opened last; 0 when unknown.
    Boot = 208,
}

const WORDS: [Word; 8] = [
    Word::Epoch,
    Word::LastEvent,
    Word::FirstSegment,
    Word::LastSegment,
    Word::DroppedEvent,
    Word::SegmentBytes,
    Word::Owner,
    Word::Boot,
];

/// Words of a reset count, by their offset in its slot, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SlotWord {
    NextIn = 0,
    NextOut = 8,
    /// Highest number of a message that retention has removed.
    DroppedUpto = 16,
    /// Beginning of the session period, in milliseconds since the Unix epoch.
    PeriodMs = 24,
}

const SLOT_WORDS: [SlotWord; 4] =
    [SlotWord::NextIn, SlotWord::NextOut, SlotWord::DroppedUpto, SlotWord::PeriodMs];

fn checksum(value: u64, at: usize) -> u64 {
    let crc = crc32c::crc32c(&(value | (at as u64) << VALUE_BITS).to_le_bytes());
    u64::from(crc >> 16 ^ crc & 0xffff)
}

/// A value with its checksum, for the word at `at`.
fn seal(value: u64, at: usize) -> u64 {
    debug_assert!(value <= VALUE_MAX, "a value has 48 bits");
    let value = value & VALUE_MAX;
    value | checksum(value, at) << VALUE_BITS
}

fn unseal(word: u64, at: usize) -> Option<u64> {
    let value = word & VALUE_MAX;
    (word >> VALUE_BITS == checksum(value, at)).then_some(value)
}

/// The numbers that a state begins with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Beginning {
    pub epoch: u64,
    pub next_in: u64,
    pub next_out: u64,
    pub dropped_upto: u64,
    pub period_ns: u64,
    pub last_event: u64,
    pub dropped_event: u64,
    pub first_segment: u64,
    pub last_segment: u64,
    pub segment_bytes: u32,
    pub owner: u64,
}

impl Beginning {
    /// The numbers of a new store.
    pub const fn new(segment_bytes: u32, owner: u64) -> Self {
        Self {
            epoch: 0,
            next_in: 1,
            next_out: 1,
            dropped_upto: 0,
            period_ns: 0,
            last_event: 0,
            dropped_event: 0,
            first_segment: 1,
            last_segment: 0,
            segment_bytes,
            owner,
        }
    }

    /// The numbers of layout 1 with those that it lacks. `segments` are the files' numbers,
    /// ascending. Of two runs the newer counts: an interrupted removal leaves an older run behind.
    pub fn up_to_date(self, segments: &[u64], segment_bytes: u32, owner: u64) -> Self {
        let run =
            segments.windows(2).rposition(|pair| pair[0] + 1 != pair[1]).map_or(0, |at| at + 1);
        let first_segment = segments.get(run).copied().unwrap_or(1);
        let last_segment = segments.last().copied().unwrap_or(0);
        Self { first_segment, last_segment, segment_bytes, owner, ..self }
    }
}

/// Stands for no run of the machine.
pub(super) const IN_DOUBT: u64 = 1;

/// Tells this run of the machine from others; 0 where the system does not tell.
pub(super) fn this_boot() -> u64 {
    let Ok(id) = std::fs::read("/proc/sys/kernel/random/boot_id") else { return 0 };
    let crc = |seed| u64::from(crc32c::crc32c_append(seed, &id));
    (crc(0) << 32 | crc(1)) & VALUE_MAX
}

/// The mapped file. Every word was checked when the file was opened.
#[derive(Debug)]
pub(super) struct State {
    file: MappedFile,
    epoch: u64,
}

impl State {
    /// Makes a new file beside `path`. It gets its name by [`publish`](Self::publish).
    pub fn create(path: &Path, begin: &Beginning) -> Result<Self, StoreError> {
        let new = new_path(path);
        match std::fs::remove_file(&new) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(io("remove", &new)(error));
            }
            _ => {}
        }
        Ok(Self::begun(MappedFile::create(&new, BYTES)?, begin))
    }

    /// Gives a new file its name, in place of any file that has it.
    pub fn publish(path: &Path) -> Result<(), StoreError> {
        let new = new_path(path);
        std::fs::rename(&new, path).map_err(io("rename", &new))
    }

    /// A state without a file: to look at a store, or for a store that refuses.
    pub fn in_memory(begin: &Beginning) -> Result<Self, StoreError> {
        Ok(Self::begun(MappedFile::anonymous(BYTES)?, begin))
    }

    fn begun(file: MappedFile, begin: &Beginning) -> Self {
        let mut state = Self { file, epoch: begin.epoch };
        state.begin(begin);
        state
    }

    fn begin(&mut self, begin: &Beginning) {
        self.fill_slot(begin.epoch, begin.next_in, begin.next_out, begin.period_ns);
        self.set_slot(SlotWord::DroppedUpto, begin.dropped_upto);
        for (word, value) in [
            (Word::Epoch, begin.epoch),
            (Word::LastEvent, begin.last_event),
            (Word::DroppedEvent, begin.dropped_event),
            (Word::FirstSegment, begin.first_segment),
            (Word::LastSegment, begin.last_segment),
            (Word::SegmentBytes, u64::from(begin.segment_bytes)),
            (Word::Owner, begin.owner),
            (Word::Boot, 0),
        ] {
            self.set(word, value);
        }
        write_head(&mut self.file, MAGIC, None);
    }

    /// Opens the file. `None` if there is none, or only one that a crash has left unwritten.
    /// `look`: changes stay in memory.
    pub fn open(path: &Path, look: bool) -> Result<Option<Self>, StoreError> {
        let Some(file) = open_file(path, look)? else { return Ok(None) };
        check_head(&file, MAGIC, path)?;
        let damaged = || StoreError::Damaged { what: "a number", path: path.to_path_buf() };
        let sound = WORDS.iter().all(|word| {
            let at = *word as usize;
            unseal(file.read(at), at).is_some()
        });
        let epoch = unseal(file.read(Word::Epoch as usize), Word::Epoch as usize);
        let state = Self { file, epoch: epoch.filter(|_| sound).ok_or_else(damaged)? };
        let sound = SLOT_WORDS.iter().all(|word| {
            let at = state.slot_at(*word);
            unseal(state.file.read(at), at).is_some()
        });
        if sound { Ok(Some(state)) } else { Err(damaged()) }
    }

    fn slot_at(&self, word: SlotWord) -> usize {
        slot_at(self.epoch, word)
    }

    pub const fn epoch(&self) -> u64 {
        self.epoch
    }

    pub fn get(&self, word: Word) -> u64 {
        self.file.read(word as usize) & VALUE_MAX
    }

    pub fn set(&mut self, word: Word, value: u64) {
        self.write(word as usize, value);
    }

    pub fn slot(&self, word: SlotWord) -> u64 {
        self.file.read(self.slot_at(word)) & VALUE_MAX
    }

    pub fn set_slot(&mut self, word: SlotWord, value: u64) {
        self.write(self.slot_at(word), value);
    }

    fn write(&mut self, at: usize, value: u64) {
        let written = self.file.commit(at, seal(value, at));
        debug_assert!(written, "the state file has room for its words");
    }

    pub fn period_ns(&self) -> u64 {
        self.slot(SlotWord::PeriodMs) * MS
    }

    /// Periods begin on whole seconds of local time, so milliseconds lose nothing.
    pub fn set_period_ns(&mut self, start_ns: u64) {
        debug_assert_eq!(start_ns % MS, 0, "a period begins on a whole millisecond");
        self.set_slot(SlotWord::PeriodMs, start_ns / MS);
    }

    /// Begins a new epoch with both numbers at 1: fills its slot, and commits the slot by the epoch
    /// word.
    pub fn begin_epoch(&mut self, period_ns: u64) {
        let next = self.epoch + 1;
        self.fill_slot(next, 1, 1, period_ns);
        self.set(Word::Epoch, next);
    }

    fn fill_slot(&mut self, epoch: u64, next_in: u64, next_out: u64, period_ns: u64) {
        self.epoch = epoch;
        self.set_slot(SlotWord::NextIn, next_in);
        self.set_slot(SlotWord::NextOut, next_out);
        self.set_slot(SlotWord::DroppedUpto, 0);
        self.set_period_ns(period_ns);
    }
}

const fn slot_at(epoch: u64, word: SlotWord) -> usize {
    SLOTS_AT + SLOT_BYTES * (epoch & 1) as usize + word as usize
}

fn new_path(path: &Path) -> PathBuf {
    path.with_extension("new")
}

fn open_file(path: &Path, look: bool) -> Result<Option<MappedFile>, StoreError> {
    if !path.exists() || is_unwritten(path)? {
        return Ok(None);
    }
    if !look {
        return MappedFile::open(path, BYTES).map(Some);
    }
    let (file, found) = MappedFile::look(path, BYTES)?;
    let size = || StoreError::Size { found, expected: BYTES, path: path.to_path_buf() };
    if found == BYTES { Ok(Some(file)) } else { Err(size()) }
}

/// Reads a state of layout 1, whose words have no checksum. `None` if the file has another version,
/// or is not there.
///
/// ```text
/// 16 epoch | 64 + 64 * (epoch & 1): next_in | next_out | base event | dropped_upto | period in ns
/// ```
pub(super) fn read_first_layout(path: &Path) -> Result<Option<Beginning>, StoreError> {
    let Some(file) = open_file(path, true)? else { return Ok(None) };
    if !file.bytes().starts_with(&MAGIC) || file.read(8) != 1 {
        return Ok(None);
    }
    let epoch = file.read(Word::Epoch as usize);
    let slot = SLOTS_AT + SLOT_BYTES * (epoch & 1) as usize;
    let begin = Beginning {
        epoch,
        next_in: file.read(slot).max(1),
        next_out: file.read(slot + 8).max(1),
        last_event: file.read(slot + 16),
        dropped_upto: file.read(slot + 24),
        period_ns: file.read(slot + 32),
        ..Beginning::new(0, 0)
    };
    let numbers = [begin.epoch, begin.next_in, begin.next_out, begin.last_event];
    let more = [begin.dropped_upto, begin.period_ns / MS];
    if numbers.iter().chain(&more).any(|number| *number > VALUE_MAX) {
        return Err(StoreError::Damaged { what: "a number", path: path.to_path_buf() });
    }
    Ok(Some(begin))
}

const _: () = assert!(VERSION == 2);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_flip_of_one_or_two_bits_and_no_word_of_another_place_passes() {
        for value in [0, 1, 2, 4_711, 1 << 40, VALUE_MAX] {
            for at in [16_usize, 24, 64, 72, 208] {
                let word = seal(value, at);
                assert_eq!(unseal(word, at), Some(value));
                assert_eq!(unseal(word, at + 8), None, "{value} of {at} at another place");
                assert_eq!(unseal(0, at), None, "a cleared word");
                for first in 0..64 {
                    for second in first..64 {
                        let flips =
                            if first == second { 1 << first } else { 1 << first | 1 << second };
                        assert_eq!(unseal(word ^ flips, at), None, "{value}: {first}, {second}");
                    }
                }
            }
        }
    }
}
