//! What a store keeps, for how long, and what can be read of it: messages of earlier days, and the
//! state of a process that was killed.

use std::fs;
use std::path::Path;

use crate::desk::{Desk, SECOND, START, logon};
use rutter_fix::session::{Config, NoCredentials};
use rutter_fix::store::{Entry, HistoryCursor, MemStore, MessageStore, MmapConfig, MmapStore};

const DAY: u64 = 86_400 * SECOND;

fn small(retention_bytes: u64) -> MmapConfig {
    MmapConfig { segment_bytes: 1 << 17, retention_bytes, owner: 0, first_epoch: 0 }
}

fn open(folder: &Path, retention_ns: u64) -> MmapStore {
    MmapStore::open(folder, small(64 << 17)).expect("opens").keeping_ns(retention_ns)
}

/// A message of 1,000 bytes at that time, under the next number.
fn send(store: &mut impl MessageStore, sending_ns: u64) {
    let body = format!("58={}\u{1}", "x".repeat(996));
    let (seq, event_no) = (store.next_out(), store.last_event_no() + 1);
    let entry = Entry { seq, event_no, sending_ns, msg_type: b"8", body: body.as_bytes() };
    store.append(&entry).expect("kept");
}

/// Number, reset count and time of everything in that time.
fn past(store: &impl MessageStore, from_ns: u64, upto_ns: u64) -> Vec<(u64, u64, u64)> {
    let mut cursor = HistoryCursor::new(from_ns, upto_ns);
    let mut found = Vec::new();
    while let Some(past) = store.next_past(&mut cursor) {
        found.push((past.epoch, past.entry.seq, past.entry.sending_ns));
    }
    assert_eq!(store.next_past(&mut cursor), None, "the end stays the end");
    found
}

fn days(store: &impl MessageStore) -> Vec<u64> {
    let mut days: Vec<u64> = past(store, 0, u64::MAX).iter().map(|one| one.2 / DAY).collect();
    days.dedup();
    days
}

#[test]
fn yesterdays_messages_are_there_under_their_own_numbers_after_a_reset_and_a_restart() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let mut store = open(folder.path(), 0);
    for day in 0..3 {
        for message in 0..300 {
            send(&mut store, day * DAY + message * SECOND);
        }
        store.reset_for_period((day + 1) * DAY);
    }
    for store in [store, open_again(folder.path())] {
        assert_eq!(store.next_kept(0), None, "no resend reaches over a reset");
        let yesterday = past(&store, DAY, 2 * DAY);
        assert_eq!(yesterday.len(), 300);
        let expected = (0..300).map(|message| (1, message + 1, DAY + message * SECOND));
        assert!(yesterday.into_iter().eq(expected));
        assert_eq!(past(&store, DAY + 10 * SECOND, DAY + 12 * SECOND).len(), 2);
        assert_eq!(past(&store, 0, u64::MAX).len(), 900);
        assert_eq!(past(&store, 9 * DAY, u64::MAX), []);
    }
}

/// The first store of the loop above is still open when this one is: it reads a copy, as it would
/// find it after a SIGKILL.
fn open_again(folder: &Path) -> MmapStore {
    let copy = killed(folder);
    MmapStore::open(copy.path(), small(64 << 17)).expect("opens")
}

/// The files as they are at this instant, without the owner having closed anything.
fn killed(folder: &Path) -> tempfile::TempDir {
    let copy = tempfile::tempdir().expect("temporary folder");
    for file in fs::read_dir(folder).expect("folder") {
        let file = file.expect("file");
        fs::copy(file.path(), copy.path().join(file.file_name())).expect("copied");
    }
    copy
}

#[test]
fn reading_goes_on_while_messages_come_and_old_ones_go() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let mut store = MmapStore::open(folder.path(), small(3 << 17)).expect("opens");
    for message in 0..200 {
        send(&mut store, message);
    }
    let mut cursor = HistoryCursor::new(0, u64::MAX);
    assert_eq!(store.next_past(&mut cursor).map(|past| past.entry.seq), Some(1));
    for message in 200..1_000 {
        send(&mut store, message);
    }
    let mut last = 1;
    while let Some(past) = store.next_past(&mut cursor) {
        assert!(past.entry.seq > last, "each once, in order");
        assert!(last == 1 || past.entry.seq == last + 1, "a hole in what is kept");
        last = past.entry.seq;
    }
    assert_eq!(last, 1_000);
    assert!(store.dropped_upto() > 0);
}

#[test]
fn messages_go_when_they_are_too_old_and_no_sooner() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let mut store = open(folder.path(), 3 * DAY);
    for day in 10..20 {
        for message in 0..200 {
            send(&mut store, day * DAY + message * SECOND);
        }
        let kept = days(&store);
        assert!(kept.contains(&day) && kept[0] <= (day - 3).max(10), "{day}: {kept:?}");
        // A file goes as a whole, when a new one is begun: a day more at most.
        assert!(kept[0] + 5 >= day, "{day}: {kept:?}");
    }
    assert_eq!(store.last_event_no(), 2_000, "the event number does not go back");
    assert_eq!(store.next_kept(1), Some(store.dropped_upto() + 1));
}

#[test]
fn the_bytes_are_bounded_whatever_the_age() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let mut store = MmapStore::open(folder.path(), small(4 << 17)).expect("opens").keeping_ns(DAY);
    for _ in 0..2_000 {
        send(&mut store, START);
        store.maintain().expect("a spare file");
    }
    let bytes: u64 = fs::read_dir(folder.path())
        .expect("folder")
        .map(|file| file.expect("file").metadata().expect("metadata").len())
        .sum();
    // Four segments, the next one made ready, and the state.
    assert!(bytes <= 5 * (1 << 17) + 4_096, "{bytes}");
}

#[test]
fn a_store_in_memory_has_the_past_since_its_reset() {
    let mut store = MemStore::new(1 << 20);
    (0..5).for_each(|message| send(&mut store, message));
    assert_eq!(past(&store, 1, 3), [(0, 2, 1), (0, 3, 2)]);
    store.reset();
    assert_eq!(past(&store, 0, 9), []);
    send(&mut store, 7);
    assert_eq!(past(&store, 0, 9), [(1, 1, 7)]);
}

/// Whatever the instant, the files are those of before or of after what was done.
#[test]
fn a_killed_process_keeps_its_numbers_period_and_messages() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let mut store = open(folder.path(), 0);
    store.set_period_ns(START);
    for seq in 1..=50 {
        send(&mut store, START + seq);
        store.set_next_in(seq * 2);
        let copy = killed(folder.path());
        let found = open(copy.path(), 0);
        assert_eq!((found.next_in(), found.next_out()), (seq * 2, seq + 1));
        assert_eq!((found.period_ns(), found.last_event_no(), found.epoch()), (START, seq, 0));
        assert_eq!(found.get(seq), store.get(seq));
    }
    store.reset_for_period(START + DAY);
    let copy = killed(folder.path());
    let found = open(copy.path(), 0);
    assert_eq!((found.next_in(), found.next_out(), found.epoch()), (1, 1, 1));
    assert_eq!((found.period_ns(), found.last_event_no()), (START + DAY, 50));
    assert_eq!(past(&found, 0, u64::MAX).len(), 50);
}

/// The session on top of it: what the client was sent can be asked for after the kill.
#[test]
fn a_session_goes_on_after_a_kill_where_it_was() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let config = || Config::acceptor("RUTTER", "CLIENT");
    let mut desk = Desk::new(config(), open(folder.path(), 0), NoCredentials);
    desk.connect().gets(&logon(1)).reports(1).reports(2).gets("35=1|34=2|112=x|").wrote();
    let copy = killed(folder.path());
    let mut desk = Desk::new(config(), open(copy.path(), 0), NoCredentials);
    desk.connect().gets(&logon(3)).says(["35=A|34=5|98=0|108=30|"]);
    desk.gets("35=2|34=4|7=1|16=0|");
    let kinds: Vec<String> =
        desk.wrote().iter().map(|said| said.split("43=").next().unwrap_or("").to_owned()).collect();
    assert_eq!(kinds, ["35=4|34=1|", "35=8|34=2|", "35=8|34=3|", "35=4|34=4|"]);
}
