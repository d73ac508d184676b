//! Scenarios over a whole journal, one file for each kind of failure.
//!
//! This file holds the helpers that all scenarios use: a journal on a simulated disk, and record
//! bodies that follow from the record's sequence.

mod crashes;
mod damage;
mod files;
mod truth_chain;
mod truth_list;
mod truth_table;
mod writing;

use std::sync::atomic::Ordering;

use crate::format::{RECORD_HEADER_BYTES, SEGMENT_HEADER_BYTES, record_bytes};
use crate::{
    AppendError, Config, Durability, End, Journal, JournalFault, Loss, MemStorage, OpenError,
    ReadError, Reader, RecordFault, Recovery, Source,
};

/// The smallest segment size, bytes, so that a test can fill many segments.
pub(super) const SEGMENT: usize = 64 << 10;

pub(super) fn config() -> Config {
    Config::new(Durability::Disk).stepped().segment_bytes(SEGMENT)
}

/// The body of record `sequence` in every test. Its length and bytes follow from the sequence.
pub(super) fn body_of(sequence: u64) -> Vec<u8> {
    let length = (sequence * 37 % 200) as usize;
    (0..length).map(|at| (sequence as usize * 31 + at * 7 + 1) as u8).collect()
}

pub(super) fn append_next<S: crate::Storage>(journal: &mut Journal<S>) -> Result<u64, AppendError> {
    let sequence = journal.next_sequence();
    let appended = journal.append(7, 2, sequence * 1000, &body_of(sequence))?;
    assert_eq!(appended, sequence);
    Ok(appended)
}

/// Reads every record and checks that record n has the n-th body. Returns the number of records.
pub(super) fn read_all(source: impl Source) -> Result<(u64, End), ReadError> {
    let mut reader = Reader::open(source)?;
    let mut count = 0;
    while let Some(record) = reader.next()? {
        count += 1;
        assert_eq!(record.sequence, count, "sequences are dense from 1");
        assert_eq!(record.body, body_of(count), "record {count} has its own body");
        assert_eq!((record.kind, record.schema, record.time_ns), (7, 2, count * 1000));
    }
    let end = reader.end().cloned();
    Ok((count, end.unwrap_or(End::Clean)))
}

/// A journal on a simulated disk.
pub(super) struct Log {
    pub disk: MemStorage,
    pub journal: Option<Journal<MemStorage>>,
}

impl Log {
    pub fn new() -> Self {
        let disk = MemStorage::new(0xA11CE);
        let (journal, recovery) = Journal::open(disk.clone(), config()).expect("opens");
        assert!(recovery.created);
        Self { disk, journal: Some(journal) }
    }

    pub fn open(&mut self) -> &mut Journal<MemStorage> {
        self.journal.as_mut().expect("the journal is open")
    }

    pub fn append(mut self, records: usize) -> Self {
        for _ in 0..records {
            append_next(self.open()).expect("appends");
        }
        self
    }

    /// Appends until the journal has changed to a new segment `rolls` times.
    pub fn append_until_rolls(mut self, rolls: u64) -> Self {
        while self.open().stats().rolls < rolls {
            append_next(self.open()).expect("appends");
        }
        self
    }

    pub fn sync(mut self) -> Self {
        self.open().sync_step().expect("syncs");
        self
    }

    pub fn kill(mut self) -> Self {
        self.disk = self.disk.after_kill();
        self.journal = None;
        self
    }

    pub fn lose_power(mut self, loss: Loss) -> Self {
        self.disk = self.disk.after_power_loss(loss);
        self.journal = None;
        self
    }

    /// Changes the bytes of a segment while no journal is open.
    pub fn edit(self, segment: u64, change: impl FnOnce(&mut Vec<u8>)) -> Self {
        let mut bytes = self.disk.segment(segment).expect("the segment is there");
        change(&mut bytes);
        self.disk.put_segment(segment, bytes);
        self
    }

    pub fn edit_mark(self, change: impl FnOnce(&mut Vec<u8>)) -> Self {
        let mut bytes = self.disk.mark();
        change(&mut bytes);
        self.disk.put_mark(Some(bytes));
        self
    }

    pub fn reopen(&mut self) -> Result<Recovery, OpenError> {
        let before = self.picture();
        match Journal::open(self.disk.clone(), config()) {
            Ok((journal, recovery)) => {
                self.journal = Some(journal);
                Ok(recovery)
            }
            Err(error) => {
                assert_eq!(self.picture(), before, "a refused journal is left as it was");
                Err(error)
            }
        }
    }

    fn picture(&self) -> (Vec<u8>, Vec<Option<Vec<u8>>>) {
        let segments = self.disk.list_segments().expect("lists");
        (self.disk.mark(), segments.iter().map(|index| self.disk.segment(*index)).collect())
    }

    /// Asserts that recovery keeps exactly `records`. Then appends more, crashes and recovers
    /// again.
    pub fn recovers(mut self, records: u64) -> Recovery {
        let recovery = self.reopen().expect("recovers");
        assert_eq!(recovery.last_sequence, records, "{recovery:?}");
        assert_eq!(read_all(&self.disk).expect("reads"), (records, End::Clean));
        let mut again = self.append(3).sync().lose_power(Loss::All);
        assert_eq!(again.reopen().expect("recovers again").last_sequence, records + 3);
        assert_eq!(read_all(&again.disk).expect("reads again"), (records + 3, End::Clean));
        recovery
    }

    /// Asserts that a reader and a writer refuse the journal with the same fault, and change
    /// nothing.
    pub fn refuses(mut self) -> JournalFault {
        let by_reader = match read_all(&self.disk) {
            Err(ReadError::Refused(refusal)) => refusal,
            other => panic!("the reader should refuse: {other:?}"),
        };
        match self.reopen() {
            Err(OpenError::Refused(refusal)) => assert_eq!(refusal, by_reader),
            other => panic!("the writer should refuse: {other:?}"),
        }
        by_reader
    }

    pub fn refuses_damage(self) -> (String, u64, u64, RecordFault) {
        match self.refuses() {
            JournalFault::Damaged { file, offset, sequence, fault, .. } => {
                (file, offset, sequence, fault)
            }
            other => panic!("should be damage: {other}"),
        }
    }

    pub fn durable(&mut self) -> u64 {
        self.open().durable().load(Ordering::Acquire)
    }
}

/// Sequence, offset and padded length of each record in a segment.
pub(super) fn places(segment: &[u8]) -> Vec<(u64, usize, usize)> {
    let word = |at: usize| u64::from_le_bytes(segment[at..at + 8].try_into().expect("8 bytes"));
    let mut at = SEGMENT_HEADER_BYTES;
    let mut found = Vec::new();
    while at + RECORD_HEADER_BYTES <= segment.len() && word(at + 8) != 0 {
        let bytes = record_bytes((word(at) >> 32) as usize);
        found.push((word(at + 8), at, bytes));
        at += bytes;
    }
    found
}

/// Offset and padded length of one record of a segment.
pub(super) fn place_of(disk: &MemStorage, segment: u64, sequence: u64) -> (usize, usize) {
    let bytes = disk.segment(segment).expect("the segment is there");
    let found = places(&bytes).into_iter().find(|(at, ..)| *at == sequence);
    let (_, offset, length) = found.expect("the record is there");
    (offset, length)
}
