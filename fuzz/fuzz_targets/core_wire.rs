//! Any bytes to the core's input decoder; each decoded input goes on to the engine.
#![cfg_attr(fuzzing, no_main)]

use rutter_core::Engine;
use rutter_core::input::{Genesis, Header, Input};
use rutter_core::number::UnixNanos;
use rutter_core::output::Output;
use rutter_core::wire::{INPUT_BYTES_MAX, decode, encode};

const GENESIS: Genesis = Genesis {
    node_tag: 1,
    orders_log2: 4,
    children_log2: 4,
    executions_log2: 4,
    day_roll_s: 0,
    hash_seed: 7,
};

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| run(data));

/// One input of the fuzzer.
pub fn run(data: &[u8]) {
    let Ok(mut engine) = Engine::new(&GENESIS) else { return };
    let mut outputs: Vec<Output> = Vec::new();
    let mut rest = data;
    let mut header = Header { seq: 0, time: UnixNanos(1_700_000_000_000_000_000) };
    // One byte tells how long the next record is.
    while let Some((len, tail)) = rest.split_first() {
        let (record, tail) = tail.split_at(usize::from(*len).min(tail.len()));
        rest = tail;
        let Ok(input) = decode(record) else { continue };
        let mut buf = [0; INPUT_BYTES_MAX];
        let written = encode(&input, &mut buf);
        assert_eq!(&buf[..written], record, "what is read is written the same");
        // A second genesis, and reference data out of all bounds, are refused by boot.
        if matches!(input, Input::Genesis(_)) {
            continue;
        }
        header.seq += 1;
        header.time.0 += 1_000_000;
        engine.apply(header, &input, &mut outputs);
        outputs.clear();
    }
}
