//! Any line to the console's reader, and whatever is a request to the table of verbs in each role.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rutter_admin::console::frame::{answer, parse};
use rutter_admin::console::people::Role;
use rutter_admin::console::verbs::find;
use serde_json::Value;

fuzz_target!(|data: &[u8]| {
    let (id, result) = match parse(data) {
        Ok(request) => {
            let checked = find(&request.verb).and_then(|verb| {
                let _ = verb.check(Role::Viewer, &request.args);
                verb.check(Role::Admin, &request.args)
            });
            (Some(request.id), checked.map(|()| Value::Object(request.args)))
        }
        Err((id, failure)) => (id, Err(failure)),
    };
    let line = answer(id, result);
    assert!(line.ends_with('\n') && line.matches('\n').count() == 1, "an answer is one line");
});
