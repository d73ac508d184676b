//! A journal copied from one storage to another, byte for byte.
//!
//! A line belongs here if it moves whole segments without reading their records.

use crate::storage::{Allocation, Segment, SegmentHandle, Source, Storage, StorageError};

/// Copies all segments and the mark of a journal that nobody writes to, into a storage without a
/// journal. When the call returns, the copy is on the disk.
///
/// # Errors
/// [`StorageError`]; the copy is then incomplete and must not be used.
pub fn copy(from: &impl Source, to: &impl Storage) -> Result<(), StorageError> {
    let _lock = to.lock()?;
    for index in from.list_segments()? {
        let view = from.view_segment(index)?;
        let bytes = view.as_ref();
        let mut segment = to.create_segment(index, bytes.len(), Allocation::Reserved)?;
        segment.with(0, bytes.len(), |place| place.copy_from_slice(bytes));
        segment.handle().sync(0, bytes.len()).map_err(|source| StorageError::Io {
            doing: "copying",
            name: to.segment_name(index),
            source,
        })?;
    }
    let mark = from.read_mark()?;
    for (slot, bytes) in mark.iter().flat_map(|slots| slots.iter()).enumerate() {
        to.write_mark(slot, bytes)?;
    }
    Ok(())
}
