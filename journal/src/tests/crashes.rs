//! Killed processes, losses of power, disks that fail or lie, and random sequences of all of these.

use super::{Log, SEGMENT, append_next, config, read_all};
use crate::memory::next_random;
use crate::{
    Allocation, AppendError, End, Journal, JournalFault, Loss, MemStorage, OpenError,
    SegmentHandle, Source, Storage, SyncBehaviour,
};

#[test]
fn after_a_failed_sync_every_append_is_refused() {
    for (segments, mark) in [
        (SyncBehaviour::Fails, SyncBehaviour::Honest),
        (SyncBehaviour::Honest, SyncBehaviour::Fails),
    ] {
        let mut log = Log::new().append(5).sync().append(5);
        log.disk.set_sync(segments, mark);
        let error = log.open().sync_step().expect_err("the sync fails");
        assert_eq!(error.durable, 5);
        // The disk works again, but the lost bytes are not known: the journal stays stopped.
        log.disk.set_sync(SyncBehaviour::Honest, SyncBehaviour::Honest);
        assert_eq!(log.open().sync_step(), Err(error.clone()));
        assert_eq!(log.open().failure(), Some(error));
        let refused = append_next(log.open()).expect_err("refused");
        assert!(matches!(refused, AppendError::SyncFailed { durable: 5, .. }));
        assert_eq!(log.durable(), 5);
        let journal = log.journal.take().expect("open");
        assert_eq!(journal.close().expect_err("not all is on disk").durable, 5);
        assert_eq!(log.kill().recovers(10).cut, None);
    }
}

/// The disk reports a sync of the records that it did not do, and writes the mark. Recovery finds
/// the loss and refuses the journal.
#[test]
fn a_disk_that_lies_about_records_is_found_out() {
    let mut log = Log::new().append(5).sync().append(5);
    log.disk.set_sync(SyncBehaviour::Lies, SyncBehaviour::Honest);
    log.open().sync_step().expect("so the disk says");
    assert_eq!(log.durable(), 10);
    let refusal = log.lose_power(Loss::All).refuses();
    assert!(matches!(refusal, JournalFault::Damaged { sequence: 6, durable: 10, .. }), "{refusal}");
}

/// A disk that does no sync at all leaves an older valid state. No checksum can show the loss, but
/// the remaining records are a prefix of the appended ones.
#[test]
fn a_disk_that_lies_about_everything_leaves_a_prefix() {
    let mut log = Log::new().append(5).sync().append(5);
    log.disk.set_sync(SyncBehaviour::Lies, SyncBehaviour::Lies);
    log.open().sync_step().expect("so the disk says");
    log.lose_power(Loss::All).recovers(5);
}

/// Power fails in each step of recovery in turn; then recovery runs again.
#[test]
fn power_lost_at_any_step_of_recovery_loses_nothing_durable() {
    let mut steps = 0;
    for kept_pages in 0..40 {
        let loss = Loss::Pages { seed: kept_pages, page_bytes: 512 };
        let broken = || {
            let log = Log::new().append(300).sync().append_until_rolls(2).append(9);
            log.lose_power(loss)
        };
        for cut_after in 0.. {
            let mut log = broken();
            log.disk.cut_power_after(cut_after);
            match log.reopen_unchecked() {
                Ok(recovery) => {
                    assert!(recovery.last_sequence >= 300);
                    break;
                }
                Err(OpenError::Storage(_) | OpenError::Sync { .. }) => steps += 1,
                Err(other) => panic!("{other}"),
            }
            let again = Loss::Pages { seed: cut_after * 77 + kept_pages, page_bytes: 64 };
            let mut log = log.lose_power(again);
            let recovery = log.reopen().expect("recovers");
            assert!(recovery.last_sequence >= 300, "{recovery:?}");
            let (records, end) = read_all(&log.disk).expect("reads");
            assert_eq!((records, end), (recovery.last_sequence, End::Clean));
        }
    }
    assert!(steps > 100, "only {steps} steps were interrupted");
}

impl Log {
    /// Opens without the assertion that a failed opening changes nothing: power is about to fail.
    fn reopen_unchecked(&mut self) -> Result<crate::Recovery, OpenError> {
        let (journal, recovery) = Journal::open(self.disk.clone(), config())?;
        self.journal = Some(journal);
        Ok(recovery)
    }
}

/// Sequences before a crash, against which the recovery is checked.
struct Expected {
    appended: u64,
    durable: u64,
}

/// Runs a journal through random appends, syncs, kills and losses of power at any operation. After
/// each crash every durable record exists, no other record was added, sequences have no gap, and a
/// kill alone has lost no record.
fn random_life(seed: u64, honest: bool) {
    let mut random = seed;
    let mut pick = move |below: u64| next_random(&mut random) % below;
    let mut log = Log::new();
    let mut expected = Expected { appended: 0, durable: 0 };
    for _ in 0..60 {
        match pick(10) {
            0..5 => {
                for _ in 0..pick(160) {
                    if append_next(log.open()).is_err() {
                        break;
                    }
                }
            }
            5..7 => {
                if !honest && pick(4) == 0 {
                    log.disk.set_sync(SyncBehaviour::Lies, SyncBehaviour::Honest);
                }
                let _ = log.open().sync_step();
            }
            7 => {
                // Power fails within the next four operations of the disk.
                log.disk.cut_power_after(pick(4));
                let _ = append_next(log.open());
                let _ = log.open().sync_step();
            }
            _ => {
                expected.appended = log.open().next_sequence() - 1;
                expected.durable = log.durable();
                let killed = pick(3) == 0;
                log = if killed {
                    log.kill()
                } else {
                    let page_bytes = [8, 64, 512, 4096][pick(4) as usize];
                    log.lose_power(Loss::Pages { seed: pick(u64::MAX), page_bytes })
                };
                match log.reopen() {
                    Ok(recovery) => check(&log, &expected, recovery.last_sequence, killed, seed),
                    Err(OpenError::Refused(_)) if !honest => return,
                    Err(error) => panic!("seed {seed}: {error}"),
                }
            }
        }
    }
}

fn check(log: &Log, expected: &Expected, kept: u64, killed: bool, seed: u64) {
    assert!(kept >= expected.durable, "seed {seed}: {kept} kept of {} durable", expected.durable);
    assert!(kept <= expected.appended, "seed {seed}: {kept} kept of {}", expected.appended);
    assert!(!killed || kept == expected.appended, "seed {seed}: a kill lost records");
    let (records, end) = read_all(&log.disk).unwrap_or_else(|e| panic!("seed {seed}: {e}"));
    assert_eq!((records, end), (kept, End::Clean), "seed {seed}");
}

#[test]
fn in_random_lives_all_that_was_durable_survives_and_nothing_is_invented() {
    for seed in 0..250 {
        random_life(seed, true);
    }
}

/// With a disk that lies at times, a crash may lose durable records. Recovery always notices.
#[test]
fn in_random_lives_on_a_lying_disk_lost_promises_are_refused() {
    for seed in 1000..1150 {
        random_life(seed, false);
    }
}

/// A group must write the mark after its records. Otherwise a crash between the two writes would
/// look like a damaged record.
#[test]
fn power_lost_inside_a_group_never_leaves_a_mark_ahead_of_its_records() {
    for cut_after in 0..3 {
        for seed in 0..60 {
            let mut log = Log::new().append(20).sync().append(30);
            log.disk.cut_power_after(cut_after);
            let done = log.open().sync_step().is_ok();
            let durable = log.durable();
            assert_eq!(durable, if done { 50 } else { 20 });
            let mut log = log.lose_power(Loss::Pages { seed, page_bytes: 8 });
            let recovery = log.reopen().unwrap_or_else(|e| panic!("seed {seed}: {e}"));
            assert!(recovery.last_sequence >= durable, "seed {seed}");
        }
    }
}

#[test]
fn the_simulated_disk_loses_what_was_not_synced_and_only_that() {
    let disk = MemStorage::new(1);
    let mut segment = disk.create_segment(0, SEGMENT, Allocation::Zeros).expect("makes");
    crate::Segment::with(&mut segment, 100, 8, |bytes| bytes.fill(1));
    crate::Segment::handle(&segment).sync(96, 112).expect("syncs");
    crate::Segment::with(&mut segment, 200, 8, |bytes| bytes.fill(2));
    let lost = disk.after_power_loss(Loss::All).view_segment(0).expect("views");
    assert_eq!((lost[100], lost[200]), (1, 0));
    let kept = disk.after_power_loss(Loss::Nothing).view_segment(0).expect("views");
    assert_eq!((kept[100], kept[200]), (1, 2));
}
