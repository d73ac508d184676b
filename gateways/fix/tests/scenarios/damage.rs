//! Damaged, missing and foreign files of a store: what is lost is told, and nothing that may have
//! been delivered goes out as new.

use std::fs;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use crate::desk::{Desk, START};
use rutter_fix::session::{Config, NoCredentials};
use rutter_fix::store::{
    DamageKind, Entry, MessageStore, MmapConfig, MmapStore, StoreError, StoreFault, Told, look,
};

const SMALL: MmapConfig = MmapConfig {
    segment_bytes: 1 << 17,
    retention_bytes: 64 << 17,
    owner: 0x00ab_cdef,
    first_epoch: 0,
};
const BODY_BYTES: usize = 1_000;
/// Messages of the sample: five segments, the last of them half full.
const MESSAGES: u64 = 560;

fn open(folder: &Path) -> MmapStore {
    MmapStore::open(folder, SMALL).expect("opens")
}

fn entry(seq: u64, event_no: u64, body: &[u8]) -> Entry<'_> {
    Entry { seq, event_no, sending_ns: 7 * seq, msg_type: b"8", body }
}

/// A folder with so many messages, each of an event with the message's number.
fn filled(messages: u64) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("temporary folder");
    let mut store = open(folder.path());
    for seq in 1..=messages {
        store.append(&entry(seq, seq, &[b'x'; BODY_BYTES])).expect("stored");
    }
    store.set_next_in(77);
    folder
}

fn segments(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder)
        .expect("folder")
        .map(|file| file.expect("file").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "fix"))
        .collect();
    paths.sort();
    paths
}

fn change(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(path).expect("readable");
    change(&mut bytes);
    fs::write(path, bytes).expect("writable");
}

/// The events of the sample that the store does not surely have.
fn missing(store: &MmapStore) -> Vec<u64> {
    (1..=MESSAGES).filter(|event| store.told(*event) != Told::Surely).collect()
}

/// What must hold of a store of the sample whatever happened to its segments: its numbers went on,
/// what is missing may have been told, and everything that it gives out is as it was.
fn goes_on(store: &MmapStore) {
    assert_eq!(
        (store.next_in(), store.next_out(), store.last_event_no()),
        (77, MESSAGES + 1, MESSAGES)
    );
    for seq in 1..=MESSAGES {
        let told = store.told(seq);
        match store.get(seq) {
            Some(found) => {
                assert_eq!(found, entry(seq, seq, &[b'x'; BODY_BYTES]));
                assert_eq!(told, Told::Surely, "event {seq}");
            }
            None => assert_eq!(told, Told::Perhaps, "event {seq}"),
        }
    }
    assert_eq!(store.told(MESSAGES + 1), Told::Never);
}

fn only(store: &MmapStore) -> (DamageKind, PathBuf) {
    let report = store.damage();
    assert_eq!((report.count, report.places.len()), (1, 1), "{report:?}");
    (report.places[0].kind, report.places[0].file.clone())
}

/// Repeats the events as a journal does, and returns the numbers of those that were stored again.
fn replay(store: &mut MmapStore) -> Vec<u64> {
    let mut again = Vec::new();
    for event in 1..=MESSAGES {
        if store.told(event) == Told::Perhaps {
            store.append(&entry(store.next_out(), event, b"97=Y\x01")).expect("stored");
            again.push(event);
        }
    }
    assert_eq!(store.replay_ends(), again.len() as u64);
    again
}

#[test]
fn one_flipped_bit_costs_one_message_and_its_event_may_have_been_told() {
    let folder = filled(MESSAGES);
    let paths = segments(folder.path());
    let record = 48 + 1 + BODY_BYTES;
    // In the commit word (length, checksum), the numbers, the type, the body; first and later ones.
    let places = [32, 32 + 4, 32 + 8, 32 + 16, 32 + 40, 32 + 48, 32 + 500, 40 + 3 * (record + 7)];
    for (path, bit) in paths.iter().flat_map(|path| [0, 3, 7].map(|bit| (path, bit))) {
        for at in places {
            change(path, |bytes| bytes[at] ^= 1 << bit);
            let report = look(folder.path(), SMALL).expect("a sound state");
            let store = open(folder.path());
            let (kind, file) = only(&store);
            assert_eq!((kind, &file), (DamageKind::Record, path), "byte {at}");
            assert_eq!(&report, store.damage(), "who only looks sees the same");
            assert_eq!((missing(&store).len(), report.lost_events), (1, 1), "byte {at}");
            goes_on(&store);
            drop(store);
            change(path, |bytes| bytes[at] ^= 1 << bit);
        }
    }
    assert_eq!(open(folder.path()).damage().count, 0, "looking and opening change no record");
}

/// Any stretch of any segment, and any segment cut anywhere.
#[test]
fn whatever_happens_to_the_segments_no_event_is_told_as_new() {
    for seed in 1..=60_u64 {
        let mut random = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut roll = move |below: usize| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            random as usize % below
        };
        let folder = filled(MESSAGES);
        let paths = segments(folder.path());
        for _ in 0..=roll(3) {
            let path = &paths[roll(paths.len())];
            if !path.exists() {
                continue;
            }
            match roll(5) {
                0 => fs::remove_file(path).expect("removed"),
                1 => change(path, |bytes| bytes.truncate(roll(1 << 17))),
                2 => change(path, |bytes| {
                    let (from, length) = (roll(1 << 17), roll(9_000) + 1);
                    bytes.iter_mut().skip(from).take(length).for_each(|byte| *byte = 0);
                }),
                3 => change(path, |bytes| {
                    let (from, length) = (roll(1 << 17), roll(9_000) + 1);
                    bytes.iter_mut().skip(from).take(length).for_each(|byte| *byte ^= 0x55);
                }),
                _ => {
                    let other = fs::read(&paths[roll(paths.len())]).unwrap_or_default();
                    fs::write(path, other).expect("written");
                }
            }
        }
        let mut store = open(folder.path());
        goes_on(&store);
        let lost = missing(&store);
        assert!(lost.is_empty() || store.damage().count > 0, "seed {seed}: {lost:?} untold");
        assert_eq!(replay(&mut store), lost, "seed {seed}");
        drop(store);
        let mut store = open(folder.path());
        assert_eq!(replay(&mut store), [0_u64; 0], "seed {seed}: repeated once and for all");
        assert_eq!(store.next_out(), MESSAGES + 1 + lost.len() as u64, "seed {seed}");
    }
}

#[test]
fn each_kind_of_damage_has_its_word() {
    type Harm = fn(&Path);
    let harms: [(DamageKind, usize, Harm); 7] = [
        (DamageKind::Missing, 2, |path| fs::remove_file(path).expect("removed")),
        (DamageKind::Missing, 4, |path| fs::remove_file(path).expect("removed")),
        (DamageKind::Header, 1, |path| change(path, |bytes| bytes[3] ^= 1)),
        (DamageKind::Size, 1, |path| change(path, |bytes| bytes.push(0))),
        (DamageKind::Foreign, 1, |path| change(path, |bytes| bytes[24] ^= 1)),
        (DamageKind::Cleared, 4, |path| change(path, |bytes| bytes[32..].fill(0))),
        (DamageKind::Cleared, 3, |path| change(path, |bytes| bytes[32 + 90 * 1_056..].fill(0))),
    ];
    for (kind, place, harm) in harms {
        let folder = filled(MESSAGES);
        let path = segments(folder.path())[place].clone();
        harm(&path);
        let mut store = open(folder.path());
        assert_eq!(only(&store), (kind, path.clone()));
        goes_on(&store);
        let kept = matches!(kind, DamageKind::Header | DamageKind::Size);
        assert_eq!(missing(&store).is_empty(), kept, "{kind}");
        let aside = fs::read_dir(folder.path())
            .expect("folder")
            .any(|file| file.expect("file").file_name().to_string_lossy().ends_with(".aside-1"));
        assert_eq!(aside, kind == DamageKind::Foreign, "nothing foreign is destroyed");
        store.append(&entry(MESSAGES + 1, MESSAGES + 1, b"58=x\x01")).expect("stored");
        assert!(store.get(MESSAGES + 1).is_some());
    }
}

#[test]
fn a_damaged_record_is_passed_over_in_a_resend_and_comes_again_as_a_possible_resend() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let desk = |folder: &Path| {
        Desk::new(Config::acceptor("RUTTER", "CLIENT"), open(folder), NoCredentials)
    };
    let mut before = desk(folder.path());
    (1..=4).for_each(|event| {
        before.reports(event);
    });
    drop(before);
    let path = segments(folder.path())[0].clone();
    let mut second = fs::read(&path).expect("readable");
    let text = b"event 2";
    let at = second.windows(text.len()).position(|part| part == text).expect("there");
    second[at] ^= 1;
    fs::write(&path, second).expect("writable");
    let mut after = desk(folder.path());
    (1..=5).for_each(|event| {
        after.reports(event);
    });
    after.connect().gets("35=A|34=1|98=0|108=30|").gets("35=2|34=2|7=1|16=0|");
    let said = after.wrote();
    let resent: Vec<&str> = said.iter().map(String::as_str).collect();
    let texts = |part: &str| resent.iter().filter(|one| one.contains(part)).count();
    assert_eq!(texts("event 2"), 1, "{resent:?}");
    let again = resent.iter().find(|one| one.contains("event 2")).expect("there");
    assert!(again.contains("34=5|") && again.contains("|97=Y|"), "{again}");
    let fill = resent.iter().find(|one| one.contains("35=4|")).expect("a gap fill");
    assert!(fill.contains("34=2|") && fill.contains("36=3|"), "{fill}");
    assert_eq!(texts("97=Y"), 1, "what was never told is new: {resent:?}");
}

#[test]
fn without_its_numbers_a_store_is_refused_and_stays_as_it_is() {
    type Harm = fn(&Path);
    let harms: [(StoreFault, Harm); 8] = [
        (StoreFault::Damaged, |state| fs::remove_file(state).expect("removed")),
        (StoreFault::Damaged, |state| change(state, |bytes| bytes[64] ^= 1)),
        (StoreFault::Damaged, |state| change(state, |bytes| bytes[24..32].fill(0))),
        (StoreFault::Damaged, |state| change(state, |bytes| bytes.truncate(100))),
        (StoreFault::Damaged, |state| change(state, |bytes| bytes.fill(0))),
        (StoreFault::Damaged, |state| change(state, |bytes| bytes[0] = b'X')),
        (StoreFault::Version, |state| change(state, |bytes| bytes[8] = 9)),
        (StoreFault::Unreadable, |state| {
            fs::remove_file(state).expect("removed");
            fs::create_dir(state).expect("a folder in its place");
        }),
    ];
    for (number, (fault, harm)) in harms.into_iter().enumerate() {
        let folder = filled(200);
        harm(&folder.path().join("state"));
        let before =
            segments(folder.path()).iter().map(fs::read).map(Result::unwrap).collect::<Vec<_>>();
        let looked = look(folder.path(), SMALL).expect_err("refused").fault();
        let error = MmapStore::open(folder.path(), SMALL).expect_err("refused");
        assert_eq!((error.fault(), looked), (Some(fault), Some(fault)), "{number}: {error}");
        let after =
            segments(folder.path()).iter().map(fs::read).map(Result::unwrap).collect::<Vec<_>>();
        assert!(before == after, "{number}: evidence has changed");
        let mut stands_in = MmapStore::refused(fault).expect("memory");
        assert_eq!(stands_in.fault(), Some(fault));
        let refused = stands_in.append(&entry(1, 1, b"58=x\x01"));
        assert!(matches!(refused, Err(StoreError::Refused(why)) if why == fault));
    }
    let folder = filled(10);
    let others = MmapConfig { owner: 1, ..SMALL };
    let error = MmapStore::open(folder.path(), others).expect_err("refused");
    assert_eq!(error.fault(), Some(StoreFault::Foreign));
}

#[test]
fn a_store_that_is_new_while_the_journal_is_not_repeats_as_possible_resends() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let mut store = open(folder.path()).repeats_follow();
    assert_eq!(store.told(1), Told::Perhaps);
    store.append(&entry(1, 1, b"97=Y\x01")).expect("stored");
    assert_eq!((store.told(1), store.told(2)), (Told::Surely, Told::Perhaps));
    assert_eq!(store.replay_ends(), 1);
    assert_eq!(store.told(2), Told::Never, "from then on events are new");
    drop(store);
    let store = open(folder.path()).repeats_follow();
    assert_eq!(store.told(2), Told::Never, "the store is known");
}

/// The machine went down: the newest pages may never have reached the disk, and the journal knows
/// more than the store.
#[test]
fn after_a_power_loss_the_journals_later_events_may_have_been_told() {
    let folder = filled(10);
    let state = folder.path().join("state");
    let told = |folder: &Path| open(folder).repeats_follow().told(11);
    let repeats_end = |folder: &Path| open(folder).repeats_follow().replay_ends();
    assert_eq!(told(folder.path()), Told::Perhaps, "no repeats have ended since it was made");
    repeats_end(folder.path());
    assert_eq!(told(folder.path()), Told::Never);
    // The word of the machine's run, as another run would have left it. 4711 with its checksum.
    let other = filled(10);
    change(&state, |bytes| bytes[208..216].copy_from_slice(&sealed(4_711, 208).to_le_bytes()));
    assert_eq!(told(folder.path()), Told::Perhaps);
    assert_eq!(told(folder.path()), Told::Perhaps, "a crash among the repeats ends no doubt");
    repeats_end(folder.path());
    assert_eq!(told(folder.path()), Told::Never, "the next start is in the same run");
    repeats_end(other.path());
    assert_eq!(told(other.path()), Told::Never);
}

/// As the layout describes it: 48 bits of value, and 16 bits folded out of a CRC-32C.
fn sealed(value: u64, at: u64) -> u64 {
    let crc = crc32c(&(value | at << 48).to_le_bytes());
    value | u64::from(crc >> 16 ^ crc & 0xffff) << 48
}

/// CRC-32C (RFC 3720, appendix B.4), bit by bit.
fn crc32c(bytes: &[u8]) -> u32 {
    let step = |crc: u32| if crc & 1 == 1 { crc >> 1 ^ 0x82f6_3b78 } else { crc >> 1 };
    !bytes.iter().fold(!0, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), |crc, _| step(crc)))
}

/// A store as the first layout has it.
fn first_layout(folder: &Path, messages: u64, per_segment: u64) {
    let word = |bytes: &mut [u8], at: usize, value: u64| {
        bytes[at..at + 8].copy_from_slice(&value.to_le_bytes());
    };
    let mut state = vec![0; 4_096];
    state[..8].copy_from_slice(b"RUTFIXST");
    for (at, value) in [(8, 1), (16, 3), (128, 77), (136, messages + 4), (144, 5), (160, START)] {
        word(&mut state, at, value);
    }
    fs::write(folder.join("state"), state).expect("written");
    for number in 1..=messages.div_ceil(per_segment) {
        let mut segment = vec![0; 1 << 17];
        segment[..8].copy_from_slice(b"RUTFIXSG");
        word(&mut segment, 8, 1);
        word(&mut segment, 16, number);
        let mut at = 32;
        let first = (number - 1) * per_segment + 1;
        for seq in first..=messages.min(number * per_segment) {
            let mut rest = Vec::new();
            for value in [seq, seq + 5, 7 * seq, 3, 1] {
                rest.extend_from_slice(&u64::to_le_bytes(value));
            }
            rest.extend_from_slice(b"858=old\x01");
            word(&mut segment, at, u64::from(crc32c(&rest)) << 32 | rest.len() as u64);
            segment[at + 8..at + 8 + rest.len()].copy_from_slice(&rest);
            at += (8 + rest.len()).next_multiple_of(8);
        }
        fs::write(folder.join(format!("segment-{number:012}.fix")), segment).expect("written");
    }
}

#[test]
fn a_store_of_the_first_layout_is_brought_up_to_date() {
    let folder = tempfile::tempdir().expect("temporary folder");
    first_layout(folder.path(), 250, 100);
    assert_eq!(look(folder.path(), SMALL).expect("readable").count, 0);
    for round in 0..2 {
        let store = open(folder.path());
        assert_eq!(store.damage().count, 0, "round {round}");
        assert_eq!((store.next_in(), store.next_out(), store.epoch()), (77, 254, 3));
        assert_eq!((store.last_event_no(), store.period_ns()), (255, START));
        for seq in 1..=250 {
            assert_eq!(store.get(seq), Some(entry(seq, seq + 5, b"58=old\x01")), "round {round}");
        }
    }
    change(&segments(folder.path())[0], |bytes| bytes[32 + 20 * 56..].fill(0));
    let store = open(folder.path());
    assert_eq!(only(&store).0, DamageKind::Cleared, "from then on a missing end is noticed");
    assert_eq!(store.told(105), Told::Perhaps);
}

#[test]
fn damage_in_a_store_of_the_first_layout_is_told_too() {
    let folder = tempfile::tempdir().expect("temporary folder");
    first_layout(folder.path(), 250, 100);
    change(&segments(folder.path())[1], |bytes| bytes[3_000] ^= 4);
    let mut store = open(folder.path());
    assert_eq!(only(&store).0, DamageKind::Record);
    let lost: Vec<u64> = (1..=255).filter(|event| store.told(*event) == Told::Perhaps).collect();
    assert_eq!(lost.len(), 1);
    assert_eq!((store.next_out(), store.last_event_no()), (254, 255));
    store.append(&entry(254, lost[0], b"97=Y\x01")).expect("stored");
    drop(store);
    assert_eq!(open(folder.path()).told(lost[0]), Told::Surely);
}

#[test]
fn bits_that_flip_while_the_store_is_open_are_noticed_when_the_message_is_read() {
    let folder = filled(10);
    let store = open(folder.path());
    let file =
        fs::OpenOptions::new().write(true).open(&segments(folder.path())[0]).expect("opened");
    file.write_all_at(b"y", 32 + 60).expect("written");
    assert_eq!((store.get(1), store.damaged()), (None, 1));
    assert_eq!((store.get(1), store.damaged()), (None, 1), "told once");
    assert!(store.get(2).is_some());
}
