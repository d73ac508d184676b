//! The writer of a journal.
//!
//! A line belongs here if the appending thread runs it. An append never waits for a disk, makes a
//! file or allocates. One exception is bounded and counted: an append that needs a new segment may
//! wait for it, and fails after `Config::stall_max`. The helper threads are `sync`, opening is
//! `recovery`.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::error::{AppendError, OpenError, SyncError};
use crate::format::{
    RECORD_ALIGN_BYTES, RECORD_HEADER_BYTES, RecordHeader, SegmentHeader, body_bytes_max,
    chain_step, is_segment_size, record_bytes, seal_record,
};
use crate::reader::Record;
use crate::recovery::{Recovery, Resumed, recover, write_header};
use crate::storage::{Allocation, Segment, Storage};
use crate::sync::{
    NewSegments, Prepared, ROLLED_UNSYNCED_MAX, Shared, Syncer, locked, make_segment, run_prepare,
    run_sync, take_prepared,
};
use crate::watch::{Watch, Written};

/// Default segment size: 64 MiB.
pub const SEGMENT_BYTES_DEFAULT: usize = 64 << 20;
/// Default longest wait of an append for the next segment.
pub const STALL_MAX_DEFAULT: Duration = Duration::from_secs(2);
/// Pause between two syncs under [`Durability::Process`], where no output waits for the disk.
const PROCESS_SYNC_PAUSE: Duration = Duration::from_millis(10);

/// When the outputs of an input may be released.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// When the input is appended: it survives the death of the process, not of the machine.
    Process,
    /// When the input is synced to disk: it survives a loss of power.
    Disk,
}

/// Which thread syncs records to disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyncMode {
    /// A sync thread; a second thread prepares segments.
    Threads,
    /// The caller's thread, in [`Journal::sync_step`]. No thread is started and no clock is read.
    Stepped,
}

/// Settings of a journal that is opened for writing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Size of new segments, bytes: a multiple of 4096 from 64 KiB to 4 GiB.
    pub segment_bytes: usize,
    /// When the outputs of an input may be released.
    pub durability: Durability,
    /// Which thread syncs records to disk.
    pub sync_mode: SyncMode,
    /// Pause of the sync thread between two syncs, so that one sync covers more records.
    pub sync_pause: Duration,
    /// Longest wait of an append for the next segment.
    pub stall_max: Duration,
}

impl Config {
    /// Default settings for a durability: two helper threads, 64 MiB segments.
    pub const fn new(durability: Durability) -> Self {
        let sync_pause = match durability {
            Durability::Process => PROCESS_SYNC_PAUSE,
            Durability::Disk => Duration::ZERO,
        };
        Self {
            segment_bytes: SEGMENT_BYTES_DEFAULT,
            durability,
            sync_mode: SyncMode::Threads,
            sync_pause,
            stall_max: STALL_MAX_DEFAULT,
        }
    }

    /// How new segments are made. Outputs wait for each sync only under [`Durability::Disk`], so
    /// only there are the zeros written ahead, which makes later syncs faster.
    const fn new_segments(&self) -> NewSegments {
        let allocation = match self.durability {
            Durability::Process => Allocation::Reserved,
            Durability::Disk => Allocation::Zeros,
        };
        NewSegments { bytes: self.segment_bytes, allocation }
    }

    /// These settings without helper threads, for a simulator or a test.
    #[must_use]
    pub const fn stepped(mut self) -> Self {
        self.sync_mode = SyncMode::Stepped;
        self
    }

    /// These settings with another segment size, bytes.
    #[must_use]
    pub const fn segment_bytes(mut self, bytes: usize) -> Self {
        self.segment_bytes = bytes;
        self
    }
}

/// The sequence up to which outputs may be released, readable from any thread.
#[derive(Clone, Debug)]
pub struct ReleaseMark {
    durability: Durability,
    written: Arc<Written>,
    durable: Arc<AtomicU64>,
}

impl ReleaseMark {
    /// Outputs of inputs up to this sequence may be released.
    #[inline]
    pub fn up_to(&self) -> u64 {
        match self.durability {
            Durability::Process => self.written.sequence.load(Ordering::Acquire),
            Durability::Disk => self.durable.load(Ordering::Acquire),
        }
    }
}

/// Counters since opening.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Appended records.
    pub records: u64,
    /// Changes to a new segment.
    pub rolls: u64,
    /// Appends that waited for the next segment.
    pub stalls: u64,
    /// Longest wait of an append for the next segment, nanoseconds.
    pub stall_ns_max: u64,
    /// Completed syncs, each of a group of records.
    pub syncs: u64,
    /// The last sequence known to be on disk.
    pub durable: u64,
    /// True if the next segment is ready.
    pub next_segment_ready: bool,
    /// Why making the next segment failed. Set before the writer needs that segment.
    pub next_segment_error: Option<AppendError>,
}

enum Helpers<S: Storage> {
    Threads { sync: Option<JoinHandle<()>>, prepare: Option<JoinHandle<()>> },
    Stepped(Syncer<S>),
}

/// The writer. Holds the journal's lock until it is closed or dropped.
pub struct Journal<S: Storage> {
    segment: S::Segment,
    /// Byte offset of the end of the last record in the segment.
    offset: usize,
    segment_bytes: usize,
    seed: u32,
    next_sequence: u64,
    chain: u64,
    shared: Arc<Shared<S>>,
    /// True if an append wakes the sync thread, because outputs wait for the disk.
    wakes: bool,
    body_bytes_max: usize,
    helpers: Helpers<S>,
    header: SegmentHeader,
    config: Config,
    epoch: u64,
    opened_after: u64,
    rolls: u64,
    stalls: u64,
    stall_max_seen: Duration,
    _lock: S::Lock,
}

impl<S: Storage> fmt::Debug for Journal<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Journal")
            .field("segment", &self.header.index)
            .field("offset", &self.offset)
            .field("next_sequence", &self.next_sequence)
            .field("epoch", &self.epoch)
            .finish_non_exhaustive()
    }
}

impl<S: Storage> Journal<S> {
    /// Locks, reads and recovers the journal, or creates a new one.
    ///
    /// # Errors
    /// [`OpenError`]; after [`OpenError::Refused`] and [`OpenError::Locked`] no file was changed.
    pub fn open(storage: S, config: Config) -> Result<(Self, Recovery), OpenError> {
        Self::open_replaying(storage, config, |_| {})
    }

    /// Like [`Journal::open`], and calls `visit` with every record, so that a start reads the
    /// journal only once. After an error the caller must discard the state that it built from the
    /// records.
    ///
    /// # Errors
    /// As [`Journal::open`].
    pub fn open_replaying(
        storage: S,
        config: Config,
        mut visit: impl FnMut(Record<'_>),
    ) -> Result<(Self, Recovery), OpenError> {
        if !is_segment_size(config.segment_bytes as u64) {
            return Err(OpenError::SegmentBytes { found: config.segment_bytes });
        }
        let lock = storage.lock()?;
        let storage = Arc::new(storage);
        let (resumed, recovery) = recover(&storage, config.new_segments(), &mut visit)?;
        let journal = Self::resume(storage, config, resumed, lock)?;
        Ok((journal, recovery))
    }

    fn resume(
        storage: Arc<S>,
        config: Config,
        resumed: Resumed<S>,
        lock: S::Lock,
    ) -> Result<Self, OpenError> {
        let Resumed { segment, header, seed, offset, next_sequence, chain, mark, synced } = resumed;
        let shared = Arc::new(Shared::new(storage, next_sequence - 1, offset));
        let syncer = Syncer::new(Arc::clone(&shared), &segment, synced, mark);
        let helpers = match config.sync_mode {
            SyncMode::Stepped => Helpers::Stepped(syncer),
            SyncMode::Threads => start_threads(&shared, syncer, &config, header.index + 1)
                .map_err(|source| OpenError::Threads { source })?,
        };
        let threads = matches!(helpers, Helpers::Threads { .. });
        let segment_bytes = segment.bytes();
        Ok(Self {
            segment,
            offset,
            segment_bytes,
            seed,
            next_sequence,
            chain,
            shared,
            wakes: threads && config.durability == Durability::Disk,
            // A record must fit a segment of the configured size, as the next one will be.
            body_bytes_max: body_bytes_max(config.segment_bytes),
            helpers,
            header,
            epoch: mark.epoch,
            opened_after: next_sequence - 1,
            config,
            rolls: 0,
            stalls: 0,
            stall_max_seen: Duration::ZERO,
            _lock: lock,
        })
    }

    /// Appends a record and returns its sequence. The record is not durable yet: see
    /// [`Journal::release_mark`].
    ///
    /// # Errors
    /// [`AppendError`]; the journal is then unchanged.
    #[inline]
    pub fn append(
        &mut self,
        kind: u16,
        schema: u16,
        time_ns: u64,
        body: &[u8],
    ) -> Result<u64, AppendError> {
        let total = record_bytes(body.len());
        self.admit(body.len(), total)?;
        let header = RecordHeader { sequence: self.next_sequence, time_ns, kind, schema };
        let seed = self.seed;
        let checksum = self.segment.with(self.offset, total, |slot| {
            // Zero the last 8 bytes first: the body then overwrites all but the padding.
            slot[total - RECORD_ALIGN_BYTES..].fill(0);
            slot[RECORD_HEADER_BYTES..RECORD_HEADER_BYTES + body.len()].copy_from_slice(body);
            seal_record(slot, seed, header, body.len())
        });
        Ok(self.commit(checksum, body.len(), total))
    }

    /// Appends a record whose body `encode` writes directly into the segment. `encode` gets
    /// `len_max` bytes of undefined content and returns the number of bytes that it wrote.
    ///
    /// # Errors
    /// [`AppendError`]; the journal is then unchanged.
    #[inline]
    pub fn append_with(
        &mut self,
        kind: u16,
        schema: u16,
        time_ns: u64,
        len_max: usize,
        encode: impl FnOnce(&mut [u8]) -> usize,
    ) -> Result<u64, AppendError> {
        let reserved = record_bytes(len_max);
        self.admit(len_max, reserved)?;
        let header = RecordHeader { sequence: self.next_sequence, time_ns, kind, schema };
        let seed = self.seed;
        let sealed = self.segment.with(self.offset, reserved, |slot| {
            let body_end = RECORD_HEADER_BYTES + len_max;
            let used = encode(&mut slot[RECORD_HEADER_BYTES..body_end]);
            // The unused part of the reservation becomes zeros: only zeros may follow the last
            // record.
            let keep = if used > len_max { 0 } else { RECORD_HEADER_BYTES + used };
            slot[keep.max(RECORD_HEADER_BYTES)..].fill(0);
            if used > len_max {
                return Err(AppendError::BodyTooLong { found: used, limit: len_max });
            }
            Ok((seal_record(&mut slot[..record_bytes(used)], seed, header, used), used))
        });
        let (checksum, used) = sealed?;
        Ok(self.commit(checksum, used, record_bytes(used)))
    }

    /// Checks the limits, and begins a new segment if `total` bytes do not fit the current one.
    #[inline]
    fn admit(&mut self, body_bytes: usize, total: usize) -> Result<(), AppendError> {
        if self.shared.failed.load(Ordering::Relaxed) {
            return Err(self.sync_failure());
        }
        if body_bytes > self.body_bytes_max {
            return Err(AppendError::BodyTooLong { found: body_bytes, limit: self.body_bytes_max });
        }
        if total > self.segment_bytes - self.offset {
            return self.roll();
        }
        Ok(())
    }

    #[inline]
    fn commit(&mut self, checksum: u32, body_bytes: usize, total: usize) -> u64 {
        let sequence = self.next_sequence;
        self.chain = chain_step(self.chain, checksum, body_bytes);
        self.offset += total;
        self.next_sequence += 1;
        self.shared.written.offset.store(self.offset as u64, Ordering::Relaxed);
        self.shared.written.sequence.store(sequence, Ordering::Release);
        if self.wakes && self.shared.sleeping.load(Ordering::Relaxed) {
            self.wake();
        }
        sequence
    }

    #[cold]
    fn sync_failure(&self) -> AppendError {
        let SyncError { durable, why } = self.shared.failure();
        AppendError::SyncFailed { durable, why }
    }

    #[cold]
    fn wake(&self) {
        if let Helpers::Threads { sync: Some(sync), .. } = &self.helpers
            && self.shared.sleeping.swap(false, Ordering::Relaxed)
        {
            sync.thread().unpark();
        }
    }

    /// Begins the next segment.
    #[cold]
    fn roll(&mut self) -> Result<(), AppendError> {
        let waiting = locked(&self.shared.begun).len();
        if waiting >= ROLLED_UNSYNCED_MAX {
            return Err(AppendError::SyncBehind { waiting });
        }
        let mut next = self.next_segment()?;
        let header = SegmentHeader {
            journal_id: self.header.journal_id,
            index: self.header.index + 1,
            epoch: self.epoch,
            first_sequence: self.next_sequence,
            previous_hash: self.chain,
            segment_bytes: next.bytes() as u64,
        };
        let (seed, offset) = write_header(&mut next, &header);
        let mut begun = locked(&self.shared.begun);
        begun.push_back((next.handle(), next.bytes()));
        self.shared.written.offset.store(offset as u64, Ordering::Release);
        drop(begun);
        let left_behind = self.segment_bytes as u64;
        self.shared.progress.rolled_bytes.fetch_add(left_behind, Ordering::Release);
        (self.seed, self.offset, self.segment_bytes) = (seed, offset, next.bytes());
        self.chain = header.chain_start(seed);
        self.header = header;
        self.segment = next;
        self.rolls += 1;
        Ok(())
    }

    fn next_segment(&mut self) -> Result<S::Segment, AppendError> {
        if matches!(self.helpers, Helpers::Threads { .. }) {
            let ready = matches!(*locked(&self.shared.prepared), Prepared::Ready(_));
            let (taken, waited) = take_prepared(&self.shared, self.config.stall_max);
            if !ready {
                self.stalls += 1;
                self.shared.progress.stalls.store(self.stalls, Ordering::Relaxed);
                self.stall_max_seen = self.stall_max_seen.max(waited);
            }
            return taken;
        }
        let index = self.header.index + 1;
        match make_segment(&*self.shared.storage, index, self.config.new_segments()) {
            Prepared::Ready(segment) => Ok(segment),
            Prepared::Failed(error) => Err(error),
            Prepared::Wanted => Err(AppendError::SegmentNotReady { waited_ms: 0 }),
        }
    }

    /// Under [`SyncMode::Stepped`] syncs one group in the calling thread, and returns `true` if any
    /// record needed it. Under [`SyncMode::Threads`] only wakes the sync thread, and returns
    /// `false`.
    ///
    /// # Errors
    /// [`SyncError`] after a failed sync: the process must stop, every later append fails.
    pub fn sync_step(&mut self) -> Result<bool, SyncError> {
        match &mut self.helpers {
            Helpers::Stepped(syncer) => syncer.step(),
            Helpers::Threads { sync, .. } => {
                if self.shared.failed.load(Ordering::Acquire) {
                    return Err(self.shared.failure());
                }
                if let Some(sync) = sync {
                    sync.thread().unpark();
                }
                Ok(false)
            }
        }
    }

    /// The sync failure that stopped the journal, if any. A caller that waits for the durable mark
    /// must check this too: after a failure the mark never advances.
    pub fn failure(&self) -> Option<SyncError> {
        self.shared.failed.load(Ordering::Acquire).then(|| self.shared.failure())
    }

    /// The last sequence known to be on disk, readable from any thread, under both durabilities.
    pub fn durable(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.shared.durable)
    }

    /// The sequence up to which outputs may be released under the configured durability.
    pub fn release_mark(&self) -> ReleaseMark {
        ReleaseMark {
            durability: self.config.durability,
            written: Arc::clone(&self.shared.written),
            durable: Arc::clone(&self.shared.durable),
        }
    }

    /// Progress of the journal for metrics, readable from any thread.
    pub fn watch(&self) -> Watch {
        Watch {
            written: Arc::clone(&self.shared.written),
            durable: Arc::clone(&self.shared.durable),
            progress: Arc::clone(&self.shared.progress),
        }
    }

    /// The sequence that the next append will return.
    pub fn next_sequence(&self) -> u64 {
        self.next_sequence
    }

    /// Number of the current opening for writing, from 1.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Hash over every record so far and their order (`FORMAT.md`, section 3).
    pub fn chain(&self) -> u64 {
        self.chain
    }

    /// The storage of this journal.
    pub fn storage(&self) -> &S {
        &self.shared.storage
    }

    /// Counters since opening.
    pub fn stats(&self) -> Stats {
        let (next_segment_ready, next_segment_error) = match &*locked(&self.shared.prepared) {
            Prepared::Wanted => (false, None),
            Prepared::Ready(_) => (true, None),
            Prepared::Failed(error) => (false, Some(error.clone())),
        };
        Stats {
            records: self.next_sequence - 1 - self.opened_after,
            rolls: self.rolls,
            stalls: self.stalls,
            stall_ns_max: self.stall_max_seen.as_nanos() as u64,
            syncs: self.shared.syncs.load(Ordering::Relaxed),
            durable: self.shared.durable.load(Ordering::Acquire),
            next_segment_ready,
            next_segment_error,
        }
    }

    /// Syncs all records, stops the helper threads and releases the lock. Returns the last
    /// sequence.
    ///
    /// # Errors
    /// [`SyncError`]: some records are not on disk.
    pub fn close(mut self) -> Result<u64, SyncError> {
        if let Helpers::Stepped(syncer) = &mut self.helpers {
            while syncer.step()? {}
        }
        self.shared.stop.store(true, Ordering::SeqCst);
        self.end_threads();
        let last = self.next_sequence - 1;
        let durable = self.shared.durable.load(Ordering::Acquire);
        if self.shared.failed.load(Ordering::Acquire) || durable != last {
            return Err(self.shared.failure());
        }
        Ok(last)
    }

    fn end_threads(&mut self) {
        if let Helpers::Threads { sync, prepare } = &mut self.helpers {
            {
                // Under the lock, so that the preparing thread cannot miss the notification between
                // its check of the flag and its wait.
                let _prepared = locked(&self.shared.prepared);
                self.shared.prepared_changed.notify_all();
            }
            if let Some(sync) = sync.take() {
                sync.thread().unpark();
                let _ = sync.join();
            }
            if let Some(prepare) = prepare.take() {
                let _ = prepare.join();
            }
        }
    }
}

/// Stops the helper threads without a last sync. Call [`Journal::close`] to sync all records first.
impl<S: Storage> Drop for Journal<S> {
    fn drop(&mut self) {
        self.shared.abandon.store(true, Ordering::SeqCst);
        self.end_threads();
    }
}

fn start_threads<S: Storage>(
    shared: &Arc<Shared<S>>,
    syncer: Syncer<S>,
    config: &Config,
    next_index: u64,
) -> std::io::Result<Helpers<S>> {
    let (pause, new_segments) = (config.sync_pause, config.new_segments());
    let preparing = Arc::clone(shared);
    let prepare = thread::Builder::new()
        .name("journal-prepare".to_owned())
        .spawn(move || run_prepare(&preparing, next_index, new_segments))?;
    let sync = thread::Builder::new()
        .name("journal-sync".to_owned())
        .spawn(move || run_sync(syncer, pause));
    match sync {
        Ok(sync) => Ok(Helpers::Threads { sync: Some(sync), prepare: Some(prepare) }),
        Err(error) => {
            shared.abandon.store(true, Ordering::SeqCst);
            drop(locked(&shared.prepared));
            shared.prepared_changed.notify_all();
            let _ = prepare.join();
            Err(error)
        }
    }
}
