//! The memory-mapped, checksummed log of inputs.
//!
//! A line belongs in this crate if it stores, finds or checks bytes of the journal. The crate does
//! not know what a record means: `kind`, `schema` and the body belong to the caller.
//!
//! [`Journal`] is the only writer. [`Reader`] reads from the first record. [`verify`] checks a
//! whole journal. `FORMAT.md` draws the bytes, and says what recovery does after each kind of
//! crash.
//!
//! Invariants: sequences have no gap and begin at 1; a record at or below the durable mark is never
//! cut; only zeros follow the last record; nothing is written after a failed sync.

mod copy;
mod error;
mod file;
mod format;
mod journal;
mod mark;
mod memory;
mod reader;
mod recovery;
mod storage;
mod sync;
#[cfg(test)]
mod tests;
mod watch;

pub use copy::copy;
pub use error::{
    AppendError, ChainFault, JournalFault, MarkFault, OpenError, ReadError, SyncError,
};
pub use file::{FileHandle, FileSegment, FileStorage, FileView};
pub use format::{
    BODY_BYTES_MAX, FORMAT_VERSION, MARK_SLOT_BYTES, MARK_SLOTS, RECORD_HEADER_BYTES, RecordFault,
    SEGMENT_BYTES_MAX, SEGMENT_BYTES_MIN, SEGMENT_BYTES_STEP, SEGMENT_HEADER_BYTES, body_bytes_max,
    record_bytes,
};
pub use journal::{
    Config, Durability, Journal, ReleaseMark, SEGMENT_BYTES_DEFAULT, STALL_MAX_DEFAULT, Stats,
    SyncMode,
};
pub use memory::{Loss, MemHandle, MemLock, MemSegment, MemStorage, SyncBehaviour};
pub use reader::{Cut, End, Reader, Record, VerifyReport, verify, verify_with};
pub use recovery::Recovery;
pub use storage::{Allocation, MarkSlots, Segment, SegmentHandle, Source, Storage, StorageError};
pub use watch::{SYNC_BUCKET_NS_MIN, SYNC_BUCKETS, SyncTimes, Watch};
