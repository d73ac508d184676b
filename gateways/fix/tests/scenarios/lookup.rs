//! Finding messages in a store that does not remember the place of each: by number and by time,
//! over segments, resets, numbers without a message, restarts and damage.

use std::fs;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use rutter_fix::store::{Entry, HistoryCursor, MemStore, MessageStore, MmapConfig, MmapStore};

const SEGMENT_BYTES: u64 = 1 << 17;
/// As the store documents it: a mark in 16 KiB.
const MARK_EVERY_BYTES: u64 = 16 << 10;
const ROOMY: MmapConfig = MmapConfig {
    segment_bytes: SEGMENT_BYTES as u32,
    retention_bytes: 16 << 20,
    owner: 0,
    first_epoch: 0,
};

fn open(folder: &Path) -> MmapStore {
    MmapStore::open(folder, ROOMY).expect("opens")
}

fn roller(seed: u64) -> impl FnMut(u64) -> u64 {
    let mut random = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    move |sides| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random % sides
    }
}

#[test]
fn memory_does_not_grow_with_the_messages() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let mut store = open(folder.path());
    let body = [b'x'; 150];
    let mut most = 0;
    for seq in 1..=100_000 {
        let entry = Entry { seq, event_no: seq, sending_ns: seq, msg_type: b"8", body: &body };
        store.append(&entry).expect("stored");
        most = most.max(store.marks());
    }
    let (begun, segments) = (100_000 * 200_u64, ROOMY.retention_bytes / SEGMENT_BYTES + 1);
    assert!(begun > ROOMY.retention_bytes, "the oldest messages are gone");
    assert!(store.dropped_upto() > 0);
    let marks_max = segments * (SEGMENT_BYTES / MARK_EVERY_BYTES + 1);
    assert!(most as u64 <= marks_max, "{most} marks of {marks_max}");
    assert!(most * 50 < 80_000, "{most} marks for more than 80,000 kept messages");
    assert_eq!(open_copy(folder.path()).marks(), store.marks(), "a restart finds the same");
}

/// The files as they are at this instant, in a store of their own.
fn open_copy(folder: &Path) -> MmapStore {
    let copy = tempfile::tempdir().expect("temporary folder");
    for file in fs::read_dir(folder).expect("folder") {
        let file = file.expect("file");
        fs::copy(file.path(), copy.path().join(file.file_name())).expect("copied");
    }
    open(copy.path())
}

/// Numbers are skipped, sequences are reset, the process restarts; look-ups go forward, backward
/// and anywhere. A store in memory is the judge.
#[test]
fn every_message_is_found_and_no_other() {
    for seed in 1..=20 {
        let mut roll = roller(seed);
        let folder = tempfile::tempdir().expect("temporary folder");
        let (mut store, mut judge) = (open(folder.path()), MemStore::new(64 << 20));
        for _ in 0..3_000 {
            let next = judge.next_out();
            match roll(400) {
                0 => {
                    drop(store);
                    store = open(folder.path());
                }
                1 if roll(4) == 0 => {
                    store.reset();
                    judge.reset();
                }
                2..30 => {
                    let next = next + 1 + roll(9);
                    store.set_next_out(next);
                    judge.set_next_out(next);
                }
                30..60 => {
                    let seq = roll(next + 3);
                    for seq in [seq, seq + 1, seq + 2, seq / 2, seq.saturating_sub(1)] {
                        assert_eq!(store.get(seq), judge.get(seq), "seed {seed}: {seq}");
                        let kept = (store.next_kept(seq), judge.next_kept(seq));
                        assert_eq!(kept.0, kept.1, "seed {seed}: {seq}");
                    }
                }
                _ => {
                    let body = vec![b'x'; roll(600) as usize];
                    let entry = Entry {
                        seq: next,
                        event_no: 0,
                        sending_ns: roll(1 << 40),
                        msg_type: b"8",
                        body: &body,
                    };
                    store.append(&entry).expect("stored");
                    judge.append(&entry).expect("stored");
                }
            }
        }
        for seq in 0..judge.next_out() + 2 {
            assert_eq!(store.get(seq), judge.get(seq), "seed {seed}: {seq}");
            assert_eq!(store.next_kept(seq), judge.next_kept(seq), "seed {seed}: {seq}");
        }
    }
}

const MESSAGES: u64 = 560;
const BODY_BYTES: u64 = 1_000;
/// Bytes of one message of the sample, padded.
const RECORD_BYTES: u64 = 1_056;
const PER_SEGMENT: u64 = (SEGMENT_BYTES - 32) / RECORD_BYTES;

/// A store with the messages 1 to 560, whose time in nanoseconds is ten times their number.
fn filled(folder: &Path) -> MmapStore {
    let mut store = open(folder);
    let body = [b'x'; BODY_BYTES as usize];
    for seq in 1..=MESSAGES {
        let (event_no, sending_ns) = (seq, 10 * seq);
        let entry = Entry { seq, event_no, sending_ns, msg_type: b"8", body: &body };
        store.append(&entry).expect("stored");
    }
    store
}

/// Changes bytes of the record with that number, from the byte `at` of the record.
fn damage(folder: &Path, seq: u64, at: u64, bytes: &[u8]) {
    let number = 1 + (seq - 1) / PER_SEGMENT;
    let path = folder.join(format!("segment-{number:012}.fix"));
    let file = fs::OpenOptions::new().write(true).open(path).expect("opened");
    let begin = 32 + (seq - 1) % PER_SEGMENT * RECORD_BYTES;
    file.write_all_at(bytes, begin + at).expect("written");
}

/// The numbers of the messages of that time, and the places that were passed over.
fn history(store: &MmapStore, from_ns: u64, upto_ns: u64) -> (Vec<u64>, u64) {
    let mut cursor = HistoryCursor::new(from_ns, upto_ns);
    let mut found = Vec::new();
    while let Some(past) = store.next_past(&mut cursor) {
        found.push(past.entry.seq);
    }
    (found, cursor.damaged())
}

fn all_but(lost: &[u64]) -> Vec<u64> {
    (1..=MESSAGES).filter(|seq| !lost.contains(seq)).collect()
}

/// Whatever part of a record is damaged, while the store is open or before: what is whole is found.
#[test]
fn a_history_goes_on_behind_damage_and_tells_it() {
    let parts: [(u64, &[u8]); 6] = [
        (0, b"\xff"),
        (0, &[0; 8]),
        (0, &[0; RECORD_BYTES as usize]),
        (4, b"\x00\x00"),
        (8, b"\x77"),
        (500, b"y"),
    ];
    for (at, bytes) in parts {
        for lost in [1, 16, 17, PER_SEGMENT, PER_SEGMENT + 1, MESSAGES] {
            let folder = tempfile::tempdir().expect("temporary folder");
            let store = filled(folder.path());
            damage(folder.path(), lost, at, bytes);
            let told = format!("byte {at} of message {lost}");
            assert_eq!(history(&store, 0, u64::MAX), (all_but(&[lost]), 1), "{told}");
            assert_eq!(store.damaged(), 1, "{told}");
            assert_eq!(history(&store, 0, u64::MAX), (all_but(&[lost]), 1), "{told}");
            let found: Vec<u64> = (1..=MESSAGES).filter(|seq| store.get(*seq).is_some()).collect();
            assert_eq!(found, all_but(&[lost]), "{told}");
            let next = (lost < MESSAGES).then_some(lost + 1);
            assert_eq!((store.next_kept(lost), store.damaged()), (next, 1), "{told}");
            drop(store);
            let again = open(folder.path());
            let (found, places) = history(&again, 0, u64::MAX);
            assert_eq!(found, all_but(&[lost]), "{told}, restarted");
            // A cleared end cannot be told from the end. Its reports are repeated.
            assert!(places == 1 || lost == MESSAGES, "{told}, restarted");
        }
    }
}

#[test]
fn a_history_of_another_time_tells_no_damage() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let store = filled(folder.path());
    damage(folder.path(), 300, 500, b"y");
    let missing = folder.path().join("segment-000000000002.fix");
    for store in [store, {
        fs::rename(&missing, folder.path().join("elsewhere")).expect("moved");
        open_copy(folder.path())
    }] {
        assert_eq!(history(&store, 0, 500).1, 0);
        assert_eq!(history(&store, 4_000, 5_600), ((400..560).collect(), 0));
        assert_eq!(history(&store, 2_900, 3_100).1, 1);
    }
    let store = open_copy(folder.path());
    let lost: Vec<u64> = (PER_SEGMENT + 1..=2 * PER_SEGMENT).chain([300]).collect();
    assert_eq!(history(&store, 0, u64::MAX), (all_but(&lost), 2), "a file and a message");
    assert_eq!(history(&store, 2_000, 2_100), (vec![], 1), "within the missing file");
}

/// Several messages in a row, on both sides of a mark.
#[test]
fn a_stretch_of_damage_costs_what_is_in_it() {
    for (first, last) in [(3, 40), (15, 16), (120, 130), (500, 560)] {
        let folder = tempfile::tempdir().expect("temporary folder");
        let store = filled(folder.path());
        for seq in first..=last {
            damage(folder.path(), seq, 0, &[0x55; RECORD_BYTES as usize]);
        }
        let lost: Vec<u64> = (first..=last).collect();
        let (found, places) = history(&store, 0, u64::MAX);
        assert_eq!(found, all_but(&lost), "{first} to {last}");
        assert!((1..=last - first + 1).contains(&places), "{places}");
        assert_eq!(store.next_kept(first), (last < MESSAGES).then_some(last + 1));
    }
}
