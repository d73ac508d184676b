//! How much room is on a disk, and how much a folder takes.
//!
//! A line belongs here if it asks the file system for a number that operators are shown.

use std::path::Path;

/// Bytes free for this process on the file system of a folder; `None` if it cannot be asked.
pub fn free_bytes(folder: &Path) -> Option<u64> {
    let found = rustix::fs::statvfs(folder).ok()?;
    found.f_bavail.checked_mul(found.f_frsize)
}

/// How many files are in a folder, and their bytes.
pub(crate) fn files_and_bytes(folder: &Path) -> (u64, u64) {
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let sizes = files.filter_map(|file| file.metadata().ok()).filter(std::fs::Metadata::is_file);
    sizes.fold((0, 0), |(count, bytes), one| (count + 1, bytes + one.len()))
}
