//! Decimal text to integer mantissas and back, without floats.
//!
//! A line belongs here if it only concerns digits. The range of a number is `instrument`.

/// Longest decimal text that is read, in bytes.
pub const DECIMAL_TEXT_MAX: usize = 40;

/// Why a decimal text cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecimalError {
    /// The text is not `digits[.digits]`. Signs and exponents are refused.
    #[error("not a decimal number")]
    Malformed,
    /// The text has more significant decimals than the mantissa.
    #[error("more than {0} decimals")]
    TooPrecise(u32),
    /// The number does not fit the mantissa.
    #[error("number too large")]
    TooLarge,
}

/// Reads `digits[.digits]` as a mantissa with `decimals` decimals. Trailing zeros are ignored.
///
/// # Errors
/// [`DecimalError`]; never panics on any text.
pub fn parse(text: &str, decimals: u32) -> Result<i64, DecimalError> {
    if text.is_empty() || text.len() > DECIMAL_TEXT_MAX {
        return Err(DecimalError::Malformed);
    }
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    if (whole.is_empty() && fraction.is_empty()) || !digits(whole) || !digits(fraction) {
        return Err(DecimalError::Malformed);
    }
    let fraction = fraction.trim_end_matches('0');
    let kept = decimals as usize;
    if fraction.len() > kept {
        return Err(DecimalError::TooPrecise(decimals));
    }
    let mut mantissa: i64 = 0;
    let padding = std::iter::repeat_n(b'0', kept - fraction.len());
    for byte in whole.bytes().chain(fraction.bytes()).chain(padding) {
        mantissa = mantissa
            .checked_mul(10)
            .and_then(|m| m.checked_add(i64::from(byte - b'0')))
            .ok_or(DecimalError::TooLarge)?;
    }
    Ok(mantissa)
}

/// Number of digits after the point, including trailing zeros.
pub fn written_decimals(text: &str) -> usize {
    text.split_once('.').map_or(0, |(_, fraction)| fraction.len())
}

/// Writes a mantissa of `decimals` decimals with exactly `shown` digits after the point.
///
/// Fewer shown digits truncate towards zero; additional ones are zeros.
pub fn format(mantissa: i128, decimals: u32, shown: u32) -> String {
    let negative = mantissa < 0;
    let digits = mantissa.unsigned_abs();
    let base = 10u128.pow(decimals.min(38));
    let (whole, fraction) = (digits / base, digits % base);
    let mut text = String::with_capacity(24);
    if negative {
        text.push('-');
    }
    text.push_str(&whole.to_string());
    if shown == 0 {
        return text;
    }
    text.push('.');
    let width = decimals as usize;
    let fraction = if width == 0 { String::new() } else { format!("{fraction:0width$}") };
    for place in 0..shown as usize {
        text.push(fraction.as_bytes().get(place).map_or('0', |&b| b as char));
    }
    text
}

/// Writes a mantissa without trailing zeros (`1`, `0.5`).
pub fn format_trimmed(mantissa: i128, decimals: u32) -> String {
    let text = format(mantissa, decimals, decimals);
    if text.contains('.') {
        return text.trim_end_matches('0').trim_end_matches('.').to_owned();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_mantissa_agree_both_ways() {
        for (text, decimals, mantissa, shown) in [
            ("60000.00", 8, 6_000_000_000_000, "60000.00000000"),
            ("0.5", 8, 50_000_000, "0.50000000"),
            (".5", 1, 5, "0.50000000"),
            ("7", 0, 7, "7.00000000"),
            ("1.10", 1, 11, "1.10000000"),
        ] {
            assert_eq!(parse(text, decimals), Ok(mantissa), "{text}");
            assert_eq!(format(i128::from(mantissa), decimals, 8), shown);
        }
        assert_eq!(format(-15, 1, 2), "-1.50");
        assert_eq!(format_trimmed(1_200, 2), "12");
        assert_eq!(format_trimmed(1_250, 2), "12.5");
    }

    #[test]
    fn what_is_no_number_or_does_not_fit_is_refused() {
        for text in ["", ".", "-1", "+1", "1e5", "1.2.3", "NaN", " 1", "1,0", "\u{ff11}"] {
            assert_eq!(parse(text, 8), Err(DecimalError::Malformed), "{text}");
        }
        assert_eq!(parse("0.000000001", 8), Err(DecimalError::TooPrecise(8)));
        assert_eq!(parse("99999999999999999", 8), Err(DecimalError::TooLarge));
        assert_eq!(parse(&"9".repeat(41), 0), Err(DecimalError::Malformed));
        assert_eq!(written_decimals("1.200"), 3);
    }
}
