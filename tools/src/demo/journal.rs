//! The node's journal, verified and decided again by the node's program.
//!
//! A line belongs here if it reads what `rutter verify` and `rutter replay` say.

use crate::harness::Program;

/// What the program says of a journal.
#[derive(Clone, Debug, Default)]
pub struct Judged {
    /// Records in the journal.
    pub records: u64,
    /// Whether `rutter verify` found every record intact.
    pub verified: bool,
    /// Number of digests that the replay compared.
    pub digests_compared: u64,
    /// The digest of all decisions at the end, as the replay computed it.
    pub digest: String,
    /// Whether the replay made the same decisions, to the bit.
    pub digest_equal: bool,
}

impl Judged {
    /// Has the program verify and replay the journal. What is wrong is said on standard error.
    ///
    /// # Errors
    /// The program cannot be run.
    pub fn of(program: &Program) -> anyhow::Result<Self> {
        let verified = program.journal_command("verify")?;
        if !verified.status.success() {
            eprintln!("verify: {}", String::from_utf8_lossy(&verified.stderr));
        }
        let replayed = program.journal_command("replay")?;
        let said = String::from_utf8_lossy(&replayed.stdout);
        let digests_compared = number_behind(&said, "digests compared ").unwrap_or(0);
        let judged = Self {
            records: number_behind(&said, "records ").unwrap_or(0),
            verified: verified.status.success(),
            digests_compared,
            digest: word_behind(&said, "digest ").unwrap_or_default(),
            digest_equal: replayed.status.success() && digests_compared > 0,
        };
        if !judged.digest_equal {
            eprintln!("replay: {said}{}", String::from_utf8_lossy(&replayed.stderr));
        }
        Ok(judged)
    }
}

/// The word that follows a text at the start of a line; `None` if there is none.
fn word_behind(text: &str, before: &str) -> Option<String> {
    let rest = text.lines().find_map(|line| line.trim_start().strip_prefix(before))?;
    rest.split_ascii_whitespace().next().map(str::to_owned)
}

/// The number that follows a word in a text; `None` if the word or the number is missing.
fn number_behind(text: &str, word: &str) -> Option<u64> {
    let rest = &text[text.find(word)? + word.len()..];
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    rest[..end].parse().ok()
}
