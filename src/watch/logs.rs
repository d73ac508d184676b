//! Logs: one line for each event, written to standard error by a separate thread.
//!
//! A line belongs here if it makes, limits or writes a line of the log. A thread that logs never
//! waits: if the queue is full, the line is dropped and counted. A line that repeats except for its
//! digits is written [`REPEATS_MAX`](queue::REPEATS_MAX) times in ten seconds, and then only
//! counted. Lines about single orders ([`trace`]) are not limited.

pub mod json;
#[cfg(test)]
mod kept;
pub mod notices;
pub mod queue;
pub mod trace;

use std::path::PathBuf;
use std::sync::OnceLock;

use rutter_admin::printable::Escape;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry, reload};

pub use queue::{LogCounts, LogGuard, counts};

/// Environment variable with a log level; it overrides the configuration.
pub const LEVEL_VARIABLE: &str = "RUST_LOG";

/// `[log]`
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LogConfig {
    /// The format of a line.
    pub format: LogFormat,
    /// Level, such as `info`, or levels by target, such as `warn,rutter=debug`; `info` if absent.
    /// The levels are `off`, `error`, `warn`, `info`, `debug` and `trace`.
    pub level: Option<String>,
    /// Folder of the raw FIX messages, a file for each session; none if absent.
    pub fix: Option<PathBuf>,
}

/// The format of a line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Text for people.
    #[default]
    Text,
    /// One JSON object per line.
    Json,
}

/// Why logs cannot start, or their level cannot change.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The text is not a level.
    #[error("{0}")]
    Level(String),
    /// The thread could not be started.
    #[error("log thread: {0}")]
    Thread(std::io::Error),
    /// The process has another logger already.
    #[error("logs: {0}")]
    InputPositions(String),
    /// Logs are not started.
    #[error("logs are not started")]
    NotStarted,
}

type Handle = reload::Handle<EnvFilter, Registry>;

static FILTER: OnceLock<Handle> = OnceLock::new();

/// The levels, quietest first.
const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

/// Checks the text of a level.
///
/// # Errors
/// [`LogError::Level`].
pub fn check_level(level: &str) -> Result<(), LogError> {
    filter(level).map(drop)
}

/// Checks [`LEVEL_VARIABLE`]; nothing is wrong if it is not set, or empty.
///
/// # Errors
/// [`LogError::Level`].
pub fn check_variable() -> Result<(), LogError> {
    level_of_variable()?.map_or(Ok(()), |level| check_level(&level))
}

fn level_of_variable() -> Result<Option<String>, LogError> {
    match std::env::var(LEVEL_VARIABLE) {
        Ok(level) => Ok(Some(level).filter(|level| !level.is_empty())),
        Err(std::env::VarError::NotPresent) => Ok(None),
        Err(error) => Err(LogError::Level(error.to_string())),
    }
}

/// A word without a level is a target for `EnvFilter`, and lets all lines of that target through.
/// Here it is an error, because a misspelt level would silence every other target.
fn filter(level: &str) -> Result<EnvFilter, LogError> {
    for part in level.split(',').map(str::trim) {
        let known = LEVELS.iter().any(|known| part.eq_ignore_ascii_case(known));
        if !known && !part.contains('=') {
            let levels = LEVELS.join(", ");
            let reason = format!("{part:?} is not one of {levels}, and no target=level");
            return Err(LogError::Level(reason));
        }
    }
    EnvFilter::try_new(level).map_err(|error| LogError::Level(error.to_string()))
}

/// Starts the log of the process. Lines are written until the guard is dropped.
///
/// # Errors
/// [`LogError`].
pub fn start(config: &LogConfig) -> Result<LogGuard, LogError> {
    let variable = level_of_variable()?;
    let wanted = filter(variable.as_deref().or(config.level.as_deref()).unwrap_or("info"))?;
    let (filter, handle) = reload::Layer::new(wanted);
    let escape = match config.format {
        LogFormat::Text => Escape::Text,
        LogFormat::Json => Escape::Json,
    };
    let (writer, guard) = queue::start(std::io::stderr(), escape).map_err(LogError::Thread)?;
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

/// Changes the level.
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
        for level in ["rutter=loud", "inof", "warn,rutterdebug", "", "info,", "loud"] {
            assert!(check_level(level).is_err(), "{level}");
        }
        assert!(matches!(set_level("info"), Err(LogError::NotStarted)));
    }
}
