//! Secrets in the configuration: read from the file itself, another file or the environment.
//!
//! A line belongs here if it reads a secret, or keeps one out of an error. No error says what is in
//! a secret, nor shows a line of the file in which one may be.

use std::path::Path;

use rutter_transport::secret::Secret;
use serde::{Deserialize, Deserializer};
use zeroize::Zeroizing;

/// Longest file of a secret that is read, bytes.
const SECRET_FILE_BYTES_MAX: u64 = 4_096;

pub(super) fn read_secret(path: &Path) -> Result<Secret, String> {
    read_secret_text(path).map(|text| Secret::from(text.as_str()))
}

/// The text of a file without the end of its line.
///
/// # Errors
/// Why the file cannot be read, without a word of its text.
pub(super) fn read_secret_text(path: &Path) -> Result<Zeroizing<String>, String> {
    let cannot = |error: std::io::Error| format!("cannot read {}: {error}", path.display());
    if std::fs::metadata(path).map_err(cannot)?.len() > SECRET_FILE_BYTES_MAX {
        return Err(format!("{} is longer than {SECRET_FILE_BYTES_MAX} bytes", path.display()));
    }
    let text = Zeroizing::new(std::fs::read_to_string(path).map_err(cannot)?);
    Ok(Zeroizing::new(text.trim_end().to_owned()))
}

/// Reads a secret. The error does not show a value that is no text.
pub(super) fn secret<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Secret>, D::Error> {
    match toml::Value::deserialize(from)? {
        toml::Value::String(text) => Ok(Some(Secret::new(text))),
        _ => Err(serde::de::Error::custom("must be a text")),
    }
}

/// Describes a parse error by reason, position and key. The line and the value are left out,
/// because they may hold a secret.
pub(super) fn parse_error(text: &str, error: &toml::de::Error) -> String {
    let message = error.message();
    let Some(start) = error.span().map(|span| span.start.min(text.len())) else {
        return message.to_owned();
    };
    let before = text.get(..start).unwrap_or_default();
    let line = before.matches('\n').count();
    let column = before.len() - before.rfind('\n').map_or(0, |at| at + 1);
    let place = format!("line {}, column {}", line + 1, column + 1);
    let shown = text.lines().nth(line).and_then(|line| line.split_once('=')).map(|(key, _)| key);
    let is_key = |key: &&str| {
        !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    match shown.map(str::trim).filter(is_key) {
        Some(key) => format!("{place}, {key}: {message}"),
        None => format!("{place}: {message}"),
    }
}
