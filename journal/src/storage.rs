//! What the journal asks of the place it is kept in.
//!
//! A line belongs here if it is a demand that both real files and a simulated disk must meet. Files
//! are `file`, the simulated disk is `memory`; what the bytes mean is `format`.
//!
//! Methods take `&self`: the sync thread, the preparing thread and the writer share one storage.

use std::io;

use crate::format::{MARK_SLOT_BYTES, MARK_SLOTS};

/// Both slots of the mark as they stand; a slot that is not there reads as zeros.
pub type MarkSlots = Box<[[u8; MARK_SLOT_BYTES]; MARK_SLOTS]>;

/// A storage that could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// No room for another segment. What is written stays readable.
    #[error("no room on the disk for {name}")]
    Full {
        /// The file that did not fit.
        name: String,
    },
    /// Another writer holds the journal.
    #[error("{name} is held by another writer")]
    Locked {
        /// The lock.
        name: String,
    },
    /// Anything else the system refused.
    #[error("{doing} {name}: {source}")]
    Io {
        /// What was being done.
        doing: &'static str,
        /// To which file.
        name: String,
        /// The system's word.
        source: io::Error,
    },
}

/// How the blocks of a new segment are come by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Allocation {
    /// Asked for, and blank without being written: quick, so a writer in full flow does not outrun
    /// the making of segments. Each sync of records later also changes the file's metadata.
    Reserved,
    /// Written with zeros: a segment's worth of work for the disk ahead, and each sync of records
    /// later is one write to blocks that are there.
    Zeros,
}

/// Read access, without a lock: for readers beside a live writer, and for recovery.
pub trait Source {
    /// A segment's bytes, read-only. May be shorter than the segment says: a file that was cut.
    type View: AsRef<[u8]>;

    /// Numbers of the segments there are, ascending.
    ///
    /// # Errors
    /// [`StorageError::Io`].
    fn list_segments(&self) -> Result<Vec<u64>, StorageError>;

    /// The bytes of one segment.
    ///
    /// # Errors
    /// [`StorageError::Io`].
    fn view_segment(&self, index: u64) -> Result<Self::View, StorageError>;

    /// Says that the view will now be read from end to end. A hint.
    fn read_ahead(_view: &Self::View) {}

    /// The mark's slots; `None` when there is no mark at all.
    ///
    /// # Errors
    /// [`StorageError::Io`].
    fn read_mark(&self) -> Result<Option<MarkSlots>, StorageError>;

    /// What to call a segment in messages, for a person to find it.
    fn segment_name(&self, index: u64) -> String;

    /// What to call the mark in messages.
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

/// Write access.
pub trait Storage: Source + Send + Sync + 'static {
    /// A segment open for writing.
    type Segment: Segment;
    /// Holds the journal for one writer until dropped.
    type Lock: Send;

    /// Takes the writer's lock, without waiting.
    ///
    /// # Errors
    /// [`StorageError::Locked`] when another writer has it.
    fn lock(&self) -> Result<Self::Lock, StorageError>;

    /// A number unlikely to be drawn twice; asked for once, when a journal is made.
    fn draw_identity(&self) -> u64;

    /// Makes a segment of zeros that is wholly there after a crash, or not at all, with its blocks
    /// allocated and its pages present.
    ///
    /// # Errors
    /// [`StorageError::Full`], [`StorageError::Io`]; nothing is left behind.
    fn create_segment(
        &self,
        index: u64,
        bytes: usize,
        allocation: Allocation,
    ) -> Result<Self::Segment, StorageError>;

    /// Opens a segment for writing, bringing a file that was cut back to `bytes` with zeros. The
    /// next sync of any part of it must really write that part, even where an earlier sync failed
    /// and left pages that only look clean.
    ///
    /// # Errors
    /// [`StorageError::Io`].
    fn open_segment(&self, index: u64, bytes: usize) -> Result<Self::Segment, StorageError>;

    /// Removes a segment so that it stays removed after a crash.
    ///
    /// # Errors
    /// [`StorageError::Io`].
    fn remove_segment(&self, index: u64) -> Result<(), StorageError>;

    /// Writes one slot of the mark and waits until it is on disk.
    ///
    /// # Errors
    /// [`StorageError::Io`]; the slot may then hold anything, the other slot is untouched.
    fn write_mark(&self, slot: usize, bytes: &[u8; MARK_SLOT_BYTES]) -> Result<(), StorageError>;
}

/// A segment open for writing by the one writer.
pub trait Segment: Send + 'static {
    /// The same segment, for the thread that syncs it.
    type Handle: SegmentHandle;

    /// A handle for the sync thread.
    fn handle(&self) -> Self::Handle;

    /// Bytes in the segment.
    fn bytes(&self) -> usize;

    /// Runs `write` on `length` bytes from `offset`. Monomorphic, so that for mapped memory it is
    /// the bare copy. A place outside the segment is our own mistake and fails an assertion.
    fn with<R>(&mut self, offset: usize, length: usize, write: impl FnOnce(&mut [u8]) -> R) -> R;
}

/// What the sync thread does with a segment while the writer goes on writing to it.
pub trait SegmentHandle: Send + 'static {
    /// Waits until the bytes `from..to` are on disk.
    ///
    /// # Errors
    /// The system's word. The pages cannot be trusted afterwards: the journal stops.
    fn sync(&self, from: usize, to: usize) -> io::Result<()>;

    /// Makes the pages `from..to` present and writable, so that the writer does not fault on them.
    /// A hint: what cannot be done is left to the fault.
    fn prefault(&self, from: usize, to: usize);
}
