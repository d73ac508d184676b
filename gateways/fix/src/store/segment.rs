//! The files of a store: making, opening, listing and removing segments.
//!
//! A line belongs here if it needs one file and no record in it. The layout is described in `mmap`.

use std::path::{Path, PathBuf};

use super::StoreError;
use super::contents::Contents;
use super::damage::DamageKind;
use super::mapped::{MappedFile, io};

const SEGMENT_MAGIC: [u8; 8] = *b"RUTFIXSG";
/// Raised whenever the layout changes. A file of a higher version is refused; files of version 1
/// are brought up to date when their store is opened.
pub(super) const VERSION: u32 = 2;

/// Most segments of one store; more are refused at open.
pub(super) const SEGMENTS_MAX: usize = 65_536;

/// Files of one segment that may be set aside.
const ASIDE_MAX: u32 = 100;

/// One open segment file.
#[derive(Debug)]
pub(super) struct Segment {
    /// Number of the segment: segments are numbered in the order in which they were begun.
    pub number: u64,
    pub file: MappedFile,
    pub contents: Contents,
    pub path: PathBuf,
}

impl Segment {
    fn new(number: u64, file: MappedFile, path: PathBuf) -> Self {
        let contents = Contents::new(file.bytes().len());
        Self { number, file, contents, path }
    }

    /// Removes the file. A file that cannot be removed is removed at the next open.
    pub fn remove(self) {
        let _ = std::fs::remove_file(&self.path);
    }

    /// Gives a segment of layout 1 the header of this one.
    pub fn bring_up_to_date(&mut self, owner: u64) {
        write_head(&mut self.file, SEGMENT_MAGIC, Some((self.number, owner)));
    }
}

/// Writes the header: a segment's number and owner, the version, and the magic. The magic is
/// written last: without it the file counts as unwritten.
pub(super) fn write_head(file: &mut MappedFile, magic: [u8; 8], segment: Option<(u64, u64)>) {
    if let Some((number, owner)) = segment {
        file.commit(16, number);
        file.commit(24, owner);
    }
    file.commit(8, u64::from(VERSION));
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

/// Whether a crash has left a file without its magic number: the file holds nothing.
pub(super) fn is_unwritten(path: &Path) -> Result<bool, StoreError> {
    use std::io::Read as _;
    let mut head = [0; 8];
    match rutter_files::open_for_reading(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(io("open", path)(error)),
        Ok(mut file) => match file.read_exact(&mut head) {
            Ok(()) => Ok(head == [0; 8]),
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Ok(true),
            Err(error) => Err(io("read", path)(error)),
        },
    }
}

pub(super) fn remove(path: &Path) -> Result<(), StoreError> {
    std::fs::remove_file(path).map_err(io("remove", path))
}

/// The path of a segment's file.
pub(super) fn segment_path(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("segment-{number:012}.fix"))
}

/// Makes a segment file, with all its pages in memory.
pub(super) fn create_segment(
    folder: &Path,
    number: u64,
    bytes: u32,
    owner: u64,
) -> Result<Segment, StoreError> {
    let path = segment_path(folder, number);
    let mut file = MappedFile::create(&path, u64::from(bytes))?;
    file.touch();
    write_head(&mut file, SEGMENT_MAGIC, Some((number, owner)));
    Ok(Segment::new(number, file, path))
}

/// A segment file that was found.
pub(super) enum Opened {
    /// The segment, and what is wrong with its size or header.
    Segment(Segment, Vec<DamageKind>),
    /// A file of another store, or something else.
    Foreign,
    Missing,
}

/// Opens a segment file. `look`: the file is only read, and changes stay in memory. `first_layout`:
/// the store has layout 1, whose segments have no owner.
pub(super) fn open_segment(
    folder: &Path,
    number: u64,
    (bytes, owner): (u32, u64),
    look: bool,
    first_layout: bool,
) -> Result<Opened, StoreError> {
    let path = segment_path(folder, number);
    let bytes = u64::from(bytes);
    let opened =
        if look { MappedFile::look(&path, bytes) } else { MappedFile::open_any(&path, bytes) };
    let (file, found) = match opened {
        Ok(opened) => opened,
        Err(StoreError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
            return Ok(Opened::Missing);
        }
        Err(error) => return Err(error),
    };
    let ours = first_layout || file.read(24) == owner;
    let magic = file.bytes().starts_with(&SEGMENT_MAGIC);
    let version = file.read(8) == u64::from(VERSION) || first_layout && file.read(8) == 1;
    if !ours || first_layout && !magic {
        return Ok(Opened::Foreign);
    }
    let mut damage = Vec::new();
    if !(magic && version && file.read(16) == number) {
        damage.push(DamageKind::Header);
    }
    if found != bytes {
        damage.push(DamageKind::Size);
    }
    Ok(Opened::Segment(Segment::new(number, file, path), damage))
}

/// Renames a file that is not the store's to `*.aside-N`, so that nothing is destroyed.
pub(super) fn set_aside(path: &Path) -> Result<(), StoreError> {
    let name = |number: u32| {
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".aside-{number}"));
        PathBuf::from(name)
    };
    match (1..=ASIDE_MAX).map(name).find(|aside| !aside.exists()) {
        Some(aside) => std::fs::rename(path, aside).map_err(io("rename", path)),
        None => Err(StoreError::Damaged { what: "too many files set aside", path: path.into() }),
    }
}

/// Numbers of the segments in the folder, ascending.
pub(super) fn segment_numbers(folder: &Path) -> Result<Vec<u64>, StoreError> {
    let mut numbers = Vec::new();
    for file in std::fs::read_dir(folder).map_err(io("list", folder))? {
        let name = file.map_err(io("list", folder))?.file_name();
        let number = name.to_str().and_then(|name| {
            name.strip_prefix("segment-")?.strip_suffix(".fix")?.parse::<u64>().ok()
        });
        let Some(number) = number else { continue };
        if segment_path(folder, number).exists() {
            numbers.push(number);
        }
        if numbers.len() > SEGMENTS_MAX {
            return Err(StoreError::Damaged { what: "too many segments", path: folder.into() });
        }
    }
    numbers.sort_unstable();
    Ok(numbers)
}
