//! Logs: one line an event, handed to a thread of its own, which writes them to standard error.
//!
//! A line belongs here if it makes, limits or writes a line of the log. Whoever logs never waits: a
//! full queue drops the line and counts it. A line that says the same again and again, but for its
//! numbers, is written [`REPEATS_MAX`](queue::REPEATS_MAX) times in ten seconds and counted from
//! there on; lines about single orders ([`trace`]) are not limited so.

pub mod json;
#[cfg(test)]
mod kept;
pub mod queue;
pub mod trace;

use std::sync::OnceLock;

use serde::Deserialize;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry, reload};

pub use queue::{LogCounts, LogGuard, counts};

/// The environment's say in what is logged goes before the configuration's.
pub const LEVEL_VARIABLE: &str = "RUST_LOG";

/// `[log]`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogConfig {
    /// The format of a line.
    pub format: LogFormat,
    /// Such as `info`, or `warn,rutter=debug`; `info` if absent.
    pub level: Option<String>,
}

/// The format of a line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Why logs do not start, or do not change.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The level is none.
    #[error("log.level: {0}")]
    Level(String),
    /// The thread could not be started.
    #[error("log thread: {0}")]
    Thread(std::io::Error),
    /// Something else logs already.
    #[error("logs: {0}")]
    InputPositions(String),
    /// Logs are not started.
    #[error("logs are not started")]
    NotStarted,
}

type Handle = reload::Handle<EnvFilter, Registry>;

static FILTER: OnceLock<Handle> = OnceLock::new();

/// Whether a level can be meant.
///
/// # Errors
/// [`LogError::Level`].
pub fn check_level(level: &str) -> Result<(), LogError> {
    filter(level).map(drop)
}

fn filter(level: &str) -> Result<EnvFilter, LogError> {
    EnvFilter::try_new(level).map_err(|error| LogError::Level(error.to_string()))
}

/// Starts logging of the whole process; lines are written until the guard is dropped.
///
/// # Errors
/// [`LogError`].
pub fn start(config: &LogConfig) -> Result<LogGuard, LogError> {
    let wanted = match std::env::var(LEVEL_VARIABLE) {
        Ok(level) => filter(&level)?,
        Err(_) => filter(config.level.as_deref().unwrap_or("info"))?,
    };
    let (filter, handle) = reload::Layer::new(wanted);
    let (writer, guard) = queue::start(std::io::stderr()).map_err(LogError::Thread)?;
    let lines = tracing_subscriber::fmt::layer().with_ansi(false).with_writer(writer);
    let lines = match config.format {
        LogFormat::Text => lines.boxed(),
        LogFormat::Json => lines.event_format(json::JsonLine).boxed(),
    };
    tracing_subscriber::registry()
        .with(filter)
        .with(lines)
        .try_init()
        .map_err(|error| LogError::InputPositions(error.to_string()))?;
    // Logs start once, or `try_init` has failed.
    let _ = FILTER.set(handle);
    Ok(guard)
}

/// Changes what is logged from now on.
///
/// # Errors
/// [`LogError`]; nothing has changed then.
pub fn set_level(level: &str) -> Result<(), LogError> {
    let handle = FILTER.get().ok_or(LogError::NotStarted)?;
    handle.reload(filter(level)?).map_err(|error| LogError::InputPositions(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_that_is_none_is_refused() {
        assert!(check_level("info").is_ok() && check_level("warn,rutter=debug").is_ok());
        assert!(check_level("rutter=loud").is_err());
        assert!(matches!(set_level("info"), Err(LogError::NotStarted)));
    }
}
