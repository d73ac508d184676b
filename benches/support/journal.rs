//! The journal: records of encoded inputs, against a bare copy and CRC-32C into mapped memory.

use std::time::{Duration, Instant};

use memmap2::MmapMut;
use rutter_core::id::{ChildId, VenueId};
use rutter_core::input::{Ending, Input};
use rutter_core::number::Qty;
use rutter_core::wire::{INPUT_BYTES_MAX, SCHEMA, encode};
use rutter_journal::{Config, Durability, FileStorage, Journal, record_bytes};
use tempfile::TempDir;

use super::desk;

/// One segment holds a whole run: making segments ready is another thread's work, and a run this
/// fast would measure the disk.
const SEGMENT_BYTES: usize = 256 << 20;
/// Appends of one run at most, so that they fit.
pub const APPENDS_MAX: u64 = 1_200_000;

/// Encoded inputs as they come: four book changes to one input about an order.
pub fn bodies() -> Vec<Vec<u8>> {
    let fate = Input::ChildDone {
        venue: VenueId(1),
        child: ChildId(77),
        how: Ending::Canceled,
        filled: Qty(5),
    };
    let of = |nth: u64| match nth % 10 {
        0 => desk::order(nth),
        5 => fate,
        _ => desk::book_change(nth),
    };
    let bytes = |nth: u64| {
        let mut buf = [0; INPUT_BYTES_MAX];
        let len = encode(&of(nth), &mut buf);
        buf[..len].to_vec()
    };
    let bodies: Vec<Vec<u8>> = (0..40).map(bytes).collect();
    let longest = bodies.iter().map(|body| record_bytes(body.len())).max().unwrap_or(0);
    assert!(longest as u64 * APPENDS_MAX < SEGMENT_BYTES as u64, "{longest} bytes a record");
    bodies
}

/// A journal in its own folder, empty at the start of each run.
pub struct Ours {
    // Dropped before its folder.
    journal: Journal<FileStorage>,
    _folder: TempDir,
    bodies: Vec<Vec<u8>>,
}

impl Ours {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let storage = FileStorage::create(folder.path()).expect("a journal's folder");
        let config = Config::new(Durability::Process).segment_bytes(SEGMENT_BYTES);
        let (journal, _) = Journal::open(storage, config).expect("a new journal");
        Self { _folder: folder, journal, bodies: bodies() }
    }

    /// So many appends.
    pub fn run(&mut self, count: u64) -> Duration {
        let start = Instant::now();
        let mut next = self.bodies.iter().cycle();
        for nth in 0..count {
            let Some(body) = next.next() else { break };
            self.journal.append(1, SCHEMA, nth, body).expect("room");
        }
        start.elapsed()
    }
}

/// The floor: length and checksum in front, the body behind, nothing else.
pub struct Floor {
    _file: std::fs::File,
    map: MmapMut,
    at: usize,
    bodies: Vec<Vec<u8>>,
}

impl Floor {
    pub fn new() -> Self {
        let file = tempfile::tempfile().expect("a file");
        file.set_len(SEGMENT_BYTES as u64).expect("room on the disk");
        let mut map = map(&file);
        // As the journal's own pages are by the time they are used.
        map.fill(0);
        Self { _file: file, map, at: 0, bodies: bodies() }
    }

    pub fn run(&mut self, count: u64) -> Duration {
        let start = Instant::now();
        let mut next = self.bodies.iter().cycle();
        for _ in 0..count {
            let Some(body) = next.next() else { break };
            let end = self.at + 8 + body.len().next_multiple_of(8);
            let slot = &mut self.map[self.at..end];
            slot[8..8 + body.len()].copy_from_slice(body);
            let sum = crc32c::crc32c(&slot[8..8 + body.len()]);
            slot[..4].copy_from_slice(&(body.len() as u32).to_le_bytes());
            slot[4..8].copy_from_slice(&sum.to_le_bytes());
            self.at = end;
        }
        start.elapsed()
    }
}

#[allow(unsafe_code, reason = "the floor writes where the journal does: into a mapped file")]
fn map(file: &std::fs::File) -> MmapMut {
    // SAFETY: the file has no name, so nobody else can change it.
    unsafe { MmapMut::map_mut(file) }.expect("mapped")
}
