//! Any text as a configuration file: an answer, never a panic.
#![cfg_attr(fuzzing, no_main)]

use rutter::config::Config;

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| run(data));

/// One input of the fuzzer.
pub fn run(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        let _ = Config::parse(text);
    }
}
