//! Errors of opening, reading and writing a journal.
//!
//! A line belongs here if it defines an error or its text. `mark`, `reader` and `recovery` decide
//! when an error is raised.

use crate::format::{FORMAT_VERSION, RecordFault};
use crate::storage::StorageError;

/// The content of the journal forbids its use. No file was changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JournalFault {
    /// A record at or below the durable mark is missing or damaged. Such a record is never cut.
    #[error("{file}: byte {offset}: record {sequence} of {durable} durable ones: {fault}")]
    Damaged {
        /// Path of the segment's file.
        file: String,
        /// Byte offset of the record in the file; 0 for the segment header.
        offset: u64,
        /// Sequence of the expected record.
        sequence: u64,
        /// Durable mark: the last sequence known to be on disk.
        durable: u64,
        /// What is wrong with the bytes at `offset`.
        fault: RecordFault,
    },
    /// A segment with a valid header does not follow the segment before it.
    #[error("{file}: segment of records from {sequence}: {fault}")]
    ChainBroken {
        /// Path of the segment's file.
        file: String,
        /// Sequence of the first record that the segment should hold.
        sequence: u64,
        /// The header field that does not fit.
        fault: ChainFault,
    },
    /// The mark is missing although segments exist, so the durable sequence is not known.
    #[error("{file}: mark missing beside {segments} segments")]
    MarkMissing {
        /// Path of the missing mark.
        file: String,
        /// Number of segments found.
        segments: usize,
    },
    /// The mark has no valid slot, or its two slots contradict each other.
    #[error("{file}: mark damaged: {fault}")]
    MarkDamaged {
        /// Path of the mark.
        file: String,
        /// What is wrong with the slots.
        fault: MarkFault,
    },
    /// The file was written in another version of the format.
    #[error("{file}: format version {found}, this build reads {FORMAT_VERSION}")]
    OtherVersion {
        /// Path of the segment or mark.
        file: String,
        /// Version in the file's header.
        found: u32,
    },
    /// The file was written in big-endian byte order.
    #[error("{file}: written with the other byte order")]
    OtherMachine {
        /// Path of the segment or mark.
        file: String,
    },
    /// The file was written with other sizes of headers, padding or bodies.
    #[error("{file}: written with another record layout")]
    OtherLayout {
        /// Path of the segment.
        file: String,
    },
}

/// Why a segment with a valid header does not belong at its place in the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChainFault {
    /// The segment has no file, although later segments exist.
    #[error("missing, although later segments exist")]
    Missing,
    /// The header has the id of another journal.
    #[error("belongs to another journal")]
    Foreign,
    /// The index in the header differs from the index in the file's name.
    #[error("holds segment {found}, not the one that its name says")]
    Index {
        /// Index in the header.
        found: u64,
    },
    /// The segment begins with a sequence that the segment before it already holds.
    #[error("begins with record {found}")]
    FirstSequence {
        /// First sequence in the header.
        found: u64,
    },
    /// The chain value in the header differs from the chain value of the segment before.
    #[error("does not continue the segment before it")]
    PreviousHash,
    /// The epoch is lower than in the segment before, or higher than in the mark.
    #[error("has epoch {found}, out of order")]
    Epoch {
        /// Epoch in the header.
        found: u64,
    },
    /// The size in the header is not allowed, or the file is longer than that size.
    #[error("has an impossible size of {found} bytes")]
    Size {
        /// The larger of the header's size and the file's length, in bytes.
        found: u64,
    },
}

/// What is wrong with the slots of the mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MarkFault {
    /// Neither slot has a valid checksum.
    #[error("no slot has a valid checksum")]
    NoSlot,
    /// Both slots have valid checksums and cannot both belong to this journal.
    #[error("the slots contradict each other")]
    Contradiction,
}

/// The journal could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The storage failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The content of the journal forbids its use.
    #[error(transparent)]
    Refused(#[from] JournalFault),
}

/// The journal could not be opened for writing.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another writer, in this process or another, holds the lock.
    #[error("{name} is held by another writer")]
    Locked {
        /// Path of the lock file.
        name: String,
    },
    /// The configured segment size is out of range, or not a multiple of 4096 bytes.
    #[error("segment size {found}: must be a multiple of 4096 from 65536 to 4294967296")]
    SegmentBytes {
        /// The configured size, bytes.
        found: usize,
    },
    /// The content of the journal forbids its use. No file was changed.
    #[error(transparent)]
    Refused(#[from] JournalFault),
    /// The storage failed.
    #[error(transparent)]
    Storage(StorageError),
    /// The recovered segments could not be synced.
    #[error("syncing the recovered segments: {source}")]
    Sync {
        /// Error of the operating system.
        source: std::io::Error,
    },
    /// The sync or the preparing thread could not be started.
    #[error("starting the journal's threads: {source}")]
    Threads {
        /// Error of the operating system.
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

/// A record was not appended. The journal is unchanged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// The body is longer than [`body_bytes_max`](crate::format::body_bytes_max), or longer than
    /// the length that the caller reserved.
    #[error("body of {found} bytes, at most {limit}")]
    BodyTooLong {
        /// Length of the body, bytes.
        found: usize,
        /// Longest allowed body, bytes.
        limit: usize,
    },
    /// An earlier sync failed, so the page cache cannot be trusted. The process must stop.
    #[error("sync failed, durable up to {durable}: {why}")]
    SyncFailed {
        /// The last sequence known to be on disk.
        durable: u64,
        /// Error text of the operating system.
        why: String,
    },
    /// The disk has no room for the next segment. The caller may try again.
    #[error("disk full: no room for {name}")]
    DiskFull {
        /// Path of the segment that did not fit.
        name: String,
    },
    /// Making the next segment failed for another reason. The caller may try again.
    #[error("next segment: {why}")]
    SegmentNotMade {
        /// Error text of the storage.
        why: String,
    },
    /// The next segment was not ready in time. The caller may try again.
    #[error("next segment not ready within {waited_ms} ms")]
    SegmentNotReady {
        /// How long the writer waited, milliseconds.
        waited_ms: u64,
    },
    /// Too many full segments wait for their sync. The caller may try again.
    #[error("{waiting} full segments not yet synced")]
    SyncBehind {
        /// Number of full segments that are not synced.
        waiting: usize,
    },
}

/// A sync failed. Every later append fails too: the process must stop.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("sync failed, durable up to {durable}: {why}")]
pub struct SyncError {
    /// The last sequence known to be on disk.
    pub durable: u64,
    /// Error text of the operating system.
    pub why: String,
}
