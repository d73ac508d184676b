//! The memory-mapped, checksummed log of inputs.
//!
//! A line belongs in this crate if it keeps, finds or checks bytes of the journal. What a record
//! means is the business of whoever appends it: bodies are opaque, `kind` and `schema` are theirs.
//!
//! [`Journal`] is the one writer, [`Reader`] reads from the first record, [`verify`] checks all of
//! it. `FORMAT.md` draws the bytes and says what recovery does for each way a crash can leave them.
//!
//! Invariants: sequences are dense from 1; a record at or below the durable mark is never cut;
//! nothing but zeros stands behind the last record; nothing is written after a failed sync.

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

pub use error::{AppendError, ChainFault, MarkFault, OpenError, ReadError, Refusal, SyncError};
pub use file::{FileHandle, FileSegment, FileStorage, FileView};
pub use format::{
    BODY_BYTES_MAX, FORMAT_VERSION, MARK_SLOT_BYTES, MARK_SLOTS, RECORD_HEADER_BYTES, RecordFault,
    SEGMENT_BYTES_MAX, SEGMENT_BYTES_MIN, SEGMENT_HEADER_BYTES, body_bytes_max, record_bytes,
};
pub use journal::{
    Config, Durability, Journal, ReleaseMark, SEGMENT_BYTES_DEFAULT, STALL_MAX_DEFAULT, Stats,
    SyncMode,
};
pub use memory::{Loss, MemHandle, MemLock, MemSegment, MemStorage, SyncBehaviour};
pub use reader::{Cut, End, Reader, Record, VerifyReport, verify};
pub use recovery::Recovery;
pub use storage::{Allocation, MarkSlots, Segment, SegmentHandle, Source, Storage, StorageError};
pub use watch::{SYNC_BUCKET_NS_MIN, SYNC_BUCKETS, SyncTimes, Watch};
