//! Tests of the rows about segments and their chain in the truth table of `FORMAT.md`, one test of
//! the same name for each row.

use super::{Log, SEGMENT, place_of, places};
use crate::format::{SEGMENT_HEADER_BYTES, SegmentHeader};
use crate::{ChainFault, End, JournalFault, MemStorage, RecordFault, Source};

/// A journal of three segments after a kill; every record is durable.
fn three_segments() -> Log {
    Log::new().append_until_rolls(2).append(4).sync().kill()
}

/// A journal of two segments after a kill; only the first few records are durable.
fn second_segment_unsynced() -> Log {
    Log::new().append(5).sync().append_until_rolls(1).append(4).kill()
}

fn first_of(disk: &MemStorage, segment: u64) -> u64 {
    places(&disk.segment(segment).expect("there"))[0].0
}

fn end_of(disk: &MemStorage, segment: u64) -> usize {
    let last = *places(&disk.segment(segment).expect("there")).last().expect("has records");
    last.1 + last.2
}

/// Replaces a segment's header by another one with a valid checksum.
fn reseal(bytes: &mut [u8], change: impl FnOnce(&mut SegmentHeader)) {
    let (mut header, _) = SegmentHeader::decode(bytes).expect("is whole");
    change(&mut header);
    bytes[..SEGMENT_HEADER_BYTES].copy_from_slice(&header.encode().0);
}

fn chain_fault(log: Log) -> ChainFault {
    match log.refuses() {
        JournalFault::ChainBroken { fault, .. } => fault,
        other => panic!("should be the chain: {other}"),
    }
}

#[test]
fn segments_follow_each_other() {
    let log = three_segments();
    let last = first_of(&log.disk, 2) + 4;
    assert_eq!(log.recovers(last).cut, None);
}

#[test]
fn a_segment_made_ready_and_never_begun_is_made_again() {
    let log = three_segments();
    let last = first_of(&log.disk, 2) + 4;
    log.disk.put_segment(3, vec![0; SEGMENT]);
    assert_eq!(log.recovers(last).cut, None);
}

#[test]
fn a_segment_made_ready_in_part_is_made_again() {
    let mut log = three_segments();
    let last = first_of(&log.disk, 2) + 4;
    for bytes in [0, 1, 100, 5000] {
        log.disk.put_segment(3, vec![0; bytes]);
        let recovery = log.reopen().expect("recovers");
        assert_eq!((recovery.last_sequence, recovery.cut), (last, None));
        assert_eq!(log.disk.list_segments().expect("lists"), [0, 1, 2]);
        log = log.kill();
    }
}

#[test]
fn a_torn_header_above_the_mark_drops_its_segment() {
    let log = second_segment_unsynced();
    let first = first_of(&log.disk, 1);
    let cut = log.edit(1, |bytes| bytes[60..128].fill(0)).recovers(first - 1).cut.expect("cut");
    assert_eq!((cut.offset, cut.sequence), (0, first));
    assert_eq!((cut.fault, cut.segments), (RecordFault::SegmentHeader, 1));
}

#[test]
fn a_damaged_header_below_the_mark_is_refused_with_its_place() {
    for segment in [0, 1, 2] {
        let log = three_segments();
        let first = first_of(&log.disk, segment);
        let (file, offset, sequence, fault) =
            log.edit(segment, |bytes| bytes[70] ^= 4).refuses_damage();
        assert_eq!((offset, sequence, fault), (0, first, RecordFault::SegmentHeader));
        assert!(file.ends_with(&format!("{segment:016x}.seg")));
    }
}

#[test]
fn a_lost_header_above_the_mark_drops_its_segment() {
    let log = second_segment_unsynced();
    let first = first_of(&log.disk, 1);
    let cut = log.edit(1, |bytes| bytes[..128].fill(0)).recovers(first - 1).cut.expect("cut");
    assert_eq!((cut.fault, cut.segments), (RecordFault::SegmentHeader, 1));
}

#[test]
fn a_lost_header_below_the_mark_is_refused() {
    let log = three_segments();
    let (first, end) = (first_of(&log.disk, 1), end_of(&log.disk, 0));
    let (_, offset, sequence, fault) = log.edit(1, |bytes| bytes[..128].fill(0)).refuses_damage();
    assert_eq!((offset, sequence, fault), (end as u64, first, RecordFault::Missing));
}

/// At a loss of power the next segment had reached the disk, but not the end of the one before.
#[test]
fn a_lost_tail_above_the_mark_drops_the_segment_behind_it() {
    let log = second_segment_unsynced();
    let last = first_of(&log.disk, 1) - 1;
    let (offset, _) = place_of(&log.disk, 0, last);
    let cut = log.edit(0, |bytes| bytes[offset..].fill(0)).recovers(last - 1).cut.expect("cut");
    assert_eq!((cut.sequence, cut.fault, cut.segments), (last, RecordFault::Missing, 1));
}

#[test]
fn a_lost_tail_below_the_mark_is_refused_with_its_place() {
    let log = three_segments();
    let last = first_of(&log.disk, 1) - 1;
    let (offset, _) = place_of(&log.disk, 0, last);
    let (_, at, sequence, fault) = log.edit(0, |bytes| bytes[offset..].fill(0)).refuses_damage();
    assert_eq!((at, sequence, fault), (offset as u64, last, RecordFault::Missing));
}

#[test]
fn bytes_in_the_slack_of_a_full_segment_are_refused_below_the_mark() {
    let log = three_segments();
    let (first, end) = (first_of(&log.disk, 1), end_of(&log.disk, 0));
    assert!(end < SEGMENT, "there is slack to damage");
    let (_, at, sequence, _) = log.edit(0, |bytes| bytes[SEGMENT - 1] = 1).refuses_damage();
    assert_eq!((at, sequence), (end as u64, first));
}

#[test]
fn bytes_in_the_slack_of_a_full_segment_cut_what_follows_above_the_mark() {
    let log = second_segment_unsynced();
    let first = first_of(&log.disk, 1);
    let cut = log.edit(0, |bytes| bytes[SEGMENT - 1] = 1).recovers(first - 1).cut.expect("cut");
    assert_eq!(cut.segments, 1);
}

#[test]
fn a_segment_missing_from_the_middle_is_refused() {
    for segment in [0, 1] {
        let log = three_segments();
        log.disk.take_segment(segment);
        assert_eq!(chain_fault(log), ChainFault::Missing);
    }
}

#[test]
fn a_segment_missing_from_the_end_is_refused_below_the_mark() {
    let log = three_segments();
    let first = first_of(&log.disk, 2);
    log.disk.take_segment(2);
    let (_, _, sequence, fault) = log.refuses_damage();
    assert_eq!((sequence, fault), (first, RecordFault::Missing));
}

#[test]
fn segments_in_each_others_place_are_refused() {
    let log = three_segments();
    let (one, two) = (log.disk.segment(1).expect("there"), log.disk.segment(2).expect("there"));
    log.disk.put_segment(1, two);
    log.disk.put_segment(2, one);
    assert_eq!(chain_fault(log), ChainFault::Index { found: 2 });
}

#[test]
fn a_segment_of_another_journal_is_refused() {
    let log = three_segments();
    let disk = MemStorage::new(0xB0B);
    let (journal, _) = crate::Journal::open(disk.clone(), super::config()).expect("opens");
    let other = Log { disk, journal: Some(journal) }.append_until_rolls(1).append(4);
    log.disk.put_segment(1, other.disk.segment(1).expect("there"));
    assert_eq!(chain_fault(log), ChainFault::Foreign);
}

/// The cut would remove the segment too, but recovery never removes a file of another journal.
#[test]
fn a_segment_of_another_journal_is_refused_even_where_a_cut_would_drop_it() {
    let log = second_segment_unsynced();
    let (offset, _) = place_of(&log.disk, 0, 9);
    let log = log.edit(0, |bytes| bytes[offset + 9] ^= 1);
    let log = log.edit(1, |bytes| reseal(bytes, |header| header.journal_id = 77));
    assert_eq!(chain_fault(log), ChainFault::Foreign);
}

/// The same journal id, index and sequences, but other records: a file from a copy of the journal
/// that was written to separately.
#[test]
fn a_segment_that_follows_another_one_is_refused() {
    let log = three_segments().edit(1, |bytes| reseal(bytes, |header| header.previous_hash ^= 1));
    assert_eq!(chain_fault(log), ChainFault::PreviousHash);
}

#[test]
fn a_segment_that_begins_before_its_predecessor_ends_is_refused() {
    let log = three_segments();
    let found = first_of(&log.disk, 1) - 1;
    let log = log.edit(1, |bytes| reseal(bytes, |header| header.first_sequence -= 1));
    assert_eq!(chain_fault(log), ChainFault::FirstSequence { found });
}

#[test]
fn a_segment_out_of_its_epoch_is_refused() {
    let log = three_segments().edit(1, |bytes| reseal(bytes, |header| header.epoch = 9));
    assert_eq!(chain_fault(log), ChainFault::Epoch { found: 9 });
    // Segment 0 has epoch 1. One of epoch 2 follows, and then one with epoch 1 again.
    let mut log = Log::new().append(2).kill();
    log.reopen().expect("opens");
    let log = log.append_until_rolls(2).append(4).sync().kill();
    let log = log.edit(2, |bytes| reseal(bytes, |header| header.epoch = 1));
    assert_eq!(chain_fault(log), ChainFault::Epoch { found: 1 });
}

#[test]
fn a_segment_of_impossible_size_is_refused() {
    let log = three_segments().edit(1, |bytes| reseal(bytes, |header| header.segment_bytes = 7));
    assert_eq!(chain_fault(log), ChainFault::Size { found: SEGMENT as u64 });
    let log = three_segments().edit(0, |bytes| bytes.push(0));
    assert_eq!(chain_fault(log), ChainFault::Size { found: SEGMENT as u64 + 1 });
}

fn seal(bytes: &mut [u8]) {
    let end = bytes.len() - 4;
    let checksum = crc32c::crc32c(&bytes[..end]);
    bytes[end..].copy_from_slice(&checksum.to_le_bytes());
}

#[test]
fn a_journal_of_another_version_is_refused() {
    let log = three_segments().edit(0, |bytes| {
        bytes[8] = 2;
        seal(&mut bytes[..SEGMENT_HEADER_BYTES]);
    });
    assert!(matches!(log.refuses(), JournalFault::OtherVersion { found: 2, .. }));
    let log = three_segments().edit_mark(|mark| {
        mark[8] = 2;
        seal(&mut mark[..crate::MARK_SLOT_BYTES]);
    });
    assert!(matches!(log.refuses(), JournalFault::OtherVersion { found: 2, .. }));
}

/// A big-endian writer stores every word with its bytes reversed, the checksum included.
#[test]
fn a_journal_of_another_machine_is_refused() {
    let turn = |bytes: &mut [u8]| {
        bytes[8..12].reverse();
        bytes[12..16].reverse();
        seal(bytes);
        let end = bytes.len() - 4;
        bytes[end..].reverse();
    };
    let log = three_segments().edit(1, |bytes| turn(&mut bytes[..SEGMENT_HEADER_BYTES]));
    assert!(matches!(log.refuses(), JournalFault::OtherMachine { .. }));
    let log = three_segments().edit_mark(|mark| turn(&mut mark[..crate::MARK_SLOT_BYTES]));
    assert!(matches!(log.refuses(), JournalFault::OtherMachine { .. }));
}

#[test]
fn a_journal_of_another_layout_is_refused() {
    let log = three_segments().edit(0, |bytes| {
        bytes[16] = 40;
        seal(&mut bytes[..SEGMENT_HEADER_BYTES]);
    });
    assert!(matches!(log.refuses(), JournalFault::OtherLayout { .. }));
}

/// A record of another segment is never taken for the next record, even if its sequence fits: the
/// checksum of a record is seeded with its own segment's header.
#[test]
fn a_record_copied_from_another_segment_is_no_record() {
    let log = three_segments();
    let (from, length) = place_of(&log.disk, 0, 7);
    let stale = log.disk.segment(0).expect("there")[from..from + length].to_vec();
    let last = first_of(&log.disk, 2) + 4;
    let end = end_of(&log.disk, 2);
    let log = log.edit(2, |bytes| {
        bytes[end..end + length].copy_from_slice(&stale);
        bytes[end + 8..end + 16].copy_from_slice(&(last + 1).to_le_bytes());
    });
    let (records, ending) = super::read_all(&log.disk).expect("reads");
    assert_eq!(records, last);
    assert!(matches!(ending, End::Torn(cut) if cut.fault == RecordFault::Checksum));
    log.recovers(last);
}
