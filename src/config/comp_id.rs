//! `CompID`s of the file: names that FIX messages, folders and logs can have.
//!
//! A line belongs here if it judges a `CompID` as a name.

use std::collections::BTreeMap;

use super::finding::{Fault, Findings};

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

/// Judges the `CompID`s of the node and of all sessions. A client with the node's own name could
/// not be told from the node.
pub(super) fn check_all<'a>(
    findings: &mut Findings,
    sender: &'a str,
    sessions: impl Iterator<Item = &'a str>,
) {
    let own = "fix.sender_comp_id";
    let mut seen = BTreeMap::from([(sender.to_lowercase(), (sender, own.to_owned()))]);
    let node = check(sender, SENDER_COMP_ID_BYTES_MAX);
    let sessions = sessions.enumerate().map(|(at, name)| {
        let key = format!("session[{at}].comp_id");
        let (other, place) = match seen.insert(name.to_lowercase(), (name, key.clone())) {
            Some((before, place)) if before == name => (Err(CompIdFault::Twice), place),
            Some((_, place)) => (Err(CompIdFault::OnlyCase), place),
            None => (Ok(()), String::new()),
        };
        (key, check(name, COMP_ID_BYTES_MAX).and(other), place)
    });
    for (key, is, other) in std::iter::once((own.to_owned(), node, String::new())).chain(sessions) {
        let Err(fault) = is else { continue };
        let (word, reason) = match fault {
            CompIdFault::Twice | CompIdFault::OnlyCase => {
                (Fault::Duplicate, format!("{fault}; the other is {other}"))
            }
            _ => (Fault::BadName, fault.to_string()),
        };
        findings.add(&key, word, reason);
    }
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
        let said = |names: &[&str]| {
            let mut findings = Findings::default();
            check_all(&mut findings, "RUTTER", names.iter().copied());
            findings.into_result().map_err(|error| error.to_string())
        };
        assert_eq!(said(&["A", "B"]), Ok(()));
        for (names, words) in [
            (vec!["A", "B", "A"], "comp-id-twice: is there twice; the other is session[0].comp_id"),
            (vec!["A", "RUTTER"], "comp-id-twice: is there twice; the other is fix.sender_comp_id"),
            (vec!["Desk", "DESK"], "comp-id-case"),
            (vec!["A", "a\n"], "comp-id-control"),
            (vec!["rutter"], "comp-id-case"),
        ] {
            let error = said(&names).expect_err("refused");
            assert!(error.contains(words), "{error}");
        }
    }
}
