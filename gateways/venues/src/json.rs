//! A scanner over JSON text (RFC 8259) that allocates nothing and never reads a number as a float;
//! and what the serde structures of all venues share.
//!
//! A line belongs here if it knows JSON and nothing else. Values that are read must be well formed;
//! of values that are skipped, only strings and brackets are checked.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer};

/// Deepest nesting of a value that is skipped. A deeper value is an error.
pub const DEPTH_MAX: u32 = 64;

/// Why a text cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScanError {
    /// The text at this byte is not JSON, or has another type than was wanted.
    #[error("unexpected JSON at byte {0}")]
    Unexpected(usize),
    /// The text ends in the middle of a value.
    #[error("JSON ends too early")]
    Cut,
    /// The value is nested deeper than [`DEPTH_MAX`].
    #[error("JSON nested deeper than {DEPTH_MAX}")]
    TooDeep,
}

/// Reads a text for serde. What is not a text (`null`, a number, a list) is an empty text: a field
/// that says nothing must not hide the fields beside it.
///
/// # Errors
/// The value is not JSON.
pub fn text_or_nothing<'de: 'a, 'a, D>(from: D) -> Result<Cow<'a, str>, D::Error>
where
    D: Deserializer<'de>,
{
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Told<'a> {
        Text(#[serde(borrow)] Cow<'a, str>),
        Other(serde::de::IgnoredAny),
    }
    Ok(match Told::deserialize(from)? {
        Told::Text(text) => text,
        Told::Other(_) => Cow::Borrowed(""),
    })
}

/// The place of a value in the text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    start: u32,
    end: u32,
}

impl Span {
    /// From one byte to before another; `None` beyond what a span holds.
    pub fn new(start: usize, end: usize) -> Option<Self> {
        Some(Self { start: u32::try_from(start).ok()?, end: u32::try_from(end).ok()? })
    }

    /// The bytes of the value; empty when `text` is not the text that was scanned.
    pub fn of(self, text: &str) -> &[u8] {
        text.as_bytes().get(self.start as usize..self.end as usize).unwrap_or_default()
    }
}

/// A position in a JSON text.
#[derive(Clone, Debug)]
pub struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scanner<'a> {
    /// At the beginning of `text`.
    pub const fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    const fn bytes(&self) -> &'a [u8] {
        self.text.as_bytes()
    }

    /// The next byte that is not blank. The byte is not taken.
    ///
    /// # Errors
    /// [`ScanError::Cut`] at the end.
    pub fn peek(&mut self) -> Result<u8, ScanError> {
        while let Some(byte) = self.bytes().get(self.at) {
            if !matches!(byte, b' ' | b'\n' | b'\r' | b'\t') {
                return Ok(*byte);
            }
            self.at += 1;
        }
        Err(ScanError::Cut)
    }

    /// Takes `byte` if it is next.
    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Ok(byte);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, byte: u8) -> Result<(), ScanError> {
        if self.peek()? == byte {
            self.at += 1;
            Ok(())
        } else {
            Err(ScanError::Unexpected(self.at))
        }
    }

    /// Checks that only blanks follow.
    ///
    /// # Errors
    /// [`ScanError::Unexpected`] when another byte follows.
    pub fn end(&mut self) -> Result<(), ScanError> {
        if self.peek().is_err() { Ok(()) } else { Err(ScanError::Unexpected(self.at)) }
    }

    /// Reads a string as it stands between its quotes: escapes are not resolved.
    ///
    /// # Errors
    /// The value is not a string.
    pub fn string(&mut self) -> Result<&'a str, ScanError> {
        self.expect(b'"')?;
        let start = self.at;
        loop {
            match self.bytes().get(self.at) {
                None => return Err(ScanError::Cut),
                Some(b'"') => break,
                Some(b'\\') => self.at += 2,
                Some(0..0x20) => return Err(ScanError::Unexpected(self.at)),
                Some(_) => self.at += 1,
            }
        }
        let text = self.text.get(start..self.at).ok_or(ScanError::Unexpected(start))?;
        self.at += 1;
        Ok(text)
    }

    /// Reads the place of a number. The decimal parser decides whether the bytes are a number.
    ///
    /// # Errors
    /// The value does not begin like a number.
    pub fn number(&mut self) -> Result<Span, ScanError> {
        self.peek()?;
        let start = self.at;
        while let Some(b'0'..=b'9' | b'.' | b'-' | b'+' | b'e' | b'E') = self.bytes().get(self.at) {
            self.at += 1;
        }
        let (Ok(from), Ok(to)) = (u32::try_from(start), u32::try_from(self.at)) else {
            return Err(ScanError::Unexpected(start));
        };
        if from == to {
            Err(ScanError::Unexpected(start))
        } else {
            Ok(Span { start: from, end: to })
        }
    }

    /// Reads an unsigned integer.
    ///
    /// # Errors
    /// The value is not an unsigned integer, or does not fit.
    pub fn integer(&mut self) -> Result<u64, ScanError> {
        let span = self.number()?;
        let digits = span.of(self.text);
        let mut value: u64 = 0;
        for byte in digits {
            let digit = byte.wrapping_sub(b'0');
            let next = value.checked_mul(10).and_then(|v| v.checked_add(u64::from(digit)));
            value = match next {
                Some(next) if digit < 10 => next,
                _ => return Err(ScanError::Unexpected(span.start as usize)),
            };
        }
        Ok(value)
    }

    /// Reads `true` or `false`.
    ///
    /// # Errors
    /// The value is neither.
    pub fn boolean(&mut self) -> Result<bool, ScanError> {
        self.peek()?;
        let rest = self.bytes().get(self.at..).unwrap_or_default();
        for (word, value) in [(&b"true"[..], true), (&b"false"[..], false)] {
            if rest.starts_with(word) {
                self.at += word.len();
                return Ok(value);
            }
        }
        Err(ScanError::Unexpected(self.at))
    }

    /// Reads an object. `field` is called at the value of each key and must read or skip the value.
    /// A key is given as [`Scanner::string`] reads it.
    ///
    /// # Errors
    /// The value is not an object, or `field` fails.
    pub fn object<E: From<ScanError>>(
        &mut self,
        mut field: impl FnMut(&'a str, &mut Self) -> Result<(), E>,
    ) -> Result<(), E> {
        self.expect(b'{')?;
        if self.take(b'}') {
            return Ok(());
        }
        loop {
            let key = self.string()?;
            self.expect(b':')?;
            field(key, self)?;
            if !self.take(b',') {
                return Ok(self.expect(b'}')?);
            }
        }
    }

    /// Reads an array. `item` is called at each value and must read or skip the value.
    ///
    /// # Errors
    /// The value is not an array, or `item` fails.
    pub fn array<E: From<ScanError>>(
        &mut self,
        mut item: impl FnMut(&mut Self) -> Result<(), E>,
    ) -> Result<(), E> {
        self.expect(b'[')?;
        if self.take(b']') {
            return Ok(());
        }
        loop {
            item(self)?;
            if !self.take(b',') {
                return Ok(self.expect(b']')?);
            }
        }
    }

    /// Skips any value, without recursion.
    ///
    /// # Errors
    /// The text ends, or the value is nested too deep.
    pub fn skip(&mut self) -> Result<(), ScanError> {
        let mut depth: u32 = 0;
        // Bit n: the bracket of depth n is square.
        let mut square: u64 = 0;
        loop {
            match self.peek()? {
                b'"' => drop(self.string()?),
                open @ (b'{' | b'[') => {
                    if depth == DEPTH_MAX {
                        return Err(ScanError::TooDeep);
                    }
                    square = square << 1 | u64::from(open == b'[');
                    depth += 1;
                    self.at += 1;
                }
                close @ (b'}' | b']') => {
                    if depth == 0 || (square & 1 == 1) != (close == b']') {
                        return Err(ScanError::Unexpected(self.at));
                    }
                    square >>= 1;
                    depth -= 1;
                    self.at += 1;
                }
                b',' | b':' if depth > 0 => {
                    self.at += 1;
                    continue;
                }
                _ => self.word()?,
            }
            if depth == 0 {
                return Ok(());
            }
        }
    }

    /// Skips a number or one of the words `true`, `false` and `null`.
    fn word(&mut self) -> Result<(), ScanError> {
        let start = self.at;
        while let Some(b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'.' | b'-' | b'+') =
            self.bytes().get(self.at)
        {
            self.at += 1;
        }
        if self.at == start { Err(ScanError::Unexpected(start)) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_whatever_surrounds_them() {
        let text = " { \"a\" : [ 1 , 2.5e-08 ] , \"b\\\"c\":{\"x\":[[{}],\"]\"]}, \"d\":true } ";
        let mut keys = Vec::new();
        let mut numbers = Vec::new();
        let mut scanner = Scanner::new(text);
        let read = scanner.object::<ScanError>(|key, value| {
            keys.push(key);
            match key {
                "a" => value.array(|item| {
                    numbers.push(item.number()?.of(text));
                    Ok(())
                }),
                "d" => value.boolean().map(|yes| assert!(yes)),
                _ => value.skip(),
            }
        });
        assert_eq!(read, Ok(()));
        assert_eq!(scanner.end(), Ok(()));
        assert_eq!(keys, ["a", "b\\\"c", "d"]);
        assert_eq!(numbers, [&b"1"[..], b"2.5e-08"]);
    }

    #[test]
    fn what_is_not_a_text_is_an_empty_one() {
        #[derive(Deserialize)]
        struct Row<'a> {
            #[serde(borrow, default, deserialize_with = "text_or_nothing")]
            id: Cow<'a, str>,
        }
        let read = |text| serde_json::from_str::<Row<'_>>(text).map(|row| row.id.into_owned());
        for other in [r#"{"id":null}"#, r#"{"id":7}"#, r#"{"id":[1,{}]}"#, r#"{"x":"a"}"#] {
            assert_eq!(read(other).ok().as_deref(), Some(""), "{other}");
        }
        assert_eq!(read(r#"{"id":"a"}"#).ok().as_deref(), Some("a"));
        assert_eq!(read(r#"{"id":"a\u0062"}"#).ok().as_deref(), Some("ab"));
        assert!(read(r#"{"id":"a}"#).is_err());
    }

    #[test]
    fn every_cut_is_an_error() {
        let text = r#"{"a":[1,{"b":"c\"d"}],"e":null}"#;
        for end in 0..text.len() {
            assert!(Scanner::new(&text[..end]).skip().is_err(), "{end}");
        }
        assert_eq!(Scanner::new(text).skip(), Ok(()));
    }

    #[test]
    fn what_does_not_belong_together_is_an_error() {
        for text in ["", "]", "[}", "{]", "[1", "\"a", "\"a\\", "\"\n\"", ",", ":", "\u{e9}"] {
            assert!(Scanner::new(text).skip().is_err(), "{text:?}");
        }
        assert_eq!(Scanner::new("-1").integer(), Err(ScanError::Unexpected(0)));
        assert_eq!(Scanner::new("18446744073709551616").integer(), Err(ScanError::Unexpected(0)));
        assert_eq!(Scanner::new("18446744073709551615").integer(), Ok(u64::MAX));
        assert_eq!(Scanner::new("\"1\"").number(), Err(ScanError::Unexpected(0)));
        assert_eq!(Scanner::new("yes").boolean(), Err(ScanError::Unexpected(0)));
    }

    #[test]
    fn deep_nesting_is_refused_without_recursion() {
        let deep = "[".repeat(1_000_000);
        assert_eq!(Scanner::new(&deep).skip(), Err(ScanError::TooDeep));
        let within = format!("{}{}", "[".repeat(64), "]".repeat(64));
        assert_eq!(Scanner::new(&within).skip(), Ok(()));
    }
}
