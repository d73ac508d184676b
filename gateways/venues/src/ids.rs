//! Child ids as venue order ids, and back.
//!
//! A line belongs here if it maps a child id to an id alphabet. The text holds the node tag, which
//! names the journal, and the child. So an answer finds its child without a table, also after a
//! restart. A text with another tag or shape is not ours.

use rutter_core::id::ChildId;

/// Longest text of any form, in bytes; the shortest limit of any venue for client ids.
pub const ID_BYTES_MAX: usize = 36;

const HEX: &[u8; 16] = b"0123456789abcdef";

/// The text of an id, without allocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IdText {
    len: u8,
    bytes: [u8; ID_BYTES_MAX],
}

impl IdText {
    const fn empty() -> Self {
        Self { len: 0, bytes: [0; ID_BYTES_MAX] }
    }

    fn push(&mut self, byte: u8) {
        if let Some(slot) = self.bytes.get_mut(usize::from(self.len)) {
            *slot = byte;
            self.len += 1;
        }
    }

    /// Appends `value` in hex with at least `digits_min` digits.
    fn push_hex(&mut self, value: u64, digits_min: u32) {
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
        // Only hex digits and dashes are pushed, so the bytes are always UTF-8.
        core::str::from_utf8(self.as_bytes()).unwrap_or_default()
    }
}

/// Value of lower-case hex text of 1 to 16 digits; `None` for anything else.
fn hex(text: &[u8]) -> Option<u64> {
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
fn short_hex(text: &[u8]) -> Option<u64> {
    if text.first() == Some(&b'0') && text.len() > 1 { None } else { hex(text) }
}

/// Dashed form, alphabet `[a-z0-9-]`, at most 26 bytes: `r{tag:08x}-{child:x}`.
pub fn dashed(tag: u32, child: ChildId) -> IdText {
    let mut text = IdText::empty();
    text.push(b'r');
    text.push_hex(u64::from(tag), 8);
    text.push(b'-');
    text.push_hex(child.0, 1);
    text
}

/// Id of the `attempt`-th cancel request of a child: the child's dashed form and `-c{attempt:x}`;
/// at most 36 bytes.
pub fn dashed_cancel(tag: u32, child: ChildId, attempt: u32) -> IdText {
    let mut text = dashed(tag, child);
    text.push(b'-');
    text.push(b'c');
    text.push_hex(u64::from(attempt), 1);
    text
}

/// The order or cancel request that a dashed text names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dashed {
    /// The child.
    pub child: ChildId,
    /// Number of the cancel request; `None` for the order itself.
    pub cancel: Option<u32>,
}

/// Reads [`dashed`] and [`dashed_cancel`]; `None` when the text is not ours.
pub fn parse_dashed(tag: u32, text: &[u8]) -> Option<Dashed> {
    let rest = text.strip_prefix(b"r")?;
    let (tag_text, rest) = rest.split_at_checked(8)?;
    if hex(tag_text)? != u64::from(tag) {
        return None;
    }
    let rest = rest.strip_prefix(b"-")?;
    let (child, cancel) = match rest.iter().position(|b| *b == b'-') {
        None => (rest, None),
        Some(at) => {
            let attempt = rest.get(at..)?.strip_prefix(b"-c")?;
            (rest.get(..at)?, Some(u32::try_from(short_hex(attempt)?).ok()?))
        }
    };
    let child = ChildId(short_hex(child)?);
    (child.0 != 0).then_some(Dashed { child, cancel })
}

/// 32 lower-case hex digits: `{tag:08x}{0:08x}{child:016x}`.
pub fn hex32(tag: u32, child: ChildId) -> IdText {
    let mut text = IdText::empty();
    text.push_hex(u64::from(tag), 8);
    text.push_hex(0, 8);
    text.push_hex(child.0, 16);
    text
}

/// Reads [`hex32`]; `None` when the text is not ours.
pub fn parse_hex32(tag: u32, text: &[u8]) -> Option<ChildId> {
    let (head, child) = text.split_at_checked(16)?;
    if child.len() != 16 || hex(head)? != u64::from(tag) << 32 {
        return None;
    }
    let child = ChildId(hex(child)?);
    (child.0 != 0).then_some(child)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHILDREN: [u64; 5] = [1, 15, 0x1234, 0xffff_ffff_ffff, u64::MAX];

    #[test]
    fn every_child_comes_back_from_its_text() {
        for tag in [0, 1, 0xdead_beef, u32::MAX] {
            for child in CHILDREN.map(ChildId) {
                let order = dashed(tag, child);
                assert_eq!(
                    parse_dashed(tag, order.as_bytes()),
                    Some(Dashed { child, cancel: None })
                );
                for attempt in [0, 1, u32::MAX] {
                    let cancel = dashed_cancel(tag, child, attempt);
                    assert!(cancel.as_bytes().len() <= ID_BYTES_MAX);
                    assert_eq!(
                        parse_dashed(tag, cancel.as_bytes()),
                        Some(Dashed { child, cancel: Some(attempt) })
                    );
                }
                assert_eq!(parse_hex32(tag, hex32(tag, child).as_bytes()), Some(child));
            }
        }
        assert_eq!(dashed_cancel(0xab, ChildId(0x2f), 1).as_str(), "r000000ab-2f-c1");
        assert_eq!(hex32(0xab, ChildId(0x2f)).as_str(), "000000ab00000000000000000000002f");
    }

    #[test]
    fn another_tag_or_shape_is_not_ours() {
        for text in [
            "",
            "r",
            "r000000ab",
            "r000000ab-",
            "r000000ab-0",
            "r000000ab-01",
            "r000000ac-1",
            "r000000AB-1",
            "x000000ab-1",
            "r000000ab-1-",
            "r000000ab-1-c",
            "r000000ab-1-d1",
            "r000000ab-1-c01",
            "r000000ab-1-c100000000",
            "r000000ab-1-c1-c1",
            "r000000ab-é",
            "r000000ab-11111111111111111",
            "web_123456",
        ] {
            assert_eq!(parse_dashed(0xab, text.as_bytes()), None, "{text}");
        }
        for text in [
            "",
            "000000ab0000000000000000000000",
            "000000ab000000000000000000000000",
            "000000ac00000000000000000000002f",
            "000000ab00000001000000000000002f",
            "000000ab00000000000000000000002F",
            "000000ab00000000000000000000002f0",
        ] {
            assert_eq!(parse_hex32(0xab, text.as_bytes()), None, "{text}");
        }
    }
}
