//! The text of an order id, and its hex digits.
//!
//! A line belongs here if every venue's form of an order id needs it. Every form holds the node
//! tag, which names the journal, and the child id. So an answer finds its child without a table,
//! also after a restart. A text with another tag or shape is not ours. The form is in the venue's
//! folder.

/// Capacity of [`IdText`] in bytes: the longest client id that every venue takes.
pub const ID_BYTES_MAX: usize = 36;

const HEX: &[u8; 16] = b"0123456789abcdef";

/// The text of an id, without allocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IdText {
    len: u8,
    bytes: [u8; ID_BYTES_MAX],
}

impl IdText {
    /// The empty text.
    pub const fn empty() -> Self {
        Self { len: 0, bytes: [0; ID_BYTES_MAX] }
    }

    /// Appends `byte`; a full text does not change.
    pub fn push(&mut self, byte: u8) {
        if let Some(slot) = self.bytes.get_mut(usize::from(self.len)) {
            *slot = byte;
            self.len += 1;
        }
    }

    /// Appends `value` in lower-case hex with at least `digits_min` digits.
    pub fn push_hex(&mut self, value: u64, digits_min: u32) {
        let needed = (64 - value.leading_zeros()).div_ceil(4).max(digits_min);
        for digit in (0..needed).rev() {
            self.push(HEX[(value >> (digit * 4) & 15) as usize]);
        }
    }

    /// The bytes of the text.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }

    /// The text as a string.
    pub fn as_str(&self) -> &str {
        // Forms push ASCII only, so the bytes are always UTF-8.
        core::str::from_utf8(self.as_bytes()).unwrap_or_default()
    }
}

/// Value of lower-case hex text of 1 to 16 digits; `None` for anything else.
pub fn hex(text: &[u8]) -> Option<u64> {
    if text.is_empty() || text.len() > 16 {
        return None;
    }
    text.iter().try_fold(0u64, |value, byte| {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            _ => return None,
        };
        Some(value << 4 | u64::from(digit))
    })
}

/// As [`hex`], but without leading zeros, so that one number has one text.
pub fn short_hex(text: &[u8]) -> Option<u64> {
    if text.first() == Some(&b'0') && text.len() > 1 { None } else { hex(text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_digits_come_back_as_their_number() {
        for (value, digits_min, expected) in
            [(0, 1, "0"), (0x2f, 1, "2f"), (0x2f, 8, "0000002f"), (u64::MAX, 1, "ffffffffffffffff")]
        {
            let mut text = IdText::empty();
            text.push_hex(value, digits_min);
            assert_eq!(text.as_str(), expected);
            assert_eq!(hex(text.as_bytes()), Some(value));
            let is_short = digits_min == 1;
            assert_eq!(short_hex(text.as_bytes()), is_short.then_some(value));
        }
        for text in ["", "2F", "-1", "00000000000000001"] {
            assert_eq!(hex(text.as_bytes()), None, "{text}");
        }
    }
}
