//! Damage at every bit and cuts at every byte: recovery notices each of them.

use super::{Log, body_of, places, read_all};
use crate::{End, JournalFault, MemStorage, ReadError, RecordFault, verify};

/// Length of the range whose bits are flipped one by one, bytes.
const FLIPPED_BYTES: usize = 16 << 10;

/// A journal with just over 16 KiB of records in its one segment.
fn sixteen_kib() -> Log {
    let mut log = Log::new();
    while places(&log.disk.segment(0).expect("there")).last().map_or(0, |p| p.1) < FLIPPED_BYTES {
        log = log.append(1);
    }
    log
}

/// Reads the journal with one bit of segment 0 flipped, and returns the reader's result.
fn with_flip(disk: &MemStorage, bytes: &mut [u8], bit: usize) -> Result<End, ReadError> {
    bytes[bit / 8] ^= 1 << (bit % 8);
    disk.put_segment(0, bytes.to_vec());
    bytes[bit / 8] ^= 1 << (bit % 8);
    verify(disk).map(|report| report.end)
}

#[test]
fn every_flipped_bit_below_the_mark_is_refused_and_placed() {
    let log = sixteen_kib().sync().kill();
    let mut bytes = log.disk.segment(0).expect("there");
    let records = places(&bytes);
    let owner = |at: usize| records.iter().rev().find(|place| place.1 <= at).copied();
    for bit in 0..FLIPPED_BYTES * 8 {
        let expected = owner(bit / 8).map_or((0, 1), |(sequence, offset, _)| (offset, sequence));
        match with_flip(&log.disk, &mut bytes, bit) {
            Err(ReadError::Refused(JournalFault::Damaged { offset, sequence, .. })) => {
                assert_eq!((offset as usize, sequence), expected, "bit {bit}");
            }
            other => panic!("bit {bit} got through: {other:?}"),
        }
    }
}

#[test]
fn every_flipped_bit_above_the_mark_is_cut_and_placed() {
    let log = sixteen_kib().kill();
    let mut bytes = log.disk.segment(0).expect("there");
    let records = places(&bytes);
    let owner = |at: usize| records.iter().rev().find(|place| place.1 <= at).copied();
    for bit in 0..FLIPPED_BYTES * 8 {
        let expected = owner(bit / 8).map_or((0, 1), |(sequence, offset, _)| (offset, sequence));
        match with_flip(&log.disk, &mut bytes, bit) {
            Ok(End::Torn(cut)) => {
                assert_eq!((cut.offset as usize, cut.sequence), expected, "bit {bit}");
            }
            other => panic!("bit {bit} got through: {other:?}"),
        }
    }
}

/// One flipped bit of the mark never loses a record. Either the other slot is used, and the report
/// says so, or the journal is refused.
#[test]
fn every_flipped_bit_of_the_mark_is_noticed() {
    for log in [Log::new().append(9).sync(), Log::new()] {
        let log = log.kill();
        let mark = log.disk.mark();
        let records = read_all(&log.disk).expect("reads").0;
        for bit in 0..mark.len() * 8 {
            let mut flipped = mark.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            log.disk.put_mark(Some(flipped));
            match verify(&log.disk) {
                Ok(report) => {
                    assert!(report.mark_slot_lost, "bit {bit} got through");
                    assert_eq!((report.records, report.end), (records, End::Clean), "bit {bit}");
                }
                Err(ReadError::Refused(_)) => {}
                Err(other) => panic!("bit {bit}: {other}"),
            }
        }
    }
}

/// A full segment of 64 KiB without durable records is cut at every byte. Recovery keeps the whole
/// records before the cut, and the journal continues from there.
#[test]
fn a_journal_cut_at_every_byte_recovers_a_prefix() {
    let whole = Log::new().append_until_rolls(1).kill();
    whole.disk.take_segment(1);
    let bytes = whole.disk.segment(0).expect("there");
    let records = places(&bytes);
    let mut kept = 0;
    for cut in 0..=bytes.len() {
        // A record whose lost bytes were all zero padding is cut too: its range is incomplete.
        while kept < records.len() && records[kept].1 + records[kept].2 <= cut {
            kept += 1;
        }
        let mut log = Log { disk: whole.disk.after_kill(), journal: None };
        log.disk.put_segment(0, bytes[..cut].to_vec());
        let recovery = log.reopen().unwrap_or_else(|error| panic!("cut at {cut}: {error}"));
        assert_eq!(recovery.last_sequence, kept as u64, "cut at {cut}");
        if cut % 509 == 0 {
            log.kill().recovers(kept as u64);
        }
    }
    assert_eq!(kept, records.len());
}

/// The same cuts with every record durable: each cut that loses a record is refused, with its
/// place.
#[test]
fn a_durable_journal_cut_at_any_byte_is_refused() {
    let log = sixteen_kib().sync().kill();
    let bytes = log.disk.segment(0).expect("there");
    let records = places(&bytes);
    let end = records.last().map_or(0, |place| place.1 + place.2);
    for cut in 0..end {
        log.disk.put_segment(0, bytes[..cut].to_vec());
        let lost = records.iter().find(|place| place.1 + place.2 > cut).expect("loses one");
        match verify(&log.disk) {
            Err(ReadError::Refused(JournalFault::Damaged { offset, sequence, fault, .. })) => {
                assert_eq!(sequence, if cut < 128 { 1 } else { lost.0 }, "cut at {cut}");
                if fault == RecordFault::SegmentHeader || fault == RecordFault::Missing {
                    assert_eq!(offset, 0, "cut at {cut}");
                } else {
                    assert_eq!(offset, lost.1 as u64, "cut at {cut}");
                }
            }
            other => panic!("cut at {cut} got through: {other:?}"),
        }
    }
}

/// Random bytes that never were a journal: reading them ends with a result, never with a panic.
#[test]
fn rubbish_in_place_of_a_segment_or_mark_ends_in_a_verdict() {
    let mut random = 0x5EED_u64;
    let mut byte = move || {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (random >> 56) as u8
    };
    for round in 0..300_usize {
        let log = Log::new().append(40).sync().append(20).kill();
        let rubbish: Vec<u8> = (0..round * 97).map(|_| byte()).collect();
        if round % 2 == 0 {
            let at = 128 + round * 11;
            let log = log.edit(0, |bytes| bytes[at..at + 64].copy_from_slice(&body_of(70)[..64]));
            let verdict = verify(&log.disk).map(|report| report.end);
            assert_ne!(verdict.ok(), Some(End::Clean), "round {round}");
        } else {
            log.disk.put_segment(0, rubbish.clone());
            assert!(verify(&log.disk).is_err(), "round {round}: 40 records were promised");
            log.disk.put_mark(Some(rubbish));
            assert!(verify(&log.disk).is_err(), "round {round}");
        }
    }
}
