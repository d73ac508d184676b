//! Why a journal is not opened, not read on, or not written to.
//!
//! A line belongs here if it words a refusal. Deciding on one is `mark` and `walk`.

use crate::format::{FORMAT_VERSION, RecordFault};
use crate::storage::StorageError;

/// A journal whose content forbids its use. Nothing has been changed in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A record that was promised durable is not there whole. It is never cut.
    #[error("{file}: byte {offset}: record {sequence} of {durable} durable ones: {fault}")]
    Damaged {
        /// The file, as a person would look for it.
        file: String,
        /// Where in it the record begins (0: the segment's header).
        offset: u64,
        /// The record that should be there.
        sequence: u64,
        /// The durable mark.
        durable: u64,
        /// What is there instead.
        fault: RecordFault,
    },
    /// A whole segment that does not belong where it stands.
    #[error("{file}: segment of records from {sequence}: {fault}")]
    ChainBroken {
        /// The file.
        file: String,
        /// The record that should be its first.
        sequence: u64,
        /// What tells it apart.
        fault: ChainFault,
    },
    /// The mark is gone although segments are there: what was promised is not known any more.
    #[error("{file}: mark missing beside {segments} segments")]
    MarkMissing {
        /// Where the mark should be.
        file: String,
        /// Segments there are.
        segments: usize,
    },
    /// Neither slot of the mark can be believed.
    #[error("{file}: mark damaged: {fault}")]
    MarkDamaged {
        /// The mark.
        file: String,
        /// What is wrong.
        fault: MarkFault,
    },
    /// Written by another version of the format.
    #[error("{file}: format version {found}, this build reads {FORMAT_VERSION}")]
    OtherVersion {
        /// The file.
        file: String,
        /// Its version.
        found: u32,
    },
    /// Written by a machine or build with another order of bytes.
    #[error("{file}: written with the other byte order")]
    OtherMachine {
        /// The file.
        file: String,
    },
    /// Written with other sizes of headers, padding or bodies.
    #[error("{file}: written with another record layout")]
    OtherLayout {
        /// The file.
        file: String,
    },
}

/// Why a whole segment does not belong where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChainFault {
    /// No file, although later ones are there.
    #[error("missing, though later segments are there")]
    Missing,
    /// From another journal.
    #[error("belongs to another journal")]
    Foreign,
    /// The header names another place in the chain than the file does.
    #[error("is segment {found} under another's name")]
    Index {
        /// The header's index.
        found: u64,
    },
    /// Begins before the segment before it ends.
    #[error("begins with record {found}")]
    FirstSequence {
        /// The header's first sequence.
        found: u64,
    },
    /// Follows another segment than the one that is there.
    #[error("follows another segment than the one before it")]
    PreviousHash,
    /// Older than the segment before, or newer than the mark.
    #[error("has epoch {found}, out of order")]
    Epoch {
        /// The header's epoch.
        found: u64,
    },
    /// An impossible size, or a file longer than the header says.
    #[error("has an impossible size of {found} bytes")]
    Size {
        /// The header's or the file's size.
        found: u64,
    },
}

/// What is wrong with the mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MarkFault {
    /// No slot's checksum holds.
    #[error("no slot is whole")]
    NoSlot,
    /// Both slots are whole and contradict each other.
    #[error("the slots contradict each other")]
    Contradiction,
}

/// A journal that could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The storage failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The content forbids it.
    #[error(transparent)]
    Refused(#[from] Refusal),
}

/// A journal that could not be opened for writing.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another writer, in this process or another, holds the journal.
    #[error("{name} is held by another writer")]
    Locked {
        /// The lock.
        name: String,
    },
    /// The segment size is out of limits, or no multiple of 4096.
    #[error("segment size {found}: want a multiple of 4096 from 65536 to 4294967296")]
    SegmentBytes {
        /// The size asked for.
        found: usize,
    },
    /// The content forbids it. Nothing was changed.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The storage failed.
    #[error(transparent)]
    Storage(StorageError),
    /// The bytes recovered could not be synced.
    #[error("syncing what was recovered: {source}")]
    Sync {
        /// The system's word.
        source: std::io::Error,
    },
    /// The helper threads could not be started.
    #[error("starting the journal's threads: {source}")]
    Threads {
        /// The system's word.
        source: std::io::Error,
    },
}

impl From<StorageError> for OpenError {
    fn from(error: StorageError) -> Self {
        match error {
            StorageError::Locked { name } => Self::Locked { name },
            other => Self::Storage(other),
        }
    }
}

impl From<ReadError> for OpenError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Storage(error) => error.into(),
            ReadError::Refused(refusal) => Self::Refused(refusal),
        }
    }
}

/// A record that was not appended. The journal is as it was before the call.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// The body is longer than a segment takes
    /// ([`body_bytes_max`](crate::format::body_bytes_max)), or than the room it asked for.
    #[error("body of {found} bytes, at most {limit}")]
    BodyTooLong {
        /// Its length.
        found: usize,
        /// The limit.
        limit: usize,
    },
    /// A sync failed: the page cache cannot be trusted any more. The process must stop.
    #[error("sync failed, durable up to {durable}: {why}")]
    SyncFailed {
        /// The last record known to be on disk.
        durable: u64,
        /// The system's word.
        why: String,
    },
    /// The disk has no room for the next segment. May be tried again.
    #[error("disk full: no room for {name}")]
    DiskFull {
        /// The segment that did not fit.
        name: String,
    },
    /// The next segment could not be made, for another reason. May be tried again.
    #[error("next segment: {why}")]
    SegmentNotMade {
        /// The storage's word.
        why: String,
    },
    /// The next segment was not made in time. May be tried again.
    #[error("next segment not ready within {waited_ms} ms")]
    SegmentNotReady {
        /// How long the writer waited.
        waited_ms: u64,
    },
    /// Too many full segments wait for their sync. May be tried again.
    #[error("{waiting} full segments not yet synced")]
    SyncBehind {
        /// How many.
        waiting: usize,
    },
}

/// A sync that failed. The journal refuses every append from then on: the process must stop.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("sync failed, durable up to {durable}: {why}")]
pub struct SyncError {
    /// The last record known to be on disk.
    pub durable: u64,
    /// The system's word.
    pub why: String,
}
