//! Why a configuration is refused.
//!
//! A line belongs here if it is an error of the file as a whole. The errors of `[alerts]` stand in
//! `alerts`.

use std::path::PathBuf;

use super::alerts::AlertsError;

/// Longest configuration file that is read, bytes.
pub const CONFIG_BYTES_MAX: u64 = 1 << 20;

/// Why a configuration is refused.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The configuration file.
        path: PathBuf,
        /// The error of the file system.
        source: std::io::Error,
    },
    /// The file is longer than [`CONFIG_BYTES_MAX`].
    #[error("{path} is longer than {CONFIG_BYTES_MAX} bytes")]
    TooLong {
        /// The configuration file.
        path: PathBuf,
    },
    /// Not TOML, an unknown or missing key, or a value of the wrong type.
    #[error("{path}: {message}")]
    Parse {
        /// The configuration file.
        path: PathBuf,
        /// Line, column and reason.
        message: String,
    },
    /// A value that cannot be meant.
    #[error("{key}: {reason}")]
    Value {
        /// Where, such as `venue.binance.listing.BTC/USDT.tick`.
        key: String,
        /// What is wrong with the value.
        reason: String,
    },
    /// The section `[alerts]` is wrong.
    #[error(transparent)]
    Alerts(#[from] AlertsError),
}

pub(super) fn wrong<T>(
    key: impl Into<String>,
    reason: impl Into<String>,
) -> Result<T, ConfigError> {
    Err(ConfigError::Value { key: key.into(), reason: reason.into() })
}
