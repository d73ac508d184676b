//! Writer and readers without failures, and the limits of the writer.

use std::sync::atomic::Ordering;

use super::{Log, SEGMENT, append_next, body_of, config, read_all};
use crate::sync::ROLLED_UNSYNCED_MAX;
use crate::{
    Allocation, AppendError, Config, Durability, End, Journal, Loss, MemStorage, OpenError, Reader,
    Segment, Storage, Watch, body_bytes_max, verify,
};

#[test]
fn a_second_writer_is_refused_until_the_first_is_gone() {
    let log = Log::new().append(3);
    let second = Journal::open(log.disk.clone(), config());
    assert!(matches!(second, Err(OpenError::Locked { .. })));
    let disk = log.disk.clone();
    drop(log);
    assert!(Journal::open(disk, config()).is_ok());
}

#[test]
fn a_refused_journal_gives_up_its_lock() {
    let log = Log::new().append(3).sync().kill();
    let mark = log.disk.mark();
    log.disk.put_mark(None);
    assert!(Journal::open(log.disk.clone(), config()).is_err());
    log.disk.put_mark(Some(mark));
    log.recovers(3);
}

#[test]
fn a_segment_size_out_of_limits_is_refused() {
    for found in [0, 4096, SEGMENT - 4096, SEGMENT + 1, (4 << 30) + 4096] {
        let opened = Journal::open(MemStorage::new(1), config().segment_bytes(found));
        assert!(matches!(opened, Err(OpenError::SegmentBytes { found: at }) if at == found));
    }
}

#[test]
fn a_body_beyond_the_limit_is_refused_and_changes_nothing() {
    let mut log = Log::new().append(2);
    let limit = body_bytes_max(SEGMENT);
    let refused = log.open().append(1, 1, 1, &vec![1; limit + 1]);
    assert_eq!(refused, Err(AppendError::BodyTooLong { found: limit + 1, limit }));
    let log = log.append(2);
    assert_eq!(read_all(&log.disk).expect("reads"), (4, End::Clean));
}

#[test]
fn the_longest_body_fits_a_segment_of_its_own() {
    let limit = body_bytes_max(SEGMENT);
    let mut log = Log::new();
    for round in 1..=3_u8 {
        assert_eq!(log.open().append(9, 1, 0, &vec![round; limit]), Ok(u64::from(round)));
    }
    assert_eq!(log.open().stats().rolls, 2);
    let mut reader = Reader::open(&log.disk).expect("opens");
    for round in 1..=3_u8 {
        let record = reader.next().expect("reads").expect("is there");
        assert!(record.body.len() == limit && record.body.iter().all(|byte| *byte == round));
    }
    assert!(reader.next().expect("ends").is_none());
}

#[test]
fn a_body_encoded_in_place_equals_one_that_was_copied() {
    let mut copied = Log::new();
    let mut encoded = Log::new();
    for sequence in 1..=800 {
        let body = body_of(sequence);
        copied.open().append(7, 2, sequence * 1000, &body).expect("appends");
        let room = body.len() + 48;
        let in_place = |place: &mut [u8]| {
            place.fill(0xAA); // An encoder may write to its whole reservation.
            place[..body.len()].copy_from_slice(&body);
            body.len()
        };
        encoded.open().append_with(7, 2, sequence * 1000, room, in_place).expect("appends");
    }
    assert_eq!(read_all(&encoded.disk).expect("reads"), (800, End::Clean));
    assert_eq!(copied.open().next_sequence(), encoded.open().next_sequence());
}

#[test]
fn an_encoder_that_claims_more_than_its_room_is_refused_and_leaves_no_trace() {
    let mut log = Log::new().append(2);
    let refused = log.open().append_with(7, 2, 0, 40, |place| {
        place.fill(0xBB);
        41
    });
    assert_eq!(refused, Err(AppendError::BodyTooLong { found: 41, limit: 40 }));
    assert_eq!(read_all(&log.disk).expect("reads"), (2, End::Clean));
    log.append(2).kill().recovers(4);
}

#[test]
fn a_full_disk_refuses_the_next_segment_and_tears_nothing() {
    let mut log = Log::new();
    log.disk.set_capacity(SEGMENT);
    let refused = loop {
        if let Err(error) = append_next(log.open()) {
            break error;
        }
    };
    assert!(matches!(refused, AppendError::DiskFull { .. }), "{refused}");
    let last = log.open().next_sequence() - 1;
    assert_eq!(read_all(&log.disk).expect("reads"), (last, End::Clean));
    log.open().sync_step().expect("what is written can be synced");
    assert_eq!(log.durable(), last);
    // After somebody has freed disk space, the journal continues.
    log.disk.set_capacity(3 * SEGMENT);
    log.append(300).kill().recovers(last + 300);
}

#[test]
fn segments_that_are_never_synced_reach_a_limit() {
    let mut log = Log::new();
    let refused = loop {
        if let Err(error) = append_next(log.open()) {
            break error;
        }
    };
    assert_eq!(refused, AppendError::SyncBehind { waiting: ROLLED_UNSYNCED_MAX });
    let last = log.open().next_sequence() - 1;
    log.sync().append(10).kill().recovers(last + 10);
}

#[test]
fn one_group_syncs_many_records_over_many_segments() {
    let mut log = Log::new().append_until_rolls(3).append(5);
    let last = log.open().next_sequence() - 1;
    assert_eq!(log.open().sync_step(), Ok(true));
    assert_eq!(log.open().sync_step(), Ok(false));
    assert_eq!((log.durable(), log.open().stats().syncs), (last, 1));
    log.lose_power(Loss::All).recovers(last);
}

#[test]
fn outputs_wait_for_the_disk_only_when_durability_says_so() {
    for (durability, released) in [(Durability::Process, 5), (Durability::Disk, 0)] {
        let config = Config { durability, ..config() };
        let (mut journal, _) = Journal::open(MemStorage::new(1), config).expect("opens");
        for _ in 0..5 {
            append_next(&mut journal).expect("appends");
        }
        let release = journal.release_mark();
        assert_eq!(release.up_to(), released);
        assert_eq!(journal.durable().load(Ordering::Acquire), 0);
        journal.sync_step().expect("syncs");
        assert_eq!((release.up_to(), journal.durable().load(Ordering::Acquire)), (5, 5));
    }
}

#[test]
fn opening_replays_every_record_once_in_order() {
    let log = Log::new().append_until_rolls(1).append(7).kill();
    let mut seen = 0;
    let opened = Journal::open_replaying(log.disk.clone(), config(), |record| {
        seen += 1;
        assert_eq!((record.sequence, record.body), (seen, &body_of(seen)[..]));
    });
    assert_eq!(opened.expect("opens").1.last_sequence, seen);
}

#[test]
fn a_reader_follows_a_live_writer_over_segments() {
    let mut log = Log::new().append(3);
    let mut reader = Reader::open(log.disk.clone()).expect("opens");
    for _ in 0..8 {
        while let Some(record) = reader.next().expect("reads") {
            assert_eq!(record.body, body_of(record.sequence));
        }
        assert_eq!(reader.last_sequence(), log.open().next_sequence() - 1);
        assert_eq!(reader.end(), Some(&End::Clean));
        log = log.append(200).sync();
        reader.refresh().expect("refreshes");
    }
    assert!(log.open().stats().rolls > 1);
}

#[test]
fn readers_and_writer_agree_on_a_value_for_all_records() {
    let mut log = Log::new().append_until_rolls(1).append(20);
    let report = verify(&log.disk).expect("verifies");
    assert_eq!(report.chain, log.open().chain());
    assert_eq!(report.records, log.open().next_sequence() - 1);
    let before = report.chain;
    let log = log.append(1);
    assert_ne!(verify(&log.disk).expect("verifies").chain, before);
}

#[test]
fn each_opening_has_an_epoch_of_its_own_and_ordinary_segments_of_two_sizes_chain() {
    let mut log = Log::new().append(3);
    for epoch in 2..6 {
        log = log.kill();
        let bytes = SEGMENT * (epoch as usize % 2 + 1);
        let opened = Journal::open(log.disk.clone(), config().segment_bytes(bytes));
        let (journal, recovery) = opened.expect("opens");
        assert_eq!((journal.epoch(), recovery.epoch), (epoch, epoch));
        log.journal = Some(journal);
        log = log.append_until_rolls(1).append(2);
    }
    let records = log.open().next_sequence() - 1;
    log.kill().recovers(records);
}

#[test]
fn a_closed_journal_is_wholly_durable() {
    let mut log = Log::new().append_until_rolls(1).append(5);
    let last = log.open().next_sequence() - 1;
    assert_eq!(log.journal.take().expect("open").close(), Ok(last));
    let recovery = log.lose_power(Loss::All).recovers(last);
    assert_eq!((recovery.durable_found, recovery.cut), (last, None));
}

#[test]
#[should_panic(expected = "outside segment")]
fn a_place_outside_a_mapped_segment_fails_an_assertion() {
    let directory = tempfile::tempdir().expect("a directory");
    let storage = crate::FileStorage::create(directory.path()).expect("storage");
    let mut segment = storage.create_segment(0, SEGMENT, Allocation::Zeros).expect("makes");
    segment.with(SEGMENT - 4, 8, |bytes| bytes.fill(1));
}

/// A full segment counts with its whole size, both as written and as synced bytes.
#[test]
fn a_watch_knows_how_much_is_not_on_disk_over_segments() {
    let mut log = Log::new().append(1);
    let watch = log.open().watch();
    let behind = |watch: &Watch| watch.written_bytes() - watch.synced_bytes();
    assert_eq!((watch.written(), watch.durable()), (1, 0));
    assert!(behind(&watch) > 0);
    let mut log = log.sync().append_until_rolls(2);
    assert!(behind(&watch) > SEGMENT as u64, "a whole segment waits");
    assert!(watch.written_bytes() > 2 * SEGMENT as u64);
    while log.open().sync_step().expect("syncs") {}
    assert_eq!((behind(&watch), watch.durable()), (0, watch.written()));
    assert!(!watch.has_failed());
}
