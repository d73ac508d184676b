//! Any line to the console's reader; each request goes on to the table of verbs, in each role.
#![cfg_attr(fuzzing, no_main)]

use rutter_admin::console::frame::{answer, parse};
use rutter_admin::console::people::Role;
use rutter_admin::console::verb::Verb;
use serde_json::Value;

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| run(data));

/// One input of the fuzzer.
pub fn run(data: &[u8]) {
    let (id, result) = match parse(data) {
        Ok(request) => {
            let asked = Verb::find(&request.verb).and_then(|verb| {
                let _ = verb.ask(Role::Viewer, &request.args);
                verb.ask(Role::Admin, &request.args)
            });
            (Some(request.id), asked.map(|_| Value::Object(request.args)))
        }
        Err((id, failure)) => (id, Err(failure)),
    };
    let line = answer(id, result);
    assert!(line.ends_with('\n') && line.matches('\n').count() == 1, "an answer is one line");
}
