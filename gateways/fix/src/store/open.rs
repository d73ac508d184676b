//! Opening a store: reading all its files, and deciding what damage means.
//!
//! The rule, which `docs/fix/session.md` tells: with a sound `state` the store opens. A damaged,
//! missing or foreign segment costs its messages, and the events in it count as lost
//! ([`Told::Perhaps`](super::Told)). Without a sound `state` the sequence numbers are unknown, and
//! the store is refused.
//!
//! A line belongs here if it reads a store that was closed or has crashed.

use std::collections::VecDeque;
use std::fs::File;
use std::path::{Path, PathBuf};

use super::damage::{DamageKind, DamageReport, DamagedPlace, LostEvents};
use super::mapped::io;
use super::mmap::{MmapConfig, MmapStore};
use super::records::{Expected, Scan, Step};
use super::segment::{
    Opened, SEGMENTS_MAX, Segment, is_unwritten, open_segment, remove, segment_numbers,
    segment_path, set_aside,
};
use super::state::{Beginning, IN_DOUBT, State, VALUE_MAX, Word, read_first_layout, this_boot};
use super::{StoreError, mmap};

/// Whether a store is opened to be used, or only looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    Use,
    Look,
}

/// What was read of a store.
struct Reading<'a> {
    folder: &'a Path,
    purpose: Purpose,
    state: State,
    /// The store has layout 1.
    first_layout: bool,
    segments: VecDeque<Segment>,
    spare: Option<Segment>,
    /// Reset count and number of the newest record.
    after: (u64, u64),
    /// Highest event number so far.
    last_event: u64,
    /// Events are lost between `last_event` and the next event.
    pending: bool,
    lost: LostEvents,
    damage: DamageReport,
    /// Nobody knows whether later events were stored.
    doubt: bool,
}

/// Looks at the files of a store without changing them, also while another process uses them.
///
/// # Errors
/// The reasons for which [`MmapStore::open`] would refuse the store, except that it is in use.
pub fn look(folder: &Path, config: MmapConfig) -> Result<DamageReport, StoreError> {
    let reading = Reading::read(folder, config, Purpose::Look)?;
    Ok(reading.map_or_else(DamageReport::default, Reading::report))
}

impl MmapStore {
    /// Opens the folder, or makes it. Every record is read once.
    ///
    /// # Errors
    /// [`StoreError`]: the sequence numbers cannot be known, or the store cannot be used. The files
    /// stay as they are.
    pub fn open(folder: &Path, config: MmapConfig) -> Result<Self, StoreError> {
        rutter_files::make_folder(folder).map_err(io("create", folder))?;
        let lock = lock(folder)?;
        let state_path = folder.join("state");
        let reading = if let Some(reading) = Reading::read(folder, config, Purpose::Use)? {
            reading
        } else {
            let epoch = config.first_epoch & VALUE_MAX;
            let begin =
                Beginning { epoch, ..Beginning::new(config.whole_segment_bytes(), owner(config)) };
            let state = State::create(&state_path, &begin)?;
            State::publish(&state_path)?;
            Reading { doubt: true, ..Reading::new(folder, Purpose::Use, state) }
        };
        reading.finish(config, lock)
    }
}

/// Whether one of the bytes is not zero.
fn is_any(bytes: &[u8], at: usize, length: usize) -> bool {
    bytes.get(at..at + length).is_some_and(|part| part.iter().any(|byte| *byte != 0))
}

fn owner(config: MmapConfig) -> u64 {
    config.owner & VALUE_MAX
}

impl<'a> Reading<'a> {
    fn new(folder: &'a Path, purpose: Purpose, state: State) -> Self {
        Self {
            folder,
            purpose,
            first_layout: false,
            segments: VecDeque::new(),
            spare: None,
            after: (0, 0),
            last_event: state.get(Word::DroppedEvent),
            pending: false,
            lost: LostEvents::default(),
            damage: DamageReport::default(),
            doubt: false,
            state,
        }
    }

    /// Reads all files; `None` if there are none.
    fn read(
        folder: &'a Path,
        config: MmapConfig,
        purpose: Purpose,
    ) -> Result<Option<Self>, StoreError> {
        let path = folder.join("state");
        let look = purpose == Purpose::Look;
        if look && !folder.exists() {
            return Ok(None);
        }
        let mut numbers = segment_numbers(folder)?;
        let mut reading = if let Some(begin) = read_first_layout(&path)? {
            let mut written = Vec::with_capacity(numbers.len());
            for number in &numbers {
                if !is_unwritten(&segment_path(folder, *number))? {
                    written.push(*number);
                }
            }
            let begin = begin.up_to_date(&written, config.whole_segment_bytes(), owner(config));
            let state =
                if look { State::in_memory(&begin)? } else { State::create(&path, &begin)? };
            Self { first_layout: true, ..Self::new(folder, purpose, state) }
        } else if let Some(state) = State::open(&path, look)? {
            Self::new(folder, purpose, state)
        } else if numbers.is_empty() {
            return Ok(None);
        } else {
            return Err(StoreError::Damaged { what: "missing", path });
        };
        if reading.state.get(Word::Owner) != owner(config) {
            return Err(StoreError::Foreign { path });
        }
        let (first, last) =
            (reading.state.get(Word::FirstSegment), reading.state.get(Word::LastSegment));
        if last + 1 < first || last - first + 1 > SEGMENTS_MAX as u64 {
            return Err(StoreError::Damaged { what: "segment numbers", path });
        }
        numbers.retain(|number| !(first..=last).contains(number));
        for number in first..=last {
            reading.read_segment(number, number == last)?;
        }
        for number in numbers {
            reading.leftover(number, first, last)?;
        }
        reading.end();
        Ok(Some(reading))
    }

    fn sizes(&self) -> (u32, u64) {
        (self.state.get(Word::SegmentBytes) as u32, self.state.get(Word::Owner))
    }

    fn note(&mut self, file: PathBuf, at: usize, bytes: usize, kind: DamageKind) {
        self.pending = true;
        let (at, bytes) = (at as u64, bytes as u64);
        self.damage.note(DamagedPlace { file, at, bytes, kind });
    }

    /// Reads a segment that must be there.
    fn read_segment(&mut self, number: u64, newest: bool) -> Result<(), StoreError> {
        let path = segment_path(self.folder, number);
        let look = self.purpose == Purpose::Look;
        let sizes = self.sizes();
        match open_segment(self.folder, number, sizes, look, self.first_layout)? {
            Opened::Segment(mut segment, faults) => {
                for kind in faults {
                    self.note(path.clone(), 0, 0, kind);
                }
                segment.bring_up_to_date(sizes.1);
                self.read_records(segment, newest);
            }
            Opened::Missing => self.note(path, 0, 0, DamageKind::Missing),
            Opened::Foreign => {
                self.note(path.clone(), 0, 0, DamageKind::Foreign);
                if !look {
                    set_aside(&path)?;
                }
            }
        }
        Ok(())
    }

    fn read_records(&mut self, mut segment: Segment, newest: bool) {
        let epoch_max = self.state.epoch();
        let closes = !self.first_layout;
        let expected = Expected { after: self.after, epoch_max, newest, closes };
        segment.contents.newest = self.after;
        let mut scan = Scan::new(segment.file.bytes(), expected);
        let (end, torn) = loop {
            match scan.next() {
                Step::End { at, torn } => break (at, torn),
                Step::Damage { at, bytes } => {
                    segment.contents.holes.push((at, at + bytes));
                    let cleared = !is_any(segment.file.bytes(), at, bytes);
                    let kind = if cleared { DamageKind::Cleared } else { DamageKind::Record };
                    self.note(segment.path.clone(), at, bytes, kind);
                }
                Step::Record { at, record } => {
                    let entry = record.entry;
                    self.take_event(entry.event_no);
                    segment.contents.note(at, record.epoch, &entry);
                }
            }
        };
        segment.contents.end = end;
        self.after = segment.contents.newest;
        // Written bytes that are no record, with nothing behind them: no crash of the process
        // leaves that, but a machine that has lost its power does.
        self.doubt |= newest && segment.contents.holes.last().is_some_and(|hole| hole.1 == end);
        if torn && self.purpose == Purpose::Use {
            let rest = segment.file.bytes().len() - end;
            if let Some(rest) = segment.file.slice_mut(end, rest) {
                rest.fill(0);
            }
        }
        self.segments.push_back(segment);
    }

    fn take_event(&mut self, event_no: u64) {
        if event_no == 0 {
            return;
        }
        // Layout 1 does not tell which events retention has removed before the first.
        let known = !(self.first_layout && self.last_event == 0);
        if event_no > self.last_event {
            if self.pending && known {
                self.lost.add(self.last_event + 1, event_no - 1);
            }
            self.pending = false;
            self.last_event = event_no;
        } else {
            self.lost.found(event_no);
        }
    }

    /// A segment file beside those that must be there.
    fn leftover(&mut self, number: u64, first: u64, last: u64) -> Result<(), StoreError> {
        let path = segment_path(self.folder, number);
        let use_it = self.purpose == Purpose::Use;
        if number < first || is_unwritten(&path)? {
            // An interrupted removal, or a file that a crash has left unwritten.
            return if use_it { remove(&path) } else { Ok(()) };
        }
        if number == last + 1
            && let Opened::Segment(mut segment, faults) =
                open_segment(self.folder, number, self.sizes(), !use_it, self.first_layout)?
        {
            let blank =
                segment.file.bytes().iter().skip(segment.contents.end).all(|byte| *byte == 0);
            if faults.is_empty() && blank {
                segment.bring_up_to_date(self.state.get(Word::Owner));
                self.spare = Some(segment);
                return Ok(());
            }
            if faults.is_empty() {
                // A loss of power may keep a begun segment and lose the number that says so.
                segment.bring_up_to_date(self.state.get(Word::Owner));
                self.read_records(segment, true);
                self.doubt = true;
                if use_it {
                    self.state.set(Word::LastSegment, number);
                }
                return Ok(());
            }
        }
        self.note(path.clone(), 0, 0, DamageKind::Foreign);
        self.pending = false;
        if use_it { set_aside(&path) } else { Ok(()) }
    }

    /// All files are read: events that the state knows and no record has are lost.
    fn end(&mut self) {
        let known = self.state.get(Word::LastEvent);
        if known > self.last_event {
            if !self.first_layout {
                if !self.pending {
                    let at = self.segments.back().map_or((self.folder.join("state"), 0), |one| {
                        (one.path.clone(), one.contents.end)
                    });
                    self.note(at.0, at.1, 0, DamageKind::Cleared);
                }
                self.lost.add(self.last_event + 1, known);
            }
            self.last_event = known;
        }
        let (boot, before) = (this_boot(), self.state.get(Word::Boot));
        self.doubt |= boot != 0 && before != 0 && boot != before;
    }

    fn report(mut self) -> DamageReport {
        self.damage.lost_events = self.lost.count();
        self.damage
    }

    /// Makes the store, and brings its files up to date.
    fn finish(mut self, config: MmapConfig, lock: File) -> Result<MmapStore, StoreError> {
        self.state.set(Word::LastEvent, self.last_event);
        // A doubt outlives the process until the repeats have ended.
        self.state.set(Word::Boot, if self.doubt { IN_DOUBT } else { this_boot() });
        let owner = self.state.get(Word::Owner);
        if self.first_layout {
            let newest = self.segments.len().saturating_sub(1);
            self.segments.iter_mut().take(newest).for_each(mmap::close);
            State::publish(&self.folder.join("state"))?;
        }
        self.damage.lost_events = self.lost.count();
        let segment_bytes = self.state.get(Word::SegmentBytes) as u32;
        let mut store = MmapStore::empty(self.state, Some(lock));
        store.folder = self.folder.to_path_buf();
        store.config = MmapConfig { segment_bytes, owner, ..config };
        (store.segments, store.spare) = (self.segments, self.spare);
        store.last_event_no = self.last_event;
        (store.lost, store.doubt, store.damage) = (self.lost, self.doubt, self.damage);
        store.go_on(self.after)
    }
}

fn lock(folder: &Path) -> Result<File, StoreError> {
    let path = folder.join("lock");
    let file = rutter_files::open_or_create(&path).map_err(io("open", &path))?;
    match rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(rustix::io::Errno::WOULDBLOCK) => {
            Err(StoreError::Locked { path: folder.to_path_buf() })
        }
        Err(errno) => Err(io("lock", &path)(errno.into())),
    }
}
