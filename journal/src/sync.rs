//! Syncing appended records to disk in groups, and advancing the durable mark.
//!
//! A line belongs here if a helper thread runs it: syncing, and preparing the next segment. The
//! appending thread runs `journal`.
//!
//! One group: take the newest sequence, sync all bytes up to it, write the mark, then publish that
//! sequence as durable. Each group waits for the disk twice. If the mark were published before it
//! is on disk, recovery after a crash could not tell damage from a torn tail.

use std::collections::VecDeque;
use std::mem;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::error::{AppendError, SyncError};
use crate::format::Mark;
use crate::storage::{Allocation, Segment, SegmentHandle, Storage, StorageError};
use crate::watch::{Progress, Written};

/// Most full segments that may wait for their sync. Beyond that the writer gets no new segment.
pub const ROLLED_UNSYNCED_MAX: usize = 8;
/// Bytes ahead of the writer that are made writable after each sync. The kernel's write-back makes
/// prepared pages read-only after some time, and the writer would fault on each of them.
const PREFAULT_AHEAD_BYTES: usize = 256 << 10;
/// Longest sleep of an idle sync thread. The writer stores its sequence and then checks `sleeping`
/// without a fence, so a wake-up can be lost. A delay of 1 ms costs less than a fence per append.
const IDLE_PARK: Duration = Duration::from_millis(1);

/// Locks `mutex`, also after a thread has panicked with the lock held.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Size and allocation of new segments.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NewSegments {
    pub bytes: usize,
    pub allocation: Allocation,
}

/// Hand-over of the next segment from the preparing thread to the writer.
pub(crate) enum Prepared<S: Storage> {
    /// The preparing thread should make a segment.
    Wanted,
    /// The segment is ready for the writer.
    Ready(S::Segment),
    /// Making the segment failed; the writer asks again at its next roll.
    Failed(AppendError),
}

/// Handles and sizes of the segments that the writer began since the last sync, oldest first.
type Begun<S> = VecDeque<(<<S as Storage>::Segment as Segment>::Handle, usize)>;

/// State that the writer and the helper threads share.
pub(crate) struct Shared<S: Storage> {
    pub storage: Arc<S>,
    pub written: Arc<Written>,
    pub durable: Arc<AtomicU64>,
    /// Set once, after a failed sync. `failure` then holds the reason.
    pub failed: AtomicBool,
    pub failure: Mutex<Option<SyncError>>,
    /// The sync thread is parked, or about to park.
    pub sleeping: AtomicBool,
    /// The helper threads should end after a last sync.
    pub stop: AtomicBool,
    /// The helper threads should end at once.
    pub abandon: AtomicBool,
    pub begun: Mutex<Begun<S>>,
    pub prepared: Mutex<Prepared<S>>,
    pub prepared_changed: Condvar,
    /// Number of completed syncs.
    pub syncs: AtomicU64,
    /// Counters for [`Watch`](crate::Watch).
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

    /// The failure that stopped the journal.
    pub fn failure(&self) -> SyncError {
        locked(&self.failure).clone().unwrap_or_else(|| SyncError {
            durable: self.durable.load(Ordering::Acquire),
            why: "the sync thread ended".to_owned(),
        })
    }

    fn fail(&self, why: String) -> SyncError {
        let error = SyncError { durable: self.durable.load(Ordering::Acquire), why };
        locked(&self.failure).get_or_insert_with(|| error.clone());
        self.failed.store(true, Ordering::Release);
        self.progress.failed.store(true, Ordering::Release);
        error
    }
}

/// Syncs the bytes that the writer has written. Runs in the sync thread, or under
/// [`SyncMode::Stepped`](crate::SyncMode::Stepped) in the caller's.
pub(crate) struct Syncer<S: Storage> {
    shared: Arc<Shared<S>>,
    active: <S::Segment as Segment>::Handle,
    active_bytes: usize,
    /// Bytes of the active segment that are on disk.
    synced: usize,
    /// Sizes of all segments filled before the active one, since opening, bytes.
    left_behind: u64,
    mark: Mark,
}

impl<S: Storage> Syncer<S> {
    pub fn new(shared: Arc<Shared<S>>, segment: &S::Segment, synced: usize, mark: Mark) -> Self {
        let (active, active_bytes) = (segment.handle(), segment.bytes());
        shared.progress.synced_bytes.store(synced as u64, Ordering::Release);
        Self { shared, active, active_bytes, synced, left_behind: 0, mark }
    }

    /// Syncs one group. Returns `false` if every record is already on disk.
    ///
    /// # Errors
    /// The first failure, also in every later call: nothing is synced after a failure.
    pub fn step(&mut self) -> Result<bool, SyncError> {
        if self.shared.failed.load(Ordering::Acquire) {
            return Err(self.shared.failure());
        }
        // While the lock is held the writer cannot begin a segment. So the offset, loaded after the
        // sequence, lies in the newest segment, at or after the end of that record.
        let (begun, sequence, offset) = {
            let mut begun = locked(&self.shared.begun);
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
        // The sync has write-protected the page that the writer uses: make it writable again.
        self.active.prefault(offset, offset.saturating_add(PREFAULT_AHEAD_BYTES));
        Ok(())
    }

    fn is_behind(&self) -> bool {
        self.shared.written.sequence.load(Ordering::SeqCst) != self.mark.durable
    }
}

/// Stops the journal if the sync thread panics; otherwise appends would go on without any sync.
struct FailOnPanic<S: Storage>(Arc<Shared<S>>);

impl<S: Storage> Drop for FailOnPanic<S> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.fail("the sync thread panicked".to_owned());
        }
    }
}

/// Runs the sync thread. `pause` is its wait between two syncs, so that one covers more records.
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

/// Runs the preparing thread: it makes and maps the next segment ahead of the writer.
pub(crate) fn run_prepare<S: Storage>(shared: &Shared<S>, mut index: u64, new: NewSegments) {
    let ending = || shared.stop.load(Ordering::Acquire) || shared.abandon.load(Ordering::Acquire);
    loop {
        {
            let mut prepared = locked(&shared.prepared);
            while !matches!(*prepared, Prepared::Wanted) && !ending() {
                prepared =
                    shared.prepared_changed.wait(prepared).unwrap_or_else(PoisonError::into_inner);
            }
            if ending() {
                return;
            }
        }
        // Without the lock: making a segment takes long, and the writer checks the state meanwhile.
        let made = make_segment(&*shared.storage, index, new);
        index += u64::from(matches!(made, Prepared::Ready(_)));
        *locked(&shared.prepared) = made;
        shared.prepared_changed.notify_all();
    }
}

/// Makes a segment and translates the storage's errors.
pub(crate) fn make_segment<S: Storage>(storage: &S, index: u64, new: NewSegments) -> Prepared<S> {
    match storage.create_segment(index, new.bytes, new.allocation) {
        Ok(segment) => Prepared::Ready(segment),
        Err(StorageError::Full { name }) => Prepared::Failed(AppendError::DiskFull { name }),
        Err(error) => Prepared::Failed(AppendError::SegmentNotMade { why: error.to_string() }),
    }
}

/// Takes the segment that the preparing thread has made, and waits for it at most `stall_max`.
/// After an earlier failure the preparing thread tries again first, because the disk may have room
/// again. Also returns how long the writer waited.
pub(crate) fn take_prepared<S: Storage>(
    shared: &Shared<S>,
    stall_max: Duration,
) -> (Result<S::Segment, AppendError>, Duration) {
    let mut prepared = locked(&shared.prepared);
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
            // Stays `Failed` until the writer asks again, so that the preparing thread does not
            // retry in a loop.
            *prepared = Prepared::Failed(error.clone());
            Err(error)
        }
        Prepared::Wanted => Err(AppendError::SegmentNotReady { waited_ms: 0 }),
    };
    shared.prepared_changed.notify_all();
    (taken, began.elapsed())
}
