//! The one writer of a journal.
//!
//! A line belongs here if the appending thread runs it. Nothing on this path waits for a disk,
//! makes a file or allocates; the one exception, a next segment that is not ready in time, is
//! bounded, counted, and ends in an error. Helpers are `sync`, opening is `recovery`.

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
    NewSegments, Prepared, ROLLED_UNSYNCED_MAX, Shared, Syncer, Written, held, make_segment,
    run_prepare, run_sync, take_prepared,
};
use crate::watch::Watch;

/// Segment size unless asked otherwise.
pub const SEGMENT_BYTES_DEFAULT: usize = 64 << 20;
/// How long an append may wait for the next segment unless asked otherwise.
pub const STALL_MAX_DEFAULT: Duration = Duration::from_secs(2);
/// Pause between two groups under [`Durability::Process`], where nobody waits for the disk.
const PROCESS_SYNC_PAUSE: Duration = Duration::from_millis(10);

/// What an output waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// Nothing: an appended record survives the death of the process, not of the machine.
    Process,
    /// The sync of its input: it survives a loss of power.
    Disk,
}

/// Who brings records to disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyncMode {
    /// Two threads of the journal's own.
    Threads,
    /// The owner, by calling [`Journal::sync_step`]; no thread is started and no clock is read.
    Stepped,
}

/// How to open a journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Size of segments made from now on; a multiple of 4096 from 64 KiB to 4 GiB.
    pub segment_bytes: usize,
    /// What an output waits for.
    pub durability: Durability,
    /// Who syncs.
    pub sync_mode: SyncMode,
    /// Pause of the sync thread between two groups, for records to gather.
    pub sync_pause: Duration,
    /// Longest wait of an append for the next segment.
    pub stall_max: Duration,
}

impl Config {
    /// The usual settings for a durability: threads, 64 MiB segments.
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

    /// Where somebody waits for each sync, the work that makes syncs quick is done ahead.
    const fn new_segments(&self) -> NewSegments {
        let allocation = match self.durability {
            Durability::Process => Allocation::Reserved,
            Durability::Disk => Allocation::Zeros,
        };
        NewSegments { bytes: self.segment_bytes, allocation }
    }

    /// The same without threads, for a simulator or a test.
    #[must_use]
    pub const fn stepped(mut self) -> Self {
        self.sync_mode = SyncMode::Stepped;
        self
    }

    /// The same with segments of another size.
    #[must_use]
    pub const fn segment_bytes(mut self, bytes: usize) -> Self {
        self.segment_bytes = bytes;
        self
    }
}

/// Up to which record outputs may leave, for any thread to look at.
#[derive(Clone, Debug)]
pub struct ReleaseMark {
    durability: Durability,
    written: Arc<Written>,
    durable: Arc<AtomicU64>,
}

impl ReleaseMark {
    /// Outputs of inputs up to this sequence may leave.
    #[inline]
    pub fn up_to(&self) -> u64 {
        match self.durability {
            Durability::Process => self.written.sequence.load(Ordering::Acquire),
            Durability::Disk => self.durable.load(Ordering::Acquire),
        }
    }
}

/// Counts since opening.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Records appended.
    pub records: u64,
    /// Segments begun.
    pub rolls: u64,
    /// Times an append had to wait for the next segment.
    pub stalls: u64,
    /// The longest such wait, in nanoseconds.
    pub stall_ns_max: u64,
    /// Groups synced.
    pub syncs: u64,
    /// The last record known to be on disk.
    pub durable: u64,
    /// Whether the next segment is ready.
    pub next_segment_ready: bool,
    /// Why the next segment could not be made so far: known well before it is needed.
    pub next_segment_error: Option<AppendError>,
}

enum Helpers<S: Storage> {
    Threads { sync: Option<JoinHandle<()>>, prepare: Option<JoinHandle<()>> },
    Stepped(Syncer<S>),
}

/// The writer. Holds the journal's lock until closed or dropped.
pub struct Journal<S: Storage> {
    segment: S::Segment,
    /// End of the last record in the segment.
    offset: usize,
    segment_bytes: usize,
    seed: u32,
    next_sequence: u64,
    chain: u64,
    shared: Arc<Shared<S>>,
    /// Wake the sync thread on append: somebody waits for the disk.
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
    /// Locks, reads and mends the journal, or makes one.
    ///
    /// # Errors
    /// [`OpenError`]; after [`OpenError::Refused`] and [`OpenError::Locked`] nothing was changed.
    pub fn open(storage: S, config: Config) -> Result<(Self, Recovery), OpenError> {
        Self::open_replaying(storage, config, |_| {})
    }

    /// The same, showing every record to `visit` on the way: a start reads the journal only once.
    /// When an error is returned, what was shown must be forgotten.
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
            // A record must fit the present segment's size and the next one's.
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

    /// Appends a record and returns its sequence. It is not yet durable: see
    /// [`Journal::release_mark`].
    ///
    /// # Errors
    /// [`AppendError`]; the journal is then as it was before the call.
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
            // The padding first: the body then overwrites what is not padding.
            slot[total - RECORD_ALIGN_BYTES..].fill(0);
            slot[RECORD_HEADER_BYTES..RECORD_HEADER_BYTES + body.len()].copy_from_slice(body);
            seal_record(slot, seed, header, body.len())
        });
        Ok(self.commit(checksum, body.len(), total))
    }

    /// Appends a record whose body `encode` writes straight into the journal. `encode` gets
    /// `len_max` bytes of any content and returns how many of them it used.
    ///
    /// # Errors
    /// [`AppendError`]; the journal is then as it was before the call.
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
            // What was reserved and not used must be blank again: nothing but zeros may stand
            // behind the last record.
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

    /// Makes sure that a record of `total` bytes has a place.
    #[inline]
    fn admit(&mut self, body_bytes: usize, total: usize) -> Result<(), AppendError> {
        if self.shared.failed.load(Ordering::Relaxed) {
            return Err(self.refusal());
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
    fn refusal(&self) -> AppendError {
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
        let waiting = held(&self.shared.begun).len();
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
        let mut begun = held(&self.shared.begun);
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
            let ready = matches!(*held(&self.shared.prepared), Prepared::Ready(_));
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

    /// Syncs one group in the calling thread: `true` if there was something to sync. With threads
    /// it only wakes the sync thread, and reports its failure if it failed.
    ///
    /// # Errors
    /// [`SyncError`]: the process must stop, every append is refused from now on.
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

    /// The failure that stopped the journal, if one did. Whoever waits on the durable mark looks
    /// here too: after a failure it never moves again.
    pub fn failure(&self) -> Option<SyncError> {
        self.shared.failed.load(Ordering::Acquire).then(|| self.shared.failure())
    }

    /// Last record known to be on disk, readable from any thread. Under both durabilities it says
    /// what is synced.
    pub fn durable(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.shared.durable)
    }

    /// Up to where outputs may leave under the durability chosen.
    pub fn release_mark(&self) -> ReleaseMark {
        ReleaseMark {
            durability: self.config.durability,
            written: Arc::clone(&self.shared.written),
            durable: Arc::clone(&self.shared.durable),
        }
    }

    /// The journal as metrics see it, from any thread.
    pub fn watch(&self) -> Watch {
        Watch {
            written: Arc::clone(&self.shared.written),
            durable: Arc::clone(&self.shared.durable),
            progress: Arc::clone(&self.shared.progress),
        }
    }

    /// Sequence that the next append returns.
    pub fn next_sequence(&self) -> u64 {
        self.next_sequence
    }

    /// Counts the openings for writing, this one included.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// A value that covers every record up to now and their order.
    pub fn chain(&self) -> u64 {
        self.chain
    }

    /// The storage.
    pub fn storage(&self) -> &S {
        &self.shared.storage
    }

    /// Counts since opening.
    pub fn stats(&self) -> Stats {
        let (next_segment_ready, next_segment_error) = match &*held(&self.shared.prepared) {
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

    /// Syncs everything, ends the helpers and gives up the lock. Returns the last record.
    ///
    /// # Errors
    /// [`SyncError`]: not everything is on disk.
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
                // Under the lock, so that the preparing thread cannot miss it between its look at
                // the flag and its wait.
                let _prepared = held(&self.shared.prepared);
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

/// Ends the helpers without a last sync: to keep what was appended, call [`Journal::close`].
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
            drop(held(&shared.prepared));
            shared.prepared_changed.notify_all();
            let _ = prepare.join();
            Err(error)
        }
    }
}
