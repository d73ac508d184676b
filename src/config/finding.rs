//! What is wrong with a configuration: findings, each with its place in the file.
//!
//! A line belongs here if it says how a finding looks. The checks stand beside what they check. No
//! finding shows a secret.

use std::fmt;
use std::path::PathBuf;

use serde::Serialize;

use super::places::Places;

/// Longest configuration file that is read, bytes.
pub const CONFIG_BYTES_MAX: u64 = 64 << 20;

/// Most findings that are kept; further ones are counted.
pub const FINDINGS_MAX: usize = 200;

/// The kind of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// The configuration file cannot be read, or is too long.
    UnreadableConfig,
    /// The file is not TOML.
    Syntax,
    /// A key that no section has.
    UnknownKey,
    /// A required key is absent.
    MissingKey,
    /// The value is of another type.
    WrongType,
    /// The value is none of those that the key can have.
    UnknownValue,
    /// A number or a length is outside its range.
    OutOfRange,
    /// A name has a character that no name may have, or is empty or too long.
    BadName,
    /// An address cannot be read, or nobody can listen there.
    BadAddress,
    /// A log level cannot be read.
    BadLevel,
    /// Session hours cannot be read.
    BadHours,
    /// A secret is too short, or not in the form that its reader needs.
    BadSecret,
    /// The value is a stand-in from an example.
    Placeholder,
    /// A file or an environment variable cannot be read.
    Unreadable,
    /// A certificate or its key cannot be used.
    BadCertificate,
    /// A name that is used and not declared.
    NotDeclared,
    /// A name, an address or a path is used twice.
    Duplicate,
    /// Two keys contradict each other.
    Conflict,
    /// The values allow no order.
    Impossible,
    /// The journal has another definition under this name.
    ContradictsJournal,
    /// A part of the node refuses the setting for another reason.
    Refused,
}

impl Fault {
    /// The word in messages.
    pub const fn word(self) -> &'static str {
        match self {
            Self::UnreadableConfig => "unreadable-config",
            Self::Syntax => "syntax",
            Self::UnknownKey => "unknown-key",
            Self::MissingKey => "missing-key",
            Self::WrongType => "wrong-type",
            Self::UnknownValue => "unknown-value",
            Self::OutOfRange => "out-of-range",
            Self::BadName => "bad-name",
            Self::BadAddress => "bad-address",
            Self::BadLevel => "bad-level",
            Self::BadHours => "bad-hours",
            Self::BadSecret => "bad-secret",
            Self::Placeholder => "placeholder",
            Self::Unreadable => "unreadable",
            Self::BadCertificate => "bad-certificate",
            Self::NotDeclared => "not-declared",
            Self::Duplicate => "duplicate",
            Self::Conflict => "conflict",
            Self::Impossible => "impossible",
            Self::ContradictsJournal => "contradicts-journal",
            Self::Refused => "refused",
        }
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Line in the file, from 1; 0 if the finding is not about a line.
    pub line: usize,
    /// Column in the line, bytes from 1; 0 if the finding is not about a line.
    pub column: usize,
    /// The kind.
    pub fault: Fault,
    /// The key, such as `venue.binance.listing.BTC/USDT.tick`; empty if there is none.
    pub key: String,
    /// A sentence for a person.
    pub reason: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line > 0 {
            write!(f, "{}:{}: ", self.line, self.column)?;
        }
        write!(f, "{}: ", self.fault.word())?;
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.reason)
    }
}

/// What is wrong with the value of a key. The key is relative to its table.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {reason}")]
pub struct KeyError {
    /// The key in its table.
    pub key: &'static str,
    /// The kind.
    pub fault: Fault,
    /// A sentence for a person.
    pub reason: String,
}

impl KeyError {
    pub(super) fn new(key: &'static str, fault: Fault, reason: impl Into<String>) -> Self {
        Self { key, fault, reason: reason.into() }
    }
}

/// The findings of one file so far.
///
/// A path names a value by positions, such as `venue[0].listing[1].tick`.
#[derive(Debug, Default)]
pub struct Findings {
    places: Places,
    /// Paths whose values were wrong or absent, and have been replaced by a stand-in.
    damaged: Vec<String>,
    found: Vec<(String, Finding)>,
    left_out: usize,
}

/// Whether `path` is `above`, or lies below it.
fn is_below(path: &str, above: &str) -> bool {
    path.strip_prefix(above).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

impl Findings {
    pub(super) const fn new(places: Places) -> Self {
        Self { places, damaged: Vec::new(), found: Vec::new(), left_out: 0 }
    }

    /// Adds a finding about the value at a path. Nothing is added about a stand-in: its own
    /// finding is there already.
    pub fn add(&mut self, path: &str, fault: Fault, reason: impl Into<String>) {
        if self.is_full() {
            self.left_out += 1;
            return;
        }
        if self.is_damaged(path) {
            return;
        }
        let (line, column) = self.places.find(path);
        let key = self.places.shown(path);
        let finding = Finding { line, column, fault, key, reason: reason.into() };
        self.found.push((path.to_owned(), finding));
    }

    /// Adds a finding that has its place already.
    pub(super) fn push(&mut self, finding: Finding) {
        if self.is_full() {
            self.left_out += 1;
        } else {
            self.found.push((String::new(), finding));
        }
    }

    /// Whether further findings are only counted.
    pub(super) const fn is_full(&self) -> bool {
        self.found.len() >= FINDINGS_MAX
    }

    /// Adds the finding of a key in the table at a path.
    pub fn add_key(&mut self, table: &str, error: KeyError) {
        self.add(&format!("{table}.{}", error.key), error.fault, error.reason);
    }

    /// Adds a finding, and remembers that its value is replaced by a stand-in.
    pub(super) fn add_damage(&mut self, path: &str, fault: Fault, reason: impl Into<String>) {
        // Without this finding nothing more is said about the stand-in either.
        if self.is_full() {
            self.left_out += 1;
            return;
        }
        self.add(path, fault, reason);
        self.damaged.push(path.to_owned());
    }

    /// Line and column of the value at a path, or of the nearest table around it.
    pub(super) fn place(&self, path: &str) -> (usize, usize) {
        self.places.find(path)
    }

    /// Whether the value at a path, or a value around it, is a stand-in.
    pub fn is_damaged(&self, path: &str) -> bool {
        self.damaged.iter().any(|damaged| is_below(path, damaged))
    }

    /// Whether nothing is wrong at a path and below it.
    pub fn is_clean(&self, path: &str) -> bool {
        !self.is_damaged(path) && !self.found.iter().any(|(found, _)| is_below(found, path))
    }

    /// True if nothing is wrong.
    pub const fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// `Ok` if nothing is wrong; otherwise all findings, in the order of the file.
    ///
    /// # Errors
    /// The findings.
    pub fn into_result(self) -> Result<(), ConfigError> {
        if self.found.is_empty() {
            return Ok(());
        }
        let mut findings: Vec<Finding> = self.found.into_iter().map(|(_, found)| found).collect();
        findings.sort_by_key(|found| (found.line, found.column));
        findings.dedup();
        Err(ConfigError { path: PathBuf::new(), findings, left_out: self.left_out })
    }
}

/// Why a configuration is refused: everything that was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ConfigError {
    /// The file; empty for a text that comes from no file.
    pub path: PathBuf,
    /// The findings, in the order of the file; at least one.
    pub findings: Vec<Finding>,
    /// Findings beyond [`FINDINGS_MAX`], which are only counted.
    pub left_out: usize,
}

impl ConfigError {
    /// One finding that is not about a line.
    pub fn of_file(path: PathBuf, reason: String) -> Self {
        let fault = Fault::UnreadableConfig;
        let finding = Finding { line: 0, column: 0, fault, key: String::new(), reason };
        Self { path, findings: vec![finding], left_out: 0 }
    }

    /// The lines for a person, one a finding.
    pub fn lines(&self) -> impl Iterator<Item = String> {
        self.findings.iter().map(|finding| {
            let separator = if finding.line > 0 { ":" } else { ": " };
            if self.path.as_os_str().is_empty() {
                return finding.to_string();
            }
            format!("{}{separator}{finding}", self.path.display())
        })
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.findings.len() != 1 {
            write!(f, "{} findings", self.findings.len())?;
        }
        for (at, line) in self.lines().enumerate() {
            let break_before = if at > 0 || self.findings.len() != 1 { "\n" } else { "" };
            write!(f, "{break_before}{line}")?;
        }
        if self.left_out > 0 {
            write!(f, "\nand {} more", self.left_out)?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_lies_below_its_table_and_not_below_a_longer_name() {
        assert!(is_below("venue[0].tick", "venue[0]") && is_below("venue[0]", "venue"));
        assert!(!is_below("venues", "venue") && !is_below("venue[10]", "venue[1]"));
    }

    #[test]
    fn the_word_of_a_fault_is_the_same_in_text_and_json() {
        for fault in [Fault::UnreadableConfig, Fault::OutOfRange, Fault::ContradictsJournal] {
            let json = serde_json::to_string(&fault).expect("JSON");
            assert_eq!(json, format!("\"{}\"", fault.word()));
        }
    }

    #[test]
    fn each_finding_has_its_own_line_with_file_line_column_and_word() {
        let finding = |line| Finding {
            line,
            column: 3,
            fault: Fault::MissingKey,
            key: "node.data_dir".to_owned(),
            reason: "needed".to_owned(),
        };
        let path = PathBuf::from("n.toml");
        let one = ConfigError { path: path.clone(), findings: vec![finding(7)], left_out: 0 };
        assert_eq!(one.to_string(), "n.toml:7:3: missing-key: node.data_dir: needed");
        let two = ConfigError { path, findings: vec![finding(7), finding(0)], left_out: 3 };
        let lines: Vec<String> = two.to_string().lines().map(str::to_owned).collect();
        assert_eq!(lines[0], "2 findings");
        assert_eq!(lines[2], "n.toml: missing-key: node.data_dir: needed");
        assert_eq!(lines[3], "and 3 more");
    }
}
