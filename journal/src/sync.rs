//! Bringing appended records to disk in groups, and moving the durable mark.
//!
//! A line belongs here if it runs beside the appending thread: syncing, and keeping the next
//! segment ready. Appending itself is `journal`.
//!
//! A group is: take the newest sequence, sync all bytes up to it, write the mark, only then publish
//! it as durable. Two waits for the disk a group rather than one, because a mark that is not itself
//! on disk could not tell damage from a torn tail after the next crash.

use std::collections::VecDeque;
use std::mem;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::error::{AppendError, SyncError};
use crate::format::Mark;
use crate::storage::{Allocation, Segment, SegmentHandle, Storage, StorageError};
use crate::watch::Progress;

/// Full segments that may wait for their sync before the writer is refused another one.
pub const ROLLED_UNSYNCED_MAX: usize = 8;
/// How far ahead of the writer pages are kept writable. Background write-back takes that from pages
/// that lie ready for long, and the writer would fault on each.
const PREFAULT_AHEAD_BYTES: usize = 256 << 10;
/// Longest sleep of an idle sync thread: bounds a wake-up lost to the reordering of the writer's
/// store and its look at the flag, which is cheaper to bear than a fence on every append.
const IDLE_PARK: Duration = Duration::from_millis(1);

pub(crate) fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How far the writer is. On a cache line of its own: the writer stores to it on every append.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct Written {
    /// Last record appended.
    pub sequence: AtomicU64,
    /// End of it in the segment that was begun last. Stored before `sequence`.
    pub offset: AtomicU64,
}

/// What segments are made like.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NewSegments {
    pub bytes: usize,
    pub allocation: Allocation,
}

/// The next segment, between the preparing thread and the writer.
pub(crate) enum Prepared<S: Storage> {
    Wanted,
    Ready(S::Segment),
    Failed(AppendError),
}

/// Handles of segments that the writer began, for the syncer to take over, with their sizes.
type Begun<S> = VecDeque<(<<S as Storage>::Segment as Segment>::Handle, usize)>;

/// What the writer and its helpers share.
pub(crate) struct Shared<S: Storage> {
    pub storage: Arc<S>,
    pub written: Arc<Written>,
    pub durable: Arc<AtomicU64>,
    /// Set once, by a failed sync. `failure` then says why.
    pub failed: AtomicBool,
    pub failure: Mutex<Option<SyncError>>,
    /// The sync thread is parked, or about to be.
    pub sleeping: AtomicBool,
    /// The helpers should end: after a last group, or at once.
    pub stop: AtomicBool,
    pub abandon: AtomicBool,
    pub begun: Mutex<Begun<S>>,
    pub prepared: Mutex<Prepared<S>>,
    pub prepared_changed: Condvar,
    /// Groups synced.
    pub syncs: AtomicU64,
    /// What others may look at.
    pub progress: Arc<Progress>,
}

impl<S: Storage> Shared<S> {
    pub fn new(storage: Arc<S>, sequence: u64, offset: usize) -> Self {
        let written =
            Written { sequence: AtomicU64::new(sequence), offset: AtomicU64::new(offset as u64) };
        Self {
            storage,
            written: Arc::new(written),
            durable: Arc::new(AtomicU64::new(sequence)),
            failed: AtomicBool::new(false),
            failure: Mutex::new(None),
            sleeping: AtomicBool::new(false),
            stop: AtomicBool::new(false),
            abandon: AtomicBool::new(false),
            begun: Mutex::new(VecDeque::new()),
            prepared: Mutex::new(Prepared::Wanted),
            prepared_changed: Condvar::new(),
            syncs: AtomicU64::new(0),
            progress: Arc::default(),
        }
    }

    /// The failure that stopped the journal; a made-up reason never.
    pub fn failure(&self) -> SyncError {
        held(&self.failure).clone().unwrap_or_else(|| SyncError {
            durable: self.durable.load(Ordering::Acquire),
            why: "the sync thread ended".to_owned(),
        })
    }

    fn fail(&self, why: String) -> SyncError {
        let error = SyncError { durable: self.durable.load(Ordering::Acquire), why };
        held(&self.failure).get_or_insert_with(|| error.clone());
        self.failed.store(true, Ordering::Release);
        self.progress.failed.store(true, Ordering::Release);
        error
    }
}

/// Syncs what the writer has written. Runs in a thread of its own, or step by step in the owner's.
pub(crate) struct Syncer<S: Storage> {
    shared: Arc<Shared<S>>,
    active: <S::Segment as Segment>::Handle,
    active_bytes: usize,
    /// How much of the active segment is on disk.
    synced: usize,
    /// Bytes of the segments before it, since opening.
    left_behind: u64,
    mark: Mark,
}

impl<S: Storage> Syncer<S> {
    pub fn new(shared: Arc<Shared<S>>, segment: &S::Segment, synced: usize, mark: Mark) -> Self {
        let (active, active_bytes) = (segment.handle(), segment.bytes());
        shared.progress.synced_bytes.store(synced as u64, Ordering::Release);
        Self { shared, active, active_bytes, synced, left_behind: 0, mark }
    }

    /// Syncs one group; `false` when there was nothing to sync.
    ///
    /// # Errors
    /// The first failure, again and again: nothing is synced after it.
    pub fn step(&mut self) -> Result<bool, SyncError> {
        if self.shared.failed.load(Ordering::Acquire) {
            return Err(self.shared.failure());
        }
        // Under the lock the writer cannot begin a segment, so the offset, read after the sequence,
        // lies in the newest one and at or behind the end of that record.
        let (begun, sequence, offset) = {
            let mut begun = held(&self.shared.begun);
            let sequence = self.shared.written.sequence.load(Ordering::Acquire);
            let offset = self.shared.written.offset.load(Ordering::Acquire) as usize;
            (mem::take(&mut *begun), sequence, offset)
        };
        if sequence == self.mark.durable && begun.is_empty() {
            return Ok(false);
        }
        if let Err(error) = self.sync_up_to(begun, offset) {
            return Err(self.shared.fail(error.to_string()));
        }
        if sequence > self.mark.durable {
            let generation = self.mark.generation + 1;
            self.mark = Mark { generation, durable: sequence, ..self.mark };
            let slot = self.mark.slot();
            if let Err(error) = self.shared.storage.write_mark(slot, &self.mark.encode()) {
                return Err(self.shared.fail(error.to_string()));
            }
            self.shared.durable.store(sequence, Ordering::Release);
        }
        self.shared.syncs.fetch_add(1, Ordering::Relaxed);
        Ok(true)
    }

    fn sync_up_to(&mut self, begun: Begun<S>, offset: usize) -> std::io::Result<()> {
        for (handle, bytes) in begun {
            self.active.sync(self.synced, self.active_bytes)?;
            self.left_behind += self.active_bytes as u64;
            (self.active, self.active_bytes, self.synced) = (handle, bytes, 0);
        }
        if offset > self.synced {
            self.active.sync(self.synced, offset)?;
            self.synced = offset;
        }
        let synced_bytes = self.left_behind + self.synced as u64;
        self.shared.progress.synced_bytes.store(synced_bytes, Ordering::Release);
        // The sync has write-protected the page the writer is in; this gives it back.
        self.active.prefault(offset, offset.saturating_add(PREFAULT_AHEAD_BYTES));
        Ok(())
    }

    fn is_behind(&self) -> bool {
        self.shared.written.sequence.load(Ordering::SeqCst) != self.mark.durable
    }
}

/// A sync thread that panics must not leave the writer appending to nobody.
struct FailOnPanic<S: Storage>(Arc<Shared<S>>);

impl<S: Storage> Drop for FailOnPanic<S> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.fail("the sync thread panicked".to_owned());
        }
    }
}

/// The sync thread. `pause` is what it waits between two groups, for more records to gather.
pub(crate) fn run_sync<S: Storage>(mut syncer: Syncer<S>, pause: Duration) {
    let shared = Arc::clone(&syncer.shared);
    let _guard = FailOnPanic(Arc::clone(&shared));
    loop {
        if shared.abandon.load(Ordering::Acquire) {
            return;
        }
        let stopping = shared.stop.load(Ordering::Acquire);
        let began = Instant::now();
        let stepped = syncer.step();
        if matches!(stepped, Ok(true)) {
            shared.progress.record_sync(began.elapsed().as_nanos() as u64);
        }
        match stepped {
            Err(_) => return,
            Ok(false) if stopping => return,
            Ok(false) => {
                shared.sleeping.store(true, Ordering::SeqCst);
                if !syncer.is_behind() && !shared.stop.load(Ordering::SeqCst) {
                    thread::park_timeout(IDLE_PARK.max(pause));
                }
                shared.sleeping.store(false, Ordering::Relaxed);
            }
            Ok(true) if stopping || pause.is_zero() => {}
            Ok(true) => thread::park_timeout(pause),
        }
    }
}

/// The preparing thread: keeps the next segment made, mapped and present.
pub(crate) fn run_prepare<S: Storage>(shared: &Shared<S>, mut index: u64, new: NewSegments) {
    let ending = || shared.stop.load(Ordering::Acquire) || shared.abandon.load(Ordering::Acquire);
    loop {
        {
            let mut prepared = held(&shared.prepared);
            while !matches!(*prepared, Prepared::Wanted) && !ending() {
                prepared =
                    shared.prepared_changed.wait(prepared).unwrap_or_else(PoisonError::into_inner);
            }
            if ending() {
                return;
            }
        }
        // Without the lock: this takes long, and the writer looks in meanwhile.
        let made = make_segment(&*shared.storage, index, new);
        index += u64::from(matches!(made, Prepared::Ready(_)));
        *held(&shared.prepared) = made;
        shared.prepared_changed.notify_all();
    }
}

pub(crate) fn make_segment<S: Storage>(storage: &S, index: u64, new: NewSegments) -> Prepared<S> {
    match storage.create_segment(index, new.bytes, new.allocation) {
        Ok(segment) => Prepared::Ready(segment),
        Err(StorageError::Full { name }) => Prepared::Failed(AppendError::DiskFull { name }),
        Err(error) => Prepared::Failed(AppendError::SegmentNotMade { why: error.to_string() }),
    }
}

/// Takes the segment the preparing thread has made, waiting at most `stall_max` for it. An earlier
/// failure is not returned as it stands but tried again: there may be room by now. Also returns
/// how long the writer stood still.
pub(crate) fn take_prepared<S: Storage>(
    shared: &Shared<S>,
    stall_max: Duration,
) -> (Result<S::Segment, AppendError>, Duration) {
    let mut prepared = held(&shared.prepared);
    let began = Instant::now();
    if matches!(*prepared, Prepared::Failed(_)) {
        *prepared = Prepared::Wanted;
        shared.prepared_changed.notify_all();
    }
    while matches!(*prepared, Prepared::Wanted) {
        let waited = began.elapsed();
        let Some(left) = stall_max.checked_sub(waited).filter(|left| !left.is_zero()) else {
            let waited_ms = waited.as_millis() as u64;
            return (Err(AppendError::SegmentNotReady { waited_ms }), waited);
        };
        let waiting = shared.prepared_changed.wait_timeout(prepared, left);
        prepared = waiting.unwrap_or_else(PoisonError::into_inner).0;
    }
    let taken = match mem::replace(&mut *prepared, Prepared::Wanted) {
        Prepared::Ready(segment) => Ok(segment),
        Prepared::Failed(error) => {
            // Stays failed until the writer asks again, rather than being retried in a circle.
            *prepared = Prepared::Failed(error.clone());
            Err(error)
        }
        Prepared::Wanted => Err(AppendError::SegmentNotReady { waited_ms: 0 }),
    };
    shared.prepared_changed.notify_all();
    (taken, began.elapsed())
}
