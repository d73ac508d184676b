//! The journal in files of one directory.
//!
//! A line belongs here if it makes a system call on a file. This is the crate's only module with
//! `unsafe`, for access to memory-mapped files.
//!
//! `lock` carries the advisory lock, `mark` holds the two slots, `<index, 16 hex digits>.seg` is a
//! segment, and `next.new` is a segment that is being made.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::{SystemTime, UNIX_EPOCH};

use memmap2::{Advice, Mmap, MmapOptions, MmapRaw};

use crate::format::{MARK_SLOT_BYTES, MARK_SLOTS};
use crate::storage::{
    Allocation, MarkSlots, Segment, SegmentHandle, Source, Storage, StorageError,
};

/// Bytes of zeros written in one call when a segment is made.
const ZERO_CHUNK_BYTES: usize = 1 << 20;
/// Bytes of zeros written between two syncs. Making a segment then never fills the disk's queue, so
/// it does not delay the sync of records.
const ZERO_SYNC_BYTES: usize = 8 << 20;
/// Smallest page size of any supported machine: one access in each such range touches every page.
const PAGE_BYTES_MIN: usize = 4096;
/// Length of the mark's file, bytes.
const MARK_FILE_BYTES: u64 = (MARK_SLOT_BYTES * MARK_SLOTS) as u64;

/// The files of a journal in one directory.
#[derive(Debug)]
pub struct FileStorage {
    directory: PathBuf,
    /// Stays open after the first write: a newly opened file may not report an earlier write error.
    mark: OnceLock<File>,
}

impl FileStorage {
    /// Uses `directory`, and creates it if it does not exist.
    ///
    /// # Errors
    /// [`StorageError::Io`].
    pub fn create(directory: impl AsRef<Path>) -> Result<Self, StorageError> {
        let storage = Self::at(directory.as_ref());
        rutter_files::make_folder(&storage.directory)
            .map_err(|source| storage.error("making the directory", "", source))?;
        if let Some(parent) = storage.directory.parent().filter(|p| !p.as_os_str().is_empty()) {
            let synced = File::open(parent).and_then(|parent| parent.sync_all());
            synced.map_err(|source| storage.error("syncing the parent of", "", source))?;
        }
        Ok(storage)
    }

    /// Uses `directory`, which must exist. For readers.
    ///
    /// # Errors
    /// [`StorageError::Io`].
    pub fn existing(directory: impl AsRef<Path>) -> Result<Self, StorageError> {
        let storage = Self::at(directory.as_ref());
        fs::read_dir(&storage.directory)
            .map_err(|source| storage.error("opening the directory", "", source))?;
        Ok(storage)
    }

    fn at(directory: &Path) -> Self {
        Self { directory: directory.to_path_buf(), mark: OnceLock::new() }
    }

    /// Path of the directory.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The files that a writer opens for writing, and those that it only reads; they may be absent.
    ///
    /// # Errors
    /// [`StorageError::Io`].
    pub fn files(&self) -> Result<(Vec<PathBuf>, Vec<PathBuf>), StorageError> {
        let mut read: Vec<PathBuf> =
            self.list_segments()?.into_iter().map(|index| self.path_of(index)).collect();
        let mut written = vec![self.directory.join("lock"), self.directory.join("mark")];
        written.extend(read.pop());
        Ok((written, read))
    }

    fn error(&self, doing: &'static str, file: &str, source: io::Error) -> StorageError {
        let path = self.directory.join(file);
        let name = path.display().to_string();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                StorageError::Full { name }
            }
            _ => StorageError::Io { doing, name, source },
        }
    }

    fn path_of(&self, index: u64) -> PathBuf {
        self.directory.join(segment_file_name(index))
    }

    fn sync_directory(&self) -> io::Result<()> {
        File::open(&self.directory)?.sync_all()
    }

    fn make_zeros(path: &Path, bytes: usize, allocation: Allocation) -> io::Result<File> {
        let file = rutter_files::create_anew(path)?;
        // Reserves all blocks first, so that a full disk is known before any byte is written.
        match rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, bytes as u64) {
            Ok(()) if allocation == Allocation::Reserved => {
                file.sync_all()?;
                return Ok(file);
            }
            Ok(()) | Err(rustix::io::Errno::OPNOTSUPP) => {}
            Err(errno) => return Err(errno.into()),
        }
        let zeros = vec![0; ZERO_CHUNK_BYTES.min(bytes)];
        let mut written = 0;
        while written < bytes {
            let count = zeros.len().min(bytes - written);
            (&file).write_all(&zeros[..count])?;
            written += count;
            if written % ZERO_SYNC_BYTES == 0 {
                file.sync_data()?;
            }
        }
        file.sync_all()?;
        Ok(file)
    }

    fn open_mark(&self) -> io::Result<File> {
        let path = self.directory.join("mark");
        match rutter_files::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            opened => return opened,
        }
        let file = rutter_files::create_new(&path)?;
        file.write_all_at(&[0; MARK_FILE_BYTES as usize], 0)?;
        file.sync_all()?;
        self.sync_directory()?;
        Ok(file)
    }

    fn map(file: &File, bytes: usize) -> io::Result<FileSegment> {
        let map = MmapOptions::new().len(bytes).map_raw(file)?;
        Ok(FileSegment { map: Arc::new(map) })
    }
}

fn segment_file_name(index: u64) -> String {
    format!("{index:016x}.seg")
}

impl Source for FileStorage {
    type View = FileView;

    fn list_segments(&self) -> Result<Vec<u64>, StorageError> {
        let failed = |source| self.error("listing", "", source);
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.directory).map_err(failed)? {
            let name = entry.map_err(failed)?.file_name();
            let stem = name.to_str().and_then(|name| name.strip_suffix(".seg"));
            if let Some(index) = stem.and_then(|stem| u64::from_str_radix(stem, 16).ok())
                && name.to_str() == Some(&segment_file_name(index))
            {
                found.push(index);
            }
        }
        found.sort_unstable();
        Ok(found)
    }

    fn view_segment(&self, index: u64) -> Result<FileView, StorageError> {
        let failed = |source| self.error("reading", &segment_file_name(index), source);
        let file = rutter_files::open_for_reading(&self.path_of(index)).map_err(failed)?;
        if file.metadata().map_err(failed)?.len() == 0 {
            return Ok(FileView { map: None });
        }
        // SAFETY: nobody shortens a segment while the journal is used. The writer never does, and
        // its lock keeps other writers out. The writer may append records behind those that a
        // reader returns. A reader returns a record only after its checksum was found valid, and
        // the bytes of such a record are never written again.
        #[allow(unsafe_code, reason = "mapping a file is unsafe by nature")]
        let map = unsafe { Mmap::map(&file) }.map_err(failed)?;
        Ok(FileView { map: Some(map) })
    }

    fn read_ahead(view: &FileView) {
        if let Some(map) = &view.map {
            // One call instead of a page fault for every few pages.
            let _ = map.advise(Advice::PopulateRead);
        }
    }

    fn read_mark(&self) -> Result<Option<MarkSlots>, StorageError> {
        let failed = |source| self.error("reading", "mark", source);
        let mut file = match rutter_files::open_for_reading(&self.directory.join("mark")) {
            Ok(file) => file.take(MARK_FILE_BYTES),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        let mut bytes = Vec::with_capacity(MARK_FILE_BYTES as usize);
        file.read_to_end(&mut bytes).map_err(failed)?;
        let mut slots = Box::new([[0; MARK_SLOT_BYTES]; MARK_SLOTS]);
        for (slot, stored) in slots.iter_mut().zip(bytes.chunks(MARK_SLOT_BYTES)) {
            slot[..stored.len()].copy_from_slice(stored);
        }
        Ok(Some(slots))
    }

    fn segment_name(&self, index: u64) -> String {
        self.path_of(index).display().to_string()
    }

    fn mark_name(&self) -> String {
        self.directory.join("mark").display().to_string()
    }
}

impl Storage for FileStorage {
    type Segment = FileSegment;
    type Lock = File;

    fn lock(&self) -> Result<File, StorageError> {
        let path = self.directory.join("lock");
        let file = rutter_files::open_or_create(&path)
            .map_err(|source| self.error("opening", "lock", source))?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(TryLockError::WouldBlock) => {
                Err(StorageError::Locked { name: path.display().to_string() })
            }
            Err(TryLockError::Error(source)) => Err(self.error("locking", "lock", source)),
        }
    }

    fn new_journal_id(&self) -> u64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let nanos = since.as_nanos() as u64;
        nanos ^ (u64::from(std::process::id()) << 40).rotate_left(17)
    }

    fn create_segment(
        &self,
        index: u64,
        bytes: usize,
        allocation: Allocation,
    ) -> Result<FileSegment, StorageError> {
        let half_made = self.directory.join("next.new");
        let made = Self::make_zeros(&half_made, bytes, allocation).and_then(|file| {
            fs::rename(&half_made, self.path_of(index))?;
            self.sync_directory()?;
            Self::map(&file, bytes)
        });
        match made {
            Ok(segment) => {
                segment.touch_all();
                Ok(segment)
            }
            Err(source) => {
                // The unfinished file is useless, and its blocks may be those that were missing.
                let _ = fs::remove_file(&half_made);
                Err(self.error("making", &segment_file_name(index), source))
            }
        }
    }

    fn open_segment(&self, index: u64, bytes: usize) -> Result<FileSegment, StorageError> {
        let failed = |source| self.error("opening", &segment_file_name(index), source);
        let file = rutter_files::open(&self.path_of(index)).map_err(failed)?;
        let there = file.metadata().map_err(failed)?.len();
        if there < bytes as u64 {
            let zeros = vec![0; bytes - there as usize];
            file.write_all_at(&zeros, there).map_err(failed)?;
            file.sync_all().map_err(failed)?;
        }
        let segment = Self::map(&file, bytes).map_err(failed)?;
        // Also makes every page dirty. After a failed sync the kernel may mark pages clean that
        // never reached the disk, and the next sync would skip them.
        segment.touch_all();
        Ok(segment)
    }

    fn remove_segment(&self, index: u64) -> Result<(), StorageError> {
        fs::remove_file(self.path_of(index))
            .and_then(|()| self.sync_directory())
            .map_err(|source| self.error("removing", &segment_file_name(index), source))
    }

    fn write_mark(&self, slot: usize, bytes: &[u8; MARK_SLOT_BYTES]) -> Result<(), StorageError> {
        let failed = |source| self.error("writing", "mark", source);
        if self.mark.get().is_none() {
            let opened = self.open_mark().map_err(failed)?;
            let _ = self.mark.set(opened);
        }
        let file = self.mark.get().ok_or_else(|| failed(io::ErrorKind::NotFound.into()))?;
        file.write_all_at(bytes, (slot * MARK_SLOT_BYTES) as u64).map_err(failed)?;
        file.sync_data().map_err(failed)
    }
}

/// A segment mapped for reading.
#[derive(Debug)]
pub struct FileView {
    /// `None` for an empty file, which cannot be mapped.
    map: Option<Mmap>,
}

impl AsRef<[u8]> for FileView {
    #[inline]
    fn as_ref(&self) -> &[u8] {
        self.map.as_deref().unwrap_or_default()
    }
}

/// A segment mapped for writing.
#[derive(Debug)]
pub struct FileSegment {
    map: Arc<MmapRaw>,
}

impl FileSegment {
    /// Makes every page present, writable and dirty.
    fn touch_all(&self) {
        if self.map.advise(Advice::PopulateWrite).is_ok() {
            return;
        }
        // Linux before 5.14 and some file systems do not support the call: rewrite a byte of each
        // page with its own value.
        for offset in (0..self.map.len()).step_by(PAGE_BYTES_MIN) {
            // SAFETY: the address lies in the mapping, and no reference into the mapping exists:
            // the caller has just mapped the segment and has not returned it yet.
            #[allow(unsafe_code, reason = "touches mapped memory")]
            unsafe {
                let place = self.map.as_mut_ptr().add(offset);
                place.write_volatile(place.read_volatile());
            }
        }
    }
}

impl Segment for FileSegment {
    type Handle = FileHandle;

    fn handle(&self) -> FileHandle {
        FileHandle { map: Arc::clone(&self.map) }
    }

    fn bytes(&self) -> usize {
        self.map.len()
    }

    #[inline]
    fn with<R>(&mut self, offset: usize, length: usize, write: impl FnOnce(&mut [u8]) -> R) -> R {
        assert!(offset <= self.map.len() && length <= self.map.len() - offset, "outside segment");
        // SAFETY: the assertion keeps the range inside the mapping. Only the one `FileSegment` of a
        // mapping makes references into it, and it is borrowed mutably here. A `FileHandle` passes
        // ranges to the kernel and never reads or writes through the pointer.
        #[allow(unsafe_code, reason = "the appended record is built in mapped memory")]
        let bytes =
            unsafe { core::slice::from_raw_parts_mut(self.map.as_mut_ptr().add(offset), length) };
        write(bytes)
    }
}

/// The sync thread's access to a mapped segment.
#[derive(Debug)]
pub struct FileHandle {
    map: Arc<MmapRaw>,
}

impl SegmentHandle for FileHandle {
    fn sync(&self, from: usize, to: usize) -> io::Result<()> {
        // Only the range: a sync of the whole file would also write-protect the prefaulted pages,
        // and the writer would fault on each of them again.
        self.map.flush_range(from, to - from)
    }

    fn prefault(&self, from: usize, to: usize) {
        let to = to.min(self.map.len());
        if from < to {
            let _ = self.map.advise_range(Advice::PopulateWrite, from, to - from);
        }
    }
}
