//! Secrets in the configuration: read from the file itself, another file or the environment.
//!
//! A line belongs here if it reads a secret, or keeps one out of an error. No error says what is in
//! a secret, nor shows a line of the file in which one may be.

use std::path::Path;

use rutter_transport::secret::Secret;
use serde::{Deserialize, Deserializer, Serializer};
use zeroize::Zeroizing;

use super::finding::{Fault, Finding};
use super::places::Lines;

/// Longest file of a secret that is read, bytes.
const SECRET_FILE_BYTES_MAX: u64 = 4_096;

/// The secret in a file, without the end of its line.
///
/// # Errors
/// Why the file cannot be read, without a word of its text.
pub fn read_secret(path: &Path) -> Result<Secret, String> {
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

/// Stands in the place of a secret wherever the configuration is shown. No secret may be this text.
pub const MASK: &str = "***";

/// Parts of the stand-ins that examples write where a secret belongs, in lower case.
const PLACEHOLDERS: [&str; 8] = [
    "change-me",
    "changeme",
    "change_me",
    "placeholder",
    "replace-me",
    "your-api-key",
    "your-secret",
    "your_api_key",
];

/// Whether a text is a stand-in from an example or the mask of a secret, and no secret or key.
pub fn placeholder(text: &str) -> bool {
    let text = text.trim().to_ascii_lowercase();
    let bracketed = [("<", ">"), ("${", "}"), ("{{", "}}")];
    let is_bracketed =
        |(open, close): (&str, &str)| text.starts_with(open) && text.ends_with(close);
    let one_character = text.len() > 3 && text.bytes().all(|byte| byte == text.as_bytes()[0]);
    text == MASK
        || PLACEHOLDERS.iter().any(|part| text.contains(part))
        || bracketed.into_iter().any(is_bracketed)
        || text.starts_with("your-")
        || one_character
}

/// Reads a secret. The error does not show a value that is no text.
pub(super) fn secret<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Secret>, D::Error> {
    match toml::Value::deserialize(from)? {
        toml::Value::String(text) => Ok(Some(Secret::new(text))),
        _ => Err(serde::de::Error::custom("must be a text")),
    }
}

/// Writes the mask in the place of a secret.
pub(super) fn masked<T, S: Serializer>(_: &T, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(MASK)
}

/// A parse error by position, key and reason. The line and the value are left out, because they
/// may hold a secret.
pub(super) fn syntax_finding(text: &str, lines: &Lines, error: &toml::de::Error) -> Finding {
    let (line, column) = error.span().map_or((0, 0), |span| lines.position(span.start));
    let shown = text.lines().nth(line.saturating_sub(1)).and_then(|line| line.split_once('='));
    let is_key = |key: &&str| {
        !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    let key = shown.map(|(key, _)| key.trim()).filter(is_key).unwrap_or_default().to_owned();
    Finding { line, column, fault: Fault::Syntax, key, reason: error.message().to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stand_ins_of_examples_are_known_and_keys_are_not_taken_for_them() {
        for text in [
            "your-api-key",
            "CHANGE-ME-please",
            "<api key>",
            "${KEY}",
            "XXXXXXXX",
            "your-key\n",
            MASK,
        ] {
            assert!(placeholder(text), "{text}");
        }
        for text in
            ["", "password-1", "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91d"]
        {
            assert!(!placeholder(text), "{text}");
        }
    }
}
