//! One memory-mapped file of fixed size, with whole words that become visible at once.
//!
//! This is the only unsafe code of this crate. A line belongs here if it needs the raw mapping.

use std::fs::File;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use memmap2::{MmapMut, MmapOptions};

use super::StoreError;

pub(super) fn io(
    what: &'static str,
    path: &Path,
) -> impl FnOnce(std::io::Error) -> StoreError + use<> {
    let path = path.to_path_buf();
    move |source| StoreError::Io { what, path, source }
}

/// A mapped file. Its bytes survive the death of the process, but not the loss of power.
#[derive(Debug)]
pub(super) struct MappedFile {
    map: MmapMut,
}

impl MappedFile {
    /// Opens `path`, or makes it with `bytes` zero bytes. Space on the disk is reserved for a new
    /// file: a full disk must be an error here, and not a signal later.
    pub fn create(path: &Path, bytes: u64) -> Result<Self, StoreError> {
        let file = rutter_files::create_new(path).map_err(io("create", path))?;
        let reserved = rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, bytes);
        if let Err(errno) = reserved {
            // A half-made file would be refused at the next open.
            let _ = std::fs::remove_file(path);
            return Err(io("reserve space for", path)(errno.into()));
        }
        Self::map(&file, path, bytes).inspect_err(|_| {
            let _ = std::fs::remove_file(path);
        })
    }

    /// Bytes in memory, without a file.
    pub fn anonymous(bytes: u64) -> Result<Self, StoreError> {
        let map = MmapMut::map_anon(bytes as usize);
        Ok(Self { map: map.map_err(io("map", Path::new("memory")))? })
    }

    /// Opens an existing file of `bytes` bytes.
    pub fn open(path: &Path, bytes: u64) -> Result<Self, StoreError> {
        let file = rutter_files::open(path).map_err(io("open", path))?;
        let found = file.metadata().map_err(io("measure", path))?.len();
        if found != bytes {
            return Err(StoreError::Size { found, expected: bytes, path: path.to_path_buf() });
        }
        Self::map(&file, path, bytes)
    }

    /// Opens an existing file of any size, and returns its size. A shorter file is filled up with
    /// zeros, because a mapping beyond the end of its file kills the process. Of a longer file the
    /// first `bytes` bytes count.
    pub fn open_any(path: &Path, bytes: u64) -> Result<(Self, u64), StoreError> {
        let file = rutter_files::open(path).map_err(io("open", path))?;
        let found = file.metadata().map_err(io("measure", path))?.len();
        if found < bytes {
            rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, bytes)
                .map_err(|errno| io("reserve space for", path)(errno.into()))?;
        }
        Ok((Self::map(&file, path, bytes)?, found))
    }

    /// A copy of a file in memory, filled up with zeros or cut to `bytes` bytes, and the size of
    /// the file. Nothing that is written to the copy reaches the file.
    pub fn look(path: &Path, bytes: u64) -> Result<(Self, u64), StoreError> {
        use std::io::Read as _;
        let file = rutter_files::open_for_reading(path).map_err(io("open", path))?;
        let found = file.metadata().map_err(io("measure", path))?.len();
        let mut copy = Self::anonymous(bytes)?;
        let mut content = Vec::new();
        file.take(bytes).read_to_end(&mut content).map_err(io("read", path))?;
        copy.map.iter_mut().zip(&content).for_each(|(to, from)| *to = *from);
        Ok((copy, found))
    }

    #[allow(unsafe_code, reason = "mapping a file is unsafe: another process may change it")]
    fn map(file: &File, path: &Path, bytes: u64) -> Result<Self, StoreError> {
        // SAFETY: the folder's lock is held for as long as the mapping lives, so no other store
        // writes or shortens the file; whoever ignores the lock can at worst change plain bytes,
        // which are checked before use.
        let map = unsafe { MmapOptions::new().len(bytes as usize).populate().map_mut(file) };
        Ok(Self { map: map.map_err(io("map", path))? })
    }

    /// Makes every page present for writing, so that the first write to a page causes no page
    /// fault. Old kernels cannot do this; there the first write causes the fault.
    pub fn touch(&self) {
        let _ = self.map.advise(memmap2::Advice::PopulateWrite);
    }

    pub fn bytes(&self) -> &[u8] {
        &self.map
    }

    /// The bytes `at..at + length`, for writing; `None` outside the file.
    pub fn slice_mut(&mut self, at: usize, length: usize) -> Option<&mut [u8]> {
        self.map.get_mut(at..at.checked_add(length)?)
    }

    #[allow(unsafe_code, reason = "a word of the mapping as an atomic")]
    #[allow(clippy::cast_ptr_alignment, reason = "the alignment is checked on the next line")]
    fn word(&mut self, at: usize) -> Option<&AtomicU64> {
        let eight = self.map.get_mut(at..at.checked_add(8)?)?;
        let pointer = eight.as_mut_ptr().cast::<u64>();
        if !pointer.is_aligned() {
            return None;
        }
        // SAFETY: the eight bytes are inside the mapping and aligned (both checked above), and
        // borrowed mutably for as long as the atomic lives, so nothing else refers to them.
        Some(unsafe { AtomicU64::from_ptr(pointer) })
    }

    /// Stores eight bytes at once, after all bytes written before. `false` outside the file, or if
    /// the eight bytes are not one aligned word.
    pub fn commit(&mut self, at: usize, value: u64) -> bool {
        let word = self.word(at);
        if let Some(word) = word {
            word.store(value.to_le(), Ordering::Release);
            return true;
        }
        false
    }

    /// The word at `at`; 0 outside the file.
    pub fn read(&self, at: usize) -> u64 {
        let eight = self.map.get(at..).and_then(|rest| rest.first_chunk::<8>());
        eight.map_or(0, |bytes| u64::from_le_bytes(*bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_written_whole_inside_the_file_and_nowhere_else() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("file");
        let mut file = MappedFile::create(&path, 64).expect("created");
        assert!(file.commit(56, 0x0102_0304_0506_0708));
        assert_eq!(file.read(56), 0x0102_0304_0506_0708);
        assert_eq!(file.bytes()[56..], [8, 7, 6, 5, 4, 3, 2, 1]);
        assert!(!file.commit(57, 1) && !file.commit(64, 1) && !file.commit(usize::MAX, 1));
        assert!(!file.commit(4, 1), "a word across two words is not atomic");
        assert_eq!(file.read(60), 0);
        drop(file);
        let again = MappedFile::open(&path, 64).expect("opened");
        assert_eq!(again.read(56), 0x0102_0304_0506_0708);
        assert!(matches!(MappedFile::open(&path, 65), Err(StoreError::Size { found: 64, .. })));
        assert!(MappedFile::create(&path, 64).is_err(), "an existing file is not made again");
    }
}
