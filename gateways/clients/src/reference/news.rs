//! News (B): the operator's text to clients.
//!
//! A line belongs here if it checks or writes that text. Sending it is `gateway`.

use rutter_fix::codec::Encoder;
use rutter_fix::tags;

/// Longest text, in bytes.
pub const NEWS_BYTES_MAX: usize = 4_096;

/// Most lines of a text.
pub const NEWS_LINES_MAX: usize = 32;

/// News that a client may refuse within one connection. Then it is sent none until its next Logon.
pub const NEWS_REFUSALS_MAX: u32 = 3;

/// `NoLinesOfText`.
const NO_LINES_OF_TEXT: u32 = 33;
/// `OrigTime`.
const ORIG_TIME: u32 = 42;
/// `Urgency`; 0 is normal.
const URGENCY: u32 = 61;

/// Why a text cannot be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum NewsError {
    /// The text is empty or white space.
    #[error("no text")]
    Empty,
    /// More than [`NEWS_BYTES_MAX`].
    #[error("text of {0} bytes, at most {NEWS_BYTES_MAX}")]
    TooLong(usize),
    /// More than [`NEWS_LINES_MAX`].
    #[error("text of {0} lines, at most {NEWS_LINES_MAX}")]
    TooManyLines(usize),
}

/// How many sessions a text reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NewsSent {
    /// Sessions to which the text was written.
    pub written: usize,
    /// Sessions that are not logged on, or are being sent older messages: the text is stored for
    /// them.
    pub held: usize,
    /// Sessions that have stopped because their store failed.
    pub failed: usize,
    /// Sessions whose clients have refused [`NEWS_REFUSALS_MAX`] texts: they are sent no more.
    pub refused: usize,
}

/// A text that can be sent. Its first line is `Headline` (148); `Text` (58) has all lines.
/// Characters that are not printable ASCII become `?`.
#[derive(Clone, Copy, Debug)]
pub struct News<'a> {
    text: &'a str,
}

impl<'a> News<'a> {
    /// Checks a text. Empty lines are left out.
    ///
    /// # Errors
    /// [`NewsError`].
    pub fn new(text: &'a str) -> Result<Self, NewsError> {
        if text.len() > NEWS_BYTES_MAX {
            return Err(NewsError::TooLong(text.len()));
        }
        match lines(text).count() {
            0 => Err(NewsError::Empty),
            count if count > NEWS_LINES_MAX => Err(NewsError::TooManyLines(count)),
            _ => Ok(Self { text }),
        }
    }

    /// Writes the fields of a B.
    pub fn write(
        &self,
        out: &mut Encoder<'_>,
        now_ns: u64,
        precision: rutter_fix::codec::TimePrecision,
    ) {
        out.timestamp(ORIG_TIME, now_ns, precision).char(URGENCY, b'0');
        out.text(tags::HEADLINE, lines(self.text).next().unwrap_or("?"));
        out.uint(NO_LINES_OF_TEXT, lines(self.text).count() as u64);
        for line in lines(self.text) {
            out.text(tags::TEXT, line);
        }
    }
}

fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_cannot_be_sent_has_its_error() {
        assert_eq!(News::new(" \n\t\n").err(), Some(NewsError::Empty));
        let long = "x".repeat(NEWS_BYTES_MAX + 1);
        assert_eq!(News::new(&long).err(), Some(NewsError::TooLong(NEWS_BYTES_MAX + 1)));
        let lines = "x\n".repeat(NEWS_LINES_MAX + 1);
        assert_eq!(News::new(&lines).err(), Some(NewsError::TooManyLines(NEWS_LINES_MAX + 1)));
        assert!(News::new(&"x\n".repeat(NEWS_LINES_MAX)).is_ok());
    }
}
