//! A position in a text of a known shape, for messages that nearly always look the same.
//!
//! A line belongs here if it compares bytes with what is expected. Every step gives `None` where
//! the shape ends. Then a parser of JSON reads the text, with the same result or an error.

use crate::decimal::POW10;
use crate::json::Span;

/// Digits that are read at once.
const EIGHT: usize = 8;

/// A position in bytes of a known shape.
#[derive(Clone, Debug)]
pub struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

/// The number that eight digits stand for; `None` if one is no digit.
#[inline]
fn eight_digits(bytes: [u8; EIGHT]) -> Option<u64> {
    const ZEROS: u64 = 0x3030_3030_3030_3030;
    const HIGH: u64 = 0xf0f0_f0f0_f0f0_f0f0;
    let word = u64::from_le_bytes(bytes);
    let is_above_nine = word.wrapping_add(0x0606_0606_0606_0606) & HIGH;
    if word & HIGH != ZEROS || is_above_nine != ZEROS {
        return None;
    }
    // Pairs of digits, then pairs of pairs, then both halves.
    let ones = word - ZEROS;
    let tens = ones.wrapping_mul(10).wrapping_add(ones >> 8);
    let low = (tens & 0x0000_00ff_0000_00ff).wrapping_mul(0x000f_4240_0000_0064);
    let high = ((tens >> 16) & 0x0000_00ff_0000_00ff).wrapping_mul(0x0000_2710_0000_0001);
    Some(low.wrapping_add(high) >> 32)
}

impl<'a> Cursor<'a> {
    /// At the beginning of a text.
    #[inline]
    pub const fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// Takes these bytes.
    #[inline]
    pub fn literal(&mut self, expected: &[u8]) -> Option<()> {
        let end = self.at + expected.len();
        if self.text.as_bytes().get(self.at..end)? != expected {
            return None;
        }
        self.at = end;
        Some(())
    }

    /// Takes one byte.
    #[inline]
    pub fn byte(&mut self) -> Option<u8> {
        let byte = *self.text.as_bytes().get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    /// Text up to a quote, which is taken too. An escape ends the quick way.
    #[inline]
    pub fn quoted(&mut self) -> Option<&'a str> {
        let start = self.at;
        loop {
            match self.byte()? {
                b'"' => return self.text.get(start..self.at - 1),
                b'\\' | 0..0x20 => return None,
                _ => {}
            }
        }
    }

    /// An unsigned integer of at most 19 digits, without leading zeros.
    #[inline]
    pub fn integer(&mut self) -> Option<u64> {
        let start = self.at;
        let mut value = 0u64;
        while let Some(byte) = self.text.as_bytes().get(self.at) {
            let digit = byte.wrapping_sub(b'0');
            if digit > 9 {
                break;
            }
            value = value.wrapping_mul(10).wrapping_add(u64::from(digit));
            self.at += 1;
        }
        let digits = self.at - start;
        let leading = digits > 1 && self.text.as_bytes().get(start) == Some(&b'0');
        if digits == 0 || digits > 19 || leading { None } else { Some(value) }
    }

    /// The place of digits with at most one point among them. A sign or an exponent ends the quick
    /// way.
    #[inline]
    pub fn plain_number(&mut self) -> Option<Span> {
        let rest = self.text.as_bytes().get(self.at..)?;
        let length = rest.iter().position(|byte| !matches!(byte, b'0'..=b'9' | b'.'))?;
        let (start, end) = (self.at, self.at + length);
        self.at = end;
        if length == 0 || matches!(rest.get(length), Some(b'e' | b'E' | b'-' | b'+')) {
            return None;
        }
        Span::new(start, end)
    }

    /// Reads a decimal and the byte behind it, in units of 10^-`decimals`. `None` if the number is
    /// not plain, not exact or close to overflow.
    #[inline]
    pub fn decimal(&mut self, decimals: u8, end: u8) -> Option<i64> {
        let start = self.at;
        let mut value = 0i64;
        let mut byte = self.byte()?;
        while byte.is_ascii_digit() {
            value = value.wrapping_mul(10).wrapping_add(i64::from(byte - b'0'));
            byte = self.byte()?;
        }
        let whole = self.at - 1 - start;
        let mut missing = usize::from(decimals);
        if whole == 0 || whole + missing > 18 {
            return None;
        }
        if byte == b'.' {
            if let Some(value) = self.eight_decimals(value, missing, end) {
                return Some(value);
            }
            byte = self.byte()?;
            while byte.is_ascii_digit() {
                if missing > 0 {
                    value = value * 10 + i64::from(byte - b'0');
                    missing -= 1;
                } else if byte != b'0' {
                    return None;
                }
                byte = self.byte()?;
            }
        }
        if byte != end {
            return None;
        }
        Some(value * POW10.get(missing)?)
    }

    /// The number whose whole part is `value`, if exactly eight decimals follow and then `end`.
    #[inline]
    fn eight_decimals(&mut self, value: i64, decimals: usize, end: u8) -> Option<i64> {
        let rest = self.text.as_bytes().get(self.at..)?;
        if rest.get(EIGHT) != Some(&end) || decimals > EIGHT {
            return None;
        }
        let fraction = eight_digits(*rest.first_chunk()?)?.cast_signed();
        let cut = *POW10.get(EIGHT - decimals)?;
        if cut > 1 && fraction % cut != 0 {
            return None;
        }
        self.at += EIGHT + 1;
        Some(value * POW10.get(decimals)? + fraction / cut)
    }

    /// Whether the whole text was taken.
    #[inline]
    pub const fn is_at_end(&self) -> bool {
        self.at == self.text.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decimal;

    #[test]
    fn eight_digits_are_read_and_nothing_else() {
        for number in [0, 1, 9, 10, 99_999_999, 12_345_678, 80_000_001] {
            let text = format!("{number:08}");
            let bytes: [u8; 8] = text.as_bytes().try_into().expect("eight");
            assert_eq!(eight_digits(bytes), Some(number));
            for at in 0..8 {
                for wrong in [b'/', b':', b'.', b'"', 0, 0xff, b' ', b'p'] {
                    let mut bytes = bytes;
                    bytes[at] = wrong;
                    assert_eq!(eight_digits(bytes), None, "{bytes:?}");
                }
            }
        }
    }

    /// The quick way says the same as the parser of decimals, or nothing.
    #[test]
    fn a_decimal_is_what_the_parser_reads_or_nothing() {
        let mut state: u64 = 11;
        println!("seed {state}");
        let mut read = 0;
        for _ in 0..50_000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let decimals = (state >> 50) as u8 % 10;
            let number = (state >> 20) % 10_u64.pow(1 + (state >> 40) as u32 % 9);
            let places = (state >> 45) as usize % 11;
            let mut fraction = format!("{:010}", (state >> 31) & 0x1_ffff_ffff);
            fraction.truncate(places);
            if (state >> 60) & 1 == 0 {
                fraction = fraction.replace(|digit| digit > '4', "0");
            }
            let text =
                if places == 0 { number.to_string() } else { format!("{number}.{fraction}") };
            let quoted = format!("{text}\"");
            let quick = Cursor::new(&quoted).decimal(decimals, b'"');
            if let Some(quick) = quick {
                assert_eq!(decimal::parse_i64(text.as_bytes(), decimals), Ok(quick), "{text}");
                read += 1;
            }
            let open = format!("{text}x");
            assert_eq!(Cursor::new(&open).decimal(decimals, b'"'), None);
        }
        assert!(read > 10_000, "{read}");
        assert_eq!(Cursor::new("1.50000000\"").decimal(8, b'"'), Some(150_000_000));
        assert_eq!(Cursor::new("60000.12000000\"").decimal(2, b'"'), Some(6_000_012));
        assert_eq!(Cursor::new("60000.12300000\"").decimal(2, b'"'), None);
    }
}
