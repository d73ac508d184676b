//! A venue's own order id: a short text, or a UUID.
//!
//! A line belongs here if it concerns the text of such an id or its bytes in memory. A UUID has 36
//! characters and 16 bytes; it is kept as its bytes, so that every child stays small.

use core::fmt;

use crate::number::Text;
use crate::wire::{Reader, Wire, WireError, Writer};

/// Longest text of an id that is no UUID, in bytes.
const SHORT_BYTES_MAX: usize = 20;
/// Bytes of a UUID.
const UUID_BYTES: usize = 16;
/// Characters of the text of a UUID: digits in groups of 8, 4, 4, 4 and 12, with hyphens between.
const UUID_TEXT_BYTES: usize = 36;
/// The digits of a UUID.
const DIGITS: &[u8; 16] = b"0123456789abcdef";
/// Stands in the place of the length of a text.
const IS_UUID: u8 = 0xff;

/// The venue's own order id: at most 20 printable characters, or a UUID in lower-case hex.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VenueOrderId {
    /// Length of the text, or [`IS_UUID`].
    form: u8,
    bytes: [u8; SHORT_BYTES_MAX],
}

impl VenueOrderId {
    /// The empty id, which stands for "none".
    pub const EMPTY: Self = Self { form: 0, bytes: [0; SHORT_BYTES_MAX] };

    /// `None` when the text is no UUID, and longer than 20 bytes or not printable ASCII.
    pub fn new(text: &[u8]) -> Option<Self> {
        let mut id = Self::EMPTY;
        if let Some(uuid) = uuid_of(text) {
            id.form = IS_UUID;
            id.bytes[..UUID_BYTES].copy_from_slice(&uuid);
            return Some(id);
        }
        let short = Text::<SHORT_BYTES_MAX>::new(text)?;
        id.form = short.as_bytes().len() as u8;
        id.bytes[..short.as_bytes().len()].copy_from_slice(short.as_bytes());
        Some(id)
    }

    /// The id as the venue writes it.
    pub fn text(&self) -> Text<UUID_TEXT_BYTES> {
        if self.form != IS_UUID {
            return Text::new(self.stored()).unwrap_or_default();
        }
        let mut text = [b'-'; UUID_TEXT_BYTES];
        let mut at = 0;
        for byte in self.stored() {
            if is_hyphen(at) {
                at += 1;
            }
            text[at] = DIGITS[usize::from(byte >> 4)];
            text[at + 1] = DIGITS[usize::from(byte & 15)];
            at += 2;
        }
        Text::new(&text).unwrap_or_default()
    }

    /// True for the empty id.
    pub const fn is_empty(&self) -> bool {
        self.form == 0
    }

    fn stored(&self) -> &[u8] {
        let length = if self.form == IS_UUID { UUID_BYTES } else { usize::from(self.form) };
        self.bytes.get(..length).unwrap_or_default()
    }
}

const fn is_hyphen(at: usize) -> bool {
    matches!(at, 8 | 13 | 18 | 23)
}

/// The bytes of a UUID; `None` for any other text.
fn uuid_of(text: &[u8]) -> Option<[u8; UUID_BYTES]> {
    if text.len() != UUID_TEXT_BYTES {
        return None;
    }
    let mut uuid = [0; UUID_BYTES];
    let mut digits = 0;
    for (at, byte) in text.iter().enumerate() {
        let digit = match byte {
            b'-' if is_hyphen(at) => continue,
            b'0'..=b'9' if !is_hyphen(at) => byte - b'0',
            b'a'..=b'f' if !is_hyphen(at) => byte - b'a' + 10,
            _ => return None,
        };
        uuid[digits / 2] = uuid[digits / 2] << 4 | digit;
        digits += 1;
    }
    Some(uuid)
}

impl Default for VenueOrderId {
    fn default() -> Self {
        Self::EMPTY
    }
}

impl fmt::Debug for VenueOrderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.text(), f)
    }
}

impl fmt::Display for VenueOrderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.text(), f)
    }
}

/// A text as its length and its bytes; a UUID as 255 and its 16 bytes.
impl Wire for VenueOrderId {
    fn put(&self, w: &mut Writer<'_>) {
        self.form.put(w);
        w.bytes(self.stored());
    }

    fn get(r: &mut Reader<'_>) -> Result<Self, WireError> {
        let form = u8::get(r)?;
        if form != IS_UUID {
            let text = Text::<SHORT_BYTES_MAX>::new(r.bytes(usize::from(form))?);
            return text.and_then(|text| Self::new(text.as_bytes())).ok_or(WireError::Value);
        }
        let mut id = Self { form, ..Self::EMPTY };
        id.bytes[..UUID_BYTES].copy_from_slice(r.bytes(UUID_BYTES)?);
        Ok(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UUID: &str = "d50ec984-77a8-460a-b958-66f114b0de9b";

    fn id(text: &str) -> Option<VenueOrderId> {
        VenueOrderId::new(text.as_bytes())
    }

    #[test]
    fn each_form_comes_back_as_the_venue_writes_it() {
        for text in ["", "1", "OQCLML-BW3P3-BUCMWZ", "12345678901234567890", UUID] {
            let id = id(text).expect("an id");
            assert_eq!(id.to_string(), text);
            assert_eq!(id.is_empty(), text.is_empty());
        }
    }

    #[test]
    fn what_is_too_long_and_no_uuid_in_lower_case_is_refused() {
        let upper = UUID.to_uppercase();
        let moved = UUID.replacen("-7", "7-", 1);
        for text in
            ["123456789012345678901", "\n", &upper, &moved, &UUID[1..], &UUID.replace('d', "g")]
        {
            assert_eq!(id(text), None, "{text}");
        }
        assert!(size_of::<VenueOrderId>() <= 21);
    }
}
