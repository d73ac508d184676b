//! An example configuration with its stand-ins filled in, as its reader would do.
//!
//! A line belongs here if it replaces what an example cannot know: keys, passwords, secrets and
//! folders.

use std::path::Path;

use rutter_sim::Venue;

use super::{HarnessError, io};

/// Seed of the simulated venues' keys.
const SEED: u64 = 1;

/// Secret of a file that belongs to no venue; long enough for every use.
const SECRET: &str = "a-secret-that-only-tests-know-0001";

/// The text of an example with keys of the simulated venues, passwords, and secret files and data
/// below `folder`. The files are written.
///
/// # Errors
/// [`HarnessError::Io`].
pub fn fill_in(example: &str, folder: &Path) -> Result<String, HarnessError> {
    let mut filled = String::new();
    let mut kind = None;
    for line in example.lines() {
        let parts = line.split_once(" = ");
        let (key, value) = parts.map_or(("", ""), |(key, value)| (key, value.trim_matches('"')));
        if line.starts_with('[') && !line.starts_with("[[venue.") {
            kind = None;
        }
        if key == "kind" {
            kind = Venue::ALL.into_iter().find(|venue| venue.name() == value);
        }
        let credentials = kind.map(|venue| venue.terms().credentials(SEED));
        let value = match (key, credentials) {
            ("api_key", Some(credentials)) => Some(credentials.api_key),
            ("password", _) => Some(format!("{SECRET}-{}", filled.len())),
            ("data_dir" | "socket", _) => Some(folder.join(value).to_string_lossy().into_owned()),
            (key, credentials) if key.ends_with("_file") => {
                let secret = credentials.map_or_else(|| SECRET.to_owned(), |own| own.secret);
                let path = folder.join(Path::new(value).file_name().unwrap_or_default());
                std::fs::write(&path, secret).map_err(io(format!("write {}", path.display())))?;
                Some(path.to_string_lossy().into_owned())
            }
            _ => None,
        };
        filled
            .push_str(&value.map_or_else(|| line.to_owned(), |value| format!("{key} = {value:?}")));
        filled.push('\n');
    }
    Ok(filled)
}
