//! The traits that a storage of the journal implements.
//!
//! A line belongs here if both real files and the simulated disk must fulfil it. `file` implements
//! the traits with files, `memory` with a simulated disk; `format` defines the bytes.
//!
//! Methods take `&self`: the sync thread, the preparing thread and the writer share one storage.

use std::io;

use crate::format::{MARK_SLOT_BYTES, MARK_SLOTS};

/// The bytes of both slots of the mark. A missing slot reads as zeros.
pub type MarkSlots = Box<[[u8; MARK_SLOT_BYTES]; MARK_SLOTS]>;

/// An operation of the storage failed.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// The disk has no room for another segment. Existing segments stay readable.
    #[error("no room on the disk for {name}")]
    Full {
        /// Path of the file that did not fit.
        name: String,
    },
    /// Another writer holds the lock.
    #[error("{name} is held by another writer")]
    Locked {
        /// Path of the lock file.
        name: String,
    },
    /// The operating system reported another error.
    #[error("{doing} {name}: {source}")]
    Io {
        /// The operation, as a present participle ("reading").
        doing: &'static str,
        /// Path of the file.
        name: String,
        /// Error of the operating system.
        source: io::Error,
    },
}

/// How the blocks of a new segment are allocated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Allocation {
    /// Blocks are reserved and read as zeros, without being written. Making a segment is fast, so a
    /// writer at full speed does not have to wait. Each sync of records also writes file metadata.
    Reserved,
    /// Every block is written with zeros. Making a segment writes all its bytes once more, and each
    /// sync of records is then a write to allocated blocks, without metadata.
    Zeros,
}

/// Read access without a lock: for readers beside a live writer, and for recovery.
pub trait Source {
    /// The bytes of a segment, read-only. Shorter than the size in its header if the file was cut.
    type View: AsRef<[u8]>;

    /// Indices of the existing segments, ascending.
    ///
    /// # Errors
    /// [`StorageError::Io`].
    fn list_segments(&self) -> Result<Vec<u64>, StorageError>;

    /// The bytes of one segment.
    ///
    /// # Errors
    /// [`StorageError::Io`].
    fn view_segment(&self, index: u64) -> Result<Self::View, StorageError>;

    /// Hints that the whole view will be read next.
    fn read_ahead(_view: &Self::View) {}

    /// The mark's slots; `None` if the mark does not exist.
    ///
    /// # Errors
    /// [`StorageError::Io`].
    fn read_mark(&self) -> Result<Option<MarkSlots>, StorageError>;

    /// Name of a segment in messages: the path of its file.
    fn segment_name(&self, index: u64) -> String;

    /// Name of the mark in messages: the path of its file.
    fn mark_name(&self) -> String;
}

impl<S: Source> Source for &S {
    type View = S::View;

    fn list_segments(&self) -> Result<Vec<u64>, StorageError> {
        (**self).list_segments()
    }

    fn view_segment(&self, index: u64) -> Result<S::View, StorageError> {
        (**self).view_segment(index)
    }

    fn read_ahead(view: &S::View) {
        S::read_ahead(view);
    }

    fn read_mark(&self) -> Result<Option<MarkSlots>, StorageError> {
        (**self).read_mark()
    }

    fn segment_name(&self, index: u64) -> String {
        (**self).segment_name(index)
    }

    fn mark_name(&self) -> String {
        (**self).mark_name()
    }
}

/// Write access, for the one writer and its helper threads.
pub trait Storage: Source + Send + Sync + 'static {
    /// A segment open for writing.
    type Segment: Segment;
    /// The writer's lock; released when dropped.
    type Lock: Send;

    /// Takes the writer's lock without waiting.
    ///
    /// # Errors
    /// [`StorageError::Locked`] when another writer holds the lock.
    fn lock(&self) -> Result<Self::Lock, StorageError>;

    /// A new journal id, unlikely to be returned twice. Called once, when a journal is created.
    fn new_journal_id(&self) -> u64;

    /// Makes a segment of zeros, with its blocks allocated and its pages present. After a crash the
    /// segment exists completely or not at all.
    ///
    /// # Errors
    /// [`StorageError::Full`], [`StorageError::Io`]; no file of the segment is left.
    fn create_segment(
        &self,
        index: u64,
        bytes: usize,
        allocation: Allocation,
    ) -> Result<Self::Segment, StorageError>;

    /// Opens a segment for writing. A file that is too short is extended with zeros to `bytes`. The
    /// next sync of any range must write that range to disk, even if an earlier sync failed and the
    /// kernel marked its pages clean.
    ///
    /// # Errors
    /// [`StorageError::Io`].
    fn open_segment(&self, index: u64, bytes: usize) -> Result<Self::Segment, StorageError>;

    /// Removes a segment durably: after a crash the segment is still removed.
    ///
    /// # Errors
    /// [`StorageError::Io`].
    fn remove_segment(&self, index: u64) -> Result<(), StorageError>;

    /// Writes one slot of the mark and waits until that slot is on disk.
    ///
    /// # Errors
    /// [`StorageError::Io`]; this slot may then hold any bytes, the other slot is unchanged.
    fn write_mark(&self, slot: usize, bytes: &[u8; MARK_SLOT_BYTES]) -> Result<(), StorageError>;
}

/// A segment open for writing by the one writer.
pub trait Segment: Send + 'static {
    /// Access to the same segment for the sync thread.
    type Handle: SegmentHandle;

    /// Returns a handle for the sync thread.
    fn handle(&self) -> Self::Handle;

    /// Size of the segment, bytes.
    fn bytes(&self) -> usize;

    /// Calls `write` with `length` bytes from `offset`. The method is generic, so for mapped memory
    /// the call compiles to a plain copy.
    ///
    /// # Panics
    /// If the range reaches outside the segment: a defect of the caller.
    fn with<R>(&mut self, offset: usize, length: usize, write: impl FnOnce(&mut [u8]) -> R) -> R;
}

/// Operations of the sync thread on a segment that the writer still appends to.
pub trait SegmentHandle: Send + 'static {
    /// Waits until the bytes `from..to` are on disk.
    ///
    /// # Errors
    /// Error of the operating system. The page cache cannot be trusted afterwards: the journal
    /// stops.
    fn sync(&self, from: usize, to: usize) -> io::Result<()>;

    /// Makes the pages `from..to` present and writable, so that the writer does not fault on them.
    /// This is a hint: on failure the writer takes the page fault.
    fn prefault(&self, from: usize, to: usize);
}
