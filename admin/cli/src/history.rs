//! History of typed lines, without reasons, codes and news.

use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rutter_admin::printable::is_printable;

/// Lines that are kept.
pub const LINES_MAX: usize = 1_000;

/// Bytes of the file that are read.
const BYTES_MAX: u64 = 1 << 20;

/// Options whose values are not kept.
const NOT_KEPT: [&str; 2] = ["--reason", "--totp"];

/// The file: `rutter/console_history` in the XDG state folder (XDG Base Directory 0.8).
pub fn file() -> Option<PathBuf> {
    let absolute = |path: PathBuf| path.is_absolute().then_some(path);
    let state = std::env::var_os("XDG_STATE_HOME").map(PathBuf::from).and_then(absolute);
    let home = || Some(PathBuf::from(std::env::var_os("HOME")?).join(".local/state"));
    Some(state.or_else(home)?.join("rutter/console_history"))
}

/// The part of a line that may be kept; `None` if nothing may.
pub fn keepable(words: &[String]) -> Option<String> {
    let mut kept: Vec<String> = Vec::new();
    let mut skip = false;
    let news = words.iter().position(|word| word == "news");
    for (n, word) in words.iter().enumerate() {
        let name = word.split('=').next().unwrap_or(word);
        if std::mem::take(&mut skip) {
            continue;
        }
        if NOT_KEPT.contains(&name) {
            skip = !word.contains('=');
        } else if news.is_none_or(|at| n <= at) {
            kept.push(quoted(word));
        }
    }
    (!kept.is_empty()).then(|| kept.join(" "))
}

fn quoted(word: &str) -> String {
    let bare = !word.is_empty() && !word.contains(|c: char| c.is_whitespace() || "\"'".contains(c));
    if bare {
        return word.to_owned();
    }
    let quote = if word.contains('"') { '\'' } else { '"' };
    format!("{quote}{word}{quote}")
}

/// The last lines of the file; none if it cannot be read.
pub fn load(file: &Path) -> Vec<String> {
    let mut bytes = Vec::new();
    let opened = options().read(true).open(file);
    if opened.and_then(|file| file.take(BYTES_MAX).read_to_end(&mut bytes)).is_err() {
        return Vec::new();
    }
    let text = String::from_utf8_lossy(&bytes);
    let printable = |line: &&str| !line.is_empty() && line.chars().all(is_printable);
    let lines: Vec<String> = text.lines().filter(printable).map(str::to_owned).collect();
    let from = lines.len().saturating_sub(LINES_MAX);
    lines.into_iter().skip(from).collect()
}

/// Writes the last lines, readable by their owner only.
///
/// # Errors
/// The file cannot be written.
pub fn save(file: &Path, lines: &[String]) -> std::io::Result<()> {
    if let Some(folder) = file.parent() {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    let new = file.with_extension("new");
    // Left by one that was killed; its mode could be another.
    let _ = std::fs::remove_file(&new);
    let mut out = options().write(true).create_new(true).mode(0o600).open(&new)?;
    for line in lines.iter().skip(lines.len().saturating_sub(LINES_MAX)) {
        writeln!(out, "{line}")?;
    }
    drop(out);
    std::fs::rename(&new, file)
}

/// No link is followed.
fn options() -> std::fs::OpenOptions {
    let mut options = std::fs::OpenOptions::new();
    options.custom_flags(rustix::fs::OFlags::NOFOLLOW.bits().cast_signed());
    options
}
