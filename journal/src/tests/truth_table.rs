//! Tests of the rows about beginnings, the mark and records in the truth table of `FORMAT.md`, one
//! test of the same name for each row.

use super::{Log, SEGMENT, place_of, read_all};
use crate::format::{MARK_SLOT_BYTES, Mark};
use crate::{End, Journal, JournalFault, Loss, MarkFault, MemStorage, RecordFault};

#[test]
fn nothing_at_all_becomes_a_new_journal() {
    let disk = MemStorage::new(5);
    assert_eq!(read_all(&disk).expect("reads"), (0, End::Clean));
    let (_, recovery) = Journal::open(disk, super::config()).expect("opens");
    assert!(recovery.created);
    assert_eq!((recovery.journal_id, recovery.epoch, recovery.last_sequence), (5, 1, 0));
}

#[test]
fn a_torn_first_mark_without_segments_becomes_a_new_journal() {
    let disk = MemStorage::new(5);
    let mut mark = vec![0; 2 * MARK_SLOT_BYTES];
    let whole = Mark { journal_id: 5, generation: 1, epoch: 1, durable: 0 }.encode();
    mark[MARK_SLOT_BYTES..MARK_SLOT_BYTES + 20].copy_from_slice(&whole[..20]);
    disk.put_mark(Some(mark));
    assert!(Log { disk, journal: None }.recovers(0).created);
}

#[test]
fn a_mark_that_promises_nothing_needs_no_segment() {
    let log = Log::new().kill();
    log.disk.take_segment(0);
    let recovery = log.recovers(0);
    assert!(!recovery.created);
    assert_eq!(recovery.epoch, 2);
}

#[test]
fn a_mark_that_promises_records_needs_their_segment() {
    let log = Log::new().append(3).sync().kill();
    log.disk.take_segment(0);
    let (file, offset, sequence, fault) = log.refuses_damage();
    assert_eq!((offset, sequence, fault), (0, 1, RecordFault::Missing));
    assert!(file.ends_with("0000000000000000.seg"));
}

#[test]
fn segments_without_a_mark_are_refused() {
    let log = Log::new().append(3).sync().kill();
    log.disk.put_mark(None);
    assert!(matches!(log.refuses(), JournalFault::MarkMissing { segments: 1, .. }));
    let log = Log::new().append(3).sync().kill().edit_mark(|mark| mark.fill(0));
    assert!(matches!(log.refuses(), JournalFault::MarkMissing { segments: 1, .. }));
}

#[test]
fn after_a_clean_end_the_journal_goes_on() {
    assert_eq!(Log::new().append(10).sync().kill().recovers(10).cut, None);
}

#[test]
fn a_killed_process_loses_no_record_although_none_was_synced() {
    let recovery = Log::new().append(500).kill().recovers(500);
    assert_eq!((recovery.durable_found, recovery.cut), (0, None));
}

/// The process dies inside an append: any prefix of the record may be written.
#[test]
fn a_record_torn_anywhere_is_cut() {
    let whole = Log::new().append(6);
    let (offset, length) = place_of(&whole.disk, 0, 6);
    for torn_at in 1..length {
        let log = Log { disk: whole.disk.after_kill(), journal: None };
        let mut last_written = false;
        let log = log.edit(0, |bytes| {
            last_written = bytes[offset + torn_at..offset + length].iter().all(|byte| *byte == 0);
            bytes[offset + torn_at..offset + length].fill(0);
        });
        if last_written {
            continue; // The missing bytes are zero anyway, so the record is complete.
        }
        let cut = log.recovers(5).cut.expect("says what it cut");
        assert_eq!((cut.offset, cut.sequence), (offset as u64, 6));
        assert!(cut.bytes > 0 && cut.bytes <= torn_at as u64);
    }
}

#[test]
fn a_damaged_record_above_the_mark_cuts_all_from_it() {
    let log = Log::new().append(5).sync().append(5).kill();
    let (offset, _) = place_of(&log.disk, 0, 8);
    let cut = log.edit(0, |bytes| bytes[offset + 40] ^= 1).recovers(7).cut.expect("cut");
    assert_eq!((cut.offset, cut.sequence), (offset as u64, 8));
    assert_eq!(cut.fault, RecordFault::Checksum);
}

/// At a loss of power a later page had reached the disk, but not a page before it.
#[test]
fn a_hole_above_the_mark_cuts_all_from_it() {
    let log = Log::new().append(5).sync().append(9).kill();
    let (offset, length) = place_of(&log.disk, 0, 9);
    let log = log.edit(0, |bytes| bytes[offset..offset + length].fill(0));
    let cut = log.recovers(8).cut.expect("cut");
    assert_eq!((cut.offset, cut.sequence, cut.fault), (offset as u64, 9, RecordFault::Hole));
}

/// The cut records were valid. They must not come back once new records fill the hole.
#[test]
fn what_a_hole_cut_off_never_comes_back() {
    let log = Log::new().append(5).sync().append(9).kill();
    let (offset, length) = place_of(&log.disk, 0, 9);
    let mut log = log.edit(0, |bytes| bytes[offset..offset + length].fill(0));
    log.reopen().expect("recovers");
    let mut log = log.append(1).kill();
    assert_eq!(log.reopen().expect("recovers").last_sequence, 9);
    assert_eq!(read_all(&log.disk).expect("reads"), (9, End::Clean));
}

#[test]
fn remains_far_behind_the_last_record_are_cut() {
    let log = Log::new().append(5).sync().kill();
    let cut = log.edit(0, |bytes| bytes[SEGMENT - 1] = 9).recovers(5).cut.expect("cut");
    assert_eq!((cut.sequence, cut.fault), (6, RecordFault::Hole));
}

#[test]
fn a_damaged_record_below_the_mark_is_refused_with_its_place() {
    let log = Log::new().append(10).sync().append(2).kill();
    let (offset, _) = place_of(&log.disk, 0, 8);
    let (file, at, sequence, fault) = log.edit(0, |bytes| bytes[offset + 40] ^= 1).refuses_damage();
    assert_eq!((at, sequence, fault), (offset as u64, 8, RecordFault::Checksum));
    assert!(file.ends_with("0000000000000000.seg"));
}

#[test]
fn a_hole_below_the_mark_is_refused_with_its_place() {
    let log = Log::new().append(10).sync().append(2).kill();
    let (offset, length) = place_of(&log.disk, 0, 4);
    let log = log.edit(0, |bytes| bytes[offset..offset + length].fill(0));
    let (_, at, sequence, fault) = log.refuses_damage();
    assert_eq!((at, sequence, fault), (offset as u64, 4, RecordFault::Hole));
}

#[test]
fn a_tail_missing_below_the_mark_is_refused_with_its_place() {
    let log = Log::new().append(10).sync().kill();
    let (offset, _) = place_of(&log.disk, 0, 10);
    let (_, at, sequence, fault) = log.edit(0, |bytes| bytes[offset..].fill(0)).refuses_damage();
    assert_eq!((at, sequence, fault), (offset as u64, 10, RecordFault::Missing));
}

#[test]
fn a_file_cut_short_below_the_mark_is_refused_with_its_place() {
    let log = Log::new().append(10).sync().kill();
    let (offset, _) = place_of(&log.disk, 0, 10);
    let (_, at, sequence, fault) =
        log.edit(0, |bytes| bytes.truncate(offset + 33)).refuses_damage();
    assert_eq!((at, sequence, fault), (offset as u64, 10, RecordFault::CutOff));
}

#[test]
fn a_file_cut_short_above_the_mark_is_cut_and_filled_up() {
    let log = Log::new().append(5).sync().append(5).kill();
    let (offset, _) = place_of(&log.disk, 0, 8);
    let mut log = log.edit(0, |bytes| bytes.truncate(offset + 12));
    let cut = log.reopen().expect("recovers").cut.expect("cut");
    assert_eq!((cut.sequence, cut.fault), (8, RecordFault::CutOff));
    assert_eq!(log.disk.segment(0).expect("there").len(), SEGMENT);
    log.kill().recovers(7);
}

#[test]
fn a_torn_mark_leaves_the_other_slot_in_charge() {
    let log = Log::new().append(5).sync().append(5).sync().kill();
    // Generation 3 was the last write, so a crash can have torn slot 1 only.
    let log = log.edit_mark(|mark| mark[MARK_SLOT_BYTES + 100..].fill(0xEE));
    let recovery = log.recovers(10);
    assert!(recovery.mark_slot_lost);
    assert_eq!((recovery.durable_found, recovery.cut), (5, None));
}

#[test]
fn a_mark_without_a_whole_slot_is_refused() {
    let log = Log::new().append(5).sync().append(5).sync().kill();
    let log = log.edit_mark(|mark| {
        mark[50] ^= 1;
        mark[MARK_SLOT_BYTES + 50] ^= 1;
    });
    let refusal = log.refuses();
    assert!(matches!(refusal, JournalFault::MarkDamaged { fault: MarkFault::NoSlot, .. }));
}

#[test]
fn slots_that_contradict_each_other_are_refused() {
    let log = Log::new().append(5).sync().append(5).sync().kill();
    let other = Mark { journal_id: 0xA11CE, generation: 8, epoch: 1, durable: 2 }.encode();
    let log = log.edit_mark(|mark| mark[..MARK_SLOT_BYTES].copy_from_slice(&other));
    let refusal = log.refuses();
    assert!(matches!(refusal, JournalFault::MarkDamaged { fault: MarkFault::Contradiction, .. }));
}

#[test]
fn a_slot_in_the_others_place_is_refused() {
    let log = Log::new().append(5).sync().append(5).sync().kill();
    let log = log.edit_mark(|mark| mark.rotate_left(MARK_SLOT_BYTES));
    let refusal = log.refuses();
    assert!(matches!(refusal, JournalFault::MarkDamaged { fault: MarkFault::Contradiction, .. }));
}

#[test]
fn a_loss_of_power_keeps_all_that_was_durable_and_may_keep_more() {
    let log = || Log::new().append(20).sync().append(30);
    log().lose_power(Loss::All).recovers(20);
    log().lose_power(Loss::Nothing).recovers(50);
}

/// The writer is killed after it wrote the mark and before the mark was on disk. A recovery
/// follows, and then a loss of power: recovery must have synced the valid slot before it wrote the
/// other one.
#[test]
fn a_mark_that_only_the_page_cache_had_is_on_disk_before_the_next_is_written() {
    for pages in 0..50 {
        let mut log = Log::new().append(5).sync().append(5);
        log.disk.set_sync(crate::SyncBehaviour::Honest, crate::SyncBehaviour::Fails);
        log.open().sync_step().expect_err("the mark's sync fails");
        let mut log = log.kill();
        log.disk.cut_power_after(pages % 6);
        let _ = Journal::open(log.disk.clone(), super::config());
        let some = Loss::Pages { seed: pages, page_bytes: 8 };
        log = log.lose_power(if pages % 5 == 0 { Loss::All } else { some });
        assert_eq!(log.reopen().expect("recovers").last_sequence, 10, "seed {pages}");
    }
}
