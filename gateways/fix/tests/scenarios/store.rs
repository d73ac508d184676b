//! The stores, and sessions that are dropped and reopened at every step.

use std::fs;
use std::path::Path;

use crate::desk::{Desk, START, logon, time_text};
use rutter_fix::session::{Config, NoCredentials};
use rutter_fix::store::{
    Entry, MemStore, MessageStore, MmapConfig, MmapStore, Preparer, StoreError,
};

const SMALL: MmapConfig =
    MmapConfig { segment_bytes: 1 << 17, retention_bytes: 3 << 17, owner: 0, first_epoch: 0 };

fn open(folder: &Path) -> MmapStore {
    MmapStore::open(folder, SMALL).expect("opens")
}

fn entry(seq: u64, event_no: u64, body: &[u8]) -> Entry<'_> {
    Entry { seq, event_no, sending_ns: 7 * seq, msg_type: b"8", body }
}

fn newest_segment(folder: &Path) -> std::path::PathBuf {
    let mut paths: Vec<_> = fs::read_dir(folder)
        .expect("folder")
        .map(|file| file.expect("file").path())
        .filter(|path| path.extension().is_some_and(|ext| ext == "fix"))
        .collect();
    paths.sort();
    paths.pop().expect("a segment")
}

/// What every store promises.
fn keeps_its_promises(mut store: impl MessageStore) {
    assert_eq!((store.next_in(), store.next_out(), store.last_event_no()), (1, 1, 0));
    store.append(&entry(1, 5, b"58=a\x01")).expect("kept");
    store.set_next_out(4);
    store.append(&entry(4, 0, b"58=b\x01")).expect("kept");
    assert_eq!(store.get(1), Some(entry(1, 5, b"58=a\x01")));
    assert_eq!(store.get(2), None);
    assert_eq!(
        (store.next_kept(0), store.next_kept(2), store.next_kept(5)),
        (Some(1), Some(4), None)
    );
    assert_eq!((store.next_out(), store.last_event_no()), (5, 5));
    let repeated = store.append(&entry(4, 6, b""));
    assert!(matches!(repeated, Err(StoreError::Sequence { got: 4, expected: 5 })));
    let long = vec![b'x'; (64 << 10) + 1];
    assert!(matches!(store.append(&entry(5, 6, &long)), Err(StoreError::TooLong)));
    store.set_next_in(9);
    assert_eq!(store.next_in(), 9);
    let epoch = store.epoch();
    store.reset();
    assert_eq!((store.next_in(), store.next_out(), store.last_event_no()), (1, 1, 5));
    assert_eq!((store.get(1), store.next_kept(0), store.epoch()), (None, None, epoch + 1));
    store.append(&entry(1, 6, b"")).expect("kept");
    assert_eq!(store.last_event_no(), 6);
}

#[test]
fn both_stores_keep_their_promises() {
    let folder = tempfile::tempdir().expect("temporary folder");
    keeps_its_promises(MemStore::new(1 << 20));
    keeps_its_promises(open(folder.path()));
}

#[test]
fn everything_is_there_after_a_reopen() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let mut store = open(folder.path());
    for seq in 1..=100 {
        let body = vec![b'a'; seq as usize];
        store.append(&entry(seq, seq * 2, &body)).expect("kept");
        store.set_next_in(seq + 1);
    }
    store.set_next_out(103);
    drop(store);
    let store = open(folder.path());
    assert_eq!((store.next_in(), store.next_out(), store.last_event_no()), (101, 103, 200));
    for seq in 1..=100 {
        let body = vec![b'a'; seq as usize];
        assert_eq!(store.get(seq), Some(entry(seq, seq * 2, &body)));
    }
}

#[test]
fn a_reset_outlives_the_process_and_so_does_the_event_number() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let mut store = open(folder.path());
    store.append(&entry(1, 9, b"58=x\x01")).expect("kept");
    store.set_next_in(5);
    store.reset();
    drop(store);
    let store = open(folder.path());
    assert_eq!((store.next_in(), store.next_out(), store.last_event_no()), (1, 1, 9));
    assert_eq!((store.epoch(), store.next_kept(0)), (1, None));
}

#[test]
fn a_torn_last_message_is_as_if_it_had_never_been() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let mut store = open(folder.path());
    store.append(&entry(1, 1, b"58=first\x01")).expect("kept");
    drop(store);
    let path = newest_segment(folder.path());
    let before = fs::read(&path).expect("segment");
    let state = fs::read(folder.path().join("state")).expect("state");
    let mut store = open(folder.path());
    store.append(&entry(2, 2, b"58=second, a little longer\x01")).expect("kept");
    drop(store);
    let after = fs::read(&path).expect("segment");
    let changed: Vec<usize> = (0..after.len()).filter(|i| before[*i] != after[*i]).collect();
    let (first, last) = (changed[0], changed[changed.len() - 1]);
    for torn in first..=last {
        // The commit word is missing, wrong, or stands before bytes that are.
        let mut bytes = after.clone();
        bytes[torn] ^= 0x55;
        fs::write(&path, &bytes).expect("written");
        fs::write(folder.path().join("state"), &state).expect("written");
        let mut store = open(folder.path());
        assert_eq!((store.next_out(), store.last_event_no()), (2, 1), "byte {torn}");
        assert_eq!(store.get(1), Some(entry(1, 1, b"58=first\x01")));
        store.append(&entry(2, 2, b"58=x\x01")).expect("kept");
        drop(store);
        let store = open(folder.path());
        assert_eq!(store.get(2), Some(entry(2, 2, b"58=x\x01")), "byte {torn}");
        assert_eq!((store.next_out(), store.next_kept(3)), (3, None), "nothing old comes back");
    }
}

#[test]
fn a_message_committed_before_its_number_counts() {
    let folder = tempfile::tempdir().expect("temporary folder");
    drop(open(folder.path()));
    let state = fs::read(folder.path().join("state")).expect("state");
    let mut store = open(folder.path());
    store.append(&entry(1, 1, b"58=x\x01")).expect("kept");
    drop(store);
    fs::write(folder.path().join("state"), &state).expect("written");
    let store = open(folder.path());
    assert_eq!((store.next_out(), store.last_event_no()), (2, 1));
}

#[test]
fn old_segments_go_and_the_event_number_stays() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let mut store = open(folder.path());
    let body = vec![b'x'; 10_000];
    for seq in 1..=100 {
        store.append(&entry(seq, seq, &body)).expect("kept");
        store.maintain().expect("prepared");
    }
    let check = |store: &MmapStore| {
        let oldest = store.next_kept(1).expect("some are kept");
        assert!(oldest > 50, "{oldest}");
        assert_eq!(store.dropped_upto(), oldest - 1);
        assert_eq!(store.get(oldest - 1), None);
        for seq in oldest..=100 {
            assert_eq!(store.get(seq), Some(entry(seq, seq, &body)));
        }
    };
    check(&store);
    drop(store);
    let mut store = open(folder.path());
    check(&store);
    store.reset();
    for seq in 1..=60 {
        store.append(&entry(seq, 0, &body)).expect("kept");
    }
    drop(store);
    let store = open(folder.path());
    assert_eq!((store.last_event_no(), store.next_out()), (100, 61));
    let files = fs::read_dir(folder.path()).expect("folder").count();
    assert!(files <= 6, "{files} files");
}

/// The thread makes and removes files while messages are stored; whichever of the two is ahead,
/// nothing is lost, and the files stay few.
#[test]
fn a_store_whose_files_are_made_elsewhere_keeps_the_same_messages() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let preparer = Preparer::start().expect("a thread");
    let body = vec![b'x'; 1_000];
    let mut store = open(folder.path()).prepared_by(&preparer);
    for seq in 1..=2_000 {
        store.append(&entry(seq, seq, &body)).expect("stored");
        if seq == 1_000 {
            drop(store);
            store = open(folder.path()).prepared_by(&preparer);
        }
    }
    assert_eq!((store.next_out(), store.last_event_no()), (2_001, 2_000));
    let dropped = store.dropped_upto();
    assert!((1_500..2_000).contains(&dropped), "{dropped}");
    assert!((dropped + 1..=2_000).all(|seq| store.get(seq) == Some(entry(seq, seq, &body))));
    drop(store);
    drop(preparer);
    let again = open(folder.path());
    assert_eq!((again.next_out(), again.last_event_no()), (2_001, 2_000));
    assert_eq!(again.get(2_000), Some(entry(2_000, 2_000, &body)));
}

/// Every third message begins a segment and removes one, and the store is let go right after it.
#[test]
fn a_store_is_let_go_only_when_its_last_removal_is_done() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let preparer = Preparer::start().expect("a thread");
    let body = vec![b'x'; 40_000];
    for seq in 1..=300 {
        let mut store = open(folder.path()).prepared_by(&preparer);
        store.append(&entry(seq, seq, &body)).expect("stored");
        assert_eq!(store.get(seq), Some(entry(seq, seq, &body)));
    }
}

#[test]
fn a_store_is_open_once() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let _store = open(folder.path());
    let second = MmapStore::open(folder.path(), SMALL);
    assert!(matches!(second, Err(StoreError::Locked { .. })));
}

#[test]
fn a_file_that_a_crash_left_empty_is_made_anew() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let mut store = open(folder.path());
    store.append(&entry(1, 1, b"58=x\x01")).expect("kept");
    drop(store);
    fs::write(folder.path().join("segment-000000000002.fix"), vec![0; 500]).expect("written");
    let store = open(folder.path());
    assert_eq!(store.get(1), Some(entry(1, 1, b"58=x\x01")));
}

fn acceptor() -> Config {
    Config::acceptor("RUTTER", "CLIENT")
}

fn desk(folder: &Path) -> Desk<MmapStore, NoCredentials> {
    Desk::new(acceptor(), open(folder), NoCredentials)
}

const ORDER: &str = "11=id|38=1|40=1|54=1|55=X|60=20240627-11:17:26|";

#[test]
fn an_order_that_was_not_journaled_is_asked_for_again_after_a_crash() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let mut before = desk(folder.path());
    before.connect().gets(&logon(1)).gets(&format!("35=D|34=2|{ORDER}")).confirm();
    before.gets(&format!("35=D|34=3|{ORDER}")).gets("35=0|34=4|");
    before.sees(["logged on, 30 s", "app D 2", "app D 3"]);
    drop(before);
    let mut after = desk(folder.path());
    assert_eq!(after.session.next_in(), 3);
    after.connect().gets(&logon(5));
    after.says(["35=A|34=2|98=0|108=30|", "35=2|34=3|7=3|16=0|"]);
    let when = time_text(START);
    after.gets(&format!("35=D|34=3|43=Y|122={when}|{ORDER}"));
    after.gets(&format!("35=4|34=4|43=Y|122={when}|36=6|123=Y|")).confirm();
    after.sees(["logged on, 30 s", "app D 3 again"]);
    assert_eq!((after.session.next_in(), after.session.store().next_in()), (6, 6));
}

/// The core reports events 1 to 20, the process dies after any number of steps (a step is an
/// event, a confirmation of nothing, or the loss of the connection), and the core repeats from
/// the number that the store gives. The client ends up with each event exactly once.
#[test]
fn every_event_reaches_the_client_exactly_once_wherever_the_process_dies() {
    for seed in 0..60_u64 {
        let folder = tempfile::tempdir().expect("temporary folder");
        let mut random = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut roll = move |sides: u64| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            random % sides
        };
        let mut client = Client::default();
        let mut desk = desk(folder.path());
        let mut reported = 0;
        while reported < 20 || client.events.len() < 20 {
            match roll(5) {
                0 => {
                    // Death: what was written but not read is lost with the process.
                    drop(desk);
                    desk = self::desk(folder.path());
                    client.online = false;
                    reported = desk.session.last_event_no();
                }
                1 | 2 if reported < 20 => {
                    reported += 1;
                    desk.reports(reported);
                }
                3 if client.online && roll(2) == 0 => {
                    desk.session.disconnected();
                    client.online = false;
                }
                _ => client.turn(&mut desk),
            }
        }
        let expected: Vec<u64> = (1..=20).collect();
        assert_eq!(client.events, expected, "seed {seed}");
    }
}

/// A client by the book: takes messages in sequence, asks for what is missing, ignores
/// duplicates.
#[derive(Default)]
struct Client {
    next_in: u64,
    next_out: u64,
    online: bool,
    asked: bool,
    events: Vec<u64>,
}

impl Client {
    fn send(&mut self, desk: &mut Desk<MmapStore, NoCredentials>, kind: &str, fields: &str) {
        self.next_out += 1;
        desk.gets(&format!("35={kind}|34={}|{fields}", self.next_out));
    }

    /// Logs on when offline, then reads all there is and answers.
    fn turn(&mut self, desk: &mut Desk<MmapStore, NoCredentials>) {
        if !self.online {
            desk.session.disconnected();
            desk.connect();
            self.online = true;
            self.asked = false;
            self.next_in = self.next_in.max(1);
            self.send(desk, "A", "98=0|108=30|");
        }
        for message in desk.wrote() {
            let field = |tag: &str| {
                message
                    .split('|')
                    .find_map(|f| f.strip_prefix(&format!("{tag}=")))
                    .map(str::to_owned)
            };
            let number = |tag| field(tag).and_then(|text| text.parse::<u64>().ok());
            let seq = number("34").expect("numbered");
            match seq.cmp(&self.next_in) {
                std::cmp::Ordering::Less => {
                    assert_eq!(field("43").as_deref(), Some("Y"), "{message}");
                }
                std::cmp::Ordering::Greater if !self.asked => {
                    self.asked = true;
                    let from = self.next_in;
                    self.send(desk, "2", &format!("7={from}|16=0|"));
                }
                std::cmp::Ordering::Greater => {}
                std::cmp::Ordering::Equal => {
                    self.next_in = number("36").unwrap_or(seq + 1);
                    if let Some(text) = field("58").filter(|_| field("35").as_deref() == Some("8"))
                    {
                        let event = text.strip_prefix("event ").and_then(|n| n.parse().ok());
                        self.events.push(event.expect("an event"));
                    }
                }
            }
        }
        desk.events.clear();
    }
}

/// Both sides are ours: an initiator with a store of its own talks to the acceptor, and either
/// loses its process now and then. Orders and reports arrive in order, each once.
#[test]
fn two_sessions_of_ours_understand_each_other_over_crashes() {
    let (left, right) =
        (tempfile::tempdir().expect("folder"), tempfile::tempdir().expect("folder"));
    let initiator = |folder: &Path| {
        Desk::new(Config::initiator("CLIENT", "RUTTER"), open(folder), NoCredentials)
    };
    let mut client = initiator(left.path());
    let mut server = desk(right.path());
    let (mut orders, mut reports) = (0, 0);
    for round in 1..=30_u64 {
        if round % 7 == 0 {
            drop(client);
            client = initiator(left.path());
        }
        if round % 5 == 0 {
            drop(server);
            server = desk(right.path());
        }
        client.session.disconnected();
        server.session.disconnected();
        client.reports(round);
        server.connect();
        client.connect();
        for _ in 0..8 {
            let bytes = std::mem::take(&mut client.out);
            server.bytes(&bytes).confirm();
            let bytes = std::mem::take(&mut server.out);
            client.bytes(&bytes).confirm();
        }
        server.reports(round);
        orders += server.events.iter().filter(|event| event.starts_with("app")).count();
        reports += client.events.iter().filter(|event| event.starts_with("app")).count();
        for event in server.events.drain(..).chain(client.events.drain(..)) {
            assert!(["app", "logged on", "gap"].iter().any(|ok| event.starts_with(ok)), "{event}");
        }
    }
    // The last report has been stored and not yet fetched.
    assert_eq!((orders, reports), (30, 29));
}
