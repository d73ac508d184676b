//! Scenarios with real files, helper threads and a process that is killed.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use super::{SEGMENT, append_next, body_of, config, read_all};
use crate::{
    Config, Durability, End, FileStorage, Journal, MemStorage, OpenError, Reader, Source,
    SyncBehaviour, copy, verify,
};

/// Longest wait for an event; a test that waits longer has failed.
const TIMEOUT: Duration = Duration::from_mins(1);
/// Environment variable that makes the test binary act as the writer that is killed.
const CHILD_DIRECTORY: &str = "RUTTER_JOURNAL_TEST_DIRECTORY";

fn storage(directory: &Path) -> FileStorage {
    FileStorage::create(directory.join("journal")).expect("storage")
}

fn threaded(durability: Durability) -> Config {
    Config::new(durability).segment_bytes(SEGMENT)
}

fn until(what: &str, mut happened: impl FnMut() -> bool) {
    let began = Instant::now();
    while !happened() {
        assert!(began.elapsed() < TIMEOUT, "never happened: {what}");
        thread::yield_now();
    }
}

#[test]
fn records_in_files_are_read_back_after_closing() {
    let directory = tempfile::tempdir().expect("a directory");
    let (mut journal, recovery) =
        Journal::open(storage(directory.path()), config()).expect("opens");
    assert!(recovery.created);
    for _ in 0..2000 {
        append_next(&mut journal).expect("appends");
        if journal.next_sequence() % 300 == 0 {
            journal.sync_step().expect("syncs");
        }
    }
    assert!(journal.stats().rolls > 2);
    assert_eq!(journal.close(), Ok(2000));
    let place = FileStorage::existing(directory.path().join("journal")).expect("is there");
    assert_eq!(read_all(&place).expect("reads"), (2000, End::Clean));
    let (journal, recovery) = Journal::open(place, config()).expect("opens");
    assert_eq!((recovery.last_sequence, recovery.durable_found), (2000, 2000));
    assert_eq!((journal.epoch(), recovery.cut), (2, None));
}

#[test]
fn a_journal_in_memory_is_copied_into_files_and_gone_on_with() {
    let directory = tempfile::tempdir().expect("a directory");
    let memory = MemStorage::new(7);
    let (mut journal, _) = Journal::open(memory.clone(), config()).expect("opens");
    for _ in 0..2000 {
        append_next(&mut journal).expect("appends");
        if journal.next_sequence() % 300 == 0 {
            journal.sync_step().expect("syncs");
        }
    }
    assert!(journal.stats().rolls > 2, "several segments are copied");
    let files = storage(directory.path());
    copy(&memory.after_kill(), &files).expect("copied");
    assert_eq!(read_all(&files).expect("reads"), (2000, End::Clean));
    assert_eq!(files.read_mark().expect("reads"), memory.read_mark().expect("reads"));
    let (mut journal, recovery) = Journal::open(files, config()).expect("opens");
    assert_eq!(recovery.last_sequence, 2000);
    assert_eq!(append_next(&mut journal), Ok(2001));
}

#[test]
fn threads_make_records_durable_and_segments_ready() {
    // The first durability makes segments of zeros, the second reserves blocks.
    for durability in [Durability::Disk, Durability::Process] {
        let directory = tempfile::tempdir().expect("a directory");
        let opened = Journal::open(storage(directory.path()), threaded(durability));
        let mut journal = opened.expect("opens").0;
        let durable = journal.durable();
        let release = journal.release_mark();
        for _ in 0..3000 {
            append_next(&mut journal).expect("appends");
        }
        if durability == Durability::Process {
            assert_eq!(release.up_to(), 3000);
        }
        until("all is durable", || durable.load(Ordering::Acquire) == 3000);
        until("the next segment is ready", || journal.stats().next_segment_ready);
        let stats = journal.stats();
        assert_eq!((stats.records, stats.durable), (3000, 3000));
        assert!(stats.rolls > 3 && stats.syncs > 0 && stats.syncs < 3000, "{stats:?}");
        assert_eq!(journal.close(), Ok(3000));
        let report = verify(storage(directory.path())).expect("verifies");
        assert_eq!((report.records, report.durable, report.end), (3000, 3000, End::Clean));
    }
}

#[test]
fn an_idle_sync_thread_wakes_for_one_record() {
    let directory = tempfile::tempdir().expect("a directory");
    let opened = Journal::open(storage(directory.path()), threaded(Durability::Disk));
    let mut journal = opened.expect("opens").0;
    let durable = journal.durable();
    for sequence in 1..=30 {
        append_next(&mut journal).expect("appends");
        until("it is durable", || durable.load(Ordering::Acquire) == sequence);
    }
}

#[test]
fn a_second_writer_of_the_same_files_is_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    let (journal, _) = Journal::open(storage(directory.path()), config()).expect("opens");
    match Journal::open(storage(directory.path()), config()) {
        Err(OpenError::Locked { name }) => assert!(name.ends_with("lock"), "{name}"),
        other => panic!("should be locked: {other:?}"),
    }
    drop(journal);
    assert!(Journal::open(storage(directory.path()), config()).is_ok());
}

#[test]
fn a_reader_runs_beside_the_writer_without_its_lock() {
    let directory = tempfile::tempdir().expect("a directory");
    let (mut journal, _) =
        Journal::open(storage(directory.path()), threaded(Durability::Process)).expect("opens");
    let mut reader = Reader::open(storage(directory.path())).expect("opens");
    let mut read = 0;
    for _ in 0..2000 {
        append_next(&mut journal).expect("appends");
    }
    until("the reader has all", || {
        while let Some(record) = reader.next().expect("reads") {
            read += 1;
            assert_eq!((record.sequence, record.body), (read, &body_of(read)[..]));
        }
        reader.refresh().expect("refreshes");
        read == 2000
    });
}

/// A sync that fails in the sync thread stops the writer, and every waiting caller gets the error.
#[test]
fn a_sync_that_fails_in_its_thread_stops_the_writer() {
    let disk = MemStorage::new(3);
    let (mut journal, _) = Journal::open(disk.clone(), threaded(Durability::Disk)).expect("opens");
    append_next(&mut journal).expect("appends");
    let durable = journal.durable();
    until("the first is durable", || durable.load(Ordering::Acquire) == 1);
    disk.set_sync(SyncBehaviour::Fails, SyncBehaviour::Honest);
    let mut refused = append_next(&mut journal);
    until("the failure is seen", || {
        refused = append_next(&mut journal);
        refused.is_err()
    });
    assert!(matches!(refused, Err(crate::AppendError::SyncFailed { durable: 1, .. })));
    assert!(journal.failure().is_some() && journal.sync_step().is_err());
    assert!(journal.close().is_err());
}

/// With helper threads, a full disk is reported before the writer needs the next segment. The
/// append then fails within the bound, and succeeds once the disk has room.
#[test]
fn a_full_disk_met_by_the_preparing_thread_is_told_and_passes() {
    let disk = MemStorage::new(3);
    disk.set_capacity(SEGMENT);
    let (mut journal, _) =
        Journal::open(disk.clone(), threaded(Durability::Process)).expect("opens");
    until("the lack is told ahead", || journal.stats().next_segment_error.is_some());
    let mut refused = Ok(0);
    while refused.is_ok() {
        refused = append_next(&mut journal);
    }
    assert!(matches!(refused, Err(crate::AppendError::DiskFull { .. })), "{refused:?}");
    assert_eq!(journal.stats().stalls, 1);
    disk.set_capacity(usize::MAX);
    append_next(&mut journal).expect("there is room again");
    let last = journal.next_sequence() - 1;
    assert_eq!(journal.close(), Ok(last));
    assert_eq!(read_all(&disk).expect("reads"), (last, End::Clean));
}

#[test]
fn files_that_are_not_segments_are_left_alone() {
    let directory = tempfile::tempdir().expect("a directory");
    let place = directory.path().join("journal");
    let (mut journal, _) = Journal::open(storage(directory.path()), config()).expect("opens");
    append_next(&mut journal).expect("appends");
    assert_eq!(journal.close(), Ok(1));
    for name in ["next.new", "notes.txt", "1.seg", "00000000000000AA.seg", "x.seg"] {
        fs::write(place.join(name), b"not a segment").expect("writes");
    }
    let (_, recovery) = Journal::open(storage(directory.path()), config()).expect("opens");
    assert_eq!((recovery.last_sequence, recovery.cut), (1, None));
    assert!(place.join("notes.txt").exists() && place.join("1.seg").exists());
}

#[test]
fn a_file_cut_short_is_mended_above_the_mark_and_refused_below_it() {
    let directory = tempfile::tempdir().expect("a directory");
    let segment = directory.path().join("journal/0000000000000000.seg");
    let (mut journal, _) = Journal::open(storage(directory.path()), config()).expect("opens");
    for _ in 0..50 {
        append_next(&mut journal).expect("appends");
    }
    drop(journal);
    let shorten = |bytes| {
        let file = fs::OpenOptions::new().write(true).open(&segment).expect("opens");
        file.set_len(bytes).expect("shortens");
    };
    shorten(3001);
    let (_, recovery) = Journal::open(storage(directory.path()), config()).expect("recovers");
    assert!(recovery.cut.is_some() && recovery.last_sequence > 10, "{recovery:?}");
    assert_eq!(fs::metadata(&segment).expect("there").len(), SEGMENT as u64);
    // Recovery has synced every record that it kept, so all of them are durable.
    for bytes in [2000, 64, 0] {
        shorten(bytes);
        let refused = Journal::open(storage(directory.path()), config());
        assert!(matches!(refused, Err(OpenError::Refused(_))), "at {bytes}: {refused:?}");
    }
}

/// Not a test by itself: the process that the next test kills.
#[test]
fn child_that_writes_until_it_is_killed() {
    let Some(directory) = std::env::var_os(CHILD_DIRECTORY) else { return };
    let (mut journal, _) =
        Journal::open(storage(Path::new(&directory)), threaded(Durability::Process))
            .expect("opens");
    let mut out = std::io::stderr();
    loop {
        let sequence = append_next(&mut journal).expect("appends");
        writeln!(out, "{sequence}").expect("tells");
    }
}

/// SIGKILL, three times on the same journal: every record whose append had returned exists.
#[test]
fn a_killed_process_has_lost_nothing_it_had_appended() {
    let directory = tempfile::tempdir().expect("a directory");
    for round in 1..=3_u64 {
        let mut child = Command::new(std::env::current_exe().expect("this binary"))
            .args(["--exact", "tests::files::child_that_writes_until_it_is_killed"])
            .arg("--nocapture")
            .env(CHILD_DIRECTORY, directory.path())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("starts");
        let mut told = BufReader::new(child.stderr.take().expect("piped")).lines();
        let mut last = 0;
        while last < round * 1500 {
            let line = told.next().expect("the writer lives").expect("reads");
            last = line.parse().unwrap_or(last);
        }
        child.kill().expect("kills");
        child.wait().expect("is gone");
        for line in told.map_while(Result::ok) {
            last = line.parse().unwrap_or(last);
        }
        let (records, _) = read_all(storage(directory.path())).expect("reads");
        assert!(records >= last, "round {round}: {records} of {last}");
    }
}
