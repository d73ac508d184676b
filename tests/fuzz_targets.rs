//! The fuzz targets of `fuzz/`, which stand apart from the workspace: each is compiled here too and
//! fed its corpus, cut and altered at random. A line belongs here if it runs a fuzz target without
//! the fuzzer.
#![allow(unexpected_cfgs, reason = "only fuzz/run sets the cfg `fuzzing`")]

use rutter_test_support::random::Random;
use rutter_test_support::seeds;
use std::fs;
use std::path::Path;

/// One module a target, and the table of all of them.
macro_rules! targets {
    ($($name:ident $path:literal),* $(,)?) => {
        $(#[path = $path] mod $name;)*
        const TARGETS: &[(&str, fn(&[u8]))] = &[$((stringify!($name), $name::run)),*];
    };
}

targets! {
    binance_json "../fuzz/fuzz_targets/binance_json.rs",
    config "../fuzz/fuzz_targets/config.rs",
    console_line "../fuzz/fuzz_targets/console_line.rs",
    core_wire "../fuzz/fuzz_targets/core_wire.rs",
    fix_codec "../fuzz/fuzz_targets/fix_codec.rs",
    fix_dictionary "../fuzz/fuzz_targets/fix_dictionary.rs",
    fix_session "../fuzz/fuzz_targets/fix_session.rs",
    journal_reader "../fuzz/fuzz_targets/journal_reader.rs",
    kraken_json "../fuzz/fuzz_targets/kraken_json.rs",
    venue_orders "../fuzz/fuzz_targets/venue_orders.rs",
}

/// Altered inputs for each input of the corpus and each seed.
const ALTERED: usize = 200;

/// The seeds of a target: its corpus, and no bytes at all.
fn corpus(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let mut all = vec![Vec::new()];
    let Ok(entries) = fs::read_dir(folder) else { return all };
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    all.extend(paths.iter().map(|path| fs::read(path).expect("a readable seed")));
    all
}

/// One input with a few bytes altered, added, taken or cut.
fn altered(random: &mut Random, input: &[u8]) -> Vec<u8> {
    let mut bytes = input.to_vec();
    for _ in 0..=random.below(8) {
        let at = random.below(bytes.len() as u64 + 1) as usize;
        let byte = random.next_u64() as u8;
        match random.below(4) {
            0 if at < bytes.len() => bytes[at] = byte,
            1 if at < bytes.len() => drop(bytes.remove(at)),
            2 if random.in_100(20) => bytes.truncate(at),
            _ => bytes.insert(at, byte),
        }
    }
    bytes
}

#[test]
fn each_fuzz_target_takes_its_corpus_and_altered_copies_of_it() {
    for (name, run) in TARGETS {
        for (place, input) in corpus(name).iter().enumerate() {
            run(input);
            for seed in seeds::chosen(5) {
                seeds::run(seed, "--test fuzz_targets", || {
                    let mut random = Random::new(seed ^ (place as u64) << 32);
                    for _ in 0..ALTERED {
                        run(&altered(&mut random, input));
                    }
                });
            }
        }
    }
}

#[test]
fn each_target_in_the_folder_runs_here() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/fuzz_targets");
    let mut found: Vec<String> = fs::read_dir(folder)
        .expect("the folder of the targets")
        .map(|entry| entry.expect("an entry").path())
        .map(|path| path.file_stem().expect("a name").to_string_lossy().into_owned())
        .collect();
    found.sort();
    let named: Vec<&str> = TARGETS.iter().map(|(name, _)| *name).collect();
    assert_eq!(found, named);
}
