//! A message of the tool before it is rendered.
//!
//! A line belongs here if it makes a message differ from a correct one with the next number. Bytes
//! are `wire`, numbers are `session`.

use super::wire::Spoil;
use crate::clock::unix_ns;

const SECOND_NS: u64 = 1_000_000_000;

/// The sequence number of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seq {
    /// The next number.
    Next,
    /// This number; the count of sent messages stays.
    At(u64),
    /// The number after a gap of this length.
    Skip(u64),
}

/// A message, as its differences from a correct one with the next number.
#[derive(Clone, Debug)]
pub struct Draft {
    pub(super) msg_type: String,
    pub(super) seq: Seq,
    pub(super) begin_string: Option<String>,
    pub(super) target: Option<String>,
    pub(super) poss_dup: bool,
    pub(super) original_ns: Option<u64>,
    pub(super) poss_resend: bool,
    pub(super) late_s: u64,
    pub(super) fields: Vec<(u32, String)>,
    pub(super) spoil: Spoil,
}

impl Draft {
    /// A message of that type without a body.
    pub fn of(msg_type: &str) -> Self {
        Self {
            msg_type: msg_type.to_owned(),
            seq: Seq::Next,
            begin_string: None,
            target: None,
            poss_dup: false,
            original_ns: None,
            poss_resend: false,
            late_s: 0,
            fields: Vec::new(),
            spoil: Spoil::No,
        }
    }

    /// Adds a field to the body.
    #[must_use]
    #[allow(clippy::needless_pass_by_value, reason = "numbers and texts read alike in a case")]
    pub fn with(mut self, tag: u32, value: impl ToString) -> Self {
        self.fields.push((tag, value.to_string()));
        self
    }

    /// Sets the sequence number.
    #[must_use]
    pub fn seq(self, seq: Seq) -> Self {
        Self { seq, ..self }
    }

    /// Sets `BeginString` (8).
    #[must_use]
    pub fn begin_string(self, text: &str) -> Self {
        Self { begin_string: Some(text.to_owned()), ..self }
    }

    /// Sets `TargetCompID` (56).
    #[must_use]
    pub fn target(self, text: &str) -> Self {
        Self { target: Some(text.to_owned()), ..self }
    }

    /// Sets `PossDupFlag` (43), with `OrigSendingTime` (122) a second before `SendingTime` (52).
    #[must_use]
    pub fn dup(self) -> Self {
        Self { poss_dup: true, original_ns: Some(unix_ns().saturating_sub(SECOND_NS)), ..self }
    }

    /// Sets `PossDupFlag` (43) without `OrigSendingTime` (122).
    #[must_use]
    pub fn dup_without_original(self) -> Self {
        Self { poss_dup: true, original_ns: None, ..self }
    }

    /// Sets `PossDupFlag` (43), with `OrigSendingTime` (122) a second after `SendingTime` (52).
    #[must_use]
    pub fn dup_from_the_future(self) -> Self {
        Self { poss_dup: true, original_ns: Some(unix_ns() + SECOND_NS), ..self }
    }

    /// Sets `PossResend` (97).
    #[must_use]
    pub fn poss_resend(self) -> Self {
        Self { poss_resend: true, ..self }
    }

    /// Sets `SendingTime` (52) to this many seconds ago.
    #[must_use]
    pub fn late_s(self, late_s: u64) -> Self {
        Self { late_s, ..self }
    }

    /// The fields of the body.
    pub fn into_fields(self) -> Vec<(u32, String)> {
        self.fields
    }

    /// Damages the message after it is rendered.
    #[must_use]
    pub fn spoiled(self, spoil: Spoil) -> Self {
        Self { spoil, ..self }
    }
}
