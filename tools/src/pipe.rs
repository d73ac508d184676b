//! The end of a reader of our output.
//!
//! A line belongs here if it is about a pipe that nobody reads any more.

use std::panic::PanicHookInfo;

/// Exit code of a command whose output nobody reads to the end: that of a shell for SIGPIPE.
const BROKEN_PIPE: i32 = 128 + 13;

/// From now on the process ends quietly when nobody reads its output any more, as with `head`. The
/// print macros know no other answer to a write error than a panic.
pub fn end_quietly() {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if is_broken_pipe(panic) {
            std::process::exit(BROKEN_PIPE);
        }
        before(panic);
    }));
}

fn is_broken_pipe(panic: &PanicHookInfo<'_>) -> bool {
    let said = panic.payload().downcast_ref::<String>().map_or("", String::as_str);
    said.starts_with("failed printing to std") && said.contains("Broken pipe")
}
