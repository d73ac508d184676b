//! Decimal text of prices and quantities to integers, exactly and quickly.
//!
//! A line belongs here if it reads the text of one number of a book. No float, nothing rounded.

/// Powers of ten that fit an `i64`.
const POW10: [i64; 19] = {
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
    /// Not `digits[.digits][(e|E)[+|-]digits]` with at least one digit before any point.
    #[error("not an unsigned decimal number")]
    Syntax,
    /// It has a nonzero digit beyond the wanted decimals.
    #[error("more decimals than the instrument has")]
    Inexact,
    /// It does not fit an `i64`.
    #[error("number out of range")]
    Range,
}

/// The mantissa of an unsigned decimal `text` in units of 10^-`decimals`.
///
/// # Errors
/// [`DecimalError`]; trailing zeros beyond the decimals are fine.
pub fn parse(text: &[u8], decimals: u8) -> Result<i64, DecimalError> {
    // Up to 18 digits cannot overflow; that is every price and quantity seen so far.
    if text.len() > 19 {
        return parse_any(text, decimals);
    }
    let mut mantissa: i64 = 0;
    let mut point = text.len();
    for (at, byte) in text.iter().enumerate() {
        let digit = byte.wrapping_sub(b'0');
        if digit < 10 {
            if at == 18 && point == text.len() {
                return parse_any(text, decimals);
            }
            mantissa = mantissa * 10 + i64::from(digit);
        } else if *byte == b'.' && point == text.len() && at > 0 {
            point = at;
        } else {
            return parse_any(text, decimals);
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

/// Digits that any text may have; longer is not a number of this world.
const DIGITS_MAX: usize = 256;

/// The slow way for what is long or has an exponent.
#[cold]
fn parse_any(text: &[u8], decimals: u8) -> Result<i64, DecimalError> {
    if text.len() > DIGITS_MAX {
        return Err(DecimalError::Range);
    }
    let (number, exponent) = match text.iter().position(|b| matches!(b, b'e' | b'E')) {
        None => (text, 0),
        Some(at) => (&text[..at], parse_exponent(&text[at + 1..])?),
    };
    let (whole, fraction) = match number.iter().position(|b| *b == b'.') {
        None => (number, &[][..]),
        Some(at) => (&number[..at], &number[at + 1..]),
    };
    let digits = || whole.iter().chain(fraction);
    if whole.is_empty() || !digits().all(u8::is_ascii_digit) {
        return Err(DecimalError::Syntax);
    }
    // Digits up to `keep` count; those after it must be zero.
    let keep = whole.len() as i64 + exponent + i64::from(decimals);
    let mut mantissa: i64 = 0;
    for (at, digit) in digits().enumerate() {
        let digit = i64::from(digit - b'0');
        if at as i64 >= keep {
            if digit != 0 {
                return Err(DecimalError::Inexact);
            }
        } else {
            let next = mantissa.checked_mul(10).and_then(|m| m.checked_add(digit));
            mantissa = next.ok_or(DecimalError::Range)?;
        }
    }
    let missing = keep - (whole.len() + fraction.len()) as i64;
    if missing <= 0 || mantissa == 0 {
        return Ok(mantissa);
    }
    let factor = POW10.get(missing as usize).ok_or(DecimalError::Range)?;
    mantissa.checked_mul(*factor).ok_or(DecimalError::Range)
}

fn parse_exponent(text: &[u8]) -> Result<i64, DecimalError> {
    let (negative, digits) = match text.split_first() {
        Some((b'-', digits)) => (true, digits),
        Some((b'+', digits)) => (false, digits),
        _ => (false, text),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(DecimalError::Syntax);
    }
    // Saturates far beyond any exponent that yields an i64.
    let value = digits.iter().fold(0i64, |v, d| (v * 10 + i64::from(d - b'0')).min(1_000_000));
    Ok(if negative { -value } else { value })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimal_text_becomes_its_exact_mantissa() {
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
        ] {
            assert_eq!(parse(text.as_bytes(), decimals), Ok(mantissa), "{text}");
        }
    }

    #[test]
    fn what_does_not_fit_is_an_error_and_never_rounded() {
        for (text, decimals, error) in [
            ("0.001", 2, DecimalError::Inexact),
            ("1.00000000000000000000000001", 2, DecimalError::Inexact),
            ("1e-9", 8, DecimalError::Inexact),
            ("9223372036854775808", 0, DecimalError::Range),
            ("10", 18, DecimalError::Range),
            ("1", 200, DecimalError::Range),
            ("1e99999999999", 0, DecimalError::Range),
            ("", 0, DecimalError::Syntax),
            (".5", 1, DecimalError::Syntax),
            (".", 1, DecimalError::Syntax),
            ("-1", 0, DecimalError::Syntax),
            ("+1", 0, DecimalError::Syntax),
            ("1.2.3", 4, DecimalError::Syntax),
            ("1e", 4, DecimalError::Syntax),
            ("1e-", 4, DecimalError::Syntax),
            ("Infinity", 4, DecimalError::Syntax),
        ] {
            assert_eq!(parse(text.as_bytes(), decimals), Err(error), "{text}");
        }
        assert_eq!(parse(&[b'0'; 10_000], 0), Err(DecimalError::Range));
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
                text.insert(1 + (state >> 40) as usize % digits, b'.');
            }
            let decimals = (state >> 50) as u8 % 19;
            assert_eq!(
                parse(&text, decimals),
                parse_any(&text, decimals),
                "{} at {decimals}",
                String::from_utf8_lossy(&text)
            );
        }
    }
}
