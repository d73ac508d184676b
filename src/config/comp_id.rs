//! `CompID`s of the file: names that FIX messages, folders and logs can have.
//!
//! A line belongs here if it judges a `CompID` as a name.

use std::collections::BTreeMap;

use super::error::{ConfigError, wrong};

/// Longest `CompID` of a session, in bytes: the core's names have as many.
pub const COMP_ID_BYTES_MAX: usize = 12;

/// Longest `fix.sender_comp_id`, in bytes.
pub const SENDER_COMP_ID_BYTES_MAX: usize = 64;

/// Why a text is no `CompID`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CompIdFault {
    /// No character at all.
    #[error("comp-id-empty: must have a character")]
    Empty,
    /// More bytes than a name may have.
    #[error("comp-id-too-long: has more than {0} characters")]
    TooLong(usize),
    /// NUL, SOH, a line end or another control character.
    #[error("comp-id-control: has a control character")]
    Control,
    /// A space, or a character outside ASCII.
    #[error("comp-id-not-ascii: has a character that is not printable ASCII, or a space")]
    NotAscii,
    /// `/` or `\`: a path, and not a name.
    #[error("comp-id-path: has / or \\, which separate folders")]
    Path,
    /// `.`, `..` or a hidden file.
    #[error("comp-id-dot: begins with a dot")]
    Dot,
    /// Another session has the name.
    #[error("comp-id-twice: is there twice")]
    Twice,
    /// Another session has the name in other case.
    #[error("comp-id-case: differs from another one only in upper and lower case")]
    OnlyCase,
}

/// Judges one `CompID` by itself.
///
/// # Errors
/// [`CompIdFault`].
pub fn check(name: &str, bytes_max: usize) -> Result<(), CompIdFault> {
    let has = |wrong: fn(char) -> bool| name.chars().any(wrong);
    match () {
        () if name.is_empty() => Err(CompIdFault::Empty),
        () if has(char::is_control) => Err(CompIdFault::Control),
        () if has(|one| !one.is_ascii_graphic()) => Err(CompIdFault::NotAscii),
        () if has(|one| matches!(one, '/' | '\\')) => Err(CompIdFault::Path),
        () if name.starts_with('.') => Err(CompIdFault::Dot),
        () if name.len() > bytes_max => Err(CompIdFault::TooLong(bytes_max)),
        () => Ok(()),
    }
}

/// Judges the `CompID`s of all sessions.
///
/// # Errors
/// [`ConfigError::Value`] with a [`CompIdFault`].
pub(super) fn check_all<'a>(names: impl Iterator<Item = &'a str>) -> Result<(), ConfigError> {
    let mut seen = BTreeMap::new();
    for name in names {
        let fault = match seen.insert(name.to_lowercase(), name) {
            Some(before) if before == name => Err(CompIdFault::Twice),
            Some(_) => Err(CompIdFault::OnlyCase),
            None => Ok(()),
        };
        if let Err(fault) = check(name, COMP_ID_BYTES_MAX).and(fault) {
            return wrong(format!("session.{}.comp_id", name.escape_debug()), fault.to_string());
        }
    }
    if seen.is_empty() { wrong("session", "empty") } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comp_id_is_a_name_and_each_fault_has_its_word() {
        for name in ["A", "DESK-1", "a.b", "x_y:z@1", "ABCDEFGHIJKL", "CO+LTD", "100%"] {
            assert_eq!(check(name, COMP_ID_BYTES_MAX), Ok(()), "{name}");
        }
        for (name, fault) in [
            ("", CompIdFault::Empty),
            ("..", CompIdFault::Dot),
            (".", CompIdFault::Dot),
            (".hidden", CompIdFault::Dot),
            ("../../etc", CompIdFault::Path),
            ("/etc", CompIdFault::Path),
            ("a/b", CompIdFault::Path),
            ("a\\b", CompIdFault::Path),
            ("a\0b", CompIdFault::Control),
            ("a\u{1}b", CompIdFault::Control),
            ("a\nb", CompIdFault::Control),
            ("a\u{7f}b", CompIdFault::Control),
            ("a\u{85}b", CompIdFault::Control),
            ("a b", CompIdFault::NotAscii),
            ("é", CompIdFault::NotAscii),
            ("a\u{202e}b", CompIdFault::NotAscii),
            ("ABCDEFGHIJKLM", CompIdFault::TooLong(12)),
        ] {
            assert_eq!(check(name, COMP_ID_BYTES_MAX), Err(fault), "{name:?}");
        }
    }

    #[test]
    fn two_sessions_have_two_names_whatever_the_case() {
        let said = |names: &[&str]| check_all(names.iter().copied()).map_err(|e| e.to_string());
        assert_eq!(said(&["A", "B"]), Ok(()));
        for (names, words) in [
            (vec!["A", "B", "A"], "session.A.comp_id: comp-id-twice"),
            (vec!["Desk", "DESK"], "session.DESK.comp_id: comp-id-case"),
            (vec!["A", "a\n"], "session.a\\n.comp_id: comp-id-control"),
            (vec![], "session: empty"),
        ] {
            let error = said(&names).expect_err("refused");
            assert!(error.starts_with(words), "{error}");
        }
    }
}
