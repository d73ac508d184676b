//! Decimal text to integer mantissas and back, exactly: no float, nothing rounded.
//!
//! A line belongs here if it converts the text of one number. The meaning of the number is the
//! caller's.
//!
//! One grammar serves all venues: `[-]digits[.digits][(e|E)[+|-]digits]`. The digits on one side
//! of the point may be missing (`.5` and `5.`), since some venues print so. Blanks and a leading
//! `+` are refused. Prices and quantities of books go through [`parse_unsigned`], which reads the
//! same grammar and refuses a negative number.

/// Largest power of ten by which a mantissa is scaled: the sum of exponent and wanted decimals.
const SHIFT_MAX: i64 = 60;

/// Longest text of a number, in bytes.
const TEXT_BYTES_MAX: usize = 256;

/// Longest text that [`parse_i64`] reads the quick way: 18 digits, which cannot overflow, and a
/// point.
const QUICK_BYTES_MAX: usize = 19;

/// The powers of ten that fit an `i64`.
pub(crate) const POW10: [i64; 19] = {
    let mut table = [1i64; 19];
    let mut n = 1;
    while n < 19 {
        table[n] = table[n - 1] * 10;
        n += 1;
    }
    table
};

/// Why a text is not an exact number of the wanted decimals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecimalError {
    /// The text does not follow the grammar of this module.
    #[error("not a decimal number")]
    Syntax,
    /// The number has a nonzero digit beyond the wanted decimals.
    #[error("more decimals than the instrument has")]
    Inexact,
    /// The number does not fit the integer, or its text is longer than 256 bytes.
    #[error("number out of range")]
    Range,
}

/// The mantissa of `text` in units of 10^-`decimals`. Leading and trailing zeros are accepted.
///
/// # Errors
/// [`DecimalError`].
pub fn parse(text: &[u8], decimals: u8) -> Result<i128, DecimalError> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(DecimalError::Range);
    }
    let (negative, text) = match text.split_first() {
        Some((b'-', rest)) => (true, rest),
        _ => (false, text),
    };
    let (number, exponent) = split_exponent(text)?;
    let mut mantissa: i128 = 0;
    let mut digits = 0usize;
    let mut point: Option<usize> = None;
    // Trailing zeros of the fraction wait here, so that they cannot overflow the mantissa.
    let mut pending_zeros: u32 = 0;
    let mut fraction: i64 = 0;
    for byte in number {
        match byte {
            b'0'..=b'9' => {
                digits += 1;
                if *byte == b'0' && point.is_some() {
                    pending_zeros = pending_zeros.saturating_add(1);
                    continue;
                }
                if point.is_some() {
                    fraction += i64::from(pending_zeros) + 1;
                    mantissa = scale_up(mantissa, i64::from(pending_zeros))?;
                    pending_zeros = 0;
                }
                mantissa = mantissa
                    .checked_mul(10)
                    .and_then(|m| m.checked_add(i128::from(byte - b'0')))
                    .ok_or(DecimalError::Range)?;
            }
            b'.' if point.is_none() => point = Some(digits),
            _ => return Err(DecimalError::Syntax),
        }
    }
    if digits == 0 {
        return Err(DecimalError::Syntax);
    }
    let value = shift(mantissa, exponent + i64::from(decimals) - fraction)?;
    Ok(if negative { -value } else { value })
}

/// As [`parse`], for prices and quantities. Short plain numbers, which nearly all are, take a
/// quick way.
///
/// # Errors
/// As [`parse`]; [`DecimalError::Range`] when the number does not fit an `i64`.
#[inline]
pub fn parse_i64(text: &[u8], decimals: u8) -> Result<i64, DecimalError> {
    if text.len() > QUICK_BYTES_MAX {
        return parse_slowly(text, decimals);
    }
    let mut mantissa: i64 = 0;
    let mut point = text.len();
    for (at, byte) in text.iter().enumerate() {
        let digit = byte.wrapping_sub(b'0');
        if digit < 10 {
            if at == QUICK_BYTES_MAX - 1 && point == text.len() {
                return parse_slowly(text, decimals);
            }
            mantissa = mantissa * 10 + i64::from(digit);
        } else if *byte == b'.' && point == text.len() && at > 0 {
            point = at;
        } else {
            return parse_slowly(text, decimals);
        }
    }
    if text.is_empty() {
        return Err(DecimalError::Syntax);
    }
    let fraction = if point == text.len() { 0 } else { text.len() - point - 1 };
    let wanted = usize::from(decimals);
    if fraction <= wanted {
        let factor = POW10.get(wanted - fraction).copied();
        return match factor {
            Some(factor) => mantissa.checked_mul(factor).ok_or(DecimalError::Range),
            None if mantissa == 0 => Ok(0),
            None => Err(DecimalError::Range),
        };
    }
    let factor = POW10.get(fraction - wanted).copied().ok_or(DecimalError::Inexact)?;
    if mantissa % factor == 0 { Ok(mantissa / factor) } else { Err(DecimalError::Inexact) }
}

/// The whole grammar, for a number that is long, negative or written with an exponent.
#[cold]
fn parse_slowly(text: &[u8], decimals: u8) -> Result<i64, DecimalError> {
    parse(text, decimals)?.try_into().map_err(|_| DecimalError::Range)
}

/// As [`parse_i64`], for the levels of a book.
///
/// # Errors
/// As [`parse_i64`]; [`DecimalError::Range`] for a number below zero.
#[inline]
pub fn parse_unsigned(text: &[u8], decimals: u8) -> Result<i64, DecimalError> {
    match parse_i64(text, decimals)? {
        value @ 0.. => Ok(value),
        _ => Err(DecimalError::Range),
    }
}

/// Number and exponent; the exponent is zero when there is none.
fn split_exponent(text: &[u8]) -> Result<(&[u8], i64), DecimalError> {
    let Some(at) = text.iter().position(|b| matches!(b, b'e' | b'E')) else {
        return Ok((text, 0));
    };
    let (number, rest) = text.split_at(at);
    let rest = rest.get(1..).unwrap_or_default();
    let (negative, digits) = match rest.split_first() {
        Some((b'-', digits)) => (true, digits),
        Some((b'+', digits)) => (false, digits),
        _ => (false, rest),
    };
    if digits.is_empty() {
        return Err(DecimalError::Syntax);
    }
    let mut value: i64 = 0;
    for byte in digits {
        if !byte.is_ascii_digit() {
            return Err(DecimalError::Syntax);
        }
        // Beyond any shift that is allowed, so saturating loses nothing.
        value = (value * 10 + i64::from(byte - b'0')).min(1_000_000);
    }
    Ok((number, if negative { -value } else { value }))
}

fn scale_up(mantissa: i128, by: i64) -> Result<i128, DecimalError> {
    if mantissa == 0 {
        return Ok(0);
    }
    if by > SHIFT_MAX {
        return Err(DecimalError::Range);
    }
    let factor = 10i128.checked_pow(by as u32).ok_or(DecimalError::Range)?;
    mantissa.checked_mul(factor).ok_or(DecimalError::Range)
}

fn shift(mantissa: i128, by: i64) -> Result<i128, DecimalError> {
    if by >= 0 {
        return scale_up(mantissa, by);
    }
    if mantissa == 0 {
        return Ok(0);
    }
    let factor = u32::try_from(-by)
        .ok()
        .and_then(|by| 10i128.checked_pow(by))
        .ok_or(DecimalError::Inexact)?;
    if mantissa % factor == 0 { Ok(mantissa / factor) } else { Err(DecimalError::Inexact) }
}

/// A mantissa of `from` decimals as one of `to` decimals.
///
/// # Errors
/// [`DecimalError::Inexact`] when a nonzero digit would be cut, [`DecimalError::Range`] when it
/// does not fit.
pub fn rescale(mantissa: i64, from: u8, to: u8) -> Result<i64, DecimalError> {
    if from == to {
        return Ok(mantissa);
    }
    let value = shift(i128::from(mantissa), i64::from(to) - i64::from(from))?;
    value.try_into().map_err(|_| DecimalError::Range)
}

/// Appends `mantissa` (units of 10^-`decimals`) with exactly `printed` digits after the point (no
/// point for zero). Appends nothing on error.
///
/// # Errors
/// [`DecimalError::Inexact`] when a nonzero digit would be cut, [`DecimalError::Range`] beyond
/// `i128`.
pub fn write(
    out: &mut Vec<u8>,
    mantissa: i128,
    decimals: u8,
    printed: u8,
) -> Result<(), DecimalError> {
    let value = shift(mantissa, i64::from(printed) - i64::from(decimals))?;
    // 39 digits of an i128, and leading zeros up to the point.
    let mut buffer = [b'0'; 320];
    let mut at = buffer.len();
    let mut rest = value.unsigned_abs();
    let mut written = 0usize;
    while rest > 0 || written <= usize::from(printed) {
        if written == usize::from(printed) && printed > 0 {
            at -= 1;
            buffer[at] = b'.';
        }
        at -= 1;
        buffer[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        written += 1;
    }
    if value < 0 {
        out.push(b'-');
    }
    out.extend_from_slice(&buffer[at..]);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimal_text_becomes_its_exact_mantissa() {
        for (text, decimals, mantissa) in [
            ("0.5", 8, 50_000_000),
            ("60000.00000000", 2, 6_000_000),
            ("-1.25", 2, -125),
            ("0", 0, 0),
            ("0.00000000", 0, 0),
            ("1e-8", 8, 1),
            ("1.5E+3", 0, 1_500),
            ("1.50e1", 0, 15),
            ("2e0", 2, 200),
            (".5", 1, 5),
            ("5.", 1, 50),
            ("007", 0, 7),
            ("0e999999999999", 3, 0),
        ] {
            assert_eq!(parse(text.as_bytes(), decimals), Ok(mantissa), "{text}");
        }
        let long = format!("1.{}", "0".repeat(200));
        assert_eq!(parse(long.as_bytes(), 2), Ok(100));
    }

    #[test]
    fn what_does_not_fit_is_an_error_and_never_rounded() {
        for (text, decimals, error) in [
            ("0.001", 2, DecimalError::Inexact),
            ("1e-999", 18, DecimalError::Inexact),
            ("1e40", 0, DecimalError::Range),
            ("1e999999999999999999999", 0, DecimalError::Range),
            ("", 0, DecimalError::Syntax),
            (".", 0, DecimalError::Syntax),
            ("-", 0, DecimalError::Syntax),
            ("+1", 0, DecimalError::Syntax),
            ("1.2.3", 4, DecimalError::Syntax),
            ("1e", 0, DecimalError::Syntax),
            ("1e1e1", 0, DecimalError::Syntax),
            (" 1", 0, DecimalError::Syntax),
            ("NaN", 0, DecimalError::Syntax),
        ] {
            assert_eq!(parse(text.as_bytes(), decimals), Err(error), "{text}");
        }
        assert_eq!(parse(&[b'9'; 60], 0), Err(DecimalError::Range));
        assert_eq!(parse_i64(b"9223372036854775808", 0), Err(DecimalError::Range));
        assert_eq!(parse_i64(b"9223372036854775807", 0), Ok(i64::MAX));
    }

    #[test]
    fn a_level_of_a_book_becomes_its_exact_mantissa() {
        for (text, decimals, mantissa) in [
            ("0.35130000", 4, 3_513),
            ("6195.00000000", 0, 6_195),
            ("0", 0, 0),
            ("0.00000000", 2, 0),
            ("1", 18, 1_000_000_000_000_000_000),
            ("0", 200, 0),
            ("1e-8", 8, 1),
            ("1.5E3", 0, 1_500),
            ("9223372036854775807", 0, i64::MAX),
            ("92233720368.54775807", 8, i64::MAX),
            ("1.00000000000000000000000000", 2, 100),
            ("0e99999999999", 0, 0),
            ("00000000000000000000001", 0, 1),
            (".5", 1, 5),
            ("5.", 1, 50),
            ("-0", 1, 0),
        ] {
            assert_eq!(parse_unsigned(text.as_bytes(), decimals), Ok(mantissa), "{text}");
        }
    }

    #[test]
    fn a_level_that_does_not_fit_is_an_error_and_never_rounded() {
        for (text, decimals, error) in [
            ("0.001", 2, DecimalError::Inexact),
            ("1.00000000000000000000000001", 2, DecimalError::Inexact),
            ("1e-9", 8, DecimalError::Inexact),
            ("9223372036854775808", 0, DecimalError::Range),
            ("10", 18, DecimalError::Range),
            ("1", 200, DecimalError::Range),
            ("1e99999999999", 0, DecimalError::Range),
            ("", 0, DecimalError::Syntax),
            (".", 1, DecimalError::Syntax),
            ("-1", 0, DecimalError::Range),
            ("+1", 0, DecimalError::Syntax),
            ("1.2.3", 4, DecimalError::Syntax),
            ("1e", 4, DecimalError::Syntax),
            ("1e-", 4, DecimalError::Syntax),
            ("Infinity", 4, DecimalError::Syntax),
        ] {
            assert_eq!(parse_unsigned(text.as_bytes(), decimals), Err(error), "{text}");
        }
        assert_eq!(parse_unsigned(&[b'0'; 10_000], 0), Err(DecimalError::Range));
    }

    /// Both ways through the parser must say the same, at every length around the border.
    #[test]
    fn the_quick_way_agrees_with_the_slow_way() {
        let mut state: u64 = 7;
        println!("seed {state}");
        for _ in 0..50_000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let digits = 1 + (state >> 33) as usize % 21;
            let mut text: Vec<u8> =
                (0..digits).map(|n| b'0' + ((state >> (n % 13 * 4 + 8)) % 10) as u8).collect();
            if state & 3 != 0 {
                text.insert((state >> 40) as usize % (digits + 1), b'.');
            }
            let decimals = (state >> 50) as u8 % 19;
            assert_eq!(
                parse_i64(&text, decimals),
                parse_slowly(&text, decimals),
                "{} at {decimals}",
                String::from_utf8_lossy(&text)
            );
        }
    }

    #[test]
    fn printing_pads_and_refuses_to_cut() {
        for (mantissa, decimals, printed, text) in [
            (50_000_000, 8, 8, "0.50000000"),
            (50_000_000, 8, 1, "0.5"),
            (6_000_000, 2, 2, "60000.00"),
            (6_000_000, 2, 0, "60000"),
            (-5, 2, 2, "-0.05"),
            (0, 2, 0, "0"),
            (7, 0, 3, "7.000"),
        ] {
            let mut out = Vec::new();
            assert_eq!(write(&mut out, mantissa, decimals, printed), Ok(()));
            assert_eq!(String::from_utf8_lossy(&out), text);
        }
        let mut out = Vec::new();
        assert_eq!(write(&mut out, 123, 2, 1), Err(DecimalError::Inexact));
        assert!(out.is_empty());
        assert_eq!(write(&mut out, i128::MIN, 0, 200), Err(DecimalError::Range));
        assert_eq!(write(&mut out, i128::MIN, 255, 255), Ok(()));
        assert_eq!(write(&mut out, 0, 255, 255), Ok(()));
    }

    #[test]
    fn rescaling_is_exact_or_an_error() {
        assert_eq!(rescale(50_000_000, 8, 1), Ok(5));
        assert_eq!(rescale(5, 1, 8), Ok(50_000_000));
        assert_eq!(rescale(7, 3, 3), Ok(7));
        assert_eq!(rescale(51_000_000, 8, 1), Err(DecimalError::Inexact));
        assert_eq!(rescale(i64::MAX, 0, 1), Err(DecimalError::Range));
        assert_eq!(rescale(1, 0, 255), Err(DecimalError::Range));
    }

    #[test]
    fn what_is_printed_is_read_back() {
        let mut seed: u64 = 42;
        println!("seed {seed}");
        for _ in 0..10_000 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let mantissa = i128::from(seed as i64 >> (seed >> 58));
            let decimals = (seed >> 7) as u8 % 19;
            let mut out = Vec::new();
            assert_eq!(write(&mut out, mantissa, decimals, decimals), Ok(()));
            assert_eq!(parse(&out, decimals), Ok(mantissa));
        }
    }
}
