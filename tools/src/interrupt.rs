//! Ctrl-C and SIGTERM as a flag, so that a run ends in order and its child processes with it.
//!
//! A line belongs here if it reacts to a signal.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::Context;
use signal_hook::consts::{SIGINT, SIGTERM};

/// A flag that SIGINT and SIGTERM set from now on, instead of ending the process.
///
/// # Errors
/// The system refuses the handler.
pub fn flag() -> anyhow::Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&stop)).context("signal handler")?;
    }
    Ok(stop)
}
