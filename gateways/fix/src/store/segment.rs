//! The files of a store: making, opening, listing and removing segments.
//!
//! A line belongs here if it needs one file and no record in it. The layout is described in `mmap`.

use std::fs::File;
use std::path::{Path, PathBuf};

use super::StoreError;
use super::mapped::{MappedFile, io};

const SEGMENT_MAGIC: [u8; 8] = *b"RUTFIXSG";
/// Raised whenever the layout changes. A file of another version is refused.
const VERSION: u32 = 1;
/// Bytes before the first record of a segment.
pub(super) const SEGMENT_HEADER_BYTES: usize = 32;

/// Most segments of one store; more are refused at open.
const SEGMENTS_MAX: usize = 65_536;

/// One open segment file.
#[derive(Debug)]
pub(super) struct Segment {
    /// Number of the segment: segments are numbered in the order in which they were begun.
    pub number: u64,
    pub file: MappedFile,
    /// Earliest and latest `SendingTime` in the segment; the earliest is the later one when the
    /// segment has no messages.
    pub times_ns: (u64, u64),
    path: PathBuf,
}

impl Segment {
    /// Removes the file. A file that cannot be removed is read at the next open, and removed then.
    pub fn remove(self) {
        let _ = std::fs::remove_file(&self.path);
    }

    /// Notes the `SendingTime` of a new message.
    pub fn note_time(&mut self, sending_ns: u64) {
        let (first, last) = self.times_ns;
        self.times_ns = (first.min(sending_ns), last.max(sending_ns));
    }
}

/// Writes magic and version. The magic is written last: without it the file counts as unwritten.
pub(super) fn write_head(file: &mut MappedFile, magic: [u8; 8], number: u64) {
    file.commit(8, u64::from(VERSION));
    file.commit(16, number);
    file.commit(0, u64::from_le_bytes(magic));
}

/// Whether a file has the magic and the version that this program writes.
pub(super) fn check_head(file: &MappedFile, magic: [u8; 8], path: &Path) -> Result<(), StoreError> {
    if !file.bytes().starts_with(&magic) {
        return Err(StoreError::NotAStore { path: path.to_path_buf() });
    }
    let found = file.read(8) as u32;
    if found != VERSION {
        let path = path.to_path_buf();
        return Err(StoreError::Version { found, expected: VERSION, path });
    }
    Ok(())
}

/// Removes a file that a crash has left without its magic number: it holds nothing, and is made
/// again.
pub(super) fn remove_if_unwritten(path: &Path) -> Result<(), StoreError> {
    use std::io::Read as _;
    let mut head = [0; 8];
    let unwritten = match File::open(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(io("open", path)(error)),
        Ok(mut file) => match file.read_exact(&mut head) {
            Ok(()) => head == [0; 8],
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => true,
            Err(error) => return Err(io("read", path)(error)),
        },
    };
    if unwritten {
        std::fs::remove_file(path).map_err(io("remove", path))?;
    }
    Ok(())
}

fn segment_path(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("segment-{number:012}.fix"))
}

/// Makes a segment file, with all its pages in memory.
pub(super) fn create_segment(
    folder: &Path,
    number: u64,
    bytes: u32,
) -> Result<Segment, StoreError> {
    let path = segment_path(folder, number);
    let mut file = MappedFile::create(&path, u64::from(bytes))?;
    file.touch();
    write_head(&mut file, SEGMENT_MAGIC, number);
    Ok(Segment { number, file, times_ns: (u64::MAX, 0), path })
}

/// Opens a segment file.
pub(super) fn open_segment(folder: &Path, number: u64, bytes: u32) -> Result<Segment, StoreError> {
    let path = segment_path(folder, number);
    let file = MappedFile::open(&path, u64::from(bytes))?;
    check_head(&file, SEGMENT_MAGIC, &path)?;
    Ok(Segment { number, file, times_ns: (u64::MAX, 0), path })
}

/// Numbers of the segments in the folder, ascending and without a hole. Of two runs the newer
/// counts: an interrupted removal leaves an older run behind, whose files are removed here.
pub(super) fn segment_numbers(folder: &Path) -> Result<Vec<u64>, StoreError> {
    let mut numbers = Vec::new();
    for file in std::fs::read_dir(folder).map_err(io("list", folder))? {
        let name = file.map_err(io("list", folder))?.file_name();
        let number = name.to_str().and_then(|name| {
            name.strip_prefix("segment-")?.strip_suffix(".fix")?.parse::<u64>().ok()
        });
        let Some(number) = number else { continue };
        let path = segment_path(folder, number);
        remove_if_unwritten(&path)?;
        if path.exists() {
            numbers.push(number);
        }
        if numbers.len() > SEGMENTS_MAX {
            return Err(StoreError::NotAStore { path: folder.to_path_buf() });
        }
    }
    numbers.sort_unstable();
    let run = numbers.windows(2).rposition(|pair| pair[0] + 1 != pair[1]).map_or(0, |i| i + 1);
    for stale in numbers.drain(..run) {
        let path = segment_path(folder, stale);
        std::fs::remove_file(&path).map_err(io("remove", &path))?;
    }
    Ok(numbers)
}
