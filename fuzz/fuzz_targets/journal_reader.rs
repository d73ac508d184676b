//! Any bytes as a journal, and a sound journal with changed bytes: read, verified, recovered.
#![cfg_attr(fuzzing, no_main)]

use rutter_journal::{Config, Durability, Journal, MemStorage, Reader, verify};

const SEGMENT_BYTES: usize = 64 << 10;
const RECORDS: u64 = 24;

fn config() -> Config {
    Config::new(Durability::Process).stepped().segment_bytes(SEGMENT_BYTES)
}

fn sound() -> MemStorage {
    let storage = MemStorage::new(7);
    if let Ok((mut journal, _)) = Journal::open(storage.clone(), config()) {
        for nth in 0..RECORDS {
            let body = vec![nth as u8; nth as usize * 5];
            let _ = journal.append(1, 1, nth, &body);
            if nth == RECORDS / 2 {
                let _ = journal.sync_step();
            }
        }
    }
    storage.after_kill()
}

fn read(storage: &MemStorage) -> Option<u64> {
    let mut reader = Reader::open(storage).ok()?;
    loop {
        match reader.next() {
            Ok(Some(_)) => {}
            Ok(None) => return Some(reader.last_sequence()),
            Err(_) => return None,
        }
    }
}

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| run(data));

/// One input of the fuzzer.
pub fn run(data: &[u8]) {
    let Some((mode, rest)) = data.split_first() else { return };
    let storage = if mode % 2 == 0 { sound() } else { MemStorage::new(7) };
    if mode % 2 == 0 {
        let first = (0..4).find(|index| storage.segment(*index).is_some()).unwrap_or(0);
        let mut segment = storage.segment(first).unwrap_or_default();
        let mut mark = storage.mark();
        // Three bytes change one byte: two for its offset, one for its new value.
        for change in rest.chunks_exact(3) {
            let at = usize::from(u16::from_le_bytes([change[0], change[1]]));
            let target = if at < 1 << 15 { &mut segment } else { &mut mark };
            if let Some(byte) = target.get_mut(at % (1 << 15) % 4_096) {
                *byte = change[2];
            }
        }
        if mode % 4 == 2 {
            segment.truncate(segment.len() / 2);
        }
        storage.put_segment(first, segment);
        storage.put_mark(Some(mark));
    } else {
        let half = rest.len() / 2;
        storage.put_segment(u64::from(mode / 128), rest[half..].to_vec());
        storage.put_mark((mode % 8 < 4).then(|| rest[..half].to_vec()));
    }
    let readable = read(&storage);
    let verified = verify(&storage).ok().map(|report| report.records);
    assert_eq!(readable, verified);
    let found = storage.after_kill();
    if let Ok((mut journal, recovery)) = Journal::open(found.clone(), config()) {
        assert_eq!(Some(recovery.last_sequence), readable, "recovery keeps what can be read");
        if journal.append(1, 1, 1, b"after").is_ok() {
            drop(journal);
            assert_eq!(read(&found.after_kill()), Some(recovery.last_sequence + 1));
        }
    }
}
