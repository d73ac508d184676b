//! A simulated disk in memory that loses bytes, lies about syncs and fails on request.
//!
//! A line belongs here if it models a disk or a crash. The simulator and the tests use this
//! storage. All randomness comes from a seed that the caller gives.
//!
//! Each file has two images: the bytes that the process sees (the page cache), and the bytes that
//! remain after a loss of power (the platter). An honest sync copies the first to the second.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::format::{MARK_SLOT_BYTES, MARK_SLOTS};
use crate::storage::{
    Allocation, MarkSlots, Segment, SegmentHandle, Source, Storage, StorageError,
};

/// What a sync of the simulated disk does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyncBehaviour {
    /// Copies the range to the platter before it returns.
    Honest,
    /// Reports success and copies nothing.
    Lies,
    /// Reports an error and copies nothing.
    Fails,
}

/// What happens at a loss of power to bytes that were not synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// All of them are lost.
    All,
    /// All of them have reached the platter.
    Nothing,
    /// Each page is lost or kept at random.
    Pages {
        /// Seed of the random choices.
        seed: u64,
        /// Size of a page, bytes; at least 1.
        page_bytes: usize,
    },
}

/// The next number of a splitmix64 sequence, from a seed. The crate has no other randomness.
pub(crate) fn next_random(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

#[derive(Clone, Debug, Default)]
struct Image {
    live: Vec<u8>,
    platter: Vec<u8>,
}

impl Image {
    fn zeros(bytes: usize) -> Self {
        Self { live: vec![0; bytes], platter: vec![0; bytes] }
    }

    fn sync(&mut self, from: usize, to: usize) {
        self.platter[from..to].copy_from_slice(&self.live[from..to]);
    }

    fn after_power_loss(&self, loss: Loss, random: &mut u64) -> Self {
        let mut left = self.platter.clone();
        match loss {
            Loss::All => {}
            Loss::Nothing => left.clone_from(&self.live),
            Loss::Pages { page_bytes, .. } => {
                let page_bytes = page_bytes.max(1);
                for (page, live) in left.chunks_mut(page_bytes).zip(self.live.chunks(page_bytes)) {
                    if page != live && next_random(random) & 1 == 0 {
                        page.copy_from_slice(live);
                    }
                }
            }
        }
        Self { live: left.clone(), platter: left }
    }
}

type File = Arc<Mutex<Image>>;

#[derive(Debug)]
struct Disk {
    segments: BTreeMap<u64, File>,
    mark: Option<Image>,
    locked: bool,
    capacity_bytes: usize,
    identity: u64,
    segment_sync: SyncBehaviour,
    mark_sync: SyncBehaviour,
    /// Operations on the platter until power fails; `None` for no failure.
    power_left: Option<u64>,
    operations: u64,
}

/// A simulated disk that holds one journal. Clones refer to the same disk.
#[derive(Clone, Debug)]
pub struct MemStorage {
    disk: Arc<Mutex<Disk>>,
}

/// Locks `mutex`, also after a thread has panicked with the lock held.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl MemStorage {
    /// An empty, honest disk without a size limit. A journal created on it gets the id `identity`.
    pub fn new(identity: u64) -> Self {
        Self::from_files(BTreeMap::new(), None, identity)
    }

    fn from_files(segments: BTreeMap<u64, File>, mark: Option<Image>, identity: u64) -> Self {
        let disk = Disk {
            segments,
            mark,
            locked: false,
            capacity_bytes: usize::MAX,
            identity,
            segment_sync: SyncBehaviour::Honest,
            mark_sync: SyncBehaviour::Honest,
            power_left: None,
            operations: 0,
        };
        Self { disk: Arc::new(Mutex::new(disk)) }
    }

    /// Limits the total size of all segments, bytes.
    pub fn set_capacity(&self, bytes: usize) {
        locked(&self.disk).capacity_bytes = bytes;
    }

    /// Sets the behaviour of later syncs of segments and of the mark.
    pub fn set_sync(&self, segments: SyncBehaviour, mark: SyncBehaviour) {
        let mut disk = locked(&self.disk);
        disk.segment_sync = segments;
        disk.mark_sync = mark;
    }

    /// Lets power fail after `operations` more operations. Every later operation reports an error
    /// and changes nothing on the platter.
    pub fn cut_power_after(&self, operations: u64) {
        locked(&self.disk).power_left = Some(operations);
    }

    /// Number of operations on the platter so far: creations, removals, syncs.
    pub fn operations(&self) -> u64 {
        locked(&self.disk).operations
    }

    /// The disk after the process was killed: every written byte is kept. The result is a copy, so
    /// a writer that still runs on the old disk cannot change it.
    #[must_use]
    pub fn after_kill(&self) -> Self {
        self.survivor(Image::clone)
    }

    /// The disk after a loss of power: an honest copy, independent of the old disk.
    #[must_use]
    pub fn after_power_loss(&self, loss: Loss) -> Self {
        let mut random = if let Loss::Pages { seed, .. } = loss { seed } else { 0 };
        self.survivor(|image| image.after_power_loss(loss, &mut random))
    }

    fn survivor(&self, mut surviving: impl FnMut(&Image) -> Image) -> Self {
        let disk = locked(&self.disk);
        let mut segments = BTreeMap::new();
        for (index, file) in &disk.segments {
            segments.insert(*index, Arc::new(Mutex::new(surviving(&locked(file)))));
        }
        Self::from_files(segments, disk.mark.as_ref().map(surviving), disk.identity)
    }

    /// A copy of a segment's bytes; `None` if the segment does not exist.
    pub fn segment(&self, index: u64) -> Option<Vec<u8>> {
        locked(&self.disk).segments.get(&index).map(|file| locked(file).live.clone())
    }

    /// Replaces a segment in both images: for damage, cuts and files of another journal.
    pub fn put_segment(&self, index: u64, bytes: Vec<u8>) {
        let image = Image { live: bytes.clone(), platter: bytes };
        locked(&self.disk).segments.insert(index, Arc::new(Mutex::new(image)));
    }

    /// Removes a segment, as if somebody had deleted the file.
    pub fn take_segment(&self, index: u64) {
        locked(&self.disk).segments.remove(&index);
    }

    /// A copy of the mark's bytes; empty if the mark does not exist.
    pub fn mark(&self) -> Vec<u8> {
        locked(&self.disk).mark.as_ref().map(|mark| mark.live.clone()).unwrap_or_default()
    }

    /// Replaces the mark in both images; `None` removes the mark.
    pub fn put_mark(&self, bytes: Option<Vec<u8>>) {
        locked(&self.disk).mark = bytes.map(|mut live| {
            live.resize(MARK_SLOT_BYTES * MARK_SLOTS, 0);
            Image { platter: live.clone(), live }
        });
    }
}

impl Disk {
    /// Counts an operation on the platter. Fails once power has failed.
    fn operate(&mut self) -> io::Result<()> {
        self.operations += 1;
        match &mut self.power_left {
            Some(0) => Err(io::Error::other("power is gone")),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }
}

fn failed(doing: &'static str, name: String) -> impl FnOnce(io::Error) -> StorageError {
    move |source| StorageError::Io { doing, name, source }
}

fn absent() -> io::Error {
    io::Error::from(io::ErrorKind::NotFound)
}

impl Source for MemStorage {
    type View = Vec<u8>;

    fn list_segments(&self) -> Result<Vec<u64>, StorageError> {
        Ok(locked(&self.disk).segments.keys().copied().collect())
    }

    fn view_segment(&self, index: u64) -> Result<Vec<u8>, StorageError> {
        let bytes = self.segment(index).ok_or_else(absent);
        bytes.map_err(failed("reading", self.segment_name(index)))
    }

    fn read_mark(&self) -> Result<Option<MarkSlots>, StorageError> {
        let disk = locked(&self.disk);
        Ok(disk.mark.as_ref().map(|mark| {
            let mut slots = Box::new([[0; MARK_SLOT_BYTES]; MARK_SLOTS]);
            for (slot, stored) in slots.iter_mut().zip(mark.live.chunks(MARK_SLOT_BYTES)) {
                slot.copy_from_slice(stored);
            }
            slots
        }))
    }

    fn segment_name(&self, index: u64) -> String {
        format!("memory:{index:016x}.seg")
    }

    fn mark_name(&self) -> String {
        "memory:mark".to_owned()
    }
}

impl Storage for MemStorage {
    type Segment = MemSegment;
    type Lock = MemLock;

    fn lock(&self) -> Result<MemLock, StorageError> {
        let mut disk = locked(&self.disk);
        if disk.locked {
            return Err(StorageError::Locked { name: "memory:lock".to_owned() });
        }
        disk.locked = true;
        Ok(MemLock { disk: Arc::clone(&self.disk) })
    }

    fn new_journal_id(&self) -> u64 {
        locked(&self.disk).identity
    }

    fn create_segment(
        &self,
        index: u64,
        bytes: usize,
        _allocation: Allocation,
    ) -> Result<MemSegment, StorageError> {
        let name = self.segment_name(index);
        let mut disk = locked(&self.disk);
        let used: usize = disk.segments.values().map(|file| locked(file).live.len()).sum();
        if used.saturating_add(bytes) > disk.capacity_bytes {
            return Err(StorageError::Full { name });
        }
        disk.operate().map_err(failed("making", name))?;
        let file = Arc::new(Mutex::new(Image::zeros(bytes)));
        disk.segments.insert(index, Arc::clone(&file));
        drop(disk);
        Ok(MemSegment { bytes, file, disk: Arc::clone(&self.disk) })
    }

    fn open_segment(&self, index: u64, bytes: usize) -> Result<MemSegment, StorageError> {
        let name = self.segment_name(index);
        let file = locked(&self.disk).segments.get(&index).cloned();
        let file = file.ok_or_else(absent).map_err(failed("opening", name))?;
        let mut image = locked(&file);
        if image.live.len() < bytes {
            image.live.resize(bytes, 0);
            image.platter.resize(bytes, 0);
        }
        drop(image);
        Ok(MemSegment { bytes, file, disk: Arc::clone(&self.disk) })
    }

    fn remove_segment(&self, index: u64) -> Result<(), StorageError> {
        let mut disk = locked(&self.disk);
        disk.operate().map_err(failed("removing", self.segment_name(index)))?;
        disk.segments.remove(&index);
        Ok(())
    }

    fn write_mark(&self, slot: usize, bytes: &[u8; MARK_SLOT_BYTES]) -> Result<(), StorageError> {
        let failed = failed("writing", self.mark_name());
        let mut disk = locked(&self.disk);
        let powered = disk.operate();
        let behaviour = disk.mark_sync;
        let image = disk.mark.get_or_insert_with(|| Image::zeros(MARK_SLOT_BYTES * MARK_SLOTS));
        let (from, to) = (slot * MARK_SLOT_BYTES, (slot + 1) * MARK_SLOT_BYTES);
        image.live[from..to].copy_from_slice(bytes);
        match (powered, behaviour) {
            (Err(error), _) => Err(failed(error)),
            (Ok(()), SyncBehaviour::Fails) => Err(failed(io::Error::other("sync failed"))),
            (Ok(()), SyncBehaviour::Lies) => Ok(()),
            (Ok(()), SyncBehaviour::Honest) => {
                image.sync(from, to);
                Ok(())
            }
        }
    }
}

/// The writer's lock of a simulated journal; released when dropped.
#[derive(Debug)]
pub struct MemLock {
    disk: Arc<Mutex<Disk>>,
}

impl Drop for MemLock {
    fn drop(&mut self) {
        locked(&self.disk).locked = false;
    }
}

/// A segment on the simulated disk.
#[derive(Debug)]
pub struct MemSegment {
    bytes: usize,
    file: File,
    disk: Arc<Mutex<Disk>>,
}

impl Segment for MemSegment {
    type Handle = MemHandle;

    fn handle(&self) -> MemHandle {
        MemHandle { file: Arc::clone(&self.file), disk: Arc::clone(&self.disk) }
    }

    fn bytes(&self) -> usize {
        self.bytes
    }

    fn with<R>(&mut self, offset: usize, length: usize, write: impl FnOnce(&mut [u8]) -> R) -> R {
        write(&mut locked(&self.file).live[offset..offset + length])
    }
}

/// The sync thread's access to a simulated segment.
#[derive(Debug)]
pub struct MemHandle {
    file: File,
    disk: Arc<Mutex<Disk>>,
}

impl SegmentHandle for MemHandle {
    fn sync(&self, from: usize, to: usize) -> io::Result<()> {
        let mut disk = locked(&self.disk);
        disk.operate()?;
        match disk.segment_sync {
            SyncBehaviour::Fails => return Err(io::Error::other("sync failed")),
            SyncBehaviour::Lies => return Ok(()),
            SyncBehaviour::Honest => {}
        }
        drop(disk);
        locked(&self.file).sync(from, to);
        Ok(())
    }

    fn prefault(&self, _from: usize, _to: usize) {}
}
